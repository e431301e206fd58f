//! Histories that are kept beside an index: a real one with any bytes changed, or any bytes behind a right header, with the checksum set again,
//! is refused or read, never a panic, and each line that a text has is there. What was read is written and read again as it is.
#![no_main]

use std::sync::LazyLock;

use agentpkg::domain::digest::ObjectId;
use agentpkg::git::{Given, PastFiles};
use agentpkg::store::index::{Past, set_past_checksum};
use libfuzzer_sys::fuzz_target;

/// The length of the magic, the format and the checksum.
const HEADER: usize = 20;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let blob = |number: u8| ObjectId::of_blob(&[number]);
    let given = |number: u8| Given {
        commit: blob(100 + number),
        has_parent: number > 0,
        files: (0..=number % 4).map(|file| (format!("agents/{file}.md"), blob(number + file))).collect(),
    };
    let mut past = Past::default();
    past.files = PastFiles { commits: (0..6).rev().map(given).collect(), is_whole: true };
    // The last texts were never read.
    for number in 0..7 {
        let lines = (0..number).map(|line| format!("line {line}\n\nAll have this.\n"));
        past.learn(blob(number), lines.collect::<String>().as_bytes());
    }
    past.to_bytes()
});

fn ask(mut bytes: Vec<u8>) {
    set_past_checksum(&mut bytes);
    let Some(past) = Past::of_bytes(&bytes) else { return };
    let files = || past.files.commits.iter().flat_map(|given| &given.files);
    for (_, blob) in files() {
        let lines = past.text(*blob).unwrap_or_default();
        assert!(lines.iter().all(|line| (*line as usize) < past.lines().len()));
    }
    let written = past.to_bytes();
    let again = Past::of_bytes(&written).expect("what is written can be read");
    assert_eq!(again.files, past.files);
    for (_, blob) in files() {
        assert_eq!(again.text(*blob).map(<[u32]>::len), past.text(*blob).map(<[u32]>::len));
    }
    assert_eq!(again.to_bytes(), written);
}

fuzz_target!(|bytes: &[u8]| {
    let mut changed = WHOLE.clone();
    for change in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
        changed[at] = change[2];
    }
    ask(changed);
    ask([&WHOLE[..HEADER], bytes].concat());
});

use proptest::prelude::*;

use super::*;

fn id(number: u8) -> ObjectId {
    ObjectId::of_blob(&[number])
}

/// The text of a blob.
fn text(number: u8) -> Vec<u8> {
    let lines = (0..number % 7).map(|line| format!("line {}\n\nAll have this.\n", line * number));
    lines.collect::<String>().into_bytes()
}

/// Commits by number, each with whether it has a parent, and the numbers of files and blobs.
type Commits = Vec<(u8, bool, Vec<(u8, u8)>)>;

fn given() -> impl Strategy<Value = Commits> {
    let files = prop::collection::vec((0..9_u8, 0..30_u8), 0..5);
    prop::collection::vec((any::<u8>(), any::<bool>(), files), 0..8)
}

fn files(given: &Commits, is_whole: bool) -> PastFiles {
    let commits = given.iter().map(|(commit, has_parent, files)| Given {
        commit: id(*commit),
        has_parent: *has_parent,
        files: (files.iter())
            .map(|(path, blob)| (format!("agents/é{path}.md"), id(*blob)))
            .collect(),
    });
    PastFiles {
        commits: commits.collect(),
        is_whole,
    }
}

/// Reads all texts except those of some blobs.
fn read(past: &mut Past, lost: u8) {
    for blob in past.unread(&|_| true) {
        let number = (0..30).find(|number| id(*number) == blob).unwrap();
        if number != lost {
            past.learn(blob, &text(number));
        }
    }
}

fn full(given: &Commits, lost: u8) -> Past {
    let mut past = Past::default().at(id(0), files(given, true));
    read(&mut past, lost);
    past
}

/// The hashes of the lines of a text.
fn lines_of(past: &Past, blob: ObjectId) -> Option<Lines> {
    let numbers = past.text(blob)?.iter();
    let mut lines: Lines = numbers.map(|line| past.lines()[*line as usize]).collect();
    lines.sort_unstable();
    Some(lines)
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(given in given(), lost in 0..30_u8) {
        let past = full(&given, lost);
        let bytes = past.to_bytes();
        let found = Past::of_bytes(&bytes).unwrap();
        prop_assert_eq!((found.commit(), &found.files), (past.commit(), &past.files));
        for number in 0..30 {
            let blob = id(number);
            prop_assert_eq!(lines_of(&found, blob), lines_of(&past, blob));
            if let Some(lines) = lines_of(&found, blob) {
                prop_assert_eq!(lines, lineage::lines(&text(number)));
            }
        }
        prop_assert_eq!(found.to_bytes(), bytes);
    }

    #[test]
    fn what_was_known_before_changes_nothing(before in given(), now in given(), lost in 0..30_u8) {
        let before = Past::of_bytes(&full(&before, 255).to_bytes()).unwrap();
        let mut made = before.at(id(0), files(&now, true));
        read(&mut made, 255);
        prop_assert_eq!(made.to_bytes(), full(&now, 255).to_bytes());
        // Nor does when a text came.
        let mut late = Past::of_bytes(&full(&now, lost).to_bytes()).unwrap();
        read(&mut late, 255);
        prop_assert_eq!(late.to_bytes(), made.to_bytes());
    }

    #[test]
    fn no_byte_can_change(given in given(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = full(&given, 255).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Past::of_bytes(&bytes).is_none());
        bytes.truncate(at);
        prop_assert!(Past::of_bytes(&bytes).is_none());
    }

    /// What has the right checksum all the same is read without a panic, and never has a line that it does not have.
    #[test]
    fn any_bytes_are_read_or_refused(
        given in given(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = full(&given, 255).to_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        set_checksum(&mut bytes);
        if let Some(past) = Past::of_bytes(&bytes) {
            for (_, blob) in past.files.commits.iter().flat_map(|given| &given.files) {
                let _ = lines_of(&past, *blob);
            }
            let _ = past.to_bytes();
        }
    }
}

#[test]
fn numbers_are_as_long_as_they_need() {
    for number in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX as usize] {
        let mut bytes = Vec::new();
        push(&mut bytes, number);
        let mut rest = Reader(&bytes);
        assert_eq!((rest.number(), rest.0.len()), (Some(number), 0));
    }
    assert_eq!(Reader(&[0xff; 9]).number(), None);
}

#[test]
fn the_hash_of_a_line_never_changes() {
    // Indexes that are there would answer wrongly: raise `FORMAT` with it.
    assert_eq!(
        lineage::lines(b"  one\n\n\tAnother line, which is longer.\r\n"),
        [8_720_482_389_671_998_482, 13_831_266_367_515_983_905]
    );
    assert_eq!(FORMAT, 1);
}

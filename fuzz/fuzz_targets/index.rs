//! Index files: a real one with any bytes changed and the checksums set again is refused or answered from, never a panic, never a read past
//! the end. So are any bytes.
#![no_main]

use std::sync::LazyLock;

use agentpkg::domain::digest::ObjectId;
use agentpkg::domain::discovery::IndexEntry;
use agentpkg::domain::discovery::kinds::Kind;
use agentpkg::domain::name::AgentName;
use agentpkg::store::index::{IndexFile, Query, set_checksums};
use libfuzzer_sys::fuzz_target;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let entry = |number: u8| IndexEntry {
        name: AgentName::new(&format!("agent-{}", number / 2)).expect("it is a name"),
        title: format!("Agent {number}"),
        description: "Plans and tests".to_owned(),
        file: format!("agents/{number}.md"),
        blob: ObjectId::of_blob(&[number]),
        loads: true,
        tools: (number % 3 > 0).then(|| vec!["Read".to_owned()]),
        servers: vec!["context7".to_owned()],
        tags: vec!["code review".to_owned()],
        kind: Kind::Folder,
        is_behind: number % 5 == 0,
    };
    let entries: Vec<IndexEntry> = (0..12).map(entry).collect();
    let index = IndexFile::in_memory(&entries);
    index.as_bytes().expect("it is in memory").to_vec()
});

fn ask(bytes: Vec<u8>) {
    let Some(index) = IndexFile::of_bytes(bytes, None) else { return };
    let _ = (index.is_sound(), index.entries().count(), index.behind().count());
    let _ = (index.named("agent-1"), index.beginning_with("a", 3), index.names(), index.alike("agnet-1", 9));
    let _ = index.beginnings(0..12, &|name| name.len().min(2), 9);
    for text in ["agent", "plans tests", "plnas tests", "zz", ""] {
        let query = Query { text: text.to_owned(), tool: Some("read".to_owned()), limit: 5, ..Query::default() };
        let _ = (index.search(&query), index.search(&Query { tool: None, ..query }));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut changed = WHOLE.clone();
    for change in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
        changed[at] = change[2];
    }
    set_checksums(&mut changed);
    ask(changed);
    ask(bytes.to_vec());
});

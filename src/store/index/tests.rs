use proptest::prelude::*;

use super::*;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::kinds::Kind;
use crate::domain::name::AgentName;

fn entry(name: &str, description: &str, file: &str) -> IndexEntry {
    IndexEntry {
        name: AgentName::new(name).unwrap(),
        title: name.replace('-', " "),
        description: description.to_owned(),
        file: file.to_owned(),
        blob: ObjectId::of_blob(file.as_bytes()),
        loads: true,
        tools: Some(vec!["Read".to_owned(), "Bash(git *)".to_owned()]),
        servers: Vec::new(),
        tags: Vec::new(),
        kind: Kind::Folder,
        is_behind: false,
    }
}

fn some() -> Vec<IndexEntry> {
    let mut list = vec![
        entry(
            "backend-architect",
            "Designs APIs and databases",
            "agents/backend-architect.md",
        ),
        entry("Backend-Tester", "Tests servers", "agents/tester.md"),
        entry("planner", "Plans backend work", "agents/planner.md"),
        entry("planner", "Plans other work", "other/planner.md"),
        entry("writer", "Writes Überschriften", "agents/writer.md"),
    ];
    list[2].tools = None;
    list[4].servers = vec!["context7".to_owned()];
    list[4].tags = vec!["code review".to_owned(), "docs".to_owned()];
    list
}

fn sorted(mut entries: Vec<IndexEntry>) -> Vec<IndexEntry> {
    entries.sort_by_key(|entry| (entry.name.folded(), entry.file.clone()));
    entries
}

#[test]
fn a_file_answers_like_the_list_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let all = some();
    let entries: Vec<(&IndexEntry, u64)> = (7..)
        .zip(&all)
        .map(|(stamp, entry)| (entry, stamp))
        .collect();
    let index = IndexFile::write(
        &path,
        "abc",
        &image("abc", &entries, b"meta".to_vec()),
        false,
    )
    .unwrap()
    .unwrap();
    assert!(index.is_sound() && IndexFile::open(&path, Some("abd"), &Damage::default()).is_none());
    assert_eq!(index.meta().unwrap(), b"meta");
    assert_eq!(index.entries().collect::<Vec<_>>(), sorted(some()));
    assert_eq!(index.stamped(0).unwrap().1, 7);
    let (file, list) = (
        Offered::Indexed(Box::new(index)),
        Offered::Listed(sorted(some())),
    );
    for name in [
        "planner",
        "PLANNER",
        "backend-tester",
        "Backend-Tester",
        "tester",
        "backend architect",
        "nobody",
        "",
    ] {
        assert_eq!(file.find(name), list.find(name), "{name}");
    }
    for path in ["agents/tester.md", "other/planner.md", "no.md"] {
        assert_eq!(file.find_file(path), list.find_file(path));
        let blob = ObjectId::of_blob(path.as_bytes());
        assert_eq!(file.find_blob(blob), list.find_blob(blob));
    }
    assert_eq!(file.folded_names(), list.folded_names());
    assert_eq!(file.alike("backend-architct")[0].1, "backend-architect");
}

#[test]
fn a_seal_holds_until_somebody_changes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let all = some();
    let entries: Vec<(&IndexEntry, u64)> = all.iter().map(|entry| (entry, 1)).collect();
    let image = image("abc", &entries, Vec::new());
    let sealed = seal(image.body_check);
    assert!(
        IndexFile::write(&path, "abc", &image, true)
            .unwrap()
            .is_some()
    );
    assert_eq!(RandomFile::open(&path).unwrap().modified(), Some(sealed));
    let mut bytes = image.to_bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::replace(&path, &bytes, false).unwrap();
    assert!(
        IndexFile::open(&path, Some("abc"), &Damage::default()).is_none(),
        "without a seal all of it is checked"
    );
    fs::set_modified(&path, sealed).unwrap();
    assert!(
        IndexFile::open(&path, Some("abc"), &Damage::default()).is_none(),
        "nor does a seal vouch for a small file"
    );
    // A file that was written without waiting for the disk is sealed when it is checked later.
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::replace(&path, &image.to_bytes(), false).unwrap();
    assert!(
        IndexFile::open(&path, Some("abc"), &Damage::default()).is_some()
            && RandomFile::open(&path).unwrap().modified() != Some(sealed)
    );
    fs::set_modified(&path, long_ago).unwrap();
    assert!(
        IndexFile::open(&path, Some("abc"), &Damage::default()).is_some()
            && RandomFile::open(&path).unwrap().modified() == Some(sealed)
    );
}

/// What some questions are answered with; each reads only a part of the index.
fn answers(index: &IndexFile) -> Vec<String> {
    let search = |text: &str| {
        let query = Query {
            text: text.to_owned(),
            limit: 5,
            ..Query::default()
        };
        let found = index.search(&query);
        let entries = found.rows.iter().map(|(row, _)| index.entry(*row));
        format!("{} {:?}", found.total, entries.collect::<Vec<_>>())
    };
    let mut answers: Vec<String> = ["agent-01", "word77", "agent-1234"].map(search).to_vec();
    answers.push(format!("{:?}", index.named("agent-0815")));
    answers.push(format!("{:?}", index.beginning_with("agent-050", 10)));
    answers.push(format!("{:?}", index.at("agents/agent-1999.md")));
    answers
}

#[test]
fn a_damaged_part_of_a_large_file_is_noticed_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let all: Vec<IndexEntry> = (0..2_000)
        .map(|number| {
            let words = format!("word{} ", number % 100).repeat(60);
            let name = format!("agent-{number:04}");
            entry(&name, &words, &format!("agents/{name}.md"))
        })
        .collect();
    let entries: Vec<(&IndexEntry, u64)> = all.iter().map(|entry| (entry, 1)).collect();
    let image = image("abc", &entries, b"{}".to_vec());
    let (whole, sealed) = (image.to_bytes(), seal(image.body_check));
    assert!(whole.len() as u64 > SMALL, "{}", whole.len());
    let place = |bytes: &[u8]| {
        fs::replace(&path, bytes, false).unwrap();
        fs::set_modified(&path, sealed).unwrap();
        let damage = Damage::default();
        (IndexFile::open(&path, Some("abc"), &damage), damage)
    };
    let (index, damage) = place(&whole);
    let expected = answers(&index.unwrap());
    assert!(damage.failure().is_none());
    let mut noticed = [0; 3];
    for kind in 0..257 {
        let mut bytes = whole.clone();
        // The first places are in the header; the others are everywhere.
        let at = if kind < 20 {
            kind * 9
        } else {
            bytes.len() / 257 * kind
        };
        bytes[at] ^= 1 << (kind % 8);
        let (index, damage) = place(&bytes);
        let Some(index) = index else {
            noticed[0] += 1;
            continue;
        };
        let answers = answers(&index);
        if damage.failure().is_some() {
            noticed[1] += 1;
            assert!(!path.exists(), "what is damaged is removed");
        } else {
            noticed[2] += 1;
            assert_eq!(answers, expected, "a byte changed at {at}");
        }
        assert!(!index.is_sound(), "a byte changed at {at}");
    }
    // Some are noticed at once, some when they are read; many were not read.
    assert!(noticed.iter().all(|count| *count > 9), "{noticed:?}");
}

fn found(query: &Query) -> Vec<(String, Tier)> {
    let (found, total) = Offered::Listed(some()).search(query);
    assert!(found.len() <= total);
    found
        .into_iter()
        .map(|(entry, tier)| (entry.file, tier))
        .collect()
}

fn ask(text: &str) -> Vec<(String, Tier)> {
    found(&Query {
        text: text.to_owned(),
        limit: 10,
        ..Query::default()
    })
}

#[test]
fn a_search_goes_from_the_name_to_what_looks_alike() {
    let files = |list: &[(&str, Tier)]| {
        list.iter()
            .map(|(file, tier)| ((*file).to_owned(), *tier))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ask("backend"),
        files(&[
            ("agents/backend-architect.md", Tier::Prefix),
            ("agents/tester.md", Tier::Prefix),
            ("agents/planner.md", Tier::Description)
        ])
    );
    assert_eq!(
        ask("backend architect"),
        files(&[("agents/backend-architect.md", Tier::Exact)])
    );
    assert_eq!(
        ask("architect"),
        files(&[("agents/backend-architect.md", Tier::Name)])
    );
    assert_eq!(
        ask("plans other"),
        files(&[("other/planner.md", Tier::Description)])
    );
    assert_eq!(
        ask("überschr"),
        files(&[("agents/writer.md", Tier::Description)])
    );
    assert_eq!(
        ask("code review"),
        files(&[("agents/writer.md", Tier::Description)])
    );
    assert_eq!(
        ask("plannr"),
        files(&[
            ("agents/planner.md", Tier::Alike),
            ("other/planner.md", Tier::Alike)
        ])
    );
    assert_eq!(
        ask("bkndarch"),
        files(&[("agents/backend-architect.md", Tier::Alike)])
    );
    assert_eq!(ask("zzz"), []);
    let with = |tool: Option<&str>, server: Option<&str>| {
        found(&Query {
            tool: tool.map(str::to_owned),
            servers: server.map(str::to_owned).into_iter().collect(),
            limit: 10,
            ..Query::default()
        })
        .len()
    };
    assert_eq!(
        (
            with(Some("bash"), None),
            with(Some("write"), None),
            with(None, Some("context7")),
            with(None, Some("x"))
        ),
        (5, 1, 1, 0)
    );
}

/// An entry that differs slightly from seed to seed, in one of a few files.
fn made((file, seed): (u8, u16)) -> (IndexEntry, u64) {
    let names = ["planner", "Planner", "backend-architect", "a", "zeta"];
    let name = names[usize::from(seed) % names.len()];
    let mut entry = entry(
        name,
        &format!("Word{} and word{}, ä{name}", seed % 7, seed % 11),
        &format!("agents/f{file}.md"),
    );
    entry.blob = ObjectId::of_blob(&seed.to_le_bytes());
    entry.title = format!("{name} {}", seed % 3);
    entry.tools = (!seed.is_multiple_of(4)).then(|| vec![format!("Tool{}", seed % 5)]);
    entry.servers = if seed.is_multiple_of(3) {
        vec![format!("server{}", seed % 2)]
    } else {
        Vec::new()
    };
    (entry, u64::from(seed) + 1)
}

fn bytes_of(key: &str, entries: &[(&IndexEntry, u64)], meta: &[u8]) -> Vec<u8> {
    image(key, entries, meta.to_vec()).to_bytes()
}

fn bytes_of_all(key: &str, entries: &[(IndexEntry, u64)], meta: &[u8]) -> Vec<u8> {
    bytes_of(
        key,
        &entries
            .iter()
            .map(|(entry, stamp)| (entry, *stamp))
            .collect::<Vec<_>>(),
        meta,
    )
}

proptest! {
    #[test]
    fn an_amended_index_is_the_one_made_anew(
        before in prop::collection::btree_map(0..40_u8, any::<u16>(), 0..30),
        after in prop::collection::btree_map(0..40_u8, any::<Option<u16>>(), 0..12),
    ) {
        let all: Vec<_> = before.clone().into_iter().map(made).collect();
        let index = IndexFile::of_bytes(bytes_of_all("before", &all, b"[]"), Some("before")).unwrap();
        let gone: Vec<String> = after.keys().map(|file| format!("agents/f{file}.md")).collect();
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        let new: Vec<_> = after.iter().filter_map(|(file, seed)| Some(made((*file, (*seed)?)))).collect();
        let mut expected = before;
        for (file, seed) in after {
            expected.remove(&file);
            expected.extend(seed.map(|seed| (file, seed)));
        }
        let expected: Vec<_> = expected.into_iter().map(made).collect();
        let amended = index.amended("after", &gone, &new, b"{}".to_vec()).map(|image| image.to_bytes());
        prop_assert_eq!(amended, Some(bytes_of_all("after", &expected, b"{}")));
    }

    #[test]
    fn damage_is_noticed_or_does_no_harm(at in any::<prop::sample::Index>(), flip in 1..=255_u8, cut in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let all = some();
        let entries: Vec<(&IndexEntry, u64)> = all.iter().map(|entry| (entry, 1)).collect();
        let mut bytes = bytes_of("abc", &entries, b"{}");
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        } else {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        fs::write_new(&path, &bytes, false).unwrap();
        prop_assert!(IndexFile::open(&path, Some("abc"), &Damage::default()).is_none(), "the checksum is over everything");
        if let Some(index) = IndexFile::of_bytes(bytes, Some("abc")) {
            prop_assert!(!is_cut && !index.is_sound(), "the checksum is over everything");
            // Even without checking everything, nothing is read that is not there.
            for query in ["backend", "plannr", "plans"] {
                let _ = index.search(&Query { text: query.to_owned(), limit: 10, ..Query::default() });
            }
            let known = some();
            prop_assert!(index.entries().all(|entry| known.contains(&entry)), "a record is whole or left out");
            let _ = (index.named("planner"), index.keyed(Key::File, "agents/planner.md"), index.meta(), index.beginning_with("b", 9));
        }
    }

    #[test]
    fn a_search_counts_what_a_look_at_all_finds(
        names in prop::collection::btree_set("[ab]{1,2}(-[ab]{1,2}){0,2}", 1..40),
        text in "[ab]{1,2}(-[ab]{0,2}){0,1}",
        limit in 1..9_usize,
        is_filtered in any::<bool>(),
    ) {
        let all: Vec<IndexEntry> = names.iter().enumerate().map(|(number, name)| {
            let mut entry = entry(name, "zz", &format!("{name}.md"));
            entry.tools = Some(vec![if number % 3 == 0 { "Bash" } else { "Read" }.to_owned()]);
            entry
        }).collect();
        let index = IndexFile::in_memory(&all);
        let query = Query { text: text.clone(), tool: is_filtered.then(|| "bash".to_owned()), limit, ..Query::default() };
        let found = index.search(&query);
        let is_left = |entry: &IndexEntry| !is_filtered || entry.tools.as_ref().is_some_and(|tools| tools[0] == "Bash");
        let words: Vec<&str> = text.split('-').filter(|word| word.len() > 1).collect();
        let is_meant = |entry: &&IndexEntry| {
            let name = entry.name.as_str();
            let has_words = !words.is_empty() && words.iter().all(|word| name.split('-').any(|part| part == *word));
            is_left(entry) && (name.starts_with(&text) || has_words)
        };
        let meant = all.iter().filter(is_meant).count();
        let is_alike = found.rows.first().is_some_and(|(_, tier)| *tier == Tier::Alike);
        prop_assert!(is_alike && meant == 0 || found.total == meant, "{found:?}, not {meant}");
        prop_assert_eq!(found.rows.len(), found.total.min(limit));
        prop_assert!(found.rows.is_sorted_by_key(|(_, tier)| *tier));
        let rows: std::collections::BTreeSet<u32> = found.rows.iter().map(|(row, _)| *row).collect();
        prop_assert_eq!(rows.len(), found.rows.len());
        let range = index.beginning_so(&text);
        prop_assert_eq!(range.len(), names.iter().filter(|name| name.starts_with(&text)).count());
        // Every name has one of the beginnings, and no more are counted than there are.
        for end in [&|name: &str| name.find('-').map_or(name.len(), |at| at + 1), &|_: &str| 1] as [&dyn Fn(&str) -> usize; 2] {
            let all = index.beginnings(0..u32::try_from(names.len()).unwrap(), end, usize::MAX).unwrap();
            prop_assert_eq!(all.iter().map(|(_, rows)| rows.len()).sum::<usize>(), names.len());
            prop_assert!(names.iter().all(|name| all.iter().any(|(beginning, _)| name.starts_with(beginning))));
            prop_assert!(index.beginnings(0..u32::try_from(names.len()).unwrap(), end, all.len() - 1).is_none());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let all = some();
        let mut whole = bytes_of("abc", &all.iter().map(|entry| (entry, 1)).collect::<Vec<_>>(), b"{}");
        let body = &mut whole[HEADER..];
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        set_checksums(&mut whole);
        prop_assert!(IndexFile::of_bytes(whole.clone(), None).is_some());
        for bytes in [bytes, whole] {
            if let Some(index) = IndexFile::of_bytes(bytes, None) {
                for text in ["backend", "ab", "wri", "servers apis", ""] {
                    let _ = (index.search(&Query { text: text.to_owned(), limit: 3, ..Query::default() }), index.beginning_with(text, 2));
                }
                let beginnings = index.beginnings(0..5, &|name| name.len().min(1), 9);
                let _ = (beginnings, index.entries().count(), index.named("planner"), index.keyed(Key::Stem, "tester"), index.names());
                let _ = index.amended("def", &["agents/tester.md"], &[(all[0].clone(), 2)], Vec::new()).map(|image| image.to_bytes());
            }
        }
    }
}

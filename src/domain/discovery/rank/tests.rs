//! Which agent a name means, and that it is the same whether everything is read or as little as possible.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::plugins::MARKETPLACE;
use crate::domain::discovery::{Finding, examine, is_candidate};

/// A source: its files, and what its marketplace says.
struct Source {
    files: Vec<(String, String)>,
    plugins: Plugins,
}

impl Source {
    fn new(files: &[(&str, &str)]) -> Self {
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
            .collect();
        let text = |path: &str| {
            let found = files.iter().find(|(file, _)| file == path);
            found.map(|(_, text)| text.clone())
        };
        let plugins = Plugins::of(std::iter::empty(), &text);
        Self { files, plugins }
    }

    fn candidates(&self) -> Vec<&str> {
        let files = self.files.iter().map(|(file, _)| file.as_str());
        files
            .filter(|file| is_candidate(file, EXTENSION, &self.plugins))
            .collect()
    }

    fn read(&self, file: &str) -> Option<IndexEntry> {
        let (_, text) = self.files.iter().find(|(known, _)| known == file)?;
        let blob = ObjectId::of_blob(text.as_bytes());
        match examine(file, blob, text.as_bytes(), &self.plugins, &|_| None) {
            Finding::Agent(entry) => Some(entry),
            _ => None,
        }
    }

    /// What a name means if everything is read.
    fn whole(&self, name: &str) -> Meant {
        let (mut entries, mut nothing) = (Vec::new(), Vec::new());
        for file in self.candidates() {
            match self.read(file) {
                Some(entry) => entries.push(entry),
                None => nothing.push(file),
            }
        }
        assign(&mut entries, nothing.into_iter(), &self.plugins);
        settle(&mut entries);
        entries.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
        let sought = sought(name);
        entries.retain(|entry| Some(entry.name.folded()) == sought);
        meant(name, entries)
    }

    /// What it means if only what is asked for is read, and how many files that are.
    fn asked(&self, name: &str, known: BTreeSet<String>) -> (Meant, usize) {
        let read = RefCell::new(known);
        loop {
            let found = |file: &str| read.borrow().contains(file).then(|| self.read(file));
            match ask(name, &self.candidates(), &self.plugins, &found) {
                Answer::Meant(meant) => return (meant, read.borrow().len()),
                Answer::Read(files) => {
                    let before = read.borrow().len();
                    read.borrow_mut().extend(files);
                    assert!(read.borrow().len() > before, "it asks for what is known");
                }
            }
        }
    }
}

/// The files of the agents, and of those behind them.
fn told(meant: &Meant) -> (Vec<&str>, Vec<&str>) {
    (
        meant
            .agents
            .iter()
            .map(|entry| entry.file.as_str())
            .collect(),
        meant
            .others
            .iter()
            .map(|entry| entry.file.as_str())
            .collect(),
    )
}

fn agent(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: d\n---\n{body}\n")
}

#[test]
fn the_best_copy_of_a_name_is_meant() {
    let (x, y, z) = (agent("a", "x"), agent("a", "y"), agent("a", "z"));
    let other = agent("b", "b");
    let market = r#"{"plugins": [{"name": "p", "source": "./p"}]}"#;
    let plain = "Some words.\n".to_owned();
    let empty = Vec::<&str>::new;
    for (shape, read, agents, behind) in [
        // A plugin's own agent before all copies.
        (
            vec![("p/agents/a.md", &x), ("agents/a.md", &y), ("old/a.md", &z)],
            3,
            vec!["p/agents/a.md"],
            vec!["agents/a.md", "old/a.md"],
        ),
        // Equal bytes are one agent, and no other copy.
        (
            vec![("p/agents/a.md", &x), ("agents/a.md", &x)],
            2,
            vec!["p/agents/a.md"],
            empty(),
        ),
        // A plugin's file of another name does not have to be read.
        (
            vec![
                ("p/agents/b.md", &other),
                ("p/agents/c.md", &y),
                ("agents/a.md", &x),
            ],
            1,
            vec!["agents/a.md"],
            empty(),
        ),
        // No plugin and no folder: everything is read.
        (
            vec![("one/a.md", &x), ("two/b.md", &other)],
            2,
            vec!["one/a.md"],
            empty(),
        ),
        // Several with different bytes in one step.
        (
            vec![("one/agents/a.md", &x), ("two/agents/a.md", &y)],
            2,
            vec!["one/agents/a.md", "two/agents/a.md"],
            empty(),
        ),
        // The same, where a plugin has one under another file name.
        (
            vec![
                ("one/agents/a.md", &x),
                ("two/agents/a.md", &y),
                ("p/agents/z.md", &z),
            ],
            3,
            vec!["p/agents/z.md"],
            vec!["one/agents/a.md", "two/agents/a.md"],
        ),
        // Files that are named after the agent before others.
        (
            vec![("x/agents/c.md", &y), ("x/agents/a.md", &x)],
            1,
            vec!["x/agents/a.md"],
            empty(),
        ),
        // A stem that differs from its `name:` does not count.
        (
            vec![("agents/a.md", &other), ("agents/b.md", &other)],
            2,
            empty(),
            empty(),
        ),
        // A translation stands behind its original.
        (
            vec![("docs/ja/agents/a.md", &y), ("agents/a.md", &x)],
            2,
            vec!["agents/a.md"],
            vec!["docs/ja/agents/a.md"],
        ),
        // A plugin's file needs no frontmatter.
        (
            vec![("p/agents/a.md", &plain), ("agents/a.md", &x)],
            2,
            vec!["p/agents/a.md"],
            vec!["agents/a.md"],
        ),
    ] {
        let mut all: Vec<(&str, &str)> = shape
            .iter()
            .map(|(file, text)| (*file, text.as_str()))
            .collect();
        all.push((MARKETPLACE, market));
        let source = Source::new(&all);
        let (asked, count) = source.asked("a", BTreeSet::new());
        assert_eq!(told(&asked), (agents, behind), "{shape:?}");
        assert_eq!(count, read, "{shape:?}");
        assert_eq!(told(&source.whole("a")), told(&asked), "{shape:?}");
    }
}

const FOLDERS: [&str; 9] = [
    "p/agents/",
    "q/agents/",
    "agents/",
    ".claude/agents/",
    "docs/zh/agents/",
    "lib/",
    "",
    ".kiro/agents/",
    "skills/x/",
];

proptest! {
    #[test]
    fn the_answer_does_not_depend_on_what_was_read(
        files in prop::collection::btree_map((0..FOLDERS.len(), "[abA]"), ("[abA]?", 0..3_u8), 1..14),
        known in prop::collection::vec(any::<bool>(), 14),
    ) {
        let files: Vec<(String, String)> = files.into_iter().map(|((folder, stem), (name, body))| {
            let text = match (name.as_str(), body) {
                ("", _) => format!("# {stem}\n\nWords {body}.\n"),
                (name, body) => agent(name, &body.to_string()),
            };
            (format!("{}{stem}.md", FOLDERS[folder]), text)
        }).collect();
        let mut all: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        all.push((MARKETPLACE, r#"{"plugins": [{"name": "p", "source": "./p"}]}"#));
        let source = Source::new(&all);
        let some = files.iter().zip(&known).filter(|(_, is_known)| **is_known).map(|((file, _), _)| file.clone());
        let (some, whole): (BTreeSet<String>, BTreeSet<String>) = (some.collect(), files.iter().map(|(file, _)| file.clone()).collect());
        for name in ["a", "b", "A"] {
            let meant = source.whole(name);
            for read in [BTreeSet::new(), some.clone(), whole.clone()] {
                let (asked, _) = source.asked(name, read);
                prop_assert_eq!(told(&asked), told(&meant), "{} in {:?}", name, files);
            }
        }
    }
}

//! The laws of overrides, as property tests over items as an update makes them.

use proptest::prelude::*;

use super::item::Item;
use crate::domain::capability::Capabilities;
use crate::domain::definition::Definition;
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::folder::Folder;
use crate::domain::name::AgentName;
use crate::domain::overrides::{LISTS, Overrides};
use crate::merge::{Options, Unit, merge_with};
use crate::ops::candidate::{Candidate, as_written};
use crate::store::lockfile::LockedAgent;

/// How many cases each law is tested with; `AGENTPKG_LAW_CASES` sets another number.
#[expect(
    clippy::disallowed_methods,
    reason = "a test may look at the environment"
)]
fn config() -> ProptestConfig {
    let cases = std::env::var("AGENTPKG_LAW_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok());
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases.unwrap_or(3_000))
    }
}

fn text() -> impl Strategy<Value = String> {
    let one = |values: &'static [&'static str]| prop::sample::select(values);
    let model = one(&["", "model: opus\n", "model: sonnet\n", "model: \"haiku\"\n"]);
    let description = one(&[
        "Plans. Asks.",
        "Plans all. Asks.",
        "Plans. Asks first.",
        "\"Plans: asks.\"",
    ]);
    let tools = one(&[
        "",
        "tools: Read, Grep, Bash\n",
        "tools: Read, Bash, Write\n",
        "tools: [Read, Grep]\n",
        "tools:\n  - Read\n  - Bash(git *)\n",
        "tools: \"*\"\n",
        "tools: Read\ndisallowedTools: Bash\n",
    ]);
    let mode = one(&[
        "",
        "",
        "permissionMode: plan\n",
        "permissionMode: acceptEdits\n",
    ]);
    let body = one(&[
        "You plan.\n",
        "You plan.\n\n- Ask.\n",
        "You plan with care.\n",
    ]);
    (model, description, tools, mode, body).prop_map(|(model, description, tools, mode, body)| {
        format!("---\nname: a\ndescription: {description}\n{tools}{model}{mode}---\n{body}")
    })
}

fn overrides() -> impl Strategy<Value = Overrides> {
    let one = prop::sample::select(vec![
        "model=haiku",
        "model=fable",
        "effort=low",
        "description=Mine.",
        "tools+=Glob",
        "tools-=Bash",
        "tools-=Read",
        "disallowedTools+=Write",
        "permissionMode=plan",
        "permissionMode=acceptEdits",
    ]);
    prop::collection::vec(one, 0..4).prop_map(|texts| Overrides::read(texts).unwrap())
}

fn locked(base: &str) -> LockedAgent {
    LockedAgent {
        folder: Folder::default(),
        registry: None,
        source: "./x".to_owned(),
        agent: "a".to_owned(),
        file: "a.md".to_owned(),
        version: None,
        reference: None,
        commit: None,
        blob: ObjectId::of_blob(base.as_bytes()),
        sha256: Digest::of(base.as_bytes()),
        base: Digest::of(base.as_bytes()),
        adaptations: Vec::new(),
        requires: Vec::new(),
        allowed: Vec::new(),
        overrides: Overrides::default(),
        written: None,
    }
}

/// An update of an agent; `None`: the overrides cannot be applied to one of the versions.
fn item(
    base: &str,
    ours: &Edit,
    theirs: &str,
    before: &Overrides,
    now: &Overrides,
) -> Option<Item> {
    let name = AgentName::new("a").unwrap();
    let with = |text: &str, overrides: &Overrides| {
        let plain = Candidate::adapted(&name, locked(text), text.as_bytes().into()).unwrap();
        plain.overriding(&name, overrides.clone(), None).ok()
    };
    let (installed, new) = (with(base, before)?, with(theirs, now)?);
    let written = as_written(&name, &installed.locked, &base.as_bytes().into()).ok()?;
    let ours = ours.of(&written.bytes()).into();
    let mut item = Item {
        before: Some(installed.locked),
        ours: Some(ours),
        ..Item::new(name, new, written)
    };
    item.find_conflicts();
    Some(item)
}

/// What the user did to the file.
#[derive(Debug, Clone)]
enum Edit {
    Nothing,
    Model,
    Comment,
    Quotes,
    Body,
    Tools,
    Whole(String),
}

impl Edit {
    fn of(&self, written: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(written.to_vec()).unwrap();
        let edited = match self {
            Self::Nothing => text,
            Self::Model if text.contains("\nmodel: ") => {
                text.replacen("\nmodel: ", "\nmodel: x", 1)
            }
            Self::Model => text.replacen("\nname: a\n", "\nname: a\nmodel: x\n", 1),
            Self::Comment => edit_line(&text, "model: ", |line| format!("{line} # mine")),
            Self::Quotes => edit_line(&text, "description: ", |line| {
                let value = line.trim_start_matches("description: ");
                format!("description: '{}'", value.trim_matches('"'))
            }),
            Self::Body => text + "\nMine.\n",
            Self::Tools => text.replacen("Read", "Read, WebSearch", 1),
            Self::Whole(text) => text.clone(),
        };
        edited.into_bytes()
    }
}

/// A text with the line that begins like this as `edit` makes it.
fn edit_line(text: &str, start: &str, edit: impl Fn(&str) -> String) -> String {
    let edited = |line: &str| {
        let is_meant = line.starts_with(start);
        let line = if is_meant {
            edit(line)
        } else {
            line.to_owned()
        };
        line + "\n"
    };
    text.lines().map(edited).collect()
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::Nothing),
        Just(Edit::Model),
        Just(Edit::Comment),
        Just(Edit::Quotes),
        Just(Edit::Body),
        Just(Edit::Tools),
        text().prop_map(Edit::Whole),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_overridden_key_never_asks_is_never_lost_and_never_widens_unseen(
        base in text(), ours in edit(), theirs in text(), before in overrides(), now in overrides(),
    ) {
        let Some(item) = item(&base, &ours, &theirs, &before, &now) else { return Ok(()) };
        for conflict in item.sides().merge().conflicts() {
            if let Unit::Key(key) = conflict.unit() {
                prop_assert!(!now.has(key), "{} {}", conflict.unit(), conflict.reason());
            }
        }
        let file = item.ours.clone().unwrap();
        let result = item.result();
        let [written, mine, new] = [&item.base, &file, &result].map(|content| Definition::parse(&content.bytes()).values());
        for (key, value) in &now.values {
            let is_edited = written.get(key) != mine.get(key);
            let value = serde_json::Value::String(value.clone());
            let expected = if is_edited { mine.get(key) } else { Some(&value) };
            prop_assert_eq!(new.get(key), expected, "{}", key);
        }
        // Everything that the file may do now and could not before is among what is asked about.
        let gained = Capabilities::of(&result.bytes()).gains_over(&Capabilities::of(&file.bytes()));
        let asked = item.gains();
        for gain in gained {
            prop_assert!(asked.contains(&gain), "{}", gain);
        }
    }

    #[test]
    fn without_overrides_it_is_the_plain_merge(base in text(), ours in text(), theirs in text()) {
        let none = Overrides::default();
        let item = item(&base, &Edit::Whole(ours.clone()), &theirs, &none, &none).unwrap();
        let plain = merge_with(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), &Options::default());
        prop_assert!(item.kept.is_empty());
        prop_assert_eq!(item.sides().merge().to_bytes(), plain.to_bytes());
    }

    #[test]
    fn taking_an_override_back_gives_the_bytes_from_before(base in text(), before in overrides()) {
        let none = Overrides::default();
        let Some(item) = item(&base, &Edit::Nothing, &base, &before, &none) else { return Ok(()) };
        prop_assert_eq!(item.result().bytes().into_owned(), base.into_bytes());
    }

    #[test]
    fn a_list_keeps_what_is_added_and_loses_what_is_removed(base in text(), theirs in text(), now in overrides()) {
        let Some(item) = item(&base, &Edit::Body, &theirs, &Overrides::default(), &now) else { return Ok(()) };
        let result = Capabilities::of(&item.result().bytes());
        for key in LISTS {
            let Some(list) = now.lists.get(key) else { continue };
            let tools = Definition::parse(&item.result().bytes()).values().get(key).map(crate::domain::definition::tools_in).unwrap_or_default();
            if key == "tools" {
                prop_assert!(list.remove.iter().all(|tool| !tools.contains(tool)), "{:?}", result);
            }
            if list.remove.is_empty() {
                prop_assert!(list.add.iter().all(|tool| tools.contains(tool)), "{:?}", tools);
            }
        }
    }
}

//! The laws of the merge, as property tests over small definitions made of the parts that real ones are made of.

use proptest::prelude::*;

use super::text::Document;
use super::*;

/// How many cases each law is tested with; `AGENTPKG_LAW_CASES` sets another number.
const CASES: u32 = 100_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a test may look at the environment"
)]
fn config() -> ProptestConfig {
    let cases = std::env::var("AGENTPKG_LAW_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(CASES);
    ProptestConfig {
        cases,
        max_global_rejects: 10 * cases,
        ..ProptestConfig::default()
    }
}

/// A definition as parts that can be edited one by one.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    mark: bool,
    entries: Vec<(&'static str, String)>,
    body: Vec<&'static str>,
    crlf: Vec<bool>,
    final_newline: bool,
}

const TOOLS: [&str; 9] = [
    "Read",
    "Grep",
    "Glob",
    "Bash",
    "Write",
    "Edit",
    "WebFetch",
    "mcp__db",
    "mcp__db__query",
];
const BODY: [&str; 23] = [
    "# Agent",
    "You are an agent.",
    "",
    "",
    "## Steps",
    "- read the code",
    "- read the whole code with care",
    "- write a report for the team",
    "  - in all detail",
    "1. first of all",
    "## Rules",
    "### Detail",
    "Never guess. Always ask the user.",
    "Never guess. Always ask the user first.",
    "| a | b |",
    "|---|---|",
    "| 1 | 2 |",
    "```",
    "let x = 1;",
    "> quoted",
    "<<<<<<< odd",
    "=======",
    "trailing  ",
];

impl Model {
    fn bytes(&self) -> Vec<u8> {
        let mut lines = vec!["---".to_owned()];
        lines.extend(self.entries.iter().map(|(_, line)| line.clone()));
        lines.push("---".to_owned());
        lines.extend(self.body.iter().map(|line| (*line).to_owned()));
        let mut bytes = if self.mark {
            "\u{feff}".as_bytes().to_vec()
        } else {
            Vec::new()
        };
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            bytes.extend_from_slice(line.as_bytes());
            if index < last || self.final_newline {
                let is_crlf = self.crlf[index % self.crlf.len()];
                bytes.extend_from_slice(if is_crlf { b"\r\n" } else { b"\n" });
            }
        }
        bytes
    }
}

fn entry() -> impl Strategy<Value = (&'static str, String)> {
    let tools = prop::sample::subsequence(TOOLS.to_vec(), 0..5).prop_shuffle();
    let tools = (tools, 0..4_u8).prop_map(|(tools, notation)| {
        let line = match notation {
            0 => format!("tools: {}", tools.join(", ")),
            1 => format!("tools: [{}]", tools.join(", ")),
            2 => std::iter::once("tools:".to_owned())
                .chain(tools.iter().map(|tool| format!("  - {tool}")))
                .collect::<Vec<_>>()
                .join("\n"),
            _ => "tools: \"*\"".to_owned(),
        };
        ("tools", line)
    });
    let one = |key: &'static str, values: &'static [&'static str]| {
        prop::sample::select(values).prop_map(move |value| (key, format!("{key}: {value}")))
    };
    prop_oneof![
        4 => tools,
        2 => one("model", &["opus", "sonnet", "\"sonnet\"", "haiku"]),
        2 => one("description", &[
            "Reviews code. Writes a report. Asks first.",
            "Reviews all code. Writes a report. Asks first.",
            "Reviews code. Writes a short report. Asks first. Waits.",
            "\"Reviews code. Writes a report. Asks first.\"",
            "|\n  Reviews code.\n  Writes a report.",
        ]),
        1 => one("color", &["red", "blue # loud"]),
        1 => one("hooks", &["\n  Stop: []", "\n  Stop: []\n  Start: []"]),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    (
        prop::bool::weighted(0.1),
        prop::collection::vec(entry(), 0..5),
        prop::collection::vec(prop::sample::select(BODY.to_vec()), 0..10),
        prop_oneof![8 => Just(vec![false]), 2 => Just(vec![true]), 1 => prop::collection::vec(any::<bool>(), 1..4)],
        prop::bool::weighted(0.8),
    )
        .prop_map(|(mark, mut entries, body, crlf, final_newline)| {
            entries.insert(0, ("name", "name: agent".to_owned()));
            let mut seen = std::collections::BTreeSet::new();
            entries.retain(|(key, _)| seen.insert(*key));
            Model { mark, entries, body, crlf, final_newline }
        })
}

/// An edit, as numbers that have a meaning for every model.
#[derive(Debug, Clone)]
enum Edit {
    Entry((&'static str, String)),
    DropEntry(usize),
    SwapEntries(usize),
    Insert(usize, &'static str),
    Delete(usize),
    Replace(usize, &'static str),
    Append(Vec<&'static str>),
    Endings(Vec<bool>),
    FinalNewline,
    Mark,
}

fn edit() -> impl Strategy<Value = Edit> {
    let line = || prop::sample::select(BODY.to_vec());
    prop_oneof![
        5 => entry().prop_map(Edit::Entry),
        1 => any::<usize>().prop_map(Edit::DropEntry),
        1 => any::<usize>().prop_map(Edit::SwapEntries),
        4 => (any::<usize>(), line()).prop_map(|(at, line)| Edit::Insert(at, line)),
        3 => any::<usize>().prop_map(Edit::Delete),
        4 => (any::<usize>(), line()).prop_map(|(at, line)| Edit::Replace(at, line)),
        2 => prop::collection::vec(line(), 1..4).prop_map(Edit::Append),
        1 => prop_oneof![Just(vec![true]), Just(vec![false]), Just(vec![true, false])].prop_map(Edit::Endings),
        1 => Just(Edit::FinalNewline),
        1 => Just(Edit::Mark),
    ]
}

fn edited(mut model: Model, edits: &[Edit]) -> Model {
    for edit in edits {
        let (entries, lines) = (model.entries.len(), model.body.len());
        match edit {
            Edit::Entry((key, line)) => {
                match model.entries.iter_mut().find(|(known, _)| known == key) {
                    Some(entry) => entry.1.clone_from(line),
                    None => model.entries.push((key, line.clone())),
                }
            }
            Edit::DropEntry(at) if entries > 1 => {
                drop(model.entries.remove(1 + at % (entries - 1)));
            }
            Edit::SwapEntries(at) if entries > 2 => model.entries.swap(1, 1 + at % (entries - 1)),
            Edit::Insert(at, line) => model.body.insert(at % (lines + 1), line),
            Edit::Delete(at) if lines > 0 => drop(model.body.remove(at % lines)),
            Edit::Replace(at, line) if lines > 0 => model.body[at % lines] = line,
            Edit::Append(more) => model.body.extend(more),
            Edit::Endings(crlf) => model.crlf.clone_from(crlf),
            Edit::FinalNewline => model.final_newline ^= true,
            Edit::Mark => model.mark ^= true,
            _ => {}
        }
    }
    model
}

/// A side of a merge, which a failed law prints as a string and not as a list of numbers.
#[derive(Clone, PartialEq)]
struct Text(Vec<u8>);

impl std::ops::Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

fn triple() -> impl Strategy<Value = [Text; 3]> {
    let edits = || prop::collection::vec(edit(), 0..4);
    (model(), edits(), edits()).prop_map(|(base, ours, theirs)| {
        let sides = [
            base.bytes(),
            edited(base.clone(), &ours).bytes(),
            edited(base, &theirs).bytes(),
        ];
        sides.map(Text)
    })
}

/// The tools that a definition lists, read independently of the merge; `None`: there is no such line.
fn tools(bytes: &[u8]) -> Option<std::collections::BTreeSet<String>> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let head = text
        .trim_start_matches('\u{feff}')
        .split("\n---\n")
        .next()?
        .to_owned();
    let mut lines = head.lines().skip_while(|line| !line.starts_with("tools:"));
    let mut all = lines
        .next()?
        .strip_prefix("tools:")?
        .replace(['[', ']', '"'], "");
    for line in lines.take_while(|line| line.starts_with("  - ")) {
        all.push_str(", ");
        all.push_str(&line[4..]);
    }
    Some(
        all.split(',')
            .map(|tool| tool.trim().to_owned())
            .filter(|tool| !tool.is_empty())
            .collect(),
    )
}

fn lines_of(bytes: &[u8]) -> std::collections::BTreeSet<Vec<u8>> {
    Document::of(bytes)
        .lines
        .iter()
        .map(|line| line.text.to_vec())
        .collect()
}

/// Whether there is unclosed code.
fn is_open(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter(|line| *line == "```")
        .count()
        % 2
        == 1
}

/// How often each heading appears outside of code.
fn headings(bytes: &[u8]) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for (line, _) in below_headings(bytes) {
        if line.starts_with('#') {
            *counts.entry(line).or_default() += 1;
        }
    }
    counts
}

/// Each line outside of code with the last heading above it and the last list item that is indented less.
fn below_headings(bytes: &[u8]) -> Vec<(String, [String; 2])> {
    let (mut pairs, mut heading, mut item, mut is_code) =
        (Vec::new(), String::new(), String::new(), false);
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let body = text.split_once("\n---").map_or("", |(_, body)| body);
    for line in body.lines() {
        is_code ^= line == "```";
        if is_code || line.trim().is_empty() {
            continue;
        }
        let parent = if line.starts_with("  ") {
            item.clone()
        } else {
            String::new()
        };
        if line.starts_with('#') {
            (heading, item) = (line.to_owned(), String::new());
        } else if line.starts_with("- ") || line.starts_with("1. ") {
            line.clone_into(&mut item);
        } else if !line.starts_with("  ") {
            item.clear();
        }
        let above = if line.starts_with('#') {
            String::new()
        } else {
            heading.clone()
        };
        pairs.push((line.trim_end().to_owned(), [above, parent]));
    }
    pairs
}

fn head_of(bytes: &[u8]) -> Option<serde_yaml::Value> {
    let text = String::from_utf8(bytes.to_vec())
        .ok()?
        .replace("\r\n", "\n");
    let head = text
        .trim_start_matches('\u{feff}')
        .strip_prefix("---\n")?
        .split("\n---")
        .next()?
        .to_owned();
    serde_yaml::from_str(&head).ok()
}

/// A reason with the two sides exchanged.
fn mirrored(reason: &Reason) -> Reason {
    match reason {
        Reason::Rewritten(Author::You) => Reason::Rewritten(Author::Upstream),
        Reason::Rewritten(Author::Upstream) => Reason::Rewritten(Author::You),
        reason => reason.clone(),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_only_one_side_changed_is_taken_byte_for_byte([base, ours, theirs] in triple()) {
        prop_assert_eq!(merge(&base, &ours, &base).to_bytes().map(Text), Some(ours.clone()));
        prop_assert_eq!(merge(&base, &base, &theirs).to_bytes().map(Text), Some(theirs));
        prop_assert_eq!(merge(&base, &ours, &ours).to_bytes().map(Text), Some(ours));
    }

    #[test]
    fn the_sides_do_not_matter([base, ours, theirs] in triple()) {
        let one = merge(&base, &ours, &theirs);
        let other = merge(&base, &theirs, &ours);
        prop_assert_eq!(one.to_bytes(), other.to_bytes());
        prop_assert_eq!(one.conflicts().len(), other.conflicts().len());
        for (one, other) in one.conflicts().iter().zip(other.conflicts()) {
            prop_assert_eq!((one.unit(), mirrored(one.reason())), (other.unit(), other.reason().clone()));
            prop_assert_eq!((one.base(), one.ours(), one.theirs()), (other.base(), other.theirs(), other.ours()));
            prop_assert_eq!(one.suggestion(), other.suggestion());
        }
    }

    /// So the plain ways need not be tried.
    #[test]
    fn where_both_sides_must_conflict_no_plain_way_is_clean(
        [base, ours, theirs] in [(); 3].map(|()| prop::collection::vec(0..5_usize, 0..9)),
    ) {
        let words = ["", "a", "b", "c", "d"];
        let mut interner = Interner::new();
        let texts = [&base, &ours, &theirs].map(|side| side.iter().map(|line| [words[*line], "\n"].concat()).collect::<String>());
        let documents = texts.each_ref().map(|text| Document::of(text.as_bytes()));
        let around = Surroundings::merge(&documents[0], &documents[1], &documents[2]);
        let sides = documents.map(|document| Side::of(document.lines, &mut interner));
        let inputs = Inputs { base: &sides[0], ours: &sides[1], theirs: &sides[2] };
        let plain = lines::WAYS.into_iter().filter(|way| way.is_plain());
        for way in plain.filter(|_| inputs.must_conflict()) {
            prop_assert!(lines::merge_by(way, inputs, around).is_some_and(|merged| merged.conflicts() > 0));
        }
    }

    #[test]
    fn every_line_comes_from_an_input_or_a_rule([base, ours, theirs] in triple()) {
        let merged = merge(&base, &ours, &theirs);
        let known: std::collections::BTreeSet<_> = [&base, &ours, &theirs].into_iter().flat_map(|side| lines_of(side)).collect();
        let result = merged.resolve(&[]);
        let foreign = lines_of(&result).into_iter().filter(|line| !known.contains(line)).count();
        let made = merged.rules().iter().filter(|(rule, _)| matches!(rule, Rule::Set | Rule::Sentences)).count();
        // A list may become several lines.
        prop_assert!(foreign <= 9 * made, "{foreign} foreign lines");
    }

    #[test]
    fn what_nobody_touched_keeps_its_bytes(model in model(), crlf in any::<bool>(), line in 0..BODY.len()) {
        // Theirs appends a line; ours has different line endings.
        let base = model.clone();
        let ours = Model { crlf: vec![crlf, !crlf, crlf], ..model.clone() };
        let mut theirs = model;
        theirs.body.extend(["## Far away", BODY[line]]);
        let (b, o, t) = (base.bytes(), ours.bytes(), theirs.bytes());
        let merged = merge(&b, &o, &t);
        prop_assert!(merged.is_clean());
        let result = merged.to_bytes().unwrap();
        let shared = if o.ends_with(b"\n") { o.as_slice() } else { &o[..o.len()] };
        prop_assert!(result.starts_with(shared), "{:?}\n{:?}", String::from_utf8_lossy(&result), String::from_utf8_lossy(&o));
    }

    #[test]
    fn line_endings_alone_are_no_conflict(model in model(), ours in prop::collection::vec(any::<bool>(), 1..4), theirs in prop::collection::vec(any::<bool>(), 1..4), flips in any::<[bool; 4]>()) {
        let variant = |crlf: Vec<bool>, newline: bool, mark: bool| Model { crlf, final_newline: model.final_newline ^ newline, mark: model.mark ^ mark, ..model.clone() };
        let (b, o, t) = (model.bytes(), variant(ours, flips[0], flips[1]).bytes(), variant(theirs, flips[2], flips[3]).bytes());
        prop_assert!(merge(&b, &o, &t).is_clean());
    }

    #[test]
    fn no_removed_tool_comes_back([base, ours, theirs] in triple()) {
        let Some(merged) = merge(&base, &ours, &theirs).to_bytes() else { return Ok(()) };
        let (Some(b), Some(o), Some(t)) = (tools(&base), tools(&ours), tools(&theirs)) else { return Ok(()) };
        let result = tools(&merged);
        prop_assert!(result.is_some(), "the line is still there");
        let result = result.unwrap();
        for side in [&o, &t] {
            for removed in b.difference(side) {
                prop_assert!(!result.contains(removed), "{removed} came back");
                if o != b && t != b {
                    let family = |tool: &String| !side.contains(tool) && list::is_family(removed, tool);
                    prop_assert!(!result.iter().any(family), "something like {removed} came back");
                }
            }
        }
        let allowed: std::collections::BTreeSet<String> = o.union(&t.difference(&b).cloned().collect()).cloned().collect();
        prop_assert!(result.is_subset(&allowed), "{result:?} is more than {allowed:?}");
    }

    #[test]
    fn frontmatter_stays_yaml_and_each_key_is_somebodys([base, ours, theirs] in triple()) {
        let Some(merged) = merge(&base, &ours, &theirs).to_bytes() else { return Ok(()) };
        let (Some(b), Some(o), Some(t)) = (head_of(&base), head_of(&ours), head_of(&theirs)) else { return Ok(()) };
        let result = head_of(&merged);
        prop_assert!(result.is_some(), "{}", String::from_utf8_lossy(&merged));
        let result = result.unwrap();
        for key in ["name", "model", "color", "hooks"] {
            let expected = three_way(&b[key], &o[key], &t[key]);
            if let Some(expected) = expected {
                prop_assert_eq!(&result[key], expected, "{}", key);
            }
        }
    }

    #[test]
    fn plain_comparison_is_never_better([base, ours, theirs] in triple()) {
        let merged = merge(&base, &ours, &theirs);
        // Byte order mark, line endings and the final newline do not count as lines.
        let texts = [&base, &ours, &theirs].map(|side| {
            Document::of(side).lines.iter().fold(String::new(), |text, line| text + &String::from_utf8_lossy(line.text) + "\n")
        });
        // Head and body are compared apart, as the merge does it. Compared at once, a line that the body has twice can be
        // matched differently because of a change in the head, which is luck.
        let parts = texts.each_ref().map(|text| text.split_at(text.find("\n---\n").map_or(0, |at| at + 1)));
        let head = similar::TextMerge::from_lines(parts[0].0, parts[1].0, parts[2].0);
        let body = similar::TextMerge::from_lines(parts[0].1, parts[1].1, parts[2].1);
        // A result with a duplicate key is not valid.
        let is_sound = || head_of(&base).is_none() || head_of(format!("{head}{body}").as_bytes()).is_some();
        if head.is_conflicted() || body.is_conflicted() || merged.is_clean() || !is_sound() {
            return Ok(());
        }
        // Only a guard may find a conflict where comparing lines would not.
        for conflict in merged.conflicts() {
            let is_guard = match conflict.reason() {
                Reason::SameFamily { .. } | Reason::EveryTool | Reason::NotYaml | Reason::Torn(_) => true,
                // The same key twice, one that moved and changed, or a list of tools that is not a plain list.
                Reason::BothAdded | Reason::BothChanged | Reason::DeletedAndChanged => matches!(conflict.unit(), Unit::Key(_)),
                _ => false,
            };
            prop_assert!(is_guard, "{} {}", conflict.unit(), conflict.reason());
        }
    }

    #[test]
    fn choosing_one_side_everywhere_gives_its_lines([base, ours, theirs] in triple()) {
        let merged = merge(&base, &ours, &theirs);
        let count = merged.conflicts().len();
        for (choice, is_ours) in [(Choice::Ours, true), (Choice::Theirs, false)] {
            let result = merged.resolve(&vec![choice; count]);
            for conflict in merged.conflicts() {
                let wanted = if is_ours { conflict.ours() } else { conflict.theirs() };
                let wanted = wanted.join(&b'\n');
                let text: Vec<u8> = Document::of(&result).lines.iter().map(|line| line.text.to_vec()).collect::<Vec<_>>().join(&b'\n');
                // A blank line at the very end is the final newline.
                let wanted = wanted.trim_ascii_end();
                prop_assert!(text.windows(wanted.len().max(1)).any(|window| window == wanted) || wanted.is_empty());
            }
        }
    }

    #[test]
    fn no_heading_stands_there_more_often_than_on_a_side([base, ours, theirs] in triple()) {
        let Some(merged) = merge(&base, &ours, &theirs).to_bytes() else { return Ok(()) };
        // What one side puts into code, or takes out of it, was not written by the other side.
        if is_open(&ours) || is_open(&theirs) {
            return Ok(());
        }
        let (one, other) = (headings(&ours), headings(&theirs));
        for (heading, count) in headings(&merged) {
            let of = |side: &std::collections::BTreeMap<String, usize>| side.get(&heading).copied().unwrap_or(0);
            prop_assert!(count <= of(&one).max(of(&other)), "{heading}\n{}", String::from_utf8_lossy(&merged));
        }
    }

    #[test]
    fn every_line_stands_under_what_a_side_put_it_under([base, ours, theirs] in triple()) {
        let Some(merged) = merge(&base, &ours, &theirs).to_bytes() else { return Ok(()) };
        // It is impossible to say which of several equal headings is meant, or what is code if it is never closed.
        if [&base, &ours, &theirs].iter().any(|side| is_open(side) || headings(side).values().any(|count| *count > 1)) {
            return Ok(());
        }
        let [base, ours, theirs] = [&base, &ours, &theirs].map(|side| below_headings(side));
        for (line, parents) in below_headings(&merged) {
            if !line.contains(char::is_alphanumeric) {
                continue;
            }
            let is_made = ![&ours, &theirs].into_iter().flatten().any(|(known, _)| *known == line);
            for (level, parent) in parents.iter().enumerate() {
                let is_given = |side: &Vec<(String, [String; 2])>| side.iter().any(|(known, above)| *known == line && above[level] == *parent);
                // Something else moved there, and may have moved the line too.
                let has_changed = |side: &Vec<(String, [String; 2])>| {
                    side.iter().any(|pair| pair.1[level] == *parent && !base.iter().any(|(known, above)| *known == pair.0 && above[level] == *parent))
                };
                let is_right = is_made || [&ours, &theirs].into_iter().any(|side| is_given(side) || has_changed(side));
                prop_assert!(is_right, "{line:?} under {parent:?}\n{}", String::from_utf8_lossy(&merged));
            }
        }
    }

    #[test]
    fn merging_again_asks_nothing([base, ours, theirs] in triple()) {
        if let Some(merged) = merge(&base, &ours, &theirs).to_bytes() {
            prop_assert_eq!(merge(&theirs, &merged, &theirs).to_bytes().unwrap(), merged);
        }
    }

    #[test]
    fn markers_can_be_read_back([base, ours, theirs] in triple(), style in 0..3_usize) {
        let merged = merge(&base, &ours, &theirs);
        let style = [Style::Merge, Style::Diff3, Style::Zdiff3][style];
        let marked = merged.with_markers(style, Labels { ours: "you", base: "base", theirs: "up\nstream" }, None);
        let text = String::from_utf8_lossy(&marked).replace("\r\n", "\n");
        let length = text.lines().filter(|line| line.ends_with(" up stream")).map(|line| line.len() - 10).max();
        prop_assert_eq!(length.is_some(), !merged.is_clean());
        let Some(length) = length else { return Ok(()) };
        let is_marker = |line: &&str, mark: &str| line.starts_with(&mark.repeat(length)) && !line.starts_with(&mark.repeat(length + 1));
        for mark in ["<", "=", ">"] {
            prop_assert_eq!(text.lines().filter(|line| is_marker(line, mark)).count(), merged.conflicts().len(), "{}", mark);
        }
        // Taking the first version in each conflict is keeping ours.
        let mut kept = Vec::new();
        let mut is_kept = true;
        for line in text.lines() {
            match line {
                line if is_marker(&line, "<") => {}
                line if is_marker(&line, "|") && style != Style::Merge || is_marker(&line, "=") => is_kept = false,
                line if is_marker(&line, ">") => is_kept = true,
                line if is_kept => kept.push(line),
                _ => {}
            }
        }
        let ours = String::from_utf8_lossy(&merged.resolve(&[])).replace("\r\n", "\n");
prop_assert!(kept.join("\n").trim_end() == ours.trim_end(), "{}", text);
        prop_assert!(leftover(&marked).is_some());
    }

    #[test]
    fn any_bytes_merge(
        base in prop::collection::vec(any::<u8>(), 0..40),
        ours in prop::collection::vec(any::<u8>(), 0..40),
        theirs in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let merged = merge(&base, &ours, &theirs);
        let _ = (merged.to_bytes(), merged.with_markers(Style::Zdiff3, Labels { ours: "", base: "", theirs: "" }, None));
        prop_assert_eq!(merged.conflicts().len(), merge(&base, &theirs, &ours).conflicts().len());
    }

    #[test]
    fn any_text_of_a_few_pieces_merges(pieces in prop::collection::vec(prop::sample::select(vec!["---\n", "a: b\n", "tools: X\n", "# h\n", "- i\n", "```\n", "\n", "\r\n", "x", "a: \"", "|\n", "\u{e9}", "\u{feff}"]), 0..14), cuts in any::<[usize; 4]>()) {
        let whole: Vec<u8> = pieces.concat().into_bytes();
        let cut = |at: usize, to: usize| {
            let (at, to) = (at % (whole.len() + 1), to % (whole.len() + 1));
            [&whole[..at.min(to)], &whole[at.max(to)..]].concat()
        };
        let (ours, theirs) = (cut(cuts[0], cuts[1]), cut(cuts[2], cuts[3]));
        let merged = merge(&whole, &ours, &theirs);
        prop_assert_eq!(merged.to_bytes(), merge(&whole, &theirs, &ours).to_bytes());
        let _ = merged.with_markers(Style::Diff3, Labels { ours: "", base: "", theirs: "" }, None);
    }
}

//! Random edits of definitions as large as real ones, made with knowledge of each line: sections, items, tables and code are added,
//! removed, moved and changed on both sides. Every line has a number, so that a judge that shares no code with the merge can tell whether
//! anything in a clean result is duplicated, under something else, brought back, or lost.
//!
//! `AGENTPKG_EDIT_CASES` sets how many pairs of edits are tried, `AGENTPKG_EDIT_SEED` where they begin.
#![expect(
    clippy::disallowed_methods,
    reason = "a test may look at the environment"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use agentpkg::merge::{Reason, merge};

/// How many pairs of edits are tried in every run of the tests.
const CASES: u64 = 1_500;

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

const WORDS: [&str; 64] = [
    "review", "code", "tests", "the", "user", "report", "with", "care", "find", "errors", "write",
    "plan", "team", "release", "check", "database", "query", "design", "service", "always",
    "small", "steps", "before", "after", "deploy", "risk", "cost", "model", "index", "cache",
    "memory", "network", "simple", "clear", "explain", "propose", "measure", "monitor", "alert",
    "document", "example", "version", "branch", "merge", "commit", "build", "package", "module",
    "function", "class", "field", "table", "column", "schema", "event", "queue", "worker",
    "thread", "secure", "token", "secret", "policy", "budget", "deadline",
];

/// A line that can be distinguished from all others.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    id: usize,
    words: Vec<&'static str>,
}

impl Node {
    fn text(&self) -> String {
        format!("{} k{}", self.words.join(" "), self.id)
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Item {
    node: Node,
    more: Option<Node>,
    children: Vec<Self>,
}

#[derive(Debug, Clone, PartialEq)]
enum Block {
    Paragraph(Vec<Node>),
    List {
        lead: Option<Node>,
        is_numbered: bool,
        items: Vec<Item>,
    },
    Table {
        header: Node,
        rows: Vec<Node>,
    },
    Code {
        fence: Node,
        lines: Vec<Node>,
    },
}

#[derive(Debug, Clone, PartialEq)]
struct Section {
    heading: Node,
    level: usize,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
struct Agent {
    preamble: Vec<Block>,
    sections: Vec<Section>,
    has_blank_below_headings: bool,
    mark: char,
}

/// Creates new lines. Each side counts in its own range of numbers.
struct Maker<'d> {
    dice: &'d mut Dice,
    next: usize,
}

impl Maker<'_> {
    fn node(&mut self) -> Node {
        self.next += 1;
        let count = self.dice.between(4, 9);
        Node {
            id: self.next,
            words: (0..count)
                .map(|_| WORDS[self.dice.below(WORDS.len())])
                .collect(),
        }
    }

    fn item(&mut self, depth: usize) -> Item {
        let count = if depth == 0 && self.dice.one_in(4) {
            self.dice.between(1, 3)
        } else {
            0
        };
        let more = self.dice.one_in(12).then(|| self.node());
        Item {
            node: self.node(),
            more,
            children: (0..count).map(|_| self.item(depth + 1)).collect(),
        }
    }

    fn block(&mut self) -> Block {
        match self.dice.below(10) {
            0..3 => Block::Paragraph((0..self.dice.between(1, 3)).map(|_| self.node()).collect()),
            3..8 => {
                let lead = self.dice.one_in(3).then(|| self.node());
                let is_numbered = self.dice.one_in(5);
                Block::List {
                    lead,
                    is_numbered,
                    items: (0..self.dice.between(2, 8)).map(|_| self.item(0)).collect(),
                }
            }
            8 => Block::Table {
                header: self.node(),
                rows: (0..self.dice.between(1, 5)).map(|_| self.node()).collect(),
            },
            _ => Block::Code {
                fence: self.node(),
                lines: (0..self.dice.between(1, 6)).map(|_| self.node()).collect(),
            },
        }
    }

    fn section(&mut self, level: usize) -> Section {
        Section {
            heading: self.node(),
            level,
            blocks: (0..self.dice.between(1, 3)).map(|_| self.block()).collect(),
        }
    }

    fn agent(&mut self) -> Agent {
        let count = self.dice.between(2, 12);
        let mut sections = Vec::new();
        for index in 0..count {
            let level = if index > 0 && self.dice.one_in(3) {
                3
            } else {
                2
            };
            sections.push(self.section(level));
        }
        Agent {
            preamble: (0..self.dice.between(0, 2))
                .map(|_| Block::Paragraph(vec![self.node()]))
                .collect(),
            sections,
            has_blank_below_headings: !self.dice.one_in(3),
            mark: if self.dice.one_in(6) { '*' } else { '-' },
        }
    }

    /// Changes something.
    fn edit(&mut self, agent: &mut Agent) {
        let count = agent.sections.len();
        let at = self.dice.below(count);
        match self.dice.below(24) {
            0..2 => {
                let at = self.dice.between(0, count);
                let level = if at > 0 && self.dice.one_in(3) { 3 } else { 2 };
                agent.sections.insert(at, self.section(level));
            }
            2 if count > 1 => drop(agent.sections.remove(at)),
            3 if count > 1 => {
                let section = agent.sections.remove(at);
                let to = self.dice.below(count);
                agent.sections.insert(to, section);
            }
            4 if count > 0 => self.reword(&mut agent.sections[at].heading),
            5 if count > 0 && agent.sections[at].blocks.len() > 1 => {
                let split = self.dice.between(1, agent.sections[at].blocks.len() - 1);
                let blocks = agent.sections[at].blocks.split_off(split);
                let level = agent.sections[at].level;
                agent.sections.insert(
                    at + 1,
                    Section {
                        heading: self.node(),
                        level,
                        blocks,
                    },
                );
            }
            6 if self.dice.one_in(8) => agent.has_blank_below_headings ^= true,
            7 if self.dice.one_in(8) => agent.mark = if agent.mark == '-' { '*' } else { '-' },
            _ if count > 0 => self.edit_section(&mut agent.sections[at]),
            _ => {}
        }
    }

    fn edit_section(&mut self, section: &mut Section) {
        let count = section.blocks.len();
        let at = self.dice.below(count);
        match self.dice.below(10) {
            0 => {
                let at = self.dice.between(0, count);
                section.blocks.insert(at, self.block());
            }
            1 if count > 1 => drop(section.blocks.remove(at)),
            2 if count > 1 => {
                let block = section.blocks.remove(at);
                let to = self.dice.below(count);
                section.blocks.insert(to, block);
            }
            3 if count > 0 => section.blocks[at] = self.block(),
            _ if count > 0 => match &mut section.blocks[at] {
                Block::Paragraph(nodes)
                | Block::Table { rows: nodes, .. }
                | Block::Code { lines: nodes, .. } => {
                    self.edit_nodes(nodes);
                }
                Block::List { lead, items, .. } => {
                    if let Some(lead) = lead.as_mut().filter(|_| self.dice.one_in(8)) {
                        self.reword(lead);
                    } else {
                        self.edit_items(items, 0);
                    }
                }
            },
            _ => {}
        }
    }

    fn edit_nodes(&mut self, nodes: &mut Vec<Node>) {
        let at = self.dice.below(nodes.len());
        match self.dice.below(6) {
            0..2 => {
                let at = self.dice.between(0, nodes.len());
                nodes.insert(at, self.node());
            }
            2 if nodes.len() > 1 => drop(nodes.remove(at)),
            3 if nodes.len() > 1 => {
                let node = nodes.remove(at);
                let to = self.dice.between(0, nodes.len());
                nodes.insert(to, node);
            }
            _ => self.reword(&mut nodes[at]),
        }
    }

    fn edit_items(&mut self, items: &mut Vec<Item>, depth: usize) {
        let at = self.dice.below(items.len());
        match self.dice.below(12) {
            0..3 => {
                // Most lines are added at the end.
                let at = if self.dice.one_in(2) {
                    items.len()
                } else {
                    self.dice.between(0, items.len())
                };
                items.insert(at, self.item(depth));
            }
            3..5 if items.len() > 1 => drop(items.remove(at)),
            5 if items.len() > 1 => {
                let item = items.remove(at);
                let to = self.dice.between(0, items.len());
                items.insert(to, item);
            }
            6 => {
                items[at].more = if items[at].more.is_some() {
                    None
                } else {
                    Some(self.node())
                }
            }
            7 | 8 if depth == 0 => {
                if items[at].children.is_empty() {
                    let child = self.item(1);
                    items[at].children.push(child);
                } else {
                    self.edit_items(&mut items[at].children, 1);
                }
            }
            _ => self.reword(&mut items[at].node),
        }
    }

    fn reword(&mut self, node: &mut Node) {
        match self.dice.below(4) {
            0 => node.words.push(WORDS[self.dice.below(WORDS.len())]),
            // A line with other words is another line.
            1 => *node = self.node(),
            _ => {
                let at = self.dice.below(node.words.len());
                node.words[at] = WORDS[self.dice.below(WORDS.len())];
            }
        }
    }
}

impl Agent {
    fn text(&self) -> String {
        let mut text = "---\nname: agent\ndescription: Edits.\n---\n\n".to_owned();
        for block in &self.preamble {
            self.write(block, &mut text);
            text.push('\n');
        }
        for section in &self.sections {
            let _ = writeln!(
                text,
                "{} {}",
                "#".repeat(section.level),
                section.heading.text()
            );
            if self.has_blank_below_headings {
                text.push('\n');
            }
            for block in &section.blocks {
                self.write(block, &mut text);
                text.push('\n');
            }
        }
        text
    }

    fn write(&self, block: &Block, text: &mut String) {
        match block {
            Block::Paragraph(nodes) => {
                for node in nodes {
                    let _ = writeln!(text, "{}", node.text());
                }
            }
            Block::List {
                lead,
                is_numbered,
                items,
            } => {
                if let Some(lead) = lead {
                    let _ = write!(text, "{}:\n\n", lead.text());
                }
                self.write_items(items, *is_numbered, 0, text);
            }
            Block::Table { header, rows } => {
                let _ = write!(text, "| {} | x |\n|---|---|\n", header.text());
                for row in rows {
                    let _ = writeln!(text, "| {} | y |", row.text());
                }
            }
            Block::Code { fence, lines } => {
                let _ = writeln!(text, "```sh k{}", fence.id);
                for line in lines {
                    let _ = writeln!(text, "run {}", line.text());
                }
                text.push_str("```\n");
            }
        }
    }

    fn write_items(&self, items: &[Item], is_numbered: bool, indent: usize, text: &mut String) {
        for (index, item) in items.iter().enumerate() {
            let mark = if is_numbered {
                format!("{}.", index + 1)
            } else {
                self.mark.to_string()
            };
            let _ = writeln!(text, "{:indent$}{mark} {}", "", item.node.text());
            let below = indent + mark.len() + 1;
            if let Some(more) = &item.more {
                let _ = writeln!(text, "{:below$}{}", "", more.text());
            }
            self.write_items(&item.children, false, below, text);
        }
    }
}

/// What a line is under: a heading, a list item, a table or code.
type Place = [Option<usize>; 3];

/// A text as the judge reads it.
#[derive(Debug, Default)]
struct Reading {
    order: Vec<usize>,
    places: BTreeMap<usize, Place>,
    counts: BTreeMap<usize, usize>,
    is_open: bool,
    /// Numbers of lists that are not consecutive.
    miscounted: usize,
}

impl Reading {
    fn of(text: &str) -> Self {
        let mut reading = Self::default();
        let (mut heading, mut within) = (None, None);
        let mut items: Vec<(usize, usize)> = Vec::new();
        let mut is_code = false;
        let mut number = 0;
        for line in text.lines() {
            let id = line.split(' ').find_map(|word| {
                word.strip_prefix('k')?
                    .trim_end_matches(':')
                    .parse::<usize>()
                    .ok()
            });
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            if line.starts_with("```") {
                is_code = !is_code;
            }
            let Some(id) = id else {
                if !is_code && !line.starts_with('|') {
                    within = None;
                }
                continue;
            };
            while items.last().is_some_and(|(above, _)| *above >= indent) {
                items.pop();
            }
            let mut place = [heading, items.last().map(|(_, id)| *id), within];
            if line.starts_with("```") || line.starts_with('|') && within.is_none() {
                place[2] = None;
                within = Some(id);
            } else if line.starts_with('#') {
                place = [None; 3];
                heading = Some(id);
                items.clear();
            }
            let is_item = trimmed
                .starts_with(['-', '*', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
                && !is_code;
            if is_item {
                items.push((indent, id));
            }
            let own = trimmed
                .split_once('.')
                .and_then(|(digits, _)| digits.parse::<usize>().ok())
                .filter(|_| is_item && indent == 0);
            if let Some(own) = own {
                reading.miscounted += usize::from(own != number + 1 && own != 1);
            }
            number = own.unwrap_or(if indent == 0 { 0 } else { number });
            reading.order.push(id);
            reading.places.insert(id, place);
            *reading.counts.entry(id).or_default() += 1;
        }
        reading.is_open = is_code;
        reading
    }

    fn count(&self, id: usize) -> usize {
        self.counts.get(&id).copied().unwrap_or(0)
    }
}

/// What is wrong with a result.
fn verdict(texts: [&str; 3], result: &str) -> Option<String> {
    let [base, ours, theirs] = texts.map(Reading::of);
    let result = Reading::of(result);
    if result.is_open {
        return Some("code is not closed".to_owned());
    }
    if result.miscounted > ours.miscounted.max(theirs.miscounted) {
        return Some("a list does not count".to_owned());
    }
    let all: BTreeSet<usize> = [&base, &ours, &theirs, &result]
        .into_iter()
        .flat_map(|reading| reading.order.clone())
        .collect();
    for id in all {
        let (b, o, t, r) = (
            base.count(id),
            ours.count(id),
            theirs.count(id),
            result.count(id),
        );
        if r > o.max(t) {
            return Some(format!("doubled k{id}"));
        }
        if b > 0 && o.min(t) == 0 && r > 0 {
            return Some(format!("resurrected k{id}"));
        }
        if r == 0 && (o > 0 && t > 0 || b == 0) {
            return Some(format!("lost k{id}"));
        }
        let Some(place) = result.places.get(&id) else {
            continue;
        };
        let sides = [(&ours, &theirs), (&theirs, &ours)];
        let is_given = sides.iter().any(|(side, other)| {
            side.places.get(&id).is_some_and(|own| {
                own == place || is_taken_along(&base, side, other, id, *own, *place)
            })
        });
        if !is_given {
            return Some(format!("torn k{id}"));
        }
    }
    None
}

/// Whether everything that a line was under is what it is under now, or was replaced by it around that line on the other side.
fn is_taken_along(
    base: &Reading,
    side: &Reading,
    other: &Reading,
    id: usize,
    own: Place,
    place: Place,
) -> bool {
    let at = side.order.iter().position(|known| *known == id).unwrap();
    (0..3).all(|field| {
        let is_old = |known: &&usize| {
            base.places.contains_key(known)
                && other.places.contains_key(known)
                && side.places[known][field] == own[field]
        };
        let before = side.order[..at].iter().rev().find(is_old);
        let after = side.order[at + 1..].iter().find(is_old);
        own[field] == place[field]
            || before
                .into_iter()
                .chain(after)
                .any(|known| other.places[known][field] == place[field])
    })
}

/// A base and two versions, made from a seed.
fn triple(seed: u64) -> [String; 3] {
    let mut dice = Dice(seed);
    let base = Maker {
        dice: &mut dice,
        next: 0,
    }
    .agent();
    let shared = dice.one_in(6);
    let mut side = |start: usize| {
        let mut agent = base.clone();
        let count = match dice.below(20) {
            0 => dice.between(10, 40),
            1..6 => dice.between(4, 9),
            _ => dice.between(1, 3),
        };
        // Sometimes both sides begin with the same edits.
        if shared {
            let mut same = Dice(seed ^ 0x5eed);
            let mut maker = Maker {
                dice: &mut same,
                next: 10_000,
            };
            maker.edit(&mut agent);
        }
        let mut maker = Maker {
            dice: &mut dice,
            next: start,
        };
        for _ in 0..count {
            maker.edit(&mut agent);
        }
        agent
    };
    let (ours, theirs) = (side(20_000), side(30_000));
    [base.text(), ours.text(), theirs.text()]
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn structured_edits_are_merged_whole_or_asked_about() {
    let cases = number("AGENTPKG_EDIT_CASES").unwrap_or(CASES);
    let first = number("AGENTPKG_EDIT_SEED").unwrap_or(1) << 32;
    let (mut clean, mut wrong) = (0, Vec::new());
    for seed in first..first + cases {
        let [base, ours, theirs] = triple(seed);
        let Some(result) = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).to_bytes()
        else {
            continue;
        };
        clean += 1;
        if let Some(fault) = verdict([&base, &ours, &theirs], &String::from_utf8(result).unwrap()) {
            wrong.push((seed - first, fault));
        }
    }
    println!(
        "{cases} pairs of edits, {clean} merged clean, {} of them wrong",
        wrong.len()
    );
    assert!(clean * 4 > cases, "only {clean} of {cases} are merged");
    assert!(
        wrong.is_empty(),
        "{} of {clean} clean results are wrong: {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(40)]
    );
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let base = "# one k1\n\n- a k2\n  - b k3\n- c k4\n\n# two k5\n\n- d k6\n";
    let ours = base.replace("- c k4\n", "- c k4\n- new k7\n");
    let theirs = base.replace("  - b k3\n", "");
    let good = ours.replace("  - b k3\n", "");
    let judged = |result: &str| verdict([base, &ours, &theirs], result);
    assert_eq!(judged(&good), None);
    assert_eq!(judged(&ours).as_deref(), Some("resurrected k3"));
    assert_eq!(judged(&theirs).as_deref(), Some("lost k7"));
    assert_eq!(
        judged(&format!("{good}{good}")).as_deref(),
        Some("doubled k1")
    );
    assert_eq!(
        judged(&(theirs.clone() + "- new k7\n")).as_deref(),
        Some("torn k7")
    );
    assert_eq!(
        judged(&good.replace("- new k7", "  - new k7")).as_deref(),
        Some("torn k7")
    );
    assert_eq!(
        judged(&format!("{good}```\n")).as_deref(),
        Some("code is not closed")
    );
}

/// The result of libgit2's merge by lines, if it finds no conflict.
fn by_git(texts: [&str; 3]) -> Option<String> {
    // libgit2 must be initialised before its free function for merging works.
    git2::Oid::hash_object(git2::ObjectType::Blob, b"").unwrap();
    let [base, ours, theirs] = texts.map(|text| {
        let mut input = git2::MergeFileInput::new();
        input.content(text.as_bytes());
        input
    });
    let merged = git2::merge_file(&base, &ours, &theirs, None).unwrap();
    merged
        .is_automergeable()
        .then(|| String::from_utf8(merged.content().to_vec()).unwrap())
}

#[test]
fn where_git_finds_no_conflict_its_result_is_taken_or_there_is_a_reason() {
    let cases = number("AGENTPKG_EDIT_CASES").unwrap_or(CASES);
    let first = number("AGENTPKG_EDIT_SEED").unwrap_or(1) << 32;
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for seed in first..first + cases {
        let texts = triple(seed);
        let [base, ours, theirs] = texts.each_ref().map(String::as_str);
        let Some(git) = by_git([base, ours, theirs]) else {
            continue;
        };
        let is_torn = verdict([base, ours, theirs], &git).is_some();
        let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        let kind = match merged
            .to_bytes()
            .map(|bytes| String::from_utf8(bytes).unwrap())
        {
            Some(result) if result == git => "the same",
            _ if is_torn => "git's result is torn",
            Some(result) => {
                let lines = |text: &str| {
                    text.lines()
                        .filter(|line| !line.is_empty())
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                };
                let (mut one, mut other) = (lines(&result), lines(&git));
                let is_same = one == other;
                one.sort_unstable();
                other.sort_unstable();
                match (is_same, one == other) {
                    (true, _) => "other blank lines",
                    (false, true) => "another order",
                    (false, false) => "other lines",
                }
            }
            None if merged
                .conflicts()
                .iter()
                .all(|conflict| matches!(conflict.reason(), Reason::Torn(_))) =>
            {
                "asked, because it may be torn"
            }
            None if merged
                .conflicts()
                .iter()
                .any(|conflict| conflict.rewritten_by().is_some()) =>
            {
                "asked, because it was rewritten"
            }
            // Only a blank line, which is not an anchor here, separates the edits.
            None => "asked, because the edits touch",
        };
        kinds.entry(kind).or_default().push(seed - first);
    }
    for (kind, seeds) in &kinds {
        println!("{} {kind}: {:?}", seeds.len(), &seeds[..seeds.len().min(5)]);
    }
    let of = |kind: &str| kinds.get(kind).map_or(0, Vec::len);
    let all: usize = kinds.values().map(Vec::len).sum();
    assert!(of("the same") * 10 >= all * 8, "{kinds:?}");
    assert_eq!(of("other lines"), 0, "{kinds:?}");
    let asked = of("asked, because it may be torn")
        + of("asked, because the edits touch")
        + of("asked, because it was rewritten");
    assert!(asked * 50 <= all, "{kinds:?}");
}

//! Finds the version of an agent that a file was made from, by its text. Does no I/O of its own. Identical files need no comparison of
//! texts, so callers look for the blob first.
//!
//! Which agent it is: lines that both texts have, each weighted by its rarity among all agents, out of all that both have.
//!
//! Which version of it: each differs from the file in some lines, and the nearest is the one with the fewest words in these lines. A version
//! that differs in all the lines of another one and in more comes after it. If other versions or agents are about as near as the nearest
//! version, all of them are offered: the file may have been made from any of them, and a wrong version is a wrong base of later merges.
//!
//! Where too few lines are left, but much of the words, the agent is known and the version is a guess, so it is always asked about.

mod scores;
mod words;

use std::collections::{BTreeSet, HashMap};

use self::scores::{Scored, Scores};
use self::words::Pairs;
use super::definition;
use super::lineage::{Lines, hash, hashed_lines, lines};

/// What has a lower score, in percent, is not where a file is from.
pub const LEAST: u32 = 60;
/// Scores that are not further apart than this do not tell two agents or versions apart, in points.
const CLOSE: f64 = 5.0;
/// How many agents are named where none is the origin.
const NEAREST: usize = 3;
/// How much of the pairs of words has to be the same for a version to be asked about, in percent. Of 612 agents of other
/// repositories than six histories, the likest that is not from there had 20; of 91 that are and keep few lines, 64 had 40 or more.
const ASKED: f64 = 40.0;
/// How many versions are compared by their words.
const MAX_COMPARED: usize = 200;

/// A version that a file may have been made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The number of the version, in the order in which they were added.
    pub version: usize,
    /// How much of both texts is the same, in percent.
    pub percent: u32,
    /// How many lines differ; a changed line counts once. 0: only white space does.
    pub lines: usize,
}

/// Where a file is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From this version.
    Version(Match),
    /// From one of these, which its text does not tell apart; the likeliest first.
    Several(Vec<Match>),
    /// From none of them. These are the nearest, one of each agent.
    Unknown(Vec<Match>),
}

/// Fetches the texts of versions by their numbers, as many of them as can be had.
pub type Texts<'t> = &'t mut dyn FnMut(&[usize]) -> Vec<(usize, Vec<u8>)>;

/// The versions of agents that a file may have been made from. Of each only the lines are kept: few are near enough to be read again.
#[derive(Debug, Default)]
pub struct Versions {
    scores: Scores,
    count: usize,
}

/// What is compared of a text.
#[derive(Debug)]
struct Text {
    lines: Lines,
    /// The words of each line.
    words: HashMap<u64, Vec<u64>>,
    /// What is left without white space.
    bare: u64,
    /// The keys of its frontmatter.
    keys: BTreeSet<String>,
}

/// How a version differs from the text whose origin is looked for.
#[derive(Debug)]
struct Difference {
    scored: Scored,
    /// How many lines only the text has, and how many only the version has.
    counts: (usize, usize),
    /// These lines, sorted; in which of them is part of each.
    lines: Vec<u64>,
    /// The words that only one of the two has, sorted; in which of them is part of each.
    words: Vec<u64>,
    /// Whether they have other keys in the frontmatter.
    has_other_keys: bool,
    /// Whether more than white space differs.
    is_other: bool,
}

impl Difference {
    /// Whether the other version differs in all the same lines and in more. Versions with another set of keys are compared by words.
    fn is_within(&self, other: &Self) -> bool {
        let (only_here, only_there) = differing(&self.lines, &other.lines);
        only_here == 0 && only_there > 0 && self.has_other_keys == other.has_other_keys
    }
}

impl Versions {
    /// Adds a version of an agent, and gives its number. All versions of an agent are added before those of the next one; where nothing
    /// else decides, earlier ones are preferred.
    pub fn add(&mut self, agent: usize, text: &[u8]) -> usize {
        let numbers = self.scores.learn(&lines(text));
        self.add_lines(agent, numbers)
    }

    /// Takes note of the lines of texts by their hashes, and gives a number for each.
    pub fn learn(&mut self, lines: &[u64]) -> Vec<u32> {
        self.scores.learn(lines)
    }

    /// The same as [`Self::add`], for a text whose lines have [these numbers](Self::learn).
    pub fn add_lines(&mut self, agent: usize, numbers: Vec<u32>) -> usize {
        self.scores.add(agent, numbers);
        self.count += 1;
        self.count - 1
    }

    /// Where a text is from. The agents for which `is_named` is true are looked at first, and the others only if it is from none of those.
    #[must_use]
    pub fn origin_of(
        &self,
        text: &[u8],
        is_named: &dyn Fn(usize) -> bool,
        texts: Texts<'_>,
    ) -> Origin {
        let own = Text::of(text);
        let named = self.scores.best(&own.lines, is_named);
        match decide(&own, &named, &mut *texts) {
            Origin::Unknown(_) => {}
            origin => return origin,
        }
        let all = self.scores.best(&own.lines, &|_| true);
        let nearest = match decide(&own, &all, &mut *texts) {
            Origin::Unknown(nearest) => nearest,
            origin => return origin,
        };
        let agents = self.scores.agents();
        let named = agents.filter(|(agent, _)| is_named(*agent));
        let mut versions: Vec<usize> = named.flat_map(|(_, versions)| versions).collect();
        for near in &nearest {
            versions.extend(self.scores.versions_beside(near.version));
        }
        let found = self.rewritten((text, &own), &versions, (ASKED, texts));
        if found.is_empty() {
            Origin::Unknown(nearest)
        } else {
            Origin::Several(found)
        }
    }

    /// The versions that share at least so many of their words with the text, though few of their lines; the likeliest come first.
    fn rewritten(
        &self,
        (text, own): (&[u8], &Text),
        versions: &[usize],
        (least, texts): (f64, Texts<'_>),
    ) -> Vec<Match> {
        let mut known = BTreeSet::new();
        let versions = versions.iter().copied();
        let versions: Vec<usize> = versions
            .filter(|version| known.insert(*version))
            .take(MAX_COMPARED)
            .collect();
        let texts: HashMap<usize, Vec<u8>> = texts(&versions).into_iter().collect();
        // What all agents of a collection have in common says nothing about one of them.
        let pairs = |text: &[u8]| {
            let lines = hashed_lines(text).filter(|(line, _)| self.scores.is_rare(*line));
            Pairs::of(lines.map(|(_, line)| line))
        };
        let own_pairs = pairs(text);
        let scored = versions.iter().filter_map(|version| {
            let score = pairs(texts.get(version)?).shared(&own_pairs);
            let agent = self.scores.agent_of(*version)?;
            (score >= least).then_some(Scored {
                version: *version,
                agent,
                score,
            })
        });
        let mut found = differences(own, scored.collect(), &texts);
        found.sort_by(|one, other| other.scored.score.total_cmp(&one.scored.score));
        let best = found.first().map_or(0.0, |found| found.scored.score);
        found.retain(|found| best - found.scored.score <= CLOSE);
        found.iter().map(matched).collect()
    }

    /// Which version of one agent a text is from, however little of it is left.
    #[must_use]
    pub fn origin_in(&self, text: &[u8], agent: usize, texts: Texts<'_>) -> Origin {
        let own = Text::of(text);
        let is_enough = |scored: &Scored| scored.score >= f64::from(LEAST);
        let scored = self.scores.of_agent(&own.lines, agent);
        let near: Vec<Scored> = scored.into_iter().filter(is_enough).collect();
        if !near.is_empty() {
            return among(&own, near, texts);
        }
        let versions = self.scores.agents().filter(|(known, _)| *known == agent);
        let versions: Vec<usize> = versions.flat_map(|(_, versions)| versions).collect();
        match self
            .rewritten((text, &own), &versions, (0.0, texts))
            .as_slice()
        {
            [] => Origin::Unknown(Vec::new()),
            [only] if versions.len() == 1 => Origin::Version(*only),
            several => Origin::Several(several.to_vec()),
        }
    }
}

/// Which of these versions a text is from; the best come first.
fn decide(own: &Text, scored: &[Scored], texts: Texts<'_>) -> Origin {
    let Some(best) = scored.first() else {
        return Origin::Unknown(Vec::new());
    };
    let is_enough = |scored: &Scored| scored.score >= f64::from(LEAST);
    if !is_enough(best) {
        let nearest = one_of_each(scored).into_iter().take(NEAREST).collect();
        let mut nearest = by_difference(own, nearest, texts);
        nearest.sort_by(|one, other| other.scored.score.total_cmp(&one.scored.score));
        return Origin::Unknown(nearest.iter().map(matched).collect());
    }
    let of_best = |scored: &Scored| scored.agent == best.agent;
    let mut candidates: Vec<Scored> = scored.iter().copied().filter(of_best).collect();
    candidates.retain(is_enough);
    let others = one_of_each(scored).into_iter();
    candidates.extend(others.filter(|other| !of_best(other) && is_close(other, best)));
    among(own, candidates, texts)
}

/// Which of these versions a text is from, if it is from one of them.
fn among(own: &Text, candidates: Vec<Scored>, texts: Texts<'_>) -> Origin {
    let mut found = by_difference(own, candidates, texts);
    let is_first = |one: &Difference| !found.iter().any(|other| other.is_within(one));
    let Some(first) = found.iter().position(is_first) else {
        return Origin::Unknown(Vec::new());
    };
    let first = found.remove(first);
    let others = found.iter();
    let others = others.filter(|other| is_close(&other.scored, &first.scored));
    let others: Vec<Match> = others.map(matched).collect();
    // A file in which only white space was changed has the words of one version.
    if others.is_empty() || !first.is_other {
        return Origin::Version(matched(&first));
    }
    Origin::Several([vec![matched(&first)], others].concat())
}

/// Whether a version is about as near as another one, or nearer.
fn is_close(other: &Scored, near: &Scored) -> bool {
    near.score - other.score <= CLOSE
}

/// How versions differ from a text, the nearest first; each text once, whatever its white space.
fn by_difference(own: &Text, scored: Vec<Scored>, texts: Texts<'_>) -> Vec<Difference> {
    let numbers: Vec<usize> = scored.iter().map(|scored| scored.version).collect();
    differences(own, scored, &texts(&numbers).into_iter().collect())
}

/// The same with their texts.
fn differences(
    own: &Text,
    scored: Vec<Scored>,
    texts: &HashMap<usize, Vec<u8>>,
) -> Vec<Difference> {
    let mut known = BTreeSet::new();
    let mut found: Vec<Difference> = Vec::new();
    for scored in scored {
        if let Some(text) = texts.get(&scored.version) {
            let version = Text::of(text);
            if known.insert(version.bare) {
                found.push(Difference::of(own, &version, scored));
            }
        }
    }
    found.sort_by_key(|found| {
        let (added, removed) = found.counts;
        let is_far = (found.is_other, found.has_other_keys);
        (found.words.len(), is_far, added + removed)
    });
    found
}

impl Difference {
    fn of(own: &Text, version: &Text, scored: Scored) -> Self {
        let added = without(&own.lines, &version.lines);
        let removed = without(&version.lines, &own.lines);
        let (mine, its) = (own.words_of(&added), version.words_of(&removed));
        Self {
            scored,
            counts: (added.len(), removed.len()),
            lines: tagged(&added, &removed),
            words: tagged(&without(&mine, &its), &without(&its, &mine)),
            has_other_keys: version.keys != own.keys,
            is_other: version.bare != own.bare,
        }
    }
}

impl Text {
    fn of(text: &[u8]) -> Self {
        let words = |line: &[u8]| {
            let words = line.split(u8::is_ascii_whitespace);
            words.filter(|word| !word.is_empty()).map(hash).collect()
        };
        let bare = text.iter().filter(|byte| !byte.is_ascii_whitespace());
        let bare: Vec<u8> = bare.copied().collect();
        Self {
            lines: lines(text),
            words: hashed_lines(text)
                .map(|(number, line)| (number, words(line)))
                .collect(),
            bare: hash(&bare),
            keys: definition::keys(text),
        }
    }

    /// The words of some of its lines, sorted.
    fn words_of(&self, lines: &[u64]) -> Vec<u64> {
        let words = lines.iter().filter_map(|line| self.words.get(line));
        let mut words: Vec<u64> = words.flatten().copied().collect();
        words.sort_unstable();
        words
    }
}

fn matched(found: &Difference) -> Match {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a score is between 0 and 100"
    )]
    let percent = (found.scored.score + 1e-9) as u32;
    let (added, removed) = found.counts;
    Match {
        version: found.scored.version,
        percent,
        lines: added.max(removed),
    }
}

/// The first version of each agent.
fn one_of_each(scored: &[Scored]) -> Vec<Scored> {
    let mut known = BTreeSet::new();
    let first = scored.iter().filter(|scored| known.insert(scored.agent));
    first.copied().collect()
}

/// Joins two lists into one sorted list, and marks which list each member came from.
fn tagged(one: &[u64], other: &[u64]) -> Vec<u64> {
    let one = one.iter().map(|member| member << 1);
    let other = other.iter().map(|member| (member << 1) | 1);
    let mut all: Vec<u64> = one.chain(other).collect();
    all.sort_unstable();
    all
}

/// How many members each of two sorted lists has that the other one has not.
fn differing(one: &[u64], other: &[u64]) -> (usize, usize) {
    (without(one, other).len(), without(other, one).len())
}

/// The members of a sorted list that another one has not, each as often as it has more of them.
fn without(one: &[u64], other: &[u64]) -> Vec<u64> {
    let mut rest = other.iter().peekable();
    let is_only_here = |member: &&u64| {
        while rest.next_if(|other| other < member).is_some() {}
        rest.next_if(|other| other == member).is_none()
    };
    one.iter().filter(is_only_here).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent of twenty lines of its own.
    fn text(name: &str) -> String {
        let lines = (1..=20).map(|line| format!("{name} does {line}\n"));
        let lines = lines.collect::<Vec<_>>().concat();
        format!("---\nname: {name}\n---\n{lines}")
    }

    /// The text with other words in some lines.
    fn changed(text: &str, lines: std::ops::RangeInclusive<u32>) -> String {
        lines.fold(text.to_owned(), |text, line| {
            text.replace(&format!("does {line}\n"), &format!("has done {line} now\n"))
        })
    }

    fn origin_by(known: &[(usize, &str)], own: &str, is_named: &dyn Fn(usize) -> bool) -> Origin {
        let mut versions = Versions::default();
        for (agent, text) in known {
            let _ = versions.add(*agent, text.as_bytes());
        }
        versions.origin_of(own.as_bytes(), is_named, &mut |numbers| {
            let text = |number: &usize| (*number, known[*number].1.as_bytes().to_vec());
            numbers.iter().map(text).collect()
        })
    }

    fn origin(known: &[(usize, &str)], own: &str) -> Origin {
        origin_by(known, own, &|_| false)
    }

    #[test]
    fn an_edited_copy_is_from_the_version_with_the_fewest_differing_lines() {
        let first = text("planner");
        let second = changed(&first, 1..=4);
        let third = changed(&second, 6..=9);
        let other = text("tester");
        let known = [(0, &*first), (0, &*second), (0, &*third), (1, &*other)];
        for (version, copied) in [&first, &second, &third].into_iter().enumerate() {
            let own = copied.replace("does 15\n", "does what I want\n");
            let Origin::Version(found) = origin(&known, &own) else {
                panic!("{:?}", origin(&known, &own));
            };
            assert_eq!((found.version, found.lines), (version, 1));
        }
    }

    #[test]
    fn a_line_that_all_agents_have_says_little() {
        let common: Vec<String> = (1..=30).map(|line| format!("common {line}\n")).collect();
        let common = common.concat();
        let agents: Vec<String> = (0..20)
            .map(|agent| text(&format!("agent-{agent}")) + &common)
            .collect();
        let known: Vec<(usize, &str)> = agents.iter().map(String::as_str).enumerate().collect();
        let stranger = text("stranger") + &common;
        assert!(
            matches!(origin(&known, &stranger), Origin::Unknown(nearest) if nearest.len() == 3)
        );
    }

    #[test]
    fn white_space_is_no_difference() {
        let planner = text("planner");
        let known = [(0, &*planner)];
        for own in [
            planner.replace('\n', "\r\n"),
            planner.replace("does 3\n", "does 3  \n\n"),
        ] {
            assert!(matches!(origin(&known, &own), Origin::Version(found) if found.lines == 0));
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_several() {
        let one = text("planner");
        let other = one.replace("does 3\n", "does three\n");
        let own = one.replace("does 3\n", "does my own\n");
        let is_both = |known: &[(usize, &str)]| match origin(known, &own) {
            Origin::Several(found) => found.len() == 2,
            _ => false,
        };
        assert!(is_both(&[(0, &one), (0, &other)]), "two versions");
        assert!(is_both(&[(0, &one), (1, &other)]), "two agents");
        // The same text in two places is no question.
        let copy = [(0, &*one), (1, &*one)];
        assert!(matches!(origin(&copy, &own), Origin::Version(found) if found.version == 0));
    }

    /// The numbers of the versions that a text may be from.
    fn numbers(known: &[(usize, &str)], own: &str) -> Vec<usize> {
        match origin(known, own) {
            Origin::Version(found) => vec![found.version],
            Origin::Several(found) => found.iter().map(|found| found.version).collect(),
            Origin::Unknown(_) => Vec::new(),
        }
    }

    #[test]
    fn what_both_differ_in_does_not_count() {
        // Most of the file was rewritten; one word tells which version that was.
        let one = text("planner");
        let other = one.replace("does 3\n", "does three\n");
        let mut own = one.clone();
        for line in 10..=14 {
            own = own.replace(&format!("does {line}\n"), &format!("is mine in {line}\n"));
        }
        assert_eq!(numbers(&[(0, &other), (0, &one)], &own), [1, 0]);
    }

    #[test]
    fn the_nearest_by_words_is_offered_first() {
        let one = text("planner").replace("does 3\n", "does all that was ever asked of it\n");
        let other = text("planner").replace("does 3\n", "plans at night and sleeps by day\n");
        let own = one.replace("was ever asked", "is ever asked");
        assert_eq!(numbers(&[(0, &other), (0, &one)], &own), [1, 0]);
        let own = one.replace(
            "all that was ever asked of it",
            "plans that nobody asked for",
        );
        assert_eq!(numbers(&[(0, &other), (0, &one)], &own).len(), 2);
    }

    #[test]
    fn words_that_other_lines_have_too_do_not_hide_a_change() {
        let one = text("planner");
        let other = one.replace("does 3\n", "does another 3\n");
        let own = one.replace("does 9\n", "does another 9\n");
        assert_eq!(numbers(&[(0, &other), (0, &one)], &own), [1, 0]);
    }

    #[test]
    fn a_changed_value_is_likelier_than_another_key() {
        let without = text("planner");
        let model = |model: &str| without.replacen("---\n", &format!("---\nmodel: {model}\n"), 1);
        let with = model("opus");
        let known = [(0, &*without), (0, &*with)];
        assert_eq!(numbers(&known, &model("haiku")), [1, 0]);
    }

    #[test]
    fn another_order_is_not_only_white_space() {
        let one = text("planner");
        let other = one.replace(
            "planner does 3\nplanner does 4\n",
            "planner does 4\nplanner does 3\n",
        );
        assert_ne!(one, other);
        let known = [(0, &*other), (0, &*one)];
        assert_eq!(numbers(&known, &one.replace('\n', "\n\n")), [1]);
        assert_eq!(
            numbers(&known, &one.replace("does 9", "does nine")).len(),
            2
        );
    }

    #[test]
    fn agents_of_the_same_name_come_first() {
        let own = text("planner");
        let edited = own
            .replace("does 3\n", "does three\n")
            .replace("does 4\n", "four\n");
        let known = [(0, &*own), (1, &*edited)];
        let found = origin_by(&known, &own, &|agent| agent == 1);
        assert!(matches!(found, Origin::Version(found) if found.version == 1));
        let found = origin_by(&known, &text("other"), &|agent| agent == 1);
        assert!(matches!(found, Origin::Unknown(_)));
    }

    #[test]
    fn a_rewritten_text_has_no_origin() {
        let planner = text("planner");
        let found = origin(&[(0, &planner)], &planner.replace("does", "did"));
        assert!(matches!(found, Origin::Unknown(nearest) if nearest.len() == 1));
        assert_eq!(origin(&[], &planner), Origin::Unknown(Vec::new()));
    }
}

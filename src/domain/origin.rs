//! Which version of which agent a file was made from, by its text. Pure: texts in, an answer out. Identical files need no comparison of
//! texts, so callers look for the blob first.
//!
//! A line says the more, the fewer agents have it: each is weighted by its rarity among all agents. What two texts share, out of what both
//! have, is their score in percent. Versions of one agent differ in few lines, so among the best of them the number of differing lines
//! decides.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::lineage::{Lines, lines};

/// What has a lower score, in percent, is not where a file is from.
pub const LEAST: u32 = 60;
/// Scores that are not further apart than this do not tell two agents apart, in points.
const CLOSE: f64 = 5.0;
/// Of how many differing lines one more tells two versions of an agent apart.
const SIGNIFICANT: usize = 10;
/// How many agents are named where none is the origin.
const NEAREST: usize = 3;

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

/// The versions of agents that a file may have been made from.
#[derive(Debug, Default)]
pub struct Versions {
    all: Vec<Version>,
    /// The versions that have a line, and how often.
    having: HashMap<u64, Vec<(usize, u32)>>,
    /// How many agents have a line, and which of them was the last to be added.
    agents: HashMap<u64, (u32, usize)>,
    /// How many agents there are.
    count: usize,
    /// What the lines of each version weigh, once all are there.
    weights: OnceCell<Vec<f64>>,
}

#[derive(Debug)]
struct Version {
    agent: usize,
    lines: Lines,
    /// What is left without white space.
    bare: u64,
}

/// A version with its score.
#[derive(Debug, Clone, Copy)]
struct Scored {
    version: usize,
    agent: usize,
    score: f64,
}

impl Versions {
    /// Adds a version of an agent. All versions of an agent are added before those of the next one; where nothing else decides, earlier
    /// ones are preferred.
    pub fn add(&mut self, agent: usize, text: &[u8]) {
        self.weights = OnceCell::new();
        let number = self.all.len();
        if self.all.last().is_none_or(|last| last.agent != agent) {
            self.count += 1;
        }
        let lines = lines(text);
        for same in lines.chunk_by(|one, other| one == other) {
            let times = u32::try_from(same.len()).unwrap_or(u32::MAX);
            self.having
                .entry(same[0])
                .or_default()
                .push((number, times));
            let known = self.agents.entry(same[0]).or_insert((0, usize::MAX));
            if known.1 != agent {
                *known = (known.0 + 1, agent);
            }
        }
        self.all.push(Version {
            agent,
            lines,
            bare: bare(text),
        });
    }

    /// Where a text is from. The agents for which `is_named` is true are looked at first, and the others only if it is from none of those.
    #[must_use]
    pub fn origin_of(&self, text: &[u8], is_named: &dyn Fn(usize) -> bool) -> Origin {
        let own = lines(text);
        let scored = self.scores(&own);
        let named = scored.iter().filter(|scored| is_named(scored.agent));
        let named: Vec<Scored> = named.copied().collect();
        match self.decide(&own, &named) {
            Origin::Unknown(_) => self.decide(&own, &scored),
            origin => origin,
        }
    }

    /// The version of one agent that is most like a text, however little that is.
    #[must_use]
    pub fn nearest(&self, text: &[u8], agent: usize) -> Option<Match> {
        let own = lines(text);
        let mut scored = self.scores(&own);
        scored.retain(|scored| scored.agent == agent);
        let nearest = (scored.iter()).min_by_key(|scored| self.differing(&own, scored));
        nearest.map(|nearest| self.matched(&own, nearest))
    }

    /// The versions that share a line with a text, the best first.
    fn scores(&self, own: &Lines) -> Vec<Scored> {
        let mut shared: HashMap<usize, f64> = HashMap::new();
        for same in own.chunk_by(|one, other| one == other) {
            let weight = self.weight(same[0]);
            let having = self.having.get(&same[0]).into_iter().flatten();
            for (version, times) in having {
                let times = u32::try_from(same.len()).map_or(*times, |own| own.min(*times));
                *shared.entry(*version).or_default() += weight * f64::from(times);
            }
        }
        let whole = self.weight_of(own);
        let weights = self.weights.get_or_init(|| {
            let all = self.all.iter();
            all.map(|version| self.weight_of(&version.lines)).collect()
        });
        let scored = shared.into_iter().map(|(version, shared)| Scored {
            version,
            agent: self.all[version].agent,
            score: 200.0 * shared / (whole + weights[version]),
        });
        let mut scored: Vec<Scored> = scored.collect();
        scored.sort_by(|one, other| {
            let order = other.score.total_cmp(&one.score);
            order.then(one.version.cmp(&other.version))
        });
        scored
    }

    fn weight_of(&self, lines: &Lines) -> f64 {
        lines.iter().map(|line| self.weight(*line)).sum()
    }

    /// How much a line says: the more, the fewer agents have it.
    fn weight(&self, line: u64) -> f64 {
        let with = self.agents.get(&line).map_or(1, |(with, _)| *with);
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        (1.0 + f64::from(count) / f64::from(with)).ln()
    }

    /// Which of these versions a text is from; the best come first.
    fn decide(&self, own: &Lines, scored: &[Scored]) -> Origin {
        let matched = |scored: &Scored| self.matched(own, scored);
        let Some(best) = scored.first() else {
            return Origin::Unknown(Vec::new());
        };
        if best.score < f64::from(LEAST) {
            let nearest = one_of_each(scored).into_iter().take(NEAREST);
            return Origin::Unknown(nearest.map(|scored| matched(&scored)).collect());
        }
        let close: Vec<Scored> = (scored.iter())
            .take_while(|scored| best.score - scored.score <= CLOSE)
            .copied()
            .collect();
        let of_best: Vec<Scored> = (close.iter())
            .filter(|scored| scored.agent == best.agent)
            .copied()
            .collect();
        let nearest = self.distinct(self.nearest_of(own, of_best));
        let first = matched(&nearest[0]);
        if first.lines == 0 {
            return Origin::Version(first);
        }
        if nearest.len() > 1 {
            return Origin::Several(nearest.iter().map(matched).collect());
        }
        let mut others = one_of_each(&close);
        others.retain(|other| other.agent != best.agent);
        let all = self.distinct(nearest.into_iter().chain(others).collect());
        match all.as_slice() {
            [_] => Origin::Version(first),
            several => Origin::Several(several.iter().map(matched).collect()),
        }
    }

    /// Those of several versions that have the fewest differing lines, or nearly so: among many of them, a few say nothing.
    fn nearest_of(&self, own: &Lines, scored: Vec<Scored>) -> Vec<Scored> {
        let counted = scored
            .into_iter()
            .map(|scored| (self.differing(own, &scored), scored));
        let mut counted: Vec<(usize, Scored)> = counted.collect();
        counted.sort_by_key(|(lines, _)| *lines);
        let fewest = counted.first().map_or(0, |(lines, _)| *lines);
        let near = counted
            .into_iter()
            .take_while(|(lines, _)| lines - fewest <= fewest / SIGNIFICANT);
        near.map(|(_, scored)| scored).collect()
    }

    /// The first of each text, whatever its white space.
    fn distinct(&self, mut scored: Vec<Scored>) -> Vec<Scored> {
        let mut known = Vec::new();
        scored.retain(|scored| {
            let bare = self.all[scored.version].bare;
            let is_new = !known.contains(&bare);
            known.push(bare);
            is_new
        });
        scored
    }

    /// How many lines only one of two texts has, together.
    fn differing(&self, own: &Lines, scored: &Scored) -> usize {
        let (added, removed) = differing(own, &self.all[scored.version].lines);
        added + removed
    }

    fn matched(&self, own: &Lines, scored: &Scored) -> Match {
        let (added, removed) = differing(own, &self.all[scored.version].lines);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a score is between 0 and 100"
        )]
        let percent = (scored.score + 1e-9) as u32;
        Match {
            version: scored.version,
            percent,
            lines: added.max(removed),
        }
    }
}

/// The first version of each agent.
fn one_of_each(scored: &[Scored]) -> Vec<Scored> {
    let mut found: Vec<Scored> = Vec::new();
    for scored in scored {
        if !found.iter().any(|known| known.agent == scored.agent) {
            found.push(*scored);
        }
    }
    found
}

/// How many lines each of two texts has that the other one has not.
fn differing(one: &Lines, other: &Lines) -> (usize, usize) {
    let mut rest = other.iter().peekable();
    let (mut added, mut removed) = (0, 0);
    for line in one {
        while rest.next_if(|other| *other < line).is_some() {
            removed += 1;
        }
        if rest.next_if(|other| *other == line).is_none() {
            added += 1;
        }
    }
    (added, removed + rest.count())
}

fn bare(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        byte.hash(&mut hasher);
    }
    hasher.finish()
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

    fn versions(texts: &[(usize, &str)]) -> Versions {
        let mut versions = Versions::default();
        for (agent, text) in texts {
            versions.add(*agent, text.as_bytes());
        }
        versions
    }

    fn origin(known: &[(usize, &str)], own: &str) -> Origin {
        versions(known).origin_of(own.as_bytes(), &|_| false)
    }

    #[test]
    fn an_edited_copy_is_from_the_version_with_the_fewest_differing_lines() {
        let first = text("planner");
        let second = first.replace("does 3\n", "does three\n");
        let third = second.replace("does 9\n", "does nine\n");
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

    #[test]
    fn agents_of_the_same_name_come_first() {
        let own = text("planner");
        let edited = own
            .replace("does 3\n", "does three\n")
            .replace("does 4\n", "four\n");
        let known = versions(&[(0, &own), (1, &edited)]);
        let found = known.origin_of(own.as_bytes(), &|agent| agent == 1);
        assert!(matches!(found, Origin::Version(found) if found.version == 1));
        let found = known.origin_of(text("other").as_bytes(), &|agent| agent == 1);
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

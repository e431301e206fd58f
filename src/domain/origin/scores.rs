//! Which agents have the lines of a text: what both have, each line weighted by its rarity among all agents, out of all that both have.
//!
//! Most lines of an agent are in all its versions. So each line only knows its agents, which says how much of a text an agent has at most,
//! and versions are compared where that is enough.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::{CLOSE, LEAST, NEAREST};
use crate::domain::lineage::Lines;

/// A version with how much of it and of a text is the same, in percent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    pub(super) version: usize,
    pub(super) agent: usize,
    pub(super) score: f64,
}

/// The lines of the versions of agents.
#[derive(Debug, Default)]
pub(super) struct Scores {
    /// The lines of each version, as sorted numbers.
    versions: Vec<Box<[u32]>>,
    /// The agents as they were added, each with its versions.
    agents: Vec<(usize, Range<usize>)>,
    /// The numbers of the lines.
    numbers: HashMap<u64, u32, BuildHasherDefault<Same>>,
    /// The place of the agent that was the last to have a line, by number.
    last: Vec<u32>,
    /// Which agent has which line, by their numbers and places.
    having: Vec<(u32, u32)>,
    weights: OnceCell<Weights>,
}

/// Lines are hashes already.
#[derive(Debug, Default)]
struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What follows once all versions are there.
#[derive(Debug)]
struct Weights {
    having: Vec<(u32, u32)>,
    lines: Vec<f64>,
    versions: Vec<f64>,
}

/// A text whose agent is looked for: the lines that are known, sorted, and what all of its lines weigh.
struct Own {
    lines: Vec<u32>,
    weight: f64,
}

impl Scores {
    /// A number for each line.
    pub(super) fn learn(&mut self, lines: &[u64]) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(lines.len());
        for line in lines {
            let next = number(self.last.len());
            let line = *self.numbers.entry(*line).or_insert(next);
            if line == next {
                self.last.push(u32::MAX);
            }
            numbers.push(line);
        }
        numbers
    }

    /// Adds a version of an agent with the numbers of its lines. All versions of an agent are added before those of the next one.
    pub(super) fn add(&mut self, agent: usize, mut lines: Vec<u32>) {
        self.weights = OnceCell::new();
        let version = self.versions.len();
        match self.agents.last_mut() {
            Some((last, versions)) if *last == agent => versions.end = version + 1,
            _ => self.agents.push((agent, version..version + 1)),
        }
        let place = number(self.agents.len() - 1);
        lines.sort_unstable();
        for line in &lines {
            let last = &mut self.last[*line as usize];
            if *last != place {
                *last = place;
                self.having.push((*line, place));
            }
        }
        self.versions.push(lines.into());
    }

    /// The agents, each with its versions.
    pub(super) fn agents(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.agents.iter().cloned()
    }

    /// The agent of a version.
    pub(super) fn agent_of(&self, version: usize) -> Option<usize> {
        let (agent, _) = self.around(version)?;
        Some(*agent)
    }

    /// All versions of the agent of a version.
    pub(super) fn versions_beside(&self, version: usize) -> Range<usize> {
        let around = self.around(version);
        around.map_or(0..0, |(_, versions)| versions.clone())
    }

    /// Whether at most one agent has a line.
    pub(super) fn is_rare(&self, line: u64) -> bool {
        let number = self.numbers.get(&line);
        number.is_none_or(|number| self.weights().having(*number).len() < 2)
    }

    fn around(&self, version: usize) -> Option<&(usize, Range<usize>)> {
        let after = self
            .agents
            .partition_point(|(_, versions)| versions.end <= version);
        self.agents.get(after)
    }

    /// The versions of the agents that are most like a text, the best first: of all that are as near as the best, if that is near enough,
    /// and otherwise of the nearest few. Only agents for which `is_wanted` is true are looked at.
    pub(super) fn best(&self, own: &Lines, is_wanted: &dyn Fn(usize) -> bool) -> Vec<Scored> {
        let own = self.own(own);
        let mut found: Vec<Scored> = Vec::new();
        // The best score of each agent, in descending order.
        let mut tops: Vec<f64> = Vec::new();
        for (most, place) in self.most(&own, is_wanted) {
            let is_over = match tops.first() {
                Some(best) if *best >= f64::from(LEAST) => best - most > CLOSE,
                _ => tops.get(NEAREST - 1).is_some_and(|least| most < *least),
            };
            if is_over {
                break;
            }
            let scored = self.of_place(&own, place);
            let top = scored.iter().map(|scored| scored.score).fold(0.0, f64::max);
            tops.insert(tops.partition_point(|other| *other >= top), top);
            found.extend(scored);
        }
        sorted(found)
    }

    /// The versions of one agent, the best first.
    pub(super) fn of_agent(&self, own: &Lines, agent: usize) -> Vec<Scored> {
        let places = self.agents.iter().position(|(known, _)| *known == agent);
        let own = self.own(own);
        sorted(places.map_or_else(Vec::new, |place| self.of_place(&own, place)))
    }

    /// How much each agent can have in common with a text at most, in percent, the likeliest first: as if one version had all of its lines.
    fn most(&self, own: &Own, is_wanted: &dyn Fn(usize) -> bool) -> Vec<(f64, usize)> {
        let weights = self.weights();
        let mut shared: HashMap<u32, f64> = HashMap::new();
        for same in own.lines.chunk_by(|one, other| one == other) {
            let weight: f64 = same.iter().map(|line| weights.lines[*line as usize]).sum();
            for (_, place) in weights.having(same[0]) {
                *shared.entry(*place).or_default() += weight;
            }
        }
        let shared = shared.into_iter();
        let shared = shared.map(|(place, shared)| (place as usize, shared));
        let wanted = shared.filter(|(place, _)| is_wanted(self.agents[*place].0));
        let percent = |shared: f64| 200.0 * shared / (own.weight + shared);
        let mut most: Vec<(f64, usize)> = wanted
            .map(|(place, shared)| (percent(shared), place))
            .collect();
        most.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        most
    }

    fn of_place(&self, own: &Own, place: usize) -> Vec<Scored> {
        let weights = self.weights();
        let (agent, versions) = &self.agents[place];
        let scored = versions.clone().map(|version| {
            let mut rest = own.lines.iter().peekable();
            let mut shared = 0.0;
            for line in &self.versions[version] {
                while rest.next_if(|own| *own < line).is_some() {}
                if rest.next_if(|own| *own == line).is_some() {
                    shared += weights.lines[*line as usize];
                }
            }
            Scored {
                version,
                agent: *agent,
                score: 200.0 * shared / (own.weight + weights.versions[version]),
            }
        });
        scored.filter(|scored| scored.score > 0.0).collect()
    }

    fn own(&self, lines: &Lines) -> Own {
        let known = lines.iter().map(|line| self.numbers.get(line).copied());
        let mut own = Own {
            lines: known.clone().flatten().collect(),
            weight: 0.0,
        };
        own.lines.sort_unstable();
        let weights = self.weights();
        let weight = |line: Option<u32>| match line {
            Some(line) => weights.lines[line as usize],
            None => self.weight(1),
        };
        own.weight = known.map(weight).sum();
        own
    }

    /// How much a line says that so many agents have: the more, the fewer these are.
    fn weight(&self, with: usize) -> f64 {
        (1.0 + f64::from(number(self.agents.len())) / f64::from(number(with))).ln()
    }

    fn weights(&self) -> &Weights {
        self.weights.get_or_init(|| {
            let mut weights = Weights {
                having: self.having.clone(),
                lines: Vec::new(),
                versions: Vec::new(),
            };
            weights.having.sort_unstable();
            let lines = weights.having.chunk_by(|one, other| one.0 == other.0);
            weights.lines = lines.map(|having| self.weight(having.len())).collect();
            let weight = |line: &u32| weights.lines[*line as usize];
            let versions = self.versions.iter();
            weights.versions = versions
                .map(|lines| lines.iter().map(weight).sum())
                .collect();
            weights
        })
    }
}

impl Weights {
    /// The agents that have a line.
    fn having(&self, line: u32) -> &[(u32, u32)] {
        let start = self.having.partition_point(|(known, _)| *known < line);
        let rest = &self.having[start..];
        &rest[..rest.partition_point(|(known, _)| *known == line)]
    }
}

fn sorted(mut scored: Vec<Scored>) -> Vec<Scored> {
    scored.sort_by(|one, other| {
        let order = other.score.total_cmp(&one.score);
        order.then(one.version.cmp(&other.version))
    });
    scored
}

/// There is no memory for more.
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of versions: few different ones, so that agents share some.
    fn lines() -> impl Strategy<Value = Lines> {
        prop::collection::vec(0..40_u64, 1..12).prop_map(|mut lines| {
            lines.sort_unstable();
            lines
        })
    }

    proptest! {
        /// Leaving out agents that cannot be near enough changes nothing about those that are.
        #[test]
        fn the_best_are_those_of_all(
            agents in prop::collection::vec(prop::collection::vec(lines(), 1..4), 1..8),
            own in lines(),
        ) {
            let mut scores = Scores::default();
            for (agent, versions) in agents.iter().enumerate() {
                for lines in versions {
                    let numbers = scores.learn(lines);
                    scores.add(agent, numbers);
                }
            }
            let every = (0..agents.len()).flat_map(|agent| scores.of_agent(&own, agent));
            let all = sorted(every.collect());
            let found = scores.best(&own, &|_| true);
            let short = |scored: &Scored| (scored.version, scored.agent);
            let Some(best) = all.first() else {
                prop_assert!(found.is_empty());
                return Ok(());
            };
            let is_near = |scored: &&Scored| best.score >= f64::from(LEAST) && best.score - scored.score <= CLOSE;
            prop_assert_eq!(short(&found[0]), short(best));
            let near: Vec<_> = all.iter().filter(is_near).map(short).collect();
            prop_assert_eq!(&found.iter().map(short).collect::<Vec<_>>()[..near.len()], &near[..]);
            for agent in (0..agents.len()).filter(|agent| found.iter().all(|found| found.agent != *agent)) {
                let top = |agent| scores.of_agent(&own, agent).first().map_or(0.0, |scored| scored.score);
                let others: std::collections::BTreeSet<usize> = found.iter().map(|found| found.agent).collect();
                let nearer = others.into_iter().filter(|other| top(*other) >= top(agent));
                let is_enough = best.score >= f64::from(LEAST);
                prop_assert!(top(agent) <= 0.0 || is_enough || nearer.count() >= NEAREST);
            }
        }
    }
}

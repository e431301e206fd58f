//! What became of an agent of a source between two commits: it is the same, it moved, or it is gone. Pure: two trees and the texts that
//! are asked for in, an answer out. Who has the trees and the texts, and what follows from the answer, is decided elsewhere.
//!
//! A file that stood at the earlier commit with other bytes is another agent, and never the answer to where this one went.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::digest::ObjectId;
use super::discovery::IndexEntry;
use super::name::folded;

/// The files of a commit by path.
pub type Tree = BTreeMap<String, ObjectId>;

/// Fetches texts by blob, as many of them as can be had.
pub type Texts<'t> = &'t mut dyn FnMut(&[ObjectId]) -> Vec<(ObjectId, Vec<u8>)>;

/// How much of a file that now has another name must be left for it to be the same agent, in percent.
const SAME: u32 = 60;
/// How much of an agent must be left at a new path for it to have moved there, in percent.
const MOVED: u32 = 50;
/// Shorter texts have too little of their own to be recognised by it.
const FEWEST_LINES: usize = 12;

/// An agent at the earlier commit.
#[derive(Debug, Clone, Copy)]
pub struct Known<'k> {
    /// Its file.
    pub file: &'k str,
    /// Its name, as upstream had it.
    pub name: &'k str,
    /// Its description, if it is known.
    pub description: Option<&'k str>,
    /// The blob of its file.
    pub blob: ObjectId,
}

/// How it was recognised at another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The same bytes.
    SameBytes,
    /// A copy that stood there before, too.
    Copy,
    /// The text: this many percent of it are left.
    Kept(u32),
    /// Only the name; the text was rewritten.
    Rewritten,
}

/// Why an agent may be the successor of one that is gone; the best reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It has the same bytes.
    SameBytes,
    /// It has most of the text.
    Kept,
    /// It has the name.
    Name,
    /// It has the description.
    Description,
    /// It has the name of the file.
    FileName,
    /// The name of its file ends with the old one.
    FileEnd,
    /// It is what the file is now.
    Path,
}

/// What became of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is where it was, perhaps under another name.
    Same(IndexEntry),
    /// It is elsewhere.
    Moved(IndexEntry, How),
    /// It is not there any more.
    Gone(Successors),
}

/// What may have taken the place of an agent that is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Successors {
    /// The agents, the likeliest first.
    pub agents: Vec<(IndexEntry, Why)>,
    /// How many of them, from the first on, are copies that it was split into; 0 if it was not.
    pub copies: usize,
}

/// The lines of a text that are not blank, as sorted hashes.
pub type Lines = Vec<u64>;

/// Two states of a source, with what was found out about their texts.
#[derive(Debug)]
pub struct Lineage {
    base: Option<Tree>,
    /// The blobs of the earlier commit.
    held: HashSet<ObjectId>,
    /// The names of the files that stood then and do not stand any more.
    left: HashSet<String>,
    now: Vec<IndexEntry>,
    /// The folded names of those.
    names: Vec<String>,
    lines: HashMap<ObjectId, Option<Lines>>,
    /// In how many texts of the later state each line is, and how many there are.
    frequency: Option<(HashMap<u64, u32>, u32)>,
}

impl Lineage {
    /// `base`: the files of the earlier commit, if it can be had. `now`: what the source offers at the later one.
    #[must_use]
    pub fn new(base: Option<Tree>, now: Vec<IndexEntry>) -> Self {
        let standing: HashSet<&str> = now.iter().map(|entry| entry.file.as_str()).collect();
        let left = base.iter().flat_map(BTreeMap::keys);
        let left = left.filter(|path| !standing.contains(path.as_str()));
        Self {
            left: left.map(|path| file_name(path).to_owned()).collect(),
            held: base.iter().flat_map(BTreeMap::values).copied().collect(),
            names: now.iter().map(|entry| entry.name.folded()).collect(),
            base,
            now,
            lines: HashMap::new(),
            frequency: None,
        }
    }

    /// What became of an agent.
    pub fn follow(&mut self, known: &Known<'_>, texts: Texts<'_>) -> Fate {
        let here = (self.now.iter()).position(|entry| entry.file == known.file);
        if let Some(here) = here {
            let same_bytes = self.same_bytes(known);
            if self.is_named(here, known)
                || same_bytes.is_none() && self.is_kept(known, here, texts)
            {
                return Fate::Same(self.now[here].clone());
            }
        }
        match self.moved(known, texts) {
            Ok((index, how)) => Fate::Moved(self.now[index].clone(), how),
            Err(alike) => Fate::Gone(self.successors(known, &alike)),
        }
    }

    /// Whether the file has enough of the text to be the same agent under another name.
    fn is_kept(&mut self, known: &Known<'_>, here: usize, texts: Texts<'_>) -> bool {
        let blob = self.now[here].blob;
        self.read(&[known.blob, blob], texts);
        let kept = |lines: &Lines| Some(percent(lines, self.lines_of(blob)?, &|_| 1.0));
        self.lines_of(known.blob)
            .and_then(kept)
            .is_some_and(|kept| kept >= SAME)
    }

    /// Where it went: the first rule decides that gives exactly one answer. Otherwise all that have most of its text.
    fn moved(&mut self, known: &Known<'_>, texts: Texts<'_>) -> Result<(usize, How), Vec<usize>> {
        if let Some(index) = self.same_bytes(known) {
            return Ok((index, How::SameBytes));
        }
        if let [index] = self.copies(known, texts).as_slice() {
            return Ok((*index, How::Copy));
        }
        let alike = self.alike(known, texts);
        let indexes: Vec<usize> = alike.iter().map(|(index, _)| *index).collect();
        // Nothing but a folder in common says too little about which of several texts is meant.
        if let Some(index) = self.nearest(known, &indexes, false) {
            let kept = alike.iter().find(|(found, _)| *found == index);
            return Ok((index, How::Kept(kept.map_or(0, |(_, kept)| *kept))));
        }
        let named = self.new_paths(known, |index| self.is_named(index, known));
        match named.as_slice() {
            [index] => Ok((*index, How::Rewritten)),
            _ => Err(indexes),
        }
    }

    /// The new paths of which something is true; never what another file of the earlier commit held.
    fn new_paths(&self, known: &Known<'_>, is_meant: impl Fn(usize) -> bool) -> Vec<usize> {
        let is_new = |entry: &IndexEntry| match &self.base {
            Some(base) => !base.contains_key(&entry.file),
            None => entry.file != known.file,
        };
        let is_other =
            |entry: &IndexEntry| entry.blob != known.blob && self.held.contains(&entry.blob);
        let found = self.now.iter().enumerate();
        let found =
            found.filter(|(index, entry)| is_new(entry) && !is_other(entry) && is_meant(*index));
        found.map(|(index, _)| index).collect()
    }

    /// The new path with the same bytes.
    fn same_bytes(&self, known: &Known<'_>) -> Option<usize> {
        let found = self.new_paths(known, |index| self.now[index].blob == known.blob);
        self.nearest(known, &found, true)
    }

    /// The paths that held the same bytes at the earlier commit, and are still the same agent.
    fn copies(&mut self, known: &Known<'_>, texts: Texts<'_>) -> Vec<usize> {
        let Some(base) = &self.base else {
            return Vec::new();
        };
        let is_copy = |(_, entry): &(usize, &IndexEntry)| {
            entry.file != known.file && base.get(&entry.file) == Some(&known.blob)
        };
        let found = self.now.iter().enumerate().filter(is_copy);
        let mut found: Vec<usize> = found.map(|(index, _)| index).collect();
        found.retain(|index| {
            self.is_named(*index, known) || self.is_kept(known, *index, &mut *texts)
        });
        found
    }

    /// The new paths that have most of the text, each with how many percent of it.
    fn alike(&mut self, known: &Known<'_>, texts: Texts<'_>) -> Vec<(usize, u32)> {
        // Without the earlier commit nothing says that a path is new.
        if self.base.is_none() {
            return Vec::new();
        }
        let candidates = self.new_paths(known, |index| !self.is_of_another(index, known));
        let mut blobs = vec![known.blob];
        blobs.extend(candidates.iter().map(|index| self.now[*index].blob));
        self.read(&blobs, texts);
        let is_long = |lines: &Lines| lines.len() >= FEWEST_LINES;
        let Some(own) = self
            .lines_of(known.blob)
            .filter(|own| is_long(own))
            .cloned()
        else {
            return Vec::new();
        };
        let kept = |this: &Self, index: &usize, weight: &dyn Fn(u64) -> f64| {
            let lines = this.lines_of(this.now[*index].blob)?;
            let percent = percent(&own, lines, weight);
            (percent >= MOVED).then_some(percent)
        };
        let found = candidates.into_iter();
        let mut found: Vec<(usize, u32)> = found
            .filter_map(|index| Some((index, kept(self, &index, &|_| 1.0)?)))
            .collect();
        if found.is_empty() {
            return found;
        }
        self.count(texts);
        let (frequency, all) = self.frequency.as_ref().expect("it was counted just now");
        // What all agents of a source have in common says nothing about one of them.
        let weight = |line: u64| {
            let with = frequency.get(&line).copied().unwrap_or(0).max(1);
            (1.0 + f64::from(*all) / f64::from(with)).ln()
        };
        found.retain(|(index, _)| kept(self, index, &weight).is_some());
        found
    }

    /// Whether a new file has the file name of another one that does not stand any more: then it is that one.
    fn is_of_another(&self, index: usize, known: &Known<'_>) -> bool {
        let name = file_name(&self.now[index].file);
        name != file_name(known.file) && self.left.contains(name) && !self.is_named(index, known)
    }

    fn is_named(&self, index: usize, known: &Known<'_>) -> bool {
        self.names[index] == folded(known.name)
    }

    /// The one that is meant of several: by its name, by the name of its file, then by the nearest folder. `by_folder`: whether the folder
    /// may decide alone.
    fn nearest(&self, known: &Known<'_>, found: &[usize], by_folder: bool) -> Option<usize> {
        let mut left = found.to_vec();
        let mut was_told = by_folder;
        let tells: [&dyn Fn(usize) -> bool; 2] = [&|index| self.is_named(index, known), &|index| {
            file_name(&self.now[index].file) == file_name(known.file)
        }];
        for tell in tells {
            if left.len() < 2 {
                break;
            }
            let meant: Vec<usize> = (left.iter().copied())
                .filter(|index| tell(*index))
                .collect();
            if !meant.is_empty() {
                (left, was_told) = (meant, true);
            }
        }
        if left.len() > 1 && was_told {
            let steps = |index: &usize| steps(known.file, &self.now[*index].file);
            let fewest = left.iter().map(steps).min();
            left.retain(|index| Some(steps(index)) == fewest);
        }
        match left.as_slice() {
            [index] => Some(*index),
            _ => None,
        }
    }

    /// What may have taken its place. `alike`: those that have most of its text.
    fn successors(&self, known: &Known<'_>, alike: &[usize]) -> Successors {
        let name = file_name(known.file);
        let why = |index: usize, entry: &IndexEntry| {
            let file = file_name(&entry.file);
            let is_described = known.description.is_some_and(|description| {
                !description.is_empty() && *description == entry.description
            });
            if entry.blob == known.blob {
                Some(Why::SameBytes)
            } else if alike.contains(&index) {
                Some(Why::Kept)
            } else if self.is_named(index, known) {
                Some(Why::Name)
            } else if is_described {
                Some(Why::Description)
            } else if file == name {
                Some(Why::FileName)
            } else if ends_with(file, name) {
                Some(Why::FileEnd)
            } else {
                (entry.file == known.file).then_some(Why::Path)
            }
        };
        let found = self.now.iter().enumerate();
        let mut found: Vec<(usize, Why)> = found
            .filter_map(|(index, entry)| Some((index, why(index, entry)?)))
            .collect();
        let is_copy =
            |(index, why): &(usize, Why)| *why <= Why::Kept && self.is_named(*index, known);
        let copies = match found.iter().filter(|found| is_copy(found)).count() {
            0 | 1 => 0,
            copies => copies,
        };
        found.sort_by_cached_key(|found| {
            let (index, why) = *found;
            let file = &self.now[index].file;
            let is_other = copies > 0 && !is_copy(found);
            (is_other, why, steps(known.file, file), file.clone())
        });
        let agents = found.into_iter();
        Successors {
            agents: agents
                .map(|(index, why)| (self.now[index].clone(), why))
                .collect(),
            copies,
        }
    }

    /// Reads the lines of texts that were not asked for yet.
    fn read(&mut self, blobs: &[ObjectId], texts: Texts<'_>) {
        let mut asked: Vec<ObjectId> = (blobs.iter().copied())
            .filter(|blob| !self.lines.contains_key(blob))
            .collect();
        asked.sort_unstable();
        asked.dedup();
        if asked.is_empty() {
            return;
        }
        let found = texts(&asked);
        self.lines
            .extend(asked.into_iter().map(|blob| (blob, None)));
        let found = found.into_iter();
        self.lines
            .extend(found.map(|(blob, text)| (blob, Some(lines(&text)))));
    }

    fn lines_of(&self, blob: ObjectId) -> Option<&Lines> {
        self.lines.get(&blob)?.as_ref()
    }

    /// Counts in how many of the texts each line is. Copies count once.
    fn count(&mut self, texts: Texts<'_>) {
        if self.frequency.is_some() {
            return;
        }
        let blobs: Vec<ObjectId> = self.now.iter().map(|entry| entry.blob).collect();
        self.read(&blobs, texts);
        let blobs: HashSet<ObjectId> = blobs.into_iter().collect();
        let mut frequency: HashMap<u64, u32> = HashMap::new();
        let mut all = 0;
        for lines in blobs.iter().filter_map(|blob| self.lines_of(*blob)) {
            all += 1;
            for (index, line) in lines.iter().enumerate() {
                if index == 0 || lines[index - 1] != *line {
                    *frequency.entry(*line).or_default() += 1;
                }
            }
        }
        self.frequency = Some((frequency, all));
    }
}

/// How much of a text is kept in another one, in percent, whatever the order of the lines.
#[must_use]
pub fn kept(text: &[u8], other: &[u8]) -> u32 {
    percent(&lines(text), &lines(other), &|_| 1.0)
}

/// The lines of a text that are not blank. Indexes keep their hashes, so a change here needs a new format of `store::index::past`.
#[must_use]
pub fn lines(text: &[u8]) -> Lines {
    let mut hashes: Lines = hashed_lines(text).map(|(hash, _)| hash).collect();
    hashes.sort_unstable();
    hashes
}

/// The lines of a text that are not blank, without white space around them, each with its hash.
pub(super) fn hashed_lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| (hash(line), line))
}

/// A hash that is the same on every machine and in every version of the program.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let state = (state ^ word).wrapping_mul(FACTOR);
        state ^ (state >> 32)
    };
    let mut words = bytes.chunks_exact(8);
    let mut state = mix(0, bytes.len() as u64);
    for word in &mut words {
        state = mix(
            state,
            u64::from_le_bytes(word.try_into().unwrap_or_default()),
        );
    }
    let mut rest = [0; 8];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(mix(state, u64::from_le_bytes(rest)), FACTOR)
}

/// The share of the lines of one text that the other one has, in percent, rounded down.
fn percent(own: &Lines, other: &Lines, weight: &dyn Fn(u64) -> f64) -> u32 {
    let (mut kept, mut all) = (0.0, 0.0);
    let mut rest = other.iter().peekable();
    for line in own {
        let weight = weight(*line);
        all += weight;
        while rest.next_if(|other| *other < line).is_some() {}
        if rest.next_if(|other| *other == line).is_some() {
            kept += weight;
        }
    }
    if all <= 0.0 {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 100"
    )]
    // Sums of many weights are not exact.
    let percent = (100.0 * kept / all + 1e-9).floor() as u32;
    percent
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file name is another one with something before it, as `team-planner.md` is for `planner.md`.
fn ends_with(name: &str, old: &str) -> bool {
    name.strip_suffix(old)
        .is_some_and(|before| before.ends_with(['-', '_', '.']))
}

/// How many folders have to be left and entered to get from one file to another.
fn steps(from: &str, to: &str) -> usize {
    let folders = |path: &str| -> Vec<String> {
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        parts.pop();
        parts
    };
    let (from, to) = (folders(from), folders(to));
    let common = from.iter().zip(&to).take_while(|(one, other)| one == other);
    let common = common.count();
    from.len() + to.len() - 2 * common
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::domain::discovery::kinds::Kind;
    use crate::domain::name::AgentName;

    /// A text of 14 lines that are its own, except those for which `other` has its own.
    fn text(name: &str, own: usize, other: &str) -> String {
        let mut text = format!("---\nname: {name}\ndescription: does it\n---\n");
        for line in 0..20 {
            let whose = if line < own { "the old" } else { other };
            let _ = write!(text, "\nline {line} of {whose} text\n");
        }
        text
    }

    /// Files by path, with their names and texts.
    type Files<'f> = &'f [(&'f str, &'f str, String)];

    fn fate_of(file: &str, base: Option<Files<'_>>, now: Files<'_>) -> Fate {
        let all: Vec<&(&str, &str, String)> = base.into_iter().flatten().chain(now).collect();
        let blob = |text: &str| ObjectId::of_blob(text.as_bytes());
        let entry = |(file, name, text): &(&str, &str, String)| IndexEntry {
            name: AgentName::new(name).unwrap(),
            title: (*name).to_owned(),
            description: "does it".to_owned(),
            file: (*file).to_owned(),
            blob: blob(text),
            loads: true,
            tools: None,
            servers: Vec::new(),
            tags: Vec::new(),
            kind: Kind::Folder,
            is_behind: false,
        };
        let tree = base.map(|files| {
            let files = files.iter();
            files
                .map(|(file, _, text)| ((*file).to_owned(), blob(text)))
                .collect()
        });
        let (_, name, own) = all.iter().find(|(known, ..)| *known == file).unwrap();
        let known = Known {
            file,
            name,
            description: None,
            blob: blob(own),
        };
        let mut lineage = Lineage::new(tree, now.iter().map(entry).collect());
        lineage.follow(&known, &mut |asked| {
            let of = |id: &ObjectId| {
                let (.., text) = all.iter().find(|(.., text)| blob(text) == *id)?;
                Some((*id, text.clone().into_bytes()))
            };
            asked.iter().filter_map(of).collect()
        })
    }

    /// The answer in short.
    fn short(fate: &Fate) -> String {
        match fate {
            Fate::Same(entry) => format!("same {}", entry.name),
            Fate::Moved(entry, how) => format!("{how:?} {}", entry.file),
            Fate::Gone(successors) => {
                let agents = successors.agents.iter();
                let agents: Vec<String> = agents
                    .map(|(entry, why)| format!("{} {why:?}", entry.file))
                    .collect();
                format!("gone, {}: {}", successors.copies, agents.join(", "))
            }
        }
    }

    fn assert_fate(base: Files<'_>, now: Files<'_>, expected: &str) {
        let fate = fate_of(base[0].0, Some(base), now);
        assert_eq!(short(&fate), expected);
    }

    fn old() -> (&'static str, &'static str, String) {
        ("agents/a.md", "a", text("a", 20, ""))
    }

    #[test]
    fn the_same_path_and_name_is_the_same_agent_however_much_was_rewritten() {
        let now = ("agents/a.md", "a", text("a", 0, "a new"));
        assert_fate(&[old()], &[now], "same a");
        let copy = ("b/a.md", "a", text("a", 20, ""));
        let now = ("agents/a.md", "a", text("a", 0, "a new"));
        assert_fate(&[old()], &[now, copy], "same a");
    }

    #[test]
    fn another_name_in_the_same_file_is_the_same_agent_if_enough_is_left() {
        // Of 24 lines that are not blank, 15 are more than 60 percent.
        let now = |own| ("agents/a.md", "b", text("b", own, "a new"));
        assert_fate(&[old()], &[now(12)], "same b");
        assert_fate(&[old()], &[now(11)], "gone, 0: agents/a.md FileName");
        // Its own bytes at a new path are nearer than that.
        let moved = ("b/a.md", "a", text("a", 20, ""));
        assert_fate(&[old()], &[now(15), moved], "SameBytes b/a.md");
    }

    #[test]
    fn the_same_bytes_at_a_new_path_come_first() {
        let copy = |file| (file, "a", text("a", 20, ""));
        assert_fate(&[old()], &[copy("b/a.md")], "SameBytes b/a.md");
        let (one, other) = (copy("agents/b/a.md"), copy("agents/a2.md"));
        assert_fate(&[old()], &[one, other], "SameBytes agents/b/a.md");
        let copies = [copy("x/agents/a.md"), copy("y/agents/a.md")];
        let expected = "gone, 2: x/agents/a.md SameBytes, y/agents/a.md SameBytes";
        assert_fate(&[old()], &copies, expected);
        let (near, far) = (copy("agents/b/a.md"), copy("x/y/z/a.md"));
        assert_fate(&[old()], &[near, far], "SameBytes agents/b/a.md");
    }

    #[test]
    fn a_copy_that_stood_there_before_is_the_same_agent() {
        let copy = ("b/a.md", "a", text("a", 20, ""));
        let base = [old(), copy.clone()];
        assert_fate(&base, std::slice::from_ref(&copy), "Copy b/a.md");
        // It may have been changed in the same step, as long as it is the same agent.
        let changed = ("b/a.md", "a", text("a", 3, "a new"));
        assert_fate(&base, &[changed], "Copy b/a.md");
        let other = ("b/a.md", "b", text("b", 3, "a new"));
        assert_fate(&base, &[other], "gone, 0: b/a.md FileName");
        let third = ("c/a.md", "a", text("a", 20, ""));
        let base = [old(), copy.clone(), third.clone()];
        let expected = "gone, 2: b/a.md SameBytes, c/a.md SameBytes";
        assert_fate(&base, &[copy, third], expected);
    }

    #[test]
    fn half_of_the_text_at_a_new_path_is_the_same_agent() {
        let new = |own| ("b/c.md", "c", text("c", own, "a new"));
        // Weighted by rarity, half of a text is less than half where it shares lines with others.
        assert_fate(&[old()], &[new(12)], "Kept(62) b/c.md");
        assert_fate(&[old()], &[new(5)], "gone, 0: ");
        // What all agents have in common says nothing.
        let others = |at: usize| {
            let files = ["o/1.md", "o/2.md", "o/3.md", "o/4.md", "o/5.md", "o/6.md"];
            (files[at], "o", text("o", 12, files[at]))
        };
        let now: Vec<_> = [new(12)].into_iter().chain((0..6).map(others)).collect();
        let base: Vec<_> = [old()].into_iter().chain((0..6).map(others)).collect();
        assert_fate(&base, &now, "gone, 0: ");
    }

    #[test]
    fn short_texts_are_not_known_by_their_lines() {
        let short = |name: &str| format!("---\nname: {name}\ndescription: d\n---\nOne.\nTwo.\n");
        let base = [("a.md", "a", short("a"))];
        assert_fate(&base, &[("b.md", "b", short("b"))], "gone, 0: ");
        assert_fate(
            &base,
            &[("b.md", "a", short("a") + "More.\n")],
            "Rewritten b.md",
        );
    }

    #[test]
    fn several_texts_that_are_alike_are_told_apart_by_name_and_file_name_only() {
        let new = |file, name: &'static str| (file, name, text(name, 15, file));
        let two = [new("agents/b.md", "b"), new("x/c.md", "c")];
        let expected = "gone, 0: agents/b.md Kept, x/c.md Kept";
        assert_fate(&[old()], &two, expected);
        let named = [new("agents/b.md", "b"), new("x/c.md", "a")];
        assert_fate(&[old()], &named, "Kept(79) x/c.md");
        let filed = [new("agents/b.md", "b"), new("x/a.md", "c")];
        assert_fate(&[old()], &filed, "Kept(75) x/a.md");
        let split = [new("x/agents/a.md", "a"), new("y/agents/a.md", "a")];
        let expected = "gone, 2: x/agents/a.md Kept, y/agents/a.md Kept";
        assert_fate(&[old()], &split, expected);
    }

    #[test]
    fn a_name_at_exactly_one_new_path_is_followed_at_last() {
        let new = |file, name: &'static str| (file, name, text(name, 0, file));
        assert_fate(&[old()], &[new("b/c.md", "a")], "Rewritten b/c.md");
        let two = [new("b/c.md", "a"), new("d/e.md", "a")];
        assert_fate(&[old()], &two, "gone, 0: b/c.md Name, d/e.md Name");
    }

    #[test]
    fn what_stood_there_before_is_never_followed() {
        let other = ("b/a.md", "a", text("a", 18, "another"));
        let base = [old(), other.clone()];
        let expected = "gone, 0: b/a.md Name";
        assert_fate(&base, std::slice::from_ref(&other), expected);
        // Nor where that one went.
        let moved = ("c/a.md", "a", other.2.clone());
        assert_fate(&base, &[moved], "gone, 0: c/a.md Name");
        // Nor what is by its name another one that went.
        let sibling = ("agents/s.md", "s", text("s", 14, "another"));
        let new = ("x/s.md", "s", text("s", 14, "a third"));
        assert_fate(&[old(), sibling], &[new], "gone, 0: ");
    }

    #[test]
    fn without_the_earlier_commit_only_bytes_and_name_count() {
        let fate = |now: Files<'_>| {
            let known = [old()];
            let all: Vec<_> = known.iter().chain(now).cloned().collect();
            let mut lineage = Lineage::new(
                None,
                now.iter()
                    .map(|(file, name, text)| IndexEntry {
                        name: AgentName::new(name).unwrap(),
                        title: String::new(),
                        description: String::new(),
                        file: (*file).to_owned(),
                        blob: ObjectId::of_blob(text.as_bytes()),
                        loads: true,
                        tools: None,
                        servers: Vec::new(),
                        tags: Vec::new(),
                        kind: Kind::Folder,
                        is_behind: false,
                    })
                    .collect(),
            );
            let known = Known {
                file: "agents/a.md",
                name: "a",
                description: None,
                blob: ObjectId::of_blob(all[0].2.as_bytes()),
            };
            short(&lineage.follow(&known, &mut |_| Vec::new()))
        };
        let bytes = ("b/a.md", "a", text("a", 20, ""));
        assert_eq!(fate(&[bytes]), "SameBytes b/a.md");
        let named = ("b/x.md", "a", text("a", 2, "a new"));
        assert_eq!(fate(&[named]), "Rewritten b/x.md");
        let alike = ("b/x.md", "x", text("x", 19, "a new"));
        assert_eq!(fate(&[alike]), "gone, 0: ");
    }

    #[test]
    fn descriptions_and_file_names_name_successors() {
        let (file, name, own) = old();
        let known = Known {
            file,
            name,
            description: Some("does it"),
            blob: ObjectId::of_blob(own.as_bytes()),
        };
        let entry = |file: &str, description: &str| IndexEntry {
            name: AgentName::new("other").unwrap(),
            title: String::new(),
            description: description.to_owned(),
            file: file.to_owned(),
            blob: ObjectId::of_blob(file.as_bytes()),
            loads: true,
            tools: None,
            servers: Vec::new(),
            tags: Vec::new(),
            kind: Kind::Folder,
            is_behind: false,
        };
        let now = vec![
            entry("a/team-a.md", ""),
            entry("b/a.md", ""),
            entry("c/x.md", "does it"),
            entry("c/ya.md", ""),
        ];
        let base = [(file.to_owned(), known.blob)];
        let base = base
            .into_iter()
            .chain(now.iter().map(|entry| (entry.file.clone(), entry.blob)));
        let mut lineage = Lineage::new(Some(base.collect()), now.clone());
        let fate = lineage.follow(&known, &mut |_| Vec::new());
        let expected = "gone, 0: c/x.md Description, b/a.md FileName, a/team-a.md FileEnd";
        assert_eq!(short(&fate), expected);
    }
}

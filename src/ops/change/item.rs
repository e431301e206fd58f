//! One agent of a plan: what it was made from, what became of it, what is open about it, and what was decided so far.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::last_merge::{LastMerge, Made, Told};
use super::resolutions;
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::definition::{ignored, overridden};
use crate::domain::folder::Folder;
use crate::domain::name::AgentName;
use crate::domain::overrides::Overrides;
use crate::fs::Content;
use crate::merge::{Choice, Merge, Options, merge_with};
use crate::ops::base::BaseOrigin;
use crate::ops::candidate::Candidate;
use crate::ops::past::Changed;
use crate::store::agreement::{is_moved, versions};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Wanted;

/// An agent that may do nothing.
const NO_TOOLS: &[u8] = b"---\nname: none\ndescription: none\ntools: []\n---\n";

/// What happened to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There is nothing newer.
    Current,
    /// It is as upstream has it now.
    Updated,
    /// Upstream's changes and the user's are both in it.
    Merged,
    /// It was not there.
    Installed,
    /// Its file was there, and agentpkg did not write it; it stays as it is, as edits of the version that was found for it.
    Adopted,
    /// There is nothing newer, and the user's edits stay.
    Edited,
    /// There is nothing newer, but upstream moved or renamed it.
    Moved,
    /// Its update is pending until `resolve`.
    Marked,
    /// It stays as it was, because of conflicts or by decision.
    Skipped,
    /// Upstream no longer has it; it stays as it was.
    Gone,
    /// There is no base to merge with; it stays as it was.
    BaseLost,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum State {
    /// It takes part.
    Active,
    /// There is nothing newer.
    Current,
    /// It stays as it is.
    Skipped,
    /// It is put aside with markers.
    Marked,
}

/// That an agent takes the place of one from another source.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Replaced {
    /// Where the installed one is from.
    pub(in crate::ops) old: String,
    /// Where the other one is from.
    pub(in crate::ops) new: String,
    /// The agent that requires the other one; `None`: it was named itself.
    pub(in crate::ops) by: Option<AgentName>,
    /// The spec that means the other one.
    pub(in crate::ops) spec: String,
    /// The name under which the other one can be installed beside it.
    pub(in crate::ops) beside: String,
}

/// How an agent came into the plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Added {
    /// Who asked for it, outermost first.
    pub(super) chain: Vec<String>,
    /// The agent that requires it; `None`: the user or the manifest wants it.
    pub(super) by: Option<AgentName>,
    /// Whether the user named it.
    pub(super) is_named: bool,
    /// What is wanted of it.
    pub(super) wanted: Wanted,
    /// Whether the manifest is to have that as its entry.
    pub(super) is_entry: bool,
    /// Whether it is what is installed under the name, wherever it went.
    pub(super) is_followed: bool,
    /// A spec that means it.
    pub(super) spec: String,
    /// What is worth knowing about how it was found.
    pub(super) note: Option<String>,
}

/// An agent that a plan is about.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Item {
    pub(in crate::ops) name: AgentName,
    /// As it is locked; `None`: it is not installed.
    pub(in crate::ops) before: Option<LockedAgent>,
    pub(in crate::ops) candidate: Candidate,
    /// Whether the candidate was looked up by this command. Otherwise it is what the lockfile says already.
    pub(in crate::ops) is_fresh: bool,
    /// Whether the user named it.
    pub(in crate::ops) is_named: bool,
    /// The entry that the manifest is to have; `None`: it is only required, or its entry stays as it is.
    pub(in crate::ops) wanted: Option<Wanted>,
    /// The overrides that the manifest is to have for it although it is only required; `None`: they stay.
    pub(in crate::ops) required_overrides: Option<Overrides>,
    /// The agents of the plan that require it.
    pub(in crate::ops) required_by: BTreeSet<AgentName>,
    /// Who asked for it, outermost first.
    pub(in crate::ops) chain: Vec<String>,
    pub(in crate::ops) base: Content,
    pub(in crate::ops) origin: Option<BaseOrigin>,
    /// The file as it is; `None`: there is none.
    pub(in crate::ops) ours: Option<Content>,
    /// Keys that stay as the user has them, always.
    pub(in crate::ops) pins: Vec<String>,
    /// Keys that stay as the user has them in this command.
    pub(in crate::ops) kept: Vec<String>,
    /// Base and file with the new values of overridden keys that the user wrote in another notation; `None`: as they are.
    pub(in crate::ops) restated: Option<(Content, Content)>,
    /// One for each conflict.
    pub(in crate::ops) choices: Vec<Option<Choice>>,
    pub(in crate::ops) state: State,
    pub(in crate::ops) notes: Vec<String>,
    /// Files of other agents of this name in its source, where it was chosen over them.
    pub(in crate::ops) others: Vec<String>,
    /// What upstream changed in its file since the installed version; `None`: nothing, or its source has no commits.
    pub(in crate::ops) changed: Option<Changed>,
    /// The result as a person wrote it, in place of the merge.
    pub(in crate::ops) text: Option<Content>,
    /// That it takes the place of an agent from another source.
    pub(in crate::ops) replaces: Option<Replaced>,
    /// Whether a file is in its way that may not be replaced.
    pub(in crate::ops) is_blocked: bool,
    /// Whether it was installed before and nothing says any more what it could do.
    pub(in crate::ops) is_unknown_before: bool,
    /// Whether its file was there and agentpkg did not write it: it stays as it is, and what it may do it does already.
    pub(in crate::ops) is_adopted: bool,
    pub(super) last_merge: LastMerge,
}

impl Item {
    /// An agent about which nothing is decided yet, and that is not here.
    pub(in crate::ops) fn new(name: AgentName, candidate: Candidate, base: Content) -> Self {
        Self {
            name,
            before: None,
            candidate,
            is_fresh: true,
            is_named: false,
            wanted: None,
            required_overrides: None,
            required_by: BTreeSet::new(),
            chain: Vec::new(),
            base,
            origin: None,
            ours: None,
            pins: Vec::new(),
            kept: Vec::new(),
            restated: None,
            choices: Vec::new(),
            state: State::Active,
            notes: Vec::new(),
            others: Vec::new(),
            changed: None,
            text: None,
            replaces: None,
            is_blocked: false,
            is_unknown_before: false,
            is_adopted: false,
            last_merge: LastMerge::default(),
        }
    }

    /// Takes its file as it is, as edits of this version.
    pub(super) fn adopt(&mut self, mut candidate: Candidate, notes: Vec<String>) {
        candidate.locked.folder = self.folder().clone();
        self.base.clone_from(&candidate.bytes);
        self.candidate = candidate;
        self.is_adopted = true;
        self.is_blocked = false;
        self.notes.extend(notes);
    }

    /// The folder of its file: it stays where it is.
    pub(in crate::ops) fn folder(&self) -> &Folder {
        let locked = self.before.as_ref().unwrap_or(&self.candidate.locked);
        &locked.folder
    }

    /// Leaves it out, and says why.
    pub(in crate::ops) fn skip(&mut self, note: impl Into<String>) {
        self.state = State::Skipped;
        self.notes.push(note.into());
    }

    /// The version that it comes to: that of a tag, or the commit that changed its file, as far as that is known.
    pub(in crate::ops) fn to(&self) -> String {
        let locked = &self.candidate.locked;
        match (&locked.version, &self.changed) {
            (None, Some(changed)) => changed.commit.short(),
            _ => versions(Some(locked)),
        }
    }

    /// Whether the manifest may say what is wanted of it: what is put aside may still be given up, and its entry with it.
    pub(in crate::ops) fn is_settled(&self) -> bool {
        matches!(self.state, State::Active | State::Current)
    }

    /// Whether the user has conflicts to decide.
    pub(in crate::ops) fn is_open(&self) -> bool {
        self.state == State::Active && !self.choices.is_empty()
    }

    /// Whether it was left out because its conflicts are undecided.
    pub(in crate::ops) fn is_undecided(&self) -> bool {
        self.state == State::Skipped
            && self.replaces.is_none()
            && self.choices.iter().any(Option::is_none)
    }

    /// Finds the conflicts, of which none is decided yet.
    pub(in crate::ops) fn find_conflicts(&mut self) {
        self.keep_edited_overrides();
        self.choices.clear();
        if let (Some(ours), None) = (&self.ours, &self.text)
            && *ours != self.base
            && self.base != self.candidate.bytes
        {
            let (told, result) = {
                let sides = self.sides();
                let merge = sides.merge();
                let choices = vec![Choice::Ours; merge.conflicts().len()];
                (Told::of(&merge), merge.resolve(&choices))
            };
            let undecided = self.made();
            self.choices = vec![None; told.conflicts.len()];
            self.last_merge.keep(self.made(), result.into());
            self.last_merge.keep_told(undecided, told);
        }
    }

    /// Base and file as they are merged.
    fn inputs(&self) -> (&Content, &Content) {
        match &self.restated {
            Some((base, ours)) => (base, ours),
            None => (&self.base, self.ours.as_ref().unwrap_or(&self.base)),
        }
    }

    /// What is merged, as it is now.
    pub(in crate::ops) fn sides(&self) -> Sides<'_> {
        let (base, ours) = self.inputs();
        let pins = self.pins.iter().chain(&self.kept).cloned().collect();
        Sides {
            base: base.bytes(),
            ours: ours.bytes(),
            theirs: self.candidate.bytes.bytes(),
            options: Options {
                pins,
                ..Options::default()
            },
        }
    }

    /// What a merge is made from.
    fn made(&self) -> Made {
        let (base, ours) = self.inputs();
        Made {
            base: base.digest(),
            ours: self.ours.as_ref().map(|_| ours.digest()),
            theirs: self.candidate.bytes.digest(),
            pins: self.pins.iter().chain(&self.kept).cloned().collect(),
            choices: self.choices.clone(),
        }
    }

    /// The result of a merge, which is made again only if something that it is made from has changed.
    fn merged(&self) -> Content {
        let made = self.made();
        if let Some(result) = self.last_merge.result(&made) {
            return result;
        }
        let choices = self.choices.iter().cloned();
        let choices: Vec<Choice> = choices
            .map(|choice| choice.unwrap_or(Choice::Ours))
            .collect();
        let result = Content::from(self.sides().merge().resolve(&choices));
        self.last_merge.keep(made, result.clone());
        result
    }

    /// What there is to tell about the merge, which is made again only if something that it is made from has changed.
    pub(super) fn told(&self) -> Told {
        let made = Made {
            choices: Vec::new(),
            ..self.made()
        };
        let told = self.last_merge.told(&made);
        told.unwrap_or_else(|| Told::of(&self.sides().merge()))
    }

    /// The bytes that would be written, with undecided conflicts as the user has them.
    pub(in crate::ops) fn result(&self) -> Content {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let Some(ours) = &self.ours else {
            if self.pins.is_empty() && self.kept.is_empty() {
                return self.candidate.bytes.clone();
            }
            return self.merged();
        };
        // The two usual cases need no merge: nothing is new, or nothing was edited.
        if self.base == self.candidate.bytes {
            return ours.clone();
        }
        if *ours == self.base && self.pins.is_empty() && self.kept.is_empty() {
            return self.candidate.bytes.clone();
        }
        self.merged()
    }

    /// Keeps keys as the user has them in this update. Conflicts about them go away; what was decided about the others stays.
    pub(in crate::ops) fn keep(&mut self, keys: impl Iterator<Item = String>) {
        let decided: Vec<_> = self
            .sides()
            .merge()
            .conflicts()
            .iter()
            .map(resolutions::identity)
            .zip(self.choices.clone())
            .collect();
        self.kept.extend(keys);
        let remaining: Vec<_> = (self.sides().merge().conflicts().iter())
            .map(resolutions::identity)
            .collect();
        let decision = |identity| {
            decided
                .iter()
                .find(|(known, _)| *known == identity)
                .map_or(Some(Choice::Ours), |found| found.1.clone())
        };
        self.choices = remaining.into_iter().map(decision).collect();
    }

    /// What the result may do and the file as it is could not. What is as it was locked brings nothing.
    pub(in crate::ops) fn gains(&self) -> Vec<Gain> {
        if self.is_adopted {
            return Vec::new();
        }
        let mut gains = self.gained_by_overrides();
        if self.is_fresh {
            gains.extend(self.gained_powers());
            gains.extend(self.moved_tag());
        }
        gains.sort();
        gains.dedup();
        gains
    }

    /// What overrides allow, or no longer take away, unless the lockfile records the very same ones: then they were agreed to.
    fn gained_by_overrides(&self) -> Vec<Gain> {
        let before = self.before.as_ref().map(|before| &before.overrides);
        let now = &self.candidate.locked.overrides;
        if before.map_or(now.is_empty(), |before| before == now) {
            return Vec::new();
        }
        let base = self.candidate.base.bytes();
        let agreed = before.and_then(|before| overridden(&base, before).ok());
        let agreed = agreed.as_deref().unwrap_or(&base);
        Capabilities::of(&self.candidate.bytes.bytes()).gains_over(&Capabilities::of(agreed))
    }

    /// A version that had other bytes when it was locked: a released version does not change, so a person has to look.
    fn moved_tag(&self) -> Option<Gain> {
        let (before, now) = (self.before.as_ref()?, &self.candidate.locked);
        let version = now.version.as_ref()?;
        let is_moved = before.version.as_ref() == Some(version)
            && before.source == now.source
            && before.agent == now.agent
            && before.sha256 != now.sha256;
        is_moved.then(|| Gain::MovedTag(version.clone()))
    }

    fn gained_powers(&self) -> Vec<Gain> {
        let result = Capabilities::of(&self.result().bytes());
        let is_same = |before: &LockedAgent| before.sha256 == self.candidate.locked.sha256;
        let base = (!self.base.is_empty()).then_some(&self.base);
        if self.is_unknown_before {
            return result.gains_over(&Capabilities::of(NO_TOOLS));
        }
        match (&self.before, self.ours.as_ref().or(base)) {
            (Some(before), Some(known)) if !is_same(before) => {
                result.gains_over(&Capabilities::of(&known.bytes()))
            }
            // What is installed for the first time asks for the powers over the session only, unless these very bytes were agreed to.
            (before, _) => {
                let agreed = before.as_ref().filter(|before| is_same(before));
                let is_agreed = |gain: &Gain| {
                    agreed.is_some_and(|agreed| agreed.allowed.contains(&gain.word()))
                };
                let mut asked = result.asked_at_first();
                asked.retain(|gain| !is_agreed(gain));
                asked
            }
        }
    }

    /// Its lock entry once the result is written: what the file may do is what was agreed to.
    pub(in crate::ops) fn locked(&self) -> LockedAgent {
        let mut locked = self.candidate.locked.clone();
        locked.folder = self.folder().clone();
        let before = self.before.as_ref().map(|before| &before.overrides);
        if self.is_fresh || before != Some(&locked.overrides) {
            let asked = Capabilities::of(&self.result().bytes()).asked_at_first();
            let words: BTreeSet<String> = asked.iter().map(Gain::word).collect();
            locked.allowed = words.into_iter().collect();
        }
        locked
    }

    /// Why the client would not load the result, although it loads the file as it is and upstream's.
    pub(in crate::ops) fn breaks(&self) -> Option<String> {
        let loads = |content: &Content| ignored(&content.bytes()).is_none();
        if !self.ours.as_ref().is_none_or(loads) || !loads(&self.candidate.bytes) {
            return None;
        }
        ignored(&self.result().bytes())
    }

    /// What becomes of it.
    pub(in crate::ops) fn status(&self) -> Status {
        match (self.state, &self.ours) {
            (State::Skipped, _) => return Status::Skipped,
            (State::Marked, _) => return Status::Marked,
            (State::Current, _) => return Status::Current,
            (State::Active, None) => return Status::Installed,
            (State::Active, Some(_)) if self.is_adopted => return Status::Adopted,
            (State::Active, Some(_)) => {}
        }
        let result = self.result();
        let is_upstream = result == self.candidate.bytes;
        if self.ours.as_ref() == Some(&result)
            && self.before.as_ref().is_none_or(|before| {
                before.base == self.candidate.locked.base
                    || before.sha256 == self.candidate.locked.sha256
            })
        {
            let is_moved = |before: &LockedAgent| is_moved(before, &self.candidate.locked);
            return if self.before.as_ref().is_some_and(is_moved) {
                Status::Moved
            } else if is_upstream {
                Status::Current
            } else {
                Status::Edited
            };
        }
        if is_upstream {
            Status::Updated
        } else {
            Status::Merged
        }
    }
}

/// The three versions that are merged, read.
#[derive(Debug)]
pub(in crate::ops) struct Sides<'i> {
    base: Cow<'i, [u8]>,
    ours: Cow<'i, [u8]>,
    theirs: Cow<'i, [u8]>,
    options: Options,
}

impl Sides<'_> {
    /// Merges them.
    pub(in crate::ops) fn merge(&self) -> Merge<'_> {
        merge_with(&self.base, &self.ours, &self.theirs, &self.options)
    }
}

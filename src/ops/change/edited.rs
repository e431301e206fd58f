//! What the user edited in the file under keys that are overridden: another value stays, and another notation of the same value is in
//! nobody's way. Also whether an edit keeps the client from loading the file.

use std::collections::BTreeSet;

use super::item::{Item, State};
use crate::domain::definition::{Definition, ignored, overridden};
use crate::domain::overrides::{LISTS, Overrides};
use crate::fs::Content;
use crate::merge::Unit;
use crate::store::lockfile::LockedAgent;

impl Item {
    /// Keeps what the user edited of keys that are or were overridden: an override is never asked about, and a hand edit never lost.
    pub(in crate::ops) fn keep_edited_overrides(&mut self) {
        self.restated = None;
        let before = self.before.as_ref().map(|before| before.overrides.clone());
        let now = &self.candidate.locked.overrides;
        let all = [before.unwrap_or_default(), now.clone()];
        let Some(ours) = self
            .ours
            .as_ref()
            .filter(|ours| **ours != self.base && !all.iter().all(Overrides::is_empty))
        else {
            return;
        };
        let [ours, base] =
            [ours, &self.base].map(|content| Definition::parse(&content.bytes()).values());
        let values = all.iter().flat_map(|overrides| overrides.values.keys());
        let (edited, rest): (BTreeSet<_>, BTreeSet<_>) = values
            .cloned()
            .partition(|key| ours.get(key) != base.get(key));
        self.kept.extend(edited);
        let has_lists = all.iter().any(|overrides| !overrides.lists.is_empty());
        let is_overridden =
            |key: &String| rest.contains(key) || has_lists && LISTS.contains(&key.as_str());
        let clashing = self.clashing(&is_overridden);
        if clashing.is_empty() {
            return;
        }
        self.restate(clashing.intersection(&rest));
        // Lists are merged name by name; where even that clashes, the file stays as it is.
        let clashing = self.clashing(&is_overridden);
        self.kept.extend(clashing);
    }

    /// The keys of these that both sides changed differently.
    fn clashing(&self, is_meant: &dyn Fn(&String) -> bool) -> BTreeSet<String> {
        let sides = self.sides();
        let merge = sides.merge();
        let keys = merge
            .conflicts()
            .iter()
            .filter_map(|conflict| match conflict.unit() {
                Unit::Key(key) if is_meant(key) => Some(key.clone()),
                _ => None,
            });
        keys.collect()
    }

    /// Gives base and file upstream's new values of these keys. The user changed how a value is written, with a comment or quotes, and not
    /// the value: so the new value is no contradiction, and what the user wrote around it stays.
    fn restate<'k>(&mut self, keys: impl Iterator<Item = &'k String>) {
        let new = Definition::parse(&self.candidate.bytes.bytes()).values();
        let value = |key: &String| Some((key.clone(), new.get(key)?.as_str()?.to_owned()));
        let values = Overrides {
            values: keys.filter_map(value).collect(),
            ..Overrides::default()
        };
        let with = |content: &Content| overridden(&content.bytes(), &values).ok();
        let ours = self.ours.as_ref().unwrap_or(&self.base);
        let restated = with(&self.base).zip(with(ours));
        self.restated = restated.map(|(base, ours)| (base.into(), ours.into()));
    }

    /// Why the client ignores the file as the user edited it, as it is after the command; `None`: it does not, or nobody edited it.
    pub(super) fn ignored(&self) -> Option<String> {
        let file = match self.state {
            State::Active => Some(self.result()),
            State::Current | State::Skipped | State::Marked => self.ours.clone(),
        };
        let before = self.before.as_ref().map(LockedAgent::unedited);
        let is_edited =
            |file: &Content| *file != self.candidate.bytes && before != Some(file.digest());
        ignored(&file.filter(is_edited)?.bytes())
    }
}

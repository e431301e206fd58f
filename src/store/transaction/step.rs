//! One file of an operation: replacing its old content with the new one, and back, without ever losing what somebody saves in between.
//!
//! A file is replaced by exchanging it with the new one. The old file is checked, kept, and checked once more before the lockfile is
//! written, because an editor that had the file open may still have written to it. If it does not have the planned content, somebody saved
//! it, and it is put back. If the file system cannot exchange two files, the old one is moved away and checked, and the new one is linked.

use std::path::{Path, PathBuf};

use super::change::MAX_CONTENT;
use super::copies::{copy, retire};
use super::journal::{Journal, Places, Step};
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{Entry, Exchanged, Moved};
use crate::store::project::Project;

/// How far a step has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The target is old, the new content is ready.
    Pending,
    /// The target is new.
    Done,
    /// The target is old, the new content is damaged or missing.
    Damaged,
    /// Somebody saved something meanwhile: at the target, or into the old file that is kept.
    Disturbed,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Content(Digest),
    /// A link, a folder, a device, a file that is too large: something that agentpkg did not put there.
    Strange,
}

/// A step with its paths, and the journal that records what is kept.
pub(super) struct Bench<'a> {
    project: &'a Project,
    journal: &'a mut Journal,
    step: Step,
    places: Places,
    /// Whether temporary files are known to be ours, so that those with the new content can be removed.
    is_sealed: bool,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        project: &'a Project,
        journal: &'a mut Journal,
        index: usize,
        is_sealed: bool,
    ) -> Self {
        let step = journal.steps[index].clone();
        let places = journal.places(project, &step);
        Self {
            project,
            journal,
            step,
            places,
            is_sealed,
        }
    }

    /// Writes the new content beside the target.
    pub(super) fn stage(&self, bytes: &[u8]) -> Result<()> {
        // What can be fetched again need not be on the disk at once; what replaces a person's file must be.
        let old = self.step.before.map(|_| self.places.target.as_path());
        self.project
            .files()
            .write_new(&self.places.new, bytes, old.is_some(), old)
    }

    /// Puts the new content in place. `false`: the target is not what the plan was made on. The file that was there is kept, and
    /// [`Bench::back`] puts it back.
    pub(super) fn put(&self) -> Result<bool> {
        let files = self.project.files();
        let Places {
            target, new, old, ..
        } = &self.places;
        let is_planned = |path: &Path| Ok::<_, Failure>(self.found(path)? == self.before());
        match (self.step.before, self.step.after) {
            (None, _) => Ok(files.rename_new(new, target)? == Moved::Done),
            (Some(_), Some(_)) => match files.exchange(new, target)? {
                Exchanged::Done => is_planned(new),
                Exchanged::Absent => Ok(false),
                Exchanged::Unsupported => Ok(self.move_aside(target, old)? == Moved::Done
                    && is_planned(old)?
                    && files.rename_new(new, target)? == Moved::Done),
            },
            (Some(_), None) => Ok(self.move_aside(target, old)? == Moved::Done && is_planned(old)?),
        }
    }

    /// How far the step has got, judged by the files at its paths.
    pub(super) fn state(&self) -> Result<State> {
        Ok(self.judge(self.found(&self.places.target)?, &self.aside()?))
    }

    /// The same of a step that is known to have no temporary file.
    pub(super) fn state_alone(&self) -> Result<State> {
        Ok(self.judge(self.found(&self.places.target)?, &[]))
    }

    fn judge(&self, target: Found, aside: &[(PathBuf, Found)]) -> State {
        let is_new = |found: Found| self.step.after.is_some() && found == self.after();
        let is_ready = self.step.after.is_none() || aside.iter().any(|(_, found)| is_new(*found));
        let mut others = aside.iter().filter(|(_, found)| !is_new(*found));
        if target == self.after() {
            let is_clean = others.all(|(_, found)| *found == self.before());
            if is_clean {
                State::Done
            } else {
                State::Disturbed
            }
        } else if target == self.before() {
            if is_ready {
                State::Pending
            } else {
                State::Damaged
            }
        } else if target == Found::Nothing
            && is_ready
            && others.any(|(_, found)| *found == self.before())
        {
            // Moved away, and the new content is not there yet.
            State::Pending
        } else {
            State::Disturbed
        }
    }

    /// Makes a step whose state is [`State::Pending`]; the same results as [`Bench::put`].
    pub(super) fn forward(&self) -> Result<bool> {
        let Places { target, new, .. } = &self.places;
        if self.found(target)? == Found::Nothing && self.step.before.is_some() {
            return Ok(self.project.files().rename_new(new, target)? == Moved::Done);
        }
        self.put()
    }

    /// Takes the step back, however far it has got. `false`: somebody saved something meanwhile, and that stays. No temporary file remains.
    pub(super) fn back(&mut self) -> Result<bool> {
        let target = self.places.target.clone();
        let found = self.found(&target)?;
        // A save into the old file is newer than the old content.
        let aside = self
            .aside()?
            .into_iter()
            .filter(|(_, found)| self.step.after.is_none() || *found != self.after());
        let source = aside.max_by_key(|(_, found)| *found != self.before());
        let is_as_before = if found == self.before() {
            true
        } else if found == Found::Nothing && (self.step.after.is_none() || source.is_some()) {
            match source {
                Some((path, found)) => {
                    self.project.files().rename_new(&path, &target)? == Moved::Done
                        && found == self.before()
                }
                None => self.restore()?,
            }
        } else if found == self.after() {
            match (source, self.step.before) {
                (Some((path, found)), Some(_)) => {
                    self.swap_back(&path, &target)? && found == self.before()
                }
                (None, Some(_)) => self.restore_over(&target)?,
                (_, None) => self.take_away(&target)?,
            }
        } else {
            false
        };
        self.tidy()?;
        Ok(is_as_before)
    }

    /// Removes a file that the step created. `false`: somebody saved it since, and it stays.
    fn take_away(&self, target: &Path) -> Result<bool> {
        let old = &self.places.old;
        if self.move_aside(target, old)? != Moved::Done {
            return Ok(false);
        }
        if self.found(old)? == self.after() {
            return Ok(true);
        }
        self.project.files().rename_new(old, target)?;
        Ok(false)
    }

    /// Moves all temporary files of the step into the history.
    pub(super) fn tidy(&mut self) -> Result<()> {
        for (path, _) in self.aside()? {
            let known = [self.step.before, self.step.after];
            match retire(self.project, &path, self.is_shared())? {
                // A journal that is not ours must not make us remove anything.
                Some(digest) if !self.is_sealed || !known.contains(&Some(digest)) => {
                    self.journal.keep(self.project, &self.places.target, digest);
                }
                _ => {}
            }
        }
        if let Some(spare) = &self.places.spare {
            retire(self.project, spare, false)?;
        }
        Ok(())
    }

    /// Removes the new content that an operation wrote before it had changed anything. The file may be incomplete.
    pub(super) fn discard(&mut self) -> Result<()> {
        // Nobody can have opened a file with this name, unless the journal is not ours.
        if self.is_sealed && self.found(&self.places.new)? == self.after() {
            self.project.files().remove(&self.places.new)?;
        }
        self.tidy()
    }

    /// Exchanges the new file at the target with the one that is to be there again. `false`: somebody saved the new file, and it stays.
    fn swap_back(&self, source: &Path, target: &Path) -> Result<bool> {
        let files = self.project.files();
        match files.exchange(source, target)? {
            Exchanged::Done if self.found(source)? == self.after() => return Ok(true),
            Exchanged::Done => {
                // The file that came out is an even newer save: it goes back, and the older content into the history.
                files.exchange(source, target)?;
                return Ok(false);
            }
            Exchanged::Absent => return Ok(files.rename_new(source, target)? == Moved::Done),
            Exchanged::Unsupported => {}
        }
        let Places { new, old, .. } = &self.places;
        let free = if source == new { old } else { new };
        if self.move_aside(target, free)? != Moved::Done {
            return Ok(false);
        }
        if self.found(free)? == self.after() {
            return Ok(files.rename_new(source, target)? == Moved::Done);
        }
        files.rename_new(free, target)?;
        Ok(false)
    }

    /// Puts the old content from the history at the target, where there is nothing. `false`: a person removed the file.
    fn restore(&self) -> Result<bool> {
        let Some(before) = self.step.before else {
            return Ok(true);
        };
        // If the new content is still beside it, the step was never made.
        match copy(self.project, &before)? {
            Some(bytes) if self.found(&self.places.new)? == Found::Nothing => {
                let files = self.project.files();
                files.write_new(&self.places.old, &bytes, true, None)?;
                Ok(files.rename_new(&self.places.old, &self.places.target)? == Moved::Done)
            }
            _ => Ok(false),
        }
    }

    /// Puts the old content from the history at the target, where the new one is. `false`: it is not available any more.
    fn restore_over(&self, target: &Path) -> Result<bool> {
        let before = self.step.before.map(|before| copy(self.project, &before));
        let Some(bytes) = before.transpose()?.flatten() else {
            return Ok(false);
        };
        let old = &self.places.old;
        self.project
            .files()
            .write_new(old, &bytes, true, Some(target))?;
        self.swap_back(old, target)
    }

    /// Moves a file to one of the temporary names, replacing whatever a crash left there. The name is ours, so this need not be exclusive,
    /// and a save that comes in between is moved too.
    fn move_aside(&self, from: &Path, to: &Path) -> Result<Moved> {
        if self.found(to)? != Found::Nothing {
            retire(self.project, to, self.is_shared())?;
        }
        self.project.files().rename_if_there(from, to)
    }

    fn is_shared(&self) -> bool {
        self.project.is_shared(&self.places.target)
    }

    fn before(&self) -> Found {
        self.step.before.map_or(Found::Nothing, Found::Content)
    }

    fn after(&self) -> Found {
        self.step.after.map_or(Found::Nothing, Found::Content)
    }

    /// The step's temporary files that exist, and what they are.
    fn aside(&self) -> Result<Vec<(PathBuf, Found)>> {
        let mut aside = Vec::new();
        for path in [&self.places.new, &self.places.old] {
            match self.found(path)? {
                Found::Nothing => {}
                found => aside.push((path.clone(), found)),
            }
        }
        Ok(aside)
    }

    fn found(&self, path: &Path) -> Result<Found> {
        let files = self.project.files();
        match files.entry(path)? {
            Entry::Absent => Ok(Found::Nothing),
            Entry::File => match files.read(path, MAX_CONTENT) {
                Ok(bytes) => {
                    Ok(bytes.map_or(Found::Nothing, |bytes| Found::Content(Digest::of(&bytes))))
                }
                Err(_) if files.size(path)?.is_some_and(|size| size > MAX_CONTENT) => {
                    Ok(Found::Strange)
                }
                Err(failure) => Err(failure),
            },
            Entry::Link | Entry::Folder | Entry::Other => Ok(Found::Strange),
        }
    }
}

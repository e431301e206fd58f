//! What the history contains: records of operations, and contents by digest. Contents are moved in by renaming, so a program that still
//! writes to one of them writes into the history, and nothing is lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::change::MAX_CONTENT;
use super::journal::{Journal, MAX_JOURNAL};
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{Entry, random_name};
use crate::store::project::Project;

/// How many operations the history keeps.
pub(super) const KEEP: usize = 50;

/// The largest number of a record: a larger one that came with a project cannot use up the numbers.
const MAX_NUMBER: u64 = 999_999_999;

/// The prefix of a content that was written to after it came into the history. It is never pruned.
const LATE: &str = "late-";

/// The prefix of something that is not a file content: a link or a folder that was in the place of a file.
const STRANGE: &str = "strange-";

/// The separator between the digest and the rest of the name of another file with the same content.
const TWIN: char = '.';

pub(super) fn history_folder(project: &Project) -> PathBuf {
    project.state_folder().join("history")
}

/// Where the record of an operation is.
pub(super) fn record_path(project: &Project, number: u64) -> PathBuf {
    history_folder(project).join(format!("{number:06}.json"))
}

pub(super) fn objects_folder(project: &Project) -> PathBuf {
    history_folder(project).join("objects")
}

fn object_path(project: &Project, digest: &Digest) -> PathBuf {
    objects_folder(project).join(digest.to_string())
}

/// The content with this digest; `None` if it is not in the history.
pub(super) fn copy(project: &Project, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let path = object_path(project, digest);
    let bytes = if project.files().entry(&path)? == Entry::File {
        project.files().read(&path, MAX_CONTENT)?
    } else {
        None
    };
    Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
}

/// Moves a file into the history, under the digest that it has at that moment, and returns the digest; `None`: there is no file, or not a
/// regular one. `is_shared`: people edit it, so somebody may still have it open, and its inode is kept even if the same content is in the
/// history already.
pub(super) fn retire(project: &Project, path: &Path, is_shared: bool) -> Result<Option<Digest>> {
    let files = project.files();
    match files.entry(path)? {
        Entry::Absent => return Ok(None),
        Entry::File if files.size(path)?.is_none_or(|size| size <= MAX_CONTENT) => {}
        _ => return set_strange_aside(project, path).map(|()| None),
    }
    let Some(bytes) = files.read(path, MAX_CONTENT)? else {
        return Ok(None);
    };
    let digest = Digest::of(&bytes);
    let mut object = object_path(project, &digest);
    set_late_aside(project, &object, &digest)?;
    if files.entry(&object)? != Entry::Absent {
        if !is_shared {
            return files.remove(path).map(|()| Some(digest));
        }
        object = object.with_file_name(format!("{digest}{TWIN}{}", random_name()?));
    }
    if files.rename_within(path, &object)? {
        return Ok(Some(digest));
    }
    // On another file system it is copied, and checked again, because the file may have been written to meanwhile.
    files.replace(&object, &bytes, true)?;
    match files.read(path, MAX_CONTENT)? {
        Some(later) if later != bytes => retire(project, path, is_shared),
        _ => files.remove(path).map(|()| Some(digest)),
    }
}

/// Moves something that is not our file into the history, without reading it.
pub(super) fn set_strange_aside(project: &Project, path: &Path) -> Result<()> {
    let aside = objects_folder(project).join(format!("{STRANGE}{}", random_name()?));
    project.files().rename(path, &aside)
}

/// Renames a content of the history that does not match its name to its real digest.
fn set_late_aside(project: &Project, object: &Path, digest: &Digest) -> Result<()> {
    let files = project.files();
    match files.entry(object)? {
        Entry::File if files.size(object)?.is_none_or(|size| size <= MAX_CONTENT) => {}
        Entry::Absent => return Ok(()),
        _ => return set_strange_aside(project, object),
    }
    let Some(bytes) = files.read(object, MAX_CONTENT)? else {
        return Ok(());
    };
    let found = Digest::of(&bytes);
    if found == *digest {
        return Ok(());
    }
    let late = objects_folder(project).join(format!("{LATE}{found}-{}", random_name()?));
    files.rename(object, &late)
}

/// The number of the next operation. Records of any origin are skipped over.
pub(super) fn next_number(project: &Project) -> Result<u64> {
    let newest = records(project)?.last().copied().unwrap_or(0);
    if newest < MAX_NUMBER {
        return Ok(newest + 1);
    }
    let path = project.display(&record_path(project, newest));
    Err(Failure::failed("the history is full").hint(format!(
        "`{path}` has the largest number there is; remove it"
    )))
}

/// The numbers of the records, ascending.
pub(super) fn records(project: &Project) -> Result<Vec<u64>> {
    let listed = project.files().list(&history_folder(project))?;
    let mut numbers: Vec<u64> = listed
        .iter()
        .filter_map(|listed| number(&listed.name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".json")?.parse().ok()?;
    (number <= MAX_NUMBER && name == format!("{number:06}.json")).then_some(number)
}

/// The record of an operation, if this machine wrote it.
pub(super) fn read_record(project: &Project, number: u64) -> Option<Journal> {
    let bytes = project
        .files()
        .read(&record_path(project, number), MAX_JOURNAL)
        .ok()??;
    Journal::open(project, &bytes).filter(|journal| journal.number == number)
}

/// Removes all but the newest operations of this machine, and the contents that only they named.
pub(super) fn prune(project: &Project) -> Result<()> {
    let files = project.files();
    let (mut own, mut is_all_own) = (Vec::new(), true);
    for number in records(project)? {
        match read_record(project, number) {
            Some(journal) => own.push(journal),
            None => is_all_own = false,
        }
    }
    let (old, kept) = own.split_at(own.len().saturating_sub(KEEP));
    if old.is_empty() {
        return Ok(());
    }
    for journal in old {
        files.remove(&record_path(project, journal.number))?;
    }
    // A record that cannot be read may name any content.
    if !is_all_own {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    for journal in kept {
        named.extend(
            journal
                .steps
                .iter()
                .filter_map(|step| step.before)
                .chain(journal.kept.iter().map(|kept| kept.digest)),
        );
    }
    let objects = objects_folder(project);
    for listed in files.list(&objects)? {
        let name = listed.name.split(TWIN).next().unwrap_or_default();
        if let Ok(digest) = name.parse::<Digest>()
            && !named.contains(&digest)
        {
            let object = objects.join(&listed.name);
            set_late_aside(project, &object, &digest)?;
            files.remove(&object)?;
        }
    }
    Ok(())
}

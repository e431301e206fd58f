//! The operations that ended, newest first, with what is needed to take them back.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Journal, MAX_CONTENT, MAX_JOURNAL, history_folder, records};
use crate::domain::digest::Digest;
use crate::error::Result;
use crate::fs;
use crate::store::project::Project;

/// An operation that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its number; later ones are higher.
    pub number: u64,
    /// What it was: the command and its names.
    pub label: String,
    /// When it ended, in seconds since 1970, if the file system knows.
    pub time: Option<u64>,
    /// The operation that it took back, if it is an undo.
    pub undoes: Option<u64>,
    /// Whether it was taken back, and that still holds.
    pub is_undone: bool,
    /// What it did to each file, in order.
    pub steps: Vec<Done>,
}

/// What an operation did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The file.
    pub path: PathBuf,
    /// Its content before; `None`: there was none.
    pub before: Option<Digest>,
    /// Its content after; `None`: it was removed.
    pub after: Option<Digest>,
}

/// The operations that are remembered, newest first. Records that are damaged are left out.
pub fn operations(project: &Project) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    for (number, path) in records(&history_folder(project))?.into_iter().rev() {
        let journal = fs::read(&path, MAX_JOURNAL)?.and_then(|bytes| Journal::parse(&bytes));
        let Some(journal) = journal.filter(|journal| journal.number == number) else {
            continue;
        };
        let steps = journal.steps.iter().map(|step| {
            let digest = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
            Some(Done { path: step.target(project), before: digest(&step.before).ok()?, after: digest(&step.after).ok()? })
        });
        let Some(steps) = steps.collect() else {
            continue;
        };
        let time = fs::modified(&path);
        operations.push(Operation { number, label: journal.label, time, undoes: journal.undoes, is_undone: false, steps });
    }
    mark_undone(&mut operations);
    Ok(operations)
}

/// An undo that was itself undone does not count. `operations` are newest first.
fn mark_undone(operations: &mut [Operation]) {
    let mut undone = BTreeSet::new();
    for operation in operations {
        operation.is_undone = undone.contains(&operation.number);
        if !operation.is_undone {
            undone.extend(operation.undoes);
        }
    }
}

/// The content that an operation replaced or removed; `None` if the copy is gone or damaged.
pub fn content(project: &Project, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let bytes = fs::read(&history_folder(project).join("objects").join(digest.to_string()), MAX_CONTENT)?;
    Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undo_that_was_undone_does_not_count() {
        let operation =
            |number, undoes| Operation { number, label: String::new(), time: None, undoes, is_undone: false, steps: Vec::new() };
        // 1 was undone by 2, which was undone by 4; 3 is undone by 5.
        let mut operations =
            vec![operation(5, Some(3)), operation(4, Some(2)), operation(3, None), operation(2, Some(1)), operation(1, None)];
        mark_undone(&mut operations);
        let undone: Vec<u64> =
            operations.iter().filter(|operation| operation.is_undone).map(|operation| operation.number).collect();
        assert_eq!(undone, [3, 2]);
    }
}

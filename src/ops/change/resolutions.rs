//! Recorded resolutions: how a conflict was decided once, so that the same conflict is answered in the same way by default. They are
//! only ever offered, and never for what grants powers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::definition::fields;
use crate::domain::digest::Digest;
use crate::error::Result;
use crate::merge::{Choice, Conflict, Unit};
use crate::store::project::Project;
use crate::store::seal::Kind;
use crate::store::transaction::Change;

/// The largest record that is read, in bytes.
const MAX_SIZE: u64 = 1 << 20;
/// Keys of the frontmatter that are decided anew each time, beside the fields that give power.
const NEVER: [&str; 3] = ["tools", "disallowedTools", "allowed-tools"];

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The conflict that it is about: a record under another name is about another one.
    identity: Digest,
    choice: String,
    /// For `text`.
    text: Option<String>,
}

/// What a conflict is known by: its place and its three texts. The same for every agent.
pub(super) fn identity(conflict: &Conflict<'_>) -> Digest {
    let mut text = conflict.unit().to_string().into_bytes();
    for lines in [conflict.base(), conflict.ours(), conflict.theirs()] {
        text.extend_from_slice(format!("\0{}\0", lines.len()).as_bytes());
        text.extend_from_slice(&lines.join(&b'\n'));
    }
    Digest::of(&text)
}

fn path(project: &Project, identity: &Digest) -> PathBuf {
    project
        .resolutions_folder()
        .join(format!("{identity}.json"))
}

/// How the conflict was decided the last time. A record that cannot be read is none.
pub(super) fn recorded(project: &Project, conflict: &Conflict<'_>) -> Option<Choice> {
    if !is_recordable(conflict) {
        return None;
    }
    let bytes = project
        .files()
        .read(&path(project, &identity(conflict)), MAX_SIZE)
        .ok()??;
    // A decision that came with the project is nobody's.
    let record: Record =
        serde_json::from_slice(project.seal().open(Kind::Resolution, &bytes)?).ok()?;
    if record.identity != identity(conflict) {
        return None;
    }
    Some(match record.choice.as_str() {
        "ours" => Choice::Ours,
        "theirs" => Choice::Theirs,
        "ours-theirs" => Choice::OursThenTheirs,
        "theirs-ours" => Choice::TheirsThenOurs,
        "suggestion" => Choice::Suggestion,
        "text" => Choice::Text(record.text?.into_bytes()),
        _ => return None,
    })
}

/// The change that records a decision, if it may be recorded and is not yet.
pub(super) fn record(
    project: &Project,
    conflict: &Conflict<'_>,
    choice: &Choice,
) -> Result<Option<Change>> {
    if !is_recordable(conflict) || recorded(project, conflict).as_ref() == Some(choice) {
        return Ok(None);
    }
    let (word, text) = match choice {
        Choice::Ours => ("ours", None),
        Choice::Theirs => ("theirs", None),
        Choice::OursThenTheirs => ("ours-theirs", None),
        Choice::TheirsThenOurs => ("theirs-ours", None),
        Choice::Suggestion => ("suggestion", None),
        Choice::Text(text) => ("text", Some(String::from_utf8_lossy(text).into_owned())),
    };
    let Ok(bytes) = serde_json::to_vec(&Record {
        identity: identity(conflict),
        choice: word.to_owned(),
        text,
    }) else {
        return Ok(None);
    };
    let path = path(project, &identity(conflict));
    let before = project
        .files()
        .read(&path, MAX_SIZE)?
        .as_deref()
        .map(Digest::of);
    let after = Some(project.seal().close(Kind::Resolution, bytes));
    Ok(Some(Change::file(path, before, after)))
}

fn is_recordable(conflict: &Conflict<'_>) -> bool {
    match conflict.unit() {
        Unit::Key(key) => {
            let mut powers = fields::FIELDS.iter().map(|field| field.name);
            let gives_power = powers.any(|field| field == key) || fields::misspelt(key).is_some();
            !NEVER.contains(&key.as_str()) && !gives_power
        }
        Unit::Body(_) => true,
        Unit::Frontmatter | Unit::File => false,
    }
}

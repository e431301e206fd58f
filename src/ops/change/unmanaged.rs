//! The files of the agents folder that agentpkg did not write: which of them can be adopted, and how the others are left.

use super::goal::Files;
use super::item::Item;
use super::origin;
use super::plan::{Likely, Undecided, Unmanaged};
use super::planner::Planner;
use super::scene::Scene;
use crate::domain::count::few;
use crate::domain::folder::Folder;
use crate::domain::markers::first;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind};
use crate::ops::unknown;
use crate::ops::unmanaged::{self as files, below, stems};
use crate::store::loaded::{FoundAgent, LoadedSet};

/// A file that can be adopted.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) folder: Folder,
    /// The name that its agent gets: that of the file.
    pub(super) name: AgentName,
    pub(super) bytes: Vec<u8>,
    /// Whether it was named.
    pub(super) is_named: bool,
}

impl Copied {
    /// Its path below the agents folder, without its ending.
    pub(super) fn stem(&self) -> String {
        stem(&self.folder, &self.name)
    }
}

/// The path of an agent's file below the agents folder, without its ending.
fn stem(folder: &Folder, name: &AgentName) -> String {
    let file = folder.file(name);
    file.strip_suffix(".md").unwrap_or(&file).to_owned()
}

/// The files that can be adopted, with what they hold. The others are noted.
pub(super) fn selected(
    planner: &mut Planner<'_, '_>,
    files: &Files,
    set: &LoadedSet,
) -> Vec<Copied> {
    let scene = planner.scene;
    let all = stems(set, &scene.lockfile);
    let is_named = !files.names.is_empty();
    let mut stems: Vec<String> = Vec::new();
    for name in &files.names {
        match meant(scene, &all, name) {
            Ok(stem) => stems.push(stem),
            Err(failure) => planner.plan.failures.push(failure),
        }
    }
    if !is_named {
        stems = all;
    }
    // Of files of one name, the one that the client loads is the agent.
    stems.sort_by_key(|stem| is_hidden(set, stem));
    let mut selected: Vec<Copied> = Vec::new();
    for (index, stem) in stems.iter().enumerate() {
        if stems[..index].contains(stem) {
            continue;
        }
        let found = adoptable(planner, stem, is_named).and_then(|found| {
            let folded = found.name.folded();
            let same = |other: &&Copied| other.name.folded() == folded;
            match selected.iter().find(same) {
                None => Ok(found),
                Some(other) => Err(twin(&other.stem(), is_hidden(set, stem))),
            }
        });
        match found {
            Ok(found) => selected.push(found),
            Err(why) if is_named => {
                let left = unusable(stem, why);
                planner.plan.unmanaged.push(left);
            }
            Err(why) => leave(planner, (stem, false), why, Vec::new()),
        }
    }
    selected.sort_by_key(Copied::stem);
    selected
}

/// Whether the client loads another file of the agents folder in place of this one.
fn is_hidden(set: &LoadedSet, stem: &str) -> bool {
    let is_it = |agent: &&FoundAgent| agent.below.strip_suffix(".md") == Some(stem);
    let winner = set.own().find(is_it).and_then(|agent| set.winner(agent));
    winner.is_some_and(|(winner, _)| set.place(winner).is_own)
}

/// That another file has the name of a file.
fn twin(other: &str, is_hidden: bool) -> String {
    if is_hidden {
        format!("`{other}` has the same name, and Claude Code loads that one")
    } else {
        format!("`{other}` has the same name; an agent needs one of its own")
    }
}

/// The file that a name means: a path below the agents folder, or the name of a file at any depth.
fn meant(scene: &Scene<'_>, all: &[String], typed: &str) -> Result<String, Failure> {
    let typed = below(scene.session, typed);
    let found = files::meant(all, typed);
    match found.as_slice() {
        [stem] => Ok((*stem).clone()),
        [] => Err(not_here(scene, all, typed)),
        several => Err(Failure::usage(format!("several files are named `{typed}`"))
            .listing(several.iter().map(|stem| (*stem).clone()))),
    }
}

/// That there is no such file, or that it is not for `adopt`.
fn not_here(scene: &Scene<'_>, all: &[String], stem: &str) -> Failure {
    let file = format!("{stem}.md");
    let is_managed = scene.lockfile.at(&file).is_some()
        || AgentName::new(stem).is_ok_and(|name| scene.lockfile.agents.contains_key(&name));
    if is_managed {
        return Failure::failed(format!("`{stem}` is managed by agentpkg already"));
    }
    let names: Vec<AgentName> = all
        .iter()
        .filter_map(|stem| Folder::split(stem).ok())
        .map(|(_, name)| name)
        .collect();
    unknown::agent(scene.session, stem, &names, &scene.lockfile)
}

/// A file that can be adopted, with what it holds; or why it cannot.
fn adoptable(planner: &Planner<'_, '_>, stem: &str, is_named: bool) -> Result<Copied, String> {
    let scene = planner.scene;
    let (folder, name) = Folder::split(stem).map_err(|error| error.to_string())?;
    if scene.lockfile.agents.contains_key(&name) {
        return Err("an agent of this name is installed already".to_owned());
    }
    if let Some(failure) = origin::folded(&planner.plan, scene, &name, None) {
        return Err(failure.message().to_owned());
    }
    let bytes = scene
        .file(&name, &folder)
        .map_err(|failure| failure.message().to_owned())?;
    let bytes = bytes.ok_or("it is gone")?.bytes().into_owned();
    match first(&bytes) {
        Some(line) => Err(format!(
            "it has unresolved conflict markers, the first in line {line}"
        )),
        None => Ok(Copied {
            folder,
            name,
            bytes,
            is_named,
        }),
    }
}

impl Item {
    /// Its file, if it is not adopted after all because of a failure.
    pub(super) fn not_adopted(&self, failure: &Failure) -> Option<Unmanaged> {
        self.is_adopted.then(|| Unmanaged {
            name: stem(self.folder(), &self.name),
            why: failure.message().to_owned(),
            undecided: Undecided::Origin,
            candidates: Vec::new(),
        })
    }
}

/// A file that cannot be adopted as it is, and why.
pub(super) fn unusable(stem: &str, why: String) -> Unmanaged {
    Unmanaged {
        name: stem.to_owned(),
        why,
        undecided: Undecided::File,
        candidates: Vec::new(),
    }
}

/// Leaves a file as it is whose origin was not found. That is left to decide if the file was named, or if there are candidates.
pub(super) fn leave(
    planner: &mut Planner<'_, '_>,
    (stem, is_named): (&str, bool),
    why: String,
    candidates: Vec<Likely>,
) {
    planner.plan.unmanaged.push(Unmanaged {
        name: stem.to_owned(),
        why,
        undecided: if is_named || !candidates.is_empty() {
            Undecided::Origin
        } else {
            Undecided::Nothing
        },
        candidates,
    });
}

/// That files were not adopted because their origin is left to decide. `again`: the command for the files with these names.
pub(super) fn undecided(
    files: &[Unmanaged],
    again: &dyn Fn(&[&str]) -> Command,
) -> Option<Failure> {
    let files = files.iter();
    let open: Vec<&Unmanaged> = files
        .filter(|file| file.undecided != Undecided::Nothing)
        .collect();
    let names: Vec<String> = (open.iter())
        .map(|file| format!("`{}`", file.name.escape_debug()))
        .collect();
    let message = match names.as_slice() {
        [] => return None,
        [name] => format!("{name} was not adopted"),
        several => format!(
            "{} files were not adopted: {}",
            several.len(),
            few(several, ", ")
        ),
    };
    let failure = Failure::new(Kind::Consent, message);
    let unsure = open.iter();
    let unsure = unsure.filter(|file| file.undecided == Undecided::Version);
    let unsure: Vec<&str> = unsure.map(|file| file.name.as_str()).collect();
    if let Some(first) = unsure.first() {
        let nearest = again(&unsure).arg("--nearest");
        let nearest = Advice::run(nearest).and(match unsure.len() {
            1 => " takes the nearest version",
            _ => " takes the nearest version of each",
        });
        return Some(failure.hint(nearest).hint(named_version(first)));
    }
    if open.iter().all(|file| file.undecided == Undecided::File) {
        return Some(failure);
    }
    let mut files = open.iter();
    if let Some((name, nearest)) =
        files.find_map(|file| Some((file.name.as_str(), file.candidates.first()?)))
    {
        let from = Command::new(["adopt", name, "--from", &nearest.spec, "--nearest"]);
        let edits = " takes the file as edits of the agent that is nearest to it";
        return Some(failure.hint(Advice::run(from).and(edits)));
    }
    let is_open = |file: &&&Unmanaged| file.undecided == Undecided::Origin;
    let first = open.iter().find(is_open);
    let name = first.map_or("NAME", |file| &file.name);
    Some(failure.hint(named_version(name)))
}

/// That the version can be named which a file was made from.
fn named_version(name: &str) -> Advice {
    let from = Command::new(["adopt", name, "--from", "SPEC"]);
    Advice::run(from).and(" names the version that the file was made from")
}

//! What a merge of git left open: `install` makes one lockfile of its two sides, entry by entry, merges agents as an update would, and says
//! what it did. What neither side answers is resolved anew afterwards; what a person has to decide is left open.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use semver::Version;

use super::base;
use super::candidate::as_written;
use super::change::changes::drop_bases;
use super::change::edits::markers_in;
use super::report::{Event, Frontend};
use super::session::Session;
use crate::domain::digest::Digest;
use crate::domain::folder::Folder;
use crate::domain::lineage::kept;
use crate::domain::loaded::path_order;
use crate::domain::markers;
use crate::domain::name::AgentName;
use crate::domain::origin::LEAST;
use crate::domain::spec::Source;
use crate::error::Result;
use crate::fs;
use crate::git::Repository;
use crate::merge::{Options, merge_with};
use crate::store::agreement::answers;
use crate::store::lock_merge::{Merged, Side, merge};
use crate::store::lockfile::{self, LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Wanted};
use crate::store::placed::Placed;
use crate::store::project::MAX_AGENT;
use crate::store::transaction::{Change, Relock, Transaction};

/// What became of the lockfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markers {
    /// It has no markers, or may not be changed.
    Untouched,
    /// It is whole.
    Resolved,
    /// It would be made whole, if this were no dry run.
    Shown,
}

/// Makes the lockfile whole, if it has conflict markers and both sides are lockfiles. With `--locked` it stays as it is, which is an error
/// for whoever reads it.
pub(super) fn resolve_markers(
    session: &Session,
    is_dry_run: bool,
    frontend: &mut dyn Frontend,
) -> Result<Markers> {
    let project = &session.project;
    let path = project.lockfile_path();
    let Some(bytes) = project.files().read(path, lockfile::MAX_SIZE)? else {
        return Ok(Markers::Untouched);
    };
    let shown = project.display(path);
    let sides = std::str::from_utf8(&bytes).ok().and_then(markers::sides);
    let Some([Ok(ours), Ok(theirs)]) =
        sides.map(|sides| sides.map(|side| Lockfile::parse(&side, &shown)))
    else {
        return Ok(Markers::Untouched);
    };
    if session.options.is_locked {
        return Ok(Markers::Untouched);
    }
    let manifest = session.manifest(frontend)?;
    let mut files = Files::default();
    for (name, mine) in &ours.agents {
        if let Some(other) = theirs.agents.get(name).filter(|other| *other != mine) {
            let settled = settled(session, &manifest, (name, [mine, other]), frontend)?;
            files.insert(name.clone(), settled);
        }
    }
    let choose = |name: &AgentName, _: &LockedAgent, _: &LockedAgent| files.get(name)?.side;
    let mut merged = merge(None, &ours, &theirs, &choose);
    for (name, settled) in &files {
        if let Some(locked) = merged.lockfile.agents.get_mut(name) {
            locked.folder.clone_from(&settled.folder);
        }
    }
    frontend.report(Event::warning(words(&shown, &merged, &files)));
    if is_dry_run {
        return Ok(Markers::Shown);
    }
    let mut changes = Vec::new();
    let mut all = Lockfile {
        agents: ours.agents.into_iter().chain(theirs.agents).collect(),
        ..Lockfile::default()
    };
    for (name, settled) in files {
        if settled.side.is_none() {
            // Its bases say which version its file was made from.
            all.agents.remove(&name);
        }
        if let Some(text) = settled.text {
            let path = project.agent_path(&name, merged.lockfile.folder(&name));
            changes.push(Change {
                before: project.digest(&path)?,
                path,
                agent: Some(name),
                after: Some(text.into()),
            });
        }
    }
    drop_bases(project, &all, &merged.lockfile.agents, &mut changes)?;
    let transaction = Transaction {
        label: format!("resolve {shown}"),
        changes,
        lockfile: Some(Relock::replacing(&bytes, &merged.lockfile)),
    };
    let guard = session.lock(frontend)?;
    session.apply(Some(&guard), &transaction, frontend)?;
    Ok(Markers::Resolved)
}

/// What becomes of the files whose entries differ.
type Files = BTreeMap<AgentName, Settled>;

/// Which of two entries is meant, and what the file is then.
#[derive(Debug, Default)]
struct Settled {
    /// `None`: neither; it is resolved anew.
    side: Option<Side>,
    /// `None`: it stays as it is.
    text: Option<Vec<u8>>,
    /// The folder that the file is in.
    folder: Folder,
    /// The file that is managed and the one of the other side, which is not any more, where both sides have one in a folder of its own.
    left: Option<[String; 2]>,
}

/// Of two entries the one that answers the manifest and that the file was made from. A file that git could not merge is merged here, if
/// nobody has to be asked; otherwise the lockfile has to wait for it, because it says what each side was made from.
fn settled(
    session: &Session,
    manifest: &Manifest,
    (name, entries): (&AgentName, [&LockedAgent; 2]),
    frontend: &mut dyn Frontend,
) -> Result<Settled> {
    let wanted = manifest.agents().get(name);
    let is_meant =
        |entry: &LockedAgent| wanted.is_none_or(|wanted| answers(entry, wanted, manifest));
    let sides = [Side::Ours, Side::Theirs];
    let meant: Vec<Side> = (sides.into_iter().zip(entries))
        .filter(|(_, entry)| is_meant(entry))
        .map(|(side, _)| side)
        .collect();
    let there = there(session, (name, entries), &meant)?;
    let moved;
    let folder = match there.as_slice() {
        [other, .., loaded] => return Ok(apart(session, (name, entries), [*loaded, *other])),
        [side] => &entries[index(*side)].folder,
        [] => {
            moved = moved_to(session, (name, entries))?;
            moved.as_ref().unwrap_or(&entries[0].folder)
        }
    };
    let file = session
        .project
        .read_agent(name, folder)?
        .unwrap_or_default();
    if let Some(line) = markers::first(&file) {
        let joined = join(session, wanted, (name, entries, folder), &meant, frontend);
        return joined.ok_or_else(|| markers_in(&session.project.shown_path(name, folder), line));
    }
    let open = unmerged(session, name, folder);
    let digest = Digest::of(&file);
    let is_made_from = |side: &&Side| {
        let at = index(**side);
        let taken = open.as_ref().and_then(|open| open[at].as_ref());
        entries[at].unedited() == digest || taken == Some(&file)
    };
    let side = match meant.iter().find(is_made_from) {
        // Two entries of one base differ in where it is from; ours is as good.
        None if entries[0].base == entries[1].base => meant.first(),
        None => unlike(session, (entries, &file), &meant)?,
        found => found,
    };
    Ok(Settled {
        side: side.copied(),
        folder: folder.clone(),
        ..Settled::default()
    })
}

/// The sides in whose folder the file is, in the order in which the client reads them; of one folder, one side.
fn there(
    session: &Session,
    (name, entries): (&AgentName, [&LockedAgent; 2]),
    meant: &[Side],
) -> Result<Vec<Side>> {
    let mut there: Vec<(String, Side)> = Vec::new();
    for side in meant {
        let folder = &entries[index(*side)].folder;
        let file = folder.file(name);
        if there.iter().all(|(known, _)| *known != file)
            && session.project.read_agent(name, folder)?.is_some()
        {
            there.push((file, *side));
        }
    }
    there.sort_by(|(one, _), (other, _)| path_order(one, other));
    Ok(there.into_iter().map(|(_, side)| side).collect())
}

/// The folder that a person moved the file to, if it is in neither side's.
fn moved_to(
    session: &Session,
    (name, entries): (&AgentName, [&LockedAgent; 2]),
) -> Result<Option<Folder>> {
    let mut found = None;
    for entry in entries {
        let lockfile = Lockfile {
            agents: BTreeMap::from([(name.clone(), entry.clone())]),
            ..Lockfile::default()
        };
        let moved = Placed::of(&session.project, lockfile)?.moved;
        found = found.or(moved.into_iter().next().map(|moved| moved.to));
    }
    Ok(found)
}

/// Two files of one agent in two folders: the one that the client loads is managed, the other one is nobody's from now on.
fn apart(
    session: &Session,
    (name, entries): (&AgentName, [&LockedAgent; 2]),
    [loaded, other]: [Side; 2],
) -> Settled {
    let folder = |side: Side| &entries[index(side)].folder;
    let shown = |side: Side| session.project.shown_path(name, folder(side));
    Settled {
        side: Some(loaded),
        folder: folder(loaded).clone(),
        left: Some([shown(loaded), shown(other)]),
        ..Settled::default()
    }
}

/// The entry whose base is nearest to a file that is unlike both: its version would not be found again by its text, as that of a file
/// whose origin a person named.
fn unlike<'m>(
    session: &Session,
    (entries, file): ([&LockedAgent; 2], &[u8]),
    meant: &'m [Side],
) -> Result<Option<&'m Side>> {
    let mut nearest = None;
    for side in meant {
        let written = session.project.read_written(entries[index(*side)])?;
        let percent = written.map(|written| kept(&written, file));
        if percent > nearest.map(|(percent, _)| percent) {
            nearest = percent.map(|percent| (percent, side));
        }
    }
    Ok(nearest
        .filter(|(percent, _)| *percent < LEAST)
        .map(|(_, side)| side))
}

fn index(side: Side) -> usize {
    match side {
        Side::Ours => 0,
        Side::Theirs => 1,
    }
}

/// Merges a file that git could not merge. `entries`: what each side was made from. `meant`: the sides whose version it may come to.
fn join(
    session: &Session,
    wanted: Option<&Wanted>,
    (name, entries, folder): (&AgentName, [&LockedAgent; 2], &Folder),
    meant: &[Side],
    frontend: &mut dyn Frontend,
) -> Option<Settled> {
    let [Some(ours), Some(theirs)] = unmerged(session, name, folder)? else {
        return None;
    };
    let [base, other] = entries.map(|entry| {
        let found = base::find(session, name, entry, frontend).ok()?;
        let written = as_written(name, entry, &found.into_content().ok()?).ok()?;
        Some(written.bytes().into_owned())
    });
    let sides = [(base?, ours), (other?, theirs)];
    let pins = wanted.map(|wanted| wanted.pins.clone()).unwrap_or_default();
    let settled = joined(&sides, &pins, newest(session, entries), meant)?;
    let folder = folder.clone();
    Some(Settled { folder, ..settled })
}

/// Merges the agents that git could not merge although their lock entries are whole, where nobody has to be asked. The first of the others is
/// the failure: nothing is installed over it. With `--locked`, nothing is merged.
pub(super) fn join_unmerged(
    session: &Session,
    is_dry_run: bool,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let project = &session.project;
    let manifest = session.manifest(frontend)?;
    let mut changes = Vec::new();
    let mut names = Vec::new();
    let mut left = None;
    let lockfile = Placed::read(project)?.lockfile;
    for (name, entry) in &lockfile.agents {
        let file = project.read_agent(name, &entry.folder)?;
        let Some(line) = file.as_deref().and_then(markers::first) else {
            continue;
        };
        let wanted = manifest.agents().get(name);
        let mut joined = None;
        if !session.options.is_locked {
            let entries = (name, [entry, entry], &entry.folder);
            joined = join(session, wanted, entries, &[Side::Ours], frontend);
        }
        if let Some(text) = joined.and_then(|settled| settled.text) {
            names.push(name.as_str());
            changes.push(Change {
                path: project.agent_path(name, &entry.folder),
                agent: Some(name.clone()),
                before: file.as_deref().map(Digest::of),
                after: Some(text.into()),
            });
        } else {
            let shown = project.shown_path(name, &entry.folder);
            left = left.or_else(|| Some(markers_in(&shown, line)));
        }
    }
    if !names.is_empty() {
        let names = names.join(", ");
        frontend.report(Event::warning(format!(
            "agentpkg merged what git could not: {names}"
        )));
    }
    if !changes.is_empty() && !is_dry_run {
        let transaction = Transaction {
            label: "merge what git could not".to_owned(),
            changes,
            lockfile: None,
        };
        let guard = session.lock(frontend)?;
        session.apply(Some(&guard), &transaction, frontend)?;
    }
    left.map_or(Ok(()), Err)
}

/// Two edited versions, each with its base, as one: the edits of one side are carried over to the version of the other, the newer one if
/// that can be, and merged with the edits there.
fn joined(
    sides: &[(Vec<u8>, Vec<u8>); 2],
    pins: &[String],
    newest: Side,
    meant: &[Side],
) -> Option<Settled> {
    let clean = |base: &[u8], ours: &[u8], theirs: &[u8]| {
        let options = Options {
            pins: pins.to_vec(),
            // Nobody is asked for consent here.
            guards_tools_line: true,
        };
        let merge = merge_with(base, ours, theirs, &options);
        merge.conflicts().is_empty().then(|| merge.resolve(&[]))
    };
    let mut targets = meant.to_vec();
    targets.sort_by_key(|side| *side != newest);
    targets.into_iter().find_map(|side| {
        let (base, file) = &sides[index(side)];
        let (other_base, other_file) = &sides[1 - index(side)];
        let carried = clean(other_base, other_file, base)?;
        let text = clean(base, file, &carried)?;
        Some(Settled {
            side: Some(side),
            text: Some(text),
            ..Settled::default()
        })
    })
}

/// Which of two entries is of the newer version, as far as that is known here.
fn newest(session: &Session, entries: [&LockedAgent; 2]) -> Side {
    let version = |entry: &LockedAgent| Version::parse(entry.version.as_ref()?).ok();
    let time = |entry: &LockedAgent| {
        let source = Source::parse(&entry.source).ok()?;
        let repository = session.kept_repository(&source)?;
        repository.commit_time(entry.commit?).ok()
    };
    let [ours, theirs] = entries;
    let is_ours = match (version(ours), version(theirs)) {
        (Some(ours), Some(theirs)) => ours > theirs,
        _ => time(ours) > time(theirs),
    };
    if is_ours { Side::Ours } else { Side::Theirs }
}

/// Both sides of an agent's file that git could not merge; `None`: it is merged.
fn unmerged(session: &Session, name: &AgentName, folder: &Folder) -> Option<[Option<Vec<u8>>; 2]> {
    let file = fs::canonical(&session.project.agent_path(name, folder)).ok()?;
    let mut folders = file.ancestors().skip(1);
    let (repository, folder) =
        folders.find_map(|folder| Some((Repository::open(folder).ok()?, folder)))?;
    let path = file
        .strip_prefix(folder)
        .ok()?
        .to_string_lossy()
        .replace('\\', "/");
    let sides = repository.unmerged(&path).ok()??;
    Some(sides.map(|side| repository.read_blob(side?, MAX_AGENT).ok().flatten()))
}

/// What was taken, in words.
fn words(shown: &str, merged: &Merged, files: &Files) -> String {
    let mut words = format!("{shown} had conflict markers");
    if merged.decided.is_empty() {
        return format!("{words}; the entries of both sides were taken");
    }
    let sides = [
        (Some(Side::Ours), "taken from your side"),
        (Some(Side::Theirs), "taken from the other side"),
        (None, "resolved anew"),
    ];
    for (side, what) in sides {
        let names = merged.decided.iter().filter(|(_, taken)| *taken == side);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            words = format!("{words}; {what}: {}", names.join(", "));
        }
    }
    let joined = files.iter().filter(|(_, settled)| settled.text.is_some());
    let joined: Vec<&str> = joined.map(|(name, _)| name.as_str()).collect();
    if !joined.is_empty() {
        let names = joined.join(", ");
        words = format!("{words}; both sides of the file were merged: {names}");
    }
    for [managed, left] in files.values().filter_map(|settled| settled.left.as_ref()) {
        let _ = write!(
            words,
            "; {left} is unmanaged now, because Claude Code loads {managed} under the same name"
        );
    }
    words
}

//! Where a file that agentpkg did not write is from: all that the files of some sources ever held, as far as it is here, and the search in
//! it. First for the very bytes, in what each source has now and then in its history; then by the text, as [`crate::domain::origin`] says.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::report::{Frontend, relay};
use super::resolver::Resolved;
use super::session::Session;
use crate::domain::date::day;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::{self, EXTENSION};
use crate::domain::name::{AgentName, RegistryName, folded};
use crate::domain::origin::{Match, Origin, Versions};
use crate::domain::spec::Source;
use crate::error::Result;
use crate::store::cache::{Freshness, Reach};
use crate::store::registry::{self, Snapshot};

/// How a source is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// As it is here; what is not here is left out.
    Here,
    /// With all of its history, which is fetched.
    Fetched,
}

/// What a file of a source holds, or once held.
#[derive(Debug)]
struct Content {
    source: usize,
    path: String,
    blob: ObjectId,
    commit: Option<ObjectId>,
    /// Whether the source has it now.
    is_current: bool,
    /// The agent that it is a version of. Files of one name, and files that ever had the same bytes, are one agent.
    agent: usize,
}

/// What sources hold and once held.
#[derive(Debug, Default)]
pub(super) struct Pool<'a> {
    sources: Vec<Rc<Snapshot<'a>>>,
    contents: Vec<Content>,
    by_blob: HashMap<ObjectId, Vec<usize>>,
    /// Sources of which nothing is here, and sources of which only a part of the history is.
    absent: Vec<String>,
    partial: Vec<String>,
    texts: Option<Texts>,
}

/// The texts of the contents.
#[derive(Debug, Default)]
struct Texts {
    versions: Versions,
    /// The content that each version is.
    contents: Vec<usize>,
    /// The folded names of the files of each agent.
    names: Vec<BTreeSet<String>>,
}

/// A version that a file may be from.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The agent, with the commit at which its file held this version.
    pub(super) resolved: Resolved<'a>,
    /// Whether the source has this version now.
    pub(super) is_current: bool,
    /// How much of both texts is the same, in percent.
    pub(super) percent: u32,
    /// How many lines differ; 0: only white space does, or nothing.
    pub(super) lines: usize,
    /// Whether the bytes are the same.
    pub(super) is_identical: bool,
}

/// What a search gave.
#[derive(Debug)]
pub(super) enum Searched<'a> {
    /// It is from this version.
    Version(Box<Found<'a>>),
    /// It is from one of these.
    Several(Vec<Found<'a>>),
    /// It is from none; these are the nearest.
    Unknown(Vec<Found<'a>>),
}

impl Found<'_> {
    /// How it differs, in words.
    pub(super) fn difference(&self) -> String {
        match self.lines {
            _ if self.is_identical => "identical".to_owned(),
            0 => "only white space differs".to_owned(),
            1 => "1 line differs".to_owned(),
            lines => format!("{lines} lines differ"),
        }
    }

    /// A spec that means this very version and can be pasted.
    pub(super) fn spec(&self) -> String {
        let spec = self.resolved.spec(true);
        match self.resolved.commit {
            Some(commit) if !self.is_current => format!("{spec}@{}", commit.short()),
            _ => spec,
        }
    }

    /// The commit with its day; empty for sources without commits.
    pub(super) fn revision(&self) -> String {
        let Some(commit) = self.resolved.commit else {
            return String::new();
        };
        let history = self.resolved.snapshot.history();
        let time = history.and_then(|(repository, _)| repository.commit_time(commit).ok());
        match time {
            Some(time) => format!("{} ({})", commit.short(), day(time)),
            None => commit.short(),
        }
    }
}

impl<'a> Pool<'a> {
    /// Opens sources. In a look at what is here, a source that cannot be read is only noted.
    pub(super) fn open(
        session: &'a Session,
        sources: &[(Option<RegistryName>, Source)],
        look: Look,
        frontend: &mut dyn Frontend,
    ) -> Result<Self> {
        let mut pool = Self::default();
        for (registry, source) in sources {
            let place = || match registry {
                Some(registry) => registry.to_string(),
                None => source.to_string(),
            };
            let is_absent = |url| look == Look::Here && !session.cache.has(url);
            if matches!(source, Source::Git(url) if is_absent(url)) {
                pool.absent.push(place());
                continue;
            }
            let freshness = match look {
                Look::Here => Freshness::Any,
                Look::Fetched => Freshness::Now,
            };
            let opened = registry::open(
                registry.clone(),
                source,
                &|path| session.absolute(path),
                &session.cache,
                (freshness, Reach::Head),
                &mut |event| relay(frontend, event),
            );
            let added = opened.and_then(|snapshot| pool.add(Rc::new(snapshot), look, frontend));
            match added {
                Ok(()) => {}
                Err(failure) if look == Look::Fetched => return Err(failure),
                Err(_) => pool.absent.push(place()),
            }
        }
        for (index, content) in pool.contents.iter().enumerate() {
            pool.by_blob.entry(content.blob).or_default().push(index);
        }
        Ok(pool)
    }

    /// The sources of which nothing is here.
    pub(super) fn absent(&self) -> &[String] {
        &self.absent
    }

    /// The sources of whose history only a part is here.
    pub(super) fn partial(&self) -> &[String] {
        &self.partial
    }

    fn add(
        &mut self,
        snapshot: Rc<Snapshot<'a>>,
        look: Look,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        if let Some(failure) = &snapshot.without_head {
            return Err(failure.clone());
        }
        let watch = &mut |event| relay(frontend, event);
        let source = self.sources.len();
        let content = |path: String, blob: ObjectId, commit: Option<ObjectId>| Content {
            source,
            path,
            blob,
            commit,
            is_current: false,
            agent: 0,
        };
        let current = |content: Content| Content {
            is_current: true,
            ..content
        };
        let mut found: Vec<Content> = Vec::new();
        let past = snapshot.past_files(look == Look::Fetched, watch)?;
        if let (Some(past), Some(head)) = (past, snapshot.commit) {
            let now = snapshot.tree(head, watch)?.unwrap_or_default();
            let before = past.files.iter();
            let before = before.filter(|file| now.get(&file.path) != Some(&file.blob));
            let before =
                before.map(|file| content(file.path.clone(), file.blob, Some(file.commit)));
            let before: Vec<Content> = before.collect();
            let now = now.into_iter();
            found.extend(now.map(|(path, blob)| current(content(path, blob, Some(head)))));
            found.extend(before);
            let nothing = Plugins::default();
            found.retain(|content| discovery::is_candidate(&content.path, EXTENSION, &nothing));
            if !past.is_whole {
                self.partial.push(snapshot.place());
            }
        } else {
            let offered = snapshot.offered(watch)?;
            let all = offered.all().into_iter().chain(offered.behind());
            found.extend(all.map(|entry| current(content(entry.file, entry.blob, None))));
        }
        let first = self.contents.iter().map(|known| known.agent + 1).max();
        join_families(&mut found, first.unwrap_or(0));
        self.contents.append(&mut found);
        self.sources.push(snapshot);
        Ok(())
    }

    /// Where a file is from.
    pub(super) fn search(
        &mut self,
        name: &AgentName,
        bytes: &[u8],
        frontend: &mut dyn Frontend,
    ) -> Searched<'a> {
        if let Some(found) = self.identical(name, bytes, frontend) {
            return Searched::Version(Box::new(found));
        }
        self.read(frontend);
        let Some(texts) = &self.texts else {
            return Searched::Unknown(Vec::new());
        };
        let folded = name.folded();
        let is_named =
            |agent: usize| (texts.names.get(agent)).is_some_and(|names| names.contains(&folded));
        let origin = texts.versions.origin_of(bytes, &is_named, &mut |versions| {
            self.texts_of(&texts.contents, versions, frontend)
        });
        let mut all = |matches: Vec<Match>| -> Vec<Found<'a>> {
            let found = matches.iter().map(|found| self.found(found, frontend));
            found.flatten().collect()
        };
        match origin {
            Origin::Version(found) => match all(vec![found]).pop() {
                Some(found) => Searched::Version(Box::new(found)),
                None => Searched::Unknown(Vec::new()),
            },
            Origin::Several(several) => {
                let mut several = all(several);
                match several.len() {
                    0 => Searched::Unknown(several),
                    1 => Searched::Version(Box::new(several.remove(0))),
                    _ => Searched::Several(several),
                }
            }
            Origin::Unknown(nearest) => Searched::Unknown(all(nearest)),
        }
    }

    /// The version of the agent in a file of the only source that is most like a text, however little that is.
    pub(super) fn nearest(
        &mut self,
        path: &str,
        bytes: &[u8],
        frontend: &mut dyn Frontend,
    ) -> Option<Found<'a>> {
        let blob = ObjectId::of_blob(bytes);
        let agent = (self.contents.iter().find(|content| content.path == path))?.agent;
        let same = self.by_blob.get(&blob).into_iter().flatten().copied();
        for index in same.filter(|index| self.contents[*index].agent == agent) {
            if let Some(resolved) = self.resolved(index, bytes, frontend) {
                return Some(self.same(index, resolved));
            }
        }
        self.read(frontend);
        let texts = self.texts.as_ref()?;
        let nearest = texts.versions.nearest(bytes, agent, &mut |versions| {
            self.texts_of(&texts.contents, versions, frontend)
        })?;
        self.found(&nearest, frontend)
    }

    /// The version with these bytes: what a source has now comes first, then what is named like the file.
    fn identical(
        &self,
        name: &AgentName,
        bytes: &[u8],
        frontend: &mut dyn Frontend,
    ) -> Option<Found<'a>> {
        let same = self.by_blob.get(&ObjectId::of_blob(bytes))?;
        let mut same: Vec<usize> = same.clone();
        same.sort_by_key(|index| {
            let content = &self.contents[*index];
            let is_other = folded(discovery::stem(&content.path)) != name.folded();
            (!content.is_current, content.source, is_other, *index)
        });
        let resolved = same.into_iter().find_map(|index| {
            let resolved = self.resolved(index, bytes, frontend)?;
            Some((index, resolved))
        });
        resolved.map(|(index, resolved)| self.same(index, resolved))
    }

    fn same(&self, index: usize, resolved: Resolved<'a>) -> Found<'a> {
        Found {
            resolved,
            is_current: self.contents[index].is_current,
            percent: 100,
            lines: 0,
            is_identical: true,
        }
    }

    fn found(&self, found: &Match, frontend: &mut dyn Frontend) -> Option<Found<'a>> {
        let index = *self.texts.as_ref()?.contents.get(found.version)?;
        let content = &self.contents[index];
        let watch = &mut |event| relay(frontend, event);
        let text = self.sources[content.source].texts(&[content.blob], watch);
        let (_, bytes) = text.into_iter().next()?;
        Some(Found {
            resolved: self.resolved(index, &bytes, frontend)?,
            is_current: content.is_current,
            percent: found.percent,
            lines: found.lines,
            is_identical: false,
        })
    }

    /// The texts of versions. `contents`: the content that each version is.
    fn texts_of(
        &self,
        contents: &[usize],
        versions: &[usize],
        frontend: &mut dyn Frontend,
    ) -> Vec<(usize, Vec<u8>)> {
        let mut found = Vec::new();
        for (source, snapshot) in self.sources.iter().enumerate() {
            let blob = |version: &usize| {
                let content = &self.contents[*contents.get(*version)?];
                (content.source == source).then_some((*version, content.blob))
            };
            let wanted: Vec<(usize, ObjectId)> = versions.iter().filter_map(blob).collect();
            if wanted.is_empty() {
                continue;
            }
            let blobs: Vec<ObjectId> = wanted.iter().map(|(_, blob)| *blob).collect();
            let watch = &mut |event| relay(frontend, event);
            let texts: HashMap<ObjectId, Vec<u8>> =
                snapshot.texts(&blobs, watch).into_iter().collect();
            let texts = wanted
                .into_iter()
                .filter_map(|(version, blob)| Some((version, texts.get(&blob)?.clone())));
            found.extend(texts);
        }
        found
    }

    /// The agent that a content is a version of; `None` if its source does not offer it as one.
    fn resolved(
        &self,
        index: usize,
        bytes: &[u8],
        frontend: &mut dyn Frontend,
    ) -> Option<Resolved<'a>> {
        let content = &self.contents[index];
        let snapshot = &self.sources[content.source];
        if content.is_current {
            let watch = &mut |event| relay(frontend, event);
            // What was not read yet cannot be asked, and then the text alone says what it is.
            if let Ok(found) = snapshot.find_file(&content.path, watch) {
                return Some(Resolved::newest(Rc::clone(snapshot), found?));
            }
        }
        let record = |name: &str| snapshot.record(name);
        let entry = discovery::examine_named(&content.path, bytes, &record).ok()?;
        Some(Resolved {
            snapshot: Rc::clone(snapshot),
            entry,
            version: None,
            commit: content.commit,
            listed_at: None,
        })
    }

    /// Reads all texts that are here, once.
    fn read(&mut self, frontend: &mut dyn Frontend) {
        if self.texts.is_some() {
            return;
        }
        let mut texts = Texts::default();
        let agents = self.contents.iter().map(|content| content.agent + 1).max();
        texts.names.resize_with(agents.unwrap_or(0), BTreeSet::new);
        let mut order: Vec<usize> = (0..self.contents.len()).collect();
        order.sort_by_key(|index| (self.contents[*index].agent, *index));
        for (source, snapshot) in self.sources.iter().enumerate() {
            let of_source = order
                .iter()
                .filter(|index| self.contents[**index].source == source);
            let of_source: Vec<usize> = of_source.copied().collect();
            let blobs: BTreeSet<ObjectId> = of_source
                .iter()
                .map(|index| self.contents[*index].blob)
                .collect();
            let blobs: Vec<ObjectId> = blobs.into_iter().collect();
            let watch = &mut |event| relay(frontend, event);
            let read: HashMap<ObjectId, Vec<u8>> =
                snapshot.texts(&blobs, watch).into_iter().collect();
            if read.len() < blobs.len() && !self.partial.contains(&snapshot.place()) {
                self.partial.push(snapshot.place());
            }
            let mut known = BTreeSet::new();
            for index in of_source {
                let content = &self.contents[index];
                texts.names[content.agent].insert(folded(discovery::stem(&content.path)));
                if let Some(text) = read.get(&content.blob)
                    && known.insert((content.agent, content.blob))
                {
                    let _ = texts.versions.add(content.agent, text);
                    texts.contents.push(index);
                }
            }
        }
        self.texts = Some(texts);
    }
}

/// Says which agent each content of a source is of: files of one name, and files that ever had the same bytes, are one. `first`: the
/// number of the first agent.
fn join_families(contents: &mut [Content], first: usize) {
    let mut leaders: Vec<usize> = (0..contents.len()).collect();
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut blobs: HashMap<ObjectId, usize> = HashMap::new();
    for (index, content) in contents.iter().enumerate() {
        let stem = folded(discovery::stem(&content.path));
        let named = leader(&leaders, *names.entry(stem).or_insert(index));
        let same = leader(&leaders, *blobs.entry(content.blob).or_insert(index));
        let least = named.min(same);
        for other in [named, same, index] {
            leaders[other] = least;
        }
    }
    for (index, content) in contents.iter_mut().enumerate() {
        content.agent = first + leader(&leaders, index);
    }
}

fn leader(leaders: &[usize], mut index: usize) -> usize {
    while leaders[index] != index {
        index = leaders[index];
    }
    index
}

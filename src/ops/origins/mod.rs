//! Where a file that agentpkg did not write is from: all that the files of some sources ever held, as far as it is here, and the search in
//! it. First for the very bytes, in what each source has now and then in its history; then by the text, as [`crate::domain::origin`] says.

mod content;
mod found;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use self::content::Content;
pub(super) use self::found::{Found, Searched};
use super::own;
use super::report::{Frontend, relay};
use super::resolver::Resolved;
use super::session::Session;
use crate::domain::digest::ObjectId;
use crate::domain::discovery;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::origin::{Match, Origin, Versions};
use crate::domain::spec::Source;
use crate::domain::url::GitUrl;
use crate::error::Result;
use crate::fs::{self, Entry};
use crate::store::cache::{Freshness, Reach};
use crate::store::index::Past;
use crate::store::registry::{self, Snapshot};

/// How a source is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Only what is on this machine.
    Here,
    /// With all of its history, which is fetched.
    Fetched,
}

/// What sources hold and once held.
#[derive(Debug, Default)]
pub(super) struct Pool<'a> {
    sources: Vec<Rc<Snapshot<'a>>>,
    /// What each source ever held, until that is among the texts.
    pasts: Vec<Option<Past>>,
    contents: Vec<Content>,
    by_blob: HashMap<ObjectId, Vec<usize>>,
    missing: Missing,
    working_copies: Vec<(String, String)>,
    texts: Option<Texts>,
}

/// The sources that were not searched, or not completely.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Sources that are not on this machine.
    pub(super) absent: BTreeSet<String>,
    /// Sources of whose history this machine has only a part.
    pub(super) partial: BTreeSet<String>,
    /// Working copies of git, which are read as they are, where a file is not the same as one of theirs: each with the address under which
    /// it has a history.
    pub(super) without_history: Vec<(String, String)>,
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
                pool.missing.absent.insert(place());
                continue;
            }
            if let Source::Folder(path) = source {
                let folder = session.absolute(path);
                let address = working_copy(&folder).map(|address| (place(), address));
                pool.working_copies.extend(address);
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
            let added = opened.and_then(|snapshot| {
                let own = own::below(session, source);
                pool.add(Rc::new(snapshot), look, own.as_deref(), frontend)
            });
            match added {
                Ok(()) => {}
                Err(failure) if look == Look::Fetched => return Err(failure),
                Err(_) => {
                    pool.missing.absent.insert(place());
                }
            }
        }
        for (index, content) in pool.contents.iter().enumerate() {
            pool.by_blob.entry(content.blob).or_default().push(index);
        }
        Ok(pool)
    }

    /// The sources that were not searched, or not completely.
    pub(super) fn missing(&self) -> &Missing {
        &self.missing
    }

    /// `own`: where in the source the agents folder is, whose files are from elsewhere.
    fn add(
        &mut self,
        snapshot: Rc<Snapshot<'a>>,
        look: Look,
        own: Option<&str>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        if let Some(failure) = &snapshot.without_head {
            return Err(failure.clone());
        }
        let watch = &mut |event| relay(frontend, event);
        let past = snapshot.past(look == Look::Fetched, watch)?;
        if past.as_ref().is_some_and(|past| !past.files.is_whole) {
            self.missing.partial.insert(snapshot.place());
        }
        let next = self.contents.iter().map(|known| known.agent + 1).max();
        let numbers = (self.sources.len(), next.unwrap_or(0));
        let mut found = content::of_source(&snapshot, past.as_ref(), numbers, watch)?;
        if let Some(own) = own {
            found.retain(|content| !content.path.starts_with(own));
        }
        self.contents.append(&mut found);
        self.sources.push(snapshot);
        self.pasts.push(past);
        Ok(())
    }

    /// Where a file is from.
    pub(super) fn search(
        &mut self,
        name: &AgentName,
        bytes: &[u8],
        frontend: &mut dyn Frontend,
    ) -> Searched<'a> {
        let blob = ObjectId::of_blob(bytes);
        if let Some(found) = self.held_by(blob, bytes, Some(name), &|_| true, frontend) {
            return Searched::Version(Box::new(found));
        }
        self.read(frontend);
        let Some(texts) = &self.texts else {
            return Searched::Unknown(Vec::new());
        };
        let folded = name.folded();
        let is_named =
            |agent: usize| (texts.names.get(agent)).is_some_and(|names| names.contains(&folded));
        let (mut lost, contents) = (Vec::new(), &texts.contents);
        let origin = texts.versions.origin_of(bytes, &is_named, &mut |versions| {
            self.texts_of(contents, versions, &mut lost, frontend)
        });
        let searched = self.searched(origin, Some(name), frontend);
        self.missing.partial.extend(lost);
        searched
    }

    /// Which version of the agent in a file of the only source a text is from, however little of it is left.
    pub(super) fn search_in(
        &mut self,
        path: &str,
        bytes: &[u8],
        frontend: &mut dyn Frontend,
    ) -> Searched<'a> {
        let blob = ObjectId::of_blob(bytes);
        let Some(content) = self.contents.iter().find(|content| content.path == path) else {
            return Searched::Unknown(Vec::new());
        };
        let agent = content.agent;
        let is_it = |content: &Content| content.agent == agent;
        if let Some(found) = self.held_by(blob, bytes, None, &is_it, frontend) {
            return Searched::Version(Box::new(found));
        }
        self.read(frontend);
        let Some(texts) = &self.texts else {
            return Searched::Unknown(Vec::new());
        };
        let origin = texts.versions.origin_in(bytes, agent, &mut |versions| {
            self.texts_of(&texts.contents, versions, &mut Vec::new(), frontend)
        });
        self.searched(origin, None, frontend)
    }

    fn searched(
        &self,
        origin: Origin,
        name: Option<&AgentName>,
        frontend: &mut dyn Frontend,
    ) -> Searched<'a> {
        let mut all = |matches: Vec<Match>| -> Vec<Found<'a>> {
            let found = matches.iter();
            let found = found.map(|found| self.found(found, name, frontend));
            found.flatten().collect()
        };
        match origin {
            Origin::Version(found) => match all(vec![found]).pop() {
                Some(found) => Searched::Version(Box::new(found)),
                None => Searched::Unknown(Vec::new()),
            },
            Origin::Several(several) => match all(several) {
                none if none.is_empty() => Searched::Unknown(none),
                several => Searched::Several(several),
            },
            Origin::Unknown(nearest) => Searched::Unknown(all(nearest)),
        }
    }

    /// The agent that holds some bytes, or once held them, as an identical one. Of several: what its source has now, what is named like the
    /// file, what is in the first source.
    fn held_by(
        &self,
        blob: ObjectId,
        bytes: &[u8],
        name: Option<&AgentName>,
        is_it: &dyn Fn(&Content) -> bool,
        frontend: &mut dyn Frontend,
    ) -> Option<Found<'a>> {
        let same = self.by_blob.get(&blob)?.iter().copied();
        let mut same: Vec<usize> = same.filter(|index| is_it(&self.contents[*index])).collect();
        let folded = name.map(AgentName::folded);
        same.sort_by_key(|index| {
            let content = &self.contents[*index];
            let is_other = folded.as_ref() != Some(&content.name());
            (!content.is_current, is_other, content.source, *index)
        });
        let mut same = same.into_iter();
        let (index, resolved) = same.find_map(|index| {
            let resolved = self.resolved(index, bytes, frontend)?;
            Some((index, resolved))
        })?;
        let key = |content: &Content| (content.source, content.name());
        let mut known = BTreeSet::from([key(&self.contents[index])]);
        let others = same.filter(|index| known.insert(key(&self.contents[*index])));
        let is_current = self.contents[index].is_current;
        let also_in = others.filter_map(|index| {
            let other = self.resolved(index, bytes, frontend)?;
            Some(found::spec(&other, self.contents[index].is_current))
        });
        Some(Found {
            also_in: also_in.collect(),
            resolved,
            is_current,
            percent: 100,
            lines: 0,
            is_identical: true,
        })
    }

    fn found(
        &self,
        found: &Match,
        name: Option<&AgentName>,
        frontend: &mut dyn Frontend,
    ) -> Option<Found<'a>> {
        let index = *self.texts.as_ref()?.contents.get(found.version)?;
        let content = &self.contents[index];
        let watch = &mut |event| relay(frontend, event);
        let text = self.sources[content.source].texts(&[content.blob], watch);
        let (_, bytes) = text.into_iter().next()?;
        let is_it = |other: &Content| name.is_some() || other.agent == content.agent;
        let held = self.held_by(content.blob, &bytes, name, &is_it, frontend)?;
        Some(Found {
            percent: found.percent,
            lines: found.lines,
            is_identical: false,
            ..held
        })
    }

    /// The texts of versions. `contents`: the content that each version is. `lost`: sources that do not have all of them any more.
    fn texts_of(
        &self,
        contents: &[usize],
        versions: &[usize],
        lost: &mut Vec<String>,
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
            if blobs.iter().any(|blob| !texts.contains_key(blob)) {
                lost.push(snapshot.place());
            }
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

    /// Takes note of the lines of all texts that are here, once.
    fn read(&mut self, frontend: &mut dyn Frontend) {
        if self.texts.is_some() {
            return;
        }
        (self.missing.without_history).append(&mut self.working_copies);
        let mut texts = Texts::default();
        let agents = self.contents.iter().map(|content| content.agent + 1).max();
        texts.names.resize_with(agents.unwrap_or(0), BTreeSet::new);
        let mut order: Vec<usize> = (0..self.contents.len()).collect();
        order.sort_by_key(|index| (self.contents[*index].agent, *index));
        // The agents of a source have numbers in sequence.
        let source = |index: usize| self.contents[index].source;
        for of_source in order.chunk_by(|one, other| source(*one) == source(*other)) {
            let source = source(of_source[0]);
            let (snapshot, past) = (&self.sources[source], self.pasts[source].take());
            let is_whole = match past {
                Some(past) => texts.add_past(&self.contents, of_source, (snapshot, past), frontend),
                None => texts.add_present(&self.contents, of_source, snapshot, frontend),
            };
            if !is_whole {
                self.missing.partial.insert(snapshot.place());
            }
        }
        self.texts = Some(texts);
    }
}

impl Texts {
    /// Adds the contents of a source with a history. Says whether all could be read.
    fn add_past(
        &mut self,
        contents: &[Content],
        of_source: &[usize],
        (snapshot, mut past): (&Snapshot<'_>, Past),
        frontend: &mut dyn Frontend,
    ) -> bool {
        snapshot.read_past(&mut past, &mut |event| relay(frontend, event));
        let numbers = self.versions.learn(past.lines());
        self.add(contents, of_source, &mut |versions, agent, blob| {
            let lines = past.text(blob)?.iter();
            let lines = lines.map(|line| numbers[*line as usize]).collect();
            let _ = versions.add_lines(agent, lines);
            Some(())
        })
    }

    /// Adds the contents of a source without one.
    fn add_present(
        &mut self,
        contents: &[Content],
        of_source: &[usize],
        snapshot: &Snapshot<'_>,
        frontend: &mut dyn Frontend,
    ) -> bool {
        let blobs: Vec<ObjectId> = (of_source.iter())
            .map(|index| contents[*index].blob)
            .collect();
        let watch = &mut |event| relay(frontend, event);
        let read: HashMap<ObjectId, Vec<u8>> = snapshot.texts(&blobs, watch).into_iter().collect();
        self.add(contents, of_source, &mut |versions, agent, blob| {
            let _ = versions.add(agent, read.get(&blob)?);
            Some(())
        })
    }

    /// `add`: adds a version of an agent with the text of a blob, if that can be had.
    fn add(
        &mut self,
        contents: &[Content],
        of_source: &[usize],
        add: &mut dyn FnMut(&mut Versions, usize, ObjectId) -> Option<()>,
    ) -> bool {
        let mut known = BTreeSet::new();
        let mut is_whole = true;
        for index in of_source {
            let content = &contents[*index];
            self.names[content.agent].insert(content.name());
            if known.insert((content.agent, content.blob)) {
                match add(&mut self.versions, content.agent, content.blob) {
                    Some(()) => self.contents.push(*index),
                    None => is_whole = false,
                }
            }
        }
        is_whole
    }
}

/// The address under which a folder has a history, if it is a working copy of git.
fn working_copy(folder: &std::path::Path) -> Option<String> {
    let folder = fs::canonical(folder).ok()?;
    let entry = fs::entry(&folder.join(".git")).ok()?;
    let is_one = matches!(entry, Entry::File | Entry::Folder);
    let path = folder.to_str().filter(|_| is_one)?;
    let address = format!(
        "file://{}{path}",
        if path.starts_with('/') { "" } else { "/" }
    );
    GitUrl::parse(&address).ok().map(|url| url.to_string())
}

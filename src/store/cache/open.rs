//! From a URL or a folder to a repository that is as fresh as requested: one, or several at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use super::repository::CachedRepository;
use super::turns::Turns;
use super::{Cache, Event, Freshness, Reach, Watch};
use crate::domain::digest::ObjectId;
use crate::domain::url::{GitUrl, Transport};
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};

/// How many repositories are fetched at the same time.
const MAX_FETCHES: usize = 20;

impl Cache {
    /// The repository of a URL, fetched if its default branch is not known as freshly as requested. Repositories on this machine are
    /// opened in place.
    pub fn repository(
        &self,
        url: &GitUrl,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Result<CachedRepository<'_>> {
        self.repository_with(url, freshness, Reach::Head, watch)
    }

    /// The same, with these references.
    pub fn repository_with(
        &self,
        url: &GitUrl,
        freshness: Freshness,
        reach: Reach,
        watch: Watch<'_>,
    ) -> Result<CachedRepository<'_>> {
        let repository = self.unasked(url)?;
        if repository.is_remote {
            repository.freshen(freshness, reach, watch)?;
        }
        Ok(repository)
    }

    /// The repository of a URL as it is here, which may be empty: for who knows what to ask it for.
    pub fn unasked(&self, url: &GitUrl) -> Result<CachedRepository<'_>> {
        if url.needs_insecure() && !self.settings.allow_insecure {
            return Err(Failure::failed(format!(
                "`{}` is not encrypted: anybody on the way could change what you install",
                url.display()
            ))
            .hint("use `https://` or `ssh://`; or allow it with `--allow-insecure`"));
        }
        if url.transport() == Transport::File {
            let folder = url
                .local_path()
                .ok_or_else(|| Failure::failed(format!("`{}` has no path", url.display())))?;
            return self.in_place(&folder, url.clone());
        }
        let folder = self.folder()?.join("registries").join(url.cache_key());
        let git = folder.join("git");
        Ok(CachedRepository {
            cache: self,
            url: url.clone(),
            git,
            folder: Some(folder),
            is_remote: true,
            may_prompt: self.settings.may_prompt,
            opened: RefCell::default(),
        })
    }

    /// Makes repositories as fresh as requested, several at once. Returns those that were asked, with the reason for each that cannot be
    /// reached. If a person may be asked for a password, those are left out, because only one can ask at a time.
    pub fn freshen(
        &self,
        urls: &BTreeSet<GitUrl>,
        (freshness, reach): (Freshness, Reach),
        watch: Watch<'_>,
    ) -> Vec<(GitUrl, Option<Failure>)> {
        self.at_once(urls, watch, &|repository, watch| {
            repository.freshen(freshness, reach, watch)
        })
    }

    /// Fetches contents by their ids, from several repositories at once. What cannot be had is missing afterwards, and whoever needs it
    /// asks again and says so.
    pub fn have_contents(&self, wanted: &BTreeMap<GitUrl, BTreeSet<ObjectId>>, watch: Watch<'_>) {
        let urls = wanted.keys().cloned().collect();
        self.at_once(&urls, watch, &|repository, watch| {
            repository.have_blobs(wanted[&repository.url].iter().copied(), watch)
        });
    }

    /// Does something with several repositories at once, as many as their hosts bear.
    fn at_once(
        &self,
        urls: &BTreeSet<GitUrl>,
        watch: Watch<'_>,
        work: &(dyn Fn(&CachedRepository<'_>, Watch<'_>) -> Result<()> + Sync),
    ) -> Vec<(GitUrl, Option<Failure>)> {
        let turns = Turns::new(urls.iter().cloned());
        let (told, events) = mpsc::channel();
        let (asked, outcomes) = mpsc::channel();
        let is_alone = urls.len() == 1;
        thread::scope(|scope| {
            for _ in 0..urls.len().min(MAX_FETCHES) {
                let (told, asked, turns) = (told.clone(), asked.clone(), &turns);
                scope.spawn(move || {
                    while let Some(url) = turns.next() {
                        // Nobody needs the progress of each of several fetches. The listener stays until all have ended.
                        let mut tell = |event| match event {
                            Event::Fetching(..) if !is_alone => {
                                drop(told.send(Event::FetchingSeveral(urls.len())));
                            }
                            Event::Progress(_) if !is_alone => {}
                            event => drop(told.send(event)),
                        };
                        let outcome = self.unasked(&url).and_then(|repository| {
                            let silent = CachedRepository {
                                may_prompt: false,
                                ..repository
                            };
                            work(&silent, &mut tell)
                        });
                        turns.done(&url);
                        let failure = outcome.err();
                        if failure.is_none() || !self.settings.may_prompt {
                            drop(asked.send((url, failure)));
                        }
                    }
                });
            }
            drop((told, asked));
            events.iter().for_each(&mut *watch);
        });
        outcomes.iter().collect()
    }

    /// A bare repository in a folder of this machine; `None` if it is something else.
    pub fn bare_repository(&self, folder: &Path) -> Result<Option<CachedRepository<'_>>> {
        let is = |name: &str, entry| Ok::<_, Failure>(fs::entry(&folder.join(name))? == entry);
        if !(is("HEAD", Entry::File)?
            && is("objects", Entry::Folder)?
            && is("refs", Entry::Folder)?)
        {
            return Ok(None);
        }
        let Some(text) = folder.to_str() else {
            return Ok(None);
        };
        let url = GitUrl::parse(&format!(
            "file://{}{text}",
            if text.starts_with('/') { "" } else { "/" }
        ))
        .map_err(|error| Failure::failed(format!("`{text}` cannot be used")).caused_by(error))?;
        self.in_place(folder, url).map(Some)
    }

    fn in_place(&self, folder: &Path, url: GitUrl) -> Result<CachedRepository<'_>> {
        if !fs::is_folder(folder) {
            return Err(Failure::failed(format!(
                "there is no repository at `{}`",
                folder.display()
            )));
        }
        let kept = self
            .settings
            .folder
            .as_ref()
            .map(|cache| cache.join("registries").join(url.cache_key()));
        Ok(CachedRepository {
            cache: self,
            url,
            git: folder.to_owned(),
            folder: kept,
            is_remote: false,
            may_prompt: false,
            opened: RefCell::default(),
        })
    }
}

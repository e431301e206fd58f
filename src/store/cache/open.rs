//! From a URL or a folder to a repository that is as fresh as requested: one, or several at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::repository::CachedRepository;
use super::{Cache, Event, Freshness, Watch};
use crate::domain::url::{GitUrl, Transport};
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};

/// How many repositories are fetched at the same time.
const MAX_FETCHES: usize = 8;

impl Cache {
    /// The repository of a URL, fetched if it is not as fresh as requested. Repositories on this machine are opened in place.
    pub fn repository(
        &self,
        url: &GitUrl,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Result<CachedRepository<'_>> {
        self.opened(url, freshness, self.settings.may_prompt, watch)
    }

    fn opened(
        &self,
        url: &GitUrl,
        freshness: Freshness,
        may_prompt: bool,
        watch: Watch<'_>,
    ) -> Result<CachedRepository<'_>> {
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
        let repository = CachedRepository {
            cache: self,
            url: url.clone(),
            git,
            folder: Some(folder),
            is_remote: true,
            may_prompt,
        };
        repository.freshen(freshness, watch)?;
        Ok(repository)
    }

    /// Makes repositories as fresh as requested, several at once. Returns those that were asked, with the reason for each that cannot be
    /// reached. If a person may be asked for a password, those are left out, because only one can ask at a time.
    pub fn freshen(
        &self,
        urls: &BTreeSet<GitUrl>,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Vec<(GitUrl, Option<Failure>)> {
        let waiting = Mutex::new(urls.iter());
        let (told, events) = mpsc::channel();
        let (asked, outcomes) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..urls.len().min(MAX_FETCHES) {
                let (told, asked, waiting) = (told.clone(), asked.clone(), &waiting);
                scope.spawn(move || {
                    let next = || {
                        waiting
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .next()
                    };
                    while let Some(url) = next() {
                        // Nobody needs the progress of each of several fetches. The listener stays until all have ended.
                        let outcome =
                            self.opened(url, freshness, false, &mut |event| match event {
                                Event::Fetching(_) => {
                                    drop(told.send(Event::FetchingSeveral(urls.len())));
                                }
                                Event::Progress(_) => {}
                                event => drop(told.send(event)),
                            });
                        let failure = outcome.err();
                        if failure.is_none() || !self.settings.may_prompt {
                            drop(asked.send((url.clone(), failure)));
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
        })
    }
}

//! Fetching and listing: which git subcommand to run, how often, and where to if a server redirects.
//!
//! Git itself never follows redirects, because it would contact the other server before reporting it. When a server redirects, its answer
//! is requested once more with git's header trace, and the new address is used only if scheme, host and port are the same. So no
//! credential, header or cookie can reach another server.
//!
//! `transfer.fsckObjects` is left as the user has it: many legitimate old repositories fail it, and the tree walk refuses bad names.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::GitError;
use super::bare::{count_references, is_shallow, objects_size, remove_leftovers};
use super::child::{self, Bounds, End};
use super::command::{Access, BlobFilter, FetchRequest, Fetched, Git, REMOTE, RemoteRefs, check};
use super::progress::Progress;
use super::stderr::{self, Verdict};
use crate::domain::digest::ObjectId;
use crate::domain::url::{GitUrl, Transport};

/// Pauses before the second and the third attempt, after failures that may be temporary.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
const MAX_REDIRECTS: usize = 3;
/// Not a folder, so that git reads no repository's settings.
const NOWHERE: &str = "/dev/null";

/// One run of git, with retries.
struct Job<'a> {
    git: &'a Git,
    into: &'a Path,
    access: &'a Access,
    arguments: Vec<String>,
    input: Option<Vec<u8>>,
}

/// The output of a successful run.
struct Done {
    url: GitUrl,
    output: Vec<u8>,
    messages: Vec<String>,
}

impl Git {
    /// Fetches what `request` asks for from `url` into the bare repository `into`, whose lock the caller holds.
    pub fn fetch(
        &self,
        into: &Path,
        url: &GitUrl,
        request: &FetchRequest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, GitError> {
        let mut arguments = fetch_arguments();
        arguments.push("--prune".to_owned());
        match request.depth {
            Some(depth) => arguments.push(format!("--depth={depth}")),
            None if is_shallow(into) => arguments.push("--unshallow".to_owned()),
            None => {}
        }
        arguments.push(match request.blobs {
            BlobFilter::Commits => "--filter=tree:0".to_owned(),
            BlobFilter::None => "--filter=blob:none".to_owned(),
            BlobFilter::All => "--no-filter".to_owned(),
        });
        let mut job = self.asking_for(request, into, arguments)?;
        let mut fetched = match fetch_with(&job, url, progress) {
            // Of a remote without any reference, git can neither cut the history nor complete it, and fails without saying so.
            Err(GitError::Failed { detail, .. }) if detail.is_empty() => {
                let is_plain = |argument: &String| {
                    !argument.starts_with("--depth=") && argument != "--unshallow"
                };
                job.arguments.retain(is_plain);
                fetch_with(&job, url, progress)
            }
            fetched => fetched,
        }?;
        fetched.is_filtered &= request.blobs != BlobFilter::All;
        Ok(fetched)
    }

    /// A fetch of the references of `request`, with these options.
    fn asking_for<'a>(
        &'a self,
        request: &'a FetchRequest,
        into: &'a Path,
        mut arguments: Vec<String>,
    ) -> Result<Job<'a>, GitError> {
        arguments.extend(["--end-of-options".to_owned(), REMOTE.to_owned()]);
        for refspec in &request.refspecs {
            check_refspec(refspec)?;
            arguments.push(refspec.clone());
        }
        Ok(Job {
            git: self,
            into,
            access: &request.access,
            arguments,
            input: None,
        })
    }

    /// Whether a fetch of what `request` asks for would change a reference here. Where history was left out, `--depth` makes the server send
    /// an answer in any case; this asks for one only if something is new, and then gets commits alone.
    pub fn would_change(
        &self,
        into: &Path,
        url: &GitUrl,
        request: &FetchRequest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<bool, GitError> {
        let mut arguments = fetch_arguments();
        let more = ["--prune", "--dry-run", "--filter=tree:0"];
        arguments.extend(more.map(str::to_owned));
        let job = self.asking_for(request, into, arguments)?;
        remove_leftovers(into)?;
        let done = job.run(url, progress)?;
        // One line for each reference: `   1234567..89abcde  main       -> origin/main`.
        Ok(done.messages.iter().any(|line| line.contains(" -> ")))
    }

    /// Fetches the objects `ids` in one batch. All of them must be at the remote.
    pub fn fetch_objects(
        &self,
        into: &Path,
        url: &GitUrl,
        ids: &[ObjectId],
        access: &Access,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, GitError> {
        let ids: BTreeSet<_> = ids.iter().collect();
        if ids.is_empty() {
            return Ok(Fetched {
                url: url.clone(),
                is_filtered: true,
                bytes: 0,
            });
        }
        let lines: Vec<_> = ids.iter().map(|id| format!("{id}\n")).collect();
        // If told about the commits that we have, a server assumes that we have their files too, and sends nothing.
        let mut arguments = ["-c", "fetch.negotiationAlgorithm=noop"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(fetch_arguments());
        // The filter keeps the server from sending what the objects refer to; the objects themselves are sent because they are named.
        arguments.extend(
            ["--filter=blob:none", "--stdin", "--end-of-options", REMOTE].map(str::to_owned),
        );
        let job = Job {
            git: self,
            into,
            access,
            arguments,
            input: Some(lines.concat().into_bytes()),
        };
        fetch_with(&job, url, progress)
    }

    /// Asks for the references at `url` that match `patterns`, or for all if there are none, and for the target of `HEAD`.
    pub fn list_remote(
        &self,
        url: &GitUrl,
        patterns: &[&str],
        access: &Access,
    ) -> Result<RemoteRefs, GitError> {
        let mut arguments: Vec<_> = ["ls-remote", "--symref", "--end-of-options", REMOTE]
            .map(str::to_owned)
            .into();
        for pattern in patterns {
            check_refspec(pattern)?;
            arguments.push((*pattern).to_owned());
        }
        let job = Job {
            git: self,
            into: Path::new(NOWHERE),
            access,
            arguments,
            input: None,
        };
        let done = job.run(url, &mut |_| {})?;
        Ok(read_references(&String::from_utf8_lossy(&done.output)))
    }
}

fn fetch_arguments() -> Vec<String> {
    let arguments = [
        "fetch",
        "--progress",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
    ];
    arguments.map(str::to_owned).into()
}

fn fetch_with(
    job: &Job<'_>,
    url: &GitUrl,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fetched, GitError> {
    remove_leftovers(job.into)?;
    let before = objects_size(job.into);
    let done = job.run(url, progress);
    if done.is_err() {
        // Not left for the next fetch to find: that may be a long time away.
        remove_leftovers(job.into)?;
    }
    let done = done?;
    Ok(Fetched {
        url: done.url,
        is_filtered: !stderr::is_filter_ignored(&done.messages),
        bytes: objects_size(job.into).saturating_sub(before),
    })
}

impl Job<'_> {
    fn run(&self, url: &GitUrl, progress: &mut dyn FnMut(Progress)) -> Result<Done, GitError> {
        let deadline = Instant::now() + self.access.limits.deadline;
        let mut url = url.clone();
        let mut pauses = PAUSES.iter();
        let mut redirects = 0;
        loop {
            check(&url, self.access)?;
            match self.attempt(&url, deadline, progress)? {
                Ok(done) => return Ok(done),
                Err(Verdict::Redirected) => {
                    redirects += 1;
                    let to = self.redirected(&url, deadline)?;
                    if redirects > MAX_REDIRECTS {
                        return Err(GitError::Redirect {
                            from: url,
                            to: to.display(),
                        });
                    }
                    url = to;
                }
                Err(Verdict::Error(error)) => match pauses.next() {
                    Some(pause) if error.is_passing() && Instant::now() + *pause < deadline => {
                        thread::sleep(*pause);
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    fn attempt(
        &self,
        url: &GitUrl,
        deadline: Instant,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Result<Done, Verdict>, GitError> {
        let limits = self.access.limits;
        let mut command = self.git.command(self.into, url, self.access);
        command.args(&self.arguments);
        let before = objects_size(self.into);
        let received = std::cell::Cell::new(0);
        let has_too_many_references =
            || count_references(self.into, limits.max_references) > limits.max_references;
        let mut may_go_on = || {
            received.set(objects_size(self.into).saturating_sub(before));
            received.get() <= limits.max_bytes && !has_too_many_references()
        };
        let mut bounds = Bounds {
            deadline,
            own_group: !self.access.may_prompt,
            may_go_on: &mut may_go_on,
        };
        let mut state = Progress::START;
        progress(state);
        let outcome = child::run(command, self.input.clone(), &mut bounds, &mut |line| {
            let is_progress = state.read(line);
            if is_progress {
                state.received_bytes = received.get();
                progress(state);
            }
            is_progress || (line.starts_with("remote: ") && line.contains('%'))
        })
        .map_err(|source| GitError::Spawn { source })?;
        match outcome.end {
            End::Late => Err(GitError::Timeout {
                url: url.clone(),
                after: limits.deadline,
            }),
            End::Stopped | End::Success if has_too_many_references() => {
                Err(GitError::TooManyReferences {
                    url: url.clone(),
                    limit: limits.max_references,
                })
            }
            End::Stopped => Err(GitError::TooLarge {
                url: url.clone(),
                limit: limits.max_bytes,
            }),
            // A fetch can exceed the limit between two measurements. What has arrived is kept, because it is complete.
            End::Success => Ok(Ok(Done {
                url: url.clone(),
                output: outcome.output,
                messages: outcome.messages,
            })),
            End::Failure => Ok(Err(match stderr::judge(&outcome.messages, url) {
                Verdict::Error(GitError::DiskFull { .. }) => Verdict::Error(GitError::DiskFull {
                    path: self.into.to_owned(),
                }),
                Verdict::Error(GitError::NotWritten { detail, .. }) => {
                    Verdict::Error(GitError::NotWritten {
                        path: self.into.to_owned(),
                        detail,
                    })
                }
                Verdict::Error(GitError::Damaged { detail, .. }) => {
                    Verdict::Error(GitError::Damaged {
                        path: self.into.to_owned(),
                        detail,
                    })
                }
                verdict => verdict,
            })),
        }
    }

    /// The address that the server redirects to, if it is at the same server.
    fn redirected(&self, from: &GitUrl, deadline: Instant) -> Result<GitUrl, GitError> {
        let mut command = self.git.command(Path::new(NOWHERE), from, self.access);
        command.args(["ls-remote", "--end-of-options", REMOTE, "HEAD"]);
        command
            .env("GIT_TRACE_CURL", "1")
            .env("GIT_TRACE_CURL_NO_DATA", "1")
            .env("GIT_TRACE_REDACT", "1");
        let mut bounds = Bounds {
            deadline,
            own_group: !self.access.may_prompt,
            may_go_on: &mut || true,
        };
        let outcome = child::run(command, None, &mut bounds, &mut |_| false)
            .map_err(|source| GitError::Spawn { source })?;
        if outcome.end == End::Late {
            return Err(GitError::Timeout {
                url: from.clone(),
                after: self.access.limits.deadline,
            });
        }
        let target = stderr::redirect_target(&outcome.messages).unwrap_or("an unknown address");
        let absolute = match target
            .strip_prefix('/')
            .filter(|rest| !rest.starts_with('/'))
        {
            Some(path) => format!("{}{path}", origin(from)),
            None => target.to_owned(),
        };
        let base = absolute.strip_suffix("/info/refs?service=git-upload-pack");
        let to = base.and_then(|base| GitUrl::parse(base).ok());
        let refused = |to: &str| GitError::Redirect {
            from: from.clone(),
            to: stderr::cleaned(to),
        };
        match to {
            Some(to) if to.same_origin(from) || is_upgrade(from, &to) => Ok(to),
            _ => Err(refused(base.unwrap_or(&absolute))),
        }
    }
}

/// `https://host:port/`
fn origin(url: &GitUrl) -> String {
    let text = url.as_str();
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..]
        .find('/')
        .map_or(text.len(), |at| start + at + 1);
    text[..end].to_owned()
}

/// The same host with encryption, both at their default ports.
fn is_upgrade(from: &GitUrl, to: &GitUrl) -> bool {
    from.transport() == Transport::Http
        && to.transport() == Transport::Https
        && from.host() == to.host()
        && (from.port(), to.port()) == (Some(80), Some(443))
}

/// What git accepts as a reference, a pattern or a commit, and neither git nor a terminal can misinterpret.
fn check_refspec(refspec: &str) -> Result<(), GitError> {
    let plain = |c: char| {
        !c.is_control() && !c.is_whitespace() && !matches!(c, '\\' | '~' | '^' | '?' | '[')
    };
    let has_parts = refspec
        .trim_start_matches('+')
        .split(':')
        .all(|part| !part.is_empty() && !part.starts_with('-'));
    if refspec.contains("..") || !has_parts || !refspec.chars().all(plain) {
        return Err(GitError::BadReference {
            name: stderr::cleaned(refspec),
        });
    }
    Ok(())
}

fn read_references(text: &str) -> RemoteRefs {
    let mut found = RemoteRefs::default();
    for (left, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        if let Some(branch) = left.strip_prefix("ref: ") {
            if name == "HEAD" {
                found.head_branch = Some(branch.to_owned());
            }
        } else if let Ok(id) = left.parse::<ObjectId>() {
            match (name.strip_suffix("^{}"), found.refs.last_mut()) {
                // The target of an annotated tag follows the tag itself.
                (Some(tag), Some(last)) if last.0 == tag => last.1 = id,
                (Some(_), _) => {}
                (None, _) => found.refs.push((name.to_owned(), id)),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_with_tags_followed() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{b}\trefs/tags/v1\n{a}\trefs/tags/v1^{{}}\nnonsense\n"
        );
        let found = read_references(&text);
        assert_eq!(found.head_branch.as_deref(), Some("refs/heads/main"));
        let names: Vec<_> = found
            .refs
            .iter()
            .map(|(name, id)| (name.as_str(), id.to_string() == a))
            .collect();
        assert_eq!(names, [("HEAD", true), ("refs/tags/v1", true)]);
    }

    #[test]
    fn references_that_mean_something_else_are_refused() {
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            "+-x:y",
            "a:-y",
            "a b",
            "a\nb",
            "a..b",
            "a:",
            ":a",
            "a~1",
            "@{u}^",
        ] {
            assert!(check_refspec(bad).is_err(), "{bad:?}");
        }
        for good in [
            FetchRequest::HEAD,
            FetchRequest::TAGS,
            "HEAD",
            "refs/heads/feature/x",
            "refs/tags/*",
        ] {
            assert!(check_refspec(good).is_ok(), "{good:?}");
        }
    }
}

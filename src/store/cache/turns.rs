//! Whose turn it is when several remotes are asked at once: a host that would refuse many connections gets few at a time.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::domain::url::{GitUrl, Transport};

/// How many connections of ssh or git:// one host gets at the same time: servers refuse more than a few that are not yet logged in.
const MAX_OF_HOST: usize = 4;

/// The remotes that wait, and how many of each host are being asked.
#[derive(Debug, Default)]
struct Waiting {
    urls: Vec<GitUrl>,
    asked: BTreeMap<String, usize>,
}

/// Gives out remotes in order, each once, as many at a time as their hosts bear.
#[derive(Debug)]
pub(super) struct Turns {
    waiting: Mutex<Waiting>,
    has_room: Condvar,
}

impl Turns {
    pub(super) fn new(urls: impl Iterator<Item = GitUrl>) -> Self {
        let waiting = Waiting {
            urls: urls.collect(),
            ..Waiting::default()
        };
        Self {
            waiting: Mutex::new(waiting),
            has_room: Condvar::new(),
        }
    }

    /// The next remote whose host has room, after waiting for one; `None` when all were given out. [`Turns::done`] is to follow.
    pub(super) fn next(&self) -> Option<GitUrl> {
        let mut waiting = self.lock();
        loop {
            if waiting.urls.is_empty() {
                return None;
            }
            let has_room = |url: &GitUrl| {
                let host = limited(url);
                host.is_none_or(|host| waiting.asked.get(&host).is_none_or(|n| *n < MAX_OF_HOST))
            };
            if let Some(at) = waiting.urls.iter().position(has_room) {
                let url = waiting.urls.remove(at);
                if let Some(host) = limited(&url) {
                    *waiting.asked.entry(host).or_default() += 1;
                }
                return Some(url);
            }
            let woken = self.has_room.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes note that a remote was asked.
    pub(super) fn done(&self, url: &GitUrl) {
        if let Some(host) = limited(url) {
            if let Some(count) = self.lock().asked.get_mut(&host) {
                *count -= 1;
            }
            self.has_room.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host of a remote, if it bears few connections only.
fn limited(url: &GitUrl) -> Option<String> {
    let is_limited = matches!(url.transport(), Transport::Ssh | Transport::Git);
    is_limited.then(|| url.host().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> GitUrl {
        GitUrl::parse(text).expect("a good address")
    }

    #[test]
    fn a_host_of_ssh_gets_four_at_a_time_and_others_do_not_wait_for_it() {
        let ssh = (0..6).map(|number| url(&format!("ssh://git@one.example/r{number}")));
        let others = ["ssh://git@two.example/r", "https://one.example/r"].map(url);
        let turns = Turns::new(ssh.chain(others.clone()));
        let first: Vec<GitUrl> = std::iter::from_fn(|| turns.next()).take(6).collect();
        assert_eq!(first[4..], others);
        assert!(first[..4].iter().all(|url| url.host() == "one.example"));
        let is_next = std::thread::scope(|scope| {
            let next = scope.spawn(|| turns.next());
            turns.done(&first[0]);
            next.join().expect("it does not panic")
        });
        assert_eq!(is_next, Some(url("ssh://git@one.example/r4")));
    }
}

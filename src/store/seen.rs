//! The contents of the installed files when they were last read, so that an unchanged file need not be read again. Kept in the cache, one
//! file per agents folder, and written only if something changed.
//!
//! A file that looks the same (see [`Look`]) has the same content, with one exception: changes within one tick of the file system's clock
//! look the same. So a file is trusted only after it was read more than a second after it was first seen with this look; any later change
//! also changes its look. Only times of one clock are compared, so it does not matter whether this machine and the file system agree about
//! the time.
//!
//! This information is only for display. Nothing is replaced or removed because of it: commands that write read the file first.

use std::path::PathBuf;

use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::fs::{self, Look};

const HEADER: &[u8] = b"agentpkg seen 1\n";
/// The largest file that is read, in bytes.
const MAX_SIZE: u64 = 16 << 20;
/// The number of files from which it is worthwhile.
const WORTH: usize = 16;
/// How many begun seconds certainly contain a full second.
const WAIT: u64 = 2;
/// In place of a time: the file is trusted.
const SETTLED: u64 = 0;
/// In place of a time: when everything is kept.
const NEW: u64 = u64::MAX;

/// What is known of the files of one folder.
#[derive(Debug)]
pub struct Seen {
    /// Where it is kept; `None`: nowhere.
    path: Option<PathBuf>,
    /// When the command began.
    started: u64,
    known: Vec<Sight>,
    asked: Vec<Sight>,
}

/// One file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    name: String,
    look: Look,
    digest: Digest,
    /// When it was first seen to look like this, in seconds since 1970.
    since: u64,
}

impl Seen {
    /// What is kept at `path` about this many files, if it is there and intact; `started`: when the command began.
    pub(super) fn open(path: Option<PathBuf>, files: usize, started: u64) -> Self {
        let path = path.filter(|_| cfg!(unix) && files >= WORTH);
        let bytes = path
            .as_ref()
            .and_then(|path| fs::read(path, MAX_SIZE).ok().flatten());
        let known = bytes.and_then(|bytes| parse(&bytes)).unwrap_or_default();
        Self {
            path,
            started,
            known,
            asked: Vec::new(),
        }
    }

    /// The digest of an agent's file; `None` if there is none. `look` examines it; `read` is called if its digest is not known for certain.
    pub fn digest(
        &mut self,
        name: &AgentName,
        look: impl Fn() -> Option<Look>,
        read: impl FnOnce() -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Digest>> {
        let read = || Ok(read()?.as_deref().map(Digest::of));
        if self.path.is_none() {
            read()
        } else {
            self.judge(name.as_str(), look, read)
        }
    }

    fn judge(
        &mut self,
        name: &str,
        look: impl Fn() -> Option<Look>,
        read: impl FnOnce() -> Result<Option<Digest>>,
    ) -> Result<Option<Digest>> {
        let Some(first) = look() else {
            return read();
        };
        let known = self
            .known
            .binary_search_by(|known| known.name.as_str().cmp(name))
            .ok()
            .map(|found| &self.known[found]);
        let known = known.filter(|known| known.look == first);
        if let Some(settled) = known.filter(|known| known.since == SETTLED) {
            self.asked.push(settled.clone());
            return Ok(Some(settled.digest));
        }
        let since = match known {
            Some(known) if self.started >= known.since.saturating_add(WAIT) => SETTLED,
            // A time in the future was written while the clock was wrong.
            Some(known) if self.started >= known.since => known.since,
            _ => NEW,
        };
        let digest = read()?;
        if let Some(digest) = digest
            && look() == Some(first)
        {
            self.asked.push(Sight {
                name: name.to_owned(),
                look: first,
                digest,
                since,
            });
        }
        Ok(digest)
    }

    /// Keeps what was found, after all files were asked for. `now`: seconds since 1970, at this moment. A cache that cannot be written is
    /// no reason to fail.
    pub fn keep(mut self, now: u64) {
        if let Some(path) = self.path.take()
            && let Some(sights) = self.changed(now)
        {
            let _ = fs::replace(&path, &to_bytes(&sights), false);
        }
    }

    /// What to keep, unless it is kept already.
    fn changed(mut self, now: u64) -> Option<Vec<Sight>> {
        for sight in self.asked.iter_mut().filter(|sight| sight.since == NEW) {
            sight.since = now.max(1);
        }
        self.asked.sort_by(|left, right| left.name.cmp(&right.name));
        (self.asked != self.known).then_some(self.asked)
    }
}

/// `HEADER`, the digest of the rest, and for each file: the length of its name, the name, look, digest, time.
fn to_bytes(sights: &[Sight]) -> Vec<u8> {
    let mut rest = Vec::new();
    for Sight {
        name,
        look,
        digest,
        since,
    } in sights
    {
        let Ok(length) = u16::try_from(name.len()) else {
            continue;
        };
        rest.extend_from_slice(&length.to_le_bytes());
        rest.extend_from_slice(name.as_bytes());
        rest.extend_from_slice(&look.to_bytes());
        rest.extend_from_slice(digest.as_bytes());
        rest.extend_from_slice(&since.to_le_bytes());
    }
    [HEADER, Digest::of(&rest).as_bytes(), &rest].concat()
}

fn parse(bytes: &[u8]) -> Option<Vec<Sight>> {
    let (digest, mut rest) = bytes.strip_prefix(HEADER)?.split_first_chunk()?;
    if Digest::of(rest) != Digest::from_bytes(*digest) {
        return None;
    }
    let mut sights = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let (look, after) = after.split_first_chunk()?;
        let (digest, after) = after.split_first_chunk()?;
        let (since, after) = after.split_first_chunk()?;
        let name = str::from_utf8(name).ok()?.to_owned();
        let (digest, since) = (Digest::from_bytes(*digest), u64::from_le_bytes(*since));
        sights.push(Sight {
            name,
            look: Look::from_bytes(look),
            digest,
            since,
        });
        rest = after;
    }
    Some(sights)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use proptest::prelude::*;

    use super::*;

    /// A file on a file system whose clock ticks every `tick` nanoseconds and is `ahead` of this machine's; the time is in nanoseconds.
    #[derive(Debug)]
    struct World {
        tick: u64,
        ahead: u64,
        time: Cell<u64>,
        /// Its inode, its look, its content.
        file: RefCell<Option<(u64, Look, u8)>>,
        aside: RefCell<Option<(u64, Look, u8)>>,
        inodes: Cell<u64>,
        kept: Vec<Sight>,
    }

    #[derive(Debug, Clone, Copy)]
    enum Change {
        Write,
        /// The same, with the time of writing set back to the first one.
        WriteAndSetBack,
        /// Replaced by another file; the old one stays under another name.
        Replace,
        /// Replaced by the file that was moved away, on a file system where renaming is not a change.
        PutBack,
        Remove,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wait(u64),
        Change(Change, u8),
        /// A command during which the file may be changed after it was examined.
        Run(Option<(Change, u8)>),
    }

    impl World {
        fn change(&self, change: Change, content: u8) {
            if matches!(change, Change::PutBack) {
                self.file.swap(&self.aside);
                return;
            }
            let changed = (self.time.get() + self.ahead) / self.tick * self.tick;
            if matches!(change, Change::Replace) {
                self.aside.replace(self.file.take());
            }
            let inode = self.file.take().map_or_else(
                || self.inodes.replace(self.inodes.get() + 1),
                |(inode, ..)| inode,
            );
            let written = if matches!(change, Change::WriteAndSetBack) {
                1
            } else {
                changed
            };
            let look = Look::new(1, inode, 7, written, changed);
            self.file
                .replace((!matches!(change, Change::Remove)).then_some((inode, look, content)));
        }

        fn content(&self) -> Option<Digest> {
            self.file
                .borrow()
                .map(|(.., content)| Digest::of(&[content]))
        }

        fn run(&mut self, meanwhile: Option<(Change, u8)>) -> [Option<Digest>; 3] {
            let seconds = |world: &Self| world.time.get() / 1_000_000_000;
            let mut seen = Seen {
                path: None,
                started: seconds(self),
                known: parse(&to_bytes(&self.kept)).unwrap(),
                asked: Vec::new(),
            };
            let before = self.content();
            let mut meanwhile = meanwhile;
            let read = || {
                if let Some((change, content)) = meanwhile.take() {
                    self.change(change, content);
                }
                self.time.set(self.time.get() + 1_000);
                Ok(self.content())
            };
            let digest = seen
                .judge("a", || self.file.borrow().map(|(_, look, _)| look), read)
                .unwrap();
            let now = seconds(self);
            if let Some(sights) = seen.changed(now) {
                self.kept = sights;
            }
            [digest, before, self.content()]
        }
    }

    fn change() -> impl Strategy<Value = (Change, u8)> {
        let kind = prop_oneof![
            Just(Change::Write),
            Just(Change::Write),
            Just(Change::WriteAndSetBack),
            Just(Change::Replace),
            Just(Change::PutBack),
            Just(Change::Remove)
        ];
        (kind, 0..4_u8)
    }

    fn step() -> impl Strategy<Value = Step> {
        let wait = prop::sample::select(vec![
            1_000,
            900_000,
            5_000_000,
            300_000_000,
            1_000_000_000,
            2_100_000_000,
            90_000_000_000,
        ]);
        prop_oneof![
            wait.prop_map(Step::Wait),
            change().prop_map(|(change, content)| Step::Change(change, content)),
            prop::option::weighted(0.2, change()).prop_map(Step::Run),
            Just(Step::Run(None)),
        ]
    }

    proptest! {
        #[test]
        fn no_edit_is_missed(
            tick in prop::sample::select(vec![1, 4_000_000, 10_000_000, 1_000_000_000]),
            ahead in prop::sample::select(vec![0, 1, 700_000_000, 3_600_000_000_000]),
            steps in prop::collection::vec(step(), 1..40),
        ) {
            let mut world = World {
                tick,
                ahead,
                time: Cell::new(1_000_000_000_000_000),
                file: RefCell::new(None),
                aside: RefCell::new(None),
                inodes: Cell::new(1),
                kept: Vec::new(),
            };
            world.change(Change::Write, 0);
            for step in steps {
                match step {
                    Step::Wait(nanoseconds) => world.time.set(world.time.get() + nanoseconds),
                    Step::Change(change, content) => world.change(change, content),
                    Step::Run(meanwhile) => {
                        let [digest, before, after] = world.run(meanwhile);
                        prop_assert!(digest == before || digest == after);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_damaged_is_nothing() {
        let look = Look::new(1, 2, 3, 4, 5);
        let sight = |name: &str| Sight {
            name: name.to_owned(),
            look,
            digest: Digest::of(b"x"),
            since: SETTLED,
        };
        let sights = vec![sight("a"), sight("b-\u{e9}")];
        let bytes = to_bytes(&sights);
        assert_eq!(parse(&bytes), Some(sights));
        for at in 0..bytes.len() {
            assert_eq!(parse(&bytes[..at]), None, "cut off at {at}");
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert_eq!(parse(&bytes), None, "bit {bit} of byte {at}");
            }
        }
        assert_eq!(parse(&[&bytes[..], b"x"].concat()), None);
        let mut lying = [HEADER, Digest::of(b"\xff\xff").as_bytes(), b"\xff\xff"].concat();
        assert_eq!(parse(&lying), None, "whole, but not of this form");
        lying[14] = b'2';
        assert_eq!(parse(&lying), None, "another version");
    }

    #[cfg(unix)]
    mod on_a_file_system {
        use std::fs::File;
        use std::io::Write as _;
        use std::time::{Duration, SystemTime};

        use super::super::*;

        struct Place {
            folder: tempfile::TempDir,
            names: Vec<AgentName>,
        }

        impl Place {
            fn new() -> Self {
                let place = Self {
                    folder: tempfile::tempdir().unwrap(),
                    names: (0..WORTH)
                        .map(|index| AgentName::new(&format!("a{index}")).unwrap())
                        .collect(),
                };
                for name in &place.names {
                    fs::write_new(&place.file(name), b"as it was", false).unwrap();
                }
                place
            }

            fn file(&self, name: &AgentName) -> PathBuf {
                self.folder.path().join(name.file_name())
            }

            fn kept(&self) -> PathBuf {
                self.folder.path().join("seen")
            }

            /// Asks for all; returns the digests, and how many files were read for them.
            fn run(&self, started: u64) -> (Vec<Option<Digest>>, usize) {
                let mut seen = Seen::open(Some(self.kept()), WORTH, started);
                let mut reads = 0;
                let ask = |name| {
                    let file = self.file(name);
                    let read = || {
                        reads += 1;
                        fs::read(&file, 100)
                    };
                    seen.digest(name, || fs::look(&file), read).unwrap()
                };
                let digests = self.names.iter().map(ask).collect();
                seen.keep(started);
                (digests, reads)
            }

            /// Runs until everything is trusted; the time passes only for the commands.
            fn settle(&self) {
                self.tick();
                assert_eq!(self.run(100).1, WORTH);
                assert_eq!(self.run(101).1, WORTH, "too early");
                assert_eq!(self.run(102).1, WORTH);
                assert_eq!(self.run(102).1, 0);
            }

            /// Waits until the clock of the file system has moved on.
            fn tick(&self) {
                let probe = self.folder.path().join("probe");
                let look = || {
                    fs::write_over(&probe, b"", false).unwrap();
                    File::options()
                        .read(true)
                        .open(&probe)
                        .unwrap()
                        .metadata()
                        .unwrap()
                        .modified()
                        .unwrap()
                };
                let first = look();
                while look() == first {}
            }
        }

        #[test]
        fn a_file_is_not_read_again_until_it_changes() {
            type Edit = fn(&std::path::Path);
            let edits: [(&str, Edit); 6] = [
                ("another size", |path| {
                    fs::replace(path, b"more than it was", false).unwrap();
                }),
                ("the same size, in place", |path| {
                    File::options()
                        .write(true)
                        .open(path)
                        .unwrap()
                        .write_all(b"AS IT WAS")
                        .unwrap();
                }),
                ("the time of writing set back", |path| {
                    let mut file = File::options().write(true).open(path).unwrap();
                    let written = file.metadata().unwrap().modified().unwrap();
                    file.write_all(b"AS IT WAS").unwrap();
                    file.set_modified(written).unwrap();
                }),
                ("replaced by an older file of the same size", |path| {
                    let other = path.with_extension("other");
                    fs::write_new(&other, b"AS IT WAS", false).unwrap();
                    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
                    File::options()
                        .write(true)
                        .open(&other)
                        .unwrap()
                        .set_modified(old)
                        .unwrap();
                    fs::rename(&other, path).unwrap();
                }),
                ("removed", |path| fs::remove(path).unwrap()),
                ("a link", |path| {
                    fs::rename(path, &path.with_extension("other")).unwrap();
                    std::os::unix::fs::symlink(path.with_extension("other"), path).unwrap();
                    fs::replace(&path.with_extension("other"), b"AS IT WAS", false).unwrap();
                }),
            ];
            for (what, edit) in edits {
                let place = Place::new();
                place.settle();
                let file = place.file(&place.names[3]);
                edit(&file);
                let now = fs::read(&file, 100).unwrap().as_deref().map(Digest::of);
                assert_ne!(now, Some(Digest::of(b"as it was")), "{what}");
                let (digests, reads) = place.run(103);
                assert_eq!((digests[3], reads), (now, 1), "{what}");
                assert_eq!(digests[2], Some(Digest::of(b"as it was")));
            }
        }

        #[test]
        fn a_damaged_cache_is_made_again() {
            let place = Place::new();
            place.settle();
            let whole = fs::read(&place.kept(), MAX_SIZE).unwrap().unwrap();
            fs::replace(&place.kept(), &whole[..whole.len() / 2], false).unwrap();
            let (digests, reads) = place.run(110);
            assert_eq!(
                (digests, reads),
                (vec![Some(Digest::of(b"as it was")); WORTH], WORTH)
            );
            place.run(112);
            assert_eq!(fs::read(&place.kept(), MAX_SIZE).unwrap(), Some(whole));
        }

        #[test]
        fn it_is_written_only_when_something_changed() {
            let place = Place::new();
            place.settle();
            let look = fs::look(&place.kept());
            assert!(look.is_some());
            place.tick();
            place.run(200);
            assert_eq!(fs::look(&place.kept()), look);
        }

        #[test]
        fn few_files_are_simply_read() {
            let place = Place::new();
            Seen::open(Some(place.kept()), WORTH - 1, 1).keep(1);
            assert_eq!(fs::size(&place.kept()).unwrap(), None);
        }
    }
}

//! The contents of the installed files when they were last read, so that an unchanged file need not be read again. Kept in the cache, one
//! file per agents folder, and written only if something changed.
//!
//! A file that looks the same (see [`Look`]) has the same content, with one exception: changes within one tick of the file system's clock
//! look the same. So a file is trusted only after it was read more than a second after it was first seen with this look; any later change
//! also changes its look. Only times of one clock are compared, so it does not matter whether this machine and the file system agree about
//! the time.
//!
//! What an `install` found is kept with them: that manifest, lockfile and files agree, so that nothing is to be done. It holds as long as
//! none of the files that it depends on looks different.
//!
//! This information is only for display. Nothing is replaced or removed because of it: commands that write read the file first.

use std::path::PathBuf;

use crate::domain::digest::Digest;
use crate::error::Result;
use crate::fs::{self, Look};

/// The version of the program is part of it, because another one may conclude something else.
const HEADER: &[u8] = concat!("agentpkg seen 2 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
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
    known: Kept,
    asked: Vec<Sight>,
    concluded: Option<Conclusion>,
}

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kept {
    /// The files, sorted by path.
    sights: Vec<Sight>,
    conclusion: Option<Conclusion>,
}

/// One file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    /// Its path below the agents folder.
    file: String,
    look: Look,
    digest: Digest,
    /// When it was first seen to look like this, in seconds since 1970.
    since: u64,
    /// Whether it is plain: see [`Seen::is_plain`].
    is_plain: bool,
}

/// What the agreement of manifest, lockfile and files depends on beside the agents' files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground {
    /// The looks of the manifest and of the lockfile.
    pub looks: [Look; 2],
    /// The digest of everything else.
    pub rest: Digest,
}

/// An agreement that was found, and what it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Conclusion {
    ground: Ground,
    /// The digest of the paths and digests of the agents' files.
    files: Digest,
    /// When manifest and lockfile were first seen to look like this, in seconds since 1970.
    since: u64,
}

/// The digest of the paths and digests of files.
fn digest_of(sights: &[Sight]) -> Digest {
    let mut bytes = Vec::with_capacity(sights.len() * 64);
    for sight in sights {
        bytes.extend_from_slice(sight.file.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(sight.digest.as_bytes());
    }
    Digest::of(&bytes)
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
            concluded: None,
        }
    }

    /// How many agents there are, if it was concluded earlier that manifest, lockfile and files agree, and nothing that this depends on looks
    /// different now. `look` examines a file by its path below the agents folder.
    pub fn agreement(
        &self,
        ground: impl FnOnce() -> Option<Ground>,
        look: impl Fn(&str) -> Option<Look>,
    ) -> Option<usize> {
        let Kept { sights, conclusion } = &self.known;
        let found = conclusion.filter(|found| found.since == SETTLED)?;
        let is_same =
            |sight: &Sight| sight.since == SETTLED && look(&sight.file) == Some(sight.look);
        // What costs least comes first.
        let holds = digest_of(sights) == found.files
            && sights.iter().all(is_same)
            && ground() == Some(found.ground);
        holds.then_some(sights.len())
    }

    /// Notes that manifest, lockfile and the files that were asked for agree, and that no file is edited: the base of an edited one has to be
    /// looked at each time. `ground`: as it was before any of them was read, and still is.
    pub fn conclude(&mut self, ground: Ground) {
        let known = self.known.conclusion;
        let known = known.filter(|known| known.ground.looks == ground.looks);
        self.concluded = Some(Conclusion {
            ground,
            files: Digest::of(b""),
            since: self.trusted_since(known.map(|known| known.since)),
        });
    }

    /// Since when a file is seen that was read just now. `known`: since when it looks like this; `None`: it did not.
    fn trusted_since(&self, known: Option<u64>) -> u64 {
        match known {
            Some(SETTLED) => SETTLED,
            Some(known) if self.started >= known.saturating_add(WAIT) => SETTLED,
            // A time in the future was written while the clock was wrong.
            Some(known) if self.started >= known => known,
            _ => NEW,
        }
    }

    /// The digest of an agent's file, which is given by its path below the agents folder; `None` if there is none. `look` examines it; `read` is called if its digest is not known for certain.
    pub fn digest(
        &mut self,
        file: &str,
        look: impl Fn() -> Option<Look>,
        read: impl FnOnce() -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Digest>> {
        let read = || Ok(read()?.as_deref().map(Digest::of));
        if self.path.is_none() {
            read()
        } else {
            self.judge(file, look, read)
        }
    }

    fn judge(
        &mut self,
        file: &str,
        look: impl Fn() -> Option<Look>,
        read: impl FnOnce() -> Result<Option<Digest>>,
    ) -> Result<Option<Digest>> {
        let Some(first) = look() else {
            return read();
        };
        let known = self.sight(file).filter(|known| known.look == first);
        if let Some(settled) = known.filter(|known| known.since == SETTLED) {
            let settled = settled.clone();
            let digest = settled.digest;
            self.asked.push(settled);
            return Ok(Some(digest));
        }
        let since = self.trusted_since(known.map(|known| known.since));
        let plain = known.filter(|known| known.is_plain);
        let plain = plain.map(|known| known.digest);
        let digest = read()?;
        if let Some(digest) = digest
            && look() == Some(first)
        {
            self.asked.push(Sight {
                file: file.to_owned(),
                look: first,
                digest,
                since,
                is_plain: plain == Some(digest),
            });
        }
        Ok(digest)
    }

    /// Whether a file that looks like this is known to be plain: an agent that runs under the name of its file and asks for no server.
    #[must_use]
    pub fn is_plain(&self, file: &str, look: Look) -> bool {
        self.sight(file)
            .is_some_and(|known| known.is_plain && known.look == look && known.since == SETTLED)
    }

    /// Notes that a file is plain, if it was asked for and has this content.
    pub fn note_plain(&mut self, file: &str, digest: Digest) {
        let is_it = |sight: &&mut Sight| sight.file == file && sight.digest == digest;
        if let Some(sight) = self.asked.iter_mut().find(is_it) {
            sight.is_plain = true;
        }
    }

    fn sight(&self, file: &str) -> Option<&Sight> {
        let sights = &self.known.sights;
        let found = sights.binary_search_by(|known| known.file.as_str().cmp(file));
        found.ok().map(|found| &sights[found])
    }

    /// Keeps what was found, after all files were asked for. `now`: seconds since 1970, at this moment. A cache that cannot be written is
    /// no reason to fail.
    pub fn keep(mut self, now: u64) {
        if let Some(path) = self.path.take()
            && let Some(kept) = self.changed(now)
        {
            let _ = fs::replace(&path, &to_bytes(&kept), false);
        }
    }

    /// What to keep, unless it is kept already.
    fn changed(self, now: u64) -> Option<Kept> {
        let Self {
            known,
            asked: mut sights,
            concluded,
            ..
        } = self;
        let first_seen = |since: &mut u64| {
            if *since == NEW {
                *since = now.max(1);
            }
        };
        for sight in &mut sights {
            first_seen(&mut sight.since);
        }
        sights.sort_by(|left, right| left.file.cmp(&right.file));
        // A command that concluded nothing did not look at manifest and lockfile in this way.
        let conclusion = match concluded {
            Some(mut concluded) => {
                first_seen(&mut concluded.since);
                concluded.files = digest_of(&sights);
                Some(concluded)
            }
            None => known.conclusion,
        };
        let kept = Kept { sights, conclusion };
        (kept != known).then_some(kept)
    }
}

/// `HEADER`, the digest of the rest, what was concluded, and for each file: the length of its path, the path, look, digest, time, whether it is
/// plain.
fn to_bytes(kept: &Kept) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.push(u8::from(kept.conclusion.is_some()));
    if let Some(conclusion) = &kept.conclusion {
        let Ground { looks, rest: other } = conclusion.ground;
        rest.extend(looks.into_iter().flat_map(Look::to_bytes));
        rest.extend_from_slice(other.as_bytes());
        rest.extend_from_slice(conclusion.files.as_bytes());
        rest.extend_from_slice(&conclusion.since.to_le_bytes());
    }
    for Sight {
        file,
        look,
        digest,
        since,
        is_plain,
    } in &kept.sights
    {
        let Ok(length) = u16::try_from(file.len()) else {
            continue;
        };
        rest.extend_from_slice(&length.to_le_bytes());
        rest.extend_from_slice(file.as_bytes());
        rest.extend_from_slice(&look.to_bytes());
        rest.extend_from_slice(digest.as_bytes());
        rest.extend_from_slice(&since.to_le_bytes());
        rest.push(u8::from(*is_plain));
    }
    [HEADER, Digest::of(&rest).as_bytes(), &rest].concat()
}

fn parse(bytes: &[u8]) -> Option<Kept> {
    let (digest, rest) = bytes.strip_prefix(HEADER)?.split_first_chunk()?;
    if Digest::of(rest) != Digest::from_bytes(*digest) {
        return None;
    }
    let (has_conclusion, mut rest) = rest.split_first()?;
    let conclusion = match has_conclusion {
        0 => None,
        _ => Some(take_conclusion(&mut rest)?),
    };
    let mut sights = Vec::new();
    while !rest.is_empty() {
        let length = usize::from(u16::from_le_bytes(*take(&mut rest)?));
        let (file, after) = rest.split_at_checked(length)?;
        rest = after;
        sights.push(Sight {
            file: str::from_utf8(file).ok()?.to_owned(),
            look: Look::from_bytes(take(&mut rest)?),
            digest: Digest::from_bytes(*take(&mut rest)?),
            since: u64::from_le_bytes(*take(&mut rest)?),
            is_plain: *take(&mut rest)? != [0],
        });
    }
    Some(Kept { sights, conclusion })
}

fn take_conclusion(rest: &mut &[u8]) -> Option<Conclusion> {
    let looks = [Look::from_bytes(take(rest)?), Look::from_bytes(take(rest)?)];
    Some(Conclusion {
        ground: Ground {
            looks,
            rest: Digest::from_bytes(*take(rest)?),
        },
        files: Digest::from_bytes(*take(rest)?),
        since: u64::from_le_bytes(*take(rest)?),
    })
}

/// The next bytes of what is left.
fn take<'b, const SIZE: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; SIZE]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(first)
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
        kept: Kept,
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
                concluded: None,
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
            if let Some(kept) = seen.changed(now) {
                self.kept = kept;
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
                kept: Kept::default(),
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

    /// A `Seen` that begins at a time, with what was kept; asked for these files, each with its look.
    fn looking(kept: &Kept, started: u64, files: &[(&str, Look)]) -> Seen {
        let mut seen = Seen {
            path: None,
            started,
            known: kept.clone(),
            asked: Vec::new(),
            concluded: None,
        };
        for (file, look) in files {
            let read = || Ok(Some(Digest::of(file.as_bytes())));
            seen.judge(file, || Some(*look), read).unwrap();
        }
        seen
    }

    #[test]
    fn an_agreement_holds_until_something_looks_different() {
        let look = |inode| Look::new(1, inode, 3, 4, 5);
        let files = [("a.md", look(1)), ("b/c.md", look(2))];
        let ground = Ground {
            looks: [look(3), look(4)],
            rest: Digest::of(b"bases"),
        };
        let conclude = |kept: &Kept, started: u64| {
            let mut seen = looking(kept, started, &files);
            seen.conclude(ground);
            seen.changed(started).unwrap_or(kept.clone())
        };
        let agreement = |kept: &Kept, ground: Option<Ground>, files: &[(&str, Look)]| {
            let find = |file: &str| files.iter().find(|(known, _)| *known == file);
            let look = |file: &str| find(file).map(|(_, look)| *look);
            looking(kept, 200, &[]).agreement(|| ground, look)
        };
        let mut kept = Kept::default();
        for (started, holds) in [(100, false), (101, false), (102, true)] {
            kept = conclude(&kept, started);
            let found = agreement(&kept, Some(ground), &files);
            assert_eq!(found.is_some(), holds, "at {started}");
        }
        assert_eq!(agreement(&kept, Some(ground), &files), Some(2));
        let [manifest, lockfile] = ground.looks;
        let looks = |looks| Ground { looks, ..ground };
        let rest = Digest::of(b"other bases");
        for other in [
            looks([look(9), lockfile]),
            looks([manifest, look(9)]),
            Ground { rest, ..ground },
        ] {
            assert_eq!(agreement(&kept, Some(other), &files), None);
        }
        assert_eq!(agreement(&kept, None, &files), None);
        assert_eq!(agreement(&kept, Some(ground), &files[..1]), None);
        let other = [files[0], ("b/c.md", look(9))];
        assert_eq!(agreement(&kept, Some(ground), &other), None);

        // A command that only looks at the files keeps it, unless it finds others.
        let looked = looking(&kept, 300, &files).changed(300);
        assert_eq!(looked, None);
        let looked = looking(&kept, 300, &files[..1]).changed(300).unwrap();
        assert_eq!(agreement(&looked, Some(ground), &files), None);
    }

    #[test]
    fn what_is_damaged_is_nothing() {
        let look = Look::new(1, 2, 3, 4, 5);
        let sight = |file: &str| Sight {
            file: file.to_owned(),
            look,
            digest: Digest::of(b"x"),
            since: SETTLED,
            is_plain: true,
        };
        let ground = Ground {
            looks: [look, Look::new(6, 7, 8, 9, 10)],
            rest: Digest::of(b"y"),
        };
        let conclusion = Conclusion {
            ground,
            files: Digest::of(b"z"),
            since: 4,
        };
        let sights = vec![sight("a.md"), sight("b/b-\u{e9}.md")];
        let kept = |conclusion| Kept {
            sights: sights.clone(),
            conclusion,
        };
        assert_eq!(parse(&to_bytes(&kept(None))), Some(kept(None)));
        let kept = kept(Some(conclusion));
        let bytes = to_bytes(&kept);
        assert_eq!(parse(&bytes), Some(kept));
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
            names: Vec<String>,
        }

        impl Place {
            fn new() -> Self {
                let place = Self {
                    folder: tempfile::tempdir().unwrap(),
                    names: (0..WORTH).map(|index| format!("a{index}.md")).collect(),
                };
                for name in &place.names {
                    fs::write_new(&place.file(name), b"as it was", false).unwrap();
                }
                place
            }

            fn file(&self, name: &str) -> PathBuf {
                self.folder.path().join(name)
            }

            fn kept(&self) -> PathBuf {
                self.folder.path().join("seen")
            }

            /// Asks for all; returns the digests, and how many files were read for them.
            fn run(&self, started: u64) -> (Vec<Option<Digest>>, usize) {
                let mut seen = Seen::open(Some(self.kept()), WORTH, started);
                let mut reads = 0;
                let ask = |name: &String| {
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

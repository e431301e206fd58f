//! The seal of this machine on agentpkg's own state: journal, history, pending updates, recorded resolutions, the holder of a lock.
//!
//! State is in the project's folder, and a project can come from somebody else. So each of these files ends in an HMAC-SHA256 with a random
//! key of this machine, over the project's real path, the kind of the file and its bytes. The reader of a file decides what to do if it has
//! no valid seal.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::env::KeyPlace;
use crate::fs;

/// How long a key is, in bytes.
const KEY: usize = 32;
/// How long a seal is, in hex digits.
const SEAL: usize = 64;
/// The key's file in its folder.
const FILE_NAME: &str = "key";

/// What a sealed file is; a seal of one kind does not count for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The journal of a running operation, or its record in the history.
    Journal,
    /// A pending update.
    Pending,
    /// A recorded resolution.
    Resolution,
    /// The line of a lock's holder.
    Holder,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Pending => "pending",
            Self::Resolution => "resolution",
            Self::Holder => "holder",
        }
    }
}

/// The key of this machine, for one place.
#[derive(Debug, Default)]
pub struct Seal {
    /// Where the key may be.
    keys: KeyPlace,
    /// What the seal is for.
    place: PathBuf,
    /// The folder that must not hold the key.
    foreign: PathBuf,
    /// Whether to check if that is the home folder.
    may_be_home: bool,
    /// The place with links resolved, and the folders that can hold the key.
    resolved: OnceLock<(PathBuf, Vec<PathBuf>)>,
    found: OnceLock<[u8; KEY]>,
    made: OnceLock<Option<[u8; KEY]>>,
}

impl Seal {
    /// The seal for the files of `place`, with a key in the first of the folders of `keys` that can hold one. A folder below `foreign`
    /// cannot, because a key that comes with a project belongs to the project's author; a home folder as `foreign` is allowed. No key is
    /// searched for yet.
    #[must_use]
    pub fn new(keys: KeyPlace, place: &Path, foreign: &Path, may_be_home: bool) -> Self {
        Self {
            keys,
            place: place.to_owned(),
            foreign: foreign.to_owned(),
            may_be_home,
            ..Self::default()
        }
    }

    /// Made at the first use: a command that reads no sealed file does not need it.
    fn resolved(&self) -> &(PathBuf, Vec<PathBuf>) {
        self.resolved.get_or_init(|| {
            let real = |path: &Path| fs::canonical(path).unwrap_or_else(|_| path.to_owned());
            let foreign = real(&self.foreign);
            let is_home =
                self.may_be_home && self.keys.home().is_some_and(|home| real(&home) == foreign);
            let may_hold = |folder: &PathBuf| {
                // If it does not exist yet, its nearest existing parent decides.
                let nearest = folder
                    .ancestors()
                    .find_map(|above| fs::canonical(above).ok());
                is_home
                    || !nearest
                        .unwrap_or_else(|| folder.clone())
                        .starts_with(&foreign)
            };
            (
                real(&self.place),
                self.keys.folders().into_iter().filter(may_hold).collect(),
            )
        })
    }

    /// A folder of this machine for locks that several places share; `None`: there is no key, and so no such folder.
    #[must_use]
    pub fn locks_folder(&self) -> Option<PathBuf> {
        self.key_to_write()?;
        self.resolved()
            .1
            .iter()
            .find(|folder| read(folder).is_some())
            .map(|folder| folder.join("locks"))
    }

    /// `text` with its seal; creates the key if there is none yet. Without a key, the seal is never valid.
    #[must_use]
    pub fn close(&self, kind: Kind, mut text: Vec<u8>) -> Vec<u8> {
        let seal = match self.key_to_write() {
            Some(key) => hex(&self.mac(&key, kind, &text).finalize().into_bytes()),
            None => "-".repeat(SEAL),
        };
        text.extend_from_slice(seal.as_bytes());
        text
    }

    /// The text of a file with a valid seal of this machine, for this place and kind.
    #[must_use]
    pub fn open<'b>(&self, kind: Kind, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let (text, seal) = split(bytes)?;
        let seal = unhex(seal)?;
        let key = self.key()?;
        self.mac(&key, kind, text)
            .verify_slice(&seal)
            .is_ok()
            .then_some(text)
    }

    /// The text of a file, regardless of its seal: to be shown, or after a person has agreed.
    #[must_use]
    pub fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
        split(bytes).map(|(text, _)| text)
    }

    fn mac(&self, key: &[u8; KEY], kind: Kind, text: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is a key");
        let place = self.resolved().0.as_os_str().as_encoded_bytes();
        for part in [place, kind.word().as_bytes(), text] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }

    /// The key, if there is one.
    fn key(&self) -> Option<[u8; KEY]> {
        if let Some(Some(key)) = self.made.get() {
            return Some(*key);
        }
        if let Some(key) = self.found.get() {
            return Some(*key);
        }
        let key = self.resolved().1.iter().find_map(|folder| read(folder))?;
        Some(*self.found.get_or_init(|| key))
    }

    /// The key, created if necessary; `None` if none can be created.
    fn key_to_write(&self) -> Option<[u8; KEY]> {
        *self.made.get_or_init(|| {
            self.key()
                .or_else(|| self.resolved().1.iter().find_map(|folder| create(folder)))
        })
    }
}

/// The key in a folder that only the user can write to.
fn read(folder: &Path) -> Option<[u8; KEY]> {
    if !fs::is_private_folder(folder) {
        return None;
    }
    fs::read_private(&folder.join(FILE_NAME), KEY as u64)?
        .try_into()
        .ok()
}

/// Creates a key; if another process creates one at the same moment, that one is used.
fn create(folder: &Path) -> Option<[u8; KEY]> {
    fs::create_private_folder(folder).ok()?;
    if !fs::is_private_folder(folder) {
        return None;
    }
    let key = fs::random_bytes::<KEY>().ok()?;
    // A failure may mean that the key exists by now.
    let _ = fs::write_private(&folder.join(FILE_NAME), &key);
    read(folder)
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(SEAL), |mut text, byte| {
            use std::fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    digits
        .chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?))
        .collect()
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "others do not go through the doors"
)]
mod tests {
    use super::*;

    /// A machine with a place for keys, and a project.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_folder(&folder.path().join("project")).unwrap();
            Self(folder)
        }

        fn seal(&self, keys: &str, place: &str) -> Seal {
            {
                let place = self.0.path().join(place);
                Seal::new(
                    KeyPlace::at(self.0.path().join(keys), None),
                    &place,
                    &place,
                    true,
                )
            }
        }
    }

    #[test]
    fn only_this_machine_place_and_kind_are_believed() {
        let machine = Machine::new();
        let sealed = machine
            .seal("keys", "project")
            .close(Kind::Journal, b"text".to_vec());
        assert_eq!(
            machine.seal("keys", "project").open(Kind::Journal, &sealed),
            Some(&b"text"[..])
        );
        assert_eq!(
            machine.seal("keys", "project").open(Kind::Pending, &sealed),
            None,
            "another kind"
        );
        assert_eq!(
            machine.seal("keys", "other").open(Kind::Journal, &sealed),
            None,
            "another place"
        );
        assert_eq!(
            machine
                .seal("other keys", "project")
                .open(Kind::Journal, &sealed),
            None,
            "no key"
        );
        let _ = machine
            .seal("other keys", "project")
            .close(Kind::Journal, Vec::new());
        assert_eq!(
            machine
                .seal("other keys", "project")
                .open(Kind::Journal, &sealed),
            None,
            "another key"
        );
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert_eq!(
                machine
                    .seal("keys", "project")
                    .open(Kind::Journal, &damaged),
                None,
                "byte {index}"
            );
        }
        for end in 0..sealed.len() {
            assert_eq!(
                machine
                    .seal("keys", "project")
                    .open(Kind::Journal, &sealed[..end]),
                None,
                "{end} bytes"
            );
        }
    }

    #[test]
    fn a_key_is_never_in_the_project_unless_that_is_the_home() {
        let machine = Machine::new();
        let inside = machine.seal("project/keys", "project");
        let sealed = inside.close(Kind::Journal, b"text".to_vec());
        assert_eq!(inside.open(Kind::Journal, &sealed), None, "there is no key");
        assert_eq!(Seal::unsealed(&sealed), Some(&b"text"[..]));
        assert_eq!(
            fs::entry(&machine.0.path().join("project/keys")).unwrap(),
            fs::Entry::Absent
        );
        let home = machine.0.path().join("project");
        let at_home = Seal::new(
            KeyPlace::at(home.join("keys"), Some(home.clone())),
            &home,
            &home,
            true,
        );
        let sealed = at_home.close(Kind::Journal, b"text".to_vec());
        assert!(at_home.open(Kind::Journal, &sealed).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_write_or_read_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let machine = Machine::new();
        let sealed = machine
            .seal("keys", "project")
            .close(Kind::Journal, Vec::new());
        let (folder, file) = (
            machine.0.path().join("keys"),
            machine.0.path().join("keys/key"),
        );
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        let is_believed = || {
            machine
                .seal("keys", "project")
                .open(Kind::Journal, &sealed)
                .is_some()
        };
        set(&file, 0o644);
        assert!(!is_believed(), "everybody can read it");
        set(&file, 0o600);
        assert!(is_believed());
        set(&folder, 0o777);
        assert!(!is_believed(), "everybody can replace it");
    }
}

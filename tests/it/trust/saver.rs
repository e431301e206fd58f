//! Programs that save a file: the six ways in which editors and tools do it.
//!
//! A saver knows what it removed: it reads the very file that it replaces or overwrites, not the one that had the name a moment before. So
//! a missing text was removed either by a later save, which then reports it, or by agentpkg.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// How a program saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Writes a new file and renames it over the old one.
    RenameOver,
    /// Empties the file and writes it.
    Truncate,
    /// Overwrites the existing content, and truncates the rest.
    InPlace,
    /// Adds to the end.
    Append,
    /// Renames the old file to a backup and makes a new one, as vim does.
    Backup,
    /// Unlinks the old file and makes a new one, as git does.
    Unlink,
}

impl Way {
    pub(super) const ALL: [Self; 6] = [
        Self::RenameOver,
        Self::Truncate,
        Self::InPlace,
        Self::Append,
        Self::Backup,
        Self::Unlink,
    ];
}

/// A text that a person works on: a separate line that is added to it makes every save different.
pub(super) struct Buffer {
    /// The text up to the place of the line.
    pub(super) start: String,
    /// The text after it.
    pub(super) end: String,
    /// What is before and after the mark in the line.
    pub(super) line: (&'static str, &'static str),
}

/// One attempt to save.
pub(super) struct Save {
    /// Whether it was completed.
    pub(super) is_complete: bool,
    /// The text that only this save has.
    pub(super) mark: String,
    /// The text that it removed.
    pub(super) replaced: Vec<u8>,
    /// How long it had the file open.
    pub(super) took: Duration,
}

/// Saves a file once. `hold` is how long it stays open in the middle of the write.
pub(super) fn save(way: Way, path: &Path, buffer: &Buffer, mark: &str, hold: Duration) -> Save {
    let line = format!("{}{mark}{}\n", buffer.line.0, buffer.line.1);
    let text = format!("{}{line}{}", buffer.start, buffer.end);
    let begin = Instant::now();
    let mut replaced = Vec::new();
    let outcome = write(way, path, (&text, &line), hold, &mut replaced);
    Save {
        is_complete: outcome.is_ok(),
        mark: mark.to_owned(),
        replaced,
        took: begin.elapsed(),
    }
}

/// Writes `text`, or appends `line`; what it removes is in `replaced`, even if it fails afterwards.
fn write(
    way: Way,
    path: &Path,
    (text, line): (&str, &str),
    hold: Duration,
    replaced: &mut Vec<u8>,
) -> io::Result<()> {
    match way {
        Way::RenameOver => {
            let new = beside(path, "saving");
            write_slowly(&mut File::create(&new)?, text.as_bytes(), hold)?;
            put_over(&new, path, replaced)
        }
        Way::Truncate => {
            let mut file = open(path)?;
            file.read_to_end(replaced)?;
            file.set_len(0)?;
            file.rewind()?;
            write_slowly(&mut file, text.as_bytes(), hold)
        }
        Way::InPlace => {
            let mut file = open(path)?;
            thread::sleep(hold);
            file.read_to_end(replaced)?;
            file.rewind()?;
            file.write_all(text.as_bytes())?;
            file.set_len(text.len() as u64)
        }
        Way::Append => {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            thread::sleep(hold);
            file.write_all(line.as_bytes())
        }
        Way::Backup => {
            take_away(path, &beside(path, "backup"), replaced)?;
            let mut file = open(path)?;
            file.read_to_end(replaced)?;
            file.set_len(0)?;
            file.rewind()?;
            write_slowly(&mut file, text.as_bytes(), hold)
        }
        Way::Unlink => {
            // Renamed to an unused name instead of removed, so that the saver sees what it unlinks.
            take_away(path, &beside(path, "unlinked"), replaced)?;
            let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
            write_slowly(&mut file, text.as_bytes(), hold)
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    path.with_file_name(name)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn write_slowly(file: &mut File, text: &[u8], hold: Duration) -> io::Result<()> {
    let (first, second) = text.split_at(text.len() / 2);
    file.write_all(first)?;
    thread::sleep(hold);
    file.write_all(second)
}

/// Renames `new` to `path` by an exchange: others see no difference, and the saver sees what it replaced.
fn put_over(new: &Path, path: &Path, replaced: &mut Vec<u8>) -> io::Result<()> {
    loop {
        if renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE).is_ok() {
            replaced.extend(fs::read(new)?);
            return fs::remove_file(new);
        }
        // There is nothing to exchange.
        match renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Removes the file at `path`, if there is one.
fn take_away(path: &Path, aside: &Path, replaced: &mut Vec<u8>) -> io::Result<()> {
    match fs::rename(path, aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        outcome => outcome?,
    }
    replaced.extend(fs::read(aside)?);
    fs::remove_file(aside)
}

#[test]
fn each_way_saves_the_text_and_knows_what_it_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let buffer = Buffer {
        start: "a\n".to_owned(),
        end: "z\n".to_owned(),
        line: ("# ", " #"),
    };
    for way in Way::ALL {
        fs::write(&path, "old").unwrap();
        let saved = save(way, &path, &buffer, "MARK", Duration::ZERO);
        let expected = if way == Way::Append {
            ("old# MARK #\n", "")
        } else {
            ("a\n# MARK #\nz\n", "old")
        };
        let replaced = String::from_utf8(saved.replaced).unwrap();
        assert_eq!(
            (
                fs::read_to_string(&path).unwrap().as_str(),
                replaced.as_str()
            ),
            expected,
            "{way:?}"
        );
        fs::remove_file(&path).unwrap();
        let saved = save(way, &path, &buffer, "MARK", Duration::ZERO);
        assert!(
            fs::read_to_string(&path).unwrap().contains("# MARK #\n")
                && saved.is_complete
                && saved.replaced.is_empty(),
            "{way:?}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{way:?}");
    }
}

//! Locks between processes: held by the kernel, so a killed holder leaves nothing behind. The holder writes a line into the file, which
//! processes that wait can show.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{create_folder, failure};
use crate::error::{Failure, Result};

/// How much of the holder's line is read, in bytes.
const MAX_LINE: u64 = 4096;

/// An exclusive lock; released when dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// The file that is locked.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether a process holds the lock of an open file.
    #[must_use]
    pub fn is_held(file: &File) -> bool {
        // If nobody else holds it, it is held here for a moment.
        let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        if !is_held {
            let _ = file.unlock();
        }
        is_held
    }

    /// Opens the lock at `path`, creating the file if necessary.
    pub fn open(path: &Path) -> Result<File> {
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        options
            .open(path)
            .map_err(|error| failure("lock", path, &error))
    }

    /// Takes the lock on `file`, and writes `line` into it. If another process holds it, `waiting` is called once with that process's line,
    /// and the lock is waited for; `None` if it is still held after `patience`.
    pub fn take(
        mut file: File,
        path: &Path,
        line: &[u8],
        patience: Duration,
        waiting: impl FnOnce(&[u8]),
    ) -> Result<Option<Self>> {
        let start = Instant::now();
        let mut waiting = Some(waiting);
        let mut pause = Duration::from_millis(5);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(unsupported(path, &error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if let Some(waiting) = waiting.take() {
                let mut holder = Vec::new();
                // An unreadable line counts as empty.
                let _ = (&file).take(MAX_LINE).read_to_end(&mut holder);
                waiting(&holder);
            }
            let left = patience.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(100));
        }
        // The line is only informative: a full disk must not prevent anybody from taking the lock.
        let _ = file
            .rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(line));
        Ok(Some(Self { file }))
    }
}

fn unsupported(path: &Path, error: &std::io::Error) -> Failure {
    failure("lock", path, error)
        .hint("the file system may not support locks; use a folder on a local disk")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_second_holder_waits_and_knows_for_whom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/lock");
        let take = |line: &'static [u8], patience, waiting: &mut dyn FnMut(&[u8])| {
            Lock::take(Lock::open(&path).unwrap(), &path, line, patience, waiting).unwrap()
        };
        let first = take(b"the first", Duration::ZERO, &mut |_| {
            panic!("nobody holds it")
        })
        .unwrap();
        let mut holder = Vec::new();
        assert!(
            take(b"", Duration::ZERO, &mut |line| holder = line.to_vec()).is_none(),
            "it does not wait"
        );
        assert_eq!(holder, b"the first");
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            let second = scope.spawn(|| {
                take(b"2", Duration::from_secs(60), &mut |_| {
                    sender.send(()).unwrap();
                })
                .is_some()
            });
            receiver.recv().unwrap();
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}

//! Locks between processes: held by the kernel, so a killed holder leaves nothing behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::{create_folder, failure};
use crate::error::{Failure, Result};

/// An exclusive lock; released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`, making the file if need be. Calls `waiting` once if another process holds it.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|error| failure("lock", path, &error))?;
        match file.try_lock() {
            Ok(()) => return Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(error)) => return Err(unsupported(path, &error)),
        }
        file.lock().map_err(|error| unsupported(path, &error))?;
        Ok(Self { _file: file })
    }
}

fn unsupported(path: &Path, error: &std::io::Error) -> Failure {
    failure("lock", path, error).hint("the file system may not support locks; use a folder on a local disk")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_second_holder_waits_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/lock");
        let first = Lock::take(&path, || panic!("nobody holds it")).unwrap();
        let (sender, receiver) = mpsc::channel();
        let other = path.clone();
        let second = thread::spawn(move || {
            Lock::take(&other, || sender.send(()).unwrap()).unwrap();
        });
        receiver.recv().unwrap();
        drop(first);
        second.join().unwrap();
    }
}

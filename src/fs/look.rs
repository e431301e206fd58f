//! What a file looks like from outside: enough to tell whether it changed without reading it, if the platform provides enough.

use std::fs::Metadata;
use std::path::Path;

/// Device, inode, size, time of writing and time of change of a regular file.
///
/// Two equal looks, with more than a tick of the file system's clock between the first and the last change, have the same content: the file
/// system sets the time of change whenever the content, the times or the name change, and nothing else can set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look([u64; 5]);

impl Look {
    /// The number of bytes that [`Look::to_bytes`] returns.
    pub const SIZE: usize = 40;

    /// A look from its parts.
    #[must_use]
    pub fn new(device: u64, inode: u64, size: u64, written: u64, changed: u64) -> Self {
        Self([device, inode, size, written, changed])
    }

    /// The look as bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (chunk, number) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The look from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let (chunks, _) = bytes.as_chunks::<8>();
        let mut numbers = [0; 5];
        for (number, chunk) in numbers.iter_mut().zip(chunks) {
            *number = u64::from_le_bytes(*chunk);
        }
        Self(numbers)
    }
}

/// Looks at the file at `path`; `None` if a later change might not show: for a link, for anything but a regular file, on a file system that
/// counts whole seconds (as those without a time of change do), and on a platform that does not provide it.
#[must_use]
#[cfg(unix)]
pub fn look(path: &Path) -> Option<Look> {
    look_of(&std::fs::symlink_metadata(path).ok()?)
}

/// The same from what the system says about a file that is no link.
#[must_use]
#[cfg(unix)]
pub(super) fn look_of(metadata: &Metadata) -> Option<Look> {
    use std::os::unix::fs::MetadataExt as _;

    // A time after the year 2554 wraps around, but the same time still gives the same number.
    let nanoseconds = |seconds: i64, rest: i64| {
        seconds
            .wrapping_mul(1_000_000_000)
            .wrapping_add(rest)
            .cast_unsigned()
    };
    let is_exact = metadata.is_file() && metadata.ctime_nsec() != 0;
    is_exact.then(|| {
        let written = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
        Look::new(
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            written,
            nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        )
    })
}

/// Windows does not provide the time of change without unsafe code, and the time of writing can be set to anything.
#[must_use]
#[cfg(not(unix))]
pub fn look(_path: &Path) -> Option<Look> {
    None
}

/// The same: nothing can be told from what the system says.
#[must_use]
#[cfg(not(unix))]
pub(super) fn look_of(_metadata: &Metadata) -> Option<Look> {
    None
}

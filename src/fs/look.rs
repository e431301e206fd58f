//! What a file looks like from outside: enough to tell whether it changed without reading it, where the platform tells enough.

use std::path::Path;

/// Device, inode, size, time of writing and time of change of a regular file.
///
/// Two equal looks with more than a tick of the file system's clock between the first and the last change are of the same content:
/// the time of change is set by the file system at every change of the content, of the times and of the name, and by nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look([u64; 5]);

impl Look {
    /// How many bytes [`Look::to_bytes`] gives.
    pub const SIZE: usize = 40;

    /// A look made of its parts.
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

    /// The look that these bytes are.
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

/// Looks at the file at `path`; `None` where a later change might not show: at a link, at what is no file, on a file system that
/// counts whole seconds (as those without a time of change of their own do), on a platform that does not tell.
#[must_use]
#[cfg(unix)]
pub fn look(path: &Path) -> Option<Look> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = std::fs::symlink_metadata(path).ok()?;
    // A time beyond the year 2554 wraps around, and is still the same number for the same time.
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

/// Windows tells no time of change without unsafe code, and the time of writing can be set to anything.
#[must_use]
#[cfg(not(unix))]
pub fn look(_path: &Path) -> Option<Look> {
    None
}

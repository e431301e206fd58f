//! Files and folders that only the user can read and write: a key.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Whether `path` is a real folder of this user that nobody else can write to.
#[must_use]
pub fn is_private_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && is_mine(&found, 0o022))
}

/// Reads a file of exactly `size` bytes that belongs to this user and that nobody else can read or write; `None` if any of that is not the
/// case.
#[must_use]
pub fn read_private(path: &Path, size: u64) -> Option<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK)
            .bits()
            .cast_signed(),
    );
    let file = options.open(path).ok()?;
    let found = file.metadata().ok()?;
    if !found.is_file() || found.len() != size || !is_mine(&found, 0o077) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(size + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == size).then_some(bytes)
}

/// Creates a folder and its parents, accessible to this user only.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that must not exist yet, accessible to this user only; other processes see it complete or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file of this crate is accessible to this user only.
    let mut file = tempfile::Builder::new()
        .prefix(super::TEMPORARY.0)
        .suffix(super::TEMPORARY.1)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)
        .map(drop)
        .map_err(|error| error.error)
}

/// Whether the file belongs to this user, or to nobody in particular, and has none of the permissions in `mode`.
#[cfg(unix)]
fn is_mine(found: &fs::Metadata, mode: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & mode == 0
}

/// On Windows, a user's folders are private through inherited permissions, and there is no safe call to check that.
#[cfg(not(unix))]
fn is_mine(_found: &fs::Metadata, _mode: u32) -> bool {
    true
}

/// Whether the file or link at `path` belongs to the user who runs the program; if the platform cannot tell, `true`.
#[must_use]
pub fn is_owned(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| is_mine(&found, 0))
}

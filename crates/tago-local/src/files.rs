//! Files that are whole or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::random::hex;

/// The name under which a file is written until it is complete.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(UNFINISHED);
    path.with_file_name(name)
}

/// Whether `path` is a file or directory that was never completed.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    path.to_string_lossy().ends_with(UNFINISHED)
}

const UNFINISHED: &str = ".unfinished";

/// Gives what was written (and synced) under the unfinished name its real one, durably.
pub(crate) fn publish(path: &Path) -> io::Result<()> {
    fs::rename(unfinished(path), path)?;
    sync_parent(path)
}

/// Replaces the content of a file: the old or the new content is there, never a part.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(unfinished(path))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    publish(path)
}

/// Makes the names in the directory of `path` durable.
#[cfg(unix)]
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Elsewhere a directory cannot be opened to be synced; a rename is durable there when it returns.
#[cfg(not(unix))]
pub(crate) fn sync_parent(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a directory that only this user can look into.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    accept_missing(fs::remove_file(path))
}

/// Removes a directory with everything in it; that it is gone already is fine.
pub(crate) fn remove_dir(path: &Path) -> io::Result<()> {
    accept_missing(fs::remove_dir_all(path))
}

fn accept_missing(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut digest = Digester::default();
    let (mut file, mut chunk) = (File::open(path)?, vec![0; 1 << 20]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(digest.finish()),
            read => digest.update(&chunk[..read]),
        }
    }
}

/// SHA-256 of what passes by.
#[derive(Default)]
pub(crate) struct Digester(Sha256);

impl Digester {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

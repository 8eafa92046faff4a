//! Files that are whole or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

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

/// A file that is being copied, part by part, and measured on the way.
///
/// Threads of its own measure what is copied and send to the disk what is there already: so little is
/// left to do at the end, and who else syncs a file meanwhile never waits for all of this one.
pub(crate) struct Copying<'a> {
    from: &'a File,
    to: File,
    total: u64,
    done: u64,
    unsynced: u64,
    part_size: u64,
    copied: SyncSender<Vec<u8>>,
    measured: Receiver<Vec<u8>>,
    digester: JoinHandle<Sha256>,
    written: Sender<()>,
    syncer: JoinHandle<io::Result<()>>,
}

const PART: u64 = 1 << 20;
const PARTS_UNMEASURED: usize = 4;
const SYNCED_AT_ONCE: u64 = 8 << 20;

impl<'a> Copying<'a> {
    /// Begins to copy the first `total` bytes of `from` to a new file.
    pub(crate) fn begin(from: &'a File, total: u64, to: &Path) -> io::Result<Copying<'a>> {
        let to = File::create(to)?;
        let (syncing, (written, parts)) = (to.try_clone()?, channel::<()>());
        let syncer = std::thread::Builder::new().name("syncer".to_owned()).spawn(move || {
            while parts.recv().is_ok() {
                while parts.try_recv().is_ok() {}
                syncing.sync_data()?;
            }
            Ok(())
        })?;
        let (copied, parts) = sync_channel::<Vec<u8>>(PARTS_UNMEASURED);
        let (spare, measured) = channel();
        let digester = std::thread::Builder::new().name("digester".to_owned()).spawn(move || {
            let mut digest = Sha256::new();
            while let Ok(part) = parts.recv() {
                digest.update(&part);
                // Nobody wants the buffer back once all is copied.
                let _ = spare.send(part);
            }
            digest
        })?;
        // Small files come in several parts too, so that their progress can be followed.
        let part_size = (total / 4).clamp(1, PART);
        let (done, unsynced) = (0, 0);
        Ok(Copying {
            from,
            to,
            total,
            done,
            unsynced,
            part_size,
            copied,
            measured,
            digester,
            written,
            syncer,
        })
    }

    /// Copies the next part; tells how many bytes there are now, or nothing if that is all.
    pub(crate) fn step(&mut self) -> io::Result<Option<u64>> {
        let size = self.part_size.min(self.total - self.done);
        if size == 0 {
            return Ok(None);
        }
        let mut part = self.measured.try_recv().unwrap_or_default();
        part.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
        self.from.read_exact_at(&mut part, self.done)?;
        self.to.write_all(&part)?;
        self.done += size;
        self.unsynced += size;
        self.copied.send(part).map_err(|_| ended())?;
        if self.unsynced >= SYNCED_AT_ONCE {
            self.unsynced = 0;
            // A syncer that ended has failed, and says so when it is joined.
            let _ = self.written.send(());
        }
        Ok(Some(self.done))
    }

    /// Syncs the rest; the SHA-256 of what was copied, in hexadecimal.
    pub(crate) fn finish(self) -> io::Result<String> {
        drop((self.written, self.copied));
        self.syncer.join().map_err(|_| ended())??;
        self.to.sync_all()?;
        Ok(hex(&self.digester.join().map_err(|_| ended())?.finalize()))
    }
}

fn ended() -> io::Error {
    io::Error::other("a thread that works on the copy ended")
}

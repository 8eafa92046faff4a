//! What a backup must never hold: analysis code, console logs and files.
//!
//! They are files in a directory beside the main database. A name that a
//! client gives is never a name on disk; its hash is.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::call::Refused;
use crate::random::hex;

pub(super) struct Blobs(PathBuf);

/// One thing in the store.
pub(super) struct Blob(PathBuf);

impl Blobs {
    pub(super) fn open(directory: &Path) -> io::Result<Blobs> {
        // Uploads that were not ended before a restart cannot be ended after it.
        accept_missing(fs::remove_dir_all(directory.join("parts")))?;
        for kind in ["code", "console", "files", "parts", "backups"] {
            fs::create_dir_all(directory.join(kind))?;
        }
        Ok(Blobs(directory.to_owned()))
    }

    /// A version of an analysis's code.
    pub(super) fn code(&self, analysis: &str, version: u64) -> Blob {
        self.named("code", &format!("{analysis} {version}"))
    }

    /// The list of an analysis's versions.
    pub(super) fn code_index(&self, analysis: &str) -> Blob {
        self.named("code", analysis)
    }

    /// What an analysis has logged, one JSON object a line.
    pub(super) fn console(&self, analysis: &str) -> Blob {
        self.named("console", analysis)
    }

    /// A file's content.
    pub(super) fn file(&self, path: &str) -> Blob {
        self.named("files", path)
    }

    /// A part of an upload that has not ended.
    pub(super) fn part(&self, name: &str) -> Blob {
        self.named("parts", name)
    }

    /// The directory of the profile backups.
    pub(super) fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }

    /// The list of profile backups.
    pub(super) fn backup_index(&self) -> Blob {
        Blob(self.0.join("backups.json"))
    }

    /// The list of files.
    pub(super) fn file_index(&self) -> Blob {
        Blob(self.0.join("files.json"))
    }

    /// Drops what belonged to a resource that is gone.
    pub(super) fn forget(&self, kind: &str, id: &str) -> Result<(), Refused> {
        if kind == "analysis" {
            for version in 1.. {
                let code = self.code(id, version);
                if !code.exists() {
                    break;
                }
                code.remove()?;
            }
            self.code_index(id).remove()?;
            self.console(id).remove()?;
        }
        Ok(())
    }

    fn named(&self, kind: &str, name: &str) -> Blob {
        Blob(self.0.join(kind).join(hex(&Sha256::digest(name.as_bytes()))))
    }
}

impl Blob {
    /// Its bytes, if it is there.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, Refused> {
        match fs::read(&self.0) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Replaces its bytes; a crash leaves the old ones or the new ones.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Refused> {
        self.write_from([Ok(bytes)])
    }

    /// The same with what comes in pieces.
    pub(super) fn write_from<B: AsRef<[u8]>>(
        &self,
        pieces: impl IntoIterator<Item = Result<B, Refused>>,
    ) -> Result<(), Refused> {
        let unfinished = self.0.with_extension("new");
        let mut file = File::create(&unfinished).map_err(|error| failed(&error))?;
        for piece in pieces {
            file.write_all(piece?.as_ref()).map_err(|error| failed(&error))?;
        }
        file.sync_all().and_then(|()| fs::rename(&unfinished, &self.0)).map_err(|error| failed(&error))
    }

    /// Adds bytes at its end.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), Refused> {
        File::options()
            .create(true)
            .append(true)
            .open(&self.0)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| failed(&error))
    }

    fn exists(&self) -> bool {
        self.0.exists()
    }

    pub(super) fn remove(&self) -> Result<(), Refused> {
        accept_missing(fs::remove_file(&self.0)).map_err(|error| failed(&error))
    }
}

fn accept_missing(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn failed(error: &io::Error) -> Refused {
    Refused::internal(format!("The project's blob store could not be used: {error}"))
}

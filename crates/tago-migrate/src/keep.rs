//! What a run replaces, kept whole and by its hash, so that an undo needs nothing but the target. It is
//! the owner's own content: it stays in the run folder, readable by its owner alone, and nowhere else.

#[cfg(test)]
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::{Mutex, PoisonError};

use crate::plan::Seal;

/// Where what was there before is kept.
pub(crate) trait Keep: Send + Sync {
    /// Makes the bytes durable.
    fn keep(&self, bytes: &[u8]) -> std::io::Result<Seal>;

    /// What was kept under this hash.
    fn kept(&self, seal: &Seal) -> std::io::Result<Vec<u8>>;
}

/// A folder beside the journal.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn of(run: &Path) -> Folder {
        Folder(run.join("kept"))
    }
}

impl Keep for Folder {
    fn keep(&self, bytes: &[u8]) -> std::io::Result<Seal> {
        let seal = Seal::of(bytes);
        let path = self.0.join(seal.as_str());
        // What is there may have been damaged since: records are removed on the word that they are kept.
        if self.kept(&seal).is_err() {
            std::fs::create_dir_all(&self.0)?;
            own(&self.0, 0o700)?;
            crate::folder::sync_name(&self.0)?;
            crate::folder::write_whole(&path, |mut file| {
                own_file(file)?;
                file.write_all(bytes)
            })?;
        }
        Ok(seal)
    }

    fn kept(&self, seal: &Seal) -> std::io::Result<Vec<u8>> {
        let bytes = std::fs::read(self.0.join(seal.as_str()))?;
        if Seal::of(&bytes) == *seal {
            return Ok(bytes);
        }
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "what was kept is damaged"))
    }
}

#[cfg(unix)]
fn own(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn own(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn own_file(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn own_file(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Memory, for the simulator.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

#[cfg(test)]
impl Keep for Memory {
    fn keep(&self, bytes: &[u8]) -> std::io::Result<Seal> {
        let seal = Seal::of(bytes);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(seal.as_str().to_owned(), bytes.to_vec());
        Ok(seal)
    }

    fn kept(&self, seal: &Seal) -> std::io::Result<Vec<u8>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(seal.as_str()).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder::of(folder.path());
        let seal = keep.keep(b"before").unwrap();
        assert_eq!(keep.keep(b"before").unwrap(), seal);
        assert_eq!(keep.kept(&seal).unwrap(), b"before");
        let path = folder.path().join("kept").join(seal.as_str());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(path, b"after").unwrap();
        assert!(keep.kept(&seal).is_err());
        keep.keep(b"before").unwrap();
        assert_eq!(keep.kept(&seal).unwrap(), b"before", "what is damaged is written anew");
    }
}

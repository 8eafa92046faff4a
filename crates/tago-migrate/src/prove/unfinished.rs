//! How far a proof, of either kind of run, is that has not ended: a file beside the journal, a line for each
//! item that is proven. A proof of the same plan and run that looks as closely goes on from there.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tago_api::Time;

use super::ProveError;
use crate::folder;
use crate::journal::JournalError;
use crate::plan::Seal;

/// What must be the same for a proof to go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Beginning<D> {
    pub(crate) fingerprint: Seal,
    /// How closely it looks.
    pub(crate) depth: D,
    /// Rows of the journal: what the run did since is not proven.
    pub(crate) rows: u64,
    pub(crate) begun_at: Time,
}

/// Whether a proof of this run was begun and has not come to its end.
pub fn is_half_proven(folder: &Path) -> bool {
    folder.join(folder::UNFINISHED_PROOF).exists()
}

/// The items of one proof that are proven, in memory and in the file, which nobody else has open.
pub(crate) struct Unfinished<P> {
    begun_at: Time,
    proven: BTreeMap<u32, P>,
    file: Option<(PathBuf, Mutex<File>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<D, P> {
    Beginning(Beginning<D>),
    Item(u32, P),
}

impl<P: Serialize + DeserializeOwned + Clone> Unfinished<P> {
    pub(crate) fn open<D: Serialize + DeserializeOwned + Clone + PartialEq>(
        folder: &Path,
        beginning: Beginning<D>,
        afresh: bool,
    ) -> Result<Unfinished<P>, ProveError> {
        let path = folder.join(folder::UNFINISHED_PROOF);
        let opened = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = opened.map_err(ProveError::Write)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse.into()),
            Err(TryLockError::Error(error)) => return Err(ProveError::Write(error)),
        }
        Unfinished::taken_up(&mut file, beginning, afresh)
            .map(|(begun_at, proven)| Unfinished { begun_at, proven, file: Some((path, Mutex::new(file))) })
            .map_err(ProveError::Write)
    }

    /// Whole lines count, and nothing behind the first that is not whole.
    fn taken_up<D: Serialize + DeserializeOwned + Clone + PartialEq>(
        file: &mut File,
        beginning: Beginning<D>,
        afresh: bool,
    ) -> io::Result<(Time, BTreeMap<u32, P>)> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut whole = 0;
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map_while(|line| {
            let read: Line<D, P> = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
            whole += line.len();
            Some(read)
        });
        let earlier = match lines.next() {
            Some(Line::Beginning(earlier)) if !afresh && earlier.is_of(&beginning) => earlier,
            _ => {
                drop(lines);
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                write_line(file, &Line::<D, P>::Beginning(beginning.clone()))?;
                return Ok((beginning.begun_at, BTreeMap::new()));
            }
        };
        let proven = lines
            .filter_map(|line| match line {
                Line::Item(place, part) => Some((place, part)),
                Line::Beginning(_) => None,
            })
            .collect();
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok((earlier.begun_at, proven))
    }

    /// One that nobody goes on with.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Unfinished<P> {
        Unfinished { begun_at: Time::default(), proven: BTreeMap::new(), file: None }
    }

    pub(crate) fn begun_at(&self) -> Time {
        self.begun_at
    }

    /// What an earlier session has proven.
    pub(crate) fn proven(&self) -> BTreeMap<u32, P> {
        self.proven.clone()
    }

    pub(crate) fn note(&self, place: u32, part: &P) -> io::Result<()> {
        let Some((_, file)) = &self.file else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        write_line(&mut file, &Line::<(), P>::Item(place, part.clone()))
    }

    /// The proof is stored: nothing is left to go on with.
    pub(crate) fn end(self) -> io::Result<()> {
        match self.file {
            Some((path, _)) => std::fs::remove_file(path),
            None => Ok(()),
        }
    }
}

impl<D: PartialEq> Beginning<D> {
    fn is_of(&self, other: &Beginning<D>) -> bool {
        (&self.fingerprint, &self.depth, self.rows) == (&other.fingerprint, &other.depth, other.rows)
    }
}

/// What a power cut takes of it is only read again: it need not be synced.
fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)
}

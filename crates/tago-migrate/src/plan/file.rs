//! The plan as a file: JSON Lines, a header and then one sealed item a line, in one spelling only.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Header, Item, Plan, Seal};

/// The version of the format.
pub(crate) const FORMAT: u32 = 1;

/// Why a plan file cannot be used.
#[derive(Debug, Error)]
pub enum PlanError {
    /// It cannot be read.
    #[error("the plan {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("the plan {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what a plan of this version has there.
    #[error("line {line} of the plan is damaged: {detail}; rehearse again")]
    Damaged {
        /// Counted from 1.
        line: usize,
        /// What was expected.
        detail: String,
    },
}

#[derive(Serialize, Deserialize)]
struct HeaderLine<H> {
    holdfast_plan: H,
}

impl Plan {
    /// The SHA-256 of the file that [`write`](Plan::write) writes: approval is given to this.
    pub fn fingerprint(&self) -> Seal {
        fingerprint(&HeaderLine { holdfast_plan: &self.header }, &self.items)
    }

    /// Writes the file under a temporary name, syncs it and gives it its name.
    ///
    /// # Errors
    /// [`PlanError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), PlanError> {
        write(path, &HeaderLine { holdfast_plan: &self.header }, &self.items)
    }

    /// What [`write`](Plan::write) writes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Memory takes every byte, and every part of a plan has a spelling.
        let _ = write_lines(&mut bytes, &HeaderLine { holdfast_plan: &self.header }, &self.items);
        bytes
    }

    /// The plan of [`to_bytes`](Plan::to_bytes).
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Plan, PlanError> {
        let is_known = |line: &HeaderLine<Header>| line.holdfast_plan.version == FORMAT;
        let (HeaderLine { holdfast_plan: header }, items) = read_lines(bytes, Path::new(""), is_known)?;
        Ok(Plan { header, items: items.into() })
    }

    /// Reads a file and checks every seal.
    ///
    /// # Errors
    /// [`PlanError::Read`], [`PlanError::Damaged`].
    pub fn read(path: &Path) -> Result<Plan, PlanError> {
        let is_known = |line: &HeaderLine<Header>| line.holdfast_plan.version == FORMAT;
        let (HeaderLine { holdfast_plan: header }, items) = read::<_, Item>(path, is_known)?;
        Ok(Plan { header, items: items.into() })
    }
}

/// An item, and the hash of exactly what it will touch.
#[derive(Serialize, Deserialize)]
struct SealedLine<I> {
    item: I,
    seal: Seal,
}

impl<I: Serialize> SealedLine<I> {
    fn of(item: I) -> SealedLine<I> {
        let seal = Seal::of(&serde_json::to_vec(&item).unwrap_or_default());
        SealedLine { item, seal }
    }
}

/// The SHA-256 of a plan's file.
pub(crate) fn fingerprint<H: Serialize, I: Serialize>(header: &H, items: &[I]) -> Seal {
    struct Hashing(Sha256);
    impl Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(Sha256::new());
    // Hashing cannot fail, and every part of a plan has a spelling.
    let _ = write_lines(&mut hashing, header, items);
    Seal(hashing.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a plan's file under a temporary name, syncs it and gives it its name.
pub(crate) fn write<H: Serialize, I: Serialize>(
    path: &Path,
    header: &H,
    items: &[I],
) -> Result<(), PlanError> {
    crate::folder::write_whole(path, |file| {
        let mut file = BufWriter::new(file);
        write_lines(&mut file, header, items)?;
        file.flush()
    })
    .map_err(|source| PlanError::Write { path: path.to_owned(), source })
}

/// Reads a plan's file, of a version that is known, and checks every seal.
pub(crate) fn read<H, I>(path: &Path, is_known: impl Fn(&H) -> bool) -> Result<(H, Vec<I>), PlanError>
where
    H: Serialize + DeserializeOwned,
    I: Serialize + DeserializeOwned,
{
    let file =
        std::fs::File::open(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
    read_lines(BufReader::new(file), path, is_known)
}

fn read_lines<H, I>(
    text: impl BufRead,
    path: &Path,
    is_known: impl Fn(&H) -> bool,
) -> Result<(H, Vec<I>), PlanError>
where
    H: Serialize + DeserializeOwned,
    I: Serialize + DeserializeOwned,
{
    let unreadable = |source| PlanError::Read { path: path.to_owned(), source };
    let damaged = |line, detail: &str| PlanError::Damaged { line, detail: detail.to_owned() };
    let mut lines = text.lines();
    let first = lines.next().ok_or_else(|| damaged(1, "it is empty"))?.map_err(unreadable)?;
    let header = canonical(&first).map_err(|detail| damaged(1, &detail))?;
    if !is_known(&header) {
        return Err(damaged(1, "it was written by another version"));
    }
    let mut items = Vec::new();
    for (index, text) in lines.enumerate() {
        let line = index + 2;
        let text = text.map_err(unreadable)?;
        let SealedLine { item, seal } = canonical(&text).map_err(|detail| damaged(line, &detail))?;
        let sealed = SealedLine::of(item);
        if sealed.seal != seal {
            return Err(damaged(line, "the item is not the one that was sealed"));
        }
        items.push(sealed.item);
    }
    Ok((header, items))
}

fn write_lines<H: Serialize, I: Serialize>(
    out: &mut dyn Write,
    header: &H,
    items: &[I],
) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, header)?;
    out.write_all(b"\n")?;
    for item in items {
        serde_json::to_writer(&mut *out, &SealedLine::of(item))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn canonical<T: Serialize + DeserializeOwned>(text: &str) -> Result<T, String> {
    let line: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match serde_json::to_string(&line) {
        Ok(spelling) if spelling == text => Ok(line),
        _ => Err("it is spelled in another way than Holdfast spells it".to_owned()),
    }
}

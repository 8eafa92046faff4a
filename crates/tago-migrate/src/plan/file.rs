//! The plan as a file: JSON Lines, a header and then one item a line, in one spelling only.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

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
struct HeaderLine {
    holdfast_plan: Header,
}

#[derive(Serialize, Deserialize)]
struct ItemLine {
    item: Item,
    seal: Seal,
}

impl Plan {
    /// The SHA-256 of the file that [`write`](Plan::write) writes: approval is given to this.
    pub fn fingerprint(&self) -> Seal {
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
        let _ = self.write_lines(&mut hashing);
        Seal(hashing.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Writes the file under a temporary name, syncs it and gives it its name.
    ///
    /// # Errors
    /// [`PlanError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), PlanError> {
        let failed = |source| PlanError::Write { path: path.to_owned(), source };
        crate::folder::write_whole(path, |file| {
            let mut file = BufWriter::new(file);
            self.write_lines(&mut file)?;
            file.flush()
        })
        .map_err(failed)
    }

    /// Reads a file and checks every seal.
    ///
    /// # Errors
    /// [`PlanError::Read`], [`PlanError::Damaged`].
    pub fn read(path: &Path) -> Result<Plan, PlanError> {
        let unreadable = |source| PlanError::Read { path: path.to_owned(), source };
        let mut lines = BufReader::new(std::fs::File::open(path).map_err(unreadable)?).lines();
        let damaged = |line, detail: &str| PlanError::Damaged { line, detail: detail.to_owned() };
        let first = lines.next().ok_or_else(|| damaged(1, "it is empty"))?.map_err(unreadable)?;
        let HeaderLine { holdfast_plan: header } = canonical(&first).map_err(|detail| damaged(1, &detail))?;
        if header.version != FORMAT {
            return Err(damaged(1, "it was written by another version"));
        }
        let mut items = Vec::new();
        for (index, text) in lines.enumerate() {
            let line = index + 2;
            let text = text.map_err(unreadable)?;
            let ItemLine { item, seal } = canonical(&text).map_err(|detail| damaged(line, &detail))?;
            if item.seal() != seal {
                return Err(damaged(line, "the item is not the one that was sealed"));
            }
            items.push(item);
        }
        Ok(Plan { header, items })
    }

    fn write_lines(&self, out: &mut dyn Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, &HeaderLine { holdfast_plan: self.header.clone() })?;
        out.write_all(b"\n")?;
        for item in &self.items {
            serde_json::to_writer(&mut *out, &ItemLine { item: item.clone(), seal: item.seal() })?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Item {
    /// The hash of exactly what the item will touch.
    pub fn seal(&self) -> Seal {
        Seal::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

pub(crate) fn canonical<T: Serialize + for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let line: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match serde_json::to_string(&line) {
        Ok(spelling) if spelling == text => Ok(line),
        _ => Err("it is spelled in another way than Holdfast spells it".to_owned()),
    }
}

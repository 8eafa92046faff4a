//! The plan as a file: JSON Lines, a header and then one sealed item a line, in one spelling only.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FORMAT, ResourceHeader, ResourceItem, ResourcePlan};
use crate::plan::{PlanError, Seal, canonical};

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    holdfast_resource_plan: ResourceHeader,
}

#[derive(Serialize, Deserialize)]
struct ItemLine {
    item: ResourceItem,
    seal: Seal,
}

impl ResourcePlan {
    /// The SHA-256 of the file that [`write`](ResourcePlan::write) writes: approval is given to this.
    pub fn fingerprint(&self) -> Seal {
        let mut text = Vec::new();
        // Writing into memory cannot fail, and every part of a plan has a spelling.
        let _ = self.write_lines(&mut text);
        Seal(Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Writes the file under a temporary name, syncs it and gives it its name.
    ///
    /// # Errors
    /// [`PlanError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), PlanError> {
        crate::folder::write_whole(path, |file| {
            let mut file = BufWriter::new(file);
            self.write_lines(&mut file)?;
            file.flush()
        })
        .map_err(|source| PlanError::Write { path: path.to_owned(), source })
    }

    /// Reads a file and checks every seal.
    ///
    /// # Errors
    /// [`PlanError::Read`], [`PlanError::Damaged`].
    pub fn read(path: &Path) -> Result<ResourcePlan, PlanError> {
        let unreadable = |source| PlanError::Read { path: path.to_owned(), source };
        let damaged = |line, detail: &str| PlanError::Damaged { line, detail: detail.to_owned() };
        let mut lines = BufReader::new(std::fs::File::open(path).map_err(unreadable)?).lines();
        let first = lines.next().ok_or_else(|| damaged(1, "it is empty"))?.map_err(unreadable)?;
        let HeaderLine { holdfast_resource_plan: header } =
            canonical(&first).map_err(|detail| damaged(1, &detail))?;
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
        Ok(ResourcePlan { header, items })
    }

    fn write_lines(&self, out: &mut dyn Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, &HeaderLine { holdfast_resource_plan: self.header.clone() })?;
        out.write_all(b"\n")?;
        for item in &self.items {
            serde_json::to_writer(&mut *out, &ItemLine { item: item.clone(), seal: item.seal() })?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl ResourceItem {
    /// The hash of exactly what the item will touch.
    pub fn seal(&self) -> Seal {
        Seal::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

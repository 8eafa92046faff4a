//! The files in which proofs are kept: one for those that compared content, one for counts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Proof, ProofDepth, WindowProof, WindowVerdict};
use crate::folder::{self, write_whole};

/// One line for each window, and the proof without them at the end. A proof takes the place of the one
/// before it, but counts never that of a content proof.
pub(super) fn store(folder: &Path, proof: &Proof, windows: &[WindowProof]) -> io::Result<()> {
    let name = match proof.depth {
        ProofDepth::Counts => folder::COUNTS,
        ProofDepth::Content | ProofDepth::Records => folder::PROOF,
    };
    write_whole(&folder.join(name), |file| {
        let mut file = BufWriter::new(file);
        for window in windows {
            serde_json::to_writer(&mut file, window)?;
            file.write_all(b"\n")?;
        }
        let end = Proof { windows_not_equal: Vec::new(), ..proof.clone() };
        serde_json::to_writer(&mut file, &ProofLine { holdfast_proof: end })?;
        file.write_all(b"\n")?;
        file.flush()
    })
}

/// What is known of a run folder: the last proof that compared content, unless counts that were taken
/// since do not agree, or there is nothing else.
///
/// # Errors
/// If a file is there and cannot be read.
pub fn last_proof(folder: &Path) -> io::Result<Option<Proof>> {
    let content = stored(&folder.join(folder::PROOF))?;
    let counts = stored(&folder.join(folder::COUNTS))?;
    Ok(match (content, counts) {
        (Some(content), Some(counts)) if counts.at > content.at && !counts.agrees => Some(counts),
        (Some(content), _) => Some(content),
        (None, counts) => counts,
    })
}

fn stored(path: &Path) -> io::Result<Option<Proof>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut shown = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if line.starts_with("{\"holdfast_proof\"") {
            let ProofLine { holdfast_proof } = serde_json::from_str(&line)?;
            return Ok(Some(Proof { windows_not_equal: shown, ..holdfast_proof }));
        }
        let window: WindowProof = serde_json::from_str(&line)?;
        if window.verdict != WindowVerdict::Equal {
            shown.push(window);
        }
    }
    Ok(None)
}

#[derive(Serialize, Deserialize)]
struct ProofLine {
    holdfast_proof: Proof,
}

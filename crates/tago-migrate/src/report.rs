use std::path::{Path, PathBuf};

use serde::Serialize;
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::device::Fingerprint;
use crate::journal::JournalError;
use crate::plan::PlanError;

/// What a report says, and where its files are.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's own id.
    pub run: String,
    /// When the report was made.
    pub at: Time,
    /// Records that the run stored.
    pub records_written: u64,
    /// Devices that the run made.
    pub devices_created: u64,
    /// Ids of devices: old, new, name. Equal ones are left out.
    pub ids: Vec<(DeviceId, DeviceId, String)>,
    /// Every token of the source by the device that owns it.
    pub tokens: Vec<TokenWork>,
    /// What was not done, and what the proof found.
    pub exceptions: Vec<String>,
    /// Whether there is a proof and it is green.
    pub proven: Option<bool>,
    /// The command with which anybody can repeat the proof.
    pub prove_line: String,
    /// The machine's copy.
    #[serde(skip)]
    pub json: PathBuf,
    /// The page for people.
    #[serde(skip)]
    pub html: PathBuf,
}

/// One token and what outside must be updated.
#[derive(Debug, Clone, Serialize)]
pub struct TokenWork {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The token's name.
    pub token_name: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Fingerprint in the source (the copy).
    pub source: Fingerprint,
    /// Fingerprint of its counterpart in the target.
    pub target: Option<Fingerprint>,
    /// What outside must be updated, in a sentence.
    pub what_to_update: String,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file of the report could not be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes `report.json`, `report.html`, `tokens.csv` and `ids.csv` from what the run folder holds.
///
/// # Errors
/// See [`ReportError`].
pub fn report(folder: &Path, at: Time) -> Result<Report, ReportError> {
    let _ = (folder, at);
    unimplemented!()
}

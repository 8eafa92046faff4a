use std::path::Path;

use serde::{Deserialize, Serialize};
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::journal::JournalError;
use crate::plan::PlanError;
use crate::ports::{PortError, Source};
use crate::run::Side;
use crate::settings::{Env, Settings};

/// The comparison of the target with the plan, window by window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// When it was made.
    pub at: Time,
    /// Whether every device and every window is as planned. Foreign records alone do not spoil it.
    pub green: bool,
    /// Windows looked at.
    pub windows: u64,
    /// Windows that hold what they should.
    pub windows_green: u64,
    /// Records of the target that were read.
    pub records: u64,
    /// Records that should be there and are not (changed ones are counted under `changed`).
    pub missing: u64,
    /// Records whose content is another one at the same moment.
    pub changed: u64,
    /// Records that are there more often than they should be.
    pub doubled: u64,
    /// Records that somebody else wrote into the windows since the rehearsal.
    pub foreign: u64,
    /// Windows, and devices, that were held back or not reached.
    pub not_run: u64,
    /// Every window that is not simply equal, and every device that differs.
    pub windows_not_equal: Vec<WindowProof>,
}

/// What was found in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowProof {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The variable; absent if this is about the device itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// First moment.
    pub from: Time,
    /// Last moment.
    pub to: Time,
    /// The verdict.
    pub verdict: WindowVerdict,
    /// Why, in words.
    pub text: String,
    /// Record by record; at most a thousand of each window.
    pub differences: Vec<Difference>,
}

/// The verdict on one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowVerdict {
    /// It holds all that it should, and foreign records beside it.
    Foreign,
    /// Something is missing, changed or doubled.
    Differs,
    /// It was held back or not reached.
    NotRun,
}

/// One record that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In which way.
    pub kind: DifferenceKind,
    /// Its moment; absent if only its fingerprint is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Its JSON as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Its JSON as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// How often it is missing or there too often.
    pub times: u64,
}

/// The ways in which a record can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is not there.
    Missing,
    /// At its moment there is one with another content.
    Changed,
    /// It is there too often.
    Doubled,
    /// It is there and belongs neither to the target before the run nor to the run.
    Foreign,
}

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    /// One side could not be read.
    #[error("the {side} could not be read: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// The owner stopped it.
    #[error("the proof was stopped")]
    Stopped,
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The proof could not be stored.
    #[error("the proof cannot be written")]
    Write(#[source] std::io::Error),
}

/// Reads the target, compares every window with what the plan and the run say it must hold, and stores
/// the result as `proof.jsonl` in the run folder. The source is read only where something differs.
///
/// # Errors
/// See [`ProveError`].
pub async fn prove(
    folder: &Path,
    source: &dyn Source,
    target: &dyn Source,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Proof, ProveError> {
    let _ = (folder, source, target, settings, env.nonce);
    unimplemented!()
}

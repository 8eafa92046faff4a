use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::journal::JournalError;
use crate::plan::{Plan, PlanError, Seal};
use crate::ports::{PortError, Source, Target};
use crate::settings::{Env, Settings};

/// One of the two projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where records come from.
    Source,
    /// Where they go.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}

/// How a run, or a session of it, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every item is done or held back.
    Finished,
    /// The owner stopped it; it can be resumed.
    Stopped,
    /// It cannot go on for now; it can be resumed.
    Halted(Halt),
}

/// Why a run cannot go on for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// A credential was refused.
    Auth {
        /// Whose.
        side: Side,
        /// The platform's words.
        message: String,
    },
    /// A side is out of reach, or does not work.
    Unreachable {
        /// Which.
        side: Side,
        /// What was seen.
        message: String,
    },
    /// A limit or quota of the target's plan is reached.
    Quota {
        /// The platform's words.
        message: String,
    },
}

/// An item, or a part of one, that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldItem {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The variable, if it is about records.
    pub variable: Option<String>,
    /// The time range, if it is about records.
    pub between: Option<(Time, Time)>,
    /// Why, and what to do.
    pub reason: String,
}

/// What a run folder tells without touching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStatus {
    /// The run's own id.
    pub run: String,
    /// The plan's fingerprint.
    pub fingerprint: Seal,
    /// When it began.
    pub started_at: Time,
    /// When it finished.
    pub finished_at: Option<Time>,
    /// The newest journal row.
    pub last_row_at: Time,
    /// Records that are known to be stored by it.
    pub records_done: u64,
    /// Records that the plan has to write.
    pub records_total: u64,
    /// Items done, held back or with nothing to do.
    pub items_done: u64,
    /// All items.
    pub items_total: u64,
    /// Batches whose outcome the next session has to find out.
    pub batches_open: u64,
    /// What was held back.
    pub held: Vec<HeldItem>,
    /// Devices made: old id, new id, name.
    pub created: Vec<(DeviceId, DeviceId, String)>,
}

/// Why a run cannot begin or go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Approval was given to another plan.
    #[error("this plan's fingerprint is {fingerprint}; the approval is for another plan")]
    NotApproved {
        /// Of the plan at hand.
        fingerprint: Seal,
    },
    /// The plan comes from a counted rehearsal, or a check blocks it.
    #[error("this plan cannot be run: {reason}")]
    NotRunnable {
        /// Why.
        reason: String,
    },
    /// The folder has a run already.
    #[error("this folder already holds a run; resume it, or choose another folder")]
    FolderTaken,
    /// A port reaches another project than the plan was made for.
    #[error("the {side} is not the project that this plan was made for: it was {expected}, it is {found}")]
    OtherProject {
        /// Which.
        side: Side,
        /// Name and address in the plan.
        expected: String,
        /// Name and address now.
        found: String,
    },
    /// A side could not be asked who it is.
    #[error("the {side} could not be reached: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Begins a run in an empty or new folder, which it fills with the plan and the journal.
///
/// # Errors
/// See [`RunError`]. What it found and could not go on with is an [`Ending`], not an error.
pub async fn run(
    plan: &Plan,
    approved: &Seal,
    folder: &Path,
    source: &dyn Source,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let _ = (plan, approved, folder, source, target, settings, env.nonce);
    unimplemented!()
}

/// Goes on with the run of this folder, after a stop, a halt or a crash. Of a finished run it does
/// nothing.
///
/// # Errors
/// See [`RunError`].
pub async fn resume(
    folder: &Path,
    source: &dyn Source,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let _ = (folder, source, target, settings, env.nonce);
    unimplemented!()
}

/// Reads how far the run of this folder is. It may be running elsewhere.
///
/// # Errors
/// See [`RunError`].
pub fn status(folder: &Path) -> Result<RunStatus, RunError> {
    let _ = folder;
    unimplemented!()
}

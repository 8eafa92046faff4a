//! Everything else that a project holds, moved as whole documents: plan, run and undo.

mod document;
mod hands;
mod kind;
pub(crate) mod ledger;
mod machine;
mod matching;
mod place;
mod plan;
mod ports;
mod prove;
mod rebuild;
mod rehearse;
pub(crate) mod remap;
mod renamed;
mod report;
pub(crate) mod row;
pub(crate) mod run;
pub(crate) mod scan;
mod scripts;
#[cfg(test)]
mod sim;
mod undo;

use crate::keep;

pub use document::Document;
pub use kind::{Kind, Part};
pub use matching::Why;
pub use plan::{
    Conflict, EntrySeals, ResourceChoices, ResourceHeader, ResourceItem, ResourcePlan, ResourceReason, Work,
    plan,
};
pub use ports::{Address, Entries, ListedToken, Resources, ResourcesTarget, SCRIPT, UNKNOWN_VALUE};
pub use prove::{ItemProof, ItemVerdict, ResourceProof, last_proof, prove, prove_as};
pub use rebuild::rebuild;
pub use rehearse::{ResourceRehearseError, rehearse, snapshot};
pub use remap::{Mapping, Unresolved, remap};
pub use renamed::renamed;
pub use report::{Counts, ReportLine, ResourceReport, UndoneLines, report};
pub use run::{ResourceStatus, resume, run, status};
pub use scan::{Found, Gap, Snapshot};
pub use scripts::ScriptFile;
pub use undo::{Reversal, UndoChoices, Undone, irreversible, undo};

//! What a run calls things, for whoever moves records between the same two projects afterwards.

use std::path::Path;

use super::row::Row;
use super::run::past;
use crate::journal::SqliteJournal;
use crate::plan::Renamed;
use crate::run::RunError;

/// Which ids of the source are which in the target, as the run of this folder found or made them. Of a run
/// that is taken back, or was begun to be, nothing is known any more.
///
/// # Errors
/// See [`RunError`]. It may be running elsewhere.
pub fn renamed(folder: &Path) -> Result<Renamed, RunError> {
    let (plan, ledger) = past(folder, &SqliteJournal::read_of::<Row>(folder)?)?;
    let ids = if ledger.undoing { Default::default() } else { ledger.mapping(&plan).ids };
    let (source, target) = (plan.header.source.profile, plan.header.target.profile);
    Ok(Renamed { source, target, ids })
}

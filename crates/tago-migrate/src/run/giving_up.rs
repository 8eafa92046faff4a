//! The end of a run that cannot end by itself: its target is gone for good, or nobody wants it any more.

use std::path::Path;

use serde::Serialize;
use tago_api::{DeviceId, Time};

use super::actions::{ActionState, ActionStatus, actions};
use super::resting::left_active;
use super::{RunError, open, past};
use crate::journal::{Journal, Row, SqliteJournal};
use crate::machine::ledger::Ledger;
use crate::plan::{Item, Plan};
use crate::settings::Env;

/// What a run that is given up leaves in its target, should that still be there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LeftBehind {
    /// When the run was given up.
    pub at: Time,
    /// Actions that it has switched off, or may have, and nobody switches on.
    pub actions: Vec<ActionStatus>,
    /// Devices that were inactive, and that it may have left active: id in the target, name.
    pub awake: Vec<(DeviceId, String)>,
    /// Devices on which it may have a token of its own.
    pub tokens: Vec<DeviceId>,
    /// Whether files of its own, or its throw-away device, may be there; the next run takes files away.
    pub files: bool,
    /// Devices that it made and did not complete: id in the target, name. They bear its mark.
    pub incomplete: Vec<(DeviceId, String)>,
    /// Batches of which nobody has found out whether they arrived.
    pub batches_open: u64,
    /// Records that are known to be stored. They stay.
    pub records_done: u64,
}

impl LeftBehind {
    /// Whether somebody has to look after it.
    pub fn is_something(&self) -> bool {
        !self.actions.is_empty()
            || !self.awake.is_empty()
            || !self.tokens.is_empty()
            || self.files
            || !self.incomplete.is_empty()
            || self.batches_open > 0
    }
}

/// Gives the run of this folder up, and says what it leaves behind. Nobody is asked and nothing is sent, so
/// it needs neither project. It is not gone on with after; should its target come back, what it holds can be
/// released and what it wrote be taken back. It may be repeated.
///
/// # Errors
/// See [`RunError`]. One that is finished or taken back is over.
pub fn give_up(folder: &Path, env: Env<'_>) -> Result<LeftBehind, RunError> {
    let (mut journal, rows) = open::<Row>(folder)?;
    let before = given_up_at(&rows);
    let (plan, mut ledger) = past(folder, &rows)?;
    if ledger.finished || ledger.undo.undone {
        return Err(RunError::NotRunnable { reason: "it is over; there is nothing to give up".to_owned() });
    }
    let at = before.unwrap_or_else(|| env.clock.now());
    if before.is_none() {
        journal.append(at, &Row::GivenUp {})?;
        ledger.given_up = true;
    }
    Ok(left_behind(&plan, &ledger, at))
}

/// What the run of this folder has left behind, as far as it is known here; `None` if it was not given up.
///
/// # Errors
/// See [`RunError`].
pub fn given_up(folder: &Path) -> Result<Option<LeftBehind>, RunError> {
    let rows = SqliteJournal::read(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    Ok(given_up_at(&rows).map(|at| left_behind(&plan, &ledger, at)))
}

fn given_up_at(rows: &[(Time, Row)]) -> Option<Time> {
    rows.iter().find(|(_, row)| matches!(row, Row::GivenUp {})).map(|(at, _)| *at)
}

fn left_behind(plan: &Plan, ledger: &Ledger, at: Time) -> LeftBehind {
    let is_off = |action: &ActionStatus| action.state == ActionState::LeftOff;
    let incomplete = ledger.devices.iter().filter(|(_, device)| !device.finished);
    let incomplete = incomplete.filter_map(|(place, device)| {
        let Some(Item::Device(item)) = plan.items.get(*place as usize) else { return None };
        Some((device.made?, item.name.clone()))
    });
    LeftBehind {
        at,
        actions: actions(plan, ledger).into_iter().filter(is_off).collect(),
        awake: left_active(plan, ledger),
        tokens: ledger.tokens.iter().copied().collect(),
        files: ledger.has_files || ledger.has_signs,
        incomplete: incomplete.collect(),
        batches_open: ledger.open_batches(),
        records_done: ledger.stored,
    }
}

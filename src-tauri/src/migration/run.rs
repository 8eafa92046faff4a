//! Runs: what is kept of each, and what the window is shown of one under way and of one at rest.

mod closing;
mod idle;
mod live;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tago_api::Time;
use tago_migrate::{ActionState, ActionStatus, JournalError, Plan, RunError, RunStatus};

pub(crate) use idle::idle_view;
pub(crate) use live::LiveRun;
pub(super) use live::waiting;

use crate::error::{Answer, UiError};
use crate::records::Records;
use crate::view::{ActionProgress, ActionView, RunState, RunSummary, RunView, Side, Whole};

/// What the shell remembers of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) id: String,
    pub(crate) source: Side,
    pub(crate) target: Side,
    pub(crate) source_name: String,
    pub(crate) target_name: String,
    pub(crate) begun_at: Time,
    /// How late after a request the target may still carry it out, in milliseconds.
    pub(crate) late_commit_ms: u64,
    /// Of the target's limits, in tenths of a percent; what suits it if nothing was said.
    #[serde(default)]
    pub(crate) share: Option<u16>,
    /// The owner ended it where it was.
    pub(crate) stopped: bool,
    /// Why it does not go on by itself.
    pub(crate) reason: Option<UiError>,
}

/// Where runs are kept: what the shell remembers of each, and beside it the engine's folder of the same name.
#[derive(Debug)]
pub(crate) struct RunFiles {
    records: Records<RunRecord>,
}

impl RunFiles {
    pub(super) fn new(folder: PathBuf) -> RunFiles {
        RunFiles { records: Records::new(folder, "run") }
    }

    /// The engine's folder of a run.
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.records.folder().join(id)
    }

    pub(crate) fn write(&self, record: &RunRecord) -> Answer<()> {
        self.records.write(&record.id, record)
    }

    pub(crate) fn read(&self, id: &str) -> Answer<RunRecord> {
        self.records.read(id)
    }

    /// Every run, newest first.
    pub(crate) fn all(&self) -> Vec<RunRecord> {
        self.records.all()
    }

    pub(crate) fn plan(&self, id: &str) -> Answer<Plan> {
        Ok(Plan::read(&self.folder(id).join("plan.jsonl"))?)
    }
}

pub(crate) fn summary(view: &RunView) -> RunSummary {
    RunSummary {
        id: view.id.clone(),
        source_name: view.source_name.clone(),
        target_name: view.target_name.clone(),
        state: view.state,
        only_counted: false,
        started_at: view.started_at,
        finished_at: view.finished_at,
        records_done: view.records_done,
        records_total: view.records_total,
    }
}

fn empty_view(record: &RunRecord) -> RunView {
    let none = Whole::default();
    RunView {
        id: record.id.clone(),
        source: record.source.clone(),
        target: record.target.clone(),
        source_name: record.source_name.clone(),
        target_name: record.target_name.clone(),
        state: RunState::Paused,
        reason: None,
        waiting: None,
        started_at: record.begun_at.into(),
        finished_at: None,
        records_done: none,
        records_total: none,
        records_removed: none,
        records_to_remove: none,
        steps_done: none,
        steps_total: none,
        rate: none,
        seconds_low: None,
        seconds_high: None,
        batches_to_check: none,
        safe_to_close: String::new(),
        proof: None,
        half_proven: false,
        undone: None,
        actions: Vec::new(),
        awake: Vec::new(),
        held: Vec::new(),
        damaged: false,
        given_up: None,
        restored_project_exists: false,
    }
}

fn actions(known: &[ActionStatus]) -> Vec<ActionView> {
    let view = |one: &ActionStatus| ActionView {
        id: one.id.to_string(),
        name: one.name.clone(),
        state: match one.state {
            ActionState::Untouched => ActionProgress::Untouched,
            ActionState::Held => ActionProgress::Held,
            ActionState::Doubtful => ActionProgress::Doubtful,
            ActionState::Released => ActionProgress::Released,
            ActionState::Inactive => ActionProgress::Inactive,
            ActionState::SwitchedOn => ActionProgress::SwitchedOn,
            ActionState::Gone => ActionProgress::Gone,
            ActionState::LetFire => ActionProgress::LetFire,
            ActionState::LeftOff => ActionProgress::LeftOff,
        },
        acted: one.acted,
    };
    known.iter().map(view).collect()
}

/// Whether the journal of this folder is no journal any more, damaged or gone, and its plan is there.
pub(crate) fn is_damaged(error: &RunError, folder: &Path) -> bool {
    matches!(error, RunError::Journal(JournalError::Damaged { .. } | JournalError::NoRun))
        && folder.join("plan.jsonl").exists()
}

/// Whether the run of this folder was given up for a newer plan of what it lacked.
pub(crate) fn is_planned_again(folder: &Path) -> bool {
    folder.join("planned-again.json").exists()
}

/// How many actions the run has switched off, or may have.
fn held(status: &RunStatus) -> u64 {
    let held = |one: &&ActionStatus| matches!(one.state, ActionState::Held | ActionState::Doubtful);
    status.actions.iter().filter(held).count() as u64
}

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tago_api::{DeviceId, Time};
use tago_migrate::{
    self as engine, ActionState, ActionStatus, Control, Figures, HeldItem, Item, JournalError, LeftBehind,
    Phase, Plan, Proof, Reversal, RunError, RunStatus, Settings, Stayed, Undone, Wish,
};
use tokio::sync::watch;

use super::proof;
use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::records::Records;
use crate::view::{
    ActionProgress, ActionView, GivenUpView, HeldView, IdChange, ReportView, ReversalKind, ReversedItem,
    RunState, RunSummary, RunView, Side, StayedItem, TokenWork, UndoneView, Whole,
};

const SAFE_WHILE_UNDOING: &str =
    "Safe to close: what is taken back stays so, and the rest can be gone on with.";

/// How often a run's journal is looked at for the figures that its progress does not tell.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

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

    /// What the engine's files say of a run that is not under way.
    pub(crate) fn look(&self, record: &RunRecord) -> Looked {
        let folder = self.folder(&record.id);
        let planned_again = is_planned_again(&folder);
        let status = match engine::status(&folder) {
            Ok(status) => status,
            Err(error) => {
                let damaged = is_damaged(&error, &folder);
                let gone = damaged && matches!(error, RunError::Journal(JournalError::NoRun));
                let told = if gone { UiError::journal_gone() } else { error.into() };
                return Looked {
                    status: Err(told),
                    damaged,
                    planned_again,
                    given_up: None,
                    proof: None,
                    undone: None,
                };
            }
        };
        let given_up = engine::given_up(&folder).unwrap_or_else(|error| {
            tracing::warn!(record.id, %error, "whether it was given up cannot be read");
            None
        });
        let proof = engine::last_proof(&folder).unwrap_or_else(|error| {
            tracing::warn!(record.id, %error, "the proof cannot be read");
            None
        });
        let undone = engine::undone(&folder).unwrap_or_else(|error| {
            tracing::warn!(record.id, %error, "what was taken back cannot be read");
            None
        });
        Looked { status: Ok(status), damaged: planned_again, planned_again, given_up, proof, undone }
    }

    pub(crate) fn plan(&self, id: &str) -> Answer<Plan> {
        Ok(Plan::read(&self.folder(id).join("plan.jsonl"))?)
    }
}

/// A run as its files tell it.
pub(crate) struct Looked {
    status: Result<RunStatus, UiError>,
    /// Its journal cannot be read, and its plan can.
    damaged: bool,
    /// It was given up for a newer plan of what it lacked.
    planned_again: bool,
    /// It was given up for good, and left this.
    given_up: Option<LeftBehind>,
    proof: Option<Proof>,
    undone: Option<Undone>,
}

impl Looked {
    pub(crate) fn holds_actions(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| held(status) > 0)
    }

    /// Whether the run has switched something in its target that nobody has switched back.
    pub(crate) fn holds_something(&self) -> bool {
        self.holds_actions() || self.status.as_ref().is_ok_and(|status| !status.awake.is_empty())
    }

    /// A run that still holds actions is not over, even if somebody stopped it.
    fn state(&self, record: &RunRecord) -> RunState {
        if let (Ok(_), Some(undone)) = (&self.status, &self.undone) {
            return if undone.complete { RunState::Undone } else { RunState::UndoPaused };
        }
        match (&self.status, &self.proof) {
            _ if self.planned_again => RunState::PlannedAgain,
            _ if self.given_up.is_some() => RunState::GivenUp,
            (Err(_), _) => RunState::Failed,
            (Ok(status), Some(proof)) if status.finished_at.is_some() => {
                if proof.green {
                    RunState::Done
                } else {
                    RunState::DoneWithExceptions
                }
            }
            (Ok(status), _) if record.stopped && held(status) == 0 => RunState::Stopped,
            _ => RunState::Paused,
        }
    }
}

/// A run of this process.
pub(crate) struct LiveRun {
    pub(crate) record: RunRecord,
    pub(crate) control: Control,
    /// It takes the run back.
    undoes: bool,
    restored_project_exists: bool,
    state: Mutex<LiveState>,
    closing: AtomicBool,
    over: watch::Sender<bool>,
}

#[derive(Default)]
struct LiveState {
    figures: Figures,
    status: Option<RunStatus>,
    looked_at: Option<Instant>,
}

impl LiveRun {
    pub(crate) fn new(record: RunRecord, undoes: bool, restored_project_exists: bool) -> LiveRun {
        LiveRun {
            record,
            control: Control::new(),
            undoes,
            restored_project_exists,
            state: Mutex::default(),
            closing: AtomicBool::new(false),
            over: watch::Sender::new(false),
        }
    }

    /// Ends what is under way because the window closes; the owner has not stopped the run.
    pub(super) async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.control.stop();
        // The sender lives as long as this run.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Whether it was ended by the window's closing.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Says that nothing of it is under way any more.
    pub(crate) fn say_over(&self) {
        self.over.send_replace(true);
    }

    /// Takes what the engine tells, and from time to time what its journal says.
    pub(crate) fn progressed(&self, figures: Figures, files: &RunFiles) {
        let due = {
            let mut state = locked(&self.state);
            state.figures = figures;
            let due = state.looked_at.is_none_or(|at| at.elapsed() >= BETWEEN_LOOKS);
            if due {
                state.looked_at = Some(Instant::now());
            }
            due
        };
        if due && let Ok(status) = engine::status(&files.folder(&self.record.id)) {
            locked(&self.state).status = Some(status);
        }
    }

    fn state_of(&self, figures: &Figures) -> RunState {
        match figures.phase {
            Phase::Paused => RunState::Paused,
            Phase::Proving => RunState::Proving,
            Phase::Undoing => RunState::Undoing,
            _ if self.undoes => RunState::Undoing,
            _ if self.control.wish() == Wish::Pause => RunState::Pausing,
            Phase::Records if figures.batches_waiting > 0 => RunState::Settling,
            _ => RunState::Running,
        }
    }

    pub(crate) fn view(&self) -> RunView {
        let state = locked(&self.state);
        let figures = &state.figures;
        let status = state.status.as_ref();
        let of_journal = |tell: fn(&RunStatus) -> u64| status.map_or(0, tell);
        let recorded = of_journal(|status| status.records_done);
        // While it proves, its figures count what is compared: the records that it wrote stay as they are.
        let (stored, total, steps) = if self.undoes {
            (figures.records_done, figures.records_total, (figures.items_done, figures.items_total))
        } else if figures.phase == Phase::Proving {
            let compared = (figures.records_done, figures.records_total);
            (recorded, of_journal(|status| status.records_total), compared)
        } else {
            let items = (of_journal(|status| status.items_done), of_journal(|status| status.items_total));
            (recorded.max(figures.records_done), figures.records_total, items)
        };
        let removed = of_journal(|status| status.records_removed).max(figures.records_removed);
        let remaining = figures.remaining.filter(|_| figures.phase != Phase::Paused);
        RunView {
            state: self.state_of(figures),
            waiting: waiting(figures),
            records_done: stored.into(),
            records_total: total.into(),
            records_removed: removed.into(),
            records_to_remove: of_journal(|status| status.records_to_remove).into(),
            steps_done: steps.0.into(),
            steps_total: steps.1.into(),
            rate: rate(figures.rate),
            seconds_low: remaining.map(|(low, _)| low.as_secs().into()),
            seconds_high: remaining.map(|(_, high)| high.as_secs().into()),
            batches_to_check: figures.batches_open.into(),
            safe_to_close: match figures.actions_held.max(status.map_or(0, held)) {
                0 if self.undoes => SAFE_WHILE_UNDOING.to_owned(),
                0 => safe_to_close(stored, removed, may_be_open(figures)),
                held if self.undoes => held_while_undoing(held, &self.record.target_name),
                held => held_if_closed(held, &self.record.target_name),
            },
            actions: status.map(|status| actions(&status.actions)).unwrap_or_default(),
            restored_project_exists: self.restored_project_exists,
            ..empty_view(&self.record)
        }
    }

    pub(crate) fn summary(&self) -> RunSummary {
        summary(&self.view())
    }
}

/// A run that is not under way.
pub(crate) fn idle_view(
    record: &RunRecord,
    looked: &Looked,
    plan: Option<&Plan>,
    restored_project_exists: bool,
) -> RunView {
    let state = looked.state(record);
    let proof = looked.proof.as_ref().zip(plan).map(|(proof, plan)| proof::view(proof, plan));
    let nothing = RunView { state, restored_project_exists, ..empty_view(record) };
    let status = match &looked.status {
        Ok(status) => status,
        Err(error) => {
            // What stopped it once says nothing about a journal that cannot be read now.
            let before = record.reason.clone().filter(|_| error.code == ErrorCode::NotFound);
            let reason = before.or_else(|| Some(error.clone()).filter(|_| !looked.planned_again));
            let safe_to_close = format!(
                "Nothing is under way. Actions that this run switched off may still be off: look at them in {}.",
                record.target_name
            );
            return RunView { reason, safe_to_close, damaged: looked.damaged, ..nothing };
        }
    };
    RunView {
        reason: record.reason.clone(),
        started_at: status.started_at.into(),
        finished_at: status.finished_at.map(Into::into),
        records_done: status.records_done.into(),
        records_total: status.records_total.into(),
        records_removed: status.records_removed.into(),
        records_to_remove: status.records_to_remove.into(),
        steps_done: status.items_done.into(),
        steps_total: status.items_total.into(),
        batches_to_check: status.batches_open.into(),
        safe_to_close: with_active(
            &status.awake,
            &record.target_name,
            match state {
                RunState::Done => {
                    format!("Safe to close: all {} are stored and proven.", records(status.records_done))
                }
                RunState::DoneWithExceptions if proof.as_ref().is_some_and(|proof| proof.only_left_out) => {
                    "Safe to close. Some records were left out: see below.".to_owned()
                }
                RunState::DoneWithExceptions => {
                    "Safe to close. The proof found differences: see below.".to_owned()
                }
                RunState::Undone => "Safe to close: the run is taken back.".to_owned(),
                RunState::UndoPaused => match held(status) {
                    0 => SAFE_WHILE_UNDOING.to_owned(),
                    held => held_while_undoing(held, &record.target_name),
                },
                RunState::GivenUp => given_up_line(looked.given_up.as_ref(), &record.target_name),
                _ => match held(status) {
                    0 => safe_to_close(status.records_done, status.records_removed, status.batches_open),
                    held => held_if_closed(held, &record.target_name),
                },
            },
        ),
        proof,
        undone: looked.undone.as_ref().map(undone_view),
        actions: actions(&status.actions),
        awake: names(&status.awake),
        held: status.held.iter().map(held_view).collect(),
        damaged: looked.damaged,
        given_up: looked.given_up.as_ref().map(|left| given_up_view(left, plan)),
        ..nothing
    }
}

/// Closing the window changes nothing about devices that were left active; their owner is told of them.
fn with_active(awake: &[(DeviceId, String)], target: &str, said: String) -> String {
    match awake.len() {
        0 => said,
        1 => format!("{said} 1 device of {target} that was inactive may still be active: see below."),
        n => format!("{said} {n} devices of {target} that were inactive may still be active: see below."),
    }
}

fn given_up_line(left: Option<&LeftBehind>, target: &str) -> String {
    match left.map_or(0, |left| left.actions.len()) {
        0 => "Safe to close: this run is over.".to_owned(),
        1 => format!("This run is over. 1 action of {target} may still be switched off: see below."),
        off => format!("This run is over. {off} actions of {target} may still be switched off: see below."),
    }
}

/// Devices are told by name, as the plan has it; those that the run made bear it in what it left incomplete.
fn given_up_view(left: &LeftBehind, plan: Option<&Plan>) -> GivenUpView {
    let name_of = |device: &DeviceId| {
        let made = left.incomplete.iter().find(|(id, _)| id == device).map(|(_, name)| name);
        let planned = plan.into_iter().flat_map(Plan::items).find_map(|item| match item {
            Item::Device(item) if item.target == Some(*device) => Some(&item.name),
            _ => None,
        });
        made.or(planned).map_or_else(|| device.to_string(), String::clone)
    };
    GivenUpView {
        at: left.at.into(),
        actions: left.actions.iter().map(|action| action.name.clone()).collect(),
        awake: names(&left.awake),
        tokens: left.tokens.iter().map(name_of).collect(),
        files: left.files,
        incomplete: names(&left.incomplete),
        batches_in_doubt: left.batches_open.into(),
    }
}

pub(crate) fn summary(view: &RunView) -> RunSummary {
    RunSummary {
        id: view.id.clone(),
        source_name: view.source_name.clone(),
        target_name: view.target_name.clone(),
        state: view.state,
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
        undone: None,
        actions: Vec::new(),
        awake: Vec::new(),
        held: Vec::new(),
        damaged: false,
        given_up: None,
        restored_project_exists: false,
    }
}

fn names(devices: &[(DeviceId, String)]) -> Vec<String> {
    devices.iter().map(|(_, name)| name.clone()).collect()
}

fn held_view(item: &HeldItem) -> HeldView {
    HeldView {
        device_name: item.name.clone(),
        variable: item.variable.clone(),
        from: item.between.map(|(from, _)| from.into()),
        to: item.between.map(|(_, to)| to.into()),
        reason: item.reason.clone(),
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

fn undone_view(undone: &Undone) -> UndoneView {
    let stayed = |list: &[Stayed]| {
        let item = |one: &Stayed| StayedItem {
            device_name: one.name.clone(),
            records: one.records.into(),
            from: one.between.map(|(from, _)| from.into()),
            to: one.between.map(|(_, to)| to.into()),
            reason: one.reason.clone(),
        };
        list.iter().map(item).collect()
    };
    let mut removed = 0;
    let mut reversed = Vec::with_capacity(undone.reversed.len());
    for one in &undone.reversed {
        let (what, records) = match one.what {
            Reversal::Records(records) => (ReversalKind::Records, records),
            Reversal::WrittenBack(records) => (ReversalKind::WrittenBack, records),
            Reversal::Deleted => (ReversalKind::Deleted, 0),
            Reversal::Restored => (ReversalKind::Restored, 0),
        };
        removed += if what == ReversalKind::Records { records } else { 0 };
        reversed.push(ReversedItem { device_name: one.name.clone(), what, records: records.into() });
    }
    UndoneView {
        records: removed.into(),
        reversed,
        kept: stayed(&undone.changed_since),
        impossible: stayed(&undone.impossible),
    }
}

/// How many batches may be on their way by the time somebody has read this: while records are sent, one
/// for each lane, even if none was a moment ago.
fn may_be_open(figures: &Figures) -> u64 {
    match figures.phase {
        Phase::Devices | Phase::Records => figures.batches_open.max(Settings::default().lanes as u64),
        _ => figures.batches_open,
    }
}

/// What keeps a run from going on for now, unless the owner does.
pub(super) fn waiting(figures: &Figures) -> Option<String> {
    let cause = figures.waiting_for.as_ref().filter(|_| figures.phase != Phase::Paused)?;
    Some(format!("Waiting for {cause}. It goes on by itself; you need do nothing."))
}

/// Records are safe, but a closed window leaves these actions switched off.
fn held_if_closed(held: u64, target: &str) -> String {
    let left = left_off(held, target);
    format!(
        "No record is lost if you close now. But {left} until you open this run again and choose “Resume” or \
         “Switch them on again”."
    )
}

fn held_while_undoing(held: u64, target: &str) -> String {
    let left = left_off(held, target);
    format!(
        "What is taken back stays so. But {left} until you choose “Go on taking it back…” or “Switch them on \
         again”."
    )
}

fn left_off(held: u64, target: &str) -> String {
    match held {
        1 => format!("1 action of {target} stays switched off, and sends no alarm,"),
        held => format!("{held} actions of {target} stay switched off, and send no alarm,"),
    }
}

fn safe_to_close(stored: u64, removed: u64, open: u64) -> String {
    let stored = match removed {
        0 => format!("{} stored", records(stored)),
        removed => format!("{} stored, {} removed and kept", records(stored), grouped(removed)),
    };
    match open {
        0 => format!("Safe to close: {stored}, nothing to check again."),
        1 => format!("Safe to close: {stored}, at most one batch to check again."),
        open => format!("Safe to close: {stored}, at most {open} batches to check again."),
    }
}

/// As people write it: `45,662 records`.
fn records(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "record" } else { "records" })
}

fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[expect(clippy::cast_possible_truncation, reason = "a rate to read, never beyond a few million")]
fn rate(per_second: f64) -> Whole {
    Whole::from(per_second.round() as i64)
}

/// The report as the window shows it.
pub(crate) fn report_view(run: &str, report: engine::Report) -> ReportView {
    let tokens = report.tokens.into_iter().map(|token| TokenWork {
        device: token.device.to_string(),
        device_name: token.device_name,
        token_name: token.token_name,
        serial: token.serial,
        old: token.source.to_string(),
        new: token.target.map(|fingerprint| fingerprint.to_string()),
        what_to_update: token.what_to_update,
    });
    let ids = report.ids.into_iter().map(|(old, new, name)| IdChange {
        old: old.to_string(),
        new: new.to_string(),
        name,
    });
    ReportView {
        run: run.to_owned(),
        html_path: report.html.display().to_string(),
        json_path: report.json.display().to_string(),
        records_written: report.records_written.into(),
        records_removed: report.records_removed.into(),
        devices_created: report.devices_created.into(),
        tokens: tokens.collect(),
        ids: ids.collect(),
        prove_line: report.prove_line,
        exceptions: report.exceptions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> RunRecord {
        let side = |project: &str| Side { connection: "this-computer".into(), project: project.into() };
        RunRecord {
            id: id.into(),
            source: side("a"),
            target: side("b"),
            source_name: "Copy".into(),
            target_name: "Plant".into(),
            begun_at: Time::from_millis(1_795_321_800_000),
            late_commit_ms: 2_000,
            share: None,
            stopped: false,
            reason: None,
        }
    }

    #[test]
    fn what_closing_would_mean_is_one_sentence_with_grouped_digits() {
        assert_eq!(records(0), "0 records");
        assert_eq!(records(1), "1 record");
        assert_eq!(records(999), "999 records");
        assert_eq!(records(45_662), "45,662 records");
        assert_eq!(records(1_234_567), "1,234,567 records");
        assert_eq!(
            safe_to_close(1_000, 0, 1),
            "Safe to close: 1,000 records stored, at most one batch to check again."
        );
        assert_eq!(
            safe_to_close(1_000, 1_400, 0),
            "Safe to close: 1,000 records stored, 1,400 removed and kept, nothing to check again."
        );
    }

    #[test]
    fn while_records_are_sent_no_batch_is_promised_to_have_arrived() {
        let sending = Figures { phase: Phase::Records, batches_open: 0, ..Figures::default() };
        assert_eq!(may_be_open(&sending), 4);
        let paused = Figures { phase: Phase::Paused, batches_open: 0, ..Figures::default() };
        assert_eq!(may_be_open(&paused), 0);
    }

    fn holding(states: &[ActionState]) -> RunStatus {
        let action = |(place, state): (usize, &ActionState)| ActionStatus {
            id: format!("5f2a8e3b9c1d4e{place:010}").parse().unwrap(),
            name: "Alarm".into(),
            state: *state,
            acted: None,
        };
        RunStatus {
            run: "r".into(),
            fingerprint: tago_migrate::Seal::from_text("00"),
            started_at: Time::from_millis(0),
            finished_at: None,
            last_row_at: Time::from_millis(0),
            records_done: 1_000,
            records_total: 2_000,
            records_removed: 0,
            records_to_remove: 0,
            items_done: 1,
            items_total: 2,
            batches_open: 0,
            held: Vec::new(),
            created: Vec::new(),
            awake: Vec::new(),
            actions: states.iter().enumerate().map(action).collect(),
        }
    }

    #[test]
    fn a_run_that_holds_actions_is_not_called_safe_to_close() {
        let record = record("20261122-043000000-00aa");
        let looked = |states: &[ActionState]| Looked {
            status: Ok(holding(states)),
            damaged: false,
            planned_again: false,
            given_up: None,
            proof: None,
            undone: None,
        };
        let told = |states: &[ActionState]| idle_view(&record, &looked(states), None, false).safe_to_close;
        assert!(told(&[ActionState::Released]).starts_with("Safe to close"));
        let two = told(&[ActionState::Held, ActionState::Doubtful, ActionState::Released]);
        assert!(two.contains("But 2 actions of Plant stay switched off"), "{two}");
        let one = told(&[ActionState::Held]);
        assert!(one.contains("But 1 action of Plant stays switched off"), "{one}");
    }

    #[test]
    fn a_run_that_was_stopped_is_over_only_when_it_holds_no_action() {
        let record = RunRecord { stopped: true, ..record("20261122-043000000-00aa") };
        for (state, expected) in [
            (ActionState::Held, RunState::Paused),
            (ActionState::Doubtful, RunState::Paused),
            (ActionState::Released, RunState::Stopped),
        ] {
            let looked = Looked {
                status: Ok(holding(&[state])),
                damaged: false,
                planned_again: false,
                given_up: None,
                proof: None,
                undone: None,
            };
            assert_eq!(looked.state(&record), expected);
            assert_eq!(looked.holds_actions(), expected == RunState::Paused);
        }
    }

    #[test]
    fn a_run_that_was_given_up_is_over_and_says_what_it_leaves() {
        let record = record("20261122-043000000-00aa");
        let status = holding(&[ActionState::LeftOff]);
        let device = "5f2a8e3b9c1d4e0000000001".parse().unwrap();
        let left = LeftBehind {
            at: Time::from_millis(7_000),
            actions: status.actions.clone(),
            tokens: vec![device],
            incomplete: vec![(device, "Truck 1".into())],
            batches_open: 2,
            ..LeftBehind::default()
        };
        let looked = Looked {
            status: Ok(status),
            damaged: false,
            planned_again: false,
            given_up: Some(left),
            proof: None,
            undone: None,
        };
        let view = idle_view(&record, &looked, None, false);
        assert_eq!((view.state, looked.holds_actions()), (RunState::GivenUp, false));
        let line = "This run is over. 1 action of Plant may still be switched off: see below.";
        assert_eq!(view.safe_to_close, line);
        let told = view.given_up.unwrap();
        assert_eq!((told.at, told.batches_in_doubt), (7_000_i64.into(), 2_i64.into()));
        assert_eq!((told.actions, told.tokens), (vec!["Alarm".to_owned()], vec!["Truck 1".to_owned()]));
        assert_eq!(told.incomplete, ["Truck 1"]);
    }

    #[test]
    fn the_run_of_a_newer_version_says_so_whatever_stopped_it_before() {
        let before = UiError::new(ErrorCode::Unreachable, "The target does not answer");
        let record = RunRecord { reason: Some(before), ..record("20261122-043000000-00aa") };
        let looked = Looked {
            status: Err(RunError::Journal(JournalError::Newer).into()),
            damaged: false,
            planned_again: false,
            given_up: None,
            proof: None,
            undone: None,
        };
        let view = idle_view(&record, &looked, None, false);
        assert_eq!((view.state, view.damaged), (RunState::Failed, false));
        assert_eq!(view.reason.unwrap().code, ErrorCode::JournalNewer);
    }

    #[test]
    fn devices_that_are_left_active_are_told_wherever_the_run_is_at_rest() {
        let device = "5f2a8e3b9c1d4e0000000001".parse().unwrap();
        let status = RunStatus { awake: vec![(device, "Truck 1".into())], ..holding(&[]) };
        let left = LeftBehind { awake: status.awake.clone(), ..LeftBehind::default() };
        for (stopped, given_up) in [(false, None), (true, None), (true, Some(left))] {
            let record = RunRecord { stopped, ..record("20261122-043000000-00aa") };
            let looked = Looked {
                status: Ok(status.clone()),
                damaged: false,
                planned_again: false,
                given_up,
                proof: None,
                undone: None,
            };
            let view = idle_view(&record, &looked, None, false);
            assert_eq!(view.awake, ["Truck 1"]);
            let line = &view.safe_to_close;
            assert!(
                line.ends_with("1 device of Plant that was inactive may still be active: see below."),
                "{line}"
            );
            assert!(view.given_up.is_none_or(|told| told.awake == ["Truck 1"]));
        }
    }

    #[test]
    fn waiting_is_told_as_no_failure_and_not_while_the_owner_pauses() {
        let cause = Some("the target to answer again".to_owned());
        let figures = Figures { phase: Phase::Records, waiting_for: cause, ..Figures::default() };
        let told = waiting(&figures).unwrap();
        assert!(told.starts_with("Waiting for the target to answer again. It goes on by itself"), "{told}");
        assert_eq!(waiting(&Figures { phase: Phase::Paused, ..figures }), None);
        assert_eq!(waiting(&Figures::default()), None);
    }

    #[test]
    fn a_run_whose_journal_is_gone_has_failed_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("runs"));
        let record = record("20261122-043000000-00aa");
        let view = idle_view(&record, &files.look(&record), None, false);
        assert_eq!(view.state, RunState::Failed);
        assert!(view.reason.is_some());
    }
}

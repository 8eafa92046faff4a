//! A run that is not under way, as its files tell it.

use tago_api::DeviceId;
use tago_migrate::{
    self as engine, HeldItem, Item, JournalError, LeftBehind, Plan, Proof, Reversal, RunError, RunStatus,
    Stayed, Undone,
};

use super::{RunFiles, RunRecord, actions, closing, empty_view, held, is_damaged, is_planned_again};
use crate::error::{ErrorCode, UiError};
use crate::migration::proof;
use crate::view::{
    GivenUpView, HeldView, ReversalKind, ReversedItem, RunState, RunView, StayedItem, UndoneView,
};

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
    /// A proof was begun and did not come to its end.
    half_proven: bool,
    undone: Option<Undone>,
}

impl Looked {
    /// Nothing but its status.
    fn of(status: Result<RunStatus, UiError>) -> Looked {
        Looked {
            status,
            damaged: false,
            planned_again: false,
            given_up: None,
            proof: None,
            half_proven: false,
            undone: None,
        }
    }

    /// Nothing was found amiss, but it was not looked closely enough to prove anything.
    pub(crate) fn is_only_counted(&self) -> bool {
        self.proof.as_ref().is_some_and(|proof| proof.agrees && !proof.green)
    }

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

impl RunFiles {
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
                return Looked { damaged, planned_again, ..Looked::of(Err(told)) };
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
        let half_proven = engine::is_half_proven(&folder);
        Looked {
            status: Ok(status),
            damaged: planned_again,
            planned_again,
            given_up,
            proof,
            half_proven,
            undone,
        }
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
            let safe_to_close = closing::unreadable(&record.target_name);
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
        safe_to_close: closing::at_rest(
            state,
            status,
            proof.as_ref(),
            looked.given_up.as_ref(),
            looked.undone.as_ref(),
            &record.target_name,
        ),
        proof,
        half_proven: looked.half_proven,
        undone: looked.undone.as_ref().map(undone_view),
        actions: actions(&status.actions),
        awake: names(&status.awake),
        held: status.held.iter().map(held_view).collect(),
        damaged: looked.damaged,
        given_up: looked.given_up.as_ref().map(|left| given_up_view(left, plan)),
        ..nothing
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

#[cfg(test)]
mod tests {
    use tago_api::Time;
    use tago_migrate::{ActionState, ActionStatus};

    use super::*;
    use crate::view::Side;

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
            last_sent_at: None,
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
        let looked = |states: &[ActionState]| Looked::of(Ok(holding(states)));
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
            let looked = Looked::of(Ok(holding(&[state])));
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
        let looked = Looked { given_up: Some(left), ..Looked::of(Ok(status)) };
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
        let looked = Looked::of(Err(RunError::Journal(JournalError::Newer).into()));
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
                half_proven: false,
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
    fn a_run_whose_journal_is_gone_has_failed_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("runs"));
        let record = record("20261122-043000000-00aa");
        let view = idle_view(&record, &files.look(&record), None, false);
        assert_eq!(view.state, RunState::Failed);
        assert!(view.reason.is_some());
    }
}

//! What closing the window would mean for a run, in one sentence.

use tago_api::DeviceId;
use tago_migrate::{Figures, LeftBehind, Phase, RunStatus, Settings, Undone, counted, separated};

use super::held;
use crate::view::{ProofView, RunState};

pub(super) const SAFE_WHILE_UNDOING: &str =
    "Safe to close: what is taken back stays so, and the rest can be gone on with.";

/// For a run that is not under way; `proof` and `left` as far as it has them.
pub(super) fn at_rest(
    state: RunState,
    status: &RunStatus,
    proof: Option<&ProofView>,
    left: Option<&LeftBehind>,
    undone: Option<&Undone>,
    target: &str,
) -> String {
    let agrees = proof.is_some_and(|proof| proof.agrees);
    let said = match (state, held(status)) {
        (RunState::Done, _) => proven(status.records_done, status.records_removed),
        (RunState::DoneWithExceptions, _) if proof.is_some_and(|proof| proof.only_left_out) => {
            "Safe to close. Some records were left out: see below.".to_owned()
        }
        (RunState::DoneWithExceptions, _) if agrees => {
            "Safe to close. Only counts were compared, so nothing is proven: see below.".to_owned()
        }
        (RunState::DoneWithExceptions, _) => {
            "Safe to close. Not everything is as planned: see below.".to_owned()
        }
        (RunState::Undone, _) if undone.is_some_and(leaves_something) => {
            "Safe to close: the run is taken back, except for what is listed below.".to_owned()
        }
        (RunState::Undone, _) => "Safe to close: the run is taken back.".to_owned(),
        (RunState::UndoPaused, 0) => SAFE_WHILE_UNDOING.to_owned(),
        (RunState::UndoPaused, held) => held_while_undoing(held, target),
        (RunState::GivenUp, _) => given_up(left, target),
        (RunState::Stopped, 0) => stopped(status.records_done, status.records_removed, status.batches_open),
        (_, 0) => safe(status.records_done, status.records_removed, status.batches_open),
        (_, held) => held_while_running(held, target),
    };
    with_active(&status.awake, target, said)
}

/// For a run whose journal cannot be read.
pub(super) fn unreadable(target: &str) -> String {
    format!(
        "Nothing is under way. Actions that this run switched off may still be off: look at them in {target}."
    )
}

/// What a run that is done and proven has to say of its records.
fn proven(stored: u64, removed: u64) -> String {
    let stored_are = match stored {
        1 => "1 record is stored".to_owned(),
        stored => format!("all {} are stored", records(stored)),
    };
    let removed_are = format!("{} removed and kept", separated(removed));
    match (stored, removed) {
        (0, 0) => "Safe to close: everything is done and proven.".to_owned(),
        (0, 1) => "Safe to close: 1 record is removed and kept, and that is proven.".to_owned(),
        (0, removed) => {
            format!("Safe to close: {} are removed and kept, and that is proven.", records(removed))
        }
        (_, 0) => format!("Safe to close: {stored_are} and proven."),
        _ => format!("Safe to close: {stored_are}, {removed_are}, and all is proven."),
    }
}

fn leaves_something(undone: &Undone) -> bool {
    !undone.changed_since.is_empty() || !undone.impossible.is_empty()
}

/// Closing the window changes nothing about devices that were left active; their owner is told of them.
fn with_active(awake: &[(DeviceId, String)], target: &str, said: String) -> String {
    match awake.len() {
        0 => said,
        1 => format!("{said} 1 device of {target} that was inactive may still be active: see below."),
        n => format!("{said} {n} devices of {target} that were inactive may still be active: see below."),
    }
}

fn given_up(left: Option<&LeftBehind>, target: &str) -> String {
    match left.map_or(0, |left| left.actions.len()) {
        0 => "Safe to close: this run is over.".to_owned(),
        1 => format!("This run is over. 1 action of {target} may still be switched off: see below."),
        off => format!("This run is over. {off} actions of {target} may still be switched off: see below."),
    }
}

/// How many batches may be on their way by the time somebody has read this: while records are sent, one
/// for each lane, even if none was a moment ago.
pub(super) fn may_be_open(figures: &Figures) -> u64 {
    match figures.phase {
        Phase::Devices | Phase::Records => figures.batches_open.max(Settings::default().lanes as u64),
        _ => figures.batches_open,
    }
}

/// Records are safe, but a closed window leaves these actions switched off.
pub(super) fn held_while_running(held: u64, target: &str) -> String {
    let left = left_off(held, target);
    format!(
        "No record is lost if you close now. But {left} until you open this run again and choose “Resume” or \
         “Switch them on again”."
    )
}

pub(super) fn held_while_undoing(held: u64, target: &str) -> String {
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

pub(super) fn safe(stored: u64, removed: u64, open: u64) -> String {
    let stored = what_is(stored, removed);
    match open {
        0 => format!("Safe to close: {stored}, nothing to check again."),
        1 => format!("Safe to close: {stored}, at most one batch to check again."),
        open => format!("Safe to close: {stored}, at most {open} batches to check again."),
    }
}

/// Nobody goes on with a stopped run, so that it checks nothing again.
fn stopped(stored: u64, removed: u64, open: u64) -> String {
    let what_is = what_is(stored, removed);
    let rehearse = "A new rehearsal shows what is missing.";
    match open {
        0 => format!("Safe to close: {what_is}. {rehearse}"),
        1 => format!("Safe to close: {what_is}. Of one batch nobody knows whether it arrived. {rehearse}"),
        open => {
            format!(
                "Safe to close: {what_is}. Of {open} batches nobody knows whether they arrived. {rehearse}"
            )
        }
    }
}

fn what_is(stored: u64, removed: u64) -> String {
    match removed {
        0 => format!("{} stored", records(stored)),
        removed => format!("{} stored, {} removed and kept", records(stored), separated(removed)),
    }
}

fn records(count: u64) -> String {
    counted(count, "record", "records")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_closing_would_mean_is_one_sentence_with_grouped_digits() {
        assert_eq!(records(0), "0 records");
        assert_eq!(records(1), "1 record");
        assert_eq!(records(999), "999 records");
        assert_eq!(records(45_662), "45,662 records");
        assert_eq!(records(1_234_567), "1,234,567 records");
        assert_eq!(
            safe(1_000, 0, 1),
            "Safe to close: 1,000 records stored, at most one batch to check again."
        );
        assert_eq!(
            safe(1_000, 1_400, 0),
            "Safe to close: 1,000 records stored, 1,400 removed and kept, nothing to check again."
        );
    }

    #[test]
    fn a_stopped_run_promises_no_check() {
        assert_eq!(
            stopped(353, 0, 1),
            "Safe to close: 353 records stored. Of one batch nobody knows whether it arrived. A new rehearsal \
             shows what is missing."
        );
        assert_eq!(
            stopped(353, 2, 0),
            "Safe to close: 353 records stored, 2 removed and kept. A new rehearsal shows what is missing."
        );
    }

    #[test]
    fn a_run_that_is_proven_says_what_it_did_and_no_more() {
        assert_eq!(proven(0, 0), "Safe to close: everything is done and proven.");
        assert_eq!(proven(1, 0), "Safe to close: 1 record is stored and proven.");
        assert_eq!(proven(2_000, 0), "Safe to close: all 2,000 records are stored and proven.");
        assert_eq!(proven(0, 412), "Safe to close: 412 records are removed and kept, and that is proven.");
        assert_eq!(proven(0, 1), "Safe to close: 1 record is removed and kept, and that is proven.");
        assert_eq!(
            proven(9, 1_400),
            "Safe to close: all 9 records are stored, 1,400 removed and kept, and all is proven."
        );
    }

    #[test]
    fn while_records_are_sent_no_batch_is_promised_to_have_arrived() {
        let sending = Figures { phase: Phase::Records, batches_open: 0, ..Figures::default() };
        assert_eq!(may_be_open(&sending), 4);
        let paused = Figures { phase: Phase::Paused, batches_open: 0, ..Figures::default() };
        assert_eq!(may_be_open(&paused), 0);
    }
}

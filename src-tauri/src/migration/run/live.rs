//! A run of this process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tago_migrate::{self as engine, Control, Figures, Phase, RunStatus, Wish};
use tokio::sync::watch;

use super::{RunFiles, RunRecord, actions, closing, empty_view, held, summary};
use crate::app::locked;
use crate::view::{RunState, RunSummary, RunView, Whole};

/// How often a run's journal is looked at for the figures that its progress does not tell.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
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
    pub(in crate::migration) async fn close(&self) {
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
            safe_to_close: {
                let target = &self.record.target_name;
                match figures.actions_held.max(status.map_or(0, held)) {
                    0 if self.undoes => closing::SAFE_WHILE_UNDOING.to_owned(),
                    0 => closing::safe(stored, removed, closing::may_be_open(figures)),
                    held if self.undoes => closing::held_while_undoing(held, target),
                    held => closing::held_while_running(held, target),
                }
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

/// What keeps a run from going on for now, unless the owner does.
pub(in crate::migration) fn waiting(figures: &Figures) -> Option<String> {
    let cause = figures.waiting_for.as_ref().filter(|_| figures.phase != Phase::Paused)?;
    Some(format!("Waiting for {cause}. It goes on by itself; you need do nothing."))
}

#[expect(clippy::cast_possible_truncation, reason = "a rate to read, never beyond a few million")]
fn rate(per_second: f64) -> Whole {
    Whole::from(per_second.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_as_no_failure_and_not_while_the_owner_pauses() {
        let cause = Some("the target to answer again".to_owned());
        let figures = Figures { phase: Phase::Records, waiting_for: cause, ..Figures::default() };
        let told = waiting(&figures).unwrap();
        assert!(told.starts_with("Waiting for the target to answer again. It goes on by itself"), "{told}");
        assert_eq!(waiting(&Figures { phase: Phase::Paused, ..figures }), None);
        assert_eq!(waiting(&Figures::default()), None);
    }
}

//! The storm guard: actions of the target that the run would set off are inactive from before its first
//! write until nothing of it can arrive any more.
//!
//! One request at a time. Each action is looked at before it is switched, so that what somebody else has
//! switched stays as they left it; a write in doubt is looked for once it must have arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use tago_api::ActionId;

use super::{Action, DOUBTS_IN_A_ROW, Route, Setback, Subject, Turn};
use crate::action::{PlatformAction, newer};
use crate::journal::{Left, Row, Was};
use crate::plan::Tripped;
use crate::planted::{Bug, is_planted};
use crate::ports::{PortError, WriteError};
use crate::run::{Ending, Halt, Side};

/// How far this session is with the actions.
#[derive(Default)]
pub(crate) struct Guard {
    stage: Stage,
    /// The actions that are new since the rehearsal are known.
    knows_new: bool,
    /// Held or left alone, as far as this session has made sure of it.
    secured: BTreeSet<ActionId>,
    /// Nothing is asked before then.
    until: Option<Duration>,
    /// Switches in doubt have arrived by then, or never will.
    settled_at: Duration,
    /// What was sent can set nothing off from then on.
    quiet_at: Duration,
    /// A halted session reaches the target after all.
    reached: bool,
    /// A halted session does not reach it: what is held stays held.
    given_up: bool,
}

#[derive(Default, Clone)]
enum Stage {
    #[default]
    Idle,
    Reading,
    /// It waits until nothing can set the action off.
    Ready(Switch),
    Asking(Switch),
    Switching,
}

/// One action, switched on or off; and when it acted last.
#[derive(Clone)]
struct Switch {
    action: ActionId,
    on: bool,
    last_triggered: Option<String>,
}

impl Guard {
    /// When to look again, while the owner lets it, or the session ends.
    pub(super) fn wakes_at(&self, runs: bool, closes: bool) -> Option<Duration> {
        self.until.filter(|_| runs || closes)
    }

    /// What keeps the session from going on.
    pub(super) fn waiting_for(&self, closes: bool) -> Option<String> {
        self.until.map(|_| match closes {
            true => "the last records to arrive, before held actions may act again".to_owned(),
            false => "an action whose switch was not answered".to_owned(),
        })
    }

    pub(super) fn is_releasing(&self, closes: bool) -> bool {
        closes && (self.until.is_some() || self.is_busy())
    }

    /// It asks nothing before some moment.
    pub(super) fn only_waits(&self) -> bool {
        self.until.is_some() && !self.is_busy()
    }

    /// What is to be held waits for the limits, and nothing of it is sent.
    pub(super) fn gives_back(&mut self) {
        if matches!(self.stage, Stage::Asking(Switch { on: false, .. })) {
            self.stage = Stage::Idle;
        }
    }

    fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Reading | Stage::Asking(_) | Stage::Switching)
    }
}

impl Turn<'_> {
    /// What was under way when the last session ended may still arrive, and set off what is held.
    pub(super) fn guard_starts(&mut self, quiet_until: Option<Duration>) {
        let bound = self.moment.elapsed + self.state.config.late_commit_bound;
        self.state.guard.until = quiet_until;
        if self.state.ledger.actions.values().any(|action| action.doubt.is_some()) {
            self.state.guard.settled_at = bound;
        }
        if self.state.ledger.holds_actions() {
            self.state.guard.quiet_at = bound;
        }
    }

    /// Something leaves, or is still on its way, that may set actions off.
    pub(super) fn guard_sends(&mut self) {
        self.state.guard.quiet_at = self.moment.elapsed + self.state.config.late_commit_bound;
    }

    /// Whether every action that the run would set off is held, or left alone. If not, goes on with it.
    pub(super) fn secured(&mut self) -> bool {
        let header = &self.state.plan.header;
        if header.choices.tripped == Tripped::LetFire {
            return true;
        }
        if !self.state.guard.knows_new {
            if !self.guard_waits() {
                self.state.guard.stage = Stage::Reading;
                self.effect(Action::FindActions);
            }
            return false;
        }
        let next = header.actions.iter().map(|action| action.id);
        let next = next.chain(self.state.ledger.met.keys().copied());
        let Some(action) = next.into_iter().find(|action| !self.state.guard.secured.contains(action)) else {
            return true;
        };
        if !self.guard_waits() {
            if self.state.ledger.is_in_doubt(action) && self.moment.elapsed < self.state.guard.settled_at {
                self.state.guard.until = Some(self.state.guard.settled_at);
            } else {
                self.look_at_action(action);
            }
        }
        false
    }

    /// Whether nothing is held any more, or nothing can be done about it now. If not, goes on with it.
    pub(super) fn released(&mut self) -> bool {
        if let Stage::Ready(switch) = self.state.guard.stage.clone() {
            let quiet_at = self.state.guard.quiet_at.max(self.imports_quiet_at());
            if self.moment.elapsed < quiet_at {
                // Until then it may be switched by somebody else, or act: it is looked at once more.
                self.state.guard.until = Some(quiet_at);
                self.state.guard.stage = Stage::Idle;
            } else {
                self.ask_to_switch(switch);
            }
            return false;
        }
        if self.state.guard.is_busy() {
            return false;
        }
        if is_planted(Bug::ReleaseSkippedAfterCrash) && self.state.ledger.sessions > 1 {
            return true;
        }
        let held = self.state.ledger.actions.iter();
        let held = held.filter(|(_, action)| action.held || action.doubt.is_some());
        let Some(action) = held.map(|(action, _)| *action).next() else { return true };
        if self.state.guard.given_up {
            return true;
        }
        if !self.guard_waits() {
            let settled = self.moment.elapsed >= self.state.guard.settled_at;
            // One that cannot be reached is not waited for.
            let unknown = self.is_halted() && !self.state.guard.reached;
            if self.state.ledger.is_in_doubt(action) && !settled && !unknown {
                self.state.guard.until = Some(self.state.guard.settled_at);
            } else {
                self.look_at_action(action);
            }
        }
        false
    }

    /// Time has passed.
    pub(super) fn guard_wakes(&mut self) {
        let guard = &mut self.state.guard;
        guard.until = guard.until.filter(|until| *until > self.moment.elapsed);
    }

    fn guard_waits(&self) -> bool {
        self.state.guard.until.is_some() || self.state.guard.is_busy()
    }

    fn is_halted(&self) -> bool {
        matches!(self.state.closing, Some(Ending::Halted(_)))
    }

    fn look_at_action(&mut self, action: ActionId) {
        self.state.guard.stage = Stage::Reading;
        self.effect(Action::Look { action });
    }

    fn ask_to_switch(&mut self, switch: Switch) {
        self.state.guard.stage = Stage::Asking(switch);
        self.actions.push(Action::Permit(Subject::Guard, Route::Edit));
    }

    pub(super) fn actions_found(&mut self, result: Result<Vec<PlatformAction>, PortError>) {
        self.state.guard.stage = Stage::Idle;
        let found = match result {
            Ok(found) => found,
            // A session that ends holds nothing more.
            Err(_) if !self.may_begin() => return,
            Err(cause) => return self.not_found_out(&cause),
        };
        self.works(Side::Target);
        self.state.guard.reached = true;
        self.state.guard.knows_new = true;
        let new: Vec<Row> = newer::met(&self.state.plan, &self.state.ledger, &found)
            .filter(|action| action.active && !self.state.ledger.met.contains_key(&action.id))
            .map(|action| Row::ActionMet { action: action.id, name: action.name.clone() })
            .collect();
        new.into_iter().for_each(|row| self.journal(row));
    }

    fn not_found_out(&mut self, cause: &PortError) {
        let message = match self.setback(Side::Target, cause) {
            Setback::Again => return,
            Setback::Halt(halt) => return self.halt(halt),
            // It was asked for as long as patience lasts.
            Setback::Later(_) => cause.to_string(),
            Setback::Hold(message) => format!(
                "its actions cannot be read, so none that is new can be held: {message}; use a token that may \
                 read and change actions and go on"
            ),
        };
        self.halt(Halt::Unreachable { side: Side::Target, message });
    }

    pub(super) fn action_read(&mut self, action: ActionId, result: Result<PlatformAction, PortError>) {
        self.state.guard.stage = Stage::Idle;
        let there = match result {
            Ok(there) => there,
            Err(PortError::NotFound { .. }) => return self.leave(action, Left::Gone),
            Err(cause) => return self.guard_failed(action, &cause),
        };
        self.works(Side::Target);
        self.state.guard.reached = true;
        if let Some(switched_on) = self.state.ledger.actions.get(&action).and_then(|action| action.doubt) {
            if self.moment.elapsed < self.state.guard.settled_at {
                return;
            }
            let was = if there.active == switched_on { Was::Found } else { Was::Absent };
            self.journal(outcome(action, switched_on, was));
        }
        let held = self.state.ledger.actions.get(&action).is_some_and(|action| action.held);
        let last_triggered = there.last_triggered;
        match (self.state.closing.is_some(), held, there.active) {
            // Somebody wants it to act.
            (_, true, true) => self.leave(action, Left::SwitchedOn),
            (true, true, false) => {
                self.state.guard.stage = Stage::Ready(Switch { action, on: true, last_triggered });
            }
            (true, false, _) => {}
            (false, true, false) => drop(self.state.guard.secured.insert(action)),
            (false, false, false) => self.leave(action, Left::Inactive),
            (false, false, true) if self.state.ledger.is_left(action, Left::SwitchedOn) => {
                self.state.guard.secured.insert(action);
            }
            (false, false, true) if self.may_begin() => {
                self.ask_to_switch(Switch { action, on: false, last_triggered });
            }
            (false, false, true) => {}
        }
    }

    /// The limits allow it: the row, and then the bytes.
    pub(super) fn switch_action(&mut self) {
        let Stage::Asking(Switch { action, on, last_triggered }) = self.state.guard.stage.clone() else {
            return;
        };
        self.state.guard.stage = Stage::Idle;
        if !on && !self.may_begin() {
            return;
        }
        self.journal(match on {
            true => Row::ReleaseIntent { action, last_triggered },
            false => Row::HoldIntent { action, last_triggered },
        });
        self.state.guard.stage = Stage::Switching;
        self.effect(Action::Switch { action, on });
    }

    pub(super) fn action_switched(&mut self, action: ActionId, result: Result<(), WriteError>) {
        self.state.guard.stage = Stage::Idle;
        let Some(on) = self.state.ledger.actions.get(&action).and_then(|action| action.doubt) else { return };
        match result {
            Ok(()) => {
                self.journal(outcome(action, on, Was::Acknowledged));
                self.works(Side::Target);
                self.state.doubts_in_a_row = 0;
                if !on {
                    self.state.guard.secured.insert(action);
                }
            }
            Err(WriteError::NotReceived(cause)) => {
                self.journal(outcome(action, on, Was::NotReceived));
                match cause {
                    PortError::NotFound { .. } => self.leave(action, Left::Gone),
                    cause => self.guard_failed(action, &cause),
                }
            }
            Err(WriteError::Ambiguous(cause)) => {
                self.journal(outcome(action, on, Was::Doubtful));
                self.state.guard.settled_at = self.moment.elapsed + self.state.config.late_commit_bound;
                self.count_doubt(cause.to_string());
                if self.is_halted() && self.state.doubts_in_a_row > DOUBTS_IN_A_ROW {
                    self.state.guard.given_up = true;
                }
            }
        }
    }

    /// Said once, and not again by a later session that finds the same.
    fn leave(&mut self, action: ActionId, left: Left) {
        self.state.guard.secured.insert(action);
        if !self.state.ledger.is_left(action, left) {
            self.journal(Row::ActionLeft { action, left });
        }
    }

    fn guard_failed(&mut self, action: ActionId, cause: &PortError) {
        let ends = self.is_halted();
        match self.setback(Side::Target, cause) {
            Setback::Again => {}
            _ if ends => self.state.guard.given_up = true,
            Setback::Later(pause) => self.state.guard.until = Some(self.moment.elapsed + pause),
            Setback::Hold(message) => {
                let planned = self.state.plan.header.actions.iter().find(|named| named.id == action);
                let name = planned.map(|named| &named.name).or_else(|| self.state.ledger.met.get(&action));
                let name = name.cloned().unwrap_or_default();
                let message = format!(
                    "the action “{name}” could not be switched: {message}; switch it yourself and go on"
                );
                self.halt(Halt::Unreachable { side: Side::Target, message });
            }
            Setback::Halt(halt) => self.halt(halt),
        }
    }
}

fn outcome(action: ActionId, on: bool, was: Was) -> Row {
    match on {
        true => Row::ReleaseOutcome { action, was },
        false => Row::HoldOutcome { action, was },
    }
}

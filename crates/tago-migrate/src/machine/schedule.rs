//! What begins next, and when the run is over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tago_api::DeviceId;

use super::{Action, Stage, Tidying, Turn};
use crate::journal::Row;
use crate::plan::{Item, Window};
use crate::run::Ending;
use crate::settings::BESIDE_TEXT;

impl Turn<'_> {
    /// Fills the lanes, with different devices as far as there are some.
    pub(super) fn schedule(&mut self) {
        if !self.may_begin() {
            return;
        }
        let now = self.moment.elapsed;
        let awake: Vec<u32> =
            self.state.sleeping.iter().filter(|(_, until)| **until <= now).map(|(item, _)| *item).collect();
        for item in awake {
            self.state.sleeping.remove(&item);
            self.state.waiting.insert(item);
        }
        if self.is_over() || !self.others_are_gone() || !self.secured() {
            return;
        }
        self.probe();
        let plan = Arc::clone(&self.state.plan);
        let device_of = |item: &u32| match &plan.items[*item as usize] {
            Item::Device(device) => device.device,
            Item::Data(data) => data.device,
        };
        let mut busy: BTreeSet<DeviceId> = self.state.active.keys().map(device_of).collect();
        while self.state.active.len() < self.state.config.lanes && self.may_begin() {
            let mut runnable =
                self.state.waiting.iter().filter(|item| self.runnable(**item, &plan.items[**item as usize]));
            let first = runnable.next().copied();
            let chosen = match first {
                Some(item) if !busy.contains(&device_of(&item)) => Some(item),
                _ => runnable.find(|item| !busy.contains(&device_of(item))).copied().or(first),
            };
            let Some(item) = chosen else { break };
            if !self.has_room(&plan.items[item as usize]) {
                break;
            }
            self.state.waiting.remove(&item);
            busy.insert(device_of(&item));
            match &plan.items[item as usize] {
                Item::Device(device) => self.begin_device(item, device),
                Item::Data(data) => {
                    let Some(device) = self.state.ready_device(data.device) else { continue };
                    if data.names.iter().any(|named| self.state.is_named(*named) == Some(false)) {
                        let reason = "its records name a device that was not made";
                        self.hold(item, reason.to_owned());
                        continue;
                    }
                    if self.removes_next(item) {
                        self.remove(item);
                        continue;
                    }
                    if let Some(until) = self.unseen_until(item) {
                        self.state.sleeping.insert(item, until);
                        continue;
                    }
                    if self.look_for_import(item, device) {
                        continue;
                    }
                    self.state.active.insert(item, Stage::Reading);
                    let terms = self.state.terms();
                    self.effect(Action::Read { item, device, terms });
                }
            }
        }
    }

    /// Whether every item is done or held back.
    fn is_over(&self) -> bool {
        let state = &*self.state;
        state.waiting.is_empty() && state.active.is_empty() && state.sleeping.is_empty()
    }

    /// Whether the records of both sides may be held beside those that are.
    fn has_room(&self, item: &Item) -> bool {
        let held = self.state.active.keys().map(|place| size(&self.state.plan.items[*place as usize]));
        let held: u64 = held.sum();
        held == 0 || held + size(item) <= self.state.config.in_flight as u64
    }

    fn runnable(&self, place: u32, item: &Item) -> bool {
        match item {
            Item::Device(_) => true,
            Item::Data(data) => {
                let settled = |named: &DeviceId| self.state.is_named(*named).is_some();
                self.state.ready_device(data.device).is_some()
                    && data.names.iter().all(settled)
                    && self.lane_is_free(place, data)
            }
        }
    }

    /// Ends the session once nothing is under way any more.
    pub(super) fn close(&mut self) {
        if self.state.closing.is_none() && self.is_over() {
            self.state.closing = Some(Ending::Finished);
        }
        let state = &mut *self.state;
        let Some(ending) = state.closing.clone() else { return };
        if state.pending > 0 || state.tidying == Tidying::Busy {
            return;
        }
        match ending {
            Ending::Halted(_) if !self.released() => self.state.tidying = Tidying::No,
            Ending::Halted(halt) => {
                let reason = halt.to_string();
                self.finish(Row::Suspended { reason }, Ending::Halted(halt));
            }
            // Alarms come back as soon as they may, however long the tokens take.
            Ending::Finished | Ending::Stopped if !self.released() => {
                match self.state.tidying {
                    _ if self.state.guard.only_waits() => drop(self.tidied()),
                    // It comes back to this by itself.
                    Tidying::Until(moment) if moment <= self.moment.elapsed => {
                        self.state.tidying = Tidying::No;
                    }
                    _ => {}
                }
            }
            Ending::Finished | Ending::Stopped if !self.tidied() => {}
            Ending::Finished => self.finish(Row::Finished {}, Ending::Finished),
            Ending::Stopped => {
                self.finish(Row::Suspended { reason: "stopped by its owner".into() }, Ending::Stopped);
            }
        }
    }

    /// Removes the run's own tokens, one device after the other. Whether there is nothing left to do.
    fn tidied(&mut self) -> bool {
        let now = self.moment.elapsed;
        let Some(device) = self.state.ledger.tokens.first().copied() else {
            let tidied = self.files_tidied();
            if tidied {
                self.state.tidying = Tidying::No;
            }
            return tidied;
        };
        let settled_at = match self.state.tidying {
            Tidying::Until(moment) => moment.max(self.state.tokens_settled_at),
            _ => self.state.tokens_settled_at,
        };
        if settled_at > now {
            self.state.tidying = Tidying::Until(settled_at);
        } else {
            self.state.tidying = Tidying::Busy;
            self.effect(Action::ListTokens { device });
        }
        false
    }

    pub(super) fn tidy_again_after(&mut self, pause: Duration) {
        self.state.tidying = Tidying::Until(self.moment.elapsed + pause);
    }

    fn finish(&mut self, row: Row, ending: Ending) {
        self.journal(row);
        self.actions.push(Action::Finish(ending));
    }
}

/// Bytes that the records of an item take on both sides, by what the rehearsal saw of them.
pub(crate) fn size(item: &Item) -> u64 {
    let Item::Data(data) = item else { return 0 };
    let sum = |count: fn(&Window) -> u64| data.windows.iter().map(count).sum::<u64>();
    let missing = sum(|window| window.missing.count).max(1);
    let both = sum(|window| window.source.count + window.target.count);
    both * (data.bytes / missing + BESIDE_TEXT as u64)
}

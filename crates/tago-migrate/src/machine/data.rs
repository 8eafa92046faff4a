//! Data items: read both sides, open, send batch after batch, settle what is in doubt.

use std::sync::Arc;

use super::{
    Action, Both, DOUBTS_IN_A_ROW, REFUSALS_IN_A_ROW, Route, Stage, Subject, Sweep, Trouble, Turn, Writer,
};
use crate::batch::Batch;
use crate::journal::{Row, Was};
use crate::load::{self, Changed, Load};
use crate::plan::{DataItem, Item, Policy, Seal};
use crate::planted::{Bug, is_planted};
use crate::ports::{PortError, WriteError};
use crate::replaced::{self, Replaced};
use crate::run::{Halt, Side};

impl Turn<'_> {
    pub(super) fn records_read(&mut self, item: u32, result: Result<Both, Trouble>) {
        let both = match result {
            Ok(both) => both,
            Err((side, cause)) => return self.set_back(item, side, &cause),
        };
        self.works(Side::Source);
        self.works(Side::Target);
        let plan = Arc::clone(&self.state.plan);
        let Item::Data(data) = &plan.items[item as usize] else { return };
        let policy = plan.header.choices.policy;
        let ledger = self.state.ledger.data.get(&item);
        let most_bytes = self.state.ledger.batch_bytes;
        let file_bytes = match ledger.filter(|ledger| !ledger.opened.is_empty()) {
            Some(ledger) => ledger.file_bytes,
            None => self.file_bytes_of(data),
        };
        let bytes = file_bytes.unwrap_or(most_bytes);
        let mut load = None;
        // An earlier reading opened it: others may have written since.
        let is_old = ledger.is_some_and(|ledger| !ledger.opened.is_empty());
        if ledger.is_none_or(|ledger| ledger.opened.is_empty()) {
            let (windows, changed) = load::open(data, policy, &both.source, &both.target);
            for (window, side) in changed {
                let reason = format!("{}; {}", changed_text(side), remedy(policy));
                self.journal(Row::Held { item, window: Some(window), reason });
            }
            if windows.is_empty() {
                return self.data_done(item, data);
            }
            let there = both.target.len() as u64;
            load = Load::new(data, policy, &both.source, &windows, bytes);
            let announced = load.as_ref().map(|load| load.announced(&both.target).to_bytes());
            let written = announced.map(|bytes| self.keep(bytes));
            let surplus = replaced::of(data, &windows, &both);
            let removed = (!surplus.is_empty()).then(|| match Replaced::to_bytes(&surplus) {
                kept if is_planted(Bug::RemovedBeforeKept) => Seal::of(&kept),
                kept => self.keep(kept),
            });
            self.journal(Row::Opened { item, windows, there, written, removed, file_bytes });
            if !surplus.is_empty() {
                self.state.sweeps.insert(item, Sweep::of(&surplus));
            }
            if self.removes_next(item) {
                return self.remove(item);
            }
        }
        let Some(ledger) = self.state.ledger.data.get(&item) else { return };
        let (next, attempted) = (ledger.next, ledger.attempted);
        let there = ledger.there.saturating_sub(ledger.removal.over.unwrap_or(0));
        let (doubt, lacking) = (ledger.doubt, ledger.lacking);
        let sent = attempted.then_some(ledger.batch);
        let load = load
            .or_else(|| Load::new(data, policy, &both.source, &ledger.opened, bytes))
            .filter(|load| load.goes_on(next, ledger.before, sent));
        let (before, whole) = (ledger.before, ledger.batch.count);
        let Some(mut load) = load else {
            let reason = format!("{}; {}", changed_text(Changed::Source), remedy(policy));
            return self.hold(item, reason);
        };
        let is_overtaken = is_old && load.is_overtaken(next + u32::from(attempted), &both.target);
        let overtaken = || format!("{}; {}", changed_text(Changed::Target), remedy(policy));
        if !attempted && is_overtaken {
            return self.hold(item, overtaken());
        }
        if !attempted {
            return self.send_next(item, load);
        }
        let unfinished = self.lacks_of_import(item, &load, next, &both.target);
        if doubt && self.import_goes_on(item, both.target.len() as u64, unfinished) {
            return;
        }
        let remainder = load.remainder(next, &both.target, most_bytes);
        let left = remainder.iter().map(|batch| batch.tally.count).sum();
        // Nothing of this run is on its way: what came since is somebody else's.
        if !doubt && left < lacking {
            return self.hold(item, overtaken());
        }
        if doubt || left != lacking {
            self.journal(Row::Settled { item, batch: next, left });
        }
        // Records of variables that were not chosen are not read.
        let strange = plan.header.choices.variables.is_some()
            || both.target.len() as u64 > there + load.up_to(next) - left;
        let was_imported = self.import_is_over(item);
        let reason = match was_imported {
            true if unfinished > 0 => Some(
                "an import was left half done, and there are records in its times that may be what it made of \
                 the others; compare both sides",
            ),
            false if doubt && self.parses(data) => Some(
                "an answer was lost, and its device's payload parser may have changed the records on arrival, \
                 so what is stored of them cannot be told; compare both sides",
            ),
            _ => None,
        };
        if let Some(reason) = reason.filter(|_| strange && left > 0) {
            return self.hold(item, reason.to_owned());
        }
        if is_overtaken {
            return self.hold(item, overtaken());
        }
        let untouched = left == whole && both.target.len() as u64 == there + before.count;
        if untouched && self.goes_by_file(item) {
            let batch = load.batch(next);
            return self.file(item, load, batch);
        }
        match load.take_first(remainder) {
            Some(first) => self.ask_to_send(item, load, first),
            None => self.send_next(item, load),
        }
    }

    pub(super) fn sent(&mut self, item: u32, result: Result<u64, WriteError>) {
        let Some(Stage::Sending(mut load, batch)) = self.state.active.remove(&item) else { return };
        let number = self.state.ledger.data.get(&item).map_or(0, |ledger| ledger.next);
        let outcome = |was| Row::Outcome { item, batch: number, was };
        match spoilt(result, batch.tally.count) {
            Ok(added) if added == batch.tally.count => {
                self.journal(outcome(Was::Acknowledged));
                self.works(Side::Target);
                self.state.doubts_in_a_row = 0;
                self.state.refusals_in_a_row = 0;
                match load.rest.pop() {
                    Some(next) => {
                        self.part_is_stored(item);
                        self.ask_to_send(item, load, next);
                    }
                    None => self.send_next(item, load),
                }
            }
            Ok(added) => {
                self.journal(outcome(Was::Doubtful));
                self.doubt(item, format!("{added} of {} records were acknowledged", batch.tally.count));
            }
            Err(WriteError::Ambiguous(cause)) => {
                self.journal(outcome(Was::Doubtful));
                self.doubt(item, cause.to_string());
            }
            Err(WriteError::NotReceived(cause)) => {
                self.journal(outcome(Was::NotReceived));
                match cause {
                    PortError::RateLimited { .. } => self.ask_to_send(item, load, batch),
                    PortError::Auth { message } => self.token_refused(item, load, batch, message),
                    cause => self.set_back(item, Side::Target, &cause),
                }
            }
        }
    }

    /// The limits allow it: the row, and then the bytes.
    pub(super) fn send(&mut self, item: u32, load: Load, batch: Batch) {
        let ready = self.target_of(item).and_then(|device| match self.state.writers.get(&device) {
            Some(Writer::Ready(token)) => Some((device, token.clone())),
            _ => None,
        });
        let Some((device, token)) = ready else { return self.ask_to_send(item, load, batch) };
        if !self.may_begin() {
            return self.requeue(item);
        }
        let number = self.state.ledger.data.get(&item).map_or(0, |ledger| ledger.next);
        let rest = load.waiting();
        self.journal(Row::Intent { item, batch: number, tally: batch.tally, rest, file: None });
        self.guard_sends();
        self.effect(Action::Send { item, device, token, batch: batch.clone() });
        self.state.active.insert(item, Stage::Sending(load, batch));
    }

    /// The next batch that was never sent.
    pub(super) fn send_next(&mut self, item: u32, mut load: Load) {
        let next = self.state.ledger.data.get(&item).map_or(0, |ledger| ledger.next);
        if next < load.batches() {
            let batch = load.batch(next);
            if self.goes_by_file(item) {
                return self.file(item, load, batch);
            }
            if self.state.ledger.data.get(&item).is_none_or(|ledger| ledger.file_bytes.is_none()) {
                return self.ask_to_send(item, load, batch);
            }
            let requests = load.split(next, self.state.ledger.batch_bytes);
            let first = load.take_first(requests).unwrap_or(batch);
            return self.ask_to_send(item, load, first);
        }
        if self.state.ledger.data.get(&item).is_some_and(|ledger| ledger.removal.is_due()) {
            return self.remove(item);
        }
        let plan = Arc::clone(&self.state.plan);
        if let Item::Data(data) = &plan.items[item as usize] {
            self.data_done(item, data);
        }
    }

    fn ask_to_send(&mut self, item: u32, load: Load, batch: Batch) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        let Some(device) = self.target_of(item) else { return self.requeue(item) };
        if let Some(Writer::Ready(_)) = self.state.writers.get(&device) {
            self.state.active.insert(item, Stage::WantsToSend(load, batch));
            self.actions.push(Action::Permit(Subject::Item(item), Route::Write));
        } else {
            self.state.active.insert(item, Stage::WantsToken(load, batch));
            self.want_writer(device);
        }
    }

    pub(super) fn data_done(&mut self, item: u32, data: &DataItem) {
        self.state.active.remove(&item);
        self.journal(Row::Done { item });
        self.data_is_over(data.device);
    }

    /// Puts an item aside until whatever it sent has either arrived or never will.
    pub(super) fn doubt(&mut self, item: u32, message: String) {
        self.sleep(item, self.state.config.late_commit_bound);
        // It may arrive as long after the answer was lost, which may be long after it was sent.
        self.guard_sends();
        self.count_doubt(message);
    }

    /// A target that answers reads and loses every write is not asked for ever.
    pub(super) fn count_doubt(&mut self, message: String) {
        self.state.doubts_in_a_row += 1;
        if self.state.doubts_in_a_row > DOUBTS_IN_A_ROW {
            self.halt(Halt::Unreachable { side: Side::Target, message });
        }
    }

    fn token_refused(&mut self, item: u32, load: Load, batch: Batch, message: String) {
        self.state.refusals_in_a_row += 1;
        if let Some(device) = self.target_of(item)
            && let Some(Writer::Ready(token)) = self.state.writers.remove(&device)
        {
            self.state.refused_tokens.insert(token.fingerprint);
        }
        if self.state.refusals_in_a_row > REFUSALS_IN_A_ROW {
            self.requeue(item);
            self.halt(Halt::Auth { side: Side::Target, message });
        } else {
            self.ask_to_send(item, load, batch);
        }
    }

    /// Says of records what to do about them; a device tells by itself what is wrong with it.
    pub(super) fn with_remedy(&self, item: u32, reason: String) -> String {
        match self.state.plan.items.get(item as usize) {
            Some(Item::Data(_)) => {
                let policy = self.state.plan.header.choices.policy;
                format!("{reason}; once that is mended, {}", remedy(policy))
            }
            _ => reason,
        }
    }

    fn parses(&self, data: &DataItem) -> bool {
        let device = self.state.device_items.get(&data.device);
        let item = device.and_then(|place| self.state.plan.items.get(*place as usize));
        matches!(item, Some(Item::Device(device)) if device.parses)
    }

    pub(super) fn target_of(&self, item: u32) -> Option<tago_api::DeviceId> {
        match self.state.plan.items.get(item as usize)? {
            Item::Data(data) => self.state.ready_device(data.device),
            Item::Device(_) => None,
        }
    }
}

/// The answer as it is, but for the mistakes that the simulator plants.
fn spoilt(result: Result<u64, WriteError>, sent: u64) -> Result<u64, WriteError> {
    match result {
        Ok(_) if is_planted(Bug::PartialTakenAsFull) => Ok(sent),
        Err(WriteError::Ambiguous(PortError::Undecodable { .. }))
            if is_planted(Bug::BadJsonTakenAsSuccess) =>
        {
            Ok(sent)
        }
        Err(WriteError::NotReceived(PortError::RateLimited { .. }))
            if is_planted(Bug::TooManyRequestsCountedAsSent) =>
        {
            Ok(sent)
        }
        Err(WriteError::Ambiguous(cause)) if is_planted(Bug::BlindRetry) => {
            Err(WriteError::NotReceived(cause))
        }
        result => result,
    }
}

fn changed_text(changed: Changed) -> &'static str {
    match changed {
        Changed::Source => "its records in the source are not those of the rehearsal any more",
        Changed::Target => "its records in the target are not those of the rehearsal any more",
    }
}

/// What the owner can do about records that were held back.
fn remedy(policy: Policy) -> &'static str {
    match policy {
        Policy::Fill | Policy::Replace => "rehearse again",
        Policy::Append => {
            "rehearse with \"Fill the gaps\", because appending again would double what this run has written"
        }
    }
}

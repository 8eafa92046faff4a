//! What the journal knows: the fold of its rows. A running session and one that reads the journal after a
//! crash come to the same ledger, because both build it here.

use std::collections::{BTreeMap, BTreeSet};

use tago_api::{ActionId, DeviceId};

use crate::device::Token;
use crate::journal::{Filed, Left, Row, Was};
use crate::lane::Spelling;
use crate::load::Opened;
use crate::plan::Seal;
use crate::record::Tally;
use crate::undo::row::UndoLedger;

/// The fold of a journal's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) run: String,
    pub(crate) fingerprint: Option<Seal>,
    pub(crate) batch_bytes: usize,
    pub(crate) devices: BTreeMap<u32, DeviceLedger>,
    pub(crate) data: BTreeMap<u32, DataLedger>,
    /// Devices of the target on which the run may have tokens of its own.
    pub(crate) tokens: BTreeSet<DeviceId>,
    /// So many requests for tokens of each may still be carried out.
    pub(crate) token_doubt: BTreeMap<DeviceId, u32>,
    /// Actions of the target that the run has switched, or left alone.
    pub(crate) actions: BTreeMap<ActionId, ActionLedger>,
    /// Those of them that the rehearsal did not see, or saw otherwise, by name.
    pub(crate) met: BTreeMap<ActionId, String>,
    pub(crate) sessions: u32,
    /// Files, or a throw-away device, of the run may be on the target.
    pub(crate) has_files: bool,
    /// Of its files only the signs of imports are, which may still go on.
    pub(crate) has_signs: bool,
    /// Files of other runs were: what they bring may still be under way.
    pub(crate) others_were_found: bool,
    /// What may travel in files, and else why nothing may; unknown before it was tried.
    pub(crate) probed: Option<Result<Spelling, String>>,
    /// Items that are not carried out.
    pub(crate) held: BTreeSet<u32>,
    /// Whole items (no window) and windows that are not carried out, and why.
    pub(crate) reasons: Vec<(u32, Option<u32>, String)>,
    /// Records that are known to be stored by this run.
    pub(crate) stored: u64,
    /// Records that are known to be removed by it.
    pub(crate) removed: u64,
    pub(crate) finished: bool,
    /// Nobody goes on with it.
    pub(crate) given_up: bool,
    /// How far the run is taken back.
    pub(crate) undo: UndoLedger,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ActionLedger {
    /// The run has switched it off and not on again.
    pub(crate) held: bool,
    /// A switch may be under way: on or off.
    pub(crate) doubt: Option<bool>,
    pub(crate) left: Option<Left>,
    /// How often it was held.
    pub(crate) times: u32,
    /// When it had acted last before it was held.
    pub(crate) before: Option<String>,
    /// Whether it acted while it was held. Unknown before it is looked at.
    pub(crate) acted: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeviceLedger {
    /// The new device.
    pub(crate) made: Option<DeviceId>,
    /// The tag value that finds it.
    pub(crate) marker: Option<String>,
    /// A write to it may be under way.
    pub(crate) doubt: bool,
    /// An edit was begun, so its fields need not be those of the plan any more.
    pub(crate) edited: bool,
    pub(crate) tokens: Vec<Token>,
    /// What it was before the run changed it first.
    pub(crate) former: Option<Seal>,
    /// What it has been by the run's hand, or was to become.
    pub(crate) shapes: BTreeSet<Seal>,
    pub(crate) ready: bool,
    /// It was put to rest before the run was over.
    pub(crate) rested: bool,
    /// `edited` and `rested` before the write that may be under way.
    before: (bool, bool),
    pub(crate) finished: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DataLedger {
    pub(crate) opened: Vec<Opened>,
    /// Records that the target had in the item's times then.
    pub(crate) there: u64,
    /// Names what is kept of the records that are sent.
    pub(crate) written: Option<Seal>,
    /// Batches before this one are stored.
    pub(crate) next: u32,
    /// What is in these.
    pub(crate) before: Tally,
    /// Its batches are as large as this, for they travel in files.
    pub(crate) file_bytes: Option<usize>,
    /// Batch `next` was sent at least once, so some of it may be there.
    pub(crate) attempted: bool,
    /// What is in it, if so.
    pub(crate) batch: Tally,
    /// Batch `next` may still arrive.
    pub(crate) doubt: bool,
    /// An earlier session sent it.
    inherited: bool,
    /// Records from this one on were found by another session than sent them: they need not be the run's.
    unsure_from: Option<u64>,
    /// Records of batch `next` that are not known to be stored.
    pub(crate) lacking: u64,
    /// So many of these are not in the request at hand.
    pub(crate) rest: u64,
    /// Requests of batch `next` were acknowledged since it was looked for last, and need not be seen yet.
    pub(crate) unseen: bool,
    /// The file in which batch `next` may still arrive.
    pub(crate) file: Option<Filed>,
    /// Records that came in files.
    pub(crate) by_file: u64,
    pub(crate) stored: u64,
    pub(crate) removal: Removal,
    pub(crate) done: bool,
}

/// How far the removal of an item's surplus is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Removal {
    /// Names what is kept of the records; none if nothing is removed.
    pub(crate) kept: Option<Seal>,
    /// Runs of these that may be gone by the run's hand.
    pub(crate) of: Vec<(u32, u32)>,
    /// So many of the runs are not of the request that is under way.
    settled: usize,
    under_way: bool,
    /// One before that may still be carried out.
    doubt: bool,
    /// None is left, and so many were removed.
    pub(crate) over: Option<u64>,
}

impl Ledger {
    /// Of all rows of a journal.
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Result<Ledger, String> {
        let mut ledger = Ledger::default();
        for (place, row) in rows.into_iter().enumerate() {
            ledger.apply(row).map_err(|detail| format!("row {}: {detail}", place + 1))?;
        }
        Ok(ledger)
    }

    /// Takes one row in. Rows that cannot follow what was there are refused.
    pub(crate) fn apply(&mut self, row: &Row) -> Result<(), String> {
        match row {
            Row::Begun { run, fingerprint, batch_bytes } => {
                if self.fingerprint.is_some() {
                    return Err("a run begins once".into());
                }
                self.run.clone_from(run);
                self.fingerprint = Some(fingerprint.clone());
                self.batch_bytes = *batch_bytes;
            }
            Row::Session {} => {
                self.sessions += 1;
                self.data.values_mut().for_each(|data| data.inherited = data.doubt);
            }
            Row::Suspended { .. } | Row::FilesRemoval { .. } => {}
            Row::OthersRemoval {} => self.others_were_found = true,
            Row::ActionMet { action, name } => drop(self.met.insert(*action, name.clone())),
            Row::HoldIntent { action, last_triggered } => {
                let entry = self.actions.entry(*action).or_default();
                if entry.held || entry.doubt.is_some() {
                    return Err(format!("action {action} is held twice"));
                }
                entry.doubt = Some(false);
                entry.left = None;
                entry.before.clone_from(last_triggered);
            }
            Row::ReleaseIntent { action, last_triggered } => {
                let entry = self.actions.entry(*action).or_default();
                if !entry.held || entry.doubt.is_some() {
                    return Err(format!("action {action} is released and was not held"));
                }
                entry.doubt = Some(true);
                let acted = entry.before != *last_triggered || entry.acted == Some(true);
                entry.acted = Some(acted);
            }
            Row::HoldOutcome { action, was } => {
                let entry = self.actions.entry(*action).or_default();
                if entry.doubt != Some(false) {
                    return Err(format!("holding action {action} has an outcome and was not begun"));
                }
                entry.settle(*was, true);
            }
            Row::ReleaseOutcome { action, was } => {
                let entry = self.actions.entry(*action).or_default();
                if entry.doubt != Some(true) {
                    return Err(format!("releasing action {action} has an outcome and was not begun"));
                }
                entry.settle(*was, false);
            }
            Row::ActionLeft { action, left } => {
                let entry = self.actions.entry(*action).or_default();
                (entry.held, entry.doubt, entry.left) = (false, None, Some(*left));
            }
            Row::CreateIntent { item, marker } => {
                let device = self.device(*item);
                if device.doubt || device.made.is_some() {
                    return Err(format!("device {item} is made twice"));
                }
                device.marker = Some(marker.clone());
                device.doubt = true;
            }
            Row::CreateOutcome { item, was, device: made } => {
                let device = self.device(*item);
                device.doubt = *was == Was::Doubtful;
                match (was, made) {
                    (Was::Acknowledged | Was::Found, Some(made)) => device.made = Some(*made),
                    (Was::Acknowledged | Was::Found, None) => return Err("a device without an id".into()),
                    _ => {}
                }
            }
            Row::EditIntent { item } => {
                let device = self.device(*item);
                device.begin_edit();
                device.rested = false;
            }
            Row::ParamsIntent { item, .. } => self.device(*item).begin_edit(),
            Row::EditOutcome { item, was } | Row::ParamsOutcome { item, was } => {
                self.device(*item).end_edit(*was);
            }
            Row::Former { item, kept } => self.device(*item).former = Some(kept.clone()),
            Row::Shape { item, seal } => drop(self.device(*item).shapes.insert(seal.clone())),
            Row::DeviceReady { item, tokens } => {
                let device = self.device(*item);
                device.ready = true;
                device.tokens.clone_from(tokens);
            }
            Row::RestIntent { item } => {
                let device = self.device(*item);
                (device.ready, device.doubt) = (false, true);
            }
            Row::Rested { item } => {
                let device = self.device(*item);
                (device.ready, device.doubt, device.rested) = (false, false, true);
            }
            Row::DeviceFinished { item } => self.device(*item).finished = true,
            Row::TokenIntent { device, .. } => {
                self.tokens.insert(*device);
                *self.token_doubt.entry(*device).or_default() += 1;
            }
            Row::TokenOutcome { device, was, .. } => {
                // What is known of this request says nothing about those before it.
                if *was != Was::Doubtful
                    && let Some(open) = self.token_doubt.get_mut(device)
                {
                    *open = open.saturating_sub(1);
                }
            }
            Row::TokensRemoval { .. } => {}
            Row::TokensRemoved { device } => {
                self.tokens.remove(device);
                self.token_doubt.remove(device);
            }
            Row::Opened { item, windows, there, written, removed, file_bytes } => {
                let data = self.data(*item);
                if !data.opened.is_empty() {
                    return Err(format!("item {item} is opened twice"));
                }
                data.opened.clone_from(windows);
                data.there = *there;
                data.written.clone_from(written);
                data.removal.kept.clone_from(removed);
                data.file_bytes = *file_bytes;
            }
            Row::Held { item, window, reason } => {
                if window.is_none() {
                    self.held.insert(*item);
                }
                self.reasons.push((*item, *window, reason.clone()));
            }
            Row::Intent { item, batch, tally, rest, file } => {
                let data = self.data(*item);
                if data.doubt || data.opened.is_empty() || data.next != *batch {
                    return Err(format!("batch {batch} of item {item} is sent out of turn"));
                }
                // Later ones carry what lacks of it.
                if !data.attempted {
                    data.batch = *tally + *rest;
                }
                data.attempted = true;
                (data.doubt, data.inherited) = (true, false);
                data.lacking = tally.count + rest.count;
                data.rest = rest.count;
                data.file.clone_from(file);
            }
            Row::Outcome { item, batch, was } => {
                let data = self.data(*item);
                if !data.doubt || data.next != *batch {
                    return Err(format!("batch {batch} of item {item} has an outcome and was not sent"));
                }
                match was {
                    Was::Acknowledged | Was::Found => {
                        let (news, rest) = (data.settle(data.rest), data.rest);
                        data.unseen = rest > 0;
                        self.stored += news;
                    }
                    Was::NotReceived | Was::Absent => (data.doubt, data.file) = (false, None),
                    Was::Doubtful | Was::Queued => {}
                }
            }
            Row::Settled { item, batch, left } => {
                let data = self.data(*item);
                if !data.attempted || data.next != *batch {
                    return Err(format!("batch {batch} of item {item} is settled and was not sent"));
                }
                // Another run may have been there between two sessions. What came by file has its own time.
                if data.inherited && data.doubt && *left < data.lacking && data.file.is_none() {
                    data.unsure_from.get_or_insert(data.before.count);
                }
                let news = data.settle(*left);
                self.stored += news;
            }
            Row::RemovalIntent { item, of } => {
                let removal = &mut self.data(*item).removal;
                if !removal.is_due() {
                    return Err(format!("records of item {item} are removed that are not kept"));
                }
                removal.doubt |= removal.under_way;
                removal.under_way = true;
                removal.settled = removal.of.len();
                removal.of.extend(of);
            }
            Row::RemovalOutcome { item, was } => {
                let removal = &mut self.data(*item).removal;
                if !removal.under_way {
                    return Err(format!("a removal of item {item} has an outcome and was not begun"));
                }
                removal.under_way = false;
                removal.doubt |= *was == Was::Doubtful;
                if *was == Was::NotReceived {
                    removal.of.truncate(removal.settled);
                }
            }
            Row::Removed { item, records } => {
                let removal = &mut self.data(*item).removal;
                (removal.doubt, removal.under_way, removal.over) = (false, false, Some(*records));
                self.removed += records;
            }
            Row::ProbeIntent { .. } | Row::FileIntent { .. } => self.has_files = true,
            Row::Probed { spelling, reason } => {
                self.probed = Some(spelling.clone().ok_or_else(|| reason.clone()));
            }
            Row::FilesRemoved { importing } => (self.has_files, self.has_signs) = (false, *importing),
            Row::Done { item } => self.data(*item).done = true,
            Row::Finished {} => self.finished = true,
            Row::GivenUp {} => self.given_up = true,
            Row::Undo(row) => self.undo.apply(row)?,
        }
        Ok(())
    }

    pub(crate) fn open_batches(&self) -> u64 {
        self.data.values().filter(|data| data.doubt || data.removal.is_in_doubt()).count() as u64
            + self.devices.values().filter(|device| device.doubt).count() as u64
    }

    /// Whether an action is switched off by the run, or may be.
    pub(crate) fn holds_actions(&self) -> bool {
        self.actions.values().any(|action| action.held || action.doubt.is_some())
    }

    pub(crate) fn is_in_doubt(&self, action: ActionId) -> bool {
        self.actions.get(&action).is_some_and(|action| action.doubt.is_some())
    }

    pub(crate) fn is_left(&self, action: ActionId, left: Left) -> bool {
        self.actions.get(&action).is_some_and(|action| action.left == Some(left))
    }

    fn device(&mut self, item: u32) -> &mut DeviceLedger {
        self.devices.entry(item).or_default()
    }

    fn data(&mut self, item: u32) -> &mut DataLedger {
        self.data.entry(item).or_default()
    }
}

impl ActionLedger {
    fn settle(&mut self, was: Was, held: bool) {
        match was {
            Was::Acknowledged | Was::Found => {
                (self.held, self.doubt) = (held, None);
                self.times += u32::from(held);
            }
            Was::NotReceived | Was::Absent => self.doubt = None,
            Was::Doubtful | Was::Queued => {}
        }
    }
}

impl DeviceLedger {
    fn begin_edit(&mut self) {
        self.before = (self.edited, self.rested);
        (self.doubt, self.edited) = (true, true);
    }

    /// One that certainly did not arrive has changed nothing: who wakes the device meanwhile is somebody else.
    fn end_edit(&mut self, was: Was) {
        self.doubt = was == Was::Doubtful;
        if was == Was::NotReceived {
            (self.edited, self.rested) = self.before;
        }
    }
}

impl Removal {
    /// Whether there is something to be removed that is not known to be gone.
    pub(crate) fn is_due(&self) -> bool {
        self.kept.is_some() && self.over.is_none()
    }

    pub(crate) fn is_begun(&self) -> bool {
        !self.of.is_empty()
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt || self.under_way
    }
}

impl DataLedger {
    /// So many records, from the first, are certainly stored by this run.
    pub(crate) fn certain(&self) -> u64 {
        self.unsure_from.unwrap_or(self.before.count)
    }

    /// All but `left` records of the batch are stored. Answers how many of these are news.
    fn settle(&mut self, left: u64) -> u64 {
        let news = self.lacking.saturating_sub(left);
        self.stored += news;
        self.lacking = left;
        self.doubt = false;
        self.unseen = false;
        if self.file.take().is_some() {
            self.by_file += news;
        }
        if left == 0 {
            self.next += 1;
            self.before += std::mem::take(&mut self.batch);
            self.attempted = false;
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_certainly_did_not_arrive_is_none() {
        let edit = |was| [Row::EditIntent { item: 0 }, Row::EditOutcome { item: 0, was }];
        let edited = |outcomes: &[Was]| {
            let rows: Vec<Row> = outcomes.iter().flat_map(|was| edit(*was)).collect();
            Ledger::of(&rows).unwrap().devices[&0].edited
        };
        assert!(!edited(&[Was::NotReceived, Was::NotReceived]));
        assert!(edited(&[Was::Acknowledged, Was::NotReceived]));
        assert!(edited(&[Was::Doubtful, Was::NotReceived]));
        let unanswered = [Row::EditIntent { item: 0 }];
        let rows: Vec<Row> = unanswered.into_iter().chain(edit(Was::NotReceived)).collect();
        assert!(Ledger::of(&rows).unwrap().devices[&0].edited, "the first may have arrived");
    }
}

//! Records that are removed, because their time range is replaced: by their ids, each looked at a moment
//! before, after all of them were kept whole.
//!
//! A removal by ids may be repeated, so one in doubt needs no waiting: whoever looks again sees what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tago_api::RecordId;

use super::{Action, Route, Stage, Subject, Turn};
use crate::journal::{Row, Was};
use crate::plan::Item;
use crate::ports::{NAMED_LIMIT, PortError, WriteError};
use crate::record::Key;
use crate::replaced::{Replaced, runs};
use crate::run::Side;
use crate::words::{counted, either};

/// What is acknowledged need not have taken effect: it is looked at so often within the late-commit bound.
const LOOKS: u32 = 4;
/// A removal that does not take effect is repeated so often.
const ROUNDS: u32 = 4;

/// How many ids one request names, and whether the target is known to understand as many.
pub(super) struct Selection {
    size: usize,
    is_understood: bool,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection { size: NAMED_LIMIT, is_understood: false }
    }
}

/// One way through all that an item removes.
pub(super) struct Sweep {
    list: Arc<[(RecordId, Key, String)]>,
    /// Where the next request begins, and where it ends.
    place: usize,
    end: usize,
    /// Whether it removes what is there, or only looks.
    removes: bool,
    /// Whether anything was there.
    found: bool,
    /// Places of records that say something else by now.
    changed: BTreeSet<usize>,
    looks: u32,
    /// How often all that was there was removed, as the target says.
    rounds: u32,
}

impl Sweep {
    pub(super) fn of(list: &[Replaced]) -> Sweep {
        Sweep {
            list: list.iter().map(|one| (one.id, one.key, one.variable.clone())).collect(),
            place: 0,
            end: 0,
            removes: true,
            found: false,
            changed: BTreeSet::new(),
            looks: 0,
            rounds: 0,
        }
    }

    fn begin(&mut self, removes: bool) {
        (self.place, self.found, self.removes) = (0, false, removes);
        self.changed.clear();
    }
}

impl Turn<'_> {
    /// Whether an item has something to remove, and nothing else to do before.
    pub(super) fn removes_next(&self, item: u32) -> bool {
        let Some(ledger) = self.state.ledger.data.get(&item) else { return false };
        let is_first =
            matches!(self.state.plan.items.get(item as usize), Some(Item::Data(data)) if data.removes_first);
        ledger.removal.is_due() && (is_first || ledger.removal.is_begun())
    }

    /// Begins to remove, or goes on.
    pub(super) fn remove(&mut self, item: u32) {
        let removal = self.state.ledger.data.get(&item).map(|ledger| &ledger.removal);
        let Some(kept) = removal.and_then(|removal| removal.kept.clone()) else { return self.requeue(item) };
        if !self.may_begin() {
            return self.requeue(item);
        }
        if self.state.sweeps.contains_key(&item) {
            return self.sweep(item);
        }
        self.state.active.insert(item, Stage::Recalling);
        self.effect(Action::Recall { item, kept });
    }

    pub(super) fn recalled(&mut self, item: u32, result: Result<Vec<Replaced>, String>) {
        self.state.active.remove(&item);
        match result {
            Ok(list) => {
                self.state.sweeps.insert(item, Sweep::of(&list));
                self.remove(item);
            }
            Err(why) => {
                let reason = format!("what was kept of the records to be removed cannot be read: {why}");
                let reason = self.with_remedy(item, reason);
                self.hold(item, reason);
            }
        }
    }

    /// Asks about the next of them.
    fn sweep(&mut self, item: u32) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        let size = self.state.selection.size;
        let Some(sweep) = self.state.sweeps.get_mut(&item) else { return self.requeue(item) };
        if sweep.place >= sweep.list.len() {
            return self.swept(item);
        }
        if !self.state.selection.is_understood {
            let nowhere = nowhere(sweep.list[0].0, size);
            return self.ask_for(item, nowhere, Stage::Probing);
        }
        sweep.end = (sweep.place + size).min(sweep.list.len());
        if sweep.removes {
            self.state.active.insert(item, Stage::WantsToRemove);
            self.actions.push(Action::Permit(Subject::Item(item), Route::Remove));
        } else {
            self.look_at_records(item);
        }
    }

    /// The limits allow a removal: what is seen now is removed at once.
    pub(super) fn look_at_records(&mut self, item: u32) {
        let Some(sweep) = self.state.sweeps.get(&item).filter(|_| self.may_begin()) else {
            return self.requeue(item);
        };
        let ids = sweep.list[sweep.place..sweep.end].iter().map(|(id, ..)| *id).collect();
        self.ask_for(item, ids, Stage::Naming);
    }

    fn ask_for(&mut self, item: u32, ids: Vec<RecordId>, stage: Stage) {
        let Some(device) = self.target_of(item) else { return self.requeue(item) };
        let terms = self.state.terms();
        self.state.active.insert(item, stage);
        self.effect(Action::Name { item, device, ids, terms });
    }

    pub(super) fn named(
        &mut self,
        item: u32,
        asked: &[RecordId],
        result: Result<Vec<(Option<RecordId>, Key)>, PortError>,
    ) {
        let stage = self.state.active.remove(&item);
        let there = match result {
            Ok(there) => there,
            Err(cause) => return self.set_back(item, Side::Target, &cause),
        };
        self.works(Side::Target);
        let is_honest = there.iter().all(|(id, _)| id.is_some_and(|id| asked.contains(&id)));
        match (stage, is_honest) {
            (Some(Stage::Probing), true) => {
                self.state.selection.is_understood = true;
                self.sweep(item);
            }
            // Another item may have asked for fewer meanwhile.
            (Some(Stage::Probing), false) if asked.len() > 1 => {
                self.state.selection.size = self.state.selection.size.min(asked.len() / 2);
                self.sweep(item);
            }
            (_, false) => {
                // It would remove others.
                let reason = "the target does not tell records by their ids, so none is removed".to_owned();
                let reason = self.with_remedy(item, reason);
                self.hold(item, reason);
            }
            (_, true) => self.seen(item, &there),
        }
    }

    fn seen(&mut self, item: u32, there: &[(Option<RecordId>, Key)]) {
        let may_begin = self.may_begin();
        let Some(sweep) = self.state.sweeps.get_mut(&item) else { return self.requeue(item) };
        let there: BTreeMap<RecordId, Key> =
            there.iter().filter_map(|(id, key)| Some(((*id)?, *key))).collect();
        let mut same = Vec::new();
        for place in sweep.place..sweep.end {
            let (id, key, _) = &sweep.list[place];
            match there.get(id) {
                Some(now) if now == key => same.push(place),
                Some(_) => drop(sweep.changed.insert(place)),
                None => {}
            }
        }
        sweep.found |= !same.is_empty();
        if same.is_empty() || !sweep.removes {
            sweep.place = sweep.end;
            return self.sweep(item);
        }
        if !may_begin {
            return self.requeue(item);
        }
        let ids: Vec<RecordId> = same.iter().map(|place| sweep.list[*place].0).collect();
        let Some(device) = self.target_of(item) else { return self.requeue(item) };
        let of = runs(same.iter().filter_map(|place| u32::try_from(*place).ok()));
        self.journal(Row::RemovalIntent { item, of });
        self.effect(Action::Remove { item, device, ids });
        self.state.active.insert(item, Stage::Removing);
    }

    pub(super) fn records_removed(&mut self, item: u32, result: Result<(), WriteError>) {
        self.state.active.remove(&item);
        let outcome = |was| Row::RemovalOutcome { item, was };
        match result {
            Ok(()) => {
                self.journal(outcome(Was::Acknowledged));
                self.works(Side::Target);
                self.state.doubts_in_a_row = 0;
                self.go_past(item);
            }
            Err(WriteError::Ambiguous(cause)) => {
                self.journal(outcome(Was::Doubtful));
                self.count_doubt(cause.to_string());
                if let Some(sweep) = self.state.sweeps.get_mut(&item) {
                    sweep.rounds = 0;
                }
                self.go_past(item);
            }
            Err(WriteError::NotReceived(cause)) => {
                self.journal(outcome(Was::NotReceived));
                match cause {
                    PortError::RateLimited { .. } => self.sweep(item),
                    // Whoever looks again sees that they are gone.
                    PortError::NotFound { .. } => self.go_past(item),
                    cause => self.set_back(item, Side::Target, &cause),
                }
            }
        }
    }

    fn go_past(&mut self, item: u32) {
        if let Some(sweep) = self.state.sweeps.get_mut(&item) {
            sweep.place = sweep.end;
        }
        self.sweep(item);
    }

    /// A sweep is over: the next one looks whether all is gone, until it is.
    fn swept(&mut self, item: u32) {
        let pause = self.state.config.late_commit_bound / LOOKS;
        let Some(sweep) = self.state.sweeps.get_mut(&item) else { return self.requeue(item) };
        if !sweep.found {
            return self.all_gone(item);
        }
        if sweep.removes {
            sweep.rounds += 1;
            sweep.looks = 0;
            sweep.begin(false);
            return self.sweep(item);
        }
        sweep.looks += 1;
        if sweep.looks <= LOOKS {
            sweep.begin(false);
            return self.sleep(item, pause);
        }
        if sweep.rounds < ROUNDS {
            sweep.begin(true);
            return self.sweep(item);
        }
        let reason =
            "the target said that it removed these records, and still has them; rehearse again, and if \
                      they stay, ask TagoIO"
                .to_owned();
        self.hold(item, reason);
    }

    fn all_gone(&mut self, item: u32) {
        let plan = Arc::clone(&self.state.plan);
        let (Some(sweep), Some(Item::Data(data))) =
            (self.state.sweeps.remove(&item), plan.items.get(item as usize))
        else {
            return self.requeue(item);
        };
        let records = (sweep.list.len() - sweep.changed.len()) as u64;
        let mut changed: BTreeMap<&str, u64> = BTreeMap::new();
        for place in &sweep.changed {
            *changed.entry(&sweep.list[*place].2).or_default() += 1;
        }
        for (window, place) in data.windows.iter().zip(0_u32..) {
            if let Some(records) = changed.get(window.variable.as_str()) {
                let reason = format!(
                    "somebody has changed {} to be removed, so {}; rehearse again to decide about {}",
                    counted(*records, "record", "records"),
                    either(*records, "it stays", "they stay"),
                    either(*records, "it", "them")
                );
                self.journal(Row::Held { item, window: Some(place), reason });
            }
        }
        self.journal(Row::Removed { item, records });
        if data.removes_first {
            self.requeue(item);
        } else {
            self.data_done(item, data);
        }
    }
}

/// Ids that no record has: a target that does not know the selection answers with others.
pub(crate) fn nowhere(like: RecordId, count: usize) -> Vec<RecordId> {
    let other = |number: usize| {
        let mut id = *like.as_bytes();
        id[..4].copy_from_slice(&[0xff; 4]);
        id[8..].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
        RecordId::from_bytes(id)
    };
    (0..count).map(other).collect()
}

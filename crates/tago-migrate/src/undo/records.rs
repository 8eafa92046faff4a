//! Records: which of the target's the run wrote, and how they are removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tago_api::{DeviceId, RecordId, Time};

use super::effect::Did;
use super::row::{Kept, UndoRow};
use super::{Break, Undo, effect};
use crate::announced::{Announced, ids, ids_to_bytes};
use crate::journal::{Journal, Row, Stays};
use crate::load::{Parcel, Parcels};
use crate::machine::Route;
use crate::machine::ledger::DataLedger;
use crate::plan::{DataItem, Item};
use crate::ports::{NAMED_LIMIT, PortError};
use crate::record::{Key, Record};
use crate::run::Side;

/// A removal that does not take effect is repeated so often.
const ROUNDS: u32 = 4;
/// How exactly it is known what time it is on the platform.
const TOLD_TO: Duration = Duration::from_secs(1);

/// How many records one request names, and whether the target is known to understand as many.
pub(super) struct Batches {
    size: usize,
    is_understood: bool,
}

impl Default for Batches {
    fn default() -> Batches {
        Batches { size: NAMED_LIMIT, is_understood: false }
    }
}

/// The records of one item that the run wrote, as far as they were found.
struct Ours {
    device: DeviceId,
    /// What the run wrote under each of these names.
    keys: BTreeMap<RecordId, Key>,
    /// Records of the run that nobody could name.
    lost: u64,
    /// Records in the item's times that are neither the run's nor were there before.
    strangers: u64,
    /// Moments of records that say what the run sent, but came when nothing of it could come any more.
    later: Vec<Time>,
}

/// What is there of them now.
#[derive(Default)]
struct Seen {
    /// As the run wrote them.
    same: Vec<RecordId>,
    /// Moments of those that say something else by now.
    changed: Vec<Time>,
    absent: Vec<RecordId>,
}

/// An item whose records are not yet known to be gone.
struct Open {
    item: u32,
    ours: Ours,
    /// Records that somebody gave another time.
    moved: BTreeMap<RecordId, Time>,
    /// How often all of them that were there were removed, as the target says.
    rounds: u32,
    /// Why no more of them are removed.
    refused: Option<String>,
}

impl DataLedger {
    /// Records that may be there by the run's hand.
    pub(super) fn claimed(&self) -> u64 {
        let may_have_arrived = self.attempted && (self.doubt || self.lacking < self.batch.count);
        self.before.count + if may_have_arrived { self.batch.count } else { 0 }
    }
}

impl<'a> Undo<'a> {
    /// Makes durable which records of a device the run wrote.
    pub(super) async fn list_device(&mut self, place: u32, journal: &mut dyn Journal) -> Result<(), Break> {
        for item in self.written_to(place) {
            if self.is_over(item) || self.ledger.undo.listed.contains_key(&item) {
                continue;
            }
            self.watch.pass().await?;
            let Some((device, data)) = self.place_of(item) else {
                self.over(item, 0, Vec::new(), journal)?;
                continue;
            };
            let announced = match self.announced(item) {
                Ok(announced) => announced,
                Err(reason) => {
                    let kept = vec![Kept::whole(Stays::Impossible, reason)];
                    self.over(item, 0, kept, journal)?;
                    continue;
                }
            };
            let there = match self.there(device, data).await? {
                Ok(there) => there,
                Err(reason) => {
                    let kept = vec![Kept::whole(Stays::Impossible, reason)];
                    self.over(item, 0, kept, journal)?;
                    continue;
                }
            };
            let listed = self.listed(item, device, &announced, &there).await?;
            let seal =
                self.keep.keep(&ids_to_bytes(&listed)).map_err(crate::journal::JournalError::Folder)?;
            self.journal(journal, Row::Undo(UndoRow::Listed { item, ids: seal }))?;
        }
        Ok(())
    }

    /// How many records of a device are the run's and as it wrote them, and whether all of its are.
    pub(super) async fn own_records(&mut self, place: u32) -> Result<(u64, bool), Break> {
        let (mut own, mut whole) = (0, true);
        for item in self.written_to(place) {
            match self.ours(item).await? {
                Some(ours) => {
                    let (seen, _) = self.look(item, &ours).await?;
                    own += seen.same.len() as u64;
                    whole &= seen.changed.is_empty();
                }
                None => whole = false,
            }
        }
        Ok((own, whole))
    }

    /// Removes what is left of all items.
    pub(super) async fn remove_records(&mut self, journal: &mut dyn Journal) -> Result<(), Break> {
        let mut open = Vec::new();
        for (item, _) in self.written() {
            if self.is_over(item) {
                continue;
            }
            match self.ours(item).await? {
                Some(ours) => {
                    let moved = self.moved(item, &ours).await?;
                    let refused = self.is_immutable(item);
                    let mut part = Open { item, ours, moved, rounds: 0, refused };
                    self.sweep(&mut part, journal).await?;
                    if !self.is_settled(&part, journal).await? {
                        open.push(part);
                    }
                }
                None => {
                    let reason = "the list of the records that the run wrote is damaged or gone";
                    self.over(item, 0, vec![Kept::whole(Stays::Impossible, reason)], journal)?;
                }
            }
        }
        while !open.is_empty() {
            // What was acknowledged need not have taken effect yet.
            self.wait_until_shown().await?;
            let mut left = Vec::new();
            for mut part in open {
                if part.rounds >= ROUNDS {
                    part.refused =
                        Some("the target acknowledges the removal and keeps the records".to_owned());
                }
                self.sweep(&mut part, journal).await?;
                if !self.is_settled(&part, journal).await? {
                    left.push(part);
                }
            }
            open = left;
        }
        Ok(())
    }

    /// Reads an item's records and removes those that are as the run wrote them.
    async fn sweep(&mut self, part: &mut Open, journal: &mut dyn Journal) -> Result<(), Break> {
        if part.refused.is_some() {
            return Ok(());
        }
        part.rounds += 1;
        let (seen, _) = self.look(part.item, &part.ours).await?;
        let mut rest = seen.same.as_slice();
        while !rest.is_empty() {
            let understood = self.understood(part.ours.device, rest).await?;
            let (batch, later) = rest.split_at(understood.unwrap_or(0).min(rest.len()));
            let batch = if understood.is_some() { self.still_ours(part, batch).await? } else { None };
            let Some(batch) = batch else {
                part.refused = Some("the target does not tell records by their ids".to_owned());
                return Ok(());
            };
            if batch.is_empty() {
                rest = later;
                continue;
            }
            if !self.is_fresh(Route::Remove).await? {
                continue;
            }
            let (target, device) = (self.target, part.ours.device);
            let removal = || target.remove_records(device, &batch);
            match self.change(part.item, None, Route::Remove, journal, removal).await? {
                Did::Again => {}
                Did::Done => rest = later,
                Did::Doubtful => {
                    rest = later;
                    part.rounds = 0;
                }
                Did::Refused(message) => {
                    part.refused = Some(format!("the target refuses to remove them: {message}"));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Those of a batch that are, at this moment and by the selection that will remove them, what the run
    /// wrote. `None` if the target does not tell records by their ids.
    async fn still_ours(&self, part: &Open, batch: &[RecordId]) -> Result<Option<Vec<RecordId>>, Break> {
        let named = self.named(part.ours.device, batch).await?;
        if !is_honest(batch, &named) {
            return Ok(None);
        }
        let is_same = |record: &&Record| {
            record.id.and_then(|id| part.ours.keys.get(&id)).is_some_and(|key| *key == self.key(record))
        };
        Ok(Some(named.iter().filter(is_same).filter_map(|record| record.id).collect()))
    }

    /// Ends an item of which nothing is left to remove.
    async fn is_settled(&mut self, part: &Open, journal: &mut dyn Journal) -> Result<bool, Break> {
        let (seen, between) = self.look(part.item, &part.ours).await?;
        if !seen.same.is_empty() && part.refused.is_none() {
            return Ok(false);
        }
        let mut kept = Vec::new();
        if let Some(reason) = part.refused.clone().filter(|_| !seen.same.is_empty()) {
            let records = seen.same.len() as u64;
            kept.push(Kept { why: Stays::Impossible, reason, records, between });
        }
        let changed: Vec<Time> = seen.changed.iter().chain(part.moved.values()).copied().collect();
        if let (Some(first), Some(last)) = (changed.iter().min(), changed.iter().max()) {
            kept.push(Kept {
                why: Stays::ChangedSince,
                reason: "somebody changed these records since".to_owned(),
                records: changed.len() as u64,
                between: Some((*first, *last)),
            });
        }
        let lost = part.ours.lost.min(part.ours.strangers);
        if lost > 0 {
            let data = self.place_of(part.item).map(|(_, data)| (data.from, data.to));
            kept.push(Kept {
                why: Stays::ChangedSince,
                reason: "records of the run are not there as it wrote them, and others are in their place"
                    .to_owned(),
                records: lost,
                between: data,
            });
        }
        if let (Some(first), Some(last)) = (part.ours.later.iter().min(), part.ours.later.iter().max()) {
            kept.push(Kept {
                why: Stays::ChangedSince,
                reason:
                    "they say what the run sent and got no answer for, but came later than it could have \
                         brought them"
                        .to_owned(),
                records: part.ours.later.len() as u64,
                between: Some((*first, *last)),
            });
        }
        let removed = seen.absent.iter().filter(|id| !part.moved.contains_key(id)).count();
        self.over(part.item, removed as u64, kept, journal)?;
        Ok(true)
    }

    /// Records that are not in the item's times any more and not gone either.
    async fn moved(&self, item: u32, ours: &Ours) -> Result<BTreeMap<RecordId, Time>, Break> {
        let (seen, _) = self.look(item, ours).await?;
        let mut moved = BTreeMap::new();
        for batch in seen.absent.chunks(self.batches.size) {
            let named = self.named(ours.device, batch).await?;
            let is_other = |record: &&Record| {
                record.id.and_then(|id| ours.keys.get(&id)).is_some_and(|key| *key != self.key(record))
            };
            moved.extend(named.iter().filter(is_other).filter_map(|record| Some((record.id?, record.time))));
        }
        Ok(moved)
    }

    /// What of an item's records is there now, and the first and last moment of those as they were written.
    async fn look(&self, item: u32, ours: &Ours) -> Result<(Seen, Option<(Time, Time)>), Break> {
        let mut seen = Seen::default();
        let mut between: Option<(Time, Time)> = None;
        let Some((device, data)) = self.place_of(item) else { return Ok((seen, None)) };
        let there = self.there(device, data).await?.unwrap_or_default();
        let there: BTreeMap<RecordId, &Parcel> =
            there.iter().filter_map(|parcel| Some((parcel.id?, parcel))).collect();
        for (id, key) in &ours.keys {
            match there.get(id) {
                Some(parcel) if parcel.key == *key => {
                    let (first, last) = between.unwrap_or((parcel.time, parcel.time));
                    between = Some((first.min(parcel.time), last.max(parcel.time)));
                    seen.same.push(*id);
                }
                Some(parcel) => seen.changed.push(parcel.time),
                None => seen.absent.push(*id),
            }
        }
        Ok((seen, between))
    }

    /// The records of an item that the run wrote; `None` if what is kept of them cannot be read.
    async fn ours(&self, item: u32) -> Result<Option<Ours>, Break> {
        let (Some((device, data)), Ok(announced)) = (self.place_of(item), self.announced(item)) else {
            return Ok(None);
        };
        let seal = self.ledger.undo.listed.get(&item);
        let listed = seal.and_then(|seal| self.keep.kept(seal).ok()).and_then(|bytes| ids(&bytes));
        let Some(listed) = listed.filter(|listed| listed.len() == announced.keys.len()) else {
            return Ok(None);
        };
        let named = listed.iter().zip(&announced.keys).filter_map(|(id, key)| Some(((*id)?, *key)));
        let keys: BTreeMap<RecordId, Key> = named.collect();
        let settled = self.ledger.data.get(&item).map_or(0, DataLedger::certain);
        let lost = settled.saturating_sub(keys.len() as u64);
        let mut strangers = 0;
        if lost > 0
            && let Ok(there) = self.there(device, data).await?
        {
            let before = self.ledger.data.get(&item).map_or(0, |data| data.there);
            let own =
                there.iter().filter(|parcel| parcel.id.is_some_and(|id| keys.contains_key(&id))).count();
            strangers = (there.len() as u64).saturating_sub(before + own as u64);
        }
        let settled = usize::try_from(settled).unwrap_or(usize::MAX);
        let unsure = listed.iter().zip(&announced.keys).skip(settled).filter(|(id, _)| id.is_none());
        let mut unsure: BTreeMap<Key, usize> = unsure.fold(BTreeMap::new(), |mut unsure, (_, key)| {
            *unsure.entry(*key).or_default() += 1;
            unsure
        });
        let mut later = Vec::new();
        if !unsure.is_empty()
            && let Ok(there) = self.there(device, data).await?
        {
            let is_other = |id: &RecordId| !keys.contains_key(id) && !announced.twins.contains(id);
            for parcel in there.iter().filter(|parcel| parcel.id.as_ref().is_some_and(is_other)) {
                if let Some(left) = unsure.get_mut(&parcel.key).filter(|left| **left > 0) {
                    *left -= 1;
                    later.push(parcel.time);
                }
            }
        }
        Ok(Some(Ours { device, keys, lost, strangers, later }))
    }

    /// What was announced of an item and may have been sent.
    fn announced(&self, item: u32) -> Result<Announced, String> {
        let data = self.ledger.data.get(&item);
        let seal = data.and_then(|data| data.written.as_ref());
        let seal = seal.ok_or("the run kept no list of the records that it wrote")?;
        let kept = self
            .keep
            .kept(seal)
            .map_err(|error| format!("the list of the records that the run wrote cannot be read: {error}"))?;
        let mut announced =
            Announced::from_bytes(&kept).ok_or("the list of the records that the run wrote is damaged")?;
        let claimed = data.map_or(0, DataLedger::claimed);
        announced.keys.truncate(usize::try_from(claimed).unwrap_or(usize::MAX));
        Ok(announced)
    }

    /// A name for each record that was announced. Of records that say the same, never one that was there
    /// before, never more than were sent, and the oldest: all of them are equal, but another run may have
    /// written the others and be taken back too. None that came when nothing of the run could come any more:
    /// what it wrote may be gone, and another run have filled that in.
    async fn listed(
        &mut self,
        item: u32,
        device: DeviceId,
        announced: &Announced,
        there: &Parcels,
    ) -> Result<Vec<Option<RecordId>>, Break> {
        let mut known = self.names.as_ref().map(|names| names.read(item)).unwrap_or_default();
        let settled = self.ledger.data.get(&item).map_or(0, DataLedger::certain);
        let settled = usize::try_from(settled).unwrap_or(usize::MAX);
        // A proof may have read what another run had written by then.
        known.truncate(settled);
        self.forget_dead(device, &mut known, there).await?;
        let (mut listed, crowded) = announced.named(&known, settled, there);
        let bound = self.settings.late_commit_bound + TOLD_TO;
        let latest = self.sent.get(&item).map(|sent| *sent + bound);
        let all = listed.iter().flatten().chain(crowded.values().flatten());
        let all: Vec<RecordId> = all.copied().collect();
        self.understood(device, &all).await?;
        let ages = self.ages(device, &all).await?;
        let is_late = |at: Time, latest: Time| at > latest && !self.came_back(at);
        for name in &mut listed {
            let at = name.as_ref().and_then(|id| ages.get(id).copied().flatten());
            *name = name.filter(|_| !at.zip(latest).is_some_and(|(at, latest)| is_late(at, latest)));
        }
        for (key, equal) in crowded {
            let mut oldest: Vec<(Option<Time>, RecordId)> =
                equal.iter().filter_map(|id| Some((*ages.get(id)?, *id))).collect();
            oldest.sort_unstable();
            let mut oldest = oldest.into_iter();
            let of_key = (0..).zip(announced.keys.iter().zip(&mut listed));
            for (place, (_, name)) in of_key.filter(|(_, (other, name))| **other == key && name.is_none()) {
                let could_come = |(at, _): &(Option<Time>, RecordId)| {
                    at.zip(latest).map_or(place < settled, |(at, latest)| !is_late(at, latest))
                };
                *name = oldest.next().filter(could_come).map(|(_, id)| id);
            }
        }
        Ok(listed)
    }

    /// What was removed and written again since, as an undo does, has another name now.
    async fn forget_dead(
        &mut self,
        device: DeviceId,
        known: &mut [Option<RecordId>],
        there: &Parcels,
    ) -> Result<(), Break> {
        let there: BTreeSet<RecordId> = there.iter().filter_map(|parcel| parcel.id).collect();
        let missing: Vec<RecordId> =
            known.iter().flatten().filter(|id| !there.contains(id)).copied().collect();
        self.understood(device, &missing).await?;
        // Somebody may have given one another time.
        let elsewhere = self.ages(device, &missing).await?;
        let lives = |id: &RecordId| there.contains(id) || elsewhere.contains_key(id);
        for name in known {
            *name = name.filter(lives);
        }
        Ok(())
    }

    /// When each of these records came, by the platform's clock.
    async fn ages(
        &self,
        device: DeviceId,
        records: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Option<Time>>, Break> {
        let mut ages = BTreeMap::new();
        for batch in records.chunks(self.batches.size) {
            let target = self.target;
            let found = self.ask(Route::Read, || target.records_named(device, batch)).await?;
            ages.extend(
                found.unwrap_or_default().into_iter().filter_map(|(record, at)| Some((record.id?, at))),
            );
        }
        Ok(ages)
    }

    /// How many ids the target understands at once. One that does not know such a selection, or loses its way
    /// in a long one, answers with others, and would remove others: so it is asked for records that there are
    /// none of first.
    pub(super) async fn understood(
        &mut self,
        device: DeviceId,
        some: &[RecordId],
    ) -> Result<Option<usize>, Break> {
        let Some(some) = some.first() else { return Ok(Some(self.batches.size)) };
        while !self.batches.is_understood {
            let other = |number: usize| {
                let mut id = *some.as_bytes();
                id[..4].copy_from_slice(&[0xff; 4]);
                id[8..].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
                RecordId::from_bytes(id)
            };
            let nowhere: Vec<RecordId> = (0..self.batches.size).map(other).collect();
            let answered = self.named(device, &nowhere).await?;
            match self.batches.size {
                _ if is_honest(&nowhere, &answered) => self.batches.is_understood = true,
                1 => return Ok(None),
                size => self.batches.size = size / 2,
            }
        }
        Ok(Some(self.batches.size))
    }

    fn key(&self, record: &Record) -> Key {
        self.terms.key(Side::Target, record)
    }

    pub(super) async fn named(&self, device: DeviceId, ids: &[RecordId]) -> Result<Vec<Record>, Break> {
        let target = self.target;
        let found = self.ask(Route::Read, || target.records_named(device, ids)).await?;
        Ok(found.unwrap_or_default().into_iter().map(|(record, _)| record).collect())
    }

    /// The target's records in an item's times; the inner error if they cannot be compared.
    async fn there(&self, device: DeviceId, data: &DataItem) -> Result<Result<Parcels, String>, Break> {
        let range = self.range_of(data);
        match self.watch.unless_stopped(self.reader().range(device, &range)).await? {
            Ok(records) => Ok(Ok(Parcels::of(Side::Target, records, &self.terms))),
            Err(PortError::NotFound { .. }) => Ok(Ok(Parcels::default())),
            Err(PortError::Refused { message }) => Ok(Err(message)),
            Err(cause) => Err(effect::halt(cause)),
        }
    }

    /// The device of the target that an item's records went to.
    pub(super) fn place_of(&self, item: u32) -> Option<(DeviceId, &'a DataItem)> {
        let Some(Item::Data(data)) = self.plan.items.get(item as usize) else { return None };
        let place = self.place_of_device(data.device)?;
        let target = self.device_item(place)?.target.or_else(|| self.made(place))?;
        Some((target, data))
    }

    pub(super) fn place_of_device(&self, device: DeviceId) -> Option<u32> {
        let places = (0_u32..).zip(&self.plan.items);
        let mut found =
            places.filter(|(_, item)| matches!(item, Item::Device(item) if item.device == device));
        found.next().map(|(place, _)| place)
    }

    fn is_immutable(&self, item: u32) -> Option<String> {
        let Some(Item::Data(data)) = self.plan.items.get(item as usize) else { return None };
        let device = self.place_of_device(data.device).and_then(|place| self.device_item(place))?;
        (device.kind == "immutable")
            .then(|| "the platform removes no single record of an immutable device".to_owned())
    }
}

/// Whether an answer holds nothing that was not asked for.
fn is_honest(asked: &[RecordId], answered: &[Record]) -> bool {
    let asked: BTreeSet<RecordId> = asked.iter().copied().collect();
    answered.iter().all(|record| record.id.is_some_and(|id| asked.contains(&id)))
}

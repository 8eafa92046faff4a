//! Records that the run removed are written again from what it kept of them.
//!
//! That is a run of its own, with all that a run knows of lost answers, limits, tokens and alarms: what was
//! kept is its source, its plan appends it, and its rows are wrapped into those of the undo.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use tago_api::{DeviceId, RecordId, Time};

use super::row::{Back, Kept, UndoRow};
use super::{Break, Undo};
use crate::device::{Device, Named, Param, Token};
use crate::inside::Terms;
use crate::journal::{Journal, JournalError, Row, Stays};
use crate::keep::Keep;
use crate::load::Parcels;
use crate::machine::ledger::{DataLedger, Ledger};
use crate::machine::{Route, State};
use crate::plan::{Choices, DataItem, DeviceItem, Header, Inside, Item, Plan, Policy, Seal, Verdict, Window};
use crate::ports::{Identity, Order, PortError, Range, Source};
use crate::progress::{Figures, Progress};
use crate::record::{Key, Record, Tally};
use crate::rehearse::MUTABLE_RECORDS;
use crate::replaced::{Replaced, times};
use crate::run::drive::{World, drive};
use crate::run::{Ending, Side, config};
use crate::settings::Env;

/// What the target holds of each variable of an item.
type There = BTreeMap<u32, BTreeMap<String, Tally>>;

/// What others change just then is planned anew so often.
const TIMES: u32 = 4;

impl Undo<'_> {
    /// Makes durable which of the records that were kept are gone by the run's hand.
    pub(super) async fn list_removed(&mut self, journal: &mut dyn Journal) -> Result<(), Break> {
        let begun = self.ledger.data.iter().filter(|(_, data)| data.removal.is_begun());
        let begun: Vec<u32> = begun.map(|(item, _)| *item).collect();
        for item in begun {
            let undo = &self.ledger.undo;
            if undo.returning.contains_key(&item) || undo.written_back.contains_key(&item) {
                continue;
            }
            self.watch.pass().await?;
            let gone = match self.gone(item).await? {
                Ok(gone) => gone,
                Err(reason) => {
                    let kept = vec![Kept::whole(Stays::Impossible, reason)];
                    let row = UndoRow::WrittenBack { item, records: 0, rest: None, kept };
                    self.journal(journal, Row::Undo(row))?;
                    continue;
                }
            };
            let row = if gone.is_empty() {
                UndoRow::WrittenBack { item, records: 0, rest: None, kept: Vec::new() }
            } else {
                UndoRow::Returning { item, kept: self.keep_whole(&gone)? }
            };
            self.journal(journal, Row::Undo(row))?;
        }
        Ok(())
    }

    /// Those of an item's records that were to be removed and are not there; the inner error if nobody can
    /// tell.
    async fn gone(&mut self, item: u32) -> Result<Result<Vec<Replaced>, String>, Break> {
        let Some((device, _)) = self.place_of(item) else { return Ok(Ok(Vec::new())) };
        let Some(removal) = self.ledger.data.get(&item).map(|data| &data.removal) else {
            return Ok(Ok(Vec::new()));
        };
        let kept = removal.kept.clone().map(|seal| self.replaced(&seal));
        let list = match kept {
            Some(Ok(list)) => list,
            Some(Err(why)) => return Ok(Err(why)),
            None => {
                return Ok(Err(
                    "what was kept of the removed records is gone from the run's folder".to_owned()
                ));
            }
        };
        let places = removal.of.iter().flat_map(|(first, length)| *first..first + length);
        let places: BTreeSet<usize> = places.filter_map(|place| usize::try_from(place).ok()).collect();
        let named: Vec<RecordId> = places.iter().filter_map(|place| Some(list.get(*place)?.id)).collect();
        let Some(size) = self.understood(device, &named).await? else {
            return Ok(Err("the target does not tell records by their ids".to_owned()));
        };
        let mut there: BTreeSet<RecordId> = BTreeSet::new();
        for batch in named.chunks(size) {
            there.extend(self.named(device, batch).await?.into_iter().filter_map(|record| record.id));
        }
        let (mut gone, mut stay) = (Vec::new(), Vec::new());
        for (place, one) in list.into_iter().enumerate() {
            let is_gone = places.contains(&place) && !there.contains(&one.id);
            if is_gone { gone.push(one) } else { stay.push(one.key) }
        }
        let stay = times(stay);
        gone.iter_mut().for_each(|one| one.stays += stay.get(&one.key).copied().unwrap_or_default());
        Ok(Ok(gone))
    }

    fn replaced(&self, seal: &Seal) -> Result<Vec<Replaced>, String> {
        let read = self.keep.kept(seal).and_then(|bytes| Replaced::from_bytes(&bytes));
        read.map_err(|error| {
            format!("what was kept of the records that the run removed cannot be read: {error}")
        })
    }

    fn keep_whole(&self, records: &[Replaced]) -> Result<Seal, JournalError> {
        self.keep.keep(&Replaced::to_bytes(records)).map_err(JournalError::Folder)
    }

    /// Writes again what is gone of the items that removed last, as long as there is room for it, and once the
    /// run's records are removed that of all others: the other way round than the run, so that there is room as
    /// there was then.
    pub(super) async fn write_back(
        &mut self,
        records_are_removed: bool,
        journal: &mut dyn Journal,
    ) -> Result<(), Break> {
        let mut times = 0;
        loop {
            if let Some(plan) = self.unfinished_plan()? {
                self.go_on_writing_back(&plan, journal).await?;
                self.settle(&plan, times >= TIMES, journal)?;
                continue;
            }
            let items: Vec<u32> = self.ledger.undo.returning.keys().copied().collect();
            let items = if records_are_removed { items } else { self.with_room(items).await? };
            if items.is_empty() {
                return Ok(());
            }
            let there = self.leave_out_what_is_there(&items, journal).await?;
            let items: Vec<u32> =
                items.into_iter().filter(|item| self.ledger.undo.returning.contains_key(item)).collect();
            if items.is_empty() {
                continue;
            }
            times += 1;
            if times > TIMES {
                return Err(Break::Journal(JournalError::Damaged {
                    detail: "what is to be written back has no place in the plan".to_owned(),
                }));
            }
            let plan = self.plan_to_write_back(&items, &there)?;
            let seal = self.keep.keep(&plan.to_bytes()).map_err(JournalError::Folder)?;
            self.journal(journal, Row::Undo(UndoRow::WritingBack { plan: seal }))?;
            let begun = Row::Begun {
                run: self.ledger.run.clone(),
                fingerprint: plan.fingerprint(),
                batch_bytes: self.settings.batch_bytes,
            };
            self.journal(journal, Row::Undo(UndoRow::Back { row: Box::new(begun) }))?;
        }
    }

    /// A device that the run let rest takes nothing before it is what it was.
    pub(super) async fn wake(&mut self, journal: &mut dyn Journal) -> Result<(), Break> {
        let items: Vec<u32> = self.ledger.undo.returning.keys().copied().collect();
        let places = items.into_iter().filter_map(|item| {
            let (device, data) = self.place_of(item)?;
            Some((self.place_of_device(data.device)?, device))
        });
        for (place, device) in places.collect::<BTreeSet<_>>() {
            let target = self.target;
            let there = self.ask(Route::Lookup, || target.device(device)).await?;
            if there.is_some_and(|there| !there.definition.active) {
                self.put_back(place, journal).await?;
            }
        }
        Ok(())
    }

    /// Those that need not wait until records of the run have made room.
    async fn with_room(&self, items: Vec<u32>) -> Result<Vec<u32>, Break> {
        let everything = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
        let mut of_device: BTreeMap<DeviceId, Vec<u32>> = BTreeMap::new();
        for item in items {
            if let Some((device, _)) = self.place_of(item).filter(|(_, data)| !data.removes_first) {
                of_device.entry(device).or_default().push(item);
            }
        }
        let mut with_room = Vec::new();
        for (device, items) in of_device {
            let is_mutable = items.first().is_some_and(|item| self.is_mutable(*item));
            if is_mutable {
                let mut returned = 0;
                for kept in items.iter().filter_map(|item| self.ledger.undo.returning.get(item)) {
                    let list = self.replaced(kept).map_err(|detail| JournalError::Damaged { detail })?;
                    returned += list.len() as u64;
                }
                let target = self.target;
                let there = self.ask(Route::Read, || target.count(device, &everything)).await?;
                if there.unwrap_or_default() + returned > MUTABLE_RECORDS {
                    continue;
                }
            }
            with_room.extend(items);
        }
        Ok(with_room)
    }

    fn is_mutable(&self, item: u32) -> bool {
        let owner = self.place_of(item).and_then(|(_, data)| self.place_of_device(data.device));
        owner.and_then(|place| self.device_item(place)).is_some_and(|device| device.kind == "mutable")
    }

    /// The plan of the run that writes back, if it is not over.
    fn unfinished_plan(&self) -> Result<Option<Plan>, Break> {
        let Some(back) = self.ledger.undo.back.as_ref().filter(|back| !back.is_settled) else {
            return Ok(None);
        };
        // One that was planned and not begun is planned anew.
        if back.ledger.fingerprint.is_none() {
            return Ok(None);
        }
        let damaged = |detail: String| Break::Journal(JournalError::Damaged { detail });
        kept_plan(back, self.keep).map(Some).map_err(damaged)
    }

    /// What equal records took the place of is not written a second time. Answers what is there now, by item
    /// and variable.
    async fn leave_out_what_is_there(
        &mut self,
        items: &[u32],
        journal: &mut dyn Journal,
    ) -> Result<There, Break> {
        let mut tallies = There::new();
        for item in items {
            let (Some((device, data)), Some(kept)) =
                (self.place_of(*item), self.ledger.undo.returning.get(item))
            else {
                continue;
            };
            let list = self.replaced(kept).map_err(|detail| JournalError::Damaged { detail })?;
            let records = self.records_there(device, data).await?;
            let there = Parcels::of(Side::Target, records.clone(), &self.terms);
            let there = times(there.iter().map(|parcel| parcel.key));
            let records = Parcels::of(Side::Target, records, &Terms::default());
            let of_variable = records.tallies().into_iter();
            tallies.insert(*item, of_variable.map(|(name, tally)| (name.to_owned(), tally)).collect());
            let (rest, left_out) = lacking(list, &there);
            if left_out == 0 {
                continue;
            }
            let stays = Kept {
                why: Stays::ChangedSince,
                reason: "equal records are there again, so these were not written a second time".to_owned(),
                records: left_out,
                between: Some((data.from, data.to)),
            };
            let rest = if rest.is_empty() { None } else { Some(self.keep_whole(&rest)?) };
            let row = UndoRow::WrittenBack { item: *item, records: 0, rest, kept: vec![stays] };
            self.journal(journal, Row::Undo(row))?;
        }
        Ok(tallies)
    }

    fn plan_to_write_back(&self, items: &[u32], there: &There) -> Result<Plan, Break> {
        let header = header(&self.plan.header);
        let terms = Terms::default();
        let mut devices: BTreeMap<DeviceId, (DeviceItem, Vec<Item>)> = BTreeMap::new();
        for item in items {
            let (Some((device, data)), Some(kept)) =
                (self.place_of(*item), self.ledger.undo.returning.get(item))
            else {
                continue;
            };
            let Some(owner) = self.place_of_device(data.device).and_then(|place| self.device_item(place))
            else {
                continue;
            };
            let list = self.replaced(kept).map_err(|detail| JournalError::Damaged { detail })?;
            let records = parcels(&list, &terms).map_err(|detail| JournalError::Damaged { detail })?;
            let there = there.get(item);
            let windows = records.tallies().into_iter().map(|(variable, returned)| Window {
                variable: variable.to_owned(),
                source: returned,
                target: there.and_then(|there| there.get(variable)).copied().unwrap_or_default(),
                missing: returned,
                ..Window::default()
            });
            let returned = DataItem {
                device,
                from: data.from,
                to: data.to,
                verdict: Verdict::Fill,
                reasons: Vec::new(),
                windows: windows.collect(),
                bytes: records.iter().map(|parcel| parcel.body.len() as u64 + 1).sum(),
                removes_first: false,
                names: BTreeSet::new(),
                days: BTreeMap::new(),
            };
            let device_item = || DeviceItem {
                device,
                verdict: Verdict::Skip,
                reasons: Vec::new(),
                target: Some(device),
                target_seal: None,
                remapped: BTreeMap::new(),
                immutable: None,
                wakes: false,
                source_tokens: Vec::new(),
                target_tokens: Vec::new(),
                ..owner.clone()
            };
            let part = devices.entry(device).or_insert_with(|| (device_item(), Vec::new()));
            part.1.push(Item::Data(returned));
        }
        let items = devices.into_values();
        let items = items.flat_map(|(device, data)| std::iter::once(Item::Device(device)).chain(data));
        Ok(Plan { header, items: items.collect() })
    }

    /// The target's records in an item's times.
    async fn records_there(&self, device: DeviceId, data: &DataItem) -> Result<Vec<Record>, Break> {
        let range = self.range_of(data);
        match self.watch.unless_stopped(self.reader().range(device, &range)).await? {
            Ok(records) => Ok(records),
            // Whoever writes is told.
            Err(PortError::NotFound { .. } | PortError::Refused { .. }) => Ok(Vec::new()),
            Err(cause) => Err(super::effect::halt(cause)),
        }
    }

    /// One session of the run that writes back.
    async fn go_on_writing_back(&mut self, plan: &Plan, journal: &mut dyn Journal) -> Result<(), Break> {
        let ledger = match &self.ledger.undo.back {
            Some(back) if !back.ledger.finished => (*back.ledger).clone(),
            _ => return Ok(()),
        };
        let source = self.kept_source(plan);
        let (ending, rows) = {
            let own = Progress::new(Figures::default());
            let env = Env { progress: &own, ..self.env };
            let (target, keep, settings) = (self.target, self.keep, self.settings);
            let world = World { plan, source: &source, target, keep, settings, env };
            let state = State::new(Arc::new(plan.clone()), config(settings), ledger);
            let mut wrapped = Wrapped { journal, rows: Vec::new() };
            let ending = drive(&world, state, &mut wrapped).await?;
            (ending, wrapped.rows)
        };
        for row in &rows {
            self.ledger.apply(row).map_err(|detail| JournalError::Damaged { detail })?;
        }
        match ending {
            Ending::Finished => Ok(()),
            Ending::Stopped => Err(Break::Stopped),
            Ending::Halted(halt) => Err(Break::Halt(halt)),
        }
    }

    fn kept_source(&self, plan: &Plan) -> KeptSource<'_> {
        let mut parts: BTreeMap<DeviceId, Vec<Seal>> = BTreeMap::new();
        for (item, kept) in &self.ledger.undo.returning {
            if let Some((device, data)) = self.place_of(*item)
                && plan.items.iter().any(|item| is_of(item, device, data))
            {
                parts.entry(device).or_default().push(kept.clone());
            }
        }
        KeptSource { identity: plan.header.source.clone(), parts, keep: self.keep }
    }

    /// Notes what came of it. What was held back because somebody wrote just then is planned once more.
    fn settle(&mut self, plan: &Plan, is_last: bool, journal: &mut dyn Journal) -> Result<(), Break> {
        let Some(back) = self.ledger.undo.back.clone() else { return Ok(()) };
        let items: Vec<(u32, Seal)> =
            self.ledger.undo.returning.iter().map(|(item, kept)| (*item, kept.clone())).collect();
        for (item, kept) in items.into_iter().filter(|(item, _)| !back.over.contains(item)) {
            let Some((device, data)) = self.place_of(item) else { continue };
            let Some(place) = plan.items.iter().position(|item| is_of(item, device, data)) else { continue };
            let Item::Data(planned) = &plan.items[place] else { continue };
            let list = self.replaced(&kept).map_err(|detail| JournalError::Damaged { detail })?;
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let (records, rest, stays) = came_of(place, planned, &back.ledger, list, is_last);
            let rest = if rest.is_empty() { None } else { Some(self.keep_whole(&rest)?) };
            self.watch.change(|figures| figures.records_done += records);
            let row = UndoRow::WrittenBack { item, records, rest, kept: stays };
            self.journal(journal, Row::Undo(row))?;
        }
        self.journal(journal, Row::Undo(UndoRow::BackSettled {}))?;
        Ok(())
    }
}

/// What there is less of than there was, and how many of the others.
fn lacking(list: Vec<Replaced>, there: &BTreeMap<Key, u64>) -> (Vec<Replaced>, u64) {
    let mut too_many: BTreeMap<Key, u64> = BTreeMap::new();
    let kept = times(list.iter().map(|one| one.key));
    for one in &list {
        let more = there.get(&one.key).copied().unwrap_or_default().saturating_sub(one.stays);
        too_many.insert(one.key, more.min(kept[&one.key]));
    }
    let left_out = too_many.values().sum();
    let mut left = too_many.clone();
    let mut rest = Vec::new();
    for mut one in list {
        match left.get_mut(&one.key).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => {
                // Those that are there instead stay.
                one.stays += too_many.get(&one.key).copied().unwrap_or_default();
                rest.push(one);
            }
        }
    }
    (rest, left_out)
}

fn kept_plan(back: &Back, keep: &dyn Keep) -> Result<Plan, String> {
    let plan = back.plan.as_ref().ok_or("the plan of what is written back is gone")?;
    let bytes = keep.kept(plan).map_err(|error| error.to_string())?;
    Plan::from_bytes(&bytes).map_err(|error| error.to_string())
}

/// Switches on again what a run that writes back holds, and does nothing else of it.
pub(crate) async fn let_go_back(
    world: &World<'_>,
    ledger: &Ledger,
    journal: &mut dyn Journal,
) -> Result<Ending, JournalError> {
    let Some(back) = &ledger.undo.back else { return Ok(Ending::Stopped) };
    let plan = kept_plan(back, world.keep).map_err(|detail| JournalError::Damaged { detail })?;
    let world = World { plan: &plan, source: world.target, ..*world };
    let state = State::new(Arc::new(plan.clone()), config(world.settings), (*back.ledger).clone()).ending();
    drive(&world, state, &mut Wrapped { journal, rows: Vec::new() }).await
}

/// How many records of an item are written, which are to be planned once more, and what stays unwritten.
fn came_of(
    place: u32,
    planned: &DataItem,
    ledger: &Ledger,
    mut list: Vec<Replaced>,
    is_last: bool,
) -> (u64, Vec<Replaced>, Vec<Kept>) {
    let nothing = DataLedger::default();
    let data = ledger.data.get(&place).unwrap_or(&nothing);
    let reasons = || ledger.reasons.iter().filter(|(item, ..)| *item == place);
    let between = Some((planned.from, planned.to));
    let stays = |records, reason: &str| Kept {
        why: Stays::Impossible,
        reason: format!(
            "they could not be written back; the only copy is in the run's folder, under kept: {reason}"
        ),
        records,
        between,
    };
    if let Some((.., reason)) = reasons().find(|(_, window, _)| window.is_none()) {
        let lacking = (list.len() as u64).saturating_sub(data.stored);
        return (data.stored, Vec::new(), vec![stays(lacking, reason)]);
    }
    let held: BTreeMap<&str, &str> = reasons()
        .filter_map(|(_, window, reason)| {
            let window = planned.windows.get((*window)? as usize)?;
            Some((window.variable.as_str(), reason.as_str()))
        })
        .collect();
    list.retain(|one| held.contains_key(one.variable.as_str()));
    match held.values().next().filter(|_| is_last) {
        Some(reason) => (data.stored, Vec::new(), vec![stays(list.len() as u64, reason)]),
        None => (data.stored, list, Vec::new()),
    }
}

/// The plan appends what was kept; names inside it are the target's own already.
fn header(of_run: &Header) -> Header {
    Header {
        choices: Choices { policy: Policy::Append, inside: Inside::Leave, ..of_run.choices.clone() },
        source: of_run.target.clone(),
        checks: Vec::new(),
        counterparts: BTreeMap::new(),
        actions: of_run.undo_actions.clone(),
        undo_actions: Vec::new(),
        left_off: Vec::new(),
        ..of_run.clone()
    }
}

fn is_of(item: &Item, device: DeviceId, of_run: &DataItem) -> bool {
    matches!(item, Item::Data(data)
        if (data.device, data.from, data.to) == (device, of_run.from, of_run.to))
}

fn parcels(list: &[Replaced], terms: &Terms) -> Result<Parcels, String> {
    let records: Result<Vec<Record>, _> = list.iter().map(|one| serde_json::from_str(&one.body)).collect();
    Ok(Parcels::of(Side::Source, records.map_err(|error| error.to_string())?, terms))
}

/// The journal of the undo, as the run that writes back sees it.
struct Wrapped<'a> {
    journal: &'a mut dyn Journal,
    rows: Vec<Row>,
}

impl Journal for Wrapped<'_> {
    fn append(&mut self, at: Time, row: &Row) -> Result<(), JournalError> {
        let row = Row::Undo(UndoRow::Back { row: Box::new(row.clone()) });
        self.journal.append(at, &row)?;
        self.rows.push(row);
        Ok(())
    }

    fn append_all(&mut self, rows: &[(Time, Row)]) -> Result<(), JournalError> {
        let wrap = |(at, row): &(Time, Row)| (*at, Row::Undo(UndoRow::Back { row: Box::new(row.clone()) }));
        let rows: Vec<(Time, Row)> = rows.iter().map(wrap).collect();
        self.journal.append_all(&rows)?;
        self.rows.extend(rows.into_iter().map(|(_, row)| row));
        Ok(())
    }
}

/// What was kept, as a side to read records from.
struct KeptSource<'a> {
    identity: Identity,
    parts: BTreeMap<DeviceId, Vec<Seal>>,
    keep: &'a dyn Keep,
}

impl KeptSource<'_> {
    fn within(&self, device: DeviceId, range: &Range) -> Result<Vec<Record>, PortError> {
        let unreadable = |message: String| PortError::Refused { message };
        let mut found = Vec::new();
        for seal in self.parts.get(&device).into_iter().flatten() {
            let list = self.keep.kept(seal).and_then(|bytes| Replaced::from_bytes(&bytes));
            for one in list.map_err(|error| unreadable(error.to_string()))? {
                let record: Record =
                    serde_json::from_str(&one.body).map_err(|error| unreadable(error.to_string()))?;
                let is_chosen = range.variables.is_empty() || range.variables.contains(&record.variable);
                if is_chosen && (range.from..=range.to).contains(&record.time) {
                    found.push(Record { id: Some(one.id), ..record });
                }
            }
        }
        found.sort_by_key(|record| record.time);
        Ok(found)
    }
}

fn not_kept<T>() -> Result<T, PortError> {
    Err(PortError::NotFound { message: "only records are kept".to_owned() })
}

#[async_trait]
impl Source for KeptSource<'_> {
    async fn identity(&self) -> Result<Identity, PortError> {
        Ok(self.identity.clone())
    }

    async fn devices(&self) -> Result<Vec<Device>, PortError> {
        not_kept()
    }

    async fn device(&self, _: DeviceId) -> Result<Device, PortError> {
        not_kept()
    }

    async fn params(&self, _: DeviceId) -> Result<Vec<Param>, PortError> {
        not_kept()
    }

    async fn tokens(&self, _: DeviceId) -> Result<Vec<Token>, PortError> {
        not_kept()
    }

    async fn networks(&self) -> Result<Vec<Named>, PortError> {
        not_kept()
    }

    async fn connectors(&self) -> Result<Vec<Named>, PortError> {
        not_kept()
    }

    async fn network_parses(&self, _: &str) -> Result<bool, PortError> {
        not_kept()
    }

    async fn count(&self, device: DeviceId, range: &Range) -> Result<u64, PortError> {
        Ok(self.within(device, range)?.len() as u64)
    }

    async fn records(
        &self,
        device: DeviceId,
        range: &Range,
        order: Order,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        let mut found = self.within(device, range)?;
        if order == Order::Descending {
            found.reverse();
        }
        Ok(found.into_iter().skip(skip).take(limit).collect())
    }

    async fn records_named(
        &self,
        _: DeviceId,
        _: &[RecordId],
    ) -> Result<Vec<(Record, Option<Time>)>, PortError> {
        not_kept()
    }
}

//! Takes a run of device data back: records that it wrote are removed, devices that it made are deleted,
//! devices that it changed get what they had, and all of it only where nobody changed it since. It needs the
//! target and the run folder, and nothing else.
//!
//! What is removed is named by its id, and read by that name a moment before. Which ids those are is made
//! durable before the first of them is removed, so that an undo that was interrupted never takes a record of
//! somebody else's for one that it has removed already.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Serialize;
use tago_api::{DeviceId, Time};

use crate::announced::Names;
use crate::control::Stopped;
use crate::inside::Terms;
use crate::journal::{Journal, JournalError, Row, SqliteJournal, Stays};
use crate::keep::{Folder, Keep};
use crate::lane::clear::{self, Whose};
use crate::machine::Route;
use crate::machine::ledger::Ledger;
use crate::pacer::Pacers;
use crate::plan::{DataItem, DeviceItem, Item, Plan, Verdict};
use crate::ports::{Range, Target};
use crate::progress::Phase;
use crate::reader::Reader;
use crate::run::actions::let_go;
use crate::run::drive::World;
use crate::run::{Ending, Halt, RunError, Side, expect_identity, open, past, reader};
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;
use crate::watch::Watch;
use crate::words::{counted, either};

mod beside;
mod device;
mod effect;
mod records;
pub(crate) mod row;
mod written_back;

use records::Batches;
use row::{Kept, UndoRow};
pub(crate) use written_back::let_go_back;

/// What came of an undo: three lists that leave nothing out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Undone {
    /// Whether everything that can be taken back is.
    pub complete: bool,
    /// Taken back.
    pub reversed: Vec<Reversed>,
    /// Left, because somebody changed it since.
    pub changed_since: Vec<Stayed>,
    /// What cannot be taken back.
    pub impossible: Vec<Stayed>,
}

/// Something that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reversed {
    /// The device in the target.
    pub device: DeviceId,
    /// Its name at the rehearsal.
    pub name: String,
    /// What was done.
    pub what: Reversal,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// So many records are removed.
    Records(u64),
    /// So many records that the run had removed are written again.
    WrittenBack(u64),
    /// The device, which the run made, is deleted.
    Deleted,
    /// The device has the fields, tags and parameters that it had.
    Restored,
}

/// Something that was not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stayed {
    /// The device in the target.
    pub device: DeviceId,
    /// Its name at the rehearsal.
    pub name: String,
    /// How many of its records; none if it is about the device itself.
    pub records: u64,
    /// The first and the last moment of these, as far as they are known.
    pub between: Option<(Time, Time)>,
    /// Why.
    pub reason: String,
}

/// What taking a plan back would leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Irreversible {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// What, and why.
    pub reason: String,
    /// It comes back, and only not quite as it was.
    pub written_back: bool,
}

/// What taking this plan back would leave, told before it is run.
pub fn irreversible(plan: &Plan) -> Vec<Irreversible> {
    let mut told = Vec::new();
    for part in plan.devices() {
        let (item, records) = (part.item, part.records_missing);
        let new =
            format!("{} {}", counted(records, "new record", "new records"), either(records, "stays", "stay"));
        if part.records_removed > 0 {
            let parser = if item.parses { "; its payload parser sees them, and may change them" } else { "" };
            let removed = part.records_removed;
            let reason = format!(
                "{} removed from it {} back with the same content, and with {} of arrival{parser}",
                counted(removed, "record", "records"),
                either(removed, "comes", "come"),
                either(removed, "a new id and moment", "new ids and moments")
            );
            told.push(Irreversible {
                device: item.device,
                name: item.name.clone(),
                reason,
                written_back: true,
            });
        }
        let reason = match (item.kind.as_str(), item.target.is_some()) {
            ("immutable", true) => format!(
                "its {new} until its retention ends: the platform removes no single record of an immutable device"
            ),
            ("hybrid", there) => match immutable(plan, item) {
                Some((0, _)) => continue,
                Some((records, names)) if there => format!(
                    "its {} of {names} {} until its retention ends: these variables are immutable",
                    counted(records, "new record", "new records"),
                    either(records, "stays", "stay")
                ),
                None if there => {
                    "new records of its immutable variables stay until its retention ends".to_owned()
                }
                Some((records, names)) if item.verdict == Verdict::Create => format!(
                    "its {} of {names} can be removed only together with the device, and so only as long as \
                     nobody else has put data into it",
                    counted(records, "record", "records")
                ),
                _ => continue,
            },
            ("immutable", false) if item.verdict == Verdict::Create => format!(
                "its {} can be removed only together with the device, and so only as long as nobody else has put \
                 data into it",
                counted(records, "record", "records")
            ),
            _ => continue,
        };
        if records > 0 {
            told.push(Irreversible {
                device: item.device,
                name: item.name.clone(),
                reason,
                written_back: false,
            });
        }
    }
    told
}

/// How many records of immutable variables a plan writes into a hybrid device, and of which; `None` if that
/// cannot be told.
fn immutable(plan: &Plan, device: &DeviceItem) -> Option<(u64, String)> {
    const NAMED: usize = 5;
    let variables = device.immutable.as_ref()?;
    let written = plan.items.iter().filter_map(|item| match item {
        Item::Data(data) if data.device == device.device && data.verdict == Verdict::Fill => {
            Some(&data.windows)
        }
        _ => None,
    });
    let of_these = written.flatten().filter(|window| variables.contains(&window.variable));
    let records = of_these.map(|window| window.missing.count).sum();
    let named: Vec<&str> = variables.iter().take(NAMED).map(String::as_str).collect();
    let names = match variables.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    };
    Some((records, names))
}

/// Takes the run of this folder back, as far as it went. It may be repeated: what is taken back stays so, and
/// one that was interrupted goes on.
///
/// # Errors
/// See [`RunError`]. What it found and could not go on with is an [`Ending`], not an error.
pub async fn undo(
    folder: &Path,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<(Ending, Undone), RunError> {
    let (mut journal, rows) = open(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let keep = Folder::of(folder);
    let last = rows.last().map(|(at, _)| *at).unwrap_or_default();
    let pacers = plan.header.pace(Side::Target, target, settings, env.clock);
    let world = World { plan: &plan, source: target, target, keep: &keep, settings, env };
    expect_identity(Side::Target, &reader(&world, target, &pacers), &plan.header).await?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    let (ledger, rows) = if ledger.holds_actions() {
        let ending = let_go(&world, ledger, &mut journal).await?;
        let rows = SqliteJournal::read(folder)?;
        let (_, ledger) = past(folder, &rows)?;
        if ending != Ending::Stopped {
            return Ok((ending, told(&plan, &ledger)));
        }
        (ledger, rows)
    } else {
        (ledger, rows)
    };
    let mut undo = Undo::new(&plan, ledger, target, &keep, &pacers, settings, env);
    (undo.names, undo.folder) = (Some(Names::of(folder)), Some(folder));
    undo.sent = last_sent(&rows);
    let ending = undo.drive(&mut journal, last).await?;
    Ok((ending, undo.told()))
}

/// What an undo of the run of this folder has come to, without touching it; `None` if none was begun.
///
/// # Errors
/// See [`RunError`].
pub fn undone(folder: &Path) -> Result<Option<Undone>, RunError> {
    let rows = SqliteJournal::read(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    Ok(ledger.undo.begun.then(|| told(&plan, &ledger)))
}

/// The undo of one run.
pub(crate) struct Undo<'a> {
    plan: &'a Plan,
    ledger: Ledger,
    terms: Terms,
    target: &'a dyn Target,
    keep: &'a dyn Keep,
    /// What a proof read of what the run wrote.
    names: Option<Names<'a>>,
    folder: Option<&'a Path>,
    /// When undos of runs beside this one wrote something back.
    back: OnceLock<Vec<(Time, Time)>>,
    /// When the run sent something of each item for the last time, by the platform's clock.
    pub(crate) sent: BTreeMap<u32, Time>,
    pacers: &'a Pacers<'a>,
    settings: &'a Settings,
    env: Env<'a>,
    watch: Watch<'a>,
    batches: Batches,
    doubts_in_a_row: u32,
    /// For how long changes in a row had no answer.
    silent: Duration,
    /// The limits have let a change through that is not made yet.
    admitted: Option<Route>,
}

/// What ends a session before the undo is over.
#[derive(Debug)]
pub(crate) enum Break {
    Halt(Halt),
    Stopped,
    Journal(JournalError),
}

impl From<JournalError> for Break {
    fn from(error: JournalError) -> Break {
        Break::Journal(error)
    }
}

impl From<Stopped> for Break {
    fn from(Stopped: Stopped) -> Break {
        Break::Stopped
    }
}

impl<'a> Undo<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        ledger: Ledger,
        target: &'a dyn Target,
        keep: &'a dyn Keep,
        pacers: &'a Pacers<'a>,
        settings: &'a Settings,
        env: Env<'a>,
    ) -> Undo<'a> {
        let (watch, batches) = (Watch::new(env), Batches::default());
        let terms = Terms::of(plan, &ledger);
        Undo {
            plan,
            ledger,
            terms,
            target,
            keep,
            names: None,
            folder: None,
            back: OnceLock::new(),
            sent: BTreeMap::new(),
            pacers,
            settings,
            env,
            watch,
            batches,
            doubts_in_a_row: 0,
            silent: Duration::ZERO,
            admitted: None,
        }
    }

    /// One session. `last` is when the run, or its undo, was last heard of.
    pub(crate) async fn drive(
        &mut self,
        journal: &mut dyn Journal,
        last: Time,
    ) -> Result<Ending, JournalError> {
        if self.ledger.undo.undone {
            return Ok(Ending::Finished);
        }
        let suspended = match self.take_back(journal, last).await {
            Ok(()) => return Ok(Ending::Finished),
            Err(Break::Journal(error)) => return Err(error),
            Err(Break::Stopped) => Ending::Stopped,
            Err(Break::Halt(halt)) => Ending::Halted(halt),
        };
        let reason = match &suspended {
            Ending::Halted(halt) => halt.to_string(),
            _ => "stopped by its owner".to_owned(),
        };
        self.journal(journal, Row::Suspended { reason })?;
        Ok(suspended)
    }

    async fn take_back(&mut self, journal: &mut dyn Journal, last: Time) -> Result<(), Break> {
        self.watch.phase(Phase::Undoing);
        let wait = self.unsettled_for(last);
        self.journal(journal, Row::Session {})?;
        if !self.ledger.undo.begun {
            self.journal(journal, Row::Undo(UndoRow::Begun {}))?;
        }
        self.remove_files(journal, wait).await?;
        self.remove_own_tokens(journal).await?;
        self.find_unknown(journal).await?;
        let total = self.written().iter().map(|(_, records)| records).sum();
        let items = self.written().len() as u64;
        self.watch.change(|figures| (figures.records_total, figures.items_total) = (total, items));
        for place in self.devices() {
            self.activate(place, journal).await?;
        }
        for place in self.devices() {
            self.list_device(place, journal).await?;
            if self.made(place).is_some() {
                self.delete_made(place, journal).await?;
            }
        }
        self.list_removed(journal).await?;
        self.wake(journal).await?;
        self.write_back(false, journal).await?;
        self.remove_records(journal).await?;
        self.write_back(true, journal).await?;
        for place in self.devices() {
            self.put_back(place, journal).await?;
        }
        self.journal(journal, Row::Undo(UndoRow::Undone {}))?;
        self.watch.phase(Phase::Done);
        Ok(())
    }

    /// How long to wait until all that was sent has either arrived or never will.
    fn unsettled_for(&self, last: Time) -> std::time::Duration {
        let bound = self.settings.late_commit_bound;
        let doubt = self.ledger.open_batches() > 0
            || self.ledger.token_doubt.values().any(|open| *open > 0)
            || !self.ledger.undo.doubt.is_empty();
        let age = self.env.clock.now().millis() - last.millis();
        match u64::try_from(age) {
            Ok(age) if !doubt => bound.saturating_sub(std::time::Duration::from_millis(age)),
            _ => bound,
        }
    }

    /// What was asked for and has not begun cannot begin without its file. Then waits until all that has
    /// begun is over, and for uploads that may have come meanwhile.
    async fn remove_files(&mut self, journal: &mut dyn Journal, wait: Duration) -> Result<(), Break> {
        let imports = self.imports_in_doubt();
        let has_left = self.ledger.has_files || self.ledger.has_signs;
        let awaits_files = has_left || !imports.is_empty();
        let wait = if awaits_files { self.settings.late_commit_bound } else { wait };
        self.clear_files(&imports, journal).await?;
        let mut there = self.counted(imports.keys()).await?;
        loop {
            self.watch.wait(wait, "whatever the run may have left on its way to the target").await?;
            self.clear_files(&imports, journal).await?;
            let before = std::mem::replace(&mut there, self.counted(imports.keys()).await?);
            let changed = there.iter().filter(|(item, count)| before.get(item) != Some(count));
            let changed: Vec<u32> = changed.map(|(item, _)| *item).collect();
            if changed.is_empty() {
                break;
            }
            self.may_have_begun_until_now(changed);
            self.watch.pass().await?;
        }
        if has_left {
            let whose = Whose::Of(&self.ledger.run);
            clear::all(&self.reader(), self.target, whose, |_| false).await.map_err(effect::halt)?;
            self.journal(journal, Row::FilesRemoved { importing: false })?;
        }
        Ok(())
    }

    async fn clear_files(
        &mut self,
        imports: &BTreeMap<u32, String>,
        journal: &mut dyn Journal,
    ) -> Result<(), Break> {
        if self.ledger.has_files {
            let run = self.ledger.run.clone();
            let left = clear::left(&self.reader(), self.target, Whose::Of(&run)).await;
            let left = left.map_err(effect::halt)?;
            let is_there = |path: &String| left.iter().any(|left| left.path == *path);
            let there: Vec<u32> =
                imports.iter().filter(|(_, path)| is_there(path)).map(|(item, _)| *item).collect();
            for item in &there {
                self.journal(journal, Row::FilesRemoval { item: Some(*item) })?;
            }
            let cleared = clear::all(&self.reader(), self.target, Whose::Of(&run), |_| true).await;
            cleared.map_err(effect::halt)?;
            self.may_have_begun_until_now(there);
        }
        Ok(())
    }

    /// What came by now may be what the run had imported. Another run may have taken its file away long ago:
    /// what came since is that one's.
    fn may_have_begun_until_now(&mut self, imports: impl IntoIterator<Item = u32>) {
        let now = self.now();
        self.sent.extend(imports.into_iter().map(|item| (item, now)));
    }

    /// By the platform's clock, if it is known.
    fn now(&self) -> Time {
        self.target.now().unwrap_or_else(|| self.env.clock.now())
    }

    /// Items of which a file may still be imported, and its path.
    fn imports_in_doubt(&self) -> BTreeMap<u32, String> {
        let in_doubt = self.ledger.data.iter().filter(|(_, data)| data.doubt && !data.done);
        in_doubt.filter_map(|(item, data)| Some((*item, data.file.as_ref()?.path.clone()))).collect()
    }

    /// How many records the target has in the times of each of these.
    async fn counted(&self, items: impl Iterator<Item = &u32>) -> Result<BTreeMap<u32, u64>, Break> {
        let mut counts = BTreeMap::new();
        for item in items {
            let Some((device, data)) = self.place_of(*item) else { continue };
            let range = self.range_of(data);
            let count = self.ask(Route::Read, || self.target.count(device, &range)).await?;
            counts.insert(*item, count.unwrap_or_default());
        }
        Ok(counts)
    }

    /// The chosen variables in an item's times.
    fn range_of(&self, data: &DataItem) -> Range {
        Range { from: data.from, to: data.to, variables: self.plan.header.choices.variables() }
    }

    /// Places of device items, last first.
    fn devices(&self) -> Vec<u32> {
        let places = (0_u32..).zip(&self.plan.items);
        let mut places: Vec<u32> =
            places.filter(|(_, item)| matches!(item, Item::Device(_))).map(|(place, _)| place).collect();
        places.reverse();
        places
    }

    fn device_item(&self, place: u32) -> Option<&'a DeviceItem> {
        match self.plan.items.get(place as usize)? {
            Item::Device(item) => Some(item),
            Item::Data(_) => None,
        }
    }

    /// The device that the run made, if it did.
    fn made(&self, place: u32) -> Option<DeviceId> {
        self.ledger.devices.get(&place)?.made
    }

    /// Data items of which the run may have written something, and how many records of each.
    fn written(&self) -> Vec<(u32, u64)> {
        let items = self.ledger.data.iter();
        items.map(|(place, data)| (*place, data.claimed())).filter(|(_, records)| *records > 0).collect()
    }

    /// Those of one device.
    fn written_to(&self, place: u32) -> Vec<u32> {
        let Some(device) = self.device_item(place).map(|item| item.device) else { return Vec::new() };
        let is_of = |item: &u32| matches!(self.plan.items.get(*item as usize), Some(Item::Data(data)) if data.device == device);
        self.written().into_iter().map(|(item, _)| item).filter(is_of).collect()
    }

    fn is_over(&self, item: u32) -> bool {
        self.ledger.undo.over.contains_key(&item)
    }

    fn over(
        &mut self,
        item: u32,
        records: u64,
        kept: Vec<Kept>,
        journal: &mut dyn Journal,
    ) -> Result<(), JournalError> {
        self.journal(journal, Row::Undo(UndoRow::Over { item, records, kept }))?;
        self.watch.change(|figures| {
            figures.items_done += 1;
            figures.records_done += records;
        });
        Ok(())
    }

    fn journal(&mut self, journal: &mut dyn Journal, row: Row) -> Result<(), JournalError> {
        self.ledger.apply(&row).map_err(|detail| JournalError::Damaged { detail })?;
        let is_theirs = row.has_the_platforms_time();
        journal.append(if is_theirs { self.now() } else { self.env.clock.now() }, &row)
    }

    fn reader(&self) -> Reader<'a> {
        Reader {
            port: self.target,
            pacers: self.pacers,
            clock: self.env.clock,
            limit: self.settings.read_limit,
            patience: self.settings.patience,
        }
    }

    pub(crate) fn told(&self) -> Undone {
        told(self.plan, &self.ledger)
    }
}

/// When the run sent something of each item for the last time, or took its file away so that it could not be
/// imported any more, or saw what had been imported.
pub(crate) fn last_sent(rows: &[(Time, Row)]) -> BTreeMap<u32, Time> {
    let (mut sent, mut removal_of, mut gone) = (BTreeMap::new(), BTreeMap::new(), None);
    let mut seen_of = BTreeMap::new();
    for (at, row) in rows.iter().rev() {
        match row {
            Row::FilesRemoved { .. } => gone = Some(*at),
            Row::FilesRemoval { item } => drop(removal_of.entry(*item).or_insert(*at)),
            Row::Settled { item, .. } => drop(seen_of.entry(*item).or_insert(*at)),
            Row::Intent { item, file, .. } => {
                let removal = removal_of.get(&Some(*item)).max(removal_of.get(&None)).copied();
                let seen = seen_of.get(item).copied();
                let until = gone.or(removal).or(seen).filter(|_| file.is_some());
                sent.entry(*item).or_insert(until.unwrap_or(*at));
            }
            _ => {}
        }
    }
    sent
}

impl Kept {
    /// The device itself, or all there is to say of an item.
    pub(crate) fn whole(why: Stays, reason: impl Into<String>) -> Kept {
        Kept { why, reason: reason.into(), records: 0, between: None }
    }
}

/// The three lists, each device's items added up.
pub(crate) fn told(plan: &Plan, ledger: &Ledger) -> Undone {
    let mut told = Undone { complete: ledger.undo.undone, ..Undone::default() };
    let mut of_device: BTreeMap<DeviceId, (DeviceId, &str)> = BTreeMap::new();
    let mut removed: BTreeMap<DeviceId, u64> = BTreeMap::new();
    let mut written_back: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (place, item) in (0_u32..).zip(&plan.items) {
        if let Item::Device(item) = item {
            let made = ledger.devices.get(&place).and_then(|device| device.made);
            let target = item.target.or(made).unwrap_or(item.device);
            of_device.insert(item.device, (target, &item.name));
        }
        let Some((device, name)) = of_device.get(&item.device()) else { continue };
        if let Some((records, kept)) = ledger.undo.written_back.get(&place) {
            *written_back.entry(*device).or_default() += records;
            kept.iter().for_each(|kept| stayed(&mut told, *device, name, kept));
        }
        let Some((records, kept)) = ledger.undo.over.get(&place) else { continue };
        kept.iter().for_each(|kept| stayed(&mut told, *device, name, kept));
        match item {
            Item::Data(_) => *removed.entry(*device).or_default() += records,
            // One that was only active for a while is as it was.
            Item::Device(item) if kept.is_empty() && item.follows_source() => {
                let what =
                    if item.verdict == Verdict::Create { Reversal::Deleted } else { Reversal::Restored };
                told.reversed.push(Reversed { device: *device, name: (*name).to_owned(), what });
            }
            Item::Device(_) => {}
        }
    }
    let names = of_device.into_values().collect::<BTreeMap<_, _>>();
    let removed = removed.into_iter().map(|(device, records)| (device, records, Reversal::Records(records)));
    let back = written_back.into_iter();
    let back = back.map(|(device, records)| (device, records, Reversal::WrittenBack(records)));
    let some = removed.chain(back).filter(|(_, records, _)| *records > 0);
    told.reversed.extend(some.map(|(device, _, what)| Reversed {
        device,
        name: names.get(&device).copied().unwrap_or_default().to_owned(),
        what,
    }));
    told
}

/// Adds to what is said of the same device for the same reason.
fn stayed(told: &mut Undone, device: DeviceId, name: &str, kept: &Kept) {
    let list = match kept.why {
        Stays::ChangedSince => &mut told.changed_since,
        Stays::Impossible => &mut told.impossible,
    };
    let same = list.iter_mut().find(|stayed| stayed.device == device && stayed.reason == kept.reason);
    match same {
        Some(stayed) => {
            stayed.records += kept.records;
            stayed.between = match (stayed.between, kept.between) {
                (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
                (one, other) => one.or(other),
            };
        }
        None => list.push(Stayed {
            device,
            name: name.to_owned(),
            records: kept.records,
            between: kept.between,
            reason: kept.reason.clone(),
        }),
    }
}

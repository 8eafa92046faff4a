use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::folder;
use crate::journal::{Entry, Journal, JournalError, Row, SqliteJournal};
use crate::keep::Folder;
use crate::machine::ledger::Ledger;
use crate::machine::{Config, Route, State};
use crate::pacer::Pacers;
use crate::plan::{Choices, Header, Item, Plan, PlanError, Seal, Verdict};
use crate::planted::{Bug, is_planted};
use crate::ports::{PortError, Source, Target};
use crate::reader::Reader;
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;

pub(crate) mod actions;
pub(crate) mod drive;
mod errands;
mod giving_up;
mod meter;
pub(crate) mod resting;

pub use actions::{ActionState, ActionStatus, release};
use drive::{World, drive};
pub use giving_up::{LeftBehind, give_up, given_up};

/// One of the two projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where records come from.
    Source,
    /// Where they go.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}

/// How a run, or a session of it, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every item is done or held back.
    Finished,
    /// The owner stopped it; it can be resumed.
    Stopped,
    /// It cannot go on for now; it can be resumed.
    Halted(Halt),
}

/// Why a run cannot go on for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// A credential was refused.
    Auth {
        /// Whose.
        side: Side,
        /// The platform's words.
        message: String,
    },
    /// A side is out of reach, or does not work.
    Unreachable {
        /// Which.
        side: Side,
        /// What was seen.
        message: String,
    },
    /// A limit or quota of the target's plan is reached.
    Quota {
        /// The platform's words.
        message: String,
    },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Auth { side, message } => write!(f, "the credential of the {side} was refused: {message}"),
            Halt::Unreachable { side, message } => write!(f, "the {side} does not answer: {message}"),
            Halt::Quota { message } => write!(f, "a limit of the target is reached: {message}"),
        }
    }
}

/// An item, or a part of one, that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldItem {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The variable, if it is about records.
    pub variable: Option<String>,
    /// The time range, if it is about records.
    pub between: Option<(Time, Time)>,
    /// Why, and what to do.
    pub reason: String,
}

/// What a run folder tells without touching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStatus {
    /// The run's own id.
    pub run: String,
    /// The plan's fingerprint.
    pub fingerprint: Seal,
    /// When it began.
    pub started_at: Time,
    /// When it finished.
    pub finished_at: Option<Time>,
    /// The newest journal row.
    pub last_row_at: Time,
    /// When it last sent something, by the target's clock.
    pub last_sent_at: Option<Time>,
    /// Records that are known to be stored by it.
    pub records_done: u64,
    /// Records that the plan has to write.
    pub records_total: u64,
    /// Records of the target that are known to be removed by it.
    pub records_removed: u64,
    /// Records of the target that the plan has to remove.
    pub records_to_remove: u64,
    /// Items done, held back or with nothing to do.
    pub items_done: u64,
    /// All items.
    pub items_total: u64,
    /// Batches whose outcome the next session has to find out.
    pub batches_open: u64,
    /// What was held back.
    pub held: Vec<HeldItem>,
    /// Devices made: old id, new id, name.
    pub created: Vec<(DeviceId, DeviceId, String)>,
    /// Actions that the run would set off, and what became of each.
    pub actions: Vec<ActionStatus>,
    /// Devices that were inactive, and that it or its undo may have left active: id in the target, name. Somebody
    /// else may have changed them since.
    pub awake: Vec<(DeviceId, String)>,
}

/// Why a run cannot begin or go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Approval was given to another plan.
    #[error("this plan's fingerprint is {fingerprint}; the approval is for another plan")]
    NotApproved {
        /// Of the plan at hand.
        fingerprint: Seal,
    },
    /// The plan comes from a counted rehearsal, or a check blocks it.
    #[error("this plan cannot be run: {reason}")]
    NotRunnable {
        /// Why.
        reason: String,
    },
    /// The folder has a run already.
    #[error("this folder already holds a run; resume it, or choose another folder")]
    FolderTaken,
    /// Its journal was damaged, and what it lacks is in another plan. It could do again what that one does.
    #[error(
        "this run was given up when what it still lacked was planned again; run that newer plan, or plan again \
         once more"
    )]
    PlannedAgain,
    /// Another run, or its undo, is under way into the same project.
    #[error("a run into {target:?} is under way in another window or terminal; let it finish there first")]
    TargetInUse {
        /// The project's name.
        target: String,
    },
    /// A port reaches another project than the plan was made for.
    #[error("the {side} is not the project that this plan was made for: it was {expected}, it is {found}")]
    OtherProject {
        /// Which.
        side: Side,
        /// Name and address in the plan.
        expected: String,
        /// Name and address now.
        found: String,
    },
    /// A side could not be asked who it is.
    #[error("the {side} could not be reached: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Begins a run in an empty or new folder, which it fills with the plan and the journal.
///
/// # Errors
/// See [`RunError`]. What it found and could not go on with is an [`Ending`], not an error.
pub async fn run(
    plan: &Plan,
    approved: &Seal,
    folder: &Path,
    source: &dyn Source,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let fingerprint = plan.fingerprint();
    if fingerprint != *approved {
        return Err(RunError::NotApproved { fingerprint });
    }
    if let Some(reason) = plan.obstacle() {
        return Err(RunError::NotRunnable { reason });
    }
    let keep = Folder::of(folder);
    let world = World { plan, source, target, keep: &keep, settings, env };
    identify(&world).await?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    folder::make(folder).map_err(JournalError::Folder)?;
    let (mut journal, rows) = open::<Row>(folder)?;
    if !rows.is_empty() {
        return Err(RunError::FolderTaken);
    }
    plan.write(&folder.join(folder::PLAN))?;
    let run = format!("{:016x}", env.nonce);
    let begun = Row::Begun { run, fingerprint, batch_bytes: settings.batch_bytes };
    journal.append(env.clock.now(), &begun)?;
    let ledger = Ledger::of([&begun]).map_err(|detail| JournalError::Damaged { detail })?;
    Ok(go(&world, ledger, &mut journal).await?)
}

/// Goes on with the run of this folder, after a stop, a halt or a crash. Of a finished run it does
/// nothing.
///
/// # Errors
/// See [`RunError`].
pub async fn resume(
    folder: &Path,
    source: &dyn Source,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let (mut journal, rows) = open(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    if ledger.undo.begun {
        return Err(RunError::NotRunnable { reason: "it is being taken back".to_owned() });
    }
    if ledger.given_up {
        let reason =
            "it was given up and cannot be resumed; rehearse again to see what is missing".to_owned();
        return Err(RunError::NotRunnable { reason });
    }
    if ledger.finished {
        return Ok(Ending::Finished);
    }
    let keep = Folder::of(folder);
    let world = World { plan: &plan, source, target, keep: &keep, settings, env };
    identify(&world).await?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    Ok(go(&world, ledger, &mut journal).await?)
}

/// The journal of a run that is to begin, to go on or to be taken back.
pub(crate) fn open<R: Entry>(folder: &Path) -> Result<(SqliteJournal, Vec<(Time, R)>), RunError> {
    not_planned_again(folder)?;
    let opened = SqliteJournal::open_of(folder)?;
    // Nobody can give it up from here on.
    not_planned_again(folder)?;
    Ok(opened)
}

/// That nobody has planned anew what the run of this folder lacks.
pub(crate) fn not_planned_again(folder: &Path) -> Result<(), RunError> {
    match folder.join(folder::PLANNED_AGAIN).try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(RunError::PlannedAgain),
        Err(error) => Err(JournalError::Folder(error).into()),
    }
}

pub(crate) async fn go(
    world: &World<'_>,
    ledger: Ledger,
    journal: &mut dyn Journal,
) -> Result<Ending, JournalError> {
    let state = State::new(Arc::new(world.plan.clone()), config(world.settings), ledger);
    drive(world, state, journal).await
}

pub(crate) fn config(settings: &Settings) -> Config {
    Config {
        lanes: settings.lanes.max(1),
        in_flight: settings.in_flight,
        late_commit_bound: if is_planted(Bug::QuarantineTooShort) {
            settings.late_commit_bound / 4
        } else {
            settings.late_commit_bound
        },
        import_bound: settings.import_bound,
        patience: settings.patience,
    }
}

/// Both ports must reach the projects that the plan was made for.
async fn identify(world: &World<'_>) -> Result<(), RunError> {
    let header = &world.plan.header;
    for (side, port) in [(Side::Source, world.source), (Side::Target, world.target as &dyn Source)] {
        let pacers = header.pace(side, port, world.settings, world.env.clock);
        expect_identity(side, &reader(world, port, &pacers), header).await?;
    }
    Ok(())
}

pub(crate) fn reader<'a>(world: &World<'a>, port: &'a dyn Source, pacers: &'a Pacers<'a>) -> Reader<'a> {
    Reader {
        port,
        pacers,
        limit: world.settings.read_limit,
        clock: world.env.clock,
        patience: world.settings.patience,
    }
}

pub(crate) async fn expect_identity(
    side: Side,
    reader: &Reader<'_>,
    header: &Header,
) -> Result<(), RunError> {
    let found = reader.ask(Route::Lookup, || reader.port.identity()).await;
    header.sides().expect(side, found)
}

/// The plan of a folder and what its journal knows.
pub(crate) fn past(folder: &Path, rows: &[(Time, Row)]) -> Result<(Plan, Ledger), RunError> {
    if rows.is_empty() {
        return Err(JournalError::NoRun.into());
    }
    let ledger =
        Ledger::of(rows.iter().map(|(_, row)| row)).map_err(|detail| JournalError::Damaged { detail })?;
    let plan = Plan::read(&folder.join(folder::PLAN))?;
    let fingerprint = plan.fingerprint();
    if ledger.fingerprint.as_ref() != Some(&fingerprint) {
        return Err(RunError::NotApproved { fingerprint });
    }
    Ok((plan, ledger))
}

/// Reads how far the run of this folder is. It may be running elsewhere.
///
/// # Errors
/// See [`RunError`].
pub fn status(folder: &Path) -> Result<RunStatus, RunError> {
    let rows = SqliteJournal::read(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let summary = plan.summary();
    let over = plan.items.iter().zip(0_u32..).filter(|(item, place)| match item {
        Item::Device(device) => {
            !device.is_worked_on()
                || ledger.held.contains(place)
                || ledger.devices.get(place).is_some_and(|device| device.finished)
        }
        Item::Data(data) => {
            data.verdict != Verdict::Fill
                || ledger.held.contains(place)
                || ledger.data.get(place).is_some_and(|data| data.done)
        }
    });
    Ok(RunStatus {
        run: ledger.run.clone(),
        fingerprint: plan.fingerprint(),
        started_at: rows.first().map(|(at, _)| *at).unwrap_or_default(),
        finished_at: rows.iter().rev().find(|(_, row)| *row == Row::Finished {}).map(|(at, _)| *at),
        last_row_at: rows.last().map(|(at, _)| *at).unwrap_or_default(),
        last_sent_at: last_sent_at(&rows),
        records_done: ledger.stored,
        records_total: summary.records_missing,
        records_removed: ledger.removed,
        records_to_remove: summary.records_removed,
        items_done: over.count() as u64,
        items_total: plan.items.len() as u64,
        batches_open: ledger.open_batches(),
        held: held_items(&plan, &ledger),
        created: created(&plan, &ledger),
        actions: actions::actions(&plan, &ledger),
        awake: resting::left_active(&plan, &ledger),
    })
}

/// When a run last sent something, by the target's clock.
pub(crate) fn last_sent_at(rows: &[(Time, Row)]) -> Option<Time> {
    rows.iter().filter(|(_, row)| row.has_the_platforms_time()).map(|(at, _)| *at).max()
}

/// What the run of this folder was to do, and what of it was held back.
pub(crate) fn held_of(folder: &Path) -> Result<(Choices, Vec<HeldItem>), RunError> {
    not_planned_again(folder)?;
    let (plan, ledger) = past(folder, &SqliteJournal::read(folder)?)?;
    let held = held_items(&plan, &ledger);
    Ok((plan.header.choices, held))
}

/// What was held back, in words.
pub(crate) fn held_items(plan: &Plan, ledger: &Ledger) -> Vec<HeldItem> {
    let names: BTreeMap<DeviceId, &str> = plan
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Device(device) => Some((device.device, device.name.as_str())),
            Item::Data(_) => None,
        })
        .collect();
    let held = ledger.reasons.iter().filter_map(|(place, window, reason)| {
        let (device, variable, between) = match plan.items.get(*place as usize)? {
            Item::Device(device) => (device.device, None, None),
            Item::Data(data) => {
                let variable = window.and_then(|window| data.windows.get(window as usize));
                let variable = variable.map(|window| window.variable.clone());
                (data.device, variable, Some((data.from, data.to)))
            }
        };
        let name = names.get(&device).copied().unwrap_or_default().to_owned();
        Some(HeldItem { device, name, variable, between, reason: reason.clone() })
    });
    held.collect()
}

/// Devices that the run made: old id, new id, name.
pub(crate) fn created(plan: &Plan, ledger: &Ledger) -> Vec<(DeviceId, DeviceId, String)> {
    let made = ledger.devices.iter().filter_map(|(place, device)| {
        match (plan.items.get(*place as usize)?, device.made) {
            (Item::Device(item), Some(made)) => Some((item.device, made, item.name.clone())),
            _ => None,
        }
    });
    made.collect()
}

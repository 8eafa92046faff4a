//! The run as a pure state machine: [`step`] takes what happened and answers what to do. It waits for
//! nothing, asks nobody and knows no clock; whoever carries out the actions brings back their outcomes.
//!
//! Actions are carried out in their order: a row is durable before the next action begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tago_api::{ActionId, DeviceId, RecordId, Time};

use crate::action::PlatformAction;
use crate::batch::Batch;
use crate::control::Wish;
use crate::device::{Definition, Device, DeviceEdit, Fingerprint, Param, ParamWrite, Token};
use crate::inside::{self, Terms};
use crate::journal::{Filed, Row};
use crate::lane::sheet::Sheet;
use crate::load::{Load, Parcels};
use crate::plan::{DeviceItem, Item, Plan, Seal, Verdict};
use crate::ports::{PortError, WriteError};
use crate::record::Key;
use crate::replaced::Replaced;
use crate::resources::remap::Mapping;
use crate::run::{Ending, Halt, Side};

mod data;
mod device;
mod guard;
pub(crate) mod import;
pub(crate) mod ledger;
pub(crate) mod removal;
mod schedule;
pub(crate) mod token;

pub(crate) use device::{FRESH, MARKER};
use guard::Guard;
use import::{Errand, ErrandDone, Imports};
use ledger::Ledger;
use removal::{Selection, Sweep};

/// When something happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// On a clock that never goes back.
    pub(crate) elapsed: Duration,
    /// Date and time.
    pub(crate) now: Time,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The session begins.
    Start,
    /// Time has passed.
    Tick,
    /// The owner wants something else.
    Wish(Wish),
    /// The limits of the target allow the request now.
    Permitted(Subject),
    /// Both sides' records of an item.
    Read { item: u32, result: Result<Both, Trouble> },
    /// What became of a batch: how many records the platform says it added.
    Sent { item: u32, result: Result<u64, WriteError> },
    /// What is kept of the records that an item removes.
    Recalled { item: u32, result: Result<Vec<Replaced>, String> },
    /// Records of the target that were asked for by their ids.
    Named { item: u32, asked: Vec<RecordId>, result: Result<Vec<(Option<RecordId>, Key)>, PortError> },
    /// What became of records to be removed.
    Removed { item: u32, result: Result<(), WriteError> },
    /// A device on both sides.
    DeviceRead { item: u32, result: Result<Pair, Trouble> },
    /// Devices of the target with the item's marker.
    DevicesFound { item: u32, result: Result<Vec<DeviceId>, PortError> },
    /// Devices of the source of which a run has made one that it has not finished.
    TwinsFound { item: u32, result: Result<BTreeSet<DeviceId>, PortError> },
    /// What became of a write to a device; the new id if it was made.
    Worked { item: u32, result: Result<Option<DeviceId>, WriteError> },
    /// Tokens of a device of the target.
    TokensListed { device: DeviceId, result: Result<Vec<Token>, PortError> },
    /// What became of a token to be made.
    TokenMade { device: DeviceId, result: Result<Token, WriteError> },
    /// What became of a token to be removed.
    TokenRemoved { device: DeviceId, result: Result<(), WriteError> },
    /// The actions of the target that the rehearsal did not name.
    ActionsFound { result: Result<Vec<PlatformAction>, PortError> },
    /// An action of the target.
    ActionRead { action: ActionId, result: Result<PlatformAction, PortError> },
    /// What became of switching an action.
    ActionSwitched { action: ActionId, result: Result<(), WriteError> },
    /// What became of something that was done for the file lane.
    Lane(ErrandDone),
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Make a row durable.
    Journal(Row),
    /// Make these bytes durable under their hash.
    Keep(Vec<u8>),
    /// Answer [`Event::Permitted`] once one more request of this route keeps within the limits.
    Permit(Subject, Route),
    /// Read both sides' records of an item.
    Read { item: u32, device: DeviceId, terms: Arc<Terms> },
    /// Send a batch.
    Send { item: u32, device: DeviceId, token: Token, batch: Batch },
    /// Read what is kept of the records that an item removes.
    Recall { item: u32, kept: Seal },
    /// Read records of the target by their ids.
    Name { item: u32, device: DeviceId, ids: Vec<RecordId>, terms: Arc<Terms> },
    /// Remove records of the target by their ids.
    Remove { item: u32, device: DeviceId, ids: Vec<RecordId> },
    /// Read a device of the source, and its counterpart.
    ReadDevice { item: u32, target: Option<DeviceId> },
    /// Look for a device by the run's tag.
    FindDevices { item: u32, marker: String },
    /// Look for what other runs have made and not finished.
    FindTwins { item: u32 },
    /// Write to a device.
    Work { item: u32, work: Work },
    /// List the tokens of a device of the target.
    ListTokens { device: DeviceId },
    /// Make a token.
    MintToken { device: DeviceId, name: String },
    /// Remove a token.
    RemoveToken { device: DeviceId, token: Token },
    /// Read every action of the target that the rehearsal did not name, patiently.
    FindActions,
    /// Read an action of the target.
    Look { action: ActionId },
    /// Switch an action of the target on or off.
    Switch { action: ActionId, on: bool },
    /// Do something for the file lane.
    Lane(Errand),
    /// The journal would contradict itself: stop at once.
    Fault(String),
    /// The session is over.
    Finish(Ending),
}

/// A write to a device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    Create(Box<Definition>),
    Edit(DeviceId, Box<DeviceEdit>),
    Params(DeviceId, Vec<ParamWrite>),
}

/// Who asked for a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Item(u32),
    Token(DeviceId),
    Removal(DeviceId),
    Guard,
    Probe,
}

/// What shares one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    Read,
    Write,
    Lookup,
    Edit,
    Remove,
    File,
}

/// Both sides' records.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) source: Parcels,
    pub(crate) target: Parcels,
}

/// A device on both sides.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) source: (Device, Vec<Param>),
    pub(crate) target: Option<(Device, Vec<Param>, Vec<Token>)>,
}

/// Which side failed, and how.
pub(crate) type Trouble = (Side, PortError);

/// What a run must know of its settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    pub(crate) lanes: usize,
    pub(crate) in_flight: usize,
    pub(crate) late_commit_bound: Duration,
    pub(crate) import_bound: Duration,
    pub(crate) patience: Duration,
}

/// How far the run is.
pub(crate) struct State {
    plan: Arc<Plan>,
    config: Config,
    pub(crate) ledger: Ledger,
    waiting: BTreeSet<u32>,
    active: BTreeMap<u32, Stage>,
    sleeping: BTreeMap<u32, Duration>,
    /// Devices that the limits let be changed, and that are looked at once more before.
    admitted: BTreeSet<u32>,
    /// Requests that will bring an event.
    pending: u32,
    /// How to write to devices of the target.
    writers: BTreeMap<DeviceId, Writer>,
    refused_tokens: BTreeSet<Fingerprint>,
    device_items: BTreeMap<DeviceId, u32>,
    /// Data items that are not over, by device item.
    left: BTreeMap<u32, u32>,
    /// Writes to devices that were acknowledged, for each item.
    attempts: BTreeMap<u32, u32>,
    /// The last of them, and when it was.
    acknowledged: BTreeMap<u32, (Work, Duration)>,
    /// Devices with something to do.
    concerned: usize,
    wish: Wish,
    closing: Option<Ending>,
    tidying: Tidying,
    /// The id of the token that is being removed, and how often that was acknowledged, and when.
    removal: Option<(String, u32, Duration)>,
    /// Since when each side fails, and how often in a row.
    trouble: BTreeMap<Side, (Duration, u32)>,
    doubts_in_a_row: u32,
    refusals_in_a_row: u32,
    tokens_settled_at: Duration,
    /// How far items are with what they remove.
    sweeps: BTreeMap<u32, Sweep>,
    selection: Selection,
    /// Until then something of another run may arrive that the rehearsal did not see.
    quiet_until: Option<Duration>,
    /// Devices of the source of which another run has made one, once that is known.
    twins: Option<BTreeSet<DeviceId>>,
    /// What records call things, and how many devices were made when that was written down.
    terms: (usize, Arc<Terms>),
    /// What the target calls what devices name.
    names: Mapping,
    guard: Guard,
    imports: Imports,
}

enum Stage {
    Reading,
    WantsToken(Load, Batch),
    WantsToSend(Load, Batch),
    Sending(Load, Batch),
    WantsToUpload(Load, Batch, Sheet),
    Uploading(Load, Batch, Filed),
    WantsToImport(Load, Batch, Filed),
    Importing(Load, Batch, Filed),
    /// An import is counted, or fenced.
    Awaiting,
    Looking,
    Finding,
    /// Since then.
    WantsToWork(Work, Duration),
    Working(Work),
    Recalling,
    Probing,
    Naming,
    WantsToRemove,
    Removing,
}

enum Writer {
    Looking,
    Minting,
    Ready(Token),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tidying {
    No,
    Busy,
    Until(Duration),
}

/// A failing target is asked so often before the run stops asking.
const DOUBTS_IN_A_ROW: u32 = 12;
const REFUSALS_IN_A_ROW: u32 = 3;

/// The one transition function.
pub(crate) fn step(mut state: State, moment: Moment, event: Event) -> (State, Vec<Action>) {
    let mut turn = Turn { state: &mut state, moment, actions: Vec::new() };
    turn.guard_wakes();
    turn.imports_wake();
    turn.take(event);
    turn.schedule();
    turn.close();
    let actions = turn.actions;
    (state, actions)
}

impl State {
    /// The state that follows from a journal.
    pub(crate) fn new(plan: Arc<Plan>, config: Config, ledger: Ledger) -> State {
        let mut state = State {
            config,
            waiting: BTreeSet::new(),
            active: BTreeMap::new(),
            sleeping: BTreeMap::new(),
            admitted: BTreeSet::new(),
            pending: 0,
            writers: BTreeMap::new(),
            refused_tokens: BTreeSet::new(),
            device_items: BTreeMap::new(),
            left: BTreeMap::new(),
            attempts: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            concerned: 0,
            wish: Wish::Run,
            closing: None,
            tidying: Tidying::No,
            removal: None,
            trouble: BTreeMap::new(),
            doubts_in_a_row: 0,
            refusals_in_a_row: 0,
            tokens_settled_at: Duration::ZERO,
            sweeps: BTreeMap::new(),
            selection: Selection::default(),
            quiet_until: None,
            twins: None,
            terms: (0, Arc::new(Terms::of(&plan, &Ledger::default()))),
            names: inside::device::names(&plan.header),
            guard: Guard::default(),
            imports: Imports::default(),
            plan: Arc::clone(&plan),
            ledger,
        };
        for (place, item) in (0..).zip(&plan.items) {
            match item {
                Item::Device(device) => {
                    state.device_items.insert(device.device, place);
                    state.left.insert(place, 0);
                    if !state.device_over(place, device) {
                        state.waiting.insert(place);
                    }
                }
                Item::Data(data) => {
                    if data.verdict == Verdict::Fill && !state.data_over(place) {
                        state.waiting.insert(place);
                        if let Some(device) = state.device_items.get(&data.device) {
                            *state.left.entry(*device).or_default() += 1;
                        }
                    }
                }
            }
        }
        let concerned = plan.items.iter().filter_map(|item| match item {
            Item::Device(device) if device.is_worked_on() => Some(device.device),
            Item::Data(data) if data.verdict == Verdict::Fill => Some(data.device),
            _ => None,
        });
        state.concerned = concerned.collect::<BTreeSet<_>>().len();
        // A device that is ready is finished once its data is over.
        let unfinished: Vec<u32> = state.waiting.iter().copied().collect();
        for place in unfinished {
            let ready = state.ledger.devices.get(&place).is_some_and(|device| device.ready);
            if ready && state.left.get(&place).is_some_and(|left| *left > 0) {
                state.waiting.remove(&place);
            }
        }
        state
    }

    /// The same for a session that begins nothing and leaves the run as tidy as it can.
    pub(crate) fn ending(mut self) -> State {
        self.closing = Some(Ending::Stopped);
        self
    }

    /// When to bring [`Event::Tick`] at the latest.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let tidying = match self.tidying {
            // What is under way brings an event, and nothing is tidied before that.
            Tidying::Until(moment) if self.pending == 0 => Some(moment),
            _ => None,
        };
        let sleeping = match (self.wish, &self.closing) {
            (Wish::Run, None) => self.sleeping.values().min().copied(),
            _ => None,
        };
        let guard = self.guard.wakes_at(self.wish == Wish::Run, self.closing.is_some());
        let probe = self.imports.wakes_at().filter(|_| self.wish == Wish::Run && self.closing.is_none());
        [tidying, sleeping, guard, probe].into_iter().flatten().min()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.wish == Wish::Pause && self.pending == 0
    }

    pub(crate) fn is_tidying(&self) -> bool {
        self.tidying != Tidying::No || self.guard.is_releasing(self.closing.is_some())
    }

    pub(crate) fn items(&self) -> u64 {
        self.plan.items.len() as u64
    }

    /// Devices with something to do that are over, and all of them.
    pub(crate) fn devices(&self) -> (u64, u64) {
        let busy = |item: &u32| match &self.plan.items[*item as usize] {
            Item::Device(device) => device.device,
            Item::Data(data) => data.device,
        };
        let open = self.waiting.iter().chain(self.active.keys()).chain(self.sleeping.keys());
        let open: BTreeSet<DeviceId> = open.map(busy).collect();
        ((self.concerned - open.len()) as u64, self.concerned as u64)
    }

    /// What keeps the run from going on at full speed.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        let quiet = self.quiet_until.filter(|quiet| self.sleeping.values().any(|until| until == quiet));
        match self.trouble.first_key_value() {
            Some((side, _)) => Some(format!("the {side} to answer again")),
            None => quiet
                .map(|_| "whatever an earlier run may have left on its way to the target".to_owned())
                .or_else(|| self.guard.waiting_for(self.closing.is_some()))
                .or_else(|| self.imports.waiting_for()),
        }
    }

    /// Items that are over, and batches that wait to be looked for.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let open = self.waiting.len() + self.active.len() + self.sleeping.len();
        let parked = self.sleeping.keys().filter(|item| self.in_doubt(**item)).count();
        (self.plan.items.len().saturating_sub(open) as u64, parked as u64)
    }

    fn is_begun(&self, item: u32) -> bool {
        self.ledger.data.contains_key(&item) || self.ledger.devices.contains_key(&item)
    }

    fn in_doubt(&self, item: u32) -> bool {
        self.ledger.data.get(&item).is_some_and(|data| data.doubt)
            || self.ledger.devices.get(&item).is_some_and(|device| device.doubt)
    }

    fn device_over(&self, place: u32, device: &DeviceItem) -> bool {
        let done = self.ledger.devices.get(&place).is_some_and(|device| device.finished);
        done || self.ledger.held.contains(&place) || !device.is_worked_on()
    }

    fn data_over(&self, place: u32) -> bool {
        self.ledger.held.contains(&place) || self.ledger.data.get(&place).is_some_and(|data| data.done)
    }

    /// What records call things, as far as devices are made.
    fn terms(&mut self) -> Arc<Terms> {
        let made = self.ledger.devices.values().filter(|device| device.made.is_some()).count();
        if self.terms.0 != made {
            self.terms = (made, Arc::new(Terms::of(&self.plan, &self.ledger)));
        }
        Arc::clone(&self.terms.1)
    }

    /// Whether a device that records name has a name in the target; `None` as long as it may get one.
    fn is_named(&self, device: DeviceId) -> Option<bool> {
        let place = self.device_items.get(&device)?;
        if self.ledger.devices.get(place).is_some_and(|device| device.made.is_some()) {
            return Some(true);
        }
        self.ledger.held.contains(place).then_some(false)
    }

    /// The device of the target that belongs to a data item, once it takes data.
    fn ready_device(&self, device: DeviceId) -> Option<DeviceId> {
        let place = self.device_items.get(&device)?;
        let Item::Device(item) = self.plan.items.get(*place as usize)? else { return None };
        let ledger = self.ledger.devices.get(place);
        match item.verdict {
            Verdict::Create => ledger.filter(|ledger| ledger.ready)?.made,
            _ if item.wakes && !ledger.is_some_and(|ledger| ledger.ready) => None,
            Verdict::Update if !ledger.is_some_and(|ledger| ledger.ready) => {
                self.ledger.held.contains(place).then_some(item.target).flatten()
            }
            _ => item.target,
        }
    }
}

/// One call of [`step`].
struct Turn<'a> {
    state: &'a mut State,
    moment: Moment,
    actions: Vec<Action>,
}

/// What to do about a failed request.
enum Setback {
    Again,
    Later(Duration),
    Hold(String),
    Halt(Halt),
}

impl Turn<'_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::Start => self.start(),
            Event::Tick => {}
            Event::Wish(wish) => self.wish(wish),
            Event::Permitted(subject) => self.permitted(subject),
            Event::Read { item, result } => {
                self.state.pending -= 1;
                self.records_read(item, result);
            }
            Event::Sent { item, result } => {
                self.state.pending -= 1;
                self.sent(item, result);
            }
            Event::Recalled { item, result } => {
                self.state.pending -= 1;
                self.recalled(item, result);
            }
            Event::Named { item, asked, result } => {
                self.state.pending -= 1;
                self.named(item, &asked, result);
            }
            Event::Removed { item, result } => {
                self.state.pending -= 1;
                self.records_removed(item, result);
            }
            Event::DeviceRead { item, result } => {
                self.state.pending -= 1;
                self.device_read(item, result);
            }
            Event::DevicesFound { item, result } => {
                self.state.pending -= 1;
                self.devices_found(item, result);
            }
            Event::TwinsFound { item, result } => {
                self.state.pending -= 1;
                self.twins_found(item, result);
            }
            Event::Worked { item, result } => {
                self.state.pending -= 1;
                self.worked(item, result);
            }
            Event::TokensListed { device, result } => {
                self.state.pending -= 1;
                self.tokens_listed(device, result);
            }
            Event::TokenMade { device, result } => {
                self.state.pending -= 1;
                self.token_made(device, result);
            }
            Event::TokenRemoved { device, result } => {
                self.state.pending -= 1;
                self.token_removed(device, result);
            }
            Event::ActionsFound { result } => {
                self.state.pending -= 1;
                self.actions_found(result);
            }
            Event::ActionRead { action, result } => {
                self.state.pending -= 1;
                self.action_read(action, result);
            }
            Event::ActionSwitched { action, result } => {
                self.state.pending -= 1;
                self.action_switched(action, result);
            }
            Event::Lane(done) => {
                self.state.pending -= 1;
                self.errand_done(done);
            }
        }
    }

    /// What was under way when the last session ended may still arrive. How long ago that was nobody
    /// knows: the bound runs from here.
    fn start(&mut self) {
        let settled_at = self.moment.elapsed + self.state.config.late_commit_bound;
        self.journal(Row::Session {});
        self.hold_orphans();
        self.imports_start();
        let quiet_until = self.quiet_until();
        let waiting: Vec<u32> = self.state.waiting.iter().copied().collect();
        for item in waiting {
            if let Some(quiet) = quiet_until.filter(|_| !self.state.is_begun(item)) {
                self.state.waiting.remove(&item);
                self.state.sleeping.insert(item, quiet);
            } else if self.state.in_doubt(item) && !self.is_counted(item) {
                self.state.waiting.remove(&item);
                self.state.sleeping.insert(item, settled_at);
            }
        }
        self.guard_starts(quiet_until);
        if self.state.ledger.token_doubt.values().any(|open| *open > 0) {
            self.state.tokens_settled_at = settled_at;
        }
    }

    /// A run that was given up may have sent something just before this plan was made. Once it has arrived,
    /// what is sealed otherwise is held back; so nothing is begun before it must have. A clock that is
    /// turned in these moments deceives this.
    fn quiet_until(&mut self) -> Option<Duration> {
        let bound = self.state.config.late_commit_bound;
        let age = self.moment.now.millis() - self.state.plan.header.created_at.millis();
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        self.state.quiet_until =
            bound.checked_sub(age).filter(|rest| !rest.is_zero()).map(|rest| self.moment.elapsed + rest);
        self.state.quiet_until
    }

    fn wish(&mut self, wish: Wish) {
        self.state.wish = wish;
        if wish == Wish::Stop && self.state.closing.is_none() {
            self.state.closing = Some(Ending::Stopped);
        }
        if wish != Wish::Run {
            self.release();
        }
    }

    fn permitted(&mut self, subject: Subject) {
        match subject {
            Subject::Item(item) => match self.state.active.remove(&item) {
                Some(Stage::WantsToSend(load, batch)) => self.send(item, load, batch),
                Some(Stage::WantsToWork(work, since)) => self.admitted(item, work, since),
                Some(Stage::WantsToRemove) => self.look_at_records(item),
                Some(Stage::WantsToUpload(load, batch, sheet)) => self.upload(item, load, batch, sheet),
                Some(Stage::WantsToImport(load, batch, filed)) => self.import(item, load, batch, filed),
                Some(stage) => {
                    self.state.active.insert(item, stage);
                }
                None => {}
            },
            Subject::Token(device) => self.mint(device),
            Subject::Removal(device) => self.remove_tokens(device),
            Subject::Guard => self.switch_action(),
            Subject::Probe => self.probe_on(),
        }
    }

    fn journal(&mut self, row: Row) {
        match self.state.ledger.apply(&row) {
            Ok(()) => self.actions.push(Action::Journal(row)),
            Err(detail) => self.actions.push(Action::Fault(detail)),
        }
    }

    /// Makes bytes durable, before the rows that follow.
    fn keep(&mut self, bytes: Vec<u8>) -> Seal {
        let seal = Seal::of(&bytes);
        self.actions.push(Action::Keep(bytes));
        seal
    }

    /// Asks for something that brings an event.
    fn effect(&mut self, action: Action) {
        self.state.pending += 1;
        self.actions.push(action);
    }

    fn may_begin(&self) -> bool {
        self.state.wish == Wish::Run && self.state.closing.is_none()
    }

    /// Gives back what has asked for something and has sent nothing yet.
    fn release(&mut self) {
        self.state.admitted.clear();
        let idle: Vec<u32> = self
            .state
            .active
            .iter()
            .filter(|(_, stage)| {
                matches!(
                    stage,
                    Stage::WantsToken(..)
                        | Stage::WantsToSend(..)
                        | Stage::WantsToWork(..)
                        | Stage::WantsToRemove
                        | Stage::WantsToUpload(..)
                        | Stage::WantsToImport(..)
                )
            })
            .map(|(item, _)| *item)
            .collect();
        for item in idle {
            self.state.active.remove(&item);
            self.state.waiting.insert(item);
        }
        self.state.guard.gives_back();
    }

    fn halt(&mut self, halt: Halt) {
        if !matches!(self.state.closing, Some(Ending::Halted(_))) {
            self.state.closing = Some(Ending::Halted(halt));
        }
        self.release();
    }

    fn sleep(&mut self, item: u32, duration: Duration) {
        self.state.active.remove(&item);
        self.state.sleeping.insert(item, self.moment.elapsed + duration);
    }

    fn works(&mut self, side: Side) {
        self.state.trouble.remove(&side);
    }

    fn setback(&mut self, side: Side, cause: &PortError) -> Setback {
        match cause {
            PortError::RateLimited { .. } => Setback::Again,
            PortError::Auth { message } => Setback::Halt(Halt::Auth { side, message: message.clone() }),
            PortError::Quota { message } => Setback::Halt(Halt::Quota { message: message.clone() }),
            PortError::NotFound { message } => Setback::Hold(format!("not found on the {side}: {message}")),
            PortError::Refused { message } => Setback::Hold(format!("refused by the {side}: {message}")),
            PortError::Unreachable { message } | PortError::Undecodable { message } => {
                let (since, times) = *self
                    .state
                    .trouble
                    .entry(side)
                    .and_modify(|(_, times)| *times += 1)
                    .or_insert((self.moment.elapsed, 1));
                if self.moment.elapsed.saturating_sub(since) >= self.state.config.patience {
                    return Setback::Halt(Halt::Unreachable { side, message: message.clone() });
                }
                Setback::Later(Duration::from_millis(250 << times.min(5)))
            }
        }
    }

    /// Acts on a setback of an item that has nothing under way.
    fn set_back(&mut self, item: u32, side: Side, cause: &PortError) {
        if let (Side::Target, PortError::NotFound { .. }, Some(rest)) = (side, cause, self.is_just_made(item))
        {
            return self.sleep(item, rest);
        }
        match self.setback(side, cause) {
            Setback::Again => self.requeue(item),
            Setback::Later(pause) => self.sleep(item, pause),
            Setback::Hold(reason) => {
                let reason = self.with_remedy(item, reason);
                self.hold(item, reason);
            }
            Setback::Halt(halt) => {
                self.requeue(item);
                self.halt(halt);
            }
        }
    }

    fn requeue(&mut self, item: u32) {
        self.state.active.remove(&item);
        self.state.waiting.insert(item);
    }

    /// Gives up an item, and with a device that was not made all of its data.
    fn hold(&mut self, item: u32, reason: String) {
        self.state.active.remove(&item);
        self.state.sleeping.remove(&item);
        self.state.waiting.remove(&item);
        self.state.sweeps.remove(&item);
        self.journal(Row::Held { item, window: None, reason });
        let plan = Arc::clone(&self.state.plan);
        match &plan.items[item as usize] {
            Item::Data(data) => self.data_is_over(data.device),
            Item::Device(_) => self.hold_orphans(),
        }
    }

    /// Data of devices that will not be made.
    fn hold_orphans(&mut self) {
        let plan = Arc::clone(&self.state.plan);
        let orphaned = |place: &u32| match &plan.items[*place as usize] {
            Item::Data(data) => {
                let device = self.state.device_items.get(&data.device);
                device.is_some_and(|device| self.state.ledger.held.contains(device))
                    && self.state.ready_device(data.device).is_none()
            }
            Item::Device(_) => false,
        };
        let orphans: Vec<u32> = self.state.waiting.iter().copied().filter(orphaned).collect();
        for orphan in orphans {
            self.state.waiting.remove(&orphan);
            let reason =
                "its device could not be made or activated, so no record was written to it".to_owned();
            self.journal(Row::Held { item: orphan, window: None, reason });
        }
    }

    /// One data item of this device is done or held back. After the last one the device is finished.
    fn data_is_over(&mut self, device: DeviceId) {
        let Some(place) = self.state.device_items.get(&device).copied() else { return };
        let left = self.state.left.entry(place).or_default();
        *left = left.saturating_sub(1);
        if *left == 0 && self.state.ledger.devices.get(&place).is_some_and(|d| d.ready && !d.finished) {
            self.state.waiting.insert(place);
        }
    }
}

//! One seed: two projects, a plan, and sessions until the run is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tago_api::{ActionId, DeviceId, ParamId, Time};

use super::chance::Chance;
use super::journal::{Crash, Memory};
use super::oracle::{Bag, Key, bag, entry, judge, removed, renamed, wanted};
use super::port::{BEGINNING, FAULTS, FAULTS_OF_IMPORTS, FakePort, Fault, VirtualClock, token};
use super::steps;
use super::world::{FakeAction, FakeDevice, FakeRecord, Project};
use crate::clock::Clock;
use crate::control::Control;
use crate::device::{Definition, Param, Tag};
use crate::journal::{Journal, Row};
use crate::json::Json;
use crate::keep;
use crate::machine::ledger::Ledger;
use crate::plan::{Choices, Existing, Item, Lane, Plan, Policy, Tripped, Verdict};
use crate::progress::{Figures, Progress};
use crate::run::actions::leave;
use crate::run::drive::World;
use crate::run::resting::awake;
use crate::run::{Ending, HeldItem, go, held_items};
use crate::settings::{Env, Pace, Settings};

mod furnish;
mod proving;
mod undoing;

pub(super) use undoing::play_and_undo;

/// What one seed came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) seed: u64,
    pub(super) kinds: BTreeSet<&'static str>,
    pub(super) sessions: u64,
    /// Runs that were begun after one that was given up.
    pub(super) runs: u64,
    pub(super) rows: usize,
    /// The kinds of row that its journal holds.
    pub(super) steps: BTreeSet<String>,
    /// Rows of the undo among them.
    pub(super) undo_rows: usize,
    pub(super) written: u64,
    /// Records of the target that a run had to remove.
    pub(super) removed: u64,
    /// Records, devices made and devices changed that were taken back.
    pub(super) undone: [u64; 3],
    /// Records that were removed and are written again.
    pub(super) written_back: u64,
    /// Records that were changed, dropped or doubled afterwards, and found by the proof.
    pub(super) harmed: u64,
    /// Records that the plan said it could not write.
    pub(super) blocked: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) foreign_changed: u64,
    pub(super) stuck: bool,
    /// Actions of the target that records of a run set off against its owner's will.
    pub(super) set_off: u64,
    /// How often an action was held.
    pub(super) held_actions: u64,
    pub(super) wrong: Vec<String>,
    pub(super) story: Vec<String>,
}

impl Outcome {
    /// Kinds of fault that struck; what an owner or a live device does is none.
    pub(super) fn faults(&self) -> usize {
        let none = ["live sender", "stop", "halt", "action switched by somebody"];
        self.kinds.iter().filter(|kind| !none.contains(kind)).count()
    }

    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.lost + self.doubled + self.foreign_changed + self.set_off > 0
            || self.stuck
            || !self.wrong.is_empty()
        {
            return Err(format!(
                "{} lost, {} duplicated, {} foreign changed, {} set off, stuck: {}, {:?}",
                self.lost, self.doubled, self.foreign_changed, self.set_off, self.stuck, self.wrong
            ));
        }
        Ok(())
    }
}

pub(super) fn play(seed: u64) -> Outcome {
    played(|| Play::new(seed))
}

/// The first session ends at this row.
pub(super) fn play_and_end_at(seed: u64, crash: Crash) -> Outcome {
    played(|| Play { first_crash: Some(crash), ..Play::new(seed) })
}

fn played(play: impl FnOnce() -> Play) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async { play().play().await })
}

struct Play {
    chance: Chance,
    clock: Arc<VirtualClock>,
    source: FakePort,
    target: FakePort,
    settings: Settings,
    choices: Choices,
    outcome: Outcome,
    first_crash: Option<Crash>,
    keep: Arc<keep::Memory>,
    /// What others wrote to each device of the target, by the device's id there.
    foreign: Arc<Mutex<BTreeMap<DeviceId, Vec<FakeRecord>>>>,
    /// What the import of a file that was left behind brought of the same records.
    came: Arc<Mutex<BTreeMap<DeviceId, Vec<FakeRecord>>>>,
    /// Which actions of the target were active.
    actions: BTreeMap<ActionId, bool>,
    /// Which devices of the target were inactive.
    resting: BTreeMap<DeviceId, bool>,
}

/// Every seed sees so many kinds of fault.
pub(super) const LEAST_KINDS: usize = 3;
const SESSIONS: u64 = 60;
/// The newest record of the source; later ones belong to live devices.
const NEWEST: i64 = BEGINNING - 3_600_000;

impl Play {
    fn new(seed: u64) -> Play {
        let chance = Chance::new(seed);
        let clock = Arc::new(VirtualClock { start: tokio::time::Instant::now(), turned: Mutex::new(0) });
        let bound = Duration::from_secs(2);
        let mut faults = BTreeSet::new();
        // Some strike only where something is sent by stream.
        let kinds = LEAST_KINDS + chance.below(6) as usize + if seed % 4 == 1 { 3 } else { 0 };
        while faults.len() < kinds {
            faults.insert(*chance.pick(&FAULTS));
        }
        let rate = *chance.pick(&[1, 30, 100, 250]);
        if seed % 4 == 1 {
            faults.extend(FAULTS_OF_IMPORTS.iter().filter(|_| chance.permille(500)));
        }
        let owed = faults.iter().map(|fault| (*fault, chance.below(3))).collect::<Vec<_>>();
        let owed = Arc::new(Mutex::new(owed));
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let port = |name, rate| FakePort {
            name,
            project: Arc::new(Mutex::new(Project::default())),
            clock: Arc::clone(&clock),
            chance: chance.clone(),
            faults: faults.iter().copied().collect(),
            rate,
            owed: Arc::clone(&owed),
            bound,
            seen: Arc::clone(&seen),
            secrets: Arc::default(),
        };
        let (source, target) = (port("source", 0), port("target", rate));
        let mut settings = Settings {
            lanes: 1 + chance.below(4) as usize,
            in_flight: [1, 20_000, 64 << 20][seed as usize % 3],
            batch_bytes: 200 + chance.below(1_500) as usize,
            read_limit: *chance.pick(&[12, 20, 40, 10_000]),
            late_commit_bound: bound,
            import_bound: Duration::from_secs(4),
            worth_a_file: 1,
            pace: Pace::default(),
            patience: Duration::from_secs(20),
            locks: None,
        };
        let choices = Choices {
            policy: *chance.pick(&[Policy::Fill, Policy::Append]),
            existing: *chance.pick(&[Existing::Keep, Existing::TakeSource]),
            tripped: if chance.permille(150) { Tripped::LetFire } else { Tripped::Hold },
            lane: if seed % 4 == 1 { Lane::File } else { Lane::Stream },
            ..Choices::default()
        };
        let choices = if seed % 5 == 2 { replacing(choices, &Chance::new(!seed)) } else { choices };
        if choices.policy == Policy::Replace {
            // So that there are as many requests as without a choice of times.
            settings.batch_bytes = settings.batch_bytes.min(500);
        }
        let outcome = Outcome { seed, ..Outcome::default() };
        let mut play = Play {
            chance,
            clock,
            source,
            target,
            settings,
            choices,
            outcome,
            first_crash: None,
            keep: Arc::default(),
            foreign: Arc::default(),
            came: Arc::default(),
            actions: BTreeMap::new(),
            resting: BTreeMap::new(),
        };
        play.target.project.lock().unwrap().spoils =
            [None, None, Some("value"), Some("metadata")][seed as usize / 4 % 4];
        play.furnish();
        play.furnish_actions();
        play
    }

    async fn play(mut self) -> Outcome {
        let plan = self.rehearse().await;
        let plan = match plan {
            Ok(plan) => plan,
            Err(why) => {
                self.outcome.wrong.push(why);
                return self.outcome;
            }
        };
        let before: BTreeMap<DeviceId, Bag> = {
            let target = self.target.project.lock().unwrap();
            target.devices.iter().map(|(id, device)| (*id, bag(&device.records))).collect()
        };
        self.others_write();
        self.others_make_an_alarm();
        self.others_switch();
        self.furnish_file();
        self.target.project.lock().unwrap().imports_slowly = true;
        let (plan, journal) = match self.run_to_its_end(plan).await {
            Ok(ended) => ended,
            Err(why) => {
                self.outcome.wrong.push(why);
                return self.outcome;
            }
        };
        let rows = journal.rows();
        self.outcome.rows = rows.len();
        self.outcome.steps = rows.iter().map(|(_, row)| steps::of(row)).collect();
        self.outcome.kinds.extend(self.target.seen.lock().unwrap().iter().map(|fault| name(*fault)));
        match Ledger::of(rows.iter().map(|(_, row)| row)) {
            Ok(ledger) => {
                self.outcome.written = ledger.stored;
                if ledger.finished {
                    self.judge(&plan, &ledger, &before);
                    self.prove(&plan, &ledger).await;
                } else {
                    self.outcome.stuck = true;
                }
            }
            Err(why) => self.outcome.wrong.push(why),
        }
        if self.outcome.stuck || self.outcome.verdict().is_err() {
            let last = rows.iter().rev().take(40).rev();
            self.outcome.story.extend(last.map(|(at, row)| format!("{at} {row:?}")));
        }
        self.outcome
    }

    /// Sessions until the run is over. Now and then its owner gives it up, with whatever is on its way, and
    /// begins anew; then what a late batch has spoilt is rehearsed and run once more.
    async fn run_to_its_end(&mut self, mut plan: Plan) -> Result<(Plan, Memory), String> {
        let mut journal = Memory::default();
        if self.choices.policy == Policy::Append || !self.chance.permille(150) {
            self.sessions(&plan, &journal, SESSIONS).await;
            return Ok((plan, journal));
        }
        self.outcome.kinds.insert("run given up");
        let sessions = 1 + self.chance.below(3);
        self.sessions(&plan, &journal, sessions).await;
        let given_up = (plan.clone(), journal.clone());
        for _ in 0..4 {
            plan = self.rehearse_patiently().await?;
            journal = Memory::default();
            self.outcome.sessions = 0;
            self.outcome.runs += 1;
            self.sessions(&plan, &journal, SESSIONS).await;
            let rows = journal.rows();
            if Ledger::of(rows.iter().map(|(_, row)| row))?.reasons.is_empty() {
                break;
            }
        }
        self.release(&given_up.0, &given_up.1).await?;
        Ok((plan, journal))
    }

    /// The owner of a run that was given up has what it holds released.
    async fn release(&mut self, plan: &Plan, journal: &Memory) -> Result<(), String> {
        for _ in 0..SESSIONS {
            let rows = journal.rows();
            let ledger = Ledger::of(rows.iter().map(|(_, row)| row))?;
            let is_awake = !ledger.undo.undone && !awake(plan, &ledger).is_empty();
            if ledger.finished && !is_awake || !(ledger.holds_actions() || ledger.has_files || is_awake) {
                return Ok(());
            }
            self.recover();
            let (progress, control) = (Progress::new(Figures::default()), Control::new());
            let env = Env { clock: &*self.clock, nonce: 0, progress: &progress, control: &control };
            let (target, keep, settings) = (&self.target, &*self.keep, &self.settings);
            let world = World { plan, source: target, target, keep, settings, env };
            let mut memory = journal.session();
            memory.crash_at(None);
            let ended = leave(&world, ledger, &mut memory).await.map_err(|error| error.to_string())?;
            self.outcome.story.push(format!("let go: {ended:?}"));
            if ended == Ending::Stopped {
                return Ok(());
            }
        }
        Err("a run that was given up goes on holding actions".into())
    }

    /// Trouble that is on its way may meet a rehearsal too; then its owner tries again.
    async fn rehearse_patiently(&mut self) -> Result<Plan, String> {
        for _ in 0..4 {
            self.recover();
            if let Ok(plan) = self.rehearse().await {
                return Ok(plan);
            }
            self.clock.sleep(Duration::from_secs(2)).await;
        }
        self.recover();
        self.rehearse().await
    }

    /// The rehearsal has a peaceful world: what it does about faults is its reader's affair.
    async fn rehearse(&mut self) -> Result<Plan, String> {
        let (rate, progress, control) = (self.target.rate, Progress::new(Figures::default()), Control::new());
        self.target.rate = rate.min(30);
        let env =
            Env { clock: &*self.clock, nonce: self.outcome.seed, progress: &progress, control: &control };
        let plan = crate::rehearse(&self.source, &self.target, &self.choices, &self.settings, env).await;
        self.target.rate = rate;
        let mut plan = plan.map_err(|error| error.to_string())?;
        if !self.outcome.seed.is_multiple_of(2) {
            // As if no device had room for what is written beside what is removed.
            let removing = plan.items.iter().cloned().map(|mut item| {
                if let Item::Data(data) = &mut item {
                    data.removes_first = data.windows.iter().any(|window| !window.removed.is_empty());
                }
                item
            });
            plan.items = removing.collect();
        }
        match plan.obstacle() {
            Some(obstacle) => Err(obstacle),
            None => Ok(plan),
        }
    }

    /// Live devices go on sending, and somebody may write into a window.
    fn others_write(&mut self) {
        let chance = self.chance.clone();
        let mut target = self.target.project.lock().unwrap();
        let devices: Vec<DeviceId> = target.devices.keys().copied().collect();
        let Some(_) = devices.first() else { return };
        let (live, backdated) =
            (chance.below(12), if chance.permille(250) { 1 + chance.below(3) } else { 0 });
        for number in 0..live + backdated {
            let device = *chance.pick(&devices);
            let newest = if number < live { BEGINNING + 3_600_000 } else { NEWEST };
            let record = self.record(&format!("\"foreign {number}\""), newest);
            self.outcome.kinds.insert(if number < live { "live sender" } else { "backdated sender" });
            let at = self.clock.elapsed() + Duration::from_millis(chance.below(8_000));
            let foreign = Arc::clone(&self.foreign);
            target.coming.push((
                at,
                Box::new(move |project| {
                    if project.devices.contains_key(&device) {
                        project.arrive(device, vec![record.clone()], false);
                        foreign.lock().unwrap().entry(device).or_default().push(record);
                    }
                }),
            ));
        }
    }

    /// Somebody switches an alarm, once.
    fn others_switch(&mut self) {
        let chance = self.chance.clone();
        let mut target = self.target.project.lock().unwrap();
        let actions: Vec<ActionId> = target.actions.keys().copied().collect();
        if actions.is_empty() || !chance.permille(150) {
            return;
        }
        self.outcome.kinds.insert("action switched by somebody");
        let action = *chance.pick(&actions);
        let at = self.clock.elapsed() + Duration::from_millis(chance.below(6_000));
        target.coming.push((
            at,
            Box::new(move |project| {
                if let Ok(action) = project.action(action) {
                    action.active = !action.active;
                    action.switched = Some(action.active);
                }
            }),
        ));
    }

    fn run_id(&self) -> String {
        format!("{:08x}{:08x}", self.outcome.seed, self.outcome.runs)
    }

    async fn sessions(&mut self, plan: &Plan, journal: &Memory, most: u64) {
        let chance = self.chance.clone();
        let mut memory = journal.session();
        let begun = Row::Begun {
            run: self.run_id(),
            fingerprint: plan.fingerprint(),
            batch_bytes: self.settings.batch_bytes,
        };
        memory.append(self.clock.now(), &begun).unwrap();
        let crashes = chance.below(7);
        while self.outcome.sessions < most {
            self.outcome.sessions += 1;
            let mut memory = journal.session();
            let rows = journal.rows();
            let ledger = match Ledger::of(rows.iter().map(|(_, row)| row)) {
                Ok(ledger) => ledger,
                Err(why) => return self.outcome.wrong.push(why),
            };
            if ledger.finished {
                return;
            }
            let troubled = self.outcome.sessions <= crashes;
            let crash = Crash { row: chance.below(45) as usize, durable: chance.permille(500) };
            let crash = (troubled && chance.permille(700)).then_some(crash);
            journal.crash_at(self.first_crash.take().or(crash));
            let killed_after = Duration::from_millis(chance.below(3_000));
            let killed = troubled && chance.permille(300);
            // It was not killed, only asleep: a second process takes over, and the first one wakes beside it.
            let asleep = killed && chance.permille(400);
            if troubled && chance.permille(150) {
                self.trouble(chance.below(3));
            }
            // A restarted process has no secrets; a wall clock may have been turned meanwhile.
            self.target.secrets.lock().unwrap().clear();
            if self.outcome.sessions > 1 && chance.permille(100) {
                *self.clock.turned.lock().unwrap() = [-3_600_000, 0, 3_600_000][chance.below(3) as usize];
                self.outcome.kinds.insert("clock turned");
            }
            let ending = {
                let (progress, control) = (Progress::new(Figures::default()), Control::new());
                let env = Env { clock: &*self.clock, nonce: 0, progress: &progress, control: &control };
                let world = World {
                    plan,
                    source: &self.source,
                    target: &self.target,
                    keep: &*self.keep,
                    settings: &self.settings,
                    env,
                };
                let mut session = std::pin::pin!(go(&world, ledger, &mut memory));
                let hand = async {
                    match chance.below(10) {
                        0 => {
                            self.clock.sleep(Duration::from_millis(chance.below(500))).await;
                            control.pause();
                            self.clock.sleep(Duration::from_millis(chance.below(4_000))).await;
                            control.resume();
                        }
                        1 if troubled => {
                            self.clock.sleep(Duration::from_millis(chance.below(1_000))).await;
                            control.stop();
                        }
                        _ => {}
                    }
                    if killed {
                        self.clock.sleep(killed_after).await;
                    } else {
                        self.clock.sleep(Duration::from_secs(3_600)).await;
                    }
                };
                let ending = tokio::select! {
                    biased;
                    ending = &mut session => Some(ending),
                    () = hand => None,
                };
                if asleep && ending.is_none() {
                    self.outcome.kinds.insert("two processes");
                    let mut heir = journal.session();
                    let rows = journal.rows();
                    let control = Control::new();
                    let world = World { env: Env { control: &control, ..env }, ..world };
                    let inherited = Ledger::of(rows.iter().map(|(_, row)| row));
                    let takes_over = async {
                        let Ok(ledger) = inherited else { return };
                        let done = go(&world, ledger, &mut heir);
                        drop(tokio::time::timeout(Duration::from_secs(600), done).await);
                    };
                    let wakes = async {
                        self.clock.sleep(Duration::from_millis(1 + chance.below(3_000))).await;
                        tokio::time::timeout(Duration::from_secs(600), session).await
                    };
                    let ((), woken) = futures_util::future::join(takes_over, wakes).await;
                    if !matches!(woken, Ok(Err(_))) {
                        self.outcome
                            .wrong
                            .push(format!("an older session went on beside a newer: {woken:?}"));
                    }
                }
                ending
            };
            if killed {
                journal.lose_tail();
            }
            let story = match &ending {
                Some(Ok(ending)) => format!("{ending:?}"),
                Some(Err(error)) => format!("{error}"),
                None if killed => "killed".into(),
                None => "an hour without an end".into(),
            };
            self.outcome.kinds.extend(match &ending {
                Some(Ok(Ending::Stopped)) => Some("stop"),
                Some(Ok(Ending::Halted(_))) => Some("halt"),
                Some(Err(_)) => Some("crash at a row"),
                None => Some("crash between rows"),
                Some(Ok(Ending::Finished)) => None,
            });
            self.outcome.story.push(story);
            if let Some(Ok(Ending::Stopped)) = &ending {
                let rows = journal.rows();
                let held = Ledger::of(rows.iter().map(|(_, row)| row))
                    .map(|ledger| ledger.actions.values().filter(|action| action.held).count());
                if held != Ok(0) {
                    self.outcome.wrong.push(format!("{held:?} actions are held after a stop"));
                }
            }
            if let Some(Err(error)) = &ending
                && !error.to_string().contains("simulated process ended")
            {
                self.outcome.wrong.push(error.to_string());
            }
            if ending.is_none() && !killed {
                return;
            }
            self.recover();
            self.clock.sleep(Duration::from_millis(chance.below(3_000))).await;
            // Its owner has it let go of everything, and resumes it all the same.
            if troubled
                && (self.outcome.seed + self.outcome.sessions).is_multiple_of(3)
                && let Err(why) = self.release(plan, journal).await
            {
                self.outcome.wrong.push(why);
            }
        }
    }

    fn trouble(&mut self, which: u64) {
        let until = self.clock.elapsed() + Duration::from_millis(self.chance.below(2_000));
        self.outcome.kinds.insert(["credential refused", "target gone", "quota"][which as usize]);
        self.target.project.lock().unwrap().coming.push((
            until,
            Box::new(move |project| match which {
                0 => project.refusals.auth = true,
                1 => project.refusals.gone = true,
                _ => project.refusals.quota = true,
            }),
        ));
    }

    fn recover(&mut self) {
        let mut target = self.target.project.lock().unwrap();
        target.happen(self.clock.elapsed());
        target.refusals = super::world::Refusals::default();
    }

    /// Whether the owner's choice has this record in it.
    fn is_chosen(&self, (variable, time, _): &Key) -> bool {
        let time = Time::from_millis(*time);
        self.choices.from.is_none_or(|from| from <= time)
            && self.choices.to.is_none_or(|to| time <= to)
            && self.choices.variables.as_ref().is_none_or(|variables| variables.contains(variable))
    }

    fn judge(&mut self, plan: &Plan, ledger: &Ledger, before: &BTreeMap<DeviceId, Bag>) {
        let mut target = self.target.project.lock().unwrap();
        target.happen(self.clock.elapsed() + self.settings.late_commit_bound);
        for (id, action) in &target.actions {
            let holds = self.choices.tripped == Tripped::Hold;
            if holds && !action.fired.is_empty() {
                self.outcome.set_off += 1;
                let first = &action.fired[0];
                self.outcome.wrong.push(format!("{} was set off by {first}", action.name));
            }
            // One that somebody switches off just when the run does cannot be told from one that it held.
            let excused = holds && action.switched == Some(false);
            if action.active != action.switched.unwrap_or(self.actions[id]) && !excused {
                let now = if action.active { "active" } else { "inactive" };
                self.outcome.wrong.push(format!(
                    "{} is left {now}: {:?}",
                    action.name,
                    ledger.actions.get(id)
                ));
            }
        }
        self.outcome.held_actions = ledger.actions.values().map(|action| u64::from(action.times)).sum();
        let source = self.source.project.lock().unwrap();
        let foreign = self.foreign.lock().unwrap();
        let held = held_items(plan, ledger);
        let names: Vec<(String, String)> = plan
            .items
            .iter()
            .zip(0_u32..)
            .filter_map(|(item, place)| match item {
                Item::Device(item) => {
                    let made = || ledger.devices.get(&place)?.made;
                    Some((item.device.to_string(), item.target.or_else(made)?.to_string()))
                }
                Item::Data(_) => None,
            })
            .collect();
        let mut expected_devices = before.keys().copied().collect::<BTreeSet<_>>();
        for item in &plan.items {
            let Item::Device(item) = item else { continue };
            let ours = &source.devices[&item.device];
            let place = plan.items.iter().position(|other| other == &Item::Device(item.clone())).unwrap();
            let made = ledger.devices.get(&u32::try_from(place).unwrap()).and_then(|device| device.made);
            let Some(id) = item.target.or(made) else {
                self.outcome.wrong.push(format!("{} was not made: {held:?}", item.name));
                continue;
            };
            expected_devices.insert(id);
            let theirs = &target.devices[&id];
            let nothing = Bag::new();
            let had = before.get(&id).unwrap_or(&nothing);
            let mut others = foreign.get(&id).map(|records| bag(records)).unwrap_or_default();
            if self.choices.policy == Policy::Replace && self.outcome.runs > 0 {
                // A later rehearsal may have seen them, and the run that followed removed them.
                let there = bag(&theirs.records);
                let may_be_gone = |key: &Key| self.is_chosen(key) && !there.contains_key(key);
                others.retain(|key, _| !may_be_gone(key));
            }
            let mut wanted = wanted(&bag(&ours.records), had, self.choices.policy == Policy::Append);
            wanted.retain(|key, _| self.is_chosen(key));
            let wanted = renamed(&wanted, &names);
            let mut stays = had.clone();
            if self.choices.policy == Policy::Replace {
                let there = bag(&theirs.records);
                for (key, count) in removed(&bag(&ours.records), had) {
                    let stays = stays.entry(key.clone()).or_default();
                    // What is held back, or was blocked, is not touched; an earlier run may have removed it.
                    let is_left = is_left(plan, &held, item.device, &key);
                    let was_left = there.get(&key).copied().unwrap_or(0) >= *stays;
                    if !self.is_chosen(&key) || (is_left && (self.outcome.runs == 0 || was_left)) {
                        continue;
                    }
                    self.outcome.removed += count as u64;
                    *stays -= count;
                }
            }
            let findings = judge(&stays, &wanted, &others, theirs);
            self.outcome.doubled += findings.doubled;
            self.outcome.foreign_changed += findings.foreign_changed;
            for (variable, time, text) in findings.lost {
                let time = Time::from_millis(time);
                let excused = held.iter().any(|held| {
                    held.device == item.device
                        && held.variable.as_ref().is_none_or(|name| *name == variable)
                        && held.between.is_some_and(|(from, to)| from <= time && time <= to)
                });
                let blocked = plan.items.iter().any(|other| match other {
                    Item::Data(data) => {
                        data.device == item.device
                            && data.verdict == Verdict::Blocked
                            && (data.from..=data.to).contains(&time)
                    }
                    Item::Device(_) => false,
                });
                // An inactive device that an earlier run has finished takes no more.
                if blocked && self.outcome.runs > 0 {
                    self.outcome.blocked += 1;
                    continue;
                }
                let inside = others.keys().any(|(_, at, _)| *at <= NEWEST);
                if !excused || !inside {
                    self.outcome.lost += 1;
                    if self.outcome.lost == 1 {
                        let first =
                            format!("lost: {variable} at {time} of {}: {text}; held {held:?}", item.name);
                        self.outcome.wrong.push(first);
                    }
                }
            }
            let own = format!("Holdfast run {}", self.run_id());
            if theirs.tokens.iter().any(|token| token.name == own || token.name.starts_with("Holdfast probe"))
            {
                self.outcome.wrong.push(format!("a token of the run is left on {}", item.name));
            }
            // A run that was given up leaves a device active, and the next one finds it so.
            if !matches!(item.verdict, Verdict::Create | Verdict::Update)
                && self.outcome.runs == 0
                && self.resting.get(&id).is_some_and(|rests| *rests == theirs.definition.active)
            {
                let now = if theirs.definition.active { "active" } else { "inactive" };
                self.outcome.wrong.push(format!("{} is left {now}", item.name));
            }
            let kept = item.verdict == Verdict::Conflict;
            // One that a run had woken rests again once that run is given up, whatever the next one found.
            let rests_again = self.outcome.runs > 0
                && self.resting.get(&id).is_some_and(|rests| *rests && !theirs.definition.active);
            let active = ours.definition.active && !rests_again;
            let expected = Definition { active, ..ours.definition.clone() };
            let same = theirs.definition == expected && params(&theirs.params) == params(&ours.params);
            if item.verdict == Verdict::Update {
                let all = params(&ours.params).iter().all(|param| params(&theirs.params).contains(param));
                if theirs.definition != ours.definition || !all {
                    self.outcome.wrong.push(format!("{} was not brought to the source's state", item.name));
                }
            } else if !kept && !same {
                self.outcome.wrong.push(format!("{} is not what it was in the source", item.name));
            }
        }
        if target.files.keys().ne([furnish::OF_ITS_OWNER]) {
            self.outcome.wrong.push(format!("files in the end: {:?}", target.files.keys()));
        }
        if target.devices.keys().copied().collect::<BTreeSet<_>>() != expected_devices {
            self.outcome.wrong.push(format!(
                "{} devices instead of {}",
                target.devices.len(),
                expected_devices.len()
            ));
        }
    }
}

/// What an owner chooses who has a time range replaced: now and then only some variables.
fn replacing(choices: Choices, chance: &Chance) -> Choices {
    let minutes = |count: u64| i64::try_from(count).unwrap() * 60_000;
    let to = NEWEST - minutes(chance.below(3));
    let variables = ["temperature", "door"].map(str::to_owned).into_iter().collect();
    Choices {
        policy: Policy::Replace,
        from: Some(Time::from_millis(to - minutes(30 + chance.below(20)))),
        to: Some(Time::from_millis(to)),
        variables: chance.permille(300).then_some(variables),
        ..choices
    }
}

/// Whether a run has left a record as it was, and says so.
fn is_left(plan: &Plan, held: &[HeldItem], device: DeviceId, (variable, time, _): &Key) -> bool {
    let time = Time::from_millis(*time);
    let is_held = |held: &HeldItem| {
        held.device == device
            && held.variable.as_ref().is_none_or(|name| name == variable)
            && held.between.is_none_or(|(from, to)| from <= time && time <= to)
    };
    let is_blocked = |item: &Item| match item {
        Item::Data(data) => {
            data.device == device && data.verdict == Verdict::Blocked && (data.from..=data.to).contains(&time)
        }
        Item::Device(_) => false,
    };
    held.iter().any(is_held) || plan.items.iter().any(is_blocked)
}

fn params(params: &[Param]) -> Vec<(String, String, bool)> {
    let mut params: Vec<_> = params.iter().map(|p| (p.key.clone(), p.value.clone(), p.sent)).collect();
    params.sort();
    params
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::ReplyLost => "reply lost after commit",
        Fault::RequestLost => "request lost",
        Fault::NoConnection => "no connection",
        Fault::LateCommit => "late commit",
        Fault::PartialBatch => "partial batch",
        Fault::TooManyRequests => "429",
        Fault::ErrorAfterCommit => "5xx after commit",
        Fault::ErrorBeforeCommit => "5xx before commit",
        Fault::UnreadableReply => "unreadable reply",
        Fault::ReadFails => "read fails",
        Fault::ReadLag => "acknowledged and not yet seen",
        Fault::TokenRevoked => "device token revoked",
        Fault::ImportLate => "import late",
        Fault::ImportPartial => "import stored in part",
        Fault::ImportNever => "import that never comes",
    }
}

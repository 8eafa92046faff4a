use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tago_api::Time;
use tokio::time::Instant;

use super::fake::{Fake, Fault, Stored};
use super::fixture::{empty, whole};
use super::journal::Memory;
use crate::clock::Clock;
use crate::control::Control;
use crate::journal::{Journal, JournalError, SqliteJournal};
use crate::plan::Verdict;
use crate::progress::{Figures, Progress};
use crate::prove::Unfinished;
use crate::resources::document::says_nothing;
use crate::resources::hands::Hands;
use crate::resources::keep;
use crate::resources::kind::Kind;
use crate::resources::ledger::Ledger;
use crate::resources::plan::{Conflict, ResourceChoices, ResourcePlan};
use crate::resources::ports::{Address, Entries, Resources, SCRIPT};
use crate::resources::prove::{ResourceProof, examine};
use crate::resources::rehearse::rehearse;
use crate::resources::row::Row;
use crate::resources::run::drive;
use crate::resources::undo::{Undo, UndoChoices, Undone};
use crate::run::{Ending, Halt, Side};
use crate::settings::{Env, Pace, Settings};
use crate::sim::steps;

pub(super) const OURS: &str = "5f2a8e3b9c1d4e00aaaaaaaa";
pub(super) const THEIRS: &str = "5f2a8e3b9c1d4e00bbbbbbbb";

struct VirtualClock(Instant);

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Time {
        Time::from_millis(1_790_000_000_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Two projects, and one run from the one into the other.
pub(super) struct World {
    pub(super) source: Fake,
    pub(super) target: Fake,
    pub(super) choices: ResourceChoices,
    pub(super) pace: Pace,
    plan: Option<ResourcePlan>,
    pub(super) journal: Memory,
    keep: keep::Memory,
    clock: VirtualClock,
    pub(super) control: Control,
    pub(super) progress: Progress,
}

impl World {
    pub(super) fn new(source: Fake, target: Fake, choices: ResourceChoices) -> World {
        World {
            source,
            target,
            choices,
            pace: Pace::default(),
            plan: None,
            journal: Memory::default(),
            keep: keep::Memory::default(),
            clock: VirtualClock(Instant::now()),
            control: Control::new(),
            progress: Progress::new(Figures::default()),
        }
    }

    /// Into a project that holds nothing.
    pub(super) fn into_empty() -> World {
        // Every project has one configuration of TagoRUN, so there is none to make.
        let conflict_of_kind = BTreeMap::from([(Kind::RunConfiguration, Conflict::TakeSource)]);
        let choices = ResourceChoices { conflict_of_kind, ..ResourceChoices::default() };
        World::new(whole(1, OURS), empty(2, THEIRS), choices)
    }

    /// Into the original of a restored project, in which much was deleted and some changed.
    pub(super) fn into_damaged() -> World {
        let target = whole(1, THEIRS);
        let id = |name: &str| {
            let dump = target.dump();
            let found = dump.iter().find(|(_, stored)| {
                ["name", "label", "slug", "key", "path"]
                    .iter()
                    .any(|field| stored.document.get(*field).and_then(Value::as_str) == Some(name))
            });
            found.unwrap().0.clone()
        };
        for name in ["Truck 1", "Report", "Temperature", "manuals/door.txt", "TWILIO_SID", "Drivers"] {
            target.take(&id(name)).unwrap();
        }
        let by_hand = [
            (Kind::Network, "Our gateway", "description", Value::from("by hand")),
            (Kind::Connector, "Our probe", "description", "by hand".into()),
            (Kind::Dictionary, "WORDS", "name", "Other words".into()),
            (Kind::File, "images/logo.svg", "public", false.into()),
            (Kind::Secret, "TWILIO_TOKEN", "tags", json!([{"key": "team", "value": "south"}])),
        ];
        for (kind, name, field, value) in by_hand {
            let at = id(name);
            assert_eq!(at.kind, kind, "{name}");
            let mut stored = target.take(&at).unwrap();
            stored.document.insert(field.into(), value);
            target.put(at, stored);
        }
        let fleet = id("Fleet");
        target.take(&fleet).unwrap();
        target.take(&id("Map")).unwrap();
        let mut room = target.take(&id("Cold room 1")).unwrap();
        let at = Address::of(Kind::Device, whole_id("room"));
        room.document.insert("description".into(), "somebody wrote this".into());
        target.put(at, room);
        let mut orders = target.take(&id("Orders")).unwrap();
        orders.entries.pop_first();
        target.put(Address::of(Kind::Entity, whole_id("orders")), orders);
        let mut clean = target.take(&id("Clean up")).unwrap();
        clean.content = Some(b"print('other')".to_vec());
        let sha256 = crate::Seal::of(b"print('other')");
        clean.entries.insert("script".into(), json!({"sha256": sha256}));
        target.put(Address::of(Kind::Analysis, whole_id("cleanup")), clean);
        let choices = ResourceChoices { conflict: Conflict::TakeSource, ..ResourceChoices::default() };
        World::new(whole(1, OURS), target, choices)
    }

    pub(super) fn env(&self) -> Env<'_> {
        Env { clock: &self.clock, nonce: 7, progress: &self.progress, control: &self.control }
    }

    pub(super) fn settings() -> Settings {
        Settings { lanes: 3, ..Settings::default() }
    }

    pub(super) async fn rehearse(&self) -> ResourcePlan {
        rehearse(&self.source, &self.target, &self.choices, &World::settings(), self.env()).await.unwrap()
    }

    pub(super) async fn plan(&mut self) {
        let plan = self.rehearse().await;
        let begun = Row::Begun { run: "0000000000000007".into(), fingerprint: plan.fingerprint() };
        self.journal.append(self.clock.now(), &begun).unwrap();
        self.plan = Some(plan);
    }

    pub(super) fn ledger(&self) -> Ledger {
        Ledger::of(self.journal.rows.iter().map(|(_, row)| row)).unwrap()
    }

    pub(super) fn planned(&self) -> &ResourcePlan {
        self.plan.as_ref().unwrap()
    }

    /// A row that the run did not write.
    pub(super) fn note(&mut self, row: Row) {
        self.journal.append(self.clock.now(), &row).unwrap();
    }

    /// Leaves the run behind as a folder.
    pub(super) fn store(&self, folder: &Path) {
        self.planned().write(&folder.join(crate::folder::PLAN)).unwrap();
        let (mut journal, _) = SqliteJournal::open_of::<Row>(folder).unwrap();
        journal.append_all(&self.journal.rows).unwrap();
    }

    pub(super) async fn proof(&self, with_source: bool) -> ResourceProof {
        let source: Option<&dyn Resources> = with_source.then_some(&self.source as &dyn Resources);
        let (plan, ledger) = (self.planned(), self.ledger());
        let settings = World::settings();
        examine(plan, &ledger, source, &self.target, &Unfinished::nowhere(), &settings, self.env())
            .await
            .unwrap()
            .0
    }

    /// One session, until it ends or the process dies.
    pub(super) async fn session(&mut self) -> Result<Ending, JournalError> {
        let ledger = self.ledger();
        if ledger.finished {
            return Ok(Ending::Finished);
        }
        let mut journal = std::mem::take(&mut self.journal);
        let settings = Settings { pace: self.pace.clone(), ..World::settings() };
        let env = Env { clock: &self.clock, nonce: 7, progress: &self.progress, control: &self.control };
        let plan = self.plan.as_ref().unwrap();
        let hands = Hands::new(Some(&self.source), &self.target, &plan.header, &self.keep, &settings, env);
        let ending = drive(&hands, plan, ledger, &mut journal, &settings).await;
        self.journal = journal;
        ending
    }

    /// Sessions until the run is over.
    pub(super) async fn run(&mut self) -> Ending {
        for _ in 0..20 {
            match self.session().await {
                Ok(ending) => return ending,
                Err(_) => continue,
            }
        }
        panic!("the run does not end");
    }

    /// One session of the undo, without the source.
    async fn undo_once(&mut self, choices: UndoChoices) -> Result<(Ending, Undone), JournalError> {
        let ledger = self.ledger();
        let mut journal = std::mem::take(&mut self.journal);
        let settings = Settings { pace: self.pace.clone(), ..World::settings() };
        let env = Env { clock: &self.clock, nonce: 8, progress: &self.progress, control: &self.control };
        let plan = self.plan.as_ref().unwrap();
        let hands = Hands::new(None, &self.target, &plan.header, &self.keep, &settings, env);
        let mut undo = Undo::new(plan, ledger, choices);
        let ending = undo.drive(&hands, &mut journal, &settings).await;
        let told = undo.told();
        self.journal = journal;
        ending.map(|ending| (ending, told))
    }

    pub(super) async fn undo(&mut self) -> Undone {
        self.undo_with(UndoChoices::default()).await
    }

    pub(super) async fn undo_with(&mut self, choices: UndoChoices) -> Undone {
        for _ in 0..20 {
            match self.undo_once(choices).await {
                Ok((Ending::Finished, told)) => return told,
                Ok((ending, _)) => panic!("{ending:?}"),
                Err(_) => continue,
            }
        }
        panic!("the undo does not end");
    }

    /// What the target holds, without widgets that no dashboard arranges: no platform shows them.
    fn held(&self) -> BTreeMap<Address, Stored> {
        held(&self.target)
    }

    /// What must hold after every run that was carried to its end.
    pub(super) async fn check(&self, told: &str) {
        let ledger = self.ledger();
        let reasons: Vec<_> = ledger.items.values().filter_map(|item| item.held.clone()).collect();
        assert!(reasons.is_empty(), "{told}: held {reasons:?}");
        let again = self.rehearse().await;
        let left: Vec<_> = again
            .items()
            .iter()
            .filter(|item| item.verdict != Verdict::Skip)
            .map(|item| (&item.at, &item.verdict, &item.reasons, &item.unresolved))
            .collect();
        assert!(left.is_empty(), "{told}: a second plan is not empty: {left:#?}");
        let shape = |fake: &Fake| {
            let mut count: BTreeMap<Kind, usize> = BTreeMap::new();
            // A file under the id of what was made anew stays beside its copy.
            for at in held(fake).keys().filter(|at| at.kind != Kind::File) {
                *count.entry(at.kind).or_default() += 1;
            }
            count
        };
        assert_eq!(shape(&self.target), shape(&self.source), "{told}");
        for (at, stored) in self.held() {
            let text = serde_json::to_string(&(&stored.document, &stored.entries)).unwrap();
            assert!(!text.contains("holdfast_run"), "{told}: {at} still has the run's mark");
        }
    }
}

fn held(fake: &Fake) -> BTreeMap<Address, Stored> {
    let mut dump = fake.dump();
    let arranged: BTreeSet<String> = dump
        .values()
        .filter_map(|stored| stored.document.get("arrangement")?.as_array())
        .flatten()
        .filter_map(|place| place["widget_id"].as_str().map(str::to_owned))
        .collect();
    dump.retain(|at, _| at.kind != Kind::Widget || arranged.contains(&at.id));
    dump
}

fn same(one: &BTreeMap<Address, Stored>, other: &BTreeMap<Address, Stored>, told: &str) {
    for (at, stored) in one {
        let told_fields = |stored| told_fields(at.kind, stored);
        assert_eq!(Some(told_fields(stored)), other.get(at).map(told_fields), "{told}: {at}");
    }
    for at in other.keys() {
        assert!(one.contains_key(at), "{told}: {at} is gone");
    }
}

/// A field that says nothing is as good as absent. TagoRUN's objects are merged key by key, so a key
/// that was absent comes back as `null`.
fn told_fields(kind: Kind, stored: &Stored) -> Stored {
    let mut stored = stored.clone();
    if kind == Kind::RunConfiguration {
        stored.document.values_mut().for_each(drop_nothing);
    }
    stored.document.retain(|_, value| !says_nothing(value));
    stored
}

fn drop_nothing(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(drop_nothing);
        fields.retain(|_, value| !says_nothing(value));
    }
}

pub(super) fn whole_id(name: &str) -> String {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../../../fixtures/whole_project.json")).unwrap();
    let index = rows.iter().position(|row| row["name"] == name).unwrap();
    format!("512a8e3b9c1d4e00{index:08x}")
}

#[tokio::test(start_paused = true)]
async fn a_whole_project_arrives_in_an_empty_one_and_every_reference_resolves() {
    let mut world = World::into_empty();
    let before = world.target.dump();
    world.plan().await;
    let unresolved: Vec<_> =
        world.plan.as_ref().unwrap().items().iter().flat_map(|item| item.unresolved.clone()).collect();
    assert_eq!(unresolved, []);
    assert_eq!(world.run().await, Ending::Finished);
    world.check("into an empty project").await;
    let ours: BTreeSet<String> = world.source.dump().into_keys().map(|at| at.id).collect();
    for (at, stored) in world.target.dump() {
        let text = serde_json::to_string(&(&stored.document, &stored.entries)).unwrap();
        for id in ours.iter().filter(|id| id.len() == 24) {
            assert!(!text.contains(id.as_str()), "{at} still leads to {id}: {text}");
        }
        assert!(!text.contains("api.p1.tagoio.net") && !text.contains(OURS), "{at}: {text}");
        if matches!(at.kind, Kind::Action | Kind::Analysis) {
            assert_eq!(stored.document["active"], false, "{at} does not rest");
        }
    }
    let text = serde_json::to_string(&world.target.dump().values().map(|s| &s.document).collect::<Vec<_>>())
        .unwrap();
    assert!(text.contains("650000000000000000000b1e"), "the blueprint device's id is kept");
    let told = world.undo().await;
    same(&world.target.dump(), &before, "undone");
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_original_gets_back_what_it_lost_and_an_undo_takes_it_away() {
    let mut world = World::into_damaged();
    let before = world.target.dump();
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    world.check("into a damaged project").await;
    world.undo().await;
    same(&world.target.dump(), &before, "undone");
}

/// Every step of a run, carried out although its answer was lost, and found out.
#[tokio::test(start_paused = true)]
async fn each_step_may_happen_without_an_answer() {
    for make in [World::into_empty, World::into_damaged] {
        let steps = count_steps(make).await;
        for step in 0..steps {
            for fault in [
                Fault::ReplyLost,
                Fault::RequestLost,
                Fault::Late(Duration::from_secs(100)),
                Fault::NoConnection,
                Fault::TooMany,
            ] {
                let mut world = make();
                let before = held(&world.target);
                world.plan().await;
                world.target.fault(step, fault);
                let told = format!("{fault:?} at step {step}");
                assert_eq!(world.run().await, Ending::Finished, "{told}");
                world.check(&told).await;
                world.undo().await;
                same(&world.held(), &before, &told);
            }
        }
    }
}

/// The process dies at every row, before and after it is durable.
#[tokio::test(start_paused = true)]
async fn each_row_may_be_the_last() {
    for make in [World::into_empty, World::into_damaged] {
        let mut world = make();
        world.plan().await;
        world.run().await;
        let rows = world.journal.rows.len();
        for row in 1..rows {
            for durable in [false, true] {
                let mut world = make();
                world.plan().await;
                world.journal.dies_at = Some((row, durable));
                let told = format!("died at row {row}, durable {durable}");
                assert_eq!(world.run().await, Ending::Finished, "{told}");
                world.check(&told).await;
            }
        }
    }
}

/// Each step fails for good; what was done until then is taken back to a clean target.
#[tokio::test(start_paused = true)]
async fn a_run_that_fails_at_any_step_can_be_unwound() {
    for make in [World::into_empty, World::into_damaged] {
        let steps = count_steps(make).await;
        for step in 0..steps {
            for fault in [Fault::Refused, Fault::Gone] {
                let mut world = make();
                let before = held(&world.target);
                world.plan().await;
                world.target.fault(step, fault);
                let ending = world.run().await;
                assert!(fault == Fault::Refused || matches!(ending, Ending::Halted(_)), "{ending:?}");
                world.target.mend();
                let told = world.undo().await;
                same(&world.held(), &before, &format!("{fault:?} at step {step}"));
                assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:?}");
            }
        }
    }
}

/// Each step of the undo, without an answer or with the process dead, and then the whole undo again.
#[tokio::test(start_paused = true)]
async fn each_undo_may_be_repeated() {
    for make in [World::into_empty, World::into_damaged] {
        let mut world = make();
        world.plan().await;
        world.run().await;
        let (writes, rows) = (world.target.writes(), world.journal.rows.len());
        world.undo().await;
        let (steps, all) = (world.target.writes() - writes, world.journal.rows.len());
        let faults =
            [Fault::ReplyLost, Fault::RequestLost, Fault::Late(Duration::from_secs(100)), Fault::TooMany];
        let mut cases: Vec<(Trouble, Option<(usize, bool)>)> = Vec::new();
        cases.extend((0..steps).flat_map(|step| faults.map(|fault| (Some((step, fault)), None))));
        cases.extend((rows..all).flat_map(|row| [(None, Some((row, false))), (None, Some((row, true)))]));
        for (fault, death) in cases {
            let mut world = make();
            let before = held(&world.target);
            world.plan().await;
            world.run().await;
            if let Some((step, fault)) = fault {
                world.target.fault(step, fault);
            }
            world.journal.dies_at = death;
            let told = world.undo().await;
            same(&world.held(), &before, &format!("{fault:?} {death:?}"));
            let writes = world.target.writes();
            assert_eq!(world.undo().await, told, "a second undo");
            assert_eq!(world.target.writes(), writes, "a second undo wrote something");
        }
    }
}

/// A target that loses every answer and does nothing is not asked for ever; the rest of the undo waits.
#[tokio::test(start_paused = true)]
async fn an_undo_that_gets_no_answer_halts_and_can_be_repeated() {
    let mut world = World::into_empty();
    let before = held(&world.target);
    world.plan().await;
    world.run().await;
    (0..100).for_each(|write| world.target.fault(write, Fault::RequestLost));
    let (ending, _) = world.undo_once(UndoChoices::default()).await.unwrap();
    assert!(matches!(ending, Ending::Halted(Halt::Unreachable { side: Side::Target, .. })), "{ending:?}");
    world.target.mend();
    world.undo().await;
    same(&world.held(), &before, "undone");
}

/// The owner's stop ends every wait within one act.
#[tokio::test(start_paused = true)]
async fn an_undo_stops_while_it_waits() {
    for fault in [Fault::RequestLost, Fault::TooMany, Fault::NoConnection] {
        let mut world = World::into_empty();
        let before = held(&world.target);
        world.plan().await;
        world.run().await;
        (0..100).for_each(|write| world.target.fault(write, fault));
        let (control, began) = (world.control.clone(), Instant::now());
        let stop = async move {
            tokio::time::sleep(Duration::from_millis(20_500)).await;
            control.stop();
        };
        let (undone, ()) = tokio::join!(world.undo_once(UndoChoices::default()), stop);
        assert_eq!(undone.unwrap().0, Ending::Stopped, "{fault:?}");
        assert!(began.elapsed() < Duration::from_secs(21), "{fault:?}: {:?}", began.elapsed());
        world.target.mend();
        world.control = Control::new();
        world.undo().await;
        same(&world.held(), &before, &format!("{fault:?}"));
    }
}

/// What somebody changed since stays, and is told: in a resource that the run made, and in each of its parts.
#[tokio::test(start_paused = true)]
async fn what_was_changed_since_stays() {
    let script = |stored: &mut Stored| {
        stored.content = Some(b"print('mine')".to_vec());
        stored.entries.insert(SCRIPT.into(), json!({"sha256": crate::Seal::of(b"print('mine')")}));
    };
    let cases: [(&str, Change<'_>); 9] = [
        ("Truck 1", &|stored| drop(stored.document.insert("description".into(), "now in Lisbon".into()))),
        ("Truck 1", &|stored| first(stored)["value"] = "mine".into()),
        ("Cold room 1", &|stored| drop(stored.entries.insert("mine".into(), json!({"value": "1"})))),
        ("Orders", &|stored| drop(stored.entries.insert("another".into(), json!({"id": "another"})))),
        ("Orders", &|stored| first(stored)["amount"] = 9.into()),
        ("Words", &|stored| first(stored)["texts"]["DOOR"] = "Gate".into()),
        ("Report", &script),
        // The source has no script of it, and the worklist says to upload one.
        ("Clean up", &script),
        ("Alarm", &|stored| drop(stored.document.insert("description".into(), "mine".into()))),
    ];
    for (number, (name, change)) in cases.into_iter().enumerate() {
        let mut world = World::into_empty();
        let at = named(&world.source, "Clean up");
        let mut without = world.source.take(&at).unwrap();
        (without.entries, without.content) = (Entries::new(), None);
        world.source.put(at, without);
        world.plan().await;
        world.run().await;
        let at = named(&world.target, name);
        let mut stored = world.target.take(&at).unwrap();
        change(&mut stored);
        world.target.put(at.clone(), stored.clone());
        let told = world.undo().await;
        let kept: Vec<&str> = told.changed_since.iter().map(|(_, name, _)| name.as_str()).collect();
        assert_eq!(kept, [name], "case {number}");
        assert_eq!(world.target.dump().get(&at), Some(&stored), "case {number}");
        assert!(told.reversed.iter().all(|(_, other, _)| other != name), "case {number}: {told:?}");
    }
}

/// What the platform itself puts into a part of what is made is nobody's.
#[tokio::test(start_paused = true)]
async fn what_the_platform_put_into_a_part_is_no_change() {
    let mut world = World::into_empty();
    world.target.gives_devices("calibrated", json!({"id": "0", "value": "no", "sent": false}));
    world.target.gives_devices("interval", json!({"id": "1", "value": "60", "sent": false}));
    let before = world.target.dump();
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    world.check("with parameters of its own").await;
    let told = world.undo().await;
    same(&world.target.dump(), &before, "undone");
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:?}");
}

fn named(fake: &Fake, name: &str) -> Address {
    let is_named = |stored: &Stored| stored.document.get("name").is_some_and(|found| found == name);
    fake.dump().into_iter().find(|(_, stored)| is_named(stored)).unwrap().0
}

fn first(stored: &mut Stored) -> &mut Value {
    stored.entries.values_mut().next().unwrap()
}

/// Somebody changes a resource between the rehearsal and the run: it is held back, and the rest runs.
#[tokio::test(start_paused = true)]
async fn a_changed_item_is_held_back_and_the_rest_runs() {
    let mut world = World::into_damaged();
    world.plan().await;
    let room = Address::of(Kind::Device, whole_id("room"));
    let mut stored = world.target.take(&room).unwrap();
    stored.document.insert("name".into(), "Renamed".into());
    world.target.put(room.clone(), stored.clone());
    assert_eq!(world.run().await, Ending::Finished);
    let held: Vec<_> = world.ledger().items.into_iter().filter(|(_, item)| item.held.is_some()).collect();
    assert_eq!(held.len(), 1, "{held:?}");
    let plan = world.plan.as_ref().unwrap();
    assert_eq!(plan.items()[held[0].0 as usize].at, room);
    assert_eq!(world.target.dump()[&room], stored);
}

/// The same where entries of its part are changed, on either side, or made under the same key.
#[tokio::test(start_paused = true)]
async fn an_item_whose_entries_were_changed_is_held_back_and_the_rest_runs() {
    let script = |stored: &mut Stored| {
        stored.content = Some(b"print('mine')".to_vec());
        stored.entries.insert(SCRIPT.into(), json!({"sha256": crate::Seal::of(b"print('mine')")}));
    };
    let lost = World::into_damaged().source.dump()[&Address::of(Kind::Entity, whole_id("orders"))].clone();
    let row = lost.entries.keys().next().unwrap();
    let made = |stored: &mut Stored| {
        stored.entries.insert(row.clone(), json!({"id": row, "amount": 9}));
    };
    let gone = |stored: &mut Stored| stored.entries.clear();
    let cases: [(&str, Side, Change<'_>); 5] = [
        ("Clean up", Side::Target, &script),
        ("Clean up", Side::Target, &gone),
        ("Clean up", Side::Source, &script),
        ("Orders", Side::Target, &made),
        ("Orders", Side::Source, &|stored| first(stored)["amount"] = 9.into()),
    ];
    for (number, (name, side, change)) in cases.into_iter().enumerate() {
        let mut world = World::into_damaged();
        world.plan().await;
        let fake = if side == Side::Source { &world.source } else { &world.target };
        let at = named(fake, name);
        let mut stored = fake.take(&at).unwrap();
        change(&mut stored);
        fake.put(at, stored);
        let at = named(&world.target, name);
        let before = world.target.dump()[&at].clone();
        assert_eq!(world.run().await, Ending::Finished, "case {number}");
        let ledger = world.ledger();
        let held = ledger.items.iter().filter(|(_, item)| item.held.is_some());
        let held: Vec<&str> =
            held.map(|(place, _)| world.planned().items()[*place as usize].name.as_str()).collect();
        assert_eq!(held, [name], "case {number}");
        assert_eq!(world.target.dump()[&at], before, "case {number}");
    }
}

/// A plan from before says nothing of its entries, and is carried out.
#[tokio::test(start_paused = true)]
async fn a_plan_that_does_not_seal_its_entries_is_read_and_run() {
    let mut world = World::into_damaged();
    world.plan().await;
    let plan = world.plan.as_mut().unwrap();
    plan.items.iter_mut().for_each(|item| item.entry_seals.clear());
    let line = serde_json::to_string(&plan.items).unwrap();
    assert!(!line.contains("entry_seals"));
    plan.items = serde_json::from_str(&line).unwrap();
    assert_eq!(world.run().await, Ending::Finished);
    world.check("by a plan from before").await;
}

/// The program ends as something is about to be made, and somebody makes another one of the same name: neither the
/// undo nor the run takes it for its own.
#[tokio::test(start_paused = true)]
async fn what_somebody_made_under_the_same_name_is_not_the_run_s() {
    let cases: [(Kind, &str, Value); 6] = [
        (Kind::Network, "description", "mine".into()),
        (Kind::Connector, "description", "mine".into()),
        (Kind::Secret, "tags", json!([{"key": "team", "value": "mine"}])),
        (Kind::Dictionary, "name", "Mine".into()),
        (Kind::File, "sha256", crate::Seal::of(b"mine").as_str().into()),
        (Kind::RunUser, "company", "mine".into()),
    ];
    for (kind, field, value) in cases {
        for goes_on in [false, true] {
            let mut world = World::into_empty();
            world.plan().await;
            world.run().await;
            let is_making = |row: &Row| matches!(row, Row::CreateIntent { item, .. } if world.planned().items()[*item as usize].at.kind == kind);
            let row = world.journal.rows.iter().position(|(_, row)| is_making(row)).unwrap();
            let mut world = World::into_empty();
            world.plan().await;
            world.journal.dies_at = Some((row, true));
            assert!(world.session().await.is_err());
            let Row::CreateIntent { item, .. } = world.journal.rows[row].1 else { panic!("{kind}") };
            let planned = world.planned().items()[item as usize].clone();
            let mut stored = world.source.dump()[&planned.at].clone();
            stored.document.insert(field.into(), value.clone());
            let id = if kind == Kind::File { planned.at.id.clone() } else { "77".repeat(12) };
            let at = Address::of(kind, id);
            world.target.put(at.clone(), stored.clone());
            if goes_on {
                assert_eq!(world.run().await, Ending::Finished);
                assert_ne!(world.ledger().of_item(item).id.as_ref(), Some(&at.id), "{kind}");
            }
            let told = world.undo().await;
            assert_eq!(world.target.dump().get(&at), Some(&stored), "{kind}, goes on: {goes_on}");
            let kept: Vec<&Address> = told.changed_since.iter().map(|(at, ..)| at).collect();
            assert!(goes_on || kept == [&planned.at], "{kind}: {told:?}");
        }
    }
}

/// What the harnesses above repeat, fail and take back is every kind of row that a journal may hold, and of each
/// type its making, its change and its parts.
#[tokio::test(start_paused = true)]
async fn the_harnesses_take_every_step_there_is() {
    let (mut rows, mut steps) = (steps::all::<Row>(), BTreeSet::new());
    for make in [World::into_empty, World::into_damaged] {
        let mut world = make();
        world.plan().await;
        world.run().await;
        world.undo().await;
        for (_, row) in &world.journal.rows {
            rows.remove(&steps::of(row));
            let kind = |item: &u32| world.planned().items()[*item as usize].at.kind;
            steps.extend(match row {
                Row::CreateIntent { item, .. } => Some(format!("{} made", kind(item))),
                Row::EditIntent { item, .. } => Some(format!("{} changed", kind(item))),
                Row::EntriesIntent { item, .. } => Some(format!("{} filled", kind(item))),
                _ => None,
            });
        }
    }
    // Only where something goes wrong: `a_run_that_fails_at_any_step_can_be_unwound` and what others change.
    assert_eq!(rows, ["held", "suspended", "kept"].map(str::to_owned).into());
    let mut expected = BTreeSet::new();
    for descriptor in Kind::ALL.map(Kind::descriptor) {
        let kind = descriptor.kind;
        // Every project has one configuration of TagoRUN, so there is none to make.
        expected.extend((kind != Kind::RunConfiguration).then(|| format!("{kind} made")));
        let may_change = descriptor.fields.iter().any(|field| !descriptor.fixed.contains(field));
        expected.extend(may_change.then(|| format!("{kind} changed")));
        expected.extend(descriptor.part.map(|_| format!("{kind} filled")));
    }
    assert_eq!(steps, expected);
}

/// What somebody does to a resource.
type Change<'a> = &'a dyn Fn(&mut Stored);

/// Which write goes wrong, and how.
type Trouble = Option<(usize, Fault)>;

async fn count_steps(make: fn() -> World) -> usize {
    let mut world = make();
    world.plan().await;
    world.run().await;
    world.target.writes()
}

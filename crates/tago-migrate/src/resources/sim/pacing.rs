//! How much of the target's limits a run over resources and its undo take.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tago_api::Time;
use tokio::time::Instant;

use super::fake::Deed;
use super::fixture::whole;
use super::harness::{OURS, THEIRS, World};
use crate::resources::document::Document;
use crate::resources::kind::{Kind, Part};
use crate::resources::plan::{Conflict, ResourceChoices};
use crate::resources::ports::{Address, Entries};
use crate::run::Ending;

/// By the platform's clock, which this computer's is a day behind.
const THERE: i64 = 1_790_000_000_000 + 24 * HOUR;
const HOUR: i64 = 3_600_000;
/// Changes a minute.
const LIMIT: u32 = 20;

/// How long a run into a target takes to whose devices something was sent so many hours ago, and its undo;
/// and how many changes each of them makes.
async fn hours_after(hours: i64, share: Option<f64>) -> [(Duration, usize); 2] {
    let target = whole(1, THEIRS);
    for (at, mut stored) in target.dump() {
        if at.kind == Kind::Device {
            let sent = Time::from_millis(THERE - hours * HOUR);
            stored.document.insert("last_input".into(), sent.to_string().into());
        }
        if at.kind != Kind::RunConfiguration {
            let name = if at.kind == Kind::File { "sha256" } else { "description" };
            stored.document.insert(name.into(), "another".into());
        }
        target.put(at, stored);
    }
    *target.told.lock().unwrap() = Some(Time::from_millis(THERE));
    let choices = ResourceChoices { conflict: Conflict::TakeSource, ..ResourceChoices::default() };
    let mut world = World::new(whole(1, OURS), target, choices);
    world.plan().await;
    (world.pace.edits, world.pace.share) = (LIMIT, share);
    let (begun, before) = (Instant::now(), world.target.writes());
    assert_eq!(world.run().await, Ending::Finished);
    let (ran, written) = (begun.elapsed(), world.target.writes());
    let begun = Instant::now();
    world.undo().await;
    [(ran, written - before), (begun.elapsed(), world.target.writes() - written)]
}

fn at(share: f64, changes: usize) -> Duration {
    Duration::from_secs(60).mul_f64((changes - 1) as f64 / (f64::from(LIMIT) * share))
}

#[tokio::test(start_paused = true)]
async fn an_idle_target_is_changed_at_nearly_its_limits_and_a_live_one_leaves_room() {
    for (hours, share, taken) in [(7, None, 0.985), (1, None, 0.6), (1, Some(0.9), 0.9), (7, Some(0.3), 0.3)]
    {
        for (what, (took, changes)) in ["run", "undo"].into_iter().zip(hours_after(hours, share).await) {
            let due = at(taken, changes);
            // So many may come at once.
            let ahead =
                Duration::from_secs(30).min(Duration::from_secs(60).mul_f64((0.95 / taken - 1.0).max(0.0)));
            let told = format!("{what}, {hours} hours, {share:?}: {took:?} for {changes}, due {due:?}");
            assert!(changes >= 12, "{told}");
            assert!(
                took + ahead + Duration::from_secs(5) >= due && took <= due + Duration::from_secs(5),
                "{told}"
            );
        }
    }
}

/// A run that has much to change.
pub(super) async fn planned() -> World {
    let choices = ResourceChoices { conflict: Conflict::TakeSource, ..ResourceChoices::default() };
    let target = whole(1, THEIRS);
    for (at, mut stored) in target.dump() {
        if at.kind == Kind::Dashboard || at.kind == Kind::Action {
            stored.document.insert("description".into(), "another".into());
        }
        target.put(at, stored);
    }
    let mut world = World::new(whole(1, OURS), target, choices);
    world.plan().await;
    world
}

/// Each change is due half a minute after the last.
fn slow_down(world: &mut World) {
    (world.pace.edits, world.pace.share) = (2, Some(1.0));
}

/// A run carried to its end, after which changes are slow.
async fn slowly() -> World {
    let mut world = planned().await;
    assert_eq!(world.run().await, Ending::Finished);
    slow_down(&mut world);
    world
}

/// What the run is to change.
fn changing(world: &World) -> Vec<Address> {
    world.target.dump().into_keys().filter(|at| matches!(at.kind, Kind::Dashboard | Kind::Action)).collect()
}

/// Somebody describes these otherwise after so long.
fn describe(world: &World, after: Duration, all: &[Address]) {
    for at in all {
        let fields = Document::from_iter([("description".to_owned(), "mine".into())]);
        world.target.after(after, Deed::Edit(at.clone(), fields, None));
    }
}

/// Those of them that say what somebody wrote.
fn mine(world: &World, all: &[Address]) -> usize {
    let dump = world.target.dump();
    all.iter().filter(|at| dump[*at].document["description"] == "mine").count()
}

/// Why which of them were not carried out.
fn held(world: &World) -> Vec<(Address, String)> {
    let plan = world.planned();
    let items = world.ledger().items.into_iter();
    let held = items.filter_map(|(place, item)| Some((plan.items()[place as usize].clone(), item.held?)));
    held.map(|(item, reason)| (item.target.unwrap_or(item.at), reason)).collect()
}

const CHANGED: &str = "somebody changed it on the target since; rehearse again";

#[tokio::test(start_paused = true)]
async fn a_run_looks_again_after_it_has_waited_for_the_limits() {
    let mut world = planned().await;
    slow_down(&mut world);
    let all = changing(&world);
    // The first goes at once, the second has been looked at and waits.
    describe(&world, Duration::from_secs(15), &all);
    assert_eq!(world.run().await, Ending::Finished);
    assert_eq!(mine(&world, &all), all.len());
    let held = held(&world);
    assert!(held.len() > 2 && held.len() + 1 == all.len(), "{held:?} of {all:?}");
    assert!(held.iter().all(|(_, reason)| reason == CHANGED), "{held:?}");
    world.undo().await;
    assert_eq!(mine(&world, &all), all.len());
}

/// The same of an entry of a part.
#[tokio::test(start_paused = true)]
async fn a_run_looks_again_at_entries_after_it_has_waited_for_the_limits() {
    let target = whole(1, THEIRS);
    let mut param = None;
    for (at, mut stored) in target.dump() {
        match at.kind {
            // It is filled before.
            Kind::Dictionary => stored.entries.values_mut().for_each(|entry| entry["texts"] = json!({})),
            Kind::Device => {
                for (key, entry) in &mut stored.entries {
                    entry["value"] = "theirs".into();
                    param = Some((at.clone(), key.clone()));
                }
            }
            _ => {}
        }
        target.put(at, stored);
    }
    let (at, key) = param.unwrap();
    let choices = ResourceChoices { conflict: Conflict::TakeSource, ..ResourceChoices::default() };
    let mut world = World::new(whole(1, OURS), target, choices);
    world.plan().await;
    slow_down(&mut world);
    let there = Entries::from([(key.clone(), world.target.dump()[&at].entries[&key].clone())]);
    let mut written = there.clone();
    written.values_mut().for_each(|entry| entry["value"] = "mine".into());
    world.target.after(Duration::from_secs(15), Deed::Write(at.clone(), Part::Params, written, there, None));
    assert_eq!(world.run().await, Ending::Finished);
    assert_eq!(world.target.dump()[&at].entries[&key]["value"], "mine");
    assert_eq!(held(&world), [(at, CHANGED.to_owned())]);
}

/// What is made is looked for when its turn has come, not before.
#[tokio::test(start_paused = true)]
async fn a_run_makes_no_file_over_one_that_was_stored_while_it_waited() {
    let mut world = World::into_empty();
    world.choices.kinds = Some([Kind::File].into());
    world.plan().await;
    slow_down(&mut world);
    let theirs = Some(Bytes::from_static(b"theirs"));
    // The first is made at once.
    for (at, stored) in world.source.dump().into_iter().filter(|(at, _)| at.kind == Kind::File) {
        let mut fields = stored.document;
        fields.insert("path".into(), at.id.into());
        world.target.after(Duration::from_secs(15), Deed::Create(at.kind, None, fields, theirs.clone()));
    }
    assert_eq!(world.run().await, Ending::Finished);
    let (held, there) = (held(&world), world.target.dump());
    assert!(held.iter().all(|(at, _)| there[at].content == theirs.as_deref().map(<[u8]>::to_vec)));
    let reasons: BTreeMap<&str, usize> = held.iter().fold(BTreeMap::new(), |mut all, (_, reason)| {
        *all.entry(reason.as_str()).or_default() += 1;
        all
    });
    let same_key = "somebody made one with the same key since; rehearse again";
    assert_eq!(reasons, [(CHANGED, 1), (same_key, 2)].into());
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_changes_nothing_and_looks_again_when_it_goes_on() {
    let mut world = planned().await;
    slow_down(&mut world);
    let all = changing(&world);
    let (pause, hour) = (Duration::from_secs(15), Duration::from_secs(3_600));
    describe(&world, pause + hour / 2, &all[..1]);
    describe(&world, pause + hour / 2, &all[all.len() - 1..]);
    let (control, begun) = (world.control.clone(), Instant::now());
    let owner = async move {
        tokio::time::sleep(pause).await;
        control.pause();
        tokio::time::sleep(hour).await;
        control.resume();
    };
    let (ending, ()) = tokio::join!(world.run(), owner);
    assert_eq!(ending, Ending::Finished);
    let after: Vec<Duration> = world.target.written_at().iter().map(|at| *at - begun).collect();
    assert!(after.iter().any(|at| *at < pause) && after.iter().any(|at| *at >= pause + hour), "{after:?}");
    assert!(!after.iter().any(|at| *at >= pause && *at < pause + hour), "{after:?}");
    assert_eq!(mine(&world, &all), 2);
    let held = held(&world);
    assert!(!held.is_empty() && held.iter().all(|(_, reason)| reason == CHANGED), "{held:?}");
}

/// The limits let through what was asked for before the pause: it is looked at all the same.
#[tokio::test(start_paused = true)]
async fn what_the_limits_let_through_after_a_pause_is_looked_at_again() {
    let mut world = planned().await;
    slow_down(&mut world);
    let all = changing(&world);
    describe(&world, Duration::from_secs(25), &all);
    let control = world.control.clone();
    let owner = async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        control.pause();
        tokio::time::sleep(Duration::from_secs(9)).await;
        control.resume();
    };
    let (ending, ()) = tokio::join!(world.run(), owner);
    assert_eq!(ending, Ending::Finished);
    assert_eq!(mine(&world, &all), all.len());
}

#[tokio::test(start_paused = true)]
async fn an_undo_looks_again_after_it_has_waited_for_the_limits() {
    let mut world = slowly().await;
    // The first goes at once, the second has been looked at and waits.
    describe(&world, Duration::from_secs(15), &changing(&world));
    let told = world.undo().await;
    assert_eq!((told.reversed.len(), told.impossible.len()), (1, 0), "{told:?}");
    assert!(told.changed_since.len() > 1, "{told:?}");
    for (at, ..) in &told.changed_since {
        let stored = world.target.dump().remove(at).unwrap();
        assert_eq!(stored.document["description"], "mine");
    }
}

#[tokio::test(start_paused = true)]
async fn an_undo_waits_while_it_is_paused() {
    let mut world = slowly().await;
    let (control, before) = (world.control.clone(), world.target.writes());
    let owner = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(15)).await;
        control.pause();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        control.resume();
    });
    let begun = Instant::now();
    let told = world.undo().await;
    owner.await.unwrap();
    assert!(told.reversed.len() > 1 && told.changed_since.is_empty(), "{told:?}");
    let changes = u32::try_from(world.target.writes() - before).unwrap();
    let least = Duration::from_secs(3_600) + Duration::from_secs(30) * (changes - 3);
    assert!(begun.elapsed() >= least, "{:?} for {changes}, at least {least:?}", begun.elapsed());
}

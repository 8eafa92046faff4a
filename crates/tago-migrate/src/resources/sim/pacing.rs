//! How much of the target's limits a run over resources and its undo take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tago_api::Time;
use tokio::time::Instant;

use super::fake::Stored;
use super::fixture::whole;
use super::harness::{OURS, THEIRS, World};
use crate::resources::document::Document;
use crate::resources::kind::Kind;
use crate::resources::plan::{Conflict, ResourceChoices};
use crate::resources::ports::Address;
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

/// A run of which each change is due half a minute after the last, carried to its end.
async fn slowly() -> World {
    let mut world = planned().await;
    assert_eq!(world.run().await, Ending::Finished);
    slow_down(&mut world);
    world
}

fn slow_down(world: &mut World) {
    (world.pace.edits, world.pace.share) = (2, Some(1.0));
}

/// Dashboards and actions of the target say something else than the source's.
async fn planned() -> World {
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

#[tokio::test(start_paused = true)]
async fn a_run_looks_again_after_it_has_waited_for_the_limits() {
    let mut world = planned().await;
    slow_down(&mut world);
    let before = world.target.dump();
    let mine = Document::from_iter([("description".to_owned(), "mine".into())]);
    for at in before.keys().filter(|at| at.kind == Kind::Dashboard || at.kind == Kind::Action) {
        world.target.edit_after(Duration::from_secs(15), at.clone(), mine.clone());
    }
    assert_eq!(world.run().await, Ending::Finished);
    let says = |there: &BTreeMap<Address, Stored>| -> BTreeSet<Address> {
        let edited =
            there.iter().filter(|(_, stored)| stored.document.get("description") == mine.get("description"));
        edited.map(|(at, _)| at.clone()).collect()
    };
    let (by_owner, kept) = (says(&world.target.dump()), world.ledger());
    let held = kept.items.values().filter(|progress| progress.held.is_some()).count();
    assert!(held >= 3, "{held}");
    let told = world.undo().await;
    assert_eq!(says(&world.target.dump()), by_owner, "{told:?}");
    // The first went at once, before its owner came to it.
    let planned = before.keys().filter(|at| at.kind == Kind::Dashboard || at.kind == Kind::Action).count();
    assert_eq!(by_owner.len(), planned, "{by_owner:?} {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_changes_nothing() {
    let mut world = planned().await;
    slow_down(&mut world);
    let (control, before) = (world.control.clone(), world.target.writes());
    let owner = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(15)).await;
        control.pause();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        control.resume();
    });
    let begun = Instant::now();
    assert_eq!(world.run().await, Ending::Finished);
    owner.await.unwrap();
    let changes = u32::try_from(world.target.writes() - before).unwrap();
    // The first goes at once, and the second as soon as it may again.
    let least = Duration::from_secs(3_615) + Duration::from_secs(30) * (changes - 2);
    assert!(
        changes >= 4 && begun.elapsed() >= least,
        "{:?} for {changes}, at least {least:?}",
        begun.elapsed()
    );
}

/// No seal covers the value of a secret, or that somebody has chosen a password.
#[tokio::test(start_paused = true)]
async fn an_undo_leaves_what_its_owner_has_taken_into_use() {
    let mut world = World::into_empty();
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    let mut in_use = BTreeSet::new();
    for (at, mut stored) in world.target.dump() {
        let (field, value) = match at.kind {
            Kind::Secret => ("value_length", 7.into()),
            Kind::RunUser => ("last_login", "2027-01-01T00:00:00.000Z".into()),
            _ => continue,
        };
        stored.document.insert(field.to_owned(), value);
        world.target.put(at.clone(), stored);
        in_use.insert(at);
    }
    let told = world.undo().await;
    let left = world.target.dump().into_keys().filter(|at| matches!(at.kind, Kind::Secret | Kind::RunUser));
    assert_eq!(left.collect::<BTreeSet<_>>(), in_use);
    assert_eq!(told.changed_since.len(), in_use.len(), "{told:?}");
    assert!(in_use.len() >= 2 && told.impossible.is_empty(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_looks_again_after_it_has_waited_for_the_limits() {
    let mut world = slowly().await;
    let by_run = world.target.dump();
    // The first goes at once, the second has been looked at and waits.
    for at in by_run.keys().filter(|at| at.kind == Kind::Dashboard || at.kind == Kind::Action) {
        let fields = Document::from_iter([("description".to_owned(), "mine".into())]);
        world.target.edit_after(Duration::from_secs(15), at.clone(), fields);
    }
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

//! How much of the target's limits a run over resources and its undo take.

use std::time::Duration;

use tago_api::Time;
use tokio::time::Instant;

use super::fixture::whole;
use super::harness::{OURS, THEIRS, World};
use crate::resources::kind::Kind;
use crate::resources::plan::{Conflict, ResourceChoices};
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

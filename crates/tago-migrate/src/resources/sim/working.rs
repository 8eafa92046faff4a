//! The list of what is left to do, while its target answers slowly or not at all.

use std::time::Duration;

use async_trait::async_trait;
use tago_api::Time;

use super::fake::Fake;
use super::harness::World;
use crate::ports::PortError;
use crate::resources::kind::Kind;
use crate::resources::ports::{Address, Resources};
use crate::run::Side;
use crate::worklist::{DeviceUse, Task, Witness, WorkState, WorklistError, last_worklist, tick, worklist};

/// Every device is in use, and it takes a second to be told so.
#[async_trait]
impl Witness for Fake {
    async fn device_use(&self, device: &str) -> Result<DeviceUse, PortError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.read(&Address::of(Kind::Device, device)).await?;
        Ok(DeviceUse { last_input: Some(Time::from_millis(2_000_000_000_000)), tokens: Vec::new() })
    }

    async fn authorization_use(&self, _: &str) -> Result<Option<Time>, PortError> {
        Ok(None)
    }
}

async fn after_a_run() -> (World, tempfile::TempDir) {
    let mut world = World::into_empty();
    world.plan().await;
    world.run().await;
    let folder = tempfile::tempdir().unwrap();
    world.store(folder.path());
    (world, folder)
}

#[tokio::test(start_paused = true)]
async fn what_is_ticked_while_the_target_is_looked_at_stays_ticked() {
    let (world, folder) = after_a_run().await;
    let items = last_worklist(folder.path()).unwrap();
    let parser = items.iter().find(|item| item.task == Task::CheckParser).unwrap();
    let ticking = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        tick(folder.path(), &parser.key, true, Time::from_millis(1)).unwrap();
    };
    let settings = World::settings();
    let (looked, ()) =
        tokio::join!(worklist(folder.path(), &world.target, None, &settings, world.env()), ticking);
    for items in [looked.unwrap(), last_worklist(folder.path()).unwrap()] {
        let state = |state| items.iter().filter(|item| item.state == state).count();
        assert_eq!(state(WorkState::DoneByHand), 1);
        assert!(state(WorkState::Done) > 1, "{items:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_stopped_ends_at_once_and_what_it_saw_stays() {
    let (world, folder) = after_a_run().await;
    let settings = World::settings();
    let env = world.env();
    let begun = tokio::time::Instant::now();
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        env.control.stop();
    };
    let (looked, ()) = tokio::join!(worklist(folder.path(), &world.target, None, &settings, env), stopping);
    assert!(matches!(looked, Err(WorklistError::Stopped)), "{looked:?}");
    assert_eq!(begun.elapsed(), Duration::from_millis(1_500), "the question that was out is not waited for");
    let seen = last_worklist(folder.path()).unwrap();
    assert_eq!(seen.iter().filter(|item| item.state == WorkState::Done).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_falls_silent_is_waited_for_and_what_was_seen_of_it_stays() {
    let (world, folder) = after_a_run().await;
    let settings = World::settings();
    let vanishing = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        world.target.vanish();
    };
    let (looked, ()) =
        tokio::join!(worklist(folder.path(), &world.target, None, &settings, world.env()), vanishing);
    assert!(matches!(looked, Err(WorklistError::Port { side: Side::Target, .. })), "{looked:?}");
    let done =
        |items: Vec<crate::WorkItem>| items.iter().filter(|item| item.state == WorkState::Done).count();
    assert_eq!(done(last_worklist(folder.path()).unwrap()), 1);
    let mending = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        world.target.mend();
    };
    let (looked, ()) =
        tokio::join!(worklist(folder.path(), &world.target, None, &settings, world.env()), mending);
    assert!(done(looked.unwrap()) > 1);
}

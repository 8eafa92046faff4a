//! A comparison says how far it is, waits and ends when its owner wants that.

use super::fixture::whole;
use super::harness::{OURS, THEIRS, World};
use crate::progress::Phase;
use crate::resources::plan::ResourceChoices;
use crate::resources::rehearse::{ResourceRehearseError, rehearse};

fn world() -> World {
    World::new(whole(1, OURS), whole(2, THEIRS), ResourceChoices::default())
}

#[tokio::test(start_paused = true)]
async fn its_figures_count_every_resource_of_both_sides() {
    let world = world();
    world.rehearse().await;
    let figures = world.progress.borrow().clone();
    let there = (world.source.dump().len() + world.target.dump().len()) as u64;
    assert_eq!((figures.phase, figures.items_done, figures.items_total), (Phase::Done, there, there));
    assert!(figures.requests > there, "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn it_waits_while_it_is_paused_and_ends_when_it_is_stopped() {
    let world = world();
    // A request each second, so that there is a middle.
    let mut settings = World::settings();
    (settings.pace.lookups, settings.pace.share) = (60, Some(1.0));
    let comparing = rehearse(&world.source, &world.target, &world.choices, &settings, world.env());
    let owner = async {
        let second = std::time::Duration::from_secs(1);
        let mut figures = world.progress.subscribe();
        figures.wait_for(|figures| figures.items_done > 5).await.unwrap();
        world.control.pause();
        figures.wait_for(|figures| figures.phase == Phase::Paused).await.unwrap();
        tokio::time::sleep(60 * second).await;
        let paused = world.progress.borrow().clone();
        tokio::time::sleep(3600 * second).await;
        assert_eq!(world.progress.borrow().requests, paused.requests, "it asks nobody while it waits");
        world.control.resume();
        figures.wait_for(|figures| figures.items_done > paused.items_done).await.unwrap();
        assert_eq!(world.progress.borrow().phase, Phase::Scanning);
        world.control.stop();
    };
    let (ended, ()) = tokio::join!(comparing, owner);
    assert!(matches!(ended, Err(ResourceRehearseError::Stopped)), "{ended:?}");
    let figures = world.progress.borrow().clone();
    assert!(figures.items_done < figures.items_total, "{figures:?}");
}

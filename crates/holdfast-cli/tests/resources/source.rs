use tago_api::Time;
use tago_migrate::resources::Conflict;

use crate::fixture::{damage, fill};
use crate::moving::{Moving, differences};
use crate::running::{Running, Truths};
use crate::stored::stored;

/// Every type of resource goes into an empty project and into one that was damaged, is proven, and is taken
/// back: nothing but questions ever reaches the source, and it holds what it held.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_resources_only_reads_its_source() {
    let original = Running::start(1).await;
    let ids = fill(&original).await;
    let (source, empty) = (original.restored(2, Truths::default()).await, Running::start(3).await);
    damage(&original, &ids).await;
    for (target, conflict) in [(&empty, Conflict::KeepTarget), (&original, Conflict::TakeSource)] {
        let held = || stored(&source.project.database_path(), &source.project.blob_dir());
        let before = held();
        let moving = Moving::new(conflict);
        moving.run(&source, target).await;
        assert!(moving.prove(Some(&source), target).await.green);
        moving.undo(target).await;
        assert_eq!(differences(&before, &held()), Vec::<String>::new());
    }
    let asked = source.shared.requests.counts_since(Time::MIN, Some(source.project.id()));
    let written: Vec<_> = asked.keys().filter(|route| !route.starts_with("GET ")).collect();
    assert_eq!(written, Vec::<&String>::new());
    assert!(asked.len() > 10, "{asked:?}");
}

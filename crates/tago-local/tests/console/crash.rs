//! What a `kill -9` leaves behind: nothing half done.

use serde_json::{Value, json};

use crate::harness::{START, World, files_below, kept, text};

async fn with_data(world: &World) -> String {
    let project = world.project("Frostline").await;
    let readings: Vec<f64> = (0..3_000).map(|reading| f64::from(reading) / 9.0).collect();
    world.api(&project).await.device("Freezer", &readings).await;
    project
}

fn unfinished(world: &World) -> Vec<std::path::PathBuf> {
    let files = files_below(&world.data()).into_keys();
    files.filter(|path| path.to_string_lossy().contains("unfinished")).collect()
}

#[tokio::test]
async fn a_kill_during_a_snapshot_leaves_no_half_backup_and_the_daily_run_is_made_up_for() {
    for point in ["snapshot_copy", "snapshot_publish"] {
        let world = World::spawn().await;
        let project = with_data(&world).await;
        let first = world.back_up(&project).await;
        world.knob("/hold", json!({ "point": point })).await;
        let running = {
            let (clock, parked) =
                (world.knob("/clock", json!({ "advance_ms": 86_400_000 })), world.parked(point));
            tokio::pin!(clock);
            tokio::select! {
                _ = &mut clock => panic!("the clock answered before the backup was complete"),
                () = parked => {}
            }
            unfinished(&world)
        };
        assert!(!running.is_empty(), "{point}: nothing was half written");
        let world = World::spawn_in(world.kill(), "2026-03-02T12:00:00Z").await;
        let page = format!("{project}/main-database");
        // Answers when everything that was due is done.
        world.pass_days(0).await;
        assert_eq!(unfinished(&world), Vec::<std::path::PathBuf>::new());
        let last = world.get(&page).await["last_run"].clone();
        assert_eq!(last["status"], "completed", "{point}: the interrupted daily backup was not made up for");
        let listed = world.backups(&project).await;
        assert_eq!(listed.len(), 2, "{point}: {listed:?}");
        assert_eq!(listed[1]["id"], first["id"]);
        let (_, files) = world.paths(&project).await;
        assert_eq!(files.len(), files_below(&world.data().join("backups")).len());
        for backup in &listed {
            let restored = world.restore(&project, backup, "Copy").await;
            let contents = world.api(&restored).await.contents().await;
            assert_eq!(contents.values().next().unwrap().records.len(), 3_000);
        }
    }
}

#[tokio::test]
async fn a_kill_during_a_restore_leaves_no_half_project_and_says_so() {
    for point in ["restore_copy", "restore_rekey", "restore_publish"] {
        let world = World::spawn().await;
        let project = with_data(&world).await;
        let backup = world.back_up(&project).await;
        let before = world.api(&project).await.contents().await;
        world.knob("/hold", json!({ "point": point })).await;
        let (restored, deployment) = world.begin_restore(&project, &backup, "Copy").await;
        world.parked(point).await;
        assert!(!unfinished(&world).is_empty(), "{point}: nothing was half made");

        let world = World::spawn_in(world.kill(), START).await;
        let id = restored.rsplit('/').next().unwrap();
        let left: Vec<_> = files_below(&world.data())
            .into_keys()
            .filter(|path| path.to_string_lossy().contains(id))
            .collect();
        assert!(left.is_empty(), "{point}: {left:?}");
        let ended = world.get(&deployment).await;
        assert_eq!(ended["status"], "error");
        assert!(text(&ended["error"]).contains("Start the restore again"), "{ended}");
        let failed = world.get(&restored).await;
        assert_eq!((&failed["status"], &failed["api"]), (&json!("failed"), &Value::Null));
        assert_eq!(world.get(&format!("{restored}/meter")).await["total_micros"], 0);
        assert_eq!(world.api(&project).await.contents().await, before, "{point}: the old project changed");
        assert_eq!(world.backups(&project).await[0]["restored_as"], json!([]));

        let again = world.restore(&project, &backup, "Copy").await;
        assert_eq!(kept(&world.api(&again).await.contents().await), kept(&before));
    }
}

#[tokio::test]
async fn a_platform_ends_when_its_parent_does() {
    let world = World::spawn().await;
    let project = with_data(&world).await;
    let folder = world.stop().await;
    let world = World::spawn_in(folder, START).await;
    assert_eq!(world.get(&project).await["status"], "active");
}

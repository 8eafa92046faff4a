use serde_json::json;

use crate::harness::{World, files_below, text, time};

#[tokio::test]
async fn s01_an_owner_sees_all_recent_backups_and_can_make_one() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    assert!(world.backups(&project).await.is_empty());
    world.api(&project).await.device("Freezer", &[-20.0, -21.0]).await;
    let made = world.back_up(&project).await;
    assert_eq!((&made["status"], &made["kind"]), (&json!("completed"), &json!("manual")));
    assert_eq!(world.backups(&project).await, std::slice::from_ref(&made));
    let details = world.get(&format!("{project}/backups/{}", text(&made["id"]))).await;
    let rows = &details["manifest"]["rows"];
    assert_eq!((&rows["devices"], &rows["data"], &rows["params"]), (&json!(1), &json!(2), &json!(1)));
    let (_, files) = world.paths(&project).await;
    let bytes = std::fs::read(&files[text(&made["id"])]).unwrap();
    assert_eq!(details["manifest"]["sha256"], sha256(&bytes));
}

#[tokio::test]
async fn s02_each_backup_has_its_date_and_the_bytes_it_has_on_disk() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let (_, token) = api.device("Freezer", &[]).await;
    for day in 2..6 {
        let readings: Vec<f64> = (0..800).map(|reading| f64::from(reading) / 7.0).collect();
        api.send(&token, &readings).await;
        world.set_clock(&format!("2026-03-{day:02}T12:00:00Z")).await;
    }
    let backups = world.backups(&project).await;
    let (_, files) = world.paths(&project).await;
    assert_eq!(backups.len(), 4);
    for (backup, day) in backups.iter().zip([5, 4, 3, 2]) {
        assert_eq!(backup["created_at"], format!("2026-03-{day:02}T04:30:00.000Z"));
        let on_disk = std::fs::metadata(&files[text(&backup["id"])]).unwrap().len();
        assert_eq!(backup["size"], on_disk);
    }
    let sizes: Vec<_> = backups.iter().map(|backup| backup["size"].as_u64().unwrap()).collect();
    assert!(sizes.is_sorted_by(|newer, older| newer > older), "{sizes:?} do not grow with the data");
}

#[tokio::test]
async fn s09_a_backup_is_a_snapshot_of_the_data_at_its_moment_and_nobody_has_to_ask() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let (_, token) = api.device("Freezer", &[-20.0]).await;
    world.pass_days(1).await;
    api.send(&token, &[-10.0, -9.0]).await;
    let backups = world.backups(&project).await;
    assert_eq!((backups.len(), &backups[0]["kind"]), (1, &json!("daily")));
    let details = world.get(&format!("{project}/backups/{}", text(&backups[0]["id"]))).await;
    assert_eq!(details["manifest"]["rows"]["data"], 1);
}

#[tokio::test]
async fn s10_there_is_one_backup_each_day_however_the_days_pass() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let mut seen = Vec::new();
    for passed in
        ["2026-03-02T04:29:59Z", "2026-03-02T04:30:00Z", "2026-03-04T23:00:00Z", "2026-03-05T04:31:00Z"]
    {
        world.set_clock(passed).await;
        seen.push(world.backups(&project).await.len());
    }
    assert_eq!(seen, [0, 1, 3, 4]);
    let times: Vec<_> =
        world.backups(&project).await.iter().map(|backup| text(&backup["created_at"]).to_owned()).collect();
    assert_eq!(times, [5, 4, 3, 2].map(|day| format!("2026-03-{day:02}T04:30:00.000Z")));
}

#[tokio::test]
async fn s16_exactly_the_seven_most_recent_of_twelve_are_listed_newest_first() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.api(&project).await.device("Freezer", &[-20.0]).await;
    let mut earlier = Vec::new();
    for _ in 0..12 {
        world.pass_days(1).await;
        let backups = world.backups(&project).await;
        assert!(backups.len() <= 7);
        earlier.push(backups[0]["id"].clone());
    }
    let listed: Vec<_> = world.backups(&project).await.iter().map(|backup| backup["id"].clone()).collect();
    assert_eq!(listed, earlier.iter().rev().take(7).cloned().collect::<Vec<_>>());
    assert_eq!(files_below(&world.data().join("backups")).len(), 7, "what is not listed is not kept");
    for gone in &earlier[..5] {
        let path = format!("{project}/backups/{}", text(gone));
        world.ask(crate::harness::Who::Owner, "GET", &path, None).await.refused(404, "NOT_FOUND");
    }
    let oldest = &world.backups(&project).await[6];
    world.restore(&project, oldest, "From the oldest").await;
}

#[tokio::test]
async fn s16_a_backup_that_is_pruned_while_it_is_restored_is_restored_completely() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let readings: Vec<f64> = (0..900).map(f64::from).collect();
    let (_, token) = api.device("Freezer", &readings).await;
    world.pass_days(1).await;
    let backup = world.backups(&project).await[0].clone();
    let (_, files) = world.paths(&project).await;
    let file = files[text(&backup["id"])].clone();
    api.send(&token, &[1.0]).await;

    world.knob("/hold", json!({ "point": "restore_copy" })).await;
    let (restored, deployment) = world.begin_restore(&project, &backup, "Copy").await;
    world.parked("restore_copy").await;
    world.pass_days(9).await;
    let listed = world.backups(&project).await;
    assert!(listed.iter().all(|listed| listed["id"] != backup["id"]), "it is still listed");
    assert!(file.exists(), "the file went while it was being read");
    let quote = format!("{project}/backups/{}/quote", text(&backup["id"]));
    world.post(&quote, json!({})).await.refused(404, "NOT_FOUND");

    world.knob("/resume", json!({})).await;
    assert_eq!(world.end_of(&deployment).await["status"], "success");
    let contents = world.api(&restored).await.contents().await;
    assert_eq!(contents.values().map(|device| device.records.len()).collect::<Vec<_>>(), [900]);
    assert!(!file.exists(), "the file of a removed backup stays after its restore");
    let shown = world.get(&restored).await;
    assert_eq!(shown["restored_from"]["backup_created_at"], backup["created_at"]);
}

#[tokio::test]
async fn a_backup_made_by_hand_counts_among_the_seven_and_says_when_it_goes() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.pass_days(6).await;
    let by_hand = world.back_up(&project).await;
    assert_eq!(world.backups(&project).await.len(), 7);
    world.back_up(&project).await;
    let listed = world.backups(&project).await;
    assert_eq!(listed.len(), 7);
    assert_eq!(listed[1]["id"], by_hand["id"]);
    for backup in listed.iter().rev() {
        let goes = time(text(&backup["expires_at"]));
        world.set_clock(&(goes - std::time::Duration::from_millis(1)).to_string()).await;
        assert_eq!(listed_now(&world, &project, backup).await, 1, "{backup} went too early");
        world.set_clock(&goes.to_string()).await;
        assert_eq!(listed_now(&world, &project, backup).await, 0, "{backup} stays too long");
    }
}

async fn listed_now(world: &World, project: &str, backup: &serde_json::Value) -> usize {
    world.backups(project).await.iter().filter(|listed| listed["id"] == backup["id"]).count()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

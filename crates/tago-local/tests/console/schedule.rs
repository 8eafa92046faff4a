use serde_json::{Value, json};
use tago_api::Time;

use crate::harness::{START, Who, World, time};

async fn set(world: &World, project: &str, daily_time: &str, retention_days: i64) -> crate::harness::Answer {
    let body = json!({ "daily_time": daily_time, "retention_days": retention_days });
    world.ask(Who::Owner, "PUT", &format!("{project}/main-database"), Some(body)).await
}

#[tokio::test]
async fn s11_the_next_backup_comes_at_the_time_set_on_the_main_database() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let page = format!("{project}/main-database");
    let first = world.get(&page).await;
    assert_eq!((&first["daily_time"], &first["retention_days"]), (&json!("04:30"), &json!(7)));
    assert_eq!(first["next_run_at"], "2026-03-02T04:30:00.000Z");
    assert_eq!(first["last_run"], Value::Null);

    let changed = set(&world, &project, "18:45", 7).await.expect(200);
    assert_eq!(changed["next_runs"], json!([1, 2, 3].map(|day| format!("2026-03-{day:02}T18:45:00.000Z"))));
    world.set_clock("2026-03-01T18:44:59.999Z").await;
    assert!(world.backups(&project).await.is_empty());
    world.set_clock("2026-03-01T18:45:00.000Z").await;
    let backup = world.backups(&project).await[0].clone();
    assert_eq!(backup["created_at"], "2026-03-01T18:45:00.000Z");
    let after = world.get(&page).await;
    assert_eq!(after["last_run"]["backup"], backup["id"]);
    assert_eq!(after["next_run_at"], "2026-03-02T18:45:00.000Z");
    world.set_clock("2026-03-02T12:00:00Z").await;
    assert_eq!(world.backups(&project).await.len(), 1, "the old time still makes backups");
    let services = world.get(&format!("{project}/services")).await;
    let shown = json!({ "key": "backup_daily_time", "value": "18:45", "type": "string" });
    assert!(services[1]["settings"].as_array().unwrap().contains(&shown), "{services}");
}

#[tokio::test]
async fn a_shorter_retention_deletes_nothing_before_the_next_run_and_then_what_the_preview_said() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.pass_days(5).await;
    let before = world.backups(&project).await;
    assert_eq!(before.len(), 5);
    let wanted = json!({ "daily_time": "04:30", "retention_days": 2 });
    let preview = world.post(&format!("{project}/main-database/preview"), wanted).await.expect(200);
    let deletes: Vec<_> =
        preview["deletes"].as_array().unwrap().iter().map(|gone| gone["id"].clone()).collect();
    assert_eq!(deletes, before[1..].iter().map(|backup| backup["id"].clone()).collect::<Vec<_>>());
    assert_eq!(
        world.get(&format!("{project}/main-database")).await["retention_days"],
        7,
        "a preview changes nothing"
    );

    let changed = set(&world, &project, "04:30", 2).await.expect(200);
    assert_eq!(changed["prunes_next"], json!(deletes));
    assert_eq!(world.backups(&project).await.len(), 5);
    world.pass_days(1).await;
    let left: Vec<_> = world.backups(&project).await.iter().map(|backup| backup["id"].clone()).collect();
    assert_eq!((left.len(), &left[1]), (2, &before[0]["id"]));
}

#[tokio::test]
async fn a_schedule_out_of_range_is_refused_with_the_field_and_the_rule() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    for (daily_time, retention_days, field) in [
        ("4:30", 7, "daily_time"),
        ("24:00", 7, "daily_time"),
        ("04:30", 0, "retention_days"),
        ("04:30", 36, "retention_days"),
    ] {
        let sentence = set(&world, &project, daily_time, retention_days).await.refused(400, "BAD_REQUEST");
        assert!(sentence.starts_with(field), "{sentence}");
    }
    assert_eq!(world.get(&format!("{project}/main-database")).await["daily_time"], "04:30");
}

#[tokio::test]
async fn after_days_of_sleep_one_missed_backup_is_made_and_not_one_for_each_day() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.pass_days(2).await;
    let folder = world.stop().await;
    let later: Time = time(START) + std::time::Duration::from_secs(9 * 24 * 60 * 60);
    let world = World::start_in(folder, later).await;
    // The catch-up runs beside the console, which answers at once: there is nothing to wait for but its effect.
    let mut backups = world.backups(&project).await;
    while backups[0]["created_at"] != later.to_string() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        backups = world.backups(&project).await;
    }
    let next = world.get(&format!("{project}/main-database")).await;
    assert_eq!(next["next_run_at"], "2026-03-11T04:30:00.000Z");
    world.set_clock("2026-03-11T04:29:00Z").await;
    let ids = world.backups(&project).await;
    assert_eq!(ids[0]["id"], backups[0]["id"], "more than one missed backup was made");
}

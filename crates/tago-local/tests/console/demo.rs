//! The company that a new owner practises on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::harness::{Who, World, launch, text};

async fn company(world: &World) -> String {
    let projects = world.get("/api/projects").await;
    assert_eq!(projects.as_array().unwrap().len(), 1);
    assert_eq!(projects[0]["name"], "Frostline Logistics");
    format!("/api/projects/{}", text(&projects[0]["id"]))
}

#[tokio::test]
async fn the_demo_is_a_company_with_forty_devices_and_two_hundred_thousand_odd_records() {
    let world = World::spawn_with(Arc::new(tempfile::tempdir().unwrap()), &["--demo"]).await;
    let project = company(&world).await;
    let backups = world.backups(&project).await;
    assert_eq!(backups.len(), 7);
    let sizes: BTreeSet<_> = backups.iter().map(|backup| backup["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes.len(), 7, "two days look the same");
    let newest = world.get(&format!("{project}/backups/{}", text(&backups[0]["id"]))).await;
    let rows = &newest["manifest"]["rows"];
    assert!(rows["data"].as_u64().unwrap() >= 200_000, "{rows}");
    assert_eq!((&rows["devices"], &rows["actions"], &rows["analyses"]), (&json!(40), &json!(4), &json!(3)));
    for (kind, count) in
        [("dashboards", 3), ("widgets", 9), ("dictionaries", 1), ("access_policies", 1), ("secrets", 1)]
    {
        assert_eq!(rows[kind], json!(count), "{kind}");
    }

    let (_, files) = world.paths(&project).await;
    let snapshot = &files[text(&backups[0]["id"])];
    let snapshot = Connection::open_with_flags(snapshot, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = |rule: &str| -> u64 {
        snapshot
            .query_row(&format!("SELECT count(*) FROM records WHERE {rule}"), [], |row| row.get(0))
            .unwrap()
    };
    for oddity in [
        "value LIKE '\"%'",
        "value IN ('true', 'false')",
        "value LIKE '-%'",
        "value LIKE '%E%' AND value NOT LIKE '\"%'",
        "value LIKE '%ö%'",
        "value IS NULL",
        "location IS NOT NULL",
        "metadata LIKE '%❄%'",
        "unit = '°C'",
    ] {
        assert!(count(oddity) > 100, "too few records with {oddity}");
    }
    let twice: u64 = snapshot
        .query_row(
            "SELECT count(*) FROM (SELECT 1 FROM records
             GROUP BY device, variable, time, value, \"group\", metadata HAVING count(*) > 1)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(twice > 100, "only {twice} true duplicates");

    let seen = world.ask(Who::Collaborator, "GET", &project, None).await.expect(200);
    assert_eq!(seen["role"], "admin");
    let before = world.backups(&project).await;
    let world = World::spawn_with(world.kill(), &["--demo"]).await;
    assert_eq!(world.backups(&project).await, before, "a second start uses what is there");
    let id = project.rsplit('/').next().unwrap();
    let damage = world.post("/api/practice/bad-day", json!({ "project": id })).await.expect(200);
    assert!(damage["records_lost"].as_u64().unwrap() > 20_000, "{damage}");
    assert_eq!(damage["best_backup"], before[0]["id"]);
    let api = world.api(&project).await;
    let fleet = api.ask("GET", "/dashboard?filter[label]=Fleet", None).await[0]["id"].clone();
    let fleet = text(&fleet);
    let shown = api.ask("GET", &format!("/dashboard/{fleet}"), None).await;
    let map = text(&shown["arrangement"][0]["widget_id"]);
    let map = api.ask("GET", &format!("/data/{fleet}/{map}"), None).await;
    assert!(
        map["content"].as_array().unwrap().iter().all(|part| part["result"][0]["location"].is_object()),
        "{map}"
    );
    let left = api.ask("GET", "/device?amount=100", None).await;
    assert_eq!(left.as_array().unwrap().len(), 35);
    for device in damage["emptied_devices"].as_array().unwrap() {
        let (from, to) = (text(&damage["emptied_from"]), text(&damage["emptied_to"]));
        let range = format!("start_date={from}&end_date={to}");
        let path = format!("/device/{}/data?query=count&{range}", text(&device["id"]));
        assert_eq!(api.ask("GET", &path, None).await[0]["value"], json!(0));
        let amount = format!("/device/{}/data_amount", text(&device["id"]));
        assert_ne!(api.ask("GET", &amount, None).await, json!(0), "more than a month was emptied");
    }
}

#[tokio::test]
async fn a_demo_that_was_killed_while_it_was_made_is_made_again() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut half_made = launch(&folder, &["--demo", "--small"]);
    let backups = folder.path().join("data/backups");
    let begun = Instant::now();
    // Another process works there: its files are all that can be watched.
    while std::fs::read_dir(&backups).map_or(0, Iterator::count) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no backup was begun");
        std::thread::sleep(Duration::from_millis(2));
    }
    half_made.kill().unwrap();
    half_made.wait().unwrap();
    let world = World::spawn_with(folder, &["--demo", "--small"]).await;
    let project = company(&world).await;
    let backups = world.backups(&project).await;
    assert_eq!(backups.len(), 7);
    assert!(backups.iter().all(|backup| backup["error"] == Value::Null));
    let devices = world.api(&project).await.ask("GET", "/device?amount=100", None).await;
    assert_eq!(devices.as_array().unwrap().len(), 40);
}

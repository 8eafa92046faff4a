use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Who, World, files_below, kept, text};

#[tokio::test]
async fn s03_a_restored_project_is_isolated_and_holds_what_the_snapshot_held() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let (freezer, token) = api.device("Freezer", &[-20.0, -19.25, -20.0]).await;
    api.device("Cold room", &[4.5]).await;
    let at_backup = api.contents().await;
    let backup = world.back_up(&project).await;
    api.send(&token, &[99.0]).await;
    api.ask("PUT", &format!("/device/{freezer}"), Some(json!({ "name": "Renamed" }))).await;

    let path = world.restore(&project, &backup, "  Frostline, restored ").await;
    let restored = world.get(&path).await;
    assert_eq!(restored["name"], "Frostline, restored");
    assert_eq!(restored["status"], "active");
    assert_ne!(restored["id"], world.get(&project).await["id"]);
    assert_ne!(restored["api"], world.get(&project).await["api"]);
    assert_eq!(restored["restored_from"]["backup"], backup["id"]);
    let copy = world.api(&path).await;
    assert_eq!(kept(&copy.contents().await), kept(&at_backup));
    assert_eq!(copy.status_as(&api.token, "/device").await, 401, "the old project's token opens the copy");
    assert_eq!(api.status_as(&copy.token, "/device").await, 401, "the copy's token opens the old project");
}

#[tokio::test]
async fn s04_what_is_written_to_either_side_does_not_show_in_the_other() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let (freezer, token) = api.device("Freezer", &[-20.0]).await;
    let backup = world.back_up(&project).await;
    let copy = world.api(&world.restore(&project, &backup, "Copy").await).await;
    let (old, new) = (api.contents().await, copy.contents().await);

    api.send(&token, &[1.0, 2.0]).await;
    api.device("Only old", &[]).await;
    assert_eq!(copy.contents().await, new);
    let old_after = api.contents().await;
    assert_eq!((old_after[&freezer].records.len(), old_after.len()), (old[&freezer].records.len() + 2, 2));

    copy.ask("POST", &format!("/device/{freezer}/empty"), None).await;
    copy.device("Only new", &[]).await;
    assert_eq!(api.contents().await, old_after);
    let names = |contents: std::collections::BTreeMap<String, crate::harness::Contents>| -> BTreeSet<String> {
        contents.values().map(|contents| text(&contents.device["name"]).to_owned()).collect()
    };
    assert_eq!(names(copy.contents().await), ["Freezer", "Only new"].map(String::from).into());
}

/// In a process of its own: reading a live database's file would drop the locks of the process that has it open.
#[tokio::test]
async fn s04_not_one_byte_of_the_old_projects_database_changes_during_a_restore() {
    let world = World::spawn().await;
    let project = world.project("Frostline").await;
    let readings: Vec<f64> = (0..2_000).map(f64::from).collect();
    world.api(&project).await.device("Freezer", &readings).await;
    let backup = world.back_up(&project).await;
    let order = format!("{project}/backups/{}", text(&backup["id"]));
    let quote = world.post(&format!("{order}/quote"), json!({})).await.expect(200);
    let (database, _) = world.paths(&project).await;
    let before = bytes_of_database(&database);
    let order_body = json!({ "quote": quote["id"], "name": "Copy" });
    let begun = world.post(&format!("{order}/restore"), order_body).await.expect(202);
    let deployment = format!("{project}/deployments/{}", text(&begun["deployment"]));
    assert_eq!(world.end_of(&deployment).await["status"], "success");
    assert!(bytes_of_database(&database) == before, "the old project's database changed");
}

fn bytes_of_database(database: &Path) -> [Option<Vec<u8>>; 2] {
    let log = database.with_extension("sqlite-wal");
    assert!(database.exists());
    [database, &log].map(|path| std::fs::read(path).ok())
}

#[tokio::test]
async fn the_log_tells_what_really_happened_and_long_polling_misses_nothing() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let readings: Vec<f64> = (0..3_000).map(|reading| f64::from(reading) / 3.0).collect();
    api.device("Freezer", &readings).await;
    let backup = world.back_up(&project).await;
    world.knob("/hold", json!({ "point": "restore_rekey" })).await;
    let (restored, deployment) = world.begin_restore(&project, &backup, "Copy").await;
    world.parked("restore_rekey").await;
    let log = world.get(&deployment).await;
    let seen = log["log"].as_array().unwrap().clone();
    assert_eq!(log["status"], "in_progress");
    assert_eq!(
        (&world.get(&restored).await["status"], &world.get(&restored).await["api"]),
        (&json!("deploying"), &Value::Null)
    );
    let held = world.ask(Who::Owner, "DELETE", &restored, Some(json!({ "name": "Copy" }))).await;
    held.refused(409, "PROJECT_BUSY");
    for (method, path) in
        [("POST", "backups"), ("GET", "main-database"), ("POST", "access"), ("GET", "automations")]
    {
        let early = world.ask(Who::Owner, method, &format!("{restored}/{path}"), None).await;
        early.refused(409, "PROJECT_BUSY");
    }
    let source = world.ask(Who::Owner, "DELETE", &project, Some(json!({ "name": "Frostline" }))).await;
    source.refused(409, "PROJECT_BUSY");

    // Nothing is new while the work is parked; then the wait ends at once.
    let after = seen.len();
    let quiet = world.get(&format!("{deployment}?after={after}&wait_ms=100")).await;
    assert_eq!(quiet["log"], json!([]));
    let patient = format!("{deployment}?after={after}&wait_ms=20000");
    let waiting = world.get(&patient);
    let resuming = world.knob("/resume", json!({}));
    let begun = std::time::Instant::now();
    let (news, _) = tokio::join!(waiting, resuming);
    assert!(begun.elapsed() < Duration::from_secs(10), "the wait went on though there was news");
    assert_eq!(news["log"][0]["event"], "record_key_made");

    let ended = world.end_of(&deployment).await;
    let events: Vec<_> = ended["log"].as_array().unwrap().iter().map(|entry| text(&entry["event"])).collect();
    let mut once = events.clone();
    once.dedup();
    let expected = [
        "started",
        "bytes_copied",
        "check_passed",
        "record_key_made",
        "tokens_reissued",
        "automations_held",
        "api_answering",
        "finished",
    ];
    assert_eq!(once, expected);
    let copied: Vec<_> =
        ended["log"].as_array().unwrap().iter().filter(|entry| entry["event"] == "bytes_copied").collect();
    assert!(copied.len() >= 4, "{copied:?}");
    assert_eq!(copied.last().unwrap()["done"], backup["size"]);
    assert!(copied.iter().all(|entry| entry["total"] == backup["size"]));
    let by_new_project = deployment.replace(&project, &restored);
    assert_eq!(
        world.get(&by_new_project).await,
        ended,
        "the new project's owner follows the same deployment"
    );
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored_and_nothing_is_charged() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.api(&project).await.device("Freezer", &[-20.0]).await;
    let backup = world.back_up(&project).await;
    let (_, files) = world.paths(&project).await;
    let file = &files[text(&backup["id"])];
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();

    let (restored, deployment) = world.begin_restore(&project, &backup, "Copy").await;
    let ended = world.end_of(&deployment).await;
    assert_eq!(ended["status"], "error");
    assert!(text(&ended["error"]).contains("damaged"), "{ended}");
    assert_eq!(ended["log"].as_array().unwrap().last().unwrap()["event"], "failed");
    assert_eq!(world.get(&restored).await["status"], "failed");
    assert_eq!(world.get(&format!("{restored}/meter")).await["total_micros"], 0);
    let id = restored.rsplit('/').next().unwrap();
    let left: Vec<_> =
        files_below(&world.data()).into_keys().filter(|path| path.to_string_lossy().contains(id)).collect();
    assert!(left.is_empty(), "{left:?}");
    world.ask(Who::Owner, "DELETE", &restored, Some(json!({ "name": "Copy" }))).await.expect(200);
}

#[tokio::test]
async fn a_project_whose_database_is_ruined_can_still_be_restored_and_ruins_no_other() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.api(&project).await.device("Freezer", &[-20.0]).await;
    let other = world.project("Other").await;
    let backup = world.back_up(&project).await;
    let (database, _) = world.paths(&project).await;
    let folder = world.stop().await;
    std::fs::write(database, b"not a database, and long enough to be looked at").unwrap();
    let world = World::start_in(folder, crate::harness::time("2026-03-01T13:00:00Z")).await;
    assert_eq!(world.get(&other).await["status"], "active");
    let ruined = world.get(&project).await;
    assert_eq!((&ruined["status"], &ruined["api"]), (&json!("failed"), &Value::Null));
    world.ask(Who::Owner, "POST", &format!("{project}/backups"), None).await.refused(409, "CONFLICT");
    world.pass_days(1).await;
    let last = world.get(&format!("{project}/main-database")).await["last_run"].clone();
    assert_eq!(last["status"], "failed");
    assert_eq!(world.backups(&project).await[0]["id"], backup["id"], "a failed run pushed a backup out");
    let restored = world.restore(&project, &backup, "Rescued").await;
    assert_eq!(world.api(&restored).await.contents().await.len(), 1);
}

#[tokio::test]
async fn a_projects_name_has_1_to_100_characters() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let backup = world.back_up(&project).await;
    let backup = format!("{project}/backups/{}", text(&backup["id"]));
    let quote = world.post(&format!("{backup}/quote"), json!({})).await.expect(200);
    for name in ["", "   ", &"x".repeat(101), "two\nlines"] {
        let order = json!({ "quote": quote["id"], "name": name });
        let sentence = world.post(&format!("{backup}/restore"), order).await.refused(400, "BAD_REQUEST");
        assert!(sentence.starts_with("name:"), "{sentence}");
    }
    assert_eq!(
        world.get("/api/projects").await.as_array().unwrap().len(),
        1,
        "a refused order made a project"
    );
    let name = format!(" {} ", "é".repeat(100));
    let order = json!({ "quote": quote["id"], "name": name });
    world.post(&format!("{backup}/restore"), order).await.expect(202);
}

#[tokio::test]
async fn a_project_is_deleted_only_with_its_name_and_then_entirely() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.back_up(&project).await;
    let api = world.api(&project).await;
    for typed in [json!({}), json!({ "name": "frostline" }), json!({ "name": "" })] {
        world.ask(Who::Owner, "DELETE", &project, Some(typed)).await.refused(400, "BAD_REQUEST");
    }
    assert_eq!(api.status_as(&api.token, "/device").await, 200);
    world.ask(Who::Owner, "DELETE", &project, Some(json!({ "name": "Frostline" }))).await.expect(200);
    world.ask(Who::Owner, "GET", &project, None).await.refused(404, "NOT_FOUND");
    assert!(std::net::TcpStream::connect(api.address).is_err(), "its API still accepts connections");
    let id = project.rsplit('/').next().unwrap();
    assert!(files_below(&world.data()).keys().all(|path| !path.to_string_lossy().contains(id)));
}

#[tokio::test]
async fn projects_answer_at_their_ports_again_after_a_restart() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let (freezer, _) = api.device("Freezer", &[-20.0]).await;
    let backup = world.back_up(&project).await;
    let restored = world.restore(&project, &backup, "Copy").await;
    let listed = async |world: &World| {
        let mut projects = world.get("/api/projects").await;
        // What a database takes on disk depends on how much of its log was folded in.
        projects.as_array_mut().unwrap().iter_mut().for_each(|project| project["size"] = json!(0));
        projects
    };
    let before = listed(&world).await;
    let old_owner = text(&world.ready["owner"]["token"]).to_owned();
    let world = World::start_in(world.stop().await, crate::harness::time("2026-03-01T13:00:00Z")).await;
    assert_eq!(listed(&world).await, before);
    assert_eq!(api.contents().await[&freezer].records.len(), 1);
    world.ask(Who::Token(&old_owner), "GET", "/api/account", None).await.refused(401, "UNAUTHORIZED");
    let ready = world.ready["projects"].as_array().unwrap();
    assert_eq!(ready.len(), 2);
    assert_eq!(api.status_as(text(&ready[0]["token"]), "/info").await, 200);
    assert_eq!(world.get(&format!("{restored}/automations")).await["held"], true);
}

//! The platform is killed at every point that its work has, and is whole when it starts again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;

use hyper::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tago_local::{Client, Operation, Point};

use crate::harness::{Contents, START, Who, World, address, files_below, kept, text};

const SIGABRT: i32 = 6;

/// As many as a project keeps, so that each further backup pushes one out.
const BACKUPS: usize = 7;

#[tokio::test]
async fn killed_at_every_point_of_snapshot_prune_restore_and_delete_it_leaves_nothing_half_done() {
    let mut world = World::spawn().await;
    let project = world.project("Frostline").await;
    let readings: Vec<f64> = (0..3_000).map(|reading| f64::from(reading) / 9.0).collect();
    world.api(&project).await.device("Freezer", &readings).await;
    for _ in 0..BACKUPS {
        world.back_up(&project).await;
    }
    let contents = world.api(&project).await.contents().await;
    for point in Point::ALL {
        let backups = world.backups(&project).await;
        let order = order(&world, &project, *point).await;
        world.knob("/hold", json!({ "point": point.name(), "abort": true })).await;
        let console = (address(&world.ready["console"]), text(&world.ready["owner"]["token"]).to_owned());
        let (address, token) = order.at.unwrap_or(console);
        let mut client = Client::new(address, Some(&token));
        let body = order.body.as_ref().map(|body| body.to_string().into_bytes());
        // It may be answered: a restore and a profile backup go on after their answers.
        let _ = client.send(order.method, &order.path, body).await;
        let (folder, ended) = world.end_by_itself();
        assert_eq!(ended.signal(), Some(SIGABRT), "{point:?} was not passed by {}", order.path);

        world = World::spawn_in(folder, START).await;
        let listed = world.backups(&project).await;
        assert!(
            listed.len() >= backups.len(),
            "{point:?}: {} backups became {}",
            backups.len(),
            listed.len()
        );
        whole(&world, *point, &contents).await;
        assert_eq!(world.api(&project).await.contents().await, contents, "{point:?} changed the project");
    }
}

struct Order {
    /// Whom it is given with which token; the console as its owner if absent.
    at: Option<(SocketAddr, String)>,
    method: Method,
    path: String,
    body: Option<Value>,
}

/// What makes the platform come to a point.
async fn order(world: &World, project: &str, point: Point) -> Order {
    match point.operation() {
        Operation::Snapshot | Operation::Prune => {
            Order { at: None, method: Method::POST, path: format!("{project}/backups"), body: None }
        }
        Operation::Restore => {
            let newest = world.backups(project).await[0]["id"].clone();
            let backup = format!("{project}/backups/{}", text(&newest));
            let quote = world.post(&format!("{backup}/quote"), json!({})).await.expect(200);
            let body = json!({ "quote": quote["id"], "name": "Copy" });
            Order { at: None, method: Method::POST, path: format!("{backup}/restore"), body: Some(body) }
        }
        Operation::ProfileBackup => {
            let api = world.api(project).await;
            let (at, path) = (Some((api.address, api.token)), "/profile/current/backup".to_owned());
            Order { at, method: Method::POST, path, body: Some(json!({})) }
        }
        Operation::Delete => {
            let doomed = world.project("Doomed").await;
            world.back_up(&doomed).await;
            Order { at: None, method: Method::DELETE, path: doomed, body: Some(json!({ "name": "Doomed" })) }
        }
    }
}

/// Whatever is listed is sound, and nothing else is on the disk.
async fn whole(world: &World, point: Point, contents: &BTreeMap<String, Contents>) {
    let mut folders = BTreeSet::new();
    let mut backup_files = BTreeSet::new();
    for row in world.get("/api/projects").await.as_array().unwrap() {
        let id = text(&row["id"]).to_owned();
        let path = format!("/api/projects/{id}");
        if let Some(deployment) = row["deployment"].as_str() {
            let deployment = world.get(&format!("{path}/deployments/{deployment}")).await;
            let outcome = if row["status"] == "active" { "success" } else { "error" };
            assert_eq!(deployment["status"], outcome, "{point:?}: {deployment}");
        }
        if row["status"] != "active" {
            assert_eq!((&row["status"], &row["api"]), (&json!("failed"), &Value::Null), "{point:?}");
            continue;
        }
        assert_eq!(kept(&world.api(&path).await.contents().await), kept(contents), "{point:?}: {row}");
        let (database, files) = world.paths(&path).await;
        sound(database.to_str().unwrap(), point);
        profile_backups_whole(world, &path, point).await;
        folders.insert(id);
        for backup in world.backups(&path).await {
            let backup_id = text(&backup["id"]);
            let details =
                world.ask(Who::Owner, "GET", &format!("{path}/backups/{backup_id}"), None).await.expect(200);
            let bytes = std::fs::read(&files[backup_id]).unwrap();
            let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(details["manifest"]["sha256"], sha256, "{point:?}: {}", files[backup_id].display());
            // So that looking leaves no log beside it.
            sound(&format!("file:{}?immutable=1", files[backup_id].display()), point);
            backup_files.insert(files[backup_id].clone());
        }
    }
    let on_disk = files_below(&world.data().join("backups")).into_keys().collect();
    assert_eq!(backup_files, on_disk, "{point:?}: the backups on the disk are not those that are listed");
    let on_disk: BTreeSet<String> = std::fs::read_dir(world.data().join("projects"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, on_disk, "{point:?}: the projects on the disk are not those that are listed");
}

/// Each is complete with its ZIP, or has failed without one.
async fn profile_backups_whole(world: &World, project: &str, point: Point) {
    let listed = world.api(project).await.ask("GET", "/profile/current/backup", None).await;
    let mut complete = BTreeSet::new();
    for backup in listed.as_array().unwrap() {
        match text(&backup["status"]) {
            "completed" => drop(complete.insert(format!("{}.zip", text(&backup["id"])))),
            status => assert_eq!(status, "failed", "{point:?}: {backup}"),
        }
    }
    let (database, _) = world.paths(project).await;
    let folder = database.with_file_name("blobs").join("backups");
    let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(complete, on_disk, "{point:?}: the profile backups on the disk are not those that are listed");
}

fn sound(database: &str, point: Point) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(database, flags).unwrap();
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok", "{point:?}: {database}");
}

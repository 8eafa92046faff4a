//! What a backup does not hold.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::harness::{Api, World, files_below, send, text};

const CODE: &str = "marker-in-the-code-7f3a9c";
const LOG: &str = "marker-in-the-console-log-51be02";
const FILE: &str = "marker-in-a-file-c4d7e8";
const DEVICE: &str = "marker-in-a-device-0a9b3f";
const RECORD: &str = "marker-in-a-record-6e2d11";

/// Plants a marker in each place, by the public API; returns the project's path.
async fn planted(world: &World) -> (String, Api) {
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let new = json!({ "name": "Report", "active": true });
    let analysis = api.ask("POST", "/analysis", Some(new)).await;
    let id = text(&analysis["id"]);
    let code = json!({ "file": BASE64.encode(CODE), "file_name": "report.js", "language": "node" });
    api.ask("POST", &format!("/analysis/{id}/upload"), Some(code)).await;
    let line = json!({ "message": LOG });
    api.ask_as(text(&analysis["token"]), "POST", "/analysis/services/console/send", Some(line)).await;
    let file = json!([{ "filename": "plans/hall.txt", "file": BASE64.encode(FILE), "public": false }]);
    api.ask("POST", "/files", Some(file)).await;
    let (_, token) = api.device(DEVICE, &[4.0]).await;
    api.ask_as(&token, "POST", "/data", Some(json!([{ "variable": "note", "value": RECORD }]))).await;
    (project, api)
}

fn holds(bytes: &[u8], marker: &str) -> bool {
    let encoded = BASE64.encode(marker);
    [marker, &encoded[..encoded.len() - 4]]
        .iter()
        .any(|marker| bytes.windows(marker.len()).any(|part| part == marker.as_bytes()))
}

fn everything(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    files_below(&world.data()).into_keys().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

async fn snapshot(world: &World, project: &str) -> Vec<u8> {
    let backup = world.back_up(project).await;
    let (_, files) = world.paths(project).await;
    std::fs::read(&files[text(&backup["id"])]).unwrap()
}

#[tokio::test]
async fn s12_no_byte_of_analysis_code_or_console_logs_is_in_a_snapshot() {
    let world = World::start().await;
    let (project, _) = planted(&world).await;
    let snapshot = snapshot(&world, &project).await;
    assert!(holds(&snapshot, DEVICE) && holds(&snapshot, RECORD), "the search does not find what is there");
    assert!(!holds(&snapshot, CODE), "analysis code is in the snapshot");
    assert!(!holds(&snapshot, LOG), "a console log is in the snapshot");
    let world = World::start_in(world.stop().await, crate::harness::time(crate::harness::START)).await;
    let files = everything(&world);
    for marker in [CODE, LOG] {
        let places: Vec<_> =
            files.iter().filter(|(_, bytes)| holds(bytes, marker)).map(|(path, _)| path).collect();
        assert!(!places.is_empty(), "{marker} is nowhere: it was not planted");
        assert!(
            places.iter().all(|path| path.to_string_lossy().contains("/blobs/")),
            "{marker} is in {places:?}"
        );
    }
}

#[tokio::test]
async fn s13_no_byte_of_an_uploaded_file_is_in_a_snapshot() {
    let world = World::start().await;
    let (project, api) = planted(&world).await;
    let snapshot = snapshot(&world, &project).await;
    assert!(holds(&snapshot, RECORD), "the search does not find what is there");
    assert!(!holds(&snapshot, FILE), "a file's content is in the snapshot");
    assert!(!holds(&snapshot, "hall.txt"), "a file's name is in the snapshot");
    let listed = api.ask("GET", "/files?path=plans", None).await;
    assert_eq!(listed["files"][0]["filename"], "plans/hall.txt");
}

#[tokio::test]
async fn s12_s13_a_restored_project_has_the_analysis_without_its_code_and_no_files() {
    let world = World::start().await;
    let (project, api) = planted(&world).await;
    let backup = world.back_up(&project).await;
    let copy = world.api(&world.restore(&project, &backup, "Copy").await).await;
    let analyses = copy.ask("GET", "/analysis", None).await;
    let id = text(&analyses[0]["id"]);
    assert_eq!(analyses[0]["name"], "Report");
    let download = format!("/analysis/{id}/download");
    assert_eq!(send(api.address, Some(&api.token), "GET", &download, None).await.status, 200);
    assert_eq!(send(copy.address, Some(&copy.token), "GET", &download, None).await.status, 404);
    let files = copy.ask("GET", "/files", None).await;
    assert_eq!((&files["files"], &files["folders"]), (&json!([]), &json!([])));
    let shown = copy.ask("GET", &format!("/analysis/{id}"), None).await;
    assert!(!shown.to_string().contains(LOG));
}

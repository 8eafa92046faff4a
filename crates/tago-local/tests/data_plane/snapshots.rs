use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Running, series};
use sha2::{Digest, Sha256};
use tago_local::project::Snapshot;

fn snapshot(it: &Running, name: &str) -> Snapshot {
    it.project.snapshot_to(&it.path(name), &mut |_| {}).unwrap()
}

fn holds(bytes: &[u8], marker: &str) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_s13_a_snapshot_holds_no_code_no_log_and_no_file() {
    let it = Running::start().await;
    let markers = ["CODE-7d1f", "LOG-93ab", "FILE-c44e"];
    let made = it.post("/analysis", json!({"name": "Report", "description": "ROW-55aa"})).await;
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let upload = json!({"file": base64(markers[0]), "file_name": "a.js"});
    it.post(&format!("/analysis/{id}/upload"), upload).await;
    let line = json!({"message": markers[1]}).to_string();
    it.ask(Method::POST, "/analysis/services/console/send", token, Some(line)).await;
    it.post("/files", json!([{"filename": "x.txt", "file": base64(markers[2])}])).await;
    snapshot(&it, "copy");

    let bytes = std::fs::read(it.path("copy")).unwrap();
    assert!(holds(&bytes, "ROW-55aa"), "the search finds what is there");
    for marker in markers {
        assert!(!holds(&bytes, marker), "{marker} is in the snapshot");
        assert!(!holds(&bytes, &base64(marker)), "{marker} is in the snapshot as base64");
        assert!(stored(&it.project.blob_dir(), marker), "{marker} is not in the blob store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_a_restored_analysis_says_that_it_has_no_code() {
    let it = Running::start().await;
    let made = it.post("/analysis", json!({"name": "Report"})).await;
    let path = format!("/analysis/{}", made["id"].as_str().unwrap());
    it.post(&format!("{path}/upload"), json!({"file": base64("1"), "file_name": "a.js"})).await;
    it.get(&format!("{path}/download")).await;
    std::fs::create_dir(it.path("restored")).unwrap();
    snapshot(&it, "restored/main.sqlite");
    let restored = it.open_beside("restored").await;
    assert_eq!(restored.get(&path).await["name"], "Report");
    let (status, message) = restored.refused(Method::GET, &format!("{path}/download"), Value::Null).await;
    assert!(status == 404 && message.contains("backup"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_one_sound_file_with_the_rows_of_its_moment() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, series("t", 1000)).await;
    it.post(&format!("/device/{}/params", device.id), json!({"key": "a", "value": "b"})).await;
    let mut parts = Vec::new();
    let taken = it.project.snapshot_to(&it.path("copy"), &mut |copied| parts.push(copied)).unwrap();
    for (resource, rows) in [("devices", 1), ("data", 1000), ("params", 1), ("tokens", 2), ("outbox", 0)] {
        assert_eq!(taken.rows.0[resource], rows, "{resource}");
    }
    assert_eq!(it.project.rows().unwrap(), taken.rows);
    let bytes = std::fs::read(it.path("copy")).unwrap();
    let size = bytes.len() as u64;
    assert_eq!((taken.size, taken.sha256), (size, format!("{:x}", Sha256::digest(&bytes))));
    assert_eq!(parts.first().map(|part| (part.done, part.total)), Some((0, size)));
    assert_eq!(parts.last().map(|part| (part.done, part.total)), Some((size, size)));
    assert!(!it.path("copy-wal").exists() && !it.path("copy-shm").exists());
    // What is written later is not in it, and the original can be written at once.
    it.send(&device, series("t", 1)).await;
    let copy = Connection::open(it.path("copy")).unwrap();
    let count: i64 = copy.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_snapshot_is_made_of_a_damaged_database() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, series("t", 1000)).await;
    it.project.close();
    let path = it.path("original/main.sqlite");
    let page = {
        let db = Connection::open(&path).unwrap();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'records'";
        let root: usize = db.query_row(root, [], |row| row.get(0)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // The root's last child is a leaf with records.
        let child = (root - 1) * 8192 + 8;
        u32::from_be_bytes(bytes.split_off(child)[..4].try_into().unwrap())
    };
    let mut bytes = std::fs::read(&path).unwrap();
    // How many cells the page has: more than it can have.
    let cells = (page as usize - 1) * 8192 + 3;
    bytes[cells..cells + 2].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let damaged = it.open_beside("original").await;
    let refused = damaged.project.snapshot_to(&it.path("copy"), &mut |_| {});
    assert!(refused.is_err(), "{refused:?}");
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn stored(directory: &std::path::Path, marker: &str) -> bool {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() { stored(&path, marker) } else { holds(&std::fs::read(path).unwrap(), marker) }
    })
}

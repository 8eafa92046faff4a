use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Running, series};

fn snapshot(it: &Running, name: &str) -> Vec<(&'static str, u64)> {
    it.project.snapshot_to(&it.path(name), &mut |_| {}).unwrap().0
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
    let rows = it.project.snapshot_to(&it.path("copy"), &mut |copied| parts.push(copied)).unwrap();
    let expected = [
        ("devices", 1),
        ("data", 1000),
        ("params", 1),
        ("entities", 0),
        ("entity_rows", 0),
        ("tokens", 2),
        ("actions", 0),
        ("analyses", 0),
    ];
    assert_eq!(rows.0, expected);
    assert_eq!(serde_json::to_value(&rows).unwrap()["data"], 1000);
    assert_eq!(it.project.rows().unwrap(), rows);
    let size = std::fs::metadata(it.path("copy")).unwrap().len();
    assert_eq!(parts.first().map(|part| (part.done, part.total)), Some((0, size)));
    assert_eq!(parts.last().map(|part| (part.done, part.total)), Some((size, size)));
    assert!(!it.path("copy-wal").exists() && !it.path("copy-shm").exists());
    // What is written later is not in it, and the original can be written at once.
    it.send(&device, series("t", 1)).await;
    let copy = Connection::open(it.path("copy")).unwrap();
    let count: i64 = copy.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1000);
}

/// Each writer sends pairs whose values cancel out, in one request: whatever moment a snapshot is of,
/// its values add up to nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn snapshots_taken_while_four_clients_write_are_consistent() {
    let it = Arc::new(Running::start().await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..4 {
        let device = it.device(&format!("Truck {writer}")).await;
        let (it, stop) = (it.clone(), stop.clone());
        writers.push(tokio::spawn(async move {
            let mut sent = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let body: Value = (0..100)
                    .flat_map(|i| {
                        [json!({"variable": "a", "value": i}), json!({"variable": "b", "value": -i})]
                    })
                    .collect();
                it.send(&device, body).await;
                sent += 200;
                if sent == 40_000 {
                    break;
                }
            }
            sent
        }));
    }
    let mut counts = Vec::new();
    for round in 0..12 {
        let (it, name) = (it.clone(), format!("copy{round}"));
        let count = tokio::task::spawn_blocking(move || {
            let rows = it.project.snapshot_to(&it.path(&name), &mut |_| {}).unwrap();
            let copy = Connection::open(it.path(&name)).unwrap();
            let verdict: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(verdict, "ok");
            let (count, sum): (u64, i64) = copy
                .query_row(
                    "SELECT count(*), coalesce(sum(cast(value AS INTEGER)), 0) FROM records",
                    [],
                    |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)),
                )
                .unwrap();
            assert_eq!(sum, 0);
            assert_eq!(count % 200, 0);
            assert_eq!(rows.0[1], ("data", count));
            count
        })
        .await
        .unwrap();
        counts.push(count);
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for writer in writers {
        sent += writer.await.unwrap();
    }
    assert!(counts.is_sorted(), "{counts:?}");
    assert!(counts.last() > counts.first(), "nobody wrote while the snapshots were taken: {counts:?}");
    assert_eq!(it.project.rows().unwrap().0[1], ("data", sent));
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

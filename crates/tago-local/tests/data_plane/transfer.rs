//! Records through Files: exports and imports that are queued and seen by their outcome alone.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{CUSTOM_HTTPS, Device, HTTPS, Running, series};

/// A file's text, as soon as there is one.
async fn file(it: &Running, path: &str) -> String {
    let address = format!("/file/{}/{path}", it.project.profile());
    let begun = Instant::now();
    loop {
        let (status, text) = it.ask_text(Method::GET, &address, &it.token, None).await;
        if status.is_success() {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{path} never came: {text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn put_file(it: &Running, path: &str, text: &str) {
    it.post("/files", json!([{"filename": path, "file": BASE64.encode(text), "public": false}])).await;
}

async fn import(it: &Running, device: &Device, path: &str) -> Value {
    it.post(&format!("/device/{}/data/restore", device.id), json!({"file_address": path})).await
}

async fn amount_becomes(it: &Running, device: &Device, amount: u64) {
    let begun = Instant::now();
    while it.get(&format!("/device/{}/data_amount", device.id)).await != amount {
        assert!(begun.elapsed() < Duration::from_secs(20), "the import never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Imports a file that must come to nothing, without a word.
async fn comes_to_nothing(it: &Running, device: &Device, text: &str) {
    put_file(it, "bad.csv", text).await;
    let answer = import(it, device, "bad.csv").await;
    assert_eq!(answer, "Data import added to the queue successfully!");
    it.project.settled().await;
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 0, "{text}");
}

async fn immutable(it: &Running) -> Device {
    let made = it
        .post(
            "/device",
            json!({"name": "Chunks", "network": HTTPS, "connector": CUSTOM_HTTPS, "type": "immutable",
                   "chunk_period": "month", "chunk_retention": 2}),
        )
        .await;
    Device {
        id: made["device_id"].as_str().unwrap().to_owned(),
        token: made["token"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(
        &device,
        json!([
            {"variable": "t", "value": -1.50, "unit": "°C", "group": "g1", "time": "2026-03-01T10:00:00.123Z",
             "location": {"lat": 1, "lng": 2}, "metadata": {"a": "x,\"y\""}},
            {"variable": "note", "value": "two, \"quoted\"\nlines", "group": "g2", "time": "2026-03-01T10:00:01Z"},
            {"variable": "open", "value": true, "group": "g2", "time": "2026-03-01T10:00:02Z"}
        ]),
    )
    .await;
    let body = json!({"file_address": "/exports/$DEVICE$_$FROM$_$TIMESTAMP$", "headers": true});
    let queued = it.post(&format!("/device/{}/data/backup", device.id), body).await;
    let path = format!("exports/{}_2026-03-01_1773144000000.csv", device.id);
    assert_eq!(queued, json!({"file_address": path}));
    let csv = file(&it, &path).await;
    assert!(
        csv.starts_with(
            "variable,value,unit,group,time,location,metadata\nt,-1.5,°C,g1,2026-03-01T10:00:00.123Z,"
        ),
        "{csv}"
    );

    let copy = it.device("Copy").await;
    assert_eq!(import(&it, &copy, &format!("/{path}")).await, "Data import added to the queue successfully!");
    amount_becomes(&it, &copy, 3).await;
    let plain = async |device: &Device| {
        let mut records = it.get(&format!("/device/{}/data", device.id)).await;
        for record in records.as_array_mut().unwrap() {
            let record = record.as_object_mut().unwrap();
            record.remove("id");
            record.remove("device");
        }
        records
    };
    assert_eq!(plain(&copy).await, plain(&device).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_looks_like_a_number_comes_back_as_one() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    put_file(
        &it,
        "in.csv",
        "time,Variable ,value,colour\n2026-03-01 10:00:00,t,25,red\n2026-03-01 10:00:01,t,007,blue\n",
    )
    .await;
    import(&it, &device, "in.csv").await;
    amount_becomes(&it, &device, 2).await;
    assert_eq!(it.values(&device, "").await, [json!("007"), json!(25)]);
    let records = it.get(&format!("/device/{}/data", device.id)).await;
    assert_eq!(records[0]["group"], records[1]["group"], "rows without a group share one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_runs_no_parser_and_no_action() {
    let it = Running::start().await;
    let made = it
        .post(
            "/device",
            json!({"name": "Truck", "network": HTTPS, "connector": CUSTOM_HTTPS, "payload_decoder": "Ly8="}),
        )
        .await;
    let device = Device {
        id: made["device_id"].as_str().unwrap().to_owned(),
        token: made["token"].as_str().unwrap().to_owned(),
    };
    it.post(
        "/action",
        json!({"name": "Alarm", "type": "condition", "action": {"type": "notification", "message": "Arrived"},
               "trigger": [{"device": device.id, "variable": "t", "is": "*"}]}),
    )
    .await;
    put_file(&it, "in.csv", "variable,value\nt,1\n").await;
    import(&it, &device, "in.csv").await;
    amount_becomes(&it, &device, 1).await;
    assert_eq!(it.project.outbox().await.unwrap(), []);
    it.send(&device, json!({"variable": "t", "value": 2})).await;
    assert_eq!(it.project.outbox().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_does_not_fit_comes_to_nothing_and_says_nothing() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    comes_to_nothing(&it, &device, "name,value\nt,1\n").await;
    comes_to_nothing(&it, &device, "variable,value\nt,1\nnot a name,2\n").await;
    comes_to_nothing(&it, &device, "variable,value,metadata\nt,1,{\n").await;
    let full = format!("variable,value\n{}", "t,1\n".repeat(50_001));
    comes_to_nothing(&it, &device, &full).await;
    comes_to_nothing(&it, &immutable(&it).await, "variable,value,time\nt,1,2026-03-01\nt,1,2025-12-31\n")
        .await;
    it.call(Method::PUT, &format!("/device/{}", device.id), json!({"active": false})).await;
    comes_to_nothing(&it, &device, "variable,value\nt,1\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_a_full_device_is_stored_whole() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    put_file(&it, "in.csv", &format!("variable,value\n{}", "t,1\n".repeat(50_000))).await;
    import(&it, &device, "in.csv").await;
    amount_becomes(&it, &device, 50_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_is_exported_by_its_id() {
    let it = Running::start().await;
    let device = immutable(&it).await;
    it.send(
        &device,
        json!([{"variable": "t", "value": 1, "time": "2026-02-28T00:00:00Z"},
                            {"variable": "t", "value": 2, "time": "2026-03-01T00:00:00Z"}]),
    )
    .await;
    let path = format!("/device/{}", device.id);
    let body = json!({"chunk_id": "1769904000_1772323199", "file_address": "$DEVICE$/$FROM$_$TO$", "headers": false});
    let address = format!("{}/2026-02-01_2026-02-28.csv", device.id);
    let queued = it.post(&format!("{path}/chunk/backup"), body.clone()).await;
    assert_eq!(queued, json!({"chunk_id": "1769904000_1772323199", "file_address": address}));
    let csv = file(&it, &address).await;
    assert!(csv.starts_with("t,1,,") && csv.lines().count() == 1, "{csv}");
    assert_eq!(it.post(&format!("{path}/chunk/copy"), body).await["status"], "scheduled");
    let unknown = json!({"chunk_id": "1_2", "file_address": "x"});
    assert_eq!(it.refused(Method::POST, &format!("{path}/chunk/backup"), unknown).await.0, 404);
    let (status, message) =
        it.refused(Method::POST, &format!("{path}/data/backup"), json!({"file_address": "x"})).await;
    assert!(status == 400 && message.contains("chunk/backup"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_replaces_the_file_at_its_address_and_keeps_to_files() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, series("t", 3)).await;
    put_file(&it, "same.csv", "old").await;
    let backup = format!("/device/{}/data/backup", device.id);
    it.post(&backup, json!({"file_address": "same", "headers": true})).await;
    let begun = Instant::now();
    while file(&it, "same.csv").await == "old" {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(file(&it, "same.csv").await.lines().count(), 4);
    for bad in [json!({}), json!({"file_address": "../x"}), json!({"file_address": 5}), json!([])] {
        assert_eq!(it.refused(Method::POST, &backup, bad).await.0, 400);
    }
    let restore = format!("/device/{}/data/restore", device.id);
    assert_eq!(it.refused(Method::POST, &restore, json!({"file_address": "none.csv"})).await.0, 404);
    assert_eq!(it.refused(Method::POST, &restore, json!({})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_exported_with_its_columns() {
    let it = Running::start().await;
    let made = it
        .post(
            "/entity",
            json!({"name": "E", "schema": {"name": {"type": "string"}, "plan": {"type": "json"}}}),
        )
        .await;
    let path = format!("/entity/{}", made["id"].as_str().unwrap());
    let id = "672b53d43bc47400095f3831";
    it.post(&format!("{path}/data"), json!({"id": id, "name": "a,b", "plan": {"x": 1}})).await;
    let body = json!({"file_address": "entities/$TIMESTAMP$.csv", "headers": true});
    let queued = it.post(&format!("{path}/data/backup"), body).await;
    let csv = file(&it, queued["file_address"].as_str().unwrap()).await;
    let now = "2026-03-10T12:00:00.000Z";
    let expected =
        format!("id,name,plan,created_at,updated_at\n{id},\"a,b\",\"{{\"\"x\"\":1}}\",{now},{now}\n");
    assert_eq!(csv, expected);
    assert_eq!(it.refused(Method::POST, &format!("{path}/data/backup"), json!({})).await.0, 400);
}

//! Devices that keep their records by periods, and hybrid ones.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{CUSTOM_HTTPS, Device, HTTPS, Running, refusal, succeeded};

async fn device(it: &Running, fields: Value) -> Device {
    let mut body = json!({"name": "Truck", "network": HTTPS, "connector": CUSTOM_HTTPS});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let made = it.post("/device", body).await;
    Device {
        id: made["device_id"].as_str().unwrap().to_owned(),
        token: made["token"].as_str().unwrap().to_owned(),
    }
}

async fn by_month(it: &Running, retention: u32) -> Device {
    device(it, json!({"type": "immutable", "chunk_period": "month", "chunk_retention": retention})).await
}

async fn hybrid(it: &Running) -> Device {
    let fields = json!({"type": "hybrid", "chunk_period": "day", "chunk_retention": 2, "mutable_variable_regex": "^cfg_"});
    device(it, fields).await
}

fn at(variable: &str, time: &str, value: i64) -> Value {
    json!({"variable": variable, "time": time, "value": value})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_is_one_period_with_its_records() {
    let it = Running::start().await;
    let device = by_month(&it, 3).await;
    let path = format!("/device/{}/chunk", device.id);
    assert_eq!(it.get(&path).await, json!([]));
    it.send(
        &device,
        json!([
            at("t", "2026-01-01T00:00:00Z", 1),
            at("u", "2026-01-31T23:59:59.999Z", 2),
            at("t", "2026-03-01T00:00:00Z", 3)
        ]),
    )
    .await;
    let chunks = it.get(&path).await;
    assert_eq!(
        chunks,
        json!([
            {"id": "1772323200_1775001599", "amount": 1,
             "from": "2026-03-01T00:00:00.000+00:00", "to": "2026-03-31T23:59:59.999+00:00"},
            {"id": "1767225600_1769903999", "amount": 2,
             "from": "2026-01-01T00:00:00.000+00:00", "to": "2026-01-31T23:59:59.999+00:00"}
        ])
    );
    let january = format!("{path}/1767225600_1769903999");
    let deleted = it.call(Method::DELETE, &january, Value::Null).await;
    assert_eq!(deleted, "Chunk 1767225600_1769903999 deleted");
    assert_eq!(it.values(&device, "").await, [3]);
    for gone in [january, format!("{path}/1"), format!("{path}/x_y")] {
        assert_eq!(it.refused(Method::DELETE, &gone, Value::Null).await.0, 404, "{gone}");
    }
    let mutable = it.device("Mutable").await;
    let (status, message) =
        it.refused(Method::GET, &format!("/device/{}/chunk", mutable.id), Value::Null).await;
    assert!(status == 400 && message.contains("no chunks"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_leave_when_their_period_does_and_not_before() {
    let it = Running::start().await;
    let device = by_month(&it, 1).await;
    it.send(&device, json!([at("t", "2026-02-01T00:00:00Z", 1), at("t", "2026-03-09T00:00:00Z", 2)])).await;
    it.set_time("2026-03-31T23:59:59.999Z");
    assert_eq!(it.values(&device, "ordination=ascending").await, [1, 2]);
    // The first to look after midnight finds it done.
    it.set_time("2026-04-01T00:00:00.000Z");
    assert_eq!(it.values(&device, "").await, [2]);
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 1);
    // A shorter retention counts from the next period on.
    it.call(Method::PUT, &format!("/device/{}", device.id), json!({"chunk_retention": 0})).await;
    it.set_time("2026-04-30T23:00:00Z");
    assert_eq!(it.values(&device, "").await, [2]);
    it.set_time("2026-05-01T00:00:00Z");
    assert_eq!(it.values(&device, "").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn weeks_roll_over_on_monday_days_daily_and_quarters_on_their_first_day() {
    let it = Running::start().await;
    for (period, before, after) in [
        ("day", "2026-03-10T23:59:59Z", "2026-03-11T00:00:00Z"),
        ("week", "2026-03-15T23:59:59Z", "2026-03-16T00:00:00Z"),
        ("quarter", "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z"),
    ] {
        it.set_time("2026-03-10T12:00:00Z");
        let fields = json!({"type": "immutable", "chunk_period": period, "chunk_retention": 0});
        let device = device(&it, fields).await;
        it.send(&device, at("t", "2026-03-10T10:00:00Z", 1)).await;
        it.set_time(before);
        assert_eq!(it.values(&device, "").await, [1], "{period}");
        it.set_time(after);
        assert_eq!(it.values(&device, "").await, Vec::<Value>::new(), "{period}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_taken_after_midnight_has_rolled_over() {
    let it = Running::start().await;
    let device = by_month(&it, 0).await;
    it.send(&device, at("t", "2026-03-09T00:00:00Z", 1)).await;
    it.set_time("2026-04-01T04:30:00Z");
    let rows = it.project.snapshot_to(&it.path("copy"), &mut |_| {}).unwrap();
    assert_eq!(rows.rows.0["data"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_device_has_a_mutable_and_an_immutable_half() {
    let it = Running::start().await;
    let device = hybrid(&it).await;
    let path = format!("/device/{}", device.id);
    it.send(
        &device,
        json!([
            at("cfg_limit", "2020-01-01T00:00:00Z", 1),
            at("t", "2026-03-09T00:00:00Z", 2),
            at("t", "2026-03-10T00:00:00Z", 3)
        ]),
    )
    .await;
    let late = json!(at("t", "2020-01-01T00:00:00Z", 9)).to_string();
    let (status, message) = refusal(it.ask(Method::POST, "/data", &device.token, Some(late)).await);
    assert!(status == 400 && message.contains("time of t"), "{message}");
    let chunks = it.get(&format!("{path}/chunk")).await;
    assert_eq!(chunks.as_array().unwrap().len(), 2, "the mutable half has no chunks: {chunks}");
    // Only the mutable half can be edited and removed.
    let records = it.get(&format!("{path}/data")).await;
    let id =
        |value: i64| records.as_array().unwrap().iter().find(|r| r["value"] == value).unwrap()["id"].clone();
    let edit = |value: i64| json!([{"id": id(value), "value": 7}]);
    it.call(Method::PUT, &format!("{path}/data"), edit(1)).await;
    assert_eq!(it.refused(Method::PUT, &format!("{path}/data"), edit(2)).await.0, 404);
    assert_eq!(it.call(Method::DELETE, &format!("{path}/data?qty=10"), Value::Null).await, "1 Data Removed");
    assert_eq!(it.values(&device, "").await, [3, 2]);
    it.send(&device, at("cfg_limit", "2020-01-01T00:00:00Z", 1)).await;
    assert_eq!(it.refused(Method::POST, &format!("{path}/empty"), json!({})).await.0, 400);
    it.post(&format!("{path}/empty"), json!({"route": "immutable"})).await;
    assert_eq!(it.values(&device, "").await, [1]);
    it.post(&format!("{path}/empty"), json!({"route": "mutable"})).await;
    assert_eq!(it.values(&device, "").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_rule_divides_and_changes_only_while_the_device_is_empty() {
    let it = Running::start().await;
    let good = json!({"name": "Truck", "network": HTTPS, "connector": CUSTOM_HTTPS, "type": "hybrid",
                      "chunk_period": "day", "chunk_retention": 2});
    for regex in [Value::Null, json!(""), json!(".*"), json!("^$"), json!("("), json!(5)] {
        let mut bad = good.clone();
        bad["mutable_variable_regex"] = regex.clone();
        let (status, message) = it.refused(Method::POST, "/device", bad).await;
        assert!(status == 400 && message.starts_with("mutable_variable_regex"), "{regex}: {message}");
    }
    let device = hybrid(&it).await;
    let path = format!("/device/{}", device.id);
    it.call(Method::PUT, &path, json!({"mutable_variable_regex": "^set_"})).await;
    it.send(&device, at("t", "2026-03-10T00:00:00Z", 3)).await;
    let (status, message) = it.refused(Method::PUT, &path, json!({"mutable_variable_regex": "^cfg_"})).await;
    assert!(status == 400 && message.contains("empty"), "{message}");
    assert_eq!(it.get(&path).await["mutable_variable_regex"], "^set_");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_empty_inactive_device_is_converted_and_keeps_its_tokens() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}", device.id);
    let to = json!({"type": "immutable", "chunk_period": "week", "chunk_retention": 4});
    let convert = format!("{path}/convert");
    let (_, message) = it.refused(Method::POST, &convert, to.clone()).await;
    assert!(message.contains("inactive"), "{message}");
    it.send(&device, json!({"variable": "t", "value": 1})).await;
    it.call(Method::PUT, &path, json!({"active": false})).await;
    let (_, message) = it.refused(Method::POST, &convert, to.clone()).await;
    assert!(message.contains("empty"), "{message}");
    it.post(&format!("{path}/empty"), json!({})).await;
    for bad in [json!({"type": "immutable"}), json!({"type": "hybrid"}), json!({}), json!([])] {
        assert_eq!(it.refused(Method::POST, &convert, bad).await.0, 400);
    }
    assert_eq!(it.post(&convert, to).await, "Device type/chunk was converted");
    let converted = it.get(&path).await;
    assert_eq!((&converted["type"], &converted["chunk_period"]), (&json!("immutable"), &json!("week")));
    it.call(Method::PUT, &path, json!({"active": true})).await;
    succeeded(
        it.ask(Method::POST, "/data", &device.token, Some(json!({"variable": "t", "value": 1}).to_string()))
            .await,
    );
}

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tago_local::project::Late;

use crate::harness::{Device, Running};

async fn prepared(fault: Value) -> (Running, Device) {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
    (it, device)
}

async fn send(it: &Running, device: &Device) -> reqwest::Result<reqwest::Response> {
    let body = json!([{"variable": "t", "value": 1}, {"variable": "t", "value": 2}]).to_string();
    it.try_ask(Method::POST, "/data", &device.token, Some(body)).await
}

async fn amount(it: &Running, device: &Device) -> Value {
    it.get(&format!("/device/{}/data_amount", device.id)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_then_drop_stores_and_does_not_answer() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "commit_then_drop", "times": 1})).await;
    let error = send(&it, &device).await.unwrap_err();
    assert!(error.is_request() && !error.is_status(), "{error:?}");
    assert_eq!(amount(&it, &device).await, 2);
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 202);
    assert_eq!(it.shared.faults.struck(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_before_stores_nothing() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "drop_before", "times": 1})).await;
    assert!(send(&it, &device).await.is_err());
    assert_eq!(amount(&it, &device).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_commit_stores_after_the_connection_is_gone_and_within_its_bound() {
    let fault = json!({"route": "POST /data", "kind": "late_commit", "times": 1, "delay_ms": 4000});
    let (it, device) = prepared(fault).await;
    assert!(send(&it, &device).await.is_err());
    let dropped = Instant::now();
    assert_eq!(amount(&it, &device).await, 0);
    while amount(&it, &device).await == 0 {
        assert!(dropped.elapsed() < Duration::from_secs(20), "it never committed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(dropped.elapsed() >= Duration::from_millis(500), "{:?}", dropped.elapsed());
    assert_eq!(amount(&it, &device).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_body_stores_and_breaks_off_in_the_answer() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "cut_body", "times": 1})).await;
    let answer = send(&it, &device).await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    assert!(answer.bytes().await.is_err());
    assert_eq!(amount(&it, &device).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_answers_without_storing() {
    let (it, device) =
        prepared(json!({"route": "POST /data", "kind": "status", "status": 502, "times": 1})).await;
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 502);
    assert_eq!(amount(&it, &device).await, 0);
    it.shared.faults.clear();
    it.shared.faults.push(serde_json::from_value(json!({"kind": "status", "status": 429})).unwrap()).unwrap();
    let answer = send(&it, &device).await.unwrap();
    assert_eq!(answer.status().as_u16(), 429);
    assert_eq!(answer.headers()["retry-after"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_takes_its_time_and_stores() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "slow", "delay_ms": 200})).await;
    let begun = Instant::now();
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 202);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(amount(&it, &device).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_another_project_does_not_strike() {
    let other = "ffffffffffffffffffffffff";
    let (it, device) = prepared(json!({"project": other, "kind": "drop_before"})).await;
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 202);
    assert_eq!(it.shared.requests.counts_since(tago_api::Time::MIN, None)["POST /data"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_batch_stores_some_records_and_does_not_answer() {
    for seed in 0..8 {
        let fault = json!({"route": "POST /data", "kind": "partial_batch", "seed": seed, "times": 1});
        let (it, device) = prepared(fault).await;
        let body: Value = (0..20).map(|i| json!({"variable": "t", "value": i})).collect();
        let sent = it.try_ask(Method::POST, "/data", &device.token, Some(body.to_string())).await;
        assert!(sent.is_err());
        let stored = amount(&it, &device).await.as_u64().unwrap();
        assert!((1..20).contains(&stored), "{stored}");
        let mut values: Vec<i64> =
            it.values(&device, "qty=100").await.iter().map(|value| value.as_i64().unwrap()).collect();
        values.dedup();
        assert_eq!(values.len() as u64, stored, "a record is there twice: {values:?}");
    }
    // One record cannot be stored in part.
    let (it, device) = prepared(json!({"kind": "partial_batch", "route": "POST /data", "times": 1})).await;
    let one = json!([{"variable": "t", "value": 1}]).to_string();
    assert!(it.try_ask(Method::POST, "/data", &device.token, Some(one)).await.is_err());
    assert_eq!(amount(&it, &device).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_then_status_stores_and_answers_an_error() {
    let fault = json!({"route": "POST /data", "kind": "commit_then_status", "status": 502, "times": 1});
    let (it, device) = prepared(fault).await;
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 502);
    assert_eq!(amount(&it, &device).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_stores_and_answers_what_is_no_json() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "unreadable", "times": 1})).await;
    let answer = send(&it, &device).await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let text = answer.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
    assert_eq!(amount(&it, &device).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoke_token_refuses_and_the_token_opens_nothing_any_more() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "revoke_token", "times": 1})).await;
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 401);
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 401);
    assert_eq!(amount(&it, &device).await, 0);
    assert_eq!(it.get(&format!("/device/token/{}", device.id)).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_fails_and_the_next_one_does_not() {
    let fault = json!({"route": "GET /device/{device}/data", "kind": "status", "status": 500, "times": 1});
    let (it, device) = prepared(fault).await;
    let path = format!("/device/{}/data", device.id);
    assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 500);
    assert_eq!(it.get(&path).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_stores_nothing_and_says_when_to_come_back() {
    let (it, device) =
        prepared(json!({"route": "POST /data", "kind": "status", "status": 429, "times": 1})).await;
    let answer = send(&it, &device).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(amount(&it, &device).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_effect_answers_before_the_data_is_gone() {
    let (it, device) =
        prepared(json!({"route": "DELETE /data", "kind": "late_effect", "delay_ms": 1500})).await;
    send(&it, &device).await.unwrap();
    let (_, answer) = it.ask(Method::DELETE, "/data?variables=t", &device.token, None).await;
    assert_eq!(answer["result"], "2 Data Removed");
    assert_eq!(amount(&it, &device).await, 2);
    // What arrives meanwhile was not chosen, and stays.
    it.send(&device, json!({"variable": "t", "value": 3})).await;
    let begun = Instant::now();
    while amount(&it, &device).await != 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it took no effect");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(it.values(&device, "").await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_writer_undoes_its_request_alone_and_the_writer_goes_on() {
    let (it, device) = prepared(json!({"route": "POST /data", "kind": "panic", "every": 2})).await;
    // What waits together becomes one transaction; those that panic must take nobody with them.
    let answers = futures_util::future::join_all((0..40).map(|_| send(&it, &device))).await;
    let count = |status: u16| {
        answers.iter().filter(|answer| answer.as_ref().unwrap().status().as_u16() == status).count()
    };
    assert_eq!((count(202), count(500)), (20, 20));
    assert_eq!(amount(&it, &device).await, 40);

    it.shared.faults.clear();
    it.shared.faults.push(serde_json::from_value(json!({"kind": "panic"})).unwrap()).unwrap();
    let before = it.get(&format!("/device/{}", device.id)).await;
    it.set_time("2026-03-10T13:00:00Z");
    let (status, message) = it
        .refused(Method::PUT, &format!("/device/{}", device.id), json!({"name": "Lorry", "tags": []}))
        .await;
    assert_eq!((status, message.contains("nothing of it was stored")), (500, true), "{message}");
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 500);
    it.shared.faults.clear();
    let mut after = it.get(&format!("/device/{}", device.id)).await;
    after["last_output"] = before["last_output"].clone();
    assert_eq!(after, before, "not even the moment of its last input");
    assert_eq!(send(&it, &device).await.unwrap().status().as_u16(), 202);
    assert_eq!(amount(&it, &device).await, 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_shown_late_to_whoever_asks() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}", device.id);
    it.send(&device, json!({"variable": "t", "value": 1})).await;
    it.project.show_late(Late::Everything, Duration::from_secs(80));

    // Each of these is there at once for who writes, and 80 s later for who asks.
    it.send(&device, json!({"variable": "t", "value": 2})).await;
    it.call(Method::PUT, &path, json!({"name": "Lorry"})).await;
    assert_eq!((it.values(&device, "").await, amount(&it, &device).await), (vec![json!(1)], json!(1)));
    assert_eq!(it.get(&path).await["name"], "Truck");
    it.set_time("2026-03-10T12:00:30Z");
    let removed = it.call(Method::DELETE, &format!("{path}/data?qty=10"), json!({})).await;
    assert_eq!(removed, "2 Data Removed");
    it.set_time("2026-03-10T12:01:19Z");
    assert_eq!((it.values(&device, "").await, amount(&it, &device).await), (vec![json!(1)], json!(1)));
    it.set_time("2026-03-10T12:01:20Z");
    assert_eq!((it.get(&path).await["name"].clone(), amount(&it, &device).await), (json!("Lorry"), json!(2)));
    it.set_time("2026-03-10T12:01:49Z");
    assert_eq!(amount(&it, &device).await, 2);
    it.set_time("2026-03-10T12:01:50Z");
    assert_eq!((it.values(&device, "").await, amount(&it, &device).await), (vec![], json!(0)));

    // Nobody has to wait for what a snapshot holds, and the lag ends when it is taken away.
    it.send(&device, json!({"variable": "t", "value": 3})).await;
    assert_eq!(amount(&it, &device).await, 0);
    std::fs::create_dir(it.path("copy")).unwrap();
    it.project.snapshot_to(&it.path("copy").join("main.sqlite"), &mut |_| {}).unwrap();
    assert_eq!(amount(&it, &device).await, 1);
    it.send(&device, json!({"variable": "t", "value": 4})).await;
    assert_eq!(amount(&it, &device).await, 1);
    it.project.show_late(Late::Records, Duration::ZERO);
    assert_eq!(amount(&it, &device).await, 2);

    it.project.show_late(Late::Records, Duration::from_secs(1));
    it.send(&device, json!({"variable": "t", "value": 5})).await;
    it.call(Method::PUT, &path, json!({"name": "Van"})).await;
    assert_eq!((it.get(&path).await["name"].clone(), amount(&it, &device).await), (json!("Van"), json!(2)));
    let new = it.device("Trailer").await;
    it.send(&new, json!({"variable": "t", "value": 6})).await;
    assert_eq!((it.values(&new, "").await, amount(&it, &new).await), (vec![], json!(0)));
    let count = it.get(&format!("/device/{}/data?query=count&variables=t", new.id)).await;
    assert_ne!(count[0]["value"], 1, "{count}");
}

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, series};

#[tokio::test(flavor = "multi_thread")]
async fn records_come_back_as_they_were_sent() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    let body = r#"[
        {"variable":"Temp_1","value":-0.10,"unit":"°C","group":"g1","time":"2026-03-01T10:00:00.123Z",
         "location":{"lat":-23.5,"lng":-46.6},"metadata":{"b":1,"a":{"x":[1,2]}}},
        {"variable":"note","value":"naïve \"quoted\" ✓ \u00e9","group":"g1","time":"2026-03-01 10:00:01"},
        {"variable":"open","value":false,"time":1772359202000,
         "location":{"type":"Point","coordinates":[-46.6,-23.5]}},
        {"variable":"big","value":1.5e300,"time":"2026-03-01T10:00:03Z"},
        {"variable":"place","time":"2026-03-01T10:00:04Z","location":{"lat":1,"lng":2}}
    ]"#;
    let (status, answer) = it.ask(Method::POST, "/data", &device.token, Some(body.to_owned())).await;
    assert_eq!((status.as_u16(), &answer["result"]), (202, &json!("5 Data Added")));

    let (_, text) =
        it.ask_text(Method::GET, "/data?ordination=ascending&details=true", &device.token, None).await;
    for token in [r#""value":-0.10"#, r#""value":1.5e300"#, r#""metadata":{"b":1,"a":{"x":[1,2]}}"#] {
        assert!(text.contains(token), "{token} is not in {text}");
    }
    let answer: Value = serde_json::from_str(&text).unwrap();
    let records = answer["result"].as_array().unwrap();
    assert_eq!(records.len(), 5);
    assert_eq!(records[0]["variable"], "temp_1");
    assert_eq!(records[0]["unit"], "°C");
    assert_eq!(records[0]["time"], "2026-03-01T10:00:00.123Z");
    assert_eq!(records[0]["location"], json!({"type": "Point", "coordinates": [-46.6, -23.5]}));
    assert_eq!(records[0]["created_at"], "2026-03-10T12:00:00.000Z");
    assert_eq!(records[1]["value"], "naïve \"quoted\" ✓ é");
    assert_eq!(records[1]["time"], "2026-03-01T10:00:01.000Z");
    assert_eq!(records[2]["location"], records[0]["location"]);
    assert_eq!(records[2]["time"], "2026-03-01T10:00:02.000Z");
    assert!(records[4].get("value").is_none());
    // Records without a group share the one of their request.
    assert_eq!(records[0]["group"], "g1");
    assert_eq!(records[2]["group"], records[3]["group"]);
    assert_eq!(records[2]["group"].as_str().unwrap().len(), 24);
    assert_eq!(it.get(&format!("/device/{}", device.id)).await["last_input"], "2026-03-10T12:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_records_are_all_kept_and_have_ids_of_their_own() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    let record = json!({"variable": "t", "value": 1, "group": "g", "time": "2026-03-01T00:00:00Z"});
    it.send(&device, json!([record, record])).await;
    it.send(&device, record.clone()).await;
    let records = it.get(&format!("/device/{}/data", device.id)).await;
    let ids: std::collections::BTreeSet<_> =
        records.as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 24));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_refuses_its_whole_request_and_says_which_and_why() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    let good = json!({"variable": "t", "value": 1});
    for (bad, field) in [
        (json!({"value": 1}), "variable"),
        (json!({"variable": "", "value": 1}), "variable"),
        (json!({"variable": "a b", "value": 1}), "variable"),
        (json!({"variable": "x".repeat(101), "value": 1}), "variable"),
        (json!({"variable": "t", "value": {"a": 1}}), "value"),
        (json!({"variable": "t", "value": "x".repeat(6000)}), "value"),
        (json!({"variable": "t", "value": 1, "unit": "x".repeat(26)}), "unit"),
        (json!({"variable": "t", "value": 1, "unit": 5}), "unit"),
        (json!({"variable": "t", "value": 1, "group": "a b"}), "group"),
        (json!({"variable": "t", "value": 1, "time": "yesterday"}), "time"),
        (json!({"variable": "t", "value": 1, "time": 1e18}), "time"),
        (json!({"variable": "t", "value": 1, "location": {"lat": 91, "lng": 0}}), "location"),
        (json!({"variable": "t", "value": 1, "location": "here"}), "location"),
        (json!({"variable": "t", "value": 1, "metadata": [1]}), "metadata"),
        (json!({"variable": "t", "value": 1, "metadata": {"x": "y".repeat(10_000)}}), "metadata"),
    ] {
        let body = json!([good, bad]).to_string();
        let (status, message) = refusal(it.ask(Method::POST, "/data", &device.token, Some(body)).await);
        assert_eq!(status, 400, "{message}");
        assert!(message.starts_with(&format!("Record 2: {field}")), "{message}");
    }
    for body in ["", "[]", "[1]", "{", "null", "[{\"variable\":\"t\",\"value\":1e999}]", "\u{feff}[]"] {
        let (status, message) =
            refusal(it.ask(Method::POST, "/data", &device.token, Some(body.into())).await);
        assert_eq!(status, 400, "{body}: {message}");
    }
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_more_than_200_kb_is_refused() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    let record = |bytes: usize| format!(r#"[{{"variable":"t","value":1}}{}]"#, " ".repeat(bytes - 28));
    assert_eq!(record(200_000).len(), 200_000);
    let (status, _) = it.ask(Method::POST, "/data", &device.token, Some(record(200_000))).await;
    assert_eq!(status.as_u16(), 202);
    let (status, message) =
        refusal(it.ask(Method::POST, "/data", &device.token, Some(record(200_001))).await);
    assert_eq!(status, 413, "{message}");
    // Whoever is refused hears it, however much was on its way.
    let (status, _) = refusal(it.ask(Method::POST, "/data", &device.token, Some(record(20_000_000))).await);
    assert_eq!(status, 413);
    let (status, _) = refusal(it.ask(Method::POST, "/data", "nobody", Some(record(20_000_000))).await);
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutable_device_holds_50_000_records() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    let body: Value = (0..2_500).map(|i| json!({"variable": "t", "value": i})).collect();
    for _ in 0..19 {
        it.send(&device, body.clone()).await;
    }
    let last: Value = (0..2_501).map(|i| json!({"variable": "t", "value": i})).collect();
    let (status, message) =
        refusal(it.ask(Method::POST, "/data", &device.token, Some(last.to_string())).await);
    assert!(status == 400 && message.contains("50000"), "{message}");
    it.send(&device, body).await;
    let one = json!({"variable": "t", "value": 1});
    refusal(it.ask(Method::POST, "/data", &device.token, Some(one.to_string())).await);
    it.call(Method::DELETE, &format!("/device/{}/data?qty=1", device.id), Value::Null).await;
    it.send(&device, one).await;
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_device_takes_only_its_time_range_and_changes_nothing() {
    let it = Running::start().await;
    let made = it
        .post(
            "/device",
            json!({"name": "Meter", "network": crate::harness::HTTPS, "connector": crate::harness::CUSTOM_HTTPS,
                   "type": "immutable", "chunk_period": "month", "chunk_retention": 1}),
        )
        .await;
    let token = made["token"].as_str().unwrap();
    let send = |time: &str| {
        let body = json!({"variable": "kwh", "value": 1, "time": time}).to_string();
        it.ask(Method::POST, "/data", token, Some(body))
    };
    assert_eq!(send("2026-02-01T00:00:00Z").await.0.as_u16(), 202);
    assert_eq!(send("2026-03-11T23:59:59Z").await.0.as_u16(), 202);
    let (status, message) = refusal(send("2026-01-31T23:59:59.999Z").await);
    assert!(status == 400 && message.contains("2026-02-01T00:00:00.000Z"), "{message}");
    refusal(send("2026-03-12T00:00:00Z").await);
    let (_, message) = refusal(it.ask(Method::DELETE, "/data", token, None).await);
    assert!(message.contains("immutable"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_device_takes_no_data() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.call(Method::PUT, &format!("/device/{}", device.id), json!({"active": false})).await;
    let body = series("t", 1).to_string();
    let (status, message) = refusal(it.ask(Method::POST, "/data", &device.token, Some(body)).await);
    assert!(status == 400 && message.contains("inactive"), "{message}");
    assert_eq!(it.get(&format!("/device/{}/data", device.id)).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_client_could_read_again_is_refused() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(120), "}".repeat(120));
    for (field, body) in [
        ("value", r#"{"variable":"t","value":"\ud800"}"#.to_owned()),
        ("metadata", r#"{"variable":"t","value":1,"metadata":{"a":"\udc00"}}"#.to_owned()),
        ("metadata", format!(r#"{{"variable":"t","value":1,"metadata":{deep}}}"#)),
    ] {
        let (status, message) = refusal(it.ask(Method::POST, "/data", &device.token, Some(body)).await);
        assert!(status == 400 && message.contains(field), "{message}");
    }
    let good = r#"{"variable":"t","value":"\ud83d\ude00","metadata":{"a":[{"b":[]}]}}"#.to_owned();
    assert_eq!(it.ask(Method::POST, "/data", &device.token, Some(good)).await.0.as_u16(), 202);
}

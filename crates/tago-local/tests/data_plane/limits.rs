use reqwest::Method;
use serde_json::{Value, json};
use tago_local::project::{Plan, RateOverride};

use crate::harness::{CUSTOM_HTTPS, HTTPS, Running, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_to_the_end_of_the_calendar_minute_for_all_tokens_of_the_profile() {
    let it = Running::start().await;
    it.shared.rates.set_plan(it.project.id(), Plan::Free);
    it.set_time("2026-03-10T12:45:09.400Z");
    let other = it.project.mint_profile_token("other").await.unwrap();
    for i in 0..50 {
        let token = if i % 2 == 0 { &it.token } else { &other };
        assert_eq!(it.ask(Method::GET, "/device", token, None).await.0.as_u16(), 200, "{i}");
    }
    let answer = it.try_ask(Method::GET, "/device", &other, None).await.unwrap();
    assert_eq!(answer.status().as_u16(), 429);
    assert_eq!(answer.headers()["retry-after"], "51");
    let message: Value = answer.json().await.unwrap();
    assert_eq!(message, json!({"status": false, "message": "Too many requests (Retry-After: 51)"}));
    // Another route has a limit of its own.
    it.get("/profile/current").await;
    it.set_time("2026-03-10T12:45:59.999Z");
    assert_eq!(it.refused(Method::GET, "/device", Value::Null).await.0, 429);
    it.set_time("2026-03-10T12:46:00.000Z");
    it.get("/device").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_send_stores_nothing() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    assert!(it.shared.rates.set(RateOverride { project: None, route: "POST /data".into(), per_minute: 1 }));
    assert!(!it.shared.rates.set(RateOverride { project: None, route: "POST /dat".into(), per_minute: 1 }));
    let body = || Some(json!({"variable": "t", "value": 1}).to_string());
    assert_eq!(it.ask(Method::POST, "/data", &device.token, body()).await.0.as_u16(), 202);
    assert_eq!(refusal(it.ask(Method::POST, "/data", &device.token, body()).await).0, 429);
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 1);
    it.shared.rates.clear();
    assert_eq!(it.ask(Method::POST, "/data", &device.token, body()).await.0.as_u16(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_limits_what_there_can_be() {
    let it = Running::start().await;
    it.shared.rates.set_plan(it.project.id(), Plan::Free);
    for i in 0..5 {
        it.device(&format!("Truck {i}")).await;
    }
    let sixth = json!({"name": "Truck 5", "network": HTTPS, "connector": CUSTOM_HTTPS});
    let (status, message) = it.refused(Method::POST, "/device", sixth.clone()).await;
    assert_eq!(status, 402);
    assert!(message.starts_with("You have exceeded the maximum limit of devices (5)."), "{message}");
    it.shared.rates.set_plan(it.project.id(), Plan::Starter);
    it.post("/device", sixth).await;
}

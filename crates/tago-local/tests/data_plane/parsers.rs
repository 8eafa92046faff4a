//! Payload parsers are held: records arrive as sent, and the outbox tells which would have run.

use serde_json::json;

use crate::harness::{CUSTOM_HTTPS, HTTPS, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_parser_of_the_device_is_held_and_counted() {
    let it = Running::start().await;
    let plain = it.device("Plain").await;
    it.send(&plain, json!({"variable": "payload", "value": "0102"})).await;
    assert_eq!(it.project.outbox().await.unwrap(), []);
    let made = it
        .post(
            "/device",
            json!({"name": "Truck", "network": HTTPS, "connector": CUSTOM_HTTPS, "payload_decoder": "Ly8="}),
        )
        .await;
    let id = made["device_id"].as_str().unwrap().to_owned();
    let device = crate::harness::Device { id, token: made["token"].as_str().unwrap().to_owned() };
    it.send(
        &device,
        json!([{"variable": "payload", "value": "0102"}, {"variable": "payload", "value": "03"}]),
    )
    .await;
    let outbox = it.project.outbox().await.unwrap();
    let held: Vec<_> = outbox
        .iter()
        .map(|entry| (entry.r#type.as_str(), entry.action.as_str(), entry.value.as_deref()))
        .collect();
    assert_eq!(held, [("payload_parser_held", device.id.as_str(), Some("2"))]);
    assert_eq!(it.values(&device, "").await, ["03", "0102"]);
}

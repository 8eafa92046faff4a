use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{CUSTOM_HTTPS, HTTPS, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_keeps_every_field() {
    let it = Running::start().await;
    let fields = json!({
        "name": "  Truck 1 ", "network": HTTPS, "connector": CUSTOM_HTTPS, "type": "mutable",
        "description": "north route", "active": false, "visible": false, "payload_decoder": "Ly8gcGFyc2U=",
        "tags": [{"key": "site", "value": "north", "metadata": {"run": true}}], "serie_number": "SN-1",
        "configuration_params": [{"key": "interval", "value": "5", "sent": true}]
    });
    let made = it.post("/device", fields).await;
    let id = made["device_id"].as_str().unwrap();
    assert_eq!(made["bucket_id"], id);
    assert_eq!(made["token"].as_str().unwrap().len(), 36);
    let device = it.get(&format!("/device/{id}")).await;
    assert_eq!(device["name"], "Truck 1");
    assert_eq!(device["description"], "north route");
    assert_eq!(device["active"], false);
    assert_eq!(device["tags"], json!([{"key": "site", "value": "north", "metadata": {"run": true}}]));
    assert_eq!(device["payload_decoder"], "Ly8gcGFyc2U=");
    assert_eq!(device["bucket"], json!({"id": id, "name": "Truck 1"}));
    assert_eq!(device["created_at"], "2026-03-10T12:00:00.000Z");
    assert_eq!(device["last_input"], Value::Null);
    let params = it.get(&format!("/device/{id}/params")).await;
    assert_eq!(
        (&params[0]["key"], &params[0]["value"], &params[0]["sent"]),
        (&json!("interval"), &json!("5"), &json!(true))
    );
    assert_eq!(it.get(&format!("/device/token/{id}")).await[0]["serie_number"], "SN-1");

    it.set_time("2026-03-10T13:00:00Z");
    let edit = json!({"name": "Truck 1b", "description": null, "active": true});
    assert_eq!(it.call(Method::PUT, &format!("/device/{id}"), edit).await, "Successfully Updated");
    let edited = it.get(&format!("/device/{id}")).await;
    assert_eq!(
        (&edited["name"], &edited["description"], &edited["active"]),
        (&json!("Truck 1b"), &Value::Null, &json!(true))
    );
    assert_eq!(edited["tags"], device["tags"]);
    assert_eq!(edited["updated_at"], "2026-03-10T13:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_device_is_refused_with_the_field_and_the_rule() {
    let it = Running::start().await;
    let good = json!({"name": "Truck", "network": HTTPS, "connector": CUSTOM_HTTPS});
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", Value::Null),
        ("name", json!(5)),
        ("network", json!("ffffffffffffffffffffffff")),
        ("connector", json!("5f5a8f3351d4db99c40dece6")),
        ("type", json!("legacy")),
        ("chunk_period", json!("decade")),
        ("active", json!("yes")),
        ("tags", json!([{"key": "a"}])),
        ("tags", json!(vec![json!({"key": "a", "value": "b"}); 31])),
        ("serie_number", json!(7)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let (status, message) = it.refused(Method::POST, "/device", bad).await;
        assert!(status == 400 && message.starts_with(field), "{field}: {message}");
    }
    assert_eq!(it.refused(Method::POST, "/device", json!([])).await.0, 400);
    assert_eq!(it.get("/device").await, json!([]));
    let device = it.device("Truck").await;
    let path = format!("/device/{}", device.id);
    for (edit, field) in
        [(json!({"type": "immutable"}), "type"), (json!({"network": HTTPS, "name": ""}), "name")]
    {
        let (status, message) = it.refused(Method::PUT, &path, edit).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
    let lorawan = json!({"network": "5d2f8e3b9c1d4e0011223301", "connector": "5f5a8f3351d4db99c40dece7"});
    let (_, message) = it.refused(Method::PUT, &path, lorawan).await;
    assert!(message.contains("no tokens"), "{message}");
    let (_, message) = it.refused(Method::PUT, &path, json!({"network": "5d2f8e3b9c1d4e0011223301"})).await;
    assert!(message.contains("together"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_pages_an_order_filters_and_fields() {
    let it = Running::start().await;
    for i in 0..25 {
        it.post(
            "/device",
            json!({"name": format!("Truck {i:02}"), "network": HTTPS, "connector": CUSTOM_HTTPS,
                   "active": i % 2 == 0, "tags": [{"key": "route", "value": format!("r{}", i % 3)}]}),
        )
        .await;
    }
    let names = async |query: &str| {
        let devices = it.get(&format!("/device?{query}")).await;
        devices
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["name"].as_str().unwrap()[6..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("").await.len(), 20);
    assert_eq!(names("page=2").await, ["20", "21", "22", "23", "24"]);
    assert_eq!(names("page=3").await, Vec::<String>::new());
    assert_eq!(names("amount=3&orderBy=name,desc").await, ["24", "23", "22"]);
    assert_eq!(names("filter[name]=truck 1*&amount=100").await.len(), 10);
    assert_eq!(names("filter[active]=false&amount=100").await.len(), 12);
    let tagged = "filter[tags][0][key]=route&filter[tags][0][value]=r1&amount=100";
    assert_eq!(names(tagged).await.len(), 8);
    assert_eq!(names("filter[tags][0][key]=other").await.len(), 0);
    let first = &it.get("/device?amount=1&fields[0]=active&fields[1]=created_at").await[0];
    let mut fields: Vec<_> = first.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["active", "created_at", "id", "name", "tags"]);
    for query in ["page=0", "amount=10001", "orderBy=colour", "filter[colour]=red"] {
        assert_eq!(it.refused(Method::GET, &format!("/device?{query}"), Value::Null).await.0, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_made_changed_and_removed() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}/params", device.id);
    let made =
        it.post(&path, json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2", "sent": true}])).await;
    assert_eq!(made, "Params Successfully Updated");
    let params = it.get(&path).await;
    let (a, b) = (params[0]["id"].as_str().unwrap(), params[1]["id"].as_str().unwrap());
    it.post(&path, json!({"id": a, "value": "changed"})).await;
    assert_eq!(it.get(&path).await[0], json!({"id": a, "key": "a", "value": "changed", "sent": false}));
    assert_eq!(it.get(&format!("{path}?sent_status=true")).await.as_array().unwrap().len(), 1);
    let (_, own) = it.ask(Method::GET, "/device/params", &device.token, None).await;
    assert_eq!(own["result"].as_array().unwrap().len(), 2);
    it.call(Method::DELETE, &format!("{path}/{b}"), Value::Null).await;
    assert_eq!(it.refused(Method::DELETE, &format!("{path}/{b}"), Value::Null).await.0, 404);
    let many: Value = (0..60).map(|i| json!({"key": format!("k{i}"), "value": "x"})).collect();
    assert_eq!(it.refused(Method::POST, &path, many).await.0, 402);
    assert_eq!(it.refused(Method::POST, &path, json!({"key": "k", "value": 5})).await.0, 400);
    assert_eq!(it.get(&path).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_leaves_nothing_and_a_protected_one_stays() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, crate::harness::series("t", 5)).await;
    let path = format!("/device/{}", device.id);
    it.call(Method::PUT, &path, json!({"tags": [{"key": "_delete_protection_", "value": ""}]})).await;
    let (status, message) = it.refused(Method::DELETE, &path, Value::Null).await;
    assert!(status == 400 && message.contains("_delete_protection_"), "{message}");
    it.call(Method::PUT, &path, json!({"tags": []})).await;
    assert_eq!(it.call(Method::DELETE, &path, Value::Null).await, "Successfully Removed");
    for gone in
        [path.clone(), format!("{path}/data"), format!("{path}/data_amount"), format!("{path}/params")]
    {
        assert_eq!(it.refused(Method::GET, &gone, Value::Null).await.0, 404, "{gone}");
    }
    let (status, _) = it.ask(Method::GET, "/data", &device.token, None).await;
    assert_eq!(status.as_u16(), 401);
    assert_eq!(it.get("/profile/current/summary").await["amount"]["data_records"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_serial_number_ends_the_tokens_of_a_device() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}", device.id);
    it.call(Method::PUT, &path, json!({"serie_number": "SN-9"})).await;
    let (status, _) = it.ask(Method::GET, "/data", &device.token, None).await;
    assert_eq!(status.as_u16(), 401);
    let tokens = it.get(&format!("/device/token/{}", device.id)).await;
    assert_eq!((tokens.as_array().unwrap().len(), &tokens[0]["serie_number"]), (1, &json!("SN-9")));
    let found = it.get("/device?serial=SN-9").await;
    assert_eq!(found[0]["id"], device.id.as_str());
    // The same serial number again changes nothing.
    it.call(Method::PUT, &path, json!({"serie_number": "SN-9"})).await;
    assert_eq!(it.get(&format!("/device/token/{}", device.id)).await[0]["id"], tokens[0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_shows_when_it_was_last_used_and_a_device_when_it_was_last_read() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let tokens = format!("/device/token/{}", device.id);
    assert_eq!(it.get(&tokens).await[0]["last_authorization"], Value::Null);
    assert_eq!(it.get(&format!("/device/{}", device.id)).await["last_output"], Value::Null);
    it.set_time("2026-03-10T12:05:00Z");
    it.ask(Method::GET, "/data", &device.token, None).await;
    assert_eq!(it.get(&tokens).await[0]["last_authorization"], "2026-03-10T12:05:00.000Z");
    assert_eq!(it.get(&format!("/device/{}", device.id)).await["last_output"], "2026-03-10T12:05:00.000Z");
}

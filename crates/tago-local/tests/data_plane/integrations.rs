//! A profile's own networks and connectors, and what a network's server does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{CUSTOM_HTTPS, HTTPS, Running, refusal, succeeded};

struct Own {
    network: String,
    connector: String,
    /// The network's token.
    token: String,
}

async fn own(it: &Running) -> Own {
    let network = it.post("/integration/network/", json!({"name": "Own network"})).await;
    let network = network["network"].as_str().unwrap().to_owned();
    let connector = json!({"name": "Own connector", "networks": [network]});
    let connector = it.post("/integration/connector/", connector).await["connector"].clone();
    let token = it.post("/integration/network/token", json!({"network": network, "name": "Server"})).await;
    assert_eq!((&token["network"], &token["name"]), (&json!(network), &json!("Server")));
    Own {
        network,
        connector: connector.as_str().unwrap().to_owned(),
        token: token["token"].as_str().unwrap().to_owned(),
    }
}

/// A device of the own network, with a serial number; its id and token.
async fn plated(it: &Running, own: &Own, serial: &str) -> (String, String) {
    let device = json!({
        "name": serial, "network": own.network, "connector": own.connector, "serie_number": serial,
    });
    let made = it.post("/device", device).await;
    (made["device_id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn own_networks_and_connectors_stand_beside_the_public_ones() {
    let it = Running::start().await;
    let own = own(&it).await;
    for (path, id) in [("/integration/network", &own.network), ("/integration/connector", &own.connector)] {
        let all = it.get(&format!("{path}/?amount=100")).await;
        assert!(all.as_array().unwrap().iter().any(|item| item["id"] == json!(id)));
        assert!(all.as_array().unwrap().len() > 3);
        let only_own = it.get(&format!("{path}?filter[public]=true")).await;
        assert_eq!(only_own.as_array().unwrap().len(), 1);
        assert_eq!(only_own[0]["id"], json!(id));
        // Of what is not asked for, nothing but id and name is shown.
        let read = it.get(&format!("{path}/{id}")).await;
        assert_eq!(read.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name"]);
        let named = it.get(&format!("{path}?filter[name]=own*&fields[]=description")).await;
        assert_eq!((named.as_array().unwrap().len(), &named[0]["description"]), (1, &Value::Null));
        it.call(Method::PUT, &format!("{path}/{id}"), json!({"payload_decoder": "YQ=="})).await;
        let read = it.get(&format!("{path}/{id}?fields[0]=payload_decoder&fields[1]=public")).await;
        assert_eq!((&read["payload_decoder"], &read["public"]), (&json!("YQ=="), &json!(false)));
        let (status, _) = it.refused(Method::PUT, &format!("{path}/{HTTPS}"), json!({"name": "Mine"})).await;
        assert_eq!(status, 404, "a public one is nobody's to change");
    }
    let nowhere = json!({"name": "x", "networks": ["5f2a8e3b9c1d4e0011223344"]});
    let (status, message) = it.refused(Method::POST, "/integration/connector", nowhere).await;
    assert!(status == 400 && message.starts_with("networks"), "{message}");

    plated(&it, &own, "S1").await;
    let wrong = json!({"name": "x", "network": own.network, "connector": CUSTOM_HTTPS});
    let (status, message) = it.refused(Method::POST, "/device", wrong).await;
    assert!(status == 400 && message.contains("does not support network"), "{message}");
    for (path, id) in [("/integration/network", &own.network), ("/integration/connector", &own.connector)] {
        let (status, message) = it.refused(Method::DELETE, &format!("{path}/{id}"), Value::Null).await;
        assert!(status == 400 && message.contains("used by 1 devices"), "{message}");
    }
    let device = it.get("/device").await[0]["id"].as_str().unwrap().to_owned();
    it.call(Method::DELETE, &format!("/device/{device}"), Value::Null).await;
    it.call(Method::DELETE, &format!("/integration/connector/{}", own.connector), Value::Null).await;
    it.call(Method::DELETE, &format!("/integration/network/{}", own.network), Value::Null).await;
    assert_eq!(it.ask(Method::GET, "/info", &own.token, None).await.0.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_networks_token_is_listed_masked_and_opens_only_what_its_server_needs() {
    let it = Running::start().await;
    let own = own(&it).await;
    let path = format!("/integration/network/token/{}", own.network);
    let listed = it.get(&path).await;
    assert_eq!((&listed[0]["name"], &listed[0]["permission"]), (&json!("Server"), &json!("full")));
    assert!(
        !listed.to_string().contains(&own.token)
            && listed[0]["token"].as_str().unwrap().ends_with(&own.token[34..])
    );
    assert_eq!(it.ask(Method::GET, "/info", &own.token, None).await.1["result"]["id"], own.network);
    for path in ["/device", "/integration/network", "/data", "/dashboard"] {
        assert_eq!(it.ask(Method::GET, path, &own.token, None).await.0.as_u16(), 401, "{path}");
    }
    let gone = format!("/integration/network/token/{}", own.token);
    assert_eq!(it.call(Method::DELETE, &gone, Value::Null).await, "Token Successfully Removed");
    assert_eq!(it.refused(Method::DELETE, &gone, Value::Null).await.0, 404);
    assert_eq!(it.get(&path).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_resolves_a_serial_number_to_a_token_that_stays_the_same() {
    let it = Running::start().await;
    let own = own(&it).await;
    let (device, _) = plated(&it, &own, "S1").await;
    let service = it.post("/serviceauth", json!({"name": "Server", "permission": "full"})).await;
    let service = service["token"].as_str().unwrap();
    assert!(service.len() == 34 && service.starts_with("at"), "{service}");
    let resolve = async |path: &str| {
        it.ask(Method::GET, &format!("/integration/network/resolve/{path}"), &own.token, None).await
    };
    let first = succeeded(resolve("S1").await);
    assert_eq!(succeeded(resolve(&format!("S1/{service}")).await), first);
    let token = first.as_str().unwrap();
    assert_eq!(it.ask(Method::GET, "/info", token, None).await.1["result"]["id"], json!(device));
    let body = json!({"variable": "t", "value": 1}).to_string();
    assert_eq!(it.ask(Method::POST, "/data", token, Some(body)).await.0.as_u16(), 202);
    assert_eq!(it.get(&format!("/device/token/{device}")).await.as_array().unwrap().len(), 2);
    assert_eq!(refusal(resolve("S2").await).0, 404);
    assert_eq!(refusal(resolve("S1/at00").await).0, 401);
    // A device of another network has its serial number for itself.
    let other = json!({"name": "x", "network": HTTPS, "connector": CUSTOM_HTTPS, "serie_number": "S3"});
    it.post("/device", other).await;
    assert_eq!(refusal(resolve("S3").await).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_sends_sets_parameters_publishes_and_lists_its_devices() {
    let it = Running::start().await;
    let own = own(&it).await;
    let (device, _) = plated(&it, &own, "S1").await;
    let foreign = it.device("Foreign").await;
    let service = it.post("/serviceauth", json!({"name": "Server", "permission": "write"})).await;
    let service = service["token"].as_str().unwrap().to_owned();
    let call = async |method: Method, path: String, body: Value| {
        it.ask(method, &format!("/integration/network{path}"), &own.token, Some(body.to_string())).await
    };
    let body = json!([{"variable": "payload", "value": "41BC", "metadata": {"serial": "S1"}}]);
    let sent = call(Method::POST, format!("/data?authorization_token={service}"), body.clone()).await;
    assert_eq!(succeeded(sent), "1 Data Added");
    assert_eq!(it.get(&format!("/device/{device}/data")).await[0]["value"], "41BC");
    assert_eq!(refusal(call(Method::POST, "/data?authorization_token=at1".into(), body).await).0, 401);
    let unnamed = json!([{"variable": "payload", "value": "41BC"}]);
    let (status, message) =
        refusal(call(Method::POST, format!("/data?authorization_token={service}"), unnamed).await);
    assert!(status == 400 && message.starts_with("metadata.serial"), "{message}");

    let param = json!([{"key": "downlink_url", "value": "https://x.example", "sent": true}]);
    let set = call(Method::POST, format!("/{device}/params"), param.clone()).await;
    assert_eq!(succeeded(set), "Device Configuration Parameter Updated");
    assert_eq!(it.get(&format!("/device/{device}/params")).await[0]["key"], "downlink_url");
    assert_eq!(refusal(call(Method::POST, format!("/{}/params", foreign.id), param).await).0, 404);

    let listed = call(Method::GET, format!("/{}/devices", own.connector), Value::Null).await;
    let listed = succeeded(listed);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(device)));
    assert!(listed[0]["token"].as_str().unwrap().starts_with("****"));

    let message = json!({"device": device, "topic": "downlink", "message": "01"});
    succeeded(call(Method::POST, "/publish".into(), message).await);
    let published = it.project.outbox().await.unwrap();
    assert_eq!((published[0].r#type.as_str(), published[0].variable.as_str()), ("mqtt", "downlink"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_authorization_is_listed_changed_and_removed() {
    let it = Running::start().await;
    let made = it
        .post("/serviceauth", json!({"name": "TTN", "permission": "full", "verification_code": "v1"}))
        .await;
    let token = made["token"].as_str().unwrap();
    assert_eq!((&made["name"], &made["additional_parameters"]), (&json!("TTN"), &json!("v1")));
    assert_eq!(made["profile"], it.get("/info").await["id"]);
    let list = "/serviceauth?fields[]=name&fields[]=token&fields[]=verification_code";
    let listed = it.get(list).await;
    assert_eq!((&listed[0]["name"], &listed[0]["verification_code"]), (&json!("TTN"), &json!("v1")));
    assert!(!listed.to_string().contains(token));
    it.call(Method::PUT, &format!("/serviceauth/{token}"), json!({"verification_code": "v2"})).await;
    assert_eq!(it.get(list).await[0]["verification_code"], "v2");
    // By itself it opens nothing.
    assert_eq!(it.ask(Method::GET, "/info", token, None).await.0.as_u16(), 401);
    it.call(Method::DELETE, &format!("/serviceauth/{token}"), Value::Null).await;
    assert_eq!(it.get(list).await, json!([]));
    assert_eq!(it.refused(Method::PUT, &format!("/serviceauth/{token}"), json!({})).await.0, 404);
}

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, series};

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_token_may_not_send_data() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}/data", device.id);
    assert_eq!(
        it.refused(Method::POST, &path, series("t", 1)).await,
        (401, "Authorization Denied".to_owned())
    );
    assert_eq!(
        it.refused(Method::POST, "/data", series("t", 1)).await,
        (401, "Authorization Denied".to_owned())
    );
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_it_is_for_and_nothing_else() {
    let it = Running::start().await;
    let stranger = Running::start().await;
    let device = it.device("Truck").await;
    for (method, path, token) in [
        (Method::GET, "/device", device.token.as_str()),
        (Method::GET, "/account", &device.token),
        (Method::GET, "/data", &it.token),
        (Method::GET, "/device", &stranger.token),
        (Method::GET, "/device", ""),
        (Method::GET, "/device", "p-00000000-0000-4000-8000-000000000000"),
    ] {
        let (status, message) = refusal(it.ask(method, path, token, None).await);
        assert_eq!(status, 401, "{path}: {message}");
    }
    let bare = it.client.get(format!("{}/device", it.api)).send().await.unwrap();
    assert_eq!(bare.status().as_u16(), 401);
    for value in [it.token.clone(), format!("Bearer {}", it.token)] {
        let answer =
            it.client.get(format!("{}/info", it.api)).header("Authorization", value).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }
    let (_, device_info) = it.ask(Method::GET, "/info", &device.token, None).await;
    assert_eq!(device_info["result"]["id"], device.id);
    assert_eq!(it.get("/info").await["id"], it.get("/profile/current").await["info"]["id"]);
    it.project.revoke_profile_tokens_named("tests").await.unwrap();
    assert_eq!(it.refused(Method::GET, "/device", Value::Null).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_and_expiry_of_device_tokens_hold() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let mut tokens = std::collections::HashMap::new();
    for permission in ["full", "write", "read", "deny"] {
        let body = json!({"device": device.id, "name": permission, "permission": permission, "expire_time": "2 hours"});
        let made = it.post("/device/token", body).await;
        tokens.insert(permission, made["token"].as_str().unwrap().to_owned());
    }
    let status = async |method: Method, token: &str| {
        let body = (method == Method::POST).then(|| series("t", 1).to_string());
        it.ask(method, "/data", token, body).await.0.as_u16()
    };
    for (permission, write, read) in
        [("full", 202, 200), ("write", 202, 401), ("read", 401, 200), ("deny", 401, 401)]
    {
        assert_eq!(status(Method::POST, &tokens[permission]).await, write, "{permission}");
        assert_eq!(status(Method::GET, &tokens[permission]).await, read, "{permission}");
    }
    it.set_time("2026-03-10T14:00:00Z");
    assert_eq!(status(Method::GET, &tokens["full"]).await, 401);
    assert_eq!(status(Method::GET, &device.token).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_token_is_masked_and_can_be_removed_by_its_value_or_its_id() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let made =
        it.post("/device/token", json!({"device": device.id, "name": "second", "serie_number": "S2"})).await;
    let value = made["token"].as_str().unwrap();
    let path = format!("/device/token/{}", device.id);
    let listed = it.get(&path).await;
    let second = listed.as_array().unwrap().iter().find(|token| token["name"] == "second").unwrap();
    assert_eq!(second["token"], format!("********-****-****-****-********{}", &value[32..]));
    assert_eq!(second["serie_number"], "S2");
    assert_eq!(second["permission"], "full");
    assert_eq!(second["device_id"], device.id);
    let (_, text) = it.ask_text(Method::GET, &path, &it.token, None).await;
    assert!(!text.contains(value) && !text.contains(&device.token));
    let removed = it.call(Method::DELETE, &format!("/device/token/{value}"), Value::Null).await;
    assert_eq!(removed, "Token Successfully Removed");
    let id = it.get(&path).await[0]["id"].as_str().unwrap().to_owned();
    it.call(Method::DELETE, &format!("/device/token/{id}"), Value::Null).await;
    assert_eq!(it.refused(Method::DELETE, &format!("/device/token/{id}"), Value::Null).await.0, 404);
    let (status, _) = it.ask(Method::GET, "/data", &device.token, None).await;
    assert_eq!(status.as_u16(), 401);
    // A profile's own token is not a device's.
    let own = format!("/device/token/{}", it.token);
    assert_eq!(it.refused(Method::DELETE, &own, Value::Null).await.0, 404);
    for (body, field) in [
        (json!({"name": "x"}), "device"),
        (json!({"device": device.id, "name": ""}), "name"),
        (json!({"device": device.id, "name": "x", "permission": "all"}), "permission"),
        (json!({"device": device.id, "name": "x", "expire_time": "later"}), "expire_time"),
    ] {
        let (status, message) = it.refused(Method::POST, "/device/token", body).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
}

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, succeeded};

fn warm() -> Value {
    json!({"title": "Too warm", "message": "Cold room 1", "buttons_autodisable": true,
           "buttons": [{"id": "ack", "label": "Acknowledge", "triggers": [{"analysis_id": "0"}]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_of_the_account_are_read_pressed_and_removed() {
    let it = Running::start().await;
    let first = it.post("/notification", warm()).await["id"].as_str().unwrap().to_owned();
    let second = it.post("/notification", json!({"title": "Two", "message": "x"})).await["id"].clone();
    let listed = it.get("/notification/").await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(listed[0]["created_at"].is_string());
    it.call(Method::PUT, "/notification/read", json!({"notification_ids": [second], "read": true})).await;
    let unread = it.get("/notification?filter[read]=false").await;
    assert_eq!((unread.as_array().unwrap().len(), &unread[0]["id"]), (1, &json!(first)));
    let said = it.call(Method::PUT, &format!("/notification/{first}/ack"), Value::Null).await;
    assert!(said.as_str().unwrap().contains("not carried out"));
    let (status, _) = it.refused(Method::PUT, &format!("/notification/{first}/ack"), Value::Null).await;
    assert_eq!(status, 400, "it disabled itself");
    assert_eq!(it.refused(Method::PUT, &format!("/notification/{first}/no"), Value::Null).await.0, 404);
    it.call(Method::PUT, "/notification/markallread", Value::Null).await;
    assert_eq!(it.get("/notification?filter[read]=false").await, json!([]));
    it.call(Method::DELETE, &format!("/notification/{first}"), Value::Null).await;
    assert_eq!(it.refused(Method::DELETE, &format!("/notification/{first}"), Value::Null).await.0, 404);
    let (status, message) = it.refused(Method::POST, "/notification", json!({"title": "x"})).await;
    assert!(status == 400 && message.starts_with("message"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_users_notifications_are_the_users_and_the_owners_to_change() {
    let it = Running::start().await;
    let mut users = Vec::new();
    for name in ["bo", "cy"] {
        let body = json!({"name": name, "email": format!("{name}@example.com"), "password": "secret1", "active": true});
        let id = it.post("/run/users", body).await["user"].as_str().unwrap().to_owned();
        let token = it.get(&format!("/run/users/{id}/login")).await["token"].as_str().unwrap().to_owned();
        users.push((id, token));
    }
    let [(bo, bo_token), (_, cy_token)] = users.as_slice() else { unreachable!() };
    let mut body = warm();
    body["run_user"] = bo.clone().into();
    let id = it.post("/run/notification/", body).await["id"].as_str().unwrap().to_owned();
    let edited = it.call(Method::PUT, &format!("/run/notification/{id}"), json!({"title": "Warmer"})).await;
    assert_eq!(edited, "TagoIO Notification User Successfully Updated");
    assert_eq!(it.get(&format!("/run/notification/{bo}")).await[0]["title"], "Warmer");
    assert_eq!(it.get("/notification").await, json!([]), "not the account's");

    let url = it.get("/run").await["url"].as_str().unwrap().to_owned();
    let own = format!("/run/{url}/notification");
    assert_eq!(succeeded(it.ask(Method::GET, &own, bo_token, None).await)[0]["run_user"], bo.as_str());
    assert_eq!(succeeded(it.ask(Method::GET, &own, cy_token, None).await), json!([]));
    let read = Some(json!({"notification_ids": [id], "read": true}).to_string());
    assert_eq!(refusal(it.ask(Method::PUT, &own, cy_token, read.clone()).await).0, 404);
    succeeded(it.ask(Method::PUT, &own, bo_token, read).await);
    assert_eq!(succeeded(it.ask(Method::GET, &own, bo_token, None).await)[0]["read"], true);
    succeeded(it.ask(Method::PUT, &format!("{own}/markallread"), bo_token, None).await);
    succeeded(it.ask(Method::PUT, &format!("{own}/{id}/ack"), bo_token, None).await);
    assert_eq!(refusal(it.ask(Method::DELETE, &format!("{own}/{id}"), cy_token, None).await).0, 404);
    succeeded(it.ask(Method::DELETE, &format!("{own}/{id}"), bo_token, None).await);
    assert_eq!(it.get(&format!("/run/notification/{bo}")).await, json!([]));
    let stranger = json!({"run_user": "0".repeat(24), "title": "x", "message": "y"});
    assert_eq!(it.refused(Method::POST, "/run/notification", stranger).await.0, 404);
}

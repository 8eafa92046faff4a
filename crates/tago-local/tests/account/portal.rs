use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, succeeded};

const EMAIL: &str = "bo@example.com";

async fn at(it: &Running, path: &str) -> String {
    let url = it.get("/run").await["url"].as_str().unwrap().to_owned();
    format!("/run/{url}/{path}")
}

async fn ask(
    it: &Running,
    method: Method,
    path: &str,
    token: &str,
    body: Value,
) -> (reqwest::StatusCode, Value) {
    let path = at(it, path).await;
    it.ask(method, &path, token, Some(body.to_string())).await
}

async fn user(it: &Running) -> String {
    let bo = json!({"name": "Bo", "email": EMAIL, "password": "secret1", "active": true});
    it.post("/run/users", bo).await["user"].as_str().unwrap().to_owned()
}

async fn log_in(it: &Running, password: &str) -> (reqwest::StatusCode, Value) {
    ask(it, Method::POST, "login", "", json!({"email": "BO@example.com", "password": password})).await
}

async fn token(it: &Running) -> String {
    succeeded(log_in(it, "secret1").await)["token"].as_str().unwrap().to_owned()
}

async fn latest_message(it: &Running) -> String {
    it.project.messages().await.unwrap().last().unwrap().body.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_up_is_let_in_when_the_address_is_confirmed() {
    let it = Running::start().await;
    let new = json!({"name": "Bo", "email": EMAIL, "password": "secret1", "active": true, "timezone": "UTC"});
    let made = succeeded(ask(&it, Method::POST, "signup", "", new).await);
    assert!(made["user"].is_string());
    let (status, message) = refusal(log_in(&it, "secret1").await);
    assert!(status == 400 && message.contains("not active"), "{message}");
    let key = latest_message(&it).await;
    assert_eq!(refusal(ask(&it, Method::GET, "confirm/wrong", "", Value::Null).await).0, 400);
    succeeded(ask(&it, Method::GET, &format!("confirm/{key}"), "", Value::Null).await);
    succeeded(log_in(&it, "secret1").await);
    let user = it.get(&format!("/run/users/{}", made["user"].as_str().unwrap())).await;
    assert_eq!(user["last_login"], "2026-03-10T12:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_and_changes_the_own_account_alone() {
    let it = Running::start().await;
    let id = user(&it).await;
    assert_eq!(refusal(log_in(&it, "wrong").await), (401, "Invalid credentials".into()));
    let token = token(&it).await;
    let info = succeeded(ask(&it, Method::GET, "info", &token, Value::Null).await);
    assert_eq!((&info["id"], &info["email"]), (&json!(id), &json!(EMAIL)));
    succeeded(ask(&it, Method::PUT, "info", &token, json!({"name": "Bob", "password": "secret2"})).await);
    succeeded(log_in(&it, "secret2").await);
    for own in [json!({"active": false}), json!({"tags": []})] {
        assert_eq!(refusal(ask(&it, Method::PUT, "info", &token, own).await).0, 400);
    }
    assert_eq!(refusal(ask(&it, Method::GET, "info", &it.token, Value::Null).await).0, 401);
    // Whoever is set inactive is out at once.
    it.call(Method::PUT, &format!("/run/users/{id}"), json!({"active": false})).await;
    assert_eq!(refusal(ask(&it, Method::GET, "info", &token, Value::Null).await).0, 401);
    it.call(Method::PUT, &format!("/run/users/{id}"), json!({"active": true})).await;
    succeeded(ask(&it, Method::DELETE, "delete", &token, Value::Null).await);
    assert_eq!(it.refused(Method::GET, &format!("/run/users/{id}"), Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_answers_at_its_own_address_while_it_is_on() {
    let it = Running::start().await;
    user(&it).await;
    let body = json!({"email": EMAIL, "password": "secret1"});
    assert_eq!(it.refused(Method::POST, "/run/elsewhere.example/login", body.clone()).await.0, 404);
    it.call(Method::PUT, "/run", json!({"url": "portal.example", "active": false})).await;
    assert_eq!(it.refused(Method::POST, "/run/portal.example/login", body.clone()).await.0, 403);
    it.call(Method::PUT, "/run", json!({"active": true})).await;
    it.post("/run/portal.example/login", body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_forgot_the_password_chooses_another() {
    let it = Running::start().await;
    user(&it).await;
    succeeded(ask(&it, Method::GET, "passwordreset/nobody@example.com", "", Value::Null).await);
    assert_eq!(it.project.messages().await.unwrap().len(), 0);
    succeeded(ask(&it, Method::GET, &format!("passwordreset/{EMAIL}"), "", Value::Null).await);
    let recovery = latest_message(&it).await;
    let new = json!({"password": "secret2"});
    assert_eq!(refusal(ask(&it, Method::POST, "passwordreset", "", new.clone()).await).0, 401);
    // What a run user was sent does not change the account's password.
    let account = it.ask(Method::POST, "/account/passwordreset", &recovery, Some(new.to_string())).await;
    assert_eq!(refusal(account).0, 401);
    succeeded(ask(&it, Method::POST, "passwordreset", &recovery, new.clone()).await);
    assert_eq!(refusal(ask(&it, Method::POST, "passwordreset", &recovery, new).await).0, 401);
    succeeded(log_in(&it, "secret2").await);
    let expired = {
        succeeded(ask(&it, Method::GET, &format!("passwordreset/{EMAIL}"), "", Value::Null).await);
        latest_message(&it).await
    };
    it.set_time("2026-03-10T13:00:00Z");
    let late = ask(&it, Method::POST, "passwordreset", &expired, json!({"password": "secret3"})).await;
    assert_eq!(refusal(late).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_turns_a_second_factor_on_and_off() {
    let it = Running::start().await;
    let id = user(&it).await;
    let token = token(&it).await;
    let who = json!({"email": EMAIL, "password": "secret1"});
    succeeded(ask(&it, Method::POST, "otp/email/enable", &token, who.clone()).await);
    let pin = json!({"pin_code": latest_message(&it).await});
    succeeded(ask(&it, Method::POST, "otp/email/confirm", &token, pin).await);
    assert_eq!(it.get(&format!("/run/users/{id}")).await["otp"]["email"], true);
    let (_, answer) = log_in(&it, "secret1").await;
    assert_eq!(answer["message"]["otp_autosend"], "email");
    let ask_pin = json!({"email": EMAIL, "password": "secret1", "otp_type": "email"});
    succeeded(ask(&it, Method::POST, "login/otp", "", ask_pin).await);
    let with_pin = json!({"email": EMAIL, "password": "secret1", "otp_type": "email",
                          "pin_code": latest_message(&it).await});
    succeeded(ask(&it, Method::POST, "login", "", with_pin).await);
    succeeded(ask(&it, Method::POST, "otp/email/disable", &token, who).await);
    succeeded(log_in(&it, "secret1").await);
    assert_eq!(refusal(ask(&it, Method::POST, "otp/fax/enable", &token, json!({})).await).0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_keeps_items_that_others_do_not_see() {
    let it = Running::start().await;
    user(&it).await;
    let bo = token(&it).await;
    let cy = json!({"name": "Cy", "email": "cy@example.com", "password": "secret1", "active": true});
    let cy = it.post("/run/users", cy).await["user"].as_str().unwrap().to_owned();
    let cy = it.get(&format!("/run/users/{cy}/login")).await["token"].as_str().unwrap().to_owned();
    let path = at(&it, "sdb/theme").await;
    succeeded(it.ask(Method::POST, &path, &bo, Some("dark".into())).await);
    assert_eq!(succeeded(it.ask(Method::GET, &path, &bo, None).await), "dark");
    assert_eq!(succeeded(it.ask(Method::GET, &path, &cy, None).await), Value::Null);
    succeeded(it.ask(Method::DELETE, &path, &bo, None).await);
    assert_eq!(succeeded(it.ask(Method::GET, &path, &bo, None).await), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_project_has_the_users_their_passwords_and_the_portal_but_no_old_tokens() {
    let it = Running::start().await;
    let id = user(&it).await;
    let token = token(&it).await;
    it.call(Method::PUT, "/run", json!({"name": "Portal", "url": "portal.example"})).await;
    it.call(Method::PUT, "/profile/current", json!({"name": "Warehouse"})).await;
    let anonymous = it.get("/run").await["anonymous_token"].clone();
    std::fs::create_dir_all(it.path("restored")).unwrap();
    it.project.snapshot_to(&it.path("restored").join("main.sqlite"), &mut |_| {}).unwrap();
    let mut copy = tago_local::project::Rekeying::open(&it.path("restored"), it.shared.clone()).unwrap();
    copy.become_instance(tago_api::ProjectId::from_bytes([9; 12]), "Restored").unwrap();
    copy.make_record_key().unwrap();
    copy.reissue_tokens().unwrap();
    copy.finish().unwrap();
    let restored = it.open_beside("restored").await;
    let users = restored.get("/run/users").await;
    assert_eq!((&users[0]["id"], &users[0]["email"]), (&json!(id), &json!(EMAIL)));
    assert_eq!(restored.get("/profile/current").await["info"]["name"], "Warehouse");
    let run = restored.get("/run").await;
    assert_eq!(run["name"], "Portal");
    assert_ne!(run["anonymous_token"], anonymous);
    assert_eq!(refusal(restored.ask(Method::GET, "/info", &token, None).await).0, 401);
    succeeded(log_in(&restored, "secret1").await);
}

use reqwest::Method;
use serde_json::{Value, json};
use tago_local::project::FIRST_PASSWORD;
use totp_rs::{Builder, Secret};

use crate::harness::{Running, refusal, succeeded};

const EMAIL: &str = "ana@example.com";

/// One request without a token.
async fn bare(it: &Running, method: Method, path: &str, body: Value) -> (reqwest::StatusCode, Value) {
    let answer = it.client.request(method, format!("{}{path}", it.api)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn log_in(it: &Running, password: &str, more: Value) -> (reqwest::StatusCode, Value) {
    let mut body = json!({"email": EMAIL, "password": password});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    bare(it, Method::POST, "/account/login", body).await
}

/// The PIN or key of the latest message.
async fn latest_message(it: &Running) -> String {
    it.project.messages().await.unwrap().last().unwrap().body.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_shows_what_was_edited_and_keeps_its_address() {
    let it = Running::start().await;
    let before = it.get("/account").await;
    assert_eq!((&before["email"], &before["timezone"]), (&json!(EMAIL), &json!("UTC")));
    assert_eq!(before["otp"], json!({"authenticator": false, "email": false, "sms": false}));
    let edit = json!({"name": "Ana B", "company": "Frostline", "timezone": "America/Sao_Paulo",
                      "options": {"time_format": "24"}, "email": EMAIL});
    assert_eq!(it.call(Method::PUT, "/account", edit).await, "Account Successfully Updated");
    let after = it.get("/account").await;
    assert_eq!((&after["name"], &after["company"]), (&json!("Ana B"), &json!("Frostline")));
    assert_eq!(after["options"]["time_format"], "24");
    for (edit, field) in [
        (json!({"timezone": "Mars/Olympus"}), "timezone"),
        (json!({"email": "other@example.com"}), "email"),
        (json!({"name": ""}), "name"),
    ] {
        let (status, message) = it.refused(Method::PUT, "/account", edit).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_takes_the_password_and_lists_the_profile() {
    let it = Running::start().await;
    let shown = succeeded(log_in(&it, FIRST_PASSWORD, json!({})).await);
    assert_eq!((&shown["type"], &shown["email"]), (&json!("user"), &json!(EMAIL)));
    assert_eq!(shown["profiles"][0]["id"], it.project.profile().to_string());
    assert_eq!(it.get("/account").await["last_login"], "2026-03-10T12:00:00.000Z");
    assert_eq!(refusal(log_in(&it, "wrong", json!({})).await), (401, "Invalid credentials".into()));
    let stranger = json!({"email": "x@example.com", "password": FIRST_PASSWORD});
    let stranger = bare(&it, Method::POST, "/account/login", stranger).await;
    assert_eq!(refusal(stranger), (401, "Invalid credentials".into()));
    it.project.set_account_password("better than that".into()).await.unwrap();
    assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, json!({})).await).0, 401);
    succeeded(log_in(&it, "better than that", json!({})).await);
    assert!(it.project.set_account_password("short".into()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_token_is_made_with_the_password_alone() {
    let it = Running::start().await;
    let profile = it.project.profile().to_string();
    let wanted = json!({"profile_id": profile, "email": EMAIL, "password": FIRST_PASSWORD, "name": "cli",
                        "expire_time": "1 day"});
    let made = succeeded(bare(&it, Method::POST, "/account/profile/token", wanted.clone()).await);
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("p-"));
    assert_eq!((&made["permission"], &made["profile"]), (&json!("full"), &json!(profile)));
    assert_eq!(succeeded(it.ask(Method::GET, "/info", &token, None).await)["id"], profile.as_str());
    let mut wrong = wanted.clone();
    wrong["password"] = "wrong".into();
    assert_eq!(refusal(bare(&it, Method::POST, "/account/profile/token", wrong).await).0, 401);
    let mut other = wanted;
    other["profile_id"] = "0".repeat(24).into();
    assert_eq!(refusal(bare(&it, Method::POST, "/account/profile/token", other).await).0, 404);
    it.set_time("2026-03-11T12:00:00Z");
    assert_eq!(refusal(it.ask(Method::GET, "/info", &token, None).await).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_profile_needs_the_password_too_and_can_be_removed() {
    let it = Running::start().await;
    let path = format!("/profile/{}/token", it.project.profile());
    let wanted = json!({"email": EMAIL, "password": FIRST_PASSWORD, "name": "second"});
    let made = it.post(&path, wanted).await;
    let token = made["token"].as_str().unwrap();
    let listed = it.get(&format!("{path}?orderBy=created_at,desc&fields[0]=name&fields[1]=token")).await;
    let second = listed.as_array().unwrap().iter().find(|row| row["name"] == "second").unwrap();
    assert!(second["token"].as_str().unwrap().ends_with(&token[token.len() - 4..]));
    assert!(!listed.to_string().contains(token));
    let without = json!({"email": EMAIL, "password": "wrong!", "name": "third"});
    assert_eq!(it.refused(Method::POST, &path, without).await.0, 401);
    let removed = it.call(Method::DELETE, &format!("{path}/{token}"), Value::Null).await;
    assert_eq!(removed, "Token Successfully Removed");
    assert_eq!(it.refused(Method::DELETE, &format!("{path}/{token}"), Value::Null).await.0, 404);
    assert_eq!(refusal(it.ask(Method::GET, "/info", token, None).await).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_app_makes_pins_that_are_good_once() {
    let it = Running::start().await;
    let who = json!({"email": EMAIL, "password": FIRST_PASSWORD});
    let app = it.post("/account/otp/authenticator/enable", who.clone()).await;
    assert!(app["url"].as_str().unwrap().starts_with("otpauth://totp/TagoIO:ana%40example.com?secret="));
    let secret = Secret::try_from_base32(app["secret"].as_str().unwrap()).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    let pin = |text: &str| {
        let time: tago_api::Time = text.parse().unwrap();
        totp.generate(time.millis().unsigned_abs() / 1000).to_string()
    };
    // Until it is confirmed nothing changes.
    succeeded(log_in(&it, FIRST_PASSWORD, json!({})).await);
    let wrong = json!({"pin_code": "000000"});
    assert_eq!(it.refused(Method::POST, "/account/otp/authenticator/confirm", wrong).await.0, 401);
    let right = json!({"pin_code": pin("2026-03-10T12:00:00Z")});
    it.post("/account/otp/authenticator/confirm", right.clone()).await;
    assert_eq!(it.get("/account").await["otp"]["authenticator"], true);

    // Software is told what to ask for.
    let (status, answer) = log_in(&it, FIRST_PASSWORD, json!({})).await;
    assert_eq!(status.as_u16(), 401);
    let asked = json!({"otp_enabled": ["authenticator"], "otp_autosend": "authenticator"});
    assert_eq!(answer, json!({"status": false, "message": asked}));
    let with = |pin: String| json!({"otp_type": "authenticator", "pin_code": pin});
    let used = with(right["pin_code"].as_str().unwrap().to_owned());
    assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, used).await), (401, "Invalid PIN code".into()));
    it.set_time("2026-03-10T12:01:00Z");
    let fresh = with(pin("2026-03-10T12:01:00Z"));
    succeeded(log_in(&it, FIRST_PASSWORD, fresh.clone()).await);
    assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, fresh).await).0, 401, "a PIN is good once");
    // A wrong password is not made good by a PIN.
    it.set_time("2026-03-10T12:02:00Z");
    assert_eq!(refusal(log_in(&it, "wrong", with(pin("2026-03-10T12:02:00Z"))).await).0, 401);
    it.post("/account/otp/authenticator/disable", who).await;
    succeeded(log_in(&it, FIRST_PASSWORD, json!({})).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_is_sent_lives_ten_minutes_and_ends_after_five_wrong_ones() {
    let it = Running::start().await;
    let who = json!({"email": EMAIL, "password": FIRST_PASSWORD});
    let (status, message) = it.refused(Method::POST, "/account/otp/sms/enable", who.clone()).await;
    assert!(status == 400 && message.starts_with("phone"), "{message}");
    it.post("/account/otp/email/enable", who.clone()).await;
    it.post("/account/otp/email/confirm", json!({"pin_code": latest_message(&it).await})).await;
    let ask = json!({"email": EMAIL, "password": FIRST_PASSWORD, "otp_type": "email"});
    let send = || bare(&it, Method::POST, "/account/login/otp", ask.clone());
    let with = |pin: String| json!({"otp_type": "email", "pin_code": pin});

    succeeded(send().await);
    let pin = latest_message(&it).await;
    it.set_time("2026-03-10T12:10:00Z");
    assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, with(pin)).await).0, 401, "ten minutes are over");

    succeeded(send().await);
    let pin = latest_message(&it).await;
    for _ in 0..5 {
        assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, with("wrong!".into())).await).0, 401);
    }
    assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, with(pin)).await).0, 401, "five wrong ones end it");

    succeeded(send().await);
    let pin = latest_message(&it).await;
    succeeded(log_in(&it, FIRST_PASSWORD, with(pin.clone())).await);
    assert_eq!(refusal(log_in(&it, FIRST_PASSWORD, with(pin)).await).0, 401, "and it is good once");
    let told = it.project.messages().await.unwrap();
    assert!(told.iter().all(|message| message.recipient == EMAIL && message.channel == "email"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_chosen_again_with_what_was_sent_once() {
    let it = Running::start().await;
    for email in ["nobody@example.com", "ANA@example.com"] {
        succeeded(bare(&it, Method::GET, &format!("/account/passwordreset/{email}"), json!({})).await);
    }
    let messages = it.project.messages().await.unwrap();
    assert_eq!(messages.len(), 1, "nobody is told nothing");
    let token = messages[0].body.clone();
    let body = Some(json!({"password": "chosen again"}).to_string());
    // It opens nothing else, and a profile token does not do what it does.
    assert_eq!(refusal(it.ask(Method::GET, "/info", &token, None).await).0, 401);
    let by_profile = it.ask(Method::POST, "/account/passwordreset", &it.token, body.clone()).await;
    assert_eq!(refusal(by_profile).0, 401);
    succeeded(it.ask(Method::POST, "/account/passwordreset", &token, body.clone()).await);
    succeeded(log_in(&it, "chosen again", json!({})).await);
    assert_eq!(refusal(it.ask(Method::POST, "/account/passwordreset", &token, body).await).0, 401);
    let disk = std::fs::read(it.project.database_path()).unwrap();
    let log = std::fs::read(it.project.database_path().with_extension("sqlite-wal")).unwrap();
    assert!(![disk, log].concat().windows(12).any(|bytes| bytes == b"chosen again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_nothing_here_is_refused_and_not_played() {
    let it = Running::start().await;
    for (method, path) in [
        (Method::POST, "/account"),
        (Method::DELETE, "/account"),
        (Method::GET, "/account/confirm/abc"),
        (Method::GET, "/account/subscription"),
        (Method::POST, "/account/plan"),
        (Method::GET, "/account/payment_history/"),
        (Method::GET, "/pricing"),
        (Method::POST, "/notification/push/register"),
        (Method::POST, "/run/customdomain/current"),
    ] {
        let (status, message) = it.refused(method, path, json!({})).await;
        assert_eq!(status, 403, "{path}: {message}");
    }
    it.shared.rates.set_plan(it.project.id(), tago_local::project::Plan::Starter);
    assert_eq!(it.get("/account/plan").await, json!({"plan": "starter"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocation_is_of_the_profile_and_in_whole_numbers() {
    let it = Running::start().await;
    let profile = it.project.profile();
    assert_eq!(it.get("/account/allocation").await[0]["input"], 3_000_000);
    it.post("/account/allocation", json!([{"profile": profile, "input": 5, "unknown": 1}])).await;
    let shown = it.get("/account/allocation").await;
    assert_eq!((&shown[0]["input"], &shown[0]["unknown"]), (&json!(5), &Value::Null));
    assert_eq!(it.get("/profile/current").await["allocation"]["input"], 5);
    for (body, status) in [
        (json!([{"profile": "0".repeat(24), "input": 5}]), 404),
        (json!([{"profile": profile, "input": -5}]), 400),
        (json!([{"input": 5}]), 400),
        (json!({}), 400),
    ] {
        assert_eq!(it.refused(Method::POST, "/account/allocation", body).await.0, status);
    }
}

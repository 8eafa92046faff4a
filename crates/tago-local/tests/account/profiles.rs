use reqwest::Method;
use serde_json::{Value, json};
use tago_local::project::{FIRST_PASSWORD, Plan};

use crate::harness::{Running, refusal, succeeded};

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_edited_flat_or_as_it_is_shown() {
    let it = Running::start().await;
    let path = format!("/profile/{}", it.project.profile());
    assert_eq!(it.call(Method::PUT, &path, json!({"name": "Warehouse"})).await, "Successfully Updated");
    let shown = it.get(&path).await;
    assert_eq!(shown["info"]["name"], "Warehouse");
    let mut info = shown;
    info["info"]["logo_url"] = "http://x/logo.png".into();
    it.call(Method::PUT, "/profile/current", info).await;
    let listed = it.get("/profile").await;
    assert_eq!(
        (&listed[0]["name"], &listed[0]["logo_url"]),
        (&json!("Warehouse"), &json!("http://x/logo.png"))
    );
    assert_eq!(it.refused(Method::PUT, &path, json!({"name": 5})).await.0, 400);
    let other = format!("/profile/{}", "0".repeat(24));
    assert_eq!(it.refused(Method::PUT, &other, json!({"name": "x"})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_one_profile_no_more_and_no_less() {
    let it = Running::start().await;
    let (status, message) = it.refused(Method::POST, "/profile/", json!({"name": "Second"})).await;
    assert_eq!(status, 402);
    assert!(message.starts_with("You have exceeded the maximum limit of profiles (1)"), "{message}");
    let wrong = json!({"password": "wrong"});
    assert_eq!(it.refused(Method::DELETE, "/profile/current", wrong).await, (401, "Invalid password".into()));
    let right = json!({"password": FIRST_PASSWORD});
    assert_eq!(it.refused(Method::DELETE, "/profile/current", right).await.0, 400);
    let own = format!("/profile/switch/{}", it.project.profile());
    it.call(Method::PUT, &own, Value::Null).await;
    assert_eq!(it.refused(Method::PUT, "/profile/switch/0123", Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_counts_what_there_is() {
    let it = Running::start().await;
    it.device("Truck").await;
    it.post("/run/users", json!({"name": "Bo", "email": "bo@example.com", "password": "secret1"})).await;
    let summary = it.get("/profile/current/summary").await;
    let amount = &summary["amount"];
    assert_eq!(
        (&amount["device"], &amount["run_users"], &amount["action"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(summary["limit_used"]["run_users"], 1);
    assert!(summary["tago_run"].is_string());
    assert_eq!(it.get("/profile/current/summary?onlyAmount=true").await.as_object().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_member_comes_in_by_accepting_and_within_the_plan() {
    let it = Running::start().await;
    let path = "/profile/current/team";
    assert_eq!(it.post(path, json!({"email": "bo@example.com"})).await, "User invited");
    let (status, message) = it.refused(Method::POST, path, json!({"email": "BO@example.com"})).await;
    assert!(status == 400 && message.contains("already"), "{message}");
    assert_eq!(it.get(path).await[0]["active"], false);
    let key = it.project.messages().await.unwrap()[0].body.clone();
    assert_eq!(refusal(it.ask(Method::GET, "/profile/team/accept/wrong", "", None).await).0, 400);
    succeeded(it.ask(Method::GET, &format!("/profile/team/accept/{key}"), "", None).await);
    let member = it.get(path).await[0].clone();
    assert_eq!(member["active"], true);
    assert_eq!(refusal(it.ask(Method::GET, &format!("/profile/team/decline/{key}"), "", None).await).0, 400);
    it.shared.rates.set_plan(it.project.id(), Plan::Starter);
    assert_eq!(it.refused(Method::POST, path, json!({"email": "cy@example.com"})).await.0, 402);
    it.call(Method::DELETE, &format!("{path}/{}", member["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!(it.get(path).await, json!([]));
    it.post(path, json!({"email": "cy@example.com"})).await;
    let key = it.project.messages().await.unwrap()[1].body.clone();
    succeeded(it.ask(Method::GET, &format!("/profile/team/decline/{key}"), "", None).await);
    assert_eq!(it.get(path).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_want_a_known_provider_and_existing_secrets() {
    let it = Running::start().await;
    let test = "/profile/current/service/test/email";
    let mail = json!({"to": "bo@example.com", "subject": "Hello", "message": "A test"});
    assert_eq!(it.refused(Method::POST, test, mail.clone()).await.0, 404);
    for (body, words) in [
        (json!({}), "The body must configure"),
        (json!({"fax": {"provider": "x"}}), "The body must configure"),
        (json!({"email": {"provider": "pigeon"}}), "email.provider must be one of"),
        (
            json!({"email": {"provider": "smtp", "secrets": {"data": "0".repeat(24)}}}),
            "Invalid credentials format",
        ),
    ] {
        let (status, message) = it.refused(Method::PUT, "/profile/current/service", body).await;
        assert!(status == 400 && message.starts_with(words), "{message}");
    }
    let bad = json!({"to": "12", "message": "x"});
    let (_, message) = it.refused(Method::POST, "/profile/current/service/test/sms", bad).await;
    assert!(message.starts_with("Invalid phone number format"), "{message}");
    assert_eq!(it.get("/profile/current/addons").await["custom_dns"], false);
    for (method, path) in [(Method::POST, "addons"), (Method::DELETE, "custom_dns")] {
        assert_eq!(it.refused(method, &format!("/profile/current/{path}"), json!({})).await.0, 403);
    }
}

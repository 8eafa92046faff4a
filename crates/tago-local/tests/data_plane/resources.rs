use reqwest::Method;
use serde_json::{Value, json};
use std::io::Read;

use crate::harness::Running;

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_keeps_its_fields_its_code_and_its_console() {
    let it = Running::start().await;
    let made = it
        .post(
            "/analysis",
            json!({"name": "Daily report", "variables": [{"key": "to", "value": "ana"}], "active": false}),
        )
        .await;
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert!(token.starts_with("a-"));
    let path = format!("/analysis/{id}");
    let analysis = it.get(&path).await;
    assert_eq!(analysis["variables"], json!([{"key": "to", "value": "ana"}]));
    assert_eq!((&analysis["runtime"], &analysis["version"]), (&json!("node-rt2025"), &Value::Null));
    assert_eq!(it.refused(Method::GET, &format!("{path}/download"), Value::Null).await.0, 404);

    let upload = json!({"file": "Y29uc29sZS5sb2coMSk=", "file_name": "script.js", "language": "node-rt2025"});
    it.post(&format!("{path}/upload"), upload).await;
    let link = it.get(&format!("{path}/download")).await;
    let packed =
        it.client.get(link["url"].as_str().unwrap()).header("token", &it.token).send().await.unwrap();
    let packed = packed.bytes().await.unwrap();
    let mut code = String::new();
    flate2::read::GzDecoder::new(packed.as_ref()).read_to_string(&mut code).unwrap();
    assert_eq!(code, "console.log(1)");

    let line = json!({"message": "report sent"}).to_string();
    let (status, _) = it.ask(Method::POST, "/analysis/services/console/send", token, Some(line)).await;
    assert_eq!(status.as_u16(), 200);
    let analysis = it.get(&path).await;
    assert_eq!(analysis["console"][0]["message"], "report sent");
    assert_eq!(analysis["version"], 1);
    it.call(Method::PUT, &path, json!({"name": "Weekly report"})).await;
    assert_eq!(it.get("/analysis").await[0]["name"], "Weekly report");
    for (edit, field) in
        [(json!({"runtime": "other"}), "runtime"), (json!({"variables": [{"key": "a"}]}), "variables")]
    {
        let (status, message) = it.refused(Method::PUT, &path, edit).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
    it.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 404);
    assert_eq!(it.ask(Method::GET, "/info", token, None).await.0.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_puts_what_it_would_send_into_the_outbox_unless_actions_are_held() {
    let it = Running::start().await;
    let (cold, other) = (it.device("Cold room").await, it.device("Office").await);
    it.call(
        Method::PUT,
        &format!("/device/{}", other.id),
        json!({"tags": [{"key": "kind", "value": "office"}]}),
    )
    .await;
    it.post(
        "/action",
        json!({"name": "Too warm", "type": "condition", "action": {"type": "email", "to": "ana@example.com", "message": "Warm"},
               "trigger": [{"device": cold.id, "variable": "temp", "is": ">", "value": 8}]}),
    )
    .await;
    let by_tag = it
        .post(
            "/action",
            json!({"name": "Zero", "type": "condition", "action": {"type": "sms", "to": "+31201234567", "message": "Zero"},
                   "trigger": [{"tag_key": "kind", "tag_value": "office", "variable": "temp", "is": "=", "value": 0}]}),
        )
        .await;
    let body = json!([{"variable": "temp", "value": 8}, {"variable": "temp", "value": 8.5},
                      {"variable": "temp", "value": 0}, {"variable": "door", "value": 99}]);
    it.send(&cold, body.clone()).await;
    it.send(&other, body.clone()).await;
    let fired: Vec<_> = it.project.outbox().await.unwrap();
    let told: Vec<_> =
        fired.iter().map(|e| (e.name.as_str(), e.r#type.as_str(), e.value.as_deref())).collect();
    assert_eq!(told, [("Too warm", "email", Some("8.5")), ("Zero", "sms", Some("0"))]);
    assert_eq!(fired[0].device, cold.id);

    let held = it.project.hold_automations().await.unwrap();
    assert!(held.held && held.actions == 2);
    it.send(&cold, body.clone()).await;
    assert_eq!(it.project.outbox().await.unwrap().len(), 2);
    assert!(!it.project.release_automations().await.unwrap().held);
    it.call(
        Method::PUT,
        &format!("/action/{}", by_tag["action"].as_str().unwrap()),
        json!({"active": false}),
    )
    .await;
    it.send(&cold, body.clone()).await;
    it.send(&other, body).await;
    assert_eq!(it.project.outbox().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_and_never_leave_their_store() {
    let it = Running::start().await;
    it.post(
        "/files",
        json!([{"filename": "/reports/2026/march.txt", "file": "aGVsbG8=", "public": true},
               {"filename": "logo.png", "file": "AAEC"}]),
    )
    .await;
    let root = it.get("/files").await;
    assert_eq!(root["folders"], json!(["reports"]));
    assert_eq!(root["files"][0]["filename"], "logo.png");
    let inner = it.get("/files?path=/reports/2026").await;
    assert_eq!((&inner["files"][0]["size"], &inner["files"][0]["public"]), (&json!(5), &json!(true)));
    let profile = it.get("/info").await["id"].as_str().unwrap().to_owned();
    let path = format!("/file/{profile}/reports/2026/march.txt");
    assert_eq!(it.ask_text(Method::GET, &path, &it.token, None).await.1, "hello");
    for bad in ["../escape", "a/../../b", "", "/", "a//b"] {
        let body = json!([{"filename": bad, "file": "AAEC"}]);
        let (status, message) = it.refused(Method::POST, "/files", body).await;
        assert!(status == 400 && message.starts_with("filename"), "{bad}: {message}");
    }
    it.call(Method::DELETE, "/files", json!(["logo.png"])).await;
    assert_eq!(it.get("/files").await["files"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_project_offers_the_same_networks_and_connectors() {
    let (one, other) = (Running::start().await, Running::start().await);
    for path in ["/integration/network", "/integration/connector/"] {
        let all = one.get(path).await;
        assert_eq!(all, other.get(path).await);
        assert!(all.as_array().unwrap().len() >= 3);
        let id = all[0]["id"].as_str().unwrap();
        assert_eq!(one.get(&format!("{}/{id}", path.trim_end_matches('/'))).await["name"], all[0]["name"]);
        assert_eq!(one.get(&format!("{path}?filter[public]=false")).await, json!([]));
    }
    assert_eq!(
        one.refused(Method::GET, "/nothing", Value::Null).await,
        (404, "There is no such route".into())
    );
    assert_eq!(one.refused(Method::PUT, "/info", Value::Null).await.0, 405);
}

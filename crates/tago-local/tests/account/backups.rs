use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tago_local::Point;
use tago_local::project::{FIRST_PASSWORD, Plan};

use crate::harness::{Running, refusal, series};

/// Lets the work that a test holds go on however the test ends: a runtime waits for its threads.
struct Release(std::sync::Arc<tago_local::Holds>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.resume(None);
    }
}

const PATH: &str = "/profile/current/backup";

async fn begin(it: &Running) -> String {
    it.shared.holds.hold(Point::ProfileBackupRecorded);
    it.post(PATH, json!({})).await;
    newest(it).await["id"].as_str().unwrap().to_owned()
}

async fn newest(it: &Running) -> Value {
    it.get(PATH).await[0].clone()
}

/// The newest backup once its making is over.
async fn ended(it: &Running) -> Value {
    assert!(parked(it, Point::ProfileBackupRecorded).await);
    it.shared.holds.resume(Some(Point::ProfileBackupRecorded));
    newest(it).await
}

async fn parked(it: &Running, point: Point) -> bool {
    let holds = it.shared.holds.clone();
    tokio::task::spawn_blocking(move || holds.wait_parked(point, Duration::from_secs(30))).await.unwrap()
}

fn password() -> Value {
    json!({"password": FIRST_PASSWORD})
}

async fn download(it: &Running) -> BTreeMap<String, Vec<u8>> {
    let id = ended(it).await["id"].as_str().unwrap().to_owned();
    let link = it.post(&format!("{PATH}/{id}/download"), password()).await;
    let answer = it.client.get(link["url"].as_str().unwrap()).send().await.unwrap();
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(link["size"], bytes.len());
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(file.name().unwrap().into_owned(), content);
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_queued_then_processed_then_complete() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    it.shared.holds.hold(Point::ProfileBackupQueued);
    it.shared.holds.hold(Point::ProfileBackupWritten);
    it.shared.holds.hold(Point::ProfileBackupRecorded);
    let (_, answer) = it.ask(Method::POST, PATH, &it.token, Some("{}".into())).await;
    let id = answer["backup_id"].as_str().unwrap();
    assert_eq!(answer["profile"], it.project.profile().to_string());
    assert_eq!(answer["result"], answer["message"], "one reads the result, the other the message");
    assert!(answer["message"].as_str().unwrap().starts_with("Backup generation has been queued"));
    assert!(parked(&it, Point::ProfileBackupQueued).await);
    let backup = newest(&it).await;
    assert_eq!(
        (&backup["id"], &backup["status"], &backup["file_size"]),
        (&json!(id), &json!("queued"), &json!(0))
    );
    it.shared.holds.resume(Some(Point::ProfileBackupQueued));
    assert!(parked(&it, Point::ProfileBackupWritten).await);
    assert_eq!(newest(&it).await["status"], "processing");
    let early = it.refused(Method::POST, &format!("{PATH}/{id}/download"), password()).await;
    assert_eq!(early, (400, "Backup is not ready for download. Current status: processing".into()));
    assert_eq!(it.refused(Method::DELETE, &format!("{PATH}/{id}"), password()).await.0, 400);
    it.shared.holds.resume(Some(Point::ProfileBackupWritten));
    let backup = ended(&it).await;
    assert_eq!((&backup["status"], &backup["error_message"]), (&json!("completed"), &Value::Null));
    assert!(backup["file_size"].as_u64().unwrap() > 0);
    assert_eq!(backup["created_at"], "2026-03-10T12:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_a_day_of_the_account_and_none_on_the_free_plan() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    it.call(Method::PUT, "/account", json!({"timezone": "America/Sao_Paulo"})).await;
    begin(&it).await;
    ended(&it).await;
    let (status, message) = it.refused(Method::POST, PATH, json!({})).await;
    assert_eq!(status, 403);
    // In São Paulo it is nine in the morning.
    assert!(
        message.starts_with("Daily backup limit reached (1 backups per day). Please try again in 15 hours"),
        "{message}"
    );
    it.set_time("2026-03-11T02:59:59Z");
    assert_eq!(it.refused(Method::POST, PATH, json!({})).await.0, 403);
    it.set_time("2026-03-11T03:00:00Z");
    begin(&it).await;
    ended(&it).await;
    assert_eq!(it.get(PATH).await.as_array().unwrap().len(), 2);
    assert_eq!(it.get(&format!("{PATH}?amount=1&page=2")).await[0]["created_at"], "2026-03-10T12:00:00.000Z");
    it.shared.rates.set_plan(it.project.id(), Plan::Free);
    for method in [Method::GET, Method::POST] {
        let (status, message) = it.refused(method, PATH, json!({})).await;
        assert!(status == 403 && message.contains("free plan"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_takes_the_password_and_its_address_lives_two_hours() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    let id = begin(&it).await;
    let backup = ended(&it).await;
    let path = format!("{PATH}/{id}/download");
    let wrong = it.refused(Method::POST, &path, json!({"password": "wrong"})).await;
    assert_eq!(wrong, (401, "Invalid password".into()));
    let unknown = it.refused(Method::POST, &format!("{PATH}/{}/download", "0".repeat(24)), password()).await;
    assert_eq!(unknown.0, 404);
    let (_, answer) = it.ask(Method::POST, &path, &it.token, Some(password().to_string())).await;
    assert_eq!(answer["url"], answer["result"]["url"]);
    assert_eq!((&answer["size"], &answer["size_unit"]), (&backup["file_size"], &json!("bytes")));
    assert!(answer["file_size_mb"].as_str().unwrap().starts_with("0.0"));
    assert_eq!(answer["expire_at"], "2026-03-10T14:00:00.000Z");
    let url = answer["url"].as_str().unwrap();
    let fetch = async |url: &str| it.client.get(url).send().await.unwrap().status().as_u16();
    assert_eq!(fetch(url).await, 200);
    assert_eq!(fetch(url.split("?key").next().unwrap()).await, 401);
    it.set_time("2026-03-10T13:59:59Z");
    assert_eq!(fetch(url).await, 200);
    it.set_time("2026-03-10T14:00:00Z");
    assert_eq!(fetch(url).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_second_factor_a_pin_is_needed_too() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    let who = json!({"email": "ana@example.com", "password": FIRST_PASSWORD});
    let latest = async || it.project.messages().await.unwrap().last().unwrap().body.clone();
    it.post("/account/otp/email/enable", who.clone()).await;
    it.post("/account/otp/email/confirm", json!({"pin_code": latest().await})).await;
    let id = begin(&it).await;
    ended(&it).await;
    let path = format!("{PATH}/{id}/download");
    let (status, message) = it.refused(Method::POST, &path, password()).await;
    assert!(status == 401 && message.starts_with("otp_type and pin_code are required: email"), "{message}");
    let mut ask = who;
    ask["otp_type"] = "email".into();
    it.post("/account/login/otp", ask).await;
    let mut with = password();
    with["otp_type"] = "email".into();
    with["pin_code"] = latest().await.into();
    it.post(&path, with.clone()).await;
    assert_eq!(it.refused(Method::DELETE, &format!("{PATH}/{id}"), with).await.0, 401, "a PIN is good once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_deleted_with_the_password_and_after_twelve_months() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    let id = begin(&it).await;
    ended(&it).await;
    let zips = || std::fs::read_dir(it.project.blob_dir().join("backups")).unwrap().count();
    let path = format!("{PATH}/{id}");
    let link = it.post(&format!("{path}/download"), password()).await["url"].as_str().unwrap().to_owned();
    assert_eq!(it.refused(Method::DELETE, &path, json!({"password": "wrong"})).await.0, 401);
    assert_eq!(zips(), 1);
    assert_eq!(it.call(Method::DELETE, &path, password()).await, "Backup successfully removed");
    assert_eq!((zips(), it.get(PATH).await), (0, json!([])));
    assert_eq!(it.client.get(link).send().await.unwrap().status().as_u16(), 404);
    assert_eq!(it.refused(Method::DELETE, &path, password()).await.0, 404);
    begin(&it).await;
    ended(&it).await;
    it.set_time("2027-03-10T12:00:00Z");
    assert_eq!(it.get(PATH).await.as_array().unwrap().len(), 1);
    it.set_time("2027-03-10T12:00:01Z");
    assert_eq!((it.get(PATH).await, zips()), (json!([]), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_says_why_leaves_nothing_and_does_not_use_up_the_day() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    let fault = json!({"route": "WORK profile backup", "kind": "status", "times": 1});
    it.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
    let id = begin(&it).await;
    let backup = ended(&it).await;
    assert_eq!((&backup["status"], backup["error_message"].is_string()), (&json!("failed"), true));
    let (status, message) = it.refused(Method::POST, &format!("{PATH}/{id}/download"), password()).await;
    assert!(status == 400 && message.ends_with("Current status: failed"), "{message}");
    assert_eq!(std::fs::read_dir(it.project.blob_dir().join("backups")).unwrap().count(), 0);
    it.set_time("2026-03-10T12:00:01Z");
    begin(&it).await;
    assert_eq!(ended(&it).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_being_made_has_failed_when_the_project_opens_again() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    it.shared.holds.hold(Point::ProfileBackupPublished);
    begin(&it).await;
    assert!(parked(&it, Point::ProfileBackupPublished).await);
    let again = it.open_beside("original").await;
    let backup = newest(&again).await;
    assert_eq!((&backup["status"], backup["error_message"].is_string()), (&json!("failed"), true));
    assert_eq!(std::fs::read_dir(again.project.blob_dir().join("backups")).unwrap().count(), 0);
    it.shared.holds.resume(None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zip_holds_what_a_profile_is_made_of_and_none_of_its_data_or_secrets() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    let device = it.device("Truck").await;
    it.send(&device, series("temperature", 3)).await;
    let analysis = it.post("/analysis", json!({"name": "Daily"})).await;
    let code = json!({"file": "Y29uc29sZS5sb2coMSk=", "file_name": "script.js", "language": "node-rt2025"});
    let analysis_id = analysis["id"].as_str().unwrap();
    it.post(&format!("/analysis/{analysis_id}/upload"), code).await;
    it.post("/action", json!({"name": "Too warm", "action": {"type": "email", "to": "ana@example.com", "subject": "Warm", "message": "Look"}}))
        .await;
    it.post("/run/users", json!({"name": "Bo", "email": "bo@example.com", "password": "secret1"})).await;
    it.post("/secrets", json!({"key": "SMTP", "value": "very-secret-value"})).await;
    it.post("/serviceauth", json!({"name": "Gateway", "permission": "full"})).await;
    let dashboard = it.post("/dashboard", json!({"label": "Trucks"})).await["dashboard"].clone();
    let dashboard = dashboard.as_str().unwrap();
    it.post(
        &format!("/dashboard/{dashboard}/widget"),
        json!({"label": "Now", "type": "card", "display": {}, "data": []}),
    )
    .await;
    let dictionary = json!({"name": "Words", "slug": "WORDS", "fallback": "en-US"});
    let dictionary = it.post("/dictionary", dictionary).await["dictionary"].clone();
    let texts = json!({"dictionary": {"HELLO": "Hello"}, "active": true});
    it.call(Method::PUT, &format!("/dictionary/{}/en-US", dictionary.as_str().unwrap()), texts).await;
    it.post("/files", json!([{"filename": "reports/a b.txt", "file": "aGVsbG8="}])).await;
    it.post("/profile/current/team", json!({"email": "cy@example.com"})).await;

    begin(&it).await;
    let files = download(&it).await;
    let root = format!("backup-{}/", it.project.profile());
    assert!(files.keys().all(|name| name.starts_with(&root)), "{:?}", files.keys());
    let inside: Vec<&str> = files.keys().map(|name| &name[root.len()..]).collect();
    let analysis_file = format!("versioning/analysis/{analysis_id}.gz");
    let mut expected: Vec<String> = [
        "access_management",
        "actions",
        "analysis",
        "connectors",
        "dashboards",
        "devices",
        "dictionaries",
        "networks",
        "profile",
        "run",
        "run_users",
        "secrets",
        "service_authorization",
    ]
    .map(|name| format!("resources/{name}.json"))
    .into();
    expected.extend(["files/reports/a b.txt".to_owned(), analysis_file.clone()]);
    expected.sort();
    assert_eq!(inside, expected);

    let of = |name: &str| -> Value {
        serde_json::from_slice(&files[&format!("{root}resources/{name}.json")]).unwrap()
    };
    assert_eq!(files[&format!("{root}files/reports/a b.txt")], b"hello");
    let mut unpacked = String::new();
    let packed = files[&format!("{root}{analysis_file}")].as_slice();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, "console.log(1)");
    assert_eq!((&of("devices")[0]["id"], &of("devices")[0]["name"]), (&json!(device.id), &json!("Truck")));
    assert_eq!(of("actions")[0]["name"], "Too warm");
    assert_eq!(
        (&of("analysis")[0]["name"], &of("analysis")[0]["token"]),
        (&json!("Daily"), &json!("********"))
    );
    let users = of("run_users");
    assert_eq!((&users[0]["email"], &users[0]["password"]), (&json!("bo@example.com"), &Value::Null));
    assert_eq!((&of("secrets")[0]["key"], &of("secrets")[0]["value"]), (&json!("SMTP"), &json!("********")));
    assert_eq!(of("service_authorization")[0]["token"], "********");
    assert_eq!(of("run")["anonymous_token"], "********");
    let dashboards = of("dashboards");
    assert_eq!(dashboards[0]["label"], "Trucks");
    assert_eq!(
        (&dashboards[0]["widgets"][0]["label"], &dashboards[0]["widgets"][0]["dashboard"]),
        (&json!("Now"), &json!(dashboard))
    );
    let language = of("dictionaries")[0]["languages"][0].clone();
    assert_eq!((&language["code"], &language["data"]), (&json!("en-US"), &json!({"HELLO": "Hello"})));
    let profile = of("profile");
    assert_eq!(profile["id"], it.project.profile().to_string());
    assert!(profile["resource_allocation"]["file_storage"].is_u64());
    assert_eq!(profile["resource_allocation"].get("input"), None);
    assert_eq!(profile["team"][0]["email"], "cy@example.com");
    // Custom ones alone; the catalogue is everybody's.
    assert_eq!((of("networks"), of("connectors")), (json!([]), json!([])));

    let everything: Vec<u8> = files.values().flatten().copied().collect();
    let token = analysis["token"].as_str().unwrap();
    for secret in ["temperature", "very-secret-value", "secret1", "argon2", &device.token, &it.token, token] {
        assert!(!everything.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_project_has_no_profile_backups() {
    let it = Running::start().await;
    let _release = Release(it.shared.holds.clone());
    begin(&it).await;
    ended(&it).await;
    std::fs::create_dir_all(it.path("restored")).unwrap();
    it.project.snapshot_to(&it.path("restored").join("main.sqlite"), &mut |_| {}).unwrap();
    let restored = it.open_beside("restored").await;
    assert_eq!(restored.get(PATH).await, json!([]));
    assert_eq!(refusal(it.ask(Method::GET, PATH, "", None).await).0, 401);
}

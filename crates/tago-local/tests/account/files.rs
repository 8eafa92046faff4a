use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, succeeded};

async fn upload(it: &Running, files: &[(&str, &str, bool)]) {
    let body: Vec<Value> = files
        .iter()
        .map(|(name, text, public)| json!({"filename": name, "file": BASE64.encode(text), "public": public}))
        .collect();
    it.post("/files", json!(body)).await;
}

async fn names(it: &Running, path: &str) -> (Vec<String>, Vec<String>) {
    let page = it.get(&format!("/files?path={path}")).await;
    let files = page["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap());
    let folders = page["folders"].as_array().unwrap().iter().map(|folder| folder.as_str().unwrap());
    (files.map(str::to_owned).collect(), folders.map(str::to_owned).collect())
}

fn file(it: &Running, path: &str) -> String {
    format!("/file/{}/{path}", it.project.profile())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_one_level_page_by_page_and_every_folder_once() {
    let it = Running::start().await;
    upload(
        &it,
        &[
            ("a/1", "x", false),
            ("a/2", "x", false),
            ("a/b/3", "x", false),
            ("a.txt", "xy", true),
            ("z", "x", false),
        ],
    )
    .await;
    assert_eq!(names(&it, "/").await, (vec!["a.txt".into(), "z".into()], vec!["a".into()]));
    assert_eq!(names(&it, "/a").await, (vec!["a/1".into(), "a/2".into()], vec!["b".into()]));
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = it.get(&format!("/files?qty=1&pagination_token={token}")).await;
        let (files, folders) = (page["files"].as_array().unwrap(), page["folders"].as_array().unwrap());
        assert_eq!(files.len() + folders.len(), 1);
        seen.push(files.first().map_or_else(|| folders[0].clone(), |file| file["filename"].clone()));
        match page["pagination_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a.txt", "a", "z"]);
    let root = it.get("/files").await;
    assert_eq!((&root["usage"], &root["total"]), (&json!(0.000_006), &json!(50_000)));
    assert_eq!(it.refused(Method::GET, "/files?qty=1001", Value::Null).await.0, 400);
    assert_eq!(it.refused(Method::GET, "/files?pagination_token=*", Value::Null).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_looks_at_the_page_that_was_cut_before() {
    let it = Running::start().await;
    upload(&it, &[("alpha", "x", false), ("beta", "x", false), ("Beta 2", "x", false)]).await;
    let page = it.get("/files?search=beta").await;
    assert_eq!(page["files"].as_array().unwrap().len(), 2);
    let first = it.get("/files?search=beta&qty=1").await;
    assert_eq!(first["files"].as_array().unwrap().len(), 1, "Beta 2 comes first");
    let second =
        format!("/files?search=beta&qty=1&pagination_token={}", first["pagination_token"].as_str().unwrap());
    let second = it.get(&second).await;
    assert_eq!(second["files"], json!([]));
    assert!(second["pagination_token"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_moved_copied_and_keep_whether_they_are_public() {
    let it = Running::start().await;
    upload(&it, &[("one", "1", true), ("two", "2", false)]).await;
    let moved = it.call(Method::PUT, "/files", json!([{"from": "/one", "to": "/new/one"}])).await;
    assert_eq!(moved, "Successfully Updated");
    it.call(Method::PUT, "/files/copy", json!([{"from": "new/one", "to": "copy"}])).await;
    assert_eq!(names(&it, "/").await, (vec!["copy".into(), "two".into()], vec!["new".into()]));
    assert_eq!(it.get("/files/permission?file=/copy").await["public"], true);
    assert_eq!(it.ask_text(Method::GET, &file(&it, "copy"), &it.token, None).await.1, "1");
    // One that cannot be moved keeps the others where they are.
    let both = json!([{"from": "two", "to": "three"}, {"from": "nothing", "to": "four"}]);
    assert_eq!(it.refused(Method::PUT, "/files", both).await.0, 404);
    assert_eq!(names(&it, "/").await.0, ["copy", "two"]);
    // Over another file: the other is gone, and what it held too.
    it.call(Method::PUT, "/files", json!([{"from": "copy", "to": "two"}])).await;
    assert_eq!(it.ask_text(Method::GET, &file(&it, "two"), &it.token, None).await.1, "1");
    let contents = std::fs::read_dir(it.project.blob_dir().join("files")).unwrap().count();
    assert_eq!(contents, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_is_as_dangerous_as_on_the_platform() {
    let it = Running::start().await;
    upload(&it, &[("a/1", "x", false), ("a/b/2", "x", false), ("ab", "x", false), ("c/3", "x", false)]).await;
    // Neither a file nor a folder: no error.
    assert_eq!(it.call(Method::DELETE, "/files", json!(["nothing"])).await, "Successfully Removed");
    assert_eq!(names(&it, "/").await.1, ["a", "c"]);
    // No file: everything below, but not what only begins with the same letters.
    it.call(Method::DELETE, "/files", json!(["/a"])).await;
    assert_eq!(names(&it, "/").await, (vec!["ab".into()], vec!["c".into()]));
    // Two dots are left out of what is asked.
    it.call(Method::DELETE, "/files", json!(["c../3"])).await;
    assert_eq!(names(&it, "/").await, (vec!["ab".into()], vec![]));
    assert_eq!(it.refused(Method::DELETE, "/files", json!(["/"])).await.0, 400);
    assert_eq!(names(&it, "/").await.0, ["ab"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_file_needs_no_token_and_a_private_one_does() {
    let (it, stranger) = (Running::start().await, Running::start().await);
    upload(&it, &[("open", "hello", true), ("shut", "secret", false), ("two words?", "w", true)]).await;
    let bare = async |path: &str| {
        let answer = it.client.get(format!("{}{path}", it.api)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(bare(&file(&it, "open")).await, (200, "hello".to_owned()));
    assert_eq!(bare(&file(&it, "two%20words%3F")).await, (200, "w".to_owned()));
    assert_eq!(bare(&file(&it, "shut")).await.0, 401);
    assert_eq!(bare(&file(&it, "missing")).await.0, 401, "nobody learns what there is");
    assert_eq!(it.ask_text(Method::GET, &file(&it, "shut"), &stranger.token, None).await.0.as_u16(), 401);
    assert_eq!(it.ask_text(Method::GET, &file(&it, "shut"), &it.token, None).await.1, "secret");
    let other = format!("/file/{}/open", "0".repeat(24));
    assert_eq!(refusal(it.ask(Method::GET, &other, &it.token, None).await).0, 404);
    let changed =
        it.call(Method::PUT, "/files/permission", json!([{"file": "/open", "public": false}])).await;
    assert_eq!(changed, "Successfully Updated");
    assert_eq!(bare(&file(&it, "open")).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_opens_its_file_for_two_hours() {
    let it = Running::start().await;
    upload(&it, &[("shut", "secret", false), ("other", "x", false)]).await;
    let path = file(&it, "shut");
    let signed = it.get(&format!("{path}?noRedirect=true")).await.as_str().unwrap().to_owned();
    let fetch = async |url: &str| {
        let answer = it.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(fetch(&signed).await, (200, "secret".to_owned()));
    assert_eq!(fetch(&signed.replace("shut", "other")).await.0, 401);
    it.set_time("2026-03-10T13:59:59Z");
    assert_eq!(fetch(&signed).await.0, 200);
    it.set_time("2026-03-10T14:00:00Z");
    assert_eq!(fetch(&signed).await.0, 401);
    let md5 = it.get(&format!("{path}?md5=true&noRedirect=true")).await;
    assert_eq!(md5, "5ebe2294ecd0e0f08eab7690d2a6ee69");
    let answer = it.ask(Method::GET, &format!("{path}?noRedirect=true"), "", None).await;
    assert_eq!(refusal(answer).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_allocated_storage_is_refused_as_the_sdk_knows_it() {
    let it = Running::start().await;
    let profile = it.project.profile();
    let changed = it.post("/account/allocation", json!([{"profile": profile, "file_storage": 0}])).await;
    assert_eq!(changed, "Profile resource allocation Successfully Updated");
    let (status, message) =
        it.refused(Method::POST, "/files", json!([{"filename": "a", "file": "AAAA"}])).await;
    assert_eq!(status, 402);
    assert!(message.starts_with("You have exceeded the maximum limit"), "{message}");
    assert_eq!(names(&it, "/").await.0, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_there_after_a_restart_and_in_no_snapshot() {
    let it = Running::start().await;
    upload(&it, &[("kept", "content-of-the-file", true)]).await;
    it.project.snapshot_to(&it.path("copy.sqlite"), &mut |_| {}).unwrap();
    let copy = std::fs::read(it.path("copy.sqlite")).unwrap();
    assert!(!copy.windows(19).any(|bytes| bytes == b"content-of-the-file"));
    it.project.close();
    let again = it.open_beside("original").await;
    let (_, text) = again.ask_text(Method::GET, &file(&again, "kept"), "", None).await;
    assert_eq!(text, "content-of-the-file");
    let listed = succeeded(again.ask(Method::GET, "/files", &again.token, None).await);
    assert_eq!(listed["files"][0]["public"], true);
}

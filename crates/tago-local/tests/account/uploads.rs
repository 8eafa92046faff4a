use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, succeeded};

/// One request whose body is a form, as browsers and the SDK write it.
async fn send_form(
    it: &Running,
    fields: &[(&str, &str)],
    file: Option<&[u8]>,
) -> (reqwest::StatusCode, Value) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.as_bytes());
    }
    if let Some(file) = file {
        body.extend(b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b\"\r\n");
        body.extend(b"Content-Type: application/octet-stream\r\n\r\n");
        body.extend(file);
        body.extend(b"\r\n");
    }
    body.extend(b"--edge--\r\n");
    let answer = it
        .client
        .post(format!("{}/files", it.api))
        .header("token", &it.token)
        .header(CONTENT_TYPE, "multipart/form-data; boundary=edge")
        .body(body)
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn start(it: &Running, name: &str) -> String {
    let fields =
        [("multipart_action", "start"), ("filename", name), ("public", "true"), ("contentType", "text/csv")];
    succeeded(send_form(it, &fields, None).await).as_str().unwrap().to_owned()
}

async fn part(
    it: &Running,
    name: &str,
    id: &str,
    number: &str,
    bytes: &[u8],
) -> (reqwest::StatusCode, Value) {
    let fields = [("multipart_action", "upload"), ("filename", name), ("upload_id", id), ("part", number)];
    send_form(it, &fields, Some(bytes)).await
}

fn end(name: &str, id: &str, parts: Value) -> Value {
    json!({"multipart_action": "end", "filename": name, "upload_id": id, "parts": parts})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_put_together_from_its_parts() {
    let it = Running::start().await;
    let name = "/exports/a b.csv";
    let id = start(&it, name).await;
    let (first, last) = (vec![b'a'; 5 * 1024 * 1024], b"end".to_vec());
    // The last one first, and the first one twice: what came last counts.
    let two = succeeded(part(&it, name, &id, "2", &last).await);
    succeeded(part(&it, name, &id, "1", b"wrong").await);
    let one = succeeded(part(&it, name, &id, "1", &first).await);
    assert_eq!((&one["PartNumber"], &two["PartNumber"]), (&json!(1), &json!(2)));
    let parts = json!([{"ETag": one["ETag"], "PartNumber": 1}, {"ETag": two["ETag"], "PartNumber": 2}]);
    let made = it.post("/files", end(name, &id, parts.clone())).await;
    let url = made["file"].as_str().unwrap();
    assert_eq!(url, format!("{}/file/{}/exports/a%20b.csv", it.api, it.project.profile()));
    let answer = it.client.get(url).send().await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/csv");
    assert_eq!(answer.bytes().await.unwrap(), [first, last].concat());
    assert_eq!(it.refused(Method::POST, "/files", end(name, &id, parts)).await.0, 404);
    let left = std::fs::read_dir(it.project.blob_dir().join("parts")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_not_whole_makes_no_file() {
    let it = Running::start().await;
    let id = start(&it, "a").await;
    let small = succeeded(part(&it, "a", &id, "1", b"small").await)["ETag"].clone();
    let last = succeeded(part(&it, "a", &id, "2", b"last").await)["ETag"].clone();
    for (parts, words) in [
        (json!([]), "parts must name"),
        (json!([{"ETag": small, "PartNumber": 1}, {"ETag": last, "PartNumber": 2}]), "Part 1 is smaller"),
        (json!([{"ETag": "\"0\"", "PartNumber": 1}]), "parts names part 1"),
        (json!([{"ETag": last, "PartNumber": 3}]), "parts names part 3"),
        (json!([{"ETag": last, "PartNumber": 2}, {"ETag": small, "PartNumber": 1}]), "parts must be in"),
    ] {
        let (status, message) = it.refused(Method::POST, "/files", end("a", &id, parts)).await;
        assert!(status == 400 && message.starts_with(words), "{message}");
    }
    for number in ["0", "10001", "x"] {
        assert_eq!(refusal(part(&it, "a", &id, number, b"x").await).0, 400, "{number}");
    }
    assert_eq!(refusal(part(&it, "b", &id, "1", b"x").await).0, 400);
    assert_eq!(refusal(part(&it, "a", "unknown", "1", b"x").await).0, 404);
    assert_eq!(
        it.refused(Method::POST, "/files", json!({"multipart_action": "stop", "filename": "a"})).await.0,
        400
    );
    assert_eq!(it.get("/files").await["files"], json!([]));
    // An empty part at the end, as the SDK sends it when the parts divide the file exactly.
    let whole = json!([{"ETag": small, "PartNumber": 1}]);
    it.post("/files", end("a", &id, whole)).await;
    assert_eq!(it.get("/files").await["files"][0]["size"], 5);
}

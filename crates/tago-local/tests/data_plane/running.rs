use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use tago_local::project::Project;

use crate::harness::{Running, series};

/// What waits is committed together; one that is refused must take nothing of the others with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_write_together_get_each_their_own_outcome() {
    let it = Arc::new(Running::start().await);
    let (good, bad) = (it.device("Good").await, it.device("Inactive").await);
    it.call(Method::PUT, &format!("/device/{}", bad.id), serde_json::json!({"active": false})).await;
    let mut sending = Vec::new();
    for i in 0..120 {
        let (it, token) = (it.clone(), if i % 3 == 0 { bad.token.clone() } else { good.token.clone() });
        let body = series(&format!("v{}", i % 7), 25).to_string();
        sending.push(tokio::spawn(async move { it.ask(Method::POST, "/data", &token, Some(body)).await.0 }));
    }
    let mut accepted = 0;
    for (i, status) in sending.into_iter().enumerate() {
        let expected = if i % 3 == 0 { 400 } else { 202 };
        assert_eq!(status.await.unwrap().as_u16(), expected);
        accepted += u64::from(expected == 202);
    }
    assert_eq!(accepted, 80);
    assert_eq!(it.get(&format!("/device/{}/data_amount", good.id)).await, 80 * 25);
    assert_eq!(it.get(&format!("/device/{}/data_amount", bad.id)).await, 0);
    let mut ids: Vec<_> =
        it.get(&format!("/device/{}/data?qty=10000", good.id)).await.as_array().unwrap().clone();
    ids.sort_by_key(|record| record["id"].as_str().unwrap().to_owned());
    ids.dedup_by_key(|record| record["id"].as_str().unwrap().to_owned());
    assert_eq!(ids.len(), 80 * 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_project_refuses_and_opens_again_as_it_was() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, series("t", 30)).await;
    let before = it.get(&format!("/device/{}/data?qty=100", device.id)).await;
    let project = it.project.clone();
    tokio::task::spawn_blocking(move || project.close()).await.unwrap();
    let (status, message) = it.refused(Method::GET, "/device", Value::Null).await;
    assert!(status == 503 && message.contains("not running"), "{message}");

    let again = it.open_beside("original").await;
    assert_eq!(again.project.id(), it.project.id());
    assert_eq!(again.get(&format!("/device/{}/data?qty=100", device.id)).await, before);
    let (status, _) = again.ask(Method::GET, "/data", &device.token, None).await;
    assert_eq!(status.as_u16(), 200);
    again.send(&device, series("t", 1)).await;
    assert_eq!(again.get(&format!("/device/{}/data_amount", device.id)).await, 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_project_is_not_opened() {
    let it = Running::start().await;
    assert!(Project::open(&it.path("nothing"), it.shared.clone()).is_err());
    std::fs::create_dir(it.path("other")).unwrap();
    let other = rusqlite::Connection::open(it.path("other/main.sqlite")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(other);
    let error = Project::open(&it.path("other"), it.shared.clone()).err().unwrap();
    assert!(error.to_string().contains("not a project's main database"), "{error}");
}

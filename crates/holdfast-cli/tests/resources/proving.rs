use serde_json::json;
use tago_migrate::resources::Conflict;

use crate::fixture::fill;
use crate::moving::Moving;
use crate::running::Running;

/// Files, texts and what is deleted, read again over HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn the_proof_tells_what_somebody_changed_since() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    fill(&source).await;
    let moving = Moving::new(Conflict::KeepTarget);
    moving.run(&source, &target).await;
    let logo = json!([{"filename": "images/logo.svg", "file": "PHN2Zz4=", "public": true}]);
    target.ask("POST", "/files", Some(logo)).await;
    let words = target.ask("GET", "/dictionary", None).await[0]["id"].as_str().unwrap().to_owned();
    let texts = json!({"dictionary": {"HELLO": "Ola"}, "active": true});
    target.ask("PUT", &format!("/dictionary/{words}/en-US"), Some(texts)).await;
    let proof = moving.prove(None, &target).await;
    let named: Vec<&str> = proof.not_equal.iter().map(|item| item.name.as_str()).collect();
    assert_eq!((named, proof.changed_since, proof.green), (vec!["Words", "images/logo.svg"], 2, false));
}

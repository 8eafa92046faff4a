use serde_json::json;
use tago_migrate::resources::{Conflict, prove, prove_as};
use tago_migrate::{Phase, ProveError};

use crate::fixture::fill;
use crate::moving::{Moving, settings};
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

/// What an interrupted proof has proven is not looked at again, unless its owner wants it to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_interrupted_goes_on_where_it_was() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    fill(&source).await;
    let moving = Moving::new(Conflict::KeepTarget);
    moving.run(&source, &target).await;
    let (ours, theirs) = (source.live(), target.live());
    let mut seen = moving.progress.subscribe();
    seen.mark_unchanged();
    let interrupt = async {
        seen.wait_for(|figures| figures.phase == Phase::Proving && figures.items_done >= 2).await.unwrap();
        moving.control.stop();
    };
    let settings = settings();
    let proving = prove(moving.path(), Some(&ours), &theirs, &settings, moving.env());
    let (interrupted, ()) = futures_util::future::join(proving, interrupt).await;
    assert!(matches!(interrupted, Err(ProveError::Stopped)), "{interrupted:?}");

    // The network came first.
    let networks = target.ask("GET", "/integration/network", None).await;
    let own = networks.as_array().unwrap().iter().find(|network| network["name"] == "Our gateway").unwrap();
    let path = format!("/integration/network/{}", own["id"].as_str().unwrap());
    target.ask("PUT", &path, Some(json!({"description": "by hand"}))).await;
    let again = Moving { folder: moving.folder, ..Moving::new(Conflict::KeepTarget) };
    let proof = again.prove(Some(&source), &target).await;
    assert!(proof.green && proof.begun_at < proof.at, "{proof:#?}");
    let env = again.env();
    let afresh = prove_as(again.path(), true, Some(&ours), &theirs, &settings, env).await.unwrap();
    let named: Vec<&str> = afresh.not_equal.iter().map(|item| item.name.as_str()).collect();
    assert_eq!((named, afresh.changed_since), (vec!["Our gateway"], 1));
    // Nothing is left of the interrupted one.
    assert_eq!(again.prove(Some(&source), &target).await.changed_since, 1);
}

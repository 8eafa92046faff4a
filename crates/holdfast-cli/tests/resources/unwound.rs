//! Every route by which a run changes something refuses for good: what was done until then is taken back
//! to a clean target, and taking it back once more changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use tago_migrate::resources::{Conflict, run};
use tago_migrate::{Clock, Ending, SystemClock};

use crate::fixture::{damage, fill};
use crate::moving::{Moving, differences, settings};
use crate::running::{Running, Truths};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_at_any_step_over_http_is_unwound_to_a_clean_target() {
    let used = fail_at_each_step(Conflict::KeepTarget, async |_, _, _| Running::start(2).await).await;
    assert!(used.iter().all(|route| !route.starts_with("DELETE")), "{used:?}");
}

/// The target has most of it under its old ids, lost some of each, and holds things that were changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_into_a_damaged_project_that_fails_at_any_step_is_unwound_to_what_was_there() {
    let kept = Truths { tokens_kept: true, automations_run: true, ..Truths::default() };
    let used = fail_at_each_step(Conflict::TakeSource, async |source, ids, number| {
        let target = source.restored(number, kept).await;
        // A backup holds no code, and the platform takes none away again.
        let script = json!({"file": "Ly8gb2xk", "file_name": "old.js", "language": "node"});
        target.ask("POST", &format!("/analysis/{}/upload", ids["report"]), Some(script)).await;
        damage(&target, ids).await;
        target
    })
    .await;
    let edits = used.iter().filter(|route| route.starts_with("PUT")).count();
    assert!(edits >= 6, "what is there is changed: {used:?}");
}

/// Its tokens and the value of a secret are nowhere but on the platform.
#[tokio::test(flavor = "multi_thread")]
async fn an_undo_over_http_leaves_what_its_owner_has_taken_into_use() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    fill(&source).await;
    let moving = Moving::new(Conflict::TakeSource);
    moving.run(&source, &target).await;
    let ids = async |path: &str| -> Vec<String> {
        let listed = target.ask("GET", path, None).await;
        listed.as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect()
    };
    let (devices, secrets) = (ids("/device").await, ids("/secrets").await);
    assert!(devices.len() > 1 && secrets.len() > 1, "{devices:?} {secrets:?}");
    let token = json!({"device": devices[0], "name": "Field", "permission": "full"});
    target.ask("POST", "/device/token", Some(token)).await;
    let value = json!({"value": "typed by its owner"});
    target.ask("PUT", &format!("/secrets/{}", secrets[0]), Some(value)).await;
    let told = moving.undo(&target).await;
    assert_eq!((ids("/device").await, ids("/secrets").await), (devices[..1].to_vec(), secrets[..1].to_vec()));
    let reasons: BTreeSet<&str> = told.changed_since.iter().map(|(.., reason)| reason.as_str()).collect();
    let expected = ["somebody has entered its value since", "somebody made a token for it since"];
    assert_eq!(reasons, expected.into(), "{told:#?}");
}

/// Answers the routes that refused, one run each.
async fn fail_at_each_step(
    conflict: Conflict,
    target: impl AsyncFn(&Running, &BTreeMap<String, String>, u8) -> Running,
) -> Vec<String> {
    let source = Running::start(1).await;
    let ids = fill(&source).await;
    let writes = || tago_local::project::routes().into_iter().filter(|route| route.method != "GET");
    let routes: Vec<String> = writes().map(|route| format!("{} {}", route.method, route.path)).collect();
    let used = used(&source, &target(&source, &ids, 9).await, conflict, &routes).await;
    assert!(used.len() >= 20, "only {} routes are used: {used:?}", used.len());
    for (number, route) in (10..).zip(&used) {
        // The limits of another minute.
        source.clock.set(SystemClock::start().now() + Duration::from_secs(60 * u64::from(number)));
        // A refusal is held back, and the rest goes on; a token that is refused ends the run.
        let (status, halts) = if number % 2 == 0 { (400, false) } else { (401, true) };
        let target = target(&source, &ids, number).await;
        let before = target.content().await;
        let moving = Moving::new(conflict);
        let plan = moving.rehearse(&source, &target).await;
        let fault = json!({"route": route, "kind": "status", "status": status, "every": 1});
        target.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
        let (ours, theirs) = (source.live(), target.live());
        let approved = plan.fingerprint();
        let ending = run(&plan, &approved, moving.path(), &ours, &theirs, &settings(), moving.env()).await;
        let ending = ending.unwrap();
        assert_eq!(matches!(ending, Ending::Halted(_)), halts, "{route}: {ending:?}");
        assert!(target.shared.faults.struck()[0] > 0, "{route}");
        target.shared.faults.clear();
        let told = moving.undo(&target).await;
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{route}: {told:#?}");
        let after = target.content().await;
        assert_eq!(differences(&before, &after), Vec::<String>::new(), "{route} answers {status}");
        assert_eq!(moving.undo(&target).await, told, "{route}: a second undo tells the same");
        assert_eq!(differences(&after, &target.content().await), Vec::<String>::new(), "{route}");
    }
    used
}

/// Those by which a run writes.
async fn used(source: &Running, target: &Running, conflict: Conflict, routes: &[String]) -> Vec<String> {
    for route in routes {
        let watched = json!({"route": route, "kind": "slow", "every": 1});
        target.shared.faults.push(serde_json::from_value(watched).unwrap()).unwrap();
    }
    Moving::new(conflict).run(source, target).await;
    let struck = target.shared.faults.struck();
    target.shared.faults.clear();
    routes.iter().zip(struck).filter(|(_, struck)| *struck > 0).map(|(route, _)| route.clone()).collect()
}

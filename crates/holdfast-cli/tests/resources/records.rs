//! Devices and their records: a run and its undo, while every step of theirs goes wrong once.

use serde_json::{Value, json};
use tago_api::Time;
use tago_api::client::NewRecord;
use tago_migrate::{Choices, Existing, Reversal, Verdict};

use crate::carrying::{Carrying, content};
use crate::moving::differences;
use crate::running::Running;

/// The first request of every writing route is carried out without an answer, lost before, cut in the middle of
/// its answer, or answered as if it had failed: in the run, and once more in the undo, when the source is gone.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_run_of_records_and_of_its_undo_may_lose_its_answer() {
    for (number, kind) in
        [(2, "commit_then_drop"), (3, "drop_before"), (4, "cut_body"), (5, "commit_then_status")]
    {
        let (source, target) = (Running::start(1).await, Running::start(number).await);
        furnish(&source, &target).await;
        let before = content(&target).await;
        let carrying = Carrying::new();
        let choices = Choices { existing: Existing::TakeSource, ..Choices::default() };
        let plan = carrying.rehearse(&source, &target, &choices).await;
        let verdicts: Vec<Verdict> = plan.devices().iter().map(|part| part.item.verdict).collect();
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Create).count(), 1, "{verdicts:?}");
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Update).count(), 1, "{verdicts:?}");

        strike(&target, kind);
        carrying.run(&plan, &source, &target).await;
        let struck = struck(&target);
        target.shared.faults.clear();
        assert!(struck >= 4, "{kind}: only {struck} routes were struck in the run");
        let proof = carrying.prove(&source, &target).await;
        assert!(proof.green, "{kind}: {proof:#?}");

        drop(source);
        strike(&target, kind);
        let told = carrying.undo(&target).await;
        let struck_then = self::struck(&target);
        target.shared.faults.clear();
        assert!(struck_then >= 3, "{kind}: only {struck_then} routes were struck in the undo");
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{kind}: {told:#?}");
        let mut what: Vec<Reversal> = told.reversed.iter().map(|reversed| reversed.what).collect();
        what.sort_by_key(|what| format!("{what:?}"));
        assert_eq!(
            what,
            [Reversal::Deleted, Reversal::Records(300), Reversal::Records(600), Reversal::Restored],
            "{kind}"
        );
        assert_eq!(differences(&before, &content(&target).await), Vec::<String>::new(), "{kind}");
        assert_eq!(carrying.undo(&target).await, told, "{kind}: a second undo tells the same");
    }
}

/// The source has two devices; the target has one of them, changed, with half of its records and one of its own.
async fn furnish(source: &Running, target: &Running) {
    let all: Vec<NewRecord> = (0..600).map(record).collect();
    for name in ["Cold room", "Truck"] {
        let device = device(source, name, "its description").await;
        write(source, &device, &all).await;
    }
    let there = device(target, "Truck", "somebody wrote this").await;
    write(target, &there, &all[..300]).await;
    write(target, &there, &[NewRecord { group: Some("own".into()), ..record(7) }]).await;
    let param = json!({ "key": "interval", "value": "60", "sent": true });
    let id = there["device_id"].as_str().unwrap();
    target.ask("POST", &format!("/device/{id}/params"), Some(param)).await;
}

async fn device(it: &Running, name: &str, description: &str) -> Value {
    let device = json!({
        "name": name, "type": "mutable", "description": description,
        "network": "5bbd0d144051a50034cd19fb", "connector": "5f5a8f3351d4db99c40dece5",
    });
    let made = it.ask("POST", "/device", Some(device)).await;
    let id = made["device_id"].as_str().unwrap();
    let param = json!({ "key": "limit", "value": description, "sent": false });
    it.ask("POST", &format!("/device/{id}/params"), Some(param)).await;
    made
}

async fn write(it: &Running, device: &Value, records: &[NewRecord]) {
    let api = it.live_api().as_device(&device["token"].as_str().unwrap().into()).unwrap();
    assert_eq!(api.write(records).await.unwrap(), records.len() as u64);
}

fn record(number: i64) -> NewRecord {
    NewRecord {
        variable: "temperature".into(),
        value: serde_json::from_str(&number.to_string()).unwrap(),
        time: Time::from_millis(1_772_000_000_000 + number * 60_000),
        unit: None,
        group: Some("group".into()),
        location: None,
        metadata: None,
    }
}

/// The first write of every route goes wrong, and the next one does not.
fn strike(target: &Running, kind: &str) {
    for route in tago_local::project::routes().into_iter().filter(|route| route.method != "GET") {
        let route = format!("{} {}", route.method, route.path);
        let fault = json!({ "route": route, "kind": kind, "every": 1, "times": 1 });
        target.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
    }
}

fn struck(target: &Running) -> usize {
    target.shared.faults.struck().into_iter().filter(|times| *times > 0).count()
}

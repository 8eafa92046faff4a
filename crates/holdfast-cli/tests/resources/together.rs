//! Resources and records together: first the one plan, then the other on the devices that it made.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tago_migrate::resources::{Conflict, UndoChoices, renamed};
use tago_migrate::{
    CheckName, CheckVerdict, Choices, Clock, Ending, SystemClock, Verdict, prove, rehearse, run, undo,
};

use crate::fixture::fill;
use crate::moving::{Moving, differences, left, settings};
use crate::running::{Running, Truths};

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_project_with_its_records_moves_and_is_taken_back_without_its_source() {
    let original = Running::start(1).await;
    let ids = fill(&original).await;
    for name in ["truck", "room"] {
        original.send(&ids[name], series(name)).await;
    }
    // The records are kept by a restore, whatever becomes of the ids.
    let source = original.restored(9, Truths { ids_renewed: true, ..Truths::default() }).await;
    let mut names = Vec::new();
    for (path, name) in NAMED {
        let time = tago_api::Time::from_millis(SystemClock::start().now().millis() - 7_200_000);
        let id = the_id(&source, path, name).await;
        names.push(json!({"variable": "names", "value": id, "group": name, "time": time}));
    }
    let truck = the_id(&source, "/device", "Truck 1").await;
    source.send(&truck, names.into()).await;
    // It arrives inactive, and refuses records as it is.
    source.ask("PUT", &format!("/device/{truck}"), Some(json!({"active": false}))).await;
    let target = Running::start(2).await;
    let before = target.content().await;
    let resources = Moving::new(Conflict::KeepTarget);
    resources.run(&source, &target).await;

    let (ours, theirs) = (source.live(), target.live());
    let (records, settings) = (Moving::new(Conflict::KeepTarget), settings());
    // Their networks, tags and parameters name other ids on the two sides, and the same things.
    let choices = Choices { renamed: Some(renamed(resources.path()).unwrap()), ..Choices::default() };
    let plan = rehearse(&ours, &theirs, &choices, &settings, records.env()).await.unwrap();
    assert_eq!(plan.summary().records_missing, 203);
    let devices = plan.devices();
    for device in &devices {
        assert_eq!(device.item.verdict, Verdict::Skip, "{:?}", device.item.reasons);
        assert_eq!(device.item.wakes, device.item.name == "Truck 1");
    }
    let inside = plan.header().checks.iter().find(|check| check.name == CheckName::InsideRecords).unwrap();
    assert_eq!(inside.verdict, CheckVerdict::Pass, "{}", inside.text);
    // Without the run, networks are known by their names and devices by theirs; a dashboard is not.
    let alone = rehearse(&ours, &theirs, &Choices::default(), &settings, records.env()).await.unwrap();
    for part in alone.devices() {
        let reasons: Vec<&str> = part.item.reasons.iter().map(|reason| reason.text.as_str()).collect();
        match part.item.name.as_str() {
            "Truck 1" => assert_eq!(reasons[1], "different on the target: tag dashboard"),
            _ => assert_eq!((part.item.verdict, reasons.len()), (Verdict::Skip, 1), "{reasons:?}"),
        }
    }
    let approved = plan.fingerprint();
    let ending = run(&plan, &approved, records.path(), &ours, &theirs, &settings, records.env()).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let proof = prove(records.path(), &ours, &theirs, &settings, records.env()).await.unwrap();
    assert!(proof.green, "{proof:#?}");

    let again = rehearse(&ours, &theirs, &choices, &settings, records.env()).await.unwrap();
    assert_eq!(again.summary().records_missing, 0);
    assert!(again.summary().nothing_to_do);
    // What records name is what the target calls it.
    let truck = the_id(&target, "/device", "Truck 1").await;
    let rests = target.ask("GET", &format!("/device/{truck}"), None).await;
    assert_eq!(rests["active"], false, "it is as it arrived");
    let stored = target.ask("GET", &format!("/device/{truck}/data?variable=names"), None).await;
    let said: BTreeSet<&str> =
        stored.as_array().unwrap().iter().filter_map(|record| record["value"].as_str()).collect();
    let mut named = BTreeSet::new();
    for (path, name) in NAMED {
        named.insert(the_id(&target, path, name).await);
    }
    assert_eq!(said, named.iter().map(String::as_str).collect());
    assert_eq!(left(&resources.rehearse(&source, &target).await), Vec::<String>::new());

    // The copy is deleted; what came last goes first.
    drop((source, original, ours));
    let (ending, told) = undo(records.path(), &theirs, &settings, records.env()).await.unwrap();
    assert_eq!((ending, told.complete), (Ending::Finished, true), "{told:#?}");
    assert!(told.changed_since.is_empty(), "{told:#?}");
    // Nothing removes a record of an immutable device but its deletion, which its owner has to allow.
    let stayed: Vec<_> = told.impossible.iter().map(|left| (left.name.as_str(), left.records)).collect();
    assert_eq!(stayed, [("Cold room 1", 100)]);
    let told = resources.undo_with(&target, UndoChoices { with_records: true }).await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    assert_eq!(differences(&before, &target.content().await), Vec::<String>::new());
}

/// What records of the source name.
const NAMED: [(&str, &str); 3] = [("/dashboard", "Overview"), ("/run/users", "Ana"), ("/analysis", "Report")];

async fn the_id(it: &Running, path: &str, name: &str) -> String {
    let listed = it.ask("GET", path, None).await;
    let is_named = |found: &&Value| found["name"] == name || found["label"] == name;
    listed.as_array().unwrap().iter().find(is_named).unwrap()["id"].as_str().unwrap().to_owned()
}

/// A hundred records of the last days.
fn series(name: &str) -> Value {
    let now = SystemClock::start().now().millis();
    let record = |number: i64| {
        json!({
            "variable": if number % 3 == 0 { "door" } else { "temperature" },
            "value": number,
            "group": format!("{name}{number:020}"),
            "time": tago_api::Time::from_millis(now - 3_600_000 * (number + 1)),
        })
    };
    (0..100).map(record).collect()
}

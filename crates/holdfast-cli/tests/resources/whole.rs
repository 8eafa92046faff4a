use std::collections::BTreeSet;

use serde_json::json;
use tago_migrate::resources::{Conflict, Kind, snapshot};
use tago_migrate::{CheckName, Side};

use crate::fixture::fill;
use crate::moving::{Moving, differences, left, settings};
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_project_moves_into_an_empty_one_and_back_out() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    let ids = fill(&source).await;
    let before = target.content().await;
    let moving = Moving::new(Conflict::KeepTarget);
    let plan = moving.run(&source, &target).await;
    let kinds: BTreeSet<Kind> = plan.items().iter().map(|item| item.at.kind).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), Kind::ALL, "every type was there to be moved");
    let dangling: Vec<_> = plan.items().iter().flat_map(|item| &item.unresolved).collect();
    assert_eq!(dangling, Vec::<&tago_migrate::resources::Unresolved>::new());

    // Both sides are read again, and the target alone.
    let (proof, alone) = (moving.prove(Some(&source), &target).await, moving.prove(None, &target).await);
    assert!(proof.green && alone.green, "{proof:#?} {alone:#?}");
    assert_eq!((proof.items, proof.read_in_source, alone.read_in_source), (alone.items, proof.items, 0));

    let room = plan.header().checks.iter().find(|check| check.name == CheckName::PlanLimits).unwrap();
    assert!(room.text.contains("has room for all"), "the platform tells its limits: {room:?}");

    // A second plan has nothing to do.
    let again = moving.rehearse(&source, &target).await;
    assert_eq!(left(&again), Vec::<String>::new());

    // Nothing leads back to the source.
    let there = snapshot(Side::Target, &target.live(), &settings(), moving.env()).await.unwrap();
    for found in &there.found {
        let text = serde_json::to_string(&(&found.document, &found.entries)).unwrap();
        for (name, id) in ids.iter().filter(|(name, _)| *name != "file_base") {
            assert!(!text.contains(id.as_str()), "{} still leads to {name}: {text}", found.at);
        }
        assert!(!text.contains(&source.api), "{} still leads to the source's files: {text}", found.at);
        assert!(!text.contains("holdfast_run"), "{}", found.at);
        if matches!(found.at.kind, Kind::Analysis | Kind::Action) {
            assert_eq!(found.document["active"], false, "{} does not rest", found.at);
        }
    }
    let ana = there.found.iter().find(|found| found.at.kind == Kind::RunUser).unwrap();
    let preferences = json!({
        "date_format": "YYYY-MM-DD", "time_format": "24", "decimal_separator": ",", "thousand_separator": "."
    });
    assert_eq!(ana.document["options"], preferences);
    let logo = there.found.iter().find(|found| found.at.id == "images/logo.svg").unwrap();
    assert_eq!(logo.document["public"], true);

    // The source may be gone by now.
    drop(source);
    let told = moving.undo(&target).await;
    assert_eq!(differences(&before, &target.content().await), Vec::<String>::new());
    assert_eq!((told.changed_since.clone(), told.impossible.clone()), (vec![], vec![]));
    assert_eq!(differences(&before, &target.content().await), Vec::<String>::new());
    assert_eq!(moving.undo(&target).await, told, "a second undo tells the same");
}

/// Every step over real HTTP: carried out without an answer, lost before it was carried out, cut in the
/// middle of the answer; in the run and in the undo.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_may_lose_its_answer_over_http() {
    let source = Running::start(1).await;
    fill(&source).await;
    for (number, kind) in
        [(2, "commit_then_drop"), (3, "drop_before"), (4, "cut_body"), (5, "commit_then_status")]
    {
        let target = Running::start(number).await;
        let before = target.content().await;
        let moving = Moving::new(Conflict::KeepTarget);
        // The first write of every route goes wrong, and the next one does not.
        let strike = || {
            for route in tago_local::project::routes().into_iter().filter(|route| route.method != "GET") {
                let route = format!("{} {}", route.method, route.path);
                let fault = json!({"route": route, "kind": kind, "every": 1, "times": 1});
                target.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
            }
        };
        strike();
        moving.run(&source, &target).await;
        let struck = target.shared.faults.struck().into_iter().filter(|times| *times > 0).count();
        assert!(struck >= 20, "only {struck} routes were struck");
        target.shared.faults.clear();
        let again = moving.rehearse(&source, &target).await;
        assert_eq!(left(&again), Vec::<String>::new(), "{kind}");
        let twice = |kind: Kind| again.items().iter().filter(|item| item.at.kind == kind).count();
        let there = snapshot(Side::Target, &target.live(), &settings(), moving.env()).await.unwrap();
        for kind in Kind::ALL {
            assert_eq!(
                there.found.iter().filter(|found| found.at.kind == kind).count(),
                twice(kind),
                "{kind}"
            );
        }
        strike();
        moving.undo(&target).await;
        target.shared.faults.clear();
        assert_eq!(differences(&before, &target.content().await), Vec::<String>::new(), "{kind}");
    }
}

/// Keys of parameters are the owner's: one may hold any sign, and two may be the same.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_keep_their_keys_whatever_signs_are_in_them() {
    const KEYS: [&str; 4] = ["alarm #1", "alarm", "alarm", "alarm#2"];
    let source = Running::start(1).await;
    let params = |value: &'static str| {
        let params = KEYS.iter().enumerate().map(
            move |(number, key)| json!({"key": key, "value": format!("{value} {number}"), "sent": false}),
        );
        serde_json::Value::from_iter(params)
    };
    let ids = fill(&source).await;
    source.ask("POST", &format!("/device/{}/params", ids["truck"]), Some(params("on"))).await;
    let told = async |target: &Running| {
        let devices = target.ask("GET", "/device", None).await;
        let is_truck = |device: &&serde_json::Value| device["name"] == "Truck 1";
        let truck = devices.as_array().unwrap().iter().find(is_truck).unwrap()["id"].clone();
        let listed = target.ask("GET", &format!("/device/{}/params", truck.as_str().unwrap()), None).await;
        let listed =
            listed.as_array().unwrap().iter().map(|param| (param["key"].clone(), param["value"].clone()));
        let mut listed: Vec<_> = listed.filter(|(key, _)| KEYS.iter().any(|own| key == own)).collect();
        listed.sort_by_key(|param| format!("{param:?}"));
        listed
    };
    let ours = told(&source).await;
    assert_eq!(ours.len(), KEYS.len());

    let empty = Running::start(2).await;
    Moving::new(Conflict::TakeSource).run(&source, &empty).await;
    assert_eq!(told(&empty).await, ours);

    let there = Running::start(3).await;
    let ids = fill(&there).await;
    there.ask("POST", &format!("/device/{}/params", ids["truck"]), Some(params("off"))).await;
    let before = told(&there).await;
    let moving = Moving::new(Conflict::TakeSource);
    moving.run(&source, &there).await;
    assert_eq!(told(&there).await, ours);
    moving.undo(&there).await;
    assert_eq!(told(&there).await, before);
}

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tago_migrate::resources::{Conflict, Kind, snapshot};

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

    // A second plan has nothing to do.
    let again = moving.rehearse(&source, &target).await;
    assert_eq!(left(&again), Vec::<String>::new());

    // Nothing leads back to the source.
    let there = snapshot(&target.live(), &settings(), moving.env()).await.unwrap();
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

/// What a snapshot restores and a damaged original gets back.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_original_gets_back_what_it_lost() {
    let original = Running::start(1).await;
    let ids = fill(&original).await;
    let source = original.restored(9, false).await;
    for (path, name) in [
        ("/device", "truck"),
        ("/analysis", "cleanup"),
        ("/am", "policy"),
        ("/dictionary", "dict"),
        ("/dashboard", "fleet"),
        ("/run/users", "ana"),
    ] {
        original.ask("DELETE", &format!("{path}/{}", ids[name]), None).await;
    }
    let widget = format!("/dashboard/{}/widget/{}", ids["overview"], ids["dial"]);
    original.ask("DELETE", &widget, None).await;
    let row = "0192f0c0-0000-7000-8000-000000000001";
    original.ask("DELETE", &format!("/entity/{}/data", ids["orders"]), Some(json!({"ids": [row]}))).await;
    original.ask("PUT", &format!("/sql/{}", ids["totals"]), Some(json!({"description": "by hand"}))).await;
    let before = original.content().await;

    let moving = Moving::new(Conflict::TakeSource);
    moving.run(&source, &original).await;
    let again = moving.rehearse(&source, &original).await;
    assert_eq!(left(&again), Vec::<String>::new());
    // What stayed in the original leads to what was made anew.
    let alarm = original.ask("GET", &format!("/action/{}", ids["alarm"]), None).await;
    let truck = &original.ask("GET", "/device?filter[name]=Truck%201", None).await[0]["id"];
    assert_ne!(truck, &Value::String(ids["truck"].clone()));
    assert_eq!(&alarm["trigger"][0]["device"], truck);
    let rows = original.ask("GET", &format!("/entity/{}/data", ids["orders"]), None).await;
    assert!(
        rows.as_array().unwrap().iter().any(|found| found["id"] == row && &found["device"] == truck),
        "{rows}"
    );

    drop(source);
    let told = moving.undo(&original).await;
    assert!(told.changed_since.is_empty(), "{told:#?}");
    assert_eq!(differences(&before, &original.content().await), Vec::<String>::new());
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
        let there = snapshot(&target.live(), &settings(), moving.env()).await.unwrap();
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

//! Whatever a restore does with ids, tokens and automations: the restored project moves into an empty one,
//! and into its half-damaged original, and each is taken back without it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tago_migrate::resources::{Conflict, Kind, ResourcePlan};

use crate::fixture::fill;
use crate::moving::{Moving, differences, left};
use crate::running::{Running, Truths};

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_project_moves_into_an_empty_one_and_back_out_whatever_a_restore_does() {
    let original = Running::start(1).await;
    fill(&original).await;
    for (number, truths) in (10..).zip(Truths::ALL) {
        let source = original.restored(number, truths).await;
        let target = Running::start(2).await;
        let before = target.content().await;
        let moving = Moving::new(Conflict::KeepTarget);
        let plan = moving.run(&source, &target).await;
        let kinds: BTreeSet<Kind> = plan.items().iter().map(|item| item.at.kind).collect();
        let restored: BTreeSet<Kind> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::File).collect();
        assert_eq!(kinds, restored, "a backup holds everything but files");
        assert_eq!(dangling(&plan), Vec::<String>::new(), "{truths:?}");
        let again = moving.rehearse(&source, &target).await;
        assert_eq!(left(&again), Vec::<String>::new(), "{truths:?}");
        drop(source);
        let told = moving.undo(&target).await;
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{truths:?}: {told:#?}");
        assert_eq!(differences(&before, &target.content().await), Vec::<String>::new(), "{truths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_original_gets_back_what_it_lost_whatever_a_restore_does() {
    for (number, truths) in (10..).zip(Truths::ALL) {
        let original = Running::start(1).await;
        let ids = fill(&original).await;
        let source = original.restored(number, truths).await;
        damage(&original, &ids).await;
        let before = original.content().await;

        let moving = Moving::new(Conflict::TakeSource);
        let plan = moving.run(&source, &original).await;
        assert_eq!(dangling(&plan), Vec::<String>::new(), "{truths:?}");
        let again = moving.rehearse(&source, &original).await;
        assert_eq!(left(&again), Vec::<String>::new(), "{truths:?}");
        // What stayed in the original leads to what was made anew.
        let alarm = original.ask("GET", &format!("/action/{}", ids["alarm"]), None).await;
        let truck = &original.ask("GET", "/device?filter[name]=Truck%201", None).await[0]["id"];
        assert_ne!(truck, &Value::String(ids["truck"].clone()));
        assert_eq!(&alarm["trigger"][0]["device"], truck, "{truths:?}");
        let rows = original.ask("GET", &format!("/entity/{}/data", ids["orders"]), None).await;
        let row = rows.as_array().unwrap().iter().find(|row| row["id"] == ROW);
        assert_eq!(&row.unwrap()["device"], truck, "{truths:?}");

        drop(source);
        let told = moving.undo(&original).await;
        assert!(told.changed_since.is_empty(), "{truths:?}: {told:#?}");
        assert_eq!(differences(&before, &original.content().await), Vec::<String>::new(), "{truths:?}");
    }
}

/// A row of the entity that is deleted.
const ROW: &str = "0192f0c0-0000-7000-8000-000000000001";

/// Deletes one of many types, and changes some.
async fn damage(original: &Running, ids: &BTreeMap<String, String>) {
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
    original.ask("DELETE", &format!("/entity/{}/data", ids["orders"]), Some(json!({"ids": [ROW]}))).await;
    original.ask("PUT", &format!("/sql/{}", ids["totals"]), Some(json!({"description": "by hand"}))).await;
}

fn dangling(plan: &ResourcePlan) -> Vec<String> {
    let unresolved = plan.items().iter().flat_map(|item| &item.unresolved);
    unresolved.map(|found| format!("{found:?}")).collect()
}

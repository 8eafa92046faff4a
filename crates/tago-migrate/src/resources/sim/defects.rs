//! What the official command line does wrong, done right. docs/official-cli.md names all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fake::{Fake, Stored};
use super::fixture::{empty, whole};
use super::harness::{OURS, THEIRS, World, whole_id};
use crate::plan::Verdict;
use crate::resources::document::same;
use crate::resources::kind::Kind;
use crate::resources::plan::{Conflict, ResourceChoices, ResourceReason};
use crate::resources::ports::Address;
use crate::resources::rehearse::{ResourceRehearseError, rehearse};
use crate::run::{Ending, Side};

fn put(fake: &Fake, kind: Kind, id: &str, document: Value) {
    let document = document.as_object().unwrap().clone();
    fake.put(Address::of(kind, id), Stored { document, entries: BTreeMap::new(), content: None });
}

/// R4, E13, E23: nothing to wait for is no reason to wait for ever.
#[tokio::test(start_paused = true)]
async fn a_project_with_nothing_and_a_dashboard_without_widgets_or_tabs_come_to_an_end() {
    let mut world = World::new(empty(1, OURS), empty(2, THEIRS), ResourceChoices::default());
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);

    let source = empty(1, OURS);
    put(&source, Kind::Dashboard, "5f2a8e3b9c1d4e0011223344", json!({"label": "Bare", "type": "dashboard"}));
    let mut world = World::new(source, empty(2, THEIRS), ResourceChoices::default());
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    world.check("a bare dashboard").await;
}

/// R16, E2, E24: no list ends at a round number.
#[tokio::test(start_paused = true)]
async fn more_items_than_any_page_find_their_counterparts() {
    let (source, target) = (empty(1, OURS), empty(2, THEIRS));
    for number in 0..250 {
        let action = json!({"name": format!("Alarm {number}"), "type": "condition", "active": false});
        put(&source, Kind::Action, &format!("5f2a8e3b9c1d4e00{number:08x}"), action.clone());
        put(&target, Kind::Action, &format!("692a8e3b9c1d4e00{number:08x}"), action);
    }
    let world = World::new(source, target, ResourceChoices::default());
    let plan = world.rehearse().await;
    assert!(plan.is_empty());
    assert_eq!(plan.items().iter().filter(|item| item.target.is_some()).count(), 251);
}

/// E21: two with the same tag are for the owner to tell apart.
#[tokio::test(start_paused = true)]
async fn a_tag_that_two_resources_share_matches_neither() {
    let tagged = |name: &str| json!({"name": name, "type": "condition", "tags": [{"key": "export_id", "value": "alarm"}]});
    let (source, target) = (empty(1, OURS), empty(2, THEIRS));
    put(&source, Kind::Action, "5f2a8e3b9c1d4e0011223344", tagged("Alarm"));
    put(&target, Kind::Action, "692a8e3b9c1d4e0011223344", tagged("One"));
    put(&target, Kind::Action, "692a8e3b9c1d4e0011223355", tagged("Other"));
    let choices = ResourceChoices { match_tag: Some("export_id".into()), ..ResourceChoices::default() };
    let world = World::new(source, target, choices);
    let plan = world.rehearse().await;
    let item = plan.items().iter().find(|item| item.at.kind == Kind::Action).unwrap();
    assert_eq!(item.verdict, Verdict::Conflict);
    assert_eq!(item.reasons, [ResourceReason::ManyCounterparts(2)]);
}

/// R12: an address is the same whatever its capitals, and nobody gets a second account.
#[tokio::test(start_paused = true)]
async fn a_run_user_is_known_by_the_address_whatever_its_capitals() {
    let (source, target) = (empty(1, OURS), empty(2, THEIRS));
    let user = |email: &str| json!({"name": "Ana", "email": email, "timezone": "UTC", "active": true});
    put(&source, Kind::RunUser, "5f2a8e3b9c1d4e0011223344", user("Ana@Example.com"));
    put(&target, Kind::RunUser, "692a8e3b9c1d4e0011223344", user("ana@example.com"));
    let world = World::new(source, target, ResourceChoices::default());
    let plan = world.rehearse().await;
    let item = plan.items().iter().find(|item| item.at.kind == Kind::RunUser).unwrap();
    assert_eq!(item.target.as_ref().unwrap().id, "692a8e3b9c1d4e0011223344");
    assert_ne!(item.verdict, Verdict::Create);
}

/// Only what the owner chose is touched, and the widgets of a dashboard come with it.
#[tokio::test(start_paused = true)]
async fn types_and_items_are_chosen() {
    let choices = ResourceChoices {
        kinds: Some([Kind::Dashboard].into()),
        tagged: Some(("export_id".into(), Some("overview".into()))),
        ..ResourceChoices::default()
    };
    let world = World::new(whole(1, OURS), empty(2, THEIRS), choices);
    let plan = world.rehearse().await;
    let chosen: Vec<(Kind, &str)> =
        plan.items().iter().map(|item| (item.at.kind, item.name.as_str())).collect();
    assert_eq!(
        chosen,
        [(Kind::Dashboard, "Overview"), (Kind::Widget, "Temperature"), (Kind::Widget, "Order")]
    );
    let dangling = plan.items().iter().flat_map(|item| &item.unresolved);
    assert!(
        dangling.filter(|found| found.is_reference).count() > 5,
        "what was not chosen leads nowhere, and is told"
    );
}

/// R3: what cannot be changed is told, and not left out without a word.
#[tokio::test(start_paused = true)]
async fn a_network_that_differs_is_told_and_not_dropped() {
    let (source, target) = (empty(1, OURS), empty(2, THEIRS));
    let device =
        |network: &str| json!({"name": "Probe", "type": "mutable", "active": true, "network": network});
    let (ours, theirs) = ("5f2a8e3b9c1d4e0000000001", "692a8e3b9c1d4e0000000001");
    for (fake, id, other) in
        [(&source, ours, "692a8e3b9c1d4e0000000009"), (&target, theirs, "692a8e3b9c1d4e0000000002")]
    {
        put(fake, Kind::Network, id, json!({"name": "Gateway"}));
        put(fake, Kind::Network, other, json!({"name": format!("Other {other}")}));
    }
    put(&source, Kind::Device, "5f2a8e3b9c1d4e0011223344", device(ours));
    put(&target, Kind::Device, "692a8e3b9c1d4e0011223344", device("692a8e3b9c1d4e0000000002"));
    let choices = ResourceChoices { conflict: Conflict::TakeSource, ..ResourceChoices::default() };
    let plan = World::new(source, target, choices).rehearse().await;
    let item = plan.items().iter().find(|item| item.at.kind == Kind::Device).unwrap();
    assert!(
        item.reasons.contains(&ResourceReason::Unchangeable(vec!["network".into()])),
        "{:?}",
        item.reasons
    );
    assert_eq!(item.verdict, Verdict::Conflict);
}

/// E6, E14: every field that can be set is set, name, theme and parser among them.
#[tokio::test(start_paused = true)]
async fn every_field_of_what_is_there_already_gets_the_sources_value() {
    let target = whole(1, THEIRS);
    let mut changed = 0;
    for (at, mut stored) in target.dump() {
        let row = at.kind.descriptor();
        for (field, value) in &mut stored.document {
            // A widget that no dashboard arranges is on no side.
            let is_key = row.key == Some(field.as_str())
                || row.variant == Some(field.as_str())
                || field == "arrangement";
            if is_key || !row.is_editable(field) || row.rests && field == "active" || field == "sha256" {
                continue;
            }
            let other = match &*value {
                Value::String(_) => json!("by hand"),
                Value::Bool(is_so) => json!(!is_so),
                Value::Array(_) => json!([]),
                _ => continue,
            };
            changed += usize::from(*value != other);
            *value = other;
        }
        target.put(at, stored);
    }
    assert!(changed > 60, "{changed}");
    let choices = ResourceChoices { conflict: Conflict::TakeSource, ..ResourceChoices::default() };
    let mut world = World::new(whole(1, OURS), target, choices);
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    assert!(world.proof(true).await.green);
    let (ours, theirs) = (world.source.dump(), world.target.dump());
    for (at, stored) in
        ours.iter().filter(|(at, _)| at.kind != Kind::File && at.kind != Kind::RunConfiguration)
    {
        let fields = ["name", "label", "description", "tags", "visible", "theme", "payload_decoder"];
        for field in fields.iter().filter(|field| at.kind.descriptor().is_editable(field)) {
            let there = theirs[at].document.get(*field);
            assert!(same(stored.document.get(*field), there), "{at}: {field} is {there:?}");
        }
    }
}

/// E7, E11, and the change of a network: nothing is deleted before something else is there, or at all.
#[tokio::test(start_paused = true)]
async fn a_run_deletes_nothing_that_was_there() {
    let mut world = World::into_damaged();
    let before = world.target.dump();
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    let after = world.target.dump();
    for (at, stored) in &before {
        let there = after.get(at).unwrap_or_else(|| panic!("{at} is gone"));
        for entry in stored.entries.keys() {
            assert!(there.entries.contains_key(entry), "{at} has lost {entry}");
        }
    }
    assert_eq!(world.target.deletions(), 0);
}

/// E10: two analyses may hold the same variable with other values.
#[tokio::test(start_paused = true)]
async fn variables_of_each_analysis_stay_its_own() {
    let source = empty(1, OURS);
    let analysis = |name: &str, value: &str| {
        json!({"name": name, "runtime": "node-rt2025", "run_on": "tago", "active": true,
            "variables": [{"key": "mode", "value": value}]})
    };
    put(&source, Kind::Analysis, "5f2a8e3b9c1d4e0011223344", analysis("Day", "day"));
    put(&source, Kind::Analysis, "5f2a8e3b9c1d4e0011223355", analysis("Night", "night"));
    let mut world = World::new(source, empty(2, THEIRS), ResourceChoices::default());
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    let made: BTreeMap<String, Value> = world
        .target
        .dump()
        .into_iter()
        .filter(|(at, _)| at.kind == Kind::Analysis)
        .map(|(_, stored)| {
            (
                stored.document["name"].as_str().unwrap().into(),
                stored.document["variables"][0]["value"].clone(),
            )
        })
        .collect();
    assert_eq!(made, BTreeMap::from([("Day".into(), json!("day")), ("Night".into(), json!("night"))]));
}

/// R8, E12: a widget that is arranged and not there ends nothing, and is told.
#[tokio::test(start_paused = true)]
async fn a_widget_that_is_not_there_is_told_and_the_rest_goes_on() {
    let source = whole(1, OURS);
    let (dial, _) = source
        .dump()
        .into_iter()
        .find(|(_, stored)| stored.document.get("label") == Some(&json!("Temperature")))
        .unwrap();
    source.take(&dial).unwrap();
    let mut world = World::new(source, empty(2, THEIRS), World::into_empty().choices);
    world.plan().await;
    let gaps: Vec<_> = world.planned().header().gaps.iter().map(|gap| (gap.kind, gap.id.clone())).collect();
    assert_eq!(gaps, [(Kind::Widget, Some(dial.id))]);
    assert_eq!(world.run().await, Ending::Finished);
    let labels = world.target.dump().into_values().filter_map(|stored| stored.document.get("label").cloned());
    assert!(labels.collect::<Vec<_>>().contains(&json!("Order")));
}

/// R14, R19: silence is no empty list, and no success.
#[tokio::test(start_paused = true)]
async fn a_side_that_does_not_answer_is_not_taken_for_an_empty_one() {
    for silent in [Side::Source, Side::Target] {
        let world = World::into_empty();
        match silent {
            Side::Source => world.source.vanish(),
            Side::Target => world.target.vanish(),
        }
        let (settings, env) = (World::settings(), world.env());
        let refused = rehearse(&world.source, &world.target, &world.choices, &settings, env).await;
        assert!(matches!(refused, Err(ResourceRehearseError::Port { side, .. }) if side == silent));
    }
}

/// A resource by its id, and whatever carries a tag, whatever its value.
#[tokio::test(start_paused = true)]
async fn items_and_everything_with_a_tag_are_chosen() {
    let chosen = async |choices: ResourceChoices| {
        let plan = World::new(whole(1, OURS), empty(2, THEIRS), choices).rehearse().await;
        plan.items().iter().map(|item| item.name.clone()).collect::<Vec<_>>()
    };
    let one = ResourceChoices { items: Some([whole_id("room")].into()), ..ResourceChoices::default() };
    assert_eq!(chosen(one).await, ["Cold room 1"]);
    let with_widgets =
        ResourceChoices { items: Some([whole_id("fleet")].into()), ..ResourceChoices::default() };
    assert_eq!(chosen(with_widgets).await, ["Fleet", "Map"]);
    let tagged = ResourceChoices { tagged: Some(("site".into(), None)), ..ResourceChoices::default() };
    assert_eq!(chosen(tagged).await, ["Truck 1", "Cold room 1", "Orders"]);
    let elsewhere = ResourceChoices {
        tagged: Some(("site".into(), Some("Lisbon".into()))),
        ..ResourceChoices::default()
    };
    assert_eq!(chosen(elsewhere).await, Vec::<String>::new());
}

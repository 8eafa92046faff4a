//! What the official command line does wrong, done right. docs/official-cli.md names all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fake::{Fake, Stored};
use super::fixture::{empty, whole};
use super::harness::{OURS, THEIRS, World};
use crate::plan::Verdict;
use crate::resources::kind::Kind;
use crate::resources::plan::{ResourceChoices, ResourceReason};
use crate::resources::ports::Address;
use crate::run::Ending;

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

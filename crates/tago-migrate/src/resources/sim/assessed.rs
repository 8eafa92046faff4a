//! What is told before anything is done.

use serde_json::json;

use super::fake::{Fake, Stored};
use super::fixture::{empty, whole};
use super::harness::{OURS, THEIRS, World};
use crate::plan::{Check, CheckName, CheckVerdict, Verdict};
use crate::resources::kind::Kind;
use crate::resources::plan::{Conflict, ResourceChoices, ResourcePlan};
use crate::resources::ports::Address;

fn check(plan: &ResourcePlan, name: CheckName) -> &Check {
    plan.header().checks.iter().find(|check| check.name == name).unwrap()
}

#[track_caller]
fn warns(plan: &ResourcePlan, name: CheckName, of: &[&str]) {
    let check = check(plan, name);
    assert_eq!(check.verdict, CheckVerdict::Warn, "{check:?}");
    assert!(of.iter().all(|words| check.text.contains(words)), "{check:?}");
}

async fn into(target: Fake, choices: ResourceChoices) -> ResourcePlan {
    World::new(whole(1, OURS), target, choices).rehearse().await
}

#[tokio::test(start_paused = true)]
async fn what_arrives_otherwise_than_it_was_is_told_before() {
    let plan = into(empty(2, THEIRS), ResourceChoices::default()).await;
    assert_eq!(plan.obstacle(), None);
    for good in [
        CheckName::SourceReadable,
        CheckName::TargetReadable,
        CheckName::DifferentProjects,
        CheckName::ChosenResources,
        CheckName::Networks,
        CheckName::PlanLimits,
        CheckName::Files,
        CheckName::UnresolvedIds,
    ] {
        assert_eq!(check(&plan, good).verdict, CheckVerdict::Pass, "{:?}", check(&plan, good));
    }
    warns(&plan, CheckName::SwitchedOff, &["3 actions and analyses"]);
    let lost = ["2 values of secrets", "1 password of", "4 new tokens"];
    warns(&plan, CheckName::Unrecoverable, &lost);
}

#[tokio::test(start_paused = true)]
async fn what_the_plan_of_the_target_has_no_room_for_is_told_before() {
    let target = empty(2, THEIRS);
    *target.limits.lock().unwrap() = [(Kind::Action, 5), (Kind::Device, 1), (Kind::Dashboard, 2)].into();
    let action = json!({"name": "Other", "type": "condition"}).as_object().unwrap().clone();
    for number in 0..2 {
        let stored = Stored { document: action.clone(), entries: Default::default(), content: None };
        target.put(Address::of(Kind::Action, format!("692a8e3b9c1d4e00{number:08x}")), stored);
    }
    let plan = into(target, ResourceChoices::default()).await;
    let device = "2 of the type device, where 1 of 1 are free";
    warns(&plan, CheckName::PlanLimits, &[device, "4 of the type action, where 3 of 5 are free"]);
    assert!(!check(&plan, CheckName::PlanLimits).text.contains("dashboard"));
    assert_eq!(plan.obstacle(), None, "what has room may be made");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_makes_other_things_lead_nowhere() {
    let kinds = [Kind::Dashboard, Kind::Widget, Kind::Device, Kind::RunConfiguration];
    let choices = ResourceChoices {
        kinds: Some(kinds.into()),
        conflict: Conflict::TakeSource,
        ..ResourceChoices::default()
    };
    let source = whole(1, OURS);
    source.take(&Address::of(Kind::File, "images/logo.svg")).unwrap();
    let plan = World::new(source, empty(2, THEIRS), choices).rehearse().await;
    warns(&plan, CheckName::Networks, &["2 resources need"]);
    warns(&plan, CheckName::UnresolvedIds, &["5 ids in 33 places", "in “Overview” (setup.config[0].bucket)"]);
    warns(&plan, CheckName::Files, &["1 files", "images/logo.svg"]);
}

#[tokio::test(start_paused = true)]
async fn a_type_that_the_target_does_not_know_is_blocked_and_told() {
    let target = empty(2, THEIRS);
    target.unknown.lock().unwrap().insert(Kind::Sql);
    let plan = into(target, ResourceChoices::default()).await;
    warns(&plan, CheckName::TargetReadable, &["the type sql"]);
    let sql = plan.items().iter().find(|item| item.at.kind == Kind::Sql).unwrap();
    assert_eq!(sql.verdict, Verdict::Blocked);
}

#[tokio::test(start_paused = true)]
async fn a_choice_of_what_is_not_there_cannot_be_run() {
    let id = "5f2a8e3b9c1d4e00deadbeef";
    let absent = [
        ResourceChoices { items: Some([id.to_owned()].into()), ..ResourceChoices::default() },
        ResourceChoices { tagged: Some(("no such tag".into(), None)), ..ResourceChoices::default() },
        ResourceChoices {
            conflict_of_item: [(id.to_owned(), Conflict::Both)].into(),
            ..ResourceChoices::default()
        },
        ResourceChoices {
            counterparts: [("512a8e3b9c1d4e0000000008".to_owned(), id.to_owned())].into(),
            ..ResourceChoices::default()
        },
    ];
    for choices in absent {
        let plan = into(empty(2, THEIRS), choices.clone()).await;
        assert_eq!(check(&plan, CheckName::ChosenResources).verdict, CheckVerdict::Block, "{choices:?}");
        assert!(plan.obstacle().is_some());
    }
}

/// Two addresses of one project cannot be told apart by reading; nothing may come of it.
#[tokio::test(start_paused = true)]
async fn a_project_beside_itself_has_nothing_to_do_even_where_both_are_wanted() {
    let choices = ResourceChoices { conflict: Conflict::Both, ..ResourceChoices::default() };
    let plan = into(whole(1, THEIRS), choices).await;
    assert!(plan.is_empty());
}

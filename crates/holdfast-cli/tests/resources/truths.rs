//! Whatever a restore does with ids, tokens and automations: the restored project moves with its records into
//! an empty one, and into its half-damaged original, and all of it is taken back without it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tago_migrate::resources::{Conflict, Kind, ResourcePlan, UndoChoices, renamed};
use tago_migrate::{ActionState, Choices, Clock, SystemClock, status};

use crate::carrying::{Carrying, content, undone};
use crate::fixture::{LOST_ROW, damage, fill};
use crate::moving::{Moving, differences, left};
use crate::running::{Running, Truths};

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_project_moves_into_an_empty_one_and_back_out_whatever_a_restore_does() {
    let original = Running::start(1).await;
    let ids = furnished(&original).await;
    for (number, truths) in (10..).zip(Truths::ALL) {
        let source = original.restored(number, truths).await;
        let target = Running::start(2).await;
        let before = content(&target).await;
        let resources = Moving::new(Conflict::KeepTarget);
        let plan = resources.run(&source, &target).await;
        let kinds: BTreeSet<Kind> = plan.items().iter().map(|item| item.at.kind).collect();
        let restored: BTreeSet<Kind> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::File).collect();
        assert_eq!(kinds, restored, "a backup holds everything but files");
        assert_eq!(dangling(&plan), Vec::<String>::new(), "{truths:?}");
        let records = carried(&source, &target, &resources, 3 * EACH, truths).await;
        // What a device has sent keeps the old name where a restore makes new ones, and says it on.
        let (named, truck) = named_by_the_scale(&target);
        let name = if truths.ids_renewed { ids["truck"].clone() } else { truck };
        assert_eq!(named, BTreeMap::from([(name, EACH)]), "{truths:?}");

        // The copy is deleted; what came last goes first.
        drop(source);
        let told = records.undo(&target).await;
        assert!(told.complete && told.changed_since.is_empty(), "{truths:?}: {told:#?}");
        // Nothing removes a record of an immutable device but its deletion, which its owner has to allow.
        let stayed: Vec<_> = told.impossible.iter().map(|left| (left.name.as_str(), left.records)).collect();
        assert_eq!(stayed, [("Cold room 1", EACH)], "{truths:?}");
        let told = resources.undo_with(&target, UndoChoices { with_records: true }).await;
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{truths:?}: {told:#?}");
        assert_eq!(differences(&before, &content(&target).await), Vec::<String>::new(), "{truths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_original_gets_back_what_it_lost_whatever_a_restore_does() {
    for (number, truths) in (10..).zip(Truths::ALL) {
        let original = Running::start(1).await;
        let ids = furnished(&original).await;
        let source = original.restored(number, truths).await;
        damage(&original, &ids).await;
        let lost = format!("/device/{}/data?qty={}", ids["scale"], EACH / 2);
        assert_eq!(original.ask("DELETE", &lost, None).await, format!("{} Data Removed", EACH / 2));
        let before = content(&original).await;

        let resources = Moving::new(Conflict::TakeSource);
        let plan = resources.run(&source, &original).await;
        assert_eq!(dangling(&plan), Vec::<String>::new(), "{truths:?}");
        // What stayed in the original leads to what was made anew.
        let alarm = original.ask("GET", &format!("/action/{}", ids["alarm"]), None).await;
        let truck = &original.ask("GET", "/device?filter[name]=Truck%201", None).await[0]["id"];
        assert_ne!(truck, &Value::String(ids["truck"].clone()));
        assert_eq!(&alarm["trigger"][0]["device"], truck, "{truths:?}");
        let rows = original.ask("GET", &format!("/entity/{}/data", ids["orders"]), None).await;
        let row = rows.as_array().unwrap().iter().find(|row| row["id"] == LOST_ROW);
        assert_eq!(&row.unwrap()["device"], truck, "{truths:?}");
        // The truck's are gone with it, and half of the scale's.
        let records = carried(&source, &original, &resources, EACH + EACH / 2, truths).await;
        // What its trigger names came back, with records that would have set it off.
        let held = status(records.path()).unwrap().actions;
        let held: Vec<_> = held.iter().map(|action| (action.name.as_str(), action.state)).collect();
        assert_eq!(held, [("Alarm", ActionState::Released)], "{truths:?}");
        // Records that were never lost are nobody's to change.
        let (named, truck) = named_by_the_scale(&original);
        let old = (ids["truck"].clone(), if truths.ids_renewed { EACH } else { EACH / 2 });
        let new = (!truths.ids_renewed).then_some((truck, EACH / 2));
        assert_eq!(named, new.into_iter().chain([old]).collect(), "{truths:?}");

        drop(source);
        let told = records.undo(&original).await;
        assert!(told.complete && told.changed_since.is_empty(), "{truths:?}: {told:#?}");
        assert!(told.impossible.is_empty(), "{truths:?}: {told:#?}");
        let told = resources.undo(&original).await;
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{truths:?}: {told:#?}");
        assert_eq!(differences(&before, &content(&original).await), Vec::<String>::new(), "{truths:?}");
    }
}

/// Records of each device.
const EACH: u64 = 40;

/// One of everything, and three devices with records. Those of the scale name the truck.
async fn furnished(it: &Running) -> BTreeMap<String, String> {
    let mut ids = fill(it).await;
    let scale = json!({"name": "Scale 1", "type": "mutable", "network": ids["net"], "connector": ids["con"]});
    let scale = it.ask("POST", "/device", Some(scale)).await["device_id"].as_str().unwrap().to_owned();
    ids.insert("scale".to_owned(), scale);
    let now = SystemClock::start().now().millis();
    for name in ["truck", "room", "scale"] {
        let metadata = if name == "scale" { json!({"from": ids["truck"]}) } else { json!({}) };
        let record = |number: u64| {
            json!({
                "variable": if number.is_multiple_of(3) { "door" } else { "temperature" },
                "value": number,
                "group": format!("{name}{number:020}"),
                "time": tago_api::Time::from_millis(now - 3_600_000 * (number as i64 + 1)),
                "metadata": metadata,
            })
        };
        it.send(&ids[name], (0..EACH).map(record).collect()).await;
    }
    ids
}

/// Moves the records to the devices that are there by now, proves it, and finds nothing left to be done.
async fn carried(
    source: &Running,
    target: &Running,
    resources: &Moving,
    missing: u64,
    truths: Truths,
) -> Carrying {
    // Networks, tags and parameters name other ids on the two sides, and the same things.
    let choices = Choices { renamed: Some(renamed(resources.path()).unwrap()), ..Choices::default() };
    let records = Carrying::new();
    let plan = records.rehearse(source, target, &choices).await;
    assert_eq!(undone(&plan), [format!("{missing} records")], "{truths:?}");
    records.run(&plan, source, target).await;
    let proof = records.prove(source, target).await;
    assert!(proof.green, "{truths:?}: {proof:#?}");
    let again = records.rehearse(source, target, &choices).await;
    assert_eq!(undone(&again), Vec::<String>::new(), "{truths:?}");
    assert_eq!(left(&resources.rehearse(source, target).await), Vec::<String>::new(), "{truths:?}");
    records
}

/// How often the scale's records name which device, and the truck that is there now.
fn named_by_the_scale(target: &Running) -> (BTreeMap<String, u64>, String) {
    let path = target.project.database_path();
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let query = "SELECT r.metadata ->> 'from', count(*) FROM records r JOIN devices d ON d.number = r.device
                 WHERE d.name = 'Scale 1' GROUP BY 1";
    let mut query = database.prepare(query).unwrap();
    let named = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap);
    let truck = "SELECT id FROM devices WHERE name = 'Truck 1'";
    (named.collect(), database.query_row(truck, [], |row| row.get(0)).unwrap())
}

fn dangling(plan: &ResourcePlan) -> Vec<String> {
    let unresolved = plan.items().iter().flat_map(|item| &item.unresolved);
    unresolved.map(|found| format!("{found:?}")).collect()
}

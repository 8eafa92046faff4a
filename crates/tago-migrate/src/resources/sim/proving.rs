//! The proof tells what is as planned from what somebody changed since, with the source and without.

use serde_json::json;

use super::harness::World;
use crate::journal::Was;
use crate::plan::Seal;
use crate::resources::document::seal;
use crate::resources::prove::{ItemVerdict, ResourceProof};
use crate::resources::row::Row;
use crate::run::Ending;

fn told(proof: &ResourceProof) -> Vec<String> {
    let line =
        |item: &crate::resources::ItemProof| format!("{} {:?}: {}", item.name, item.verdict, item.text);
    proof.not_equal.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_is_proven_with_its_source_and_without() {
    for make in [World::into_empty, World::into_damaged] {
        let mut world = make();
        world.plan().await;
        assert_eq!(world.run().await, Ending::Finished);
        let acting = world.planned().items().iter().filter(|item| item.acts()).count() as u64;
        assert!(acting > 5);
        for with_source in [true, false] {
            let proof = world.proof(with_source).await;
            assert_eq!(told(&proof), Vec::<String>::new(), "{with_source}");
            assert!(proof.green);
            assert_eq!((proof.items, proof.items_green), (acting, acting));
            assert_eq!(proof.read_in_source, if with_source { acting } else { 0 });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stopped_half_way_is_not_proven() {
    let mut world = World::into_empty();
    world.plan().await;
    world.target.fault(7, super::fake::Fault::Gone);
    assert!(matches!(world.run().await, Ending::Halted(_)));
    world.target.mend();
    let proof = world.proof(true).await;
    assert!(!proof.green);
    assert_eq!(proof.not_run + proof.items_green, proof.items, "{:?}", told(&proof));
    assert!(proof.not_run > 0 && proof.not_equal[0].text.contains("did not get that far"));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_since_is_told_as_such() {
    let mut world = World::into_empty();
    world.plan().await;
    world.run().await;
    let change = |name: &str, change: &dyn Fn(&mut super::fake::Stored)| {
        let dump = world.target.dump();
        let named = |stored: &super::fake::Stored| {
            ["name", "label", "path"]
                .iter()
                .any(|field| stored.document.get(*field).is_some_and(|it| it == name))
        };
        let (at, stored) = dump.into_iter().find(|(_, stored)| named(stored)).unwrap();
        let mut stored = stored;
        change(&mut stored);
        world.target.put(at, stored);
    };
    change("Truck 1", &|stored| drop(stored.document.insert("description".into(), "in Lisbon".into())));
    change("images/logo.svg", &|stored| {
        stored.content = Some(b"<svg>other</svg>".to_vec());
        stored.document.insert("sha256".into(), json!(Seal::of(b"<svg>other</svg>")));
    });
    change("Report", &|stored| drop(stored.entries.insert("script".into(), json!({"sha256": "other"}))));
    change("Orders", &|stored| drop(stored.entries.pop_first()));
    // What its owner switches on was meant to be, and what stands beside it is not the run's affair.
    change("Alarm", &|stored| drop(stored.document.insert("active".into(), true.into())));
    change("Cold room 1", &|stored| {
        drop(stored.entries.insert("another".into(), json!({"value": "9", "sent": false})));
    });
    let map = world
        .target
        .dump()
        .into_iter()
        .find(|(_, stored)| stored.document.get("label").is_some_and(|label| label == "Map"));
    world.target.take(&map.unwrap().0).unwrap();

    for (with_source, fields) in [(true, ["description", "sha256"]), (false, ["content", "content"])] {
        let proof = world.proof(with_source).await;
        let names: Vec<&str> = proof.not_equal.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["images/logo.svg", "Truck 1", "Orders", "Report", "Map"], "{:?}", told(&proof));
        assert!(proof.not_equal.iter().all(|item| item.verdict == ItemVerdict::ChangedSince));
        assert_eq!((proof.changed_since, proof.differing, proof.green), (5, 0, false));
        assert_eq!(proof.not_equal[1].fields, [fields[0]]);
        assert_eq!(proof.not_equal[0].fields, [fields[1]]);
        assert_eq!(proof.not_equal[2].entries.len(), 1);
        assert_eq!(proof.not_equal[3].entries, ["script"]);
        assert_eq!(proof.not_equal[4].text, "somebody deleted it since");
    }
}

/// The journal believes that all is well, and it is not.
#[tokio::test(start_paused = true)]
async fn what_the_run_did_wrong_is_not_put_on_somebody_else() {
    let mut world = World::into_empty();
    world.plan().await;
    world.run().await;
    let (place, item) = (0..).zip(world.planned().items()).find(|(_, item)| item.name == "Truck 1").unwrap();
    let (kind, at) = (item.at.kind, world.ledger().of_item(place).id.unwrap());
    let (address, mut stored) = world.target.dump().into_iter().find(|(found, _)| found.id == at).unwrap();
    stored.document.insert("name".into(), "Truck l".into());
    let left = Row::Left { item: place, seal: seal(kind, &stored.document), found: Default::default() };
    world.target.put(address, stored);
    world.note(Row::EditIntent { item: place, kept: None, fields: vec!["name".into()], leaves: None });
    world.note(Row::EditOutcome { item: place, was: Was::Acknowledged });
    world.note(left);
    let proof = world.proof(true).await;
    assert_eq!(told(&proof), ["Truck 1 Differs: other fields: name"]);
    assert_eq!((proof.differing, proof.green), (1, false));
}

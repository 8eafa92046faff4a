//! Resources and records together: first the one plan, then the other on the devices that it made.

use serde_json::{Value, json};
use tago_migrate::resources::{Conflict, UndoChoices};
use tago_migrate::{Choices, Clock, Ending, Item, SystemClock, Verdict, prove, rehearse, run, undo};

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
    let target = Running::start(2).await;
    let before = target.content().await;
    let resources = Moving::new(Conflict::KeepTarget);
    resources.run(&source, &target).await;

    let (ours, theirs) = (source.live(), target.live());
    let (records, settings) = (Moving::new(Conflict::KeepTarget), settings());
    let plan = rehearse(&ours, &theirs, &Choices::default(), &settings, records.env()).await.unwrap();
    assert_eq!(plan.summary().records_missing, 200);
    // Their tags and networks name other ids on the two sides; they stay as they were made.
    let made = |item: &Item| matches!(item, Item::Device(device) if device.verdict == Verdict::Conflict);
    assert_eq!(plan.items().iter().filter(|item| made(item)).count(), 2);
    let approved = plan.fingerprint();
    let ending = run(&plan, &approved, records.path(), &ours, &theirs, &settings, records.env()).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let proof = prove(records.path(), &ours, &theirs, &settings, records.env()).await.unwrap();
    assert!(proof.green, "{proof:#?}");

    let again = rehearse(&ours, &theirs, &Choices::default(), &settings, records.env()).await.unwrap();
    assert_eq!(again.summary().records_missing, 0);
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

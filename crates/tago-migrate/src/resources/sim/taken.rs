//! What the run made and its owner has taken into use since: no seal shows it, and no undo deletes it.

use serde_json::{Value, json};
use tago_api::Time;

use super::harness::World;
use crate::resources::kind::Kind;
use crate::resources::ports::{Address, ListedToken};
use crate::resources::undo::UndoChoices;
use crate::run::Ending;

const MADE: &str = "2026-10-01T10:00:00.000Z";

/// What a device has that was just made.
fn own() -> ListedToken {
    ListedToken { name: "Default".into(), has_serial: false, made_at: Some(at("2026-10-01T10:00:01.000Z")) }
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// A run that is over, and what it made of this type. Each of its devices has its own token.
async fn after_a_run(kind: Kind) -> (World, Vec<Address>) {
    let mut world = World::into_empty();
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    let made: Vec<Address> = world.target.dump().into_keys().filter(|at| at.kind == kind).collect();
    if kind == Kind::Device {
        for device in &made {
            set(&world, device, "created_at", MADE.into());
            world.target.tokens.lock().unwrap().insert(device.id.clone(), vec![own()]);
        }
    }
    (world, made)
}

fn set(world: &World, at: &Address, field: &str, value: Value) {
    let mut stored = world.target.take(at).unwrap();
    stored.document.insert(field.to_owned(), value);
    world.target.put(at.clone(), stored);
}

/// What is left of a type after the undo, and why.
async fn left(world: &mut World, kind: Kind, choices: UndoChoices) -> (Vec<Address>, Vec<String>) {
    let told = world.undo_with(choices).await;
    assert!(told.impossible.is_empty(), "{told:?}");
    let left = world.target.dump().into_keys().filter(|at| at.kind == kind).collect();
    (left, told.changed_since.into_iter().map(|(.., reason)| reason).collect())
}

#[tokio::test(start_paused = true)]
async fn an_undo_leaves_what_its_owner_has_taken_into_use() {
    let cases = [
        (Kind::Secret, "value_length", json!(7), "somebody has entered its value since"),
        (Kind::RunUser, "last_login", MADE.into(), "this person has logged in since"),
        (Kind::ServiceAuthorization, "last_authorization", MADE.into(), "somebody has used it since"),
    ];
    for (kind, field, value, reason) in cases {
        let (mut world, made) = after_a_run(kind).await;
        set(&world, &made[0], field, value);
        let told = left(&mut world, kind, UndoChoices::default()).await;
        assert_eq!(told, (made[..1].to_vec(), vec![reason.to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_undo_leaves_a_device_with_a_token_that_it_was_not_made_with() {
    let late = || ListedToken { made_at: Some(at("2026-10-02T10:00:00.000Z")), ..own() };
    let of_a_run = || ListedToken { name: "Holdfast run 0000000000000009".into(), ..late() };
    let with_serial = ListedToken { has_serial: true, ..own() };
    let new = "somebody made a token for it since";
    for (tokens, reason) in [
        (vec![own()], None),
        (vec![own(), of_a_run()], None),
        (vec![own(), own()], Some(new)),
        (vec![late()], Some(new)),
        (vec![with_serial], Some(new)),
    ] {
        for with_records in [false, true] {
            let choices = UndoChoices { with_records };
            let (mut world, made) = after_a_run(Kind::Device).await;
            world.target.tokens.lock().unwrap().insert(made[0].id.clone(), tokens.clone());
            let (left, told) = left(&mut world, Kind::Device, choices).await;
            assert_eq!(
                (left.len(), told),
                (reason.iter().len(), reason.iter().map(|r| (*r).to_owned()).collect())
            );
        }
    }
}

//! What is new in a restored project, and what stays.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Api, Contents, World, kept, text};

struct Both {
    world: World,
    restored: String,
    old: Api,
    new: Api,
    /// Each device's token in the old project.
    tokens: Vec<String>,
}

async fn restored() -> Both {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let old = world.api(&project).await;
    let mut tokens = Vec::new();
    for name in ["Freezer", "Cold room", "Truck"] {
        let (id, token) = old.device(name, &[1.5, 2.5, 2.5]).await;
        let serial = json!({
            "device": id, "name": "Serial", "permission": "read", "serie_number": format!("SN-{name}"),
        });
        let minted = old.ask("POST", "/device/token", Some(serial)).await;
        tokens.extend([token, text(&minted["token"]).to_owned()]);
    }
    let action = json!({
        "name": "Alarm", "type": "condition", "active": true, "action": { "type": "email", "to": "ana@example.com", "message": "Warm" },
        "trigger": [{ "tag_key": "site", "tag_value": "Lyon", "variable": "temperature", "is": ">", "value": "50" }],
    });
    old.ask("POST", "/action", Some(action)).await;
    let backup = world.back_up(&project).await;
    let restored = world.restore(&project, &backup, "Copy").await;
    let new = world.api(&restored).await;
    Both { world, restored, old, new, tokens }
}

fn record_ids(contents: &std::collections::BTreeMap<String, Contents>) -> BTreeSet<String> {
    let records = contents.values().flat_map(|contents| &contents.records);
    records.map(|record| text(&record["id"]).to_owned()).collect()
}

fn token_values(contents: &std::collections::BTreeMap<String, Contents>) -> BTreeSet<String> {
    let tokens = contents.values().flat_map(|contents| contents.tokens.as_array().unwrap());
    tokens.map(|token| text(&token["fingerprint"]).to_owned()).collect()
}

#[tokio::test]
async fn s17_every_record_has_a_new_id_and_the_same_content() {
    let both = restored().await;
    let (old, new) = (both.old.contents().await, both.new.contents().await);
    assert_eq!(kept(&old), kept(&new));
    assert_eq!((record_ids(&old).len(), record_ids(&new).len()), (9, 9));
    assert!(record_ids(&old).is_disjoint(&record_ids(&new)));
}

#[tokio::test]
async fn s18_the_id_of_one_record_in_the_copy_is_not_found_in_the_original() {
    let both = restored().await;
    let new = both.new.contents().await;
    let (device, contents) = new.iter().next().unwrap();
    let id = text(&contents.records[0]["id"]);
    let path = format!("/device/{device}/data?ids={id}&qty=100&end_date=2100-01-01");
    assert_eq!(both.new.ask("GET", &path, None).await[0]["id"], id);
    assert_eq!(both.old.ask("GET", &path, None).await, json!([]));
}

#[tokio::test]
async fn s19_no_token_of_the_original_opens_the_copy_and_each_has_a_successor() {
    let both = restored().await;
    for token in &both.tokens {
        assert_eq!(both.old.status_as(token, "/info").await, 200);
        assert_eq!(both.new.status_as(token, "/info").await, 401, "an old token opens the copy");
    }
    let (old, new) = (both.old.contents().await, both.new.contents().await);
    let described = |token: &Value| ["name", "permission", "serie_number"].map(|field| token[field].clone());
    for (id, contents) in &old {
        let before: Vec<_> = contents.tokens.as_array().unwrap().iter().map(described).collect();
        let after: Vec<_> = new[id].tokens.as_array().unwrap().iter().map(described).collect();
        assert_eq!(before, after, "a token lost its name, permission or serial number");
        assert_eq!(before.len(), 2);
    }
}

#[tokio::test]
async fn s20_every_resource_keeps_its_id_and_has_another_token() {
    let both = restored().await;
    let (old, new) = (both.old.contents().await, both.new.contents().await);
    assert_eq!(old.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>());
    assert_eq!((token_values(&old).len(), token_values(&new).len()), (6, 6));
    assert!(token_values(&old).is_disjoint(&token_values(&new)));
    let profile = |api: &Api| {
        let (address, token) = (api.address, api.token.clone());
        async move { Api { address, token }.ask("GET", "/profile/current", None).await["info"]["id"].clone() }
    };
    assert_eq!(profile(&both.old).await, profile(&both.new).await);
}

#[tokio::test]
async fn the_copys_actions_are_held_until_the_owner_releases_them() {
    let both = restored().await;
    let outbox = format!("/outbox?project={}", both.restored.rsplit('/').next().unwrap());
    let automations = format!("{}/automations", both.restored);
    let held = both.world.get(&automations).await;
    assert_eq!((&held["held"], &held["actions"]), (&json!(true), &json!(1)));
    let device = both.new.contents().await.keys().next().unwrap().clone();
    let new = json!({ "device": device, "name": "Writer", "permission": "full" });
    let token = both.new.ask("POST", "/device/token", Some(new)).await;
    let token = text(&token["token"]);
    both.new.send(token, &[99.0]).await;
    assert_eq!(both.world.look(&outbox).await, json!([]));
    let release = format!("{automations}/release");
    let released = both.world.ask(crate::harness::Who::Owner, "POST", &release, None).await.expect(200);
    assert_eq!(released["held"], false);
    both.new.send(token, &[98.0]).await;
    assert_eq!(both.world.look(&outbox).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_truths_that_nobody_outside_knows_can_be_the_other_way_round() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let old = world.api(&project).await;
    let (id, token) = old.device("Freezer", &[1.0]).await;
    let backup = world.back_up(&project).await;
    let truths = json!({
        "restore_keeps_resource_ids": false, "restore_keeps_tokens": true, "automations_held": false,
    });
    world.knob("/truths", truths).await;
    let restored = world.restore(&project, &backup, "Copy").await;
    let new = world.api(&restored).await;
    assert_eq!(new.status_as(&token, "/info").await, 200);
    let contents = new.contents().await;
    assert_eq!((contents.len(), contents.contains_key(&id)), (1, false));
    assert_eq!(contents.values().next().unwrap().records.len(), 1);
    assert_eq!(world.get(&format!("{restored}/automations")).await["held"], false);
}

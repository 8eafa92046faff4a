use bytes::Bytes;
use tago_api::Time;
use tago_api::client::Settings;
use tago_migrate::live::Live;
use tago_migrate::{
    Batch, DeviceEdit, Order, ParamWrite, PortError, Range, Record, Source, Tally, Target, WriteError,
};

use crate::platform::Platform;

fn range(variables: &[&str]) -> Range {
    Range {
        from: Time::MIN,
        to: Time::MAX,
        variables: variables.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn batch(records: &str) -> Batch {
    let parsed: Vec<Record> = serde_json::from_str(records).unwrap();
    Batch { body: Bytes::from(records.to_owned()), tally: Tally::of(parsed.iter().map(Record::key)) }
}

/// What the engine asks of its ports, asked of the practice platform.
#[tokio::test(flavor = "multi_thread")]
async fn the_ports_carry_a_device_its_data_and_its_tokens() {
    let platform = Platform::start();
    let live = Live::new(platform.original().api_with(Settings::default().without_retries()));
    let identity = live.identity().await.unwrap();
    assert_eq!(identity.profile, platform.original().profile);
    assert!(identity.origin.starts_with("http://127.0.0.1:"), "{identity:?}");

    let devices = live.devices().await.unwrap();
    assert_eq!(devices.len(), 40);
    let model = devices.iter().find(|device| !device.definition.tags.is_empty()).unwrap();
    assert_eq!(live.device(model.id).await.unwrap().definition, model.definition);
    let networks = live.networks().await.unwrap();
    let network = model.definition.fields["network"].as_str().trim_matches('"').to_owned();
    assert!(networks.iter().any(|named| named.id == network), "{networks:?}");
    assert!(!live.connectors().await.unwrap().is_empty());

    let mut definition = model.definition.clone();
    definition.kind = "mutable".into();
    for field in ["chunk_period", "chunk_retention", "mutable_variable_regex"] {
        definition.fields.remove(field);
    }
    definition.tags.push(tago_migrate::Tag { key: "run".into(), value: "7".into(), metadata: None });
    let copy = live.create_device(&definition).await.unwrap();
    assert_eq!(live.device(copy).await.unwrap().definition, definition, "all that was written is read");
    let tagged = live.devices_tagged("run", Some("7")).await.unwrap();
    assert_eq!(tagged.iter().map(|device| device.id).collect::<Vec<_>>(), [copy]);

    let edit = DeviceEdit { name: Some("Another".into()), active: Some(false), ..DeviceEdit::default() };
    live.edit_device(copy, &edit).await.unwrap();
    let edited = live.device(copy).await.unwrap().definition;
    assert_eq!((edited.name.as_str(), edited.active), ("Another", false));
    assert_eq!((&edited.tags, &edited.fields), (&definition.tags, &definition.fields));
    live.edit_device(copy, &DeviceEdit { active: Some(true), ..DeviceEdit::default() }).await.unwrap();

    let param = |id, value: &str| ParamWrite { id, key: "limit".into(), value: value.into(), sent: true };
    live.write_params(copy, &[param(None, "1")]).await.unwrap();
    let written = live.params(copy).await.unwrap().remove(0);
    live.write_params(copy, &[param(Some(written.id), "2")]).await.unwrap();
    let params = live.params(copy).await.unwrap();
    assert_eq!((params.len(), params[0].value.as_str(), params[0].sent), (1, "2", true));

    let minted = live.mint_token(copy, "holdfast").await.unwrap();
    let listed = live.tokens(copy).await.unwrap();
    assert_eq!(listed.len(), 2, "the one that came with the device, and this");
    assert!(listed.contains(&minted), "{listed:?} {minted:?}");
    assert!(listed.iter().all(|token| token.writes_at(Time::from_millis(0))), "{listed:?}");
    let other = Live::new(platform.original().api_with(Settings::default().without_retries()));
    let seen = other.tokens(copy).await.unwrap();
    assert!(seen.iter().all(|token| !token.usable), "another process has no secrets");
    assert_eq!(seen.iter().map(|t| &t.fingerprint).max(), listed.iter().map(|t| &t.fingerprint).max());

    let records = r#"[{"variable":"a","value":-1.50,"time":"2026-01-01T00:00:00.000Z","group":"g","unit":"C"},
        {"variable":"b","value":"été","time":"2026-01-01T00:00:01.000Z","group":"g","metadata":{"b":1.0,"a":null}},
        {"variable":"a","value":true,"time":"2026-01-01T00:00:02.000Z","group":"g",
         "location":{"type":"Point","coordinates":[-8.61,41.15]}}]"#;
    let batch = batch(records);
    assert_eq!(live.send(copy, &minted, &batch).await, Ok(3));
    let found = live.records(copy, &range(&[]), Order::Ascending, 0, 10).await.unwrap();
    assert_eq!(Tally::of(found.iter().map(Record::key)), batch.tally);
    assert!(found.iter().all(|record| record.id.is_some()));
    assert_eq!(live.count(copy, &range(&["a"])).await, Ok(2));
    let newest = live.records(copy, &range(&["b", "a"]), Order::Descending, 0, 2).await.unwrap();
    let variables: Vec<_> = newest.iter().map(|record| record.variable.as_str()).collect();
    assert_eq!(variables, ["a", "b"], "the first of all, not of each variable");

    other.remove_token(copy, &minted).await.unwrap();
    other.remove_token(copy, &minted).await.unwrap();
    let refused = live.send(copy, &minted, &batch).await.unwrap_err();
    assert!(matches!(refused, WriteError::NotReceived(PortError::Auth { .. })), "{refused:?}");
    let refused = other.send(copy, &listed[0], &batch).await.unwrap_err();
    assert!(matches!(refused, WriteError::NotReceived(PortError::Auth { .. })), "{refused:?}");
    let nowhere = "000000000000000000000000".parse().unwrap();
    assert!(matches!(live.device(nowhere).await, Err(PortError::NotFound { .. })));
}

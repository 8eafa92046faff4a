//! Devices: what they are, their parameters and their tokens. Their data is in `data`.

mod chunks;
mod conversion;
mod hybrid;
mod params;
mod tokens;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::fields::{self, Default, Field, Shape};
use super::integration;
use super::list::ListQuery;
use super::query_text::QueryText;
use super::rates::Plan;
use super::store::Writing;
use super::token::{self, Minted, TokenKind, serial};
use super::trigger;
use crate::random::hex;

pub(super) use chunks::{list as list_chunks, remove as remove_chunk};
pub(super) use conversion::convert;
pub(super) use params::Params;
pub(super) use params::{edit_own as edit_own_param, list_own as list_own_params};
pub(super) use params::{list as list_params, remove as remove_param, set as set_params};
pub(super) use tokens::{create as create_token, list as list_tokens, remove as remove_token};

pub(super) const TYPES: &[&str] = &["mutable", "immutable", "hybrid"];
const PERIODS: &[&str] = &["day", "week", "month", "quarter"];

const FIELDS: &[Field] = &[
    Field { name: "name", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
    Field { name: "network", shape: Shape::Text(24, 24), default: Default::Required, editable: true },
    Field { name: "connector", shape: Shape::Text(24, 24), default: Default::Required, editable: true },
    Field { name: "type", shape: Shape::Words(TYPES), default: Default::Word("mutable"), editable: false },
    Field { name: "description", shape: Shape::TextOrNull(1000), default: Default::Null, editable: true },
    Field { name: "active", shape: Shape::Bool, default: Default::True, editable: true },
    Field { name: "visible", shape: Shape::Bool, default: Default::True, editable: true },
    Field { name: "tags", shape: Shape::Tags, default: Default::EmptyList, editable: true },
    Field {
        name: "payload_decoder",
        shape: Shape::TextOrNull(64_000),
        default: Default::Null,
        editable: true,
    },
    Field {
        name: "chunk_period",
        shape: Shape::WordOrNull(PERIODS),
        default: Default::Null,
        editable: false,
    },
    Field {
        name: "chunk_retention",
        shape: Shape::NumberOrNull(0, 36_500),
        default: Default::Null,
        editable: true,
    },
    Field {
        name: "mutable_variable_regex",
        shape: Shape::TextOrNull(200),
        default: Default::Null,
        editable: true,
    },
];

/// Fields that a list can be filtered and ordered by.
const LISTED: &[&str] = &[
    "id",
    "name",
    "description",
    "type",
    "network",
    "connector",
    "active",
    "visible",
    "last_input",
    "created_at",
    "updated_at",
];

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    let query = list_query(&call.query)?;
    let serial = call.query.one("serial").map(str::to_owned);
    call.project.0.store.save_recent().await;
    let devices = call
        .read(move |db| {
            let mut devices: Vec<_> = db
                .prepare_cached(&format!(
                    "{SELECT} WHERE ?1 IS NULL
                     OR id IN (SELECT owner FROM tokens WHERE kind = 'device' AND serie_number = ?1)"
                ))?
                .query_map([serial], |row| object(row, false))?
                .collect::<rusqlite::Result<_>>()?;
            devices.iter_mut().for_each(|device| drop(device.remove("payload_decoder")));
            Ok(query.apply(devices))
        })
        .await?;
    Answer::ok(devices)
}

pub(super) async fn create(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let device = fields::create(FIELDS, &body)?;
    check_chunks(&device)?;
    let serial = serial(body.get("serie_number"))?;
    let params = body.get("configuration_params").map(Params::parse).transpose()?.unwrap_or_default();
    let limit = match call.project.0.shared.rates.plan(call.project.id()) {
        Plan::Free => 5,
        Plan::Starter => 100,
        Plan::Scale => 10_000,
    };
    let created = call
        .write(move |writing| {
            integration::check_device(writing.db, &device["network"], &device["connector"])?;
            let count: i64 = writing.db.query_row("SELECT count(*) FROM devices", [], |row| row.get(0))?;
            if count >= limit {
                return Err(Refused::over_limit("devices", limit.unsigned_abs()));
            }
            let id = hex(&writing.random.id_bytes(writing.now));
            insert(writing, &id, &device)?;
            params.put(writing, &id)?;
            let mut minted = Minted::of_kind(writing.random, "device");
            minted.serie_number = serial;
            token::insert(writing, TokenKind::Device, &id, &minted)?;
            writing.cache.triggers = None;
            trigger::resource_changed(writing, "device", "create", &id, &device["tags"])?;
            Ok(json!({ "device_id": id, "deviceID": id, "bucket_id": id, "token": minted.secret }))
        })
        .await?;
    Answer::created(created)
}

pub(super) async fn info(call: Call) -> Result<Answer, Refused> {
    let id = call.part("device").to_owned();
    call.project.0.store.save_recent().await;
    Answer::ok(call.read(move |db| described(db, &id)).await?)
}

pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let id = call.part("device").to_owned();
    let body: Value = call.json()?;
    call.write(move |writing| change(writing, &id, &body)).await?;
    Answer::ok("Successfully Updated")
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let id = call.part("device").to_owned();
    call.write(move |writing| {
        let (device, tags) = writing
            .db
            .query_row("SELECT number, tags FROM devices WHERE id = ?1", [&id], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?
            .ok_or_else(|| Refused::not_found("Device", &id))?;
        let tags = parsed(&tags);
        fields::refuse_if_protected(&tags)?;
        trigger::resource_changed(writing, "device", "delete", &id, &tags)?;
        writing.db.execute("DELETE FROM records WHERE device = ?1", [device])?;
        writing.db.execute("DELETE FROM params WHERE device = ?1", [&id])?;
        writing.db.execute("DELETE FROM tokens WHERE kind = 'device' AND owner = ?1", [&id])?;
        writing.db.execute("DELETE FROM devices WHERE number = ?1", [device])?;
        writing.cache.amounts.remove(&device);
        writing.cache.last_inputs.remove(&device);
        writing.cache.triggers = None;
        Ok(())
    })
    .await?;
    Answer::ok("Successfully Removed")
}

const SELECT: &str = "SELECT *, (SELECT value FROM meta WHERE key = 'profile') AS profile FROM devices";
/// Edits a device by the body of a request.
pub(super) fn change(writing: &mut Writing<'_>, id: &str, body: &Value) -> Result<(), Refused> {
    let mut edited = described(writing.db, id)?;
    let serial = body.get("serie_number").map(|value| serial(Some(value))).transpose()?;
    let changed = fields::edit_of(FIELDS, &edited, body)?;
    check_edit(writing.db, id, &edited, &changed)?;
    edited.extend(changed);
    check_chunks(&edited)?;
    update(writing, id, &edited)?;
    if let Some(serial) = serial {
        tokens::renew(writing, id, serial)?;
    }
    writing.cache.triggers = None;
    trigger::resource_changed(writing, "device", "update", id, &edited["tags"])?;
    Ok(())
}

/// All devices, as they are.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Map<String, Value>>> {
    db.prepare_cached(SELECT)?.query_map([], |row| object(row, false))?.collect()
}

/// Reads a request for a page of devices.
pub(super) fn list_query(query: &QueryText) -> Result<ListQuery, Refused> {
    ListQuery::parse(query, LISTED)
}

/// A device as the API shows it.
pub(super) fn described(db: &Connection, id: &str) -> Result<Map<String, Value>, Refused> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], |row| object(row, true))
        .optional()?
        .ok_or_else(|| Refused::not_found("Device", id))
}

fn object(row: &Row<'_>, whole: bool) -> rusqlite::Result<Map<String, Value>> {
    let id: String = row.get("id")?;
    let name: String = row.get("name")?;
    let text = |column: &str| row.get::<_, Option<String>>(column).map(|text| json!(text));
    let moment = |column: &str| {
        row.get::<_, Option<i64>>(column).map(|at| json!(at.map(|at| Time::from_millis(at).to_string())))
    };
    let mut device = Map::new();
    let bucket = if whole { json!({ "id": id, "name": name }) } else { json!(id) };
    device.insert("id".into(), id.into());
    device.insert("name".into(), name.into());
    device.insert("bucket".into(), bucket);
    const TEXTS: &[&str] = &[
        "profile",
        "description",
        "type",
        "network",
        "connector",
        "payload_decoder",
        "chunk_period",
        "mutable_variable_regex",
    ];
    for column in TEXTS {
        device.insert((*column).into(), text(column)?);
    }
    device.insert("inspected_at".into(), Value::Null);
    for column in ["active", "visible"] {
        device.insert(column.into(), row.get::<_, bool>(column)?.into());
    }
    let retention = row.get::<_, Option<i64>>("chunk_retention")?;
    let kept = retention.zip(device["chunk_period"].as_str());
    let kept = kept.map_or("forever".to_owned(), |(periods, period)| format!("{periods} {period}"));
    device.insert("data_retention".into(), kept.into());
    device.insert("chunk_retention".into(), json!(retention));
    device.insert("tags".into(), parsed(&row.get::<_, String>("tags")?));
    device.insert("rpm".into(), Value::Null);
    for column in ["last_input", "last_output", "created_at", "updated_at"] {
        device.insert(column.into(), moment(column)?);
    }
    Ok(device)
}

fn insert(writing: &mut Writing<'_>, id: &str, device: &Map<String, Value>) -> rusqlite::Result<()> {
    writing.db.execute(
        "INSERT INTO devices (id, name, type, network, connector, active, visible, tags, created_at, updated_at)
         VALUES (?1, '', ?2, '', '', 0, 0, '[]', ?3, ?3)",
        params![id, device["type"].as_str(), writing.now.millis()],
    )?;
    update(writing, id, device)?;
    writing.db.execute(
        "UPDATE devices SET chunk_period = ?2 WHERE id = ?1",
        params![id, device["chunk_period"].as_str()],
    )?;
    Ok(())
}

fn update(writing: &mut Writing<'_>, id: &str, device: &Map<String, Value>) -> rusqlite::Result<()> {
    writing
        .db
        .execute(
            "UPDATE devices SET name = trim(:name), description = :description, network = :network,
                connector = :connector, active = :active, visible = :visible, tags = :tags,
                payload_decoder = :decoder, chunk_retention = :retention,
                mutable_variable_regex = :regex, updated_at = :now
             WHERE id = :id",
            named_params! {
                ":id": id,
                ":name": device["name"].as_str(),
                ":description": device["description"].as_str(),
                ":network": device["network"].as_str(),
                ":connector": device["connector"].as_str(),
                ":active": device["active"].as_bool(),
                ":visible": device["visible"].as_bool(),
                ":tags": device["tags"].to_string(),
                ":decoder": device["payload_decoder"].as_str(),
                ":retention": device["chunk_retention"].as_i64(),
                ":regex": device["mutable_variable_regex"].as_str(),
                ":now": writing.now.millis(),
            },
        )
        .map(drop)
}

fn check_edit(
    db: &Connection,
    id: &str,
    device: &Map<String, Value>,
    changed: &Map<String, Value>,
) -> Result<(), Refused> {
    let moves = |field: &str| changed.get(field).is_some_and(|new| *new != device[field]);
    if moves("mutable_variable_regex") && !is_empty(db, id)? {
        return Err(Refused::bad("mutable_variable_regex can only be changed while the device is empty"));
    }
    if !moves("network") && !moves("connector") {
        return Ok(());
    }
    let (Some(network), Some(connector)) = (changed.get("network"), changed.get("connector")) else {
        return Err(Refused::bad("network and connector can only be changed together: send both"));
    };
    integration::check_device(db, network, connector)?;
    let tokens: i64 =
        db.query_row("SELECT count(*) FROM tokens WHERE kind = 'device' AND owner = ?1", [id], |row| {
            row.get(0)
        })?;
    if tokens > 0 {
        return Err(Refused::bad("network and connector can only be changed once the device has no tokens"));
    }
    Ok(())
}

fn check_chunks(device: &Map<String, Value>) -> Result<(), Refused> {
    let kind = device["type"].as_str().unwrap_or_default();
    let complete = !device["chunk_period"].is_null() && !device["chunk_retention"].is_null();
    match (kind, device["mutable_variable_regex"].as_str()) {
        ("immutable" | "hybrid", _) if !complete => Err(Refused::bad(format!(
            "chunk_period and chunk_retention are required for a device that is {kind}"
        ))),
        ("hybrid", Some(regex)) => hybrid::check(regex),
        ("hybrid", None) => Err(Refused::bad("mutable_variable_regex is required for a hybrid device")),
        (_, Some(_)) => Err(Refused::bad("mutable_variable_regex is only for a hybrid device")),
        _ => Ok(()),
    }
}

fn is_empty(db: &Connection, id: &str) -> rusqlite::Result<bool> {
    db.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM records JOIN devices ON device = number WHERE id = ?1)",
        [id],
        |row| row.get(0),
    )
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

/// The number of a device, which its records have.
pub(super) fn number(db: &Connection, id: &str) -> Result<i64, Refused> {
    db.prepare_cached("SELECT number FROM devices WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Refused::not_found("Device", id))
}

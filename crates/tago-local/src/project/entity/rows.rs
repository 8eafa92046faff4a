use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Map, Value};
use tago_api::Time;

use super::schema::{Definition, FieldType, Limits, RESERVED};
use super::select::Selection;
use super::{Entity, plan};
use crate::project::call::{Answer, Call, Refused, json};
use crate::project::data::note_held_parser;
use crate::project::query_text::QueryText;
use crate::project::store::Writing;

/// Rows of one request, and ids of one removal.
const ROWS: usize = 100;
const IDS: usize = 10;
/// Bytes of one row as JSON.
const ROW_BYTES: usize = 1 << 20;

/// The smaller of what sources say, where they disagree.
const STRING: usize = 100;
const TEXT: usize = 10_000;
const JSON_BYTES: usize = 10_240;
const NUMBER: f64 = 2_147_483_647.0;

/// Adds rows; one with the id of a row that is there changes that.
pub(in crate::project) async fn send(call: Call) -> Result<Answer, Refused> {
    let rows = read(&call.body)?;
    let id = call.part("entity").to_owned();
    let most = Limits::of(plan(&call)).rows;
    let count = rows.len();
    call.write(move |writing| {
        let entity = Entity::find(writing.db, &id)?;
        for (index, row) in rows.into_iter().enumerate() {
            let bad = |rule: String| Refused::bad(format!("Row {}: {rule}", index + 1));
            let fields = checked(&entity.definition, row.fields).map_err(bad)?;
            let id = row.id.unwrap_or_else(|| writing.random.uuid());
            let body = merged(writing.db, &entity, &id, fields)?.unwrap_or_else(|fields| fields);
            check_required(&entity.definition, &body).map_err(bad)?;
            put(writing, &entity, &id, &body)?;
        }
        if entity.rows(writing.db)? > most {
            return Err(Refused::over_limit("rows of an entity", most));
        }
        if entity.parses {
            note_held_parser(writing, "entity", &id, &id, count)?;
        }
        Ok(())
    })
    .await?;
    Answer::created(format!("{count} Data Added"))
}

/// Changes rows by their ids; all or none.
pub(in crate::project) async fn edit(call: Call) -> Result<Answer, Refused> {
    let rows = read(&call.body)?;
    let id = call.part("entity").to_owned();
    let count = rows.len();
    call.write(move |writing| {
        let entity = Entity::find(writing.db, &id)?;
        for (index, row) in rows.into_iter().enumerate() {
            let bad = |rule: String| Refused::bad(format!("Row {}: {rule}", index + 1));
            let id = row.id.ok_or_else(|| bad("id must be the id of a row".to_owned()))?;
            let fields = checked(&entity.definition, row.fields).map_err(bad)?;
            let body =
                merged(writing.db, &entity, &id, fields)?.map_err(|_| Refused::not_found("Row", &id))?;
            check_required(&entity.definition, &body).map_err(bad)?;
            put(writing, &entity, &id, &body)?;
        }
        Ok(())
    })
    .await?;
    Answer::ok(format!("{count} item(s) updated"))
}

#[derive(Deserialize)]
struct Removal {
    ids: Vec<String>,
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let Removal { ids } = call.json()?;
    if !(1..=IDS).contains(&ids.len()) {
        return Err(Refused::bad(format!("ids must be 1 to {IDS} ids of rows")));
    }
    let entity = call.part("entity").to_owned();
    let removed = call
        .write(move |writing| {
            let entity = Entity::find(writing.db, &entity)?;
            let mut delete =
                writing.db.prepare_cached("DELETE FROM entity_rows WHERE entity = ?1 AND id = ?2")?;
            let mut removed = 0;
            for id in &ids {
                removed += delete.execute(params![entity.number, id])?;
            }
            Ok(removed)
        })
        .await?;
    Answer::ok(format!("{removed} item(s) deleted"))
}

pub(in crate::project) async fn ask(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    let query = call.query.clone();
    Answer::ok(call.read(move |db| answer(db, &id, &query)).await?)
}

/// The rows of an entity that a query asks for.
pub(in crate::project) fn answer(
    db: &Connection,
    id: &str,
    query: &QueryText,
) -> Result<Vec<Map<String, Value>>, Refused> {
    let entity = Entity::find(db, id)?;
    Selection::parse(query, &entity.definition)?.rows(db, &entity)
}

pub(in crate::project) async fn amount(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    Answer::ok(call.read(move |db| Ok(Entity::find(db, &id)?.rows(db)?)).await?)
}

pub(in crate::project) async fn empty(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    call.write(move |writing| {
        let entity = Entity::find(writing.db, &id)?;
        writing.db.execute("DELETE FROM entity_rows WHERE entity = ?1", [entity.number])?;
        Ok(())
    })
    .await?;
    Answer::ok("Data Successfully Removed")
}

/// A row as the API shows it: every field, null where it has none.
pub(super) fn shown(
    definition: &Definition,
    id: String,
    body: &str,
    created_at: Time,
    updated_at: Time,
) -> Map<String, Value> {
    let mut stored: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
    let mut row = Map::new();
    row.insert("id".into(), id.into());
    for field in definition.fields.keys() {
        row.insert(field.clone(), stored.remove(field).unwrap_or_default());
    }
    row.insert("created_at".into(), created_at.to_string().into());
    row.insert("updated_at".into(), updated_at.to_string().into());
    row
}

/// A row as a client writes it.
struct Wire {
    id: Option<String>,
    fields: Map<String, Value>,
}

fn read(body: &[u8]) -> Result<Vec<Wire>, Refused> {
    let body: Value = json(body)
        .map_err(|error| Refused::bad(format!("The body is not a row or a list of rows: {error}")))?;
    let rows = match body {
        Value::Array(rows) => rows,
        one => vec![one],
    };
    if !(1..=ROWS).contains(&rows.len()) {
        return Err(Refused::bad(format!("The body must be 1 to {ROWS} rows, not {}", rows.len())));
    }
    let wire = |(index, row): (usize, Value)| {
        let bad = |rule: &str| Refused::bad(format!("Row {}: {rule}", index + 1));
        if row.to_string().len() >= ROW_BYTES {
            return Err(bad("it must be smaller than 1 MiB"));
        }
        let Value::Object(mut fields) = row else { return Err(bad("it must be an object")) };
        let id = match fields.remove("id") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if is_row_id(&id) => Some(id),
            Some(_) => return Err(bad("id must be a UUID or 24 hexadecimal digits")),
        };
        // When a row came and changed is the platform's to say.
        RESERVED.iter().for_each(|(name, _)| drop(fields.remove(*name)));
        Ok(Wire { id, fields })
    };
    rows.into_iter().enumerate().map(wire).collect()
}

fn is_row_id(id: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let parts: Vec<&str> = id.split('-').collect();
    parts.iter().all(|part| hex(part))
        && matches!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>().as_slice(),
            [24] | [8, 4, 4, 4, 12]
        )
}

/// The fields as they are stored; each fits its type.
fn checked(definition: &Definition, fields: Map<String, Value>) -> Result<Map<String, Value>, String> {
    fields
        .into_iter()
        .map(|(name, value)| {
            let rule =
                definition.fields.get(&name).ok_or_else(|| format!("{name} is no field of the entity"))?;
            let value = fitted(rule.r#type, value)
                .ok_or_else(|| format!("{name} must be {}", rule_of(rule.r#type)))?;
            Ok((name, value))
        })
        .collect()
}

fn fitted(kind: FieldType, value: Value) -> Option<Value> {
    let short = |most: usize| value.as_str().is_some_and(|text| text.chars().count() <= most);
    let fits = match kind {
        _ if value.is_null() => true,
        FieldType::String | FieldType::Uuid => short(STRING),
        FieldType::Text => short(TEXT),
        FieldType::Int => value.as_i64().is_some_and(|number| number.unsigned_abs() <= NUMBER as u64),
        FieldType::Float => value.as_f64().is_some_and(|number| number.abs() <= NUMBER),
        FieldType::Json => value.to_string().len() <= JSON_BYTES,
        FieldType::Timestamp => {
            return value.as_str()?.parse::<Time>().ok().map(|time| time.to_string().into());
        }
    };
    fits.then_some(value)
}

fn rule_of(kind: FieldType) -> String {
    match kind {
        FieldType::String | FieldType::Uuid => format!("a text of at most {STRING} characters"),
        FieldType::Text => format!("a text of at most {TEXT} characters"),
        FieldType::Int => format!("a whole number from -{NUMBER} to {NUMBER}"),
        FieldType::Float => format!("a number from -{NUMBER} to {NUMBER}"),
        FieldType::Json => format!("JSON of at most {JSON_BYTES} bytes"),
        FieldType::Timestamp => "a date such as 2026-11-22T04:30:00.000Z".to_owned(),
    }
}

/// The fields laid over those of the row with that id; the fields alone if there is no such row.
fn merged(
    db: &Connection,
    entity: &Entity,
    id: &str,
    fields: Map<String, Value>,
) -> rusqlite::Result<Result<Map<String, Value>, Map<String, Value>>> {
    let stored: Option<String> = db
        .prepare_cached("SELECT body FROM entity_rows WHERE entity = ?1 AND id = ?2")?
        .query_row(params![entity.number, id], |row| row.get(0))
        .optional()?;
    let present = |fields: Map<String, Value>| {
        fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>()
    };
    let Some(stored) = stored else { return Ok(Err(present(fields))) };
    let mut body: Map<String, Value> = serde_json::from_str(&stored).unwrap_or_default();
    body.extend(fields);
    Ok(Ok(present(body)))
}

fn check_required(definition: &Definition, body: &Map<String, Value>) -> Result<(), String> {
    let lacking = definition.fields.iter().find(|(name, rule)| rule.required && !body.contains_key(*name));
    lacking.map_or(Ok(()), |(name, _)| Err(format!("{name} is required")))
}

fn put(
    writing: &mut Writing<'_>,
    entity: &Entity,
    id: &str,
    body: &Map<String, Value>,
) -> rusqlite::Result<()> {
    let body =
        serde_json::to_string(body).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    writing
        .db
        .prepare_cached(
            "INSERT INTO entity_rows (entity, id, body, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT (entity, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        )?
        .execute(params![entity.number, id, body, writing.now.millis()])
        .map(drop)
}

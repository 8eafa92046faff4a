//! Entities: tables that a client defines, in the main database. Their rows are in `entity::rows`.

mod export;
mod rows;
mod schema;
mod select;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::fields::{self, Default, Field, Shape};
use super::list::ListQuery;
use super::rates::Plan;
use crate::random::hex;

pub(super) use export::export;
pub(super) use rows::{amount, answer, ask, edit as edit_rows, empty, remove as remove_rows, send};
use schema::{Definition, Limits};

const FIELDS: &[Field] = &[
    Field { name: "name", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
    Field { name: "tags", shape: Shape::Tags, default: Default::EmptyList, editable: true },
    // 64 KiB of code, in base64.
    Field {
        name: "payload_decoder",
        shape: Shape::TextOrNull(87_384),
        default: Default::Null,
        editable: true,
    },
];

/// Fields that a list can be filtered and ordered by.
const LISTED: &[&str] = &["id", "name", "created_at", "updated_at"];
/// Entities on one page of a list: sources disagree, and this many are safe with all.
const PAGE: u64 = 100;

/// An entity as its rows need it.
struct Entity {
    number: i64,
    definition: Definition,
    parses: bool,
}

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    call.query.number("amount", 20, (1, PAGE))?;
    let query = ListQuery::parse(&call.query, LISTED)?;
    let entities = call
        .read(move |db| {
            let entities = db
                .prepare_cached(SELECT)?
                .query_map([], object)?
                .map(|entity| entity.map(|(_, entity)| entity))
                .collect::<rusqlite::Result<_>>()?;
            Ok(query.apply(entities))
        })
        .await?;
    Answer::ok(entities)
}

pub(super) async fn create(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let made = fields::create(FIELDS, &body)?;
    let limits = Limits::of(plan(&call));
    let definition = Definition::create(&body, &limits)?;
    let id = call
        .write(move |writing| {
            let count: u64 =
                writing.db.query_row("SELECT count(*) FROM entities", [], |row| row.get(0))?;
            if count >= limits.entities {
                return Err(Refused::over_limit("entities", limits.entities));
            }
            let id = hex(&writing.random.id_bytes(writing.now));
            writing.db.execute(
                "INSERT INTO entities (id, name, schema, \"index\", tags, payload_decoder, created_at, updated_at)
                 VALUES (?1, trim(?2), ?3, ?4, ?5, ?6, ?7, ?7)",
                params![
                    id,
                    made["name"].as_str(),
                    definition.schema_text(),
                    definition.index_text(),
                    made["tags"].to_string(),
                    made["payload_decoder"].as_str(),
                    writing.now.millis(),
                ],
            )?;
            Ok(id)
        })
        .await?;
    Answer::created(json!({ "id": id }))
}

pub(super) async fn info(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    let database = call.project.id().to_string();
    let mut entity = call.read(move |db| described(db, &id).map(|(_, entity)| entity)).await?;
    entity.insert("database".into(), database.into());
    Answer::ok(entity)
}

pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    let body: Value = call.json()?;
    if body.get("schema").is_some() || body.get("index").is_some() {
        return Err(Refused::bad("schema and index are changed with PUT /entity/{id}/schema"));
    }
    let changed = fields::edit(FIELDS, &body)?;
    call.write(move |writing| {
        let (number, mut entity) = described(writing.db, &id)?;
        entity.extend(changed);
        writing.db.execute(
            "UPDATE entities SET name = trim(?2), tags = ?3, payload_decoder = ?4, updated_at = ?5 WHERE number = ?1",
            params![
                number,
                entity["name"].as_str(),
                entity["tags"].to_string(),
                entity["payload_decoder"].as_str(),
                writing.now.millis(),
            ],
        )?;
        Ok(())
    })
    .await?;
    Answer::ok(json!({ "message": "Entity Successfully Updated" }))
}

/// Changes the schema and the indexes: all of it or nothing.
pub(super) async fn change_schema(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    let body: Value = call.json()?;
    let limits = Limits::of(plan(&call));
    call.write(move |writing| {
        let mut entity = Entity::find(writing.db, &id)?;
        schema::change(writing.db, &mut entity, &body, &limits)?;
        writing.db.execute(
            "UPDATE entities SET schema = ?2, \"index\" = ?3, updated_at = ?4 WHERE number = ?1",
            params![
                entity.number,
                entity.definition.schema_text(),
                entity.definition.index_text(),
                writing.now.millis(),
            ],
        )?;
        Ok(())
    })
    .await?;
    Answer::ok(json!({ "message": "Entity Successfully Updated" }))
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let id = call.part("entity").to_owned();
    call.write(move |writing| {
        let (number, _) = described(writing.db, &id)?;
        writing.db.execute("DELETE FROM entity_rows WHERE entity = ?1", [number])?;
        writing.db.execute("DELETE FROM entities WHERE number = ?1", [number])?;
        Ok(())
    })
    .await?;
    Answer::ok("Entity Successfully Removed")
}

fn plan(call: &Call) -> Plan {
    call.project.0.shared.rates.plan(call.project.id())
}

const SELECT: &str = "SELECT *, (SELECT value FROM meta WHERE key = 'profile') AS profile FROM entities";

/// The entity's number, and the entity as the API shows it.
fn described(db: &Connection, id: &str) -> Result<(i64, Map<String, Value>), Refused> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], object)
        .optional()?
        .ok_or_else(|| Refused::not_found("Entity", id))
}

fn object(row: &Row<'_>) -> rusqlite::Result<(i64, Map<String, Value>)> {
    let definition = definition(row)?;
    let mut entity = Map::new();
    for column in ["id", "profile", "name", "payload_decoder"] {
        entity.insert(column.into(), json!(row.get::<_, Option<String>>(column)?));
    }
    let tags: String = row.get("tags")?;
    entity.insert("tags".into(), serde_json::from_str(&tags).unwrap_or_default());
    entity.insert("schema".into(), definition.shown_schema());
    entity.insert("index".into(), definition.shown_index());
    for column in ["created_at", "updated_at"] {
        entity.insert(column.into(), Time::from_millis(row.get(column)?).to_string().into());
    }
    Ok((row.get("number")?, entity))
}

fn definition(row: &Row<'_>) -> rusqlite::Result<Definition> {
    let (schema, index): (String, String) = (row.get("schema")?, row.get("index")?);
    Definition::stored(&schema, &index).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

impl Entity {
    fn find(db: &Connection, id: &str) -> Result<Entity, Refused> {
        db.prepare_cached("SELECT * FROM entities WHERE id = ?1")?
            .query_row([id], |row| {
                Ok(Entity {
                    number: row.get("number")?,
                    definition: definition(row)?,
                    parses: row
                        .get::<_, Option<String>>("payload_decoder")?
                        .is_some_and(|code| !code.is_empty()),
                })
            })
            .optional()?
            .ok_or_else(|| Refused::not_found("Entity", id))
    }

    fn rows(&self, db: &Connection) -> rusqlite::Result<u64> {
        db.prepare_cached("SELECT count(*) FROM entity_rows WHERE entity = ?1")?
            .query_row([self.number], |row| row.get(0))
    }
}

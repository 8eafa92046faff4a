//! TagoSQL queries: they are kept with their versions, not run.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::fields;
use super::resource::{self, Body, Place, SQL_QUERY, SQL_VERSION};
use super::store::Writing;

const LONGEST_CACHE_SECONDS: u64 = 86_400;

/// Checks a query: its parameters must be those that its text has.
pub(super) fn check(body: &mut Body) -> Result<(), Refused> {
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let asked = placeholders(query);
    let params = body.get("params").and_then(Value::as_array).into_iter().flatten();
    let given: BTreeSet<u32> = params
        .map(|param| param["key"].as_str()?.strip_prefix('$')?.parse().ok())
        .collect::<Option<_>>()
        .ok_or_else(|| Refused::bad("params must have keys such as $1"))?;
    if asked != given || asked.iter().zip(1..).any(|(number, place)| *number != place) {
        return Err(Refused::bad("params must be exactly those that the query has, numbered from $1"));
    }
    let session = query.contains("session_");
    body.insert("session_context".to_owned(), session.into());
    let seconds = body.get("cache_ttl_seconds").and_then(Value::as_u64).unwrap_or(0);
    body.insert("cache_ttl_seconds".to_owned(), seconds.min(LONGEST_CACHE_SECONDS).into());
    Ok(())
}

fn placeholders(query: &str) -> BTreeSet<u32> {
    let digits = |rest: &str| -> String { rest.chars().take_while(char::is_ascii_digit).collect() };
    query.split('$').skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

pub(super) async fn create(call: Call) -> Result<Answer, Refused> {
    let made = fields::create(SQL_QUERY.fields, &call.json()?)?;
    let (place, versions) = (Place::of(&call, SQL_QUERY), Place::of(&call, SQL_VERSION));
    let created = call
        .write(move |writing| {
            let id = resource::insert(writing, SQL_QUERY, &place, made)?;
            let query = resource::described(writing.db, SQL_QUERY, &id)?;
            keep_version(writing, &versions.below(&id), &query)?;
            Ok(query)
        })
        .await?;
    Answer::created(created)
}

pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let body: Value = call.json()?;
    let versions = Place::of(&call, SQL_VERSION);
    let edited = call
        .write(move |writing| {
            let before = resource::described(writing.db, SQL_QUERY, &id)?;
            resource::change(writing, SQL_QUERY, &id, &body)?;
            let mut query = resource::described(writing.db, SQL_QUERY, &id)?;
            if query["query"] != before["query"] || query["params"] != before["params"] {
                query.insert("version".into(), (before["version"].as_u64().unwrap_or(1) + 1).into());
                resource::store(writing, SQL_QUERY, &id, query.clone())?;
                keep_version(writing, &versions.below(&id), &query)?;
            }
            Ok(query)
        })
        .await?;
    Answer::ok(edited)
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let removed = json!({ "id": id });
    call.write(move |writing| resource::delete(writing, SQL_QUERY, &id)).await?;
    Answer::ok(removed)
}

/// The text and parameters of a query as they once were.
pub(super) async fn version(call: Call) -> Result<Answer, Refused> {
    let (id, number) = (call.part("id").to_owned(), call.part("version").to_owned());
    let version = call
        .read(move |db| {
            resource::described(db, SQL_QUERY, &id)?;
            let row = version_row(db, &id, &number)?.ok_or_else(|| Refused::not_found("Version", &number))?;
            let mut version = resource::described(db, SQL_VERSION, &row)?;
            version.retain(|name, _| ["query", "params", "created_at"].contains(&name.as_str()));
            Ok(version)
        })
        .await?;
    Answer::ok(version)
}

pub(super) async fn execute(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let query = call.read(move |db| resource::described(db, SQL_QUERY, &id)).await?;
    if query["active"] != true {
        return Err(Refused::bad("The query is inactive: activate it first"));
    }
    Err(Refused::bad("This platform keeps SQL queries and does not run them"))
}

/// What a query can ask.
pub(super) async fn tables(call: Call) -> Result<Answer, Refused> {
    let filter = call.query.one("filter").unwrap_or_default().to_lowercase();
    let amount = call.query.number("amount", 20, (1, 100))?;
    let page = call.query.number("page", 1, (1, 1_000_000))?;
    let (devices, entities) = call
        .read(move |db| {
            let named = |table: &str| -> rusqlite::Result<Vec<Value>> {
                db.prepare_cached(&format!(
                    "SELECT id, name FROM {table} WHERE instr(lower(name), ?1) > 0 ORDER BY name, id
                     LIMIT ?2 OFFSET ?3"
                ))?
                .query_map((&filter, amount, amount * (page - 1)), |row| {
                    Ok(json!({ "id": row.get::<_, String>(0)?, "name": row.get::<_, String>(1)? }))
                })?
                .collect()
            };
            Ok((named("devices")?, named("entities")?))
        })
        .await?;
    let column = |(name, kind): &(&str, &str)| json!({ "name": name, "type": kind });
    let columns: Vec<Value> = RECORD_COLUMNS.iter().map(column).collect();
    let functions: Vec<Value> = ["count", "sum", "avg", "min", "max"]
        .iter()
        .map(|name| json!({ "name": name, "kind": "aggregate", "args": ["column"], "description": name }))
        .collect();
    Answer::ok(json!({
        "tables": [{ "function": "device", "label": "Device Data", "columns": columns }],
        "resources": { "devices": devices, "entities": entities },
        "functions": functions,
    }))
}

const RECORD_COLUMNS: &[(&str, &str)] = &[
    ("id", "string"),
    ("variable", "string"),
    ("value", "json"),
    ("unit", "string"),
    ("group", "string"),
    ("time", "timestamp"),
    ("location", "json"),
    ("metadata", "json"),
    ("created_at", "timestamp"),
];

fn keep_version(writing: &mut Writing<'_>, place: &Place, query: &Body) -> Result<(), Refused> {
    let mut version: Body =
        ["query", "params"].iter().map(|field| ((*field).to_owned(), query[*field].clone())).collect();
    version.insert("name".into(), query["version"].to_string().into());
    resource::insert(writing, SQL_VERSION, place, version).map(drop)
}

fn version_row(db: &Connection, query: &str, number: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached(
        "SELECT id FROM resources WHERE parent = ?1 AND parent <> '' AND kind = ?2 AND name = ?3",
    )?
    .query_row([query, SQL_VERSION.kind, number], |row| row.get(0))
    .optional()
}

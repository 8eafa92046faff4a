//! The resources that need no code of their own: rows of one descriptor table.

pub(super) mod catalogue;
mod table;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::fields::{self, Field};
use super::list::ListQuery;
use super::rates::{Bucket, Plan};
use super::store::Writing;
use super::token::{self, Minted, TokenKind};
use crate::random::hex;

pub(super) use table::{ACTION, ANALYSIS};

/// One type of resource.
#[derive(Debug)]
pub(super) struct Resource {
    /// What its rows are called in the database and in a path.
    pub(super) kind: &'static str,
    /// What people call it, as a sentence begins.
    label: &'static str,
    /// The same in the plural.
    plural: &'static str,
    fields: &'static [Field],
    /// Fields that only the platform sets, and what they are at first.
    own_fields: &'static [(&'static str, Initially)],
    /// How many there can be, by plan.
    limits: [u64; 3],
    /// Under which name a creation answers the id.
    created_as: &'static str,
    /// Whether each has a token of its own.
    has_token: bool,
    pub(super) reading: &'static Bucket,
    pub(super) changing: &'static Bucket,
}

#[derive(Debug)]
enum Initially {
    Null,
    Word(&'static str),
}

pub(super) async fn list(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let known: Vec<&str> = ["id", "created_at", "updated_at"]
        .into_iter()
        .chain(resource.fields.iter().map(|field| field.name))
        .collect();
    let query = ListQuery::parse(&call.query, &known)?;
    let items = call
        .read(move |db| {
            let items = db
                .prepare_cached(
                    "SELECT id, name, body, created_at, updated_at FROM resources WHERE kind = ?1",
                )?
                .query_map([resource.kind], object)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(query.apply(items))
        })
        .await?;
    Answer::ok(items)
}

pub(super) async fn create(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let made = fields::create(resource.fields, &call.json()?)?;
    let limit = match call.project.0.shared.rates.plan(call.project.id()) {
        Plan::Free => resource.limits[0],
        Plan::Starter => resource.limits[1],
        Plan::Scale => resource.limits[2],
    };
    let created = call.write(move |writing| insert(writing, resource, made, limit)).await?;
    Answer::created(created)
}

pub(super) async fn info(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    Answer::ok(call.read(move |db| described(db, resource, &id)).await?)
}

pub(super) async fn edit(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let changed = fields::edit(resource.fields, &call.json()?)?;
    call.write(move |writing| {
        let mut body = described(writing.db, resource, &id)?;
        body.extend(changed);
        store(writing, resource, &id, body)?;
        writing.cache.triggers = None;
        Ok(())
    })
    .await?;
    Answer::ok("Successfully Updated")
}

pub(super) async fn remove(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let project = call.project.clone();
    let removed = id.clone();
    call.write(move |writing| {
        let body = described(writing.db, resource, &id)?;
        fields::refuse_if_protected(&body["tags"])?;
        writing.db.execute("DELETE FROM resources WHERE kind = ?1 AND id = ?2", [resource.kind, &id])?;
        writing.db.execute("DELETE FROM tokens WHERE kind = ?1 AND owner = ?2", [resource.kind, &id])?;
        writing.cache.triggers = None;
        Ok(())
    })
    .await?;
    project.0.blobs.forget(resource.kind, &removed)?;
    Answer::ok("Successfully Removed")
}

/// A resource as the API shows it.
pub(super) fn described(
    db: &Connection,
    resource: &Resource,
    id: &str,
) -> Result<Map<String, Value>, Refused> {
    db.prepare_cached(
        "SELECT id, name, body, created_at, updated_at FROM resources WHERE kind = ?1 AND id = ?2",
    )?
    .query_row([resource.kind, id], object)
    .optional()?
    .ok_or_else(|| Refused::not_found(resource.label, id))
}

fn object(row: &rusqlite::Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let mut object: Map<String, Value> =
        serde_json::from_str(&row.get::<_, String>("body")?).unwrap_or_default();
    object.insert("id".into(), row.get::<_, String>("id")?.into());
    object.insert("name".into(), row.get::<_, String>("name")?.into());
    for column in ["created_at", "updated_at"] {
        object.insert(column.into(), Time::from_millis(row.get(column)?).to_string().into());
    }
    Ok(object)
}

fn insert(
    writing: &mut Writing<'_>,
    resource: &Resource,
    mut body: Map<String, Value>,
    limit: u64,
) -> Result<Value, Refused> {
    let count: i64 =
        writing
            .db
            .query_row("SELECT count(*) FROM resources WHERE kind = ?1", [resource.kind], |row| row.get(0))?;
    if count.unsigned_abs() >= limit {
        return Err(Refused::over_limit(resource.plural, limit));
    }
    for (name, initially) in resource.own_fields {
        let value = match initially {
            Initially::Null => Value::Null,
            Initially::Word(word) => (*word).into(),
        };
        body.insert((*name).to_owned(), value);
    }
    let id = hex(&writing.random.id_bytes(writing.now));
    writing.db.execute(
        "INSERT INTO resources (kind, id, name, body, created_at, updated_at) VALUES (?1, ?2, '', '{}', ?3, ?3)",
        params![resource.kind, id, writing.now.millis()],
    )?;
    store(writing, resource, &id, body)?;
    let mut created = json!({ resource.created_as: id });
    if resource.has_token {
        let minted = Minted::of_kind(writing.random, resource.kind);
        token::insert(writing, TokenKind::Analysis, &id, &minted)?;
        created["token"] = minted.secret.into();
    }
    writing.cache.triggers = None;
    Ok(created)
}

fn store(
    writing: &mut Writing<'_>,
    resource: &Resource,
    id: &str,
    mut body: Map<String, Value>,
) -> rusqlite::Result<()> {
    let name = body.remove("name").unwrap_or_default();
    for column in ["id", "created_at", "updated_at"] {
        body.remove(column);
    }
    writing
        .db
        .execute(
            "UPDATE resources SET name = trim(?3), body = ?4, updated_at = ?5 WHERE kind = ?1 AND id = ?2",
            params![resource.kind, id, name.as_str(), Value::Object(body).to_string(), writing.now.millis()],
        )
        .map(drop)
}

//! The resources that need no code of their own: rows of one descriptor table.

pub(super) mod catalogue;
mod table;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::fields::{self, Field};
use super::list::{ListQuery, Listing};
use super::query_text::QueryText;
use super::rates::{self, Bucket, Plan};
use super::store::Writing;
use super::token::{self, Minted, TokenKind};
use super::trigger;
use crate::random::hex;

pub(super) use table::{
    ACTION, ANALYSIS, CONNECTOR, DASHBOARD, DICTIONARY, LANGUAGE, NETWORK, POLICY, SECRET, SQL_QUERY,
    SQL_VERSION, SUMMARISED, WIDGET,
};

/// What a resource consists of, by the names of its fields.
pub(super) type Body = Map<String, Value>;

/// One type of resource.
#[derive(Debug)]
pub(super) struct Resource {
    /// What its rows are called in the database.
    pub(super) kind: &'static str,
    /// Where all of them are.
    pub(super) path: &'static str,
    /// What people call it, as a sentence begins.
    pub(super) label: &'static str,
    /// The same in the plural.
    pub(super) plural: &'static str,
    /// Which field is its name.
    named: &'static str,
    pub(super) fields: &'static [Field],
    /// Fields that only the platform sets, and what they are at first.
    own_fields: &'static [(&'static str, Initially)],
    /// Fields in a list that asks for none; besides id, name and tags.
    listed: &'static [&'static str],
    /// Fields that no list has, asked for or not.
    unlisted: &'static [&'static str],
    /// The field that a list is ordered by, and whether downwards.
    order: (&'static str, bool),
    /// How many there can be, by plan; of those with a parent, how many one parent can have.
    limits: [u64; 3],
    /// A field that no two share.
    unique: Option<&'static str>,
    /// Under which name a creation answers the id.
    created_as: &'static str,
    pub(super) edited: &'static str,
    pub(super) removed: &'static str,
    /// Whether each has a token of its own.
    has_token: bool,
    /// What must hold of a whole one before it is stored; it may put details in order.
    rule: fn(&mut Writing<'_>, &mut Body) -> Result<(), Refused>,
    /// What a trigger on resources calls it.
    watched_as: Option<&'static str>,
    pub(super) reading: &'static Bucket,
    pub(super) changing: &'static Bucket,
}

#[derive(Debug)]
enum Initially {
    Null,
    False,
    One,
    Word(&'static str),
    Profile,
}

impl Resource {
    /// What most rows of the table have in common.
    const PLAIN: Resource = Resource {
        kind: "",
        path: "",
        label: "",
        plural: "",
        named: "name",
        fields: &[],
        own_fields: &[("profile", Initially::Profile)],
        listed: &[],
        unlisted: &[],
        order: ("name", false),
        limits: [u64::MAX; 3],
        unique: None,
        created_as: "id",
        edited: "Successfully Updated",
        removed: "Successfully Removed",
        has_token: false,
        rule: |_, _| Ok(()),
        watched_as: None,
        reading: rates::SETTINGS,
        changing: rates::SETTINGS,
    };

    /// How many there can be.
    pub(super) fn limit(&self, plan: Plan) -> u64 {
        self.limits[plan as usize]
    }

    fn known(&self) -> Vec<&'static str> {
        let own = self.own_fields.iter().map(|(name, _)| *name);
        let set = self.fields.iter().map(|field| field.name);
        ["id", "created_at", "updated_at"].into_iter().chain(set).chain(own).collect()
    }

    /// Reads a request for a page of a list.
    pub(super) fn list_query(&self, query: &QueryText) -> Result<ListQuery, Refused> {
        let (known, named) = (self.known(), self.named);
        ListQuery::of(query, &Listing { known: &known, named, order: self.order, unasked: self.listed })
    }
}

/// Where a new resource comes to be.
#[derive(Debug, Clone)]
pub(super) struct Place {
    profile: String,
    parent: String,
    limit: u64,
}

impl Place {
    pub(super) fn of(call: &Call, resource: &Resource) -> Place {
        Place {
            profile: call.project.profile().to_string(),
            parent: String::new(),
            limit: resource.limit(call.project.0.shared.rates.plan(call.project.id())),
        }
    }

    pub(super) fn below(self, parent: &str) -> Place {
        Place { parent: parent.to_owned(), ..self }
    }
}

pub(super) async fn list(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let query = resource.list_query(&call.query)?;
    let items = call.read(move |db| Ok(query.apply(all(db, resource)?))).await?;
    Answer::ok(items)
}

pub(super) async fn create(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let made = fields::create(resource.fields, &call.json()?)?;
    let place = Place::of(&call, resource);
    let created = call
        .write(move |writing| {
            let id = insert(writing, resource, &place, made)?;
            let mut created = json!({ resource.created_as: id });
            if resource.has_token {
                let minted = Minted::of_kind(writing.random, resource.kind);
                token::insert(writing, TokenKind::Analysis, &id, &minted)?;
                created["token"] = minted.secret.into();
            }
            Ok(created)
        })
        .await?;
    Answer::created(created)
}

pub(super) async fn info(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    Answer::ok(call.read(move |db| described(db, resource, &id)).await?)
}

pub(super) async fn edit(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let body: Value = call.json()?;
    call.write(move |writing| change(writing, resource, &id, &body).map(drop)).await?;
    Answer::ok(resource.edited)
}

pub(super) async fn remove(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let project = call.project.clone();
    let removed = id.clone();
    call.write(move |writing| delete(writing, resource, &id)).await?;
    project.0.blobs.forget(resource.kind, &removed)?;
    Answer::ok(resource.removed)
}

/// A resource as the API shows it.
pub(super) fn described(db: &Connection, resource: &Resource, id: &str) -> Result<Body, Refused> {
    find(db, resource, id)?.ok_or_else(|| Refused::not_found(resource.label, id))
}

pub(super) fn find(db: &Connection, resource: &Resource, id: &str) -> Result<Option<Body>, Refused> {
    Ok(db
        .prepare_cached(
            "SELECT id, name, body, created_at, updated_at FROM resources WHERE kind = ?1 AND id = ?2",
        )?
        .query_row([resource.kind, id], |row| object(row, resource))
        .optional()?)
}

/// All resources of a type, as a list may show them.
pub(super) fn all(db: &Connection, resource: &Resource) -> rusqlite::Result<Vec<Body>> {
    let mut all = db
        .prepare_cached("SELECT id, name, body, created_at, updated_at FROM resources WHERE kind = ?1")?
        .query_map([resource.kind], |row| object(row, resource))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for body in &mut all {
        body.retain(|name, _| !resource.unlisted.contains(&name.as_str()));
    }
    Ok(all)
}

/// The resources of a type that belong to one other, as they are.
pub(super) fn children(db: &Connection, resource: &Resource, parent: &str) -> rusqlite::Result<Vec<Body>> {
    db.prepare_cached(
        "SELECT id, name, body, created_at, updated_at FROM resources
         WHERE parent = ?2 AND parent <> '' AND kind = ?1 ORDER BY created_at, id",
    )?
    .query_map([resource.kind, parent], |row| object(row, resource))?
    .collect()
}

/// Makes a resource of checked fields; returns its id.
pub(super) fn insert(
    writing: &mut Writing<'_>,
    resource: &'static Resource,
    place: &Place,
    mut body: Body,
) -> Result<String, Refused> {
    let count: i64 = writing.db.query_row(
        "SELECT count(*) FROM resources WHERE kind = ?1 AND parent = ?2",
        [resource.kind, &place.parent],
        |row| row.get(0),
    )?;
    if count.unsigned_abs() >= place.limit {
        return Err(Refused::over_limit(resource.plural, place.limit));
    }
    for (name, initially) in resource.own_fields {
        let value = match initially {
            Initially::Null => Value::Null,
            Initially::False => false.into(),
            Initially::One => 1.into(),
            Initially::Word(word) => (*word).into(),
            Initially::Profile => place.profile.as_str().into(),
        };
        body.entry(*name).or_insert(value);
    }
    let id = hex(&writing.random.id_bytes(writing.now));
    // Before it is there: an action that watches actions does not see itself appear.
    tell(writing, resource, "create", &id, &body)?;
    writing.db.execute(
        "INSERT INTO resources (kind, id, parent, name, body, created_at, updated_at)
         VALUES (?1, ?2, ?3, '', '{}', ?4, ?4)",
        params![resource.kind, id, place.parent, writing.now.millis()],
    )?;
    store(writing, resource, &id, body)?;
    Ok(id)
}

/// Edits a resource by the body of a request; returns it as it is now.
pub(super) fn change(
    writing: &mut Writing<'_>,
    resource: &'static Resource,
    id: &str,
    body: &Value,
) -> Result<Body, Refused> {
    let mut edited = described(writing.db, resource, id)?;
    let changed = fields::edit_of(resource.fields, &edited, body)?;
    edited.extend(changed);
    store(writing, resource, id, edited.clone())?;
    tell(writing, resource, "update", id, &edited)?;
    Ok(edited)
}

/// Removes a resource with all that belongs to it, unless a tag protects it.
pub(super) fn delete(
    writing: &mut Writing<'_>,
    resource: &'static Resource,
    id: &str,
) -> Result<(), Refused> {
    let body = described(writing.db, resource, id)?;
    fields::refuse_if_protected(body.get("tags").unwrap_or(&Value::Null))?;
    tell(writing, resource, "delete", id, &body)?;
    writing.db.execute("DELETE FROM tokens WHERE kind = ?1 AND owner = ?2", [resource.kind, id])?;
    writing.db.execute("DELETE FROM resources WHERE kind = ?1 AND id = ?2", [resource.kind, id])?;
    writing.db.execute("DELETE FROM resources WHERE parent = ?1 AND parent <> ''", [id])?;
    forget_triggers(writing, resource);
    Ok(())
}

/// Stores what a resource consists of, once its rule holds.
pub(super) fn store(
    writing: &mut Writing<'_>,
    resource: &'static Resource,
    id: &str,
    mut body: Body,
) -> Result<(), Refused> {
    (resource.rule)(writing, &mut body)?;
    refuse_if_taken(writing.db, resource, id, &body)?;
    let name = body.remove(resource.named).unwrap_or_default();
    for column in ["id", "created_at", "updated_at"] {
        body.remove(column);
    }
    writing.db.execute(
        "UPDATE resources SET name = trim(?3), body = ?4, updated_at = ?5 WHERE kind = ?1 AND id = ?2",
        params![resource.kind, id, name.as_str(), Value::Object(body).to_string(), writing.now.millis()],
    )?;
    forget_triggers(writing, resource);
    Ok(())
}

/// How many there are of each type, by the names of a profile's summary.
pub(super) fn amounts(db: &Connection) -> rusqlite::Result<Body> {
    let mut count = db.prepare_cached("SELECT count(*) FROM resources WHERE kind = ?1")?;
    SUMMARISED
        .iter()
        .map(|(name, resource)| {
            let amount: i64 = count.query_row([resource.kind], |row| row.get(0))?;
            Ok(((*name).to_owned(), amount.into()))
        })
        .collect()
}

/// How many there can be of each type that a plan limits, by the same names.
pub(super) fn limits(plan: Plan) -> Body {
    let limited = SUMMARISED.iter().filter(|(_, resource)| resource.limit(plan) < u64::MAX);
    limited.map(|(name, resource)| ((*name).to_owned(), resource.limit(plan).into())).collect()
}

fn refuse_if_taken(db: &Connection, resource: &Resource, id: &str, body: &Body) -> Result<(), Refused> {
    let Some(field) = resource.unique else { return Ok(()) };
    let value = body.get(field).and_then(Value::as_str).unwrap_or_default().trim();
    let taken: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM resources WHERE kind = ?1 AND id <> ?2
                        AND CASE WHEN ?3 = ?4 THEN name ELSE body ->> ('$.' || ?3) END = ?5)",
        [resource.kind, id, field, resource.named, value],
        |row| row.get(0),
    )?;
    if taken {
        return Err(Refused::bad(format!(
            "{field} {value} is in use: each of the {} has another",
            resource.plural
        )));
    }
    Ok(())
}

fn tell(
    writing: &mut Writing<'_>,
    resource: &Resource,
    when: &str,
    id: &str,
    body: &Body,
) -> Result<(), Refused> {
    let Some(word) = resource.watched_as else { return Ok(()) };
    Ok(trigger::resource_changed(writing, word, when, id, body.get("tags").unwrap_or(&Value::Null))?)
}

fn forget_triggers(writing: &mut Writing<'_>, resource: &Resource) {
    if resource.kind == ACTION.kind {
        writing.cache.triggers = None;
    }
}

fn object(row: &rusqlite::Row<'_>, resource: &Resource) -> rusqlite::Result<Body> {
    let mut object: Body = serde_json::from_str(&row.get::<_, String>("body")?).unwrap_or_default();
    object.insert("id".into(), row.get::<_, String>("id")?.into());
    object.insert(resource.named.into(), row.get::<_, String>("name")?.into());
    for column in ["created_at", "updated_at"] {
        object.insert(column.into(), Time::from_millis(row.get(column)?).to_string().into());
    }
    Ok(object)
}

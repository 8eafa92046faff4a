//! What the rows of an entity look like, and by what they are found.

use indexmap::IndexMap;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Entity;
use crate::project::call::Refused;
use crate::project::rates::Plan;

/// The fields and the indexes that a client has made, in the order of their making.
pub(super) struct Definition {
    pub(super) fields: IndexMap<String, FieldRule>,
    pub(super) indexes: IndexMap<String, Index>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct FieldRule {
    pub(super) r#type: FieldType,
    pub(super) required: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) fields: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FieldType {
    String,
    Text,
    Int,
    Float,
    Json,
    Timestamp,
    /// Only the id of a row.
    Uuid,
}

/// How much of everything a plan allows.
pub(super) struct Limits {
    pub(super) entities: u64,
    pub(super) rows: u64,
    fields: usize,
    indexes: usize,
}

/// Fields of one index.
const FIELDS_OF_INDEX: usize = 5;

/// Fields that every row has.
pub(super) const RESERVED: [(&str, FieldRule); 3] = [
    ("id", FieldRule { r#type: FieldType::Uuid, required: true }),
    ("created_at", FieldRule { r#type: FieldType::Timestamp, required: false }),
    ("updated_at", FieldRule { r#type: FieldType::Timestamp, required: false }),
];
const RESERVED_INDEXES: [(&str, &[&str]); 3] = [
    ("id_idx", &["id"]),
    ("id_created_at_idx", &["id", "created_at"]),
    ("id_updated_at_idx", &["id", "updated_at"]),
];

impl Limits {
    pub(super) fn of(plan: Plan) -> Limits {
        match plan {
            Plan::Free => Limits { entities: 5, rows: 1_000, fields: 10, indexes: 2 },
            Plan::Starter => Limits { entities: 50, rows: 100_000, fields: 30, indexes: 10 },
            Plan::Scale => Limits { entities: 80, rows: 100_000, fields: 30, indexes: 10 },
        }
    }
}

impl Definition {
    pub(super) fn stored(schema: &str, index: &str) -> serde_json::Result<Definition> {
        Ok(Definition { fields: serde_json::from_str(schema)?, indexes: serde_json::from_str(index)? })
    }

    /// That of a new entity.
    pub(super) fn create(body: &Value, limits: &Limits) -> Result<Definition, Refused> {
        let mut definition = Definition { fields: IndexMap::new(), indexes: IndexMap::new() };
        for (name, rule) in items(body, "schema")? {
            definition.add_field(name, rule)?;
        }
        for (name, index) in items(body, "index")? {
            definition.add_index(name, index)?;
        }
        definition.check(limits)?;
        Ok(definition)
    }

    pub(super) fn schema_text(&self) -> String {
        json!(self.fields).to_string()
    }

    pub(super) fn index_text(&self) -> String {
        json!(self.indexes).to_string()
    }

    pub(super) fn shown_schema(&self) -> Value {
        let mut shown = Map::new();
        for (name, rule) in RESERVED {
            shown.insert(name.to_owned(), json!(rule));
        }
        shown.extend(self.fields.iter().map(|(name, rule)| (name.clone(), json!(rule))));
        Value::Object(shown)
    }

    pub(super) fn shown_index(&self) -> Value {
        let mut shown = Map::new();
        for (name, fields) in RESERVED_INDEXES {
            shown.insert(name.to_owned(), json!({ "fields": fields }));
        }
        shown.extend(self.indexes.iter().map(|(name, index)| (name.clone(), json!(index))));
        Value::Object(shown)
    }

    /// The rule of a field, reserved ones included.
    pub(super) fn rule(&self, field: &str) -> Option<FieldRule> {
        let reserved = RESERVED.iter().find(|(name, _)| *name == field).map(|(_, rule)| *rule);
        reserved.or_else(|| self.fields.get(field).copied())
    }

    /// The fields of an index, automatic ones included.
    pub(super) fn index(&self, name: &str) -> Option<Vec<&str>> {
        let reserved = RESERVED_INDEXES.iter().find(|(reserved, _)| *reserved == name);
        match reserved {
            Some((_, fields)) => Some(fields.to_vec()),
            None => self.indexes.get(name).map(|index| index.fields.iter().map(String::as_str).collect()),
        }
    }

    fn add_field(&mut self, name: &str, rule: &Value) -> Result<(), Refused> {
        self.check_new_field(name)?;
        let bad = |what: &str| Refused::bad(format!("schema.{name}.{what}"));
        let kind = rule.get("type").and_then(|kind| FieldType::deserialize(kind).ok());
        let kind = kind
            .filter(|kind| *kind != FieldType::Uuid)
            .ok_or_else(|| bad("type must be one of string, text, int, float, json, timestamp"))?;
        let required = match rule.get("required") {
            None | Some(Value::Null) => false,
            Some(required) => required.as_bool().ok_or_else(|| bad("required must be true or false"))?,
        };
        self.fields.insert(name.to_owned(), FieldRule { r#type: kind, required });
        Ok(())
    }

    fn check_new_field(&self, name: &str) -> Result<(), Refused> {
        let fits = (1..=100).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !fits {
            return Err(Refused::bad(format!(
                "schema.{name} must be named with 1 to 100 characters a-z and _"
            )));
        }
        match self.rule(name) {
            Some(_) => Err(Refused::bad(format!("schema.{name} is there already"))),
            None => Ok(()),
        }
    }

    fn add_index(&mut self, name: &str, index: &Value) -> Result<(), Refused> {
        let bad = |what: &str| Refused::bad(format!("index.{name} {what}"));
        let named = (1..=100).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !named {
            return Err(bad("must be named with 1 to 100 characters a-z, 0-9 and _"));
        }
        if self.index(name).is_some() {
            return Err(bad("is there already: delete it and make it again"));
        }
        let fields: Vec<String> = index
            .get("fields")
            .and_then(|fields| Vec::deserialize(fields).ok())
            .filter(|fields: &Vec<String>| (1..=FIELDS_OF_INDEX).contains(&fields.len()))
            .ok_or_else(|| bad("must have fields: a list of one to five names"))?;
        for (position, field) in fields.iter().enumerate() {
            if fields[..position].contains(field) {
                return Err(bad(&format!("has {field} twice")));
            }
            match self.rule(field).map(|rule| rule.r#type) {
                None => return Err(bad(&format!("has the field {field}, which does not exist"))),
                Some(FieldType::Json) => return Err(bad(&format!("cannot be by {field}: it is json"))),
                Some(_) => {}
            }
        }
        self.indexes.insert(name.to_owned(), Index { fields });
        Ok(())
    }

    fn check(&self, limits: &Limits) -> Result<(), Refused> {
        if self.fields.len() > limits.fields {
            return Err(Refused::over_limit("fields of an entity", limits.fields as u64));
        }
        if self.indexes.len() > limits.indexes {
            return Err(Refused::over_limit("indexes of an entity", limits.indexes as u64));
        }
        Ok(())
    }
}

/// Carries a changeset out on the definition and on the rows.
pub(super) fn change(
    db: &Connection,
    entity: &mut Entity,
    body: &Value,
    limits: &Limits,
) -> Result<(), Refused> {
    let (fields, indexes) = (items(body, "schema")?, items(body, "index")?);
    let action = |item: &Value| item.get("action").and_then(Value::as_str).map(str::to_owned);
    // An index that goes frees its fields; one that comes may be by fields that come with it.
    for (name, index) in &indexes {
        match action(index).as_deref() {
            Some("delete") => {
                if entity.definition.indexes.shift_remove(*name).is_none() {
                    return Err(Refused::bad(format!("index.{name} does not exist or is automatic")));
                }
            }
            None | Some("create") => {}
            Some(_) => return Err(Refused::bad(format!("index.{name}.action must be create or delete"))),
        }
    }
    for (name, field) in fields {
        match action(field).as_deref() {
            Some("create") => create_field(db, entity, name, field)?,
            Some("rename") => rename_field(db, entity, name, field)?,
            Some("update") => update_field(db, entity, name, field)?,
            Some("delete") => delete_field(db, entity, name)?,
            _ => {
                return Err(Refused::bad(format!(
                    "schema.{name}.action must be one of create, rename, update, delete"
                )));
            }
        }
    }
    for (name, index) in indexes {
        if action(index).as_deref() != Some("delete") {
            entity.definition.add_index(name, index)?;
        }
    }
    entity.definition.check(limits)
}

fn create_field(db: &Connection, entity: &mut Entity, name: &str, field: &Value) -> Result<(), Refused> {
    entity.definition.add_field(name, field)?;
    if entity.definition.fields[name].required && entity.rows(db)? > 0 {
        return Err(Refused::bad(format!(
            "schema.{name} cannot be required while there are rows: add it as optional, fill it, then require it"
        )));
    }
    Ok(())
}

fn rename_field(db: &Connection, entity: &mut Entity, name: &str, field: &Value) -> Result<(), Refused> {
    let new = field
        .get("new_name")
        .and_then(Value::as_str)
        .ok_or_else(|| Refused::bad(format!("schema.{name}.new_name must be a text")))?;
    let position = position_of(entity, name)?;
    entity.definition.check_new_field(new)?;
    let rule = entity.definition.fields[position];
    entity.definition.fields.shift_remove_index(position);
    entity.definition.fields.shift_insert(position, new.to_owned(), rule);
    for index in entity.definition.indexes.values_mut() {
        index.fields.iter_mut().filter(|field| *field == name).for_each(|field| new.clone_into(field));
    }
    db.execute(
        &format!(
            "UPDATE entity_rows SET body = json_remove(json_set(body, '$.{new}', json(body -> '$.{name}')), '$.{name}')
             WHERE entity = ?1 AND body -> '$.{name}' IS NOT NULL"
        ),
        [entity.number],
    )?;
    Ok(())
}

fn update_field(db: &Connection, entity: &mut Entity, name: &str, field: &Value) -> Result<(), Refused> {
    let position = position_of(entity, name)?;
    let rule = entity.definition.fields[position];
    if field.get("type").is_some_and(|kind| FieldType::deserialize(kind).ok() != Some(rule.r#type)) {
        return Err(Refused::bad(format!("schema.{name}.type cannot be changed")));
    }
    let required = field
        .get("required")
        .and_then(Value::as_bool)
        .ok_or_else(|| Refused::bad(format!("schema.{name}.required must be true or false")))?;
    if required && !rule.required {
        let lacking: u64 = db.query_row(
            &format!("SELECT count(*) FROM entity_rows WHERE entity = ?1 AND body -> '$.{name}' IS NULL"),
            [entity.number],
            |row| row.get(0),
        )?;
        if lacking > 0 {
            return Err(Refused::bad(format!("schema.{name} cannot be required: {lacking} rows lack it")));
        }
    }
    entity.definition.fields[position].required = required;
    Ok(())
}

fn delete_field(db: &Connection, entity: &mut Entity, name: &str) -> Result<(), Refused> {
    let position = position_of(entity, name)?;
    let user =
        entity.definition.indexes.iter().find(|(_, index)| index.fields.iter().any(|field| field == name));
    if let Some((index, _)) = user {
        return Err(Refused::bad(format!("schema.{name} is used by the index {index}: delete that first")));
    }
    entity.definition.fields.shift_remove_index(position);
    db.execute(
        &format!("UPDATE entity_rows SET body = json_remove(body, '$.{name}') WHERE entity = ?1"),
        [entity.number],
    )?;
    Ok(())
}

fn position_of(entity: &Entity, name: &str) -> Result<usize, Refused> {
    entity
        .definition
        .fields
        .get_index_of(name)
        .ok_or_else(|| Refused::bad(format!("schema.{name} does not exist or is reserved")))
}

/// The items of an object in a body; none if it is absent.
fn items<'a>(body: &'a Value, name: &str) -> Result<Vec<(&'a str, &'a Value)>, Refused> {
    let body = body.as_object().ok_or_else(|| Refused::bad("The body must be a JSON object"))?;
    match body.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(items)) => Ok(items.iter().map(|(name, item)| (name.as_str(), item)).collect()),
        Some(_) => Err(Refused::bad(format!("{name} must be an object of named items"))),
    }
}

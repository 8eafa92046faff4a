//! Actions that arriving records and changed resources set off.

mod condition;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde_json::Value;
use tago_api::Time;

use super::outbox::{self, OutboxEntry};
use super::store::Writing;
use condition::Condition;

/// What all active actions watch.
pub(super) struct Triggers {
    /// By the device whose records they watch.
    records: HashMap<String, Vec<Watch>>,
    resources: Vec<ResourceWatch>,
    /// Actions that wait for a condition that unlocks them.
    locked: HashSet<Arc<str>>,
}

#[derive(Clone)]
struct Watch {
    does: Arc<Does>,
    variable: String,
    condition: Condition,
    unlocks: bool,
}

struct ResourceWatch {
    does: Arc<Does>,
    resource: String,
    when: String,
    tag: Option<(String, String)>,
}

/// What an action does when it is set off.
struct Does {
    action: Arc<str>,
    name: String,
    kind: String,
    /// It fires once, and again after it was unlocked.
    locks: bool,
    fires_when_unlocked: bool,
}

/// A record that arrived, as JSON.
pub(super) struct Arrived<'a> {
    pub(super) variable: &'a str,
    pub(super) value: Option<&'a str>,
    pub(super) location: Option<&'a str>,
}

/// Puts into the outbox what the arrived records set off.
pub(super) fn records_arrived<'a>(
    writing: &mut Writing<'_>,
    device: &str,
    arrived: impl Iterator<Item = Arrived<'a>>,
) -> rusqlite::Result<()> {
    let db = writing.db;
    let triggers = loaded(writing)?;
    let Some(watching) = triggers.records.get(device) else { return Ok(()) };
    let mut fired = Vec::new();
    let mut turned = BTreeSet::new();
    for record in arrived {
        for watch in watching {
            if watch.variable != record.variable || !watch.condition.holds(&record) {
                continue;
            }
            let does = &watch.does;
            let fires = if watch.unlocks {
                let unlocked = triggers.locked.remove(&does.action);
                turned.extend(unlocked.then(|| does.action.clone()));
                unlocked && does.fires_when_unlocked
            } else {
                let free = !triggers.locked.contains(&does.action);
                if free && does.locks {
                    triggers.locked.insert(does.action.clone());
                    turned.insert(does.action.clone());
                }
                free
            };
            if fires {
                let value = record.value.map(str::to_owned);
                fired.push((does.clone(), record.variable.to_owned(), value));
            }
        }
    }
    for action in &turned {
        let locked = triggers.locked.contains(action);
        db.prepare_cached(
            "UPDATE resources SET body = json_set(body, '$.lock', json(?2)) WHERE kind = 'action' AND id = ?1",
        )?
        .execute(params![action.as_ref(), if locked { "true" } else { "false" }])?;
    }
    let mut told = HashSet::new();
    for (does, variable, value) in fired {
        if told.insert(does.action.clone()) {
            note_time(db, &does.action, writing.now)?;
        }
        let entry = does.entry(writing.now, device, &variable, value);
        outbox::add(db, &entry)?;
    }
    Ok(())
}

/// Puts into the outbox what it sets off that a resource is created, updated or deleted.
pub(super) fn resource_changed(
    writing: &mut Writing<'_>,
    resource: &str,
    when: &str,
    id: &str,
    tags: &Value,
) -> rusqlite::Result<()> {
    let (db, now) = (writing.db, writing.now);
    let has = |key: &str, value: &str| {
        let tags = tags.as_array().into_iter().flatten();
        tags.into_iter().any(|tag| tag["key"] == key && (value.is_empty() || tag["value"] == value))
    };
    for watch in &loaded(writing)?.resources {
        let tagged = watch.tag.as_ref().is_none_or(|(key, value)| has(key, value));
        if watch.resource == resource && watch.when == when && tagged {
            note_time(db, &watch.does.action, now)?;
            outbox::add(db, &watch.does.entry(now, id, &format!("{resource} {when}"), None))?;
        }
    }
    Ok(())
}

fn loaded<'a>(writing: &'a mut Writing<'_>) -> rusqlite::Result<&'a mut Triggers> {
    match &mut writing.cache.triggers {
        Some(triggers) => Ok(triggers),
        empty => Ok(empty.insert(Triggers::load(writing.db)?)),
    }
}

fn note_time(db: &Connection, action: &str, now: Time) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE resources SET body = json_set(body, '$.last_triggered', ?2) WHERE kind = 'action' AND id = ?1",
    )?
    .execute(params![action, now.to_string()])
    .map(drop)
}

impl Triggers {
    fn load(db: &Connection) -> rusqlite::Result<Triggers> {
        let mut triggers =
            Triggers { records: HashMap::new(), resources: Vec::new(), locked: HashSet::new() };
        if outbox::held_since(db)?.is_some() {
            return Ok(triggers);
        }
        let actions = db
            .prepare_cached("SELECT id, name, body FROM resources WHERE kind = 'action'")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?
            .collect::<rusqlite::Result<Vec<(String, String, String)>>>()?;
        for (id, name, body) in actions {
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            if body["active"] == true {
                triggers.add(db, id.into(), name, &body)?;
            }
        }
        Ok(triggers)
    }

    fn add(&mut self, db: &Connection, action: Arc<str>, name: String, body: &Value) -> rusqlite::Result<()> {
        let parts = body["trigger"].as_array().map_or(&[][..], Vec::as_slice);
        let does = Arc::new(Does {
            action: action.clone(),
            name,
            kind: plain(&body["action"]["type"]),
            locks: parts.iter().any(|part| part["unlock"] == true),
            fires_when_unlocked: body["trigger_when_unlock"] == true,
        });
        if body["lock"] == true {
            self.locked.insert(action);
        }
        for part in parts {
            match body["type"].as_str() {
                Some("condition" | "condition_geofence") => {
                    let watch = Watch {
                        does: does.clone(),
                        variable: plain(&part["variable"]),
                        condition: Condition::of(part),
                        unlocks: part["unlock"] == true,
                    };
                    for device in watched(db, part)? {
                        self.records.entry(device).or_default().push(watch.clone());
                    }
                }
                Some("resource") => self.resources.push(ResourceWatch {
                    does: does.clone(),
                    resource: plain(&part["resource"]),
                    when: plain(&part["when"]),
                    tag: part["tag_key"]
                        .as_str()
                        .filter(|key| !key.is_empty())
                        .map(|key| (key.to_owned(), plain(&part["tag_value"]))),
                }),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Does {
    fn entry(&self, at: Time, device: &str, variable: &str, value: Option<String>) -> OutboxEntry {
        OutboxEntry {
            at,
            action: self.action.to_string(),
            name: self.name.clone(),
            r#type: self.kind.clone(),
            device: device.to_owned(),
            variable: variable.to_owned(),
            value,
        }
    }
}

/// The devices that a condition names, by id or by a tag.
fn watched(db: &Connection, part: &Value) -> rusqlite::Result<Vec<String>> {
    if let Some(device) = part["device"].as_str().or(part["bucket"].as_str()).filter(|id| !id.is_empty()) {
        return Ok(vec![device.to_owned()]);
    }
    let Some(key) = part["tag_key"].as_str() else { return Ok(Vec::new()) };
    db.prepare_cached(
        "SELECT DISTINCT devices.id FROM devices, json_each(devices.tags) AS tag
         WHERE tag.value ->> 'key' = ?1 AND (?2 = '' OR tag.value ->> 'value' = ?2)",
    )?
    .query_map([key, &plain(&part["tag_value"])], |row| row.get(0))?
    .collect()
}

/// A JSON value as people read it: a text without its quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

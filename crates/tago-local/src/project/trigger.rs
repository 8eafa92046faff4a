//! Actions that arriving records set off.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::Value;

use super::outbox::{self, OutboxEntry};
use super::store::Writing;

/// The conditions of all active actions, by the device that they watch.
pub(super) struct Triggers(HashMap<String, Vec<Trigger>>);

#[derive(Clone)]
struct Trigger {
    action: String,
    name: String,
    kind: String,
    variable: String,
    condition: Condition,
}

#[derive(Clone)]
struct Condition {
    is: String,
    value: String,
    second_value: String,
}

/// Puts into the outbox what the arrived records (variable and value) set off.
pub(super) fn fire<'a>(
    writing: &mut Writing<'_>,
    device: &str,
    arrived: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> rusqlite::Result<()> {
    let triggers = match &mut writing.cache.triggers {
        Some(triggers) => triggers,
        empty => empty.insert(Triggers::load(writing.db)?),
    };
    let Some(watching) = triggers.0.get(device) else { return Ok(()) };
    for (variable, value) in arrived {
        for trigger in watching {
            if trigger.variable == variable && trigger.condition.holds(value) {
                outbox::add(
                    writing.db,
                    &OutboxEntry {
                        at: writing.now,
                        action: trigger.action.clone(),
                        name: trigger.name.clone(),
                        r#type: trigger.kind.clone(),
                        device: device.to_owned(),
                        variable: variable.to_owned(),
                        value: value.map(str::to_owned),
                    },
                )?;
            }
        }
    }
    Ok(())
}

impl Triggers {
    fn load(db: &Connection) -> rusqlite::Result<Triggers> {
        let mut triggers: HashMap<String, Vec<Trigger>> = HashMap::new();
        if outbox::held_since(db)?.is_some() {
            return Ok(Triggers(triggers));
        }
        let actions = db
            .prepare_cached("SELECT id, name, body FROM resources WHERE kind = 'action'")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?
            .collect::<rusqlite::Result<Vec<(String, String, String)>>>()?;
        for (action, name, body) in actions {
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            if body["active"] != true || body["type"] != "condition" {
                continue;
            }
            for condition in body["trigger"].as_array().into_iter().flatten() {
                if condition["unlock"] == true {
                    continue;
                }
                let trigger = Trigger {
                    action: action.clone(),
                    name: name.clone(),
                    kind: plain(&body["action"]["type"]),
                    variable: plain(&condition["variable"]),
                    condition: Condition {
                        is: plain(&condition["is"]),
                        value: plain(&condition["value"]),
                        second_value: plain(&condition["second_value"]),
                    },
                };
                for device in watched(db, condition)? {
                    triggers.entry(device).or_default().push(trigger.clone());
                }
            }
        }
        Ok(Triggers(triggers))
    }
}

/// The devices that a condition names, by id or by a tag.
fn watched(db: &Connection, condition: &Value) -> rusqlite::Result<Vec<String>> {
    if let Some(device) = condition["device"].as_str() {
        return Ok(vec![device.to_owned()]);
    }
    let Some(key) = condition["tag_key"].as_str() else { return Ok(Vec::new()) };
    db.prepare_cached(
        "SELECT DISTINCT devices.id FROM devices, json_each(devices.tags) AS tag
         WHERE tag.value ->> 'key' = ?1 AND (?2 = '' OR tag.value ->> 'value' = ?2)",
    )?
    .query_map([key, &plain(&condition["tag_value"])], |row| row.get(0))?
    .collect()
}

impl Condition {
    fn holds(&self, value: Option<&str>) -> bool {
        if self.is == "*" {
            return true;
        }
        let Some(value) = value else { return false };
        let value = plain(&serde_json::from_str(value).unwrap_or_default());
        let number = |text: &str| text.parse::<f64>().ok();
        let compared = number(&value).zip(number(&self.value));
        match self.is.as_str() {
            "=" => compared.map_or(value == self.value, |(value, limit)| value == limit),
            "!" => compared.map_or(value != self.value, |(value, limit)| value != limit),
            "<" => compared.is_some_and(|(value, limit)| value < limit),
            ">" => compared.is_some_and(|(value, limit)| value > limit),
            "><" => compared
                .zip(number(&self.second_value))
                .is_some_and(|((value, low), high)| low <= value && value <= high),
            _ => false,
        }
    }
}

/// A JSON value as people read it: a text without its quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

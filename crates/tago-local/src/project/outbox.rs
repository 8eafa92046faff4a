use rusqlite::{Connection, params};
use serde::Serialize;
use tago_api::Time;

use super::{Automations, schema};

const HELD_SINCE: &str = "automations_held_since";

/// What an action would have sent. Nothing leaves this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxEntry {
    /// When it fired.
    pub at: Time,
    /// Id of the action.
    pub action: String,
    /// Name of the action.
    pub name: String,
    /// What it does: `email`, `sms`, `post` and so on.
    pub r#type: String,
    /// Id of the device whose record set it off.
    pub device: String,
    /// The record's variable.
    pub variable: String,
    /// The record's value as JSON.
    pub value: Option<String>,
}

pub(super) fn add(db: &Connection, entry: &OutboxEntry) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO outbox (at, action, name, type, device, variable, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        entry.at.millis(),
        entry.action,
        entry.name,
        entry.r#type,
        entry.device,
        entry.variable,
        entry.value
    ])
    .map(drop)
}

pub(super) fn entries(db: &Connection) -> rusqlite::Result<Vec<OutboxEntry>> {
    db.prepare_cached("SELECT at, action, name, type, device, variable, value FROM outbox ORDER BY number")?
        .query_map([], |row| {
            Ok(OutboxEntry {
                at: Time::from_millis(row.get(0)?),
                action: row.get(1)?,
                name: row.get(2)?,
                r#type: row.get(3)?,
                device: row.get(4)?,
                variable: row.get(5)?,
                value: row.get(6)?,
            })
        })?
        .collect()
}

pub(super) fn clear(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM outbox", []).map(drop)
}

pub(super) fn hold(db: &Connection, now: Time) -> rusqlite::Result<()> {
    match held_since(db)? {
        Some(_) => Ok(()),
        None => schema::put(db, HELD_SINCE, now.millis()),
    }
}

pub(super) fn release(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM meta WHERE key = ?1", [HELD_SINCE]).map(drop)
}

pub(super) fn held_since(db: &Connection) -> rusqlite::Result<Option<Time>> {
    schema::get(db, HELD_SINCE).map(|since| since.map(Time::from_millis))
}

pub(super) fn automations(db: &Connection) -> rusqlite::Result<Automations> {
    let held_since = held_since(db)?;
    let actions: i64 =
        db.query_row("SELECT count(*) FROM resources WHERE kind = 'action'", [], |row| row.get(0))?;
    Ok(Automations { held: held_since.is_some(), actions: actions.unsigned_abs(), held_since })
}

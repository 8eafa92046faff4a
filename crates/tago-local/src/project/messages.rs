use rusqlite::{Connection, params};
use serde::Serialize;
use tago_api::Time;

use super::store::Writing;

/// What the platform would have sent to a person. Nothing leaves this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// When.
    pub at: Time,
    /// `email` or `sms`.
    pub channel: String,
    /// An address or a number.
    pub recipient: String,
    /// What it is about.
    pub subject: String,
    /// What it says; of a PIN code or a link only that.
    pub body: String,
}

#[derive(Clone, Copy)]
pub(super) enum Channel {
    Email,
    Sms,
}

pub(super) fn record(
    writing: &Writing<'_>,
    channel: Channel,
    recipient: &str,
    subject: &str,
    body: &str,
) -> rusqlite::Result<()> {
    let channel = match channel {
        Channel::Email => "email",
        Channel::Sms => "sms",
    };
    writing
        .db
        .prepare_cached(
            "INSERT INTO messages (at, channel, recipient, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![writing.now.millis(), channel, recipient, subject, body])
        .map(drop)
}

/// All of them, oldest first.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Message>> {
    db.prepare_cached("SELECT at, channel, recipient, subject, body FROM messages ORDER BY number")?
        .query_map([], |row| {
            Ok(Message {
                at: Time::from_millis(row.get(0)?),
                channel: row.get(1)?,
                recipient: row.get(2)?,
                subject: row.get(3)?,
                body: row.get(4)?,
            })
        })?
        .collect()
}

pub(super) fn clear(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM messages", []).map(drop)
}

use rusqlite::OptionalExtension;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::data::moment_after;
use crate::project::store::Writing;
use crate::project::token::{self, Minted, Permission, TokenKind};

#[derive(Debug, Deserialize)]
struct NewToken {
    device: Option<String>,
    name: Option<String>,
    permission: Option<String>,
    serie_number: Option<Value>,
    expire_time: Option<String>,
}

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    let device = call.part("id").to_owned();
    call.project.0.store.save_recent().await;
    let tokens = call
        .read(move |db| {
            let network = super::described(db, &device)?["network"].clone();
            let mut tokens = token::list(db, &device)?;
            for token in &mut tokens {
                token.insert("network_id".into(), network.clone());
            }
            Ok(tokens)
        })
        .await?;
    Answer::ok(tokens)
}

pub(in crate::project) async fn create(call: Call) -> Result<Answer, Refused> {
    let wanted: NewToken = call.json()?;
    let device = wanted.device.ok_or_else(|| Refused::bad("device is required: the id of a device"))?;
    let name = wanted.name.unwrap_or_default();
    if !(1..=100).contains(&name.trim().chars().count()) {
        return Err(Refused::bad("name must be a text of 1 to 100 characters"));
    }
    let permission = wanted.permission.as_deref().unwrap_or("full");
    let permission = Permission::from_word(permission)
        .ok_or_else(|| Refused::bad("permission must be one of full, write, read, deny"))?;
    let serie_number = super::serial(wanted.serie_number.as_ref())?;
    let now = call.project.0.shared.clock.now();
    let expire_time = match wanted.expire_time.as_deref() {
        None | Some("never") => None,
        Some(text) => Some(moment_after(text, now).ok_or_else(|| {
            Refused::bad("expire_time must be never, a date or a duration such as 3 hours")
        })?),
    };
    let created = call
        .write(move |writing| {
            super::number(writing.db, &device)?;
            let mut minted = Minted::of_kind(writing.random, "device");
            minted.name = name.trim().to_owned();
            minted.permission = permission;
            minted.serie_number = serie_number;
            minted.expire_time = expire_time;
            let id = token::insert(writing, TokenKind::Device, &device, &minted)?;
            Ok(json!({
                "id": id,
                "token": minted.secret,
                "name": minted.name,
                "permission": permission.word(),
                "serie_number": minted.serie_number,
                "expire_date": expire_time,
                "expire_time": expire_time,
            }))
        })
        .await?;
    Answer::created(created)
}

/// Gives a device another serial number: every token it had ends, and it gets a new one.
pub(super) fn renew(
    writing: &mut Writing<'_>,
    device: &str,
    serie_number: Option<String>,
) -> rusqlite::Result<()> {
    let known: Option<Option<String>> = writing
        .db
        .query_row(
            "SELECT serie_number FROM tokens WHERE kind = 'device' AND owner = ?1 AND serie_number IS NOT NULL",
            [device],
            |row| row.get(0),
        )
        .optional()?;
    if known.flatten() == serie_number {
        return Ok(());
    }
    writing.db.execute("DELETE FROM tokens WHERE kind = 'device' AND owner = ?1", [device])?;
    let minted = Minted { serie_number, ..Minted::of_kind(writing.random, "device") };
    token::insert(writing, TokenKind::Device, device, &minted).map(drop)
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let wanted = call.part("id").to_owned();
    let removed = call
        .write(move |writing| token::remove(writing.db, TokenKind::Device, &wanted).map_err(Refused::from))
        .await?;
    if !removed {
        return Err(Refused::new(axum::http::StatusCode::NOT_FOUND, "There is no such token of a device"));
    }
    Answer::ok("Token Successfully Removed")
}

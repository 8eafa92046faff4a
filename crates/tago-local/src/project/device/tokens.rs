use rusqlite::OptionalExtension;
use serde_json::{Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::store::Writing;
use crate::project::token::{self, Minted, TokenKind};

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
    let body: Value = call.json()?;
    let device = body["device"]
        .as_str()
        .ok_or_else(|| Refused::bad("device is required: the id of a device"))?
        .to_owned();
    let shared = &call.project.0.shared;
    let minted = token::wanted(&body, &shared.random, TokenKind::Device, shared.clock.now())?;
    let created = call
        .write(move |writing| {
            super::number(writing.db, &device)?;
            let id = token::insert(writing, TokenKind::Device, &device, &minted)?;
            Ok(json!({
                "id": id,
                "token": minted.secret,
                "name": minted.name,
                "permission": minted.permission.word(),
                "serie_number": minted.serie_number,
                "expire_time": minted.expire_time,
                "expire_date": minted.expire_time,
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

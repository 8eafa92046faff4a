use serde::Deserialize;
use serde_json::Value;
use tago_api::Time;

use super::{Minted, Permission, TokenKind};
use crate::Random;
use crate::project::call::Refused;
use crate::project::data::moment_after;

/// A token that a client asks for.
#[derive(Debug, Deserialize)]
struct Wanted {
    name: Option<String>,
    permission: Option<String>,
    serie_number: Option<Value>,
    verification_code: Option<String>,
    expire_time: Option<String>,
}

/// Makes the token that a body asks for; it is not stored yet.
pub(in crate::project) fn wanted(
    body: &Value,
    random: &Random,
    kind: TokenKind,
    now: Time,
) -> Result<Minted, Refused> {
    let wanted = Wanted::deserialize(body)
        .map_err(|error| Refused::bad(format!("The body is not what this route takes: {error}")))?;
    let name = wanted.name.unwrap_or_default();
    if !(1..=100).contains(&name.trim().chars().count()) {
        return Err(Refused::bad("name must be a text of 1 to 100 characters"));
    }
    let permission = Permission::from_word(wanted.permission.as_deref().unwrap_or("full"))
        .ok_or_else(|| Refused::bad("permission must be one of full, write, read, deny"))?;
    Ok(Minted {
        name: name.trim().to_owned(),
        permission,
        serie_number: serial(wanted.serie_number.as_ref())?,
        verification_code: wanted.verification_code.filter(|code| !code.is_empty()),
        expire_time: expiry(wanted.expire_time.as_deref(), now)?,
        ..Minted::of_kind(random, kind.word())
    })
}

/// When a token ends: never, at a date or after a duration.
pub(in crate::project) fn expiry(text: Option<&str>, now: Time) -> Result<Option<Time>, Refused> {
    match text {
        None | Some("never" | "") => Ok(None),
        Some(text) => moment_after(text, now)
            .map(Some)
            .ok_or_else(|| Refused::bad("expire_time must be never, a date or a duration such as 3 hours")),
    }
}

/// A serial number: absent, null or a text.
pub(in crate::project) fn serial(value: Option<&Value>) -> Result<Option<String>, Refused> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if (1..=100).contains(&text.chars().count()) => Ok(Some(text.clone())),
        Some(_) => Err(Refused::bad("serie_number must be a text of 1 to 100 characters")),
    }
}

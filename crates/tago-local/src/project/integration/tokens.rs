use serde_json::{Value, json};

use super::no_such_token;
use crate::project::call::{Answer, Call, Refused};
use crate::project::resource::{self, NETWORK};
use crate::project::token::{self, TokenKind};

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    let network = call.part("id").to_owned();
    let query = token::list_query(&call.query)?;
    let tokens = call
        .read(move |db| {
            resource::described(db, NETWORK, &network)?;
            Ok(query.apply(token::of_kind(db, TokenKind::Network, &network)?))
        })
        .await?;
    Answer::ok(tokens)
}

pub(in crate::project) async fn create(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let shared = &call.project.0.shared;
    let minted = token::wanted(&body, &shared.random, TokenKind::Network, shared.clock.now())?;
    let network = body["network"]
        .as_str()
        .ok_or_else(|| Refused::bad("network is required: the id of a network of your own"))?
        .to_owned();
    let created = call
        .write(move |writing| {
            resource::described(writing.db, NETWORK, &network)?;
            token::insert(writing, TokenKind::Network, &network, &minted)?;
            Ok(json!({
                "token": minted.secret,
                "name": minted.name,
                "network": network,
                "permission": minted.permission.word(),
                "expire_time": minted.expire_time,
                "expire_date": minted.expire_time,
            }))
        })
        .await?;
    Answer::created(created)
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let wanted = call.part("id").to_owned();
    let removed = call
        .write(move |writing| token::remove(writing.db, TokenKind::Network, &wanted).map_err(Refused::from))
        .await?;
    if !removed {
        return Err(no_such_token());
    }
    Answer::ok("Token Successfully Removed")
}

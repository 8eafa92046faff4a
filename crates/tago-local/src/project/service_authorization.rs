//! Tokens with which services outside may send for the devices of a network.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::rates::Plan;
use super::token::{self, TokenKind};

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    let profile = call.project.profile().to_string();
    let query = token::list_query(&call.query)?;
    let tokens = call
        .read(move |db| Ok(query.apply(token::of_kind(db, TokenKind::ServiceAuthorization, &profile)?)))
        .await?;
    Answer::ok(tokens)
}

pub(super) async fn create(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let shared = &call.project.0.shared;
    let minted = token::wanted(&body, &shared.random, TokenKind::ServiceAuthorization, shared.clock.now())?;
    let limit: usize = match shared.rates.plan(call.project.id()) {
        Plan::Free => 10,
        Plan::Starter => 50,
        Plan::Scale => 200,
    };
    let profile = call.project.profile().to_string();
    let created = call
        .write(move |writing| {
            if token::of_kind(writing.db, TokenKind::ServiceAuthorization, &profile)?.len() >= limit {
                return Err(Refused::over_limit("service authorizations", limit as u64));
            }
            token::insert(writing, TokenKind::ServiceAuthorization, &profile, &minted)?;
            Ok(json!({
                "token": minted.secret,
                "name": minted.name,
                "profile": profile,
                "additional_parameters": minted.verification_code,
            }))
        })
        .await?;
    Answer::created(created)
}

pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let wanted = call.part("id").to_owned();
    let body: Value = call.json()?;
    let code = match &body["verification_code"] {
        Value::Null => None,
        Value::String(code) => Some(code.clone()),
        _ => return Err(Refused::bad("verification_code must be a text, or null")),
    };
    let found = call
        .write(move |writing| {
            let kind = TokenKind::ServiceAuthorization;
            token::set_verification_code(writing.db, kind, &wanted, code.as_deref()).map_err(Refused::from)
        })
        .await?;
    if found { Answer::ok("Successfully Updated") } else { Err(missing()) }
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let wanted = call.part("id").to_owned();
    let found = call
        .write(move |writing| {
            token::remove(writing.db, TokenKind::ServiceAuthorization, &wanted).map_err(Refused::from)
        })
        .await?;
    if found { Answer::ok("Token Successfully Removed") } else { Err(missing()) }
}

fn missing() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "There is no such service authorization")
}

//! Tokens of the profile. Making one takes the account's password, whatever token asks.

use serde::Deserialize;
use serde_json::json;

use super::profile::check_own;
use crate::project::call::{Answer, Call, Refused};
use crate::project::credentials::Proof;
use crate::project::data::moment_after;
use crate::project::list::ListQuery;
use crate::project::token::{self, Minted, Permission, TokenKind};

#[derive(Deserialize)]
struct Wanted {
    email: String,
    #[serde(flatten)]
    proof: Proof,
    name: String,
    permission: Option<String>,
    expire_time: Option<String>,
    profile_id: Option<String>,
}

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let known = ["id", "name", "token", "permission", "last_authorization", "expire_time", "created_at"];
    let query = ListQuery::parse(&call.query, &known)?;
    let profile = call.project.profile().to_string();
    let tokens = call
        .read(move |db| {
            let mut tokens = token::list(db, &profile)?;
            for token in &mut tokens {
                token.insert("type".into(), "profile".into());
                token.insert("ref_id".into(), profile.clone().into());
            }
            Ok(query.apply(tokens))
        })
        .await?;
    Answer::ok(tokens)
}

pub(in crate::project) async fn create(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let wanted = call.json()?;
    mint(call, wanted).await
}

/// The same for somebody who has no token yet.
pub(in crate::project) async fn create_by_login(call: Call) -> Result<Answer, Refused> {
    let wanted: Wanted = call.json()?;
    let profile = wanted.profile_id.clone().unwrap_or_default();
    if profile != call.project.profile().to_string() {
        return Err(Refused::not_found("Profile", &profile));
    }
    mint(call, wanted).await
}

async fn mint(call: Call, wanted: Wanted) -> Result<Answer, Refused> {
    let name = wanted.name.trim().to_owned();
    if !(1..=100).contains(&name.chars().count()) {
        return Err(Refused::bad("name must be a text of 1 to 100 characters"));
    }
    let permission = Permission::from_word(wanted.permission.as_deref().unwrap_or("full"))
        .ok_or_else(|| Refused::bad("permission must be one of full, write, read, deny"))?;
    let expire_time = expire_time(&call, wanted.expire_time.as_deref())?;
    super::prove_at_login(&call, &wanted.email, wanted.proof).await?;
    let (profile, account) = (call.project.profile().to_string(), call.project.0.identity.owner.id);
    let made = call
        .write(move |writing| {
            let mut minted = Minted::profile(writing.random, &name);
            minted.permission = permission;
            minted.expire_time = expire_time;
            token::insert(writing, TokenKind::Profile, &profile, &minted)?;
            let expire_time = expire_time.map_or(json!("never"), |time| json!(time));
            Ok(json!({
                "token": minted.secret,
                "profile": profile,
                "name": name,
                "permission": permission.word(),
                "expire_time": expire_time,
                "expire_date": expire_time,
                "created_by": account,
            }))
        })
        .await?;
    Answer::ok(made)
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let token = call.part("token").to_owned();
    call.write(move |writing| {
        if token::remove(writing.db, TokenKind::Profile, &token)? {
            return Ok(());
        }
        Err(Refused::new(axum::http::StatusCode::NOT_FOUND, "There is no such token in the profile"))
    })
    .await?;
    Answer::ok("Token Successfully Removed")
}

/// When a token ends, as a date or a duration from now; never if it is not said.
pub(in crate::project) fn expire_time(
    call: &Call,
    text: Option<&str>,
) -> Result<Option<tago_api::Time>, Refused> {
    let now = call.project.0.shared.clock.now();
    match text {
        None | Some("never") => Ok(None),
        Some(text) => moment_after(text, now)
            .map(Some)
            .ok_or_else(|| Refused::bad("expire_time must be never, a date or a duration such as 3 hours")),
    }
}

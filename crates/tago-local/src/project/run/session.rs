//! What a user of the portal may do: sign up, log in, look after the own account.

use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::settings;
use super::users::{self, by_email, shown};
use crate::project::account::{make_recovery, set_password};
use crate::project::call::{Answer, Call, Refused};
use crate::project::credentials::{self, Factor, Person, Proof, Unproven};
use crate::project::messages::{self, Channel};
use crate::project::token::TokenKind;
use crate::project::{links, schema};
use std::time::Duration;

const CONFIRMATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Fields that only the owner of the profile sets.
const NOT_OWN: [&str; 2] = ["active", "tags"];
/// Characters of the largest item that a user can keep.
const ITEM: usize = 10_000;

#[derive(Deserialize)]
struct Login {
    email: String,
    #[serde(flatten)]
    proof: Proof,
}

#[derive(Deserialize)]
struct Plain {
    email: String,
    password: SecretString,
    otp_type: Option<Factor>,
}

#[derive(Deserialize)]
struct PinCode {
    pin_code: String,
}

pub(in crate::project) async fn own_info(call: Call) -> Result<Answer, Refused> {
    let user = run_user(&call).await?;
    Answer::ok(users::user_info(&call, user).await?)
}

pub(in crate::project) async fn change_own(call: Call) -> Result<Answer, Refused> {
    let user = run_user(&call).await?;
    let body: Value = call.json()?;
    if let Some(name) = NOT_OWN.iter().find(|name| body.get(**name).is_some()) {
        return Err(Refused::bad(format!("{name} is set by the owner of the profile")));
    }
    users::change(&call, user, body).await?;
    Answer::ok("Successfully Updated")
}

pub(in crate::project) async fn remove_own(call: Call) -> Result<Answer, Refused> {
    let user = run_user(&call).await?;
    call.write(move |writing| users::delete(writing, &user)).await?;
    Answer::ok("Successfully Removed")
}

/// A new user, who is active when the address is confirmed, or when the owner says so.
pub(in crate::project) async fn sign_up(call: Call) -> Result<Answer, Refused> {
    let run = session_of_run(&call).await?;
    let mut body: Map<String, Value> = call.json()?;
    NOT_OWN.iter().for_each(|name| drop(body.remove(*name)));
    let (made, password) = users::checked(&Value::Object(body))?;
    let email = made["email"].as_str().unwrap_or_default().trim().to_owned();
    let id = users::add(&call, made, password).await?;
    let by_address = run["signup_method"] == "default";
    let user = id.clone();
    call.write(move |writing| {
        if by_address {
            let key = links::make(writing, &format!("confirm {user}"), CONFIRMATION)?;
            messages::record(writing, Channel::Email, &email, "Confirm your address", &key)?;
        } else {
            messages::record(writing, Channel::Email, &email, "We received your account", "")?;
        }
        Ok(())
    })
    .await?;
    Answer::ok(json!({ "user": id }))
}

pub(in crate::project) async fn confirm_user(call: Call) -> Result<Answer, Refused> {
    session_of_run(&call).await?;
    let key = call.part("token").to_owned();
    let confirmed = call
        .write(move |writing| {
            let ids = writing
                .db
                .prepare_cached("SELECT id FROM resources WHERE kind = ?1")?
                .query_map([users::KIND], |row| row.get::<_, String>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for id in ids {
                if links::opens(writing.db, &key, &format!("confirm {id}"), writing.now)? {
                    return Ok(Some(id));
                }
            }
            Ok(None)
        })
        .await?;
    let id = confirmed.ok_or_else(|| Refused::bad("The confirmation is not known, or has expired"))?;
    users::change(&call, id, json!({ "active": true })).await?;
    Answer::ok("User confirmed")
}

pub(in crate::project) async fn log_in(call: Call) -> Result<Answer, Refused> {
    session_of_run(&call).await?;
    let login: Login = call.json()?;
    let person = person_by_email(&call, &login.email).await?;
    credentials::prove(&call, &person, login.proof).await.map_err(Unproven::at_login)?;
    let expire_time = users::usual_expiry(&call).await?;
    let made = users::mint(&call, person.id.clone(), "Login".to_owned(), expire_time).await?;
    call.write(move |writing| users::note_login(writing, &person.id)).await?;
    Answer::ok(made)
}

pub(in crate::project) async fn send_pin(call: Call) -> Result<Answer, Refused> {
    session_of_run(&call).await?;
    let wanted: Plain = call.json()?;
    let factor = wanted.otp_type.ok_or_else(|| Refused::bad("otp_type must be email or sms"))?;
    let person = person_by_email(&call, &wanted.email).await?;
    credentials::check_password(&call, &person, wanted.password).await.map_err(Unproven::at_login)?;
    credentials::send_pin(&call, person, factor).await?;
    Answer::ok("PIN code successfully sent")
}

pub(in crate::project) async fn recover_password(call: Call) -> Result<Answer, Refused> {
    session_of_run(&call).await?;
    let email = call.part("email").to_owned();
    call.write(move |writing| {
        if let Some(id) = by_email(writing.db, &email)? {
            let token = make_recovery(writing, &id)?;
            messages::record(writing, Channel::Email, &email, "Password recovery", &token)?;
        }
        Ok(())
    })
    .await?;
    Answer::ok("If the address is known, a way to choose a new password was sent to it")
}

/// With the token that [`recover_password`] sent, or of a user who is logged in.
pub(in crate::project) async fn change_password(call: Call) -> Result<Answer, Refused> {
    session_of_run(&call).await?;
    if !matches!(call.caller.kind, TokenKind::Recovery | TokenKind::RunUser) {
        return Err(Refused::denied());
    }
    let id = call.caller.owner.clone();
    let known = id.clone();
    call.read(move |db| shown(db, &known)).await.map_err(|_| Refused::denied())?;
    set_password(&call, id).await?;
    Answer::ok("Password Successfully Updated")
}

pub(in crate::project) async fn enable_otp(call: Call) -> Result<Answer, Refused> {
    let (factor, person) = proven_for_otp(&call).await?;
    Answer::ok(credentials::enable(&call, person, factor).await?)
}

pub(in crate::project) async fn disable_otp(call: Call) -> Result<Answer, Refused> {
    let (factor, person) = proven_for_otp(&call).await?;
    credentials::disable(&call, &person.id, factor).await?;
    Answer::ok("OTP Successfully Disabled")
}

pub(in crate::project) async fn confirm_otp(call: Call) -> Result<Answer, Refused> {
    let factor = Factor::from_path(&call)?;
    let user = run_user(&call).await?;
    let body: PinCode = call.json()?;
    credentials::confirm(&call, &user, factor, body.pin_code).await?;
    Answer::ok("OTP Successfully Enabled")
}

/// What a user keeps under a key, or null.
pub(in crate::project) async fn item(call: Call) -> Result<Answer, Refused> {
    let key = item_key(&call).await?;
    Answer::ok(call.read(move |db| Ok(schema::get::<String>(db, &key)?)).await?)
}

pub(in crate::project) async fn set_item(call: Call) -> Result<Answer, Refused> {
    let key = item_key(&call).await?;
    let value = std::str::from_utf8(&call.body).ok().filter(|value| value.chars().count() <= ITEM);
    let value =
        value.ok_or_else(|| Refused::bad(format!("The body must be a text of at most {ITEM} characters")))?;
    let value = value.to_owned();
    call.write(move |writing| Ok(schema::put(writing.db, &key, value)?)).await?;
    Answer::ok("Successfully Updated")
}

pub(in crate::project) async fn forget_item(call: Call) -> Result<Answer, Refused> {
    let key = item_key(&call).await?;
    call.write(move |writing| Ok(writing.db.execute("DELETE FROM meta WHERE key = ?1", [&key])?)).await?;
    Answer::ok("Successfully Removed")
}

/// Who asks: a user of the portal at the address, who is active.
pub(in crate::project) async fn run_user(call: &Call) -> Result<String, Refused> {
    session_of_run(call).await?;
    let id = call.caller.owner.clone();
    let user = id.clone();
    let active = call.read(move |db| Ok(shown(db, &user)?["active"] == true)).await?;
    if active { Ok(id) } else { Err(Refused::new(StatusCode::UNAUTHORIZED, "The run user is not active")) }
}

/// The configuration of the portal that the address names, if it is on.
pub(in crate::project) async fn session_of_run(call: &Call) -> Result<Map<String, Value>, Refused> {
    let (project, wanted) = (call.project.clone(), call.part("url").to_owned());
    let run = call.read(move |db| settings(&project, db)).await?;
    if run["url"] != wanted.as_str() {
        return Err(Refused::not_found("TagoRUN", &wanted));
    }
    if run["active"] != true {
        return Err(Refused::new(StatusCode::FORBIDDEN, "This TagoRUN is not active"));
    }
    Ok(run)
}

async fn proven_for_otp(call: &Call) -> Result<(Factor, Person), Refused> {
    let factor = Factor::from_path(call)?;
    let user = run_user(call).await?;
    let given: Plain = call.json()?;
    let person = person_by_email(call, &given.email).await?;
    if person.id != user {
        return Err(Unproven::Password.at_login());
    }
    credentials::check_password(call, &person, given.password).await?;
    Ok((factor, person))
}

async fn person_by_email(call: &Call, email: &str) -> Result<Person, Refused> {
    let email = email.to_owned();
    call.read(move |db| {
        let id = by_email(db, &email)?.ok_or_else(|| Unproven::Password.at_login())?;
        let user = shown(db, &id)?;
        Ok(Person {
            email: user["email"].as_str().unwrap_or_default().to_owned(),
            phone: user["phone"].as_str().map(str::to_owned),
            id,
            first_password: None,
        })
    })
    .await
}

async fn item_key(call: &Call) -> Result<String, Refused> {
    let user = run_user(call).await?;
    Ok(format!("sdb {user} {}", call.part("key")))
}

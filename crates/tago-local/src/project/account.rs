//! The account that owns the project's profile: who it is, how it proves that, and what it may use.

mod allocation;
mod profile;
mod services;
mod team;
mod tokens;

use std::time::Duration;

use axum::http::StatusCode;
use chrono_tz::Tz;
use rusqlite::Connection;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Refused};
use super::credentials::{self, FIRST_PASSWORD, Factor, Person, Proof};
use super::fields::{self, Default, Field, Shape};
use super::messages::{self, Channel};
use super::resource::{ANALYSIS, NETWORK, described};
use super::token::{self, Minted, TokenKind};
use super::{Project, ProjectError, device, run, schema};

pub(super) use allocation::{allocated, allocation, change as change_allocation, show as show_allocation};
pub(super) use profile::{
    addons, check_own, create as create_profile, edit as edit_profile, info as profile,
    list as list_profiles, refuse_addons, remove as remove_profile, shown as shown_profile, summary, switch,
};
pub(super) use services::{configure, configured as services, test as test_service};
pub(super) use team::{accept, as_json as team, decline, invite, list as list_team, remove as remove_member};
pub(super) use tokens::{
    create as create_token, create_by_login, expire_time, list as list_tokens, remove as remove_token,
};

const SETTINGS: &str = "account_settings";
const LAST_LOGIN: &str = "account_last_login";
/// How long a link to choose a new password is good.
const RECOVERY: Duration = Duration::from_secs(60 * 60);

const FIELDS: &[Field] = &[
    Field { name: "name", shape: Shape::Text(1, 100), default: Default::Null, editable: true },
    Field { name: "company", shape: Shape::TextOrNull(100), default: Default::Null, editable: true },
    Field { name: "phone", shape: Shape::TextOrNull(50), default: Default::Null, editable: true },
    Field { name: "language", shape: Shape::Text(2, 10), default: Default::Word("en"), editable: true },
    Field { name: "timezone", shape: Shape::Text(1, 100), default: Default::Word("UTC"), editable: true },
    Field { name: "newsletter", shape: Shape::Bool, default: Default::False, editable: true },
    Field { name: "developer", shape: Shape::Bool, default: Default::False, editable: true },
    Field { name: "options", shape: Shape::Object, default: Default::EmptyObject, editable: true },
];

#[derive(Deserialize)]
struct Login {
    email: String,
    #[serde(flatten)]
    proof: Proof,
}

#[derive(Deserialize)]
struct PinWanted {
    email: String,
    password: SecretString,
    otp_type: Factor,
}

#[derive(Deserialize)]
struct Plain {
    #[serde(default)]
    email: Option<String>,
    password: SecretString,
}

#[derive(Deserialize)]
struct PinCode {
    pin_code: String,
}

#[derive(Deserialize)]
struct NewPassword {
    password: SecretString,
}

/// What the token of the request opens.
pub(super) async fn info(call: Call) -> Result<Answer, Refused> {
    let owner = call.caller.owner.clone();
    match call.caller.kind {
        TokenKind::Device => Answer::ok(call.read(move |db| device::described(db, &owner)).await?),
        TokenKind::Analysis => Answer::ok(call.read(move |db| described(db, ANALYSIS, &owner)).await?),
        TokenKind::Network => Answer::ok(call.read(move |db| described(db, NETWORK, &owner)).await?),
        TokenKind::RunUser => Answer::ok(run::user_info(&call, owner).await?),
        TokenKind::Profile => {
            let project = call.project.clone();
            Answer::ok(call.read(move |db| shown_profile(&project, db)).await?)
        }
        _ => Err(Refused::denied()),
    }
}

pub(super) async fn show(call: Call) -> Result<Answer, Refused> {
    let (plan, project) = (call.plan(), call.project.clone());
    let account = call
        .read(move |db| {
            let identity = &project.0.identity;
            let mut account = settings(&project, db)?;
            let fixed = json!({
                "id": identity.owner.id,
                "email": identity.owner.email,
                "plan": plan,
                "type": "user",
                "active": true,
                "blocked": false,
                "send_invoice": false,
                "stripe_id": null,
                "otp": credentials::shown(db, &identity.owner.id.to_string())?,
                "last_login": last_login(db)?,
                "created_at": identity.created_at,
                "profiles": [shown_profile(&project, db)?],
            });
            account.extend(fixed.as_object().cloned().unwrap_or_default());
            account.entry("updated_at").or_insert(json!(identity.created_at));
            Ok(account)
        })
        .await?;
    Answer::ok(account)
}

pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    if let Some(email) = body.get("email")
        && email.as_str() != Some(&call.project.0.identity.owner.email)
    {
        return Err(Refused::bad("email cannot be changed after creation"));
    }
    let changed = fields::edit(FIELDS, &body)?;
    if let Some(zone) = changed.get("timezone").and_then(Value::as_str) {
        check_timezone(zone)?;
    }
    let project = call.project.clone();
    call.write(move |writing| {
        let mut settings = settings(&project, writing.db)?;
        settings.extend(changed);
        settings.insert("updated_at".into(), json!(writing.now));
        Ok(schema::put(writing.db, SETTINGS, Value::Object(settings).to_string())?)
    })
    .await?;
    Answer::ok("Account Successfully Updated")
}

/// Proves who somebody is, and lists the profiles that a token can be made for.
pub(super) async fn log_in(call: Call) -> Result<Answer, Refused> {
    let login: Login = call.json()?;
    prove_at_login(&call, &login.email, login.proof).await?;
    let project = call.project.clone();
    let shown = call
        .write(move |writing| {
            schema::put(writing.db, LAST_LOGIN, writing.now.millis())?;
            let account = settings(&project, writing.db)?;
            let profile = shown_profile(&project, writing.db)?;
            Ok(json!({
                "type": "user",
                "id": project.0.identity.owner.id,
                "email": project.0.identity.owner.email,
                "name": account["name"],
                "company": account["company"],
                "phone": account["phone"],
                "profiles": [{
                    "id": profile["id"],
                    "account": profile["account"],
                    "name": profile["name"],
                    "logo_url": profile["logo_url"],
                }],
            }))
        })
        .await?;
    Answer::ok(shown)
}

/// Sends the PIN that a login asks for.
pub(super) async fn send_pin(call: Call) -> Result<Answer, Refused> {
    let wanted: PinWanted = call.json()?;
    let person = person(&call).await?;
    refuse_stranger(&person, &wanted.email)?;
    credentials::check_password(&call, &person, wanted.password)
        .await
        .map_err(credentials::Unproven::at_login)?;
    credentials::send_pin(&call, person, wanted.otp_type).await?;
    Answer::ok("PIN code successfully sent")
}

pub(super) async fn enable_otp(call: Call) -> Result<Answer, Refused> {
    let (factor, person) = proven_for_otp(&call).await?;
    Answer::ok(credentials::enable(&call, person, factor).await?)
}

pub(super) async fn disable_otp(call: Call) -> Result<Answer, Refused> {
    let (factor, person) = proven_for_otp(&call).await?;
    credentials::disable(&call, &person.id, factor).await?;
    Answer::ok("OTP Successfully Disabled")
}

pub(super) async fn confirm_otp(call: Call) -> Result<Answer, Refused> {
    let factor = Factor::from_path(&call)?;
    let body: PinCode = call.json()?;
    let id = call.project.0.identity.owner.id.to_string();
    credentials::confirm(&call, &id, factor, body.pin_code).await?;
    Answer::ok("OTP Successfully Enabled")
}

/// Sends the way to choose another password to somebody who forgot it. Of an address that is nobody's
/// nothing is told.
pub(super) async fn recover_password(call: Call) -> Result<Answer, Refused> {
    let owner = call.project.0.identity.owner.clone();
    if call.part("email").eq_ignore_ascii_case(&owner.email) {
        call.write(move |writing| {
            let token = make_recovery(writing, &owner.id.to_string())?;
            Ok(messages::record(writing, Channel::Email, &owner.email, "Password recovery", &token)?)
        })
        .await?;
    }
    Answer::ok("If the address is known, a way to choose a new password was sent to it")
}

/// Sets the password of the account with what [`recover_password`] sent, once.
pub(super) async fn change_password(call: Call) -> Result<Answer, Refused> {
    let owner = call.project.0.identity.owner.id.to_string();
    if call.caller.kind != TokenKind::Recovery || call.caller.owner != owner {
        return Err(Refused::denied());
    }
    set_password(&call, owner).await?;
    Answer::ok("Password Successfully Updated")
}

/// Sets somebody's password and ends the ways to recover it.
pub(super) async fn set_password(call: &Call, id: String) -> Result<(), Refused> {
    let body: NewPassword = call.json()?;
    let hash = credentials::hash(call, body.password).await?;
    call.write(move |writing| {
        token::remove_of_owner(writing.db, TokenKind::Recovery, &id)?;
        Ok(credentials::store_hash(writing.db, &id, &hash)?)
    })
    .await
}

/// A token that lets somebody choose a password.
pub(super) fn make_recovery(writing: &mut super::store::Writing<'_>, id: &str) -> Result<String, Refused> {
    token::remove_of_owner(writing.db, TokenKind::Recovery, id)?;
    let mut minted = Minted::of_kind(writing.random, "recovery");
    minted.name = "Password recovery".to_owned();
    minted.expire_time = Some(writing.now + RECOVERY);
    token::insert(writing, TokenKind::Recovery, id, &minted)?;
    Ok(minted.secret)
}

pub(super) async fn plan(call: Call) -> Result<Answer, Refused> {
    std::future::ready(Answer::ok(json!({ "plan": call.plan() }))).await
}

/// Plans, cards and invoices are TagoIO's own business with its customers.
pub(super) async fn refuse_billing(_: Call) -> Result<Answer, Refused> {
    std::future::ready(Err(Refused::new(
        StatusCode::FORBIDDEN,
        "A project of this platform is not billed by TagoIO: what it costs is in the console",
    )))
    .await
}

/// A project belongs to the account that made it.
pub(super) async fn refuse_accounts(_: Call) -> Result<Answer, Refused> {
    std::future::ready(Err(Refused::new(
        StatusCode::FORBIDDEN,
        "A project of this platform has the one account that owns it: make and delete projects in the console",
    )))
    .await
}

impl Project {
    /// Sets the password that the owner's account logs in with; until then it is [`FIRST_PASSWORD`].
    ///
    /// # Errors
    /// If it is too short or too long, or cannot be stored.
    pub async fn set_account_password(&self, password: SecretString) -> Result<(), ProjectError> {
        let (shared, owner) = (self.0.shared.clone(), self.0.identity.owner.id.to_string());
        let hashed = tokio::task::spawn_blocking(move || {
            credentials::check_strength(&password)?;
            credentials::hash_blocking(&password, &shared.random, shared.hashing)
        });
        let hash = hashed.await.map_err(|_| ProjectError::Closed)?;
        let hash = hash.map_err(|refused| ProjectError::Password { why: refused.to_string() })?;
        self.write(move |writing| credentials::store_hash(writing.db, &owner, &hash)).await
    }
}

/// The time zone in which the account's days begin.
pub(super) fn timezone(project: &Project, db: &Connection) -> Result<Tz, Refused> {
    let settings = settings(project, db)?;
    Ok(settings["timezone"].as_str().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC))
}

pub(super) fn check_timezone(name: &str) -> Result<(), Refused> {
    let known: Result<Tz, _> = name.parse();
    known
        .map(drop)
        .map_err(|_| Refused::bad("timezone must be the name of a time zone, such as Europe/Lisbon"))
}

/// Checks a password, and a PIN where one is needed, for something that only the owner may do.
pub(super) async fn prove(call: &Call, proof: Proof) -> Result<(), Refused> {
    let person = person(call).await?;
    Ok(credentials::prove(call, &person, proof).await?)
}

async fn prove_at_login(call: &Call, email: &str, proof: Proof) -> Result<(), Refused> {
    let person = person(call).await?;
    refuse_stranger(&person, email)?;
    credentials::prove(call, &person, proof).await.map_err(credentials::Unproven::at_login)
}

async fn proven_for_otp(call: &Call) -> Result<(Factor, Person), Refused> {
    let factor = Factor::from_path(call)?;
    let given: Plain = call.json()?;
    let person = person(call).await?;
    refuse_stranger(&person, given.email.as_deref().unwrap_or(&person.email))?;
    credentials::check_password(call, &person, given.password).await?;
    Ok((factor, person))
}

fn refuse_stranger(person: &Person, email: &str) -> Result<(), Refused> {
    if email.trim().eq_ignore_ascii_case(&person.email) {
        Ok(())
    } else {
        Err(credentials::Unproven::Password.at_login())
    }
}

async fn person(call: &Call) -> Result<Person, Refused> {
    let project = call.project.clone();
    call.read(move |db| {
        let owner = &project.0.identity.owner;
        Ok(Person {
            id: owner.id.to_string(),
            email: owner.email.clone(),
            phone: settings(&project, db)?["phone"].as_str().map(str::to_owned),
            first_password: Some(FIRST_PASSWORD),
        })
    })
    .await
}

fn settings(project: &Project, db: &Connection) -> Result<Map<String, Value>, Refused> {
    let stored: Option<String> = schema::get(db, SETTINGS)?;
    let mut settings = fields::create(FIELDS, &json!({}))?;
    settings.insert("name".into(), project.0.identity.owner.name.clone().into());
    if let Some(text) = stored {
        let stored: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| Refused::internal(format!("The account's settings are damaged: {error}")))?;
        settings.extend(stored);
    }
    Ok(settings)
}

fn last_login(db: &Connection) -> rusqlite::Result<Option<tago_api::Time>> {
    schema::get::<i64>(db, LAST_LOGIN).map(|at| at.map(tago_api::Time::from_millis))
}

/// Whether a text could be an e-mail address.
pub(super) fn is_email(text: &str) -> bool {
    let parts: Vec<_> = text.split('@').collect();
    text.chars().count() <= 200
        && !text.chars().any(char::is_whitespace)
        && parts.len() == 2
        && parts.iter().all(|part| !part.is_empty())
}

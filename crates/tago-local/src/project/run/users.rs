//! The portal's users, as the profile's owner sees them: rows of the resources, with a password beside.

use rusqlite::{Connection, OptionalExtension, params};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::settings;
use crate::project::account::{allocated, expire_time, is_email};
use crate::project::call::{Answer, Call, Refused};
use crate::project::credentials;
use crate::project::fields::{self, Default, Field, Shape};
use crate::project::list::ListQuery;
use crate::project::store::Writing;
use crate::project::token::{self, Minted, TokenKind};
use crate::random::hex;

/// What their rows are called in the database.
pub(super) const KIND: &str = "run_user";

const FIELDS: &[Field] = &[
    Field { name: "name", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
    Field { name: "email", shape: Shape::Text(3, 200), default: Default::Required, editable: false },
    Field { name: "timezone", shape: Shape::Text(1, 100), default: Default::Word("UTC"), editable: true },
    Field { name: "company", shape: Shape::TextOrNull(100), default: Default::Null, editable: true },
    Field { name: "phone", shape: Shape::TextOrNull(50), default: Default::Null, editable: true },
    Field { name: "language", shape: Shape::Text(2, 10), default: Default::Word("en"), editable: true },
    Field { name: "active", shape: Shape::Bool, default: Default::False, editable: true },
    Field { name: "tags", shape: Shape::Tags, default: Default::EmptyList, editable: true },
    Field { name: "options", shape: Shape::Object, default: Default::EmptyObject, editable: true },
    Field { name: "newsletter", shape: Shape::Bool, default: Default::Null, editable: true },
];

/// Fields that a list can be filtered and ordered by, and shows if none are asked for.
const LISTED: [&str; 15] = [
    "id",
    "name",
    "email",
    "timezone",
    "company",
    "phone",
    "language",
    "active",
    "tags",
    "options",
    "newsletter",
    "last_login",
    "profile",
    "created_at",
    "updated_at",
];

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    let project = call.project.clone();
    let query = call.query.with_filters_at_top(&LISTED).or("fields", &LISTED);
    let query = ListQuery::parse(&query, &LISTED)?;
    let users = project
        .read(move |db| {
            Ok(ids(db).and_then(|ids| {
                let users: Result<Vec<_>, _> = ids.iter().map(|id| with_factors(db, id)).collect();
                Ok(query.apply(users?))
            }))
        })
        .await??;
    Answer::ok(users)
}

pub(in crate::project) async fn create(call: Call) -> Result<Answer, Refused> {
    let (made, password) = checked(&call.json()?)?;
    let id = add(&call, made, password).await?;
    Answer::ok(json!({ "user": id }))
}

/// Adds a user whose fields are checked.
pub(super) async fn add(
    call: &Call,
    mut made: Map<String, Value>,
    password: SecretString,
) -> Result<String, Refused> {
    let hash = credentials::hash(call, password).await?;
    let limit = allocated(call, "run_users").await?;
    let profile = call.project.profile();
    call.write(move |writing| {
        let count = ids(writing.db)?.len() as u64;
        let email = made["email"].as_str().unwrap_or_default().trim().to_owned();
        if by_email(writing.db, &email)?.is_some() {
            return Err(Refused::bad(format!("email must be unique: there is a user with {email} already")));
        }
        if count >= limit {
            return Err(Refused::over_limit("run users", limit));
        }
        made.insert("email".into(), email.into());
        made.insert("profile".into(), json!(profile));
        made.insert("last_login".into(), Value::Null);
        let id = hex(&writing.random.id_bytes(writing.now));
        let name = made.remove("name").unwrap_or_default();
        writing.db.execute(
            "INSERT INTO resources (kind, id, name, body, created_at, updated_at)
             VALUES (?1, ?2, trim(?3), ?4, ?5, ?5)",
            params![KIND, id, name.as_str(), Value::Object(made).to_string(), writing.now.millis()],
        )?;
        credentials::store_hash(writing.db, &id, &hash)?;
        Ok(id)
    })
    .await
}

pub(in crate::project) async fn info(call: Call) -> Result<Answer, Refused> {
    let id = call.part("user").to_owned();
    Answer::ok(user_info(&call, id).await?)
}

/// A user as the API shows it.
pub(in crate::project) async fn user_info(call: &Call, id: String) -> Result<Map<String, Value>, Refused> {
    call.read(move |db| with_factors(db, &id)).await
}

fn with_factors(db: &Connection, id: &str) -> Result<Map<String, Value>, Refused> {
    let mut user = shown(db, id)?;
    user.insert("otp".into(), credentials::shown(db, id)?);
    Ok(user)
}

pub(in crate::project) async fn edit(call: Call) -> Result<Answer, Refused> {
    let id = call.part("user").to_owned();
    change(&call, id, call.json()?).await?;
    Answer::ok("TagoIO Run User Successfully Updated")
}

/// Changes the fields of a user, and the password if one is sent.
pub(super) async fn change(call: &Call, id: String, mut body: Value) -> Result<(), Refused> {
    let sent = |body: &mut Value, name: &str| body.as_object_mut().and_then(|body| body.remove(name));
    let email = sent(&mut body, "email");
    let hash = match sent(&mut body, "password") {
        None | Some(Value::Null) => None,
        Some(password) => Some(credentials::hash(call, password_of(&password)?).await?),
    };
    let changed = fields::edit(FIELDS, &body)?;
    call.write(move |writing| {
        let mut user = shown(writing.db, &id)?;
        if email.is_some_and(|email| email != user["email"]) {
            return Err(Refused::bad("email cannot be changed after creation"));
        }
        user.extend(changed);
        store(writing, &id, user)?;
        if let Some(hash) = hash {
            credentials::store_hash(writing.db, &id, &hash)?;
        }
        Ok(())
    })
    .await
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let id = call.part("user").to_owned();
    call.write(move |writing| delete(writing, &id)).await?;
    Answer::ok("Successfully Removed")
}

/// Removes a user with everything that is of the user alone.
pub(super) fn delete(writing: &mut Writing<'_>, id: &str) -> Result<(), Refused> {
    shown(writing.db, id)?;
    writing.db.execute("DELETE FROM resources WHERE kind = ?1 AND id = ?2", [KIND, id])?;
    writing.db.execute("DELETE FROM notifications WHERE run_user = ?1", [id])?;
    writing.db.execute("DELETE FROM meta WHERE key LIKE ?1", [format!("sdb {id} %")])?;
    for kind in [TokenKind::RunUser, TokenKind::Recovery] {
        token::remove_of_owner(writing.db, kind, id)?;
    }
    Ok(credentials::forget(writing.db, id)?)
}

/// A token of a user, for the profile's owner.
pub(in crate::project) async fn log_in_as(call: Call) -> Result<Answer, Refused> {
    let id = call.part("user").to_owned();
    let name = format!("Login by Run Administrator({})", call.project.0.identity.owner.email);
    let expire_time = match call.query.one("expire_time") {
        Some(text) => expire_time(&call, Some(text))?,
        None => usual_expiry(&call).await?,
    };
    Answer::ok(mint(&call, id, name, expire_time).await?)
}

/// When a token ends that a user logs in for.
pub(super) async fn usual_expiry(call: &Call) -> Result<Option<Time>, Refused> {
    let project = call.project.clone();
    let lifetime = call.read(move |db| Ok(settings(&project, db)?["auth_token_ttl"].clone())).await?;
    expire_time(call, lifetime.as_str())
}

/// Makes a token for a user who is active.
pub(super) async fn mint(
    call: &Call,
    id: String,
    name: String,
    expire_time: Option<Time>,
) -> Result<Value, Refused> {
    call.write(move |writing| {
        if shown(writing.db, &id)?["active"] != true {
            return Err(Refused::bad(format!("Run user {id} is not active")));
        }
        let mut minted = Minted::of_kind(writing.random, KIND);
        minted.name = name;
        minted.expire_time = expire_time;
        token::insert(writing, TokenKind::RunUser, &id, &minted)?;
        let expire = expire_time.map_or(json!("never"), |time| json!(time));
        Ok(json!({
            "token": minted.secret,
            "name": minted.name,
            "run_user": id,
            "expire_time": expire,
            "expire_date": expire,
            "created_at": writing.now,
        }))
    })
    .await
}

/// The fields of a new user, and the password.
pub(super) fn checked(body: &Value) -> Result<(Map<String, Value>, SecretString), Refused> {
    let made = fields::create(FIELDS, body)?;
    if !is_email(made["email"].as_str().unwrap_or_default().trim()) {
        return Err(Refused::bad("email must be an e-mail address"));
    }
    let password = body.get("password").ok_or_else(|| Refused::bad("password is required: a text"))?;
    Ok((made, password_of(password)?))
}

/// The id of the user with an address, in whatever capitals.
pub(super) fn by_email(db: &Connection, email: &str) -> Result<Option<String>, Refused> {
    let wanted = email.trim().to_lowercase();
    let mut rows =
        db.prepare_cached("SELECT id, json_extract(body, '$.email') FROM resources WHERE kind = ?1")?;
    let mut rows = rows.query([KIND])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, Option<String>>(1)?.is_some_and(|email| email.to_lowercase() == wanted) {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

/// A user without what is in the credentials.
pub(in crate::project) fn shown(db: &Connection, id: &str) -> Result<Map<String, Value>, Refused> {
    let row = db
        .prepare_cached(
            "SELECT name, body, created_at, updated_at FROM resources WHERE kind = ?1 AND id = ?2",
        )?
        .query_row([KIND, id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let (name, body, created, updated) = row.ok_or_else(|| Refused::not_found("Run user", id))?;
    let mut user: Map<String, Value> = serde_json::from_str(&body)
        .map_err(|error| Refused::internal(format!("The run user {id} is damaged: {error}")))?;
    user.insert("id".into(), id.into());
    user.insert("name".into(), name.into());
    user.insert("created_at".into(), json!(Time::from_millis(created)));
    user.insert("updated_at".into(), json!(Time::from_millis(updated)));
    Ok(user)
}

/// Every user as a profile backup holds it: without the password.
pub(in crate::project) fn backed_up(db: &Connection) -> Result<Value, Refused> {
    let mut users = Vec::new();
    for id in ids(db)? {
        let mut user = shown(db, &id)?;
        user.insert("password".into(), Value::Null);
        user.insert("otp".into(), credentials::shown(db, &id)?);
        user.insert("custom_preferences".into(), json!({}));
        user.insert("agreements".into(), json!({}));
        users.push(user);
    }
    Ok(json!(users))
}

/// Notes when a user logged in.
pub(super) fn note_login(writing: &Writing<'_>, id: &str) -> Result<(), Refused> {
    let mut user = shown(writing.db, id)?;
    user.insert("last_login".into(), json!(writing.now));
    store(writing, id, user)
}

fn store(writing: &Writing<'_>, id: &str, mut user: Map<String, Value>) -> Result<(), Refused> {
    let name = user.remove("name").unwrap_or_default();
    for column in ["id", "created_at", "updated_at"] {
        user.remove(column);
    }
    writing.db.execute(
        "UPDATE resources SET name = trim(?3), body = ?4, updated_at = ?5 WHERE kind = ?1 AND id = ?2",
        params![KIND, id, name.as_str(), Value::Object(user).to_string(), writing.now.millis()],
    )?;
    Ok(())
}

fn ids(db: &Connection) -> Result<Vec<String>, Refused> {
    let mut ids = db.prepare_cached("SELECT id FROM resources WHERE kind = ?1")?;
    let ids = ids.query_map([KIND], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(ids)
}

fn password_of(value: &Value) -> Result<SecretString, Refused> {
    let password = value.as_str().ok_or_else(|| Refused::bad("password must be a text"))?;
    let password = SecretString::from(password);
    credentials::check_strength(&password)?;
    Ok(password)
}

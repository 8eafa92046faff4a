//! Notifications of the account and of run users. They are kept and read; what a button sets off is not
//! carried out.

use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::fields::{self, Default, Field, Shape};
use super::list::ListQuery;
use super::run;
use super::store::Writing;
use crate::random::hex;

const FIELDS: &[Field] = &[
    Field { name: "title", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
    Field { name: "message", shape: Shape::Text(1, 2000), default: Default::Required, editable: true },
    Field { name: "icon", shape: Shape::Object, default: Default::Null, editable: true },
    Field { name: "buttons", shape: Shape::Objects(10), default: Default::EmptyList, editable: true },
    Field { name: "buttons_enabled", shape: Shape::Bool, default: Default::True, editable: true },
    Field { name: "buttons_autodisable", shape: Shape::Bool, default: Default::False, editable: true },
    Field { name: "read", shape: Shape::Bool, default: Default::False, editable: true },
];

const LISTED: [&str; 11] = [
    "id",
    "run_user",
    "title",
    "message",
    "icon",
    "buttons",
    "buttons_enabled",
    "buttons_autodisable",
    "read",
    "created_at",
    "updated_at",
];

#[derive(Deserialize)]
struct Marks {
    notification_ids: Vec<String>,
    read: bool,
}

/// Whose notifications a request is about.
#[derive(Clone)]
enum Reader {
    Account,
    RunUser(String),
}

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    page(call, Reader::Account).await
}

pub(super) async fn create(call: Call) -> Result<Answer, Refused> {
    add(call, None).await
}

pub(super) async fn mark(call: Call) -> Result<Answer, Refused> {
    mark_some(&call, Reader::Account).await?;
    Answer::ok("TagoIO Notification Successfully Updated")
}

pub(super) async fn mark_all(call: Call) -> Result<Answer, Refused> {
    mark_every(&call, Reader::Account).await?;
    Answer::ok("All TagoIO Notification Run Successfully Updated")
}

pub(super) async fn press(call: Call) -> Result<Answer, Refused> {
    press_button(call, Reader::Account).await
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    delete(call, Some(Reader::Account)).await
}

/// A push message needs a telephone's maker in between.
pub(super) async fn refuse_push(_: Call) -> Result<Answer, Refused> {
    std::future::ready(Err(Refused::new(
        StatusCode::FORBIDDEN,
        "This platform sends no push messages: nothing leaves this computer",
    )))
    .await
}

pub(super) async fn create_for_user(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let user = body["run_user"].as_str().map(str::to_owned);
    let user = user.ok_or_else(|| Refused::bad("run_user is required: the id of a run user"))?;
    add(call, Some(user)).await
}

pub(super) async fn list_of_user(call: Call) -> Result<Answer, Refused> {
    let user = call.part("id").to_owned();
    let known = user.clone();
    call.read(move |db| run::shown_user(db, &known)).await?;
    page(call, Reader::RunUser(user)).await
}

pub(super) async fn edit_of_user(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let changed = fields::edit(FIELDS, &call.json()?)?;
    call.write(move |writing| {
        let (reader, mut notification) = find(writing.db, &id)?;
        if matches!(reader, Reader::Account) {
            return Err(Refused::not_found("Notification", &id));
        }
        notification.extend(changed);
        store(writing, &id, notification)
    })
    .await?;
    Answer::ok("TagoIO Notification User Successfully Updated")
}

pub(super) async fn remove_of_user(call: Call) -> Result<Answer, Refused> {
    delete(call, None).await
}

pub(super) async fn list_own(call: Call) -> Result<Answer, Refused> {
    let reader = own(&call).await?;
    page(call, reader).await
}

pub(super) async fn mark_own(call: Call) -> Result<Answer, Refused> {
    let reader = own(&call).await?;
    mark_some(&call, reader).await?;
    Answer::ok("TagoIO Notification Run Successfully Updated")
}

pub(super) async fn mark_all_own(call: Call) -> Result<Answer, Refused> {
    let reader = own(&call).await?;
    mark_every(&call, reader).await?;
    Answer::ok("All TagoIO Notification Run Successfully Updated")
}

pub(super) async fn press_own(call: Call) -> Result<Answer, Refused> {
    let reader = own(&call).await?;
    press_button(call, reader).await
}

pub(super) async fn remove_own(call: Call) -> Result<Answer, Refused> {
    let reader = own(&call).await?;
    delete(call, Some(reader)).await
}

async fn own(call: &Call) -> Result<Reader, Refused> {
    run::run_user(call).await.map(Reader::RunUser)
}

async fn page(call: Call, reader: Reader) -> Result<Answer, Refused> {
    let project = call.project.clone();
    let query = call.query.or("fields", &LISTED).or("orderBy", &["created_at,desc"]);
    let query = ListQuery::parse(&query, &LISTED)?;
    let found = project
        .read(move |db| {
            let mut rows = db.prepare_cached(
                "SELECT id, run_user, read, body, created_at, updated_at FROM notifications
                 WHERE run_user IS ?1 ORDER BY number DESC",
            )?;
            let rows = rows.query_map([reader.run_user()], |row| Ok(shown(row)?.1))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })
        .await?;
    Answer::ok(query.apply(found))
}

async fn add(call: Call, user: Option<String>) -> Result<Answer, Refused> {
    let made = fields::create(FIELDS, &call.json()?)?;
    let id = call
        .write(move |writing| {
            if let Some(user) = &user {
                run::shown_user(writing.db, user)?;
            }
            let id = hex(&writing.random.id_bytes(writing.now));
            writing.db.execute(
                "INSERT INTO notifications (id, run_user, read, body, created_at, updated_at)
                 VALUES (?1, ?2, 0, '{}', ?3, ?3)",
                params![id, user, writing.now.millis()],
            )?;
            store(writing, &id, made)?;
            Ok(id)
        })
        .await?;
    Answer::ok(json!({ "id": id }))
}

async fn mark_some(call: &Call, reader: Reader) -> Result<(), Refused> {
    let marks: Marks = call.json()?;
    call.write(move |writing| {
        for id in marks.notification_ids {
            let (_, mut notification) = find_of(writing.db, &id, &reader)?;
            notification.insert("read".into(), marks.read.into());
            store(writing, &id, notification)?;
        }
        Ok(())
    })
    .await
}

async fn mark_every(call: &Call, reader: Reader) -> Result<(), Refused> {
    call.write(move |writing| {
        writing.db.execute(
            "UPDATE notifications SET read = 1, updated_at = ?2 WHERE run_user IS ?1 AND read = 0",
            params![reader.run_user(), writing.now.millis()],
        )?;
        Ok(())
    })
    .await
}

async fn press_button(call: Call, reader: Reader) -> Result<Answer, Refused> {
    let (id, button) = (call.part("id").to_owned(), call.part("button").to_owned());
    call.write(move |writing| {
        let (_, mut notification) = find_of(writing.db, &id, &reader)?;
        let buttons = notification["buttons"].as_array().map_or(&[][..], Vec::as_slice);
        if !buttons.iter().any(|known| known["id"] == button.as_str()) {
            return Err(Refused::not_found("Button", &button));
        }
        if notification["buttons_enabled"] != true {
            return Err(Refused::bad("The buttons of this notification are not enabled"));
        }
        if notification["buttons_autodisable"] == true {
            notification.insert("buttons_enabled".into(), false.into());
        }
        notification.insert("read".into(), true.into());
        store(writing, &id, notification)
    })
    .await?;
    Answer::ok("Button pressed: what it sets off is not carried out on this platform")
}

/// Removes a notification of a reader, or of whatever run user has it.
async fn delete(call: Call, reader: Option<Reader>) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    call.write(move |writing| {
        match reader {
            Some(reader) => drop(find_of(writing.db, &id, &reader)?),
            None if matches!(find(writing.db, &id)?.0, Reader::Account) => {
                return Err(Refused::not_found("Notification", &id));
            }
            None => {}
        }
        writing.db.execute("DELETE FROM notifications WHERE id = ?1", [&id])?;
        Ok(())
    })
    .await?;
    Answer::ok("Successfully Removed")
}

fn find_of(db: &Connection, id: &str, reader: &Reader) -> Result<(Reader, Map<String, Value>), Refused> {
    let found = find(db, id)?;
    if found.0.run_user() == reader.run_user() {
        Ok(found)
    } else {
        Err(Refused::not_found("Notification", id))
    }
}

fn find(db: &Connection, id: &str) -> Result<(Reader, Map<String, Value>), Refused> {
    db.prepare_cached(
        "SELECT id, run_user, read, body, created_at, updated_at FROM notifications WHERE id = ?1",
    )?
    .query_row([id], shown)
    .optional()?
    .ok_or_else(|| Refused::not_found("Notification", id))
}

fn shown(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Reader, Map<String, Value>)> {
    let mut notification: Map<String, Value> =
        serde_json::from_str(&row.get::<_, String>("body")?).unwrap_or_default();
    let user: Option<String> = row.get("run_user")?;
    notification.insert("id".into(), row.get::<_, String>("id")?.into());
    notification.insert("read".into(), row.get::<_, bool>("read")?.into());
    for column in ["created_at", "updated_at"] {
        notification.insert(column.into(), json!(Time::from_millis(row.get(column)?)));
    }
    if let Some(user) = &user {
        notification.insert("run_user".into(), user.clone().into());
    }
    Ok((user.map_or(Reader::Account, Reader::RunUser), notification))
}

fn store(writing: &Writing<'_>, id: &str, mut notification: Map<String, Value>) -> Result<(), Refused> {
    let read = notification.remove("read") == Some(Value::Bool(true));
    for column in ["id", "run_user", "created_at", "updated_at"] {
        notification.remove(column);
    }
    writing.db.execute(
        "UPDATE notifications SET read = ?2, body = ?3, updated_at = ?4 WHERE id = ?1",
        params![id, read, Value::Object(notification).to_string(), writing.now.millis()],
    )?;
    Ok(())
}

impl Reader {
    fn run_user(&self) -> Option<&str> {
        match self {
            Reader::Account => None,
            Reader::RunUser(id) => Some(id),
        }
    }
}

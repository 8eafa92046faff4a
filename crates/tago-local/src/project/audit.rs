//! Who changed what: an entry for each change that was carried out with a profile's token.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tago_api::Time;

use super::account;
use super::call::{Answer, Call, Refused};
use super::data::moment_before;
use crate::random::hex;

/// Entries that are kept.
const KEPT: i64 = 50_000;
/// Questions that are remembered until they are answered.
const QUESTIONS: usize = 100;

/// What is not in the database yet; it gets there with the next transaction.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    at: Time,
    who: String,
    resource: &'static str,
    id: String,
    message: String,
}

/// Questions about the entries: asked first and answered when their number is named.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<VecDeque<(String, Question)>>);

#[derive(Debug, Clone)]
struct Question {
    resource: Option<String>,
    id: Option<String>,
    find: Option<String>,
    from: Time,
    to: Time,
    limit: usize,
}

impl Trail {
    /// Notes a change that was carried out, if it is one of a resource that the log is about.
    pub(super) fn note(
        &self,
        at: Time,
        who: String,
        method: &Method,
        path: &'static str,
        ids: &[(String, String)],
    ) {
        let verb = match *method {
            Method::POST => "created or acted on",
            Method::PUT => "edited",
            Method::DELETE => "removed",
            _ => return,
        };
        let Some(resource) = resource_of(path) else { return };
        let id = ids.first().map(|(_, id)| id.clone()).unwrap_or_default();
        let message = format!("{resource} {verb}: {method} {path}");
        self.lock().push(Entry { at, who, resource, id, message });
    }

    pub(super) fn unwritten(&self) -> bool {
        !self.lock().is_empty()
    }

    pub(super) fn save(&self, db: &Connection) -> rusqlite::Result<()> {
        let entries = std::mem::take(&mut *self.lock());
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            db.prepare_cached(
                "INSERT INTO audit (at, who, resource_name, resource_id, message) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![entry.at.millis(), entry.who, entry.resource, entry.id, entry.message])?;
        }
        db.prepare_cached("DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?1")?
            .execute([KEPT])
            .map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a question, which is answered under its number.
pub(super) async fn ask(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    let question = Question::of(&call)?;
    let id = hex(&call.project.0.shared.random.bytes::<16>());
    call.project.0.questions.add(id.clone(), question);
    std::future::ready(Answer::ok(json!({ "queryId": id, "status": "Running", "events": [] }))).await
}

pub(super) async fn answer(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    let wanted = call.part("query").to_owned();
    let question = {
        let questions = call.project.0.questions.lock();
        questions.iter().find(|(id, _)| *id == wanted).map(|(_, question)| question.clone())
    };
    let question = question.ok_or_else(|| Refused::not_found("Query", &wanted))?;
    call.project.0.store.save_recent().await;
    let (events, scanned) = call.read(move |db| question.events(db)).await?;
    Answer::ok(json!({
        "queryId": wanted,
        "status": "Complete",
        "statistics": { "recordsMatched": events.len(), "recordsScanned": scanned, "bytesScanned": 0 },
        "events": events,
    }))
}

impl Question {
    fn of(call: &Call) -> Result<Question, Refused> {
        let query = &call.query;
        let now = call.project.0.shared.clock.now();
        let text = |name: &str| query.one(name).map(str::to_owned);
        let moment = |name: &str, default: Time| match query.one(name) {
            None => Ok(default),
            Some(text) => {
                moment_before(text, now).ok_or_else(|| Refused::bad(format!("{name} must be a date")))
            }
        };
        Ok(Question {
            resource: text("resourceName"),
            id: text("resourceID"),
            find: text("find").filter(|find| find != "*").map(|find| find.to_lowercase()),
            from: moment("start_date", Time::MIN)?,
            to: moment("end_date", now)?,
            limit: usize::try_from(query.number("limit", 100, (1, 10_000))?).unwrap_or(100),
        })
    }

    /// What is asked for, latest first, and how many entries were looked at.
    fn events(&self, db: &Connection) -> Result<(Vec<Value>, usize), Refused> {
        let mut rows = db.prepare_cached(
            "SELECT at, who, resource_name, resource_id, message FROM audit ORDER BY number DESC",
        )?;
        let mut rows = rows.query([])?;
        let (mut events, mut scanned) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            scanned += 1;
            let (at, resource) = (Time::from_millis(row.get(0)?), row.get::<_, String>(2)?);
            let (id, message) = (row.get::<_, String>(3)?, row.get::<_, String>(4)?);
            let wanted = (self.from..=self.to).contains(&at)
                && self.resource.as_ref().is_none_or(|wanted| *wanted == resource)
                && self.id.as_ref().is_none_or(|wanted| *wanted == id)
                && self.find.as_ref().is_none_or(|find| message.to_lowercase().contains(find));
            if wanted && events.len() < self.limit {
                events.push(json!({
                    "date": at, "who": row.get::<_, String>(1)?, "resourceName": resource,
                    "resourceID": id, "message": message,
                }));
            }
        }
        Ok((events, scanned))
    }
}

impl Questions {
    fn add(&self, id: String, question: Question) {
        let mut questions = self.lock();
        if questions.len() >= QUESTIONS {
            questions.pop_front();
        }
        questions.push_back((id, question));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Question)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the log calls the resource of a route.
fn resource_of(path: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 14] = [
        ("/device", "device"),
        ("/analysis", "analysis"),
        ("/action", "action"),
        ("/am", "am"),
        ("/dashboard", "dashboard"),
        ("/dictionary", "dictionary"),
        ("/entity", "entity"),
        ("/files", "file"),
        ("/integration/connector", "connector"),
        ("/integration/network", "network"),
        ("/run/users", "runuser"),
        ("/run", "run"),
        ("/secrets", "secret"),
        ("/profile", "profile"),
    ];
    NAMES.iter().find(|(start, _)| path.starts_with(start)).map(|(_, name)| *name)
}

//! What of the plan the profile may use of each metered service.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::rates::Plan;
use crate::project::schema;

/// Each service, and how much of it a plan brings: Free, Starter, Scale. Input and output are TagoIO's
/// included amounts of the paid plans; the others are this platform's own, for they are bought there.
const SERVICES: [(&str, [u64; 3]); 9] = [
    ("analysis", [60, 3_000, 30_000]),
    ("data_records", [250_000, 5_000_000, 50_000_000]),
    ("email", [100, 1_000, 10_000]),
    ("file_storage", [100, 5_000, 50_000]),
    ("input", [100_000, 1_000_000, 3_000_000]),
    ("output", [500_000, 1_000_000, 3_000_000]),
    ("push_notification", [100, 1_000, 10_000]),
    ("run_users", [5, 100, 1_000]),
    ("sms", [10, 100, 1_000]),
];

const KEY: &str = "allocation";
const UPDATED: &str = "allocation_updated_at";

/// What is allocated of each service.
pub(in crate::project) fn allocation(db: &Connection, plan: Plan) -> Result<Map<String, Value>, Refused> {
    let chosen: Option<String> = schema::get(db, KEY)?;
    let chosen: Map<String, Value> =
        chosen.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(SERVICES
        .iter()
        .map(|(name, by_plan)| {
            ((*name).to_owned(), chosen.get(*name).cloned().unwrap_or(by_plan[plan as usize].into()))
        })
        .collect())
}

/// What is allocated of one service.
pub(in crate::project) async fn allocated(call: &Call, service: &'static str) -> Result<u64, Refused> {
    let plan = call.plan();
    let all = call.read(move |db| allocation(db, plan)).await?;
    Ok(all[service].as_u64().unwrap_or(u64::MAX))
}

pub(in crate::project) async fn show(call: Call) -> Result<Answer, Refused> {
    let (plan, profile) = (call.plan(), call.project.profile());
    let created_at = call.project.0.identity.created_at;
    let allocation = call
        .read(move |db| {
            let mut allocation = allocation(db, plan)?;
            let updated = schema::get::<i64>(db, UPDATED)?.map_or(created_at, tago_api::Time::from_millis);
            allocation.insert("profile".into(), json!(profile));
            allocation.insert("updated_at".into(), json!(updated));
            Ok(allocation)
        })
        .await?;
    Answer::ok([allocation])
}

pub(in crate::project) async fn change(call: Call) -> Result<Answer, Refused> {
    let (plan, own) = (call.plan(), call.project.profile().to_string());
    let changes: Vec<Map<String, Value>> = call.json()?;
    for change in &changes {
        match change.get("profile").and_then(Value::as_str) {
            Some(profile) if profile == own => {}
            Some(profile) => return Err(Refused::not_found("Profile", profile)),
            None => return Err(Refused::bad("profile must be the id of one of the account's profiles")),
        }
        for (service, _) in SERVICES {
            if change.get(service).is_some_and(|value| value.as_u64().is_none()) {
                return Err(Refused::bad(format!("{service} must be a whole number, 0 or more")));
            }
        }
    }
    call.write(move |writing| {
        let mut all = allocation(writing.db, plan)?;
        for (name, value) in changes.into_iter().flatten() {
            all.entry(name).and_modify(|known| *known = value);
        }
        schema::put(writing.db, KEY, Value::Object(all).to_string())?;
        Ok(schema::put(writing.db, UPDATED, writing.now.millis())?)
    })
    .await?;
    Answer::ok("Profile resource allocation Successfully Updated")
}

//! The profile of the project. A project is one instance with one main database, so it has one profile.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::credentials::Proof;
use crate::project::fields::{self, Default, Field, Shape};
use crate::project::resource;
use crate::project::{Project, run, schema, usage};

const SETTINGS: &str = "profile_settings";

const FIELDS: &[Field] = &[
    Field { name: "name", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
    Field { name: "logo_url", shape: Shape::TextOrNull(2000), default: Default::Null, editable: true },
    Field { name: "banner_url", shape: Shape::TextOrNull(2000), default: Default::Null, editable: true },
];

/// Profiles that an account of this platform has.
const PROFILES: u64 = 1;

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    let project = call.project.clone();
    Answer::ok([call.read(move |db| shown(&project, db)).await?])
}

pub(in crate::project) async fn info(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let (project, plan) = (call.project.clone(), call.plan());
    let info = call
        .read(move |db| {
            Ok(json!({
                "info": shown(&project, db)?,
                "allocation": super::allocation(db, plan)?,
                "addons": no_addons(&project),
                "account_plan": plan,
            }))
        })
        .await?;
    Answer::ok(info)
}

pub(in crate::project) async fn create(call: Call) -> Result<Answer, Refused> {
    fields::create(FIELDS, &call.json()?)?;
    std::future::ready(Err(Refused::over_limit("profiles", PROFILES))).await
}

/// Takes the fields by themselves, or as [`info`] shows them.
pub(in crate::project) async fn edit(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let body: Value = call.json()?;
    let changed = fields::edit(FIELDS, body.get("info").unwrap_or(&body))?;
    call.write(move |writing| {
        let mut settings = settings(writing.db)?;
        settings.extend(changed);
        settings.insert("updated_at".into(), json!(writing.now));
        Ok(schema::put(writing.db, SETTINGS, Value::Object(settings).to_string())?)
    })
    .await?;
    Answer::ok("Successfully Updated")
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let proof: Proof = call.json()?;
    super::prove(&call, proof).await?;
    Err(Refused::bad("The only profile of an account cannot be removed: delete the project in the console"))
}

/// Makes the token one of another profile, of which there is none.
pub(in crate::project) async fn switch(call: Call) -> Result<Answer, Refused> {
    let target = call.part("profile");
    let own = target == call.project.profile().to_string();
    let answer =
        if own { Answer::ok("Successfully Updated") } else { Err(Refused::not_found("Profile", target)) };
    std::future::ready(answer).await
}

pub(in crate::project) async fn addons(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    std::future::ready(Answer::ok(no_addons(&call.project))).await
}

/// Add-ons are bought.
pub(in crate::project) async fn refuse_addons(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    super::refuse_billing(call).await
}

pub(in crate::project) async fn summary(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let (project, plan) = (call.project.clone(), call.plan());
    let only_amount = call.query.flag("onlyAmount")?;
    let storage = call.project.0.files.bytes() as f64 / 1_000_000.0;
    let now = call.project.0.shared.clock.now();
    call.project.0.store.save_recent().await;
    let summary = call
        .read(move |db| {
            let amount = amounts(db)?;
            if only_amount {
                return Ok(json!({ "amount": amount }));
            }
            let mut limit = super::allocation(db, plan)?;
            limit.append(&mut resource::limits(plan));
            limit.insert("device".into(), [5, 100, 10_000][plan as usize].into());
            let (input, output) = usage::this_month(db, now)?;
            Ok(json!({
                "limit": limit,
                "limit_used": {
                    "input": input,
                    "output": output,
                    "analysis": 0, "sms": 0, "email": 0, "push_notification": 0, "tcore": 0, "tcore_cluster": 0,
                    "dashboard_output": 0,
                    "data_records": amount["data_records"],
                    "run_users": amount["run_users"],
                    "file_storage": storage,
                },
                "amount": amount,
                "addons": no_addons(&project),
                "tago_run": run::url(&project, db)?,
            }))
        })
        .await?;
    Answer::ok(summary)
}

/// How many of each resource there are.
fn amounts(db: &Connection) -> Result<Map<String, Value>, Refused> {
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mut amounts = resource::amounts(db)?;
    amounts
        .insert("run_users".into(), count("SELECT count(*) FROM resources WHERE kind = 'run_user'")?.into());
    amounts.insert("entity".into(), count("SELECT count(*) FROM entities")?.into());
    amounts.insert("device".into(), count("SELECT count(*) FROM devices")?.into());
    amounts.insert("data_records".into(), count("SELECT count(*) FROM records")?.into());
    for name in ["bucket", "dashboard_shared", "tcore", "tcore_cluster"] {
        amounts.insert(name.into(), 0.into());
    }
    Ok(amounts)
}

/// The profile as lists and other answers show it.
pub(in crate::project) fn shown(project: &Project, db: &Connection) -> Result<Map<String, Value>, Refused> {
    let identity = &project.0.identity;
    let mut profile = Map::new();
    profile.insert("id".into(), json!(identity.profile));
    profile.insert("account".into(), json!(identity.owner.id));
    profile.insert("name".into(), json!(identity.name));
    profile.insert("logo_url".into(), Value::Null);
    profile.insert("banner_url".into(), Value::Null);
    profile.insert("region".into(), Value::Null);
    profile.insert("rpm".into(), Value::Null);
    profile.insert("created_at".into(), json!(identity.created_at));
    profile.insert("updated_at".into(), json!(identity.created_at));
    profile.extend(settings(db)?);
    Ok(profile)
}

/// Refuses every profile but the project's own.
pub(in crate::project) fn check_own(call: &Call) -> Result<(), Refused> {
    let wanted = call.part("profile");
    if wanted == "current" || wanted == call.project.profile().to_string() {
        Ok(())
    } else {
        Err(Refused::not_found("Profile", wanted))
    }
}

fn no_addons(project: &Project) -> Value {
    json!({
        "profile": project.profile(),
        "control_tower": false,
        "custom_dns": false,
        "mobile": false,
        "updated_at": project.0.identity.created_at,
    })
}

fn settings(db: &Connection) -> Result<Map<String, Value>, Refused> {
    let stored: Option<String> = schema::get(db, SETTINGS)?;
    stored.map_or(Ok(Map::new()), |text| {
        serde_json::from_str(&text)
            .map_err(|error| Refused::internal(format!("The profile's settings are damaged: {error}")))
    })
}

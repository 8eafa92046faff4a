//! Who a token is, the profile and the account.

mod allocation;

use serde_json::{Value, json};

use super::Project;
use super::call::{Answer, Call, Refused};
use super::device;
use super::rates::Plan;
use super::resource::{ANALYSIS, catalogue, described};
use super::token::TokenKind;

pub(super) use allocation::{allocated, change as change_allocation, show as show_allocation};

/// What the token of the request opens.
pub(super) async fn info(call: Call) -> Result<Answer, Refused> {
    let owner = call.caller.owner.clone();
    match call.caller.kind {
        TokenKind::Device => Answer::ok(call.read(move |db| device::described(db, &owner)).await?),
        TokenKind::Analysis => Answer::ok(call.read(move |db| described(db, ANALYSIS, &owner)).await?),
        TokenKind::Profile => Answer::ok(profile_of(&call.project)),
        TokenKind::RunUser | TokenKind::Recovery | TokenKind::Nobody => Err(Refused::denied()),
    }
}

pub(super) async fn list_profiles(call: Call) -> Result<Answer, Refused> {
    std::future::ready(Answer::ok([profile_of(&call.project)])).await
}

pub(super) async fn profile(call: Call) -> Result<Answer, Refused> {
    let profile = own_profile(&call)?;
    let plan = call.project.0.shared.rates.plan(call.project.id());
    std::future::ready(Answer::ok(json!({
        "info": profile,
        "allocation": {},
        "addons": {},
        "account_plan": plan,
    })))
    .await
}

pub(super) async fn summary(call: Call) -> Result<Answer, Refused> {
    own_profile(&call)?;
    let plan = call.project.0.shared.rates.plan(call.project.id());
    let by_plan = |limits: [u64; 3]| limits[plan as usize];
    let (networks, connectors) = catalogue::counts();
    let amount = call
        .read(move |db| {
            let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
            Ok(json!({
                "device": count("SELECT count(*) FROM devices")?,
                "analysis": count("SELECT count(*) FROM resources WHERE kind = 'analysis'")?,
                "action": count("SELECT count(*) FROM resources WHERE kind = 'action'")?,
                "data_records": count("SELECT count(*) FROM records")?,
                "networks": networks,
                "connectors": connectors,
                "dashboard": 0, "am": 0, "run_users": 0, "dictionary": 0, "entity": 0, "secrets": 0,
            }))
        })
        .await?;
    Answer::ok(json!({
        "limit": {
            "device": by_plan([5, 100, 10_000]),
            "analysis": by_plan([5, 100, 200]),
            "action": by_plan([5, 100, 200]),
        },
        "limit_used": {},
        "amount": amount,
        "addons": {},
        "tago_run": null,
    }))
}

pub(super) async fn account(call: Call) -> Result<Answer, Refused> {
    let identity = &call.project.0.identity;
    let plan: Plan = call.project.0.shared.rates.plan(call.project.id());
    std::future::ready(Answer::ok(json!({
        "id": identity.owner.id,
        "name": identity.owner.name,
        "email": identity.owner.email,
        "plan": plan,
        "active": true,
        "timezone": "UTC",
        "created_at": identity.created_at,
        "profiles": [profile_of(&call.project)],
    })))
    .await
}

fn own_profile(call: &Call) -> Result<Value, Refused> {
    let wanted = call.part("profile");
    if wanted == "current" || wanted == call.project.profile().to_string() {
        Ok(profile_of(&call.project))
    } else {
        Err(Refused::not_found("Profile", wanted))
    }
}

fn profile_of(project: &Project) -> Value {
    let identity = &project.0.identity;
    json!({
        "id": identity.profile,
        "account": identity.owner.id,
        "name": identity.name,
        "logo_url": null,
        "banner_url": null,
        "created_at": identity.created_at,
        "updated_at": identity.created_at,
    })
}

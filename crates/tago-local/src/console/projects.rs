use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::views::{origin, project_view};
use super::{Answer, Call, reply, reply_with};
use crate::platform::{Failure, Platform, VERSIONS};
use crate::registry::{Machine, Role};

pub(super) fn catalogue(platform: &Arc<Platform>, _: &Call) -> Answer {
    let regions = platform.prices.read()?.regions;
    let regions: Vec<_> =
        regions.into_iter().map(|(id, region)| json!({ "id": id, "name": region.name })).collect();
    let machines = Machine::ALL.map(
        |machine| json!({ "id": machine.word(), "cpus": machine.cpus(), "memory_gb": machine.memory_gb() }),
    );
    reply(&json!({ "regions": regions, "versions": VERSIONS, "machines": machines }))
}

pub(super) fn list(platform: &Arc<Platform>, call: &Call) -> Answer {
    let account = call.account()?;
    let mut views = Vec::new();
    for row in platform.registry.projects()? {
        if let Some(role) = platform.registry.role(&row, account.id)? {
            views.push(project_view(platform, &row, role)?);
        }
    }
    reply(&views)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProject {
    name: String,
    region: Option<String>,
    version: Option<String>,
}

pub(super) fn create(platform: &Arc<Platform>, call: &Call) -> Answer {
    let new: NewProject = call.json()?;
    let region = new.region.as_deref().unwrap_or("us-east-1");
    let version = new.version.as_deref().unwrap_or(VERSIONS[0]);
    let row = platform.create_project(call.account()?, &new.name, region, version)?;
    let row = platform.registry.project(row.id)?.unwrap_or(row);
    reply_with(StatusCode::CREATED, &project_view(platform, &row, Role::Owner)?)
}

pub(super) fn show(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&project_view(platform, call.project()?, call.role())?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedName {
    #[serde(default)]
    name: String,
}

pub(super) fn delete(platform: &Arc<Platform>, call: &Call) -> Answer {
    let typed: TypedName = call.json()?;
    platform.delete_project(call.project()?, &typed.name)?;
    reply(&json!({ "success": true }))
}

pub(super) fn meter(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.meter(call.project()?)?)
}

pub(super) fn bills(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.bills(call.project()?)?)
}

/// Projects that are gone have cost something too.
pub(super) fn all_bills(platform: &Arc<Platform>, call: &Call) -> Answer {
    let rows = platform.registry.paid_by(call.account()?.id)?;
    let bills = rows.iter().map(|row| platform.bills(row)).collect::<Result<Vec<_>, _>>()?;
    reply(&bills)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessName {
    name: Option<String>,
}

pub(super) fn access(platform: &Arc<Platform>, call: &Call) -> Answer {
    let name = call.json::<AccessName>()?.name.unwrap_or_else(|| "Holdfast".into());
    let name = crate::platform::valid_name(&name)?;
    let id = call.project()?.id;
    let project = platform.running(call.project()?)?;
    let token = platform.wait(project.mint_profile_token(&name))?;
    let api = platform.address(id).map(origin).ok_or(Failure::NotRunning(id))?;
    reply(&json!({ "api": api, "profile": project.profile(), "token": token, "name": name }))
}

pub(super) fn automations(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.wait(platform.running(call.project()?)?.automations())?)
}

pub(super) fn release_automations(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.wait(platform.running(call.project()?)?.release_automations())?)
}

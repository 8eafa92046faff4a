use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tago_api::ProjectId;

use super::views::{origin, project_view};
use super::{Answer, Call, reply, reply_with};
use crate::platform::{DailyTime, Failure, Platform, VERSIONS};
use crate::random::hex;
use crate::registry::Role;

pub(super) fn catalogue(platform: &Arc<Platform>, _: &Call) -> Answer {
    let regions = platform.prices.read()?.regions;
    let regions: Vec<_> =
        regions.into_iter().map(|(id, region)| json!({ "id": id, "name": region.name })).collect();
    reply(&json!({ "regions": regions, "versions": VERSIONS }))
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
    reply(&platform.meter(call.project()?))
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

/// The services that every project has: slug, name, what it is.
const SERVICES: [(&str, &str, &str); 5] = [
    ("api", "API", "Answers requests of devices, applications and people."),
    ("main-db", "Main Database", "Keeps accounts, devices and their data."),
    ("in-memory-db", "In-Memory Database", "Keeps what must be found at once."),
    ("analysis-runtime", "Analysis Runtime", "Runs analysis scripts."),
    (MQTT, "MQTT Broker", "Lets devices publish and subscribe."),
];

const MQTT: &str = "mqtt-broker";

/// Id of the project's MQTT broker.
pub(super) fn mqtt_service(project: ProjectId) -> String {
    service_id("service", MQTT, project)
}

fn service_id(part: &str, slug: &str, project: ProjectId) -> String {
    hex(&Sha256::digest(format!("{part}/{slug}/{project}"))[..12])
}

pub(super) fn services(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = call.project()?;
    let mut services = Vec::new();
    for (slug, name, description) in SERVICES {
        let id = |part: &str| service_id(part, slug, project.id);
        let mut settings = machine(slug);
        // The schedule is part of the backups, and those are the owner's alone.
        let shown = slug == "main-db" && call.role() == Role::Owner;
        if let Some(schedule) = platform.registry.schedule(project.id)?.filter(|_| shown) {
            let daily = DailyTime::from_minute(schedule.daily_minute).to_string();
            let days = schedule.retention_days.to_string();
            settings.push(setting("backup_retention_days", &days, "number"));
            settings.push(setting("backup_daily_time", &daily, "string"));
        }
        services.push(json!({
            "id": id("service"),
            "active": true,
            "project": project.id,
            "created_at": project.created_at,
            "updated_at": project.created_at,
            "cancelled_at": null,
            "version": project.version,
            "custom_name": "",
            "settings": settings,
            "product": {
                "id": id("product"), "slug": slug, "name": name, "description": description, "active": true,
                "created_at": project.created_at,
            },
        }));
    }
    reply(&services)
}

fn machine(slug: &str) -> Vec<Value> {
    let (cpus, memory) = match slug {
        "main-db" => ("2", "4096"),
        "api" => ("1", "2048"),
        "in-memory-db" => ("2", "1024"),
        _ => return vec![setting("memory_mb", "512", "number")],
    };
    vec![setting("cpu", cpus, "number"), setting("memory_mb", memory, "number")]
}

fn setting(key: &str, value: &str, kind: &str) -> Value {
    json!({ "key": key, "value": value, "type": kind })
}

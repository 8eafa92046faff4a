//! The services of a project, as TagoDeploy publishes them.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tago_api::{ProjectId, Time};

use super::{Answer, Call, reply};
use crate::platform::{DailyTime, Platform, Refusal};
use crate::random::hex;
use crate::registry::{DeploymentKind, ProjectRow, Role};

/// The services that every project has: slug, name, what it is.
const SERVICES: [(&str, &str, &str); 5] = [
    ("api", "API", "Answers requests of devices, applications and people."),
    (MAIN_DATABASE, "Main Database", "Keeps accounts, devices and their data."),
    ("in-memory-db", "In-Memory Database", "Keeps what must be found at once."),
    ("analysis-runtime", "Analysis Runtime", "Runs analysis scripts."),
    (MQTT_BROKER, "MQTT Broker", "Takes what devices publish."),
];
const MAIN_DATABASE: &str = "main-db";
const MQTT_BROKER: &str = "mqtt-broker";

/// Since when the products can be had: the day of the first version.
const PRODUCTS_MADE: &str = "2023-01-01T00:00:00.000Z";

pub(super) fn list(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = call.project()?;
    let mut services = Vec::new();
    for (slug, name, description) in SERVICES {
        let updated_at = match slug {
            MAIN_DATABASE => last_change(platform, project)?,
            _ => project.created_at,
        };
        services.push(json!({
            "id": id_of("service", slug, project.id),
            "active": true,
            "project": project.id,
            "created_at": project.created_at,
            "updated_at": updated_at,
            "cancelled_at": null,
            "version": project.version,
            "custom_name": "",
            "settings": settings(platform, call, project, slug)?,
            "product": {
                "id": id_of("product", slug, project.id), "slug": slug, "name": name,
                "description": description, "active": true, "created_at": PRODUCTS_MADE,
            },
        }));
    }
    reply(&services)
}

/// Id of the project's MQTT broker.
pub(super) fn mqtt_broker(project: ProjectId) -> String {
    id_of("service", MQTT_BROKER, project)
}

fn id_of(part: &str, slug: &str, project: ProjectId) -> String {
    hex(&Sha256::digest(format!("{part}/{slug}/{project}"))[..12])
}

fn last_change(platform: &Platform, project: &ProjectRow) -> Result<Time, Refusal> {
    let deployments = platform.registry.deployments(project.id)?;
    let changed = deployments.iter().find(|deployment| deployment.kind == DeploymentKind::Settings);
    Ok(changed.map_or(project.created_at, |deployment| deployment.started_at))
}

fn settings(
    platform: &Platform,
    call: &Call,
    project: &ProjectRow,
    slug: &str,
) -> Result<Vec<Value>, Refusal> {
    let number = |key: &str, value: &str| setting(key, value, "number");
    let (cpus, memory) = match slug {
        MAIN_DATABASE => return main_database(platform, call, project),
        "api" => ("1", "2048"),
        "in-memory-db" => ("2", "1024"),
        MQTT_BROKER => ("1", "1024"),
        _ => return Ok(vec![number("memory_mb", "512")]),
    };
    Ok(vec![number("cpu", cpus), number("memory_mb", memory)])
}

fn main_database(platform: &Platform, call: &Call, project: &ProjectRow) -> Result<Vec<Value>, Refusal> {
    let number = |key: &str, value: u32| setting(key, &value.to_string(), "number");
    let machine = project.main_database.machine;
    let mut settings = vec![
        number("cpu", machine.cpus().into()),
        number("memory_mb", u32::from(machine.memory_gb()) * 1024),
        number("readers", project.main_database.readers.into()),
    ];
    // The schedule is part of the backups, and those are the owner's alone.
    if call.role() == Role::Owner
        && let Some(schedule) = platform.registry.schedule(project.id)?
    {
        let daily = DailyTime::from_minute(schedule.daily_minute).to_string();
        settings.push(number("backup_retention_days", schedule.retention_days.into()));
        settings.push(setting("backup_daily_time", &daily, "string"));
    }
    Ok(settings)
}

fn setting(key: &str, value: &str, kind: &str) -> Value {
    json!({ "key": key, "value": value, "type": kind })
}

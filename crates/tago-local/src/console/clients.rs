//! Clients of a project's MQTT broker, as the published TagoDeploy API has them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::services::mqtt_broker;
use super::{Answer, Call, reply};
use crate::platform::{Platform, Refusal};
use crate::random::hex;
use crate::registry::{ClientRow, ProjectRow};

/// Characters of a name.
const NAME: std::ops::RangeInclusive<usize> = 1..=255;
/// Characters that a password has at least.
const PASSWORD: usize = 8;

#[derive(Deserialize)]
struct NewClient {
    name: String,
    username: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct ClientChange {
    name: String,
    password: Option<String>,
}

pub(super) fn list(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = broker(call)?;
    let clients = platform.registry.clients(project.id)?;
    reply(&clients.iter().map(view).collect::<Vec<_>>())
}

pub(super) fn create(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = broker(call)?;
    let new: NewClient = call.json()?;
    check_length("name", &new.name)?;
    if let Some(username) = &new.username {
        check_length("username", username)?;
    }
    check_password(new.password.as_deref())?;
    let now = platform.clock.now();
    let client = ClientRow {
        id: hex(&platform.random.id_bytes(now)),
        name: new.name,
        username: new.username,
        has_password: new.password.is_some(),
        created_at: now,
        updated_at: now,
    };
    platform.registry.add_client(project.id, &client)?;
    reply(&view(&client))
}

pub(super) fn change(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = broker(call)?;
    let id = call.path.get("client").cloned().unwrap_or_default();
    let change: ClientChange = call.json()?;
    check_length("name", &change.name)?;
    check_password(change.password.as_deref())?;
    let now = platform.clock.now();
    let sets_password = change.password.is_some();
    if !platform.registry.change_client(project.id, &id, &change.name, sets_password, now)? {
        return Err(Refusal::NoClient(id));
    }
    let clients = platform.registry.clients(project.id)?;
    let changed = clients.iter().find(|client| client.id == id).ok_or(Refusal::NoClient(id))?;
    reply(&view(changed))
}

pub(super) fn remove(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = broker(call)?;
    let id = call.path.get("client").cloned().unwrap_or_default();
    match platform.registry.remove_client(project.id, &id)? {
        true => reply(&json!({ "success": true })),
        false => Err(Refusal::NoClient(id)),
    }
}

/// The project, if the service of the path is its broker.
fn broker(call: &Call) -> Result<&ProjectRow, Refusal> {
    let project = call.project()?;
    let service = call.path.get("service").cloned().unwrap_or_default();
    if service == mqtt_broker(project.id) { Ok(project) } else { Err(Refusal::NoService(service)) }
}

fn check_length(field: &str, text: &str) -> Result<(), Refusal> {
    if NAME.contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Refusal::BadInput(format!("{field}: it has {} to {} characters.", NAME.start(), NAME.end())))
}

fn check_password(password: Option<&str>) -> Result<(), Refusal> {
    match password {
        Some(password) if password.chars().count() < PASSWORD => {
            Err(Refusal::BadInput(format!("password: it has at least {PASSWORD} characters.")))
        }
        _ => Ok(()),
    }
}

fn view(client: &ClientRow) -> Value {
    json!({
        "client_id": client.id,
        "name": client.name,
        "username": client.username,
        "password": client.has_password,
        "certificate_fingerprint": null,
        "certificate_metadata": null,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    })
}

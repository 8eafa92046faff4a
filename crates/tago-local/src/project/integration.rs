//! A profile's own networks and connectors, beside those that every project offers.

mod ingest;
mod tokens;

use axum::http::StatusCode;
use rusqlite::Connection;
use serde_json::Value;

use super::call::{Answer, Call, Refused};
use super::list::ListQuery;
use super::resource::{self, Body, CONNECTOR, NETWORK, Resource, catalogue};

pub(super) use ingest::{data, devices, publish, resolve, set_params};
pub(super) use tokens::{create as create_token, list as list_tokens, remove as remove_token};

pub(super) async fn list(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    // Asking whether they are public, whatever the answer, leaves out those that every project offers.
    let only_own = call.query.one("filter[public]").is_some();
    let query: ListQuery = resource.list_query(&call.query.without("filter[public]"))?;
    let items = call
        .read(move |db| {
            let mut items = resource::all(db, resource)?;
            if !only_own {
                items.extend(catalogue::all(resource));
            }
            Ok(query.apply(items))
        })
        .await?;
    Answer::ok(items)
}

/// Shows the fields that are asked for: of none, id and name.
pub(super) async fn info(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let fields: Vec<String> = call.query.list("fields").into_iter().map(str::to_owned).collect();
    let mut item = call
        .read(move |db| match catalogue::one(resource, &id) {
            Some(item) => Ok(item),
            None => resource::described(db, resource, &id),
        })
        .await?;
    item.retain(|name, _| name == "id" || name == "name" || fields.contains(name));
    Answer::ok(item)
}

pub(super) async fn remove(call: Call, resource: &'static Resource) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    call.write(move |writing| {
        let using = format!("SELECT count(*) FROM devices WHERE {} = ?1", resource.kind);
        let devices: i64 = writing.db.query_row(&using, [&id], |row| row.get(0))?;
        if devices > 0 {
            return Err(Refused::bad(format!(
                "{} {id} is used by {devices} devices: give them another one first",
                resource.label
            )));
        }
        resource::delete(writing, resource, &id)
    })
    .await?;
    Answer::ok(resource.removed)
}

/// Refuses a device of networks and connectors that are not there or do not belong together.
pub(super) fn check_device(db: &Connection, network: &Value, connector: &Value) -> Result<(), Refused> {
    let (network, connector) = (network.as_str().unwrap_or_default(), connector.as_str().unwrap_or_default());
    if !has_network(db, network)? {
        return Err(Refused::bad(format!(
            "network {network} does not exist: choose one of GET /integration/network"
        )));
    }
    let item = match catalogue::one(CONNECTOR, connector) {
        Some(item) => Some(item),
        None => resource::find(db, CONNECTOR, connector)?,
    };
    let Some(item) = item else {
        return Err(Refused::bad(format!(
            "connector {connector} does not exist: choose one of GET /integration/connector"
        )));
    };
    let supported = item.get("networks").and_then(Value::as_array).into_iter().flatten();
    if supported.into_iter().any(|supported| supported == network) {
        return Ok(());
    }
    Err(Refused::bad(format!("connector {connector} does not support network {network}")))
}

/// Refuses a connector for networks that are not there.
pub(super) fn refuse_missing_networks(db: &Connection, body: &Body) -> Result<(), Refused> {
    for network in body.get("networks").and_then(Value::as_array).into_iter().flatten() {
        let network = network.as_str().unwrap_or_default();
        if !has_network(db, network)? {
            return Err(Refused::bad(format!("networks must be ids of networks: {network} does not exist")));
        }
    }
    Ok(())
}

fn has_network(db: &Connection, id: &str) -> Result<bool, Refused> {
    Ok(catalogue::one(NETWORK, id).is_some() || resource::find(db, NETWORK, id)?.is_some())
}

fn no_such_token() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "There is no such token of a network")
}

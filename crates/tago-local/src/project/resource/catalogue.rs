//! The networks and connectors that every project offers, with the same ids.

use serde_json::{Map, Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::list::ListQuery;

struct Network {
    id: &'static str,
    name: &'static str,
    description: &'static str,
}

struct Connector {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    networks: &'static [&'static str],
}

const HTTPS: &str = "5bbd0d144051a50034cd19fb";
const MQTT: &str = "5bf6eb1a4051a50034cd1a2c";
const LORAWAN: &str = "5d2f8e3b9c1d4e0011223301";

const NETWORKS: &[Network] = &[
    Network { id: HTTPS, name: "HTTPS", description: "Devices that send over HTTPS" },
    Network { id: MQTT, name: "MQTT", description: "Devices that publish to a broker" },
    Network { id: LORAWAN, name: "LoRaWAN", description: "Devices behind a LoRaWAN network server" },
];

const CONNECTORS: &[Connector] = &[
    Connector {
        id: "5f5a8f3351d4db99c40dece5",
        name: "Custom HTTPS",
        description: "A device of your own that sends over HTTPS",
        networks: &[HTTPS],
    },
    Connector {
        id: "5f5a8f3351d4db99c40dece6",
        name: "Custom MQTT",
        description: "A device of your own that publishes over MQTT",
        networks: &[MQTT],
    },
    Connector {
        id: "5f5a8f3351d4db99c40dece7",
        name: "Cold chain sensor",
        description: "Temperature and door contact of a cold room or a truck",
        networks: &[HTTPS, LORAWAN],
    },
    Connector {
        id: "5f5a8f3351d4db99c40dece8",
        name: "Building meter",
        description: "Energy, water and air of a building",
        networks: &[HTTPS, MQTT, LORAWAN],
    },
];

/// Fields that can be filtered and ordered by.
const LISTED: &[&str] = &["id", "name", "description", "public"];

pub(in crate::project) fn has_network(id: &str) -> bool {
    NETWORKS.iter().any(|network| network.id == id)
}

/// The networks that a connector supports.
pub(in crate::project) fn networks_of(connector: &str) -> Option<&'static [&'static str]> {
    CONNECTORS.iter().find(|row| row.id == connector).map(|row| row.networks)
}

pub(in crate::project) fn counts() -> (usize, usize) {
    (NETWORKS.len(), CONNECTORS.len())
}

pub(in crate::project) async fn list_networks(call: Call) -> Result<Answer, Refused> {
    page(&call, networks()).await
}

pub(in crate::project) async fn list_connectors(call: Call) -> Result<Answer, Refused> {
    page(&call, connectors()).await
}

pub(in crate::project) async fn network(call: Call) -> Result<Answer, Refused> {
    one(&call, "Network", networks()).await
}

pub(in crate::project) async fn connector(call: Call) -> Result<Answer, Refused> {
    one(&call, "Connector", connectors()).await
}

fn page(call: &Call, items: Vec<Map<String, Value>>) -> std::future::Ready<Result<Answer, Refused>> {
    let page = ListQuery::parse(&call.query, LISTED).and_then(|query| {
        // Everything here is public, and asking about it leaves the public ones out, as on the platform.
        let only_own = call.query.one("filter[public]").is_some();
        Answer::ok(query.apply(if only_own { Vec::new() } else { items }))
    });
    std::future::ready(page)
}

fn one(
    call: &Call,
    label: &str,
    items: Vec<Map<String, Value>>,
) -> std::future::Ready<Result<Answer, Refused>> {
    let id = call.part("id");
    let found = items.into_iter().find(|item| item["id"] == id);
    std::future::ready(found.ok_or_else(|| Refused::not_found(label, id)).and_then(Answer::ok))
}

fn networks() -> Vec<Map<String, Value>> {
    let row = |network: &Network| {
        json!({
            "id": network.id, "name": network.name, "description": network.description, "public": true,
            "device_parameters": [], "payload_decoder": null, "payload_encoder": null,
            "middleware_endpoint": null, "serial_number": {"required": false},
        })
    };
    NETWORKS.iter().filter_map(|network| row(network).as_object().cloned()).collect()
}

fn connectors() -> Vec<Map<String, Value>> {
    let row = |connector: &Connector| {
        json!({
            "id": connector.id, "name": connector.name, "description": connector.description, "public": true,
            "networks": connector.networks, "device_parameters": [], "payload_decoder": null,
            "payload_encoder": null, "install_text": null, "install_end_text": null, "device_annotation": null,
        })
    };
    CONNECTORS.iter().filter_map(|connector| row(connector).as_object().cloned()).collect()
}

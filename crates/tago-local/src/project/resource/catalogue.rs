//! The networks and connectors that every project offers, with the same ids.

use serde_json::{Map, Value, json};

use super::{CONNECTOR, Resource};

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

/// All networks, or all connectors.
pub(in crate::project) fn all(resource: &Resource) -> Vec<Map<String, Value>> {
    if resource.kind == CONNECTOR.kind { connectors() } else { networks() }
}

pub(in crate::project) fn one(resource: &Resource, id: &str) -> Option<Map<String, Value>> {
    all(resource).into_iter().find(|item| item["id"] == id)
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

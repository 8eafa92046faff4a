//! What the company's people look at, and who may: dashboards, texts, rights and a secret.

use serde_json::{Value, json};
use tago_api::DeviceId;

use super::company::Kind;

/// A device of the company that is registered.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) id: DeviceId,
    pub(super) kind: Kind,
    pub(super) site: &'static str,
}

/// A dashboard and its widgets, before either has an id.
pub(super) struct View {
    pub(super) label: &'static str,
    tab: &'static str,
    pub(super) widgets: Vec<Value>,
}

/// Devices that one chart shows at most.
const LINES: usize = 4;

/// The dashboards; `mileage` is the analysis that counts kilometres.
pub(super) fn views(devices: &[Registered], mileage: &str) -> Vec<View> {
    let of = |kind: Kind, site: Option<&str>| -> Vec<&Registered> {
        let fits = |device: &&Registered| device.kind == kind && site.is_none_or(|site| device.site == site);
        devices.iter().filter(fits).take(LINES).collect()
    };
    let (rooms, freezers) = (of(Kind::ColdRoom, Some("Rotterdam")), of(Kind::Freezer, None));
    let (trucks, meters) = (of(Kind::Truck, None), of(Kind::EnergyMeter, None));
    vec![
        View {
            label: "Cold rooms",
            tab: "Rooms",
            widgets: vec![
                chart("Cold rooms of Rotterdam", "line", &rooms, "temperature"),
                chart("Freezers", "line", &freezers, "temperature"),
                latest("Now in Rotterdam", "display", &rooms, "temperature"),
                latest("Coldest freezer", "dial", &freezers[..freezers.len().min(1)], "temperature"),
            ],
        },
        View {
            label: "Fleet",
            tab: "Trucks",
            widgets: vec![
                latest("Where the trucks are", "map", &trucks, "position"),
                chart("Cargo", "line", &trucks, "cargo_temperature"),
                json!({
                    "label": "Trucks", "type": "device_table", "analysis_run": mileage,
                    "display": { "header_buttons": [{ "label": "Count kilometres", "analysis": mileage }] },
                    "resource": [{
                        "type": "device", "filter": { "tags": [{ "key": "type", "value": "reefer-truck" }] },
                        "view": "name", "editable": "tags.customer",
                    }],
                }),
            ],
        },
        View {
            label: "Energy",
            tab: "Energy",
            widgets: vec![
                chart("Energy of the buildings", "area", &meters, "energy"),
                latest("Now", "tile", &meters[..meters.len().min(1)], "energy"),
            ],
        },
    ]
}

fn chart(label: &str, kind: &str, devices: &[&Registered], variable: &str) -> Value {
    widget(
        label,
        kind,
        devices,
        variable,
        |device| json!({ "origin": device.id, "variables": [variable], "qty": 200 }),
    )
}

fn latest(label: &str, kind: &str, devices: &[&Registered], variable: &str) -> Value {
    let query = if kind == "map" { "last_location" } else { "last_value" };
    widget(
        label,
        kind,
        devices,
        variable,
        |device| json!({ "origin": device.id, "variables": [variable], "query": query }),
    )
}

fn widget(
    label: &str,
    kind: &str,
    devices: &[&Registered],
    variable: &str,
    data: impl Fn(&Registered) -> Value,
) -> Value {
    let shown = |device: &&Registered| json!({ "origin": device.id, "variable": variable });
    json!({
        "label": label,
        "type": kind,
        "realtime": true,
        "data": devices.iter().map(|device| data(device)).collect::<Vec<_>>(),
        "display": { "variables": devices.iter().map(shown).collect::<Vec<_>>(), "show_units": true },
    })
}

/// What a dashboard is once its widgets and all dashboards have ids: two columns, and tabs from one to the next.
pub(super) fn layout(view: usize, views: &[View], dashboards: &[String], widgets: &[String]) -> Value {
    let arrangement: Vec<Value> = widgets
        .iter()
        .enumerate()
        .map(|(place, widget)| {
            json!({ "widget_id": widget, "x": place % 2 * 2, "y": place / 2 * 4, "width": 2, "height": 4, "tab": null })
        })
        .collect();
    let tabs: Vec<Value> = views
        .iter()
        .zip(dashboards)
        .enumerate()
        .map(|(place, (other, id))| {
            let link = if place == view { String::new() } else { format!("/dashboards/info/{id}") };
            json!({ "key": format!("tab{place}"), "value": other.tab, "link": link, "hidden": false })
        })
        .collect();
    json!({ "arrangement": arrangement, "tabs": tabs })
}

/// A dictionary and its texts by language.
pub(super) fn dictionary() -> (Value, [(&'static str, Value); 2]) {
    let texts = |too_warm: &str, open: &str, fine: &str| json!({ "TOO_WARM": too_warm, "DOOR_OPEN": open, "FINE": fine });
    (
        json!({ "name": "Frostline", "slug": "FROSTLINE", "fallback": "en-US" }),
        [
            ("en-US", texts("Too warm", "Door open", "In range")),
            ("de-DE", texts("Zu warm", "Tür offen", "In Ordnung")),
        ],
    )
}

/// Lets the daily report read the devices of the rooms, and nothing else.
pub(super) fn policy(report: &str) -> Value {
    json!({
        "name": "Daily report reads cold rooms",
        "tags": [{ "key": "team", "value": "operations" }],
        "targets": [["analysis", "id", report]],
        "permissions": [{
            "effect": "allow",
            "action": ["access", "get_data"],
            "resource": ["device", "tag.key", "type", "tag.value", "cold-room"],
        }],
    })
}

pub(super) fn secret() -> Value {
    json!({
        "key": "MAIL_GATEWAY", "value": "practice-only-7f3a91",
        "tags": [{ "key": "team", "value": "operations" }],
    })
}

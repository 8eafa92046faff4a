//! Frostline Logistics: its sites, devices, alarms and scripts.

use serde_json::{Value, json};

/// What a device is, before it is registered.
#[derive(Debug, Clone)]
pub(super) struct DeviceProfile {
    pub(super) kind: Kind,
    /// Place among all devices, from 0.
    pub(super) number: u64,
    name: String,
    site: &'static Site,
    customer: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ColdRoom,
    Freezer,
    Truck,
    Gateway,
    EnergyMeter,
}

#[derive(Debug)]
pub(super) struct Site {
    pub(super) name: &'static str,
    code: &'static str,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    contact: &'static str,
}

static SITES: [Site; 4] = [
    Site { name: "Rotterdam", code: "RTM", latitude: 51.885, longitude: 4.287, contact: "Anouk de Vries" },
    Site { name: "Hamburg", code: "HAM", latitude: 53.503, longitude: 9.966, contact: "Jörg Petersen" },
    Site { name: "Lyon", code: "LYS", latitude: 45.721, longitude: 4.947, contact: "Zoë Lefèvre" },
    Site { name: "Gdańsk", code: "GDN", latitude: 54.372, longitude: 18.638, contact: "Łukasz Zieliński" },
];

const CUSTOMERS: [&str; 5] =
    ["Nordfisk", "Ferme du Rhône", "Polar Foods", "MediCool Pharma", "Bäckerei Kruse"];

const HTTPS: &str = "5bbd0d144051a50034cd19fb";
const MQTT: &str = "5bf6eb1a4051a50034cd1a2c";
const CUSTOM_MQTT: &str = "5f5a8f3351d4db99c40dece6";
const COLD_CHAIN_SENSOR: &str = "5f5a8f3351d4db99c40dece7";
const BUILDING_METER: &str = "5f5a8f3351d4db99c40dece8";

/// The forty devices: those of the old sites, and those of the site that joined last.
pub(super) fn devices() -> (Vec<DeviceProfile>, Vec<DeviceProfile>) {
    let fleet = [
        (Kind::ColdRoom, [4, 3, 3, 4], "Cold room"),
        (Kind::Freezer, [2, 2, 2, 2], "Freezer"),
        (Kind::Truck, [3, 3, 2, 3], "Reefer truck"),
        (Kind::Gateway, [1, 1, 1, 1], "Gateway"),
        (Kind::EnergyMeter, [1, 1, 0, 1], "Energy meter"),
    ];
    let mut all = Vec::new();
    for (place, site) in SITES.iter().enumerate() {
        for (kind, counts, label) in &fleet {
            for number in 1..=counts[place] {
                all.push(DeviceProfile {
                    kind: *kind,
                    number: all.len() as u64,
                    name: format!("{label} {}-{number:02}", site.code),
                    site,
                    customer: CUSTOMERS[all.len() % CUSTOMERS.len()],
                });
            }
        }
    }
    all.into_iter().partition(|device| device.site.code != "GDN")
}

impl DeviceProfile {
    /// The body that registers it.
    pub(super) fn registration(&self) -> Value {
        let (network, connector) = match self.kind {
            Kind::ColdRoom | Kind::Freezer => (HTTPS, COLD_CHAIN_SENSOR),
            Kind::Truck | Kind::Gateway => (MQTT, CUSTOM_MQTT),
            Kind::EnergyMeter => (HTTPS, BUILDING_METER),
        };
        json!({
            "name": self.name,
            "description": format!("{} of {} for {}", self.kind.word(), self.site.name, self.customer),
            "network": network,
            "connector": connector,
            "type": "mutable",
            "active": true,
            "visible": true,
            "tags": [
                { "key": "site", "value": self.site.name },
                { "key": "type", "value": self.kind.word() },
                { "key": "customer", "value": self.customer },
            ],
        })
    }

    pub(super) fn params(&self) -> Value {
        let (low, high) = match self.kind {
            Kind::ColdRoom | Kind::Truck => ("2.0", "8.0"),
            Kind::Freezer => ("-25.0", "-18.0"),
            Kind::Gateway | Kind::EnergyMeter => ("", ""),
        };
        json!([
            { "key": "lowest", "value": low, "sent": false },
            { "key": "highest", "value": high, "sent": false },
            { "key": "contact", "value": self.site.contact, "sent": true },
            { "key": "report_interval_min", "value": "90", "sent": true },
        ])
    }

    /// The serial number on the plate, where there is one.
    pub(super) fn serial(&self) -> Option<String> {
        let has_plate = matches!(self.kind, Kind::Truck | Kind::Gateway);
        has_plate.then(|| format!("FL{}{:010X}", self.site.code, 0x51_A000 + self.number * 7919))
    }

    pub(super) fn site(&self) -> &'static Site {
        self.site
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::ColdRoom => "cold-room",
            Kind::Freezer => "freezer",
            Kind::Truck => "reefer-truck",
            Kind::Gateway => "gateway",
            Kind::EnergyMeter => "energy-meter",
        }
    }
}

pub(super) const ANALYSES: [(&str, &str); 3] = [
    (
        "Daily cold-chain report",
        "// Mails every customer what was out of range.\nmodule.exports = async (context) => {\n  \
         context.log('rooms checked');\n};\n",
    ),
    (
        "Door watch",
        "// Counts how long doors stood open.\nmodule.exports = async (context) => {\n  \
         context.log('doors counted');\n};\n",
    ),
    (
        "Mileage",
        "// Adds up what the trucks drove.\nmodule.exports = async (context) => {\n  context.log('km added');\n};\n",
    ),
];

pub(super) const FILES: [(&str, &str); 2] = [
    ("certificates/haccp-2026.txt", "HACCP certificate of Frostline Logistics, valid until 2027-06-30.\n"),
    (
        "plans/rotterdam.svg",
        "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><path d='M0 0h8v8z'/></svg>\n",
    ),
];

/// Alarms that arriving data can set off.
pub(super) fn alarms() -> Vec<Value> {
    let alarm = |name: &str, kind: &str, variable: &str, is: &str, value: &str, by: &str| {
        json!({
            "name": name,
            "type": "condition",
            "active": true,
            "trigger": [{
                "tag_key": "type", "tag_value": kind, "variable": variable, "is": is, "value": value,
                "value_type": "number", "unlock": false,
            }],
            "action": match by {
                "post" => json!({ "type": by, "url": "https://duty.frostline.example/alarms" }),
                _ => json!({ "type": by, "message": name, "to": "duty@frostline.example" }),
            },
            "tags": [{ "key": "team", "value": "duty" }],
        })
    };
    vec![
        alarm("Freezer too warm", "freezer", "temperature", ">", "-14", "email"),
        alarm("Cold room too warm", "cold-room", "temperature", ">", "9", "sms"),
        alarm("Cargo too warm", "reefer-truck", "cargo_temperature", ">", "9", "notification"),
        alarm("Gateway hardly heard", "gateway", "rssi", "<", "-118", "post"),
    ]
}

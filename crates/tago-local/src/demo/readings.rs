//! What the devices of the demo recorded, with the oddities that real ones have.

use std::f64::consts::TAU;

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde_json::json;
use tago_api::{Number, Time, Value};

use super::Scale;
use super::company::{DeviceProfile, Kind};
use crate::random::hex;

const SEED: u64 = 0x0f05_7117;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// A request may have 200,000 bytes; a record has a few hundred.
const FULL_BODY: usize = 180_000;

/// The recordings of one device, in the order of their times.
pub(super) struct Logger {
    device: DeviceProfile,
    random: ChaCha12Rng,
    step: i64,
    next: i64,
    /// Times at which the device was silent.
    silent: Vec<(i64, i64)>,
    energy: f64,
}

#[derive(Serialize)]
struct Record<'a> {
    variable: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    group: &'a str,
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Value>,
}

/// What one variable has to say at one time.
struct Reading {
    variable: &'static str,
    value: Option<Value>,
    unit: Option<&'static str>,
    location: Option<(f64, f64)>,
}

impl Logger {
    pub(super) fn new(device: DeviceProfile, since: Time, scale: Scale) -> Logger {
        let mut random = ChaCha12Rng::seed_from_u64(SEED + device.number);
        let step = match scale {
            Scale::Full => 90 * MINUTE,
            Scale::Small => DAY,
        };
        let silent = (0..3)
            .map(|_| {
                let from = since.millis() + random.random_range(0..100 * DAY);
                (from, from + random.random_range(6 * 60 * MINUTE..4 * DAY))
            })
            .collect();
        let energy = random.random_range(1_000.0..90_000.0);
        Logger { device, random, step, next: since.millis(), silent, energy }
    }

    /// The next request's body of what was recorded before `until`; none if all was sent.
    pub(super) fn next_body(&mut self, until: Time) -> Result<Option<Vec<u8>>, serde_json::Error> {
        let mut body = Vec::with_capacity(FULL_BODY);
        while self.next < until.millis() && body.len() < FULL_BODY - 2_000 {
            let at = self.next + self.random.random_range(0..self.step / 6);
            self.next += self.step;
            let silent = self.silent.iter().any(|(from, to)| (*from..*to).contains(&at));
            if silent || at >= until.millis() || self.random.random_bool(0.01) {
                continue;
            }
            self.record(at, &mut body)?;
        }
        if body.is_empty() {
            return Ok(None);
        }
        body.push(b']');
        Ok(Some(body))
    }

    fn record(&mut self, at: i64, body: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let group = hex(&self.random.random::<[u8; 12]>());
        for reading in self.readings(at) {
            let odd = self.random.random_range(0..1_000);
            let value = match (odd, &reading.value) {
                (0..2, Some(Value::Number(_))) => Some(Value::Text("ERR".into())),
                (2..4, Some(Value::Number(number))) => exponent(number).or(reading.value),
                _ => reading.value,
            };
            let metadata = match odd {
                10..16 => {
                    Some(json!({ "source": "manual", "operator": "Zoë Łukasiewicz", "note": "Tür offen ❄" }))
                }
                16..26 => Some(json!({ "quality": { "score": 0.5, "flags": ["late", "retry"] } })),
                _ => None,
            };
            let record = Record {
                variable: reading.variable,
                value,
                unit: reading.unit,
                group: &group,
                time: Time::from_millis(at),
                location: reading.location.map(|(lat, lng)| json!({ "lat": lat, "lng": lng })),
                metadata,
            };
            // Now and then a device sends the same record twice.
            for _ in 0..=i32::from((30..33).contains(&odd)) {
                body.push(if body.is_empty() { b'[' } else { b',' });
                serde_json::to_writer(&mut *body, &record)?;
            }
        }
        Ok(())
    }

    fn readings(&mut self, at: i64) -> Vec<Reading> {
        let of_day = (at.rem_euclid(DAY) as f64 / DAY as f64 * TAU).sin();
        let noise = self.random.random_range(-1.0..1.0);
        let chance = self.random.random_range(0.0..1.0);
        match self.device.kind {
            Kind::ColdRoom => vec![
                number("temperature", 4.5 + of_day + noise + if chance > 0.995 { 6.0 } else { 0.0 }, 2, "°C"),
                number("humidity", 78.0 + 6.0 * noise, 0, "%"),
                flag("door_open", chance < 0.08),
                number("power", 2.4 + 0.4 * of_day + 0.2 * noise, 3, "kW"),
            ],
            Kind::Freezer => vec![
                number(
                    "temperature",
                    -21.0 + 0.8 * of_day + noise + if chance > 0.997 { 9.0 } else { 0.0 },
                    2,
                    "°C",
                ),
                flag("defrost", chance < 0.05),
                number("frost", 3.0 + 2.0 * chance, 1, "mm"),
                text(
                    "state",
                    if chance < 0.05 {
                        "defrosting"
                    } else if chance > 0.98 {
                        "Störung"
                    } else {
                        "cooling"
                    },
                ),
            ],
            Kind::Truck => {
                let site = self.device.site();
                let spread = 0.6 * of_day;
                let place =
                    (rounded(site.latitude + spread + 0.05 * noise, 5), rounded(site.longitude + spread, 5));
                vec![
                    number(
                        "cargo_temperature",
                        3.8 + 0.7 * noise + if chance > 0.996 { 7.0 } else { 0.0 },
                        2,
                        "°C",
                    ),
                    Reading { variable: "position", value: None, unit: None, location: Some(place) },
                    number("speed", (82.0 * chance).floor(), 0, "km/h"),
                    number("fuel", 180.0 + 90.0 * noise, 1, "l"),
                ]
            }
            Kind::Gateway => vec![
                number("rssi", -85.0 + 20.0 * noise, 0, "dBm"),
                number("uptime", (at.rem_euclid(20 * DAY) / 1000) as f64, 0, "s"),
                text("firmware", if at.rem_euclid(7) == 0 { "4.11.2-rc1" } else { "4.11.2" }),
            ],
            Kind::EnergyMeter => {
                self.energy += 12.5 + 3.0 * noise;
                vec![
                    number("energy", self.energy, 3, "kWh"),
                    number("power_factor", 0.95 + 0.04 * noise, 3, ""),
                    number("leakage", 2.4e-7 * (1.5 + noise), 12, "A"),
                ]
            }
        }
    }
}

fn number(variable: &'static str, value: f64, decimals: i32, unit: &'static str) -> Reading {
    let token = rounded(value, decimals).to_string();
    let value = Number::from_token(&token).ok().map(Value::Number);
    Reading { variable, value, unit: Some(unit).filter(|unit| !unit.is_empty()), location: None }
}

fn flag(variable: &'static str, value: bool) -> Reading {
    Reading { variable, value: Some(Value::Bool(value)), unit: None, location: None }
}

fn text(variable: &'static str, value: &str) -> Reading {
    Reading { variable, value: Some(Value::Text(value.to_owned())), unit: None, location: None }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (value * factor).round() / factor
}

/// The same number as some firmware writes it.
fn exponent(number: &Number) -> Option<Value> {
    Number::from_token(&format!("{:E}", number.as_f64())).ok().map(Value::Number)
}

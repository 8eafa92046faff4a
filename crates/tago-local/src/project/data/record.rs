//! The fields of one record: as they arrive, and what they may hold.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tago_api::Time;

use crate::project::call::{Refused, json};

/// A record as a client writes it. Other fields are ignored, as on the platform.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a record: an object with variable and value")]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) variable: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) unit: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) group: Option<&'a RawValue>,
    #[serde(borrow)]
    serie: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) location: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    lat: Option<&'a RawValue>,
    #[serde(borrow)]
    lng: Option<&'a RawValue>,
    #[serde(borrow)]
    coordinates: Option<Vec<&'a RawValue>>,
}

const VALUE_BYTES: usize = 6_000;
const METADATA_BYTES: usize = 10_000;
/// Levels of JSON that every reader takes.
const LEVELS: usize = 100;

/// Reads a record, or a list of records.
pub(super) fn read(body: &[u8]) -> Result<Vec<Wire<'_>>, Refused> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let wires = match first {
        Some(b'[') => json(body),
        _ => json(body).map(|one| vec![one]),
    };
    wires.map_err(|error| Refused::bad(format!("The body is not a record or a list of records: {error}")))
}

impl<'a> Wire<'a> {
    pub(super) fn variable(&self) -> Result<Cow<'a, str>, String> {
        const RULE: &str = "variable must be a text of 1 to 100 characters a-z, 0-9 and _";
        let name = self.variable.and_then(text).ok_or(RULE)?;
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            name
        };
        let fits =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if fits && (1..=100).contains(&name.len()) { Ok(name) } else { Err(RULE.to_owned()) }
    }

    /// The value's JSON, as it arrived.
    pub(super) fn value(&self) -> Result<Option<&'a str>, String> {
        let Some(raw) = self.value.map(RawValue::get) else { return Ok(None) };
        let fits = match raw.as_bytes().first() {
            Some(b'{' | b'[') | None => false,
            Some(b'"' | b't' | b'f') => true,
            Some(_) => serde_json::from_str::<f64>(raw).is_ok_and(f64::is_finite),
        };
        if !fits {
            return Err("value must be a text, a finite number, true or false".to_owned());
        }
        if raw.len() > VALUE_BYTES {
            return Err(format!("value must be at most {VALUE_BYTES} bytes of JSON"));
        }
        if !is_readable(raw) {
            return Err("value must be a text of whole Unicode characters".to_owned());
        }
        Ok(Some(raw))
    }

    pub(super) fn unit(&self) -> Result<Option<Cow<'a, str>>, String> {
        optional_text(self.unit, "unit must be a text of at most 25 characters", |unit| {
            unit.chars().count() <= 25
        })
    }

    pub(super) fn group(&self) -> Result<Option<Cow<'a, str>>, String> {
        const RULE: &str = "group must be a text of 1 to 100 characters without spaces";
        optional_text(self.group.or(self.serie), RULE, |group| {
            (1..=100).contains(&group.chars().count()) && !group.contains(char::is_whitespace)
        })
    }

    pub(super) fn time(&self) -> Result<Option<Time>, String> {
        const RULE: &str = "time must be a date such as 2026-11-22T04:30:00.000Z or milliseconds since 1970";
        let Some(raw) = self.time else { return Ok(None) };
        let time = match text(raw) {
            Some(text) => text.trim().parse().ok(),
            None => match raw.get().parse::<f64>() {
                Ok(millis) if (Time::MIN.millis() as f64..=Time::MAX.millis() as f64).contains(&millis) => {
                    Some(Time::from_millis(millis as i64))
                }
                _ => None,
            },
        };
        time.map(Some).ok_or_else(|| RULE.to_owned())
    }

    /// The location as a GeoJSON point.
    pub(super) fn location(&self) -> Result<Option<String>, String> {
        const RULE: &str =
            "location must be {lat, lng} or a GeoJSON point, lat -90 to 90 and lng -180 to 180";
        let Some(raw) = self.location else { return Ok(None) };
        let place: Place<'_> = serde_json::from_str(raw.get()).map_err(|_| RULE)?;
        let (lng, lat) = match (&place, place.coordinates.as_deref()) {
            (_, Some([lng, lat])) => (*lng, *lat),
            (Place { lat: Some(lat), lng: Some(lng), .. }, None) => (*lng, *lat),
            _ => return Err(RULE.to_owned()),
        };
        let within = |number: &RawValue, most: f64| {
            serde_json::from_str::<f64>(number.get()).is_ok_and(|number| number.abs() <= most)
        };
        if !within(lat, 90.0) || !within(lng, 180.0) {
            return Err(RULE.to_owned());
        }
        Ok(Some(format!(r#"{{"type":"Point","coordinates":[{},{}]}}"#, lng.get(), lat.get())))
    }

    pub(super) fn metadata(&self) -> Result<Option<&'a str>, String> {
        let Some(raw) = self.metadata.map(RawValue::get) else { return Ok(None) };
        if !raw.starts_with('{') || raw.len() > METADATA_BYTES {
            return Err(format!("metadata must be an object of at most {METADATA_BYTES} bytes of JSON"));
        }
        if !is_readable(raw) {
            return Err(format!(
                "metadata must be at most {LEVELS} levels deep, of whole Unicode characters"
            ));
        }
        Ok(Some(raw))
    }
}

/// Whether any client can read this JSON again: it is not too deep, and escapes whole characters. What
/// cannot be otherwise is not looked at.
fn is_readable(raw: &str) -> bool {
    let opened = raw.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    (opened <= LEVELS || depth(raw) <= LEVELS)
        && (!raw.contains("\\u") || serde_json::from_str::<serde_json::Value>(raw).is_ok())
}

fn depth(raw: &str) -> usize {
    let (mut level, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !quoted => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn optional_text<'a>(
    raw: Option<&'a RawValue>,
    rule: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<Option<Cow<'a, str>>, String> {
    match raw {
        None => Ok(None),
        Some(raw) => text(raw).filter(|text| fits(text)).map(Some).ok_or_else(|| rule.to_owned()),
    }
}

/// The text of a JSON string; borrowed when nothing in it is escaped.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(raw.get()).ok() } else { Some(Cow::Borrowed(inside)) }
}

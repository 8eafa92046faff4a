//! Actions of the target as the storm guard sees them: what sets each off, and whether it would act.

use serde::Serialize;
use serde_json::{Map, Value};
use tago_api::{ActionId, DeviceId};

use crate::device::Tag;
use crate::plan::Seal;

pub(crate) mod newer;

/// An action of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct PlatformAction {
    /// Its id.
    pub id: ActionId,
    /// Its name.
    pub name: String,
    /// Whether it acts when it is set off.
    pub active: bool,
    /// When it acted last, as the platform says it.
    pub last_triggered: Option<String>,
    /// What sets it off.
    pub triggers: Vec<Trigger>,
}

/// What sets an action off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Trigger {
    /// A record of one of these devices arrives.
    Record {
        /// Which devices.
        on: Watched,
        /// The variable; any if `None`.
        variable: Option<String>,
        /// Which values.
        test: Test,
    },
    /// A device is made, changed or deleted.
    Device {
        /// `create`, `update` or `delete`.
        when: String,
        /// The tag that it must have.
        tag: Option<(String, Option<String>)>,
    },
    /// Nobody can tell.
    Unknown,
}

/// Devices that a trigger watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Watched {
    /// One.
    Device(DeviceId),
    /// Those with a tag of this name, and of this value if there is one.
    Tagged(String, Option<String>),
    /// Any, as far as one can tell.
    Any,
}

/// Values that set an action off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Test {
    /// Every one, as far as one can tell.
    Any,
    /// Numbers less than this.
    Less(f64),
    /// Numbers greater than this.
    Greater(f64),
    /// This number.
    Equal(f64),
    /// Every other number.
    Other(f64),
    /// Numbers between these, both included.
    Between(f64, f64),
}

/// Types of action that neither records nor devices set off.
const BY_OTHERS: [&str; 4] = ["interval", "schedule", "mqtt_topic", "usage_alert"];

impl PlatformAction {
    /// From its fields on the wire.
    pub fn of(id: ActionId, fields: &Map<String, Value>) -> PlatformAction {
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let parts = match fields.get("trigger") {
            Some(Value::Array(parts)) => parts.as_slice(),
            _ => &[],
        };
        let kind = text("type").unwrap_or_default();
        let triggers = match kind {
            kind if BY_OTHERS.contains(&kind) => Vec::new(),
            "resource" => parts.iter().filter_map(of_resource).collect(),
            "condition" | "condition_geofence" => parts.iter().map(of_record).collect(),
            _ => vec![Trigger::Unknown],
        };
        PlatformAction {
            id,
            name: text("name").unwrap_or_default().to_owned(),
            active: fields.get("active") != Some(&Value::Bool(false)),
            last_triggered: text("last_triggered").filter(|moment| *moment != "never").map(str::to_owned),
            triggers,
        }
    }

    /// The hash of what sets it off.
    pub(crate) fn trigger_seal(&self) -> Seal {
        // Nothing of it can fail to be written: there is no map, and a number that is none is written as null.
        Seal::of(&serde_json::to_vec(&self.triggers).unwrap_or_default())
    }
}

/// `None` if it watches another type of resource.
fn of_resource(part: &Value) -> Option<Trigger> {
    let word = |field: &str| part[field].as_str().unwrap_or_default();
    ["device", "bucket", ""]
        .contains(&word("resource"))
        .then(|| Trigger::Device { when: word("when").to_owned(), tag: tag(part) })
}

fn of_record(part: &Value) -> Trigger {
    let device = ["device", "bucket"].into_iter().find_map(|field| part[field].as_str());
    let on = match (device.map(str::parse), tag(part)) {
        (Some(Ok(device)), _) => Watched::Device(device),
        (_, Some((key, value))) => Watched::Tagged(key, value),
        _ => Watched::Any,
    };
    let variable = part["variable"].as_str().filter(|name| !name.is_empty() && *name != "*");
    Trigger::Record { on, variable: variable.map(str::to_owned), test: Test::of(part) }
}

fn tag(part: &Value) -> Option<(String, Option<String>)> {
    let key = part["tag_key"].as_str().filter(|key| !key.is_empty())?;
    let value = part["tag_value"].as_str().filter(|value| !value.is_empty());
    Some((key.to_owned(), value.map(str::to_owned)))
}

impl Watched {
    /// Whether it watches a device of this id, if it has one yet, and these tags.
    pub(crate) fn watches<'a>(
        &self,
        device: Option<DeviceId>,
        mut tags: impl Iterator<Item = &'a Tag>,
    ) -> bool {
        match self {
            Watched::Device(watched) => device == Some(*watched),
            Watched::Tagged(key, value) => tags.any(|tag| is_tag(tag, key, value.as_deref())),
            Watched::Any => true,
        }
    }
}

pub(crate) fn is_tag(tag: &Tag, key: &str, value: Option<&str>) -> bool {
    tag.key == key && value.is_none_or(|value| tag.value == value)
}

impl Test {
    fn of(part: &Value) -> Test {
        let number = |field: &str| match &part[field] {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match (part["is"].as_str(), number("value"), number("second_value")) {
            (Some("<"), Some(limit), _) => Test::Less(limit),
            (Some(">"), Some(limit), _) => Test::Greater(limit),
            (Some("="), Some(value), _) => Test::Equal(value),
            (Some("!"), Some(value), _) => Test::Other(value),
            (Some("><"), Some(low), Some(high)) => Test::Between(low.min(high), low.max(high)),
            _ => Test::Any,
        }
    }

    /// Whether a value may set the action off. Only numbers are told apart: how the platform compares
    /// anything else, nobody knows.
    pub(crate) fn may_hold(&self, value: Option<f64>) -> bool {
        let Some(value) = value else { return true };
        match self {
            Test::Any => true,
            Test::Less(limit) => value < *limit,
            Test::Greater(limit) => value > *limit,
            Test::Equal(other) => value == *other,
            Test::Other(other) => value != *other,
            Test::Between(low, high) => (*low..=*high).contains(&value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(json: Value) -> PlatformAction {
        let Value::Object(fields) = json else { panic!("{json}") };
        PlatformAction::of(ActionId::from_bytes([1; 12]), &fields)
    }

    #[test]
    fn what_sets_an_action_off_is_read_from_its_triggers() {
        let found = action(serde_json::json!({
            "name": "Too warm", "type": "condition", "active": true, "last_triggered": "never",
            "trigger": [
                { "tag_key": "type", "tag_value": "freezer", "variable": "temperature", "is": ">", "value": "-14" },
                { "device": "0101010101010101010101ff", "variable": "door", "is": "=", "value": false },
                { "variable": "door", "is": "*" },
            ],
        }));
        assert_eq!((found.active, found.last_triggered), (true, None));
        let record =
            |on, variable: &str, test| Trigger::Record { on, variable: Some(variable.to_owned()), test };
        let freezer = Watched::Tagged("type".into(), Some("freezer".into()));
        assert_eq!(
            found.triggers,
            [
                record(freezer, "temperature", Test::Greater(-14.0)),
                record(Watched::Device("0101010101010101010101ff".parse().unwrap()), "door", Test::Any),
                record(Watched::Any, "door", Test::Any),
            ]
        );
    }

    #[test]
    fn what_is_not_understood_counts_as_set_off() {
        let unknown = action(serde_json::json!({ "type": "condition_of_tomorrow", "name": "?" }));
        assert_eq!((unknown.active, unknown.triggers), (true, vec![Trigger::Unknown]));
        let never = action(serde_json::json!({ "type": "schedule", "trigger": [{ "cron": "0 6 * * *" }] }));
        assert!(never.triggers.is_empty());
        let made = action(serde_json::json!({
            "type": "resource",
            "trigger": [{ "resource": "device", "when": "create" }, { "resource": "file", "when": "create" }],
        }));
        assert_eq!(made.triggers, [Trigger::Device { when: "create".into(), tag: None }]);
        assert!(Test::Greater(4.0).may_hold(None), "a text may be compared in any way");
        assert!(Test::Greater(4.0).may_hold(Some(4.5)) && !Test::Greater(4.0).may_hold(Some(4.0)));
        assert!(Test::Between(1.0, 2.0).may_hold(Some(2.0)) && !Test::Between(1.0, 2.0).may_hold(Some(2.1)));
    }
}

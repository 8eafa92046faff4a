//! Devices as the engine moves and compares them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tago_api::{DeviceId, ParamId, Time};

use crate::json::Json;
use crate::plan::Seal;

/// A device with everything that can be carried to another project.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its id in the project that it was read from.
    pub id: DeviceId,
    /// What can be carried.
    pub definition: Definition,
    /// Whether that is all. A list need not tell every field; what is read of one device does.
    pub is_whole: bool,
    /// When data last arrived for it, if that is told.
    pub last_input: Option<Time>,
}

/// The fields of a device that can be carried to another project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// 1 to 100 characters.
    pub name: String,
    /// `mutable`, `immutable`, `hybrid` or `legacy`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An inactive device refuses data.
    pub active: bool,
    /// Whether lists show it.
    pub visible: bool,
    /// In the project's own order.
    pub tags: Vec<Tag>,
    /// Every other field that can be written, under its wire name (`description`, `network`,
    /// `connector`, `payload_decoder`, `connector_parse`, `chunk_period`, `chunk_retention`,
    /// `mutable_variable_regex`); absent and null fields are left out.
    pub fields: BTreeMap<String, Json>,
}

impl Definition {
    /// Whether a payload parser, its own or its connector's (its network's is not known here), sees its records on arrival.
    pub(crate) fn parses(&self) -> bool {
        let field = |name: &str| self.fields.get(name).map_or("", Json::as_str);
        !matches!(field("payload_decoder"), "" | "\"\"") || field("connector_parse") == "true"
    }
}

/// A tag of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// At most 1 kB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
}

/// A configuration parameter of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its id in the project that it was read from.
    pub id: ParamId,
    /// The name; several parameters may share one.
    pub key: String,
    /// The value.
    pub value: String,
    /// Whether the device has taken it.
    pub sent: bool,
}

/// A parameter to add (no id) or to edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamWrite {
    /// The parameter to edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ParamId>,
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// Whether the device has taken it.
    pub sent: bool,
}

/// A token as a list shows it: never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What the port removes it by: an id, or the same as `fingerprint`.
    pub id: String,
    /// The first digits of the SHA-256 of the secret.
    pub fingerprint: Fingerprint,
    /// The name that its maker gave it.
    pub name: String,
    /// `full`, `write`, `read` or `deny`.
    pub permission: String,
    /// The serial number by which a network finds the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// When it ends; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// Whether the port holds its secret, so that `send` can use it.
    #[serde(skip)]
    pub usable: bool,
}

impl Token {
    /// Whether it may write data at `now` and the port can use it.
    pub fn writes_at(&self, now: Time) -> bool {
        self.usable
            && matches!(self.permission.as_str(), "full" | "write")
            && self.expires.is_none_or(|end| end > now)
    }
}

/// The hash of all that can be carried of a device and its parameters, in whatever spelling it arrived.
pub(crate) fn seal(definition: &Definition, params: &[Param]) -> Seal {
    Seal::of(described(definition, params).join("\n").as_bytes())
}

/// The names of what differs between two devices.
pub(crate) fn differences(a: (&Definition, &[Param]), b: (&Definition, &[Param])) -> Vec<String> {
    let (one, other) = (described(a.0, a.1), described(b.0, b.1));
    let differing = one.iter().filter(|line| !other.contains(line));
    let differing = differing.chain(other.iter().filter(|line| !one.contains(line)));
    let names: BTreeSet<String> = differing
        .filter_map(|line| serde_json::from_str::<(String, String)>(line).ok())
        .map(|(name, _)| name)
        .collect();
    names.into_iter().collect()
}

/// One line for each field, tag and parameter, in one spelling: its name and its content.
fn described(definition: &Definition, params: &[Param]) -> Vec<String> {
    let line = |name: &str, content: String| serde_json::to_string(&(name, content)).unwrap_or_default();
    let mut lines = vec![
        line("name", definition.name.clone()),
        line("type", definition.kind.clone()),
        line("active", definition.active.to_string()),
        line("visible", definition.visible.to_string()),
    ];
    for tag in &definition.tags {
        let metadata = tag.metadata.as_ref().map(Json::canonical).unwrap_or_default();
        let content = serde_json::to_string(&(&tag.value, metadata)).unwrap_or_default();
        lines.push(line(&format!("tag {}", tag.key), content));
    }
    for (name, field) in &definition.fields {
        lines.push(line(name, field.canonical()));
    }
    let mut params: Vec<String> = params
        .iter()
        .map(|param| {
            let content = serde_json::to_string(&(&param.value, param.sent)).unwrap_or_default();
            line(&format!("parameter {}", param.key), content)
        })
        .collect();
    params.sort_unstable();
    lines.extend(params);
    lines
}

/// The first eight hexadecimal digits of the SHA-256 of a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a secret at hand.
    pub fn of(secret: &str) -> Fingerprint {
        let digest = Sha256::digest(secret.as_bytes());
        Fingerprint(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Of a longer one that the platform shows: its first eight digits.
    pub fn shortened(digest: &str) -> Fingerprint {
        Fingerprint(digest.chars().take(8).collect())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fields of a device to set; what is `None` or not in `fields` stays as it is. In `fields` a JSON
/// null clears one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceEdit {
    /// A new name.
    pub name: Option<String>,
    /// Whether it takes data.
    pub active: Option<bool>,
    /// Whether lists show it.
    pub visible: Option<bool>,
    /// All its tags.
    pub tags: Option<Vec<Tag>>,
    /// Other fields under their wire names.
    pub fields: BTreeMap<String, Json>,
}

impl DeviceEdit {
    /// What a device is once this is done to it.
    pub(crate) fn applied_to(&self, definition: &Definition) -> Definition {
        let mut after = definition.clone();
        after.name = self.name.clone().unwrap_or(after.name);
        after.active = self.active.unwrap_or(after.active);
        after.visible = self.visible.unwrap_or(after.visible);
        after.tags = self.tags.clone().unwrap_or(after.tags);
        for (field, value) in &self.fields {
            if value.is_null() {
                after.fields.remove(field);
            } else {
                after.fields.insert(field.clone(), value.clone());
            }
        }
        after
    }
}

/// What a device was, with its parameters, before a run changed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Former {
    pub(crate) definition: Definition,
    pub(crate) params: Vec<ParamWrite>,
}

impl Former {
    pub(crate) fn of(definition: &Definition, params: &[Param]) -> Former {
        let param = |param: &Param| ParamWrite {
            id: Some(param.id),
            key: param.key.clone(),
            value: param.value.clone(),
            sent: param.sent,
        };
        Former { definition: definition.clone(), params: params.iter().map(param).collect() }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A network or a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The name that the catalogue gives it.
    pub name: String,
}

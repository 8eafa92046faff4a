use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::{Api, BY_ID};
use super::error::ApiError;
use super::record::DeviceApi;
use super::transport::Call;
use crate::{ConnectorId, DeviceId, NetworkId, ParamId, ProfileId, Time};

/// A device as lists and single reads show it; a list has only the fields that were asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct Device {
    /// Equal on both sides of a restore.
    pub id: DeviceId,
    /// 1 to 100 characters.
    pub name: String,
    /// The owner's labels.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// The profile it lives in.
    #[serde(default)]
    pub profile: Option<ProfileId>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// `mutable`, `immutable`, `hybrid` or the older `legacy`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Where it connects.
    #[serde(default)]
    pub network: Option<NetworkId>,
    /// How it speaks.
    #[serde(default)]
    pub connector: Option<ConnectorId>,
    /// An inactive device takes no data.
    #[serde(default)]
    pub active: Option<bool>,
    /// Whether lists in the platform's own pages show it.
    #[serde(default)]
    pub visible: Option<bool>,
    /// Base64 of a script. The outer `None`: this answer does not tell, as lists often do not.
    #[serde(default, deserialize_with = "told")]
    pub payload_decoder: Option<Option<String>>,
    /// Whether the connector's own script runs as well.
    #[serde(default)]
    pub connector_parse: Option<bool>,
    /// Immutable and hybrid: `day`, `week`, `month` or `quarter`.
    #[serde(default)]
    pub chunk_period: Option<String>,
    /// Immutable and hybrid: periods that are kept.
    #[serde(default)]
    pub chunk_retention: Option<u32>,
    /// Hybrid: which variables are mutable.
    #[serde(default)]
    pub mutable_variable_regex: Option<String>,
    /// When it last sent.
    #[serde(default, deserialize_with = "moment_or_never")]
    pub last_input: Option<Time>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Time>,
    /// When it was last edited.
    #[serde(default)]
    pub updated_at: Option<Time>,
}

/// A label of a resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tag {
    /// Name of the label.
    pub key: String,
    /// Its text.
    pub value: String,
    /// At most 1 kB of the owner's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
}

/// Which devices, and how much of each.
#[derive(Debug, Clone, Default)]
pub struct DeviceQuery {
    /// Fields beside id, name and tags.
    pub fields: Vec<&'static str>,
    /// Name with `*` as wildcard.
    pub name: Option<String>,
    /// All of these labels; a label without a value means any value.
    pub tags: Vec<(String, Option<String>)>,
}

/// Other fields under their wire names, for example `network`, `connector` or `chunk_period`.
pub type Fields = BTreeMap<String, Box<RawValue>>;

/// A device to be made. Its id cannot be chosen.
#[derive(Debug, Clone, Serialize)]
pub struct NewDevice {
    /// 1 to 100 characters.
    pub name: String,
    /// `mutable`, `immutable` or `hybrid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An inactive device takes no data.
    pub active: bool,
    /// Whether lists show it.
    pub visible: bool,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Makes a token with this serial number, which may draw live traffic to the new device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serie_number: Option<String>,
    /// `network` and `connector` are required; the connector must support the network.
    #[serde(flatten)]
    pub fields: Fields,
}

/// Fields to change; what is `None` or absent stays.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeviceEdit {
    /// 1 to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An inactive device takes no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Whether lists show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visible: Option<bool>,
    /// All labels: these replace the ones before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// A `null` clears a field.
    #[serde(flatten)]
    pub fields: Fields,
}

/// What the platform answers to a new device.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "CreatedDeviceAnswer")]
pub struct CreatedDevice {
    /// The id it was given.
    pub device_id: DeviceId,
    /// A token is always made along with it.
    pub token: SecretString,
}

/// The description and the official client disagree about the name of the id; an answer may have both.
#[derive(Deserialize)]
struct CreatedDeviceAnswer {
    device_id: Option<DeviceId>,
    #[serde(rename = "deviceID")]
    device_id_as_described: Option<DeviceId>,
    token: SecretString,
}

impl TryFrom<CreatedDeviceAnswer> for CreatedDevice {
    type Error = &'static str;

    fn try_from(answer: CreatedDeviceAnswer) -> Result<CreatedDevice, &'static str> {
        let device_id =
            answer.device_id.or(answer.device_id_as_described).ok_or("missing field `device_id`")?;
        Ok(CreatedDevice { device_id, token: answer.token })
    }
}

/// A configuration parameter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Param {
    /// Made anew wherever it is written.
    pub id: ParamId,
    /// Name.
    pub key: String,
    /// Text.
    pub value: String,
    /// Whether the device has it.
    #[serde(default)]
    pub sent: bool,
}

/// A configuration parameter to be written: changed where it has an id, made where it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParamWrite {
    /// The one to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ParamId>,
    /// Name.
    pub key: String,
    /// Text.
    pub value: String,
    /// Whether the device has it.
    pub sent: bool,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Read and write.
    Full,
    /// Write.
    Write,
    /// Read.
    Read,
    /// Neither.
    Deny,
}

impl Permission {
    /// Whether it allows to write.
    pub fn writes(self) -> bool {
        matches!(self, Permission::Full | Permission::Write)
    }
}

/// A token of a device.
#[derive(Debug, Clone, Deserialize)]
pub struct DeviceToken {
    /// The token itself, or `*` in the place of most of it where the platform keeps it to itself.
    pub token: SecretString,
    /// By this it can be told and deleted where the token itself is not shown.
    #[serde(default)]
    pub id: Option<String>,
    /// First 16 hexadecimal digits of the token's SHA-256, where the token itself is not shown.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The owner's name for it.
    pub name: String,
    /// What it may do.
    pub permission: Permission,
    /// By this number shared networks find the device.
    #[serde(default)]
    pub serie_number: Option<String>,
    /// `None` when it does not expire.
    #[serde(default, deserialize_with = "moment_or_never")]
    pub expire_time: Option<Time>,
    /// When it was last used.
    #[serde(default, deserialize_with = "moment_or_never")]
    pub last_authorization: Option<Time>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Time>,
}

impl DeviceToken {
    /// The token itself, where the platform shows it.
    pub fn shown(&self) -> Option<&SecretString> {
        (!self.token.expose_secret().contains('*')).then_some(&self.token)
    }
}

/// A token to be made. It does not expire.
#[derive(Debug, Clone, Serialize)]
pub struct NewDeviceToken {
    /// For which device.
    pub device: DeviceId,
    /// The owner's name for it.
    pub name: String,
    /// What it may do.
    pub permission: Permission,
    /// Draws the traffic of this number to the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serie_number: Option<String>,
}

/// What the platform answers to a new token.
#[derive(Debug, Clone, Deserialize)]
pub struct CreatedToken {
    /// Shown once.
    pub token: SecretString,
    /// By this it can be told and deleted where lists do not show the token itself.
    #[serde(default)]
    pub id: Option<String>,
    /// What it may do.
    pub permission: Permission,
}

/// Devices.
impl Api {
    /// All devices that match, each once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn devices(&self, query: &DeviceQuery) -> Result<Vec<Device>, ApiError> {
        self.all_pages(|device: &Device| device.id, BY_ID, || query.onto(Call::new("GET /device"))).await
    }

    /// One device with all its fields.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn device(&self, device: DeviceId) -> Result<Device, ApiError> {
        self.transport.result(Call::new("GET /device/{device}").with(device)).await
    }

    /// Makes a device and, along with it, a token.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_device(&self, device: &NewDevice) -> Result<CreatedDevice, ApiError> {
        self.transport.result(Call::new("POST /device").json(device)?).await
    }

    /// Changes the given fields.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn edit_device(&self, device: DeviceId, edit: &DeviceEdit) -> Result<(), ApiError> {
        self.done(Call::new("PUT /device/{device}").with(device).json(edit)?).await
    }

    /// Deletes a device with its data, parameters and tokens.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_device(&self, device: DeviceId) -> Result<(), ApiError> {
        self.done(Call::new("DELETE /device/{device}").with(device)).await
    }

    /// Deletes all data of a device.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn empty_device(&self, device: DeviceId) -> Result<(), ApiError> {
        self.done(Call::new("POST /device/{device}/empty").with(device)).await
    }

    /// How many records a device has; the platform estimates it above 1,000.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn data_amount(&self, device: DeviceId) -> Result<u64, ApiError> {
        self.transport.result(Call::new("GET /device/{device}/data_amount").with(device)).await
    }

    /// The configuration parameters of a device.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn params(&self, device: DeviceId) -> Result<Vec<Param>, ApiError> {
        self.transport.result(Call::new("GET /device/{device}/params").with(device)).await
    }

    /// Makes or changes configuration parameters.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn write_params(&self, device: DeviceId, params: &[ParamWrite]) -> Result<(), ApiError> {
        self.done(Call::new("POST /device/{device}/params").with(device).json(&params)?).await
    }

    /// Deletes a configuration parameter.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_param(&self, device: DeviceId, param: ParamId) -> Result<(), ApiError> {
        self.done(Call::new("DELETE /device/{device}/params/{param}").with(device).with(param)).await
    }

    /// The tokens of a device.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn device_tokens(&self, device: DeviceId) -> Result<Vec<DeviceToken>, ApiError> {
        let call = || Call::new("GET /device/token/{device}").with(device);
        let key = |token: &DeviceToken| (token.id.clone(), token.token.expose_secret().to_owned());
        self.all_pages(key, "created_at,asc", call).await
    }

    /// Makes a token for a device.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_device_token(&self, token: &NewDeviceToken) -> Result<CreatedToken, ApiError> {
        self.transport.result(Call::new("POST /device/token").json(token)?).await
    }

    /// Deletes a token of a device, named by itself or by its id.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_device_token(&self, token: &SecretString) -> Result<(), ApiError> {
        self.done(Call::new("DELETE /device/token/{token}").with(token.expose_secret())).await
    }

    /// What this token of a device opens, at the same address.
    ///
    /// # Errors
    /// If the text cannot be a token.
    pub fn as_device(&self, token: &SecretString) -> Result<DeviceApi, ApiError> {
        Ok(DeviceApi::new(self.transport.with_token(token)?))
    }
}

impl DeviceQuery {
    /// All devices with all the fields that a list can have.
    pub fn all() -> DeviceQuery {
        DeviceQuery {
            fields: vec![
                "profile",
                "description",
                "type",
                "network",
                "connector",
                "active",
                "visible",
                "payload_decoder",
                "connector_parse",
                "chunk_period",
                "chunk_retention",
                "mutable_variable_regex",
                "last_input",
                "created_at",
                "updated_at",
            ],
            ..DeviceQuery::default()
        }
    }

    fn onto(&self, mut call: Call) -> Call {
        for (i, field) in ["id", "name", "tags"].iter().chain(&self.fields).enumerate() {
            call = call.query(format!("fields[{i}]"), field);
        }
        if let Some(name) = &self.name {
            call = call.query("filter[name]", name);
        }
        for (i, (key, value)) in self.tags.iter().enumerate() {
            call = call.query(format!("filter[tags][{i}][key]"), key);
            if let Some(value) = value {
                call = call.query(format!("filter[tags][{i}][value]"), value);
            }
        }
        call
    }
}

/// A moment, `null`, or the word `never`.
pub(super) fn moment_or_never<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Time>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("never") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// A field that is there, also as `null`.
fn told<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

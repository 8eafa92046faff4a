//! The client's types and the engine's, one into the other.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tago_api::client as api;

use crate::device::{Definition, Device, DeviceEdit, Fingerprint, Named, Param, ParamWrite, Tag, Token};
use crate::json::Json;
use crate::ports::PortError;
use crate::record::Record;

pub(super) fn device(device: api::Device) -> Result<Device, PortError> {
    let missing = |field: &str| PortError::Undecodable {
        message: format!("device {} came without the field {field}", device.id),
    };
    let is_whole = device.payload_decoder.is_some();
    let texts = [
        ("description", device.description),
        ("network", device.network.map(|id| id.to_string())),
        ("connector", device.connector.map(|id| id.to_string())),
        ("payload_decoder", device.payload_decoder.flatten()),
        ("chunk_period", device.chunk_period),
        ("mutable_variable_regex", device.mutable_variable_regex),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, Json::text(&text?))));
    let others = [
        ("connector_parse", device.connector_parse.map(|parse| parse.to_string())),
        ("chunk_retention", device.chunk_retention.map(|periods| periods.to_string())),
    ];
    let others = others.into_iter().filter_map(|(name, text)| Some((name, Json::from_text(text?).ok()?)));
    let definition = Definition {
        name: device.name,
        kind: device.kind.ok_or_else(|| missing("type"))?,
        active: device.active.ok_or_else(|| missing("active"))?,
        visible: device.visible.ok_or_else(|| missing("visible"))?,
        tags: device.tags.into_iter().map(tag).collect(),
        fields: texts.chain(others).map(|(name, json)| (name.to_owned(), json)).collect(),
    };
    Ok(Device { id: device.id, definition, is_whole, last_input: device.last_input })
}

pub(super) fn new_device(device: &Definition) -> api::NewDevice {
    api::NewDevice {
        name: device.name.clone(),
        kind: device.kind.clone(),
        active: device.active,
        visible: device.visible,
        tags: device.tags.iter().map(new_tag).collect(),
        serie_number: None,
        fields: fields(&device.fields),
    }
}

pub(super) fn edit(edit: &DeviceEdit) -> api::DeviceEdit {
    api::DeviceEdit {
        name: edit.name.clone(),
        active: edit.active,
        visible: edit.visible,
        tags: edit.tags.as_ref().map(|tags| tags.iter().map(new_tag).collect()),
        fields: fields(&edit.fields),
    }
}

pub(super) fn record(record: api::Record) -> Record {
    Record {
        id: Some(record.id),
        variable: record.variable,
        value: record.value,
        unit: record.unit,
        group: record.group,
        time: record.time,
        location: record.location.and_then(json),
        metadata: record.metadata.and_then(json),
    }
}

pub(super) fn param(param: api::Param) -> Param {
    Param { id: param.id, key: param.key, value: param.value, sent: param.sent }
}

pub(super) fn param_write(param: &ParamWrite) -> api::ParamWrite {
    api::ParamWrite { id: param.id, key: param.key.clone(), value: param.value.clone(), sent: param.sent }
}

pub(super) fn token(token: api::DeviceToken, fingerprint: Fingerprint) -> Token {
    Token {
        id: token.id.unwrap_or_else(|| fingerprint.to_string()),
        fingerprint,
        name: token.name,
        permission: permission(token.permission).to_owned(),
        serial: token.serie_number,
        expires: token.expire_time,
        usable: false,
    }
}

pub(super) fn permission(permission: api::Permission) -> &'static str {
    match permission {
        api::Permission::Full => "full",
        api::Permission::Write => "write",
        api::Permission::Read => "read",
        api::Permission::Deny => "deny",
    }
}

pub(super) fn named<I: ToString>(resource: api::Resource<I>) -> Named {
    Named { id: resource.id.to_string(), name: resource.name }
}

fn tag(tag: api::Tag) -> Tag {
    Tag { key: tag.key, value: tag.value, metadata: tag.metadata.and_then(json) }
}

fn new_tag(tag: &Tag) -> api::Tag {
    api::Tag { key: tag.key.clone(), value: tag.value.clone(), metadata: tag.metadata.as_ref().and_then(raw) }
}

fn fields(fields: &BTreeMap<String, Json>) -> api::Fields {
    fields.iter().filter_map(|(name, json)| Some((name.clone(), raw(json)?))).collect()
}

/// It was JSON a moment ago, so neither way can fail.
fn json(raw: Box<RawValue>) -> Option<Json> {
    Json::from_text(Box::<str>::from(raw).into()).ok()
}

fn raw(json: &Json) -> Option<Box<RawValue>> {
    RawValue::from_string(json.as_str().to_owned()).ok()
}

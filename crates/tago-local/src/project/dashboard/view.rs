//! Data and devices through a widget.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::{Viewer, origin, text, widget};
use crate::project::call::{Answer, Call, Refused};
use crate::project::query_text::QueryText;
use crate::project::resource::{ANALYSIS, Body, find};
use crate::project::store::Writing;
use crate::project::{analysis, data, device, entity};

/// What the widget shows: for each item of its data the records that the item asks for.
pub(in crate::project) async fn ask(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = widget::of(&call);
    let viewer = Viewer::of(&call);
    let now = call.project.0.shared.clock.now();
    let ids = call.project.0.ids.clone();
    let overwrite: Vec<(String, String)> = call
        .query
        .nested("overwrite")
        .into_iter()
        .filter_map(|(path, value)| Some((path.first()?.to_string(), value.to_owned())))
        .collect();
    let chosen = chosen_devices(&call.query);
    let content = call
        .read(move |db| {
            viewer.check(&dashboard, Some(&id))?;
            let widget = widget::find(db, &dashboard, &id)?;
            let mut content = Vec::new();
            for item in widget["data"].as_array().into_iter().flatten() {
                if let Some(entity) = text(&item["entity"]) {
                    let rows = entity::answer(db, &entity, &question(item, &overwrite))?;
                    content.push(json_of(item, raw(&rows)?)?);
                    continue;
                }
                let device = origin(item).map(|origin| chosen.get(&origin).cloned().unwrap_or(origin));
                let records = match device.filter(|device| device::number(db, device).is_ok()) {
                    Some(device) => data::answer(db, &ids, &device, &question(item, &overwrite), now)?,
                    None => b"[]".to_vec(),
                };
                content.push(json_of(item, written(records)?)?);
            }
            raw(&BTreeMap::from([("widget", raw(&widget)?), ("content", raw(&content)?)]))
        })
        .await?;
    Ok(Answer::raw_json(content.get().as_bytes()))
}

/// Stores records that were entered in the widget, each on the device that it names.
pub(in crate::project) async fn send(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = widget::of(&call);
    let bypasses = call.query.flag("bypass_bucket")?;
    let now = call.project.0.shared.clock.now();
    let by_origin = by_origin(&call.body)?;
    let count = by_origin.values().map(Vec::len).sum::<usize>();
    let batches = by_origin
        .into_iter()
        .map(|(device, records)| Ok((device, data::Incoming::parse(raw(&records)?.get().as_bytes(), now)?)))
        .collect::<Result<Vec<_>, Refused>>()?;
    let sent: Value = call.json()?;
    call.write(move |writing| {
        let widget = widget::find(writing.db, &dashboard, &id)?;
        for (device, batch) in batches {
            device::number(writing.db, &device)?;
            if !bypasses {
                batch.store(writing, &device)?;
            }
        }
        run_analysis(writing, &widget, &sent)
    })
    .await?;
    Answer::accepted(format!("{count} Data Added"))
}

pub(in crate::project) async fn edit(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = widget::of(&call);
    let bypasses = call.query.flag("bypass_bucket")?;
    let ids = call.project.0.ids.clone();
    let edits = by_origin(&call.body)?
        .into_iter()
        .map(|(device, records)| Ok((device, data::Edits::parse(raw(&records)?.get().as_bytes(), &ids)?)))
        .collect::<Result<Vec<_>, Refused>>()?;
    let sent: Value = call.json()?;
    let changed = call
        .write(move |writing| {
            let widget = widget::find(writing.db, &dashboard, &id)?;
            let mut changed = 0;
            for (device, edits) in &edits {
                if !bypasses {
                    changed += edits.apply(writing, device)?;
                }
            }
            run_analysis(writing, &widget, &sent)?;
            Ok(changed)
        })
        .await?;
    Answer::ok(format!("{changed} item(s) updated"))
}

/// Removes records; `ids` are pairs of record and device, such as `<record>:<device>`.
pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = widget::of(&call);
    let mut by_device: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for pair in call.query.list("ids") {
        let (record, device) = pair.split_once(':').ok_or_else(|| {
            Refused::bad("ids must be pairs of a record and its device, such as <record>:<device>")
        })?;
        by_device.entry(device.to_owned()).or_default().push(("ids".to_owned(), record.to_owned()));
    }
    let now = call.project.0.shared.clock.now();
    let ids = call.project.0.ids.clone();
    let removed = call
        .write(move |writing| {
            widget::find(writing.db, &dashboard, &id)?;
            let mut removed = 0;
            for (device, records) in by_device {
                removed += data::remove_asked(writing, &ids, &device, &QueryText::of(records), now)?;
            }
            Ok(removed)
        })
        .await?;
    Answer::ok(format!("{removed} Data Removed"))
}

/// Edits devices in the fields that the widget shows: `name`, `active`, `tags.<key>`, `param.<key>`.
pub(in crate::project) async fn change_resources(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = widget::of(&call);
    let sent: Value = call.json()?;
    call.write(move |writing| {
        let widget = widget::find(writing.db, &dashboard, &id)?;
        for change in sent.as_array().map_or(std::slice::from_ref(&sent), Vec::as_slice) {
            let change =
                change.as_object().ok_or_else(|| Refused::bad("The body must be an object or a list"))?;
            change_device(writing, change)?;
        }
        run_analysis(writing, &widget, &sent)
    })
    .await?;
    Answer::ok("Successfully Updated")
}

fn change_device(writing: &mut Writing<'_>, change: &Body) -> Result<(), Refused> {
    let id = change.get("device").and_then(Value::as_str);
    let id = id.ok_or_else(|| Refused::bad("device is required: the id of a device"))?;
    let mut device = Body::new();
    let mut tags = device::described(writing.db, id)?["tags"].as_array().cloned().unwrap_or_default();
    let mut params = Vec::new();
    for (field, value) in change.iter().filter(|(field, _)| *field != "device") {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(truth) => truth.to_string(),
            _ => return Err(Refused::bad(format!("{field} must be a text, true or false"))),
        };
        match field.split_once('.') {
            None if matches!(field.as_str(), "name" | "active") => {
                device.insert(field.clone(), value.clone());
            }
            Some(("tags", key)) => match tags.iter_mut().find(|tag| tag["key"] == key) {
                Some(tag) => tag["value"] = text.into(),
                None => tags.push(json!({ "key": key, "value": text })),
            },
            Some(("param", key)) => params.push(json!({ "key": key, "value": text })),
            _ => return Err(Refused::bad(format!("{field} cannot be edited in a widget"))),
        }
    }
    device.insert("tags".into(), tags.into());
    device::change(writing, id, &Value::Object(device))?;
    device::Params::parse(&params.into())?.put_by_key(writing, id)
}

/// An analysis of the widget is told what was entered.
fn run_analysis(writing: &mut Writing<'_>, widget: &Body, sent: &Value) -> Result<(), Refused> {
    let Some(run) = widget["analysis_run"].as_str().filter(|id| !id.is_empty()) else { return Ok(()) };
    match find(writing.db, ANALYSIS, run)? {
        Some(analysis) => analysis::note_run(writing, &analysis, sent),
        None => Ok(()),
    }
}

/// The records of a body by the device that each names.
fn by_origin(body: &[u8]) -> Result<BTreeMap<String, Vec<Box<RawValue>>>, Refused> {
    let bad = |error| Refused::bad(format!("The body is not what this route takes: {error}"));
    let items: Vec<Box<RawValue>> = if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(body).map_err(bad)?
    } else {
        vec![serde_json::from_slice(body).map_err(bad)?]
    };
    let mut by_origin: BTreeMap<String, Vec<Box<RawValue>>> = BTreeMap::new();
    for (place, item) in items.into_iter().enumerate() {
        let named: Value = serde_json::from_str(item.get()).map_err(bad)?;
        let device = origin(&named).ok_or_else(|| {
            Refused::bad(format!("Record {}: origin must be the id of a device", place + 1))
        })?;
        by_origin.entry(device).or_default().push(item);
    }
    Ok(by_origin)
}

/// The devices that were chosen for the blueprint devices of the dashboard.
fn chosen_devices(query: &QueryText) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for (path, value) in query.nested("blueprint_devices") {
        match path.as_slice() {
            [place, "id"] => parts.entry(place).or_default().0 = Some(value),
            [place, "origin"] => parts.entry(place).or_default().1 = Some(value),
            _ => {}
        }
    }
    let pairs = parts.into_values().filter_map(|(id, origin)| id.zip(origin));
    pairs.map(|(id, origin)| (id.to_owned(), origin.to_owned())).collect()
}

/// What an item of a widget's data can ask of a device or of an entity.
const QUESTION: [&str; 12] = [
    "qty",
    "query",
    "start_date",
    "end_date",
    "interval",
    "function",
    "timezone",
    "value",
    "page",
    "amount",
    "index",
    "order_by",
];

/// What an item of a widget's data asks.
fn question(item: &Value, overwrite: &[(String, String)]) -> QueryText {
    let mut asked = Vec::new();
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    for field in QUESTION {
        let overwritten = overwrite.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone());
        asked.extend(overwritten.or_else(|| plain(&item[field])).map(|value| (field.to_owned(), value)));
    }
    let variables =
        item["variables"].as_array().map_or(std::slice::from_ref(&item["variables"]), Vec::as_slice);
    asked.extend(variables.iter().filter_map(plain).map(|variable| ("variables".to_owned(), variable)));
    QueryText::of(asked)
}

fn json_of(item: &Value, result: Box<RawValue>) -> Result<BTreeMap<&'static str, Box<RawValue>>, Refused> {
    Ok(BTreeMap::from([("data", raw(item)?), ("result", result)]))
}

fn written(json: Vec<u8>) -> Result<Box<RawValue>, Refused> {
    let json = String::from_utf8(json).map_err(|error| Refused::internal(error.to_string()))?;
    RawValue::from_string(json).map_err(|error| Refused::internal(error.to_string()))
}

fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, Refused> {
    to_raw_value(value)
        .map_err(|error| Refused::internal(format!("The answer could not be written: {error}")))
}

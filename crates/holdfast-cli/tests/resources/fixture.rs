//! Fills a project, by plain requests, with one of everything.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::running::Running;

const WHOLE: &str = include_str!("../../../tago-migrate/fixtures/whole_project.json");
const LATER: &str = "000000000000000000000000";

/// Makes everything, and answers the ids by the fixture's names.
pub(crate) async fn fill(it: &Running) -> BTreeMap<String, String> {
    let rows: Vec<Value> = serde_json::from_str(WHOLE).unwrap();
    let mut ids = BTreeMap::from([("file_base".to_owned(), format!("{}/file/{}", it.api, it.profile()))]);
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        let document = filled(&row["document"], &ids);
        if let Some(id) = make(it, row, document, &ids).await {
            ids.insert(name.to_owned(), id);
        }
    }
    // What leads in a circle, now that every id is known.
    for row in &rows {
        settle(it, row, &ids).await;
    }
    ids
}

/// A row of the entity that [`damage`] deletes.
pub(crate) const LOST_ROW: &str = "0192f0c0-0000-7000-8000-000000000001";

/// Deletes one of many types, and changes some.
pub(crate) async fn damage(it: &Running, ids: &BTreeMap<String, String>) {
    for (path, name) in [
        ("/device", "truck"),
        ("/analysis", "cleanup"),
        ("/am", "policy"),
        ("/dictionary", "dict"),
        ("/dashboard", "fleet"),
        ("/run/users", "ana"),
    ] {
        it.ask("DELETE", &format!("{path}/{}", ids[name]), None).await;
    }
    let widget = format!("/dashboard/{}/widget/{}", ids["overview"], ids["dial"]);
    it.ask("DELETE", &widget, None).await;
    it.ask("DELETE", &format!("/entity/{}/data", ids["orders"]), Some(json!({"ids": [LOST_ROW]}))).await;
    it.ask("PUT", &format!("/sql/{}", ids["totals"]), Some(json!({"description": "by hand"}))).await;
}

async fn make(
    it: &Running,
    row: &Value,
    mut document: Value,
    ids: &BTreeMap<String, String>,
) -> Option<String> {
    let route = route(row["kind"].as_str().unwrap())?;
    let path = match row["parent"].as_str() {
        Some(parent) => format!("/dashboard/{}/widget", ids[parent]),
        None => route.0.to_owned(),
    };
    match row["kind"].as_str().unwrap() {
        "secret" => document["value"] = "a value".into(),
        "run_user" => document["password"] = "Correct horse 1!".into(),
        "dashboard" => document["arrangement"] = json!([]),
        _ => {}
    }
    let made = it.ask("POST", &path, Some(document)).await;
    Some(made[route.1].as_str().unwrap_or_else(|| panic!("{made}")).to_owned())
}

async fn settle(it: &Running, row: &Value, ids: &BTreeMap<String, String>) {
    let kind = row["kind"].as_str().unwrap();
    let id = row["name"].as_str().and_then(|name| ids.get(name)).cloned().unwrap_or_default();
    let document = filled(&row["document"], ids);
    assert!(!document.to_string().contains(LATER), "{document}");
    let content = row["content"].as_str().map(base64);
    let entries = row["entries"].as_object().cloned().unwrap_or_default();
    match kind {
        "file" => {
            let file = json!([{"filename": document["path"], "file": content, "public": document["public"]}]);
            it.ask("POST", "/files", Some(file)).await;
        }
        "run_configuration" => drop(it.ask("PUT", "/run", Some(document)).await),
        "widget" => {
            let dashboard = &ids[row["parent"].as_str().unwrap()];
            it.ask("PUT", &format!("/dashboard/{dashboard}/widget/{id}"), Some(document)).await;
        }
        "service_authorization" | "secret" => {}
        "device" => {
            it.ask("PUT", &format!("/device/{id}"), Some(json!({"tags": document["tags"]}))).await;
            for (key, entry) in &entries {
                let param = json!({"key": key, "value": filled(&entry["value"], ids), "sent": entry["sent"]});
                it.ask("POST", &format!("/device/{id}/params"), Some(json!([param]))).await;
            }
        }
        "entity" => {
            let rows: Vec<Value> = entries.values().map(|row| filled(row, ids)).collect();
            it.ask("POST", &format!("/entity/{id}/data"), Some(rows.into())).await;
        }
        "dictionary" => {
            for (locale, entry) in &entries {
                let body = json!({"dictionary": filled(&entry["texts"], ids), "active": entry["active"]});
                it.ask("PUT", &format!("/dictionary/{id}/{locale}"), Some(body)).await;
            }
        }
        kind => {
            let mut document = document;
            for fixed in ["type", "runtime", "run_on", "email"] {
                if kind != "action" {
                    document.as_object_mut().unwrap().remove(fixed);
                }
            }
            it.ask("PUT", &format!("{}/{id}", route(kind).unwrap().0), Some(document)).await;
            if let Some(content) = content {
                let upload =
                    json!({"file": content, "file_name": "script", "language": row["document"]["runtime"]});
                it.ask("POST", &format!("/analysis/{id}/upload"), Some(upload)).await;
            }
        }
    }
}

/// Where a type is made, and under which name its id is answered.
fn route(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "network" => ("/integration/network", "network"),
        "connector" => ("/integration/connector", "connector"),
        "secret" => ("/secrets", "id"),
        "dictionary" => ("/dictionary", "dictionary"),
        "device" => ("/device", "device_id"),
        "entity" => ("/entity", "id"),
        "analysis" => ("/analysis", "id"),
        "run_user" => ("/run/users", "user"),
        "dashboard" => ("/dashboard", "dashboard"),
        "widget" => ("", "widget"),
        "access" => ("/am", "am_id"),
        "sql" => ("/sql", "id"),
        "service_authorization" => ("/serviceauth", "token"),
        "action" => ("/action", "action"),
        _ => return None,
    })
}

fn filled(value: &Value, ids: &BTreeMap<String, String>) -> Value {
    let text = |text: &str| {
        let mut text = text.to_owned();
        while let Some(start) = text.find("{{") {
            let end = start + text[start..].find("}}").unwrap();
            let id = ids.get(&text[start + 2..end]).map_or(LATER, String::as_str).to_owned();
            text.replace_range(start..end + 2, &id);
        }
        text
    };
    match value {
        Value::String(value) => Value::String(text(value)),
        Value::Array(items) => items.iter().map(|item| filled(item, ids)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (text(key), filled(value, ids))).collect())
        }
        other => other.clone(),
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut packed = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            packed.push(if place <= chunk.len() { digit.into() } else { '=' });
        }
    }
    packed
}

//! One project with every type of resource, which refer to each other in every way that the platform
//! knows.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fake::{Fake, Stored};
use crate::resources::kind::Kind;
use crate::resources::ports::{Address, SCRIPT};

const WHOLE: &str = include_str!("../../../fixtures/whole_project.json");

/// The project, with ids that begin with these four digits.
pub(super) fn whole(number: u8, profile: &str) -> Fake {
    let rows: Vec<Value> = serde_json::from_str(WHOLE).unwrap();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        ids.insert(row["name"].as_str().unwrap().to_owned(), format!("5{number:x}2a8e3b9c1d4e00{index:08x}"));
    }
    ids.insert("file_base".to_owned(), format!("https://api.p{number}.tagoio.net/file/{profile}"));
    let fake = Fake::new(number, profile);
    for row in &rows {
        let kind: Kind = row["kind"].as_str().unwrap().parse().unwrap();
        let mut document = filled(&row["document"], &ids).as_object().unwrap().clone();
        let id = match row["id"].as_str() {
            Some(id) => filled(&json!(id), &ids).as_str().unwrap().to_owned(),
            None => ids[row["name"].as_str().unwrap()].clone(),
        };
        let parent = row["parent"].as_str().map(|parent| ids[parent].clone());
        let mut entries: BTreeMap<String, Value> = BTreeMap::new();
        for (key, entry) in row["entries"].as_object().into_iter().flatten() {
            entries.insert(key.clone(), filled(entry, &ids));
        }
        let content = row["content"].as_str().map(|text| text.as_bytes().to_vec());
        if let Some(content) = &content {
            let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
            match kind {
                Kind::File => drop(document.insert("sha256".to_owned(), sha256.into())),
                _ => drop(entries.insert(SCRIPT.to_owned(), json!({"sha256": sha256}))),
            }
        }
        fake.put(Address { kind, parent, id }, Stored { document, entries, content });
    }
    fake
}

/// A project that holds nothing but what every project holds.
pub(super) fn empty(number: u8, profile: &str) -> Fake {
    let fake = Fake::new(number, profile);
    let document = json!({"name": "New", "url": "new.run.example"}).as_object().unwrap().clone();
    let stored = Stored { document, entries: BTreeMap::new(), content: None };
    fake.put(Address::of(Kind::RunConfiguration, "run"), stored);
    fake
}

fn filled(value: &Value, ids: &BTreeMap<String, String>) -> Value {
    let text = |text: &str| {
        let mut text = text.to_owned();
        for (name, id) in ids {
            text = text.replace(&format!("{{{{{name}}}}}"), id);
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

//! Documents as they are compared: only what can be carried, in one spelling.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::kind::{Descriptor, Kind};
use crate::json::canonical_text;
use crate::plan::Seal;

/// A resource by its field names on the wire.
pub type Document = Map<String, Value>;

/// The tag by which a resource that a run made is found again.
pub(crate) const MARKER: &str = "holdfast_run";
/// The most tags that a resource may have.
pub(crate) const TAGS: usize = 30;

/// What can be carried of a resource. A field that says nothing is left out: platforms differ in whether
/// they spell it `null`, `[]`, `{}` or not at all.
pub(crate) fn carried(kind: Kind, document: &Document) -> Document {
    let row = kind.descriptor();
    let mut carried = Document::new();
    for field in row.fields {
        let Some(value) = document.get(*field) else { continue };
        let value = match (kind, *field) {
            (Kind::Entity, "schema") => without(value, |name, _| RESERVED.contains(&name)),
            (Kind::Entity, "index") => without(value, |name, _| AUTOMATIC.contains(&name)),
            (Kind::Widget, "data") => with_numeric_quantities(value),
            (Kind::Widget, "realtime") if value == "true" => Value::Bool(true),
            (Kind::RunConfiguration, _) => without_nulls(value),
            (Kind::ServiceAuthorization, "expire_time") if value == "never" => Value::Null,
            _ => value.clone(),
        };
        if !says_nothing(&value) {
            carried.insert((*field).to_owned(), value);
        }
    }
    carried
}

/// Fields and indexes that every entity has by itself.
const RESERVED: [&str; 3] = ["id", "created_at", "updated_at"];
const AUTOMATIC: [&str; 3] = ["id_idx", "id_created_at_idx", "id_updated_at_idx"];

fn without(value: &Value, is_out: impl Fn(&str, &Value) -> bool) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    Value::Object(fields.iter().filter(|(name, value)| !is_out(name, value)).map(cloned).collect())
}

fn cloned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), without_nulls(value)));
            Value::Object(fields.filter(|(_, value)| !says_nothing(value)).collect())
        }
        value => value.clone(),
    }
}

/// What takes away what is there and not wanted where objects are merged key by key.
fn merging(wanted: &Value, there: &Value) -> Value {
    let (Value::Object(wanted), Value::Object(there)) = (wanted, there) else { return wanted.clone() };
    let mut merged = wanted.clone();
    for (name, old) in there {
        let new = wanted.get(name).map_or(Value::Null, |new| merging(new, old));
        merged.insert(name.clone(), new);
    }
    Value::Object(merged)
}

/// Old dashboards spell quantities as texts, which the platform takes no longer.
fn with_numeric_quantities(data: &Value) -> Value {
    let mut data = data.clone();
    for item in data.as_array_mut().into_iter().flatten() {
        let number = item.get("qty").and_then(Value::as_str).and_then(|text| text.trim().parse::<u64>().ok());
        if let Some(number) = number {
            item["qty"] = json!(number);
        }
    }
    data
}

pub(crate) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The hash of all that can be carried of a resource.
pub(crate) fn seal(kind: Kind, document: &Document) -> Seal {
    Seal::of(canonical_text(&Value::Object(carried(kind, document))).as_bytes())
}

/// The hash of one value.
pub(crate) fn value_seal(value: &Value) -> Seal {
    Seal::of(canonical_text(value).as_bytes())
}

/// The hash of each field that can be carried.
pub(crate) fn field_seals(kind: Kind, document: &Document) -> BTreeMap<String, Seal> {
    carried(kind, document).iter().map(|(field, value)| (field.clone(), value_seal(value))).collect()
}

/// Whether a resource of the same key says what these fields say, and nothing beside.
pub(crate) fn is_as_sent(kind: Kind, sent: &BTreeMap<String, Seal>, there: &Document) -> bool {
    says(kind, sent, there, |field| kind.descriptor().key != Some(field))
}

/// Whether a resource says what these fields say, and nothing beside.
pub(crate) fn is_as_left(kind: Kind, left: &BTreeMap<String, Seal>, there: &Document) -> bool {
    says(kind, left, there, |_| true)
}

fn says(
    kind: Kind,
    said: &BTreeMap<String, Seal>,
    there: &Document,
    is_compared: impl Fn(&str) -> bool,
) -> bool {
    let row = kind.descriptor();
    let there = carried(kind, there);
    let mut compared = row.fields.iter().filter(|field| !row.covered.contains(*field) && is_compared(field));
    compared.all(|field| match (said.get(*field), there.get(*field)) {
        (Some(said), Some(there)) => value_seal(there) == *said,
        (Some(_), None) => false,
        (None, there) => same(None, there),
    })
}

/// Fields that one says otherwise than the other, of those that are compared.
pub(crate) fn differences(row: &Descriptor, wanted: &Document, there: &Document) -> Vec<String> {
    let compared = row.fields.iter().filter(|field| !row.covered.contains(*field));
    let compared = compared.filter(|field| !(row.rests && **field == "active"));
    let differing = compared.filter(|field| !same(wanted.get(**field), there.get(**field)));
    differing.map(|field| (*field).to_owned()).collect()
}

pub(crate) fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other || canonical_text(one) == canonical_text(other),
        (Some(one), None) => says_nothing(one),
        // What nobody asked for has the platform's own default.
        (None, Some(other)) => says_nothing(other) || other.is_boolean() || other.is_number(),
        (None, None) => true,
    }
}

/// What has to be sent so that `there` gets these fields of `wanted`: one that is not wanted is emptied.
pub(crate) fn edit(kind: Kind, fields: &[String], wanted: &Document, there: &Document) -> Document {
    let mut edit = Document::new();
    for field in fields {
        let value = match (wanted.get(field), there.get(field)) {
            (wanted, Some(old @ Value::Object(_))) if kind == Kind::RunConfiguration => {
                merging(wanted.unwrap_or(&json!({})), old)
            }
            (Some(value), _) => value.clone(),
            (None, Some(Value::Array(_))) => json!([]),
            (None, Some(Value::Object(_))) => json!({}),
            (None, _) => Value::Null,
        };
        edit.insert(field.clone(), value);
    }
    // An edit that leaves it out takes the analysis off.
    if kind == Kind::Widget && !edit.is_empty() && !edit.contains_key("analysis_run") {
        let run = there.get("analysis_run").cloned().unwrap_or(Value::Null);
        edit.insert("analysis_run".to_owned(), run);
    }
    edit
}

/// The name that people know it by.
pub(crate) fn name(kind: Kind, document: &Document) -> String {
    match kind {
        Kind::RunConfiguration => "TagoRUN".to_owned(),
        _ => text(document, kind.descriptor().title).unwrap_or_default().to_owned(),
    }
}

pub(crate) fn text<'a>(document: &'a Document, field: &str) -> Option<&'a str> {
    document.get(field).and_then(Value::as_str)
}

/// The value of a tag.
pub(crate) fn tag<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    let tags = document.get("tags")?.as_array()?;
    tags.iter().find(|tag| tag["key"] == key).and_then(|tag| tag["value"].as_str())
}

/// Both sides' tags: the source's value where both have a key.
pub(crate) fn merged_tags(source: &Value, target: &Value) -> Value {
    let (source, target) = (items(source), items(target));
    let mut merged: Vec<Value> = target
        .iter()
        .map(|tag| source.iter().find(|other| other["key"] == tag["key"]).unwrap_or(tag).clone())
        .collect();
    for tag in source {
        if !merged.iter().any(|other| other["key"] == tag["key"]) {
            merged.push(tag.clone());
        }
    }
    merged.truncate(TAGS);
    Value::Array(merged)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_the_platform_adds_or_spells_otherwise_is_no_difference() {
        let one =
            document(json!({"id": "1", "label": "Porto", "tags": [], "theme": null, "created_at": "x"}));
        let other = document(json!({"id": "2", "label": "Porto", "visible": null, "group_by": []}));
        assert_eq!(seal(Kind::Dashboard, &one), seal(Kind::Dashboard, &other));
        let third = document(json!({"label": "Porto", "visible": false}));
        assert_ne!(seal(Kind::Dashboard, &one), seal(Kind::Dashboard, &third));
    }

    #[test]
    fn a_number_keeps_its_last_bit() {
        for number in ["31.245270191439438", "121.48791951161945", "-8.629105302119744e-7"] {
            let read: Value = serde_json::from_str(number).unwrap();
            assert_eq!(read.as_f64(), number.parse().ok());
        }
    }

    #[test]
    fn a_falsy_value_is_a_value() {
        let zero = document(json!({"name": "a", "trigger": [{"value": 0}]}));
        let empty = document(json!({"name": "a", "trigger": [{"value": ""}]}));
        assert_ne!(seal(Kind::Action, &zero), seal(Kind::Action, &empty));
        assert_eq!(carried(Kind::Action, &empty)["trigger"], json!([{"value": ""}]));
    }

    #[test]
    fn an_entity_is_compared_without_what_every_entity_has() {
        let read = document(json!({"name": "e",
            "schema": {"id": {"type": "uuid"}, "created_at": {}, "updated_at": {}, "site": {"type": "string"}},
            "index": {"id_idx": {"fields": ["id"]}, "by_site": {"fields": ["site"]}}}));
        let made = document(json!({"name": "e", "schema": {"site": {"type": "string"}},
            "index": {"by_site": {"fields": ["site"]}}}));
        assert_eq!(carried(Kind::Entity, &read), made);
    }

    #[test]
    fn what_is_merged_key_by_key_is_emptied_key_by_key() {
        let there = document(json!({"theme": {"color": "red", "font": {"size": 1}}, "logo": "x"}));
        let wanted = document(json!({"theme": {"font": {"size": 2}}}));
        let fields = ["theme".to_owned(), "logo".to_owned()];
        let sent = edit(Kind::RunConfiguration, &fields, &wanted, &there);
        assert_eq!(Value::Object(sent), json!({"theme": {"color": null, "font": {"size": 2}}, "logo": null}));
        let emptied = edit(Kind::RunConfiguration, &fields[..1], &Document::new(), &there);
        assert_eq!(Value::Object(emptied.clone()), json!({"theme": {"color": null, "font": null}}));
        assert_eq!(carried(Kind::RunConfiguration, &emptied), Document::new());
    }

    #[test]
    fn tags_are_merged_by_key_and_the_source_wins() {
        let source =
            json!([{"key": "a", "value": "1", "metadata": {"run": true}}, {"key": "c", "value": "3"}]);
        let target = json!([{"key": "b", "value": "2"}, {"key": "a", "value": "0"}]);
        assert_eq!(
            merged_tags(&source, &target),
            json!([
                {"key": "b", "value": "2"},
                {"key": "a", "value": "1", "metadata": {"run": true}},
                {"key": "c", "value": "3"},
            ])
        );
    }
}

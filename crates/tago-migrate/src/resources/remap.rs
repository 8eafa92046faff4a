//! Ids of the source, rewritten to those of the target by a walk over the document: over values and keys,
//! never over its text. What has no counterpart is left as it is and reported with its place.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::Document;
use super::kind::{Kind, Reference};
use super::place::{Pattern, Place, Step};

/// What of the source is called what in the target.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// Ids that are known on both sides.
    pub ids: BTreeMap<String, String>,
    /// Hosts that stand in addresses: the API's, and that of TagoRUN.
    pub hosts: Vec<(String, String)>,
}

/// An id that leads nowhere in the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unresolved {
    /// Where it stands, for example `display.header_buttons[0].dashboard`.
    pub at: String,
    /// The id.
    pub id: String,
    /// Whether something of a known type is referred to there; a text that only looks like an id
    /// otherwise.
    pub is_reference: bool,
    /// The types that can stand there; any if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Kind>,
}

/// Rewrites a document of the source. `local` are ids that mean something inside it alone, those of
/// blueprint devices.
pub fn remap(
    kind: Kind,
    document: &Document,
    mapping: &Mapping,
    local: &BTreeSet<String>,
) -> (Document, Vec<Unresolved>) {
    let row = kind.descriptor();
    let mut walk = Walk {
        references: row.references,
        opaque: row.opaque,
        is_widget: kind == Kind::Widget,
        mapping,
        local,
        unresolved: Vec::new(),
    };
    let mut steps = Vec::new();
    let fields = walk.object(document, &mut steps);
    (fields, walk.unresolved)
}

/// Rewrites what stands inside something else, such as the metadata of a record.
pub(crate) fn remap_inside(at: &str, value: &Value, mapping: &Mapping) -> (Value, Vec<Unresolved>) {
    let local = BTreeSet::new();
    let unresolved = Vec::new();
    let mut walk =
        Walk { references: &[], opaque: &[], is_widget: false, mapping, local: &local, unresolved };
    let rewritten = walk.value(value, &mut vec![Step::Key(at)]);
    (rewritten, walk.unresolved)
}

/// The ids of a dashboard's blueprint devices: they are kept when they are supplied.
pub(crate) fn blueprint_ids(dashboard: &Document) -> BTreeSet<String> {
    let devices = dashboard.get("blueprint_devices").and_then(Value::as_array);
    let ids = devices.into_iter().flatten().filter_map(|device| device["id"].as_str());
    ids.map(str::to_owned).collect()
}

/// Rewrites the ids in a text: the whole of it, or what no further digit stands beside.
pub(crate) fn remap_text(text: &str, mapping: &Mapping) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = 0;
    for (start, id) in ids_in(text) {
        if let Some(new) = mapping.ids.get(id) {
            rewritten.push_str(&text[rest..start]);
            rewritten.push_str(new);
            rest = start + id.len();
        }
    }
    rewritten.push_str(&text[rest..]);
    for (from, to) in &mapping.hosts {
        if rewritten.contains("://") {
            rewritten = with_host(&rewritten, from, to);
        }
    }
    rewritten
}

/// What looks like an id in a text, and where.
pub(crate) fn ids_in(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let start = at;
            at += digits.max(1);
            let run = &bytes[start..start + digits];
            if digits == ID && !run.iter().any(u8::is_ascii_uppercase) {
                return Some((start, &text[start..start + digits]));
            }
        }
        None
    })
}

/// Digits of an id.
const ID: usize = 24;

struct Walk<'a> {
    references: &'static [Reference],
    opaque: &'static [Pattern],
    is_widget: bool,
    mapping: &'a Mapping,
    local: &'a BTreeSet<String>,
    unresolved: Vec<Unresolved>,
}

impl<'a> Walk<'a> {
    fn value<'d>(&mut self, value: &'d Value, steps: &mut Vec<Step<'d>>) -> Value {
        match value {
            Value::String(text) if self.is_opaque(steps) => Value::String(text.clone()),
            Value::String(text) => Value::String(self.text(text, steps)),
            Value::Array(items) => {
                let mut rewritten = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    steps.push(Step::Index(index));
                    rewritten.push(self.value(item, steps));
                    steps.pop();
                }
                Value::Array(rewritten)
            }
            Value::Object(fields) => Value::Object(self.object(fields, steps)),
            other => other.clone(),
        }
    }

    fn object<'d>(&mut self, fields: &'d Map<String, Value>, steps: &mut Vec<Step<'d>>) -> Document {
        let under = steps.last().copied();
        let mut rewritten = Document::new();
        for (key, value) in fields {
            steps.push(Step::Key(key));
            let value = self.value(value, steps);
            let key = if self.is_opaque(steps) { key.clone() } else { self.key(key, under) };
            steps.pop();
            rewritten.insert(key, value);
        }
        rewritten
    }

    fn text(&mut self, text: &str, steps: &[Step<'_>]) -> String {
        let references = self.references.iter().filter(|reference| reference.at.matches(Place(steps)));
        let references: Vec<_> = references.collect();
        for (_, id) in ids_in(text) {
            if !self.mapping.ids.contains_key(id) && !self.local.contains(id) {
                let at = Place(steps).to_string();
                self.unresolved.push(Unresolved {
                    at,
                    id: id.to_owned(),
                    is_reference: !references.is_empty(),
                    to: references.iter().flat_map(|reference| reference.to).copied().collect(),
                });
            }
        }
        if self.local.contains(text) { text.to_owned() } else { remap_text(text, self.mapping) }
    }

    /// Keys are names of fields, whole ids, or ids beside the name of a variable or a group.
    fn key(&self, key: &str, under: Option<Step<'_>>) -> String {
        if self.local.contains(key) {
            return key.to_owned();
        }
        if let Some(new) = self.mapping.ids.get(key) {
            return new.clone();
        }
        let known = |part: Option<&str>| part.and_then(|part| self.mapping.ids.get(part));
        let is_fixed_position = under == Some(Step::Key("fixed_position")) && key.len() == 2 * ID;
        if key.len() > ID && (is_fixed_position || self.is_widget) {
            // The half after the device is a group or a variable: it stays, even if it looks like an id.
            if let (Some(new), Some(rest)) = (known(key.get(..ID)), key.get(ID..)) {
                return format!("{new}{rest}");
            }
            let cut = key.len() - ID;
            if !is_fixed_position && let (Some(rest), Some(new)) = (key.get(..cut), known(key.get(cut..))) {
                return format!("{rest}{new}");
            }
        }
        remap_text(key, self.mapping)
    }

    fn is_opaque(&self, steps: &[Step<'_>]) -> bool {
        self.opaque.iter().any(|pattern| pattern.matches(Place(steps)))
    }
}

/// Rewrites the host of addresses in a text, where it is the whole host.
fn with_host(text: &str, from: &str, to: &str) -> String {
    let ends =
        |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || "-.:@".contains(next));
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find("://") {
        let (before, after) = rest.split_at(found + 3);
        rewritten.push_str(before);
        rest = match after.strip_prefix(from) {
            Some(path) if ends(path) => {
                rewritten.push_str(to);
                path
            }
            _ => after,
        };
    }
    rewritten.push_str(rest);
    rewritten
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "5f2a8e3b9c1d4e00112233aa";
    const B: &str = "5f2a8e3b9c1d4e00112233bb";
    const NEW_A: &str = "69000000000000000000000a";
    const NEW_B: &str = "69000000000000000000000b";
    const UNKNOWN: &str = "5f2a8e3b9c1d4e00112233ff";

    fn mapping() -> Mapping {
        let ids = [(A, NEW_A), (B, NEW_B), ("5f2a8e3b9c1d4e00aaaaaaaa", "69000000000000000000aaaa")];
        Mapping {
            ids: ids.into_iter().map(|(old, new)| (old.to_owned(), new.to_owned())).collect(),
            hosts: vec![("api.old.tagoio.net".to_owned(), "api.new.tagoio.net".to_owned())],
        }
    }

    fn rewritten(kind: Kind, document: Value) -> (Value, Vec<Unresolved>) {
        let fields = document.as_object().unwrap();
        let (fields, unresolved) = remap(kind, fields, &mapping(), &BTreeSet::new());
        (Value::Object(fields), unresolved)
    }

    #[test]
    fn values_and_keys_are_rewritten_and_texts_are_not_searched_for_patterns() {
        let (document, unresolved) = rewritten(
            Kind::Widget,
            json!({
                "label": "null",
                "data": [{"origin": A, "bucket": A, "qty": 1, "variables": ["t"], "nothing": null}],
                "display": {
                    "header_buttons": [{"widget": B, "url": format!("https://x.run/dashboards/info/{A}?d={B}")}],
                    "legacy": {(format!("{A}temperature")): 1, (format!("battery{B}")): 2, (format!("{A}{B}")): 3},
                    "plain": {(A): {"origin": {"id": B}}},
                },
                "analysis_run": B,
            }),
        );
        assert_eq!(
            document,
            json!({
                "label": "null",
                "data": [{"origin": NEW_A, "bucket": NEW_A, "qty": 1, "variables": ["t"], "nothing": null}],
                "display": {
                    "header_buttons":
                        [{"widget": NEW_B, "url": format!("https://x.run/dashboards/info/{NEW_A}?d={NEW_B}")}],
                    "legacy": {
                        (format!("{NEW_A}temperature")): 1,
                        (format!("battery{NEW_B}")): 2,
                        (format!("{NEW_A}{B}")): 3
                    },
                    "plain": {(NEW_A): {"origin": {"id": NEW_B}}},
                },
                "analysis_run": NEW_B,
            })
        );
        assert_eq!(unresolved, []);
    }

    #[test]
    fn a_fixed_position_changes_its_device_and_keeps_its_group() {
        let (document, _) = rewritten(
            Kind::Widget,
            json!({"mock_data": [{"data": {"metadata": {"fixed_position": {
                (format!("{A}{B}")): {"x": 0.5, "device": A},
                (format!("{UNKNOWN}{A}")): {"x": 1},
            }}}}]}),
        );
        let positions = &document["mock_data"][0]["data"]["metadata"]["fixed_position"];
        assert_eq!(positions[format!("{NEW_A}{B}")], json!({"x": 0.5, "device": NEW_A}));
        assert_eq!(positions[format!("{UNKNOWN}{A}")], json!({"x": 1}), "a group is no id");
    }

    #[test]
    fn addresses_of_files_change_host_and_profile() {
        let profile = "5f2a8e3b9c1d4e00aaaaaaaa";
        let (document, _) = rewritten(
            Kind::Dashboard,
            json!({
                "icon": {"url": format!("https://api.old.tagoio.net/file/{profile}/devices/{A}/door.png")},
                "background": {"url": format!("https://files.tago.io/{profile}/storage/b.png")},
                "theme": {"url": "https://api.old.tagoio.net.evil.example/x"},
            }),
        );
        assert_eq!(
            document["icon"]["url"],
            format!("https://api.new.tagoio.net/file/69000000000000000000aaaa/devices/{NEW_A}/door.png")
        );
        assert_eq!(
            document["background"]["url"],
            "https://files.tago.io/69000000000000000000aaaa/storage/b.png"
        );
        assert_eq!(document["theme"]["url"], "https://api.old.tagoio.net.evil.example/x");
    }

    #[test]
    fn blueprint_devices_tab_keys_and_groups_are_left_alone() {
        let dashboard = json!({
            "label": "x",
            "blueprint_devices": [{"id": A, "name": "truck", "filter_conditions": [{"blueprint_device": A}]}],
            "setup": {"blueprint_devices": {(A): B}, "config": [{"id": B, "bucket": B}]},
            "tabs": [{"key": A, "link": format!("/dashboards/info/{B}"), "conditions": [{"resourceId": B}]}],
            "arrangement": [{"widget_id": B, "tab": A}],
        });
        let fields = dashboard.as_object().unwrap();
        let local = blueprint_ids(fields);
        let (fields, unresolved) = remap(Kind::Dashboard, fields, &mapping(), &local);
        let document = Value::Object(fields);
        assert_eq!(document["blueprint_devices"], dashboard["blueprint_devices"]);
        assert_eq!(
            document["setup"],
            json!({"blueprint_devices": {(A): NEW_B}, "config": [{"id": NEW_B, "bucket": NEW_B}]})
        );
        assert_eq!(
            document["tabs"],
            json!([{"key": A, "link": format!("/dashboards/info/{NEW_B}"), "conditions": [{"resourceId": NEW_B}]}])
        );
        assert_eq!(document["arrangement"], json!([{"widget_id": NEW_B, "tab": A}]));
        assert_eq!(unresolved, []);
    }

    #[test]
    fn a_widget_of_a_blueprint_dashboard_keeps_its_origin() {
        let widget = json!({"data": [{"origin": UNKNOWN, "variables": ["t"]}]});
        let local = BTreeSet::from([UNKNOWN.to_owned()]);
        let (fields, unresolved) = remap(Kind::Widget, widget.as_object().unwrap(), &mapping(), &local);
        assert_eq!((Value::Object(fields), unresolved), (widget, vec![]));
    }

    #[test]
    fn what_has_no_counterpart_is_reported_with_its_place() {
        let (document, unresolved) = rewritten(
            Kind::Action,
            json!({
                "name": "Alarm",
                "trigger": [{"device": UNKNOWN, "value": 0}],
                "action": {"type": "script", "script": [A, UNKNOWN]},
                "tags": [{"key": "site", "value": UNKNOWN}],
            }),
        );
        assert_eq!(document["trigger"], json!([{"device": UNKNOWN, "value": 0}]));
        assert_eq!(document["action"]["script"], json!([NEW_A, UNKNOWN]));
        let told: Vec<_> = unresolved.iter().map(|found| (found.at.as_str(), found.is_reference)).collect();
        assert_eq!(told, [("action.script[1]", true), ("tags[0].value", false), ("trigger[0].device", true)]);
        assert!(unresolved.iter().all(|found| found.id == UNKNOWN));
    }

    #[test]
    fn access_rules_and_queries_are_rewritten() {
        let (access, _) = rewritten(
            Kind::Access,
            json!({
                "permissions": [{"effect": "allow", "action": ["access"], "resource": ["device", "id", A]}],
                "targets": [["run_user", "id", B], ["analysis", "tag.key", "k", "tag.value", A]],
            }),
        );
        assert_eq!(access["permissions"][0]["resource"], json!(["device", "id", NEW_A]));
        assert_eq!(
            access["targets"],
            json!([["run_user", "id", NEW_B], ["analysis", "tag.key", "k", "tag.value", NEW_A]])
        );
        let (sql, _) =
            rewritten(Kind::Sql, json!({"query": format!("SELECT * FROM device_{A} WHERE x = '{B}'")}));
        assert_eq!(sql["query"], format!("SELECT * FROM device_{NEW_A} WHERE x = '{NEW_B}'"));
    }

    #[test]
    fn longer_runs_of_digits_and_capitals_are_no_ids() {
        for text in [format!("{A}f"), format!("0{A}"), A.to_uppercase(), format!("{A}{B}")] {
            assert_eq!(remap_text(&text, &mapping()), text);
        }
        assert_eq!(remap_text(&format!("é{A}é"), &mapping()), format!("é{NEW_A}é"));
    }
}

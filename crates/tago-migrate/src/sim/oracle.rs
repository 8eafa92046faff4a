//! What must be in the target, worked out from the two projects as they were, without the engine's code.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::{FakeDevice, FakeRecord};

/// How often each record is there, by variable, moment and text.
pub(super) type Bag = BTreeMap<Key, i64>;

/// Variable, moment and text.
pub(super) type Key = (String, i64, String);

pub(super) fn bag(records: &[FakeRecord]) -> Bag {
    let mut bag = Bag::new();
    for record in records {
        *bag.entry(entry(record)).or_default() += 1;
    }
    bag
}

/// serde_json's own map is sorted, and its numbers are made doubles: nothing of the engine's spelling.
pub(super) fn entry(record: &FakeRecord) -> Key {
    let mut fields: Value = serde_json::from_str(&record.json).unwrap();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("time");
        fields.remove("id");
        if let Some(number) = fields.get("value").and_then(Value::as_f64) {
            fields.insert("value".into(), Value::from(number));
        }
    }
    (record.variable.clone(), record.time.millis(), fields.to_string())
}

/// What a run may write to one device: by the policy, from what both sides had.
pub(super) fn wanted(source: &Bag, before: &Bag, append: bool) -> Bag {
    let mut wanted = Bag::new();
    for (key, count) in source {
        let there = if append { 0 } else { before.get(key).copied().unwrap_or(0) };
        if count - there > 0 {
            wanted.insert(key.clone(), count - there);
        }
    }
    wanted
}

/// What is to be removed where the source's is to be all: what the target had more of.
pub(super) fn removed(source: &Bag, before: &Bag) -> Bag {
    wanted(before, source, false)
}

/// What is to be written, with the target's names: of devices, but not behind another one's, where groups stand, and of
/// the profile and the host.
pub(super) fn renamed(wanted: &Bag, devices: &[(String, String)]) -> Bag {
    let mut renamed = Bag::new();
    for ((variable, time, text), count) in wanted {
        let mut text = text.replace(
            "https://source/file/737373737373737373737373/",
            "https://target/file/747474747474747474747474/",
        );
        for (ours, theirs) in devices {
            text = text.replace(&format!("\"{ours}"), &format!("\"{theirs}"));
        }
        *renamed.entry((variable.clone(), *time, text)).or_default() += count;
    }
    renamed
}

/// What happened to one device of the target, record by record.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) lost: Vec<(String, i64, String)>,
    pub(super) doubled: u64,
    pub(super) foreign_changed: u64,
}

/// After = before + wanted + foreign; whatever is less or more is a finding.
pub(super) fn judge(before: &Bag, wanted: &Bag, foreign: &Bag, after: &FakeDevice) -> Findings {
    let mut rest = bag(&after.records);
    let mut findings = Findings::default();
    for (key, count) in before.iter().chain(foreign) {
        let there = rest.entry(key.clone()).or_default();
        if *there < *count {
            findings.foreign_changed += (count - *there) as u64;
        }
        *there = (*there - count).max(0);
    }
    for (key, count) in wanted {
        let there = rest.entry(key.clone()).or_default();
        for _ in *there..*count {
            findings.lost.push(key.clone());
        }
        *there = (*there - count).max(0);
    }
    findings.doubled = rest.values().map(|count| *count as u64).sum();
    findings
}

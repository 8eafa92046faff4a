//! A project in memory. What was sent to it happens at its own time, whether or not anybody waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tago_api::{ActionId, DeviceId, Time};

use super::port::BEGINNING;
use crate::device::{Definition, Param, Token};
use crate::ports::PortError;

#[derive(Default)]
pub(super) struct Project {
    pub(super) devices: BTreeMap<DeviceId, FakeDevice>,
    pub(super) made: u64,
    /// What is under way: when it happens, and what.
    pub(super) coming: Vec<(Duration, Deed)>,
    /// When the last of it happened.
    pub(super) now: Duration,
    pub(super) refusals: Refusals,
    pub(super) minted: u64,
    /// Until then every request is one too many.
    pub(super) limited_until: Duration,
    /// It answers a read with no more records than this, whatever is asked for.
    pub(super) most_records: Option<usize>,
    /// A device holds no more records than this.
    pub(super) most_held: Option<usize>,
    /// This network has a payload parser.
    pub(super) parsing_network: Option<String>,
    /// How many records each read answered.
    pub(super) answered: Vec<usize>,
    /// How often records were asked for by their ids.
    pub(super) selections: usize,
    /// It does not know the filter by tags, and lists every device.
    pub(super) ignores_filters: bool,
    /// It does not understand a selection of more ids than this, and takes the newest records instead.
    pub(super) fewer_ids: Option<usize>,
    /// It does not answer when records are to be removed.
    pub(super) loses_removals: bool,
    /// It gives no answer to a batch, which arrives so long after it was sent; whoever sent it waits so long.
    pub(super) silence: Option<(Duration, Duration)>,
    /// It acknowledges the removal of a token and keeps it.
    pub(super) keeps_tokens: bool,
    /// The next request that changes or removes something is one too many, and while it waits this happens.
    pub(super) meanwhile: Option<Deed>,
    pub(super) actions: BTreeMap<ActionId, FakeAction>,
    pub(super) files: BTreeMap<String, Bytes>,
    /// One that is removed is listed for so long.
    pub(super) lists_files_for: Duration,
    /// It does not show them to the token of the run.
    pub(super) hides_files: bool,
    /// How often they were listed.
    pub(super) listings: usize,
    /// An import makes these of texts in cells of this column: `metadata` is dropped, `value` typed.
    pub(super) spoils: Option<&'static str>,
    /// Some imports take longer than any request may, and store a few records at a time.
    pub(super) imports_slowly: bool,
}

/// An action, and what the platform saw of it.
#[derive(Debug, Clone)]
pub(super) struct FakeAction {
    pub(super) name: String,
    pub(super) active: bool,
    /// As the API shows it.
    pub(super) trigger: Value,
    /// Records that a run wrote and that set it off, though nobody but a run had switched it on.
    pub(super) fired: Vec<String>,
    /// How often it acted, whoever set it off.
    pub(super) acted: u64,
    /// What somebody other than a run switched it to.
    pub(super) switched: Option<bool>,
}

#[derive(Clone)]
pub(super) struct FakeDevice {
    pub(super) definition: Definition,
    pub(super) params: Vec<Param>,
    pub(super) tokens: Vec<Token>,
    pub(super) records: Vec<FakeRecord>,
    /// Places of records that were removed by name, counted as if none had been.
    pub(super) removed: BTreeSet<u32>,
    /// When those came that somebody sent, by the same places.
    pub(super) arrived: BTreeMap<u32, Time>,
    pub(super) last_input: Option<Time>,
}

/// A record as the platform holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FakeRecord {
    pub(super) time: Time,
    pub(super) variable: String,
    pub(super) json: String,
}

/// What everybody is refused for now.
#[derive(Default)]
pub(super) struct Refusals {
    pub(super) auth: bool,
    /// How many requests the refused credential came with.
    pub(super) refused: u64,
    pub(super) quota: bool,
    pub(super) gone: bool,
}

pub(super) type Deed = Box<dyn FnOnce(&mut Project) + Send>;

impl Project {
    /// Lets everything happen that is due.
    pub(super) fn happen(&mut self, now: Duration) {
        loop {
            let due = self.coming.iter().enumerate().filter(|(_, (at, _))| *at <= now);
            let Some(place) = due.min_by_key(|(place, (at, _))| (*at, *place)).map(|(place, _)| place) else {
                return;
            };
            let (at, deed) = self.coming.remove(place);
            self.now = self.now.max(at);
            deed(self);
        }
    }

    /// Records come to be seen, and active actions see them.
    pub(super) fn arrive(&mut self, id: DeviceId, records: Vec<FakeRecord>, by_a_run: bool) {
        let Some(device) = self.devices.get_mut(&id) else { return };
        for record in records {
            for action in self.actions.values_mut().filter(|action| action.active) {
                if is_set_off(&action.trigger, id, &device.definition, &record) {
                    action.acted += 1;
                    if by_a_run && action.switched != Some(true) {
                        action.fired.push(record.json.clone());
                    }
                }
            }
            let place = u32::try_from(device.records.len() + device.removed.len()).unwrap_or(u32::MAX);
            let at = BEGINNING + i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX);
            device.arrived.insert(place, Time::from_millis(at));
            device.records.push(record);
        }
    }

    pub(super) fn action(&mut self, action: ActionId) -> Result<&mut FakeAction, PortError> {
        self.actions.get_mut(&action).ok_or_else(|| PortError::NotFound { message: "no such action".into() })
    }

    pub(super) fn device(&mut self, device: DeviceId) -> Result<&mut FakeDevice, PortError> {
        self.devices.get_mut(&device).ok_or_else(|| PortError::NotFound { message: "no such device".into() })
    }
}

/// By the platform's rules, without the engine's code.
fn is_set_off(trigger: &Value, id: DeviceId, device: &Definition, record: &FakeRecord) -> bool {
    let watched = match trigger["device"].as_str() {
        Some(watched) => watched == id.to_string(),
        None => device.tags.iter().any(|tag| trigger["tag_key"] == tag.key.as_str()),
    };
    let record: Value = serde_json::from_str(&record.json).unwrap();
    let holds = match (trigger["is"].as_str(), record["value"].as_f64()) {
        (Some("*"), _) => true,
        (Some(">"), Some(value)) => value > trigger["value"].as_f64().unwrap(),
        _ => false,
    };
    watched && holds && trigger["variable"] == record["variable"]
}

/// What an import makes of a file; nothing if it takes the file for broken.
pub(super) fn imported(project: &Project, content: &[u8]) -> Option<Vec<FakeRecord>> {
    let mut csv = csv::Reader::from_reader(content);
    let names = csv.headers().unwrap().clone();
    let mut records = Vec::new();
    for row in csv.records() {
        let mut fields = serde_json::Map::new();
        for (name, cell) in names.iter().zip(&row.unwrap()).filter(|(_, cell)| !cell.is_empty()) {
            let value = match name {
                "metadata" if project.spoils == Some("metadata") => continue,
                "location" | "metadata" => serde_json::from_str(cell).ok()?,
                "value" => match serde_json::from_str(cell) {
                    Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
                    _ if project.spoils == Some("value") => cell.to_uppercase().into(),
                    _ => cell.into(),
                },
                _ => cell.into(),
            };
            fields.insert(name.to_owned(), value);
        }
        records.push(FakeRecord::of(Value::from(fields).to_string()));
    }
    Some(records)
}

impl FakeRecord {
    pub(super) fn of(json: String) -> FakeRecord {
        let fields: serde_json::Value = serde_json::from_str(&json).unwrap();
        FakeRecord {
            time: fields["time"].as_str().unwrap().parse().unwrap(),
            variable: fields["variable"].as_str().unwrap().to_owned(),
            json,
        }
    }
}

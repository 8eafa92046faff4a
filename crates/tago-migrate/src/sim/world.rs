//! A project in memory. What was sent to it happens at its own time, whether or not anybody waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tago_api::{DeviceId, Time};

use crate::device::{Definition, Param, Token};
use crate::ports::PortError;

#[derive(Default)]
pub(super) struct Project {
    pub(super) devices: BTreeMap<DeviceId, FakeDevice>,
    pub(super) made: u64,
    /// What is under way: when it happens, and what.
    pub(super) coming: Vec<(Duration, Deed)>,
    pub(super) refusals: Refusals,
    pub(super) minted: u64,
    /// Until then every request is one too many.
    pub(super) limited_until: Duration,
    /// It answers a read with no more records than this, whatever is asked for.
    pub(super) most_records: Option<usize>,
    /// This network has a payload parser.
    pub(super) parsing_network: Option<String>,
    /// How many records each read answered.
    pub(super) answered: Vec<usize>,
    /// It does not know the filter by tags, and lists every device.
    pub(super) ignores_filters: bool,
    /// It does not understand a selection of more ids than this, and takes the newest records instead.
    pub(super) fewer_ids: Option<usize>,
    /// It does not answer when records are to be removed.
    pub(super) loses_removals: bool,
}

#[derive(Clone)]
pub(super) struct FakeDevice {
    pub(super) definition: Definition,
    pub(super) params: Vec<Param>,
    pub(super) tokens: Vec<Token>,
    pub(super) records: Vec<FakeRecord>,
    /// Places of records that were removed by name, counted as if none had been.
    pub(super) removed: BTreeSet<u32>,
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
            let (_, deed) = self.coming.remove(place);
            deed(self);
        }
    }

    pub(super) fn device(&mut self, device: DeviceId) -> Result<&mut FakeDevice, PortError> {
        self.devices.get_mut(&device).ok_or_else(|| PortError::NotFound { message: "no such device".into() })
    }
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

//! What a run removed, for its report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use tago_api::{DeviceId, Time};

use crate::keep::{Folder, Keep};
use crate::machine::ledger::Ledger;
use crate::plan::{Item, Plan};
use crate::replaced::Replaced;

/// Records of one device and variable that a run removed because their time range was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedPart {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The variable; absent if what was kept cannot be read.
    pub variable: Option<String>,
    /// First moment of the range.
    pub from: Time,
    /// Last moment of the range.
    pub to: Time,
    /// How many, as far as is known.
    pub records: u64,
    /// The file in the run folder in which each is kept whole.
    pub kept: String,
}

/// By device, time and variable.
pub(super) fn removed(folder: &Path, plan: &Plan, ledger: &Ledger) -> Vec<RemovedPart> {
    let keep = Folder::of(folder);
    let mut parts = Vec::new();
    let mut name = "";
    for (item, place) in plan.items.iter().zip(0_u32..) {
        let data = match item {
            Item::Device(device) => {
                name = &device.name;
                continue;
            }
            Item::Data(data) => data,
        };
        let Some(removal) = ledger.data.get(&place).map(|data| &data.removal) else { continue };
        let Some(seal) = removal.kept.as_ref().filter(|_| removal.is_begun()) else { continue };
        let part = |variable: Option<String>, records| RemovedPart {
            device: data.device,
            device_name: name.to_owned(),
            variable,
            from: data.from,
            to: data.to,
            records,
            kept: format!("kept/{seal}"),
        };
        let places: BTreeSet<u32> =
            removal.of.iter().flat_map(|(first, length)| *first..first + length).collect();
        match keep.kept(seal).and_then(|bytes| Replaced::from_bytes(&bytes)) {
            Ok(list) => {
                let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
                for (_, one) in (0_u32..).zip(&list).filter(|(place, _)| places.contains(place)) {
                    *counts.entry(&one.variable).or_default() += 1;
                }
                let of = |(variable, records): (&str, u64)| part(Some(variable.to_owned()), records);
                parts.extend(counts.into_iter().map(of));
            }
            Err(_) => parts.push(part(None, places.len() as u64)),
        }
    }
    parts
}

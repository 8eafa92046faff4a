//! How the records of each device are to travel, and why: in batches by stream, or in files that the target
//! imports (`crate::lane`).

use std::collections::BTreeMap;

use super::{Part, Scanned};
use crate::json::Json;
use crate::plan::{Check, CheckName, CheckVerdict, Choices, DeviceItem, Lane, Policy, Verdict};
use crate::settings::Settings;

/// What a platform takes in one file.
const KINDS: [&str; 2] = ["mutable", "immutable"];

/// What one device gets.
struct Share<'a> {
    name: &'a str,
    records: u64,
    /// Requests by stream.
    requests: u64,
    files: u64,
    parses: bool,
}

impl<'a> Share<'a> {
    fn of(device: &'a DeviceItem, part: &Part, settings: &Settings) -> Share<'a> {
        let batch_bytes = (settings.batch_bytes as u64).max(1);
        let mut share =
            Share { name: &device.name, records: 0, requests: 0, files: 0, parses: device.parses };
        for item in part.items.iter().filter(|item| item.verdict == Verdict::Fill) {
            share.records += item.windows.iter().map(|window| window.missing.count).sum::<u64>();
            share.requests += item.bytes.div_ceil(batch_bytes);
            share.files += item.bytes.div_ceil(crate::lane::FILE_BYTES as u64);
        }
        share
    }

    /// Each is sent, imported and removed.
    fn requests_by_file(&self) -> u64 {
        3 * self.files
    }

    /// Cheaper because there is much of it, or quieter because no parser sees it.
    fn is_worth_a_file(&self, settings: &Settings) -> bool {
        self.records > 0 && (self.records >= settings.worth_a_file || self.parses)
    }
}

/// Marks the devices whose records are to travel in files, if they are worth it.
pub(super) fn choose(items: &mut [DeviceItem], data: &[Part], settings: &Settings) {
    for (device, part) in items.iter_mut().zip(data) {
        let is_worth = Share::of(device, part, settings).is_worth_a_file(settings);
        device.by_file = is_worth && KINDS.contains(&device.kind.as_str());
    }
}

/// The network and the connector on which a throw-away device takes data as the first device does that is to
/// get a file.
pub(super) fn probe(scanned: &[Scanned], items: &[DeviceItem]) -> BTreeMap<String, Json> {
    let mut first = scanned.iter().zip(items).filter(|(_, item)| item.by_file);
    let Some((scanned, item)) = first.next() else { return BTreeMap::new() };
    let there = scanned.target.as_ref().map(|(device, ..)| device).unwrap_or(&scanned.device);
    let field = |name: &str| {
        let value = item.remapped.get(name).or_else(|| there.definition.fields.get(name))?;
        Some((name.to_owned(), value.clone()))
    };
    ["network", "connector"].into_iter().filter_map(field).collect()
}

pub(super) fn check(choices: &Choices, items: &[DeviceItem], data: &[Part], settings: &Settings) -> Check {
    let shares: Vec<Share<'_>> =
        items.iter().zip(data).map(|(device, part)| Share::of(device, part, settings)).collect();
    let requests: u64 = shares.iter().map(|share| share.requests).sum();
    let is_kind = |item: &DeviceItem| KINDS.contains(&item.kind.as_str());
    let of = |worth: &dyn Fn(&Share<'_>) -> bool| {
        let shares = shares.iter().zip(items).filter(|(share, item)| is_kind(item) && worth(share));
        shares.map(|(share, _)| share).collect::<Vec<_>>()
    };
    let worth = of(&|share| share.is_worth_a_file(settings));
    let sum = |count: fn(&Share<'_>) -> u64| worth.iter().map(|share| count(share)).sum::<u64>();
    let (records, by_file, by_stream) =
        (sum(|share| share.records), sum(|share| share.requests_by_file()), sum(|share| share.requests));
    let names: Vec<&str> = worth.iter().map(|share| share.name).collect();
    let names = super::assess::named(&names);
    let text = match choices.lane {
        _ if requests == 0 => "no record has to travel".to_owned(),
        _ if worth.is_empty() => format!(
            "every record travels by stream, in about {requests} requests; no device gets {} records or more, \
             and none has a payload parser, so a file would be neither cheaper nor quieter",
            settings.worth_a_file
        ),
        Lane::File if choices.policy == Policy::Replace => format!(
            "every record travels by stream, in about {requests} requests, because what is removed and what is \
             written in one time range must be told apart at once"
        ),
        Lane::Stream => format!(
            "every record travels by stream, in about {requests} requests; files would take {by_file} requests \
             instead of {by_stream} for the {records} records of {names}, count no data input and wake no \
             payload parser, if imports prove to bring back what they hold; choose files to have it tried"
        ),
        Lane::File => format!(
            "the {records} records of {names} travel in files, in about {by_file} requests instead of \
             {by_stream}, count no data input and wake no payload parser; a throw-away device in the target \
             shows first what a file brings back, and whatever it does not travels by stream"
        ),
    };
    Check { name: CheckName::Lane, verdict: CheckVerdict::Pass, text }
}

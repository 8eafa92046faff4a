use std::collections::BTreeMap;

use tago_api::{DeviceId, Time};

use super::{DeviceItem, Item, Plan, Verdict};

/// What a plan comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Devices by verdict.
    pub devices: BTreeMap<Verdict, u64>,
    /// Data items by verdict.
    pub data: BTreeMap<Verdict, u64>,
    /// Records of the source in the choice.
    pub records_source: u64,
    /// Records of the target in the same windows.
    pub records_target: u64,
    /// Records to be written.
    pub records_missing: u64,
    /// Records of the target that the source does not have.
    pub records_beyond: u64,
    /// Records of the target to be removed.
    pub records_removed: u64,
    /// Windows with something to write.
    pub windows_to_write: u64,
    /// Body bytes to be written.
    pub bytes: u64,
    /// Whether a run would change nothing.
    pub nothing_to_do: bool,
}

/// One device and what becomes of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePart<'a> {
    /// The device.
    pub item: &'a DeviceItem,
    /// Of its data: the verdict that matters most.
    pub data: Verdict,
    /// Records of the source in the choice.
    pub records_source: u64,
    /// Records of the target in the same windows.
    pub records_target: u64,
    /// Records to be written.
    pub records_missing: u64,
    /// Records of the target to be removed.
    pub records_removed: u64,
    /// The first and last moment at which something is written or removed.
    pub missing_between: Option<(Time, Time)>,
    /// Records by day (UTC): in the source, in the target, to be written.
    pub days: BTreeMap<String, (u64, u64, u64)>,
}

impl Plan {
    /// What it comes to.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for item in &self.items {
            match item {
                Item::Device(device) => *summary.devices.entry(device.verdict).or_default() += 1,
                Item::Data(data) => {
                    *summary.data.entry(data.verdict).or_default() += 1;
                    for window in &data.windows {
                        summary.records_source += window.source.count;
                        summary.records_target += window.target.count;
                        summary.records_beyond += window.beyond.count;
                        if data.verdict == Verdict::Fill {
                            summary.records_missing += window.missing.count;
                            summary.records_removed += window.removed.count;
                            summary.windows_to_write += u64::from(!window.missing.is_empty());
                        }
                    }
                    summary.bytes += if data.verdict == Verdict::Fill { data.bytes } else { 0 };
                }
            }
        }
        summary.nothing_to_do = self
            .items
            .iter()
            .all(|item| !matches!(item.verdict(), Verdict::Create | Verdict::Update | Verdict::Fill));
        summary
    }

    /// Every device with what becomes of its records, in the plan's order.
    pub fn devices(&self) -> Vec<DevicePart<'_>> {
        let mut parts: Vec<DevicePart<'_>> = Vec::new();
        let mut places: BTreeMap<DeviceId, usize> = BTreeMap::new();
        for item in &self.items {
            match item {
                Item::Device(item) => {
                    places.insert(item.device, parts.len());
                    parts.push(DevicePart {
                        item,
                        data: Verdict::Skip,
                        records_source: 0,
                        records_target: 0,
                        records_missing: 0,
                        records_removed: 0,
                        missing_between: None,
                        days: BTreeMap::new(),
                    });
                }
                Item::Data(data) => {
                    let Some(part) = places.get(&data.device).and_then(|place| parts.get_mut(*place)) else {
                        continue;
                    };
                    let writes = data.verdict == Verdict::Fill;
                    for window in &data.windows {
                        part.records_source += window.source.count;
                        part.records_target += window.target.count;
                        part.records_missing += if writes { window.missing.count } else { 0 };
                        part.records_removed += if writes { window.removed.count } else { 0 };
                    }
                    part.data = match (part.data, data.verdict) {
                        (Verdict::Blocked, _) | (_, Verdict::Blocked) => Verdict::Blocked,
                        (Verdict::Skip, verdict) => verdict,
                        (verdict, _) => verdict,
                    };
                    if writes {
                        let (from, to) = part.missing_between.unwrap_or((data.from, data.to));
                        part.missing_between = Some((from.min(data.from), to.max(data.to)));
                    }
                    for (day, (source, target, missing)) in &data.days {
                        let sums = part.days.entry(day.clone()).or_default();
                        *sums = (sums.0 + source, sums.1 + target, sums.2 + missing);
                    }
                }
            }
        }
        parts
    }
}

impl Item {
    /// What is to be done with it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Item::Device(item) => item.verdict,
            Item::Data(item) => item.verdict,
        }
    }

    /// The device in the source.
    pub(crate) fn device(&self) -> DeviceId {
        match self {
            Item::Device(item) => item.device,
            Item::Data(item) => item.device,
        }
    }
}

//! The policy that removes: where a time range can be replaced, and what it costs.

use std::time::Duration;

use tago_api::Time;

use super::assess::named;
use super::{MUTABLE_RECORDS, Part, Rehearsal, reason};
use crate::device::Definition;
use crate::load::Parcels;
use crate::plan::{
    Check, CheckName, CheckVerdict, Choices, DataItem, DeviceItem, Policy, Reason, ReasonCode, Verdict,
};
use crate::ports::Range;

impl Rehearsal<'_> {
    /// The times of the next item, if they are replaced: without a gap to the items beside it, because there
    /// may be records of the target.
    pub(super) fn replaced(&self, range: &Range, next: Option<Time>) -> Option<(Time, Time)> {
        let to = next.map_or(range.to, |next| next - Duration::from_millis(1));
        (self.choices.policy == Policy::Replace).then_some((range.from, to))
    }

    /// Why so many records of the target are not even read.
    pub(super) fn too_many_to_replace(
        &self,
        keeper: &Definition,
        ours: &Parcels,
        theirs: u64,
    ) -> Option<Reason> {
        if let Some(reason) = cannot_remove(keeper).filter(|_| theirs > ours.len() as u64) {
            return Some(reason);
        }
        let most = self.target.densest() as u64;
        (theirs > most).then(|| Reason {
            code: ReasonCode::TooDense,
            text: format!(
                "the target has {theirs} records in this time, more than can be compared at once; choose a \
                 shorter one"
            ),
        })
    }
}

/// Why single records of a device cannot be removed.
fn cannot_remove(device: &Definition) -> Option<Reason> {
    match device.kind.as_str() {
        "immutable" => Some(reason(
            ReasonCode::NotRemovable,
            "the device is immutable, and the platform removes no single record of it, so this time cannot be \
             replaced; fill its gaps instead",
        )),
        "hybrid" => Some(reason(
            ReasonCode::NotRemovable,
            "the device is hybrid, and the platform does not say which of its records can be removed, so this \
             time cannot be replaced; fill its gaps instead",
        )),
        _ => None,
    }
}

/// Blocks an item of which something cannot be removed, or not be written again as it was.
pub(super) fn keep_removable(item: &mut DataItem, keeper: &Definition, groupless: &[u64]) {
    if removed(item) == 0 || item.verdict != Verdict::Fill {
        return;
    }
    let beyond = |key: &u64| {
        let keys = item.windows.iter().filter_map(|window| window.beyond.keys.as_ref());
        keys.into_iter().any(|keys| keys.binary_search(key).is_ok())
    };
    let without_group = groupless.iter().filter(|key| beyond(key)).count();
    let no_group = || Reason {
        code: ReasonCode::NoGroup,
        text: format!(
            "{without_group} of the records to be removed have no group; written again they would get one, so \
             they could not be put back as they were"
        ),
    };
    let why = cannot_remove(keeper).or_else(|| (without_group > 0).then(no_group));
    if let Some(why) = why {
        item.verdict = Verdict::Blocked;
        item.reasons.push(why);
    }
}

/// Whether the device has room for all that will be there for a while, if `there` are now. Where there is none
/// for both, room is made first.
pub(super) fn find_room(items: &mut [DataItem], there: u64, most: u64) -> bool {
    let filled = || items.iter().filter(|item| item.verdict == Verdict::Fill);
    let grows: u64 = filled().map(|item| missing(item).saturating_sub(removed(item))).sum();
    if there + grows > most {
        return false;
    }
    items.iter_mut().for_each(|item| item.removes_first = removed(item) > 0);
    true
}

fn missing(item: &DataItem) -> u64 {
    item.windows.iter().map(|window| window.missing.count).sum()
}

fn removed(item: &DataItem) -> u64 {
    item.windows.iter().map(|window| window.removed.count).sum()
}

/// What is removed, of which devices, and what of them is empty in the source.
pub(super) fn check(choices: &Choices, items: &[DeviceItem], data: &[Part]) -> Option<Check> {
    if choices.policy != Policy::Replace {
        return None;
    }
    let filled = |part: &Part| -> Vec<DataItem> {
        part.items.iter().filter(|item| item.verdict == Verdict::Fill).cloned().collect()
    };
    let (mut records, mut devices, mut emptied, mut first) = (0, 0, Vec::new(), Vec::new());
    for (item, part) in items.iter().zip(data) {
        let filled = filled(part);
        let gone: u64 = filled.iter().map(removed).sum();
        if gone == 0 {
            continue;
        }
        (records, devices) = (records + gone, devices + 1);
        if part.in_source() == 0 {
            emptied.push(item.name.as_str());
        }
        if filled.iter().any(|item| item.removes_first) {
            first.push(item.name.as_str());
        }
    }
    if records == 0 {
        let text = "the target has nothing in this time that the source does not have; nothing is removed";
        return Some(super::assess::pass(CheckName::Replaced, text));
    }
    let mut text = format!(
        "{records} records of {devices} devices that only the target has are removed; each is kept whole on this \
         computer before, and taking the run back writes it again"
    );
    if !emptied.is_empty() {
        text += &format!("; in the source there is nothing in this time of {}", named(&emptied));
    }
    if !first.is_empty() {
        text += &format!(
            "; a mutable device holds at most {MUTABLE_RECORDS} records, so room is made before anything is \
             written to {}",
            named(&first)
        );
    }
    Some(Check { name: CheckName::Replaced, verdict: CheckVerdict::Warn, text })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tago_api::DeviceId;

    use super::*;
    use crate::plan::Window;
    use crate::record::Tally;

    fn item(missing: u64, removed: u64) -> DataItem {
        let of = |count| Tally { count, hash: 0 };
        DataItem {
            device: DeviceId::from_bytes([1; 12]),
            from: Time::from_millis(0),
            to: Time::from_millis(1),
            verdict: Verdict::Fill,
            reasons: Vec::new(),
            windows: vec![Window { missing: of(missing), removed: of(removed), ..Window::default() }],
            bytes: 0,
            removes_first: false,
            names: BTreeSet::new(),
            days: BTreeMap::new(),
        }
    }

    #[test]
    fn room_is_made_first_where_that_is_enough() {
        let mut items = [item(10, 12), item(5, 0), item(0, 3)];
        assert!(find_room(&mut items, 95, 100), "it grows by five at most, whatever comes first");
        assert_eq!(items.map(|item| item.removes_first), [true, false, true]);
        let mut items = [item(10, 4)];
        assert!(!find_room(&mut items, 95, 100));
        assert!(!items[0].removes_first);
    }
}

//! The policy that removes: where a time range can be replaced, and what it costs.

use std::time::Duration;

use tago_api::Time;

use super::assess::named;
use super::{MUTABLE_RECORDS, Part, Rehearsal, RehearseError, Scanned, reason};
use crate::device::Definition;
use crate::load::Parcels;
use crate::machine::Route;
use crate::plan::{
    Check, CheckName, CheckVerdict, Choices, DataItem, Depth, DeviceItem, Policy, Reason, ReasonCode, Verdict,
};
use crate::ports::Range;
use crate::run::Side;
use crate::words::{counted, either, separated};

impl Rehearsal<'_> {
    /// The times of the next item, if they are replaced: without a gap to the items beside it, because there
    /// may be records of the target.
    pub(super) fn replaced(&self, range: &Range, next: Option<Time>) -> Option<(Time, Time)> {
        let to = next.map_or(range.to, |next| next - Duration::from_millis(1));
        (self.choices.policy == Policy::Replace).then_some((range.from, to))
    }

    /// How many of those that are removed came after all that the source has, if so many came after what it has
    /// in this time: a source from a backup knows nothing of what was sent since.
    pub(super) async fn after_all(
        &self,
        scanned: &Scanned,
        part: &Part,
        range: &Range,
        after: u64,
    ) -> Result<u64, RehearseError> {
        let is_replaced = self.choices.policy == Policy::Replace
            && part.items.last().is_some_and(|last| last.verdict == Verdict::Fill);
        if after == 0 || !is_replaced || range.to >= Time::MAX {
            return Ok(0);
        }
        let later = Range { from: range.to + Duration::from_millis(1), to: Time::MAX, ..range.clone() };
        let (ours, id) = (self.source.port, scanned.device.id);
        let later = self.read(Side::Source, Route::Read, || ours.count(id, &later)).await?;
        Ok(if later == 0 { after } else { 0 })
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
                 shorter time"
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
            "{} to be removed {} no group and could not be put back as before, so this time is not replaced on \
             this device; fill its gaps instead",
            counted(without_group as u64, "record", "records"),
            either(without_group as u64, "has", "have")
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
    if records == 0 && choices.depth == Depth::Counted {
        let text = "the target has no more records than the source in this time; whether one of them would be \
                    removed, only an exact rehearsal tells";
        let text = text.to_owned();
        return Some(Check { name: CheckName::Replaced, verdict: CheckVerdict::Warn, text });
    }
    if records == 0 {
        let text = "the target has nothing in this time that the source does not have; nothing is removed";
        return Some(super::assess::pass(CheckName::Replaced, text));
    }
    if choices.depth == Depth::Counted {
        let text = format!(
            "the target has about {} more in this time; which ones would be removed, only an exact rehearsal \
             tells",
            counted(records, "record", "records")
        );
        return Some(Check { name: CheckName::Replaced, verdict: CheckVerdict::Warn, text });
    }
    let mut text = format!(
        "{} of {} that only the target has {} removed; before that, what is removed is kept whole on this computer, \
         and taking the run back writes it again",
        counted(records, "record", "records"),
        counted(devices, "device", "devices"),
        either(records, "is", "are")
    );
    let after: u64 = data.iter().map(|part| part.after).sum();
    if after > 0 {
        text += &format!(
            "; {} of what is removed came after the newest record that the source has of its device: if the source \
             comes from a backup, end the time at the moment of the backup",
            counted(after, "record", "records")
        );
    }
    if !emptied.is_empty() {
        text += &format!(
            "; the source has nothing in this time of {}, so all that is there goes",
            named(&emptied)
        );
    }
    if !first.is_empty() {
        text += &format!(
            "; there is no room for both in {} (a mutable device holds at most {} records), so records are removed \
             there before the new ones are written: if the run is interrupted in between, resume it or take it back, \
             because until then that time has a hole",
            named(&first),
            separated(MUTABLE_RECORDS)
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

//! Two sides' records of one time range, and what follows from the policy.

use std::collections::{BTreeMap, BTreeSet};

use tago_api::{DeviceId, Time};

use crate::load::{Parcel, Parcels, fills};
use crate::plan::{DataItem, Policy, Reason, ReasonCode, Verdict, Window};
use crate::words::counted;

/// More records of the target than this, in one window, are counted and not named.
const NAMED: usize = 2_000;

/// The item for the time range from the first to the last of the source's records, or for all of the `whole`
/// one that is replaced. `None` if there is nothing to compare.
pub(super) fn compare(
    device: DeviceId,
    policy: Policy,
    whole: Option<(Time, Time)>,
    source: &Parcels,
    target: &Parcels,
) -> Option<DataItem> {
    let (from, to) = match whole {
        Some(whole) => (source.len() + target.len() > 0).then_some(whole)?,
        None => source.between()?,
    };
    let had = target.counts();
    // What of the target's records the source does not account for.
    let mut spare = had.clone();
    let mut windows: BTreeMap<&str, Window> = BTreeMap::new();
    let mut days: BTreeMap<i64, (u64, u64, u64)> = BTreeMap::new();
    let moments: BTreeSet<(&str, Time)> =
        target.iter().map(|parcel| (parcel.variable.as_str(), parcel.time)).collect();
    let (mut bytes, mut other_content) = (0, 0_u64);
    for parcel in source.iter() {
        let window = windows.entry(&parcel.variable).or_insert_with(|| empty(&parcel.variable));
        window.source.put(parcel.key, 1);
        let day = days.entry(day(parcel.time)).or_default();
        day.0 += 1;
        let stands_for_it = spare.take(parcel.key);
        if !stands_for_it || policy == Policy::Append {
            window.missing.put(parcel.key, 1);
            day.2 += 1;
            bytes += parcel.body.len() as u64 + 1;
            if had.get(parcel.key) == 0 && moments.contains(&(parcel.variable.as_str(), parcel.time)) {
                other_content += 1;
            }
        }
    }
    let mut beyond: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for parcel in target.iter() {
        let window = match policy {
            Policy::Replace => windows.entry(&parcel.variable).or_insert_with(|| empty(&parcel.variable)),
            Policy::Fill | Policy::Append => match windows.get_mut(parcel.variable.as_str()) {
                Some(window) => window,
                None => continue,
            },
        };
        window.target.put(parcel.key, 1);
        days.entry(day(parcel.time)).or_default().1 += 1;
        if spare.take(parcel.key) {
            if policy == Policy::Replace {
                window.removed.put(parcel.key, 1);
            }
            beyond.entry(&parcel.variable).or_default().push((parcel.key.0 >> 64) as u64);
        }
    }
    for (variable, mut keys) in beyond {
        if let Some(window) = windows.get_mut(variable) {
            keys.sort_unstable();
            window.beyond.count = keys.len() as u64;
            // A proof has to know every one that is removed from those that others write.
            let most = if policy == Policy::Replace { usize::MAX } else { NAMED };
            window.beyond.keys = (keys.len() <= most).then_some(keys);
        }
    }
    let something = windows.values().any(Window::is_touched);
    let and_then = if policy == Policy::Replace { "they are removed" } else { "both will be there" };
    let mut reasons = Vec::new();
    if other_content > 0 {
        reasons.push(Reason {
            code: ReasonCode::OtherContent,
            text: format!(
                "at the moments of {} to be written the target has others; {and_then}",
                counted(other_content, "record", "records")
            ),
        });
    }
    Some(DataItem {
        device,
        from,
        to,
        verdict: if something { Verdict::Fill } else { Verdict::Skip },
        reasons,
        windows: windows.into_values().collect(),
        bytes,
        removes_first: false,
        names: BTreeSet::new(),
        days: days.into_iter().map(|(day, sums)| (name_of(day), sums)).collect(),
    })
}

/// The records of the source that are to be written, as often as each lacks.
pub(super) fn missing<'a>(
    policy: Policy,
    source: &'a Parcels,
    target: &Parcels,
) -> impl Iterator<Item = &'a Parcel> + use<'a> {
    let mut spare = target.counts();
    source.iter().filter(move |parcel| !spare.take(parcel.key) || policy == Policy::Append)
}

/// The last moment before which what is missing fills whole batches. `None` if it fills none.
pub(super) fn last_cut(
    policy: Policy,
    source: &Parcels,
    target: &Parcels,
    batch_bytes: usize,
) -> Option<Time> {
    let first = source.iter().next()?.time;
    let (mut cut, mut filled) = (None, 0);
    for parcel in missing(policy, source, target) {
        if filled > 0 && fills(filled, &parcel.body, batch_bytes) {
            cut = Some(parcel.time);
            filled = 0;
        }
        filled += parcel.body.len() + 1;
    }
    cut.filter(|cut| *cut > first)
}

fn empty(variable: &str) -> Window {
    Window { variable: variable.to_owned(), ..Window::default() }
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

fn day(time: Time) -> i64 {
    time.millis().div_euclid(DAY)
}

fn name_of(day: i64) -> String {
    let mut text = Time::from_millis(day * DAY).to_string();
    text.truncate(10);
    text
}

impl Parcels {
    /// The first and the last moment.
    pub(super) fn between(&self) -> Option<(Time, Time)> {
        let mut times = self.iter().map(|parcel| parcel.time);
        let first = times.next()?;
        Some((first, times.last().unwrap_or(first)))
    }
}

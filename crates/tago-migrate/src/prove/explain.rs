//! Record by record, what is not as it should be in one window.

use std::collections::BTreeMap;

use tago_api::Time;

use super::{Difference, DifferenceKind};
use crate::load::{Opened, Parcel, Parcels};
use crate::plan::{Policy, Window};
use crate::record::Key;

/// Compares one window's records with the source's (which hold their seal) and with what the target had
/// before the run.
pub(super) fn explain(
    window: &Window,
    policy: Policy,
    opened: Option<&Opened>,
    source: &Parcels,
    target: &Parcels,
) -> Vec<Difference> {
    let of_window = |parcel: &&Parcel| parcel.variable == window.variable;
    let mut found: BTreeMap<Key, (u64, &Parcel)> = BTreeMap::new();
    for parcel in target.iter().filter(of_window) {
        found.entry(parcel.key).or_insert((0, parcel)).0 += 1;
    }
    // What the target had beyond the source, as far as it was named.
    let mut own: BTreeMap<u64, u64> = BTreeMap::new();
    for key in window.beyond.keys.iter().flatten() {
        *own.entry(*key).or_default() += 1;
    }
    let mut unnamed = if window.beyond.keys.is_none() { window.beyond.count } else { 0 };
    let (mut lacking, mut strangers, mut doubled) = (Vec::new(), Vec::new(), Vec::new());
    let mut had = opened.map(|opened| opened.had.iter()).into_iter().flatten();
    for (parcel, copies) in source.distinct().filter(|(parcel, _)| parcel.variable == window.variable) {
        let copies = copies.len() as u64;
        let had = u64::from(had.next().unwrap_or(0));
        let extra = own.remove(&short(parcel.key)).unwrap_or(0);
        let expected = match policy {
            Policy::Fill => copies + extra,
            Policy::Append => copies + had,
        };
        let there = found.remove(&parcel.key).map_or(0, |(count, _)| count);
        if there < expected {
            lacking.push((parcel, expected - there));
        } else if there > expected && unnamed >= there - expected {
            unnamed -= there - expected;
        } else if there > expected {
            doubled.push((parcel, there - expected));
        }
    }
    for (key, (there, parcel)) in found {
        let expected = own.remove(&short(key)).unwrap_or(0);
        if there < expected {
            lacking.push((parcel, expected - there));
        } else if there > expected && unnamed >= there - expected {
            unnamed -= there - expected;
        } else if there > expected && expected > 0 {
            doubled.push((parcel, there - expected));
        } else if there > expected {
            strangers.push((parcel, there));
        }
    }
    let gone: u64 = own.values().sum::<u64>() + unnamed;
    differences(lacking, strangers, doubled, gone)
}

fn short(key: Key) -> u64 {
    (key.0 >> 64) as u64
}

/// A record that lacks and a stranger at the same moment are one record that was changed.
fn differences(
    lacking: Vec<(&Parcel, u64)>,
    strangers: Vec<(&Parcel, u64)>,
    doubled: Vec<(&Parcel, u64)>,
    gone: u64,
) -> Vec<Difference> {
    let mut at: BTreeMap<Time, Vec<(&Parcel, u64)>> = BTreeMap::new();
    for stranger in strangers {
        at.entry(stranger.0.time).or_default().push(stranger);
    }
    let mut differences = Vec::new();
    for (parcel, mut times) in lacking {
        let here = at.entry(parcel.time).or_default();
        while times > 0
            && let Some((stranger, count)) = here.pop()
        {
            let both = times.min(count);
            let difference = difference(DifferenceKind::Changed, parcel, both);
            differences.push(Difference { found: Some(stranger.body.clone()), ..difference });
            times -= both;
            if count > both {
                here.push((stranger, count - both));
            }
        }
        if times > 0 {
            differences.push(difference(DifferenceKind::Missing, parcel, times));
        }
    }
    if gone > 0 {
        differences.push(Difference {
            kind: DifferenceKind::Missing,
            time: None,
            expected: None,
            found: None,
            times: gone,
        });
    }
    differences.extend(doubled.into_iter().map(|(parcel, times)| {
        let difference = difference(DifferenceKind::Doubled, parcel, times);
        Difference { found: difference.expected.clone(), ..difference }
    }));
    differences.extend(at.into_values().flatten().map(|(parcel, times)| {
        let difference = difference(DifferenceKind::Foreign, parcel, times);
        Difference { found: difference.expected, expected: None, ..difference }
    }));
    differences.sort_by_key(|difference| (difference.kind, difference.time));
    differences
}

fn difference(kind: DifferenceKind, parcel: &Parcel, times: u64) -> Difference {
    Difference { kind, time: Some(parcel.time), expected: Some(parcel.body.clone()), found: None, times }
}

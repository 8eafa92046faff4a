//! Record by record, what is not as it should be in one window.

use std::collections::BTreeMap;

use tago_api::Time;

use super::{Difference, DifferenceKind};
use crate::load::{Opened, Parcel, Parcels};
use crate::plan::{Policy, Window};
use crate::record::{Key, Record, Tally};

/// Compares the records of one window with the source's (which hold their seal) and with what the target
/// had before the run.
pub(super) fn explain(
    window: &Window,
    policy: Policy,
    opened: Option<&Opened>,
    source: &Parcels,
    target: &Parcels,
    pairing: Pairing,
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
    let replaced = policy == Policy::Replace;
    let mut unnamed = if window.beyond.keys.is_none() { window.beyond.count } else { 0 };
    let mut amiss = Amiss::default();
    let Amiss { lacking, strangers, doubled, not_removed } = &mut amiss;
    let mut had = opened.map(|opened| opened.had.iter());
    for (parcel, copies) in source.distinct().filter(|(parcel, _)| parcel.variable == window.variable) {
        let copies = copies.len() as u64;
        let before = had.as_mut().map(|had| u64::from(had.next().unwrap_or(0)));
        let extra = own.remove(&short(parcel.key)).unwrap_or(0);
        let expected = match (policy, before) {
            (Policy::Append, before) => copies + before.unwrap_or(0),
            (Policy::Fill, Some(before)) => copies.max(before),
            (Policy::Fill, None) => copies + extra,
            (Policy::Replace, _) => copies,
        };
        unnamed = unnamed.saturating_sub(before.unwrap_or(0).saturating_sub(copies));
        let there = found.remove(&parcel.key).map_or(0, |(count, _)| count);
        if there < expected {
            lacking.push((parcel, expected - there));
        } else if there > expected && before.is_none() && unnamed >= there - expected {
            unnamed -= there - expected;
        } else if there > expected {
            let left = if replaced { extra.min(there - expected) } else { 0 };
            not_removed.extend((left > 0).then_some((parcel, left)));
            let doubles = there - expected - left;
            doubled.extend((doubles > 0).then_some((parcel, doubles)));
        }
    }
    for (key, (there, parcel)) in found {
        let own = own.remove(&short(key)).unwrap_or(0);
        if replaced {
            // Others' were not to be removed.
            let left = own.min(there);
            not_removed.extend((left > 0).then_some((parcel, left)));
            strangers.extend((there > left).then_some((parcel, there - left)));
            continue;
        }
        let expected = own;
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
    let gone = if replaced { 0 } else { own.values().sum::<u64>() + unnamed };
    let mut differences = differences(amiss, gone, pairing);
    let holds = Tally::of(target.iter().filter(of_window).map(|parcel| parcel.key));
    if differences.is_empty() && holds != window.after() {
        // One of those that were too many to name has become another.
        let kind = DifferenceKind::Changed;
        let (time, expected, found, fields) = (None, None, None, Vec::new());
        differences.push(Difference { kind, time, expected, found, fields, times: 1 });
    }
    differences
}

/// What tells that a record that lacks and a stranger are one record that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairing {
    /// Their moment.
    ByMoment,
    /// Their moment, else that all the rest of them is the same.
    AlsoByContent,
}

fn short(key: Key) -> u64 {
    (key.0 >> 64) as u64
}

/// Records that are not as they should be, each with how often.
#[derive(Default)]
struct Amiss<'a> {
    lacking: Vec<(&'a Parcel, u64)>,
    strangers: Vec<(&'a Parcel, u64)>,
    doubled: Vec<(&'a Parcel, u64)>,
    not_removed: Vec<(&'a Parcel, u64)>,
}

fn differences(
    Amiss { lacking, strangers, doubled, not_removed }: Amiss<'_>,
    gone: u64,
    pairing: Pairing,
) -> Vec<Difference> {
    let mut at: BTreeMap<Time, Vec<(&Parcel, u64)>> = BTreeMap::new();
    for stranger in strangers {
        at.entry(stranger.0.time).or_default().push(stranger);
    }
    let mut differences = Vec::new();
    let mut unpaired = Vec::new();
    for (parcel, times) in lacking {
        let here = at.entry(parcel.time).or_default();
        let left = pair(parcel, times, here, &mut differences);
        if left > 0 {
            unpaired.push((parcel, left));
        }
    }
    if pairing == Pairing::AlsoByContent && !unpaired.is_empty() {
        let mut alike: BTreeMap<Key, Vec<(&Parcel, u64)>> = BTreeMap::new();
        for stranger in std::mem::take(&mut at).into_values().flatten() {
            alike.entry(timeless(stranger.0)).or_default().push(stranger);
        }
        for (parcel, times) in &mut unpaired {
            let here = alike.entry(timeless(parcel)).or_default();
            *times = pair(parcel, *times, here, &mut differences);
        }
        for stranger in alike.into_values().flatten() {
            at.entry(stranger.0.time).or_default().push(stranger);
        }
    }
    let missing = unpaired.into_iter().filter(|(_, times)| *times > 0);
    differences.extend(missing.map(|(parcel, times)| difference(DifferenceKind::Missing, parcel, times)));
    if gone > 0 {
        differences.push(Difference {
            kind: DifferenceKind::Missing,
            time: None,
            expected: None,
            found: None,
            fields: Vec::new(),
            times: gone,
        });
    }
    differences.extend(doubled.into_iter().map(|(parcel, times)| {
        let difference = difference(DifferenceKind::Doubled, parcel, times);
        Difference { found: difference.expected.clone(), ..difference }
    }));
    let unexpected = |kind| {
        move |(parcel, times)| {
            let difference = difference(kind, parcel, times);
            Difference { found: difference.expected, expected: None, ..difference }
        }
    };
    differences.extend(not_removed.into_iter().map(unexpected(DifferenceKind::NotRemoved)));
    differences.extend(at.into_values().flatten().map(unexpected(DifferenceKind::Foreign)));
    differences.sort_by_key(|difference| (difference.kind, difference.time));
    differences
}

/// Takes strangers for what a record has become, and answers how often it still lacks.
fn pair<'a>(
    parcel: &'a Parcel,
    mut times: u64,
    strangers: &mut Vec<(&'a Parcel, u64)>,
    differences: &mut Vec<Difference>,
) -> u64 {
    while times > 0
        && let Some((stranger, count)) = strangers.pop()
    {
        let both = times.min(count);
        let fields = fields_that_differ(&parcel.body, &stranger.body);
        let difference = difference(DifferenceKind::Changed, parcel, both);
        differences.push(Difference { found: Some(stranger.body.to_string()), fields, ..difference });
        times -= both;
        if count > both {
            strangers.push((stranger, count - both));
        }
    }
    times
}

/// The key that it would have at the beginning of time.
fn timeless(parcel: &Parcel) -> Key {
    match serde_json::from_str::<Record>(&parcel.body) {
        Ok(record) => Record { time: Time::from_millis(0), ..record }.key(),
        Err(_) => parcel.key,
    }
}

fn fields_that_differ(expected: &str, found: &str) -> Vec<String> {
    let read = |body| serde_json::from_str::<Record>(body);
    let (Ok(expected), Ok(found)) = (read(expected), read(found)) else { return Vec::new() };
    let differing = [
        ("value", expected.value != found.value),
        ("unit", expected.unit != found.unit),
        ("group", expected.group != found.group),
        ("time", expected.time != found.time),
        ("location", expected.location != found.location),
        ("metadata", expected.metadata != found.metadata),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
}

fn difference(kind: DifferenceKind, parcel: &Parcel, times: u64) -> Difference {
    let (time, expected) = (Some(parcel.time), Some(parcel.body.to_string()));
    Difference { kind, time, expected, found: None, fields: Vec::new(), times }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::Terms;
    use crate::multiset::Runs;
    use crate::plan::Beyond;
    use crate::run::Side;

    /// A source with one record and a target with more of its own than a plan names.
    struct Crowd {
        source: Parcels,
        own: Vec<String>,
    }

    fn json(value: u32) -> String {
        format!(r#"{{"variable":"t","value":{value},"group":"g","time":"2026-11-22T04:30:00Z"}}"#)
    }

    fn parcels(bodies: &[String]) -> Parcels {
        let records = bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        Parcels::of(Side::Target, records, &Terms::default())
    }

    fn tally(parcels: &Parcels) -> Tally {
        Tally::of(parcels.iter().map(|parcel| parcel.key))
    }

    impl Crowd {
        fn new() -> Crowd {
            Crowd { source: parcels(&[json(0)]), own: (1..=3_000).map(json).collect() }
        }

        /// What is found if the target holds `now`, and held its own records and `had` of the source's.
        fn explained(&self, policy: Policy, had: u32, now: &[String]) -> Vec<(DifferenceKind, u64)> {
            let before: Vec<String> = self.own.iter().cloned().chain((0..had).map(|_| json(0))).collect();
            let missing = match policy {
                Policy::Fill | Policy::Replace => 1_u32.saturating_sub(had),
                Policy::Append => 1,
            };
            let window = Window {
                variable: "t".into(),
                source: tally(&self.source),
                target: tally(&parcels(&before)),
                missing: tally(&parcels(&vec![json(0); missing as usize])),
                beyond: Beyond {
                    count: self.own.len() as u64 + u64::from(had.saturating_sub(1)),
                    keys: None,
                },
                removed: Tally::default(),
            };
            let mut counts = Runs::default();
            counts.push(had);
            let opened = Opened { window: 0, had: counts };
            let opened = (missing > 0).then_some(&opened);
            explain(&window, policy, opened, &self.source, &parcels(now), Pairing::ByMoment)
                .into_iter()
                .map(|difference| (difference.kind, difference.times))
                .collect()
        }
    }

    #[test]
    fn a_doubled_record_does_not_hide_among_many_of_the_targets_own() {
        let crowd = Crowd::new();
        for (policy, had, expected) in [(Policy::Fill, 0, 1), (Policy::Append, 1, 2)] {
            let now: Vec<String> = crowd.own.iter().cloned().chain((0..=expected).map(|_| json(0))).collect();
            let found = crowd.explained(policy, had, &now);
            assert_eq!(found, [(DifferenceKind::Doubled, 1)], "{policy:?}");
        }
    }

    #[test]
    fn a_record_of_the_target_that_became_another_is_told_also_if_it_was_never_named() {
        let crowd = Crowd::new();
        let mut now = crowd.own.clone();
        now[7] = json(9_999);
        now.push(json(0));
        assert_eq!(crowd.explained(Policy::Fill, 0, &now), [(DifferenceKind::Changed, 1)]);
    }

    #[test]
    fn a_foreign_record_beside_many_of_the_targets_own_is_foreign() {
        let crowd = Crowd::new();
        let mut now = crowd.own.clone();
        now.extend([json(0), json(9_999)]);
        assert_eq!(crowd.explained(Policy::Fill, 0, &now), [(DifferenceKind::Foreign, 1)]);
    }
}

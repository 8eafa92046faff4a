//! A proof as the window shows it.

use std::collections::{BTreeMap, HashMap, HashSet};

use tago_api::{DeviceId, Time};
use tago_migrate::{
    self as engine, DataItem, Item, Plan, Proof, Reason, ReasonCode, Verdict, WindowProof, WindowVerdict,
};

use super::plan::{self, days_as_strip};
use crate::view::{DifferenceKind, HeldView, LeftOutView, ProofDepthChoice, ProofDifference, ProofView};

/// The window lists this many; the report has them all.
const LISTED: usize = 200;

/// The proof, with the plan's days as they are now.
pub(super) fn view(proof: &Proof, plan: &Plan) -> ProofView {
    let missing = missing_by_day(&proof.windows_not_equal, data(plan));
    let strip = days_as_strip(plan, |device, day, (_, present, planned)| {
        let missing = missing.get(&(device, day.to_owned())).copied().unwrap_or(0);
        (missing, (present + planned).saturating_sub(missing))
    });
    let left = LeftOut::of(plan);
    let windows_left = proof.windows_not_equal.iter().filter(|window| left.has(window)).count() as u64;
    ProofView {
        green: proof.green,
        depth: match proof.depth {
            engine::ProofDepth::Counts => ProofDepthChoice::Counts,
            engine::ProofDepth::Content => ProofDepthChoice::Content,
            engine::ProofDepth::Records => ProofDepthChoice::Records,
        },
        agrees: proof.agrees,
        checked_at: proof.at.into(),
        ranges_compared: ranges_compared(proof, plan).into(),
        records_checked: proof.records.into(),
        missing: proof.missing.into(),
        changed: proof.changed.into(),
        doubled: proof.doubled.into(),
        not_removed: proof.not_removed.into(),
        differences: proof.windows_not_equal.iter().flat_map(differences).take(LISTED).collect(),
        left_out: left.told(),
        only_left_out: windows_left > 0 && proof.windows_green + windows_left == proof.windows,
        otherwise: proof.windows_not_equal.iter().filter_map(otherwise).take(LISTED).collect(),
        strip,
        before: plan::strip(plan),
    }
}

/// Time ranges of which the proof has an opinion: not the devices themselves, nor what was left out, held back
/// or not reached.
fn ranges_compared(proof: &Proof, plan: &Plan) -> u64 {
    let planned: HashSet<_> = data(plan)
        .flat_map(|item| {
            item.windows.iter().map(|window| (item.device, item.from, item.to, &window.variable))
        })
        .collect();
    let mut compared = planned.len() as u64;
    for window in &proof.windows_not_equal {
        let Some(variable) = &window.variable else { continue };
        let is_planned = planned.contains(&(window.device, window.from, window.to, variable));
        match (is_planned, window.verdict) {
            (true, WindowVerdict::NotRun) => compared = compared.saturating_sub(1),
            // What somebody else has written since into a range that is replaced.
            (false, verdict) if verdict != WindowVerdict::NotRun => compared += 1,
            _ => {}
        }
    }
    compared
}

/// What a plan says beforehand that it leaves out.
struct LeftOut<'a> {
    plan: &'a Plan,
    ranges: HashSet<(DeviceId, Time, Time)>,
}

impl LeftOut<'_> {
    fn of(plan: &Plan) -> LeftOut<'_> {
        let ranges = blocked(plan).map(|item| (item.device, item.from, item.to)).collect();
        LeftOut { plan, ranges }
    }

    fn has(&self, window: &WindowProof) -> bool {
        window.verdict == WindowVerdict::NotRun
            && window.variable.is_some()
            && self.ranges.contains(&(window.device, window.from, window.to))
    }

    /// One line for each device and reason.
    fn told(&self) -> Vec<LeftOutView> {
        let names = plan::names(self.plan);
        let mut lines: BTreeMap<(&str, &str), (bool, u64)> = BTreeMap::new();
        for item in blocked(self.plan) {
            let Some(why) = why(item) else { continue };
            let name = names.get(&item.device).copied().unwrap_or_default();
            let (inactive, records) = lines.entry((name, &why.text)).or_default();
            *inactive = why.code == ReasonCode::Inactive;
            *records += item.windows.iter().map(|window| window.missing.count).sum::<u64>();
        }
        let line = |((name, reason), (inactive, records)): ((&str, &str), (bool, u64))| LeftOutView {
            device_name: name.to_owned(),
            records: records.into(),
            inactive,
            reason: reason.to_owned(),
        };
        lines.into_iter().map(line).collect()
    }
}

fn blocked(plan: &Plan) -> impl Iterator<Item = &DataItem> {
    data(plan).filter(|item| item.verdict == Verdict::Blocked)
}

fn data(plan: &Plan) -> impl Iterator<Item = &DataItem> {
    plan.items().iter().filter_map(|item| match item {
        Item::Data(item) => Some(item),
        Item::Device(_) => None,
    })
}

/// That its device rests is said last, after what was compared.
fn why(item: &DataItem) -> Option<&Reason> {
    let rests = item.reasons.iter().find(|reason| reason.code == ReasonCode::Inactive);
    rests.or_else(|| item.reasons.first())
}

/// A device that differs, or a time range of which no record can be named.
fn otherwise(window: &WindowProof) -> Option<HeldView> {
    let shows_nothing = differences(window).next().is_none();
    (window.verdict == WindowVerdict::Differs && shows_nothing).then(|| HeldView {
        device_name: window.name.clone(),
        variable: window.variable.clone(),
        from: window.variable.as_ref().map(|_| window.from.into()),
        to: window.variable.as_ref().map(|_| window.to.into()),
        reason: window.text.clone(),
    })
}

fn differences(window: &WindowProof) -> impl Iterator<Item = ProofDifference> + '_ {
    window.differences.iter().filter_map(|difference| {
        let kind = match difference.kind {
            engine::DifferenceKind::Missing => DifferenceKind::Missing,
            engine::DifferenceKind::Changed => DifferenceKind::Changed,
            engine::DifferenceKind::Doubled => DifferenceKind::Doubled,
            engine::DifferenceKind::NotRemoved => DifferenceKind::NotRemoved,
            // Somebody else's records are no fault of the run.
            engine::DifferenceKind::Foreign => return None,
        };
        Some(ProofDifference {
            kind,
            device_name: window.name.clone(),
            variable: window.variable.clone().unwrap_or_default(),
            time: difference.time.unwrap_or(window.from).into(),
            expected: difference.expected.clone(),
            found: difference.found.clone(),
        })
    })
}

/// What lacks on which day of a device: what the proof missed, and what of the plan was left out, held back or
/// not reached, so that nobody can say that it is there.
fn missing_by_day<'a>(
    windows: &[WindowProof],
    items: impl Iterator<Item = &'a DataItem>,
) -> HashMap<(DeviceId, String), u64> {
    let mut missing = HashMap::new();
    for window in windows {
        let lacking = window.differences.iter().filter(|one| one.kind == engine::DifferenceKind::Missing);
        for difference in lacking {
            let day = difference.time.unwrap_or(window.from).to_utc().date_naive().to_string();
            *missing.entry((window.device, day)).or_insert(0) += difference.times;
        }
    }
    let not_run: HashSet<_> = windows
        .iter()
        .filter(|window| window.verdict == WindowVerdict::NotRun)
        .filter_map(|window| Some((window.device, window.from, window.to, window.variable.as_ref()?)))
        .collect();
    for item in items {
        let is_open = |variable| not_run.contains(&(item.device, item.from, item.to, variable));
        let sum = |only_open: bool| -> u64 {
            let meant = item.windows.iter().filter(|window| !only_open || is_open(&window.variable));
            meant.map(|window| window.missing.count).sum()
        };
        let (open, all) = (sum(true), sum(false));
        if open == 0 {
            continue;
        }
        // A plan counts the days of all variables together; each day has its part of what is open.
        for (day, (_, _, planned)) in &item.days {
            *missing.entry((item.device, day.clone())).or_insert(0) += (planned * open).div_ceil(all);
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use tago_migrate::{Tally, Window};

    use super::*;

    fn window(variable: &str, missing: u64) -> Window {
        let missing = Tally { count: missing, ..Tally::default() };
        Window { variable: variable.into(), missing, ..Window::default() }
    }

    fn not_run(item: &DataItem, variable: &str) -> WindowProof {
        WindowProof {
            device: item.device,
            name: "Truck 1".into(),
            variable: Some(variable.into()),
            from: item.from,
            to: item.to,
            verdict: WindowVerdict::NotRun,
            text: "the run has not come to it".into(),
            records: 0,
            differences: Vec::new(),
            source_changed: false,
        }
    }

    #[test]
    fn what_a_run_did_not_come_to_is_still_missing_on_its_days() {
        let item = DataItem {
            device: "5f2a8e3b9c1d4e0000000001".parse().unwrap(),
            from: Time::from_millis(0),
            to: Time::from_millis(9),
            verdict: Verdict::Fill,
            reasons: Vec::new(),
            windows: vec![window("fuel", 30), window("speed", 10)],
            bytes: 0,
            removes_first: false,
            names: [].into(),
            days: [("2026-11-01".to_owned(), (40, 0, 32)), ("2026-11-02".to_owned(), (8, 0, 8))].into(),
        };
        let on = |windows: &[WindowProof]| {
            let missing = missing_by_day(windows, [&item].into_iter());
            ["2026-11-01", "2026-11-02"]
                .map(|day| missing.get(&(item.device, day.to_owned())).copied().unwrap_or(0))
        };
        assert_eq!(on(&[]), [0, 0], "all of it was compared");
        assert_eq!(on(&[not_run(&item, "fuel"), not_run(&item, "speed")]), [32, 8], "none of it was");
        assert_eq!(on(&[not_run(&item, "speed")]), [8, 2], "a quarter of it was not");
    }
}

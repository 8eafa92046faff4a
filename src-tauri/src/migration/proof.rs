//! A proof as the window shows it.

use std::collections::HashMap;

use tago_api::DeviceId;
use tago_migrate::{self as engine, Plan, Proof, WindowProof};

use super::plan::{self, days_as_strip};
use crate::view::{DifferenceKind, ProofDepthChoice, ProofDifference, ProofView};

/// The window lists this many; the report has them all.
const LISTED: usize = 200;

/// The proof, with the plan's days as they are now.
pub(super) fn view(proof: &Proof, plan: &Plan) -> ProofView {
    let missing = missing_by_day(&proof.windows_not_equal);
    let strip = days_as_strip(plan, |device, day, (_, present, planned)| {
        let missing = missing.get(&(device, day.to_owned())).copied().unwrap_or(0);
        (missing, (present + planned).saturating_sub(missing))
    });
    ProofView {
        green: proof.green,
        depth: match proof.depth {
            engine::ProofDepth::Counts => ProofDepthChoice::Counts,
            engine::ProofDepth::Content => ProofDepthChoice::Content,
            engine::ProofDepth::Records => ProofDepthChoice::Records,
        },
        agrees: proof.agrees,
        checked_at: proof.at.into(),
        windows: proof.windows.into(),
        windows_green: proof.windows_green.into(),
        records_checked: proof.records.into(),
        missing: proof.missing.into(),
        changed: proof.changed.into(),
        doubled: proof.doubled.into(),
        differences: proof.windows_not_equal.iter().flat_map(differences).take(LISTED).collect(),
        strip,
        before: plan::strip(plan),
    }
}

fn differences(window: &WindowProof) -> impl Iterator<Item = ProofDifference> + '_ {
    window.differences.iter().filter_map(|difference| {
        let kind = match difference.kind {
            engine::DifferenceKind::Missing => DifferenceKind::Missing,
            engine::DifferenceKind::Changed => DifferenceKind::Changed,
            engine::DifferenceKind::Doubled => DifferenceKind::Doubled,
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

fn missing_by_day(windows: &[WindowProof]) -> HashMap<(DeviceId, String), u64> {
    let mut missing = HashMap::new();
    for window in windows {
        let lacking = window.differences.iter().filter(|one| one.kind == engine::DifferenceKind::Missing);
        for difference in lacking {
            let day = difference.time.unwrap_or(window.from).to_utc().date_naive().to_string();
            *missing.entry((window.device, day)).or_insert(0) += difference.times;
        }
    }
    missing
}

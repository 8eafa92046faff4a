//! A plan as the window shows it: rows, figures, checks and the strip of days.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{Days, NaiveDate};
use tago_api::{DeviceId, Time};
use tago_migrate::{self as engine, CheckName, DataItem, DeviceItem, Item, Plan, Reason};

use super::rehearsal::Rehearsed;
use crate::view::{
    Check, CheckVerdict, HoleStrip, HoleStripRow, PlanPage, PlanRow, PlanRowKind, PlanSummary, ResourceNote,
    TimeNeeded, Verdict, Whole,
};

/// Rows of one page.
const PAGE: usize = 100;

/// The strip shows at most this many days and devices.
const STRIP_DAYS: u64 = 400;
const STRIP_DEVICES: usize = 200;

/// One page of the items that have this verdict and this text in a name.
pub(super) fn page(plan: &Plan, verdict: Option<Verdict>, text: &str, page: u32) -> PlanPage {
    let text = text.trim().to_lowercase();
    let names = names(plan);
    let wanted = |row: &PlanRow| {
        verdict.is_none_or(|verdict| shown_as(row, verdict))
            && (text.is_empty()
                || row.device_name.to_lowercase().contains(&text)
                || row.variable.as_ref().is_some_and(|name| name.to_lowercase().contains(&text)))
    };
    let rows = plan.items().iter().enumerate().flat_map(|(place, item)| rows_of(place, item, &names));
    let (rows, total) = page_of(rows.filter(wanted), page);
    PlanPage { rows, total: total.into() }
}

/// A row that removes and fills is found under both.
fn shown_as(row: &PlanRow, verdict: Verdict) -> bool {
    let fills = || row.missing_count.is_some_and(|missing| missing != Whole::default());
    row.verdict == verdict || (verdict == Verdict::Fill && row.verdict == Verdict::Remove && fills())
}

/// One page of rows, and how many there are in all.
pub(crate) fn page_of<T>(rows: impl Iterator<Item = T>, page: u32) -> (Vec<T>, usize) {
    let first = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(PAGE);
    let (mut shown, mut total) = (Vec::new(), 0_usize);
    for row in rows {
        if total >= first && shown.len() < PAGE {
            shown.push(row);
        }
        total += 1;
    }
    (shown, total)
}

pub(super) fn names(plan: &Plan) -> HashMap<DeviceId, &str> {
    let devices = plan.items().iter().filter_map(|item| match item {
        Item::Device(device) => Some((device.device, device.name.as_str())),
        Item::Data(_) => None,
    });
    devices.collect()
}

fn rows_of(place: usize, item: &Item, names: &HashMap<DeviceId, &str>) -> Vec<PlanRow> {
    match item {
        Item::Device(device) => vec![device_row(place, device)],
        Item::Data(data) => {
            let name = names.get(&data.device).copied().unwrap_or_default();
            data.windows.iter().enumerate().map(|(window, _)| data_row(place, window, data, name)).collect()
        }
    }
}

fn device_row(place: usize, item: &DeviceItem) -> PlanRow {
    PlanRow {
        id: place.to_string(),
        kind: PlanRowKind::Device,
        device: item.device.to_string(),
        device_name: item.name.clone(),
        variable: None,
        from: None,
        to: None,
        verdict: verdict(item.verdict),
        reason: words(&item.reasons),
        source_count: None,
        target_count: None,
        missing_count: None,
        removed_count: None,
    }
}

fn data_row(place: usize, window: usize, item: &DataItem, device_name: &str) -> PlanRow {
    let records = &item.windows[window];
    PlanRow {
        id: format!("{place}.{window}"),
        kind: PlanRowKind::Data,
        device: item.device.to_string(),
        device_name: device_name.to_owned(),
        variable: Some(records.variable.clone()),
        from: Some(item.from.into()),
        to: Some(item.to.into()),
        verdict: match item.verdict {
            engine::Verdict::Fill if records.removed.count > 0 => Verdict::Remove,
            engine::Verdict::Fill if records.missing.is_empty() => Verdict::Skip,
            known => verdict(known),
        },
        reason: words(&item.reasons),
        source_count: Some(records.source.count.into()),
        target_count: Some(records.target.count.into()),
        missing_count: Some(records.missing.count.into()),
        removed_count: Some(records.removed.count.into()),
    }
}

fn words(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A verdict as the window shows it.
pub(crate) fn verdict(verdict: engine::Verdict) -> Verdict {
    match verdict {
        engine::Verdict::Create => Verdict::Create,
        engine::Verdict::Update => Verdict::Update,
        engine::Verdict::Fill => Verdict::Fill,
        engine::Verdict::Skip => Verdict::Skip,
        engine::Verdict::Conflict => Verdict::Conflict,
        engine::Verdict::Blocked => Verdict::Blocked,
    }
}

/// What the plan comes to.
pub(super) fn summary(rehearsed: &Rehearsed) -> PlanSummary {
    let plan = &rehearsed.plan;
    let sums = plan.summary();
    let devices = |verdict| sums.devices.get(&verdict).copied().unwrap_or(0);
    let all = |verdict| devices(verdict) + sums.data.get(&verdict).copied().unwrap_or(0);
    let (returns, stays) = engine::irreversible(plan).into_iter().partition(|one| one.written_back);
    let wake = plan.devices().iter().filter(|part| part.item.wakes).count();
    let emptied = plan.devices().iter().filter(|part| part.records_removed > 0).count();
    let in_use = plan.header().in_use.contains(&engine::Side::Target);
    let TimeNeeded { low, high } = time_needed(rehearsed, &engine::Pace::default());
    PlanSummary {
        fingerprint: plan.fingerprint().to_string(),
        cutoff: plan.header().cutoff.into(),
        devices_create: devices(engine::Verdict::Create).into(),
        devices_update: devices(engine::Verdict::Update).into(),
        devices_unchanged: devices(engine::Verdict::Skip).into(),
        blocked: all(engine::Verdict::Blocked).into(),
        conflicts: all(engine::Verdict::Conflict).into(),
        records_missing: sums.records_missing.into(),
        records_present: sums.records_source.saturating_sub(sums.records_missing).into(),
        records_to_write: sums.records_missing.into(),
        records_to_remove: sums.records_removed.into(),
        devices_to_empty: emptied.into(),
        windows_to_write: sums.windows_to_write.into(),
        requests: plan.requests().into(),
        seconds_low: low,
        seconds_high: high,
        irreversible: notes(stays),
        not_as_before: notes(returns),
        devices_to_wake: wake.into(),
        actions: plan.header().actions.iter().filter(|one| one.active).map(|one| one.name.clone()).collect(),
        target_in_use: in_use,
        target_share: share_of(in_use),
        nothing_to_do: sums.nothing_to_do,
    }
}

fn notes(told: Vec<engine::Irreversible>) -> Vec<ResourceNote> {
    let note = |one: engine::Irreversible| ResourceNote {
        kind: "device".to_owned(),
        name: one.name,
        detail: one.reason,
    };
    told.into_iter().map(note).collect()
}

/// What is used of a target's limits unless the owner says otherwise, in tenths of a percent.
#[expect(clippy::cast_possible_truncation, reason = "from 0 to 1000")]
pub(crate) fn share_of(in_use: bool) -> Whole {
    Whole::from((engine::Pace::default().share_of(in_use) * 1000.0).round() as i64)
}

/// Seconds at least and at most, as people read them.
pub(super) fn time_needed(rehearsed: &Rehearsed, pace: &engine::Pace) -> TimeNeeded {
    let (least, most) = rehearsed.plan.time_needed(rehearsed.records_read, rehearsed.took, pace);
    let seconds = |span: Duration| span.as_secs() + u64::from(span.subsec_nanos() > 0);
    TimeNeeded { low: seconds(least).into(), high: seconds(most).into() }
}

/// One check of the assessment.
pub(crate) fn check(check: &engine::Check) -> Check {
    let (name, title) = match check.name {
        CheckName::SourceReadable => ("source_readable", "The source can be read"),
        CheckName::TargetReadable => ("target_readable", "The target can be read"),
        CheckName::DifferentProjects => ("different_projects", "Source and target are two projects"),
        CheckName::ChosenDevices => ("chosen_devices", "The chosen devices exist"),
        CheckName::Networks => ("networks", "Networks and connectors are on the target"),
        CheckName::RecordCaps => ("record_caps", "Every device has room for its records"),
        CheckName::Replaced => ("replaced", "What is removed"),
        CheckName::Retention => ("retention", "The target still keeps these times"),
        CheckName::ActiveDevices => ("active_devices", "Devices that are inactive"),
        CheckName::SerialNumbers => ("serial_numbers", "Serial numbers stay where they are"),
        CheckName::SideEffects => ("side_effects", "What may change the records on arrival"),
        CheckName::Actions => ("actions", "What the records set off"),
        CheckName::Lane => ("lane", "How the records travel"),
        CheckName::InsideRecords => ("inside_records", "What records name is on the target"),
        CheckName::Unrecoverable => ("unrecoverable", "What no restore brings back"),
        CheckName::ChosenResources => ("chosen_resources", "What you chose exists"),
        CheckName::PlanLimits => ("plan_limits", "The target's plan has room"),
        CheckName::SwitchedOff => ("switched_off", "What arrives switched off"),
        CheckName::UnresolvedIds => ("unresolved_ids", "Every id leads somewhere"),
        CheckName::Files => ("files", "The files that are shown are there"),
        CheckName::Scripts => ("scripts", "Code of analyses from your folder"),
    };
    Check {
        name: name.to_owned(),
        title: title.to_owned(),
        verdict: match check.verdict {
            engine::CheckVerdict::Pass => CheckVerdict::Pass,
            engine::CheckVerdict::Warn => CheckVerdict::Warn,
            engine::CheckVerdict::Block => CheckVerdict::Block,
        },
        message: check.text.clone(),
    }
}

/// Records of a day that lack and that are there.
pub(super) type Day = (u64, u64);

/// The plan's days: what the target lacks and what it has.
pub(crate) fn strip(plan: &Plan) -> HoleStrip {
    let mut strip = days_as_strip(plan, |_, _, (_, present, missing)| (missing, present));
    let removed: HashMap<_, _> =
        plan.devices().iter().map(|part| (part.item.device.to_string(), part.records_removed)).collect();
    for row in &mut strip.devices {
        row.to_remove = removed.get(&row.device).copied().unwrap_or(0).into();
    }
    strip
}

/// A strip of the plan's days, each with what `look` says about it: first day and last, all between.
pub(super) fn days_as_strip(plan: &Plan, look: impl Fn(DeviceId, &str, (u64, u64, u64)) -> Day) -> HoleStrip {
    let mut parts = plan.devices();
    // Devices with something missing come first, so that a long list does not hide them.
    parts.sort_by_key(|part| part.records_missing == 0 && part.records_removed == 0);
    parts.retain(|part| !part.days.is_empty());
    parts.truncate(STRIP_DEVICES);
    let known: BTreeSet<NaiveDate> =
        parts.iter().flat_map(|part| part.days.keys()).filter_map(|day| day.parse().ok()).collect();
    let Some((first, last)) = known.first().copied().zip(known.last().copied()) else {
        return HoleStrip::default();
    };
    let days: Vec<NaiveDate> = last
        .checked_sub_days(Days::new(STRIP_DAYS - 1))
        .unwrap_or(first)
        .max(first)
        .iter_days()
        .take_while(|day| *day <= last)
        .collect();
    let devices = parts.iter().map(|part| {
        let of_day = |day: &NaiveDate| {
            let name = day.to_string();
            part.days.get(&name).map_or((0, 0), |sums| look(part.item.device, &name, *sums))
        };
        let (missing, present) = days
            .iter()
            .map(of_day)
            .map(|(missing, present)| (Whole::from(missing), Whole::from(present)))
            .unzip();
        HoleStripRow {
            device: part.item.device.to_string(),
            name: part.item.name.clone(),
            missing,
            present,
            to_remove: Whole::default(),
        }
    });
    let devices = devices.collect();
    HoleStrip { days: days.into_iter().map(|day| start_of(day).into()).collect(), devices }
}

fn start_of(day: NaiveDate) -> Time {
    day.and_hms_opt(0, 0, 0).map(|moment| moment.and_utc().into()).unwrap_or_default()
}

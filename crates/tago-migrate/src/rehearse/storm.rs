//! Which actions of the target a run would set off. Where nobody can tell, it would.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use tago_api::ActionId;

use super::compare::missing;
use super::{LOOKUPS, Part, Rehearsal, RehearseError, Scanned};
use crate::action::{PlatformAction, Trigger, is_tag};
use crate::device::Tag;
use crate::lanes::in_lanes;
use crate::load::{Parcel, Parcels};
use crate::machine::Route;
use crate::plan::{
    Check, CheckName, CheckVerdict, Choices, DataItem, DeviceItem, Policy, Tripped, TrippedAction, Verdict,
    Window,
};
use crate::ports::PortError;
use crate::replaced::surplus;
use crate::run::Side;
use crate::words::{counted, either};

/// Actions of the target, or why they cannot be read.
pub(super) type Actions = Result<Vec<PlatformAction>, String>;

impl Rehearsal<'_> {
    /// Every action of the target.
    pub(super) async fn actions(&self) -> Result<Actions, RehearseError> {
        let ids = match readable(self.read(Side::Target, Route::Lookup, || self.writer.actions()).await)? {
            Ok(ids) => ids.unwrap_or_default(),
            Err(why) => return Ok(Err(why)),
        };
        let reading = ids.into_iter().map(|id| async move {
            readable(self.read(Side::Target, Route::Lookup, || self.writer.action(id)).await)
        });
        let read = in_lanes(LOOKUPS, reading.collect()).await?;
        Ok(read.into_iter().filter_map(Result::transpose).collect())
    }
}

/// `None` if it is not there, and why if the credential may not read it.
fn readable<T>(read: Result<T, RehearseError>) -> Result<Result<Option<T>, String>, RehearseError> {
    match read {
        Ok(read) => Ok(Ok(Some(read))),
        Err(RehearseError::Port { cause: PortError::NotFound { .. }, .. }) => Ok(Ok(None)),
        Err(RehearseError::Port {
            cause: PortError::Auth { message } | PortError::Refused { message },
            ..
        }) => Ok(Err(message)),
        Err(error) => Err(error),
    }
}

/// What watches the records of one device.
pub(super) struct Watching<'a>(Vec<(ActionId, &'a Trigger)>);

impl<'a> Watching<'a> {
    pub(super) fn of(actions: &'a Actions, scanned: &Scanned, item: &DeviceItem) -> Watching<'a> {
        let on_it = |trigger: &&Trigger| match trigger {
            Trigger::Record { on, .. } => on.watches(item.target, tags(scanned, item)),
            Trigger::Device { .. } => false,
            Trigger::Unknown => true,
        };
        let all = actions
            .iter()
            .flatten()
            .flat_map(|action| action.triggers.iter().filter(on_it).map(|trigger| (action.id, trigger)));
        Watching(all.collect())
    }

    /// Adds the actions that what is written of this item would set off. Without both sides' records, or
    /// where a parser may make others of them, every action does that watches the device.
    pub(super) fn look(
        &self,
        item: &DataItem,
        policy: Policy,
        sides: Option<(&Parcels, &Parcels)>,
        tripped: &mut BTreeSet<ActionId>,
    ) {
        let written = sides.map(|(ours, theirs)| move || missing(policy, ours, theirs));
        self.look_at(item, |window| !window.missing.is_empty(), written, tripped);
    }

    /// The same for the records of the target that are removed, in case that they are written again.
    pub(super) fn look_back(
        &self,
        item: &DataItem,
        sides: Option<(&Parcels, &Parcels)>,
        tripped: &mut BTreeSet<ActionId>,
    ) {
        let removed = sides.map(|(ours, theirs)| move || surplus(ours, theirs).into_values().flatten());
        self.look_at(item, |window| !window.removed.is_empty(), removed, tripped);
    }

    fn look_at<'p, I: Iterator<Item = &'p Parcel>>(
        &self,
        item: &DataItem,
        is_written: fn(&Window) -> bool,
        records: Option<impl FnOnce() -> I>,
        tripped: &mut BTreeSet<ActionId>,
    ) {
        let written = item.windows.iter().filter(|window| is_written(window));
        let written: BTreeSet<&str> = written.map(|window| window.variable.as_str()).collect();
        if item.verdict != Verdict::Fill || written.is_empty() {
            return;
        }
        let Some(records) = records else {
            tripped.extend(self.0.iter().map(|(action, _)| action));
            return;
        };
        let mut watched: BTreeMap<&str, Vec<(ActionId, &Trigger)>> = BTreeMap::new();
        for (action, trigger) in &self.0 {
            if tripped.contains(action) {
                continue;
            }
            let Trigger::Record { variable, .. } = trigger else {
                tripped.insert(*action);
                continue;
            };
            let is_watched =
                |name: &&&str| variable.as_ref().is_none_or(|watched| watched.eq_ignore_ascii_case(name));
            for name in written.iter().filter(is_watched) {
                watched.entry(name).or_default().push((*action, trigger));
            }
        }
        if watched.is_empty() {
            return;
        }
        for parcel in records() {
            let Some(watching) = watched.get_mut(parcel.variable.as_str()) else { continue };
            watching.retain(|(action, _)| !tripped.contains(action));
            if watching.is_empty() {
                continue;
            }
            let value = number(&parcel.body);
            for (action, trigger) in watching {
                if let Trigger::Record { test, .. } = trigger
                    && test.may_hold(value)
                {
                    tripped.insert(*action);
                }
            }
        }
    }
}

/// The value of a record, if it is a number.
fn number(body: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Valued<'a> {
        #[serde(borrow, default)]
        value: Option<&'a RawValue>,
    }
    let valued: Valued<'_> = serde_json::from_str(body).ok()?;
    serde_json::from_str(valued.value?.get()).ok()
}

/// Every action that the run would set off, by name.
pub(super) fn tripped(
    actions: &Actions,
    scanned: &[Scanned],
    items: &[DeviceItem],
    data: &[Part],
) -> Vec<TrippedAction> {
    let by_records: BTreeSet<ActionId> = data
        .iter()
        .filter(|part| part.items.iter().any(|item| item.verdict == Verdict::Fill))
        .flat_map(|part| part.tripped.iter().copied())
        .collect();
    let changed = |trigger: &Trigger| match trigger {
        Trigger::Device { when, tag } => scanned.iter().zip(items).any(|(scanned, item)| {
            // A device that is made is changed once more when the run's mark is taken away.
            let happens = match when.as_str() {
                "delete" => false,
                "create" => item.verdict == Verdict::Create,
                _ => item.is_worked_on(),
            };
            let has = |(key, value): &(String, Option<String>)| {
                tags(scanned, item).any(|tag| is_tag(tag, key, value.as_deref()))
            };
            happens && tag.as_ref().is_none_or(has)
        }),
        _ => false,
    };
    listed(actions, |action| by_records.contains(&action.id) || action.triggers.iter().any(changed))
}

/// Every action that an undo would set off that writes again what was removed.
pub(super) fn tripped_by_undo(actions: &Actions, data: &[Part]) -> Vec<TrippedAction> {
    let filled = data.iter().filter(|part| part.items.iter().any(|item| item.verdict == Verdict::Fill));
    let tripped: BTreeSet<ActionId> = filled.flat_map(|part| part.undo_tripped.iter().copied()).collect();
    listed(actions, |action| tripped.contains(&action.id))
}

/// Those of the target that are meant, by name.
fn listed(actions: &Actions, is_meant: impl Fn(&PlatformAction) -> bool) -> Vec<TrippedAction> {
    let found = actions.iter().flatten().filter(|action| is_meant(action));
    let mut found: Vec<TrippedAction> = found
        .map(|action| TrippedAction { id: action.id, name: action.name.clone(), active: action.active })
        .collect();
    found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    found
}

/// The check that says them by name.
pub(super) fn check(choices: &Choices, actions: &Actions, tripped: &[TrippedAction]) -> Check {
    let names: Vec<&str> =
        tripped.iter().filter(|action| action.active).map(|action| action.name.as_str()).collect();
    let named = super::assess::named(&names);
    let (verdict, text) = match (actions, choices.tripped, names.len()) {
        (Err(why), Tripped::Hold, _) => (
            CheckVerdict::Block,
            format!(
                "the actions of the target cannot be read, so none can be held: {why}; use a token that may \
                 read and change actions, or let them act"
            ),
        ),
        (Err(why), Tripped::LetFire, _) => (
            CheckVerdict::Warn,
            format!("the actions of the target cannot be read, and the records may set some off: {why}"),
        ),
        (Ok(_), _, 0) => (CheckVerdict::Pass, "the records set no action of the target off".to_owned()),
        (Ok(_), Tripped::Hold, count) => (
            CheckVerdict::Warn,
            format!(
                "{} would be set off, and {} held as long as the run writes; for so long nothing else sets {} off \
                 either: {named}",
                counted(count as u64, "action", "actions"),
                either(count as u64, "is", "are"),
                either(count as u64, "it", "them")
            ),
        ),
        (Ok(_), Tripped::LetFire, _) => (CheckVerdict::Warn, format!("set off by what is written: {named}")),
    };
    Check { name: CheckName::Actions, verdict, text }
}

/// The tags that the counterpart has, or may have in the course of the run.
fn tags<'a>(scanned: &'a Scanned, item: &DeviceItem) -> impl Iterator<Item = &'a Tag> {
    let taken = matches!(item.verdict, Verdict::Create | Verdict::Update);
    let ours = scanned.device.definition.tags.iter().filter(move |_| taken);
    let theirs = scanned.target.iter().flat_map(|(device, ..)| &device.definition.tags);
    ours.chain(theirs)
}

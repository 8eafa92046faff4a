//! Devices that a run has woken, and that rest again when nobody goes on with it.

use std::sync::atomic::{AtomicU32, Ordering};

use tago_api::DeviceId;

use super::drive::World;
use super::{Halt, Side, reader};
use crate::device::{DeviceEdit, seal};
use crate::journal::{Journal, JournalError, Row};
use crate::machine::Route;
use crate::machine::ledger::Ledger;
use crate::pacer::Pacers;
use crate::plan::{Item, Plan, Seal};
use crate::ports::{PortError, WriteError};

/// A change that does not take effect is repeated so often.
const ATTEMPTS: u32 = 4;

/// Devices of the target that a run, or its undo, may have left active: places in the plan, and ids.
pub(crate) fn awake(plan: &Plan, ledger: &Ledger) -> Vec<(u32, DeviceId)> {
    let is_undoing = ledger.undo.begun && !ledger.undo.undone;
    let places = (0_u32..).zip(&plan.items).filter_map(|(place, item)| {
        let Item::Device(item) = item else { return None };
        let device = ledger.devices.get(&place).filter(|device| item.wakes && device.edited)?;
        let by_run = !device.finished && !device.rested;
        let by_undo = is_undoing && ledger.undo.shapes.contains_key(&place);
        (by_run || by_undo).then_some((place, item.target?))
    });
    places.collect()
}

/// The same for people: ids in the target, names. Once a run is taken back, none is left.
pub(super) fn left_active(plan: &Plan, ledger: &Ledger) -> Vec<(DeviceId, String)> {
    let awake = if ledger.undo.undone { Vec::new() } else { awake(plan, ledger) };
    let named = awake.into_iter().filter_map(|(place, id)| match plan.items.get(place as usize) {
        Some(Item::Device(item)) => Some((id, item.name.clone())),
        _ => None,
    });
    named.collect()
}

/// Puts them to rest, but for those that somebody else has changed since. Whoever resumes wakes them again.
pub(super) async fn let_rest(
    world: &World<'_>,
    ledger: &Ledger,
    journal: &mut dyn Journal,
) -> Result<Option<Halt>, JournalError> {
    let awake = awake(world.plan, ledger);
    let clock = world.env.clock;
    let is_in_doubt = |(place, _): &(u32, DeviceId)| ledger.devices.get(place).is_some_and(|it| it.doubt);
    if awake.iter().any(is_in_doubt) || !ledger.undo.doubt.is_empty() && !awake.is_empty() {
        clock.sleep(world.settings.late_commit_bound).await;
    }
    for (place, device) in awake {
        match rest(world, ledger, (place, device), journal).await? {
            Ok(()) | Err(PortError::NotFound { .. }) => {}
            Err(PortError::Auth { message }) => return Ok(Some(Halt::Auth { side: Side::Target, message })),
            Err(cause) => {
                let message = format!("device {device} is not put to rest yet: {cause}");
                return Ok(Some(Halt::Unreachable { side: Side::Target, message }));
            }
        }
    }
    Ok(None)
}

async fn rest(
    world: &World<'_>,
    ledger: &Ledger,
    (place, device): (u32, DeviceId),
    journal: &mut dyn Journal,
) -> Result<Result<(), PortError>, JournalError> {
    let (target, clock) = (world.target, world.env.clock);
    let pacers = Pacers::new(&world.settings.pace, clock);
    let reader = reader(world, target, &pacers);
    for attempt in 0..=ATTEMPTS {
        let read = async {
            let there = reader.ask(Route::Lookup, || target.device(device)).await?;
            Ok((there.definition, reader.ask(Route::Lookup, || target.params(device)).await?))
        };
        let (definition, params) = match read.await {
            Ok(there) => there,
            Err(cause) => return Ok(Err(cause)),
        };
        if !definition.active {
            if attempt > 0 || !ledger.devices.get(&place).is_some_and(|device| device.rested) {
                journal.append(clock.now(), &Row::Rested { item: place })?;
            }
            return Ok(Ok(()));
        }
        let seen = seal(&definition, &params);
        if attempt == ATTEMPTS || !is_own(ledger, place, &seen) {
            return Ok(Ok(()));
        }
        let edit = DeviceEdit { active: Some(false), ..DeviceEdit::default() };
        let shape = seal(&edit.applied_to(&definition), &params);
        journal.append_all(&[
            (clock.now(), Row::Shape { item: place, seal: shape }),
            (clock.now(), Row::RestIntent { item: place }),
        ])?;
        let asked = AtomicU32::new(0);
        let (asked_of, edit, pacers, seen) = (&asked, &edit, &pacers, &seen);
        let request = || async move {
            // It has waited for the limits: who has changed the device meanwhile is not overruled.
            pacers.admit(Route::Lookup).await;
            let there = target.device(device).await.map_err(WriteError::NotReceived)?;
            pacers.admit(Route::Lookup).await;
            let params = target.params(device).await.map_err(WriteError::NotReceived)?;
            if seal(&there.definition, &params) != *seen {
                return Ok(());
            }
            asked_of.fetch_add(1, Ordering::Relaxed);
            target.edit_device(device, edit).await
        };
        if let Err(cause) = reader.change(Route::Edit, request).await {
            return Ok(Err(cause));
        }
        // One that was not answered may arrive later, and so may what is shown of it.
        if asked.into_inner() > 1 || attempt > 0 {
            clock.sleep(world.settings.late_commit_bound).await;
        }
    }
    Ok(Ok(()))
}

/// Whether a device is as the run left it; once the run is over, as its undo did.
fn is_own(ledger: &Ledger, place: u32, there: &Seal) -> bool {
    let device = ledger.devices.get(&place);
    let by_run = device.is_some_and(|device| !device.finished && device.shapes.contains(there));
    by_run || ledger.undo.shapes.get(&place).is_some_and(|shapes| shapes.contains(there))
}

//! Actions of the target that were made since the rehearsal, or are set off by something else. The records were
//! not held against their conditions, so whatever watches a variable that is written counts as set off.

use std::collections::BTreeSet;

use tago_api::DeviceId;

use super::{PlatformAction, Trigger, Watched};
use crate::lanes::in_lanes;
use crate::machine::Route;
use crate::machine::ledger::Ledger;
use crate::plan::{Item, Plan, Verdict};
use crate::ports::{PortError, Target};
use crate::reader::Reader;

/// So many are read at once.
const LOOKUPS: usize = 8;

/// Every action of the target that the plan does not name.
pub(crate) async fn unnamed(
    plan: &Plan,
    target: &dyn Target,
    reader: &Reader<'_>,
) -> Result<Vec<PlatformAction>, PortError> {
    let mut ids = reader.ask(Route::Lookup, || target.actions()).await?;
    ids.retain(|id| plan.header.actions.iter().all(|named| named.id != *id));
    let reading = ids.into_iter().map(|id| async move {
        match reader.ask(Route::Lookup, || target.action(id)).await {
            Err(PortError::NotFound { .. }) => Ok(None),
            read => read.map(Some),
        }
    });
    let read = in_lanes(LOOKUPS, reading.collect()).await?;
    Ok(read.into_iter().flatten().collect())
}

/// Those of these that the run may set off, and that the rehearsal did not see as they are.
pub(crate) fn met<'a>(
    plan: &'a Plan,
    ledger: &'a Ledger,
    unnamed: &'a [PlatformAction],
) -> impl Iterator<Item = &'a PlatformAction> {
    let seen = &plan.header.triggers;
    let new = unnamed.iter().filter(|action| seen.get(&action.id) != Some(&action.trigger_seal()));
    new.filter(|action| action.triggers.iter().any(|trigger| may_be_set_off(plan, ledger, trigger)))
}

fn may_be_set_off(plan: &Plan, ledger: &Ledger, trigger: &Trigger) -> bool {
    let (on, variable) = match trigger {
        Trigger::Unknown => return true,
        Trigger::Device { when, .. } => return is_done_to_a_device(plan, when),
        Trigger::Record { on, variable, .. } => (on, variable),
    };
    let watched = match on {
        Watched::Device(device) => Some(devices_of(plan, ledger, *device)),
        // Which tags a device has by now, the plan does not tell.
        Watched::Tagged(..) | Watched::Any => None,
    };
    let is_watched = |name: &str| variable.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(name));
    plan.items.iter().any(|item| {
        let Item::Data(data) = item else { return false };
        let mut written = data.windows.iter().filter(|window| !window.missing.is_empty());
        data.verdict == Verdict::Fill
            && watched.as_ref().is_none_or(|devices| devices.contains(&data.device))
            && written.any(|window| is_watched(&window.variable))
    })
}

fn is_done_to_a_device(plan: &Plan, when: &str) -> bool {
    plan.items.iter().any(|item| match (item, when) {
        (Item::Data(_), _) | (_, "delete") => false,
        (Item::Device(item), "create") => item.verdict == Verdict::Create,
        (Item::Device(item), _) => item.is_worked_on(),
    })
}

/// The devices of the source whose records go to this one of the target.
fn devices_of(plan: &Plan, ledger: &Ledger, target: DeviceId) -> BTreeSet<DeviceId> {
    let items = (0_u32..).zip(&plan.items).filter_map(|(place, item)| match item {
        Item::Device(item) => {
            let made = ledger.devices.get(&place).and_then(|device| device.made);
            (item.target.or(made) == Some(target)).then_some(item.device)
        }
        Item::Data(_) => None,
    });
    items.collect()
}

//! What becomes of the actions that a run would set off, and their release when a run is given up.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tago_api::ActionId;

use super::drive::{World, drive};
use super::{Ending, RunError, Side, config, expect_identity, past, reader, resting};
use crate::journal::{Journal, JournalError, Left, SqliteJournal};
use crate::keep::Folder;
use crate::machine::State;
use crate::machine::ledger::{ActionLedger, Ledger};
use crate::plan::{Plan, Tripped, TrippedAction};
use crate::ports::Target;
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;
use crate::undo::let_go_back;

/// An action that the run would set off, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionStatus {
    /// Its id in the target.
    pub id: ActionId,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub state: ActionState,
    /// Whether it acted between the last look before it was held and the look before its release, by what
    /// the platform says of its last time. `None` if that is not known.
    pub acted: Option<bool>,
}

/// Where an action is that the run would set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// The run has not come to it.
    Untouched,
    /// The run has switched it off.
    Held,
    /// The answer to a switch was lost; the run will look for it.
    Doubtful,
    /// The run has switched it off and on again.
    Released,
    /// It was inactive when it was to be held, and stayed so.
    Inactive,
    /// Somebody switched it on while the run held it; records may have set it off.
    SwitchedOn,
    /// It was deleted.
    Gone,
    /// The owner chose to let it act.
    LetFire,
    /// The run has switched it off, or may have, and was given up.
    LeftOff,
}

impl ActionState {
    /// Whether the run still has to switch it on.
    pub fn is_held(self) -> bool {
        matches!(self, ActionState::Held | ActionState::Doubtful)
    }
}

/// Every action of the plan's header, and those that the run met beside them.
pub(crate) fn actions(plan: &Plan, ledger: &Ledger) -> Vec<ActionStatus> {
    let lets_fire = plan.header.choices.tripped == Tripped::LetFire;
    let status_in = |action: &TrippedAction, known: Option<&ActionLedger>| {
        let state = match known {
            _ if lets_fire => ActionState::LetFire,
            None => ActionState::Untouched,
            Some(known) => match known.left {
                _ if ledger.given_up && (known.held || known.doubt.is_some()) => ActionState::LeftOff,
                _ if known.doubt.is_some() => ActionState::Doubtful,
                _ if known.held => ActionState::Held,
                Some(Left::Inactive) => ActionState::Inactive,
                Some(Left::SwitchedOn) => ActionState::SwitchedOn,
                Some(Left::Gone) => ActionState::Gone,
                None if known.times > 0 => ActionState::Released,
                None => ActionState::Untouched,
            },
        };
        ActionStatus {
            id: action.id,
            name: action.name.clone(),
            state,
            acted: known.and_then(|known| known.acted),
        }
    };
    let of = |planned: &[TrippedAction], ledger: &Ledger| -> Vec<ActionStatus> {
        let met =
            ledger.met.iter().map(|(id, name)| TrippedAction { id: *id, name: name.clone(), active: true });
        let all = planned.iter().cloned().chain(met);
        all.map(|action| status_in(&action, ledger.actions.get(&action.id))).collect()
    };
    let mut told = of(&plan.header.actions, ledger);
    // A run that writes back what was removed has a plan and a ledger of its own.
    let back = ledger.undo.back.as_ref().filter(|back| !back.ledger.actions.is_empty());
    for now in back.iter().flat_map(|back| of(&plan.header.undo_actions, &back.ledger)) {
        told.retain(|status| status.id != now.id);
        told.push(now);
    }
    told
}

/// Switches on again what the run of this folder holds, removes its tokens, puts devices that it has woken to
/// rest again, and does nothing else of it.
/// For a run that nobody means to resume; its source need not exist any more. What it answers is
/// [`Ending::Stopped`] once nothing is held.
///
/// # Errors
/// See [`RunError`].
pub async fn release(
    folder: &Path,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let (mut journal, rows) = SqliteJournal::open(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let is_of_undo = ledger.undo.holds_actions();
    if ledger.finished && !is_of_undo && resting::awake(&plan, &ledger).is_empty() {
        return Ok(Ending::Finished);
    }
    let keep = Folder::of(folder);
    let world = World { plan: &plan, source: target, target, keep: &keep, settings, env };
    let pacers = plan.header.pace(Side::Target, target, settings, env.clock);
    expect_identity(Side::Target, &reader(&world, target, &pacers), &plan.header).await?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    Ok(leave(&world, ledger, &mut journal).await?)
}

/// Lets go of all that the run, or its undo, has in hand.
pub(crate) async fn leave(
    world: &World<'_>,
    ledger: Ledger,
    journal: &mut dyn Journal,
) -> Result<Ending, JournalError> {
    let ending = if ledger.undo.holds_actions() {
        let_go_back(world, &ledger, journal).await?
    } else if ledger.finished {
        Ending::Stopped
    } else {
        let_go(world, ledger.clone(), journal).await?
    };
    if ending != Ending::Stopped {
        return Ok(ending);
    }
    Ok(resting::let_rest(world, &ledger, journal).await?.map_or(Ending::Stopped, Ending::Halted))
}

pub(crate) async fn let_go(
    world: &World<'_>,
    ledger: Ledger,
    journal: &mut dyn Journal,
) -> Result<Ending, JournalError> {
    let state = State::new(Arc::new(world.plan.clone()), config(world.settings), ledger).ending();
    drive(world, state, journal).await
}

//! What still lacks after a run whose journal is damaged.

use std::path::Path;

use super::document::{MARKER, tag};
use super::kind::{Kind, Mark};
use super::plan::{Conflict, ResourceChoices, ResourcePlan};
use super::ports::Resources;
use super::rehearse::rehearse;
use super::row::Row;
use super::scan::Asking;
use crate::folder;
use crate::journal::run_named;
use crate::plan::Verdict;
use crate::ports::PortError;
use crate::rebuild::{RebuildError, Rebuilt, damaged, set_aside};
use crate::run::Side;
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;

/// Compares both sides anew with the choices of the damaged run of this folder. Nothing is written: what the
/// run has made and not completed bears its mark, is known again by that, and is completed by the new plan,
/// which takes the mark off. What was to be made beside its counterpart is not made again: nobody knows
/// whether it was.
///
/// # Errors
/// See [`RebuildError`].
pub async fn rebuild(
    folder: &Path,
    source: &dyn Resources,
    target: &dyn Resources,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Rebuilt<ResourcePlan>, RebuildError> {
    let _alone = damaged::<Row>(folder)?;
    let plan = ResourcePlan::read(&folder.join(folder::PLAN))?;
    let _alone_there = TargetLock::take(settings, &plan.header.target)?;
    plan.header.sides().expect(Side::Source, source.identity().await)?;
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    set_aside(folder, settings, env).await?;
    let mut choices = once(plan.header.choices.clone());
    let run = run_named(folder);
    let [_, pacers] = &plan.header.paces(None, target, settings, env.clock);
    let asking = Asking { pacers, clock: env.clock, patience: settings.patience };
    for kind in Kind::ALL.into_iter().filter(|kind| kind.descriptor().mark == Mark::Tag) {
        let listed = match asking.ask(|| target.list(kind)).await {
            Err(PortError::NotFound { .. }) => continue,
            listed => listed.map_err(|cause| RebuildError::Port { cause })?,
        };
        for (at, document) in listed {
            let Some((of_run, id)) = tag(&document, MARKER).and_then(|mark| mark.rsplit_once(':')) else {
                continue;
            };
            let is_planned = plan
                .items
                .iter()
                .any(|item| item.at.id == id && item.at.kind == kind && item.verdict == Verdict::Create);
            if is_planned && run.as_deref().is_none_or(|run| run == of_run) {
                choices.counterparts.insert(id.to_owned(), at.id);
                choices.conflict_of_item.insert(id.to_owned(), Conflict::TakeSource);
            }
        }
    }
    let plan = rehearse(source, target, &choices, settings, env).await?;
    Ok(Rebuilt { plan, tidied: Vec::new(), switched_off: Vec::new() })
}

/// The same choices, without a second one of anything.
fn once(mut choices: ResourceChoices) -> ResourceChoices {
    let conflicts = choices.conflict_of_kind.values_mut().chain(choices.conflict_of_item.values_mut());
    for conflict in conflicts.chain([&mut choices.conflict]) {
        if *conflict == Conflict::Both {
            *conflict = Conflict::KeepTarget;
        }
    }
    choices
}

//! Carries a plan out, and goes on with it after a stop, a halt or a crash.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tago_api::Time;

use super::hands::Hands;
use super::keep::{Folder, Keep};
use super::ledger::Ledger;
use super::machine::{Action, Config, Event, State, step};
use super::plan::{ResourcePlan, Work as Handwork};
use super::ports::{Resources, ResourcesTarget};
use super::row::Row;
use super::scripts::{self, WithScripts};
use crate::control::Wish;
use crate::folder;
use crate::journal::{Journal, JournalError, SqliteJournal};
use crate::plan::Seal;
use crate::run::{Ending, RunError, Side, open};
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;

type Effect<'a> = Pin<Box<dyn Future<Output = Event> + Send + 'a>>;

/// Begins a run in an empty or new folder, which it fills with the plan, the journal and what the run
/// replaces.
///
/// # Errors
/// See [`RunError`]. What it found and could not go on with is an [`Ending`], not an error.
pub async fn run(
    plan: &ResourcePlan,
    approved: &Seal,
    folder: &Path,
    source: &dyn Resources,
    target: &dyn ResourcesTarget,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let fingerprint = plan.fingerprint();
    if fingerprint != *approved {
        return Err(RunError::NotApproved { fingerprint });
    }
    if let Some(reason) = plan.obstacle() {
        return Err(RunError::NotRunnable { reason });
    }
    plan.header.sides().expect(Side::Source, source.identity().await)?;
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    folder::make(folder).map_err(JournalError::Folder)?;
    let (mut journal, rows) = open::<Row>(folder)?;
    if !rows.is_empty() {
        return Err(RunError::FolderTaken);
    }
    let keep = Folder::of(folder);
    scripts::keep_all(&plan.header, &keep)?;
    plan.write(&folder.join(folder::PLAN))?;
    let begun = Row::Begun { run: format!("{:016x}", env.nonce), fingerprint };
    journal.append(env.clock.now(), &begun)?;
    let ledger = Ledger::of([&begun]).map_err(|detail| JournalError::Damaged { detail })?;
    let source = WithScripts { source, scripts: &plan.header.scripts, keep: &keep };
    let hands = Hands::new(Some(&source), target, &plan.header, &keep, settings, env);
    Ok(drive(&hands, plan, ledger, &mut journal, settings).await?)
}

/// Goes on with the run of this folder. Of a finished run it does nothing.
///
/// # Errors
/// See [`RunError`]. A run that is being taken back is not gone on with.
pub async fn resume(
    folder: &Path,
    source: &dyn Resources,
    target: &dyn ResourcesTarget,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Ending, RunError> {
    let (mut journal, rows) = open::<Row>(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    if ledger.undoing {
        return Err(RunError::NotRunnable { reason: "it is being taken back".to_owned() });
    }
    if ledger.finished {
        return Ok(Ending::Finished);
    }
    plan.header.sides().expect(Side::Source, source.identity().await)?;
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    let keep = Folder::of(folder);
    let source = WithScripts { source, scripts: &plan.header.scripts, keep: &keep };
    let hands = Hands::new(Some(&source), target, &plan.header, &keep, settings, env);
    Ok(drive(&hands, &plan, ledger, &mut journal, settings).await?)
}

/// What a run folder tells without touching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceStatus {
    /// The plan's fingerprint.
    pub fingerprint: Seal,
    /// Whether the run is over.
    pub finished: bool,
    /// Whether it is taken back.
    pub undone: bool,
    /// Resources made: old, new, name.
    pub made: Vec<(super::ports::Address, String, String)>,
    /// Resources changed: old, in the target, name.
    pub changed: Vec<(super::ports::Address, String, String)>,
    /// What was not carried out, and why.
    pub held: Vec<(super::ports::Address, String, String)>,
    /// What the owner has to do by hand: old, new, name, what.
    pub work: Vec<(super::ports::Address, String, String, Handwork)>,
    /// Ids that lead nowhere.
    pub unresolved: Vec<(super::ports::Address, super::remap::Unresolved)>,
}

/// Reads how far the run of this folder is. It may be running elsewhere.
///
/// # Errors
/// See [`RunError`].
pub fn status(folder: &Path) -> Result<ResourceStatus, RunError> {
    let rows = SqliteJournal::read_of::<Row>(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let mut status = ResourceStatus {
        fingerprint: plan.fingerprint(),
        finished: ledger.finished,
        undone: ledger.undone,
        made: Vec::new(),
        changed: Vec::new(),
        held: Vec::new(),
        work: Vec::new(),
        unresolved: Vec::new(),
    };
    for (place, item) in (0..).zip(&plan.items) {
        let progress = ledger.of_item(place);
        let id = progress.id.clone().or_else(|| item.target.as_ref().map(|at| at.id.clone()));
        let row = |id: &str| (item.at.clone(), id.to_owned(), item.name.clone());
        if let Some(reason) = &progress.held {
            status.held.push(row(reason));
        }
        if let Some(made) = &progress.id {
            status.made.push(row(made));
        } else if progress.done {
            status.changed.push(row(id.as_deref().unwrap_or_default()));
        }
        if progress.made || progress.done {
            let id = id.unwrap_or_default();
            let work = item.work.iter().map(|work| (item.at.clone(), id.clone(), item.name.clone(), *work));
            status.work.extend(work);
            status.unresolved.extend(item.unresolved.iter().map(|found| (item.at.clone(), found.clone())));
        }
    }
    Ok(status)
}

pub(crate) fn past(folder: &Path, rows: &[(Time, Row)]) -> Result<(ResourcePlan, Ledger), RunError> {
    if rows.is_empty() {
        return Err(JournalError::NoRun.into());
    }
    let ledger =
        Ledger::of(rows.iter().map(|(_, row)| row)).map_err(|detail| JournalError::Damaged { detail })?;
    let plan = ResourcePlan::read(&folder.join(folder::PLAN))?;
    let fingerprint = plan.fingerprint();
    if ledger.fingerprint.as_ref() != Some(&fingerprint) {
        return Err(RunError::NotApproved { fingerprint });
    }
    Ok((plan, ledger))
}

/// Runs one session to its end.
pub(crate) async fn drive(
    hands: &Hands<'_>,
    plan: &ResourcePlan,
    ledger: Ledger,
    journal: &mut dyn Journal<Row>,
    settings: &Settings,
) -> Result<Ending, JournalError> {
    let config = Config {
        lanes: settings.lanes,
        late_commit_bound: settings.late_commit_bound,
        patience: settings.patience,
    };
    let env = hands.env;
    let mut state = State::new(Arc::new(plan.clone()), config, ledger);
    let mut effects: FuturesUnordered<Effect<'_>> = FuturesUnordered::new();
    let mut wishes = env.control.listen();
    let mut wish = Wish::Run;
    let mut event = Event::Start;
    loop {
        let (next, actions) = step(state, env.clock.elapsed(), event);
        state = next;
        for action in actions {
            match action {
                Action::Journal(row) => journal.append(env.clock.now(), &row)?,
                Action::Fault(detail) => return Err(JournalError::Damaged { detail }),
                Action::Finish(ending) => return Ok(ending),
                action => effects.push(carry_out(hands, plan, action)),
            }
        }
        let (items_done, items_total) = state.counts();
        env.progress.send_if_modified(|figures| {
            let is_new = (figures.items_done, figures.items_total) != (items_done, items_total);
            (figures.items_done, figures.items_total) = (items_done, items_total);
            is_new
        });
        let asked = *wishes.borrow_and_update();
        event = if asked != wish {
            wish = asked;
            Event::Wish(asked)
        } else {
            tokio::select! {
                biased;
                Some(event) = effects.next(), if !effects.is_empty() => event,
                () = until(env, state.wakes_at()) => Event::Tick,
                _ = wishes.changed() => Event::Tick,
            }
        };
    }
}

pub(crate) async fn until(env: Env<'_>, moment: Option<Duration>) {
    match moment {
        Some(moment) => env.clock.sleep(moment.saturating_sub(env.clock.elapsed())).await,
        None => future::pending().await,
    }
}

fn carry_out<'a>(hands: &'a Hands<'_>, plan: &'a ResourcePlan, action: Action) -> Effect<'a> {
    match action {
        Action::Permit(item) => Box::pin(async move {
            hands.permit().await;
            Event::Permitted(item)
        }),
        Action::Read { item, target } => Box::pin(async move {
            let source = &plan.items[item as usize].at;
            Event::Read { item, result: hands.pair(source, target.as_ref()).await }
        }),
        Action::Look { item, kind, name, marker } => {
            Box::pin(async move { Event::Looked { item, result: hands.look(kind, &name, &marker).await } })
        }
        Action::Keep { item, what, content_of } => {
            Box::pin(async move { Event::Kept { item, result: hands.keep(what, content_of.as_ref()).await } })
        }
        Action::Work { item, work } => {
            Box::pin(async move { Event::Worked { item, result: hands.work(&work).await } })
        }
        Action::Journal(_) | Action::Fault(_) | Action::Finish(_) => Box::pin(future::ready(Event::Tick)),
    }
}

/// What `keep` holds under this hash, as JSON.
pub(crate) fn kept_json(keep: &dyn Keep, seal: &Seal) -> Result<serde_json::Value, String> {
    let bytes = keep.kept(seal).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

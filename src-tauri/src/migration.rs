//! Rehearsals and runs: the engine's operations as tasks that the window can watch, pause and find again.

mod plan;
mod proof;
mod rehearsal;
mod report;
mod run;

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tago_api::Time;
use tago_migrate::{Clock as _, Figures, Pace, Settings, SystemClock};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

pub(crate) use plan::{check, page_of, share_of, strip, verdict};
pub(crate) use rehearsal::{Rehearsal, choices_of, choices_view, overview_view};
pub(crate) use report::report_view;
pub(crate) use run::{LiveRun, RunFiles, RunRecord, idle_view, is_damaged, is_planned_again, summary};

use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::targets::Targets;
use crate::view::Whole;

/// The window is told of progress at most this often.
const BETWEEN_EVENTS: Duration = Duration::from_millis(100);

/// What an owner may choose of a target's limits, in tenths of a percent: with more it would be refused now and
/// then, with less it hardly moves.
const SHARES: RangeInclusive<u16> = 100..=985;

/// Plans are held in memory; more than these are not looked at any more.
const KEPT_REHEARSALS: usize = 4;

/// How long a closing window waits for batches that are on their way.
const LONGEST_QUIET: Duration = Duration::from_secs(3);

/// What is rehearsed and what runs.
pub(crate) struct Migrations {
    pub(crate) files: RunFiles,
    rehearsals: Mutex<BTreeMap<String, Arc<Rehearsal>>>,
    running: Mutex<HashMap<String, Arc<LiveRun>>>,
    targets: Arc<Targets>,
}

impl Migrations {
    pub(crate) fn new(folder: PathBuf, targets: Arc<Targets>) -> Migrations {
        let files = RunFiles::new(folder);
        Migrations { files, rehearsals: Mutex::default(), running: Mutex::default(), targets }
    }

    pub(crate) fn keep(&self, rehearsal: Arc<Rehearsal>) {
        let mut rehearsals = locked(&self.rehearsals);
        while rehearsals.len() >= KEPT_REHEARSALS {
            if let Some((_, forgotten)) = rehearsals.pop_first() {
                forgotten.cancel();
            }
        }
        rehearsals.insert(rehearsal.id.clone(), rehearsal);
    }

    pub(crate) fn rehearsal(&self, id: &str) -> Answer<Arc<Rehearsal>> {
        locked(&self.rehearsals).get(id).cloned().ok_or_else(|| {
            UiError::new(ErrorCode::NotFound, "This rehearsal is not kept any more")
                .hint("Rehearse again: what is on both sides may have changed since.")
        })
    }

    pub(crate) fn live(&self, id: &str) -> Option<Arc<LiveRun>> {
        locked(&self.running).get(id).cloned()
    }

    /// Takes the run's place among those that run, unless its target is written to already.
    pub(crate) fn begin(&self, run: &Arc<LiveRun>) -> Answer<()> {
        let RunRecord { id, target, target_name, .. } = &run.record;
        self.targets.take(&target.project, target_name, id)?;
        locked(&self.running).insert(id.clone(), run.clone());
        Ok(())
    }

    pub(crate) fn end(&self, id: &str) {
        locked(&self.running).remove(id);
        self.targets.free(id);
    }

    /// Lets what is on its way arrive, so that the next start has nothing to check again. A window
    /// that cannot wait longer loses nothing by it: the journal knows what is open.
    pub(crate) async fn quiet(&self) {
        let running: Vec<Arc<LiveRun>> = locked(&self.running).values().cloned().collect();
        let all = join_all(running.iter().map(|run| run.close()));
        if timeout(LONGEST_QUIET, all).await.is_err() {
            tracing::warn!("a run was still waiting for an answer");
        }
    }
}

/// How the engine treats the two sides; `late_commit` is how late after a request the target may carry it out.
pub(crate) fn settings(late_commit: Duration) -> Settings {
    Settings { late_commit_bound: late_commit, ..Settings::default() }
}

/// Of a target's limits a run may use as much as its owner says, in tenths of a percent, or what suits the
/// target if nothing was said.
pub(crate) fn pace(share: Option<u16>) -> Pace {
    Pace { share: share.map(|share| f64::from(share) / 1000.0), ..Pace::default() }
}

/// The owner's share as a run keeps it.
pub(crate) fn share_chosen(share: Option<Whole>) -> Answer<Option<u16>> {
    let within = |share: Whole| u16::try_from(share.get()).ok().filter(|share| SHARES.contains(share));
    match share {
        None => Ok(None),
        Some(share) => within(share)
            .map(Some)
            .ok_or_else(|| UiError::bad_input("Share of the limits: choose between 10 % and 98.5 %")),
    }
}

/// Calls `tell` when the figures have changed, not too often, until the operation has ended.
pub(crate) async fn relay(mut figures: watch::Receiver<Figures>, tell: impl Fn(Figures)) {
    while figures.changed().await.is_ok() {
        let now = figures.borrow_and_update().clone();
        tell(now);
        sleep(BETWEEN_EVENTS).await;
    }
}

/// A random number that was never used before, and an id that sorts by time and ends with part of it.
pub(crate) fn fresh_id() -> Answer<(String, u64)> {
    let nonce = getrandom::u64()
        .map_err(|error| UiError::internal(format!("the system gave no random number: {error}")))?;
    let stamp = now().to_utc().format("%Y%m%d-%H%M%S%3f");
    Ok((format!("{stamp}-{:04x}", nonce & 0xffff), nonce))
}

pub(crate) fn now() -> Time {
    SystemClock::start().now()
}

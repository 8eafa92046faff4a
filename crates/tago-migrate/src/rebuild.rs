//! A run whose journal is damaged cannot go on: nobody knows what it has sent. Its plan file still says what
//! it was to do, and the target what it has done, so what still lacks can be planned anew. What the run left
//! of its own in the target, tokens and marks, is taken away first, row by row in a journal of that work.
//!
//! From then on the run's folder is given up for good: without its marks it would make again what it has made,
//! and the new plan counts on what is there. What it holds can still be released, should its journal come back.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tago_api::DeviceId;
use thiserror::Error;

use crate::device::{Device, DeviceEdit};
use crate::folder::{self, write_whole};
use crate::journal::{Entry, Journal, JournalError, Row, SqliteJournal, lock, run_named};
use crate::lane::clear::{self, Whose};
use crate::machine::token::token_name;
use crate::machine::{MARKER, Route};
use crate::plan::{Choices, Depth, Item, Plan, PlanError, Policy, TrippedAction};
use crate::ports::{PortError, Source, Target, WriteError};
use crate::reader::Reader;
use crate::rehearse::{Made, RehearseError, rehearse_after};
use crate::resources::ResourceRehearseError;
use crate::run::{RunError, Side, not_planned_again};
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;
use crate::watch::Watch;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt<P> {
    /// The new plan, for the owner to look at and to run in a new folder.
    pub plan: P,
    /// What of the run's own was taken away from the target, in words.
    pub tidied: Vec<String>,
    /// Actions that were on when the damaged plan was made and are off now, by name: the run may have
    /// switched them off, and cannot be asked.
    pub switched_off: Vec<String>,
}

/// Why there is no new plan.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// The journal can be read, so the run can go on.
    #[error("the journal of this run is not damaged, and nothing is lost; resume the run")]
    NotDamaged,
    /// The folder, its plan, or the projects.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The target could not be tidied. It can be done again.
    #[error("the target could not be tidied: {cause}")]
    Port {
        /// Why.
        cause: PortError,
    },
    /// The comparison.
    #[error(transparent)]
    Rehearse(#[from] RehearseError),
    /// The comparison of resources.
    #[error(transparent)]
    RehearseResources(#[from] ResourceRehearseError),
}

impl From<JournalError> for RebuildError {
    fn from(error: JournalError) -> RebuildError {
        RebuildError::Run(error.into())
    }
}

impl From<PlanError> for RebuildError {
    fn from(error: PlanError) -> RebuildError {
        RebuildError::Run(error.into())
    }
}

/// Tidies up after the damaged run of this folder, and compares both sides anew with the same choices. Gaps
/// are filled, whatever the run did: what it has stored already is found in the target.
///
/// # Errors
/// See [`RebuildError`].
pub async fn rebuild(
    folder: &Path,
    source: &dyn Source,
    target: &dyn Target,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Rebuilt<Plan>, RebuildError> {
    let _alone = damaged::<Row>(folder)?;
    let plan = Plan::read(&folder.join(folder::PLAN))?;
    let _alone_there = TargetLock::take(settings, &plan.header.target)?;
    plan.header.sides().expect(Side::Source, source.identity().await)?;
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    set_aside(folder, settings, env).await?;
    let pacers = plan.header.pace(Side::Target, target, settings, env.clock);
    let reader = Reader {
        port: target,
        pacers: &pacers,
        limit: settings.read_limit,
        clock: env.clock,
        patience: settings.patience,
    };
    let tidying = folder.join(folder::REBUILD);
    std::fs::create_dir_all(&tidying).map_err(JournalError::Folder)?;
    let (journal, rows) = SqliteJournal::open_of::<Tidied>(&tidying)?;
    let made = made(rows.into_iter().map(|(_, row)| row));
    let mut tidy = Tidy { run: run_named(folder), target, reader, journal, env, made, told: Vec::new() };
    tidy.all(&plan).await?;
    let mut left_off: Vec<TrippedAction> = Vec::new();
    let were_on = plan.header.actions.iter().filter(|action| action.active);
    for action in were_on.chain(&plan.header.left_off) {
        match tidy.reader.ask(Route::Lookup, || target.action(action.id)).await {
            Ok(now) if !now.active => left_off.push(action.clone()),
            Ok(_) | Err(PortError::NotFound { .. }) => {}
            Err(cause) => return Err(RebuildError::Port { cause }),
        }
    }
    let policy = match plan.header.choices.policy {
        Policy::Fill | Policy::Append => Policy::Fill,
        Policy::Replace => Policy::Replace,
    };
    let choices = Choices { policy, depth: Depth::Exact, ..plan.header.choices.clone() };
    let (tidied, made) = (tidy.told, tidy.made);
    let switched_off = left_off.iter().map(|action| action.name.clone()).collect();
    let mut plan = rehearse_after(source, target, &choices, made, settings, env).await?;
    plan.header.left_off = left_off;
    Ok(Rebuilt { plan, tidied, switched_off })
}

/// Takes the folder of a run that cannot go on, so that nobody else does.
pub(crate) fn damaged<R: Entry + DeserializeOwned>(folder: &Path) -> Result<File, RebuildError> {
    let lock = lock(folder)?;
    match not_planned_again(folder) {
        Err(RunError::PlannedAgain) => return Ok(lock),
        answer => answer?,
    }
    match SqliteJournal::read_of::<R>(folder) {
        Ok(rows) if !rows.is_empty() => Err(RebuildError::NotDamaged),
        // What cannot be read, or was lost as a whole. What the disk does not give now, it may give later.
        Ok(_) | Err(JournalError::Damaged { .. } | JournalError::NoRun) => Ok(lock),
        Err(error) => Err(error.into()),
    }
}

/// Gives the run of this folder up, durably, and waits until all that it has sent must have arrived.
pub(crate) async fn set_aside(folder: &Path, settings: &Settings, env: Env<'_>) -> Result<(), RebuildError> {
    let at = env.clock.now();
    write_whole(&folder.join(folder::PLANNED_AGAIN), |mut file| writeln!(file, "{{\"at\":{}}}", at.millis()))
        .map_err(JournalError::Folder)?;
    let journal = folder.join(folder::JOURNAL);
    let beside = folder.join(format!("{}-wal", folder::JOURNAL));
    let changed = [journal, beside].into_iter().filter_map(|file| {
        let changed = file.metadata().ok()?.modified().ok()?;
        i64::try_from(changed.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    });
    // A file that was copied here is younger than its last row, and one from the future tells nothing.
    let age = changed.max().and_then(|changed| u64::try_from(at.millis() - changed).ok()).unwrap_or(0);
    let wait = settings.late_commit_bound.saturating_sub(Duration::from_millis(age));
    let watch = Watch::new(env);
    let stopped =
        watch.wait(wait, "the last requests of the damaged run to arrive (at most two minutes)").await;
    Ok(stopped.map_err(RehearseError::from)?)
}

/// The rows of what is taken away.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tidied {
    /// A token is about to be removed.
    TokenIntent { device: DeviceId, token: String },
    /// It is gone.
    TokenGone { device: DeviceId, token: String },
    /// The run's mark is about to be taken off a device, which it made of one of the source.
    MarkIntent {
        device: DeviceId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<DeviceId>,
    },
    /// It is off.
    MarkGone { device: DeviceId },
    /// The run's files, and its throw-away device, are about to be removed.
    FilesIntent {},
    /// They are gone.
    FilesGone {},
}

impl Entry for Tidied {
    fn kind(&self) -> &'static str {
        match self {
            Tidied::TokenIntent { .. } => "token_intent",
            Tidied::TokenGone { .. } => "token_gone",
            Tidied::MarkIntent { .. } => "mark_intent",
            Tidied::MarkGone { .. } => "mark_gone",
            Tidied::FilesIntent {} => "files_intent",
            Tidied::FilesGone {} => "files_gone",
        }
    }
}

/// What the run made, as far as its marks were taken off before. Whether it was completed since, nobody
/// knows.
fn made(rows: impl Iterator<Item = Tidied>) -> Made {
    let devices = rows.filter_map(|row| match row {
        Tidied::MarkIntent { device, of } => Some((of?, device)),
        _ => None,
    });
    Made { devices: devices.collect(), unfinished: BTreeSet::new() }
}

struct Tidy<'a> {
    /// The run's id, if the journal still tells it.
    run: Option<String>,
    target: &'a dyn Target,
    reader: Reader<'a>,
    journal: SqliteJournal,
    env: Env<'a>,
    made: Made,
    told: Vec<String>,
}

impl Tidy<'_> {
    async fn all(&mut self, plan: &Plan) -> Result<(), RebuildError> {
        let target = self.target;
        let planned = |device: DeviceId| plan.items.iter().any(|item| is_of(item, device));
        let marked = self.reader.ask(Route::Lookup, || target.devices_tagged(MARKER, None)).await;
        let marked = marked.map_err(|cause| RebuildError::Port { cause })?;
        // A platform that does not know the filter lists every device.
        let is_ours = |device: &Device| {
            mark_of(device).is_some_and(|(run, source)| self.is_ours(run) && planned(source))
        };
        let marked: Vec<Device> = marked.into_iter().filter(is_ours).collect();
        let known = plan.items.iter().filter_map(|item| match item {
            Item::Device(item) => item.target,
            Item::Data(_) => None,
        });
        let mut devices: Vec<DeviceId> = known.chain(marked.iter().map(|device| device.id)).collect();
        devices.sort();
        devices.dedup();
        for device in devices {
            self.tokens(device).await?;
        }
        for device in &marked {
            self.unmark(device).await?;
        }
        for item in plan.items.iter() {
            if let Item::Device(item) = item
                && let Some(device) = item.target.filter(|_| item.wakes)
            {
                self.tell_if_awake(device).await?;
            }
        }
        self.note(&Tidied::FilesIntent {})?;
        let whose = self.run.as_deref().map_or(Whose::Anybodys, Whose::Of);
        let cleared = clear::all(&self.reader, target, whose, |_| true).await;
        self.told.extend(cleared.map_err(|cause| RebuildError::Port { cause })?);
        self.note(&Tidied::FilesGone {})?;
        Ok(())
    }

    /// Whether the run or somebody else has activated it, nobody knows.
    async fn tell_if_awake(&mut self, device: DeviceId) -> Result<(), RebuildError> {
        let target = self.target;
        match self.reader.ask(Route::Lookup, || target.device(device)).await {
            Ok(there) if there.definition.active => self.told.push(format!(
                "device “{}” was inactive before the run and is active now; deactivate it yourself if nobody \
                 else has activated it",
                there.definition.name
            )),
            Ok(_) | Err(PortError::NotFound { .. }) => {}
            Err(cause) => return Err(RebuildError::Port { cause }),
        }
        Ok(())
    }

    /// Whether a name or a mark is that of the damaged run; of any, if nobody knows its id any more: no other
    /// run is under way into this target.
    fn is_ours(&self, run: &str) -> bool {
        self.run.as_deref().is_none_or(|ours| ours == run)
    }

    async fn tokens(&mut self, device: DeviceId) -> Result<(), RebuildError> {
        let target = self.target;
        let tokens = match self.reader.ask(Route::Lookup, || target.tokens(device)).await {
            Err(PortError::NotFound { .. }) => return Ok(()),
            tokens => tokens.map_err(|cause| RebuildError::Port { cause })?,
        };
        let prefix = token_name("");
        for token in tokens {
            if !token.name.strip_prefix(&prefix).is_some_and(|run| self.is_ours(run)) {
                continue;
            }
            let name = token.name.clone();
            self.note(&Tidied::TokenIntent { device, token: name.clone() })?;
            self.write(|| target.remove_token(device, &token)).await?;
            self.note(&Tidied::TokenGone { device, token: name.clone() })?;
            self.told.push(format!("token “{name}” of device {device} is removed"));
        }
        Ok(())
    }

    async fn unmark(&mut self, device: &Device) -> Result<(), RebuildError> {
        let (target, id) = (self.target, device.id);
        let of = mark_of(device).map(|(_, of)| of);
        self.note(&Tidied::MarkIntent { device: id, of })?;
        let pacers = self.reader.pacers;
        // All its tags are written, so they are those that it has once the limits let the change through.
        let unmark = || async {
            pacers.admit(Route::Lookup).await;
            let there = target.device(id).await.map_err(WriteError::NotReceived)?;
            let mut tags = there.definition.tags;
            tags.retain(|tag| tag.key != MARKER);
            target.edit_device(id, &DeviceEdit { tags: Some(tags), ..DeviceEdit::default() }).await
        };
        self.write(unmark).await?;
        self.note(&Tidied::MarkGone { device: id })?;
        self.made.devices.extend(of.map(|of| (of, id)));
        self.made.unfinished.extend(of);
        self.told.push(format!("the run's mark on device “{}” is taken off", device.definition.name));
        Ok(())
    }

    fn note(&mut self, row: &Tidied) -> Result<(), JournalError> {
        self.journal.append(self.env.clock.now(), row)
    }

    /// What may be repeated until it is acknowledged: both kinds of write end in the same, however often.
    async fn write<F>(&self, request: impl Fn() -> F) -> Result<(), RebuildError>
    where
        F: Future<Output = Result<(), WriteError>>,
    {
        self.reader.change(Route::Edit, request).await.map_err(|cause| RebuildError::Port { cause })
    }
}

fn is_of(item: &Item, device: DeviceId) -> bool {
    matches!(item, Item::Device(item) if item.device == device)
}

/// The run that made a device, and of which one of the source.
fn mark_of(device: &Device) -> Option<(&str, DeviceId)> {
    let mark = device.definition.tags.iter().find(|tag| tag.key == MARKER)?;
    let (run, source) = mark.value.rsplit_once(':')?;
    Some((run, source.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use tago_api::Time;

    use super::*;

    #[test]
    fn the_run_of_a_newer_version_is_not_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = SqliteJournal::open(folder.path()).unwrap();
        let row = Row::Held { item: 1, window: None, reason: "because".into() };
        journal.append(Time::from_millis(5), &row).unwrap();
        drop(journal);
        let newer = rusqlite::Connection::open(folder.path().join(folder::JOURNAL)).unwrap();
        newer.pragma_update(None, "user_version", 1_000).unwrap();
        drop(newer);
        let refused = damaged::<Row>(folder.path());
        assert!(
            matches!(refused, Err(RebuildError::Run(RunError::Journal(JournalError::Newer)))),
            "{refused:?}"
        );
    }
}

//! A run whose journal is damaged cannot go on: nobody knows what it has sent. Its plan file still says what
//! it was to do, and the target what it has done, so what still lacks can be planned anew. What the run left
//! of its own in the target, tokens and marks, is taken away first, row by row in a journal of that work.

use std::fs::File;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tago_api::DeviceId;
use thiserror::Error;

use crate::device::{Device, DeviceEdit, Tag};
use crate::folder;
use crate::journal::{Entry, Journal, JournalError, Row, SqliteJournal, lock, run_named};
use crate::machine::token::token_name;
use crate::machine::{MARKER, Route};
use crate::pacer::Pacers;
use crate::plan::{Choices, Depth, Item, Plan, PlanError, Policy};
use crate::ports::{PortError, Source, Target, WriteError};
use crate::reader::Reader;
use crate::rehearse::{RehearseError, rehearse};
use crate::resources::ResourceRehearseError;
use crate::run::{RunError, Side};
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;

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
    #[error("the journal of this run is not damaged; resume it")]
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
    let _alone = abandoned::<Row>(folder)?;
    let plan = Plan::read(&folder.join(folder::PLAN))?;
    let _alone_there = TargetLock::take(settings, &plan.header.target)?;
    plan.header.sides().expect(Side::Source, source.identity().await)?;
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    let pacers = Pacers::new(&settings.pace, env.clock);
    let reader = Reader {
        port: target,
        pacers: &pacers,
        limit: settings.read_limit,
        clock: env.clock,
        patience: settings.patience,
    };
    let tidying = folder.join(folder::REBUILD);
    std::fs::create_dir_all(&tidying).map_err(JournalError::Folder)?;
    let (journal, _) = SqliteJournal::open_of::<Tidied>(&tidying)?;
    let mut tidy = Tidy { run: run_named(folder), target, reader, journal, env, told: Vec::new() };
    tidy.all(&plan).await?;
    let mut switched_off = Vec::new();
    for action in plan.header.actions.iter().filter(|action| action.active) {
        match tidy.reader.ask(Route::Lookup, || target.action(action.id)).await {
            Ok(now) if !now.active => switched_off.push(action.name.clone()),
            Ok(_) | Err(PortError::NotFound { .. }) => {}
            Err(cause) => return Err(RebuildError::Port { cause }),
        }
    }
    let choices = Choices { policy: Policy::Fill, depth: Depth::Exact, ..plan.header.choices.clone() };
    let tidied = tidy.told;
    let plan = rehearse(source, target, &choices, settings, env).await?;
    Ok(Rebuilt { plan, tidied, switched_off })
}

/// Takes the folder of a run that cannot go on, so that nobody else does.
pub(crate) fn abandoned<R: Entry + DeserializeOwned>(folder: &Path) -> Result<File, RebuildError> {
    let lock = lock(folder)?;
    match SqliteJournal::read_of::<R>(folder) {
        Ok(rows) if !rows.is_empty() => Err(RebuildError::NotDamaged),
        // What cannot be read, or was lost as a whole.
        Ok(_) | Err(JournalError::Damaged { .. } | JournalError::Storage { .. } | JournalError::NoRun) => {
            Ok(lock)
        }
        Err(error) => Err(error.into()),
    }
}

/// The rows of what is taken away.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tidied {
    /// A token is about to be removed.
    TokenIntent { device: DeviceId, token: String },
    /// It is gone.
    TokenGone { device: DeviceId, token: String },
    /// The run's mark is about to be taken off a device.
    MarkIntent { device: DeviceId },
    /// It is off.
    MarkGone { device: DeviceId },
}

impl Entry for Tidied {
    fn kind(&self) -> &'static str {
        match self {
            Tidied::TokenIntent { .. } => "token_intent",
            Tidied::TokenGone { .. } => "token_gone",
            Tidied::MarkIntent { .. } => "mark_intent",
            Tidied::MarkGone { .. } => "mark_gone",
        }
    }
}

struct Tidy<'a> {
    /// The run's id, if the journal still tells it.
    run: Option<String>,
    target: &'a dyn Target,
    reader: Reader<'a>,
    journal: SqliteJournal,
    env: Env<'a>,
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
        let tags: Vec<Tag> = device.definition.tags.iter().filter(|tag| tag.key != MARKER).cloned().collect();
        let edit = DeviceEdit { tags: Some(tags), ..DeviceEdit::default() };
        self.note(&Tidied::MarkIntent { device: id })?;
        self.write(|| target.edit_device(id, &edit)).await?;
        self.note(&Tidied::MarkGone { device: id })?;
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
        let asked =
            self.reader.ask(Route::Edit, || async { request().await.map_err(|error| error.cause().clone()) });
        asked.await.map_err(|cause| RebuildError::Port { cause })
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

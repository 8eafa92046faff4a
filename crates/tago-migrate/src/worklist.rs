//! What a run leaves for its owner to do by hand, and what of it is seen to be done by looking at the
//! target. What can never be seen there, its owner ticks.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tago_api::Time;
use thiserror::Error;

use crate::control::Stopped;
use crate::device::Fingerprint;
use crate::journal::JournalError;
use crate::pacer::Pacers;
use crate::plan::{PlanError, PlanKind};
use crate::ports::PortError;
use crate::resources::scan::Asking;
use crate::resources::{Kind, Resources};
use crate::run::{RunError, Side};
use crate::settings::{Env, Settings};

mod data;
mod resources;
mod ticks;

use ticks::Ticks;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    /// What tells it from all others of its run.
    pub key: String,
    /// What kind of work it is.
    pub task: Task,
    /// The type of what it is about.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its id in the source.
    pub source: String,
    /// Its id in the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What to do, in a sentence.
    pub text: String,
    /// Whether it is done.
    pub state: WorkState,
    /// What was seen of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// Kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Give the new token to whoever sends or calls with it.
    HandOutToken,
    /// Make a token like the one in the source, and hand it out.
    MakeToken,
    /// Put the serial number on a token of the new device.
    MoveSerial,
    /// Enter the value of the secret.
    EnterSecret,
    /// Let the person choose a new password.
    NewPassword,
    /// Upload the script.
    UploadScript,
    /// Look for ids in the script.
    CheckScript,
    /// Look for ids in the payload parser.
    CheckParser,
    /// Switch it on.
    Activate,
}

impl Task {
    /// The word for it in files and keys, `hand_out_token` for example.
    pub fn as_str(self) -> &'static str {
        match self {
            Task::HandOutToken => "hand_out_token",
            Task::MakeToken => "make_token",
            Task::MoveSerial => "move_serial",
            Task::EnterSecret => "enter_secret",
            Task::NewPassword => "new_password",
            Task::UploadScript => "upload_script",
            Task::CheckScript => "check_script",
            Task::CheckParser => "check_parser",
            Task::Activate => "activate",
        }
    }
}

/// How far a thing to do is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// Nothing shows that it is done.
    Open,
    /// The target shows that it is done.
    Done,
    /// Its owner said that it is done.
    DoneByHand,
}

/// What a target tells beside its resources: who has used what.
#[async_trait]
pub trait Witness: Resources {
    /// What has arrived for a device.
    async fn device_use(&self, device: &str) -> Result<DeviceUse, PortError>;

    /// When a service authorization was last used.
    async fn authorization_use(&self, id: &str) -> Result<Option<Time>, PortError>;
}

/// What has arrived for a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceUse {
    /// When it last sent.
    pub last_input: Option<Time>,
    /// Its tokens.
    pub tokens: Vec<TokenUse>,
}

/// A token of a device, and when it was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// The first digits of its hash.
    pub fingerprint: Fingerprint,
    /// The name that its maker gave it.
    pub name: String,
    /// The serial number on it.
    pub serial: Option<String>,
    /// When it was last used.
    pub last_used: Option<Time>,
}

/// Why there is no worklist.
#[derive(Debug, Error)]
pub enum WorklistError {
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The folder's run does not belong to this project, or its plan is another one.
    #[error(transparent)]
    Run(RunError),
    /// The target could not be read.
    #[error("the {side} could not be read: {cause}")]
    Port {
        /// Always the target.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// The owner stopped looking; what was seen until then stays seen.
    #[error("the look at the worklist was stopped")]
    Stopped,
    /// The ticks of this run could not be read or written.
    #[error("the ticks of the worklist cannot be {doing}")]
    Ticks {
        /// `read` or `written`.
        doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such work.
    #[error("the worklist of this run has nothing called {key:?}")]
    NoSuchWork {
        /// What was asked for.
        key: String,
    },
}

impl From<RunError> for WorklistError {
    fn from(error: RunError) -> WorklistError {
        match error {
            RunError::Plan(error) => WorklistError::Plan(error),
            RunError::Journal(error) => WorklistError::Journal(error),
            RunError::Port { side, cause } => WorklistError::Port { side, cause },
            error => WorklistError::Run(error),
        }
    }
}

/// Looks at the target for what is done, of a run of either kind, and remembers it in the run folder:
/// what was once seen done stays so. `since` is when a run into this target last sent something, by
/// the target's clock: what came before it may have come from that run itself.
///
/// # Errors
/// See [`WorklistError`].
pub async fn worklist(
    folder: &Path,
    target: &dyn Witness,
    since: Option<Time>,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Vec<WorkItem>, WorklistError> {
    let before = Ticks::read(folder)?;
    let mut found = BTreeMap::new();
    let list = List::of(folder)?;
    let pacers = Pacers::new(&settings.pace, env.clock);
    let asking = Asking { pacers: &pacers, clock: env.clock, patience: settings.patience };
    // Looking changes nothing in the target, so that a question need not be waited for.
    let identity = env.control.unless_stopped(asking.ask(|| target.identity())).await;
    list.expect(identity.map_err(|Stopped| WorklistError::Stopped)?)?;
    // What the run sent may have been carried out so late.
    let late = i64::try_from(settings.late_commit_bound.as_millis()).unwrap_or(i64::MAX);
    let after = Time::from_millis(since.max(Some(list.ended_at())).unwrap_or_default().millis() + late);
    let mut looked = Ok(());
    for item in list.items() {
        if before.seen.contains_key(&item.key) {
            continue;
        }
        match env.control.unless_stopped(asking.ask(|| list.look(&item, target, after))).await {
            Ok(Ok(Some(seen))) => drop(found.insert(item.key, seen)),
            Ok(Ok(None) | Err(PortError::NotFound { .. })) => {}
            Ok(Err(cause)) => looked = Err(WorklistError::Port { side: Side::Target, cause }),
            Err(Stopped) => looked = Err(WorklistError::Stopped),
        }
        if looked.is_err() {
            break;
        }
    }
    // What was ticked meanwhile stays, and what was seen before the target fell silent.
    let ticks = Ticks::change(folder, |ticks| {
        if looked.is_ok() {
            ticks.looked_at = Some(env.clock.now());
        }
        ticks.seen.append(&mut found);
    })?;
    looked?;
    Ok(ticks.on(list.items()))
}

/// The worklist as it was seen and ticked last, without looking at the target.
///
/// # Errors
/// See [`WorklistError`].
pub fn last_worklist(folder: &Path) -> Result<Vec<WorkItem>, WorklistError> {
    Ok(Ticks::read(folder)?.on(List::of(folder)?.items()))
}

/// Ticks one thing as done by hand, or takes that back.
///
/// # Errors
/// See [`WorklistError`].
pub fn tick(folder: &Path, key: &str, is_done: bool, at: Time) -> Result<(), WorklistError> {
    if !List::of(folder)?.items().iter().any(|item| item.key == key) {
        return Err(WorklistError::NoSuchWork { key: key.to_owned() });
    }
    Ticks::change(folder, |ticks| match is_done {
        true => drop(ticks.by_hand.insert(key.to_owned(), at)),
        false => drop(ticks.by_hand.remove(key)),
    })?;
    Ok(())
}

/// What there is to do after a run.
enum List {
    Data(Box<data::List>),
    Resources(Box<resources::List>),
}

impl List {
    fn of(folder: &Path) -> Result<List, WorklistError> {
        Ok(match PlanKind::of(folder)? {
            PlanKind::Data => List::Data(Box::new(data::List::of(folder)?)),
            PlanKind::Resources => List::Resources(Box::new(resources::List::of(folder)?)),
        })
    }

    fn items(&self) -> Vec<WorkItem> {
        match self {
            List::Data(list) => list.items(),
            List::Resources(list) => list.items(),
        }
    }

    async fn look(
        &self,
        item: &WorkItem,
        target: &dyn Witness,
        after: Time,
    ) -> Result<Option<String>, PortError> {
        match self {
            List::Data(list) => list.look(item, target, after).await,
            List::Resources(list) => list.look(item, target, after).await,
        }
    }

    fn ended_at(&self) -> Time {
        match self {
            List::Data(list) => list.ended_at,
            List::Resources(list) => list.ended_at,
        }
    }

    fn expect(&self, found: Result<crate::ports::Identity, PortError>) -> Result<(), RunError> {
        match self {
            List::Data(list) => list.plan.header.sides().expect(Side::Target, found),
            List::Resources(list) => list.plan.header.sides().expect(Side::Target, found),
        }
    }
}

/// That something came with a token after the run.
fn used(moment: Option<Time>, after: Time) -> Option<String> {
    moment.filter(|moment| *moment > after).map(|moment| format!("it was used on {moment}"))
}

/// Each of these serial numbers is on a token.
fn has_serials(device: &DeviceUse, serials: &[String]) -> Option<String> {
    let is_there = |serial: &String| device.tokens.iter().any(|token| token.serial.as_ref() == Some(serial));
    serials.iter().all(is_there).then(|| "it is on a token of the new device".to_owned())
}

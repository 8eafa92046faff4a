use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tago_api::{AccountId, ProfileId, ProjectId};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{Clock, SimulatedClock, SystemClock};
use crate::loopback::{self, Listeners};
use crate::platform::{Failure, Parts, Platform};
use crate::random::Random;
use crate::registry::Account;
use crate::{console, knobs, project};

/// How a platform is started.
pub struct Options {
    /// The directory of everything it keeps; made if it is not there.
    pub data: PathBuf,
    /// The console's port; the one used before, or any free one, if absent.
    pub port: Option<u16>,
    /// What it takes for now.
    pub time: TimeSource,
    /// Where its ids, tokens and keys come from.
    pub random: Arc<Random>,
    /// Where its listeners come from.
    pub listeners: Arc<dyn Listeners>,
    /// Whether tests may turn its knobs, on a listener of their own.
    pub knobs: bool,
}

/// What a platform takes for now.
#[derive(Clone)]
pub enum TimeSource {
    /// The computer's clock.
    System,
    /// A clock that can be moved.
    Simulated(Arc<SimulatedClock>),
}

/// Why a platform did not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// What is in its directory, or its addresses, cannot be used.
    #[error(transparent)]
    Platform(#[from] Failure),
    /// The task that opens it ended.
    #[error("the platform ended while it was starting")]
    Interrupted,
}

/// A platform that answers.
pub struct Running {
    ready: Ready,
    platform: Arc<Platform>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Where a platform answers, and with which tokens. This is the line that `serve` prints.
#[derive(Clone, Serialize)]
pub struct Ready {
    /// Address of the console API.
    pub console: String,
    /// The address that it has otherwise, if another program has taken that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_moved_from: Option<String>,
    /// Who owns the projects.
    pub owner: Access,
    /// Somebody who helps.
    pub collaborator: Access,
    /// The owner's projects.
    pub projects: Vec<ReadyProject>,
    /// Address of the knobs, if tests may turn them.
    pub knobs: Option<String>,
}

/// A console token, good until the platform starts again.
#[derive(Clone, Serialize)]
pub struct Access {
    /// E-mail address of the account.
    pub email: String,
    /// The token.
    pub token: String,
}

/// A project that answers, with a profile token that is good until the platform starts again.
#[derive(Clone, Serialize)]
pub struct ReadyProject {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Address of its API.
    pub api: String,
    /// The address that it has otherwise, if another program has taken that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// Its main profile.
    pub profile: ProfileId,
    /// The profile token.
    pub token: String,
}

/// Starts a platform; it answers when this returns.
///
/// # Errors
/// If its directory or an address cannot be used.
pub async fn serve(options: Options) -> Result<Running, ServeError> {
    let (clock, simulated): (Arc<dyn Clock>, _) = match options.time {
        TimeSource::System => (Arc::new(SystemClock), None),
        TimeSource::Simulated(clock) => (clock.clone(), Some(clock)),
    };
    let Options { data, port, random, listeners, knobs, .. } = options;
    let parts = Parts { data, clock, simulated, random, listeners: listeners.clone() };
    let runtime = tokio::runtime::Handle::current();
    let opened = tokio::task::spawn_blocking(move || {
        let platform = Platform::open(parts, runtime)?;
        let kept = match port {
            Some(port) => Some(port),
            None => platform.registry.setting(CONSOLE_PORT)?,
        };
        let listener = match port {
            Some(port) => listeners.bind(port).map_err(Failure::Listen)?,
            None => loopback::bind_again(&*listeners, kept).map_err(Failure::Listen)?,
        };
        let address = listener.local_addr().map_err(Failure::Listen)?;
        platform.registry.set_setting(CONSOLE_PORT, kept.unwrap_or(address.port()))?;
        let knobs = if knobs { Some(listeners.bind(0).map_err(Failure::Listen)?) } else { None };
        let ready =
            sign_in(&platform, (address, kept), knobs.as_ref().and_then(|knobs| knobs.local_addr().ok()))?;
        Ok::<_, Failure>((platform, ready, listener, address, knobs))
    });
    let (platform, ready, listener, address, knobs) = opened.await.map_err(|_| ServeError::Interrupted)??;

    let stop = watch::Sender::new(false);
    let mut tasks = vec![tokio::spawn(until_stopped(platform.clone().keep_schedules(), stop.subscribe()))];
    let mut answer = |listener: std::net::TcpListener, address, router| -> Result<(), ServeError> {
        let listener = loopback::into_async(listener).map_err(Failure::Listen)?;
        let mut stopped = stop.subscribe();
        tasks.push(tokio::spawn(project::serve(listener, loopback::guarded(router, address), async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        })));
        Ok(())
    };
    if let Some(listener) = knobs {
        let address = listener.local_addr().map_err(Failure::Listen)?;
        answer(listener, address, knobs::router(platform.clone()))?;
    }
    answer(listener, address, console::router(platform.clone()))?;
    Ok(Running { ready, platform, stop, tasks })
}

impl Running {
    /// Where it answers.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Moves a simulated clock, and makes the daily backups that were due on the way.
    ///
    /// # Errors
    /// If its clock is the computer's, or the registry cannot be used.
    pub async fn set_clock(&self, now: tago_api::Time) -> Result<(), ClockError> {
        let platform = self.platform.clone();
        match tokio::task::spawn_blocking(move || platform.set_clock(now)).await {
            Ok(done) => done.map_err(|refusal| ClockError(refusal.to_string())),
            Err(_) => Err(ClockError("the platform ended".into())),
        }
    }

    /// Finishes what is being done and closes every file.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.platform.end_waits();
        for task in self.tasks {
            // A task that failed has ended too.
            let _ = task.await;
        }
        let platform = self.platform;
        let _ = tokio::task::spawn_blocking(move || platform.close()).await;
    }
}

/// The clock was not moved.
#[derive(Debug, Error)]
#[error("the clock could not be moved: {0}")]
pub struct ClockError(String);

const CONSOLE_PORT: &str = "console_port";

/// Name of the profile tokens that a start makes and the next one revokes.
const SESSION: &str = "This session";

async fn until_stopped(work: impl Future<Output = ()>, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = work => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

/// Makes this start's tokens; those of the start before open nothing any more.
fn sign_in(
    platform: &Platform,
    (console, kept): (SocketAddr, Option<u16>),
    knobs: Option<SocketAddr>,
) -> Result<Ready, Failure> {
    let owner = account(platform, "You", "you@frostline.example")?;
    let collaborator = account(platform, "Robin Keller", "robin@frostline.example")?;
    let access = |account: &Account| -> Result<Access, Failure> {
        let token = platform.random.uuid();
        platform.registry.replace_token(account.id, &token, platform.clock.now())?;
        Ok(Access { email: account.email.clone(), token })
    };
    let mut projects = Vec::new();
    for row in platform.registry.projects()? {
        let Some(address) = platform.address(row.id) else { continue };
        let project = platform.project(row.id)?;
        platform.wait(project.revoke_profile_tokens_named(SESSION))?;
        projects.push(ReadyProject {
            id: row.id,
            name: row.name,
            api: format!("http://{address}"),
            moved_from: moved_from(address, row.port),
            profile: project.profile(),
            token: platform.wait(project.mint_profile_token(SESSION))?,
        });
    }
    Ok(Ready {
        console: format!("http://{console}"),
        console_moved_from: moved_from(console, kept),
        owner: access(&owner)?,
        collaborator: access(&collaborator)?,
        projects,
        knobs: knobs.map(|knobs| format!("http://{knobs}")),
    })
}

fn moved_from(address: SocketAddr, kept: Option<u16>) -> Option<String> {
    let kept = kept.filter(|kept| *kept != address.port())?;
    Some(format!("http://{}", SocketAddr::new(address.ip(), kept)))
}

fn account(platform: &Platform, name: &str, email: &str) -> Result<Account, Failure> {
    let id = AccountId::from_bytes(platform.random.id_bytes(platform.clock.now()));
    Ok(platform.registry.ensure_account(&Account { id, name: name.into(), email: email.into() })?)
}

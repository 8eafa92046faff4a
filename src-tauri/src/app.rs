//! What the app knows and does, behind the commands and without a window.

pub(crate) mod backups;
mod connections;
mod migrations;
mod practice;
mod projects;
mod rehearsals;
mod resources;
mod sessions;
mod worklist;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tago_api::client::Credential;

use self::worklist::Looks;
use crate::error::{Answer, UiError};
use crate::host::{Event, Host};
use crate::migration::Migrations;
use crate::practice::{Origin, Platform};
use crate::resources::ResourceMoves;
use crate::restores::RestoreFiles;
use crate::secrets::Secrets;
use crate::settings::{Settings, SettingsFile};
use crate::targets::Targets;
use crate::view::{ConnectionState, Role};

/// Where the app keeps what it keeps.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Settings.
    pub config: PathBuf,
    /// The runs and the restores.
    pub data: PathBuf,
}

/// The one owner of the app's state. Clones share it.
#[derive(Clone)]
pub struct App {
    state: Arc<State>,
}

struct State {
    host: Arc<dyn Host>,
    practice_origin: Origin,
    secrets: Secrets,
    /// An unreadable file is told to the window rather than overwritten.
    settings: Mutex<Result<SettingsFile, UiError>>,
    practice: tokio::sync::Mutex<Option<Platform>>,
    seen: Mutex<Seen>,
    migrations: Migrations,
    resources: ResourceMoves,
    restores: RestoreFiles,
    looks: Looks,
    /// Shared with the command line: one run at a time goes into a project, whoever begins it.
    locks: PathBuf,
}

/// What was seen of the world since the start.
struct Seen {
    opens_with_practice: bool,
    practice_role: Role,
    practice_starting: bool,
    practice_address: String,
    practice_account: Option<String>,
    states: HashMap<String, (ConnectionState, Option<String>)>,
    data_planes: HashMap<(String, String), Credential>,
    followed: HashSet<String>,
}

impl App {
    /// The app in these folders.
    pub fn new(host: Arc<dyn Host>, folders: &Folders, practice_origin: Origin, secrets: Secrets) -> App {
        let settings = SettingsFile::open(folders.config.join("settings.json")).map_err(UiError::from);
        let targets = Arc::new(Targets::default());
        let migrations = Migrations::new(folders.data.join("runs"), targets.clone());
        let resources = ResourceMoves::new(folders.data.join("resource-runs"), targets);
        let restores = RestoreFiles::new(folders.data.join("restores"));
        let seen = Seen {
            opens_with_practice: false,
            practice_role: Role::Owner,
            practice_starting: false,
            practice_address: String::new(),
            practice_account: None,
            states: HashMap::new(),
            data_planes: HashMap::new(),
            followed: HashSet::new(),
        };
        let state = State {
            host,
            practice_origin,
            secrets,
            settings: Mutex::new(settings),
            practice: tokio::sync::Mutex::new(None),
            seen: Mutex::new(seen),
            migrations,
            resources,
            restores,
            looks: Looks::default(),
            locks: folders.data.join("locks"),
        };
        App { state: Arc::new(state) }
    }

    /// Starts again what ran when the window was closed, and the practice platform if it was asked for.
    pub fn wake(&self, with_practice: bool) {
        self.seen().opens_with_practice = with_practice;
        let again = self.settings().is_ok_and(|settings| settings.practice_started);
        if with_practice || again {
            let app = self.clone();
            tokio::spawn(async move {
                if let Err(error) = app.start_practice().await {
                    tracing::warn!(%error.message, "the practice platform did not start");
                }
            });
        }
    }

    /// Whether this start was asked to open on the practice platform.
    pub fn opens_with_practice(&self) -> bool {
        self.seen().opens_with_practice
    }

    /// Ends the practice platform; runs are left for the next start.
    pub async fn end(&self) {
        self.state.resources.stop();
        self.state.looks.stop(None);
        self.state.migrations.quiet().await;
        let practice = self.state.practice.lock().await.take();
        if let Some(platform) = practice {
            platform.end().await;
        }
    }

    /// Closes the window and starts anew.
    pub async fn restart(&self) -> Answer<()> {
        self.end().await;
        self.state.host.restart();
        Ok(())
    }

    fn settings(&self) -> Answer<Settings> {
        match &*locked(&self.state.settings) {
            Ok(file) => Ok(file.get().clone()),
            Err(error) => Err(error.clone()),
        }
    }

    fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Answer<()> {
        match &mut *locked(&self.state.settings) {
            Ok(file) => Ok(file.change(change)?),
            Err(error) => Err(error.clone()),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        locked(&self.state.seen)
    }

    fn emit(&self, event: Event) {
        self.state.host.emit(event);
    }
}

/// No code that holds one of these locks can leave its value half changed.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

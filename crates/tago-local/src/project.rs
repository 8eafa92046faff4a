//! One project: an isolated instance of the platform with its own main
//! database, its own blob store and its own API.
//!
//! [`Project`] is a handle that is cheap to clone. Everything that changes the
//! main database goes through one writer thread ([`store`]), which commits
//! whatever waits as one transaction; readers have connections of their own.
//! What a backup must never hold (analysis code, console logs, files) is in
//! the blob store and nowhere else.

mod account;
mod action;
mod analysis;
mod audit;
mod backup;
mod blobs;
mod call;
mod credentials;
mod dashboard;
mod data;
mod device;
mod dictionary;
mod entity;
mod faults;
mod fields;
mod files;
mod gate;
mod integration;
mod links;
mod list;
mod messages;
mod notifications;
mod outbox;
mod policy;
mod query_text;
mod rates;
mod recent;
mod record_id;
mod rekeying;
mod requests;
mod resource;
mod routes;
mod run;
mod schema;
mod secret;
mod serve;
mod service_authorization;
mod snapshot;
mod sql;
mod store;
mod tags;
mod token;
mod trigger;
mod usage;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tago_api::{AccountId, ProfileId, ProjectId, Time};
use thiserror::Error;
use tokio::sync::RwLock;

use crate::{Clock, Holds, Random};

pub use credentials::{FIRST_PASSWORD, HashingCost};
pub use faults::{Fault, FaultKind, Faults};
pub use gate::{Route, Who};
pub use messages::Message;
pub use outbox::OutboxEntry;
pub use rates::{Bucket, Plan, RateOverride, Rates};
pub use rekeying::Rekeying;
pub use requests::Requests;
pub use routes::routes;
pub use serve::{DropConnection, serve};
pub use snapshot::{Copied, RowCounts, Snapshot};

use blobs::Blobs;
use files::Files;
use record_id::RecordIds;
pub use store::Late;
use store::Store;
use token::TokenKind;

/// File name of the main database in a project's directory.
pub const MAIN_DATABASE: &str = "main.sqlite";
/// Name of the blob store's directory in a project's directory.
pub const BLOBS: &str = "blobs";

/// What a project needs from its surroundings; shared by all projects of a platform.
#[derive(Clone)]
pub struct Shared {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids, tokens and keys come from.
    pub random: Arc<Random>,
    /// Faults that tests have asked for.
    pub faults: Arc<Faults>,
    /// Plans and requests of the present minute.
    pub rates: Arc<Rates>,
    /// What was asked, for tests.
    pub requests: Arc<Requests>,
    /// What a password hash costs.
    pub hashing: HashingCost,
    /// Points at which tests stop the work.
    pub holds: Arc<Holds>,
}

/// Who a new project is.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The project's id in the registry.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// The id of its main profile; made when absent.
    pub profile: Option<ProfileId>,
    /// The account that owns its main profile.
    pub owner: Owner,
}

/// The account that owns a project's main profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Owner {
    /// Id of the account.
    pub id: AccountId,
    /// Name of the person.
    pub name: String,
    /// E-mail address of the person.
    pub email: String,
}

/// Whether a project's actions fire.
#[derive(Debug, Clone, Serialize)]
pub struct Automations {
    /// Nothing fires until it is released.
    pub held: bool,
    /// Actions that there are.
    pub actions: u64,
    /// Since when they are held.
    pub held_since: Option<Time>,
}

/// Why something could not be done with a project.
#[derive(Debug, Error)]
pub enum ProjectError {
    /// The directory cannot be made or read.
    #[error("the project's directory {path} cannot be used: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is a project already.
    #[error("{path} holds a project already")]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// The database refuses.
    #[error("the project's main database {path} cannot be used: {source}")]
    Database {
        /// The database file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The file is a database, but not of a project.
    #[error("{path} is not a project's main database: {what}")]
    NotAProject {
        /// The database file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The password does not do.
    #[error("the password cannot be set: {why}")]
    Password {
        /// What is wrong with it.
        why: String,
    },
    /// The project was closed, or its writer ended.
    #[error("the project is closed")]
    Closed,
    /// Work on the database panicked. Nothing of it stays, and other work goes on.
    #[error("a defect of the practice platform ended this request; nothing of it was stored")]
    Panicked,
    /// A copy cannot be written.
    #[error("the copy {path} cannot be written: {source}")]
    Copy {
        /// The copy.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Readers kept the log in use for too long.
    #[error("the main database is too busy to be copied; try again")]
    Busy,
    /// The copy is not a sound database.
    #[error("the copy did not pass its check: {verdict}")]
    Unsound {
        /// What the check said.
        verdict: String,
    },
}

/// A running project; clones are handles of the same one.
#[derive(Clone)]
pub struct Project(Arc<Inner>);

struct Inner {
    identity: Identity,
    directory: PathBuf,
    store: Store,
    blobs: Blobs,
    files: Files,
    questions: audit::Questions,
    backups: backup::Shelf,
    ids: RecordIds,
    shared: Shared,
    /// What was accepted and is carried out later holds this for reading.
    later: Arc<RwLock<()>>,
}

/// What a project's main database says about whose it is.
#[derive(Debug, Clone)]
struct Identity {
    project: ProjectId,
    name: String,
    profile: ProfileId,
    owner: Owner,
    created_at: Time,
}

impl Project {
    /// Makes an empty project in `directory`, which is made too.
    ///
    /// # Errors
    /// If there is a project already, or the files cannot be made.
    pub fn create(directory: &Path, instance: Instance, shared: Shared) -> Result<Project, ProjectError> {
        let at = |source| ProjectError::Directory { path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(at)?;
        let path = directory.join(MAIN_DATABASE);
        if path.try_exists().map_err(at)? {
            return Err(ProjectError::Exists { path: directory.to_owned() });
        }
        schema::create(&path, &instance, &shared)
            .map_err(|source| ProjectError::Database { path, source })?;
        Self::open(directory, shared)
    }

    /// Opens the project in `directory`.
    ///
    /// # Errors
    /// If there is none, or its files cannot be read.
    pub fn open(directory: &Path, shared: Shared) -> Result<Project, ProjectError> {
        let path = directory.join(MAIN_DATABASE);
        let store = Store::open(&path, shared.clone())?;
        let (identity, ids) = store.lookup(|db| schema::read(db, &path))??;
        let blobs = Blobs::open(&directory.join(BLOBS))
            .map_err(|source| ProjectError::Directory { path: directory.join(BLOBS), source })?;
        let damaged = |refused: call::Refused| ProjectError::Directory {
            path: directory.join(BLOBS),
            source: io::Error::other(refused.to_string()),
        };
        let files = Files::open(&blobs).map_err(damaged)?;
        let backups = backup::Shelf::open(&blobs).map_err(damaged)?;
        let (directory, questions) = (directory.to_owned(), audit::Questions::default());
        Ok(Project(Arc::new(Inner {
            identity,
            directory,
            store,
            blobs,
            files,
            questions,
            backups,
            ids,
            shared,
            later: Arc::default(),
        })))
    }

    /// Finishes what is being written and closes every file; later requests are refused. Blocks.
    pub fn close(&self) {
        self.0.store.close();
    }

    /// The project's id.
    pub fn id(&self) -> ProjectId {
        self.0.identity.project
    }

    /// The id of its main profile.
    pub fn profile(&self) -> ProfileId {
        self.0.identity.profile
    }

    /// Its data plane: the TagoIO API. To be served with [`serve`].
    pub fn router(&self) -> axum::Router {
        routes::router(self)
    }

    /// The main database's file.
    pub fn database_path(&self) -> PathBuf {
        self.0.directory.join(MAIN_DATABASE)
    }

    /// The blob store's directory.
    pub fn blob_dir(&self) -> PathBuf {
        self.0.directory.join(BLOBS)
    }

    /// Bytes of the main database on disk.
    ///
    /// # Errors
    /// If the file cannot be seen.
    pub fn size_on_disk(&self) -> Result<u64, ProjectError> {
        let path = self.database_path();
        let log = std::fs::metadata(path.with_extension("sqlite-wal")).map_or(0, |log| log.len());
        match std::fs::metadata(&path) {
            Ok(file) => Ok(file.len() + log),
            Err(source) => Err(ProjectError::Directory { path, source }),
        }
    }

    /// Rows of each resource, as they are now. Blocks.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn rows(&self) -> Result<RowCounts, ProjectError> {
        self.0.store.read_blocking(snapshot::count_rows)?.map_err(|source| self.database_error(source))
    }

    /// Copies the main database, as it is at one moment, to `to`, while others write. Blocks.
    ///
    /// The copy is one file, synced and checked. `progress` is told about every part that is
    /// copied, and may take its time.
    ///
    /// # Errors
    /// If the copy cannot be written or is not sound; what was written of it is left behind.
    pub fn snapshot_to(&self, to: &Path, progress: &mut dyn FnMut(Copied)) -> Result<Snapshot, ProjectError> {
        snapshot::take(&self.0.store, to, progress)
    }

    /// Makes a token that opens everything in the profile; it is shown this once.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn mint_profile_token(&self, name: &str) -> Result<String, ProjectError> {
        let (profile, name) = (self.profile().to_string(), name.to_owned());
        self.write(move |writing| {
            let minted = token::Minted::profile(writing.random, &name);
            token::insert(writing, TokenKind::Profile, &profile, &minted)?;
            Ok(minted.secret)
        })
        .await
    }

    /// Revokes the profile tokens of this name, and tells how many there were.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn revoke_profile_tokens_named(&self, name: &str) -> Result<usize, ProjectError> {
        let name = name.to_owned();
        self.write(move |writing| {
            writing.db.execute("DELETE FROM tokens WHERE kind = 'profile' AND name = ?1", [&name])
        })
        .await
    }

    /// Whether actions fire.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn automations(&self) -> Result<Automations, ProjectError> {
        self.read(outbox::automations).await
    }

    /// Keeps every action from firing, from now on.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn hold_automations(&self) -> Result<Automations, ProjectError> {
        self.write(|writing| {
            outbox::hold(writing.db, writing.now)?;
            writing.cache.triggers = None;
            outbox::automations(writing.db)
        })
        .await
    }

    /// Lets actions fire again.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn release_automations(&self) -> Result<Automations, ProjectError> {
        self.write(|writing| {
            outbox::release(writing.db)?;
            writing.cache.triggers = None;
            outbox::automations(writing.db)
        })
        .await
    }

    /// What actions would have sent, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn outbox(&self) -> Result<Vec<OutboxEntry>, ProjectError> {
        self.read(outbox::entries).await
    }

    /// What the platform would have sent to people, oldest first: PIN codes, links, confirmations.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn messages(&self) -> Result<Vec<Message>, ProjectError> {
        self.read(messages::all).await
    }

    /// Carries `work` out after the answer. Nobody is told what goes wrong then, as on the platform.
    async fn later(
        &self,
        after: Duration,
        work: impl Future<Output = Result<(), call::Refused>> + Send + 'static,
    ) {
        let unsettled = self.0.later.clone().read_owned().await;
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            if let Err(refused) = work.await {
                tracing::warn!(%refused, "what was accepted came to nothing");
            }
            drop(unsettled);
        });
    }

    /// Waits until everything that was accepted to be carried out later is done (exports, imports, late
    /// removals, profile backups) and what was noted in passing is written.
    pub async fn settled(&self) {
        drop(self.0.later.write().await);
        self.0.store.save_recent().await;
    }

    /// From now on whoever asks is shown a write only `lag` later by the platform's clock (at most an eighth
    /// of it earlier). Who writes knows at once, and a token opens what it opens at once.
    pub fn show_late(&self, late: Late, lag: Duration) {
        self.0.store.show_late(late, lag);
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ProjectError> {
        self.beside_the_writer(move |store| store.read_blocking(work)).await
    }

    /// What others are shown.
    async fn read_late<T: Send + 'static>(
        &self,
        what: Late,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ProjectError> {
        self.beside_the_writer(move |store| store.read_late_blocking(what, work)).await
    }

    async fn beside_the_writer<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<rusqlite::Result<T>, ProjectError> + Send + 'static,
    ) -> Result<T, ProjectError> {
        self.0.store.keep_up().await;
        let project = self.clone();
        tokio::task::spawn_blocking(move || {
            read(&project.0.store)?.map_err(|source| project.database_error(source))
        })
        .await
        .unwrap_or(Err(ProjectError::Panicked))
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut store::Writing<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ProjectError> {
        match self.0.store.write(work).await {
            Ok(done) => done.map_err(|source| self.database_error(source)),
            Err(store::Unwritten::Closed) => Err(ProjectError::Closed),
            Err(store::Unwritten::Panicked) => Err(ProjectError::Panicked),
            Err(store::Unwritten::Commit(source)) => Err(self.database_error(source)),
        }
    }

    fn database_error(&self, source: rusqlite::Error) -> ProjectError {
        ProjectError::Database { path: self.database_path(), source }
    }
}

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tago_api::{BackupId, DeploymentId, ProjectId, QuoteId, Time};
use thiserror::Error;

use crate::prices::PriceBookError;
use crate::project::ProjectError;
use crate::registry::RegistryError;

/// Why the console does not do what it was asked; the text tells what to do instead.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error("Send a console token in the header \"token\": this one is missing, wrong or was replaced.")]
    NotSignedIn,
    #[error("Only the owner of a project may {0}. Ask the owner to do it.")]
    OwnersOnly(&'static str),
    #[error("There is no project {0} that you belong to.")]
    NoProject(String),
    #[error(
        "This project has no backup {0}. It may have been removed by the schedule: look at the list again."
    )]
    NoBackup(String),
    #[error("This project has no deployment {0}.")]
    NoDeployment(String),
    #[error("There is no quote {0} for this backup. Ask for a new one.")]
    NoQuote(String),
    #[error("This project has no token {0}.")]
    NoToken(String),
    #[error("A token of a project opens its services and MQTT clients, and nothing else.")]
    TokenOfProject,
    #[error("There is nobody with the e-mail address {0} on this platform.")]
    NoAccount(String),
    #[error("This project has no MQTT broker with the id {0}. Its services are listed beside it.")]
    NoService(String),
    #[error("This broker has no client {0}.")]
    NoClient(String),
    #[error("There is nothing at {0}. The routes are listed in /openapi.json.")]
    NoRoute(String),
    #[error("{0} is not answered here with this method. The routes are listed in /openapi.json.")]
    WrongMethod(String),
    /// A field of the request breaks a rule; the sentence names both.
    #[error("{0}")]
    BadInput(String),
    #[error("A request may have at most {0} bytes.")]
    TooLarge(usize),
    /// The present state does not allow it.
    #[error("{0}")]
    Conflict(String),
    #[error("This quote has started a restore already. Ask for a new quote to start another.")]
    QuoteUsed { project: Option<ProjectId>, deployment: Option<DeploymentId> },
    #[error("This quote expired at {expired_at}. Ask for a new one: the price may have changed.")]
    QuoteExpired { quote: QuoteId, expired_at: Time },
    #[error("The price or what it was made for has changed. Look at the new quote before you agree.")]
    QuoteChanged { fresh: Value },
    #[error("{0}")]
    Busy(String),
    #[error("The platform could not do it: {0}.")]
    Internal(#[from] Failure),
}

impl Refusal {
    /// What a program can use beside the sentence.
    pub(crate) fn details(&self) -> Option<serde_json::Value> {
        match self {
            Refusal::QuoteChanged { fresh } => Some(json!({ "quote": fresh })),
            Refusal::QuoteExpired { quote, expired_at } => {
                Some(json!({ "quote": quote, "expired_at": expired_at }))
            }
            Refusal::QuoteUsed { project, deployment } => {
                Some(json!({ "project": project, "deployment": deployment }))
            }
            _ => None,
        }
    }
}

/// An operation of the platform itself that failed.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Prices(#[from] PriceBookError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Something in the data directory cannot be read or written.
    #[error("{path} cannot be used: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    /// Another platform serves the data directory.
    #[error("another platform is running in this directory: it holds {path}", path = path.display())]
    Taken { path: PathBuf },
    /// No port of the loopback interface can be had.
    #[error("no address on the loopback interface: {0}")]
    Listen(io::Error),
    /// The copy of a backup is not what the manifest says.
    #[error("backup {backup} is damaged: its contents are not what its manifest says")]
    Damaged { backup: BackupId },
    /// A project does not answer at its address.
    #[error("the project does not answer at {address}: {reason}")]
    NotAnswering { address: String, reason: String },
    /// A project is not running.
    #[error("project {0} is not running")]
    NotRunning(ProjectId),
    /// What the platform keeps as JSON cannot be written or read.
    #[error("a value cannot be kept as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A request of the platform to its own API failed.
    #[error("a request to the project's own API failed: {0}")]
    OwnRequest(String),
    /// A task of the platform ended too early.
    #[error("a task ended before its work was done")]
    Interrupted,
}

impl Failure {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let path = path.to_owned();
        |source| Failure::File { path, source }
    }
}

macro_rules! internal {
    ($($error:ty),*) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Refusal {
                Refusal::Internal(error.into())
            }
        }
    )*};
}
internal!(RegistryError, PriceBookError, ProjectError, serde_json::Error);

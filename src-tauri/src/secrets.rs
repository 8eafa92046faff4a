//! Credentials in the operating system's keyring.
//!
//! The system answers one caller at a time reliably, may block while it asks the person, and must not
//! be asked from the window's threads: so one thread owns it, fed by one queue.

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;

use keyring_core::{Entry, Error as StoreError};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::view::KeyringState;

mod store;

/// The name under which the keyring shows what Holdfast stores.
pub const SERVICE: &str = "holdfast";

/// Why the keyring did not give or take a credential.
#[derive(Debug, Clone, Error)]
pub enum SecretsError {
    #[error("the keyring of this system is locked")]
    Locked,
    #[error("this system offers no keyring to store the token in ({reason})")]
    Missing { reason: String },
    #[error("the keyring was not allowed to be used")]
    Denied,
    #[error("the keyring has no token for this connection")]
    NoEntry,
    #[error("the keyring did not work ({reason})")]
    Unusable { reason: String },
    #[error("the keyring's thread has ended")]
    Gone,
}

/// The handle that the rest of the shell holds. Clones share one thread.
#[derive(Clone)]
pub struct Secrets {
    queue: mpsc::Sender<Request>,
}

enum Request {
    State { again: bool, answer: oneshot::Sender<KeyringState> },
    Read { name: String, answer: oneshot::Sender<Result<SecretString, SecretsError>> },
    Write { name: String, secret: SecretString, answer: oneshot::Sender<Result<(), SecretsError>> },
    Remove { name: String, answer: oneshot::Sender<Result<(), SecretsError>> },
}

impl Secrets {
    /// Starts the thread. The keyring is first touched by the first request.
    pub fn start() -> Secrets {
        let (queue, requests) = mpsc::channel();
        let spawned = thread::Builder::new().name("keyring".into()).spawn(move || serve(&requests));
        if let Err(error) = spawned {
            tracing::error!(%error, "the keyring's thread could not be started");
        }
        Secrets { queue }
    }

    /// Whether the keyring can be used, without letting the system ask the person anything.
    pub async fn state(&self) -> Result<KeyringState, SecretsError> {
        self.ask(|answer| Request::State { again: false, answer }).await
    }

    /// Looks for the keyring anew, which finds one that started late, and lets the system ask to unlock it.
    pub async fn try_again(&self) -> Result<KeyringState, SecretsError> {
        self.ask(|answer| Request::State { again: true, answer }).await
    }

    /// The secret of this name; from the second time on out of memory.
    pub async fn read(&self, name: &str) -> Result<SecretString, SecretsError> {
        let name = name.to_owned();
        self.ask(|answer| Request::Read { name, answer }).await?
    }

    /// Stores a secret in the keyring and nowhere else.
    pub async fn write(&self, name: &str, secret: SecretString) -> Result<(), SecretsError> {
        let name = name.to_owned();
        self.ask(|answer| Request::Write { name, secret, answer }).await?
    }

    /// Removes a secret; one that is not there is a success.
    pub async fn remove(&self, name: &str) -> Result<(), SecretsError> {
        let name = name.to_owned();
        self.ask(|answer| Request::Remove { name, answer }).await?
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, SecretsError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(request(answer)).map_err(|_| SecretsError::Gone)?;
        answered.await.map_err(|_| SecretsError::Gone)
    }
}

/// A caller that went away is no reason to stop: its answer is dropped.
fn serve(requests: &mpsc::Receiver<Request>) {
    let mut known = HashMap::<String, SecretString>::new();
    let mut opened = store::open();
    while let Ok(request) = requests.recv() {
        match request {
            Request::State { again, answer } => {
                if again {
                    known.clear();
                    opened = store::open_again();
                }
                let _ = answer.send(state(&opened, again));
            }
            Request::Read { name, answer } => {
                let found = match known.get(&name) {
                    Some(secret) => Ok(secret.clone()),
                    None => read(&opened, &name),
                };
                if let Ok(secret) = &found {
                    known.insert(name, secret.clone());
                }
                let _ = answer.send(found);
            }
            Request::Write { name, secret, answer } => {
                let written = write(&opened, &name, &secret);
                if written.is_ok() {
                    known.insert(name, secret);
                }
                let _ = answer.send(written);
            }
            Request::Remove { name, answer } => {
                known.remove(&name);
                let _ = answer.send(remove(&opened, &name));
            }
        }
    }
}

fn state(opened: &Result<(), SecretsError>, may_prompt: bool) -> KeyringState {
    let looked = opened.clone().and_then(|()| store::look(may_prompt));
    match looked {
        Ok(()) => KeyringState::Available,
        Err(SecretsError::Locked) => KeyringState::Locked,
        Err(SecretsError::Denied) => KeyringState::Denied,
        Err(_) => KeyringState::Missing,
    }
}

fn read(opened: &Result<(), SecretsError>, name: &str) -> Result<SecretString, SecretsError> {
    opened.clone()?;
    let found = Entry::new(SERVICE, name).and_then(|entry| entry.get_password());
    match found {
        Ok(secret) => Ok(secret.into()),
        // A keyring that cannot be looked into says the same as one that holds nothing.
        Err(StoreError::NoEntry) => Err(store::look(false).err().unwrap_or(SecretsError::NoEntry)),
        Err(error) => Err(told(error)),
    }
}

fn write(opened: &Result<(), SecretsError>, name: &str, secret: &SecretString) -> Result<(), SecretsError> {
    opened.clone()?;
    let entry = Entry::new(SERVICE, name).map_err(told)?;
    entry.set_password(secret.expose_secret()).map_err(told)?;
    let kept = entry.get_password().map(SecretString::from).map_err(told)?;
    if kept.expose_secret() == secret.expose_secret() {
        Ok(())
    } else {
        Err(SecretsError::Unusable { reason: "it gave back something else than it was given".into() })
    }
}

fn remove(opened: &Result<(), SecretsError>, name: &str) -> Result<(), SecretsError> {
    opened.clone()?;
    match Entry::new(SERVICE, name).and_then(|entry| entry.delete_credential()) {
        Ok(()) | Err(StoreError::NoEntry) => Ok(()),
        Err(error) => Err(told(error)),
    }
}

fn told(error: StoreError) -> SecretsError {
    match error {
        StoreError::NoEntry => SecretsError::NoEntry,
        StoreError::NoDefaultStore => SecretsError::Missing { reason: error.to_string() },
        StoreError::NoStorageAccess(cause) => store::refused(cause.as_ref()),
        other => SecretsError::Unusable { reason: other.to_string() },
    }
}

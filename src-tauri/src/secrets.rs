//! Credentials in the operating system's keyring.
//!
//! The system answers one caller at a time reliably, may block while it asks the person, and must not
//! be asked from the window's threads: so one thread owns it, fed by one queue.

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc;
use std::thread;

use keyring_core::{Entry, Error as StoreError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

use crate::view::KeyringState;

mod system;

/// The name under which the keyring shows what Holdfast stores.
pub const SERVICE: &str = "holdfast";

/// Why the keyring did not give or take a credential.
#[derive(Debug, Clone, thiserror::Error)]
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

/// What a system says about its keyring; what is in it is read and written through `keyring_core`.
pub trait Keyring: Send + 'static {
    /// Opens it and makes it `keyring_core`'s default store; `again` looks for it anew.
    fn open(&mut self, again: bool) -> Result<(), SecretsError>;

    /// Whether it is there and open. Only with `may_prompt` may the system ask the person.
    fn look(&mut self, may_prompt: bool) -> Result<(), SecretsError>;

    /// What a refused access means.
    fn refused(&self, cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError;
}

/// The keyring of the operating system.
pub struct SystemKeyring;

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
    pub fn start(keyring: impl Keyring) -> Secrets {
        let (queue, requests) = mpsc::channel();
        let spawned = thread::Builder::new()
            .name("keyring".into())
            .spawn(move || Worker::open(keyring).serve(&requests));
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

/// What the thread owns.
struct Worker<K> {
    keyring: K,
    opened: Result<(), SecretsError>,
    known: HashMap<String, SecretString>,
}

impl<K: Keyring> Worker<K> {
    fn open(mut keyring: K) -> Worker<K> {
        let opened = keyring.open(false);
        Worker { keyring, opened, known: HashMap::new() }
    }

    /// A caller that went away is no reason to stop: its answer is dropped.
    fn serve(mut self, requests: &mpsc::Receiver<Request>) {
        while let Ok(request) = requests.recv() {
            match request {
                Request::State { again, answer } => drop(answer.send(self.state(again))),
                Request::Read { name, answer } => drop(answer.send(self.read(name))),
                Request::Write { name, secret, answer } => drop(answer.send(self.write(name, secret))),
                Request::Remove { name, answer } => drop(answer.send(self.remove(&name))),
            }
        }
    }

    fn state(&mut self, again: bool) -> KeyringState {
        if again {
            self.known.clear();
            self.opened = self.keyring.open(true);
        }
        match self.opened.clone().and_then(|()| self.keyring.look(again)) {
            Ok(()) => KeyringState::Available,
            Err(SecretsError::Locked) => KeyringState::Locked,
            Err(SecretsError::Denied) => KeyringState::Denied,
            Err(_) => KeyringState::Missing,
        }
    }

    fn read(&mut self, name: String) -> Result<SecretString, SecretsError> {
        if let Some(secret) = self.known.get(&name) {
            return Ok(secret.clone());
        }
        self.opened.clone()?;
        let secret = match Entry::new(SERVICE, &name).and_then(|entry| entry.get_password()) {
            Ok(secret) => SecretString::from(secret),
            // A keyring that cannot be looked into says the same as one that holds nothing.
            Err(StoreError::NoEntry) => {
                return Err(self.keyring.look(false).err().unwrap_or(SecretsError::NoEntry));
            }
            Err(error) => return Err(self.told(error)),
        };
        self.known.insert(name, secret.clone());
        Ok(secret)
    }

    fn write(&mut self, name: String, secret: SecretString) -> Result<(), SecretsError> {
        self.opened.clone()?;
        let stored = Entry::new(SERVICE, &name).and_then(|entry| {
            entry.set_password(secret.expose_secret())?;
            entry.get_password().map(SecretString::from)
        });
        let stored = stored.map_err(|error| self.told(error))?;
        if stored.expose_secret() != secret.expose_secret() {
            let reason = "it gave back something else than it was given".into();
            return Err(SecretsError::Unusable { reason });
        }
        self.known.insert(name, secret);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), SecretsError> {
        self.known.remove(name);
        self.opened.clone()?;
        match Entry::new(SERVICE, name).and_then(|entry| entry.delete_credential()) {
            Ok(()) | Err(StoreError::NoEntry) => Ok(()),
            Err(error) => Err(self.told(error)),
        }
    }

    fn told(&self, error: StoreError) -> SecretsError {
        match error {
            StoreError::NoEntry => SecretsError::NoEntry,
            StoreError::NoDefaultStore => SecretsError::Missing { reason: error.to_string() },
            StoreError::NoStorageAccess(cause) => self.keyring.refused(cause.as_ref()),
            other => SecretsError::Unusable { reason: other.to_string() },
        }
    }
}

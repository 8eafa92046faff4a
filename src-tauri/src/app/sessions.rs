use secrecy::SecretString;
use tago_api::client::{Address, Api, Console, Credential, Settings as ClientSettings};
use tago_migrate::live::Live;

use super::App;
use crate::error::{Answer, ErrorCode, UiError};
use crate::settings::StoredConnection;
use crate::view::{ConnectionState, Role, Side};

/// The id of the connection to the practice platform.
pub(crate) const PRACTICE: &str = "this-computer";

/// The name under which a project lists the access that this program was given.
const ACCESS_NAME: &str = "Holdfast";

impl App {
    /// The console of a connection.
    pub(super) async fn console(&self, connection: &str) -> Answer<Console> {
        if connection != PRACTICE {
            let stored = self.stored(connection)?;
            return Err(UiError::new(
                ErrorCode::Refused,
                format!("{} offers no public way to its backups", stored.name),
            )
            .hint("Open the Backups page of its console in a browser, make the new project there, and connect it here."));
        }
        let role = self.seen().practice_role;
        let practice = self.state.practice.lock().await;
        let ready = practice.as_ref().map(|platform| platform.ready.clone()).ok_or_else(not_started)?;
        let session = if role == Role::Owner { ready.owner } else { ready.collaborator };
        let address: Address = ready.console.parse()?;
        let credential = Credential::new(address.clone(), &session.token)?;
        Ok(Console::new(&address, credential, ClientSettings::default())?)
    }

    /// The data plane of a project.
    pub(super) async fn data_plane(&self, side: &Side) -> Answer<Api> {
        api(self.access(side).await?, ClientSettings::default())
    }

    /// The data plane of a project as the engine uses it, which paces and repeats by itself.
    pub(super) async fn port(&self, side: &Side) -> Answer<Live> {
        Ok(Live::new(api(self.access(side).await?, ClientSettings::default().without_retries())?))
    }

    /// What opens the data plane of a project. It stays in this process: the practice platform's is
    /// made for this start, any other comes out of the keyring.
    async fn access(&self, side: &Side) -> Answer<Credential> {
        let key = (side.connection.clone(), side.project.clone());
        if let Some(credential) = self.seen().data_planes.get(&key) {
            return Ok(credential.clone());
        }
        let (address, token) = if side.connection == PRACTICE {
            self.practice_access(&side.project).await?
        } else {
            let stored = self.stored(&side.connection)?;
            let token = self.secret(&stored).await?;
            (stored.address, token)
        };
        let credential = credential(&address, &token)?;
        self.seen().data_planes.insert(key, credential.clone());
        Ok(credential)
    }

    /// The owner's session opens what was there from the start; a project made since is opened with a
    /// token of its own.
    async fn practice_access(&self, project: &str) -> Answer<(String, SecretString)> {
        let console = self.console(PRACTICE).await?;
        let is_owner = self.seen().practice_role == Role::Owner;
        if is_owner && let Some(platform) = &*self.state.practice.lock().await {
            let open = platform.ready.projects.iter().find(|open| open.id == project);
            if let Some(open) = open {
                return Ok((open.api.clone(), open.token.clone()));
            }
        }
        let access = console.access(project.parse()?, ACCESS_NAME).await?;
        Ok((access.api, access.token))
    }

    /// The credential of a connection, and what its absence says about the connection.
    pub(super) async fn secret(&self, stored: &StoredConnection) -> Answer<SecretString> {
        self.state.secrets.read(&stored.secret_name()).await.map_err(|error| {
            let error = UiError::from(error);
            self.saw(&stored.id, &error);
            error
        })
    }

    pub(super) fn stored(&self, connection: &str) -> Answer<StoredConnection> {
        self.settings()?.connections.into_iter().find(|stored| stored.id == connection).ok_or_else(|| {
            UiError::new(ErrorCode::NotFound, "This connection is gone")
                .hint("Reload the list of connections.")
        })
    }

    /// Remembers what an error says about the state of a connection.
    pub(super) fn saw(&self, connection: &str, error: &UiError) {
        if let Some(state) = state_after(error.code) {
            let detail = error.hint.clone().or_else(|| Some(error.message.clone()));
            self.seen().states.insert(connection.to_owned(), (state, detail));
        }
    }
}

/// A token bound to the address that it is for.
pub(super) fn credential(address: &str, token: &SecretString) -> Answer<Credential> {
    Ok(Credential::new(address.parse()?, token)?)
}

pub(super) fn api(credential: Credential, settings: ClientSettings) -> Answer<Api> {
    let address = credential.address().clone();
    Ok(Api::new(&address, credential, settings)?)
}

fn not_started() -> UiError {
    UiError::new(ErrorCode::PracticeFailed, "The practice platform is not running")
        .hint("Choose “Try it on this computer” to start it.")
        .retryable()
}

fn state_after(code: ErrorCode) -> Option<ConnectionState> {
    match code {
        ErrorCode::Unauthorized | ErrorCode::CredentialMissing => Some(ConnectionState::SignedOut),
        ErrorCode::Unreachable => Some(ConnectionState::Unreachable),
        ErrorCode::KeyringLocked => Some(ConnectionState::KeyringLocked),
        ErrorCode::KeyringMissing => Some(ConnectionState::KeyringMissing),
        ErrorCode::KeyringDenied => Some(ConnectionState::KeyringDenied),
        _ => None,
    }
}

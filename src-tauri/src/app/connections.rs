use secrecy::{ExposeSecret, SecretString};
use tago_api::client::{Address, Settings as ClientSettings};

use super::App;
use super::sessions::{PRACTICE, api, credential};
use crate::error::{Answer, UiError};
use crate::host::Event;
use crate::practice::Platform;
use crate::settings::StoredConnection;
use crate::view::{Capabilities, Connection, ConnectionKind, ConnectionState, KeyringState};

/// The most characters of a name that a person gives.
const LONGEST_NAME: usize = 100;

impl App {
    /// Every connection, the practice platform first.
    pub async fn connections(&self) -> Answer<Vec<Connection>> {
        let stored = self.settings()?.connections;
        let mut connections: Vec<Connection> = self.practice_connection().await.into_iter().collect();
        for connection in stored {
            connections.push(self.seen_as(connection).await);
        }
        Ok(connections)
    }

    /// Connects a project or profile: looks at it with the token, stores the token in the keyring,
    /// and remembers the rest.
    pub async fn connect(
        &self,
        kind: ConnectionKind,
        name: &str,
        address: &str,
        token: SecretString,
    ) -> Answer<Connection> {
        let name = checked_name("Name", name)?;
        let address: Address = address.parse()?;
        let token = SecretString::from(token.expose_secret().trim());
        if token.expose_secret().is_empty() {
            return Err(UiError::bad_input("Token: it is empty; paste a profile token of this project"));
        }
        let opened = api(credential(&address.origin(), &token)?, ClientSettings::default())?;
        let profile = opened.profile().await?;
        let known = self.settings()?.connections;
        let again = known.iter().find(|known| {
            known.address == address.origin() && known.profile == profile.id.to_string() && known.kind == kind
        });
        let stored = StoredConnection {
            id: again.map_or_else(|| next_id(&known), |again| again.id.clone()),
            kind,
            name,
            address: address.origin(),
            profile: profile.id.to_string(),
            profile_name: profile.name,
            token_hint: hint(&token),
            stored: true,
        };
        self.state.secrets.write(&stored.secret_name(), token).await?;
        self.change_settings(|settings| {
            settings.connections.retain(|known| known.id != stored.id);
            settings.connections.push(stored.clone());
        })?;
        {
            let mut seen = self.seen();
            seen.states.remove(&stored.id);
            seen.data_planes.retain(|(connection, _), _| *connection != stored.id);
        }
        self.emit(Event::Connections);
        Ok(self.seen_as(stored).await)
    }

    /// Forgets a connection and removes its credential from the keyring.
    pub async fn forget(&self, connection: &str) -> Answer<()> {
        let stored = self.stored(connection)?;
        self.state.secrets.remove(&stored.secret_name()).await?;
        self.change_settings(|settings| settings.connections.retain(|known| known.id != connection))?;
        {
            let mut seen = self.seen();
            seen.states.remove(connection);
            seen.data_planes.retain(|(known, _), _| known != connection);
        }
        self.emit(Event::Connections);
        Ok(())
    }

    /// Whether the system's keyring can be used; never asks to unlock it.
    pub async fn keyring_state(&self) -> Answer<KeyringState> {
        Ok(self.state.secrets.state().await?)
    }

    /// Looks for the keyring again.
    pub async fn keyring_try_again(&self) -> Answer<KeyringState> {
        let state = self.state.secrets.try_again().await?;
        self.seen().states.retain(|_, (state, _)| {
            !matches!(
                state,
                ConnectionState::KeyringLocked
                    | ConnectionState::KeyringMissing
                    | ConnectionState::KeyringDenied
            )
        });
        self.emit(Event::Connections);
        Ok(state)
    }

    /// The practice platform, if it was ever started here.
    pub(super) async fn practice_connection(&self) -> Option<Connection> {
        let starting = self.seen().practice_starting;
        let running =
            !starting && self.state.practice.lock().await.as_ref().is_some_and(Platform::is_running);
        let state = match (starting, running) {
            (true, _) => ConnectionState::Starting,
            (_, true) => ConnectionState::Ready,
            _ if self.settings().is_ok_and(|settings| settings.practice_started) => {
                ConnectionState::Unreachable
            }
            _ => return None,
        };
        let detail = match state {
            ConnectionState::Starting => Some("The practice platform is being prepared."),
            ConnectionState::Unreachable => Some("The practice platform is not running; start it again."),
            _ => None,
        };
        let seen = self.seen();
        Some(Connection {
            id: PRACTICE.into(),
            kind: ConnectionKind::ThisComputer,
            name: "This computer".into(),
            address: seen.practice_address.clone(),
            token_hint: None,
            state,
            detail: detail.map(str::to_owned),
            capabilities: capabilities(ConnectionKind::ThisComputer),
            account: seen.practice_account.clone(),
        })
    }

    async fn seen_as(&self, stored: StoredConnection) -> Connection {
        // The keyring's thread answers from memory once the credential was read.
        let readable = self.secret(&stored).await.is_ok();
        let told = self.seen().states.get(&stored.id).cloned();
        let (state, detail) = match told {
            Some(told) => told,
            None if readable => (ConnectionState::Ready, None),
            None => (ConnectionState::Unreachable, None),
        };
        Connection {
            capabilities: capabilities(stored.kind),
            id: stored.id,
            kind: stored.kind,
            name: stored.name,
            address: stored.address,
            token_hint: Some(stored.token_hint),
            state,
            detail,
            account: Some(stored.profile_name),
        }
    }
}

/// A name as it is stored, without the spaces round it.
pub(super) fn checked_name(field: &str, name: &str) -> Answer<String> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 {
        return Err(UiError::bad_input(format!(
            "{field}: it is empty; give it 1 to {LONGEST_NAME} characters"
        )));
    }
    if length > LONGEST_NAME {
        return Err(UiError::bad_input(format!(
            "{field}: it has {length} characters; give it at most {LONGEST_NAME}"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(UiError::bad_input(format!(
            "{field}: it has a character that cannot be seen; take it out"
        )));
    }
    Ok(name.to_owned())
}

fn capabilities(kind: ConnectionKind) -> Capabilities {
    match kind {
        ConnectionKind::ThisComputer => Capabilities {
            list_backups: true,
            back_up_now: true,
            schedule: true,
            new_project_from_backup: true,
            quote: true,
            delete_project: true,
            migrate: true,
            practice_damage: true,
        },
        ConnectionKind::Tagodeploy | ConnectionKind::Tagoio => {
            Capabilities { migrate: true, ..Capabilities::default() }
        }
    }
}

fn hint(token: &SecretString) -> String {
    let token = token.expose_secret();
    let characters: Vec<char> = token.chars().collect();
    // Of a short text four characters would be too much of it.
    if characters.len() < 16 { String::new() } else { characters[characters.len() - 4..].iter().collect() }
}

fn next_id(known: &[StoredConnection]) -> String {
    let highest =
        known.iter().filter_map(|known| known.id.strip_prefix("connection-")?.parse::<u32>().ok()).max();
    format!("connection-{}", highest.unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_name_has_one_to_a_hundred_characters_without_the_spaces_round_it() {
        assert_eq!(checked_name("Name", "  Plant north ").unwrap(), "Plant north");
        assert!(checked_name("Name", &"ä".repeat(100)).is_ok());
        for (name, words) in
            [("", "empty"), (" \t ", "empty"), (&*"x".repeat(101), "101"), ("a\u{7}b", "seen")]
        {
            let error = checked_name("Name", name).unwrap_err();
            assert_eq!(error.code, ErrorCode::BadInput);
            assert!(
                error.message.starts_with("Name: ") && error.message.contains(words),
                "{}",
                error.message
            );
        }
    }

    #[test]
    fn the_hint_is_four_characters_of_a_long_token_and_nothing_of_a_short_one() {
        assert_eq!(hint(&"1f0c6a52-8a3e-4c8e-9b6f-0123456789ab".into()), "89ab");
        assert_eq!(hint(&"short".into()), "");
    }
}

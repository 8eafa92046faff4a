use secrecy::SecretString;
use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{Connection, ConnectionKind, KeyringState};

/// Every connection, the practice platform first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connections(app: State<'_, App>) -> Answer<Vec<Connection>> {
    app.connections().await
}

/// Connects a TagoDeploy project by the address and a profile token of its API.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connect_tagodeploy(
    app: State<'_, App>,
    name: String,
    address: String,
    token: String,
) -> Answer<Connection> {
    app.connect(ConnectionKind::Tagodeploy, &name, &address, SecretString::from(token)).await
}

/// Connects a TagoIO profile by the address of its region and a profile token.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connect_tagoio(
    app: State<'_, App>,
    name: String,
    address: String,
    token: String,
) -> Answer<Connection> {
    app.connect(ConnectionKind::Tagoio, &name, &address, SecretString::from(token)).await
}

/// Forgets a connection and removes its credential from the keyring.
#[tauri::command]
#[specta::specta]
pub(crate) async fn forget_connection(app: State<'_, App>, connection: String) -> Answer<()> {
    app.forget(&connection).await
}

/// Whether the system's keyring can be used; never asks to unlock it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn keyring_state(app: State<'_, App>) -> Answer<KeyringState> {
    app.keyring_state().await
}

/// Looks for the keyring again and, where it is locked, lets the system ask to unlock it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn keyring_try_again(app: State<'_, App>) -> Answer<KeyringState> {
    app.keyring_try_again().await
}

/// Closes the window and starts anew.
#[tauri::command]
#[specta::specta]
pub(crate) async fn restart_app(app: State<'_, App>) -> Answer<()> {
    app.restart().await
}

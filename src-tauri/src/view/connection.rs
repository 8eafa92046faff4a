use serde::{Deserialize, Serialize};
use specta::Type;

/// What kind of place a connection reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    ThisComputer,
    Tagodeploy,
    Tagoio,
}

/// Whether a connection can be used, and if not, what stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    Ready,
    Starting,
    Unreachable,
    SignedOut,
    KeyringLocked,
    KeyringMissing,
    KeyringDenied,
}

/// What a connection can do; the window is driven by these, never by the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Type)]
pub struct Capabilities {
    pub list_backups: bool,
    pub back_up_now: bool,
    pub schedule: bool,
    pub new_project_from_backup: bool,
    pub quote: bool,
    pub delete_project: bool,
    pub migrate: bool,
    pub practice_damage: bool,
}

/// One place that Holdfast can talk to.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Connection {
    pub id: String,
    pub kind: ConnectionKind,
    pub name: String,
    pub address: String,
    /// The last four characters of the credential.
    pub token_hint: Option<String>,
    pub state: ConnectionState,
    /// What to do when the state is not `ready`.
    pub detail: Option<String>,
    pub capabilities: Capabilities,
    pub account: Option<String>,
}

/// Whether the operating system's keyring can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum KeyringState {
    Available,
    Locked,
    Missing,
    Denied,
}

/// What an account may do in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Admin,
    Contractor,
}

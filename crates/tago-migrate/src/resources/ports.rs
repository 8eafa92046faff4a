//! How the engine sees what a project holds beside records. A port carries out what it is asked and says
//! what became of it; it repeats no write.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tago_api::Time;

use super::document::Document;
use super::kind::{Kind, Part};
use crate::device::Named;
use crate::ports::{Identity, PortError, WriteError};

/// Which resource of a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Its type.
    pub kind: Kind,
    /// What it belongs to: the dashboard of a widget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its id; the path of a file.
    pub id: String,
}

impl Address {
    /// Of a resource that belongs to nothing but the project.
    pub fn of(kind: Kind, id: impl Into<String>) -> Address {
        Address { kind, parent: None, id: id.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// The parts of a resource under their names: rows by id, languages by locale, parameters by key.
///
/// A parameter is `{value, sent}`, a language `{texts, active}`, a row itself without its times, a script
/// `{sha256, bytes}`.
pub type Entries = BTreeMap<String, Value>;

/// The name of the one entry of an analysis.
pub const SCRIPT: &str = "script";

/// What a secret holds until its owner enters its value.
pub const UNKNOWN_VALUE: &str = "enter the value of this secret again";

/// The reading half.
#[async_trait]
pub trait Resources: Send + Sync {
    /// Which project this is.
    async fn identity(&self) -> Result<Identity, PortError>;

    /// What time it is on this side, as its answers have told; `None` if none has.
    fn now(&self) -> Option<Time> {
        None
    }

    /// Every resource of a type that belongs to the project itself, with at least its id, its name and its
    /// tags; [`PortError::NotFound`] where there is no such type. Widgets are not listed: their dashboards
    /// name them.
    async fn list(&self, kind: Kind) -> Result<Vec<(Address, Document)>, PortError>;

    /// One resource with all its fields; [`PortError::NotFound`] if there is none.
    async fn read(&self, at: &Address) -> Result<Document, PortError>;

    /// A part of a resource.
    async fn entries(&self, at: &Address, part: Part) -> Result<Entries, PortError>;

    /// The content of a file, or the script of an analysis; `None` if there is none.
    async fn content(&self, at: &Address) -> Result<Option<Bytes>, PortError>;

    /// Networks or connectors that a device may name, the public ones too.
    async fn catalogue(&self, kind: Kind) -> Result<Vec<Named>, PortError>;

    /// Serial numbers on a device's tokens.
    async fn serials(&self, device: &str) -> Result<Vec<String>, PortError>;

    /// How many there may be of each type, where the plan says so.
    async fn limits(&self) -> Result<BTreeMap<Kind, u64>, PortError>;

    /// How many records a device has, exactly.
    async fn records(&self, device: &str) -> Result<u64, PortError>;
}

/// A token of a device, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// The name that its maker gave it.
    pub name: String,
    /// Whether a serial number is on it.
    pub has_serial: bool,
    /// When it was made, where the platform tells.
    pub made_at: Option<Time>,
}

/// The writing half. Each method sends one request that changes something.
#[async_trait]
pub trait ResourcesTarget: Resources {
    /// Makes a resource and answers its id. `content` is what is in a file, which is not stored if by
    /// then another has its path. What the platform demands and nobody can carry, a password or the value of a
    /// secret, is made up: it opens nothing.
    async fn create(
        &self,
        kind: Kind,
        parent: Option<&str>,
        fields: &Document,
        content: Option<Bytes>,
    ) -> Result<String, WriteError>;

    /// Sets these fields, and the content of a file; others stay. `there` is what was read of it: a file that
    /// is so large that sending it takes a while is replaced only if it is still that.
    async fn edit(
        &self,
        at: &Address,
        fields: &Document,
        content: Option<Bytes>,
        there: &Document,
    ) -> Result<(), WriteError>;

    /// Writes entries of a part, in the place of `there` where that names them. `content` is a script.
    async fn write_entries(
        &self,
        at: &Address,
        part: Part,
        entries: &Entries,
        there: &Entries,
        content: Option<Bytes>,
    ) -> Result<(), WriteError>;

    /// Removes entries of a part. What is gone already is a success.
    async fn remove_entries(&self, at: &Address, part: Part, entries: &Entries) -> Result<(), WriteError>;

    /// The tokens of a device.
    async fn tokens(&self, device: &str) -> Result<Vec<ListedToken>, PortError>;

    /// Deletes a resource that a list or a creation answered.
    async fn delete(&self, at: &Address) -> Result<(), WriteError>;
}

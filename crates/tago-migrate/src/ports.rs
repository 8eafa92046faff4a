//! How the engine sees the world: a [`Source`] to read from, a [`Target`] to write to.
//!
//! A port carries out one request and says what became of it. It never repeats a write by itself, and
//! it never waits for a rate limit: both are the engine's to decide.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tago_api::{ActionId, DeviceId, ParamId, ProfileId, RecordId, Time};
use thiserror::Error;

use crate::action::PlatformAction;
use crate::batch::Batch;
use crate::device::{Definition, Device, DeviceEdit, Named, Param, ParamWrite, Token};
use crate::record::Record;

/// The most records that one read answers.
pub const READ_LIMIT: usize = 10_000;

/// The most records that one request names.
pub const NAMED_LIMIT: usize = 200;

/// The reading half of a project: all that a rehearsal and a proof need.
#[async_trait]
pub trait Source: Send + Sync {
    /// Which project this is.
    async fn identity(&self) -> Result<Identity, PortError>;

    /// What time it is on this side, as its answers have told; `None` if none has.
    fn now(&self) -> Option<Time> {
        None
    }

    /// Every device, in any order, with the fields that a list tells.
    async fn devices(&self) -> Result<Vec<Device>, PortError>;

    /// One device with all its fields; [`PortError::NotFound`] if there is none.
    async fn device(&self, device: DeviceId) -> Result<Device, PortError>;

    /// The configuration parameters of a device, in the platform's order.
    async fn params(&self, device: DeviceId) -> Result<Vec<Param>, PortError>;

    /// The tokens of a device, without their secrets.
    async fn tokens(&self, device: DeviceId) -> Result<Vec<Token>, PortError>;

    /// Networks that a device may name; [`PortError::NotFound`] where there is no catalogue.
    async fn networks(&self) -> Result<Vec<Named>, PortError>;

    /// Connectors that a device may name; [`PortError::NotFound`] where there is no catalogue.
    async fn connectors(&self) -> Result<Vec<Named>, PortError>;

    /// Whether this network has a payload parser, which sees the records of its devices on arrival.
    async fn network_parses(&self, network: &str) -> Result<bool, PortError>;

    /// How many records the range has.
    async fn count(&self, device: DeviceId, range: &Range) -> Result<u64, PortError>;

    /// The first `limit` (at most [`READ_LIMIT`]) records of the range in `order`, after `skip` others.
    /// Fewer than `limit` says that there are no more.
    async fn records(
        &self,
        device: DeviceId,
        range: &Range,
        order: Order,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Record>, PortError>;

    /// Those of these records that are there, at whatever time, each with the moment at which it was stored
    /// where the platform tells that. At most [`NAMED_LIMIT`] ids.
    async fn records_named(
        &self,
        device: DeviceId,
        ids: &[RecordId],
    ) -> Result<Vec<(Record, Option<Time>)>, PortError>;
}

/// The writing half. Each method sends one request.
#[async_trait]
pub trait Target: Source {
    /// Makes a device and answers its new id. The secret of its default token may be kept for
    /// [`send`](Target::send); then [`tokens`](Source::tokens) lists it as `usable`.
    async fn create_device(&self, device: &Definition) -> Result<DeviceId, WriteError>;

    /// Sets the given fields of a device; it may be repeated.
    async fn edit_device(&self, device: DeviceId, edit: &DeviceEdit) -> Result<(), WriteError>;

    /// Devices that carry a tag of this name, and of this value if one is given.
    async fn devices_tagged(&self, key: &str, value: Option<&str>) -> Result<Vec<Device>, PortError>;

    /// The ids of every action.
    async fn actions(&self) -> Result<Vec<ActionId>, PortError>;

    /// One action with what sets it off; [`PortError::NotFound`] if there is none.
    async fn action(&self, action: ActionId) -> Result<PlatformAction, PortError>;

    /// Switches an action on or off and touches nothing else of it; it may be repeated.
    async fn switch_action(&self, action: ActionId, active: bool) -> Result<(), WriteError>;

    /// Adds the parameters without an id, edits those with one.
    async fn write_params(&self, device: DeviceId, params: &[ParamWrite]) -> Result<(), WriteError>;

    /// Makes a token of this name that may read and write, and keeps its secret for
    /// [`send`](Target::send).
    async fn mint_token(&self, device: DeviceId, name: &str) -> Result<Token, WriteError>;

    /// Removes a token that [`tokens`](Source::tokens) listed. One that is gone already is a success.
    async fn remove_token(&self, device: DeviceId, token: &Token) -> Result<(), WriteError>;

    /// Sends the body to the device's data with a `usable` token, and answers how many records the
    /// platform says it added.
    async fn send(&self, device: DeviceId, token: &Token, batch: &Batch) -> Result<u64, WriteError>;

    /// Removes these records, at most [`NAMED_LIMIT`], by the very selection with which
    /// [`records_named`](Source::records_named) finds them.
    async fn remove_records(&self, device: DeviceId, ids: &[RecordId]) -> Result<(), WriteError>;

    /// Stores a private file, in the place of one with its path if there is one; it may be repeated.
    async fn upload(&self, path: &str, content: &Bytes) -> Result<(), WriteError>;

    /// Has a file imported into a device. A success says that it is queued: what becomes of it nobody tells.
    async fn import(&self, device: DeviceId, path: &str) -> Result<(), WriteError>;

    /// The paths of the files in a folder.
    async fn files(&self, folder: &str) -> Result<Vec<String>, PortError>;

    /// Removes a file by a path that [`files`](Target::files) answered: a platform may take any other text
    /// for a folder, and remove all that is in it.
    async fn remove_file(&self, path: &str) -> Result<(), WriteError>;

    /// Removes a configuration parameter. One that is gone already is a success.
    async fn remove_param(&self, device: DeviceId, param: ParamId) -> Result<(), WriteError>;

    /// Removes a device with all that it holds. One that is gone already is a success.
    async fn delete_device(&self, device: DeviceId) -> Result<(), WriteError>;
}

/// Which project a port reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Scheme, host and port in canonical spelling. A project may come back under another one.
    pub origin: String,
    /// The profile that holds the devices. A copy may have its original's.
    pub profile: ProfileId,
    /// The name that the owner knows it by.
    pub name: String,
}

/// Records of some variables between two moments, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// First moment.
    pub from: Time,
    /// Last moment.
    pub to: Time,
    /// Only these variables; all if empty.
    pub variables: Vec<String>,
}

/// By time; records of one moment in the platform's own, stable order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PortError {
    /// The credential was refused: 401 or 403.
    #[error("the credential was refused: {message}")]
    Auth {
        /// The platform's words.
        message: String,
    },
    /// What was asked for does not exist: 404.
    #[error("not found: {message}")]
    NotFound {
        /// The platform's words.
        message: String,
    },
    /// 429.
    #[error("too many requests; again in {} s", retry_after.as_secs())]
    RateLimited {
        /// How long the platform asks to wait; until the next full minute if it did not say.
        retry_after: Duration,
    },
    /// A limit of the plan or a quota is reached: 402, or a message that says so.
    #[error("a limit of the project is reached: {message}")]
    Quota {
        /// The platform's words.
        message: String,
    },
    /// The platform understood and said no: any other 4xx, or `status: false`.
    #[error("refused: {message}")]
    Refused {
        /// The platform's words.
        message: String,
    },
    /// No answer, or one that says that the service does not work (5xx).
    #[error("no answer: {message}")]
    Unreachable {
        /// What was seen.
        message: String,
    },
    /// An answer that makes no sense.
    #[error("the answer could not be read: {message}")]
    Undecodable {
        /// What was seen, shortened.
        message: String,
    },
}

/// Why a write was not acknowledged, and whether it may have happened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// It certainly did not happen: no connection was made, or a 4xx came back.
    #[error("{0}")]
    NotReceived(PortError),
    /// Bytes left and no acknowledgement came: timeout, reset, 5xx, or an answer that makes no sense.
    #[error("it is not known whether it arrived: {0}")]
    Ambiguous(PortError),
}

impl WriteError {
    /// What was seen.
    pub fn cause(&self) -> &PortError {
        match self {
            WriteError::NotReceived(cause) | WriteError::Ambiguous(cause) => cause,
        }
    }
}

//! The client of the TagoIO and TagoDeploy APIs, and the three kinds of value
//! that every part of Holdfast agrees on: ids, [`Time`] and [`Value`].
//!
//! Without the feature `client` only those three are here, and nothing that
//! can open a connection.

#[cfg(feature = "client")]
pub mod client;
mod id;
mod time;
mod value;

pub use id::{
    AccountId, ActionId, AnalysisId, BackupId, ConnectorId, DeploymentId, DeviceId, IdError, NetworkId,
    ParamId, ProfileId, ProjectId, QuoteId, RecordId,
};
pub use time::{Time, TimeError};
pub use value::{Number, NumberError, Value};

use std::collections::BTreeSet;

use tago_api::Time;

use crate::device::Device;
use crate::ports::{PortError, Source};
use crate::settings::{Env, Settings};

/// What there is to choose from.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The source's devices by name.
    pub devices: Vec<DeviceOverview>,
    /// Variables seen in the oldest and newest records of each device. Older or rarer ones may exist.
    pub variables: BTreeSet<String>,
}

/// One device of the source.
#[derive(Debug, Clone)]
pub struct DeviceOverview {
    /// The device.
    pub device: Device,
    /// Its records.
    pub records: u64,
    /// The moment of its first and of its last record.
    pub extent: Option<(Time, Time)>,
    /// Whether the target has a device with its id.
    pub on_target: bool,
}

/// Looks at the source, for the owner to choose from.
///
/// # Errors
/// As the ports.
pub async fn overview(
    source: &dyn Source,
    target: &dyn Source,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Overview, PortError> {
    let _ = (source, target, settings, env.nonce);
    unimplemented!()
}

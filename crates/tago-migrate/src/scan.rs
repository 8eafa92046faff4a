use std::collections::BTreeSet;

use tago_api::{DeviceId, Time};

use crate::device::Device;
use crate::lanes::in_lanes;
use crate::machine::Route;
use crate::pacer::Pacers;
use crate::ports::{Order, PortError, Range, Source};
use crate::progress::Phase;
use crate::reader::Reader;
use crate::settings::{Env, Settings};
use crate::watch::Watch;

/// Small requests that are under way at once.
const LOOKUPS: usize = 8;
/// Records of each end of a device's data in which variables are looked for.
const SAMPLE: usize = 200;

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
    let pacers = [source, target].map(|side| Pacers::new(&settings.pace, env.clock).of(side));
    let patience = settings.patience;
    let source =
        Reader { port: source, pacers: &pacers[0], limit: settings.read_limit, clock: env.clock, patience };
    let target =
        Reader { port: target, pacers: &pacers[1], limit: settings.read_limit, clock: env.clock, patience };
    let watch = Watch::new(env);
    watch.phase(Phase::Scanning);
    let mut devices = source.ask(Route::Lookup, || source.port.devices()).await?;
    let theirs = target.ask(Route::Lookup, || target.port.devices()).await?;
    let theirs: BTreeSet<DeviceId> = theirs.into_iter().map(|device| device.id).collect();
    devices.sort_unstable_by(|a, b| (&a.definition.name, a.id).cmp(&(&b.definition.name, b.id)));
    watch.change(|figures| figures.devices_total = devices.len() as u64);
    let looking = devices.into_iter().map(|device| {
        let (source, theirs, watch) = (&source, &theirs, &watch);
        async move {
            let id = device.id;
            let everything = &Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
            let records = source.ask(Route::Read, || source.port.count(id, everything)).await?;
            let edge = |order| {
                source.ask(Route::Read, move || source.port.records(id, everything, order, 0, SAMPLE))
            };
            let (oldest, newest) = match records {
                0 => (Vec::new(), Vec::new()),
                _ => (edge(Order::Ascending).await?, edge(Order::Descending).await?),
            };
            watch.change(|figures| figures.devices_done += 1);
            let first = oldest.first().map(|record| record.time);
            let extent = first.zip(newest.first().map(|record| record.time));
            let variables = oldest.into_iter().chain(newest).map(|record| record.variable).collect();
            let on_target = theirs.contains(&id);
            Ok::<_, PortError>((DeviceOverview { device, records, extent, on_target }, variables))
        }
    });
    let looked: Vec<(DeviceOverview, BTreeSet<String>)> = in_lanes(LOOKUPS, looking.collect()).await?;
    let (devices, variables): (Vec<_>, Vec<_>) = looked.into_iter().unzip();
    Ok(Overview { devices, variables: variables.into_iter().flatten().collect() })
}

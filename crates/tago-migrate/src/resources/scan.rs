//! One side, read whole: every document, with a gap told where there is one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tago_api::Time;

use super::document::Document;
use super::kind::{Kind, Part};
use super::ports::{Address, Entries, Resources};
use crate::clock::Clock;
use crate::control::Stopped;
use crate::device::Named;
use crate::lanes::in_lanes;
use crate::machine::Route;
use crate::pacer::Pacers;
use crate::ports::{Identity, PortError};
use crate::rehearse::IN_USE;
use crate::settings::Settings;
use crate::watch::Watch;

/// What a project holds beside records.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which project.
    pub identity: Identity,
    /// Every resource, in the order of [`Kind`].
    pub found: Vec<Found>,
    /// Networks and connectors that devices may name.
    pub catalogue: BTreeMap<Kind, Vec<Named>>,
    /// How many there may be of each type, where that is known.
    pub limits: BTreeMap<Kind, u64>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// Whether something was sent to one of its devices in the hours before.
    pub in_use: bool,
}

/// One resource.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which.
    pub at: Address,
    /// All its fields.
    pub document: Document,
    /// Its part.
    pub entries: Entries,
    /// Serial numbers on its tokens.
    pub serials: Vec<String>,
}

/// What could not be read, and is therefore not in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Of which type.
    pub kind: Kind,
    /// One resource, or all of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why.
    pub reason: String,
}

/// Requests at the pace of one side, repeated after a 429 and, for as long as patience lasts, after no
/// answer.
pub(crate) struct Asking<'a> {
    pub(crate) pacers: &'a Pacers<'a>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) patience: std::time::Duration,
}

impl Asking<'_> {
    pub(crate) async fn ask<T, F>(&self, request: impl Fn() -> F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let mut silent_since = None;
        let mut pause = std::time::Duration::from_millis(250);
        loop {
            self.pacers.admit(Route::Lookup).await;
            match request().await {
                Err(PortError::RateLimited { retry_after }) => {
                    self.pacers.refused(Route::Lookup, retry_after);
                    silent_since = None;
                }
                Err(cause @ (PortError::Unreachable { .. } | PortError::Undecodable { .. })) => {
                    let now = self.clock.elapsed();
                    let silent = now.saturating_sub(*silent_since.get_or_insert(now));
                    if silent + pause >= self.patience {
                        return Err(cause);
                    }
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(std::time::Duration::from_secs(8));
                }
                answer => return answer,
            }
        }
    }
}

/// Why a side is not known.
#[derive(Debug)]
pub(crate) enum ScanError {
    Port(PortError),
    Stopped,
}

impl From<PortError> for ScanError {
    fn from(cause: PortError) -> ScanError {
        ScanError::Port(cause)
    }
}

impl From<Stopped> for ScanError {
    fn from(Stopped: Stopped) -> ScanError {
        ScanError::Stopped
    }
}

/// Resources that are read at once.
const LANES: usize = 8;

/// Reads a side. Types that it does not know are gaps; anything else that cannot be read ends it, so that
/// nothing is taken for missing that was only silent.
pub(crate) async fn scan(
    side: &dyn Resources,
    settings: &Settings,
    clock: &dyn Clock,
    watch: &Watch<'_>,
) -> Result<Snapshot, ScanError> {
    let pacers = Pacers::new(&settings.pace, clock).of_resources(side);
    let asking = Asking { pacers: &pacers, clock, patience: settings.patience };
    let scanning = Scanning { side, asking, watch };
    let identity = scanning.ask(|| side.identity()).await?;
    let limits = scanning.ask(|| side.limits()).await?;
    let (found, catalogue, gaps) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut snapshot = Snapshot { identity, found, catalogue, limits, gaps, in_use: true };
    let mut listed: BTreeMap<Kind, Vec<Address>> = BTreeMap::new();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Widget) {
        match scanning.ask(|| side.list(kind)).await {
            Ok(found) => {
                let found = found.into_iter().map(|(at, _)| at).collect();
                drop(listed.insert(kind, scanning.expect(found)));
            }
            Err(ScanError::Port(PortError::NotFound { message })) => {
                snapshot.gaps.push(Gap { kind, id: None, reason: message });
            }
            Err(error) => return Err(error),
        }
    }
    for kind in Kind::ALL {
        let of_kind = match kind {
            Kind::Widget => scanning.expect(arranged(&snapshot.found)),
            _ => listed.remove(&kind).unwrap_or_default(),
        };
        let reading = of_kind.into_iter().map(|at| scanning.read(at)).collect();
        for read in in_lanes(LANES, reading).await? {
            match read {
                Ok(found) => snapshot.found.push(found),
                Err(gap) if kind == Kind::Widget => snapshot.gaps.push(gap),
                // It was deleted after it was listed.
                Err(_) => {}
            }
        }
        if kind == Kind::Device {
            snapshot.in_use = is_in_use(&snapshot, side.now().unwrap_or_else(|| clock.now()));
            pacers.take(settings.pace.share_of(snapshot.in_use));
        }
    }
    for kind in [Kind::Network, Kind::Connector] {
        match scanning.ask(|| side.catalogue(kind)).await {
            Ok(named) => drop(snapshot.catalogue.insert(kind, named)),
            Err(ScanError::Port(PortError::NotFound { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(snapshot)
}

/// Whether somebody sends to its devices. One that does not say is taken for one to which somebody does.
fn is_in_use(snapshot: &Snapshot, now: Time) -> bool {
    let is_late = |found: &Found| match found.document.get("last_input") {
        None | Some(Value::Null) => false,
        Some(Value::String(at)) => at.parse::<Time>().map_or(true, |at| at > now - IN_USE),
        Some(_) => true,
    };
    snapshot.of_kind(Kind::Device).any(is_late)
}

struct Scanning<'a> {
    side: &'a dyn Resources,
    asking: Asking<'a>,
    watch: &'a Watch<'a>,
}

impl Scanning<'_> {
    async fn ask<T, F>(&self, request: impl Fn() -> F) -> Result<T, ScanError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        self.watch.pass().await?;
        self.watch.change(|figures| figures.requests += 1);
        Ok(self.asking.ask(request).await?)
    }

    /// Each once, in order.
    fn expect(&self, mut listed: Vec<Address>) -> Vec<Address> {
        listed.sort();
        listed.dedup();
        self.watch.change(|figures| figures.items_total += listed.len() as u64);
        listed
    }

    /// One resource; a gap where there is none.
    async fn read(&self, at: Address) -> Result<Result<Found, Gap>, ScanError> {
        let read = self.found(at.clone()).await;
        self.watch.change(|figures| figures.items_done += 1);
        match read {
            Err(ScanError::Port(PortError::NotFound { message })) => {
                Ok(Err(Gap { kind: at.kind, id: Some(at.id), reason: message }))
            }
            read => read.map(Ok),
        }
    }

    async fn found(&self, at: Address) -> Result<Found, ScanError> {
        let document = self.ask(|| self.side.read(&at)).await?;
        let entries = match at.kind.descriptor().part {
            Some(part) => self.ask(|| self.side.entries(&at, part)).await?,
            None => Entries::new(),
        };
        let serials = match at.kind {
            Kind::Device => self.ask(|| self.side.serials(&at.id)).await?,
            _ => Vec::new(),
        };
        Ok(Found { at, document, entries, serials })
    }
}

/// The widgets that dashboards arrange.
fn arranged(found: &[Found]) -> Vec<Address> {
    let dashboards = found.iter().filter(|found| found.at.kind == Kind::Dashboard);
    dashboards.flat_map(|dashboard| widgets_of(&dashboard.document, &dashboard.at.id)).collect()
}

pub(crate) fn widgets_of(dashboard: &Document, id: &str) -> BTreeSet<Address> {
    let arrangement = dashboard.get("arrangement").and_then(Value::as_array);
    let widgets = arrangement.into_iter().flatten().filter_map(|place| place["widget_id"].as_str());
    let address =
        |widget: &str| Address { kind: Kind::Widget, parent: Some(id.to_owned()), id: widget.to_owned() };
    widgets.map(address).collect()
}

impl Snapshot {
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.at.kind == kind)
    }

    /// The hash of all that can be carried, whatever ids and times it has: what a second look compares by.
    pub fn content(&self) -> crate::Seal {
        let lines: BTreeSet<String> = self
            .found
            .iter()
            .map(|found| {
                let seal = super::document::seal(found.at.kind, &found.document);
                let entries = serde_json::to_value(&found.entries).unwrap_or_default();
                format!("{} {seal} {}", found.at, super::document::value_seal(&entries))
            })
            .collect();
        crate::Seal::of(lines.into_iter().collect::<Vec<_>>().join("\n").as_bytes())
    }
}

/// A part in which the target lacks entries, or has others.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PartDifference {
    /// What the target does not have.
    pub(crate) absent: Entries,
    /// What it has otherwise: the source's, and its own.
    pub(crate) other: Entries,
}

pub(crate) fn part_difference(part: Part, source: &Entries, target: &Entries) -> PartDifference {
    let mut difference = PartDifference::default();
    for (key, entry) in source {
        match target.get(key) {
            None => drop(difference.absent.insert(key.clone(), entry.clone())),
            Some(there) if !same_entry(part, entry, there) => {
                difference.other.insert(key.clone(), entry.clone());
            }
            Some(_) => {}
        }
    }
    difference
}

/// What can be carried of an entry is the same.
pub(crate) fn same_entry(part: Part, one: &Value, other: &Value) -> bool {
    entry_seal(part, one) == entry_seal(part, other)
}

/// Whether an entry holds nothing: the platform gives a dictionary its fallback language by itself.
pub(crate) fn is_blank(part: Part, entry: &Value) -> bool {
    part == Part::Languages && super::document::says_nothing(&entry["texts"])
}

pub(crate) fn entry_seal(part: Part, entry: &Value) -> crate::Seal {
    let mut entry = entry.clone();
    if let Value::Object(fields) = &mut entry {
        match part {
            Part::Params => drop(fields.remove("id")),
            Part::Rows => fields.retain(|name, value| {
                !matches!(name.as_str(), "created_at" | "updated_at") && !value.is_null()
            }),
            Part::Script => fields.retain(|name, _| name == "sha256"),
            Part::Languages => {}
        }
    }
    super::document::value_seal(&entry)
}

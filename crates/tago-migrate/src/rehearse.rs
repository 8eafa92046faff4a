//! The rehearsal: reads both sides and says, item by item, what a run would do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tago_api::{ActionId, DeviceId, Time};
use thiserror::Error;

use crate::control::Stopped;
use crate::device::{Definition, Device, Named, Param, Token, seal};
use crate::inside::device::differing;
use crate::inside::{self, Found, Known, Terms, may_tell};
use crate::json::Json;
use crate::lanes::in_lanes;
use crate::load::Parcels;
use crate::machine::Route;
use crate::pacer::Pacers;
use crate::plan::{
    Beyond, Check, CheckName, CheckVerdict, Choices, DataItem, Depth, DeviceItem, Existing, FORMAT, Header,
    InUse, Inactive, Item, Lane, Plan, Policy, Reason, ReasonCode, Renamed, Verdict, Window,
};
use crate::ports::{Identity, Order, PortError, Range, Source, Target};
use crate::progress::Phase;
use crate::reader::Reader;
use crate::record::{Record, Tally};
use crate::resources::remap::Mapping;
use crate::run::Side;
use crate::settings::{Env, Settings};
use crate::watch::Watch;

pub(crate) mod assess;
mod compare;
mod counterpart;
mod data;
mod hybrid;
mod lane;
mod probe;
mod replace;
mod retention;
mod storm;

use counterpart::{Counterpart, counterparts};
use data::Part;
use storm::{Actions, Watching};

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum RehearseError {
    /// One side could not be read.
    #[error("the {side} could not be read: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// Both are one project.
    #[error("{text}")]
    SameProject {
        /// What to do.
        text: String,
    },
    /// The owner stopped it.
    #[error("the rehearsal was stopped")]
    Stopped,
}

impl From<Stopped> for RehearseError {
    fn from(Stopped: Stopped) -> RehearseError {
        RehearseError::Stopped
    }
}

/// A mutable device holds no more records than this, unless the source shows that it may.
pub(crate) const MUTABLE_RECORDS: u64 = 50_000;
/// Small requests that are under way at once.
const LOOKUPS: usize = 8;
/// A project to which something was sent in this time is in use.
pub(crate) const IN_USE: Duration = Duration::from_secs(6 * 3_600);

/// Compares both sides and writes nothing: the plan says what a run would do.
///
/// Only if the two sides cannot be told apart by reading, a token is made on one device of the target,
/// looked for through the source, and removed.
///
/// # Errors
/// See [`RehearseError`].
pub async fn rehearse(
    source: &dyn Source,
    target: &dyn Target,
    choices: &Choices,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Plan, RehearseError> {
    rehearse_after(source, target, choices, Made::default(), settings, env).await
}

/// What a run that was given up made of devices of the source.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) devices: BTreeMap<DeviceId, DeviceId>,
    /// Those of the source whose likeness still bore the run's mark: it is to be completed.
    pub(crate) unfinished: BTreeSet<DeviceId>,
}

/// The same after a run that was given up.
pub(crate) async fn rehearse_after(
    source: &dyn Source,
    target: &dyn Target,
    choices: &Choices,
    made: Made,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Plan, RehearseError> {
    let source_pace = Pacers::new(&settings.pace, env.clock).of(source);
    let target_pace = Pacers::new(&settings.pace, env.clock).of(target);
    let patience = settings.patience;
    let mut rehearsal = Rehearsal {
        source: Reader {
            port: source,
            pacers: &source_pace,
            limit: settings.read_limit,
            clock: env.clock,
            patience,
        },
        target: Reader {
            port: target,
            pacers: &target_pace,
            limit: settings.read_limit,
            clock: env.clock,
            patience,
        },
        writer: target,
        choices,
        made,
        settings,
        nonce: env.nonce,
        watch: Watch::new(env),
        begun_at: env.clock.now(),
        cutoff: env.clock.now(),
    };
    let plan = rehearsal.plan().await?;
    rehearsal.watch.phase(Phase::Done);
    Ok(plan)
}

struct Rehearsal<'a> {
    source: Reader<'a>,
    target: Reader<'a>,
    writer: &'a dyn Target,
    choices: &'a Choices,
    made: Made,
    settings: &'a Settings,
    nonce: u64,
    watch: Watch<'a>,
    /// By the target's clock, which a run will look at too.
    begun_at: Time,
    cutoff: Time,
}

/// What the scan found of one device and its counterpart.
struct Scanned {
    device: Device,
    params: Vec<Param>,
    tokens: Vec<Token>,
    counterpart: Counterpart,
    target: Option<(Device, Vec<Param>, Vec<Token>)>,
}

impl Rehearsal<'_> {
    async fn plan(&mut self) -> Result<Plan, RehearseError> {
        self.watch.phase(Phase::Scanning);
        let (source, target) = self.identities().await?;
        self.ask_the_time();
        let devices = self.read(Side::Source, Route::Lookup, || self.source.port.devices()).await?;
        let theirs = self.read(Side::Target, Route::Lookup, || self.target.port.devices()).await?;
        self.refuse_one_project(&devices, &theirs).await?;
        let in_use = self.find_pace(&devices, &theirs);
        let unknown = self.unknown_choices(&devices);
        let by_run = self.choices.renamed.as_ref();
        let counterparts = renamed(&devices, &theirs, &self.made.devices, by_run);
        let chosen = self.chosen(devices);
        let scanned = self.scan(chosen, &theirs).await?;
        let mut header = Header {
            version: FORMAT,
            created_at: self.begun_at,
            cutoff: self.cutoff,
            choices: self.choices.clone(),
            source,
            target,
            in_use,
            checks: Vec::new(),
            counterparts,
            actions: Vec::new(),
            undo_actions: Vec::new(),
            triggers: BTreeMap::new(),
            left_off: Vec::new(),
            probe: BTreeMap::new(),
        };
        let names = inside::device::names(&header);
        let networks = self.catalogue(&scanned, &names).await?;
        let mut items: Vec<DeviceItem> =
            scanned.iter().map(|device| self.device_item(device, &networks, &names)).collect();
        self.parsing_networks(&scanned, &mut items).await?;
        let known = known(&header, &items, &theirs);
        let actions = self.actions().await?;
        let data = self.data(&scanned, &items, &known, &actions).await?;
        for ((scanned, item), part) in scanned.iter().zip(&mut items).zip(&data) {
            let writes = part.items.iter().any(|item| item.verdict == Verdict::Fill);
            if writes && rests(scanned, item) {
                item.wakes = true;
                let text = "it is inactive on the target; it is active while its records are written, and \
                            inactive again at the end";
                item.reasons.push(reason(ReasonCode::Inactive, text));
            }
        }
        let by_file = self.choices.lane == Lane::File && self.choices.depth == Depth::Exact;
        if by_file && self.choices.policy != Policy::Replace {
            lane::choose(&mut items, &data, self.settings);
            header.probe = lane::probe(&scanned, &items);
        }
        header.actions = storm::tripped(&actions, &scanned, &items, &data);
        header.undo_actions = storm::tripped_by_undo(&actions, &data);
        header.triggers = actions.iter().flatten().map(|action| (action.id, action.trigger_seal())).collect();
        let mut checks = assess::assess(self.choices, &unknown, &scanned, &items, &data);
        let later: u64 = data.iter().map(|part| part.later).sum();
        checks.insert(0, assess::readable(later, self.cutoff));
        let forgotten: u64 = data.iter().map(|part| part.forgotten).sum();
        checks.push(assess::retention(forgotten));
        checks.extend(replace::check(self.choices, &items, &data));
        checks.push(storm::check(self.choices, &actions, &header.actions));
        checks.extend(self.other_projects(&header));
        checks.push(lane::check(self.choices, &items, &data, self.settings));
        let mut sealed = Vec::new();
        for ((mut item, part), scanned) in items.drain(..).zip(data).zip(&scanned) {
            let written = part.items.iter().flat_map(|data| &data.windows);
            let written = written.filter(|window| window.missing.count > 0).map(|window| &window.variable);
            let keeper = scanned.target.as_ref().map_or(&scanned.device, |(device, ..)| device);
            item.immutable = hybrid::immutable(&keeper.definition, written);
            sealed.push(Item::Device(item));
            sealed.extend(part.items.into_iter().map(Item::Data));
        }
        header.checks = checks;
        Ok(Plan { header, items: sealed.into() })
    }

    /// Both sides have answered by now. What has arrived is up to the source's clock, and nobody knows
    /// whether this computer's is right.
    fn ask_the_time(&mut self) {
        let at = |port: &dyn Source, otherwise| port.now().unwrap_or(otherwise);
        // A record that is dated earlier has arrived by now, if it is not late by more than a request may be.
        let latest = at(self.source.port, self.begun_at) - self.settings.late_commit_bound;
        self.cutoff = self.choices.to.map_or(latest, |to| to.min(latest));
        self.begun_at = at(self.target.port, self.begun_at);
    }

    /// A project to which nobody sends is read and written at nearly its limits.
    fn find_pace(&self, ours: &[Device], theirs: &[Device]) -> InUse {
        let sides = [(Side::Source, &self.source, ours), (Side::Target, &self.target, theirs)];
        let in_use = sides.into_iter().filter(|(_, reader, devices)| {
            let now = reader.port.now().unwrap_or(self.begun_at);
            let in_use = devices.iter().any(|device| device.last_input.is_some_and(|at| at > now - IN_USE));
            reader.pacers.take(self.settings.pace.share_of(in_use));
            in_use
        });
        in_use.map(|(side, ..)| side).collect()
    }

    async fn read<T, F>(&self, side: Side, route: Route, request: impl Fn() -> F) -> Result<T, RehearseError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        self.watch.pass().await?;
        self.watch.change(|figures| figures.requests += 1);
        let reader = match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        };
        let answer = self.watch.unless_stopped(reader.ask(route, request)).await?;
        answer.map_err(|cause| RehearseError::Port { side, cause })
    }

    async fn identities(&self) -> Result<(Identity, Identity), RehearseError> {
        let source = self.read(Side::Source, Route::Lookup, || self.source.port.identity()).await?;
        let target = self.read(Side::Target, Route::Lookup, || self.target.port.identity()).await?;
        if (&source.origin, source.profile) == (&target.origin, target.profile) {
            return Err(same_project());
        }
        Ok((source, target))
    }

    async fn refuse_one_project(&self, ours: &[Device], theirs: &[Device]) -> Result<(), RehearseError> {
        let theirs: BTreeSet<DeviceId> = theirs.iter().map(|device| device.id).collect();
        let mut common: Vec<DeviceId> = ours.iter().map(|device| device.id).collect();
        // One project has one list of devices.
        if common.len() != theirs.len() {
            return Ok(());
        }
        common.retain(|device| theirs.contains(device));
        common.sort_unstable();
        if common.len() != theirs.len() {
            return Ok(());
        }
        let one = probe::one_project(
            &common,
            &self.source,
            &self.target,
            self.writer,
            &self.watch,
            self.nonce,
            self.settings.late_commit_bound,
        )
        .await?;
        if one { Err(same_project()) } else { Ok(()) }
    }

    fn unknown_choices(&self, devices: &[Device]) -> Vec<DeviceId> {
        let there: BTreeSet<DeviceId> = devices.iter().map(|device| device.id).collect();
        self.choices.devices.iter().flatten().filter(|device| !there.contains(device)).copied().collect()
    }

    fn chosen(&self, mut devices: Vec<Device>) -> Vec<Device> {
        if let Some(chosen) = &self.choices.devices {
            devices.retain(|device| chosen.contains(&device.id));
        }
        devices.sort_unstable_by(|a, b| (&a.definition.name, a.id).cmp(&(&b.definition.name, b.id)));
        devices.dedup_by_key(|device| device.id);
        devices
    }

    async fn scan(&self, devices: Vec<Device>, theirs: &[Device]) -> Result<Vec<Scanned>, RehearseError> {
        let total = devices.len() as u64;
        self.watch.change(|figures| figures.devices_total = total);
        let reading = devices.into_iter().map(|device| async move {
            let id = device.id;
            let device = self.whole(Side::Source, device).await?;
            let params = self.read(Side::Source, Route::Lookup, || self.source.port.params(id)).await?;
            let tokens = self.read(Side::Source, Route::Lookup, || self.source.port.tokens(id)).await?;
            Ok::<_, RehearseError>((device, params, tokens))
        });
        let source: Vec<(Device, Vec<Param>, Vec<Token>)> = in_lanes(LOOKUPS, reading.collect()).await?;
        let target_tokens = self.serials(&source, theirs).await?;
        let pairs: Vec<_> = source.iter().map(|(device, _, tokens)| (device, tokens.as_slice())).collect();
        let by_run = self.choices.renamed.as_ref();
        let mut found = counterparts(&pairs, theirs, &target_tokens, &self.made.devices, by_run);
        let none = || Counterpart {
            target: None,
            reason: reason(ReasonCode::NoCounterpart, "the target has no such device"),
        };
        let reading = source.into_iter().map(|(device, params, tokens)| {
            let counterpart = found.remove(&device.id).unwrap_or_else(none);
            let there = counterpart.target.and_then(|id| theirs.iter().find(|other| other.id == id));
            async move {
                let target = match there {
                    Some(there) => {
                        let id = there.id;
                        let port = self.target.port;
                        let there = self.whole(Side::Target, there.clone()).await?;
                        let params = self.read(Side::Target, Route::Lookup, || port.params(id)).await?;
                        let tokens = self.read(Side::Target, Route::Lookup, || port.tokens(id)).await?;
                        Some((there, params, tokens))
                    }
                    None => None,
                };
                self.watch.change(|figures| figures.devices_done += 1);
                Ok(Scanned { device, params, tokens, counterpart, target })
            }
        });
        in_lanes(LOOKUPS, reading.collect()).await
    }

    /// A device with the fields that a list left out.
    async fn whole(&self, side: Side, device: Device) -> Result<Device, RehearseError> {
        if device.is_whole {
            return Ok(device);
        }
        let port = match side {
            Side::Source => self.source.port,
            Side::Target => self.target.port,
        };
        self.read(side, Route::Lookup, || port.device(device.id)).await
    }

    /// Tokens of target devices that a serial number could match.
    async fn serials(
        &self,
        source: &[(Device, Vec<Param>, Vec<Token>)],
        theirs: &[Device],
    ) -> Result<BTreeMap<DeviceId, Vec<Token>>, RehearseError> {
        let there: BTreeSet<DeviceId> = theirs.iter().map(|device| device.id).collect();
        let unmatched = source.iter().any(|(device, _, tokens)| {
            !there.contains(&device.id) && tokens.iter().any(|token| token.serial.is_some())
        });
        if !unmatched {
            return Ok(BTreeMap::new());
        }
        let ours: BTreeSet<DeviceId> = source.iter().map(|(device, ..)| device.id).collect();
        let candidates: Vec<DeviceId> = there.difference(&ours).copied().collect();
        let reading = candidates.into_iter().map(|id| async move {
            let request = || self.target.port.tokens(id);
            Ok::<_, RehearseError>((id, self.read(Side::Target, Route::Lookup, request).await?))
        });
        Ok(in_lanes(LOOKUPS, reading.collect()).await?.into_iter().collect())
    }

    /// Why the names that a run of resources gave mean nothing here.
    fn other_projects(&self, header: &Header) -> Option<Check> {
        let renamed = self.choices.renamed.as_ref()?;
        let is_same = (renamed.source, renamed.target) == (header.source.profile, header.target.profile);
        (!is_same).then(|| Check {
            name: CheckName::InsideRecords,
            verdict: CheckVerdict::Block,
            text:
                "the run of resources whose names are to be used went between other projects; choose the one \
                   that went between these two"
                    .to_owned(),
        })
    }

    /// Networks and connectors of both sides, if a device is to be made or names others than its counterpart.
    /// `None` where there is no catalogue.
    async fn catalogue(
        &self,
        scanned: &[Scanned],
        names: &Mapping,
    ) -> Result<BTreeMap<&'static str, Catalogue>, RehearseError> {
        let mut catalogues = BTreeMap::new();
        let agrees = |device: &Scanned| {
            device.target.as_ref().is_some_and(|(there, params, _)| {
                let ours = (&device.device.definition, device.params.as_slice());
                let differing = differing(ours, (&there.definition, params), names, &BTreeMap::new());
                !differing.iter().any(|name| ["network", "connector"].contains(&name.as_str()))
            })
        };
        if scanned.iter().all(agrees) {
            return Ok(catalogues);
        }
        let known = |listed: Result<Vec<Named>, RehearseError>| match listed {
            Ok(listed) => Ok(Some(listed)),
            Err(RehearseError::Port { cause: PortError::NotFound { .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let (ours, theirs) = (self.source.port, self.target.port);
        let networks = Catalogue {
            source: known(self.read(Side::Source, Route::Lookup, || ours.networks()).await)?,
            target: known(self.read(Side::Target, Route::Lookup, || theirs.networks()).await)?,
        };
        let connectors = Catalogue {
            source: known(self.read(Side::Source, Route::Lookup, || ours.connectors()).await)?,
            target: known(self.read(Side::Target, Route::Lookup, || theirs.connectors()).await)?,
        };
        catalogues.insert("network", networks);
        catalogues.insert("connector", connectors);
        Ok(catalogues)
    }

    fn device_item(
        &self,
        scanned: &Scanned,
        catalogues: &BTreeMap<&'static str, Catalogue>,
        names: &Mapping,
    ) -> DeviceItem {
        let definition = &scanned.device.definition;
        let mut item = DeviceItem {
            device: scanned.device.id,
            name: definition.name.clone(),
            verdict: Verdict::Skip,
            reasons: vec![scanned.counterpart.reason.clone()],
            target: scanned.counterpart.target,
            source_seal: seal(definition, &scanned.params),
            target_seal: None,
            kind: scanned.target.as_ref().map_or(definition, |(there, ..)| &there.definition).kind.clone(),
            remapped: BTreeMap::new(),
            parses: false,
            immutable: None,
            wakes: false,
            by_file: false,
            source_tokens: scanned.tokens.clone(),
            target_tokens: Vec::new(),
        };
        let mut missing = Vec::new();
        for (field, catalogue) in catalogues {
            match catalogue.place(definition, field, names) {
                Place::Same => {}
                Place::Moved(id) => {
                    item.remapped.insert((*field).to_owned(), Json::text(&id));
                }
                Place::Missing(id) => missing.push((field, id)),
            }
        }
        if let Some((there, params, tokens)) = &scanned.target {
            item.target_seal = Some(seal(&there.definition, params));
            item.target_tokens.clone_from(tokens);
            let ours = (definition, scanned.params.as_slice());
            let differing = differing(ours, (&there.definition, params), names, &item.remapped);
            missing.retain(|(field, _)| differing.iter().any(|name| name == **field));
            if !differing.is_empty() {
                let text = format!("different on the target: {}", differing.join(", "));
                item.reasons.push(Reason { code: ReasonCode::Differs, text });
                let takes_source = self.choices.existing == Existing::TakeSource;
                let takes_source = takes_source || self.is_to_complete(scanned);
                let is_of_a_kind = definition.kind == there.definition.kind;
                item.verdict = if takes_source && is_of_a_kind { Verdict::Update } else { Verdict::Conflict };
            }
        } else if scanned.counterpart.reason.code == ReasonCode::ManyCounterparts {
            item.verdict = Verdict::Blocked;
        } else {
            item.verdict = Verdict::Create;
        }
        for (field, id) in missing {
            if matches!(item.verdict, Verdict::Create | Verdict::Update) {
                item.verdict = Verdict::Blocked;
                let text = format!("its {field} {id} is not on the target; add it there first");
                item.reasons.push(Reason { code: ReasonCode::NoNetwork, text });
            }
        }
        let taken = matches!(item.verdict, Verdict::Create | Verdict::Update) && definition.parses();
        item.parses = taken || scanned.target.as_ref().is_some_and(|(there, ..)| there.definition.parses());
        item
    }

    /// A run that was given up made its counterpart and did not finish it.
    fn is_to_complete(&self, scanned: &Scanned) -> bool {
        self.made.unfinished.contains(&scanned.device.id)
            && scanned.counterpart.reason.code == ReasonCode::SameMark
    }

    /// A network's parser sees the records of every device on it.
    async fn parsing_networks(
        &self,
        scanned: &[Scanned],
        items: &mut [DeviceItem],
    ) -> Result<(), RehearseError> {
        let network_of = |scanned: &Scanned, item: &DeviceItem| {
            let taken = matches!(item.verdict, Verdict::Create | Verdict::Update);
            let fields = match &scanned.target {
                Some((there, ..)) if !taken => &there.definition.fields,
                _ => &scanned.device.definition.fields,
            };
            let network = item.remapped.get("network").filter(|_| taken).or_else(|| fields.get("network"))?;
            Some(network.as_str().trim_matches('"').to_owned())
        };
        let networks: Vec<Option<String>> =
            scanned.iter().zip(&*items).map(|(scanned, item)| network_of(scanned, item)).collect();
        let distinct: BTreeSet<String> = networks.iter().flatten().cloned().collect();
        let asking = distinct.into_iter().map(|network| async move {
            let asked =
                self.read(Side::Target, Route::Lookup, || self.target.port.network_parses(&network)).await;
            match asked {
                Ok(parses) => Ok(parses.then_some(network)),
                Err(RehearseError::Port { cause: PortError::NotFound { .. }, .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let found: Vec<Option<String>> = in_lanes(LOOKUPS, asking.collect()).await?;
        let parsing: BTreeSet<String> = found.into_iter().flatten().collect();
        for (item, network) in items.iter_mut().zip(networks) {
            item.parses |= network.is_some_and(|network| parsing.contains(&network));
        }
        Ok(())
    }
}

/// Networks, or connectors, of both sides.
struct Catalogue {
    source: Option<Vec<Named>>,
    target: Option<Vec<Named>>,
}

enum Place {
    Same,
    Moved(String),
    Missing(String),
}

impl Catalogue {
    /// Where the target has what the device names: by what is known of its id, by its id, else by a name that
    /// only one has.
    fn place(&self, definition: &Definition, field: &str, names: &Mapping) -> Place {
        let Some(id) = definition.fields.get(field).map(|id| id.as_str().trim_matches('"').to_owned()) else {
            return Place::Same;
        };
        let Some(target) = &self.target else { return Place::Same };
        if let Some(known) = names.ids.get(&id).filter(|known| target.iter().any(|named| named.id == **known))
        {
            return Place::Moved(known.clone());
        }
        if target.iter().any(|named| named.id == id) {
            return Place::Same;
        }
        let name = self.source.iter().flatten().find(|named| named.id == id).map(|named| &named.name);
        let twins: Vec<&Named> = target.iter().filter(|named| Some(&named.name) == name).collect();
        match twins[..] {
            [twin] => Place::Moved(twin.id.clone()),
            _ => Place::Missing(id),
        }
    }
}

/// Devices of the source that the target has under another id, as far as lists tell.
fn renamed(
    devices: &[Device],
    theirs: &[Device],
    made: &BTreeMap<DeviceId, DeviceId>,
    by_run: Option<&Renamed>,
) -> BTreeMap<DeviceId, DeviceId> {
    let pairs: Vec<(&Device, &[Token])> = devices.iter().map(|device| (device, [].as_slice())).collect();
    let found = counterparts(&pairs, theirs, &BTreeMap::new(), made, by_run).into_iter();
    let pairs = found.filter_map(|(device, counterpart)| Some((device, counterpart.target?)));
    pairs.filter(|(device, target)| device != target).collect()
}

/// What can be known of names inside records before anything is made.
fn known(header: &Header, items: &[DeviceItem], theirs: &[Device]) -> Known {
    let pairs: Vec<_> = items.iter().filter_map(|item| Some((item.device, item.target?))).collect();
    let profiles = [&header.source, &header.target].map(|side| side.profile.to_string());
    let same = theirs.iter().map(|device| device.id.to_string()).chain(profiles);
    let to_make = items.iter().filter(|item| item.verdict == Verdict::Create).map(|item| item.device);
    Known::new(header, &pairs, same, to_make)
}

/// Whether a device of the target refuses data, and stays so by what is planned for it.
fn rests(scanned: &Scanned, item: &DeviceItem) -> bool {
    let there = scanned.target.as_ref().map(|(device, ..)| &device.definition);
    let is_activated = item.verdict == Verdict::Update && scanned.device.definition.active;
    there.is_some_and(|there| !there.active) && !is_activated
}

fn reason(code: ReasonCode, text: &str) -> Reason {
    Reason { code, text: text.to_owned() }
}

fn same_project() -> RehearseError {
    RehearseError::SameProject {
        text: "source and target are the same project; choose another target".to_owned(),
    }
}

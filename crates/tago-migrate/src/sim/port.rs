//! The ports of a simulated project, and the ways in which they fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tago_api::{ActionId, DeviceId, ParamId, ProfileId, RecordId, Time};

use super::chance::Chance;
use super::world::{Deed, FakeDevice, FakeRecord, Project, imported};
use crate::action::PlatformAction;
use crate::batch::Batch;
use crate::clock::Clock;
use crate::device::{Definition, Device, DeviceEdit, Fingerprint, Named, Param, ParamWrite, Token};
use crate::ports::{Identity, Order, PortError, Range, Source, Target, WriteError};
use crate::record::Record;

/// Virtual time, and a wall clock that somebody may turn.
pub(super) struct VirtualClock {
    pub(super) start: tokio::time::Instant,
    pub(super) turned: Mutex<i64>,
}

impl VirtualClock {
    /// Date and time where nobody turns it.
    pub(super) fn untouched(&self) -> Time {
        Time::from_millis(BEGINNING + i64::try_from(self.elapsed().as_millis()).unwrap())
    }
}

pub(super) const BEGINNING: i64 = 1_795_321_800_000;

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Time {
        Time::from_millis(self.untouched().millis() + *self.turned.lock().unwrap())
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    ReplyLost,
    RequestLost,
    NoConnection,
    LateCommit,
    PartialBatch,
    TooManyRequests,
    ErrorAfterCommit,
    ErrorBeforeCommit,
    UnreadableReply,
    ReadFails,
    ReadLag,
    TokenRevoked,
    ImportLate,
    ImportPartial,
    ImportNever,
}

pub(super) const FAULTS: [Fault; 12] = [
    Fault::ReplyLost,
    Fault::RequestLost,
    Fault::NoConnection,
    Fault::LateCommit,
    Fault::PartialBatch,
    Fault::TooManyRequests,
    Fault::ErrorAfterCommit,
    Fault::ErrorBeforeCommit,
    Fault::UnreadableReply,
    Fault::ReadFails,
    Fault::ReadLag,
    Fault::TokenRevoked,
];

/// Beside these, where something travels in files.
pub(super) const FAULTS_OF_IMPORTS: [Fault; 3] =
    [Fault::ImportLate, Fault::ImportPartial, Fault::ImportNever];

/// Both ports of one simulated project.
#[derive(Clone)]
pub(super) struct FakePort {
    pub(super) name: &'static str,
    pub(super) project: Arc<Mutex<Project>>,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) chance: Chance,
    pub(super) faults: Vec<Fault>,
    /// Faults in a thousand requests.
    pub(super) rate: u64,
    /// These strike, whatever the rate, once they could have so many times.
    pub(super) owed: Arc<Mutex<Vec<(Fault, u64)>>>,
    pub(super) bound: Duration,
    pub(super) seen: Arc<Mutex<BTreeSet<Fault>>>,
    /// Secrets of tokens that this process made.
    pub(super) secrets: Arc<Mutex<BTreeSet<Fingerprint>>>,
}

impl FakePort {
    fn fault(&self, among: &[Fault]) -> Option<Fault> {
        if let Some(fault) = self.owed(among) {
            self.seen.lock().unwrap().insert(fault);
            return Some(fault);
        }
        if !self.chance.permille(self.rate) {
            return None;
        }
        let possible: Vec<Fault> =
            self.faults.iter().copied().filter(|fault| among.contains(fault)).collect();
        if possible.is_empty() {
            return None;
        }
        let fault = *self.chance.pick(&possible);
        self.seen.lock().unwrap().insert(fault);
        Some(fault)
    }

    fn owed(&self, among: &[Fault]) -> Option<Fault> {
        if self.rate == 0 {
            return None;
        }
        let mut owed = self.owed.lock().unwrap();
        let due = owed.iter_mut().filter(|(fault, _)| among.contains(fault));
        for (_, opportunities) in due {
            *opportunities = opportunities.saturating_sub(1);
        }
        let place = owed.iter().position(|(fault, left)| *left == 0 && among.contains(fault))?;
        Some(owed.remove(place).0)
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(2 + self.chance.below(60))
    }

    async fn pass(&self, duration: Duration) {
        self.clock.sleep(duration).await;
        self.project.lock().unwrap().happen(self.clock.elapsed());
    }

    async fn get<T>(&self, look: impl Fn(&mut Project) -> Result<T, PortError>) -> Result<T, PortError> {
        self.pass(self.latency()).await;
        match self.fault(&[Fault::ReadFails, Fault::TooManyRequests]) {
            Some(Fault::ReadFails) => Err(unreachable_now()),
            Some(_) => Err(self.too_many()),
            None => {
                let mut project = self.project.lock().unwrap();
                refused(&mut project)?;
                limited(&project, self.clock.elapsed())?;
                look(&mut project)
            }
        }
    }

    /// The limit of this minute is used up, for whoever asks.
    fn too_many(&self) -> PortError {
        let mut project = self.project.lock().unwrap();
        project.limited_until = self.clock.elapsed() + Duration::from_millis(self.chance.below(3_000));
        too_many()
    }

    /// A refusal, if something is to happen before this request is let through.
    fn interrupted(&self) -> Result<(), WriteError> {
        let mut project = self.project.lock().unwrap();
        let Some(deed) = project.meanwhile.take() else { return Ok(()) };
        deed(&mut project);
        Err(WriteError::NotReceived(too_many()))
    }

    /// The deed happens after a while, even if nobody waits for it any more.
    async fn put<T: Send + 'static>(
        &self,
        may_be_partial: bool,
        deed: impl FnOnce(&mut Project, Option<u64>) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let fault = self.fault(&[
            Fault::ReplyLost,
            Fault::RequestLost,
            Fault::NoConnection,
            Fault::LateCommit,
            Fault::TooManyRequests,
            Fault::ErrorAfterCommit,
            Fault::ErrorBeforeCommit,
            Fault::UnreadableReply,
            Fault::PartialBatch,
        ]);
        let fault = if fault == Some(Fault::PartialBatch) && !may_be_partial { None } else { fault };
        match fault {
            Some(Fault::NoConnection) => {
                self.pass(self.latency()).await;
                return Err(WriteError::NotReceived(unreachable_now()));
            }
            Some(Fault::TooManyRequests) => {
                self.pass(self.latency()).await;
                return Err(WriteError::NotReceived(self.too_many()));
            }
            // What answers may not be the platform at all.
            Some(Fault::UnreadableReply) if self.chance.permille(500) => {
                self.pass(self.latency()).await;
                let message = "<html>Welcome to our network</html>".into();
                return Err(WriteError::Ambiguous(PortError::Undecodable { message }));
            }
            Some(Fault::RequestLost | Fault::ErrorBeforeCommit) => {
                self.pass(self.latency()).await;
                return Err(WriteError::Ambiguous(unreachable_now()));
            }
            _ => {
                let limited = limited(&self.project.lock().unwrap(), self.clock.elapsed());
                if let Err(limited) = limited {
                    self.pass(self.latency()).await;
                    return Err(WriteError::NotReceived(limited));
                }
            }
        }
        let result = Arc::new(Mutex::new(None));
        let part = (fault == Some(Fault::PartialBatch)).then(|| self.chance.next());
        let answer = Arc::clone(&result);
        let wait = match fault {
            Some(Fault::LateCommit) => {
                Duration::from_millis(self.chance.below(u64::try_from(self.bound.as_millis()).unwrap()))
            }
            _ => self.latency(),
        };
        let silence = self.project.lock().unwrap().silence.filter(|_| may_be_partial);
        let at = self.clock.elapsed() + silence.map_or(wait, |(arrives, _)| arrives);
        self.project.lock().unwrap().coming.push((
            at,
            Box::new(move |project| {
                let outcome = refused(project).and_then(|()| deed(project, part));
                *answer.lock().unwrap() = Some(outcome);
            }),
        ));
        if let Some((_, patience)) = silence {
            self.pass(patience).await;
            return Err(WriteError::Ambiguous(unreachable_now()));
        }
        match fault {
            Some(Fault::LateCommit) => {
                self.pass(self.latency()).await;
                return Err(WriteError::Ambiguous(unreachable_now()));
            }
            _ => self.pass(wait).await,
        }
        let outcome = result.lock().unwrap().take();
        match (fault, outcome) {
            (Some(Fault::ReplyLost | Fault::ErrorAfterCommit), _) => {
                Err(WriteError::Ambiguous(unreachable_now()))
            }
            // It may own up to how many it kept.
            (Some(Fault::PartialBatch), Some(Err(_))) => Err(WriteError::Ambiguous(unreachable_now())),
            (Some(Fault::PartialBatch), _) if self.chance.permille(500) => {
                Err(WriteError::Ambiguous(unreachable_now()))
            }
            (Some(Fault::UnreadableReply), _) => {
                Err(WriteError::Ambiguous(PortError::Undecodable { message: "half a reply".into() }))
            }
            (_, Some(outcome)) => outcome.map_err(WriteError::NotReceived),
            (_, None) => Err(WriteError::Ambiguous(unreachable_now())),
        }
    }
}

fn refused(project: &mut Project) -> Result<(), PortError> {
    if project.refusals.gone {
        return Err(unreachable_now());
    }
    if project.refusals.auth {
        project.refusals.refused += 1;
        return Err(PortError::Auth { message: "Authorization Denied".into() });
    }
    Ok(())
}

fn limited(project: &Project, now: Duration) -> Result<(), PortError> {
    if now < project.limited_until { Err(too_many()) } else { Ok(()) }
}

fn unreachable_now() -> PortError {
    PortError::Unreachable { message: "simulated".into() }
}

fn too_many() -> PortError {
    PortError::RateLimited { retry_after: Duration::from_secs(3) }
}

fn device(id: DeviceId, device: &FakeDevice) -> Device {
    Device { id, definition: device.definition.clone(), is_whole: true, last_input: device.last_input }
}

/// As lists show it: without the payload parser.
fn listed(id: DeviceId, fake: &FakeDevice) -> Device {
    let mut device = Device { is_whole: false, ..device(id, fake) };
    device.definition.fields.remove("payload_decoder");
    device
}

#[async_trait]
impl Source for FakePort {
    async fn identity(&self) -> Result<Identity, PortError> {
        Ok(Identity {
            origin: format!("https://{}", self.name),
            profile: ProfileId::from_bytes([self.name.as_bytes()[0]; 12]),
            name: self.name.to_owned(),
        })
    }

    /// Its own clock, which nobody turns.
    fn now(&self) -> Option<Time> {
        Some(self.clock.untouched())
    }

    async fn devices(&self) -> Result<Vec<Device>, PortError> {
        self.get(|project| Ok(project.devices.iter().map(|(id, fake)| listed(*id, fake)).collect())).await
    }

    async fn device(&self, id: DeviceId) -> Result<Device, PortError> {
        self.get(|project| Ok(device(id, project.device(id)?))).await
    }

    async fn params(&self, id: DeviceId) -> Result<Vec<Param>, PortError> {
        self.get(|project| Ok(project.device(id)?.params.clone())).await
    }

    async fn tokens(&self, id: DeviceId) -> Result<Vec<Token>, PortError> {
        let mut tokens = self.get(|project| Ok(project.device(id)?.tokens.clone())).await?;
        let secrets = self.secrets.lock().unwrap();
        for token in &mut tokens {
            token.usable = secrets.contains(&token.fingerprint);
        }
        Ok(tokens)
    }

    async fn networks(&self) -> Result<Vec<Named>, PortError> {
        Err(PortError::NotFound { message: "no catalogue".into() })
    }

    async fn connectors(&self) -> Result<Vec<Named>, PortError> {
        Err(PortError::NotFound { message: "no catalogue".into() })
    }

    async fn network_parses(&self, network: &str) -> Result<bool, PortError> {
        self.get(|project| Ok(project.parsing_network.as_deref() == Some(network))).await
    }

    async fn count(&self, id: DeviceId, range: &Range) -> Result<u64, PortError> {
        self.get(|project| Ok(within(project.device(id)?, range).len() as u64)).await
    }

    async fn records(
        &self,
        id: DeviceId,
        range: &Range,
        order: Order,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        self.get(|project| {
            let most_records = project.most_records.unwrap_or(usize::MAX);
            let mut found = within(project.device(id)?, range);
            if order == Order::Descending {
                found.reverse();
            }
            found.drain(..skip.min(found.len()));
            found.truncate(limit.min(most_records));
            project.answered.push(found.len());
            Ok(found.into_iter().map(|(place, fake)| record(place, &fake)).collect())
        })
        .await
    }

    async fn records_named(
        &self,
        id: DeviceId,
        ids: &[RecordId],
    ) -> Result<Vec<(Record, Option<Time>)>, PortError> {
        self.get(|project| {
            let fewer = project.fewer_ids;
            project.selections += 1;
            let device = project.device(id)?;
            let named = selected(device, ids, fewer);
            let found = numbered(device).filter(|(place, _)| named.contains(place));
            let stored = |place: u32| {
                let (_, at) = device.arrived.range(..=place).next_back()?;
                Some(*at)
            };
            Ok(found.map(|(place, fake)| (record(place, fake), stored(place).or(Some(Time::MIN)))).collect())
        })
        .await
    }
}

fn record_id(place: u32) -> RecordId {
    let mut id = [1; 12];
    id[..4].copy_from_slice(&place.to_be_bytes());
    RecordId::from_bytes(id)
}

fn record(place: u32, fake: &FakeRecord) -> Record {
    let mut record: Record = serde_json::from_str(&fake.json).unwrap();
    record.id = Some(record_id(place));
    record
}

/// Places of the records that a selection by ids means.
fn selected(device: &FakeDevice, ids: &[RecordId], fewer: Option<usize>) -> BTreeSet<u32> {
    let places = numbered(device).map(|(place, _)| place);
    if fewer.is_none_or(|most| ids.len() <= most) {
        return places.filter(|place| ids.contains(&record_id(*place))).collect();
    }
    let all: Vec<u32> = places.collect();
    all.into_iter().rev().take(ids.len()).collect()
}

fn drop_records(device: &mut FakeDevice, gone: BTreeSet<u32>) {
    let left = numbered(device).filter(|(place, _)| !gone.contains(place));
    device.records = left.map(|(_, record)| record.clone()).collect();
    device.removed.extend(gone);
}

/// Each record with the place that it has had from the beginning.
fn numbered(device: &FakeDevice) -> impl Iterator<Item = (u32, &FakeRecord)> {
    (0..).filter(|place| !device.removed.contains(place)).zip(&device.records)
}

/// The records of a range in order of time, each with its place in the device, which never changes.
fn within(device: &FakeDevice, range: &Range) -> Vec<(u32, FakeRecord)> {
    let mut found: Vec<(u32, FakeRecord)> = numbered(device)
        .map(|(place, record)| (place, record.clone()))
        .filter(|(_, record)| record.time >= range.from && record.time <= range.to)
        .filter(|(_, record)| range.variables.is_empty() || range.variables.contains(&record.variable))
        .collect();
    found.sort_by_key(|(_, record)| record.time);
    found
}

#[async_trait]
impl Target for FakePort {
    async fn create_device(&self, definition: &Definition) -> Result<DeviceId, WriteError> {
        let definition = definition.clone();
        let secrets = Arc::clone(&self.secrets);
        self.put(false, move |project, _| {
            project.made += 1;
            let id = DeviceId::from_bytes([100 + u8::try_from(project.made).unwrap(); 12]);
            let token = token(&format!("default of {id}"), "Default");
            secrets.lock().unwrap().insert(token.fingerprint.clone());
            let fake = FakeDevice {
                definition,
                params: Vec::new(),
                tokens: vec![token],
                records: Vec::new(),
                removed: BTreeSet::new(),
                arrived: BTreeMap::new(),
                last_input: None,
            };
            project.devices.insert(id, fake);
            Ok(id)
        })
        .await
    }

    async fn edit_device(&self, id: DeviceId, edit: &DeviceEdit) -> Result<(), WriteError> {
        self.interrupted()?;
        let edit = edit.clone();
        self.put(false, move |project, _| {
            let definition = &mut project.device(id)?.definition;
            definition.name = edit.name.unwrap_or_else(|| definition.name.clone());
            definition.active = edit.active.unwrap_or(definition.active);
            definition.visible = edit.visible.unwrap_or(definition.visible);
            definition.tags = edit.tags.unwrap_or_else(|| definition.tags.clone());
            for (field, value) in edit.fields {
                if value.is_null() {
                    definition.fields.remove(&field);
                } else {
                    definition.fields.insert(field, value);
                }
            }
            Ok(())
        })
        .await
    }

    async fn devices_tagged(&self, key: &str, value: Option<&str>) -> Result<Vec<Device>, PortError> {
        let tagged = |fake: &FakeDevice| {
            fake.definition
                .tags
                .iter()
                .any(|tag| tag.key == key && value.is_none_or(|value| tag.value == value))
        };
        self.get(|project| {
            let all = project.ignores_filters;
            let found = project.devices.iter().filter(|(_, fake)| all || tagged(fake));
            Ok(found.map(|(id, fake)| listed(*id, fake)).collect())
        })
        .await
    }

    async fn actions(&self) -> Result<Vec<ActionId>, PortError> {
        self.get(|project| Ok(project.actions.keys().copied().collect())).await
    }

    async fn action(&self, id: ActionId) -> Result<PlatformAction, PortError> {
        self.get(|project| {
            let action = project.action(id)?;
            let last = match action.acted {
                0 => "never".to_owned(),
                times => format!("time {times}"),
            };
            let fields = serde_json::json!({
                "name": action.name,
                "active": action.active,
                "type": "condition",
                "trigger": [action.trigger],
                "last_triggered": last,
            });
            Ok(PlatformAction::of(id, fields.as_object().unwrap()))
        })
        .await
    }

    async fn switch_action(&self, id: ActionId, active: bool) -> Result<(), WriteError> {
        self.put(false, move |project, _| {
            project.action(id)?.active = active;
            Ok(())
        })
        .await
    }

    async fn write_params(&self, id: DeviceId, params: &[ParamWrite]) -> Result<(), WriteError> {
        let params = params.to_vec();
        self.put(false, move |project, _| {
            let held = &mut project.device(id)?.params;
            for write in params {
                match held.iter_mut().find(|param| Some(param.id) == write.id) {
                    Some(param) => (param.value, param.sent) = (write.value, write.sent),
                    None => {
                        let id = ParamId::from_bytes([u8::try_from(held.len()).unwrap() + 1; 12]);
                        held.push(Param { id, key: write.key, value: write.value, sent: write.sent });
                    }
                }
            }
            Ok(())
        })
        .await
    }

    async fn mint_token(&self, id: DeviceId, name: &str) -> Result<Token, WriteError> {
        let name = name.to_owned();
        let made = self
            .put(false, move |project, _| {
                project.minted += 1;
                let made = token(&format!("secret {}", project.minted), &name);
                project.device(id)?.tokens.push(made.clone());
                Ok(made)
            })
            .await?;
        self.secrets.lock().unwrap().insert(made.fingerprint.clone());
        Ok(Token { usable: true, ..made })
    }

    async fn remove_token(&self, id: DeviceId, token: &Token) -> Result<(), WriteError> {
        let gone = token.id.clone();
        self.put(false, move |project, _| {
            let keeps = project.keeps_tokens;
            project.device(id)?.tokens.retain(|token| keeps || token.id != gone);
            Ok(())
        })
        .await
    }

    async fn send(&self, id: DeviceId, token: &Token, batch: &Batch) -> Result<u64, WriteError> {
        assert!(self.secrets.lock().unwrap().contains(&token.fingerprint), "an unknown secret was used");
        let body = batch.body.clone();
        let fingerprint = token.fingerprint.clone();
        let revoke = self.fault(&[Fault::TokenRevoked]).is_some();
        // What is acknowledged need not be seen by who reads at once.
        let seen_at = self.fault(&[Fault::ReadLag]).map(|_| {
            let bound = u64::try_from(self.bound.as_millis()).unwrap();
            self.clock.elapsed() + Duration::from_millis(self.chance.below(bound))
        });
        self.put(true, move |project, part| {
            let quota = project.refusals.quota;
            let most_held = project.most_held;
            let device = project.device(id)?;
            if revoke {
                device.tokens.retain(|token| token.fingerprint != fingerprint);
            }
            if !device.tokens.iter().any(|token| token.fingerprint == fingerprint) {
                return Err(PortError::Auth { message: "Authorization Denied".into() });
            }
            if quota {
                return Err(PortError::Quota { message: "data input".into() });
            }
            if !device.definition.active {
                return Err(PortError::Refused { message: "the device is inactive".into() });
            }
            let records: Vec<Box<serde_json::value::RawValue>> = serde_json::from_slice(&body).unwrap();
            assert!(!records.is_empty(), "an empty batch was sent");
            if most_held.is_some_and(|most| device.records.len() + records.len() > most) {
                return Err(PortError::Refused { message: "the device is full".into() });
            }
            let parses = device.definition.fields.contains_key("payload_decoder");
            let mut kept = Vec::new();
            for (place, record) in records.iter().enumerate() {
                if part.is_none_or(|part| part.rotate_left(place as u32) & 1 == 1) {
                    let mut record = record.get().to_owned();
                    if parses {
                        record = record.replacen("\"variable\":\"", "\"variable\":\"parsed_", 1);
                    }
                    kept.push(FakeRecord::of(record));
                }
            }
            let count = kept.len() as u64;
            match seen_at {
                None => project.arrive(id, kept, true),
                Some(at) => {
                    project.coming.push((at, Box::new(move |project| project.arrive(id, kept, true))))
                }
            }
            Ok(count)
        })
        .await
    }

    async fn remove_records(&self, id: DeviceId, ids: &[RecordId]) -> Result<(), WriteError> {
        self.interrupted()?;
        let ids = ids.to_vec();
        if self.project.lock().unwrap().loses_removals {
            return Err(WriteError::NotReceived(unreachable_now()));
        }
        // What is acknowledged need not have happened.
        let happens_at = self.fault(&[Fault::ReadLag]).map(|_| {
            let bound = u64::try_from(self.bound.as_millis()).unwrap();
            self.clock.elapsed() + Duration::from_millis(self.chance.below(bound))
        });
        self.put(true, move |project, part| {
            let fewer = project.fewer_ids;
            let device = project.device(id)?;
            if device.definition.kind == "immutable" {
                return Err(PortError::Refused { message: "the device is immutable".into() });
            }
            if !device.definition.active {
                return Err(PortError::Refused { message: "the device is inactive".into() });
            }
            let mut gone = selected(device, &ids, fewer);
            gone.retain(|place| part.is_none_or(|part| part.rotate_left(*place) & 1 == 1));
            match happens_at {
                None => drop_records(device, gone),
                Some(at) => project.coming.push((
                    at,
                    Box::new(move |project| {
                        if let Ok(device) = project.device(id) {
                            drop_records(device, gone);
                        }
                    }),
                )),
            }
            Ok(())
        })
        .await
    }

    async fn upload(&self, path: &str, content: &Bytes) -> Result<(), WriteError> {
        let (path, content) = (path.to_owned(), content.clone());
        self.put(false, move |project, _| {
            project.files.insert(path, content);
            Ok(())
        })
        .await
    }

    async fn import(&self, id: DeviceId, path: &str) -> Result<(), WriteError> {
        let path = path.to_owned();
        // The throw-away device comes first, and would take whatever is owed.
        let is_probe = path.contains("-probe-");
        let fault = if is_probe && self.chance.permille(900) { None } else { self.fault(&FAULTS_OF_IMPORTS) };
        let queue = self.clock.elapsed() + Duration::from_millis(self.chance.below(300));
        let bound = u64::try_from(self.bound.as_millis()).unwrap();
        // One that is late begins while somebody waits for it, or once it has been given up, what it lacked has
        // been sent again, and the run goes on with other items.
        let given_up = self.chance.permille(600);
        let late =
            if given_up { 4 * bound + self.chance.below(4 * bound) } else { self.chance.below(4 * bound) };
        let late = Duration::from_millis(late);
        let delay = if fault == Some(Fault::ImportLate) { late } else { Duration::ZERO };
        let rows_at_once = 8 + self.chance.below(20) as usize;
        let slowly = self.project.lock().unwrap().imports_slowly && self.chance.permille(100);
        let between =
            Duration::from_millis(self.chance.below(if slowly { bound * 3 / 4 } else { bound / 16 }));
        let part = (fault == Some(Fault::ImportPartial)).then(|| self.chance.below(30) as usize);
        self.put(false, move |project, _| {
            if !project.files.contains_key(&path) {
                return Err(PortError::NotFound { message: "no such file".into() });
            }
            if !project.device(id)?.definition.active {
                return Err(PortError::Refused { message: "the device is inactive".into() });
            }
            if project.refusals.quota {
                return Err(PortError::Refused { message: "no room for 10,000 records".into() });
            }
            if fault != Some(Fault::ImportNever) {
                let begin: Deed = Box::new(move |project| {
                    let Some(content) = project.files.get(&path).cloned() else { return };
                    let Some(records) = imported(project, &content) else { return };
                    if !project.device(id).is_ok_and(|device| device.definition.active) {
                        return;
                    }
                    let most = part.unwrap_or(usize::MAX).min(records.len());
                    let parts = records[..most].chunks(rows_at_once).map(<[FakeRecord]>::to_vec);
                    for (number, rows) in (0_u32..).zip(parts) {
                        let at = project.now + between * number;
                        project.coming.push((at, Box::new(move |project| project.arrive(id, rows, true))));
                    }
                });
                project.coming.push((queue + delay, begin));
            }
            Ok(())
        })
        .await
    }

    async fn files(&self, folder: &str) -> Result<Vec<String>, PortError> {
        let prefix = format!("{folder}/");
        self.get(|project| {
            project.listings += 1;
            if project.hides_files {
                return Err(PortError::Auth { message: "Authorization Denied".into() });
            }
            Ok(project.files.keys().filter(|path| path.starts_with(&prefix)).cloned().collect())
        })
        .await
    }

    async fn remove_file(&self, path: &str) -> Result<(), WriteError> {
        let path = path.to_owned();
        self.put(false, move |project, _| {
            let remove = move |project: &mut Project| {
                // Whatever is no file is a folder.
                project.files.retain(|there, _| *there != path && !there.starts_with(&format!("{path}/")));
            };
            match project.lists_files_for {
                Duration::ZERO => remove(project),
                late => project.coming.push((project.now + late, Box::new(remove))),
            }
            Ok(())
        })
        .await
    }

    async fn remove_param(&self, id: DeviceId, param: ParamId) -> Result<(), WriteError> {
        self.put(false, move |project, _| {
            project.device(id)?.params.retain(|held| held.id != param);
            Ok(())
        })
        .await
    }

    async fn delete_device(&self, id: DeviceId) -> Result<(), WriteError> {
        self.interrupted()?;
        self.put(false, move |project, _| {
            let tags = &project.device(id)?.definition.tags;
            if tags.iter().any(|tag| tag.key == "_delete_protection_") {
                return Err(PortError::Refused { message: "the device is protected".into() });
            }
            project.devices.remove(&id);
            Ok(())
        })
        .await
    }
}

pub(super) fn token(secret: &str, name: &str) -> Token {
    let fingerprint = Fingerprint::of(secret);
    Token {
        id: secret.to_owned(),
        fingerprint,
        name: name.to_owned(),
        permission: "full".into(),
        serial: None,
        expires: None,
        usable: false,
    }
}

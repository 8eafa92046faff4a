//! Carries the machine's actions out and brings the outcomes back. Nothing is decided here.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{self, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tago_api::DeviceId;

use super::Ending;
use super::meter::Meter;
use crate::action::newer;
use crate::control::{Control, Stopped, Wish};
use crate::device::Device;
use crate::inside::Terms;
use crate::journal::{Journal, JournalError};
use crate::keep::Keep;
use crate::load::Parcels;
use crate::machine::{Action, Both, Event, MARKER, Moment, Pair, Route, State, Work, step};
use crate::pacer::Pacers;
use crate::plan::{Item, Plan};
use crate::planted::{Bug, is_planted};
use crate::ports::{PortError, Range, Source, Target, WriteError};
use crate::reader::Reader;
use crate::record::Record;
use crate::replaced::Replaced;
use crate::run::Side;
use crate::settings::{Env, Settings};

/// So many rows wait for each other at the most.
const ROWS_OF_A_SYNC: usize = 64;

type Effect<'a> = Pin<Box<dyn Future<Output = Event> + Send + 'a>>;

/// Both sides and their limits.
pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a dyn Source,
    pub(crate) target: &'a dyn Target,
    pub(crate) keep: &'a dyn Keep,
    pub(crate) settings: &'a Settings,
    pub(crate) env: Env<'a>,
}

/// Runs one session to its end.
pub(crate) async fn drive(
    world: &World<'_>,
    mut state: State,
    journal: &mut dyn Journal,
) -> Result<Ending, JournalError> {
    let env = world.env;
    let hands = Hands {
        world,
        source_pace: world.plan.header.pace(Side::Source, world.source, world.settings, env.clock),
        target_pace: world.plan.header.pace(Side::Target, world.target, world.settings, env.clock),
        alone: Arc::default(),
        stop: Control::new(),
    };
    let mut effects: FuturesUnordered<Effect<'_>> = FuturesUnordered::new();
    let mut wishes = env.control.listen();
    let mut meter = Meter::new(world.plan);
    let mut event = Some(Event::Start);
    let mut wish = Wish::Run;
    loop {
        // What has happened by now is taken together: its rows share one sync, and then its deeds begin.
        let (mut rows, mut deeds) = (Vec::new(), Vec::new());
        let (mut fault, mut over) = (None, None);
        while let Some(happened) = event.take() {
            let moment = Moment {
                elapsed: env.clock.elapsed(),
                now: world.target.now().unwrap_or_else(|| env.clock.now()),
            };
            meter.event(&happened);
            let stops = matches!(happened, Event::Wish(Wish::Stop));
            let (next, actions) = step(state, moment, happened);
            state = next;
            if stops {
                hands.stop.stop();
            }
            for action in actions {
                match action {
                    Action::Journal(row) if fault.is_none() => {
                        let is_theirs = row.has_the_platforms_time();
                        rows.push((if is_theirs { moment.now } else { env.clock.now() }, row));
                    }
                    // A row that follows says so.
                    Action::Keep(bytes) => drop(world.keep.keep(&bytes).map_err(JournalError::Folder)?),
                    Action::Fault(detail) => fault = fault.or(Some(detail)),
                    Action::Finish(ending) => over = Some(ending),
                    // It waits for the limits and does nothing else.
                    Action::Permit(..) => effects.push(hands.carry_out(action)),
                    action => deeds.push(action),
                }
            }
            if fault.is_none() && over.is_none() && rows.len() < ROWS_OF_A_SYNC {
                event = effects.next().now_or_never().flatten();
            }
        }
        journal.append_all(&rows)?;
        if let Some(detail) = fault {
            return Err(JournalError::Damaged { detail });
        }
        if let Some(ending) = over {
            meter.publish(&state, env, true);
            return Ok(ending);
        }
        for deed in deeds {
            meter.action(&deed);
            effects.push(hands.carry_out(deed));
        }
        meter.publish(&state, env, false);
        let asked = *wishes.borrow_and_update();
        event = Some(if asked != wish {
            wish = asked;
            Event::Wish(asked)
        } else {
            let wakes_at = [state.wakes_at(), meter.due()].into_iter().flatten().min();
            tokio::select! {
                biased;
                Some(event) = effects.next(), if !effects.is_empty() => event,
                () = until(env, wakes_at) => Event::Tick,
                _ = wishes.changed() => Event::Tick,
            }
        });
    }
}

async fn until(env: Env<'_>, moment: Option<Duration>) {
    match moment {
        Some(moment) => env.clock.sleep(moment.saturating_sub(env.clock.elapsed())).await,
        None => future::pending().await,
    }
}

pub(super) struct Hands<'a> {
    pub(super) world: &'a World<'a>,
    source_pace: Pacers<'a>,
    target_pace: Pacers<'a>,
    /// Has who makes a page of records ready.
    alone: Arc<Mutex<()>>,
    /// Stopped as soon as the machine has taken its owner's stop in.
    stop: Control,
}

impl Hands<'_> {
    fn carry_out(&self, action: Action) -> Effect<'_> {
        let target = self.world.target;
        match action {
            Action::Permit(subject, route) => Box::pin(async move {
                self.target_pace.admit(route).await;
                Event::Permitted(subject)
            }),
            Action::Read { item, device, terms } => Box::pin(async move {
                let dropped = |cause| (Side::Source, cause);
                let result = self.unless_stopped(self.read(item, device, &terms), dropped).await;
                Event::Read { item, result }
            }),
            Action::Send { item, device, token, batch } => Box::pin(async move {
                let result = target.send(device, &token, &batch).await;
                Event::Sent { item, result: self.noted(Route::Write, result) }
            }),
            Action::Recall { item, kept } => {
                let recalled = self.world.keep.kept(&kept).and_then(|bytes| Replaced::from_bytes(&bytes));
                let result = recalled.map_err(|error| error.to_string());
                Box::pin(future::ready(Event::Recalled { item, result }))
            }
            Action::Name { item, device, ids, terms } => Box::pin(async move {
                let (reader, request) = (self.target(), || target.records_named(device, &ids));
                let found = self.looked(reader.ask(Route::Read, request)).await;
                let said = |(record, _): (Record, _)| (record.id, terms.key(Side::Target, &record));
                let result = found.map(|found| found.into_iter().map(said).collect());
                Event::Named { item, asked: ids, result }
            }),
            Action::Remove { item, device, ids } => Box::pin(async move {
                let result = target.remove_records(device, &ids).await;
                Event::Removed { item, result: self.noted(Route::Remove, result) }
            }),
            Action::ReadDevice { item, target } => Box::pin(async move {
                let dropped = |cause| (Side::Source, cause);
                let result = self.unless_stopped(self.device(item, target), dropped).await;
                Event::DeviceRead { item, result }
            }),
            Action::FindDevices { item, marker } => Box::pin(async move {
                let request = || target.devices_tagged(MARKER, Some(&marker));
                let found = self.looked(self.target().ask(Route::Lookup, request)).await;
                // A platform that does not know the filter lists every device.
                let is_marked = |device: &Device| {
                    device.definition.tags.iter().any(|tag| tag.key == MARKER && tag.value == marker)
                };
                let result = found
                    .map(|devices| devices.into_iter().filter(is_marked).map(|device| device.id).collect());
                Event::DevicesFound { item, result }
            }),
            Action::FindTwins { item } => Box::pin(async move {
                let (reader, request) = (self.target(), || target.devices_tagged(MARKER, None));
                let found = self.looked(reader.ask(Route::Lookup, request)).await;
                let made_of = |device: Device| {
                    let mark = device.definition.tags.into_iter().find(|tag| tag.key == MARKER)?;
                    mark.value.rsplit_once(':')?.1.parse().ok()
                };
                let result = found.map(|devices| devices.into_iter().filter_map(made_of).collect());
                Event::TwinsFound { item, result }
            }),
            Action::Work { item, work } => Box::pin(async move {
                let result = match &work {
                    Work::Create(definition) => target.create_device(definition).await.map(Some),
                    Work::Edit(device, edit) => target.edit_device(*device, edit).await.map(|()| None),
                    Work::Params(device, params) => target.write_params(*device, params).await.map(|()| None),
                };
                Event::Worked { item, result: self.noted(Route::Edit, result) }
            }),
            Action::ListTokens { device } => Box::pin(async move {
                let (reader, request) = (self.target(), || target.tokens(device));
                let result = self.not_for_long(self.looked(reader.ask(Route::Lookup, request))).await;
                Event::TokensListed { device, result }
            }),
            Action::MintToken { device, name } => Box::pin(async move {
                let result = target.mint_token(device, &name).await;
                Event::TokenMade { device, result: self.noted(Route::Edit, result) }
            }),
            Action::RemoveToken { device, token } => Box::pin(async move {
                let result = target.remove_token(device, &token).await;
                Event::TokenRemoved { device, result: self.noted(Route::Edit, result) }
            }),
            Action::FindActions => Box::pin(async move {
                let (reader, plan) = (self.patient(), self.world.plan);
                Event::ActionsFound { result: self.looked(newer::unnamed(plan, target, &reader)).await }
            }),
            Action::Look { action } => Box::pin(async move {
                let (reader, request) = (self.target(), || target.action(action));
                let result = self.looked(reader.ask(Route::Lookup, request)).await;
                Event::ActionRead { action, result }
            }),
            Action::Switch { action, on } => Box::pin(async move {
                let result = target.switch_action(action, on).await;
                Event::ActionSwitched { action, result: self.noted(Route::Edit, result) }
            }),
            Action::Lane(errand) => Box::pin(async move { Event::Lane(self.run(errand).await) }),
            Action::Journal(_) | Action::Keep(_) | Action::Fault(_) | Action::Finish(_) => {
                Box::pin(future::ready(Event::Tick))
            }
        }
    }

    async fn read(&self, item: u32, device: DeviceId, terms: &Arc<Terms>) -> Result<Both, (Side, PortError)> {
        let Some(Item::Data(data)) = self.world.plan.items.get(item as usize) else {
            return Ok(Both { source: Parcels::default(), target: Parcels::default() });
        };
        let to = if is_planted(Bug::EndDateLeftAtNow) { self.world.env.clock.now() } else { data.to };
        let range = Range { from: data.from, to, variables: self.world.plan.header.choices.variables() };
        let (source, target) = (self.source(), self.target());
        let parcels = async |reader: Reader<'_>, device, side| {
            let records = reader.range(device, &range).await.map_err(|cause| (side, cause))?;
            Ok(Parcels::aside(side, records, terms, &self.alone).await)
        };
        let source = parcels(source, data.device, Side::Source);
        let (source, target) = future::join(source, parcels(target, device, Side::Target)).await;
        Ok(Both { source: source?, target: target? })
    }

    async fn device(&self, item: u32, target: Option<DeviceId>) -> Result<Pair, (Side, PortError)> {
        let id = self.world.plan.items.get(item as usize).and_then(|item| match item {
            Item::Device(device) => Some(device.device),
            Item::Data(_) => None,
        });
        let Some(id) = id else {
            return Err((Side::Source, PortError::NotFound { message: "no such item".to_owned() }));
        };
        let from_source = |cause| (Side::Source, cause);
        let from_target = |cause| (Side::Target, cause);
        let source = self.source();
        let device = source.ask(Route::Lookup, || source.port.device(id)).await.map_err(from_source)?;
        let params = source.ask(Route::Lookup, || source.port.params(id)).await.map_err(from_source)?;
        let there = match target {
            Some(id) => {
                let target = self.target();
                let device =
                    target.ask(Route::Lookup, || target.port.device(id)).await.map_err(from_target)?;
                let params =
                    target.ask(Route::Lookup, || target.port.params(id)).await.map_err(from_target)?;
                let tokens =
                    target.ask(Route::Lookup, || target.port.tokens(id)).await.map_err(from_target)?;
                Some((device, params, tokens))
            }
            None => None,
        };
        Ok(Pair { source: (device, params), target: there })
    }

    /// What a look at the target answers. It changes nothing, so it gives way to the owner's stop: the machine does
    /// with it as with one that was refused for now.
    pub(super) async fn looked<T>(
        &self,
        look: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        self.unless_stopped(look, |cause| cause).await
    }

    /// The same of either side. What is asked after the stop is needed to tidy up.
    async fn unless_stopped<T, E>(
        &self,
        look: impl Future<Output = Result<T, E>>,
        dropped: impl Fn(PortError) -> E,
    ) -> Result<T, E> {
        if self.stop.wish() == Wish::Stop {
            return look.await;
        }
        let refused = PortError::RateLimited { retry_after: Duration::ZERO };
        self.stop.unless_stopped(look).await.unwrap_or_else(|Stopped| Err(dropped(refused)))
    }

    /// After the owner's stop, a target that refuses for now is not waited for longer than one that is silent.
    async fn not_for_long<T>(
        &self,
        look: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        if self.stop.wish() != Wish::Stop {
            return look.await;
        }
        tokio::select! {
            biased;
            answer = look => answer,
            () = self.world.env.clock.sleep(self.world.settings.patience) => {
                let message = "it refuses for now, and the run's tokens are still on it".to_owned();
                Err(PortError::Unreachable { message })
            }
        }
    }

    pub(super) fn noted<T>(&self, route: Route, result: Result<T, WriteError>) -> Result<T, WriteError> {
        if let Err(error) = &result
            && let PortError::RateLimited { retry_after } = error.cause()
        {
            self.target_pace.refused(route, *retry_after);
        }
        result
    }

    fn source(&self) -> Reader<'_> {
        self.reader(self.world.source, &self.source_pace)
    }

    pub(super) fn target(&self) -> Reader<'_> {
        self.reader(self.world.target, &self.target_pace)
    }

    /// For errands of several requests, which begin anew where one fails.
    pub(super) fn patient(&self) -> Reader<'_> {
        Reader { patience: self.world.settings.patience, ..self.target() }
    }

    /// One attempt and no more: the machine decides what follows from no answer.
    fn reader<'b>(&'b self, port: &'b dyn Source, pacers: &'b Pacers<'b>) -> Reader<'b> {
        Reader {
            port,
            pacers,
            limit: self.world.settings.read_limit,
            clock: self.world.env.clock,
            patience: Duration::ZERO,
        }
    }
}

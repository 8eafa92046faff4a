//! Device data: sending, asking, changing and removing records.

mod change;
pub(super) mod chunks;
mod held_parsers;
mod ingest;
mod moment;
mod question;
mod record;
mod select;
mod transfer;
mod writer;

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::device;
use super::policy::{self, Party};
use super::query_text::QueryText;
use super::rates;
use super::record_id::RecordIds;
use super::resource::{ANALYSIS, described};
use super::store::Writing;
use super::token::TokenKind;

pub(super) use held_parsers::note_one as note_held_parser;
pub(super) use moment::{moment_after, moment_before};
pub(super) use transfer::{Address, copy_chunk, export, export_chunk, import, queue as queue_export};

/// Bytes of the largest body of records.
pub(super) const BODY_LIMIT: usize = 200_000;
/// Aggregates have a limit of their own, whichever route they take.
static AGGREGATE: LazyLock<Arc<str>> = LazyLock::new(|| "GET /data aggregate".into());
/// Records that a mutable device holds at most.
const MUTABLE_LIMIT: u64 = 50_000;

/// What the data routes need to know of a device.
pub(super) struct Target {
    number: i64,
    id: String,
    active: bool,
    storage: Storage,
}

/// How a device keeps its records.
enum Storage {
    Mutable,
    Immutable(Chunks),
    /// Mutable for the variables that match, immutable for the others.
    Hybrid(Regex, Chunks),
}

/// Periods that immutable records are kept by, and how many.
struct Chunks {
    period: String,
    retention: u32,
}

pub(super) async fn send(call: Call) -> Result<Answer, Refused> {
    let batch = ingest::parse(&call.body, call.project.0.shared.clock.now())?;
    let id = device_of(&call);
    let count = batch.len();
    let project = call.project.clone();
    call.write(move |writing| {
        let target = Target::find(writing.db, &id)?.accepting_its_token()?;
        ingest::insert(writing, &target, &batch)?;
        project.0.store.recent.usage.input(count as u64, writing.now);
        Ok(())
    })
    .await?;
    Answer::accepted(format!("{count} Data Added"))
}

/// What an analysis sends to a device that a policy lets it send to.
pub(super) async fn send_by_policy(call: Call) -> Result<Answer, Refused> {
    let (analysis, device) = (call.caller.owner.clone(), call.part("device").to_owned());
    let allowed = call
        .read(move |db| {
            let (own, other) = (described(db, ANALYSIS, &analysis)?, device::described(db, &device)?);
            let who = Party { kind: "analysis", id: &analysis, tags: &own["tags"] };
            let what = Party { kind: "device", id: &device, tags: &other["tags"] };
            policy::allow(db, &who, "send_data", &what)
        })
        .await?;
    if allowed { send(call).await } else { Err(Refused::denied()) }
}

pub(super) async fn ask(call: Call) -> Result<Answer, Refused> {
    let now = call.project.0.shared.clock.now();
    let question = question::Question::parse(&call.query, now, Some(now))?;
    let (id, ids) = (device_of(&call), call.project.0.ids.clone());
    let own = call.caller.kind == TokenKind::Device;
    if question.is_aggregate() {
        let shared = &call.project.0.shared;
        let admitted = shared.rates.admit(call.project.id(), &AGGREGATE, rates::DATA_AGGREGATE, now);
        admitted.map_err(Refused::too_many)?;
    }
    let known = call.project.0.store.lookup_before_records(|db| Target::find(db, &id))?.transpose()?;
    let (number, (answer, read)) = call
        .read(move |db| {
            let target = known.map_or_else(|| Target::find(db, &id), Ok)?;
            let target = if own { target.accepting_its_token()? } else { target };
            Ok((target.number, question.answer(db, &target, &ids)?))
        })
        .await?;
    call.project.0.store.recent.read(number, now);
    call.project.0.store.recent.usage.output(read, now);
    Ok(Answer::raw_json(&answer))
}

pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let edits = change::parse(&call.body, &call.project.0.ids)?;
    let id = device_of(&call);
    let changed = call
        .write(move |writing| {
            let target = Target::find(writing.db, &id)?.mutable("edited")?;
            change::edit(writing, &target, &edits)
        })
        .await?;
    Answer::ok(format!("{changed} item(s) updated"))
}

/// Removes what is chosen now; if the effect is to be late, only then.
pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let now = call.project.0.shared.clock.now();
    let question = question::Question::parse(&call.query, now, None)?;
    let (id, ids) = (device_of(&call), call.project.0.ids.clone());
    if call.effect_after.is_zero() {
        let removed = call
            .write(move |writing| {
                let target = Target::find(writing.db, &id)?.mutable("removed")?;
                let keys = question.mutable_keys(writing.db, &target, &ids)?;
                change::remove(writing, target.number, &keys)?;
                Ok(keys.len())
            })
            .await?;
        return Answer::ok(format!("{removed} Data Removed"));
    }
    let (number, keys) = call
        .read(move |db| {
            let target = Target::find(db, &id)?.mutable("removed")?;
            Ok((target.number, question.mutable_keys(db, &target, &ids)?))
        })
        .await?;
    let removed = keys.len();
    let project = call.project.clone();
    let effect = async move {
        project.write(move |writing| change::remove(writing, number, &keys)).await.map_err(Refused::from)
    };
    call.project.later(call.effect_after, effect).await;
    Answer::ok(format!("{removed} Data Removed"))
}

#[derive(Deserialize)]
struct Emptying {
    route: Option<String>,
}

/// Removes every record; of a hybrid device those of the half that `route` names.
pub(super) async fn empty(call: Call) -> Result<Answer, Refused> {
    let id = device_of(&call);
    let body: Option<Emptying> = if call.body.is_empty() { None } else { call.json()? };
    let route = body.and_then(|body| body.route);
    call.write(move |writing| {
        let target = Target::find(writing.db, &id)?;
        let half = target.half(writing.db, route.as_deref())?;
        match half {
            None => drop(writing.db.execute("DELETE FROM records WHERE device = ?1", [target.number])?),
            Some(variables) => {
                for variable in variables {
                    writing
                        .db
                        .prepare_cached("DELETE FROM records WHERE device = ?1 AND variable = ?2")?
                        .execute([target.number, variable])?;
                }
            }
        }
        writing.cache.amounts.remove(&target.number);
        Ok(())
    })
    .await?;
    Answer::ok("Data Successfully Removed")
}

pub(super) async fn amount(call: Call) -> Result<Answer, Refused> {
    let id = device_of(&call);
    let known = call.project.0.store.lookup_before_records(|db| device::number(db, &id))?.transpose()?;
    let count = call
        .read(move |db| {
            let number = known.map_or_else(|| device::number(db, &id), Ok)?;
            records_of(db, number).map_err(Refused::from)
        })
        .await?;
    Answer::ok(count)
}

/// Records that came another way than over the data routes.
pub(super) struct Incoming(ingest::Batch);

impl Incoming {
    pub(super) fn parse(body: &[u8], now: Time) -> Result<Incoming, Refused> {
        ingest::parse(body, now).map(Incoming)
    }

    /// Stores them on a device; tells how many there are.
    pub(super) fn store(self, writing: &mut Writing<'_>, device: &str) -> Result<usize, Refused> {
        let target = Target::find(writing.db, device)?.accepting_its_token()?;
        let count = self.0.len();
        ingest::insert(writing, &target, &self.0)?;
        Ok(count)
    }
}

/// Changes of records that came another way than over the data routes.
pub(super) struct Edits(change::Edits);

impl Edits {
    pub(super) fn parse(body: &[u8], ids: &RecordIds) -> Result<Edits, Refused> {
        change::parse(body, ids).map(Edits)
    }

    /// Carries them out on a device; tells how many records changed.
    pub(super) fn apply(&self, writing: &mut Writing<'_>, device: &str) -> Result<usize, Refused> {
        let target = Target::find(writing.db, device)?.mutable("edited")?;
        change::edit(writing, &target, &self.0)
    }
}

/// The answer to a question about a device's records, as JSON.
pub(super) fn answer(
    db: &Connection,
    ids: &RecordIds,
    device: &str,
    query: &QueryText,
    now: Time,
) -> Result<Vec<u8>, Refused> {
    let question = question::Question::parse(query, now, Some(now))?;
    Ok(question.answer(db, &Target::find(db, device)?, ids)?.0)
}

/// Removes the records of a device that `query` is about; tells how many there were.
pub(super) fn remove_asked(
    writing: &mut Writing<'_>,
    ids: &RecordIds,
    device: &str,
    query: &QueryText,
    now: Time,
) -> Result<usize, Refused> {
    let question = question::Question::parse(query, now, None)?;
    let target = Target::find(writing.db, device)?.mutable("removed")?;
    let keys = question.mutable_keys(writing.db, &target, ids)?;
    change::remove(writing, target.number, &keys)?;
    Ok(keys.len())
}

/// A profile token names the device in the path, a device token is of one.
fn device_of(call: &Call) -> String {
    match call.part("device") {
        "" => call.caller.owner.clone(),
        id => id.to_owned(),
    }
}

fn records_of(db: &Connection, device: i64) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM records WHERE device = ?1")?
        .query_row([device], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}

impl Target {
    fn find(db: &Connection, id: &str) -> Result<Target, Refused> {
        let (number, id, active, kind, period, retention, regex) = db
            .prepare_cached(
                "SELECT number, id, active, type, chunk_period, chunk_retention, mutable_variable_regex
                 FROM devices WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, Option<String>>(4)?,
                    row.get::<_, Option<u32>>(5)?,
                    row.get::<_, Option<String>>(6)?,
                ))
            })
            .optional()?
            .ok_or_else(|| Refused::not_found("Device", id))?;
        let chunks = period.zip(retention).map(|(period, retention)| Chunks { period, retention });
        let storage = match (kind.as_str(), chunks, regex) {
            ("immutable", Some(chunks), _) => Storage::Immutable(chunks),
            ("hybrid", Some(chunks), Some(regex)) => Storage::Hybrid(
                Regex::new(&regex).map_err(|error| Refused::internal(error.to_string()))?,
                chunks,
            ),
            _ => Storage::Mutable,
        };
        Ok(Target { number, id, active, storage })
    }

    fn accepting_its_token(self) -> Result<Target, Refused> {
        if self.active {
            return Ok(self);
        }
        Err(Refused::bad(format!("Device {} is inactive: activate it before its data is used", self.id)))
    }

    fn mutable(self, verb: &str) -> Result<Target, Refused> {
        match self.storage {
            Storage::Immutable(_) => {
                Err(Refused::bad(format!("Data of an immutable device cannot be {verb}")))
            }
            _ => Ok(self),
        }
    }

    /// The rule for what is kept by chunks; none if a variable's records can be changed.
    fn chunks_of(&self, variable: &str) -> Option<&Chunks> {
        match &self.storage {
            Storage::Mutable => None,
            Storage::Immutable(chunks) => Some(chunks),
            Storage::Hybrid(mutable, chunks) => (!mutable.is_match(variable)).then_some(chunks),
        }
    }

    /// Whether it depends on the variable if a record can be changed.
    fn has_rule_for_variables(&self) -> bool {
        matches!(self.storage, Storage::Hybrid(..))
    }

    /// The variables whose records can be changed; all if there is no rule.
    fn mutable_variables(&self, db: &Connection) -> rusqlite::Result<Option<HashSet<i64>>> {
        match &self.storage {
            Storage::Mutable => Ok(None),
            Storage::Immutable(_) => Ok(Some(HashSet::new())),
            Storage::Hybrid(..) => self.variables(db, true).map(|found| Some(found.into_iter().collect())),
        }
    }

    /// The variables with records that can, or cannot, be changed.
    fn variables(&self, db: &Connection, mutable: bool) -> rusqlite::Result<Vec<i64>> {
        let mut name = db.prepare_cached("SELECT name FROM variables WHERE number = ?1")?;
        let mut found = Vec::new();
        for number in select::variables_of(db, self.number)? {
            let name: String = name.query_row([number], |row| row.get(0))?;
            if self.chunks_of(&name).is_none() == mutable {
                found.push(number);
            }
        }
        Ok(found)
    }

    /// The variables that are emptied; none said means all.
    fn half(&self, db: &Connection, route: Option<&str>) -> Result<Option<Vec<i64>>, Refused> {
        let mutable = match (&self.storage, route) {
            (Storage::Hybrid(..), Some("mutable")) => true,
            (Storage::Hybrid(..), Some("immutable")) => false,
            (Storage::Hybrid(..), _) => {
                return Err(Refused::bad("route must be mutable or immutable for a hybrid device"));
            }
            (_, None | Some("mutable" | "immutable")) => return Ok(None),
            (_, Some(_)) => return Err(Refused::bad("route must be mutable or immutable")),
        };
        Ok(Some(self.variables(db, mutable)?))
    }

    /// Whether a record of that variable and time may be sent now.
    fn takes(&self, variable: &str, time: Time, now: Time) -> Result<(), Refused> {
        let Some(chunks) = self.chunks_of(variable) else { return Ok(()) };
        let (first, last) = moment::window(&chunks.period, chunks.retention, now);
        if (first..=last).contains(&time) {
            return Ok(());
        }
        let device = if matches!(self.storage, Storage::Hybrid(..)) { "hybrid" } else { "immutable" };
        Err(Refused::bad(format!(
            "time of {variable} must be from {first} to {last} on this {device} device, not {time}"
        )))
    }
}

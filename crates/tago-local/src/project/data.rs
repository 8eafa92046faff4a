//! Device data: sending, asking, changing and removing records.

mod change;
mod ingest;
mod moment;
mod question;
mod record;
mod select;
mod writer;

use rusqlite::{Connection, OptionalExtension};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::device;
use super::token::TokenKind;

pub(super) use moment::moment_after;

/// Bytes of the largest body of records.
pub(super) const BODY_LIMIT: usize = 200_000;
/// Records that a mutable device holds at most.
const MUTABLE_LIMIT: u64 = 50_000;

/// What the data routes need to know of a device.
pub(super) struct Target {
    number: i64,
    id: String,
    active: bool,
    /// Period and retention of an immutable device.
    chunks: Option<(String, u32)>,
}

pub(super) async fn send(call: Call) -> Result<Answer, Refused> {
    let batch = ingest::parse(&call.body, call.project.0.shared.clock.now())?;
    let id = device_of(&call);
    let count = batch.len();
    call.write(move |writing| {
        let target = Target::find(writing.db, &id)?.accepting_its_token()?;
        ingest::insert(writing, &target, batch)
    })
    .await?;
    Answer::accepted(format!("{count} Data Added"))
}

pub(super) async fn ask(call: Call) -> Result<Answer, Refused> {
    let now = call.project.0.shared.clock.now();
    let question = question::Question::parse(&call.query, now)?;
    let (id, ids) = (device_of(&call), call.project.0.ids.clone());
    let own = call.caller.kind == TokenKind::Device;
    let answer = call
        .read(move |db| {
            let target = Target::find(db, &id)?;
            let target = if own { target.accepting_its_token()? } else { target };
            question.answer(db, &target, &ids)
        })
        .await?;
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

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let now = call.project.0.shared.clock.now();
    let selection = select::Selection::parse(&call.query, now, None)?;
    let (id, ids) = (device_of(&call), call.project.0.ids.clone());
    let removed = call
        .write(move |writing| {
            let target = Target::find(writing.db, &id)?.mutable("removed")?;
            change::remove(writing, &target, &selection, &ids)
        })
        .await?;
    Answer::ok(format!("{removed} Data Removed"))
}

pub(super) async fn empty(call: Call) -> Result<Answer, Refused> {
    let id = device_of(&call);
    call.write(move |writing| {
        let number = device::number(writing.db, &id)?;
        writing.db.execute("DELETE FROM records WHERE device = ?1", [number])?;
        writing.cache.amounts.remove(&number);
        Ok(())
    })
    .await?;
    Answer::ok("Data Successfully Removed")
}

pub(super) async fn amount(call: Call) -> Result<Answer, Refused> {
    let id = device_of(&call);
    let count = call
        .read(move |db| {
            let number = device::number(db, &id)?;
            records_of(db, number).map_err(Refused::from)
        })
        .await?;
    Answer::ok(count)
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
        db.prepare_cached(
            "SELECT number, id, active, type, chunk_period, chunk_retention FROM devices WHERE id = ?1",
        )?
        .query_row([id], |row| {
            let immutable = row.get::<_, String>(3)? == "immutable";
            let period: Option<String> = row.get(4)?;
            let retention: Option<u32> = row.get(5)?;
            Ok(Target {
                number: row.get(0)?,
                id: row.get(1)?,
                active: row.get(2)?,
                chunks: period.zip(retention).filter(|_| immutable),
            })
        })
        .optional()?
        .ok_or_else(|| Refused::not_found("Device", id))
    }

    fn accepting_its_token(self) -> Result<Target, Refused> {
        if self.active {
            return Ok(self);
        }
        Err(Refused::bad(format!("Device {} is inactive: activate it before its data is used", self.id)))
    }

    fn mutable(self, verb: &str) -> Result<Target, Refused> {
        match self.chunks {
            None => Ok(self),
            Some(_) => Err(Refused::bad(format!("Data of an immutable device cannot be {verb}"))),
        }
    }

    /// Whether a record of that time may be sent now.
    fn takes(&self, time: Time, now: Time) -> Result<(), Refused> {
        let Some((period, retention)) = &self.chunks else { return Ok(()) };
        let (first, last) = moment::window(period, *retention, now);
        if (first..=last).contains(&time) {
            return Ok(());
        }
        Err(Refused::bad(format!("time must be from {first} to {last} on this immutable device, not {time}")))
    }
}

//! Records that are kept by periods, and what becomes of them when a period is over.

use rusqlite::{Connection, params};
use tago_api::Time;

use super::moment::{next_period, period_start, window};
use super::{Storage, Target};
use crate::project::call::Refused;
use crate::project::schema;
use crate::project::store::Writing;

/// The records of one period, from its first to its last millisecond.
pub(in crate::project) struct Chunk {
    pub(in crate::project) from: Time,
    pub(in crate::project) to: Time,
    pub(in crate::project) amount: u64,
}

impl Chunk {
    /// Its first and last second since 1970.
    pub(in crate::project) fn id(&self) -> String {
        format!("{}_{}", self.from.millis().div_euclid(1000), self.to.millis().div_euclid(1000))
    }
}

/// The chunks of a device that have records, oldest first.
pub(in crate::project) fn of_device(db: &Connection, device: &str) -> Result<Vec<Chunk>, Refused> {
    let target = Target::find(db, device)?;
    let chunks = match &target.storage {
        Storage::Mutable => {
            return Err(Refused::bad(format!("Device {device} is mutable: it has no chunks")));
        }
        Storage::Immutable(chunks) | Storage::Hybrid(_, chunks) => chunks,
    };
    let variables = target.variables(db, false)?;
    let mut first = db
        .prepare_cached("SELECT min(time) FROM records WHERE device = ?1 AND variable = ?2 AND time >= ?3")?;
    let mut count = db.prepare_cached(
        "SELECT count(*) FROM records WHERE device = ?1 AND variable = ?2 AND time BETWEEN ?3 AND ?4",
    )?;
    let mut found = Vec::new();
    let mut from = Time::MIN;
    loop {
        let mut earliest: Option<i64> = None;
        for variable in &variables {
            let time: Option<i64> =
                first.query_row(params![target.number, variable, from.millis()], |row| row.get(0))?;
            earliest = [earliest, time].into_iter().flatten().min();
        }
        let Some(earliest) = earliest else { return Ok(found) };
        let start = period_start(&chunks.period, Time::from_millis(earliest));
        let next = next_period(&chunks.period, start);
        let to = Time::from_millis(next.millis() - 1);
        let mut amount = 0;
        for variable in &variables {
            let range = params![target.number, variable, start.millis(), to.millis()];
            amount += count.query_row(range, |row| row.get::<_, u64>(0))?;
        }
        found.push(Chunk { from: start, to, amount });
        from = next;
    }
}

/// The chunk with that id.
pub(in crate::project) fn find(db: &Connection, device: &str, id: &str) -> Result<Chunk, Refused> {
    let chunks = of_device(db, device)?;
    chunks.into_iter().find(|chunk| chunk.id() == id).ok_or_else(|| Refused::not_found("Chunk", id))
}

/// Removes a chunk with all its records.
pub(in crate::project) fn remove(
    writing: &mut Writing<'_>,
    device: &str,
    chunk: &Chunk,
) -> Result<(), Refused> {
    let target = Target::find(writing.db, device)?;
    remove_between(writing.db, &target, chunk.from, chunk.to)?;
    writing.cache.amounts.remove(&target.number);
    Ok(())
}

fn remove_between(db: &Connection, target: &Target, from: Time, to: Time) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached(
        "DELETE FROM records WHERE device = ?1 AND variable = ?2 AND time BETWEEN ?3 AND ?4",
    )?;
    for variable in target.variables(db, false)? {
        delete.execute(params![target.number, variable, from.millis(), to.millis()])?;
    }
    Ok(())
}

const ROLLED_OVER: &str = "chunks_rolled_over";

/// Removes the chunks that have left their device's retention. That happens when a period begins, at
/// midnight UTC: for days each day, for weeks on Monday, for months and quarters on their first day.
pub(in crate::project) fn roll_over(db: &Connection, now: Time) -> rusqlite::Result<()> {
    let last = schema::get(db, ROLLED_OVER)?.map_or(Time::MIN, Time::from_millis);
    let devices = db
        .prepare_cached("SELECT id, chunk_period FROM devices WHERE chunk_period IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    for (id, period) in devices {
        if period_start(&period, now) <= last {
            continue;
        }
        let target = Target::find(db, &id)
            .map_err(|refused| rusqlite::Error::ToSqlConversionFailure(refused.to_string().into()))?;
        if let Storage::Immutable(chunks) | Storage::Hybrid(_, chunks) = &target.storage {
            let (first, _) = window(&chunks.period, chunks.retention, now);
            remove_between(db, &target, Time::MIN, Time::from_millis(first.millis() - 1))?;
        }
    }
    if now > last {
        schema::put(db, ROLLED_OVER, now.millis())?;
    }
    Ok(())
}

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use tago_api::Time;

use super::{MUTABLE_LIMIT, Target, held_parsers, record};
use crate::project::call::Refused;
use crate::project::store::Writing;
use crate::project::trigger;
use crate::random::hex;

/// Records of one request, checked.
pub(super) struct Batch {
    variables: Vec<Box<str>>,
    records: Vec<NewRecord>,
}

struct NewRecord {
    variable: usize,
    time: Time,
    value: Option<Box<str>>,
    unit: Option<Box<str>>,
    group: Option<Box<str>>,
    location: Option<Box<str>>,
    metadata: Option<Box<str>>,
}

const INSERT: &str = "INSERT INTO records
    (device, variable, time, sequence, value, unit, \"group\", location, metadata, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}

/// Reads and checks all records of a body: one bad one refuses them all.
pub(super) fn parse(body: &[u8], now: Time) -> Result<Batch, Refused> {
    let wires = record::read(body)?;
    if wires.is_empty() {
        return Err(Refused::bad("The body is an empty list: send at least one record"));
    }
    let mut batch = Batch { variables: Vec::new(), records: Vec::with_capacity(wires.len()) };
    let mut positions: HashMap<Box<str>, usize> = HashMap::new();
    for (index, wire) in wires.iter().enumerate() {
        let bad = |rule: String| Refused::bad(format!("Record {}: {rule}", index + 1));
        let variable = wire.variable().map_err(bad)?;
        let variable = match positions.get(variable.as_ref()) {
            Some(position) => *position,
            None => {
                batch.variables.push(variable.as_ref().into());
                positions.insert(variable.into(), batch.variables.len() - 1);
                batch.variables.len() - 1
            }
        };
        batch.records.push(NewRecord {
            variable,
            time: wire.time().map_err(bad)?.unwrap_or(now),
            value: wire.value().map_err(bad)?.map(Into::into),
            unit: wire.unit().map_err(bad)?.map(Into::into),
            group: wire.group().map_err(bad)?.map(Into::into),
            location: wire.location().map_err(bad)?.map(Into::into),
            metadata: wire.metadata().map_err(bad)?.map(Into::into),
        });
    }
    Ok(batch)
}

/// Stores what was sent, with what follows from it: actions fire, and parsers are noted.
pub(super) fn insert(writing: &mut Writing<'_>, target: &Target, batch: &Batch) -> Result<(), Refused> {
    let mutable = check(target, batch, writing.now)?;
    if mutable > 0 {
        let held = match target.has_rule_for_variables() {
            true => mutable_records(writing.db, target)?,
            false => amount(writing, target.number)?,
        };
        if held + mutable > MUTABLE_LIMIT {
            return Err(Refused::bad(format!(
                "Device {} holds {held} mutable records and can hold at most {MUTABLE_LIMIT}: remove some first",
                target.id
            )));
        }
    }
    store(writing, target, batch)?;
    let arrived = batch.records.iter().map(|record| trigger::Arrived {
        variable: batch.variables[record.variable].as_ref(),
        value: record.value.as_deref(),
        location: record.location.as_deref(),
    });
    trigger::records_arrived(writing, &target.id, arrived)?;
    held_parsers::note(writing, &target.id, batch.len())?;
    Ok(())
}

/// Refuses records of a time that the device does not take; tells how many can be changed later.
pub(super) fn check(target: &Target, batch: &Batch, now: Time) -> Result<u64, Refused> {
    let mut mutable = 0;
    for record in &batch.records {
        let variable = &batch.variables[record.variable];
        target.takes(variable, record.time, now)?;
        mutable += u64::from(target.chunks_of(variable).is_none());
    }
    Ok(mutable)
}

/// Stores checked records; those without a group get one that they share.
pub(super) fn store(writing: &mut Writing<'_>, target: &Target, batch: &Batch) -> Result<(), Refused> {
    let now = writing.now;
    let amount = amount(writing, target.number)? + batch.records.len() as u64;
    let variables =
        batch.variables.iter().map(|name| variable(writing, name)).collect::<rusqlite::Result<Vec<_>>>()?;
    let shared_group = hex(&writing.random.id_bytes(now));
    let db = writing.db;
    let mut insert = db.prepare_cached(INSERT)?;
    for record in &batch.records {
        let sequence = writing.next_sequence()?;
        insert.execute(params![
            target.number,
            variables[record.variable],
            record.time.millis(),
            i64::try_from(sequence).unwrap_or(i64::MAX),
            record.value,
            record.unit,
            record.group.as_deref().unwrap_or(&shared_group),
            record.location,
            record.metadata,
            now.millis(),
        ])?;
    }
    writing.cache.amounts.insert(target.number, amount);
    writing.cache.last_inputs.insert(target.number, now);
    Ok(())
}

/// Records of a device that can be changed.
pub(super) fn mutable_records(db: &Connection, target: &Target) -> rusqlite::Result<u64> {
    match target.mutable_variables(db)? {
        None => super::records_of(db, target.number),
        Some(variables) => records_of(db, target.number, &variables),
    }
}

fn records_of(db: &Connection, device: i64, variables: &HashSet<i64>) -> rusqlite::Result<u64> {
    let mut counted =
        db.prepare_cached("SELECT count(*) FROM records WHERE device = ?1 AND variable = ?2")?;
    variables.iter().map(|variable| counted.query_row([device, *variable], |row| row.get::<_, u64>(0))).sum()
}

fn amount(writing: &mut Writing<'_>, device: i64) -> rusqlite::Result<u64> {
    match writing.cache.amounts.get(&device) {
        Some(amount) => Ok(*amount),
        None => super::records_of(writing.db, device),
    }
}

/// The number of a variable, which is made when it is new.
fn variable(writing: &mut Writing<'_>, name: &str) -> rusqlite::Result<i64> {
    if let Some(number) = writing.cache.variables.get(name) {
        return Ok(*number);
    }
    let known = writing
        .db
        .prepare_cached("SELECT number FROM variables WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let number = match known {
        Some(number) => number,
        None => {
            writing.db.prepare_cached("INSERT INTO variables (name) VALUES (?1)")?.execute([name])?;
            writing.db.last_insert_rowid()
        }
    };
    writing.cache.variables.insert(name.into(), number);
    Ok(number)
}

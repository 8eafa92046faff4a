//! Which records of a device are meant, and the questions that can be asked about them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::ControlFlow;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{Connection, OptionalExtension, Row, Rows};
use serde_json::Value;
use tago_api::{RecordId, Time};

use super::Target;
use super::moment::moment_before;
use crate::project::call::Refused;
use crate::project::query_text::QueryText;
use crate::project::record_id::RecordIds;

/// Records that one request is answered with, or removes, at most.
const QTY: u64 = 10_000;
const DEFAULT_QTY: u64 = 15;

/// A choice of records of one device.
#[derive(Debug)]
pub(super) struct Selection {
    variables: Vec<String>,
    groups: HashSet<String>,
    ids: Vec<RecordId>,
    values: Vec<String>,
    start: Time,
    end: Time,
    pub(super) qty: usize,
    skip: usize,
    ascending: bool,
}

/// A question about records.
#[derive(Debug)]
pub(super) struct Question {
    selection: Selection,
    query: Query,
    details: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    Records,
    Count,
    First(Having),
    Last(Having),
    FirstInsert,
    LastInsert,
    Smallest,
    Largest,
    Sum,
    Average,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Having {
    Anything,
    Value,
    Location,
}

/// What identifies a stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) time: i64,
    pub(super) sequence: i64,
    pub(super) variable: i64,
}

impl Selection {
    /// Reads the choice from a query; without `end_date` it ends at `end`, or never.
    pub(super) fn parse(query: &QueryText, now: Time, end: Option<Time>) -> Result<Selection, Refused> {
        let either = |one: &str, other: &str| {
            let mut values = query.list(one);
            values.extend(query.list(other));
            values.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let moment = |name: &str, default: Time| match query.one(name) {
            None | Some("") => Ok(default),
            Some(text) => moment_before(text, now).ok_or_else(|| {
                Refused::bad(format!(
                    "{name} must be a date such as 2026-11-22T04:30:00.000Z or a duration such as 1 month"
                ))
            }),
        };
        let ids = query
            .list("ids")
            .into_iter()
            .map(|id| id.parse().map_err(|error| Refused::bad(format!("ids: {error}"))))
            .collect::<Result<_, _>>()?;
        let ascending = match query.one("ordination") {
            None | Some("descending" | "desc") => false,
            Some("ascending" | "asc") => true,
            Some(_) => return Err(Refused::bad("ordination must be ascending or descending")),
        };
        let mut variables: Vec<String> =
            either("variables", "variable").into_iter().map(|name| name.to_ascii_lowercase()).collect();
        variables.sort();
        variables.dedup();
        Ok(Selection {
            variables,
            groups: either("groups", "group").into_iter().collect(),
            ids,
            values: either("values", "value"),
            start: moment("start_date", Time::MIN)?,
            end: moment("end_date", end.unwrap_or(Time::MAX))?,
            qty: usize::try_from(query.number("qty", DEFAULT_QTY, (1, QTY))?).unwrap_or(usize::MAX),
            skip: usize::try_from(query.number("skip", 0, (0, u64::MAX))?).unwrap_or(usize::MAX),
            ascending,
        })
    }

    /// Only these records, at whatever time.
    pub(super) fn of_ids(ids: Vec<RecordId>) -> Selection {
        Selection {
            variables: Vec::new(),
            groups: HashSet::new(),
            qty: ids.len(),
            ids,
            values: Vec::new(),
            start: Time::MIN,
            end: Time::MAX,
            skip: 0,
            ascending: true,
        }
    }

    /// The chosen records in their order: `qty` of each listed variable, or of all together.
    pub(super) fn keys(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
    ) -> Result<Vec<Key>, Refused> {
        let mut keys = Vec::new();
        for variables in self.lanes(db, target)? {
            let mut skip = self.skip;
            let mut left = self.qty;
            self.walk(db, target, ids, &variables, |row| {
                if skip > 0 {
                    skip -= 1;
                    return Ok(ControlFlow::Continue(()));
                }
                keys.push(Key::of(row)?);
                left -= 1;
                Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(keys)
    }

    /// The variables that are taken together: each by itself when they are listed.
    fn lanes(&self, db: &Connection, target: &Target) -> rusqlite::Result<Vec<Vec<i64>>> {
        if self.variables.is_empty() {
            return Ok(vec![variables_of(db, target.number)?]);
        }
        let mut number = db.prepare_cached("SELECT number FROM variables WHERE name = ?1")?;
        let known = self.variables.iter().map(|name| number.query_row([name], |row| row.get(0)).optional());
        known
            .filter_map(|number| number.transpose().map(|number| number.map(|number| vec![number])))
            .collect()
    }

    /// Visits the chosen records of some variables in the order of time, then of arrival.
    fn walk(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        variables: &[i64],
        mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Refused>,
    ) -> Result<(), Refused> {
        let sequences: HashSet<i64> = self
            .ids
            .iter()
            .filter_map(|id| ids.sequence(*id))
            .filter_map(|sequence| i64::try_from(sequence).ok())
            .collect();
        let direction = if self.ascending { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT time, sequence, variable, value, unit, \"group\", location, metadata, created_at FROM records
             WHERE device = ?1 AND variable = ?2 AND time BETWEEN ?3 AND ?4
             ORDER BY time {direction}, sequence {direction}"
        );
        let mut statements =
            variables.iter().map(|_| db.prepare_cached(&sql)).collect::<rusqlite::Result<Vec<_>>>()?;
        let mut cursors = Vec::with_capacity(variables.len());
        for (statement, variable) in statements.iter_mut().zip(variables) {
            cursors.push(statement.query((
                target.number,
                variable,
                self.start.millis(),
                self.end.millis(),
            ))?);
        }
        let mut next = Merged { heap: BinaryHeap::new(), ascending: self.ascending };
        for (index, cursor) in cursors.iter_mut().enumerate() {
            next.advance(index, cursor)?;
        }
        while let Some(index) = next.pop() {
            if let Some(row) = cursors[index].get()
                && (self.ids.is_empty() || sequences.contains(&row.get(1)?))
                && self.holds(row)?
                && visit(row)?.is_break()
            {
                break;
            }
            next.advance(index, &mut cursors[index])?;
        }
        Ok(())
    }

    fn holds(&self, row: &Row<'_>) -> Result<bool, Refused> {
        if !self.groups.is_empty() && !self.groups.contains(text(row, 5)?.unwrap_or_default()) {
            return Ok(false);
        }
        if self.values.is_empty() {
            return Ok(true);
        }
        let Some(value) = text(row, 3)? else { return Ok(false) };
        Ok(self.values.iter().any(|wanted| same_value(wanted, value)))
    }
}

/// The next record of several cursors, each of which is in order.
struct Merged {
    heap: BinaryHeap<Reverse<(i64, i64, usize)>>,
    ascending: bool,
}

impl Merged {
    fn advance(&mut self, index: usize, cursor: &mut Rows<'_>) -> rusqlite::Result<()> {
        if let Some(row) = cursor.next()? {
            let (time, sequence): (i64, i64) = (row.get(0)?, row.get(1)?);
            let order = if self.ascending { (time, sequence) } else { (-time, -sequence) };
            self.heap.push(Reverse((order.0, order.1, index)));
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<usize> {
        self.heap.pop().map(|Reverse((_, _, index))| index)
    }
}

impl Question {
    pub(super) fn parse(query: &QueryText, now: Time) -> Result<Question, Refused> {
        let mut selection = Selection::parse(query, now, Some(now))?;
        let kind = match query.one("query").unwrap_or("default") {
            "default" | "" => Query::Records,
            "count" => Query::Count,
            "first_item" => Query::First(Having::Anything),
            "first_value" => Query::First(Having::Value),
            "first_location" => Query::First(Having::Location),
            "first_insert" => Query::FirstInsert,
            "last_item" => Query::Last(Having::Anything),
            "last_value" => Query::Last(Having::Value),
            "last_location" => Query::Last(Having::Location),
            "last_insert" => Query::LastInsert,
            "min" => Query::Smallest,
            "max" => Query::Largest,
            "sum" => Query::Sum,
            "avg" => Query::Average,
            other => {
                return Err(Refused::bad(format!(
                    "query must be one of default, count, first_item, first_value, first_location, first_insert, \
                     last_item, last_value, last_location, last_insert, min, max, sum, avg; this platform does \
                     not answer {other}"
                )));
            }
        };
        if matches!(kind, Query::Sum | Query::Average) && selection.start == Time::MIN {
            return Err(Refused::bad("start_date is required for sum and avg"));
        }
        match kind {
            Query::First(_) => selection.ascending = true,
            Query::Last(_) => selection.ascending = false,
            _ => {}
        }
        let details = query.flag("details")? || query.flag("detail")?;
        Ok(Question { selection, query: kind, details })
    }

    /// The answer as JSON.
    pub(super) fn answer(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
    ) -> Result<Vec<u8>, Refused> {
        match self.query {
            Query::Records => {
                self.records(db, target, ids, |_| Ok(true), self.selection.qty, self.selection.skip)
            }
            Query::First(having) | Query::Last(having) => {
                self.records(db, target, ids, |row| having.holds(row), 1, 0)
            }
            Query::Count => self.count(db, target, ids).map(|count| count.to_string().into_bytes()),
            Query::FirstInsert => {
                self.best(db, target, ids, |row, best| Ok(row.get::<_, i64>(1)? < best.get(1)?))
            }
            Query::LastInsert => {
                self.best(db, target, ids, |row, best| Ok(row.get::<_, i64>(1)? > best.get(1)?))
            }
            Query::Smallest => self.extreme(db, target, ids, |number, best| number < best),
            Query::Largest => self.extreme(db, target, ids, |number, best| number > best),
            Query::Sum | Query::Average => self.total(db, target, ids),
        }
    }

    fn records(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        wanted: impl Fn(&Row<'_>) -> Result<bool, Refused>,
        qty: usize,
        skip: usize,
    ) -> Result<Vec<u8>, Refused> {
        let lanes = self.selection.lanes(db, target)?;
        let mut writer = RecordWriter::new(db, target, ids, self.details)?;
        let mut found: Vec<(Key, std::ops::Range<usize>)> = Vec::new();
        for variables in &lanes {
            let (mut skipped, mut left) = (0, qty);
            self.selection.walk(db, target, ids, variables, |row| {
                if !wanted(row)? {
                    return Ok(ControlFlow::Continue(()));
                }
                if skipped < skip {
                    skipped += 1;
                    return Ok(ControlFlow::Continue(()));
                }
                found.push((Key::of(row)?, writer.write(row)?));
                left -= 1;
                Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        if lanes.len() > 1 {
            found.sort_by_key(|(key, _)| *key);
            if !self.selection.ascending {
                found.reverse();
            }
        }
        Ok(writer.list(found.into_iter().map(|(_, range)| range)))
    }

    fn count(&self, db: &Connection, target: &Target, ids: &RecordIds) -> Result<u64, Refused> {
        let chosen = &self.selection;
        let mut count = 0;
        for variables in chosen.lanes(db, target)? {
            if chosen.groups.is_empty() && chosen.ids.is_empty() && chosen.values.is_empty() {
                let mut counted = db.prepare_cached(
                    "SELECT count(*) FROM records WHERE device = ?1 AND variable = ?2 AND time BETWEEN ?3 AND ?4",
                )?;
                for variable in variables {
                    let range = (target.number, variable, chosen.start.millis(), chosen.end.millis());
                    count += counted.query_row(range, |row| row.get::<_, i64>(0))?.unsigned_abs();
                }
            } else {
                chosen.walk(db, target, ids, &variables, |_| {
                    count += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
            }
        }
        Ok(count)
    }

    /// The record of each lane before which no other comes.
    fn best(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        better: impl Fn(&Row<'_>, &Found) -> rusqlite::Result<bool>,
    ) -> Result<Vec<u8>, Refused> {
        let mut writer = RecordWriter::new(db, target, ids, self.details)?;
        let mut ranges = Vec::new();
        for variables in self.selection.lanes(db, target)? {
            let mut best: Option<Found> = None;
            self.selection.walk(db, target, ids, &variables, |row| {
                let wins = match &best {
                    None => true,
                    Some(best) => better(row, best)?,
                };
                if wins {
                    best = Some(Found { sequence: row.get(1)?, written: writer.write(row)? });
                }
                Ok(ControlFlow::Continue(()))
            })?;
            ranges.extend(best.map(|best| best.written));
        }
        Ok(writer.list(ranges.into_iter()))
    }

    fn extreme(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        better: impl Fn(f64, f64) -> bool,
    ) -> Result<Vec<u8>, Refused> {
        let mut writer = RecordWriter::new(db, target, ids, self.details)?;
        let mut ranges = Vec::new();
        for variables in self.selection.lanes(db, target)? {
            let mut best = None;
            self.selection.walk(db, target, ids, &variables, |row| {
                if let Some(number) = number(row)?
                    && best.as_ref().is_none_or(|(least, _)| better(number, *least))
                {
                    best = Some((number, writer.write(row)?));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            ranges.extend(best.map(|(_, written)| written));
        }
        Ok(writer.list(ranges.into_iter()))
    }

    fn total(&self, db: &Connection, target: &Target, ids: &RecordIds) -> Result<Vec<u8>, Refused> {
        let (mut sum, mut count) = (0.0, 0_u32);
        for variables in self.selection.lanes(db, target)? {
            self.selection.walk(db, target, ids, &variables, |row| {
                if let Some(number) = number(row)? {
                    sum += number;
                    count += 1;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let total = match self.query {
            Query::Average if count > 0 => sum / f64::from(count),
            _ => sum,
        };
        Ok(Value::from(total).to_string().into_bytes())
    }
}

struct Found {
    sequence: i64,
    written: std::ops::Range<usize>,
}

impl Found {
    fn get(&self, _column: usize) -> rusqlite::Result<i64> {
        Ok(self.sequence)
    }
}

impl Having {
    fn holds(self, row: &Row<'_>) -> Result<bool, Refused> {
        let present = |column| text(row, column).map(|text| text.is_some());
        match self {
            Having::Anything => Ok(true),
            Having::Value => present(3),
            Having::Location => present(6),
        }
    }
}

impl Key {
    fn of(row: &Row<'_>) -> rusqlite::Result<Key> {
        Ok(Key { time: row.get(0)?, sequence: row.get(1)?, variable: row.get(2)? })
    }
}

/// Writes records as JSON, one after the other.
struct RecordWriter<'a> {
    out: Vec<u8>,
    ids: &'a RecordIds,
    device: &'a str,
    variables: HashMap<i64, String>,
    details: bool,
}

impl<'a> RecordWriter<'a> {
    fn new(
        db: &Connection,
        target: &'a Target,
        ids: &'a RecordIds,
        details: bool,
    ) -> rusqlite::Result<RecordWriter<'a>> {
        let variables = db
            .prepare_cached("SELECT number, name FROM variables")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(RecordWriter { out: Vec::new(), ids, device: &target.id, variables, details })
    }

    fn write(&mut self, row: &Row<'_>) -> Result<std::ops::Range<usize>, Refused> {
        let start = self.out.len();
        let key = Key::of(row)?;
        let id = self.ids.id(key.sequence.unsigned_abs());
        let time = Time::from_millis(key.time);
        let variable = self.variables.get(&key.variable).map_or("", String::as_str);
        let opening = format!(
            r#"{{"id":"{id}","device":"{}","variable":"{variable}","time":"{time}","group":"#,
            self.device
        );
        self.out.extend_from_slice(opening.as_bytes());
        self.quoted(text(row, 5)?.unwrap_or_default())?;
        if let Some(unit) = text(row, 4)? {
            self.out.extend_from_slice(b",\"unit\":");
            self.quoted(unit)?;
        }
        for (name, column) in [(",\"value\":", 3), (",\"location\":", 6), (",\"metadata\":", 7)] {
            if let Some(json) = text(row, column)? {
                self.out.extend_from_slice(name.as_bytes());
                self.out.extend_from_slice(json.as_bytes());
            }
        }
        if self.details {
            let created = format!(r#","created_at":"{}""#, Time::from_millis(row.get(8)?));
            self.out.extend_from_slice(created.as_bytes());
        }
        self.out.push(b'}');
        Ok(start..self.out.len())
    }

    fn quoted(&mut self, text: &str) -> Result<(), Refused> {
        serde_json::to_writer(&mut self.out, text).map_err(|error| Refused::internal(error.to_string()))
    }

    /// The list of what was written at `ranges`, in their order.
    fn list(&self, ranges: impl Iterator<Item = std::ops::Range<usize>>) -> Vec<u8> {
        let mut list = Vec::with_capacity(self.out.len() + self.out.len() / 64 + 2);
        list.push(b'[');
        for range in ranges {
            if list.len() > 1 {
                list.push(b',');
            }
            list.extend_from_slice(&self.out[range]);
        }
        list.push(b']');
        list
    }
}

/// The variables that a device has records of.
fn variables_of(db: &Connection, device: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(
        "WITH RECURSIVE found (number) AS (
             SELECT min(variable) FROM records WHERE device = ?1
             UNION ALL
             SELECT (SELECT min(variable) FROM records WHERE device = ?1 AND variable > number)
             FROM found WHERE number IS NOT NULL
         ) SELECT number FROM found WHERE number IS NOT NULL",
    )?
    .query_map([device], |row| row.get(0))?
    .collect()
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, Refused> {
    row.get_ref(column)?
        .as_str_or_null()
        .map_err(|error| Refused::internal(format!("A record cannot be read: {error}")))
}

fn number(row: &Row<'_>) -> Result<Option<f64>, Refused> {
    Ok(text(row, 3)?.and_then(|json| json.parse().ok()))
}

/// Whether a stored value is what a query names: a text by itself, a number by its size.
fn same_value(wanted: &str, stored: &str) -> bool {
    match serde_json::from_str(stored) {
        Ok(Value::String(text)) => text == wanted,
        Ok(Value::Number(number)) => {
            number.as_f64().is_some_and(|number| wanted.parse::<f64>().is_ok_and(|wanted| wanted == number))
        }
        _ => stored == wanted,
    }
}

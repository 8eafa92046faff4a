//! Which records of a device are meant, and the walk over them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
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
pub(super) const QTY: usize = 10_000;
const DEFAULT_QTY: u64 = 15;

/// Variables whose records are taken together, or one that was listed.
pub(super) struct Lane {
    pub(super) variables: Vec<i64>,
    pub(super) listed: Option<String>,
}

/// A choice of records of one device.
#[derive(Debug)]
pub(super) struct Selection {
    variables: Vec<String>,
    groups: HashSet<String>,
    ids: Vec<RecordId>,
    values: Vec<String>,
    /// Devices, by the name that buckets of several had for them.
    origins: Vec<String>,
    pub(super) start: Time,
    end: Time,
    pub(super) qty: usize,
    pub(super) skip: usize,
    pub(super) ascending: bool,
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
        let any_of = |names: &[&str]| -> Vec<String> {
            names.iter().flat_map(|name| query.list(name)).map(str::to_owned).collect()
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
            any_of(&["variables", "variable"]).into_iter().map(|name| name.to_ascii_lowercase()).collect();
        variables.sort();
        variables.dedup();
        // A conditional question compares with its value.
        let conditional = query.one("query") == Some("conditional");
        let values: &[&str] = if conditional { &["values"] } else { &["values", "value"] };
        Ok(Selection {
            variables,
            groups: any_of(&["groups", "group", "series", "serie"]).into_iter().collect(),
            ids,
            values: any_of(values),
            origins: any_of(&["origins", "origin"]),
            start: moment("start_date", Time::MIN)?,
            end: moment("end_date", end.unwrap_or(Time::MAX))?,
            qty: usize::try_from(query.number("qty", DEFAULT_QTY, (1, QTY as u64))?).unwrap_or(usize::MAX),
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
            origins: Vec::new(),
            start: Time::MIN,
            end: Time::MAX,
            skip: 0,
            ascending: true,
        }
    }

    /// Milliseconds from its start to its end.
    pub(super) fn span_millis(&self) -> i64 {
        self.end.millis().saturating_sub(self.start.millis())
    }

    /// How many records of some variables are chosen, whatever `qty` and `skip` say.
    pub(super) fn count(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        variables: &[i64],
    ) -> Result<u64, Refused> {
        let mut count = 0;
        if self.groups.is_empty() && self.ids.is_empty() && self.values.is_empty() {
            let mut counted = db.prepare_cached(
                "SELECT count(*) FROM records WHERE device = ?1 AND variable = ?2 AND time BETWEEN ?3 AND ?4",
            )?;
            for variable in variables {
                let range = (target.number, variable, self.start.millis(), self.end.millis());
                count += counted.query_row(range, |row| row.get::<_, i64>(0))?.unsigned_abs();
            }
        } else {
            self.walk(db, target, ids, variables, |_| {
                count += 1;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(count)
    }

    /// The variables that are taken together: each by itself when they are listed.
    pub(super) fn lanes(&self, db: &Connection, target: &Target) -> rusqlite::Result<Vec<Lane>> {
        if !self.origins.is_empty() && !self.origins.contains(&target.id) {
            return Ok(Vec::new());
        }
        if self.variables.is_empty() {
            return Ok(vec![Lane { variables: variables_of(db, target.number)?, listed: None }]);
        }
        let mut number = db.prepare_cached("SELECT number FROM variables WHERE name = ?1")?;
        let lane = |name: &String| {
            let known: Option<i64> = number.query_row([name], |row| row.get(0)).optional()?;
            Ok(Lane { variables: known.into_iter().collect(), listed: Some(name.clone()) })
        };
        self.variables.iter().map(lane).collect()
    }

    /// Visits the chosen records of some variables in the order of time, then of arrival.
    pub(super) fn walk(
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
        let mut wanted = |row: &Row<'_>| -> Result<ControlFlow<()>, Refused> {
            let is_meant = (self.ids.is_empty() || sequences.contains(&row.get(1)?)) && self.holds(row)?;
            if is_meant { visit(row) } else { Ok(ControlFlow::Continue(())) }
        };
        if let [cursor] = cursors.as_mut_slice() {
            while let Some(row) = cursor.next()? {
                if wanted(row)?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let mut next = Merged { heap: BinaryHeap::new(), ascending: self.ascending };
        for (index, cursor) in cursors.iter_mut().enumerate() {
            next.advance(index, cursor)?;
        }
        while let Some(index) = next.pop() {
            if let Some(row) = cursors[index].get()
                && wanted(row)?.is_break()
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

impl Key {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Key> {
        Ok(Key { time: row.get(0)?, sequence: row.get(1)?, variable: row.get(2)? })
    }
}

/// The variables that a device has records of.
pub(super) fn variables_of(db: &Connection, device: i64) -> rusqlite::Result<Vec<i64>> {
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

/// A column that holds a text or nothing.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, Refused> {
    row.get_ref(column)?
        .as_str_or_null()
        .map_err(|error| Refused::internal(format!("A record cannot be read: {error}")))
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

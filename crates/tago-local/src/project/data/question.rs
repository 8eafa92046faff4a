//! The questions that can be asked about records, and their answers.

use std::ops::ControlFlow;

use rusqlite::{Connection, Row};
use serde_json::Value;
use tago_api::Time;

use super::Target;
use super::select::{Key, Selection, text};
use super::writer::RecordWriter;
use crate::project::call::Refused;
use crate::project::query_text::QueryText;
use crate::project::record_id::RecordIds;

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
            Query::Count => self.selection.count(db, target, ids).map(|count| count.to_string().into_bytes()),
            Query::FirstInsert => self.best(db, target, ids, arrival, |arrived, best| arrived < best),
            Query::LastInsert => self.best(db, target, ids, arrival, |arrived, best| arrived > best),
            Query::Smallest => self.best(db, target, ids, number, |number, best| number < best),
            Query::Largest => self.best(db, target, ids, number, |number, best| number > best),
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

    /// The record of each lane whose measure beats all others; of equals the first.
    fn best<M: Copy>(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        measure: impl Fn(&Row<'_>) -> Result<Option<M>, Refused>,
        beats: impl Fn(M, M) -> bool,
    ) -> Result<Vec<u8>, Refused> {
        let mut writer = RecordWriter::new(db, target, ids, self.details)?;
        let mut ranges = Vec::new();
        for variables in self.selection.lanes(db, target)? {
            let mut best = None;
            self.selection.walk(db, target, ids, &variables, |row| {
                if let Some(measured) = measure(row)?
                    && best.as_ref().is_none_or(|(most, _)| beats(measured, *most))
                {
                    best = Some((measured, writer.write(row)?));
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

fn number(row: &Row<'_>) -> Result<Option<f64>, Refused> {
    Ok(text(row, 3)?.and_then(|json| json.parse().ok()))
}

fn arrival(row: &Row<'_>) -> Result<Option<i64>, Refused> {
    Ok(Some(row.get(1)?))
}

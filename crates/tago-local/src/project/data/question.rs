//! The questions that can be asked about records, and their answers.

use std::ops::ControlFlow;

use chrono_tz::Tz;
use rusqlite::{Connection, Row};
use serde_json::{Value, json};
use tago_api::{RecordId, Time};

use super::Target;
use super::moment::Interval;
use super::select::{Key, Lane, QTY, Selection, text};
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
    asked_at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Query {
    Records,
    Count,
    First(Having),
    Last(Having),
    FirstInsert,
    LastInsert,
    Smallest,
    Largest,
    Of(Function),
    Aggregate(Function, Interval, Tz),
    Conditional(Comparison, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Having {
    Anything,
    Value,
    Location,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Sum,
    Average,
    Smallest,
    Largest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    Different,
}

/// Names of the questions, as a refusal lists them.
const NAMES: &str = "default, count, first_item, first_value, first_location, first_insert, last_item, last_value, \
                     last_location, last_insert, min, max, sum, avg, aggregate, conditional";
/// Days that a sum or an average reaches back at most.
const SUM_DAYS: i64 = 31;

impl Question {
    /// Reads a question from a query; without `end_date` it is about what is up to `end`, or all.
    pub(super) fn parse(query: &QueryText, now: Time, end: Option<Time>) -> Result<Question, Refused> {
        let mut selection = Selection::parse(query, now, end)?;
        let name = query.one("query").unwrap_or("default");
        let kind = match name {
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
            "sum" => Query::Of(Function::Sum),
            "avg" => Query::Of(Function::Average),
            "aggregate" => aggregate(query)?,
            "conditional" => conditional(query)?,
            _ => return Err(Refused::bad(format!("query must be one of {NAMES}"))),
        };
        if matches!(kind, Query::Of(_) | Query::Conditional(..)) && selection.start == Time::MIN {
            return Err(Refused::bad(format!("start_date is required for {name}")));
        }
        if matches!(kind, Query::Of(_)) && selection.span_millis() > SUM_DAYS * 86_400_000 {
            return Err(Refused::bad(format!(
                "start_date of {name} must be at most {SUM_DAYS} days before its end_date"
            )));
        }
        match kind {
            Query::First(_) => selection.ascending = true,
            Query::Last(_) => selection.ascending = false,
            Query::Aggregate(..) if query.one("qty").is_none() => selection.qty = QTY,
            _ => {}
        }
        let details = query.flag("details")? || query.flag("detail")?;
        Ok(Question { selection, query: kind, details, asked_at: now })
    }

    /// Just these records, at whatever time.
    pub(super) fn about(ids: Vec<RecordId>) -> Question {
        let selection = Selection::of_ids(ids);
        Question { selection, query: Query::Records, details: false, asked_at: Time::MIN }
    }

    pub(super) fn is_aggregate(&self) -> bool {
        matches!(self.query, Query::Aggregate(..))
    }

    /// The answer as JSON, and how many records were read for its reader: a number is one.
    pub(super) fn answer(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
    ) -> Result<(Vec<u8>, u64), Refused> {
        match self.query {
            Query::Count => Ok((self.count(db, target, ids)?, 1)),
            Query::Of(function) => Ok((self.numbers(db, target, ids, function, |_| self.asked_at)?, 1)),
            Query::Aggregate(function, interval, zone) => {
                Ok((self.numbers(db, target, ids, function, |time| interval.start(time, zone))?, 1))
            }
            _ => {
                let mut writer =
                    RecordWriter::new(db, target, ids, self.details, self.selection.qty.min(QTY))?;
                let lanes = self.selection.lanes(db, target)?;
                let picked = self.pick(db, target, ids, &lanes, |row, key| writer.write(row, key))?;
                let read = picked.len() as u64;
                Ok((writer.list(picked.iter().map(|(_, range)| range.clone())), read))
            }
        }
    }

    /// The records that the answer is about, as far as they can be changed.
    pub(super) fn mutable_keys(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
    ) -> Result<Vec<Key>, Refused> {
        if matches!(self.query, Query::Count | Query::Of(_) | Query::Aggregate(..)) {
            return Err(Refused::bad("query must choose records here: count, sum, avg and aggregate do not"));
        }
        let mut lanes = self.selection.lanes(db, target)?;
        if let Some(mutable) = target.mutable_variables(db)? {
            lanes.iter_mut().for_each(|lane| lane.variables.retain(|variable| mutable.contains(variable)));
        }
        let picked = self.pick(db, target, ids, &lanes, |_, _| Ok(()))?;
        Ok(picked.into_iter().map(|(key, ())| key).collect())
    }

    /// What `take` makes of each record that the question is about, in their order.
    fn pick<T>(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        lanes: &[Lane],
        take: impl FnMut(&Row<'_>, Key) -> Result<T, Refused>,
    ) -> Result<Vec<(Key, T)>, Refused> {
        let (qty, skip) = (self.selection.qty, self.selection.skip);
        let walk = Walk { selection: &self.selection, db, target, ids, lanes };
        match self.query {
            Query::First(having) | Query::Last(having) => walk.take_some(|row| having.holds(row), 1, 0, take),
            Query::Conditional(comparison, limit) => {
                let holds = |row: &Row<'_>| {
                    number(row).map(|number| number.is_some_and(|number| comparison.holds(number, limit)))
                };
                walk.take_some(holds, qty, skip, take)
            }
            Query::FirstInsert => walk.take_best(arrival, |arrived, best| arrived < best, take),
            Query::LastInsert => walk.take_best(arrival, |arrived, best| arrived > best, take),
            Query::Smallest => walk.take_best(number, |number, best| number < best, take),
            Query::Largest => walk.take_best(number, |number, best| number > best, take),
            _ => walk.take_some(|_| Ok(true), qty, skip, take),
        }
    }

    /// One row for each lane, whatever `qty` and `skip` say.
    fn count(&self, db: &Connection, target: &Target, ids: &RecordIds) -> Result<Vec<u8>, Refused> {
        let mut rows = Vec::new();
        for lane in self.selection.lanes(db, target)? {
            let count = self.selection.count(db, target, ids, &lane.variables)?;
            rows.push(row_of_numbers(&lane, self.asked_at, count.into()));
        }
        json_of(&rows)
    }

    /// What the numbers of each lane come to, for each span that `span` gives their times.
    fn numbers(
        &self,
        db: &Connection,
        target: &Target,
        ids: &RecordIds,
        function: Function,
        span: impl Fn(Time) -> Time,
    ) -> Result<Vec<u8>, Refused> {
        let mut rows = Vec::new();
        for lane in self.selection.lanes(db, target)? {
            // A walk is in the order of time, so each span is over when another one begins.
            let mut spans: Vec<(Time, Total)> = Vec::new();
            let most = self.selection.skip.saturating_add(self.selection.qty);
            self.selection.walk(db, target, ids, &lane.variables, |row| {
                let Some(number) = number(row)? else { return Ok(ControlFlow::Continue(())) };
                let start = span(Time::from_millis(row.get(0)?));
                let full = spans.len() == most;
                match spans.last_mut() {
                    Some((last, total)) if *last == start => total.add(number),
                    _ if full => return Ok(ControlFlow::Break(())),
                    _ => spans.push((start, Total::of(number))),
                }
                Ok(ControlFlow::Continue(()))
            })?;
            let wanted = spans.iter().skip(self.skipped_spans());
            rows.extend(wanted.map(|(start, total)| row_of_numbers(&lane, *start, total.as_value(function))));
        }
        json_of(&rows)
    }

    fn skipped_spans(&self) -> usize {
        if matches!(self.query, Query::Aggregate(..)) { self.selection.skip } else { 0 }
    }
}

/// A walk over the lanes of a question.
struct Walk<'a> {
    selection: &'a Selection,
    db: &'a Connection,
    target: &'a Target,
    ids: &'a RecordIds,
    lanes: &'a [Lane],
}

impl Walk<'_> {
    /// `qty` wanted records of each lane, after `skip` of them.
    fn take_some<T>(
        &self,
        wanted: impl Fn(&Row<'_>) -> Result<bool, Refused>,
        qty: usize,
        skip: usize,
        mut take: impl FnMut(&Row<'_>, Key) -> Result<T, Refused>,
    ) -> Result<Vec<(Key, T)>, Refused> {
        let mut taken: Vec<(Key, T)> = Vec::new();
        if qty == 0 {
            return Ok(taken);
        }
        for lane in self.lanes {
            let (mut skipped, mut left) = (0, qty);
            self.selection.walk(self.db, self.target, self.ids, &lane.variables, |row| {
                if !wanted(row)? {
                    return Ok(ControlFlow::Continue(()));
                }
                if skipped < skip {
                    skipped += 1;
                    return Ok(ControlFlow::Continue(()));
                }
                let key = Key::of(row)?;
                taken.push((key, take(row, key)?));
                left -= 1;
                Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        if self.lanes.len() > 1 {
            taken.sort_by_key(|(key, _)| *key);
            if !self.selection.ascending {
                taken.reverse();
            }
        }
        Ok(taken)
    }

    /// The record of each lane whose measure beats all others; of equals the first.
    fn take_best<T, M: Copy>(
        &self,
        measure: impl Fn(&Row<'_>) -> Result<Option<M>, Refused>,
        beats: impl Fn(M, M) -> bool,
        mut take: impl FnMut(&Row<'_>, Key) -> Result<T, Refused>,
    ) -> Result<Vec<(Key, T)>, Refused> {
        let mut taken = Vec::new();
        for lane in self.lanes {
            let mut best: Option<(M, Key, T)> = None;
            self.selection.walk(self.db, self.target, self.ids, &lane.variables, |row| {
                if let Some(measured) = measure(row)?
                    && best.as_ref().is_none_or(|(most, ..)| beats(measured, *most))
                {
                    let key = Key::of(row)?;
                    best = Some((measured, key, take(row, key)?));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            taken.extend(best.map(|(_, key, took)| (key, took)));
        }
        Ok(taken)
    }
}

fn aggregate(query: &QueryText) -> Result<Query, Refused> {
    let interval = query.one("interval").and_then(Interval::from_word).ok_or_else(|| {
        Refused::bad("interval must be one of minute, hour, day, week, month, quarter, year")
    })?;
    let function = match query.one("function") {
        Some("avg") => Function::Average,
        Some("sum") => Function::Sum,
        Some("min") => Function::Smallest,
        Some("max") => Function::Largest,
        _ => return Err(Refused::bad("function of aggregate must be one of avg, sum, min, max")),
    };
    let zone = match query.one("timezone") {
        None | Some("") => Tz::UTC,
        Some(name) => {
            name.parse().map_err(|_| Refused::bad("timezone must be a name such as America/New_York"))?
        }
    };
    Ok(Query::Aggregate(function, interval, zone))
}

fn conditional(query: &QueryText) -> Result<Query, Refused> {
    let comparison = match query.one("function") {
        Some("gt") => Comparison::Greater,
        Some("gte") => Comparison::GreaterOrEqual,
        Some("lt") => Comparison::Less,
        Some("lte") => Comparison::LessOrEqual,
        Some("eq") => Comparison::Equal,
        Some("ne") => Comparison::Different,
        _ => return Err(Refused::bad("function of conditional must be one of gt, gte, lt, lte, eq, ne")),
    };
    let value =
        query.one("value").and_then(|value| value.parse().ok()).filter(|value: &f64| value.is_finite());
    let value = value.ok_or_else(|| Refused::bad("value is required for conditional: a number"))?;
    Ok(Query::Conditional(comparison, value))
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

impl Comparison {
    fn holds(self, number: f64, limit: f64) -> bool {
        match self {
            Comparison::Greater => number > limit,
            Comparison::GreaterOrEqual => number >= limit,
            Comparison::Less => number < limit,
            Comparison::LessOrEqual => number <= limit,
            Comparison::Equal => number == limit,
            Comparison::Different => number != limit,
        }
    }
}

/// What some numbers come to.
struct Total {
    count: u32,
    sum: f64,
    least: f64,
    most: f64,
}

impl Total {
    fn of(number: f64) -> Total {
        Total { count: 1, sum: number, least: number, most: number }
    }

    fn add(&mut self, number: f64) {
        self.count += 1;
        self.sum += number;
        self.least = self.least.min(number);
        self.most = self.most.max(number);
    }

    fn as_value(&self, function: Function) -> Value {
        Value::from(match function {
            Function::Sum => self.sum,
            Function::Average => self.sum / f64::from(self.count),
            Function::Smallest => self.least,
            Function::Largest => self.most,
        })
    }
}

fn row_of_numbers(lane: &Lane, time: Time, value: Value) -> Value {
    let mut row = json!({ "time": time, "value": value });
    if let Some(variable) = &lane.listed {
        row["variable"] = variable.as_str().into();
    }
    row
}

fn json_of(rows: &[Value]) -> Result<Vec<u8>, Refused> {
    serde_json::to_vec(rows).map_err(|error| Refused::internal(error.to_string()))
}

fn number(row: &Row<'_>) -> Result<Option<f64>, Refused> {
    Ok(text(row, 3)?.and_then(|json| json.parse().ok()))
}

fn arrival(row: &Row<'_>) -> Result<Option<i64>, Refused> {
    Ok(Some(row.get(1)?))
}

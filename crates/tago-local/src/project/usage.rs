//! How much the devices send and are asked for, by the hour.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike};
use chrono_tz::Tz;
use rusqlite::Connection;
use serde_json::{Value, json};
use tago_api::Time;

use super::account;
use super::call::{Answer, Call, Refused};
use super::data::moment_before;

const HOUR: i64 = 3_600_000;
/// Hours that one answer looks at, at most.
const MOST_HOURS: i64 = 366 * 24;

/// What was counted and is not in the database yet; it gets there with the next transaction.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<BTreeMap<i64, Used>>);

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    input: u64,
    output: u64,
}

impl Usage {
    /// Records were sent.
    pub(super) fn input(&self, records: u64, now: Time) {
        self.lock().entry(hour(now)).or_default().input += records;
    }

    /// Records were read.
    pub(super) fn output(&self, records: u64, now: Time) {
        self.lock().entry(hour(now)).or_default().output += records;
    }

    pub(super) fn unwritten(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Writes what is new. If the transaction fails, it is not counted.
    pub(super) fn save(&self, db: &Connection) -> rusqlite::Result<()> {
        for (hour, used) in std::mem::take(&mut *self.lock()) {
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            db.prepare_cached(
                "INSERT INTO usage (hour, input, output) VALUES (?1, ?2, ?3)
                 ON CONFLICT (hour) DO UPDATE SET input = input + excluded.input, output = output + excluded.output",
            )?
            .execute((hour, number(used.input), number(used.output)))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Input and output of the present month.
pub(super) fn this_month(db: &Connection, now: Time) -> rusqlite::Result<(u64, u64)> {
    db.prepare_cached("SELECT coalesce(sum(input), 0), coalesce(sum(output), 0) FROM usage WHERE hour >= ?1")?
        .query_row([month_of(now)], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// One point for each hour, day or month: input and output count up from the beginning of its month.
pub(super) async fn statistics(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    let asked = Asked::of(&call)?;
    let now = call.project.0.shared.clock.now();
    let born = call.project.0.identity.created_at;
    let files = call.project.0.files.changes();
    call.project.0.store.save_recent().await;
    let points = call.read(move |db| asked.points(db, born, now, &files)).await?;
    Answer::ok(points)
}

struct Asked {
    from: Time,
    to: Time,
    period: Period,
    zone: Tz,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Period {
    Hour,
    Day,
    Month,
}

impl Asked {
    fn of(call: &Call) -> Result<Asked, Refused> {
        let query = &call.query;
        let now = call.project.0.shared.clock.now();
        let zone = query.one("timezone").unwrap_or("UTC");
        let zone: Tz = zone
            .parse()
            .map_err(|_| Refused::bad("timezone must be the name of a time zone, such as Europe/Lisbon"))?;
        let moment = |name: &str| {
            let text = query.one(name);
            text.map(|text| day(text, zone).or_else(|| moment_before(text, now)).ok_or_else(|| wrong(name)))
                .transpose()
        };
        let period = match query.one("periodicity") {
            None | Some("hour") => Period::Hour,
            Some("day") => Period::Day,
            Some("month") => Period::Month,
            Some(_) => return Err(Refused::bad("periodicity must be hour, day or month")),
        };
        let (from, to) = match (moment("date")?, moment("start_date")?, moment("end_date")?) {
            (Some(date), None, None) => {
                let begins = date.to_utc().with_timezone(&zone).date_naive();
                let ends = begins.succ_opt().unwrap_or(begins);
                (midnight(begins, zone), midnight(ends, zone))
            }
            (None, Some(from), to) => (from, to.unwrap_or(now)),
            (None, None, None) => (Time::from_millis(month_of(now) * HOUR), now),
            _ => return Err(Refused::bad("Send either date, or start_date and end_date")),
        };
        if to < from || hour(to) - hour(from) > MOST_HOURS {
            return Err(Refused::bad("end_date must be after start_date, by one year at most"));
        }
        Ok(Asked { from, to, period, zone })
    }

    fn points(
        &self,
        db: &Connection,
        born: Time,
        now: Time,
        files: &[(Time, u64)],
    ) -> Result<Vec<Value>, Refused> {
        let used: BTreeMap<i64, (u64, u64)> = db
            .prepare_cached("SELECT hour, input, output FROM usage")?
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?
            .collect::<rusqlite::Result<_>>()?;
        // Of what is stored, how much was there at the end of each hour.
        let mut stored: BTreeMap<i64, u64> = db
            .prepare_cached("SELECT created_at / 3600000 AS hour, count(*) FROM records GROUP BY hour")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut sum = 0;
        for count in stored.values_mut() {
            sum += *count;
            *count = sum;
        }
        let first = hour(self.from).max(hour(born));
        let last = if self.to <= now { (self.to.millis() - 1).div_euclid(HOUR) } else { hour(now) };
        let mut points: Vec<(DateTime<Tz>, Value)> = Vec::new();
        let (mut input, mut output, mut month) = (0, 0, None);
        for current in first..=last {
            let begins = Time::from_millis(current * HOUR);
            if month != Some(month_of(begins)) {
                month = Some(month_of(begins));
                (input, output) = used
                    .range(month_of(begins)..current)
                    .fold((0, 0), |sum, (_, used)| (sum.0 + used.0, sum.1 + used.1));
            }
            if let Some(used) = used.get(&current) {
                input += used.0;
                output += used.1;
            }
            let ends = Time::from_millis((current + 1) * HOUR).min(now);
            let point = json!({
                "time": ends,
                "input": input,
                "output": output,
                "data_records": stored.range(..=current).next_back().map_or(0, |(_, count)| *count),
                "file_storage": megabytes(files, ends),
                "analysis": 0, "email": 0, "sms": 0, "push_notification": 0,
            });
            let local = begins.to_utc().with_timezone(&self.zone);
            match points.last_mut() {
                // The last hour of a period stands for it.
                Some((before, last)) if self.period.holds_both(before, &local) => {
                    (*before, *last) = (local, point);
                }
                _ => points.push((local, point)),
            }
        }
        Ok(points.into_iter().map(|(_, point)| point).collect())
    }
}

impl Period {
    fn holds_both(self, one: &DateTime<Tz>, other: &DateTime<Tz>) -> bool {
        let month = one.year() == other.year() && one.month() == other.month();
        let day = month && one.day() == other.day();
        match self {
            Period::Hour => day && one.hour() == other.hour() && one.offset() == other.offset(),
            Period::Day => day,
            Period::Month => month,
        }
    }
}

/// Of the files that are there, those that were there at a moment.
fn megabytes(files: &[(Time, u64)], at: Time) -> f64 {
    let bytes: u64 = files.iter().filter(|(changed, _)| *changed <= at).map(|(_, size)| size).sum();
    bytes as f64 / 1_000_000.0
}

fn hour(time: Time) -> i64 {
    time.millis().div_euclid(HOUR)
}

/// The first hour of the month that a moment is in, as bills count.
fn month_of(time: Time) -> i64 {
    let moment = time.to_utc();
    let first = moment.date_naive().with_day(1).unwrap_or(moment.date_naive());
    hour(Time::from(first.and_time(chrono::NaiveTime::MIN).and_utc()))
}

fn day(text: &str, zone: Tz) -> Option<Time> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|date| midnight(date, zone))
}

fn midnight(date: NaiveDate, zone: Tz) -> Time {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    let local = zone.from_local_datetime(&midnight).earliest().map(|local| local.to_utc());
    Time::from(local.unwrap_or_else(|| midnight.and_utc()))
}

fn wrong(name: &str) -> Refused {
    Refused::bad(format!("{name} must be a date, or a duration such as 1 month"))
}

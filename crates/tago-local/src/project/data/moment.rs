use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use tago_api::Time;

/// A date, or a duration before `now` such as `1 month`.
pub(in crate::project) fn moment_before(text: &str, now: Time) -> Option<Time> {
    moment(text, now, -1)
}

/// A date, or a duration after `now` such as `3 hours`.
pub(in crate::project) fn moment_after(text: &str, now: Time) -> Option<Time> {
    moment(text, now, 1)
}

fn moment(text: &str, now: Time, direction: i64) -> Option<Time> {
    let text = text.trim();
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if text == "now" {
        return Some(now);
    }
    let (number, unit) = text.split_once(' ')?;
    let number: u32 = number.parse().ok()?;
    let unit = unit.trim().trim_end_matches('s');
    let months = match unit {
        "month" => Some(number),
        "quarter" => number.checked_mul(3),
        "year" => number.checked_mul(12),
        _ => None,
    };
    if let Some(months) = months.map(Months::new) {
        let now = now.to_utc();
        let moved =
            if direction < 0 { now.checked_sub_months(months) } else { now.checked_add_months(months) };
        return moved.map(Time::from);
    }
    let seconds: i64 = match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        _ => return None,
    };
    Some(Time::from_millis(now.millis().saturating_add(direction * i64::from(number) * seconds * 1000)))
}

/// The first and last time that an immutable device takes: whole periods back from now, until the end of tomorrow.
pub(super) fn window(period: &str, retention: u32, now: Time) -> (Time, Time) {
    let start = period_start(period, now).to_utc();
    let back = match period {
        "day" => start.checked_sub_days(Days::new(retention.into())),
        "week" => start.checked_sub_days(Days::new(u64::from(retention) * 7)),
        "month" => start.checked_sub_months(Months::new(retention)),
        _ => start.checked_sub_months(Months::new(retention.saturating_mul(3))),
    };
    let first = back.map_or(Time::MIN, Time::from);
    let day_after_tomorrow = now.to_utc().date_naive().checked_add_days(Days::new(2));
    let last = day_after_tomorrow.map_or(Time::MAX, start_of_day);
    (first, Time::from_millis(last.millis() - 1))
}

/// When the chunk began that a moment belongs to, in UTC.
pub(super) fn period_start(period: &str, time: Time) -> Time {
    let day = time.to_utc().date_naive();
    let first = match period {
        "day" => Some(day),
        "week" => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
        "month" => day.with_day(1),
        _ => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1),
    };
    first.map_or(Time::MIN, start_of_day)
}

/// When the chunk after that begins.
pub(super) fn next_period(period: &str, start: Time) -> Time {
    let start = start.to_utc();
    let next = match period {
        "day" => start.checked_add_days(Days::new(1)),
        "week" => start.checked_add_days(Days::new(7)),
        "month" => start.checked_add_months(Months::new(1)),
        _ => start.checked_add_months(Months::new(3)),
    };
    next.map_or(Time::MAX, Time::from)
}

fn start_of_day(day: NaiveDate) -> Time {
    Time::from(day.and_time(NaiveTime::MIN).and_utc())
}

/// Spans of time that an aggregate puts records together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Interval {
    pub(super) fn from_word(word: &str) -> Option<Interval> {
        Some(match word {
            "minute" => Interval::Minute,
            "hour" => Interval::Hour,
            "day" => Interval::Day,
            "week" => Interval::Week,
            "month" => Interval::Month,
            "quarter" => Interval::Quarter,
            "year" => Interval::Year,
            _ => return None,
        })
    }

    /// When the span began that a moment belongs to, by the calendar of a time zone.
    pub(super) fn start(self, time: Time, zone: Tz) -> Time {
        let local = time.to_utc().with_timezone(&zone);
        let into_minute = i64::from(local.second()) * 1000 + i64::from(local.timestamp_subsec_millis());
        let day = local.date_naive();
        let first = match self {
            Interval::Minute => return Time::from_millis(time.millis() - into_minute),
            Interval::Hour => {
                return Time::from_millis(time.millis() - into_minute - i64::from(local.minute()) * 60_000);
            }
            Interval::Day => Some(day),
            Interval::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
            Interval::Month => day.with_day(1),
            Interval::Quarter => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1),
            Interval::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
        };
        first.and_then(|day| midnight(day, zone)).map_or(Time::MIN, Time::from)
    }
}

/// The first moment of a day, which is not midnight where clocks are put forward then.
fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<chrono::Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..4).find_map(|quarters| {
        let local = midnight.checked_add_signed(TimeDelta::minutes(quarters * 30))?;
        zone.from_local_datetime(&local).earliest().map(|moment| moment.to_utc())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn durations_count_from_now() {
        let now = at("2026-03-31T10:00:00Z");
        assert_eq!(moment_before("1 month", now), Some(at("2026-02-28T10:00:00Z")));
        assert_eq!(moment_before("90 minutes", now), Some(at("2026-03-31T08:30:00Z")));
        assert_eq!(moment_after("3 hours", now), Some(at("2026-03-31T13:00:00Z")));
        assert_eq!(moment_before("2026-01-01", now), Some(at("2026-01-01T00:00:00Z")));
        for text in ["soon", "3", "-1 day", "1 fortnight", ""] {
            assert_eq!(moment_before(text, now), None, "{text}");
        }
    }

    #[test]
    fn an_immutable_window_starts_with_a_whole_period() {
        let now = at("2026-05-20T10:00:00Z");
        for (period, retention, first) in [
            ("day", 2, "2026-05-18"),
            ("week", 1, "2026-05-11"),
            ("month", 1, "2026-04-01"),
            ("quarter", 1, "2026-01-01"),
        ] {
            assert_eq!(
                window(period, retention, now),
                (at(first), at("2026-05-21T23:59:59.999Z")),
                "{period}"
            );
        }
    }

    #[test]
    fn a_span_begins_by_the_calendar_of_its_time_zone() {
        for (interval, zone, time, start) in [
            (Interval::Minute, "UTC", "2026-05-20T10:11:12.345Z", "2026-05-20T10:11:00Z"),
            (Interval::Hour, "Asia/Kolkata", "2026-05-20T10:11:12Z", "2026-05-20T09:30:00Z"),
            (Interval::Day, "America/New_York", "2026-05-20T03:00:00Z", "2026-05-19T04:00:00Z"),
            (Interval::Week, "UTC", "2026-05-20T10:00:00Z", "2026-05-18T00:00:00Z"),
            (Interval::Month, "Europe/Berlin", "2026-03-31T22:30:00Z", "2026-03-31T22:00:00Z"),
            (Interval::Quarter, "UTC", "2026-05-20T10:00:00Z", "2026-04-01T00:00:00Z"),
            (Interval::Year, "Pacific/Auckland", "2026-05-20T10:00:00Z", "2025-12-31T11:00:00Z"),
            // The hour that the clock shows twice is two hours.
            (Interval::Hour, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z"),
            (Interval::Hour, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z"),
            // A day without midnight.
            (Interval::Day, "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z"),
        ] {
            assert_eq!(
                interval.start(at(time), zone.parse().unwrap()),
                at(start),
                "{interval:?} {time} {zone}"
            );
        }
    }
}

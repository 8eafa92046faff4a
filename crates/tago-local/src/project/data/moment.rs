use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime};
use tago_api::Time;

/// A date, or a duration before `now` such as `1 month`.
pub(super) fn moment_before(text: &str, now: Time) -> Option<Time> {
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
    let today = now.to_utc().date_naive();
    let back = match period {
        "day" => today.checked_sub_days(Days::new(retention.into())),
        "week" => {
            let monday = Days::new(today.weekday().num_days_from_monday().into());
            today
                .checked_sub_days(monday)
                .and_then(|day| day.checked_sub_days(Days::new(u64::from(retention) * 7)))
        }
        "month" => today.with_day(1).and_then(|day| day.checked_sub_months(Months::new(retention))),
        _ => NaiveDate::from_ymd_opt(today.year(), today.month0() / 3 * 3 + 1, 1)
            .and_then(|day| day.checked_sub_months(Months::new(retention.saturating_mul(3)))),
    };
    let start_of = |day: NaiveDate| Time::from(day.and_time(NaiveTime::MIN).and_utc());
    let first = back.map_or(Time::MIN, start_of);
    let last = today.checked_add_days(Days::new(2)).map_or(Time::MAX, start_of);
    (first, Time::from_millis(last.millis() - 1))
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
}

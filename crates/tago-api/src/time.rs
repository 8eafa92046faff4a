use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, as the platform keeps it.
///
/// On the wire it is ISO 8601 in UTC with three decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(i64);

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a date and time such as 2026-11-22T04:30:00.000Z")]
pub struct TimeError {
    /// The rejected text.
    pub text: String,
}

impl Time {
    /// The earliest moment that has a four-digit year.
    pub const MIN: Time = Time(-62_167_219_200_000);
    /// The latest moment that has a four-digit year.
    pub const MAX: Time = Time(253_402_300_799_999);

    /// The moment this many milliseconds after (or, negative, before) 1970 in UTC;
    /// beyond [`Time::MIN`] and [`Time::MAX`] the nearer of the two.
    pub const fn from_millis(millis: i64) -> Time {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Time(millis)
        }
    }

    /// Milliseconds since 1970 in UTC.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The same moment for calendar arithmetic.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Time from `earlier` to this moment; zero if it is not earlier.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// Every record has a moment or two, and chrono spells one in the time that the rest of a record takes.
impl Time {
    /// The moment as it is written on the wire.
    pub fn to_ascii(self) -> [u8; 24] {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let millis = self.0.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |place: usize, digits: usize, mut number: i64| {
            for digit in text[place..place + digits].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, millis / 3_600_000);
        put(14, 2, millis / 60_000 % 60);
        put(17, 2, millis / 1000 % 60);
        put(20, 3, millis % 1000);
        text
    }

    /// Reads what [`Time::to_ascii`] writes, and nothing else.
    fn read_spelled(text: &[u8]) -> Option<Time> {
        let text: &[u8; 24] = text.try_into().ok()?;
        for (place, mark) in
            [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')]
        {
            if text[place] != mark {
                return None;
            }
        }
        let number = |from: usize, to: usize| {
            text[from..to].iter().try_fold(0, |number: i64, digit| {
                digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days(year, month, day);
        // A day that does not exist is another one's.
        if civil(days) != (year, month, day) {
            return None;
        }
        Some(Time(days * DAY + hour * 3_600_000 + minute * 60_000 + second * 1000 + number(20, 23)?))
    }
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Days of 400 years, after which the calendar repeats itself.
const ERA: i64 = 146_097;

/// Days from 0000-03-01, with which a year of this reckoning begins, to 1970-01-01.
const MARCH_0000: i64 = 719_468;

/// Year, month and day of a number of days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + MARCH_0000;
    let of_era = days.rem_euclid(ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year + days.div_euclid(ERA) * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// The number of days after 1970-01-01 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    year.div_euclid(400) * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - MARCH_0000
}

impl From<DateTime<Utc>> for Time {
    fn from(moment: DateTime<Utc>) -> Time {
        Time::from_millis(moment.timestamp_millis())
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        Time::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_ascii();
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Time, TimeError> {
        if let Some(moment) = Time::read_spelled(text.as_bytes()) {
            return Ok(moment);
        }
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(moment.to_utc().into());
        }
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S") {
            return Ok(moment.and_utc().into());
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|moment| moment.and_utc().into())
            .ok_or_else(|| TimeError { text: text.to_owned() })
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_three_spellings_are_read() {
        let expected = Time::from_millis(1_795_321_800_000);
        for text in ["2026-11-22T04:30:00.000Z", "2026-11-22 04:30:00", "2026-11-22T01:30:00-03:00"] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(expected.to_string(), "2026-11-22T04:30:00.000Z");
        assert_eq!(
            "2026-11-22".parse::<Time>().map(|day| day.to_string()),
            Ok("2026-11-22T00:00:00.000Z".into())
        );
    }

    /// Beside chrono: days of all four-digit years, and every way of being no moment.
    #[test]
    fn moments_are_spelled_and_read_as_chrono_does() {
        let by_chrono = |time: Time| time.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let mut millis = Time::MIN.millis();
        while millis <= Time::MAX.millis() {
            let time = Time::from_millis(millis);
            assert_eq!(time.to_string(), by_chrono(time));
            assert_eq!(Time::read_spelled(time.to_string().as_bytes()), Some(time));
            // Eleven days and a bit, so that all hours, minutes and milliseconds come up.
            millis += 959_999_983;
        }
        for text in ["2026-02-29T", "2100-02-29T", "2026-00-10T", "2026-13-10T", "2026-04-31T", "2026-04-00T"]
        {
            assert_eq!(Time::read_spelled(format!("{text}00:00:00.000Z").as_bytes()), None, "{text}");
        }
        for text in [
            "2024-02-29T24:00:00.000Z",
            "2024-02-29T23:60:00.000Z",
            "2024-02-29T23:59:60.000Z",
            "2024-02-29T23:59:59.00xZ",
            "2024-02-29 23:59:59.000Z",
            "2024-02-29T23:59:59.000z",
            "2024-02-29T23:59:59.0000Z",
        ] {
            assert_eq!(Time::read_spelled(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_moment_never_leaves_four_digit_years() {
        assert_eq!(Time::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Time::MAX + Duration::MAX, Time::MAX);
        assert_eq!(Time::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }
}

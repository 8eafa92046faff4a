use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
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
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Time, TimeError> {
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

    #[test]
    fn a_moment_never_leaves_four_digit_years() {
        assert_eq!(Time::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Time::MAX + Duration::MAX, Time::MAX);
        assert_eq!(Time::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }
}

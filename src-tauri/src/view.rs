//! What the window shows: plain data, made by the shell, known to nobody below it.
//!
//! Moments are milliseconds since 1970 in UTC, money is micro-dollars, sizes are bytes.

mod backup;
mod connection;
mod migration;
mod resource;
mod work;

use serde::{Deserialize, Serialize, Serializer};
use specta::Type;
use tago_api::Time;

pub use backup::*;
pub use connection::*;
pub use migration::*;
pub use resource::*;
pub use work::*;

/// A whole number that the window's JavaScript holds exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Type, Default)]
pub struct Whole(#[specta(type = specta_typescript::Number)] i64);

impl Whole {
    /// The largest number of this kind, 2^53 - 1.
    pub const MAX: i64 = (1 << 53) - 1;

    /// The number itself.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The moment this number stands for.
    pub fn time(self) -> Time {
        Time::from_millis(self.0)
    }
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.unsigned_abs() > Self::MAX.unsigned_abs() {
            return Err(serde::ser::Error::custom(format!(
                "{} is beyond what the window counts exactly",
                self.0
            )));
        }
        serializer.serialize_i64(self.0)
    }
}

impl From<Time> for Whole {
    fn from(moment: Time) -> Whole {
        Whole(moment.millis())
    }
}

impl From<i64> for Whole {
    fn from(number: i64) -> Whole {
        Whole(number)
    }
}

impl From<u64> for Whole {
    fn from(number: u64) -> Whole {
        Whole(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Whole {
    fn from(number: u32) -> Whole {
        Whole(number.into())
    }
}

impl From<usize> for Whole {
    fn from(number: usize) -> Whole {
        Whole(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::Whole;

    #[test]
    fn a_number_beyond_two_to_the_53_is_refused_and_not_rounded() {
        assert_eq!(serde_json::to_string(&Whole::from(Whole::MAX)).unwrap(), "9007199254740991");
        assert!(serde_json::to_string(&Whole::from(Whole::MAX + 1)).is_err());
        assert!(serde_json::to_string(&Whole::from(u64::MAX)).is_err());
    }
}

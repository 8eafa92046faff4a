use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use tago_api::{RecordId, Time, Value};

use crate::json::Json;
use crate::planted::{Bug, is_planted};

/// One record of device data. Its JSON is the platform's: what is read can be sent again, and the
/// fields that the platform makes anew at every ingestion (the id among them) are not sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Its id in the project that it was read from.
    #[serde(default, skip_serializing)]
    pub id: Option<RecordId>,
    /// What was measured.
    pub variable: String,
    /// The measurement; absent in a record that has only a location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// At most 25 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What binds records of one message together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// When it was measured.
    pub time: Time,
    /// A GeoJSON point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Json>,
    /// At most 10,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
}

impl Record {
    /// What the record says: all fields but the id. Two records with one key are duplicates.
    pub fn key(&self) -> Key {
        self.key_in(&mut Vec::with_capacity(256))
    }

    /// The same, with room to write in.
    pub(crate) fn key_in(&self, said: &mut Vec<u8>) -> Key {
        said.clear();
        // Each field with its length before it.
        let mut field = |content: Option<[&[u8]; 2]>| match content {
            Some([kind, content]) => {
                said.extend_from_slice(&((kind.len() + content.len()) as u64 + 1).to_le_bytes());
                said.extend_from_slice(kind);
                said.extend_from_slice(content);
            }
            None => said.extend_from_slice(&0_u64.to_le_bytes()),
        };
        field(Some([b"", self.variable.as_bytes()]));
        field(Some([b"", &self.time.millis().to_le_bytes()]));
        let group = self.group.as_deref().filter(|_| !is_planted(Bug::HashWithoutGroup));
        field(group.map(|group| [b"".as_slice(), group.as_bytes()]));
        match &self.value {
            None => field(None),
            Some(Value::Bool(value)) => field(Some([b"b", if *value { b"1" } else { b"0" }])),
            Some(Value::Number(number)) => field(Some([b"n", number.canonical().as_bytes()])),
            Some(Value::Text(value)) => field(Some([b"t", value.as_bytes()])),
        }
        field(self.unit.as_deref().map(|unit| [b"".as_slice(), unit.as_bytes()]));
        for document in [&self.location, &self.metadata] {
            let canonical = document.as_ref().map(Json::canonical);
            field(canonical.as_deref().map(|text| [b"".as_slice(), text.as_bytes()]));
        }
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(&*said)[..16]);
        Key(u128::from_be_bytes(key))
    }
}

/// The first 128 bits of the SHA-256 of what a record says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(pub(crate) u128);

/// The size and the content of a multiset of records: the number of them, and the sum of their keys
/// modulo 2^128, in which order plays no part and duplicates count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How many records.
    pub count: u64,
    /// The sum of their keys.
    pub hash: u128,
}

impl Tally {
    /// Adds a record `times` times.
    pub fn put(&mut self, key: Key, times: u64) {
        self.count += times;
        self.hash = self.hash.wrapping_add(key.0.wrapping_mul(u128::from(times)));
    }

    /// Of these keys.
    pub fn of(keys: impl IntoIterator<Item = Key>) -> Tally {
        let mut tally = Tally::default();
        keys.into_iter().for_each(|key| tally.put(key, 1));
        tally
    }

    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Add for Tally {
    type Output = Tally;

    fn add(self, other: Tally) -> Tally {
        Tally { count: self.count + other.count, hash: self.hash.wrapping_add(other.hash) }
    }
}

/// Without a part of it.
impl Sub for Tally {
    type Output = Tally;

    fn sub(self, part: Tally) -> Tally {
        Tally { count: self.count.saturating_sub(part.count), hash: self.hash.wrapping_sub(part.hash) }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        *self = *self + other;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.count, self.hash)
    }
}

impl FromStr for Tally {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Tally, &'static str> {
        const SHAPE: &str = "a tally is a count, a colon and 32 hexadecimal digits";
        let (count, hash) = text.split_once(':').ok_or(SHAPE)?;
        if hash.len() != 32 {
            return Err(SHAPE);
        }
        let hash = u128::from_str_radix(hash, 16).map_err(|_| SHAPE)?;
        Ok(Tally { count: count.parse().map_err(|_| SHAPE)?, hash })
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tally, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn records_are_duplicates_if_they_say_the_same() {
        let one = record(
            r#"{"id":"5f2a8e3b9c1d4e0011223344","variable":"t","value":1.0,"time":"2026-11-22T04:30:00.000Z","metadata":{"b":1,"a":2},"unit":null}"#,
        );
        let same = record(
            r#"{"variable":"t","value":1,"time":"2026-11-22T04:30:00Z","metadata":{"a":2.0,"b":1e0}}"#,
        );
        assert_eq!(one.key(), same.key());
        for other in [
            r#"{"variable":"t","value":"1","time":"2026-11-22T04:30:00Z","metadata":{"a":2,"b":1}}"#,
            r#"{"variable":"t","value":1,"time":"2026-11-22T04:30:00.001Z","metadata":{"a":2,"b":1}}"#,
            r#"{"variable":"t","value":1,"time":"2026-11-22T04:30:00Z","metadata":{"a":2,"b":1},"group":"g"}"#,
            r#"{"variable":"t","value":1,"time":"2026-11-22T04:30:00Z","metadata":{"a":2,"b":1},"unit":""}"#,
            r#"{"variable":"t","value":1,"time":"2026-11-22T04:30:00Z"}"#,
        ] {
            assert_ne!(one.key(), record(other).key(), "{other}");
        }
        assert!(!serde_json::to_string(&one).unwrap().contains("5f2a"));
    }

    /// Journals and plans hold keys, and outlive the program that wrote them.
    #[test]
    fn a_key_is_what_it_always_was() {
        for (text, key) in [
            (
                r#"{"variable":"t","value":1.50,"time":"2026-11-22T04:30:00Z","unit":"°C","group":"g"}"#,
                KEYS[0],
            ),
            (
                r#"{"variable":"t","value":true,"time":"2026-11-22T04:30:00Z","metadata":{"b":1.0,"a":[]}}"#,
                KEYS[1],
            ),
            (
                r#"{"variable":"t","value":"x","time":"2026-11-22T04:30:00Z","location":{"lat":1,"lng":2}}"#,
                KEYS[2],
            ),
        ] {
            assert_eq!(format!("{:032x}", record(text).key().0), key, "{text}");
        }
    }

    const KEYS: [&str; 3] = [
        "9b86ef67b6b4fbb12b712af63c3b2331",
        "26c6e673d11e92479135e8b9521aa469",
        "aaebe23dc70fc4aa6445e381d200c51c",
    ];

    #[test]
    fn a_tally_counts_duplicates_and_forgets_order() {
        let (a, b) = (Key(u128::MAX - 1), Key(7));
        assert_eq!(Tally::of([a, b, b]), Tally::of([b, a, b]));
        assert_ne!(Tally::of([a, b]), Tally::of([a, b, b]));
        let tally = Tally::of([a, b, b]);
        assert_eq!(tally.to_string().parse(), Ok(tally));
        assert_eq!(Tally::of([a]) + Tally::of([b, b]), tally);
        assert_eq!(tally - Tally::of([b]), Tally::of([a, b]));
    }
}

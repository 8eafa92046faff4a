use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use thiserror::Error;

/// The value of one record: what a device measured or said.
///
/// Numbers travel as the JSON token that arrived, and compare as ECMAScript
/// number text, so that 1, 1.0 and 1e0 are one value and 0.1 stays 0.1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(Number),
    /// A text.
    Text(String),
}

/// A JSON number that keeps its spelling.
#[derive(Clone, Debug)]
pub struct Number {
    token: Box<str>,
    number: f64,
}

/// Why a text is not a number that the platform can hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{token:?} is not a JSON number of finite size")]
pub struct NumberError {
    /// The rejected text.
    pub token: String,
}

impl Number {
    /// Reads a JSON number token and keeps it as it is spelled.
    ///
    /// # Errors
    /// If it is not a JSON number, or too large for a double.
    pub fn from_token(token: &str) -> Result<Number, NumberError> {
        let number = serde_json::from_str::<f64>(token).ok().filter(|number| number.is_finite());
        match number {
            Some(number) => Ok(Number { token: token.trim().into(), number }),
            None => Err(NumberError { token: token.to_owned() }),
        }
    }

    /// The token as it arrived.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        self.number
    }

    /// The text by which numbers compare: ECMAScript's, in which 1.0 is `1`.
    pub fn canonical(&self) -> String {
        ryu_js::Buffer::new().format(self.positive_zero()).to_owned()
    }

    fn positive_zero(&self) -> f64 {
        if self.number == 0.0 { 0.0 } else { self.number }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number { token: number.to_string().into(), number: number as f64 }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.number == other.number
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        self.positive_zero().total_cmp(&other.positive_zero())
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.positive_zero().to_bits().hash(state);
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => f.write_str(number.token()),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Number(number) => RawValue::from_string(number.token().to_owned())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let token = raw.get();
        match token.as_bytes().first() {
            Some(b'"') => serde_json::from_str(token).map(Value::Text).map_err(D::Error::custom),
            Some(b't' | b'f') => serde_json::from_str(token).map(Value::Bool).map_err(D::Error::custom),
            Some(b'-' | b'0'..=b'9') => {
                Number::from_token(token).map(Value::Number).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom("a value is a text, a number or true or false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(token: &str) -> Number {
        Number::from_token(token).unwrap()
    }

    #[test]
    fn a_number_keeps_its_spelling_and_compares_by_its_size() {
        let value: Value = serde_json::from_str("1.0").unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), "1.0");
        assert_eq!(number("1.0"), number("1"));
        assert_eq!(number("1e0"), number("1"));
        assert_eq!(number("-0"), number("0"));
        assert_ne!(number("0.1"), number("0.10000000000000002"));
        assert_eq!(number("1e21").canonical(), "1e+21");
        assert_eq!(number("100").canonical(), "100");
        assert_eq!(number("-0.0").canonical(), "0");
    }

    #[test]
    fn texts_and_truth_values_are_not_numbers() {
        assert_eq!(serde_json::from_str::<Value>("\"1\"").unwrap(), Value::Text("1".into()));
        assert_eq!(serde_json::from_str::<Value>("true").unwrap(), Value::Bool(true));
        for refused in ["null", "[1]", "{}", "1e999"] {
            assert!(serde_json::from_str::<Value>(refused).is_err(), "{refused}");
        }
    }
}

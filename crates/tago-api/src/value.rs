use std::borrow::Cow;
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
    token: Box<RawValue>,
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
        let raw = RawValue::from_string(token.to_owned()).ok();
        raw.and_then(Number::from_raw).ok_or_else(|| NumberError { token: token.to_owned() })
    }

    fn from_raw(token: Box<RawValue>) -> Option<Number> {
        let number = serde_json::from_str::<f64>(token.get()).ok().filter(|number| number.is_finite())?;
        Some(Number { token, number })
    }

    /// The token as it arrived.
    pub fn token(&self) -> &str {
        self.token.get()
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        self.number
    }

    /// The text by which numbers compare: ECMAScript's, in which 1.0 is `1`.
    pub fn canonical(&self) -> Cow<'_, str> {
        if is_canonical(self.token()) {
            return Cow::Borrowed(self.token());
        }
        Cow::Owned(ryu_js::Buffer::new().format(self.positive_zero()).to_owned())
    }

    fn positive_zero(&self) -> f64 {
        if self.number == 0.0 { 0.0 } else { self.number }
    }
}

/// Whether a JSON number is certainly spelled as ECMAScript spells it. A double holds up to fifteen digits as
/// they are, so of a plain decimal without idle zeros nothing is shorter.
fn is_canonical(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    if digits.len() > 16 || digits == "0" {
        return token == "0";
    }
    match digits.split_once('.') {
        None => digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit()),
        Some((_, fraction)) => {
            fraction.bytes().all(|digit| digit.is_ascii_digit())
                && !fraction.ends_with('0')
                // Below a millionth an exponent is shorter.
                && !(digits.starts_with("0.") && fraction.starts_with("000000"))
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number { token: serde_json::value::to_raw_value(&number).unwrap_or_default(), number: number as f64 }
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
            Value::Number(number) => number.token.serialize(serializer),
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
            Some(b'-' | b'0'..=b'9') => Number::from_raw(raw)
                .map(Value::Number)
                .ok_or_else(|| D::Error::custom("a number must be of finite size")),
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

    /// Beside ryu_js: what is taken as it is spelled is what it would write.
    #[test]
    fn a_spelling_that_is_taken_for_canonical_is() {
        let parts =
            ["0", "7", "10", "100", "30.5", "999999999999999", "1234567890123456", "123456789012345678"];
        let fractions =
            ["", ".0", ".5", ".10", ".01", ".000001", ".0000001", ".123456789012345", ".99999999999999"];
        let mut taken = 0;
        for sign in ["", "-"] {
            for part in parts {
                for fraction in fractions {
                    for exponent in ["", "e0", "e3", "E-7"] {
                        let Ok(number) = Number::from_token(&format!("{sign}{part}{fraction}{exponent}"))
                        else {
                            continue;
                        };
                        let written = ryu_js::Buffer::new().format(number.positive_zero()).to_owned();
                        assert_eq!(number.canonical(), written, "{}", number.token());
                        taken += u32::from(is_canonical(number.token()));
                    }
                }
            }
        }
        assert!(taken > 40, "{taken}");
        let mut state = 7_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (digits, point) = (state >> 14, (state >> 5) % 16);
            let token = format!("{digits}");
            let token = &token[..((state >> 9) % 15 + 1).min(token.len() as u64) as usize];
            let token = match token.split_at_checked(point as usize) {
                Some((whole, fraction)) if !whole.is_empty() && !fraction.is_empty() => {
                    format!("{whole}.{fraction}")
                }
                _ => format!("0.{}{token}", "0".repeat(point as usize % 8)),
            };
            let number = number(&token);
            let written = ryu_js::Buffer::new().format(number.positive_zero()).to_owned();
            assert_eq!(number.canonical(), written, "{token}");
        }
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

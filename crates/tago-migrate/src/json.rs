use std::fmt::Write;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON document that keeps the spelling in which it arrived, and compares by what it says: keys
/// sorted, numbers as ECMAScript writes them.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Keeps a document as it is spelled.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn from_text(text: String) -> Result<Json, serde_json::Error> {
        RawValue::from_string(text).map(Json)
    }

    /// A text.
    pub fn text(text: &str) -> Json {
        Json(serde_json::value::to_raw_value(text).unwrap_or_default())
    }

    /// The document as it arrived.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The text by which two documents compare.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(self.as_str().len());
        match serde_json::from_str(self.as_str()) {
            Ok(document) => write_canonical(&document, &mut text),
            // Deeper than the parser goes: it then compares as it is spelled.
            Err(_) => text.push_str(self.as_str()),
        }
        text
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str().trim() == "null"
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        self.as_str() == other.as_str() || self.canonical() == other.canonical()
    }
}

impl Eq for Json {}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Json)
    }
}

/// The text by which a document at hand compares.
pub(crate) fn canonical_text(document: &serde_json::Value) -> String {
    let mut text = String::new();
    write_canonical(document, &mut text);
    text
}

fn write_canonical(document: &serde_json::Value, text: &mut String) {
    use serde_json::Value as Document;
    match document {
        Document::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Document::String(key.clone()));
                write_canonical(field, text);
            }
            text.push('}');
        }
        Document::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Document::Number(number) => match tago_api::Number::from_token(&number.to_string()) {
            Ok(number) => text.push_str(&number.canonical()),
            Err(_) => text.push_str(&number.to_string()),
        },
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::from_text(text.into()).unwrap()
    }

    #[test]
    fn documents_compare_by_what_they_say() {
        assert_eq!(json(r#"{"b": 1.0, "a": [1e1, "é"]}"#), json(r#"{"a":[10,"\u00e9"],"b":1}"#));
        assert_ne!(json(r#"{"a":"1"}"#), json(r#"{"a":1}"#));
        assert_ne!(json("[1,2]"), json("[2,1]"));
        assert_eq!(serde_json::to_string(&json(r#"{"b": 1.0}"#)).unwrap(), r#"{"b": 1.0}"#);
    }
}

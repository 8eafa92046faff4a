use serde_json::Value;

use super::call::Refused;
use super::resource::Body;

/// Nothing here ever sends with a secret, and nothing may read it: its length is all that is kept.
pub(super) fn keep_length_alone(body: &mut Body) -> Result<(), Refused> {
    if let Some(value) = body.remove("value") {
        let length = value.as_str().unwrap_or_default().chars().count();
        body.insert("value_length".to_owned(), length.into());
    }
    let key = body.get("key").and_then(Value::as_str).unwrap_or_default();
    if key.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(Refused::bad("key must be a text without spaces"));
    }
    Ok(())
}

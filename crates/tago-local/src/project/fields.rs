//! What the fields of a resource may hold, as data; devices and the descriptor
//! table of the other resources share it.

use serde_json::{Map, Value};

use super::call::Refused;

/// A field that a client may set.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// What it is when it is absent on create.
    pub(super) default: Default,
    /// Whether it can be changed later.
    pub(super) editable: bool,
}

#[derive(Debug)]
pub(super) enum Default {
    Required,
    Null,
    True,
    False,
    EmptyList,
    EmptyObject,
    Word(&'static str),
}

#[derive(Debug)]
pub(super) enum Shape {
    /// A text of so many characters.
    Text(usize, usize),
    /// The same, or null.
    TextOrNull(usize),
    Bool,
    Words(&'static [&'static str]),
    /// One of the words, or null.
    WordOrNull(&'static [&'static str]),
    /// A whole number within bounds, or null.
    NumberOrNull(u64, u64),
    Object,
    ObjectOrNull,
    /// Any JSON.
    Free,
    /// A list of at most so many of anything.
    List(usize),
    /// A list of at most so many objects.
    Objects(usize),
    /// The same, of which each has another text under that name.
    Keyed(&'static str, usize),
    /// `[{key, value}]` with unique keys; a value is a text, a number or a truth value.
    Pairs(usize),
    /// A list of at most so many ids of resources.
    Ids(usize),
    /// The id of a resource, an empty text or null.
    IdOrNone,
    /// `[{key, value, metadata?}]`.
    Tags,
}

/// Tags that one resource can have.
const TAGS: usize = 30;

impl Field {
    /// A field without which nothing is made.
    pub(super) const fn required(name: &'static str, shape: Shape) -> Field {
        Self::optional(name, shape, Default::Required)
    }

    pub(super) const fn optional(name: &'static str, shape: Shape, default: Default) -> Field {
        Field { name, shape, default, editable: true }
    }

    /// The same, as it was created for good.
    pub(super) const fn fixed(self) -> Field {
        Field { name: self.name, shape: self.shape, default: self.default, editable: false }
    }
}

/// The fields of a new resource.
pub(super) fn create(fields: &[Field], body: &Value) -> Result<Map<String, Value>, Refused> {
    let body = object(body)?;
    let mut made = Map::new();
    for field in fields {
        let value = match (body.get(field.name), &field.default) {
            (Some(value), _) if !value.is_null() || matches!(field.default, Default::Required) => {
                field.check(value)?;
                value.clone()
            }
            (_, Default::Required) => {
                return Err(Refused::bad(format!("{} is required: {}", field.name, field.shape.rule())));
            }
            (_, default) => default.value(),
        };
        made.insert(field.name.to_owned(), value);
    }
    Ok(made)
}

/// The fields that an edit changes.
pub(super) fn edit(fields: &[Field], body: &Value) -> Result<Map<String, Value>, Refused> {
    let body = object(body)?;
    let mut changed = Map::new();
    for field in fields {
        let Some(value) = body.get(field.name) else { continue };
        if !field.editable {
            return Err(Refused::bad(format!("{} cannot be changed after creation", field.name)));
        }
        field.check(value)?;
        changed.insert(field.name.to_owned(), value.clone());
    }
    Ok(changed)
}

/// The same, where a field that cannot be changed may be sent as it is.
pub(super) fn edit_of(
    fields: &[Field],
    current: &Map<String, Value>,
    body: &Value,
) -> Result<Map<String, Value>, Refused> {
    let mut body = object(body)?.clone();
    for field in fields.iter().filter(|field| !field.editable) {
        if body.get(field.name).is_some_and(|sent| current.get(field.name) == Some(sent)) {
            body.remove(field.name);
        }
    }
    edit(fields, &Value::Object(body))
}

/// Refuses to remove what carries the platform's protection tag.
pub(super) fn refuse_if_protected(tags: &Value) -> Result<(), Refused> {
    let protection = ["_delete_protection_", "_deletion_protection"];
    let protected = tags.as_array().into_iter().flatten().filter_map(|tag| tag.get("key")?.as_str());
    match protected.into_iter().find(|key| protection.contains(key)) {
        Some(key) => Err(Refused::bad(format!("It is protected by its tag {key}: remove the tag first"))),
        None => Ok(()),
    }
}

fn object(body: &Value) -> Result<&Map<String, Value>, Refused> {
    body.as_object().ok_or_else(|| Refused::bad("The body must be a JSON object"))
}

impl Field {
    fn check(&self, value: &Value) -> Result<(), Refused> {
        if self.shape.holds(value) {
            return Ok(());
        }
        Err(Refused::bad(format!("{} must be {}", self.name, self.shape.rule())))
    }
}

impl Default {
    fn value(&self) -> Value {
        match self {
            Default::Required | Default::Null => Value::Null,
            Default::True => true.into(),
            Default::False => false.into(),
            Default::EmptyList => Value::Array(Vec::new()),
            Default::EmptyObject => Value::Object(Map::new()),
            Default::Word(word) => (*word).into(),
        }
    }
}

impl Shape {
    fn holds(&self, value: &Value) -> bool {
        let text_within = |least: usize, most: usize| {
            value.as_str().is_some_and(|text| (least..=most).contains(&text.trim().chars().count()))
        };
        match self {
            Shape::Text(least, most) => text_within(*least, *most),
            Shape::TextOrNull(most) => value.is_null() || text_within(0, *most),
            Shape::Bool => value.is_boolean(),
            Shape::Words(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Shape::WordOrNull(words) => {
                value.is_null() || value.as_str().is_some_and(|text| words.contains(&text))
            }
            Shape::NumberOrNull(least, most) => {
                value.is_null() || value.as_u64().is_some_and(|number| (*least..=*most).contains(&number))
            }
            Shape::Object => value.is_object(),
            Shape::ObjectOrNull => value.is_object() || value.is_null(),
            Shape::Free => true,
            Shape::List(most) => value.as_array().is_some_and(|items| items.len() <= *most),
            Shape::Keyed(key, most) => value.as_array().is_some_and(|items| {
                items.len() <= *most && items.iter().all(Value::is_object) && distinct(items, key)
            }),
            Shape::Ids(most) => value.as_array().is_some_and(|ids| {
                ids.len() <= *most
                    && ids.iter().filter_map(Value::as_str).all(is_id)
                    && ids.iter().all(Value::is_string)
            }),
            Shape::IdOrNone => {
                value.is_null() || value.as_str().is_some_and(|text| text.is_empty() || is_id(text))
            }
            Shape::Objects(most) => value
                .as_array()
                .is_some_and(|items| items.len() <= *most && items.iter().all(Value::is_object)),
            Shape::Pairs(most) => value.as_array().is_some_and(|pairs| {
                let is_scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
                pairs.len() <= *most
                    && distinct(pairs, "key")
                    && pairs.iter().all(|pair| pair.get("value").is_some_and(is_scalar))
            }),
            Shape::Tags => value.as_array().is_some_and(|tags| tags.len() <= TAGS && tags.iter().all(is_tag)),
        }
    }

    fn rule(&self) -> String {
        match self {
            Shape::Text(least, most) => format!("a text of {least} to {most} characters"),
            Shape::TextOrNull(most) => format!("a text of at most {most} characters, or null"),
            Shape::Bool => "true or false".to_owned(),
            Shape::Words(words) => format!("one of {}", words.join(", ")),
            Shape::WordOrNull(words) => format!("one of {}, or null", words.join(", ")),
            Shape::NumberOrNull(least, most) => format!("a whole number from {least} to {most}, or null"),
            Shape::Object => "an object".to_owned(),
            Shape::ObjectOrNull => "an object, or null".to_owned(),
            Shape::Free => "JSON".to_owned(),
            Shape::List(most) => format!("a list of at most {most}"),
            Shape::Keyed(key, most) => {
                format!("a list of at most {most} objects, each with another text as its {key}")
            }
            Shape::Ids(most) => format!("a list of at most {most} ids of 24 hex digits"),
            Shape::IdOrNone => "an id of 24 hex digits, an empty text or null".to_owned(),
            Shape::Objects(most) => format!("a list of at most {most} objects"),
            Shape::Pairs(most) => {
                format!(
                    "a list of at most {most} objects with a key, which is unique, and a value: a text, a number, true or false"
                )
            }
            Shape::Tags => format!(
                "a list of at most {TAGS} tags: objects with key (1 to 100 characters), value (a text) and, if wanted, metadata (an object of at most 1 kB)"
            ),
        }
    }
}

/// Whether every item has a text of its own under `key`.
fn distinct(items: &[Value], key: &str) -> bool {
    let keys: std::collections::BTreeSet<_> =
        items.iter().filter_map(|item| item.get(key)?.as_str()).collect();
    keys.len() == items.len()
}

pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn is_tag(tag: &Value) -> bool {
    let key = tag.get("key").and_then(Value::as_str);
    let metadata = tag.get("metadata").is_none_or(|metadata| {
        metadata.is_null() || metadata.is_object() && metadata.to_string().len() <= 1000
    });
    key.is_some_and(|key| (1..=100).contains(&key.chars().count()))
        && tag.get("value").is_some_and(Value::is_string)
        && metadata
}

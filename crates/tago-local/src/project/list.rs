use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::call::Refused;
use super::query_text::QueryText;

/// Which page of a list is asked for, of which items, in which order, with which fields.
pub(super) struct ListQuery {
    page: usize,
    amount: usize,
    fields: Vec<String>,
    filters: Vec<Filter>,
    order: (String, bool),
    /// Fields that every item has.
    always: [String; 3],
    /// Fields of an item when none are asked for.
    unasked: Vec<String>,
}

/// How a list differs from that of devices.
pub(super) struct Listing<'a> {
    /// The fields that can be filtered and ordered by.
    pub(super) known: &'a [&'a str],
    /// Which field is the name.
    pub(super) named: &'a str,
    /// The field that it is ordered by unless asked, and whether downwards.
    pub(super) order: (&'a str, bool),
    /// The fields of an item when none are asked for; besides those that all have.
    pub(super) unasked: &'a [&'a str],
}

enum Filter {
    Field { name: String, pattern: String },
    Tag { key: Option<String>, value: Option<String> },
}

impl ListQuery {
    /// `known` are the fields that can be filtered and ordered by.
    pub(super) fn parse(query: &QueryText, known: &[&str]) -> Result<ListQuery, Refused> {
        Self::of(query, &Listing { known, named: "name", order: ("name", false), unasked: &[] })
    }

    pub(super) fn of(query: &QueryText, listing: &Listing<'_>) -> Result<ListQuery, Refused> {
        let page = query.number("page", 1, (1, u64::MAX))?;
        let amount = query.number("amount", 20, (1, 10_000))?;
        let order = match query.list("orderBy").as_slice() {
            [] => (listing.order.0, listing.order.1),
            [one] => {
                let (field, direction) = one.split_once(',').unwrap_or((one, "asc"));
                (field, is_down(direction)?)
            }
            [field, direction, ..] => (*field, is_down(direction)?),
        };
        let owned = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect();
        Ok(ListQuery {
            page: usize::try_from(page).unwrap_or(usize::MAX),
            amount: usize::try_from(amount).unwrap_or(usize::MAX),
            fields: owned(&query.list("fields")),
            filters: filters(query, listing)?,
            order: (listing.field(order.0, "orderBy")?, order.1),
            always: ["id", listing.named, "tags"].map(str::to_owned),
            unasked: owned(listing.unasked),
        })
    }

    /// The page of `items`.
    pub(super) fn apply(&self, items: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
        let asked = if self.fields.is_empty() { &self.unasked } else { &self.fields };
        let wanted = |name: &String| self.always.contains(name) || asked.contains(name);
        let mut page = self.apply_whole(items);
        for item in &mut page {
            item.retain(|name, _| wanted(name));
        }
        page
    }

    /// The page of `items`, each with all its fields.
    pub(super) fn apply_whole(&self, mut items: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
        items.retain(|item| self.filters.iter().all(|filter| filter.holds(item)));
        let (field, descending) = &self.order;
        items.sort_by(|left, right| {
            let order = compare(left.get(field), right.get(field));
            let order = if *descending { order.reverse() } else { order };
            order.then_with(|| compare(left.get("id"), right.get("id")))
        });
        let skipped = (self.page - 1).saturating_mul(self.amount);
        items.into_iter().skip(skipped).take(self.amount).collect()
    }
}

fn is_down(direction: &str) -> Result<bool, Refused> {
    match direction.trim() {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err(Refused::bad("orderBy must be a field and asc or desc, such as name,asc")),
    }
}

impl Listing<'_> {
    /// A field by which `what` can be done; clients say `name` for every name.
    fn field(&self, asked: &str, what: &str) -> Result<String, Refused> {
        let field = if asked == "name" { self.named } else { asked };
        if self.known.contains(&field) {
            return Ok(field.to_owned());
        }
        Err(Refused::bad(format!("{what} must be by one of {}, not {asked}", self.known.join(", "))))
    }
}

fn filters(query: &QueryText, listing: &Listing<'_>) -> Result<Vec<Filter>, Refused> {
    let mut filters = Vec::new();
    let mut tags: Vec<(&str, Option<String>, Option<String>)> = Vec::new();
    for (path, value) in query.nested("filter") {
        match path.as_slice() {
            ["tags", index, part @ ("key" | "value")] => {
                let position = tags.iter().position(|tag| tag.0 == *index).unwrap_or_else(|| {
                    tags.push((index, None, None));
                    tags.len() - 1
                });
                let tag = &mut tags[position];
                *(if *part == "key" { &mut tag.1 } else { &mut tag.2 }) = Some(value.to_owned());
            }
            [name] => filters
                .push(Filter::Field { name: listing.field(name, "filter")?, pattern: value.to_owned() }),
            other => {
                return Err(Refused::bad(format!("filter cannot be by {}", other.join("."))));
            }
        }
    }
    filters.extend(tags.into_iter().map(|(_, key, value)| Filter::Tag { key, value }));
    Ok(filters)
}

impl Filter {
    fn holds(&self, item: &Map<String, Value>) -> bool {
        match self {
            Filter::Field { name, pattern } => match item.get(name) {
                Some(Value::String(text)) => matches(pattern, text),
                Some(Value::Null) | None => pattern == "null",
                Some(other) => {
                    let written = other.to_string();
                    matches(pattern, &written)
                }
            },
            Filter::Tag { key, value } => {
                let tags = item.get("tags").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let is = |wanted: &Option<String>, found: Option<&Value>| {
                    wanted.as_deref().is_none_or(|wanted| {
                        found.and_then(Value::as_str).is_some_and(|found| matches(wanted, found))
                    })
                };
                tags.iter().any(|tag| is(key, tag.get("key")) && is(value, tag.get("value")))
            }
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any characters; capitals do not matter.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn compare(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
        (Some(Value::Number(left)), Some(Value::Number(right))) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
        (None | Some(Value::Null), None | Some(Value::Null)) => Ordering::Equal,
        (None | Some(Value::Null), _) => Ordering::Less,
        (_, None | Some(Value::Null)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("Truck 1", "truck 1", true),
            ("truck", "truck 1", false),
            ("truck*", "Truck 1", true),
            ("*1", "truck 11", true),
            ("t*k*1", "truck 11", true),
            ("t*x*1", "truck 11", false),
            ("*ck*", "truck", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}

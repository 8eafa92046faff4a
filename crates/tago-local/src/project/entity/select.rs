//! Which rows of an entity are asked for: by an index, from its left.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value};
use tago_api::Time;

use super::Entity;
use super::rows::shown;
use super::schema::{Definition, FieldType};
use crate::project::call::Refused;
use crate::project::query_text::QueryText;

/// Rows of one page at most, where sources disagree.
const PAGE: u64 = 1_000;

pub(super) struct Selection {
    conditions: Vec<Condition>,
    /// The expression that rows are in the order of: the last field of the index.
    order: String,
    descending: bool,
    skip: u64,
    amount: u64,
    fields: Vec<String>,
}

struct Condition {
    expression: String,
    operator: &'static str,
    value: Bound,
}

/// What a filter says of one field.
enum Wanted {
    Equal(String),
    Between(Option<String>, Option<String>),
}

impl Selection {
    pub(super) fn parse(query: &QueryText, definition: &Definition) -> Result<Selection, Refused> {
        let page = query.number("page", 1, (1, u64::MAX))?;
        let amount = query.number("amount", 20, (1, PAGE))?;
        let descending = match query.one("order_by") {
            None | Some("" | "asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Refused::bad("order_by must be asc or desc")),
        };
        let index = match query.one("index").filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(definition.index(name).ok_or_else(|| {
                Refused::bad(format!("index must be the name of an index of the entity, not {name}"))
            })?),
        };
        let fields: Vec<String> = query
            .list("fields")
            .into_iter()
            .flat_map(|fields| fields.split(','))
            .map(|field| field.trim().to_owned())
            .filter(|field| !field.is_empty())
            .collect();
        Ok(Selection {
            conditions: conditions(query, definition, index.as_deref())?,
            order: index
                .as_ref()
                .and_then(|index| index.last())
                .map_or("created_at".into(), |field| expression(field)),
            descending,
            skip: (page - 1).saturating_mul(amount),
            amount,
            fields,
        })
    }

    pub(super) fn rows(&self, db: &Connection, entity: &Entity) -> Result<Vec<Map<String, Value>>, Refused> {
        let order = &self.order;
        let direction = if self.descending { "DESC" } else { "ASC" };
        let mut sql = "SELECT id, body, created_at, updated_at FROM entity_rows WHERE entity = ?1".to_owned();
        let mut bound = vec![Bound::Integer(entity.number)];
        for Condition { expression, operator, value } in &self.conditions {
            bound.push(value.clone());
            sql.push_str(&format!(" AND {expression} {operator} ?{}", bound.len()));
        }
        let number = |number: u64| Bound::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        bound.extend([number(self.amount), number(self.skip)]);
        sql.push_str(&format!(
            " ORDER BY {order} {direction}, id {direction} LIMIT ?{} OFFSET ?{}",
            bound.len() - 1,
            bound.len()
        ));
        let wanted = |name: &String| name == "id" || self.fields.is_empty() || self.fields.contains(name);
        let rows = db
            .prepare_cached(&sql)?
            .query_map(params_from_iter(bound), |row| {
                let body: String = row.get(1)?;
                let moment = |column| row.get(column).map(Time::from_millis);
                let mut shown = shown(&entity.definition, row.get(0)?, &body, moment(2)?, moment(3)?);
                shown.retain(|name, _| wanted(name));
                Ok(shown)
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(rows)
    }
}

fn conditions(
    query: &QueryText,
    definition: &Definition,
    index: Option<&[&str]>,
) -> Result<Vec<Condition>, Refused> {
    let filters = filters(query)?;
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let index = index.ok_or_else(|| Refused::bad("index is required with filter"))?;
    if let Some((field, _)) = filters.iter().find(|(field, _)| !index.contains(&field.as_str())) {
        return Err(Refused::bad(format!(
            "filter.{field} is not a field of the index: {}",
            index.join(", ")
        )));
    }
    let mut conditions = Vec::new();
    for (position, field) in index.iter().take(filters.len()).enumerate() {
        let Some((_, wanted)) = filters.iter().find(|(name, _)| name == field) else {
            return Err(Refused::bad(format!(
                "filter must use the fields of the index from its left, and lacks {field}"
            )));
        };
        let kind = definition.rule(field).map_or(FieldType::String, |rule| rule.r#type);
        let mut add = |operator, value: &str| {
            let value = bound(field, kind, value)?;
            conditions.push(Condition { expression: expression(field), operator, value });
            Ok::<_, Refused>(())
        };
        match wanted {
            Wanted::Equal(value) => add("=", value)?,
            Wanted::Between(..) if position + 1 < filters.len() => {
                return Err(Refused::bad(format!("filter.{field} can be a range only as the last field")));
            }
            Wanted::Between(start, end) => {
                if let Some(start) = start {
                    add(">=", start)?;
                }
                if let Some(end) = end {
                    add("<=", end)?;
                }
            }
        }
    }
    Ok(conditions)
}

/// `filter[field]=…`, `filter[field][start]=…` and the same as a JSON object.
fn filters(query: &QueryText) -> Result<Vec<(String, Wanted)>, Refused> {
    const RULE: &str = "filter must be an object of fields, each a value or {start, end}";
    let mut filters: Vec<(String, Wanted)> = Vec::new();
    let mut add = |field: &str, part: Option<&str>, value: &str| {
        let position = filters.iter().position(|(name, _)| name == field);
        match (position.map(|position| &mut filters[position].1), part) {
            (None, None) => filters.push((field.to_owned(), Wanted::Equal(value.to_owned()))),
            (None, Some("start")) => {
                filters.push((field.to_owned(), Wanted::Between(Some(value.to_owned()), None)));
            }
            (None, Some("end")) => {
                filters.push((field.to_owned(), Wanted::Between(None, Some(value.to_owned()))));
            }
            (Some(Wanted::Between(start, _)), Some("start")) => *start = Some(value.to_owned()),
            (Some(Wanted::Between(_, end)), Some("end")) => *end = Some(value.to_owned()),
            _ => return Err(Refused::bad(RULE)),
        }
        Ok(())
    };
    for (path, value) in query.nested("filter") {
        match path.as_slice() {
            [field] => add(field, None, value)?,
            [field, part] => add(field, Some(part), value)?,
            _ => return Err(Refused::bad(RULE)),
        }
    }
    if let Some(text) = query.one("filter").filter(|text| !text.is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| Refused::bad(RULE))?;
        let plain = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
            _ => Err(Refused::bad(RULE)),
        };
        for (field, value) in &object {
            match value {
                Value::Object(parts) => {
                    for (part, value) in parts.iter().filter(|(_, value)| !value.is_null()) {
                        add(field, Some(part), &plain(value)?)?;
                    }
                }
                value => add(field, None, &plain(value)?)?,
            }
        }
    }
    Ok(filters)
}

fn bound(field: &str, kind: FieldType, text: &str) -> Result<Bound, Refused> {
    let bad = |rule: &str| Refused::bad(format!("filter.{field} must be {rule}"));
    match kind {
        FieldType::Int | FieldType::Float => {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            number.map(Bound::Real).ok_or_else(|| bad("a number"))
        }
        FieldType::Timestamp => {
            let time: Time = text.parse().map_err(|_| bad("a date such as 2026-11-22T04:30:00.000Z"))?;
            Ok(if is_column(field) { Bound::Integer(time.millis()) } else { Bound::Text(time.to_string()) })
        }
        _ => Ok(Bound::Text(text.to_owned())),
    }
}

/// How SQL names a field. Names are checked when a field is made: they need no quoting.
fn expression(field: &str) -> String {
    if is_column(field) { field.to_owned() } else { format!("(body ->> '$.{field}')") }
}

fn is_column(field: &str) -> bool {
    matches!(field, "id" | "created_at" | "updated_at")
}

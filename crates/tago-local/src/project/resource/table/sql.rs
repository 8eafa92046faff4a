use super::{ACTIVE, Default, Field, Initially, Resource, Shape, TAGS};
use crate::project::sql;

pub(in crate::project) const QUERY: &Resource = &Resource {
    kind: "sql_query",
    path: "/sql",
    label: "SQL query",
    plural: "SQL queries",
    fields: &[
        Field::required("name", Shape::Text(1, 64)),
        Field::optional("description", Shape::TextOrNull(1024), Default::Null),
        Field::required("query", Shape::Text(1, 20_000)),
        Field::optional("params", Shape::Pairs(100), Default::EmptyList),
        Field::optional("cache_enabled", Shape::Bool, Default::False),
        Field::optional("cache_ttl_seconds", Shape::NumberOrNull(0, u64::MAX), Default::Null),
        Field::optional("rate_limit_rpm", Shape::NumberOrNull(1, 15_000), Default::Null),
        ACTIVE,
        TAGS,
    ],
    own_fields: &[
        ("profile", Initially::Profile),
        ("version", Initially::One),
        ("session_context", Initially::False),
    ],
    listed: &["active", "created_at", "updated_at"],
    unlisted: &["query", "params", "description", "session_context", "version"],
    order: ("created_at", true),
    rule: |_, body| sql::check(body),
    ..Resource::PLAIN
};

/// What a query was: its name is the version's number, its parent the query.
pub(in crate::project) const VERSION: &Resource = &Resource {
    kind: "sql_version",
    label: "Version",
    plural: "versions of an SQL query",
    fields: &[],
    own_fields: &[],
    ..Resource::PLAIN
};

//! The descriptor table, by area.

mod access;
mod automation;
mod dashboard;
mod dictionary;
mod integration;
mod sql;

use super::{Initially, Resource};
use crate::project::fields::{Default, Field, Shape};
use crate::project::rates;

pub(in crate::project) use access::{POLICY, SECRET};
pub(in crate::project) use automation::{ACTION, ANALYSIS};
pub(in crate::project) use dashboard::{DASHBOARD, WIDGET};
pub(in crate::project) use dictionary::{DICTIONARY, LANGUAGE};
pub(in crate::project) use integration::{CONNECTOR, NETWORK};
pub(in crate::project) use sql::{QUERY as SQL_QUERY, VERSION as SQL_VERSION};

/// The types that a profile's summary counts, by the names there.
pub(in crate::project) const SUMMARISED: &[(&str, &Resource)] = &[
    ("action", ACTION),
    ("analysis", ANALYSIS),
    ("dashboard", DASHBOARD),
    ("am", POLICY),
    ("dictionary", DICTIONARY),
    ("secrets", SECRET),
    ("networks", NETWORK),
    ("connectors", CONNECTOR),
    ("sql", SQL_QUERY),
];

const NAME: Field = Field::required("name", Shape::Text(1, 100));
const DESCRIPTION: Field = Field::optional("description", Shape::TextOrNull(1000), Default::Null);
const TAGS: Field = Field::optional("tags", Shape::Tags, Default::EmptyList);
const ACTIVE: Field = Field::optional("active", Shape::Bool, Default::True);

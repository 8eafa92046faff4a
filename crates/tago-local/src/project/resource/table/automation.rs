use super::{ACTIVE, DESCRIPTION, Default, Field, Initially, NAME, Resource, Shape, TAGS, rates};
use crate::project::action;

pub(in crate::project) const ANALYSIS: &Resource = &Resource {
    kind: "analysis",
    path: "/analysis",
    label: "Analysis",
    plural: "analyses",
    fields: &[
        NAME,
        DESCRIPTION,
        ACTIVE,
        TAGS,
        Field::optional("interval", Shape::TextOrNull(100), Default::Null),
        Field::optional("run_on", Shape::Words(&["tago", "external"]), Default::Word("tago")).fixed(),
        Field::optional("runtime", Shape::Words(RUNTIMES), Default::Word("node-rt2025")).fixed(),
        Field::optional("variables", Shape::Pairs(20), Default::EmptyList),
    ],
    own_fields: &[
        ("profile", Initially::Profile),
        ("last_run", Initially::Word("never")),
        ("locked_at", Initially::Null),
    ],
    limits: [5, 100, 200],
    has_token: true,
    watched_as: Some("analysis"),
    reading: rates::ANALYSIS_READ,
    changing: rates::ANALYSIS_CHANGE,
    ..Resource::PLAIN
};

const RUNTIMES: &[&str] =
    &["node-legacy", "python-legacy", "node-rt2025", "python-rt2025", "deno-rt2025", "other"];

pub(in crate::project) const ACTION: &Resource = &Resource {
    kind: "action",
    path: "/action",
    label: "Action",
    plural: "actions",
    fields: &[
        NAME,
        DESCRIPTION,
        ACTIVE,
        TAGS,
        Field::optional("type", Shape::Words(action::TYPES), Default::Word("condition")),
        Field::optional("lock", Shape::Bool, Default::False),
        Field::optional("trigger_when_unlock", Shape::Bool, Default::False),
        Field::optional("trigger", Shape::Objects(10), Default::EmptyList),
        Field::required("action", Shape::Object),
    ],
    own_fields: &[("profile", Initially::Profile), ("last_triggered", Initially::Word("never"))],
    limits: [5, 100, 200],
    created_as: "action",
    rule: |_, body| action::check(body),
    watched_as: Some("action"),
    reading: rates::ACTION_CALL,
    changing: rates::ACTION_CALL,
    ..Resource::PLAIN
};

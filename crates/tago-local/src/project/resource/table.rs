use super::{Initially, Resource};
use crate::project::fields::{Default, Field, Shape};
use crate::project::rates;

pub(in crate::project) const ANALYSIS: &Resource = &Resource {
    kind: "analysis",
    label: "Analysis",
    plural: "analyses",
    fields: &[
        Field { name: "name", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
        Field { name: "description", shape: Shape::TextOrNull(1000), default: Default::Null, editable: true },
        Field { name: "active", shape: Shape::Bool, default: Default::True, editable: true },
        Field { name: "interval", shape: Shape::TextOrNull(100), default: Default::Null, editable: true },
        Field {
            name: "run_on",
            shape: Shape::Words(&["tago", "external"]),
            default: Default::Word("tago"),
            editable: false,
        },
        Field {
            name: "runtime",
            shape: Shape::Words(&[
                "node-legacy",
                "python-legacy",
                "node-rt2025",
                "python-rt2025",
                "deno-rt2025",
                "other",
            ]),
            default: Default::Word("node-rt2025"),
            editable: false,
        },
        Field { name: "variables", shape: Shape::Pairs(20), default: Default::EmptyList, editable: true },
        Field { name: "tags", shape: Shape::Tags, default: Default::EmptyList, editable: true },
    ],
    own_fields: &[("last_run", Initially::Word("never")), ("locked_at", Initially::Null)],
    limits: [5, 100, 200],
    created_as: "id",
    has_token: true,
    reading: rates::ANALYSIS_READ,
    changing: rates::ANALYSIS_CHANGE,
};

pub(in crate::project) const ACTION: &Resource = &Resource {
    kind: "action",
    label: "Action",
    plural: "actions",
    fields: &[
        Field { name: "name", shape: Shape::Text(1, 100), default: Default::Required, editable: true },
        Field { name: "description", shape: Shape::TextOrNull(1000), default: Default::Null, editable: true },
        Field {
            name: "type",
            shape: Shape::Words(&[
                "condition",
                "condition_geofence",
                "resource",
                "interval",
                "schedule",
                "mqtt_topic",
                "usage_alert",
            ]),
            default: Default::Word("condition"),
            editable: true,
        },
        Field { name: "active", shape: Shape::Bool, default: Default::True, editable: true },
        Field { name: "lock", shape: Shape::Bool, default: Default::False, editable: true },
        Field { name: "trigger_when_unlock", shape: Shape::Bool, default: Default::False, editable: true },
        Field { name: "trigger", shape: Shape::Objects(10), default: Default::EmptyList, editable: true },
        Field { name: "action", shape: Shape::Object, default: Default::EmptyObject, editable: true },
        Field { name: "tags", shape: Shape::Tags, default: Default::EmptyList, editable: true },
    ],
    own_fields: &[("last_triggered", Initially::Word("never"))],
    limits: [5, 100, 200],
    created_as: "action",
    has_token: false,
    reading: rates::ACTION_CALL,
    changing: rates::ACTION_CALL,
};

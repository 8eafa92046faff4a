use super::{Default, Field, Initially, Resource, Shape, TAGS, rates};
use crate::project::dashboard;

pub(in crate::project) const DASHBOARD: &Resource = &Resource {
    kind: "dashboard",
    path: "/dashboard",
    label: "Dashboard",
    plural: "dashboards",
    named: "label",
    fields: &[
        Field::required("label", Shape::Text(1, 100)),
        Field::optional("type", Shape::Words(&["dashboard", "blueprint"]), Default::Word("dashboard")),
        Field::optional("visible", Shape::Bool, Default::True),
        TAGS,
        Field::optional("description", Shape::TextOrNull(1000), Default::Null),
        Field::optional("icon", Shape::ObjectOrNull, Default::EmptyObject),
        Field::optional("background", Shape::Free, Default::EmptyObject),
        Field::optional("theme", Shape::Free, Default::Null),
        Field::optional("group_by", Shape::List(100), Default::EmptyList),
        Field::optional("setup", Shape::ObjectOrNull, Default::EmptyObject),
        Field::optional("filter", Shape::ObjectOrNull, Default::Null),
        Field::optional("tabs", Shape::Keyed("key", 10), Default::EmptyList),
        Field::optional("arrangement", Shape::Objects(1000), Default::EmptyList),
        Field::optional("blueprint_devices", Shape::Objects(20), Default::EmptyList),
        Field::optional(
            "blueprint_device_behavior",
            Shape::WordOrNull(&["more_than_one", "always"]),
            Default::Null,
        ),
        Field::optional(
            "blueprint_selector_behavior",
            Shape::WordOrNull(&["open", "closed", "always_open", "always_closed"]),
            Default::Null,
        ),
        Field::optional("disable_blueprint_fallback", Shape::Bool, Default::False),
    ],
    own_fields: &[("profile", Initially::Profile), ("last_access", Initially::Null)],
    listed: &["profile", "visible", "group_by", "created_at", "icon", "last_access", "type", "tabs"],
    order: ("label", false),
    limits: [5, 100, 1000],
    created_as: "dashboard",
    rule: dashboard::check,
    watched_as: Some("dashboard"),
    reading: rates::DASHBOARD_READ,
    changing: rates::DASHBOARD_CHANGE,
    ..Resource::PLAIN
};

/// A widget's parent is its dashboard. There are some forty types of it; what each shows is free.
pub(in crate::project) const WIDGET: &Resource = &Resource {
    kind: "widget",
    label: "Widget",
    plural: "widgets of a dashboard",
    named: "label",
    fields: &[
        Field::required("label", Shape::Text(0, 100)),
        Field::required("type", Shape::Text(1, 100)).fixed(),
        Field::optional("display", Shape::Object, Default::EmptyObject),
        Field::optional("data", Shape::Objects(200), Default::EmptyList),
        Field::optional("resource", Shape::Objects(200), Default::EmptyList),
        Field::optional("analysis_run", Shape::IdOrNone, Default::Null),
        Field::optional("realtime", Shape::Free, Default::True),
        Field::optional("cache", Shape::ObjectOrNull, Default::Null),
        Field::optional("mock_data", Shape::Free, Default::Null),
    ],
    own_fields: &[("dashboard", Initially::Null), ("token", Initially::Null)],
    limits: [100; 3],
    created_as: "widget",
    reading: rates::WIDGET_READ,
    changing: rates::WIDGET_CHANGE,
    ..Resource::PLAIN
};

use super::{ACTIVE, Default, Field, Initially, NAME, Resource, Shape, TAGS, rates};
use crate::project::{policy, secret};

pub(in crate::project) const POLICY: &Resource = &Resource {
    kind: "access_policy",
    path: "/am",
    label: "Access policy",
    plural: "access policies",
    fields: &[
        NAME,
        ACTIVE,
        TAGS,
        Field::optional("permissions", Shape::Objects(1000), Default::EmptyList),
        Field::optional("targets", Shape::List(1000), Default::EmptyList),
    ],
    listed: &["profile", "active", "created_at"],
    unlisted: &["permissions", "targets"],
    limits: [5, 30, 100],
    created_as: "am_id",
    edited: "Access Management Successfully Updated",
    removed: "Access Management Successfully Deleted",
    rule: |_, body| policy::check(body),
    watched_as: Some("am"),
    reading: rates::ACCESS,
    changing: rates::ACCESS,
    ..Resource::PLAIN
};

pub(in crate::project) const SECRET: &Resource = &Resource {
    kind: "secret",
    path: "/secrets",
    label: "Secret",
    plural: "secrets",
    named: "key",
    fields: &[
        Field::required("key", Shape::Text(1, 100)).fixed(),
        Field::required("value", Shape::Text(1, 2048)),
        TAGS,
    ],
    own_fields: &[("profile", Initially::Profile)],
    listed: &["value_length", "created_at"],
    order: ("key", false),
    unique: Some("key"),
    rule: |_, body| secret::keep_length_alone(body),
    ..Resource::PLAIN
};

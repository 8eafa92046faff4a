use super::{DESCRIPTION, Default, Field, Initially, NAME, Resource, Shape, rates};
use crate::project::integration;

const LOGO: Field = Field::optional("logo_url", Shape::TextOrNull(2000), Default::Null);
const PARAMETERS: Field = Field::optional("device_parameters", Shape::Objects(100), Default::EmptyList);
const ENCODER: Field = Field::optional("payload_encoder", Shape::TextOrNull(100_000), Default::Null);
const DECODER: Field = Field::optional("payload_decoder", Shape::TextOrNull(100_000), Default::Null);

pub(in crate::project) const NETWORK: &Resource = &Resource {
    kind: "network",
    path: "/integration/network",
    label: "Network",
    plural: "custom networks",
    fields: &[
        NAME,
        DESCRIPTION,
        LOGO,
        Field::optional("icon_url", Shape::TextOrNull(2000), Default::Null),
        Field::optional("banner_url", Shape::TextOrNull(2000), Default::Null),
        Field::optional("documentation_url", Shape::TextOrNull(2000), Default::Null),
        PARAMETERS,
        Field::optional("middleware_endpoint", Shape::TextOrNull(2000), Default::Null),
        ENCODER,
        DECODER,
        Field::optional("public", Shape::Bool, Default::False),
        Field::optional("serial_number", Shape::ObjectOrNull, Default::EmptyObject),
        Field::optional("require_devices_access", Shape::Bool, Default::False),
    ],
    limits: [1, 5, 10],
    created_as: "network",
    reading: rates::INTEGRATION,
    changing: rates::INTEGRATION,
    ..Resource::PLAIN
};

pub(in crate::project) const CONNECTOR: &Resource = &Resource {
    kind: "connector",
    path: "/integration/connector",
    label: "Connector",
    plural: "custom connectors",
    fields: &[
        NAME,
        DESCRIPTION,
        LOGO,
        PARAMETERS,
        Field::optional("networks", Shape::Ids(100), Default::EmptyList),
        ENCODER,
        DECODER,
        Field::optional("install_text", Shape::TextOrNull(20_000), Default::Null),
        Field::optional("install_end_text", Shape::TextOrNull(20_000), Default::Null),
        Field::optional("device_annotation", Shape::TextOrNull(20_000), Default::Null),
    ],
    own_fields: &[("profile", Initially::Profile), ("public", Initially::False)],
    limits: [3, 20, 50],
    created_as: "connector",
    rule: |writing, body| integration::refuse_missing_networks(writing.db, body),
    reading: rates::INTEGRATION,
    changing: rates::INTEGRATION,
    ..Resource::PLAIN
};

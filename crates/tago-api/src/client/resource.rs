//! Resources as whole documents: what the platform knows about one, field by field, is the platform's to
//! say. A table says where each type lives.

use std::io::Read;

use bytes::Bytes;
use serde::de::Error as _;
use serde_json::{Map, Value};

use super::api::{Api, BY_ID, PAGE};
use super::error::{ApiError, Body};
use super::transport::Call;
use crate::ProfileId;

mod file;
mod part;
mod service_authorization;

pub use file::{FileEntry, StoredFile, UPLOAD_PART, UploadedPart};
pub use part::AnalysisCode;
pub use service_authorization::{CreatedAuthorization, NewServiceAuthorization, ServiceAuthorization};

/// A resource by its field names on the wire.
pub type Document = Map<String, Value>;

/// The types of resource that have an address of the shape `/type/{id}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum ResourceType {
    Network,
    Connector,
    Secret,
    Dictionary,
    Device,
    Entity,
    Analysis,
    RunUser,
    Dashboard,
    Access,
    Sql,
    Action,
}

/// Where a type lives, and how its documents are asked for.
struct Routes {
    list: &'static str,
    create: &'static str,
    info: &'static str,
    edit: &'static str,
    delete: &'static str,
    /// Names under which a creation may answer the new id.
    created_as: &'static [&'static str],
    /// Fields of a list; the rest is only in the document itself.
    listed: &'static [&'static str],
    /// Fields that the document itself has only if they are asked for.
    asked: &'static [&'static str],
    /// Whether lists also hold what everybody has.
    has_catalogue: bool,
}

const NETWORK_FIELDS: &[&str] = &[
    "id",
    "name",
    "description",
    "logo_url",
    "icon_url",
    "banner_url",
    "documentation_url",
    "device_parameters",
    "middleware_endpoint",
    "payload_encoder",
    "payload_decoder",
    "public",
    "serial_number",
    "require_devices_access",
    "created_at",
    "updated_at",
];

const CONNECTOR_FIELDS: &[&str] = &[
    "id",
    "name",
    "description",
    "logo_url",
    "device_parameters",
    "networks",
    "payload_encoder",
    "payload_decoder",
    "install_text",
    "install_end_text",
    "device_annotation",
    "public",
    "created_at",
    "updated_at",
];

const NAMED: &[&str] = &["id", "name", "tags"];

impl ResourceType {
    fn routes(self) -> Routes {
        macro_rules! routes {
            ($all:literal, $one:literal, $created:expr, $listed:expr) => {
                Routes {
                    list: concat!("GET ", $all),
                    create: concat!("POST ", $all),
                    info: concat!("GET ", $one),
                    edit: concat!("PUT ", $one),
                    delete: concat!("DELETE ", $one),
                    created_as: $created,
                    listed: $listed,
                    asked: &[],
                    has_catalogue: false,
                }
            };
        }
        match self {
            ResourceType::Network => Routes {
                asked: NETWORK_FIELDS,
                has_catalogue: true,
                ..routes!("/integration/network", "/integration/network/{id}", &["network"], &["id", "name"])
            },
            ResourceType::Connector => Routes {
                asked: CONNECTOR_FIELDS,
                has_catalogue: true,
                ..routes!(
                    "/integration/connector",
                    "/integration/connector/{id}",
                    &["connector"],
                    &["id", "name"]
                )
            },
            ResourceType::Secret => routes!("/secrets", "/secrets/{id}", &["id"], &["id", "key", "tags"]),
            ResourceType::Dictionary => {
                routes!("/dictionary", "/dictionary/{id}", &["dictionary"], &["id", "name", "slug"])
            }
            ResourceType::Device => routes!("/device", "/device/{id}", &["device_id", "deviceID"], NAMED),
            ResourceType::Entity => routes!("/entity", "/entity/{id}", &["id"], NAMED),
            ResourceType::Analysis => routes!("/analysis", "/analysis/{id}", &["id"], NAMED),
            ResourceType::RunUser => {
                routes!("/run/users", "/run/users/{id}", &["user"], &["id", "name", "email", "tags"])
            }
            ResourceType::Dashboard => {
                routes!("/dashboard", "/dashboard/{id}", &["dashboard"], &["id", "label", "type", "tags"])
            }
            ResourceType::Access => routes!("/am", "/am/{id}", &["am_id"], NAMED),
            ResourceType::Sql => routes!("/sql", "/sql/{id}", &["id"], NAMED),
            ResourceType::Action => routes!("/action", "/action/{id}", &["action"], NAMED),
        }
    }
}

/// Resources as documents.
impl Api {
    /// Every resource of a type, with the fields of its list, each once. The catalogue of networks and
    /// connectors that everybody has is left out.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn resources(&self, of: ResourceType) -> Result<Vec<Document>, ApiError> {
        let routes = of.routes();
        let key = |item: &Document| item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let order = if of == ResourceType::Secret { "key,asc" } else { BY_ID };
        // Sources disagree about entities; the smaller number is right everywhere.
        let amount = if of == ResourceType::Entity { 100 } else { PAGE };
        self.pages_of(amount, key, order, || {
            let call = Call::new(routes.list);
            let call = if routes.has_catalogue { call.query("filter[public]", false) } else { call };
            with_fields(call, routes.listed)
        })
        .await
    }

    /// One resource with all its fields.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn resource(&self, of: ResourceType, id: &str) -> Result<Document, ApiError> {
        let routes = of.routes();
        let call = with_fields(Call::new(routes.info).with(id), routes.asked);
        // A run user is published as a list of one.
        let one = match self.transport.result::<Value>(call).await? {
            Value::Array(list) => list.into_iter().next(),
            one => Some(one),
        };
        match one {
            Some(Value::Object(document)) => Ok(document),
            _ => Err(self.unexpected(routes.info, "expected one resource")),
        }
    }

    /// Makes a resource of these fields and answers its id.
    ///
    /// # Errors
    /// See [`ApiError`]. An answer without an id is [`ApiError::Undecodable`]: it may have been made.
    pub async fn create_resource(&self, of: ResourceType, fields: &Document) -> Result<String, ApiError> {
        let routes = of.routes();
        self.created(Call::new(routes.create).json(fields)?, routes.create, routes.created_as).await
    }

    /// Sets these fields of a resource; the others stay.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn edit_resource(&self, of: ResourceType, id: &str, fields: &Document) -> Result<(), ApiError> {
        self.done(Call::new(of.routes().edit).with(id).json(fields)?).await
    }

    /// Deletes a resource.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_resource(&self, of: ResourceType, id: &str) -> Result<(), ApiError> {
        self.done(Call::new(of.routes().delete).with(id)).await
    }

    /// A widget of a dashboard. There is no list of them: the dashboard's arrangement names them.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn widget(&self, dashboard: &str, widget: &str) -> Result<Document, ApiError> {
        const ROUTE: &str = "GET /dashboard/{dashboard}/widget/{widget}";
        self.transport.result(Call::new(ROUTE).with(dashboard).with(widget)).await
    }

    /// Makes a widget; the arrangement is not touched.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_widget(&self, dashboard: &str, fields: &Document) -> Result<String, ApiError> {
        const ROUTE: &str = "POST /dashboard/{dashboard}/widget";
        self.created(Call::new(ROUTE).with(dashboard).json(fields)?, ROUTE, &["widget"]).await
    }

    /// Sets fields of a widget. An absent `analysis_run` takes the analysis off, so it belongs in.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn edit_widget(
        &self,
        dashboard: &str,
        widget: &str,
        fields: &Document,
    ) -> Result<(), ApiError> {
        const ROUTE: &str = "PUT /dashboard/{dashboard}/widget/{widget}";
        self.done(Call::new(ROUTE).with(dashboard).with(widget).json(fields)?).await
    }

    /// Deletes a widget; the arrangement is not touched.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_widget(&self, dashboard: &str, widget: &str) -> Result<(), ApiError> {
        const ROUTE: &str = "DELETE /dashboard/{dashboard}/widget/{widget}";
        self.done(Call::new(ROUTE).with(dashboard).with(widget)).await
    }

    /// The configuration of TagoRUN, of which a profile has one.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn run_configuration(&self) -> Result<Document, ApiError> {
        self.transport.result(Call::new("GET /run")).await
    }

    /// Sets fields of the configuration of TagoRUN.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn edit_run_configuration(&self, fields: &Document) -> Result<(), ApiError> {
        self.done(Call::new("PUT /run").json(fields)?).await
    }

    async fn created(&self, call: Call, route: &'static str, names: &[&str]) -> Result<String, ApiError> {
        let answer: Document = self.transport.result(call).await?;
        let id = names.iter().find_map(|name| answer.get(*name)).and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| self.unexpected(route, "expected the new id"))
    }

    fn unexpected(&self, route: &'static str, expected: &str) -> ApiError {
        let source = serde_json::Error::custom(expected);
        let at = "result".to_owned();
        ApiError::Undecodable { route, origin: self.address().origin(), at, body: Body(Bytes::new()), source }
    }
}

fn with_fields(mut call: Call, fields: &[&str]) -> Call {
    for (index, field) in fields.iter().enumerate() {
        call = call.query(format!("fields[{index}]"), field);
    }
    call
}

/// What a gzip holds, if that is at most `limit` bytes.
fn unpacked(packed: &[u8], limit: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::GzDecoder::new(packed).take(most).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// The address under which a file of a profile is read.
fn file_call(profile: ProfileId, path: &str) -> Call {
    Call::new("GET /file/{profile}/{*path}").with(profile).with(path)
}

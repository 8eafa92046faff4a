//! The types of resource, as one table: what can be carried, what tells a counterpart, where ids of other
//! resources stand, and what the platform makes anew.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::place::Pattern;

/// A type of resource. The order is that in which they are made: what is referred to comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Kind {
    Network,
    Connector,
    Secret,
    Dictionary,
    File,
    Device,
    Entity,
    Analysis,
    RunUser,
    Dashboard,
    Widget,
    Access,
    Sql,
    ServiceAuthorization,
    Action,
    RunConfiguration,
}

/// What is known of a type.
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    /// What people call one.
    pub(crate) word: &'static str,
    /// The field that holds its name.
    pub(crate) title: &'static str,
    /// Every field that can be carried; the title is one of them.
    pub(crate) fields: &'static [&'static str],
    /// Those that can only be given at the making.
    pub(crate) fixed: &'static [&'static str],
    /// Those that its part tells more fully, so that they are not compared.
    pub(crate) covered: &'static [&'static str],
    /// Those that are set when everything else is there, because they lead in a circle.
    pub(crate) late: &'static [&'static str],
    /// The field of which no two in a project have the same.
    pub(crate) key: Option<&'static str>,
    /// The field that tells two of the same name apart.
    pub(crate) variant: Option<&'static str>,
    /// How one that this run made is told from others when the answer was lost.
    pub(crate) mark: Mark,
    /// Whether it is made with `active: false` and stays so until the owner decides.
    pub(crate) rests: bool,
    /// Where ids of other resources stand, and of which types.
    pub(crate) references: &'static [Reference],
    /// What is never rewritten, though it may look like an id.
    pub(crate) opaque: &'static [Pattern],
    /// Types that must be settled before one can be made.
    pub(crate) needs: &'static [Kind],
    /// What belongs to it beside its document.
    pub(crate) part: Option<Part>,
    /// What the platform makes anew, in words.
    pub(crate) renewed: &'static str,
}

/// How a resource that a run made is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// By the run's own tag, which the last step takes away.
    Tag,
    /// It was not there before, and holds exactly what was sent.
    Fresh,
    /// Its key cannot be taken twice.
    Key,
    /// It cannot be looked for; one that nothing arranges is on no screen, and harms nobody.
    None,
}

/// What belongs to a resource beside its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Part {
    Params,
    Languages,
    Rows,
    Script,
}

/// Where an id stands, and of which types it can be.
pub(crate) struct Reference {
    pub(crate) at: Pattern,
    pub(crate) to: &'static [Kind],
}

impl Kind {
    /// In the order of their making.
    pub const ALL: [Kind; 16] = [
        Kind::Network,
        Kind::Connector,
        Kind::Secret,
        Kind::Dictionary,
        Kind::File,
        Kind::Device,
        Kind::Entity,
        Kind::Analysis,
        Kind::RunUser,
        Kind::Dashboard,
        Kind::Widget,
        Kind::Access,
        Kind::Sql,
        Kind::ServiceAuthorization,
        Kind::Action,
        Kind::RunConfiguration,
    ];

    pub(crate) fn descriptor(self) -> &'static Descriptor {
        match self {
            Kind::Network => &NETWORK,
            Kind::Connector => &CONNECTOR,
            Kind::Secret => &SECRET,
            Kind::Dictionary => &DICTIONARY,
            Kind::File => &FILE,
            Kind::Device => &DEVICE,
            Kind::Entity => &ENTITY,
            Kind::Analysis => &ANALYSIS,
            Kind::RunUser => &RUN_USER,
            Kind::Dashboard => &DASHBOARD,
            Kind::Widget => &WIDGET,
            Kind::Access => &ACCESS,
            Kind::Sql => &SQL,
            Kind::ServiceAuthorization => &SERVICE_AUTHORIZATION,
            Kind::Action => &ACTION,
            Kind::RunConfiguration => &RUN_CONFIGURATION,
        }
    }

    /// The word on a command line and in a plan, `run_user` for example.
    pub fn as_str(self) -> &'static str {
        self.descriptor().word
    }
}

impl Kind {
    /// The name by which people know one of this type.
    pub fn name_of(self, document: &super::Document) -> String {
        super::document::name(self, document)
    }

    /// What the platform makes anew of one, in words.
    pub fn renewed(self) -> &'static str {
        self.descriptor().renewed
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.descriptor().word.replace('_', " "))
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let wanted = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        Kind::ALL.into_iter().find(|kind| kind.as_str() == wanted).ok_or_else(|| {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("{text} is no type of resource; there are {}", known.join(", "))
        })
    }
}

impl Descriptor {
    /// Fields that can be set later as well.
    pub(crate) fn is_editable(&self, field: &str) -> bool {
        self.fields.contains(&field) && !self.fixed.contains(&field) && !self.covered.contains(&field)
    }
}

const ANY: &[Kind] = &[];

const fn to(at: &'static str, to: &'static [Kind]) -> Reference {
    Reference { at: Pattern(at), to }
}

/// What a row of the table does not say.
const PLAIN: Descriptor = Descriptor {
    kind: Kind::Network,
    word: "",
    title: "name",
    fields: &[],
    fixed: &[],
    covered: &[],
    late: &[],
    key: None,
    variant: None,
    mark: Mark::Fresh,
    rests: false,
    references: &[],
    opaque: &[],
    needs: &[],
    part: None,
    renewed: "its id",
};

const NETWORK: Descriptor = Descriptor {
    kind: Kind::Network,
    word: "network",
    fields: &[
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
        "serial_number",
        "require_devices_access",
    ],
    renewed: "its id and its tokens: network servers need new ones",
    ..PLAIN
};

const CONNECTOR: Descriptor = Descriptor {
    kind: Kind::Connector,
    word: "connector",
    fields: &[
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
    ],
    references: &[to("networks.[]", &[Kind::Network])],
    needs: &[Kind::Network],
    ..PLAIN
};

const SECRET: Descriptor = Descriptor {
    kind: Kind::Secret,
    word: "secret",
    title: "key",
    fields: &["key", "tags"],
    fixed: &["key"],
    key: Some("key"),
    mark: Mark::Key,
    opaque: &[Pattern("key")],
    renewed: "its id; its value is never shown and has to be entered again",
    ..PLAIN
};

const DICTIONARY: Descriptor = Descriptor {
    kind: Kind::Dictionary,
    word: "dictionary",
    fields: &["name", "slug", "fallback", "languages"],
    covered: &["languages"],
    key: Some("slug"),
    mark: Mark::Key,
    opaque: &[Pattern("slug"), Pattern("fallback"), Pattern("languages.**")],
    part: Some(Part::Languages),
    ..PLAIN
};

const FILE: Descriptor = Descriptor {
    kind: Kind::File,
    word: "file",
    title: "path",
    fields: &["path", "public", "sha256"],
    fixed: &["path"],
    key: Some("path"),
    mark: Mark::Key,
    opaque: &[Pattern("sha256")],
    renewed: "the addresses under which it is read",
    ..PLAIN
};

const DEVICE: Descriptor = Descriptor {
    kind: Kind::Device,
    word: "device",
    fields: &[
        "name",
        "description",
        "type",
        "network",
        "connector",
        "active",
        "visible",
        "tags",
        "payload_decoder",
        "connector_parse",
        "chunk_period",
        "chunk_retention",
        "mutable_variable_regex",
    ],
    fixed: &["type", "chunk_period", "network", "connector"],
    variant: Some("type"),
    mark: Mark::Tag,
    references: &[to("network", &[Kind::Network]), to("connector", &[Kind::Connector])],
    needs: &[Kind::Network, Kind::Connector],
    part: Some(Part::Params),
    renewed: "its id and its tokens: whoever sends to it needs the new one",
    ..PLAIN
};

const ENTITY: Descriptor = Descriptor {
    kind: Kind::Entity,
    word: "entity",
    fields: &["name", "schema", "index", "tags", "payload_decoder"],
    fixed: &["schema", "index"],
    // The parser would see the rows as they are written.
    late: &["payload_decoder"],
    mark: Mark::Tag,
    opaque: &[Pattern("schema.**"), Pattern("index.**")],
    part: Some(Part::Rows),
    ..PLAIN
};

const ANALYSIS: Descriptor = Descriptor {
    kind: Kind::Analysis,
    word: "analysis",
    fields: &["name", "description", "active", "interval", "run_on", "runtime", "variables", "tags"],
    fixed: &["run_on", "runtime"],
    variant: Some("runtime"),
    mark: Mark::Tag,
    rests: true,
    part: Some(Part::Script),
    renewed: "its id and its token, its console and its older versions",
    ..PLAIN
};

const RUN_USER: Descriptor = Descriptor {
    kind: Kind::RunUser,
    word: "run_user",
    fields: &["name", "email", "timezone", "company", "phone", "language", "tags", "active", "options"],
    fixed: &["email"],
    key: Some("email"),
    mark: Mark::Key,
    renewed: "its id, its password and its second factor",
    ..PLAIN
};

const DASHBOARD: Descriptor = Descriptor {
    kind: Kind::Dashboard,
    word: "dashboard",
    title: "label",
    fields: &[
        "label",
        "type",
        "description",
        "visible",
        "tags",
        "icon",
        "background",
        "theme",
        "group_by",
        "setup",
        "filter",
        "tabs",
        "arrangement",
        "blueprint_devices",
        "blueprint_device_behavior",
        "blueprint_selector_behavior",
        "disable_blueprint_fallback",
    ],
    fixed: &["type"],
    late: &["arrangement"],
    variant: Some("type"),
    mark: Mark::Tag,
    references: &[
        to("arrangement.[].widget_id", &[Kind::Widget]),
        to("tabs.[].conditions.[].resourceId", &[Kind::Device, Kind::RunUser]),
        to("setup.config.[].id", &[Kind::Device]),
        to("setup.config.[].bucket", &[Kind::Device]),
        to("setup.blueprint_devices.**", &[Kind::Device, Kind::Entity]),
        to("tabs.[].link", &[Kind::Dashboard]),
    ],
    opaque: &[
        Pattern("blueprint_devices.[].id"),
        Pattern("blueprint_devices.[].filter_conditions.[].blueprint_device"),
        Pattern("tabs.[].key"),
        Pattern("arrangement.[].tab"),
        Pattern("group_by.**"),
    ],
    renewed: "its id, its public links, its shares and its older versions",
    ..PLAIN
};

const WIDGET: Descriptor = Descriptor {
    kind: Kind::Widget,
    word: "widget",
    title: "label",
    fields: &[
        "label",
        "type",
        "display",
        "data",
        "resource",
        "analysis_run",
        "realtime",
        "cache",
        "mock_data",
    ],
    fixed: &["type"],
    variant: Some("type"),
    mark: Mark::None,
    references: &[
        to("data.[].origin", &[Kind::Device]),
        to("data.[].bucket", &[Kind::Device]),
        to("data.[].entity", &[Kind::Entity]),
        to("resource.[].id", &[Kind::Entity]),
        to("analysis_run", &[Kind::Analysis]),
        to("**.analysis_run", &[Kind::Analysis]),
        to("display.**.analysis", &[Kind::Analysis]),
        to("display.**.widget", &[Kind::Widget]),
        to("display.**.dashboard", &[Kind::Dashboard]),
        to("display.**.origin", &[Kind::Device]),
        to("display.**.origin.id", &[Kind::Device]),
        to("display.**.bucket", &[Kind::Device]),
        to("display.**.bucket.id", &[Kind::Device]),
        to("mock_data.**.device", &[Kind::Device]),
        to("mock_data.**.origin", &[Kind::Device]),
        to("mock_data.**.bucket", &[Kind::Device]),
    ],
    opaque: &[Pattern("mock_data.[].result.[].id"), Pattern("mock_data.**.group")],
    needs: &[Kind::Dashboard],
    renewed: "its id and its link for embedding",
    ..PLAIN
};

const ACCESS: Descriptor = Descriptor {
    kind: Kind::Access,
    word: "access",
    fields: &["name", "active", "tags", "permissions", "targets"],
    mark: Mark::Tag,
    references: &[to("permissions.[].resource.[]", ANY), to("targets.[].[]", ANY)],
    ..PLAIN
};

const SQL: Descriptor = Descriptor {
    kind: Kind::Sql,
    word: "sql",
    fields: &[
        "name",
        "description",
        "query",
        "params",
        "cache_enabled",
        "cache_ttl_seconds",
        "rate_limit_rpm",
        "active",
        "tags",
    ],
    mark: Mark::Tag,
    references: &[to("query", ANY), to("params.[].value", ANY)],
    ..PLAIN
};

const SERVICE_AUTHORIZATION: Descriptor = Descriptor {
    kind: Kind::ServiceAuthorization,
    word: "service_authorization",
    fields: &["name", "permission", "expire_time"],
    fixed: &["name", "permission", "expire_time"],
    opaque: &[Pattern("**")],
    renewed: "its token: whoever calls with it needs the new one",
    ..PLAIN
};

const ACTION: Descriptor = Descriptor {
    kind: Kind::Action,
    word: "action",
    fields: &[
        "name",
        "description",
        "type",
        "active",
        "lock",
        "trigger_when_unlock",
        "trigger",
        "action",
        "tags",
    ],
    variant: Some("type"),
    mark: Mark::Tag,
    rests: true,
    references: &[
        to("trigger.[].device", &[Kind::Device]),
        to("action.script.[]", &[Kind::Analysis]),
        to("action.run_user", &[Kind::RunUser]),
        to("action.bucket", &[Kind::Device]),
        to("action.device", &[Kind::Device]),
        to("action.twilio_sid", &[Kind::Secret]),
        to("action.twilio_token", &[Kind::Secret]),
        to("action.content_sid", &[Kind::Secret]),
        to("action.sendgrid_api_key", &[Kind::Secret]),
        to("action.smtp_secret", &[Kind::Secret]),
        to("action.sqs_secret", &[Kind::Secret]),
    ],
    ..PLAIN
};

/// Never carried: `url`, `email_domain`, `anonymous_token`, `profile`, `created_at`, `sso_saml_active`.
const RUN_CONFIGURATION: Descriptor = Descriptor {
    kind: Kind::RunConfiguration,
    word: "run_configuration",
    fields: &[
        "active",
        "name",
        "sub_title",
        "signup_method",
        "favicon",
        "logo",
        "logo_options",
        "signup_logo",
        "signup_logo_options",
        "sidebar_buttons",
        "signin_buttons",
        "signup_fields",
        "email_templates",
        "feature_devicewifisetup",
        "feature_geolocation",
        "theme",
        "integration",
        "security",
        "auth_token_ttl",
        "dictionary",
        "custom_fields",
    ],
    mark: Mark::Key,
    references: &[
        to("sidebar_buttons.[].value", &[Kind::Dashboard]),
        to("feature_geolocation.device", &[Kind::Device]),
        to("dictionary", &[Kind::Dictionary]),
        to("security.**", &[Kind::Analysis]),
    ],
    renewed: "its address, its sender domain, its anonymous token and its single sign-on",
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        for kind in Kind::ALL {
            let row = kind.descriptor();
            assert_eq!(row.kind, kind);
            assert!(row.fields.contains(&row.title), "{kind}");
            for field in row.fixed.iter().chain(row.late).chain(&row.key).chain(&row.variant) {
                assert!(row.fields.contains(field), "{kind}: {field}");
            }
            assert!(row.needs.iter().all(|needed| *needed < kind), "{kind} comes before what it needs");
            assert!(row.mark != Mark::Tag || row.fields.contains(&"tags"), "{kind}");
            assert!(row.mark != Mark::Key || row.key.is_some() || kind == Kind::RunConfiguration, "{kind}");
            assert!(!row.rests || row.fields.contains(&"active"), "{kind}");
            assert_eq!(row.word.parse::<Kind>(), Ok(kind));
        }
        assert!("widgetz".parse::<Kind>().is_err());
    }
}

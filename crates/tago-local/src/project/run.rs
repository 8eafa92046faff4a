//! TagoRUN: the portal of the profile's end users.

mod session;
mod sign_on;
mod users;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Refused};
use super::fields::{self, Default, Field, Shape};
use super::messages::{self, Channel};
use super::{Project, schema};

pub(super) use session::run_user;
pub(super) use session::{
    change_own, change_password, confirm_otp, confirm_user, disable_otp, enable_otp, forget_item, item,
    log_in, own_info, recover_password, remove_own, send_pin, session_of_run, set_item, sign_up,
};
pub(super) use sign_on::{refuse_custom_domains, saml, set_saml};
pub(super) use users::{
    backed_up as backed_up_users, create as create_user, edit as edit_user, info as user, list as list_users,
    log_in_as, remove as remove_user, shown as shown_user, user_info,
};

const SETTINGS: &str = "run";
/// The token of whoever is not logged in. It is shown, so it is kept as it is; it opens nothing here.
pub(super) const ANONYMOUS_TOKEN: &str = "run_anonymous_token";
const BUTTONS: usize = 50;

const FIELDS: &[Field] = &[
    Field { name: "active", shape: Shape::Bool, default: Default::True, editable: true },
    Field { name: "name", shape: Shape::Text(1, 100), default: Default::Word("TagoRUN"), editable: true },
    Field { name: "sub_title", shape: Shape::TextOrNull(200), default: Default::Null, editable: true },
    Field { name: "url", shape: Shape::Text(1, 200), default: Default::Null, editable: true },
    Field { name: "email_domain", shape: Shape::TextOrNull(200), default: Default::Null, editable: true },
    Field {
        name: "signup_method",
        shape: Shape::Text(1, 50),
        default: Default::Word("default"),
        editable: true,
    },
    Field { name: "favicon", shape: Shape::TextOrNull(2000), default: Default::Null, editable: true },
    Field { name: "logo", shape: Shape::TextOrNull(2000), default: Default::Null, editable: true },
    Field { name: "logo_options", shape: Shape::Object, default: Default::EmptyObject, editable: true },
    Field { name: "signup_logo", shape: Shape::TextOrNull(2000), default: Default::Null, editable: true },
    Field {
        name: "signup_logo_options",
        shape: Shape::Object,
        default: Default::EmptyObject,
        editable: true,
    },
    Field {
        name: "sidebar_buttons",
        shape: Shape::Objects(BUTTONS),
        default: Default::EmptyList,
        editable: true,
    },
    Field {
        name: "signin_buttons",
        shape: Shape::Objects(BUTTONS),
        default: Default::EmptyList,
        editable: true,
    },
    Field {
        name: "signup_fields",
        shape: Shape::Objects(BUTTONS),
        default: Default::EmptyList,
        editable: true,
    },
    Field {
        name: "custom_fields",
        shape: Shape::Objects(BUTTONS),
        default: Default::EmptyList,
        editable: true,
    },
    Field { name: "email_templates", shape: Shape::Object, default: Default::EmptyObject, editable: true },
    Field {
        name: "feature_devicewifisetup",
        shape: Shape::Object,
        default: Default::EmptyObject,
        editable: true,
    },
    Field {
        name: "feature_geolocation",
        shape: Shape::Object,
        default: Default::EmptyObject,
        editable: true,
    },
    Field { name: "theme", shape: Shape::Object, default: Default::EmptyObject, editable: true },
    Field { name: "integration", shape: Shape::Object, default: Default::EmptyObject, editable: true },
    Field { name: "sso_saml_active", shape: Shape::Bool, default: Default::False, editable: true },
    Field { name: "security", shape: Shape::Object, default: Default::EmptyObject, editable: true },
    Field {
        name: "auth_token_ttl",
        shape: Shape::Text(1, 50),
        default: Default::Word("3 months"),
        editable: true,
    },
    Field { name: "dictionary", shape: Shape::TextOrNull(24), default: Default::Null, editable: true },
];

/// Fields that only the platform sets.
const OWN_FIELDS: [&str; 3] = ["profile", "anonymous_token", "created_at"];

#[derive(Deserialize)]
struct Trial {
    subject: String,
    body: String,
}

pub(super) async fn show(call: Call) -> Result<Answer, Refused> {
    let project = call.project.clone();
    Answer::ok(call.read(move |db| settings(&project, db)).await?)
}

/// What is sent replaces what there is, lists as a whole and objects key by key.
pub(super) async fn edit(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let changed = fields::edit(FIELDS, &without_nulls_of_objects(body.clone()))?;
    if let Some(lifetime) = changed.get("auth_token_ttl").and_then(Value::as_str) {
        super::account::expire_time(&call, Some(lifetime))?;
    }
    let project = call.project.clone();
    call.write(move |writing| {
        let mut all = settings(&project, writing.db)?;
        for name in OWN_FIELDS {
            if body.get(name).is_some_and(|sent| *sent != all[name]) {
                return Err(Refused::bad(format!("{name} is set by the platform and cannot be changed")));
            }
        }
        for (name, value) in changed {
            merge(all.entry(name).or_insert(Value::Null), value);
        }
        OWN_FIELDS.iter().for_each(|name| drop(all.remove(*name)));
        all.insert("updated_at".into(), json!(writing.now));
        Ok(schema::put(writing.db, SETTINGS, Value::Object(all).to_string())?)
    })
    .await?;
    Answer::ok("TagoIO Run Successfully Updated")
}

/// Records what would be sent to the owner.
pub(super) async fn test_email(call: Call) -> Result<Answer, Refused> {
    let trial: Trial = call.json()?;
    let email = call.project.0.identity.owner.email.clone();
    let recipient = email.clone();
    call.write(move |writing| {
        Ok(messages::record(writing, Channel::Email, &recipient, &trial.subject, &trial.body)?)
    })
    .await?;
    Answer::ok(format!("E-mail to {email} recorded: nothing is sent from this platform"))
}

/// The whole configuration.
pub(super) fn settings(project: &Project, db: &Connection) -> Result<Map<String, Value>, Refused> {
    let mut all = fields::create(FIELDS, &json!({}))?;
    all.insert("url".into(), format!("{}.run.localhost", project.profile()).into());
    all.insert("email_templates".into(), email_templates());
    all.insert("updated_at".into(), json!(project.0.identity.created_at));
    let stored: Option<String> = schema::get(db, SETTINGS)?;
    if let Some(text) = stored {
        let stored: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
            Refused::internal(format!("The configuration of TagoRUN is damaged: {error}"))
        })?;
        all.extend(stored);
    }
    all.insert("profile".into(), json!(project.profile()));
    all.insert("anonymous_token".into(), json!(schema::get::<String>(db, ANONYMOUS_TOKEN)?));
    all.insert("created_at".into(), json!(project.0.identity.created_at));
    Ok(all)
}

/// The portal's address.
pub(super) fn url(project: &Project, db: &Connection) -> Result<Value, Refused> {
    Ok(settings(project, db)?["url"].clone())
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// A client that sends back what it read sends null where an object was never set.
fn without_nulls_of_objects(mut body: Value) -> Value {
    if let Some(body) = body.as_object_mut() {
        let objects = FIELDS.iter().filter(|field| matches!(field.shape, Shape::Object));
        for field in objects {
            if body.get(field.name).is_some_and(Value::is_null) {
                body.remove(field.name);
            }
        }
    }
    body
}

fn email_templates() -> Value {
    let template = |subject: &str, text: &str| json!({ "subject": subject, "value": text });
    json!({
        "password_recover": template("New password", "Choose a new password here: $recover_link$"),
        "welcome_actived": template("Your account is active", "Welcome, $name$. You can log in now."),
        "welcome_adminconfirm": template("We received your account", "$name$, somebody will look at it soon."),
        "welcome_autoconfirm": template("Welcome, $name$", "Confirm your address here: $confirmation_link$"),
    })
}

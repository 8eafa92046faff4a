//! Single sign-on, as far as it can be kept without an identity provider to talk to.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::schema;

const KEY: &str = "run_saml";

#[derive(Deserialize)]
struct Change {
    idp_metadata: Option<String>,
    mapping: Option<Map<String, Value>>,
}

pub(in crate::project) async fn saml(call: Call) -> Result<Answer, Refused> {
    let at = format!("http://{}/run/sso/saml/{}", call.host, call.project.profile());
    let kept = call.read(|db| kept(&schema::get(db, KEY)?)).await?;
    Answer::ok(json!({
        "sp": {
            "entity_id": at,
            "acs_url": format!("{at}/acs"),
            "metadata": format!("{at}/metadata"),
        },
        "idp": { "issuer": kept["issuer"] },
        "mapping": kept["mapping"],
    }))
}

pub(in crate::project) async fn set_saml(call: Call) -> Result<Answer, Refused> {
    let change: Change = call.json()?;
    let issuer = change.idp_metadata.as_deref().map(issuer).transpose()?;
    if let Some(mapping) = &change.mapping
        && !mapping.get("email").is_some_and(Value::is_string)
    {
        return Err(Refused::bad("mapping.email must be the attribute that holds the e-mail address"));
    }
    call.write(move |writing| {
        let mut all = kept(&schema::get(writing.db, KEY)?)?;
        if let Some(issuer) = issuer {
            all["issuer"] = issuer.into();
            all["metadata"] = json!(change.idp_metadata);
        }
        if let Some(mapping) = change.mapping {
            all["mapping"] = mapping.into();
        }
        Ok(schema::put(writing.db, KEY, all.to_string())?)
    })
    .await?;
    Answer::ok("TagoIO Run SSO Successfully Updated")
}

/// A domain of one's own needs DNS and a certificate.
pub(in crate::project) async fn refuse_custom_domains(_: Call) -> Result<Answer, Refused> {
    std::future::ready(Err(Refused::new(
        StatusCode::FORBIDDEN,
        "Custom domains are an add-on that this platform does not have: it answers on this computer alone",
    )))
    .await
}

/// The name of the identity provider in its metadata, which is XML, in base64 as the SDK documents it or plain.
fn issuer(metadata: &str) -> Result<String, Refused> {
    let decoded = BASE64.decode(metadata.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let issuer = decoded
        .as_deref()
        .unwrap_or(metadata)
        .split_once("entityID=")
        .and_then(|(_, rest)| rest.strip_prefix(['"', '\'']))
        .and_then(|rest| rest.split(['"', '\'']).next())
        .filter(|issuer| !issuer.is_empty());
    issuer.map(str::to_owned).ok_or_else(|| {
        Refused::bad("idp_metadata must be the XML of an identity provider, with its entityID")
    })
}

fn kept(stored: &Option<String>) -> Result<Value, Refused> {
    let Some(text) = stored else { return Ok(json!({ "issuer": null, "metadata": null, "mapping": {} })) };
    serde_json::from_str(text)
        .map_err(|error| Refused::internal(format!("The single sign-on is damaged: {error}")))
}

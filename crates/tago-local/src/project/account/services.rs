//! Who sends the profile's e-mail and SMS. Here nobody does: a test leaves a message in the outbox.

use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::is_email;
use super::profile::check_own;
use crate::project::call::{Answer, Call, Refused};
use crate::project::messages::{self, Channel};
use crate::project::schema;
use crate::random::hex;

const KEY: &str = "services";

/// Providers of each service and the secrets that they need.
const PROVIDERS: &[(&str, &str, &[&str])] = &[
    ("email", "sendgrid", &["api_key"]),
    ("email", "ses", &["data"]),
    ("email", "smtp", &["data"]),
    ("sms", "twilio", &["twilio_sid", "twilio_token"]),
    ("sms", "sns", &["data"]),
];

#[derive(Deserialize)]
struct Trial {
    to: String,
    subject: Option<String>,
    message: String,
}

pub(in crate::project) async fn configure(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let body: Map<String, Value> = call.json()?;
    if body.is_empty() {
        return Err(Refused::bad("The body must configure email, sms or both"));
    }
    call.write(move |writing| {
        let mut services = configured(writing.db)?;
        for (service, settings) in body {
            check(writing.db, &service, &settings)?;
            services.insert(service, settings);
        }
        Ok(schema::put(writing.db, KEY, Value::Object(services).to_string())?)
    })
    .await?;
    Answer::ok("Service provider configured successfully")
}

pub(in crate::project) async fn test(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let trial: Trial = call.json()?;
    let channel = match call.part("service") {
        "email" if is_email(&trial.to) => Channel::Email,
        "email" => return Err(Refused::bad("to must be an e-mail address")),
        "sms" if is_phone(&trial.to) => Channel::Sms,
        "sms" => {
            return Err(Refused::bad("Invalid phone number format. Use E.164 format (e.g., +15551234567)"));
        }
        _ => return Err(Refused::bad("The service must be email or sms")),
    };
    let service = call.part("service").to_owned();
    let id = call
        .write(move |writing| {
            if !configured(writing.db)?.contains_key(&service) {
                return Err(Refused::new(
                    StatusCode::NOT_FOUND,
                    "No service provider configured for the specified service type",
                ));
            }
            let subject = trial.subject.as_deref().unwrap_or("Test");
            messages::record(writing, channel, &trial.to, subject, &trial.message)?;
            Ok(hex(&writing.random.id_bytes(writing.now)))
        })
        .await?;
    Answer::ok(json!({
        "message": "Test message recorded: nothing is sent from this platform",
        "message_id": id,
    }))
}

/// What is configured, for a profile backup too.
pub(in crate::project) fn configured(db: &Connection) -> Result<Map<String, Value>, Refused> {
    let stored: Option<String> = schema::get(db, KEY)?;
    stored.map_or(Ok(Map::new()), |text| {
        serde_json::from_str(&text)
            .map_err(|error| Refused::internal(format!("The services are damaged: {error}")))
    })
}

fn check(db: &Connection, service: &str, settings: &Value) -> Result<(), Refused> {
    let provider = settings["provider"].as_str().unwrap_or_default();
    let known = PROVIDERS.iter().find(|(of, name, _)| *of == service && *name == provider);
    let Some((_, _, needed)) = known else {
        let names: Vec<_> =
            PROVIDERS.iter().filter(|(of, ..)| *of == service).map(|(_, name, _)| *name).collect();
        return Err(Refused::bad(match names.as_slice() {
            [] => format!("The body must configure email or sms, not {service}"),
            names => format!("{service}.provider must be one of {}", names.join(", ")),
        }));
    };
    for name in *needed {
        let secret = settings["secrets"][name].as_str();
        let exists = |id: &str| {
            db.query_row("SELECT 1 FROM resources WHERE kind = 'secret' AND id = ?1", [id], |_| Ok(()))
                .optional()
        };
        if secret.map(exists).transpose()?.flatten().is_none() {
            return Err(Refused::bad(format!(
                "Invalid credentials format for the selected provider: secrets.{name} must be the id of a secret"
            )));
        }
    }
    Ok(())
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

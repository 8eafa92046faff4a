//! What an action may be: triggers by its type, and what it does.

use serde_json::Value;

use super::call::Refused;
use super::data::moment_after;
use super::resource::Body;

pub(super) const TYPES: &[&str] =
    &["condition", "condition_geofence", "resource", "interval", "schedule", "mqtt_topic", "usage_alert"];

const RESOURCES: &[&str] = &[
    "device",
    "bucket",
    "file",
    "analysis",
    "action",
    "am",
    "user",
    "run_user",
    "financial",
    "profile",
    "dashboard",
    "entity",
];

const SERVICES: &[&str] = &[
    "input",
    "output",
    "analysis",
    "data_records",
    "sms",
    "email",
    "run_users",
    "push_notification",
    "file_storage",
    "device",
    "dashboard",
    "dashboard_shared",
    "action",
    "tcore",
    "team_members",
    "am",
];

/// What each type of action cannot do without.
const NEEDED: &[(&str, &[&str])] = &[
    ("script", &["script"]),
    ("notification", &["message"]),
    ("notification_run", &["run_user", "message"]),
    ("email", &["to", "message"]),
    ("sms", &["to", "message"]),
    ("mqtt", &["topic", "payload"]),
    ("post", &["url"]),
    ("sms-twilio", &["to", "from", "message", "twilio_sid", "twilio_token"]),
    ("whatsapp-twilio", &["to", "from", "content_sid", "twilio_sid", "twilio_token"]),
    ("email-sendgrid", &["to", "from", "message", "sendgrid_api_key"]),
    ("email-smtp", &["to", "from", "message", "smtp_secret"]),
    ("queue-sqs", &["sqs_secret"]),
    ("insert-to-device", &["device"]),
    ("profile_backup", &[]),
];

/// Analyses that one action runs at most.
const SCRIPTS: usize = 10;
const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) fn check(body: &mut Body) -> Result<(), Refused> {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or_default();
    for (place, trigger) in body.get("trigger").and_then(Value::as_array).into_iter().flatten().enumerate() {
        check_trigger(kind, trigger).map_err(|rule| {
            Refused::bad(format!("trigger: number {} of this {kind} action needs {rule}", place + 1))
        })?;
    }
    check_what_it_does(body.get("action").unwrap_or(&Value::Null))
}

fn check_trigger(kind: &str, trigger: &Value) -> Result<(), String> {
    let text = |field: &str| trigger[field].as_str().filter(|text| !text.is_empty());
    let one_of = |field: &str, words: &[&str]| match text(field) {
        Some(word) if words.contains(&word) => Ok(()),
        _ => Err(format!("{field}, one of {}", words.join(", "))),
    };
    let watches = || match (text("device").or(text("bucket")), text("tag_key"), text("variable")) {
        (None, None, _) => Err("device or tag_key".to_owned()),
        (_, _, None) => Err("variable".to_owned()),
        _ => Ok(()),
    };
    match kind {
        "condition" => {
            watches()?;
            one_of("is", &["<", ">", "=", "!", "><", "*"])?;
            // 0, "" and false are values too.
            let is_value =
                |field: &str| matches!(trigger[field], Value::String(_) | Value::Number(_) | Value::Bool(_));
            if trigger["is"] != "*" && !is_value("value") {
                return Err("value: a text, a number, true or false".to_owned());
            }
            if trigger["is"] == "><" && !is_value("second_value") {
                return Err("second_value: a text, a number, true or false".to_owned());
            }
            Ok(())
        }
        "condition_geofence" => {
            watches()?;
            one_of("is", &["IN", "OUT"])?;
            let circle = trigger["value"]["center"].is_array() && trigger["value"]["radius"].is_number();
            if circle || trigger["value"]["coordinates"].is_array() {
                return Ok(());
            }
            Err("value with center and radius, or with coordinates".to_owned())
        }
        "resource" => {
            one_of("resource", RESOURCES)?;
            one_of("when", &["create", "update", "delete"])
        }
        "interval" => text("interval")
            .and_then(duration)
            .filter(|interval| *interval >= MINUTE)
            .map(drop)
            .ok_or_else(|| "interval: one minute or more, such as 5 minutes".to_owned()),
        "schedule" => {
            let cron = text("cron").ok_or("cron: five fields, such as 0 6 * * *")?;
            if !(5..=6).contains(&cron.split_whitespace().count()) {
                return Err("cron: five fields, such as 0 6 * * *".to_owned());
            }
            text("timezone").map(drop).ok_or_else(|| "timezone".to_owned())
        }
        "usage_alert" => {
            one_of("service_or_resource", SERVICES)?;
            one_of("condition", &["=", ">"])?;
            if trigger["condition_value"].is_number() {
                Ok(())
            } else {
                Err("condition_value: a number".to_owned())
            }
        }
        _ => Ok(()),
    }
}

fn check_what_it_does(action: &Value) -> Result<(), Refused> {
    let kind = action["type"].as_str().unwrap_or_default();
    let Some((_, needed)) = NEEDED.iter().find(|(word, _)| *word == kind) else {
        let words: Vec<&str> = NEEDED.iter().map(|(word, _)| *word).collect();
        return Err(Refused::bad(format!("action.type must be one of {}", words.join(", "))));
    };
    let absent = |field: &&&str| action.get(**field).is_none_or(|value| value.is_null() || value == "");
    if let Some(field) = needed.iter().find(absent) {
        return Err(Refused::bad(format!("action.{field} is required for an action of type {kind}")));
    }
    if kind == "script" {
        let scripts = action["script"].as_array();
        let fits =
            scripts.is_some_and(|ids| (1..=SCRIPTS).contains(&ids.len()) && ids.iter().all(Value::is_string));
        if !fits {
            return Err(Refused::bad(format!(
                "action.script must be a list of 1 to {SCRIPTS} ids of analyses"
            )));
        }
    }
    Ok(())
}

/// A duration such as `5 minutes`.
fn duration(text: &str) -> Option<std::time::Duration> {
    let start = tago_api::Time::from_millis(0);
    let end = moment_after(text, start)?;
    u64::try_from(end.millis()).ok().map(std::time::Duration::from_millis)
}

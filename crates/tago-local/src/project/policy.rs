//! Access policies: who may do what with which resources.

use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::resource::Body;

/// What can be done with each type of resource.
const CATALOGUE: &[(&str, &[&str])] = &[
    ("access_management", &["access", "create", "edit", "delete"]),
    ("action", &["access", "create", "edit", "delete"]),
    ("analysis", &["access", "create", "edit", "delete", "run"]),
    ("dashboard", &["access", "create", "edit", "delete", "share"]),
    ("device", &["access", "create", "edit", "delete", "get_data", "send_data", "edit_data", "delete_data"]),
    ("dictionary", &["access", "create", "edit", "delete"]),
    ("entity", &["access", "create", "edit", "delete", "get_data", "send_data", "edit_data", "delete_data"]),
    ("file", &["access", "upload", "edit", "delete"]),
    ("integration", &["access", "create", "edit", "delete"]),
    ("profile", &["access", "edit"]),
    ("run_user", &["access", "create", "edit", "delete", "login_as_user"]),
    ("secret", &["access", "create", "edit", "delete"]),
    ("sql", &["access", "create", "edit", "delete", "execute"]),
];

/// Elements of a rule that count; what is beyond is cut off.
const RULE_LENGTH: usize = 5;

pub(super) async fn settings(_: Call) -> Result<Answer, Refused> {
    let resources: Body =
        CATALOGUE.iter().map(|(resource, actions)| ((*resource).to_owned(), json!(actions))).collect();
    let rules = ["id", "tag.key", "tag_match", "path"];
    let settings = json!({ "resources": resources, "rules": rules, "targets": ["run_user", "analysis"] });
    std::future::ready(Answer::ok(settings)).await
}

/// Checks a policy and puts what allows before what denies.
pub(super) fn check(body: &mut Body) -> Result<(), Refused> {
    if let Some(permissions) = body.get_mut("permissions").and_then(Value::as_array_mut) {
        for (place, permission) in permissions.iter_mut().enumerate() {
            let bad =
                |rule: &str| Refused::bad(format!("permissions: number {} must have {rule}", place + 1));
            if !matches!(permission["effect"].as_str(), Some("allow" | "deny")) {
                return Err(bad("effect, which is allow or deny"));
            }
            if !is_rule(&permission["action"]) {
                return Err(bad("action, which is a list of texts"));
            }
            if !is_rule(&permission["resource"]) {
                return Err(bad("resource, which is a list of texts"));
            }
            cut(&mut permission["resource"]);
        }
        permissions.sort_by_key(|permission| permission["effect"] != "allow");
    }
    if let Some(targets) = body.get_mut("targets").and_then(Value::as_array_mut) {
        for (place, target) in targets.iter_mut().enumerate() {
            if !is_rule(target) || !matches!(target[0].as_str(), Some("run_user" | "analysis")) {
                return Err(Refused::bad(format!(
                    "targets: number {} must be a list of texts that begins with run_user or analysis",
                    place + 1
                )));
            }
            cut(target);
        }
    }
    Ok(())
}

fn is_rule(value: &Value) -> bool {
    value.as_array().is_some_and(|parts| !parts.is_empty() && parts.iter().all(Value::is_string))
}

fn cut(rule: &mut Value) {
    if let Some(parts) = rule.as_array_mut() {
        parts.truncate(RULE_LENGTH);
    }
}

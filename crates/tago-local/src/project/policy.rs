//! Access policies: who may do what with which resources.

use rusqlite::Connection;
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

/// Somebody who asks, or something that is asked about.
pub(super) struct Party<'a> {
    /// As policies call it, such as `analysis` or `device`.
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
    pub(super) tags: &'a Value,
}

/// Whether the active policies let somebody do something: one allows it, and none denies it.
pub(super) fn allow(
    db: &Connection,
    who: &Party<'_>,
    action: &str,
    what: &Party<'_>,
) -> Result<bool, Refused> {
    let mut policies = db.prepare_cached("SELECT body FROM resources WHERE kind = 'access_policy'")?;
    let (mut allowed, mut denied) = (false, false);
    for body in policies.query_map([], |row| row.get::<_, String>(0))? {
        let policy: Value = serde_json::from_str(&body?)
            .map_err(|error| Refused::internal(format!("An access policy is damaged: {error}")))?;
        let all = |list: &'static str| policy[list].as_array().map_or(&[][..], Vec::as_slice).iter();
        if policy["active"] != true || !all("targets").any(|target| concerns(target, who, who)) {
            continue;
        }
        for permission in all("permissions") {
            let actions = permission["action"].as_array().map_or(&[][..], Vec::as_slice);
            if actions.iter().any(|named| named == action) && concerns(&permission["resource"], what, who) {
                match permission["effect"].as_str() {
                    Some("allow") => allowed = true,
                    _ => denied = true,
                }
            }
        }
    }
    Ok(allowed && !denied)
}

/// Whether a rule is about this party; one of a wrong form is about nobody.
fn concerns(rule: &Value, party: &Party<'_>, who: &Party<'_>) -> bool {
    let parts: Vec<&str> = rule.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match parts.as_slice() {
        [kind] => *kind == party.kind,
        [kind, "id", id] => *kind == party.kind && *id == party.id,
        [kind, "tag.key", key, "tag.value", value] => {
            *kind == party.kind && values(party.tags, key).any(|own| own == *value)
        }
        [kind, "tag_match", key] => {
            *kind == party.kind
                && values(party.tags, key).any(|own| values(who.tags, key).any(|other| own == other))
        }
        _ => false,
    }
}

fn values<'a>(tags: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    let tags = tags.as_array().into_iter().flatten();
    tags.filter(move |tag| tag["key"] == key).filter_map(|tag| tag["value"].as_str())
}

fn is_rule(value: &Value) -> bool {
    value.as_array().is_some_and(|parts| !parts.is_empty() && parts.iter().all(Value::is_string))
}

fn cut(rule: &mut Value) {
    if let Some(parts) = rule.as_array_mut() {
        parts.truncate(RULE_LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_concerns_whom_it_names_and_a_wrong_one_nobody() {
        let tags = json!([{ "key": "site", "value": "Lyon" }]);
        let own = json!([{ "key": "site", "value": "Nice" }]);
        let device = Party { kind: "device", id: "d1", tags: &tags };
        let analysis = Party { kind: "analysis", id: "a1", tags: &own };
        let colleague = Party { kind: "analysis", id: "a2", tags: &tags };
        for (rule, expected) in [
            (json!(["device"]), [true, true]),
            (json!(["analysis"]), [false, false]),
            (json!(["device", "id", "d1"]), [true, true]),
            (json!(["device", "id", "d2"]), [false, false]),
            (json!(["device", "tag.key", "site", "tag.value", "Lyon"]), [true, true]),
            (json!(["device", "tag.key", "site", "tag.value", "Nice"]), [false, false]),
            (json!(["device", "tag_match", "site"]), [false, true]),
            (json!(["device", "tag_match", "floor"]), [false, false]),
            (json!(["device", "id"]), [false, false]),
            (json!(["device", "tag.key", "site"]), [false, false]),
            (json!([]), [false, false]),
            (json!("device"), [false, false]),
        ] {
            let found = [&analysis, &colleague].map(|who| concerns(&rule, &device, who));
            assert_eq!(found, expected, "{rule}");
        }
    }
}

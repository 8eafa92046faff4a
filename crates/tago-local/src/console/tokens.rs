use std::sync::Arc;

use serde_json::json;

use super::{Answer, Call, reply};
use crate::platform::{Platform, Refusal};
use crate::random::hex;
use crate::registry::ProjectToken;

/// Tokens that a project has at most.
const MOST_TOKENS: usize = 10;

pub(super) fn list(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.registry.project_tokens(call.project()?.id)?)
}

pub(super) fn make(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = call.project()?.id;
    let now = platform.clock.now();
    let secret = format!("p-{}", platform.random.uuid());
    let id = hex(&platform.random.id_bytes(now));
    let last_four = &secret[secret.len() - 4..];
    let token = ProjectToken { id: &id, project, secret: &secret, last_four };
    if !platform.registry.add_project_token(&token, MOST_TOKENS, now)? {
        return Err(Refusal::Conflict(format!(
            "A project has {MOST_TOKENS} tokens at most. Revoke one that is not used any more."
        )));
    }
    reply(&json!({ "id": id, "token": secret, "last_four": last_four, "created_at": now }))
}

pub(super) fn revoke(platform: &Arc<Platform>, call: &Call) -> Answer {
    let id = call.path.get("token").cloned().unwrap_or_default();
    if platform.registry.revoke_project_token(call.project()?.id, &id)? {
        return reply(&json!({ "success": true }));
    }
    Err(Refusal::NoToken(id))
}

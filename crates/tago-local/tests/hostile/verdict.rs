use serde_json::Value;

use crate::asked::Asked;
use crate::world::{Answered, World};

/// Asks, and says what is wrong with the answer: a crash, no envelope, or a refusal that stored something.
pub(crate) fn ask(world: &World, asked: &Asked) -> Result<Option<Answered>, String> {
    let before = world.content();
    let Some(answered) = world.ask(asked) else { return Ok(None) };
    let status = answered.status;
    let text = || String::from_utf8_lossy(&answered.body[..answered.body.len().min(300)]).into_owned();
    if status.is_server_error() {
        return Err(format!("{status}: {}", text()));
    }
    let json = answered.headers.get("content-type").is_some_and(|kind| kind == "application/json");
    let envelope: Option<Value> = serde_json::from_slice(&answered.body).ok();
    if json && envelope.is_none() {
        return Err(format!("{status} is not JSON: {}", text()));
    }
    let refusal = envelope.as_ref().is_some_and(|envelope| {
        envelope.get("status") == Some(&Value::Bool(false)) && envelope.get("message").is_some()
    });
    if status.is_client_error() && !refusal {
        return Err(format!("{status} is no refusal as documented: {}", text()));
    }
    if status.is_client_error() && world.content() != before {
        return Err(format!("{status} stored something: {}", text()));
    }
    Ok(Some(answered))
}

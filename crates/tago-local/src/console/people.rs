use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Call, reply};
use crate::platform::{Platform, Refusal};
use crate::registry::Role;

pub(super) fn account(_: &Arc<Platform>, call: &Call) -> Answer {
    reply(call.account()?)
}

pub(super) fn collaborators(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.registry.collaborators(call.project()?.id)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invitation {
    email: String,
    role: Role,
}

pub(super) fn invite(platform: &Arc<Platform>, call: &Call) -> Answer {
    let invitation: Invitation = call.json()?;
    let project = call.project()?;
    if invitation.role == Role::Owner {
        return Err(Refusal::BadInput("role: a collaborator is \"admin\" or \"contractor\".".into()));
    }
    let account = platform.registry.account_by_email(&invitation.email)?;
    let account = account.ok_or(Refusal::NoAccount(invitation.email))?;
    if account.id == project.owner {
        return Err(Refusal::Conflict("This account owns the project already.".into()));
    }
    platform.registry.invite(project.id, account.id, invitation.role)?;
    reply(&platform.registry.collaborators(project.id)?)
}

pub(super) fn accept(platform: &Arc<Platform>, call: &Call) -> Answer {
    let project = call.id("project", Refusal::NoProject)?;
    if platform.registry.accept_invitation(project, call.account()?.id)? {
        return reply(&json!({ "success": true }));
    }
    Err(Refusal::NoProject(project.to_string()))
}

pub(super) fn remove(platform: &Arc<Platform>, call: &Call) -> Answer {
    let account = call.id("account", Refusal::NoAccount)?;
    if platform.registry.remove_collaborator(call.project()?.id, account)? {
        return reply(&json!({ "success": true }));
    }
    Err(Refusal::BadInput(format!("account: {account} is not a collaborator of this project.")))
}

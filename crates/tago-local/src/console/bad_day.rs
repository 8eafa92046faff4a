use std::sync::Arc;

use super::views::kept_json;
use super::{Answer, Call, reply};
use crate::platform::Platform;

pub(super) fn begin(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&platform.damage(call.project()?)?)
}

pub(super) fn damages(platform: &Arc<Platform>, call: &Call) -> Answer {
    let account = call.account()?.id;
    let mut damages = Vec::new();
    for row in platform.registry.projects()?.iter().filter(|row| row.owner == account) {
        damages.extend(platform.registry.damage(row.id)?.map(kept_json).transpose()?);
    }
    reply(&damages)
}

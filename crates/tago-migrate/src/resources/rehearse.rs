//! Reads both sides and compares them.

use thiserror::Error;

use super::document::text;
use super::kind::Kind;
use super::plan::{ResourceChoices, ResourcePlan, plan};
use super::ports::Resources;
use super::scan::{Snapshot, scan};
use crate::ports::PortError;
use crate::run::Side;
use crate::settings::{Env, Settings};

/// Why resources could not be compared.
#[derive(Debug, Error)]
pub enum ResourceRehearseError {
    /// Both sides are one project.
    #[error("source and target are the same project: {name}")]
    SameProject {
        /// Its name.
        name: String,
    },
    /// A side could not be read.
    #[error("the {side} could not be read: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
}

/// Reads all that a project holds beside records.
///
/// # Errors
/// What a side answers, if it cannot be read whole.
pub async fn snapshot(
    side: &dyn Resources,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Snapshot, PortError> {
    scan(side, settings, env.clock).await
}

/// Compares what two projects hold beside records, and writes nothing.
///
/// # Errors
/// See [`ResourceRehearseError`].
pub async fn rehearse(
    source: &dyn Resources,
    target: &dyn Resources,
    choices: &ResourceChoices,
    settings: &Settings,
    env: Env<'_>,
) -> Result<ResourcePlan, ResourceRehearseError> {
    let created_at = env.clock.now();
    let of = |side| move |cause| ResourceRehearseError::Port { side, cause };
    let ours = scan(source, settings, env.clock).await.map_err(of(Side::Source))?;
    let theirs = scan(target, settings, env.clock).await.map_err(of(Side::Target))?;
    if ours.identity == theirs.identity {
        return Err(ResourceRehearseError::SameProject { name: ours.identity.name });
    }
    Ok(plan(&ours, &theirs, choices, hosts(&ours, &theirs), created_at))
}

/// Hosts that stand in addresses: the API's own, and that of TagoRUN.
fn hosts(source: &Snapshot, target: &Snapshot) -> Vec<(String, String)> {
    let host = |address: &str| {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
    };
    let run = |side: &Snapshot| {
        let run = side.of_kind(Kind::RunConfiguration).next()?;
        text(&run.document, "url").map(host).filter(|host| !host.is_empty())
    };
    let api = (host(&source.identity.origin), host(&target.identity.origin));
    let pairs = [Some(api), run(source).zip(run(target))];
    pairs.into_iter().flatten().filter(|(from, to)| from != to && !from.is_empty()).collect()
}

//! Reads both sides and compares them.

use thiserror::Error;

use super::document::text;
use super::kind::Kind;
use super::plan::{ResourceChoices, ResourcePlan, plan};
use super::ports::Resources;
use super::scan::{ScanError, Snapshot, scan};
use super::scripts;
use crate::ports::PortError;
use crate::progress::Phase;
use crate::run::Side;
use crate::settings::{Env, Settings};
use crate::watch::Watch;

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
    /// The owner stopped it.
    #[error("the rehearsal was stopped")]
    Stopped,
}

/// Reads all that a project holds beside records.
///
/// # Errors
/// See [`ResourceRehearseError`]; `side` is what they call it.
pub async fn snapshot(
    side: Side,
    port: &dyn Resources,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Snapshot, ResourceRehearseError> {
    let watch = Watch::new(env);
    watch.phase(Phase::Scanning);
    read(side, port, settings, env, &watch).await
}

/// Compares what two projects hold beside records, and writes nothing.
///
/// The figures count resources of both sides, whose number is known when everything is listed.
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
    let watch = Watch::new(env);
    watch.phase(Phase::Scanning);
    let (mut ours, theirs) = futures_util::future::try_join(
        read(Side::Source, source, settings, env, &watch),
        read(Side::Target, target, settings, env, &watch),
    )
    .await?;
    let who = |side: &Snapshot| (side.identity.origin.clone(), side.identity.profile);
    if who(&ours) == who(&theirs) {
        return Err(ResourceRehearseError::SameProject { name: ours.identity.name });
    }
    let created_at = target.now().unwrap_or_else(|| env.clock.now());
    let scripts = choices.scripts.as_deref().map(|folder| scripts::find(folder, &mut ours));
    let mut plan = plan(&ours, &theirs, choices, hosts(&ours, &theirs), created_at);
    if let Some((found, check)) = scripts {
        plan.header.scripts = found;
        plan.header.checks.push(check);
    }
    watch.phase(Phase::Done);
    Ok(plan)
}

async fn read(
    side: Side,
    port: &dyn Resources,
    settings: &Settings,
    env: Env<'_>,
    watch: &Watch<'_>,
) -> Result<Snapshot, ResourceRehearseError> {
    scan(port, settings, env.clock, watch).await.map_err(|error| match error {
        ScanError::Port(cause) => ResourceRehearseError::Port { side, cause },
        ScanError::Stopped => ResourceRehearseError::Stopped,
    })
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

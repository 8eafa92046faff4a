use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tago_api::{DeploymentId, ProjectId};

use super::views::{DeploymentView, deployment_head, deployment_view, quote_view};
use super::{Answer, Call, Waiting, blocking, reply, reply_with};
use crate::platform::{Platform, Refusal, RestoreOrder};
use crate::registry::{DeploymentRow, DeploymentStatus};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    region: Option<String>,
    version: Option<String>,
}

pub(super) fn quote(platform: &Arc<Platform>, call: &Call) -> Answer {
    let place: Place = call.json()?;
    let backup = call.id("backup", Refusal::NoBackup)?;
    let (quote, price) =
        platform.quote(call.project()?, backup, place.region.as_deref(), place.version.as_deref())?;
    reply(&quote_view(&quote, price))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    quote: String,
    name: String,
    region: Option<String>,
    version: Option<String>,
}

pub(super) fn restore(platform: &Arc<Platform>, call: &Call) -> Answer {
    let order: Order = call.json()?;
    let quote = order.quote.parse().map_err(|_| Refusal::NoQuote(order.quote))?;
    let order = RestoreOrder {
        source: call.project()?.clone(),
        backup: call.id("backup", Refusal::NoBackup)?,
        quote,
        name: order.name,
        region: order.region,
        version: order.version,
    };
    let begun = platform.begin_restore(&order)?;
    reply_with(StatusCode::ACCEPTED, &json!({ "project": begun.project, "deployment": begun.id }))
}

pub(super) fn deployments(platform: &Arc<Platform>, call: &Call) -> Answer {
    let rows = platform.registry.deployments(call.project()?.id)?;
    reply(&rows.into_iter().map(deployment_head).collect::<Vec<_>>())
}

const LONGEST_WAIT: Duration = Duration::from_secs(20);

pub(super) fn deployment(platform: Arc<Platform>, call: Call) -> Waiting {
    Box::pin(async move {
        let project = call.project()?.id;
        let id: DeploymentId = call.id("deployment", Refusal::NoDeployment)?;
        let after = call.number("after")?.unwrap_or(0);
        let wait = Duration::from_millis(call.number("wait_ms")?.unwrap_or(0)).min(LONGEST_WAIT);
        let deadline = tokio::time::Instant::now() + wait;
        let mut changes = platform.deployments_changed.subscribe();
        let mut stopping = platform.stopping.subscribe();
        loop {
            changes.mark_unchanged();
            let seen = platform.clone();
            let view = blocking(move || look_up(&seen, project, id, after)).await?;
            let news = !view.log.is_empty() || view.head.status != DeploymentStatus::InProgress;
            if news || *stopping.borrow() {
                return reply(&view);
            }
            tokio::select! {
                _ = changes.changed() => {}
                _ = stopping.changed() => {}
                () = tokio::time::sleep_until(deadline) => return reply(&view),
            }
        }
    })
}

fn look_up(
    platform: &Platform,
    project: ProjectId,
    id: DeploymentId,
    after: u64,
) -> Result<DeploymentView, Refusal> {
    let row = platform.registry.deployment(id)?;
    let concerns = |row: &DeploymentRow| {
        row.project == project || row.source.is_some_and(|(source, _)| source == project)
    };
    let row = row.filter(concerns);
    let row = row.ok_or_else(|| Refusal::NoDeployment(id.to_string()))?;
    let log = platform.registry.log_after(id, after)?;
    Ok(deployment_view(row, log))
}

//! What the console shows, in the shapes of its OpenAPI document.

use std::net::SocketAddr;

use serde::Serialize;
use serde_json::value::RawValue;
use tago_api::{BackupId, DeploymentId, ProfileId, ProjectId, QuoteId, Time};

use crate::platform::BACKUPS_KEPT;
use crate::platform::{DailyTime, Platform, Refusal, expiries, runs_after};
use crate::prices::{Price, PriceLine};
use crate::registry::{
    BackupKind, BackupRow, BackupStatus, DeploymentKind, DeploymentRow, DeploymentStatus, LogEntry, Machine,
    MainDatabase, ProjectRow, ProjectStatus, QuoteRow, Role, Schedule,
};

#[derive(Serialize)]
pub(super) struct ProjectView {
    id: ProjectId,
    name: String,
    role: Role,
    region: String,
    version: String,
    api: Option<String>,
    profile: Option<ProfileId>,
    status: ProjectStatus,
    created_at: Time,
    size: u64,
    restored_from: Option<RestoredFrom>,
    deployment: Option<DeploymentId>,
}

#[derive(Serialize)]
struct RestoredFrom {
    project: ProjectId,
    project_name: Option<String>,
    backup: BackupId,
    backup_created_at: Option<Time>,
}

pub(super) fn project_view(
    platform: &Platform,
    row: &ProjectRow,
    role: Role,
) -> Result<ProjectView, Refusal> {
    let restored_from = match row.restored_from {
        Some((project, backup)) => Some(RestoredFrom {
            project,
            project_name: platform.registry.project(project)?.map(|row| row.name),
            backup,
            backup_created_at: platform.registry.backup(project, backup)?.map(|backup| backup.created_at),
        }),
        None => None,
    };
    let size = match platform.project(row.id) {
        Ok(project) => project.size_on_disk()?,
        Err(_) => 0,
    };
    let api = platform.address(row.id).map(origin);
    let status = match row.status {
        ProjectStatus::Active if api.is_none() => ProjectStatus::Failed,
        status => status,
    };
    Ok(ProjectView {
        id: row.id,
        name: row.name.clone(),
        role,
        region: row.region.clone(),
        version: row.version.clone(),
        api,
        profile: row.profile,
        status,
        created_at: row.created_at,
        size,
        restored_from,
        // A deployment is the owner's business.
        deployment: if role == Role::Owner { platform.registry.deployment_of(row.id)? } else { None },
    })
}

pub(super) fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[derive(Serialize)]
pub(super) struct BackupView {
    id: BackupId,
    project: ProjectId,
    created_at: Time,
    size: u64,
    status: BackupStatus,
    kind: BackupKind,
    expires_at: Option<Time>,
    restored_as: Vec<ProjectId>,
    error: Option<String>,
}

/// The completed backups of a project, newest first, with the moment at which each goes.
pub(super) fn backup_views(platform: &Platform, project: ProjectId) -> Result<Vec<BackupView>, Refusal> {
    let mut kept = platform.registry.kept_backups(project)?;
    // More can be there only until the prune that follows a backup has run.
    kept.truncate(BACKUPS_KEPT);
    let expiries = match platform.registry.schedule(project)? {
        Some(schedule) => expiries(&kept, &schedule).into_iter().map(Some).collect(),
        None => vec![None; kept.len()],
    };
    kept.iter().zip(expiries).map(|(backup, expires_at)| backup_view(platform, backup, expires_at)).collect()
}

pub(super) fn backup_view(
    platform: &Platform,
    backup: &BackupRow,
    expires_at: Option<Time>,
) -> Result<BackupView, Refusal> {
    Ok(BackupView {
        id: backup.id,
        project: backup.project,
        created_at: backup.created_at,
        size: backup.size,
        status: backup.status,
        kind: backup.kind,
        expires_at,
        restored_as: platform.registry.restored_as(backup.id)?,
        error: backup.error.clone(),
    })
}

#[derive(Serialize)]
pub(super) struct BackupDetails {
    #[serde(flatten)]
    backup: BackupView,
    manifest: Option<Manifest>,
}

#[derive(Serialize)]
struct Manifest {
    sha256: String,
    rows: std::collections::BTreeMap<String, u64>,
}

pub(super) fn backup_details(platform: &Platform, row: &BackupRow) -> Result<BackupDetails, Refusal> {
    let listed = backup_views(platform, row.project)?.into_iter().find(|listed| listed.id == row.id);
    let backup = match listed {
        Some(listed) => listed,
        None => backup_view(platform, row, None)?,
    };
    let manifest = match (&row.sha256, &row.rows) {
        (Some(sha256), Some(rows)) => {
            Some(Manifest { sha256: sha256.clone(), rows: serde_json::from_str(rows)? })
        }
        _ => None,
    };
    Ok(BackupDetails { backup, manifest })
}

#[derive(Serialize)]
pub(super) struct MainDatabaseView {
    machine: Machine,
    readers: u8,
    daily_time: String,
    retention_days: u16,
    keep_at_most: usize,
    next_run_at: Time,
    next_runs: [Time; 3],
    last_run: Option<LastRun>,
    prunes_next: Vec<BackupId>,
}

#[derive(Serialize)]
struct LastRun {
    backup: BackupId,
    at: Time,
    status: BackupStatus,
    error: Option<String>,
}

pub(super) fn main_database(
    platform: &Platform,
    database: MainDatabase,
    schedule: &Schedule,
) -> Result<MainDatabaseView, Refusal> {
    let last = platform.registry.last_backup(schedule.project)?;
    let prunes_next = platform.removed_by_next_run(schedule)?;
    Ok(MainDatabaseView {
        machine: database.machine,
        readers: database.readers,
        daily_time: DailyTime::from_minute(schedule.daily_minute).to_string(),
        retention_days: schedule.retention_days,
        keep_at_most: BACKUPS_KEPT,
        next_run_at: schedule.next_run_at,
        next_runs: runs_after(schedule.next_run_at),
        last_run: last.map(|last| LastRun {
            backup: last.id,
            at: last.created_at,
            status: last.status,
            error: last.error,
        }),
        prunes_next: prunes_next.iter().map(|backup| backup.id).collect(),
    })
}

#[derive(Serialize)]
pub(crate) struct QuoteView {
    id: QuoteId,
    project: ProjectId,
    backup: BackupId,
    region: String,
    version: String,
    created_at: Time,
    expires_at: Time,
    currency: String,
    lines: Vec<PriceLine>,
    creation_fee_micros: i64,
    per_hour_micros: i64,
    per_month_micros: i64,
    size: u64,
}

/// A month of 730 hours.
const HOURS_PER_MONTH: i64 = 730;

pub(crate) fn quote_view(quote: &QuoteRow, price: Price) -> QuoteView {
    QuoteView {
        id: quote.id,
        project: quote.project,
        backup: quote.backup,
        region: quote.region.clone(),
        version: quote.version.clone(),
        created_at: quote.created_at,
        expires_at: quote.expires_at,
        currency: price.currency,
        lines: price.lines,
        creation_fee_micros: price.creation_fee_micros,
        per_hour_micros: price.per_hour_micros,
        per_month_micros: price.per_hour_micros.saturating_mul(HOURS_PER_MONTH),
        size: quote.size,
    }
}

#[derive(Serialize)]
pub(super) struct DeploymentHead {
    id: DeploymentId,
    project: ProjectId,
    kind: DeploymentKind,
    source_project: Option<ProjectId>,
    backup: Option<BackupId>,
    pub(super) status: DeploymentStatus,
    started_at: Time,
    finished_at: Option<Time>,
    error: Option<String>,
}

pub(super) fn deployment_head(row: DeploymentRow) -> DeploymentHead {
    let (source_project, backup) = row.source.unzip();
    DeploymentHead {
        id: row.id,
        project: row.project,
        kind: row.kind,
        source_project,
        backup,
        status: row.status,
        started_at: row.started_at,
        finished_at: row.finished_at,
        error: row.error,
    }
}

#[derive(Serialize)]
pub(super) struct DeploymentView {
    #[serde(flatten)]
    pub(super) head: DeploymentHead,
    pub(super) log: Vec<LogEntry>,
}

pub(super) fn deployment_view(row: DeploymentRow, log: Vec<LogEntry>) -> DeploymentView {
    DeploymentView { head: deployment_head(row), log }
}

/// A report that is kept as it was written.
pub(super) fn kept_json(text: String) -> Result<Box<RawValue>, Refusal> {
    Ok(RawValue::from_string(text)?)
}

use serde::{Deserialize, Serialize};
use specta::Type;

use super::{Role, Whole};

/// Which backup a project was made from.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RestoredFrom {
    pub project: String,
    pub project_name: String,
    pub backup: String,
    pub backup_created_at: Option<Whole>,
}

/// Whether a project can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ProjectStatus {
    Active,
    Deploying,
    Failed,
}

/// One project of a connection.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Project {
    pub connection: String,
    pub id: String,
    pub name: String,
    pub role: Role,
    pub region: String,
    pub version: String,
    pub api: String,
    pub status: ProjectStatus,
    pub created_at: Whole,
    pub size: Whole,
    pub restored_from: Option<RestoredFrom>,
    /// The deployment that made it, while the window can still follow it.
    pub deployment: Option<String>,
}

/// Where a project can be.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Region {
    pub id: String,
    pub name: String,
}

/// Where a project can be, and in which versions of the platform, the newest first.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Catalogue {
    pub regions: Vec<Region>,
    pub versions: Vec<String>,
}

/// What made a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    Daily,
    Manual,
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum BackupStatus {
    Completed,
    Running,
    Failed,
}

/// A project that was made from a backup.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RestoredAs {
    pub id: String,
    pub name: String,
}

/// One backup of a project.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Backup {
    pub id: String,
    pub created_at: Whole,
    pub size: Whole,
    /// Bytes more (or, negative, fewer) than the backup before it.
    pub size_change: Option<Whole>,
    pub kind: BackupKind,
    pub status: BackupStatus,
    pub disappears_at: Option<Whole>,
    pub restored_as: Vec<RestoredAs>,
    pub error: Option<String>,
}

/// The retained backups of a project, newest first, and its schedule.
#[derive(Clone, Debug, Serialize, Type)]
pub struct BackupPage {
    pub backups: Vec<Backup>,
    pub next_run_at: Whole,
    pub last_run_at: Option<Whole>,
    pub retention_days: Whole,
    pub keep_at_most: Whole,
}

/// The last automatic backup.
#[derive(Clone, Debug, Serialize, Type)]
pub struct LastRun {
    pub at: Whole,
    pub status: BackupStatus,
}

/// The backup settings on the Main Database page.
#[derive(Clone, Debug, Serialize, Type)]
pub struct MainDatabase {
    /// Hours and minutes in UTC, such as `04:30`.
    pub daily_time: String,
    pub retention_days: Whole,
    pub keep_at_most: Whole,
    pub next_runs: Vec<Whole>,
    pub last_run: Option<LastRun>,
}

/// A backup that a change of the schedule would delete.
#[derive(Clone, Debug, Serialize, Type)]
pub struct DeletedBackup {
    pub id: String,
    pub created_at: Whole,
    pub size: Whole,
}

/// What a change of the schedule would do.
#[derive(Clone, Debug, Serialize, Type)]
pub struct SchedulePreview {
    pub next_runs: Vec<Whole>,
    pub deletes: Vec<DeletedBackup>,
}

/// How often a line of a quote is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    Once,
    Hour,
}

/// One line of a quote.
#[derive(Clone, Debug, Serialize, Type)]
pub struct QuoteLine {
    pub label: String,
    pub category: String,
    pub micros: Whole,
    pub per: Per,
}

/// A price that consent can be given to until it expires.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Quote {
    pub id: String,
    pub backup: String,
    pub region: String,
    pub version: String,
    pub expires_at: Whole,
    pub currency: String,
    pub lines: Vec<QuoteLine>,
    pub creation_fee: Whole,
    pub per_hour: Whole,
    pub per_month: Whole,
    pub size: Whole,
}

/// A new project from a backup is being made.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RestoreStarted {
    pub project: String,
    pub deployment: String,
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    InProgress,
    Success,
    Error,
}

/// One entry of a deployment's log.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct DeploymentEvent {
    pub seq: Whole,
    pub at: Whole,
    pub event: String,
    pub message: String,
    pub done: Option<Whole>,
    pub total: Option<Whole>,
}

/// A deployment with its log so far.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct Deployment {
    pub id: String,
    pub project: String,
    pub status: DeploymentStatus,
    pub started_at: Whole,
    pub finished_at: Option<Whole>,
    pub error: Option<String>,
    pub log: Vec<DeploymentEvent>,
}

/// The report of a restore: a project that was made from a backup, also when it is gone.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Restore {
    pub connection: String,
    pub project: String,
    pub name: String,
    /// The name of the project that the backup is of.
    pub original: String,
    pub backup_created_at: Option<Whole>,
    pub begun_at: Whole,
    pub finished_at: Option<Whole>,
    pub status: DeploymentStatus,
    pub error: Option<String>,
    pub log: Vec<DeploymentEvent>,
    pub deleted_at: Option<Whole>,
    /// What it has cost in all, where that was told when it was deleted.
    pub cost: Option<Whole>,
}

/// What a restored project has cost so far.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Meter {
    pub project: String,
    pub since: Whole,
    pub until: Option<Whole>,
    pub hours_started: Whole,
    pub creation_fee: Whole,
    pub per_hour: Whole,
    pub total: Whole,
}

/// The damage done on purpose to the practice project.
#[derive(Clone, Debug, Serialize, Type)]
pub struct BadDay {
    pub project: String,
    pub project_name: String,
    pub deleted_devices: Vec<String>,
    pub emptied_devices: Vec<String>,
    pub emptied_from: Whole,
    pub emptied_to: Whole,
    pub records_lost: Whole,
    pub best_backup: Option<String>,
}

//! What the console answers with. Money is in micro-dollars, sizes in bytes, times in UTC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AccountId, BackupId, DeploymentId, DeviceId, ProfileId, ProjectId, QuoteId, Time};

/// A person with a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is what it is called")]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub email: String,
}

/// One isolated instance of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// What the asking account is in it.
    pub role: Role,
    /// Where it runs.
    pub region: String,
    /// Version of the platform.
    pub version: String,
    /// Address of its data plane; none before it answers.
    #[serde(default)]
    pub api: Option<String>,
    /// Its main profile; none before it is made.
    #[serde(default)]
    pub profile: Option<ProfileId>,
    /// Whether it can be used.
    pub status: ProjectStatus,
    /// When it was made.
    pub created_at: Time,
    /// Bytes on disk.
    pub size: u64,
    /// The backup that it was made from.
    #[serde(default)]
    pub restored_from: Option<RestoredFrom>,
    /// The deployment that made it, where it was made from a backup.
    #[serde(default)]
    pub deployment: Option<DeploymentId>,
}

/// The origin of a restored project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RestoredFrom {
    /// The project that the backup is of.
    pub project: ProjectId,
    /// Its name, while it is there.
    #[serde(default)]
    pub project_name: Option<String>,
    /// The backup.
    pub backup: BackupId,
    /// When the backup was made; unknown once the backup and its entry are gone.
    #[serde(default)]
    pub backup_created_at: Option<Time>,
}

/// What a person may do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Owner,
    /// All but backups, billing and deletion.
    Admin,
    /// What was agreed.
    Contractor,
}

/// Whether a project can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectStatus {
    /// It can.
    Active,
    /// Not yet.
    Deploying,
    /// It could not be made.
    Failed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// An automated snapshot of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Backup {
    /// Its id.
    pub id: BackupId,
    /// The project it is of.
    pub project: ProjectId,
    /// When it was made.
    pub created_at: Time,
    /// Bytes on disk.
    pub size: u64,
    /// Whether it is whole.
    pub status: BackupStatus,
    /// By the schedule or by hand.
    pub kind: BackupKind,
    /// When the schedule will remove it.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// Projects that were made from it and are still there.
    #[serde(default)]
    pub restored_as: Vec<ProjectId>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// Whether a backup is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupStatus {
    /// It is.
    Completed,
    /// It is being made.
    Running,
    /// It could not be made.
    Failed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Who asked for a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// The schedule.
    Daily,
    /// A person.
    Manual,
    /// Somebody that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A backup with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupDetail {
    /// The entry of the list.
    pub backup: Backup,
    /// What is in it.
    pub manifest: Manifest,
}

impl<'de> Deserialize<'de> for BackupDetail {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<BackupDetail, D::Error> {
        #[derive(Deserialize)]
        struct Flat {
            #[serde(flatten)]
            backup: Backup,
            manifest: Manifest,
        }
        Flat::deserialize(deserializer)
            .map(|flat| BackupDetail { backup: flat.backup, manifest: flat.manifest })
    }
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// Of the snapshot's bytes, in hexadecimal digits.
    pub sha256: String,
    /// Rows by resource.
    pub rows: BTreeMap<String, u64>,
}

/// A price that consent can be given to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Quote {
    /// Its id.
    pub id: QuoteId,
    /// The project that the backup is of.
    pub project: ProjectId,
    /// The backup.
    pub backup: BackupId,
    /// Where the new project would run.
    pub region: String,
    /// In which version.
    pub version: String,
    /// When the price was made.
    pub created_at: Time,
    /// Until when it holds.
    pub expires_at: Time,
    /// `USD`.
    pub currency: String,
    /// What it is made of.
    pub lines: Vec<QuoteLine>,
    /// Once.
    pub creation_fee_micros: i64,
    /// For each started hour.
    pub per_hour_micros: i64,
    /// For a month of 730 hours.
    pub per_month_micros: i64,
    /// Bytes of the backup.
    pub size: u64,
}

/// One line of a price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuoteLine {
    /// One of the console's ten categories.
    pub category: String,
    /// What it is for.
    pub label: String,
    /// How much.
    pub micros: i64,
    /// How often.
    pub per: Per,
}

/// How often something is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// When the project is made.
    Once,
    /// For each started hour.
    Hour,
}

/// A restore that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RestoreStarted {
    /// The new project.
    pub project: ProjectId,
    /// Its making.
    pub deployment: DeploymentId,
}

/// One change of a project's infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// The project that is made.
    pub project: ProjectId,
    /// How far it is.
    pub status: DeploymentStatus,
    /// When it began.
    pub started_at: Time,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Time>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
    /// What has happened, in order.
    pub log: Vec<LogEntry>,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// At work.
    InProgress,
    /// Done.
    Success,
    /// Given up.
    Error,
}

/// One event of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogEntry {
    /// Counts up from one.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// What.
    pub event: LogEvent,
    /// In words.
    pub message: String,
    /// How much of `total` is done.
    #[serde(default)]
    pub done: Option<u64>,
    /// How much there is to do.
    #[serde(default)]
    pub total: Option<u64>,
}

/// What happened in a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is what it is called")]
pub enum LogEvent {
    Started,
    BytesCopied,
    CheckPassed,
    RecordKeyMade,
    TokensReissued,
    AutomationsHeld,
    ApiAnswering,
    Finished,
    Failed,
    #[serde(other)]
    Unknown,
}

/// What a project has cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Meter {
    /// The project.
    pub project: ProjectId,
    /// From when.
    pub since: Time,
    /// Until when; `None` while it runs.
    #[serde(default)]
    pub until: Option<Time>,
    /// Hours that have begun.
    pub hours_started: u64,
    /// Once.
    pub creation_fee_micros: i64,
    /// For each started hour.
    pub per_hour_micros: i64,
    /// All of it.
    pub total_micros: i64,
}

/// The daily backup of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MainDatabase {
    /// `HH:MM` in UTC.
    pub daily_time: String,
    /// Days that a backup is kept.
    pub retention_days: u32,
    /// Most backups that are kept.
    pub keep_at_most: u32,
    /// When the next is made.
    pub next_run_at: Time,
    /// The next three.
    pub next_runs: Vec<Time>,
    /// The last that was made.
    #[serde(default)]
    pub last_run: Option<LastRun>,
    /// Backups that the next run removes.
    #[serde(default)]
    pub prunes_next: Vec<BackupId>,
}

/// The last run of the schedule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LastRun {
    /// What it made.
    #[serde(default)]
    pub backup: Option<BackupId>,
    /// When.
    pub at: Time,
    /// How it went.
    pub status: BackupStatus,
}

/// What a schedule would do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SchedulePreview {
    /// The next three runs.
    pub next_runs: Vec<Time>,
    /// Backups that it would remove at once.
    pub deletes: Vec<Backup>,
}

/// Whether a restored project's actions run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Automations {
    /// They do not.
    pub held: bool,
    /// How many there are.
    pub actions: u64,
    /// Since when they are held.
    #[serde(default)]
    pub held_since: Option<Time>,
}

/// Where a project can be, and in which versions of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Catalogue {
    /// The regions.
    pub regions: Vec<Region>,
    /// Newest first.
    pub versions: Vec<String>,
}

/// Where a project can be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is what it is called")]
pub struct Region {
    pub id: String,
    pub name: String,
}

/// A person of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is what it is called")]
pub struct Collaborator {
    pub account: AccountId,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// `pending` or `accepted`.
    pub state: String,
}

/// A service of a project, as the published document has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: String,
    /// Whether it runs.
    pub active: bool,
    /// What it is a copy of.
    pub product: ServiceProduct,
    /// Its settings.
    #[serde(default)]
    pub settings: Vec<ServiceSetting>,
}

/// What a service is a copy of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is what it is called")]
pub struct ServiceProduct {
    pub slug: String,
    pub name: String,
}

/// A setting of a service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ServiceSetting {
    /// Its name.
    pub key: String,
    /// A text, a number or a truth value.
    pub value: serde_json::Value,
}

/// What the bad day did.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BadDay {
    /// The project that was damaged.
    pub project: ProjectId,
    /// Devices that are gone.
    pub deleted_devices: Vec<Damaged>,
    /// Devices that have lost a range of time.
    pub emptied_devices: Vec<Damaged>,
    /// First moment of the range.
    pub emptied_from: Time,
    /// Last moment of the range.
    pub emptied_to: Time,
    /// Records that are gone.
    pub records_lost: u64,
    /// The newest backup that still has them.
    #[serde(default)]
    pub best_backup: Option<BackupId>,
}

/// A device that the bad day has struck.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is what it is called")]
pub struct Damaged {
    pub id: DeviceId,
    pub name: String,
}

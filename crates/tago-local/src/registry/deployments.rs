use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use tago_api::{BackupId, DeploymentId, ProjectId, QuoteId, Time};

use super::projects::{self, ProjectRow, ProjectStatus};
use super::{Registry, RegistryError, optional, optional_time, parsed, time, words};

words! {
    /// Why there is a deployment.
    DeploymentKind { Install = "install", Settings = "settings", Restore = "restore", }

    DeploymentStatus { InProgress = "in_progress", Success = "success", Error = "error", }

    /// What happened in a deployment.
    Event {
        Started = "started",
        BytesCopied = "bytes_copied",
        CheckPassed = "check_passed",
        RecordKeyMade = "record_key_made",
        TokensReissued = "tokens_reissued",
        AutomationsHeld = "automations_held",
        SettingsChanged = "settings_changed",
        ApiAnswering = "api_answering",
        Finished = "finished",
        Failed = "failed",
    }
}

/// One change of a project; a restore makes `project` from the backup of another.
#[derive(Debug, Clone)]
pub(crate) struct DeploymentRow {
    pub(crate) id: DeploymentId,
    pub(crate) kind: DeploymentKind,
    pub(crate) project: ProjectId,
    pub(crate) source: Option<(ProjectId, BackupId)>,
    pub(crate) status: DeploymentStatus,
    pub(crate) started_at: Time,
    pub(crate) finished_at: Option<Time>,
    pub(crate) error: Option<String>,
}

/// One line of a deployment's log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogEntry {
    pub(crate) seq: u64,
    pub(crate) at: Time,
    pub(crate) event: Event,
    pub(crate) message: String,
    pub(crate) done: Option<u64>,
    pub(crate) total: Option<u64>,
}

/// Why a restore did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// The backup was removed meanwhile.
    BackupRemoved,
    /// The quote has paid for a deployment already.
    QuoteUsed,
}

impl Registry {
    /// Enters the new project and its deployment, and spends the quote: all or nothing.
    pub(crate) fn begin_restore(
        &self,
        project: &ProjectRow,
        price: &str,
        deployment: &DeploymentRow,
        quote: QuoteId,
    ) -> Result<Result<(), NotBegun>, RegistryError> {
        self.write(|db| {
            let backup_is_there: bool = db.query_row(
                "SELECT EXISTS (SELECT 1 FROM backups
                   WHERE id = ?1 AND removed_at IS NULL AND status = 'completed')",
                [deployment.source.map(|(_, backup)| backup.to_string())],
                |row| row.get(0),
            )?;
            if !backup_is_there {
                return Ok(Err(NotBegun::BackupRemoved));
            }
            let spent = db.execute(
                "UPDATE quotes SET deployment = ?2 WHERE id = ?1 AND deployment IS NULL",
                [quote.to_string(), deployment.id.to_string()],
            )?;
            if spent == 0 {
                return Ok(Err(NotBegun::QuoteUsed));
            }
            projects::insert(db, project, price)?;
            insert(db, deployment)?;
            Ok(Ok(()))
        })
    }

    pub(crate) fn deployment(&self, id: DeploymentId) -> Result<Option<DeploymentRow>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT * FROM deployments WHERE id = ?1", [id.to_string()], read_deployment)
                .optional()
        })
    }

    /// The deployment that made (or makes) a restored project.
    pub(crate) fn deployment_of(&self, project: ProjectId) -> Result<Option<DeploymentId>, RegistryError> {
        self.read(|db| {
            db.query_row(
                "SELECT id FROM deployments WHERE project = ?1 AND kind = 'restore'",
                [project.to_string()],
                |row| parsed(row, "id"),
            )
            .optional()
        })
    }

    /// Deployments of a project and those that made others from its backups, newest first.
    pub(crate) fn deployments(&self, project: ProjectId) -> Result<Vec<DeploymentRow>, RegistryError> {
        self.read(|db| {
            db.prepare(
                "SELECT * FROM deployments WHERE project = ?1 OR source_project = ?1
                 ORDER BY started_at DESC, rowid DESC",
            )?
            .query_map([project.to_string()], read_deployment)?
            .collect()
        })
    }

    pub(crate) fn deployments_in_progress(&self) -> Result<Vec<DeploymentRow>, RegistryError> {
        self.read(|db| {
            db.prepare("SELECT * FROM deployments WHERE status = 'in_progress' ORDER BY started_at, rowid")?
                .query_map([], read_deployment)?
                .collect()
        })
    }

    pub(crate) fn log(
        &self,
        deployment: DeploymentId,
        at: Time,
        event: Event,
        message: &str,
        progress: Option<(u64, u64)>,
    ) -> Result<(), RegistryError> {
        let (done, total) = progress.unzip();
        self.write(|db| append(db, deployment, at, event, message, done, total))
    }

    /// Log entries with a number above `after`.
    pub(crate) fn log_after(
        &self,
        deployment: DeploymentId,
        after: u64,
    ) -> Result<Vec<LogEntry>, RegistryError> {
        self.read(|db| {
            db.prepare("SELECT * FROM deployment_log WHERE deployment = ?1 AND seq > ?2 ORDER BY seq")?
                .query_map(params![deployment.to_string(), after], |row| {
                    Ok(LogEntry {
                        seq: row.get("seq")?,
                        at: time(row, "at")?,
                        event: parsed(row, "event")?,
                        message: row.get("message")?,
                        done: row.get("done")?,
                        total: row.get("total")?,
                    })
                })?
                .collect()
        })
    }

    /// Ends a deployment with its last sentence, and with it the state of its project.
    pub(crate) fn finish_deployment(
        &self,
        deployment: &DeploymentRow,
        outcome: Result<&str, &str>,
        now: Time,
    ) -> Result<(), RegistryError> {
        let (status, project_status, event, sentence) = match outcome {
            Ok(sentence) => (DeploymentStatus::Success, ProjectStatus::Active, Event::Finished, sentence),
            Err(sentence) => (DeploymentStatus::Error, ProjectStatus::Failed, Event::Failed, sentence),
        };
        self.write(|db| {
            append(db, deployment.id, now, event, sentence, None, None)?;
            db.execute(
                "UPDATE deployments SET status = ?2, finished_at = ?3, error = ?4 WHERE id = ?1",
                params![deployment.id.to_string(), status.word(), now.millis(), outcome.err()],
            )?;
            db.execute(
                "UPDATE projects SET status = ?2 WHERE id = ?1",
                [&deployment.project.to_string(), project_status.word()],
            )
            .map(drop)
        })
    }
}

fn insert(db: &Connection, deployment: &DeploymentRow) -> rusqlite::Result<()> {
    let (source_project, backup) = deployment.source.unzip();
    db.execute(
        "INSERT INTO deployments (id, kind, project, source_project, backup, status, started_at, finished_at, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            deployment.id.to_string(),
            deployment.kind.word(),
            deployment.project.to_string(),
            source_project.map(|id| id.to_string()),
            backup.map(|id| id.to_string()),
            deployment.status.word(),
            deployment.started_at.millis(),
            deployment.finished_at.map(Time::millis),
            deployment.error,
        ],
    )
    .map(drop)
}

/// Enters a deployment that is over, with its log.
pub(super) fn insert_finished(
    db: &Connection,
    deployment: &DeploymentRow,
    sentences: &[(Event, String)],
) -> rusqlite::Result<()> {
    insert(db, deployment)?;
    sentences.iter().try_for_each(|(event, sentence)| {
        append(db, deployment.id, deployment.started_at, *event, sentence, None, None)
    })
}

fn append(
    db: &Connection,
    deployment: DeploymentId,
    at: Time,
    event: Event,
    message: &str,
    done: Option<u64>,
    total: Option<u64>,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO deployment_log (deployment, seq, at, event, message, done, total)
         SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM deployment_log WHERE deployment = ?1",
        params![deployment.to_string(), at.millis(), event.word(), message, done, total],
    )
    .map(drop)
}

fn read_deployment(row: &Row<'_>) -> rusqlite::Result<DeploymentRow> {
    Ok(DeploymentRow {
        id: parsed(row, "id")?,
        kind: parsed(row, "kind")?,
        project: parsed(row, "project")?,
        source: optional(row, "source_project")?.zip(optional(row, "backup")?),
        status: parsed(row, "status")?,
        started_at: time(row, "started_at")?,
        finished_at: optional_time(row, "finished_at")?,
        error: row.get("error")?,
    })
}

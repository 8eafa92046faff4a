use rusqlite::{Connection, OptionalExtension, Row, params};
use tago_api::{BackupId, ProjectId, Time};

use super::{Registry, RegistryError, optional_time, parsed, time, words};

words! {
    BackupKind { Daily = "daily", Manual = "manual", }

    BackupStatus { Completed = "completed", Running = "running", Failed = "failed", }
}

/// One backup as the registry knows it.
#[derive(Debug, Clone)]
pub(crate) struct BackupRow {
    pub(crate) id: BackupId,
    pub(crate) project: ProjectId,
    pub(crate) kind: BackupKind,
    pub(crate) status: BackupStatus,
    pub(crate) created_at: Time,
    /// Bytes of the snapshot file.
    pub(crate) size: u64,
    pub(crate) sha256: Option<String>,
    /// Row counts per resource, as a JSON object.
    pub(crate) rows: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) removed_at: Option<Time>,
}

/// What is known of a snapshot once it is complete.
#[derive(Debug)]
pub(crate) struct PublishedBackup {
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) rows: String,
}

/// When a project is backed up, and how long that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) project: ProjectId,
    /// Minutes after midnight in UTC.
    pub(crate) daily_minute: u16,
    pub(crate) retention_days: u16,
    pub(crate) next_run_at: Time,
}

impl Registry {
    pub(crate) fn schedule(&self, project: ProjectId) -> Result<Option<Schedule>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT * FROM schedules WHERE project = ?1", [project.to_string()], read_schedule)
                .optional()
        })
    }

    pub(crate) fn set_schedule(&self, schedule: &Schedule) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO schedules (project, daily_minute, retention_days, next_run_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (project) DO UPDATE SET daily_minute = ?2, retention_days = ?3, next_run_at = ?4",
                params![
                    schedule.project.to_string(),
                    schedule.daily_minute,
                    schedule.retention_days,
                    schedule.next_run_at.millis()
                ],
            )
            .map(drop)
        })
    }

    /// The schedule whose next run comes first.
    pub(crate) fn next_schedule(&self) -> Result<Option<Schedule>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT * FROM schedules ORDER BY next_run_at, project LIMIT 1", [], read_schedule)
                .optional()
        })
    }

    /// Enters a backup as running.
    pub(crate) fn begin_backup(
        &self,
        id: BackupId,
        project: ProjectId,
        kind: BackupKind,
        now: Time,
    ) -> Result<(), RegistryError> {
        self.write(|db| insert_running(db, id, project, kind, now))
    }

    /// Enters a daily backup as running and moves the schedule on, both or neither.
    pub(crate) fn begin_daily_backup(
        &self,
        id: BackupId,
        schedule: &Schedule,
        next_run_at: Time,
        now: Time,
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE schedules SET next_run_at = ?2 WHERE project = ?1",
                params![schedule.project.to_string(), next_run_at.millis()],
            )?;
            insert_running(db, id, schedule.project, BackupKind::Daily, now)
        })
    }

    pub(crate) fn publish_backup(
        &self,
        id: BackupId,
        published: &PublishedBackup,
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE backups SET status = 'completed', size = ?2, sha256 = ?3, rows = ?4 WHERE id = ?1",
                params![id.to_string(), published.size, published.sha256, published.rows],
            )
            .map(drop)
        })
    }

    pub(crate) fn fail_backup(&self, id: BackupId, error: &str) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE backups SET status = 'failed', error = ?2 WHERE id = ?1",
                [&id.to_string(), error],
            )
            .map(drop)
        })
    }

    /// Ends what was running when the platform stopped, and makes an interrupted daily backup due again.
    pub(crate) fn fail_interrupted_backups(&self, now: Time) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE schedules SET next_run_at = min(next_run_at, ?1) WHERE project IN
                   (SELECT project FROM backups WHERE status = 'running' AND kind = 'daily')",
                [now.millis()],
            )?;
            db.execute(
                "UPDATE backups SET status = 'failed', error = 'The platform stopped while this backup was written.'
                 WHERE status = 'running'",
                [],
            )
            .map(drop)
        })
    }

    pub(crate) fn backup(
        &self,
        project: ProjectId,
        id: BackupId,
    ) -> Result<Option<BackupRow>, RegistryError> {
        self.read(|db| {
            db.query_row(
                "SELECT * FROM backups WHERE id = ?1 AND project = ?2",
                [id.to_string(), project.to_string()],
                read_backup,
            )
            .optional()
        })
    }

    /// Completed backups that were not removed, newest first.
    pub(crate) fn kept_backups(&self, project: ProjectId) -> Result<Vec<BackupRow>, RegistryError> {
        self.read(|db| {
            db.prepare(
                "SELECT * FROM backups WHERE project = ?1 AND status = 'completed' AND removed_at IS NULL
                 ORDER BY seq DESC",
            )?
            .query_map([project.to_string()], read_backup)?
            .collect()
        })
    }

    /// The latest run of a project, whatever became of it.
    pub(crate) fn last_backup(&self, project: ProjectId) -> Result<Option<BackupRow>, RegistryError> {
        self.read(|db| {
            db.query_row(
                "SELECT * FROM backups WHERE project = ?1 ORDER BY seq DESC LIMIT 1",
                [project.to_string()],
                read_backup,
            )
            .optional()
        })
    }

    pub(crate) fn remove_backup(&self, id: BackupId, now: Time) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE backups SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL",
                params![id.to_string(), now.millis()],
            )
            .map(drop)
        })
    }

    /// Whether the file of a backup must stay: it is listed, or a restore reads it.
    pub(crate) fn backup_is_needed(&self, id: BackupId) -> Result<bool, RegistryError> {
        self.read(|db| {
            db.query_row(
                "SELECT EXISTS (SELECT 1 FROM backups
                                WHERE id = ?1 AND removed_at IS NULL AND status IN ('completed', 'running'))
                     OR EXISTS (SELECT 1 FROM deployments WHERE backup = ?1 AND status = 'in_progress')",
                [id.to_string()],
                |row| row.get(0),
            )
        })
    }

    /// Whether a restore reads any backup of this project.
    pub(crate) fn is_restored_from(&self, project: ProjectId) -> Result<bool, RegistryError> {
        self.read(|db| {
            db.query_row(
                "SELECT EXISTS (SELECT 1 FROM deployments WHERE source_project = ?1 AND status = 'in_progress')",
                [project.to_string()],
                |row| row.get(0),
            )
        })
    }
}

fn insert_running(
    db: &Connection,
    id: BackupId,
    project: ProjectId,
    kind: BackupKind,
    now: Time,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO backups (id, project, kind, status, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id.to_string(), project.to_string(), kind.word(), BackupStatus::Running.word(), now.millis()],
    )
    .map(drop)
}

fn read_schedule(row: &Row<'_>) -> rusqlite::Result<Schedule> {
    Ok(Schedule {
        project: parsed(row, "project")?,
        daily_minute: row.get("daily_minute")?,
        retention_days: row.get("retention_days")?,
        next_run_at: time(row, "next_run_at")?,
    })
}

pub(super) fn read_backup(row: &Row<'_>) -> rusqlite::Result<BackupRow> {
    Ok(BackupRow {
        id: parsed(row, "id")?,
        project: parsed(row, "project")?,
        kind: parsed(row, "kind")?,
        status: parsed(row, "status")?,
        created_at: time(row, "created_at")?,
        size: row.get("size")?,
        sha256: row.get("sha256")?,
        rows: row.get("rows")?,
        error: row.get("error")?,
        removed_at: optional_time(row, "removed_at")?,
    })
}

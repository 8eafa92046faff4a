use std::path::PathBuf;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use tago_api::{BackupId, ProjectId, Time};

use super::{BACKUPS, Failure, Platform, Refusal, entries};
use crate::files;
use crate::holds::Point;
use crate::project::Snapshot;
use crate::registry::{BackupKind, BackupRow, ProjectRow, PublishedBackup, Schedule};

/// A project keeps no more than this many backups.
pub(crate) const BACKUPS_KEPT: usize = 7;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Platform {
    /// Makes a backup now; it is complete when this returns.
    pub(crate) fn back_up_now(&self, row: &ProjectRow) -> Result<BackupRow, Refusal> {
        let project = self.running(row)?.id();
        let alone = self.snapshot_lock(project);
        let _alone = match alone.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Refusal::Busy(
                    "A backup of this project is being made. Wait until it is done.".into(),
                ));
            }
        };
        let now = self.clock.now();
        let id = BackupId::from_bytes(self.random.id_bytes(now));
        self.registry.begin_backup(id, project, BackupKind::Manual, now)?;
        self.write_backup(project, id)?;
        self.registry.backup(project, id)?.ok_or_else(|| Refusal::NoBackup(id.to_string()))
    }

    /// A backup that is listed.
    pub(crate) fn kept_backup(&self, project: ProjectId, id: BackupId) -> Result<BackupRow, Refusal> {
        let found = self.registry.backup(project, id)?.filter(|backup| backup.removed_at.is_none());
        found.ok_or_else(|| Refusal::NoBackup(id.to_string()))
    }

    /// Writes the snapshot of a backup that was entered as running; what fails is entered too.
    pub(super) fn write_backup(&self, project: ProjectId, id: BackupId) -> Result<(), Failure> {
        let outcome = self.take_snapshot(project, id);
        match outcome.and_then(|published| Ok(self.registry.publish_backup(id, &published)?)) {
            // Only now may the oldest go.
            Ok(()) => {
                self.holds.pass(Point::SnapshotRecorded);
                self.prune(project)
            }
            Err(error) => {
                self.registry.fail_backup(id, &error.to_string())?;
                let path = self.backup_path(project, id);
                for path in [files::unfinished(&path), path] {
                    files::remove_file(&path).map_err(Failure::file(&path))?;
                }
                Err(error)
            }
        }
    }

    /// Copies, checks and measures under a temporary name; then the file gets its own.
    fn take_snapshot(&self, project: ProjectId, id: BackupId) -> Result<PublishedBackup, Failure> {
        self.holds.pass(Point::SnapshotBegun);
        let path = self.backup_path(project, id);
        let folder = self.backup_dir(project);
        std::fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        let unfinished = files::unfinished(&path);
        let Snapshot { rows, size, sha256 } =
            self.project(project)?.snapshot_to(&unfinished, &mut |_| self.holds.pass(Point::SnapshotCopy))?;
        self.holds.pass(Point::SnapshotPublish);
        files::publish(&path).map_err(Failure::file(&path))?;
        self.holds.pass(Point::SnapshotPublished);
        Ok(PublishedBackup { size, sha256, rows: serde_json::to_string(&rows)? })
    }

    /// Removes from the list what the schedule no longer keeps, and what nobody reads from the disk.
    pub(super) fn prune(&self, project: ProjectId) -> Result<(), Failure> {
        let Some(schedule) = self.registry.schedule(project)? else { return Ok(()) };
        let kept = self.registry.kept_backups(project)?;
        outdated(&kept, schedule.retention_days, self.clock.now())
            .try_for_each(|backup| self.remove_backup(backup))
    }

    /// Removes the backups beyond the most that a project keeps; a crash can come before a prune.
    pub(super) fn prune_surplus(&self, project: ProjectId) -> Result<(), Failure> {
        let kept = self.registry.kept_backups(project)?;
        kept.iter().skip(BACKUPS_KEPT).try_for_each(|backup| self.remove_backup(backup))
    }

    fn remove_backup(&self, backup: &BackupRow) -> Result<(), Failure> {
        self.registry.remove_backup(backup.id, self.clock.now())?;
        self.holds.pass(Point::PruneRecorded);
        self.remove_unneeded_file(backup.project, backup.id)?;
        self.holds.pass(Point::PruneRemoved);
        Ok(())
    }

    /// Removes the file of a backup unless it is listed or a restore still reads it.
    pub(super) fn remove_unneeded_file(&self, project: ProjectId, id: BackupId) -> Result<(), Failure> {
        if self.registry.backup_is_needed(id)? {
            return Ok(());
        }
        let path = self.backup_path(project, id);
        files::remove_file(&path).map_err(Failure::file(&path))
    }

    /// Backups that the next daily run will remove under these settings.
    pub(crate) fn removed_by_next_run(&self, schedule: &Schedule) -> Result<Vec<BackupRow>, Failure> {
        let mut kept = self.registry.kept_backups(schedule.project)?;
        let expiries = expiries(&kept, schedule);
        let mut expiries = expiries.iter();
        kept.retain(|_| expiries.next() == Some(&schedule.next_run_at));
        Ok(kept)
    }

    /// Removes files that no backup needs: half written ones, and leftovers of a crash while pruning.
    pub(super) fn sweep_backups(&self) -> Result<(), Failure> {
        for folder in entries(&self.data.join(BACKUPS))? {
            for path in entries(&folder)? {
                let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                let needed = match id {
                    Some(id) if !files::is_unfinished(&path) => self.registry.backup_is_needed(id)?,
                    _ => false,
                };
                if !needed {
                    files::remove_file(&path).map_err(Failure::file(&path))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn backup_dir(&self, project: ProjectId) -> PathBuf {
        self.data.join(BACKUPS).join(project.to_string())
    }

    pub(crate) fn backup_path(&self, project: ProjectId, id: BackupId) -> PathBuf {
        self.backup_dir(project).join(format!("{id}.sqlite"))
    }

    pub(super) fn snapshot_lock(&self, project: ProjectId) -> Arc<Mutex<()>> {
        self.instances().get(&project).map_or_else(Arc::default, |running| running.snapshot.clone())
    }
}

/// Which of `kept` (newest first) are too many or too old; never the newest.
fn outdated(kept: &[BackupRow], retention_days: u16, now: Time) -> impl Iterator<Item = &BackupRow> {
    let retention = DAY * u32::from(retention_days);
    let place = kept.iter().enumerate();
    place
        .filter(move |(place, backup)| {
            *place >= BACKUPS_KEPT || *place > 0 && backup.created_at + retention <= now
        })
        .map(|(_, backup)| backup)
}

/// When each of `kept` (newest first) is removed, if nothing but daily runs happens from now on.
pub(crate) fn expiries(kept: &[BackupRow], schedule: &Schedule) -> Vec<Time> {
    let retention = DAY * u32::from(schedule.retention_days);
    let expiry = |(place, backup): (usize, &BackupRow)| {
        let mut run = schedule.next_run_at;
        let mut newer = place + 1;
        while newer < BACKUPS_KEPT && backup.created_at + retention > run {
            run = run + DAY;
            newer += 1;
        }
        run
    };
    kept.iter().enumerate().map(expiry).collect()
}

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Months;
use serde::{Deserialize, Serialize};
use tago_api::Time;

use crate::files;
use crate::project::blobs::Blobs;
use crate::project::call::Refused;

/// Months for which a backup is kept.
const KEPT: u32 = 12;

/// Which backups there are, in memory and in the blob store.
pub(in crate::project) struct Shelf(Mutex<Vec<Backup>>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Backup {
    pub(super) id: String,
    pub(super) version_id: String,
    pub(super) status: Status,
    pub(super) file_size: u64,
    pub(super) error_message: Option<String>,
    pub(super) created_at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Queued,
    Processing,
    Completed,
    Failed,
}

impl Shelf {
    /// Reads what there is; what was being made when the platform ended has failed.
    pub(in crate::project) fn open(blobs: &Blobs) -> Result<Shelf, Refused> {
        let backups = match blobs.backup_index().read()? {
            None => Vec::new(),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Refused::internal(format!("The list of backups is damaged: {error}")))?,
        };
        let shelf = Shelf(Mutex::new(backups));
        if shelf.all().iter().any(Backup::is_open) {
            shelf.change(blobs, |backups| {
                for backup in backups.iter_mut().filter(|backup| backup.is_open()) {
                    backup.status = Status::Failed;
                    backup.error_message = Some("The platform ended while the backup was made".to_owned());
                }
                Ok(())
            })?;
        }
        shelf.remove_strays(blobs).map_err(|error| Refused::from(super::archive::Failed::Write(error)))?;
        Ok(shelf)
    }

    /// Removes the files of backups that are not complete.
    fn remove_strays(&self, blobs: &Blobs) -> std::io::Result<()> {
        let kept: Vec<_> = self
            .all()
            .iter()
            .filter(|backup| backup.status == Status::Completed)
            .map(|backup| blobs.backups().join(format!("{}.zip", backup.id)))
            .collect();
        for entry in std::fs::read_dir(blobs.backups())? {
            let path = entry?.path();
            if !kept.contains(&path) {
                files::remove_file(&path)?;
            }
        }
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<Backup> {
        self.lock().clone()
    }

    /// Changes the list, in the blob store before anybody sees it.
    pub(super) fn change(
        &self,
        blobs: &Blobs,
        work: impl FnOnce(&mut Vec<Backup>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut backups = self.lock();
        let mut changed = backups.clone();
        work(&mut changed)?;
        let bytes = serde_json::to_vec(&changed).map_err(|error| Refused::internal(error.to_string()))?;
        blobs.backup_index().write(&bytes)?;
        *backups = changed;
        Ok(())
    }

    /// Ends the backups whose time is over.
    pub(super) fn forget_old(&self, blobs: &Blobs, now: Time) -> Result<(), Refused> {
        let Some(oldest) = now.to_utc().checked_sub_months(Months::new(KEPT)).map(Time::from) else {
            return Ok(());
        };
        let old: Vec<_> = self.all().into_iter().filter(|backup| backup.created_at < oldest).collect();
        if old.is_empty() {
            return Ok(());
        }
        self.change(blobs, |backups| {
            backups.retain(|backup| backup.created_at >= oldest);
            Ok(())
        })?;
        old.iter().try_for_each(|backup| {
            files::remove_file(&blobs.backups().join(format!("{}.zip", backup.id)))
                .map_err(|error| super::archive::Failed::Write(error).into())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Backup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backup {
    /// Whether it is still to be made, or being made.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, Status::Queued | Status::Processing)
    }
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Processing => "processing",
            Status::Completed => "completed",
            Status::Failed => "failed",
        }
    }
}

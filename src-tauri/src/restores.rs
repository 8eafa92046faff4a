//! Every project that was made from a backup, remembered also when it is gone.

use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use tago_api::Time;

use crate::app::locked;
use crate::error::Answer;
use crate::records::Records;
use crate::view::{Deployment, DeploymentEvent, DeploymentStatus, Meter, Project, Restore, Whole};

/// One project that was made from a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RestoreRecord {
    pub(crate) connection: String,
    pub(crate) project: String,
    name: String,
    original: String,
    backup_created_at: Option<Whole>,
    begun_at: Whole,
    pub(crate) deployment: Option<String>,
    /// How it was made, once that is over.
    pub(crate) ended: Option<Deployment>,
    pub(crate) deleted: Option<Deleted>,
}

/// The end of a restored project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Deleted {
    at: Whole,
    /// What it has cost in all, in micro-dollars.
    cost: Option<Whole>,
}

impl Deleted {
    /// `last` is what its meter said last.
    pub(crate) fn now(now: Time, last: Option<Meter>) -> Deleted {
        let at = last.as_ref().and_then(|meter| meter.until).unwrap_or(now.into());
        Deleted { at, cost: last.map(|meter| meter.total) }
    }
}

/// Where restores are kept.
pub(crate) struct RestoreFiles {
    records: Mutex<Records<RestoreRecord>>,
}

impl RestoreFiles {
    pub(crate) fn new(folder: PathBuf) -> RestoreFiles {
        RestoreFiles { records: Mutex::new(Records::new(folder, "restore")) }
    }

    /// Remembers a restored project from the first time that it is seen.
    pub(crate) fn saw(&self, project: &Project) {
        let Some(from) = &project.restored_from else { return };
        let records = locked(&self.records);
        let known = records.find(&project.id);
        if !matches!(known, Ok(None)) {
            return;
        }
        let record = RestoreRecord {
            connection: project.connection.clone(),
            project: project.id.clone(),
            name: project.name.clone(),
            original: from.project_name.clone(),
            backup_created_at: from.backup_created_at,
            begun_at: project.created_at,
            deployment: project.deployment.clone(),
            ended: None,
            deleted: None,
        };
        told(records.write(&record.project, &record));
    }

    /// Changes what is remembered of a project, if it was made from a backup.
    pub(crate) fn change(&self, project: &str, change: impl FnOnce(&mut RestoreRecord)) {
        let records = locked(&self.records);
        told(records.find(project).and_then(|found| match found {
            None => Ok(()),
            Some(mut record) => {
                change(&mut record);
                records.write(project, &record)
            }
        }));
    }

    /// All of them, the newest first.
    pub(crate) fn all(&self) -> Vec<RestoreRecord> {
        let mut all = locked(&self.records).all();
        all.sort_by_key(|record| std::cmp::Reverse(record.begun_at));
        all
    }
}

/// The history is not worth failing for what it tells of.
fn told(written: Answer<()>) {
    if let Err(error) = written {
        tracing::warn!(error.message, "a restore was not remembered");
    }
}

/// A restore as the window shows it.
pub(crate) fn view(record: RestoreRecord) -> Restore {
    let ended = record.ended;
    Restore {
        connection: record.connection,
        project: record.project,
        name: record.name,
        original: record.original,
        backup_created_at: record.backup_created_at,
        begun_at: record.begun_at,
        finished_at: ended.as_ref().and_then(|deployment| deployment.finished_at),
        status: ended.as_ref().map_or(DeploymentStatus::InProgress, |deployment| deployment.status),
        error: ended.as_ref().and_then(|deployment| deployment.error.clone()),
        log: ended.map(|deployment| without_repetition(deployment.log)).unwrap_or_default(),
        deleted_at: record.deleted.as_ref().map(|deleted| deleted.at),
        cost: record.deleted.and_then(|deleted| deleted.cost),
    }
}

/// Of the counts while bytes were copied, the last one.
fn without_repetition(log: Vec<DeploymentEvent>) -> Vec<DeploymentEvent> {
    let mut kept: Vec<DeploymentEvent> = Vec::new();
    for entry in log {
        if entry.event == "bytes_copied" && kept.last().is_some_and(|last| last.event == entry.event) {
            kept.pop();
        }
        kept.push(entry);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{ProjectStatus, RestoredFrom, Role};

    fn project(id: &str, created_at: i64) -> Project {
        Project {
            connection: "this-computer".into(),
            id: id.into(),
            name: "Copy".into(),
            role: Role::Owner,
            region: String::new(),
            version: String::new(),
            api: String::new(),
            status: ProjectStatus::Active,
            created_at: created_at.into(),
            size: 0_i64.into(),
            restored_from: Some(RestoredFrom {
                project: "0a".into(),
                project_name: "Plant".into(),
                backup: "0b".into(),
                backup_created_at: None,
            }),
            deployment: None,
        }
    }

    #[test]
    fn a_restored_project_is_remembered_once_and_stays_when_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let files = RestoreFiles::new(folder.path().join("restores"));
        files.saw(&Project { restored_from: None, ..project("0c", 3) });
        files.saw(&project("0d", 1));
        files.saw(&project("0e", 2));
        files.change("0d", |record| record.deleted = Some(Deleted::now(Time::from_millis(5), None)));
        files.saw(&project("0d", 1));
        let told: Vec<(String, Option<i64>)> = files
            .all()
            .into_iter()
            .map(view)
            .map(|restore| (restore.project, restore.deleted_at.map(Whole::get)))
            .collect();
        assert_eq!(told, [("0e".to_owned(), None), ("0d".to_owned(), Some(5))]);
    }
}

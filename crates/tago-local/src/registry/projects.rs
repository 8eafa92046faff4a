use rusqlite::{OptionalExtension, Row, params};
use tago_api::{AccountId, BackupId, ProfileId, ProjectId, Time};

use super::deployments::{self, DeploymentRow, Event};
use super::{Registry, RegistryError, optional, optional_time, parsed, time, words};

words! {
    /// What somebody may do in a project.
    Role { Owner = "owner", Admin = "admin", Contractor = "contractor", }

    ProjectStatus { Active = "active", Deploying = "deploying", Failed = "failed", }

    /// What a main database runs on.
    Machine {
        Small = "2vcpu-4gb",
        Medium = "2vcpu-8gb",
        Large = "4vcpu-16gb",
        Huge = "8vcpu-32gb",
    }
}

impl Machine {
    pub(crate) const ALL: [Machine; 4] = [Machine::Small, Machine::Medium, Machine::Large, Machine::Huge];

    pub(crate) fn cpus(self) -> u8 {
        match self {
            Machine::Small | Machine::Medium => 2,
            Machine::Large => 4,
            Machine::Huge => 8,
        }
    }

    pub(crate) fn memory_gb(self) -> u8 {
        match self {
            Machine::Small => 4,
            Machine::Medium => 8,
            Machine::Large => 16,
            Machine::Huge => 32,
        }
    }
}

/// What a project's main database consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MainDatabase {
    pub(crate) machine: Machine,
    /// Instances that read only, beside the one that writes.
    pub(crate) readers: u8,
}

impl Default for MainDatabase {
    fn default() -> MainDatabase {
        MainDatabase { machine: Machine::Small, readers: 0 }
    }
}

/// One project as the registry knows it.
#[derive(Debug, Clone)]
pub(crate) struct ProjectRow {
    pub(crate) id: ProjectId,
    pub(crate) name: String,
    pub(crate) owner: AccountId,
    pub(crate) region: String,
    pub(crate) version: String,
    /// The main profile inside the instance; unknown until it is there.
    pub(crate) profile: Option<ProfileId>,
    pub(crate) port: Option<u16>,
    pub(crate) status: ProjectStatus,
    pub(crate) created_at: Time,
    pub(crate) deleted_at: Option<Time>,
    pub(crate) restored_from: Option<(ProjectId, BackupId)>,
    pub(crate) main_database: MainDatabase,
    pub(crate) creation_fee_micros: i64,
    pub(crate) per_hour_micros: i64,
}

impl Registry {
    /// Enters a project, what it costs, and that it was deployed.
    pub(crate) fn add_project(
        &self,
        project: &ProjectRow,
        price: &str,
        deployment: &DeploymentRow,
        sentences: &[(Event, String)],
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            insert(db, project, price)?;
            deployments::insert_finished(db, deployment, sentences)
        })
    }

    /// Gives a main database another machine or other readers, at another price from now on.
    pub(crate) fn change_main_database(
        &self,
        project: ProjectId,
        wanted: MainDatabase,
        (price, per_hour_micros): (&str, i64),
        deployment: &DeploymentRow,
        sentences: &[(Event, String)],
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            let id = project.to_string();
            db.execute(
                "UPDATE projects SET machine = ?2, readers = ?3, per_hour_micros = ?4 WHERE id = ?1",
                params![id, wanted.machine.word(), wanted.readers, per_hour_micros],
            )?;
            set_price(db, &id, deployment.started_at, price)?;
            deployments::insert_finished(db, deployment, sentences)
        })
    }

    /// What a project costs, each price from its moment on, oldest first.
    pub(crate) fn prices(&self, project: ProjectId) -> Result<Vec<(Time, String)>, RegistryError> {
        self.read(|db| {
            db.prepare("SELECT since, price FROM prices WHERE project = ?1 ORDER BY since")?
                .query_map([project.to_string()], |row| Ok((time(row, "since")?, row.get("price")?)))?
                .collect()
        })
    }

    /// Every project that `owner` pays or has paid for, oldest first.
    pub(crate) fn paid_by(&self, owner: AccountId) -> Result<Vec<ProjectRow>, RegistryError> {
        self.read(|db| {
            db.prepare("SELECT * FROM projects WHERE owner = ?1 ORDER BY created_at, rowid")?
                .query_map([owner.to_string()], read_project)?
                .collect()
        })
    }

    pub(crate) fn project(&self, id: ProjectId) -> Result<Option<ProjectRow>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT * FROM projects WHERE id = ?1", [id.to_string()], read_project).optional()
        })
    }

    /// Every project that was not deleted, oldest first.
    pub(crate) fn projects(&self) -> Result<Vec<ProjectRow>, RegistryError> {
        self.read(|db| {
            db.prepare("SELECT * FROM projects WHERE deleted_at IS NULL ORDER BY created_at, rowid")?
                .query_map([], read_project)?
                .collect()
        })
    }

    /// What `account` is in `project`; nothing before an invitation was accepted.
    pub(crate) fn role(
        &self,
        project: &ProjectRow,
        account: AccountId,
    ) -> Result<Option<Role>, RegistryError> {
        if project.owner == account {
            return Ok(Some(Role::Owner));
        }
        self.read(|db| {
            db.query_row(
                "SELECT role FROM collaborators WHERE project = ?1 AND account = ?2 AND state = 'accepted'",
                [project.id.to_string(), account.to_string()],
                |row| parsed(row, "role"),
            )
            .optional()
        })
    }

    /// The project answers at `port` now.
    pub(crate) fn project_answers(
        &self,
        id: ProjectId,
        profile: ProfileId,
        port: u16,
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE projects SET profile = ?2, port = ?3 WHERE id = ?1",
                params![id.to_string(), profile.to_string(), port],
            )
            .map(drop)
        })
    }

    /// Ends the project and its backups; their files can go once this has returned.
    pub(crate) fn delete_project(&self, id: ProjectId, now: Time) -> Result<(), RegistryError> {
        self.write(|db| {
            let id = id.to_string();
            db.execute("UPDATE projects SET deleted_at = ?2 WHERE id = ?1", params![id, now.millis()])?;
            db.execute(
                "UPDATE backups SET removed_at = ?2 WHERE project = ?1 AND removed_at IS NULL",
                params![id, now.millis()],
            )?;
            db.execute("DELETE FROM schedules WHERE project = ?1", [&id])?;
            db.execute("DELETE FROM project_tokens WHERE project = ?1", [&id])?;
            db.execute("DELETE FROM mqtt_clients WHERE project = ?1", [&id])?;
            db.execute("DELETE FROM damages WHERE project = ?1", [&id]).map(drop)
        })
    }

    /// Projects made from `backup` that still exist, oldest first.
    pub(crate) fn restored_as(&self, backup: BackupId) -> Result<Vec<ProjectId>, RegistryError> {
        self.read(|db| {
            db.prepare(
                "SELECT id FROM projects WHERE restored_backup = ?1 AND deleted_at IS NULL AND status != 'failed'
                 ORDER BY created_at, rowid",
            )?
            .query_map([backup.to_string()], |row| parsed(row, "id"))?
            .collect()
        })
    }

    /// The report of the damage done on purpose, if any was.
    pub(crate) fn damage(&self, project: ProjectId) -> Result<Option<String>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT report FROM damages WHERE project = ?1", [project.to_string()], |row| {
                row.get(0)
            })
            .optional()
        })
    }

    /// Keeps the report of the damage; false if there was one already.
    pub(crate) fn add_damage(&self, project: ProjectId, report: &str) -> Result<bool, RegistryError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO damages VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                [&project.to_string(), report],
            )
            .map(|added| added > 0)
        })
    }
}

fn set_price(db: &rusqlite::Connection, project: &str, since: Time, price: &str) -> rusqlite::Result<()> {
    db.execute("INSERT OR REPLACE INTO prices VALUES (?1, ?2, ?3)", params![project, since.millis(), price])
        .map(drop)
}

pub(super) fn insert(db: &rusqlite::Connection, project: &ProjectRow, price: &str) -> rusqlite::Result<()> {
    let (from, backup) = project.restored_from.unzip();
    db.execute(
        "INSERT INTO projects (id, name, owner, region, version, profile, port, status, created_at,
           restored_from, restored_backup, machine, readers, creation_fee_micros, per_hour_micros)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            project.id.to_string(),
            project.name,
            project.owner.to_string(),
            project.region,
            project.version,
            project.profile.map(|profile| profile.to_string()),
            project.port,
            project.status.word(),
            project.created_at.millis(),
            from.map(|id| id.to_string()),
            backup.map(|id| id.to_string()),
            project.main_database.machine.word(),
            project.main_database.readers,
            project.creation_fee_micros,
            project.per_hour_micros,
        ],
    )?;
    set_price(db, &project.id.to_string(), project.created_at, price)
}

fn read_project(row: &Row<'_>) -> rusqlite::Result<ProjectRow> {
    Ok(ProjectRow {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        owner: parsed(row, "owner")?,
        region: row.get("region")?,
        version: row.get("version")?,
        profile: optional(row, "profile")?,
        port: row.get("port")?,
        status: parsed(row, "status")?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
        restored_from: optional(row, "restored_from")?.zip(optional(row, "restored_backup")?),
        main_database: MainDatabase { machine: parsed(row, "machine")?, readers: row.get("readers")? },
        creation_fee_micros: row.get("creation_fee_micros")?,
        per_hour_micros: row.get("per_hour_micros")?,
    })
}

use rusqlite::{Row, params};
use tago_api::{ProjectId, Time};

use super::{Registry, RegistryError, time};

/// Who may speak to a project's MQTT broker. No broker runs here, so a password is not kept: only that there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) username: Option<String>,
    pub(crate) has_password: bool,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

impl Registry {
    pub(crate) fn clients(&self, project: ProjectId) -> Result<Vec<ClientRow>, RegistryError> {
        self.read(|db| {
            db.prepare_cached("SELECT * FROM mqtt_clients WHERE project = ?1 ORDER BY created_at, id")?
                .query_map([project.to_string()], client)?
                .collect()
        })
    }

    pub(crate) fn add_client(&self, project: ProjectId, client: &ClientRow) -> Result<(), RegistryError> {
        let ClientRow { id, name, username, has_password, created_at, updated_at } = client;
        self.write(|db| {
            db.execute(
                "INSERT INTO mqtt_clients (id, project, name, username, has_password, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    id,
                    project.to_string(),
                    name,
                    username,
                    has_password,
                    created_at.millis(),
                    updated_at.millis()
                ],
            )
            .map(drop)
        })
    }

    /// Tells whether the project has this client.
    pub(crate) fn change_client(
        &self,
        project: ProjectId,
        id: &str,
        name: &str,
        sets_password: bool,
        now: Time,
    ) -> Result<bool, RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE mqtt_clients SET name = ?3, has_password = has_password OR ?4, updated_at = ?5
                 WHERE project = ?1 AND id = ?2",
                params![project.to_string(), id, name, sets_password, now.millis()],
            )
            .map(|changed| changed > 0)
        })
    }

    /// Tells whether there was one.
    pub(crate) fn remove_client(&self, project: ProjectId, id: &str) -> Result<bool, RegistryError> {
        self.write(|db| {
            db.execute("DELETE FROM mqtt_clients WHERE project = ?1 AND id = ?2", [&project.to_string(), id])
                .map(|removed| removed > 0)
        })
    }
}

fn client(row: &Row<'_>) -> rusqlite::Result<ClientRow> {
    Ok(ClientRow {
        id: row.get("id")?,
        name: row.get("name")?,
        username: row.get("username")?,
        has_password: row.get("has_password")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

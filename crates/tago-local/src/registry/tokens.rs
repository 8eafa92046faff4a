use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use tago_api::{ProjectId, Time};

use super::accounts::hash;
use super::{Registry, RegistryError, time};

/// A token of a project as it is shown: never again as a whole.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) last_four: String,
    pub(crate) created_at: Time,
}

/// A token of a project that was just made.
pub(crate) struct ProjectToken<'a> {
    pub(crate) id: &'a str,
    pub(crate) project: ProjectId,
    pub(crate) secret: &'a str,
    pub(crate) last_four: &'a str,
}

impl Registry {
    /// Keeps a new token unless the project has `most` already; tells whether it was kept.
    pub(crate) fn add_project_token(
        &self,
        token: &ProjectToken<'_>,
        most: usize,
        now: Time,
    ) -> Result<bool, RegistryError> {
        self.write(|db| {
            let project = token.project.to_string();
            let secret = hash(token.secret);
            db.execute(
                "INSERT INTO project_tokens (id, project, hash, last_four, created_at)
                 SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM project_tokens WHERE project = ?2) < ?6",
                params![token.id, project, secret, token.last_four, now.millis(), most],
            )
            .map(|added| added > 0)
        })
    }

    /// The tokens of a project, oldest first.
    pub(crate) fn project_tokens(&self, project: ProjectId) -> Result<Vec<TokenRow>, RegistryError> {
        self.read(|db| {
            db.prepare("SELECT * FROM project_tokens WHERE project = ?1 ORDER BY created_at, id")?
                .query_map([project.to_string()], |row| {
                    Ok(TokenRow {
                        id: row.get("id")?,
                        last_four: row.get("last_four")?,
                        created_at: time(row, "created_at")?,
                    })
                })?
                .collect()
        })
    }

    /// Whether there was such a token.
    pub(crate) fn revoke_project_token(&self, project: ProjectId, id: &str) -> Result<bool, RegistryError> {
        self.write(|db| {
            db.execute(
                "DELETE FROM project_tokens WHERE project = ?1 AND id = ?2",
                [&project.to_string(), id],
            )
            .map(|removed| removed > 0)
        })
    }

    /// The project that a token is of.
    pub(crate) fn project_by_token(&self, token: &str) -> Result<Option<String>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT project FROM project_tokens WHERE hash = ?1", [hash(token)], |row| {
                row.get(0)
            })
            .optional()
        })
    }
}

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tago_api::{AccountId, ProjectId, Time};

use super::projects::Role;
use super::{Registry, RegistryError, parsed, words};

/// A person with a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// Somebody who was asked to help with a project, and its owner.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Collaborator {
    pub(crate) account: AccountId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) state: InvitationState,
}

words! {
    InvitationState { Pending = "pending", Accepted = "accepted", }
}

impl Registry {
    /// The account with this e-mail, made now if there is none.
    pub(crate) fn ensure_account(&self, account: &Account) -> Result<Account, RegistryError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO accounts (id, name, email) VALUES (?1, ?2, ?3) ON CONFLICT (email) DO NOTHING",
                params![account.id.to_string(), account.name, account.email],
            )?;
            db.query_row("SELECT * FROM accounts WHERE email = ?1", [&account.email], read_account)
        })
    }

    pub(crate) fn account_by_email(&self, email: &str) -> Result<Option<Account>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT * FROM accounts WHERE email = ?1", [email], read_account).optional()
        })
    }

    pub(crate) fn account_by_token(&self, token: &str) -> Result<Option<Account>, RegistryError> {
        self.read(|db| {
            db.query_row(
                "SELECT accounts.* FROM accounts JOIN console_tokens ON account = id WHERE hash = ?1",
                [hash(token)],
                read_account,
            )
            .optional()
        })
    }

    /// Makes `token` the only one that opens the console for this account.
    pub(crate) fn replace_token(
        &self,
        account: AccountId,
        token: &str,
        now: Time,
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute("DELETE FROM console_tokens WHERE account = ?1", [account.to_string()])?;
            db.execute(
                "INSERT INTO console_tokens (hash, account, created_at) VALUES (?1, ?2, ?3)",
                params![hash(token), account.to_string(), now.millis()],
            )
            .map(drop)
        })
    }

    /// The owner first, then the collaborators by e-mail.
    pub(crate) fn collaborators(&self, project: ProjectId) -> Result<Vec<Collaborator>, RegistryError> {
        self.read(|db| {
            db.prepare(
                "SELECT id, email, name, 'owner' AS role, 'accepted' AS state, 0 AS place
                 FROM accounts WHERE id = (SELECT owner FROM projects WHERE id = ?1)
                 UNION ALL
                 SELECT accounts.id, email, accounts.name, role, state, 1
                 FROM collaborators JOIN accounts ON accounts.id = account WHERE project = ?1
                 ORDER BY place, email",
            )?
            .query_map([project.to_string()], |row| {
                Ok(Collaborator {
                    account: parsed(row, "id")?,
                    email: row.get("email")?,
                    name: row.get("name")?,
                    role: parsed(row, "role")?,
                    state: parsed(row, "state")?,
                })
            })?
            .collect()
        })
    }

    pub(crate) fn invite(
        &self,
        project: ProjectId,
        account: AccountId,
        role: Role,
    ) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO collaborators (project, account, role, state) VALUES (?1, ?2, ?3, 'pending')
                 ON CONFLICT (project, account) DO UPDATE SET role = ?3",
                params![project.to_string(), account.to_string(), role.word()],
            )
            .map(drop)
        })
    }

    /// Whether there was an invitation to accept.
    pub(crate) fn accept_invitation(
        &self,
        project: ProjectId,
        account: AccountId,
    ) -> Result<bool, RegistryError> {
        self.write(|db| {
            db.execute(
                "UPDATE collaborators SET state = ?3 WHERE project = ?1 AND account = ?2",
                [&project.to_string(), &account.to_string(), InvitationState::Accepted.word()],
            )
            .map(|changed| changed > 0)
        })
    }

    /// Whether there was such a collaborator.
    pub(crate) fn remove_collaborator(
        &self,
        project: ProjectId,
        account: AccountId,
    ) -> Result<bool, RegistryError> {
        self.write(|db| {
            db.execute(
                "DELETE FROM collaborators WHERE project = ?1 AND account = ?2",
                [project.to_string(), account.to_string()],
            )
            .map(|changed| changed > 0)
        })
    }
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { id: parsed(row, "id")?, name: row.get("name")?, email: row.get("email")? })
}

/// Tokens are long and random, so one round is enough to keep them unreadable.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

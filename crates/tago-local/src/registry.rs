//! Who owns what: accounts, projects, schedules, backups, quotes, deployments.

mod accounts;
mod backups;
mod clients;
mod deployments;
mod projects;
mod quotes;
mod tokens;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use tago_api::Time;
use thiserror::Error;

pub(crate) use accounts::Account;
pub(crate) use backups::{BackupKind, BackupRow, BackupStatus, PublishedBackup, Schedule};
pub(crate) use clients::ClientRow;
pub(crate) use deployments::{DeploymentKind, DeploymentRow, DeploymentStatus, Event, LogEntry, NotBegun};
pub(crate) use projects::{Machine, MainDatabase, ProjectRow, ProjectStatus, Role};
pub(crate) use quotes::QuoteRow;
pub(crate) use tokens::ProjectToken;

/// The registry's database could not be used.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// It does not open.
    #[error("the registry {path} does not open: {source}", path = path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    /// It comes from a newer version of the platform.
    #[error("the registry {path} was written by a newer version (layout {found})", path = path.display())]
    Newer { path: PathBuf, found: i64 },
    /// A statement failed.
    #[error("the registry could not be read or written: {0}")]
    Statement(#[from] rusqlite::Error),
}

/// The database that knows every account, project and backup.
pub(crate) struct Registry(Mutex<Connection>);

/// Each takes a registry of the layout before to the next one.
const STEPS: [&str; 3] = [
    include_str!("registry/schema.sql"),
    include_str!("registry/clients.sql"),
    include_str!("registry/bills.sql"),
];

const LAYOUT: i64 = STEPS.len() as i64;

impl Registry {
    pub(crate) fn open(path: &Path) -> Result<Registry, RegistryError> {
        let failed = |source| RegistryError::Open { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        let transaction = connection.transaction().map_err(failed)?;
        match transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)? {
            found @ 0..=LAYOUT => {
                let done = usize::try_from(found).unwrap_or(STEPS.len());
                STEPS[done..].iter().try_for_each(|step| transaction.execute_batch(step)).map_err(failed)?;
                transaction.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
            }
            found => return Err(RegistryError::Newer { path: path.to_owned(), found }),
        }
        transaction.commit().map_err(failed)?;
        Ok(Registry(Mutex::new(connection)))
    }

    pub(crate) fn setting<T: FromStr>(&self, name: &str) -> Result<Option<T>, RegistryError> {
        self.read(|db| {
            let value: Option<String> = db
                .query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
                .optional()?;
            Ok(value.and_then(|value| value.parse().ok()))
        })
    }

    pub(crate) fn set_setting(&self, name: &str, value: impl ToString) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                params![name, value.to_string()],
            )
            .map(drop)
        })
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, RegistryError> {
        Ok(work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, RegistryError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = work(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }
}

/// Reads a column that holds the text of an id or of a word.
fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    optional(row, column)?.ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(FromSqlError::InvalidType))
    })
}

fn optional<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Time> {
    row.get(column).map(Time::from_millis)
}

fn optional_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Time>> {
    row.get::<_, Option<i64>>(column).map(|millis| millis.map(Time::from_millis))
}

/// A word that the registry does not know stands where one of a few is expected.
#[derive(Debug, Error)]
#[error("{0:?} is not a word the registry knows here")]
pub(crate) struct UnknownWord(String);

/// An enum whose variants are words, in the registry and on the wire alike.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub(crate) enum $name { $(#[serde(rename = $word)] $variant,)* }

        impl $name {
            pub(crate) fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::registry::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok($name::$variant),)*
                    _ => Err($crate::registry::UnknownWord(word.to_owned())),
                }
            }
        }
    )*};
}
use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_of_the_first_layout_keeps_what_its_projects_cost_and_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.sqlite");
        let (old, new) = ("0123456789abcdef01234567", "0123456789abcdef01234568");
        let first = Connection::open(&path).unwrap();
        first.execute_batch(STEPS[0]).unwrap();
        first
            .execute_batch(&format!(
                "INSERT INTO accounts VALUES ('{old}', 'You', 'you@frostline.example');
                 INSERT INTO projects (id, name, owner, region, version, status, created_at,
                   creation_fee_micros, per_hour_micros)
                 VALUES ('{old}', 'Old', '{old}', 'r', 'v', 'active', 1, 50, 7),
                        ('{new}', 'New', '{old}', 'r', 'v', 'active', 2, 50, 7);
                 INSERT INTO deployments VALUES ('{new}', '{new}', '{old}', '{old}', 'success', 2, 3, NULL);
                 PRAGMA user_version = 1;"
            ))
            .unwrap();
        drop(first);
        let registry = Registry::open(&path).unwrap();
        let prices = registry.prices(old.parse().unwrap()).unwrap();
        let price: crate::prices::Price = serde_json::from_str(&prices[0].1).unwrap();
        assert_eq!((prices[0].0.millis(), price.creation_fee_micros, price.per_hour_micros), (1, 50, 7));
        let restore = &registry.deployments(old.parse().unwrap()).unwrap()[0];
        assert_eq!(restore.source, Some((old.parse().unwrap(), old.parse().unwrap())));
        assert_eq!(restore.kind, DeploymentKind::Restore);
    }
}

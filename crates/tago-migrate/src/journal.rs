//! The journal of a run: SQLite, append-only, and on the disk before anything follows from it.

use std::fs::{File, TryLockError};
use std::ops::RangeInclusive;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tago_api::Time;
use thiserror::Error;

use crate::folder;
use crate::planted::{Bug, is_planted};

mod row;

pub(crate) use row::{Filed, Left, Row, Stays, Was};

/// Why the journal cannot be kept.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another process has this run.
    #[error("this run is open in another window or terminal; close it there first")]
    InUse,
    /// There is none.
    #[error("this folder holds no run")]
    NoRun,
    /// Reading or writing failed for now: the disk, its room, or somebody who has it open. Nothing more is
    /// sent.
    #[error("the journal cannot be {doing}")]
    Storage {
        /// `opened`, `read` or `written`.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The folder or its lock cannot be used.
    #[error("the run folder cannot be used")]
    Folder(#[source] std::io::Error),
    /// A write failed a moment ago, and this session writes nothing more: a new one knows what is there.
    #[error("the journal could not be written a moment ago; make room on the disk, then resume")]
    Halted,
    /// A newer version of this program has written it.
    #[error(
        "this run was written by a newer Holdfast, and nothing is wrong with it; update Holdfast to open it"
    )]
    Newer,
    /// Another process has begun a session of this run.
    #[error("another process has taken this run over; this one writes nothing more")]
    TakenOver,
    /// What it holds makes no sense.
    #[error("the journal is damaged: {detail}")]
    Damaged {
        /// What was found.
        detail: String,
    },
}

/// Where a run's rows go.
pub(crate) trait Journal<R = Row>: Send {
    /// Makes a row durable.
    fn append(&mut self, at: Time, row: &R) -> Result<(), JournalError>;

    /// Makes several rows durable, in their order. After an error the first of them may be.
    fn append_all(&mut self, rows: &[(Time, R)]) -> Result<(), JournalError> {
        rows.iter().try_for_each(|(at, row)| self.append(*at, row))
    }
}

/// What a journal can hold.
pub(crate) trait Entry: Serialize + DeserializeOwned {
    /// The name of its kind, as the journal shows it.
    fn kind(&self) -> &'static str;
}

/// The journal of one run folder. While it is open, no other process can open it.
pub(crate) struct SqliteJournal {
    database: Connection,
    epoch: i64,
    /// What a failed write has left on the disk nobody knows until it is read again by a new session.
    is_broken: bool,
    _lock: File,
}

const SCHEMA_VERSION: i64 = 2;

/// Beyond them no version was meant: the number itself is damaged.
const NEWER_VERSIONS: RangeInclusive<i64> = SCHEMA_VERSION + 1..=1_000;

const SCHEMA: &str = "
    CREATE TABLE row (
        seq INTEGER PRIMARY KEY,
        epoch INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        sum INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER row_is_never_changed BEFORE UPDATE ON row
        BEGIN SELECT RAISE(ABORT, 'a journal row is never changed'); END;
    CREATE TRIGGER row_is_never_deleted BEFORE DELETE ON row
        BEGIN SELECT RAISE(ABORT, 'a journal row is never deleted'); END;
    CREATE TRIGGER row_of_an_older_session BEFORE INSERT ON row
        WHEN NEW.epoch < (SELECT epoch FROM row ORDER BY seq DESC LIMIT 1)
        BEGIN SELECT RAISE(ABORT, 'another session took this run over'); END;
    PRAGMA user_version = 2;
";

impl SqliteJournal {
    /// Opens the journal of this folder, or makes it, and begins a session. Answers the rows so far.
    pub(crate) fn open(folder: &Path) -> Result<(SqliteJournal, Vec<(Time, Row)>), JournalError> {
        SqliteJournal::open_of(folder)
    }

    /// The same for a journal of other rows.
    pub(crate) fn open_of<R: Entry>(folder: &Path) -> Result<(SqliteJournal, Vec<(Time, R)>), JournalError> {
        let lock = lock(folder)?;
        let opening = |error| failed("opened", error);
        let database = Connection::open(folder.join(folder::JOURNAL)).map_err(opening)?;
        database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(opening)?;
        let version = version(&database)?;
        if version == 0 {
            let setup = format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;");
            database.execute_batch(&setup).map_err(opening)?;
        } else {
            check(&database, version)?;
        }
        let rows = rows(&database)?;
        let epoch = last_epoch(&database)? + 1;
        Ok((SqliteJournal { database, epoch, is_broken: false, _lock: lock }, rows))
    }

    /// The rows of a folder's journal, also while another process appends to it.
    pub(crate) fn read(folder: &Path) -> Result<Vec<(Time, Row)>, JournalError> {
        SqliteJournal::read_of(folder)
    }

    /// The same of a journal of other rows.
    pub(crate) fn read_of<R: Entry>(folder: &Path) -> Result<Vec<(Time, R)>, JournalError> {
        let path = folder.join(folder::JOURNAL);
        if !path.exists() {
            return Err(JournalError::NoRun);
        }
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(|error| failed("opened", error))?;
        let version = version(&database)?;
        check(&database, version)?;
        rows(&database)
    }
}

impl<R: Entry> Journal<R> for SqliteJournal {
    fn append(&mut self, at: Time, row: &R) -> Result<(), JournalError> {
        self.whole()?;
        self.write(at, row)?;
        #[cfg(feature = "crash-points")]
        crash_at(self.database.last_insert_rowid());
        Ok(())
    }

    /// One transaction, and so one sync.
    fn append_all(&mut self, rows: &[(Time, R)]) -> Result<(), JournalError> {
        if rows.len() < 2 || ends_at_a_row() {
            return rows.iter().try_for_each(|(at, row)| self.append(*at, row));
        }
        self.whole()?;
        self.execute("BEGIN IMMEDIATE")?;
        rows.iter().try_for_each(|(at, row)| self.write(*at, row))?;
        self.execute("COMMIT")
    }
}

impl SqliteJournal {
    fn whole(&self) -> Result<(), JournalError> {
        if self.is_broken { Err(JournalError::Halted) } else { Ok(()) }
    }

    fn write<R: Entry>(&mut self, at: Time, row: &R) -> Result<(), JournalError> {
        if is_outdated(self.epoch, last_epoch(&self.database)?) {
            return Err(JournalError::TakenOver);
        }
        let body = serde_json::to_string(row)
            .map_err(|error| JournalError::Damaged { detail: format!("a row has no spelling: {error}") })?;
        let sum = sum(self.epoch, at, &body);
        let written = self
            .database
            .prepare_cached("INSERT INTO row (epoch, at, kind, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)")
            .and_then(|mut insert| insert.execute(params![self.epoch, at.millis(), row.kind(), body, sum]));
        self.noted(written.map(drop))
    }

    fn execute(&mut self, statement: &str) -> Result<(), JournalError> {
        let executed = self.database.prepare_cached(statement).and_then(|mut prepared| prepared.execute([]));
        self.noted(executed.map(drop))
    }

    fn noted(&mut self, written: rusqlite::Result<()>) -> Result<(), JournalError> {
        written.map_err(|error| {
            self.is_broken = true;
            failed("written", error)
        })
    }
}

/// The id of the run of this folder, as far as a damaged journal still tells it.
pub(crate) fn run_named(folder: &Path) -> Option<String> {
    let path = folder.join(folder::JOURNAL);
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let first = "SELECT epoch, at, body, sum FROM row WHERE seq = 1";
    let (epoch, at, body, written): (i64, i64, String, i32) =
        database.query_row(first, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).ok()?;
    if sum(epoch, Time::from_millis(at), &body) != written {
        return None;
    }
    let begun: serde_json::Value = serde_json::from_str(&body).ok()?;
    begun["begun"]["run"].as_str().map(str::to_owned)
}

/// What a row must come back as: a page may be damaged in a way that leaves it readable.
fn sum(epoch: i64, at: Time, body: &str) -> i32 {
    let digest = Sha256::new().chain_update(epoch.to_le_bytes()).chain_update(at.millis().to_le_bytes());
    let digest = digest.chain_update(body).finalize();
    let mut sum = [0; 4];
    sum.copy_from_slice(&digest[..4]);
    i32::from_le_bytes(sum)
}

/// Whether a session that began with this epoch has been followed by another, whose rows are newer.
pub(crate) fn is_outdated(epoch: i64, last: i64) -> bool {
    epoch < last && !is_planted(Bug::WrongEpochCheck)
}

fn last_epoch(database: &Connection) -> Result<i64, JournalError> {
    database
        .prepare_cached("SELECT epoch FROM row ORDER BY seq DESC LIMIT 1")
        .and_then(|mut query| query.query_row([], |row| row.get(0)).optional())
        .map(|last| last.unwrap_or(0))
        .map_err(|error| failed("read", error))
}

/// Takes the folder, for as long as the file stays open.
pub(crate) fn lock(folder: &Path) -> Result<File, JournalError> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(folder::LOCK))
        .map_err(JournalError::Folder)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse),
        Err(TryLockError::Error(error)) => Err(JournalError::Folder(error)),
    }
}

/// What SQLite says of its file's content is damage; what it says of the disk under it may pass.
fn failed(doing: &'static str, error: rusqlite::Error) -> JournalError {
    let is_damage = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            // These statements are right, unless the tables are not what they were.
            ErrorCode::Unknown => failure.extended_code == rusqlite::ffi::SQLITE_ERROR,
            _ => false,
        },
        rusqlite::Error::SqlInputError { .. }
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    };
    match is_damage {
        true => JournalError::Damaged { detail: format!("it cannot be {doing}: {error}") },
        false => JournalError::Storage { doing, source: error },
    }
}

fn version(database: &Connection) -> Result<i64, JournalError> {
    database.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| failed("opened", error))
}

fn check(database: &Connection, version: i64) -> Result<(), JournalError> {
    if NEWER_VERSIONS.contains(&version) {
        return Err(JournalError::Newer);
    }
    if version != SCHEMA_VERSION {
        return Err(JournalError::Damaged { detail: format!("it has the unknown version {version}") });
    }
    let verdict: String = database
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| failed("read", error))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(JournalError::Damaged { detail: verdict }),
    }
}

fn rows<R: Entry>(database: &Connection) -> Result<Vec<(Time, R)>, JournalError> {
    let reading = |error| failed("read", error);
    let mut query =
        database.prepare("SELECT seq, at, body, epoch, sum FROM row ORDER BY seq").map_err(reading)?;
    let mut found = query.query([]).map_err(reading)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(reading)? {
        let seq: i64 = row.get(0).map_err(reading)?;
        let at: i64 = row.get(1).map_err(reading)?;
        let body: String = row.get(2).map_err(reading)?;
        let written = sum(row.get(3).map_err(reading)?, Time::from_millis(at), &body);
        if written != row.get::<_, i32>(4).map_err(reading)? || seq != rows.len() as i64 + 1 {
            let detail = format!("row {seq} is not what was written, or one before it is missing");
            return Err(JournalError::Damaged { detail });
        }
        let row = serde_json::from_str(&body).map_err(|error| match error.is_data() {
            // It is what somebody wrote, in words that only a newer version knows.
            true => JournalError::Newer,
            false => JournalError::Damaged { detail: format!("row {seq}: {error}") },
        })?;
        rows.push((Time::from_millis(at), row));
    }
    Ok(rows)
}

/// A process that is to end at a row syncs each by itself, so that the row is its last.
fn ends_at_a_row() -> bool {
    cfg!(feature = "crash-points") && std::env::var_os("HOLDFAST_CRASH_AT_ROW").is_some()
}

#[cfg(feature = "crash-points")]
fn crash_at(row: i64) {
    let asked = std::env::var("HOLDFAST_CRASH_AT_ROW").ok().and_then(|text| text.parse::<i64>().ok());
    if asked == Some(row) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod failing_disk;

#[cfg(test)]
impl SqliteJournal {
    /// As on a disk that has room for so many pages of the journal and no more.
    pub(crate) fn fill_disk_at(&self, pages: u32) {
        self.database.pragma_update(None, "max_page_count", pages).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(item: u32) -> Row {
        Row::Held { item, window: None, reason: "because".into() }
    }

    #[test]
    fn rows_come_back_in_order_and_sessions_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, rows) = SqliteJournal::open(folder.path()).unwrap();
        assert!(rows.is_empty());
        journal.append(Time::from_millis(5), &held(1)).unwrap();
        assert_eq!(SqliteJournal::read(folder.path()).unwrap(), [(Time::from_millis(5), held(1))]);
        drop(journal);
        let (mut journal, rows) = SqliteJournal::open(folder.path()).unwrap();
        assert_eq!((rows.len(), journal.epoch), (1, 2));
        journal.append(Time::from_millis(4), &held(2)).unwrap();
        journal.epoch = 1;
        let refused = journal.append(Time::from_millis(6), &held(3));
        assert!(matches!(refused, Err(JournalError::TakenOver)), "an older session wrote");
        // Neither does one that does not ask.
        let insert = "INSERT INTO row (epoch, at, kind, body, sum) VALUES (1, 7, 'held', '{}', 0)";
        assert!(journal.database.execute(insert, []).is_err());
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _journal = SqliteJournal::open(folder.path()).unwrap();
        assert!(matches!(SqliteJournal::open(folder.path()), Err(JournalError::InUse)));
    }

    #[test]
    fn a_row_is_never_changed_nor_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = SqliteJournal::open(folder.path()).unwrap();
        journal.append(Time::from_millis(5), &held(1)).unwrap();
        assert!(journal.database.execute("UPDATE row SET at = 0", []).is_err());
        assert!(journal.database.execute("DELETE FROM row", []).is_err());
    }

    #[test]
    fn a_folder_without_a_run_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(SqliteJournal::read(folder.path()), Err(JournalError::NoRun)));
    }

    #[test]
    fn a_journal_of_a_newer_version_is_not_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = SqliteJournal::open(folder.path()).unwrap();
        journal.append(Time::from_millis(5), &held(1)).unwrap();
        let body = r#"{"what_only_a_newer_one_knows":{"item":1}}"#;
        let at = Time::from_millis(6);
        let insert = "INSERT INTO row (epoch, at, kind, body, sum) VALUES (1, 6, 'what', ?1, ?2)";
        journal.database.execute(insert, params![body, sum(1, at, body)]).unwrap();
        let refused = SqliteJournal::read(folder.path());
        assert!(matches!(refused, Err(JournalError::Newer)), "of a row: {refused:?}");
        journal.database.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        drop(journal);
        let read = SqliteJournal::read(folder.path());
        assert!(matches!(read, Err(JournalError::Newer)), "{read:?}");
        let opened = SqliteJournal::open(folder.path()).map(|(_, rows)| rows);
        assert!(matches!(opened, Err(JournalError::Newer)), "{opened:?}");
    }
}

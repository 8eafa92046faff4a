//! A copy of the main database as it is at one moment, taken while others write.
//!
//! The writer is paused until the log is folded into the main file and a read
//! transaction has begun that reads the main file alone; as long as that lives,
//! SQLite leaves the main file as it is, and it can be copied like any file
//! while the writer goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::Serialize;

use super::ProjectError;
use super::store::{self, Store};
use crate::files::Copying;

/// How far a copy is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bytes that are copied.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Rows of each resource and of each other table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowCounts(pub BTreeMap<String, u64>);

/// What is known of a complete copy.
#[derive(Debug)]
pub struct Snapshot {
    /// Rows of each resource.
    pub rows: RowCounts,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn take(
    store: &Store,
    to: &Path,
    progress: &mut dyn FnMut(Copied),
) -> Result<Snapshot, ProjectError> {
    let failed = |source| ProjectError::Database { path: store.path().to_owned(), source };
    let db = store::open_to_write(store.path()).map_err(failed)?;
    let size = begin_reading_main_file_alone(store, &db)?;
    std::thread::scope(|scope| {
        // What is checked are the bytes that are copied meanwhile: both read the file as it stands.
        let checking = scope.spawn(move || check(&db).map_err(failed).map(|verdict| (verdict, db)));
        let copied = copy(store.file(), to, size, progress);
        let (rows, still_reading) = checking.join().map_err(|_| ProjectError::Closed)??;
        drop(still_reading);
        Ok(Snapshot { rows: rows?, size, sha256: copied? })
    })
}

fn copy(
    from: &File,
    to: &Path,
    total: u64,
    progress: &mut dyn FnMut(Copied),
) -> Result<String, ProjectError> {
    let mut copied = || {
        let untouched = from.metadata()?.modified()?;
        let mut copying = Copying::begin(from, total, to)?;
        progress(Copied { done: 0, total });
        while let Some(done) = copying.step()? {
            progress(Copied { done, total });
        }
        let sha256 = copying.finish()?;
        match from.metadata()?.modified()? == untouched {
            true => Ok(sha256),
            false => Err(std::io::Error::other("the main database did not stand still meanwhile")),
        }
    };
    copied().map_err(|source| ProjectError::Copy { path: to.to_owned(), source })
}

/// Leaves `db` in a read transaction that keeps the main file as it is; returns the file's size.
fn begin_reading_main_file_alone(store: &Store, db: &Connection) -> Result<u64, ProjectError> {
    let failed = |source| ProjectError::Database { path: store.path().to_owned(), source };
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Most of the log is folded in while the writer goes on, so that its pause is short.
        fold_log_in(db).map_err(failed)?;
        let paused = store.pause()?;
        // Readers that began before the last writes keep those from being folded in; they are brief.
        if fold_log_in(db).map_err(failed)? {
            db.execute_batch("BEGIN").map_err(failed)?;
            let size = db
                .query_row(
                    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                    [],
                    |row| row.get::<_, i64>(0),
                )
                .map_err(failed)?;
            return Ok(size.unsigned_abs());
        }
        drop(paused);
        if Instant::now() > deadline {
            return Err(ProjectError::Busy);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn fold_log_in(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    })
}

/// Checks what this connection reads, and counts its rows.
///
/// Of the records, which are nearly all there is, every page is read and checked by itself; to compare
/// each key with the next as well would take several times as long as the copy.
fn check(db: &Connection) -> rusqlite::Result<Result<RowCounts, ProjectError>> {
    db.pragma_update(None, "cell_size_check", true)?;
    for table in tables(db)?.iter().filter(|table| *table != RECORDS) {
        let verdict: String =
            db.query_row(&format!("PRAGMA integrity_check(\"{table}\")"), [], |row| row.get(0))?;
        if verdict != "ok" {
            return Ok(Err(ProjectError::Unsound { verdict: format!("{table}: {verdict}") }));
        }
    }
    // To count is to read every page; a malformed one is an error.
    count_rows(db).map(Ok)
}

const RECORDS: &str = "records";

fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Counts every table there is, so that a new one is in the manifest without being named here.
pub(super) fn count_rows(db: &Connection) -> rusqlite::Result<RowCounts> {
    let mut counts = BTreeMap::new();
    for table in tables(db)? {
        let count = format!("SELECT count(*) FROM \"{table}\" NOT INDEXED");
        let rows = db.query_row(&count, [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        match table.as_str() {
            "resources" => counts.extend(count_by_kind(db)?),
            RECORDS => drop(counts.insert("data".to_owned(), rows)),
            _ => drop(counts.insert(table, rows)),
        }
    }
    Ok(RowCounts(counts))
}

fn count_by_kind(db: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    db.prepare("SELECT kind, count(*) FROM resources GROUP BY kind")?
        .query_map([], |row| {
            let rows = row.get::<_, i64>(1)?.unsigned_abs();
            Ok((in_plural(&row.get::<_, String>(0)?), rows))
        })?
        .collect()
}

fn in_plural(kind: &str) -> String {
    match kind.strip_suffix("is").or(kind.strip_suffix('y')) {
        Some(stem) if kind.ends_with('y') => format!("{stem}ies"),
        Some(stem) => format!("{stem}es"),
        None => format!("{kind}s"),
    }
}

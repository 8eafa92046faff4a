//! A copy of the main database as it is at one moment, taken while others write.
//!
//! The writer is paused until the log is folded into the main file and a read
//! transaction has begun that reads the main file alone; as long as that lives,
//! SQLite leaves the main file as it is, and it can be copied like any file
//! while the writer goes on.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::ProjectError;
use super::store::{self, Store};

/// How far a copy is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bytes that are copied.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Rows of each resource, in a fixed order; on the wire an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCounts(pub Vec<(&'static str, u64)>);

impl Serialize for RowCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (resource, rows) in &self.0 {
            map.serialize_entry(resource, rows)?;
        }
        map.end()
    }
}

const CHUNK: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn take(
    store: &Store,
    to: &Path,
    progress: &mut dyn FnMut(Copied),
) -> Result<RowCounts, ProjectError> {
    let failed = |source| ProjectError::Database { path: store.path().to_owned(), source };
    let db = store::open_to_write(store.path()).map_err(failed)?;
    let total = begin_reading_main_file_alone(store, &db)?;
    copy(store.file(), to, total, progress)
        .map_err(|source| ProjectError::Copy { path: to.to_owned(), source })?;
    drop(db);
    check(to)
}

/// Leaves `db` in a read transaction that keeps the main file as it is; returns the file's size.
fn begin_reading_main_file_alone(store: &Store, db: &Connection) -> Result<u64, ProjectError> {
    let failed = |source| ProjectError::Database { path: store.path().to_owned(), source };
    let deadline = Instant::now() + PATIENCE;
    loop {
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

fn copy(from: &File, to: &Path, total: u64, progress: &mut dyn FnMut(Copied)) -> std::io::Result<()> {
    let mut copy = File::create(to)?;
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    progress(Copied { done, total });
    while done < total {
        let wanted = usize::try_from(total - done).unwrap_or(CHUNK).min(CHUNK);
        from.read_exact_at(&mut chunk[..wanted], done)?;
        copy.write_all(&chunk[..wanted])?;
        done += wanted as u64;
        progress(Copied { done, total });
    }
    copy.sync_all()
}

/// Checks a copy that nobody writes to, and counts what it holds.
fn check(copy: &Path) -> Result<RowCounts, ProjectError> {
    let failed = |source| ProjectError::Database { path: copy.to_owned(), source };
    let db = open_immutable(copy).map_err(failed)?;
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(ProjectError::Unsound { verdict });
    }
    count_rows(&db).map_err(failed)
}

/// Opens a database file that stands still, without leaving a log beside it.
fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

pub(super) fn count_rows(db: &Connection) -> rusqlite::Result<RowCounts> {
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(RowCounts(vec![
        ("devices", count("SELECT count(*) FROM devices")?),
        ("data", count("SELECT count(*) FROM records")?),
        ("params", count("SELECT count(*) FROM params")?),
        ("entities", count("SELECT count(*) FROM entities")?),
        ("entity_rows", count("SELECT count(*) FROM entity_rows")?),
        ("tokens", count("SELECT count(*) FROM tokens")?),
        ("actions", count("SELECT count(*) FROM resources WHERE kind = 'action'")?),
        ("analyses", count("SELECT count(*) FROM resources WHERE kind = 'analysis'")?),
    ]))
}

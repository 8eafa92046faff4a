use std::path::Path;

use rusqlite::{Connection, OptionalExtension, types::FromSql};
use tago_api::{ProfileId, Time};

use super::record_id::RecordIds;
use super::run::ANONYMOUS_TOKEN;
use super::{Identity, Instance, ProjectError, Shared};

/// The main database. A record's id is not stored: it follows from `sequence` (see `record_id`).
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    type TEXT NOT NULL,
    network TEXT NOT NULL,
    connector TEXT NOT NULL,
    active INTEGER NOT NULL,
    visible INTEGER NOT NULL,
    tags TEXT NOT NULL,
    payload_decoder TEXT,
    chunk_period TEXT,
    chunk_retention INTEGER,
    mutable_variable_regex TEXT,
    last_input INTEGER,
    last_output INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE params (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    device TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    sent INTEGER NOT NULL
) STRICT;
CREATE INDEX params_of_device ON params (device);

CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    permission TEXT NOT NULL,
    serie_number TEXT,
    verification_code TEXT,
    last_four TEXT NOT NULL,
    expire_time INTEGER,
    created_at INTEGER NOT NULL,
    last_authorization INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_owner ON tokens (owner);

CREATE TABLE resources (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX resources_of_parent ON resources (parent, kind) WHERE parent <> '';

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    device TEXT NOT NULL,
    variable TEXT NOT NULL,
    value TEXT
) STRICT;

CREATE TABLE credentials (owner TEXT PRIMARY KEY, password TEXT, otp TEXT) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    hash BLOB PRIMARY KEY,
    target TEXT NOT NULL,
    expire_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE notifications (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    run_user TEXT,
    read INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notifications_of_user ON notifications (run_user);

CREATE TABLE usage (
    hour INTEGER PRIMARY KEY,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;

CREATE TABLE entities (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    schema TEXT NOT NULL,
    \"index\" TEXT NOT NULL,
    tags TEXT NOT NULL,
    payload_decoder TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE entity_rows (
    entity INTEGER NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE variables (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE records (
    device INTEGER NOT NULL,
    variable INTEGER NOT NULL,
    time INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    value TEXT,
    unit TEXT,
    \"group\" TEXT NOT NULL,
    location TEXT,
    metadata TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (device, variable, time, sequence)
) STRICT, WITHOUT ROWID;
";

const APPLICATION_ID: i64 = 0x5461_676f;
const VERSION: i64 = 2;

/// Makes the main database of a new project.
pub(super) fn create(path: &Path, instance: &Instance, shared: &Shared) -> rusqlite::Result<()> {
    let now = shared.clock.now();
    let profile = instance.profile.unwrap_or_else(|| ProfileId::from_bytes(shared.random.id_bytes(now)));
    let owner = serde_json::to_string(&instance.owner)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "page_size", 8192)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    let making = db.transaction()?;
    making.execute_batch(TABLES)?;
    making.pragma_update(None, "application_id", APPLICATION_ID)?;
    making.pragma_update(None, "user_version", VERSION)?;
    put(&making, "project", instance.id.to_string())?;
    put(&making, "name", &instance.name)?;
    put(&making, "profile", profile.to_string())?;
    put(&making, "owner", owner)?;
    put(&making, "created_at", now.millis())?;
    put(&making, "next_sequence", 1)?;
    put(&making, ANONYMOUS_TOKEN, shared.random.uuid())?;
    put(&making, "record_key", RecordIds::new_key(&shared.random, now))?;
    making.commit()
}

/// Whose database this is, and the key of its record ids.
pub(super) fn read(db: &Connection, path: &Path) -> Result<(Identity, RecordIds), ProjectError> {
    let not_ours = |what: &str| ProjectError::NotAProject { path: path.to_owned(), what: what.to_owned() };
    let failed = |source| ProjectError::Database { path: path.to_owned(), source };
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failed);
    if number("application_id")? != APPLICATION_ID {
        return Err(not_ours("it was not made by this program"));
    }
    if number("user_version")? != VERSION {
        return Err(not_ours("it was made by another version of this program"));
    }
    let text = |key: &str| {
        get::<String>(db, key).map_err(failed)?.ok_or_else(|| not_ours(&format!("it has no {key}")))
    };
    let key = get::<Vec<u8>>(db, "record_key").map_err(failed)?;
    let identity = Identity {
        project: text("project")?.parse().map_err(|_| not_ours("its project id is malformed"))?,
        name: text("name")?,
        profile: text("profile")?.parse().map_err(|_| not_ours("its profile id is malformed"))?,
        owner: serde_json::from_str(&text("owner")?).map_err(|_| not_ours("its owner is malformed"))?,
        created_at: Time::from_millis(get(db, "created_at").map_err(failed)?.unwrap_or(0)),
    };
    let ids = key
        .and_then(|key| RecordIds::from_key(&key))
        .ok_or_else(|| not_ours("its record key is malformed"))?;
    Ok((identity, ids))
}

pub(super) fn put(db: &Connection, key: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute((key, value))
        .map(drop)
}

pub(super) fn get<T: FromSql>(db: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

//! Addresses that open one thing without a token, for a while.

use std::time::Duration;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use tago_api::Time;

use super::store::Writing;

/// Makes a key to `target` that is good for so long.
pub(super) fn make(writing: &Writing<'_>, target: &str, lives: Duration) -> rusqlite::Result<String> {
    let key = writing.random.uuid();
    writing.db.execute("DELETE FROM links WHERE expire_time <= ?1", [writing.now.millis()])?;
    writing.db.execute(
        "INSERT INTO links (hash, target, expire_time) VALUES (?1, ?2, ?3)",
        params![hash(&key), target, (writing.now + lives).millis()],
    )?;
    Ok(key)
}

/// Whether `key` opens `target` now.
pub(super) fn opens(db: &Connection, key: &str, target: &str, now: Time) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM links WHERE hash = ?1 AND target = ?2 AND expire_time > ?3")?
        .exists(params![hash(key), target, now.millis()])
}

/// Ends every link.
pub(super) fn clear(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM links", []).map(drop)
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

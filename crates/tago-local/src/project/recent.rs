use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tago_api::Time;

use super::audit::Trail;
use super::usage::Usage;

/// When tokens were last used and devices last read: too often to be written each time.
///
/// Each is noted once a minute and becomes durable with the next transaction.
#[derive(Debug, Default)]
pub(super) struct Recent {
    notes: Mutex<Notes>,
    /// How much was sent and read.
    pub(super) usage: Usage,
    /// What was changed.
    pub(super) trail: Trail,
}

#[derive(Debug, Default)]
struct Notes {
    tokens: HashMap<[u8; 32], Noted>,
    outputs: HashMap<i64, Noted>,
    unwritten: bool,
}

#[derive(Debug)]
struct Noted {
    at: Time,
    written: bool,
}

const APART: Duration = Duration::from_secs(60);

impl Recent {
    /// The token with this hash was used.
    pub(super) fn authorized(&self, token: [u8; 32], now: Time) {
        let notes = &mut *self.lock();
        notes.unwritten |= note(&mut notes.tokens, token, now);
    }

    /// Data of the device with this number was read.
    pub(super) fn read(&self, device: i64, now: Time) {
        let notes = &mut *self.lock();
        notes.unwritten |= note(&mut notes.outputs, device, now);
    }

    /// Whether something is not in the database yet.
    pub(super) fn unwritten(&self) -> bool {
        self.lock().unwritten || self.usage.unwritten() || self.trail.unwritten()
    }

    /// Writes what is new. If the transaction fails, a moment is lost and nothing else.
    pub(super) fn save(&self, db: &Connection) -> rusqlite::Result<()> {
        self.usage.save(db)?;
        self.trail.save(db)?;
        let notes = &mut *self.lock();
        if !std::mem::take(&mut notes.unwritten) {
            return Ok(());
        }
        for (token, at) in fresh(&mut notes.tokens) {
            db.prepare_cached("UPDATE tokens SET last_authorization = ?2 WHERE hash = ?1")?
                .execute((token, at.millis()))?;
        }
        for (device, at) in fresh(&mut notes.outputs) {
            db.prepare_cached("UPDATE devices SET last_output = ?2 WHERE number = ?1")?
                .execute((device, at.millis()))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether the moment is worth writing.
fn note<K: Eq + std::hash::Hash>(notes: &mut HashMap<K, Noted>, key: K, now: Time) -> bool {
    match notes.get_mut(&key) {
        Some(noted) if noted.at <= now && now.since(noted.at) < APART => false,
        Some(noted) => {
            *noted = Noted { at: now, written: false };
            true
        }
        None => {
            notes.insert(key, Noted { at: now, written: false });
            true
        }
    }
}

fn fresh<K: Copy>(notes: &mut HashMap<K, Noted>) -> impl Iterator<Item = (K, Time)> {
    notes.iter_mut().filter_map(|(key, noted)| {
        let written = std::mem::replace(&mut noted.written, true);
        (!written).then_some((*key, noted.at))
    })
}

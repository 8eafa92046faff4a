use std::sync::{Arc, Mutex};

use tago_api::Time;

use crate::journal::{Journal, JournalError, Row, is_outdated};
use crate::planted::{Bug, is_planted};

/// A journal in memory that outlives the sessions, and ends one at a chosen row. Each session has a handle.
#[derive(Clone, Default)]
pub(super) struct Memory {
    inner: Arc<Mutex<Inner>>,
    epoch: i64,
}

#[derive(Default)]
struct Inner {
    rows: Vec<(i64, Time, Row)>,
    /// So many of them are on the disk.
    synced: usize,
    crash: Option<Crash>,
}

/// The session ends at the n-th row from here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crash {
    pub(super) row: usize,
    /// Whether the row had reached the disk.
    pub(super) durable: bool,
}

impl Memory {
    pub(super) fn rows(&self) -> Vec<(Time, Row)> {
        self.inner.lock().unwrap().rows.iter().map(|(_, at, row)| (*at, row.clone())).collect()
    }

    /// For one more process.
    pub(super) fn session(&self) -> Memory {
        let last = self.inner.lock().unwrap().last_epoch();
        Memory { inner: Arc::clone(&self.inner), epoch: last + 1 }
    }

    pub(super) fn crash_at(&self, crash: Option<Crash>) {
        self.inner.lock().unwrap().crash = crash;
    }

    /// The machine goes off: what was not synced is gone.
    pub(super) fn lose_tail(&self) {
        self.inner.lock().unwrap().lose_tail();
    }
}

impl Inner {
    fn last_epoch(&self) -> i64 {
        self.rows.last().map_or(0, |(epoch, ..)| *epoch)
    }

    fn lose_tail(&mut self) {
        self.rows.truncate(self.synced);
    }
}

impl Journal for Memory {
    fn append(&mut self, at: Time, row: &Row) -> Result<(), JournalError> {
        let mut inner = self.inner.lock().unwrap();
        if is_outdated(self.epoch, inner.last_epoch()) {
            return Err(JournalError::TakenOver);
        }
        let ends = match &mut inner.crash {
            Some(Crash { row: 0, durable }) => Some(*durable),
            Some(crash) => {
                crash.row -= 1;
                None
            }
            None => None,
        };
        if ends != Some(false) {
            inner.rows.push((self.epoch, at, row.clone()));
        }
        if !is_planted(Bug::AcknowledgedBeforeSynced) || inner.rows.len().is_multiple_of(4) {
            inner.synced = inner.rows.len();
        }
        match ends {
            Some(_) => {
                inner.lose_tail();
                Err(JournalError::Damaged { detail: "the simulated process ended".into() })
            }
            None => Ok(()),
        }
    }
}

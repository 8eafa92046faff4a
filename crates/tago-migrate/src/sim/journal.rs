use std::sync::{Arc, Mutex};

use tago_api::Time;

use crate::journal::{Journal, JournalError, Row};

/// A journal in memory that outlives the sessions, and ends one at a chosen row.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    rows: Vec<(Time, Row)>,
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
        self.0.lock().unwrap().rows.clone()
    }

    pub(super) fn crash_at(&self, crash: Option<Crash>) {
        self.0.lock().unwrap().crash = crash;
    }
}

impl Journal for Memory {
    fn append(&mut self, at: Time, row: &Row) -> Result<(), JournalError> {
        let mut inner = self.0.lock().unwrap();
        match &mut inner.crash {
            Some(Crash { row: 0, durable }) => {
                if *durable {
                    inner.rows.push((at, row.clone()));
                }
                return Err(JournalError::Damaged { detail: "the simulated process ended".into() });
            }
            Some(crash) => crash.row -= 1,
            None => {}
        }
        inner.rows.push((at, row.clone()));
        Ok(())
    }
}

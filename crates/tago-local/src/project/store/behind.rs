use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use serde::Deserialize;
use tago_api::Time;

/// Lets readers see what was there a while ago, where a test asks for that.
pub(super) struct Behind {
    path: PathBuf,
    past: Mutex<Past>,
}

#[derive(Default)]
pub(super) struct Past {
    lag: Duration,
    late: Late,
    /// A read transaction begun before the writes of each moment, oldest first.
    states: VecDeque<(Time, Connection)>,
}

/// What is shown late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// Records, whatever is asked about them; devices are there at once.
    #[default]
    Records,
    /// Whatever can be asked for.
    Everything,
}

/// So many states are kept at most for one lag: a write is shown early by this part of it at most.
const STATES: u32 = 8;

impl Behind {
    pub(super) fn new(path: &Path) -> Behind {
        Behind { path: path.to_owned(), past: Mutex::default() }
    }

    /// From now on a write is shown after `lag`; at once if that is nothing.
    pub(super) fn set(&self, late: Late, lag: Duration) {
        *self.lock() = Past { lag, late, states: VecDeque::new() };
    }

    /// Keeps what is there before anything is written at `now`.
    pub(super) fn keep(&self, now: Time) -> rusqlite::Result<()> {
        let mut past = self.lock();
        past.forget(now);
        let apart = past.lag / STATES;
        let is_kept = past.states.back().is_some_and(|(kept, _)| *kept <= now && now.since(*kept) < apart);
        if past.lag.is_zero() || is_kept {
            return Ok(());
        }
        let db = super::open_to_read(&self.path)?;
        // A transaction sees what was there when it reads for the first time.
        db.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
        past.states.push_back((now, db));
        Ok(())
    }

    /// What readers see at `now`: nothing can be kept as long as the guard lives.
    pub(super) fn seen_at(&self, now: Time) -> MutexGuard<'_, Past> {
        let mut past = self.lock();
        past.forget(now);
        past
    }

    /// Lets go of the database file. What is written already is shown.
    pub(super) fn let_go(&self) {
        self.lock().states.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    /// The state that a reader sees, if it is not the present one.
    pub(super) fn state(&self) -> Option<&Connection> {
        self.states.front().map(|(_, db)| db)
    }

    /// Whether records are shown late to whoever knows their device already.
    pub(super) fn is_of_records(&self) -> bool {
        !self.lag.is_zero() && self.late == Late::Records
    }

    /// Whether this is shown as it is.
    pub(super) fn is_present(&self, what: Late) -> bool {
        self.lag.is_zero() || (what == Late::Everything && self.late == Late::Records)
    }

    fn forget(&mut self, now: Time) {
        let lag = self.lag;
        // A clock that was turned back shows nothing that it has not reached yet.
        while self.states.front().is_some_and(|(before, _)| *before + lag <= now) {
            self.states.pop_front();
        }
    }
}

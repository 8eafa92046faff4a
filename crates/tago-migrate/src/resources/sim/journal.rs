use tago_api::Time;

use crate::journal::{Journal, JournalError};
use crate::resources::row::Row;

/// A journal in memory that outlives the sessions, and ends one at a chosen row.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) rows: Vec<(Time, Row)>,
    /// The row at which the process dies, and whether that row had reached the disk.
    pub(super) dies_at: Option<(usize, bool)>,
}

impl Journal<Row> for Memory {
    fn append(&mut self, at: Time, row: &Row) -> Result<(), JournalError> {
        if let Some((_, durable)) = self.dies_at.filter(|(dies_at, _)| *dies_at == self.rows.len()) {
            if durable {
                self.rows.push((at, row.clone()));
            }
            self.dies_at = None;
            return Err(JournalError::Damaged { detail: "the simulated process ended".into() });
        }
        self.rows.push((at, row.clone()));
        Ok(())
    }
}

//! Runs that lie beside the one that is taken back. The undo of a later one may have written back, under new
//! ids, what it had removed of this one's.

use std::path::Path;

use tago_api::Time;

use super::Undo;
use super::row::UndoRow;
use crate::folder;
use crate::journal::{Row, SqliteJournal};
use crate::plan::Plan;
use crate::ports::Identity;

impl Undo<'_> {
    /// Whether the undo of another run wrote back just then.
    pub(super) fn came_back(&self, at: Time) -> bool {
        let back = self.back.get_or_init(|| {
            let beside = self.folder.map(|folder| written_back_beside(folder, &self.plan.header.target));
            beside.unwrap_or_default()
        });
        let bound = self.settings.late_commit_bound;
        back.iter().any(|(first, last)| *first <= at && at <= *last + bound)
    }
}

/// From when to when each run beside this folder wrote something back into this target. What cannot be read
/// tells nothing.
fn written_back_beside(run: &Path, target: &Identity) -> Vec<(Time, Time)> {
    let Some(Ok(beside)) = run.parent().map(std::fs::read_dir) else { return Vec::new() };
    let others = beside.flatten().map(|entry| entry.path()).filter(|path| path != run);
    others.filter_map(|other| written_back(&other, target)).collect()
}

fn written_back(run: &Path, target: &Identity) -> Option<(Time, Time)> {
    if !run.join(folder::JOURNAL).is_file() {
        return None;
    }
    let rows = SqliteJournal::read(run).ok()?;
    let is_sent =
        |row: &Row| matches!(row, Row::Undo(UndoRow::Back { row }) if matches!(**row, Row::Intent { .. }));
    let sent = rows.iter().filter(|(_, row)| is_sent(row)).map(|(at, _)| *at);
    let times = sent.fold(None, |times: Option<(Time, Time)>, at| {
        Some(times.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
    })?;
    let plan = Plan::read(&run.join(folder::PLAN)).ok()?;
    (plan.header.target.profile == target.profile).then_some(times)
}

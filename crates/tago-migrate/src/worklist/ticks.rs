use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tago_api::Time;

use super::{WorkItem, WorkState, WorklistError};
use crate::folder::{self, write_whole};

/// What of a worklist is done, as the run folder keeps it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ticks {
    /// When the target was last looked at.
    pub(super) looked_at: Option<Time>,
    /// What was seen done, and what was seen of it.
    pub(super) seen: BTreeMap<String, String>,
    /// What its owner ticked, and when.
    pub(super) by_hand: BTreeMap<String, Time>,
}

impl Ticks {
    pub(super) fn read(folder: &Path) -> Result<Ticks, WorklistError> {
        let reading = |source| WorklistError::Ticks { doing: "read", source };
        match std::fs::read(folder.join(folder::WORKLIST)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| reading(error.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ticks::default()),
            Err(error) => Err(reading(error)),
        }
    }

    /// Changes what the folder keeps. Nobody else changes it meanwhile, in this process or another.
    pub(super) fn change(folder: &Path, change: impl FnOnce(&mut Ticks)) -> Result<Ticks, WorklistError> {
        let writing = |source| WorklistError::Ticks { doing: "written", source };
        let lock = folder.join(folder::WORKLIST_LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(lock).map_err(writing)?;
        lock.lock().map_err(writing)?;
        let mut ticks = Ticks::read(folder)?;
        change(&mut ticks);
        let bytes = serde_json::to_vec_pretty(&ticks).unwrap_or_default();
        write_whole(&folder.join(folder::WORKLIST), |mut file| file.write_all(&bytes)).map_err(writing)?;
        Ok(ticks)
    }

    pub(super) fn on(&self, mut items: Vec<WorkItem>) -> Vec<WorkItem> {
        for item in &mut items {
            if let Some(seen) = self.seen.get(&item.key) {
                item.state = WorkState::Done;
                item.seen = Some(seen.clone());
            } else if let Some(at) = self.by_hand.get(&item.key) {
                item.state = WorkState::DoneByHand;
                item.seen = Some(format!("ticked on {at}"));
            }
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tick_is_lost_to_another() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for hand in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    for number in 0..10 {
                        let key = format!("{hand} {number}");
                        let change = |ticks: &mut Ticks| ticks.by_hand.extend([(key, Time::default())]);
                        Ticks::change(folder, change).unwrap();
                    }
                });
            }
        });
        assert_eq!(Ticks::read(folder.path()).unwrap().by_hand.len(), 40);
    }
}

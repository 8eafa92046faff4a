use std::collections::BTreeMap;
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

    pub(super) fn write(&self, folder: &Path) -> Result<(), WorklistError> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_whole(&folder.join(folder::WORKLIST), |mut file| file.write_all(&bytes))
            .map_err(|source| WorklistError::Ticks { doing: "written", source })
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

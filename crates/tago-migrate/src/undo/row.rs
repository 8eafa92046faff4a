//! The rows of an undo, in the journal of the run that it takes back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tago_api::Time;

use crate::journal::{Stays, Was};
use crate::plan::Seal;

/// One row. `item` is a place among the plan's items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UndoRow {
    /// From here on the run is taken back.
    Begun {},
    /// Which records of the target the run wrote: what is kept under this hash has an id for each of them, in
    /// the order in which they were announced.
    Listed { item: u32, ids: Seal },
    /// Something is about to be done about an item; a device will then be this.
    Intent {
        item: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<Seal>,
    },
    /// What became of it.
    Outcome { item: u32, was: Was },
    /// An item is taken back, with so many records, but for what is kept.
    Over { item: u32, records: u64, kept: Vec<Kept> },
    /// Everything that can be taken back is.
    Undone {},
}

/// What of an item is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) why: Stays,
    pub(crate) reason: String,
    /// How many records; none if it is the device itself.
    pub(crate) records: u64,
    /// The first and the last moment of these.
    pub(crate) between: Option<(Time, Time)>,
}

impl UndoRow {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            UndoRow::Begun {} => "undo_begun",
            UndoRow::Listed { .. } => "undo_listed",
            UndoRow::Intent { .. } => "undo_intent",
            UndoRow::Outcome { .. } => "undo_outcome",
            UndoRow::Over { .. } => "undo_over",
            UndoRow::Undone {} => "undone",
        }
    }
}

/// The fold of these rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UndoLedger {
    pub(crate) begun: bool,
    pub(crate) listed: BTreeMap<u32, Seal>,
    /// Items about which something may still be carried out.
    pub(crate) doubt: BTreeSet<u32>,
    /// What devices have been, or were to become, by the undo's hand.
    pub(crate) shapes: BTreeMap<u32, BTreeSet<Seal>>,
    pub(crate) over: BTreeMap<u32, (u64, Vec<Kept>)>,
    pub(crate) undone: bool,
}

impl UndoLedger {
    pub(crate) fn apply(&mut self, row: &UndoRow) {
        match row {
            UndoRow::Begun {} => self.begun = true,
            UndoRow::Listed { item, ids } => drop(self.listed.insert(*item, ids.clone())),
            UndoRow::Intent { item, shape } => {
                self.doubt.insert(*item);
                self.shapes.entry(*item).or_default().extend(shape.clone());
            }
            UndoRow::Outcome { item, was } => {
                if *was != Was::Doubtful {
                    self.doubt.remove(item);
                }
            }
            UndoRow::Over { item, records, kept } => {
                self.doubt.remove(item);
                self.over.insert(*item, (*records, kept.clone()));
            }
            UndoRow::Undone {} => self.undone = true,
        }
    }
}

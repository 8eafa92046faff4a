//! The rows of an undo, in the journal of the run that it takes back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tago_api::Time;

use crate::journal::{Row, Stays, Was};
use crate::machine::ledger::Ledger;
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
    /// What of an item's records the run has removed is kept whole under this hash, to be written again.
    Returning { item: u32, kept: Seal },
    /// A run is planned that writes such records again; its plan is kept.
    WritingBack { plan: Seal },
    /// A row of that run.
    Back { row: Box<Row> },
    /// So many of an item's records are written again. `rest` is to be planned once more, and what is kept
    /// stays as it is.
    WrittenBack {
        item: u32,
        records: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rest: Option<Seal>,
        kept: Vec<Kept>,
    },
    /// What came of that run is noted.
    BackSettled {},
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
            UndoRow::Returning { .. } => "undo_returning",
            UndoRow::WritingBack { .. } => "undo_writing_back",
            UndoRow::Back { .. } => "undo_back",
            UndoRow::WrittenBack { .. } => "undo_written_back",
            UndoRow::BackSettled {} => "undo_back_settled",
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
    /// Records that are to be written again, by item.
    pub(crate) returning: BTreeMap<u32, Seal>,
    /// The run that writes them.
    pub(crate) back: Option<Back>,
    /// So many are written, and what is not.
    pub(crate) written_back: BTreeMap<u32, (u64, Vec<Kept>)>,
    pub(crate) undone: bool,
}

/// A run that writes again what was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Back {
    pub(crate) plan: Option<Seal>,
    pub(crate) ledger: Box<Ledger>,
    /// Items of which is noted what came of them.
    pub(crate) over: BTreeSet<u32>,
    pub(crate) is_settled: bool,
}

impl UndoLedger {
    pub(crate) fn apply(&mut self, row: &UndoRow) -> Result<(), String> {
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
            UndoRow::Returning { item, kept } => drop(self.returning.insert(*item, kept.clone())),
            UndoRow::WritingBack { plan } => {
                self.back = Some(Back { plan: Some(plan.clone()), ..Back::default() });
            }
            UndoRow::Back { row } => match &mut self.back {
                Some(back) => back.ledger.apply(row)?,
                None => return Err("records are written back without a plan".to_owned()),
            },
            UndoRow::WrittenBack { item, records, rest, kept } => {
                self.returning.remove(item);
                self.returning.extend(rest.clone().map(|rest| (*item, rest)));
                let written = self.written_back.entry(*item).or_default();
                written.0 += records;
                written.1.extend(kept.iter().cloned());
                if let Some(back) = &mut self.back {
                    back.over.insert(*item);
                }
            }
            UndoRow::BackSettled {} => self.back.iter_mut().for_each(|back| back.is_settled = true),
            UndoRow::Undone {} => self.undone = true,
        }
        Ok(())
    }

    /// Whether an action is switched off by the run that writes back, or may be.
    pub(crate) fn holds_actions(&self) -> bool {
        self.back.as_ref().is_some_and(|back| back.ledger.holds_actions())
    }
}

//! The rows of a run's journal. What a session knows of the past is the fold of these, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::kind::Part;
pub(crate) use crate::journal::Stays;
use crate::journal::{Entry, Was};
use crate::plan::Seal;

/// One row. `item` is a place among the plan's items, `act` one among the undo's acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Row {
    /// The run exists.
    Begun { run: String, fingerprint: Seal },
    /// A process took the run over. Whatever was under way is in doubt.
    Session {},
    /// A resource is about to be made. `known` are those that looked like it before; `sent` is what each field of one
    /// without the run's tag will say.
    CreateIntent {
        item: u32,
        known: BTreeSet<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<BTreeMap<String, Seal>>,
    },
    /// What became of it.
    CreateOutcome { item: u32, was: Was, id: Option<String> },
    /// Fields are about to be set. `kept` names what was there before; `leaves` is what each field, those that are not
    /// set too, will say.
    EditIntent {
        item: u32,
        kept: Option<Seal>,
        fields: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leaves: Option<BTreeMap<String, Seal>>,
    },
    /// What became of it.
    EditOutcome { item: u32, was: Was },
    /// Entries of a part are about to be written: what each will be.
    EntriesIntent { item: u32, part: Part, kept: Option<Seal>, entries: BTreeMap<String, Seal> },
    /// What became of it.
    EntriesOutcome { item: u32, was: Was },
    /// The resource as the run left it. `found` is what the platform itself put into the part of one that was just
    /// made.
    Left {
        item: u32,
        seal: Seal,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        found: BTreeMap<String, Seal>,
    },
    /// Nothing is left to do about it but what needs all the others.
    Made { item: u32 },
    /// It is as planned.
    Done { item: u32 },
    /// It is not carried out.
    Held { item: u32, reason: String },
    /// The session ended before the run did.
    Suspended { reason: String },
    /// The run is over.
    Finished {},
    /// From here on the run is taken back.
    UndoBegun {},
    /// The tag that forbids to delete it is about to be taken off: what it will then be.
    Unlocking { act: u32, seal: Seal },
    /// An act is about to be taken back.
    UndoIntent { act: u32 },
    /// What became of it.
    UndoOutcome { act: u32, was: Was },
    /// An act is taken back, or was found so.
    Reversed { act: u32 },
    /// It stays, because somebody changed it since, or for another reason.
    Kept { act: u32, why: Stays, reason: String },
    /// Everything that can be taken back is.
    Undone {},
}

impl Entry for Row {
    fn kind(&self) -> &'static str {
        match self {
            Row::Begun { .. } => "begun",
            Row::Session {} => "session",
            Row::CreateIntent { .. } => "create_intent",
            Row::CreateOutcome { .. } => "create_outcome",
            Row::EditIntent { .. } => "edit_intent",
            Row::EditOutcome { .. } => "edit_outcome",
            Row::EntriesIntent { .. } => "entries_intent",
            Row::EntriesOutcome { .. } => "entries_outcome",
            Row::Left { .. } => "left",
            Row::Made { .. } => "made",
            Row::Done { .. } => "done",
            Row::Held { .. } => "held",
            Row::Suspended { .. } => "suspended",
            Row::Finished {} => "finished",
            Row::UndoBegun {} => "undo_begun",
            Row::Unlocking { .. } => "unlocking",
            Row::UndoIntent { .. } => "undo_intent",
            Row::UndoOutcome { .. } => "undo_outcome",
            Row::Reversed { .. } => "reversed",
            Row::Kept { .. } => "kept",
            Row::Undone {} => "undone",
        }
    }
}

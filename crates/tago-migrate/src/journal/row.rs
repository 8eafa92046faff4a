//! The rows of the journal. What a session knows of the past is the fold of these, and nothing else.

use serde::{Deserialize, Serialize};
use tago_api::{ActionId, DeviceId};

use super::Entry;
use crate::device::{Fingerprint, Token};
use crate::lane::Spelling;
use crate::load::Opened;
use crate::plan::Seal;
use crate::record::Tally;
use crate::undo::row::UndoRow;

/// One row. `item` is a place among the plan's items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Row {
    /// The run exists.
    Begun { run: String, fingerprint: Seal, batch_bytes: usize },
    /// A process took the run over. Whatever was under way is in doubt.
    Session {},
    /// A device is about to be made, with this tag value.
    CreateIntent { item: u32, marker: String },
    /// What became of it.
    CreateOutcome { item: u32, was: Was, device: Option<DeviceId> },
    /// Fields of a device are about to be set.
    EditIntent { item: u32 },
    /// What became of it.
    EditOutcome { item: u32, was: Was },
    /// Parameters are about to be written.
    ParamsIntent { item: u32, count: u32 },
    /// What became of it.
    ParamsOutcome { item: u32, was: Was },
    /// What the device was, whole, before the run changed it first.
    Former { item: u32, kept: Seal },
    /// What the device is by the run's hand, or is about to be.
    Shape { item: u32, seal: Seal },
    /// The device takes data. Its tokens, as far as a new device has some.
    DeviceReady { item: u32, tokens: Vec<Token> },
    /// A device that the run has woken is about to be put to rest before the run is over.
    RestIntent { item: u32 },
    /// It rests, and takes no data before it is woken again.
    Rested { item: u32 },
    /// The run's own traces on it are gone.
    DeviceFinished { item: u32 },
    /// A token is about to be made on a device of the target.
    TokenIntent { device: DeviceId, name: String },
    /// What became of it.
    TokenOutcome { device: DeviceId, was: Was, fingerprint: Option<Fingerprint> },
    /// The run's tokens on a device are about to be removed.
    TokensRemoval { device: DeviceId },
    /// They are gone.
    TokensRemoved { device: DeviceId },
    /// An action of the target was made, or is set off by something else, since the rehearsal, and may be set off by
    /// what is written: it is held as well.
    ActionMet { action: ActionId, name: String },
    /// An action of the target is about to be switched off; when it had acted last.
    HoldIntent { action: ActionId, last_triggered: Option<String> },
    /// What became of it.
    HoldOutcome { action: ActionId, was: Was },
    /// An action that the run holds is about to be switched on again.
    ReleaseIntent { action: ActionId, last_triggered: Option<String> },
    /// What became of it.
    ReleaseOutcome { action: ActionId, was: Was },
    /// An action is not the run's to switch.
    ActionLeft { action: ActionId, left: Left },
    /// Windows hold their seals; what the target had in them, and all that it had in the item's times.
    /// `written` names what is kept of the records that will be sent, `removed` those that will be removed.
    Opened {
        item: u32,
        windows: Vec<Opened>,
        there: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        written: Option<Seal>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        removed: Option<Seal>,
        /// Its batches travel in files of at most so many bytes, as far as they can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_bytes: Option<usize>,
    },
    /// A window, or a whole item, is not carried out.
    Held { item: u32, window: Option<u32>, reason: String },
    /// A batch, or what lacks of it, is about to be sent.
    Intent {
        item: u32,
        batch: u32,
        #[serde(rename = "of")]
        tally: Tally,
        /// Records of the batch that lack and follow in other requests.
        #[serde(default, skip_serializing_if = "Tally::is_empty")]
        rest: Tally,
        /// It travels in a file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<Filed>,
    },
    /// What became of it.
    Outcome { item: u32, batch: u32, was: Was },
    /// A batch was looked for: so many of its records are not there.
    Settled { item: u32, batch: u32, left: u64 },
    /// Records that are kept are about to be removed: the places of runs of them, and their lengths.
    RemovalIntent { item: u32, of: Vec<(u32, u32)> },
    /// What became of it.
    RemovalOutcome { item: u32, was: Was },
    /// So many are removed, and none is left to be.
    Removed { item: u32, records: u64 },
    /// A throw-away device is about to be made, with this tag value.
    ProbeIntent { marker: String },
    /// What imports into it have shown, or why nothing travels in files.
    Probed { spelling: Option<Spelling>, reason: String },
    /// A file is about to be put on the target.
    FileIntent { path: String },
    /// Files and throw-away devices of other runs are about to be removed.
    OthersRemoval {},
    /// Files of the run are about to be removed, that of an item's import or all: what has not begun by then
    /// cannot begin any more.
    FilesRemoval { item: Option<u32> },
    /// The run's files, and its throw-away device, are gone from the target; but for the signs of imports that may
    /// still go on.
    FilesRemoved {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        importing: bool,
    },
    /// Every batch of the item is stored.
    Done { item: u32 },
    /// The session ended before the run did.
    Suspended { reason: String },
    /// The run is over.
    Finished {},
    /// Its owner has given the run up: nobody goes on with it.
    GivenUp {},
    /// The run is taken back.
    Undo(UndoRow),
}

/// A batch in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filed {
    pub(crate) path: String,
    /// Records of the batch that are in it.
    pub(crate) rows: u64,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Was {
    /// It was acknowledged.
    Acknowledged,
    /// It certainly did not arrive.
    NotReceived,
    /// It may have arrived.
    Doubtful,
    /// It was taken, and will be carried out some time or never.
    Queued,
    /// It was in doubt, was looked for, and is there.
    Found,
    /// It was in doubt, was looked for, and is not there.
    Absent,
}

/// Why something is not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stays {
    /// Somebody changed it since.
    ChangedSince,
    /// The platform has no way to take it back.
    Impossible,
}

/// Why an action is not the run's to switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Left {
    /// It was inactive when it was to be held.
    Inactive,
    /// Somebody switched it on while it was held.
    SwitchedOn,
    /// It is not on the target any more.
    Gone,
}

impl Row {
    /// Whether an undo compares its time with what the platform tells of its records: then it is the platform's.
    pub(crate) fn has_the_platforms_time(&self) -> bool {
        matches!(
            self,
            Row::Intent { .. } | Row::Settled { .. } | Row::FilesRemoval { .. } | Row::FilesRemoved { .. }
        )
    }
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
            Row::ParamsIntent { .. } => "params_intent",
            Row::ParamsOutcome { .. } => "params_outcome",
            Row::Former { .. } => "former",
            Row::Shape { .. } => "shape",
            Row::DeviceReady { .. } => "device_ready",
            Row::RestIntent { .. } => "rest_intent",
            Row::Rested { .. } => "rested",
            Row::DeviceFinished { .. } => "device_finished",
            Row::TokenIntent { .. } => "token_intent",
            Row::TokenOutcome { .. } => "token_outcome",
            Row::TokensRemoval { .. } => "tokens_removal",
            Row::TokensRemoved { .. } => "tokens_removed",
            Row::ActionMet { .. } => "action_met",
            Row::HoldIntent { .. } => "hold_intent",
            Row::HoldOutcome { .. } => "hold_outcome",
            Row::ReleaseIntent { .. } => "release_intent",
            Row::ReleaseOutcome { .. } => "release_outcome",
            Row::ActionLeft { .. } => "action_left",
            Row::Opened { .. } => "opened",
            Row::Held { .. } => "held",
            Row::Intent { .. } => "intent",
            Row::Outcome { .. } => "outcome",
            Row::Settled { .. } => "settled",
            Row::RemovalIntent { .. } => "removal_intent",
            Row::RemovalOutcome { .. } => "removal_outcome",
            Row::Removed { .. } => "removed",
            Row::ProbeIntent { .. } => "probe_intent",
            Row::Probed { .. } => "probed",
            Row::FileIntent { .. } => "file_intent",
            Row::OthersRemoval {} => "others_removal",
            Row::FilesRemoval { .. } => "files_removal",
            Row::FilesRemoved { .. } => "files_removed",
            Row::Done { .. } => "done",
            Row::Suspended { .. } => "suspended",
            Row::Finished {} => "finished",
            Row::GivenUp {} => "given_up",
            Row::Undo(row) => row.kind(),
        }
    }
}

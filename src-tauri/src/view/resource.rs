use serde::{Deserialize, Serialize};
use specta::Type;

use super::{Side, Verdict, Whole};
use crate::error::UiError;

/// What becomes of a resource that is on both sides and differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ConflictChoice {
    KeepTarget,
    TakeSource,
    MergeTags,
    Both,
}

/// The owner's word on one resource, by its id in the source.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct ItemConflict {
    pub item: String,
    pub choice: ConflictChoice,
}

/// What the owner chose to move beside records.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct ResourceWish {
    /// Types, such as `run_user`; `null` means all.
    pub kinds: Option<Vec<String>>,
    /// Ids in the source; `null` means all.
    pub items: Option<Vec<String>>,
    pub conflicts: Vec<ItemConflict>,
}

/// Why an item has its verdict: a word, and what it is about.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceReasonView {
    pub code: String,
    pub names: Vec<String>,
    pub count: Option<Whole>,
}

/// One resource of the source, and what the plan does with it.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceRow {
    pub kind: String,
    pub id: String,
    pub parent: Option<String>,
    pub name: String,
    pub verdict: Verdict,
    /// Whether it is on both sides and differs, so that the owner has a word.
    pub differs: bool,
    pub conflict: ConflictChoice,
    pub reasons: Vec<ResourceReasonView>,
    pub work: Vec<String>,
    /// Places whose ids will lead nowhere.
    pub unresolved: Vec<String>,
}

/// What both sides hold beside records, compared; nothing was written.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceRehearsal {
    pub id: String,
    pub target_name: String,
    pub fingerprint: String,
    pub items: Vec<ResourceRow>,
    /// What could not be read in the source.
    pub gaps: Vec<String>,
    /// What an undo could not take back.
    pub irreversible: Vec<String>,
    pub nothing_to_do: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRunState {
    Running,
    Paused,
    Done,
    Undoing,
    Undone,
    Failed,
}

/// One resource that a run or its undo has something to say of.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct ResourceNote {
    pub kind: String,
    pub name: String,
    /// Its id in the target, a reason, or what is to be done, by the list that it is in.
    pub detail: String,
}

/// What came of an undo: three lists that leave nothing out.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct ResourceUndone {
    pub reversed: Vec<ResourceNote>,
    pub kept: Vec<ResourceNote>,
    pub impossible: Vec<ResourceNote>,
}

/// A run over resources and how far it is; also its report.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceRun {
    pub id: String,
    pub source: Side,
    pub target: Side,
    pub source_name: String,
    pub target_name: String,
    pub state: ResourceRunState,
    pub reason: Option<UiError>,
    pub begun_at: Whole,
    pub done: Whole,
    pub total: Whole,
    pub made: Vec<ResourceNote>,
    pub changed: Vec<ResourceNote>,
    pub held: Vec<ResourceNote>,
    pub work: Vec<ResourceNote>,
    pub unresolved: Vec<ResourceNote>,
    pub undone: Option<ResourceUndone>,
}

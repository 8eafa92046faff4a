use serde::{Deserialize, Serialize};
use specta::Type;

use super::{Check, RehearsalPhase, Side, Verdict, Whole};
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

/// What is chosen of one type.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct KindWish {
    pub kind: String,
    /// Whether all are chosen, or none.
    pub all: bool,
    /// Except these, by their ids in the source.
    pub except: Vec<String>,
}

/// What carries this tag, with this value if one is given.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct TagWish {
    pub key: String,
    pub value: Option<String>,
}

/// What the owner chose to move beside records.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct ResourceWish {
    /// Of a type that is not named, all.
    pub chosen: Vec<KindWish>,
    /// Chooses anew, by a tag.
    pub tagged: Option<TagWish>,
    pub conflicts: Vec<ItemConflict>,
    /// The whole path of a folder with code of analyses; an empty one means none.
    pub scripts: Option<String>,
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
    /// Whether the plan is about it.
    pub planned: bool,
    pub verdict: Verdict,
    /// Whether it is on both sides and differs, so that the owner has a word.
    pub differs: bool,
    pub conflict: ConflictChoice,
    pub reasons: Vec<ResourceReasonView>,
    pub work: Vec<String>,
    /// Places whose ids will lead nowhere.
    pub unresolved: Vec<String>,
}

/// One page of the resources of a type.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourcePage {
    pub rows: Vec<ResourceRow>,
    pub total: Whole,
}

/// What both sides hold beside records, compared as far as it is; nothing is written.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceRehearsal {
    pub id: String,
    pub source: Side,
    pub target: Side,
    pub source_name: String,
    pub target_name: String,
    pub phase: RehearsalPhase,
    pub done: Whole,
    pub total: Option<Whole>,
    pub checks: Vec<Check>,
    /// The folder that code of analyses is taken from.
    pub scripts: Option<String>,
    pub summary: Option<ResourceSummary>,
    pub error: Option<UiError>,
}

/// What a plan for resources would do, in figures.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceSummary {
    pub fingerprint: String,
    pub create: Whole,
    pub update: Whole,
    pub same: Whole,
    /// Differs, or could be one of several: left alone.
    pub left: Whole,
    pub blocked: Whole,
    pub kinds: Vec<KindSummary>,
    /// What could not be read in the source.
    pub gaps: Vec<ResourceNote>,
    /// What an undo could not take back.
    pub irreversible: Vec<ResourceNote>,
    /// Whether something was sent to the target shortly before the rehearsal.
    pub target_in_use: bool,
    /// How much of the target's limits a run uses unless the owner says otherwise, in tenths of a percent.
    pub target_share: Whole,
    pub nothing_to_do: bool,
}

/// What the source has of one type, and what of it is chosen.
#[derive(Clone, Debug, Serialize, Type)]
pub struct KindSummary {
    pub kind: String,
    pub total: Whole,
    /// How many can be chosen by themselves; the others come with what they belong to.
    pub choosable: Whole,
    pub to_write: Whole,
    /// Whether there is more to see than what is the same on both sides.
    pub eventful: bool,
    /// Whether all are chosen, or none, except these.
    pub all: bool,
    pub except: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRunState {
    Running,
    Proving,
    Paused,
    Done,
    /// Done, and the proof found something.
    DoneWithExceptions,
    Undoing,
    Undone,
    /// Given up for a newer plan of what it lacked.
    PlannedAgain,
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

/// The comparison after a run over resources.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceProofView {
    pub green: bool,
    pub checked_at: Whole,
    pub items: Whole,
    pub items_green: Whole,
    pub changed_since: Whole,
    pub differing: Whole,
    pub not_run: Whole,
    /// How many could be compared with the source; the others with what the run sealed.
    pub read_in_source: Whole,
    /// Every one that is not as planned, and why.
    pub not_equal: Vec<ResourceNote>,
}

/// Where the report of a run over resources lies.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ResourceReportView {
    pub html_path: String,
    pub json_path: String,
    /// The `holdfastctl` line that repeats the proof.
    pub prove_line: String,
    pub exceptions: Vec<String>,
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
    pub unresolved: Vec<ResourceNote>,
    pub proof: Option<ResourceProofView>,
    /// A proof was begun and did not come to its end.
    pub half_proven: bool,
    pub undone: Option<ResourceUndone>,
    /// Its journal cannot be read any more, so that what it lacks has to be planned again.
    pub damaged: bool,
}

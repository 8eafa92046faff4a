use serde::{Deserialize, Serialize};
use specta::Type;

use super::{ResourceNote, Whole};
use crate::error::UiError;

/// One end of a migration: a project of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Side {
    pub connection: String,
    pub project: String,
}

/// How records that the target has already are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    Fill,
    Append,
    /// Afterwards the target holds in the chosen time exactly what the source holds.
    Replace,
}

/// How closely a rehearsal looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    Counted,
    Exact,
}

/// What becomes of active actions that the records would set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum TrippedChoice {
    Hold,
    LetFire,
}

/// How records travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum LaneChoice {
    Stream,
    /// In files that the target imports, where that is cheaper or quieter.
    File,
}

/// What becomes of devices that are inactive in the target, and take no records so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum InactiveChoice {
    Wake,
    Leave,
}

/// Where an action is that the run would set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ActionProgress {
    Untouched,
    Held,
    Doubtful,
    Released,
    Inactive,
    SwitchedOn,
    Gone,
    /// The run was given up while it held it.
    LeftOff,
    LetFire,
}

/// An action that the records of a run would set off.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ActionView {
    pub id: String,
    pub name: String,
    pub state: ActionProgress,
    /// Whether it acted while the run held it, if that is known.
    pub acted: Option<bool>,
}

/// What the owner chose to move.
#[derive(Clone, Debug, Serialize, Deserialize, Type)]
pub struct Choices {
    /// Ids of the source's devices; `null` means all.
    pub devices: Option<Vec<String>>,
    pub variables: Option<Vec<String>>,
    pub from: Option<Whole>,
    pub to: Option<Whole>,
    pub policy: Policy,
    pub depth: Depth,
    pub tripped: TrippedChoice,
    pub lane: LaneChoice,
    pub inactive: InactiveChoice,
}

#[derive(Clone, Debug, Serialize, Type)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// A device of the source, as the owner chooses among them.
#[derive(Clone, Debug, Serialize, Type)]
pub struct SideDevice {
    pub id: String,
    pub name: String,
    pub tags: Vec<Tag>,
    pub records: Option<Whole>,
    pub first: Option<Whole>,
    pub last: Option<Whole>,
    pub on_target: bool,
}

/// What there is to choose from.
#[derive(Clone, Debug, Serialize, Type)]
pub struct SourceOverview {
    pub devices: Vec<SideDevice>,
    pub variables: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    Pass,
    Warn,
    Block,
}

/// One named check of the assessment.
#[derive(Clone, Debug, Serialize, Type)]
pub struct Check {
    pub name: String,
    pub title: String,
    pub verdict: CheckVerdict,
    pub message: String,
}

/// What a plan does with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Create,
    Update,
    Fill,
    Remove,
    Skip,
    Conflict,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum RehearsalPhase {
    Connecting,
    Assessing,
    ScanningSource,
    ScanningTarget,
    Comparing,
    Done,
    Failed,
}

/// A rehearsal and how far it is.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RehearsalView {
    pub id: String,
    pub source: Side,
    pub target: Side,
    pub source_name: String,
    pub target_name: String,
    pub choices: Choices,
    pub phase: RehearsalPhase,
    pub done: Whole,
    pub total: Option<Whole>,
    /// What it waits for by itself, in one sentence; it is no failure.
    pub waiting: Option<String>,
    pub checks: Vec<Check>,
    pub summary: Option<PlanSummary>,
    /// Only where it plans again what a damaged run lacks.
    pub rebuilt: Option<RebuiltView>,
    pub error: Option<UiError>,
}

/// What a damaged run had left in the target.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RebuiltView {
    /// What of the run's own was taken away, in words.
    pub tidied: Vec<String>,
    /// Actions that are off and were on before the run, by name: it may have switched them off.
    pub switched_off: Vec<String>,
}

/// What a plan would do, in figures.
#[derive(Clone, Debug, Serialize, Type)]
pub struct PlanSummary {
    pub fingerprint: String,
    pub cutoff: Whole,
    pub devices_create: Whole,
    pub devices_update: Whole,
    pub devices_unchanged: Whole,
    pub blocked: Whole,
    pub conflicts: Whole,
    pub records_missing: Whole,
    pub records_present: Whole,
    pub records_to_write: Whole,
    /// Records that only the target has and that a replacement removes, and in how many devices.
    pub records_to_remove: Whole,
    pub devices_to_empty: Whole,
    pub windows_to_write: Whole,
    pub requests: Whole,
    pub seconds_low: Whole,
    pub seconds_high: Whole,
    /// What taking it back would leave, device by device.
    pub irreversible: Vec<ResourceNote>,
    /// What taking it back would bring again, and not quite as it was.
    pub not_as_before: Vec<ResourceNote>,
    /// Devices that are inactive and are active while their records are written.
    pub devices_to_wake: Whole,
    /// Whether something was sent to the target shortly before the rehearsal.
    pub target_in_use: bool,
    /// How much of the target's limits a run uses unless the owner says otherwise, in tenths of a percent.
    pub target_share: Whole,
    /// Active actions that the records would set off, by name.
    pub actions: Vec<String>,
    pub nothing_to_do: bool,
}

/// How long a run will take, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
pub struct TimeNeeded {
    pub low: Whole,
    pub high: Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum PlanRowKind {
    Device,
    Data,
    Params,
    Tags,
}

/// One item of a plan.
#[derive(Clone, Debug, Serialize, Type)]
pub struct PlanRow {
    pub id: String,
    pub kind: PlanRowKind,
    pub device: String,
    pub device_name: String,
    pub variable: Option<String>,
    pub from: Option<Whole>,
    pub to: Option<Whole>,
    pub verdict: Verdict,
    pub reason: String,
    pub source_count: Option<Whole>,
    pub target_count: Option<Whole>,
    pub missing_count: Option<Whole>,
    pub removed_count: Option<Whole>,
}

/// One page of a plan's items.
#[derive(Clone, Debug, Serialize, Type)]
pub struct PlanPage {
    pub rows: Vec<PlanRow>,
    pub total: Whole,
}

/// Records by device and day: what lacks and what is there.
#[derive(Clone, Debug, Default, Serialize, Type)]
pub struct HoleStrip {
    /// The start of each day in UTC.
    pub days: Vec<Whole>,
    pub devices: Vec<HoleStripRow>,
}

#[derive(Clone, Debug, Serialize, Type)]
pub struct HoleStripRow {
    pub device: String,
    pub name: String,
    pub missing: Vec<Whole>,
    pub present: Vec<Whole>,
    /// Records that a replacement removes.
    pub to_remove: Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Pausing,
    Paused,
    Settling,
    Proving,
    Done,
    DoneWithExceptions,
    Stopped,
    Undoing,
    /// It was being taken back and that was interrupted.
    UndoPaused,
    Undone,
    /// Given up for a newer plan of what it lacked.
    PlannedAgain,
    /// Given up for good: its target is gone.
    GivenUp,
    Failed,
}

/// What was done to take something back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ReversalKind {
    Records,
    Deleted,
    Restored,
    WrittenBack,
}

/// Something that was taken back.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ReversedItem {
    pub device_name: String,
    pub what: ReversalKind,
    pub records: Whole,
}

/// Something that was not taken back.
#[derive(Clone, Debug, Serialize, Type)]
pub struct StayedItem {
    pub device_name: String,
    /// None if it is about the device itself.
    pub records: Whole,
    pub from: Option<Whole>,
    pub to: Option<Whole>,
    pub reason: String,
}

/// Something that a run did not carry out.
#[derive(Clone, Debug, Serialize, Type)]
pub struct HeldView {
    pub device_name: String,
    /// None if it is about the device itself.
    pub variable: Option<String>,
    pub from: Option<Whole>,
    pub to: Option<Whole>,
    pub reason: String,
}

/// What came of taking a run back: three lists that leave nothing out.
#[derive(Clone, Debug, Serialize, Type)]
pub struct UndoneView {
    pub records: Whole,
    pub reversed: Vec<ReversedItem>,
    pub kept: Vec<StayedItem>,
    pub impossible: Vec<StayedItem>,
}

/// What a run that was given up leaves in its target, should that still be there.
#[derive(Clone, Debug, Serialize, Type)]
pub struct GivenUpView {
    pub at: Whole,
    /// Actions that may be switched off, by name.
    pub actions: Vec<String>,
    /// Devices that were inactive and may be active still, by name.
    pub awake: Vec<String>,
    /// Devices that may have a token of the run, by name, or by id where the plan has none.
    pub tokens: Vec<String>,
    /// Whether files of its own may be there.
    pub files: bool,
    /// Devices that it made and did not complete, by name.
    pub incomplete: Vec<String>,
    /// Batches of which nobody knows whether they arrived.
    pub batches_in_doubt: Whole,
}

/// A run and how far it is.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RunView {
    pub id: String,
    pub source: Side,
    pub target: Side,
    pub source_name: String,
    pub target_name: String,
    pub state: RunState,
    pub reason: Option<UiError>,
    /// What it waits for by itself, in one sentence; it is no failure.
    pub waiting: Option<String>,
    pub started_at: Whole,
    pub finished_at: Option<Whole>,
    pub records_done: Whole,
    pub records_total: Whole,
    pub records_removed: Whole,
    pub records_to_remove: Whole,
    /// Items of the plan; while it is proven, records compared.
    pub steps_done: Whole,
    pub steps_total: Whole,
    /// Records a second.
    pub rate: Whole,
    pub seconds_low: Option<Whole>,
    pub seconds_high: Option<Whole>,
    pub batches_to_check: Whole,
    /// What closing the window now would mean, in one sentence.
    pub safe_to_close: String,
    pub proof: Option<ProofView>,
    /// A proof was begun and did not come to its end.
    pub half_proven: bool,
    pub undone: Option<UndoneView>,
    /// Actions that its records would set off.
    pub actions: Vec<ActionView>,
    /// Devices that were inactive and that it, or its undo, may have left active, by name.
    pub awake: Vec<String>,
    /// What was held back, and why.
    pub held: Vec<HeldView>,
    /// Its journal cannot be read any more, so that what it lacks has to be planned again.
    pub damaged: bool,
    pub given_up: Option<GivenUpView>,
    pub restored_project_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    Missing,
    Changed,
    Doubled,
    NotRemoved,
}

/// One record that is not as it should be.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ProofDifference {
    pub kind: DifferenceKind,
    pub device_name: String,
    pub variable: String,
    pub time: Whole,
    pub expected: Option<String>,
    pub found: Option<String>,
}

/// How closely a proof looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ProofDepthChoice {
    /// Counts only, which prove nothing about content.
    Counts,
    /// The target's content against the plan.
    Content,
    /// Every record on both sides.
    Records,
}

/// Records of a device that the plan left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
pub struct LeftOutView {
    pub device_name: String,
    /// How many the target lacks; 0 if nobody has counted them.
    pub records: Whole,
    /// The device is inactive in the target, and its owner chose to leave it so.
    pub inactive: bool,
    pub reason: String,
}

/// The comparison after a run.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ProofView {
    pub green: bool,
    pub depth: ProofDepthChoice,
    /// Whether nothing was found amiss at this depth, which is no proof where only counts were compared.
    pub agrees: bool,
    pub checked_at: Whole,
    /// Time ranges that were compared, without those that were left out, held back or not reached.
    pub ranges_compared: Whole,
    /// Records of the target that were read; none where only counts were compared.
    pub records_checked: Whole,
    pub missing: Whole,
    pub changed: Whole,
    pub doubled: Whole,
    pub not_removed: Whole,
    /// The first 200.
    pub differences: Vec<ProofDifference>,
    /// What the plan left out, as it said before the run.
    pub left_out: Vec<LeftOutView>,
    /// Whether nothing else keeps the proof from agreeing.
    pub only_left_out: bool,
    /// What is not as planned without a record to show for it; the first 200.
    pub otherwise: Vec<HeldView>,
    /// The days as they are now.
    pub strip: HoleStrip,
    /// The same days as the plan found them.
    pub before: HoleStrip,
}

/// One line of the history.
#[derive(Clone, Debug, Serialize, Type)]
pub struct RunSummary {
    pub id: String,
    pub source_name: String,
    pub target_name: String,
    pub state: RunState,
    /// It is over and nothing is amiss, but counts alone were compared.
    pub only_counted: bool,
    pub started_at: Whole,
    pub finished_at: Option<Whole>,
    pub records_done: Whole,
    pub records_total: Whole,
}

/// One token that something outside the platform has to be given anew.
#[derive(Clone, Debug, Serialize, Type)]
pub struct TokenWork {
    pub device: String,
    pub device_name: String,
    pub token_name: String,
    pub serial: Option<String>,
    /// The fingerprint of the token in the source.
    pub old: String,
    /// The fingerprint of the token in the target.
    pub new: Option<String>,
    pub what_to_update: String,
}

/// An id before and after.
#[derive(Clone, Debug, Serialize, Type)]
pub struct IdChange {
    pub old: String,
    pub new: String,
    pub name: String,
}

/// What a run did, and what is left to do.
#[derive(Clone, Debug, Serialize, Type)]
pub struct ReportView {
    pub run: String,
    pub html_path: String,
    pub json_path: String,
    pub records_written: Whole,
    pub records_removed: Whole,
    pub devices_created: Whole,
    pub tokens: Vec<TokenWork>,
    pub ids: Vec<IdChange>,
    /// The `holdfastctl` line that repeats the proof.
    pub prove_line: String,
    pub exceptions: Vec<String>,
}

//! The plan: what a run will do, item by item, sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tago_api::{ActionId, DeviceId, ProfileId, Time};

use crate::device::Token;
use crate::json::Json;
use crate::ports::Identity;
use crate::record::Tally;
use crate::run::Side;
use crate::sides::Sides;

mod effort;
pub(crate) mod file;
mod kind;
mod summary;

pub(crate) use file::FORMAT;
pub use file::PlanError;
pub use kind::{PlanKind, PlannedFor};
pub use summary::{DevicePart, Summary};

/// What the owner chose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Choices {
    /// Devices of the source; all if `None`.
    pub devices: Option<BTreeSet<DeviceId>>,
    /// Variables; all if `None`.
    pub variables: Option<BTreeSet<String>>,
    /// First moment; the beginning if `None`.
    pub from: Option<Time>,
    /// Last moment; the cut-off if `None`.
    pub to: Option<Time>,
    /// What becomes of records.
    pub policy: Policy,
    /// What becomes of devices that are on both sides and differ.
    pub existing: Existing,
    /// How closely the rehearsal looks.
    pub depth: Depth,
    /// What becomes of ids and addresses inside records.
    #[serde(default = "Inside::of_an_older_plan", skip_serializing_if = "Inside::is_of_an_older_plan")]
    pub inside: Inside,
    /// What becomes of actions that the run would set off.
    #[serde(default, skip_serializing_if = "Tripped::is_default")]
    pub tripped: Tripped,
    /// What becomes of devices that are inactive on the target and are to get records.
    #[serde(default, skip_serializing_if = "Inactive::is_default")]
    pub inactive: Inactive,
    /// How records travel.
    #[serde(default, skip_serializing_if = "Lane::is_default")]
    pub lane: Lane,
    /// What a run of resources between the same two projects calls things
    /// ([`resources::renamed`](crate::resources::renamed)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed: Option<Renamed>,
}

/// What a run of resources between two projects calls things: dashboards, people, networks and all else that
/// has an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// The project that it read from.
    pub source: ProfileId,
    /// The project that it wrote to.
    pub target: ProfileId,
    /// Ids in the source, and in the target.
    pub ids: BTreeMap<String, String>,
}

impl Choices {
    pub(crate) fn variables(&self) -> Vec<String> {
        self.variables.iter().flatten().cloned().collect()
    }
}

/// What becomes of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Only records that the target lacks, counted with multiplicity.
    #[default]
    Fill,
    /// Every record of the source, whatever the target has.
    Append,
    /// In a time range that has a beginning and an end: what the target lacks is written, and what only the
    /// target has is removed, after it was kept whole.
    Replace,
}

/// What becomes of devices that are on both sides and differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// They stay as they are; the difference is listed as a conflict.
    #[default]
    Keep,
    /// They get the source's fields, tags and parameters.
    TakeSource,
}

/// What becomes of ids and addresses that stand inside records: devices in metadata, values and fixed
/// positions, the profile and the host in addresses of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inside {
    /// Those that have another name in the target get it.
    #[default]
    Rewrite,
    /// They stay as they are; the assessment tells of them.
    Leave,
    /// They stay as they are: the plan is older than this choice.
    #[serde(skip)]
    Unsaid,
}

impl Inside {
    fn of_an_older_plan() -> Inside {
        Inside::Unsaid
    }

    fn is_of_an_older_plan(&self) -> bool {
        *self == Inside::Unsaid
    }
}

/// What becomes of actions of the target that the run would set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tripped {
    /// They are inactive from before the first write until nothing more can arrive.
    #[default]
    Hold,
    /// They stay as they are, and act.
    LetFire,
}

impl Tripped {
    fn is_default(&self) -> bool {
        *self == Tripped::default()
    }
}

/// What becomes of devices that are inactive on the target and are to get records, which they refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inactive {
    /// They are active while their records are written, and inactive again at the end.
    #[default]
    Wake,
    /// They stay as they are; their records are left out.
    Leave,
}

impl Inactive {
    fn is_default(&self) -> bool {
        *self == Inactive::default()
    }
}

/// How records travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// By stream: every request says how many records it stored.
    #[default]
    Stream,
    /// In files that the platform imports, where these are cheaper or quieter and were proven to bring back
    /// what they hold; everything else by stream.
    File,
}

impl Lane {
    fn is_default(&self) -> bool {
        *self == Lane::default()
    }
}

/// How closely a rehearsal looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Counts on both sides: cheap, "about", and cannot be run.
    Counted,
    /// Reads the records on both sides; can be run.
    #[default]
    Exact,
}

/// A plan and the fingerprint that approval is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(crate) header: Header,
    pub(crate) items: Items,
}

/// The items of a plan, shared by all who hold it: one of many records has thousands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Items(Arc<[Item]>);

impl From<Vec<Item>> for Items {
    fn from(items: Vec<Item>) -> Items {
        Items(items.into())
    }
}

impl FromIterator<Item> for Items {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Items {
        Items(items.into_iter().collect())
    }
}

impl Deref for Items {
    type Target = [Item];

    fn deref(&self) -> &[Item] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Items {
    type Item = &'a Item;
    type IntoIter = std::slice::Iter<'a, Item>;

    fn into_iter(self) -> std::slice::Iter<'a, Item> {
        self.0.iter()
    }
}

/// What holds for the whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub version: u32,
    /// When the rehearsal began.
    pub created_at: Time,
    /// No window reaches past this moment.
    pub cutoff: Time,
    /// What the owner chose.
    pub choices: Choices,
    /// Where records come from.
    pub source: Identity,
    /// Where they go.
    pub target: Identity,
    /// The sides to which something was sent in the hours before. They keep a larger share of their limits.
    #[serde(default, skip_serializing_if = "InUse::is_unsaid")]
    pub in_use: InUse,
    /// The assessment.
    pub checks: Vec<Check>,
    /// Devices of the source that the target has under another id, also those that were not chosen:
    /// records may name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counterparts: BTreeMap<DeviceId, DeviceId>,
    /// Actions of the target that the run would set off, also those that were inactive when it was
    /// rehearsed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<TrippedAction>,
    /// The same for an undo that writes what was removed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_actions: Vec<TrippedAction>,
    /// The hash of what sets each action of the target off. One that is made or changed after may be set off too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<ActionId, Seal>,
    /// Actions that were on before the damaged run that this one completes, and off when it was rehearsed:
    /// that run may have switched them off, and cannot be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_off: Vec<TrippedAction>,
    /// The network and the connector of a throw-away device in the target, on which imports are tried.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probe: BTreeMap<String, Json>,
}

/// An action of the target that the run would set off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrippedAction {
    /// Its id.
    pub id: ActionId,
    /// Its name.
    pub name: String,
    /// Whether it was active when it was rehearsed.
    pub active: bool,
}

/// The sides that are in use; both, if the plan is older than the question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InUse(Option<BTreeSet<Side>>);

impl InUse {
    /// Whether this one is.
    pub fn contains(&self, side: &Side) -> bool {
        self.0.as_ref().is_none_or(|sides| sides.contains(side))
    }

    fn is_unsaid(&self) -> bool {
        self.0.is_none()
    }
}

impl FromIterator<Side> for InUse {
    fn from_iter<I: IntoIterator<Item = Side>>(sides: I) -> InUse {
        InUse(Some(sides.into_iter().collect()))
    }
}

impl Header {
    pub(crate) fn sides(&self) -> Sides<'_> {
        Sides { source: &self.source, target: &self.target }
    }
}

/// One thing that a run may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// A device with its tags and parameters.
    Device(DeviceItem),
    /// Records of one device in one time range.
    Data(DataItem),
}

/// A device with its tags and parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceItem {
    /// Its id in the source.
    pub device: DeviceId,
    /// Its name in the source.
    pub name: String,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Its counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<DeviceId>,
    /// The hash of its definition and parameters in the source.
    pub source_seal: Seal,
    /// The same of its counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_seal: Option<Seal>,
    /// Its type on the target: `mutable`, `immutable`, `hybrid` or `legacy`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Fields that get another value on the target, because its networks and connectors have other ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remapped: BTreeMap<String, Json>,
    /// Whether a payload parser may change its records on arrival.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parses: bool,
    /// Variables that are to be written and of which a hybrid device removes no single record. Unknown of others,
    /// and of one whose rule cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<BTreeSet<String>>,
    /// Whether it is inactive on the target, and active while its records are written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wakes: bool,
    /// Whether its records are to travel in files, if these bring back what they hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_file: bool,
    /// Its tokens in the source.
    pub source_tokens: Vec<Token>,
    /// Its counterpart's tokens.
    pub target_tokens: Vec<Token>,
}

impl DeviceItem {
    /// Whether the run gives it what the source says of it.
    pub(crate) fn follows_source(&self) -> bool {
        matches!(self.verdict, Verdict::Create | Verdict::Update)
    }

    /// Whether the run does anything about the device itself.
    pub(crate) fn is_worked_on(&self) -> bool {
        self.follows_source() || self.wakes
    }
}

/// Records of one device in one time range: what two reads see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataItem {
    /// Its id in the source.
    pub device: DeviceId,
    /// First moment.
    pub from: Time,
    /// Last moment.
    pub to: Time,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// One for each variable that the source has in this range, by name.
    pub windows: Vec<Window>,
    /// Body bytes of what is to be written.
    pub bytes: u64,
    /// Whether records are removed before others are written, because the device has no room for both. Else
    /// an interruption finds rather too much there than too little.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removes_first: bool,
    /// Devices to be made that its records name, so that they come first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<DeviceId>,
    /// Records by day (UTC): in the source, in the target, to be written.
    pub days: BTreeMap<String, (u64, u64, u64)>,
}

/// The records of one device and variable in its item's time range.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// The variable.
    pub variable: String,
    /// What the source has.
    pub source: Tally,
    /// What the target has.
    pub target: Tally,
    /// What is to be written.
    pub missing: Tally,
    /// What the target has beyond the source.
    #[serde(default, skip_serializing_if = "Beyond::is_empty")]
    pub beyond: Beyond,
    /// What of that is to be removed.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub removed: Tally,
}

impl Window {
    /// Whether the run writes to it or removes something from it.
    pub(crate) fn is_touched(&self) -> bool {
        !self.missing.is_empty() || !self.removed.is_empty()
    }

    /// What the target holds once the run is over.
    pub(crate) fn after(&self) -> Tally {
        self.target + self.missing - self.removed
    }
}

/// Records of the target that the source does not have, or not as often.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Beyond {
    /// How many.
    pub count: u64,
    /// The first 64 bits of each one's key, sorted; absent if there are too many to name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<u64>>,
}

impl Beyond {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What is to be done with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It will be made.
    Create,
    /// It will be changed.
    Update,
    /// Records will be written, or removed where the time range is replaced.
    Fill,
    /// Nothing to do.
    Skip,
    /// Both sides have it and differ; it stays as it is.
    Conflict,
    /// It cannot be done.
    Blocked,
}

/// Why an item has its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// To branch on.
    pub code: ReasonCode,
    /// To read.
    pub text: String,
}

/// The kinds of reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The counterpart has the same id.
    SameId,
    /// A run that was given up made the counterpart of it.
    SameMark,
    /// The counterpart has a token with the same serial number.
    SameSerial,
    /// A run of resources made it, or found it to be the same.
    SameRun,
    /// The counterpart has the same name and type, and no other device has.
    SameName,
    /// No device of the target is its counterpart.
    NoCounterpart,
    /// Several devices of the target could be its counterpart.
    ManyCounterparts,
    /// Fields, tags or parameters differ.
    Differs,
    /// Records at the same moment have another content in the target.
    OtherContent,
    /// The device refuses data while it is inactive.
    Inactive,
    /// The data lies before what the device keeps.
    OutOfRetention,
    /// The target would hold more records than the device may.
    TooManyRecords,
    /// More records at one moment than a read answers.
    TooDense,
    /// The network or the connector is not on the target.
    NoNetwork,
    /// The device's own item is blocked.
    DeviceBlocked,
    /// Records have no group, which the platform would make up.
    NoGroup,
    /// The platform removes no single record of such a device.
    NotRemovable,
    /// It could not be read, or not as a whole.
    Unreadable,
}

/// One named check of the assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// The outcome.
    pub verdict: CheckVerdict,
    /// What was found, and what to do.
    pub text: String,
}

/// The checks of the assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The source can be read.
    SourceReadable,
    /// The target can be read and its tokens listed.
    TargetReadable,
    /// Source and target are not one project.
    DifferentProjects,
    /// The chosen devices exist.
    ChosenDevices,
    /// Networks and connectors of devices to make are on the target.
    Networks,
    /// No mutable device would pass 50,000 records.
    RecordCaps,
    /// What is removed.
    Replaced,
    /// Immutable devices still keep the times to be written.
    Retention,
    /// Devices that take data are active.
    ActiveDevices,
    /// Serial numbers are left for the cut-over.
    SerialNumbers,
    /// Data is written through the devices' own tokens, so payload parsers see it.
    SideEffects,
    /// How the records travel, and why.
    Lane,
    /// Ids and addresses inside records lead somewhere in the target.
    InsideRecords,
    /// Actions that the run would set off.
    Actions,
    /// What no restore brings back.
    Unrecoverable,
    /// The chosen resources, and what they are paired with, exist.
    ChosenResources,
    /// The plan of the target has room for what will be made.
    PlanLimits,
    /// Actions and analyses arrive switched off.
    SwitchedOff,
    /// Every id in what is moved leads somewhere.
    UnresolvedIds,
    /// Files that what is moved shows are there.
    Files,
    /// Code for analyses is in the owner's folder.
    Scripts,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// As it should be.
    Pass,
    /// The owner should know.
    Warn,
    /// The plan cannot be run.
    Block,
}

/// The SHA-256 of something, in 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seal(pub(crate) String);

impl Seal {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Seal {
        use sha2::{Digest, Sha256};
        Seal(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A seal as somebody typed it.
    pub fn from_text(text: &str) -> Seal {
        Seal(text.trim().to_ascii_lowercase())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Plan {
    /// What holds for the whole plan.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The items: every device, each followed by its data in order of time.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether it may be run: an exact rehearsal in which no check blocks.
    pub fn is_runnable(&self) -> bool {
        self.obstacle().is_none()
    }

    /// Why it cannot be run, if it cannot.
    pub fn obstacle(&self) -> Option<String> {
        if self.header.choices.depth != Depth::Exact {
            return Some("it was only counted; rehearse it exactly".to_owned());
        }
        let block = self.header.checks.iter().find(|check| check.verdict == CheckVerdict::Block);
        block.map(|check| check.text.clone())
    }
}

use serde::{Deserialize, Serialize};
use specta::Type;

/// What a run moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Cargo {
    Records,
    Resources,
}

/// Whether something that was to be done by hand is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum WorkProgress {
    Open,
    /// The target shows it.
    Done,
    DoneByHand,
}

/// Something that only the owner can do after a run.
#[derive(Clone, Debug, Serialize, Type)]
pub struct WorkRow {
    pub key: String,
    /// What kind of work it is, such as `hand_out_token`.
    pub task: String,
    pub kind: String,
    pub name: String,
    pub text: String,
    pub state: WorkProgress,
    /// What was seen of it in the target.
    pub seen: Option<String>,
}

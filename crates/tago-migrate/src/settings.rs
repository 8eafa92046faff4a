use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::control::Control;
use crate::ports::READ_LIMIT;
use crate::progress::Progress;

/// What an operation is given besides its ports.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// Time.
    pub clock: &'a dyn Clock,
    /// A random number that was never used before.
    pub nonce: u64,
    /// Where its figures go.
    pub progress: &'a Progress,
    /// The owner's hand.
    pub control: &'a Control,
}

/// How an operation treats the two sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Parts of different devices that travel at once.
    pub lanes: usize,
    /// Bytes that records may take between being read and being stored or compared, whatever the number of
    /// lanes. A part that takes more travels alone.
    pub in_flight: usize,
    /// The most bytes of one request body.
    pub batch_bytes: usize,
    /// The most records of one read.
    pub read_limit: usize,
    /// How late after a request was sent the target may still carry it out.
    pub late_commit_bound: Duration,
    /// How long an import of a file may take from when it was asked for. What has not come by then is
    /// withdrawn, and travels by stream.
    pub import_bound: Duration,
    /// So many missing records make a file worth its requests.
    pub worth_a_file: u64,
    /// Requests a minute.
    pub pace: Pace,
    /// How long a side may be out of reach before the operation gives up for now.
    pub patience: Duration,
    /// A folder that all programs of this computer share: while a run, or its undo, is under way into a
    /// project, no other may be. Without it only those on one run folder are told apart.
    pub locks: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            lanes: 4,
            in_flight: 64 << 20,
            batch_bytes: 190_000,
            read_limit: READ_LIMIT,
            late_commit_bound: Duration::from_secs(120),
            import_bound: Duration::from_secs(900),
            worth_a_file: 10_000,
            pace: Pace::default(),
            patience: Duration::from_secs(30),
            locks: None,
        }
    }
}

/// What a record takes beside its text, in bytes.
pub(crate) const BESIDE_TEXT: usize = 256;
/// The text of a record of which nothing is known yet.
pub(crate) const USUAL_TEXT: usize = 160;

impl Settings {
    /// So many lanes may read both sides page by page within [`in_flight`](Settings::in_flight).
    pub(crate) fn reading_lanes(&self) -> usize {
        let both_pages = 2 * self.read_limit * (USUAL_TEXT + BESIDE_TEXT);
        self.lanes.min(self.in_flight / both_pages.max(1)).max(1)
    }
}

/// The platform's limits a minute for each kind of request, and the share of them that is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Reads of records.
    pub reads: u32,
    /// Writes of records.
    pub writes: u32,
    /// Reads of devices, parameters and tokens.
    pub lookups: u32,
    /// Changes of devices, parameters and tokens.
    pub edits: u32,
    /// Removals of records.
    pub removals: u32,
    /// Uploads and removals of files, and imports.
    pub files: u32,
    /// Of each limit, from 0 to 1. `None` leaves a project in use to its devices and people:
    /// [`Pace::SHARE_IN_USE`]; and takes of an idle one nearly all: [`Pace::SHARE_IDLE`].
    pub share: Option<f64>,
}

impl Pace {
    /// What is used of a project whose devices send.
    pub const SHARE_IN_USE: f64 = 0.6;
    /// What is used of a project to which nobody sends.
    pub const SHARE_IDLE: f64 = 0.985;

    /// What is used of a side's limits.
    pub fn share_of(&self, in_use: bool) -> f64 {
        let share = if in_use { Pace::SHARE_IN_USE } else { Pace::SHARE_IDLE };
        self.share.unwrap_or(share).clamp(0.01, 1.0)
    }
}

impl Default for Pace {
    /// The largest plan's limits; 429 teaches the rest.
    fn default() -> Pace {
        Pace {
            reads: 15_000,
            writes: 15_000,
            lookups: 5_000,
            edits: 2_000,
            removals: 1_000,
            files: 200,
            share: None,
        }
    }
}

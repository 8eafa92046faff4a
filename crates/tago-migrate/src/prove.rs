//! The proof: what the target holds against what the plan and the run say it must hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::announced::Names;
use crate::control::Stopped;
use crate::inside::Terms;
use crate::journal::{JournalError, SqliteJournal};
use crate::lanes::in_lanes;
use crate::machine::ledger::Ledger;
use crate::plan::{Item, Plan, PlanError};
use crate::ports::{PortError, Source};
use crate::progress::Phase;
use crate::reader::Reader;
use crate::run::{RunError, Side, expect_identity, past};
use crate::settings::{Env, Settings};
use crate::watch::Watch;

mod explain;
mod item;
mod store;
mod unfinished;

use item::Part;
pub use store::last_proof;
pub use unfinished::is_half_proven;
pub(crate) use unfinished::{Beginning, Unfinished};

/// Differences of one window that are kept in memory and shown; the file has all.
const SHOWN: usize = 1_000;
/// Items whose turn is prepared at once.
const CHUNK: usize = 256;

/// How closely a proof looks. Each depth costs more than the one before it and says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofDepth {
    /// One count of each window; no record is read. A record that lacks and one too many in the same
    /// window hide each other, so this never makes a proof green.
    Counts,
    /// Every record of the target is read, and each window compared with its seal as a multiset. The
    /// source is read only where something differs.
    #[default]
    Content,
    /// Every record on both sides is read and compared one by one, field by field, also where the seals
    /// agree; and the source is held against what the rehearsal saw.
    Records,
}

/// What the owner chose for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProofChoice {
    /// How closely it looks.
    pub depth: ProofDepth,
    /// Whether windows are read again that an unfinished proof has proven already.
    pub afresh: bool,
}

/// The comparison of the target with the plan, window by window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// When it was made.
    pub at: Time,
    /// When its first window was read: earlier than `at` by much if it was interrupted.
    pub begun_at: Time,
    /// How closely it looked.
    pub depth: ProofDepth,
    /// Whether nothing was found amiss at this depth. Of counts that is no proof.
    pub agrees: bool,
    /// Whether content was compared, and every device and every window is as planned. Foreign records
    /// alone do not spoil it.
    pub green: bool,
    /// Windows looked at.
    pub windows: u64,
    /// Windows that hold what they should.
    pub windows_green: u64,
    /// Records of the target that were read.
    pub records: u64,
    /// Records that should be there and are not (changed ones are counted under `changed`).
    pub missing: u64,
    /// Records whose content is another one at the same moment.
    pub changed: u64,
    /// Records that are there more often than they should be.
    pub doubled: u64,
    /// Records that should have been removed, because their time range is replaced, and are still there.
    #[serde(default)]
    pub not_removed: u64,
    /// Records that somebody else wrote into the windows since the rehearsal.
    pub foreign: u64,
    /// Windows, and devices, that were held back or not reached.
    pub not_run: u64,
    /// Windows whose records in the source are not those of the rehearsal any more; only
    /// [`ProofDepth::Records`] looks.
    pub source_changed: u64,
    /// Every window that is not simply equal, and every device that differs.
    pub windows_not_equal: Vec<WindowProof>,
}

/// What was found in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowProof {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The variable; absent if this is about the device itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// First moment.
    pub from: Time,
    /// Last moment.
    pub to: Time,
    /// The verdict.
    pub verdict: WindowVerdict,
    /// Why, in words.
    pub text: String,
    /// Records of the target in it.
    pub records: u64,
    /// Record by record; at most a thousand of each window.
    pub differences: Vec<Difference>,
    /// Whether the source is not what the rehearsal saw any more, as far as it was looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub source_changed: bool,
}

/// The verdict on one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowVerdict {
    /// It holds exactly what it should.
    Equal,
    /// It holds all that it should, and foreign records beside it.
    Foreign,
    /// Something is missing, changed, doubled or not removed.
    Differs,
    /// It was held back or not reached.
    NotRun,
}

/// One record that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In which way.
    pub kind: DifferenceKind,
    /// Its moment; absent if only its fingerprint is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Its JSON as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Its JSON as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Of a changed one, the fields that differ (`value`, `unit`, `group`, `time`, `location`,
    /// `metadata`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How often it is missing or there too often.
    pub times: u64,
}

/// The ways in which a record can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is not there.
    Missing,
    /// At its moment there is one with another content.
    Changed,
    /// It is there too often.
    Doubled,
    /// It should have been removed and is still there.
    NotRemoved,
    /// It is there and belongs neither to the target before the run nor to the run.
    Foreign,
}

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    /// One side could not be read.
    #[error("the {side} could not be read: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// The owner stopped it.
    #[error("the proof was stopped")]
    Stopped,
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The folder's run is not one that can be proven with these projects.
    #[error(transparent)]
    Run(RunError),
    /// The proof could not be stored.
    #[error("the proof cannot be written")]
    Write(#[source] std::io::Error),
}

impl From<RunError> for ProveError {
    fn from(error: RunError) -> ProveError {
        match error {
            RunError::Plan(error) => ProveError::Plan(error),
            RunError::Journal(error) => ProveError::Journal(error),
            RunError::Port { side, cause } => ProveError::Port { side, cause },
            error => ProveError::Run(error),
        }
    }
}

impl From<Stopped> for ProveError {
    fn from(Stopped: Stopped) -> ProveError {
        ProveError::Stopped
    }
}

/// Compares the target with what the plan and the run say it must hold, by content; see [`prove_as`].
///
/// # Errors
/// See [`ProveError`].
pub async fn prove(
    folder: &Path,
    source: &dyn Source,
    target: &dyn Source,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Proof, ProveError> {
    prove_as(folder, ProofChoice::default(), source, target, settings, env).await
}

/// Compares the target with what the plan and the run say it must hold, as closely as the owner chose,
/// and stores the result in the run folder. Interrupted, it goes on next time where it was.
///
/// A platform may show late what it has stored: windows that lack something are looked at again until
/// the late-commit bound has passed, and only then reported.
///
/// # Errors
/// See [`ProveError`].
pub async fn prove_as(
    folder: &Path,
    choice: ProofChoice,
    source: &dyn Source,
    target: &dyn Source,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Proof, ProveError> {
    let rows = SqliteJournal::read(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let beginning = Beginning {
        fingerprint: plan.fingerprint(),
        depth: choice.depth,
        rows: rows.len() as u64,
        begun_at: env.clock.now(),
    };
    drop(rows);
    let unfinished = Unfinished::open(folder, beginning, choice.afresh)?;
    let examination = Examination {
        plan: &plan,
        ledger: &ledger,
        depth: choice.depth,
        unfinished: &unfinished,
        names: Some(Names::of(folder)),
    };
    let (proof, windows) = examine(examination, source, target, settings, env).await?;
    store::store(folder, &proof, &windows).map_err(ProveError::Write)?;
    unfinished.end().map_err(ProveError::Write)?;
    Ok(proof)
}

/// What is to be examined, how closely, and what of it is proven already.
pub(crate) struct Examination<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) ledger: &'a Ledger,
    pub(crate) depth: ProofDepth,
    pub(crate) unfinished: &'a Unfinished<Part>,
    /// Where the names of what the run wrote are noted.
    pub(crate) names: Option<Names<'a>>,
}

/// The proof, and every window's part of it.
pub(crate) async fn examine(
    examination: Examination<'_>,
    source: &dyn Source,
    target: &dyn Source,
    settings: &Settings,
    env: Env<'_>,
) -> Result<(Proof, Vec<WindowProof>), ProveError> {
    let pacers = [(Side::Source, source), (Side::Target, target)]
        .map(|(side, port)| examination.plan.header.pace(side, port, settings, env.clock));
    let [for_source, for_target] = &pacers;
    let (limit, patience) = (settings.read_limit, settings.patience);
    let prover = Prover {
        plan: examination.plan,
        ledger: examination.ledger,
        terms: Terms::of(examination.plan, examination.ledger),
        depth: examination.depth,
        names: examination.names,
        source: Reader { port: source, pacers: for_source, limit, clock: env.clock, patience },
        target: Reader { port: target, pacers: for_target, limit, clock: env.clock, patience },
        watch: Watch::new(env),
        lanes: settings.reading_lanes(),
        bound: settings.late_commit_bound,
    };
    // It changes nothing but its own notes, which are written whole.
    let parts = prover.watch.unless_stopped(prover.parts(examination.unfinished)).await??;
    let proof = Proof {
        at: env.clock.now(),
        begun_at: examination.unfinished.begun_at(),
        depth: examination.depth,
        ..Proof::default()
    };
    prover.watch.phase(Phase::Done);
    Ok(proof.of(parts))
}

struct Prover<'a> {
    plan: &'a Plan,
    ledger: &'a Ledger,
    terms: Terms,
    depth: ProofDepth,
    names: Option<Names<'a>>,
    source: Reader<'a>,
    target: Reader<'a>,
    watch: Watch<'a>,
    lanes: usize,
    bound: Duration,
}

impl Prover<'_> {
    /// Every item's part, but for those that have none.
    async fn parts(&self, unfinished: &Unfinished<Part>) -> Result<BTreeMap<u32, Part>, ProveError> {
        self.watch.phase(Phase::Proving);
        expect_identity(Side::Target, &self.target, &self.plan.header).await?;
        let mut parts = unfinished.proven();
        let total = self.plan.summary();
        self.watch.change(|figures| {
            figures.records_total = total.records_target + total.records_missing;
            figures.items_total = self.plan.items.len() as u64;
            figures.items_done = parts.len() as u64;
            figures.records_done = parts.values().map(Part::covered).sum();
        });
        let mut open: Vec<u32> = (0_u32..).take(self.plan.items.len()).collect();
        open.retain(|place| !parts.contains_key(place));
        let clock = self.target.clock;
        let seen_by = clock.elapsed() + self.bound;
        let mut pause = self.bound / 16;
        loop {
            let mut lacking = Vec::new();
            let is_final = clock.elapsed() >= seen_by;
            for chunk in open.chunks(CHUNK) {
                let examining = chunk.iter().map(|place| async move {
                    self.watch.pass().await?;
                    let part = self.item(*place).await?;
                    if part.is_proven() {
                        unfinished.note(*place, &part).map_err(ProveError::Write)?;
                    }
                    let is_over = is_final || !part.lacks;
                    self.watch.change(|figures| {
                        figures.items_done += u64::from(is_over);
                        figures.records_done += if is_over { part.covered() } else { 0 };
                    });
                    Ok::<_, ProveError>((*place, is_over, part))
                });
                for (place, is_over, part) in in_lanes(self.lanes, examining.collect()).await? {
                    if is_over {
                        parts.insert(place, part);
                    } else {
                        lacking.push(place);
                    }
                }
            }
            if lacking.is_empty() {
                return Ok(parts);
            }
            open = lacking;
            let left = seen_by.saturating_sub(clock.elapsed());
            self.watch.wait(pause.min(left), "the target, which may show records late").await?;
            pause *= 2;
        }
    }

    async fn item(&self, place: u32) -> Result<Part, ProveError> {
        match &self.plan.items[place as usize] {
            Item::Device(device) => self.device(device, place).await,
            Item::Data(data) => self.data(data, place).await,
        }
    }
}

impl Proof {
    /// Filled with what was found.
    fn of(mut self, parts: BTreeMap<u32, Part>) -> (Proof, Vec<WindowProof>) {
        self.records = parts.values().map(|part| part.read).sum();
        let windows: Vec<WindowProof> = parts.into_values().flat_map(|part| part.windows).collect();
        for window in &windows {
            self.count(window);
        }
        self.agrees = self.windows_green == self.windows;
        self.green = self.agrees && self.depth >= ProofDepth::Content;
        (self, windows)
    }

    /// Records that should be gone, as a part of a list; nothing if there are none.
    pub(crate) fn not_removed_said(&self) -> String {
        match self.not_removed {
            0 => String::new(),
            count => format!("{count} {}, ", item::not_removed_words(count)),
        }
    }

    fn count(&mut self, window: &WindowProof) {
        self.windows += 1;
        match window.verdict {
            WindowVerdict::Equal | WindowVerdict::Foreign => self.windows_green += 1,
            WindowVerdict::NotRun => self.not_run += 1,
            WindowVerdict::Differs => {}
        }
        self.source_changed += u64::from(window.source_changed);
        for difference in &window.differences {
            let count = match difference.kind {
                DifferenceKind::Missing => &mut self.missing,
                DifferenceKind::Changed => &mut self.changed,
                DifferenceKind::Doubled => &mut self.doubled,
                DifferenceKind::NotRemoved => &mut self.not_removed,
                DifferenceKind::Foreign => &mut self.foreign,
            };
            *count += difference.times;
        }
        if window.verdict != WindowVerdict::Equal {
            let mut shown = window.clone();
            shown.differences.truncate(SHOWN);
            self.windows_not_equal.push(shown);
        }
    }
}

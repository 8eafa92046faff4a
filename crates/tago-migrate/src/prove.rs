//! The proof: what the target holds against what the plan and the run say it must hold.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::device::{Param, differences, seal};
use crate::folder::{self, write_whole};
use crate::journal::{JournalError, SqliteJournal};
use crate::lanes::in_lanes;
use crate::load::Parcels;
use crate::machine::Route;
use crate::machine::ledger::{DataLedger, Ledger};
use crate::pacer::Pacers;
use crate::plan::{DataItem, DeviceItem, Item, Plan, PlanError, Verdict, Window};
use crate::ports::{PortError, Range, Source};
use crate::progress::Phase;
use crate::reader::Reader;
use crate::run::{RunError, Side, expect_identity, past};
use crate::settings::{Env, Settings};
use crate::watch::{Stopped, Watch};

mod explain;

use explain::explain;

/// Differences of one window that are kept in memory and shown; the file has all.
const SHOWN: usize = 1_000;
/// Items whose turn is prepared at once.
const CHUNK: usize = 256;

/// The comparison of the target with the plan, window by window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// When it was made.
    pub at: Time,
    /// Whether every device and every window is as planned. Foreign records alone do not spoil it.
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
    /// Records that somebody else wrote into the windows since the rehearsal.
    pub foreign: u64,
    /// Windows, and devices, that were held back or not reached.
    pub not_run: u64,
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
}

/// The verdict on one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowVerdict {
    /// It holds exactly what it should.
    Equal,
    /// It holds all that it should, and foreign records beside it.
    Foreign,
    /// Something is missing, changed or doubled.
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

/// Reads the target, compares every window with what the plan and the run say it must hold, and stores
/// the result as `proof.jsonl` in the run folder. The source is read only where something differs.
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
    let rows = SqliteJournal::read(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let (proof, windows) = examine(&plan, &ledger, source, target, settings, env).await?;
    store(folder, &proof, &windows).map_err(ProveError::Write)?;
    Ok(proof)
}

/// The proof, and every window's part of it.
pub(crate) async fn examine(
    plan: &Plan,
    ledger: &Ledger,
    source: &dyn Source,
    target: &dyn Source,
    settings: &Settings,
    env: Env<'_>,
) -> Result<(Proof, Vec<WindowProof>), ProveError> {
    let pacers = [Pacers::new(&settings.pace, env.clock), Pacers::new(&settings.pace, env.clock)];
    let [for_source, for_target] = &pacers;
    let (limit, patience) = (settings.read_limit, settings.patience);
    let prover = Prover {
        plan,
        ledger,
        source: Reader { port: source, pacers: for_source, limit, clock: env.clock, patience },
        target: Reader { port: target, pacers: for_target, limit, clock: env.clock, patience },
        watch: Watch::new(env),
    };
    let proof = prover.prove(env.clock.now(), settings.lanes.max(1)).await?;
    prover.watch.phase(Phase::Done);
    Ok(proof)
}

struct Prover<'a> {
    plan: &'a Plan,
    ledger: &'a Ledger,
    source: Reader<'a>,
    target: Reader<'a>,
    watch: Watch<'a>,
}

impl Prover<'_> {
    async fn prove(&self, at: Time, lanes: usize) -> Result<(Proof, Vec<WindowProof>), ProveError> {
        self.watch.phase(Phase::Proving);
        expect_identity(Side::Target, &self.target, &self.plan.header).await?;
        let total = self.plan.summary();
        self.watch.change(|figures| {
            figures.records_total = total.records_target + total.records_missing;
            figures.items_total = self.plan.items.len() as u64;
        });
        let mut proof = Proof { at, green: true, ..Proof::default() };
        let mut windows = Vec::new();
        for (chunk, first) in self.plan.items.chunks(CHUNK).zip((0_u32..).step_by(CHUNK)) {
            let examining = chunk.iter().zip(first..).map(|(item, place)| async move {
                self.watch.pass().await?;
                let part = match item {
                    Item::Device(device) => (0, self.device(device, place).await?.into_iter().collect()),
                    Item::Data(data) => self.data(data, place).await?,
                };
                self.watch.change(|figures| {
                    figures.items_done += 1;
                    figures.records_done += part.0;
                });
                Ok::<_, ProveError>(part)
            });
            for (records, part) in in_lanes(lanes, examining.collect()).await? {
                proof.records += records;
                windows.extend(part);
            }
        }
        for window in &windows {
            proof.count(window);
        }
        proof.green = proof.windows_green == proof.windows;
        Ok((proof, windows))
    }

    /// A device that the run made or changed must be what it is in the source.
    async fn device(&self, item: &DeviceItem, place: u32) -> Result<Option<WindowProof>, ProveError> {
        if !matches!(item.verdict, Verdict::Create | Verdict::Update) {
            return Ok(None);
        }
        let about = |verdict, text: String| WindowProof {
            device: item.device,
            name: item.name.clone(),
            variable: None,
            from: self.plan.header.cutoff,
            to: self.plan.header.cutoff,
            verdict,
            text,
            records: 0,
            differences: Vec::new(),
        };
        if self.ledger.held.contains(&place) || !self.ledger.devices.get(&place).is_some_and(|d| d.finished) {
            return Ok(Some(about(WindowVerdict::NotRun, self.why_not(place, None))));
        }
        let made = self.ledger.devices.get(&place).and_then(|device| device.made);
        let Some(target) = item.target.or(made) else { return Ok(None) };
        let port = self.target.port;
        let there = match self.target.ask(Route::Lookup, || port.device(target)).await {
            Err(PortError::NotFound { .. }) => {
                let text = "the device is not on the target any more".to_owned();
                return Ok(Some(about(WindowVerdict::Differs, text)));
            }
            there => there.map_err(on(Side::Target))?,
        };
        let params =
            self.target.ask(Route::Lookup, || port.params(target)).await.map_err(on(Side::Target))?;
        if seal(&there.definition, &params) == item.source_seal {
            return Ok(Some(about(WindowVerdict::Equal, "as in the source".to_owned())));
        }
        let port = self.source.port;
        let ours = self.source.ask(Route::Lookup, || port.device(item.device)).await;
        let mut ours = ours.map_err(on(Side::Source))?;
        let our_params = self.source.ask(Route::Lookup, || port.params(item.device)).await;
        let our_params = our_params.map_err(on(Side::Source))?;
        ours.definition.fields.extend(item.remapped.clone());
        // Parameters of its own that a changed device had before are not the run's affair.
        let own = |param: &&Param| {
            let same = |other: &Param| {
                (&other.key, &other.value, other.sent) == (&param.key, &param.value, param.sent)
            };
            item.verdict == Verdict::Create || our_params.iter().any(same)
        };
        let params: Vec<Param> = params.iter().filter(own).cloned().collect();
        let differing = differences((&ours.definition, &our_params), (&there.definition, &params));
        Ok(Some(if differing.is_empty() {
            about(WindowVerdict::Equal, "as in the source".to_owned())
        } else {
            about(WindowVerdict::Differs, format!("different from the source: {}", differing.join(", ")))
        }))
    }

    /// The windows of one data item, and how many records of the target were read.
    async fn data(&self, item: &DataItem, place: u32) -> Result<(u64, Vec<WindowProof>), ProveError> {
        let about = |window: &Window, verdict, text: String| WindowProof {
            device: item.device,
            name: self.name(item.device),
            variable: Some(window.variable.clone()),
            from: item.from,
            to: item.to,
            verdict,
            text,
            records: 0,
            differences: Vec::new(),
        };
        let nothing = DataLedger::default();
        let ledger = self.ledger.data.get(&place).unwrap_or(&nothing);
        let target = self.counterpart(item.device);
        let over = item.verdict == Verdict::Skip || (item.verdict == Verdict::Fill && ledger.done);
        let Some(target) = target.filter(|_| over && !self.ledger.held.contains(&place)) else {
            let windows = item
                .windows
                .iter()
                .map(|window| about(window, WindowVerdict::NotRun, self.why_not(place, None)));
            return Ok((0, windows.collect()));
        };
        let range = Range { from: item.from, to: item.to, variables: self.plan.header.choices.variables() };
        let theirs = match self.target.range(target, &range).await {
            Err(PortError::NotFound { .. }) => Parcels::default(),
            Err(PortError::Refused { message }) => {
                let unread = |window| about(window, WindowVerdict::NotRun, message.clone());
                return Ok((0, item.windows.iter().map(unread).collect()));
            }
            theirs => Parcels::of(theirs.map_err(on(Side::Target))?),
        };
        let found = theirs.tallies();
        let mut ours = None;
        let mut proofs = Vec::new();
        for (window, number) in item.windows.iter().zip(0_u32..) {
            let opened = ledger.opened.iter().find(|opened| opened.window == number);
            if !window.missing.is_empty() && opened.is_none() {
                proofs.push(about(window, WindowVerdict::NotRun, self.why_not(place, Some(number))));
                continue;
            }
            let found = found.get(window.variable.as_str()).copied().unwrap_or_default();
            let mut proof = if found == window.target + window.missing {
                about(window, WindowVerdict::Equal, "holds exactly what it should".to_owned())
            } else {
                if ours.is_none() {
                    let read = self.source.range(item.device, &range).await.map_err(on(Side::Source))?;
                    ours = Some(Parcels::of(read));
                }
                let ours = ours.as_ref().unwrap_or(&theirs);
                if ours.tallies().get(window.variable.as_str()).copied().unwrap_or_default() == window.source
                {
                    let policy = self.plan.header.choices.policy;
                    let differences = explain(window, policy, opened, ours, &theirs);
                    judged(about(window, WindowVerdict::Differs, String::new()), differences)
                } else {
                    let text = format!(
                        "{} records instead of {}; which ones cannot be told, because the source changed",
                        found.count,
                        window.target.count + window.missing.count
                    );
                    about(window, WindowVerdict::Differs, text)
                }
            };
            proof.records = found.count;
            proofs.push(proof);
        }
        Ok((theirs.len() as u64, proofs))
    }

    fn counterpart(&self, device: DeviceId) -> Option<DeviceId> {
        self.plan.items.iter().zip(0_u32..).find_map(|(item, place)| match item {
            Item::Device(item) if item.device == device => {
                item.target.or_else(|| self.ledger.devices.get(&place)?.made)
            }
            _ => None,
        })
    }

    fn name(&self, device: DeviceId) -> String {
        let name = self.plan.items.iter().find_map(|item| match item {
            Item::Device(item) if item.device == device => Some(item.name.clone()),
            _ => None,
        });
        name.unwrap_or_default()
    }

    fn why_not(&self, place: u32, window: Option<u32>) -> String {
        let held = self
            .ledger
            .reasons
            .iter()
            .find(|(item, held, _)| *item == place && (held.is_none() || *held == window));
        if let Some((_, _, reason)) = held {
            return reason.clone();
        }
        let planned = match self.plan.items.get(place as usize) {
            Some(Item::Data(item)) if item.verdict == Verdict::Blocked => item.reasons.first(),
            _ => None,
        };
        planned.map_or_else(|| "the run has not come to it".to_owned(), |reason| reason.text.clone())
    }
}

impl Proof {
    fn count(&mut self, window: &WindowProof) {
        self.windows += 1;
        match window.verdict {
            WindowVerdict::Equal | WindowVerdict::Foreign => self.windows_green += 1,
            WindowVerdict::NotRun => self.not_run += 1,
            WindowVerdict::Differs => {}
        }
        for difference in &window.differences {
            let count = match difference.kind {
                DifferenceKind::Missing => &mut self.missing,
                DifferenceKind::Changed => &mut self.changed,
                DifferenceKind::Doubled => &mut self.doubled,
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

/// The verdict that follows from the differences.
fn judged(mut proof: WindowProof, differences: Vec<Difference>) -> WindowProof {
    let count = |kind| -> u64 {
        differences
            .iter()
            .filter(|difference| difference.kind == kind)
            .map(|difference| difference.times)
            .sum()
    };
    let counts = [
        (count(DifferenceKind::Missing), "missing"),
        (count(DifferenceKind::Changed), "changed"),
        (count(DifferenceKind::Doubled), "doubled"),
        (count(DifferenceKind::Foreign), "foreign"),
    ];
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    proof.text = said.join(", ");
    if counts[..3].iter().all(|(count, _)| *count == 0) {
        proof.verdict = WindowVerdict::Foreign;
    }
    proof.differences = differences;
    proof
}

/// One line for each window, and the proof without them at the end.
fn store(folder: &Path, proof: &Proof, windows: &[WindowProof]) -> std::io::Result<()> {
    write_whole(&folder.join(folder::PROOF), |file| {
        let mut file = BufWriter::new(file);
        for window in windows {
            serde_json::to_writer(&mut file, window)?;
            file.write_all(b"\n")?;
        }
        let end = Proof { windows_not_equal: Vec::new(), ..proof.clone() };
        serde_json::to_writer(&mut file, &ProofLine { holdfast_proof: end })?;
        file.write_all(b"\n")?;
        file.flush()
    })
}

/// The proof that was stored last in a run folder, if there is one.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn last_proof(folder: &Path) -> std::io::Result<Option<Proof>> {
    let file = match std::fs::File::open(folder.join(folder::PROOF)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut shown = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if line.starts_with("{\"holdfast_proof\"") {
            let ProofLine { holdfast_proof } = serde_json::from_str(&line)?;
            return Ok(Some(Proof { windows_not_equal: shown, ..holdfast_proof }));
        }
        let window: WindowProof = serde_json::from_str(&line)?;
        if window.verdict != WindowVerdict::Equal {
            shown.push(window);
        }
    }
    Ok(None)
}

#[derive(Serialize, Deserialize)]
struct ProofLine {
    holdfast_proof: Proof,
}

fn on(side: Side) -> impl Fn(PortError) -> ProveError {
    move |cause| ProveError::Port { side, cause }
}

//! The report of a run: for machines, for people, and the worklist of what outside must be updated.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::device::{Fingerprint, Token};
use crate::folder::{self, write_whole};
use crate::journal::{JournalError, Row, SqliteJournal};
use crate::machine::ledger::Ledger;
use crate::plan::{CheckName, DeviceItem, Item, Plan, PlanError, Seal, Summary, TrippedAction, Verdict};
use crate::ports::Identity;
use crate::prove::{Proof, last_proof};
use crate::run::actions::actions;
use crate::run::{ActionState, ActionStatus, RunError, created, held_items, past};
use crate::undo::Undone;
use crate::worklist::{WorkItem, WorklistError, last_worklist};

pub(crate) mod csv;
pub(crate) mod html;
mod removed;

pub use removed::RemovedPart;

/// What to do about a run whose undo is not complete.
pub(crate) const HALF_TAKEN_BACK: &str =
    "The run is half taken back. Choose “Go on taking it back…” (holdfastctl undo).";

const NOT_FINISHED: &str = "The run is not finished. Resume it (holdfastctl resume); if it was stopped in the window, \
                            rehearse again.";

/// What a report says, and where its files are.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's own id.
    pub run: String,
    /// When the report was made.
    pub at: Time,
    /// Where records came from.
    pub source: Identity,
    /// Where they went.
    pub target: Identity,
    /// The plan's fingerprint, to which approval was given.
    pub fingerprint: Seal,
    /// When the run began.
    pub started_at: Time,
    /// When it finished; absent if it has not.
    pub finished_at: Option<Time>,
    /// Records that the plan had to write.
    pub records_planned: u64,
    /// How they travelled, and why.
    pub lane: String,
    /// Devices of which something travelled in a file, or was to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<DeviceLane>,
    /// Records that the run stored.
    pub records_written: u64,
    /// Records of the target that the plan had to remove, because their time range was replaced.
    pub records_to_remove: u64,
    /// Records that the run removed.
    pub records_removed: u64,
    /// Which, by device and variable.
    pub removed: Vec<RemovedPart>,
    /// Devices that the run made.
    pub devices_created: u64,
    /// Devices that the run changed.
    pub devices_updated: u64,
    /// Ids of devices: old, new, name. Equal ones are left out.
    pub ids: Vec<(DeviceId, DeviceId, String)>,
    /// Every token of the source by the device that owns it.
    pub tokens: Vec<TokenWork>,
    /// What is left to do by hand, as it was seen and ticked last.
    pub worklist: Vec<WorkItem>,
    /// Actions of the target that the run would set off, and what became of each.
    pub actions: Vec<ActionStatus>,
    /// What was not done, and what the proof found.
    pub exceptions: Vec<String>,
    /// Whether there is a proof and it is green.
    pub proven: Option<bool>,
    /// The proof, as it was made last.
    pub proof: Option<Proof>,
    /// The command with which anybody can repeat the proof.
    pub prove_line: String,
    /// What came of taking the run back; absent if nobody began to.
    pub undone: Option<Undone>,
    /// The command with which the run is taken back.
    pub undo_line: String,
    /// The machine's copy.
    #[serde(skip)]
    pub json: PathBuf,
    /// The page for people.
    #[serde(skip)]
    pub html: PathBuf,
}

/// How the records of one device travelled that were to travel in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceLane {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Records that came in files.
    pub by_file: u64,
    /// Records that came by stream.
    pub by_stream: u64,
    /// Why, in a sentence.
    pub why: String,
}

/// One token and what outside must be updated.
#[derive(Debug, Clone, Serialize)]
pub struct TokenWork {
    /// The device in the source.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The token's name.
    pub token_name: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Fingerprint in the source.
    pub source: Fingerprint,
    /// Fingerprint of its counterpart in the target.
    pub target: Option<Fingerprint>,
    /// What outside must be updated, in a sentence.
    pub what_to_update: String,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The plan file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The plan of the folder is not the one that was run.
    #[error(transparent)]
    Run(RunError),
    /// The stored proof could not be read.
    #[error("the proof cannot be read")]
    Proof(#[source] std::io::Error),
    /// The ticks of the worklist could not be read.
    #[error(transparent)]
    Worklist(Box<WorklistError>),
    /// A file of the report could not be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<RunError> for ReportError {
    fn from(error: RunError) -> ReportError {
        match error {
            RunError::Plan(error) => ReportError::Plan(error),
            RunError::Journal(error) => ReportError::Journal(error),
            error => ReportError::Run(error),
        }
    }
}

/// Writes `report.json`, `report.html`, `tokens.csv`, `ids.csv`, `worklist.csv` and, if something was removed,
/// `removed.csv` from what the run folder holds.
///
/// # Errors
/// See [`ReportError`].
pub fn report(folder: &Path, at: Time) -> Result<Report, ReportError> {
    let rows = SqliteJournal::read(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let proof = last_proof(folder).map_err(ReportError::Proof)?;
    let mut report = compose(folder, &plan, &ledger, &rows, proof, at);
    report.worklist = last_worklist(folder).map_err(|error| ReportError::Worklist(Box::new(error)))?;
    report.json = folder.join(folder::REPORT_JSON);
    report.html = folder.join(folder::REPORT_HTML);
    let json = serde_json::to_vec_pretty(&report).unwrap_or_default();
    write(&report.json, &json)?;
    write(&report.html, html::page(&report).as_bytes())?;
    write(&folder.join(folder::TOKENS_CSV), csv::tokens(&report).as_bytes())?;
    write(&folder.join(folder::IDS_CSV), csv::ids(&report).as_bytes())?;
    if !report.removed.is_empty() {
        write(&folder.join(folder::REMOVED_CSV), csv::removed(&report).as_bytes())?;
    }
    write(&folder.join(folder::WORK_CSV), csv::worklist(&report.worklist).as_bytes())?;
    Ok(report)
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    use std::io::Write;
    let failed = |source| ReportError::Write { path: path.to_owned(), source };
    write_whole(path, |mut file| file.write_all(bytes)).map_err(failed)
}

fn compose(
    folder: &Path,
    plan: &Plan,
    ledger: &Ledger,
    rows: &[(Time, Row)],
    proof: Option<Proof>,
    at: Time,
) -> Report {
    let summary = plan.summary();
    let finished = rows.iter().rev().find(|(_, row)| *row == Row::Finished {}).map(|(at, _)| *at);
    let created = created(plan, ledger);
    let updated = plan.items.iter().zip(0_u32..).filter(|(item, place)| {
        item.verdict() == Verdict::Update && ledger.devices.get(place).is_some_and(|device| device.finished)
    });
    let matched = plan.items.iter().filter_map(|item| match item {
        Item::Device(item) => Some((item.device, item.target?, item.name.clone())),
        Item::Data(_) => None,
    });
    let ids = matched.chain(created.iter().cloned()).filter(|(old, new, _)| old != new).collect();
    Report {
        run: ledger.run.clone(),
        at,
        source: plan.header.source.clone(),
        target: plan.header.target.clone(),
        fingerprint: plan.fingerprint(),
        started_at: rows.first().map(|(at, _)| *at).unwrap_or_default(),
        finished_at: finished,
        records_planned: summary.records_missing,
        lane: plan
            .header
            .checks
            .iter()
            .find(|check| check.name == CheckName::Lane)
            .map(|check| check.text.clone())
            .unwrap_or_default(),
        files: lanes(plan, ledger),
        records_written: ledger.stored,
        records_to_remove: summary.records_removed,
        records_removed: ledger.removed,
        removed: removed::removed(folder, plan, ledger),
        devices_created: created.len() as u64,
        devices_updated: updated.count() as u64,
        ids,
        tokens: tokens(plan, ledger),
        worklist: Vec::new(),
        exceptions: exceptions(plan, ledger, &summary, proof.as_ref()),
        actions: actions(plan, ledger),
        proven: proof.as_ref().and_then(proven),
        proof,
        prove_line: prove_line(folder, &plan.header.source, &plan.header.target),
        undone: ledger.undo.begun.then(|| crate::undo::told(plan, ledger)),
        undo_line: undo_line(folder, &plan.header.target),
        json: PathBuf::new(),
        html: PathBuf::new(),
    }
}

/// What became of the devices whose records were to travel in files.
fn lanes(plan: &Plan, ledger: &Ledger) -> Vec<DeviceLane> {
    let mut lanes: Vec<DeviceLane> = Vec::new();
    for (item, place) in plan.items.iter().zip(0_u32..) {
        match item {
            Item::Device(item) if item.by_file => lanes.push(DeviceLane {
                device: item.device,
                name: item.name.clone(),
                by_file: 0,
                by_stream: 0,
                why: String::new(),
            }),
            Item::Device(_) => {}
            Item::Data(data) => {
                let of_device = lanes.last_mut().filter(|lane| lane.device == data.device);
                if let (Some(lane), Some(data)) = (of_device, ledger.data.get(&place)) {
                    lane.by_file += data.by_file;
                    lane.by_stream += data.stored - data.by_file;
                }
            }
        }
    }
    for lane in &mut lanes {
        lane.why = why(lane, ledger);
    }
    lanes
}

fn why(lane: &DeviceLane, ledger: &Ledger) -> String {
    match &ledger.probed {
        None => "nothing was imported".to_owned(),
        Some(Err(reason)) => format!("everything travelled by stream: {reason}"),
        Some(Ok(_)) if lane.by_stream == 0 => {
            "a throw-away device showed that imports bring back what a file holds".to_owned()
        }
        Some(Ok(spelling)) => {
            let proven = spelling.shapes.iter().map(|shape| shape.name()).collect::<Vec<_>>().join(", ");
            format!(
                "a throw-away device showed that imports bring back {proven}; what is of another shape, or was \
                 not imported in time, travelled by stream"
            )
        }
    }
}

/// Whether the target holds what it should, if that is known: counts that agree say nothing of content.
fn proven(proof: &Proof) -> Option<bool> {
    (!proof.agrees || proof.green).then_some(proof.green)
}

/// Every token of the source, with its counterpart on the target.
fn tokens(plan: &Plan, ledger: &Ledger) -> Vec<TokenWork> {
    let mut work = Vec::new();
    for (item, place) in plan.items.iter().zip(0_u32..) {
        let Item::Device(item) = item else { continue };
        let device = ledger.devices.get(&place);
        let made = device.is_some_and(|device| device.made.is_some());
        let theirs = match device {
            Some(device) if made => &device.tokens,
            _ => &item.target_tokens,
        };
        for (token, counterpart) in pairs(&item.source_tokens, theirs, made) {
            work.push(TokenWork {
                device: item.device,
                device_name: item.name.clone(),
                token_name: token.name.clone(),
                serial: token.serial.clone(),
                source: token.fingerprint.clone(),
                target: counterpart.map(|token| token.fingerprint.clone()),
                what_to_update: what_to_update(item, token, counterpart, made),
            });
        }
    }
    work
}

/// Each token with the one of the same serial number, else of the same name. A device that was made has
/// one token of its own, which stands for the first that is left.
pub(crate) fn pairs<'a>(
    ours: &'a [Token],
    theirs: &'a [Token],
    made: bool,
) -> Vec<(&'a Token, Option<&'a Token>)> {
    let mut free: Vec<&Token> = theirs.iter().collect();
    let mut pairs: Vec<(&Token, Option<&Token>)> = ours.iter().map(|token| (token, None)).collect();
    let mut settle = |same: &dyn Fn(&Token, &Token) -> bool| {
        for (token, counterpart) in pairs.iter_mut().filter(|(_, counterpart)| counterpart.is_none()) {
            if let Some(place) = free.iter().position(|other| same(token, other)) {
                *counterpart = Some(free.remove(place));
            }
        }
    };
    settle(&|token, other| token.serial.is_some() && token.serial == other.serial);
    settle(&|token, other| token.name == other.name && token.permission == other.permission);
    if made {
        settle(&|_, _| true);
    }
    pairs
}

/// What to do with the serial number of a device that was made anew.
pub(crate) fn move_serial(token: &str, serial: &str) -> String {
    format!(
        "Give {token} the serial number {serial}. If the old device was deleted, do it now: until then nothing \
         that it sends arrives. If it still sends to another project, wait until you move it."
    )
}

pub(crate) fn what_to_update(
    item: &DeviceItem,
    token: &Token,
    counterpart: Option<&Token>,
    made: bool,
) -> String {
    let serial = token.serial.as_ref().map(|serial| format!(" {}", move_serial("the new token", serial)));
    match (counterpart, made) {
        (Some(new), true) => format!(
            "The device was made anew, with a new token (fingerprint {}). Copy that token from the device's page \
             in Admin into the device, and into every integration and script that acts as “{}”.{}",
            new.fingerprint,
            item.name,
            serial.unwrap_or_default()
        ),
        (None, true) => format!(
            "The new device has no counterpart for this token. Make one with permission {} and put it where \
             this one was used.{}",
            token.permission,
            serial.unwrap_or_default()
        ),
        (Some(own), false) => format!(
            "Nothing on the target: the device keeps its token (fingerprint {}). Whatever was pointed at the \
             restored project meanwhile goes back to that one before the restored project is deleted.",
            own.fingerprint
        ),
        (None, false) if item.target.is_some() => {
            "The target's device has no such token. If something still \
                                                   uses it, make one there and update that."
                .to_owned()
        }
        (None, false) => "The device is not on the target; there is nothing to update yet.".to_owned(),
    }
}

fn exceptions(plan: &Plan, ledger: &Ledger, summary: &Summary, proof: Option<&Proof>) -> Vec<String> {
    let mut exceptions = Vec::new();
    match (&ledger.undo, ledger.finished) {
        (undo, _) if undo.undone => exceptions.push("The run was taken back.".to_owned()),
        (undo, _) if undo.begun => {
            exceptions.push(HALF_TAKEN_BACK.to_owned());
        }
        (_, false) => exceptions.push(NOT_FINISHED.to_owned()),
        (_, true) => {}
    }
    let mut said = BTreeSet::new();
    for held in held_items(plan, ledger) {
        let what = match (&held.variable, held.between) {
            (Some(variable), Some((from, to))) => format!("{variable} from {from} to {to}"),
            (None, Some((from, to))) => format!("records from {from} to {to}"),
            _ => "the device".to_owned(),
        };
        let line = format!("{}: {what} was not carried out: {}", held.name, held.reason);
        if said.insert(line.clone()) {
            exceptions.push(line);
        }
    }
    for action in actions(plan, ledger) {
        let name = &action.name;
        match (action.state, action.acted) {
            (ActionState::Held | ActionState::Doubtful, _) => exceptions.push(format!(
                "The action {name} is still switched off by this run. Choose “Resume” or “Switch them on again” \
                 on its page (holdfastctl resume or release)."
            )),
            (ActionState::SwitchedOn, _) => exceptions.push(format!(
                "The action {name} was switched on by somebody while the run held it; records may have set it off."
            )),
            (_, Some(true)) => exceptions.push(format!(
                "The action {name} acted at about the time when it was held; look at what it did."
            )),
            _ => {}
        }
    }
    for TrippedAction { name, .. } in &plan.header.left_off {
        exceptions.push(format!(
            "The action {name} was on before the damaged run that this one completes, and off when this one was \
             planned: that run may have switched it off. If nobody else did, switch it on again."
        ));
    }
    let names: HashMap<DeviceId, &str> = plan
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Device(item) => Some((item.device, item.name.as_str())),
            Item::Data(_) => None,
        })
        .collect();
    for item in &plan.items {
        let (name, reasons) = match item {
            Item::Device(item) if matches!(item.verdict, Verdict::Blocked | Verdict::Conflict) => {
                (item.name.clone(), &item.reasons)
            }
            Item::Data(item) if item.verdict == Verdict::Blocked => {
                let device = names.get(&item.device).copied().unwrap_or("a device");
                (format!("records of {device} from {} to {}", item.from, item.to), &item.reasons)
            }
            _ => continue,
        };
        let why: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        exceptions.push(format!("{name}: left as it is: {}", why.join("; ")));
    }
    match (proof, proof.and_then(proven)) {
        _ if ledger.undo.begun => {}
        (None, _) => exceptions.push("The run is not proven yet.".to_owned()),
        (Some(proof), Some(false)) => exceptions.push(format!(
            "The proof is not green: {} missing, {} changed, {} doubled, {}{} ranges not carried out.",
            proof.missing,
            proof.changed,
            proof.doubled,
            proof.not_removed_said(),
            proof.not_run
        )),
        (Some(_), None) => {
            exceptions
                .push("Counts agree; content was not compared, so the run is not proven yet.".to_owned());
        }
        (Some(_), Some(true)) => {}
    }
    if let Some(proof) = proof.filter(|proof| proof.source_changed > 0) {
        exceptions.push(format!(
            "The source has changed since the rehearsal, in {} time ranges; what is new there was not moved.",
            proof.source_changed
        ));
    }
    if ledger.finished && ledger.stored < summary.records_missing && ledger.reasons.is_empty() {
        let lacking = summary.records_missing - ledger.stored;
        exceptions.push(format!("{lacking} records were already there when they were to be written."));
    }
    exceptions
}

/// The command that proves the run of this folder.
pub(crate) fn prove_line(folder: &Path, source: &Identity, target: &Identity) -> String {
    format!(
        "holdfastctl prove {} --source {} --source-token-fd 3 --target {} --target-token-fd 4 3<{} 4<{}",
        quoted(&folder.display().to_string()),
        source.origin,
        target.origin,
        "source-token.txt",
        "target-token.txt",
    )
}

/// The command with which a run is taken back.
fn undo_line(folder: &Path, target: &Identity) -> String {
    let folder = quoted(&folder.display().to_string());
    format!("holdfastctl undo {folder} --target {} --target-token-fd 3 3<target-token.txt", target.origin)
}

/// A path as a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

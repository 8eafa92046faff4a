//! The report of a run over resources: for machines, for spreadsheets, and one page for people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tago_api::Time;

use super::kind::{Kind, Mark, Part};
use super::ledger::Ledger;
use super::matching::Why;
use super::plan::{ResourceItem, ResourcePlan, ResourceReason};
use super::prove::{ItemVerdict, ResourceProof, last_proof};
use super::row::Row;
use super::run::past;
use super::undo::{Reversal, Undo, UndoChoices};
use crate::folder;
use crate::journal::SqliteJournal;
use crate::plan::{Seal, Verdict};
use crate::ports::Identity;
use crate::report::{HALF_TAKEN_BACK, ReportError, csv, prove_line, write};
use crate::words::counted;
use crate::worklist::{WorkItem, WorkState, last_worklist};

mod page;

const NOT_FINISHED: &str = "The run is not finished. Resume it (holdfastctl resume).";

/// What a report of a run over resources says, and where its files are.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceReport {
    /// The run's own id.
    pub run: String,
    /// When the report was made.
    pub at: Time,
    /// Where resources came from.
    pub source: Identity,
    /// Where they went.
    pub target: Identity,
    /// The plan's fingerprint, to which approval was given.
    pub fingerprint: Seal,
    /// When the plan was made.
    pub planned_at: Time,
    /// When the run began.
    pub started_at: Time,
    /// When it finished; absent if it has not.
    pub finished_at: Option<Time>,
    /// How many of each type.
    pub counts: BTreeMap<Kind, Counts>,
    /// What the run made; `detail` is what the platform makes anew of such a one.
    pub made: Vec<ReportLine>,
    /// What it changed; `detail` is what of it.
    pub changed: Vec<ReportLine>,
    /// What it held back; `detail` is why.
    pub held: Vec<ReportLine>,
    /// What differs and stays as it is, as the plan said; `detail` is why.
    pub kept: Vec<ReportLine>,
    /// Ids that lead nowhere; `detail` is where they stand.
    pub unresolved: Vec<ReportLine>,
    /// What was made again because its first making had no answer and nobody can look for it: one more of it
    /// may be there, which no screen shows.
    pub unseen: Vec<ReportLine>,
    /// What could not be read in the source.
    pub gaps: Vec<String>,
    /// What is left to do by hand, as it was seen and ticked last.
    pub worklist: Vec<WorkItem>,
    /// What to look at.
    pub exceptions: Vec<String>,
    /// What was taken back; absent if nobody asked for it.
    pub undone: Option<UndoneLines>,
    /// Whether there is a proof and it is green.
    pub proven: Option<bool>,
    /// The proof, as it was made last.
    pub proof: Option<ResourceProof>,
    /// The command with which anybody can repeat the proof.
    pub prove_line: String,
    /// The machine's copy.
    #[serde(skip)]
    pub json: PathBuf,
    /// The page for people.
    #[serde(skip)]
    pub html: PathBuf,
}

/// One resource in a list of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportLine {
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its id in the source.
    pub source: String,
    /// Its id in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What there is to say about it.
    pub detail: String,
}

/// What became of the resources of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// In the plan.
    pub planned: u64,
    /// Made.
    pub made: u64,
    /// Changed.
    pub changed: u64,
    /// Held back.
    pub held: u64,
    /// Different, and left so.
    pub kept: u64,
    /// The same on both sides.
    pub same: u64,
}

/// The three lists of an undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoneLines {
    /// Whether it came to its end.
    pub is_complete: bool,
    /// Taken back; `detail` is what was done to it.
    pub reversed: Vec<ReportLine>,
    /// Left, because somebody changed it since.
    pub changed_since: Vec<ReportLine>,
    /// What cannot be taken back.
    pub impossible: Vec<ReportLine>,
}

/// Writes `report.json`, `report.html`, `ids.csv` and `worklist.csv` from what the run folder holds.
///
/// # Errors
/// See [`ReportError`].
pub fn report(folder: &Path, at: Time) -> Result<ResourceReport, ReportError> {
    let rows = SqliteJournal::read_of::<Row>(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    let proof = last_proof(folder).map_err(ReportError::Proof)?;
    let worklist = last_worklist(folder).map_err(|error| ReportError::Worklist(Box::new(error)))?;
    let mut report = compose(folder, &plan, &ledger, &rows, at);
    report.unseen = unseen(&plan, &ledger);
    report.exceptions = exceptions(&report, &ledger, proof.as_ref(), &worklist);
    report.worklist = worklist;
    report.proven = proof.as_ref().map(|proof| proof.green);
    report.proof = proof;
    report.json = folder.join(folder::REPORT_JSON);
    report.html = folder.join(folder::REPORT_HTML);
    let json = serde_json::to_vec_pretty(&report).unwrap_or_default();
    write(&report.json, &json)?;
    write(&report.html, page::page(&report).as_bytes())?;
    write(&folder.join(folder::IDS_CSV), ids(&report).as_bytes())?;
    write(&folder.join(folder::WORK_CSV), csv::worklist(&report.worklist).as_bytes())?;
    Ok(report)
}

fn compose(
    folder: &Path,
    plan: &ResourcePlan,
    ledger: &Ledger,
    rows: &[(Time, Row)],
    at: Time,
) -> ResourceReport {
    let finished = rows.iter().find(|(_, row)| *row == Row::Finished {}).map(|(at, _)| *at);
    let mut report = ResourceReport {
        run: ledger.run.clone(),
        at,
        source: plan.header.source.clone(),
        target: plan.header.target.clone(),
        fingerprint: plan.fingerprint(),
        planned_at: plan.header.created_at,
        started_at: rows.first().map(|(at, _)| *at).unwrap_or_default(),
        finished_at: finished,
        counts: BTreeMap::new(),
        made: Vec::new(),
        changed: Vec::new(),
        held: Vec::new(),
        kept: Vec::new(),
        unresolved: Vec::new(),
        gaps: Vec::new(),
        worklist: Vec::new(),
        unseen: Vec::new(),
        exceptions: Vec::new(),
        undone: undone(plan, ledger),
        proven: None,
        proof: None,
        prove_line: prove_line(folder, &plan.header.source, &plan.header.target),
        json: PathBuf::new(),
        html: PathBuf::new(),
    };
    for gap in &plan.header.gaps {
        let which = gap.id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        report.gaps.push(format!("{}{which}: {}", gap.kind, gap.reason));
    }
    for (place, item) in (0..).zip(&plan.items) {
        report.take(item, &ledger.of_item(place));
    }
    report
}

impl ResourceReport {
    fn take(&mut self, item: &ResourceItem, progress: &super::ledger::Progress) {
        let counts = self.counts.entry(item.at.kind).or_default();
        counts.planned += 1;
        let target = progress.id.clone().or_else(|| item.target.as_ref().map(|at| at.id.clone()));
        let line = |detail: String| ReportLine {
            kind: item.at.kind,
            name: item.name.clone(),
            source: item.at.id.clone(),
            target: target.clone(),
            detail,
        };
        if let Some(reason) = &progress.held {
            counts.held += 1;
            self.held.push(line(reason.clone()));
        }
        match item.verdict {
            Verdict::Create if progress.id.is_some() => {
                counts.made += 1;
                self.made.push(line(format!("made anew: {}", item.at.kind.renewed())));
            }
            Verdict::Update if progress.done => {
                counts.changed += 1;
                self.changed.push(line(what_changed(item)));
            }
            Verdict::Create | Verdict::Update => {}
            Verdict::Skip => counts.same += 1,
            _ => {
                counts.kept += 1;
                let why: Vec<String> = item.reasons.iter().map(in_words).collect();
                self.kept.push(line(why.join("; ")));
            }
        }
        if progress.made || progress.done {
            let nowhere = item.unresolved.iter();
            self.unresolved.extend(
                nowhere.map(|found| ReportLine { source: found.id.clone(), ..line(found.at.clone()) }),
            );
        }
    }
}

fn what_changed(item: &ResourceItem) -> String {
    let mut what = Vec::new();
    if !item.fields.is_empty() {
        what.push(item.fields.join(", "));
    }
    if item.follows && item.fields.is_empty() {
        what.push("ids of what was made anew".to_owned());
    }
    match (item.at.kind.descriptor().part, item.entries.len()) {
        (_, 0) | (None, _) => {}
        (Some(part), number) => what.push(format!("{number} {}", words(part))),
    }
    what.join("; ")
}

fn undone(plan: &ResourcePlan, ledger: &Ledger) -> Option<UndoneLines> {
    if !ledger.undoing {
        return None;
    }
    let mapping = ledger.mapping(plan);
    let line = |at: super::ports::Address, name: String, detail: String| ReportLine {
        kind: at.kind,
        name,
        target: mapping.ids.get(&at.id).cloned(),
        source: at.id,
        detail,
    };
    let told = Undo::new(plan, ledger.clone(), UndoChoices::default()).told();
    let how = |how| match how {
        Reversal::Deleted => "deleted",
        Reversal::Restored => "fields are what they were",
        Reversal::EntriesRestored => "entries are what they were",
    };
    let lines = |list: Vec<(super::ports::Address, String, String)>| {
        list.into_iter().map(|(at, name, why)| line(at, name, why)).collect()
    };
    let reversed = told.reversed.into_iter().map(|(at, name, did)| line(at, name, how(did).to_owned()));
    Some(UndoneLines {
        is_complete: ledger.undone,
        reversed: reversed.collect(),
        changed_since: lines(told.changed_since),
        impossible: lines(told.impossible),
    })
}

fn exceptions(
    report: &ResourceReport,
    ledger: &Ledger,
    proof: Option<&ResourceProof>,
    worklist: &[WorkItem],
) -> Vec<String> {
    let mut told = Vec::new();
    match &report.undone {
        Some(undone) if undone.is_complete => told.push("The run was taken back.".to_owned()),
        Some(_) => told.push(HALF_TAKEN_BACK.to_owned()),
        None if !ledger.finished => told.push(NOT_FINISHED.to_owned()),
        None => {}
    }
    let about = |line: &ReportLine| format!("{} “{}”", line.kind, line.name);
    told.extend(
        report.held.iter().map(|line| format!("{} was not carried out: {}", about(line), line.detail)),
    );
    told.extend(report.kept.iter().map(|line| format!("{} was left as it is: {}", about(line), line.detail)));
    told.extend(report.unresolved.iter().map(|line| {
        format!("{}: the id {} at {} leads nowhere in the target", about(line), line.source, line.detail)
    }));
    told.extend(report.unseen.iter().map(|line| format!("{}: {}", about(line), line.detail)));
    told.extend(report.gaps.iter().map(|gap| format!("Not readable in the source, so not moved: {gap}")));
    match proof {
        _ if ledger.undoing => {}
        None => told.push("The run is not proven yet.".to_owned()),
        Some(proof) => told.extend(
            proof
                .not_equal
                .iter()
                .filter(|item| item.verdict != ItemVerdict::NotRun)
                .map(|item| format!("{} “{}”: {}", item.at.kind, item.name, item.text)),
        ),
    }
    let open = worklist.iter().filter(|item| item.state == WorkState::Open).count();
    if open > 0 {
        told.push(format!("{open} things are left to do by hand: see “What you must still do”."));
    }
    told
}

/// What may be there once more, without anybody seeing it.
fn unseen(plan: &ResourcePlan, ledger: &Ledger) -> Vec<ReportLine> {
    let made = (0..).zip(&plan.items).filter_map(|(place, item)| {
        let progress = ledger.of_item(place);
        let is_unseen = item.at.kind.descriptor().mark == Mark::None && progress.unfound > 0;
        let unfound = u64::from(progress.unfound);
        is_unseen.then(|| ReportLine {
            kind: item.at.kind,
            name: item.name.clone(),
            source: item.at.id.clone(),
            target: progress.id,
            detail: format!(
                "no answer came to its making ({}), so it was made again, and its dashboard may hold up to {} that no \
                 screen shows. They do no harm, and cannot be found or removed",
                counted(unfound, "time", "times"),
                counted(unfound, "more copy", "more copies")
            ),
        })
    });
    made.collect()
}

/// Old ids and new ones, where they differ.
fn ids(report: &ResourceReport) -> String {
    let mut table = csv::line(&["type", "id in the source", "id in the target", "name"]);
    for line in report.made.iter().chain(&report.changed) {
        let target = line.target.as_deref().unwrap_or_default();
        if target != line.source {
            table.push_str(&csv::line(&[line.kind.as_str(), &line.source, target, &line.name]));
        }
    }
    table
}

fn words(part: Part) -> &'static str {
    match part {
        Part::Params => "parameters",
        Part::Languages => "languages",
        Part::Rows => "rows",
        Part::Script => "script",
    }
}

fn in_words(reason: &ResourceReason) -> String {
    match reason {
        ResourceReason::NoCounterpart => "the target has no counterpart".to_owned(),
        ResourceReason::Matched(why) => {
            let why = match why {
                Why::Chosen => "you said so",
                Why::SameId => "they have the same id",
                Why::SameSerial => "they have the same serial number",
                Why::SameTag => "they have the same tag",
                Why::SameKey => "they have the same key",
                Why::SameName => "they have the same name",
            };
            format!("it has a counterpart: {why}")
        }
        ResourceReason::ManyCounterparts(number) => format!("{number} resources could be its counterpart"),
        ResourceReason::Differs(fields) => format!("these fields differ: {}", fields.join(", ")),
        ResourceReason::LeadsToNew => "it leads to what is made anew".to_owned(),
        ResourceReason::Unchangeable(fields)
            if fields.iter().any(|field| field == "schema" || field == "index") =>
        {
            format!(
                "these differ and stay: {}. Columns and indexes can be added, but the platform takes a column away \
                 only together with what is in it, so no undo could; add what lacks by hand and rehearse again",
                fields.join(", ")
            )
        }
        ResourceReason::Unchangeable(fields) => {
            format!("these fields differ and can only be set at the making: {}", fields.join(", "))
        }
        ResourceReason::Lacks(part, number) => format!("{number} {} are not in the target", words(*part)),
        ResourceReason::OtherEntries(part, number) => {
            format!("{number} {} are others in the target", words(*part))
        }
        ResourceReason::Needs(what) => format!("it needs {what}, which is not there"),
    }
}

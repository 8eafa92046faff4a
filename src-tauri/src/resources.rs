//! Moves of what a project holds beside records: plans that are looked at, runs, and what is remembered of them.

mod comparison;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tago_api::Time;
use tago_migrate::resources::{self as engine, Address, ItemVerdict, ResourceProof, Reversal, Undone, Work};
use tago_migrate::{Control, Figures, Phase, is_half_proven};

pub(crate) use comparison::{Compared, Comparison, choices_of};

use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::migration::{is_damaged, is_planned_again};
use crate::records::Records;
use crate::targets::Targets;
use crate::view::{ResourceNote, ResourceProofView, ResourceRun, ResourceRunState, ResourceUndone, Side};

/// Plans are held in memory; more than these are not looked at any more.
const KEPT_COMPARISONS: usize = 4;

/// What is compared, what runs and what ran.
pub(crate) struct ResourceMoves {
    records: Records<ResourceRecord>,
    comparisons: Mutex<BTreeMap<String, Arc<Comparison>>>,
    running: Mutex<HashMap<String, Arc<LiveMove>>>,
    targets: Arc<Targets>,
}

/// What the shell remembers of a run; the engine's own files lie in the folder of the same name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourceRecord {
    pub(crate) id: String,
    pub(crate) source: Side,
    pub(crate) target: Side,
    pub(crate) source_name: String,
    pub(crate) target_name: String,
    pub(crate) begun_at: Time,
    /// Of the target's limits, in tenths of a percent; what suits it if nothing was said.
    #[serde(default)]
    pub(crate) share: Option<u16>,
    /// Why it does not go on by itself.
    pub(crate) reason: Option<UiError>,
    pub(crate) undone: Option<ResourceUndone>,
}

/// A run, or an undo, of this process.
pub(crate) struct LiveMove {
    pub(crate) record: ResourceRecord,
    pub(crate) control: Control,
    pub(crate) undoes: bool,
    pub(crate) figures: Mutex<Figures>,
}

impl ResourceMoves {
    pub(crate) fn new(folder: PathBuf, targets: Arc<Targets>) -> ResourceMoves {
        let records = Records::new(folder, "run");
        ResourceMoves { records, comparisons: Mutex::default(), running: Mutex::default(), targets }
    }

    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.records.folder().join(id)
    }

    pub(crate) fn keep(&self, comparison: Arc<Comparison>) {
        let mut comparisons = locked(&self.comparisons);
        while comparisons.len() >= KEPT_COMPARISONS {
            if let Some((_, forgotten)) = comparisons.pop_first() {
                forgotten.cancel();
            }
        }
        comparisons.insert(comparison.id.clone(), comparison);
    }

    pub(crate) fn comparison(&self, id: &str) -> Answer<Arc<Comparison>> {
        locked(&self.comparisons).get(id).cloned().ok_or_else(|| {
            UiError::new(ErrorCode::NotFound, "This rehearsal is not kept any more")
                .hint("Rehearse again: what is on both sides may have changed since.")
        })
    }

    pub(crate) fn write(&self, record: &ResourceRecord) -> Answer<()> {
        self.records.write(&record.id, record)
    }

    pub(crate) fn read(&self, id: &str) -> Answer<ResourceRecord> {
        self.records.read(id)
    }

    pub(crate) fn all(&self) -> Vec<ResourceRecord> {
        self.records.all()
    }

    pub(crate) fn live(&self, id: &str) -> Option<Arc<LiveMove>> {
        locked(&self.running).get(id).cloned()
    }

    /// Takes the run's place among those that run, unless its target is written to already.
    pub(crate) fn begin(&self, live: &Arc<LiveMove>) -> Answer<()> {
        let ResourceRecord { id, target, target_name, .. } = &live.record;
        self.targets.take(&target.project, target_name, id)?;
        locked(&self.running).insert(id.clone(), live.clone());
        Ok(())
    }

    pub(crate) fn end(&self, id: &str) {
        locked(&self.running).remove(id);
        self.targets.free(id);
    }

    /// Sends nothing more; the journal knows what is open.
    pub(crate) fn stop(&self) {
        locked(&self.running).values().for_each(|live| live.control.stop());
    }

    /// A run as its files tell it, and as far as it is known to be.
    pub(crate) fn view(&self, record: ResourceRecord) -> ResourceRun {
        let live = self.live(&record.id);
        let folder = self.folder(&record.id);
        let status = engine::status(&folder);
        let figures = live.as_ref().map(|live| locked(&live.figures).clone()).unwrap_or_default();
        let proof = engine::last_proof(&folder).unwrap_or_else(|error| {
            tracing::warn!(record.id, %error, "the proof cannot be read");
            None
        });
        let planned_again = is_planned_again(&folder);
        let state = match (&live, &status) {
            (Some(live), _) if live.undoes => ResourceRunState::Undoing,
            (Some(_), _) if figures.phase == Phase::Proving => ResourceRunState::Proving,
            (Some(_), _) => ResourceRunState::Running,
            (None, _) if planned_again => ResourceRunState::PlannedAgain,
            (None, Err(_)) => ResourceRunState::Failed,
            (None, Ok(status)) if status.undone => ResourceRunState::Undone,
            (None, Ok(status)) if status.finished => match &proof {
                Some(proof) if !proof.green => ResourceRunState::DoneWithExceptions,
                _ => ResourceRunState::Done,
            },
            (None, Ok(_)) => ResourceRunState::Paused,
        };
        let mut view = ResourceRun {
            id: record.id,
            source: record.source,
            target: record.target,
            source_name: record.source_name,
            target_name: record.target_name,
            state,
            reason: record.reason,
            begun_at: record.begun_at.into(),
            done: figures.items_done.into(),
            total: figures.items_total.into(),
            made: Vec::new(),
            changed: Vec::new(),
            held: Vec::new(),
            unresolved: Vec::new(),
            proof: proof.map(proof_view),
            half_proven: live.is_none() && is_half_proven(&folder),
            undone: record.undone,
            damaged: live.is_none()
                && (planned_again || status.as_ref().is_err_and(|error| is_damaged(error, &folder))),
        };
        match status {
            Ok(status) => {
                let notes = |list: Vec<(Address, String, String)>| {
                    list.into_iter().map(|(at, detail, name)| note(&at, name, detail)).collect()
                };
                view.made = notes(status.made);
                view.changed = notes(status.changed);
                view.held = notes(status.held);
                let nowhere = status.unresolved.into_iter();
                view.unresolved = nowhere.map(|(at, found)| note(&at, at.id.clone(), found.at)).collect();
            }
            // A run that has only just begun has written nothing yet.
            Err(_) if live.is_some() => {}
            Err(_) if planned_again => view.reason = None,
            // What stopped it once says nothing about a journal that cannot be read now.
            Err(error) => {
                let told = UiError::from(error);
                let never_begun = told.code == ErrorCode::NotFound;
                view.reason = view.reason.filter(|_| never_begun && !view.damaged).or(Some(told));
            }
        }
        view
    }
}

fn proof_view(proof: ResourceProof) -> ResourceProofView {
    let not_equal = proof.not_equal.into_iter().filter(|item| item.verdict != ItemVerdict::Equal);
    ResourceProofView {
        green: proof.green,
        checked_at: proof.at.into(),
        items: proof.items.into(),
        items_green: proof.items_green.into(),
        changed_since: proof.changed_since.into(),
        differing: proof.differing.into(),
        not_run: proof.not_run.into(),
        read_in_source: proof.read_in_source.into(),
        not_equal: not_equal.map(|item| note(&item.at, item.name, item.text)).collect(),
    }
}

fn note(at: &Address, name: String, detail: String) -> ResourceNote {
    ResourceNote { kind: at.kind.as_str().to_owned(), name, detail }
}

fn work_word(work: Work) -> &'static str {
    match work {
        Work::EnterSecret => "enter_secret",
        Work::NewPassword => "new_password",
        Work::HandOutToken => "hand_out_token",
        Work::UploadScript => "upload_script",
        Work::CheckScript => "check_script",
        Work::Activate => "activate",
        Work::MoveSerial => "move_serial",
        Work::CheckParser => "check_parser",
    }
}

/// What came of an undo, as the window shows it and the record keeps it.
pub(crate) fn undone_view(undone: Undone) -> ResourceUndone {
    let reversal = |how| match how {
        Reversal::Deleted => "deleted",
        Reversal::Restored => "restored",
        Reversal::EntriesRestored => "entries_restored",
    };
    let notes = |list: Vec<(Address, String, String)>| {
        list.into_iter().map(|(at, name, why)| note(&at, name, why)).collect()
    };
    let reversed = undone.reversed.into_iter();
    ResourceUndone {
        reversed: reversed.map(|(at, name, how)| note(&at, name, reversal(how).into())).collect(),
        kept: notes(undone.changed_since),
        impossible: notes(undone.impossible),
    }
}

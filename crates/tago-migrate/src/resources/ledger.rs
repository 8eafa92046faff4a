//! What a journal knows: the fold of its rows.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, is_as_left};
use super::kind::{Kind, Part};
use super::plan::ResourcePlan;
use super::remap::Mapping;
use super::row::{Row, Stays};
use crate::journal::Was;
use crate::plan::Seal;

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) run: String,
    pub(crate) fingerprint: Option<Seal>,
    pub(crate) items: BTreeMap<u32, Progress>,
    pub(crate) finished: bool,
    /// Effects in the order in which they were begun.
    pub(crate) effects: Vec<Effect>,
    pub(crate) undoing: bool,
    pub(crate) undone: bool,
    pub(crate) acts: BTreeMap<u32, ActProgress>,
}

/// How far one resource is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Its id in the target, if this run made it.
    pub(crate) id: Option<String>,
    /// What looked like it before.
    pub(crate) known: BTreeSet<String>,
    /// What was sent to make it, field by field, if nothing else tells it. Older journals do not say.
    pub(crate) sent: Option<BTreeMap<String, Seal>>,
    /// Its making began and may have happened.
    pub(crate) making: bool,
    /// How often its making had no answer, and was not found to have happened.
    pub(crate) unfound: u32,
    /// Something was sent since it was last read, and may have happened.
    pub(crate) touched: bool,
    /// The last that was sent is in doubt.
    pub(crate) doubt: bool,
    pub(crate) left: Option<Seal>,
    /// Entries that the platform itself gave to what this run made.
    pub(crate) found: BTreeMap<String, Seal>,
    pub(crate) made: bool,
    pub(crate) done: bool,
    pub(crate) held: Option<String>,
}

/// Something that was, or may have been, done to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) item: u32,
    pub(crate) what: What,
    pub(crate) was: Option<Was>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Create,
    /// Older journals do not say what it leaves.
    Edit {
        kept: Option<Seal>,
        fields: Vec<String>,
        leaves: Option<BTreeMap<String, Seal>>,
    },
    Entries {
        part: Part,
        kept: Option<Seal>,
        entries: BTreeMap<String, Seal>,
    },
}

/// How far an act of the undo is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActProgress {
    /// What it is once nothing forbids to delete it.
    pub(crate) unlocked: Option<Seal>,
    pub(crate) doubt: bool,
    /// An attempt of the undo that is over may have changed it.
    tried: bool,
    pub(crate) reversed: bool,
    pub(crate) kept: Option<(Stays, String)>,
}

impl ActProgress {
    /// Whether the undo itself may have changed it.
    pub(crate) fn is_tried(&self) -> bool {
        self.tried || self.doubt
    }
}

impl Effect {
    /// Whether it certainly did not happen.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.was, Some(Was::NotReceived | Was::Absent))
    }
}

impl Ledger {
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Result<Ledger, String> {
        let mut ledger = Ledger::default();
        for row in rows {
            ledger.take(row)?;
        }
        Ok(ledger)
    }

    pub(crate) fn take(&mut self, row: &Row) -> Result<(), String> {
        match row {
            Row::Begun { run, fingerprint } => {
                self.run.clone_from(run);
                self.fingerprint = Some(fingerprint.clone());
            }
            Row::Session {} => {
                for progress in self.items.values_mut() {
                    progress.doubt |= progress.making || progress.touched && !progress.done;
                }
            }
            Row::CreateIntent { item, known, sent } => {
                let progress = self.item(*item);
                progress.sent.clone_from(sent);
                progress.known.clone_from(known);
                progress.making = true;
                self.begun(*item, What::Create);
            }
            Row::CreateOutcome { item, was, id } => {
                self.ended(*item, *was, "create_outcome")?;
                let progress = self.item(*item);
                progress.unfound += u32::from(*was == Was::Absent);
                progress.making = *was == Was::Doubtful;
                progress.doubt = *was == Was::Doubtful;
                if id.is_some() {
                    progress.id.clone_from(id);
                }
            }
            Row::EditIntent { item, kept, fields, leaves } => {
                self.item(*item).touched = true;
                let (kept, fields, leaves) = (kept.clone(), fields.clone(), leaves.clone());
                self.begun(*item, What::Edit { kept, fields, leaves });
            }
            Row::EntriesIntent { item, part, kept, entries } => {
                self.item(*item).touched = true;
                let what = What::Entries { part: *part, kept: kept.clone(), entries: entries.clone() };
                self.begun(*item, what);
            }
            Row::EditOutcome { item, was } | Row::EntriesOutcome { item, was } => {
                self.ended(*item, *was, "outcome")?;
                let progress = self.item(*item);
                progress.doubt = *was == Was::Doubtful;
                if matches!(was, Was::NotReceived | Was::Absent) {
                    progress.touched = false;
                }
            }
            Row::Left { item, seal, found } => {
                let progress = self.item(*item);
                progress.left = Some(seal.clone());
                progress.found.extend(found.clone());
                progress.touched = false;
                progress.doubt = false;
            }
            Row::Made { item } => self.item(*item).made = true,
            Row::Done { item } => self.item(*item).done = true,
            Row::Held { item, reason } => self.item(*item).held = Some(reason.clone()),
            Row::Suspended { .. } => {}
            Row::Finished {} => self.finished = true,
            Row::UndoBegun {} => self.undoing = true,
            Row::Unlocking { act, seal } => {
                self.acts.entry(*act).or_default().unlocked = Some(seal.clone());
            }
            Row::UndoIntent { act } => {
                let progress = self.acts.entry(*act).or_default();
                progress.tried |= progress.doubt;
                progress.doubt = true;
            }
            Row::UndoOutcome { act, was } => {
                let progress = self.acts.entry(*act).or_default();
                progress.tried |= *was != Was::NotReceived;
                progress.doubt = *was == Was::Doubtful;
            }
            Row::Reversed { act } => self.acts.entry(*act).or_default().reversed = true,
            Row::Kept { act, why, reason } => {
                self.acts.entry(*act).or_default().kept = Some((*why, reason.clone()));
            }
            Row::Undone {} => self.undone = true,
        }
        Ok(())
    }

    fn item(&mut self, item: u32) -> &mut Progress {
        self.items.entry(item).or_default()
    }

    pub(crate) fn of_item(&self, item: u32) -> Progress {
        self.items.get(&item).cloned().unwrap_or_default()
    }

    /// Which ids of the source are which in the target, with those that this run made.
    pub(crate) fn mapping(&self, plan: &ResourcePlan) -> Mapping {
        let mut mapping = plan.mapping();
        for (place, item) in (0..).zip(&plan.items) {
            if let Some(id) = self.items.get(&place).and_then(|progress| progress.id.clone()) {
                mapping.ids.insert(item.at.id.clone(), id);
            }
        }
        mapping
    }

    /// Whether a resource is what the last that was sent was to make of it.
    pub(crate) fn is_as_edited(&self, item: u32, kind: Kind, there: &Document) -> bool {
        let last = self.effects.iter().rev().find(|effect| effect.item == item);
        match last.map(|effect| &effect.what) {
            Some(What::Edit { leaves, .. }) => {
                leaves.as_ref().is_none_or(|leaves| is_as_left(kind, leaves, there))
            }
            // Its document tells of its part, and says something else once that is written.
            Some(What::Entries { .. }) => !kind.descriptor().covered.is_empty(),
            _ => false,
        }
    }

    /// Whether such an entry is one that this run may have written, or that the platform put into what it made.
    pub(crate) fn is_own(&self, item: u32, key: &str, entry: &Seal) -> bool {
        let found = self.items.get(&item).and_then(|progress| progress.found.get(key));
        found == Some(entry) || self.sent(item, key).any(|sent| sent == entry)
    }

    /// What this run wrote, or may have written, under the key of an entry.
    pub(crate) fn sent<'a>(&'a self, item: u32, key: &'a str) -> impl Iterator<Item = &'a Seal> {
        let effects = self.effects.iter().filter(move |effect| effect.item == item && !effect.is_nothing());
        effects.filter_map(move |effect| match &effect.what {
            What::Entries { entries, .. } => entries.get(key),
            _ => None,
        })
    }

    fn begun(&mut self, item: u32, what: What) {
        self.effects.push(Effect { item, what, was: None });
    }

    fn ended(&mut self, item: u32, was: Was, row: &str) -> Result<(), String> {
        let last = self.effects.iter_mut().rev().find(|effect| effect.item == item);
        let effect = last.ok_or_else(|| format!("{row} of item {item} without an intent"))?;
        effect.was = Some(was);
        Ok(())
    }
}

//! The run as a pure state machine: [`step`] takes what happened and answers what to do. It waits for
//! nothing, asks nobody and knows no clock. Actions are carried out in their order: a row is durable
//! before the next action begins.
//!
//! Every resource is read before anything is done about it, and again after: what is left to do follows
//! from what is there, never from what was believed to be sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

mod sending;

use super::document::{Document, MARKER, TAGS, carried, differences, edit, field_seals, merged_tags, seal};
use super::kind::{Kind, Mark, Part};
use super::ledger::{Ledger, Progress, What};
use super::plan::{Conflict, EntrySeals, ResourceItem, ResourcePlan, entry_with};
use super::ports::{Address, Entries};
use super::remap::{Mapping, blueprint_ids, ids_in, remap, remap_text};
use super::row::Row;
use super::scan::{entry_seal, is_blank, part_difference};
use crate::control::Wish;
use crate::journal::Was;
use crate::plan::{Seal, Verdict};
use crate::ports::{PortError, WriteError};
use crate::run::{Ending, Halt, Side};

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    Start,
    Tick,
    Wish(Wish),
    /// The limits of the target allow the request now.
    Permitted(u32),
    /// A resource on both sides.
    Read {
        item: u32,
        result: Result<Pair, (Side, PortError)>,
    },
    /// What of the target looks like it.
    Looked {
        item: u32,
        result: Result<Vec<(Address, Document)>, PortError>,
    },
    /// What was there before is on the disk.
    Kept {
        item: u32,
        result: Result<Seal, KeepError>,
    },
    /// What became of a write; the new id if something was made.
    Worked {
        item: u32,
        result: Result<Option<String>, WriteError>,
    },
}

/// Why what was there before could not be kept.
#[derive(Debug)]
pub(crate) enum KeepError {
    Port(PortError),
    Storage(String),
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    Journal(Row),
    Permit(u32),
    Read { item: u32, target: Option<Address> },
    Look { item: u32, kind: Kind, name: String, marker: String },
    Keep { item: u32, what: Value, content_of: Option<Address> },
    Work { item: u32, work: Work },
    Fault(String),
    Finish(Ending),
}

/// A write. `content` is where the bytes of a file or a script come from, and their hash.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Create { kind: Kind, parent: Option<String>, fields: Document, content: Option<Content> },
    Edit { at: Address, fields: Document, content: Option<Content>, there: Document },
    Write { at: Address, part: Part, entries: Entries, there: Entries, content: Option<Content> },
    Remove { at: Address, part: Part, entries: Entries },
    Delete { at: Address },
}

/// Bytes that are fetched when they are sent.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Source { at: Address, sha256: String },
    Kept { seal: Seal },
}

/// One side's view of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) document: Document,
    pub(crate) entries: Entries,
}

/// A resource on both sides.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) source: Seen,
    pub(crate) target: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    pub(crate) lanes: usize,
    pub(crate) late_commit_bound: Duration,
    pub(crate) patience: Duration,
}

pub(crate) struct State {
    plan: Arc<ResourcePlan>,
    config: Config,
    pub(crate) ledger: Ledger,
    mapping: Mapping,
    /// Ids of the source that this run will make.
    to_make: BTreeMap<String, u32>,
    /// Blueprint devices of dashboards in the source, by dashboard.
    local: BTreeMap<String, BTreeSet<String>>,
    active: BTreeMap<u32, Stage>,
    sleeping: BTreeMap<u32, Duration>,
    attempts: BTreeMap<u32, u32>,
    /// When the target was last looked at.
    seen_at: BTreeMap<u32, Duration>,
    /// The limits have let a change of these through that is not made yet.
    admitted: BTreeSet<u32>,
    /// What was there, by its hash, and what it is kept as.
    kept: BTreeMap<u32, (Seal, Seal)>,
    /// What this session made and has not seen since.
    unseen: BTreeSet<u32>,
    wish: Wish,
    closing: Option<Ending>,
    silent_since: Option<Duration>,
}

enum Stage {
    Reading,
    Looking,
    WantsPermit(Box<Work>, Row),
    /// Looks for what is there already before something is made.
    LookingFirst(Box<Work>),
    /// The hash tells what is being kept.
    Keeping(Box<Work>, Row, Seal),
    Working(&'static str),
}

/// Rows of an entity in one request.
const ROWS: usize = 100;

/// The one transition function.
pub(crate) fn step(mut state: State, now: Duration, event: Event) -> (State, Vec<Action>) {
    let mut turn = Turn { state: &mut state, now, actions: Vec::new() };
    turn.take(event);
    turn.schedule();
    turn.close();
    let actions = turn.actions;
    (state, actions)
}

impl State {
    /// The state that follows from a journal. `local` are the blueprint devices of each dashboard.
    pub(crate) fn new(plan: Arc<ResourcePlan>, config: Config, ledger: Ledger) -> State {
        let mut mapping = plan.mapping();
        let mut to_make = BTreeMap::new();
        for (place, item) in (0..).zip(&plan.items) {
            if item.verdict != Verdict::Create {
                continue;
            }
            match ledger.items.get(&place).and_then(|progress| progress.id.clone()) {
                Some(id) => drop(mapping.ids.insert(item.at.id.clone(), id)),
                None => drop(to_make.insert(item.at.id.clone(), place)),
            }
        }
        State {
            plan,
            config,
            ledger,
            mapping,
            to_make,
            local: BTreeMap::new(),
            active: BTreeMap::new(),
            sleeping: BTreeMap::new(),
            attempts: BTreeMap::new(),
            seen_at: BTreeMap::new(),
            admitted: BTreeSet::new(),
            kept: BTreeMap::new(),
            unseen: BTreeSet::new(),
            wish: Wish::Run,
            closing: None,
            silent_since: None,
        }
    }

    /// When to bring [`Event::Tick`] at the latest.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        match (self.wish, &self.closing) {
            (Wish::Run, None) => self.sleeping.values().min().copied(),
            _ => None,
        }
    }

    /// Items that are over, and all of them.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let over = (0..).zip(&self.plan.items).filter(|(place, item)| self.is_over(*place, item)).count();
        (over as u64, self.plan.items.len() as u64)
    }

    fn is_over(&self, place: u32, item: &ResourceItem) -> bool {
        !item.acts()
            || self.ledger.items.get(&place).is_some_and(|progress| progress.done || progress.held.is_some())
    }

    fn is_made(&self, place: u32, item: &ResourceItem) -> bool {
        self.is_over(place, item) || self.ledger.items.get(&place).is_some_and(|progress| progress.made)
    }

    fn item(&self, place: u32) -> ResourceItem {
        self.plan.items[place as usize].clone()
    }
}

struct Turn<'a> {
    state: &'a mut State,
    now: Duration,
    actions: Vec<Action>,
}

impl Turn<'_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::Start => {
                self.journal(Row::Session {});
                let doubtful: Vec<u32> = self
                    .state
                    .ledger
                    .items
                    .iter()
                    .filter(|(_, progress)| progress.doubt && !progress.done && progress.held.is_none())
                    .map(|(item, _)| *item)
                    .collect();
                for item in doubtful {
                    self.state.sleeping.insert(item, self.now + self.state.config.late_commit_bound);
                }
            }
            Event::Tick => {}
            Event::Wish(wish) => {
                self.state.wish = wish;
                self.state.admitted.clear();
            }
            Event::Permitted(item) => self.permitted(item),
            Event::Read { item, result } => self.read(item, result),
            Event::Looked { item, result } => self.looked(item, result),
            Event::Kept { item, result } => self.kept(item, result),
            Event::Worked { item, result } => self.worked(item, result),
        }
    }

    fn schedule(&mut self) {
        let now = self.now;
        self.state.sleeping.retain(|_, until| *until > now);
        if self.state.wish != Wish::Run || self.state.closing.is_some() {
            return;
        }
        let plan = Arc::clone(&self.state.plan);
        let all_made = (0..).zip(&plan.items).all(|(place, item)| self.state.is_made(place, item));
        for (place, item) in (0..).zip(&plan.items) {
            if self.state.active.len() >= self.state.config.lanes.max(1) {
                return;
            }
            let is_free =
                !self.state.active.contains_key(&place) && !self.state.sleeping.contains_key(&place);
            if !is_free || self.state.is_over(place, item) {
                continue;
            }
            let made = self.state.is_made(place, item);
            if made && !all_made || !made && !self.may_be_made(place, item) {
                continue;
            }
            self.begin(place, item);
        }
    }

    /// What it needs is there, or will not come.
    fn may_be_made(&self, place: u32, item: &ResourceItem) -> bool {
        if item.verdict != Verdict::Create {
            return true;
        }
        let kind = item.at.kind;
        if kind == Kind::File {
            let pending = |id: &str| self.state.to_make.get(id).is_some_and(|maker| *maker != place);
            return ids_in(&item.at.id).all(|(_, id)| !pending(id));
        }
        let needs = kind.descriptor().needs;
        let waits_for = |(other, earlier): (u32, &ResourceItem)| {
            needs.contains(&earlier.at.kind)
                && (kind != Kind::Widget || Some(&earlier.at.id) == item.at.parent.as_ref())
                && earlier.verdict == Verdict::Create
                && !self.state.is_over(other, earlier)
                && self.state.ledger.items.get(&other).is_none_or(|progress| progress.id.is_none())
        };
        !(0..).zip(&self.state.plan.items).take(place as usize).any(waits_for)
    }

    fn begin(&mut self, place: u32, item: &ResourceItem) {
        let progress = self.state.ledger.of_item(place);
        if progress.making && progress.id.is_none() {
            let row = item.at.kind.descriptor();
            if row.mark == Mark::None {
                // Nothing arranges it, so nobody can see it; another one is made.
                self.journal(Row::CreateOutcome { item: place, was: Was::Absent, id: None });
            } else {
                self.state.active.insert(place, Stage::Looking);
                return self.look(place, item);
            }
        }
        self.state.active.insert(place, Stage::Reading);
        let target = self.target_of(item, &self.state.ledger.of_item(place));
        self.actions.push(Action::Read { item: place, target });
    }

    fn look(&mut self, place: u32, item: &ResourceItem) {
        let kind = item.at.kind;
        let name = match (kind, &item.key) {
            (Kind::File, _) => self.path(item),
            (_, Some(key)) => key.clone(),
            (_, None) => item.name.clone(),
        };
        let marker = self.marker(item);
        self.actions.push(Action::Look { item: place, kind, name, marker });
    }

    fn path(&self, item: &ResourceItem) -> String {
        remap_text(&item.at.id, &self.state.mapping)
    }

    fn target_of(&self, item: &ResourceItem, progress: &Progress) -> Option<Address> {
        match item.verdict {
            Verdict::Create => progress.id.as_ref().map(|id| Address {
                kind: item.at.kind,
                parent: self.parent(item),
                id: id.clone(),
            }),
            _ => item.target.clone(),
        }
    }

    fn parent(&self, item: &ResourceItem) -> Option<String> {
        let parent = item.at.parent.as_ref()?;
        Some(self.state.mapping.ids.get(parent).unwrap_or(parent).clone())
    }

    fn marker(&self, item: &ResourceItem) -> String {
        format!("{}:{}", self.state.ledger.run, item.at.id)
    }

    fn read(&mut self, place: u32, result: Result<Pair, (Side, PortError)>) {
        let pair = match result {
            Ok(pair) => pair,
            Err((side, cause)) => return self.cannot_read(place, side, cause),
        };
        self.state.seen_at.insert(place, self.now);
        let item = self.state.item(place);
        let kind = item.at.kind;
        let progress = self.state.ledger.of_item(place);
        if kind == Kind::Dashboard {
            self.state.local.insert(item.at.id.clone(), blueprint_ids(&pair.source.document));
        }
        if seal(kind, &pair.source.document) != item.source_seal
            || has_other_entries(&item, &pair.source.entries)
        {
            return self.hold(place, "it is not in the source as it was at the rehearsal; rehearse again");
        }
        match pair.target {
            None if item.verdict == Verdict::Create && progress.id.is_none() => {
                self.begin_making(place, &item, &pair.source);
            }
            None => self.hold(place, "it is not on the target any more"),
            Some(target) => self.go_on(place, &item, &progress, &pair.source, &target),
        }
    }

    fn begin_making(&mut self, place: u32, item: &ResourceItem, source: &Seen) {
        if item.at.parent.as_ref().is_some_and(|parent| {
            self.state.to_make.contains_key(parent) || !self.state.mapping.ids.contains_key(parent)
        }) {
            return self.hold(place, "its dashboard was not made");
        }
        let work = self.making(item, source);
        self.want_permit(place, work, Row::CreateIntent { item: place, known: BTreeSet::new(), sent: None });
    }

    fn making(&self, item: &ResourceItem, source: &Seen) -> Work {
        let kind = item.at.kind;
        let row = kind.descriptor();
        let mut fields = self.wanted(item, &source.document);
        fields
            .retain(|field, _| !row.late.contains(&field.as_str()) && !row.covered.contains(&field.as_str()));
        if row.rests {
            fields.insert("active".to_owned(), json!(false));
        }
        if row.mark == Mark::Tag {
            let mut tags = fields.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
            tags.truncate(TAGS - 1);
            tags.push(json!({ "key": MARKER, "value": self.marker(item) }));
            fields.insert("tags".to_owned(), Value::Array(tags));
        }
        let content = content_of(item, &fields);
        if kind == Kind::File {
            fields.insert("path".to_owned(), self.path(item).into());
        }
        Work::Create { kind, parent: self.parent(item), fields, content }
    }

    /// What the target is to have.
    fn wanted(&self, item: &ResourceItem, source: &Document) -> Document {
        let empty = BTreeSet::new();
        let dashboard = item.at.parent.as_ref().unwrap_or(&item.at.id);
        let local = self.state.local.get(dashboard).unwrap_or(&empty);
        remap(item.at.kind, &carried(item.at.kind, source), &self.state.mapping, local).0
    }

    /// It is there: what is left to do about it.
    fn go_on(&mut self, place: u32, item: &ResourceItem, progress: &Progress, source: &Seen, target: &Seen) {
        let kind = item.at.kind;
        let row = kind.descriptor();
        let now = seal(kind, &target.document);
        let Some(at) = self.target_of(item, progress) else {
            return self.hold(place, "it is not on the target any more");
        };
        let expected = progress.left.as_ref().or(item.target_seal.as_ref());
        let is_expected = expected.is_none_or(|expected| *expected == now);
        // What was just acknowledged is taken as it is; after a crash or without an answer it may be anybody's.
        let is_own = progress.touched
            && (!progress.doubt || self.state.ledger.is_as_edited(place, kind, &target.document));
        if !is_expected && !is_own {
            return self.hold(place, "somebody changed it on the target since; rehearse again");
        }
        let wanted = self.wanted(item, &source.document);
        let there = carried(kind, &target.document);
        let fields: Vec<String> =
            if progress.made { self.lacking_fields(item, &wanted, &there) } else { Vec::new() };
        if progress.touched || progress.left.is_none() {
            if progress.doubt {
                let is_as_before = !fields.is_empty() && expected == Some(&now);
                let row = self.looked_for(place, is_as_before, target);
                self.journal(row);
            }
            let found = match row.part {
                Some(part) if self.state.unseen.remove(&place) => seals(part, &target.entries),
                _ => BTreeMap::new(),
            };
            self.journal(Row::Left { item: place, seal: now, found });
        }
        if let Some(part) = row.part {
            let lacking = self.lacking_entries(item, part, source, target, progress.made);
            if lacking.keys().any(|key| self.is_foreign(place, item, part, key, target)) {
                return self.hold(place, "somebody changed it on the target since; rehearse again");
            }
            if !lacking.is_empty() {
                let (work, intent) = writing(place, item, part, at, lacking, target);
                return self.ask(place, work, intent);
            }
        }
        if !progress.made {
            self.journal(Row::Made { item: place });
            self.state.active.remove(&place);
            self.state.attempts.remove(&place);
            return;
        }
        if fields.is_empty() {
            self.state.active.remove(&place);
            return self.journal(Row::Done { item: place });
        }
        let mut wanted = wanted;
        if item.conflict == Conflict::MergeTags && !item.follows {
            let null = Value::Null;
            let merged = merged_tags(wanted.get("tags").unwrap_or(&null), there.get("tags").unwrap_or(&null));
            wanted.insert("tags".to_owned(), merged);
        }
        let changed = edit(kind, &fields, &wanted, &there);
        let content = content_of(item, &changed);
        let mut left = target.document.clone();
        left.extend(changed.clone());
        let leaves = Some(field_seals(kind, &left));
        let intent = Row::EditIntent { item: place, kept: None, fields, leaves };
        let keep = json!({ "document": target.document });
        let replaced = content.is_some().then(|| at.clone());
        let there = target.document.clone();
        self.ask_keeping(place, Work::Edit { at, fields: changed, content, there }, intent, keep, replaced);
    }

    /// What became of the last that was sent, now that it must have arrived.
    fn looked_for(&self, place: u32, is_as_before: bool, target: &Seen) -> Row {
        let sent = self.state.ledger.effects.iter().rev().find(|effect| effect.item == place);
        let was = |is_there| if is_there { Was::Found } else { Was::Absent };
        match sent.map(|effect| &effect.what) {
            // Of those that it wrote together none may be left out.
            Some(What::Entries { part, entries, .. }) => {
                let is_there = |(key, sent): (&String, &Seal)| {
                    target.entries.get(key).is_some_and(|there| holds(*part, there, sent))
                };
                Row::EntriesOutcome { item: place, was: was(entries.iter().any(is_there)) }
            }
            _ => Row::EditOutcome { item: place, was: was(!is_as_before) },
        }
    }

    fn lacking_fields(&self, item: &ResourceItem, wanted: &Document, there: &Document) -> Vec<String> {
        let row = item.at.kind.descriptor();
        if item.follows {
            let differing = differences(row, wanted, there);
            return differing.into_iter().filter(|field| row.is_editable(field)).collect();
        }
        if item.conflict == Conflict::MergeTags && row.is_editable("tags") {
            let null = Value::Null;
            let mine = there.get("tags").unwrap_or(&null);
            let merged = merged_tags(wanted.get("tags").unwrap_or(&null), mine);
            if !super::document::same(Some(&merged), Some(mine)) {
                return vec!["tags".to_owned()];
            }
        }
        Vec::new()
    }

    /// Entries that lead to what is still to be made wait until it is.
    fn lacking_entries(
        &self,
        item: &ResourceItem,
        part: Part,
        source: &Seen,
        target: &Seen,
        all_made: bool,
    ) -> Entries {
        let wanted: Entries = source
            .entries
            .iter()
            .map(|(key, entry)| (key.clone(), entry_with(entry, &self.state.mapping)))
            .collect();
        let difference = part_difference(part, &wanted, &target.entries);
        let mut lacking = difference.absent;
        lacking.extend(difference.other);
        // What nobody approved is left.
        lacking.retain(|key, entry| {
            item.entries.contains(key) && (all_made || !names_any(entry, &self.state.to_make))
        });
        lacking
    }

    /// Whether an entry is neither what it was at the rehearsal nor what the run or the platform made of it.
    fn is_foreign(&self, place: u32, item: &ResourceItem, part: Part, key: &str, target: &Seen) -> bool {
        let Some(planned) = item.entry_seals.get(key) else { return false };
        let there = target.entries.get(key);
        let now = there.map(|entry| entry_seal(part, entry));
        if now == planned.target {
            return false;
        }
        let ledger = &self.state.ledger;
        // What this session has just sent and the target does not keep is sent again, a few times.
        let was_tried = self.state.attempts.get(&place).is_some_and(|attempts| *attempts > 0)
            && ledger.sent(place, key).next().is_some();
        let is_own = there.zip(now.as_ref()).is_some_and(|(entry, now)| {
            ledger.is_own(place, key, now) || planned.target.is_none() && is_blank(part, entry)
        });
        !was_tried && !is_own
    }

    fn hold(&mut self, place: u32, reason: &str) {
        self.state.active.remove(&place);
        // What waits for it has nothing to wait for.
        let old = self.state.plan.items[place as usize].at.id.clone();
        self.state.to_make.remove(&old);
        self.journal(Row::Held { item: place, reason: reason.to_owned() });
    }

    fn halt(&mut self, halt: Halt) {
        self.state.closing.get_or_insert(Ending::Halted(halt));
    }

    fn journal(&mut self, row: Row) {
        if let Err(detail) = self.state.ledger.take(&row) {
            self.actions.push(Action::Fault(detail));
        }
        self.actions.push(Action::Journal(row));
    }

    fn close(&mut self) {
        let waits = self.state.active.values().any(|stage| !matches!(stage, Stage::WantsPermit(..)));
        if waits {
            return;
        }
        let is_over = self.state.active.is_empty()
            && (0..).zip(&self.state.plan.items).all(|(place, item)| self.state.is_over(place, item));
        if is_over && !self.state.ledger.finished {
            self.journal(Row::Finished {});
            self.actions.push(Action::Finish(Ending::Finished));
        } else if let Some(ending) = self.state.closing.clone() {
            let reason = match &ending {
                Ending::Halted(halt) => halt.to_string(),
                _ => "stopped".to_owned(),
            };
            self.journal(Row::Suspended { reason });
            self.actions.push(Action::Finish(ending));
        } else if self.state.wish == Wish::Stop {
            self.journal(Row::Suspended { reason: "stopped by its owner".to_owned() });
            self.actions.push(Action::Finish(Ending::Stopped));
        }
    }
}

/// Whether the source has an entry otherwise than at the rehearsal.
fn has_other_entries(item: &ResourceItem, source: &Entries) -> bool {
    let Some(part) = item.at.kind.descriptor().part else { return false };
    let is_other = |(key, planned): (&String, &EntrySeals)| {
        source.get(key).is_none_or(|entry| entry_seal(part, entry) != planned.source)
    };
    item.entry_seals.iter().any(is_other)
}

/// The request that writes what is lacking, or the first of it.
fn writing(
    place: u32,
    item: &ResourceItem,
    part: Part,
    at: Address,
    lacking: Entries,
    target: &Seen,
) -> (Work, Row) {
    let many = if part == Part::Languages { 1 } else { ROWS };
    let lacking: Entries = lacking.into_iter().take(many).collect();
    let there: Entries =
        lacking.keys().filter_map(|key| Some((key.clone(), target.entries.get(key)?.clone()))).collect();
    let sha256 = |entry: &Value| entry["sha256"].as_str().map(str::to_owned);
    let content = (part == Part::Script)
        .then(|| lacking.values().next().and_then(sha256))
        .flatten()
        .map(|sha256| Content::Source { at: item.at.clone(), sha256 });
    let intent = Row::EntriesIntent { item: place, part, kept: None, entries: seals(part, &lacking) };
    (Work::Write { at, part, entries: lacking, there, content }, intent)
}

fn names_any(entry: &Value, ids: &BTreeMap<String, u32>) -> bool {
    match entry {
        Value::String(text) => ids_in(text).any(|(_, id)| ids.contains_key(id)),
        Value::Array(items) => items.iter().any(|item| names_any(item, ids)),
        Value::Object(fields) => fields.values().any(|field| names_any(field, ids)),
        _ => false,
    }
}

/// Where the bytes of a file come from, if its content is to be sent.
fn content_of(item: &ResourceItem, fields: &Document) -> Option<Content> {
    if item.at.kind != Kind::File {
        return None;
    }
    let sha256 = fields.get("sha256")?.as_str()?.to_owned();
    Some(Content::Source { at: item.at.clone(), sha256 })
}

fn seals(part: Part, entries: &Entries) -> BTreeMap<String, Seal> {
    entries.iter().map(|(key, entry)| (key.clone(), entry_seal(part, entry))).collect()
}

/// Whether what an entry became is what was sent.
pub(crate) fn holds(part: Part, entry: &Value, sent: &Seal) -> bool {
    entry_seal(part, entry) == *sent
}

#[cfg(test)]
mod tests {
    use super::super::scan::same_entry;
    use super::*;

    #[test]
    fn an_entry_is_known_again_by_what_was_sent() {
        let sent = entry_seal(Part::Params, &json!({"value": "1", "sent": true}));
        assert!(holds(Part::Params, &json!({"id": "x", "value": "1", "sent": true}), &sent));
        assert!(!holds(Part::Params, &json!({"id": "x", "value": "1", "sent": false}), &sent));
        assert!(same_entry(Part::Rows, &json!({"id": "r", "created_at": "a"}), &json!({"id": "r"})));
    }
}

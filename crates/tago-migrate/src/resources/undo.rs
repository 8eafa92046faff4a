//! Takes a run back: what was made is deleted, what was changed gets what it had before, and only where
//! nobody changed it since. It needs the target and the run folder, and nothing else.
//!
//! The same rule as in the run: a resource is read before anything is done about it, and again after.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tago_api::Time;

use super::document::{Document, carried, differences, edit, is_as_left, is_as_sent, seal};
use super::hands::Hands;
use super::keep::{Folder, Keep};
use super::kind::{Kind, Mark, Part};
use super::ledger::{ActProgress, Ledger, What};
use super::machine::{Content, Seen, Work, holds};
use super::plan::ResourcePlan;
use super::ports::{Address, Entries, ListedToken, ResourcesTarget, SCRIPT, UNKNOWN_VALUE};
use super::row::{Row, Stays};
use super::run::{kept_json, past};
use super::scan::{entry_seal, is_blank, same_entry};
use crate::control::Wish;
use crate::journal::{Journal, JournalError, Was};
use crate::machine::FRESH;
use crate::machine::token::token_name;
use crate::plan::{Seal, Verdict};
use crate::ports::{PortError, WriteError};
use crate::progress::Phase;
use crate::run::{Ending, Halt, RunError, Side, open};
use crate::settings::{Env, Settings};
use crate::target_lock::TargetLock;
use crate::watch::Watch;

/// What came of an undo: three lists that leave nothing out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// Taken back: the resource, its name, and what was done to it.
    pub reversed: Vec<(Address, String, Reversal)>,
    /// Left, because somebody changed it since: why.
    pub changed_since: Vec<(Address, String, String)>,
    /// What cannot be taken back: why.
    pub impossible: Vec<(Address, String, String)>,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversal {
    /// What was made is deleted.
    Deleted,
    /// Fields have what they had.
    Restored,
    /// Entries of its part are what they were.
    EntriesRestored,
}

/// What an undo may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UndoChoices {
    /// Whether devices that this run made are deleted although they hold records by now.
    pub with_records: bool,
}

/// What taking this plan back would leave, told before it is run.
pub fn irreversible(plan: &ResourcePlan) -> Vec<(Address, String)> {
    let mut told = Vec::new();
    for item in plan.items().iter().filter(|item| item.verdict == Verdict::Update) {
        if item.at.kind == Kind::Analysis && item.entries.contains(SCRIPT) {
            let reason = "a script can be replaced by the one before, and not taken away if there was none";
            told.push((item.at.clone(), reason.to_owned()));
        }
    }
    told
}

/// Takes the run of this folder back, as far as it went. It may be repeated; what is taken back stays so.
///
/// # Errors
/// See [`RunError`].
pub async fn undo(
    folder: &Path,
    target: &dyn ResourcesTarget,
    choices: UndoChoices,
    settings: &Settings,
    env: Env<'_>,
) -> Result<(Ending, Undone), RunError> {
    let (mut journal, rows) = open::<Row>(folder)?;
    let (plan, ledger) = past(folder, &rows)?;
    plan.header.sides().expect(Side::Target, target.identity().await)?;
    let _alone = TargetLock::take(settings, &plan.header.target)?;
    let keep = Folder::of(folder);
    let hands = Hands::new(None, target, &plan.header, &keep, settings, env);
    let mut undo = Undo::new(&plan, ledger, choices);
    let ending = undo.drive(&hands, &mut journal, settings).await?;
    Ok((ending, undo.told()))
}

/// One thing to take back.
#[derive(Debug, Clone)]
struct Act {
    item: u32,
    what: ActKind,
}

#[derive(Debug, Clone)]
enum ActKind {
    Made,
    Edited { kept: Seal, fields: Vec<String> },
    Written { part: Part, kept: Vec<Seal>, entries: BTreeMap<String, Seal> },
}

/// The undo of one run.
pub(crate) struct Undo<'a> {
    plan: &'a ResourcePlan,
    ledger: Ledger,
    acts: Vec<Act>,
    choices: UndoChoices,
    /// The limits have let a change through that is not made yet.
    is_admitted: bool,
}

/// What the run made of a resource.
enum Made {
    At(Address),
    Nothing,
    /// Its answer was lost, and what is there under its name may be somebody else's.
    Doubtful,
}

/// What to do about an act next.
enum Next {
    Do(Box<Work>),
    /// Takes off what forbids to delete it, which then is this.
    Unlock(Box<Work>, Seal),
    Reversed,
    Kept(Stays, String),
}

const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
/// A target that loses every answer is not asked for ever.
const DOUBTS_IN_A_ROW: u32 = 12;
/// A token that is made with its device is so little younger.
const WITH_IT: Duration = Duration::from_secs(60);
/// Rows of an entity that one request deletes, and writes.
const DELETED: usize = 10;
const WRITTEN: usize = 100;

impl<'a> Undo<'a> {
    pub(crate) fn new(plan: &'a ResourcePlan, ledger: Ledger, choices: UndoChoices) -> Undo<'a> {
        let acts = acts(&ledger);
        Undo { plan, ledger, acts, choices, is_admitted: false }
    }

    pub(crate) async fn drive(
        &mut self,
        hands: &Hands<'_>,
        journal: &mut dyn Journal<Row>,
        settings: &Settings,
    ) -> Result<Ending, JournalError> {
        if self.ledger.undone {
            return Ok(Ending::Finished);
        }
        let watch = Watch::new(hands.env);
        watch.phase(Phase::Undoing);
        watch.change(|figures| figures.items_total = self.acts.len() as u64);
        let began = hands.env.clock.elapsed();
        let was_undoing = self.ledger.undoing;
        self.journal(hands, journal, Row::Session {})?;
        if !was_undoing {
            self.journal(hands, journal, Row::UndoBegun {})?;
        }
        // What was under way when the program ended may still arrive.
        let in_doubt = self.ledger.items.values().any(|item| item.doubt || item.making)
            || self.ledger.acts.values().any(|act| act.doubt);
        if in_doubt {
            let wait = settings.late_commit_bound.saturating_sub(hands.env.clock.elapsed() - began);
            unless_stopped(hands, hands.env.clock.sleep(wait)).await;
        }
        for act in 0..self.acts.len() {
            let number = u32::try_from(act).unwrap_or(u32::MAX);
            let progress = self.ledger.acts.get(&number).cloned().unwrap_or_default();
            if progress.reversed || progress.kept.is_some() {
                watch.change(|figures| figures.items_done += 1);
                continue;
            }
            if let Some(ending) = self.reverse(number, hands, &watch, journal, settings).await? {
                let reason = match &ending {
                    Ending::Halted(halt) => halt.to_string(),
                    _ => "stopped by its owner".to_owned(),
                };
                self.journal(hands, journal, Row::Suspended { reason })?;
                return Ok(ending);
            }
            watch.change(|figures| figures.items_done += 1);
        }
        self.journal(hands, journal, Row::Undone {})?;
        watch.phase(Phase::Done);
        Ok(Ending::Finished)
    }

    /// Takes one act back; what its owner or the target would not let it do is the reason to stop.
    async fn reverse(
        &mut self,
        number: u32,
        hands: &Hands<'_>,
        watch: &Watch<'_>,
        journal: &mut dyn Journal<Row>,
        settings: &Settings,
    ) -> Result<Option<Ending>, JournalError> {
        let halted = |halt| Ok(Some(Ending::Halted(halt)));
        let (mut attempts, mut doubts_in_a_row) = (0, 0);
        let (mut silent, mut looked_again) = (Duration::ZERO, false);
        loop {
            if watch.pass().await.is_err() {
                return Ok(Some(Ending::Stopped));
            }
            let next = match self.look(number, hands).await {
                Ok(next) => next,
                Err(PortError::Auth { message }) => {
                    return halted(Halt::Auth { side: Side::Target, message });
                }
                Err(PortError::Refused { message } | PortError::Quota { message }) => {
                    Next::Kept(Stays::Impossible, message)
                }
                Err(cause) => {
                    let message = cause.to_string();
                    return halted(Halt::Unreachable { side: Side::Target, message });
                }
            };
            let mut unlocked = None;
            let work = match next {
                Next::Unlock(work, seal) => {
                    unlocked = Some(seal);
                    work
                }
                Next::Reversed => {
                    self.journal(hands, journal, Row::Reversed { act: number })?;
                    return Ok(None);
                }
                Next::Kept(why, reason) => {
                    self.journal(hands, journal, Row::Kept { act: number, why, reason })?;
                    return Ok(None);
                }
                Next::Do(work) => work,
            };
            // What the owner or the limits hold back is looked at again: somebody may have changed it meanwhile.
            let seen = hands.env.clock.elapsed();
            if watch.pass().await.is_err() {
                return Ok(Some(Ending::Stopped));
            }
            if !self.is_admitted {
                unless_stopped(hands, hands.permit()).await;
                if is_stopped(hands) {
                    return Ok(Some(Ending::Stopped));
                }
                self.is_admitted = true;
            }
            if hands.env.clock.elapsed().saturating_sub(seen) >= FRESH {
                continue;
            }
            let many = matches!(*work, Work::Write { .. } | Work::Remove { .. });
            attempts += 1;
            if attempts > ATTEMPTS && !many || attempts > 100_000 {
                let reason = "the target acknowledges the change and does not keep it".to_owned();
                self.journal(hands, journal, Row::Kept { act: number, why: Stays::Impossible, reason })?;
                return Ok(None);
            }
            self.is_admitted = false;
            if let Some(seal) = unlocked {
                self.journal(hands, journal, Row::Unlocking { act: number, seal })?;
            }
            self.journal(hands, journal, Row::UndoIntent { act: number })?;
            let result = hands.work(&work).await;
            let was = match &result {
                Ok(_) => Was::Acknowledged,
                Err(WriteError::NotReceived(_)) => Was::NotReceived,
                Err(WriteError::Ambiguous(_)) => Was::Doubtful,
            };
            self.journal(hands, journal, Row::UndoOutcome { act: number, was })?;
            match result {
                Ok(_) => (silent, doubts_in_a_row) = (Duration::ZERO, 0),
                Err(WriteError::Ambiguous(cause)) => {
                    doubts_in_a_row += 1;
                    if doubts_in_a_row > DOUBTS_IN_A_ROW {
                        let message = cause.to_string();
                        return halted(Halt::Unreachable { side: Side::Target, message });
                    }
                    attempts -= 1;
                    unless_stopped(hands, hands.env.clock.sleep(settings.late_commit_bound)).await;
                }
                Err(WriteError::NotReceived(cause)) => match cause {
                    PortError::RateLimited { retry_after } => {
                        attempts -= 1;
                        unless_stopped(hands, hands.env.clock.sleep(retry_after.max(PAUSE))).await;
                    }
                    PortError::Auth { message } => {
                        return halted(Halt::Auth { side: Side::Target, message });
                    }
                    PortError::Unreachable { message } | PortError::Undecodable { message } => {
                        if silent >= settings.patience {
                            return halted(Halt::Unreachable { side: Side::Target, message });
                        }
                        attempts -= 1;
                        silent += PAUSE;
                        unless_stopped(hands, hands.env.clock.sleep(PAUSE)).await;
                    }
                    // A large file may have been replaced while it was sent, and then it stays.
                    _ if !looked_again && matches!(*work, Work::Edit { content: Some(_), .. }) => {
                        looked_again = true;
                    }
                    cause => {
                        let reason = cause.to_string();
                        let row = Row::Kept { act: number, why: Stays::Impossible, reason };
                        self.journal(hands, journal, row)?;
                        return Ok(None);
                    }
                },
            }
        }
    }

    /// What is there, and what follows from it.
    async fn look(&self, number: u32, hands: &Hands<'_>) -> Result<Next, PortError> {
        let act = &self.acts[number as usize];
        let item = &self.plan.items[act.item as usize];
        let progress = self.ledger.of_item(act.item);
        let kind = item.at.kind;
        let at = match item.verdict {
            Verdict::Create => match self.made(act.item, hands).await? {
                Made::At(at) => at,
                Made::Nothing => return Ok(Next::Reversed),
                Made::Doubtful => {
                    let reason = "it is not known whether the run made it: what is there under its name is not what was \
                                  sent";
                    return Ok(Next::Kept(Stays::ChangedSince, reason.to_owned()));
                }
            },
            _ => match &item.target {
                Some(at) => at.clone(),
                None => return Ok(Next::Reversed),
            },
        };
        let Some(seen) = hands.see(&at).await? else {
            return Ok(match act.what {
                ActKind::Made => Next::Reversed,
                _ => Next::Kept(Stays::ChangedSince, "somebody deleted it".to_owned()),
            });
        };
        let unlocked = self.ledger.acts.get(&number).and_then(|act| act.unlocked.clone());
        let unchanged = unlocked.is_some_and(|unlocked| unlocked == seal(kind, &seen.document))
            || self.is_unchanged(act.item, kind, &progress, &seen.document, hands.keep);
        match &act.what {
            ActKind::Made if !unchanged => Ok(changed()),
            ActKind::Made => self.unmake(act.item, at, &seen, hands).await,
            ActKind::Edited { kept, fields } => {
                let tried = self.ledger.acts.get(&number).is_some_and(ActProgress::is_tried);
                Ok(restore(at, kept, fields, unchanged, tried, &seen, hands.keep))
            }
            ActKind::Written { part, kept, entries } => {
                Ok(rewrite(at, *part, kept, entries, &seen, hands.keep))
            }
        }
    }

    /// The resource that the run made, also when its answer was lost.
    async fn made(&self, place: u32, hands: &Hands<'_>) -> Result<Made, PortError> {
        let item = &self.plan.items[place as usize];
        let progress = self.ledger.of_item(place);
        let mapping = self.new_ids();
        let parent = item.at.parent.as_ref().map(|parent| mapping.get(parent).unwrap_or(parent).clone());
        if let Some(id) = progress.id {
            return Ok(Made::At(Address { kind: item.at.kind, parent, id }));
        }
        let row = item.at.kind.descriptor();
        let marker = format!("{}:{}", self.ledger.run, item.at.id);
        if row.mark == Mark::None {
            return Ok(Made::Nothing);
        }
        let mapping = super::remap::Mapping { ids: mapping, hosts: Vec::new() };
        let name = match (item.at.kind, &item.key) {
            (Kind::File, _) => super::remap::remap_text(&item.at.id, &mapping),
            (_, Some(key)) => key.clone(),
            (_, None) => item.name.clone(),
        };
        let mut found = hands.look(item.at.kind, &name, &marker).await?;
        found.retain(|(at, _)| !progress.known.contains(&at.id));
        if found.is_empty() {
            return Ok(Made::Nothing);
        }
        if row.mark != Mark::Tag {
            // Anybody may have made one of the same name since.
            let sent = progress.sent.as_ref();
            found.retain(|(_, document)| sent.is_some_and(|sent| is_as_sent(row.kind, sent, document)));
            if found.len() != 1 {
                return Ok(Made::Doubtful);
            }
        }
        Ok(found.pop().map_or(Made::Nothing, |(at, _)| Made::At(at)))
    }

    fn new_ids(&self) -> BTreeMap<String, String> {
        let mut ids = self.plan.header.ids.clone();
        for (place, item) in (0..).zip(&self.plan.items) {
            if let Some(id) = self.ledger.of_item(place).id {
                ids.insert(item.at.id.clone(), id);
            }
        }
        ids
    }

    /// Whether it is as the run left it, but for fields that the run was setting when it ended.
    fn is_unchanged(
        &self,
        place: u32,
        kind: Kind,
        progress: &super::ledger::Progress,
        document: &Document,
        keep: &dyn Keep,
    ) -> bool {
        if progress.left.as_ref() == Some(&seal(kind, document)) {
            return true;
        }
        let last = self.ledger.effects.iter().rev().find(|effect| effect.item == place);
        match last.map(|effect| &effect.what) {
            // It was made, and the program ended before it was seen.
            Some(What::Create) => progress.left.is_none(),
            Some(What::Edit { leaves: Some(leaves), .. }) if progress.touched => {
                is_as_left(kind, leaves, document)
            }
            Some(What::Edit { kept: Some(kept), fields, .. }) if progress.touched => {
                let Ok(kept) = kept_json(keep, kept) else { return false };
                let Some(before) = kept["document"].as_object() else { return false };
                let row = kind.descriptor();
                let differing = differences(row, &carried(kind, before), &carried(kind, document));
                differing.iter().all(|field| fields.contains(field))
            }
            _ => false,
        }
    }

    /// Deletes what the run made.
    async fn unmake(
        &self,
        place: u32,
        at: Address,
        seen: &Seen,
        hands: &Hands<'_>,
    ) -> Result<Next, PortError> {
        let reason = match at.kind {
            Kind::Device => self.in_use(&at.id, &seen.document, hands).await?,
            kind => taken_into_use(kind, &seen.document).map(str::to_owned),
        };
        if let Some(reason) = reason {
            return Ok(Next::Kept(Stays::ChangedSince, reason));
        }
        if let Some(part) = at.kind.descriptor().part {
            let is_foreign = |(key, entry): &(&String, &Value)| {
                !is_blank(part, entry) && !self.ledger.is_own(place, key, &entry_seal(part, entry))
            };
            let foreign = seen.entries.iter().filter(is_foreign).count();
            if foreign > 0 {
                return Ok(changed_entries(foreign));
            }
        }
        let tags = seen.document.get("tags").and_then(Value::as_array);
        let protection = |tag: &Value| tag["key"].as_str().is_some_and(|key| PROTECTION.contains(&key));
        if let Some(tags) = tags.filter(|tags| tags.iter().any(protection)) {
            let rest: Vec<Value> = tags.iter().filter(|tag| !protection(tag)).cloned().collect();
            let mut fields = Document::new();
            fields.insert("tags".to_owned(), Value::Array(rest));
            let mut unlocked = seen.document.clone();
            unlocked.extend(fields.clone());
            let seal = seal(at.kind, &unlocked);
            let there = seen.document.clone();
            return Ok(Next::Unlock(Box::new(Work::Edit { at, fields, content: None, there }), seal));
        }
        Ok(Next::Do(Box::new(Work::Delete { at })))
    }

    /// Why a device that the run made is somebody's by now.
    async fn in_use(
        &self,
        device: &str,
        there: &Document,
        hands: &Hands<'_>,
    ) -> Result<Option<String>, PortError> {
        let mut tokens = hands.tokens(device).await?;
        // Runs over records make tokens, and remove them.
        let of_runs = token_name("");
        tokens.retain(|token| !token.name.starts_with(&of_runs));
        if has_new_token(&tokens, there) {
            return Ok(Some("somebody made a token for it since".to_owned()));
        }
        if self.choices.with_records {
            return Ok(None);
        }
        let records = hands.records(device).await?;
        // That something was sent once says nothing: a run over records that was taken back sent as well.
        Ok((records > 0).then(|| format!("it holds {records} records by now, which would go with it")))
    }

    fn journal(
        &mut self,
        hands: &Hands<'_>,
        journal: &mut dyn Journal<Row>,
        row: Row,
    ) -> Result<(), JournalError> {
        self.ledger.take(&row).map_err(|detail| JournalError::Damaged { detail })?;
        journal.append(hands.env.clock.now(), &row)
    }

    pub(crate) fn told(&self) -> Undone {
        let mut told = Undone::default();
        for (number, act) in (0..).zip(&self.acts) {
            let item = &self.plan.items[act.item as usize];
            let row = |reason: &str| (item.at.clone(), item.name.clone(), reason.to_owned());
            let Some(progress) = self.ledger.acts.get(&number) else { continue };
            match &progress.kept {
                Some((Stays::ChangedSince, reason)) => told.changed_since.push(row(reason)),
                Some((Stays::Impossible, reason)) => told.impossible.push(row(reason)),
                None if progress.reversed => {
                    let how = match act.what {
                        ActKind::Made => Reversal::Deleted,
                        ActKind::Edited { .. } => Reversal::Restored,
                        ActKind::Written { .. } => Reversal::EntriesRestored,
                    };
                    told.reversed.push((item.at.clone(), item.name.clone(), how));
                }
                None => {}
            }
        }
        told
    }
}

/// What somebody has put into it that a platform never shows, and that would be gone with it.
fn taken_into_use(kind: Kind, there: &Document) -> Option<&'static str> {
    let length = || there.get("value_length").and_then(Value::as_u64);
    match kind {
        Kind::Secret if length().is_some_and(|length| length != UNKNOWN_VALUE.len() as u64) => {
            Some("somebody has entered its value since")
        }
        Kind::RunUser if moment(there, "last_login").is_some() => Some("this person has logged in since"),
        Kind::ServiceAuthorization if moment(there, "last_authorization").is_some() => {
            Some("somebody has used it since")
        }
        _ => None,
    }
}

/// Whether a device that was made a while ago has a token beside the one that the platform made with it.
fn has_new_token(tokens: &[ListedToken], device: &Document) -> bool {
    let by = moment(device, "created_at").map(|made| made + WITH_IT);
    let is_late = |token: &ListedToken| token.made_at.zip(by).is_some_and(|(made, by)| made > by);
    tokens.len() > 1 || tokens.iter().any(|token| token.has_serial || is_late(token))
}

fn moment(document: &Document, field: &str) -> Option<Time> {
    document.get(field)?.as_str()?.parse().ok()
}

fn is_stopped(hands: &Hands<'_>) -> bool {
    hands.env.control.wish() == Wish::Stop
}

/// Waits, but not past the owner's stop, which the next look at the owner's wish sees.
async fn unless_stopped(hands: &Hands<'_>, wait: impl Future<Output = ()>) {
    let _ = hands.env.control.unless_stopped(wait).await;
}

/// Tags with which the platform refuses to delete; the run carried them here.
const PROTECTION: [&str; 2] = ["_delete_protection_", "_deletion_protection"];

fn changed() -> Next {
    Next::Kept(Stays::ChangedSince, "somebody changed it since".to_owned())
}

fn changed_entries(number: usize) -> Next {
    Next::Kept(Stays::ChangedSince, format!("somebody changed {number} of its entries since"))
}

/// What the run did, last first, each resource's edits as one.
fn acts(ledger: &Ledger) -> Vec<Act> {
    let mut acts: Vec<Act> = Vec::new();
    for effect in ledger.effects.iter().filter(|effect| !effect.is_nothing()) {
        let item = effect.item;
        let is_made = acts.iter().any(|act| act.item == item && matches!(act.what, ActKind::Made));
        if is_made {
            // All that was done to it goes with it.
            continue;
        }
        let same = acts.iter_mut().find_map(|act| {
            (act.item == item && std::mem::discriminant(&act.what) == kind_of(&effect.what)?)
                .then_some(&mut act.what)
        });
        match (&effect.what, same) {
            (What::Create, _) => acts.push(Act { item, what: ActKind::Made }),
            (What::Edit { fields, .. }, Some(ActKind::Edited { fields: all, .. })) => {
                // What was there at first is what counts.
                all.extend(fields.iter().filter(|field| !all.contains(field)).cloned().collect::<Vec<_>>());
            }
            (What::Edit { kept: Some(kept), fields, .. }, _) => {
                acts.push(Act { item, what: ActKind::Edited { kept: kept.clone(), fields: fields.clone() } });
            }
            (
                What::Entries { kept, entries, .. },
                Some(ActKind::Written { kept: all, entries: every, .. }),
            ) => {
                all.extend(kept.clone());
                every.extend(entries.clone());
            }
            (What::Entries { part, kept, entries }, _) => acts.push(Act {
                item,
                what: ActKind::Written {
                    part: *part,
                    kept: kept.iter().cloned().collect(),
                    entries: entries.clone(),
                },
            }),
            (What::Edit { kept: None, .. }, _) => {}
        }
    }
    acts.reverse();
    acts
}

fn kind_of(what: &What) -> Option<std::mem::Discriminant<ActKind>> {
    let like = match what {
        What::Create => ActKind::Made,
        What::Edit { kept, .. } => ActKind::Edited { kept: kept.clone()?, fields: Vec::new() },
        What::Entries { part, .. } => {
            ActKind::Written { part: *part, kept: Vec::new(), entries: BTreeMap::new() }
        }
    };
    Some(std::mem::discriminant(&like))
}

/// Gives fields what they had.
fn restore(
    at: Address,
    kept: &Seal,
    fields: &[String],
    unchanged: bool,
    tried: bool,
    seen: &Seen,
    keep: &dyn Keep,
) -> Next {
    let kept = match kept_json(keep, kept) {
        Ok(kept) => kept,
        Err(reason) => return Next::Kept(Stays::Impossible, reason),
    };
    let Some(before) = kept["document"].as_object() else {
        return Next::Kept(Stays::Impossible, "what was there before was not kept".to_owned());
    };
    let before = carried(at.kind, before);
    let there = carried(at.kind, &seen.document);
    let differing = |field: &&String| !super::document::same(before.get(*field), there.get(*field));
    let left: Vec<String> = fields.iter().filter(differing).cloned().collect();
    if left.is_empty() {
        return Next::Reversed;
    }
    // What the undo itself has set is no change of somebody else's.
    let is_own = || {
        let differing = differences(at.kind.descriptor(), &before, &there);
        tried && differing.iter().all(|field| fields.contains(field))
    };
    if !unchanged && !is_own() {
        return changed();
    }
    let changes = edit(at.kind, &left, &before, &there);
    let content = match (at.kind, kept["content"].as_str()) {
        (Kind::File, Some(seal)) if left.iter().any(|field| field == "sha256") => {
            Some(Content::Kept { seal: Seal::from_text(seal) })
        }
        _ => None,
    };
    let there = seen.document.clone();
    Next::Do(Box::new(Work::Edit { at, fields: changes, content, there }))
}

/// Gives entries what they had, but for those that somebody changed since.
fn rewrite(
    at: Address,
    part: Part,
    kept: &[Seal],
    sent: &BTreeMap<String, Seal>,
    seen: &Seen,
    keep: &dyn Keep,
) -> Next {
    let (mut before, mut content) = (Entries::new(), None);
    for seal in kept {
        let kept = match kept_json(keep, seal) {
            Ok(kept) => kept,
            Err(reason) => return Next::Kept(Stays::Impossible, reason),
        };
        content = content.or_else(|| kept["content"].as_str().map(Seal::from_text));
        for (key, entry) in kept["entries"].as_object().into_iter().flatten() {
            before.entry(key.clone()).or_insert_with(|| entry.clone());
        }
    }
    let (mut remove, mut write, mut changed) = (Entries::new(), Entries::new(), 0);
    for (key, seal) in sent {
        match (seen.entries.get(key), before.get(key)) {
            (None, None) => {}
            (Some(there), Some(old)) if same_entry(part, there, old) => {}
            (Some(there), old) if holds(part, there, seal) => match old {
                Some(old) => drop(write.insert(key.clone(), old.clone())),
                None => drop(remove.insert(key.clone(), there.clone())),
            },
            _ => changed += 1,
        }
    }
    if part == Part::Script && !remove.is_empty() {
        let reason = "the platform has no way to take a script away";
        return Next::Kept(Stays::Impossible, reason.to_owned());
    }
    if !remove.is_empty() {
        let many = if part == Part::Rows { DELETED } else { 1 };
        let entries = remove.into_iter().take(many).collect();
        return Next::Do(Box::new(Work::Remove { at, part, entries }));
    }
    if !write.is_empty() {
        let many = if part == Part::Languages { 1 } else { WRITTEN };
        let entries: Entries = write.into_iter().take(many).collect();
        let there = |key: &String| Some((key.clone(), seen.entries.get(key)?.clone()));
        let there = entries.keys().filter_map(there).collect();
        let content = content.filter(|_| part == Part::Script).map(|seal| Content::Kept { seal });
        return Next::Do(Box::new(Work::Write { at, part, entries, there, content }));
    }
    match changed {
        0 => Next::Reversed,
        number => changed_entries(number),
    }
}

//! The way of a request: what it replaces is kept, the limits let it go, what it changes is looked at again if that
//! took long; then its row, its bytes, and what became of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::document::{Document, MARKER, field_seals, is_as_sent, tag, value_seal};
use super::super::kind::{Mark, Part};
use super::super::ports::Address;
use super::super::row::Row;
use super::{Action, KeepError, Stage, Turn, Work};
use crate::control::Wish;
use crate::journal::Was;
use crate::machine::FRESH;
use crate::plan::Seal;
use crate::ports::{PortError, WriteError};
use crate::run::{Halt, Side};

/// A resource is written to so often, its making, its part and its fields together, before the run takes
/// it that the target does not keep what it acknowledges.
const ATTEMPTS: u32 = 9;
/// How long to wait before a target that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);

impl Turn<'_> {
    /// Asks for a request that replaces nothing, or only entries.
    pub(super) fn ask(&mut self, place: u32, work: Work, intent: Row) {
        match &work {
            Work::Write { there, part, at, .. } if !there.is_empty() => {
                let keep = json!({ "entries": there });
                let replaced = (*part == Part::Script).then(|| at.clone());
                self.ask_keeping(place, work, intent, keep, replaced);
            }
            _ => self.want_permit(place, work, intent),
        }
    }

    pub(super) fn ask_keeping(
        &mut self,
        place: u32,
        work: Work,
        mut intent: Row,
        what: Value,
        content_of: Option<Address>,
    ) {
        let hash = value_seal(&what);
        match self.state.kept.get(&place) {
            Some((same, seal)) if *same == hash => {
                note_kept(&mut intent, seal.clone());
                self.want_permit(place, work, intent);
            }
            _ => {
                self.state.active.insert(place, Stage::Keeping(Box::new(work), intent, hash));
                self.actions.push(Action::Keep { item: place, what, content_of });
            }
        }
    }

    pub(super) fn kept(&mut self, place: u32, result: Result<Seal, KeepError>) {
        let Some(Stage::Keeping(work, mut intent, hash)) = self.state.active.remove(&place) else { return };
        match result {
            Ok(seal) => {
                note_kept(&mut intent, seal.clone());
                self.state.kept.insert(place, (hash, seal));
                self.want_permit(place, *work, intent);
            }
            Err(KeepError::Port(cause)) => self.cannot_read(place, Side::Target, cause),
            Err(KeepError::Storage(detail)) => self.actions.push(Action::Fault(detail)),
        }
    }

    pub(super) fn want_permit(&mut self, place: u32, work: Work, intent: Row) {
        let attempts = self.state.attempts.get(&place).copied().unwrap_or_default();
        let progresses = matches!(work, Work::Write { part: Part::Rows | Part::Languages, .. });
        if attempts >= ATTEMPTS && !progresses || attempts >= 100_000 {
            return self.hold(place, "the target acknowledges the change and does not keep it");
        }
        self.state.active.insert(place, Stage::WantsPermit(Box::new(work), intent));
        match self.state.admitted.contains(&place) {
            true => self.permitted(place),
            false => self.actions.push(Action::Permit(place)),
        }
    }

    /// The limits allow it. What somebody may have changed while it waited for them is looked at first.
    pub(super) fn permitted(&mut self, place: u32) {
        let Some(Stage::WantsPermit(work, intent)) = self.state.active.remove(&place) else { return };
        if !self.may_write() {
            return;
        }
        let seen_at = self.state.seen_at.get(&place).copied().unwrap_or_default();
        match &*work {
            Work::Create { kind, .. } if matches!(kind.descriptor().mark, Mark::Fresh | Mark::Key) => {
                self.state.active.insert(place, Stage::LookingFirst(work));
                self.look(place, &self.state.item(place));
            }
            Work::Create { .. } => self.send(place, *work, intent),
            _ if self.now.saturating_sub(seen_at) >= FRESH => {
                self.state.admitted.insert(place);
                self.begin(place, &self.state.item(place));
            }
            _ => self.send(place, *work, intent),
        }
    }

    fn may_write(&self) -> bool {
        self.state.wish == Wish::Run && self.state.closing.is_none()
    }

    /// The row, and then the bytes.
    fn send(&mut self, place: u32, work: Work, intent: Row) {
        self.state.admitted.remove(&place);
        *self.state.attempts.entry(place).or_default() += 1;
        self.journal(intent);
        let what = match &work {
            Work::Create { .. } => {
                self.state.unseen.insert(place);
                "create"
            }
            Work::Edit { .. } => "edit",
            _ => "entries",
        };
        self.state.active.insert(place, Stage::Working(what));
        self.actions.push(Action::Work { item: place, work });
    }

    pub(super) fn worked(&mut self, place: u32, result: Result<Option<String>, WriteError>) {
        let Some(Stage::Working(what)) = self.state.active.remove(&place) else { return };
        let was = match &result {
            Ok(_) => Was::Acknowledged,
            Err(WriteError::NotReceived(_)) => Was::NotReceived,
            Err(WriteError::Ambiguous(_)) => Was::Doubtful,
        };
        let id = result.as_ref().ok().cloned().flatten();
        self.journal(match what {
            "create" => Row::CreateOutcome { item: place, was, id: id.clone() },
            "edit" => Row::EditOutcome { item: place, was },
            _ => Row::EntriesOutcome { item: place, was },
        });
        match result {
            Ok(_) => {
                self.state.silent_since = None;
                if let Some(id) = id.filter(|_| what == "create") {
                    self.made(place, id);
                }
            }
            Err(WriteError::NotReceived(cause)) => {
                if let Some(attempts) = self.state.attempts.get_mut(&place) {
                    *attempts = attempts.saturating_sub(1);
                }
                self.refused(place, cause);
            }
            Err(WriteError::Ambiguous(_)) => {
                self.state.sleeping.insert(place, self.now + self.state.config.late_commit_bound);
            }
        }
    }

    fn made(&mut self, place: u32, id: String) {
        let old = self.state.plan.items[place as usize].at.id.clone();
        self.state.to_make.remove(&old);
        self.state.mapping.ids.insert(old, id);
        self.state.attempts.remove(&place);
    }

    pub(super) fn looked(&mut self, place: u32, result: Result<Vec<(Address, Document)>, PortError>) {
        let Some(stage) = self.state.active.remove(&place) else { return };
        let found = match result {
            Ok(found) => found,
            Err(cause) => return self.cannot_read(place, Side::Target, cause),
        };
        let item = self.state.item(place);
        let row = item.at.kind.descriptor();
        match stage {
            // Its owner waits: it is looked at again when they go on.
            Stage::LookingFirst(_) if !self.may_write() => {}
            Stage::LookingFirst(work) => {
                if row.mark == Mark::Key && !found.is_empty() {
                    return self.hold(place, "somebody made one with the same key since; rehearse again");
                }
                let known = found.into_iter().map(|(at, _)| at.id).collect();
                let sent = match &*work {
                    Work::Create { fields, .. } => Some(field_seals(item.at.kind, fields)),
                    _ => None,
                };
                self.send(place, *work, Row::CreateIntent { item: place, known, sent });
            }
            _ => {
                let progress = self.state.ledger.of_item(place);
                let marker = self.marker(&item);
                let mut ours = found.into_iter().filter(|(at, document)| match row.mark {
                    Mark::Tag => tag(document, MARKER) == Some(&marker),
                    _ => {
                        let sent = progress.sent.as_ref();
                        !progress.known.contains(&at.id)
                            && sent.is_none_or(|sent| is_as_sent(row.kind, sent, document))
                    }
                });
                let id = ours.next().map(|(at, _)| at.id);
                if ours.next().is_some() && row.mark != Mark::Tag {
                    let reason = "it is not known whether it was made: several new ones look like it";
                    return self.hold(place, reason);
                }
                let was = if id.is_some() { Was::Found } else { Was::Absent };
                self.journal(Row::CreateOutcome { item: place, was, id: id.clone() });
                if let Some(id) = id {
                    self.made(place, id);
                }
            }
        }
    }

    pub(super) fn cannot_read(&mut self, place: u32, side: Side, cause: PortError) {
        self.state.active.remove(&place);
        match cause {
            PortError::Auth { message } => self.halt(Halt::Auth { side, message }),
            PortError::Unreachable { message } | PortError::Undecodable { message } => {
                self.halt(Halt::Unreachable { side, message });
            }
            PortError::RateLimited { retry_after } => {
                self.state.sleeping.insert(place, self.now + retry_after.max(PAUSE));
            }
            PortError::NotFound { .. } => self.hold(place, &format!("it is not in the {side} any more")),
            cause @ (PortError::Quota { .. } | PortError::Refused { .. }) => {
                self.hold(place, &format!("the {side} does not show it: {cause}"));
            }
        }
    }

    fn refused(&mut self, place: u32, cause: PortError) {
        match cause {
            PortError::Auth { message } => self.halt(Halt::Auth { side: Side::Target, message }),
            PortError::RateLimited { retry_after } => {
                self.state.sleeping.insert(place, self.now + retry_after.max(PAUSE));
            }
            PortError::Unreachable { message } | PortError::Undecodable { message } => {
                let since = *self.state.silent_since.get_or_insert(self.now);
                if self.now.saturating_sub(since) >= self.state.config.patience {
                    return self.halt(Halt::Unreachable { side: Side::Target, message });
                }
                self.state.sleeping.insert(place, self.now + PAUSE);
            }
            cause => self.hold(place, &cause.to_string()),
        }
    }
}

/// Names what was there in the row of what replaces it.
fn note_kept(intent: &mut Row, seal: Seal) {
    if let Row::EditIntent { kept, .. } | Row::EntriesIntent { kept, .. } = intent {
        *kept = Some(seal);
    }
}

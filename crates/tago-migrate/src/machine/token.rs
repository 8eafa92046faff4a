//! Tokens that data is written with: found, or made for the run and removed at its end.

use std::collections::btree_map::Entry;
use std::time::Duration;

use tago_api::DeviceId;

use super::{Action, Route, Setback, Stage, Subject, Tidying, Turn, Writer};
use crate::device::Token;
use crate::journal::{Row, Was};
use crate::ports::{PortError, WriteError};
use crate::run::{Halt, Side};

/// A token whose removal is acknowledged and that is still there is removed so often.
pub(crate) const REMOVALS: u32 = 4;

impl Turn<'_> {
    pub(super) fn want_writer(&mut self, device: DeviceId) {
        if let Entry::Vacant(writer) = self.state.writers.entry(device) {
            writer.insert(Writer::Looking);
            self.effect(Action::ListTokens { device });
        }
    }

    pub(super) fn tokens_listed(&mut self, device: DeviceId, result: Result<Vec<Token>, PortError>) {
        if self.state.tidying == Tidying::Busy {
            return self.own_tokens_listed(device, result);
        }
        match result {
            Ok(tokens) => {
                self.works(Side::Target);
                let usable = tokens.into_iter().find(|token| {
                    token.writes_at(self.moment.now)
                        && !self.state.refused_tokens.contains(&token.fingerprint)
                });
                match usable {
                    Some(token) => self.writer_is_ready(device, token),
                    None if self.may_begin() => {
                        self.actions.push(Action::Permit(Subject::Token(device), Route::Edit));
                    }
                    None => {
                        self.state.writers.remove(&device);
                    }
                }
            }
            Err(cause) => self.no_writer(device, &cause),
        }
    }

    pub(super) fn mint(&mut self, device: DeviceId) {
        if !self.may_begin() {
            self.state.writers.remove(&device);
            return;
        }
        let name = self.token_name();
        self.journal(Row::TokenIntent { device, name: name.clone() });
        self.state.writers.insert(device, Writer::Minting);
        self.effect(Action::MintToken { device, name });
    }

    pub(super) fn token_made(&mut self, device: DeviceId, result: Result<Token, WriteError>) {
        let outcome = |was, fingerprint| Row::TokenOutcome { device, was, fingerprint };
        match result {
            Ok(token) => {
                self.journal(outcome(Was::Acknowledged, Some(token.fingerprint.clone())));
                self.works(Side::Target);
                self.state.doubts_in_a_row = 0;
                self.writer_is_ready(device, token);
            }
            Err(WriteError::NotReceived(cause)) => {
                self.journal(outcome(Was::NotReceived, None));
                self.no_writer(device, &cause);
            }
            // One that nobody knows the secret of is no use: another is made, and both are removed.
            Err(WriteError::Ambiguous(cause)) => {
                self.journal(outcome(Was::Doubtful, None));
                self.state.tokens_settled_at = self.moment.elapsed + self.state.config.late_commit_bound;
                let message = cause.to_string();
                self.no_writer(device, &PortError::Unreachable { message: message.clone() });
                self.count_doubt(message);
            }
        }
    }

    fn writer_is_ready(&mut self, device: DeviceId, token: Token) {
        self.state.writers.insert(device, Writer::Ready(token));
        for item in self.wanting(device) {
            if let Some(Stage::WantsToken(load, batch)) = self.state.active.remove(&item) {
                self.state.active.insert(item, Stage::WantsToSend(load, batch));
                self.actions.push(Action::Permit(Subject::Item(item), Route::Write));
            }
        }
    }

    fn no_writer(&mut self, device: DeviceId, cause: &PortError) {
        self.state.writers.remove(&device);
        if matches!(cause, PortError::NotFound { .. }) {
            for item in self.wanting(device) {
                if let Some(rest) = self.is_just_made(item) {
                    self.sleep(item, rest);
                }
            }
        }
        let setback = self.setback(Side::Target, cause);
        for item in self.wanting(device) {
            match &setback {
                Setback::Again => self.requeue(item),
                Setback::Later(pause) => self.sleep(item, *pause),
                Setback::Hold(reason) => {
                    let reason = self.with_remedy(item, reason.clone());
                    self.hold(item, reason);
                }
                Setback::Halt(_) => self.requeue(item),
            }
        }
        if let Setback::Halt(halt) = setback {
            self.halt(halt);
        }
    }

    fn wanting(&self, device: DeviceId) -> Vec<u32> {
        let wants = |stage: &Stage| matches!(stage, Stage::WantsToken(..));
        let active = self.state.active.iter().filter(|(_, stage)| wants(stage)).map(|(item, _)| *item);
        active.filter(|item| self.target_of(*item) == Some(device)).collect()
    }

    fn own_tokens_listed(&mut self, device: DeviceId, result: Result<Vec<Token>, PortError>) {
        match result {
            Ok(tokens) => {
                self.works(Side::Target);
                let name = self.token_name();
                if let Some(token) = tokens.into_iter().find(|token| token.name == name) {
                    let (times, last) = match &self.state.removal {
                        Some((of, times, last)) if *of == token.id => (*times, *last),
                        _ => (0, Duration::ZERO),
                    };
                    // It may only still be shown.
                    if let (1.., Some(rest)) = (times, self.rest_of_the_bound(last)) {
                        return self.tidy_again_after(rest);
                    }
                    if times >= REMOVALS {
                        self.state.removal = None;
                        self.tidy_again_after(Duration::ZERO);
                        let message = stays(&name, device);
                        return self.halt(Halt::Unreachable { side: Side::Target, message });
                    }
                    self.state.removal = Some((token.id.clone(), times, last));
                    self.journal(Row::TokensRemoval { device });
                    self.state.writers.insert(device, Writer::Ready(token));
                    self.actions.push(Action::Permit(Subject::Removal(device), Route::Edit));
                } else {
                    self.tokens_are_gone(device);
                }
            }
            Err(PortError::NotFound { .. }) => self.tokens_are_gone(device),
            Err(cause) => self.tidying_failed(&cause),
        }
    }

    pub(super) fn remove_tokens(&mut self, device: DeviceId) {
        if let Some(Writer::Ready(token)) = self.state.writers.remove(&device) {
            self.effect(Action::RemoveToken { device, token });
        }
    }

    /// Whatever was said: the list tells whether it is gone.
    pub(super) fn token_removed(&mut self, _device: DeviceId, result: Result<(), WriteError>) {
        match result {
            Ok(()) => {
                if let Some((_, times, last)) = &mut self.state.removal {
                    (*times, *last) = (*times + 1, self.moment.elapsed);
                }
                self.tidy_again_after(Duration::ZERO);
            }
            Err(error) => self.tidying_failed(error.cause()),
        }
    }

    fn tokens_are_gone(&mut self, device: DeviceId) {
        self.journal(Row::TokensRemoved { device });
        self.tidy_again_after(Duration::ZERO);
    }

    pub(super) fn tidying_failed(&mut self, cause: &PortError) {
        match self.setback(Side::Target, cause) {
            Setback::Again => self.tidy_again_after(Duration::ZERO),
            Setback::Later(pause) => self.tidy_again_after(pause),
            Setback::Hold(message) => {
                self.tidy_again_after(Duration::ZERO);
                self.halt(Halt::Unreachable { side: Side::Target, message });
            }
            Setback::Halt(halt) => {
                self.tidy_again_after(Duration::ZERO);
                self.halt(halt);
            }
        }
    }

    fn token_name(&self) -> String {
        token_name(&self.state.ledger.run)
    }
}

/// A target that acknowledges removals and does not carry them out.
pub(crate) fn stays(name: &str, device: DeviceId) -> String {
    format!("it removes the token “{name}” of device {device} and has it still; remove it yourself and go on")
}

/// What a token is called that a run made.
pub(crate) fn token_name(run: &str) -> String {
    format!("Holdfast run {run}")
}

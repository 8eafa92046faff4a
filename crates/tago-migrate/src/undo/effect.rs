//! One change of the target, with its rows; and what is asked on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::row::UndoRow;
use super::{Break, Undo};
use crate::device::Token;
use crate::journal::{Journal, Row, Was};
use crate::machine::token::{REMOVALS, stays, token_name};
use crate::machine::{FRESH, Route};
use crate::plan::Seal;
use crate::ports::{PortError, WriteError};
use crate::run::{Halt, Side};

/// What became of a change.
pub(super) enum Did {
    /// It was acknowledged, or there was nothing left to change.
    Done,
    /// It may still be carried out.
    Doubtful,
    /// The platform said no.
    Refused(String),
    /// It certainly did not arrive. Whoever tries again looks again.
    Again,
}

/// A target that loses every answer is not asked for ever.
const DOUBTS_IN_A_ROW: u32 = 12;
const PAUSE: Duration = Duration::from_millis(500);

impl Undo<'_> {
    /// Waits for the owner and the limits, and answers whether what was seen before is still new enough to
    /// act on. To be asked between the look and the change.
    pub(super) async fn is_fresh(&mut self, route: Route) -> Result<bool, Break> {
        let seen = self.env.clock.elapsed();
        self.watch.pass().await?;
        if self.admitted != Some(route) {
            self.watch.unless_stopped(self.pacers.admit(route)).await?;
            self.admitted = Some(route);
        }
        Ok(self.env.clock.elapsed().saturating_sub(seen) < FRESH)
    }

    /// Carries out one change: the row, the request, the row.
    pub(super) async fn change<F>(
        &mut self,
        item: u32,
        shape: Option<Seal>,
        route: Route,
        journal: &mut dyn Journal,
        request: impl Fn() -> F,
    ) -> Result<Did, Break>
    where
        F: Future<Output = Result<(), WriteError>>,
    {
        self.admitted = None;
        self.journal(journal, Row::Undo(UndoRow::Intent { item, shape }))?;
        let result = request().await;
        let was = match &result {
            Ok(()) => Was::Acknowledged,
            Err(WriteError::NotReceived(_)) => Was::NotReceived,
            Err(WriteError::Ambiguous(_)) => Was::Doubtful,
        };
        self.journal(journal, Row::Undo(UndoRow::Outcome { item, was }))?;
        self.watch.change(|figures| figures.requests += 1);
        let silent = std::mem::take(&mut self.silent);
        let cause = match result {
            Ok(()) => {
                self.doubts_in_a_row = 0;
                return Ok(Did::Done);
            }
            Err(WriteError::Ambiguous(cause)) => {
                self.doubts_in_a_row += 1;
                if self.doubts_in_a_row > DOUBTS_IN_A_ROW {
                    let message = cause.to_string();
                    return Err(Break::Halt(Halt::Unreachable { side: Side::Target, message }));
                }
                return Ok(Did::Doubtful);
            }
            Err(WriteError::NotReceived(cause)) => cause,
        };
        match cause {
            PortError::RateLimited { retry_after } => {
                self.pacers.refused(route, retry_after);
                Ok(Did::Again)
            }
            PortError::Unreachable { .. } | PortError::Undecodable { .. }
                if silent < self.settings.patience =>
            {
                self.silent = silent + PAUSE;
                self.env.clock.sleep(PAUSE).await;
                Ok(Did::Again)
            }
            // Whoever looks again sees that it is gone.
            PortError::NotFound { .. } => Ok(Did::Done),
            PortError::Refused { message } | PortError::Quota { message } => Ok(Did::Refused(message)),
            cause => Err(halt(cause)),
        }
    }

    /// Asks the target; `None` if what was asked about is not there.
    pub(super) async fn ask<T, F>(&self, route: Route, request: impl Fn() -> F) -> Result<Option<T>, Break>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        match self.watch.unless_stopped(self.reader().ask(route, request)).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(PortError::NotFound { .. }) => Ok(None),
            Err(cause) => Err(halt(cause)),
        }
    }

    /// What was acknowledged, or got no answer, is seen by then.
    pub(super) async fn wait_until_shown(&self) -> Result<(), Break> {
        Ok(self.watch.wait(self.settings.late_commit_bound, "the target to show what was changed").await?)
    }

    /// Tokens that the run made and had no time to remove.
    pub(super) async fn remove_own_tokens(&mut self, journal: &mut dyn Journal) -> Result<(), Break> {
        let name = token_name(&self.ledger.run);
        for device in self.ledger.tokens.clone() {
            let mut removals: BTreeMap<String, u32> = BTreeMap::new();
            let mut may_be_shown_late = false;
            loop {
                self.watch.pass().await?;
                let target = self.target;
                let listed = self.ask(Route::Lookup, || target.tokens(device)).await?.unwrap_or_default();
                let Some(token) = listed.into_iter().find(|token: &Token| token.name == name) else {
                    self.journal(journal, Row::TokensRemoved { device })?;
                    break;
                };
                if std::mem::take(&mut may_be_shown_late) {
                    self.wait_until_shown().await?;
                    continue;
                }
                if removals.get(&token.id).is_some_and(|times| *times >= REMOVALS) {
                    return Err(halt(PortError::Refused { message: stays(&name, device) }));
                }
                self.journal(journal, Row::TokensRemoval { device })?;
                self.watch.unless_stopped(self.pacers.admit(Route::Edit)).await?;
                match target.remove_token(device, &token).await {
                    Ok(()) | Err(WriteError::NotReceived(PortError::NotFound { .. })) => {
                        *removals.entry(token.id).or_default() += 1;
                        may_be_shown_late = true;
                    }
                    Err(error) => match error.cause() {
                        PortError::RateLimited { retry_after } => {
                            self.pacers.refused(Route::Edit, *retry_after);
                        }
                        PortError::Unreachable { .. } | PortError::Undecodable { .. } => {
                            self.doubts_in_a_row += 1;
                            if self.doubts_in_a_row > DOUBTS_IN_A_ROW {
                                return Err(halt(error.cause().clone()));
                            }
                            self.env.clock.sleep(PAUSE).await;
                        }
                        cause => return Err(halt(cause.clone())),
                    },
                }
            }
        }
        self.doubts_in_a_row = 0;
        Ok(())
    }
}

/// Why the target cannot be worked with for now.
pub(super) fn halt(cause: PortError) -> Break {
    Break::Halt(match cause {
        PortError::Auth { message } => Halt::Auth { side: Side::Target, message },
        PortError::Quota { message } => Halt::Quota { message },
        cause => Halt::Unreachable { side: Side::Target, message: cause.to_string() },
    })
}

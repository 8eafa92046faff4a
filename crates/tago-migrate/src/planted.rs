//! Mistakes that the simulator's oracle must find. Outside this crate's own tests there are none: the
//! question is always answered with no, and the compiler takes it away.

/// A mistake that somebody might make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "some are planted in the simulator's own parts")]
pub(crate) enum Bug {
    BlindRetry,
    AcknowledgedBeforeSynced,
    QuarantineTooShort,
    CursorOffByOne,
    SetInsteadOfMultiset,
    WrongEpochCheck,
    BadJsonTakenAsSuccess,
    PartialTakenAsFull,
    EndDateLeftAtNow,
    HashWithoutGroup,
    ReleaseSkippedAfterCrash,
    TooManyRequestsCountedAsSent,
    RemovedBeforeKept,
    FileLeftWhenGivenUp,
}

#[cfg(not(test))]
pub(crate) const fn is_planted(_: Bug) -> bool {
    false
}

#[cfg(test)]
pub(crate) use planting::{is_planted, plant};

#[cfg(test)]
mod planting {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub(crate) fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Plants this one and no other in the current thread.
    pub(crate) fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }
}

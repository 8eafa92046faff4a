//! What the engine's failures are to people.

use tago_migrate::resources::ResourceRehearseError;
use tago_migrate::{
    Halt, JournalError, PlanError, PortError, ProveError, RebuildError, RehearseError, ReportError, RunError,
    Side, WorklistError,
};

use super::{End, ErrorCode, UiError, innermost};

const SAFE: &str = "What is stored stays stored, and going on neither loses nor doubles a record.";

const PLAN_AGAIN: &str = "This run cannot go on, but nothing that it wrote is lost. “Plan again what is missing”, \
                          on its page, goes on from there. Look at the project's actions too: those that the \
                          run held may still be switched off.";

impl UiError {
    /// A run that was begun has no journal any more.
    pub(crate) fn journal_gone() -> UiError {
        UiError::new(ErrorCode::JournalGone, "The file of the journal is not in the run's folder any more")
            .hint(PLAN_AGAIN)
    }

    /// A failure of one of the two sides.
    pub fn of_side(side: Side, cause: &PortError) -> UiError {
        let told = match cause {
            PortError::Auth { message } => UiError::new(
                ErrorCode::Unauthorized,
                format!("The {side} does not accept the token: {message}"),
            )
            .hint("Connect it again with a valid token, then go on."),
            PortError::NotFound { message } => UiError::new(
                ErrorCode::NotFound,
                format!("The {side} has not what was looked for: {message}"),
            )
            .hint("Rehearse again: it may have been deleted since."),
            PortError::RateLimited { retry_after } => UiError::new(
                ErrorCode::RateLimited,
                format!("The {side} asks to slow down for {} s", retry_after.as_secs()),
            )
            .hint("Try again after that.")
            .retryable(),
            PortError::Quota { message } => {
                UiError::new(ErrorCode::Refused, format!("A limit of the {side} is reached: {message}"))
                    .hint("Raise the limit in its plan, or choose less, and go on.")
            }
            PortError::Refused { message } => {
                UiError::new(ErrorCode::Refused, format!("The {side} refused: {message}"))
            }
            PortError::Unreachable { message } => {
                tracing::warn!(%side, message, "no answer");
                let whose = address_in(message).map_or_else(String::new, |address| format!(" at {address}"));
                UiError::new(ErrorCode::Unreachable, format!("The {side}{whose} does not answer"))
                    .hint("Check the network, and that the project is still there; then go on.")
                    .retryable()
            }
            PortError::Undecodable { message } => UiError::new(
                ErrorCode::Undecodable,
                format!("The {side} answered something that makes no sense here ({message})"),
            ),
        };
        let told = told.about(match side {
            Side::Source => End::Source,
            Side::Target => End::Target,
        });
        if told.hint.is_some() { told } else { told.hint(SAFE) }
    }
}

/// What the network library says goes into the log; a person is helped by the address alone.
fn address_in(message: &str) -> Option<&str> {
    message.split_whitespace().find(|word| word.starts_with("http://") || word.starts_with("https://"))
}

impl From<RehearseError> for UiError {
    fn from(error: RehearseError) -> UiError {
        match error {
            RehearseError::Port { side, cause } => UiError::of_side(side, &cause),
            RehearseError::SameProject { text } => UiError::new(ErrorCode::SameProject, text),
            RehearseError::Stopped => {
                UiError::new(ErrorCode::Conflict, "The rehearsal was stopped; nothing was written")
                    .retryable()
            }
        }
    }
}

impl From<ResourceRehearseError> for UiError {
    fn from(error: ResourceRehearseError) -> UiError {
        match error {
            ResourceRehearseError::Port { side, cause } => UiError::of_side(side, &cause),
            ResourceRehearseError::Stopped => {
                UiError::new(ErrorCode::Conflict, "The rehearsal was stopped; nothing was written")
                    .retryable()
            }
            ResourceRehearseError::SameProject { name } => UiError::new(
                ErrorCode::SameProject,
                format!("Source and target are the same project, “{name}”; choose two different ones"),
            ),
        }
    }
}

impl From<RunError> for UiError {
    fn from(error: RunError) -> UiError {
        let message = error.to_string();
        match error {
            RunError::NotApproved { .. } => UiError::new(ErrorCode::NotApproved, message)
                .hint("Look at the rehearsal again and confirm that one. Nothing was written."),
            RunError::NotRunnable { .. } => UiError::new(ErrorCode::NotApproved, message)
                .hint("Put right what the checks name, and rehearse again."),
            RunError::FolderTaken | RunError::TargetInUse { .. } => UiError::new(ErrorCode::InUse, message),
            RunError::OtherProject { .. } => UiError::new(ErrorCode::OtherProject, message).hint(
                "Connect the project that this run belongs to, and try again. Nothing was written now.",
            ),
            RunError::PlannedAgain => UiError::new(ErrorCode::PlannedAgain, message).hint(
                "Nothing was written now. Go on with the newer plan: it is under History if you began it. If \
                 not, choose “Plan again what is missing”.",
            ),
            RunError::Port { side, cause } => UiError::of_side(side, &cause),
            RunError::Plan(error) => UiError::from(error),
            RunError::Journal(error) => UiError::from(error),
        }
    }
}

impl From<RebuildError> for UiError {
    fn from(error: RebuildError) -> UiError {
        match error {
            RebuildError::NotDamaged => UiError::new(
                ErrorCode::JournalReadable,
                "Nothing is lost, and nothing has to be planned again",
            )
            .hint("Go back to the run and choose “Resume”."),
            RebuildError::Run(error) => UiError::from(error),
            RebuildError::Port { cause } => UiError::of_side(Side::Target, &cause),
            RebuildError::Rehearse(error) => UiError::from(error),
            RebuildError::RehearseResources(error) => UiError::from(error),
        }
    }
}

impl From<Halt> for UiError {
    fn from(halt: Halt) -> UiError {
        match halt {
            Halt::Auth { side, message } => UiError::of_side(side, &PortError::Auth { message }),
            Halt::Unreachable { side, message } => {
                UiError::of_side(side, &PortError::Unreachable { message })
            }
            Halt::Quota { message } => UiError::of_side(Side::Target, &PortError::Quota { message }),
        }
    }
}

impl From<ProveError> for UiError {
    fn from(error: ProveError) -> UiError {
        let message = innermost(&error);
        match error {
            ProveError::Run(error) => UiError::from(error),
            ProveError::Port { side, cause } => UiError::of_side(side, &cause),
            ProveError::Stopped => UiError::new(ErrorCode::Conflict, message)
                .hint("Choose “Prove again” when it suits.")
                .retryable(),
            ProveError::Plan(error) => UiError::from(error),
            ProveError::Journal(error) => UiError::from(error),
            ProveError::Write(_) => UiError::new(ErrorCode::Journal, message)
                .hint("Check that the disk has room and that the folder of the run may be written."),
        }
    }
}

impl From<WorklistError> for UiError {
    fn from(error: WorklistError) -> UiError {
        let message = error.to_string();
        match error {
            WorklistError::Plan(error) => UiError::from(error),
            WorklistError::Journal(error) => UiError::from(error),
            WorklistError::Run(error) => UiError::from(error),
            WorklistError::Port { side, cause } => UiError::of_side(side, &cause),
            WorklistError::Stopped => UiError::new(ErrorCode::Conflict, message)
                .hint("Choose “Look again” when it suits.")
                .retryable(),
            WorklistError::Ticks { .. } => UiError::new(ErrorCode::Journal, message)
                .hint("Check that the disk has room and that the folder of the run may be written."),
            WorklistError::NoSuchWork { .. } => UiError::new(ErrorCode::NotFound, message),
        }
    }
}

impl From<ReportError> for UiError {
    fn from(error: ReportError) -> UiError {
        let message = innermost(&error);
        match error {
            ReportError::Plan(error) => UiError::from(error),
            ReportError::Journal(error) => UiError::from(error),
            ReportError::Run(error) => UiError::from(error),
            ReportError::Proof(_) => {
                UiError::new(ErrorCode::Journal, message).hint("Choose “Prove again” first.")
            }
            ReportError::Worklist(_) | ReportError::Write { .. } => UiError::new(ErrorCode::Journal, message)
                .hint("Check that the disk has room and that the folder of the run may be written."),
        }
    }
}

impl From<PlanError> for UiError {
    fn from(error: PlanError) -> UiError {
        UiError::new(ErrorCode::Journal, innermost(&error))
            .hint("The plan of this run cannot be read or was altered, so nothing more is written by it. Rehearse again.")
    }
}

impl From<JournalError> for UiError {
    fn from(error: JournalError) -> UiError {
        let message = innermost(&error);
        match error {
            JournalError::InUse => UiError::new(ErrorCode::InUse, message).retryable(),
            JournalError::NoRun => UiError::new(ErrorCode::NotFound, message),
            JournalError::Damaged { .. } => UiError::new(ErrorCode::JournalDamaged, message).hint(PLAN_AGAIN),
            JournalError::Newer => UiError::new(
                ErrorCode::JournalNewer,
                "This run was written by a newer version of Holdfast than this one, and nothing is wrong with it",
            )
            .hint("Install the newer Holdfast and open the run there. Nothing was sent or changed now."),
            JournalError::TakenOver => UiError::new(ErrorCode::InUse, message)
                .hint("Look for another Holdfast window or holdfastctl: the run goes on there."),
            JournalError::Halted | JournalError::Storage { .. } | JournalError::Folder(_) => UiError::new(ErrorCode::Journal, message)
                .hint("Nothing more is sent without a journal. Check that the disk has room and works."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_journal_is_not_blamed_on_the_disk() {
        let told = UiError::from(JournalError::Damaged { detail: "row 7".into() });
        let hint = told.hint.unwrap();
        assert_eq!(told.code, ErrorCode::JournalDamaged);
        assert!(hint.contains("Plan again") && hint.contains("switched off"), "{hint}");
    }

    #[test]
    fn the_run_of_a_newer_version_is_blamed_neither_on_the_disk_nor_on_damage() {
        let told = UiError::from(JournalError::Newer);
        assert_eq!(told.code, ErrorCode::JournalNewer);
        assert!(
            told.message.contains("newer version") && told.message.contains("nothing is wrong"),
            "{told:?}"
        );
        let hint = told.hint.unwrap();
        assert!(hint.contains("Install the newer Holdfast") && !hint.contains("disk"), "{hint}");
    }

    #[test]
    fn a_run_that_another_process_has_taken_over_is_not_blamed_on_the_disk() {
        let told = UiError::from(JournalError::TakenOver);
        assert_eq!(told.code, ErrorCode::InUse);
        assert!(!told.hint.unwrap().contains("disk"));
    }

    #[test]
    fn a_side_that_is_gone_is_told_by_its_address_and_without_the_librarys_words() {
        let message =
            "http://127.0.0.1:4000 did not finish its answer to GET /device: error sending request".into();
        let told = UiError::of_side(Side::Target, &PortError::Unreachable { message });
        assert_eq!(told.message, "The target at http://127.0.0.1:4000 does not answer.");
        assert!(told.retryable && told.hint.is_some());
        assert_eq!(told.side, Some(End::Target));
    }
}

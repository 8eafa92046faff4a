use std::error::Error;
use std::io;

use tago_api::client::{AddressError, ApiError};
use tago_migrate::resources::ResourceRehearseError;
use tago_migrate::{
    Identity, JournalError, PlanError, PortError, ProveError, RebuildError, RehearseError, ReportError,
    RunError, Side, WorklistError,
};
use thiserror::Error;

use crate::credential::CredentialError;

/// All is as it should be.
pub(crate) const DONE: u8 = 0;
/// Done, but somebody has to look.
pub(crate) const LOOK: u8 = 1;
/// The command cannot be carried out as it was given.
pub(crate) const BAD_INPUT: u8 = 2;
/// A token could not be read, or was refused.
pub(crate) const CREDENTIAL: u8 = 3;
/// A side does not answer.
pub(crate) const UNREACHABLE: u8 = 4;
/// Half-way; it can be resumed.
pub(crate) const HALF_WAY: u8 = 5;
/// A file could not be read or written.
pub(crate) const FILES: u8 = 6;

/// Why a command was not carried out.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(
        "one of the arguments looks like a token. A command line can be read by others on this computer and is kept \
         by the shell, so no token is taken from it: give it through a file descriptor, `--source-token-fd 3 \
         3<token.txt`, or from the keyring, `--source-keyring NAME`. Treat the one you typed as known to others, and \
         replace it"
    )]
    TokenInArguments,
    #[error("the {side} address cannot be used: {cause}")]
    Address { side: Side, cause: AddressError },
    #[error("the {side} token cannot be read: {cause}")]
    Credential { side: Side, cause: CredentialError },
    #[error(
        "both tokens were to be read from descriptor {fd}, which can be read only once; give each its own"
    )]
    SameDescriptor { fd: u32 },
    #[error("the {side} cannot be connected to")]
    Connect { side: Side, source: ApiError },
    #[error(
        "the plan's {side}, {:?}, is at {}, and {given} is another address: a copy of a project may call itself what \
         its original does. If the project itself has moved there, say so with --moved",
        planned.name,
        planned.origin
    )]
    OtherAddress { side: Side, planned: Identity, given: String },
    #[error("the devices of the source could not be listed: {cause}")]
    Devices { cause: PortError },
    #[error("the source has no device {name:?}; give an id, or a name exactly as the source spells it")]
    NoSuchDevice { name: String },
    #[error("the source has {count} devices named {name:?}; give the id of the one you mean")]
    ManySuchDevices { name: String, count: usize },
    #[error("the source has nothing {name:?} to move; give an id, or a name exactly as the source spells it")]
    NoSuchResource { name: String },
    #[error(
        "the source has {count} resources named {name:?}; give the id of the one you mean, or a type beside it"
    )]
    ManySuchResources { name: String, count: usize },
    #[error(
        "{name:?} is no type of resource and no id; --conflict-of takes a type, for example dashboard=take-source, or \
         an id of the source"
    )]
    NoSuchType { name: String },
    #[error("the proof of a run over records needs the source too; give --source and its token")]
    SourceNeeded,
    #[error("the resources of the source could not be listed: {cause}")]
    Resources { cause: PortError },
    #[error("the time range ends before it begins; look at --from and --to")]
    EmptyRange,
    #[error("a time range that is replaced needs a beginning and an end; give --from and --to")]
    OpenRange,
    #[error("the run of this folder held nothing back; there is nothing to try again")]
    NothingHeld,
    #[error(transparent)]
    Rehearse(#[from] RehearseError),
    #[error(transparent)]
    RehearseResources(#[from] ResourceRehearseError),
    #[error(transparent)]
    Worklist(#[from] WorklistError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Prove(#[from] ProveError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(
        "a run over resources switches nothing off, so there is nothing to give up; leave it as it is, or undo it"
    )]
    NothingToGiveUp,
    #[error("a run over resources switches nothing off, so there is nothing to release")]
    NothingToRelease,
    #[error(
        "--depth is about records; the proof of a run over resources always compares content, so leave it out"
    )]
    DepthOfResources,
    #[error("the answer could not be written")]
    Output(#[from] io::Error),
    #[error("this program could not be started")]
    Start(#[source] io::Error),
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
}

impl Failure {
    /// The whole chain in one sentence.
    pub(crate) fn in_words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            words.push_str(": ");
            words.push_str(&error.to_string());
            cause = error.source();
        }
        if self.is_about_a_damaged_journal() {
            words.push_str(
                "; `holdfastctl rebuild` plans again what still lacks, from the plan and the target; this run can then no \
                 longer be resumed or taken back",
            );
        }
        words
    }

    fn is_about_a_damaged_journal(&self) -> bool {
        let (Failure::Run(RunError::Journal(journal))
        | Failure::Prove(ProveError::Journal(journal))
        | Failure::Report(ReportError::Journal(journal))
        | Failure::Worklist(WorklistError::Journal(journal))) = self
        else {
            return false;
        };
        matches!(journal, JournalError::Damaged { .. })
    }

    /// What the program ends with.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Credential { .. } => CREDENTIAL,
            Failure::Connect { .. } => CREDENTIAL,
            Failure::Devices { cause }
            | Failure::Resources { cause }
            | Failure::Rehearse(RehearseError::Port { cause, .. })
            | Failure::RehearseResources(ResourceRehearseError::Port { cause, .. })
            | Failure::Worklist(WorklistError::Port { cause, .. })
            | Failure::Rebuild(
                RebuildError::Port { cause }
                | RebuildError::Run(RunError::Port { cause, .. })
                | RebuildError::Rehearse(RehearseError::Port { cause, .. })
                | RebuildError::RehearseResources(ResourceRehearseError::Port { cause, .. }),
            )
            | Failure::Run(RunError::Port { cause, .. })
            | Failure::Prove(ProveError::Port { cause, .. }) => port_code(cause),
            Failure::Rehearse(RehearseError::Stopped)
            | Failure::RehearseResources(ResourceRehearseError::Stopped)
            | Failure::Prove(ProveError::Stopped) => HALF_WAY,
            Failure::Plan(_)
            | Failure::Run(RunError::Plan(_) | RunError::Journal(_))
            | Failure::Rebuild(RebuildError::Run(RunError::Plan(_) | RunError::Journal(_)))
            | Failure::Prove(ProveError::Plan(_) | ProveError::Journal(_) | ProveError::Write(_))
            | Failure::Report(_)
            | Failure::Worklist(
                WorklistError::Plan(_) | WorklistError::Journal(_) | WorklistError::Ticks { .. },
            )
            | Failure::Output(_)
            | Failure::Start(_)
            | Failure::Random(_) => FILES,
            _ => BAD_INPUT,
        }
    }
}

fn port_code(cause: &PortError) -> u8 {
    match cause {
        PortError::Auth { .. } => CREDENTIAL,
        _ => UNREACHABLE,
    }
}

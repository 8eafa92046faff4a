use thiserror::Error;

use crate::plan::{Choices, Plan};
use crate::ports::{PortError, Source, Target};
use crate::run::Side;
use crate::settings::{Env, Settings};

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum RehearseError {
    /// One side could not be read.
    #[error("the {side} could not be read: {cause}")]
    Port {
        /// Which.
        side: Side,
        /// Why.
        cause: PortError,
    },
    /// Both are one project.
    #[error("{text}")]
    SameProject {
        /// What to do.
        text: String,
    },
    /// The owner stopped it.
    #[error("the rehearsal was stopped")]
    Stopped,
}

/// Compares both sides and writes nothing: the plan says what a run would do.
///
/// Only if the two sides cannot be told apart by reading, a token is made on one device of the target,
/// looked for through the source, and removed.
///
/// # Errors
/// See [`RehearseError`].
pub async fn rehearse(
    source: &dyn Source,
    target: &dyn Target,
    choices: &Choices,
    settings: &Settings,
    env: Env<'_>,
) -> Result<Plan, RehearseError> {
    let _ = (source, target, choices, settings, env.nonce);
    unimplemented!()
}

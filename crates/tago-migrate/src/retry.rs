//! What a run held back, to be rehearsed again alone.

use std::collections::BTreeSet;
use std::path::Path;

use tago_api::DeviceId;

use crate::plan::{Choices, Depth, Policy};
use crate::run::{HeldItem, RunError, held_of};

/// The choices of a rehearsal of what this run held back and of nothing else; `None` if it held nothing back.
/// Its plan is approved and run like any other, in a folder of its own.
///
/// # Errors
/// See [`RunError`]. It may be running elsewhere.
pub fn retry(folder: &Path) -> Result<Option<Choices>, RunError> {
    let (choices, held) = held_of(folder)?;
    Ok((!held.is_empty()).then(|| only(choices, &held)))
}

/// Part of what was held back may have been stored before, so gaps are filled whatever the run did. What is
/// beside the held ranges of several devices within their common times has nothing missing any more.
fn only(choices: Choices, held: &[HeldItem]) -> Choices {
    let devices: BTreeSet<DeviceId> = held.iter().map(|item| item.device).collect();
    let variables: Option<BTreeSet<String>> = held.iter().map(|item| item.variable.clone()).collect();
    let ranges: Option<Vec<_>> = held.iter().map(|item| item.between).collect();
    let ranges = ranges.unwrap_or_default();
    Choices {
        devices: Some(devices),
        variables: variables.or(choices.variables),
        from: ranges.iter().map(|(from, _)| *from).min().or(choices.from),
        to: ranges.iter().map(|(_, to)| *to).max().or(choices.to),
        policy: if choices.policy == Policy::Replace { Policy::Replace } else { Policy::Fill },
        depth: Depth::Exact,
        ..choices
    }
}

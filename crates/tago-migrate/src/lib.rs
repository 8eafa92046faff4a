//! The engine: rehearse, run, prove and report the move of devices and their data from one project into
//! another, so that nothing is lost and nothing is doubled, whatever fails in between.
//!
//! It sees the world through [`Source`] and [`Target`], is given time as a [`Clock`], and knows neither
//! addresses nor secrets. The adapter to the HTTP client is the module `live`, behind a feature.

mod action;
mod announced;
mod batch;
mod clock;
mod control;
mod device;
mod folder;
mod inside;
mod journal;
mod json;
mod keep;
mod lane;
mod lanes;
mod load;
mod machine;
mod multiset;
mod pacer;
mod plan;
mod planted;
mod ports;
mod progress;
mod prove;
mod reader;
mod rebuild;
mod record;
mod rehearse;
mod replaced;
mod report;
pub mod resources;
mod retry;
mod run;
mod scan;
mod settings;
mod sides;
mod target_lock;
mod undo;
mod watch;
mod words;
mod worklist;

#[cfg(test)]
mod sim;

#[cfg(feature = "live")]
pub mod live;

pub use action::{PlatformAction, Test, Trigger, Watched};
pub use batch::Batch;
pub use clock::{Clock, SystemClock};
pub use control::{Control, Wish};
pub use device::{Definition, Device, DeviceEdit, Fingerprint, Named, Param, ParamWrite, Tag, Token};
pub use journal::JournalError;
pub use json::Json;
pub use plan::{
    Beyond, Check, CheckName, CheckVerdict, Choices, DataItem, Depth, DeviceItem, DevicePart, Existing,
    Header, InUse, Inactive, Inside, Item, Lane, Plan, PlanError, PlanKind, PlannedFor, Policy, Reason,
    ReasonCode, Renamed, Seal, Summary, Tripped, TrippedAction, Verdict, Window,
};
pub use ports::{Identity, NAMED_LIMIT, Order, PortError, READ_LIMIT, Range, Source, Target, WriteError};
pub use progress::{Figures, Phase, Progress};
pub use prove::{
    Difference, DifferenceKind, Proof, ProofChoice, ProofDepth, ProveError, WindowProof, WindowVerdict,
    is_half_proven, last_proof, prove, prove_as,
};
pub use rebuild::{RebuildError, Rebuilt, rebuild};
pub use record::{Key, Record, Tally};
pub use rehearse::{RehearseError, rehearse};
pub use report::{DeviceLane, RemovedPart, Report, ReportError, TokenWork, report};
pub use retry::retry;
pub use run::{
    ActionState, ActionStatus, Ending, Halt, HeldItem, LeftBehind, RunError, RunStatus, Side, give_up,
    given_up, release, resume, run, status,
};
pub use scan::{DeviceOverview, Overview, overview};
pub use settings::{Env, Pace, Settings};
pub use undo::{Irreversible, Reversal, Reversed, Stayed, Undone, irreversible, undo, undone};
pub use words::{counted, separated};
pub use worklist::{
    DeviceUse, Task, TokenUse, Witness, WorkItem, WorkState, WorklistError, last_worklist, tick, worklist,
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The window runs these on a runtime of several threads.
    #[allow(dead_code)]
    fn every_operation_can_move_between_threads(
        source: &dyn Source,
        target: &dyn Target,
        plan: &Plan,
        settings: &Settings,
        env: Env<'_>,
    ) {
        fn moves<T: Send>(_: T) {}
        let folder = std::path::Path::new("run");
        let choices = Choices::default();
        moves(overview(source, target, settings, env));
        moves(rehearse(source, target, &choices, settings, env));
        moves(run(plan, &plan.fingerprint(), folder, source, target, settings, env));
        moves(resume(folder, source, target, settings, env));
        moves(prove_as(folder, ProofChoice::default(), source, target, settings, env));
        moves(release(folder, target, settings, env));
        moves(undo(folder, target, settings, env));
    }

    #[allow(dead_code)]
    fn those_over_resources_can_as_well(
        source: &dyn resources::Resources,
        target: &dyn resources::ResourcesTarget,
        plan: &resources::ResourcePlan,
        settings: &Settings,
        env: Env<'_>,
    ) {
        fn moves<T: Send>(_: T) {}
        let folder = std::path::Path::new("run");
        moves(resources::run(plan, &plan.fingerprint(), folder, source, target, settings, env));
        moves(resources::prove(folder, Some(source), target, settings, env));
    }
}

use std::time::Duration;

use tokio::sync::watch;

/// Where to watch an operation: the newest figures win, nothing queues up.
pub type Progress = watch::Sender<Figures>;

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// What it does now.
    pub phase: Phase,
    /// Devices whose part in this phase is complete.
    pub devices_done: u64,
    /// Devices in this phase.
    pub devices_total: u64,
    /// Items of the plan that are over.
    pub items_done: u64,
    /// Items of the plan.
    pub items_total: u64,
    /// Records dealt with: read in a rehearsal or a proof, acknowledged or found stored in a run.
    pub records_done: u64,
    /// Records to deal with; an estimate in a rehearsal.
    pub records_total: u64,
    /// Records of the target removed by a run that replaces a time range.
    pub records_removed: u64,
    /// Body bytes sent and acknowledged in this session.
    pub bytes_sent: u64,
    /// Requests made in this session.
    pub requests: u64,
    /// Batches under way or waiting to be looked at: what a crash now would have to check again.
    pub batches_open: u64,
    /// Batches of these that wait out the target's late-commit bound.
    pub batches_waiting: u64,
    /// Items held back so far, because they changed since the rehearsal or were refused.
    pub held: u64,
    /// Actions of the target that the run has switched off and not on again.
    pub actions_held: u64,
    /// Records per second over the last seconds.
    pub rate: f64,
    /// Least and most time that is left; unknown at the beginning.
    pub remaining: Option<(Duration, Duration)>,
    /// Set while a rate limit or a failing side makes it wait.
    pub waiting_for: Option<String>,
}

/// What an operation does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Getting ready.
    #[default]
    Starting,
    /// Reading both sides' resources.
    Scanning,
    /// Comparing records.
    Rehearsing,
    /// Making and changing devices.
    Devices,
    /// Sending records.
    Records,
    /// Paused by the owner.
    Paused,
    /// Removing the run's own tokens and tags.
    TidyingUp,
    /// Comparing the target with the plan.
    Proving,
    /// Taking a run back.
    Undoing,
    /// Over.
    Done,
}

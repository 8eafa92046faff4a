use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::machine::{Action, Event, State};
use crate::plan::Plan;
use crate::progress::{Figures, Phase};
use crate::settings::Env;

const BETWEEN: Duration = Duration::from_millis(100);
const LOOKBACK: Duration = Duration::from_secs(8);

/// Turns what happens into figures for people.
pub(super) struct Meter {
    records_total: u64,
    /// Records to write and to remove.
    work: u64,
    requests: u64,
    bytes_sent: u64,
    bytes_under_way: BTreeMap<u32, u64>,
    published: Option<Duration>,
    /// When to publish what came too soon after the last.
    due: Option<Duration>,
    /// When how many records were stored, and how many were removed.
    passed: VecDeque<(Duration, u64, u64)>,
}

impl Meter {
    pub(super) fn new(plan: &Plan) -> Meter {
        let summary = plan.summary();
        Meter {
            records_total: summary.records_missing,
            work: summary.records_missing + summary.records_removed,
            requests: 0,
            bytes_sent: 0,
            bytes_under_way: BTreeMap::new(),
            published: None,
            due: None,
            passed: VecDeque::new(),
        }
    }

    pub(super) fn action(&mut self, action: &Action) {
        if !matches!(action, Action::Permit(..)) {
            self.requests += 1;
        }
        if let Action::Send { item, batch, .. } = action {
            self.bytes_under_way.insert(*item, batch.body.len() as u64);
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        if let Event::Sent { item, result } = event {
            let bytes = self.bytes_under_way.remove(item).unwrap_or(0);
            self.bytes_sent += if result.is_ok() { bytes } else { 0 };
        }
        // Beside the list itself.
        if let Event::ActionsFound { result: Ok(found) } = event {
            self.requests += found.len() as u64;
        }
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn publish(&mut self, state: &State, env: Env<'_>, over: bool) {
        let now = env.clock.elapsed();
        self.due = None;
        if let Some(last) = self.published
            && !over
            && now.saturating_sub(last) < BETWEEN
        {
            self.due = Some(last + BETWEEN);
            return;
        }
        self.published = Some(now);
        let (done, removed) = (state.ledger.stored, state.ledger.removed);
        self.passed.push_back((now, done, removed));
        while self.passed.len() > 2
            && self.passed.front().is_some_and(|(at, ..)| now.saturating_sub(*at) > LOOKBACK)
        {
            self.passed.pop_front();
        }
        let (rate, removal_rate) = self.passed.front().map_or((0.0, 0.0), |(at, stored, gone)| {
            let seconds = now.saturating_sub(*at).as_secs_f64();
            let per_second = |count| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
            (per_second(done - stored), per_second(removed - gone))
        });
        let (left, pace) = (self.work.saturating_sub(done + removed) as f64, rate + removal_rate);
        let (items_over, batches_waiting) = state.counts();
        let (devices_done, devices_total) = state.devices();
        env.progress.send_replace(Figures {
            phase: phase(state, over),
            devices_done,
            devices_total,
            items_done: items_over,
            items_total: state.items(),
            records_done: done,
            records_total: self.records_total,
            records_removed: state.ledger.removed,
            bytes_sent: self.bytes_sent,
            requests: self.requests,
            batches_open: state.ledger.open_batches(),
            batches_waiting,
            held: state.ledger.reasons.len() as u64,
            actions_held: state.ledger.actions.values().filter(|action| action.held).count() as u64,
            rate,
            remaining: (pace > 0.0).then(|| {
                let least = Duration::from_secs_f64((left / pace * 0.8).min(1e9));
                (least, Duration::from_secs_f64((left / pace * 1.5).min(1e9)))
            }),
            waiting_for: state.waiting_for(),
        });
    }
}

fn phase(state: &State, over: bool) -> Phase {
    match () {
        () if over => Phase::Done,
        () if state.is_tidying() => Phase::TidyingUp,
        () if state.is_paused() => Phase::Paused,
        () if state.ledger.stored == 0 && state.ledger.data.is_empty() => Phase::Devices,
        () => Phase::Records,
    }
}

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
    requests: u64,
    bytes_sent: u64,
    bytes_under_way: BTreeMap<u32, u64>,
    published: Option<Duration>,
    /// When to publish what came too soon after the last.
    due: Option<Duration>,
    /// When how many records were stored.
    stored: VecDeque<(Duration, u64)>,
}

impl Meter {
    pub(super) fn new(plan: &Plan) -> Meter {
        Meter {
            records_total: plan.summary().records_missing,
            requests: 0,
            bytes_sent: 0,
            bytes_under_way: BTreeMap::new(),
            published: None,
            due: None,
            stored: VecDeque::new(),
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
        let done = state.ledger.stored;
        self.stored.push_back((now, done));
        while self.stored.len() > 2
            && self.stored.front().is_some_and(|(at, _)| now.saturating_sub(*at) > LOOKBACK)
        {
            self.stored.pop_front();
        }
        let rate = self.stored.front().map_or(0.0, |(at, stored)| {
            let seconds = now.saturating_sub(*at).as_secs_f64();
            if seconds > 0.0 { (done - stored) as f64 / seconds } else { 0.0 }
        });
        let left = self.records_total.saturating_sub(done) as f64;
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
            remaining: (rate > 0.0).then(|| {
                let least = Duration::from_secs_f64((left / rate * 0.8).min(1e9));
                (least, Duration::from_secs_f64((left / rate * 1.5).min(1e9)))
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

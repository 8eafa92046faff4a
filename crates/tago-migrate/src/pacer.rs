//! Requests spread over the minute, so that the platform's limits are never met and live devices keep
//! their share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::machine::Route;
use crate::settings::Pace;

/// Requests in a minute from which a limit can be learned.
const LEARNABLE: f64 = 50.0;
/// Requests a minute below which a refusal does not slow down.
const SLOWEST: f64 = 30.0;
const MINUTE: Duration = Duration::from_secs(60);

/// The pacers of one side.
pub(crate) struct Pacers<'a> {
    clock: &'a dyn Clock,
    routes: [Mutex<Pacer>; 4],
}

impl<'a> Pacers<'a> {
    pub(crate) fn new(pace: &Pace, clock: &'a dyn Clock) -> Pacers<'a> {
        let share = pace.share.clamp(0.01, 1.0);
        let pacer = |limit: u32| Mutex::new(Pacer::new(f64::from(limit.max(1)), share));
        let routes = [pacer(pace.reads), pacer(pace.writes), pacer(pace.lookups), pacer(pace.edits)];
        Pacers { clock, routes }
    }

    /// Waits until one more request keeps within the limits.
    pub(crate) async fn admit(&self, route: Route) {
        let wait = self.with(route, |pacer, clock| pacer.admit(clock.elapsed(), clock.now().millis()));
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }

    /// The platform refused a request for now.
    pub(crate) fn refused(&self, route: Route, retry_after: Duration) {
        self.with(route, |pacer, clock| pacer.refused(clock.elapsed(), retry_after));
    }

    fn with<T>(&self, route: Route, act: impl FnOnce(&mut Pacer, &dyn Clock) -> T) -> T {
        let mut pacer = self.routes[route as usize].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut pacer, self.clock)
    }
}

/// A smooth rate with a small allowance for the beginning. A refusal teaches the true limit.
struct Pacer {
    share: f64,
    told: f64,
    limit: f64,
    /// When the next request is due at the present rate.
    due: Duration,
    closed_until: Duration,
    minute: i64,
    sent: u32,
}

impl Pacer {
    fn new(limit: f64, share: f64) -> Pacer {
        Pacer {
            share,
            told: limit,
            limit,
            due: Duration::ZERO,
            closed_until: Duration::ZERO,
            minute: 0,
            sent: 0,
        }
    }

    fn admit(&mut self, now: Duration, millis: i64) -> Duration {
        let rate = self.limit * self.share;
        let spacing = MINUTE.div_f64(rate.max(1.0));
        // A tenth of a minute's requests may come at once: with a share below nine tenths that stays
        // within the limit in whatever minute it falls.
        let allowance = if self.share <= 0.9 { MINUTE / 10 } else { Duration::ZERO };
        let at = now.max(self.due.saturating_sub(allowance)).max(self.closed_until);
        self.due = self.due.max(at) + spacing;
        let minute = millis.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.sent = 0;
            self.limit = (self.limit * 1.05).min(self.told);
        }
        self.sent += 1;
        at.saturating_sub(now)
    }

    fn refused(&mut self, now: Duration, retry_after: Duration) {
        // What went through in this minute is the limit, if it is enough to tell: other senders share it.
        let seen = f64::from(self.sent);
        let learned = if seen >= LEARNABLE { seen.min(self.limit * 0.7) } else { self.limit * 0.7 };
        self.limit = learned.max(SLOWEST);
        self.closed_until = self.closed_until.max(now + retry_after);
        self.due = self.due.max(self.closed_until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends for some minutes against a strict calendar-minute limit, and answers (sent, refused).
    fn play(limit: u32, share: f64, minutes: u64, told: f64) -> (u32, u32) {
        let mut pacer = Pacer::new(told, share);
        let (mut now, mut sent, mut refused) = (Duration::ZERO, 0, 0);
        let (mut minute, mut used) = (0, 0);
        while now < MINUTE * u32::try_from(minutes).unwrap() {
            now += pacer.admit(now, i64::try_from(now.as_millis()).unwrap());
            if now.as_secs() / 60 != minute {
                minute = now.as_secs() / 60;
                used = 0;
            }
            used += 1;
            if used > limit {
                refused += 1;
                pacer.refused(now, Duration::from_secs(60 - now.as_secs() % 60));
            } else {
                sent += 1;
            }
        }
        (sent, refused)
    }

    #[test]
    fn a_known_limit_is_never_met_and_its_share_is_used() {
        for limit in [250, 5_000, 15_000] {
            for share in [0.6, 0.985] {
                let (sent, refused) = play(limit, share, 10, f64::from(limit));
                assert_eq!(refused, 0, "{limit} at {share}");
                let used = f64::from(sent) / f64::from(limit * 10);
                assert!((share - 0.01..share + 0.015).contains(&used), "{used} of {limit} at {share}");
            }
        }
    }

    #[test]
    fn an_unknown_limit_is_learned_from_few_refusals() {
        let (sent, refused) = play(250, 0.6, 10, 15_000.0);
        assert!(refused <= 6, "{refused} refusals");
        assert!(sent > 1_000, "{sent} of 2500");
    }
}

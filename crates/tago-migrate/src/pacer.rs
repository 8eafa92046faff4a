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
    routes: [Mutex<Pacer>; 5],
}

impl<'a> Pacers<'a> {
    pub(crate) fn new(pace: &Pace, clock: &'a dyn Clock) -> Pacers<'a> {
        let share = pace.share.clamp(0.01, 1.0);
        let pacer =
            |limit: u32, at_once: Duration| Mutex::new(Pacer::new(f64::from(limit.max(1)), share, at_once));
        // Devices that send share the first two with us, and nobody the others but people.
        let routes = [
            pacer(pace.reads, MINUTE / 10),
            pacer(pace.writes, MINUTE / 10),
            pacer(pace.lookups, MINUTE / 2),
            pacer(pace.edits, MINUTE / 2),
            pacer(pace.removals, MINUTE / 2),
        ];
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
    /// The requests of so much time may come at once.
    at_once: Duration,
    told: f64,
    limit: f64,
    /// When the next request is due at the present rate.
    due: Duration,
    closed_until: Duration,
    minute: i64,
    sent: u32,
}

impl Pacer {
    fn new(limit: f64, share: f64, at_once: Duration) -> Pacer {
        // Together with a minute's own they stay within the limit, in whatever minute they fall.
        let within = MINUTE.mul_f64((0.95 / share - 1.0).max(0.0));
        Pacer {
            share,
            at_once: at_once.min(within),
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
        let at = now.max(self.due.saturating_sub(self.at_once)).max(self.closed_until);
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

    /// Sends for some minutes against a strict calendar-minute limit, each request on its way for up to
    /// 80 ms, and answers (sent, refused).
    fn play(limit: u32, share: f64, minutes: u32, told: f64, at_once: Duration) -> (u32, u32) {
        let mut pacer = Pacer::new(told, share, at_once);
        let (mut now, mut sent, mut refused) = (Duration::ZERO, 0, 0);
        let (mut used, mut jitter) = (std::collections::BTreeMap::new(), 1_u64);
        while now < MINUTE * minutes {
            now += pacer.admit(now, i64::try_from(now.as_millis()).unwrap());
            jitter = jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let arrives = now + Duration::from_millis((jitter >> 33) % 80);
            let used: &mut u32 = used.entry(arrives.as_secs() / 60).or_default();
            *used += 1;
            if *used > limit {
                refused += 1;
                pacer.refused(now, Duration::from_secs(60 - arrives.as_secs() % 60));
            } else {
                sent += 1;
            }
        }
        (sent, refused)
    }

    /// Of an idle target's budget nearly all is used, of a live one's the share that was set, and no
    /// request of ten minutes is refused.
    #[test]
    fn a_known_limit_is_never_met_and_its_share_is_used() {
        for limit in [250, 5_000, 15_000] {
            for (share, at_once) in [(0.6, MINUTE / 10), (0.6, MINUTE / 2), (0.985, MINUTE / 10)] {
                let (sent, refused) = play(limit, share, 10, f64::from(limit), at_once);
                let used = f64::from(sent) / f64::from(limit * 10);
                let line =
                    format!("{limit} a minute at a share of {share}: {used:.4} used, {refused} refused");
                drop(std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes()));
                assert_eq!(refused, 0, "{line}");
                let more = at_once.as_secs_f64() / 600.0;
                assert!((share - 0.01..share + 0.015 + more * share).contains(&used), "{line}");
            }
        }
    }

    #[test]
    fn an_unknown_limit_is_learned_from_few_refusals() {
        let (sent, refused) = play(250, 0.6, 10, 15_000.0, MINUTE / 10);
        assert!(refused <= 6, "{refused} refusals");
        assert!(sent > 1_000, "{sent} of 2500");
    }
}

use std::sync::atomic::{AtomicI64, Ordering};

use tago_api::Time;

/// What the platform takes for now.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Time;
}

/// The computer's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn now(&self) -> Time {
        chrono::Utc::now().into()
    }
}

/// A clock that stands where it was set; until then it follows the computer's.
#[derive(Debug)]
pub struct SimulatedClock(AtomicI64);

const FOLLOWS_SYSTEM: i64 = i64::MIN;

impl SimulatedClock {
    /// A clock that follows the computer's until it is set.
    pub fn following_system() -> SimulatedClock {
        SimulatedClock(AtomicI64::new(FOLLOWS_SYSTEM))
    }

    /// A clock that stands at `now`.
    pub fn at(now: Time) -> SimulatedClock {
        SimulatedClock(AtomicI64::new(now.millis()))
    }

    /// Makes it `now`, until the next call.
    pub fn set(&self, now: Time) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Time {
        match self.0.load(Ordering::SeqCst) {
            FOLLOWS_SYSTEM => SystemClock.now(),
            millis => Time::from_millis(millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_stands_where_it_was_set() {
        let moment: Time = "2026-03-01T04:29:59.999Z".parse().unwrap();
        let clock = SimulatedClock::following_system();
        assert!(clock.now() > moment);
        clock.set(moment);
        assert_eq!(clock.now(), moment);
        assert_eq!(SimulatedClock::at(moment).now(), moment);
    }
}

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Time;

/// The other side's clock, as the `Date` of its answers tells it.
///
/// A date is told in whole seconds and was true at some moment between question and answer, so each
/// leaves a range; together they narrow it down to the time that an answer takes.
#[derive(Debug)]
pub(super) struct RemoteClock {
    started: Instant,
    /// How far it is ahead of the time since `started`: at least and at most, in milliseconds.
    ahead: Mutex<Option<(i64, i64)>>,
}

const SECOND: i64 = 1_000;

impl RemoteClock {
    pub(super) fn new() -> RemoteClock {
        RemoteClock { started: Instant::now(), ahead: Mutex::new(None) }
    }

    /// The moment to give to [`RemoteClock::note`] with the answer.
    pub(super) fn asked(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes the date of an answer in.
    pub(super) fn note(&self, asked: Duration, date: Time) {
        self.narrow(asked, self.started.elapsed(), date);
    }

    /// What time it is there.
    pub(super) fn now(&self) -> Option<Time> {
        self.at(self.started.elapsed())
    }

    fn narrow(&self, asked: Duration, answered: Duration, date: Time) {
        let seen = (date.millis() - millis(answered), date.millis() + SECOND - 1 - millis(asked));
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let narrowed = ahead.map(|(least, most)| (least.max(seen.0), most.min(seen.1)));
        // No moment in common: one of the clocks was turned, or runs at another speed.
        *ahead = narrowed.filter(|(least, most)| least <= most).or(Some(seen));
    }

    fn at(&self, elapsed: Duration) -> Option<Time> {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.map(|(least, most)| Time::from_millis(millis(elapsed) + least + (most - least) / 2))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: i64 = 1_795_321_800_000;

    fn second_of(elapsed: u64, turned: i64) -> Time {
        let now = THERE + i64::try_from(elapsed).unwrap() + turned;
        Time::from_millis(now.div_euclid(SECOND) * SECOND)
    }

    #[tokio::test]
    async fn a_few_dates_tell_the_moment_to_the_length_of_an_answer() {
        let clock = RemoteClock::new();
        assert_eq!(clock.at(Duration::ZERO), None);
        for asked in (0..20_000).step_by(130) {
            let (asked, there, answered) = (asked, asked + 20, asked + 40);
            let from = Duration::from_millis(asked);
            clock.narrow(from, Duration::from_millis(answered), second_of(there, 0));
        }
        let told = clock.at(Duration::from_millis(20_000)).unwrap().millis() - THERE;
        assert!((19_960..=20_040).contains(&told), "{told}");
    }

    #[tokio::test]
    async fn a_clock_that_is_turned_is_believed_at_once() {
        let clock = RemoteClock::new();
        for (elapsed, turned) in [(0, 0), (5_000, 0), (6_000, 86_400_000), (7_000, -3_600_000)] {
            let at = Duration::from_millis(elapsed);
            clock.narrow(at, at + Duration::from_millis(30), second_of(elapsed, turned));
            let told = clock.at(at).unwrap().millis() - THERE - i64::try_from(elapsed).unwrap() - turned;
            assert!(told.abs() <= SECOND, "{told}");
        }
    }
}

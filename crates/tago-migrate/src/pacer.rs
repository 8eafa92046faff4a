//! Requests spread over the minute, so that the platform's limits are never met and live devices keep
//! their share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tago_api::Time;

use crate::clock::Clock;
use crate::machine::Route;
use crate::plan::Header;
use crate::ports::Source;
use crate::resources::{ResourceHeader, Resources};
use crate::run::Side;
use crate::settings::{Pace, Settings};

/// Requests in a minute from which a limit can be learned.
const LEARNABLE: f64 = 50.0;
/// Requests a minute below which a refusal does not slow down.
const SLOWEST: f64 = 30.0;
/// What a refusal leaves of the rate.
const CUT: f64 = 0.7;
/// How much more is tried of a learned limit, once it has held for a while.
const GROWTH: f64 = 1.5;
/// Minutes for which a limit is believed at the most before more is tried.
const LONGEST_BELIEF: i64 = 32;
/// Refusals so few minutes apart are no accident.
const SOON: i64 = 3;
const MINUTE: Duration = Duration::from_secs(60);

type Told<'a> = Box<dyn Fn() -> Option<Time> + Send + Sync + 'a>;

/// The pacers of one side.
pub(crate) struct Pacers<'a> {
    clock: &'a dyn Clock,
    /// What time it is on this side, whose minutes count; if it tells.
    told: Option<Told<'a>>,
    routes: [Mutex<Pacer>; 6],
}

impl<'a> Pacers<'a> {
    /// For a side of which it is not known that nobody sends to it.
    pub(crate) fn new(pace: &Pace, clock: &'a dyn Clock) -> Pacers<'a> {
        let share = pace.share_of(true);
        let pacer =
            |limit: u32, at_once: Duration| Mutex::new(Pacer::new(f64::from(limit.max(1)), share, at_once));
        // Devices that send share the first two with us, and nobody the others but people.
        let routes = [
            pacer(pace.reads, MINUTE / 10),
            pacer(pace.writes, MINUTE / 10),
            pacer(pace.lookups, MINUTE / 2),
            pacer(pace.edits, MINUTE / 2),
            pacer(pace.removals, MINUTE / 2),
            pacer(pace.files, MINUTE / 2),
        ];
        Pacers { clock, told: None, routes }
    }

    /// For a side of which a plan says whether it is in use.
    fn planned(pace: &Pace, clock: &'a dyn Clock, is_in_use: bool) -> Pacers<'a> {
        let pacers = Pacers::new(pace, clock);
        pacers.take(pace.share_of(is_in_use));
        pacers
    }

    /// Counts by this side's minutes.
    pub(crate) fn of(self, port: &'a dyn Source) -> Pacers<'a> {
        Pacers { told: Some(Box::new(|| port.now())), ..self }
    }

    /// Counts by the minutes of this side, which is asked for something else than records.
    pub(crate) fn of_resources(self, port: &'a dyn Resources) -> Pacers<'a> {
        Pacers { told: Some(Box::new(|| port.now())), ..self }
    }

    /// From now on this share of each limit.
    pub(crate) fn take(&self, share: f64) {
        for pacer in &self.routes {
            pacer.lock().unwrap_or_else(PoisonError::into_inner).share = share;
        }
    }

    /// Waits until one more request keeps within the limits.
    pub(crate) async fn admit(&self, route: Route) {
        let mut wait = self.with(route, Pacer::admit);
        while !wait.is_zero() {
            self.clock.sleep(wait).await;
            // Another request may have been refused meanwhile, and then this one goes no earlier than told.
            wait = self.with(route, |pacer, moment| pacer.closed_until.saturating_sub(moment.elapsed));
        }
    }

    /// The platform refused a request for now.
    pub(crate) fn refused(&self, route: Route, retry_after: Duration) {
        self.with(route, |pacer, moment| pacer.refused(moment, retry_after));
    }

    fn with<T>(&self, route: Route, act: impl FnOnce(&mut Pacer, Moment) -> T) -> T {
        let now = self.told.as_ref().and_then(|now| now()).unwrap_or_else(|| self.clock.now());
        let moment = Moment { elapsed: self.clock.elapsed(), minute: minute_of(now) };
        let mut pacer = self.routes[route as usize].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut pacer, moment)
    }
}

impl Header {
    /// How fast a side may be asked: of a live one a share, and by its own minutes.
    pub(crate) fn pace<'a>(
        &self,
        side: Side,
        port: &'a dyn Source,
        settings: &Settings,
        clock: &'a dyn Clock,
    ) -> Pacers<'a> {
        Pacers::planned(&settings.pace, clock, self.in_use.contains(&side)).of(port)
    }
}

impl ResourceHeader {
    /// The same of both sides, as far as there is a source.
    pub(crate) fn paces<'a>(
        &self,
        source: Option<&'a dyn Resources>,
        target: &'a dyn Resources,
        settings: &Settings,
        clock: &'a dyn Clock,
    ) -> [Pacers<'a>; 2] {
        let planned = |side| Pacers::planned(&settings.pace, clock, self.in_use.contains(&side));
        let of_source = source.into_iter().fold(planned(Side::Source), Pacers::of_resources);
        [of_source, planned(Side::Target).of_resources(target)]
    }
}

/// When something happens, on a clock that never goes back and by the platform's calendar.
#[derive(Debug, Clone, Copy)]
struct Moment {
    elapsed: Duration,
    minute: i64,
}

fn minute_of(time: Time) -> i64 {
    time.millis().div_euclid(60_000)
}

/// A smooth rate with a small allowance for the beginning.
///
/// A refusal cuts the rate. One that stands alone was an accident, and after a minute without another the
/// rate is what it was. Refusals that follow each other tell the true limit; it is believed for a while
/// that doubles with each of them, and then more is tried.
struct Pacer {
    share: f64,
    /// The requests of so much time may come at once.
    at_once: Duration,
    told: f64,
    limit: f64,
    /// What the limit becomes after a whole minute without a refusal.
    goal: f64,
    /// Minutes for which `goal` is believed.
    belief: i64,
    refused_in: Option<i64>,
    /// When the next request is due at the present rate.
    due: Duration,
    closed_until: Duration,
    minute: i64,
    sent: u32,
}

impl Pacer {
    fn new(limit: f64, share: f64, at_once: Duration) -> Pacer {
        Pacer {
            share,
            at_once,
            told: limit,
            limit,
            goal: limit,
            belief: 1,
            refused_in: None,
            due: Duration::ZERO,
            closed_until: Duration::ZERO,
            minute: 0,
            sent: 0,
        }
    }

    fn admit(&mut self, moment: Moment) -> Duration {
        let now = moment.elapsed;
        let spacing = MINUTE.div_f64((self.limit * self.share).max(1.0));
        // Together with a minute's own they stay within the limit, in whatever minute they fall.
        let at_once = self.at_once.min(MINUTE.mul_f64((0.95 / self.share - 1.0).max(0.0)));
        let at = now.max(self.due.saturating_sub(at_once)).max(self.closed_until);
        self.due = self.due.max(at) + spacing;
        if moment.minute != self.minute {
            self.minute = moment.minute;
            self.sent = 0;
            self.recover();
        }
        self.sent += 1;
        at.saturating_sub(now)
    }

    /// A minute begins.
    fn recover(&mut self) {
        let Some(refused_in) = self.refused_in else { return };
        // Of another clock's minutes, after one was turned, nothing follows.
        let calm = (self.minute - refused_in).abs();
        if calm > 1 {
            self.limit = self.goal;
        }
        if calm > 1 + self.belief && self.goal < self.told {
            self.goal = (self.goal * GROWTH).min(self.told);
            self.limit = self.goal;
            self.refused_in = Some(self.minute);
        }
    }

    fn refused(&mut self, moment: Moment, retry_after: Duration) {
        let is_news = moment.elapsed >= self.closed_until;
        self.closed_until = self.closed_until.max(moment.elapsed + retry_after);
        self.due = self.due.max(self.closed_until);
        // What was under way when the first one was refused says nothing more.
        if !is_news {
            return;
        }
        // What went through in this minute is the limit, if it is enough to tell: other senders share it.
        let seen = f64::from(self.sent);
        let cut = self.limit * CUT;
        let learned = if seen >= LEARNABLE { seen.min(cut) } else { cut }.max(SLOWEST).min(self.limit);
        let apart = self.refused_in.map(|before| (moment.minute - before).abs());
        if apart != Some(0) {
            if apart.is_some_and(|minutes| minutes <= SOON) || self.goal < self.told {
                self.goal = learned;
                self.belief = (self.belief * 2).min(LONGEST_BELIEF);
            } else {
                self.goal = self.limit;
            }
        }
        self.limit = learned;
        self.refused_in = Some(moment.minute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: Duration) -> Moment {
        Moment { elapsed: now, minute: i64::try_from(now.as_secs() / 60).unwrap() }
    }

    /// Sends for some minutes against a strict calendar-minute limit, each request on its way for up to
    /// 80 ms, and answers (sent, refused).
    fn play(limit: u32, share: f64, minutes: u32, told: f64, at_once: Duration) -> (u32, u32) {
        let mut pacer = Pacer::new(told, share, at_once);
        let (mut now, mut sent, mut refused) = (Duration::ZERO, 0, 0);
        let (mut used, mut jitter) = (std::collections::BTreeMap::new(), 1_u64);
        while now < MINUTE * minutes {
            now += pacer.admit(at(now));
            jitter = jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let arrives = now + Duration::from_millis((jitter >> 33) % 80);
            let used: &mut u32 = used.entry(arrives.as_secs() / 60).or_default();
            *used += 1;
            if *used > limit {
                refused += 1;
                pacer.refused(at(now), Duration::from_secs(60 - arrives.as_secs() % 60));
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
        for share in [0.6, 0.985] {
            let (sent, refused) = play(250, share, 10, 15_000.0, MINUTE / 10);
            assert!(refused <= 6, "{refused} refusals at a share of {share}");
            assert!(sent > 1_000, "{sent} of 2500 at a share of {share}");
            // Later on more is tried now and then, and hardly ever refused.
            let (_, in_an_hour) = play(250, share, 60, 15_000.0, MINUTE / 10);
            assert!(in_an_hour <= 10, "{in_an_hour} refusals in an hour at a share of {share}");
        }
    }

    /// Requests admitted in each minute while a target refuses all that arrives between two moments.
    fn through_a_storm(
        begins: u64,
        ends: u64,
        retry_after: Duration,
    ) -> (Vec<u32>, Vec<(Duration, Duration)>) {
        const MINUTES: usize = 8;
        let mut pacer = Pacer::new(6_000.0, 0.6, Duration::ZERO);
        let (mut now, mut minutes, mut told) = (Duration::ZERO, vec![0; MINUTES], Vec::new());
        loop {
            let wait = pacer.admit(at(now));
            if let Some((_, until)) = told.last_mut().filter(|(_, next): &&mut (_, Duration)| next.is_zero())
            {
                *until = now + wait;
            }
            now += wait;
            let Some(minute) = minutes.get_mut((now.as_secs() / 60) as usize) else { return (minutes, told) };
            *minute += 1;
            if (begins..ends).contains(&now.as_secs()) {
                pacer.refused(at(now), retry_after);
                told.push((now + retry_after, Duration::ZERO));
            }
        }
    }

    /// F5: the next request comes no earlier than told, the rate is cut by 30 % or more, and two minutes
    /// after the storm it is what it was.
    #[test]
    fn f05_a_storm_of_refusals_is_waited_out_and_forgotten() {
        for (retry_after, ends) in [(1, 91), (30, 91), (5, 96)] {
            let (minutes, told) = through_a_storm(90, ends, Duration::from_secs(retry_after));
            assert!(!told.is_empty());
            for (not_before, next) in told {
                assert!(next >= not_before, "{next:?} is before {not_before:?}");
            }
            let usual = f64::from(minutes[0]);
            assert!((3_500.0..=3_700.0).contains(&usual), "{usual}");
            let (cut, recovered) = (f64::from(minutes[2]) / usual, f64::from(minutes[3]) / usual);
            assert!(cut <= 0.705, "{retry_after}: {cut} of the rate was left");
            assert!(recovered >= 0.95, "{retry_after}: {recovered} of the rate came back: {minutes:?}");
        }
    }

    /// Answers to requests that were under way together are one refusal.
    #[test]
    fn a_burst_of_refusals_cuts_once() {
        let mut pacer = Pacer::new(6_000.0, 0.6, Duration::ZERO);
        let now = MINUTE * 3;
        pacer.admit(at(now));
        for millis in 0..8 {
            pacer.refused(at(now + Duration::from_millis(millis)), Duration::from_secs(2));
        }
        assert_eq!((pacer.limit, pacer.goal), (4_200.0, 6_000.0));
    }

    struct Turned(tokio::time::Instant);

    #[async_trait::async_trait]
    impl Clock for Turned {
        fn now(&self) -> Time {
            Time::from_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
        }

        fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }

        async fn sleep(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }
    }

    /// Several wait their turn already when one is refused.
    #[tokio::test(start_paused = true)]
    async fn f05_who_waits_already_goes_no_earlier_than_told() {
        let clock = Turned(tokio::time::Instant::now());
        let pace = Pace { edits: 60, share: Some(1.0), ..Pace::default() };
        let pacers = Pacers::new(&pace, &clock);
        pacers.admit(Route::Edit).await;
        let waiting = futures_util::future::join_all((0..5).map(|_| async {
            pacers.admit(Route::Edit).await;
            clock.elapsed()
        }));
        let refused = async {
            clock.sleep(Duration::from_millis(500)).await;
            pacers.refused(Route::Edit, Duration::from_secs(20));
        };
        let (went, ()) = futures_util::future::join(waiting, refused).await;
        assert!(went.iter().all(|at| *at >= Duration::from_millis(20_500)), "{went:?}");
    }
}

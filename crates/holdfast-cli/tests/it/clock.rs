use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tago_api::Time;
use tago_api::client::{Api, NewDevice, NewRecord};
use tago_migrate::live::Live;
use tago_migrate::{
    Choices, Clock, Control, Ending, Env, Figures, Progress, Settings, Side, SystemClock, prove, rehearse,
    run,
};

use crate::oracle;
use crate::platform::Platform;

const DAY: Duration = Duration::from_secs(86_400);
const BOUND: Duration = Duration::from_secs(2);

/// The platform's clock is a day ahead of this computer's: what is late, what is in use and what has arrived
/// follow the platform's.
#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_clock_counts_and_not_this_computers() {
    let platform = Platform::start();
    let (source, target) = (platform.new_project("Before").await, platform.new_project("After").await);
    let here = SystemClock::start();
    let there = here.now() + DAY;
    platform.turn_clock(there).await;
    let records = [there - Duration::from_secs(3_600), there + DAY].map(level);
    send(&source.api(), &records).await;

    let (from, to) = (Live::new(source.api()), Live::new(target.api()));
    let (control, progress) = (Control::new(), Progress::new(Figures::default()));
    let env = Env { clock: &here, nonce: 1, progress: &progress, control: &control };
    let settings = Settings { late_commit_bound: BOUND, ..Settings::default() };
    let plan = rehearse(&from, &to, &Choices::default(), &settings, env).await.unwrap();
    let (header, summary) = (plan.header(), plan.summary());
    // It stands still there, and a date has no more than seconds.
    let near = |time: Time| time.since(there).max(there.since(time)) < Duration::from_secs(20);
    assert!(near(header.created_at) && near(header.cutoff + BOUND), "{header:?}");
    assert_eq!(summary.records_missing, 1, "only what is dated before there");
    assert!(header.in_use.contains(&Side::Source) && !header.in_use.contains(&Side::Target), "{header:?}");

    let folder = tempfile::tempdir().unwrap();
    let ending = run(&plan, &plan.fingerprint(), folder.path(), &from, &to, &settings, env).await.unwrap();
    assert_eq!(ending, Ending::Finished);
    assert!(prove(folder.path(), &from, &to, &settings, env).await.unwrap().green);
}

/// This computer's clock is turned by an hour and a day, forward and back, again and again while a run waits for
/// what may still arrive: how long it waits is measured, and what it means by now is the platform's.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_turned_again_and_again_loses_and_doubles_nothing() {
    let platform = Platform::start();
    let (source, target) = (platform.new_project("Before").await, platform.new_project("After").await);
    let here = Turned { clock: SystemClock::start(), asked: AtomicUsize::new(0) };
    let first = here.clock.now() - DAY;
    let records: Vec<NewRecord> = (0..400).map(|number| level(first + Duration::from_secs(number))).collect();
    send(&source.api(), &records).await;

    let without_retries = tago_api::client::Settings::default().without_retries();
    let (from, to) =
        (Live::new(source.api_with(without_retries.clone())), Live::new(target.api_with(without_retries)));
    let (control, progress) = (Control::new(), Progress::new(Figures::default()));
    let env = Env { clock: &here, nonce: 1, progress: &progress, control: &control };
    let settings = Settings { late_commit_bound: BOUND, batch_bytes: 2_000, ..Settings::default() };
    let plan = rehearse(&from, &to, &Choices::default(), &settings, env).await.unwrap();
    assert_eq!(plan.summary().records_missing, 400);
    platform.fault(&target, "late_commit", 0.4, 3, 1_500).await;
    let folder = tempfile::tempdir().unwrap();
    let ending = run(&plan, &plan.fingerprint(), folder.path(), &from, &to, &settings, env).await.unwrap();
    assert_eq!(ending, Ending::Finished);
    assert!(platform.struck().await[0] > 1);
    platform.come_back().await;
    assert!(prove(folder.path(), &from, &to, &settings, env).await.unwrap().green);
    let found = oracle::records(&platform.database(&target).await, None);
    assert_eq!((found.count(), found.duplicates()), (400, 0));
    assert!(here.asked.load(Ordering::Relaxed) > TURNS.len(), "the clock was hardly asked");
}

/// A clock that somebody turns before each look at it.
struct Turned {
    clock: SystemClock,
    asked: AtomicUsize,
}

/// By so many hours.
const TURNS: [i64; 5] = [0, 1, -1, 24, -24];

#[async_trait]
impl Clock for Turned {
    fn now(&self) -> Time {
        let turn = TURNS[self.asked.fetch_add(1, Ordering::Relaxed) % TURNS.len()];
        Time::from_millis(self.clock.now().millis() + turn * 3_600_000)
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }
}

pub(crate) fn level(time: Time) -> NewRecord {
    NewRecord {
        variable: "level".into(),
        value: Some(serde_json::from_str("1").unwrap()),
        time,
        unit: None,
        group: Some("g".into()),
        location: None,
        metadata: None,
    }
}

pub(crate) async fn send(api: &Api, records: &[NewRecord]) {
    let new = NewDevice {
        name: "Tank".into(),
        kind: "mutable".into(),
        active: true,
        visible: true,
        tags: Vec::new(),
        serie_number: None,
        fields: [("network", "5bbd0d144051a50034cd19fb"), ("connector", "5f5a8f3351d4db99c40dece7")]
            .map(|(name, id)| (name.to_owned(), serde_json::value::to_raw_value(id).unwrap()))
            .into(),
    };
    let token = api.create_device(&new).await.unwrap().token;
    api.as_device(&token).unwrap().write(records).await.unwrap();
}

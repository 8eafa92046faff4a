use std::time::Duration;

use tago_api::Time;
use tago_api::client::{Api, NewDevice, NewRecord};
use tago_migrate::live::Live;
use tago_migrate::{
    Choices, Clock, Control, Ending, Env, Figures, Progress, Settings, Side, SystemClock, prove, rehearse,
    run,
};

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

fn level(time: Time) -> NewRecord {
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

async fn send(api: &Api, records: &[NewRecord]) {
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

//! The source is only read, and all that it holds arrives.

use std::time::Duration;

use serde_json::{Value, json};
use tago_api::Time;
use tago_api::client::NewRecord;

use crate::bad_day::device_api;
use crate::ctl::Ctl;
use crate::damaged::Damaged;
use crate::oracle::{self, NONE};
use crate::platform::{Platform, make_device};

/// Planned, run, proven at every depth and taken back, by stream, in files, and replacing a time range: nothing
/// but questions ever reaches the source, and it holds what it held.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_records_only_reads_its_source() {
    let platform = Platform::start();
    let Damaged { target, backup, emptied, month, .. } = Damaged::of(&platform).await;
    let source = platform.restore(target.id, backup.id).await;
    let before = platform.stored(&source).await;
    let (from, to, device) = (month.from.to_string(), month.to.to_string(), emptied[0].to_string());
    for options in [
        &["--existing", "take-source"][..],
        &["--existing", "take-source", "--lane", "file"],
        &["--policy", "replace", "--from", &from, "--to", &to, "--device", &device],
    ] {
        let ctl = Ctl::between(&source, &target);
        let plan = ctl.plan(options).json(0);
        let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
        assert!(run["records_done"].as_u64().unwrap() > 100, "{run}");
        for depth in ["counts", "content", "records"] {
            assert_eq!(ctl.prove_at(depth).json_of_any()["missing"], 0);
        }
        assert_eq!(ctl.report().code, Some(0));
        assert_eq!(ctl.undo(None).json(0)["undone"]["complete"], true);
        let after = platform.stored(&source).await;
        let changed: Vec<&String> = before.symmetric_difference(&after).collect();
        assert_eq!(changed, Vec::<&String>::new(), "{options:?}");
    }
    let asked = platform.requests(&source).await;
    let written: Vec<_> = asked.iter().filter(|(route, _)| !route.starts_with("GET ")).collect();
    assert_eq!(written, Vec::<(&String, &u64)>::new());
    assert!(asked["GET /device/{device}/data"] > 10, "{asked:?}");
}

/// What the source gets after the rehearsal is not moved: a time range that has become another is held back, and
/// the rest goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_to_the_source_after_the_rehearsal_is_not_moved() {
    let platform = Platform::start();
    let Damaged { target, backup, emptied, month, .. } = Damaged::of(&platform).await;
    let source = platform.restore(target.id, backup.id).await;
    let (ours, theirs) = (platform.database(&source).await, platform.database(&target).await);
    let (sealed, before) = (oracle::records(&ours, None), oracle::records(&theirs, None));
    let ctl = Ctl::between(&source, &target);
    let chosen: Vec<String> = emptied.iter().map(ToString::to_string).collect();
    let options: Vec<&str> = chosen.iter().flat_map(|device| ["--device", device]).collect();
    let plan = ctl.plan(&options).json(0);

    let now = backup.created_at + Duration::from_secs(30 * 86_400);
    let middle = month.from + Duration::from_secs(15 * 86_400);
    for (device, time) in [(emptied[0], now), (emptied[1], middle)] {
        let sensor = device_api(&source.api(), device).await;
        assert_eq!(sensor.write(&[record("temperature", time, LATE)]).await.unwrap(), 1);
    }
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json_of_any();
    let held = run["held"].as_array().unwrap();
    assert!(!held.is_empty() && held.iter().all(|held| held["device"] == chosen[1].as_str()), "{run}");
    let found = oracle::records(&theirs, None);
    assert_eq!(found.without_group(LATE), found, "what came later was moved");
    let whole = before.plus(&sealed.of(&chosen).minus(&before));
    let others = [chosen[0].clone(), chosen[2].clone()];
    assert_eq!(whole.of(&others).compare(&found.of(&others)), NONE);
    assert_eq!((found.minus(&whole).count(), before.minus(&found).count()), (0, 0));

    // What was held back is planned again, with what came.
    let again = ctl.plan(&options).json(0);
    assert_eq!(again["records"]["to_write"], whole.minus(&found).count() + 1, "{again}");
}

const LATE: &str = "came-later";

/// A device that sends what its network calls `payload` keeps these records, beside the others of their group.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_called_payload_arrives_like_any_other() {
    arrives("UTC0", |now| {
        let at = |number: u32| now - Duration::from_secs(60) * (number / 2 + 1);
        let name = |number: u32| ["payload", "temperature"][number as usize % 2];
        (0..600).map(|number| record(name(number), at(number), &format!("{:04}", number / 2))).collect()
    })
    .await;
}

/// No batch is empty because what it would hold is left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_sends_nothing_but_payload_arrives_whole() {
    arrives("UTC0", |now| {
        let at = |number: u32| now - Duration::from_secs(60) * (number + 1);
        (0..600).map(|number| record("payload", at(number), &format!("{number:04}"))).collect()
    })
    .await;
}

/// Ten months end among these records, at another moment on this computer than on the platform.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_at_the_ends_of_months_arrives_in_any_time_zone() {
    for time_zone in ["HFT-14", "HFT+11"] {
        arrives(time_zone, |now| {
            let at = |number: u32| now - Duration::from_secs(43_200) * (number + 1);
            (0..600).map(|number| record("level", at(number), &format!("{number:04}"))).collect()
        })
        .await;
    }
}

/// Records that were sent with times long before their device was made there, and before it is made here.
#[tokio::test(flavor = "multi_thread")]
async fn records_older_than_their_device_arrive() {
    arrives("UTC0", |now| {
        let year = Duration::from_secs(365 * 86_400);
        let at = |number: u32| now - year * 2 + Duration::from_secs(86_400) * number;
        (0..600).map(|number| record("level", at(number), &format!("{number:04}"))).collect()
    })
    .await;
}

/// These records of a device that was made just now, moved to where there is none, and taken back.
async fn arrives(time_zone: &'static str, records: impl Fn(Time) -> Vec<NewRecord>) {
    let platform = Platform::start();
    let source = platform.original();
    let api = source.api();
    let now = platform.console().backups(source.id).await.unwrap().remove(0).created_at;
    let device = make_device(&api, "Tank", "mutable", json!({})).await;
    let records = records(now);
    assert!(records.iter().all(|record| record.time < now));
    for batch in records.chunks(500) {
        assert_eq!(device_api(&api, device).await.write(batch).await.unwrap(), batch.len() as u64);
    }
    let target = platform.new_project("Rescue").await;
    let (ours, theirs) = (platform.database(&source).await, platform.database(&target).await);
    let wanted = oracle::records(&ours, Some(&[device.to_string()]));
    assert_eq!(wanted.count(), records.len() as i64);

    let ctl = Ctl::between(&source, &target).in_time_zone(time_zone);
    let plan = ctl.plan(&["--device", &device.to_string()]).json(0);
    assert_eq!(plan["records"]["to_write"], records.len());
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    let made = run["devices_made"][0][1].as_str().unwrap().to_owned();
    let wanted = wanted.with_devices(|_| made.clone());
    assert_eq!(wanted.compare(&oracle::records(&theirs, None)), NONE);
    let proof = ctl.prove_at("records").json(0);
    assert_eq!((&proof["green"], &proof["records"]), (&json!(true), &json!(records.len())), "{proof}");
    assert_eq!(ctl.undo(None).json(0)["undone"]["complete"], true);
    assert_eq!(oracle::records(&theirs, None).count(), 0);
}

fn record(variable: &str, time: Time, group: &str) -> NewRecord {
    NewRecord {
        variable: variable.into(),
        value: serde_json::from_value(Value::from("0367060b")).unwrap(),
        time,
        unit: None,
        group: Some(group.into()),
        location: None,
        metadata: None,
    }
}

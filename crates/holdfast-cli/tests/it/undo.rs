use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use secrecy::ExposeSecret;
use serde_json::Value;
use tago_api::client::{NewRecord, ParamWrite, RecordQuery, TimeRange};
use tago_api::{DeviceId, Time};

use crate::bad_day::{device_api, devices};
use crate::ctl::Ctl;
use crate::damaged::Damaged;
use crate::oracle::{self, NONE};
use crate::platform::{Platform, Project};

/// Devices deleted, emptied and changed; a run mends them, and is taken back when its source is deleted. It is
/// killed again and again on the way. What others wrote meanwhile stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_taken_back_without_its_source_through_kills_and_beside_others() {
    let platform = Platform::start();
    let Damaged { target, backup, emptied, renamed, month } = Damaged::of(&platform).await;
    let api = target.api();
    let own = ParamWrite { id: None, key: "own".into(), value: "by hand".into(), sent: true };
    api.write_params(renamed, &[own]).await.unwrap();

    let database = platform.database(&target).await;
    let before = (oracle::records(&database, None), said(&database));
    let source = platform.restore(target.id, backup.id).await;
    let mut ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&["--existing", "take-source"]).json(0);
    assert_eq!(plan["irreversible"], Value::Array(Vec::new()));
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    assert!(run["records_done"].as_u64().unwrap() > 500, "{run}");
    assert_eq!(run["devices_made"].as_array().unwrap().len(), 2);
    assert_ne!(said(&database), before.1, "the device was not changed");

    // The source is gone, and its address with it.
    platform.console().delete_project(source.id, "Rescue").await.unwrap();
    ctl.source.api = "http://127.0.0.1:1".into();

    // Somebody sends into a time that the run has filled.
    let foreign = foreign(month.from);
    let sensor = device_api(&api, emptied[0]).await;
    assert_eq!(sensor.write(std::slice::from_ref(&foreign)).await.unwrap(), 1);

    let rows = rows(&ctl);
    let mut kills = 0;
    let told = loop {
        // Each session comes a little further than the one before.
        let ended = ctl.undo(Some(rows + 3 + kills * 5));
        match ended.signal {
            Some(_) => kills += 1,
            None => break ended.json(0),
        }
        assert!(kills < 200, "{ended:#?}");
    };
    assert!(kills >= 4, "killed {kills} times");
    println!("taken back through {kills} kills");
    let undone = &told["undone"];
    assert_eq!(
        (undone["complete"].clone(), undone["changed_since"].clone()),
        (true.into(), Value::Array(vec![]))
    );
    let what = |name: &str| {
        undone["reversed"].as_array().unwrap().iter().filter(|reversed| reversed["what"] == name).count()
    };
    assert_eq!((what("deleted"), what("restored")), (2, 1));

    let after = (oracle::records(&database, None), said(&database));
    let expected = before.0.plus(&theirs(&after.0));
    assert_eq!(expected.compare(&after.0), NONE);
    assert_eq!(theirs(&after.0).count(), 1);
    let tokenless =
        |rows: &[String]| rows.iter().filter(|row| !row.contains("sensor")).cloned().collect::<Vec<_>>();
    assert_eq!(tokenless(&after.1), tokenless(&before.1));
    assert_eq!(ctl.undo(None).json(0)["undone"], *undone, "a second undo says the same");
    let refused = ctl.resume(None);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
}

/// A record of the run that somebody changed stays, and so does a device that somebody uses.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_since_stays_over_http() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let devices = devices(&api).await;
    let (deleted, emptied) = (&devices[0], devices[1].0);
    let backup = console.backups(target.id).await.unwrap().remove(0);
    api.delete_device(deleted.0).await.unwrap();
    let day = TimeRange { from: backup.created_at - Duration::from_secs(86_400), to: backup.created_at };
    assert!(api.delete_records(emptied, &RecordQuery::range(day)).await.unwrap() > 2);
    let database = platform.database(&target).await;
    let before = oracle::records(&database, None);
    let source = platform.restore(target.id, backup.id).await;
    let ctl = Ctl::between(&source, &target);
    let names = [deleted.0.to_string(), emptied.to_string()];
    let plan = ctl.plan(&["--device", &names[0], "--device", &names[1]]).json(0);
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    let made: DeviceId = run["devices_made"][0][1].as_str().unwrap().parse().unwrap();

    let newest = RecordQuery { quantity: 1, ascending: false, ..RecordQuery::range(day) };
    let changed = api.record_page(emptied, &newest).await.unwrap().remove(0);
    let body = serde_json::json!([{ "id": changed.id, "value": "by hand" }]);
    put(&target, &format!("/device/{emptied}/data"), &body).await;
    let sensor = device_api(&api, made).await;
    sensor.write(&[foreign(day.from)]).await.unwrap();

    let told = ctl.undo(None).json(1)["undone"].take();
    assert_eq!(told["complete"], true);
    let stayed = told["changed_since"].as_array().unwrap();
    let of = |device: DeviceId| {
        let device = Value::String(device.to_string());
        stayed.iter().find(|stayed| stayed["device"] == device).unwrap_or_else(|| panic!("{told:#}"))
    };
    assert_eq!(of(emptied)["records"], 1);
    assert!(of(made)["reason"].as_str().unwrap().contains("token"), "{told:#}");
    let after = oracle::records(&database, None);
    let strangers = after.minus(&before);
    assert_eq!((before.minus(&after).count(), strangers.count()), (0, 2), "{told:#}");
    assert_eq!(theirs(&after).of(&[made.to_string()]).count(), 1);
}

const GROUP: &str = "somebody-else";

fn foreign(time: Time) -> NewRecord {
    NewRecord {
        variable: "temperature".into(),
        value: serde_json::from_str("21.5").unwrap(),
        time,
        unit: None,
        group: Some(GROUP.into()),
        location: None,
        metadata: None,
    }
}

/// What somebody else sent.
fn theirs(records: &oracle::Records) -> oracle::Records {
    records.minus(&records.without_group(GROUP))
}

/// Devices, parameters and tokens, without the times of their last changes.
fn said(database: &Path) -> Vec<String> {
    let without_time = |row: String| match serde_json::from_str::<Vec<Value>>(&row).unwrap() {
        device if device.len() == 7 => format!("{:?}", &device[..6]),
        _ => row,
    };
    oracle::everything_else(database).into_iter().map(without_time).collect()
}

/// How many rows the journal of the run has.
fn rows(ctl: &Ctl) -> u64 {
    let journal = ctl.run_folder().join("journal.sqlite");
    let journal = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let rows: i64 = journal.query_row("SELECT max(seq) FROM row", [], |row| row.get(0)).unwrap();
    rows.unsigned_abs()
}

async fn put(project: &Project, path: &str, body: &Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.put(format!("{}{path}", project.api)).header("token", project.token.expose_secret());
    let answer = request.json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

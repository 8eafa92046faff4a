use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use tago_api::DeviceId;
use tago_api::client::{Api, DeviceApi, NewDeviceToken, NewRecord, Permission, RecordQuery, TimeRange};
use tago_migrate::{Clock, SystemClock};
use tokio::task::JoinHandle;

use crate::ctl::Ctl;
use crate::oracle::{self, NONE, Records};
use crate::platform::Platform;

/// Five devices deleted and a month of ten others emptied, while the rest of the company goes on
/// sending: from the right backup everything comes back, once, and nothing else changes.
#[tokio::test(flavor = "multi_thread")]
async fn s15_the_bad_day() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let devices = devices(&api).await;
    let (deleted, rest) = devices.split_at(5);
    let (emptied, untouched) = rest.split_at(10);
    let live = Live::start(&api, &[emptied[0].0, emptied[1].0, untouched[0].0]).await;

    let backup = console.backups(target.id).await.unwrap().remove(0);
    for (device, _) in deleted {
        api.delete_device(*device).await.unwrap();
    }
    let month =
        TimeRange { from: backup.created_at - Duration::from_secs(30 * 86_400), to: backup.created_at };
    for (device, _) in emptied {
        assert!(api.delete_records(*device, &RecordQuery::range(month)).await.unwrap() > 0);
    }
    let target_database = platform.database(&target).await;
    let damaged = recorded(&target_database);

    let source = platform.restore(target.id, backup.id).await;
    let copy = recorded(&platform.database(&source).await);
    let missing = copy.minus(&damaged);
    assert!(missing.count() > 1_000, "{} records are missing", missing.count());

    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&[]).json(0);
    assert_eq!(plan["records"]["to_write"], missing.count());
    for device in plan["devices"].as_array().unwrap() {
        let id = device["device"].as_str().unwrap().to_owned();
        let is_deleted = deleted.iter().any(|(deleted, _)| deleted.to_string() == id);
        assert_eq!(device["verdict"] == "create", is_deleted, "{device}");
        assert_eq!(device["records"]["to_write"], missing.of(&[id]).count(), "{device}");
    }

    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    assert_eq!(run["records_done"], missing.count());
    let counts = ctl.prove_at("counts").json(0);
    assert_eq!(
        (&counts["agrees"], &counts["green"], &counts["records"]),
        (&true.into(), &false.into(), &0.into())
    );
    let proof = ctl.prove().json(0);
    assert_eq!((&proof["green"], &proof["missing"], &proof["doubled"]), (&true.into(), &0.into(), &0.into()));

    let made = new_ids(&run);
    assert_eq!(made.len(), 5);
    let expected = renamed(&damaged.plus(&missing), &made);
    assert_eq!(expected.compare(&recorded(&target_database)), NONE);

    let again = Ctl::between(&source, &target).plan(&[]).json(0);
    assert_eq!(
        (&again["nothing_to_do"], &again["records"]["to_write"]),
        (&true.into(), &0.into()),
        "{again}"
    );

    let sent = live.stop().await;
    assert!(!sent.is_empty());
    assert_eq!(live_groups(&target_database), sent, "what was sent meanwhile is there once each");

    the_proof_names_what_somebody_spoils(&ctl, &api, &target_database, emptied).await;
}

/// One record changed, one dropped and one doubled, behind the engine's back.
async fn the_proof_names_what_somebody_spoils(
    ctl: &Ctl,
    api: &Api,
    database: &Path,
    emptied: &[(DeviceId, String)],
) {
    let db = Connection::open(database).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    let changed = old_number(&db, emptied[2].0);
    let was = spoil(&db, &changed, "UPDATE records SET value = '-987.25'");
    let dropped = old_number(&db, emptied[3].0);
    let gone = spoil(&db, &dropped, "DELETE FROM records");
    drop(db);
    let oldest = RecordQuery { quantity: 1, ..RecordQuery::range(TimeRange::ALL) };
    let doubled = api.record_page(emptied[4].0, &oldest).await.unwrap().remove(0);
    let again = NewRecord {
        variable: doubled.variable,
        value: doubled.value.clone(),
        time: doubled.time,
        unit: doubled.unit,
        group: doubled.group,
        location: doubled.location,
        metadata: doubled.metadata,
    };
    assert_eq!(device_api(api, emptied[4].0).await.write(&[again]).await.unwrap(), 1);

    // One lacks and one is too many, in windows of different devices; the changed one is not seen.
    let counted = ctl.prove_at("counts").json(1);
    assert_eq!((&counted["missing"], &counted["changed"]), (&1.into(), &0.into()), "{counted}");
    assert_eq!(counted["windows_not_equal"].as_array().unwrap().len(), 2, "{counted}");
    let proof = ctl.prove_at("records").json(1);
    assert_eq!(proof["green"], false);
    let counts = ["missing", "changed", "doubled"].map(|kind| proof[kind].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1], "{proof}");
    let named = |kind: &str| -> (String, Value) {
        let windows = proof["windows_not_equal"].as_array().unwrap().iter();
        let found = windows.flat_map(|window| {
            let differences = window["differences"].as_array().unwrap().iter();
            differences.map(|difference| (window["name"].as_str().unwrap().to_owned(), difference.clone()))
        });
        found.into_iter().find(|(_, difference)| difference["kind"] == kind).unwrap()
    };
    let (name, change) = named("changed");
    assert_eq!(name, emptied[2].1);
    assert!(change["found"].as_str().unwrap().contains("-987.25"), "{change}");
    assert!(change["expected"].as_str().unwrap().contains(&was), "{change} {was}");
    assert_eq!(change["fields"], serde_json::json!(["value"]));
    let (name, missing) = named("missing");
    assert_eq!(name, emptied[3].1);
    assert!(missing["expected"].as_str().unwrap().contains(&gone), "{missing} {gone}");
    let (name, twice) = named("doubled");
    assert_eq!(name, emptied[4].1);
    assert_eq!((&twice["times"], &twice["time"]), (&1.into(), &doubled.time.to_string().into()), "{twice}");
}

/// A client that goes on sending from a few devices, one record after the other.
struct Live {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<String>>,
}

impl Live {
    async fn start(api: &Api, devices: &[DeviceId]) -> Live {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sensors = Vec::new();
        for device in devices {
            let variable = RecordQuery { quantity: 1, ..RecordQuery::range(TimeRange::ALL) };
            let variable = api.record_page(*device, &variable).await.unwrap().remove(0).variable;
            sensors.push((device_api(api, *device).await, variable));
        }
        let stopped = stop.clone();
        let clock = SystemClock::start();
        let task = tokio::spawn(async move {
            let mut groups = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                for (sensor, variable) in &sensors {
                    let group = format!("{LIVE}{}", groups.len());
                    let record = NewRecord {
                        variable: variable.clone(),
                        value: serde_json::from_str("21.5").unwrap(),
                        time: clock.now(),
                        unit: None,
                        group: Some(group.clone()),
                        location: None,
                        metadata: None,
                    };
                    assert_eq!(sensor.write(&[record]).await.unwrap(), 1);
                    groups.push(group);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            groups.sort();
            groups
        });
        Live { stop, task }
    }

    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

const LIVE: &str = "live-";

/// What is recorded, without what the live client sends.
fn recorded(database: &Path) -> Records {
    oracle::records(database, None).without_group(LIVE)
}

fn live_groups(database: &Path) -> Vec<String> {
    let db = Connection::open(database).unwrap();
    let mut query = db.prepare("SELECT \"group\" FROM records WHERE \"group\" LIKE 'live-%'").unwrap();
    let mut groups: Vec<String> =
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    groups.sort();
    groups
}

pub(crate) async fn devices(api: &Api) -> Vec<(DeviceId, String)> {
    let listed = api.devices(&tago_api::client::DeviceQuery::all()).await.unwrap().into_iter();
    let mutable = listed.filter(|device| device.kind.as_deref() == Some("mutable"));
    let mut devices: Vec<_> = mutable.map(|device| (device.id, device.name)).collect();
    // Their ids are another each time.
    devices.sort_by(|one, other| one.1.cmp(&other.1));
    devices
}

pub(crate) async fn device_api(api: &Api, device: DeviceId) -> DeviceApi {
    let token =
        NewDeviceToken { device, name: "sensor".into(), permission: Permission::Full, serie_number: None };
    api.as_device(&api.create_device_token(&token).await.unwrap().token).unwrap()
}

/// Old ids of the devices that the run made, and their new ones.
fn new_ids(run: &Value) -> BTreeMap<String, String> {
    let made = run["devices_made"].as_array().unwrap().iter();
    made.map(|made| (made[0].as_str().unwrap().to_owned(), made[1].as_str().unwrap().to_owned())).collect()
}

fn renamed(records: &Records, ids: &BTreeMap<String, String>) -> Records {
    records.with_devices(|device| ids.get(device).cloned().unwrap_or_else(|| device.to_owned()))
}

fn old_number(db: &Connection, device: DeviceId) -> i64 {
    db.query_row("SELECT number FROM devices WHERE id = ?1", [device.to_string()], |row| row.get(0)).unwrap()
}

/// Does this to one numeric record of the device, one that has no twin at its moment; its value.
fn spoil(db: &Connection, device: &i64, what: &str) -> String {
    let (sequence, value): (i64, String) = db
        .query_row(
            "SELECT sequence, value FROM records r WHERE device = ?1 AND value GLOB '[0-9]*' AND \"group\" NOT LIKE 'live-%'
             AND 1 = (SELECT count(*) FROM records t WHERE t.device = r.device AND t.variable = r.variable AND t.time = r.time)
             ORDER BY time, sequence LIMIT 1 OFFSET 20",
            [device],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let done =
        db.execute(&format!("{what} WHERE device = ?1 AND sequence = ?2"), [*device, sequence]).unwrap();
    assert_eq!(done, 1);
    value
}

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use tago_api::client::{Api, DeviceQuery, NewDeviceToken, NewRecord, Permission, RecordQuery, TimeRange};
use tago_api::{DeviceId, Time, Value};
use tago_migrate::{RunStatus, status};

use crate::ctl::{Ctl, Ended};
use crate::oracle::{self, NONE, Records};
use crate::platform::{Platform, Project};

/// Twenty runs, each killed with SIGKILL right after a row of its journal became durable, then resumed
/// to the end. Ten fill gaps; ten append what holds true duplicates, while the platform drops replies
/// after the commit, and commits after dropping the reply.
#[tokio::test(flavor = "multi_thread")]
async fn s15_twenty_kills_lose_nothing_and_double_nothing() {
    let platform = Platform::start();
    let target = platform.original();
    let api = target.api();
    let devices = all_devices(&api).await;
    let (to_fill, to_append) = devices[..40].split_at(20);
    for device in to_append {
        send_thrice(&api, *device).await;
    }
    let console = platform.console();
    let backup = console.back_up_now(target.id).await.unwrap();
    let source = platform.restore(target.id, backup.id).await;
    let paths = platform.databases().await;
    let database = |project: &Project| paths[&project.id.to_string()].clone();
    let (source_database, target_database) = (database(&source), database(&target));
    assert!(oracle::records(&source_database, Some(&texts(to_append))).duplicates() >= to_append.len());

    for device in to_fill {
        tear_a_hole(&api, *device, &target_database).await;
    }
    // Half of the others start empty, half keep what they have and are to hold it twice in the end.
    for device in to_append.iter().step_by(4).chain(to_append.iter().skip(1).step_by(4)) {
        api.empty_device(*device).await.unwrap();
    }
    let killed = Killed { source, target, source_database, target_database, kills: Mutex::default() };

    std::thread::scope(|scope| {
        for (seed, devices) in to_fill.chunks(2).enumerate() {
            let killed = &killed;
            scope.spawn(move || killed.run(seed as u64, devices, Policy::Fill));
        }
    });
    platform.fault(&killed.target, "commit_then_drop", 0.08, 1, 0).await;
    // Half of what the runs wait for: the platform's writer is late by itself when ten runs keep it busy.
    platform.fault(&killed.target, "late_commit", 0.08, 2, 1_000).await;
    std::thread::scope(|scope| {
        for (seed, devices) in to_append.chunks(2).enumerate() {
            let killed = &killed;
            scope.spawn(move || killed.run(10 + seed as u64, devices, Policy::Append));
        }
    });

    let struck = platform.struck().await;
    assert!(struck.iter().all(|times| *times >= 5), "{struck:?} requests were spoilt");

    let mut kills = killed.kills.into_inner().unwrap();
    kills.sort();
    kills.iter().for_each(|(_, _, line, _)| println!("{line}"));
    let between = kills.iter().filter(|(_, _, _, open)| *open > 0).count();
    println!(
        "{} kills, {between} of them between intent and outcome, {} replies dropped after the commit and {} before it: \
         0 lost, 0 doubled",
        kills.len(),
        struck[0],
        struck[1],
    );
    assert!(kills.len() >= 20 && between >= 10);
}

/// The point at which the tests kill the program is in no build but theirs.
#[test]
fn a_build_without_tests_has_no_crash_points() {
    for package in ["holdfast-cli", "holdfast"] {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal,build",
                "--format",
                "{p} {f}",
                "--package",
                package,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let tree = String::from_utf8(tree.stdout).unwrap();
        let engine: Vec<_> = tree.lines().filter(|line| line.contains("tago-migrate ")).collect();
        assert!(!engine.is_empty() && engine.iter().all(|line| line.contains("live")), "{package}: {tree}");
        assert!(!tree.contains("crash-points"), "{package}: {engine:?}");
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Policy {
    Fill,
    Append,
}

struct Killed {
    source: Project,
    target: Project,
    source_database: PathBuf,
    target_database: PathBuf,
    /// Seed, row, what is to be printed, and the batches that were open.
    kills: Mutex<Vec<(u64, u64, String, u64)>>,
}

impl Killed {
    fn run(&self, seed: u64, devices: &[DeviceId], policy: Policy) {
        let devices = texts(devices);
        let before = oracle::records(&self.target_database, Some(&devices));
        let source = oracle::records(&self.source_database, Some(&devices));
        let expected = match policy {
            Policy::Fill => before.plus(&source.minus(&before)),
            Policy::Append => before.plus(&source),
        };
        let missing = expected.minus(&before).count();
        assert!(missing > 100, "seed {seed}: there is too little to move");

        let ctl = Ctl::between(&self.source, &self.target);
        let name = if policy == Policy::Fill { "fill" } else { "append" };
        let plan = ctl.plan(&["--policy", name, "--device", &devices[0], "--device", &devices[1]]).json(0);
        assert_eq!(plan["records"]["to_write"], missing, "seed {seed}");

        // Every batch has two rows, and holds at most 1,500 bytes.
        let rows = 2 * plan["bytes"].as_u64().unwrap() / 1_500;
        let mut row = 2 + scattered(seed) % (rows * 3 / 4);
        let mut ended = ctl.run(plan["fingerprint"].as_str().unwrap(), Some(row));
        // Half of them are to end between intent and outcome, so these go on to where they do. A session
        // begins with a few rows of its own: its start, and a token for each device.
        for rows in 6.. {
            if self.kill_was(seed, name, missing, row, &ended, &ctl) > 0 || seed % 2 == 1 {
                break;
            }
            row += rows;
            ended = ctl.resume(Some(row));
        }

        ctl.resume(None).json(0);
        let differences = expected.compare(&self.stored(&devices));
        assert_eq!(differences, NONE, "seed {seed}, row {row}");
        let proof = ctl.prove().json(0);
        assert_eq!(proof["green"], true, "seed {seed}, row {row}: {proof}");
        assert_eq!(expected.compare(&self.stored(&devices)), NONE, "seed {seed}: the proof wrote something");
        assert_eq!(self.left_tokens(&devices), 0, "seed {seed}: tokens of the run are left");
    }

    /// Notes the state at a kill; how many batches were between intent and outcome.
    fn kill_was(&self, seed: u64, name: &str, missing: i64, row: u64, ended: &Ended, ctl: &Ctl) -> u64 {
        assert_eq!(ended.signal, Some(9), "seed {seed}, row {row}: {ended:#?}");
        let RunStatus { records_done, batches_open, .. } = status(&ctl.run_folder()).unwrap();
        let line = format!(
            "seed {seed:2} {name:6}: killed at row {row:3}, {records_done:3} of {missing:3} records known to be \
             stored, {batches_open} batches between intent and outcome",
        );
        self.kills.lock().unwrap().push((seed, row, line, batches_open));
        batches_open
    }

    fn left_tokens(&self, devices: &[String]) -> u64 {
        let db = rusqlite::Connection::open(&self.target_database).unwrap();
        let mut query =
            db.prepare("SELECT count(*) FROM tokens WHERE owner = ?1 AND name LIKE 'Holdfast%'").unwrap();
        devices.iter().map(|device| query.query_row([device], |row| row.get::<_, u64>(0)).unwrap()).sum()
    }

    fn stored(&self, devices: &[String]) -> Records {
        oracle::records(&self.target_database, Some(devices))
    }
}

async fn all_devices(api: &Api) -> Vec<DeviceId> {
    let listed = api.devices(&DeviceQuery::all()).await.unwrap().into_iter();
    let mut devices: Vec<_> = listed.filter(|device| device.kind.as_deref() == Some("mutable")).collect();
    // Their ids are another each time.
    devices.sort_by(|one, other| one.name.cmp(&other.name));
    devices.iter().map(|device| device.id).collect()
}

/// Three records that say the same, twice over.
async fn send_thrice(api: &Api, device: DeviceId) {
    let token =
        NewDeviceToken { device, name: "sensor".into(), permission: Permission::Full, serie_number: None };
    let token = api.create_device_token(&token).await.unwrap().token;
    let record = |minute: i64| NewRecord {
        variable: "door".into(),
        value: Some(Value::Bool(true)),
        time: Time::from_millis(1_790_000_000_000 + minute * 60_000),
        unit: None,
        group: Some(format!("door-{minute}")),
        location: None,
        metadata: None,
    };
    let records = [record(0), record(0), record(0), record(1), record(1), record(1)];
    assert_eq!(api.as_device(&token).unwrap().write(&records).await.unwrap(), 6);
}

/// Deletes what lies in the middle half of a device's time.
async fn tear_a_hole(api: &Api, device: DeviceId, database: &std::path::Path) {
    let db =
        rusqlite::Connection::open_with_flags(database, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let (first, last): (i64, i64) = db
        .query_row(
            "SELECT min(time), max(time) FROM records WHERE device = (SELECT number FROM devices WHERE id = ?1)",
            [device.to_string()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let quarter = (last - first) / 4;
    let range = TimeRange { from: Time::from_millis(first + quarter), to: Time::from_millis(last - quarter) };
    assert!(api.delete_records(device, &RecordQuery::range(range)).await.unwrap() > 0);
}

fn texts(devices: &[DeviceId]) -> Vec<String> {
    devices.iter().map(DeviceId::to_string).collect()
}

/// A number that a seed always has, and that has little to do with its neighbours' (SplitMix64).
fn scattered(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! The file lane over HTTP: imports that come, that come in part, and that never come.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tago_api::client::{Api, DeviceQuery, NewRecord, RecordQuery, TimeRange};
use tago_api::{DeviceId, Time};

use crate::bad_day::device_api;
use crate::ctl::{Ctl, Ended};
use crate::oracle::{self, NONE};
use crate::platform::{Platform, Project, make_device};

const FOLDER: &str = "holdfast-imports";

/// More than ten thousand records of a new immutable device arrive in files, beside a device with a parser
/// that never sees its own; and all of it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn files_bring_what_is_missing_and_count_no_input() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let backup = console.backups(target.id).await.unwrap().remove(0);
    let first = backup.created_at - Duration::from_secs(86_400);
    let parsed = device(&target.api(), "Parsed", "mutable").await;
    let source = platform.restore(target.id, console.back_up_now(target.id).await.unwrap().id).await;
    let many = device(&source.api(), "Immutable", "immutable").await;
    fill(&source.api(), many, first, 10_400).await;
    fill(&source.api(), parsed, first, 60).await;

    let (ours, theirs) = (platform.database(&source).await, platform.database(&target).await);
    let before = (oracle::records(&theirs, None), devices(&target.api()).await);
    let (used, sent) = (input(&target).await, posts(&platform, &target).await);
    let ctl = Ctl::between(&source, &target);
    let names = [many.to_string(), parsed.to_string()];
    let chosen = ["--device", &names[0], "--device", &names[1]];
    let plan = ctl.plan(&[&chosen[..], &["--lane", "file"]].concat()).json(0);
    let lane = plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "lane").unwrap();
    assert!(lane["text"].as_str().unwrap().contains("travel in files"), "{lane}");
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    assert_eq!(run["records_done"], 10_460);
    let made = run["devices_made"][0][1].as_str().unwrap().to_owned();

    // Every twentieth says a text that looks like a number, which this platform takes for one in a file.
    let (left_out, sent) = (10_460 / 20, posts(&platform, &target).await - sent);
    assert_eq!(input(&target).await - used, left_out);
    assert!(sent > 0 && sent < left_out, "{sent} requests by stream");
    assert_eq!(ctl.prove_at("records").json(0)["green"], true);
    let second = Ctl::between(&source, &target);
    let again = second.plan(&[&chosen[..], &["--lane", "file"]].concat()).json(0);
    assert_eq!((&again["nothing_to_do"], &again["records"]["to_write"]), (&json!(true), &json!(0)));
    let is_new = |id: &str| if id == names[0] { made.clone() } else { id.to_owned() };
    let wanted = oracle::records(&ours, Some(&names)).with_devices(is_new);
    let found = oracle::records(&theirs, Some(&[made.clone(), names[1].clone()]));
    assert_eq!(wanted.compare(&found), NONE);
    is_tidy(&target).await;
    let files = lanes(&ctl);
    let sum = |field: &str| files.iter().map(|lane| lane[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!((files.len(), sum("by_file"), sum("by_stream")), (2, 10_460 - left_out, left_out));
    assert!(files[0]["why"].as_str().unwrap().contains("metadata"), "{files:?}");

    assert_eq!(ctl.undo(None).json(0)["undone"]["complete"], true);
    assert_eq!(before.0.compare(&oracle::records(&theirs, None)), NONE);
    assert_eq!(before.1, devices(&target.api()).await);
}

/// What an import stored in part is completed, and what it never stored is brought otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_breaks_down_or_never_comes_is_completed() {
    for kind in ["half_effect", "late_effect"] {
        let (platform, ctl, parsed) = gap().await;
        let database = platform.database(&ctl.target).await;
        let wanted = oracle::records(&platform.database(&ctl.source).await, Some(&[parsed.to_string()]));
        let plan = ctl.plan(&["--device", &parsed.to_string(), "--lane", "file"]).json(0);
        // The last row before the first file of the device.
        let killed = ctl.run(plan["fingerprint"].as_str().unwrap(), Some(12));
        assert_eq!(killed.signal, Some(9), "{killed:#?}");
        assert_eq!(kinds(&ctl).last().unwrap(), "probed", "{:?}", kinds(&ctl));
        platform.fault_on_imports(&ctl.target, kind).await;
        let ended = resume(&ctl, None).json(0);
        assert_eq!(ended["records_done"], 300, "{ended}");
        let found = oracle::records(&database, Some(&[parsed.to_string()]));
        assert_eq!(wanted.compare(&found), NONE, "{kind}");
        assert!(ctl.prove().json(0)["green"].as_bool().unwrap());
        let lane = lanes(&ctl).remove(0);
        let came = if kind == "half_effect" { 142 } else { 0 };
        assert_eq!((&lane["by_file"], &lane["by_stream"]), (&json!(came), &json!(300 - came)), "{lane}");
        is_tidy(&ctl.target).await;
        platform.come_back().await;
        assert_eq!(ctl.undo(None).json(0)["undone"]["complete"], true);
        assert_eq!(oracle::records(&database, Some(&[parsed.to_string()])).count(), 0);
    }
}

/// It would be imported beside what the next run writes; and that stays when the dead run is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_stream_takes_the_file_of_a_dead_run_away_first() {
    let (platform, dead, parsed) = gap().await;
    let device = parsed.to_string();
    let (ours, theirs) = (platform.database(&dead.source).await, platform.database(&dead.target).await);
    let of_device = [device.clone()];
    let wanted = oracle::records(&ours, Some(&of_device));
    let plan = dead.plan(&["--device", &device, "--lane", "file"]).json(0);
    dead.run(plan["fingerprint"].as_str().unwrap(), Some(12));
    platform.fault_on_imports(&dead.target, "late_effect").await;
    let killed = resume(&dead, Some(kinds(&dead).len() as u64 + 5));
    assert_eq!(killed.signal, Some(9), "{killed:#?}");
    assert_eq!(kinds(&dead).last().unwrap(), "outcome", "{:?}", kinds(&dead));
    assert!(!dead.target.api().files_in(FOLDER).await.unwrap().is_empty());

    let ctl = Ctl::between(&dead.source, &dead.target);
    let plan = ctl.plan(&["--device", &device]).json(0);
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    assert_eq!(run["records_done"], 300);
    assert!(kinds(&ctl).contains(&"others_removal".to_owned()), "{:?}", kinds(&ctl));
    is_tidy(&ctl.target).await;
    assert_eq!(wanted.compare(&oracle::records(&theirs, Some(&of_device))), NONE);

    platform.come_back().await;
    let undone = &dead.undo(None).json(1)["undone"];
    assert_eq!((&undone["complete"], &undone["reversed"]), (&json!(true), &json!([])), "{undone}");
    assert_eq!(undone["changed_since"][0]["records"], 300, "{undone}");
    assert_eq!(wanted.compare(&oracle::records(&theirs, Some(&of_device))), NONE);
    assert!(ctl.prove().json(0)["green"].as_bool().unwrap());
    assert_eq!(ctl.undo(None).json(0)["undone"]["complete"], true);
    assert_eq!(oracle::records(&theirs, Some(&of_device)).count(), 0);
}

/// Killed after one row more each time, and taken back while it is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_files_goes_on_after_every_kill() {
    let (platform, ctl, parsed) = gap().await;
    let database = platform.database(&ctl.target).await;
    let wanted = oracle::records(&platform.database(&ctl.source).await, Some(&[parsed.to_string()]));
    let plan = ctl.plan(&["--device", &parsed.to_string(), "--lane", "file"]).json(0);
    let mut ended = ctl.run(plan["fingerprint"].as_str().unwrap(), Some(5));
    let mut kills = 0;
    while ended.signal.is_some() {
        kills += 1;
        // A session that dies before imports are tried tries them anew: each comes a little further.
        let rows = kinds(&ctl).len() as u64;
        ended = resume(&ctl, Some(rows + 3 + kills * 3));
    }
    assert_eq!(ended.json(0)["records_done"], 300);
    assert!(kills >= 3, "killed {kills} times");
    assert_eq!(wanted.compare(&oracle::records(&database, Some(&[parsed.to_string()]))), NONE);
    assert!(ctl.prove().json(0)["green"].as_bool().unwrap());
    is_tidy(&ctl.target).await;
}

/// A device with a parser that lacks 300 records in the target.
async fn gap() -> (Platform, Ctl, DeviceId) {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let first = console.backups(target.id).await.unwrap().remove(0).created_at - Duration::from_secs(86_400);
    let parsed = device(&target.api(), "Parsed", "mutable").await;
    let source = platform.restore(target.id, console.back_up_now(target.id).await.unwrap().id).await;
    fill(&source.api(), parsed, first, 300).await;
    let ctl = Ctl::between(&source, &target);
    (platform, ctl, parsed)
}

fn resume(ctl: &Ctl, crash_at: Option<u64>) -> Ended {
    let folder = ctl.run_folder();
    ctl.call(&["resume", folder.to_str().unwrap(), "--import-bound-s", "3"], crash_at)
}

/// One with a parser, unless it is immutable.
async fn device(api: &Api, name: &str, kind: &str) -> DeviceId {
    let fields = match kind {
        "immutable" => json!({ "chunk_period": "month", "chunk_retention": 3 }),
        _ => json!({ "payload_decoder": "Ly8=" }),
    };
    make_device(api, name, kind, fields).await
}

/// Records of every shape, ten a second.
async fn fill(api: &Api, device: DeviceId, first: Time, count: u64) {
    let record = |number: u64| {
        let value = match number % 20 {
            0 => json!("25"),
            1..4 => json!(format!("text, \"{number}\"\nand more")),
            4 => json!(true),
            _ => json!(number as f64 * 0.1),
        };
        NewRecord {
            variable: ["temperature", "note"][number as usize % 2].into(),
            value: serde_json::from_value(value).unwrap(),
            time: first + Duration::from_millis(number / 2 * 100),
            unit: number.is_multiple_of(5).then(|| "°C".to_owned()),
            group: Some(format!("{:04}", number / 3)),
            location: None,
            metadata: number
                .is_multiple_of(7)
                .then(|| serde_json::from_value(json!({"n": [1.5, "x,y"]})).unwrap()),
        }
    };
    let sensor = device_api(api, device).await;
    let records: Vec<NewRecord> = (0..count).map(record).collect();
    for batch in records.chunks(1_000) {
        assert_eq!(sensor.write(batch).await.unwrap(), batch.len() as u64);
    }
    let all = RecordQuery::range(TimeRange::ALL);
    assert_eq!(api.record_count(device, &all).await.unwrap(), count);
}

/// Ids and names.
async fn devices(api: &Api) -> Vec<(DeviceId, String)> {
    let mut devices: Vec<_> = api
        .devices(&DeviceQuery::all())
        .await
        .unwrap()
        .into_iter()
        .map(|device| (device.id, device.name))
        .collect();
    devices.sort();
    devices
}

/// Nothing of a run is left.
async fn is_tidy(target: &Project) {
    let api = target.api();
    assert_eq!(api.files_in(FOLDER).await.unwrap(), []);
    assert!(devices(&api).await.iter().all(|(_, name)| name != "Holdfast probe"));
}

/// Data Input of this month.
async fn input(project: &Project) -> u64 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .get(format!("{}/profile/current/summary", project.api))
        .header("token", project.token.expose_secret());
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["result"]["limit_used"]["input"].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

/// Requests that stored records by stream.
async fn posts(platform: &Platform, project: &Project) -> u64 {
    platform.requests(project).await.get("POST /data").copied().unwrap_or(0)
}

/// What the report says of each device that was to travel in files.
fn lanes(ctl: &Ctl) -> Vec<Value> {
    assert_eq!(ctl.report().code, Some(0));
    let report = std::fs::read(ctl.run_folder().join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    report["files"].as_array().unwrap().clone()
}

/// What the rows of the journal are about.
fn kinds(ctl: &Ctl) -> Vec<String> {
    let path: &Path = &ctl.run_folder().join("journal.sqlite");
    let journal = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = journal.prepare("SELECT kind FROM row ORDER BY seq").unwrap();
    let kinds = query.query_map([], |row| row.get(0)).unwrap();
    kinds.map(Result::unwrap).collect()
}

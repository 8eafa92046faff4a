//! A run that an older Holdfast has begun.

use std::fs;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tago_api::client::{NewDeviceToken, NewRecord, Permission};
use tago_api::{DeviceId, Time};

use crate::bad_day::{device_api, devices};
use crate::ctl::Ctl;
use crate::oracle::{self, NONE};
use crate::platform::Platform;

/// The folder `older` is what the first build whose rows have sums left when it was killed: two batches
/// stored, a third on its way. Ids, addresses and what is computed from them are this test's.
const PLAN: &str = include_str!("older/plan.jsonl");
const SCHEMA: &str = include_str!("older/schema.sql");
const ROWS: &str = include_str!("older/rows.jsonl");
const TOKEN: &str = "Holdfast run 61bbe59deb81db56";

#[tokio::test(flavor = "multi_thread")]
async fn f30_a_run_that_an_older_build_began_is_finished_and_doubles_nothing() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let backup = console.backups(target.id).await.unwrap().remove(0);
    let source = platform.restore(target.id, backup.id).await;
    let (api, device) = (target.api(), devices(&target.api()).await[0].0);
    let (ours, theirs) = (platform.database(&source).await, platform.database(&target).await);
    let before = oracle::records(&theirs, None);
    let records: Vec<NewRecord> = (0..60).map(record).collect();
    device_api(&source.api(), device).await.write(&records).await.unwrap();
    let wanted = before.plus(&oracle::records(&ours, None).minus(&before));
    assert_eq!(wanted.count(), before.count() + 60);
    // Of the third batch one half has arrived.
    device_api(&api, device).await.write(&records[..42]).await.unwrap();
    let (name, permission) = (TOKEN.to_owned(), Permission::Full);
    api.create_device_token(&NewDeviceToken { device, name, permission, serie_number: None }).await.unwrap();

    let ctl = Ctl::between(&source, &target);
    left_behind(&ctl, device);
    let ended = ctl.resume(None).json(0);
    assert_eq!((&ended["ending"], &ended["records_done"]), (&json!("finished"), &json!(60)), "{ended}");
    assert_eq!(wanted.compare(&oracle::records(&theirs, None)), NONE);
    assert_eq!(ctl.prove().json(0)["green"], true);
    let tokens = api.device_tokens(device).await.unwrap();
    assert!(tokens.iter().all(|token| token.name != TOKEN), "{tokens:?}");
    // That build kept nothing of what an undo removes, and so nothing is removed.
    let undone = ctl.undo(None).json(1);
    let reason = undone["undone"]["impossible"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("kept no list of the records"), "{undone}");
    assert_eq!(wanted.compare(&oracle::records(&theirs, None)), NONE);
}

/// Makes the run folder, with what stands for this platform's in its place.
fn left_behind(ctl: &Ctl, device: DeviceId) {
    let here = |text: &str| {
        text.replace("{source}", ctl.source.api.trim_end_matches('/'))
            .replace("{target}", ctl.target.api.trim_end_matches('/'))
            .replace("{profile}", &ctl.target.profile.to_string())
            .replace("{device}", &device.to_string())
    };
    let run = ctl.run_folder();
    fs::create_dir(&run).unwrap();
    let plan: String = here(PLAN).lines().map(sealed).collect();
    fs::write(run.join("plan.jsonl"), &plan).unwrap();

    let journal = Connection::open(run.join("journal.sqlite")).unwrap();
    journal.execute_batch(SCHEMA).unwrap();
    for row in here(ROWS).replace("{fingerprint}", &hex(&plan)).lines() {
        let row: Row = serde_json::from_str(row).unwrap();
        let insert = "INSERT INTO row (epoch, at, kind, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)";
        let body = row.body.get();
        let sum = sum(row.epoch, row.at, body);
        journal.execute(insert, params![row.epoch, row.at, row.kind, body, sum]).unwrap();
    }
}

#[derive(Deserialize)]
struct Row<'a> {
    epoch: i64,
    at: i64,
    kind: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A line of a plan with the hash of its item.
fn sealed(line: &str) -> String {
    let Some(item) =
        line.strip_prefix("{\"item\":").and_then(|line| line.strip_suffix(",\"seal\":\"{seal}\"}"))
    else {
        return format!("{line}\n");
    };
    format!("{{\"item\":{item},\"seal\":\"{}\"}}\n", hex(item))
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As that build computed it.
fn sum(epoch: i64, at: i64, body: &str) -> i32 {
    let digest = Sha256::new().chain_update(epoch.to_le_bytes()).chain_update(at.to_le_bytes());
    let digest = digest.chain_update(body).finalize();
    i32::from_le_bytes(digest[..4].try_into().unwrap())
}

/// One a minute, on a day that no record of the demo lies on.
fn record(number: u64) -> NewRecord {
    let value = match number % 2 {
        0 => json!(number as f64 * 0.5),
        _ => json!(format!("note {number}")),
    };
    NewRecord {
        variable: ["temperature", "note"][number as usize % 2].into(),
        value: serde_json::from_value(value).unwrap(),
        time: Time::from_millis(1_704_067_200_000) + Duration::from_secs(number * 60),
        unit: None,
        group: Some(format!("{number:04}")),
        location: None,
        metadata: None,
    }
}

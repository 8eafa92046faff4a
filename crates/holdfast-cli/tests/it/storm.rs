use std::time::Duration;

use serde_json::{Value, json};
use tago_api::DeviceId;
use tago_api::client::{Api, RecordQuery, ResourceType, TimeRange};

use crate::bad_day::devices;
use crate::ctl::Ctl;
use crate::platform::Platform;

/// An alarm on what a run has to write: silent through kills, a release without the source, and to the end;
/// active again each time. Then its owner lets it fire.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_old_records_would_set_off_is_silent_and_active_again_after() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let device = devices(&api).await[2].0;
    let backup = console.backups(target.id).await.unwrap().remove(0);
    let source = platform.restore(target.id, backup.id).await;
    let month =
        TimeRange { from: backup.created_at - Duration::from_secs(30 * 86_400), to: backup.created_at };
    let hole = RecordQuery::range(month);
    let variable = api.record_page(device, &hole).await.unwrap().remove(0).variable;
    let alarm = alarm(&api, device, &variable).await;
    assert!(api.delete_records(device, &hole).await.unwrap() > 100);
    let fired = async || platform.outbox(&target).await.iter().filter(|action| **action == alarm).count();
    let is_active = async || api.resource(ResourceType::Action, &alarm).await.unwrap()["active"] == true;
    let before = fired().await;

    let ctl = Ctl::between(&source, &target);
    let (device, options) = (device.to_string(), |more: &[&str]| -> Vec<String> {
        [&["--device", &device.to_string()], more]
            .concat()
            .iter()
            .map(|option| (*option).to_owned())
            .collect()
    });
    let plan = |ctl: &Ctl, more: &[&str]| {
        let options = options(more);
        ctl.plan(&options.iter().map(String::as_str).collect::<Vec<_>>()).json(0)
    };
    let planned = plan(&ctl, &[]);
    assert_eq!(check(&planned)["verdict"], "warn");
    assert!(check(&planned)["text"].as_str().unwrap().contains("Old news"), "{planned}");
    assert!(planned["actions"].as_array().unwrap().iter().any(|action| action["id"] == alarm.as_str()));
    let fingerprint = planned["fingerprint"].as_str().unwrap();
    let actions = planned["actions"].as_array().unwrap().len() as u64;

    // The run, its session, an intent and an outcome for each action; then something of the records.
    let killed = ctl.run(fingerprint, Some(2 + 2 * actions + 4));
    assert!(killed.signal.is_some(), "{killed:#?}");
    assert!(!is_active().await, "it is held");
    let released = ctl.on_target(&["release", ctl.run_folder().to_str().unwrap()]).json(0);
    assert_eq!(released["ending"], "stopped");
    assert!(is_active().await);
    assert_eq!(state(&released, &alarm), "released");

    // It is held again, and killed again just before it would be released.
    let last = rows(&ctl);
    let killed = ctl.resume(Some(last + 2 * actions + 6));
    assert!(killed.signal.is_some() && !is_active().await, "{killed:#?}");
    let resumed = ctl.resume(None).json(0);
    assert_eq!((resumed["ending"].as_str(), state(&resumed, &alarm)), (Some("finished"), "released"));
    assert!(is_active().await);
    assert_eq!(fired().await, before, "it was set off");
    assert_eq!(ctl.prove().json(0)["green"], true);
    let report = ctl.report().json(0);
    let told =
        report["report"]["actions"].as_array().unwrap().iter().find(|told| told["id"] == alarm.as_str());
    assert_eq!(told.unwrap()["acted"], false);

    assert!(api.delete_records(device.parse().unwrap(), &hole).await.unwrap() > 100);
    let ctl = Ctl::between(&source, &target);
    let planned = plan(&ctl, &["--actions", "let-fire"]);
    assert_eq!(check(&planned)["verdict"], "warn");
    let ended = ctl.run(planned["fingerprint"].as_str().unwrap(), None).json(0);
    assert_eq!(state(&ended, &alarm), "let_fire");
    assert!(fired().await > before && is_active().await);
}

fn check(plan: &Value) -> &Value {
    plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "actions").unwrap()
}

fn state<'a>(ended: &'a Value, action: &str) -> &'a str {
    let actions = ended["actions"].as_array().unwrap();
    actions.iter().find(|told| told["id"] == action).unwrap()["state"].as_str().unwrap()
}

/// Rows of the journal.
fn rows(ctl: &Ctl) -> u64 {
    let journal = ctl.run_folder().join("journal.sqlite");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = rusqlite::Connection::open_with_flags(journal, flags).unwrap();
    db.query_row("SELECT max(seq) FROM row", [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

async fn alarm(api: &Api, device: DeviceId, variable: &str) -> String {
    let fields = json!({
        "name": "Old news", "type": "condition", "active": true, "tags": [],
        "trigger": [{ "device": device, "variable": variable, "is": "*", "unlock": false }],
        "action": { "type": "email", "message": "Old news", "to": "duty@frostline.example" },
    });
    api.create_resource(ResourceType::Action, fields.as_object().unwrap()).await.unwrap()
}

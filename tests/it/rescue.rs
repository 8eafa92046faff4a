use holdfast_lib::host::Event;
use holdfast_lib::view::{DeploymentStatus, RehearsalPhase, RunState, RunView};
use serde_json::{Value, json};

use crate::desk::{Desk, Platform, side};

#[test]
fn s15_what_the_bad_day_took_is_brought_back_and_proven_and_nothing_is_left_to_do() {
    let platform = Platform::start();
    let desk = Desk::new(platform.origin());
    desk.call("start_practice", json!({}));
    let original = platform.project();
    let here = json!({ "connection": "this-computer", "project": original.id.to_string() });
    let backup = desk.call("back_up_now", here);
    let damage = desk.call("start_bad_day", json!({ "project": original.id.to_string() }));
    assert_eq!(desk.call("bad_day", json!({})), damage);
    assert_eq!(damage["best_backup"], backup["id"]);
    let copy = restored(&desk, &original.id.to_string(), backup["id"].as_str().unwrap());

    let (source, target) = (side(&copy), side(&original.id.to_string()));
    let overview = desk.call("source_overview", json!({ "source": source, "target": target }));
    let devices = overview["devices"].as_array().unwrap();
    assert_eq!(devices.iter().filter(|device| device["on_target"] == false).count(), 5);

    let plan = rehearsed(&desk, &source, &target);
    let summary = &plan["summary"];
    assert_eq!(summary["devices_create"], 5);
    assert_eq!(summary["records_missing"], damage["records_lost"], "exactly what is missing");
    let strip = desk.call("rehearsal_strip", json!({ "id": plan["id"] }));
    assert_eq!(sum(&strip, "missing"), damage["records_lost"].as_u64().unwrap());
    let rows =
        desk.call("rehearsal_rows", json!({ "id": plan["id"], "verdict": "create", "text": "", "page": 0 }));
    assert_eq!((rows["total"].as_u64(), rows["rows"].as_array().map(Vec::len)), (Some(5), Some(5)));

    let fingerprint = &summary["fingerprint"];
    let start = |typed: &str, fingerprint: &Value| {
        desk.try_call(
            "start_run",
            json!({ "rehearsal": plan["id"], "fingerprint": fingerprint, "typedTargetName": typed }),
        )
    };
    assert_eq!(start("another", fingerprint).unwrap_err().code, "bad_input");
    assert_eq!(start(&original.name, &json!("00")).unwrap_err().code, "plan_changed");
    let run = start(&original.name, fingerprint).unwrap();
    let view = ended(&desk);
    assert_eq!(view.state, RunState::Done, "{:?}", view.reason);
    assert_eq!(view.records_done, view.records_total);
    let proof = view.proof.unwrap();
    assert!(proof.green && proof.differences.is_empty());
    assert!(view.restored_project_exists);

    let report = desk.call("report", json!({ "id": run }));
    assert_eq!(report["records_written"], damage["records_lost"]);
    assert!(!report["tokens"].as_array().unwrap().is_empty());
    assert!(std::path::Path::new(report["html_path"].as_str().unwrap()).exists());
    desk.call("open_report", json!({ "id": run }));

    let again = rehearsed(&desk, &source, &target);
    assert_eq!(again["summary"]["nothing_to_do"], true);
    assert_eq!(desk.call("runs", json!({}))[0]["state"], "done");
    for (path, bytes) in desk.files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&original.token), "{}", path.display());
    }
}

/// A new project from the backup, once it answers.
fn restored(desk: &Desk, project: &str, backup: &str) -> String {
    let here = json!({ "connection": "this-computer", "project": project, "backup": backup, "region": null, "version": null });
    let quote = desk.call("quote", here);
    let made = desk.call(
        "restore",
        json!({ "connection": "this-computer", "project": project, "backup": backup, "quote": quote["id"],
            "name": "Copy", "region": quote["region"], "version": quote["version"] }),
    );
    let deployment = desk.call(
        "deployment",
        json!({ "connection": "this-computer", "project": made["project"], "deployment": made["deployment"] }),
    );
    if deployment["status"] == "in_progress" {
        desk.wait(|event| match event {
            Event::Deployment(deployment) if deployment.status != DeploymentStatus::InProgress => {
                assert_eq!(deployment.status, DeploymentStatus::Success, "{:?}", deployment.error);
                Some(())
            }
            _ => None,
        });
    }
    made["project"].as_str().unwrap().to_owned()
}

fn rehearsed(desk: &Desk, source: &Value, target: &Value) -> Value {
    let choices = json!({
        "devices": null, "variables": null, "from": null, "to": null, "policy": "fill", "depth": "exact",
        "tripped": "hold", "lane": "stream", "inactive": "wake"
    });
    let id = desk.call("start_rehearsal", json!({ "source": source, "target": target, "choices": choices }));
    desk.wait(|event| match event {
        Event::Rehearsal(view) if view.phase == RehearsalPhase::Done => Some(()),
        Event::Rehearsal(view) => {
            assert_ne!(view.phase, RehearsalPhase::Failed, "{:?}", view.error);
            None
        }
        _ => None,
    });
    desk.call("rehearsal", json!({ "id": id }))
}

fn ended(desk: &Desk) -> RunView {
    desk.wait(|event| match event {
        Event::Run(view) => match view.state {
            RunState::Running | RunState::Settling | RunState::Proving => None,
            _ => Some((**view).clone()),
        },
        _ => None,
    })
}

fn sum(strip: &Value, field: &str) -> u64 {
    let rows = strip["devices"].as_array().unwrap().iter();
    rows.flat_map(|row| row[field].as_array().unwrap()).map(|count| count.as_u64().unwrap()).sum()
}

use std::process::Command;

use holdfast_lib::practice::Origin;
use serde_json::json;

use crate::desk::Desk;

#[test]
fn the_practice_platform_is_this_program_again_and_ends_with_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_holdfast").into();
    let desk = Desk::new(Origin::Child { program, data: folder.path().join("practice") });
    let connection = desk.call("start_practice", json!({}));
    assert_eq!(
        (connection["state"].as_str(), connection["kind"].as_str()),
        (Some("ready"), Some("this_computer"))
    );
    assert_eq!(desk.call("start_practice", json!({}))["address"], connection["address"], "there is only one");

    let projects = desk.call("projects", json!({ "connection": "this-computer" }));
    let project = projects[0]["id"].as_str().unwrap();
    let here = json!({ "connection": "this-computer", "project": project });
    let page = desk.call("backups", here.clone());
    let backups = page["backups"].as_array().unwrap();
    assert_eq!(backups.len(), 7);
    for (row, backup) in backups.iter().enumerate() {
        assert!(backup["size"].as_i64().unwrap() > 0);
        assert_eq!(backup["size_change"].is_null(), row == 6, "only the oldest has none before it");
    }

    desk.call("practice_as", json!({ "role": "admin" }));
    for command in ["backups", "main_database", "meter"] {
        let told = desk.try_call(command, here.clone()).unwrap_err();
        assert_eq!(told.code, "forbidden", "{command}");
        assert!(told.message.contains("owner"), "{}", told.message);
    }
    desk.call("practice_as", json!({ "role": "owner" }));
    desk.call("backups", here);

    let address = connection["address"].as_str().unwrap().trim_start_matches("http://").to_owned();
    desk.close();
    assert!(std::net::TcpStream::connect(&address).is_err(), "it outlived the window");
}

/// By which the program becomes the practice platform; see the test above for how the window starts it.
#[test]
fn the_program_cannot_be_made_to_offer_the_knobs_of_tests() {
    let folder = tempfile::tempdir().unwrap();
    for knob in
        [&["--knobs"][..], &["--knobs", "--now", "2026-01-01T00:00:00Z"], &["--now", "2026-01-01T00:00:00Z"]]
    {
        let ended = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["practice-platform", "serve", "--data"])
            .arg(folder.path().join("practice"))
            .args(knob)
            .output()
            .unwrap();
        assert!(!ended.status.success() && ended.stdout.is_empty(), "{knob:?}: {ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(knob[0]), "{knob:?}: {ended:?}");
    }
    assert!(!folder.path().join("practice").exists());
}

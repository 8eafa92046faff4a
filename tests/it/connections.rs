use keyring_core::Entry;
use serde_json::json;

use crate::desk::{Desk, Platform};

#[test]
fn a_credential_goes_into_the_keyring_and_into_no_file_and_never_back_to_the_window() {
    let platform = Platform::start();
    let desk = Desk::new(platform.origin());
    let project = platform.project();
    let arguments =
        json!({ "name": " Plant ", "address": project.api, "token": format!(" {}\n", project.token) });
    let connected = desk.call("connect_tagodeploy", arguments);
    assert_eq!((connected["name"].as_str(), connected["state"].as_str()), (Some("Plant"), Some("ready")));
    let hint = connected["token_hint"].as_str().unwrap();
    assert!(hint.len() == 4 && project.token.ends_with(hint));

    let name = format!("{}#{}", project.api, project.profile);
    let entry = Entry::new("holdfast", &name).unwrap();
    assert_eq!(entry.get_password().unwrap(), project.token);
    let id = connected["id"].clone();
    let projects = desk.call("projects", json!({ "connection": id }));
    assert_eq!(projects[0]["name"], project.name.as_str());
    let answers = [connected, projects, desk.call("connections", json!({}))];
    for answer in &answers {
        assert!(!answer.to_string().contains(&project.token));
    }
    let files = desk.files();
    assert!(!files.is_empty());
    for (path, bytes) in files {
        assert!(!String::from_utf8_lossy(&bytes).contains(&project.token), "{}", path.display());
    }

    desk.call("forget_connection", json!({ "connection": id }));
    assert!(matches!(entry.get_password(), Err(keyring_core::Error::NoEntry)));
    assert_eq!(desk.call("connections", json!({})), json!([]));
}

#[test]
fn what_a_profile_does_not_offer_is_said_and_the_way_round_it() {
    let platform = Platform::start();
    let desk = Desk::new(platform.origin());
    let project = platform.project();
    let arguments = json!({ "name": "Plant", "address": project.api, "token": project.token });
    let connected = desk.call("connect_tagoio", arguments);
    assert_eq!(connected["capabilities"]["migrate"], true);
    assert_eq!(connected["capabilities"]["list_backups"], false);
    let asked = json!({ "connection": connected["id"], "project": project.profile.to_string() });
    let told = desk.try_call("backups", asked).unwrap_err();
    assert_eq!(told.code, "refused");
    assert!(told.message.contains("Plant"), "{}", told.message);
}

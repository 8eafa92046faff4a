use serde_json::json;

use crate::desk::{Desk, Platform};

const TOKEN: &str = "1f0c6a52-8a3e-4c8e-9b6f-0123456789ab";

#[test]
fn an_address_a_name_or_a_token_that_cannot_be_is_told_by_its_field_and_nothing_is_stored() {
    let desk = Desk::alone();
    let long = "x".repeat(101);
    for (name, address, token, field, words) in [
        ("Plant", "", TOKEN, "Address: ", "empty"),
        ("Plant", "api.tago.io", TOKEN, "Address: ", "https://"),
        ("Plant", "http://api.tago.io", TOKEN, "Address: ", "in the open"),
        ("Plant", "https://user:pw@api.tago.io", TOKEN, "Address: ", "user name"),
        ("Plant", "https://api.tago.io/device", TOKEN, "Address: ", "/device"),
        ("Plant", "https://2130706433", TOKEN, "Address: ", "127.0.0.1"),
        ("", "https://api.tago.io", TOKEN, "Name: ", "empty"),
        (&long, "https://api.tago.io", TOKEN, "Name: ", "101"),
        ("Plant", "https://api.tago.io", "  ", "Token: ", "empty"),
        ("Plant", "https://api.tago.io", "two words", "Token: ", "one word"),
    ] {
        for command in ["connect_tagodeploy", "connect_tagoio"] {
            let arguments = json!({ "name": name, "address": address, "token": token });
            let told = desk.try_call(command, arguments).unwrap_err();
            assert_eq!(told.code, "bad_input", "{address:?} {}", told.message);
            assert!(told.message.starts_with(field) && told.message.contains(words), "{}", told.message);
            assert!(!told.message.contains(TOKEN));
        }
    }
    assert_eq!(desk.call("connections", json!({})), json!([]));
    assert!(desk.files().is_empty());
}

#[test]
fn a_host_that_is_not_there_and_a_port_where_nobody_listens_are_told_apart() {
    let desk = Desk::alone();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connect = |address: &str| {
        desk.try_call("connect_tagoio", json!({ "name": "Plant", "address": address, "token": TOKEN }))
            .unwrap_err()
    };
    let nobody = connect(&format!("http://{closed}"));
    assert_eq!(nobody.code, "unreachable");
    assert!(nobody.message.contains("Nobody answers"), "{}", nobody.message);
    let unknown = connect("https://no-such-host.invalid");
    assert_eq!(unknown.code, "unreachable");
    assert!(unknown.message.contains("no host"), "{}", unknown.message);
}

#[test]
fn a_wrong_token_and_one_of_another_project_are_refused_and_not_stored() {
    let platform = Platform::start();
    let desk = Desk::new(platform.origin());
    let project = platform.project();
    let device_token = "00000000-0000-4000-8000-000000000000";
    for token in [TOKEN, device_token] {
        let arguments = json!({ "name": "Plant", "address": project.api, "token": token });
        let told = desk.try_call("connect_tagodeploy", arguments).unwrap_err();
        assert_eq!(told.code, "unauthorized", "{}", told.message);
        assert!(!told.message.contains(token));
    }
    assert_eq!(desk.call("connections", json!({})), json!([]));
}

#[test]
fn a_target_that_is_the_source_is_refused_also_under_a_second_address() {
    let platform = Platform::start();
    let desk = Desk::new(platform.origin());
    desk.call("start_practice", json!({}));
    let project = platform.project();
    let own = json!({ "connection": "this-computer", "project": project.id.to_string() });
    let choices = json!({
        "devices": null, "variables": null, "from": null, "to": null, "policy": "fill", "depth": "exact",
        "tripped": "hold", "lane": "stream", "inactive": "wake"
    });
    let arguments = json!({ "source": own, "target": own, "choices": choices });
    assert_eq!(desk.try_call("start_rehearsal", arguments).unwrap_err().code, "same_project");

    let second = project.api.replace("127.0.0.1", "localhost");
    let connected = desk.call(
        "connect_tagodeploy",
        json!({ "name": "The same plant", "address": second, "token": project.token }),
    );
    let other = json!({ "connection": connected["id"], "project": project.profile.to_string() });
    let id = desk.call("start_rehearsal", json!({ "source": own, "target": other, "choices": choices }));
    let told = desk.wait(|event| match event {
        holdfast_lib::host::Event::Rehearsal(view) if view.error.is_some() => view.error.clone(),
        _ => None,
    });
    assert_eq!(serde_json::to_value(told.code).unwrap(), "same_project", "{}", told.message);
    assert_eq!(desk.call("rehearsal", json!({ "id": id }))["phase"], "failed");
}

#[test]
fn a_name_that_a_project_may_not_have_and_a_schedule_that_cannot_be_never_reach_the_platform() {
    let platform = Platform::start();
    let desk = Desk::new(platform.origin());
    desk.call("start_practice", json!({}));
    let project = platform.project().id.to_string();
    let page = desk.call("backups", json!({ "connection": "this-computer", "project": project }));
    let backup = &page["backups"][0]["id"];
    let here = json!({ "connection": "this-computer", "project": project, "backup": backup, "region": null, "version": null });
    let quote = desk.call("quote", here);
    for name in [String::new(), "   ".into(), "x".repeat(101)] {
        let told = desk
            .try_call(
                "restore",
                json!({ "connection": "this-computer", "project": project, "backup": backup, "quote": quote["id"],
                    "name": name, "region": quote["region"], "version": quote["version"] }),
            )
            .unwrap_err();
        assert_eq!(told.code, "bad_input");
        assert!(told.message.starts_with("Name: "), "{}", told.message);
    }
    for (time, days, field) in
        [("4:30", 7, "Daily time: "), ("24:00", 7, "Daily time: "), ("04:30", 0, "Retention: ")]
    {
        let told = desk
            .try_call(
                "set_schedule",
                json!({ "connection": "this-computer", "project": project, "dailyTime": time, "retentionDays": days }),
            )
            .unwrap_err();
        assert_eq!(told.code, "bad_input");
        assert!(told.message.starts_with(field), "{}", told.message);
    }
    assert_eq!(desk.call("projects", json!({ "connection": "this-computer" })).as_array().unwrap().len(), 1);
}

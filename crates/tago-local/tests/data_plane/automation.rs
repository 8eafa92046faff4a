//! Actions and analyses.

use std::io::Read;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Running;

async fn action(it: &Running, name: &str, kind: &str, trigger: Value) -> String {
    let action = json!({"type": "notification", "message": name});
    let made = json!({"name": name, "type": kind, "trigger": trigger, "action": action});
    it.post("/action", made).await["action"].as_str().unwrap().to_owned()
}

/// Name and variable of what was set off since the outbox was last looked at.
async fn fired(it: &Running, seen: &mut usize) -> Vec<(String, String)> {
    let outbox = it.project.outbox().await.unwrap();
    let new = outbox[*seen..].iter().map(|entry| (entry.name.clone(), entry.variable.clone())).collect();
    *seen = outbox.len();
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_trigger_and_action_is_taken_and_given_back_as_it_was() {
    let it = Running::start().await;
    let id = "5f2a8e3b9c1d4e0011223344";
    let condition =
        |is: &str, value: Value| json!([{"device": id, "variable": "t", "is": is, "value": value}]);
    let triggers = [
        ("condition", condition("=", json!(0))),
        ("condition", condition("=", json!(""))),
        ("condition", condition("!", json!(false))),
        (
            "condition",
            json!([{"tag_key": "a", "tag_value": "b", "variable": "t", "is": "*", "unlock": true}]),
        ),
        (
            "condition",
            json!([{"device": id, "variable": "t", "is": "><", "value": 1, "second_value": 0, "value_type": "number"}]),
        ),
        (
            "condition_geofence",
            json!([{"device": id, "variable": "t", "is": "IN", "value": {"center": [1, 2], "radius": 3}}]),
        ),
        ("resource", json!([{"resource": "device", "when": "create", "tag_key": "a", "tag_value": "b"}])),
        ("interval", json!([{"interval": "1 minute"}])),
        ("schedule", json!([{"cron": "0 6 * * *", "timezone": "Europe/Amsterdam"}])),
        ("mqtt_topic", json!([])),
        ("usage_alert", json!([{"service_or_resource": "input", "condition": ">", "condition_value": 80}])),
    ];
    for (kind, trigger) in triggers {
        let id = action(&it, "A", kind, trigger.clone()).await;
        let read = it.get(&format!("/action/{id}")).await;
        assert_eq!((&read["type"], &read["trigger"]), (&json!(kind), &trigger));
        assert_eq!((&read["lock"], &read["last_triggered"]), (&json!(false), &json!("never")));
    }
    let does = [
        json!({"type": "script", "script": [id]}),
        json!({"type": "notification_run", "run_user": id, "message": "m", "subject": "s"}),
        json!({"type": "email", "to": "a@b.example", "message": "m", "subject": "s"}),
        json!({"type": "sms", "to": "+31", "message": "m"}),
        json!({"type": "mqtt", "bucket": id, "topic": "t", "payload": "p"}),
        json!({"type": "post", "url": "https://example.com", "headers": {"a": "b"}, "fallback": {}}),
        json!({"type": "email-smtp", "to": "a@b.example", "from": "c@d.example", "message": "m", "smtp_secret": id}),
        json!({"type": "queue-sqs", "sqs_secret": id, "batch_enabled": true}),
        json!({"type": "profile_backup"}),
    ];
    for does in does {
        let made = it.post("/action", json!({"name": "A", "type": "interval", "action": does})).await;
        assert_eq!(it.get(&format!("/action/{}", made["action"].as_str().unwrap())).await["action"], does);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_action_may_not_be_is_refused_with_what_it_needs() {
    let it = Running::start().await;
    let good = json!({"type": "notification", "message": "m"});
    let condition = json!({"device": "5f2a8e3b9c1d4e0011223344", "variable": "t", "is": "=", "value": 1});
    let without = |field: &str| {
        let mut condition = condition.clone();
        condition.as_object_mut().unwrap().remove(field);
        json!([condition])
    };
    for (kind, trigger, does, words) in [
        ("condition", without("device"), &good, "needs device or tag_key"),
        ("condition", without("variable"), &good, "needs variable"),
        ("condition", without("value"), &good, "needs value"),
        ("condition", without("is"), &good, "needs is"),
        ("condition", json!(vec![condition.clone(); 11]), &good, "at most 10 objects"),
        ("condition_geofence", json!([condition]), &good, "needs is, one of IN, OUT"),
        ("resource", json!([{"resource": "planet", "when": "create"}]), &good, "needs resource"),
        ("interval", json!([{"interval": "30 seconds"}]), &good, "one minute or more"),
        ("schedule", json!([{"cron": "6 o'clock", "timezone": "UTC"}]), &good, "needs cron"),
        ("schedule", json!([{"cron": "0 6 * * *"}]), &good, "needs timezone"),
        (
            "usage_alert",
            json!([{"service_or_resource": "input", "condition": "<"}]),
            &good,
            "needs condition",
        ),
        ("noon", json!([]), &good, "type must be one of"),
        ("interval", json!([]), &json!({"type": "telegram"}), "action.type must be one of"),
        ("interval", json!([]), &json!({"type": "post"}), "action.url is required"),
        ("interval", json!([]), &json!({"type": "script", "script": vec!["a"; 11]}), "1 to 10 ids"),
    ] {
        let body = json!({"name": "A", "type": kind, "trigger": trigger, "action": does});
        let (status, message) = it.refused(Method::POST, "/action", body).await;
        assert!(status == 400 && message.contains(words), "{message} lacks {words}");
    }
    assert_eq!(it.get("/action").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_resource_sets_off_what_watches_its_type_and_its_tags() {
    let it = Running::start().await;
    let mut seen = 0;
    let watch = |when: &str, tag: Option<&str>| match tag {
        Some(tag) => json!([{"resource": "device", "when": when, "tag_key": "site", "tag_value": tag}]),
        None => json!([{"resource": "device", "when": when}]),
    };
    let any = action(&it, "Any device", "resource", watch("create", None)).await;
    action(&it, "Device in RTM", "resource", watch("create", Some("RTM"))).await;
    action(&it, "Changed in RTM", "resource", watch("update", Some("RTM"))).await;
    action(&it, "Gone", "resource", watch("delete", None)).await;
    action(&it, "Policy", "resource", json!([{"resource": "am", "when": "create"}])).await;
    // An action that watches actions does not see itself appear.
    action(&it, "Action", "resource", json!([{"resource": "action", "when": "create"}])).await;
    assert_eq!(fired(&it, &mut seen).await, []);

    let plain = it.device("A").await;
    let named = |name: &str, variable: &str| (name.to_owned(), variable.to_owned());
    assert_eq!(fired(&it, &mut seen).await, [named("Any device", "device create")]);
    assert_ne!(it.get(&format!("/action/{any}")).await["last_triggered"], "never");
    let tagged = json!({
        "name": "B", "network": "5bbd0d144051a50034cd19fb", "connector": "5f5a8f3351d4db99c40dece5",
        "tags": [{"key": "site", "value": "RTM"}],
    });
    it.post("/device", tagged).await;
    let mut names = fired(&it, &mut seen).await;
    names.sort();
    assert_eq!(names, [named("Any device", "device create"), named("Device in RTM", "device create")]);
    let tags = json!({"tags": [{"key": "site", "value": "RTM"}]});
    it.call(Method::PUT, &format!("/device/{}", plain.id), tags).await;
    assert_eq!(fired(&it, &mut seen).await, [named("Changed in RTM", "device update")]);
    it.call(Method::DELETE, &format!("/device/{}", plain.id), Value::Null).await;
    it.post("/am", json!({"name": "P"})).await;
    it.post("/action", json!({"name": "More", "type": "interval", "action": {"type": "profile_backup"}}))
        .await;
    let told = fired(&it, &mut seen).await;
    assert_eq!(
        told,
        [named("Gone", "device delete"), named("Policy", "am create"), named("Action", "action create")]
    );

    it.project.hold_automations().await.unwrap();
    it.device("C").await;
    assert_eq!(fired(&it, &mut seen).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_sets_off_a_geofence() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let area = json!({"coordinates": [[4.0, 51.0], [5.0, 51.0], [5.0, 52.0], [4.0, 52.0]]});
    let fence = |is: &str| json!([{"device": device.id, "variable": "at", "is": is, "value": area}]);
    action(&it, "Came", "condition_geofence", fence("IN")).await;
    action(&it, "Left", "condition_geofence", fence("OUT")).await;
    let mut seen = 0;
    for (longitude, latitude, name) in [(4.5, 51.5, "Came"), (5.5, 51.5, "Left"), (4.1, 51.9, "Came")] {
        let location = json!({"lat": latitude, "lng": longitude});
        it.send(&device, json!({"variable": "at", "value": "here", "location": location})).await;
        assert_eq!(fired(&it, &mut seen).await, [(name.to_owned(), "at".to_owned())]);
    }
    it.send(&device, json!({"variable": "at", "value": "nowhere"})).await;
    assert_eq!(fired(&it, &mut seen).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_with_an_unlocking_condition_fires_once_until_it_is_unlocked() {
    let it = Running::start().await;
    let device = it.device("Room").await;
    let trigger = json!([
        {"device": device.id, "variable": "t", "is": ">", "value": 8},
        {"device": device.id, "variable": "t", "is": "<", "value": 5, "unlock": true},
    ]);
    let id = action(&it, "Warm", "condition", trigger).await;
    let path = format!("/action/{id}");
    let mut seen = 0;
    let mut send = async |value: i32| {
        it.send(&device, json!({"variable": "t", "value": value})).await;
        (fired(&it, &mut seen).await.len(), it.get(&path).await["lock"] == true)
    };
    assert_eq!(send(4).await, (0, false));
    assert_eq!(send(9).await, (1, true));
    assert_eq!(send(10).await, (0, true));
    assert_eq!(send(6).await, (0, true));
    assert_eq!(send(4).await, (0, false));
    assert_eq!(send(9).await, (1, true));
    // The lock can be taken off by hand, and the unlocking itself can fire.
    it.call(Method::PUT, &path, json!({"lock": false, "trigger_when_unlock": true})).await;
    assert_eq!(send(9).await, (1, true));
    assert_eq!(send(4).await, (1, false));
    assert_eq!(send(4).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_keeps_every_version_of_its_code() {
    let it = Running::start().await;
    let id = it.post("/analysis", json!({"name": "Report"})).await["id"].as_str().unwrap().to_owned();
    let path = format!("/analysis/{id}");
    for (name, code) in [("a.js", "b25l"), ("b.py", "dHdv")] {
        it.post(&format!("{path}/upload"), json!({"file": code, "file_name": name, "language": "node"}))
            .await;
    }
    let read = it.get(&path).await;
    assert_eq!(read["version"], 2);
    assert_eq!(
        (&read["versions"]["1"]["file_name"], &read["versions"]["2"]["file_name"]),
        (&json!("a.js"), &json!("b.py"))
    );
    assert_eq!(read["versions"]["2"]["created_by"], "Ana (ana@example.com)");
    for (query, code) in [("", "two"), ("?version=1", "one"), ("?version=2", "two")] {
        let link = it.get(&format!("{path}/download{query}")).await;
        assert_eq!((&link["size"], &link["size_unit"]), (&json!(3), &json!("bytes")));
        assert_eq!(link["expire_at"], "2026-03-10T12:10:00.000Z");
        let url = link["url"].as_str().unwrap();
        // Whoever has the link needs no token.
        let packed = it.client.get(url).send().await.unwrap().bytes().await.unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_ref()).read_to_string(&mut text).unwrap();
        assert_eq!(text, code);
        let other = url.replace("version=2", "version=9").replace("version=1", "version=2");
        if other != url {
            assert_eq!(it.client.get(other).send().await.unwrap().status().as_u16(), 401);
        }
    }
    assert_eq!(it.refused(Method::GET, &format!("{path}/download?version=3"), Value::Null).await.0, 404);
    let link = it.get(&format!("{path}/download")).await;
    it.set_time("2026-03-10T12:10:00Z");
    assert_eq!(it.client.get(link["url"].as_str().unwrap()).send().await.unwrap().status().as_u16(), 401);
    it.call(Method::DELETE, &path, Value::Null).await;
    let left = std::fs::read_dir(it.project.blob_dir().join("code")).unwrap().count();
    assert_eq!(left, 0, "code outlived its analysis");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_noted_and_has_a_token_of_its_own_that_ends() {
    let it = Running::start().await;
    let made = it.post("/analysis", json!({"name": "Report", "run_on": "external"})).await;
    let (id, first) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let path = format!("/analysis/{id}");
    let run = it.post(&format!("{path}/run"), json!({"scope": {"a": 1}})).await;
    let token = run["analysis_token"].as_str().unwrap().to_owned();
    assert_eq!(it.ask(Method::GET, "/info", &token, None).await.1["result"]["id"], id);
    let outbox = it.project.outbox().await.unwrap();
    assert_eq!((outbox[0].action.as_str(), outbox[0].value.as_deref()), (id, Some(r#"{"a":1}"#)));
    assert_eq!(it.get(&path).await["last_run"], "2026-03-10T12:00:00.000Z");
    let dashboard = it.post("/dashboard", json!({"label": "A"})).await["dashboard"].clone();
    it.post(&format!("{path}/run/{}/{id}", dashboard.as_str().unwrap()), json!({})).await;
    assert_eq!(it.project.outbox().await.unwrap().len(), 2);
    it.set_time("2026-03-10T13:00:00Z");
    assert_eq!(it.ask(Method::GET, "/info", &token, None).await.0.as_u16(), 401);
    // A new token takes the place of the one that the analysis had.
    assert_eq!(it.ask(Method::GET, "/info", first, None).await.0.as_u16(), 200);
    let second = it.get(&format!("{path}/token")).await["analysis_token"].as_str().unwrap().to_owned();
    assert_eq!(it.ask(Method::GET, "/info", first, None).await.0.as_u16(), 401);
    assert_eq!(it.ask(Method::GET, "/info", &second, None).await.0.as_u16(), 200);
    it.call(Method::PUT, &path, json!({"active": false})).await;
    let (status, message) = it.refused(Method::POST, &format!("{path}/run"), json!({})).await;
    assert!(status == 400 && message.contains("inactive"), "{message}");
}

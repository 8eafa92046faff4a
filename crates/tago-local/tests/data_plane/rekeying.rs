use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tago_api::ProjectId;
use tago_local::project::Rekeying;

use crate::harness::{Running, series};

/// A project with some of everything, and a project made from its snapshot.
async fn restored() -> (Running, Running) {
    restored_with(|_| {}).await
}

async fn restored_with(also: impl FnOnce(&mut Rekeying)) -> (Running, Running) {
    let it = Running::start().await;
    for i in 0..3 {
        let device = it.device(&format!("Truck {i}")).await;
        it.post(&format!("/device/{}/params", device.id), json!([{"key": "k", "value": "v", "sent": true}]))
            .await;
        let token = json!({"device": device.id, "name": "read only", "permission": "read", "serie_number": format!("S{i}")});
        it.post("/device/token", token).await;
        it.post(
            "/action",
            json!({"name": format!("Alarm {i}"), "type": "condition", "action": {"type": "email", "to": "ana@example.com", "message": "Warm"},
                   "trigger": [{"device": device.id, "variable": "t", "is": "*"}]}),
        )
        .await;
        it.send(&device, series("t", 50)).await;
        it.send(&device, json!([{"variable": "note", "value": "✓", "metadata": {"a": 1}}])).await;
    }
    it.post("/analysis", json!({"name": "Report"})).await;
    let made = copied(&it, |copy| {
        // Two tokens of each device, the analysis' and the one that these tests ask with.
        assert_eq!(copy.reissue_tokens().unwrap(), 8);
        assert_eq!(copy.hold_automations().unwrap(), 3);
        also(copy);
    })
    .await;
    (it, made)
}

async fn copied(it: &Running, also: impl FnOnce(&mut Rekeying)) -> Running {
    std::fs::create_dir(it.path("copy")).unwrap();
    it.project.snapshot_to(&it.path("copy/main.sqlite"), &mut |_| {}).unwrap();
    let mut copy = Rekeying::open(&it.path("copy"), it.shared.clone()).unwrap();
    copy.make_record_key().unwrap();
    copy.become_instance(ProjectId::from_bytes([9; 12]), "Restored").unwrap();
    also(&mut copy);
    copy.finish().unwrap();
    it.open_beside("copy").await
}

/// The paths of one of each type of resource, which name each other where they can.
async fn one_of_each(it: &Running) -> Vec<String> {
    let device = it.device("Truck").await.id;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let network = text(&it.post("/integration/network", json!({"name": "N"})).await["network"]);
    it.post("/integration/network/token", json!({"network": network, "name": "Server"})).await;
    it.post("/serviceauth", json!({"name": "Service", "permission": "full"})).await;
    let connector = json!({"name": "C", "networks": [network]});
    let connector = text(&it.post("/integration/connector", connector).await["connector"]);
    let secret = text(&it.post("/secrets", json!({"key": "SMTP", "value": "hidden"})).await["id"]);
    let dictionary = json!({"name": "D", "slug": "D", "fallback": "en-US"});
    let dictionary = text(&it.post("/dictionary", dictionary).await["dictionary"]);
    let texts = json!({"dictionary": {"A": "a"}});
    it.call(Method::PUT, &format!("/dictionary/{dictionary}/en-US"), texts).await;
    let analysis = json!({"name": "A", "variables": [{"key": "device", "value": device}]});
    let analysis = text(&it.post("/analysis", analysis).await["id"]);
    let dashboard = text(&it.post("/dashboard", json!({"label": "B"})).await["dashboard"]);
    let widget = json!({
        "label": "W", "type": "card", "analysis_run": analysis, "data": [{"origin": device, "variables": ["t"]}],
        "display": {"url": format!("https://x.example/{device}/y"), format!("{device}temperature"): {"a": 1}},
    });
    let widget = text(&it.post(&format!("/dashboard/{dashboard}/widget"), widget).await["widget"]);
    let place = json!({
        "arrangement": [{"widget_id": widget, "x": 0, "y": 0, "width": 1, "height": 1}],
        "tabs": [{"key": "t", "value": "Self", "link": format!("/dashboards/info/{dashboard}")}],
    });
    it.call(Method::PUT, &format!("/dashboard/{dashboard}"), place).await;
    it.get(&format!("/dashboard/{dashboard}/share/public")).await;
    let policy = json!({
        "name": "P", "targets": [["analysis", "id", analysis]],
        "permissions": [{"effect": "allow", "action": ["access"], "resource": ["device", "id", device]}],
    });
    let policy = text(&it.post("/am", policy).await["am_id"]);
    let does = json!({"type": "email-smtp", "to": "a@b.example", "from": "c@d.example", "message": "m", "smtp_secret": secret});
    let action =
        text(&it.post("/action", json!({"name": "X", "type": "interval", "action": does})).await["action"]);
    let sql = json!({"name": "Q", "query": "SELECT $1", "params": [{"key": "$1", "value": device}]});
    let sql = text(&it.post("/sql", sql).await["id"]);
    vec![
        format!("/integration/network/{network}?fields[]=profile"),
        format!("/integration/connector/{connector}?fields[]=networks"),
        format!("/secrets/{secret}"),
        format!("/dictionary/{dictionary}"),
        format!("/dictionary/{dictionary}/en-US"),
        format!("/dashboard/{dashboard}"),
        format!("/dashboard/{dashboard}/widget/{widget}"),
        format!("/am/{policy}"),
        format!("/action/{action}"),
        format!("/sql/{sql}"),
        format!("/sql/{sql}/version/1"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_every_type_of_resource_is_in_a_restored_project_as_it_was() {
    let it = Running::start().await;
    let paths = one_of_each(&it).await;
    let made = copied(&it, |copy| {
        // Of the device, the analysis, the network, the service, the public link, and these tests'.
        assert_eq!(copy.reissue_tokens().unwrap(), 6);
    })
    .await;
    for path in &paths {
        assert_eq!(it.get(path).await, made.get(path).await, "{path}");
    }
    let network = paths[0].split(['/', '?']).nth(3).unwrap();
    for list in ["/serviceauth".to_owned(), format!("/integration/network/token/{network}")] {
        let (old, new) = (it.get(&list).await, made.get(&list).await);
        assert_eq!((old.as_array().unwrap().len(), &old[0]["name"]), (1, &new[0]["name"]));
        assert_ne!(old[0]["fingerprint"], new[0]["fingerprint"], "{list}");
    }
    let rows = made.project.rows().unwrap();
    for kind in [
        "networks",
        "connectors",
        "secrets",
        "dictionaries",
        "dictionary_languages",
        "analyses",
        "dashboards",
        "widgets",
        "access_policies",
        "actions",
        "sql_queries",
        "sql_versions",
    ] {
        assert_eq!(rows.0[kind], 1, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ids_are_not_kept_every_reference_inside_resources_follows() {
    let it = Running::start().await;
    one_of_each(&it).await;
    let made = copied(&it, |copy| assert_eq!(copy.renew_resource_ids().unwrap(), 13)).await;
    let one = async |path: &str| made.get(path).await[0]["id"].as_str().unwrap().to_owned();
    let (device, dashboard) = (one("/device").await, one("/dashboard").await);
    assert_ne!(device, it.get("/device").await[0]["id"]);
    let read = made.get(&format!("/dashboard/{dashboard}")).await;
    assert_eq!(read["tabs"][0]["link"], format!("/dashboards/info/{dashboard}"));
    let widget = read["arrangement"][0]["widget_id"].as_str().unwrap();
    let widget = made.get(&format!("/dashboard/{dashboard}/widget/{widget}")).await;
    assert_eq!((&widget["dashboard"], &widget["data"][0]["origin"]), (&json!(dashboard), &json!(device)));
    assert_eq!(widget["analysis_run"], one("/analysis").await);
    // Ids are parts of addresses and of keys too.
    assert_eq!(widget["display"]["url"], format!("https://x.example/{device}/y"));
    assert_eq!(widget["display"][format!("{device}temperature")], json!({"a": 1}));
    let policy = made.get(&format!("/am/{}", one("/am").await)).await;
    assert_eq!(policy["targets"][0][2], one("/analysis").await);
    assert_eq!(policy["permissions"][0]["resource"][2], device);
    let connectors = made.get("/integration/connector?filter[public]=1&fields[]=networks").await;
    assert_eq!(connectors[0]["networks"][0], one("/integration/network?filter[public]=1").await);
    assert_eq!(made.get("/dictionary/D/en-US").await, json!({"A": "a"}));
    assert_eq!(
        made.get(&format!("/sql/{}/version/1", one("/sql").await)).await["params"][0]["value"],
        device
    );
}

/// Columns of tables of their own name others too.
#[tokio::test(flavor = "multi_thread")]
async fn where_ids_are_not_kept_devices_parameters_rows_and_the_portal_follow() {
    let it = Running::start().await;
    let network = it.post("/integration/network", json!({"name": "N"})).await["network"].clone();
    let connector = json!({"name": "C", "networks": [network]});
    let connector = it.post("/integration/connector", connector).await["connector"].clone();
    let truck = json!({"name": "Truck", "type": "mutable", "network": network, "connector": connector});
    let truck = it.post("/device", truck).await["device_id"].clone();
    let dashboard = it.post("/dashboard", json!({"label": "B"})).await["dashboard"].clone();
    let tags = json!({"tags": [{"key": "dashboard", "value": dashboard}]});
    it.call(Method::PUT, &format!("/device/{}", truck.as_str().unwrap()), tags).await;
    let params = json!([{"key": "peer", "value": truck, "sent": false}]);
    it.post(&format!("/device/{}/params", truck.as_str().unwrap()), params).await;
    let entity = json!({"name": "E", "schema": {"device": {"type": "string", "required": false}}});
    let entity = it.post("/entity", entity).await["id"].clone();
    it.post(&format!("/entity/{}/data", entity.as_str().unwrap()), json!([{"device": truck}])).await;
    let user = json!({"name": "Ana", "email": "ana@example.com", "password": "Correct horse 1!", "timezone": "UTC", "active": true});
    it.post("/run/users", user).await;
    it.call(Method::PUT, "/run", json!({"sidebar_buttons": [{"type": "dashboard", "value": dashboard}]}))
        .await;

    let made = copied(&it, |copy| assert_eq!(copy.renew_resource_ids().unwrap(), 7)).await;
    let one = async |path: &str| made.get(path).await[0]["id"].clone();
    let id = one("/device").await;
    assert_ne!(id, truck);
    let read = made.get(&format!("/device/{}", id.as_str().unwrap())).await;
    assert_eq!(read["network"], one("/integration/network?filter[public]=1").await);
    assert_eq!(read["connector"], one("/integration/connector?filter[public]=1").await);
    assert_eq!(read["tags"][0]["value"], one("/dashboard").await);
    assert_eq!(made.get(&format!("/device/{}/params", id.as_str().unwrap())).await[0]["value"], id);
    let rows = made.get(&format!("/entity/{}/data", one("/entity").await.as_str().unwrap())).await;
    assert_eq!(rows[0]["device"], id);
    assert_eq!(made.get("/run").await["sidebar_buttons"][0]["value"], one("/dashboard").await);
    let credentials = rusqlite::Connection::open_with_flags(
        it.path("copy/main.sqlite"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .unwrap();
    let owner: String = credentials
        .query_row("SELECT owner FROM credentials WHERE owner IN (SELECT id FROM resources)", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(one("/run/users").await, owner);
}

async fn device_ids(it: &Running) -> Vec<String> {
    let devices = it.get("/device?amount=100").await;
    devices.as_array().unwrap().iter().map(|device| device["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_every_record_of_a_restored_project_has_a_new_id() {
    let (it, made) = restored().await;
    let (mut old, mut new) = (BTreeSet::new(), BTreeSet::new());
    for device in device_ids(&it).await {
        let path = format!("/device/{device}/data?qty=1000");
        for (project, ids) in [(&it, &mut old), (&made, &mut new)] {
            let records = project.get(&path).await;
            ids.extend(records.as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!((old.len(), new.len()), (153, 153));
    assert!(old.is_disjoint(&new));
    // An id of the original finds nothing in the copy, and the copy's own does.
    let device = &device_ids(&it).await[0];
    let find = |id: &str| format!("/device/{device}/data?ids={id}");
    let own = made.get(&format!("/device/{device}/data?qty=1")).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(made.get(&find(old.first().unwrap())).await, json!([]));
    assert_eq!(made.get(&find(&own)).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_the_contents_of_a_restored_project_are_equal() {
    let (it, made) = restored().await;
    for device in device_ids(&it).await {
        let contents = async |project: &Running| {
            let mut records = project.get(&format!("/device/{device}/data?qty=1000&details=true")).await;
            for record in records.as_array_mut().unwrap() {
                record.as_object_mut().unwrap().remove("id").unwrap();
            }
            records
        };
        assert_eq!(contents(&it).await, contents(&made).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_every_token_is_new_and_keeps_its_name_permission_and_serial_number() {
    let (it, made) = restored().await;
    for device in device_ids(&it).await {
        let path = format!("/device/token/{device}");
        let (old, new) = (it.get(&path).await, made.get(&path).await);
        let (old, new) = (old.as_array().unwrap(), new.as_array().unwrap());
        assert_eq!((old.len(), new.len()), (2, 2));
        for (old, new) in old.iter().zip(new) {
            assert_ne!(old["fingerprint"], new["fingerprint"]);
            for field in ["id", "name", "permission", "serie_number", "device_id", "expire_time"] {
                assert_eq!(old[field], new[field], "{field}");
            }
        }
        assert!(
            old.iter().any(|token| token["permission"] == "read" && token["serie_number"] != Value::Null)
        );
    }
    // Nothing that opened the original opens the copy, nor the other way round.
    assert_eq!(made.ask(Method::GET, "/device", &it.token, None).await.0.as_u16(), 401);
    assert_eq!(it.ask(Method::GET, "/device", &made.token, None).await.0.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_every_resource_keeps_its_id() {
    let (it, made) = restored().await;
    assert_eq!(made.project.id(), ProjectId::from_bytes([9; 12]));
    for path in ["/device?amount=100&fields=network", "/action?fields=trigger", "/analysis"] {
        let (old, new) = (it.get(path).await, made.get(path).await);
        assert!(!old.as_array().unwrap().is_empty());
        assert_eq!(old, new, "{path}");
    }
    for device in device_ids(&it).await {
        let path = format!("/device/{device}/params");
        assert_eq!(it.get(&path).await, made.get(&path).await);
    }
    assert_eq!(it.get("/info").await["id"], made.get("/info").await["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actions_of_a_restored_project_are_held_until_they_are_released() {
    let (it, made) = restored().await;
    assert!(!it.project.outbox().await.unwrap().is_empty());
    assert!(made.project.outbox().await.unwrap().is_empty());
    let device = device_ids(&made).await.swap_remove(0);
    let token = made.post("/device/token", json!({"device": device, "name": "new"})).await;
    let token = token["token"].as_str().unwrap();
    let body = || Some(series("t", 1).to_string());
    assert_eq!(made.ask(Method::POST, "/data", token, body()).await.0.as_u16(), 202);
    assert!(made.project.outbox().await.unwrap().is_empty());
    assert!(made.project.automations().await.unwrap().held);
    made.project.release_automations().await.unwrap();
    made.ask(Method::POST, "/data", token, body()).await;
    assert_eq!(made.project.outbox().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ids_are_not_kept_all_that_name_them_follow() {
    let (it, made) = restored_with(|copy| assert_eq!(copy.renew_resource_ids().unwrap(), 10)).await;
    let (old, new) = (device_ids(&it).await, device_ids(&made).await);
    assert!(old.iter().all(|id| !new.contains(id)));
    for device in &new {
        assert_eq!(made.get(&format!("/device/{device}/data_amount")).await, 51);
        assert_eq!(made.get(&format!("/device/{device}/params")).await.as_array().unwrap().len(), 1);
        assert_eq!(made.get(&format!("/device/token/{device}")).await.as_array().unwrap().len(), 2);
    }
    let actions = made.get("/action?fields=trigger").await;
    for action in actions.as_array().unwrap() {
        let named = action["trigger"][0]["device"].as_str().unwrap();
        assert!(new.iter().any(|id| id == named));
    }
}

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, series};

async fn dashboard(it: &Running, body: Value) -> String {
    it.post("/dashboard", body).await["dashboard"].as_str().unwrap().to_owned()
}

async fn widget(it: &Running, dashboard: &str, body: Value) -> String {
    let path = format!("/dashboard/{dashboard}/widget/");
    it.post(&path, body).await["widget"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_keeps_its_fields_and_is_listed_by_its_label() {
    let it = Running::start().await;
    let made = json!({
        "label": "Cold rooms", "type": "blueprint", "tags": [{"key": "site", "value": "RTM"}],
        "tabs": [{"key": "a", "value": "Now", "link": "https://admin.tago.io/dashboards/info/5f2a8e3b9c1d4e0011223344"}],
        "arrangement": [{"widget_id": "5f2a8e3b9c1d4e0011223344", "x": 0, "y": 1, "width": 2, "height": 3.5, "tab": "a"}],
        "blueprint_devices": [{"id": "5f2a8e3b9c1d4e0011223399", "name": "room"}, {"name": "truck"}],
        "setup": {"config": []}, "icon": {"url": "x", "color": "red"},
    });
    let id = dashboard(&it, made.clone()).await;
    let read = it.get(&format!("/dashboard/{id}")).await;
    for field in ["label", "type", "tags", "tabs", "arrangement", "setup", "icon"] {
        assert_eq!(read[field], made[field], "{field}");
    }
    assert_eq!(read["profile"], it.get("/info").await["id"]);
    assert_eq!((&read["visible"], &read["last_access"]), (&json!(true), &Value::Null));
    assert_eq!(read["blueprint_devices"][0], made["blueprint_devices"][0]);
    assert_eq!(read["blueprint_devices"][1]["id"].as_str().unwrap().len(), 24);

    dashboard(&it, json!({"label": "Trucks"})).await;
    let labels = async |query: &str| -> Vec<Value> {
        let list = it.get(&format!("/dashboard?{query}")).await;
        list.as_array().unwrap().iter().map(|item| item["label"].clone()).collect()
    };
    assert_eq!(labels("").await, ["Cold rooms", "Trucks"]);
    assert_eq!(labels("orderBy=label,desc&fields[0]=id&fields[1]=name").await, ["Trucks", "Cold rooms"]);
    assert_eq!(labels("filter[label]=truck*").await, ["Trucks"]);
    assert_eq!(labels("filter[name]=*rooms").await, ["Cold rooms"]);
    assert_eq!(labels("filter[tags][0][key]=site&filter[tags][0][value]=RTM").await, ["Cold rooms"]);
    assert_eq!(labels("page=2&amount=1").await, ["Trucks"]);
    let listed = it.get("/dashboard?filter[label]=Trucks").await;
    let mut fields: Vec<_> = listed[0].as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(
        fields.join(" "),
        "created_at group_by icon id label last_access profile tabs tags type visible"
    );
    assert_eq!(it.get("/dashboard?fields[]=theme&amount=1").await[0].get("tabs"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dashboard_may_not_be_is_refused_with_its_field() {
    let it = Running::start().await;
    let tab = |key: &str| json!({"key": key, "value": "Tab"});
    let eleven: Vec<_> = (0..11).map(|i| tab(&i.to_string())).collect();
    for (body, field) in [
        (json!({}), "label"),
        (json!({"label": ""}), "label"),
        (json!({"label": "x", "tabs": [tab("a"), tab("a")]}), "tabs"),
        (json!({"label": "x", "tabs": eleven}), "tabs"),
        (json!({"label": "x", "arrangement": [{"x": 1}]}), "arrangement"),
        (json!({"label": "x", "arrangement": [{"widget_id": "a", "x": "left"}]}), "arrangement"),
        (json!({"label": "x", "type": "page"}), "type"),
        (json!({"label": "x", "tags": [{"key": ""}]}), "tags"),
        (json!({"label": "x", "blueprint_devices": vec![json!({}); 21]}), "blueprint_devices"),
    ] {
        let (status, message) = it.refused(Method::POST, "/dashboard", body).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
    assert_eq!(it.get("/dashboard").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_replaces_what_it_sends_as_a_whole_and_a_widget_never_touches_the_arrangement() {
    let it = Running::start().await;
    let id = dashboard(&it, json!({"label": "Rooms", "setup": {"a": 1, "b": 2}})).await;
    let path = format!("/dashboard/{id}");
    let first =
        widget(&it, &id, json!({"label": "One", "type": "dial", "display": {"a": 1, "b": {"c": 2}}})).await;
    assert_eq!(it.get(&path).await["arrangement"], json!([]));
    let place = json!([{"widget_id": first, "x": 0, "y": 0, "width": 1, "height": 1}]);
    it.call(Method::PUT, &path, json!({"arrangement": place, "setup": {"b": 3}})).await;
    let second = json!([{"widget_id": "5f2a8e3b9c1d4e0011223344", "x": 1, "y": 0, "width": 1, "height": 1}]);
    assert_eq!(it.get(&path).await["setup"], json!({"b": 3}));
    assert_eq!(it.get(&path).await["label"], "Rooms");
    it.call(Method::DELETE, &format!("{path}/widget/{first}"), Value::Null).await;
    assert_eq!(it.get(&path).await["arrangement"], place);
    it.call(Method::PUT, &path, json!({"arrangement": second})).await;
    assert_eq!(it.get(&path).await["arrangement"], second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_keeps_what_it_was_given_and_loses_its_analysis_when_an_edit_leaves_it_out() {
    let it = Running::start().await;
    let (id, other) =
        (dashboard(&it, json!({"label": "A"})).await, dashboard(&it, json!({"label": "B"})).await);
    let analysis = it.post("/analysis", json!({"name": "Report"})).await["id"].clone();
    let made = json!({
        "label": "Temperature", "type": "display", "realtime": "true", "analysis_run": analysis,
        "display": {"header_buttons": [], "deep": {"5f2a8e3b9c1d4e0011223344temperature": [1, null, ""]}},
        "data": [{"origin": "5f2a8e3b9c1d4e0011223344", "qty": "10", "query": "last_value"}],
        "resource": [{"type": "device", "filter": []}], "cache": {"expiration": 5},
    });
    let wid = widget(&it, &id, made.clone()).await;
    let path = format!("/dashboard/{id}/widget/{wid}");
    let read = it.get(&path).await;
    for (field, value) in made.as_object().unwrap() {
        assert_eq!(&read[field], value, "{field}");
    }
    assert_eq!((&read["dashboard"], &read["token"]), (&json!(id), &Value::Null));
    assert_eq!(
        it.refused(Method::GET, &format!("/dashboard/{other}/widget/{wid}"), Value::Null).await.0,
        404
    );

    it.call(Method::PUT, &path, json!({"label": "T", "display": {"x": 1}, "analysis_run": analysis})).await;
    let edited = it.get(&path).await;
    assert_eq!((&edited["display"], &edited["data"]), (&json!({"x": 1}), &made["data"]));
    assert_eq!(edited["analysis_run"], analysis);
    it.call(Method::PUT, &path, json!({"label": "Temperature"})).await;
    assert_eq!(it.get(&path).await["analysis_run"], Value::Null);
    // The whole of it, as a client read it, is a valid edit; another type is not.
    it.call(Method::PUT, &path, it.get(&path).await).await;
    let (status, message) = it.refused(Method::PUT, &path, json!({"type": "dial"})).await;
    assert!(status == 400 && message.starts_with("type"), "{message}");

    assert_eq!(it.call(Method::DELETE, &path, Value::Null).await, "Successfully Removed");
    assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 404);
    let orphan = json!({"label": "x", "type": "dial"});
    let (status, message) =
        it.refused(Method::POST, "/dashboard/5f2a8e3b9c1d4e0011223344/widget", orphan).await;
    assert!(status == 404 && message.starts_with("Dashboard"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_has_a_hundred_widgets_at_most_and_takes_them_along_when_it_goes() {
    let it = Running::start().await;
    let id = dashboard(&it, json!({"label": "A"})).await;
    let mut last = String::new();
    for i in 0..100 {
        last = widget(&it, &id, json!({"label": i.to_string(), "type": "dial"})).await;
    }
    let more = json!({"label": "more", "type": "dial"});
    let (status, message) = it.refused(Method::POST, &format!("/dashboard/{id}/widget"), more).await;
    assert_eq!(status, 402);
    assert!(
        message.starts_with("You have exceeded the maximum limit of widgets of a dashboard (100)"),
        "{message}"
    );
    assert_eq!(it.project.rows().unwrap().0["widgets"], 100);
    it.call(Method::DELETE, &format!("/dashboard/{id}"), Value::Null).await;
    assert_eq!(it.refused(Method::GET, &format!("/dashboard/{id}/widget/{last}"), Value::Null).await.0, 404);
    assert_eq!(it.project.rows().unwrap().0.get("widgets"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_dashboard_names_its_own_widgets() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let id = dashboard(&it, json!({"label": "A"})).await;
    let one =
        widget(&it, &id, json!({"label": "One", "type": "dial", "data": [{"origin": device.id}]})).await;
    let two = widget(
        &it,
        &id,
        json!({"label": "Two", "type": "card", "display": {"header_buttons": [{"widget": one}, {"dashboard": id}]}}),
    )
    .await;
    let place = |widget: &str| json!({"widget_id": widget, "x": 0, "y": 0, "width": 1, "height": 1});
    it.call(Method::PUT, &format!("/dashboard/{id}"), json!({"arrangement": [place(&one), place(&two)]}))
        .await;
    let copied = it
        .post(&format!("/dashboard/{id}/duplicate"), json!({"new_label": "B", "setup": {"config": [1]}}))
        .await;
    assert_eq!(copied["message"], "Copy sent");
    let copy = copied["dashboard_id"].as_str().unwrap();
    let read = it.get(&format!("/dashboard/{copy}")).await;
    assert_eq!((&read["label"], &read["setup"]), (&json!("B"), &json!({"config": [1]})));
    let widgets: Vec<&str> = read["arrangement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["widget_id"].as_str().unwrap())
        .collect();
    assert!(!widgets.contains(&one.as_str()) && !widgets.contains(&two.as_str()));
    let second = it.get(&format!("/dashboard/{copy}/widget/{}", widgets[1])).await;
    assert_eq!(second["display"]["header_buttons"], json!([{"widget": widgets[0]}, {"dashboard": copy}]));
    assert_eq!(second["dashboard"], copy);
    let first = it.get(&format!("/dashboard/{copy}/widget/{}", widgets[0])).await;
    assert_eq!(first["data"][0]["origin"], device.id);
    assert_eq!(it.get(&format!("/dashboard/{id}")).await["label"], "A");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_knows_which_devices_and_analyses_it_uses() {
    let it = Running::start().await;
    let (a, b) = (it.device("A").await, it.device("B").await);
    let analysis = it.post("/analysis", json!({"name": "Report"})).await["id"].clone();
    let id = dashboard(&it, json!({"label": "A"})).await;
    let data =
        json!([{"origin": a.id}, {"bucket": b.id}, {"origin": a.id}, {"origin": "5f2a8e3b9c1d4e0011223344"}]);
    widget(&it, &id, json!({"label": "1", "type": "dial", "data": data, "analysis_run": analysis})).await;
    let devices = it.get(&format!("/dashboard/{id}/devices")).await;
    let names: Vec<_> = devices.as_array().unwrap().iter().map(|device| device["name"].clone()).collect();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(
        it.get(&format!("/dashboard/{id}/analysis")).await,
        json!([{"id": analysis, "name": "Report"}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_shows_the_records_that_its_data_asks_for() {
    let it = Running::start().await;
    let (a, b) = (it.device("A").await, it.device("B").await);
    it.send(&a, series("t", 30)).await;
    it.send(&a, series("u", 3)).await;
    it.send(&b, series("t", 5)).await;
    let id = dashboard(&it, json!({"label": "A"})).await;
    let data = json!([
        {"origin": a.id, "variables": ["t", "u"], "query": "last_value"},
        {"origin": b.id, "variables": ["t"], "qty": "2"},
        {"origin": "5f2a8e3b9c1d4e0011223344", "variables": ["t"]},
    ]);
    let wid = widget(&it, &id, json!({"label": "1", "type": "dial", "data": data})).await;
    let shown = it.get(&format!("/data/{id}/{wid}")).await;
    assert_eq!(shown["widget"]["label"], "1");
    let content = shown["content"].as_array().unwrap();
    assert_eq!(content.iter().map(|part| part["data"].clone()).collect::<Value>(), data);
    let values = |part: &Value| -> Vec<Value> {
        part["result"].as_array().unwrap().iter().map(|record| record["value"].clone()).collect()
    };
    assert_eq!(values(&content[0]), [29, 2]);
    assert_eq!(values(&content[1]), [4, 3]);
    assert_eq!(values(&content[2]), [Value::Null; 0]);
    let narrowed = it
        .get(&format!(
            "/data/{id}/{wid}?overwrite[end_date]=2026-03-01T00:01:00Z&overwrite[start_date]=2026-03-01"
        ))
        .await;
    assert_eq!(values(&narrowed["content"][1]), [1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_shows_the_rows_of_an_entity() {
    let it = Running::start().await;
    let schema = json!({"name": {"type": "string", "required": true}});
    let entity = it.post("/entity", json!({"name": "Orders", "schema": schema})).await["id"].clone();
    let path = format!("/entity/{}/data", entity.as_str().unwrap());
    it.post(&path, json!([{"name": "one"}, {"name": "two"}, {"name": "three"}])).await;
    let id = dashboard(&it, json!({"label": "A"})).await;
    let data = json!([{"entity": entity, "amount": 2}]);
    let wid = widget(&it, &id, json!({"label": "1", "type": "entity_table", "data": data})).await;
    let shown = it.get(&format!("/data/{id}/{wid}")).await;
    assert_eq!(shown["content"][0]["data"], data[0]);
    assert_eq!(shown["content"][0]["result"], it.get(&format!("{path}?amount=2")).await);
    let tables = it.get("/sql/tables?filter=orders").await;
    assert_eq!(tables["resources"]["entities"], json!([{"id": entity, "name": "Orders"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_entered_changed_and_removed_through_a_widget() {
    let it = Running::start().await;
    let (a, b) = (it.device("A").await, it.device("B").await);
    let analysis = it.post("/analysis", json!({"name": "On entry"})).await["id"].clone();
    let id = dashboard(&it, json!({"label": "A"})).await;
    let form = json!({"label": "Form", "type": "input_form", "analysis_run": analysis});
    let wid = widget(&it, &id, form).await;
    let path = format!("/data/{id}/{wid}");
    let records = json!([
        {"origin": a.id, "variable": "note", "value": "first", "time": "2026-03-02T00:00:00Z"},
        {"origin": b.id, "variable": "note", "value": 1.50},
    ]);
    assert_eq!(it.post(&path, records).await, "2 Data Added");
    assert_eq!(it.values(&a, "").await, ["first"]);
    let runs = it.project.outbox().await.unwrap();
    assert_eq!((runs[0].r#type.as_str(), runs[0].name.as_str()), ("analysis", "On entry"));
    assert!(runs[0].value.as_deref().unwrap().contains("first"));
    let unstored = json!({"origin": a.id, "variable": "note", "value": "unstored"});
    it.post(&format!("{path}?bypass_bucket=true"), unstored).await;
    assert_eq!(it.values(&a, "").await, ["first"]);

    let record = it.get(&format!("/device/{}/data", a.id)).await[0]["id"].as_str().unwrap().to_owned();
    let edit = json!({"origin": a.id, "id": record, "value": "second"});
    assert_eq!(it.call(Method::PUT, &format!("{path}/data"), edit).await, "1 item(s) updated");
    assert_eq!(it.values(&a, "").await, ["second"]);
    let gone = format!("{path}?ids[0]={record}:{}", a.id);
    assert_eq!(it.call(Method::DELETE, &gone, Value::Null).await, "1 Data Removed");
    assert_eq!((it.values(&a, "").await.len(), it.values(&b, "").await.len()), (0, 1));
    let (status, message) = it.refused(Method::POST, &path, json!({"variable": "note", "value": 1})).await;
    assert!(status == 400 && message.contains("origin"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_edited_through_a_widget_in_name_tags_and_parameters() {
    let it = Running::start().await;
    let device = it.device("A").await;
    it.post(&format!("/device/{}/params", device.id), json!([{"key": "low", "value": "1"}])).await;
    let id = dashboard(&it, json!({"label": "A"})).await;
    let wid = widget(&it, &id, json!({"label": "Devices", "type": "device_table"})).await;
    let path = format!("/data/{id}/{wid}/resource");
    let change = json!({
        "device": device.id, "name": "Renamed", "active": false, "tags.site": "RTM", "param.low": "2", "param.high": "8",
    });
    it.call(Method::PUT, &path, change).await;
    let read = it.get(&format!("/device/{}", device.id)).await;
    assert_eq!((&read["name"], &read["active"]), (&json!("Renamed"), &json!(false)));
    assert_eq!(read["tags"], json!([{"key": "site", "value": "RTM"}]));
    let params = it.get(&format!("/device/{}/params", device.id)).await;
    let pairs: Vec<_> = params
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["key"].as_str().unwrap(), p["value"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("low", "2"), ("high", "8")]);
    for (change, field) in [
        (json!({"name": "x"}), "device"),
        (json!({"device": device.id, "network": "x"}), "network"),
        (json!({"device": device.id, "tags.site": 5}), "tags.site"),
    ] {
        let (status, message) = it.refused(Method::PUT, &path, change).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_link_opens_its_dashboard_and_a_widget_token_its_widget_until_they_end() {
    let it = Running::start().await;
    let device = it.device("A").await;
    it.send(&device, series("t", 3)).await;
    let (id, other) =
        (dashboard(&it, json!({"label": "A"})).await, dashboard(&it, json!({"label": "B"})).await);
    let data = json!([{"origin": device.id, "variables": ["t"]}]);
    let one = widget(&it, &id, json!({"label": "1", "type": "dial", "data": data})).await;
    let two = widget(&it, &id, json!({"label": "2", "type": "dial"})).await;
    let link = it.get(&format!("/dashboard/{id}/share/public?expire_time=2 hours")).await;
    assert_eq!(link["expire_time"], "2026-03-10T14:00:00.000Z");
    let public = link["token"].as_str().unwrap().to_owned();
    let embedded = it.get(&format!("/dashboard/{id}/widget/{one}/token")).await["widget_token"].clone();
    let embedded = embedded.as_str().unwrap().to_owned();
    let status = async |path: String, token: &str| it.ask(Method::GET, &path, token, None).await.0.as_u16();
    for (path, by_link, by_widget) in [
        (format!("/dashboard/{id}"), 200, 401),
        (format!("/dashboard/{other}"), 401, 401),
        (format!("/dashboard/{id}/widget/{one}"), 200, 200),
        (format!("/dashboard/{id}/widget/{two}"), 200, 401),
        (format!("/data/{id}/{one}"), 200, 200),
        (format!("/data/{id}/{two}"), 200, 401),
        ("/dashboard".to_owned(), 401, 401),
        (format!("/device/{}/data", device.id), 401, 401),
    ] {
        assert_eq!(status(path.clone(), &public).await, by_link, "{path} by link");
        assert_eq!(status(path.clone(), &embedded).await, by_widget, "{path} by widget");
    }
    let forever = it.get(&format!("/dashboard/{id}/share/public")).await;
    assert_eq!(forever["expire_time"], "never");
    it.set_time("2026-03-10T14:00:00Z");
    assert_eq!(status(format!("/dashboard/{id}"), &public).await, 401);
    assert_eq!(status(format!("/dashboard/{id}"), forever["token"].as_str().unwrap()).await, 200);
    it.call(Method::DELETE, &format!("/dashboard/{id}/widget/{one}"), Value::Null).await;
    assert_eq!(status(format!("/data/{id}/{one}"), &embedded).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_of_a_custom_widget_is_a_file_that_outlives_it() {
    let it = Running::start().await;
    let id = dashboard(&it, json!({"label": "A"})).await;
    let wid = widget(&it, &id, json!({"label": "1", "type": "custom_widget", "display": {"a": 1}})).await;
    let path = format!("/dashboard/{id}/widget/{wid}");
    it.post(&format!("{path}/upload"), json!({"file": "YSA9IDE7", "file_name": "index.tsx"})).await;
    let profile = it.get("/info").await["id"].as_str().unwrap().to_owned();
    let source = format!("/file/{profile}/widgets/{wid}.tsx");
    assert_eq!(it.ask_text(Method::GET, &source, &it.token, None).await.1, "a = 1;");
    let display = it.get(&path).await["display"].clone();
    let page = display["artifact_url"].as_str().unwrap();
    assert!(page.contains(&format!("/file/{profile}/widgets/.bundled/{wid}/")), "{page}");
    assert_eq!(it.client.get(page).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(display["a"], 1);
    it.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(it.ask_text(Method::GET, &source, &it.token, None).await.1, "a = 1;");
    let other = widget(&it, &id, json!({"label": "1", "type": "custom_widget"})).await;
    for (body, field) in [
        (json!({"file": "YSA9IDE7", "file_name": "index.js"}), "file_name"),
        (json!({"file": "%", "file_name": "index.tsx"}), "file"),
        (json!({"file": "A".repeat(1_400_000), "file_name": "index.tsx"}), "file"),
    ] {
        let (status, message) =
            it.refused(Method::POST, &format!("/dashboard/{id}/widget/{other}/upload"), body).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
}

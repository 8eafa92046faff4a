use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::differences::{DIFFERENCES, UNSERVED};
use super::{Inspector, shape};
use crate::harness::{Api, START, World};

const HTTPS: &str = "5bbd0d144051a50034cd19fb";
const CUSTOM_HTTPS: &str = "5f5a8f3351d4db99c40dece5";
const NOTHING: Value = Value::Null;

#[tokio::test]
async fn every_published_operation_of_tagoio_is_served_in_its_shape_or_listed() {
    let world = World::start().await;
    let project = world.project("Published").await;
    let api = world.api(&project).await;
    let document = include_str!("tagoio.json");
    let mut it = Inspector::new(document, (DIFFERENCES, UNSERVED), api.address, &api.token);
    let profile = it.call("GET /profile/{id}", &["current"], "", NOTHING).await;
    let profile = text(&profile["info"]["id"]).to_owned();

    let (device, token) = devices(&mut it).await;
    parameters_and_tokens(&mut it, &device, &token).await;
    data(&mut it, &device, &token).await;
    exports(&mut it, &device, &token).await;
    chunks(&mut it).await;
    entities(&mut it).await;
    let analysis =
        text(&api.ask("POST", "/analysis", Some(json!({ "name": "Hourly" }))).await["id"]).to_owned();
    dashboards(&mut it, &device, &analysis).await;
    run(&mut it, &profile).await;
    files(&mut it).await;
    account(&mut it, &profile).await;
    access(&mut it).await;
    statistics(&mut it, &profile, &api).await;
    backups(&mut it, &profile, &world).await;
    dictionaries(&mut it).await;
    network(&mut it, &api).await;
    it.call("DELETE /device/{deviceID}", &[&device], "", NOTHING).await;

    let served = tago_local::project::routes();
    it.conclude(
        &served.iter().map(|route| shape(route.method.as_str(), route.path)).collect::<BTreeSet<_>>(),
    );
}

async fn devices(it: &mut Inspector) -> (String, String) {
    let new = json!({ "name": "Truck", "type": "mutable", "network": HTTPS, "connector": CUSTOM_HTTPS,
                      "serie_number": "SN-1", "tags": [{ "key": "site", "value": "Lyon" }] });
    let made = it.call("POST /device", &[], "", new).await;
    let id = text(&made["device_id"]).to_owned();
    let list = "page=1&amount=20&orderBy=name,asc&fields[0]=network&fields[1]=connector";
    let filters = format!(
        "{list}&filter[id]={id}&filter[name]=Truck*&filter[visible]=true&filter[active]=true\
         &filter[connector]={CUSTOM_HTTPS}&filter[network]={HTTPS}&filter[tags][0][key]=site\
         &filter[tags][0][value]=Lyon"
    );
    it.call("GET /device", &[], &filters, NOTHING).await;
    let moments = format!("{list}&filter[created_at]={START}&filter[updated_at]={START}");
    it.call("GET /device", &[], &moments, NOTHING).await;
    it.call("GET /device/{deviceID}", &[&id], "", NOTHING).await;
    let edit = json!({ "name": "Truck 2", "active": true, "visible": true, "payload_decoder": "Ly8=",
                       "tags": [{ "key": "site", "value": "Lyon" }] });
    it.call("PUT /device/{deviceID}", &[&id], "", edit).await;
    (id, text(&made["token"]).to_owned())
}

async fn parameters_and_tokens(it: &mut Inspector, device: &str, token: &str) {
    let param = json!({ "key": "interval", "value": "5", "sent": false });
    it.call("POST /device/{deviceID}/params", &[device], "", param).await;
    it.call("GET /device/{deviceID}/params", &[device], "sent_status=false", NOTHING).await;
    let own = it.call_as(token, "GET /device/params", &[], "sent_status=false", NOTHING).await;
    let param = text(&own[0]["id"]).to_owned();
    it.call_as(token, "PUT /device/params/{paramID}", &[&param], "", json!({ "sent": true })).await;
    it.call("DELETE /device/{deviceID}/params/{paramID}", &[device, &param], "", NOTHING).await;
    let new = json!({ "device": device, "name": "second", "expire_time": "1 day", "serie_number": "SN-2" });
    let made = it.call("POST /device/token", &[], "", new).await;
    it.call("GET /device/token/{deviceID}", &[device], "", NOTHING).await;
    it.call("DELETE /device/token/{tokenID}", &[text(&made["token"])], "", NOTHING).await;
    it.call_as(token, "GET /info", &[], "", NOTHING).await;
}

async fn data(it: &mut Inspector, device: &str, token: &str) {
    let record = |variable: &str, value: i64| {
        json!({ "variable": variable, "value": value, "unit": "°C", "group": "g1", "metadata": { "color": "red" },
                "time": "2026-02-28T12:00:00Z", "location": { "lat": 45.75, "lng": 4.85 } })
    };
    let records = json!([record("temperature", 4), record("temperature", 5), record("humidity", 60)]);
    it.call_as(token, "POST /data", &[], "", records.clone()).await;
    let all = "qty=10&details=true&ordination=descending&skip=0&variables=temperature&values=5&groups=g1\
               &start_date=2026-02-01&end_date=2026-03-02";
    let found = it.call_as(token, "GET /data", &[], all, NOTHING).await;
    let means = "query=aggregate&variables=temperature&interval=day&function=avg&start_date=2026-02-01";
    it.try_with(token, "GET /data", &[], means).await;
    let edit = json!([{ "id": found[0]["id"], "value": "6", "metadata": { "color": "blue" } }]);
    it.call_as(token, "PUT /data", &[], "", edit).await;
    let id = text(&found[0]["id"]);
    let last =
        format!("qty=1&ordination=descending&skip=0&variables=temperature&values=6&ids={id}&groups=g1");
    it.call_as(token, "DELETE /data", &[], &last, NOTHING).await;

    let read = "qty=5&end_date=2026-03-02&details=true";
    let found = it.call("GET /device/{deviceID}/data", &[device], read, NOTHING).await;
    let edit = json!({ "id": found[0]["id"], "value": 7 });
    it.call("PUT /device/{deviceID}/data", &[device], "", edit).await;
    it.call("GET /device/{deviceID}/data_amount", &[device], "", NOTHING).await;
    let id = text(&found[0]["id"]);
    let one = format!("qty=1&ordination=ascending&skip=0&variables=humidity&values=60&ids={id}&groups=g1");
    it.call("DELETE /device/{deviceID}/data", &[device], &one, NOTHING).await;
    it.call_as(token, "POST /data", &[], "", records).await;
}

async fn exports(it: &mut Inspector, device: &str, token: &str) {
    let amount = "GET /device/{deviceID}/data_amount";
    let before = it.call(amount, &[device], "", NOTHING).await.as_u64().unwrap_or_default();
    let export = json!({ "file_address": "/exports/truck.csv", "headers": true });
    it.call("POST /device/{deviceID}/data/backup", &[device], "", export).await;
    let profile = it.token.clone();
    let there = async |it: &mut Inspector| {
        let files = it.try_with(&profile, "GET /files", &[], "qty=10&path=/exports").await;
        files["files"].as_array().is_some_and(|files| !files.is_empty())
    };
    while !there(it).await {}
    let import = json!({ "file_address": "/exports/truck.csv" });
    it.call("POST /device/{deviceID}/data/restore", &[device], "", import).await;
    while it.call(amount, &[device], "", NOTHING).await.as_u64() != Some(2 * before) {}
    it.call("POST /device/{deviceID}/empty", &[device], "", NOTHING).await;
    let record = json!([{ "variable": "temperature", "value": 4 }]);
    it.call_as(token, "POST /data", &[], "", record).await;
}

async fn chunks(it: &mut Inspector) {
    let new = json!({ "name": "Archive", "type": "immutable", "network": HTTPS, "connector": CUSTOM_HTTPS,
                      "chunk_period": "month", "chunk_retention": 2 });
    let made = it.call("POST /device", &[], "", new).await;
    let (id, token) = (text(&made["device_id"]), text(&made["token"]));
    let record = json!([{ "variable": "level", "value": 1, "time": "2026-02-20T00:00:00Z" }]);
    it.call_as(token, "POST /data", &[], "", record).await;
    let chunks = it.call("GET /device/{deviceID}/chunk", &[id], "", NOTHING).await;
    let chunk = text(&chunks[0]["id"]);
    let export = json!({ "chunk_id": chunk, "file_address": "/exports/archive.csv", "headers": true });
    it.call("POST /device/{deviceID}/chunk/backup", &[id], "", export).await;
    it.call("DELETE /device/{deviceID}/chunk/{chunkID}", &[id, chunk], "", NOTHING).await;
    it.call("POST /device/{deviceID}/empty", &[id], "", NOTHING).await;
    it.call("PUT /device/{deviceID}", &[id], "", json!({ "active": false })).await;
    it.call("POST /device/{deviceID}/convert", &[id], "", json!({ "type": "mutable" })).await;
}

/// Fields and indexes are named as in the document, whose answers name them.
async fn entities(it: &mut Inspector) {
    let field = |kind: &str| json!({ "type": kind, "required": false });
    let new = json!({
        "name": "Charges",
        "schema": { "charge_amount": field("float"), "int_field": field("int"),
                    "monthly_revenue": field("float"), "update_date": field("timestamp") },
        "index": { "index_charge_amount": { "fields": ["charge_amount"] } },
        "tags": [{ "key": "site", "value": "Lyon" }],
    });
    let made = it.call("POST /entity", &[], "", new).await;
    let id = text(&made["id"]);
    let list = "page=1&amount=20&orderBy=name,asc&filter[name]=Char*\
                &fields[0]=id&fields[1]=name&fields[2]=profile&fields[3]=tags&fields[4]=created_at&fields[5]=updated_at";
    it.call("GET /entity", &[], list, NOTHING).await;
    it.call("GET /entity/{entity_id}", &[id], "", NOTHING).await;
    let edit = json!({ "name": "Charges", "tags": [{ "key": "site", "value": "Nice" }] });
    it.call("PUT /entity/{entity_id}", &[id], "", edit).await;
    let change = json!({ "schema": { "update_new_date": { "action": "create", "type": "timestamp", "required": false } } });
    it.call("PUT /entity/{entity_id}/schema", &[id], "", change).await;
    let row = json!({ "charge_amount": 4.5, "int_field": 3, "monthly_revenue": 12.5, "update_date": "2026-02-01T00:00:00Z" });
    it.call("POST /entity/{entity_id}/data", &[id], "", row).await;
    let read = "page=1&amount=20&fields[0]=id&fields[1]=charge_amount&fields[2]=int_field&fields[3]=monthly_revenue\
                &fields[4]=update_date&fields[5]=created_at&fields[6]=updated_at\
                &index=index_charge_amount&filter[charge_amount]=4.5&order_by=asc";
    let rows = it.call("GET /entity/{entity_id}/data", &[id], read, NOTHING).await;
    let row = text(&rows[0]["id"]);
    it.call("PUT /entity/{entity_id}/data", &[id], "", json!({ "id": row, "monthly_revenue": 13 })).await;
    it.call("GET /entity/{entity_id}/data_amount", &[id], "", NOTHING).await;
    let export = json!({ "file_address": "/exports/charges.csv", "headers": true });
    it.call("POST /entity/{entity_id}/data/backup", &[id], "", export).await;
    it.call("DELETE /entity/{entity_id}/data", &[id], "", json!({ "ids": [row] })).await;
    it.call("DELETE /entity/{entity_id}", &[id], "", NOTHING).await;
}

async fn dashboards(it: &mut Inspector, device: &str, analysis: &str) {
    let tags = json!([{ "key": "site", "value": "Lyon" }]);
    let tabs = json!([{ "key": "1", "value": "First", "link": "", "hidden": false }]);
    let icon = json!({ "url": "https://example.com/i.svg", "color": "#fff" });
    let new = json!({ "label": "Trucks", "type": "dashboard", "visible": true, "group_by": ["site"], "icon": icon,
                      "tabs": tabs, "tags": tags });
    let made = it.call("POST /dashboard", &[], "", new).await;
    let id = text(&made["dashboard"]);
    let color = json!({ "background": "#fff", "button": "#000", "dot": "#123", "header": "#456" });
    let display = json!({
        "header_buttons": [], "help": "", "show_units": true, "show_variables": true, "theme": { "color": color },
        "variables": [{ "origin": device, "variable": "temperature" }],
    });
    let source = json!([{ "origin": device, "query": "last_value", "variables": ["temperature"] }]);
    let widget = json!({ "dashboard": id, "label": "Now", "type": "card", "display": display, "data": source,
                         "realtime": true, "analysis_run": analysis });
    let made = it.call("POST /dashboard/{dashboardID}/widget", &[id], "", widget.clone()).await;
    let widget_id = text(&made["widget"]);
    it.call("GET /dashboard/{dashboardID}/widget/{widgetID}", &[id, widget_id], "", NOTHING).await;
    it.call("PUT /dashboard/{dashboardID}/widget/{widgetID}", &[id, widget_id], "", widget).await;
    it.call("GET /dashboard/{dashboardID}/widget/{widgetID}/token", &[id, widget_id], "", NOTHING).await;
    it.call("GET /data/{dashboardID}/{widgetID}", &[id, widget_id], "", NOTHING).await;
    let edit = json!({
        "label": "Trucks", "visible": true, "tabs": tabs, "tags": tags, "icon": icon, "group_by": ["site"],
        "arrangement": [{ "widget_id": widget_id, "x": 0, "y": 0, "width": 1, "height": 2, "tab": "1" }],
        "blueprint_devices": [{ "id": "truck", "name": "truck", "label": "Truck", "filter_conditions": [],
                                "conditions": [{ "key": "site", "value": "Lyon" }] }],
    });
    it.call("PUT /dashboard/{dashboardID}", &[id], "", edit).await;
    it.call("GET /dashboard/{dashboardID}", &[id], "", NOTHING).await;
    let fields = [
        "id",
        "label",
        "tags",
        "profile",
        "visible",
        "group_by",
        "created_at",
        "icon",
        "last_access",
        "type",
        "tabs",
    ];
    let fields: String =
        fields.iter().enumerate().map(|(place, field)| format!("&fields[{place}]={field}")).collect();
    it.call("GET /dashboard", &[], &format!("page=1&amount=20&orderBy=label,asc{fields}"), NOTHING).await;
    let copy = json!({ "new_label": "Trucks 2", "setup": { "is_configured": true, "config": [{ "id": device, "name": "Truck" }] } });
    it.call("POST /dashboard/{dashboardID}/duplicate", &[id], "", copy).await;
    it.call("GET /dashboard/{dashboardID}/share/public", &[id], "expire_time=1 day", NOTHING).await;
    it.call("GET /dashboard/{dashboardID}/analysis", &[id], "", NOTHING).await;
    it.call("GET /dashboard/{dashboardID}/devices", &[id], "", NOTHING).await;
    it.call("DELETE /dashboard/{dashboardID}/widget/{widgetID}", &[id, widget_id], "", NOTHING).await;
    it.call("DELETE /dashboard/{dashboardID}", &[id], "", NOTHING).await;
}

async fn run(it: &mut Inspector, profile: &str) {
    let documented = it.documented("GET /run")["result"].clone();
    // Free objects hold what was put there: all that the document names.
    let mut configuration = json!({
        "active": true, "name": "Frostline", "profile": profile,
        "sidebar_buttons": [{ "color": "#fff", "href": "https://example.com", "iconUrl": "https://example.com/i.svg",
                              "isInNewLine": false, "text": "Help", "type": "link" }],
    });
    for free in ["theme", "email_templates", "feature_devicewifisetup", "integration", "logo_options"] {
        configuration[free] = sample(&documented[free]);
    }
    it.call("PUT /run", &[], "", configuration).await;
    it.call("GET /run", &[], "", NOTHING).await;

    let new = json!({ "name": "Robin", "email": "robin@frostline.example", "password": "a good password",
                      "timezone": "Europe/Paris", "active": true });
    let made = it.call("POST /run/users", &[], "", new).await;
    let user = text(&made["user"]);
    let edit = json!({ "name": "Robin K", "active": true, "company": "Frostline", "language": "en", "phone": "+33",
                       "options": { "date_format": "YYYY-MM-DD", "time_format": "24" },
                       "tags": [{ "key": "site", "value": "Lyon" }], "timezone": "Europe/Paris" });
    it.call("PUT /run/users/{userID}", &[user], "", edit).await;
    it.call("GET /run/users/{userID}", &[user], "", NOTHING).await;
    let fields = [
        "active",
        "company",
        "created_at",
        "email",
        "id",
        "language",
        "last_login",
        "name",
        "newsletter",
        "options",
        "otp",
        "phone",
        "profile",
        "tags",
        "timezone",
        "updated_at",
    ];
    let fields: String =
        fields.iter().enumerate().map(|(place, field)| format!("&fields[{place}]={field}")).collect();
    let list = format!(
        "page=1&amount=20&orderBy=name,asc&name=Robin*&email=robin@frostline.example&timezone=Europe/Paris\
         &company=Frostline&phone=%2B33&language=en&tags[0][key]=site&active=true&id={user}{fields}"
    );
    it.call("GET /run/users", &[], &list, NOTHING).await;
    it.call("GET /run/users/{userID}/login", &[user], "expire_time=1 day", NOTHING).await;
    it.call("GET /run/users", &[], &format!("last_login=null&created_at={START}{fields}"), NOTHING).await;
    let notification = json!({ "run_user": user, "title": "Door", "message": "The door is open",
                               "buttons_enabled": true, "buttons_autodisable": true,
                               "buttons": [{ "id": "ok", "label": "OK", "color": "#fff" }] });
    let made = it.call("POST /run/notification", &[], "", notification).await;
    it.call("GET /run/notification/{userID}", &[user], "", NOTHING).await;
    let notification = text(&made["id"]);
    let edit = json!({ "title": "Door 2", "message": "It is shut", "read": true, "buttons_enabled": false });
    it.call("PUT /run/notification/{notificationID}", &[notification], "", edit).await;
    it.call("DELETE /run/notification/{notificationID}", &[notification], "", NOTHING).await;
    it.call("DELETE /run/users/{userID}", &[user], "", NOTHING).await;
}

async fn files(it: &mut Inspector) {
    let upload = json!([{ "filename": "/plans/one.txt", "file": "b25l", "public": true },
                        { "filename": "root.txt", "file": "cm9vdA==", "public": true }]);
    it.call("POST /files", &[], "", upload).await;
    it.call("GET /files", &[], "qty=10", NOTHING).await;
    it.call("PUT /files/permission", &[], "", json!([{ "file": "/plans/one.txt", "public": false }])).await;
    it.call("PUT /files/copy", &[], "", json!([{ "from": "/plans/one.txt", "to": "/plans/two.txt" }])).await;
    it.call("PUT /files", &[], "", json!([{ "from": "/plans/two.txt", "to": "/plans/three.txt" }])).await;
    it.call("DELETE /files", &[], "", json!(["/plans/three.txt"])).await;
}

async fn account(it: &mut Inspector, profile: &str) {
    let edit = json!({ "name": "You", "company": "Frostline", "language": "en", "phone": "+33", "timezone": "UTC",
                       "options": { "date_format": "YYYY-MM-DD", "decimal_separator": ".", "thousand_separator": ",",
                                    "time_format": "24", "show_last_updated_at": "true" } });
    it.call("PUT /account", &[], "", edit).await;
    let account = it.call("GET /account", &[], "", NOTHING).await;
    let email = text(&account["email"]);
    it.call("GET /account/plan", &[], "", NOTHING).await;
    let share = json!([{ "profile": profile, "analysis": 1, "data_records": 1, "email": 1, "file_storage": 1,
                         "input": 1, "output": 1, "push_notification": 1, "run_users": 1, "sms": 1 }]);
    it.call("POST /account/allocation", &[], "", share).await;
    it.call("GET /account/allocation", &[], "", NOTHING).await;
    let password = tago_local::project::FIRST_PASSWORD;
    it.call_as("", "POST /account/login", &[], "", json!({ "email": email, "password": password })).await;
    let new =
        json!({ "email": email, "password": password, "name": "Made by password", "profile_id": profile });
    it.call_as("", "POST /account/profile/token", &[], "", new).await;
}

async fn access(it: &mut Inspector) {
    let policy = json!({
        "name": "Readers", "active": true, "tags": [{ "key": "site", "value": "Lyon" }],
        "permissions": [{ "effect": "allow", "action": ["access"], "resource": ["device", "tag.key", "site", "tag.value", "Lyon"] }],
        "targets": [["analysis", "tag.key", "site", "tag.value", "Lyon"]],
    });
    let made = it.call("POST /am", &[], "", policy.clone()).await;
    let id = text(&made["am_id"]);
    let fields = ["active", "id", "profile", "name", "created_at", "tags"];
    let fields: String =
        fields.iter().enumerate().map(|(place, field)| format!("&fields[{place}]={field}")).collect();
    it.call("GET /am", &[], &format!("orderBy=name,asc{fields}"), NOTHING).await;
    it.call("PUT /{am_id}", &[id], "", policy).await;
    it.call("DELETE /am/{am_id}", &[id], "", NOTHING).await;
}

async fn statistics(it: &mut Inspector, profile: &str, api: &Api) {
    let day = "date=2026-03-01&timezone=UTC";
    it.call("GET /profiled/{id}/statistics", &[profile], day, NOTHING).await;
    it.call("GET /profile/{id}/summary", &[profile], "", NOTHING).await;
    it.call("GET /tags/keys/{type}", &["device"], "", NOTHING).await;
    let secret = async |key: &str| {
        let new = json!({ "key": key, "value": "x" });
        text(&api.ask("POST", "/secrets", Some(new)).await["id"]).to_owned()
    };
    let (mail, sid, token) = (secret("SMTP").await, secret("SID").await, secret("TOKEN").await);
    let service = json!({
        "email": { "provider": "smtp", "from": "you@frostline.example", "secrets": { "data": mail } },
        "sms": { "provider": "twilio", "from": "+33123456789", "secrets": { "twilio_sid": sid, "twilio_token": token } },
    });
    it.call("PUT /profile/{id}/service", &[profile], "", service).await;
    let test = json!({ "to": "you@frostline.example", "message": "Hello", "subject": "Test" });
    it.call("POST /profile/{id}/service/test/{service_type}", &[profile, "email"], "", test).await;
}

async fn backups(it: &mut Inspector, profile: &str, world: &World) {
    it.call("POST /profile/{profile_id}/backup", &[profile], "", json!({})).await;
    let list = "page=1&amount=20&orderBy=created_at,desc";
    let backup = loop {
        let backups = it.call("GET /profile/{profile_id}/backup", &[profile], list, NOTHING).await;
        match backups[0]["status"].as_str() {
            // Every question has a minute of its own: the list has a limit.
            Some("queued" | "processing") => {
                world.knob("/clock", json!({ "advance_ms": 60_000 })).await;
            }
            Some("completed") => break text(&backups[0]["id"]).to_owned(),
            _ => return it.faults.push(format!("a backup ended as {backups}")),
        }
    };
    let credentials = json!({ "password": tago_local::project::FIRST_PASSWORD });
    let download = "POST /profile/{profile_id}/backup/{backup_id}/download";
    it.call(download, &[profile, &backup], "", credentials.clone()).await;
    it.call("DELETE /profile/{profile_id}/backup/{backup_id}", &[profile, &backup], "", credentials).await;
}

async fn dictionaries(it: &mut Inspector) {
    let new = json!({ "name": "Words", "slug": "WORDS", "fallback": "en-US",
                      "languages": [{ "code": "en-US", "active": true }] });
    let made = it.call("POST /dictionary", &[], "", new).await;
    let id = text(&made["dictionary"]);
    let words = json!({ "dictionary": { "key": "text" }, "active": true });
    it.call("PUT /dictionary/{dictionary_id}/{language}", &[id, "en-US"], "", words).await;
    it.call("GET /dictionary/{slug_or_dictionary_id}/{language}", &["WORDS", "en-US"], "", NOTHING).await;
    it.call("GET /dictionary", &[], "", NOTHING).await;
    it.call("GET /dictionary/{dictionary_id}", &[id], "", NOTHING).await;
    let edit = json!({ "name": "Words", "slug": "WORDS", "fallback": "en-US", "languages": [{ "code": "en-US", "active": true }] });
    it.call("PUT /dictionary/{dictionary_id}", &[id], "", edit).await;
    it.call("DELETE /dictionary/{dictionary_id}", &[id], "", NOTHING).await;
}

async fn network(it: &mut Inspector, api: &Api) {
    let made = api.ask("POST", "/integration/network", Some(json!({ "name": "Own" }))).await;
    let network = text(&made["network"]);
    let connector = json!({ "name": "Own", "networks": [network] });
    let made = api.ask("POST", "/integration/connector", Some(connector)).await;
    let connector = text(&made["connector"]);
    let token = json!({ "network": network, "name": "Bridge", "permission": "full" });
    let made = api.ask("POST", "/integration/network/token", Some(token)).await;
    let token = text(&made["token"]);
    let authorization =
        api.ask("POST", "/serviceauth", Some(json!({ "name": "Bridge", "permission": "full" }))).await;
    let authorization = text(&authorization["token"]);
    let device = json!({ "name": "Behind", "type": "mutable", "network": network, "connector": connector, "serie_number": "SN-9" });
    let device = text(&api.ask("POST", "/device", Some(device)).await["device_id"]).to_owned();

    it.call_as(token, "GET /integration/network/resolve/{serieNumber}", &["SN-9"], "", NOTHING).await;
    let both = "GET /integration/network/resolve/{serieNumber}/{AuthorizationKey}";
    it.call_as(token, both, &["SN-9", authorization], "", NOTHING).await;
    let params = json!([{ "key": "downlink", "value": "1", "sent": false }]);
    it.call_as(token, "POST /integration/network/{deviceID}/params", &[&device], "", params).await;
    let payload = json!({ "variable": "payload", "value": "41BC", "metadata": { "serial": "SN-9" } });
    let with = format!("authorization_token={authorization}");
    it.call_as(token, "POST /integration/network/data", &[], &with, payload).await;
    // By a profile token a device is written to by nobody; by an analysis, if a policy says so.
    let analysis = api.ask("POST", "/analysis", Some(json!({ "name": "Writer" }))).await;
    let policy = json!({
        "name": "Writers", "targets": [["analysis", "id", analysis["id"]]],
        "permissions": [{ "effect": "allow", "action": ["send_data"], "resource": ["device", "id", device] }],
    });
    api.ask("POST", "/am", Some(policy)).await;
    let record = json!([{ "variable": "temperature", "value": 1 }]);
    it.call_as(text(&analysis["token"]), "POST /device/{deviceID}/data", &[&device], "", record).await;
}

/// The text, or what is no id: a call that failed has been noted, and the rest is called all the same.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("nothing")
}

/// Something of this shape.
fn sample(shape: &Value) -> Value {
    match shape {
        Value::String(kind) => match kind.as_str() {
            "number" | "integer" => json!(1),
            "boolean" => json!(true),
            "array" => json!([]),
            "object" => json!({}),
            _ => json!("text"),
        },
        Value::Array(of) => json!([sample(&of[0])]),
        Value::Object(fields) => fields.iter().map(|(name, shape)| (name.clone(), sample(shape))).collect(),
        _ => Value::Null,
    }
}

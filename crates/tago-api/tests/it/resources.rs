use std::io::Write;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tago_api::client::{
    AnalysisCode, Api, ApiError, Document, NewServiceAuthorization, Permission, ResourceType, Settings,
    StoredFile,
};
use wiremock::matchers::{body_json, body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{TOKEN, answer, api, credential};

const ID: &str = "5f2a8e3b9c1d4e0011223344";
const OTHER: &str = "5f2a8e3b9c1d4e0011223355";

fn document(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

async fn expect(server: &MockServer, verb: &str, route: &str, body: &str, answer: &str) {
    Mock::given(method(verb))
        .and(path(route))
        .and(header("token", TOKEN))
        .and(body_string(body))
        .respond_with(ResponseTemplate::new(200).set_body_raw(answer, "application/json"))
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn the_plan_and_its_limits_are_read() {
    let server = MockServer::start().await;
    expect(&server, "GET", "/account/plan", "", r#"{"status":true,"result":{"plan":"starter"}}"#).await;
    let summary = r#"{"status":true,"result":{"amount":{"device":79,"am":5},
        "limit":{"analysis":5,"data_records":250000,"file_storage":132.5,"run_users":5},
        "limit_used":{"run_users":2},"tago_run":"x.tago.run"}}"#;
    expect(&server, "GET", &format!("/profile/{ID}/summary"), "", summary).await;
    let api = api(&server);
    assert_eq!(api.plan().await.unwrap(), "starter");
    let limits = api.service_limits(ID.parse().unwrap()).await.unwrap();
    assert_eq!((limits["run_users"], limits["file_storage"]), (5.0, 132.5));
}

/// Where each type lives, under which name it answers a new id, and one field of it.
const TYPES: [(ResourceType, &str, &str, &str); 12] = [
    (ResourceType::Network, "/integration/network", r#"{"network":"5f2a8e3b9c1d4e0011223344"}"#, "name"),
    (
        ResourceType::Connector,
        "/integration/connector",
        r#"{"connector":"5f2a8e3b9c1d4e0011223344"}"#,
        "name",
    ),
    (ResourceType::Secret, "/secrets", r#"{"id":"5f2a8e3b9c1d4e0011223344"}"#, "key"),
    (ResourceType::Dictionary, "/dictionary", r#"{"dictionary":"5f2a8e3b9c1d4e0011223344"}"#, "slug"),
    (
        ResourceType::Device,
        "/device",
        r#"{"deviceID":"5f2a8e3b9c1d4e0011223344","token":"1f0c6a52-8a3e-4c8e-9b6f-c0ffeec0ffee"}"#,
        "name",
    ),
    (ResourceType::Entity, "/entity", r#"{"id":"5f2a8e3b9c1d4e0011223344"}"#, "name"),
    (
        ResourceType::Analysis,
        "/analysis",
        r#"{"id":"5f2a8e3b9c1d4e0011223344","token":"a-1f0c6a52-8a3e-4c8e-9b6f-c0ffeec0ffee"}"#,
        "name",
    ),
    (ResourceType::RunUser, "/run/users", r#"{"user":"5f2a8e3b9c1d4e0011223344"}"#, "email"),
    (ResourceType::Dashboard, "/dashboard", r#"{"dashboard":"5f2a8e3b9c1d4e0011223344"}"#, "label"),
    (ResourceType::Access, "/am", r#"{"am_id":"5f2a8e3b9c1d4e0011223344"}"#, "name"),
    (
        ResourceType::Sql,
        "/sql",
        r#"{"id":"5f2a8e3b9c1d4e0011223344","name":"Totals","version":1,"params":[]}"#,
        "name",
    ),
    (ResourceType::Action, "/action", r#"{"action":"5f2a8e3b9c1d4e0011223344"}"#, "name"),
];

#[tokio::test]
async fn every_type_is_made_read_changed_and_deleted_under_its_address() {
    for (of, route, created, field) in TYPES {
        let server = MockServer::start().await;
        let one = format!("{route}/{ID}");
        let body = format!(r#"{{"{field}":"North"}}"#);
        expect(&server, "POST", route, &body, &format!(r#"{{"status":true,"result":{created}}}"#)).await;
        let shown = format!(r#"{{"status":true,"result":{{"id":"{ID}","{field}":"North","extra":[1.50]}}}}"#);
        answer(&server, "GET", &one, 200, &shown).await;
        expect(&server, "PUT", &one, &body, r#"{"status":true,"result":"Successfully Updated"}"#).await;
        expect(&server, "DELETE", &one, "", r#"{"status":true,"result":"Successfully Removed"}"#).await;
        let api = api(&server);
        let fields = document(json!({ field: "North" }));
        assert_eq!(api.create_resource(of, &fields).await.unwrap(), ID, "{of:?}");
        let read = api.resource(of, ID).await.unwrap();
        assert_eq!((&read[field], &read["extra"]), (&json!("North"), &json!([1.5])), "{of:?}");
        api.edit_resource(of, ID, &fields).await.unwrap();
        api.delete_resource(of, ID).await.unwrap();
    }
}

#[tokio::test]
async fn a_list_of_networks_leaves_the_public_catalogue_out() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/integration/network"))
        .and(query_param("filter[public]", "false"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(
            r#"{"status":true,"result":[{"id":"5f2a8e3b9c1d4e0011223344","name":"Our gateway"}]}"#,
            "application/json",
        ))
        .expect(1)
        .mount(&server)
        .await;
    let found = api(&server).resources(ResourceType::Network).await.unwrap();
    assert_eq!(found, [document(json!({"id": ID, "name": "Our gateway"}))]);
}

#[tokio::test]
async fn a_creation_without_an_id_may_have_happened() {
    let server = MockServer::start().await;
    answer(&server, "POST", "/dashboard", 200, r#"{"status":true,"result":{}}"#).await;
    let error = api(&server).create_resource(ResourceType::Dashboard, &Document::new()).await.unwrap_err();
    assert!(matches!(error, ApiError::Undecodable { .. }), "{error}");
    assert_eq!(error.delivery(), tago_api::client::Delivery::Ambiguous);
}

#[tokio::test]
async fn a_run_user_published_as_a_list_of_one_is_read() {
    let server = MockServer::start().await;
    let route = format!("/run/users/{ID}");
    answer(
        &server,
        "GET",
        &route,
        200,
        r#"{"status":true,"result":[{"id":"5f2a8e3b9c1d4e0011223344","email":"ana@example.com"}]}"#,
    )
    .await;
    let user = api(&server).resource(ResourceType::RunUser, ID).await.unwrap();
    assert_eq!(user["email"], "ana@example.com");
}

#[tokio::test]
async fn widgets_live_under_their_dashboard() {
    let server = MockServer::start().await;
    let all = format!("/dashboard/{ID}/widget");
    let one = format!("{all}/{OTHER}");
    expect(
        &server,
        "POST",
        &all,
        r#"{"label":"Door"}"#,
        &format!(r#"{{"status":true,"result":{{"widget":"{OTHER}"}}}}"#),
    )
    .await;
    answer(&server, "GET", &one, 200, r#"{"status":true,"result":{"id":"5f2a8e3b9c1d4e0011223355","dashboard":"5f2a8e3b9c1d4e0011223344","label":"Door","type":"dial","analysis_run":null}}"#).await;
    expect(
        &server,
        "PUT",
        &one,
        r#"{"analysis_run":null,"label":"Gate"}"#,
        r#"{"status":true,"result":"Successfully Updated"}"#,
    )
    .await;
    expect(&server, "DELETE", &one, "", r#"{"status":true,"result":"Successfully Removed"}"#).await;
    let api = api(&server);
    assert_eq!(api.create_widget(ID, &document(json!({"label": "Door"}))).await.unwrap(), OTHER);
    assert_eq!(api.widget(ID, OTHER).await.unwrap()["type"], "dial");
    api.edit_widget(ID, OTHER, &document(json!({"label": "Gate", "analysis_run": null}))).await.unwrap();
    api.delete_widget(ID, OTHER).await.unwrap();
}

#[tokio::test]
async fn the_run_configuration_is_one() {
    let server = MockServer::start().await;
    answer(&server, "GET", "/run", 200, r#"{"status":true,"result":{"name":"Cold chain","sidebar_buttons":[{"type":"dashboard","value":"5f2a8e3b9c1d4e0011223344"}]}}"#).await;
    expect(
        &server,
        "PUT",
        "/run",
        r#"{"name":"North"}"#,
        r#"{"status":true,"result":"TagoIO Run Successfully Updated"}"#,
    )
    .await;
    let api = api(&server);
    assert_eq!(api.run_configuration().await.unwrap()["sidebar_buttons"][0]["value"], ID);
    api.edit_run_configuration(&document(json!({"name": "North"}))).await.unwrap();
}

#[tokio::test]
async fn languages_of_a_dictionary_are_read_without_a_fallback() {
    let server = MockServer::start().await;
    let route = format!("/dictionary/{ID}/pt-BR");
    Mock::given(method("GET"))
        .and(path(&route))
        .and(query_param("fallback", "false"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_raw(r#"{"status":true,"result":{"DOOR":"Porta"}}"#, "application/json"),
        )
        .expect(1)
        .mount(&server)
        .await;
    expect(
        &server,
        "PUT",
        &route,
        r#"{"active":false,"dictionary":{"DOOR":"Porta"}}"#,
        r#"{"status":true,"result":"Dictionary language Successfully Updated"}"#,
    )
    .await;
    expect(&server, "DELETE", &route, "", r#"{"status":true,"result":"Successfully Removed"}"#).await;
    let api = api(&server);
    let texts = api.language(ID, "pt-BR").await.unwrap();
    api.write_language(ID, "pt-BR", &texts, false).await.unwrap();
    api.delete_language(ID, "pt-BR").await.unwrap();
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn a_script_is_fetched_behind_its_link_and_unpacked() {
    let server = MockServer::start().await;
    let link = format!("{}/store/script.gz", server.uri());
    let shown = format!(
        r#"{{"status":true,"result":{{"url":"{link}","size":"1","size_unit":"KB","expire_at":"2026-11-22T12:00:00Z"}}}}"#
    );
    answer(&server, "GET", &format!("/analysis/{ID}/download"), 200, &shown).await;
    Mock::given(method("GET"))
        .and(path("/store/script.gz"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(packed(b"console.log(1);")))
        .mount(&server)
        .await;
    expect(
        &server,
        "POST",
        &format!("/analysis/{ID}/upload"),
        r#"{"file":"Y29uc29sZS5sb2coMSk7","file_name":"script.js","language":"deno-rt2025"}"#,
        r#"{"status":true,"result":"Successfully Uploaded"}"#,
    )
    .await;
    let api = api(&server);
    let source = api.analysis_source(ID).await.unwrap().unwrap();
    assert_eq!(source, b"console.log(1);");
    let code = AnalysisCode { source, file_name: "script.js".into(), runtime: "deno-rt2025".into() };
    api.upload_analysis(ID, &code).await.unwrap();
}

/// A few bytes may unpack to more than this computer holds.
#[tokio::test]
async fn a_script_that_unpacks_to_more_than_may_be_held_is_refused() {
    let server = MockServer::start().await;
    let shown = format!(r#"{{"status":true,"result":{{"url":"{}/script.gz"}}}}"#, server.uri());
    answer(&server, "GET", &format!("/analysis/{ID}/download"), 200, &shown).await;
    let bomb = packed(&vec![b' '; 10_000_000]);
    assert!(bomb.len() < 100_000, "{} bytes", bomb.len());
    let bomb = ResponseTemplate::new(200).set_body_bytes(bomb);
    Mock::given(method("GET")).and(path("/script.gz")).respond_with(bomb).mount(&server).await;
    let (address, credential) = credential(&server.uri());
    let settings = Settings { answer_limit: 100_000, ..Settings::default().without_retries() };
    let error = Api::new(&address, credential, settings).unwrap().analysis_source(ID).await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { limit: 100_000, .. }), "{error:?}");
}

#[tokio::test]
async fn a_link_to_another_host_gets_no_token_and_no_plain_http() {
    let server = MockServer::start().await;
    let elsewhere = MockServer::start().await;
    let shown = format!(r#"{{"status":true,"result":{{"url":"{}/script.gz"}}}}"#, elsewhere.uri());
    answer(&server, "GET", &format!("/analysis/{ID}/download"), 200, &shown).await;
    let error = api(&server).analysis_source(ID).await.unwrap_err();
    assert!(matches!(error, ApiError::Redirected { .. }), "{error}");
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_analysis_without_code_has_none() {
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        &format!("/analysis/{ID}/download"),
        404,
        r#"{"status":false,"message":"File not found"}"#,
    )
    .await;
    assert_eq!(api(&server).analysis_source(ID).await.unwrap(), None);
}

#[tokio::test]
async fn rows_of_an_entity_keep_their_ids() {
    let server = MockServer::start().await;
    let route = format!("/entity/{ID}/data");
    answer(
        &server,
        "GET",
        &route,
        200,
        r#"{"status":true,"result":[{"id":"row-1","site":"Porto","created_at":"2026-01-02T03:04:05.678Z"}]}"#,
    )
    .await;
    expect(
        &server,
        "POST",
        &route,
        r#"[{"id":"row-1","site":"Porto"}]"#,
        r#"{"status":true,"result":"1 Data Added"}"#,
    )
    .await;
    expect(
        &server,
        "DELETE",
        &route,
        r#"{"ids":["row-1"]}"#,
        r#"{"status":true,"result":"1 item(s) deleted"}"#,
    )
    .await;
    expect(
        &server,
        "PUT",
        &format!("/entity/{ID}/schema"),
        r#"{"schema":{"site":{"action":"create","type":"string"}}}"#,
        r#"{"status":true,"result":{"message":"Entity Successfully Updated"}}"#,
    )
    .await;
    let api = api(&server);
    assert_eq!(api.entity_rows(ID).await.unwrap()[0]["id"], "row-1");
    api.write_entity_rows(ID, &[document(json!({"id": "row-1", "site": "Porto"}))]).await.unwrap();
    api.delete_entity_rows(ID, &["row-1".to_owned()]).await.unwrap();
    let changes = json!({"schema": {"site": {"action": "create", "type": "string"}}});
    api.edit_entity_schema(ID, &document(changes)).await.unwrap();
}

#[tokio::test]
async fn files_are_listed_folder_by_folder_and_page_by_page() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/files"))
        .respond_with(|request: &Request| {
            let query: std::collections::HashMap<String, String> = request.url.query_pairs().into_owned().collect();
            let result = match (query["path"].as_str(), query.get("pagination_token").map(String::as_str)) {
                ("/", None) => json!({"files": [{"filename": "a.png", "size": 3, "public": true}], "folders": ["maps"], "pagination_token": "next", "total": 1, "usage": 1}),
                ("/", Some("next")) => json!({"files": [{"filename": "b.txt", "size": 1}], "folders": [], "pagination_token": null}),
                ("/maps", None) => json!({"files": [{"filename": "maps/c d.svg", "size": 2, "public": false}], "folders": []}),
                other => panic!("{other:?}"),
            };
            ResponseTemplate::new(200).set_body_json(json!({"status": true, "result": result}))
        })
        .mount(&server)
        .await;
    let files = api(&server).files().await.unwrap();
    let told: Vec<_> = files.iter().map(|file| (file.filename.as_str(), file.size, file.public)).collect();
    assert_eq!(told, [("a.png", 3, true), ("b.txt", 1, false), ("maps/c d.svg", 2, false)]);
}

#[tokio::test]
async fn a_file_keeps_its_bytes_its_path_and_its_visibility() {
    let server = MockServer::start().await;
    let profile = "5f2a8e3b9c1d4e00aaaaaaaa".parse().unwrap();
    Mock::given(method("GET"))
        .and(path("/file/5f2a8e3b9c1d4e00aaaaaaaa/maps/c%20d.svg"))
        .respond_with(
            ResponseTemplate::new(302).insert_header("location", format!("{}/signed", server.uri())),
        )
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/signed"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(b"<svg/>".to_vec()))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/files"))
        .and(body_json(json!([{"filename": "maps/c d.svg", "file": "PHN2Zy8+", "public": true}])))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"status": true, "result": "Successfully Uploaded"})),
        )
        .expect(1)
        .mount(&server)
        .await;
    expect(
        &server,
        "PUT",
        "/files/permission",
        r#"[{"file":"maps/c d.svg","public":false}]"#,
        r#"{"status":true,"result":"Successfully Updated"}"#,
    )
    .await;
    expect(
        &server,
        "DELETE",
        "/files",
        r#"["maps/c d.svg"]"#,
        r#"{"status":true,"result":"Successfully Removed"}"#,
    )
    .await;
    let api = api(&server);
    let content = api.file(profile, "maps/c d.svg").await.unwrap();
    let file = StoredFile { path: "maps/c d.svg".into(), content, public: true };
    api.upload_file(&file).await.unwrap();
    api.set_file_visibility("maps/c d.svg", false).await.unwrap();
    api.delete_file("maps/c d.svg").await.unwrap();
}

#[tokio::test]
async fn service_authorizations_are_named_by_a_token_that_is_never_printed() {
    let server = MockServer::start().await;
    let token = "at0123456789abcdef0123456789abcdef";
    answer(&server, "GET", "/serviceauth", 200, &format!(r#"{{"status":true,"result":[{{"token":"{token}","name":"TTN","permission":"write","expire_time":"never","created_at":"2026-01-02T03:04:05.678Z"}}]}}"#)).await;
    expect(&server, "POST", "/serviceauth", r#"{"name":"TTN","permission":"write"}"#, &format!(r#"{{"status":true,"result":{{"token":"{token}","name":"TTN","profile":"5f2a8e3b9c1d4e00aaaaaaaa"}}}}"#)).await;
    expect(
        &server,
        "PUT",
        &format!("/serviceauth/{token}"),
        r#"{"verification_code":"x"}"#,
        r#"{"status":true,"result":"Authorization Code Successfully Updated"}"#,
    )
    .await;
    expect(
        &server,
        "DELETE",
        &format!("/serviceauth/{token}"),
        "",
        r#"{"status":true,"result":"Token Successfully Removed"}"#,
    )
    .await;
    let api = api(&server);
    let found = api.service_authorizations().await.unwrap().remove(0);
    assert_eq!(
        (found.name.as_str(), found.permission, found.expire_time),
        ("TTN", Some(Permission::Write), None)
    );
    assert!(!format!("{found:?}").contains("0123456789abcdef"), "{found:?}");
    let new = NewServiceAuthorization {
        name: "TTN".into(),
        permission: found.permission,
        verification_code: None,
        expire_time: None,
    };
    let made = api.create_service_authorization(&new).await.unwrap();
    assert_eq!(made.token.expose_secret(), token);
    api.set_verification_code(&made.token, Some(&SecretString::from("x"))).await.unwrap();
    api.delete_service_authorization(&made.token).await.unwrap();
}

use std::time::Duration;

use tago_api::client::{
    ApiError, DeploymentStatus, LogEvent, Per, Place, ProjectStatus, RestoreRequest, Role, Schedule,
};
use tago_api::{BackupId, DeploymentId, ProjectId};
use wiremock::matchers::{body_string, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{answer, console};

const PROJECT: &str = "bb0000000000000000000004";
const BACKUP: &str = "bb0000000000000000000b01";
const QUOTE: &str = r#"{"id":"bb0000000000000000000f01","project":"bb0000000000000000000004","backup":"bb0000000000000000000b01",
    "region":"us-east-1","version":"2026.11","created_at":"2026-11-22T10:00:00.000Z","expires_at":"2026-11-22T10:15:00.000Z",
    "currency":"USD","lines":[{"category":"Platform","label":"Creation fee","micros":49000000,"per":"once"},
    {"category":"Database","label":"2 vCPU, 4 GB","micros":120000,"per":"hour"}],
    "creation_fee_micros":49000000,"per_hour_micros":120000,"per_month_micros":87600000,"size":123456}"#;

fn project() -> ProjectId {
    PROJECT.parse().unwrap()
}

fn backup() -> BackupId {
    BACKUP.parse().unwrap()
}

#[tokio::test]
async fn projects_and_backups_are_read() {
    let server = MockServer::start().await;
    answer(&server, "GET", "/api/projects", 200, r#"[{"id":"bb0000000000000000000004","name":"Cold chain","role":"owner",
        "region":"us-east-1","version":"2026.11","api":"http://127.0.0.1:4001","profile":"bb0000000000000000000a01",
        "status":"active","created_at":"2026-11-01T00:00:00.000Z","size":1048576,"restored_from":null},
        {"id":"bb0000000000000000000005","name":"Copy","role":"admin","region":"us-east-1","version":"2026.11",
        "api":"http://127.0.0.1:4002","profile":"bb0000000000000000000a01","status":"thawing",
        "created_at":"2026-11-22T00:00:00.000Z","size":1048576,"restored_from":{"project":"bb0000000000000000000004",
        "backup":"bb0000000000000000000b01","backup_created_at":"2026-11-21T04:30:00.000Z"}}]"#)
    .await;
    answer(&server, "GET", &format!("/api/projects/{PROJECT}/backups"), 200, r#"[{"id":"bb0000000000000000000b01",
        "project":"bb0000000000000000000004","created_at":"2026-11-21T04:30:00.000Z","size":1000,"status":"completed",
        "kind":"daily","expires_at":"2026-11-28T04:30:00.000Z","restored_as":["bb0000000000000000000005"],"error":null}]"#)
    .await;
    answer(&server, "GET", &format!("/api/projects/{PROJECT}/backups/{BACKUP}"), 200, r#"{"id":"bb0000000000000000000b01",
        "project":"bb0000000000000000000004","created_at":"2026-11-21T04:30:00.000Z","size":1000,"status":"completed",
        "kind":"manual","expires_at":null,"restored_as":[],"error":null,
        "manifest":{"sha256":"00ff","rows":{"devices":40,"data":200000}}}"#)
    .await;
    let console = console(&server);
    let projects = console.projects().await.unwrap();
    assert_eq!((projects[0].role, projects[0].status), (Role::Owner, ProjectStatus::Active));
    assert_eq!(projects[1].status, ProjectStatus::Unknown);
    assert_eq!(projects[1].restored_from.as_ref().unwrap().backup, backup());
    assert_eq!(console.backups(project()).await.unwrap()[0].restored_as.len(), 1);
    let detail = console.backup(project(), backup()).await.unwrap();
    assert_eq!((detail.manifest.rows["devices"], detail.backup.size), (40, 1000));
}

#[tokio::test]
async fn a_project_that_is_being_made_has_no_address_yet() {
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/api/projects/{PROJECT}"), 200, r#"{"id":"bb0000000000000000000004","name":"Copy",
        "role":"owner","region":"us-east-1","version":"2026.11","api":null,"profile":null,"status":"deploying",
        "created_at":"2026-11-22T00:00:00.000Z","size":0,"deployment":"bb0000000000000000000d01","restored_from":
        {"project":"bb0000000000000000000005","project_name":null,"backup":"bb0000000000000000000b01","backup_created_at":null}}"#)
    .await;
    answer(
        &server,
        "GET",
        "/api/catalogue",
        200,
        r#"{"regions":[{"id":"us-east-1","name":"US East"}],"versions":["2026.11"]}"#,
    )
    .await;
    let console = console(&server);
    let project = console.project(project()).await.unwrap();
    assert_eq!((project.api, project.status), (None, ProjectStatus::Deploying));
    assert!(project.deployment.is_some());
    assert_eq!(project.restored_from.unwrap().project_name, None);
    assert_eq!(console.catalogue().await.unwrap().regions[0].name, "US East");
}

#[tokio::test]
async fn a_restore_sends_the_quote_and_a_changed_price_comes_back() {
    let server = MockServer::start().await;
    answer(&server, "POST", &format!("/api/projects/{PROJECT}/backups/{BACKUP}/quote"), 200, QUOTE).await;
    let console = console(&server);
    let quote = console.quote(project(), backup(), &Place::default()).await.unwrap();
    assert_eq!((quote.creation_fee_micros, quote.lines[1].per), (49_000_000, Per::Hour));

    let refused = format!(
        r#"{{"error":"The price has changed.","code":"QUOTE_CHANGED","details":{{"quote":{QUOTE}}}}}"#
    );
    Mock::given(method("POST"))
        .and(path(format!("/api/projects/{PROJECT}/backups/{BACKUP}/restore")))
        .and(body_string(r#"{"quote":"bb0000000000000000000f01","name":"Rescue"}"#))
        .respond_with(ResponseTemplate::new(409).set_body_raw(refused, "application/json"))
        .expect(1)
        .mount(&server)
        .await;
    let request = RestoreRequest { quote: quote.id, name: "Rescue".into(), region: None, version: None };
    let error = console.restore(project(), backup(), &request).await.unwrap_err();
    assert_eq!(error.changed_quote(), Some(quote));
    assert_eq!(error.refusal().unwrap().code.as_deref(), Some("QUOTE_CHANGED"));
}

#[tokio::test]
async fn a_deployment_is_followed_to_its_end() {
    let server = MockServer::start().await;
    let deployment: DeploymentId = "bb0000000000000000000d01".parse().unwrap();
    let answer = |status: &str, log: &str| {
        ResponseTemplate::new(200).set_body_string(format!(
            r#"{{"id":"bb0000000000000000000d01","project":"bb0000000000000000000005","kind":"restore","status":"{status}",
            "started_at":"2026-11-22T10:00:00.000Z","finished_at":null,"error":null,"log":[{log}]}}"#
        ))
    };
    for (after, template) in [
        (
            "0",
            answer(
                "in_progress",
                r#"{"seq":1,"at":"2026-11-22T10:00:00.000Z","event":"started","message":"Started","done":null,"total":null},
            {"seq":2,"at":"2026-11-22T10:00:01.000Z","event":"bytes_copied","message":"Copied","done":10,"total":20}"#,
            ),
        ),
        (
            "2",
            answer(
                "success",
                r#"{"seq":3,"at":"2026-11-22T10:00:02.000Z","event":"moon_phase","message":"?","done":null,"total":null}"#,
            ),
        ),
    ] {
        Mock::given(method("GET"))
            .and(path(format!("/api/projects/{PROJECT}/deployments/{deployment}")))
            .and(query_param("after", after))
            .and(query_param("wait_ms", "20000"))
            .respond_with(template)
            .expect(1)
            .mount(&server)
            .await;
    }
    let mut events = Vec::new();
    let end = console(&server)
        .wait_deployment(project(), deployment, |state| {
            events.extend(state.log.iter().map(|entry| entry.event))
        })
        .await
        .unwrap();
    assert_eq!(end.status, DeploymentStatus::Success);
    assert_eq!(events, [LogEvent::Started, LogEvent::BytesCopied, LogEvent::Unknown]);
}

#[tokio::test]
async fn a_collaborator_reads_the_reason() {
    let server = MockServer::start().await;
    answer(
        &server,
        "PUT",
        &format!("/api/projects/{PROJECT}/main-database"),
        403,
        r#"{"error":"Only the owner of a project may change its backup schedule.","code":"FORBIDDEN","details":null}"#,
    )
    .await;
    let schedule = Schedule { daily_time: "04:30".into(), retention_days: 7 };
    let error = console(&server).set_main_database(project(), &schedule).await.unwrap_err();
    let ApiError::Refused { refusal, .. } = &error else { panic!("{error:?}") };
    assert_eq!(refusal.status, 403);
    assert_eq!(refusal.message, "Only the owner of a project may change its backup schedule.");
}

#[tokio::test]
async fn the_schedule_and_the_meter_are_read() {
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/api/projects/{PROJECT}/main-database"), 200, r#"{"daily_time":"04:30","retention_days":7,
        "keep_at_most":7,"next_run_at":"2026-11-23T04:30:00.000Z","next_runs":["2026-11-23T04:30:00.000Z",
        "2026-11-24T04:30:00.000Z","2026-11-25T04:30:00.000Z"],"last_run":{"backup":"bb0000000000000000000b01",
        "at":"2026-11-22T04:30:00.000Z","status":"completed"},"prunes_next":["bb0000000000000000000b01"]}"#)
    .await;
    answer(
        &server,
        "GET",
        &format!("/api/projects/{PROJECT}/meter"),
        200,
        r#"{"project":"bb0000000000000000000004",
        "since":"2026-11-22T04:30:00.000Z","until":null,"hours_started":3,"creation_fee_micros":49000000,
        "per_hour_micros":120000,"total_micros":49360000}"#,
    )
    .await;
    let console = console(&server);
    assert_eq!(console.main_database(project()).await.unwrap().next_runs.len(), 3);
    assert_eq!(console.meter(project()).await.unwrap().total_micros, 49_360_000);
    let waited = console.deployment(project(), DeploymentId::from_bytes([0; 12]), 0, Duration::ZERO).await;
    assert!(waited.unwrap_err().is_not_found());
}

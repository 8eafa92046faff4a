use serde_json::json;

use crate::harness::{Who, World, text};

#[tokio::test]
async fn only_people_with_an_account_are_invited_and_nobody_becomes_a_second_owner() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let invite = format!("{project}/collaborators");
    let nobody = json!({ "email": "nobody@else.example", "role": "admin" });
    world.post(&invite, nobody).await.refused(404, "NOT_FOUND");
    let email = world.ready["collaborator"]["email"].clone();
    world.post(&invite, json!({ "email": email, "role": "owner" })).await.refused(400, "BAD_REQUEST");
    let own = world.ready["owner"]["email"].clone();
    world.post(&invite, json!({ "email": own, "role": "admin" })).await.refused(409, "CONFLICT");
    assert_eq!(world.get(&invite).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bodies_that_are_not_what_a_route_takes_are_refused_in_a_sentence() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    world.post("/api/projects", json!({ "nam": "x" })).await.refused(400, "BAD_REQUEST");
    world.post("/api/projects", json!({ "name": "x", "region": "moon-1" })).await.refused(400, "BAD_REQUEST");
    world.post("/api/projects", json!({ "name": "x", "version": "1" })).await.refused(400, "BAD_REQUEST");
    world
        .post("/api/projects", json!({ "name": "x".repeat(70_000) }))
        .await
        .refused(413, "PAYLOAD_TOO_LARGE");
    world.ask(Who::Owner, "PATCH", &project, None).await.refused(405, "BAD_REQUEST");
    world.ask(Who::Owner, "GET", "/api/nothing", None).await.refused(404, "NOT_FOUND");
    world.ask(Who::Owner, "GET", "/api/projects/0123", None).await.refused(404, "NOT_FOUND");
    let wrong = format!("{project}/deployments/{}?wait_ms=soon", "0".repeat(24));
    world.ask(Who::Owner, "GET", &wrong, None).await.refused(400, "BAD_REQUEST");
    assert_eq!(world.get("/api/projects").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_bad_day_is_refused_where_nothing_could_be_rescued() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let order = json!({ "project": project.rsplit('/').next().unwrap() });
    world.post("/api/practice/bad-day", order.clone()).await.refused(409, "CONFLICT");
    let api = world.api(&project).await;
    api.device("Freezer", &[-20.0]).await;
    world.back_up(&project).await;
    let sentence = world.post("/api/practice/bad-day", order).await.refused(409, "CONFLICT");
    assert!(sentence.contains("15 devices"), "{sentence}");
    assert_eq!(api.contents().await.len(), 1);
    assert_eq!(text(&world.get(&project).await["status"]), "active");
}

//! The tokens that open what TagoDeploy publishes, and whose the MQTT clients are.

use serde_json::{Value, json};

use crate::harness::{Who, World, text};

async fn token_of(world: &World, project: &str) -> Value {
    world.ask(Who::Owner, "POST", &format!("{project}/tokens"), None).await.expect(200)
}

async fn clients_of(world: &World, project: &str) -> String {
    let services = world.get(&format!("{project}/services")).await;
    let services = services.as_array().unwrap();
    let broker = services.iter().find(|service| service["product"]["slug"] == "mqtt-broker").unwrap();
    format!("{project}/services/{}/clients", text(&broker["id"]))
}

#[tokio::test]
async fn a_token_of_a_project_is_shown_once_opens_that_project_alone_and_ends_at_once() {
    let world = World::start().await;
    let (project, other) = (world.project("Frostline").await, world.project("Other").await);
    let made = token_of(&world, &project).await;
    let secret = text(&made["token"]);
    assert!(secret.starts_with("p-") && secret.ends_with(text(&made["last_four"])), "{made}");
    let tokens = format!("{project}/tokens");
    let listed = world.get(&tokens).await;
    assert_eq!(listed[0]["id"], made["id"]);
    assert!(!listed.to_string().contains(secret), "the list shows the token");

    let who = Who::Token(secret);
    let services = world.ask(who, "GET", &format!("{project}/services"), None).await.expect(200);
    assert!(!services.to_string().contains("backup"), "the schedule is the owner's alone");
    world.ask(who, "GET", &format!("{other}/services"), None).await.refused(404, "NOT_FOUND");
    for path in [&project, &tokens, &format!("{project}/backups"), "/api/projects", "/api/account"] {
        world.ask(who, "GET", path, None).await.refused(403, "FORBIDDEN");
    }
    let clients = clients_of(&world, &project).await;
    let made_by_token =
        world.ask(who, "POST", &clients, Some(json!({ "name": "Gateway" }))).await.expect(200);
    assert_eq!(world.ask(who, "GET", &clients, None).await.expect(200), json!([made_by_token]));
    let api = world.api(&project).await;
    assert_eq!(api.status_as(secret, "/device").await, 401, "it is no token of the data plane");

    for _ in 1..10 {
        token_of(&world, &project).await;
    }
    world.ask(Who::Owner, "POST", &tokens, None).await.refused(409, "CONFLICT");
    assert_eq!(world.get(&tokens).await.as_array().unwrap().len(), 10);
    token_of(&world, &other).await;
    let revoke = format!("{tokens}/{}", text(&made["id"]));
    world
        .ask(Who::Owner, "DELETE", &format!("{other}/tokens/{}", text(&made["id"])), None)
        .await
        .refused(404, "NOT_FOUND");
    world.ask(Who::Owner, "DELETE", &revoke, None).await.expect(200);
    world.ask(who, "GET", &format!("{project}/services"), None).await.refused(401, "UNAUTHORIZED");
    world.ask(Who::Owner, "DELETE", &revoke, None).await.refused(404, "NOT_FOUND");
    token_of(&world, &project).await;
}

#[tokio::test]
async fn mqtt_clients_are_their_projects_own_and_in_no_backup() {
    let world = World::start().await;
    let (project, other) = (world.project("Frostline").await, world.project("Other").await);
    let (clients, others) = (clients_of(&world, &project).await, clients_of(&world, &other).await);
    let made = world.post(&clients, json!({ "name": "Gateway" })).await.expect(200);
    let beside = format!("{others}/{}", text(&made["client_id"]));
    world.ask(Who::Owner, "DELETE", &beside, None).await.refused(404, "NOT_FOUND");
    assert_eq!(world.get(&others).await, json!([]));
    let backup = world.back_up(&project).await;
    let restored = world.restore(&project, &backup, "Copy").await;
    assert_eq!(world.get(&clients_of(&world, &restored).await).await, json!([]));
    assert_eq!(world.get(&clients).await[0]["name"], "Gateway");
}

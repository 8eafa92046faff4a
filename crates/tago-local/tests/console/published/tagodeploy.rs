use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Difference, Inspector, Unserved, shape};
use crate::harness::{Who, World, address, text};

const DIFFERENCES: &[Difference] = &[];
const UNSERVED: &[Unserved] = &[];

#[tokio::test]
async fn every_published_operation_of_tagodeploy_answers_as_published() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let id = project.rsplit('/').next().unwrap();
    let token = text(&world.ready["owner"]["token"]);
    let document = include_str!("tagodeploy.json");
    let mut it = Inspector::new(document, (DIFFERENCES, UNSERVED), address(&world.ready["console"]), token);
    let none = Value::Null;

    let services = it.call("GET /api/projects/{project_id}/services", &[id], "", none.clone()).await;
    let mqtt = services
        .as_array()
        .unwrap()
        .iter()
        .find(|service| service["product"]["slug"] == "mqtt-broker")
        .unwrap();
    let service = text(&mqtt["id"]);
    let clients = "/api/projects/{project_id}/services/{service_id}/clients";
    let made = json!({ "name": "Gateway", "username": "gateway", "password": "a good password" });
    let made = it.call(&format!("POST {clients}"), &[id, service], "", made).await;
    assert_eq!(
        (&made["name"], &made["username"], &made["password"]),
        (&json!("Gateway"), &json!("gateway"), &json!(true))
    );
    let client = text(&made["client_id"]);
    let path = format!("{project}/services/{service}/clients");
    for wrong in [json!({}), json!({ "name": "" }), json!({ "name": "x", "password": "short" })] {
        world.post(&path, wrong).await.refused(400, "BAD_REQUEST");
    }
    let not_a_broker = text(&services[0]["id"]);
    world
        .ask(Who::Owner, "GET", &format!("{project}/services/{not_a_broker}/clients"), None)
        .await
        .refused(404, "NOT_FOUND");
    world.ask(Who::Owner, "DELETE", &format!("{path}/{not_a_broker}"), None).await.refused(404, "NOT_FOUND");
    let listed = it.call(&format!("GET {clients}"), &[id, service], "", none.clone()).await;
    assert_eq!(listed, json!([made]));
    let renamed = json!({ "name": "Gateway 2" });
    let renamed = it.call(&format!("PUT {clients}/{{client_id}}"), &[id, service, client], "", renamed).await;
    assert_eq!(renamed["name"], "Gateway 2");
    let removed =
        it.call(&format!("DELETE {clients}/{{client_id}}"), &[id, service, client], "", none.clone()).await;
    assert_eq!(removed, json!({ "success": true }));
    assert_eq!(world.get(&path).await, json!([]));

    let served = tago_local::console::routes().iter().map(|route| shape(route.method.as_str(), route.path));
    it.conclude(&served.collect::<BTreeSet<_>>());
}

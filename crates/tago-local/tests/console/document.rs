//! The OpenAPI document, and whether the console keeps to it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Map, Value, json};
use tago_local::console::routes;

use crate::harness::{Answer, Who, World, text};

/// The document that a platform serves.
pub(crate) struct Document {
    document: Value,
    /// Operations that were answered with success, by method and path.
    taken: Mutex<BTreeSet<String>>,
}

impl Document {
    pub(crate) fn new(document: Value) -> Document {
        Document { document, taken: Mutex::default() }
    }

    /// Fails unless the answer (and, if it was accepted, the request) has the documented shape.
    pub(crate) fn check(&self, method: &str, path: &str, request: Option<&Value>, answer: &Answer) {
        let path = path.split('?').next().unwrap();
        let what = format!("{method} {path}");
        let Some(operation) = self.operation(method, path) else {
            assert!(matches!(answer.status, 404 | 405), "{what} is not documented: {answer:?}");
            return;
        };
        let responses = &operation["responses"];
        let success = (200..300).contains(&answer.status);
        let response = match success {
            true => responses.get(answer.status.to_string()),
            false => responses.get("default"),
        };
        let response = response.unwrap_or_else(|| panic!("{what}: {} is not documented", answer.status));
        self.conforms(&schema(response), &answer.body, &format!("answer of {what}"));
        if let Some(request) = request.filter(|_| success) {
            self.conforms(&schema(&operation["requestBody"]), request, &format!("body of {what}"));
        }
        if success {
            let template = operation["operationId"].as_str().unwrap();
            self.taken.lock().unwrap().insert(template.to_owned());
        }
    }

    /// Operations that were not once answered with success.
    pub(crate) fn never_taken(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let operations = self.paths().values().flat_map(|path| path.as_object().unwrap().values());
        let ids = operations.map(|operation| text(&operation["operationId"]).to_owned());
        ids.filter(|id| !taken.contains(id)).collect()
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let parts: Vec<_> = path.split('/').collect();
        let matches = |template: &str| {
            let template: Vec<_> = template.split('/').collect();
            template.len() == parts.len()
                && template.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
        };
        let operations = self.paths().iter().filter(|(template, _)| matches(template));
        // A literal part says more than a parameter.
        let best = operations.min_by_key(|(template, _)| template.matches('{').count());
        best.and_then(|(_, operations)| operations.get(method.to_lowercase()))
    }

    fn paths(&self) -> &Map<String, Value> {
        self.document["paths"].as_object().unwrap()
    }

    /// The part of JSON Schema that the document uses.
    fn conforms(&self, schema: &Value, value: &Value, place: &str) {
        if let Some(problem) = self.problem(schema, value, place) {
            panic!("{problem}");
        }
    }

    fn problem(&self, schema: &Value, value: &Value, place: &str) -> Option<String> {
        if let Some(name) = schema["$ref"].as_str() {
            let pointer = name.strip_prefix('#').unwrap();
            let target = self.document.pointer(pointer).unwrap_or_else(|| panic!("{name} does not exist"));
            return self.problem(target, value, place);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let problems: Vec<_> =
                choices.iter().map(|choice| self.problem(choice, value, place)).collect::<Option<_>>()?;
            return Some(problems.join(" and "));
        }
        if value.is_null() && schema["nullable"] == true {
            return None;
        }
        let allowed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        let wrong = |rule: &str| Some(format!("{place}: {value} is not {rule}"));
        if !allowed {
            return wrong(&format!("one of {}", schema["enum"]));
        }
        match schema["type"].as_str() {
            None => None,
            Some("null") if !value.is_null() => wrong("null"),
            Some("boolean") if !value.is_boolean() => wrong("true or false"),
            Some("integer") if !value.is_i64() => wrong("a whole number"),
            Some("integer") if value.as_i64() < schema["minimum"].as_i64() => wrong("large enough"),
            Some("string") => {
                let Some(text) = value.as_str() else { return wrong("a text") };
                let is_id = schema["pattern"] != "^[0-9a-f]{24}$"
                    || text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                let is_time = schema["format"] != "date-time"
                    || text.len() == 24 && text.parse::<tago_api::Time>().is_ok();
                if is_id && is_time { None } else { wrong("an id or a time") }
            }
            Some("array") => {
                let Some(items) = value.as_array() else { return wrong("a list") };
                items.iter().find_map(|item| self.problem(&schema["items"], item, place))
            }
            Some("object") => {
                let Some(fields) = value.as_object() else { return wrong("an object") };
                self.object_problem(schema, fields, place)
            }
            Some(_) => None,
        }
    }

    fn object_problem(&self, schema: &Value, fields: &Map<String, Value>, place: &str) -> Option<String> {
        let required = schema["required"].as_array().into_iter().flatten();
        if let Some(missing) = required.map(text).find(|name| !fields.contains_key(*name)) {
            return Some(format!("{place}: {missing} is missing"));
        }
        fields.iter().find_map(|(name, value)| {
            let place = format!("{place}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => Some(format!("{place} is not documented")),
                (Value::Null, Value::Object(_)) => {
                    self.problem(&schema["additionalProperties"], value, &place)
                }
                (property, _) => self.problem(property, value, &place),
            }
        })
    }
}

fn schema(body: &Value) -> Value {
    body["content"]["application/json"]["schema"].clone()
}

#[tokio::test]
async fn the_document_has_the_routes_that_exist_and_no_others() {
    let world = World::start().await;
    let document = world.ask(Who::Nobody, "GET", "/openapi.json", None).await.expect(200);
    let documented: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            operations
                .as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let table: BTreeSet<String> =
        routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(documented, table);
    assert_eq!(table.len(), routes().len(), "a route stands in the table twice");
}

/// Every route is taken once with success; the harness checks each request and answer by the document.
#[tokio::test]
async fn every_route_takes_and_gives_what_the_document_says() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    for number in 0..15 {
        api.device(&format!("Freezer {number:02}"), &[-20.0, -19.5]).await;
    }
    let backup = world.back_up(&project).await;
    let (restored, deployment) = world.begin_restore(&project, &backup, "Copy").await;
    world.end_of(&deployment).await;
    let backup = format!("{project}/backups/{}", text(&backup["id"]));
    let account = world.ask(Who::Collaborator, "GET", "/api/account", None).await.expect(200);
    let invitation = json!({ "email": account["email"], "role": "contractor" });
    let schedule = json!({ "daily_time": "05:15", "retention_days": 3 });
    world.post(&format!("{project}/collaborators"), invitation).await.expect(200);
    let accept = format!("{project}/collaborators/accept");
    world.ask(Who::Collaborator, "POST", &accept, None).await.expect(200);
    world
        .ask(Who::Owner, "PUT", &format!("{project}/main-database"), Some(schedule.clone()))
        .await
        .expect(200);
    world.post(&format!("{project}/main-database/preview"), schedule).await.expect(200);
    for path in [
        "/api/account",
        "/api/bills",
        "/api/catalogue",
        "/api/projects",
        &project,
        &restored,
        &format!("{project}/services"),
        &format!("{project}/bills"),
        &format!("{project}/tokens"),
        &format!("{project}/deployments"),
        &format!("{project}/meter"),
        &format!("{project}/automations"),
        &format!("{project}/main-database"),
        &format!("{project}/backups"),
        &backup,
        &format!("{project}/collaborators"),
    ] {
        world.get(path).await;
    }
    let token = world.ask(Who::Owner, "POST", &format!("{project}/tokens"), None).await.expect(200);
    let token = format!("{project}/tokens/{}", text(&token["id"]));
    world.ask(Who::Owner, "DELETE", &token, None).await.expect(200);
    let services = world.get(&format!("{project}/services")).await;
    let clients = format!("{project}/services/{}/clients", text(&services[4]["id"]));
    let client = world.post(&clients, json!({ "name": "Gateway" })).await.expect(200);
    world.get(&clients).await;
    let client = format!("{clients}/{}", text(&client["client_id"]));
    world.ask(Who::Owner, "PUT", &client, Some(json!({ "name": "Dock" }))).await.expect(200);
    world.ask(Who::Owner, "DELETE", &client, None).await.expect(200);
    world.post(&format!("{project}/access"), json!({})).await.expect(200);
    let id = project.rsplit('/').next().unwrap();
    world.post("/api/practice/bad-day", json!({ "project": id })).await.expect(200);
    let damages = world.get("/api/practice/bad-day").await;
    assert_eq!(damages[0]["deleted_devices"].as_array().unwrap().len(), 5);
    assert_eq!(damages[0]["emptied_devices"].as_array().unwrap().len(), 10);
    world.post("/api/practice/bad-day", json!({ "project": id })).await.refused(409, "CONFLICT");
    world.ask(Who::Owner, "POST", &format!("{restored}/automations/release"), None).await.expect(200);
    let person = format!("{project}/collaborators/{}", text(&account["id"]));
    world.ask(Who::Owner, "DELETE", &person, None).await.expect(200);
    world.ask(Who::Owner, "DELETE", &restored, Some(json!({ "name": "Copy" }))).await.expect(200);
    world.ask(Who::Nobody, "GET", "/openapi.json", None).await.expect(200);
    assert_eq!(world.never_taken(), Vec::<String>::new(), "no answer of these was held against the document");
}

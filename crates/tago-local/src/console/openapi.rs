use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Answer, Call, Guard, Route, reply, routes};
use crate::platform::Platform;

/// The document that describes this API, made from the table of routes.
pub(super) fn document(_: &Arc<Platform>, _: &Call) -> Answer {
    let schemas: Value = serde_json::from_str(include_str!("schemas.json"))?;
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    reply(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Practice platform: console API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Times are ISO 8601 in UTC with milliseconds, ids 24 hexadecimal digits, sizes bytes, \
                            and money micro-dollars.",
        },
        "security": [{ "console token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "console token": { "type": "apiKey", "in": "header", "name": "token" } },
            "schemas": schemas,
        },
    }))
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": format!("{} {}", route.method, route.path),
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": {
            success(route): { "description": "Done.", "content": json_of(&shape(route.gives)) },
            "default": { "description": "Refused; the text says what to do.", "content": json_of(&shape("Error")) },
        },
        "x-guard": guard(route.guard),
    });
    if let Some(takes) = route.takes {
        operation["requestBody"] = json!({ "content": json_of(&shape(takes)) });
    }
    if route.guard == Guard::Anyone {
        operation["security"] = json!([]);
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": shape("Id") }))
        .collect();
    if route.gives == "Deployment" {
        for name in ["after", "wait_ms"] {
            parameters
                .push(json!({ "name": name, "in": "query", "schema": { "type": "integer", "minimum": 0 } }));
        }
    }
    parameters
}

fn success(route: &Route) -> &'static str {
    match (route.method.as_str(), route.gives) {
        (_, "RestoreBegun") => "202",
        ("POST", "Backup" | "Project") => "201",
        _ => "200",
    }
}

/// A reference to a schema, or to a list of what the brackets hold.
fn shape(name: &str) -> Value {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(item) => json!({ "type": "array", "items": shape(item) }),
        None => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

fn json_of(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn guard(guard: Guard) -> &'static str {
    match guard {
        Guard::Anyone => "anyone",
        Guard::SignedIn => "signed in",
        Guard::Member => "owner or collaborator",
        Guard::Published => "owner, collaborator, or a token of the project",
        Guard::Owner(_) | Guard::OwnerOfNamed(_) => "owner",
    }
}

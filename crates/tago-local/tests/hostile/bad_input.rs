//! Every route of the table, whichever there are, with every kind of bad input.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use tago_local::project::{Route, Who, routes};

use crate::asked::Asked;
use crate::verdict;
use crate::world::World;

/// Field names of bodies throughout the API, to be given values of wrong types.
const FIELDS: &[&str] = &[
    "action",
    "active",
    "address",
    "amount",
    "arrangement",
    "body",
    "chunk_id",
    "chunk_period",
    "chunk_retention",
    "company",
    "configuration_params",
    "connector",
    "content",
    "data",
    "date_format",
    "default",
    "description",
    "device",
    "display",
    "email",
    "expire_time",
    "fallback",
    "fields",
    "file",
    "file_address",
    "file_name",
    "filename",
    "filter",
    "from",
    "group",
    "headers",
    "id",
    "ids",
    "index",
    "interval",
    "key",
    "label",
    "language",
    "languages",
    "location",
    "lock",
    "message",
    "metadata",
    "mutable_variable_regex",
    "name",
    "network",
    "networks",
    "new_name",
    "options",
    "password",
    "path",
    "payload_decoder",
    "permission",
    "permissions",
    "phone",
    "pin_code",
    "profile",
    "public",
    "qty",
    "query",
    "read",
    "route",
    "run_on",
    "run_user",
    "runtime",
    "schema",
    "sent",
    "serie_number",
    "slug",
    "tabs",
    "tags",
    "targets",
    "time",
    "timezone",
    "title",
    "to",
    "token",
    "trigger",
    "type",
    "unit",
    "upload_id",
    "value",
    "variable",
    "variables",
    "visible",
    "widget",
];

#[test]
fn wrong_types_and_missing_fields_are_refused_everywhere() {
    let all = |value: Value| -> Value {
        FIELDS.iter().map(|name| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>().into()
    };
    let mut bodies: Vec<Vec<u8>> =
        ["", "{}", "[]", "5", "-1e300", "\"x\"", "null", "true", "[[]]", "[null]", "[{}]", "{\"\":0}"]
            .map(|body| body.as_bytes().to_vec())
            .to_vec();
    for value in [
        json!(null),
        json!(5),
        json!(-1.5),
        json!("x"),
        json!(""),
        json!([]),
        json!([5]),
        json!({}),
        json!({"a": {}}),
        json!(true),
    ] {
        bodies.push(all(value.clone()).to_string().into());
        bodies.push(json!([all(value)]).to_string().into());
    }
    walk(|_| bodies.iter().map(|body| ("", body.clone())).collect());
}

#[test]
fn bytes_that_are_no_json_are_refused_everywhere() {
    let deep = |open: &str| open.repeat(100_000).into_bytes();
    let bodies: Vec<Vec<u8>> = vec![
        vec![0xff; 64],
        b"{\"name\":\"\xff\xfe\"}".to_vec(),
        b"[{\"variable\":\"t\",\"value\":\"\xc3\x28\"}]".to_vec(),
        b"{\"name\":\"x\"".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"{} {}".to_vec(),
        deep("["),
        deep("{\"a\":"),
        [deep("[{\"metadata\":"), deep("}]")].concat(),
        b"NaN".to_vec(),
    ];
    for route in &routes() {
        let world = World::new();
        for token in openers(route) {
            let empty = asked(&world, route, &token, "", Vec::new());
            let takes_none = checked(&world, &empty).is_some_and(|status| status.is_success());
            for body in &bodies {
                let bad = asked(&world, route, &token, "", body.clone());
                let status = checked(&world, &bad).unwrap();
                assert!(takes_none || status.is_client_error(), "{status} for {}", shown(&bad));
            }
        }
    }
}

#[test]
fn bodies_of_10_mb_are_refused_wherever_that_is_too_much() {
    let body = [b"[\"".to_vec(), vec![b'x'; 10_000_000], b"\"]".to_vec()].concat();
    for route in &routes() {
        let world = World::new();
        for token in openers(route) {
            let large = asked(&world, route, &token, "", body.clone());
            let status = checked(&world, &large).unwrap();
            if body.len() > route.body_limit {
                assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{}", shown(&large));
            }
        }
    }
}

#[test]
fn unknown_ids_and_odd_paths_are_refused_everywhere() {
    let world = World::new();
    let long = "x".repeat(4_000);
    let parts = [
        "ffffffffffffffffffffffff",
        "x",
        "-1",
        "%00",
        "%ff%fe",
        "..%2f..%2fmain.sqlite",
        "%F0%9F%94%A5",
        "%22%27;--",
        &long,
    ];
    for route in world.routes().iter().filter(|route| route.path.contains('{')) {
        for token in world.tokens() {
            for part in parts {
                let fill = |name: &str| if name.starts_with('{') { part.to_owned() } else { name.to_owned() };
                let target = route.path.split('/').map(fill).collect::<Vec<_>>().join("/");
                for body in ["", "{}"] {
                    checked(&world, &Asked::new(&token, route.method.as_str(), &target, body));
                }
            }
        }
    }
}

#[test]
fn negative_pages_and_odd_queries_are_refused_everywhere() {
    let bad = [
        "page=-1",
        "page=0",
        "page=18446744073709551616",
        "page=9999999999999999",
        "amount=-5",
        "amount=0",
        "amount=1e3",
        "qty=-1",
        "qty=0",
        "qty=99999999999999999999",
        "skip=-1",
        "start_date=x",
        "end_date=99999 years",
        "start_date=4294967295 months",
        "orderBy=name;DROP",
        "orderBy[]=a&orderBy[]=b",
        "order_by=1",
        "filter[][][]=",
        "filter[tags][0]=x",
        "filter[tags][x][y][z]=1",
        "filter={",
        "index=id_idx&filter[id][start][x]=1",
        "query=aggregate&interval=year&function=sum&timezone=%00",
        "query=conditional&function=gt&value=1e999&start_date=1 day",
        "ids=zz",
        "ids[0]=%ff",
        "fields[]=%00",
        "sent_status=maybe",
        "pagination_token=%00%ff",
        "path=../..",
        "expire_time=-1 day",
        "date=x&timezone=x",
        "=&=&&&",
        "%",
    ];
    walk(|_| bad.iter().map(|query| (*query, b"{}".to_vec())).collect());
}

#[test]
fn a_page_or_a_quantity_below_one_is_named() {
    let world = World::new();
    for (target, field) in [
        ("/device?page=-1", "page"),
        ("/analysis?page=0", "page"),
        ("/entity?amount=-1", "amount"),
        ("/device/$device/data?qty=-1", "qty"),
        ("/device/$device/data?skip=-1", "skip"),
        ("/entity/$entity/data?page=-1", "page"),
        ("/files?qty=0", "qty"),
    ] {
        let asked = Asked::new("profile_token", "GET", target, "");
        let answered = verdict::ask(&world, &asked).unwrap().unwrap();
        let answer: Value = serde_json::from_slice(&answered.body).unwrap();
        let message = answer["message"].as_str().unwrap();
        assert!(
            answered.status == StatusCode::BAD_REQUEST && message.starts_with(field),
            "{target}: {message}"
        );
    }
}

/// Asks every route with every query and body that `of` gives for it, with every token.
fn walk(of: impl Fn(&Route) -> Vec<(&'static str, Vec<u8>)>) {
    for route in &routes() {
        let world = World::new();
        let mut opened = route.who == Who::Public;
        for (query, body) in of(route) {
            for token in world.tokens() {
                let status = checked(&world, &asked(&world, route, &token, query, body.clone())).unwrap();
                opened |= status != StatusCode::UNAUTHORIZED;
            }
        }
        let name = format!("{} {}", route.method, route.path);
        assert!(opened || CLOSED.contains(&&*name), "no token of this test opens {name}");
    }
}

/// Routes that refuse what this test sends like a token that opens nothing.
const CLOSED: &[&str] =
    &["POST /device/{device}/data", "GET /integration/network/resolve/{serial}/{authorization}"];

/// The tokens that a route lets in. It finds out in a world of its own: one of them may be removed by that.
fn openers(route: &Route) -> Vec<String> {
    let world = &World::new();
    let lets_in = |token: &String| {
        let status = checked(world, &asked(world, route, token, "", b"\xff".to_vec())).unwrap();
        status != StatusCode::UNAUTHORIZED
    };
    world.tokens().into_iter().filter(lets_in).collect()
}

fn asked(world: &World, route: &Route, token: &str, query: &str, body: Vec<u8>) -> Asked {
    let query = query.replace(' ', "%20");
    Asked::new(token, route.method.as_str(), &format!("{}?{query}", world.path_of(route)), body)
}

/// The status, after everything that holds for any answer was checked.
fn checked(world: &World, asked: &Asked) -> Option<StatusCode> {
    match verdict::ask(world, asked) {
        Ok(answered) => answered.map(|answered| answered.status),
        Err(wrong) => panic!("{} → {wrong}", shown(asked)),
    }
}

fn shown(asked: &Asked) -> String {
    let bytes = asked.to_bytes();
    format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(400)]))
}

//! Projects and accounts are isolated: a token opens its own and nothing else, on every route there is.

mod planted;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tago_local::console::{self, Guard};
use tago_local::project::{Who, routes};
use tokio::runtime::Runtime;

use crate::harness::{World, text};
use planted::{Planted, filled};

#[test]
fn no_token_opens_anything_of_another() {
    let runtime = Runtime::new().unwrap();
    let arena = runtime.block_on(Arena::new());
    // What a token of one thing does to that thing is its own business: it comes first.
    runtime.block_on(async {
        for (name, token) in &arena.target.confined {
            for route in attacks().into_iter().filter(|route| !route.console) {
                arena.peek(&route, name, token, &Shot::plain(&arena, &route)).await.unwrap();
            }
        }
    });
    let before = runtime.block_on(arena.seen_by_owner());
    runtime.block_on(async {
        for (name, token) in &arena.foreign {
            for route in attacks() {
                arena.attack(&route, name, token, &Shot::plain(&arena, &route)).await.unwrap();
            }
        }
        // The console knows no token of a project, not even the target's own.
        for (name, token) in arena.target.tokens.iter().chain(&arena.target.confined) {
            for route in attacks().into_iter().filter(|route| route.console) {
                arena.attack(&route, name, token, &Shot::plain(&arena, &route)).await.unwrap();
            }
        }
    });
    let config = ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(token in any::<Index>(), route in any::<Index>(), shot in any_shot())| {
        let (name, token) = token.get(&arena.foreign);
        let all = attacks();
        let route = route.get(&all);
        let shot = shot.aimed(&arena, route);
        let outcome = runtime.block_on(arena.attack(route, name, token, &shot));
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    });
    let after = runtime.block_on(arena.seen_by_owner());
    for (path, answer) in &before {
        assert_eq!(after.get(path), Some(answer), "{path} was changed by somebody else");
    }
}

/// One route to be attacked.
#[derive(Debug, Clone)]
struct Attacked {
    method: Method,
    path: &'static str,
    console: bool,
    /// Whether its path or body names what belongs to somebody; else it shows what is the caller's, or anybody's.
    guarded: bool,
    /// Whether that is in its body.
    in_body: bool,
}

fn attacks() -> Vec<Attacked> {
    static ALL: OnceLock<Vec<Attacked>> = OnceLock::new();
    let collect = || {
        let project = routes().into_iter().map(|route| Attacked {
            method: route.method,
            path: route.path,
            console: false,
            guarded: route.who != Who::Public,
            in_body: false,
        });
        let console = console::routes().iter().map(|route| {
            let in_body = matches!(route.guard, Guard::OwnerOfNamed(_));
            Attacked {
                method: route.method.clone(),
                path: route.path,
                console: true,
                guarded: in_body || route.path.contains("{project}"),
                in_body,
            }
        });
        project.chain(console).collect()
    };
    ALL.get_or_init(collect).clone()
}

/// What is sent beside the token.
#[derive(Debug, Clone)]
struct Shot {
    path: String,
    body: Option<String>,
    bearer: bool,
}

/// A shot that does not know its route yet.
#[derive(Debug, Clone)]
struct AnyShot {
    ids: Vec<Option<String>>,
    query: &'static str,
    body: Option<&'static str>,
    bearer: bool,
}

fn any_shot() -> impl Strategy<Value = AnyShot> {
    let id = prop_oneof![3 => Just(None), 1 => "[0-9a-f]{24}".prop_map(Some), 1 => "[A-Za-z0-9][A-Za-z0-9._~-]{0,39}".prop_map(Some)];
    let query = prop::sample::select(vec![
        "",
        "?qty=10000&end_date=2100-01-01",
        "?amount=10000&fields[0]=id&fields[1]=name&fields[2]=tags",
        "?query=count",
        "?path=/&noRedirect=true",
        "?onlyAmount=true&token=p-1",
    ]);
    let body = prop::option::of(prop::sample::select(vec![
        "{}",
        "[]",
        "null",
        r#"{"name":"Mine now","active":false}"#,
        r#"[{"variable":"temperature","value":1}]"#,
        r#"["canary.txt"]"#,
    ]));
    (prop::collection::vec(id, 3), query, body, any::<bool>())
        .prop_map(|(ids, query, body, bearer)| AnyShot { ids, query, body, bearer })
}

impl Shot {
    /// With the right ids and a body that names the right project.
    fn plain(arena: &Arena, route: &Attacked) -> Shot {
        let body = (route.method != Method::GET).then(|| arena.target.order.to_string());
        Shot { path: filled(route.path, &arena.target, &[]), body, bearer: false }
    }
}

impl AnyShot {
    fn aimed(&self, arena: &Arena, route: &Attacked) -> Shot {
        let body = self.body.filter(|_| !route.in_body).map(str::to_owned);
        let body = body.or_else(|| Some(arena.target.order.to_string()));
        Shot {
            path: filled(route.path, &arena.target, &self.ids) + self.query,
            body: body.filter(|_| route.method != Method::GET),
            bearer: self.bearer && !route.console,
        }
    }
}

/// A platform with a project full of canaries, and everybody who may not see them.
struct Arena {
    world: World,
    client: reqwest::Client,
    target: Planted,
    /// Tokens that open nothing of the target.
    foreign: Vec<(String, String)>,
}

impl Arena {
    async fn new() -> Arena {
        let world = World::start().await;
        let owner = text(&world.ready["owner"]["token"]).to_owned();
        let stranger = world.knob("/accounts", json!({ "name": "Mallory", "email": "m@else.example" })).await;
        let stranger = text(&stranger["token"]).to_owned();
        let target = Planted::new(&world, &owner, "Target").await;
        let beside = Planted::new(&world, &owner, "Beside").await;
        let elsewhere = Planted::new(&world, &stranger, "Elsewhere").await;
        // Now the tokens that were to expire have.
        world.knob("/clock", json!({ "advance_ms": 120_000 })).await;
        let mut foreign = vec![
            ("a stranger's console session".to_owned(), stranger),
            (
                "the console session of somebody who was not invited".to_owned(),
                text(&world.ready["collaborator"]["token"]).to_owned(),
            ),
        ];
        for (whose, planted) in [("the owner's other project", &beside), ("another account", &elsewhere)] {
            let named = |(kind, token): &(String, String)| (format!("{kind} of {whose}"), token.clone());
            foreign.extend(planted.tokens.iter().chain(&planted.confined).map(named));
            foreign.push((format!("a console token of {whose}"), planted.project_token.clone()));
        }
        foreign.extend(target.dead.iter().cloned());
        for garbage in [
            String::new(),
            " ".into(),
            "p-".into(),
            "p-00000000-0000-4000-8000-000000000000".into(),
            "' OR 1=1 --".into(),
            "null".into(),
            "a".repeat(4_000),
            target.id.clone(),
            target.tokens[0].1.to_uppercase(),
            target.tokens[0].1[..35].to_owned(),
        ] {
            foreign.push((format!("the garbage {garbage:.20}"), garbage));
        }
        for route in routes() {
            world.knob("/rates", json!({ "route": route.bucket.name, "per_minute": 1_000_000 })).await;
        }
        let client = reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap();
        Arena { world, client, target, foreign }
    }

    async fn attack(&self, route: &Attacked, name: &str, token: &str, shot: &Shot) -> Result<(), String> {
        let (status, answer) = self.ask(route, token, shot).await;
        let tale = || format!("{name} at {} {}: {status} {answer:.400}", route.method, shot.path);
        let denied =
            matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if (route.guarded && !denied) || status.is_server_error() {
            return Err(tale());
        }
        let seen =
            [&self.target.canary, &self.target.deep_canary].into_iter().any(|canary| answer.contains(canary));
        if seen { Err(tale()) } else { Ok(()) }
    }

    /// A token of one thing of the target: whatever it is answered, it sees that one thing alone.
    async fn peek(&self, route: &Attacked, name: &str, token: &str, shot: &Shot) -> Result<(), String> {
        let (status, answer) = self.ask(route, token, shot).await;
        if answer.contains(&self.target.canary) || status.is_server_error() {
            return Err(format!("{name} at {} {}: {status} {answer:.400}", route.method, shot.path));
        }
        Ok(())
    }

    async fn ask(&self, route: &Attacked, token: &str, shot: &Shot) -> (StatusCode, String) {
        let origin = if route.console { text(&self.world.ready["console"]) } else { &self.target.api };
        let mut request = self.client.request(route.method.clone(), format!("{origin}{}", shot.path));
        request = match shot.bearer {
            true => request.header("authorization", format!("Bearer {token}")),
            false => request.header("token", token),
        };
        if let Some(body) = &shot.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// What the target's owner reads, by route.
    async fn seen_by_owner(&self) -> BTreeMap<String, Value> {
        let mut seen = BTreeMap::new();
        // Some answer a token, or the number of a question, which is another one each time; some count what
        // their reader reads.
        let another_each_time = |path: &str| {
            ["}/token", "/share/public", "/download", "/login", "/auditlog", "/statistics", "/summary"]
                .iter()
                .any(|end| path.ends_with(end))
        };
        let readable = routes().into_iter().filter(|route| {
            route.method == Method::GET && route.who == Who::Profile && !another_each_time(route.path)
        });
        for route in readable {
            let path = filled(route.path, &self.target, &[]);
            let attacked = Attacked {
                method: Method::GET,
                path: route.path,
                console: false,
                guarded: true,
                in_body: false,
            };
            let shot = Shot { path: path.clone(), body: None, bearer: false };
            let (status, answer) = self.ask(&attacked, &self.target.tokens[0].1, &shot).await;
            if status.is_success() {
                seen.insert(path, serde_json::from_str(&answer).unwrap_or(Value::String(answer)));
            }
        }
        assert!(seen.values().any(|answer| answer.to_string().contains(&self.target.canary)));
        seen
    }
}

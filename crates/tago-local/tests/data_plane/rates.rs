//! Requests a minute: what the documentation says, and that it holds exactly for every route there is.

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tago_local::project::{Plan, Route, Who, routes};
use tower_service::Service;

use crate::harness::Running;

/// The documented limits (Free, Starter, Scale) and the routes that they are for; in a path `{}` is any part.
const DOCUMENTED: &[([u32; 3], &[&str])] = &[
    ([10, 250, 5000], &["POST /device", "DELETE /device/{}"]),
    ([50, 100, 500], &["GET /device", "GET /account", "PUT /account"]),
    (
        [100, 1000, 5000],
        &["GET /device/{}", "GET /device/token/{}", "GET /device/{}/data_amount", "GET /device/{}/params"],
    ),
    ([100, 1000, 15_000], &["GET /device/{}/chunk"]),
    (
        [50, 250, 2000],
        &[
            "PUT /device/{}",
            "POST /device/token",
            "DELETE /device/token/{}",
            "POST /device/{}/convert",
            "POST /device/{}/empty",
            "POST /device/{}/chunk/copy",
            "DELETE /device/{}/chunk/{}",
        ],
    ),
    ([250, 5000, 15_000], &["GET /data", "POST /data", "GET /device/{}/data", "POST /device/{}/data"]),
    ([60, 250, 1000], &["PUT /data", "DELETE /data", "PUT /device/{}/data", "DELETE /device/{}/data"]),
    ([60, 1000, 2000], &["GET /analysis"]),
    (
        [60, 100, 1000],
        &[
            "POST /analysis",
            "PUT /analysis/{}",
            "DELETE /analysis/{}",
            "POST /analysis/{}/upload",
            "POST /action",
            "PUT /action/{}",
            "DELETE /action/{}",
            "POST /dashboard",
            "PUT /dashboard/{}",
            "DELETE /dashboard/{}",
            "GET /notification",
            "POST /notification",
            "POST /run/notification",
            "GET /run/notification/{}",
            "GET /run/users",
            "POST /run/users",
            "GET /run/users/{}",
            "PUT /run/users/{}",
            "DELETE /run/users/{}",
            "GET /tags/keys/{}",
        ],
    ),
    (
        [60, 100, 200],
        &[
            "POST /files",
            "PUT /files",
            "DELETE /files",
            "POST /profile",
            "PUT /profile/{}",
            "DELETE /profile/{}",
            "GET /am",
            "POST /am",
            "GET /am/{}",
            "PUT /am/{}",
            "DELETE /am/{}",
            "GET /serviceauth",
            "POST /serviceauth",
            "PUT /serviceauth/{}",
            "DELETE /serviceauth/{}",
            "GET /dictionary",
            "POST /dictionary",
            "GET /dictionary/{}",
            "PUT /dictionary/{}",
            "DELETE /dictionary/{}",
        ],
    ),
    (
        [60, 100, 500],
        &[
            "GET /integration/network",
            "POST /integration/network",
            "GET /integration/network/{}",
            "PUT /integration/network/{}",
            "DELETE /integration/network/{}",
        ],
    ),
    ([1, 10, 30], &["POST /dashboard/{}/widget/{}/upload"]),
    ([60, 5000, 10_000], &["GET /info"]),
];

#[test]
fn the_limits_are_the_documented_ones() {
    let served: HashMap<String, Route> = routes().into_iter().map(|route| (shape(&route), route)).collect();
    for (limits, documented) in DOCUMENTED {
        for route in *documented {
            let served = served.get(*route).unwrap_or_else(|| panic!("{route} is not served"));
            let plans = [Plan::Free, Plan::Starter, Plan::Scale];
            assert_eq!(plans.map(|plan| served.bucket.per_minute(plan)), *limits, "{route}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_takes_exactly_its_limit_in_each_calendar_minute() {
    let it = Running::start().await;
    let tokens = Tokens::of(&it).await;
    let served = routes();
    let list = served.iter().find(|route| shape(route) == "GET /device").unwrap();
    let dearer = [(list, Plan::Starter), (list, Plan::Scale)];
    let every = served.iter().map(|route| (route, Plan::Free)).chain(dearer);
    for (hour, (route, plan)) in every.enumerate() {
        it.shared.rates.set_plan(it.project.id(), plan);
        let name = format!("{} on {plan:?}", shape(route));
        let limit = route.bucket.per_minute(plan);
        assert!(limit > 0, "{name}");
        // Each has a minute in which nothing was asked before.
        let moment = |at: &str| format!("2026-03-{:02}T{:02}:{at}", 10 + hour / 24, hour % 24);
        it.set_time(&moment("45:09.400Z"));
        for asked in 0..limit {
            let (status, ..) = ask(&it, route, &tokens).await;
            assert_ne!(status, StatusCode::TOO_MANY_REQUESTS, "{name}: after {asked} of {limit}");
        }
        assert_refused(ask(&it, route, &tokens).await, 51, &name);
        it.set_time(&moment("45:59.999Z"));
        assert_refused(ask(&it, route, &tokens).await, 1, &name);
        it.set_time(&moment("46:00.000Z"));
        let (status, ..) = ask(&it, route, &tokens).await;
        assert_ne!(status, StatusCode::TOO_MANY_REQUESTS, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_have_a_lower_limit_of_their_own() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}/data", device.id);
    let aggregate = format!("{path}?query=aggregate&variables=kwh&interval=day&function=sum");
    for (hour, (plan, limit)) in
        [(Plan::Free, 5), (Plan::Starter, 10), (Plan::Scale, 100)].into_iter().enumerate()
    {
        it.shared.rates.set_plan(it.project.id(), plan);
        it.set_time(&format!("2026-03-10T{hour:02}:45:30.000Z"));
        for asked in 0..limit {
            let (status, _) = it.ask(Method::GET, &aggregate, &it.token, None).await;
            assert_eq!(status, StatusCode::OK, "{plan:?}: {asked} of {limit}");
        }
        let (status, message) = it.refused(Method::GET, &aggregate, Value::Null).await;
        assert_eq!((status, message.as_str()), (429, "Too many requests (Retry-After: 30)"), "{plan:?}");
        it.get(&path).await;
        it.set_time(&format!("2026-03-10T{hour:02}:46:00.000Z"));
        it.get(&aggregate).await;
    }
}

/// The documented body, and the seconds to the next minute in it and in the header.
#[track_caller]
fn assert_refused((status, headers, body): (StatusCode, HeaderMap, Value), seconds: u64, route: &str) {
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{route}");
    assert_eq!(headers["retry-after"], seconds.to_string().as_str(), "{route}");
    let message = format!("Too many requests (Retry-After: {seconds})");
    assert_eq!(body, json!({"status": false, "message": message}), "{route}");
}

struct Tokens {
    profile: String,
    device: String,
    analysis: String,
    run_user: String,
    network: String,
}

impl Tokens {
    async fn of(it: &Running) -> Tokens {
        let analysis = it.post("/analysis", json!({"name": "Hourly"})).await;
        let user = json!({"name": "Bo", "email": "bo@example.com", "password": "secret1", "active": true});
        let user = it.post("/run/users", user).await["user"].as_str().unwrap().to_owned();
        let run_user = it.get(&format!("/run/users/{user}/login?expire_time=never")).await;
        let network = it.post("/integration/network", json!({"name": "Own"})).await["network"].clone();
        let network =
            it.post("/integration/network/token", json!({"network": network, "name": "Server"})).await;
        Tokens {
            run_user: run_user["token"].as_str().unwrap().to_owned(),
            profile: it.token.clone(),
            device: it.device("Truck").await.token,
            analysis: analysis["token"].as_str().unwrap().to_owned(),
            network: network["token"].as_str().unwrap().to_owned(),
        }
    }

    fn opening(&self, who: Who) -> &str {
        match who {
            Who::Anyone | Who::Profile | Who::Viewer => &self.profile,
            Who::DeviceReading | Who::DeviceWriting => &self.device,
            Who::Analysis => &self.analysis,
            Who::RunUser => &self.run_user,
            Who::Public => "",
            Who::Network => &self.network,
        }
    }
}

/// One request without a body, straight to the router.
async fn ask(it: &Running, route: &Route, tokens: &Tokens) -> (StatusCode, HeaderMap, Value) {
    let path = filled(route.path);
    let request = Request::builder()
        .method(&route.method)
        .uri(path)
        .header("token", tokens.opening(route.who))
        .body(Body::empty())
        .unwrap();
    let (head, body) = it.router.clone().call(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, head.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// The path with ids of nothing.
fn filled(path: &str) -> String {
    let part = |part: &str| match part.starts_with('{') {
        true => "ffffffffffffffffffffffff".to_owned(),
        false => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn shape(route: &Route) -> String {
    let part = |part: &'static str| if part.starts_with('{') { "{}" } else { part };
    format!("{} {}", route.method, route.path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

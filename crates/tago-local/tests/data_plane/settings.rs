//! Dictionaries, access policies, secrets, queries and tags.

use reqwest::Method;
use serde_json::{Value, json};
use tago_local::project::Plan;

use crate::harness::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_dictionary_gives_its_texts_by_id_or_slug_and_falls_back_where_they_lack() {
    let it = Running::start().await;
    let made = it.post("/dictionary", json!({"name": "Rooms", "slug": "ROOMS", "fallback": "en-US"})).await;
    let id = made["dictionary"].as_str().unwrap();
    let path = format!("/dictionary/{id}");
    assert_eq!(it.get(&path).await["languages"], json!([{"code": "en-US", "active": true}]));
    let set = async |locale: &str, body: Value| it.call(Method::PUT, &format!("{path}/{locale}"), body).await;
    let done = set("en-US", json!({"dictionary": {"HOT": "Hot", "COLD": "Cold"}, "active": true})).await;
    assert_eq!(done, "Dictionary language Successfully Updated");
    set("pt-BR", json!({"dictionary": {"HOT": "Quente"}, "active": false})).await;
    assert_eq!(it.get(&format!("{path}/pt-BR")).await, json!({"HOT": "Quente"}));
    assert_eq!(it.get(&format!("{path}/pt-BR?fallback=false")).await, json!({"HOT": "Quente"}));
    assert_eq!(
        it.get("/dictionary/ROOMS/pt-BR?fallback=true").await,
        json!({"HOT": "Quente", "COLD": "Cold"})
    );
    assert_eq!(it.get("/dictionary/ROOMS/de-DE?fallback=true").await, json!({"HOT": "Hot", "COLD": "Cold"}));
    assert_eq!(it.refused(Method::GET, "/dictionary/ROOMS/de-DE", Value::Null).await.0, 404);
    assert_eq!(
        it.get(&path).await["languages"],
        json!([{"code": "en-US", "active": true}, {"code": "pt-BR", "active": false}])
    );
    // A language that is set again is replaced.
    set("pt-BR", json!({"dictionary": {"COLD": "Frio"}})).await;
    assert_eq!(it.get(&format!("{path}/pt-BR")).await, json!({"COLD": "Frio"}));
    assert_eq!(it.get(&path).await["languages"][1]["active"], false);

    let taken = json!({"name": "Other", "slug": "ROOMS", "fallback": "en-US"});
    let (status, message) = it.refused(Method::POST, "/dictionary", taken).await;
    assert!(status == 400 && message.starts_with("slug ROOMS is in use"), "{message}");
    it.call(Method::PUT, &path, json!({"slug": "ROOMS", "name": "Cold rooms"})).await;
    let (status, message) = it.refused(Method::DELETE, &format!("{path}/en-US"), Value::Null).await;
    assert!(status == 400 && message.contains("fallback"), "{message}");
    it.call(Method::DELETE, &format!("{path}/pt-BR"), Value::Null).await;
    assert_eq!(it.refused(Method::GET, &format!("{path}/pt-BR"), Value::Null).await.0, 404);
    let (status, message) =
        it.refused(Method::PUT, &format!("{path}/en-US"), json!({"dictionary": {"HOT": 1}})).await;
    assert!(status == 400 && message.starts_with("dictionary"), "{message}");
    it.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(it.refused(Method::GET, "/dictionary/ROOMS/en-US?fallback=true", Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_listed_without_its_rules_and_shows_what_allows_first() {
    let it = Running::start().await;
    let body = json!({
        "name": "Drivers",
        "permissions": [
            {"effect": "deny", "action": ["delete"], "resource": ["device"]},
            {"effect": "allow", "action": ["access"], "resource": ["device", "tag.key", "a", "tag.value", "b", "cut"]},
        ],
        "targets": [["run_user", "id", "5f2a8e3b9c1d4e0011223344"], ["analysis", "tag_match", "team"]],
    });
    let id = it.post("/am", body.clone()).await["am_id"].as_str().unwrap().to_owned();
    let path = format!("/am/{id}");
    for query in ["", "?fields[]=permissions&fields[]=targets"] {
        let listed = it.get(&format!("/am{query}")).await;
        assert_eq!(listed[0]["name"], "Drivers");
        assert!(listed[0].get("permissions").is_none() && listed[0].get("targets").is_none(), "{listed}");
    }
    let read = it.get(&path).await;
    assert_eq!(read["permissions"][0]["effect"], "allow");
    assert_eq!(read["permissions"][0]["resource"], json!(["device", "tag.key", "a", "tag.value", "b"]));
    assert_eq!((&read["targets"], &read["active"]), (&body["targets"], &json!(true)));
    let done = it.call(Method::PUT, &path, json!({"targets": [["run_user"]], "active": false})).await;
    assert_eq!(done, "Access Management Successfully Updated");
    let edited = it.get(&path).await;
    assert_eq!((&edited["targets"], &edited["permissions"]), (&json!([["run_user"]]), &read["permissions"]));
    for (body, field) in [
        (
            json!({"name": "x", "permissions": [{"effect": "denied", "action": ["a"], "resource": ["b"]}]}),
            "permissions",
        ),
        (json!({"name": "x", "permissions": [{"effect": "allow", "resource": ["b"]}]}), "permissions"),
        (json!({"name": "x", "targets": [["device"]]}), "targets"),
        (json!({"name": "x", "targets": ["run_user"]}), "targets"),
        (json!({"targets": [["run_user"]]}), "name"),
    ] {
        let (status, message) = it.refused(Method::POST, "/am", body).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
    assert!(
        it.get("/am/settings").await["resources"]["device"].as_array().unwrap().contains(&json!("access"))
    );
    it.call(Method::PUT, &path, json!({"tags": [{"key": "_delete_protection_", "value": "1"}]})).await;
    let (status, message) = it.refused(Method::DELETE, &path, Value::Null).await;
    assert!(status == 400 && message.contains("_delete_protection_"), "{message}");
    it.call(Method::PUT, &path, json!({"tags": []})).await;
    let gone = it.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(gone, "Access Management Successfully Deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_never_given_back() {
    let it = Running::start().await;
    let value = "s3cret-värde";
    let made = it.post("/secrets", json!({"key": "SMTP", "value": value})).await;
    let path = format!("/secrets/{}", made["id"].as_str().unwrap());
    let read = it.get(&path).await;
    assert_eq!((&read["key"], &read["value_length"]), (&json!("SMTP"), &json!(12)));
    for path in [path.as_str(), "/secrets?fields[]=value&fields[]=key"] {
        let (_, text) = it.ask_text(Method::GET, path, &it.token, None).await;
        assert!(!text.contains("s3cret"), "{text}");
    }
    it.call(Method::PUT, &path, json!({"value": "longer than before", "key": "SMTP"})).await;
    assert_eq!(it.get(&path).await["value_length"], 18);
    it.call(Method::PUT, &path, json!({"tags": [{"key": "a", "value": "b"}]})).await;
    assert_eq!(it.get(&path).await["value_length"], 18);
    for (method, path, body, field) in [
        (Method::PUT, path.as_str(), json!({"key": "OTHER"}), "key"),
        (Method::POST, "/secrets", json!({"key": "SMTP", "value": "x"}), "key"),
        (Method::POST, "/secrets", json!({"key": "A B", "value": "x"}), "key"),
        (Method::POST, "/secrets", json!({"key": "EMPTY", "value": ""}), "value"),
        (Method::POST, "/secrets", json!({"key": "LONG", "value": "x".repeat(2049)}), "value"),
    ] {
        let (status, message) = it.refused(method, path, body).await;
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
    it.project.close();
    let database = std::fs::read(it.project.database_path()).unwrap();
    assert!(!database.windows(6).any(|bytes| bytes == b"s3cret"), "the value is in the main database");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_limits_every_resource_in_its_own_words() {
    let it = Running::start().await;
    it.shared.rates.set_plan(it.project.id(), Plan::Free);
    let network = "5bbd0d144051a50034cd19fb";
    for (path, limit, words, body) in [
        ("/dashboard", 5, "dashboards (5)", json!({"label": "n"})),
        ("/analysis", 5, "analyses (5)", json!({"name": "n"})),
        (
            "/action",
            5,
            "actions (5)",
            json!({"name": "n", "action": {"type": "notification", "message": "m"}}),
        ),
        ("/am", 5, "access policies (5)", json!({"name": "n"})),
        ("/dictionary", 2, "dictionaries (2)", json!({"name": "n", "slug": "$", "fallback": "en-US"})),
        ("/integration/network", 1, "custom networks (1)", json!({"name": "n"})),
        ("/integration/connector", 3, "custom connectors (3)", json!({"name": "n", "networks": [network]})),
        ("/serviceauth", 10, "service authorizations (10)", json!({"name": "n", "permission": "full"})),
    ] {
        let body = |i: usize| serde_json::from_str(&body.to_string().replace('$', &i.to_string())).unwrap();
        for i in 0..limit {
            it.post(path, body(i)).await;
        }
        let (status, message) = it.refused(Method::POST, path, body(limit)).await;
        assert_eq!(status, 402, "{path}");
        assert!(
            message.starts_with(&format!("You have exceeded the maximum limit of {words}.")),
            "{message}"
        );
    }
    let summary = it.get("/profile/current/summary").await;
    for (field, count) in [("dashboard", 5), ("am", 5), ("dictionary", 2), ("networks", 1), ("connectors", 3)]
    {
        assert_eq!(
            (&summary["amount"][field], &summary["limit"][field]),
            (&json!(count), &json!(count)),
            "{field}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_keeps_its_versions_and_says_that_it_is_not_run() {
    let it = Running::start().await;
    let text = "SELECT value FROM device($1) AS d WHERE variable = $2";
    let params = json!([{"key": "$1", "value": "5f2a8e3b9c1d4e0011223344"}, {"key": "$2", "value": "t"}]);
    let made = it
        .post(
            "/sql",
            json!({"name": "Latest", "query": text, "params": params, "cache_ttl_seconds": 900_000}),
        )
        .await;
    assert_eq!((&made["version"], &made["cache_ttl_seconds"]), (&json!(1), &json!(86_400)));
    assert_eq!(made["session_context"], false);
    let path = format!("/sql/{}", made["id"].as_str().unwrap());
    let edited = it.call(Method::PUT, &path, json!({"name": "Last", "query": text, "params": params})).await;
    assert_eq!((&edited["version"], &edited["name"]), (&json!(1), &json!("Last")));
    let user = "SELECT session_user_tag('site')";
    let edited = it.call(Method::PUT, &path, json!({"name": "Last", "query": user, "params": []})).await;
    assert_eq!((&edited["version"], &edited["session_context"]), (&json!(2), &json!(true)));
    let first = it.get(&format!("{path}/version/1")).await;
    assert_eq!((&first["query"], &first["params"]), (&json!(text), &params));
    assert_eq!(it.get(&format!("{path}/version/2")).await["query"], user);
    assert_eq!(it.refused(Method::GET, &format!("{path}/version/3"), Value::Null).await.0, 404);
    let (status, message) = it.refused(Method::POST, &format!("{path}/execute"), json!({})).await;
    assert!(status == 400 && message.contains("does not run them"), "{message}");
    let listed = it.get("/sql").await;
    assert!(listed[0].get("query").is_none() && listed[0]["active"] == true, "{listed}");
    for params in [json!([{"key": "$1", "value": "a"}]), json!([{"key": "one", "value": "a"}])] {
        let body = json!({"name": "x", "query": "SELECT 1", "params": params});
        let (status, message) = it.refused(Method::POST, "/sql", body).await;
        assert!(status == 400 && message.starts_with("params"), "{message}");
    }
    let device = it.device("Truck 7").await;
    let tables = it.get("/sql/tables?filter=ck%207").await;
    assert_eq!(tables["resources"]["devices"], json!([{"id": device.id, "name": "Truck 7"}]));
    assert_eq!(it.call(Method::DELETE, &path, Value::Null).await, json!({"id": made["id"]}));
    assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_tags_are_listed_by_type() {
    let it = Running::start().await;
    let device = it.device("A").await;
    let tags = |keys: &[&str]| keys.iter().map(|key| json!({"key": key, "value": "v"})).collect::<Value>();
    it.call(Method::PUT, &format!("/device/{}", device.id), json!({"tags": tags(&["site", "kind", "site"])}))
        .await;
    it.post("/dashboard", json!({"label": "A", "tags": tags(&["view"])})).await;
    it.post("/secrets", json!({"key": "A", "value": "x", "tags": tags(&["owner"])})).await;
    assert_eq!(it.get("/tags/keys/device").await, json!(["kind", "site"]));
    let schema = json!({"name": {"type": "string", "required": true}});
    it.post("/entity", json!({"name": "E", "schema": schema, "tags": tags(&["row"])})).await;
    assert_eq!(it.get("/tags/keys/entity").await, json!(["row"]));
    assert_eq!(it.get("/tags/keys/dashboard").await, json!(["view"]));
    assert_eq!(it.get("/tags/keys/secrets").await, json!(["owner"]));
    assert_eq!(it.get("/tags/keys/action").await, json!([]));
    let (status, message) = it.refused(Method::GET, "/tags/keys/colour", Value::Null).await;
    assert!(status == 400 && message.starts_with("type"), "{message}");
}

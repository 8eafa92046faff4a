use reqwest::Method;
use serde_json::{Value, json};
use tago_local::project::Plan;

use crate::harness::Running;

/// An entity of sites: by company and name, and by when they opened.
async fn sites(it: &Running) -> String {
    let body = json!({
        "name": "Sites",
        "schema": {
            "company": {"type": "string", "required": true},
            "name": {"type": "string"},
            "floors": {"type": "int"},
            "area": {"type": "float"},
            "opened": {"type": "timestamp"},
            "notes": {"type": "text"},
            "plan": {"type": "json"}
        },
        "index": {"by_company": {"fields": ["company", "name"]}, "by_opening": {"fields": ["opened"]},
                  "by_floors": {"fields": ["floors"]}},
        "tags": [{"key": "kind", "value": "site"}],
        "payload_decoder": "Ly8="
    });
    let made = it.post("/entity", body).await;
    format!("/entity/{}", made["id"].as_str().unwrap())
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

async fn with_rows(it: &Running) -> String {
    let path = sites(it).await;
    for (minute, (company, name, floors, opened)) in [
        ("acme", "North", 3, "2021-05-01"),
        ("acme", "South", 12, "2020-01-01T10:00:00Z"),
        ("bolt", "East", 7, "2022-03-04 05:06:07"),
        ("acme", "West", 5, "2019-12-31"),
    ]
    .into_iter()
    .enumerate()
    {
        it.set_time(&format!("2026-03-10T12:{minute:02}:00Z"));
        let row = json!({"company": company, "name": name, "floors": floors, "opened": opened});
        assert_eq!(it.post(&format!("{path}/data"), row).await, "1 Data Added");
    }
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_shows_its_schema_and_indexes_with_the_automatic_ones() {
    let it = Running::start().await;
    let path = sites(&it).await;
    let entity = it.get(&path).await;
    assert_eq!(entity["schema"]["id"], json!({"type": "uuid", "required": true}));
    assert_eq!(entity["schema"]["created_at"], json!({"type": "timestamp", "required": false}));
    assert_eq!(entity["schema"]["company"], json!({"type": "string", "required": true}));
    assert_eq!(entity["schema"]["floors"], json!({"type": "int", "required": false}));
    assert_eq!(entity["index"]["id_idx"], json!({"fields": ["id"]}));
    assert_eq!(entity["index"]["id_updated_at_idx"], json!({"fields": ["id", "updated_at"]}));
    assert_eq!(entity["index"]["by_company"], json!({"fields": ["company", "name"]}));
    assert_eq!((&entity["name"], &entity["payload_decoder"]), (&json!("Sites"), &json!("Ly8=")));
    assert_eq!(entity["profile"], it.project.profile().to_string());
    assert_eq!(entity["database"].as_str().unwrap().len(), 24);

    let edit = it.call(Method::PUT, &path, json!({"name": "Places", "tags": []})).await;
    assert_eq!(edit, json!({"message": "Entity Successfully Updated"}));
    let listed = it.get("/entity?filter[name]=Pl*&fields[]=profile").await;
    assert_eq!((&listed[0]["name"], &listed[0]["tags"]), (&json!("Places"), &json!([])));
    assert_eq!(it.refused(Method::GET, "/entity?amount=101", Value::Null).await.0, 400);
    assert_eq!(it.refused(Method::PUT, &path, json!({"schema": {}})).await.0, 400);
    assert_eq!(it.call(Method::DELETE, &path, Value::Null).await, "Entity Successfully Removed");
    assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_definition_is_refused_with_its_place() {
    let it = Running::start().await;
    let many: Value = (0..31u8)
        .map(|i| {
            (format!("f_{}{}", char::from(b'a' + i / 26), char::from(b'a' + i % 26)), json!({"type": "int"}))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (schema, index, place) in [
        (json!({"Name": {"type": "string"}}), json!({}), "schema.Name"),
        (json!({"field_1": {"type": "string"}}), json!({}), "schema.field_1"),
        (json!({"id": {"type": "string"}}), json!({}), "schema.id"),
        (json!({"a": {"type": "boolean"}}), json!({}), "schema.a.type"),
        (json!({"a": {"type": "uuid"}}), json!({}), "schema.a.type"),
        (json!({"a": {"type": "int", "required": "yes"}}), json!({}), "schema.a.required"),
        (json!([]), json!({}), "schema"),
        (json!({"a": {"type": "int"}}), json!({"i": {"fields": ["b"]}}), "index.i"),
        (json!({"a": {"type": "int"}}), json!({"i": {"fields": []}}), "index.i"),
        (json!({"a": {"type": "int"}}), json!({"i": {"fields": ["a", "a"]}}), "index.i"),
        (json!({"a": {"type": "json"}}), json!({"i": {"fields": ["a"]}}), "index.i"),
        (json!({"a": {"type": "int"}}), json!({"id_idx": {"fields": ["a"]}}), "index.id_idx"),
    ] {
        let (status, message) =
            it.refused(Method::POST, "/entity", json!({"name": "E", "schema": schema, "index": index})).await;
        assert!(status == 400 && message.starts_with(place), "{place}: {message}");
    }
    assert_eq!(it.refused(Method::POST, "/entity", json!({"name": "E", "schema": many})).await.0, 402);
    assert_eq!(it.get("/entity").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changeset_is_carried_out_whole_or_not_at_all() {
    let it = Running::start().await;
    let path = with_rows(&it).await;
    let change = async |body: Value| it.call(Method::PUT, &format!("{path}/schema"), body).await;
    let refused = async |body: Value| {
        let (status, message) = it.refused(Method::PUT, &format!("{path}/schema"), body).await;
        assert_eq!(status, 400, "{message}");
        message
    };
    let done = json!({"message": "Entity Successfully Updated"});
    let renamed = json!({"schema": {"name": {"action": "rename", "new_name": "title"},
                                     "city": {"action": "create", "type": "string", "required": false}},
                         "index": {"by_city": {"action": "create", "fields": ["city"]}, "by_floors": {"action": "delete"}}});
    assert_eq!(change(renamed).await, done);
    let entity = it.get(&path).await;
    assert_eq!(entity["index"]["by_company"]["fields"], json!(["company", "title"]));
    assert!(entity["index"].get("by_floors").is_none() && entity["schema"].get("name").is_none());
    let rows = it.get(&format!("{path}/data?index=by_company&filter[company]=acme&filter[title]=West")).await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["title"]), (1, &json!("West")));

    let (message, before) =
        (refused(json!({"schema": {"city": {"action": "delete"}}})).await, it.get(&path).await);
    assert!(message.contains("by_city"), "{message}");
    for (body, text) in [
        (json!({"schema": {"city": {"action": "update", "required": true}}}), "4 rows lack it"),
        (
            json!({"schema": {"zone": {"action": "create", "type": "int", "required": true}}}),
            "cannot be required",
        ),
        (
            json!({"schema": {"city": {"action": "update", "type": "int", "required": false}}}),
            "cannot be changed",
        ),
        (json!({"schema": {"city": {"action": "explode"}}}), "must be one of"),
        (json!({"schema": {"id": {"action": "delete"}}}), "reserved"),
        (json!({"index": {"by_company": {"action": "create", "fields": ["city"]}}}), "there already"),
        (json!({"index": {"id_idx": {"action": "delete"}}}), "automatic"),
        // The first half would do, the second does not.
        (json!({"schema": {"notes": {"action": "delete"}, "nope": {"action": "delete"}}}), "nope"),
    ] {
        let message = refused(body).await;
        assert!(message.contains(text), "{message}");
    }
    assert_eq!(it.get(&path).await, before);
    // One changeset frees a field of its index and deletes it.
    change(json!({"index": {"by_city": {"action": "delete"}}, "schema": {"city": {"action": "delete"}}}))
        .await;
    change(json!({"schema": {"floors": {"action": "update", "required": true}}})).await;
    let (_, message) = it.refused(Method::POST, &format!("{path}/data"), json!({"company": "c"})).await;
    assert!(message.contains("floors is required"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_keep_their_ids_and_sending_them_again_doubles_nothing() {
    let it = Running::start().await;
    let path = sites(&it).await;
    let id = "672b53d43bc47400095f3831";
    let row = json!({"id": id, "company": "acme", "floors": 3, "area": 12.5, "plan": {"rooms": [1, 2]},
                     "opened": "2021-05-01T00:00:00-03:00", "created_at": "2001-01-01T00:00:00Z"});
    for _ in 0..2 {
        assert_eq!(it.post(&format!("{path}/data"), json!([row])).await, "1 Data Added");
    }
    assert_eq!(it.get(&format!("{path}/data_amount")).await, 1);
    let expected = json!([{
        "id": id, "company": "acme", "name": null, "floors": 3, "area": 12.5, "notes": null,
        "opened": "2021-05-01T03:00:00.000Z", "plan": {"rooms": [1, 2]},
        "created_at": "2026-03-10T12:00:00.000Z", "updated_at": "2026-03-10T12:00:00.000Z"
    }]);
    assert_eq!(it.get(&format!("{path}/data")).await, expected);
    it.set_time("2026-03-10T13:00:00Z");
    let edit = json!({"id": id, "floors": 4, "area": null});
    assert_eq!(it.call(Method::PUT, &format!("{path}/data"), edit).await, "1 item(s) updated");
    let edited = it.get(&format!("{path}/data")).await;
    assert_eq!(
        (&edited[0]["floors"], &edited[0]["area"], &edited[0]["company"]),
        (&json!(4), &Value::Null, &json!("acme"))
    );
    assert_eq!(edited[0]["updated_at"], "2026-03-10T13:00:00.000Z");
    it.post(&format!("{path}/data"), json!([{"company": "b"}, {"company": "c"}])).await;
    let unknown = json!([{"id": id, "floors": 9}, {"id": "ffffffffffffffffffffffff", "floors": 9}]);
    assert_eq!(it.refused(Method::PUT, &format!("{path}/data"), unknown).await.0, 404);
    assert_eq!(it.get(&format!("{path}/data?index=by_floors&filter[floors]=9")).await, json!([]));
    let gone = json!({"ids": [id, "ffffffffffffffffffffffff"]});
    assert_eq!(it.call(Method::DELETE, &format!("{path}/data"), gone).await, "1 item(s) deleted");
    assert_eq!(it.get(&format!("{path}/data_amount")).await, 2);
    assert_eq!(it.post(&format!("{path}/empty"), json!({})).await, "Data Successfully Removed");
    assert_eq!(it.get(&format!("{path}/data_amount")).await, 0);
    // Its parser was held, and counted.
    let held = it.project.outbox().await.unwrap();
    assert_eq!(held.iter().map(|entry| entry.value.as_deref().unwrap()).collect::<Vec<_>>(), ["1", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_refuses_its_whole_request() {
    let it = Running::start().await;
    let path = format!("{}/data", sites(&it).await);
    for (fields, rule) in [
        (json!({"company": 5}), "company must be a text"),
        (json!({"company": "x".repeat(101)}), "at most 100"),
        (json!({"notes": "x".repeat(10_001)}), "at most 10000"),
        (json!({"floors": 1.5}), "floors must be a whole number"),
        (json!({"floors": 2_147_483_648_u64}), "floors must be a whole number"),
        (json!({"area": "1"}), "area must be a number"),
        (json!({"opened": "soon"}), "opened must be a date"),
        (json!({"plan": "x".repeat(10_240)}), "plan must be JSON"),
        (json!({"colour": "red"}), "colour is no field"),
        (json!({"company": null}), "company is required"),
        (json!({"id": "me"}), "id must be"),
    ] {
        let mut row = json!({"company": "acme"});
        row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (status, message) = it.refused(Method::POST, &path, json!([{"company": "good"}, row])).await;
        assert!(status == 400 && message.starts_with("Row 2") && message.contains(rule), "{message}");
    }
    let many = json!(vec![json!({"company": "a"}); 101]);
    for bad in [many, json!([]), json!(["x"]), json!(5)] {
        assert_eq!(it.refused(Method::POST, &path, bad).await.0, 400);
    }
    for bad in [json!({"ids": []}), json!({"ids": vec!["a"; 11]}), json!({}), json!(["a"])] {
        assert_eq!(it.refused(Method::DELETE, &path, bad).await.0, 400);
    }
    assert_eq!(it.get(&path).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_by_an_index_from_its_left() {
    let it = Running::start().await;
    let path = format!("{}/data", with_rows(&it).await);
    let found = async |query: &str| {
        let rows = it.get(&format!("{path}?{query}")).await;
        names(&rows).join(" ")
    };
    assert_eq!(found("").await, "North South East West");
    assert_eq!(found("index=by_company&filter[company]=acme").await, "North South West");
    assert_eq!(found("index=by_company&filter[company]=acme&order_by=desc").await, "West South North");
    assert_eq!(found("index=by_company&filter[company]=acme&filter[name]=South").await, "South");
    assert_eq!(found("index=by_floors&filter[floors][start]=5&filter[floors][end]=7").await, "West East");
    assert_eq!(
        found("index=by_opening&filter[opened][start]=2020-01-01&order_by=desc").await,
        "East North South"
    );
    assert_eq!(found("index=by_company&filter={\"company\":\"bolt\"}").await, "East");
    assert_eq!(
        found("index=by_opening&filter={\"opened\":{\"start\":null,\"end\":\"2020-01-01 10:00:00\"}}").await,
        "West South"
    );
    assert_eq!(found("amount=2&page=2").await, "East West");
    let one = it.get(&format!("{path}?amount=1&fields=name,floors")).await;
    assert_eq!(one[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["floors", "id", "name"]);
    let id = one[0]["id"].as_str().unwrap();
    assert_eq!(found(&format!("index=id_idx&filter[id]={id}")).await, "North");
    for (query, rule) in [
        ("filter[company]=acme", "index is required"),
        ("index=by_company&filter[name]=South", "lacks company"),
        ("index=by_company&filter[floors]=3", "not a field of the index"),
        ("index=nope", "index must be"),
        ("index=by_floors&filter[floors]=three", "filter.floors must be a number"),
        ("index=by_company&filter[company][start]=a&filter[name]=b", "only as the last"),
        ("amount=1001", "amount"),
        ("page=0", "page"),
        ("order_by=up", "order_by"),
    ] {
        let (status, message) = it.refused(Method::GET, &format!("{path}?{query}"), Value::Null).await;
        assert!(status == 400 && message.contains(rule), "{query}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_limits_entities_and_their_rows() {
    let it = Running::start().await;
    it.shared.rates.set_plan(it.project.id(), Plan::Free);
    let body = json!({"name": "E", "schema": {"a": {"type": "int"}}});
    let mut last = Value::Null;
    for _ in 0..5 {
        last = it.post("/entity", body.clone()).await;
    }
    assert_eq!(it.refused(Method::POST, "/entity", body).await.0, 402);
    let path = format!("/entity/{}/data", last["id"].as_str().unwrap());
    for _ in 0..10 {
        it.post(&path, json!(vec![json!({"a": 1}); 100])).await;
    }
    let (status, message) = it.refused(Method::POST, &path, json!({"a": 1})).await;
    assert!(status == 402 && message.contains("rows of an entity (1000)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_holds_entities_and_rows() {
    let it = Running::start().await;
    let path = with_rows(&it).await;
    std::fs::create_dir(it.path("restored")).unwrap();
    let rows = it.project.snapshot_to(&it.path("restored/main.sqlite"), &mut |_| {}).unwrap();
    let rows = serde_json::to_value(rows.rows).unwrap();
    assert_eq!((&rows["entities"], &rows["entity_rows"]), (&json!(1), &json!(4)));
    let restored = it.open_beside("restored").await;
    assert_eq!(restored.get(&path).await["schema"], it.get(&path).await["schema"]);
    assert_eq!(restored.get(&format!("{path}/data")).await, it.get(&format!("{path}/data")).await);
}

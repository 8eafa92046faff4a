use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, series};

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_records_come_unless_more_are_asked_for_newest_first() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(&device, series("t", 40)).await;
    let values = it.values(&device, "").await;
    assert_eq!(values, (25..40).rev().map(Value::from).collect::<Vec<_>>());
    assert_eq!(it.values(&device, "qty=3&ordination=ascending").await, [0, 1, 2]);
    assert_eq!(it.values(&device, "qty=3&skip=38").await, [1, 0]);
    assert_eq!(it.values(&device, "qty=10000").await.len(), 40);
    for query in
        ["qty=10001", "qty=0", "qty=x", "skip=-1", "ordination=up", "start_date=soon", "query=median"]
    {
        let path = format!("/device/{}/data?{query}", device.id);
        let (status, message) = refusal(it.ask(Method::GET, &path, &it.token, None).await);
        let field = query.split('=').next().unwrap();
        assert!(status == 400 && message.starts_with(field), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn qty_and_skip_count_for_each_listed_variable() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(&device, series("a", 30)).await;
    it.send(&device, series("b", 5)).await;
    it.send(&device, series("c", 9)).await;
    let path = format!("/device/{}/data?variables[0]=a&variables[1]=b&qty=4&skip=1", device.id);
    let records = it.get(&path).await;
    let named: Vec<(String, i64)> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (record["variable"].as_str().unwrap().to_owned(), record["value"].as_i64().unwrap()))
        .collect();
    let expected = [("a", 28), ("a", 27), ("a", 26), ("a", 25), ("b", 3), ("b", 2), ("b", 1), ("b", 0)];
    assert_eq!(named, expected.map(|(variable, value)| (variable.to_owned(), value)));
    assert_eq!(it.values(&device, "variables=c&qty=100").await.len(), 9);
    assert_eq!(it.values(&device, "variables=none&qty=100").await.len(), 0);
    assert_eq!(it.values(&device, "qty=100").await.len(), 44);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_ends_now_unless_it_says_otherwise() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(
        &device,
        json!([{"variable": "t", "value": "past", "time": "2026-03-10T11:59:59Z"},
               {"variable": "t", "value": "now", "time": "2026-03-10T12:00:00Z"},
               {"variable": "t", "value": "future", "time": "2026-03-10T12:00:01Z"}]),
    )
    .await;
    assert_eq!(it.values(&device, "").await, ["now", "past"]);
    assert_eq!(it.values(&device, "end_date=2027-01-01").await, ["future", "now", "past"]);
    let count = async |query: &str| it.values(&device, &format!("query=count{query}")).await;
    assert_eq!(count("").await, [2]);
    assert_eq!(count("&end_date=2027-01-01").await, [3]);
    it.set_time("2026-03-10T12:00:01Z");
    assert_eq!(count("").await, [3]);
    // Both ends belong to the range.
    let range = "start_date=2026-03-10T11:59:59Z&end_date=2026-03-10T12:00:00Z";
    assert_eq!(it.values(&device, range).await, ["now", "past"]);
    assert_eq!(it.values(&device, "start_date=1 second").await, ["future", "now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_over_equal_times_neither_repeat_nor_miss_a_record() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    let body: Value = (0..500)
        .map(|i| {
            let time = format!("2026-03-01T00:00:{:02}Z", i % 3);
            json!({"variable": format!("v{}", i % 4), "value": i, "time": time})
        })
        .collect();
    it.send(&device, body).await;
    for order in ["ascending", "descending"] {
        let whole = it.values(&device, &format!("qty=10000&ordination={order}")).await;
        let mut paged = Vec::new();
        for skip in (0..500).step_by(7) {
            let query = format!("qty=7&skip={skip}&ordination={order}");
            paged.extend(it.values(&device, &query).await);
        }
        assert_eq!(paged, whole);
        let distinct: BTreeSet<_> = paged.iter().map(|value| value.as_i64().unwrap()).collect();
        assert_eq!(distinct.len(), 500);
    }
    let mut reversed = it.values(&device, "qty=10000").await;
    reversed.reverse();
    assert_eq!(reversed, it.values(&device, "qty=10000&ordination=ascending").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_by_group_value_and_id() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(
        &device,
        json!([{"variable": "t", "value": 1, "group": "g1"}, {"variable": "t", "value": 1.0, "group": "g2"},
               {"variable": "u", "value": "1", "group": "g2"}, {"variable": "u", "value": "two", "group": "g3"}]),
    )
    .await;
    assert_eq!(it.values(&device, "groups[]=g1&groups[]=g3").await, [json!("two"), json!(1)]);
    assert_eq!(it.values(&device, "values=1").await.len(), 3);
    assert_eq!(it.values(&device, "values=two").await, ["two"]);
    let all = it.get(&format!("/device/{}/data", device.id)).await;
    let id = all[2]["id"].as_str().unwrap();
    assert_eq!(it.get(&format!("/device/{}/data?ids[0]={id}", device.id)).await, json!([all[2]]));
    assert_eq!(it.get(&format!("/device/{}/data?ids=ffffffffffffffffffffffff", device.id)).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_last_least_most_and_sums_are_answered() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(
        &device,
        json!([
            {"variable": "t", "value": 5, "time": "2026-03-03T00:00:00Z"},
            {"variable": "t", "value": -2.5, "time": "2026-03-01T00:00:00Z"},
            {"variable": "t", "location": {"lat": 1, "lng": 2}, "time": "2026-03-04T00:00:00Z"},
            {"variable": "t", "value": "text", "time": "2026-03-02T00:00:00Z"}
        ]),
    )
    .await;
    let times = async |query: &str| {
        let records = it.get(&format!("/device/{}/data?query={query}", device.id)).await;
        records
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["time"].as_str().unwrap()[..10].to_owned())
            .collect::<Vec<_>>()
    };
    for (query, day) in [
        ("first_item", "2026-03-01"),
        ("last_item", "2026-03-04"),
        ("last_value", "2026-03-03"),
        ("first_location", "2026-03-04"),
        ("first_insert", "2026-03-03"),
        ("last_insert", "2026-03-02"),
        ("min", "2026-03-01"),
        ("max", "2026-03-03"),
    ] {
        assert_eq!(times(query).await, [day], "{query}");
    }
    let row = async |query: &str| it.get(&format!("/device/{}/data?query={query}", device.id)).await;
    let now = "2026-03-10T12:00:00.000Z";
    assert_eq!(row("sum&start_date=10 days").await, json!([{"time": now, "value": 2.5}]));
    assert_eq!(row("avg&start_date=10 days").await, json!([{"time": now, "value": 1.25}]));
    let counted = json!({"time": now, "value": 4, "variable": "t"});
    assert_eq!(row("count&variables=t").await, json!([counted]));
    let none = json!({"time": now, "value": 0, "variable": "u"});
    assert_eq!(row("count&variables[]=t&variables[]=u").await, json!([counted, none]));
}

//! Sums, averages, aggregates and conditions over the numbers of a device.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Device, Running, refusal};

async fn asked(it: &Running, device: &Device, query: &str) -> Value {
    it.get(&format!("/device/{}/data?{query}", device.id)).await
}

async fn refused(it: &Running, device: &Device, query: &str) -> String {
    let path = format!("/device/{}/data?{query}", device.id);
    let (status, message) = refusal(it.ask(Method::GET, &path, &it.token, None).await);
    assert_eq!(status, 400, "{query}");
    message
}

async fn with_numbers() -> (Running, Device) {
    let it = Running::start().await;
    let device = it.device("Meter").await;
    it.send(
        &device,
        json!([
            {"variable": "kwh", "value": 1, "time": "2026-03-08T03:30:00Z"},
            {"variable": "kwh", "value": 2, "time": "2026-03-08T06:15:00Z"},
            {"variable": "kwh", "value": 4, "time": "2026-03-08T07:45:00Z"},
            {"variable": "kwh", "value": 8, "time": "2026-03-09T04:10:00Z"},
            {"variable": "kwh", "value": "text", "time": "2026-03-09T04:20:00Z"},
            {"variable": "volt", "value": 230.5, "time": "2026-03-09T04:10:00Z"}
        ]),
    )
    .await;
    (it, device)
}

fn row(variable: &str, time: &str, value: impl Into<Value>) -> Value {
    json!({"variable": variable, "time": time, "value": value.into()})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_puts_numbers_together_by_the_calendar_of_a_time_zone() {
    let (it, device) = with_numbers().await;
    let daily = asked(&it, &device, "query=aggregate&variables=kwh&interval=day&function=sum").await;
    let expected = [row("kwh", "2026-03-09T00:00:00.000Z", 8.0), row("kwh", "2026-03-08T00:00:00.000Z", 7.0)];
    assert_eq!(daily, json!(expected));
    // In New York the 8th began at 05:00Z, and clocks went forward on it: the 9th began at 04:00Z.
    let zone = "query=aggregate&variables=kwh&interval=day&timezone=America/New_York&ordination=ascending";
    let local = asked(&it, &device, &format!("{zone}&function=max")).await;
    let expected = [
        row("kwh", "2026-03-07T05:00:00.000Z", 1.0),
        row("kwh", "2026-03-08T05:00:00.000Z", 4.0),
        row("kwh", "2026-03-09T04:00:00.000Z", 8.0),
    ];
    assert_eq!(local, json!(expected));
    let hours = asked(&it, &device, "query=aggregate&variables=kwh&interval=hour&function=min").await;
    assert_eq!(hours.as_array().unwrap().len(), 4);
    for (interval, rows, value) in
        [("week", 2, 8.0), ("month", 1, 3.75), ("quarter", 1, 3.75), ("year", 1, 3.75)]
    {
        let query = format!("query=aggregate&variables=kwh&interval={interval}&function=avg");
        let answer = asked(&it, &device, &query).await;
        assert_eq!(
            (answer.as_array().unwrap().len(), &answer[0]["value"]),
            (rows, &json!(value)),
            "{interval}"
        );
    }
    // Each listed variable has rows of its own; without any, all records are taken together.
    let both = "query=aggregate&variables[]=kwh&variables[]=volt&interval=year&function=max";
    let year = "2026-01-01T00:00:00.000Z";
    assert_eq!(asked(&it, &device, both).await, json!([row("kwh", year, 8.0), row("volt", year, 230.5)]));
    let together = asked(&it, &device, "query=aggregate&interval=year&function=max").await;
    assert_eq!(together, json!([{"time": year, "value": 230.5}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_names_what_it_lacks() {
    let (it, device) = with_numbers().await;
    for (query, field) in [
        ("query=aggregate&function=avg", "interval"),
        ("query=aggregate&interval=fortnight&function=avg", "interval"),
        ("query=aggregate&interval=day", "function"),
        ("query=aggregate&interval=day&function=gt", "function"),
        ("query=aggregate&interval=day&function=avg&timezone=Mars/Olympus", "timezone"),
    ] {
        let message = refused(&it, &device, query).await;
        assert!(message.starts_with(field), "{query}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_chooses_records_by_their_number() {
    let (it, device) = with_numbers().await;
    let values = async |function: &str| {
        let query = format!("query=conditional&start_date=10 days&function={function}&value=4&variables=kwh");
        it.values(&device, &query).await
    };
    assert_eq!(values("gt").await, [8]);
    assert_eq!(values("gte").await, [8, 4]);
    assert_eq!(values("lt").await, [2, 1]);
    assert_eq!(values("lte").await, [4, 2, 1]);
    assert_eq!(values("eq").await, [4]);
    assert_eq!(values("ne").await, [8, 2, 1]);
    for (query, field) in [
        ("query=conditional&function=gt&value=4", "start_date"),
        ("query=conditional&function=avg&value=4&start_date=1 day", "function"),
        ("query=conditional&function=gt&value=x&start_date=1 day", "value"),
        ("query=conditional&function=gt&start_date=1 day", "value"),
    ] {
        let message = refused(&it, &device, query).await;
        assert!(message.starts_with(field), "{query}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_and_averages_need_a_start_not_longer_than_a_month_ago() {
    let (it, device) = with_numbers().await;
    for query in ["sum", "avg"] {
        let message = refused(&it, &device, &format!("query={query}")).await;
        assert!(message.starts_with("start_date"), "{message}");
        let message = refused(&it, &device, &format!("query={query}&start_date=32 days")).await;
        assert!(message.starts_with("start_date") && message.contains("31 days"), "{message}");
    }
    assert_eq!(it.values(&device, "query=sum&start_date=31 days&variables=kwh").await, [15.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_older_clients_still_choose_records() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let records =
        json!([{"variable": "t", "value": 1, "group": "g1"}, {"variable": "t", "value": 2, "serie": "g2"}]);
    it.send(&device, records).await;
    assert_eq!(it.values(&device, "series=g1").await, [1]);
    assert_eq!(it.values(&device, "series[]=g2&variable[]=t").await, [2]);
    assert_eq!(it.values(&device, &format!("origins={}", device.id)).await.len(), 2);
    assert_eq!(it.values(&device, "origins=ffffffffffffffffffffffff").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn details_add_when_a_record_arrived() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, json!({"variable": "t", "value": 1, "time": "2026-03-01T00:00:00Z"})).await;
    let plain = asked(&it, &device, "").await;
    assert!(plain[0].get("created_at").is_none(), "{plain}");
    for query in ["details=true", "detail=1", "details=true&query=last_item"] {
        assert_eq!(asked(&it, &device, query).await[0]["created_at"], "2026-03-10T12:00:00.000Z", "{query}");
    }
}

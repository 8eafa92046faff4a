use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, series};

async fn points(it: &Running, query: &str) -> Vec<(String, u64, u64, u64)> {
    let points = it.get(&format!("/profile/current/statistics?{query}")).await;
    let number = |point: &Value, name: &str| point[name].as_u64().unwrap();
    points
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            let time = point["time"].as_str().unwrap().to_owned();
            (time, number(point, "input"), number(point, "output"), number(point, "data_records"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn input_and_output_are_counted_by_the_hour_from_the_beginning_of_the_month() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, series("t", 5)).await;
    it.set_time("2026-03-10T13:30:00Z");
    it.send(&device, series("u", 2)).await;
    assert_eq!(it.values(&device, "qty=3&variable=t").await.len(), 3);
    // A batch that is refused is not counted.
    let bad = json!([{"variable": "t", "value": 1}, {"variable": ""}]).to_string();
    assert!(it.ask(Method::POST, "/data", &device.token, Some(bad)).await.0.is_client_error());
    let day = points(&it, "date=2026-03-10").await;
    assert_eq!(
        day,
        [("2026-03-10T13:00:00.000Z".to_owned(), 5, 0, 5), ("2026-03-10T13:30:00.000Z".to_owned(), 7, 3, 7)]
    );
    assert_eq!(points(&it, "").await, day);
    it.post("/files", json!([{"filename": "a", "file": "AAAA"}])).await;
    let stored: Vec<_> = it
        .get("/profile/current/statistics")
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["file_storage"].clone())
        .collect();
    assert_eq!(stored, [json!(0.0), json!(0.000_003)]);
    // Another month counts from nothing; what is stored stays.
    it.set_time("2026-04-01T00:30:00Z");
    it.send(&device, series("v", 1)).await;
    let months = points(&it, "start_date=2026-03-01&end_date=2026-04-30&periodicity=month").await;
    assert_eq!(
        months,
        [("2026-04-01T00:00:00.000Z".to_owned(), 7, 3, 7), ("2026-04-01T00:30:00.000Z".to_owned(), 1, 0, 8)]
    );
    let used = it.get("/profile/current/summary").await["limit_used"].clone();
    assert_eq!((&used["input"], &used["output"]), (&json!(1), &json!(0)));
    for bad in [
        "periodicity=year",
        "timezone=Mars",
        "date=soon",
        "start_date=2020-01-01&end_date=2026-01-01",
        "date=2026-03-10&start_date=2026-03-10",
    ] {
        let path = format!("/profile/current/statistics?{bad}");
        assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_statistics_begin_in_the_time_zone_that_is_asked_for() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.set_time("2026-03-11T02:30:00Z");
    it.send(&device, series("t", 4)).await;
    // In São Paulo it is still the 10th.
    let day = points(&it, "date=2026-03-10&timezone=America/Sao_Paulo&periodicity=day").await;
    assert_eq!(day.last().unwrap().1, 4);
    assert_eq!(points(&it, "date=2026-03-10&periodicity=day").await.last().unwrap().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_asked_and_answers_later_what_was_really_changed() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}", device.id);
    it.call(Method::PUT, &path, json!({"name": "Lorry"})).await;
    it.refused(Method::PUT, &path, json!({"name": 5})).await;
    it.get(&path).await;
    it.post("/run/users", json!({"name": "Bo", "email": "bo@example.com", "password": "secret1"})).await;
    let ask = async |query: &str| {
        let asked = it.get(&format!("/profile/current/auditlog?{query}")).await;
        assert_eq!((&asked["status"], &asked["events"]), (&json!("Running"), &json!([])));
        let id = asked["queryId"].as_str().unwrap().to_owned();
        it.get(&format!("/profile/current/auditlog/{id}")).await
    };
    let all = ask("find=*").await;
    assert_eq!(all["status"], "Complete");
    let told: Vec<_> = all["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["resourceName"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        ["runuser", "device", "device"],
        "the latest first, nothing that was refused or only read"
    );
    let edits = ask(&format!("resourceName=device&resourceID={}", device.id)).await;
    let edits = edits["events"].as_array().unwrap();
    assert_eq!(edits.len(), 1);
    assert!(edits[0]["message"].as_str().unwrap().contains("edited"));
    assert_eq!(edits[0]["date"], "2026-03-10T12:00:00.000Z");
    assert_eq!(ask("find=runuser&limit=1").await["statistics"]["recordsMatched"], 1);
    assert_eq!(ask("start_date=2026-03-10T12:00:01Z").await["events"], json!([]));
    assert_eq!(it.refused(Method::GET, "/profile/current/auditlog/unknown", Value::Null).await.0, 404);
}

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, series, succeeded};

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_records_are_removed_unless_more_are_asked_for() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(&device, series("t", 40)).await;
    let path = format!("/device/{}/data", device.id);
    assert_eq!(it.call(Method::DELETE, &path, Value::Null).await, "15 Data Removed");
    assert_eq!(it.values(&device, "qty=100").await, (0..25).rev().map(Value::from).collect::<Vec<_>>());
    let range = format!("{path}?qty=10000&start_date=2026-03-01T00:05:00Z&end_date=2026-03-01T00:09:00Z");
    assert_eq!(it.call(Method::DELETE, &range, Value::Null).await, "5 Data Removed");
    assert_eq!(it.get(&format!("/device/{}/data_amount", device.id)).await, 20);
    let (_, answer) =
        it.ask(Method::DELETE, "/data?variables=t&qty=2&ordination=ascending", &device.token, None).await;
    assert_eq!(answer["result"], "2 Data Removed");
    assert_eq!(it.values(&device, "qty=1&ordination=ascending").await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_changed_by_their_id() {
    let it = Running::start().await;
    let device = it.device("Truck 1").await;
    it.send(&device, series("t", 3)).await;
    let records = it.get(&format!("/device/{}/data?ordination=ascending", device.id)).await;
    let id = records[1]["id"].as_str().unwrap();
    let edit =
        json!([{"id": id, "value": "changed", "time": "2026-02-01T00:00:00Z", "metadata": {"by": "test"}}]);
    let (status, answer) = it.ask(Method::PUT, "/data", &device.token, Some(edit.to_string())).await;
    assert_eq!(succeeded((status, answer)), "1 item(s) updated");
    let first = &it.get(&format!("/device/{}/data?ordination=ascending", device.id)).await[0];
    assert_eq!(first["id"], id);
    assert_eq!(first["value"], "changed");
    assert_eq!(first["time"], "2026-02-01T00:00:00.000Z");
    assert_eq!(first["metadata"], json!({"by": "test"}));

    let path = format!("/device/{}/data", device.id);
    let unknown = json!([{"id": id, "value": 9}, {"id": "ffffffffffffffffffffffff", "value": 1}]);
    assert_eq!(it.refused(Method::PUT, &path, unknown).await.0, 404);
    assert_eq!(it.refused(Method::PUT, &path, json!({"value": 1})).await.0, 400);
    assert_eq!(it.refused(Method::PUT, &path, json!({"id": id, "variable": "u"})).await.0, 400);
    assert_eq!(it.get(&path).await.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_device_is_empty_and_others_are_not() {
    let it = Running::start().await;
    let (one, other) = (it.device("Truck 1").await, it.device("Truck 2").await);
    it.send(&one, series("t", 20)).await;
    it.send(&other, series("t", 20)).await;
    let answer = it.post(&format!("/device/{}/empty", one.id), Value::Null).await;
    assert_eq!(answer, "Data Successfully Removed");
    assert_eq!(it.get(&format!("/device/{}/data_amount", one.id)).await, 0);
    assert_eq!(it.get(&format!("/device/{}/data_amount", other.id)).await, 20);
    it.send(&one, series("t", 1)).await;
    assert_eq!(it.values(&one, "").await, [0]);
    let (status, _) = refusal(it.ask(Method::DELETE, "/data", &it.token, None).await);
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_question_chooses_can_be_removed() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    it.send(&device, series("t", 20)).await;
    let remove = async |query: &str| {
        it.call(Method::DELETE, &format!("/device/{}/data?{query}", device.id), Value::Null).await
    };
    assert_eq!(remove("query=last_item").await, "1 Data Removed");
    assert_eq!(remove("query=first_value").await, "1 Data Removed");
    assert_eq!(remove("query=max").await, "1 Data Removed");
    assert_eq!(
        remove("query=conditional&function=gt&value=10&start_date=1 month&qty=100").await,
        "7 Data Removed"
    );
    assert_eq!(it.values(&device, "qty=100&ordination=ascending").await, (1..11).collect::<Vec<_>>());
    let path = format!("/device/{}/data?query=count", device.id);
    let (status, message) = it.refused(Method::DELETE, &path, Value::Null).await;
    assert!(status == 400 && message.starts_with("query"), "{message}");
    // Nothing said: the latest fifteen.
    it.send(&device, series("u", 20)).await;
    assert_eq!(remove("variables=u").await, "15 Data Removed");
    assert_eq!(it.values(&device, "variables=u&ordination=ascending").await, [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_nothing_is_refused_and_the_project_goes_on() {
    let it = Running::start().await;
    let device = it.device("Truck").await;
    let path = format!("/device/{}/data", device.id);
    let (status, message) = it.refused(Method::PUT, &path, json!([])).await;
    assert!(status == 400 && message.contains("empty list"), "{message}");
    it.send(&device, json!({"variable": "t", "value": 1})).await;
}

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::value::RawValue;
use tago_api::client::{
    ApiError, DeviceQuery, NewDevice, NewRecord, Permission, Record, RecordQuery, Tag, TimeRange,
};
use tago_api::{DeviceId, Time, Value};
use wiremock::matchers::{body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{TOKEN, answer, api};

const DEVICE: &str = "5f2a8e3b9c1d4e0011223344";

fn device() -> DeviceId {
    DEVICE.parse().unwrap()
}

#[tokio::test]
async fn a_device_reads_as_published() {
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/device/{DEVICE}"), 200, r#"{
        "status": true,
        "result": {
            "id": "5f2a8e3b9c1d4e0011223344",
            "profile": "5f2a8e3b9c1d4e00aaaaaaaa",
            "name": "Cold room 1",
            "description": null,
            "type": "mutable",
            "network": "5bbd0d144051a50034cd19fb",
            "connector": "5f5a8f3351d4db99c40dece5",
            "active": true,
            "visible": true,
            "tags": [{"key": "site", "value": "Porto"}, {"key": "run", "value": "x", "metadata": {"run": true}}],
            "payload_decoder": "ZnVuY3Rpb24oKXt9",
            "bucket": {"id": "5f2a8e3b9c1d4e0011223344", "name": "Cold room 1"},
            "rpm": null,
            "last_input": "never",
            "inspected_at": null,
            "created_at": "2026-01-02T03:04:05.678Z",
            "updated_at": "2026-01-02T03:04:05.678Z"
        }
    }"#)
    .await;
    let device = api(&server).device(device()).await.unwrap();
    assert_eq!(device.name, "Cold room 1");
    assert_eq!(device.kind.as_deref(), Some("mutable"));
    assert_eq!(device.last_input, None);
    assert_eq!(device.created_at, "2026-01-02T03:04:05.678Z".parse().ok());
    assert_eq!(device.tags[1].metadata.as_ref().unwrap().get(), r#"{"run": true}"#);
    assert_eq!(device.payload_decoder, Some(Some("ZnVuY3Rpb24oKXt9".into())));
}

#[tokio::test]
async fn a_device_is_written_under_its_wire_names() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/device"))
        .and(body_string(
            r#"{"name":"Cold room 1","type":"mutable","active":true,"visible":false,"tags":[{"key":"site","value":"Porto"}],"chunk_retention":3,"network":"5bbd0d144051a50034cd19fb"}"#,
        ))
        .respond_with(ResponseTemplate::new(201).set_body_string(format!(
            r#"{{"status":true,"result":{{"device_id":"{DEVICE}","bucket_id":"{DEVICE}","token":"t"}}}}"#
        )))
        .expect(1)
        .mount(&server)
        .await;
    let raw = |text: &str| RawValue::from_string(text.into()).unwrap();
    let new = NewDevice {
        name: "Cold room 1".into(),
        kind: "mutable".into(),
        active: true,
        visible: false,
        tags: vec![Tag { key: "site".into(), value: "Porto".into(), metadata: None }],
        serie_number: None,
        fields: [
            ("network".to_owned(), raw(r#""5bbd0d144051a50034cd19fb""#)),
            ("chunk_retention".to_owned(), raw("3")),
        ]
        .into(),
    };
    assert_eq!(api(&server).create_device(&new).await.unwrap().device_id, device());
}

#[tokio::test]
async fn records_keep_their_spelling_and_their_nulls() {
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/device/{DEVICE}/data"), 200, r#"{"status": true, "result": [
        {"id": "5f2a8e3b9c1d4e0000000001", "device": "5f2a8e3b9c1d4e0011223344", "variable": "temp",
         "value": -1.50, "unit": "C", "group": "g1", "serie": "g1",
         "origin": "5f2a8e3b9c1d4e0011223344", "time": "2026-01-02T03:04:05.678Z",
         "location": {"type": "Point", "coordinates": [-8.61, 41.15]}, "metadata": {"b": 1, "a": [1.0]}},
        {"id": "5f2a8e3b9c1d4e0000000002", "variable": "note", "value": "été", "serie": "g2",
         "time": "2026-01-02T03:04:06.000Z", "location": null, "metadata": null, "unit": null},
        {"id": "5f2a8e3b9c1d4e0000000003", "variable": "place", "value": null, "time": "2026-01-02T03:04:07.000Z"},
        {"id": "5f2a8e3b9c1d4e0000000004", "variable": "open", "value": true, "time": "2026-01-02T03:04:08.000Z",
         "created_at": "2026-01-02T03:04:09.000Z"}
    ]}"#)
    .await;
    let records = api(&server).record_page(device(), &RecordQuery::range(TimeRange::ALL)).await.unwrap();
    assert_eq!(records[0].value.as_ref().unwrap().to_string(), "-1.50");
    assert_eq!(
        records[0].location.as_ref().unwrap().get(),
        r#"{"type": "Point", "coordinates": [-8.61, 41.15]}"#
    );
    assert_eq!(records[0].metadata.as_ref().unwrap().get(), r#"{"b": 1, "a": [1.0]}"#);
    assert_eq!(records[1].value, Some(Value::Text("été".into())));
    assert_eq!(records[0].group.as_deref(), Some("g1"), "both names of it may come at once");
    assert_eq!(records[1].group.as_deref(), Some("g2"));
    assert!(records[1].location.is_none() && records[1].metadata.is_none() && records[1].unit.is_none());
    assert!(records[2].value.is_none());
    assert_eq!(records[3].value, Some(Value::Bool(true)));
    assert_eq!(records[3].created_at, "2026-01-02T03:04:09.000Z".parse().ok());
}

/// Each takes several times its size while it is read.
#[tokio::test]
async fn large_answers_are_read_one_after_the_other() {
    const RECORDS: usize = 1_000;
    /// Records that were read; pages of which the first was and the last was not; the most at once.
    static READ: Mutex<(usize, usize, usize)> = Mutex::new((0, 0, 0));
    static MORE: Condvar = Condvar::new();
    fn notice(record: Record) -> String {
        let mut read = READ.lock().unwrap();
        let begins = record.variable == "first";
        read.1 += usize::from(begins);
        read.2 = read.2.max(read.1);
        MORE.notify_all();
        if begins {
            // Time enough for another, if there is one.
            read = MORE.wait_timeout_while(read, Duration::from_millis(300), |read| read.2 < 2).unwrap().0;
        }
        read.0 += 1;
        read.1 -= usize::from(record.variable == "last");
        record.variable
    }
    let record = |place: usize| {
        let variable = match place {
            1 => "first",
            RECORDS => "last",
            _ => "between",
        };
        format!(
            r#"{{"id":"5f2a8e3b9c1d4e00{place:08x}","variable":"{variable}","value":1,"time":"2026-01-02T03:04:05.678Z"}}"#
        )
    };
    let records: Vec<String> = (1..=RECORDS).map(record).collect();
    let body = format!(r#"{{"status":true,"result":[{}]}}"#, records.join(","));
    assert!(body.len() > 64 << 10, "{}", body.len());
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/device/{DEVICE}/data"), 200, &body).await;
    let (one, query) = (api(&server), RecordQuery::range(TimeRange::ALL));
    let page = || one.record_page_as(device(), &query, notice);
    let (first, second, third) = tokio::join!(page(), page(), page());
    for page in [first, second, third] {
        assert_eq!(page.unwrap().len(), RECORDS);
    }
    let (read, open, most) = *READ.lock().unwrap();
    assert_eq!((read, open, most), (3 * RECORDS, 0, 1));
}

#[tokio::test]
async fn the_end_and_the_quantity_are_always_sent() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("/device/{DEVICE}/data")))
        .and(query_param("qty", "10000"))
        .and(query_param("end_date", "9999-12-31T23:59:59.999Z"))
        .and(query_param("ordination", "ascending"))
        .and(query_param("variables", "temp"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"status":true,"result":[]}"#))
        .expect(1)
        .mount(&server)
        .await;
    assert!(api(&server).records(device(), Some("temp"), TimeRange::ALL).next().await.unwrap().is_none());
}

/// A platform with `total` records, `burst` of them in one moment, that honours start, quantity and skip.
struct Records(Vec<(usize, i64)>);

impl Records {
    fn new(total: usize, burst: usize) -> Records {
        Records(
            (0..total)
                .map(|n| (n, if n < 7 { n as i64 } else { 7 + n.saturating_sub(7 + burst) as i64 }))
                .collect(),
        )
    }
}

impl wiremock::Respond for Records {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let query = |name: &str| {
            request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let from: Time = query("start_date").map_or(Time::MIN, |text| text.parse().unwrap());
        let to: Time = query("end_date").unwrap().parse().unwrap();
        let quantity: usize = query("qty").unwrap().parse().unwrap();
        let skip: usize = query("skip").map_or(0, |text| text.parse().unwrap());
        let rows: Vec<String> = self
            .0
            .iter()
            .map(|(n, millis)| (n, Time::from_millis(*millis)))
            .filter(|(_, time)| (from..=to).contains(time))
            .skip(skip)
            .take(quantity)
            .map(|(n, time)| {
                format!(r#"{{"id":"5f2a8e3b9c1d4e00{n:08x}","variable":"temp","value":{n},"time":"{time}"}}"#)
            })
            .collect();
        ResponseTemplate::new(200)
            .set_body_string(format!(r#"{{"status":true,"result":[{}]}}"#, rows.join(",")))
    }
}

#[tokio::test]
async fn every_record_comes_once_also_when_one_moment_has_more_than_a_page() {
    for (total, burst) in [(0, 0), (9_999, 0), (10_000, 0), (10_001, 3), (35_000, 12_000), (30_000, 20_000)] {
        let server = MockServer::start().await;
        let respond = Records::new(total, burst);
        Mock::given(method("GET")).respond_with(respond).mount(&server).await;
        let mut pages = api(&server).records(device(), None, TimeRange::ALL);
        let mut numbers = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            numbers.extend(
                page.into_iter().map(|record| record.value.unwrap().to_string().parse::<usize>().unwrap()),
            );
        }
        assert!(numbers.iter().copied().eq(0..total), "{total} {burst}: {} read", numbers.len());
    }
}

#[tokio::test]
async fn records_are_written_with_the_device_token_and_counted() {
    let server = MockServer::start().await;
    let device_token = "1f0c6a52-8a3e-4c8e-9b6f-00000000d01c";
    Mock::given(method("POST"))
        .and(path("/data"))
        .and(header("token", device_token))
        .and(body_string(
            r#"[{"variable":"temp","value":1.0,"time":"1970-01-01T00:00:00.001Z","group":"g"}]"#,
        ))
        .respond_with(
            ResponseTemplate::new(202).set_body_string(r#"{"status":true,"result":"1 Data Added"}"#),
        )
        .expect(1)
        .mount(&server)
        .await;
    let record = NewRecord {
        variable: "temp".into(),
        value: serde_json::from_str("1.0").unwrap(),
        time: Time::from_millis(1),
        unit: None,
        group: Some("g".into()),
        location: None,
        metadata: None,
    };
    let written = api(&server).as_device(&device_token.into()).unwrap().write(&[record]).await.unwrap();
    assert_eq!(written, 1);
}

#[tokio::test]
async fn counts_come_as_a_number_or_as_rows() {
    for (body, expected) in [
        (r#"{"status":true,"result":12}"#, 12),
        (
            r#"{"status":true,"result":[{"variable":"a","value":12,"time":"2026-01-01T00:00:00.000Z"},{"variable":"b","value":3}]}"#,
            15,
        ),
        (r#"{"status":true,"result":[]}"#, 0),
    ] {
        let server = MockServer::start().await;
        answer(&server, "GET", &format!("/device/{DEVICE}/data"), 200, body).await;
        let count = api(&server).record_count(device(), &RecordQuery::range(TimeRange::ALL)).await.unwrap();
        assert_eq!(count, expected);
    }
}

#[tokio::test]
async fn both_published_names_of_a_new_device_are_read() {
    for id in [
        format!(r#""device_id":"{DEVICE}""#),
        format!(r#""deviceID":"{DEVICE}""#),
        format!(r#""deviceID":"{DEVICE}","device_id":"{DEVICE}""#),
    ] {
        let answer = format!(r#"{{{id},"bucket_id":"{DEVICE}","token":"t"}}"#);
        let created: tago_api::client::CreatedDevice = serde_json::from_str(&answer).unwrap();
        assert_eq!(created.device_id, device());
    }
}

#[tokio::test]
async fn tokens_of_a_device_read_as_published() {
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/device/token/{DEVICE}"), 200, r#"{"status":true,"result":[
        {"token":"1f0c6a52-8a3e-4c8e-9b6f-000000000001","device_id":"5f2a8e3b9c1d4e0011223344","network_id":null,
         "name":"Default","permission":"full","serie_number":null,"last_authorization":null,"expire_time":"never",
         "created_at":"2026-01-02T03:04:05.678Z"},
        {"token":"1f0c6a52-8a3e-4c8e-9b6f-000000000002","name":"LoRa","permission":"read",
         "serie_number":"70B3D5","expire_time":"2027-01-01T00:00:00.000Z","created_at":"2026-01-02T03:04:05.678Z"}
    ]}"#)
    .await;
    let tokens = api(&server).device_tokens(device()).await.unwrap();
    assert_eq!(tokens[0].token.expose_secret(), "1f0c6a52-8a3e-4c8e-9b6f-000000000001");
    assert!(tokens[0].permission.writes() && tokens[0].expire_time.is_none());
    assert_eq!((tokens[1].permission, tokens[1].serie_number.as_deref()), (Permission::Read, Some("70B3D5")));
    assert!(!format!("{tokens:?}").contains("1f0c6a52"));
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page_and_each_item_once() {
    let server = MockServer::start().await;
    let page = |ids: std::ops::Range<usize>| {
        let rows: Vec<String> =
            ids.map(|n| format!(r#"{{"id":"5f2a8e3b9c1d4e00{n:08x}","name":"d{n}","tags":[]}}"#)).collect();
        ResponseTemplate::new(200)
            .set_body_string(format!(r#"{{"status":true,"result":[{}]}}"#, rows.join(",")))
    };
    // The second page repeats one: something was added in front meanwhile.
    for (number, ids) in [("1", 0..1_000), ("2", 999..1_500)] {
        Mock::given(method("GET"))
            .and(path("/device"))
            .and(query_param("page", number))
            .and(query_param("fields[0]", "id"))
            .and(query_param("filter[tags][0][key]", "site"))
            .respond_with(page(ids))
            .expect(1)
            .mount(&server)
            .await;
    }
    let query = DeviceQuery { tags: vec![("site".into(), None)], ..DeviceQuery::all() };
    assert_eq!(api(&server).devices(&query).await.unwrap().len(), 1_500);
}

#[tokio::test]
async fn a_false_status_is_an_error_whatever_the_code_says() {
    let server = MockServer::start().await;
    answer(&server, "GET", "/info", 200, r#"{"status":false,"message":"Authorization Denied"}"#).await;
    let error = api(&server).info().await.unwrap_err();
    assert!(
        matches!(&error, ApiError::Refused { refusal, .. } if refusal.message == "Authorization Denied"),
        "{error}"
    );
    assert!(!error.to_string().contains(TOKEN));
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_with_the_place() {
    let body = r#"{"status":true,"result":[{"id":"5f2a8e3b9c1d4e0000000001","variable":"a","time":"2026-01-02T03:04:05.678Z"},{"id":"5f2a8e3b9c1d4e0000000002","variable":"b","time":"yesterday"}]}"#;
    let server = MockServer::start().await;
    answer(&server, "GET", &format!("/device/{DEVICE}/data"), 200, body).await;
    let error = api(&server).record_page(device(), &RecordQuery::range(TimeRange::ALL)).await.unwrap_err();
    let ApiError::Undecodable { at, body: kept, .. } = &error else { panic!("{error:?}") };
    assert_eq!(at, "result[1].time");
    assert_eq!(kept.0, body.as_bytes());
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_answer_without_a_status_or_cut_short_is_no_success() {
    for body in [r#"{"result":[]}"#, r#"[]"#, r#"{"status":true,"result":[]"#, "OK", ""] {
        let server = MockServer::start().await;
        answer(&server, "GET", &format!("/device/{DEVICE}/data"), 200, body).await;
        let error =
            api(&server).record_page(device(), &RecordQuery::range(TimeRange::ALL)).await.unwrap_err();
        assert!(matches!(error, ApiError::Undecodable { .. }), "{body}: {error:?}");
    }
}

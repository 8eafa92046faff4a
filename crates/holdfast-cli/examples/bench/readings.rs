//! Records made on the spot: five sensors a minute on each device, as many as a mutable device holds.

use std::path::Path;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags};
use tago_api::Time;
use tago_api::client::{DeviceApi, NewDevice};

use super::half::{Half, Stopwatch};
use super::platform::{Platform, Project};

pub(crate) const RECORDS_OF_A_DEVICE: u64 = 50_000;
const SENSORS: u64 = 5;
const CONNECTIONS: usize = 8;
/// Bytes that a body of records may have.
const FULL: usize = 200_000;

struct Reading {
    sensor: u64,
    time: i64,
    value: String,
    group: String,
}

impl Reading {
    fn new(device: u64, number: u64) -> Reading {
        Reading {
            sensor: number % SENSORS,
            time: 1_767_225_600_000 + (number / SENSORS * 60_000 + device) as i64,
            value: format!("{}.{}", 10 + number * 7 % 30, 1 + number % 9),
            group: format!("{device:08x}{number:016x}"),
        }
    }

    fn json(&self) -> String {
        let Reading { sensor, time, value, group } = self;
        let time = Time::from_millis(*time);
        format!(
            r#"{{"variable":"sensor_{sensor}","value":{value},"unit":"°C","group":"{group}","time":"{time}"}}"#
        )
    }
}

/// Makes devices and sends their records as ready-made bodies; answers what the sending took.
pub(crate) async fn ingest(platform: &Platform, project: &Project, devices: u64, records: u64) -> Half {
    let api = project.api();
    let mut made = Vec::new();
    for number in 1..=devices {
        let new = NewDevice {
            name: format!("Device {number}"),
            kind: "mutable".into(),
            active: true,
            visible: true,
            tags: Vec::new(),
            serie_number: None,
            fields: [("network", "5bbd0d144051a50034cd19fb"), ("connector", "5f5a8f3351d4db99c40dece7")]
                .map(|(name, id)| (name.to_owned(), serde_json::value::to_raw_value(id).unwrap()))
                .into(),
        };
        made.push((number, api.as_device(&api.create_device(&new).await.unwrap().token).unwrap()));
    }
    let (measured, mut took) = ([platform.process()], Half::default());
    for together in made.chunks(CONNECTIONS) {
        let ready: Vec<_> =
            together.iter().map(|(number, device)| (device.clone(), bodies(*number, records))).collect();
        let watch = Stopwatch::start(&measured);
        let lanes = ready.into_iter().map(|(device, bodies)| tokio::spawn(send(device, bodies)));
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.unwrap();
        }
        took += watch.stop();
    }
    took
}

async fn send(device: DeviceApi, bodies: Vec<Bytes>) {
    for body in bodies {
        device.write_json(body).await.unwrap();
    }
}

fn bodies(device: u64, records: u64) -> Vec<Bytes> {
    let (mut bodies, mut body) = (Vec::new(), String::new());
    for number in 0..records {
        let record = Reading::new(device, number).json();
        if body.len() + record.len() + 2 > FULL {
            body.push(']');
            bodies.push(std::mem::take(&mut body).into());
        }
        body.push(if body.is_empty() { '[' } else { ',' });
        body.push_str(&record);
    }
    body.push(']');
    bodies.push(body.into());
    bodies
}

/// The same rows into the same table by SQLite alone, as durable at its end.
pub(crate) fn insert(path: &Path, like: &Path, devices: u64) -> Half {
    let like = Connection::open_with_flags(like, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let schema = "SELECT sql FROM sqlite_schema WHERE name = 'records'";
    let schema: String = like.query_row(schema, [], |row| row.get(0)).unwrap();
    let mut db = Connection::open(path).unwrap();
    for (name, value) in [("page_size", "8192"), ("journal_mode", "wal"), ("cache_size", "-32000")] {
        db.pragma_update(None, name, value).unwrap();
    }
    db.execute_batch(&schema).unwrap();
    let watch = Stopwatch::start(&[]);
    let transaction = db.transaction().unwrap();
    {
        let mut insert = transaction
            .prepare(
                "INSERT INTO records (device, variable, time, sequence, value, unit, \"group\", created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .unwrap();
        let all =
            (1..=devices).flat_map(|device| (0..RECORDS_OF_A_DEVICE).map(move |number| (device, number)));
        for (sequence, (device, number)) in all.enumerate() {
            let Reading { sensor, time, value, group } = Reading::new(device, number);
            insert.execute((device, sensor, time, sequence, value, "°C", group, time)).unwrap();
        }
    }
    transaction.commit().unwrap();
    let took = watch.stop();
    drop(db);
    std::fs::remove_file(path).unwrap();
    took
}

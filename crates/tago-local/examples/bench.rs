//! What the platform does, beside the raw work that it cannot do without: all in one run on one
//! machine, because only the ratios carry over to another.
//!
//! `cargo run --release -p tago-local --example bench`, with `--small` for a twentieth of the records.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement ends at its first surprise")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use hyper::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tago_local::Client;
use tago_local::cli::Knobs;
use tempfile::TempDir;

/// Records of a device: as many as a mutable one holds, in pages of the largest size.
const RECORDS_OF_A_DEVICE: u64 = 50_000;
const PAGE: u64 = 10_000;
/// Bytes that a body of records may have.
const FULL: usize = 200_000;
const CONNECTIONS: usize = 8;
const PAGES_READ: usize = 100;
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    // The platform is this program, started again.
    if arguments.peek().is_some_and(|first| first == "serve") {
        return tago_local::cli::run(arguments, Knobs::Offered);
    }
    let devices = if arguments.next().is_some_and(|argument| argument == "--small") { 5 } else { 100 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(devices));
    ExitCode::SUCCESS
}

async fn measure(devices: u64) {
    let folder = TempDir::new().unwrap();
    let platform = Platform::start(&folder.path().join("platform"));
    let project = platform.project().await;
    println!(
        "{} records of {devices} devices, {} build",
        devices * RECORDS_OF_A_DEVICE,
        if cfg!(debug_assertions) { "debug" } else { "release" }
    );
    let devices = project.devices(devices).await;
    let database = platform.database(&project).await;
    ingest(&project, &devices, &database, &folder.path().join("raw.sqlite")).await;
    pages(&project, &devices, &database).await;
    let backup = snapshots(&platform, &project, &database, &folder.path().join("copy")).await;
    restores(&platform, &project, &backup, &folder.path().join("copy")).await;
}

/// What a ratio should be.
#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

fn tell(what: &str, ours: (&str, f64), raw: (&str, f64), ratio: f64, goal: Goal) {
    let (met, bound) = match goal {
        Goal::AtLeast(goal) => (ratio >= goal, format!("at least {goal}")),
        Goal::AtMost(goal) => (ratio <= goal, format!("at most {goal}")),
    };
    let verdict = if met { "met" } else { "MISSED" };
    println!("{what}\n  {:<58}{:>12.3}\n  {:<58}{:>12.3}", ours.0, ours.1, raw.0, raw.1);
    println!("  {:<58}{ratio:>12.2}  goal {bound}: {verdict}", "ratio");
}

/// Ready-made bodies over HTTP, against the same rows into the same table by SQLite alone.
async fn ingest(project: &Api, devices: &[Device], database: &Path, raw: &Path) {
    let records = devices.len() as f64 * RECORDS_OF_A_DEVICE as f64;
    let mut lanes: Vec<Vec<_>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    for (place, device) in devices.iter().enumerate() {
        lanes[place % CONNECTIONS].push((device.token.clone(), bodies(device.number)));
    }
    let address = project.address;
    let begun = Instant::now();
    let lanes = lanes.into_iter().map(|lane| {
        tokio::spawn(async move {
            for (token, bodies) in lane {
                let mut device = Client::new(address, Some(&token));
                for body in bodies {
                    let (status, answer) = device.send(Method::POST, "/data", Some(body)).await.unwrap();
                    assert_eq!(status, 202, "{answer:?}");
                }
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
    let ours = records / begun.elapsed().as_secs_f64();

    // A body that is acknowledged is durable; so it is here, each by itself or eight together.
    let schema = schema_of_records(database);
    let body = shares(0).next().unwrap().1;
    for (what, transaction) in [
        ("SQLite alone, each body committed and synced, records/s", body),
        ("SQLite alone, eight bodies a commit, records/s", body * CONNECTIONS as u64),
    ] {
        let took = timed(|| insert(raw, &schema, devices, transaction));
        let rate = records / took.as_secs_f64();
        let goal = Goal::AtLeast(0.5);
        tell("ingest through HTTP", ("the platform, records/s", ours), (what, rate), ours / rate, goal);
        for extension in ["sqlite", "sqlite-wal", "sqlite-shm"] {
            let _ = std::fs::remove_file(raw.with_extension(extension));
        }
    }
}

/// Pages of 10,000 records, against a select of the same rows with every column looked at.
async fn pages(project: &Api, devices: &[Device], database: &Path) {
    let mut client = project.client();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags).unwrap();
    db.pragma_update(None, "cache_size", -32_000).unwrap();
    let mut statement = db
        .prepare(
            "SELECT time, sequence, variable, value, unit, \"group\", location, metadata, created_at FROM records
             WHERE device = (SELECT number FROM devices WHERE id = ?1)
               AND variable = (SELECT number FROM variables WHERE name = ?2)
             ORDER BY time DESC, sequence DESC LIMIT ?3",
        )
        .unwrap();
    let (mut ours, mut raw) = (Duration::ZERO, Duration::ZERO);
    for page in 0..PAGES_READ {
        let device = &devices[page % devices.len()];
        let variable = format!("sensor_{}", page as u64 % (RECORDS_OF_A_DEVICE / PAGE));
        let path = format!("/device/{}/data?variable={variable}&qty={PAGE}", device.id);
        let begun = Instant::now();
        let (status, answer) = client.send(Method::GET, &path, None).await.unwrap();
        ours += begun.elapsed();
        assert!(status == 200 && answer.len() > 1_000_000, "{status}");
        raw += timed(|| {
            let mut rows = statement.query((&device.id, &variable, PAGE as i64)).unwrap();
            let (mut count, mut bytes) = (0, 0);
            while let Some(row) = rows.next().unwrap() {
                count += 1;
                bytes += (0..9)
                    .filter_map(|column| row.get_ref(column).unwrap().as_bytes_or_null().ok().flatten())
                    .map(<[u8]>::len)
                    .sum::<usize>();
            }
            assert!(count == PAGE && bytes > 0);
        });
    }
    let rate = |took: Duration| PAGES_READ as f64 * PAGE as f64 / took.as_secs_f64();
    let (ours, raw) = (rate(ours), rate(raw));
    let what = "pages of 10,000 records";
    let goal = Goal::AtLeast(0.4);
    tell(what, ("the platform, records/s", ours), ("SQLite alone, records/s", raw), ours / raw, goal);
}

/// A complete backup, against `cp` and a sync of the copy; the fastest of a few rounds each.
async fn snapshots(platform: &Platform, project: &Api, database: &Path, copy: &Path) -> Value {
    let (mut ours, mut raw, mut backup) = (f64::MAX, f64::MAX, Value::Null);
    for _ in 0..ROUNDS {
        settle();
        let begun = Instant::now();
        backup = platform.ask("POST", &format!("{}/backups", project.path), None).await;
        ours = ours.min(begun.elapsed().as_secs_f64());
        settle();
        raw = raw.min(copied(database, copy).as_secs_f64());
    }
    let what = format!("snapshot of {} MB", backup["size"].as_u64().unwrap() / 1_000_000);
    tell(&what, ("the platform, s", ours), ("cp and fsync, s", raw), raw / ours, Goal::AtLeast(0.9));
    backup
}

/// From the order to a new project that answers, against `cp` and a sync of the copy.
async fn restores(platform: &Platform, project: &Api, backup: &Value, copy: &Path) {
    let backup = format!("{}/backups/{}", project.path, backup["id"].as_str().unwrap());
    let file = platform.backup_file(project, &backup).await;
    let (mut ours, mut raw) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let quote = platform.ask("POST", &format!("{backup}/quote"), Some(json!({}))).await;
        settle();
        let begun = Instant::now();
        let order = json!({ "quote": quote["id"], "name": "Copy" });
        let order = platform.ask("POST", &format!("{backup}/restore"), Some(order)).await;
        let restored = format!("/api/projects/{}", order["project"].as_str().unwrap());
        let deployment = format!("{restored}/deployments/{}", order["deployment"].as_str().unwrap());
        let mut seen = 0;
        loop {
            let path = format!("{deployment}?after={seen}&wait_ms=20000");
            let deployment = platform.ask("GET", &path, None).await;
            match deployment["status"].as_str() {
                Some("success") => break,
                Some("in_progress") => seen += deployment["log"].as_array().unwrap().len(),
                _ => panic!("{deployment}"),
            }
        }
        ours = ours.min(begun.elapsed().as_secs_f64());
        platform.ask("DELETE", &restored, Some(json!({ "name": "Copy" }))).await;
        settle();
        raw = raw.min(copied(&file, copy).as_secs_f64());
    }
    let what = "restore until the new project answers";
    tell(what, ("the platform, s", ours), ("cp and fsync, s", raw), ours / raw, Goal::AtMost(1.5));
}

fn copied(from: &Path, to: &Path) -> Duration {
    let took = timed(|| {
        assert!(Command::new("cp").args([from, to]).status().unwrap().success());
        File::open(to).unwrap().sync_all().unwrap();
    });
    std::fs::remove_file(to).unwrap();
    took
}

/// So that nobody pays for what was written before.
fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// The statement that made the platform's table of records.
fn schema_of_records(database: &Path) -> String {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    db.query_row("SELECT sql FROM sqlite_schema WHERE name = 'records'", [], |row| row.get(0)).unwrap()
}

/// All rows in the order in which they come over the connections, `transaction` of them a commit.
fn insert(path: &Path, schema: &str, devices: &[Device], transaction: u64) {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "page_size", 8192).unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    db.pragma_update(None, "synchronous", "full").unwrap();
    db.pragma_update(None, "cache_size", -32_000).unwrap();
    db.execute_batch(schema).unwrap();
    let mut insert = db
        .prepare(
            "INSERT INTO records (device, variable, time, sequence, value, unit, \"group\", created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .unwrap();
    let mut sequence = 0_u64;
    db.execute_batch("BEGIN").unwrap();
    for devices in devices.chunks(CONNECTIONS) {
        for share in shares(0) {
            for device in devices {
                for number in share.0..share.0 + share.1 {
                    let Record { variable, time, value, group } = Record::new(device.number, number);
                    let row = (device.number, variable, time, sequence, value, "°C", group, time);
                    insert.execute(row).unwrap();
                    sequence += 1;
                    if sequence.is_multiple_of(transaction) {
                        db.execute_batch("COMMIT; BEGIN").unwrap();
                    }
                }
            }
        }
    }
    db.execute_batch("COMMIT").unwrap();
}

struct Record {
    variable: u64,
    time: i64,
    value: String,
    group: String,
}

impl Record {
    fn new(device: u64, number: u64) -> Record {
        let variables = RECORDS_OF_A_DEVICE / PAGE;
        Record {
            variable: number % variables,
            time: 1_767_225_600_000 + (number / variables * 60_000 + device) as i64,
            value: format!("{:02}.{}", number * 7 % 40, number % 10),
            group: format!("{device:08x}{number:016x}"),
        }
    }

    fn json(&self) -> String {
        let Record { variable, time, value, group } = self;
        let time = tago_api::Time::from_millis(*time);
        format!(
            r#"{{"variable":"sensor_{variable}","value":"{value}","unit":"°C","group":"{group}","time":"{time}"}}"#
        )
    }
}

/// The first record and the number of records of each body of a device. All records are equally long.
fn shares(device: u64) -> impl Iterator<Item = (u64, u64)> {
    let count = (FULL - 2) / (Record::new(device, 0).json().len() + 1);
    (0..RECORDS_OF_A_DEVICE)
        .step_by(count)
        .map(move |first| (first, (count as u64).min(RECORDS_OF_A_DEVICE - first)))
}

fn bodies(device: u64) -> Vec<Vec<u8>> {
    let body = |(first, count): (u64, u64)| {
        let records: Vec<_> =
            (first..first + count).map(|number| Record::new(device, number).json()).collect();
        let body = format!("[{}]", records.join(","));
        assert!(body.len() <= FULL);
        body.into_bytes()
    };
    shares(device).map(body).collect()
}

struct Device {
    number: u64,
    id: String,
    token: String,
}

struct Platform {
    child: Child,
    ready: Value,
}

/// A project's own API.
struct Api {
    path: String,
    address: SocketAddr,
    token: String,
}

impl Platform {
    fn start(data: &Path) -> Platform {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["serve", "--knobs", "--with-parent"]).args([OsString::from("--data"), data.into()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Platform { child, ready: serde_json::from_str(&line).unwrap() }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let mut console = Client::new(address(&self.ready["console"]), self.ready["owner"]["token"].as_str());
        console.call(method.parse().unwrap(), path, body.as_ref()).await.unwrap()
    }

    async fn project(&self) -> Api {
        let made = self.ask("POST", "/api/projects", Some(json!({ "name": "Bench" }))).await;
        let path = format!("/api/projects/{}", made["id"].as_str().unwrap());
        let access = self.ask("POST", &format!("{path}/access"), Some(json!({ "name": "bench" }))).await;
        Api { path, address: address(&access["api"]), token: access["token"].as_str().unwrap().to_owned() }
    }

    async fn paths(&self, project: &Api) -> Value {
        let mut knobs = Client::new(address(&self.ready["knobs"]), None);
        let paths: Value = knobs.call(Method::GET, "/paths", None::<&()>).await.unwrap();
        paths["projects"][project.path.rsplit('/').next().unwrap()].clone()
    }

    async fn database(&self, project: &Api) -> PathBuf {
        self.paths(project).await["database"].as_str().unwrap().into()
    }

    async fn backup_file(&self, project: &Api, backup: &str) -> PathBuf {
        let id = backup.rsplit('/').next().unwrap();
        self.paths(project).await["backups"][id].as_str().unwrap().into()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Api {
    fn client(&self) -> Client {
        Client::new(self.address, Some(&self.token))
    }

    async fn devices(&self, count: u64) -> Vec<Device> {
        let mut client = self.client();
        let mut devices = Vec::new();
        for number in 1..=count {
            let new = json!({
                "name": format!("Device {number}"), "type": "mutable",
                "network": "5bbd0d144051a50034cd19fb", "connector": "5f5a8f3351d4db99c40dece7",
            });
            let made: Value = client.call(Method::POST, "/device", Some(&new)).await.unwrap();
            let text = |field: &str| made["result"][field].as_str().unwrap().to_owned();
            devices.push(Device { number, id: text("device_id"), token: text("token") });
        }
        devices
    }
}

fn address(origin: &Value) -> SocketAddr {
    origin.as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
}

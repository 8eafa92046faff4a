//! How fast a migration is, beside what it cannot be faster than: the practice platform taking
//! ready-made bodies over HTTP, and SQLite taking the same rows. All in one run on one machine, because
//! only the ratios carry over to another.
//!
//! `cargo run --release -p holdfast-cli --example bench`, with `--small` for a twentieth of the records.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement ends at its first surprise")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags};
use secrecy::SecretString;
use serde::Deserialize;
use tago_api::client::{
    Address, Api, Console, Credential, NewDeviceToken, NewProject, Permission, Settings as ClientSettings,
};
use tago_api::{DeviceId, ProjectId, Time};
use tago_migrate::live::Live;
use tago_migrate::{
    Choices, Control, Ending, Env, Figures, Order, Progress, Range, Settings, Source, SystemClock, prove,
    rehearse, run,
};
use tempfile::TempDir;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    // The platform is this program, started again.
    if arguments.peek().is_some_and(|first| first == "serve") {
        return tago_local::cli::run(arguments, tago_local::cli::Knobs::Offered);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(arguments.next().is_some_and(|argument| argument == "--small")));
    ExitCode::SUCCESS
}

async fn measure(small: bool) {
    let folder = TempDir::new().unwrap();
    let platform = Platform::start(&folder.path().join("platform"), small);
    let source = platform.project(platform.ready.projects[0].id).await;
    let (target, bare) = (platform.new_project("Migrated").await, platform.new_project("Ingested").await);
    let rows = rows(&platform.database(source.id).await);
    let records = rows.len() as f64;
    println!(
        "{} records of the demo project, {} build",
        rows.len(),
        if cfg!(debug_assertions) { "debug" } else { "release" }
    );

    let inserted = timed(|| insert(&folder.path().join("raw.sqlite"), &rows));
    let bodies = bodies(&rows);
    let bytes: usize = bodies.values().flatten().map(Bytes::len).sum();
    let least: u64 = bodies
        .values()
        .map(|bodies| (bodies.iter().map(Bytes::len).sum::<usize>() as u64).div_ceil(190_000))
        .sum();
    let ingested = ingest(&source, &bare, bodies).await;

    let (from, to) = (Live::new(source.api()), Live::new(target.api()));
    let (clock, control, progress) =
        (SystemClock::start(), Control::new(), Progress::new(Figures::default()));
    let env = Env { clock: &clock, nonce: 1, progress: &progress, control: &control };
    let settings = Settings { late_commit_bound: Duration::from_secs(2), ..Settings::default() };
    let run_folder = folder.path().join("run");
    let begun = Instant::now();
    let plan = rehearse(&from, &to, &Choices::default(), &settings, env).await.unwrap();
    let rehearsed = begun.elapsed();
    assert_eq!(plan.summary().records_missing, rows.len() as u64);
    // A run of a plan as young as this would wait for what an abandoned one may have sent.
    tokio::time::sleep(settings.late_commit_bound.saturating_sub(rehearsed)).await;
    let before = platform.data_posts(target.id).await;
    let begun = Instant::now();
    let ending = run(&plan, &plan.fingerprint(), &run_folder, &from, &to, &settings, env).await.unwrap();
    let migrated = begun.elapsed();
    assert_eq!(ending, Ending::Finished);
    let begun = Instant::now();
    assert!(prove(&run_folder, &from, &to, &settings, env).await.unwrap().green);
    let proven = begun.elapsed();
    let posts = platform.data_posts(target.id).await - before;
    let official = platform.new_project("Copied").await;
    let copied = official_way(&source, &official, records as usize).await;

    let line = |what: &str, took: Duration| {
        let (seconds, rate) = (took.as_secs_f64(), records / took.as_secs_f64());
        let ratio = migrated.as_secs_f64() / seconds;
        println!("{what:<44}{seconds:>8.2} s {rate:>11.0} records/s {ratio:>8.2} x the migration");
    };
    line("SQLite alone, one transaction", inserted);
    line(&format!("the platform, {} MB of ready-made bodies", bytes / 1_000_000), ingested);
    line("rehearsal, exact", rehearsed);
    line("migration", migrated);
    line("proof", proven);
    line("the official way, one page after the other", copied);
    println!("migration : ingest {:.2} (goal 0.5)", ingested.as_secs_f64() / migrated.as_secs_f64());
    println!(
        "{posts} requests with data, {least} of 190 kB would do: {:.3} (goal 1.03)",
        posts as f64 / least as f64
    );
}

/// A row of `records`, its device and its variable by name.
struct Row {
    device: DeviceId,
    variable: String,
    time: i64,
    value: Option<String>,
    unit: Option<String>,
    group: String,
    location: Option<String>,
    metadata: Option<String>,
}

fn rows(database: &Path) -> Vec<Row> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = db
        .prepare(
            "SELECT d.id, v.name, r.time, r.value, r.unit, r.\"group\", r.location, r.metadata
             FROM records r JOIN devices d ON d.number = r.device JOIN variables v ON v.number = r.variable
             ORDER BY r.device, r.time, r.sequence",
        )
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Row {
            device: row.get::<_, String>(0)?.parse().unwrap(),
            variable: row.get(1)?,
            time: row.get(2)?,
            value: row.get(3)?,
            unit: row.get(4)?,
            group: row.get(5)?,
            location: row.get(6)?,
            metadata: row.get(7)?,
        })
    };
    query.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// As durable as the platform's own: WAL, synced at the end.
fn insert(path: &Path, rows: &[Row]) {
    let mut db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    db.execute_batch(
        "CREATE TABLE records (device BLOB, variable TEXT, time INTEGER, sequence INTEGER, value TEXT, unit TEXT,
         grp TEXT, location TEXT, metadata TEXT, PRIMARY KEY (device, variable, time, sequence)) WITHOUT ROWID",
    )
    .unwrap();
    let transaction = db.transaction().unwrap();
    {
        let mut insert =
            transaction.prepare("INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)").unwrap();
        for (sequence, row) in rows.iter().enumerate() {
            let device = row.device.as_bytes();
            let values = (device, &row.variable, row.time, sequence, &row.value, &row.unit, &row.group);
            let (device, variable, time, sequence, value, unit, group) = values;
            insert
                .execute((device, variable, time, sequence, value, unit, group, &row.location, &row.metadata))
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

/// Request bodies as full as the migration's.
fn bodies(rows: &[Row]) -> BTreeMap<DeviceId, Vec<Bytes>> {
    let full = Settings::default().batch_bytes;
    let mut bodies: BTreeMap<DeviceId, Vec<Bytes>> = BTreeMap::new();
    let mut body: (Option<DeviceId>, String) = (None, String::new());
    let mut finish = |body: &mut (Option<DeviceId>, String)| {
        if let Some(device) = body.0.take() {
            body.1.push(']');
            bodies.entry(device).or_default().push(std::mem::take(&mut body.1).into());
        }
    };
    for row in rows {
        let record = row.json();
        if body.0 != Some(row.device) || body.1.len() + record.len() + 2 > full {
            finish(&mut body);
            body = (Some(row.device), "[".to_owned());
        } else {
            body.1.push(',');
        }
        body.1.push_str(&record);
    }
    finish(&mut body);
    bodies
}

impl Row {
    fn json(&self) -> String {
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let time = tago_api::Time::from_millis(self.time);
        let mut json =
            format!(r#"{{"variable":"{}","group":{},"time":"{time}""#, self.variable, text(&self.group));
        let unit = self.unit.as_deref().map(text);
        let others = [
            ("value", &self.value),
            ("unit", &unit),
            ("location", &self.location),
            ("metadata", &self.metadata),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                json.push_str(&format!(r#","{name}":{value}"#));
            }
        }
        json.push('}');
        json
    }
}

/// All bodies to devices that are there already, over as many connections as the migration has lanes.
async fn ingest(source: &Project, target: &Project, bodies: BTreeMap<DeviceId, Vec<Bytes>>) -> Duration {
    let (from, to) = (Live::new(source.api()), Live::new(target.api()));
    let api = target.api();
    let mut lanes: Vec<Vec<_>> = (0..Settings::default().lanes).map(|_| Vec::new()).collect();
    for (number, (device, bodies)) in bodies.into_iter().enumerate() {
        let definition = from.device(device).await.unwrap().definition;
        let device = tago_migrate::Target::create_device(&to, &definition).await.unwrap();
        let token =
            NewDeviceToken { device, name: "bench".into(), permission: Permission::Full, serie_number: None };
        let token = api.create_device_token(&token).await.unwrap().token;
        let lane = number % lanes.len();
        lanes[lane].push((api.as_device(&token).unwrap(), bodies));
    }
    let begun = Instant::now();
    let lanes = lanes.into_iter().map(|lane| {
        tokio::spawn(async move {
            for (device, bodies) in lane {
                for body in bodies {
                    device.write_json(body).await.unwrap();
                }
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
    begun.elapsed()
}

/// One device after the other, 2,000 records a page by `skip`, and 400 ms of rest after each.
async fn official_way(source: &Project, target: &Project, records: usize) -> Duration {
    const PAGE: usize = 2_000;
    let (from, to) = (Live::new(source.api()), Live::new(target.api()));
    let api = target.api();
    let everything = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
    let mut devices = Vec::new();
    for device in from.devices().await.unwrap() {
        let whole = from.device(device.id).await.unwrap().definition;
        let made = tago_migrate::Target::create_device(&to, &whole).await.unwrap();
        let token = NewDeviceToken {
            device: made,
            name: "copy".into(),
            permission: Permission::Full,
            serie_number: None,
        };
        let token = api.create_device_token(&token).await.unwrap().token;
        devices.push((device.id, api.as_device(&token).unwrap()));
    }
    let begun = Instant::now();
    let mut copied = 0;
    for (device, writer) in devices {
        let mut skip = 0;
        loop {
            let page = from.records(device, &everything, Order::Ascending, skip, PAGE).await.unwrap();
            skip += page.len();
            // As large as fits into 200 kB.
            for part in page.chunks(PAGE / 2) {
                writer.write_json(serde_json::to_vec(part).unwrap()).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
            if page.len() < PAGE {
                break;
            }
        }
        copied += skip;
    }
    assert_eq!(copied, records);
    begun.elapsed()
}

struct Platform {
    child: Child,
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    console: String,
    owner: Owner,
    projects: Vec<Listed>,
    knobs: String,
}

#[derive(Deserialize)]
struct Owner {
    token: SecretString,
}

#[derive(Deserialize)]
struct Listed {
    id: ProjectId,
}

struct Project {
    id: ProjectId,
    api: String,
    token: SecretString,
}

impl Platform {
    fn start(data: &Path, small: bool) -> Platform {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["serve", "--demo", "--knobs", "--with-parent"]).args(small.then_some("--small"));
        command.args([OsString::from("--data"), data.into()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Platform { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn console(&self) -> Console {
        let (address, credential) = credential(&self.ready.console, &self.ready.owner.token);
        Console::new(&address, credential, ClientSettings::default()).unwrap()
    }

    async fn new_project(&self, name: &str) -> Project {
        let new = NewProject { name: name.into(), ..NewProject::default() };
        self.project(self.console().create_project(&new).await.unwrap().id).await
    }

    async fn project(&self, id: ProjectId) -> Project {
        let access = self.console().access(id, "bench").await.unwrap();
        Project { id, api: access.api, token: access.token }
    }

    /// Requests with data that a project has answered.
    async fn data_posts(&self, id: ProjectId) -> u64 {
        let url = format!("{}/requests?project={id}", self.ready.knobs);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let counts: BTreeMap<String, u64> = client.get(url).send().await.unwrap().json().await.unwrap();
        counts.get("POST /data").copied().unwrap_or(0)
    }

    async fn database(&self, id: ProjectId) -> PathBuf {
        let url = format!("{}/paths", self.ready.knobs);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let paths: serde_json::Value = client.get(url).send().await.unwrap().json().await.unwrap();
        paths["projects"][id.to_string()]["database"].as_str().unwrap().into()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Project {
    fn api(&self) -> Api {
        let (address, credential) = credential(&self.api, &self.token);
        Api::new(&address, credential, ClientSettings::default().without_retries()).unwrap()
    }
}

fn credential(address: &str, token: &SecretString) -> (Address, Credential) {
    let address: Address = address.parse().unwrap();
    (address.clone(), Credential::new(address, token).unwrap())
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

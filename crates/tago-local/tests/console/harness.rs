//! A platform to test, in this process or in one of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tago_api::Time;
use tago_local::{Client, Loopback, Options, Random, Running, SimulatedClock, TimeSource, serve};
use tempfile::TempDir;

use crate::document::Document;

/// Where every test's clock begins.
pub(crate) const START: &str = "2026-03-01T12:00:00.000Z";
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct World {
    pub(crate) ready: Value,
    pub(crate) folder: Arc<TempDir>,
    host: Host,
    document: Arc<Document>,
}

enum Host {
    InProcess(Box<Running>),
    Own(Process),
}

/// A process that ends with its test.
struct Process(Child);

/// An answer of the console or the knobs.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    Owner,
    Collaborator,
    Token(&'a str),
    Nobody,
}

impl World {
    /// A platform in this process, at [`START`].
    pub(crate) async fn start() -> World {
        World::start_in(Arc::new(tempfile::tempdir().unwrap()), time(START)).await
    }

    /// A platform in this process on what is in `folder`.
    pub(crate) async fn start_in(folder: Arc<TempDir>, now: Time) -> World {
        let running = serve(Options {
            data: folder.path().join("data"),
            port: None,
            time: TimeSource::Simulated(Arc::new(SimulatedClock::at(now))),
            random: Arc::new(Random::from_os().unwrap()),
            listeners: Arc::new(Loopback),
            knobs: true,
        })
        .await
        .unwrap();
        let ready = serde_json::to_value(running.ready()).unwrap();
        World::met(ready, folder, Host::InProcess(Box::new(running))).await
    }

    /// A platform in a process of its own, at [`START`].
    pub(crate) async fn spawn() -> World {
        World::spawn_in(Arc::new(tempfile::tempdir().unwrap()), START).await
    }

    /// A platform in a process of its own on what is in `folder`.
    pub(crate) async fn spawn_in(folder: Arc<TempDir>, now: &str) -> World {
        World::spawn_with(folder, &["--now", now]).await
    }

    /// A platform in a process of its own, with these arguments.
    pub(crate) async fn spawn_with(folder: Arc<TempDir>, arguments: &[&str]) -> World {
        let child = launch(&folder, arguments);
        World::spawned(folder, child).await
    }

    /// A platform in a process of its own as people start it, at their computer's time.
    pub(crate) async fn spawn_without_knobs(folder: Arc<TempDir>) -> World {
        let child = serving(&folder).spawn().unwrap();
        World::spawned(folder, child).await
    }

    async fn spawned(folder: Arc<TempDir>, mut child: Child) -> World {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        World::met(ready, folder, Host::Own(Process(child))).await
    }

    async fn met(ready: Value, folder: Arc<TempDir>, host: Host) -> World {
        let (_, body) = Client::new(address(&ready["console"]), None)
            .send(Method::GET, "/openapi.json", None)
            .await
            .unwrap();
        let document = Arc::new(Document::new(serde_json::from_slice(&body).unwrap()));
        World { ready, folder, host, document }
    }

    /// The number of its own process.
    pub(crate) fn process(&self) -> u32 {
        let Host::Own(child) = &self.host else { panic!("it has no process of its own") };
        child.0.id()
    }

    /// Ends the process as a power cut would; nothing is finished, nothing is closed.
    pub(crate) fn kill(self) -> Arc<TempDir> {
        let folder = self.folder.clone();
        let Host::Own(mut child) = self.host else { panic!("only a process of its own can be killed") };
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        folder
    }

    /// Waits for a process that ends without being told to.
    pub(crate) fn end_by_itself(self) -> (Arc<TempDir>, ExitStatus) {
        let folder = self.folder.clone();
        let Host::Own(mut child) = self.host else { panic!("only a process of its own can end by itself") };
        // To wait for it closes its input, and that would tell it to end.
        let _input = child.0.stdin.take();
        let (tell, ended) = channel();
        std::thread::spawn(move || tell.send(child.0.wait().unwrap()));
        (folder, ended.recv_timeout(Duration::from_secs(30)).expect("the platform lives on"))
    }

    /// Lets a platform in this process end.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        let folder = self.folder.clone();
        match self.host {
            Host::InProcess(running) => running.stop().await,
            Host::Own(mut child) => {
                drop(child.0.stdin.take());
                assert!(child.0.wait().unwrap().success());
            }
        }
        folder
    }

    /// Asks the console, and checks request and answer against its own OpenAPI document.
    pub(crate) async fn ask(&self, who: Who<'_>, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = match who {
            Who::Owner => self.ready["owner"]["token"].as_str(),
            Who::Collaborator => self.ready["collaborator"]["token"].as_str(),
            Who::Token(token) => Some(token),
            Who::Nobody => None,
        };
        let answer = send(address(&self.ready["console"]), token, method, path, body.clone()).await;
        self.document.check(method, path, body.as_ref(), &answer);
        answer
    }

    /// Operations of the console that this world was not once asked for with success.
    pub(crate) fn never_taken(&self) -> Vec<String> {
        self.document.never_taken()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(Who::Owner, "GET", path, None).await.expect(200)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Who::Owner, "POST", path, Some(body)).await
    }

    pub(crate) async fn knob(&self, path: &str, body: Value) -> Value {
        send(address(&self.ready["knobs"]), None, "POST", path, Some(body)).await.expect(200)
    }

    pub(crate) async fn look(&self, path: &str) -> Value {
        send(address(&self.ready["knobs"]), None, "GET", path, None).await.expect(200)
    }

    pub(crate) async fn set_clock(&self, now: &str) {
        self.knob("/clock", json!({ "now": now })).await;
    }

    pub(crate) async fn pass_days(&self, days: i64) {
        self.knob("/clock", json!({ "advance_ms": days * DAY_MS })).await;
    }

    /// Waits until work is parked at a point that was held before.
    pub(crate) async fn parked(&self, point: &str) {
        let parked = self.look(&format!("/hold?point={point}&wait_ms=20000")).await;
        assert_eq!(parked["parked"], true, "nothing came to {point}");
    }

    /// A new empty project; returns its path in the console API.
    pub(crate) async fn project(&self, name: &str) -> String {
        let project = self.post("/api/projects", json!({ "name": name })).await.expect(201);
        format!("/api/projects/{}", text(&project["id"]))
    }

    /// The project's own API, with a profile token.
    pub(crate) async fn api(&self, project: &str) -> Api {
        let access = self.post(&format!("{project}/access"), json!({ "name": "Test" })).await.expect(200);
        Api { address: address(&access["api"]), token: text(&access["token"]).to_owned() }
    }

    pub(crate) async fn back_up(&self, project: &str) -> Value {
        self.ask(Who::Owner, "POST", &format!("{project}/backups"), None).await.expect(201)
    }

    pub(crate) async fn backups(&self, project: &str) -> Vec<Value> {
        self.get(&format!("{project}/backups")).await.as_array().unwrap().clone()
    }

    /// Begins a restore; returns the new project's path and the deployment's.
    pub(crate) async fn begin_restore(&self, project: &str, backup: &Value, name: &str) -> (String, String) {
        let backup = format!("{project}/backups/{}", text(&backup["id"]));
        let quote = self.post(&format!("{backup}/quote"), json!({})).await.expect(200);
        let order = json!({ "quote": quote["id"], "name": name });
        let begun = self.post(&format!("{backup}/restore"), order).await.expect(202);
        let restored = format!("/api/projects/{}", text(&begun["project"]));
        let deployment = format!("{project}/deployments/{}", text(&begun["deployment"]));
        (restored, deployment)
    }

    /// Restores a backup and waits until that succeeded; returns the new project's path.
    pub(crate) async fn restore(&self, project: &str, backup: &Value, name: &str) -> String {
        let (restored, deployment) = self.begin_restore(project, backup, name).await;
        let ended = self.end_of(&deployment).await;
        assert_eq!(ended["status"], "success", "{ended}");
        restored
    }

    /// The whole deployment, once it is over.
    pub(crate) async fn end_of(&self, deployment: &str) -> Value {
        loop {
            let after = self.get(&format!("{deployment}?after=0")).await;
            if after["status"] != "in_progress" {
                return after;
            }
            let seen = after["log"].as_array().unwrap().len();
            self.get(&format!("{deployment}?after={seen}&wait_ms=20000")).await;
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Files of one project: its database, and its backups by id.
    pub(crate) async fn paths(&self, project: &str) -> (PathBuf, BTreeMap<String, PathBuf>) {
        let id = project.rsplit('/').next().unwrap();
        let paths = &self.look("/paths").await["projects"][id];
        let backups = paths["backups"].as_object().unwrap();
        (
            PathBuf::from(text(&paths["database"])),
            backups.iter().map(|(id, path)| (id.clone(), PathBuf::from(text(path)))).collect(),
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a platform in a process of its own, which may not answer yet.
pub(crate) fn launch(folder: &TempDir, arguments: &[&str]) -> Child {
    serving(folder).arg("--knobs").args(arguments).spawn().unwrap()
}

fn serving(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tago-local"));
    command.args(["serve", "--with-parent", "--data"]).arg(folder.path().join("data"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The API of one project.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Api {
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        self.ask_as(&self.token, method, path, body).await
    }

    pub(crate) async fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = send(self.address, Some(token), method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.body["result"].clone()
    }

    pub(crate) async fn status_as(&self, token: &str, path: &str) -> u16 {
        send(self.address, Some(token), "GET", path, None).await.status
    }

    /// A device with these readings; returns its id and token.
    pub(crate) async fn device(&self, name: &str, readings: &[f64]) -> (String, String) {
        let new = json!({
            "name": name, "type": "mutable",
            "network": "5bbd0d144051a50034cd19fb", "connector": "5f5a8f3351d4db99c40dece7",
            "tags": [{ "key": "site", "value": "Lyon" }],
        });
        let made = self.ask("POST", "/device", Some(new)).await;
        let (id, token) = (text(&made["device_id"]).to_owned(), text(&made["token"]).to_owned());
        let param = json!([{ "key": "highest", "value": "8.0", "sent": true }]);
        self.ask("POST", &format!("/device/{id}/params"), Some(param)).await;
        if !readings.is_empty() {
            self.send(&token, readings).await;
        }
        (id, token)
    }

    /// Sends readings, a minute apart.
    pub(crate) async fn send(&self, token: &str, readings: &[f64]) {
        let records: Vec<_> = readings
            .iter()
            .enumerate()
            .map(|(minute, value)| {
                json!({
                    "variable": "temperature", "value": value, "unit": "°C", "group": format!("g{minute}"),
                    "time": format!("2026-02-01T00:{:02}:{:02}.125Z", minute / 60 % 60, minute % 60),
                })
            })
            .collect();
        for part in records.chunks(1_000) {
            self.ask_as(token, "POST", "/data", Some(json!(part))).await;
        }
    }

    /// Devices with their parameters, tokens and records, by id.
    pub(crate) async fn contents(&self) -> BTreeMap<String, Contents> {
        let mut contents = BTreeMap::new();
        let fields = ["id", "name", "tags", "type", "active"];
        let fields: String =
            fields.iter().enumerate().map(|(place, name)| format!("&fields[{place}]={name}")).collect();
        let devices = self.ask("GET", &format!("/device?amount=1000{fields}"), None).await;
        for device in devices.as_array().unwrap() {
            let id = text(&device["id"]).to_owned();
            let params = self.ask("GET", &format!("/device/{id}/params"), None).await;
            let tokens = self.ask("GET", &format!("/device/token/{id}"), None).await;
            let path =
                format!("/device/{id}/data?qty=10000&end_date=2100-01-01&ordination=ascending&details=true");
            let records = self.ask("GET", &path, None).await.as_array().unwrap().clone();
            contents.insert(id, Contents { device: device.clone(), params, tokens, records });
        }
        contents
    }
}

/// What one device holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contents {
    pub(crate) device: Value,
    pub(crate) params: Value,
    pub(crate) tokens: Value,
    pub(crate) records: Vec<Value>,
}

impl Contents {
    /// Everything that a restore keeps: records without their ids, tokens without their values and their use.
    pub(crate) fn kept(&self) -> Contents {
        let mut kept = self.clone();
        for record in &mut kept.records {
            record.as_object_mut().unwrap().remove("id").unwrap();
        }
        for token in kept.tokens.as_array_mut().unwrap() {
            for value in ["token", "fingerprint", "last_authorization"] {
                token.as_object_mut().unwrap().remove(value).unwrap();
            }
        }
        kept
    }
}

pub(crate) fn kept(contents: &BTreeMap<String, Contents>) -> BTreeMap<String, Contents> {
    contents.iter().map(|(id, contents)| (id.clone(), contents.kept())).collect()
}

impl Answer {
    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The sentence of a refusal with this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> String {
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{}", self.body);
        let sentence = text(&self.body["error"]);
        assert!(sentence.len() > 10 && sentence.ends_with('.'), "{sentence:?} is not a sentence");
        sentence.to_owned()
    }
}

pub(crate) async fn send(
    address: SocketAddr,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let bytes = body.map(|body| body.to_string().into_bytes());
    let (status, body) =
        Client::new(address, token).send(method.parse().unwrap(), path, bytes).await.unwrap();
    Answer { status: status.as_u16(), body: serde_json::from_slice(&body).unwrap() }
}

pub(crate) fn address(origin: &Value) -> SocketAddr {
    text(origin).strip_prefix("http://").unwrap().parse().unwrap()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

pub(crate) fn time(text: &str) -> Time {
    text.parse().unwrap()
}

/// Every file below a folder, with its size.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut files = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.insert(path.clone(), path.metadata().unwrap().len());
        }
    }
    files
}

//! A practice platform of a test's own, with a clock that the test turns.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tago_api::Time;
use tago_local::{Loopback, Options, Random, Running, Scale, SimulatedClock, TimeSource};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The small demo, made once and copied for every test. It lies in the session's own home,
/// which tests/window.sh removes.
static DEMO: OnceCell<TempDir> = OnceCell::const_new();

/// In milliseconds.
const LONGER_THAN_ANY_TEST: i64 = 20 * 60_000;

pub struct Platform {
    running: Running,
    clock: Arc<SimulatedClock>,
    http: reqwest::Client,
}

impl Platform {
    /// Starts a platform with the small demo in this folder.
    pub async fn start(folder: &Path) -> Platform {
        let demo = DEMO
            .get_or_init(async || {
                let demo = tempfile::Builder::new().prefix("demo-").tempdir_in(session_home()).unwrap();
                tago_local::fill_demo(demo.path(), Scale::Small).await.unwrap();
                demo
            })
            .await;
        copy(demo.path(), folder);
        let clock = Arc::new(SimulatedClock::following_system());
        let running = tago_local::serve(Options {
            data: folder.to_owned(),
            port: None,
            time: TimeSource::Simulated(clock.clone()),
            random: Arc::new(Random::from_os().unwrap()),
            listeners: Arc::new(Loopback),
            knobs: true,
        })
        .await
        .unwrap();
        let platform = Platform { running, clock, http: an_independent_client() };
        platform.keep_away_from_the_daily_backup().await;
        platform
    }

    /// A backup that comes by itself in the middle of a test would not be the one that the test chose: where
    /// it is due soon, it is made now.
    async fn keep_away_from_the_daily_backup(&self) {
        let settings = self.get(&format!("/api/projects/{}/main-database", self.project())).await;
        let due: Time = settings["next_run_at"].as_str().unwrap().parse().unwrap();
        if due.millis() - self.now().millis() < LONGER_THAN_ANY_TEST {
            self.set_clock(due).await;
        }
    }

    /// The line that tells the app where this platform is.
    pub fn ready_line(&self) -> String {
        serde_json::to_string(self.running.ready()).unwrap()
    }

    /// The demo project.
    pub fn project(&self) -> String {
        self.running.ready().projects.first().unwrap().id.to_string()
    }

    pub fn project_name(&self) -> String {
        self.running.ready().projects[0].name.clone()
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }

    // --- the clock

    pub fn now(&self) -> Time {
        use tago_local::Clock;
        self.clock.now()
    }

    /// Moves the clock; whatever backup was due on the way is complete when this returns.
    pub async fn set_clock(&self, now: Time) {
        self.running.set_clock(now).await.unwrap();
    }

    // --- the console API, as its owner

    pub async fn get(&self, path: &str) -> Value {
        self.console(Method::GET, path, None).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.console(Method::POST, path, Some(body))
            .await
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// The answer, or what was said instead.
    pub async fn console(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Value> {
        let ready = self.running.ready();
        self.send(method, &format!("{}{path}", ready.console), Some(&ready.owner.token), body).await
    }

    pub async fn backups(&self, project: &str) -> Vec<Value> {
        let list = self.get(&format!("/api/projects/{project}/backups")).await;
        list.as_array().unwrap().clone()
    }

    pub async fn projects(&self) -> Vec<Value> {
        self.get("/api/projects").await.as_array().unwrap().clone()
    }

    /// Makes a project from a backup without a window, and waits until it answers.
    pub async fn restore(&self, project: &str, backup: &str, name: &str) -> String {
        let path = format!("/api/projects/{project}/backups/{backup}");
        let quote = self.post(&format!("{path}/quote"), json!({})).await;
        let begun =
            self.post(&format!("{path}/restore"), json!({ "quote": quote["id"], "name": name })).await;
        let (new, deployment) = (begun["project"].as_str().unwrap(), begun["deployment"].as_str().unwrap());
        let mut after = 0;
        loop {
            let path = format!("/api/projects/{new}/deployments/{deployment}?after={after}&wait_ms=15000");
            let seen = self.get(&path).await;
            match seen["status"].as_str().unwrap() {
                "success" => return new.to_owned(),
                "in_progress" => after = seen["log"].as_array().unwrap().last().map_or(after, seq),
                _ => panic!("the restore failed: {seen}"),
            }
        }
    }

    // --- the knobs

    pub async fn turn(&self, knob: &str, setting: Value) -> Value {
        let knobs = self.running.ready().knobs.clone().unwrap();
        self.send(Method::POST, &format!("{knobs}/{knob}"), None, Some(setting)).await.unwrap()
    }

    pub async fn look(&self, knob: &str) -> Value {
        let knobs = self.running.ready().knobs.clone().unwrap();
        self.send(Method::GET, &format!("{knobs}/{knob}"), None, None).await.unwrap()
    }

    /// These faults in the place of all others, at once; what was slowed meets them.
    pub async fn put_faults(&self, faults: Value) {
        let knobs = self.running.ready().knobs.clone().unwrap();
        self.send(Method::PUT, &format!("{knobs}/faults"), None, Some(faults)).await.unwrap();
    }

    pub async fn clear_faults(&self) {
        let knobs = self.running.ready().knobs.clone().unwrap();
        self.send(Method::DELETE, &format!("{knobs}/faults"), None, None).await.unwrap();
    }

    /// Where a project's main database lies.
    pub async fn database(&self, project: &str) -> PathBuf {
        path(&self.look("paths").await["projects"][project]["database"])
    }

    /// Where a backup's snapshot lies.
    pub async fn snapshot(&self, project: &str, backup: &str) -> PathBuf {
        path(&self.look("paths").await["projects"][project]["backups"][backup])
    }

    // --- a project's own API

    /// A profile token of a project, made now.
    pub async fn access(&self, project: &str, name: &str) -> Access {
        let made = self.post(&format!("/api/projects/{project}/access"), json!({ "name": name })).await;
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        Access { api: text("api"), token: text("token"), http: self.http.clone() }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value, Value> {
        send(&self.http, method, url, token, body).await
    }
}

/// What a token opens at a project's API.
#[derive(Clone)]
pub struct Access {
    pub api: String,
    pub token: String,
    http: reqwest::Client,
}

impl Access {
    /// The result that the API gives.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.api);
        let answer = send(&self.http, method, &url, Some(&self.token), body).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))["result"].clone()
    }

    /// What a device has in its memory: a token of its own for this project's API.
    pub async fn device_token(&self, device: &str) -> Access {
        let wanted = json!({ "device": device, "name": "Test", "permission": "full" });
        let made = self.call(Method::POST, "/device/token", Some(wanted)).await;
        self.with(made["token"].as_str().unwrap())
    }

    /// The same place with another token.
    pub fn with(&self, token: &str) -> Access {
        Access { token: token.to_owned(), ..self.clone() }
    }

    /// What a link that the platform gave leads to.
    pub async fn download(&self, link: &str) -> Vec<u8> {
        an_independent_client().get(link).send().await.unwrap().bytes().await.unwrap().to_vec()
    }
}

async fn send(
    http: &reqwest::Client,
    method: Method,
    url: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> Result<Value, Value> {
    let mut request = http.request(method, url);
    if let Some(token) = token {
        request = request.header("token", token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let held = answer.status().is_success();
    let said = answer.json().await.unwrap_or(Value::Null);
    if held { Ok(said) } else { Err(said) }
}

#[expect(clippy::disallowed_methods, reason = "the tests check from outside what Holdfast's own client does")]
fn an_independent_client() -> reqwest::Client {
    reqwest::Client::new()
}

/// The home of the whole session, not of one test.
pub fn session_home() -> PathBuf {
    std::env::var_os("HOME").expect("HOME").into()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn seq(entry: &Value) -> u64 {
    entry["seq"].as_u64().unwrap()
}

fn path(value: &Value) -> PathBuf {
    value.as_str().unwrap_or_else(|| panic!("{value} is no path")).into()
}

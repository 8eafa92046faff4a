//! The practice platform in a process of its own, with its limits lifted: what they cost is measured by
//! itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tago_api::ProjectId;
use tago_api::client::{Address, Api, Console, Credential, NewProject, Settings};

const LIFTED: [&str; 9] = [
    "GET /data",
    "POST /data",
    "GET /device",
    "GET /device/{device}",
    "POST /device",
    "PUT /device/{device}",
    "GET /info",
    "GET /profile",
    "GET /integration",
];

pub(crate) struct Platform {
    child: Child,
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    console: String,
    owner: Owner,
    knobs: String,
}

#[derive(Deserialize)]
struct Owner {
    token: SecretString,
}

pub(crate) struct Project {
    pub(crate) id: ProjectId,
    address: String,
    token: SecretString,
}

impl Platform {
    pub(crate) fn start(data: &Path) -> Platform {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["serve", "--knobs", "--with-parent"]).args([OsString::from("--data"), data.into()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Platform { child, ready: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) async fn new_project(&self, name: &str) -> Project {
        let (address, credential) = credential(&self.ready.console, &self.ready.owner.token);
        let console = Console::new(&address, credential, Settings::default()).unwrap();
        let new = NewProject { name: name.into(), ..NewProject::default() };
        let id = console.create_project(&new).await.unwrap().id;
        for route in LIFTED {
            let lifted = json!({ "project": id, "route": route, "per_minute": 10_000_000 });
            let url = format!("{}/rates", self.ready.knobs);
            let answer = knobs().post(url).json(&lifted).send().await.unwrap();
            assert!(answer.status().is_success(), "{route}");
        }
        let access = console.access(id, "bench").await.unwrap();
        Project { id, address: access.api, token: access.token }
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Requests of one route that a project has answered.
    pub(crate) async fn requests(&self, project: &Project, route: &str) -> u64 {
        let url = format!("{}/requests?project={}", self.ready.knobs, project.id);
        let counts: BTreeMap<String, u64> = knobs().get(url).send().await.unwrap().json().await.unwrap();
        counts.get(route).copied().unwrap_or(0)
    }

    pub(crate) async fn database(&self, project: &Project) -> PathBuf {
        let url = format!("{}/paths", self.ready.knobs);
        let paths: Value = knobs().get(url).send().await.unwrap().json().await.unwrap();
        paths["projects"][project.id.to_string()]["database"].as_str().unwrap().into()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Project {
    pub(crate) fn api(&self) -> Api {
        api(&self.address, &self.token)
    }

    /// For another process.
    pub(crate) fn access(&self) -> Value {
        json!({ "address": self.address, "token": self.token.expose_secret() })
    }
}

pub(crate) fn api(address: &str, token: &SecretString) -> Api {
    let (address, credential) = credential(address, token);
    Api::new(&address, credential, Settings::default().without_retries()).unwrap()
}

fn knobs() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn credential(address: &str, token: &SecretString) -> (Address, Credential) {
    let address: Address = address.parse().unwrap();
    (address.clone(), Credential::new(address, token).unwrap())
}

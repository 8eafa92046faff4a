use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tago_api::{AccountId, ProjectId};
use tago_local::project::{Faults, HashingCost, Instance, Owner, Project, Rates, Requests, Shared};
use tago_local::{Random, SimulatedClock};
use tempfile::TempDir;

pub(crate) const HTTPS: &str = "5bbd0d144051a50034cd19fb";
pub(crate) const CUSTOM_HTTPS: &str = "5f5a8f3351d4db99c40dece5";

/// A running project on a clock that stands at 2026-03-10T12:00:00Z.
pub(crate) struct Running {
    pub(crate) project: Project,
    pub(crate) shared: Shared,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) router: axum::Router,
    pub(crate) api: String,
    pub(crate) token: String,
    pub(crate) client: reqwest::Client,
    directory: TempDir,
}

pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Running {
    pub(crate) async fn start() -> Running {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimulatedClock::at("2026-03-10T12:00:00Z".parse().unwrap()));
        let shared = Shared {
            clock: clock.clone(),
            random: Arc::new(Random::from_os().unwrap()),
            faults: Arc::new(Faults::default()),
            rates: Arc::new(Rates::default()),
            requests: Arc::new(Requests::default()),
            hashing: HashingCost::LEAST,
            holds: Arc::default(),
        };
        let instance = Instance {
            id: ProjectId::from_bytes([1; 12]),
            name: "Cold chain".to_owned(),
            profile: None,
            owner: Owner {
                id: AccountId::from_bytes([2; 12]),
                name: "Ana".to_owned(),
                email: "ana@example.com".to_owned(),
            },
        };
        let project = Project::create(&directory.path().join("original"), instance, shared.clone()).unwrap();
        Self::serve(project, shared, clock, directory).await
    }

    /// Opens what was put into another directory of this one, as a project of its own.
    pub(crate) async fn open_beside(&self, name: &str) -> Running {
        let project = Project::open(&self.path(name), self.shared.clone()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        Self::serve(project, self.shared.clone(), self.clock.clone(), directory).await
    }

    async fn serve(
        project: Project,
        shared: Shared,
        clock: Arc<SimulatedClock>,
        directory: TempDir,
    ) -> Running {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let router = project.router();
        tokio::spawn(tago_local::project::serve(listener, router.clone(), std::future::pending()));
        let token = project.mint_profile_token("tests").await.unwrap();
        let client = reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap();
        Running { project, shared, clock, router, api, token, client, directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn set_time(&self, text: &str) {
        self.clock.set(text.parse().unwrap());
    }

    /// One request; the status, and the whole answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<String>,
    ) -> (StatusCode, Value) {
        let (status, text) = self.ask_text(method, path, token, body).await;
        (status, serde_json::from_str(&text).unwrap())
    }

    pub(crate) async fn ask_text(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<String>,
    ) -> (StatusCode, String) {
        let answer = self.try_ask(method, path, token, body).await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<String>,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self.client.request(method, format!("{}{path}", self.api)).header("token", token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        request.send().await
    }

    /// The result of a GET with the profile's token.
    pub(crate) async fn get(&self, path: &str) -> Value {
        succeeded(self.ask(Method::GET, path, &self.token, None).await)
    }

    /// The result of a POST with the profile's token.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        succeeded(self.ask(Method::POST, path, &self.token, Some(body.to_string())).await)
    }

    /// The result of any request with the profile's token.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        succeeded(self.ask(method, path, &self.token, Some(body.to_string())).await)
    }

    /// The status and message of a refused request with the profile's token.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        refusal(self.ask(method, path, &self.token, Some(body.to_string())).await)
    }

    pub(crate) async fn device(&self, name: &str) -> Device {
        let made = self
            .post(
                "/device",
                json!({"name": name, "network": HTTPS, "connector": CUSTOM_HTTPS, "type": "mutable"}),
            )
            .await;
        Device {
            id: made["device_id"].as_str().unwrap().to_owned(),
            token: made["token"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn send(&self, device: &Device, records: Value) -> Value {
        succeeded(self.ask(Method::POST, "/data", &device.token, Some(records.to_string())).await)
    }

    /// The values that a query of a device's data is answered with.
    pub(crate) async fn values(&self, device: &Device, query: &str) -> Vec<Value> {
        let records = self.get(&format!("/device/{}/data?{query}", device.id)).await;
        records.as_array().unwrap().iter().map(|record| record["value"].clone()).collect()
    }
}

pub(crate) fn succeeded((status, answer): (StatusCode, Value)) -> Value {
    assert!(status.is_success() && answer["status"] == true, "{status}: {answer}");
    answer["result"].clone()
}

pub(crate) fn refusal((status, answer): (StatusCode, Value)) -> (u16, String) {
    assert!(!status.is_success() && answer["status"] == false, "{status}: {answer}");
    (status.as_u16(), answer["message"].as_str().unwrap().to_owned())
}

/// `n` records of one variable, a minute apart from 2026-03-01T00:00Z, with the values 0, 1, …
pub(crate) fn series(variable: &str, n: usize) -> Value {
    let start = chrono::DateTime::parse_from_rfc3339("2026-03-01T00:00:00Z").unwrap();
    (0..n)
        .map(|i| {
            let time = start + chrono::Duration::minutes(i64::try_from(i).unwrap());
            json!({"variable": variable, "value": i, "time": time.to_rfc3339()})
        })
        .collect()
}

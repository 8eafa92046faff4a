use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tago_api::client::{
    Access, Address, Api, Console, Credential, DeploymentStatus, DeviceQuery, NewDevice, NewProject, Place,
    RestoreRequest, Settings,
};
use tago_api::{BackupId, DeviceId, ProfileId, ProjectId, Time};
use tempfile::TempDir;

use crate::stored::stored;

/// A practice platform with the small demo, in a process and a folder of its own. Ends with this value.
pub(crate) struct Platform {
    child: Child,
    /// The platform ends when this closes, however the test ends.
    _leash: ChildStdin,
    _data: TempDir,
    _filled: Arc<TempDir>,
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    console: String,
    owner: Person,
    projects: Vec<Project>,
    knobs: String,
}

#[derive(Deserialize)]
struct Person {
    token: SecretString,
}

/// A project and the token that opens its data.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Project {
    pub(crate) id: ProjectId,
    pub(crate) api: String,
    pub(crate) profile: ProfileId,
    pub(crate) token: SecretString,
}

impl Platform {
    /// A fresh one; what is filled once is copied for each.
    pub(crate) fn start() -> Platform {
        let (filled, data) = (filled(), TempDir::new().unwrap());
        copy(filled.path(), data.path());
        let (child, leash, ready) = serve(data.path());
        Platform { child, _leash: leash, _data: data, _filled: filled, ready }
    }

    /// The demo project.
    pub(crate) fn original(&self) -> Project {
        self.ready.projects[0].clone()
    }

    pub(crate) fn console(&self) -> Console {
        let (address, credential) = credential(&self.ready.console, &self.ready.owner.token);
        Console::new(&address, credential, Settings::default()).unwrap()
    }

    /// An empty one.
    pub(crate) async fn new_project(&self, name: &str) -> Project {
        let new = NewProject { name: name.into(), ..NewProject::default() };
        let made = self.console().create_project(&new).await.unwrap();
        self.access(&Project { id: made.id, ..self.original() }).await
    }

    /// A new project from a backup, through the console.
    pub(crate) async fn restore(&self, project: ProjectId, backup: BackupId) -> Project {
        let console = self.console();
        let quote = console.quote(project, backup, &Place::default()).await.unwrap();
        let request = RestoreRequest { quote: quote.id, name: "Rescue".into(), region: None, version: None };
        let started = console.restore(project, backup, &request).await.unwrap();
        let end = console.wait_deployment(project, started.deployment, |_| ()).await.unwrap();
        assert_eq!(end.status, DeploymentStatus::Success, "{:?}", end.error);
        let made = Project { id: started.project, ..self.original() };
        self.access(&made).await
    }

    /// The main databases by project.
    pub(crate) async fn databases(&self) -> BTreeMap<String, PathBuf> {
        let paths = self.knob("GET", "paths", Value::Null).await;
        let projects = paths["projects"].as_object().unwrap().iter();
        projects.map(|(id, paths)| (id.clone(), paths["database"].as_str().unwrap().into())).collect()
    }

    /// All that a project has stored.
    pub(crate) async fn stored(&self, project: &Project) -> BTreeSet<String> {
        let paths = self.knob("GET", "paths", Value::Null).await;
        let paths = &paths["projects"][project.id.to_string()];
        let path = |name: &str| Path::new(paths[name].as_str().unwrap());
        stored(path("database"), path("blobs"))
    }

    pub(crate) async fn database(&self, project: &Project) -> PathBuf {
        self.databases().await.remove(&project.id.to_string()).unwrap()
    }

    /// A fault on what is written to one project's data.
    pub(crate) async fn fault(
        &self,
        project: &Project,
        kind: &str,
        probability: f64,
        seed: u64,
        delay_ms: u64,
    ) {
        self.fault_on("POST /data", project, kind, probability, seed, delay_ms).await;
    }

    /// A fault on one route of a project.
    pub(crate) async fn fault_on(
        &self,
        route: &str,
        project: &Project,
        kind: &str,
        probability: f64,
        seed: u64,
        delay_ms: u64,
    ) {
        let fault = json!({
            "project": project.id, "route": route, "kind": kind,
            "probability": probability, "seed": seed, "delay_ms": delay_ms,
        });
        self.knob("POST", "faults", fault).await;
    }

    /// A fault on imports of files into one project.
    pub(crate) async fn fault_on_imports(&self, project: &Project, kind: &str) {
        let route = "POST /device/{device}/data/restore";
        let fault = json!({
            "project": project.id, "route": route, "kind": kind, "every": 1, "delay_ms": 3_600_000,
        });
        self.knob("POST", "faults", fault).await;
    }

    /// From now on a project closes every connection without a word.
    pub(crate) async fn vanish(&self, project: &Project) {
        self.come_back().await;
        let fault = json!({ "project": project.id, "kind": "drop_before", "every": 1 });
        self.knob("POST", "faults", fault).await;
    }

    /// From now on a project shows what is written only so long after.
    pub(crate) async fn show_late(&self, project: &Project, late: &str, lag_ms: u64) {
        let lag = json!({ "project": project.id, "late": late, "lag_ms": lag_ms });
        self.knob("POST", "read_lag", lag).await;
    }

    /// All is well again.
    pub(crate) async fn come_back(&self) {
        self.knob("DELETE", "faults", Value::Null).await;
    }

    /// How often each fault has struck.
    pub(crate) async fn struck(&self) -> Vec<u64> {
        serde_json::from_value(self.knob("GET", "faults", Value::Null).await["struck"].take()).unwrap()
    }

    /// What actions of a project would have sent, by the action's id.
    pub(crate) async fn outbox(&self, project: &Project) -> Vec<String> {
        let entries = self.knob("GET", &format!("outbox?project={}", project.id), Value::Null).await;
        let entries = entries.as_array().unwrap().iter();
        entries.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }

    /// Requests that a project has answered since it started, by route.
    pub(crate) async fn requests(&self, project: &Project) -> BTreeMap<String, u64> {
        let counts = self.knob("GET", &format!("requests?project={}", project.id), Value::Null).await;
        serde_json::from_value(counts).unwrap()
    }

    async fn knob(&self, method: &str, path: &str, body: Value) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/{path}", self.ready.knobs);
        let request = client.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// From now on the platform's clock stands at this moment.
    pub(crate) async fn turn_clock(&self, now: Time) {
        self.knob("POST", "clock", json!({ "now": now })).await;
    }

    /// A project as it is reached now, with a new token.
    pub(crate) async fn access(&self, project: &Project) -> Project {
        let Access { api, profile, token, .. } = self.console().access(project.id, "test").await.unwrap();
        Project { id: project.id, api, profile, token }
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
        self.api_with(Settings::default())
    }

    pub(crate) fn api_with(&self, settings: Settings) -> Api {
        let (address, credential) = credential(&self.api, &self.token);
        Api::new(&address, credential, settings).unwrap()
    }
}

fn credential(address: &str, token: &SecretString) -> (Address, Credential) {
    let address: Address = address.parse().unwrap();
    (address.clone(), Credential::new(address, token).unwrap())
}

/// A data folder with the small demo in it, made once for as long as any test needs it.
fn filled() -> Arc<TempDir> {
    static FILLED: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut filled = FILLED.lock().unwrap_or_else(PoisonError::into_inner);
    filled.upgrade().unwrap_or_else(|| {
        let folder = Arc::new(TempDir::new().unwrap());
        let (mut child, leash, _) = serve(folder.path());
        drop(leash);
        assert!(child.wait().unwrap().success());
        *filled = Arc::downgrade(&folder);
        folder
    })
}

/// This test binary, started again, is the platform.
fn serve(data: &Path) -> (Child, ChildStdin, Ready) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["platform::a_platform_of_its_own_ends_with_its_test", "--exact", "--nocapture"])
        .env(DATA, data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let leash = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The test harness prints a few lines of its own before.
    let ready = lines.find_map(|line| line.find("{\"").map(|start| line[start..].to_owned())).unwrap();
    // It prints a few more at its end, and would fail if nobody took them.
    std::thread::spawn(move || lines.for_each(drop));
    (child, leash, serde_json::from_str(&ready).unwrap())
}

const DATA: &str = "HOLDFAST_TEST_PLATFORM_DATA";

/// Also the process that all the other tests talk to: started with a data folder, it is the platform.
#[test]
fn a_platform_of_its_own_ends_with_its_test() {
    let Some(data) = std::env::var_os(DATA) else {
        let data = TempDir::new().unwrap();
        let (mut child, leash, ready) = serve(data.path());
        assert_eq!(ready.projects.len(), 1);
        drop(leash);
        assert!(child.wait().unwrap().success());
        return;
    };
    let arguments = ["serve", "--demo", "--small", "--knobs", "--with-parent", "--data"];
    let arguments = arguments.into_iter().map(Into::into).chain([data]);
    let code = tago_local::cli::run(arguments, tago_local::cli::Knobs::Offered);
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Makes a device on the network and connector of some other one.
pub(crate) async fn make_device(api: &Api, name: &str, kind: &str, mut fields: Value) -> DeviceId {
    let some = api.devices(&DeviceQuery::all()).await.unwrap().remove(0);
    let some = api.device(some.id).await.unwrap();
    (fields["network"], fields["connector"]) = (json!(some.network), json!(some.connector));
    let new = NewDevice {
        name: name.into(),
        kind: kind.into(),
        active: true,
        visible: true,
        tags: Vec::new(),
        serie_number: None,
        fields: serde_json::from_value(fields).unwrap(),
    };
    api.create_device(&new).await.unwrap().device_id
}

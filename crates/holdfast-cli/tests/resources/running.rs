use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tago_api::client::{Address, Api, Credential, Settings as ClientSettings};
use tago_api::{AccountId, ProjectId};
use tago_local::project::{
    Faults, HashingCost, Instance, Owner, Plan, Project, Rates, Rekeying, Requests, Shared,
};
use tago_local::{Random, SimulatedClock};
use tago_migrate::live::Live;
use tago_migrate::{Clock, SystemClock};
use tempfile::TempDir;

/// A project of the practice platform in this process.
pub(crate) struct Running {
    pub(crate) project: Project,
    pub(crate) shared: Shared,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) api: String,
    pub(crate) token: String,
    client: reqwest::Client,
    directory: Arc<TempDir>,
}

/// What nobody outside knows of a restore. All false is what is most likely.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truths {
    pub(crate) ids_renewed: bool,
    pub(crate) tokens_kept: bool,
    pub(crate) automations_run: bool,
}

impl Truths {
    pub(crate) const ALL: [Truths; 8] = {
        let mut all = [Truths { ids_renewed: false, tokens_kept: false, automations_run: false }; 8];
        let mut number = 0;
        while number < all.len() {
            all[number].ids_renewed = number & 1 != 0;
            all[number].tokens_kept = number & 2 != 0;
            all[number].automations_run = number & 4 != 0;
            number += 1;
        }
        all
    };
}

impl Running {
    pub(crate) async fn start(number: u8) -> Running {
        let directory = Arc::new(TempDir::new().unwrap());
        let rates = Arc::new(Rates::default());
        let id = ProjectId::from_bytes([number; 12]);
        rates.set_plan(id, Plan::Scale);
        let clock = Arc::new(SimulatedClock::at(SystemClock::start().now()));
        let shared = Shared {
            clock: clock.clone(),
            random: Arc::new(Random::from_os().unwrap()),
            faults: Arc::new(Faults::default()),
            rates,
            requests: Arc::new(Requests::default()),
            hashing: HashingCost::LEAST,
            holds: Arc::default(),
        };
        let owner = Owner {
            id: AccountId::from_bytes([2; 12]),
            name: "Ana".to_owned(),
            email: "ana@example.com".to_owned(),
        };
        let instance = Instance { id, name: format!("Project {number}"), profile: None, owner };
        let folder = directory.path().join("original");
        let project = Project::create(&folder, instance, shared.clone()).unwrap();
        Running::serve(project, shared, clock, directory).await
    }

    /// A project made from a snapshot of this one, which has no code and no files.
    pub(crate) async fn restored(&self, number: u8, truths: Truths) -> Running {
        let name = format!("restored-{number}");
        let folder = self.directory.path().join(&name);
        std::fs::create_dir(&folder).unwrap();
        self.project.snapshot_to(&folder.join("main.sqlite"), &mut |_| {}).unwrap();
        let mut copy = Rekeying::open(&folder, self.shared.clone()).unwrap();
        copy.make_record_key().unwrap();
        if !truths.tokens_kept {
            copy.reissue_tokens().unwrap();
        }
        if !truths.automations_run {
            copy.hold_automations().unwrap();
        }
        if truths.ids_renewed {
            copy.renew_resource_ids().unwrap();
        }
        let id = ProjectId::from_bytes([number; 12]);
        copy.become_instance(id, "Restored").unwrap();
        copy.finish().unwrap();
        self.shared.rates.set_plan(id, Plan::Scale);
        let project = Project::open(&folder, self.shared.clone()).unwrap();
        Running::serve(project, self.shared.clone(), self.clock.clone(), Arc::clone(&self.directory)).await
    }

    /// The same project under another address.
    pub(crate) async fn on_another_port(&self) -> Running {
        Running::serve(
            self.project.clone(),
            self.shared.clone(),
            self.clock.clone(),
            Arc::clone(&self.directory),
        )
        .await
    }

    async fn serve(
        project: Project,
        shared: Shared,
        clock: Arc<SimulatedClock>,
        directory: Arc<TempDir>,
    ) -> Running {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(tago_local::project::serve(listener, project.router(), std::future::pending()));
        let token = project.mint_profile_token("tests").await.unwrap();
        let client = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy().build().unwrap();
        Running { project, shared, clock, api, token, client, directory }
    }

    pub(crate) fn profile(&self) -> String {
        self.project.profile().to_string()
    }

    pub(crate) fn live(&self) -> Live {
        Live::new(self.live_api())
    }

    pub(crate) fn live_api(&self) -> Api {
        let address: Address = self.api.parse().unwrap();
        let credential = Credential::new(address.clone(), &self.token.as_str().into()).unwrap();
        Api::new(&address, credential, ClientSettings::default().without_retries()).unwrap()
    }

    /// The result of a request, which must succeed.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let method: reqwest::Method = method.parse().unwrap();
        let request = self.client.request(method.clone(), format!("{}{path}", self.api));
        let request = request.header("token", &self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["status"] == true, "{method} {path}: {answer}");
        answer["result"].clone()
    }

    /// Sends records as a device does.
    pub(crate) async fn send(&self, device: &str, records: Value) {
        let token = serde_json::json!({"device": device, "name": "sender", "permission": "full"});
        let token = self.ask("POST", "/device/token", Some(token)).await["token"].clone();
        let request = self.client.post(format!("{}/data", self.api)).header("token", token.as_str().unwrap());
        let answer: Value = request.json(&records).send().await.unwrap().json().await.unwrap();
        assert!(answer["status"] == true, "{answer}");
    }

    /// Everything that the main database says of resources, and every file: read from the disk, and not by
    /// the engine.
    pub(crate) async fn content(&self) -> BTreeSet<String> {
        let mut content = self.files().await;
        let portal = self.ask("GET", "/run", None).await;
        // A change that is taken back leaves its time.
        for (name, value) in portal.as_object().unwrap().iter().filter(|(name, _)| *name != "updated_at") {
            content.extend(told(value).map(|value| format!("run {name}={value}")));
        }
        let database = rusqlite::Connection::open_with_flags(
            self.project.database_path(),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        )
        .unwrap();
        for table in ["resources", "devices", "params", "entities", "entity_rows", "records"] {
            let mut query = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let names: Vec<String> = query.column_names().map(str::to_owned).collect();
            let mut rows = query.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let mut told = table.to_owned();
                for (index, name) in names.iter().enumerate() {
                    // A change that is taken back leaves its time.
                    if !matches!(name.as_str(), "updated_at" | "last_input" | "last_output") {
                        told.push_str(&format!(" {name}={}", shown(row.get_ref(index).unwrap())));
                    }
                }
                // Every change of a query is a version of it, which nothing takes away.
                if !told.contains("kind=sql_version") {
                    content.insert(told);
                }
            }
        }
        content
    }

    async fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let list = self.ask("GET", &format!("/files?path=/{folder}&qty=1000"), None).await;
            for file in list["files"].as_array().unwrap() {
                let path = file["filename"].as_str().unwrap();
                let url = format!("{}/file/{}/{path}", self.api, self.profile());
                let request = self.client.get(url).header("token", &self.token);
                let bytes = request.send().await.unwrap().bytes().await.unwrap();
                found.insert(format!("file {path} public={} {bytes:?}", file["public"] == true));
            }
            for inner in list["folders"].as_array().unwrap() {
                folders.push(format!("{folder}/{}", inner.as_str().unwrap()).trim_matches('/').to_owned());
            }
        }
        found
    }
}

fn shown(value: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Blob(bytes) => format!("{bytes:?}"),
        ValueRef::Text(text) => match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(mut fields)) => {
                fields.remove("version");
                told(&Value::Object(fields)).unwrap_or_default().to_string()
            }
            _ => String::from_utf8_lossy(text).into_owned(),
        },
    }
}

/// A value without what is as good as absent.
fn told(value: &Value) -> Option<Value> {
    let value = match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some((name.clone(), told(value)?)));
            Value::Object(fields.collect())
        }
        value => value.clone(),
    };
    let is_nothing = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    (!is_nothing).then_some(value)
}

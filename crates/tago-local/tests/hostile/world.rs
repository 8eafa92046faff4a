//! A project with something of everything in it, asked in process: its real router, its real database.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tago_api::{AccountId, ProjectId};
use tago_local::project::{
    Faults, HashingCost, Instance, Owner, Project, Rates, Requests, Route, Shared, routes,
};
use tago_local::{Clock, Random, SimulatedClock};
use tempfile::TempDir;
use tower_service::Service;

use crate::asked::Asked;

const HTTPS: &str = "5bbd0d144051a50034cd19fb";
const CUSTOM_HTTPS: &str = "5f5a8f3351d4db99c40dece5";
/// Columns that every request may touch, refused or not: when something was last used.
const TOUCHED: [(&str, &str); 2] = [("tokens", "last_authorization"), ("devices", "last_output")];
/// Tables of what was done and counted before: that gets there with whatever transaction comes next.
const NOTED: [&str; 2] = ["audit", "usage"];
/// The day's beginning is carried out by whoever comes first.
const DAILY: &str = "chunks_rolled_over";

pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
    clock: Arc<SimulatedClock>,
    database: Connection,
    blobs: PathBuf,
    /// What a name behind `$` stands for in a request: tokens and ids.
    names: BTreeMap<String, String>,
    routes: Vec<Route>,
    project: Project,
    /// The hash of a version of the database.
    known: Cell<Option<(i64, [u8; 32])>>,
    _directory: TempDir,
}

/// A project that is planted once, and the names of what is in it.
struct Template {
    directory: TempDir,
    names: BTreeMap<String, String>,
}

static TEMPLATE: OnceLock<Template> = OnceLock::new();

/// An answer, whole.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl World {
    /// A fresh copy of the planted project.
    pub(crate) fn new() -> World {
        let template = TEMPLATE.get_or_init(Template::new);
        let directory = tempfile::tempdir().unwrap();
        copy(template.directory.path(), directory.path());
        World::open(directory, template.names.clone(), 2, |directory, shared| {
            Project::open(directory, shared).unwrap()
        })
    }

    fn open(
        directory: TempDir,
        names: BTreeMap<String, String>,
        seed: u64,
        open: impl FnOnce(&Path, Shared) -> Project,
    ) -> World {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let clock = Arc::new(SimulatedClock::at("2026-03-10T12:00:00Z".parse().unwrap()));
        let shared = Shared {
            clock: clock.clone(),
            random: Arc::new(Random::seeded(seed)),
            faults: Arc::new(Faults::default()),
            rates: Arc::new(Rates::default()),
            requests: Arc::new(Requests::default()),
            hashing: HashingCost::LEAST,
            holds: Arc::default(),
        };
        let project = open(directory.path(), shared);
        let database =
            Connection::open_with_flags(project.database_path(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        World {
            router: project.router(),
            clock,
            database,
            blobs: project.blob_dir(),
            names,
            routes: routes(),
            runtime,
            project,
            known: Cell::new(None),
            _directory: directory,
        }
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The tokens' names.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.names.keys().filter(|name| name.ends_with("_token")).cloned().collect()
    }

    /// The path of a route, with ids of things that there are.
    pub(crate) fn path_of(&self, route: &Route) -> String {
        let first = route.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            None => part.to_owned(),
            Some(name) => {
                let known = [format!("{first}_{name}"), name.to_owned(), first.to_owned()];
                let known = known.into_iter().find(|name| self.names.contains_key(name));
                format!("${}", known.unwrap_or_else(|| "nothing".to_owned()))
            }
        };
        route.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// One request, in a calendar minute of its own. None if it is no request at all.
    pub(crate) fn ask(&self, asked: &Asked) -> Option<Answered> {
        self.clock.set(self.clock.now() + Duration::from_secs(60));
        let token = self.names.get(&asked.token).map_or(asked.token.as_str(), String::as_str);
        let mut target = asked.target.clone();
        // The longest names first: one may begin like another.
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, value) in names {
            target = target.replace(&format!("${name}"), value);
        }
        let request = Request::builder()
            .method(Method::from_bytes(asked.method.as_bytes()).ok()?)
            .uri(target.as_str())
            .header("token", token)
            .header("host", "127.0.0.1:1")
            .header("content-type", asked.content_type.as_str())
            .body(Body::from(asked.body.clone()))
            .ok()?;
        let answered = self.runtime.block_on(async {
            let (head, body) = self.router.clone().call(request).await.unwrap().into_parts();
            self.project.settled().await;
            Answered {
                status: head.status,
                headers: head.headers,
                body: to_bytes(body, usize::MAX).await.unwrap().into(),
            }
        });
        Some(answered)
    }

    /// A hash of everything that is stored.
    pub(crate) fn content(&self) -> [u8; 32] {
        let version = self.database.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap();
        let rows = match self.known.get() {
            Some((known, rows)) if known == version => rows,
            _ => self.rows(),
        };
        self.known.set(Some((version, rows)));
        let mut hash = Sha256::new();
        hash.update(rows);
        listed(&self.blobs, &mut hash);
        hash.finalize().into()
    }

    fn rows(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let tables: Vec<String> = self
            .database
            .prepare_cached("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for table in tables.into_iter().filter(|table| !NOTED.contains(&table.as_str())) {
            let mut statement = self.database.prepare_cached(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                if table == "meta" && row.get_ref_unwrap("key").as_str() == Ok(DAILY) {
                    continue;
                }
                for (index, column) in columns.iter().enumerate() {
                    if !TOUCHED.contains(&(table.as_str(), column)) {
                        hash.update(format!("{:?};", row.get_ref_unwrap(index)));
                    }
                }
                hash.update("\n");
            }
        }
        hash.finalize().into()
    }

    fn plant(&mut self) {
        let device = self.planted(
            "POST",
            "/device",
            json!({"name": "Truck", "network": HTTPS, "connector": CUSTOM_HTTPS, "type": "mutable", "serie_number": "SN"}),
        );
        self.name("device", &device["device_id"]);
        self.name("device_token", &device["token"]);
        self.planted("POST", "/device/$device/params", json!({"key": "a", "value": "b"}));
        let params = self.planted("GET", "/device/$device/params", Value::Null);
        self.name("device_param", &params[0]["id"]);
        let records: Value = (0..20)
            .map(|i| json!({"variable": "t", "value": i, "group": "g", "location": {"lat": 1, "lng": 2}, "metadata": {"a": 1}}))
            .collect();
        self.answered("device_token", "POST", "/data", records);
        let chunks = self.planted(
            "POST",
            "/device",
            json!({"name": "Chunks", "network": HTTPS, "connector": CUSTOM_HTTPS, "type": "hybrid",
                   "chunk_period": "month", "chunk_retention": 36, "mutable_variable_regex": "^cfg_"}),
        );
        self.name("hybrid", &chunks["device_id"]);
        self.name("hybrid_token", &chunks["token"]);
        self.answered(
            "hybrid_token",
            "POST",
            "/data",
            json!([{"variable": "t", "value": 1}, {"variable": "cfg_a", "value": 1}]),
        );
        let entity = self.planted(
            "POST",
            "/entity",
            json!({"name": "Sites", "schema": {"name": {"type": "string"}, "at": {"type": "timestamp"},
                   "n": {"type": "int"}, "plan": {"type": "json"}}, "index": {"by_name": {"fields": ["name", "n"]}}}),
        );
        self.name("entity", &entity["id"]);
        self.planted(
            "POST",
            "/entity/$entity/data",
            json!([{"name": "a", "n": 1}, {"name": "b", "plan": {"x": []}}]),
        );
        let analysis = self.planted("POST", "/analysis", json!({"name": "Hourly"}));
        self.name("analysis", &analysis["id"]);
        self.name("analysis_token", &analysis["token"]);
        let network = self.planted("POST", "/integration/network", json!({"name": "Own"}));
        self.name("integration", &network["network"]);
        let body = json!({"network": network["network"], "name": "Server"});
        let token = self.planted("POST", "/integration/network/token", body);
        self.name("network_token", &token["token"]);
        let user = json!({"name": "Bo", "email": "bo@example.com", "password": "secret1", "active": true});
        let user = self.planted("POST", "/run/users", user);
        self.name("run", &user["user"]);
        self.name("run_user", &user["user"]);
        let login = self.planted("GET", "/run/users/$run_user/login?expire_time=never", Value::Null);
        self.name("run_user_token", &login["token"]);
        self.planted(
            "POST",
            "/files",
            json!([{"filename": "a/b.csv", "file": "dmFyaWFibGUsdmFsdWUKdCwxCg==", "public": true}]),
        );
        self.names.insert("file_path".to_owned(), "a/b.csv".to_owned());
        self.plant_the_rest();
    }

    /// Whatever else can be made by a name: a new type of resource is planted without being listed here.
    fn plant_the_rest(&mut self) {
        let body = json!({
            "name": "Planted", "label": "Planted", "key": "PLANTED", "slug": "PLA", "value": "x", "title": "Planted",
            "message": "x", "fallback": "en-US", "languages": [{"code": "en-US", "active": true}], "type": "dashboard",
            "permissions": [], "targets": [], "networks": [HTTPS], "dashboard": "$dashboard", "query": "SELECT 1"
        });
        let roots: Vec<&str> = self
            .routes
            .iter()
            .filter(|route| route.method == Method::POST && !route.path.contains('{'))
            .map(|route| route.path)
            .collect();
        for root in roots {
            let first = root.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
            if self.names.contains_key(&first) {
                continue;
            }
            let asked = Asked::new("profile_token", "POST", root, body.to_string());
            let Some(answered) = self.ask(&asked).filter(|answered| answered.status.is_success()) else {
                continue;
            };
            let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
            let texts = answer["result"]
                .as_object()
                .into_iter()
                .flat_map(|made| made.values())
                .filter_map(Value::as_str);
            if let Some(id) = texts.into_iter().find(|text| text.len() == 24) {
                self.names.insert(first, id.to_owned());
            }
        }
    }

    fn planted(&self, method: &str, target: &str, body: Value) -> Value {
        self.answered("profile_token", method, target, body)
    }

    fn answered(&self, token: &str, method: &str, target: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answered = self.ask(&Asked::new(token, method, target, body)).unwrap();
        let text = String::from_utf8_lossy(&answered.body).into_owned();
        assert!(answered.status.is_success(), "{method} {target}: {} {text}", answered.status);
        serde_json::from_str::<Value>(&text).unwrap()["result"].take()
    }

    fn name(&mut self, name: &str, value: &Value) {
        self.names.insert(name.to_owned(), value.as_str().unwrap().to_owned());
    }
}

impl Template {
    fn new() -> Template {
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
        let mut world = World::open(tempfile::tempdir().unwrap(), BTreeMap::new(), 1, |directory, shared| {
            Project::create(directory, instance, shared).unwrap()
        });
        let token = world.runtime.block_on(world.project.mint_profile_token("tests")).unwrap();
        world.names = BTreeMap::from([
            ("profile_token".into(), token),
            ("nobody_token".into(), "ffffffff-ffff-ffff-ffff-ffffffffffff".into()),
            ("profile".into(), world.project.profile().to_string()),
            ("nothing".into(), "ffffffffffffffffffffffff".into()),
        ]);
        world.plant();
        world.project.close();
        let directory = tempfile::tempdir().unwrap();
        copy(world._directory.path(), directory.path());
        Template { directory, names: world.names.clone() }
    }
}

/// Copies the files of a project that is closed.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.project.close();
    }
}

fn listed(directory: &Path, hash: &mut Sha256) {
    let mut entries: Vec<_> = std::fs::read_dir(directory).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let metadata = entry.metadata().unwrap();
        hash.update(format!(
            "{:?} {};",
            entry.file_name(),
            if metadata.is_file() { metadata.len() } else { 0 }
        ));
        if metadata.is_dir() {
            listed(&entry.path(), hash);
        }
    }
}

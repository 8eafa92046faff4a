//! What only tests may do, on a listener of its own: move the clock, break things, look inside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tago_api::{AccountId, BackupId, ProjectId, Time};

use crate::holds::Point;
use crate::platform::{Failure, Platform, Refusal, Truths};
use crate::project::{Fault, Late, Plan, RateOverride};
use crate::registry::Account;

type Knobs = State<Arc<Platform>>;
type Turned = Result<Json<Value>, Jammed>;

/// A knob that cannot be turned that way.
struct Jammed(StatusCode, String);

pub(crate) fn router(platform: Arc<Platform>) -> Router {
    Router::new()
        .route("/clock", get(clock).post(set_clock))
        .route("/faults", get(faults).post(add_fault).put(replace_faults).delete(clear_faults))
        .route("/plan", post(set_plan))
        .route("/rates", post(set_rate).delete(clear_rates))
        .route("/truths", get(truths).post(set_truths))
        .route("/read_lag", post(set_read_lag))
        .route("/prices", get(prices).post(set_prices))
        .route("/hold", get(parked).post(hold))
        .route("/resume", post(resume))
        .route("/outbox", get(outbox))
        .route("/messages", get(messages))
        .route("/paths", get(paths))
        .route("/requests", get(requests))
        .route("/accounts", post(add_account))
        .with_state(platform)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockSetting {
    now: Option<Time>,
    advance_ms: Option<u64>,
}

async fn clock(State(platform): Knobs) -> Json<Value> {
    Json(json!({ "now": platform.clock.now() }))
}

/// Answers when every daily backup that was due on the way is complete.
async fn set_clock(State(platform): Knobs, Json(setting): Json<ClockSetting>) -> Turned {
    let present = platform.clock.now();
    let now = match (setting.now, setting.advance_ms) {
        (Some(now), None) => now,
        (None, Some(millis)) => present + Duration::from_millis(millis),
        _ => return Err(Jammed::wrong("Send either now or advance_ms.")),
    };
    blocking(platform, move |platform| {
        platform.set_clock(now)?;
        Ok(json!({ "now": platform.clock.now() }))
    })
    .await
}

async fn faults(State(platform): Knobs) -> Json<Value> {
    Json(json!({ "struck": platform.shared.faults.struck() }))
}

async fn add_fault(State(platform): Knobs, Json(fault): Json<Fault>) -> Turned {
    platform.shared.faults.push(fault).map_err(|error| Jammed::wrong(error.to_string()))?;
    done()
}

/// These in the place of all others, in one step.
async fn replace_faults(State(platform): Knobs, Json(faults): Json<Vec<Fault>>) -> Turned {
    platform.shared.faults.replace(faults).map_err(|error| Jammed::wrong(error.to_string()))?;
    done()
}

async fn clear_faults(State(platform): Knobs) -> Turned {
    platform.shared.faults.clear();
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanSetting {
    project: ProjectId,
    plan: Plan,
}

async fn set_plan(State(platform): Knobs, Json(setting): Json<PlanSetting>) -> Turned {
    platform.shared.rates.set_plan(setting.project, setting.plan);
    done()
}

async fn set_rate(State(platform): Knobs, Json(rate): Json<RateOverride>) -> Turned {
    let name = rate.route.clone();
    match platform.shared.rates.set(rate) {
        true => done(),
        false => Err(Jammed::wrong(format!("No limit is called {name:?}."))),
    }
}

async fn clear_rates(State(platform): Knobs) -> Turned {
    platform.shared.rates.clear();
    done()
}

async fn truths(State(platform): Knobs) -> Json<Truths> {
    Json(platform.truths())
}

async fn set_truths(State(platform): Knobs, Json(truths): Json<Truths>) -> Json<Truths> {
    *platform.truths.lock().unwrap_or_else(PoisonError::into_inner) = truths;
    Json(truths)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLag {
    project: ProjectId,
    /// `records`, or `everything`.
    #[serde(default)]
    late: Late,
    lag_ms: u64,
}

/// A write of this project is shown to whoever asks only so long after, by the platform's clock; 0 ends that.
async fn set_read_lag(State(platform): Knobs, Json(setting): Json<ReadLag>) -> Turned {
    platform.project(setting.project)?.show_late(setting.late, Duration::from_millis(setting.lag_ms));
    done()
}

async fn prices(State(platform): Knobs) -> Turned {
    blocking(platform, |platform| Ok(serde_json::to_value(platform.prices.read()?)?)).await
}

/// Takes the fields that change; quotes made before are outdated from now on.
async fn set_prices(State(platform): Knobs, Json(change): Json<Value>) -> Turned {
    blocking(platform, move |platform| {
        let mut book = serde_json::to_value(platform.prices.read()?)?;
        merge(&mut book, change);
        let changed = serde_json::from_value(book).map_err(|error| Refusal::BadInput(error.to_string()))?;
        platform.prices.write(&changed)?;
        Ok(serde_json::to_value(platform.prices.read()?)?)
    })
    .await
}

fn merge(target: &mut Value, change: Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (name, value) in change {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change,
    }
}

#[derive(Deserialize)]
struct PointAsked {
    point: String,
    #[serde(default)]
    wait_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trap {
    point: String,
    /// Whether the process ends at the point instead of waiting there.
    #[serde(default)]
    abort: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    point: Option<String>,
}

fn point(name: &str) -> Result<Point, Jammed> {
    Point::named(name).ok_or_else(|| {
        let known: Vec<_> = Point::ALL.iter().map(|point| point.name()).collect();
        Jammed::wrong(format!("No point is called {name:?}. There are {}.", known.join(", ")))
    })
}

/// Waits until work is parked at the point.
async fn parked(State(platform): Knobs, Query(query): Query<PointAsked>) -> Turned {
    let point = point(&query.point)?;
    let patience = Duration::from_millis(query.wait_ms);
    blocking(platform, move |platform| {
        Ok(json!({ "point": point.name(), "parked": platform.holds.wait_parked(point, patience) }))
    })
    .await
}

async fn hold(State(platform): Knobs, Json(trap): Json<Trap>) -> Turned {
    let point = point(&trap.point)?;
    if trap.abort {
        platform.holds.abort_at(point);
    } else {
        platform.holds.hold(point);
    }
    done()
}

async fn resume(State(platform): Knobs, Json(release): Json<Release>) -> Turned {
    let point = release.point.as_deref().map(point).transpose()?;
    platform.holds.resume(point);
    done()
}

#[derive(Deserialize)]
struct OneProject {
    project: ProjectId,
}

async fn outbox(State(platform): Knobs, Query(query): Query<OneProject>) -> Turned {
    let project = platform.project(query.project)?;
    let entries = project.outbox().await.map_err(Failure::from)?;
    Ok(Json(serde_json::to_value(entries).map_err(Failure::from)?))
}

async fn messages(State(platform): Knobs, Query(query): Query<OneProject>) -> Turned {
    let project = platform.project(query.project)?;
    let messages = project.messages().await.map_err(Failure::from)?;
    Ok(Json(serde_json::to_value(messages).map_err(Failure::from)?))
}

#[derive(Serialize)]
struct Paths {
    registry: PathBuf,
    prices: PathBuf,
    projects: BTreeMap<String, ProjectPaths>,
}

#[derive(Serialize)]
struct ProjectPaths {
    database: PathBuf,
    blobs: PathBuf,
    backups: BTreeMap<String, PathBuf>,
}

async fn paths(State(platform): Knobs) -> Turned {
    blocking(platform, |platform| {
        let mut projects = BTreeMap::new();
        for row in platform.registry.projects()? {
            let Ok(project) = platform.project(row.id) else { continue };
            let kept = platform.registry.kept_backups(row.id)?;
            let path = |id: BackupId| (id.to_string(), platform.backup_path(row.id, id));
            let backups = kept.iter().map(|backup| path(backup.id)).collect();
            let paths =
                ProjectPaths { database: project.database_path(), blobs: project.blob_dir(), backups };
            projects.insert(row.id.to_string(), paths);
        }
        let prices = platform.prices.path().to_owned();
        Ok(serde_json::to_value(Paths {
            registry: prices.with_file_name("registry.sqlite"),
            prices,
            projects,
        })?)
    })
    .await
}

#[derive(Deserialize)]
struct Since {
    since: Option<Time>,
    project: Option<ProjectId>,
}

async fn requests(State(platform): Knobs, Query(query): Query<Since>) -> Turned {
    let counts = platform.shared.requests.counts_since(query.since.unwrap_or(Time::MIN), query.project);
    Ok(Json(serde_json::to_value(counts).map_err(Failure::from)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    email: String,
}

/// Somebody else, with a console token.
async fn add_account(State(platform): Knobs, Json(new): Json<NewAccount>) -> Turned {
    blocking(platform, move |platform| {
        let id = AccountId::from_bytes(platform.random.id_bytes(platform.clock.now()));
        let account = platform.registry.ensure_account(&Account { id, name: new.name, email: new.email })?;
        let token = platform.random.uuid();
        platform.registry.replace_token(account.id, &token, platform.clock.now())?;
        Ok(json!({ "id": account.id, "email": account.email, "token": token }))
    })
    .await
}

fn done() -> Turned {
    Ok(Json(json!({ "success": true })))
}

async fn blocking(
    platform: Arc<Platform>,
    work: impl FnOnce(&Platform) -> Result<Value, Refusal> + Send + 'static,
) -> Turned {
    match tokio::task::spawn_blocking(move || work(&platform)).await {
        Ok(outcome) => Ok(Json(outcome?)),
        Err(_) => Err(Failure::Interrupted.into()),
    }
}

impl Jammed {
    fn wrong(sentence: impl Into<String>) -> Jammed {
        Jammed(StatusCode::BAD_REQUEST, sentence.into())
    }
}

impl From<Refusal> for Jammed {
    fn from(refusal: Refusal) -> Jammed {
        match refusal {
            Refusal::Internal(failure) => failure.into(),
            refusal => Jammed::wrong(refusal.to_string()),
        }
    }
}

impl From<Failure> for Jammed {
    fn from(failure: Failure) -> Jammed {
        Jammed(StatusCode::INTERNAL_SERVER_ERROR, failure.to_string())
    }
}

impl IntoResponse for Jammed {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

//! The console API: one table of routes, each with the guard that stands before it.

mod backups;
mod bad_day;
mod clients;
mod openapi;
mod people;
mod projects;
mod restores;
mod routes;
mod services;
mod tokens;
mod views;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tago_api::ProjectId;

pub use routes::{Guard, Route, routes};
pub(crate) use views::quote_view;

use crate::platform::{Platform, Refusal};
use crate::registry::{Account, ProjectRow, Role};

/// Bytes that a request's body may have.
const LARGEST_BODY: usize = 64 * 1024;

/// One request, with what the guard found out about it.
struct Call {
    account: Option<Account>,
    /// The project of the path and what the caller is in it.
    project: Option<(ProjectRow, Role)>,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    body: Bytes,
}

type Answer = Result<Reply, Refusal>;
type Waiting = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// How a route does its work.
#[derive(Clone, Copy)]
enum Handler {
    /// On a blocking thread.
    Blocking(fn(&Arc<Platform>, &Call) -> Answer),
    /// Where waiting costs nothing.
    Waiting(fn(Arc<Platform>, Call) -> Waiting),
}

/// A successful answer.
struct Reply {
    status: StatusCode,
    body: Vec<u8>,
}

/// The router made of the table.
pub(crate) fn router(platform: Arc<Platform>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::TRACE);
        let handler = move |State(platform): State<Arc<Platform>>, path: RawPathParams, request: Request| {
            serve(route, platform, path, request)
        };
        router = router.route(route.path, on(filter, handler));
    }
    router
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            Refusal::WrongMethod(format!("{method} {}", uri.path())).into_response()
        })
        .fallback(|uri: Uri| async move { Refusal::NoRoute(uri.path().to_owned()).into_response() })
        .with_state(platform)
}

async fn serve(
    route: &'static Route,
    platform: Arc<Platform>,
    path: RawPathParams,
    request: Request,
) -> Response {
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match answer(route, platform, path, request).await {
        Ok(reply) => (reply.status, [(header::CONTENT_TYPE, "application/json")], reply.body).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(
    route: &'static Route,
    platform: Arc<Platform>,
    path: HashMap<String, String>,
    request: Request,
) -> Answer {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.map_err(|_| Refusal::TooLarge(LARGEST_BODY))?;
    if !body.is_empty() && !is_json(&head.headers) {
        return Err(Refusal::BadInput("Content-Type: a body is sent as application/json.".into()));
    }
    let query = axum::extract::Query::<HashMap<String, String>>::try_from_uri(&head.uri)
        .map_err(|error| Refusal::BadInput(format!("The query of the address cannot be read: {error}.")))?
        .0;
    let token = head.headers.get("token").and_then(|token| token.to_str().ok()).map(str::to_owned);
    let mut call = Call { account: None, project: None, path, query, body };
    let admitted = {
        let platform = platform.clone();
        blocking(move || {
            admit(&platform, &route.guard, token.as_deref(), &mut call)?;
            match route.handler {
                Handler::Blocking(handler) => handler(&platform, &call).map(Admitted::Answered),
                Handler::Waiting(handler) => Ok(Admitted::Waits(handler, Box::new(call))),
            }
        })
        .await?
    };
    match admitted {
        Admitted::Answered(reply) => Ok(reply),
        Admitted::Waits(handler, call) => handler(platform, *call).await,
    }
}

enum Admitted {
    Answered(Reply),
    Waits(fn(Arc<Platform>, Call) -> Waiting, Box<Call>),
}

/// Lets a caller through, and notes who it is; the one place where rights are decided.
fn admit(platform: &Platform, guard: &Guard, token: Option<&str>, call: &mut Call) -> Result<(), Refusal> {
    if matches!(guard, Guard::Anyone) {
        return Ok(());
    }
    let account = match token {
        Some(token) => platform.registry.account_by_token(token)?,
        None => None,
    };
    let in_path = || call.path.get("project").cloned().unwrap_or_default();
    let Some(account) = account else {
        let of = token.map(|token| platform.registry.project_by_token(token)).transpose()?.flatten();
        let of = of.ok_or(Refusal::NotSignedIn)?;
        if !matches!(guard, Guard::Published) {
            return Err(Refusal::TokenOfProject);
        }
        let named = in_path();
        let row = if of == named { existing(platform, &named)? } else { None };
        // Whoever has a token may do what the owner's helpers may.
        call.project = Some((row.ok_or(Refusal::NoProject(named))?, Role::Admin));
        return Ok(());
    };
    if !matches!(guard, Guard::SignedIn) {
        let named = match guard {
            Guard::OwnerOfNamed(_) => call.json::<NamedProject>()?.project,
            _ => in_path(),
        };
        let member = member_of(platform, &account, &named)?;
        let (row, role) = member.ok_or(Refusal::NoProject(named))?;
        match guard {
            Guard::Owner(what) | Guard::OwnerOfNamed(what) if role != Role::Owner => {
                return Err(Refusal::OwnersOnly(what));
            }
            _ => call.project = Some((row, role)),
        }
    }
    call.account = Some(account);
    Ok(())
}

#[derive(serde::Deserialize)]
struct NamedProject {
    project: String,
}

/// The project and the caller's role; nothing if there is none that the caller may know of.
fn member_of(
    platform: &Platform,
    account: &Account,
    id: &str,
) -> Result<Option<(ProjectRow, Role)>, Refusal> {
    let Some(row) = existing(platform, id)? else { return Ok(None) };
    Ok(platform.registry.role(&row, account.id)?.map(|role| (row, role)))
}

fn existing(platform: &Platform, id: &str) -> Result<Option<ProjectRow>, Refusal> {
    let Ok(id) = id.parse::<ProjectId>() else { return Ok(None) };
    Ok(platform.registry.project(id)?.filter(|row| row.deleted_at.is_none()))
}

impl Call {
    fn account(&self) -> Result<&Account, Refusal> {
        self.account.as_ref().ok_or(Refusal::NotSignedIn)
    }

    fn project(&self) -> Result<&ProjectRow, Refusal> {
        self.project.as_ref().map(|(row, _)| row).ok_or_else(|| Refusal::NoProject(String::new()))
    }

    fn role(&self) -> Role {
        self.project.as_ref().map_or(Role::Contractor, |(_, role)| *role)
    }

    /// The body as JSON; an empty one counts as `{}`.
    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(body)
            .map_err(|error| Refusal::BadInput(format!("The body is not what this route takes: {error}.")))
    }

    /// An id in the path.
    fn id<T: std::str::FromStr>(&self, name: &str, missing: fn(String) -> Refusal) -> Result<T, Refusal> {
        let text = self.path.get(name).cloned().unwrap_or_default();
        text.parse().map_err(|_| missing(text))
    }

    /// A whole number in the query.
    fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.query.get(name) else { return Ok(None) };
        let number = text
            .parse()
            .map_err(|_| Refusal::BadInput(format!("{name}: {text:?} is not a whole number.")))?;
        Ok(Some(number))
    }
}

fn reply(body: &(impl Serialize + ?Sized)) -> Answer {
    reply_with(StatusCode::OK, body)
}

fn reply_with(status: StatusCode, body: &(impl Serialize + ?Sized)) -> Answer {
    Ok(Reply { status, body: serde_json::to_vec(body)? })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::Internal(crate::platform::Failure::Interrupted)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Refusal::NotSignedIn => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Refusal::OwnersOnly(_) | Refusal::TokenOfProject => (StatusCode::FORBIDDEN, "FORBIDDEN"),
            Refusal::NoProject(_)
            | Refusal::NoBackup(_)
            | Refusal::NoDeployment(_)
            | Refusal::NoQuote(_)
            | Refusal::NoAccount(_)
            | Refusal::NoService(_)
            | Refusal::NoClient(_)
            | Refusal::NoToken(_)
            | Refusal::NoRoute(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Refusal::WrongMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST"),
            Refusal::BadInput(_) => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
            Refusal::Conflict(_) | Refusal::QuoteUsed { .. } => (StatusCode::CONFLICT, "CONFLICT"),
            Refusal::QuoteExpired { .. } => (StatusCode::CONFLICT, "QUOTE_EXPIRED"),
            Refusal::QuoteChanged { .. } => (StatusCode::CONFLICT, "QUOTE_CHANGED"),
            Refusal::Busy(_) => (StatusCode::CONFLICT, "PROJECT_BUSY"),
            Refusal::Internal(failure) => {
                tracing::error!(%failure, "a request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
            }
        };
        let mut body = json!({ "error": self.to_string(), "code": code });
        if let Some(details) = self.details() {
            body["details"] = details;
        }
        (status, axum::Json(body)).into_response()
    }
}

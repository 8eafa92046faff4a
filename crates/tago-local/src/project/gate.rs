//! What every request to a project passes: faults, the token, the limit, the body's size.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Frame;
use serde_json::value::RawValue;

use super::Project;
use super::call::{Call, Handler, Refused};
use super::faults::FaultKind;
use super::query_text::QueryText;
use super::rates::Bucket;
use super::serve::DropConnection;
use super::store::Late;
use super::token::{self, Caller, TokenKind};

/// One row of the route table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    pub(super) label: Arc<str>,
    /// Whose token opens it.
    pub who: Who,
    /// How many requests a minute it takes.
    pub bucket: &'static Bucket,
    /// Bytes of the largest body.
    pub body_limit: usize,
    pub(super) handler: Handler,
}

/// Whose token opens a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Every token.
    Anyone,
    /// A profile's.
    Profile,
    /// A device's that may read.
    DeviceReading,
    /// A device's that may write.
    DeviceWriting,
    /// An analysis's.
    Analysis,
    /// A run user's.
    RunUser,
    /// None is needed; the route itself looks at the one that was sent, if it is good.
    Public,
    /// A network's that may write.
    Network,
    /// A profile's, or one of a shared dashboard or an embedded widget.
    Viewer,
}

impl Who {
    fn lets_in(self, caller: &Caller) -> bool {
        match self {
            Who::Anyone => caller.kind != TokenKind::Recovery,
            Who::Profile => caller.kind == TokenKind::Profile,
            Who::DeviceReading => caller.kind == TokenKind::Device && caller.permission.may_read(),
            Who::DeviceWriting => caller.kind == TokenKind::Device && caller.permission.may_write(),
            Who::Analysis => caller.kind == TokenKind::Analysis,
            Who::RunUser => caller.kind == TokenKind::RunUser,
            Who::Public => true,
            Who::Network => caller.kind == TokenKind::Network && caller.permission.may_write(),
            Who::Viewer => {
                matches!(caller.kind, TokenKind::Profile | TokenKind::Dashboard | TokenKind::Widget)
            }
        }
    }
}

/// Bytes of a body that is too large which are read so that its sender hears why it is refused.
const THROWN_AWAY: usize = 64_000_000;

/// Bytes of a body for which room is made when it is announced.
const BELIEVED: usize = 256_000;

pub(super) async fn pass(
    project: Project,
    route: Arc<Route>,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let clock = Arc::clone(&project.0.shared.clock);
    let mut response = answered(project, route, path, request).await;
    // By the clock that limits and dates are counted by.
    let date = clock.now().to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

async fn answered(
    project: Project,
    route: Arc<Route>,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let shared = &project.0.shared;
    let id = project.id();
    shared.requests.add(shared.clock.now(), id, route.label.clone());
    let mut strike = shared.faults.strike(id, &route.label);
    if strike.is_some_and(|strike| strike.kind == FaultKind::DropBefore) {
        return dropped();
    }
    let (parts, body) = request.into_parts();
    // A refusal before the body is read would close the connection under a client that still sends.
    let body = whole(body, route.body_limit).await;
    let arrived = Arrived { body, path, parts, effect_after: Duration::ZERO, halves: false, panics: false };
    while let Some(slow) = strike.filter(|strike| strike.kind == FaultKind::Slow) {
        let to_its_end = shared.faults.pause(slow).await;
        strike = if to_its_end { None } else { shared.faults.strike(id, &route.label) };
    }
    let Some(strike) = strike else { return carry_out(project, &route, arrived).await };
    match strike.kind {
        FaultKind::DropBefore => dropped(),
        FaultKind::Status if strike.status == 429 => Refused::too_many(1).into(),
        FaultKind::Status => asked_for(strike.status),
        FaultKind::Slow => carry_out(project, &route, arrived).await,
        FaultKind::CommitThenDrop => {
            carry_out(project, &route, arrived).await;
            dropped()
        }
        FaultKind::PartialBatch => {
            let part = arrived.body.as_deref().ok().and_then(|body| part_of(body, strike.part));
            if let Some(part) = part {
                carry_out(project, &route, Arrived { body: Ok(part), ..arrived }).await;
            }
            dropped()
        }
        FaultKind::CommitThenStatus => {
            carry_out(project, &route, arrived).await;
            asked_for(strike.status)
        }
        FaultKind::Unreadable => {
            let (parts, body) = carry_out(project, &route, arrived).await.into_parts();
            let Ok(body) = body.collect().await else { return dropped() };
            let body = body.to_bytes();
            Response::from_parts(parts, Body::from(body.slice(..body.len() / 2)))
        }
        FaultKind::RevokeToken => {
            if let Ok(caller) = caller(&project, &arrived.parts.headers) {
                let revoked = project.write(move |writing| token::revoke(writing.db, &caller)).await;
                if let Err(error) = revoked {
                    return Refused::from(error).into();
                }
            }
            carry_out(project, &route, arrived).await
        }
        FaultKind::LateEffect => {
            carry_out(project, &route, Arrived { effect_after: strike.delay, ..arrived }).await
        }
        FaultKind::HalfEffect => carry_out(project, &route, Arrived { halves: true, ..arrived }).await,
        FaultKind::Panic => carry_out(project, &route, Arrived { panics: true, ..arrived }).await,
        FaultKind::CutBody => cut(carry_out(project, &route, arrived).await).await,
        FaultKind::LateCommit => {
            tokio::spawn(async move {
                tokio::time::sleep(strike.delay).await;
                carry_out(project, &route, arrived).await;
            });
            dropped()
        }
    }
}

/// A request that is there as a whole.
struct Arrived {
    path: Vec<(String, String)>,
    parts: Parts,
    body: Result<Bytes, Refused>,
    effect_after: Duration,
    halves: bool,
    panics: bool,
}

async fn carry_out(project: Project, route: &Route, arrived: Arrived) -> Response<Body> {
    let outcome = match admitted(project.clone(), route, arrived) {
        Ok(call) => {
            let path = (call.caller.kind == TokenKind::Profile).then(|| call.path.clone());
            let outcome = (route.handler)(call).await;
            if let (Some(path), Ok(_)) = (path, &outcome) {
                let (now, who) = (project.0.shared.clock.now(), project.0.identity.owner.id.to_string());
                project.0.store.recent.trail.note(now, who, &route.method, route.path, &path);
            }
            outcome
        }
        Err(refused) => Err(refused),
    };
    match outcome {
        Ok(answer) => answer.into(),
        Err(refused) => refused.into(),
    }
}

fn admitted(project: Project, route: &Route, arrived: Arrived) -> Result<Call, Refused> {
    let Arrived { path, parts, body, effect_after, halves, panics } = arrived;
    let caller = match (caller(&project, &parts.headers), route.who) {
        (Err(refused), Who::Public) if refused.is_denial() => Caller::nobody(),
        (caller, _) => caller?,
    };
    if !route.who.lets_in(&caller) {
        return Err(Refused::denied());
    }
    let shared = &project.0.shared;
    let now = shared.clock.now();
    shared.rates.admit(project.id(), &route.label, route.bucket, now).map_err(Refused::too_many)?;
    let query = QueryText::parse(parts.uri.query().unwrap_or_default());
    let header =
        |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (host, content_type) = (header(HOST), header(CONTENT_TYPE));
    let is_of_records =
        route.path == "/data" || route.path.ends_with("/data") || route.path.ends_with("/data_amount");
    let reads =
        (route.method == Method::GET).then_some(if is_of_records { Late::Records } else { Late::Everything });
    Ok(Call {
        caller,
        path,
        query,
        body: body?,
        host,
        content_type,
        effect_after,
        halves,
        panics,
        reads,
        project,
    })
}

fn caller(project: &Project, headers: &HeaderMap) -> Result<Caller, Refused> {
    let missing =
        || Refused::new(StatusCode::UNAUTHORIZED, "Authorization Denied: send a token in the header `token`");
    let token = headers
        .get("token")
        .or_else(|| headers.get(AUTHORIZATION))
        .and_then(|token| token.to_str().ok())
        .ok_or_else(missing)?;
    let token = match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => token.trim(),
    };
    let now = project.0.shared.clock.now();
    let store = &project.0.store;
    let caller = store
        .lookup(|db| token::caller(db, token, now))??
        .ok_or_else(|| Refused::new(StatusCode::UNAUTHORIZED, "Invalid token"))?;
    store.recent.authorized(caller.token, now);
    Ok(caller)
}

/// Reads the whole body; of one that is too large the rest is read and thrown away, within reason.
async fn whole(mut body: Body, limit: usize) -> Result<Bytes, Refused> {
    let announced = hyper::body::Body::size_hint(&body).exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut read = BytesMut::with_capacity(announced.unwrap_or(0).min(limit).min(BELIEVED));
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refused::bad(format!("The body could not be read: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= limit {
            read.extend_from_slice(&data);
        } else if length > THROWN_AWAY {
            break;
        }
    }
    if length <= limit {
        return Ok(read.freeze());
    }
    Err(Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The body is larger than {} kB: send it in parts", limit / 1000),
    ))
}

fn asked_for(status: u16) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Refused::new(status, "This answer was asked for as a fault").into()
}

/// Some of the items of a list, as the bits of `choice` say: not none, and not all. A list of less
/// than two has no part.
fn part_of(body: &[u8], choice: u64) -> Option<Bytes> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    if items.len() < 2 {
        return None;
    }
    let chosen = |index: usize| choice.rotate_right(u32::try_from(index % 64).unwrap_or(0)) & 1 == 1;
    let mut kept: Vec<&RawValue> =
        items.iter().enumerate().filter(|(index, _)| chosen(*index)).map(|(_, item)| *item).collect();
    if kept.is_empty() {
        kept.push(items[0]);
    } else if kept.len() == items.len() {
        kept.pop();
    }
    serde_json::to_vec(&kept).ok().map(Bytes::from)
}

fn dropped() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(DropConnection);
    response
}

/// The answer with its full length announced and half of it sent.
async fn cut(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return dropped() };
    let body = body.to_bytes();
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    Response::from_parts(parts, Body::new(Half::Unsent(body.slice(..body.len() / 2))))
}

/// A body that breaks off.
enum Half {
    Unsent(Bytes),
    Sent,
    Flushed,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match std::mem::replace(&mut *self, Half::Flushed) {
            Half::Unsent(bytes) => {
                *self = Half::Sent;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            // The connection writes what it has before it asks again.
            Half::Sent => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Half::Flushed => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into()))),
        }
    }
}

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use rusqlite::Connection;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::query_text::QueryText;
use super::rates::Plan;
use super::store::{Late, Unwritten, Writing};
use super::token::Caller;
use super::{Project, ProjectError};

/// A request that was let in.
pub(super) struct Call {
    pub(super) project: Project,
    pub(super) caller: Caller,
    pub(super) path: Vec<(String, String)>,
    pub(super) query: QueryText,
    pub(super) body: Bytes,
    /// The address that the client used, for links.
    pub(super) host: String,
    /// What the body says that it is.
    pub(super) content_type: String,
    /// How long after the answer the removal of data takes effect.
    pub(super) effect_after: Duration,
    /// Whether an import breaks down half-way.
    pub(super) halves: bool,
    /// Whether a test asks for a panic of the writer's work.
    pub(super) panics: bool,
    /// What it asks for, if it changes nothing: that may be shown late.
    pub(super) reads: Option<Late>,
}

/// What carries a request out.
pub(super) type Handler =
    Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Refused>> + Send>> + Send + Sync>;

const JSON: Cow<'static, str> = Cow::Borrowed("application/json");

/// A successful answer.
pub(super) struct Answer {
    status: StatusCode,
    content_type: Cow<'static, str>,
    body: Bytes,
}

/// Why a request is refused: a status, and a sentence that names what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    status: StatusCode,
    message: Value,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a Value>,
}

impl Call {
    /// A part of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The plan of the project's owner.
    pub(super) fn plan(&self) -> Plan {
        self.project.0.shared.rates.plan(self.project.id())
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        json(&self.body)
            .map_err(|error| Refused::bad(format!("The body is not what this route takes: {error}")))
    }

    /// Reads from the main database, all from one moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        match self.reads {
            Some(what) => self.project.read_late(what, |db| Ok(work(db))).await?,
            None => self.project.read(|db| Ok(work(db))).await?,
        }
    }

    /// Changes the main database, all or nothing; durable when it returns.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let panics = self.panics;
        let work = move |writing: &mut Writing<'_>| {
            let done = work(writing);
            assert!(!panics, "This panic was asked for as a fault");
            done
        };
        match self.project.0.store.write(work).await {
            Ok(outcome) => outcome,
            Err(Unwritten::Closed) => Err(ProjectError::Closed.into()),
            Err(Unwritten::Panicked) => Err(ProjectError::Panicked.into()),
            Err(Unwritten::Commit(error)) => Err(error.into()),
        }
    }
}

/// Reads JSON that is UTF-8 in all of its parts, also in those that nobody looks at.
pub(super) fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl Answer {
    /// `result` in the platform's envelope.
    pub(super) fn ok(result: impl Serialize) -> Result<Answer, Refused> {
        Self::with_status(StatusCode::OK, result)
    }

    /// The same for something that now exists.
    pub(super) fn created(result: impl Serialize) -> Result<Answer, Refused> {
        Self::with_status(StatusCode::CREATED, result)
    }

    /// The same for data that was taken in.
    pub(super) fn accepted(result: impl Serialize) -> Result<Answer, Refused> {
        Self::with_status(StatusCode::ACCEPTED, result)
    }

    /// `result` in the envelope, and the same or more as fields beside it.
    pub(super) fn with_fields(result: impl Serialize, fields: Value) -> Result<Answer, Refused> {
        let mut envelope = Map::new();
        envelope.insert("status".into(), true.into());
        envelope.insert("result".into(), serde_json::to_value(result).unwrap_or_default());
        envelope.extend(fields.as_object().cloned().unwrap_or_default());
        let body = Value::Object(envelope).to_string();
        Ok(Answer { status: StatusCode::OK, content_type: JSON, body: body.into() })
    }

    /// A result that is JSON already.
    pub(super) fn raw_json(result: &[u8]) -> Answer {
        let mut body = Vec::with_capacity(result.len() + 32);
        body.extend_from_slice(b"{\"status\":true,\"result\":");
        body.extend_from_slice(result);
        body.push(b'}');
        Answer { status: StatusCode::OK, content_type: JSON, body: body.into() }
    }

    /// Bytes without an envelope.
    pub(super) fn bytes(content_type: &'static str, body: Vec<u8>) -> Answer {
        Answer { status: StatusCode::OK, content_type: content_type.into(), body: body.into() }
    }

    /// The content of a file.
    pub(super) fn file(content_type: String, body: Vec<u8>) -> Answer {
        Answer { status: StatusCode::OK, content_type: content_type.into(), body: body.into() }
    }

    fn with_status(status: StatusCode, result: impl Serialize) -> Result<Answer, Refused> {
        let envelope = Envelope { status: true, result: Some(result), message: None };
        let body = serde_json::to_vec(&envelope)
            .map_err(|error| Refused::internal(format!("The answer could not be written: {error}")))?;
        Ok(Answer { status, content_type: JSON, body: body.into() })
    }
}

impl Refused {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Refused {
        Self::saying(status, Value::String(message.into()))
    }

    /// With a message that is more than a sentence, for software.
    pub(super) fn saying(status: StatusCode, message: Value) -> Refused {
        Refused { status, message, retry_after: None }
    }

    /// Whether nobody was recognised by a token.
    pub(super) fn is_denial(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(super) fn bad(message: impl Into<String>) -> Refused {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn denied() -> Refused {
        Self::new(StatusCode::UNAUTHORIZED, "Authorization Denied")
    }

    pub(super) fn not_found(what: &str, id: &str) -> Refused {
        Self::new(StatusCode::NOT_FOUND, format!("{what} {id} does not exist"))
    }

    pub(super) fn over_limit(what: &str, limit: u64) -> Refused {
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            format!(
                "You have exceeded the maximum limit of {what} ({limit}). Remove one, or choose a larger plan."
            ),
        )
    }

    pub(super) fn too_many(seconds: u64) -> Refused {
        Refused {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, format!("Too many requests (Retry-After: {seconds})"))
        }
    }

    pub(super) fn internal(message: impl Into<String>) -> Refused {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Value::String(sentence) => f.write_str(sentence),
            other => other.fmt(f),
        }
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        Refused::internal(format!("The project's database could not be used: {error}"))
    }
}

impl From<ProjectError> for Refused {
    fn from(error: ProjectError) -> Refused {
        match error {
            ProjectError::Closed => Self::new(StatusCode::SERVICE_UNAVAILABLE, "The project is not running"),
            other => Refused::internal(other.to_string()),
        }
    }
}

impl From<Answer> for Response<Body> {
    fn from(answer: Answer) -> Response<Body> {
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = answer.status;
        let content_type = HeaderValue::from_str(&answer.content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

impl From<Refused> for Response<Body> {
    fn from(refused: Refused) -> Response<Body> {
        let envelope = Envelope::<()> { status: false, result: None, message: Some(&refused.message) };
        let body = serde_json::to_vec(&envelope).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = refused.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = refused.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

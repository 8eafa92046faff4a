use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::address::TokenError;

/// Why a call did not bring what was asked for.
///
/// `route` is the method and path with placeholders, so that no id, token or
/// query can be in a message.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The credential was stored for another address.
    #[error("this token was given for {stored} and is not sent to {asked}")]
    OtherAddress {
        /// Scheme, host and port where the credential belongs.
        stored: String,
        /// Scheme, host and port where it was about to be sent.
        asked: String,
    },
    /// The text cannot be a token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The client could not be set up, for example because the system's certificates are unreadable.
    #[error("the connection could not be prepared")]
    Setup(#[source] reqwest::Error),
    /// What should be sent could not be written as JSON.
    #[error("the body of {route} could not be written")]
    Encode {
        /// The call.
        route: &'static str,
        /// What could not be written.
        source: serde_json::Error,
    },
    /// Nobody answered at this address; not one byte was sent.
    #[error("nobody answers at {origin} ({route})")]
    Connect {
        /// The call.
        route: &'static str,
        /// Scheme, host and port.
        origin: String,
        /// What the network said.
        source: reqwest::Error,
    },
    /// The connection broke or went silent after the request had begun.
    #[error("{origin} did not finish its answer to {route}")]
    Interrupted {
        /// The call.
        route: &'static str,
        /// Scheme, host and port.
        origin: String,
        /// What the network said.
        source: reqwest::Error,
    },
    /// The platform answered with an error.
    #[error("{origin} refused {route}: {refusal}")]
    Refused {
        /// The call.
        route: &'static str,
        /// Scheme, host and port.
        origin: String,
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// The answer points elsewhere; a token follows no pointer.
    #[error("{origin} points {route} to another address, which is not followed")]
    Redirected {
        /// The call.
        route: &'static str,
        /// Scheme, host and port.
        origin: String,
    },
    /// The answer is longer than the client is willing to hold.
    #[error("{origin} answered {route} with more than {limit} bytes")]
    TooLarge {
        /// The call.
        route: &'static str,
        /// Scheme, host and port.
        origin: String,
        /// Bytes that would have been accepted.
        limit: usize,
    },
    /// The answer is not what this call answers with.
    #[error("{origin} answered {route} with something else than expected, at {at}")]
    Undecodable {
        /// The call.
        route: &'static str,
        /// Scheme, host and port.
        origin: String,
        /// Path inside the document, for example `result[3].time`.
        at: String,
        /// All that arrived.
        body: Body,
        /// What was expected there.
        source: serde_json::Error,
    },
}

/// What is known about a write after its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The platform took it.
    Acknowledged,
    /// The platform certainly did not take it.
    NotReceived,
    /// Nobody can tell without looking.
    Ambiguous,
}

impl ApiError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            ApiError::Connect { source, .. } => !has_certificate_trouble(source),
            ApiError::Interrupted { .. } => true,
            ApiError::Refused { refusal, .. } => {
                refusal.status == 408 || refusal.status == 429 || refusal.status >= 500
            }
            _ => false,
        }
    }

    /// How long the platform asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ApiError::Refused { refusal, .. } => refusal.retry_after,
            _ => None,
        }
    }

    /// What this error says about a write: never [`Delivery::Acknowledged`].
    pub fn delivery(&self) -> Delivery {
        match self {
            ApiError::OtherAddress { .. }
            | ApiError::Token(_)
            | ApiError::Setup(_)
            | ApiError::Encode { .. }
            | ApiError::Connect { .. } => Delivery::NotReceived,
            ApiError::Refused { refusal, .. } if refusal.is_certain() => Delivery::NotReceived,
            _ => Delivery::Ambiguous,
        }
    }

    /// The HTTP status, where there was an answer with an error.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// What the platform said, where it answered with an error.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ApiError::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// Whether the token is the trouble: unknown, revoked or of the wrong kind.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// Whether the thing asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }
}

/// An error as the platform words it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The console's code, for example `QUOTE_EXPIRED`; the data plane has none.
    pub code: Option<String>,
    /// The sentence that came with it.
    pub message: String,
    /// What the console adds, for example a fresh quote.
    pub details: Option<Box<RawValue>>,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Whether a write that was answered so has certainly not been carried out.
    fn is_certain(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 408
    }

    pub(super) fn read(status: u16, body: &[u8]) -> Refusal {
        let document: ErrorDocument = serde_json::from_slice(body).unwrap_or_default();
        let message = [document.error, document.message, document.result.and_then(ErrorResult::message)]
            .into_iter()
            .flatten()
            .find(|message| !message.trim().is_empty())
            .unwrap_or_else(|| format!("HTTP status {status}"));
        let retry_after = seconds_in(&message);
        Refusal { status, code: document.code, message, details: document.details, retry_after }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message.trim_end_matches('.'), self.status)
    }
}

/// Bytes of an answer. They may hold a token, so they are printed as their length only.
#[derive(Clone)]
pub struct Body(pub Bytes);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

/// Both shapes of the data plane and the console's, in one.
#[derive(Deserialize, Default)]
struct ErrorDocument {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    details: Option<Box<RawValue>>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    result: Option<ErrorResult>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorResult {
    Object { message: String },
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl ErrorResult {
    fn message(self) -> Option<String> {
        match self {
            ErrorResult::Object { message } | ErrorResult::Text(message) => Some(message),
            ErrorResult::Other(_) => None,
        }
    }
}

/// The wait inside `Too many requests (Retry-After: 8)`.
fn seconds_in(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("Retry-After:")?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(wait_of)
}

/// A wait that a platform asks for; one that is absurdly long counts as an hour.
pub(super) fn wait_of(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(3_600))
}

fn has_certificate_trouble(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.to_string().contains("certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_published_error_shapes_and_the_consoles_are_read() {
        let read = |status, text: &str| Refusal::read(status, text.as_bytes());
        let published = read(401, r#"{"status":false,"message":"Authorization Denied"}"#);
        assert_eq!(published.to_string(), "Authorization Denied (401)");
        let nested = read(400, r#"{"status":false,"result":{"message":"Invalid device"}}"#);
        assert_eq!(nested.message, "Invalid device");
        let console = read(
            409,
            r#"{"error":"The price has changed.","code":"QUOTE_CHANGED","details":{"quote":{"id":"x"}}}"#,
        );
        assert_eq!(
            (console.code.as_deref(), console.message.as_str()),
            (Some("QUOTE_CHANGED"), "The price has changed.")
        );
        assert_eq!(console.details.unwrap().get(), r#"{"quote":{"id":"x"}}"#);
        let null = read(404, r#"{"error":"No such project.","code":"NOT_FOUND","details":null}"#);
        assert!(null.details.is_none());
        let page = read(502, "<html>Bad gateway</html>");
        assert_eq!(page.to_string(), "HTTP status 502 (502)");
    }

    #[test]
    fn the_wait_is_read_from_the_message() {
        let wait = |text: &str| Refusal::read(429, text.as_bytes()).retry_after;
        assert_eq!(
            wait(r#"{"status":false,"message":"Too many requests (Retry-After: 8)"}"#),
            Some(Duration::from_secs(8))
        );
        assert_eq!(wait(r#"{"status":false,"message":"Too many requests"}"#), None);
    }

    #[test]
    fn only_an_explicit_refusal_says_that_nothing_was_taken() {
        let delivery = |status| {
            ApiError::Refused {
                route: "POST /data",
                origin: "https://api.tago.io".into(),
                refusal: Box::new(Refusal::read(status, b"{}")),
            }
            .delivery()
        };
        for status in [400, 401, 402, 403, 404, 409, 413, 422, 429] {
            assert_eq!(delivery(status), Delivery::NotReceived, "{status}");
        }
        for status in [200, 302, 408, 500, 502, 503, 504] {
            assert_eq!(delivery(status), Delivery::Ambiguous, "{status}");
        }
    }
}

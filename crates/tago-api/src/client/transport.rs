//! The one path that every request takes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::address::{Address, Credential};
use super::error::{ApiError, Body, Refusal, wait_of};
use super::remote_clock::RemoteClock;
use crate::Time;

/// Times and sizes of a client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// Longest silence of the other side.
    pub read_timeout: Duration,
    /// Longest time of one call, from its first byte to the last of the answer.
    pub call_timeout: Duration,
    /// Most bytes of an answer that are held.
    pub answer_limit: usize,
    /// How calls that change nothing are repeated.
    pub retries: Retries,
}

/// How a GET is repeated after trouble that may pass. Anything else is never repeated.
#[derive(Debug, Clone)]
pub struct Retries {
    /// Repetitions after the first attempt.
    pub count: u32,
    /// Wait before the first repetition; doubles with each.
    pub first_wait: Duration,
    /// A wait longer than this, also one that the platform asks for, is the caller's to decide.
    pub longest_wait: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            call_timeout: Duration::from_secs(120),
            answer_limit: 64 << 20,
            retries: Retries {
                count: 4,
                first_wait: Duration::from_millis(250),
                longest_wait: Duration::from_secs(10),
            },
        }
    }
}

impl Settings {
    /// Every call is made once, and each trouble reported at once.
    pub fn without_retries(mut self) -> Settings {
        self.retries.count = 0;
        self
    }
}

/// Bytes of an answer from which reading it takes longer than waking another thread.
const LARGE: usize = 64 << 10;

/// Bytes of an answer for which room is made when it is announced.
const LIKELY: usize = 4 << 20;

#[derive(Clone)]
pub(super) struct Transport {
    client: Client,
    credential: Credential,
    header: HeaderValue,
    settings: Settings,
    clock: Arc<RemoteClock>,
    /// Large answers are read one after the other: while it is read, one takes several times its size.
    reading: Arc<Mutex<()>>,
}

impl Transport {
    pub(super) fn new(
        address: &Address,
        credential: Credential,
        settings: Settings,
    ) -> Result<Transport, ApiError> {
        if credential.address() != address {
            return Err(ApiError::OtherAddress {
                stored: credential.address().origin(),
                asked: address.origin(),
            });
        }
        let header = credential.header()?;
        let client = Client::builder()
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .https_only(address.url().scheme() == "https")
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            // The name means this computer, whatever a name server says.
            .resolve_to_addrs("localhost", &loopback())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .timeout(settings.call_timeout)
            .build()
            .map_err(ApiError::Setup)?;
        let clock = Arc::new(RemoteClock::new());
        Ok(Transport { client, credential, header, settings, clock, reading: Arc::default() })
    }

    /// The same connections under another token of the same address.
    pub(super) fn with_token(&self, token: &SecretString) -> Result<Transport, ApiError> {
        let credential = Credential::new(self.address().clone(), token)?;
        Ok(Transport { header: credential.header()?, credential, ..self.clone() })
    }

    pub(super) fn remote_now(&self) -> Option<Time> {
        self.clock.now()
    }

    pub(super) fn address(&self) -> &Address {
        self.credential.address()
    }

    /// The console's manner: the bare document.
    pub(super) async fn document<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        let route = call.route;
        let body = self.send(call).await?;
        decode(&body, "").map_err(|(at, source)| self.undecodable(route, at, body, source))
    }

    /// The data plane's manner: `{status: true, result}`.
    pub(super) async fn result<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
    ) -> Result<T, ApiError> {
        self.result_as(call, |result: T| result).await
    }

    /// The same in another shape, made where the answer is read.
    pub(super) async fn result_as<T: DeserializeOwned, U: Send + 'static>(
        &self,
        call: Call,
        shape: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, ApiError> {
        let route = call.route;
        let body = self.send(call).await?;
        if body.len() < LARGE {
            return self.understood(route, body).map(shape);
        }
        let transport = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _alone = transport.reading.lock().unwrap_or_else(PoisonError::into_inner);
            transport.understood(route, body).map(shape)
        });
        read.await.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()))
    }

    fn understood<T: DeserializeOwned>(&self, route: &'static str, body: Bytes) -> Result<T, ApiError> {
        // Looked at once for what is no text, and not again for each text in it.
        if let Ok(text) = std::str::from_utf8(&body)
            && let Ok(Answer { status: true, result }) = serde_json::from_str(text)
        {
            return Ok(result);
        }
        // Once more, and slowly, to tell what is wrong with it and where.
        let envelope: Envelope<'_> = match decode(&body, "") {
            Ok(envelope) => envelope,
            Err((at, source)) => return Err(self.undecodable(route, at, body.clone(), source)),
        };
        if !envelope.status {
            return Err(self.refused(route, Refusal::read(200, &body)));
        }
        let result = envelope.result.map_or("null", RawValue::get);
        decode(result.as_bytes(), "result")
            .map_err(|(at, source)| self.undecodable(route, at, body.clone(), source))
    }

    /// A file: the bare bytes, also where the platform points to its store for them.
    pub(super) async fn bytes(&self, call: Call) -> Result<Bytes, ApiError> {
        self.send(call.pointing()).await
    }

    /// What a link of the platform leads to. The token goes along only to where it belongs.
    pub(super) async fn linked(&self, route: &'static str, link: &str) -> Result<Bytes, ApiError> {
        let redirected = || ApiError::Redirected { route, origin: self.address().origin() };
        let url = self.address().url().join(link).map_err(|_| redirected())?;
        let is_home = url.origin() == self.address().url().origin();
        if !is_home && url.scheme() != "https" {
            return Err(redirected());
        }
        let mut request = self.client.get(url);
        if is_home {
            request = request.header("token", self.header.clone());
        }
        let response = request.send().await.map_err(|error| self.unsent(route, error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(redirected());
        }
        let body = self.read(route, response).await?;
        if status.is_success() {
            return Ok(body);
        }
        Err(self.refused(route, Refusal::read(status.as_u16(), &body)))
    }

    /// Most bytes of an answer that are held.
    pub(super) fn answer_limit(&self) -> usize {
        self.settings.answer_limit
    }

    async fn send(&self, call: Call) -> Result<Bytes, ApiError> {
        let mut wait = self.settings.retries.first_wait;
        let mut left = if call.method == Method::GET { self.settings.retries.count } else { 0 };
        loop {
            let error = match self.send_once(&call).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let pause = error.retry_after().unwrap_or(wait);
            if left == 0 || !error.is_retryable() || pause > self.settings.retries.longest_wait {
                return Err(error);
            }
            tracing::debug!(route = call.route, ?pause, %error, "asking again");
            tokio::time::sleep(pause).await;
            left -= 1;
            wait *= 2;
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Bytes, ApiError> {
        let mut request = self
            .client
            .request(call.method.clone(), call.url(self.address()))
            .header("token", self.header.clone());
        if let Some(body) = &call.body {
            let content_type = call.form.as_deref().unwrap_or("application/json");
            request = request.header(CONTENT_TYPE, content_type).body(body.clone());
        }
        let route = call.route;
        let asked = self.clock.asked();
        let response = request.send().await.map_err(|error| self.unsent(route, error))?;
        let status = response.status();
        let date = date(response.headers());
        if let Some(date) = date {
            self.clock.note(asked, date);
        }
        let stated_wait = stated_wait(response.headers(), date);
        tracing::trace!(route, status = status.as_u16(), "answered");
        if status.is_redirection() {
            let link = response.headers().get(LOCATION).and_then(|link| link.to_str().ok());
            return match link {
                Some(link) if call.pointing => self.linked(route, link).await,
                _ => Err(ApiError::Redirected { route, origin: self.address().origin() }),
            };
        }
        let body = self.read(route, response).await?;
        if status.is_success() {
            return Ok(body);
        }
        let mut refusal = Refusal::read(status.as_u16(), &body);
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            refusal.retry_after = stated_wait.header.or(refusal.retry_after);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            refusal.retry_after = refusal.retry_after.or(Some(stated_wait.rest_of_minute));
        }
        Err(self.refused(route, refusal))
    }

    async fn read(&self, route: &'static str, mut response: Response) -> Result<Bytes, ApiError> {
        let limit = self.settings.answer_limit;
        // What is announced may be more than ever comes: it is believed as far as a page of records goes.
        let announced = response.content_length().and_then(|bytes| usize::try_from(bytes).ok());
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(limit).min(LIKELY));
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                    return Err(ApiError::TooLarge { route, origin: self.address().origin(), limit });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(source) => return Err(self.interrupted(route, source)),
            }
        }
    }

    fn unsent(&self, route: &'static str, source: reqwest::Error) -> ApiError {
        if source.is_connect() || source.is_builder() {
            let source = source.without_url();
            ApiError::Connect { route, origin: self.address().origin(), source }
        } else {
            self.interrupted(route, source)
        }
    }

    fn interrupted(&self, route: &'static str, source: reqwest::Error) -> ApiError {
        ApiError::Interrupted { route, origin: self.address().origin(), source: source.without_url() }
    }

    fn refused(&self, route: &'static str, mut refusal: Refusal) -> ApiError {
        refusal.message = refusal.message.replace(self.credential.token().expose_secret(), "[token]");
        ApiError::Refused { route, origin: self.address().origin(), refusal: Box::new(refusal) }
    }

    pub(super) fn undecodable(
        &self,
        route: &'static str,
        at: String,
        body: Bytes,
        source: serde_json::Error,
    ) -> ApiError {
        ApiError::Undecodable { route, origin: self.address().origin(), at, body: Body(body), source }
    }
}

/// One request, before it has an address or a token.
pub(super) struct Call {
    method: Method,
    route: &'static str,
    arguments: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Bytes>,
    /// The content type of a body that is a form, and not JSON.
    form: Option<String>,
    /// Whether the answer may be a pointer to where the bytes are.
    pointing: bool,
}

impl Call {
    /// `route` is method and path, for example `GET /device/{device}/params`; each
    /// `{placeholder}` takes the next [`Call::with`], and `{*placeholder}` one with its slashes.
    pub(super) fn new(route: &'static str) -> Call {
        let method = match route.split_once(' ').map(|(method, _)| method) {
            Some("POST") => Method::POST,
            Some("PUT") => Method::PUT,
            Some("DELETE") => Method::DELETE,
            _ => Method::GET,
        };
        Call {
            method,
            route,
            arguments: Vec::new(),
            query: Vec::new(),
            body: None,
            form: None,
            pointing: false,
        }
    }

    pub(super) fn with(mut self, argument: impl ToString) -> Call {
        self.arguments.push(argument.to_string());
        self
    }

    pub(super) fn query(mut self, name: impl Into<String>, value: impl ToString) -> Call {
        self.query.push((name.into(), value.to_string()));
        self
    }

    pub(super) fn json(self, body: &impl Serialize) -> Result<Call, ApiError> {
        let route = self.route;
        let body = serde_json::to_vec(body).map_err(|source| ApiError::Encode { route, source })?;
        Ok(self.body(body.into()))
    }

    pub(super) fn body(mut self, body: Bytes) -> Call {
        self.body = Some(body);
        self
    }

    /// A form of texts and one file, as browsers send them.
    pub(super) fn form(mut self, texts: &[(&str, &str)], file: &Bytes) -> Call {
        let boundary = boundary(file);
        let mut body = BytesMut::with_capacity(file.len() + 1_024);
        for (name, text) in texts {
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(text.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"part\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        self.form = Some(format!("multipart/form-data; boundary={boundary}"));
        self.body(body.freeze())
    }

    fn pointing(self) -> Call {
        Call { pointing: true, ..self }
    }

    fn url(&self, address: &Address) -> Url {
        let mut url = address.url().clone();
        let path = self.route.split_once(' ').map_or(self.route, |(_, path)| path);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear();
            let mut arguments = self.arguments.iter();
            for segment in path.trim_start_matches('/').split('/') {
                let argument = segment.starts_with('{').then(|| arguments.next()).flatten();
                match argument {
                    Some(path) if segment.starts_with("{*") => {
                        segments.extend(path.split('/').filter(|part| !part.is_empty()));
                    }
                    argument => {
                        segments.push(argument.map_or(segment, String::as_str));
                    }
                }
            }
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

/// A line that is not in the file.
fn boundary(file: &[u8]) -> String {
    let mut number = 0_u64;
    loop {
        let boundary = format!("holdfast-{number:016x}");
        let is_in_it = file.windows(boundary.len()).any(|window| window == boundary.as_bytes());
        if !is_in_it {
            return boundary;
        }
        number += 1;
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    status: bool,
    result: T,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    status: bool,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8], base: &str) -> Result<T, (String, serde_json::Error)> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let at = match (base, path.as_str()) {
            ("", ".") => "the beginning".to_owned(),
            ("", _) => path,
            (_, ".") => base.to_owned(),
            (_, inner) if inner.starts_with('[') => format!("{base}{inner}"),
            (_, inner) => format!("{base}.{inner}"),
        };
        (at, without_content(error.into_inner()))
    })?;
    json.end().map_err(|error| ("the end".to_owned(), error))?;
    Ok(value)
}

/// The same error with what was expected and without what was found, which may be a token.
fn without_content(error: serde_json::Error) -> serde_json::Error {
    let message = error.to_string();
    // What was found stands before what was expected, or in quotation marks.
    let told = match (message.rfind("expected "), message.rfind('"')) {
        (Some(expected), _) => &message[expected..],
        (None, Some(quotation)) => message[quotation + 1..].trim_start(),
        (None, None) => return error,
    };
    serde_json::Error::custom(told)
}

struct StatedWait {
    header: Option<Duration>,
    rest_of_minute: Duration,
}

/// Limits are counted by the server's calendar minute, so the last resort is what its clock has left of it.
fn stated_wait(headers: &HeaderMap, date: Option<Time>) -> StatedWait {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let header = header.and_then(|seconds| seconds.trim().parse().ok()).map(wait_of);
    let second = date.map_or(0, |date| (date.millis() / 1_000).rem_euclid(60).unsigned_abs());
    StatedWait { header, rest_of_minute: Duration::from_secs(60 - second) }
}

fn date(headers: &HeaderMap) -> Option<Time> {
    let date = headers.get(DATE)?.to_str().ok()?;
    chrono::DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc().into())
}

fn loopback() -> [SocketAddr; 2] {
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, 0))
}

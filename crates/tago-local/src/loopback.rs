//! The loopback interface: listeners, and who may speak to them.

mod client;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

pub use client::{Client, ClientError};

/// Where the platform's listeners come from.
pub trait Listeners: Send + Sync + 'static {
    /// Listens at `port` of the loopback interface; at any free one if it is 0.
    ///
    /// # Errors
    /// If the port is taken or may not be used.
    fn bind(&self, port: u16) -> io::Result<TcpListener>;
}

/// Listeners of this computer.
#[derive(Debug, Default, Clone, Copy)]
pub struct Loopback;

impl Listeners for Loopback {
    fn bind(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }
}

/// Listens at the port used before, or at another if that is taken.
pub(crate) fn bind_again(listeners: &dyn Listeners, port: Option<u16>) -> io::Result<TcpListener> {
    match port.map(|port| listeners.bind(port)) {
        Some(Ok(listener)) => Ok(listener),
        Some(Err(error)) if error.kind() != io::ErrorKind::AddrInUse => Err(error),
        _ => listeners.bind(0),
    }
}

/// Makes a bound listener ready for serving.
pub(crate) fn into_async(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Refuses what a web page could send: a foreign `Host` (DNS rebinding), a foreign `Origin`.
pub(crate) fn guarded(router: Router, address: SocketAddr) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        match foreign(&request, address) {
            None => next.run(request).await,
            Some(sentence) => refusal(sentence),
        }
    }))
}

fn foreign(request: &Request, address: SocketAddr) -> Option<&'static str> {
    let own = |authority: &str| {
        authority == address.to_string() || authority == format!("localhost:{}", address.port())
    };
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if !text(header::HOST).is_some_and(own) {
        return Some("Ask at the address that the platform printed: this Host is not it.");
    }
    let origin_is_own = |origin: &str| origin.strip_prefix("http://").is_some_and(own);
    if !text(header::ORIGIN).is_none_or(origin_is_own) {
        return Some("A page of another origin may not speak to the practice platform.");
    }
    None
}

fn refusal(sentence: &str) -> Response {
    let body = serde_json::json!({
        "error": sentence, "code": "FORBIDDEN", "details": null,
        "status": false, "message": sentence,
    });
    (StatusCode::FORBIDDEN, axum::Json(body)).into_response()
}

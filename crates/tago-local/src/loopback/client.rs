use std::net::SocketAddr;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::TcpStream;

/// A request to an API of this platform got no usable answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody accepts connections there.
    #[error("{address} does not accept connections: {source}")]
    Connect { address: SocketAddr, source: std::io::Error },
    /// The connection broke.
    #[error("the request to {address} broke off: {source}")]
    Exchange { address: SocketAddr, source: hyper::Error },
    /// The request cannot be written down.
    #[error("the request is not one: {0}")]
    Request(#[from] hyper::http::Error),
    /// The body is not the JSON that was expected.
    #[error("unexpected JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The API refused.
    #[error("{method} {path} was answered with {status}: {body}")]
    Refused { method: Method, path: String, status: StatusCode, body: String },
}

/// A client of the platform's own APIs: one connection, one request after the other.
///
/// It never leaves the loopback interface, because an address is all it takes.
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of the API at `address`, with a console, profile or device token.
    pub fn new(address: SocketAddr, token: Option<&str>) -> Client {
        Client { address, token: token.map(str::to_owned), connection: None }
    }

    /// Sends one request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token).header("token", token);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(body.unwrap_or_default()))?;
        let address = self.address;
        let exchange = |source| ClientError::Exchange { address, source };
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => self.connect().await?,
        };
        connection.ready().await.map_err(exchange)?;
        let response = connection.send_request(request).await.map_err(exchange)?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(exchange)?.to_bytes();
        self.connection = Some(connection);
        Ok((status, bytes))
    }

    /// Sends `body` as JSON and reads JSON; any status but success is an error.
    ///
    /// # Errors
    /// If no answer comes, or another one.
    pub async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<T, ClientError> {
        let bytes = body.map(serde_json::to_vec).transpose()?;
        let (status, answer) = self.send(method.clone(), path, bytes).await?;
        if !status.is_success() {
            let body = String::from_utf8_lossy(&answer).into_owned();
            return Err(ClientError::Refused { method, path: path.to_owned(), status, body });
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let address = self.address;
        let stream =
            TcpStream::connect(address).await.map_err(|source| ClientError::Connect { address, source })?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|source| ClientError::Exchange { address, source })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the platform's own API ended");
            }
        });
        Ok(sender)
    }
}

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use thiserror::Error;
use tokio::net::TcpListener;

/// Put into a response's extensions, it makes [`serve`] close the connection without an answer.
#[derive(Debug, Clone, Copy)]
pub struct DropConnection;

#[derive(Debug, Error)]
#[error("the connection is dropped")]
struct Dropped;

const TIME_TO_FINISH: Duration = Duration::from_secs(5);

/// Serves `router` to whoever connects to `listener`, until `stop`; then what runs may finish.
///
/// Unlike [`axum::serve`] it can close a connection without an answer, which a
/// fault needs (see [`DropConnection`]).
pub async fn serve(listener: TcpListener, router: axum::Router, stop: impl Future<Output = ()> + Send) {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, for example: connections that end make room.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Small answers must not wait for the client's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
            continue;
        }
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            async move { answer(router, request).await }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(TIME_TO_FINISH, graceful.shutdown()).await.is_err() {
        tracing::debug!("connections were still open when the service stopped");
    }
}

async fn answer(mut router: axum::Router, request: Request<Incoming>) -> Result<Response, Dropped> {
    let response: Result<Response, Infallible> =
        tower_service::Service::call(&mut router, request.map(Body::new)).await;
    let response = response.unwrap_or_else(|never| match never {});
    match response.extensions().get::<DropConnection>() {
        Some(DropConnection) => Err(Dropped),
        None => Ok(response),
    }
}

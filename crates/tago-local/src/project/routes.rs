//! The data plane's routes, as data.

mod account;
mod backups;
mod data;
mod files;
mod resources;
mod run;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::{Method, Response, StatusCode};
use axum::routing::{MethodFilter, on};

use super::Project;
use super::call::{Answer, Call, Handler, Refused};
use super::gate::{self, Route, Who};
use super::rates::Bucket;

const SMALL: usize = 200_000;
const LARGE: usize = 16_000_000;

pub(super) fn router(project: &Project) -> Router {
    let mut router = Router::new()
        .fallback(|| refuse(StatusCode::NOT_FOUND, "There is no such route"))
        .method_not_allowed_fallback(|| {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "The route does not take this method")
        });
    for route in routes() {
        let route = Arc::new(route);
        let wildcard = route.path.contains("{*");
        router = router.route(route.path, serve(project, &route));
        if !wildcard {
            router = router.route(&format!("{}/", route.path), serve(project, &route));
        }
    }
    router.fallback(|| refuse(StatusCode::NOT_FOUND, "There is no such route")).method_not_allowed_fallback(
        || refuse(StatusCode::METHOD_NOT_ALLOWED, "The route does not take this method"),
    )
}

/// Every route of a project's API.
pub fn routes() -> Vec<Route> {
    let mut routes = account::routes();
    routes.extend(data::routes());
    routes.extend(backups::routes());
    routes.extend(files::routes());
    routes.extend(run::routes());
    routes.extend(resources::routes());
    routes
}

fn get<F: Future<Output = Result<Answer, Refused>> + Send + 'static>(
    path: &'static str,
    who: Who,
    bucket: &'static Bucket,
    work: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Route {
    route(Method::GET, path, who, bucket, SMALL, work)
}

fn post<F: Future<Output = Result<Answer, Refused>> + Send + 'static>(
    path: &'static str,
    who: Who,
    bucket: &'static Bucket,
    body_limit: usize,
    work: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Route {
    route(Method::POST, path, who, bucket, body_limit, work)
}

fn put<F: Future<Output = Result<Answer, Refused>> + Send + 'static>(
    path: &'static str,
    who: Who,
    bucket: &'static Bucket,
    work: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Route {
    route(Method::PUT, path, who, bucket, SMALL, work)
}

fn delete<F: Future<Output = Result<Answer, Refused>> + Send + 'static>(
    path: &'static str,
    who: Who,
    bucket: &'static Bucket,
    work: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Route {
    route(Method::DELETE, path, who, bucket, SMALL, work)
}

fn route<F: Future<Output = Result<Answer, Refused>> + Send + 'static>(
    method: Method,
    path: &'static str,
    who: Who,
    bucket: &'static Bucket,
    body_limit: usize,
    work: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Route {
    let label = format!("{method} {path}").into();
    let handler: Handler = Arc::new(move |call| Box::pin(work(call)));
    Route { method, path, label, who, bucket, body_limit, handler }
}

fn serve(project: &Project, route: &Arc<Route>) -> axum::routing::MethodRouter {
    let filter = match route.method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    let (project, route) = (project.clone(), route.clone());
    on(filter, move |path: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
        let (project, route) = (project.clone(), route.clone());
        async move {
            match path {
                Ok(path) => {
                    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                    gate::pass(project, route, path, request).await
                }
                Err(rejection) => Refused::bad(rejection.body_text()).into(),
            }
        }
    })
}

fn refuse(status: StatusCode, message: &'static str) -> std::future::Ready<Response<Body>> {
    std::future::ready(Refused::new(status, message).into())
}

//! The client against literal answers: texts taken from the published documents, not from the
//! practice platform, so that a wrong field name cannot agree with itself.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod console;
mod data_plane;
mod faults;
mod resources;
mod secrets;

use tago_api::client::{Address, Api, Console, Credential, Settings};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "p-1f0c6a52-8a3e-4c8e-9b6f-c0ffeec0ffee";

fn api(server: &MockServer) -> Api {
    let (address, credential) = credential(&server.uri());
    Api::new(&address, credential, Settings::default().without_retries()).unwrap()
}

fn console(server: &MockServer) -> Console {
    let (address, credential) = credential(&server.uri());
    Console::new(&address, credential, Settings::default().without_retries()).unwrap()
}

fn credential(address: &str) -> (Address, Credential) {
    let address: Address = address.parse().unwrap();
    (address.clone(), Credential::new(address, &TOKEN.into()).unwrap())
}

async fn answer(server: &MockServer, verb: &str, route: &str, status: u16, body: &str) {
    Mock::given(method(verb))
        .and(path(route))
        .and(header("token", TOKEN))
        .respond_with(ResponseTemplate::new(status).set_body_raw(body, "application/json"))
        .mount(server)
        .await;
}

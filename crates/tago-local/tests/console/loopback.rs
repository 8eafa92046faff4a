//! Who may speak to the platform's listeners.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::harness::{World, address, text};

/// Sends a request as it is written, and returns the answer's status.
async fn raw(address: SocketAddr, request: String) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

fn request(line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!("{line} HTTP/1.1\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_at_every_listener() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let owner = text(&world.ready["owner"]["token"]).to_owned();
    let listeners = [
        (address(&world.ready["console"]), "/api/account", owner.as_str()),
        (api.address, "/info", api.token.as_str()),
        (address(&world.ready["knobs"]), "/clock", ""),
    ];
    for (address, path, token) in listeners {
        let port = address.port();
        let own = format!("127.0.0.1:{port}");
        let own_origin = format!("http://{own}");
        let localhost = format!("localhost:{port}");
        let other_port = format!("127.0.0.1:{}", port ^ 1);
        let line = format!("GET {path}");
        let cases: [(&[(&str, &str)], &str); 9] = [
            (&[("host", &own)], "200"),
            (&[("host", &localhost)], "200"),
            (&[("host", &own), ("origin", &own_origin)], "200"),
            (&[("host", "evil.example")], "403"),
            (&[("host", &format!("evil.example:{port}"))], "403"),
            (&[("host", &other_port)], "403"),
            (&[("host", &own), ("origin", "https://evil.example")], "403"),
            (&[("host", &own), ("origin", "null")], "403"),
            (&[("host", &own), ("origin", &format!("http://{other_port}"))], "403"),
        ];
        for (headers, status) in cases {
            let mut headers = headers.to_vec();
            headers.push(("token", token));
            let answer = raw(address, request(&line, &headers, "")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {headers:?}: {answer}");
            assert!(!answer.to_lowercase().contains("access-control-allow"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_form_of_a_web_page_changes_nothing() {
    let world = World::start().await;
    let console = address(&world.ready["console"]);
    let host = console.to_string();
    let token = text(&world.ready["owner"]["token"]);
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let headers = [("host", host.as_str()), ("token", token), ("content-type", kind)];
        let answer = raw(console, request("POST /api/projects", &headers, r#"{"name":"x"}"#)).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(world.get("/api/projects").await.as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn everything_listens_on_the_loopback_interface_alone() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    for origin in [&world.ready["console"], &world.ready["knobs"], &world.get(&project).await["api"]] {
        assert!(address(origin).ip().is_loopback());
    }
}

#[tokio::test]
async fn two_platforms_never_share_a_directory() {
    let world = World::start().await;
    let second = tago_local::serve(tago_local::Options {
        data: world.data(),
        port: None,
        time: tago_local::TimeSource::System,
        random: std::sync::Arc::new(tago_local::Random::seeded(1)),
        listeners: std::sync::Arc::new(tago_local::Loopback),
        knobs: false,
    });
    let refused = second.await.err().unwrap().to_string();
    assert!(refused.contains("another platform"), "{refused}");
}

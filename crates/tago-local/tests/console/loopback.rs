//! Who may speak to the platform's listeners.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use reqwest::Method;
use tago_local::{console, project};

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
async fn no_route_there_is_answers_a_page_of_another_origin_or_a_rebound_name() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let api = world.api(&project).await;
    let owner = text(&world.ready["owner"]["token"]).to_owned();
    let of_project = project::routes().into_iter().map(|route| (api.address, route.method, route.path));
    let console = address(&world.ready["console"]);
    let of_console = console::routes().iter().map(|route| (console, route.method.clone(), route.path));
    let knobs = address(&world.ready["knobs"]);
    let of_knobs =
        ["/clock", "/faults", "/plan", "/rates", "/truths", "/prices", "/outbox", "/paths", "/requests"]
            .into_iter()
            .flat_map(|path| [Method::GET, Method::POST].map(|method| (knobs, method, path)));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (address, method, path) in of_project.chain(of_console).chain(of_knobs) {
        let token = if address == api.address { &api.token } else { &owner };
        let rebound = format!("frostline.example:{}", address.port());
        for (header, value) in [("origin", "https://frostline.example"), ("host", &rebound)] {
            let request = client
                .request(method.clone(), format!("http://{address}{path}"))
                .header("token", token)
                .header(header, value);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 403, "{method} {path} with {header}: {value}");
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

/// Asks the operating system, which knows of listeners that nobody printed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_listens_where_it_says_and_only_there() {
    let world = World::spawn().await;
    let first = world.project("Frostline").await;
    let backup = world.back_up(&first).await;
    let restored = world.restore(&first, &backup, "Restored").await;
    let mut expected = BTreeSet::from([address(&world.ready["console"]), address(&world.ready["knobs"])]);
    for project in [&first, &restored] {
        expected.insert(address(&world.get(project).await["api"]));
    }
    assert_eq!(listeners_of(world.process()), expected);
    assert!(expected.iter().all(|address| address.ip().is_loopback()));
}

/// The app starts the platform by the command line that does not offer knobs; without them there is no listener.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_knobs_there_is_no_listener_for_them() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::spawn_without_knobs(folder).await;
    assert_eq!(world.ready["knobs"], serde_json::Value::Null);
    let project = world.project("Frostline").await;
    let api = address(&world.get(&project).await["api"]);
    let console = address(&world.ready["console"]);
    assert_eq!(listeners_of(world.process()), BTreeSet::from([console, api]));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for listener in [console, api] {
        for path in
            ["/clock", "/faults", "/plan", "/rates", "/truths", "/hold", "/outbox", "/paths", "/requests"]
        {
            let answer = client.get(format!("http://{listener}{path}")).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 404, "{listener}{path}");
        }
    }
}

#[cfg(target_os = "linux")]
fn listeners_of(process: u32) -> BTreeSet<SocketAddr> {
    let open = |link: std::io::Result<std::fs::DirEntry>| std::fs::read_link(link.unwrap().path()).ok();
    let sockets: BTreeSet<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(open)
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect();
    let mut listeners = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            const LISTENING: &str = "0A";
            if fields[3] == LISTENING && sockets.contains(fields[9]) {
                assert_eq!(table, "tcp", "{line}");
                let (ip, port) = fields[1].split_once(':').unwrap();
                let ip = u32::from_str_radix(ip, 16).unwrap().swap_bytes();
                let port = u16::from_str_radix(port, 16).unwrap();
                listeners.insert(SocketAddr::from((std::net::Ipv4Addr::from(ip), port)));
            }
        }
    }
    listeners
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

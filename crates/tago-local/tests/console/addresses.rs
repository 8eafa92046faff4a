use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::{START, World, address, text, time};

#[tokio::test]
async fn whoever_lost_its_address_to_another_program_says_so_and_has_it_again_when_it_is_free() {
    let world = World::start().await;
    world.project("Frostline").await;
    let world = World::start_in(world.stop().await, time(START)).await;
    let before = world.ready.clone();
    assert_eq!(
        (&before["console_moved_from"], &before["projects"][0]["moved_from"]),
        (&Value::Null, &Value::Null)
    );
    let folder = world.stop().await;
    let taken = [&before["console"], &before["projects"][0]["api"]]
        .map(|origin| TcpListener::bind(address(origin)).unwrap());

    let world = World::start_in(folder, time(START)).await;
    let moved = &world.ready["projects"][0];
    assert_eq!(moved["moved_from"], before["projects"][0]["api"]);
    assert_ne!(moved["api"], before["projects"][0]["api"]);
    assert_eq!(world.ready["console_moved_from"], before["console"]);
    let folder = world.stop().await;
    drop(taken);

    let world = World::start_in(folder, time(START)).await;
    assert_eq!(world.ready["console"], before["console"]);
    assert_eq!(world.ready["projects"][0]["api"], before["projects"][0]["api"]);
    assert_eq!(world.ready["projects"][0]["moved_from"], Value::Null);
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_waits_for_news() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let backup = world.back_up(&project).await;
    world.knob("/hold", json!({ "point": "restore_rekey" })).await;
    let (_, deployment) = world.begin_restore(&project, &backup, "Copy").await;
    world.parked("restore_rekey").await;
    let seen = world.get(&deployment).await["log"].as_array().unwrap().len();
    let mut console =
        tago_local::Client::new(address(&world.ready["console"]), world.ready["owner"]["token"].as_str());
    let silent = TcpStream::connect(address(&world.ready["console"])).await.unwrap();
    let patient = format!("{deployment}?after={seen}&wait_ms=20000");
    let waiting = tokio::spawn(async move { console.send(hyper::Method::GET, &patient, None).await });
    // It is on its way before the next answer comes on another connection.
    world.get(&project).await;
    let begun = Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "the stop took {:?}", begun.elapsed());
    drop(silent);
    let (status, body) = waiting.await.unwrap().unwrap();
    assert_eq!(status, 200, "{}", text(&json!(String::from_utf8_lossy(&body))));
}

//! Files that are too large for one request.

use serde_json::json;
use tago_api::client::{StoredFile, UPLOAD_PART};
use tago_local::project::Fault;
use tago_migrate::Ending;
use tago_migrate::resources::{Conflict, run, status};

use crate::moving::{Moving, differences, left, settings};
use crate::running::Running;

/// Each goes in parts: a last one that is short, one that is full, and one that is split although it is hardly too
/// large. The requests that start, carry and end them lose their answers, or are lost.
#[tokio::test(flavor = "multi_thread")]
async fn large_files_arrive_in_parts_whatever_fails() {
    let source = Running::start(1).await;
    for (path, bytes) in [
        ("video/long.bin", 2 * UPLOAD_PART + 12_345),
        ("even.bin", 2 * UPLOAD_PART),
        ("just.bin", UPLOAD_PART + 1),
    ] {
        let content: Vec<u8> = (0..bytes).map(|place| (place % 251) as u8).collect();
        let file = StoredFile { path: path.to_owned(), content: content.into(), public: path == "even.bin" };
        source.live_api().upload_file(&file).await.unwrap();
    }
    for (number, kind) in [(2, "commit_then_drop"), (3, "drop_before")] {
        let target = Running::start(number).await;
        let before = target.content().await;
        for every in [2, 3, 5] {
            let fault = json!({"route": "POST /files", "kind": kind, "every": every, "times": 1});
            target.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
        }
        let moving = Moving::new(Conflict::KeepTarget);
        moving.run(&source, &target).await;
        let struck = target.shared.faults.struck().into_iter().filter(|times| *times > 0).count();
        target.shared.faults.clear();
        assert_eq!(struck, 3, "{kind}");
        assert_eq!(status(moving.path()).unwrap().made.len(), 3);
        assert_eq!(left(&moving.rehearse(&source, &target).await), Vec::<String>::new());
        let proof = moving.prove(Some(&source), &target).await;
        assert!(proof.green, "{:#?}", proof.not_equal);
        let told = moving.undo(&target).await;
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
        assert_eq!(differences(&before, &target.content().await), Vec::<String>::new());
    }
}

/// Somebody stores another one under its path while the second part of a large file is on its way: what they stored
/// was never looked at, and is not replaced, by a run or by its undo.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_does_not_replace_what_was_stored_while_its_parts_were_sent() {
    const PATH: &str = "video/long.bin";
    let file = |bytes: usize, seed: usize| {
        let content: Vec<u8> = (0..bytes).map(|place| ((place + seed) % 251) as u8).collect();
        StoredFile { path: PATH.to_owned(), content: content.into(), public: false }
    };
    let source = Running::start(1).await;
    source.live_api().upload_file(&file(2 * UPLOAD_PART, 0)).await.unwrap();
    for (number, is_there_before) in [(2, false), (3, true)] {
        let target = Running::start(number).await;
        if is_there_before {
            target.live_api().upload_file(&file(2 * UPLOAD_PART + 1, 1)).await.unwrap();
        }
        let theirs = file(1_000, 2);
        let store_theirs = async || {
            while target.shared.faults.struck() != [1] {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            target.live_api().upload_file(&theirs).await.unwrap();
        };
        let slow = json!({"route": "POST /files", "kind": "slow", "every": 3, "times": 1, "delay_ms": 1_500});
        let slow: Fault = serde_json::from_value(slow).unwrap();
        let moving = Moving::new(Conflict::TakeSource);
        let plan = moving.rehearse(&source, &target).await;
        let (ours, live, approved, settings) = (source.live(), target.live(), plan.fingerprint(), settings());
        let running = run(&plan, &approved, moving.path(), &ours, &live, &settings, moving.env());
        target.shared.faults.push(slow.clone()).unwrap();
        let (ending, ()) = tokio::join!(running, store_theirs());
        assert_eq!(ending.unwrap(), Ending::Finished);
        let told = status(moving.path()).unwrap();
        let reasons: Vec<&str> = told.held.iter().map(|(_, reason, _)| reason.as_str()).collect();
        assert!(matches!(reasons[..], [reason] if reason.contains("somebody stored another")), "{reasons:?}");
        let stored = async || target.live_api().file(target.project.profile(), PATH).await.unwrap();
        assert_eq!(stored().await, theirs.content);
        target.shared.faults.clear();
        let told = moving.undo(&target).await;
        assert_eq!((told.reversed.len(), stored().await), (0, theirs.content.clone()), "{told:#?}");

        if !is_there_before {
            continue;
        }
        target.live_api().upload_file(&file(2 * UPLOAD_PART + 1, 1)).await.unwrap();
        let moving = Moving::new(Conflict::TakeSource);
        moving.run(&source, &target).await;
        target.shared.faults.push(slow).unwrap();
        let (told, ()) = tokio::join!(moving.undo(&target), store_theirs());
        let reasons: Vec<&str> = told.changed_since.iter().map(|(.., reason)| reason.as_str()).collect();
        assert!(matches!(reasons[..], [reason] if reason.contains("somebody")), "{told:#?}");
        assert_eq!(stored().await, theirs.content);
    }
}

/// The same of a small one, which its owner replaces while its content is fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_not_replace_what_was_stored_while_its_content_was_fetched() {
    const PATH: &str = "notes.txt";
    let file = |text: &'static str| StoredFile {
        path: PATH.to_owned(),
        content: text.as_bytes().into(),
        public: false,
    };
    let source = Running::start(1).await;
    source.live_api().upload_file(&file("ours")).await.unwrap();
    // What is there is looked at once more, when all is made.
    for (number, is_there_before, looks) in [(2, false, 1), (3, true, 2)] {
        let target = Running::start(number).await;
        if is_there_before {
            target.live_api().upload_file(&file("there")).await.unwrap();
        }
        let moving = Moving::new(Conflict::TakeSource);
        let plan = moving.rehearse(&source, &target).await;
        let slow = json!({"route": "GET /file/{profile}/{*path}", "kind": "slow", "every": looks + 1, "times": 1, "delay_ms": 1_500});
        source.shared.faults.push(serde_json::from_value(slow).unwrap()).unwrap();
        let (ours, live, approved, settings) = (source.live(), target.live(), plan.fingerprint(), settings());
        let running = run(&plan, &approved, moving.path(), &ours, &live, &settings, moving.env());
        let owner = async {
            while source.shared.faults.struck() != [1] {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            target.live_api().upload_file(&file("theirs")).await.unwrap();
        };
        let (ending, ()) = tokio::join!(running, owner);
        source.shared.faults.clear();
        assert_eq!(ending.unwrap(), Ending::Finished);
        let held = status(moving.path()).unwrap().held;
        assert!(
            matches!(&held[..], [(_, reason, _)] if reason.contains("somebody stored another")),
            "{held:?}"
        );
        let stored = target.live_api().file(target.project.profile(), PATH).await.unwrap();
        assert_eq!(stored, file("theirs").content);
    }
}

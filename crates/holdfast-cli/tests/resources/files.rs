//! Files that are too large for one request.

use serde_json::json;
use tago_api::client::{StoredFile, UPLOAD_PART};
use tago_migrate::resources::{Conflict, status};

use crate::moving::{Moving, differences, left};
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

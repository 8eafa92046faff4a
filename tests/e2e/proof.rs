//! A proof of records that its owner stops.

use serde_json::json;

use crate::migration::{DONE, GREEN};
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

const STOP: &str = "[data-testid='proof-stop']";

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_records_is_stopped_without_a_failure_and_gone_on_with() {
    play("proof-stopped", async |stage: &mut Stage| {
        let window = stage.window();
        stage.damage_and_restore("Copy to prove twice").await;
        stage.migrate_by_mouse().await;
        window.see_within(GREEN, EVENTUALLY).await;
        window.see_no_more(STOP).await;

        // The next proof takes a while.
        let target = stage.platform.project();
        let slow = json!({ "project": target, "kind": "slow", "delay_ms": 1500, "every": 1 });
        stage.platform.turn("faults", slow).await;
        window.press("[data-testid='prove-again']").await;
        window.see_within("[data-testid='run-state'][data-state='proving']", EVENTUALLY).await;
        window.see(STOP).await;
        stage.picture("proving").await;
        window.press(STOP).await;
        window.see_within(DONE, EVENTUALLY).await;
        window.see(GREEN).await;
        window.see_no_more("[data-testid='error-code']").await;
        stage.picture("stopped").await;
        stage.platform.clear_faults().await;
        window.press("[data-testid='prove-again']").await;
        window.see_no_more("[data-testid='half-proven']").await;
        window.see_within(GREEN, EVENTUALLY).await;
    })
    .await;
}

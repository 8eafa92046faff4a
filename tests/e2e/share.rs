//! How much of the target's limits a run uses is its owner's to say.

use std::fs;

use fantoccini::key::Key;
use serde_json::Value;

use crate::migration::GREEN;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

const SLIDER: &str = "[data-testid='share']";

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_the_limits_is_set_by_keys_and_kept_by_the_run() {
    play("share", async |stage: &mut Stage| {
        let window = stage.window();
        stage.damage_and_restore("Copy at another pace").await;
        stage.rehearse_by_mouse().await;
        window.press("[data-testid='wizard-next']").await;

        // The demo's devices send: most of the limits are left to them unless the owner says otherwise.
        window.see_number(SLIDER, "aria-valuenow", 600).await;
        window.see_text("The rest is left for its devices and people.").await;
        let at_most = window.text("[data-testid='share-time']").await;
        window.tab_to(SLIDER).await;
        window.key(Key::Home).await;
        window.see(&format!("{SLIDER}[aria-valuenow='100'][aria-valuetext='10 %']")).await;
        window.see_text("At most 10 % of the requests").await;
        stage.picture("least").await;
        window.key(Key::End).await;
        window.see(&format!("{SLIDER}[aria-valuenow='985']")).await;
        window.see_text("60 % is safer.").await;
        window.key(Key::Left).await;
        window.key(Key::PageDown).await;
        window.see(&format!("{SLIDER}[aria-valuenow='750'][aria-valuetext='75 %']")).await;
        assert!(at_most.starts_with("It will then take"), "{at_most}");
        stage.picture("chosen").await;

        window.write("[data-testid='confirm-name']", &stage.platform.project_name()).await;
        window.press("[data-testid='confirm-run']").await;
        window.see_within(GREEN, EVENTUALLY).await;
        let runs = stage.home.folder().join("data/app.holdfast.desktop/runs");
        let mut records = fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path());
        let record = records.find(|path| path.is_file()).unwrap();
        let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
        assert_eq!(record["share"], 750);
    })
    .await;
}

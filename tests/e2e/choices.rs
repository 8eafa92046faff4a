//! How records travel, and what becomes of devices that rest: the owner's choice, and what the plan says to it.

use reqwest::Method;
use serde_json::json;

use crate::database::Database;
use crate::resources::text;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_inactive_devices_and_chooses_files_reads_so_in_the_plan_and_they_stay_as_they_are() {
    play("choices", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let access = platform.access(&target, "Test").await;
        let missing = stage.damage_and_restore("Copy beside one that rests").await;
        let still = Database::open(&platform.database(&target).await).devices();
        let (near, _) = missing.iter().find(|(record, _)| still.contains(&record.device)).unwrap();
        let named = format!("/device?amount=1&filter[name]={}", near.device.replace(' ', "%20"));
        let resting = format!("/device/{}", text(&access.call(Method::GET, &named, None).await[0], "id"));
        access.call(Method::PUT, &resting, Some(json!({ "active": false }))).await;

        stage.open_backups().await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        window.press("[data-testid='inactive-leave']").await;
        window.press("[data-testid='lane-file']").await;
        stage.picture("choose").await;
        stage.rehearse().await;
        window.press("[data-testid='checks-all']").await;
        let left = window.text("[data-check='active_devices']").await;
        assert!(left.contains("1 device is inactive on the target and left out"), "{left}");
        let lane = window.text("[data-check='lane']").await;
        assert!(!lane.contains("choose files"), "files are chosen: {lane}");
        stage.picture("plan").await;
        stage.approve_and_run().await;
        window.see_within("[data-testid='run-state'][data-state='done_with_exceptions']", EVENTUALLY).await;
        window.see_text(&near.device).await;
        let device = access.call(Method::GET, &resting, None).await;
        assert_eq!(device["active"], json!(false), "nobody has activated it");
    })
    .await;
}

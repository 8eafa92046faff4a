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
        let of_it = missing.iter().filter(|(record, _)| record.device == near.device);
        let lacking: usize = of_it.map(|(_, times)| times).sum();
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
        let named = format!("[data-testid='left-out-row'][data-name='{}']", near.device);
        let said = window.text(&named).await;
        assert!(said.contains("not written") && said.contains("you chose to leave it"), "{said}");
        let verdict = window.text("[data-testid='proof-verdict']").await;
        assert!(verdict.contains("Proven, except for the records that were left out"), "{verdict}");
        assert!(!window.sees("[data-testid='proof-difference']").await);
        let line = window.text("[data-testid='run-safe-line']").await;
        assert!(line.contains("left out") && !line.contains("differences"), "{line}");
        assert!(!window.enabled("[data-testid='finish-delete']").await, "the copy alone has them");
        stage.picture("left-out").await;
        let device = access.call(Method::GET, &resting, None).await;
        assert_eq!(device["active"], json!(false), "nobody has activated it");

        // The way that the page shows leads to what was left out.
        window.press("[data-testid='rehearse-left-out']").await;
        window.see("[data-testid='wizard'][data-step='choose'] [data-testid='inactive-wake']").await;
        stage.rehearse().await;
        assert_eq!(stage.figure("plan-missing").await, lacking, "that alone");
    })
    .await;
}

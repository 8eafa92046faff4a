//! How records travel, and what becomes of devices that rest: the owner's choice, and what the plan says to it.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::database::{Database, Records};
use crate::platform::Access;
use crate::resources::text;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_inactive_devices_and_chooses_files_reads_so_in_the_plan_and_they_stay_as_they_are() {
    play("choices", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let access = platform.access(&target, "Test").await;
        let missing = stage.damage_and_restore("Copy beside one that rests").await;
        let (name, lacking) = stage.one_that_stayed(&missing).await;
        let resting = put_to_rest(&access, &name).await;

        stage.open_backups().await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        window.press("[data-testid='inactive-leave']").await;
        window.press("[data-testid='lane-file']").await;
        stage.picture("choose").await;
        stage.rehearse().await;
        window.press("[data-testid='checks-all']").await;
        let left = "1 device is inactive on the target and left out";
        window.see_said("[data-check='active_devices']", &[left]).await;
        let lane = window.text("[data-check='lane']").await;
        assert!(!lane.contains("choose files"), "files are chosen: {lane}");
        stage.picture("plan").await;
        stage.approve_and_run().await;
        window.see_within("[data-testid='run-state'][data-state='done_with_exceptions']", EVENTUALLY).await;
        let named = format!("[data-testid='left-out-row'][data-name='{name}']");
        window.see_said(&named, &["not written", "you chose to leave it"]).await;
        let verdict = "Proven, except for the records that were left out";
        window.see_said("[data-testid='proof-verdict']", &[verdict]).await;
        window.see_no_more("[data-testid='proof-difference']").await;
        let of_the_rest = Database::open(&platform.snapshot(&target, &stage.backup(0).await).await).records();
        let of_the_rest = of_the_rest.into_keys().filter(|record| record.device != name);
        let ranges: BTreeSet<_> = of_the_rest.map(|record| (record.device, record.variable)).collect();
        // What was left out is not called compared.
        window.see_number("[data-testid='proof-checked']", "data-ranges", ranges.len()).await;
        let line = "[data-testid='run-safe-line']";
        window.see_said(line, &["left out"]).await;
        assert!(!window.text(line).await.contains("differences"));
        window.see_disabled("[data-testid='finish-delete']").await; // the copy alone has them
        stage.picture("left-out").await;
        let device = access.call(Method::GET, &resting, None).await;
        assert_eq!(device["active"], json!(false), "nobody has activated it");

        // The exceptions are told by name, and in the time of day here.
        let exceptions = "[data-testid='exceptions']";
        window.see_said(exceptions, &[&format!("Records of {name} from")]).await;
        let said = window.text(exceptions).await;
        assert!(!said.contains("T0") && !said.contains("Z to ") && said.contains(" 20"), "{said}");

        // The way that the page shows leads to what was left out.
        window.press("[data-testid='rehearse-left-out']").await;
        window.see("[data-testid='wizard'][data-step='choose'] [data-testid='inactive-wake']").await;
        stage.rehearse().await;
        stage.see_figure("plan-missing", lacking).await; // that alone
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_a_killed_run_left_active_is_named_and_rests_again_by_one_button() {
    play("left-active", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let missing = stage.damage_and_restore("Copy that woke one").await;
        let (name, _) = stage.one_that_stayed(&missing).await;
        let resting = put_to_rest(&access, &name).await;
        let is_active = async || access.call(Method::GET, &resting, None).await["active"] == json!(true);

        stage.open_backups().await;
        let window = stage.window();
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        window.press("[data-testid='tripped-let_fire']").await;
        stage.rehearse().await;
        // It is active only until its own records are stored.
        let slow =
            json!({ "project": target, "route": "POST /data", "kind": "slow", "delay_ms": 60_000, "every": 1 });
        stage.platform.turn("faults", slow).await;
        stage.approve_and_run().await;
        let until = Instant::now() + EVENTUALLY;
        while !is_active().await {
            assert!(Instant::now() < until, "{name} was not activated");
            sleep(Duration::from_millis(20)).await;
        }
        stage.kill_window();
        stage.platform.clear_faults().await;
        assert!(is_active().await, "nobody has put it to rest");

        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='welcome-unfinished'] button").await;
        let named = format!("{name} was inactive in");
        window.see_said("[data-testid='left-active']", &[&named]).await;
        let line = "that was inactive may still be active";
        window.see_said("[data-testid='run-safe-line']", &[line]).await;
        window.press("[data-testid='let-rest']").await;
        window.see_within("[data-testid='run-state'][data-state='stopped']", EVENTUALLY).await;
        assert!(!is_active().await, "it is inactive again");
        window.see_no_more("[data-testid='left-active']").await;
        stage.picture("rests").await;
    })
    .await;
}

impl Stage {
    /// A device of the target that lacks records and was not deleted, and how many it lacks.
    async fn one_that_stayed(&self, missing: &Records) -> (String, usize) {
        let target = self.platform.project();
        let still = Database::open(&self.platform.database(&target).await).devices();
        let (near, _) = missing.iter().find(|(record, _)| still.contains(&record.device)).unwrap();
        let of_it = missing.iter().filter(|(record, _)| record.device == near.device);
        (near.device.clone(), of_it.map(|(_, times)| times).sum())
    }
}

/// Makes the device of this name inactive, and tells its path.
async fn put_to_rest(access: &Access, name: &str) -> String {
    let named = format!("/device?amount=1&filter[name]={}", name.replace(' ', "%20"));
    let resting = format!("/device/{}", text(&access.call(Method::GET, &named, None).await[0], "id"));
    access.call(Method::PUT, &resting, Some(json!({ "active": false }))).await;
    resting
}

//! What a run left undone is planned again: what it held back, and all that it lacks when its journal is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;
use tago_api::Time;

use crate::database::{Database, Record, Records, amount, beyond, together};
use crate::migration::GREEN;
use crate::resources::{dashboard, rename, row, text};
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_back_because_the_project_changed_is_rehearsed_again_alone() {
    play("held-again", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let original = Database::open(&platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy to hold back").await;
        let (damaged, devices) = (original.records(), original.devices());
        stage.rehearse_by_mouse().await;

        // Between the rehearsal and the run somebody sends a record into the gap.
        let (late, _) = missing.iter().find(|(record, _)| devices.contains(&record.device)).unwrap();
        stage.send_beside(late).await;
        stage.approve_and_run().await;
        let over = "[data-testid='run-state'][data-state='done_with_exceptions']";
        window.see_within(over, EVENTUALLY).await;
        window.see_said("[data-testid='held-back']", &[&late.device, &late.variable]).await;
        stage.picture("held").await;
        let before = beyond(&together(&damaged, &missing), &original.records());
        assert!(amount(&before) > 0, "something was held back");

        window.press("[data-testid='rehearse-held']").await;
        window.see_within("[data-testid='plan-missing']", EVENTUALLY).await;
        stage.see_figure("plan-missing", amount(&before)).await; // that alone
        stage.see_figure("plan-create", 0).await;
        stage.picture("planned").await;

        // Back to the run and here again: nothing was lost of it.
        window.press("[data-testid='wizard-back']").await;
        window.press("[data-testid='rehearse-held']").await;
        window.see_within("[data-testid='plan-missing']", EVENTUALLY).await;
        stage.approve_and_run().await;
        window.see_within(GREEN, EVENTUALLY).await;
        let after = original.records();
        assert_eq!(beyond(&together(&damaged, &missing), &after), Records::new(), "nothing lost");
        assert_eq!(amount(&beyond(&after, &together(&damaged, &missing))), 1, "the late record alone");
        window.see_no_more("[data-testid='held-back']").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_that_were_held_back_are_rehearsed_again_alone() {
    play("held-resources", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let plan = dashboard(&access, "Plan of the hall").await;
        let other = dashboard(&access, "Plan of the yard").await;
        let lost = dashboard(&access, "Night shift").await;
        let copy = stage.backup_and_restore("Copy to hold back").await;
        rename(&access, "dashboard", &plan, "label", "Plan of the new hall").await;
        rename(&access, "dashboard", &other, "label", "Plan of the new yard").await;
        access.call(Method::DELETE, &format!("/dashboard/{lost}"), None).await;
        stage.compare(&copy).await;
        stage.decide(&plan, "take_source").await;
        stage.decide(&other, "take_source").await;
        let window = stage.window();
        window.press("[data-testid='resources-rehearse']").await;
        window.see_within(&row(&plan, "update"), EVENTUALLY).await;

        // Between the rehearsal and the run somebody renames both once more.
        rename(&access, "dashboard", &plan, "label", "Plan of the newest hall").await;
        rename(&access, "dashboard", &other, "label", "Plan of the newest yard").await;
        stage.approve_resources().await;
        window.see_within("[data-testid='held-row']", EVENTUALLY).await;
        window
            .see_within("[data-testid='resource-run-state'][data-state='done_with_exceptions']", EVENTUALLY)
            .await;
        stage.see_figure("resource-held", 2).await;
        stage.picture("held").await;
        window.press("[data-testid='rehearse-held']").await;
        let some = async |updates: u32| {
            let shown = format!("[data-testid='resources-update'][data-value='{updates}']");
            window.see_within(&shown, EVENTUALLY).await;
            for figure in ["resources-create", "resources-same", "resources-conflict"] {
                stage.see_figure(figure, 0).await;
            }
        };
        some(2).await;
        stage.picture("planned").await;

        // Rehearsed again it is still that alone, and less where the owner wants less.
        window.press(&format!("[data-testid='choose-item-{other}']")).await;
        window.see_disabled("[data-testid='wizard-next']").await; // it is not what was rehearsed
        window.press("[data-testid='resources-rehearse']").await;
        some(1).await;
        stage.picture("planned-less").await;

        // Back to the run and here again: nothing was lost of it.
        window.press("[data-testid='wizard-back']").await;
        window.press("[data-testid='rehearse-held']").await;
        some(2).await;
        window.press(&format!("[data-testid='choose-item-{other}']")).await;
        window.press("[data-testid='resources-rehearse']").await;
        some(1).await;
        stage.approve_resources().await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        let now = access.call(Method::GET, &format!("/dashboard/{plan}"), None).await;
        assert_eq!(text(&now, "label"), "Plan of the hall");
        let left = access.call(Method::GET, &format!("/dashboard/{other}"), None).await;
        assert_eq!(text(&left, "label"), "Plan of the newest yard", "nobody asked for it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_journal_is_damaged_is_planned_again_by_one_button_and_nothing_is_lost_or_doubled() {
    play("damaged", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let original = Database::open(&stage.platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy with a bad disk").await;
        let (damaged, devices) = (original.records(), original.devices());
        stage.slow_down(&target).await;
        stage.rehearse_by_mouse().await;
        stage.approve_and_run().await;
        stage.until_some_records_are_written().await;
        stage.kill_window();
        stage.platform.clear_faults().await;
        spoil(&stage.only_run("runs"));

        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='history-row'] [data-testid='history-open']").await;
        window.see("[data-testid='error-code'][data-code='journal_damaged']").await;
        window.see_no_more("[data-testid='run-resume']").await;
        stage.picture("run").await;
        window.press("[data-testid='plan-again']").await;
        window.see_within("[data-testid='plan-missing']", EVENTUALLY).await;
        let lacking = beyond(&together(&damaged, &missing), &original.records());
        stage.see_figure("plan-missing", amount(&lacking)).await; // what is missing, and no more
        window.see("[data-testid='rebuilt-switched-off']").await;
        window.press("[data-testid='tidied-show']").await;
        stage.picture("planned").await;
        stage.approve_and_run().await;
        window.see_within(GREEN, EVENTUALLY).await;
        let after = original.records();
        assert_eq!(beyond(&together(&damaged, &missing), &after), Records::new(), "nothing lost");
        assert_eq!(beyond(&after, &together(&damaged, &missing)), Records::new(), "nothing doubled");
        assert_eq!(original.devices().len(), devices.len() + 5, "no device was made twice");

        // The damaged run says where it went on.
        window.press("[data-testid='nav-history']").await;
        window
            .press("[data-testid='history-row'] ~ [data-testid='history-row'] [data-testid='history-open']")
            .await;
        window.see("[data-testid='run-state'][data-state='planned_again']").await;
        window.see("[data-testid='damaged']").await;
        stage.picture("given-up").await;
        window.see_no_more("[data-testid='nav-history'] .badge").await; // nothing waits for its owner
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_resources_whose_journal_is_damaged_is_planned_again_by_one_button() {
    play("damaged-resources", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let mut lost = Vec::new();
        for hall in 1..=12 {
            lost.push(dashboard(&access, &format!("Hall {hall}")).await);
        }
        let copy = stage.backup_and_restore("Copy with a bad disk").await;
        for id in &lost {
            access.call(Method::DELETE, &format!("/dashboard/{id}"), None).await;
        }
        stage.compare(&copy).await;
        let slow = json!({
            "project": target, "route": "POST /dashboard", "kind": "slow", "delay_ms": 2500, "every": 1
        });
        stage.platform.turn("faults", slow).await;
        stage.approve_resources().await;
        stage.until_dashboards(&access, 2).await;
        stage.kill_window();
        stage.platform.clear_faults().await;
        spoil(&stage.only_run("resource-runs"));

        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='history-resources'] [data-testid='history-open-resources']").await;
        window.see("[data-testid='error-code'][data-code='journal_damaged']").await;
        stage.picture("run").await;
        window.see_said("[data-testid='nav-history'] .badge", &["1"]).await;
        window.press("[data-testid='plan-again']").await;
        window.see_within("[data-testid='resources-create']", EVENTUALLY).await;
        stage.picture("planned").await;
        stage.approve_resources().await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        window.see_no_more("[data-testid='nav-history'] .badge").await;
        let listed = access.call(Method::GET, "/dashboard?amount=100", None).await;
        for hall in 1..=12 {
            let label = format!("Hall {hall}");
            let found = listed.as_array().unwrap().iter().filter(|one| one["label"] == label).count();
            assert_eq!(found, 1, "{label} is there once");
        }
    })
    .await;
}

impl Stage {
    /// A record of the same device, variable and time that says something else.
    pub async fn send_beside(&self, record: &Record) {
        let access = self.platform.access(&self.platform.project(), "Late").await;
        let path = format!("/device?amount=1&filter[name]={}", record.device.replace(' ', "%20"));
        let device = access.call(Method::GET, &path, None).await[0].clone();
        let device = access.device_token(&text(&device, "id")).await;
        let at = Time::from_millis(record.time).to_string();
        let body = json!([{ "variable": record.variable, "value": "sent late", "time": at }]);
        device.call(Method::POST, "/data", Some(body)).await;
    }

    /// The folder of the only run of this kind.
    fn only_run(&self, kind: &str) -> PathBuf {
        let runs = self.home.folder().join("data/app.holdfast.desktop").join(kind);
        let folders = fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path());
        let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
        assert_eq!(folders.len(), 1, "{folders:?}");
        folders[0].clone()
    }
}

/// Turns one bit in a row of a journal, as a dying disk does.
fn spoil(run: &Path) {
    let path = run.join("journal.sqlite");
    let journal = Connection::open(&path).unwrap();
    journal.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(journal);
    let (mut bytes, word) = (fs::read(&path).unwrap(), b"intent");
    let at = bytes.windows(word.len()).rposition(|part| part == word).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

//! What a project holds beside records: compared, chosen, written, and taken back.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::platform::Access;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_chosen_with_a_word_on_each_conflict_and_taken_back_without_the_copy() {
    play("resources", async |stage: &mut Stage| {
        let (platform, target) = (&stage.platform, stage.platform.project());
        let access = platform.access(&target, "Test").await;
        let [lost, renamed] =
            [dashboard(&access, "Cold chain").await, dashboard(&access, "Night shift").await];
        let skipped = dashboard(&access, "Not wanted").await;
        let action = access.call(Method::GET, "/action?amount=1", None).await[0].clone();
        let (alarm, name) = (text(&action, "id"), text(&action, "name"));
        let copy = stage.backup_and_restore("Copy with everything").await;
        for gone in [&lost, &renamed, &skipped] {
            access.call(Method::DELETE, &format!("/dashboard/{gone}"), None).await;
        }
        rename(&access, "action", &alarm, "name", "Renamed by mistake").await;

        stage.compare(&copy).await;
        let window = stage.window();
        stage.see_figure("resources-create", 3).await;
        window.see(&row(&alarm, "conflict")).await;
        stage.picture("compared").await;

        // One is left out, and the owner has a word on the one that differs.
        window.press(&format!("[data-testid='choose-item-{skipped}']")).await;
        window.see_disabled("[data-testid='wizard-next']").await; // what was rehearsed is not what is chosen
        stage.decide(&alarm, "take_source").await;
        window.press("[data-testid='resources-rehearse']").await;
        window.see_within(&row(&alarm, "update"), EVENTUALLY).await;
        stage.see_figure("resources-create", 2).await;
        stage.picture("chosen").await;
        window.press("[data-testid='wizard-next']").await;
        window.write("[data-testid='confirm-name']", "Not this one").await;
        window.see_disabled("[data-testid='confirm-run']").await;
        window.write("[data-testid='confirm-name']", &platform.project_name()).await;
        stage.picture("confirm").await;
        window.press("[data-testid='confirm-run']").await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        window.see("[data-testid='proof-verdict'][data-green='true']").await;
        window.see("[data-testid='resource-report-open']").await;
        stage.picture("done").await;
        stage.see_figure("resource-made", 2).await;
        stage.see_figure("resource-changed", 1).await;
        assert_eq!(text(&access.call(Method::GET, &format!("/action/{alarm}"), None).await, "name"), name);
        let mut labels = dashboards(&access).await;
        assert!(labels.contains_key("Cold chain") && labels.contains_key("Night shift"), "{labels:?}");
        assert!(!labels.contains_key("Not wanted"), "{labels:?}");

        // Somebody goes on working with one of them, and the copy is gone: the rest is taken back.
        rename(&access, "dashboard", &labels["Night shift"], "label", "Night shift, new").await;
        let delete = json!({ "name": "Copy with everything" });
        platform.console(Method::DELETE, &format!("/api/projects/{copy}"), Some(delete)).await.unwrap();
        window.press("[data-testid='undo']").await;
        window.press("[data-testid='undo-confirm']").await;
        window.see_within("[data-testid='undone']", EVENTUALLY).await;
        window.see("[data-testid='resource-run-state'][data-state='undone']").await;
        stage.picture("undone").await;
        window.see_count("[data-testid='undone-reversed']", 2).await;
        for (figure, count) in [("figure-reversed", 2), ("figure-kept", 1), ("figure-impossible", 0)] {
            stage.see_figure(figure, count).await;
        }
        window.see_no_more("[data-testid='resource-made']").await; // it tells what was taken back
        let kept = ["Night shift", "Somebody changed it since."];
        window.see_said("[data-testid='undone-kept']", &kept).await;
        labels = dashboards(&access).await;
        assert!(labels.contains_key("Night shift, new") && !labels.contains_key("Cold chain"), "{labels:?}");
        let after = access.call(Method::GET, &format!("/action/{alarm}"), None).await;
        assert_eq!(text(&after, "name"), "Renamed by mistake");

        // The history keeps it with its three lists.
        stage.close_window().await;
        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='history-resources'] [data-testid='history-open-resources']").await;
        window.see("[data-testid='undone-kept']").await;
        window.see_count("[data-testid='undone-reversed']", 2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_merged_where_the_owner_says_so_and_both_are_kept_where_the_owner_wants_both() {
    play("resources-both", async |stage: &mut Stage| {
        let (platform, target) = (&stage.platform, stage.platform.project());
        let access = platform.access(&target, "Test").await;
        let plan = dashboard(&access, "Plan of the hall").await;
        let action = access.call(Method::GET, "/action?amount=1", None).await[0].clone();
        let alarm = text(&action, "id");
        tag(&access, &alarm, json!([{ "key": "team", "value": "night" }])).await;
        let copy = stage.backup_and_restore("Copy to merge").await;
        tag(&access, &alarm, json!([{ "key": "floor", "value": "2" }])).await;
        rename(&access, "dashboard", &plan, "label", "Plan of the new hall").await;

        stage.compare(&copy).await;
        let window = stage.window();
        window.see(&row(&alarm, "conflict")).await;
        window.see(&row(&plan, "conflict")).await;
        stage.decide(&alarm, "merge_tags").await;
        stage.decide(&plan, "both").await;
        window.press("[data-testid='resources-rehearse']").await;
        window.see_within(&row(&alarm, "update"), EVENTUALLY).await;
        window.see(&row(&plan, "create")).await;
        stage.picture("decided").await;
        stage.approve_resources().await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;

        let tags = access.call(Method::GET, &format!("/action/{alarm}"), None).await["tags"].clone();
        for merged in [json!({ "key": "team", "value": "night" }), json!({ "key": "floor", "value": "2" })] {
            assert!(tags.as_array().unwrap().contains(&merged), "{merged} is not among {tags}");
        }
        let labels = dashboards(&access).await;
        assert!(labels.contains_key("Plan of the hall"), "the source's was made beside it: {labels:?}");
        assert_eq!(labels["Plan of the new hall"], plan, "the one there is as it was");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worklist_ticks_what_it_sees_done_and_a_proof_names_what_somebody_changed() {
    play("resources-worklist", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let copy = stage.backup_and_restore("Copy with work").await;
        let alarms = access.call(Method::GET, "/action?amount=2", None).await;
        let names = [text(&alarms[0], "name"), text(&alarms[1], "name")];
        for alarm in alarms.as_array().unwrap() {
            access.call(Method::DELETE, &format!("/action/{}", text(alarm, "id")), None).await;
        }
        stage.compare(&copy).await;
        stage.approve_resources().await;
        let window = stage.window();
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        window.see("[data-testid='proof-verdict'][data-green='true']").await;
        let work = |name: &str, state: &str| {
            format!(
                "[data-testid='work-row'][data-task='activate'][data-name='{name}'][data-state='{state}']"
            )
        };
        window.see(&work(&names[1], "open")).await;

        // Of two alarms that arrived switched off, one is switched on, and one is ticked by hand.
        let now = access.call(Method::GET, "/action?amount=100", None).await;
        let made = now.as_array().unwrap().iter().find(|one| one["name"] == *names[0]).unwrap();
        let on = json!({ "active": true });
        access.call(Method::PUT, &format!("/action/{}", text(made, "id")), Some(on)).await;
        window.press("[data-testid='worklist-look']").await;
        window.see(&work(&names[0], "done")).await;

        // A look that takes too long is stopped, and is no failure.
        window.see_no_more("[data-testid='worklist-stop']").await;
        let slow = json!({ "project": target, "kind": "slow", "delay_ms": 600_000, "every": 1 });
        stage.platform.turn("faults", slow).await;
        window.press("[data-testid='worklist-look']").await;
        window.press("[data-testid='worklist-stop']").await;
        window.see_no_more("[data-testid='worklist-stop']").await;
        window.see_no_more("[data-testid='error-code']").await; // it is no failure
        window.see(&work(&names[0], "done")).await;
        stage.platform.clear_faults().await;
        window.press(&format!("{} [data-testid='work-tick']", work(&names[1], "open"))).await;
        window.see(&work(&names[1], "done_by_hand")).await;
        stage.picture("ticked").await;

        // Somebody renames one: the next proof names it. The history shows both again.
        rename(&access, "action", &text(made, "id"), "name", "Renamed since").await;
        window.press("[data-testid='resource-prove-again']").await;
        window.see_within("[data-testid='proof-verdict'][data-green='false']", EVENTUALLY).await;
        window.see_said("[data-testid='resource-difference']", &[&names[0]]).await;
        stage.picture("not-proven").await;
        window.press("[data-testid='nav-history']").await;
        let open = "[data-testid='history-resources'] [data-testid='history-open-resources']";
        window.press(open).await;
        window.see("[data-testid='resource-difference']").await;
        window.see(&work(&names[1], "done_by_hand")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_over_resources_that_is_interrupted_is_begun_again_if_its_owner_says_so() {
    play("resources-afresh", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let mut lost = Vec::new();
        for hall in 1..=24 {
            lost.push(dashboard(&access, &format!("Hall {hall}")).await);
        }
        let copy = stage.backup_and_restore("Copy to compare twice").await;
        for id in &lost {
            access.call(Method::DELETE, &format!("/dashboard/{id}"), None).await;
        }
        stage.compare(&copy).await;
        stage.approve_resources().await;
        let window = stage.window();
        let done = "[data-testid='resource-run-state'][data-state='done']";
        window.see_within(done, EVENTUALLY).await;
        window.see_no_more("[data-testid='half-proven']").await;

        // It is proven again, and interrupted when some of it is compared.
        let slow = json!({ "project": target, "kind": "slow", "delay_ms": 1500, "every": 1 });
        stage.platform.turn("faults", slow).await;
        window.press("[data-testid='resource-prove-again']").await;
        let until = Instant::now() + EVENTUALLY;
        while window.number("[data-testid='resource-progress']", "data-done").await == 0 {
            assert!(Instant::now() < until, "nothing was compared");
            sleep(Duration::from_millis(20)).await;
        }
        window.press("[data-testid='resource-stop']").await;
        window.see_within(done, EVENTUALLY).await;
        window.see("[data-testid='half-proven']").await;
        stage.picture("interrupted").await;
        stage.platform.clear_faults().await;

        // Somebody renames all of them: only who begins again sees every one.
        for id in dashboards(&access).await.into_iter().filter(|(label, _)| label.starts_with("Hall")) {
            rename(&access, "dashboard", &id.1, "label", &format!("{}, renamed", id.0)).await;
        }
        window.press("[data-testid='prove-afresh']").await;
        window.see_within("[data-testid='proof-verdict'][data-green='false']", EVENTUALLY).await;
        stage.see_figure("proof-changed-since", lost.len()).await;
        window.see_no_more("[data-testid='half-proven']").await; // it came to its end
        stage.picture("begun-again").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_carries_a_tag_is_chosen_and_from_its_end_one_button_leads_to_the_records_and_back() {
    play("resources-tagged", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let [wanted, other] =
            [dashboard(&access, "Of the north").await, dashboard(&access, "Of the south").await];
        for (id, region) in [(&wanted, "north"), (&other, "south")] {
            let tags = json!({ "tags": [{ "key": "region", "value": region }] });
            access.call(Method::PUT, &format!("/dashboard/{id}"), Some(tags)).await;
        }
        stage.platform.post(&format!("/api/projects/{target}/backups"), json!({})).await;
        stage.damage_and_restore("Copy with tags").await;
        let copy = stage.project_called("Copy with tags").await.unwrap();
        for id in [&wanted, &other] {
            access.call(Method::DELETE, &format!("/dashboard/{id}"), None).await;
        }
        stage.compare(&copy).await;
        let window = stage.window();
        window.write("[data-testid='tag-key']", "region").await;
        window.write("[data-testid='tag-value']", "nowhere").await;
        window.press("[data-testid='choose-tagged']").await;
        window.see_within("[data-testid='resources-none-chosen']", EVENTUALLY).await;
        window.see_disabled("[data-testid='resources-rehearse']").await;
        window.write("[data-testid='tag-value']", "north").await;
        window.press("[data-testid='choose-tagged']").await;
        window.see_no_more("[data-testid='resources-none-chosen']").await;
        stage.see_figure("resources-create", 1).await;
        stage.picture("chosen").await;
        stage.approve_resources().await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        let labels = dashboards(&access).await;
        assert!(labels.contains_key("Of the north") && !labels.contains_key("Of the south"), "{labels:?}");

        // The same pair serves the records, and then the resources again.
        stage.picture("done").await;
        window.press("[data-testid='go-on-records']").await;
        window
            .see_within("[data-testid='wizard'][data-step='choose'] [data-testid='rehearse']", EVENTUALLY)
            .await;
        stage.rehearse().await;
        assert!(stage.figure("plan-missing").await > 0);
        stage.approve_and_run().await;
        window.see_within("[data-testid='proof-verdict'][data-green='true']", EVENTUALLY).await;
        window.press("[data-testid='go-on-resources']").await;
        window.see_within("[data-testid='resources-create']", EVENTUALLY).await;
        stage.picture("again").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_resources_that_is_paused_or_killed_in_its_middle_is_gone_on_with() {
    play("resources-resume", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let names: Vec<String> = (1..=24).map(|number| format!("Hall {number}")).collect();
        let mut lost = Vec::new();
        for name in &names {
            lost.push(dashboard(&access, name).await);
        }
        let copy = stage.backup_and_restore("Copy to go on with").await;
        for id in &lost {
            access.call(Method::DELETE, &format!("/dashboard/{id}"), None).await;
        }
        stage.compare(&copy).await;
        let slow = json!({
            "project": target, "route": "POST /dashboard", "kind": "slow", "delay_ms": 2500, "every": 1
        });
        stage.platform.turn("faults", slow).await;
        stage.approve_resources().await;
        stage.until_dashboards(&access, 1).await;
        stage.window().press("[data-testid='resource-stop']").await;
        stage
            .window()
            .see_within("[data-testid='resource-run-state'][data-state='paused']", EVENTUALLY)
            .await;
        let some = dashboards(&access).await.keys().filter(|label| names.contains(label)).count();
        assert!((1..names.len()).contains(&some), "{some} were made before it was paused");
        stage.picture("paused").await;
        stage.window().press("[data-testid='resource-resume']").await;
        stage.until_dashboards(&access, some + 1).await;

        // The second time nobody asks it to stop.
        stage.kill_window();
        stage.platform.clear_faults().await;
        stage.open_window().await;
        stage.window().press("[data-testid='nav-history']").await;
        let open = "[data-testid='history-resources'] [data-testid='history-open-resources']";
        stage.window().press(open).await;
        stage.window().press("[data-testid='resource-resume']").await;
        let done = "[data-testid='resource-run-state'][data-state='done']";
        stage.window().see_within(done, EVENTUALLY).await;
        stage.see_figure("resource-made", names.len()).await;
        let listed = access.call(Method::GET, "/dashboard?amount=100", None).await;
        for name in &names {
            let found = listed.as_array().unwrap().iter().filter(|one| one["label"] == **name).count();
            assert_eq!(found, 1, "{name} is there once");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_named_and_what_it_says_is_shown_before_anything_is_chosen() {
    play("resources-checks", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let action = access.call(Method::GET, "/action?amount=1", None).await[0].clone();
        let copy = stage.backup_and_restore("Copy to be checked").await;
        access.call(Method::DELETE, &format!("/action/{}", text(&action, "id")), None).await;

        stage.compare(&copy).await;
        let window = stage.window();
        let check = |name: &str, verdict: &str| {
            format!("[data-testid='check-row'][data-check='{name}'][data-verdict='{verdict}']")
        };
        window.see_said(&check("switched_off", "warn"), &["What arrives switched off", "worklist"]).await;
        window.see_no_more(&check("plan_limits", "pass")).await; // what passed is one line
        window.press("[data-testid='checks-all']").await;
        window.see(&check("plan_limits", "pass")).await;
        window.see(&check("source_readable", "pass")).await;
        stage.picture("checks").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_is_cancelled_and_begun_again() {
    play("resources-cancelled", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let copy = stage.backup_and_restore("Copy to compare twice").await;
        let slow = json!({ "project": target, "kind": "slow", "delay_ms": 1500, "every": 1 });
        stage.platform.turn("faults", slow.clone()).await;
        stage.choose_resources_of(&copy).await;
        let window = stage.window();
        window.see("[data-testid='resources-progress']").await;
        stage.picture("comparing").await;
        window.press("[data-testid='resources-cancel']").await;
        window.see_no_more("[data-testid='resources-progress']").await;
        window.see("[data-testid='wizard'][data-step='sides']").await;
        stage.platform.clear_faults().await;
        window.press("[data-testid='wizard-next']").await;
        window.see_within("[data-testid='wizard'][data-step='choose']", EVENTUALLY).await;

        // The next one is cancelled too, and what was compared before is still there.
        stage.platform.turn("faults", slow).await;
        window.press("[data-testid='resources-rehearse']").await;
        window.press("[data-testid='resources-cancel']").await;
        window.see_no_more("[data-testid='resources-progress']").await;
        window.see("[data-testid='resources-same']").await;
        window.see_no_more("[data-testid='error-code']").await; // it is no failure
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_records_are_written_to_takes_no_resources_at_the_same_time() {
    play("resources-and-records", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let plan = dashboard(&access, "Plan of the hall").await;
        stage.platform.post(&format!("/api/projects/{target}/backups"), json!({})).await;
        stage.damage_and_restore("Copy for both").await;
        let copy = stage.project_called("Copy for both").await.unwrap();
        access.call(Method::DELETE, &format!("/dashboard/{plan}"), None).await;
        stage.rehearse_by_mouse().await;
        let slow =
            json!({ "project": target, "route": "POST /data", "kind": "slow", "delay_ms": 60_000, "every": 1 });
        stage.platform.turn("faults", slow).await;
        stage.approve_and_run().await;
        stage.window().see("[data-testid='run-state'][data-state='running']").await;

        stage.compare(&copy).await;
        stage.approve_resources().await;
        let window = stage.window();
        window.see("[data-testid='error-code'][data-code='in_use']").await;
        stage.picture("refused").await;
        let said = format!("A run into “{}” is under way already", stage.platform.project_name());
        window.see_text(&said).await;
        stage.platform.clear_faults().await;
        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='history-row'] [data-testid='history-open']").await;
        window.see_within("[data-testid='proof-verdict'][data-green='true']", EVENTUALLY).await;
    })
    .await;
}

impl Stage {
    /// A restored project with everything that the demo project holds now.
    pub async fn backup_and_restore(&self, name: &str) -> String {
        let project = self.platform.project();
        self.platform.post(&format!("/api/projects/{project}/backups"), json!({})).await;
        self.platform.restore(&project, &self.backup(0).await, name).await
    }

    /// From any page to what came of comparing everything beside records, from this copy into its original.
    pub async fn compare(&self, copy: &str) {
        self.choose_resources_of(copy).await;
        self.window().see_within("[data-testid='wizard'][data-step='choose']", EVENTUALLY).await;
    }

    /// From any page into that comparison.
    async fn choose_resources_of(&self, copy: &str) {
        let window = self.window();
        if window.sees("[data-testid='welcome-try']").await {
            self.open_backups().await;
        }
        window.press("[data-testid='nav-migrate']").await;
        self.choose_side("source", copy).await;
        self.choose_side("target", &self.platform.project()).await;
        window.press("[data-testid='cargo-resources']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
    }

    /// The owner's word on one that differs.
    pub async fn decide(&self, item: &str, choice: &str) {
        let window = self.window();
        window.press(&format!("[data-testid='conflict-select-{item}']")).await;
        window.press(&format!("[data-testid='conflict-of-{item}'] [data-testid='conflict-{choice}']")).await;
    }

    /// From the comparison to the run, or to what was said against it.
    pub async fn approve_resources(&self) {
        let window = self.window();
        window.press("[data-testid='wizard-next']").await;
        window.write("[data-testid='confirm-name']", &self.platform.project_name()).await;
        window.press("[data-testid='confirm-run']").await;
    }

    /// Waits until so many of the dashboards that are called after a hall are there.
    pub async fn until_dashboards(&self, access: &Access, count: usize) {
        let until = Instant::now() + EVENTUALLY;
        while dashboards(access).await.keys().filter(|label| label.starts_with("Hall")).count() < count {
            assert!(Instant::now() < until, "{count} dashboards were not made");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn tag(access: &Access, action: &str, tags: Value) {
    access.call(Method::PUT, &format!("/action/{action}"), Some(json!({ "tags": tags }))).await;
}

pub fn row(item: &str, verdict: &str) -> String {
    format!("[data-testid='resource-row'][data-item='{item}'][data-verdict='{verdict}']")
}

pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{value} has no {field}")).to_owned()
}

pub async fn dashboard(access: &Access, label: &str) -> String {
    let made = access.call(Method::POST, "/dashboard", Some(json!({ "label": label }))).await;
    text(&made, "dashboard")
}

pub async fn rename(access: &Access, what: &str, id: &str, field: &str, name: &str) {
    access.call(Method::PUT, &format!("/{what}/{id}"), Some(json!({ field: name }))).await;
}

/// Ids of the dashboards by their labels.
pub async fn dashboards(access: &Access) -> std::collections::BTreeMap<String, String> {
    let listed = access.call(Method::GET, "/dashboard?amount=100", None).await;
    listed.as_array().unwrap().iter().map(|one| (text(one, "label"), text(one, "id"))).collect()
}

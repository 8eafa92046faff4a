//! The storm guard: what becomes of alarms while old records are written.

use reqwest::Method;
use serde_json::{Value, json};

use crate::migration::GREEN;
use crate::platform::Access;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

const SOMETHING_HELD: &str = "[data-testid='held-action'][data-state='held']";
const NOTHING_HELD: &str = "[data-testid='held-actions'][data-held='0']";

#[tokio::test(flavor = "multi_thread")]
async fn actions_that_the_records_would_set_off_are_held_meanwhile_and_switched_on_again() {
    play("guard", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let access = platform.access(&target, "Test").await;
        let before = switches(&access).await;
        stage.damage_and_restore("Copy with alarms").await;
        stage.rehearse_by_mouse().await;
        window.see("[data-testid='plan-actions']").await;
        stage.picture("plan").await;
        stage.slow_down(&target).await;
        stage.approve_and_run().await;
        window.see_within(SOMETHING_HELD, EVENTUALLY).await;
        stage.picture("held").await;
        platform.clear_faults().await;
        window.see_within(GREEN, EVENTUALLY).await;
        window.see(NOTHING_HELD).await;
        window.see_text("Nothing was set off.").await;
        stage.picture("released").await;
        assert_eq!(switches(&access).await, before, "every action is switched as it was");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lets_the_actions_act_reads_that_messages_go_out_and_they_do() {
    play("guard-off", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let access = platform.access(&target, "Test").await;
        let every_truck = json!({
            "name": "Any truck", "type": "condition", "active": true,
            "trigger": [{
                "tag_key": "type", "tag_value": "reefer-truck", "variable": "cargo_temperature",
                "is": ">", "value": "-1000", "value_type": "number", "unlock": false,
            }],
            "action": { "type": "email", "message": "A truck sends", "to": "duty@frostline.example" },
        });
        access.call(Method::POST, "/action", Some(every_truck)).await;
        let before = switches(&access).await;
        stage.damage_and_restore("Copy with loud alarms").await;
        let quiet = stage.messages().await;
        stage.open_backups().await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        window.press("[data-testid='tripped-let_fire']").await;
        stage.rehearse().await;
        window.see("[data-testid='plan-actions']").await;
        window.see_text("You chose to let them act on each record that is written.").await;
        window.press("[data-testid='wizard-next']").await;
        let loud = "e-mails and messages about old records will go out";
        window.see_said("[data-testid='confirm-choices']", &[loud]).await;
        stage.picture("confirm").await;
        window.press("[data-testid='wizard-back']").await;
        stage.approve_and_run().await;
        window.see_within(GREEN, EVENTUALLY).await;
        window.see("[data-testid='held-action'][data-state='let_fire']").await;
        stage.picture("acted").await;
        assert!(stage.messages().await > quiet, "they acted on the records");
        assert_eq!(switches(&access).await, before, "no action was switched");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_switched_off_is_switched_on_by_one_button() {
    play("guard-released", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let before = switches(&access).await;
        stage.kill_a_run_that_holds_something("Copy that is left").await;
        assert_ne!(switches(&access).await, before, "nobody has switched them on again");

        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='welcome-unfinished'] button").await;
        window.see_said("[data-testid='run-safe-line']", &["switched off"]).await;
        stage.picture("left").await;
        window.press("[data-testid='release']").await;
        window.see_within(NOTHING_HELD, EVENTUALLY).await;
        window.see_within("[data-testid='run-state'][data-state='stopped']", EVENTUALLY).await;
        stage.picture("on-again").await;
        assert_eq!(switches(&access).await, before, "every action is switched as it was");
        window.see_no_more("[data-testid='release']").await;

        // Whoever looks what is there has not gone on with it.
        window.press("[data-testid='prove-again']").await;
        window.see_within("[data-testid='proof-verdict'][data-green='false']", EVENTUALLY).await;
        window.see("[data-testid='run-state'][data-state='stopped']").await;
        window.see_no_more("[data-testid='run-resume']").await; // it was stopped, and stays so
        stage.picture("looked-at").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_project_is_gone_is_given_up_and_says_what_it_leaves() {
    play("given-up", async |stage: &mut Stage| {
        let target = stage.platform.project();
        stage.kill_a_run_that_holds_something("Copy without a target").await;
        let named = json!({ "name": stage.platform.project_name() });
        let project = format!("/api/projects/{target}");
        stage.platform.console(Method::DELETE, &project, Some(named)).await.unwrap();

        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='welcome-unfinished'] button").await;
        window.see("[data-testid='run-resume']").await;
        window.see_no_more("[data-testid='give-up']").await; // nobody knows yet that it is gone
        window.press("[data-testid='release']").await;
        window.see_within("[data-testid='give-up']", EVENTUALLY).await;
        stage.picture("offered").await;
        window.press("[data-testid='give-up']").await;
        window.see_said("[data-testid='give-up-leaves']", &["switched off"]).await;
        stage.picture("asked").await;
        window.press("[data-testid='give-up-confirm']").await;
        window.see_within("[data-testid='run-state'][data-state='given_up']", EVENTUALLY).await;
        window.see_said("[data-testid='given-up']", &["Given up on", "Switch on these actions"]).await;
        window.see_no_more("[data-testid='run-resume']").await; // it is over
        window.see("[data-testid='undo']").await; // should the project come back
        stage.picture("given-up").await;
    })
    .await;
}

impl Stage {
    /// A run out of a copy of this name, killed while it held actions.
    async fn kill_a_run_that_holds_something(&mut self, copy: &str) {
        self.damage_and_restore(copy).await;
        self.rehearse_by_mouse().await;
        self.slow_down(&self.platform.project()).await;
        self.approve_and_run().await;
        self.window().see_within(SOMETHING_HELD, EVENTUALLY).await;
        self.kill_window();
        self.platform.clear_faults().await;
    }

    /// How many messages the demo project would have sent.
    async fn messages(&self) -> usize {
        let project = self.platform.project();
        let sent = self.platform.look(&format!("outbox?project={project}")).await;
        sent.as_array().unwrap_or_else(|| panic!("{sent}")).len()
    }
}

/// Which actions are on.
async fn switches(access: &Access) -> Value {
    access.call(Method::GET, "/action?amount=100&fields[0]=id&fields[1]=active", None).await
}

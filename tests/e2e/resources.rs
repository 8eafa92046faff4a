//! What a project holds beside records: compared, chosen, written, and taken back.

use reqwest::Method;
use serde_json::{Value, json};

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
        platform.post(&format!("/api/projects/{target}/backups"), json!({})).await;
        let backup = stage.backup(0).await;
        let copy = platform.restore(&target, &backup, "Copy with everything").await;
        for gone in [&lost, &renamed, &skipped] {
            access.call(Method::DELETE, &format!("/dashboard/{gone}"), None).await;
        }
        rename(&access, "action", &alarm, "name", "Renamed by mistake").await;

        stage.open_backups().await;
        stage.window().press("[data-testid='nav-migrate']").await;
        stage.choose_side("source", &copy).await;
        stage.choose_side("target", &target).await;
        stage.window().press("[data-testid='to-resources']").await;
        stage.window().press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        let window = stage.window();
        window.see_within("[data-testid='wizard'][data-step='choose']", EVENTUALLY).await;
        assert_eq!(stage.figure("resources-create").await, 3);
        window.see(&row(&alarm, "conflict")).await;
        stage.picture("compared").await;

        // One is left out, and the owner has a word on the one that differs.
        window.press(&format!("[data-testid='choose-item-{skipped}']")).await;
        assert!(
            !window.enabled("[data-testid='wizard-next']").await,
            "what was rehearsed is not what is chosen"
        );
        window.press(&format!("[data-testid='conflict-select-{alarm}']")).await;
        window
            .press(&format!("[data-testid='conflict-of-{alarm}'] [data-testid='conflict-take_source']"))
            .await;
        window.press("[data-testid='resources-rehearse']").await;
        window.see_within(&row(&alarm, "update"), EVENTUALLY).await;
        assert_eq!(stage.figure("resources-create").await, 2);
        stage.picture("chosen").await;
        window.press("[data-testid='wizard-next']").await;
        window.write("[data-testid='confirm-name']", "Not this one").await;
        assert!(!window.enabled("[data-testid='confirm-run']").await);
        window.write("[data-testid='confirm-name']", &platform.project_name()).await;
        stage.picture("confirm").await;
        window.press("[data-testid='confirm-run']").await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        stage.picture("done").await;
        assert_eq!([stage.figure("resource-made").await, stage.figure("resource-changed").await], [2, 1]);
        assert_eq!(text(&access.call(Method::GET, &format!("/action/{alarm}"), None).await, "name"), name);
        let mut labels = dashboards(&access).await;
        assert!(labels.contains_key("Cold chain") && labels.contains_key("Night shift"), "{labels:?}");
        assert!(!labels.contains_key("Not wanted"), "{labels:?}");

        // Somebody goes on working with one of them, and the copy is gone: the rest is taken back.
        rename(&access, "dashboard", &labels["Night shift"], "label", "Night shift, new").await;
        let delete = json!({ "name": "Copy with everything" });
        platform.console(Method::DELETE, &format!("/api/projects/{copy}"), Some(delete)).await.unwrap();
        window.press("[data-testid='resource-undo']").await;
        window.press("[data-testid='undo-confirm']").await;
        window.see_within("[data-testid='undone']", EVENTUALLY).await;
        stage.picture("undone").await;
        assert_eq!(window.all("[data-testid='undone-reversed']").await.len(), 2);
        let kept = window.text("[data-testid='undone-kept']").await;
        assert!(kept.contains("Night shift"), "{kept}");
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
        assert_eq!(window.all("[data-testid='undone-reversed']").await.len(), 2);
    })
    .await;
}

fn row(item: &str, verdict: &str) -> String {
    format!("[data-testid='resource-row'][data-item='{item}'][data-verdict='{verdict}']")
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{value} has no {field}")).to_owned()
}

async fn dashboard(access: &Access, label: &str) -> String {
    let made = access.call(Method::POST, "/dashboard", Some(json!({ "label": label }))).await;
    text(&made, "dashboard")
}

async fn rename(access: &Access, what: &str, id: &str, field: &str, name: &str) {
    access.call(Method::PUT, &format!("/{what}/{id}"), Some(json!({ field: name }))).await;
}

/// Ids of the dashboards by their labels.
async fn dashboards(access: &Access) -> std::collections::BTreeMap<String, String> {
    let listed = access.call(Method::GET, "/dashboard?amount=100", None).await;
    listed.as_array().unwrap().iter().map(|one| (text(one, "label"), text(one, "id"))).collect()
}

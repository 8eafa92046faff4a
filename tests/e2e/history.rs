//! What the history keeps, and what is still shown when a window is opened again.

use serde_json::json;

use crate::database::Database;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

const GREEN: &str = "[data-testid='proof-verdict'][data-green='true']";

#[tokio::test(flavor = "multi_thread")]
async fn the_history_keeps_the_run_and_the_restore_with_their_reports_when_the_copy_is_deleted() {
    play("history", async |stage: &mut Stage| {
        let target = stage.platform.project();
        stage.platform.post("/api/practice/bad-day", json!({ "project": target })).await;
        stage.open_backups().await;
        let best = stage.backup(0).await;
        stage.ask_for_the_cost(&best, "Copy that goes").await;
        let copy = stage.agree_and_wait("Copy that goes").await;
        stage.window().press("[data-testid='deployment-migrate']").await;
        stage.window().press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        stage.rehearse().await;
        stage.approve_and_run().await;
        stage.window().see_within(GREEN, EVENTUALLY).await;
        let cost = stage.platform.get(&format!("/api/projects/{copy}/meter")).await["total_micros"].clone();
        stage.window().press("[data-testid='finish-delete']").await;
        stage.window().write("[data-testid='delete-name']", "Copy that goes").await;
        stage.window().press("[data-testid='delete-confirm']").await;
        stage.window().see_no_more("[data-testid='delete-dialog']").await;

        // Nothing of what follows is in the window's memory.
        stage.close_window().await;
        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='nav-history']").await;
        let restore = format!("[data-testid='history-restore'][data-project='{copy}']");
        window.see_said(&restore, &["Copy that goes", "Deleted on"]).await;
        stage.picture("list").await;
        window.press(&format!("{restore} [data-testid='history-open-restore']")).await;
        window.see("[data-testid='restore-report']").await;
        stage.picture("restore").await;
        window.see_number("[data-testid='restore-cost']", "data-micros", cost).await;
        for event in ["started", "bytes_copied", "finished"] {
            window.see(&format!("[data-testid='deployment-log'] [data-event='{event}']")).await;
        }

        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='history-row'] [data-testid='history-open']").await;
        window.see(GREEN).await;
        window.bring_into_view("[data-testid='hole-strip'] path.written").await;
        stage.picture("proof").await;
        window.see_no_more("[data-testid='hole-strip'] path.missing").await;
        window.see("[data-testid='report-open']").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wheel_over_the_day_strip_or_a_wide_table_scrolls_the_page() {
    play("wheel", async |stage: &mut Stage| {
        stage.damage_and_restore("Copy to scroll over").await;
        stage.rehearse_by_mouse().await;
        let devices = Database::open(&stage.platform.database(&stage.platform.project()).await).devices();
        let window = stage.window();
        window.press("[data-testid='strip-others']").await;
        window.see_count("[data-testid='hole-strip'] svg", devices.len() + 5).await;
        window.resize(720, 520).await;
        for place in ["[data-testid='hole-strip']", "[data-testid='plan-table']"] {
            let moved = window.wheel_over(place, 60).await;
            assert!(moved > 0, "{place} keeps the wheel to itself");
        }
        let wide = "const table = document.querySelector('[data-testid=plan-table]');
            return table.scrollWidth > table.parentElement.clientWidth;";
        assert_eq!(window.read(wide, vec![]).await, true, "the table is wider than its frame");
    })
    .await;
}

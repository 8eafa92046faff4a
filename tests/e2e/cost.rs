//! What a restore costs, and who agreed to it.

use reqwest::Method;
use serde_json::{Value, json};
use tago_api::Time;

use crate::stage::{Stage, play};

const MINUTE: i64 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn s07_the_price_is_shown_before_and_nothing_is_made_without_consent_to_it() {
    play("s07", async |stage: &mut Stage| {
        let (platform, window) = (&stage.platform, stage.window());
        stage.open_backups().await;
        let projects = platform.projects().await.len();
        stage.ask_for_the_cost(&stage.backup(0).await, "Paid for").await;

        let (fee, hour) = stage.price_by_the_book().await;
        window.see_number("[data-testid='cost-creation-fee']", "data-micros", fee).await;
        window.see_number("[data-testid='cost-per-hour']", "data-micros", hour).await;
        window.see_number("[data-testid='cost-per-month']", "data-micros", hour * 730).await;
        let dollars = format!("${}.00", fee / 1_000_000);
        window.see_said("[data-testid='cost-creation-fee']", &[&dollars]).await;

        // The button is closed until consent is given, and closes when it is taken back.
        window.press_regardless("[data-testid='cost-confirm']").await;
        window.see_disabled("[data-testid='cost-confirm']").await;
        window.press("[data-testid='cost-consent']").await;
        window.see_enabled("[data-testid='cost-confirm']").await;
        window.press("[data-testid='cost-consent']").await;
        window.see_disabled("[data-testid='cost-confirm']").await;
        window.press("[data-testid='cost-consent']").await;

        // Another price: the server refuses the old one, the window asks again, and consent begins anew.
        let dearer = fee + 7_000_000;
        platform.turn("prices", json!({ "creation_fee_micros": dearer })).await;
        window.press("[data-testid='cost-confirm']").await;
        window.see("[data-testid='cost-changed']").await;
        stage.picture("changed").await;
        window.see_number("[data-testid='cost-creation-fee']", "data-micros", dearer).await;
        window.see_disabled("[data-testid='cost-confirm']").await;
        window.see("[data-testid='cost-consent']:not(:checked)").await;
        assert_eq!(platform.projects().await.len(), projects, "nothing was made");

        // An expired price, by the server's clock.
        platform.set_clock(Time::from_millis(platform.now().millis() + 11 * MINUTE)).await;
        window.press("[data-testid='cost-consent']").await;
        window.press("[data-testid='cost-confirm']").await;
        window.see_text("had expired").await;
        window.see_disabled("[data-testid='cost-confirm']").await;
        assert_eq!(platform.projects().await.len(), projects, "nothing was made");

        let new = stage.agree_and_wait("Paid for").await;
        let meter = platform.get(&format!("/api/projects/{new}/meter")).await;
        assert_eq!(
            [&meter["creation_fee_micros"], &meter["per_hour_micros"]],
            [&json!(dearer), &json!(hour)]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_the_meter_of_a_restored_project_runs_until_it_is_deleted() {
    play("s08", async |stage: &mut Stage| {
        let (platform, window) = (&stage.platform, stage.window());
        let (fee, hour) = stage.price_by_the_book().await;
        stage.open_backups().await;
        stage.ask_for_the_cost(&stage.backup(0).await, "By the hour").await;
        let new = stage.agree_and_wait("By the hour").await;

        window.press("[data-testid='nav-restored']").await;
        window.see("[data-testid='restored-meter'][data-hours='1']").await;
        window.see_number("[data-testid='restored-meter']", "data-micros", fee + hour).await;

        platform.set_clock(Time::from_millis(platform.now().millis() + 125 * MINUTE)).await;
        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='nav-restored']").await;
        window.see("[data-testid='restored-meter'][data-hours='3']").await;
        window.see_number("[data-testid='restored-meter']", "data-micros", fee + 3 * hour).await;
        stage.picture("meter").await;

        // Only the exact name deletes it; then the meter stands still.
        window.press("[data-testid='restored-delete']").await;
        window.write("[data-testid='delete-name']", "by the hour").await;
        window.see_disabled("[data-testid='delete-confirm']").await;
        window.write("[data-testid='delete-name']", "By the hour").await;
        window.press("[data-testid='delete-confirm']").await;
        window.see("[data-testid='restored-none']").await;
        assert_eq!(stage.project_called("By the hour").await, None);
        let meter = platform.console(Method::GET, &format!("/api/projects/{new}/meter"), None).await;
        assert!(meter.is_err() || !meter.unwrap()["until"].is_null(), "the meter stopped");
        window.see_no_more("[data-testid^='nav-project-'] [title='By the hour']").await;
    })
    .await;
}

impl Stage {
    /// Creation fee and hourly price of a small project in the demo's region, added up from the price book.
    async fn price_by_the_book(&self) -> (i64, i64) {
        let book = self.platform.look("prices").await;
        let project = self.platform.get(&format!("/api/projects/{}", self.platform.project())).await;
        let region = &book["regions"][project["region"].as_str().unwrap()];
        let parts = region.as_object().unwrap().values().filter_map(Value::as_i64);
        let license = book["platform_license_micros_per_hour"].as_i64().unwrap();
        (book["creation_fee_micros"].as_i64().unwrap(), license + parts.sum::<i64>())
    }

    pub async fn names_in_the_sidebar(&self) -> Vec<String> {
        self.window().each("[data-testid^='nav-project-'] .name", "element.title").await
    }
}

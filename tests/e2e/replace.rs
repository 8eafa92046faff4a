//! A time range is made what it was in the backup: what lacks is written, and what only the project has is removed.

use chrono::{DateTime, Duration, FixedOffset};

use crate::database::{Database, Record, amount};
use crate::migration::GREEN;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_time_range_holds_what_the_backup_holds_and_undo_writes_back_what_was_removed() {
    play("replace", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let original = Database::open(&platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy to replace by").await;
        let devices = original.devices();
        let (near, _) = missing.iter().find(|(record, _)| devices.contains(&record.device)).unwrap();
        stage.send_beside(near).await;
        let before = original.records();
        assert_eq!(wrong(&original, near), 1, "somebody has sent something wrong");

        stage.open_backups().await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        window.press("[data-testid='policy-replace']").await;
        window.see_text("replacing needs a beginning").await;
        window.see_disabled("[data-testid='rehearse']").await;
        window.write("[data-testid='choose-from']", &local(near.time, -1)).await;
        window.see_text("replacing needs an end").await;
        window.write("[data-testid='choose-to']", &local(near.time, 1)).await;
        stage.picture("choose").await;
        stage.rehearse().await;
        stage.see_figure("plan-to-remove", 1).await;
        window.see("[data-testid='plan-removes']").await;
        stage.picture("rehearsal").await;
        window.press("[data-testid='wizard-next']").await;
        let removes = format!("removes 1 record from {}", platform.project_name());
        window.see_said("[data-testid='confirm-choices']", &[&removes]).await;
        stage.picture("confirm").await;
        window.press("[data-testid='wizard-back']").await;
        stage.approve_and_run().await;
        window.see_within(GREEN, EVENTUALLY).await;
        window.see_number("[data-testid='run-removed']", "data-value", 1).await;
        stage.picture("done").await;
        assert_eq!(wrong(&original, near), 0, "it is gone");

        window.press("[data-testid='undo']").await;
        window.press("[data-testid='undo-confirm']").await;
        window.see_within("[data-testid='run-state'][data-state='undone']", EVENTUALLY).await;
        window.see_text("1 record written back.").await;
        stage.picture("undone").await;
        assert_eq!(wrong(&original, near), 1, "it is there again");
        assert_eq!(amount(&original.records()), amount(&before));
    })
    .await;
}

/// How many records there are at this one's time that say something else.
fn wrong(database: &Database, beside: &Record) -> usize {
    let here = |record: &Record| {
        (&record.device, &record.variable, record.time) == (&beside.device, &beside.variable, beside.time)
    };
    database.records().into_iter().filter(|(record, _)| here(record) && record != beside).count()
}

/// A moment in milliseconds, so many days later, as the owner writes it in São Paulo.
fn local(millis: i64, days: i64) -> String {
    let at = DateTime::from_timestamp_millis(millis).unwrap() + Duration::days(days);
    at.with_timezone(&FixedOffset::west_opt(3 * 3600).unwrap()).format("%Y-%m-%d %H:%M").to_string()
}

//! The schedule, and who may see it.

use chrono::{DateTime, Timelike, Utc};
use tago_api::Time;

use crate::backups::in_sao_paulo;
use crate::stage::{Stage, play};

#[tokio::test(flavor = "multi_thread")]
async fn s11_the_schedule_is_set_on_the_main_database_page_and_the_next_backup_comes_at_that_time() {
    play("s11", async |stage: &mut Stage| {
        let (platform, window, project) = (&stage.platform, stage.window(), stage.platform.project());
        let path = format!("/api/projects/{project}/main-database");
        stage.open_backups().await;
        let before = stage.backup(0).await;
        window.press("[data-testid='nav-main-database']").await;

        // What is no time of day is refused in a sentence, and nothing changes.
        let unchanged = platform.get(&path).await;
        window.write("[data-testid='schedule-time']", "25:10").await;
        window.see("[data-testid='error-code'][data-code='bad_input']").await;
        window.see_disabled("[data-testid='schedule-save']").await;
        assert_eq!(platform.get(&path).await, unchanged);

        // In two hours, and at no half hour: at one a backup is made already.
        let now: DateTime<Utc> = platform.now().to_string().parse().unwrap();
        let due = (now + chrono::Duration::hours(2)).with_minute(45).unwrap();
        let due = due.with_second(0).unwrap().with_nanosecond(0).unwrap();
        window.write("[data-testid='schedule-time']", &due.format("%H:%M").to_string()).await;
        let local = in_sao_paulo(&due.to_rfc3339());
        window.see_said("[data-testid='schedule-local']", &[&local[local.len() - 5..]]).await;
        window.see_text(&local).await;
        stage.picture("schedule").await;
        window.press("[data-testid='schedule-save']").await;
        window.see("[data-testid='schedule-saved']").await;
        assert_eq!(platform.get(&path).await["daily_time"], due.format("%H:%M").to_string());

        platform.set_clock(Time::from_millis(due.timestamp_millis() - 1)).await;
        assert_eq!(stage.backup(0).await, before, "not a moment too early");
        platform.set_clock(Time::from_millis(due.timestamp_millis())).await;
        window.press("[data-testid='nav-backups']").await;
        let newest = "[data-testid='backup-row']:first-child [data-testid='backup-date']";
        window.see_number(newest, "data-at", due.timestamp_millis()).await;
        window.see_said(newest, &[&local]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_configuration_creation_and_restoration_are_the_owners() {
    play("s05", async |stage: &mut Stage| {
        let window = stage.window();
        stage.open_backups().await;
        assert!(
            window.sees("[data-testid='back-up-now']").await
                && window.sees("[data-testid='backup-menu']").await
        );
        window.press("[data-testid='nav-main-database']").await;
        window.see("[data-testid='schedule-save']").await;

        window.press("[data-testid='practice-role-admin']").await;
        window
            .see("[data-testid='schedule-forbidden'] [data-testid='error-code'][data-code='forbidden']")
            .await;
        window.see_text("Only the owner may see or change when backups are made").await;
        window.see_no_more("[data-testid='schedule-time']").await;
        window.press("[data-testid='nav-backups']").await;
        window.see("[data-testid='backups-forbidden']").await;
        window.see_no_more("[data-testid='back-up-now']").await;
        window.see_no_more("[data-testid='backup-menu']").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_a_collaborator_sees_no_backup_and_reads_why() {
    play("s06", async |stage: &mut Stage| {
        let window = stage.window();
        stage.open_backups().await;
        window.see_count("[data-testid='backup-row']", 7).await;
        window.press("[data-testid='practice-role-admin']").await;
        window
            .see("[data-testid='backups-forbidden'] [data-testid='error-code'][data-code='forbidden']")
            .await;
        window.see_text("Backups are for the owner of the project").await;
        window.see_text("collaborator (Admin)").await;
        window.see_count("[data-testid='backup-row']", 0).await;
        stage.picture("collaborator").await;
        window.press("[data-testid='practice-role-owner']").await;
        window.see_count("[data-testid='backup-row']", 7).await;
    })
    .await;
}

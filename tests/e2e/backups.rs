//! The list of backups.

use std::fs;

use chrono::{DateTime, FixedOffset, Utc};
use tago_api::Time;

use crate::database::Database;
use crate::stage::{Stage, play};

const DAY: i64 = 86_400_000;

/// A row of the list, as it is read in the window.
#[derive(serde::Deserialize)]
struct Row {
    backup: String,
    date: String,
    size: String,
    bytes: u64,
}

async fn rows(stage: &Stage) -> Vec<Row> {
    let row = "{
        const date = element.querySelector(\"[data-testid='backup-date']\");
        const size = element.querySelector(\"[data-testid='backup-size']\");
        return { backup: element.dataset.backup, date: date.innerText, size: size.innerText,
            bytes: Number(size.dataset.bytes) };
    }";
    stage.window().each("[data-testid='backup-row']", row).await
}

impl Stage {
    /// Lets days pass, and tells the newest backup after each.
    pub async fn let_days_pass(&self, days: i64) -> Vec<String> {
        let project = self.platform.project();
        let mut made = Vec::new();
        for _ in 0..days {
            self.platform.set_clock(Time::from_millis(self.platform.now().millis() + DAY)).await;
            made.push(self.platform.backups(&project).await[0]["id"].as_str().unwrap().to_owned());
        }
        made
    }
}

/// A moment as people in São Paulo read it; it has had no summer time since 2019.
pub fn in_sao_paulo(moment: &str) -> String {
    let utc: DateTime<Utc> = moment.parse().unwrap();
    utc.with_timezone(&FixedOffset::west_opt(3 * 3600).unwrap()).format("%a %-d %b %Y, %H:%M").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_the_list_shows_exactly_the_seven_most_recent_of_twelve_daily_backups_newest_first() {
    play("s01", async |stage: &mut Stage| {
        let mut made = stage.let_days_pass(12).await;
        made.dedup();
        assert_eq!(made.len(), 12, "every day made a backup of its own");
        stage.open_backups().await;
        let shown: Vec<_> = rows(stage).await.into_iter().map(|row| row.backup).collect();
        let mut newest: Vec<_> = made.into_iter().skip(5).collect();
        newest.reverse();
        assert_eq!(shown, newest);
        stage.picture("backups").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s02_each_backup_shows_its_local_date_and_the_bytes_it_takes_on_disk() {
    play("s02", async |stage: &mut Stage| {
        let project = stage.platform.project();
        stage.open_backups().await;
        let listed = stage.platform.backups(&project).await;
        let shown = rows(stage).await;
        assert_eq!(shown.len(), 7);
        for (row, backup) in shown.iter().zip(&listed) {
            assert_eq!(row.date, in_sao_paulo(backup["created_at"].as_str().unwrap()));
            let snapshot = stage.platform.snapshot(&project, &row.backup).await;
            assert_eq!(row.bytes, fs::metadata(snapshot).unwrap().len());
            assert!(!row.size.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_a_backup_comes_by_itself_at_the_time_that_the_window_announces() {
    play("s09", async |stage: &mut Stage| {
        let (platform, project) = (&stage.platform, stage.platform.project());
        stage.open_backups().await;
        let before = stage.backup(0).await;
        let settings = platform.get(&format!("/api/projects/{project}/main-database")).await;
        let due = settings["next_run_at"].as_str().unwrap();
        stage.window().see_said("[data-testid='next-run']", &[&in_sao_paulo(due)]).await;

        let content = Database::open(&platform.database(&project).await).kept_by_a_restore();
        platform.set_clock(due.parse().unwrap()).await;
        stage.window().press("[data-testid='nav-backups']").await;
        stage
            .window()
            .see(&format!("tr:not([data-backup='{before}']):first-child [data-testid='backup-date']"))
            .await;
        let newest = rows(stage).await.remove(0);
        assert_ne!(newest.backup, before);
        assert_eq!(newest.date, in_sao_paulo(due));
        let snapshot = Database::open(&platform.snapshot(&project, &newest.backup).await);
        assert_eq!(snapshot.kept_by_a_restore(), content);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_there_is_one_backup_for_every_day() {
    play("s10", async |stage: &mut Stage| {
        stage.let_days_pass(3).await;
        stage.open_backups().await;
        let moments: Vec<i64> =
            stage.window().each("[data-testid='backup-date']", "Number(element.dataset.at)").await;
        assert_eq!(moments.len(), 7);
        assert!(moments.windows(2).all(|pair| pair[0] - pair[1] == DAY), "{moments:?}");
    })
    .await;
}

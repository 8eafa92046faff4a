//! The app is started a second time.

use std::fs;

use crate::stage::{Stage, play};
use crate::window::start_again;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_ends_at_once_and_asks_the_first_window_to_come_forward() {
    play("once", async |stage: &mut Stage| {
        stage.open_backups().await;
        assert!(start_again(&stage.home).await.success());
        stage.window().see("[data-testid='backups-table']").await;
        let log = stage.home.folder().join("data/app.holdfast.desktop/logs/holdfast.log");
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("a second start asks for this window"), "{log}");

        // What has ended, also by force, is in nobody's way.
        stage.kill_window();
        stage.open_window().await;
        assert!(start_again(&stage.home).await.success());
        stage.close_window().await;
        stage.open_window().await;
    })
    .await;
}

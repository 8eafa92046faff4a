//! The first half: from the list of backups, over the bad day, to a new project.

use std::fs;
use std::time::Duration;

use fantoccini::Locator;
use fantoccini::key::Key;

use crate::database::{Database, amount, beyond};
use crate::guide::Scene;
use crate::window::EVENTUALLY;

pub const COPY: &str = "Before the bad day";

/// The first start fills the demo project.
const FIRST_START: Duration = Duration::from_secs(60);

pub async fn backups(scene: &mut Scene) -> String {
    scene.open_window(&["--practice"]).await;
    let window = scene.window();
    window.see_within("[data-testid='backups-table']", FIRST_START).await;
    let [original] = scene.disk.projects().try_into().expect("one project");
    let mut moments = Vec::new();
    let mut sizes = Vec::new();
    for row in window.see_count("[data-testid='backup-row']", 7).await {
        let find = async |css: &str| row.find(Locator::Css(css)).await.unwrap();
        let backup = row.attr("data-backup").await.unwrap().unwrap();
        let date = find("[data-testid='backup-date']").await;
        let size = find("[data-testid='backup-size']").await;
        assert!(!date.text().await.unwrap().is_empty() && !size.text().await.unwrap().is_empty());
        moments.push(date.attr("data-at").await.unwrap().unwrap().parse::<i64>().unwrap());
        let bytes: u64 = size.attr("data-bytes").await.unwrap().unwrap().parse().unwrap();
        assert_eq!(bytes, fs::metadata(scene.disk.snapshot(&original, &backup)).unwrap().len());
        sizes.push(bytes);
    }
    assert!(moments.is_sorted_by(|newer, older| newer > older), "newest first: {moments:?}");
    scene.picture().await;

    let database = scene.disk.project(&original);
    let devices = database.devices().len();
    scene.before = database.records();
    scene.definitions = database.definitions();
    scene.original = original;
    let [smallest, largest] = [sizes.iter().min(), sizes.iter().max()].map(|size| megabytes(*size.unwrap()));
    format!("7 backups of {smallest} to {largest} MB; {devices} devices, {} records", amount(&scene.before))
}

pub async fn bad_day(scene: &mut Scene) -> String {
    let window = scene.window();
    window.press("[data-testid='nav-welcome']").await;
    window.press("[data-testid='welcome-bad-day']").await;
    window.see_within("[data-testid='bad-day-story']", EVENTUALLY).await;
    let database = scene.disk.project(&scene.original);
    let damaged = database.records();
    let lost = amount(&beyond(&scene.before, &damaged));
    assert_eq!(amount(&damaged) + lost, amount(&scene.before), "nothing was added");
    assert_eq!(database.devices().len() + 5, scene.definitions.len());
    window.see_text(&grouped(lost)).await;
    scene.picture().await;
    scene.damaged = damaged;
    format!("5 devices deleted, 10 emptied; {lost} records lost")
}

pub async fn menu(scene: &mut Scene) -> String {
    let window = scene.window();
    window.press("[data-testid='bad-day-backups']").await;
    let row = window.see("[data-testid='backup-row'].best").await;
    let best = row.attr("data-backup").await.unwrap().unwrap();
    let menu = format!("[data-backup='{best}'] [data-testid='backup-menu']");
    window.press(&menu).await;
    window.see_focus("[data-testid='menu-new-project']").await;
    scene.picture().await;

    // The one from right before: what the project still has is in it or newer, what it lost is in it.
    let backup = Database::open(&scene.disk.snapshot(&scene.original, &best)).records();
    scene.best_backup = best;
    scene.missing = beyond(&backup, &scene.damaged);
    let lost = beyond(&scene.before, &scene.damaged);
    let not_in_backup = amount(&beyond(&lost, &scene.missing));
    assert_eq!(beyond(&scene.missing, &lost).len(), 0, "the backup lacks nothing else");
    format!(
        "the backup holds {} records, {} of the lost ones; {not_in_backup} were sent after it",
        amount(&backup),
        amount(&scene.missing),
    )
}

pub async fn new_project(scene: &mut Scene) -> String {
    let window = scene.window();
    window.key(Key::Enter).await;
    window.write("[data-testid='restore-name']", COPY).await;
    assert_eq!(window.value("[data-testid='restore-name']").await, COPY);
    let place = scene.cut_text("[data-testid='restore-region']").await;
    scene.picture().await;
    window.press("[data-testid='restore-next']").await;
    assert!(!place.is_empty());
    format!("“{COPY}” in {place}")
}

pub async fn cost(scene: &mut Scene) -> String {
    let window = scene.window();
    let (mut micros, mut prices) = (Vec::new(), Vec::new());
    for name in ["cost-creation-fee", "cost-per-hour", "cost-per-month"] {
        let price = format!("[data-testid='{name}']");
        micros.push(window.number(&price, "data-micros").await);
        prices.push(window.text(&price).await);
    }
    let [fee, hour, month] = micros.try_into().unwrap();
    assert!(fee > 0 && hour > 0, "a restore costs something");
    assert_eq!(month, hour * 730);
    let confirm = "[data-testid='cost-confirm']";
    window.press_regardless(confirm).await;
    window.see_disabled(confirm).await;
    scene.picture().await;
    assert_eq!(scene.disk.projects().len(), 1, "nothing was created");
    window.press("[data-testid='cost-consent']").await;
    window.see_enabled(confirm).await;
    scene.picture_of(confirm, "consent").await;
    window.press(confirm).await;
    format!("{} once, {} per hour, {} per month", prices[0], prices[1], prices[2])
}

pub async fn deployment(scene: &mut Scene) -> String {
    let window = scene.window();
    window.see_within("[data-testid='deployment-status'][data-status='success']", EVENTUALLY).await;
    let events = window.all("[data-testid='deployment-log'] li[data-event]").await.len();
    window.see("[data-testid='deployment-log'] li[data-event='api_answering']").await;
    scene.picture().await;

    let mut projects = scene.disk.projects();
    projects.retain(|project| *project != scene.original);
    let [copy] = projects.try_into().expect("one new project");
    let made = scene.disk.project(&copy);
    let backup = Database::open(&scene.disk.snapshot(&scene.original, &scene.best_backup));
    assert_eq!(made.kept_by_a_restore(), backup.kept_by_a_restore(), "it holds what the backup holds");
    let renewed = {
        let (old, new) = (backup.tokens(), made.tokens());
        assert!(old.iter().all(|(token, hash)| new.get(token).is_some_and(|renewed| renewed != hash)));
        old.len()
    };
    assert_eq!(scene.disk.project(&scene.original).records(), scene.damaged, "the original is not touched");
    scene.copy = copy;
    format!("{events} events; all rows of the backup are there, {renewed} tokens are new")
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// As people read it: 12,345.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

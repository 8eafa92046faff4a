//! A new project from a backup.

use reqwest::Method;
use serde_json::{Value, json};

use fantoccini::key::Key;

use crate::database::{Database, bytes_of};
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

const SUCCESS: &str = "[data-testid='deployment-status'][data-status='success']";

impl Stage {
    /// By mouse: from the open list of backups to the cost dialog.
    pub async fn ask_for_the_cost(&self, backup: &str, name: &str) {
        let window = self.window();
        window.press(&menu_of(backup)).await;
        window.press("[data-testid='menu-new-project']").await;
        window.write("[data-testid='restore-name']", name).await;
        window.press("[data-testid='restore-next']").await;
        window.see("[data-testid='cost-dialog'] [data-testid='cost-consent']").await;
    }

    /// By mouse: from the cost dialog to the finished deployment. Tells the new project's id.
    pub async fn agree_and_wait(&self, name: &str) -> String {
        let window = self.window();
        window.press("[data-testid='cost-consent']").await;
        window.press("[data-testid='cost-confirm']").await;
        window.see_within(SUCCESS, EVENTUALLY).await;
        self.project_called(name).await.expect("the new project is listed")
    }

    pub async fn project_called(&self, name: &str) -> Option<String> {
        let projects = self.platform.projects().await;
        let found = projects.iter().find(|project| project["name"] == name)?;
        Some(found["id"].as_str().unwrap().to_owned())
    }

    /// The id of a backup by its place in the list, newest first.
    pub async fn backup(&self, place: usize) -> String {
        let backups = self.platform.backups(&self.platform.project()).await;
        backups[place]["id"].as_str().unwrap().to_owned()
    }
}

fn menu_of(backup: &str) -> String {
    format!("[data-backup='{backup}'] [data-testid='backup-menu']")
}

#[tokio::test(flavor = "multi_thread")]
async fn s03_by_mouse_a_backup_becomes_a_new_isolated_project_with_the_snapshots_data() {
    play("s03", async |stage: &mut Stage| {
        let platform = &stage.platform;
        let old = platform.project();
        stage.open_backups().await;
        let backup = stage.backup(2).await;
        let snapshot = Database::open(&platform.snapshot(&old, &backup).await).kept_by_a_restore();
        stage.ask_for_the_cost(&backup, "Rescue by mouse").await;
        stage.picture("cost").await;
        let new = stage.agree_and_wait("Rescue by mouse").await;
        stage.picture("deployment").await;

        let copy = Database::open(&platform.database(&new).await);
        assert_eq!(copy.kept_by_a_restore(), snapshot, "the new project holds what the snapshot holds");
        assert!(snapshot["records"].len() > 1000);

        // What is written on one side does not show on the other.
        let original = Database::open(&platform.database(&old).await);
        let [old_count, new_count] = [original.count("records"), copy.count("records")];
        stage.send_one_record(&old).await;
        assert_eq!([original.count("records"), copy.count("records")], [old_count + 1, new_count]);
        stage.send_one_record(&new).await;
        stage.send_one_record(&new).await;
        assert_eq!([original.count("records"), copy.count("records")], [old_count + 1, new_count + 2]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_by_keyboard_alone_the_menu_leads_from_a_backup_to_a_new_project() {
    play("s14", async |stage: &mut Stage| {
        let (platform, window) = (&stage.platform, stage.window());
        window.tab_to("[data-testid='welcome-try']").await;
        window.key(Key::Enter).await;
        window.see("[data-testid='backups-table']").await;
        let backup = stage.backup(6).await;
        window.tab_to(&menu_of(&backup)).await;
        window.key(Key::Enter).await;
        window.see_focus("[data-testid='menu-new-project']").await;
        stage.picture("menu").await;
        window.key(Key::Enter).await;
        window.tab_to("[data-testid='restore-name']").await;
        window.write_over("Rescue by keyboard").await;
        window.tab_to("[data-testid='restore-next']").await;
        window.key(Key::Enter).await;
        window.tab_to("[data-testid='cost-consent']").await;
        window.keys(&[' ']).await;
        window.tab_to("[data-testid='cost-confirm']").await;
        window.key(Key::Enter).await;
        window.see_within(SUCCESS, EVENTUALLY).await;

        let new = stage.project_called("Rescue by keyboard").await.unwrap();
        let snapshot = Database::open(&platform.snapshot(&platform.project(), &backup).await);
        let copy = Database::open(&platform.database(&new).await);
        assert_eq!(copy.kept_by_a_restore(), snapshot.kept_by_a_restore());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_a_restore_changes_not_one_byte_of_the_old_projects_database() {
    play("s04", async |stage: &mut Stage| {
        let platform = &stage.platform;
        stage.open_backups().await;
        let backup = stage.backup(0).await;
        let database = platform.database(&platform.project()).await;
        let before = bytes_of(&database);
        stage.ask_for_the_cost(&backup, "Beside the old one").await;
        stage.agree_and_wait("Beside the old one").await;
        assert_eq!(bytes_of(&database), before);
        stage.send_one_record(&platform.project()).await;
        assert_ne!(bytes_of(&database), before, "this check notices one record");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_backup_that_retention_prunes_during_its_restore_is_restored_completely() {
    play("s16", async |stage: &mut Stage| {
        let (platform, window) = (&stage.platform, stage.window());
        stage.open_backups().await;
        let oldest = stage.backup(6).await;
        let snapshot =
            Database::open(&platform.snapshot(&platform.project(), &oldest).await).kept_by_a_restore();
        platform.turn("hold", json!({ "point": "restore_copy" })).await;
        stage.ask_for_the_cost(&oldest, "In time").await;
        window.press("[data-testid='cost-consent']").await;
        window.press("[data-testid='cost-confirm']").await;
        window.see("[data-testid='deployment-status'][data-status='in_progress']").await;
        assert_eq!(platform.look("hold?point=restore_copy&wait_ms=15000").await["parked"], true);

        stage.let_days_pass(2).await;
        window.press(&format!("[data-testid='nav-project-{}']", platform.project())).await;
        window.see_count("[data-testid='backup-row']", 7).await;
        window.see_no_more(&format!("[data-backup='{oldest}']")).await; // the list has moved on
        platform.turn("resume", json!({ "point": "restore_copy" })).await;

        let new = stage.project_called("In time").await.unwrap();
        window.press(&format!("[data-testid='nav-project-{new}']")).await;
        stage.until_active(&new).await;
        let copy = Database::open(&platform.database(&new).await);
        assert_eq!(copy.kept_by_a_restore(), snapshot);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_tokens_of_the_new_project_are_new_and_keep_name_permission_and_serial_number() {
    play("s19", async |stage: &mut Stage| {
        let platform = &stage.platform;
        stage.open_backups().await;
        let backup = stage.backup(0).await;
        stage.ask_for_the_cost(&backup, "New tokens").await;
        let new = stage.agree_and_wait("New tokens").await;
        let snapshot = Database::open(&platform.snapshot(&platform.project(), &backup).await).tokens();
        let copy = Database::open(&platform.database(&new).await).tokens();
        assert!(snapshot.len() >= 40);
        for (token, hash) in &snapshot {
            assert_ne!(copy.get(token).unwrap_or_else(|| panic!("{token:?} is gone")), hash, "{token:?}");
        }
    })
    .await;
}

impl Stage {
    async fn until_active(&self, project: &str) {
        let path = format!("/api/projects/{project}");
        let until = tokio::time::Instant::now() + EVENTUALLY;
        while self.platform.get(&path).await["status"] != "active" {
            assert!(tokio::time::Instant::now() < until, "{project} did not become active");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// What a device does: it sends a measurement with its own token.
    async fn send_one_record(&self, project: &str) {
        let access = self.platform.access(project, "Test").await;
        let devices = access.call(Method::GET, "/device?amount=1&fields[0]=id", None).await;
        let device = access.device_token(devices[0]["id"].as_str().unwrap()).await;
        let record = json!([{ "variable": "probe", "value": 21.5 }]);
        let answer = device.call(Method::POST, "/data", Some(record)).await;
        assert_eq!(answer, Value::from("1 Data Added"));
    }
}

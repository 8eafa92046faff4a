//! Connecting somewhere else: where the token goes, and what is said when it cannot be done.

use std::fs;
use std::path::Path;

use reqwest::Method;
use secret_service::EncryptionType;
use secret_service::blocking::SecretService;
use serde_json::{Value, json};

use crate::database::Database;
use crate::platform::Access;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_typed_into_the_form_is_in_the_keyring_and_nowhere_else() {
    play("secrets", async |stage: &mut Stage| {
        let (platform, target) = (&stage.platform, stage.platform.project());
        platform.post("/api/practice/bad-day", json!({ "project": target })).await;
        let copy = platform.restore(&target, &stage.backup(0).await, "Copy elsewhere").await;
        let canary = platform.access(&copy, "Canary").await;

        // The copy is reached with the canary alone, and data is moved with it.
        stage.open_backups().await;
        stage.fill_in("A plant", &canary.api, &canary.token).await;
        let window = stage.window();
        assert_eq!(
            window.value("[data-testid='connect-token']").await,
            canary.token,
            "the keys reached the field"
        );
        stage.connect().await;
        window.press("[data-testid='nav-migrate']").await;
        stage.choose_side("source", &profile_of(&canary).await).await;
        stage.choose_side("target", &target).await;
        window.press("[data-testid='wizard-next']").await;
        stage.rehearse().await;
        stage.approve_and_run().await;
        window.see_within("[data-testid='proof-verdict'][data-green='true']", EVENTUALLY).await;
        window.see("[data-testid='report-open']").await;
        stage.picture("connected").await;

        let kept = in_the_keyring().await;
        let here: Vec<_> = kept.iter().filter(|(_, secret)| *secret == canary.token).collect();
        assert_eq!(here.len(), 1, "the keyring holds it once");
        assert!(here[0].0.contains(&canary.api), "under its address: {}", here[0].0);
        stage.search_everything_for(&canary.token).await;

        // The next window finds it in the keyring and needs nobody to type it again.
        stage.close_window().await;
        stage.open_window().await;
        stage.window().see("[data-testid='nav-connection-connection-1']").await;
        stage.window().see("[data-testid^='nav-project-'] [title='Copy elsewhere']").await;
        stage.search_everything_for(&canary.token).await;

        // Forgetting the connection takes it out again.
        stage.window().press("[data-testid='nav-connection-connection-1'] button").await;
        stage.window().press("[data-testid='menu-forget']").await;
        stage.window().press("dialog .danger").await;
        stage.window().see_no_more("[data-testid='nav-connection-connection-1']").await;
        assert!(in_the_keyring().await.iter().all(|(_, secret)| *secret != canary.token));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_connected_is_said_in_a_sentence_and_nothing_is_stored() {
    play("bad-connection", async |stage: &mut Stage| {
        let (platform, window) = (&stage.platform, stage.window());
        let here = platform.access(&platform.project(), "Here").await;
        let other = platform.post("/api/projects", json!({ "name": "Another project" })).await;
        let elsewhere = platform.access(other["id"].as_str().unwrap(), "Elsewhere").await;
        let (nobody, long) = ("3f2b8a90-1c4d-4e5f-8a6b-7c8d9e0f1a2b", "n".repeat(101));
        let closed = format!("http://127.0.0.1:{}", closed_port());
        let cases: [(&str, &str, &str, &str, &str); 9] = [
            ("Plant", "not an address", nobody, "bad_input", "Address"),
            ("Plant", "http://plant.example", nobody, "bad_input", "https"),
            ("Plant", "https://api.nowhere.invalid", nobody, "unreachable", "nowhere.invalid"),
            ("Plant", &closed, nobody, "unreachable", "Nobody answers"),
            ("Plant", &here.api, nobody, "unauthorized", "does not accept the token"),
            ("Plant", &here.api, &elsewhere.token, "unauthorized", "does not accept the token"),
            ("Plant", &here.api, "", "bad_input", "Token"),
            ("", &here.api, &here.token, "bad_input", "give the connection a name"),
            (&long, &here.api, &here.token, "bad_input", "at most 100"),
        ];
        for (name, address, token, code, words) in cases {
            window.press("[data-testid='nav-welcome']").await;
            stage.fill_in(name, address, token).await;
            window.press("[data-testid='connect-submit']").await;
            let error = format!("[data-testid='error-code'][data-code='{code}']");
            window.see_within(&error, EVENTUALLY).await;
            let said = window.text(&error).await;
            assert!(said.contains(words), "{address}: {said}");
            assert!(!said.contains(token) || token.is_empty(), "{said}");
            if !name.is_empty() {
                assert_eq!(window.value("[data-testid='connect-token']").await, "", "the field is emptied");
            }
        }
        stage.picture("refused").await;
        window.see_no_more("[data-testid^='nav-connection-connection']").await;
        assert!(in_the_keyring().await.iter().all(|(label, _)| !label.contains(&here.api)));
        let settings = stage.home.folder().join("config/app.holdfast.desktop/settings.json");
        let stored = fs::read_to_string(settings).map(|text| serde_json::from_str::<Value>(&text).unwrap());
        assert!(stored.is_err() || stored.unwrap()["connections"] == json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_for_the_new_project_has_one_to_a_hundred_characters() {
    play("bad-name", async |stage: &mut Stage| {
        let (platform, window) = (&stage.platform, stage.window());
        stage.open_backups().await;
        let projects = platform.projects().await;
        window.press("[data-testid='backup-menu']").await;
        window.press("[data-testid='menu-new-project']").await;
        for (name, words) in
            [("", "give the new project a name"), (&*"n".repeat(101), "at most 100 characters")]
        {
            window.write("[data-testid='restore-name']", name).await;
            window.press("[data-testid='restore-next']").await;
            window.see("[data-testid='error-code'][data-code='bad_input']").await;
            window.see_text(words).await;
            window.see_no_more("[data-testid='cost-dialog']").await;
        }
        stage.picture("name").await;
        assert_eq!(platform.projects().await, projects);
        window.write("[data-testid='restore-name']", &"n".repeat(100)).await;
        window.press("[data-testid='restore-next']").await;
        window.see("[data-testid='cost-dialog']").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_the_source_is_refused_also_under_a_second_address() {
    play("same-project", async |stage: &mut Stage| {
        let (platform, window, project) = (&stage.platform, stage.window(), stage.platform.project());
        let database = Database::open(&platform.database(&project).await);
        let before = database.kept_by_a_restore();
        stage.open_backups().await;
        window.press("[data-testid='nav-migrate']").await;
        stage.choose_side("source", &project).await;
        stage.choose_side("target", &project).await;
        window.see("[data-testid='error-code'][data-code='same_project']").await;
        window.see_disabled("[data-testid='wizard-next']").await;

        let access = platform.access(&project, "Second address").await;
        let second = access.api.replace("127.0.0.1", "localhost");
        assert_ne!(second, access.api);
        window.press("[data-testid='nav-welcome']").await;
        stage.fill_in("The same in disguise", &second, &access.token).await;
        stage.connect().await;
        window.press("[data-testid='nav-migrate']").await;
        stage.choose_side("source", &project).await;
        stage.choose_side("target", &profile_of(&access).await).await;
        window.press("[data-testid='wizard-next']").await;
        window.press("[data-testid='wizard'][data-step='choose'] [data-testid='rehearse']").await;
        window.see_within("[data-testid='error-code'][data-code='same_project']", EVENTUALLY).await;
        stage.picture("refused").await;
        window.see_no_more("[data-testid='wizard-next']").await;
        assert!(database.kept_by_a_restore() == before, "nothing was written");
    })
    .await;
}

impl Stage {
    /// By mouse and keys: the form for a TagoDeploy project, opened from the welcome page.
    async fn fill_in(&self, name: &str, address: &str, token: &str) {
        let window = self.window();
        window.press("[data-testid='nav-welcome']").await;
        window.press("[data-testid='welcome-tagodeploy']").await;
        // The line about the keyring moves the form down when it comes.
        window.see("[data-testid='keyring-state'][data-state]:has(~ form)").await;
        window.write("[data-testid='connect-name']", name).await;
        window.write("[data-testid='connect-address']", address).await;
        window.write("[data-testid='connect-token']", token).await;
    }

    /// Sends the form, and waits for the page that it opens.
    async fn connect(&self) {
        self.window().press("[data-testid='connect-submit']").await;
        self.window().see("[data-testid='nav-connection-connection-1']").await;
        self.window().see("[data-testid='nav-backups'][aria-current='page']").await;
    }

    pub async fn choose_side(&self, side: &str, project: &str) {
        self.window().press(&format!("[data-testid='wizard-{side}']")).await;
        self.window().press(&format!("[data-testid='{side}-option-{project}']")).await;
    }

    /// Every file of this stage, the page with its fields and stores, and what any process was started with.
    async fn search_everything_for(&self, secret: &str) {
        let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for needle in [secret.as_bytes(), &wide] {
            let searched = search(self.folder(), needle);
            assert!(searched > 30, "only {searched} files were searched");
        }
        let script = "return [document.documentElement.outerHTML, JSON.stringify(localStorage),
            JSON.stringify(sessionStorage), location.href, history.state,
            ...[...document.querySelectorAll('input, textarea')].map((field) => field.value)];";
        let page = self.window().read(script, vec![]).await.to_string();
        assert!(page.len() > 1000 && !page.contains(secret), "the page holds the token");
        for process in fs::read_dir("/proc").unwrap() {
            for about in ["cmdline", "environ"] {
                // Processes come and go, and not all may be looked at.
                let told = fs::read(process.as_ref().unwrap().path().join(about)).unwrap_or_default();
                assert!(!contains(&told, secret.as_bytes()), "a process was started with the token");
            }
        }
    }
}

/// Fails at the first file that holds the needle; tells how many were searched.
fn search(folder: &Path, needle: &[u8]) -> usize {
    let mut searched = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            searched += search(&entry.path(), needle);
        } else if kind.is_file() && !is_live_database(&entry.path()) {
            let content = fs::read(entry.path()).unwrap_or_default();
            assert!(!contains(&content, needle), "{} holds the token", entry.path().display());
            searched += 1;
        }
    }
    searched
}

/// The platform's own databases, which run in this process and keep hashes of tokens only: closing one here would
/// drop the platform's locks on it.
fn is_live_database(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "platform")
        && path.file_name().is_some_and(|name| name.to_string_lossy().contains(".sqlite"))
}

fn contains(content: &[u8], needle: &[u8]) -> bool {
    content.windows(needle.len()).any(|part| part == needle)
}

/// Label with attributes, and secret, of everything in the session's keyring.
async fn in_the_keyring() -> Vec<(String, String)> {
    let look = || {
        let service = SecretService::connect(EncryptionType::Plain).unwrap();
        let mut kept = Vec::new();
        for collection in service.get_all_collections().unwrap() {
            for item in collection.get_all_items().unwrap() {
                let label = format!("{} {:?}", item.get_label().unwrap(), item.get_attributes().unwrap());
                kept.push((label, String::from_utf8(item.get_secret().unwrap()).unwrap()));
            }
        }
        kept
    };
    tokio::task::spawn_blocking(look).await.unwrap()
}

async fn profile_of(access: &Access) -> String {
    let profile = access.call(Method::GET, "/profile/current", None).await;
    profile["info"]["id"].as_str().or(profile["id"].as_str()).unwrap().to_owned()
}

fn closed_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

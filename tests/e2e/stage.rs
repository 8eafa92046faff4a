//! One test's world: a platform, a home, and the window in it. A test that fails leaves a picture.

use std::fs;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use tempfile::TempDir;

use crate::platform::{Platform, session_home};
use crate::window::{Home, Window};

pub struct Stage {
    pub platform: Platform,
    pub home: Home,
    window: Option<Window>,
    name: &'static str,
    folder: TempDir,
}

/// Plays a test in a fresh app on a platform of its own.
pub async fn play(name: &'static str, test: impl AsyncFnOnce(&mut Stage)) {
    on_stage(name, async |stage: &mut Stage| {
        stage.open_window().await;
        test(stage).await;
    })
    .await;
}

/// The same for a test that opens its window itself.
pub async fn on_stage(name: &'static str, test: impl AsyncFnOnce(&mut Stage)) {
    let mut stage = Stage::set(name).await;
    let outcome = AssertUnwindSafe(async {
        test(&mut stage).await;
        stage.check_the_page().await;
    })
    .catch_unwind()
    .await;
    match outcome {
        Ok(()) => stage.clear().await,
        Err(failure) => {
            stage.keep_evidence().await;
            stage.clear().await;
            resume_unwind(failure);
        }
    }
}

impl Stage {
    async fn set(name: &'static str) -> Stage {
        let folder = tempfile::Builder::new().prefix("stage-").tempdir_in(session_home()).unwrap();
        let platform = Platform::start(&folder.path().join("platform")).await;
        let ready = folder.path().join("ready.json");
        fs::write(&ready, platform.ready_line()).unwrap();
        let mut home = Home::new(&folder.path().join("home"));
        home.set("HOLDFAST_PRACTICE_READY", ready.to_str().unwrap());
        Stage { platform, home, window: None, name, folder }
    }

    pub fn window(&self) -> &Window {
        self.window.as_ref().expect("the window is open")
    }

    /// A folder for whatever else the test needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn open_window(&mut self) {
        self.window = Some(Window::open(&self.home, &[]).await);
    }

    /// `kill -9` of the app.
    pub fn kill_window(&mut self) {
        self.window.take().expect("the window is open").kill();
    }

    pub async fn close_window(&mut self) {
        self.check_the_page().await;
        self.window.take().expect("the window is open").close().await;
    }

    /// Keeps a picture of the page for people to look at.
    pub async fn picture(&self, what: &str) {
        self.window().picture(&self.evidence(&format!("{what}.png"))).await;
    }

    /// From the welcome page to the backups of the demo project.
    pub async fn open_backups(&self) {
        self.window().press("[data-testid='welcome-try']").await;
        self.window().see("[data-testid='backups-table']").await;
    }

    async fn check_the_page(&self) {
        if let Some(window) = &self.window {
            assert_eq!(window.misdeeds().await, Vec::<String>::new(), "the page did what it should not");
        }
    }

    async fn keep_evidence(&self) {
        let _ = fs::copy(self.home.log(), self.evidence("failed.log"));
        if let Some(window) = &self.window {
            window.picture(&self.evidence("failed.png")).await;
            fs::write(self.evidence("failed.html"), window.source().await).unwrap();
        }
    }

    async fn clear(mut self) {
        if let Some(window) = self.window.take() {
            window.close().await;
        }
        self.platform.stop().await;
    }

    fn evidence(&self, file: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/e2e");
        fs::create_dir_all(&folder).unwrap();
        folder.join(format!("{}-{file}", self.name))
    }
}

//! Walks the stages, takes a picture of each, and keeps what it showed.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use rusqlite::types::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::database::Records;
use crate::disk::Disk;
use crate::window::{Home, Window};

pub struct Guide {
    pub scene: Scene,
    stages: Vec<Stage>,
    begun: Instant,
}

/// Where the tour takes place, and what later stages must know of earlier ones.
pub struct Scene {
    pub home: Home,
    pub disk: Disk,
    window: Option<Window>,
    /// The damaged project and the one that is made from its backup.
    pub original: String,
    pub copy: String,
    pub best_backup: String,
    /// What the original held before the bad day and after it, and what it lacks of the backup.
    pub before: Records,
    pub damaged: Records,
    pub missing: Records,
    pub definitions: Vec<Vec<Value>>,
    pictures: PathBuf,
    stage: String,
    /// Removed with everything in it when the tour is over.
    _folder: TempDir,
}

struct Stage {
    title: &'static str,
    seconds: f64,
    outcome: Result<String, String>,
}

impl Guide {
    pub fn new() -> Guide {
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tour");
        let _ = fs::remove_dir_all(&pictures);
        fs::create_dir_all(&pictures).unwrap();
        let folder = tempfile::Builder::new().prefix("tour-").tempdir().unwrap();
        let home = Home::new(folder.path());
        let scene = Scene {
            disk: Disk::of(&home),
            home,
            window: None,
            original: String::new(),
            copy: String::new(),
            best_backup: String::new(),
            before: Records::new(),
            damaged: Records::new(),
            missing: Records::new(),
            definitions: Vec::new(),
            pictures,
            stage: String::new(),
            _folder: folder,
        };
        Guide { scene, stages: Vec::new(), begun: Instant::now() }
    }

    /// One stage: it tells its figures, or fails by a panic.
    pub async fn stage(
        &mut self,
        name: &str,
        title: &'static str,
        work: impl AsyncFnOnce(&mut Scene) -> String,
    ) -> Option<()> {
        let number = self.stages.len() + 1;
        self.scene.stage = format!("{number:02}-{name}");
        let begun = Instant::now();
        let outcome = AssertUnwindSafe(work(&mut self.scene)).catch_unwind().await;
        let seconds = begun.elapsed().as_secs_f64();
        let outcome = outcome.map_err(|panic| {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
        });
        let held = outcome.is_ok();
        println!("{number:2} {title}: {seconds:.1} s, {}", if held { "held" } else { "FAILED" });
        self.stages.push(Stage { title, seconds, outcome });
        if held {
            return Some(());
        }
        self.scene.keep_evidence().await;
        None
    }

    pub async fn end(&mut self) {
        if let Some(window) = self.scene.window.take() {
            window.close().await;
        }
    }

    /// The table of all stages.
    pub fn tell(&self) {
        println!("\n    {:<42} {:<8} {:>6}  figures", "stage", "outcome", "s");
        for (at, Stage { title, seconds, outcome }) in self.stages.iter().enumerate() {
            let (held, told) = match outcome {
                Ok(figures) => ("held", figures),
                Err(failure) => ("FAILED", failure),
            };
            println!("{:3} {title:<42} {held:<8} {seconds:>6.1}  {told}", at + 1);
        }
        let held = self.stages.iter().filter(|stage| stage.outcome.is_ok()).count();
        let all = self.begun.elapsed().as_secs_f64();
        println!("\n{held} of {} stages held in {all:.1} s; pictures in target/tour", self.stages.len());
    }
}

impl Scene {
    pub fn window(&self) -> &Window {
        self.window.as_ref().expect("the window is open")
    }

    pub async fn open_window(&mut self, arguments: &[&str]) {
        self.window = Some(Window::open(&self.home, arguments).await);
    }

    /// The window and its driver, to be ended.
    pub fn leave_window(&mut self) -> Window {
        self.window.take().expect("the window is open")
    }

    /// A picture of the page as it is now.
    pub async fn picture(&self) {
        let path = self.pictures.join(format!("{}.png", self.stage));
        self.window().picture(&path).await;
        assert!(path.exists(), "the window gave no picture");
    }

    /// A second picture of the same stage, with this element in view.
    pub async fn picture_of(&self, css: &str, name: &str) {
        self.window().bring_into_view(css).await;
        self.picture_as(name).await;
    }

    /// The same by Tab, which brings a control into view by itself.
    pub async fn picture_at(&self, css: &str, name: &str) {
        self.window().tab_to(css).await;
        self.picture_as(name).await;
    }

    async fn picture_as(&self, name: &str) {
        self.window().picture(&self.pictures.join(format!("{}-{name}.png", self.stage))).await;
    }

    /// A file that people may want to look at, too.
    pub fn beside_pictures(&self, name: &str) -> PathBuf {
        self.pictures.join(format!("{}-{name}", self.stage))
    }

    /// A figure of the rehearsal or of the proof.
    pub async fn figure(&self, testid: &str) -> usize {
        let figure = self.window().number(&format!("[data-testid='{testid}']"), "data-value").await;
        usize::try_from(figure).unwrap()
    }

    /// A text that is cut off where it is too long: WebDriver takes every such text for hidden.
    pub async fn cut_text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0]).innerText.trim();";
        self.window().read(script, vec![css.into()]).await.as_str().unwrap().to_owned()
    }

    async fn keep_evidence(&self) {
        let Some(window) = &self.window else { return };
        let file = |kind: &str| self.pictures.join(format!("{}-failed.{kind}", self.stage));
        window.picture(&file("png")).await;
        fs::write(file("html"), window.source().await).unwrap();
        let _ = fs::copy(self.home.log(), file("log"));
    }
}

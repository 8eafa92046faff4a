//! A keyring that is missing or locked is a state with a remedy.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::stage::{Stage, on_stage};
use crate::window::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_keyring_is_told_with_its_remedy_and_found_when_it_comes() {
    on_stage("keyring-missing", async |stage: &mut Stage| {
        let desktop = Desktop::without_keyring(&stage.folder().join("desktop"));
        stage.home.set("DBUS_SESSION_BUS_ADDRESS", &desktop.bus);
        stage.open_window().await;
        stage.window().see("[data-testid='keyring-state'][data-state='missing']").await;
        stage.window().see_text("No keyring is running").await;
        stage.picture("missing").await;
        let _keyring = desktop.unlocked_keyring();
        stage.window().press("[data-testid='keyring-try-again']").await;
        stage.window().see("[data-testid='keyring-state'][data-state='available']").await;
        stage.close_window().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keyring_is_told_with_its_remedy_and_used_once_it_is_unlocked() {
    on_stage("keyring-locked", async |stage: &mut Stage| {
        let desktop = Desktop::without_keyring(&stage.folder().join("desktop"));
        stage.home.set("DBUS_SESSION_BUS_ADDRESS", &desktop.bus);
        let unlocked = desktop.unlocked_keyring();
        desktop.wait_for_the_collection();
        drop(unlocked);
        let keyring = desktop.locked_keyring();
        stage.open_window().await;
        stage.window().see("[data-testid='keyring-state'][data-state='locked']").await;
        stage.window().see_text("Your keyring is locked").await;
        stage.picture("locked").await;
        let _keyring = desktop.sign_in(keyring);
        stage.window().press("[data-testid='keyring-try-again']").await;
        stage.window().see("[data-testid='keyring-state'][data-state='available']").await;
        stage.close_window().await;
    })
    .await;
}

/// A session bus of its own, on which nothing starts by itself.
struct Desktop {
    bus: String,
    home: PathBuf,
    _process: Ended,
}

/// Ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const BUS: &str = r#"<busconfig>
    <type>session</type>
    <listen>unix:tmpdir=/tmp</listen>
    <auth>EXTERNAL</auth>
    <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

impl Desktop {
    fn without_keyring(home: &Path) -> Desktop {
        for folder in ["data", "run"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        crate::window::private(&home.join("run"));
        let settings = home.join("bus.conf");
        fs::write(&settings, BUS).unwrap();
        let mut process = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", settings.display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut bus = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut bus).unwrap();
        Desktop { bus: bus.trim().to_owned(), home: home.to_owned(), _process: Ended(process) }
    }

    /// A keyring daemon whose collection is open; made with this password the first time.
    fn unlocked_keyring(&self) -> Ended {
        let before = self.secret_service();
        let daemon = self.daemon(&["--foreground", "--unlock", "--components=secrets"], true);
        self.wait_for_a_secret_service_beside(before);
        daemon
    }

    fn locked_keyring(&self) -> Ended {
        let before = self.secret_service();
        let daemon = self.daemon(&["--foreground", "--components=secrets"], false);
        self.wait_for_a_secret_service_beside(before);
        daemon
    }

    /// What signing in again does: a daemon that was told the password takes the place of the other one.
    fn sign_in(&self, locked: Ended) -> Ended {
        let before = self.secret_service();
        let daemon = self.daemon(&["--foreground", "--replace", "--unlock", "--components=secrets"], true);
        let mut locked = locked;
        locked.0.wait().unwrap();
        self.wait_for_a_secret_service_beside(before);
        daemon
    }

    fn daemon(&self, arguments: &[&str], with_password: bool) -> Ended {
        let mut process = Command::new("gnome-keyring-daemon")
            .args(arguments)
            .env("HOME", &self.home)
            .env("XDG_DATA_HOME", self.home.join("data"))
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if with_password {
            process.stdin.take().unwrap().write_all(b"practice").unwrap();
        }
        Ended(process)
    }

    /// Who owns the name on the bus: one that has ended owns it until the bus has noticed.
    fn secret_service(&self) -> Option<String> {
        let asked = Command::new("dbus-send")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .args(["--session", "--print-reply=literal", "--dest=org.freedesktop.DBus"])
            .args(["/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner"])
            .arg("string:org.freedesktop.secrets")
            .output()
            .unwrap();
        asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    }

    fn wait_for_a_secret_service_beside(&self, before: Option<String>) {
        wait_until("no secret service came", || {
            let now = self.secret_service();
            now.is_some() && now != before
        });
    }

    /// The collection is in its file some time after the daemon answers.
    fn wait_for_the_collection(&self) {
        let file = self.home.join("data/keyrings/login.keyring");
        wait_until("no collection was stored", || fs::metadata(&file).is_ok_and(|about| about.len() > 0));
    }
}

fn wait_until(otherwise: &str, came: impl Fn() -> bool) {
    let until = Instant::now() + SOON;
    while !came() {
        assert!(Instant::now() < until, "{otherwise}");
        sleep(Duration::from_millis(30));
    }
}

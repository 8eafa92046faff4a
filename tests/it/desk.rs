//! The shell over Tauri's mock runtime: commands go in as the window sends them, with the real capability.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use std::{fs, io};

use holdfast_lib::app::{App, Folders};
use holdfast_lib::host::{Event, Host};
use holdfast_lib::practice::Origin;
use holdfast_lib::secrets::{Keyring, Secrets, SecretsError};
use serde_json::{Value, json};
use tago_local::{Loopback, Options, Random, Running, Scale, TimeSource};
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{Manager, WebviewWindow, WebviewWindowBuilder};
use tempfile::TempDir;

/// Long enough for a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// An app with folders of its own.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    window: WebviewWindow<MockRuntime>,
    told: Receiver<Event>,
    app: App,
    _desktop: tauri::App<MockRuntime>,
}

/// A failed command as the window sees it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Desk {
    /// Its keyring is in memory.
    pub(crate) fn new(practice: Origin) -> Desk {
        Desk::with_keyring(practice, InMemory)
    }

    pub(crate) fn with_keyring(practice: Origin, keyring: impl Keyring) -> Desk {
        Desk::open(tempfile::tempdir().unwrap(), practice, keyring)
    }

    /// The app closed and opened again on the same folders.
    pub(crate) fn reopened(self, keyring: impl Keyring) -> Desk {
        Desk::open(self.folder, Origin::Given(PathBuf::from("/nowhere/ready.json")), keyring)
    }

    fn open(folder: TempDir, practice: Origin, keyring: impl Keyring) -> Desk {
        let folders = Folders { config: folder.path().join("config"), data: folder.path().join("data") };
        let (tell, told) = mpsc::channel();
        let host = Arc::new(Recorder { tell: Mutex::new(tell) });
        let app = App::new(host, &folders, practice, Secrets::start(keyring));
        let ipc = holdfast_lib::ipc::builder::<MockRuntime>();
        let built =
            mock_builder().invoke_handler(ipc.invoke_handler()).build(holdfast_lib::context()).unwrap();
        built.manage(app.clone());
        let window = match built.get_webview_window("main") {
            Some(window) => window,
            None => WebviewWindowBuilder::new(&built, "main", tauri::WebviewUrl::default()).build().unwrap(),
        };
        Desk { folder, window, told, app, _desktop: built }
    }

    /// Closes the window.
    pub(crate) fn close(self) {
        tauri::async_runtime::block_on(self.app.end());
    }

    /// A desk without a practice platform.
    pub(crate) fn alone() -> Desk {
        Desk::new(Origin::Given(PathBuf::from("/nowhere/ready.json")))
    }

    /// What a command answers.
    pub(crate) fn call(&self, command: &str, arguments: Value) -> Value {
        self.try_call(command, arguments).unwrap_or_else(|told| panic!("{command}: {told:?}"))
    }

    /// What a command answers, or how it failed.
    pub(crate) fn try_call(&self, command: &str, arguments: Value) -> Result<Value, Told> {
        match self.invoke(command, arguments) {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let text = |field: &str| error[field].as_str().map(str::to_owned);
                let (Some(code), Some(message)) = (text("code"), text("message")) else {
                    panic!("{command} failed with something else than an error of the contract: {error}");
                };
                assert!(error["hint"].is_null() || error["hint"].is_string());
                assert!(error["retryable"].is_boolean());
                assert!(message.ends_with(['.', '”']), "{message:?} is not a sentence");
                Err(Told { code, message })
            }
        }
    }

    /// The bare outcome.
    pub(crate) fn invoke(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.into(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(arguments),
            headers: tauri::http::HeaderMap::default(),
            invoke_key: INVOKE_KEY.to_string(),
        };
        get_ipc_response(&self.window, request).map(|body| body.deserialize::<Value>().unwrap())
    }

    /// Waits for an event that this says something about.
    pub(crate) fn wait<T>(&self, mut what: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let event = self.told.recv_timeout(PATIENCE).expect("an event that never came");
            if let Some(found) = what(&event) {
                return found;
            }
        }
    }

    /// Everything that the app wrote, by path.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        read_all(self.folder.path(), &mut found);
        found
    }
}

fn read_all(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, found);
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
}

struct Recorder {
    tell: Mutex<mpsc::Sender<Event>>,
}

impl Host for Recorder {
    fn emit(&self, event: Event) {
        // The last words of an app whose test is over.
        let _ = self.tell.lock().unwrap().send(event);
    }

    fn open(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn restart(&self) {}
}

/// `keyring_core`'s store in memory, which every test of this program shares.
pub(crate) struct InMemory;

impl Keyring for InMemory {
    fn open(&mut self, _again: bool) -> Result<(), SecretsError> {
        static STORE: LazyLock<()> =
            LazyLock::new(|| keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap()));
        LazyLock::force(&STORE);
        Ok(())
    }

    fn look(&mut self, _may_prompt: bool) -> Result<(), SecretsError> {
        Ok(())
    }

    fn refused(&self, _cause: &(dyn std::error::Error + Send + Sync + 'static)) -> SecretsError {
        SecretsError::Denied
    }
}

/// A practice platform in this process, with the small demo.
pub(crate) struct Platform {
    pub(crate) running: Running,
    folder: TempDir,
}

impl Platform {
    pub(crate) fn start() -> Platform {
        tauri::async_runtime::block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().join("platform");
            tago_local::fill_demo(&data, Scale::Small).await.unwrap();
            let running = tago_local::serve(Options {
                data,
                port: None,
                time: TimeSource::System,
                random: Arc::new(Random::from_os().unwrap()),
                listeners: Arc::new(Loopback),
                knobs: true,
            })
            .await
            .unwrap();
            let line = serde_json::to_vec(running.ready()).unwrap();
            fs::write(folder.path().join("ready.json"), line).unwrap();
            Platform { running, folder }
        })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::Given(self.folder.path().join("ready.json"))
    }

    /// The demo project.
    pub(crate) fn project(&self) -> &tago_local::ReadyProject {
        &self.running.ready().projects[0]
    }
}

/// One side of a migration on the practice platform.
pub(crate) fn side(project: &str) -> Value {
    json!({ "connection": "this-computer", "project": project })
}

//! One window for each person's files: a second start brings the first window forward and ends.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tauri::plugin::Plugin;
use tauri::{AppHandle, Manager, Runtime};

/// The window that the first start opened, as `tauri.conf.json` calls it.
const WINDOW: &str = "main";

/// How often the first start is asked. One that ends while it is asked does not answer, and its name is
/// free from then on.
const ASKED: usize = 3;

/// Comes before every other plugin: a second start must not open anything. Where there is no session bus
/// nobody can be asked, and the app starts; runs and the practice platform have locks of their own.
pub(crate) struct OnlyOne {
    name_on_the_bus: String,
}

impl OnlyOne {
    pub(crate) fn new(identifier: &str) -> OnlyOne {
        OnlyOne { name_on_the_bus: name_on_the_bus(identifier, dirs::data_dir()) }
    }
}

impl<R: Runtime> Plugin<R> for OnlyOne {
    fn name(&self) -> &'static str {
        "only-one"
    }

    fn initialize(&mut self, app: &AppHandle<R>, config: serde_json::Value) -> Result<(), Box<dyn Error>> {
        let mut asked = 1;
        loop {
            match self.ask(app, config.clone()) {
                Err(_) if asked < ASKED => asked += 1,
                answer => return answer,
            }
        }
    }
}

impl OnlyOne {
    fn ask<R: Runtime>(&self, app: &AppHandle<R>, config: serde_json::Value) -> Result<(), Box<dyn Error>> {
        tauri_plugin_single_instance::Builder::new()
            .callback(|first, _arguments, _folder| bring_forward(first))
            .dbus_id(self.name_on_the_bus.clone())
            .build()
            .initialize(app, config)
    }
}

fn bring_forward<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(WINDOW) else { return };
    tracing::info!("a second start asks for this window");
    let brought = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = brought {
        tracing::warn!(%error, "the window could not be brought forward");
    }
}

/// Two sets of files may be open in one session, each in a window of its own.
fn name_on_the_bus(identifier: &str, data: Option<PathBuf>) -> String {
    let digest = Sha256::digest(data.unwrap_or_default().as_os_str().as_encoded_bytes());
    let mut name = format!("{identifier}.of-");
    for byte in &digest[..8] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_the_bus_takes_and_belongs_to_one_folder() {
        let of = |folder: &str| name_on_the_bus("app.holdfast.desktop", Some(folder.into()));
        assert_eq!(of("/home/a/.local/share"), of("/home/a/.local/share"));
        assert_ne!(of("/home/a/.local/share"), of("/home/b/.local/share"));
        let name = of("/home/\u{e4} b");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)), "{name}");
        assert!(name.split('.').all(|part| !part.as_bytes()[0].is_ascii_digit()), "{name}");
    }
}

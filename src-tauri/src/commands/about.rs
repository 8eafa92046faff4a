/// The version of this program.
#[tauri::command]
#[specta::specta]
pub(crate) fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

//! Remote control of the window, for tests of debug builds only.

use std::io;

/// The variable by which the web view lets itself be driven from outside.
#[cfg(not(debug_assertions))]
const AUTOMATION: &str = "TAURI_WEBVIEW_AUTOMATION";

/// A release build that finds the variable starts itself again without it.
///
/// # Errors
/// If that start fails; opening the window all the same would leave it drivable.
#[cfg(not(debug_assertions))]
pub(crate) fn refuse_in_release() -> io::Result<()> {
    if std::env::var_os(AUTOMATION).is_none() {
        return Ok(());
    }
    let mut again = std::process::Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env_remove(AUTOMATION);
    replace_with(again)
}

#[cfg(debug_assertions)]
#[expect(clippy::unnecessary_wraps, reason = "the release build can fail")]
pub(crate) fn refuse_in_release() -> io::Result<()> {
    Ok(())
}

#[cfg(all(not(debug_assertions), unix))]
fn replace_with(mut again: std::process::Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(again.exec())
}

#[cfg(all(not(debug_assertions), not(unix)))]
fn replace_with(mut again: std::process::Command) -> io::Result<()> {
    let status = again.status()?;
    std::process::exit(status.code().unwrap_or(1));
}

//! Remote control of the window, for tests of debug builds only.

use std::io;
#[cfg(any(test, not(debug_assertions)))]
use std::{ffi::OsString, path::Path, process::Command};

/// The variable by which the web view lets itself be driven from outside.
#[cfg(any(test, not(debug_assertions)))]
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
    replace_with(undrivable(&std::env::current_exe()?, std::env::args_os().skip(1)))
}

#[cfg(debug_assertions)]
#[expect(clippy::unnecessary_wraps, reason = "the release build can fail")]
pub(crate) fn refuse_in_release() -> io::Result<()> {
    Ok(())
}

#[cfg(any(test, not(debug_assertions)))]
fn undrivable(program: &Path, arguments: impl Iterator<Item = OsString>) -> Command {
    let mut again = Command::new(program);
    again.args(arguments).env_remove(AUTOMATION);
    again
}

#[cfg(all(not(debug_assertions), unix))]
fn replace_with(mut again: Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(again.exec())
}

#[cfg(all(not(debug_assertions), not(unix)))]
fn replace_with(mut again: Command) -> io::Result<()> {
    let status = again.status()?;
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_again_does_not_see_the_variable_and_keeps_its_arguments() {
        let script = r#"echo "${TAURI_WEBVIEW_AUTOMATION-unset} $0 $1""#;
        let arguments = ["-c", script, "--practice", "more"].map(OsString::from).into_iter();
        // As the drivers set it; what is removed wins over what is inherited.
        let mut again = undrivable(Path::new("/bin/sh"), arguments);
        let said = again.output().unwrap().stdout;
        assert_eq!(String::from_utf8(said).unwrap().trim(), "unset --practice more");
        assert!(again.get_envs().any(|(name, value)| name == AUTOMATION && value.is_none()));
    }
}

//! Where the shell's own log goes: one file of this start and one of the start before.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Begins the log in this folder. `HOLDFAST_LOG` chooses what is logged, as `RUST_LOG` does elsewhere.
///
/// # Errors
/// If the folder or the file cannot be made.
pub(crate) fn start(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join("holdfast.log");
    if file.exists() {
        fs::rename(&file, folder.join("holdfast.previous.log"))?;
    }
    let filter = EnvFilter::try_from_env("HOLDFAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(File::create(file)?));
    // A second app in one process, as in tests, keeps the first one's log.
    let _ = log.try_init();
    Ok(())
}

/// Tells the terminal why there is no window, for there is nowhere else to say it.
#[expect(clippy::print_stderr, reason = "there is no window to tell it")]
pub(crate) fn at_start(error: &dyn std::error::Error) {
    eprintln!("Holdfast could not open its window: {error}");
}

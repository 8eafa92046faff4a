//! The shell: the only Rust that knows there is a window.
//!
//! Here the parts are put together and nothing is decided.

pub mod app;
mod commands;
pub mod error;
pub mod host;
pub mod ipc;
mod logging;
mod migration;
mod navigation;
mod only_one;
pub mod practice;
mod records;
mod resources;
mod restores;
pub mod secrets;
pub mod settings;
mod targets;
pub mod view;
mod webdriver;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use tago_local::cli::Knobs;
use tauri::{AppHandle, Manager, RunEvent, Runtime};

use crate::app::{App, Folders};
use crate::practice::Origin;
use crate::secrets::{Secrets, SystemKeyring};

/// Starts the practice platform at once, whether or not it was used before.
const WITH_PRACTICE: &str = "--practice";

/// Opens the window and returns when it is closed; as `practice-platform …` it is that platform instead.
pub fn run() -> ExitCode {
    let mut arguments = env::args_os().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == practice::SUBCOMMAND) {
        return tago_local::cli::run(env::args_os().skip(2), Knobs::Absent);
    }
    if let Err(error) = webdriver::refuse_in_release() {
        logging::at_start(&error);
        return ExitCode::FAILURE;
    }
    let with_practice = arguments.any(|argument| argument == WITH_PRACTICE);
    match build(with_practice) {
        Ok(window) => {
            window.run(|handle, event| {
                if matches!(event, RunEvent::Exit) {
                    tauri::async_runtime::block_on(handle.state::<App>().end());
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            logging::at_start(&error);
            ExitCode::FAILURE
        }
    }
}

fn build(with_practice: bool) -> tauri::Result<tauri::App> {
    let ipc = ipc::builder::<tauri::Wry>();
    let context = context();
    tauri::Builder::default()
        .plugin(only_one::OnlyOne::new(&context.config().identifier))
        .invoke_handler(ipc.invoke_handler())
        .plugin(navigation::stay())
        .setup(move |window| {
            ipc.mount_events(window);
            let app = assemble(window.handle())?;
            window.manage(app.clone());
            tauri::async_runtime::block_on(async { app.wake(with_practice) });
            Ok(())
        })
        .build(context)
}

/// The configuration, the window's pages and what the window is allowed, as they were compiled in.
pub fn context<R: Runtime>() -> tauri::Context<R> {
    tauri::generate_context!()
}

fn assemble<R: Runtime>(handle: &AppHandle<R>) -> Result<App, Box<dyn Error>> {
    let paths = handle.path();
    let folders = Folders { config: paths.app_config_dir()?, data: paths.app_data_dir()? };
    logging::start(&paths.app_log_dir()?)?;
    let practice = match given_by_a_test() {
        Some(ready_line) => Origin::Given(ready_line),
        None => Origin::Child { program: env::current_exe()?, data: folders.data.join("practice") },
    };
    Ok(App::new(host::of(handle.clone()), &folders, practice, Secrets::start(SystemKeyring)))
}

/// The end-to-end tests start a practice platform of their own, with a clock that they turn.
fn given_by_a_test() -> Option<PathBuf> {
    if cfg!(debug_assertions) { env::var_os("HOLDFAST_PRACTICE_READY").map(PathBuf::from) } else { None }
}

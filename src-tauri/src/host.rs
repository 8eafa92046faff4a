//! What the shell asks of the desktop: four operations, so that all else can be tested without one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tauri::{AppHandle, Runtime};
use tauri_specta::Event as _;

use crate::ipc;
use crate::view::{Deployment, RehearsalView, ResourceRehearsal, ResourceRun, RunView};

/// The desktop, as far as [`crate::app::App`] knows of it.
///
/// It holds operations and no handles: no window, no path resolver and no keyring, which are given
/// to the app at its start.
pub trait Host: Send + Sync + 'static {
    /// Tells the window.
    fn emit(&self, event: Event);

    /// Opens a file with what the system uses for it.
    ///
    /// # Errors
    /// If the system has nothing to open it with.
    fn open(&self, path: &Path) -> io::Result<()>;

    /// Closes the app and starts it again.
    fn restart(&self);
}

/// Something that the window should show.
#[derive(Clone, Debug)]
pub enum Event {
    Connections,
    Deployment(Deployment),
    Rehearsal(Box<RehearsalView>),
    Run(Box<RunView>),
    ResourceRehearsal(Box<ResourceRehearsal>),
    ResourceRun(Box<ResourceRun>),
    BadDay,
}

/// The desktop behind Tauri.
pub fn of<R: Runtime>(handle: AppHandle<R>) -> Arc<dyn Host> {
    Arc::new(Desktop(handle))
}

struct Desktop<R: Runtime>(AppHandle<R>);

impl<R: Runtime> Host for Desktop<R> {
    fn emit(&self, event: Event) {
        let told = match event {
            Event::Connections => ipc::ConnectionsChanged.emit(&self.0),
            Event::Deployment(deployment) => ipc::DeploymentChanged(deployment).emit(&self.0),
            Event::Rehearsal(rehearsal) => ipc::RehearsalChanged(*rehearsal).emit(&self.0),
            Event::Run(run) => ipc::RunChanged(*run).emit(&self.0),
            Event::ResourceRehearsal(rehearsal) => ipc::ResourceRehearsalChanged(*rehearsal).emit(&self.0),
            Event::ResourceRun(run) => ipc::ResourceRunChanged(*run).emit(&self.0),
            Event::BadDay => ipc::BadDayChanged.emit(&self.0),
        };
        if let Err(error) = told {
            tracing::warn!(%error, "the window was not told");
        }
    }

    fn open(&self, path: &Path) -> io::Result<()> {
        open::that_detached(path)
    }

    fn restart(&self) {
        self.0.request_restart();
    }
}

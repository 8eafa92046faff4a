use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{BadDay, Connection, Role};

/// Whether this start was asked for as `--practice`: then the window opens on the demo project.
#[tauri::command]
#[specta::specta]
pub(crate) fn opens_with_practice(app: State<'_, App>) -> bool {
    app.opens_with_practice()
}

/// Starts the practice platform, or finds the one that runs.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_practice(app: State<'_, App>) -> Answer<Connection> {
    app.start_practice().await
}

/// Looks at the practice platform as its owner or as a collaborator.
#[tauri::command]
#[specta::specta]
pub(crate) async fn practice_as(app: State<'_, App>, role: Role) -> Answer<Connection> {
    app.practice_as(role).await
}

/// Damages a practice project on purpose.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_bad_day(app: State<'_, App>, project: String) -> Answer<BadDay> {
    app.start_bad_day(&project).await
}

/// The damage that was done, if any.
#[tauri::command]
#[specta::specta]
pub(crate) async fn bad_day(app: State<'_, App>) -> Answer<Option<BadDay>> {
    app.bad_day().await
}

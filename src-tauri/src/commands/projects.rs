use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{Catalogue, Meter, Project, Restore};

/// The projects of a connection.
#[tauri::command]
#[specta::specta]
pub(crate) async fn projects(app: State<'_, App>, connection: String) -> Answer<Vec<Project>> {
    app.projects(&connection).await
}

/// Deletes a project for good, if its name was typed as it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_project(
    app: State<'_, App>,
    connection: String,
    project: String,
    typed_name: String,
) -> Answer<()> {
    app.delete_project(&connection, &project, &typed_name).await
}

/// What a project has cost so far.
#[tauri::command]
#[specta::specta]
pub(crate) async fn meter(app: State<'_, App>, connection: String, project: String) -> Answer<Meter> {
    app.meter(&connection, &project).await
}

/// Every project that was made from a backup, also those that are gone, the newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn restores(app: State<'_, App>) -> Answer<Vec<Restore>> {
    app.restores().await
}

/// Where a new project can be, and in which versions of the platform.
#[tauri::command]
#[specta::specta]
pub(crate) async fn catalogue(app: State<'_, App>, connection: String) -> Answer<Catalogue> {
    app.catalogue(&connection).await
}

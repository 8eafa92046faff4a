use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{ResourceRehearsal, ResourceRun, ResourceWish, Side};

/// Compares what both sides hold beside records; nothing is written.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rehearse_resources(
    app: State<'_, App>,
    source: Side,
    target: Side,
    wish: ResourceWish,
) -> Answer<ResourceRehearsal> {
    app.rehearse_resources(source, target, &wish).await
}

/// Begins the run of the plan with this fingerprint, if the target's name was typed as it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_resource_run(
    app: State<'_, App>,
    rehearsal: String,
    fingerprint: String,
    typed_target_name: String,
) -> Answer<String> {
    app.start_resource_run(&rehearsal, &fingerprint, &typed_target_name).await
}

/// Every run over resources, newest first, each with its report.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resource_runs(app: State<'_, App>) -> Answer<Vec<ResourceRun>> {
    app.resource_runs().await
}

/// A run over resources, how far it is and what it did.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resource_run(app: State<'_, App>, id: String) -> Answer<ResourceRun> {
    app.resource_run(&id).await
}

/// Goes on with a run that was interrupted.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resume_resource_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.resume_resource_run(&id).await
}

/// Ends a run, or an undo, where it is; it can be gone on with.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_resource_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.stop_resource_run(&id)
}

/// Takes a run back, wherever nobody changed anything since.
#[tauri::command]
#[specta::specta]
pub(crate) async fn undo_resource_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.undo_resource_run(&id).await
}

use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{
    ResourcePage, ResourceRehearsal, ResourceReportView, ResourceRun, ResourceWish, Side, Whole,
};

/// Begins to compare what both sides hold beside records; nothing is written.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_resource_rehearsal(
    app: State<'_, App>,
    source: Side,
    target: Side,
    wish: ResourceWish,
    earlier: Option<String>,
) -> Answer<String> {
    app.start_resource_rehearsal(source, target, &wish, earlier.as_deref()).await
}

/// Begins to compare what a run over resources held back, and nothing else.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rehearse_held_resources(app: State<'_, App>, run: String) -> Answer<String> {
    app.rehearse_held_resources(&run).await
}

/// Begins to plan again what a run over resources whose journal is damaged still lacks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn plan_resource_run_again(app: State<'_, App>, run: String) -> Answer<String> {
    app.plan_resource_run_again(&run).await
}

/// A rehearsal of resources and how far it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resource_rehearsal(app: State<'_, App>, id: String) -> Answer<ResourceRehearsal> {
    app.resource_rehearsal(&id).await
}

/// A page of what the source has of this type with this text in its name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resource_rows(
    app: State<'_, App>,
    id: String,
    kind: String,
    text: String,
    page: u32,
) -> Answer<ResourcePage> {
    app.resource_rows(&id, &kind, &text, page).await
}

/// Stops a rehearsal of resources; nothing was written.
#[tauri::command]
#[specta::specta]
pub(crate) async fn cancel_resource_rehearsal(app: State<'_, App>, id: String) -> Answer<()> {
    app.cancel_resource_rehearsal(&id)
}

/// Begins the run of the plan with this fingerprint, if the target's name was typed as it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_resource_run(
    app: State<'_, App>,
    rehearsal: String,
    fingerprint: String,
    typed_target_name: String,
    share: Option<Whole>,
) -> Answer<String> {
    app.start_resource_run(&rehearsal, &fingerprint, &typed_target_name, share).await
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

/// Compares what a run did with the source again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn prove_resource_run(app: State<'_, App>, id: String, afresh: bool) -> Answer<()> {
    app.prove_resource_run(&id, afresh).await
}

/// What a run did, written anew for machines and for people.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resource_report(app: State<'_, App>, id: String) -> Answer<ResourceReportView> {
    app.resource_report(&id).await
}

/// Opens the printable report with the system's viewer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_resource_report(app: State<'_, App>, id: String) -> Answer<()> {
    app.open_resource_report(&id).await
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

use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{
    Choices, HoleStrip, PlanPage, ProofDepthChoice, RehearsalView, ReportView, RunSummary, RunView, Side,
    SourceOverview, TimeNeeded, Verdict, Whole,
};

/// What there is to choose from on the source, beside what the target has.
#[tauri::command]
#[specta::specta]
pub(crate) async fn source_overview(
    app: State<'_, App>,
    source: Side,
    target: Side,
) -> Answer<SourceOverview> {
    app.source_overview(&source, &target).await
}

/// Begins a rehearsal: both sides are read, nothing is written.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_rehearsal(
    app: State<'_, App>,
    source: Side,
    target: Side,
    choices: Choices,
) -> Answer<String> {
    app.start_rehearsal(source, target, choices).await
}

/// Begins a rehearsal of what a run held back, and of nothing else.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rehearse_held(app: State<'_, App>, run: String) -> Answer<String> {
    app.rehearse_held(&run).await
}

/// Begins to plan again what a run whose journal is damaged still lacks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn plan_run_again(app: State<'_, App>, run: String) -> Answer<String> {
    app.plan_run_again(&run).await
}

/// A rehearsal and how far it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rehearsal(app: State<'_, App>, id: String) -> Answer<RehearsalView> {
    app.rehearsal(&id).await
}

/// A hundred items of the plan that have this verdict and match this text; pages count from 0.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rehearsal_rows(
    app: State<'_, App>,
    id: String,
    verdict: Option<Verdict>,
    text: String,
    page: u32,
) -> Answer<PlanPage> {
    app.rehearsal_rows(&id, verdict, &text, page).await
}

/// What the target lacks, by device and day.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rehearsal_strip(app: State<'_, App>, id: String) -> Answer<HoleStrip> {
    app.rehearsal_strip(&id).await
}

/// How long the run of a plan takes with this share of the target's limits, in tenths of a percent.
#[tauri::command]
#[specta::specta]
pub(crate) fn rehearsal_time(app: State<'_, App>, id: String, share: Whole) -> Answer<TimeNeeded> {
    app.rehearsal_time(&id, share)
}

/// Stops a rehearsal; nothing was written.
#[tauri::command]
#[specta::specta]
pub(crate) fn cancel_rehearsal(app: State<'_, App>, id: String) -> Answer<()> {
    app.cancel_rehearsal(&id)
}

/// Begins the run of the plan with this fingerprint, if the target's name was typed as it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_run(
    app: State<'_, App>,
    rehearsal: String,
    fingerprint: String,
    typed_target_name: String,
    share: Option<Whole>,
) -> Answer<String> {
    app.start_run(&rehearsal, &fingerprint, &typed_target_name, share).await
}

/// Every run, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn runs(app: State<'_, App>) -> Answer<Vec<RunSummary>> {
    app.runs().await
}

/// A run and how far it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run(app: State<'_, App>, id: String) -> Answer<RunView> {
    app.run(&id).await
}

/// Lets the batch that is on its way arrive, and then sends no more.
#[tauri::command]
#[specta::specta]
pub(crate) fn pause_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.pause_run(&id)
}

/// Goes on with a run that was paused or interrupted, also by a crash.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resume_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.resume_run(&id).await
}

/// Ends a run where it is; what was written stays.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.stop_run(&id).await
}

/// Takes a run back, wherever nobody changed anything since; the source is not needed for it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn undo_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.undo_run(&id).await
}

/// Switches on again what a run still holds, for one that nobody will go on with.
#[tauri::command]
#[specta::specta]
pub(crate) async fn release_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.release_run(&id).await
}

/// Ends for good a run whose target does not exist any more; nothing is sent.
#[tauri::command]
#[specta::specta]
pub(crate) async fn give_up_run(app: State<'_, App>, id: String) -> Answer<()> {
    app.give_up_run(&id).await
}

/// Compares source and target again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn prove_run(
    app: State<'_, App>,
    id: String,
    depth: ProofDepthChoice,
    afresh: bool,
) -> Answer<()> {
    app.prove_run(&id, depth, afresh).await
}

/// Ends a proof that is under way; what it has compared stays.
#[tauri::command]
#[specta::specta]
pub(crate) fn stop_proof(app: State<'_, App>, id: String) {
    app.stop_proof(&id);
}

/// What a run did, and what is left to do.
#[tauri::command]
#[specta::specta]
pub(crate) async fn report(app: State<'_, App>, id: String) -> Answer<ReportView> {
    app.report(&id).await
}

/// Opens the printable report with the system's viewer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_report(app: State<'_, App>, id: String) -> Answer<()> {
    app.open_report(&id).await
}

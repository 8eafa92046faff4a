use tauri::State;

use crate::app::App;
use crate::app::backups::NewProject;
use crate::error::Answer;
use crate::view::{
    Backup, BackupPage, Deployment, MainDatabase, Quote, RestoreStarted, SchedulePreview, Whole,
};

/// The retained backups of a project, newest first, and its schedule.
#[tauri::command]
#[specta::specta]
pub(crate) async fn backups(app: State<'_, App>, connection: String, project: String) -> Answer<BackupPage> {
    app.backups(&connection, &project).await
}

/// Makes a backup now.
#[tauri::command]
#[specta::specta]
pub(crate) async fn back_up_now(app: State<'_, App>, connection: String, project: String) -> Answer<Backup> {
    app.back_up_now(&connection, &project).await
}

/// The schedule of the daily backup and what it did and will do.
#[tauri::command]
#[specta::specta]
pub(crate) async fn main_database(
    app: State<'_, App>,
    connection: String,
    project: String,
) -> Answer<MainDatabase> {
    app.main_database(&connection, &project).await
}

/// What a schedule would do; changes nothing.
#[tauri::command]
#[specta::specta]
pub(crate) async fn preview_schedule(
    app: State<'_, App>,
    connection: String,
    project: String,
    daily_time: String,
    retention_days: Whole,
) -> Answer<SchedulePreview> {
    app.preview_schedule(&connection, &project, &daily_time, retention_days).await
}

/// Sets the schedule of the daily backup.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_schedule(
    app: State<'_, App>,
    connection: String,
    project: String,
    daily_time: String,
    retention_days: Whole,
) -> Answer<MainDatabase> {
    app.set_schedule(&connection, &project, &daily_time, retention_days).await
}

/// What a new project from a backup would cost; a price that consent can be given to.
#[tauri::command]
#[specta::specta]
pub(crate) async fn quote(
    app: State<'_, App>,
    connection: String,
    project: String,
    backup: String,
    region: Option<String>,
    version: Option<String>,
) -> Answer<Quote> {
    app.quote(&connection, &project, &backup, region, version).await
}

/// Makes a new project from a backup, at the price that was consented to.
#[tauri::command]
#[specta::specta]
#[expect(clippy::too_many_arguments, reason = "each is a field of the form, by its name in TypeScript")]
pub(crate) async fn restore(
    app: State<'_, App>,
    connection: String,
    project: String,
    backup: String,
    quote: String,
    name: String,
    region: String,
    version: String,
) -> Answer<RestoreStarted> {
    app.restore(&connection, &project, &backup, NewProject { quote, name, region, version }).await
}

/// A deployment with its log so far; from now on the window hears of what follows.
#[tauri::command]
#[specta::specta]
pub(crate) async fn deployment(
    app: State<'_, App>,
    connection: String,
    project: String,
    deployment: String,
) -> Answer<Deployment> {
    app.deployment(&connection, &project, &deployment).await
}

use tauri::State;

use crate::app::App;
use crate::error::Answer;
use crate::view::{Cargo, WorkRow};

/// What is left to do by hand after a run, as it was seen and ticked last.
#[tauri::command]
#[specta::specta]
pub(crate) async fn worklist(app: State<'_, App>, cargo: Cargo, run: String) -> Answer<Vec<WorkRow>> {
    app.worklist(cargo, &run).await
}

/// Looks at the target for what of it is done by now.
#[tauri::command]
#[specta::specta]
pub(crate) async fn look_at_worklist(app: State<'_, App>, cargo: Cargo, run: String) -> Answer<Vec<WorkRow>> {
    app.look_at_worklist(cargo, &run).await
}

/// Stops looking; what was seen until then stays seen.
#[tauri::command]
#[specta::specta]
pub(crate) fn stop_looking(app: State<'_, App>, run: String) {
    app.stop_looking(&run);
}

/// Ticks one thing as done by hand, or takes the tick away.
#[tauri::command]
#[specta::specta]
pub(crate) async fn tick_work(
    app: State<'_, App>,
    cargo: Cargo,
    run: String,
    key: String,
    done: bool,
) -> Answer<Vec<WorkRow>> {
    app.tick_work(cargo, &run, &key, done).await
}

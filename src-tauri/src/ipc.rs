//! The contract with the window: its commands and events, and their TypeScript.

use std::path::Path;

use serde::Serialize;
use specta::Type;
use specta_typescript::Typescript;
use tauri::Runtime;
use tauri_specta::{Builder, Event, collect_commands, collect_events};

use crate::commands::{about, backups, connections, migrations, practice, projects, resources, worklist};
use crate::view::{Deployment, RehearsalView, ResourceRehearsal, ResourceRun, RunView};

/// The connections, or the state of one, are not what they were.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct ConnectionsChanged;

/// A deployment that the window follows has a new entry in its log, or has ended.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct DeploymentChanged(pub Deployment);

/// A rehearsal is further than it was.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct RehearsalChanged(pub RehearsalView);

/// A run is further than it was; at most ten times a second.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct RunChanged(pub RunView);

/// A rehearsal of resources is further than it was.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct ResourceRehearsalChanged(pub ResourceRehearsal);

/// A run over resources is further than it was.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct ResourceRunChanged(pub ResourceRun);

/// The damage to the practice project is not what it was.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct BadDayChanged;

/// The commands and events that the window may use.
pub fn builder<R: Runtime>() -> Builder<R> {
    Builder::new()
        .commands(collect_commands![
            connections::connections,
            connections::connect_tagodeploy,
            connections::connect_tagoio,
            connections::forget_connection,
            connections::keyring_state,
            connections::keyring_try_again,
            connections::restart_app,
            practice::opens_with_practice,
            practice::start_practice,
            practice::practice_as,
            practice::start_bad_day,
            practice::bad_day,
            projects::projects,
            projects::delete_project,
            projects::meter,
            projects::catalogue,
            projects::restores,
            backups::backups,
            backups::back_up_now,
            backups::main_database,
            backups::preview_schedule,
            backups::set_schedule,
            backups::quote,
            backups::restore,
            backups::deployment,
            migrations::source_overview,
            migrations::start_rehearsal,
            migrations::rehearse_held,
            migrations::plan_run_again,
            migrations::rehearsal,
            migrations::rehearsal_rows,
            migrations::rehearsal_strip,
            migrations::rehearsal_time,
            migrations::cancel_rehearsal,
            migrations::start_run,
            migrations::runs,
            migrations::run,
            migrations::pause_run,
            migrations::resume_run,
            migrations::stop_run,
            migrations::undo_run,
            migrations::release_run,
            migrations::give_up_run,
            migrations::prove_run,
            migrations::stop_proof,
            migrations::report,
            migrations::open_report,
            resources::start_resource_rehearsal,
            resources::rehearse_held_resources,
            resources::plan_resource_run_again,
            resources::resource_rehearsal,
            resources::resource_rows,
            resources::cancel_resource_rehearsal,
            resources::start_resource_run,
            resources::resource_runs,
            resources::resource_run,
            resources::resume_resource_run,
            resources::prove_resource_run,
            resources::resource_report,
            resources::open_resource_report,
            resources::stop_resource_run,
            resources::undo_resource_run,
            worklist::worklist,
            worklist::look_at_worklist,
            worklist::stop_looking,
            worklist::tick_work,
            about::version,
        ])
        .events(collect_events![
            ConnectionsChanged,
            DeploymentChanged,
            RehearsalChanged,
            RunChanged,
            ResourceRehearsalChanged,
            ResourceRunChanged,
            BadDayChanged,
        ])
        .disable_serde_phases()
}

/// Writes the TypeScript of [`builder`], as `ui/src/ipc/bindings.ts` holds it.
///
/// # Errors
/// If a type cannot be told to TypeScript, or the file cannot be written.
pub fn export(path: &Path) -> Result<(), specta_typescript::Error> {
    builder::<tauri::Wry>().export(Typescript::default(), path)
}

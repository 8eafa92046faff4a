//! The guided tour: the whole main job in the real window, with a crash in its middle, for people to look at.
//!
//! It leaves a picture of each stage in `target/tour` and prints what each stage showed. The word `start`
//! measures instead how long the window takes to open. `tests/window.sh` gives either the session it needs.

#![allow(unreachable_pub, reason = "a test program exports nothing")]
#![allow(clippy::unwrap_used, reason = "what a stage cannot get has not held")]
#![allow(clippy::print_stdout, reason = "its table is what it is for")]

#[path = "../e2e/database.rs"]
#[allow(dead_code, reason = "the window tests use all of it")]
mod database;
mod disk;
mod guide;
mod processes;
mod rescue;
mod restore;
mod start;
#[path = "../e2e/window.rs"]
#[allow(dead_code, reason = "the window tests use all of it")]
mod window;

use std::process::ExitCode;

use crate::guide::Guide;

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => tour().await,
        Some("start") => start::measure().await,
        Some(other) => panic!("{other:?} is neither nothing nor \"start\""),
    }
}

async fn tour() -> ExitCode {
    let mut guide = Guide::new();
    let walked = walk(&mut guide).await;
    guide.end().await;
    guide.tell();
    if walked.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every stage stands on the one before: the first that does not hold ends the tour.
async fn walk(guide: &mut Guide) -> Option<()> {
    guide.stage("backups", "Seven backups with date and size", restore::backups).await?;
    guide.stage("bad-day", "The bad day damages the project", restore::bad_day).await?;
    guide.stage("menu", "Three-dot menu of the right backup", restore::menu).await?;
    guide.stage("new-project", "New project from backup", restore::new_project).await?;
    guide.stage("cost", "The cost, and consent to it", restore::cost).await?;
    guide.stage("deployment", "The new project holds the backup", restore::deployment).await?;
    guide.stage("from-and-to", "Migrate: from and to", rescue::sides).await?;
    guide.stage("choose", "Migrate: choose", rescue::choose).await?;
    guide.stage("rehearsal", "Exact rehearsal", rescue::rehearsal).await?;
    guide.stage("confirm", "The target's name is typed", rescue::confirm).await?;
    guide.stage("kill", "kill -9 in the middle of the run", rescue::kill).await?;
    guide.stage("found-again", "Started again: the run is found", rescue::found_again).await?;
    guide.stage("resume", "The run goes on to its end", rescue::resume).await?;
    guide.stage("proof", "The proof is green", rescue::proof).await?;
    guide.stage("report", "Report and worklist", rescue::report).await?;
    guide.stage("nothing-left", "A second rehearsal finds nothing", rescue::nothing_left).await?;
    guide.stage("delete", "The restored project is deleted", rescue::delete).await?;
    guide.stage("close", "The window closes and leaves nothing", rescue::close).await
}

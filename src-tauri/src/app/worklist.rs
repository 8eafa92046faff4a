use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use tago_api::Time;
use tago_migrate::{
    self as engine, Control, Env, Figures, Progress, SystemClock, WorkItem, WorkState, WorklistError,
};

use super::migrations::{aside, late_commit, on_its_own_thread_for, without_panic};
use super::{App, locked};
use crate::error::Answer;
use crate::migration::{fresh_id, now, settings};
use crate::view::{Cargo, Side, WorkProgress, WorkRow};

impl App {
    /// What is left to do by hand after a run, as it was seen and ticked last.
    pub async fn worklist(&self, cargo: Cargo, run: &str) -> Answer<Vec<WorkRow>> {
        let (folder, _) = self.place_of(cargo, run)?;
        aside(move || Ok(rows(engine::last_worklist(&folder)?))).await
    }

    /// Looks at the target for what of it is done by now. One that is stopped tells what it has seen until then.
    pub async fn look_at_worklist(&self, cargo: Cargo, run: &str) -> Answer<Vec<WorkRow>> {
        let (_, nonce) = fresh_id()?;
        let control = self.state.looks.begin(nonce, run);
        let seen = self.look(cargo, run, nonce, control).await;
        self.state.looks.end(nonce);
        Ok(rows(seen?))
    }

    /// Stops looking for what of a run's worklist is done.
    pub fn stop_looking(&self, run: &str) {
        self.state.looks.stop(Some(run));
    }

    async fn look(&self, cargo: Cargo, run: &str, nonce: u64, control: Control) -> Answer<Vec<WorkItem>> {
        let (folder, target) = self.place_of(cargo, run)?;
        let port = self.port(&target).await?;
        let since = self.last_end(&target).await?;
        let settings = settings(late_commit(&target));
        on_its_own_thread_for(async move || {
            let clock = SystemClock::start();
            let progress = Progress::new(Figures::default());
            let env = Env { clock: &clock, nonce, progress: &progress, control: &control };
            let looking = async {
                Ok(match engine::worklist(&folder, &port, since, &settings, env).await {
                    Err(WorklistError::Stopped) => engine::last_worklist(&folder)?,
                    looked => looked?,
                })
            };
            without_panic(looking).await
        })
        .await
    }

    /// Ticks one thing as done by hand, or takes the tick away.
    pub async fn tick_work(&self, cargo: Cargo, run: &str, key: &str, done: bool) -> Answer<Vec<WorkRow>> {
        let ((folder, _), key) = (self.place_of(cargo, run)?, key.to_owned());
        aside(move || {
            engine::tick(&folder, &key, done, now())?;
            Ok(rows(engine::last_worklist(&folder)?))
        })
        .await
    }

    /// A run's folder and its target.
    fn place_of(&self, cargo: Cargo, run: &str) -> Answer<(PathBuf, Side)> {
        Ok(match cargo {
            Cargo::Records => {
                let record = self.state.migrations.files.read(run)?;
                (self.state.migrations.files.folder(&record.id), record.target)
            }
            Cargo::Resources => {
                let record = self.state.resources.read(run)?;
                (self.state.resources.folder(&record.id), record.target)
            }
        })
    }

    /// When a run of records into this target last sent something: what arrived before may have been its own.
    async fn last_end(&self, target: &Side) -> Answer<Option<Time>> {
        let (app, target) = (self.clone(), target.clone());
        aside(move || {
            let files = &app.state.migrations.files;
            let into = files.all().into_iter().filter(|record| record.target.project == target.project);
            let ends = into.filter_map(|record| engine::status(&files.folder(&record.id)).ok()?.last_sent_at);
            Ok(ends.max())
        })
        .await
    }
}

/// The looks at worklists that are under way: of which run, and the owner's hand on each.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<u64, (String, Control)>>);

impl Looks {
    fn begin(&self, look: u64, run: &str) -> Control {
        let control = Control::new();
        locked(&self.0).insert(look, (run.to_owned(), control.clone()));
        control
    }

    fn end(&self, look: u64) {
        locked(&self.0).remove(&look);
    }

    /// Stops those of this run, or all.
    pub(super) fn stop(&self, of: Option<&str>) {
        let looks = locked(&self.0);
        let meant = looks.values().filter(|(run, _)| of.is_none_or(|of| of == run));
        meant.for_each(|(_, control)| control.stop());
    }
}

fn rows(items: Vec<WorkItem>) -> Vec<WorkRow> {
    let row = |item: WorkItem| WorkRow {
        key: item.key,
        task: item.task.as_str().to_owned(),
        kind: item.kind.as_str().to_owned(),
        name: item.name,
        text: item.text,
        state: match item.state {
            WorkState::Open => WorkProgress::Open,
            WorkState::Done => WorkProgress::Done,
            WorkState::DoneByHand => WorkProgress::DoneByHand,
        },
        seen: item.seen,
    };
    items.into_iter().map(row).collect()
}

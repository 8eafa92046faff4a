use std::path::PathBuf;

use tago_api::Time;
use tago_migrate::{self as engine, Control, Env, Figures, Progress, SystemClock, WorkItem, WorkState};

use super::App;
use super::migrations::{aside, late_commit, on_its_own_thread_for, without_panic};
use crate::error::Answer;
use crate::migration::{fresh_id, now, settings};
use crate::view::{Cargo, Side, WorkProgress, WorkRow};

impl App {
    /// What is left to do by hand after a run, as it was seen and ticked last.
    pub async fn worklist(&self, cargo: Cargo, run: &str) -> Answer<Vec<WorkRow>> {
        let (folder, _) = self.place_of(cargo, run)?;
        aside(move || Ok(rows(engine::last_worklist(&folder)?))).await
    }

    /// Looks at the target for what of it is done by now.
    pub async fn look_at_worklist(&self, cargo: Cargo, run: &str) -> Answer<Vec<WorkRow>> {
        let (folder, target) = self.place_of(cargo, run)?;
        let port = self.port(&target).await?;
        let (_, nonce) = fresh_id()?;
        let since = self.last_end(&target).await?;
        let settings = settings(late_commit(&target));
        on_its_own_thread_for(async move || {
            let (clock, control) = (SystemClock::start(), Control::new());
            let progress = Progress::new(Figures::default());
            let env = Env { clock: &clock, nonce, progress: &progress, control: &control };
            let looking = engine::worklist(&folder, &port, since, &settings, env);
            without_panic(async { Ok(rows(looking.await?)) }).await
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

    /// When the last run of records into this target ended: what arrived before may have been its own.
    async fn last_end(&self, target: &Side) -> Answer<Option<Time>> {
        let (app, target) = (self.clone(), target.clone());
        aside(move || {
            let files = &app.state.migrations.files;
            let into = files.all().into_iter().filter(|record| record.target.project == target.project);
            let ends = into.filter_map(|record| engine::status(&files.folder(&record.id)).ok()?.finished_at);
            Ok(ends.max())
        })
        .await
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

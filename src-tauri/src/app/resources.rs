use std::sync::{Arc, Mutex};
use std::time::Duration;

use tago_migrate::live::Live;
use tago_migrate::resources::{self as engine, UndoChoices};
use tago_migrate::{Control, Ending, Env, Figures, Progress, Seal, SystemClock};

use super::App;
use super::migrations::{aside, late_commit, not_under_way, on_its_own_thread, settle, without_panic};
use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::host::Event;
use crate::migration::{fresh_id, now, relay, settings};
use crate::resources::{LiveMove, Rehearsed, ResourceRecord, choices_of, rehearsal_view, undone_view};
use crate::view::{ResourceRehearsal, ResourceRun, ResourceWish, Side};

/// What a task does with a run.
#[derive(Clone)]
enum Work {
    Begin(Arc<Rehearsed>),
    GoOn,
    Undo,
}

impl App {
    /// Compares what both sides hold beside records; nothing is written.
    pub async fn rehearse_resources(
        &self,
        source: Side,
        target: Side,
        wish: &ResourceWish,
    ) -> Answer<ResourceRehearsal> {
        let choices = choices_of(wish)?;
        if source == target {
            let said = "Source and target are the same project; choose two different ones";
            return Err(UiError::new(ErrorCode::SameProject, said));
        }
        let (from, to) = (self.port(&source).await?, self.port(&target).await?);
        let (source_name, target_name) =
            (self.project_name(&source).await?, self.project_name(&target).await?);
        let (id, nonce) = fresh_id()?;
        let (clock, control) = (SystemClock::start(), Control::new());
        let progress = Progress::new(Figures::default());
        let env = Env { clock: &clock, nonce, progress: &progress, control: &control };
        let plan = engine::rehearse(&from, &to, &choices, &settings(late_commit(&target)), env).await?;
        let rehearsed = Arc::new(Rehearsed { source, target, source_name, target_name, plan });
        self.state.resources.keep(id.clone(), rehearsed.clone());
        Ok(rehearsal_view(&id, &rehearsed))
    }

    /// Begins the run of the plan with this fingerprint, if the target's name was typed as it is.
    pub async fn start_resource_run(
        &self,
        rehearsal: &str,
        fingerprint: &str,
        typed: &str,
    ) -> Answer<String> {
        let rehearsed = self.state.resources.plan(rehearsal)?;
        if typed != rehearsed.target_name {
            return Err(UiError::bad_input(format!(
                "Name: type the target's name as it is, “{}”; nothing was written",
                rehearsed.target_name
            )));
        }
        if Seal::from_text(fingerprint) != rehearsed.plan.fingerprint() {
            let said = "What was confirmed is not this rehearsal's plan";
            return Err(UiError::new(ErrorCode::PlanChanged, said)
                .hint("Look at the rehearsal again and confirm that one. Nothing was written."));
        }
        let (id, _) = fresh_id()?;
        let record = ResourceRecord {
            id: id.clone(),
            source: rehearsed.source.clone(),
            target: rehearsed.target.clone(),
            source_name: rehearsed.source_name.clone(),
            target_name: rehearsed.target_name.clone(),
            begun_at: now(),
            reason: None,
            undone: None,
        };
        self.begin_resources(record, Work::Begin(rehearsed)).await?;
        Ok(id)
    }

    /// Every run over resources, newest first, each with its report.
    pub async fn resource_runs(&self) -> Answer<Vec<ResourceRun>> {
        let app = self.clone();
        aside(move || {
            let moves = &app.state.resources;
            Ok(moves.all().into_iter().map(|record| moves.view(record)).collect())
        })
        .await
    }

    /// A run over resources, how far it is and what it did.
    pub async fn resource_run(&self, id: &str) -> Answer<ResourceRun> {
        let (app, id) = (self.clone(), id.to_owned());
        aside(move || {
            let moves = &app.state.resources;
            Ok(moves.view(moves.read(&id)?))
        })
        .await
    }

    /// Goes on with a run that was interrupted.
    pub async fn resume_resource_run(&self, id: &str) -> Answer<()> {
        let record = self.state.resources.read(id)?;
        self.begin_resources(record, Work::GoOn).await
    }

    /// Ends a run, or an undo, where it is; it can be gone on with.
    pub fn stop_resource_run(&self, id: &str) -> Answer<()> {
        self.state.resources.live(id).ok_or_else(not_under_way)?.control.stop();
        Ok(())
    }

    /// Takes a run back, wherever nobody changed anything since.
    pub async fn undo_resource_run(&self, id: &str) -> Answer<()> {
        let record = self.state.resources.read(id)?;
        self.begin_resources(record, Work::Undo).await
    }

    async fn begin_resources(&self, mut record: ResourceRecord, work: Work) -> Answer<()> {
        // The source may be gone by the time that a run is taken back.
        let source = match work {
            Work::Undo => None,
            _ => Some(self.port(&record.source).await?),
        };
        let target = self.port(&record.target).await?;
        record.reason = None;
        let undoes = matches!(work, Work::Undo);
        let live = Arc::new(LiveMove { record, control: Control::new(), undoes, reach: Mutex::default() });
        self.state.resources.begin(&live)?;
        if let Err(error) = self.state.resources.write(&live.record) {
            self.state.resources.end(&live.record.id);
            return Err(error);
        }
        let app = self.clone();
        on_its_own_thread(async move || app.carry_out_resources(&live, work, source, target).await);
        Ok(())
    }

    async fn carry_out_resources(
        &self,
        live: &Arc<LiveMove>,
        work: Work,
        source: Option<Live>,
        target: Live,
    ) {
        let progress = Progress::new(Figures::default());
        let (app, watched) = (self.clone(), live.clone());
        let telling = tokio::spawn(relay(progress.subscribe(), move |figures| {
            *locked(&watched.reach) = (figures.items_done, figures.items_total);
            app.tell_resources(watched.record.clone());
        }));
        let mut record = live.record.clone();
        let outcome = without_panic(self.work_on_resources(live, work, source, &target, &progress)).await;
        drop(progress);
        settle(telling).await;
        match outcome {
            Ok((ending, undone)) => {
                record.undone = undone.or(record.undone);
                if let Ending::Halted(halt) = ending {
                    record.reason = Some(halt.into());
                }
            }
            Err(error) => record.reason = Some(error),
        }
        if let Err(error) = self.state.resources.write(&record) {
            tracing::error!(error.message, "the end of a run was not written");
        }
        self.state.resources.end(&record.id);
        self.tell_resources(record);
    }

    async fn work_on_resources(
        &self,
        live: &LiveMove,
        work: Work,
        source: Option<Live>,
        target: &Live,
        progress: &Progress,
    ) -> Answer<(Ending, Option<crate::view::ResourceUndone>)> {
        let (_, nonce) = fresh_id()?;
        let clock = SystemClock::start();
        let env = Env { clock: &clock, nonce, progress, control: &live.control };
        let bound: Duration = late_commit(&live.record.target);
        let (settings, folder) = (settings(bound), self.state.resources.folder(&live.record.id));
        match (work, source) {
            (Work::Begin(rehearsed), Some(source)) => {
                let approved = rehearsed.plan.fingerprint();
                let plan = &rehearsed.plan;
                Ok((engine::run(plan, &approved, &folder, &source, target, &settings, env).await?, None))
            }
            (Work::GoOn, Some(source)) => {
                Ok((engine::resume(&folder, &source, target, &settings, env).await?, None))
            }
            _ => {
                let choices = UndoChoices::default();
                let (ending, undone) = engine::undo(&folder, target, choices, &settings, env).await?;
                Ok((ending, Some(undone_view(undone))))
            }
        }
    }

    fn tell_resources(&self, record: ResourceRecord) {
        self.emit(Event::ResourceRun(Box::new(self.state.resources.view(record))));
    }
}

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tago_migrate::live::Live;
use tago_migrate::resources::{self as engine, ResourceChoices, ResourcePlan, Resources, UndoChoices};
use tago_migrate::{Control, Ending, Env, Figures, Progress, RunError, Seal, Settings, SystemClock};

use super::App;
use super::migrations::{aside, late_commit, not_under_way, on_its_own_thread, settle, without_panic};
use super::rehearsals::nothing_held;
use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::host::Event;
use crate::migration::{fresh_id, now, pace, relay, settings, share_chosen};
use crate::resources::{Compared, Comparison, LiveMove, ResourceRecord, choices_of, undone_view};
use crate::view::{
    ResourcePage, ResourceRehearsal, ResourceReportView, ResourceRun, ResourceUndone, ResourceWish, Side,
    Whole,
};

/// What both sides are compared for.
enum Wanted {
    /// What the owner chose.
    Chosen(Box<ResourceChoices>),
    /// What the run of this folder, whose journal is damaged, still lacks.
    Rest(PathBuf),
}

/// What a task does with a run, and the source if it needs one: by the time that a run is proven again or
/// taken back, that may be gone.
enum Work {
    Begin(Arc<Compared>, Live),
    GoOn(Live),
    Prove {
        source: Option<Live>,
        /// It compares again also what an interrupted one has proven.
        afresh: bool,
    },
    Undo,
}

impl App {
    /// Begins to compare what both sides hold beside records; nothing is written. What is chosen is told
    /// in the terms of an earlier rehearsal of the same sides, if there was one.
    pub async fn start_resource_rehearsal(
        &self,
        source: Side,
        target: Side,
        wish: &ResourceWish,
        earlier: Option<&str>,
    ) -> Answer<String> {
        let earlier = earlier.map(|id| self.state.resources.comparison(id)).transpose()?;
        let everything = match &earlier {
            Some(earlier) => Some(earlier.compared()?.everything()),
            None => None,
        };
        let limits = earlier.map(|earlier| earlier.limits.clone()).unwrap_or_default();
        let choices = choices_of(wish, everything.as_deref(), &limits)?;
        if source == target {
            let said = "Source and target are the same project; choose two different ones";
            return Err(UiError::new(ErrorCode::SameProject, said));
        }
        self.begin_comparison([source, target], Wanted::Chosen(Box::new(choices)), limits, everything).await
    }

    /// Begins to compare what a run over resources held back, and nothing else.
    pub async fn rehearse_held_resources(&self, run: &str) -> Answer<String> {
        let record = self.state.resources.read(run)?;
        let folder = self.state.resources.folder(&record.id);
        let (limits, held) = aside(move || Ok(held_back(&folder)?)).await?;
        if held == 0 {
            return Err(nothing_held());
        }
        let sides = [record.source, record.target];
        self.begin_comparison(sides, Wanted::Chosen(Box::new(limits.clone())), limits, None).await
    }

    /// Begins to plan again what a run over resources whose journal is damaged still lacks.
    pub async fn plan_resource_run_again(&self, run: &str) -> Answer<String> {
        let record = self.state.resources.read(run)?;
        if self.state.resources.live(&record.id).is_some() {
            return Err(UiError::new(ErrorCode::InUse, "This run is under way"));
        }
        let folder = self.state.resources.folder(&record.id);
        let planned = folder.join("plan.jsonl");
        let limits = aside(move || Ok(ResourcePlan::read(&planned)?.header().choices.clone())).await?;
        let sides = [record.source, record.target];
        self.begin_comparison(sides, Wanted::Rest(folder), limits, None).await
    }

    async fn begin_comparison(
        &self,
        sides: [Side; 2],
        wanted: Wanted,
        limits: ResourceChoices,
        everything: Option<Arc<ResourcePlan>>,
    ) -> Answer<String> {
        let [source, target] = sides;
        let ports = (self.port(&source).await?, self.port(&target).await?);
        let names = (self.project_name(&source).await?, self.project_name(&target).await?);
        let (id, nonce) = fresh_id()?;
        let sides = [(source, names.0), (target, names.1)];
        let comparison = Arc::new(Comparison::new(id.clone(), sides, limits, everything));
        self.state.resources.keep(comparison.clone());
        let app = self.clone();
        on_its_own_thread(async move || app.compare_resources(&comparison, ports, wanted, nonce).await);
        Ok(id)
    }

    async fn compare_resources(
        &self,
        comparison: &Arc<Comparison>,
        (source, target): (Live, Live),
        wanted: Wanted,
        nonce: u64,
    ) {
        let clock = SystemClock::start();
        let progress = Progress::new(Figures::default());
        let (app, watched) = (self.clone(), comparison.clone());
        let telling = tokio::spawn(relay(progress.subscribe(), move |figures| {
            watched.progressed(figures);
            app.emit(Event::ResourceRehearsal(Box::new(watched.view())));
        }));
        let env = Env { clock: &clock, nonce, progress: &progress, control: &comparison.control };
        let locks = Some(self.state.locks.clone());
        let settings = Settings { locks, ..settings(late_commit(&comparison.target)) };
        let comparing = async {
            Ok(match &wanted {
                Wanted::Chosen(choices) => {
                    engine::rehearse(&source, &target, choices, &settings, env).await?
                }
                Wanted::Rest(folder) => engine::rebuild(folder, &source, &target, &settings, env).await?.plan,
            })
        };
        let outcome = without_panic(comparing).await;
        drop(progress);
        comparison.ended(outcome);
        settle(telling).await;
        self.emit(Event::ResourceRehearsal(Box::new(comparison.view())));
    }

    /// A rehearsal of resources and how far it is.
    pub async fn resource_rehearsal(&self, id: &str) -> Answer<ResourceRehearsal> {
        let comparison = self.state.resources.comparison(id)?;
        aside(move || Ok(comparison.view())).await
    }

    /// A page of what the source has of this type with this text in its name.
    pub async fn resource_rows(&self, id: &str, kind: &str, text: &str, page: u32) -> Answer<ResourcePage> {
        let comparison = self.state.resources.comparison(id)?;
        let (kind, text) = (kind.to_owned(), text.to_owned());
        aside(move || Ok(comparison.compared()?.rows(&kind, &text, page))).await
    }

    /// Stops a rehearsal of resources; nothing was written.
    pub fn cancel_resource_rehearsal(&self, id: &str) -> Answer<()> {
        self.state.resources.comparison(id)?.cancel();
        Ok(())
    }

    /// Begins the run of the plan with this fingerprint, if the target's name was typed as it is.
    pub async fn start_resource_run(
        &self,
        rehearsal: &str,
        fingerprint: &str,
        typed: &str,
        share: Option<Whole>,
    ) -> Answer<String> {
        let share = share_chosen(share)?;
        let comparison = self.state.resources.comparison(rehearsal)?;
        let compared = comparison.compared()?;
        if typed != comparison.target_name {
            return Err(UiError::bad_input(format!(
                "Name: type the target's name as it is, “{}”; nothing was written",
                comparison.target_name
            )));
        }
        if Seal::from_text(fingerprint) != compared.plan.fingerprint() {
            let said = "What was confirmed is not this rehearsal's plan";
            return Err(UiError::new(ErrorCode::PlanChanged, said)
                .hint("Look at the rehearsal again and confirm that one. Nothing was written."));
        }
        let (id, _) = fresh_id()?;
        let record = ResourceRecord {
            id: id.clone(),
            source: comparison.source.clone(),
            target: comparison.target.clone(),
            source_name: comparison.source_name.clone(),
            target_name: comparison.target_name.clone(),
            begun_at: now(),
            share,
            reason: None,
            undone: None,
        };
        let source = self.port(&record.source).await?;
        self.begin_resources(record, Work::Begin(compared, source)).await?;
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
        let source = self.port(&record.source).await?;
        self.begin_resources(record, Work::GoOn(source)).await
    }

    /// Ends a run, or an undo, where it is; it can be gone on with.
    pub fn stop_resource_run(&self, id: &str) -> Answer<()> {
        self.state.resources.live(id).ok_or_else(not_under_way)?.control.stop();
        Ok(())
    }

    /// Compares what a run did with the source again, or with what the run sealed if the source is gone; `afresh`,
    /// also what an interrupted proof has proven.
    pub async fn prove_resource_run(&self, id: &str, afresh: bool) -> Answer<()> {
        let record = self.state.resources.read(id)?;
        let projects = self.projects(&record.source.connection).await?;
        let source = match projects.iter().any(|project| project.id == record.source.project) {
            true => Some(self.port(&record.source).await?),
            false => None,
        };
        self.begin_resources(record, Work::Prove { source, afresh }).await
    }

    /// What a run did, written anew for machines and for people.
    pub async fn resource_report(&self, id: &str) -> Answer<ResourceReportView> {
        let (app, id) = (self.clone(), id.to_owned());
        aside(move || {
            let record = app.state.resources.read(&id)?;
            let report = engine::report(&app.state.resources.folder(&record.id), now())?;
            Ok(ResourceReportView {
                html_path: report.html.display().to_string(),
                json_path: report.json.display().to_string(),
                prove_line: report.prove_line,
                exceptions: report.exceptions,
            })
        })
        .await
    }

    /// Opens the printable report with the system's viewer.
    pub async fn open_resource_report(&self, id: &str) -> Answer<()> {
        let report = self.resource_report(id).await?;
        self.open_file(&report.html_path)
    }

    /// Takes a run back, wherever nobody changed anything since.
    pub async fn undo_resource_run(&self, id: &str) -> Answer<()> {
        let record = self.state.resources.read(id)?;
        self.begin_resources(record, Work::Undo).await
    }

    async fn begin_resources(&self, mut record: ResourceRecord, work: Work) -> Answer<()> {
        let target = self.port(&record.target).await?;
        record.reason = None;
        let undoes = matches!(work, Work::Undo);
        let live = Arc::new(LiveMove { record, control: Control::new(), undoes, figures: Mutex::default() });
        self.state.resources.begin(&live)?;
        if let Err(error) = self.state.resources.write(&live.record) {
            self.state.resources.end(&live.record.id);
            return Err(error);
        }
        let app = self.clone();
        on_its_own_thread(async move || app.carry_out_resources(&live, work, &target).await);
        Ok(())
    }

    async fn carry_out_resources(&self, live: &Arc<LiveMove>, work: Work, target: &Live) {
        let progress = Progress::new(Figures::default());
        let (app, watched) = (self.clone(), live.clone());
        let telling = tokio::spawn(relay(progress.subscribe(), move |figures| {
            *locked(&watched.figures) = figures;
            app.tell_resources(watched.record.clone());
        }));
        let mut record = live.record.clone();
        let outcome = without_panic(self.work_on_resources(live, work, target, &progress)).await;
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
        target: &Live,
        progress: &Progress,
    ) -> Answer<(Ending, Option<ResourceUndone>)> {
        let (_, nonce) = fresh_id()?;
        let clock = SystemClock::start();
        let env = Env { clock: &clock, nonce, progress, control: &live.control };
        let late_commit = late_commit(&live.record.target);
        let locks = Some(self.state.locks.clone());
        let settings = Settings { locks, pace: pace(live.record.share), ..settings(late_commit) };
        let folder = self.state.resources.folder(&live.record.id);
        let (ending, source, afresh) = match work {
            Work::Begin(compared, source) => {
                let approved = compared.plan.fingerprint();
                let run = engine::run(&compared.plan, &approved, &folder, &source, target, &settings, env);
                (run.await?, Some(source), false)
            }
            Work::GoOn(source) => {
                (engine::resume(&folder, &source, target, &settings, env).await?, Some(source), false)
            }
            Work::Prove { source, afresh } => (Ending::Finished, source, afresh),
            Work::Undo => {
                let choices = UndoChoices::default();
                let (ending, undone) = engine::undo(&folder, target, choices, &settings, env).await?;
                return Ok((ending, Some(undone_view(undone))));
            }
        };
        if ending == Ending::Finished {
            let source = source.as_ref().map(|source| source as &dyn Resources);
            engine::prove_as(&folder, afresh, source, target, &settings, env).await?;
        }
        Ok((ending, None))
    }

    fn tell_resources(&self, record: ResourceRecord) {
        self.emit(Event::ResourceRun(Box::new(self.state.resources.view(record))));
    }
}

/// The choices of the run of this folder, of what it held back alone, and how much that is. A widget comes
/// with its dashboard.
fn held_back(folder: &Path) -> Result<(ResourceChoices, usize), RunError> {
    let held = engine::status(folder)?.held;
    let choices = ResourcePlan::read(&folder.join("plan.jsonl"))?.header().choices.clone();
    let items = held.iter().map(|(at, ..)| at.parent.clone().unwrap_or_else(|| at.id.clone()));
    Ok((ResourceChoices { items: Some(items.collect()), kinds: None, tagged: None, ..choices }, held.len()))
}

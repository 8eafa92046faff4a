use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tago_migrate::live::Live;
use tago_migrate::{
    self as engine, Control, Env, Figures, Plan, Progress, Rebuilt, Renamed, Settings, SystemClock, resources,
};

use super::App;
use super::migrations::{aside, late_commit, on_its_own_thread, settle, without_panic};
use crate::error::{Answer, ErrorCode, UiError};
use crate::host::Event;
use crate::migration::{
    Rehearsal, RunRecord, choices_of, choices_view, fresh_id, overview_view, pace, relay, settings,
    share_chosen, strip,
};
use crate::resources::ResourceRecord;
use crate::view::{
    Choices, HoleStrip, PlanPage, RebuiltView, RehearsalView, Side, SourceOverview, TimeNeeded, Verdict,
    Whole,
};

/// What both sides are compared for.
enum Wanted {
    /// What the owner chose.
    Chosen(engine::Choices),
    /// What the run of this folder, whose journal is damaged, still lacks.
    Rest(PathBuf),
}

impl App {
    /// What there is to choose from on the source, beside what the target has.
    pub async fn source_overview(&self, source: &Side, target: &Side) -> Answer<SourceOverview> {
        let (from, to) = (self.port(source).await?, self.port(target).await?);
        let (_, nonce) = fresh_id()?;
        let (clock, control) = (SystemClock::start(), Control::new());
        let progress = Progress::new(Figures::default());
        let env = Env { clock: &clock, nonce, progress: &progress, control: &control };
        let found = engine::overview(&from, &to, &settings(late_commit(target)), env).await;
        found.map(overview_view).map_err(|error| UiError::of_side(engine::Side::Source, &error))
    }

    /// Begins a rehearsal: both sides are read, nothing is written.
    pub async fn start_rehearsal(&self, source: Side, target: Side, choices: Choices) -> Answer<String> {
        let mut wanted = choices_of(&choices)?;
        if source == target {
            return Err(UiError::new(
                ErrorCode::SameProject,
                "Source and target are the same project; choose two different ones",
            ));
        }
        wanted.renamed = self.renamed(&source, &target).await?;
        let late_commit = late_commit(&target);
        self.begin_rehearsal([source, target], choices, Wanted::Chosen(wanted), late_commit).await
    }

    /// What the newest finished run over resources between these two calls things in the target.
    async fn renamed(&self, source: &Side, target: &Side) -> Answer<Option<Renamed>> {
        let (app, source, target) = (self.clone(), source.clone(), target.clone());
        aside(move || {
            let moves = &app.state.resources;
            let between = |record: &ResourceRecord| record.source == source && record.target == target;
            let renamed = |record: ResourceRecord| {
                let folder = moves.folder(&record.id);
                let finished = resources::status(&folder).is_ok_and(|status| status.finished);
                let renamed = finished.then(|| resources::renamed(&folder))?;
                renamed.inspect_err(|error| tracing::warn!(record.id, %error, "its ids cannot be read")).ok()
            };
            let mut of_runs = moves.all().into_iter().filter(between).filter_map(renamed);
            Ok(of_runs.find(|renamed| !renamed.ids.is_empty()))
        })
        .await
    }

    /// Begins a rehearsal of what a run held back, and of nothing else.
    pub async fn rehearse_held(&self, run: &str) -> Answer<String> {
        let record = self.state.migrations.files.read(run)?;
        let folder = self.state.migrations.files.folder(&record.id);
        let wanted = aside(move || Ok(engine::retry(&folder)?)).await?.ok_or_else(nothing_held)?;
        let choices = choices_view(&wanted);
        let late_commit = Duration::from_millis(record.late_commit_ms);
        self.begin_rehearsal([record.source, record.target], choices, Wanted::Chosen(wanted), late_commit)
            .await
    }

    /// Begins to plan again what a run whose journal is damaged still lacks. What that run left of its own in
    /// the target is tidied up first.
    pub async fn plan_run_again(&self, run: &str) -> Answer<String> {
        let RunRecord { id, source, target, late_commit_ms, .. } = self.state.migrations.files.read(run)?;
        if self.state.migrations.live(&id).is_some() {
            return Err(UiError::new(ErrorCode::InUse, "This run is under way"));
        }
        let (app, planned) = (self.clone(), id.clone());
        let plan = aside(move || app.state.migrations.files.plan(&planned)).await?;
        let choices = choices_view(&plan.header().choices);
        let folder = self.state.migrations.files.folder(&id);
        let late_commit = Duration::from_millis(late_commit_ms);
        self.begin_rehearsal([source, target], choices, Wanted::Rest(folder), late_commit).await
    }

    async fn begin_rehearsal(
        &self,
        sides: [Side; 2],
        choices: Choices,
        wanted: Wanted,
        late_commit: Duration,
    ) -> Answer<String> {
        let [source, target] = sides;
        let ports = (self.port(&source).await?, self.port(&target).await?);
        let names = (self.project_name(&source).await?, self.project_name(&target).await?);
        let (id, nonce) = fresh_id()?;
        let sides = [(source, names.0), (target, names.1)];
        let rehearsal = Arc::new(Rehearsal::new(id.clone(), sides, choices));
        self.state.migrations.keep(rehearsal.clone());
        let settings = Settings { locks: Some(self.state.locks.clone()), ..settings(late_commit) };
        let app = self.clone();
        on_its_own_thread(async move || app.rehearse(&rehearsal, ports, wanted, &settings, nonce).await);
        Ok(id)
    }

    async fn rehearse(
        &self,
        rehearsal: &Arc<Rehearsal>,
        (source, target): (Live, Live),
        wanted: Wanted,
        settings: &Settings,
        nonce: u64,
    ) {
        let clock = SystemClock::start();
        let progress = Progress::new(Figures::default());
        let (app, watched) = (self.clone(), rehearsal.clone());
        let telling = tokio::spawn(relay(progress.subscribe(), move |figures| {
            watched.progressed(figures);
            app.emit(Event::Rehearsal(Box::new(watched.view())));
        }));
        let begun = Instant::now();
        let env = Env { clock: &clock, nonce, progress: &progress, control: &rehearsal.control };
        let rehearsing = async {
            match &wanted {
                Wanted::Chosen(choices) => {
                    Ok((engine::rehearse(&source, &target, choices, settings, env).await?, None))
                }
                Wanted::Rest(folder) => {
                    let rebuilt = engine::rebuild(folder, &source, &target, settings, env).await?;
                    let Rebuilt { plan, tidied, switched_off } = rebuilt;
                    Ok((plan, Some(RebuiltView { tidied, switched_off })))
                }
            }
        };
        let outcome: Answer<(Plan, _)> = without_panic(rehearsing).await;
        rehearsal.progressed(progress.borrow().clone());
        drop(progress);
        rehearsal.ended(outcome, begun.elapsed());
        settle(telling).await;
        self.emit(Event::Rehearsal(Box::new(rehearsal.view())));
    }

    /// A rehearsal and how far it is.
    pub async fn rehearsal(&self, id: &str) -> Answer<RehearsalView> {
        let rehearsal = self.state.migrations.rehearsal(id)?;
        aside(move || Ok(rehearsal.view())).await
    }

    /// A page of the plan's items that have this verdict and match this text.
    pub async fn rehearsal_rows(
        &self,
        id: &str,
        verdict: Option<Verdict>,
        text: &str,
        page: u32,
    ) -> Answer<PlanPage> {
        let (rehearsal, text) = (self.state.migrations.rehearsal(id)?, text.to_owned());
        aside(move || rehearsal.rows(verdict, &text, page)).await
    }

    /// What the target lacks, by device and day.
    pub async fn rehearsal_strip(&self, id: &str) -> Answer<HoleStrip> {
        let rehearsal = self.state.migrations.rehearsal(id)?;
        aside(move || Ok(strip(&rehearsal.rehearsed()?.plan))).await
    }

    /// How long the run of a plan takes with this share of the target's limits.
    pub fn rehearsal_time(&self, id: &str, share: Whole) -> Answer<TimeNeeded> {
        let rehearsal = self.state.migrations.rehearsal(id)?;
        rehearsal.time_needed(&pace(share_chosen(Some(share))?))
    }

    /// Stops a rehearsal; nothing was written.
    pub fn cancel_rehearsal(&self, id: &str) -> Answer<()> {
        self.state.migrations.rehearsal(id)?.cancel();
        Ok(())
    }
}

pub(super) fn nothing_held() -> UiError {
    UiError::new(ErrorCode::Conflict, "Nothing was held back")
        .hint("To see what is still missing, rehearse again from “Migrate”.")
}

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tago_migrate::live::Live;
use tago_migrate::{
    self as engine, Control, Ending, Env, Figures, Progress, Proof, ProofChoice, ProofDepth, ProveError,
    Seal, Settings, SystemClock,
};
use tokio::runtime::Handle;

use super::App;
use super::sessions::PRACTICE;
use crate::error::{Answer, End, ErrorCode, UiError};
use crate::host::Event;
use crate::migration::{
    LiveRun, Rehearsal, RunRecord, fresh_id, idle_view, now, pace, relay, report_view, settings,
    share_chosen, summary,
};
use crate::view::{ProofDepthChoice, ReportView, RunState, RunSummary, RunView, Side, Whole};

/// How late after a request a target may still carry it out: the practice platform says so of itself,
/// elsewhere it is what a load balancer waits at most.
const LATE_ON_THIS_COMPUTER: Duration = Duration::from_secs(2);
const LATE_ELSEWHERE: Duration = Duration::from_secs(120);

/// What a task does with a run, and the source if it needs one: by the time that a run is taken back, that
/// may be gone.
enum Work {
    Begin(Arc<Rehearsal>, Live),
    GoOn(Live),
    Prove(Live, ProofChoice),
    Undo,
    /// Switches on again what a run that nobody will resume still holds, and lets rest what it has woken.
    Release,
}

impl App {
    /// Begins the run of the plan with this fingerprint, if the target's name was typed as it is.
    pub async fn start_run(
        &self,
        rehearsal: &str,
        fingerprint: &str,
        typed_name: &str,
        share: Option<Whole>,
    ) -> Answer<String> {
        let share = share_chosen(share)?;
        let rehearsal = self.state.migrations.rehearsal(rehearsal)?;
        let rehearsed = rehearsal.rehearsed()?;
        if typed_name != rehearsal.target_name {
            return Err(UiError::bad_input(format!(
                "Name: type the target's name as it is, “{}”; nothing was written",
                rehearsal.target_name
            )));
        }
        if Seal::from_text(fingerprint) != rehearsed.plan.fingerprint() {
            return Err(UiError::new(
                ErrorCode::PlanChanged,
                "What was confirmed is not this rehearsal's plan",
            )
            .hint("Look at the rehearsal again and confirm that one. Nothing was written."));
        }
        let source = self.port(&rehearsal.source).await?;
        let (id, _) = fresh_id()?;
        let record = RunRecord {
            id: id.clone(),
            source: rehearsal.source.clone(),
            target: rehearsal.target.clone(),
            source_name: rehearsal.source_name.clone(),
            target_name: rehearsal.target_name.clone(),
            begun_at: now(),
            late_commit_ms: u64::try_from(late_commit(&rehearsal.target).as_millis()).unwrap_or(u64::MAX),
            share,
            stopped: false,
            reason: None,
        };
        self.begin(record, Work::Begin(rehearsal, source)).await?;
        Ok(id)
    }

    /// Every run, newest first.
    pub async fn runs(&self) -> Answer<Vec<RunSummary>> {
        let app = self.clone();
        aside(move || {
            let migrations = &app.state.migrations;
            let told = |record: RunRecord| match migrations.live(&record.id) {
                Some(live) => live.summary(),
                None => {
                    let looked = migrations.files.look(&record);
                    let view = idle_view(&record, &looked, None, false);
                    RunSummary { only_counted: looked.is_only_counted(), ..summary(&view) }
                }
            };
            Ok(migrations.files.all().into_iter().map(told).collect())
        })
        .await
    }

    /// A run and how far it is.
    pub async fn run(&self, id: &str) -> Answer<RunView> {
        if let Some(live) = self.state.migrations.live(id) {
            return Ok(live.view());
        }
        let record = self.state.migrations.files.read(id)?;
        let exists = self.restored_project_exists(&record.source).await;
        let app = self.clone();
        aside(move || {
            let files = &app.state.migrations.files;
            let plan = files.plan(&record.id).ok();
            Ok(idle_view(&record, &files.look(&record), plan.as_ref(), exists))
        })
        .await
    }

    /// Lets the batches that are on their way arrive, and then sends no more.
    pub fn pause_run(&self, id: &str) -> Answer<()> {
        let live = self.state.migrations.live(id).ok_or_else(not_under_way)?;
        live.control.pause();
        self.emit(Event::Run(Box::new(live.view())));
        Ok(())
    }

    /// Goes on with a run that was paused, stopped or interrupted.
    pub async fn resume_run(&self, id: &str) -> Answer<()> {
        if let Some(live) = self.state.migrations.live(id) {
            live.control.resume();
            self.emit(Event::Run(Box::new(live.view())));
            return Ok(());
        }
        let record = self.state.migrations.files.read(id)?;
        let source = self.port(&record.source).await.map_err(|error| error.about(End::Source))?;
        self.again(record, Work::GoOn(source)).await
    }

    /// Ends a run where it is; what was written stays, and what it has switched is switched back.
    pub async fn stop_run(&self, id: &str) -> Answer<()> {
        if let Some(live) = self.state.migrations.live(id) {
            live.control.stop();
            return Ok(());
        }
        let mut record = self.state.migrations.files.read(id)?;
        let (app, looked) = (self.clone(), record.clone());
        if aside(move || Ok(app.state.migrations.files.look(&looked).holds_something())).await? {
            return self.again(record, Work::Release).await;
        }
        record.stopped = true;
        self.state.migrations.files.write(&record)?;
        let view = self.run(id).await?;
        self.emit(Event::Run(Box::new(view)));
        Ok(())
    }

    /// Takes a run back, wherever nobody changed anything since; the source is not needed for it.
    pub async fn undo_run(&self, id: &str) -> Answer<()> {
        let record = self.state.migrations.files.read(id)?;
        self.again(record, Work::Undo).await
    }

    /// Switches on again what a run still holds, and lets the devices rest that it has woken, for one that nobody
    /// will go on with.
    pub async fn release_run(&self, id: &str) -> Answer<()> {
        let record = self.state.migrations.files.read(id)?;
        self.again(record, Work::Release).await
    }

    /// Ends for good a run whose target does not exist any more. Nothing is sent, and nobody resumes it.
    pub async fn give_up_run(&self, id: &str) -> Answer<()> {
        if self.state.migrations.live(id).is_some() {
            return Err(UiError::new(ErrorCode::InUse, "The run is still under way").hint("Stop it first."));
        }
        let mut record = self.state.migrations.files.read(id)?;
        let (_, nonce) = fresh_id()?;
        let folder = self.state.migrations.files.folder(id);
        aside(move || {
            let (clock, control) = (SystemClock::start(), Control::new());
            let progress = Progress::new(Figures::default());
            let env = Env { clock: &clock, nonce, progress: &progress, control: &control };
            engine::give_up(&folder, env)?;
            Ok(engine::report(&folder, now())?)
        })
        .await?;
        (record.stopped, record.reason) = (true, None);
        self.state.migrations.files.write(&record)?;
        let view = self.run(id).await?;
        self.emit(Event::Run(Box::new(view)));
        Ok(())
    }

    /// Compares source and target again; `afresh`, also what an interrupted proof has proven.
    pub async fn prove_run(&self, id: &str, depth: ProofDepthChoice, afresh: bool) -> Answer<()> {
        if self.state.migrations.live(id).is_some() {
            return Err(UiError::new(ErrorCode::InUse, "The run is still under way")
                .hint("It is proven by itself when it has ended."));
        }
        let record = self.state.migrations.files.read(id)?;
        let source = self.port(&record.source).await?;
        self.again(record, Work::Prove(source, ProofChoice { depth: depth_of(depth), afresh })).await
    }

    /// Ends a proof where it is; what it has compared stays. What is no proof, or over, is left alone.
    pub fn stop_proof(&self, id: &str) {
        let live = self.state.migrations.live(id);
        if let Some(live) = live.filter(|live| live.view().state == RunState::Proving) {
            live.control.stop();
        }
    }

    /// What a run did, and what is left to do.
    pub async fn report(&self, id: &str) -> Answer<ReportView> {
        let (app, id) = (self.clone(), id.to_owned());
        aside(move || {
            let files = &app.state.migrations.files;
            let record = files.read(&id)?;
            Ok(report_view(&record.id, engine::report(&files.folder(&record.id), now())?))
        })
        .await
    }

    /// Opens the printable report with the system's viewer.
    pub async fn open_report(&self, id: &str) -> Answer<()> {
        let report = self.report(id).await?;
        self.open_file(&report.html_path)
    }

    pub(super) fn open_file(&self, path: &str) -> Answer<()> {
        self.state.host.open(path.as_ref()).map_err(|error| {
            UiError::new(ErrorCode::Internal, format!("The report could not be opened ({error})"))
                .hint(format!("It is the file {path}; open it with a browser."))
        })
    }

    async fn again(&self, mut record: RunRecord, work: Work) -> Answer<()> {
        // Whoever proves a stopped run, or takes it back, does not go on with it.
        record.stopped &= !matches!(work, Work::GoOn(_));
        record.reason = None;
        self.begin(record, work).await
    }

    async fn begin(&self, record: RunRecord, work: Work) -> Answer<()> {
        let target = self.port(&record.target).await.map_err(|error| error.about(End::Target))?;
        let (_, nonce) = fresh_id()?;
        let exists = self.restored_project_exists(&record.source).await;
        let run = Arc::new(LiveRun::new(record, matches!(work, Work::Undo), exists));
        self.state.migrations.begin(&run)?;
        if let Err(error) = self.state.migrations.files.write(&run.record) {
            self.state.migrations.end(&run.record.id);
            return Err(error);
        }
        let app = self.clone();
        on_its_own_thread(async move || app.carry_out(&run, work, &target, nonce).await);
        Ok(())
    }

    async fn carry_out(&self, run: &Arc<LiveRun>, work: Work, target: &Live, nonce: u64) {
        let clock = SystemClock::start();
        let progress = Progress::new(Figures::default());
        let (app, watched) = (self.clone(), run.clone());
        let telling = tokio::spawn(relay(progress.subscribe(), move |figures| {
            watched.progressed(figures, &app.state.migrations.files);
            app.emit(Event::Run(Box::new(watched.view())));
        }));
        let env = Env { clock: &clock, nonce, progress: &progress, control: &run.control };
        let outcome = without_panic(self.work(run, work, target, env)).await;
        drop(progress);
        settle(telling).await;
        let mut record = run.record.clone();
        match outcome {
            Ok(Ending::Finished) => {}
            Ok(Ending::Stopped) => record.stopped = !run.is_closing(),
            Ok(Ending::Halted(halt)) => record.reason = Some(halt.into()),
            Err(error) => record.reason = Some(error),
        }
        if let Err(error) = self.state.migrations.files.write(&record) {
            tracing::error!(error.message, "the end of a run was not written");
        }
        self.state.migrations.end(&record.id);
        run.say_over();
        match self.run(&record.id).await {
            Ok(view) => self.emit(Event::Run(Box::new(view))),
            Err(error) => tracing::error!(error.message, "the end of a run was not told"),
        }
    }

    async fn work(&self, run: &LiveRun, work: Work, target: &Live, env: Env<'_>) -> Answer<Ending> {
        let folder = self.state.migrations.files.folder(&run.record.id);
        let late_commit = Duration::from_millis(run.record.late_commit_ms);
        let locks = Some(self.state.locks.clone());
        let settings = Settings { locks, pace: pace(run.record.share), ..settings(late_commit) };
        let (ending, source) = match work {
            Work::Begin(rehearsal, source) => {
                let plan = &rehearsal.rehearsed()?.plan;
                let approved = plan.fingerprint();
                (engine::run(plan, &approved, &folder, &source, target, &settings, env).await?, source)
            }
            Work::GoOn(source) => (engine::resume(&folder, &source, target, &settings, env).await?, source),
            Work::Prove(source, choice) => {
                unless_stopped(engine::prove_as(&folder, choice, &source, target, &settings, env).await)?;
                aside(move || Ok(engine::report(&folder, now())?)).await?;
                return Ok(Ending::Finished);
            }
            Work::Release => return Ok(engine::release(&folder, target, &settings, env).await?),
            Work::Undo => return Ok(engine::undo(&folder, target, &settings, env).await?.0),
        };
        if ending == Ending::Finished {
            unless_stopped(engine::prove(&folder, &source, target, &settings, env).await)?;
            aside(move || Ok(engine::report(&folder, now())?)).await?;
        }
        Ok(ending)
    }

    async fn restored_project_exists(&self, source: &Side) -> bool {
        let projects = self.projects(&source.connection).await.unwrap_or_default();
        projects.iter().any(|project| project.id == source.project && project.restored_from.is_some())
    }
}

/// That a proof was stopped is no failure: what it has compared is kept, and the next one goes on there.
fn unless_stopped(proof: Result<Proof, ProveError>) -> Answer<()> {
    match proof {
        Ok(_) | Err(ProveError::Stopped) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn depth_of(choice: ProofDepthChoice) -> ProofDepth {
    match choice {
        ProofDepthChoice::Counts => ProofDepth::Counts,
        ProofDepthChoice::Content => ProofDepth::Content,
        ProofDepthChoice::Records => ProofDepth::Records,
    }
}

pub(super) fn late_commit(target: &Side) -> Duration {
    if target.connection == PRACTICE { LATE_ON_THIS_COMPUTER } else { LATE_ELSEWHERE }
}

pub(super) fn not_under_way() -> UiError {
    UiError::new(ErrorCode::Conflict, "This run is not under way").hint("Choose “Resume” to go on with it.")
}

/// What reads files or counts through a plan keeps no other task waiting.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(UiError::internal(format!("A task ended early: {error}"))),
    }
}

/// Comparing millions of records is work for a processor: it keeps no other task waiting.
pub(super) fn on_its_own_thread(work: impl AsyncFnOnce() + Send + 'static) {
    let runtime = Handle::current();
    drop(tokio::task::spawn_blocking(move || runtime.block_on(work())));
}

/// The same, for whoever waits for the answer.
pub(super) async fn on_its_own_thread_for<T: Send + 'static>(
    work: impl AsyncFnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let runtime = Handle::current();
    aside(move || runtime.block_on(work())).await
}

/// A defect ends its own operation, is told, and leaves the window alone.
pub(super) async fn without_panic<T>(work: impl Future<Output = Answer<T>>) -> Answer<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(said, "an operation panicked");
        Err(UiError::internal(format!("The operation ended in a way that it should not ({said})")))
    })
}

pub(super) async fn settle(telling: tokio::task::JoinHandle<()>) {
    if let Err(error) = telling.await {
        tracing::error!(%error, "the window was not told of all progress");
    }
}

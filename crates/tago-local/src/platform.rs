//! The platform behind the console: projects that run, their backups, restores and costs.

mod backups;
mod bad_day;
mod bills;
mod main_database;
mod money;
mod refusal;
mod restore;
mod schedule;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tago_api::{ProjectId, Time};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub(crate) use backups::{BACKUPS_KEPT, expiries};
pub(crate) use money::VERSIONS;
pub use refusal::Failure;
pub(crate) use refusal::Refusal;
pub(crate) use restore::RestoreOrder;
pub(crate) use schedule::{DailyTime, runs_after};

use crate::clock::{Clock, SimulatedClock};
use crate::files;
use crate::holds::{Holds, Point};
use crate::loopback::{self, Listeners};
use crate::prices::PriceFile;
use crate::project::{self, Instance, Owner, Project};
use crate::random::Random;
use crate::registry::{
    Account, DeploymentKind, Event, MainDatabase, ProjectRow, ProjectStatus, Registry, Schedule,
};

/// Everything that the console, the schedule and the knobs act on.
///
/// Its methods block: they belong on a blocking thread.
pub(crate) struct Platform {
    pub(crate) registry: Registry,
    pub(crate) prices: PriceFile,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<Random>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) shared: project::Shared,
    pub(crate) truths: Mutex<Truths>,
    /// Told whenever a deployment's log or state changed.
    pub(crate) deployments_changed: watch::Sender<()>,
    /// Whoever waits for something stops waiting when this is true.
    pub(crate) stopping: watch::Sender<bool>,
    schedules_changed: Notify,
    running_schedules: Mutex<()>,
    simulated: Option<Arc<SimulatedClock>>,
    data: PathBuf,
    listeners: Arc<dyn Listeners>,
    runtime: tokio::runtime::Handle,
    instances: Mutex<HashMap<ProjectId, Running>>,
    restores: Mutex<Vec<JoinHandle<()>>>,
    /// Locked as long as this platform lives: two in one directory would ruin it.
    _lock: File,
}

/// What nobody outside TagoIO knows about a restore; tests try both answers.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Truths {
    pub(crate) restore_keeps_resource_ids: bool,
    pub(crate) restore_keeps_tokens: bool,
    pub(crate) automations_held: bool,
}

impl Default for Truths {
    fn default() -> Truths {
        Truths { restore_keeps_resource_ids: true, restore_keeps_tokens: false, automations_held: true }
    }
}

/// What the platform is made of.
pub(crate) struct Parts {
    pub(crate) data: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    /// The same clock, if it can be moved.
    pub(crate) simulated: Option<Arc<SimulatedClock>>,
    pub(crate) random: Arc<Random>,
    pub(crate) listeners: Arc<dyn Listeners>,
}

/// A project that answers at its own address.
struct Running {
    project: Project,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    /// Held while a snapshot of the project is taken.
    snapshot: Arc<Mutex<()>>,
}

impl Platform {
    /// Opens what is in the data directory, ends what was interrupted, and starts every project.
    pub(crate) fn open(parts: Parts, runtime: tokio::runtime::Handle) -> Result<Arc<Platform>, Failure> {
        let Parts { data, clock, simulated, random, listeners } = parts;
        for folder in [data.clone(), data.join(PROJECTS), data.join(BACKUPS)] {
            files::create_private_dir(&folder).map_err(Failure::file(&folder))?;
        }
        let lock = lock(&data.join("platform.lock"))?;
        let holds = Arc::<Holds>::default();
        let shared = project::Shared {
            clock: clock.clone(),
            random: random.clone(),
            faults: Arc::default(),
            rates: Arc::default(),
            requests: Arc::default(),
            hashing: project::HashingCost::default(),
            holds: holds.clone(),
        };
        let platform = Arc::new(Platform {
            registry: Registry::open(&data.join("registry.sqlite"))?,
            prices: PriceFile::open(data.join("prices.json"))?,
            clock,
            random,
            holds,
            shared,
            truths: Mutex::default(),
            deployments_changed: watch::Sender::new(()),
            stopping: watch::Sender::new(false),
            schedules_changed: Notify::new(),
            running_schedules: Mutex::default(),
            simulated,
            data,
            listeners,
            runtime,
            instances: Mutex::default(),
            restores: Mutex::default(),
            _lock: lock,
        });
        platform.end_interrupted_work()?;
        for row in platform.registry.projects()? {
            if row.status == ProjectStatus::Active {
                platform.plan_backups(row.id)?;
                let opened = Project::open(&platform.project_dir(row.id), platform.shared.clone());
                // One that does not open must not keep its owner from its backups, or from the other projects.
                match opened.map_err(Failure::from).and_then(|project| platform.start(project, row.port)) {
                    Ok(_) => {}
                    Err(error) => tracing::error!(project = %row.id, %error, "a project does not start"),
                }
            }
        }
        Ok(platform)
    }

    /// Makes an empty project, which costs what the price book says.
    pub(crate) fn create_project(
        &self,
        owner: &Account,
        name: &str,
        region: &str,
        version: &str,
    ) -> Result<ProjectRow, Refusal> {
        let now = self.clock.now();
        let price = self.price(region, MainDatabase::default(), 0)?;
        let row = ProjectRow {
            id: ProjectId::from_bytes(self.random.id_bytes(now)),
            name: valid_name(name)?,
            owner: owner.id,
            region: region.to_owned(),
            version: self.valid_version(version, None)?,
            profile: None,
            port: None,
            status: ProjectStatus::Active,
            created_at: now,
            deleted_at: None,
            restored_from: None,
            main_database: MainDatabase::default(),
            creation_fee_micros: price.creation_fee_micros,
            per_hour_micros: price.per_hour_micros,
        };
        let folder = self.project_dir(row.id);
        let owner = Owner { id: owner.id, name: owner.name.clone(), email: owner.email.clone() };
        let instance = Instance { id: row.id, name: row.name.clone(), profile: None, owner };
        let project = Project::create(&files::unfinished(&folder), instance, self.shared.clone())?;
        project.close();
        files::publish(&folder).map_err(Failure::file(&folder))?;
        let (event, sentence) = (Event::Started, format!("A new project of version {version} in {region}."));
        let (ending, done) =
            (Event::Finished, "The new project is ready. It costs money until it is deleted.".to_owned());
        let deployment = self.finished_deployment(row.id, DeploymentKind::Install);
        let price = serde_json::to_string(&price)?;
        self.registry.add_project(&row, &price, &deployment, &[(event, sentence), (ending, done)])?;
        self.start(Project::open(&folder, self.shared.clone())?, None)?;
        self.plan_backups(row.id)?;
        Ok(row)
    }

    /// Ends a project: its meter, its API, its data and its backups.
    pub(crate) fn delete_project(&self, row: &ProjectRow, typed_name: &str) -> Result<(), Refusal> {
        if typed_name != row.name {
            return Err(Refusal::BadInput(format!(
                "name: type the project's name, {:?}, to delete it. Nothing was deleted.",
                row.name
            )));
        }
        if row.status == ProjectStatus::Deploying {
            return Err(Refusal::Busy("The project is being made. Wait for its deployment to end.".into()));
        }
        if self.registry.is_restored_from(row.id)? {
            return Err(Refusal::Busy(
                "A backup of this project is being restored. Wait for that deployment to end.".into(),
            ));
        }
        self.registry.delete_project(row.id, self.clock.now())?;
        self.holds.pass(Point::DeleteRecorded);
        self.stop(row.id);
        self.remove_files_of(row.id)?;
        Ok(())
    }

    /// Ends every wait for something that may never happen, so that nobody waits for those who wait.
    pub(crate) fn end_waits(&self) {
        self.stopping.send_replace(true);
        self.holds.end();
    }

    /// Waits for restores, then stops every project; nothing is written afterwards.
    pub(crate) fn close(&self) {
        self.end_waits();
        for restore in std::mem::take(&mut *self.restores.lock().unwrap_or_else(PoisonError::into_inner)) {
            // A restore that failed is on record.
            let _ = self.runtime.block_on(restore);
        }
        let _schedules_rest = self.running_schedules.lock().unwrap_or_else(PoisonError::into_inner);
        let running: Vec<ProjectId> = self.instances().keys().copied().collect();
        for project in running {
            self.stop(project);
        }
    }

    /// The project, if it runs.
    pub(crate) fn project(&self, id: ProjectId) -> Result<Project, Failure> {
        self.instances().get(&id).map(|running| running.project.clone()).ok_or(Failure::NotRunning(id))
    }

    /// The project, or why it cannot be used now.
    pub(crate) fn running(&self, row: &ProjectRow) -> Result<Project, Refusal> {
        self.project(row.id).map_err(|_| match row.status {
            ProjectStatus::Deploying => {
                Refusal::Busy("The project is being made. Wait for its deployment to end.".into())
            }
            ProjectStatus::Failed => Refusal::Conflict(
                "The project could not be made. Delete it, and start the restore again.".into(),
            ),
            ProjectStatus::Active => Refusal::Conflict(
                "The project's database does not open. Restore one of its backups as a new project.".into(),
            ),
        })
    }

    /// Where a project's API is, if it runs.
    pub(crate) fn address(&self, id: ProjectId) -> Option<SocketAddr> {
        self.instances().get(&id).map(|running| running.address)
    }

    /// Waits for asynchronous work of a project, from a blocking thread.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Makes it `now`, with every daily backup that was due on the way.
    pub(crate) fn set_clock(&self, now: Time) -> Result<(), Refusal> {
        let Some(clock) = &self.simulated else {
            return Err(Refusal::Conflict("This platform follows the computer's clock.".into()));
        };
        let _alone = self.running_schedules.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(schedule) = self.registry.next_schedule()?.filter(|next| next.next_run_at <= now) {
            clock.set(schedule.next_run_at.max(clock.now()));
            self.run_daily_backup(&schedule)?;
        }
        clock.set(now);
        self.schedules_changed.notify_one();
        Ok(())
    }

    pub(crate) fn truths(&self) -> Truths {
        *self.truths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn project_dir(&self, project: ProjectId) -> PathBuf {
        self.data.join(PROJECTS).join(project.to_string())
    }

    /// Gives a project the default schedule unless it has one.
    fn plan_backups(&self, project: ProjectId) -> Result<(), Failure> {
        if self.registry.schedule(project)?.is_some() {
            return Ok(());
        }
        let daily = DailyTime::default();
        self.change_schedule(&Schedule {
            project,
            daily_minute: daily.minute(),
            retention_days: schedule::DEFAULT_RETENTION_DAYS,
            next_run_at: daily.next_after(self.clock.now()),
        })
    }

    /// Lets a project answer at its port, or at another if that is taken.
    fn start(&self, project: Project, port: Option<u16>) -> Result<SocketAddr, Failure> {
        let listener = loopback::bind_again(&*self.listeners, port).map_err(Failure::Listen)?;
        let address = listener.local_addr().map_err(Failure::Listen)?;
        // A port that is taken now stays the project's: the next start tries it again.
        self.registry.project_answers(project.id(), project.profile(), port.unwrap_or(address.port()))?;
        let router = loopback::guarded(project.router(), address);
        let (stop, mut stopped) = watch::channel(false);
        let _runtime = self.runtime.enter();
        let listener = loopback::into_async(listener).map_err(Failure::Listen)?;
        let server = self.runtime.spawn(project::serve(listener, router, async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        }));
        let id = project.id();
        let running = Running { project, address, stop, server, snapshot: Arc::default() };
        self.instances().insert(id, running);
        Ok(address)
    }

    fn stop(&self, project: ProjectId) {
        let Some(running) = self.instances().remove(&project) else { return };
        running.stop.send_replace(true);
        // A server that failed has stopped too.
        let _ = self.runtime.block_on(running.server);
        running.project.close();
    }

    fn remove_files_of(&self, project: ProjectId) -> Result<(), Failure> {
        let folder = self.project_dir(project);
        for folder in [files::unfinished(&folder), folder, self.backup_dir(project)] {
            files::remove_dir(&folder).map_err(Failure::file(&folder))?;
        }
        Ok(())
    }

    /// Sweeps what a crash left behind, before anything runs.
    fn end_interrupted_work(&self) -> Result<(), Failure> {
        self.fail_interrupted_restores()?;
        self.registry.fail_interrupted_backups(self.clock.now())?;
        let projects = self.registry.projects()?;
        let belongs = |path: &Path| {
            projects.iter().any(|row| {
                row.status == ProjectStatus::Active
                    && path.file_name().is_some_and(|name| *name == *row.id.to_string())
            })
        };
        for path in entries(&self.data.join(PROJECTS))? {
            if !belongs(&path) {
                files::remove_dir(&path).map_err(Failure::file(&path))?;
            }
        }
        self.sweep_backups()?;
        projects.iter().try_for_each(|row| self.prune_surplus(row.id))
    }

    fn instances(&self) -> MutexGuard<'_, HashMap<ProjectId, Running>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A project's name as it is kept: 1 to 100 characters, no blanks around them.
pub(crate) fn valid_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=100).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Refusal::BadInput(format!(
        "name: a project's name has 1 to 100 characters in one line, this one has {length}."
    )))
}

const PROJECTS: &str = "projects";
const BACKUPS: &str = "backups";

/// Claims the data directory for this process.
fn lock(path: &Path) -> Result<File, Failure> {
    let file = File::create(path).map_err(Failure::file(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Failure::File { path: path.to_owned(), source }),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listed = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
    });
    listed.map_err(Failure::file(folder))
}

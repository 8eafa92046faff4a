//! A migration in a process of its own, so that its memory is nobody else's.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tago_api::DeviceId;
use tago_migrate::live::Live;
use tago_migrate::{
    Choices, Control, Ending, Env, Figures, Item, Pace, Phase, Plan, Progress, Reversal, Reversed, Settings,
    SystemClock, prove, rehearse, resume, run, undo,
};

use super::half::{Half, Stopwatch};
use super::platform::{Platform, Project, api};

/// What another process is to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) folder: PathBuf,
    batch_bytes: usize,
    deed: Deed,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Deed {
    /// Rehearsal, run and proof.
    Whole,
    /// Rehearsal, and a run that ends once its journal has so many rows.
    Interrupted(u64),
    /// Goes on with a run that is there.
    Resume,
    /// Takes a run back.
    Undo,
}

/// What it came to.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// That the run moved, or the undo removed.
    pub(crate) records: u64,
    pub(crate) rehearsed: Half,
    pub(crate) migrated: Half,
    pub(crate) proven: Half,
    pub(crate) undone: Half,
    /// The sum over devices of the fewest bodies that hold their records.
    pub(crate) least_posts: u64,
    /// The most memory that was resident at once.
    pub(crate) peak_bytes: f64,
}

#[derive(Deserialize)]
struct Access {
    address: String,
    token: SecretString,
}

#[derive(Deserialize)]
struct Job {
    source: Access,
    target: Access,
    order: Order,
    /// Processes that work for it.
    platform: [u32; 2],
}

/// The bodies that the least is counted in.
const FULL: usize = 190_000;
/// What the practice platform declares.
const LATE_COMMIT_BOUND: Duration = Duration::from_secs(2);
/// Two records and no more.
const TINY: usize = 300;

impl Order {
    pub(crate) fn whole(folder: PathBuf) -> Order {
        Order { folder, batch_bytes: FULL, deed: Deed::Whole }
    }

    /// Small batches, so that a long journal does not take long to make.
    pub(crate) fn interrupted(folder: PathBuf, rows: u64) -> Order {
        Order { folder, batch_bytes: TINY, deed: Deed::Interrupted(rows) }
    }

    pub(crate) async fn measure(&self, platform: &Platform, source: &Project, target: &Project) -> Measured {
        let mut process = self.start(platform, source, target);
        let told = process.0.stdout.take().unwrap();
        tokio::task::spawn_blocking(|| serde_json::from_reader(told).unwrap()).await.unwrap()
    }

    /// Goes on with it. The process ends with what is returned.
    pub(crate) fn resume(&self, platform: &Platform, source: &Project, target: &Project) -> Process {
        Order { deed: Deed::Resume, ..self.clone() }.start(platform, source, target)
    }

    /// Takes it back; the source is not asked for anything.
    pub(crate) async fn undo(&self, platform: &Platform, target: &Project) -> Measured {
        Order { deed: Deed::Undo, ..self.clone() }.measure(platform, target, target).await
    }

    fn start(&self, platform: &Platform, source: &Project, target: &Project) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("migrate").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let processes = [platform.process(), std::process::id()];
        let job = json!({
            "source": source.access(), "target": target.access(), "order": self, "platform": processes,
        });
        writeln!(child.stdin.take().unwrap(), "{job}").unwrap();
        Process(child)
    }
}

pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The other process, with as many threads as `holdfastctl` has.
pub(crate) fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let job: Job = serde_json::from_str(&std::io::stdin().lines().next().unwrap().unwrap()).unwrap();
    let measured = runtime.block_on(carry_out(job));
    println!("{}", serde_json::to_string(&measured).unwrap());
}

async fn carry_out(Job { source, target, order, platform }: Job) -> Measured {
    let (from, to) =
        (Live::new(api(&source.address, &source.token)), Live::new(api(&target.address, &target.token)));
    let (clock, control, progress) =
        (SystemClock::start(), Control::new(), Progress::new(Figures::default()));
    let env = Env { clock: &clock, nonce: 1, progress: &progress, control: &control };
    // As many requests as there are: what is measured is the engine.
    let most = 10_000_000;
    let pace = Pace {
        reads: most,
        writes: most,
        lookups: most,
        edits: most,
        removals: most,
        files: most,
        share: Some(1.0),
    };
    let settings = Settings {
        late_commit_bound: LATE_COMMIT_BOUND,
        batch_bytes: order.batch_bytes,
        pace,
        ..Settings::default()
    };
    let mut measured = Measured::default();
    match order.deed {
        Deed::Resume => {
            resume(&order.folder, &from, &to, &settings, env).await.unwrap();
            return measured;
        }
        Deed::Undo => {
            let watch = Stopwatch::start(&platform);
            let (ending, undone) = undo(&order.folder, &to, &settings, env).await.unwrap();
            measured.undone = watch.stop();
            assert!(ending == Ending::Finished && undone.complete);
            measured.records = undone.reversed.iter().map(removed).sum();
            measured.peak_bytes = peak_bytes();
            return measured;
        }
        Deed::Whole | Deed::Interrupted(_) => {}
    }
    let watch = Stopwatch::start(&platform);
    let plan = rehearse(&from, &to, &Choices::default(), &settings, env).await.unwrap();
    measured.rehearsed = watch.stop();
    // A run of a plan as young as this would wait for what an abandoned one may have sent.
    let rehearsed = Duration::from_secs_f64(measured.rehearsed.seconds);
    tokio::time::sleep(settings.late_commit_bound.saturating_sub(rehearsed)).await;
    let watch = Stopwatch::start(&platform);
    let approved = plan.fingerprint();
    let running = run(&plan, &approved, &order.folder, &from, &to, &settings, env);
    if let Deed::Interrupted(rows) = order.deed {
        let stopping = stop_at(rows, &order, &progress, &control);
        let ending = futures_util::future::join(running, stopping).await.0.unwrap();
        assert_eq!(ending, Ending::Stopped);
        return measured;
    }
    assert_eq!(running.await.unwrap(), Ending::Finished);
    measured.migrated = watch.stop();
    measured.records = plan.summary().records_missing;
    measured.least_posts = least_posts(&plan);
    // The proof reads its own.
    drop(plan);
    let watch = Stopwatch::start(&platform);
    assert!(prove(&order.folder, &from, &to, &settings, env).await.unwrap().green);
    measured.proven = watch.stop();
    measured.peak_bytes = peak_bytes();
    measured
}

fn removed(reversed: &Reversed) -> u64 {
    match reversed.what {
        Reversal::Records(records) => records,
        Reversal::Deleted | Reversal::Restored | Reversal::WrittenBack(_) => 0,
    }
}

/// Every batch has two rows and two records.
async fn stop_at(rows: u64, order: &Order, progress: &Progress, control: &Control) {
    assert_eq!(order.batch_bytes, TINY);
    let mut figures = progress.subscribe();
    let is_there = |figures: &Figures| figures.phase == Phase::Records && figures.records_done >= rows;
    figures.wait_for(is_there).await.unwrap();
    control.stop();
}

fn least_posts(plan: &Plan) -> u64 {
    let mut devices: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for item in plan.items() {
        if let Item::Data(data) = item {
            *devices.entry(data.device).or_default() += data.bytes;
        }
    }
    devices.values().map(|bytes| bytes.div_ceil(FULL as u64)).sum()
}

fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

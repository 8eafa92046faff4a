//! One half of a comparison: how long it took, and who had the processors meanwhile. Two halves say something
//! about each other only if both had as much of the machine.

use std::ops::AddAssign;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// What something took, in seconds: by the clock, of the processors, and of the processors for everybody else.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Half {
    pub(crate) seconds: f64,
    pub(crate) ours: f64,
    pub(crate) others: f64,
}

impl Half {
    /// The share of the processors that went to programs that are not measured.
    pub(crate) fn disturbed(&self) -> f64 {
        self.others / (self.seconds * cores())
    }

    /// How many processors the measured programs had.
    pub(crate) fn processors(&self) -> f64 {
        self.ours / self.seconds
    }

    /// How many all others had.
    pub(crate) fn of_others(&self) -> f64 {
        self.others / self.seconds
    }
}

impl AddAssign for Half {
    fn add_assign(&mut self, other: Half) {
        self.seconds += other.seconds;
        self.ours += other.ours;
        self.others += other.others;
    }
}

/// Runs from its making on.
pub(crate) struct Stopwatch<'a> {
    begun: Instant,
    busy: f64,
    ours: f64,
    measured: &'a [u32],
}

impl Stopwatch<'_> {
    /// Beside this process, these are what is measured.
    pub(crate) fn start(measured: &[u32]) -> Stopwatch<'_> {
        Stopwatch { begun: Instant::now(), busy: busy(), ours: used(measured), measured }
    }

    pub(crate) fn stop(self) -> Half {
        let seconds = self.begun.elapsed().as_secs_f64();
        let (busy, ours) = (busy() - self.busy, used(self.measured) - self.ours);
        Half { seconds, ours, others: (busy - ours).max(0.0) }
    }
}

/// In which Linux tells programs the time that they used.
const TICK: f64 = 0.01;

/// Seconds of all processors that were not idle: the whole but idling and waiting for disks.
fn busy() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let of_all = stat.lines().next().unwrap().split_whitespace().skip(1);
    let ticks: Vec<f64> = of_all.map(|ticks| ticks.parse().unwrap()).collect();
    let [user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen, ..] = ticks[..] else {
        panic!("/proc/stat has other columns");
    };
    (user + nice + system + interrupts + soft_interrupts + stolen) * TICK
}

/// Seconds of processors that this process and the measured ones have used.
fn used(measured: &[u32]) -> f64 {
    measured.iter().copied().chain([std::process::id()]).map(used_by).sum()
}

fn used_by(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the name, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = |place: usize| fields.split_whitespace().nth(place).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) * TICK
}

fn cores() -> f64 {
    std::thread::available_parallelism().unwrap().get() as f64
}

//! The processes of one home: whatever was started for it, also when its parent is gone.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::window::Home;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pid: i32,
    arguments: String,
}

/// The app with the window.
pub fn app(home: &Home) -> Process {
    only(home, |process| is_holdfast(process) && !is_platform(process))
}

/// The practice platform, which the app has started.
pub fn platform(home: &Home) -> Process {
    only(home, is_platform)
}

/// `kill -9`.
pub fn kill(process: &Process) {
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
}

/// Waits until a process has ended by itself, and tells how long that took.
pub async fn see_end(process: &Process, patience: Duration) -> Duration {
    let begun = Instant::now();
    while look(process.pid).as_ref() == Some(process) {
        assert!(begun.elapsed() < patience, "{process:?} still runs after {patience:?}");
        sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

/// Waits until nothing of this home runs any more.
pub async fn see_none(home: &Home, patience: Duration) {
    let until = Instant::now() + patience;
    loop {
        let left = of(home);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "still running: {left:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn is_holdfast(process: &Process) -> bool {
    process.arguments.starts_with(env!("CARGO_BIN_EXE_holdfast"))
}

fn is_platform(process: &Process) -> bool {
    is_holdfast(process) && process.arguments.contains(" practice-platform ")
}

fn only(home: &Home, wanted: impl Fn(&Process) -> bool) -> Process {
    let mut found: Vec<Process> = of(home).into_iter().filter(wanted).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn of(home: &Home) -> Vec<Process> {
    let variable = format!("HOME={}", home.folder().display());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_ours = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    pids.filter(is_ours).filter_map(look).collect()
}

/// A process that runs; one that has ended and was not yet waited for does not.
fn look(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name stands in brackets and may hold anything.
    let state = stat.rsplit_once(')')?.1.split_whitespace().next()?.to_owned();
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    (state != "Z").then_some(Process { pid, arguments })
}

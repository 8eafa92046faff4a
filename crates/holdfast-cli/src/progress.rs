use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tago_migrate::{Control, Env, Figures, Phase, Progress, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::show::count;

/// What the engine is given besides the two projects: time, randomness, a place for its figures, and
/// the owner's hand, which here is Ctrl-C.
pub(crate) struct Surroundings {
    clock: SystemClock,
    nonce: u64,
    figures: Progress,
    control: Control,
    tasks: Vec<JoinHandle<()>>,
}

impl Surroundings {
    pub(crate) fn new() -> Result<Surroundings, Failure> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)?;
        let figures = Progress::new(Figures::default());
        let control = Control::new();
        let mut tasks = vec![tokio::spawn(stop_on_signal(control.clone()))];
        if io::stderr().is_terminal() {
            tasks.push(tokio::spawn(follow(figures.subscribe())));
        }
        Ok(Surroundings {
            clock: SystemClock::start(),
            nonce: u64::from_le_bytes(nonce),
            figures,
            control,
            tasks,
        })
    }

    pub(crate) fn env(&self) -> Env<'_> {
        Env { clock: &self.clock, nonce: self.nonce, progress: &self.figures, control: &self.control }
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// The first signal lets what is under way finish; the second ends the program, which is safe as well.
async fn stop_on_signal(control: Control) {
    interrupted().await;
    control.stop();
    let _ = writeln!(io::stderr(), "\nFinishing what is under way; press Ctrl-C again to end at once.");
    interrupted().await;
    std::process::exit(crate::failure::HALF_WAY.into());
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

async fn follow(mut figures: watch::Receiver<Figures>) {
    while figures.changed().await.is_ok() {
        let line = line(&figures.borrow_and_update());
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn line(figures: &Figures) -> String {
    let phase = match figures.phase {
        Phase::Starting => "Starting",
        Phase::Scanning => "Reading devices",
        Phase::Rehearsing => "Comparing records",
        Phase::Devices => "Devices",
        Phase::Records => "Records",
        Phase::Paused => "Paused",
        Phase::TidyingUp => "Tidying up",
        Phase::Proving => "Proving",
        Phase::Undoing => "Taking back",
        Phase::Done => "Done",
    };
    let mut line =
        format!("{phase}: {} of {} records", count(figures.records_done), count(figures.records_total));
    if figures.rate >= 1.0 {
        line.push_str(&format!(", {:.0} a second", figures.rate));
    }
    if let Some((least, most)) = figures.remaining {
        line.push_str(&format!(", {} to {} s left", least.as_secs(), most.as_secs()));
    }
    if let Some(reason) = &figures.waiting_for {
        line.push_str(&format!(" (waiting: {reason})"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is() {
        let figures = Figures {
            phase: Phase::Records,
            records_done: 12_000,
            records_total: 200_000,
            rate: 1_500.4,
            remaining: Some((Duration::from_secs(110), Duration::from_secs(140))),
            ..Figures::default()
        };
        assert_eq!(line(&figures), "Records: 12,000 of 200,000 records, 1500 a second, 110 to 140 s left");
    }
}

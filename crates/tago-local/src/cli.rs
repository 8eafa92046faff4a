//! The command line, shared by `tago-local` and by the app when it starts itself again as a platform.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use tago_api::Time;
use thiserror::Error;

use crate::clock::SimulatedClock;
use crate::demo::{self, DemoError, Scale};
use crate::loopback::Loopback;
use crate::random::Random;
use crate::serve::{Options, Running, ServeError, TimeSource, serve};

/// Whether a command line may ask for the knobs that only tests turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knobs {
    /// `--knobs` is an option.
    Offered,
    /// There is no such option.
    Absent,
}

/// TagoDeploy projects, their backups and the TagoIO API, on this computer.
#[derive(Parser)]
#[command(name = "tago-local", version, no_binary_name = true)]
struct Arguments<C: Subcommand> {
    #[command(subcommand)]
    command: C,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the projects in a directory, until told to stop.
    Serve(Serve),
}

#[derive(Subcommand)]
enum CommandWithKnobs {
    /// Serve the projects in a directory, until told to stop.
    Serve(ServeWithKnobs),
}

#[derive(clap::Args)]
struct Serve {
    /// Directory of everything the platform keeps.
    #[arg(long)]
    data: PathBuf,
    /// Fill an empty directory with the demo project.
    #[arg(long)]
    demo: bool,
    /// A demo of a twentieth of the records.
    #[arg(long, requires = "demo")]
    small: bool,
    /// Port of the console; the one used before, or any free one, if absent.
    #[arg(long)]
    port: Option<u16>,
    /// End when the standard input closes.
    #[arg(long)]
    with_parent: bool,
}

#[derive(clap::Args)]
struct ServeWithKnobs {
    #[command(flatten)]
    serve: Serve,
    /// Let tests turn knobs, at an address of its own.
    #[arg(long)]
    knobs: bool,
    /// Where the clock stands until a test moves it; the computer's clock if absent.
    #[arg(long, requires = "knobs")]
    now: Option<Time>,
}

/// Why the platform did not serve.
#[derive(Debug, Error)]
enum CliError {
    #[error("the operating system gives no randomness: {0}")]
    Randomness(#[from] rand::rngs::SysError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the demo could not be made: {0}")]
    Demo(#[from] DemoError),
    #[error("the standard streams or signals cannot be used: {0}")]
    Process(#[from] std::io::Error),
    #[error("the ready line cannot be written: {0}")]
    Ready(#[from] serde_json::Error),
}

/// Does what the arguments (without the program's name) say.
///
/// Prints one line of JSON on the standard output when the platform answers.
pub fn run(arguments: impl IntoIterator<Item = OsString>, knobs: Knobs) -> ExitCode {
    let arguments = match parse(arguments, knobs) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing is left to tell it to if this fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::from)
        .and_then(|runtime| runtime.block_on(serve_until_told(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tago-local: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>, knobs: Knobs) -> Result<ServeWithKnobs, clap::Error> {
    match knobs {
        Knobs::Offered => Arguments::try_parse_from(arguments)
            .map(|Arguments { command: CommandWithKnobs::Serve(serve) }| serve),
        Knobs::Absent => {
            Arguments::try_parse_from(arguments).map(|Arguments { command: Command::Serve(serve) }| {
                ServeWithKnobs { serve, knobs: false, now: None }
            })
        }
    }
}

async fn serve_until_told(arguments: ServeWithKnobs) -> Result<(), CliError> {
    let ServeWithKnobs { serve: arguments, knobs, now } = arguments;
    if arguments.demo {
        demo::fill(&arguments.data, if arguments.small { Scale::Small } else { Scale::Full }).await?;
    }
    let clock = now.map_or_else(SimulatedClock::following_system, SimulatedClock::at);
    let time = if knobs { TimeSource::Simulated(Arc::new(clock)) } else { TimeSource::System };
    let running = serve(Options {
        data: arguments.data,
        port: arguments.port,
        time,
        random: Arc::new(Random::from_os()?),
        listeners: Arc::new(Loopback),
        knobs,
    })
    .await?;
    print_ready(&running)?;
    told_to_stop(arguments.with_parent).await?;
    running.stop().await;
    Ok(())
}

fn print_ready(running: &Running) -> Result<(), CliError> {
    let mut line = serde_json::to_vec(running.ready())?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()?;
    Ok(())
}

async fn told_to_stop(with_parent: bool) -> Result<(), CliError> {
    tokio::select! {
        signal = terminated() => signal?,
        () = parent_gone(), if with_parent => {}
    }
    Ok(())
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Returns when the standard input is closed, as it is when the parent ends, however it ends.
async fn parent_gone() {
    let (gone, wait) = tokio::sync::oneshot::channel();
    // A thread of its own: a read from a pipe cannot be cancelled, and must not hold up the runtime's end.
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut unread = [0; 256];
        while matches!(input.read(&mut unread), Ok(read) if read > 0) {}
        let _ = gone.send(());
    });
    let _ = wait.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str], knobs: Knobs) -> Result<ServeWithKnobs, clap::Error> {
        parse(arguments.iter().map(OsString::from), knobs)
    }

    #[test]
    fn knobs_are_refused_where_they_are_absent() {
        let asked = ["serve", "--data", "there", "--knobs"];
        assert!(parsed(&asked, Knobs::Offered).unwrap().knobs);
        assert!(parsed(&asked, Knobs::Absent).is_err());
        assert!(!parsed(&asked[..3], Knobs::Absent).unwrap().knobs);
        let clock = ["serve", "--data", "there", "--now", "2026-03-01"];
        assert!(parsed(&clock, Knobs::Absent).is_err() && parsed(&clock, Knobs::Offered).is_err());
    }
}

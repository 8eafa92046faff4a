//! The practice platform: this program started again as a child that ends with the window.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The first argument that makes this program the practice platform instead of the window.
pub const SUBCOMMAND: &str = "practice-platform";

/// The first start fills a database with ten days of a company's life.
const LONGEST_START: Duration = Duration::from_secs(180);

/// Which practice platform it is.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A child of this process on this folder; an empty folder is filled with the demo project.
    Child { program: PathBuf, data: PathBuf },
    /// One that a test started and whose ready line is in this file.
    Given(PathBuf),
}

/// It writes out what it was told last.
const LONGEST_END: Duration = Duration::from_secs(5);

/// Where the practice platform answers, and how it is opened.
///
/// The tokens are of this start only; they are in memory and nowhere else.
#[derive(Clone, Debug, Deserialize)]
pub struct Ready {
    pub console: String,
    pub owner: Session,
    pub collaborator: Session,
    pub projects: Vec<OpenProject>,
}

/// How an account signs in.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    pub token: SecretString,
}

/// A project that is there from the start, with a token that ends with this start.
#[derive(Clone, Debug, Deserialize)]
pub struct OpenProject {
    pub id: String,
    pub api: String,
    pub token: SecretString,
}

/// Why the practice platform is not there.
#[derive(Debug, Error)]
pub enum PracticeError {
    #[error("the practice platform could not be started")]
    Start { source: io::Error },
    #[error("the practice platform ended before it was ready")]
    Ended { source: Option<io::Error> },
    #[error("the practice platform was not ready within {} s", LONGEST_START.as_secs())]
    Slow,
    #[error("the practice platform said something else than that it is ready")]
    Unreadable { source: serde_json::Error },
}

/// A running practice platform. It ends when this is dropped, and also when this process dies:
/// it watches its standard input, which only this process holds open.
pub struct Platform {
    pub ready: Ready,
    process: Option<Process>,
}

struct Process {
    stdin: ChildStdin,
    ended: watch::Receiver<bool>,
    /// Owns the child, and with it kills the child.
    watching: JoinHandle<()>,
}

impl Platform {
    /// Starts the platform, or finds the given one.
    ///
    /// # Errors
    /// [`PracticeError`].
    pub async fn start(origin: &Origin) -> Result<Platform, PracticeError> {
        match origin {
            Origin::Child { program, data } => start(program, data).await,
            Origin::Given(file) => {
                let line = tokio::fs::read_to_string(file).await;
                let ready = read(&line.map_err(|source| PracticeError::Start { source })?)?;
                Ok(Platform { ready, process: None })
            }
        }
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.process.as_ref().is_none_or(|process| !*process.ended.borrow())
    }

    /// Done when it has ended, by itself or otherwise; never, if it is not a child.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let ended = self.process.as_ref().map(|process| process.ended.clone());
        async move {
            match ended {
                // A watcher that is gone has taken the child with it.
                Some(mut ended) => drop(ended.wait_for(|ended| *ended).await),
                None => std::future::pending().await,
            }
        }
    }

    /// Lets it end by itself, as it does when this process dies, and sees to it that it does.
    pub async fn end(mut self) {
        let ended = self.ended();
        let Some(process) = self.process.take() else { return };
        drop(process.stdin);
        if timeout(LONGEST_END, ended).await.is_err() {
            tracing::warn!("the practice platform did not end by itself");
        }
        process.watching.abort();
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            process.watching.abort();
        }
    }
}

async fn start(program: &Path, data: &Path) -> Result<Platform, PracticeError> {
    let mut child = Command::new(program)
        .args([SUBCOMMAND, "serve", "--demo", "--with-parent", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| PracticeError::Start { source })?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(PracticeError::Ended { source: None });
    };
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(LONGEST_START, lines.next_line())
        .await
        .map_err(|_| PracticeError::Slow)?
        .map_err(|source| PracticeError::Ended { source: Some(source) })?
        .ok_or(PracticeError::Ended { source: None })?;
    let ready = read(&line)?;
    let (tell, ended) = watch::channel(false);
    let watching = tokio::spawn(async move {
        let status = child.wait().await;
        tracing::info!(?status, "the practice platform has ended");
        tell.send_replace(true);
    });
    Ok(Platform { ready, process: Some(Process { stdin, ended, watching }) })
}

fn read(line: &str) -> Result<Ready, PracticeError> {
    serde_json::from_str(line).map_err(|source| PracticeError::Unreadable { source })
}

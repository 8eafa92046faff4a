//! The practice platform: this program started again as a child that ends with the window.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
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
}

/// How an account signs in.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
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
    process: Option<(Child, ChildStdin)>,
}

impl Platform {
    /// Starts the platform, or finds the given one.
    ///
    /// # Errors
    /// [`PracticeError`].
    pub async fn start(origin: &Origin) -> Result<Platform, PracticeError> {
        let (program, data) = match origin {
            Origin::Child { program, data } => (program, data),
            Origin::Given(file) => {
                let line = tokio::fs::read_to_string(file).await;
                let ready = read(&line.map_err(|source| PracticeError::Start { source })?)?;
                return Ok(Platform { ready, process: None });
            }
        };
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
        Ok(Platform { ready: read(&line)?, process: Some((child, stdin)) })
    }

    /// Lets it end by itself, as it does when this process dies, and sees to it that it does.
    pub async fn end(self) {
        let Some((mut child, stdin)) = self.process else { return };
        drop(stdin);
        if timeout(LONGEST_END, child.wait()).await.is_err() {
            tracing::warn!("the practice platform did not end by itself");
            // It is killed when `child` is dropped.
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_none_or(|(child, _)| matches!(child.try_wait(), Ok(None)))
    }
}

fn read(line: &str) -> Result<Ready, PracticeError> {
    serde_json::from_str(line).map_err(|source| PracticeError::Unreadable { source })
}

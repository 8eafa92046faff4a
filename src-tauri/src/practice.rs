//! The practice platform: this program started again as a child that ends with the window.

use std::io;
use std::path::{Path, PathBuf};
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

/// A project that is there from the start.
#[derive(Clone, Debug, Deserialize)]
pub struct OpenProject {
    pub id: String,
    pub name: String,
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
    /// Starts the platform on this folder; an empty folder is filled with the demo project.
    ///
    /// # Errors
    /// [`PracticeError`].
    pub async fn start(program: &Path, data: &Path) -> Result<Platform, PracticeError> {
        if let Some(ready) = given_by_a_test() {
            return read(&ready?).map(|ready| Platform { ready, process: None });
        }
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

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_none_or(|(child, _)| matches!(child.try_wait(), Ok(None)))
    }
}

fn read(line: &str) -> Result<Ready, PracticeError> {
    serde_json::from_str(line).map_err(|source| PracticeError::Unreadable { source })
}

/// The end-to-end tests start a platform of their own, with a clock that they turn.
#[cfg(debug_assertions)]
fn given_by_a_test() -> Option<Result<String, PracticeError>> {
    let path = PathBuf::from(std::env::var_os("HOLDFAST_PRACTICE_READY")?);
    Some(std::fs::read_to_string(path).map_err(|source| PracticeError::Start { source }))
}

#[cfg(not(debug_assertions))]
fn given_by_a_test() -> Option<Result<String, PracticeError>> {
    None
}

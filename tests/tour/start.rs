//! How long the window takes from the request for it to a list that can be used, beside an empty Tauri window.
//!
//! Both are debug builds, started in the same way by the same driver, in turns. The practice platform runs already.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::window::{Driver, EVENTUALLY, Home};

const ROUNDS: usize = 9;
const EMPTY: &str = "return location.protocol === 'tauri:' && document.readyState === 'complete';";
const LIST: &str = "return document.querySelectorAll('[data-testid=\"backup-row\"]').length === 7;";

pub async fn measure() -> ExitCode {
    let folder = tempfile::Builder::new().prefix("start-").tempdir().unwrap();
    let platform = Platform::start(&folder.path().join("platform"));
    let ready = folder.path().join("ready.json");
    std::fs::write(&ready, &platform.ready_line).unwrap();

    let (mut empty, mut list) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // A home of its own each time: the first start of a new owner.
        let mut home = Home::new(&folder.path().join(format!("home-{round}")));
        home.set("HOLDFAST_PRACTICE_READY", ready.to_str().unwrap());
        empty.push(time(&home, &blank(), &[], EMPTY).await);
        list.push(time(&home, Path::new(env!("CARGO_BIN_EXE_holdfast")), &["--practice"], LIST).await);
    }
    platform.end();

    let (empty, list) = (Spread::of(empty), Spread::of(list));
    println!(
        "from the request for a session, {ROUNDS} times in turns, debug builds (median, least to most):"
    );
    println!("  an empty Tauri window, complete           {empty}");
    println!("  Holdfast's window with its seven backups  {list}");
    println!("  ratio of the medians                      {:.2}", list.median / empty.median);
    ExitCode::SUCCESS
}

async fn time(home: &Home, program: &Path, arguments: &[&str], usable: &str) -> f64 {
    let driver = Driver::start(home).await;
    let begun = Instant::now();
    let client = driver.session(program, arguments).await;
    while client.execute(usable, vec![]).await.unwrap() != true {
        assert!(begun.elapsed() < EVENTUALLY, "{} did not become usable", program.display());
        sleep(Duration::from_millis(2)).await;
    }
    let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    client.close().await.unwrap();
    milliseconds
}

/// The example `blank`, which lies beside the tests' folder.
fn blank() -> PathBuf {
    let holdfast = Path::new(env!("CARGO_BIN_EXE_holdfast"));
    let blank = holdfast.with_file_name("examples").join("blank");
    assert!(blank.exists(), "build it first: cargo build --example blank");
    blank
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut times: Vec<f64>) -> Spread {
        times.sort_by(f64::total_cmp);
        Spread { least: times[0], median: times[times.len() / 2], most: times[times.len() - 1] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:5.0} ms ({:.0} to {:.0})", self.median, self.least, self.most)
    }
}

/// The program's own practice platform with its full demo, in a process of its own.
struct Platform {
    process: Child,
    ready_line: String,
}

impl Platform {
    fn start(data: &Path) -> Platform {
        let mut process = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["practice-platform", "serve", "--demo", "--with-parent", "--data"])
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready_line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut ready_line).unwrap();
        assert!(!ready_line.is_empty(), "the practice platform is ready");
        Platform { process, ready_line }
    }

    /// It ends when its standard input does.
    fn end(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

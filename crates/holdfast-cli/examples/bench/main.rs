//! What moving data costs, beside what it cannot cost less than: everything in one run on one machine,
//! because only the ratios carry over to another.
//!
//! `cargo run --release -p holdfast-cli --example bench`, with `--small` for a tenth of the records.
//!
//! The practice platform and whatever is measured are processes of their own, started from this program.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement ends at its first surprise")]

mod half;
mod migration;
mod official;
mod paced;
mod platform;
mod readings;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use half::Half;
use migration::{Measured, Order};
use platform::Platform;
use readings::RECORDS_OF_A_DEVICE;

/// That of `holdfastctl`.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Rows of a journal that a run is resumed from.
const ROWS: u64 = 100_000;
/// The share of the processors that other programs have on a quiet machine.
const QUIET: f64 = 0.03;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let first = arguments.peek().and_then(|first| first.to_str()).unwrap_or_default().to_owned();
    match first.as_str() {
        "serve" => return tago_local::cli::run(arguments, tago_local::cli::Knobs::Offered),
        "migrate" => migration::main(),
        _ => {
            let devices = if first == "--small" { 20 } else { 200 };
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(measure(devices));
            paced::budgets();
        }
    }
    ExitCode::SUCCESS
}

async fn measure(devices: u64) {
    let folder = TempDir::new().unwrap();
    let platform = Platform::start(&folder.path().join("platform"));
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("{} records of {devices} devices, {build} build", devices * RECORDS_OF_A_DEVICE);

    let many = platform.new_project("Many records").await;
    let ingested = readings::ingest(&platform, &many, devices, RECORDS_OF_A_DEVICE).await;
    let few = platform.new_project("Few records").await;
    // As many lanes and as large pages, only fewer of them.
    readings::ingest(&platform, &few, 10, 10_000).await;
    let raw = readings::insert(&folder.path().join("raw.sqlite"), &platform.database(&many).await, devices);

    let order = |name: &str| Order::whole(folder.path().join(name));
    let (target, run) = (platform.new_project("Many migrated").await, order("many"));
    let large = run.measure(&platform, &many, &target).await;
    let posts = platform.requests(&target, "POST /data").await;
    let small = order("few").measure(&platform, &few, &platform.new_project("Few migrated").await).await;
    let official = official::copy(&many, &platform.new_project("Copied").await).await;

    let journal = bytes_of_a_batch(&run.folder);
    let back = run.undo(&platform, &target).await;

    records(&large, &back, ingested, raw, official);
    memory(&large, &small, &back);
    tell("bytes of journal for each batch, both rows, after a checkpoint", journal, Goal::AtMost(200.0));
    println!("  {posts} requests with data; {} of 190 kB would hold it", large.least_posts);
    tell("requests with data : the least", posts as f64 / large.least_posts as f64, Goal::AtMost(1.03));
    restart(&platform, folder.path()).await;
}

fn records(large: &Measured, back: &Measured, ingested: Half, raw: Half, official: f64) {
    let records = large.records as f64;
    let migrated = records / large.migrated.seconds;
    let line = |what: &str, rate: f64, half: Option<&Half>| {
        print!("  {what:<62}{rate:>11.0} records/s {:>7.2} x the migration", rate / migrated);
        match half {
            Some(half) => println!(", {:.2} processors, {:.2} others'", half.processors(), half.of_others()),
            None => println!(),
        }
    };
    let half = |what: &str, records: f64, half: &Half| line(what, records / half.seconds, Some(half));
    half("SQLite alone, one transaction", records, &raw);
    half("the platform, ready-made bodies over HTTP", records, &ingested);
    half("exact rehearsal into an empty project", records, &large.rehearsed);
    half("migration", records, &large.migrated);
    half("proof", records, &large.proven);
    half("undo: every record is read, the new devices are deleted", back.records as f64, &back.undone);
    line("the official way: page after page, 400 ms for each 2,000", official, None);
    tell(
        "migration : ingest of ready-made bodies",
        ingested.seconds / large.migrated.seconds,
        Goal::AtLeast(0.5),
    );
    println!(
        "  the same in processor time of these programs alone {:>25.3}",
        ingested.ours / large.migrated.ours
    );
    let most = [&raw, &ingested, &large.rehearsed, &large.migrated, &large.proven, &back.undone]
        .map(Half::disturbed)
        .into_iter()
        .fold(0.0, f64::max);
    if most > QUIET {
        let percent = most * 100.0;
        println!(
            "THE MACHINE WAS NOT QUIET: other programs had {percent:.0} % of it in one half; ratios by the clock do not count"
        );
    }
}

fn memory(large: &Measured, small: &Measured, back: &Measured) {
    let line = |records: u64, run: &Measured, what: &str| {
        let whose = format!("{records} records in a process of its own");
        println!("  {whose:<62}{:>11.1} MB at most, {what}", run.peak_bytes / 1e6);
    };
    line(small.records, small, "rehearsal, run and proof");
    line(large.records, large, "rehearsal, run and proof");
    line(back.records, back, "undo");
    tell("memory at many records : at few", large.peak_bytes / small.peak_bytes, Goal::AtMost(1.1));
    tell("memory at many records, MB", large.peak_bytes / 1e6, Goal::AtMost(150.0));
}

/// Of the file, what the rows of batches take.
fn bytes_of_a_batch(folder: &Path) -> f64 {
    let journal = Connection::open(folder.join("journal.sqlite")).unwrap();
    let number = |sql: &str| journal.query_row(sql, [], |row| row.get::<_, f64>(0)).unwrap();
    journal.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let file = number("SELECT CAST(page_count * page_size AS REAL) FROM pragma_page_count, pragma_page_size");
    let said = "SELECT CAST(total(length(kind) + length(body)) AS REAL) FROM row";
    let of_batches = format!("{said} WHERE kind IN ('intent', 'outcome')");
    let batches = number("SELECT CAST(count(*) AS REAL) FROM row WHERE kind = 'intent'");
    file * number(&of_batches) / number(said) / batches
}

/// A run that was stopped with a long journal, from the start of a process to its first request with data.
async fn restart(platform: &Platform, folder: &Path) {
    let source = platform.new_project("Long journal").await;
    readings::ingest(platform, &source, 3, RECORDS_OF_A_DEVICE).await;
    let target = platform.new_project("Interrupted").await;
    let order = Order::interrupted(folder.join("interrupted"), ROWS);
    order.measure(platform, &source, &target).await;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let journal = Connection::open_with_flags(order.folder.join("journal.sqlite"), flags).unwrap();
    let rows: u64 = journal.query_row("SELECT count(*) FROM row", [], |row| row.get(0)).unwrap();
    drop(journal);
    assert!(rows >= ROWS, "only {rows} rows");
    let asked = async || platform.requests(&source, "GET /device/{device}/data").await;
    let before = asked().await;
    let begun = Instant::now();
    let _resumed = order.resume(platform, &source, &target);
    while asked().await == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    tell(&format!("seconds from restart to work, {rows} rows of journal"), took, Goal::AtMost(2.0));
}

/// What a figure should be.
#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

fn tell(what: &str, figure: f64, goal: Goal) {
    let (met, bound) = match goal {
        Goal::AtLeast(goal) => (figure >= goal, format!("at least {goal}")),
        Goal::AtMost(goal) => (figure <= goal, format!("at most {goal}")),
    };
    let verdict = if met { "met" } else { "MISSED" };
    println!("{what:<64}{figure:>11.3}  goal {bound}: {verdict}");
}

//! The journal on a disk that is full, fails, lies or is taken away, and under a process that is killed.
//!
//! Where a system call has to fail, this test program starts itself again under `strace`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "HOLDFAST_TEST_JOURNAL";
const ROWS: u32 = 40;

fn held(item: u32) -> Row {
    Row::Held { item, window: None, reason: format!("because of number {item}") }
}

/// Says on stdout how many rows are durable, after each; then waits until its stdin ends.
#[test]
fn a_process_that_keeps_a_journal() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (mut journal, rows) = SqliteJournal::open(Path::new(&folder)).unwrap();
    let first = u32::try_from(rows.len()).unwrap();
    let say = |word: &str, item: u32| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{word} {item}").unwrap();
        out.flush().unwrap();
    };
    let mut failed = false;
    for item in first..first + ROWS {
        match journal.append(Time::from_millis(5), &held(item)) {
            Ok(()) if failed => say("went on", item),
            Ok(()) => say("durable", item + 1),
            Err(_) => failed = true,
        }
    }
    say("over", 0);
    std::io::stdin().lines().for_each(drop);
}

/// The last row that the process called durable, whether it went on after a failure, and whether it came
/// to its end.
fn keep(folder: &Path, injected: Option<&str>) -> (usize, bool, bool) {
    let mut command = match injected {
        Some(fault) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("inject={fault}"));
            strace.arg(std::env::current_exe().unwrap());
            strace
        }
        None => Command::new(std::env::current_exe().unwrap()),
    };
    let mut child = command
        .args(["journal::failing_disk::a_process_that_keeps_a_journal", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace is installed by tests/setup.sh");
    let (mut durable, mut went_on, mut over) = (0, false, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        match line.split_once(' ') {
            Some(("durable", rows)) => durable = rows.parse().unwrap(),
            Some(("went", _)) => went_on = true,
            Some(("over", _)) => over = true,
            _ => {}
        }
    }
    child.wait().unwrap();
    (durable, went_on, over)
}

/// F15: an acknowledged row is there, one that failed may be, and nothing follows it in this session.
#[test]
fn f15_a_failed_sync_ends_the_session_and_loses_no_acknowledged_row() {
    let mut struck = 0;
    for nth in (3..40).step_by(6) {
        let folder = tempfile::tempdir().unwrap();
        let (durable, went_on, over) =
            keep(folder.path(), Some(&format!("fsync,fdatasync:error=EIO:when={nth}")));
        assert!(over && !went_on, "sync {nth}: it went on after a failed sync");
        struck += usize::from(durable < ROWS as usize);
        let stored = SqliteJournal::read(folder.path()).map_or(0, |rows| rows.len());
        assert!(
            (durable..=durable + 1).contains(&stored),
            "sync {nth}: {durable} acknowledged, {stored} there"
        );
        let (durable, _, over) = keep(folder.path(), None);
        assert!(over && durable == stored + ROWS as usize, "sync {nth}: it does not go on later");
    }
    assert!(struck >= 5, "only {struck} syncs failed");
}

/// F1: killed in any write to the disk.
#[test]
fn f01_a_process_killed_at_a_write_loses_no_acknowledged_row() {
    let mut struck = 0;
    for nth in (4..60).step_by(9) {
        let folder = tempfile::tempdir().unwrap();
        let (durable, _, over) = keep(folder.path(), Some(&format!("pwrite64:signal=KILL:when={nth}")));
        struck += usize::from(!over);
        let stored = SqliteJournal::read(folder.path()).map_or(0, |rows| rows.len());
        assert!(
            (durable..=durable + 1).contains(&stored),
            "write {nth}: {durable} acknowledged, {stored} there"
        );
    }
    assert!(struck >= 5, "only {struck} processes were killed");
}

/// F14, of the journal alone: the run's part of it is in the simulator.
#[test]
fn f14_a_full_disk_is_told_and_room_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = SqliteJournal::open(folder.path()).unwrap();
    journal.fill_disk_at(6);
    let stored = (0..10_000).take_while(|item| journal.append(Time::from_millis(5), &held(*item)).is_ok());
    let stored = stored.count();
    assert!((1..10_000).contains(&stored));
    journal.fill_disk_at(1_000_000);
    let again = journal.append(Time::from_millis(5), &held(0));
    assert!(matches!(again, Err(JournalError::Halted)), "this session wrote on");
    drop(journal);
    let (mut journal, rows) = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!(rows.len(), stored);
    journal.append(Time::from_millis(5), &held(7)).unwrap();
}

/// F16: whichever page of the journal is damaged, in whichever way, no row comes back as another.
#[test]
fn f16_a_damaged_page_is_never_read_as_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = SqliteJournal::open(folder.path()).unwrap();
    for item in 0..400 {
        journal.append(Time::from_millis(5), &held(item)).unwrap();
    }
    drop(journal);
    let path = folder.path().join(folder::JOURNAL);
    let whole = SqliteJournal::read(folder.path()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (mut refused, mut harmless) = (0, 0);
    let places = (0..bytes.len()).step_by(509);
    let torn = (4_096..bytes.len()).step_by(4_096);
    let damages = places.map(|place| (place, 1)).chain(torn.map(|page| (page, 4_096)));
    for (place, length) in damages {
        let mut damaged = bytes.clone();
        damaged[place..place + length].iter_mut().for_each(|byte| *byte ^= 0x11);
        // Another file: SQLite's locks end with any descriptor of the same one.
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join(folder::JOURNAL), damaged).unwrap();
        match SqliteJournal::read(copy.path()) {
            Err(_) => refused += 1,
            Ok(rows) => {
                assert!(rows == whole, "byte {place}: {} rows came back as others", rows.len());
                harmless += 1;
            }
        }
    }
    assert!(refused > harmless, "{refused} damages were refused, {harmless} hit nothing");
}

/// F22: a second process is refused for as long as the first one lives, and then takes over.
#[test]
fn f22_two_processes_do_not_share_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Command::new(std::env::current_exe().unwrap())
        .args(["journal::failing_disk::a_process_that_keeps_a_journal", "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("over")));
    assert!(matches!(SqliteJournal::open(folder.path()), Err(JournalError::InUse)));
    assert_eq!(SqliteJournal::read(folder.path()).unwrap().len(), ROWS as usize, "it can be looked at");
    first.kill().unwrap();
    first.wait().unwrap();
    let (mut journal, rows) = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!((rows.len(), journal.epoch), (ROWS as usize, 2));
    journal.append(Time::from_millis(6), &held(0)).unwrap();
}

/// What a run costs on the disk: the rows of many batches, after a checkpoint.
#[test]
fn a_batch_takes_at_most_two_hundred_bytes_and_many_rows_are_read_soon() {
    use crate::record::Tally;
    const BATCHES: u32 = 50_000;
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = SqliteJournal::open(folder.path()).unwrap();
    // Nothing is measured here that a sync would change.
    journal.database.pragma_update(None, "synchronous", "OFF").unwrap();
    let at = Time::from_millis(1_795_321_800_000);
    for batch in 0..BATCHES {
        let (item, number) = (batch / 40, batch % 40);
        let hash = u128::MAX / u128::from(batch + 1);
        let intent = Row::Intent {
            item,
            batch: number,
            tally: Tally { count: 1_348, hash },
            rest: Tally::default(),
            file: None,
        };
        journal.append(at, &intent).unwrap();
        journal.append(at, &Row::Outcome { item, batch: number, was: Was::Acknowledged }).unwrap();
    }
    journal.database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(journal);
    let bytes = std::fs::metadata(folder.path().join(folder::JOURNAL)).unwrap().len() / u64::from(BATCHES);
    let begun = std::time::Instant::now();
    let (_journal, rows) = SqliteJournal::open(folder.path()).unwrap();
    let took = begun.elapsed();
    let line =
        format!("journal: {bytes} bytes for each batch, both rows; {} rows opened in {took:?}", rows.len());
    drop(writeln!(std::io::stdout(), "{line}"));
    assert!(bytes <= 200, "{line}");
}

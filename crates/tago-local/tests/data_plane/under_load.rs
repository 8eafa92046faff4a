//! Snapshots while others write.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tago_local::project::RateOverride;
use tokio::sync::Barrier;

use crate::harness::{Device, Running, succeeded};

const SNAPSHOTS: usize = 100;
const WRITERS: i64 = 4;
/// Records of a device among which amounts are moved, and what each holds at first.
const ACCOUNTS: usize = 50;
const AMOUNT: i64 = 1_000;
/// Records that a writer adds at most, beside its accounts.
const ADDED: usize = 12_000;
/// Writes of each client before the first snapshot, to tell what a snapshot adds.
const WRITES_ALONE: usize = 100;

/// Every request leaves the sum of its device's values as it was: it moves an amount from one record to
/// another, or adds records whose values cancel out. So whatever moment a snapshot is of, its sums are those.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_snapshots_while_four_clients_write_are_each_sound_and_of_one_moment() {
    let it = Arc::new(Running::start().await);
    // The clock stands still, and so would the minute that requests are counted in.
    for route in ["PUT /data", "POST /data"] {
        let lifted = RateOverride { project: None, route: route.to_owned(), per_minute: u32::MAX };
        assert!(it.shared.rates.set(lifted), "{route}");
    }
    let phase = Arc::new(Phase {
        snapshots_begin: Barrier::new(usize::try_from(WRITERS + 1).unwrap()),
        stopped: AtomicBool::default(),
    });
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let writer = Writer::new(&it, writer).await;
        writers.push(tokio::spawn(writer.write_until_stopped(it.clone(), phase.clone())));
    }
    phase.snapshots_begin.wait().await;
    let (mut counts, mut took) = (Vec::new(), Vec::new());
    for _ in 0..SNAPSHOTS {
        let it = it.clone();
        let (count, seconds) = tokio::task::spawn_blocking(move || take_and_check(&it)).await.unwrap();
        counts.push(count);
        took.push(seconds);
    }
    phase.stopped.store(true, Ordering::Relaxed);
    let (mut alone, mut beside) = (Stalls::default(), Stalls::default());
    for writer in writers {
        let written = writer.await.unwrap();
        alone.add(&written.0);
        beside.add(&written.1);
    }
    assert!(counts.is_sorted(), "a snapshot is of an earlier moment than the one before: {counts:?}");
    assert!(counts.last() > counts.first(), "nobody wrote while the snapshots were taken: {counts:?}");
    took.sort_by(f64::total_cmp);
    // Not by a macro: those are heard only when a test fails.
    let _ = writeln!(
        std::io::stderr(),
        "{SNAPSHOTS} snapshots ({:.0} ms in the middle) while {WRITERS} clients made {} writes: \
         longest stall {:.0} ms, beside {:.0} ms in {} writes without snapshots (goal 100 ms)",
        took[SNAPSHOTS / 2] * 1e3,
        beside.writes,
        beside.longest.as_secs_f64() * 1e3,
        alone.longest.as_secs_f64() * 1e3,
        alone.writes,
    );
}

/// How many records a snapshot holds, and how long it took.
fn take_and_check(it: &Running) -> (u64, f64) {
    let path = it.path("copy");
    let begun = Instant::now();
    let taken = it.project.snapshot_to(&path, &mut |_| {}).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let copy = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let verdict: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let sums: Vec<i64> = copy
        .prepare("SELECT sum(CAST(value AS INTEGER)) FROM records GROUP BY device")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(sums, vec![ACCOUNTS as i64 * AMOUNT; WRITERS as usize]);
    let count = copy.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(taken.rows.0["data"], count.unsigned_abs());
    (count.unsigned_abs(), seconds)
}

struct Phase {
    /// Every writer comes here when it has written alone for a while.
    snapshots_begin: Barrier,
    stopped: AtomicBool,
}

#[derive(Default)]
struct Stalls {
    writes: u64,
    longest: Duration,
}

impl Stalls {
    fn note(&mut self, took: Duration) {
        self.writes += 1;
        self.longest = self.longest.max(took);
    }

    fn add(&mut self, other: &Stalls) {
        self.writes += other.writes;
        self.longest = self.longest.max(other.longest);
    }
}

struct Writer {
    device: Device,
    accounts: Vec<(String, i64)>,
}

impl Writer {
    async fn new(it: &Running, number: i64) -> Writer {
        let device = it.device(&format!("Bank {number}")).await;
        let accounts: Value =
            (0..ACCOUNTS).map(|_| json!({ "variable": "account", "value": AMOUNT })).collect();
        it.send(&device, accounts).await;
        let records = it.get(&format!("/device/{}/data?qty={ACCOUNTS}", device.id)).await;
        let id = |record: &Value| record["id"].as_str().unwrap().to_owned();
        let accounts = records.as_array().unwrap().iter().map(|record| (id(record), AMOUNT)).collect();
        Writer { device, accounts }
    }

    /// How long writes took without snapshots, and beside them.
    async fn write_until_stopped(mut self, it: Arc<Running>, phase: Arc<Phase>) -> (Stalls, Stalls) {
        let (mut alone, mut beside) = (Stalls::default(), Stalls::default());
        let mut added = 0;
        for turn in 0_usize.. {
            if phase.stopped.load(Ordering::Relaxed) {
                break;
            }
            if turn == WRITES_ALONE {
                phase.snapshots_begin.wait().await;
            }
            let begun = Instant::now();
            if turn % 4 == 0 && added < ADDED {
                let pairs: Value = (0..50)
                    .flat_map(|value| [value, -value])
                    .map(|value| json!({ "variable": "added", "value": value }))
                    .collect();
                it.send(&self.device, pairs).await;
                added += 100;
            } else {
                let edits = self.moved(turn);
                let path = format!("/device/{}/data", self.device.id);
                succeeded(it.ask(Method::PUT, &path, &it.token, Some(edits.to_string())).await);
            }
            if turn < WRITES_ALONE { &mut alone } else { &mut beside }.note(begun.elapsed());
        }
        (alone, beside)
    }

    /// The edits that move an amount from one record to another.
    fn moved(&mut self, turn: usize) -> Value {
        let (from, to) = (turn % ACCOUNTS, (turn * 7 + 1) % ACCOUNTS);
        if from == to {
            return json!([{ "id": self.accounts[from].0, "value": self.accounts[from].1 }]);
        }
        let amount = i64::try_from(turn % 13).unwrap();
        self.accounts[from].1 -= amount;
        self.accounts[to].1 += amount;
        [from, to]
            .map(|place| json!({ "id": self.accounts[place].0, "value": self.accounts[place].1 }))
            .into()
    }
}

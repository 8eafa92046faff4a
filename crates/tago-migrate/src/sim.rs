//! The simulator: the whole engine, from rehearsal to the last row, against two projects that fail in
//! every way that the real ones may, in virtual time, from one seed.
//!
//! `HOLDFAST_SEED=n` plays one seed and says what it did; `HOLDFAST_SEEDS=n` plays the first n.

mod chance;
mod journal;
mod oracle;
mod port;
mod scenario;
pub(crate) mod steps;
mod whole;
mod world;

use std::collections::BTreeSet;
use std::io::Write;

use journal::Crash;
use scenario::{LEAST_KINDS, play, play_and_end_at, play_and_undo};

use crate::journal::Row;
use crate::planted::{Bug, plant};
use crate::undo::row::UndoRow;

/// Past the capture of the test harness: these figures are to be seen.
macro_rules! say {
    ($($words:tt)*) => { drop(writeln!(std::io::stdout(), $($words)*)) };
}

/// As many as `make test` plays; `make soak` plays more.
const SEEDS: u64 = 10_000;
const THREADS: u64 = 2;
const UNDONE_SEEDS: u64 = 1_000;

/// The names under which the oracle must find the planted mistakes.
const BUGS: [(Bug, &str); 13] = [
    (Bug::BlindRetry, "blind retry"),
    (Bug::AcknowledgedBeforeSynced, "acknowledged before synced"),
    (Bug::QuarantineTooShort, "quarantine too short"),
    (Bug::CursorOffByOne, "cursor off by one"),
    (Bug::SetInsteadOfMultiset, "set instead of multiset"),
    (Bug::WrongEpochCheck, "wrong epoch check"),
    (Bug::BadJsonTakenAsSuccess, "200 with bad JSON taken as success"),
    (Bug::PartialTakenAsFull, "partial batch taken as full"),
    (Bug::EndDateLeftAtNow, "end_date left at now"),
    (Bug::HashWithoutGroup, "content hash without group"),
    (Bug::ReleaseSkippedAfterCrash, "release of held actions skipped after a crash"),
    (Bug::TooManyRequestsCountedAsSent, "a 429 counted as sent"),
    (Bug::FileLeftWhenGivenUp, "an import given up while its file is left"),
];

/// A simulator that finds nothing proves nothing: each of these must spoil a seed that is good without it.
#[test]
fn every_planted_mistake_is_found_within_a_thousand_seeds() {
    let mut unfound = Vec::new();
    say!("{:<48}seeds to detection", "planted");
    for (bug, name) in BUGS {
        let found = (0..1_000).find_map(|seed| {
            plant(Some(bug));
            // One may end in a panic or in a run that never ends: either is found.
            let spoilt =
                std::panic::catch_unwind(|| play(seed).verdict()).unwrap_or_else(|_| Err("panic".into()));
            plant(None);
            spoilt.err().map(|why| (seed, why))
        });
        match found {
            Some((seed, why)) => {
                say!("{name:<48}{:>5}   {}", seed + 1, why.chars().take(90).collect::<String>())
            }
            None => unfound.push(name),
        }
    }
    assert!(unfound.is_empty(), "not found: {unfound:?}");
}

#[test]
fn nothing_is_lost_or_doubled_in_ten_thousand_seeds() {
    if let Some(seed) = number("HOLDFAST_SEED") {
        let outcome = play(seed);
        say!("{outcome:#?}");
        outcome.verdict().unwrap();
        return;
    }
    let seeds = number("HOLDFAST_SEEDS").unwrap_or(SEEDS);
    let played = std::thread::scope(|scope| {
        let share = |first| move || (first..seeds).step_by(THREADS as usize).fold(Sum::default(), Sum::with);
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(share(first))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Sum::default(), Sum::and)
    });
    let Sum { kinds, lost, doubled, foreign, stuck, harmed, removed, set_off, held_actions, fewest, failed } =
        played;
    say!(
        "{seeds} seeds x {} kinds: {lost} lost, {doubled} duplicated, {foreign} foreign changed, {stuck} stuck",
        kinds.len()
    );
    say!("actions held {held_actions} times: {set_off} set off, all as they were in the end");
    say!("at least {fewest} kinds in each; all of them: {}", Vec::from_iter(kinds).join(", "));
    say!("{removed} records of the target that a replaced range had too many were removed");
    say!("{harmed} records changed, dropped or doubled afterwards: all found by the proof");
    let shown = failed.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        failed.is_empty(),
        "{} seeds failed; `HOLDFAST_SEED=n cargo test -p tago-migrate seeds -- --nocapture` plays one again:\n{shown}",
        failed.len()
    );
    assert!(fewest >= LEAST_KINDS, "a seed saw only {fewest} kinds of fault");
}

/// What a run removes has to be kept before: an undo that finds nothing kept tells.
#[test]
fn a_removal_before_what_is_removed_is_kept_is_found_by_the_undo() {
    plant(Some(Bug::RemovedBeforeKept));
    let found = (0..1_000).find(|seed| play_and_undo(*seed, None, None).verdict().is_err());
    plant(None);
    let found = found.unwrap_or_else(|| panic!("not found"));
    say!("{:<48}{:>5}", "removed before kept", found + 1);
    assert_eq!(play_and_undo(found, None, None).verdict(), Ok(()), "it is good without the mistake");
}

/// The first session ends at each row that there is, once before and once after the row is on the disk.
#[test]
fn a_crash_at_any_row_of_the_journal_changes_nothing_in_the_end() {
    let mut played = 0;
    let steps = rows_of_sessions();
    for seed in seeds_that_take(steps, 6, play) {
        for row in 1..play(seed).rows {
            for durable in [false, true] {
                let outcome = play_and_end_at(seed, Crash { row, durable });
                if let Err(why) = outcome.verdict() {
                    panic!("seed {seed}, row {row}, durable: {durable}: {why}");
                }
                played += 1;
            }
        }
    }
    say!(
        "{played} crashes, at every row of runs with every kind of row, before and after it was on the disk: nothing lost or doubled"
    );
}

/// A run as far as it came and its undo, both in bad weather: the target is what it was, but for what others
/// did meanwhile.
#[test]
fn an_undo_leaves_the_target_as_it_was_whatever_fails() {
    if let Some(seed) = number("HOLDFAST_SEED") {
        let outcome = play_and_undo(seed, None, None);
        say!("{outcome:#?}");
        return outcome.verdict().unwrap();
    }
    let seeds = number("HOLDFAST_SEEDS").unwrap_or(UNDONE_SEEDS);
    let (mut failed, mut undone, mut back) = (Vec::new(), [0; 3], 0);
    for seed in 0..seeds {
        let outcome = play_and_undo(seed, None, None);
        failed.extend(outcome.verdict().err().map(|why| format!("HOLDFAST_SEED={seed}: {why}")));
        undone.iter_mut().zip(outcome.undone).for_each(|(sum, count)| *sum += count);
        back += outcome.written_back;
    }
    let [records, made, changed] = undone;
    say!("{seeds} seeds taken back: {records} records, {made} devices made, {changed} devices changed");
    say!("{back} records that were removed are written again");
    assert!(failed.is_empty(), "{} seeds failed:\n{}", failed.len(), failed.join("\n"));
    assert!(
        undone.iter().chain([&back]).all(|count| *count > seeds / 20),
        "hardly anything was there to be taken back"
    );
}

/// The run ends at each row that there is, and what it did is taken back; and a finished run is taken back by
/// an undo that ends at each of its rows.
#[test]
fn a_run_is_taken_back_from_any_row_and_an_undo_goes_on_from_any_row() {
    let mut played = 0;
    let mut steps = rows_of_sessions();
    steps.extend(steps::all::<UndoRow>().into_iter().map(|step| format!("undo {step}")));
    for seed in seeds_that_take(steps, 4, |seed| play_and_undo(seed, None, None)) {
        let rows = play(seed).rows;
        let undo_rows = play_and_undo(seed, None, None).undo_rows;
        for (row, of_run) in (1..rows).map(|row| (row, true)).chain((0..undo_rows).map(|row| (row, false))) {
            for durable in [false, true] {
                let crash = Some(Crash { row, durable });
                let (run, undo) = if of_run { (crash, None) } else { (None, crash) };
                if let Err(why) = play_and_undo(seed, run, undo).verdict() {
                    panic!("seed {seed}, row {row} of the run: {of_run}, durable: {durable}: {why}");
                }
                played += 1;
            }
        }
    }
    say!("{played} runs and undos ended at a row: the target is as it was before");
}

/// The rows that a session of a run may write. A run is given up by its owner when its target is gone, so that
/// there is nothing to play: see `a_run_whose_target_is_gone_is_given_up_and_says_what_it_leaves`.
fn rows_of_sessions() -> BTreeSet<String> {
    let mut rows = steps::all::<Row>();
    rows.retain(|row| row != "undo" && row != "given_up");
    rows
}

/// The first few seeds, and as many more as it needs for every step to be taken.
fn seeds_that_take(
    mut steps: BTreeSet<String>,
    few: u64,
    play: impl Fn(u64) -> scenario::Outcome,
) -> Vec<u64> {
    let mut seeds = Vec::new();
    for seed in 0..1_000 {
        let left = steps.len();
        if seed >= few && left == 0 {
            break;
        }
        let taken = play(seed).steps;
        steps.retain(|step| !taken.contains(step));
        if seed < few || steps.len() < left {
            seeds.push(seed);
        }
    }
    assert!(steps.is_empty(), "no seed takes these steps: {steps:?}");
    seeds
}

/// What many seeds came to.
struct Sum {
    kinds: BTreeSet<&'static str>,
    lost: u64,
    doubled: u64,
    foreign: u64,
    stuck: u64,
    harmed: u64,
    removed: u64,
    set_off: u64,
    held_actions: u64,
    fewest: usize,
    failed: Vec<String>,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum {
            kinds: BTreeSet::new(),
            lost: 0,
            doubled: 0,
            foreign: 0,
            stuck: 0,
            harmed: 0,
            removed: 0,
            set_off: 0,
            held_actions: 0,
            fewest: usize::MAX,
            failed: Vec::new(),
        }
    }
}

impl Sum {
    fn with(self, seed: u64) -> Sum {
        let outcome = play(seed);
        let failed = outcome.verdict().err().map(|why| format!("HOLDFAST_SEED={seed}: {why}"));
        self.and(Sum {
            fewest: outcome.faults(),
            lost: outcome.lost,
            doubled: outcome.doubled,
            foreign: outcome.foreign_changed,
            stuck: u64::from(outcome.stuck),
            harmed: outcome.harmed,
            removed: outcome.removed,
            set_off: outcome.set_off,
            held_actions: outcome.held_actions,
            failed: failed.into_iter().collect(),
            kinds: outcome.kinds,
        })
    }

    fn and(mut self, other: Sum) -> Sum {
        self.kinds.extend(other.kinds);
        self.failed.extend(other.failed);
        Sum {
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            foreign: self.foreign + other.foreign,
            stuck: self.stuck + other.stuck,
            harmed: self.harmed + other.harmed,
            removed: self.removed + other.removed,
            set_off: self.set_off + other.set_off,
            held_actions: self.held_actions + other.held_actions,
            fewest: self.fewest.min(other.fewest),
            ..self
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

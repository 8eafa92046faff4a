//! The simulator: the whole engine, from rehearsal to the last row, against two projects that fail in
//! every way that the real ones may, in virtual time, from one seed.
//!
//! `HOLDFAST_SEED=n` plays one seed and says what it did; `HOLDFAST_SEEDS=n` plays the first n.

mod chance;
mod journal;
mod oracle;
mod port;
mod scenario;
mod whole;
mod world;

use std::collections::BTreeSet;

use scenario::play;

#[test]
fn nothing_is_lost_or_doubled_in_five_hundred_seeds() {
    if let Some(seed) = number("HOLDFAST_SEED") {
        let outcome = play(seed);
        println!("{outcome:#?}");
        outcome.verdict().unwrap();
        return;
    }
    let seeds = number("HOLDFAST_SEEDS").unwrap_or(500);
    let mut kinds = BTreeSet::new();
    let (mut lost, mut doubled, mut foreign, mut stuck) = (0, 0, 0, 0);
    let (mut harmed, mut failed) = (0, Vec::new());
    for seed in 0..seeds {
        let outcome = play(seed);
        kinds.extend(outcome.kinds.iter().copied());
        lost += outcome.lost;
        doubled += outcome.doubled;
        foreign += outcome.foreign_changed;
        harmed += outcome.harmed;
        stuck += u64::from(outcome.stuck);
        if let Err(why) = outcome.verdict() {
            failed.push(format!("HOLDFAST_SEED={seed}: {why}"));
        }
    }
    println!(
        "{seeds} seeds x {} kinds: {lost} lost, {doubled} duplicated, {foreign} foreign changed, {stuck} stuck",
        kinds.len()
    );
    println!("{harmed} records changed, dropped or doubled afterwards: all found by the proof");
    assert!(failed.is_empty(), "{} seeds failed:\n{}", failed.len(), failed.join("\n"));
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

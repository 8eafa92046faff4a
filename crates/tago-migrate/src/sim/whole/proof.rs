//! The three depths of a proof, what it waits for, and where it goes on.

use super::*;
use crate::{DifferenceKind, Proof, ProofChoice, ProofDepth, ProveError, WindowVerdict, prove_as};

impl Bench {
    async fn has_run(&self) -> Plan {
        let plan = self.plan(&Choices::default()).await;
        assert_eq!(self.run(&plan, &self.run_folder()).await.unwrap(), Ending::Finished);
        self.source.project.lock().unwrap().answered.clear();
        self.target.project.lock().unwrap().answered.clear();
        plan
    }

    async fn prove_at(&self, depth: ProofDepth) -> Proof {
        self.prove_as(ProofChoice { depth, afresh: false }).await.unwrap()
    }

    async fn prove_as(&self, choice: ProofChoice) -> Result<Proof, ProveError> {
        let (folder, env) = (self.run_folder(), self.env());
        prove_as(&folder, choice, &self.source, &self.target, &self.settings, env).await
    }

    /// The process ends while it proves.
    /// The program ends once the proof is so far.
    async fn die_proving(&self, depth: ProofDepth, so_far: impl Fn(&Figures) -> bool) {
        self.progress.send_replace(Figures::default());
        let mut seen = self.progress.subscribe();
        let choice = ProofChoice { depth, afresh: false };
        tokio::select! {
            biased;
            proof = self.prove_as(choice) => panic!("it was quicker: {proof:?}"),
            seen = seen.wait_for(so_far) => drop(seen.unwrap()),
        }
    }

    fn records_read(&self) -> (usize, usize) {
        let read = |port: &FakePort| port.project.lock().unwrap().answered.drain(..).sum();
        (read(&self.source), read(&self.target))
    }

    fn with_target<T>(&self, change: impl FnOnce(&mut Vec<FakeRecord>) -> T) -> T {
        change(&mut self.target.project.lock().unwrap().devices.get_mut(&id(2)).unwrap().records)
    }
}

fn said(proof: &Proof) -> Vec<String> {
    proof.windows_not_equal.iter().map(|window| window.text.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn counts_read_no_record_and_are_no_proof_of_content() {
    let bench = Bench::new();
    bench.has_run().await;
    bench.with_target(|records| records[7].json = records[7].json.replace("\"value\":7", "\"value\":777"));
    let counts = bench.prove_at(ProofDepth::Counts).await;
    assert!(counts.agrees && !counts.green, "{counts:?}");
    assert_eq!((counts.depth, counts.records, bench.records_read()), (ProofDepth::Counts, 0, (0, 0)));
    assert_eq!(last_proof(&bench.run_folder()).unwrap(), Some(counts));
    let report = report(&bench.run_folder(), bench.clock.now()).unwrap();
    assert_eq!(report.proven, None);
    assert!(report.exceptions.iter().any(|said| said.contains("content was not compared")), "{report:?}");

    let content = bench.prove_at(ProofDepth::Content).await;
    assert!(!content.agrees && !content.green);
    assert_eq!((content.changed, content.records), (1, 300));
    assert_eq!(content.windows_not_equal[0].differences[0].fields, ["value"]);
}

#[tokio::test(start_paused = true)]
async fn counts_say_how_many_are_missing_or_too_many() {
    let bench = Bench::new();
    bench.has_run().await;
    bench.with_target(|records| {
        let twin = records[1].clone();
        assert_eq!((records.remove(4).variable.as_str(), twin.variable.as_str()), ("temperature", "door"));
        records.push(twin);
    });
    let counts = bench.prove_at(ProofDepth::Counts).await;
    assert!(!counts.agrees && !counts.green);
    assert_eq!((counts.missing, counts.windows - counts.windows_green), (1, 2));
    let said = said(&counts);
    assert!(said.iter().any(|said| said.ends_with("records instead of 18")), "{said:?}");
    assert!(said.iter().any(|said| said.contains("only a comparison of content tells")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn counts_take_a_content_proof_away_only_if_they_do_not_agree() {
    let bench = Bench::new();
    bench.has_run().await;
    let folder = bench.run_folder();
    let content = bench.prove_at(ProofDepth::Content).await;
    assert!(content.green);
    bench.prove_at(ProofDepth::Counts).await;
    assert_eq!(last_proof(&folder).unwrap().as_ref(), Some(&content));
    let gone = bench.with_target(|records| records.remove(4));
    bench.prove_at(ProofDepth::Counts).await;
    let known = last_proof(&folder).unwrap().unwrap();
    assert!(known.depth == ProofDepth::Counts && !known.agrees, "{known:?}");
    assert_eq!(report(&folder, bench.clock.now()).unwrap().proven, Some(false));
    bench.with_target(|records| records.push(gone));
    bench.prove_at(ProofDepth::Content).await;
    assert_eq!(report(&folder, bench.clock.now()).unwrap().proven, Some(true));
}

#[tokio::test(start_paused = true)]
async fn record_by_record_names_the_fields_and_reads_both_sides() {
    let bench = Bench::new();
    bench.has_run().await;
    let proof = bench.prove_at(ProofDepth::Records).await;
    assert!(proof.green, "{proof:?}");
    assert_eq!((bench.records_read(), proof.source_changed), ((300, 300), 0));

    let moved = bench.with_target(|records| {
        records[4].json = records[4].json.replace("\"g\"}", "\"other\",\"metadata\":{\"a\":1}}");
        let moved = records[6].time + Duration::from_millis(1);
        let json = records[6].json.replace(&records[6].time.to_string(), &moved.to_string());
        std::mem::replace(&mut records[6], FakeRecord::of(json)).time
    });
    let proof = bench.prove_at(ProofDepth::Records).await;
    assert_eq!((proof.changed, proof.missing, proof.foreign), (2, 0, 0), "{proof:?}");
    let differences = proof.windows_not_equal.iter().flat_map(|window| &window.differences);
    let told: Vec<_> = differences.map(|one| (one.kind, one.time.unwrap(), one.fields.join(" "))).collect();
    assert!(told.contains(&(DifferenceKind::Changed, moved, "time".into())), "{told:?}");
    assert!(told.iter().any(|(.., fields)| fields == "group metadata"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn record_by_record_tells_that_the_source_has_changed_since() {
    let bench = Bench::new();
    bench.has_run().await;
    let new = FakeRecord::of(device(2).records[8].json.replace("\"value\":8", "\"value\":88"));
    bench.source.project.lock().unwrap().devices.get_mut(&id(2)).unwrap().records.push(new);
    let content = bench.prove_at(ProofDepth::Content).await;
    assert_eq!((content.green, content.source_changed, bench.records_read().0), (true, 0, 0));
    let records = bench.prove_at(ProofDepth::Records).await;
    assert_eq!((records.green, records.source_changed), (true, 1), "the target is as the plan says");
}

/// The target of the practice platform does so on demand; a real one whenever it likes.
#[tokio::test(start_paused = true)]
async fn records_that_are_shown_late_are_waited_for_and_missing_ones_are_told_after_the_bound() {
    for depth in [ProofDepth::Counts, ProofDepth::Content, ProofDepth::Records] {
        let bench = Bench::new();
        bench.has_run().await;
        let late = bench.with_target(|records| records.remove(4));
        let again = late.clone();
        let shown_at = bench.clock.elapsed() + Duration::from_millis(1_500);
        bench
            .target
            .project
            .lock()
            .unwrap()
            .coming
            .push((shown_at, Box::new(move |project| project.device(id(2)).unwrap().records.push(again))));
        let proof = bench.prove_at(depth).await;
        assert!(proof.agrees, "{depth:?}: {proof:?}");
        assert!(bench.clock.elapsed() >= shown_at);
        assert_eq!(bench.progress.borrow().waiting_for, None);

        bench.with_target(|records| records.retain(|record| *record != late));
        let begun = bench.clock.elapsed();
        let proof = bench.prove_at(depth).await;
        assert_eq!((proof.agrees, proof.missing), (false, 1), "{depth:?}");
        let waited = bench.clock.elapsed() - begun;
        let bound = bench.settings.late_commit_bound;
        assert!(waited >= bound && waited < bound * 2, "{depth:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_died_goes_on_where_it_was() {
    let mut bench = Bench::new();
    bench.settings.lanes = 1;
    bench.has_run().await;
    bench.die_proving(ProofDepth::Content, |figures| figures.records_done >= 100).await;
    let (_, before) = bench.records_read();
    assert!((50..250).contains(&before), "{before} records were read");
    // What is written when the power fails may be half a line.
    let file = bench.run_folder().join("proof.unfinished.jsonl");
    let mut torn = std::fs::read(&file).unwrap();
    torn.extend(b"{\"item\":[5,{\"windows\":[");
    std::fs::write(&file, torn).unwrap();
    let begun_at = bench.clock.now();
    let proof = bench.prove_at(ProofDepth::Content).await;
    let (_, after) = bench.records_read();
    assert!(proof.green && proof.records == 300 && proof.begun_at < begun_at, "{proof:?}");
    assert!(before + after < 300 + 40, "{before} and {after}: at most one item was read twice");
    assert!(!file.exists());
    bench.prove_at(ProofDepth::Content).await;
    assert_eq!(bench.records_read().1, 300, "the next one begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_proof_goes_on_only_with_one_of_its_own_depth_and_run_and_if_the_owner_wants_it() {
    let mut bench = Bench::new();
    bench.settings.lanes = 1;
    bench.has_run().await;
    for (choice, reads_all) in [
        (ProofChoice { depth: ProofDepth::Content, afresh: false }, false),
        (ProofChoice { depth: ProofDepth::Records, afresh: false }, true),
        (ProofChoice { depth: ProofDepth::Content, afresh: true }, true),
    ] {
        bench.die_proving(ProofDepth::Content, |figures| figures.records_done >= 100).await;
        bench.records_read();
        assert!(bench.prove_as(choice).await.unwrap().green);
        assert_eq!(bench.records_read().1 == 300, reads_all, "{choice:?}");
    }
    bench.die_proving(ProofDepth::Content, |figures| figures.records_done >= 100).await;
    bench.records_read();
    let (mut journal, _) = SqliteJournal::open(&bench.run_folder()).unwrap();
    journal.append(bench.clock.now(), &Row::Session {}).unwrap();
    drop(journal);
    assert!(bench.prove_at(ProofDepth::Content).await.green);
    assert_eq!(bench.records_read().1, 300, "the run has gone on since");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_proven_is_read_again_and_two_proofs_at_once_are_refused() {
    let mut bench = Bench::new();
    bench.settings.lanes = 1;
    bench.has_run().await;
    let gone = bench.with_target(|records| records.remove(4));
    // It waits for the one record when it dies.
    bench.die_proving(ProofDepth::Content, |figures| figures.waiting_for.is_some()).await;
    bench.with_target(|records| records.push(gone));
    bench.records_read();
    // The first one has begun before this one is asked.
    let second = bench.prove_as(ProofChoice::default());
    let (proof, refused) = futures_util::future::join(bench.prove_at(ProofDepth::Content), second).await;
    assert!(matches!(refused, Err(ProveError::Journal(JournalError::InUse))), "{refused:?}");
    assert!(proof.green, "{proof:?}");
    let (_, read) = bench.records_read();
    assert!(0 < read && read < 40, "{read} records were read");
    let all = proof.windows_not_equal.iter().all(|window| window.verdict == WindowVerdict::Foreign);
    assert!(all && proof.records == 300);
}

#[tokio::test(start_paused = true)]
async fn the_owner_stops_a_proof_that_waits() {
    let mut bench = Bench::new();
    bench.settings.late_commit_bound = Duration::from_secs(120);
    bench.has_run().await;
    bench.with_target(|records| records.remove(4));
    let begun = bench.clock.elapsed();
    let mut seen = bench.progress.subscribe();
    let stop = async {
        seen.wait_for(|figures| figures.waiting_for.is_some()).await.unwrap();
        bench.control.stop();
    };
    let (stopped, ()) = futures_util::future::join(bench.prove_as(ProofChoice::default()), stop).await;
    assert!(matches!(stopped, Err(ProveError::Stopped)), "{stopped:?}");
    assert!(bench.clock.elapsed() - begun < Duration::from_secs(10));
}

//! Sources and targets that change between two sessions of a run.

use super::*;
use crate::device::Fingerprint;
use crate::json::Json;
use crate::plan::{CheckName, CheckVerdict};
use crate::sim::port::Fault;

impl Bench {
    /// Runs until some records are stored, and halts there.
    async fn run_in_part(&self, plan: &Plan) {
        let mut seen = self.progress.subscribe();
        let folder = self.run_folder();
        let quota = |refused| self.target.project.lock().unwrap().refusals.quota = refused;
        let full = async {
            seen.wait_for(|figures| figures.records_done > 0).await.unwrap();
            quota(true);
        };
        let (ending, ()) = futures_util::future::join(self.run(plan, &folder), full).await;
        assert!(matches!(ending, Ok(Ending::Halted(Halt::Quota { .. }))), "{ending:?}");
        let done = status(&folder).unwrap().records_done;
        assert!(done > 0 && done < plan.summary().records_missing, "{done} records are stored");
        quota(false);
    }

    fn change_source(&self, change: impl Fn(&mut FakeRecord)) {
        let mut source = self.source.project.lock().unwrap();
        source.devices.values_mut().flat_map(|device| &mut device.records).for_each(change);
    }

    /// How many records of the target are there more often than they should be.
    async fn doubled(&self) -> u64 {
        let (folder, env) = (self.run_folder(), self.env());
        prove(&folder, &self.source, &self.target, &self.settings, env).await.unwrap().doubled
    }
}

/// Batches are cut by their length, so another spelling gives other batches.
#[tokio::test(start_paused = true)]
async fn a_source_that_spells_its_records_otherwise_is_not_sent_on() {
    let mut bench = Bench::new();
    // Three records each, and two of the longer spelling: it is halted within an item.
    bench.settings.batch_bytes = 250;
    bench.run_in_part(&bench.plan(&Choices::default()).await).await;
    bench
        .change_source(|record| record.json = record.json.replacen(",\"time\"", ".000000000000,\"time\"", 1));
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    let held = status(&bench.run_folder()).unwrap().held;
    assert!(!held.is_empty());
    assert!(held.iter().all(|held| held.reason.contains("those of the rehearsal any more")), "{held:?}");
    assert_eq!(bench.doubled().await, 0);
}

/// Whoever gives a run up, fills the gaps with another and goes on with the first after all.
#[tokio::test(start_paused = true)]
async fn a_run_that_another_one_has_overtaken_sends_nothing_twice() {
    for stops in [true, false] {
        let mut bench = Bench::new();
        bench.settings.batch_bytes = 250;
        let choices = Choices { devices: Some(BTreeSet::from([id(2)])), ..Choices::default() };
        let plan = bench.plan(&choices).await;
        let mut seen = bench.progress.subscribe();
        let stopped = async {
            seen.wait_for(|figures| figures.records_done > 0).await.unwrap();
            if stops {
                bench.control.stop()
            } else {
                bench.target.project.lock().unwrap().refusals.quota = true
            }
        };
        let folder = bench.run_folder();
        let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), stopped).await;
        assert_eq!(ending.unwrap() == Ending::Stopped, stops);
        bench.target.project.lock().unwrap().refusals.quota = false;
        (bench.control, bench.progress) = (Control::new(), Progress::new(Figures::default()));
        let second = bench.folder.path().join("second");
        let plan = bench.plan(&choices).await;
        assert!(plan.summary().records_missing > 3, "several batches were not sent");
        assert_eq!(bench.run(&plan, &second).await.unwrap(), Ending::Finished);
        let records = || bench.target.project.lock().unwrap().devices[&id(2)].records.len();
        assert_eq!(records(), 100);
        assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
        assert_eq!(records(), 100, "stopped by its owner: {stops}");
        let held = status(&folder).unwrap().held;
        assert!(!held.is_empty());
        assert!(held.iter().all(|held| held.reason.contains("in the target are not those")), "{held:?}");
    }
}

/// What is stored would be appended once more.
#[tokio::test(start_paused = true)]
async fn what_was_appended_in_part_is_to_be_filled_up_and_not_appended_again() {
    let bench = Bench::new();
    let append = Choices { policy: Policy::Append, ..Choices::default() };
    bench.run_in_part(&bench.plan(&append).await).await;
    bench.change_source(|record| record.json = record.json.replacen("\"value\":", "\"value\":1", 1));
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    let held = status(&bench.run_folder()).unwrap().held;
    assert!(!held.is_empty());
    for held in held {
        assert!(held.reason.contains("rehearse with \"Fill the gaps\""), "{held:?}");
        assert!(!held.reason.contains("rehearse again"), "{held:?}");
    }
}

/// What a parser made of a batch looks like somebody else's records: to send the batch again would double it.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_a_device_that_parses_is_not_followed_by_the_same_batch() {
    let mut bench = Bench::new();
    for project in [&bench.source.project, &bench.target.project] {
        let mut project = project.lock().unwrap();
        let fields = &mut project.devices.get_mut(&id(2)).unwrap().definition.fields;
        fields.insert("payload_decoder".to_owned(), Json::text("Ly8gcGFyc2U="));
    }
    let choices = Choices { devices: Some(BTreeSet::from([id(2)])), ..Choices::default() };
    let plan = bench.plan(&choices).await;
    let check = plan.header().checks.iter().find(|check| check.name == CheckName::SideEffects).unwrap();
    assert_eq!(check.verdict, CheckVerdict::Warn);
    assert!(check.text.contains("<Room> 2"), "{check:?}");
    bench.target.secrets.lock().unwrap().insert(Fingerprint::of("target 2"));
    (bench.target.faults, bench.target.rate) = (vec![Fault::ReplyLost], 1_000);
    let records = || bench.target.project.lock().unwrap().devices[&id(2)].records.len();
    assert_eq!(records(), 60);
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert!(records() <= 100, "{} records", records());
    let state = status(&bench.run_folder()).unwrap();
    assert_eq!((state.held.len(), state.batches_open), (2, 0), "{:?}", state.held);
    assert!(state.held.iter().all(|held| held.reason.contains("payload parser")), "{:?}", state.held);
}

/// Whoever gives a run up and rehearses anew must not meet its last batch, which may still be on its way.
#[tokio::test(start_paused = true)]
async fn a_run_begun_beside_another_ones_late_batch_doubles_nothing() {
    let mut held_back = 0;
    for seed in 0..16 {
        let mut bench = Bench::new();
        (bench.target.chance, bench.target.rate) = (Chance::new(seed), 1_000);
        bench.target.faults = vec![Fault::LateCommit];
        let folder = |name: &str| bench.folder.path().join(name);
        let choices = Choices { devices: Some(BTreeSet::from([id(2), id(3)])), ..Choices::default() };
        let plan = bench.plan(&choices).await;
        bench.clock.sleep(Duration::from_secs(2)).await;
        bench.target.secrets.lock().unwrap().insert(Fingerprint::of("target 2"));
        let killed = bench.clock.sleep(Duration::from_millis(300 + seed * 60));
        let first = folder("first");
        tokio::select! { _ = bench.run(&plan, &first) => {}, () = killed => {} }
        bench.target.rate = 0;
        for name in ["second", "third"] {
            let plan = bench.plan(&choices).await;
            bench.target.secrets.lock().unwrap().clear();
            assert_eq!(bench.run(&plan, &folder(name)).await.unwrap(), Ending::Finished);
            bench.clock.sleep(Duration::from_secs(5)).await;
            bench.target.project.lock().unwrap().happen(bench.clock.elapsed());
            held_back += usize::from(name == "second" && !status(&folder(name)).unwrap().held.is_empty());
        }
        let target = bench.target.project.lock().unwrap();
        let records: Vec<usize> = target.devices.values().map(|device| device.records.len()).collect();
        assert_eq!(records, [100, 100, 100], "seed {seed}");
    }
    assert!(held_back > 0, "no late batch fell between the second rehearsal and its run");
}

#[tokio::test(start_paused = true)]
async fn a_parser_on_the_network_of_a_device_is_known() {
    let bench = Bench::new();
    for project in [&bench.source.project, &bench.target.project] {
        let mut project = project.lock().unwrap();
        let fields = &mut project.devices.get_mut(&id(2)).unwrap().definition.fields;
        fields.insert("network".to_owned(), Json::text("5f2a8e3b9c1d4e0011223344"));
    }
    let verdict = |plan: &Plan| {
        let checks = &plan.header().checks;
        checks.iter().find(|check| check.name == CheckName::SideEffects).unwrap().verdict
    };
    assert_eq!(verdict(&bench.plan(&Choices::default()).await), CheckVerdict::Pass);
    bench.target.project.lock().unwrap().parsing_network = Some("5f2a8e3b9c1d4e0011223344".into());
    assert_eq!(verdict(&bench.plan(&Choices::default()).await), CheckVerdict::Warn);
}

/// A refusal says what to do as well as a change does.
#[tokio::test(start_paused = true)]
async fn what_is_refused_while_appending_is_to_be_filled_up() {
    for (policy, remedy) in [(Policy::Append, "Fill the gaps"), (Policy::Fill, "rehearse again")] {
        let bench = Bench::new();
        let plan = bench.plan(&Choices { policy, ..Choices::default() }).await;
        bench.target.project.lock().unwrap().devices.get_mut(&id(2)).unwrap().definition.active = false;
        assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
        let held = status(&bench.run_folder()).unwrap().held;
        assert!(!held.is_empty());
        assert!(held.iter().all(|held| held.reason.contains("inactive")), "{held:?}");
        assert!(held.iter().all(|held| held.reason.contains(remedy)), "{held:?}");
    }
}

/// A rehearsal that died between making its token and removing it.
#[tokio::test(start_paused = true)]
async fn the_next_rehearsal_removes_a_probe_that_was_left_behind() {
    let bench = Bench::new();
    {
        let source = bench.source.project.lock().unwrap().devices.clone();
        let mut target = bench.target.project.lock().unwrap();
        target.devices = source;
        let left = token("left behind", "Holdfast probe 0000000000000001");
        target.devices.get_mut(&id(1)).unwrap().tokens.push(left);
    }
    bench.plan(&Choices::default()).await;
    let tokens = |port: &FakePort| port.project.lock().unwrap().devices[&id(1)].tokens.clone();
    assert_eq!(tokens(&bench.target), tokens(&bench.source));
    assert_eq!(bench.target.project.lock().unwrap().minted, 1, "it was told from the source by a new one");
}

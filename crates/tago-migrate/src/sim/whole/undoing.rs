//! What an undo takes back, and what it leaves.

use tago_api::ParamId;

use super::*;
use crate::device::{Param, Tag};
use crate::plan::Existing;
use crate::sim::port::Fault;
use crate::undo::{Reversal, Stayed};
use crate::{Undone, irreversible, undo, undone};

mod beside;
mod filed;
mod meanwhile;
mod resting;

impl Bench {
    /// Source and folder are all that a run needs; of both, the undo has the folder.
    async fn undo(&self) -> Undone {
        let (ending, told) =
            undo(&self.run_folder(), &self.target, &self.settings, self.env()).await.unwrap();
        assert_eq!(ending, Ending::Finished);
        assert!(told.complete);
        assert_eq!(undone(&self.run_folder()).unwrap().as_ref(), Some(&told));
        told
    }

    pub(super) async fn run_all(&self, choices: &Choices) -> Plan {
        let plan = self.plan(choices).await;
        assert_eq!(self.run(&plan, &self.run_folder()).await.unwrap(), Ending::Finished);
        plan
    }

    pub(super) fn there(&self) -> BTreeMap<DeviceId, FakeDevice> {
        self.target.project.lock().unwrap().devices.clone()
    }

    fn with<T>(&self, device: DeviceId, act: impl FnOnce(&mut FakeDevice) -> T) -> T {
        act(self.target.project.lock().unwrap().devices.get_mut(&device).unwrap())
    }

    fn with_source(&self, device: DeviceId, act: impl FnOnce(&mut FakeDevice)) {
        act(self.source.project.lock().unwrap().devices.get_mut(&device).unwrap());
    }

    fn made(&self) -> DeviceId {
        status(&self.run_folder()).unwrap().created[0].1
    }

    /// Everything but the records' places.
    fn assert_as(&self, before: &BTreeMap<DeviceId, FakeDevice>) {
        let there = self.there();
        assert_eq!(there.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        for (id, was) in before {
            let is = &there[id];
            assert_eq!(is.records, was.records, "{id}");
            assert_eq!((&is.definition, &is.params), (&was.definition, &was.params), "{id}");
            assert_eq!(is.tokens.len(), was.tokens.len(), "{id}");
        }
    }
}

fn record_at(minute: i64, variable: &str, value: &str, group: &str) -> FakeRecord {
    let time = Time::from_millis(BEGINNING - 7_200_000 + minute * 60_000);
    FakeRecord::of(format!(
        r#"{{"variable":"{variable}","value":{value},"time":"{time}","group":"{group}"}}"#
    ))
}

fn reasons(stayed: &[Stayed]) -> Vec<(&str, u64)> {
    stayed.iter().map(|stayed| (stayed.reason.as_str(), stayed.records)).collect()
}

/// What the run sent last may arrive for so long.
#[tokio::test(start_paused = true)]
async fn an_undo_that_waits_stops_at_once_and_goes_on_later() {
    let mut bench = Bench::new();
    let before = bench.there();
    bench.run_all(&Choices::default()).await;
    bench.settings.late_commit_bound = Duration::from_secs(600);
    let begun = bench.clock.elapsed();
    let stopping = async {
        bench.clock.sleep(Duration::from_secs(5)).await;
        bench.control.stop();
    };
    let folder = bench.run_folder();
    let session = undo(&folder, &bench.target, &bench.settings, bench.env());
    let (ended, ()) = futures_util::future::join(session, stopping).await;
    assert_eq!(ended.unwrap().0, Ending::Stopped);
    assert!(bench.clock.elapsed() - begun < Duration::from_secs(6));
    let bench = Bench { control: Control::new(), ..bench };
    assert!(bench.undo().await.complete);
    bench.assert_as(&before);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_taken_back_without_its_source_and_a_second_undo_says_the_same() {
    let bench = Bench::new();
    let before = bench.there();
    let plan = bench.run_all(&Choices::default()).await;
    assert_eq!(undone(&bench.run_folder()).unwrap(), None);
    assert!(irreversible(&plan).is_empty());
    bench.source.project.lock().unwrap().refusals.gone = true;
    let made = bench.made();
    let told = bench.undo().await;
    bench.assert_as(&before);
    let what: Vec<_> = told.reversed.iter().map(|reversed| (reversed.device, reversed.what)).collect();
    assert_eq!(
        what,
        [(made, Reversal::Deleted), (id(2), Reversal::Records(40)), (made, Reversal::Records(100))]
    );
    assert!(told.changed_since.is_empty() && told.impossible.is_empty());
    assert_eq!(bench.undo().await, told);
    let report = report(&bench.run_folder(), bench.clock.now()).unwrap();
    assert_eq!(report.undone.as_ref(), Some(&told));
    assert_eq!(report.exceptions, ["The run was taken back."]);
    let page = std::fs::read_to_string(&report.html).unwrap();
    assert!(page.contains("Taken back, as far as") && page.contains("40 records removed"), "{page}");
    assert!(std::fs::read_to_string(&report.json).unwrap().contains("\"changed_since\": []"));
    assert!(matches!(bench.resume().await, Err(RunError::NotRunnable { .. })));
    assert!(status(&bench.run_folder()).unwrap().finished_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_and_changed_since_stays_and_is_told() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let made = bench.made();
    let foreign = record_at(12, "door", "\"foreign\"", "x");
    bench.with(id(2), |device| device.records.push(foreign.clone()));
    bench.with(made, |device| device.records.push(foreign.clone()));
    let told = bench.undo().await;
    assert_eq!(bench.there()[&made].records, std::slice::from_ref(&foreign));
    let left = &bench.there()[&id(2)].records;
    assert_eq!((left.len(), left.last()), (61, Some(&foreign)));
    assert_eq!(
        reasons(&told.changed_since),
        [("it holds 1 records that are not the run's, or were changed since", 0)]
    );
    let what: Vec<_> = told.reversed.iter().map(|reversed| reversed.what).collect();
    assert_eq!(what, [Reversal::Records(40), Reversal::Records(100)]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_between_listing_and_removal_stays() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    // The undo stops once it has listed what the run wrote.
    bench.target.project.lock().unwrap().loses_removals = true;
    let halted = undo(&bench.run_folder(), &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(matches!(halted.0, Ending::Halted(_)), "{halted:?}");
    bench.target.project.lock().unwrap().loses_removals = false;
    let changed = bench.with(id(2), |device| {
        let place = device.records.len() - 1;
        device.records[place].json = device.records[place].json.replace("\"value\":", "\"value\":9");
        // Another one is moved out of all the run's times.
        let moved = device.records[place - 1].json.clone();
        let time = device.records[place - 1].time.to_string();
        let later = Time::from_millis(BEGINNING + 3_600_000).to_string();
        device.records[place - 1] = FakeRecord::of(moved.replace(&time, &later));
        device.records[place - 1..].to_vec()
    });
    let told = bench.undo().await;
    let left = bench.there()[&id(2)].records.clone();
    assert_eq!(left.len(), 62);
    assert_eq!(left[60..], changed[..]);
    assert_eq!(reasons(&told.changed_since), [("somebody changed these records since", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_before_the_undo_stays_and_is_told() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    bench.with(id(2), |device| {
        let last = device.records.last_mut().unwrap();
        last.json = last.json.replace("\"value\":", "\"value\":9");
    });
    let told = bench.undo().await;
    assert_eq!(bench.there()[&id(2)].records.len(), 61);
    assert_eq!(told.changed_since.len(), 1, "{told:?}");
    assert_eq!(told.changed_since[0].records, 1);
}

/// The proof has read which records the run wrote, so each of them is known again whatever it says.
#[tokio::test(start_paused = true)]
async fn after_a_proof_a_changed_record_is_known_again() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let folder = bench.run_folder();
    prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    let changed = bench.with(id(2), |device| {
        let place = device.records.len() - 1;
        device.records[place].json = device.records[place].json.replace("\"value\":", "\"value\":9");
        let time = device.records[place - 1].time.to_string();
        let later = Time::from_millis(BEGINNING + 3_600_000).to_string();
        device.records[place - 1] = FakeRecord::of(device.records[place - 1].json.replace(&time, &later));
        device.records[place - 1..].to_vec()
    });
    // A later proof, which finds them changed, forgets nothing.
    prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    let told = bench.undo().await;
    assert_eq!(bench.there()[&id(2)].records[60..], changed[..]);
    assert_eq!(reasons(&told.changed_since), [("somebody changed these records since", 2)]);
}

/// Of records that say the same, those that were there before stay, and so does the number of the others'.
#[tokio::test(start_paused = true)]
async fn of_equal_records_only_as_many_as_the_run_wrote_go_and_none_that_was_there() {
    let bench = Bench::new();
    let before = bench.there();
    let append = Choices { policy: Policy::Append, ..Choices::default() };
    bench.run_all(&append).await;
    assert_eq!(bench.there()[&id(1)].records.len(), 200);
    // A third of each says the same as well, and one of the run's is gone already.
    let twin = bench.there()[&id(1)].records[3].clone();
    bench.with(id(1), |device| device.records.push(twin.clone()));
    bench.undo().await;
    let left = bench.there()[&id(1)].clone();
    assert_eq!(left.records.len(), 101);
    assert_eq!(left.records[..100], before[&id(1)].records[..]);
    assert!((0..100).all(|place| !left.removed.contains(&place)), "one was there before the run");
}

/// Two runs wrote the same records; taking back the first and then the second leaves none of either.
#[tokio::test(start_paused = true)]
async fn two_runs_that_wrote_the_same_are_taken_back_one_after_the_other() {
    let bench = Bench::new();
    let before = bench.there();
    let append = Choices { policy: Policy::Append, ..Choices::default() };
    let devices = Some(BTreeSet::from([id(1)]));
    let append = Choices { devices, ..append };
    bench.run_all(&append).await;
    let second = bench.folder.path().join("second");
    bench.clock.sleep(Duration::from_secs(5)).await;
    let plan = bench.plan(&append).await;
    assert_eq!(bench.run(&plan, &second).await.unwrap(), Ending::Finished);
    assert_eq!(bench.there()[&id(1)].records.len(), 300);
    bench.undo().await;
    assert_eq!(bench.there()[&id(1)].records.len(), 200);
    undo(&second, &bench.target, &bench.settings, bench.env()).await.unwrap();
    bench.assert_as(&before);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_was_changed_gets_back_what_it_had_unless_somebody_changed_it_since() {
    for changed_since in [false, true] {
        let bench = Bench::new();
        let param = |number: u8, value: &str| Param {
            id: ParamId::from_bytes([number; 12]),
            key: format!("key {number}"),
            value: value.to_owned(),
            sent: true,
        };
        bench.with(id(1), |device| {
            device.definition.name = "Its own name".into();
            device.definition.tags = vec![Tag { key: "own".into(), value: "tag".into(), metadata: None }];
            device.definition.fields.insert("description".into(), crate::Json::text("its own"));
            device.params = vec![param(1, "own"), param(60, "kept")];
        });
        bench.with_source(id(1), |device| device.params = vec![param(1, "new"), param(2, "added")]);
        let before = bench.there();
        let take = Choices { existing: Existing::TakeSource, ..Choices::default() };
        bench.run_all(&take).await;
        assert_ne!(bench.there()[&id(1)].definition, before[&id(1)].definition);
        if changed_since {
            bench.with(id(1), |device| device.definition.visible = false);
        }
        let told = bench.undo().await;
        if changed_since {
            assert_eq!(reasons(&told.changed_since), [("somebody changed the device since", 0)]);
            assert_eq!(bench.there()[&id(1)].params.len(), 3);
        } else {
            bench.assert_as(&before);
            assert!(told.reversed.iter().any(|reversed| reversed.what == Reversal::Restored), "{told:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_an_immutable_device_stay_and_are_told_before_and_after() {
    let bench = Bench::new();
    for port in [&bench.source, &bench.target] {
        let mut project = port.project.lock().unwrap();
        for device in project.devices.values_mut() {
            device.definition.kind = "immutable".into();
            let field = |text: &str| crate::Json::from_text(text.to_owned()).unwrap();
            device.definition.fields.insert("chunk_period".into(), field("\"month\""));
            device.definition.fields.insert("chunk_retention".into(), field("36"));
        }
    }
    let plan = bench.run_all(&Choices::default()).await;
    let told: Vec<_> = irreversible(&plan).into_iter().map(|told| (told.device, told.reason)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("40 new records stay"), "{told:?}");
    let told = bench.undo().await;
    assert_eq!(
        reasons(&told.impossible),
        [("the platform removes no single record of an immutable device", 40)]
    );
    // The device that the run made goes as a whole.
    assert_eq!(bench.there().len(), 2);
    assert_eq!(bench.there()[&id(2)].records.len(), 100);
}

/// Its rule names the variables of which single records can be removed.
#[tokio::test(start_paused = true)]
async fn immutable_variables_of_a_hybrid_device_are_named_and_counted_before() {
    for (rule, written) in [("temp", Some("20 new records of door ")), ("e|o", None)] {
        let bench = Bench::new();
        for port in [&bench.source, &bench.target] {
            for device in port.project.lock().unwrap().devices.values_mut() {
                device.definition.kind = "hybrid".into();
                let fields = &mut device.definition.fields;
                fields.insert("mutable_variable_regex".into(), crate::Json::text(rule));
            }
        }
        let told = irreversible(&bench.plan(&Choices::default()).await);
        let reasons: Vec<&str> = told.iter().map(|told| told.reason.as_str()).collect();
        assert_eq!(reasons.len(), if written.is_some() { 2 } else { 0 }, "{rule}: {reasons:?}");
        assert!(written.is_none_or(|written| reasons[0].contains(written)), "{rule}: {reasons:?}");
    }
}

/// A platform that does not know a selection by ids would remove the newest records instead.
#[tokio::test(start_paused = true)]
async fn a_platform_that_ignores_the_ids_is_asked_to_remove_nothing() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    bench.target.project.lock().unwrap().fewer_ids = Some(0);
    let there = bench.there()[&id(2)].records.clone();
    let told = bench.undo().await;
    assert_eq!(reasons(&told.impossible), [("the target does not tell records by their ids", 40)]);
    assert_eq!(bench.there()[&id(2)].records, there);
}

/// One that understands a few ids is given a few.
#[tokio::test(start_paused = true)]
async fn a_platform_that_understands_a_few_ids_is_given_a_few() {
    let bench = Bench::new();
    let before = bench.there();
    bench.run_all(&Choices::default()).await;
    bench.target.project.lock().unwrap().fewer_ids = Some(20);
    bench.undo().await;
    bench.assert_as(&before);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_forbids_its_deletion_is_unlocked_first() {
    let bench = Bench::new();
    let tag = Tag { key: "_delete_protection_".into(), value: "true".into(), metadata: None };
    bench.with_source(id(3), |device| device.definition.tags.push(tag));
    let before = bench.there();
    bench.run_all(&Choices::default()).await;
    bench.undo().await;
    bench.assert_as(&before);
}

#[tokio::test(start_paused = true)]
async fn a_made_device_with_a_token_of_somebody_elses_stays() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let made = bench.made();
    bench.with(made, |device| device.tokens.push(token("the field's", "Field")));
    let told = bench.undo().await;
    assert_eq!(reasons(&told.changed_since), [("somebody made a token for it since", 0)]);
    assert!(bench.there()[&made].records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_undo_stops_and_halts_and_goes_on() {
    let bench = Bench::new();
    let before = bench.there();
    bench.run_all(&Choices::default()).await;
    bench.target.project.lock().unwrap().refusals.auth = true;
    let folder = bench.run_folder();
    let (ending, told) = undo(&folder, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(matches!(ending, Ending::Halted(Halt::Auth { .. })), "{ending:?}");
    assert!(!told.complete);
    bench.target.project.lock().unwrap().refusals.auth = false;
    let control = Control::new();
    control.stop();
    let env = crate::Env { control: &control, ..bench.env() };
    let (ending, _) = undo(&folder, &bench.target, &bench.settings, env).await.unwrap();
    assert_eq!(ending, Ending::Stopped);
    bench.undo().await;
    bench.assert_as(&before);
}

/// Without what was kept nothing is guessed.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_any_more_stays() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let there = bench.there();
    for kept in std::fs::read_dir(bench.run_folder().join("kept")).unwrap() {
        std::fs::write(kept.unwrap().path(), "damaged").unwrap();
    }
    let told = bench.undo().await;
    bench.assert_as(&there);
    assert!(told.reversed.is_empty(), "{told:?}");
    assert!(told.impossible.iter().all(|stayed| stayed.reason.contains("damaged")), "{told:?}");
    assert_eq!(told.impossible.len(), 2);
}

/// The first run ends with a batch that the target did not take, or with one that was lost on its way. A
/// second one fills in what lacks, and what it wrote is not the first one's.
#[tokio::test(start_paused = true)]
async fn what_another_run_filled_in_is_not_taken_back_with_a_run_that_was_given_up() {
    for (lost, resumed) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut bench = Bench::new();
        bench.settings.batch_bytes = 350;
        let before = bench.there();
        let choices = Choices { devices: Some(BTreeSet::from([id(2)])), ..Choices::default() };
        let plan = bench.plan(&choices).await;
        let folder = bench.run_folder();
        if lost {
            bench.target.rate = 1;
            bench.target.owed.lock().unwrap().push((Fault::RequestLost, 4));
            let killed = async {
                while bench.target.seen.lock().unwrap().is_empty() {
                    bench.clock.sleep(Duration::from_millis(1)).await;
                }
                bench.clock.sleep(Duration::from_millis(500)).await;
            };
            tokio::select! {
                ending = bench.run(&plan, &folder) => panic!("{ending:?}"),
                () = killed => {}
            }
        } else {
            let mut seen = bench.progress.subscribe();
            let refused = async {
                seen.wait_for(|figures| figures.records_done >= 10).await.unwrap();
                bench.target.project.lock().unwrap().refusals.quota = true;
            };
            let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), refused).await;
            assert!(matches!(ending, Ok(Ending::Halted(Halt::Quota { .. }))), "{ending:?}");
            bench.target.project.lock().unwrap().refusals.quota = false;
        }
        let given_up = status(&folder).unwrap();
        assert_eq!(given_up.batches_open, u64::from(lost));
        assert!((1..40).contains(&given_up.records_done), "{given_up:?}");
        bench.clock.sleep(Duration::from_secs(5)).await;
        let second = bench.folder.path().join("second");
        let plan = bench.plan(&choices).await;
        assert_eq!(bench.run(&plan, &second).await.unwrap(), Ending::Finished);
        let whole = bench.there()[&id(2)].records.clone();
        assert_eq!(whole.len(), 100);

        // Its owner goes on with it all the same.
        if resumed {
            bench.clock.sleep(Duration::from_secs(50)).await;
            bench.resume().await.unwrap();
            assert_eq!(bench.there()[&id(2)].records, whole);
        }
        let told = bench.undo().await;
        let own = usize::try_from(given_up.records_done).unwrap();
        assert_eq!(
            bench.there()[&id(2)].records.len(),
            100 - own,
            "lost: {lost}, resumed: {resumed}, {told:#?}"
        );
        assert_eq!(bench.there()[&id(2)].records[60..], whole[60 + own..]);
        assert_eq!(told.reversed.len(), 1, "{told:?}");
        assert_eq!(told.reversed[0].what, Reversal::Records(given_up.records_done));
        let kept = reasons(&told.changed_since);
        assert_eq!(kept.len(), usize::from(lost), "{kept:?}");
        assert!(
            kept.iter().all(|(reason, records)| reason.contains("came later") && *records > 0),
            "{kept:?}"
        );
        assert!(told.impossible.is_empty(), "{told:?}");
        undo(&second, &bench.target, &bench.settings, bench.env()).await.unwrap();
        bench.assert_as(&before);
    }
}

/// What the run wrote was lost since, and another has filled it in: nothing there is the first one's any more,
/// whatever a proof of it says.
#[tokio::test(start_paused = true)]
async fn what_another_run_filled_in_again_is_not_taken_back_with_the_first() {
    for proven_before in [false, true] {
        for proven_after in [false, true] {
            let bench = Bench::new();
            let choices = Choices { devices: Some(BTreeSet::from([id(2)])), ..Choices::default() };
            bench.run_all(&choices).await;
            let folder = bench.run_folder();
            let proof = || prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env());
            if proven_before {
                assert!(proof().await.unwrap().green);
            }
            bench.clock.sleep(Duration::from_secs(86_400)).await;
            bench.with(id(2), |device| {
                device.records.truncate(60);
                device.removed.extend(60..100);
            });
            let second = bench.folder.path().join("second");
            let plan = bench.plan(&choices).await;
            assert_eq!(bench.run(&plan, &second).await.unwrap(), Ending::Finished);
            if proven_after {
                assert!(proof().await.unwrap().green);
            }
            let told = bench.undo().await;
            let proven = format!("proven before: {proven_before}, after: {proven_after}");
            assert_eq!(bench.there()[&id(2)].records.len(), 100, "{proven}, {told:#?}");
            assert!(told.reversed.is_empty() && told.impossible.is_empty(), "{told:?}");
            assert_eq!(told.changed_since.iter().map(|stayed| stayed.records).sum::<u64>(), 40, "{told:?}");
            undo(&second, &bench.target, &bench.settings, bench.env()).await.unwrap();
            assert_eq!(bench.there()[&id(2)].records.len(), 60);
        }
    }
}

/// Somebody works on the target between the undo's look and its deed, while the limits hold the deed back.
#[tokio::test(start_paused = true)]
async fn what_is_changed_while_an_undo_waits_for_the_limits_stays() {
    let foreign = record_at(12, "door", "\"foreign\"", "x");
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let (made, added) = (bench.made(), foreign.clone());
    bench.target.project.lock().unwrap().meanwhile =
        Some(Box::new(move |project| project.arrive(made, vec![added], false)));
    let told = bench.undo().await;
    assert_eq!(bench.there()[&made].records, [foreign]);
    assert_eq!(told.changed_since.len(), 1, "{told:?}");

    let bench = Bench::new();
    let devices = Some(BTreeSet::from([id(2)]));
    bench.run_all(&Choices { devices, ..Choices::default() }).await;
    bench.target.project.lock().unwrap().meanwhile = Some(Box::new(|project| {
        let first = &mut project.device(id(2)).unwrap().records[60];
        first.json = first.json.replace("\"value\":", "\"value\":9");
    }));
    let told = bench.undo().await;
    assert_eq!(bench.there()[&id(2)].records.len(), 61);
    assert_eq!(reasons(&told.changed_since), [("somebody changed these records since", 1)]);

    let bench = Bench::new();
    bench.with(id(1), |device| device.definition.name = "Its own name".into());
    let devices = Some(BTreeSet::from([id(1)]));
    let take = Choices { existing: Existing::TakeSource, devices, ..Choices::default() };
    bench.run_all(&take).await;
    bench.target.project.lock().unwrap().meanwhile = Some(Box::new(|project| {
        project.device(id(1)).unwrap().definition.name = "A third name".into();
    }));
    let told = bench.undo().await;
    assert_eq!(bench.there()[&id(1)].definition.name, "A third name");
    assert_eq!(reasons(&told.changed_since), [("somebody changed the device since", 0)]);
}

/// A pause lasts as long as its owner likes, and what was seen before it may be different after it.
#[tokio::test(start_paused = true)]
async fn an_undo_looks_again_after_a_pause() {
    let bench = Bench::new();
    let devices = Some(BTreeSet::from([id(2)]));
    bench.run_all(&Choices { devices, ..Choices::default() }).await;
    let owner = async {
        // It has listed what the run wrote, and looks at it for the last time.
        while bench.target.project.lock().unwrap().selections < 3 {
            bench.clock.sleep(Duration::from_millis(1)).await;
        }
        bench.control.pause();
        bench.clock.sleep(Duration::from_secs(3_600)).await;
        assert_eq!(bench.there()[&id(2)].records.len(), 100, "it did not wait");
        bench.with(id(2), |device| {
            let first = &mut device.records[60];
            first.json = first.json.replace("\"value\":", "\"value\":9");
        });
        bench.control.resume();
    };
    let (told, ()) = futures_util::future::join(bench.undo(), owner).await;
    assert_eq!(bench.there()[&id(2)].records.len(), 61);
    assert_eq!(reasons(&told.changed_since), [("somebody changed these records since", 1)]);
}

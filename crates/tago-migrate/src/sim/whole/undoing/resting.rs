//! Devices that are inactive on the target and get records.

use super::*;
use crate::plan::{CheckName, CheckVerdict, Inactive, ReasonCode};

fn check(plan: &Plan) -> (CheckVerdict, String) {
    let check = plan.header().checks.iter().find(|check| check.name == CheckName::ActiveDevices).unwrap();
    (check.verdict, check.text.clone())
}

#[tokio::test(start_paused = true)]
async fn a_device_at_rest_is_active_for_its_records_alone() {
    let bench = Bench::new();
    bench.with(id(2), |device| device.definition.active = false);
    let before = bench.there();
    let plan = bench.run_all(&Choices::default()).await;
    let (verdict, text) = check(&plan);
    assert_eq!(verdict, CheckVerdict::Warn);
    assert!(text.contains("<Room> 2") && text.contains("inactive again at the end"), "{text}");
    let item = plan.devices().into_iter().find(|part| part.item.device == id(2)).unwrap().item;
    assert!(item.wakes && item.reasons.iter().any(|reason| reason.code == ReasonCode::Inactive));
    let status = status(&bench.run_folder()).unwrap();
    assert_eq!((status.records_done, status.held.len()), (140, 0), "{:?}", status.held);
    let after = bench.there();
    assert_eq!(after[&id(2)].records.len(), 100);
    assert_eq!(after[&id(2)].definition, before[&id(2)].definition);
    let (folder, env) = (bench.run_folder(), bench.env());
    let proof = prove(&folder, &bench.source, &bench.target, &bench.settings, env).await.unwrap();
    assert!(proof.green, "{proof:#?}");
    let told = bench.undo().await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    bench.assert_as(&before);
}

#[tokio::test(start_paused = true)]
async fn its_owner_may_leave_it_at_rest() {
    let bench = Bench::new();
    bench.with(id(2), |device| device.definition.active = false);
    let before = bench.there();
    let plan = bench.run_all(&Choices { inactive: Inactive::Leave, ..Choices::default() }).await;
    let (verdict, text) = check(&plan);
    assert_eq!(verdict, CheckVerdict::Warn);
    assert!(text.contains("activate what is to take data, and rehearse again"), "{text}");
    let after = bench.there();
    assert_eq!(after[&id(2)].records, before[&id(2)].records);
    assert_eq!(after.len(), before.len() + 1, "the rest went on");
}

/// Whoever activates it after the rehearsal, or after the run, means it.
#[tokio::test(start_paused = true)]
async fn a_device_that_somebody_activates_stays_active() {
    for after_the_run in [true, false] {
        let bench = Bench::new();
        bench.with(id(2), |device| device.definition.active = false);
        let plan = bench.plan(&Choices::default()).await;
        let activate = || bench.with(id(2), |device| device.definition.active = true);
        if !after_the_run {
            activate();
        }
        assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
        assert_eq!(bench.there()[&id(2)].definition.active, !after_the_run);
        if after_the_run {
            activate();
        }
        let told = bench.undo().await;
        assert!(bench.there()[&id(2)].definition.active);
        assert_eq!(bench.there()[&id(2)].records.len(), 60, "its records are taken back all the same");
        let changed = if after_the_run { vec![("somebody activated the device since", 0)] } else { vec![] };
        assert_eq!(reasons(&told.changed_since), changed);
    }
}

/// A run that died while the device was active is taken back with the device at rest.
#[tokio::test(start_paused = true)]
async fn a_run_that_halts_half_way_is_taken_back_to_rest() {
    let mut bench = Bench::new();
    bench.settings.batch_bytes = 250;
    bench.with(id(2), |device| device.definition.active = false);
    let before = bench.there();
    let plan = bench.plan(&Choices::default()).await;
    let mut seen = bench.progress.subscribe();
    let folder = bench.run_folder();
    let full = async {
        seen.wait_for(|figures| figures.records_done > 0).await.unwrap();
        bench.target.project.lock().unwrap().refusals.quota = true;
    };
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), full).await;
    assert!(matches!(ending, Ok(Ending::Halted(_))), "{ending:?}");
    assert!(bench.there()[&id(2)].definition.active, "it halted while the device was active");
    bench.target.project.lock().unwrap().refusals.quota = false;
    bench.undo().await;
    bench.assert_as(&before);
}

impl Bench {
    /// A run that no room is left for while a device that rests is active.
    async fn halt_awake(&mut self) -> Plan {
        self.settings.batch_bytes = 250;
        self.with(id(2), |device| device.definition.active = false);
        let plan = self.plan(&Choices::default()).await;
        let mut seen = self.progress.subscribe();
        let folder = self.run_folder();
        let full = async {
            seen.wait_for(|figures| figures.records_done > 0).await.unwrap();
            self.target.project.lock().unwrap().refusals.quota = true;
        };
        let (ending, ()) = futures_util::future::join(self.run(&plan, &folder), full).await;
        assert!(matches!(ending, Ok(Ending::Halted(_))), "{ending:?}");
        assert!(self.there()[&id(2)].definition.active, "it halted while the device was active");
        self.target.project.lock().unwrap().refusals.quota = false;
        plan
    }

    async fn let_go(&self) -> Ending {
        crate::release(&self.run_folder(), &self.target, &self.settings, self.env()).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_rests_again_when_nobody_goes_on_and_wakes_for_whoever_does() {
    let mut bench = Bench::new();
    bench.with(id(2), |device| device.definition.active = false);
    let before = bench.there();
    bench.halt_awake().await;
    assert_eq!(bench.let_go().await, Ending::Stopped);
    assert_eq!(bench.there()[&id(2)].definition, before[&id(2)].definition);
    assert_eq!(bench.let_go().await, Ending::Stopped);
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    let after = bench.there();
    assert_eq!((after[&id(2)].records.len(), after[&id(2)].definition.active), (100, false));
    let told = bench.undo().await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    bench.assert_as(&before);
}

/// Whoever changes it between the look and the change, which had to wait, means it.
#[tokio::test(start_paused = true)]
async fn a_device_that_somebody_changes_while_it_is_put_to_rest_stays_as_they_left_it() {
    let mut bench = Bench::new();
    bench.halt_awake().await;
    bench.target.project.lock().unwrap().meanwhile = Some(Box::new(|project| {
        project.devices.get_mut(&id(2)).unwrap().definition.name = "In use again".into();
    }));
    assert_eq!(bench.let_go().await, Ending::Stopped);
    let there = bench.there()[&id(2)].definition.clone();
    assert_eq!((there.name.as_str(), there.active), ("In use again", true));
}

/// Who gives a run up, or looks at one that was left, is told of the devices that it has woken.
#[tokio::test(start_paused = true)]
async fn a_device_that_is_left_active_is_named_until_it_rests() {
    let mut bench = Bench::new();
    bench.halt_awake().await;
    let folder = bench.run_folder();
    let woken = vec![(id(2), "<Room> 2".to_owned())];
    assert_eq!(status(&folder).unwrap().awake, woken);
    let left = crate::give_up(&folder, bench.env()).unwrap();
    assert_eq!(left.awake, woken);
    assert!(left.is_something());
    assert_eq!(bench.let_go().await, Ending::Stopped);
    assert!(!bench.there()[&id(2)].definition.active);
    assert_eq!(status(&folder).unwrap().awake, []);
    assert_eq!(crate::given_up(&folder).unwrap().unwrap().awake, []);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_taken_back_leaves_no_device_active() {
    let mut bench = Bench::new();
    bench.halt_awake().await;
    bench.undo().await;
    assert_eq!(status(&bench.run_folder()).unwrap().awake, []);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_was_let_rest_is_taken_back() {
    let mut bench = Bench::new();
    bench.with(id(2), |device| device.definition.active = false);
    let before = bench.there();
    bench.halt_awake().await;
    assert_eq!(bench.let_go().await, Ending::Stopped);
    let told = bench.undo().await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    bench.assert_as(&before);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_somebody_changed_since_is_not_put_to_rest() {
    let mut bench = Bench::new();
    bench.halt_awake().await;
    bench.with(id(2), |device| device.definition.name = "Theirs".to_owned());
    assert_eq!(bench.let_go().await, Ending::Stopped);
    let there = bench.there();
    assert_eq!((there[&id(2)].definition.active, there[&id(2)].definition.name.as_str()), (true, "Theirs"));
}

/// Without its journal nobody knows whether the run has woken it.
#[tokio::test(start_paused = true)]
async fn a_rebuild_says_which_device_it_finds_active() {
    let mut bench = Bench::new();
    bench.halt_awake().await;
    let folder = bench.run_folder();
    std::fs::write(folder.join(crate::folder::JOURNAL), "no journal any more").unwrap();
    let again = crate::rebuild(&folder, &bench.source, &bench.target, &bench.settings, bench.env());
    let told = again.await.unwrap().tidied.join("\n");
    assert!(told.contains("“<Room> 2” was inactive before the run and is active now"), "{told}");
}

/// What is replaced is removed, and written back, while the device is active.
#[tokio::test(start_paused = true)]
async fn records_of_a_device_at_rest_are_replaced_and_written_back() {
    let bench = Bench::new();
    bench.with(id(2), |device| {
        device.definition.active = false;
        device.records.push(record_at(10, "door", "777", "its own"));
    });
    let before = bench.there();
    let from = Time::from_millis(BEGINNING - 7_200_000);
    let choices = Choices {
        devices: Some(BTreeSet::from([id(2)])),
        policy: Policy::Replace,
        from: Some(from),
        to: Some(from + Duration::from_secs(3_600)),
        ..Choices::default()
    };
    bench.run_all(&choices).await;
    let status = status(&bench.run_folder()).unwrap();
    assert!(status.held.is_empty(), "{:?}", status.held);
    let after = bench.there();
    assert_eq!((after[&id(2)].records.len(), after[&id(2)].definition.active), (100, false));
    let told = bench.undo().await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    let there = bench.there();
    assert_eq!(there[&id(2)].records.len(), before[&id(2)].records.len());
    assert_eq!(there[&id(2)].definition, before[&id(2)].definition);
}

/// An import into a device at rest would bring nothing: the file is sent once it is awake.
#[tokio::test(start_paused = true)]
async fn a_device_at_rest_is_active_while_its_file_is_imported() {
    let mut bench = Bench::new();
    bench.settings.worth_a_file = 1;
    bench.with(id(2), |device| device.definition.active = false);
    let before = bench.there();
    let plan = bench.run_all(&Choices { lane: crate::Lane::File, ..Choices::default() }).await;
    let item = plan.devices().into_iter().find(|part| part.item.device == id(2)).unwrap().item;
    assert!(item.wakes && item.by_file);
    let status = status(&bench.run_folder()).unwrap();
    assert_eq!((status.records_done, status.held.len()), (140, 0), "{:?}", status.held);
    let report = report(&bench.run_folder(), bench.clock.now()).unwrap();
    let lane = report.files.iter().find(|lane| lane.name == item.name).unwrap();
    assert_eq!((lane.by_file, lane.by_stream), (40, 0), "{}", lane.why);
    let after = bench.there();
    assert_eq!(after[&id(2)].records.len(), 100);
    assert_eq!(after[&id(2)].definition, before[&id(2)].definition);
    let told = bench.undo().await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    bench.assert_as(&before);
}

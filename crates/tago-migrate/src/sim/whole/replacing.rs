//! A time range in which the target is made to hold what the source holds.

use tago_api::ActionId;

use super::*;
use crate::plan::ReasonCode;
use crate::sim::oracle::{Bag, bag};
use crate::sim::world::FakeAction;
use crate::{CheckName, CheckVerdict, Depth, DifferenceKind, Item, Reversal, Undone, irreversible, undo};

const ALARM: ActionId = ActionId::from_bytes([9; 12]);

fn at(minute: i64) -> Time {
    Time::from_millis(BEGINNING - 7_200_000 + minute * 60_000)
}

fn own(minute: i64, value: u32) -> FakeRecord {
    let time = at(minute);
    FakeRecord::of(format!(r#"{{"variable":"door","value":{value},"time":"{time}","group":"own"}}"#))
}

/// From the tenth to the fortieth minute, on the two devices that both sides have.
fn choices() -> Choices {
    Choices {
        devices: Some(BTreeSet::from([id(1), id(2)])),
        from: Some(at(10)),
        to: Some(at(40)),
        policy: Policy::Replace,
        ..Choices::default()
    }
}

impl Bench {
    pub(super) fn watch_door(&self, device: u8, is: &str, value: i64) {
        let device = id(device).to_string();
        let alarm = FakeAction {
            name: "Door opened".to_owned(),
            active: true,
            trigger: serde_json::json!({ "device": device, "variable": "door", "is": is, "value": value }),
            fired: Vec::new(),
            acted: 0,
            switched: None,
        };
        self.target.project.lock().unwrap().actions.insert(ALARM, alarm);
    }

    /// With records of its own in the range, and one on either side of it.
    fn overwritten() -> Bench {
        let bench = Bench::new();
        for device in [id(1), id(2)] {
            bench.here(device, |device| {
                let inside = [10, 11, 11, 40].into_iter().zip(1_000..);
                device.records.extend(inside.map(|(minute, value)| own(minute, value)));
                device.records.extend([own(9, 1), own(41, 2)]);
            });
        }
        bench
    }

    fn here(&self, device: DeviceId, act: impl FnOnce(&mut FakeDevice)) {
        act(self.target.project.lock().unwrap().devices.get_mut(&device).unwrap());
    }

    fn records(&self, device: DeviceId) -> Vec<FakeRecord> {
        self.target.project.lock().unwrap().devices[&device].records.clone()
    }

    /// Those of the source in the range, and those of the target beside it.
    fn wanted(&self, device: DeviceId, before: &[FakeRecord]) -> Bag {
        let inside = |record: &&FakeRecord| (at(10)..=at(40)).contains(&record.time);
        let source = self.source.project.lock().unwrap().devices[&device].records.clone();
        let mut wanted: Vec<FakeRecord> = source.iter().filter(inside).cloned().collect();
        wanted.extend(before.iter().filter(|record| !inside(record)).cloned());
        bag(&wanted)
    }

    async fn take_back(&self) -> Undone {
        self.take_back_from(&self.run_folder()).await
    }

    async fn take_back_from(&self, folder: &Path) -> Undone {
        let (ending, told) = undo(folder, &self.target, &self.settings, self.env()).await.unwrap();
        assert_eq!(ending, Ending::Finished);
        told
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_is_made_what_the_source_holds_and_what_was_removed_comes_back() {
    let mut bench = Bench::overwritten();
    let before = [id(1), id(2)].map(|device| bench.records(device));
    let plan = bench.plan(&choices()).await;
    let summary = plan.summary();
    assert_eq!((summary.records_missing, summary.records_removed), (40, 8));
    let told = irreversible(&plan);
    assert_eq!(told.len(), 2);
    assert!(told[0].reason.contains("come back with the same content, and with new ids"), "{told:?}");
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    for (device, before) in [id(1), id(2)].into_iter().zip(&before) {
        assert_eq!(bag(&bench.records(device)), bench.wanted(device, before));
    }
    let state = status(&bench.run_folder()).unwrap();
    assert_eq!((state.records_done, state.records_removed, state.records_to_remove), (40, 8, 8));
    let proof = prove(&bench.run_folder(), &bench.source, &bench.target, &bench.settings, bench.env()).await;
    assert!(proof.as_ref().unwrap().green, "{proof:?}");
    assert!(bench.plan(&choices()).await.summary().nothing_to_do);
    let report = report(&bench.run_folder(), bench.clock.now()).unwrap();
    assert_eq!(report.removed.iter().map(|part| part.records).sum::<u64>(), 8);

    // The source is not needed.
    bench.source.project.lock().unwrap().refusals.gone = true;
    bench.settings.batch_bytes = 300;
    let told = bench.take_back().await;
    let back = told.reversed.iter().filter(|line| line.what == Reversal::WrittenBack(4)).count();
    assert_eq!((back, told.complete, told.impossible.len()), (2, true, 0), "{told:?}");
    for (device, before) in [id(1), id(2)].into_iter().zip(&before) {
        assert_eq!(bag(&bench.records(device)), bag(before));
    }
    assert_eq!(bench.take_back().await, told);
}

/// What the assessment says of the removal.
fn said(plan: &Plan) -> String {
    let check = plan.header.checks.iter().find(|check| check.name == CheckName::Replaced).unwrap();
    assert_eq!(check.verdict, CheckVerdict::Warn, "{check:?}");
    check.text.clone()
}

#[tokio::test(start_paused = true)]
async fn a_range_that_ends_after_the_backup_is_told_with_what_goes() {
    let bench = Bench::overwritten();
    for device in [id(1), id(2)] {
        let mut project = bench.source.project.lock().unwrap();
        let records = &mut project.device(device).unwrap().records;
        records.retain(|record| record.time <= at(30));
        assert!(!records.is_empty());
    }
    let told = said(&bench.plan(&choices()).await);
    assert!(told.contains("2 records of what is removed came after the newest record"), "{told}");
    // The source goes on after the range, so its end is no sign of a backup.
    for device in [id(1), id(2)] {
        bench.source.project.lock().unwrap().device(device).unwrap().records.push(own(50, 1));
    }
    let told = said(&bench.plan(&choices()).await);
    assert!(!told.contains("came after"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn counting_does_not_say_which_records_would_be_removed() {
    let bench = Bench::overwritten();
    let counted = Choices { depth: Depth::Counted, ..choices() };
    let told = said(&bench.plan(&counted).await);
    assert!(told.contains("only an exact rehearsal tells") && !told.contains("removed;"), "{told}");
}

/// What an undo wrote again has new ids, which no proof of an earlier run knows.
#[tokio::test(start_paused = true)]
async fn a_proven_run_is_taken_back_after_a_later_one_that_replaced_what_it_wrote() {
    for is_later_one_undone in [true, false] {
        let bench = Bench::overwritten();
        let before = bench.records(id(2));
        let plan = bench.plan(&choices()).await;
        assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
        let proof =
            prove(&bench.run_folder(), &bench.source, &bench.target, &bench.settings, bench.env()).await;
        assert!(proof.unwrap().green);
        // Another backup.
        bench.source.project.lock().unwrap().devices.get_mut(&id(2)).unwrap().records =
            [12, 13].into_iter().zip(7_000..).map(|(minute, value)| own(minute, value)).collect();
        let later = bench.folder.path().join("later");
        let plan = bench.plan(&choices()).await;
        assert_eq!(bench.run(&plan, &later).await.unwrap(), Ending::Finished);
        if is_later_one_undone {
            bench.take_back_from(&later).await;
        }
        let told = bench.take_back().await;
        let removed = told
            .reversed
            .iter()
            .any(|line| line.device == id(2) && matches!(line.what, Reversal::Records(_)));
        assert_eq!(removed, is_later_one_undone, "{told:?}");
        if is_later_one_undone {
            assert_eq!(bag(&bench.records(id(2))), bag(&before));
        }
    }
}

/// Whoever missed what was removed may have brought it back otherwise.
#[tokio::test(start_paused = true)]
async fn what_is_there_again_is_not_written_a_second_time() {
    let bench = Bench::overwritten();
    // Of two equal ones that both go, one is brought back; of two others, one is never removed.
    bench.source.project.lock().unwrap().devices.get_mut(&id(1)).unwrap().records.push(own(16, 3));
    bench.here(id(1), |device| device.records.extend([own(15, 9), own(15, 9), own(16, 3), own(16, 3)]));
    let before = bench.records(id(1));
    let plan = bench.plan(&choices()).await;
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!(status(&bench.run_folder()).unwrap().records_removed, 11);
    bench.here(id(1), |device| device.records.extend([own(10, 1_000), own(15, 9)]));
    let told = bench.take_back().await;
    assert_eq!(bag(&bench.records(id(1))), bag(&before));
    let back = told.reversed.iter().find(|line| matches!(line.what, Reversal::WrittenBack(5)));
    assert_eq!(back.map(|line| line.device), Some(id(1)), "{told:?}");
    assert_eq!((told.changed_since.len(), told.impossible.len()), (1, 0), "{told:?}");
    assert_eq!(told.changed_since[0].records, 2);
    assert!(told.changed_since[0].reason.contains("not written a second time"), "{told:?}");
    assert_eq!(bench.take_back().await, told);
}

/// Its devices sent on after the run, so there is no room for what it removed and what it wrote at once.
#[tokio::test(start_paused = true)]
async fn a_device_that_filled_up_since_gives_room_before_what_was_removed_comes_back() {
    const MOST: usize = 50_000;
    let bench = Bench::overwritten();
    bench.target.project.lock().unwrap().most_held = Some(MOST);
    let mut before = bench.records(id(2));
    let plan = bench.plan(&choices()).await;
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    bench.here(id(2), |device| {
        let sent: Vec<FakeRecord> =
            (0..MOST - 2 - device.records.len()).map(|place| own(100, place as u32)).collect();
        before.extend(sent.iter().cloned());
        device.records.extend(sent);
    });
    let told = bench.take_back().await;
    assert!(told.impossible.is_empty(), "{told:?}");
    assert_eq!(bag(&bench.records(id(2))), bag(&before));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_should_be_gone_and_one_that_others_wrote_are_told_apart() {
    let bench = Bench::overwritten();
    let plan = bench.plan(&choices()).await;
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    let proven = async || {
        prove(&bench.run_folder(), &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap()
    };
    let strangers = [own(20, 5_000), FakeRecord::of(own(21, 1).json.replace("door", "window"))];
    bench.here(id(1), |device| device.records.extend(strangers));
    let proof = proven().await;
    assert_eq!((proof.green, proof.foreign, proof.doubled), (true, 2, 0), "{proof:?}");
    bench.here(id(1), |device| device.records.push(own(10, 1_000)));
    let proof = proven().await;
    assert_eq!((proof.green, proof.foreign, proof.doubled), (false, 2, 0), "{proof:?}");
    assert_eq!(proof.not_removed, 1, "{proof:?}");
    let texts: Vec<&str> = proof.windows_not_equal.iter().map(|window| window.text.as_str()).collect();
    let told = "1 that should have been removed and is still there, 1 foreign";
    assert!(texts.contains(&told), "{texts:?}");
    let mut found = proof.windows_not_equal.iter().flat_map(|window| &window.differences);
    let left = found.find(|found| found.kind == DifferenceKind::NotRemoved).unwrap();
    let body = left.found.as_deref().unwrap();
    assert_eq!((&left.expected, body.contains("1000"), left.times), (&None, true, 1), "{left:?}");
}

/// What was changed or has come since the rehearsal is not removed.
#[tokio::test(start_paused = true)]
async fn only_what_the_rehearsal_saw_is_removed() {
    let bench = Bench::overwritten();
    let plan = bench.plan(&choices()).await;
    bench.here(id(1), |device| device.records.push(own(12, 5_000)));
    let before = bench.records(id(1));
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    let held = status(&bench.run_folder()).unwrap().held;
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].reason.contains("in the target are not those of the rehearsal"), "{held:?}");
    // Its window is held back whole, and the other ones are not.
    let (from, to) = held[0].between.unwrap();
    let of_window = |mut records: Vec<FakeRecord>| {
        records.retain(|record| record.variable == "door" && (from..=to).contains(&record.time));
        bag(&records)
    };
    assert_eq!(of_window(bench.records(id(1))), of_window(before));
    assert!(status(&bench.run_folder()).unwrap().records_removed > 0);
    let again = crate::retry(&bench.run_folder()).unwrap().unwrap();
    assert_eq!(again.policy, Policy::Replace);

    // It is changed after it was opened, while the limits hold the removal back.
    let bench = Bench::overwritten();
    let plan = bench.plan(&choices()).await;
    bench.target.project.lock().unwrap().meanwhile = Some(Box::new(|project| {
        for device in [id(1), id(2)] {
            let records = &mut project.device(device).unwrap().records;
            let first = records.iter_mut().find(|record| record.json.contains("1000")).unwrap();
            first.json = first.json.replace("1000", "1234");
        }
    }));
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    for device in [id(1), id(2)] {
        let left: Vec<_> =
            bench.records(device).into_iter().filter(|record| record.json.contains("own")).collect();
        assert_eq!(left.len(), 3, "the changed one, and those beside the range: {left:?}");
    }
    let held = status(&bench.run_folder()).unwrap().held;
    assert_eq!(held.len(), 2, "{held:?}");
    assert!(held[0].reason.contains("somebody has changed 1 record to be removed, so it stays"), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_does_not_tell_records_by_their_ids_loses_none() {
    let bench = Bench::overwritten();
    let plan = bench.plan(&choices()).await;
    bench.target.project.lock().unwrap().fewer_ids = Some(0);
    let before = bench.records(id(1));
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!(bench.records(id(1)), before);
    let held = status(&bench.run_folder()).unwrap().held;
    assert!(held.iter().all(|held| held.reason.contains("does not tell records by their ids")), "{held:?}");

    let bench = Bench::overwritten();
    let plan = bench.plan(&choices()).await;
    let before = bench.records(id(1));
    bench.target.project.lock().unwrap().fewer_ids = Some(3);
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!(bag(&bench.records(id(1))), bench.wanted(id(1), &before), "in smaller requests");
}

#[tokio::test(start_paused = true)]
async fn an_immutable_device_is_refused_where_something_would_have_to_go() {
    let bench = Bench::overwritten();
    for project in [&bench.source.project, &bench.target.project] {
        for device in [id(1), id(2)] {
            project.lock().unwrap().devices.get_mut(&device).unwrap().definition.kind = "immutable".into();
        }
    }
    bench.here(id(2), |device| device.records.retain(|record| !record.json.contains("own")));
    let before = bench.records(id(1));
    let plan = bench.plan(&choices()).await;
    let verdicts: Vec<_> = plan.devices().iter().map(|part| (part.data, part.records_removed)).collect();
    assert_eq!(verdicts, [(Verdict::Blocked, 0), (Verdict::Fill, 0)]);
    let refused = plan.items().iter().any(|item| match item {
        Item::Data(data) => data.reasons.iter().any(|reason| reason.code == ReasonCode::NotRemovable),
        Item::Device(_) => false,
    });
    assert!(refused && plan.is_runnable());
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!(bench.records(id(1)), before);
    assert_eq!(bag(&bench.records(id(2))), bench.wanted(id(2), &bench.records(id(2))));
}

#[tokio::test(start_paused = true)]
async fn a_range_without_an_end_is_not_replaced() {
    let bench = Bench::overwritten();
    let plan = bench.plan(&Choices { to: None, ..choices() }).await;
    assert!(plan.obstacle().unwrap().contains("needs a beginning and an end"), "{:?}", plan.obstacle());
}

/// What was removed trips alarms as any record does when it is written again.
#[tokio::test(start_paused = true)]
async fn an_alarm_that_what_is_written_back_would_set_off_is_silent_while_it_is() {
    let bench = Bench::overwritten();
    bench.watch_door(1, "<", 999);
    let plan = bench.plan(&choices()).await;
    assert!(plan.header().undo_actions.is_empty(), "what both sides have is not written back");
    bench.watch_door(1, ">", 999);
    let plan = bench.plan(&choices()).await;
    assert!(plan.header().actions.is_empty(), "what is written sets nothing off");
    assert_eq!(plan.header().undo_actions.len(), 1);
    let check = plan.header().checks.iter().find(|check| check.name == CheckName::Replaced).unwrap();
    assert_eq!(check.verdict, CheckVerdict::Warn);
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    bench.take_back().await;
    let alarm = bench.target.project.lock().unwrap().actions[&ALARM].clone();
    assert_eq!((alarm.active, alarm.acted), (true, 0));
    let told = status(&bench.run_folder()).unwrap().actions;
    assert_eq!((told.len(), told[0].state), (1, crate::ActionState::Released), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn the_time_needed_counts_what_is_to_be_removed() {
    let bench = Bench::overwritten();
    let pace = crate::Pace { removals: 1, share: Some(1.0), ..crate::Pace::default() };
    let needed = async |policy| {
        let plan = bench.plan(&Choices { policy, ..choices() }).await;
        (plan.time_needed(100, Duration::from_secs(1), &pace), plan.requests())
    };
    let ((least, most), requests) = needed(Policy::Fill).await;
    assert!(least < Duration::from_secs(1) && most < Duration::from_secs(5), "{least:?} to {most:?}");
    let ((least, most), with_removals) = needed(Policy::Replace).await;
    assert!(least >= Duration::from_secs(120) && least < most, "{least:?} to {most:?}");
    assert!(with_removals >= requests + 6, "{requests}, {with_removals}");
}

/// Nothing is to be written, so how fast that goes tells nothing.
#[tokio::test(start_paused = true)]
async fn the_time_that_is_left_counts_what_is_to_be_removed() {
    let mut bench = Bench::overwritten();
    (bench.settings.pace.removals, bench.settings.pace.share, bench.settings.lanes) = (60, Some(1.0), 1);
    let plan = bench.plan(&Choices { devices: Some(BTreeSet::from([id(1)])), ..choices() }).await;
    assert_eq!((plan.summary().records_missing, plan.summary().records_removed), (0, 4));
    let (mut seen, folder) = (bench.progress.subscribe(), bench.run_folder());
    let half_way = async {
        let half = |figures: &Figures| (1..4).contains(&figures.records_removed);
        seen.wait_for(half).await.unwrap().remaining
    };
    let (ending, remaining) = futures_util::future::join(bench.run(&plan, &folder), half_way).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let (least, most) = remaining.unwrap();
    assert!(
        Duration::ZERO < least && least < most && most < Duration::from_secs(60),
        "{least:?} to {most:?}"
    );
}

//! Platforms that answer less, or other, than they were asked.

use futures_util::future::Either;
use tago_api::DeviceId;

use super::*;
use crate::Depth;
use crate::plan::{CheckName, CheckVerdict, Item, ReasonCode};
use crate::sim::port::Fault;

/// Why data of this device is not moved.
fn blocked(plan: &Plan, device: DeviceId) -> Vec<ReasonCode> {
    let of_device = |item: &Item| match item {
        Item::Data(data) if data.device == device && data.verdict == Verdict::Blocked => {
            data.reasons.first().map(|reason| reason.code)
        }
        _ => None,
    };
    plan.items.iter().filter_map(of_device).collect()
}

#[tokio::test(start_paused = true)]
async fn a_source_that_answers_less_than_it_has_is_not_taken_for_the_whole() {
    let bench = Bench::new();
    bench.source.project.lock().unwrap().most_records = Some(30);
    let plan = bench.plan(&Choices::default()).await;
    for device in 1..=3 {
        assert_eq!(blocked(&plan, id(device)), [ReasonCode::Unreadable], "device {device}");
    }
    let in_source: u64 = plan
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Data(data) => Some(data.windows.iter().map(|window| window.source.count).sum::<u64>()),
            Item::Device(_) => None,
        })
        .sum();
    assert_eq!(in_source, 300, "what is left out is counted");
}

/// The platform would make a group up, and the records would not be known again after a lost answer.
#[tokio::test(start_paused = true)]
async fn records_without_a_group_are_left_out_and_told() {
    let bench = Bench::new();
    let time = Time::from_millis(BEGINNING - 7_200_000);
    let stray = FakeRecord::of(format!(r#"{{"variable":"door","value":1,"time":"{time}"}}"#));
    bench.source.project.lock().unwrap().devices.get_mut(&id(3)).unwrap().records.push(stray);
    let plan = bench.plan(&Choices::default()).await;
    assert_eq!(blocked(&plan, id(3)), [ReasonCode::NoGroup]);
    assert!(blocked(&plan, id(2)).is_empty());
}

/// Who may not see files goes on; who may looks once, and only that.
#[tokio::test(start_paused = true)]
async fn a_run_by_stream_looks_for_files_once_and_needs_none() {
    for hides_files in [false, true] {
        let bench = Bench::new();
        bench.target.project.lock().unwrap().hides_files = hides_files;
        let plan = bench.plan(&Choices::default()).await;
        assert_eq!(bench.target.project.lock().unwrap().listings, 0, "a rehearsal has no need of them");
        let ended = bench.run(&plan, &bench.run_folder()).await;
        assert_eq!(ended.unwrap(), Ending::Finished, "hidden: {hides_files}");
        assert_eq!(bench.target.project.lock().unwrap().listings, 1);
    }
}

/// What had begun before its file was taken away comes as late as any request, also if the session that took
/// it away has ended.
#[tokio::test(start_paused = true)]
async fn what_a_dead_run_had_imported_is_waited_for_by_the_next_session_too() {
    const LEFT: &str = "holdfast-imports/ffffffffffffffff-1-0-0-1.csv";
    let bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    bench.clock.sleep(bench.settings.late_commit_bound * 2).await;
    bench.target.project.lock().unwrap().files.insert(LEFT.to_owned(), "variable,value\n".into());
    let folder = bench.run_folder();
    let removed = Box::pin(async {
        while bench.target.project.lock().unwrap().files.contains_key(LEFT) {
            bench.clock.sleep(Duration::from_millis(10)).await;
        }
    });
    let session = Box::pin(bench.run(&plan, &folder));
    assert!(matches!(futures_util::future::select(session, removed).await, Either::Right(_)), "it went on");
    let came = bench.source.project.lock().unwrap().devices[&id(2)].records[20..60].to_vec();
    let at = bench.clock.elapsed() + bench.settings.late_commit_bound / 2;
    let arrive = move |project: &mut Project| project.arrive(id(2), came, false);
    bench.target.project.lock().unwrap().coming.push((at, Box::new(arrive)));
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    bench.clock.sleep(bench.settings.late_commit_bound).await;
    let mut target = bench.target.project.lock().unwrap();
    target.happen(bench.clock.elapsed());
    assert_eq!(target.devices[&id(2)].records.len(), 100);
}

/// A stranger's device must never be taken for the one that was made.
#[tokio::test(start_paused = true)]
async fn only_a_device_with_the_runs_own_mark_is_adopted() {
    let mut bench = Bench::new();
    bench.settings.patience = Duration::from_secs(3);
    let plan = bench.plan(&Choices::default()).await;
    bench.target.project.lock().unwrap().ignores_filters = true;
    let before = bench.target.project.lock().unwrap().devices.clone();
    let folder = bench.run_folder();
    (bench.target.faults, bench.target.rate) = (vec![Fault::RequestLost], 1_000);
    let halted = bench.run(&plan, &folder).await.unwrap();
    assert!(matches!(halted, Ending::Halted(Halt::Unreachable { .. })), "{halted:?}");
    bench.target.rate = 0;
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    let made = status(&folder).unwrap().created;
    assert_eq!(made.len(), 1);
    assert!(!before.contains_key(&made[0].1), "{made:?} was there before");
    let proof = prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(proof.green, "{proof:?}");
}

/// They may be a device's wrong clock, or arrive while the rehearsal reads.
#[tokio::test(start_paused = true)]
async fn records_after_the_cutoff_are_counted_and_told() {
    let bench = Bench::new();
    for (device, days) in [(2, 1), (2, 400), (3, 1)] {
        let time = Time::from_millis(BEGINNING + days * 86_400_000);
        let early = FakeRecord::of(format!(r#"{{"variable":"door","value":1,"time":"{time}","group":"g"}}"#));
        bench.source.project.lock().unwrap().devices.get_mut(&id(device)).unwrap().records.push(early);
    }
    let check = |plan: &Plan| {
        let checks = &plan.header().checks;
        checks.iter().find(|check| check.name == CheckName::SourceReadable).unwrap().clone()
    };
    for depth in [Depth::Exact, Depth::Counted] {
        let plan = bench.plan(&Choices { depth, ..Choices::default() }).await;
        let told = check(&plan);
        assert_eq!(plan.summary().records_missing, 140);
        assert_eq!(told.verdict, CheckVerdict::Warn);
        assert!(told.text.contains("; 3 records are dated after "), "{told:?}");
    }
    // Who chose an end wants nothing after it.
    let chosen = Choices { to: Some(Time::from_millis(BEGINNING - 3_600_000)), ..Choices::default() };
    assert_eq!(check(&bench.plan(&chosen).await).verdict, CheckVerdict::Pass);
}

/// Machines that send their whole day at once give every record the same moment.
#[tokio::test(start_paused = true)]
async fn a_moment_with_more_records_than_one_read_answers_is_moved_whole() {
    let bench = Bench::new();
    let at = Time::from_millis(BEGINNING - 7_200_000);
    let burst = |number: usize| {
        let number = number % 90;
        FakeRecord::of(format!(r#"{{"variable":"door","value":{number},"time":"{at}","group":"g"}}"#))
    };
    let records = |port: &FakePort| port.project.lock().unwrap().devices[&id(2)].records.len();
    bench.source.project.lock().unwrap().devices.get_mut(&id(2)).unwrap().records.extend((0..120).map(burst));
    bench.target.project.lock().unwrap().devices.get_mut(&id(2)).unwrap().records.extend((0..45).map(burst));
    let chosen = |variables: &[&str]| Choices {
        devices: Some(BTreeSet::from([id(2)])),
        variables: (!variables.is_empty()).then(|| variables.iter().map(|name| (*name).to_owned()).collect()),
        ..Choices::default()
    };
    let named = bench.plan(&chosen(&["door", "temperature"])).await;
    let plan = bench.plan(&chosen(&[])).await;
    assert_eq!((plan.summary().records_missing, named.summary().records_missing), (115, 115));
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!((records(&bench.source), records(&bench.target)), (220, 220));
    let folder = bench.run_folder();
    let proof = prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(proof.green, "{proof:?}");
}

/// What cannot be compared is said, and the rest goes on.
#[tokio::test(start_paused = true)]
async fn a_moment_that_is_too_dense_to_compare_is_left_out_and_told() {
    let mut bench = Bench::new();
    bench.settings.read_limit = 4;
    let burst = |number: i64, at: i64| {
        let at = Time::from_millis(at);
        FakeRecord::of(format!(r#"{{"variable":"door","value":{number},"time":"{at}","group":"burst"}}"#))
    };
    let moment = BEGINNING - 7_100_000;
    {
        let mut source = bench.source.project.lock().unwrap();
        let records = &mut source.devices.get_mut(&id(3)).unwrap().records;
        records.extend((0..60).map(|number| burst(number, moment)));
    }
    let plan = bench.plan(&Choices::default()).await;
    assert_eq!(blocked(&plan, id(3)), [ReasonCode::TooDense]);
    let folder = bench.run_folder();
    assert_eq!(bench.run(&plan, &folder).await.unwrap(), Ending::Finished);
    let finished = |id| bench.target.project.lock().unwrap().devices[&id].records.len();
    assert_eq!(finished(id(2)), 100);
    // It gets too dense after the run, by somebody else's hand: the proof says what it cannot tell.
    {
        let mut target = bench.target.project.lock().unwrap();
        let records = &mut target.devices.get_mut(&id(2)).unwrap().records;
        records.extend((0..60).map(|number| burst(number, BEGINNING - 7_200_000)));
    }
    let proof = prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    let untold: Vec<_> =
        proof.windows_not_equal.iter().filter(|window| window.device == id(2)).map(|w| w.verdict).collect();
    assert!(!untold.is_empty() && untold.iter().all(|verdict| *verdict == crate::WindowVerdict::NotRun));
}

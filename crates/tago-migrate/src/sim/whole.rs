//! The engine as its callers see it: a folder, a plan file, and what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tago_api::{DeviceId, Time};

use super::chance::Chance;
use super::port::{BEGINNING, FakePort, VirtualClock, token};
use super::world::{FakeDevice, FakeRecord, Project};
use crate::clock::Clock;
use crate::control::Control;
use crate::device::Definition;
use crate::journal::{Journal, JournalError, Row, SqliteJournal};
use crate::machine::ledger::Ledger;
use crate::progress::{Figures, Progress};
use crate::run::drive::World;
use crate::run::go;
use crate::{
    Choices, Ending, Halt, Plan, Policy, RehearseError, RunError, Seal, Settings, Verdict, last_proof,
    overview, prove, rehearse, report, resume, retry, run, status,
};

mod changed;
mod guarded;
mod hostile;
mod inside;
mod memory;
mod proof;
mod replacing;
mod stopping;
mod undoing;

struct Bench {
    clock: Arc<VirtualClock>,
    source: FakePort,
    target: FakePort,
    settings: Settings,
    progress: Progress,
    control: Control,
    folder: tempfile::TempDir,
}

impl Bench {
    /// Three devices on the source; on the target the second has a gap, and the third is missing.
    fn new() -> Bench {
        let clock = Arc::new(VirtualClock { start: tokio::time::Instant::now(), turned: Mutex::new(0) });
        let port = |name| FakePort {
            name,
            project: Arc::new(Mutex::new(Project::default())),
            clock: Arc::clone(&clock),
            chance: Chance::new(1),
            faults: Vec::new(),
            rate: 0,
            owed: Arc::default(),
            bound: Duration::from_secs(2),
            seen: Arc::default(),
            secrets: Arc::default(),
        };
        let (source, target) = (port("source"), port("target"));
        for number in 1..=3_u8 {
            let device = device(number);
            let mut there = device.clone();
            there.tokens = vec![token(&format!("target {number}"), "Default")];
            if number == 2 {
                there.records.drain(20..60);
            }
            if number < 3 {
                target.project.lock().unwrap().devices.insert(id(number), there);
            }
            source.project.lock().unwrap().devices.insert(id(number), device);
        }
        Bench {
            clock,
            source,
            target,
            settings: Settings {
                batch_bytes: 2_000,
                read_limit: 37,
                late_commit_bound: Duration::from_secs(2),
                ..Settings::default()
            },
            progress: Progress::new(Figures::default()),
            control: Control::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn env(&self) -> crate::Env<'_> {
        crate::Env { clock: &*self.clock, nonce: 7, progress: &self.progress, control: &self.control }
    }

    fn run_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("run")
    }

    async fn plan(&self, choices: &Choices) -> Plan {
        rehearse(&self.source, &self.target, choices, &self.settings, self.env()).await.unwrap()
    }

    async fn run(&self, plan: &Plan, folder: &Path) -> Result<Ending, RunError> {
        run(plan, &plan.fingerprint(), folder, &self.source, &self.target, &self.settings, self.env()).await
    }

    async fn resume(&self) -> Result<Ending, RunError> {
        resume(&self.run_folder(), &self.source, &self.target, &self.settings, self.env()).await
    }
}

fn id(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 12])
}

fn device(number: u8) -> FakeDevice {
    let records = (0..100_i64).map(|place| {
        let time = Time::from_millis(BEGINNING - 7_200_000 + place / 2 * 60_000);
        let variable = ["temperature", "door"][place as usize % 2];
        FakeRecord::of(format!(r#"{{"variable":"{variable}","value":{place},"time":"{time}","group":"g"}}"#))
    });
    FakeDevice {
        definition: Definition {
            name: format!("<Room> {number}"),
            kind: "mutable".into(),
            active: true,
            visible: true,
            tags: Vec::new(),
            fields: BTreeMap::new(),
        },
        params: Vec::new(),
        tokens: vec![token(&format!("source {number}"), "Default")],
        records: records.collect(),
        removed: BTreeSet::new(),
        arrived: BTreeMap::new(),
        last_input: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_rehearsed_approved_run_proven_and_reported() {
    let bench = Bench::new();
    let seen = overview(&bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert_eq!(seen.devices.len(), 3);
    assert_eq!(seen.variables, BTreeSet::from(["door".to_owned(), "temperature".to_owned()]));
    assert_eq!(
        seen.devices.iter().map(|d| (d.records, d.on_target)).collect::<Vec<_>>(),
        [(100, true), (100, true), (100, false)]
    );

    let before = bench.target.project.lock().unwrap().devices.clone();
    let plan = bench.plan(&Choices::default()).await;
    let unchanged = |(id, device): (&DeviceId, &FakeDevice)| {
        bench.target.project.lock().unwrap().devices[id].records == device.records
    };
    assert!(before.iter().all(unchanged) && bench.target.project.lock().unwrap().minted == 0, "it wrote");
    let summary = plan.summary();
    assert_eq!(summary.records_missing, 140);
    assert_eq!((summary.devices[&Verdict::Skip], summary.devices[&Verdict::Create]), (2, 1));
    assert!(!summary.nothing_to_do && plan.is_runnable());

    let file = bench.folder.path().join("plan.jsonl");
    plan.write(&file).unwrap();
    let read = Plan::read(&file).unwrap();
    assert_eq!((read.fingerprint(), &read), (plan.fingerprint(), &plan));

    let folder = bench.run_folder();
    assert_eq!(bench.run(&read, &folder).await.unwrap(), Ending::Finished);
    let state = status(&folder).unwrap();
    assert_eq!((state.records_done, state.records_total, state.batches_open), (140, 140, 0));
    assert_eq!(state.items_done, state.items_total);
    assert_eq!(state.created.len(), 1);
    assert!(state.held.is_empty() && state.finished_at.is_some());

    let proof = prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(proof.green, "{proof:?}");
    assert_eq!(proof.records, 300);
    assert_eq!(last_proof(&folder).unwrap(), Some(proof));

    let report = report(&folder, bench.clock.now()).unwrap();
    assert_eq!((report.records_written, report.devices_created, report.proven), (140, 1, Some(true)));
    let rows = SqliteJournal::read(&folder).unwrap();
    let batches = rows.iter().filter(|(_, row)| matches!(row, Row::Intent { .. })).count();
    assert!(report.lane.contains(&format!("by stream, in about {batches} requests")), "{}", report.lane);
    assert_eq!(report.tokens.len(), 3, "every token of the copy");
    assert!(report.tokens.iter().all(|token| token.target.is_some()));
    assert!(report.exceptions.is_empty(), "{:?}", report.exceptions);
    assert_eq!(report.ids.len(), 1);
    let page = std::fs::read_to_string(&report.html).unwrap();
    assert!(page.contains("&lt;Room&gt; 3") && !page.contains("<Room>"), "names are not markup");
    assert!(std::fs::read_to_string(folder.join("tokens.csv")).unwrap().contains("<Room> 3"));

    let again = bench.plan(&Choices::default()).await;
    assert!(again.summary().nothing_to_do, "{:?}", again.summary());
    assert!(matches!(bench.run(&again, &folder).await, Err(RunError::FolderTaken)));
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_that_only_counts_says_about_and_cannot_be_run() {
    let bench = Bench::new();
    let choices = Choices { depth: crate::Depth::Counted, ..Choices::default() };
    let plan = bench.plan(&choices).await;
    assert_eq!(plan.summary().records_missing, 140);
    let refused = bench.run(&plan, &bench.run_folder()).await;
    assert!(matches!(refused, Err(RunError::NotRunnable { .. })));
}

#[tokio::test(start_paused = true)]
async fn devices_variables_and_times_are_chosen() {
    let bench = Bench::new();
    let from = Time::from_millis(BEGINNING - 7_200_000 + 15 * 60_000);
    let choices = Choices {
        devices: Some(BTreeSet::from([id(2)])),
        variables: Some(BTreeSet::from(["door".to_owned()])),
        from: Some(from),
        to: Some(from + Duration::from_secs(4 * 60)),
        ..Choices::default()
    };
    assert_eq!(bench.plan(&choices).await.summary().records_missing, 5);
    let append = Choices { policy: Policy::Append, ..choices.clone() };
    let plan = bench.plan(&append).await;
    assert_eq!(plan.summary().records_missing, 5);
    let nobody = Choices { devices: Some(BTreeSet::from([id(9)])), ..choices };
    assert!(!bench.plan(&nobody).await.is_runnable());
}

#[tokio::test(start_paused = true)]
async fn one_project_is_refused_also_under_a_second_address() {
    let bench = Bench::new();
    let rehearsed =
        rehearse(&bench.source, &bench.source, &Choices::default(), &bench.settings, bench.env()).await;
    assert!(matches!(rehearsed, Err(RehearseError::SameProject { .. })));
    let second = FakePort { name: "second address", ..bench.source.clone() };
    let rehearsed = rehearse(&bench.source, &second, &Choices::default(), &bench.settings, bench.env()).await;
    assert!(matches!(rehearsed, Err(RehearseError::SameProject { .. })), "{rehearsed:?}");
    let devices = &bench.source.project.lock().unwrap().devices;
    assert!(devices.values().all(|device| device.tokens.len() == 1), "the probe is gone");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_kept_its_tokens_is_told_from_the_original() {
    let bench = Bench::new();
    {
        let source = bench.source.project.lock().unwrap().devices.clone();
        let mut target = bench.target.project.lock().unwrap();
        target.devices = source;
        target.devices.get_mut(&id(1)).unwrap().records.clear();
    }
    assert_eq!(bench.plan(&Choices::default()).await.summary().records_missing, 100);
    let devices = &bench.target.project.lock().unwrap().devices;
    assert!(devices.values().all(|device| device.tokens.len() == 1), "the probe is gone");
}

#[tokio::test(start_paused = true)]
async fn approval_is_given_to_one_plan_and_one_pair_of_projects() {
    let bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let other = Seal::from_text("00");
    let env = bench.env();
    let refused = run(&plan, &other, &folder, &bench.source, &bench.target, &bench.settings, env).await;
    assert!(matches!(refused, Err(RunError::NotApproved { .. })));
    let stranger = FakePort { name: "stranger", ..bench.target.clone() };
    let refused =
        run(&plan, &plan.fingerprint(), &folder, &bench.source, &stranger, &bench.settings, env).await;
    assert!(matches!(refused, Err(RunError::OtherProject { .. })));
    assert!(!folder.exists(), "nothing was begun");
}

/// A practice platform that found its port taken comes back on another.
#[tokio::test(start_paused = true)]
async fn a_project_that_moved_to_another_address_is_known_again() {
    let mut bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    (bench.source.name, bench.target.name) = ("somewhere else", "the other port");
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    let folder = bench.run_folder();
    assert!(prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap().green);
}

/// A restored project may have the profile of its original: then nothing but the address tells them apart.
#[tokio::test(start_paused = true)]
async fn a_copy_with_the_same_profile_is_not_taken_for_its_original() {
    let mut bench = Bench::new();
    bench.source.name = "twin";
    let plan = bench.plan(&Choices::default()).await;
    std::mem::swap(&mut bench.source, &mut bench.target);
    let swapped = bench.run(&plan, &bench.run_folder()).await;
    assert!(matches!(swapped, Err(RunError::OtherProject { .. })), "{swapped:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_file_that_somebody_changed_is_refused() {
    let bench = Bench::new();
    let file = bench.folder.path().join("plan.jsonl");
    bench.plan(&Choices::default()).await.write(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"verdict\":\"skip\"", "\"verdict\":\"fill\"", 1)).unwrap();
    let damaged = Plan::read(&file).unwrap_err().to_string();
    assert!(damaged.starts_with("line 2 of the plan is damaged"), "{damaged}");
    std::fs::write(&file, text.replacen("\":", "\": ", 1)).unwrap();
    assert!(Plan::read(&file).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_and_one_with_a_refused_credential_go_on_later() {
    let bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    bench.target.project.lock().unwrap().refusals.auth = true;
    let folder = bench.run_folder();
    let port = &bench.target.project;
    // Asking who it is needs no right in this fake; the first device does.
    let ending = bench.run(&plan, &folder).await.unwrap();
    assert!(matches!(ending, Ending::Halted(Halt::Auth { .. })), "{ending:?}");
    assert_eq!(status(&folder).unwrap().records_done, 0);
    port.lock().unwrap().refusals.auth = false;
    let control = Control::new();
    control.stop();
    let env = crate::Env { control: &control, ..bench.env() };
    let stopped = resume(&folder, &bench.source, &bench.target, &bench.settings, env).await.unwrap();
    assert_eq!(stopped, Ending::Stopped);
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    assert_eq!(status(&folder).unwrap().records_done, 140);
}

/// F11: a token that is revoked in the middle ends the session; nobody knocks again and again, and the next
/// token goes on.
#[tokio::test(start_paused = true)]
async fn f11_a_credential_that_is_revoked_midway_stops_every_lane_at_once() {
    let mut halted = 0;
    for records in [1, 20, 40, 60, 80, 100] {
        let bench = Bench::new();
        let plan = bench.plan(&Choices::default()).await;
        let mut seen = bench.progress.subscribe();
        let folder = bench.run_folder();
        let revoked = async {
            seen.wait_for(|figures| figures.records_done >= records).await.unwrap();
            bench.target.project.lock().unwrap().refusals.auth = true;
        };
        let settings = Settings { batch_bytes: 700, lanes: 4, ..bench.settings.clone() };
        let fingerprint = plan.fingerprint();
        let run = run(&plan, &fingerprint, &folder, &bench.source, &bench.target, &settings, bench.env());
        let (ending, ()) = futures_util::future::join(run, revoked).await;
        // Beside the one that learned of it.
        let further = bench.target.project.lock().unwrap().refusals.refused.saturating_sub(1);
        if let Ending::Halted(halt) = ending.unwrap() {
            assert!(matches!(halt, Halt::Auth { .. }), "{halt:?}");
            halted += 1;
        }
        // A batch that is refused does not tell whose credential it was, its device's token or the run's. So each
        // lane may have one refused, and the tokens of each of the three devices be asked for: whichever answer
        // comes first stops all.
        assert!(further < settings.lanes as u64 + 3, "{further} further requests");
        bench.target.project.lock().unwrap().refusals.auth = false;
        let resumed = resume(&folder, &bench.source, &bench.target, &settings, bench.env()).await.unwrap();
        assert_eq!(resumed, Ending::Finished);
        assert!(bench.plan(&Choices::default()).await.summary().nothing_to_do);
    }
    assert!(halted >= 4, "only {halted} runs were halted");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_changed_since_the_rehearsal_is_held_back_alone() {
    let bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    {
        let mut target = bench.target.project.lock().unwrap();
        let time = Time::from_millis(BEGINNING - 7_200_000 + 12 * 60_000);
        let record = format!(r#"{{"variable":"door","value":"late","time":"{time}"}}"#);
        target.devices.get_mut(&id(2)).unwrap().records.push(FakeRecord::of(record));
    }
    let folder = bench.run_folder();
    assert_eq!(bench.run(&plan, &folder).await.unwrap(), Ending::Finished);
    let state = status(&folder).unwrap();
    assert_eq!(state.held.len(), 1, "{:?}", state.held);
    assert_eq!(state.held[0].variable.as_deref(), Some("door"));
    assert!(state.records_done < 140 && state.records_done >= 120);
    let proof = prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert_eq!((proof.green, proof.not_run, proof.missing), (false, 1, 0));
    let held = retry(&folder).unwrap().unwrap();
    assert_eq!((held.devices.as_ref(), held.policy), (Some(&BTreeSet::from([id(2)])), Policy::Fill));
    assert_eq!(held.variables, Some(BTreeSet::from(["door".to_owned()])));
    let again = bench.plan(&held).await;
    assert_eq!(again.summary().records_missing, 140 - state.records_done);
    let second = bench.folder.path().join("second");
    assert_eq!(bench.run(&again, &second).await.unwrap(), Ending::Finished);
    assert_eq!(retry(&second).unwrap(), None);
    assert!(bench.plan(&Choices::default()).await.summary().nothing_to_do);
}

/// F14: no request leaves without its row, and the run goes on once there is room.
#[tokio::test(start_paused = true)]
async fn f14_a_full_disk_halts_the_run_and_room_mends_it() {
    let mut halted = 0;
    for pages in [4, 5, 6, 7] {
        let bench = Bench::new();
        let plan = bench.plan(&Choices::default()).await;
        let folder = bench.run_folder();
        std::fs::create_dir_all(&folder).unwrap();
        let (mut journal, _) = SqliteJournal::open(&folder).unwrap();
        plan.write(&folder.join(crate::folder::PLAN)).unwrap();
        journal.fill_disk_at(pages);
        let settings = Settings { batch_bytes: 150, ..bench.settings.clone() };
        let begun = Row::Begun {
            run: "full".into(),
            fingerprint: plan.fingerprint(),
            batch_bytes: settings.batch_bytes,
        };
        let keep = crate::keep::Folder::of(&folder);
        let world = World {
            plan: &plan,
            source: &bench.source,
            target: &bench.target,
            keep: &keep,
            settings: &settings,
            env: bench.env(),
        };
        let ended = match journal.append(bench.clock.now(), &begun) {
            Ok(()) => go(&world, Ledger::of([&begun]).unwrap(), &mut journal).await.map(|_| ()),
            Err(error) => Err(error),
        };
        drop(journal);
        halted += usize::from(matches!(ended, Err(JournalError::Storage { .. })));
        let seconds = Duration::from_secs(3);
        bench.clock.sleep(seconds).await;
        bench.target.project.lock().unwrap().happen(bench.clock.elapsed());
        let known: u64 = SqliteJournal::read(&folder)
            .unwrap()
            .iter()
            .filter_map(|(_, row)| match row {
                Row::Intent { tally, .. } => Some(tally.count),
                _ => None,
            })
            .sum();
        let stored: usize =
            bench.target.project.lock().unwrap().devices.values().map(|device| device.records.len()).sum();
        assert!(stored as u64 - 160 <= known, "{pages} pages: {stored} records, {known} of them announced");
        if SqliteJournal::read(&folder).unwrap().is_empty() {
            continue;
        }
        assert_eq!(bench.resume().await.unwrap(), Ending::Finished, "{pages} pages");
        let target = bench.target.project.lock().unwrap();
        assert!(target.devices.values().all(|device| device.records.len() == 100), "{pages} pages");
    }
    assert!(halted >= 3, "the disk was full in {halted} runs");
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_seen_and_ends() {
    let bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    bench.control.pause();
    let mut seen = bench.progress.subscribe();
    let folder = bench.run_folder();
    let session = bench.run(&plan, &folder);
    let owner = async {
        seen.wait_for(|figures| figures.phase == crate::Phase::Paused).await.unwrap();
        bench.clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(status(&folder).unwrap().records_done, 0, "it did not wait");
        bench.control.resume();
    };
    let (ending, ()) = futures_util::future::join(session, owner).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let last = bench.progress.borrow().clone();
    assert_eq!((last.phase, last.records_done, last.records_total), (crate::Phase::Done, 140, 140));
    assert_eq!((last.devices_done, last.devices_total), (2, 2));
}

/// The verdict says what files would save, and what is tried if they are chosen.
#[tokio::test(start_paused = true)]
async fn the_way_of_the_records_is_told_with_what_a_file_would_save() {
    let bench = Bench::new();
    let mut many = device(3);
    many.definition.kind = "immutable".into();
    many.records = (0..10_000_i64)
        .map(|place| {
            let time = Time::from_millis(BEGINNING - 7_200_000 + place);
            let json = format!(r#"{{"variable":"door","value":{place},"time":"{time}","group":"g"}}"#);
            FakeRecord::of(json)
        })
        .collect();
    bench.source.project.lock().unwrap().devices.insert(id(3), many);
    let settings = Settings { batch_bytes: 190_000, read_limit: 10_000, ..bench.settings.clone() };
    for lane in [crate::Lane::Stream, crate::Lane::File] {
        let choices = Choices { lane, ..Choices::default() };
        let plan = rehearse(&bench.source, &bench.target, &choices, &settings, bench.env()).await.unwrap();
        let check = plan.header.checks.iter().find(|check| check.name == crate::CheckName::Lane).unwrap();
        let text = &check.text;
        assert!(text.contains("6 requests instead of 5"), "{text}");
        assert!(text.contains("the 10000 records of <Room> 3"), "{text}");
        assert_eq!(text.contains("choose files to have it tried"), lane == crate::Lane::Stream, "{text}");
        let by_file = |item: &&crate::Item| matches!(item, crate::Item::Device(device) if device.by_file);
        assert_eq!(plan.items.iter().filter(by_file).count(), usize::from(lane == crate::Lane::File));
    }
}

/// What the worklist takes for a use of a token by somebody else came after that.
#[tokio::test(start_paused = true)]
async fn when_a_run_last_sent_something_is_known_by_the_targets_clock() {
    let bench = Bench::new();
    *bench.clock.turned.lock().unwrap() = -600_000;
    let plan = bench.plan(&Choices::default()).await;
    let begun = bench.clock.untouched();
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    let told = status(&bench.run_folder()).unwrap();
    assert!(told.last_row_at < begun, "this computer's clock is ten minutes slow");
    assert!((begun..=bench.clock.untouched()).contains(&told.last_sent_at.unwrap()), "{told:?}");
}

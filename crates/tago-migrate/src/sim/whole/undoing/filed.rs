//! Runs by file that are taken back after others have written the same.

use futures_util::future::{Either, join, select};

use super::*;
use crate::Lane;
use crate::journal::Was;
use crate::sim::world::imported;

impl Bench {
    /// The platform never begins an import, unless a test lets it.
    fn without_imports() -> Bench {
        let mut bench = Bench::new();
        bench.settings.worth_a_file = 1;
        bench.settings.import_bound = Duration::from_secs(20);
        (bench.target.faults, bench.target.rate) = (vec![Fault::ImportNever], 1_000);
        bench
    }

    /// That of the second device is asked for and not carried out.
    async fn import_asked_for(&self) -> String {
        loop {
            self.clock.sleep(Duration::from_millis(50)).await;
            let rows = SqliteJournal::read(&self.run_folder()).unwrap_or_default();
            let rows = rows.iter().map(|(_, row)| row);
            if rows.clone().any(|row| matches!(row, Row::Outcome { was: Was::Queued, .. })) {
                let mut files = rows.filter_map(|row| match row {
                    Row::Intent { file: Some(file), .. } => Some(file.path.clone()),
                    _ => None,
                });
                return files.next_back().unwrap();
            }
        }
    }

    /// The platform begins an import so long from now, if its file is still there.
    fn begin_import(&self, path: String, after: Duration) {
        let begin = move |project: &mut crate::sim::world::Project| {
            let Some(content) = project.files.get(&path).cloned() else { return };
            let records = imported(project, &content).unwrap();
            project.arrive(id(2), records, true);
        };
        self.target.project.lock().unwrap().coming.push((self.clock.elapsed() + after, Box::new(begin)));
    }

    /// Another run writes by stream what is missing.
    async fn run_another(&self) {
        let plan = self.plan(&of_the_second(Lane::Stream)).await;
        assert_eq!(plan.summary().records_missing, 40);
        let folder = self.folder.path().join("another");
        let (env, approved) = (crate::Env { nonce: 8, ..self.env() }, plan.fingerprint());
        let ended = run(&plan, &approved, &folder, &self.source, &self.target, &self.settings, env).await;
        assert_eq!(ended.unwrap(), Ending::Finished);
        assert_eq!(self.there()[&id(2)].records.len(), 100);
    }
}

fn of_the_second(lane: Lane) -> Choices {
    Choices { devices: Some(BTreeSet::from([id(2)])), lane, ..Choices::default() }
}

/// Its owner stopped the first, or it died and the second took its file away: either way it brought nothing.
#[tokio::test(start_paused = true)]
async fn what_a_later_run_wrote_stays_if_an_import_never_came() {
    for is_killed in [false, true] {
        let bench = Bench::without_imports();
        let plan = bench.plan(&of_the_second(Lane::File)).await;
        let folder = bench.run_folder();
        let session = Box::pin(bench.run(&plan, &folder));
        if is_killed {
            let asked = Box::pin(bench.import_asked_for());
            assert!(matches!(select(session, asked).await, Either::Right(_)));
        } else {
            let stopping = async {
                bench.import_asked_for().await;
                bench.control.stop();
            };
            let (ending, ()) = join(session, stopping).await;
            assert_eq!(ending.unwrap(), Ending::Stopped);
        }
        let bench = Bench { control: Control::new(), ..bench };
        bench.clock.sleep(Duration::from_secs(10)).await;
        bench.run_another().await;
        bench.clock.sleep(Duration::from_secs(3_600)).await;
        let told = bench.undo().await;
        assert_eq!(bench.there()[&id(2)].records.len(), 100, "killed: {is_killed}, {told:#?}");
        assert!(told.reversed.is_empty(), "{told:#?}");
    }
}

/// It goes on without its file, and with the records that the next run finds missing.
#[tokio::test(start_paused = true)]
async fn an_import_that_was_stopped_in_its_middle_is_waited_for_by_the_next_run() {
    for is_killed in [false, true] {
        let bench = Bench::without_imports();
        let plan = bench.plan(&of_the_second(Lane::File)).await;
        let folder = bench.run_folder();
        let session = Box::pin(bench.run(&plan, &folder));
        let asked = Box::pin(bench.import_asked_for());
        let Either::Right((path, session)) = select(session, asked).await else { panic!("it ended") };
        // One variable after the other, and no pause longer than the bound.
        let content = bench.target.project.lock().unwrap().files[&path].clone();
        let mut records = imported(&bench.target.project.lock().unwrap(), &content).unwrap();
        records.sort_by(|a, b| b.variable.cmp(&a.variable));
        for (number, part) in (0_u32..).zip(records.chunks(2).map(<[FakeRecord]>::to_vec)) {
            let at = bench.clock.elapsed() + bench.settings.late_commit_bound * 3 / 4 * number;
            let arrive = move |project: &mut crate::sim::world::Project| project.arrive(id(2), part, true);
            bench.target.project.lock().unwrap().coming.push((at, Box::new(arrive)));
        }
        bench.control.stop();
        if is_killed {
            // By the time at which its file was taken away.
            let gone = Box::pin(async {
                while bench.target.project.lock().unwrap().files.contains_key(&path) {
                    bench.clock.sleep(Duration::from_millis(1)).await;
                }
            });
            assert!(matches!(select(session, gone).await, Either::Right(_)), "it ended");
        } else {
            assert_eq!(session.await.unwrap(), Ending::Stopped);
        }
        let mut bench = Bench { control: Control::new(), ..bench };
        bench.target.rate = 0;
        for number in 0..2 {
            let plan = bench.plan(&of_the_second(Lane::Stream)).await;
            let folder = bench.folder.path().join(format!("next {number}"));
            let (env, approved) = (crate::Env { nonce: 8 + number, ..bench.env() }, plan.fingerprint());
            let ended =
                run(&plan, &approved, &folder, &bench.source, &bench.target, &bench.settings, env).await;
            assert_eq!(ended.unwrap(), Ending::Finished);
        }
        bench.clock.sleep(Duration::from_secs(60)).await;
        bench.target.project.lock().unwrap().happen(bench.clock.elapsed());
        let records = bench.there()[&id(2)].records.len();
        assert_eq!(records, 100, "killed: {is_killed}");
        assert!(bench.target.project.lock().unwrap().files.is_empty());
    }
}

/// As long as its file is there, an import may begin: what it brings is the run's, however late.
#[tokio::test(start_paused = true)]
async fn what_an_import_brought_late_is_taken_back_also_if_actions_were_held() {
    for is_held in [false, true] {
        let bench = Bench::without_imports();
        if is_held {
            bench.watch_door(2, ">", 0);
        }
        let plan = bench.plan(&of_the_second(Lane::File)).await;
        assert_eq!(plan.header().actions.len(), usize::from(is_held));
        let folder = bench.run_folder();
        let session = Box::pin(bench.run(&plan, &folder));
        let asked = Box::pin(bench.import_asked_for());
        let Either::Right((path, session)) = select(session, asked).await else { panic!("it ended") };
        drop(session);
        bench.begin_import(path, bench.settings.import_bound * 4);
        bench.clock.sleep(bench.settings.import_bound * 5).await;
        let told = bench.undo().await;
        assert_eq!(bench.there()[&id(2)].records.len(), 60, "held: {is_held}, {told:#?}");
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    }
}

/// What is removed may be listed a little longer.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_listed_after_its_removal_is_waited_for() {
    let bench = Bench::without_imports();
    bench.target.project.lock().unwrap().lists_files_for = Duration::from_secs(3);
    let before = bench.there();
    bench.run_all(&of_the_second(Lane::File)).await;
    let status = status(&bench.run_folder()).unwrap();
    assert_eq!((status.records_done, status.held.len()), (40, 0), "{:?}", status.held);
    assert!(bench.target.project.lock().unwrap().files.is_empty());
    bench.undo().await;
    bench.assert_as(&before);
}

/// The session that took the file away ended before it was over.
#[tokio::test(start_paused = true)]
async fn what_an_import_brought_late_is_taken_back_by_the_next_session_too() {
    let bench = Bench::without_imports();
    let plan = bench.plan(&of_the_second(Lane::File)).await;
    let folder = bench.run_folder();
    let session = Box::pin(bench.run(&plan, &folder));
    let asked = Box::pin(bench.import_asked_for());
    let Either::Right((path, session)) = select(session, asked).await else { panic!("it ended") };
    drop(session);
    bench.begin_import(path, bench.settings.import_bound * 4);
    bench.clock.sleep(bench.settings.import_bound * 5).await;
    let taken_away = Box::pin(async {
        while !bench.target.project.lock().unwrap().files.is_empty() {
            bench.clock.sleep(Duration::from_millis(10)).await;
        }
    });
    let session = Box::pin(undo(&folder, &bench.target, &bench.settings, bench.env()));
    assert!(matches!(select(session, taken_away).await, Either::Right(_)), "it ended");
    let told = bench.undo().await;
    assert_eq!(bench.there()[&id(2)].records.len(), 60, "{told:#?}");
}

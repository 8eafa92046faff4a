use std::path::Path;

use tago_api::client::{DeviceQuery, RecordQuery, TimeRange};
use tago_migrate::status;

use crate::ctl::{Ctl, Ended};
use crate::oracle::{self, NONE};
use crate::platform::{Platform, Project};

/// The disk under the journal is full, or fails to sync, at some moment of a run: the run ends there, says so,
/// has sent nothing that the journal does not announce, and goes on when the disk is well again.
#[tokio::test(flavor = "multi_thread")]
async fn f14_f15_a_run_ends_when_its_journal_cannot_be_written_and_goes_on_later() {
    let platform = Platform::start();
    let (source, target) = emptied(&platform, 4).await;
    let (from, into) = (platform.database(&source).await, platform.database(&target).await);
    let mut told = 0;
    for (number, fault) in [
        "fdatasync,fsync:error=EIO:when=9",
        "fdatasync,fsync:error=EIO:when=25",
        "pwrite64:error=ENOSPC:when=12+",
        "pwrite64:error=ENOSPC:when=60+",
    ]
    .into_iter()
    .enumerate()
    {
        let before = oracle::records(&into, None);
        let device = &target.api().devices(&DeviceQuery::all()).await.unwrap()[number];
        let device = [device.id.to_string()];
        let ctl = Ctl::between(&source, &target);
        let plan = ctl.plan(&["--device", &device[0]]).json(0);
        let missing = plan["records"]["to_write"].as_i64().unwrap();
        assert!(missing > 50, "{fault}: {missing}");
        let ended = ctl.run_on_a_failing_disk(plan["fingerprint"].as_str().unwrap(), fault);
        assert!(ended.sentence(6).contains("journal"), "{fault}: {ended:#?}");
        let found = oracle::records(&into, None);
        let sent = found.minus(&before).count();
        assert!(sent < missing, "{fault}: it went on without its journal");
        told += usize::from(sent > 0);
        assert_eq!(ctl.resume(None).json(0)["ending"], "finished", "{fault}");
        let expected = before.plus(&oracle::records(&from, None).of(&device).minus(&before.of(&device)));
        assert_eq!(expected.compare(&oracle::records(&into, None)), NONE, "{fault}");
        assert_eq!(ctl.prove().json(0)["green"], true, "{fault}");
    }
    assert!(told >= 2, "only {told} runs were in their middle");
}

/// A second program does not get at a run as long as the first one lives; it may look at it, and takes over when
/// the first one is killed.
#[tokio::test(flavor = "multi_thread")]
async fn f22_a_second_program_takes_over_a_run_when_the_first_one_is_killed() {
    let platform = Platform::start();
    let (source, target) = emptied(&platform, 5).await;
    let (from, into) = (platform.database(&source).await, platform.database(&target).await);
    let before = oracle::records(&into, None);
    let expected = before.plus(&oracle::records(&from, None).minus(&before));
    let mut ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&[]).json(0);
    platform.fault(&target, "slow", 1.0, 1, 50).await;
    let mut first = ctl.start(plan["fingerprint"].as_str().unwrap());
    while !status(&ctl.run_folder()).is_ok_and(|status| status.records_done > 0) {
        assert!(first.try_wait().unwrap().is_none(), "it ended before there could be a second one");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Of another user, who does not see the lock of the target: the run has one of its own.
    ctl.data = ctl.folder.path().join("elsewhere");
    for refused in [ctl.resume(None), ctl.undo(None)] {
        assert!(refused.sentence(6).contains("open in another window or terminal"), "{refused:#?}");
    }
    assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
    first.kill().unwrap();
    assert_eq!(Ended::from(first.wait_with_output().unwrap()).signal, Some(9));
    platform.come_back().await;
    assert_eq!(ctl.resume(None).json(0)["ending"], "finished");
    assert_eq!(epochs(&ctl.run_folder()), [1, 2]);
    assert_eq!(expected.compare(&oracle::records(&into, None)), NONE);
    assert_eq!(ctl.prove().json(0)["green"], true);
}

/// A copy of the demo project, of which the original has lost the records of some devices.
async fn emptied(platform: &Platform, devices: usize) -> (Project, Project) {
    let (console, target) = (platform.console(), platform.original());
    let backup = console.back_up_now(target.id).await.unwrap();
    let api = target.api();
    for device in &api.devices(&DeviceQuery::all()).await.unwrap()[..devices] {
        assert!(api.delete_records(device.id, &RecordQuery::range(TimeRange::ALL)).await.unwrap() > 0);
    }
    (platform.restore(target.id, backup.id).await, target)
}

/// Whose rows there are in a journal.
fn epochs(run: &Path) -> Vec<i64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = rusqlite::Connection::open_with_flags(run.join("journal.sqlite"), flags).unwrap();
    let mut query = db.prepare("SELECT DISTINCT epoch FROM row ORDER BY epoch").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

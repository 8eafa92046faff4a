use std::time::Duration;

use serde_json::Value;
use tago_api::client::{RecordQuery, TimeRange};

use crate::bad_day::devices;
use crate::ctl::Ctl;
use crate::oracle::{self, NONE};
use crate::platform::Platform;

/// A target that shows what is written only a while later, and now and then carries a batch out without an
/// answer: what is not seen yet is neither sent again, nor told as missing, nor left behind by the undo.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_shows_writes_late_is_waited_for_by_run_proof_and_undo() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let devices = devices(&api).await;
    let (deleted, emptied) = (&devices[..2], &devices[2..5]);
    let backup = console.backups(target.id).await.unwrap().remove(0);
    for device in deleted {
        api.delete_device(device.0).await.unwrap();
    }
    let month =
        TimeRange { from: backup.created_at - Duration::from_secs(30 * 86_400), to: backup.created_at };
    for device in emptied {
        assert!(api.delete_records(device.0, &RecordQuery::range(month)).await.unwrap() > 0);
    }
    let database = platform.database(&target).await;
    let before = oracle::records(&database, None);
    let source = platform.restore(target.id, backup.id).await;
    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&[]).json(0);
    let missing = plan["records"]["to_write"].as_i64().unwrap();
    assert!(missing > 500, "{missing}");

    // The bound of these runs is two seconds.
    platform.show_late(&target, 1_500).await;
    platform.fault(&target, "commit_then_drop", 0.3, 5, 0).await;
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    assert!(platform.struck().await[0] > 0);
    platform.come_back().await;
    assert_eq!(run["records_done"], missing);
    // The proof begins before everything is shown.
    let proof = ctl.prove().json(0);
    assert_eq!((&proof["green"], &proof["missing"], &proof["doubled"]), (&true.into(), &0.into(), &0.into()));
    assert_eq!(oracle::records(&database, None).count(), before.count() + missing);
    assert_eq!(ctl.plan(&[]).json(0)["nothing_to_do"], true);

    let told = ctl.undo(None).json(0);
    let undone = &told["undone"];
    assert_eq!((&undone["complete"], &undone["changed_since"]), (&true.into(), &Value::Array(vec![])));
    assert_eq!(before.compare(&oracle::records(&database, None)), NONE);
    assert_eq!(ctl.undo(None).json(0)["undone"], *undone, "a second undo says the same");
}

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::ctl::Ctl;
use crate::damaged::Damaged;
use crate::oracle::{self, NONE};
use crate::platform::Platform;

/// A target that shows what is written only a while later, and now and then carries a batch out without an
/// answer: what is not seen yet is neither sent again, nor told as missing, nor left behind by the undo.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_shows_records_late_is_waited_for_by_run_proof_and_undo() {
    wait_for("records").await;
}

/// The same of devices, their parameters and their tokens.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_shows_everything_late_is_waited_for_by_run_proof_and_undo() {
    wait_for("everything").await;
}

async fn wait_for(late: &str) {
    let platform = Platform::start();
    let Damaged { target, backup, .. } = Damaged::of(&platform).await;
    let database = platform.database(&target).await;
    let before = (oracle::records(&database, None), said(&database));
    let source = platform.restore(target.id, backup.id).await;
    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&["--existing", "take-source"]).json(0);
    let missing = plan["records"]["to_write"].as_i64().unwrap();
    assert!(missing > 500, "{missing}");

    // The bound of these runs is two seconds.
    platform.show_late(&target, late, 1_500).await;
    platform.fault(&target, "commit_then_drop", 0.3, 5, 0).await;
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
    assert!(platform.struck().await[0] > 0);
    platform.come_back().await;
    assert_eq!(run["records_done"], missing);
    // The proof begins before everything is shown.
    let proof = ctl.prove().json(0);
    assert_eq!((&proof["green"], &proof["missing"], &proof["doubled"]), (&true.into(), &0.into(), &0.into()));
    assert_eq!(oracle::records(&database, None).count(), before.0.count() + missing);
    let again = ctl.plan(&["--existing", "take-source"]).json(0);
    assert_eq!(again["nothing_to_do"], true, "{again}");

    let told = ctl.undo(None).json(0);
    let undone = &told["undone"];
    assert_eq!((&undone["complete"], &undone["changed_since"]), (&true.into(), &Value::Array(vec![])));
    assert_eq!(before.0.compare(&oracle::records(&database, None)), NONE);
    assert_eq!(said(&database), before.1);
    assert_eq!(ctl.undo(None).json(0)["undone"], *undone, "a second undo says the same");
}

/// Devices, parameters and the names of tokens.
fn said(database: &Path) -> Vec<String> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = Vec::new();
    for query in [
        "SELECT json_array(id, name, type, tags, active, visible) FROM devices ORDER BY id",
        "SELECT json_array(id, device, key, value, sent) FROM params ORDER BY id",
        "SELECT json_array(id, owner, name, permission) FROM tokens WHERE kind = 'device' ORDER BY id",
    ] {
        let mut query = db.prepare(query).unwrap();
        rows.extend(query.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    }
    rows
}

//! F16: a journal that a disk has damaged is refused, and what its run still lacks is planned again.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tago_api::client::{DeviceEdit, DeviceQuery, RecordQuery, ResourceType, TimeRange};

use crate::bad_day::devices;
use crate::ctl::{Ctl, Ended};
use crate::oracle::{self, NONE};
use crate::platform::Platform;

/// All rows into the main file, as a clean end leaves them.
fn fold(run: &Path) {
    let journal = Connection::open(run.join("journal.sqlite")).unwrap();
    journal.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// Turns one bit of the last of these words in the journal.
fn flip(run: &Path, word: &str) {
    let path = run.join("journal.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(word.len()).rposition(|part| part == word.as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

impl Ctl {
    fn rebuild(&self) -> Ended {
        let (run, plan) = (self.run_folder(), self.folder.path().join("again.jsonl"));
        self.call(&["rebuild", run.to_str().unwrap(), "--out", plan.to_str().unwrap()], None)
    }

    /// The new plan, in a new folder.
    fn run_again(&self, fingerprint: &str) -> Ended {
        let (plan, run) = (self.folder.path().join("again.jsonl"), self.folder.path().join("again"));
        let arguments =
            ["run", plan.to_str().unwrap(), "--approve", fingerprint, "--run", run.to_str().unwrap()];
        self.call(&arguments, None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_run_with_a_damaged_journal_is_planned_again_and_doubles_and_loses_nothing() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let listed = devices(&api).await;
    let (lost, emptied) = (&listed[0], &listed[1..4]);
    let kept: Vec<String> = listed[1..].iter().map(|(id, _)| id.to_string()).collect();
    let database = platform.database(&target).await;
    let backup = console.back_up_now(target.id).await.unwrap();
    let before = oracle::records(&database, None);
    api.delete_device(lost.0).await.unwrap();
    for device in emptied {
        let all = RecordQuery::range(TimeRange::ALL);
        assert!(api.delete_records(device.0, &all).await.unwrap() > 0);
    }
    let source = platform.restore(target.id, backup.id).await;
    let damaged = oracle::records(&database, None).count();
    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&["--policy", "append"]).json(0);
    let killed = ctl.run(plan["fingerprint"].as_str().unwrap(), Some(60));
    assert_eq!(killed.signal, Some(9), "{killed:#?}");
    let whole = ctl.rebuild();
    assert!(whole.sentence(2).contains("not damaged"), "{whole:#?}");
    // What the run has made bears its mark, whatever somebody calls it by now.
    let marked = DeviceQuery { tags: vec![("holdfast_run".into(), None)], ..DeviceQuery::all() };
    let made = api.devices(&marked).await.unwrap().remove(0);
    let name = Some("Found on Monday".to_owned());
    api.edit_device(made.id, &DeviceEdit { name, ..DeviceEdit::default() }).await.unwrap();

    // What was under way when the run was killed has been stored by now, before the name.
    let stored = oracle::records(&database, None).count();
    assert!(stored > damaged, "the run had sent something");

    fold(&ctl.run_folder());
    let whole_journal = fs::read(ctl.run_folder().join("journal.sqlite")).unwrap();
    flip(&ctl.run_folder(), "intent");
    for refused in [ctl.resume(None), ctl.prove()] {
        let sentence = refused.sentence(6);
        assert!(sentence.contains("damaged") && sentence.contains("holdfastctl rebuild"), "{sentence}");
    }
    assert_eq!(oracle::records(&database, None).count(), stored, "nothing more was sent");

    // What the run has switched off so that nothing fires, it cannot switch on again.
    let again = ctl.rebuild().json(1);
    assert_eq!(again["runnable"], true);
    let off = again["switched_off"].as_array().unwrap();
    assert!(off.contains(&"Freezer too warm".into()), "{again}");
    let tidied = again["tidied"].as_array().unwrap();
    assert!(tidied.iter().any(|told| told.as_str().unwrap().contains("token")), "{again}");
    let run = ctl.run_again(again["fingerprint"].as_str().unwrap()).json(0);
    assert_eq!(run["ending"], "finished", "{run}");
    let after = oracle::records(&database, None);
    assert_eq!(before.of(&kept).compare(&after.of(&kept)), NONE);
    let there = api.devices(&DeviceQuery::all()).await.unwrap();
    assert_eq!(there.len(), listed.len(), "{there:?}");
    let named: Vec<_> = api
        .devices(&DeviceQuery::all())
        .await
        .unwrap()
        .into_iter()
        .filter(|device| device.name == lost.1)
        .collect();
    assert_eq!(named.len(), 1, "{named:?}");
    let count = |records: &oracle::Records, id: String| records.of(&[id]).count();
    assert_eq!(count(&after, named[0].id.to_string()), count(&before, lost.0.to_string()));
    for device in api.devices(&DeviceQuery::all()).await.unwrap() {
        assert!(device.tags.iter().all(|tag| tag.key != "holdfast_run"), "{device:?}");
        let tokens = api.device_tokens(device.id).await.unwrap();
        assert!(tokens.iter().all(|token| !token.name.starts_with("Holdfast run")), "{tokens:?}");
    }

    // Should its journal come back: the run is given up all the same, and what it holds can be let go.
    fs::write(ctl.run_folder().join("journal.sqlite"), whole_journal).unwrap();
    let run = ctl.run_folder();
    let held_of = ctl.plan(&["--held-of", run.to_str().unwrap()]);
    for refused in [ctl.resume(None), ctl.undo(None), held_of] {
        assert!(refused.sentence(2).contains("run that newer plan"), "{refused:#?}");
    }
    let is_on = async || {
        let actions = api.resources(ResourceType::Action).await.unwrap();
        let named = actions.iter().find(|action| action["name"] == "Freezer too warm").unwrap();
        let id = named["id"].as_str().unwrap();
        api.resource(ResourceType::Action, id).await.unwrap()["active"] == true
    };
    assert!(!is_on().await);
    assert_eq!(ctl.on_target(&["release", run.to_str().unwrap()]).code, Some(0));
    assert!(is_on().await);
    assert_eq!(ctl.rebuild().json(0)["runnable"], true);
}

/// Another program that has the journal, as a virus scanner or a copy in progress may.
#[tokio::test(flavor = "multi_thread")]
async fn f16_a_journal_that_cannot_be_read_for_now_is_not_taken_for_damaged() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let listed = devices(&api).await;
    let backup = console.back_up_now(target.id).await.unwrap();
    api.delete_device(listed[0].0).await.unwrap();
    let source = platform.restore(target.id, backup.id).await;
    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&[]).json(0);
    assert_eq!(ctl.run(plan["fingerprint"].as_str().unwrap(), Some(12)).signal, Some(9));

    let other = Connection::open(ctl.run_folder().join("journal.sqlite")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;").unwrap();
    for refused in [ctl.rebuild(), ctl.resume(None)] {
        let sentence = refused.sentence(6);
        assert!(sentence.contains("locked") && !sentence.contains("plans again"), "{sentence}");
    }
    other.close().unwrap();
    assert_eq!(ctl.resume(None).json(0)["ending"], "finished");
    assert_eq!(api.devices(&DeviceQuery::all()).await.unwrap().len(), listed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_run_over_resources_with_a_damaged_journal_is_planned_again() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let backup = console.back_up_now(target.id).await.unwrap();
    let of_type = async |of| {
        let mut found: Vec<String> = api
            .resources(of)
            .await
            .unwrap()
            .iter()
            .map(|found| found.get("label").or(found.get("name")).unwrap().to_string())
            .collect();
        found.sort();
        found
    };
    let whole = (of_type(ResourceType::Dashboard).await, of_type(ResourceType::Action).await);
    let source = platform.restore(target.id, backup.id).await;
    let options = ["--type", "dashboard", "--type", "widget", "--type", "action"];
    // Killed at several rows, so that something is made and not completed, or completed.
    for (row, is_readable) in [(8, true), (15, false), (24, true)] {
        for of in [ResourceType::Dashboard, ResourceType::Action] {
            for found in api.resources(of).await.unwrap() {
                api.delete_resource(of, found["id"].as_str().unwrap()).await.unwrap();
            }
        }
        let ctl = Ctl::between(&source, &target);
        let plan = ctl.plan_resources(&options).json(0);
        let killed = ctl.run(plan["fingerprint"].as_str().unwrap(), Some(row));
        assert_eq!(killed.signal, Some(9), "{killed:#?}");
        fold(&ctl.run_folder());
        match is_readable {
            true => flip(&ctl.run_folder(), "intent"),
            false => {
                let path = ctl.run_folder().join("journal.sqlite");
                let mut bytes = fs::read(&path).unwrap();
                bytes[..100].fill(0);
                fs::write(path, bytes).unwrap();
            }
        }
        assert!(ctl.resume(None).sentence(6).contains("holdfastctl rebuild"));
        let again = ctl.rebuild().json(0);
        assert_eq!(ctl.run_again(again["fingerprint"].as_str().unwrap()).json(0)["ending"], "finished");
        assert_eq!((of_type(ResourceType::Dashboard).await, of_type(ResourceType::Action).await), whole);
        for of in [ResourceType::Dashboard, ResourceType::Action] {
            for found in api.resources(of).await.unwrap() {
                let text = serde_json::to_string(&found).unwrap();
                assert!(!text.contains("holdfast_run"), "killed at row {row}: {text}");
            }
        }
        assert_eq!(ctl.plan_resources(&options).json(0)["nothing_to_do"], true, "killed at row {row}");
    }
}

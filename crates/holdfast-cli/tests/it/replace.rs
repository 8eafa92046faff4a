use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tago_api::client::{Api, NewDevice, NewRecord, RecordQuery, TimeRange};
use tago_api::{DeviceId, Time};

use crate::bad_day::{device_api, devices};
use crate::ctl::Ctl;
use crate::oracle::{self, NONE, Records};
use crate::platform::{Platform, Project};

const MONTH: Duration = Duration::from_secs(28 * 86_400);
const OWN: &str = "only-here";

/// A project of which a month is half lost and half overwritten, and its copy.
struct HalfDamaged {
    platform: Platform,
    target: Project,
    source: Project,
    month: TimeRange,
    chosen: Vec<DeviceId>,
}

impl HalfDamaged {
    async fn new() -> HalfDamaged {
        let platform = Platform::start();
        let (console, target) = (platform.console(), platform.original());
        let api = target.api();
        let chosen: Vec<DeviceId> = devices(&api).await[2..6].iter().map(|device| device.0).collect();
        let backup = console.backups(target.id).await.unwrap().remove(0);
        let (from, to) = (backup.created_at - MONTH, backup.created_at - Duration::from_secs(3_600));
        let month = TimeRange { from, to };
        // The second half of the month is lost; in all of it, and beside it, there is what the copy has not.
        let half = TimeRange { from: from + MONTH / 2, to };
        for device in &chosen {
            assert!(api.delete_records(*device, &RecordQuery::range(half)).await.unwrap() > 0);
            let outside = [from - Duration::from_millis(1), to + Duration::from_millis(1)];
            let inside = (0..40_u32).map(|number| from + Duration::from_secs(3_600) * number);
            let own: Vec<NewRecord> = inside.chain([from, to]).chain(outside).map(own).collect();
            device_api(&api, *device).await.write(&own).await.unwrap();
        }
        let source = platform.restore(target.id, backup.id).await;
        HalfDamaged { platform, target, source, month, chosen }
    }

    /// The options of a plan that replaces the month on the chosen devices.
    fn options(&self) -> Vec<String> {
        let mut options = vec!["--policy".to_owned(), "replace".to_owned()];
        options.extend(["--from".to_owned(), self.month.from.to_string()]);
        options.extend(["--to".to_owned(), self.month.to.to_string()]);
        options.extend(self.chosen.iter().flat_map(|device| ["--device".to_owned(), device.to_string()]));
        options
    }

    fn plan(&self, ctl: &Ctl) -> Value {
        let options = self.options();
        ctl.plan(&options.iter().map(String::as_str).collect::<Vec<_>>()).json(0)
    }

    /// What of a project's records the owner chose.
    fn chosen_of(&self, records: &Records) -> Records {
        let ids: Vec<String> = self.chosen.iter().map(ToString::to_string).collect();
        records.of(&ids).between(self.month.from, self.month.to)
    }
}

fn own(time: Time) -> NewRecord {
    NewRecord {
        variable: if time.millis() % 7_200_000 == 0 { "temperature" } else { "only_here" }.into(),
        value: serde_json::from_str("-99.5").unwrap(),
        time,
        unit: Some("°C".into()),
        group: Some(OWN.into()),
        location: None,
        metadata: Some(serde_json::from_str(r#"{"note":{"b":[1.50,null],"a":"=1+1"}}"#).unwrap()),
    }
}

/// Replaced through kills, proven, reported; nothing is left to do; taken back when the copy is deleted, through
/// kills again; and what lies beside the range is untouched throughout.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_range_is_replaced_through_kills_and_taken_back_without_its_source() {
    let it = HalfDamaged::new().await;
    let database = it.platform.database(&it.target).await;
    let before = (oracle::records(&database, None), oracle::everything_else(&database));
    let copy = oracle::records(&it.platform.database(&it.source).await, None);
    let (had, wanted) = (it.chosen_of(&before.0), it.chosen_of(&copy));
    let (missing, surplus) = (wanted.minus(&had), had.minus(&wanted));
    assert!(missing.count() > 100 && surplus.count() > 150, "{} and {}", missing.count(), surplus.count());

    let mut ctl = Ctl::between(&it.source, &it.target);
    let plan = it.plan(&ctl);
    assert_eq!(plan["records"]["to_write"], missing.count());
    assert_eq!(plan["records"]["to_remove"], surplus.count());
    for device in plan["devices"].as_array().unwrap() {
        let id = [device["device"].as_str().unwrap().to_owned()];
        assert_eq!(device["records"]["to_remove"], surplus.of(&id).count(), "{device}");
    }
    let check = plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "replaced").unwrap();
    assert_eq!(check["verdict"], "warn");
    assert!(check["text"].as_str().unwrap().contains("kept whole on this computer"), "{check}");
    assert_eq!(plan["irreversible"].as_array().unwrap().len(), it.chosen.len());

    // Killed at one row after the other.
    let fingerprint = plan["fingerprint"].as_str().unwrap();
    let mut ended = ctl.run(fingerprint, Some(9));
    let mut kills = 0;
    while ended.signal.is_some() {
        kills += 1;
        assert!(kills < 200, "{ended:#?}");
        assert_eq!(missing_beside(&it, &database, &before.0), 0, "a record beside the range is gone");
        ended = ctl.resume(Some(rows(&ctl) + 5 + kills));
    }
    let run = ended.json(0);
    println!("replaced through {kills} kills");
    assert!(kills >= 4, "killed {kills} times");
    assert_eq!(
        (&run["records_done"], &run["records_removed"]),
        (&plan["records"]["to_write"], &plan["records"]["to_remove"])
    );

    let after = oracle::records(&database, None);
    assert_eq!(wanted.compare(&it.chosen_of(&after)), NONE);
    assert_eq!(before.0.plus(&missing).minus(&surplus).compare(&after), NONE, "nothing else changed");
    for depth in ["counts", "content", "records"] {
        let proof = ctl.prove_at(depth).json(0);
        assert_eq!((&proof["agrees"], &proof["foreign"]), (&true.into(), &0.into()), "{depth}: {proof:#}");
    }
    let report = ctl.report().json(0)["report"].take();
    assert_eq!((&report["records_removed"], &report["proven"]), (&surplus.count().into(), &true.into()));
    let parts = report["removed"].as_array().unwrap();
    assert_eq!(parts.iter().map(|part| part["records"].as_i64().unwrap()).sum::<i64>(), surplus.count());
    for part in parts {
        let kept = std::fs::read_to_string(ctl.run_folder().join(part["kept"].as_str().unwrap())).unwrap();
        assert!(kept.contains(OWN), "{kept}");
    }
    let table = std::fs::read_to_string(ctl.run_folder().join("removed.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + parts.len());
    let page = std::fs::read_to_string(ctl.run_folder().join("report.html")).unwrap();
    assert!(page.contains("Records that were removed"), "{page}");
    let again = Ctl::between(&it.source, &it.target);
    assert_eq!(it.plan(&again)["nothing_to_do"], true);

    // Somebody sends into the range; the copy is gone, and its address with it.
    let sensor = device_api(&it.target.api(), it.chosen[0]).await;
    let foreign = NewRecord { group: Some("somebody-else".into()), ..own(it.month.from) };
    sensor.write(&[foreign]).await.unwrap();
    let proof = ctl.prove().json(0);
    assert_eq!((&proof["green"], &proof["foreign"]), (&true.into(), &1.into()));
    it.platform.console().delete_project(it.source.id, "Rescue").await.unwrap();
    ctl.source.api = "http://127.0.0.1:1".into();

    let begun = rows(&ctl);
    let mut kills = 0;
    let told = loop {
        // A session writes some rows before it comes to where the one before it ended.
        let ended = ctl.undo(Some(begun + 3 + kills * (kills + 6)));
        match ended.signal {
            Some(_) => kills += 1,
            None => break ended.json(0),
        }
        assert!(kills < 200, "{ended:#?}");
    };
    println!("taken back through {kills} kills");
    assert!(kills >= 4, "killed {kills} times");
    let undone = &told["undone"];
    assert_eq!((&undone["complete"], &undone["changed_since"]), (&true.into(), &Value::Array(vec![])));
    assert_eq!(undone["impossible"], Value::Array(vec![]));
    let back = |line: &Value| line["what"]["written_back"].as_i64();
    let back: i64 = undone["reversed"].as_array().unwrap().iter().filter_map(back).sum();
    assert_eq!(back, surplus.count());
    let now = oracle::records(&database, None);
    let foreign = now.minus(&now.without_group("somebody-else"));
    assert_eq!(before.0.plus(&foreign).compare(&now), NONE, "as it was, but for what somebody sent");
    assert_eq!(foreign.count(), 1);
    let ours =
        |rows: &[String]| rows.iter().filter(|row| !row.contains("sensor")).cloned().collect::<Vec<_>>();
    assert_eq!(ours(&oracle::everything_else(&database)).len(), ours(&before.1).len(), "no token is left");
    assert_eq!(ctl.undo(None).json(0)["undone"], *undone, "a second undo says the same");
}

/// Removals that are carried out without an answer, later, or not at all; and the same of what is written back.
#[tokio::test(flavor = "multi_thread")]
async fn removals_in_doubt_take_nothing_else_away() {
    for (seed, kind) in (0..).zip(["commit_then_drop", "late_commit", "late_effect"]) {
        let it = HalfDamaged::new().await;
        let database = it.platform.database(&it.target).await;
        let before = oracle::records(&database, None);
        let copy = oracle::records(&it.platform.database(&it.source).await, None);
        let wanted = it.chosen_of(&copy);
        let ctl = Ctl::between(&it.source, &it.target);
        let plan = it.plan(&ctl);
        it.platform.fault_on("DELETE /device/{device}/data", &it.target, kind, 0.7, seed, 900).await;
        let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json(0);
        assert!(it.platform.struck().await[0] > 0, "{kind}");
        assert_eq!(run["records_removed"], plan["records"]["to_remove"], "{kind}");
        let after = oracle::records(&database, None);
        assert_eq!(wanted.compare(&it.chosen_of(&after)), NONE, "{kind}");
        it.platform.fault(&it.target, kind, 0.5, 9, 900).await;
        let told = ctl.undo(None).json(0);
        assert_eq!(told["undone"]["complete"], true, "{kind}");
        it.platform.come_back().await;
        assert_eq!(before.compare(&oracle::records(&database, None)), NONE, "{kind}");
    }
}

/// What an immutable device has beyond the source stays, and the plan says why; its gaps, and other devices, are
/// not held up by it.
#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_device_is_refused_with_its_reason_and_the_rest_goes_on() {
    let it = HalfDamaged::new().await;
    let both = [it.source.api(), it.target.api()];
    let day = it.month.to - Duration::from_secs(86_400);
    let at = |minutes: u64| own(day + Duration::from_secs(60) * u32::try_from(minutes).unwrap());
    let (common, missing, surplus) = (at(1), at(2), at(3));
    for (name, there) in [("Archive", vec![&common, &surplus]), ("Ledger", vec![&common])] {
        write(&both[0], name, &[common.clone(), missing.clone()]).await;
        write(&both[1], name, &there.into_iter().cloned().collect::<Vec<_>>()).await;
    }
    let ctl = Ctl::between(&it.source, &it.target);
    let mut options = it.options();
    for name in ["Archive", "Ledger"] {
        options.extend(["--device".to_owned(), name.to_owned()]);
    }
    let plan = ctl.plan(&options.iter().map(String::as_str).collect::<Vec<_>>()).json(0);
    let of = |name: &str| {
        plan["devices"].as_array().unwrap().iter().find(|device| device["name"] == name).unwrap().clone()
    };
    assert_eq!(
        (&of("Archive")["data"], &of("Archive")["records"]["to_remove"]),
        (&"blocked".into(), &0.into())
    );
    assert_eq!((&of("Ledger")["data"], &of("Ledger")["records"]["to_write"]), (&"fill".into(), &1.into()));
    let file = std::fs::read_to_string(ctl.plan_file()).unwrap();
    assert!(file.contains("not_removable") && file.contains("the platform removes no single record of it"));

    let database = it.platform.database(&it.target).await;
    let (before, copy) =
        (oracle::records(&database, None), oracle::records(&it.platform.database(&it.source).await, None));
    let run = ctl.run(plan["fingerprint"].as_str().unwrap(), None).json_of_any();
    assert_eq!(run["ending"], "finished");
    let after = oracle::records(&database, None);
    assert_eq!(it.chosen_of(&copy).compare(&it.chosen_of(&after)), NONE);
    let archive: Vec<String> = both[1]
        .devices(&tago_api::client::DeviceQuery::all())
        .await
        .unwrap()
        .into_iter()
        .filter(|device| device.name == "Archive")
        .map(|device| device.id.to_string())
        .collect();
    assert_eq!(before.of(&archive).compare(&after.of(&archive)), NONE, "it is as it was");
    let report = ctl.report().json(0)["report"].take();
    let told = report["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|line| line.as_str().unwrap().contains("immutable"));
    assert!(told, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_is_open_is_not_replaced() {
    let platform = Platform::start();
    let ctl = Ctl::between(&platform.original(), &platform.new_project("Empty").await);
    let refused = ctl.plan(&["--policy", "replace", "--from", "2026-11-01"]);
    assert!(refused.sentence(2).contains("give --from and --to"), "{refused:#?}");
}

/// Records of the target beside the range, and of other devices, that are not there any more.
fn missing_beside(it: &HalfDamaged, database: &Path, before: &Records) -> i64 {
    let beside = before.minus(&it.chosen_of(before));
    beside.minus(&oracle::records(database, None)).count()
}

async fn write(api: &Api, name: &str, records: &[NewRecord]) {
    let text = |text: &str| serde_json::value::to_raw_value(text).unwrap();
    let new = NewDevice {
        name: name.into(),
        kind: "immutable".into(),
        active: true,
        visible: true,
        tags: Vec::new(),
        serie_number: None,
        fields: [
            ("network".to_owned(), text("5bbd0d144051a50034cd19fb")),
            ("connector".to_owned(), text("5f5a8f3351d4db99c40dece7")),
            ("chunk_period".to_owned(), text("month")),
            ("chunk_retention".to_owned(), serde_json::value::to_raw_value(&6).unwrap()),
        ]
        .into(),
    };
    let token = api.create_device(&new).await.unwrap().token;
    api.as_device(&token).unwrap().write(records).await.unwrap();
}

/// How many rows the journal of the run has.
fn rows(ctl: &Ctl) -> u64 {
    let journal = ctl.run_folder().join("journal.sqlite");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let journal = rusqlite::Connection::open_with_flags(journal, flags).unwrap();
    let rows: i64 = journal.query_row("SELECT max(seq) FROM row", [], |row| row.get(0)).unwrap();
    rows.unsigned_abs()
}

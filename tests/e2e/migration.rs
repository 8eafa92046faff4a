//! From a damaged project to a proven migration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::database::{Database, Record, Records, Token, amount, beyond, together};
use crate::platform::Access;
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

pub const GREEN: &str = "[data-testid='proof-verdict'][data-green='true']";
const NOT_GREEN: &str = "[data-testid='proof-verdict'][data-green='false']";
pub const DONE: &str = "[data-testid='run-state'][data-state='done']";

#[tokio::test(flavor = "multi_thread")]
async fn s15_the_bad_day_is_rescued_exactly_while_another_client_keeps_sending() {
    play("s15", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let original = Database::open(&platform.database(&target).await);
        let (devices_before, definitions_before) = (original.devices(), original.definitions());
        let params_before = original.params();

        window.press("[data-testid='welcome-bad-day']").await;
        window.see("[data-testid='bad-day-story']").await;
        stage.picture("story").await;
        let damaged = original.records();
        assert_eq!(original.devices().len() + 5, devices_before.len());
        let best = stage.backup(0).await;
        let snapshot = Database::open(&platform.snapshot(&target, &best).await).records();
        let missing = beyond(&snapshot, &damaged);
        assert!(amount(&missing) > 500, "{} missing", amount(&missing));

        let client = Client::start(platform.access(&target, "Client").await).await;
        window.press("[data-testid='bad-day-restore']").await;
        window.write("[data-testid='restore-name']", "Before the bad day").await;
        window.press("[data-testid='restore-next']").await;
        let copy = stage.agree_and_wait("Before the bad day").await;

        window.press("[data-testid='deployment-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        stage.picture("choose").await;
        stage.rehearse().await;
        stage.picture("rehearsal").await;
        stage.see_figure("plan-missing", amount(&missing)).await;
        stage.see_figure("plan-to-write", amount(&missing)).await;
        stage.see_figure("plan-create", 5).await;
        stage.approve_and_run().await;
        window.see_within(DONE, EVENTUALLY).await;
        window.see_within(GREEN, EVENTUALLY).await;
        stage.picture("proof").await;

        // The same rehearsal once more, from the list of restored projects.
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        stage.rehearse().await;
        window.see("[data-testid='plan-nothing']").await;
        stage.see_figure("plan-missing", 0).await;
        stage.picture("nothing-to-do").await;

        // The databases themselves: nothing lost, nothing doubled, nothing else touched.
        let sent = client.stop().await;
        assert!(sent > 0, "the other client was sending all the time");
        let (live, after): (Records, Records) =
            original.records().into_iter().partition(|(record, _)| record.variable == Client::VARIABLE);
        assert_eq!(amount(&live), sent, "each record of the other client is there once");
        assert_eq!(
            beyond(&after, &together(&damaged, &missing)),
            Records::new(),
            "nothing doubled or invented"
        );
        assert_eq!(beyond(&together(&damaged, &missing), &after), Records::new(), "nothing lost");
        assert_eq!(original.devices(), devices_before);
        assert_eq!(original.definitions(), definitions_before);
        assert_eq!(original.params(), params_before);
        assert_eq!(
            Database::open(&platform.database(&copy).await).records(),
            snapshot,
            "the source is as it was"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_the_proof_names_what_was_changed_dropped_and_doubled_afterwards() {
    play("s15-tampered", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let missing = stage.damage_and_restore("Copy to prove by").await;
        stage.migrate_by_mouse().await;
        window.see_within(GREEN, EVENTUALLY).await;

        let path = platform.database(&target).await;
        let written: Vec<&Record> =
            missing.iter().filter(|(_, count)| **count == 1).map(|(record, _)| record).collect();
        let [changed, dropped, doubled] =
            [0, written.len() / 2, written.len() - 1].map(|at| written[at].clone());
        // Counts that agree are no proof, and those that do not are told.
        tamper(&Database::open_for_tampering(&path), &changed, &dropped, &doubled);
        stage.prove_by("counts").await;
        window.see_within(NOT_GREEN, EVENTUALLY).await;
        window.see_text("How closely: counts only").await;
        stage.prove_by("records").await;
        window.see_within("[data-testid='proof-difference'][data-kind='changed']", EVENTUALLY).await;
        window.see(NOT_GREEN).await;
        let seen = ["proof-changed", "proof-missing", "proof-doubled"];
        for figure in seen {
            stage.see_figure(figure, 1).await;
        }
        stage.picture("tampered").await;
        for (kind, record) in [("changed", &changed), ("missing", &dropped), ("doubled", &doubled)] {
            let row = format!("[data-testid='proof-difference'][data-kind='{kind}']");
            window.see_said(&row, &[&record.device, &record.variable]).await;
        }
        window.see_said("[data-kind='changed']", &["-987.25"]).await;
        window.see_disabled("[data-testid='finish-delete']").await; // the copy is still needed
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_run_whose_window_is_killed_in_its_middle_is_finished_from_the_next_window() {
    play("s15-killed", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let original = Database::open(&stage.platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy for a crash").await;
        let damaged = original.records();
        stage.slow_down(&target).await;
        stage.rehearse_by_mouse().await;
        stage.approve_and_run().await;
        let [done, total] = stage.until_some_records_are_written().await;
        stage.picture("running").await;
        stage.kill_window();
        println!("killed with {done} of {total} records acknowledged");
        stage.platform.clear_faults().await;

        stage.open_window().await;
        stage.window().press("[data-testid='welcome-unfinished'] button").await;
        stage.window().see("[data-testid='run-resume']").await;
        stage.picture("interrupted").await;
        stage.window().press("[data-testid='run-resume']").await;
        stage.window().see_within(DONE, EVENTUALLY).await;
        stage.window().see_within(GREEN, EVENTUALLY).await;
        let expected = together(&damaged, &missing);
        let after = original.records();
        assert_eq!(beyond(&expected, &after), Records::new(), "nothing lost");
        assert_eq!(beyond(&after, &expected), Records::new(), "nothing doubled");
        stage.window().see_number("[data-testid='run-progress']", "data-done", total).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_run_goes_on_while_its_page_is_loaded_anew() {
    play("s15-reloaded", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let original = Database::open(&platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy for a reload").await;
        let damaged = original.records();
        stage.slow_down(&target).await;
        stage.rehearse_by_mouse().await;
        stage.approve_and_run().await;
        let [done, total] = stage.until_some_records_are_written().await;
        window.reload().await;
        window.press("[data-testid='welcome-unfinished'] button").await;
        window.see("[data-testid='run-state'][data-state='running']").await;
        window.see_no_more("[data-testid='run-resume']").await; // it never stopped
        assert!(window.number("[data-testid='run-progress']", "data-done").await >= done);
        stage.picture("reloaded").await;

        platform.clear_faults().await;
        window.see_within(DONE, EVENTUALLY).await;
        window.see_within(GREEN, EVENTUALLY).await;
        let (expected, after) = (together(&damaged, &missing), original.records());
        assert_eq!(beyond(&expected, &after), Records::new(), "nothing lost");
        assert_eq!(beyond(&after, &expected), Records::new(), "nothing doubled");
        window.see_number("[data-testid='run-progress']", "data-done", total).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_target_that_vanishes_in_the_middle_is_said_plainly_and_nothing_is_lost() {
    play("s15-vanished", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let original = Database::open(&platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy for an outage").await;
        let damaged = original.records();
        stage.slow_down(&target).await;
        stage.rehearse_by_mouse().await;
        stage.approve_and_run().await;
        stage.until_some_records_are_written().await;
        platform.put_faults(json!([{ "project": target, "kind": "drop_before", "every": 1 }])).await;
        window.see_within("[data-testid='error-code'][data-code='unreachable']", EVENTUALLY).await;
        stage.picture("vanished").await;
        assert!(window.text("[data-testid='run-safe-line']").await.len() > 20);

        platform.clear_faults().await;
        window.press("[data-testid='run-resume']").await;
        window.see_within(DONE, EVENTUALLY).await;
        window.see_within(GREEN, EVENTUALLY).await;
        let expected = together(&damaged, &missing);
        let after = original.records();
        assert_eq!(beyond(&expected, &after), Records::new(), "nothing lost");
        assert_eq!(beyond(&after, &expected), Records::new(), "nothing doubled");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s21_the_worklist_names_every_token_of_the_copy_old_and_new_and_what_to_update() {
    play("s21", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        stage.damage_and_restore("Copy with tokens").await;
        let copy = stage.project_called("Copy with tokens").await.unwrap();
        let left = Database::open(&platform.database(&target).await).devices();
        stage.migrate_by_mouse().await;
        window.see_within(GREEN, EVENTUALLY).await;
        window.see("[data-testid='worklist-row']").await;
        stage.picture("worklist").await;

        // First what needs an update: the devices that were made anew. The rest is one press away.
        let first = stage.worklist().await;
        assert!(first.len() >= 5 && first.iter().all(|[device, ..]| !left.contains(device)));
        window.press("[data-testid='worklist-unchanged']").await;
        let of_copy = Database::open(&platform.database(&copy).await).device_tokens();
        let of_target = Database::open(&platform.database(&target).await).device_tokens();
        let mut told = Vec::new();
        for row in stage.worklist().await {
            let [device, name, serial, old, new, update] = row;
            let made_anew = !left.contains(&device);
            let here: Vec<&Token> = of_target.iter().filter(|token| token.device == device).collect();
            match here.iter().find(|token| token.fingerprint == new) {
                Some(token) => {
                    assert!(token.name == name && update.contains(&new), "{device} {name}: {update}")
                }
                None => assert!(made_anew && new == "–" && !update.is_empty(), "{device} {name}: {new}"),
            }
            let serial = Some(serial).filter(|serial| serial != "–");
            told.push(Token { device, name, serial, fingerprint: old });
        }
        told.sort();
        assert_eq!(told, of_copy, "each token of the copy is told once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_that_only_counts_says_about_and_leads_to_the_exact_one() {
    play("counted", async |stage: &mut Stage| {
        let window = stage.window();
        let missing = stage.damage_and_restore("Copy to count").await;
        stage.open_backups().await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        window.press("[data-testid='depth-counted']").await;
        stage.picture("depths").await;
        window.press("[data-testid='rehearse']").await;
        window.see_within("[data-testid='plan-counted']", EVENTUALLY).await;
        stage.picture("about").await;
        stage.see_figure("plan-missing", amount(&missing)).await; // nobody else has sent anything
        window.see_no_more("[data-testid='wizard-next']").await; // what was only counted cannot be run
        window.press("[data-testid='rehearse-exactly']").await;
        window.see_within("[data-testid='wizard-next']", EVENTUALLY).await;
        window.see_no_more("[data-testid='plan-counted']").await;
        stage.see_figure("plan-missing", amount(&missing)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_taken_back_without_the_copy_and_what_somebody_changed_since_is_kept_and_named() {
    play("undo", async |stage: &mut Stage| {
        let (platform, window, target) = (&stage.platform, stage.window(), stage.platform.project());
        let original = Database::open(&platform.database(&target).await);
        let missing = stage.damage_and_restore("Copy to take back").await;
        let (damaged, devices) = (original.records(), original.devices());
        stage.migrate_by_mouse().await;
        window.see_within(GREEN, EVENTUALLY).await;

        let of_old_device =
            |(record, count): &(&Record, &usize)| **count == 1 && devices.contains(&record.device);
        let (touched, _) = missing.iter().find(of_old_device).unwrap();
        let path = platform.database(&target).await;
        let changed = Database::open_for_tampering(&path).execute(
            &format!("UPDATE records SET value = '-987.25' WHERE {ONE_RECORD}"),
            (&touched.device, &touched.variable, touched.time),
        );
        assert_eq!(changed.unwrap(), 1);
        let copy = stage.project_called("Copy to take back").await.unwrap();
        let delete = json!({ "name": "Copy to take back" });
        platform.console(Method::DELETE, &format!("/api/projects/{copy}"), Some(delete)).await.unwrap();

        window.press("[data-testid='undo']").await;
        stage.picture("asked").await;
        window.press("[data-testid='undo-confirm']").await;
        window.see_within("[data-testid='run-state'][data-state='undone']", EVENTUALLY).await;
        stage.picture("undone").await;
        stage.see_figure("figure-records", amount(&missing) - 1).await;
        stage.see_figure("figure-kept", 1).await;
        stage.see_figure("figure-impossible", 0).await;
        window.see_said("[data-testid='undone-kept']", &[&touched.device]).await;
        let after = original.records();
        assert_eq!(original.devices(), devices, "the devices that it made are gone again");
        assert_eq!(beyond(&damaged, &after), Records::new(), "nothing of before is lost");
        assert_eq!(amount(&beyond(&after, &damaged)), 1, "only the changed record is left");

        // The next window still knows.
        stage.close_window().await;
        stage.open_window().await;
        let window = stage.window();
        window.press("[data-testid='nav-history']").await;
        window.press("[data-testid='history-row'] [data-testid='history-open']").await;
        window.see("[data-testid='undone-kept']").await;
        stage.see_figure("figure-kept", 1).await;
    })
    .await;
}

/// One record, by its device, its variable and its time.
const ONE_RECORD: &str = "device = (SELECT number FROM devices WHERE name = ?1)
    AND variable = (SELECT number FROM variables WHERE name = ?2) AND time = ?3";

/// Changes the value of the first record, drops the second, doubles the third.
fn tamper(db: &Connection, changed: &Record, dropped: &Record, doubled: &Record) {
    let one = ONE_RECORD;
    let run = |sql: &str, record: &Record| {
        assert_eq!(
            db.execute(sql, (&record.device, &record.variable, record.time)).unwrap(),
            1,
            "{record:?}"
        );
    };
    run(&format!("UPDATE records SET value = '-987.25' WHERE {one}"), changed);
    run(&format!("DELETE FROM records WHERE {one}"), dropped);
    let columns = "device, variable, time, value, unit, \"group\", location, metadata, created_at";
    let free = "(SELECT max(sequence) + 1000000 FROM records)";
    run(
        &format!(
            "INSERT INTO records ({columns}, sequence) SELECT {columns}, {free} FROM records WHERE {one}"
        ),
        doubled,
    );
}

impl Stage {
    /// The bad day and the right restored project, made through the API. Tells what is missing.
    pub async fn damage_and_restore(&self, name: &str) -> Records {
        let (platform, target) = (&self.platform, self.platform.project());
        platform.post("/api/practice/bad-day", json!({ "project": target })).await;
        let best = self.backup(0).await;
        platform.restore(&target, &best, name).await;
        let snapshot = Database::open(&platform.snapshot(&target, &best).await).records();
        beyond(&snapshot, &Database::open(&platform.database(&target).await).records())
    }

    /// From the welcome page to the run, for the one restored project and its original.
    pub async fn migrate_by_mouse(&self) {
        self.rehearse_by_mouse().await;
        self.approve_and_run().await;
    }

    pub async fn rehearse_by_mouse(&self) {
        let window = self.window();
        self.open_backups().await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard'][data-step='sides'] [data-testid='wizard-next']").await;
        self.rehearse().await;
    }

    /// From the choice (everything is chosen) to the rehearsal's result.
    pub async fn rehearse(&self) {
        let window = self.window();
        window.press("[data-testid='wizard'][data-step='choose'] [data-testid='rehearse']").await;
        window.see_within("[data-testid='plan-missing']", EVENTUALLY).await;
    }

    /// From the rehearsal's result through the typed name to the run's page.
    pub async fn approve_and_run(&self) {
        let window = self.window();
        window.press("[data-testid='wizard-next']").await;
        window.write("[data-testid='confirm-name']", "Not this one").await;
        window.see_disabled("[data-testid='confirm-run']").await;
        window.write("[data-testid='confirm-name']", &self.platform.project_name()).await;
        window.press("[data-testid='confirm-run']").await;
        window.see("[data-testid='run-state']").await;
    }

    /// Proves again, as closely as this.
    async fn prove_by(&self, depth: &str) {
        let window = self.window();
        window.press("[data-testid='proof-depth']").await;
        window.press(&format!("[data-testid='proof-depth-{depth}']")).await;
        window.press("[data-testid='prove-again']").await;
    }

    /// The cells of the worklist, row by row.
    async fn worklist(&self) -> Vec<[String; 6]> {
        let cells = "[...element.cells].map((cell) => cell.innerText.trim())";
        self.window().each("[data-testid='worklist-row']", cells).await
    }

    /// Waits until a figure shows this.
    pub async fn see_figure(&self, testid: &str, number: usize) {
        self.window().see_number(&format!("[data-testid='{testid}']"), "data-value", number).await;
    }

    pub async fn figure(&self, testid: &str) -> usize {
        let shown = self.window().number(&format!("[data-testid='{testid}']"), "data-value").await;
        usize::try_from(shown).unwrap()
    }

    /// Every second batch waits until the faults end, so that a run stays in its middle.
    pub async fn slow_down(&self, project: &str) {
        let slow = json!({ "project": project, "route": "POST /data", "kind": "slow", "delay_ms": 60_000, "every": 2 });
        self.platform.turn("faults", slow).await;
    }

    pub async fn until_some_records_are_written(&self) -> [i64; 2] {
        let until = tokio::time::Instant::now() + EVENTUALLY;
        loop {
            let progress = "[data-testid='run-progress']";
            let done = self.window().number(progress, "data-done").await;
            let total = self.window().number(progress, "data-total").await;
            if done > 0 {
                assert!(done < total, "the run was over before anything could happen in its middle");
                return [done, total];
            }
            assert!(tokio::time::Instant::now() < until, "no record was written");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Somebody else who writes into the target all the time.
struct Client {
    over: Arc<AtomicBool>,
    sending: JoinHandle<usize>,
}

impl Client {
    const VARIABLE: &str = "live_probe";

    async fn start(access: Access) -> Client {
        let devices = access.call(Method::GET, "/device?amount=1000&fields[0]=id&fields[1]=name", None).await;
        let mut senders = Vec::new();
        for device in devices.as_array().unwrap().iter().step_by(7) {
            senders.push(access.device_token(device["id"].as_str().unwrap()).await);
        }
        let over = Arc::new(AtomicBool::new(false));
        let stop = over.clone();
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while !stop.load(Ordering::SeqCst) {
                let record = json!([{ "variable": Client::VARIABLE, "value": sent }]);
                let answer = senders[sent % senders.len()].call(Method::POST, "/data", Some(record)).await;
                assert_eq!(answer, Value::from("1 Data Added"));
                sent += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            sent
        });
        Client { over, sending }
    }

    /// How many records it has sent.
    async fn stop(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        self.sending.await.unwrap()
    }
}

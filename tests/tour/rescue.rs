//! The second half: the migration, with a crash in its middle, and its proof.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::database::{Records, amount, beyond, together};
use crate::guide::Scene;
use crate::processes;
use crate::restore::{COPY, grouped};
use crate::window::{EVENTUALLY, SOON};

const SIDES: &str = "[data-testid='wizard'][data-step='sides']";
const RUN_PROGRESS: &str = "[data-testid='run-progress']";
const RUN_STATE: &str = "[data-testid='run-state']";

pub async fn sides(scene: &mut Scene) -> String {
    let window = scene.window();
    window.press("[data-testid='deployment-migrate']").await;
    window.see(SIDES).await;
    let from = scene.cut_text(&format!("{SIDES} [data-testid='wizard-source']")).await;
    let to = scene.cut_text("[data-testid='wizard-target']").await;
    assert_eq!(from, COPY);
    assert_ne!(to, from);
    scene.picture().await;
    window.press(&format!("{SIDES} [data-testid='wizard-next']")).await;
    format!("from “{from}” to “{to}”")
}

pub async fn choose(scene: &mut Scene) -> String {
    let window = scene.window();
    window.see_within("[data-testid='rehearse']", EVENTUALLY).await;
    let devices = window.all("[data-testid^='choose-device-']").await.len();
    let variables = window.all("[data-testid^='choose-variable-']").await.len();
    assert_eq!(devices, scene.definitions.len());
    scene.picture().await;
    window.press("[data-testid='rehearse']").await;
    format!("{devices} devices, {variables} variables, fill the gaps")
}

pub async fn rehearsal(scene: &mut Scene) -> String {
    let window = scene.window();
    window.see_within("[data-testid='plan-missing']", EVENTUALLY).await;
    let missing = scene.figure("plan-missing").await;
    assert_eq!(missing, amount(&scene.missing), "as many as a comparison of the databases says");
    assert_eq!(scene.figure("plan-to-write").await, missing);
    let create = scene.figure("plan-create").await;
    assert_eq!(create, 5);
    let present = scene.figure("plan-present").await;
    let time = window.text("[data-testid='plan-time']").await;
    scene.picture().await;
    scene.picture_of("[data-testid='plan-filter']", "plan").await;
    assert_eq!(scene.disk.project(&scene.original).records(), scene.damaged, "a rehearsal writes nothing");
    window.press("[data-testid='wizard-next']").await;
    format!("{missing} missing and to write, {present} there, {create} devices to create; {time}")
}

pub async fn confirm(scene: &mut Scene) -> String {
    let window = scene.window();
    window.see("[data-testid='confirm-name']").await;
    let label = scene.cut_text("[data-testid='wizard'] .to .project").await;
    window.write("[data-testid='confirm-name']", &label.to_uppercase()).await;
    window.see_disabled("[data-testid='confirm-run']").await;
    window.write("[data-testid='confirm-name']", &label).await;
    scene.picture().await;
    window.press("[data-testid='confirm-run']").await;
    format!("“{label}” was typed")
}

pub async fn kill(scene: &mut Scene) -> String {
    let all = amount(&scene.missing);
    let (app, platform) = (processes::app(&scene.home), processes::platform(&scene.home));
    let shown = until_under_way(scene, all).await;
    // At once: on a quick computer the run is over before a picture is taken.
    processes::kill(&app);
    let ended = processes::see_end(&platform, SOON).await;
    drop(scene.leave_window());

    let journal = scene.disk.journal();
    let stored = amount(&written(scene));
    assert!(stored > 0 && stored < all, "{stored} of {all} records were written: that is not the middle");
    format!(
        "{shown} of {all} shown, {stored} stored at the kill; journal: {} rows, {} batches sent, {} in doubt; \
         the platform ended by itself after {} ms",
        journal.rows,
        journal.batches_sent,
        journal.batches_open,
        ended.as_millis(),
    )
}

pub async fn found_again(scene: &mut Scene) -> String {
    scene.open_window(&[]).await;
    let window = scene.window();
    window.see_within("[data-testid='welcome-unfinished']", EVENTUALLY).await;
    window.see_within(&format!("[data-testid='nav-project-{}']", scene.original), EVENTUALLY).await;
    scene.picture().await;
    window.press("[data-testid='welcome-unfinished'] button").await;
    window.see(&format!("{RUN_STATE}[data-state='paused']")).await;
    let stored = window.number(RUN_PROGRESS, "data-done").await;
    let to_check = window.number("[data-testid='run-safe-line']", "data-to-check").await;
    scene.picture_of("[data-testid='run-resume']", "run").await;
    format!("{stored} records known to be stored, {to_check} batches to check again")
}

pub async fn resume(scene: &mut Scene) -> String {
    let window = scene.window();
    let before = amount(&written(scene));
    let begun = Instant::now();
    window.press("[data-testid='run-resume']").await;
    window.see_within(&format!("{RUN_STATE}[data-state='done']"), EVENTUALLY).await;
    let seconds = begun.elapsed().as_secs_f64();
    let written = written(scene);
    assert_eq!(written, scene.missing, "each missing record is there, and no other");
    scene.picture().await;
    format!("{} more records in {seconds:.1} s with the proof; 0 lost, 0 doubled", amount(&written) - before)
}

pub async fn proof(scene: &mut Scene) -> String {
    let window = scene.window();
    let verdict = "[data-testid='proof-verdict'][data-green='true']";
    window.see_within(verdict, EVENTUALLY).await;
    for figure in ["proof-missing", "proof-changed", "proof-doubled"] {
        assert_eq!(scene.figure(figure).await, 0, "{figure}");
    }
    let checked = window
        .read(&format!("return document.querySelector(\"{verdict}\").nextElementSibling.innerText"), vec![])
        .await;
    scene.picture_of("[data-testid='hole-strip']", "filled").await;
    let database = scene.disk.project(&scene.original);
    assert_eq!(database.records(), together(&scene.damaged, &scene.missing), "the databases say so too");
    assert_eq!(database.definitions(), scene.definitions, "every device is as it was");
    scene.picture_of(verdict, "verdict").await;
    format!("0 missing, 0 changed, 0 doubled; {}", checked.as_str().unwrap())
}

pub async fn report(scene: &mut Scene) -> String {
    let window = scene.window();
    window.see_within("[data-testid='report-open']", EVENTUALLY).await;
    let tokens = window.all("[data-testid='worklist-row']").await.len();
    assert!(tokens >= 5, "each device that was made anew has a new token");
    scene.picture_at("[data-testid='worklist-unchanged']", "worklist").await;
    let run = scene.disk.run();
    let report: Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    let all = amount(&scene.missing);
    assert!(report.to_string().contains(&all.to_string()), "the report tells {all} records");
    window.see_text(&format!("{} records written", grouped(all))).await;
    scene.picture_at("[data-testid='report-open']", "report").await;
    fs::write(scene.beside_pictures("report.html"), &page).unwrap();
    format!("{tokens} tokens to update; printable page of {} kB", page.len() / 1000)
}

pub async fn nothing_left(scene: &mut Scene) -> String {
    let window = scene.window();
    window.press("[data-testid='nav-restored']").await;
    window.press("[data-testid='restored-migrate']").await;
    window.press(&format!("{SIDES} [data-testid='wizard-next']")).await;
    window.press("[data-testid='rehearse']").await;
    window.see_within("[data-testid='plan-nothing']", EVENTUALLY).await;
    let [missing, present] = [scene.figure("plan-missing").await, scene.figure("plan-present").await];
    assert_eq!(missing, 0);
    scene.picture().await;
    format!("0 missing, {present} records compared")
}

pub async fn delete(scene: &mut Scene) -> String {
    let window = scene.window();
    window.press("[data-testid='nav-restored']").await;
    window.see("[data-testid='restored-meter']").await;
    let cost = window.text("[data-testid='restored-meter']").await;
    scene.picture().await;
    window.press("[data-testid='restored-delete']").await;
    window.write("[data-testid='delete-name']", COPY).await;
    scene.picture_of("[data-testid='delete-confirm']", "confirm").await;
    window.press("[data-testid='delete-confirm']").await;
    window.see_within("[data-testid='restored-none']", EVENTUALLY).await;
    scene.picture_of("[data-testid='restored-none']", "done").await;
    let until = Instant::now() + SOON;
    while scene.disk.projects().len() > 1 {
        assert!(Instant::now() < until, "its files are still there");
        sleep(Duration::from_millis(20)).await;
    }
    let database = scene.disk.project(&scene.original);
    assert_eq!(database.records(), together(&scene.damaged, &scene.missing), "the original is not touched");
    format!("it cost {cost}; its meter has stopped, its files are gone")
}

pub async fn close(scene: &mut Scene) -> String {
    let misdeeds = scene.window().misdeeds().await;
    assert_eq!(misdeeds, Vec::<String>::new(), "the page did what it should not");
    scene.leave_window().close().await;
    processes::see_none(&scene.home, SOON).await;
    "no process is left, no error on any page since the restart".into()
}

/// Waits until a part of the records is written, and tells how many the window shows.
async fn until_under_way(scene: &Scene, all: usize) -> i64 {
    let until = Instant::now() + EVENTUALLY;
    loop {
        let done = scene.window().number(RUN_PROGRESS, "data-done").await;
        let total = scene.window().number(RUN_PROGRESS, "data-total").await;
        if done > 0 {
            assert!(done < total, "the run of {all} records was over before it could be killed");
            return done;
        }
        assert!(Instant::now() < until, "the run does not begin");
    }
}

/// What the run has written so far; anything else that is new is a defect.
fn written(scene: &Scene) -> Records {
    let written = beyond(&scene.disk.project(&scene.original).records(), &scene.damaged);
    assert_eq!(beyond(&written, &scene.missing), Records::new(), "doubled or invented");
    written
}

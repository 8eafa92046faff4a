//! Everything beside records, by command: a plan, a run that is killed, its proof, report, worklist, undo.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tago_api::client::{DeviceQuery, RecordQuery, ResourceType, TimeRange};
use tago_migrate::live::Live;
use tago_migrate::resources::{self as engine, ResourceChoices, ResourcePlan};
use tago_migrate::{Clock, Control, Ending, Env, Figures, Progress, Settings, SystemClock};

use crate::ctl::{Ctl, bare};
use crate::platform::{Platform, Project};

/// The copy of a backup, and the original that has lost a dashboard and an action since.
async fn damaged(platform: &Platform) -> (Project, Project) {
    let (console, original) = (platform.console(), platform.original());
    let backup = console.back_up_now(original.id).await.unwrap();
    let api = original.api();
    for of in [ResourceType::Dashboard, ResourceType::Action] {
        let first = &api.resources(of).await.unwrap()[0];
        api.delete_resource(of, first["id"].as_str().unwrap()).await.unwrap();
    }
    (platform.restore(original.id, backup.id).await, original)
}

/// The names of what a project has, by type.
async fn names(project: &Project) -> BTreeMap<&'static str, Vec<String>> {
    let mut names = BTreeMap::new();
    for (word, of, title) in [
        ("dashboard", ResourceType::Dashboard, "label"),
        ("action", ResourceType::Action, "name"),
        ("analysis", ResourceType::Analysis, "name"),
    ] {
        let found = project.api().resources(of).await.unwrap();
        let mut of_one: Vec<String> =
            found.iter().map(|document| document[title].as_str().unwrap().to_owned()).collect();
        of_one.sort();
        names.insert(word, of_one);
    }
    names
}

fn fingerprint(plan: &Value) -> String {
    plan["fingerprint"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_planned_run_killed_resumed_proven_reported_and_taken_back() {
    let platform = Platform::start();
    let whole = names(&platform.original()).await;
    let (source, target) = damaged(&platform).await;
    let before = names(&target).await;
    assert_ne!(before, whole);
    let ctl = Ctl::between(&source, &target);

    let plan = ctl.plan_resources(&["--type", "dashboard", "--type", "widget", "--type", "action"]).json(0);
    assert_eq!(plan["nothing_to_do"], false);
    assert_eq!(plan["counts"]["dashboard"]["create"], 1);
    assert_eq!(plan["counts"]["action"]["create"], 1);
    assert!(plan["counts"].get("device").is_none());

    let refused = ctl.run(&"0".repeat(64), None);
    assert!(refused.sentence(2).contains("approval is for another plan"));
    let killed = ctl.run(&fingerprint(&plan), Some(6));
    assert_eq!((killed.code, killed.signal), (None, Some(9)), "{killed:#?}");
    assert_eq!(ctl.prove().json(1)["green"], false);
    let run = ctl.resume(None).json(0);
    assert_eq!((&run["ending"], &run["held"]), (&"finished".into(), &Value::Array(Vec::new())));
    assert!(run["made"].as_array().unwrap().len() >= 3, "{run}");
    assert_eq!(names(&target).await, whole);

    let proof = ctl.prove().json(0);
    assert_eq!((&proof["green"], &proof["items"]), (&true.into(), &proof["read_in_source"]));
    // The copy may be deleted by now.
    let alone = ctl.on_target(&["prove", ctl.run_folder().to_str().unwrap()]).json(0);
    assert_eq!((&alone["green"], &alone["read_in_source"]), (&true.into(), &0.into()));

    let report = ctl.report().json(0);
    assert_eq!(report["report"]["proven"], true);
    let line = report["report"]["prove_line"].as_str().unwrap();
    assert!(line.contains("holdfastctl prove") && line.contains(&target.api), "{line}");

    let folder = ctl.run_folder();
    let folder = folder.to_str().unwrap();
    let list = ctl.on_target(&["worklist", folder]).json(1);
    let open = list["worklist"].as_array().unwrap();
    let activate = open.iter().find(|item| item["task"] == "activate").unwrap();
    assert_eq!(activate["state"], "open");
    let ticks: Vec<&str> = open.iter().flat_map(|item| ["--tick", item["key"].as_str().unwrap()]).collect();
    let ticked = ctl.on_target(&[&["worklist", folder][..], &ticks].concat()).json(0);
    assert_eq!((&ticked["open"], &ticked["worklist"][0]["state"]), (&0.into(), &"done_by_hand".into()));
    let unknown = ctl.on_target(&["worklist", folder, "--tick", "make coffee"]);
    assert!(unknown.sentence(2).contains("make coffee"));

    let undone = ctl.on_target(&["undo", folder]).json(0);
    assert_eq!(undone["ending"], "finished");
    assert!(!undone["reversed"].as_array().unwrap().is_empty());
    assert_eq!(names(&target).await, before);
    assert!(ctl.prove().sentence(2).contains("taken back"));
    assert_eq!(ctl.report().json(0)["report"]["undone"]["is_complete"], true);
}

/// What the window makes and runs, it makes and runs with the same functions and files.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_from_the_window_to_the_command_and_back() {
    let platform = Platform::start();
    let (source, target) = damaged(&platform).await;
    let (clock, control, progress) =
        (SystemClock::start(), Control::new(), Progress::new(Figures::default()));
    let env = Env { clock: &clock, nonce: 77, progress: &progress, control: &control };
    let settings = Settings { late_commit_bound: std::time::Duration::from_secs(2), ..Settings::default() };
    let live = |project: &Project| {
        Live::new(project.api_with(tago_api::client::Settings::default().without_retries()))
    };
    let (ours, theirs) = (live(&source), live(&target));

    // From the window to the command.
    let choices = ResourceChoices {
        kinds: Some([engine::Kind::Dashboard, engine::Kind::Widget].into()),
        ..ResourceChoices::default()
    };
    let plan = engine::rehearse(&ours, &theirs, &choices, &settings, env).await.unwrap();
    let ctl = Ctl::between(&source, &target);
    plan.write(&ctl.plan_file()).unwrap();
    assert_eq!(ctl.run(plan.fingerprint().as_str(), None).json(0)["ending"], "finished");
    let proof = engine::prove(&ctl.run_folder(), Some(&ours), &theirs, &settings, env).await.unwrap();
    assert!(proof.green, "{proof:#?}");

    // And back.
    let other = Ctl::between(&source, &target);
    let told = other.plan_resources(&["--type", "action", "--conflict", "take-source"]).json(0);
    let read = ResourcePlan::read(&other.plan_file()).unwrap();
    assert_eq!(read.fingerprint().as_str(), fingerprint(&told));
    let folder = other.run_folder();
    let approved = read.fingerprint();
    let ending = engine::run(&read, &approved, &folder, &ours, &theirs, &settings, env);
    assert_eq!(ending.await.unwrap(), Ending::Finished);
    assert_eq!(other.prove().json(0)["green"], true);
    assert_eq!(other.on_target(&["undo", folder.to_str().unwrap()]).json(0)["ending"], "finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_means_nothing_is_refused_with_the_rule() {
    let platform = Platform::start();
    let project = platform.original();
    let other = Project { api: project.api.replace("127.0.0.1", "localhost"), ..project.clone() };
    let ctl = Ctl::between(&other, &project);
    for (options, said) in
        [(&["--conflict-of", "teapot=both"][..], "teapot"), (&["--item", "no such thing"], "no such thing")]
    {
        assert!(ctl.plan_resources(options).sentence(2).contains(said), "{options:?}");
    }
    for options in [
        &["--type", "teapot"][..],
        &["--conflict", "burn"],
        &["--conflict-of", "dashboard"],
        &["--counterpart", "=x"],
    ] {
        let refused = ctl.plan_resources(options);
        assert_eq!(refused.code, Some(2), "{options:?}: {refused:#?}");
        assert!(refused.out.is_empty() && !ctl.plan_file().exists());
    }
    let nothing = tempfile::TempDir::new().unwrap();
    for command in ["undo", "worklist", "prove"] {
        let refused = ctl.on_target(&[command, nothing.path().to_str().unwrap()]);
        assert!(refused.sentence(6).contains("holds no run"), "{command}");
    }
    assert!(bare(&["report", nothing.path().to_str().unwrap()]).sentence(6).contains("holds no run"));
}

/// The worklist of a run over records: done when data came with the new token.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_is_handed_out_when_something_came_with_it() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let lost = api.devices(&DeviceQuery::all()).await.unwrap().remove(0);
    let backup = console.back_up_now(target.id).await.unwrap();
    api.delete_device(lost.id).await.unwrap();
    let source = platform.restore(target.id, backup.id).await;
    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&["--device", &lost.name]).json(0);
    let run = ctl.run(&fingerprint(&plan), None).json(0);
    let made = run["devices_made"][0][1].as_str().unwrap().parse().unwrap();

    let folder = ctl.run_folder();
    let folder = folder.to_str().unwrap();
    assert!(ctl.on_target(&["prove", folder]).sentence(2).contains("--source"), "records need both sides");
    let list = ctl.on_target(&["worklist", folder]).json(1);
    let hand_out = |list: &Value| {
        let items = list["worklist"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["task"] == "hand_out_token").unwrap()
    };
    assert_eq!(hand_out(&list)["state"], "open", "what the run itself sent is not taken for the device");

    // A minute later the device sends with the token that it was given.
    platform.turn_clock(SystemClock::start().now() + Duration::from_secs(60)).await;
    let new = tago_api::client::NewDeviceToken {
        device: made,
        name: "Handed out".into(),
        permission: tago_api::client::Permission::Full,
        serie_number: None,
    };
    let own = api.device_tokens(made).await.unwrap().remove(0);
    let token = match own.shown() {
        Some(token) => token.clone(),
        // This platform shows a token once, when it is made: the owner replaces it by one that can be copied.
        None => {
            api.delete_device_token(&own.id.unwrap().as_str().into()).await.unwrap();
            api.create_device_token(&new).await.unwrap().token
        }
    };
    let sent = api.as_device(&token).unwrap().write_json(r#"[{"variable":"door","value":1}]"#).await.unwrap();
    assert_eq!(sent, 1);
    let list = ctl.on_target(&["worklist", folder, "--late-commit-bound-ms", "0"]).json_of_any();
    assert_eq!(hand_out(&list)["state"], "done", "{list}");
    let report = ctl.report().json(0);
    assert_eq!(hand_out(&report["report"])["state"], "done");

    let undone = ctl.on_target(&["undo", folder]);
    assert_eq!(undone.code, Some(1), "the device has data of its own by now: {undone:#?}");
    let hole = RecordQuery::range(TimeRange::ALL);
    assert!(api.record_count(made, &hole).await.unwrap() > 0);
}

/// Two windows, or a window and a terminal, do not write into one project at the same time, whatever each moves.
#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time_goes_into_a_project() {
    let platform = Platform::start();
    let (source, target) = damaged(&platform).await;
    let ctl = Ctl::between(&source, &target);
    let resources = fingerprint(&ctl.plan_resources(&["--type", "dashboard", "--type", "widget"]).json(0));

    // As the other one holds it.
    let locks = ctl.data.join("app.holdfast.desktop/locks");
    std::fs::create_dir_all(&locks).unwrap();
    let lock = std::fs::File::create(locks.join(format!("{}.lock", target.profile))).unwrap();
    lock.lock().unwrap();
    let refused = ctl.run(&resources, None);
    assert!(refused.sentence(2).contains("under way in another window or terminal"), "{refused:#?}");
    assert!(!ctl.run_folder().exists(), "nothing was begun");
    lock.unlock().unwrap();
    assert_eq!(ctl.run(&resources, None).json(0)["ending"], "finished");
    lock.lock().unwrap();
    let folder = ctl.run_folder();
    let undo = ctl.on_target(&["undo", folder.to_str().unwrap()]);
    assert!(undo.sentence(2).contains("under way"));

    let mut other = Ctl::between(&source, &target);
    other.data.clone_from(&ctl.data);
    let lost = target.api().devices(&DeviceQuery::all()).await.unwrap().remove(0);
    let hole = RecordQuery::range(TimeRange::ALL);
    assert!(target.api().delete_records(lost.id, &hole).await.unwrap() > 0);
    let records = fingerprint(&other.plan(&["--device", &lost.name]).json(0));
    assert!(other.run(&records, None).sentence(2).contains("under way"));
    lock.unlock().unwrap();
    assert_eq!(other.run(&records, None).json(0)["ending"], "finished");
    assert_eq!(ctl.on_target(&["undo", folder.to_str().unwrap()]).json(0)["ending"], "finished");
}

//! The report of a run and its worklist, whose entries are done when the target shows it.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Value, json};
use tago_api::Time;
use tago_api::client::{NewDeviceToken, Permission};
use tago_migrate::resources::{Conflict, Kind, ResourceReport, report};
use tago_migrate::{Task, WorkItem, WorkState, last_worklist, tick, worklist};

use crate::fixture::fill;
use crate::moving::{Moving, settings};
use crate::running::{Running, Truths};

const SERIAL: &str = "70B3D57ED0001234";

#[tokio::test(flavor = "multi_thread")]
async fn the_worklist_ticks_itself_when_the_target_shows_that_it_is_done() {
    let original = Running::start(1).await;
    let ids = fill(&original).await;
    give_serial(&original, &ids["truck"]).await;
    // A backup holds no scripts and no files.
    let truths = Truths { ids_renewed: false, tokens_kept: false, automations_run: true };
    let source = original.restored(9, truths).await;
    let target = Running::start(2).await;
    let moving = Moving::new(Conflict::KeepTarget);
    moving.run(&source, &target).await;

    let look =
        async || worklist(moving.path(), &target.live(), None, &settings(), moving.env()).await.unwrap();
    let list = look().await;
    assert!(list.iter().all(|item| item.state == WorkState::Open), "{list:#?}");
    let tasks: BTreeMap<Task, usize> = list.iter().fold(BTreeMap::new(), |mut tasks, item| {
        *tasks.entry(item.task).or_default() += 1;
        tasks
    });
    let expected = [
        (Task::HandOutToken, 4),
        (Task::MoveSerial, 1),
        (Task::EnterSecret, 2),
        (Task::NewPassword, 1),
        (Task::UploadScript, 2),
        (Task::CheckParser, 3),
        (Task::Activate, 3),
    ];
    assert_eq!(tasks.into_iter().collect::<Vec<_>>(), expected);

    // Each is done by its owner, who tells nobody.
    let later = moving.env().clock.now().millis() + 600_000;
    target.clock.set(Time::from_millis(later));
    let of = |list: &[WorkItem], task: Task, name: &str| {
        list.iter().find(|item| item.task == task && item.name == name).unwrap().clone()
    };
    let password = of(&list, Task::NewPassword, "Ana");
    assert!(password.text.contains("second factor"), "{password:?}");
    let id = |task: Task, name: &str| of(&list, task, name).target.unwrap();
    let truck = id(Task::HandOutToken, "Truck 1");
    let token = give_serial(&target, &truck).await;
    let device = target.live_api().as_device(&token).unwrap();
    device.write_json(r#"[{"variable": "door", "value": 1}]"#).await.unwrap();
    let secret = id(Task::EnterSecret, "TWILIO_SID");
    target.ask("PUT", &format!("/secrets/{secret}"), Some(json!({"value": "AC0123"}))).await;
    let report_script = id(Task::UploadScript, "Report");
    let upload = json!({"file": "cHJpbnQoMSk=", "file_name": "script.ts", "language": "deno-rt2025"});
    target.ask("POST", &format!("/analysis/{report_script}/upload"), Some(upload)).await;
    let alarm = id(Task::Activate, "Alarm");
    target.ask("PUT", &format!("/action/{alarm}"), Some(json!({"active": true}))).await;

    let after = look().await;
    let done: Vec<(Task, &str)> = after
        .iter()
        .filter(|item| item.state == WorkState::Done)
        .map(|item| (item.task, item.name.as_str()))
        .collect();
    let expected = [
        (Task::EnterSecret, "TWILIO_SID"),
        (Task::HandOutToken, "Truck 1"),
        (Task::MoveSerial, "Truck 1"),
        (Task::UploadScript, "Report"),
        (Task::Activate, "Alarm"),
    ];
    assert_eq!(done, expected);

    // What nobody can see, its owner ticks, and may take back.
    let parser = of(&after, Task::CheckParser, "Truck 1");
    let now = moving.env().clock.now();
    tick(moving.path(), &parser.key, true, now).unwrap();
    assert_eq!(
        of(&last_worklist(moving.path()).unwrap(), Task::CheckParser, "Truck 1").state,
        WorkState::DoneByHand
    );
    tick(moving.path(), &parser.key, false, now).unwrap();
    assert_eq!(of(&look().await, Task::CheckParser, "Truck 1").state, WorkState::Open);
    assert!(tick(moving.path(), "make coffee", true, now).is_err());

    // What was seen done stays so, also when it is undone on the target.
    target.ask("PUT", &format!("/action/{alarm}"), Some(json!({"active": false}))).await;
    assert_eq!(of(&look().await, Task::Activate, "Alarm").state, WorkState::Done);
    moving.undo(&target).await;
    assert_eq!(look().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_what_was_done_and_holds_no_secret() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    let ids = fill(&source).await;
    // A name that a spreadsheet would calculate and a browser would run.
    let name = "=1+1<script>alert(1)</script>";
    source.ask("PUT", &format!("/device/{}", ids["truck"]), Some(json!({"name": name}))).await;
    let gone = "5f2a8e3b9c1d4e00deadbeef";
    let dangling = json!({"description": "", "trigger": [{"device": gone, "variable": "x", "is": "=", "value": "1", "value_type": "string", "unlock": false}]});
    source.ask("PUT", &format!("/action/{}", ids["alarm"]), Some(dangling)).await;
    let moving = Moving::new(Conflict::KeepTarget);
    let plan = moving.run(&source, &target).await;
    let now = moving.env().clock.now();
    let before = report(moving.path(), now).unwrap();
    assert!(before.proven.is_none() && before.exceptions.iter().any(|told| told.contains("not proven")));
    moving.prove(Some(&source), &target).await;

    let told = report(moving.path(), now).unwrap();
    assert_eq!(told.proven, Some(true));
    let made = plan.items().iter().filter(|item| item.at.kind != Kind::RunConfiguration).count();
    assert_eq!(told.made.len(), made);
    assert_eq!(told.counts.values().map(|counts| counts.made).sum::<u64>(), made as u64);
    assert_eq!(told.counts[&Kind::RunConfiguration].changed, 1);
    let nowhere: Vec<&str> = told.unresolved.iter().map(|line| line.source.as_str()).collect();
    assert_eq!((nowhere, told.unresolved[0].detail.as_str()), (vec![gone], "trigger[0].device"));
    assert!(told.exceptions.iter().any(|told| told.contains(gone)), "{:?}", told.exceptions);
    assert!(told.prove_line.starts_with("holdfastctl prove '"));
    let html = std::fs::read_to_string(&told.html).unwrap();
    assert!(html.contains("Done and proven") && html.contains("&lt;script&gt;") && !html.contains("<script"));
    assert!(html.contains(gone) && html.contains("holdfastctl prove"));
    let ids_csv = std::fs::read_to_string(moving.path().join("ids.csv")).unwrap();
    let beginning = format!("\"device\",\"{}\"", ids["truck"]);
    let truck = ids_csv.lines().find(|line| line.starts_with(&beginning)).unwrap();
    assert!(truck.contains("\"'=1+1<script>"), "{truck}");
    assert_eq!(
        ids_csv.lines().count() - 1,
        told.made.iter().filter(|line| line.target.as_ref() != Some(&line.source)).count()
    );
    let work_csv = std::fs::read_to_string(moving.path().join("worklist.csv")).unwrap();
    assert_eq!(work_csv.lines().count() - 1, told.worklist.len());
    let json: Value = serde_json::from_slice(&std::fs::read(&told.json).unwrap()).unwrap();
    assert_eq!(json["made"].as_array().unwrap().len(), made);
    for secret in [source.token.as_str(), target.token.as_str(), "a value", "Correct horse 1!"] {
        for file in ["report.json", "report.html", "ids.csv", "worklist.csv", "proof.jsonl"] {
            let text = std::fs::read_to_string(moving.path().join(file)).unwrap();
            assert!(!text.contains(secret), "{file}");
        }
    }

    let taken_back = moving.undo(&target).await;
    let after: ResourceReport = report(moving.path(), now).unwrap();
    let undone = after.undone.unwrap();
    assert_eq!(undone.reversed.len(), taken_back.reversed.len());
    assert!(undone.is_complete && undone.changed_since.is_empty());
    assert!(std::fs::read_to_string(&after.html).unwrap().contains("Taken back"));
}

async fn give_serial(it: &Running, device: &str) -> SecretString {
    let token = NewDeviceToken {
        device: device.parse().unwrap(),
        name: "Gateway in the yard".into(),
        permission: Permission::Full,
        serie_number: Some(SERIAL.into()),
    };
    it.live_api().create_device_token(&token).await.unwrap().token
}

/// One whose making was not answered cannot be looked for, and is not kept quiet about.
#[tokio::test(flavor = "multi_thread")]
async fn a_widget_that_nobody_can_see_is_told_of() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    fill(&source).await;
    let fault =
        json!({"route": "POST /dashboard/{id}/widget", "kind": "commit_then_drop", "every": 1, "times": 1});
    target.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
    let moving = Moving::new(Conflict::KeepTarget);
    moving.run(&source, &target).await;
    let told = report(moving.path(), moving.env().clock.now()).unwrap();
    assert_eq!(told.unseen.len(), 1, "{:?}", told.unseen);
    let said = told.exceptions.iter().find(|said| said.contains("no screen shows")).unwrap();
    assert!(said.starts_with("widget “") && said.contains("(1 time)"), "{said}");
}

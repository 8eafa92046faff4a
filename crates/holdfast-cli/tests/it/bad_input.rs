use std::time::Duration;

use secrecy::SecretString;
use tago_api::client::{DeviceQuery, RecordQuery, TimeRange};
use tago_migrate::{Clock, SystemClock};

use crate::clock;
use crate::ctl::{Ctl, Ended, bare};
use crate::damaged::Damaged;
use crate::oracle::{self, NONE};
use crate::platform::{Platform, Project};

#[test]
fn an_address_or_token_that_cannot_be_used_gets_a_sentence() {
    let plan = |source: &str, more: &[&str]| {
        let mut arguments = vec!["plan", "--source", source, "--target", "https://api.us-e1.tago.io"];
        arguments.extend(["--out", "never.jsonl"]);
        arguments.extend(more);
        bare(&arguments)
    };
    let fds = ["--source-token-fd", "97", "--target-token-fd", "98"];
    for (address, hint) in [
        ("api.us-e1.tago.io", "does not begin with https://"),
        ("http://api.us-e1.tago.io", "in the open"),
        ("http://10.1.2.3:8080", "in the open"),
        ("https://me:secret@api.us-e1.tago.io", "no user name or password"),
        ("https://api.us-e1.tago.io/device", "take out"),
        ("ftp://api.us-e1.tago.io", "ftp://"),
        ("", "is empty"),
    ] {
        let ended = plan(address, &fds);
        let sentence = ended.sentence(2);
        assert!(
            sentence.contains("the source address cannot be used") && sentence.contains(hint),
            "{sentence}"
        );
        assert!(!sentence.contains("secret"), "{sentence}");
    }
    let ended = plan("https://api.eu-w1.tago.io", &fds);
    assert!(ended.sentence(3).contains("97<token.txt"));
    let ended = plan("https://api.eu-w1.tago.io", &["--source-token-fd", "97", "--target-token-fd", "97"]);
    assert!(ended.sentence(2).contains("give each its own"));
    let keyring =
        ["--source-keyring", "https://api.us-e1.tago.io#5f2a8e3b9c1d4e0011223344", "--target-token-fd", "98"];
    let ended = plan("https://api.eu-w1.tago.io", &keyring);
    assert!(ended.sentence(3).contains("another address"));
    let ended = plan("https://api.us-e1.tago.io", &keyring);
    assert!(ended.sentence(3).contains("this session has no keyring"));
    assert!(!std::path::Path::new("never.jsonl").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_cannot_be_used_gets_a_sentence_and_nothing_is_written() {
    let platform = Platform::start();
    let original = platform.original();
    let backup = platform.console().backups(original.id).await.unwrap().remove(0);
    let copy = platform.restore(original.id, backup.id).await;
    let database = platform.database(&original).await;
    let before = (oracle::records(&database, None), oracle::everything_else(&database));

    let with = |side: &Project, token: &str, api: &str| Project {
        token: SecretString::from(token.to_owned()),
        api: api.to_owned(),
        ..side.clone()
    };
    let nobody = "p-00000000-0000-4000-8000-000000000000";
    let unknown_host = Project { api: "https://api.holdfast.invalid".into(), ..copy.clone() };
    let silent_port = Project { api: "http://127.0.0.1:1".into(), ..copy.clone() };
    let other_token = Project { token: copy.token.clone(), ..original.clone() };
    for (source, target, code, hint) in [
        (&unknown_host, &original, 4, "the source could not be read"),
        (&silent_port, &original, 4, "nobody answers at http://127.0.0.1:1"),
        (
            &with(&copy, nobody, &copy.api),
            &original,
            3,
            "the source could not be read: the credential was refused",
        ),
        (
            &copy,
            &with(&original, nobody, &original.api),
            3,
            "the target could not be read: the credential was refused",
        ),
        (&copy, &other_token, 3, "the credential was refused"),
        (&original, &original, 2, ""),
    ] {
        let ctl = Ctl::between(source, target);
        let ended = ctl.plan(&[]);
        assert!(ended.sentence(code).contains(hint), "{ended:#?}");
        assert!(!ctl.plan_file().exists());
    }
    let options = ["--device", "no such device"];
    assert!(Ctl::between(&copy, &original).plan(&options).sentence(2).contains("no such device"));
    let options = ["--from", "2026-11-02", "--to", "2026-11-01"];
    assert!(Ctl::between(&copy, &original).plan(&options).sentence(2).contains("ends before it begins"));

    let after = (oracle::records(&database, None), oracle::everything_else(&database));
    assert_eq!(before, after, "a refused command wrote something");
    let requests = platform.requests(&original).await;
    assert!(requests.keys().all(|route| route.starts_with("GET ")), "{requests:?}");
}

/// A copy of the target has the target's profile: nothing but its address tells that it is not where the run wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_taken_back_in_a_copy_of_its_target() {
    let platform = Platform::start();
    let original = platform.original();
    let backup = platform.console().backups(original.id).await.unwrap().remove(0);
    let twin = platform.restore(original.id, backup.id).await;
    let source = platform.new_project("Workshop").await;
    clock::send(&source.api(), &[clock::level(SystemClock::start().now() - Duration::from_secs(3_600))])
        .await;
    let mut ctl = Ctl::between(&source, &original);
    let planned = ctl.plan(&[]).json(0);
    assert_eq!(ctl.run(planned["fingerprint"].as_str().unwrap(), None).code, Some(0));
    ctl.target = twin.clone();
    ctl.change_target_token(&twin);
    let before = platform.requests(&twin).await;
    let run = ctl.run_folder();
    let run = run.to_str().unwrap();
    for refused in [ctl.undo(None), ctl.prove(), ctl.on_target(&["worklist", run])] {
        assert!(refused.sentence(2).contains("is another address"), "{refused:#?}");
    }
    assert_eq!(platform.requests(&twin).await, before, "nobody asked it anything");
    let looked = ctl.on_target(&["worklist", run, "--moved"]);
    assert!(matches!(looked.code, Some(0 | 1)), "{looked:#?}");
}

/// One project under two addresses: neither plan nor run may begin.
#[tokio::test(flavor = "multi_thread")]
async fn the_source_under_another_address_is_recognised() {
    let platform = Platform::start();
    let original = platform.original();
    let elsewhere = Project { api: original.api.replace("127.0.0.1", "localhost"), ..original.clone() };
    assert_ne!(elsewhere.api, original.api);
    let database = platform.database(&original).await;
    let before = oracle::everything_else(&database);
    for (source, target) in [(&elsewhere, &original), (&original, &elsewhere)] {
        let ctl = Ctl::between(source, target);
        let ended = ctl.plan(&[]);
        assert!(ended.sentence(2).contains("same project"), "{ended:#?}");
        assert!(!ctl.plan_file().exists());
    }
    assert_eq!(before, oracle::everything_else(&database), "what was written to find out is gone again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_counts_for_one_plan_between_two_projects() {
    let platform = Platform::start();
    let original = platform.original();
    let console = platform.console();
    let backup = console.backups(original.id).await.unwrap().remove(0);
    let copy = platform.restore(original.id, backup.id).await;
    let api = original.api();
    let device = api.devices(&DeviceQuery::all()).await.unwrap()[0].id;
    api.delete_records(device, &RecordQuery::range(TimeRange::ALL)).await.unwrap();
    let database = platform.database(&original).await;
    let before = oracle::records(&database, None);

    let ctl = Ctl::between(&copy, &original);
    let fingerprint = ctl.plan(&[]).json(0)["fingerprint"].as_str().unwrap().to_owned();
    let wrong = fingerprint.chars().rev().collect::<String>();
    assert!(ctl.run(&wrong, None).sentence(2).contains("the approval is for another plan"));

    let other = platform.restore(original.id, backup.id).await;
    let elsewhere = Ctl::between(&copy, &other);
    std::fs::copy(ctl.plan_file(), elsewhere.plan_file()).unwrap();
    assert!(elsewhere.run(&fingerprint, None).sentence(2).contains("is another address"));
    let (plan, run) = (elsewhere.plan_file(), elsewhere.run_folder());
    let [plan, run] = [&plan, &run].map(|path| path.to_str().unwrap());
    let moved = elsewhere.call(&["run", plan, "--approve", &fingerprint, "--run", run, "--moved"], None);
    assert!(moved.sentence(2).contains("not the project that this plan was made for"));
    assert_eq!(before, oracle::records(&database, None));

    let mut plan = std::fs::read_to_string(ctl.plan_file()).unwrap();
    plan = plan.replacen(&device.to_string(), "5f2a8e3b9c1d4e0011223344", 1);
    std::fs::write(ctl.plan_file(), plan).unwrap();
    ctl.run(&fingerprint, None).sentence(6);
    assert_eq!(before, oracle::records(&database, None));
}

/// A gateway answers in the target's place: it may have handed a batch on or not. A run goes on beside such
/// answers, and is not at it for ever if there are no others.
#[tokio::test(flavor = "multi_thread")]
async fn f06_a_burst_of_gateway_errors_doubles_nothing_and_is_not_asked_for_ever() {
    let platform = Platform::start();
    let Damaged { target, backup, .. } = Damaged::of(&platform).await;
    let copy = platform.restore(target.id, backup.id).await;
    let (ours, theirs) = (platform.database(&copy).await, platform.database(&target).await);
    let ctl = Ctl::between(&copy, &target);
    let missing = ctl.plan(&[]).json(0);
    let fingerprint = missing["fingerprint"].as_str().unwrap();

    platform.fault(&target, "status", 1.0, 1, 0).await;
    let halted = ctl.run(fingerprint, None).json(5);
    assert_eq!((&halted["ending"], &halted["records_done"]), (&"halted".into(), &0.into()), "{halted}");
    let struck = platform.struck().await[0];
    assert!((1..=20).contains(&struck), "asked {struck} times");

    platform.come_back().await;
    platform.fault(&target, "commit_then_status", 0.5, 1, 0).await;
    let finished = ctl.resume(None).json(0);
    assert!(platform.struck().await[0] > 3);
    platform.come_back().await;
    assert_eq!(finished["records_done"], missing["records"]["to_write"]);
    assert_eq!(ctl.prove().json(0)["green"], true);
    let again = ctl.plan(&[]).json(0);
    assert_eq!(
        (&again["nothing_to_do"], oracle::records(&theirs, None).duplicates()),
        (&true.into(), oracle::records(&ours, None).duplicates())
    );
}

/// The target goes away in the middle of a run, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_vanishes_in_the_middle_loses_nothing() {
    let platform = Platform::start();
    let original = platform.original();
    let backup = platform.console().backups(original.id).await.unwrap().remove(0);
    let api = original.api();
    let devices = api.devices(&DeviceQuery::all()).await.unwrap();
    for device in &devices[..10] {
        api.delete_records(device.id, &RecordQuery::range(TimeRange::ALL)).await.unwrap();
    }
    let copy = platform.restore(original.id, backup.id).await;
    let (source_database, target_database) =
        (platform.database(&copy).await, platform.database(&original).await);
    let expected = {
        let before = oracle::records(&target_database, None);
        before.plus(&oracle::records(&source_database, None).minus(&before))
    };
    let ctl = Ctl::between(&copy, &original);
    let fingerprint = ctl.plan(&[]).json(0)["fingerprint"].as_str().unwrap().to_owned();

    platform.fault(&original, "slow", 1.0, 1, 20).await;
    let mut run = ctl.start(&fingerprint);
    while !has_begun(&ctl) {
        assert!(run.try_wait().unwrap().is_none(), "it ended before the target could vanish");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    platform.vanish(&original).await;
    let run = Ended::from(run.wait_with_output().unwrap());
    let halted = run.json(5);
    assert_eq!(halted["ending"], "halted");
    assert!(halted["text"].as_str().unwrap().contains("does not answer"), "{halted}");

    platform.come_back().await;
    ctl.resume(None).json(0);
    assert_eq!(expected.compare(&oracle::records(&target_database, None)), NONE);
    ctl.prove().json(0);
}

/// A polite end: what is under way is finished, and the rest waits for `resume`.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_told_to_stop_goes_on_later() {
    let platform = Platform::start();
    let original = platform.original();
    let backup = platform.console().backups(original.id).await.unwrap().remove(0);
    let api = original.api();
    for device in &api.devices(&DeviceQuery::all()).await.unwrap()[..5] {
        api.delete_records(device.id, &RecordQuery::range(TimeRange::ALL)).await.unwrap();
    }
    let copy = platform.restore(original.id, backup.id).await;
    let ctl = Ctl::between(&copy, &original);
    let fingerprint = ctl.plan(&[]).json(0)["fingerprint"].as_str().unwrap().to_owned();
    platform.fault(&original, "slow", 1.0, 1, 20).await;
    let mut run = ctl.start(&fingerprint);
    while !has_begun(&ctl) {
        assert!(run.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = Ended::from(run.wait_with_output().unwrap());
    let stopped = ended.json(5);
    assert_eq!((&stopped["ending"], &stopped["batches_open"]), (&"stopped".into(), &0.into()), "{stopped}");
    let finished = ctl.resume(None).json(0);
    assert_eq!(finished["records_done"], finished["records_total"]);
    ctl.prove().json(0);
}

/// Whether the run has stored something already.
fn has_begun(ctl: &Ctl) -> bool {
    tago_migrate::status(&ctl.run_folder()).is_ok_and(|status| status.records_done > 0)
}

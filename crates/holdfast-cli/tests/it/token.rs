use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use tago_api::client::{RecordQuery, TimeRange};

use crate::bad_day::devices;
use crate::ctl::Ctl;
use crate::oracle::{self, NONE};
use crate::platform::{Platform, Project};

/// F11, F12: the target's profile token is revoked while the run writes. It halts and says so; the token of
/// another project is refused, and a new one of the same project goes on to the last record.
#[tokio::test(flavor = "multi_thread")]
async fn f11_a_revoked_profile_token_halts_the_run_and_a_new_one_goes_on() {
    let platform = Platform::start();
    let (console, original) = (platform.console(), platform.original());
    let api = original.api();
    let backup = console.backups(original.id).await.unwrap().remove(0);
    let month =
        TimeRange { from: backup.created_at - Duration::from_secs(30 * 86_400), to: backup.created_at };
    for (device, _) in devices(&api).await {
        api.delete_records(device, &RecordQuery::range(month)).await.unwrap();
    }
    let database = platform.database(&original).await;
    let source = platform.restore(original.id, backup.id).await;
    let expected = {
        let (copy, damaged) =
            (oracle::records(&platform.database(&source).await, None), oracle::records(&database, None));
        damaged.plus(&copy.minus(&damaged))
    };
    // A token of its own, so that the test keeps one.
    let revocable = platform.access(&original).await;
    let mut ctl = Ctl::between(&source, &revocable);
    let plan = ctl.plan(&[]).json(0);
    let before = posts(&platform, &original).await;
    let child = ctl.start(plan["fingerprint"].as_str().unwrap());
    while posts(&platform, &original).await < before + 5 {
        tokio::task::yield_now().await;
    }
    revoke(&original, &revocable).await;
    let ended = Ctl::wait(child);
    let halted = ended.json(5);
    assert_eq!(halted["ending"], "halted", "{halted}");
    assert!(halted["text"].as_str().unwrap().contains("refused its token"), "{halted}");
    assert!(halted["records_done"].as_u64() < halted["records_total"].as_u64(), "{halted}");
    let still = ctl.resume(None);
    assert_eq!(still.code, Some(3), "{still:#?}");

    ctl.change_target_token(&source);
    ctl.target.api.clone_from(&source.api);
    let stranger = ctl.resume(None);
    assert_eq!(stranger.code, Some(2), "another project's token was taken: {stranger:#?}");

    ctl.target.api.clone_from(&original.api);
    ctl.change_target_token(&original);
    let finished = ctl.resume(None).json(0);
    assert_eq!(finished["records_done"], finished["records_total"]);
    assert_eq!(expected.compare(&oracle::records(&database, None)), NONE);
}

async fn posts(platform: &Platform, project: &Project) -> u64 {
    platform.requests(project).await.get("POST /data").copied().unwrap_or(0)
}

async fn revoke(by: &Project, gone: &Project) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/profile/{}/token/{}", by.api, by.profile, gone.token.expose_secret());
    let request = client.delete(url).header("token", by.token.expose_secret());
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["status"], true, "{answer}");
}

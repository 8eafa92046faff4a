use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use secrecy::ExposeSecret;
use tago_api::client::{DeviceQuery, NewDeviceToken, Permission, RecordQuery, TimeRange};

use crate::ctl::{Ctl, bare};
use crate::platform::Platform;

/// The report is the worklist after a restore: each token of the copy, the device that owns it, and
/// what stands in its place. And nothing that the run leaves behind holds a token.
#[tokio::test(flavor = "multi_thread")]
async fn s21_the_report_lists_every_token_and_no_file_holds_one() {
    let platform = Platform::start();
    let (console, target) = (platform.console(), platform.original());
    let api = target.api();
    let devices = api.devices(&DeviceQuery::all()).await.unwrap();
    let (lost, kept) = (devices[0].id, devices[1].id);
    let token = NewDeviceToken {
        device: lost,
        name: "Gateway in the yard".into(),
        permission: Permission::Full,
        serie_number: Some("70B3D57ED0001234".into()),
    };
    let outside = api.create_device_token(&token).await.unwrap().token;
    let backup = console.back_up_now(target.id).await.unwrap();
    api.delete_device(lost).await.unwrap();
    let hole = RecordQuery::range(TimeRange::ALL);
    assert!(api.delete_records(kept, &hole).await.unwrap() > 0);
    let source = platform.restore(target.id, backup.id).await;

    let ctl = Ctl::between(&source, &target);
    let plan = ctl.plan(&[]);
    let fingerprint = plan.json(0)["fingerprint"].as_str().unwrap().to_owned();
    let (run, proof, report) = (ctl.run(&fingerprint, None), ctl.prove(), ctl.report());
    let made = run.json(0)["devices_made"][0][1].as_str().unwrap().to_owned();
    proof.json(0);

    let listed: BTreeSet<(String, String, String)> = report.json(0)["report"]["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| {
            ["device", "token_name", "source"].map(|field| token[field].as_str().unwrap().to_owned()).into()
        })
        .collect();
    let stored = tokens(&platform.database(&source).await);
    assert!(stored.len() >= devices.len());
    assert_eq!(listed, stored, "every token of the copy, by its owner");

    let document = report.json(0);
    let worklist = document["report"]["tokens"].as_array().unwrap();
    let gateway = worklist.iter().find(|token| token["token_name"] == "Gateway in the yard").unwrap();
    assert_eq!(gateway["serial"], "70B3D57ED0001234");
    assert!(!gateway["what_to_update"].as_str().unwrap().is_empty());
    let new: BTreeSet<String> = tokens(&platform.database(&target).await)
        .into_iter()
        .filter(|(owner, _, _)| *owner == made)
        .map(|(_, _, fingerprint)| fingerprint)
        .collect();
    if let Some(target) = gateway["target"].as_str() {
        assert!(new.contains(target), "{gateway} {new:?}");
    }
    for token in worklist.iter().filter(|token| token["device"] == kept.to_string()) {
        let target = token["target"].as_str().unwrap();
        assert!(tokens(&platform.database(&ctl.target).await).iter().any(|(_, _, stored)| stored == target));
    }

    let secrets = [&source.token, &target.token, &outside].map(|token| token.expose_secret().to_owned());
    let said: String =
        [plan, run, proof, report].iter().flat_map(|ended| [ended.out.clone(), ended.err.clone()]).collect();
    let mode = fs::metadata(ctl.run_folder()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "what a run leaves behind is its owner's alone");
    for secret in &secrets {
        assert!(!said.contains(secret));
    }
    let files = search(ctl.folder.path(), &secrets);
    assert!(files >= 6, "{files} files");
}

#[test]
fn a_token_among_the_arguments_is_refused_and_not_repeated() {
    let canary = "1f0c6a52-8a3e-4c8e-9b6f-00c0ffee00c0";
    for argument in [
        canary.to_owned(),
        format!("p-{canary}"),
        format!("--source-token-fd=p-{canary}"),
        format!("--source-keyring={canary}"),
        format!("https://p-{canary}@api.us-e1.tago.io"),
        "at00c0ffee00c0ffee00c0ffee00c0ffee".to_owned(),
    ] {
        let ended = bare(&["plan", "--source", &argument, "--out", "plan.jsonl"]);
        let sentence = ended.sentence(2);
        assert!(sentence.contains("--source-token-fd 3"), "{sentence}");
        assert!(!sentence.contains("c0ffee"), "{sentence}");
    }
}

/// Owner, name and fingerprint of the devices' tokens, by own SQL.
fn tokens(database: &Path) -> BTreeSet<(String, String, String)> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = db
        .prepare("SELECT owner, name, lower(substr(hex(hash), 1, 8)) FROM tokens WHERE kind = 'device'")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// How many files were searched for these, in vain.
fn search(folder: &Path, secrets: &[String]) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files += search(&entry.path(), secrets);
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        for secret in secrets {
            let is_found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_found, "{}", entry.path().display());
        }
        files += 1;
    }
    files
}

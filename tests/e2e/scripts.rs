//! Code of analyses, of which no backup has any: it comes from a folder that the owner names.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::json;

use crate::platform::Access;
use crate::resources::{row, text};
use crate::stage::{Stage, play};
use crate::window::EVENTUALLY;

const CODE: &str = "console.log('the night was calm');\n";

#[tokio::test(flavor = "multi_thread")]
async fn code_of_analyses_comes_from_a_folder_that_the_owner_names() {
    play("scripts", async |stage: &mut Stage| {
        let target = stage.platform.project();
        let access = stage.platform.access(&target, "Test").await;
        let new = json!({ "name": "Night report", "runtime": "node-rt2025", "run_on": "tago" });
        let lost = text(&access.call(Method::POST, "/analysis", Some(new)).await, "id");
        let copy = stage.backup_and_restore("Copy without code").await;
        access.call(Method::DELETE, &format!("/analysis/{lost}"), None).await;
        let folder = stage.folder().join("my code");
        fs::create_dir_all(folder.join("reports")).unwrap();
        fs::write(folder.join("reports/night-report.js"), CODE).unwrap();

        stage.compare(&copy).await;
        let window = stage.window();
        window.see(&row(&lost, "create")).await;
        window.see_disabled("[data-testid='scripts-look']").await; // no folder is named yet
        window.write("[data-testid='scripts-folder']", "my code").await;
        window.press("[data-testid='scripts-look']").await;
        window.see_within("[data-testid='error-code'][data-code='bad_input']", EVENTUALLY).await;
        window.see_text("is not a whole path").await;
        let seen = "const note = document.querySelector('[data-testid=error-code]').getBoundingClientRect();
                    return note.top >= 0 && note.bottom <= innerHeight;";
        assert_eq!(window.read(seen, vec![]).await, true, "the field is far below what is said of it");
        window.see_no_more("[data-testid='scripts-found']").await;
        stage.picture("refused").await;

        window.write("[data-testid='scripts-folder']", &folder.display().to_string()).await;
        window.press("[data-testid='scripts-look']").await;
        window.see_within("[data-testid='scripts-found']", EVENTUALLY).await;
        let found = "1 analysis gets its code from the folder";
        window.see_said("[data-testid='scripts-found']", &[found]).await;
        stage.picture("found").await;
        stage.approve_resources().await;
        window.see_within("[data-testid='resource-run-state'][data-state='done']", EVENTUALLY).await;
        window.see("[data-testid='proof-verdict'][data-green='true']").await;
        stage.picture("done").await;

        let listed = access.call(Method::GET, "/analysis?amount=100", None).await;
        let made = listed.as_array().unwrap().iter().find(|one| one["name"] == "Night report").unwrap();
        assert_eq!(code_of(&access, &text(made, "id")).await, CODE);
    })
    .await;
}

/// The code as the platform hands it out, unpacked.
async fn code_of(access: &Access, analysis: &str) -> String {
    let link = access.call(Method::GET, &format!("/analysis/{analysis}/download"), None).await;
    let packed = access.download(&text(&link, "url")).await;
    let mut unpacking =
        Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    unpacking.stdin.take().unwrap().write_all(&packed).unwrap();
    String::from_utf8(unpacking.wait_with_output().unwrap().stdout).unwrap()
}

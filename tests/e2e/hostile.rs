//! What comes from outside is text, whatever it looks like.

use reqwest::Method;
use serde_json::json;

use crate::stage::{Stage, play};

const IMAGE: &str = "<img src=x onerror=document.title='owned'>";
const SCRIPT: &str = "</td><script>document.title='owned'</script>{{7*7}}";

#[tokio::test(flavor = "multi_thread")]
async fn a_device_or_project_named_like_markup_is_shown_as_text() {
    play("hostile", async |stage: &mut Stage| {
        let (platform, window, project) = (&stage.platform, stage.window(), stage.platform.project());
        let access = platform.access(&project, "Hostile").await;
        let devices = access.call(Method::GET, "/device?amount=2&fields[0]=id", None).await;
        for (device, name) in devices.as_array().unwrap().iter().zip([IMAGE, SCRIPT]) {
            let path = format!("/device/{}", device["id"].as_str().unwrap());
            let tags = json!([{ "key": IMAGE, "value": SCRIPT }]);
            access.call(Method::PUT, &path, Some(json!({ "name": name, "tags": tags }))).await;
        }
        let backup = platform.post(&format!("/api/projects/{project}/backups"), json!({})).await;
        let copy = platform.restore(&project, backup["id"].as_str().unwrap(), IMAGE).await;

        stage.open_backups().await;
        assert!(stage.names_in_the_sidebar().await.contains(&IMAGE.to_owned()));
        window.press(&format!("[data-testid='nav-project-{copy}']")).await;
        window.see_text(SCRIPT).await;
        stage.picture("inspect").await;
        window.press("[data-testid='nav-restored']").await;
        window.press("[data-testid='restored-migrate']").await;
        window.press("[data-testid='wizard-next']").await;
        window.see("[data-testid='choose-filter']").await;
        window.see_text(IMAGE).await;
        window.see_text(SCRIPT).await;
        assert!(window.all("img[src='x']").await.is_empty());
        let title = window.read("return [document.title, document.scripts.length];", vec![]).await;
        assert_eq!(title[0], "Holdfast");
        stage.picture("choose").await;
    })
    .await;
}

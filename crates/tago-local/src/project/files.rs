//! Files of the profile: uploads in one piece and in parts, folders, visibility and signed addresses.
//!
//! A folder is what paths have in common. As on the platform, removing a path that is no file removes
//! everything below it, and a path that is neither is no error.

mod multipart;
mod store;

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as TOKEN};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::token::TokenKind;
use super::{Project, account, links};

pub(super) use store::Files;

/// Bytes of the largest body of an upload.
pub(super) const BODY_LIMIT: usize = 40_000_000;
/// How long a signed address is good.
const SIGNED_FOR: Duration = Duration::from_secs(2 * 60 * 60);
const MEGABYTE: f64 = 1_000_000.0;

#[derive(Deserialize)]
struct Upload {
    filename: String,
    file: String,
    #[serde(default)]
    public: bool,
}

#[derive(Deserialize)]
struct Transfer {
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct Visibility {
    file: String,
    public: bool,
}

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    let folder = call.query.one("path").unwrap_or_default().trim_matches('/').to_owned();
    let prefix = if folder.is_empty() { folder } else { format!("{folder}/") };
    let qty = usize::try_from(call.query.number("qty", 300, (1, 1000))?).unwrap_or(1000);
    let after = place(call.query.one("pagination_token").unwrap_or_default())?;
    let search = call.query.one("search").map(str::to_lowercase);
    let total = account::allocated(&call, "file_storage").await?;
    let files = &call.project.0.files;
    let page = files.page(&prefix, &after, qty);
    // As on the platform the page is cut before it is searched, so a page can be short and not the last.
    let found = |name: &str| search.as_deref().is_none_or(|text| name.to_lowercase().contains(text));
    let shown: Vec<Value> = page
        .files
        .iter()
        .filter(|(path, _)| found(path))
        .map(|(path, entry)| {
            json!({
                "filename": path,
                "size": entry.size,
                "last_modified": entry.last_modified,
                "public": entry.public,
            })
        })
        .collect();
    let folders: Vec<_> = page.folders.into_iter().filter(|name| found(name)).collect();
    Answer::ok(json!({
        "files": shown,
        "folders": folders,
        "usage": files.bytes() as f64 / MEGABYTE,
        "total": total,
        "pagination_token": page.next.map(|next| TOKEN.encode(next)),
    }))
}

/// Small files in base64, or one step of an upload in parts.
pub(super) async fn upload(call: Call) -> Result<Answer, Refused> {
    if call.content_type.starts_with("multipart/form-data") {
        return multipart::step(&call).await;
    }
    let body: Value = call.json()?;
    if body.get("multipart_action").is_some() {
        return multipart::step_in_json(&call, body).await;
    }
    let uploads: Vec<Upload> = serde_json::from_value(body)
        .map_err(|error| Refused::bad(format!("The body must be a list of files: {error}")))?;
    let checked = uploads
        .into_iter()
        .map(|upload| {
            let path = checked_path(&upload.filename)?;
            let bytes = BASE64.decode(upload.file.as_bytes()).map_err(|error| {
                Refused::bad(format!("file of {path} must be its content in base64: {error}"))
            })?;
            Ok((path, bytes, upload.public))
        })
        .collect::<Result<Vec<_>, Refused>>()?;
    refuse_if_full(&call, checked.iter().map(|(_, bytes, _)| bytes.len() as u64).sum()).await?;
    let now = call.project.0.shared.clock.now();
    blocking(&call, move |project| {
        checked.iter().try_for_each(|(path, bytes, public)| {
            project.0.files.put(project, path, bytes, *public, now).map(drop)
        })
    })
    .await?;
    Answer::created("Successfully Uploaded")
}

pub(super) async fn move_files(call: Call) -> Result<Answer, Refused> {
    let transfers = transfers(&call)?;
    blocking(&call, move |project| project.0.files.rename(project, &transfers)).await?;
    Answer::ok("Successfully Updated")
}

pub(super) async fn copy(call: Call) -> Result<Answer, Refused> {
    let transfers = transfers(&call)?;
    let now = call.project.0.shared.clock.now();
    let sizes = transfers.iter().filter_map(|(from, _)| call.project.0.files.entry(from)).map(|e| e.size);
    refuse_if_full(&call, sizes.sum()).await?;
    blocking(&call, move |project| {
        transfers.iter().try_for_each(|(from, to)| {
            let (entry, bytes) =
                project.0.files.content(project, from)?.ok_or_else(|| Refused::not_found("File", from))?;
            project.0.files.put(project, to, &bytes, entry.public, now).map(drop)
        })
    })
    .await?;
    Answer::ok("Successfully Updated")
}

pub(super) async fn permission(call: Call) -> Result<Answer, Refused> {
    let path = call.query.one("file").unwrap_or_default().trim_matches('/');
    let entry = call.project.0.files.entry(path).ok_or_else(|| Refused::not_found("File", path))?;
    std::future::ready(Answer::ok(json!({ "file": path, "public": entry.public }))).await
}

pub(super) async fn change_permission(call: Call) -> Result<Answer, Refused> {
    let changes: Vec<Visibility> = call.json()?;
    let changes =
        changes.into_iter().map(|change| (trimmed(&change.file), change.public)).collect::<Vec<_>>();
    blocking(&call, move |project| project.0.files.set_public(project, &changes)).await?;
    Answer::ok("Successfully Updated")
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let paths: Vec<String> = call.json()?;
    let paths: Vec<String> = paths.iter().map(|path| as_delete_reads_it(path)).collect();
    if paths.iter().any(String::is_empty) {
        return Err(Refused::bad("A path to remove must name a file or a folder"));
    }
    blocking(&call, move |project| project.0.files.remove(project, &paths)).await?;
    Answer::ok("Successfully Removed")
}

/// The content of a file, its MD5, or an address that opens it for a while.
pub(super) async fn fetch(call: Call) -> Result<Answer, Refused> {
    let path = call.part("path").to_owned();
    let missing = || Refused::new(StatusCode::NOT_FOUND, format!("File {path} does not exist"));
    let entry = call.project.0.files.entry(&path);
    let own_profile = call.part("profile") == call.project.profile().to_string();
    let entry = entry.filter(|_| own_profile);
    let target = format!("file {path}");
    let key = call.query.one("key").unwrap_or_default().to_owned();
    let now = call.project.0.shared.clock.now();
    let signed = !key.is_empty() && {
        let target = target.clone();
        call.read(move |db| Ok(links::opens(db, &key, &target, now)?)).await?
    };
    let open = entry.as_ref().is_some_and(|entry| entry.public);
    if !open && !signed && call.caller.kind != TokenKind::Profile {
        return Err(Refused::denied());
    }
    let entry = entry.ok_or_else(missing)?;
    if call.query.flag("md5")? {
        return Answer::ok(entry.md5);
    }
    if call.query.flag("noRedirect")? {
        let key = call.write(move |writing| Ok(links::make(writing, &target, SIGNED_FOR)?)).await?;
        return Answer::ok(format!("{}?key={key}", address(&call, &path)));
    }
    let content = {
        let path = path.clone();
        blocking(&call, move |project| project.0.files.content(project, &path)).await?
    };
    let (entry, bytes) = content.ok_or_else(missing)?;
    Ok(Answer::file(entry.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()), bytes))
}

/// The place in the list that a page ended at.
fn place(token: &str) -> Result<String, Refused> {
    let place = TOKEN.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    place.ok_or_else(|| Refused::bad("pagination_token must be the one that a page ended with"))
}

/// Where a client finds a file.
fn address(call: &Call, path: &str) -> String {
    const IN_A_PATH: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b'{')
        .add(b'}');
    let path = utf8_percent_encode(path, IN_A_PATH);
    format!("http://{}/file/{}/{path}", call.host, call.project.profile())
}

async fn refuse_if_full(call: &Call, more: u64) -> Result<(), Refused> {
    let megabytes = account::allocated(call, "file_storage").await?;
    if call.project.0.files.bytes() + more > megabytes.saturating_mul(1_000_000) {
        return Err(Refused::over_limit("file storage in MB", megabytes));
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&Project) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let project = call.project.clone();
    tokio::task::spawn_blocking(move || work(&project))
        .await
        .unwrap_or_else(|_| Err(Refused::internal("The platform is stopping")))
}

fn transfers(call: &Call) -> Result<Vec<(String, String)>, Refused> {
    let transfers: Vec<Transfer> = call.json()?;
    transfers.into_iter().map(|one| Ok((trimmed(&one.from), checked_path(&one.to)?))).collect()
}

fn trimmed(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

/// The route that removes reads paths in its own way: `..` and spaces around a part are left out.
fn as_delete_reads_it(path: &str) -> String {
    let parts: Vec<_> = path.split('/').map(|part| part.replace("..", "").trim().to_owned()).collect();
    trimmed(&parts.join("/"))
}

pub(super) fn checked_path(path: &str) -> Result<String, Refused> {
    let path = path.trim_matches('/');
    let fits = (1..=500).contains(&path.chars().count())
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.chars().any(char::is_control);
    if fits {
        return Ok(path.to_owned());
    }
    Err(Refused::bad("filename must be a path of 1 to 500 characters without . or .. as a part"))
}

//! Files of the profile: small ones, in the blob store.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tago_api::Time;

use super::Project;
use super::call::{Answer, Call, Refused};

#[derive(Deserialize)]
struct Upload {
    filename: String,
    file: String,
    #[serde(default)]
    public: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    size: usize,
    last_modified: Time,
    public: bool,
}

type Index = BTreeMap<String, Entry>;

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    let folder = call.query.one("path").unwrap_or_default().trim_matches('/').to_owned();
    let prefix = if folder.is_empty() { folder } else { format!("{folder}/") };
    let qty = call.query.number("qty", 300, (1, 1000))?;
    let after = call.query.one("pagination_token").unwrap_or_default().to_owned();
    let index = index(&call.project)?;
    let mut files = Vec::new();
    let mut folders = BTreeSet::new();
    let mut next = None;
    for (path, entry) in index.range(after..) {
        let Some(rest) = path.strip_prefix(&prefix) else { continue };
        if (files.len() + folders.len()) as u64 >= qty {
            next = Some(path);
            break;
        }
        match rest.split_once('/') {
            Some((folder, _)) => drop(folders.insert(folder)),
            None => files.push(json!({
                "filename": path,
                "size": entry.size,
                "last_modified": entry.last_modified,
                "public": entry.public,
            })),
        }
    }
    let bytes: usize = index.values().map(|entry| entry.size).sum();
    std::future::ready(Answer::ok(json!({
        "files": files,
        "folders": folders,
        "usage": bytes as f64 / 1_000_000.0,
        "total": bytes as f64 / 1_000_000.0,
        "pagination_token": next,
    })))
    .await
}

pub(super) async fn upload(call: Call) -> Result<Answer, Refused> {
    let uploads: Vec<Upload> = call.json()?;
    let now = call.project.0.shared.clock.now();
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
    let project = call.project.clone();
    // The writer's thread keeps two changes of the index apart.
    call.write(move |_| {
        let mut index = index(&project)?;
        for (path, bytes, public) in checked {
            project.0.blobs.file(&path).write(&bytes)?;
            index.insert(path, Entry { size: bytes.len(), last_modified: now, public });
        }
        save(&project, &index)
    })
    .await?;
    Answer::created("Successfully Uploaded")
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    let paths: Vec<String> = call.json()?;
    let project = call.project.clone();
    call.write(move |_| {
        let mut index = index(&project)?;
        for path in &paths {
            if index.remove(path).is_none() {
                return Err(Refused::not_found("File", path));
            }
        }
        save(&project, &index)?;
        paths.iter().try_for_each(|path| project.0.blobs.file(path).remove())
    })
    .await?;
    Answer::ok("Successfully Removed")
}

/// The content of a file.
pub(super) async fn fetch(call: Call) -> Result<Answer, Refused> {
    let (profile, path) = (call.part("profile"), call.part("path"));
    let known = profile == call.project.profile().to_string() && index(&call.project)?.contains_key(path);
    let content = if known { call.project.0.blobs.file(path).read()? } else { None };
    let answer = content
        .map(|bytes| Answer::bytes("application/octet-stream", bytes))
        .ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, format!("File {path} does not exist")));
    std::future::ready(answer).await
}

fn checked_path(path: &str) -> Result<String, Refused> {
    let path = path.trim_matches('/');
    let fits = (1..=500).contains(&path.chars().count())
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.chars().any(char::is_control);
    if fits {
        return Ok(path.to_owned());
    }
    Err(Refused::bad("filename must be a path of 1 to 500 characters without . or .. as a part"))
}

fn index(project: &Project) -> Result<Index, Refused> {
    match project.0.blobs.file_index().read()? {
        None => Ok(Index::new()),
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| Refused::internal(format!("The list of files is damaged: {error}"))),
    }
}

fn save(project: &Project, index: &Index) -> Result<(), Refused> {
    let bytes = serde_json::to_vec(index).map_err(|error| Refused::internal(error.to_string()))?;
    project.0.blobs.file_index().write(&bytes)
}

//! Files of a profile.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::file_call;
use super::part::base64;
use crate::client::api::Api;
use crate::client::error::ApiError;
use crate::client::transport::Call;
use crate::{ProfileId, Time};

/// A file as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileEntry {
    /// Its whole path.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// Whether anybody may read it; the platform leaves it out where it is not.
    #[serde(default)]
    pub public: bool,
    /// When it was written.
    #[serde(default)]
    pub last_modified: Option<Time>,
}

/// A file with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its whole path.
    pub path: String,
    /// What is in it.
    pub content: Bytes,
    /// Whether anybody may read it.
    pub public: bool,
}

#[derive(Deserialize)]
struct Folder {
    #[serde(default)]
    files: Vec<FileEntry>,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    pagination_token: Option<String>,
}

#[derive(Serialize)]
struct Upload<'a> {
    filename: &'a str,
    file: String,
    public: bool,
}

#[derive(Serialize)]
struct Visibility<'a> {
    file: &'a str,
    public: bool,
}

const PAGE: usize = 1_000;

/// Files.
impl Api {
    /// Every file, in every folder.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn files(&self) -> Result<Vec<FileEntry>, ApiError> {
        let mut files = Vec::new();
        let mut folders = VecDeque::from([String::new()]);
        while let Some(folder) = folders.pop_front() {
            let mut token: Option<String> = None;
            loop {
                let found = self.folder(&folder, token.as_deref()).await?;
                files.extend(found.files);
                let inner = found.folders.iter().map(|name| name.trim_matches('/'));
                folders.extend(inner.filter(|name| !name.is_empty()).map(|name| match folder.as_str() {
                    "" => name.to_owned(),
                    folder => format!("{folder}/{name}"),
                }));
                let next = found.pagination_token.filter(|token| !token.is_empty());
                if next.is_none() || next == token {
                    break;
                }
                token = next;
            }
        }
        let mut seen = std::collections::HashSet::new();
        files.retain(|file| seen.insert(file.filename.clone()));
        Ok(files)
    }

    /// A file as its folder shows it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn file_entry(&self, path: &str) -> Result<Option<FileEntry>, ApiError> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut token: Option<String> = None;
        loop {
            let found = self.folder(folder, token.as_deref()).await?;
            if let Some(file) = found.files.into_iter().find(|file| file.filename == path) {
                return Ok(Some(file));
            }
            let next = found.pagination_token.filter(|token| !token.is_empty());
            if next.is_none() || next == token {
                return Ok(None);
            }
            token = next;
        }
    }

    async fn folder(&self, folder: &str, token: Option<&str>) -> Result<Folder, ApiError> {
        let mut call = Call::new("GET /files").query("path", format!("/{folder}")).query("qty", PAGE);
        if let Some(token) = token {
            call = call.query("pagination_token", token);
        }
        self.transport.result(call).await
    }

    /// The content of a file.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn file(&self, profile: ProfileId, path: &str) -> Result<Bytes, ApiError> {
        self.transport.bytes(file_call(profile, path)).await
    }

    /// Stores a file, in the place of one with its path if there is one.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn upload_file(&self, file: &StoredFile) -> Result<(), ApiError> {
        let upload = Upload { filename: &file.path, file: base64(&file.content), public: file.public };
        self.done(Call::new("POST /files").json(&[upload])?).await
    }

    /// Decides whether anybody may read a file.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn set_file_visibility(&self, path: &str, public: bool) -> Result<(), ApiError> {
        self.done(Call::new("PUT /files/permission").json(&[Visibility { file: path, public }])?).await
    }

    /// Deletes one file. The path must be one that [`Api::files`] answered: the platform takes any other
    /// text for a folder and deletes all that is in it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_file(&self, path: &str) -> Result<(), ApiError> {
        self.done(Call::new("DELETE /files").json(&[path])?).await
    }
}

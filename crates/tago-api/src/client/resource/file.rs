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

#[derive(Serialize)]
struct UploadStart<'a> {
    multipart_action: &'a str,
    filename: &'a str,
    public: bool,
}

/// What the platform says of a part that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// Its hash, as the platform spells it.
    #[serde(rename = "ETag")]
    pub etag: String,
    /// Which, counted from 1.
    #[serde(rename = "PartNumber")]
    pub number: u32,
}

#[derive(Serialize)]
struct UploadEnd<'a> {
    multipart_action: &'a str,
    filename: &'a str,
    upload_id: &'a str,
    parts: &'a [UploadedPart],
}

const PAGE: usize = 1_000;
/// Bytes of a part of a large file; the platform takes none below 5 MiB but the last.
pub const UPLOAD_PART: usize = 7 << 20;

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

    /// The files of one folder, without those of the folders in it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn files_in(&self, folder: &str) -> Result<Vec<FileEntry>, ApiError> {
        let mut files = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let found = self.folder(folder, token.as_deref()).await?;
            files.extend(found.files);
            let next = found.pagination_token.filter(|token| !token.is_empty());
            if next.is_none() || next == token {
                return Ok(files);
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

    /// Begins the upload of a file that is too large for one request, and answers its name. Nothing is stored
    /// before [`Api::end_upload`].
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn begin_upload(&self, path: &str, public: bool) -> Result<String, ApiError> {
        let start = UploadStart { multipart_action: "start", filename: path, public };
        self.transport.result(Call::new("POST /files").json(&start)?).await
    }

    /// Sends one part, counted from 1. All but the last have [`UPLOAD_PART`] bytes; sent twice, it is there
    /// once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn upload_part(
        &self,
        path: &str,
        upload: &str,
        number: usize,
        content: &Bytes,
    ) -> Result<UploadedPart, ApiError> {
        let number = number.to_string();
        let texts = [
            ("multipart_action", "upload"),
            ("filename", path),
            ("upload_id", upload),
            ("part", number.as_str()),
        ];
        self.transport.result(Call::new("POST /files").form(&texts, content)).await
    }

    /// Stores a file whose parts are sent, in the place of one with its path if there is one.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn end_upload(&self, path: &str, upload: &str, parts: &[UploadedPart]) -> Result<(), ApiError> {
        let end = UploadEnd { multipart_action: "end", filename: path, upload_id: upload, parts };
        self.done(Call::new("POST /files").json(&end)?).await
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

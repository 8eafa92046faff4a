use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use tago_api::Time;

use crate::project::Project;
use crate::project::blobs::Blobs;
use crate::project::call::Refused;
use crate::random::hex;

use super::multipart::Uploads;

/// The files of a project: which there are, in memory and in the blob store; their contents there alone.
pub(in crate::project) struct Files {
    index: Mutex<Index>,
    pub(super) uploads: Uploads,
}

/// What is known of a file beside its content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::project) struct Entry {
    pub(in crate::project) size: u64,
    pub(in crate::project) last_modified: Time,
    pub(in crate::project) public: bool,
    pub(in crate::project) md5: String,
    #[serde(default)]
    pub(in crate::project) content_type: Option<String>,
    /// Name of its content in the blob store: never used twice, so a crash leaves the old file or the new.
    blob: String,
}

type Index = BTreeMap<String, Entry>;

/// One level of one folder, from a place on.
pub(super) struct Page {
    pub(super) files: Vec<(String, Entry)>,
    pub(super) folders: Vec<String>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

impl Files {
    pub(in crate::project) fn open(blobs: &Blobs) -> Result<Files, Refused> {
        let index = match blobs.file_index().read()? {
            None => Index::new(),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Refused::internal(format!("The list of files is damaged: {error}")))?,
        };
        Ok(Files { index: Mutex::new(index), uploads: Uploads::default() })
    }

    /// Makes a file, or replaces the one at the path. Blocks.
    pub(in crate::project) fn put(
        &self,
        project: &Project,
        path: &str,
        bytes: &[u8],
        public: bool,
        now: Time,
    ) -> Result<(), Refused> {
        self.add(project, path, now, public, None, |blob| {
            blob.write(bytes)?;
            Ok((bytes.len() as u64, hex(&Md5::digest(bytes))))
        })
    }

    /// The same for a content that `write` brings; it returns the size and the MD5.
    pub(super) fn add(
        &self,
        project: &Project,
        path: &str,
        now: Time,
        public: bool,
        content_type: Option<String>,
        write: impl FnOnce(&crate::project::blobs::Blob) -> Result<(u64, String), Refused>,
    ) -> Result<(), Refused> {
        let blob = hex(&project.0.shared.random.bytes::<16>());
        let (size, md5) = write(&project.0.blobs.file(&blob))?;
        let entry = Entry { size, last_modified: now, public, md5, content_type, blob };
        self.change(project, |index| {
            index.insert(path.to_owned(), entry);
            Ok(())
        })
    }

    /// What is known of a file.
    pub(in crate::project) fn entry(&self, path: &str) -> Option<Entry> {
        self.lock().get(path).cloned()
    }

    /// The content of a file. Blocks.
    pub(in crate::project) fn content(
        &self,
        project: &Project,
        path: &str,
    ) -> Result<Option<(Entry, Vec<u8>)>, Refused> {
        // While the index is locked nobody removes the content.
        let index = self.lock();
        let Some(entry) = index.get(path) else { return Ok(None) };
        let bytes = project.0.blobs.file(&entry.blob).read()?;
        bytes
            .map(|bytes| Some((entry.clone(), bytes)))
            .ok_or_else(|| Refused::internal(format!("The content of {path} is missing from the blob store")))
    }

    /// Every path, in order.
    pub(in crate::project) fn paths(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Bytes of all files.
    pub(in crate::project) fn bytes(&self) -> u64 {
        self.lock().values().map(|entry| entry.size).sum()
    }

    /// The moments of the last change of each file, with its bytes.
    pub(in crate::project) fn changes(&self) -> Vec<(Time, u64)> {
        self.lock().values().map(|entry| (entry.last_modified, entry.size)).collect()
    }

    pub(super) fn page(&self, prefix: &str, after: &str, qty: usize) -> Page {
        let index = self.lock();
        let mut page = Page { files: Vec::new(), folders: Vec::new(), next: None };
        let mut from = after.max(prefix).to_owned();
        loop {
            let next = index.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded)).next();
            let Some((path, entry)) = next.filter(|(path, _)| path.starts_with(prefix)) else { break };
            if page.files.len() + page.folders.len() >= qty {
                page.next = Some(from);
                break;
            }
            match path[prefix.len()..].split_once('/') {
                None => {
                    page.files.push((path.clone(), entry.clone()));
                    from = format!("{path}\0");
                }
                Some((folder, _)) => {
                    page.folders.push(folder.to_owned());
                    // `0` comes right behind `/`: past everything in the folder.
                    from = format!("{prefix}{folder}0");
                }
            }
        }
        page
    }

    pub(super) fn rename(&self, project: &Project, transfers: &[(String, String)]) -> Result<(), Refused> {
        self.change(project, |index| {
            transfers.iter().try_for_each(|(from, to)| {
                let entry = index.remove(from).ok_or_else(|| Refused::not_found("File", from))?;
                index.insert(to.clone(), entry);
                Ok(())
            })
        })
    }

    pub(super) fn set_public(&self, project: &Project, changes: &[(String, bool)]) -> Result<(), Refused> {
        self.change(project, |index| {
            changes.iter().try_for_each(|(path, public)| {
                index.get_mut(path).ok_or_else(|| Refused::not_found("File", path))?.public = *public;
                Ok(())
            })
        })
    }

    /// Removes each path, or everything below it if it is no file.
    pub(super) fn remove(&self, project: &Project, paths: &[String]) -> Result<(), Refused> {
        self.change(project, |index| {
            for path in paths {
                if index.remove(path).is_none() {
                    let below = format!("{path}/");
                    index.retain(|path, _| !path.starts_with(&below));
                }
            }
            Ok(())
        })
    }

    /// Changes the list, in the blob store before anybody sees it; contents that nothing names any more go.
    fn change(
        &self,
        project: &Project,
        work: impl FnOnce(&mut Index) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut index = self.lock();
        let mut changed = index.clone();
        work(&mut changed)?;
        let bytes = serde_json::to_vec(&changed).map_err(|error| Refused::internal(error.to_string()))?;
        project.0.blobs.file_index().write(&bytes)?;
        let old = std::mem::replace(&mut *index, changed);
        let used: std::collections::HashSet<&str> = index.values().map(|entry| entry.blob.as_str()).collect();
        old.values()
            .filter(|entry| !used.contains(entry.blob.as_str()))
            .try_for_each(|entry| project.0.blobs.file(&entry.blob).remove())
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

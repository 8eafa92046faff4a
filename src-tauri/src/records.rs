//! What the shell remembers from start to start: one JSON file for each run and each restore.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Answer, ErrorCode, UiError};

/// A folder of records of one kind, each under its id.
#[derive(Debug)]
pub(crate) struct Records<T> {
    folder: PathBuf,
    /// What people call one of them.
    noun: &'static str,
    kind: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Records<T> {
    pub(crate) fn new(folder: PathBuf, noun: &'static str) -> Records<T> {
        Records { folder, noun, kind: PhantomData }
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Remembers a record, under a temporary name first.
    pub(crate) fn write(&self, id: &str, record: &T) -> Answer<()> {
        let path = self.path(id);
        let temporary = path.with_extension("json.new");
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| Ok(serde_json::to_vec_pretty(record)?))
            .and_then(|text| fs::write(&temporary, text))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|error| {
            let said = format!("The {} could not be written to {} ({error})", self.noun, path.display());
            UiError::new(ErrorCode::Journal, said)
                .hint("Check that the disk has room and that the folder may be written.")
        })
    }

    pub(crate) fn read(&self, id: &str) -> Answer<T> {
        self.find(id)?
            .ok_or_else(|| UiError::new(ErrorCode::NotFound, format!("There is no {} of this id", self.noun)))
    }

    /// The record, if there is one of this id.
    pub(crate) fn find(&self, id: &str) -> Answer<Option<T>> {
        // An id comes from the window: it never leaves the folder.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Ok(None);
        }
        let text = match fs::read_to_string(self.path(id)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let said = format!("The {} cannot be read ({error})", self.noun);
                return Err(UiError::new(ErrorCode::Journal, said));
            }
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            UiError::new(ErrorCode::Journal, format!("The {} {id} is damaged ({error})", self.noun))
        })
    }

    /// Every record, by id backwards. One that cannot be read is told in the log and left out.
    pub(crate) fn all(&self) -> Vec<T> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut ids: Vec<String> =
            names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let mut records = Vec::new();
        for id in ids {
            match self.read(&id) {
                Ok(record) => records.push(record),
                Err(error) => tracing::warn!(id, error.message, "a {} was left out", self.noun),
            }
        }
        records
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_again_newest_first_and_a_damaged_one_does_not_hide_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::<String>::new(folder.path().join("runs"), "run");
        assert!(records.all().is_empty());
        for id in ["20261122-043000000-00aa", "20261123-043000000-00bb"] {
            records.write(id, &id.to_owned()).unwrap();
        }
        fs::write(folder.path().join("runs/20261124-043000000-00cc.json"), "{").unwrap();
        assert_eq!(records.all(), ["20261123-043000000-00bb", "20261122-043000000-00aa"]);
        assert_eq!(records.read("20261124-043000000-00cc").unwrap_err().code, ErrorCode::Journal);
    }

    #[test]
    fn an_id_from_the_window_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::<String>::new(folder.path().join("runs"), "run");
        fs::write(folder.path().join("secret.json"), "\"secret\"").unwrap();
        for id in ["../secret", "", "/etc/passwd", "a/b", "."] {
            assert_eq!(records.read(id).unwrap_err().code, ErrorCode::NotFound, "{id}");
        }
    }
}

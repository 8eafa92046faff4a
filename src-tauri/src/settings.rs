//! What Holdfast remembers between two starts: a versioned JSON file without a secret in it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::view::ConnectionKind;

/// The format that this version writes.
const VERSION: u32 = 1;

/// The remembered values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    version: u32,
    /// Connections to elsewhere; the practice platform is not among them.
    #[serde(default)]
    pub connections: Vec<StoredConnection>,
    /// Whether the practice platform was started before, so that the next start starts it again.
    #[serde(default)]
    pub practice_started: bool,
}

impl Settings {
    fn new() -> Settings {
        Settings { version: VERSION, connections: Vec::new(), practice_started: false }
    }
}

/// A connection without its credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredConnection {
    pub id: String,
    pub kind: ConnectionKind,
    pub name: String,
    /// Scheme, host and port; the credential is sent nowhere else.
    pub address: String,
    /// The profile that the credential opens; the one project of this connection.
    pub profile: String,
    pub profile_name: String,
    /// The last four characters of the credential.
    pub token_hint: String,
    /// That the keyring was given the credential: without it "no entry" would read as "signed out".
    pub stored: bool,
}

impl StoredConnection {
    /// The name of its credential in the keyring.
    pub fn secret_name(&self) -> String {
        format!("{}#{}", self.address, self.profile)
    }
}

/// Why the settings could not be read or written.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("the settings could not be read from {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the settings in {} are damaged", path.display())]
    Damaged { path: PathBuf, source: serde_json::Error },
    #[error("the settings in {} were written by a newer version ({version}) of Holdfast", path.display())]
    Newer { path: PathBuf, version: u32 },
    #[error("the settings could not be written to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The file and what it holds.
pub struct SettingsFile {
    path: PathBuf,
    settings: Settings,
}

impl SettingsFile {
    /// Reads the file, or begins with empty settings if there is none.
    ///
    /// # Errors
    /// [`SettingsError::Damaged`] and [`SettingsError::Newer`] leave the file as it is.
    pub fn open(path: PathBuf) -> Result<SettingsFile, SettingsError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(SettingsFile { path, settings: Settings::new() });
            }
            Err(source) => return Err(SettingsError::Read { path, source }),
        };
        let settings: Settings = match serde_json::from_str(&text) {
            Ok(settings) => settings,
            Err(source) => return Err(SettingsError::Damaged { path, source }),
        };
        if settings.version > VERSION {
            return Err(SettingsError::Newer { path, version: settings.version });
        }
        Ok(SettingsFile { path, settings })
    }

    /// What is remembered.
    pub fn get(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings; if they cannot be written, nothing is changed.
    ///
    /// # Errors
    /// [`SettingsError::Write`].
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) -> Result<(), SettingsError> {
        let mut settings = self.settings.clone();
        change(&mut settings);
        replace(&self.path, &settings)
            .map_err(|source| SettingsError::Write { path: self.path.clone(), source })?;
        self.settings = settings;
        Ok(())
    }
}

fn replace(path: &Path, settings: &Settings) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("the file has no folder"))?;
    fs::create_dir_all(directory)?;
    let temporary = path.with_extension("json.new");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec_pretty(settings)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> StoredConnection {
        StoredConnection {
            id: "c1".into(),
            kind: ConnectionKind::Tagoio,
            name: "Plant".into(),
            address: "https://api.us-e1.tago.io".into(),
            profile: "5f2a8e3b9c1d4e0011223344".into(),
            profile_name: "Plant north".into(),
            token_hint: "89ab".into(),
            stored: true,
        }
    }

    #[test]
    fn what_was_changed_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.json");
        let mut file = SettingsFile::open(path.clone()).unwrap();
        file.change(|settings| settings.connections.push(connection())).unwrap();
        let again = SettingsFile::open(path).unwrap();
        assert_eq!(
            again.get().connections[0].secret_name(),
            "https://api.us-e1.tago.io#5f2a8e3b9c1d4e0011223344"
        );
    }

    #[test]
    fn a_damaged_or_newer_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for (text, damaged) in [("{\"version\":", true), ("{\"version\":2}", false)] {
            fs::write(&path, text).unwrap();
            match SettingsFile::open(path.clone()) {
                Err(SettingsError::Damaged { .. }) => assert!(damaged),
                Err(SettingsError::Newer { version: 2, .. }) => assert!(!damaged),
                other => panic!("{:?}", other.map(|_| ())),
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}

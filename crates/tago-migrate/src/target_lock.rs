use std::fs::{self, File, TryLockError};

use crate::journal::JournalError;
use crate::ports::Identity;
use crate::run::RunError;
use crate::settings::Settings;

/// That nobody else on this computer writes into a project. The system takes it back when the process ends,
/// however that comes about.
#[derive(Debug)]
pub(crate) struct TargetLock {
    _file: Option<File>,
}

impl TargetLock {
    /// What a project says of itself names the lock, so that it is the same under any address.
    pub(crate) fn take(settings: &Settings, target: &Identity) -> Result<TargetLock, RunError> {
        let Some(folder) = &settings.locks else { return Ok(TargetLock { _file: None }) };
        fs::create_dir_all(folder).map_err(JournalError::Folder)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(format!("{}.lock", target.profile)))
            .map_err(JournalError::Folder)?;
        match file.try_lock() {
            Ok(()) => Ok(TargetLock { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(RunError::TargetInUse { target: target.name.clone() }),
            Err(TryLockError::Error(error)) => Err(JournalError::Folder(error).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_goes_into_a_project_and_any_into_others() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { locks: Some(folder.path().join("locks")), ..Settings::default() };
        let project = |profile: &str, origin: &str| Identity {
            origin: origin.to_owned(),
            profile: profile.parse().unwrap(),
            name: "Cold rooms".to_owned(),
        };
        let one = project("5f2a8e3b9c1d4e00aaaaaaaa", "http://127.0.0.1:1");
        let first = TargetLock::take(&settings, &one).unwrap();
        let elsewhere = project("5f2a8e3b9c1d4e00aaaaaaaa", "http://localhost:1");
        assert!(matches!(TargetLock::take(&settings, &elsewhere), Err(RunError::TargetInUse { .. })));
        let other = project("5f2a8e3b9c1d4e00bbbbbbbb", "http://127.0.0.1:1");
        TargetLock::take(&settings, &other).unwrap();
        TargetLock::take(&Settings::default(), &one).unwrap();
        drop(first);
        TargetLock::take(&settings, &one).unwrap();
    }
}

//! Which store the system has, and what it is about.

use std::error::Error;

use super::SecretsError;

/// Opens the system's store the first time.
pub(super) fn open() -> Result<(), SecretsError> {
    match keyring::Entry::store_status() {
        Ok(()) => Ok(()),
        Err(error) => Err(SecretsError::Missing { reason: error.to_string() }),
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::{look, open_again, refused};

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{look, open_again, refused};

#[cfg(target_os = "linux")]
mod linux {
    use secret_service::blocking::SecretService;
    use secret_service::{EncryptionType, Error as ServiceError};

    use super::{Error, SecretsError};

    /// `keyring` opens its store once in the life of the process; a service that started late, or
    /// anew, is found by replacing the default store below it.
    pub(in super::super) fn open_again() -> Result<(), SecretsError> {
        let store = zbus_secret_service_keyring_store::Store::new()
            .map_err(|error| SecretsError::Missing { reason: error.to_string() })?;
        keyring_core::set_default_store(store);
        Ok(())
    }

    /// Whether the default collection is there and open. Only with `may_prompt` may the system ask.
    pub(in super::super) fn look(may_prompt: bool) -> Result<(), SecretsError> {
        let service = SecretService::connect(EncryptionType::Plain).map_err(told)?;
        let collection = service.get_default_collection().map_err(told)?;
        if !collection.is_locked().map_err(told)? {
            return Ok(());
        }
        if !may_prompt {
            return Err(SecretsError::Locked);
        }
        collection.unlock().map_err(told)?;
        if collection.is_locked().map_err(told)? { Err(SecretsError::Locked) } else { Ok(()) }
    }

    pub(in super::super) fn refused(cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError {
        match cause.downcast_ref::<ServiceError>() {
            Some(ServiceError::Prompt) => SecretsError::Denied,
            Some(ServiceError::NoResult) => {
                SecretsError::Missing { reason: "it has no collection to store into".into() }
            }
            _ => SecretsError::Locked,
        }
    }

    fn told(error: ServiceError) -> SecretsError {
        match error {
            ServiceError::Locked => SecretsError::Locked,
            ServiceError::Prompt => SecretsError::Denied,
            other => SecretsError::Missing { reason: other.to_string() },
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{Error, SecretsError};

    /// These stores are part of the system and always there.
    pub(in super::super) fn open_again() -> Result<(), SecretsError> {
        super::open()
    }

    pub(in super::super) fn look(_may_prompt: bool) -> Result<(), SecretsError> {
        Ok(())
    }

    pub(in super::super) fn refused(_cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError {
        SecretsError::Denied
    }
}

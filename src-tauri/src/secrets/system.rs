//! What the operating system says about its keyring.

use std::error::Error;

use super::{Keyring, SecretsError, SystemKeyring};

#[cfg(target_os = "linux")]
impl Keyring for SystemKeyring {
    /// `keyring` opens its store once in the life of the process; a service that started late, or
    /// anew, is found by replacing the default store below it.
    fn open(&mut self, again: bool) -> Result<(), SecretsError> {
        if !again {
            return keyring::Entry::store_status().as_ref().copied().map_err(missing);
        }
        let store = zbus_secret_service_keyring_store::Store::new().map_err(|error| missing(&error))?;
        keyring_core::set_default_store(store);
        Ok(())
    }

    fn look(&mut self, may_prompt: bool) -> Result<(), SecretsError> {
        linux::look(may_prompt)
    }

    fn refused(&self, cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError {
        linux::refused(cause)
    }
}

/// Elsewhere the store is part of the system and always there.
#[cfg(not(target_os = "linux"))]
impl Keyring for SystemKeyring {
    fn open(&mut self, _again: bool) -> Result<(), SecretsError> {
        keyring::Entry::store_status().as_ref().copied().map_err(missing)
    }

    fn look(&mut self, _may_prompt: bool) -> Result<(), SecretsError> {
        Ok(())
    }

    fn refused(&self, _cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError {
        SecretsError::Denied
    }
}

fn missing(error: &keyring_core::Error) -> SecretsError {
    SecretsError::Missing { reason: error.to_string() }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;

    use secret_service::blocking::SecretService;
    use secret_service::{EncryptionType, Error as ServiceError};

    use super::SecretsError;

    pub(super) fn look(may_prompt: bool) -> Result<(), SecretsError> {
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

    pub(super) fn refused(cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError {
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

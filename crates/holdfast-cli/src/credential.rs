use std::fs::File;
use std::io::{self, Read};

use secrecy::SecretString;
use tago_api::client::{Address, Credential, TokenError};
use thiserror::Error;

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whence {
    /// An open file descriptor.
    Descriptor(u32),
    /// The keyring's entry of this name: the address that the token belongs to, `#`, and the profile's id.
    Keyring(String),
}

/// Why there is no token.
#[derive(Debug, Error)]
pub(crate) enum CredentialError {
    #[error("descriptor {fd} cannot be read ({source}); open it with `{fd}<token.txt`")]
    Descriptor { fd: u32, source: io::Error },
    #[error("descriptor {fd} gives more than a token")]
    TooLong { fd: u32 },
    #[error("{0}")]
    NotAToken(#[from] TokenError),
    #[error(
        "the keyring's entry {name:?} belongs to another address, and a token is sent to its own address only"
    )]
    OtherAddress { name: String },
    #[cfg(feature = "keyring")]
    #[error(
        "the keyring has nothing under {name:?} (one that nobody has unlocked yet says the same); unlock it, or \
         connect this project in the window first"
    )]
    NoEntry { name: String },
    #[cfg(feature = "keyring")]
    #[error("this session has no keyring ({reason}); give the token through a file descriptor")]
    NoKeyring { reason: String },
    #[cfg(feature = "keyring")]
    #[error("the keyring is locked or did not allow it ({reason}); unlock it and try again")]
    Refused { reason: String },
    #[cfg(feature = "keyring")]
    #[error("the keyring did not work ({reason})")]
    Unusable { reason: String },
    #[cfg(not(feature = "keyring"))]
    #[error("this build knows no keyring; give the token through a file descriptor")]
    NoKeyringBuiltIn,
}

/// Reads a token and binds it to its address.
pub(crate) fn read(whence: &Whence, address: &Address) -> Result<Credential, CredentialError> {
    let token = match whence {
        Whence::Descriptor(fd) => from_descriptor(*fd)?,
        Whence::Keyring(name) => {
            let stored_for = name.split('#').next().unwrap_or_default();
            if stored_for.parse::<Address>().as_ref() != Ok(address) {
                return Err(CredentialError::OtherAddress { name: name.clone() });
            }
            from_keyring(name)?
        }
    };
    Ok(Credential::new(address.clone(), &token)?)
}

/// Far more than any token has.
const LONGEST: u64 = 4_096;

fn from_descriptor(fd: u32) -> Result<SecretString, CredentialError> {
    let unreadable = |source| CredentialError::Descriptor { fd, source };
    let file = File::open(format!("/dev/fd/{fd}")).map_err(unreadable)?;
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    let token = SecretString::from(text);
    if read as u64 > LONGEST { Err(CredentialError::TooLong { fd }) } else { Ok(token) }
}

#[cfg(feature = "keyring")]
fn from_keyring(name: &str) -> Result<SecretString, CredentialError> {
    use keyring::Error;
    // The window stores under the same name.
    const SERVICE: &str = "holdfast";
    if let Err(error) = keyring::Entry::store_status() {
        return Err(CredentialError::NoKeyring { reason: error.to_string() });
    }
    let found = keyring::Entry::new(SERVICE, name).and_then(|entry| entry.get_password());
    found.map(SecretString::from).map_err(|error| match error {
        Error::NoEntry => CredentialError::NoEntry { name: name.to_owned() },
        Error::NoStorageAccess(cause) => CredentialError::Refused { reason: cause.to_string() },
        other => CredentialError::Unusable { reason: other.to_string() },
    })
}

#[cfg(not(feature = "keyring"))]
fn from_keyring(_name: &str) -> Result<SecretString, CredentialError> {
    Err(CredentialError::NoKeyringBuiltIn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_entry_of_another_address_is_not_even_looked_up() {
        let address: Address = "https://api.us-e1.tago.io".parse().unwrap();
        for name in ["", "mine", "https://api.eu-w1.tago.io#5f2a8e3b9c1d4e0011223344", "api.us-e1.tago.io#x"]
        {
            let refused = read(&Whence::Keyring(name.to_owned()), &address);
            assert!(matches!(refused, Err(CredentialError::OtherAddress { .. })), "{name}");
        }
    }

    #[test]
    fn a_descriptor_that_is_not_open_says_how_to_open_it() {
        let address: Address = "https://api.us-e1.tago.io".parse().unwrap();
        let error = read(&Whence::Descriptor(977), &address).unwrap_err();
        assert!(error.to_string().contains("977<token.txt"), "{error}");
    }
}

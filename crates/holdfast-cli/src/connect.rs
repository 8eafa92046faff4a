use std::time::Duration;

use tago_api::client::{Address, Api, Settings as ClientSettings};
use tago_migrate::live::Live;
use tago_migrate::{Pace, Settings, Side};

use crate::arguments::{Sides, TargetSide};
use crate::credential::{self, Whence};
use crate::failure::Failure;

/// Both projects, ready to be asked, and how to treat them.
pub(crate) struct Connected {
    pub(crate) source: Live,
    pub(crate) target: Live,
    pub(crate) settings: Settings,
}

impl Sides {
    /// Reads both tokens and sends nothing yet.
    pub(crate) fn connect(&self) -> Result<Connected, Failure> {
        let (source, target) = (self.source_whence(), self.target_whence());
        if let (Whence::Descriptor(fd), true) = (&source, source == target) {
            return Err(Failure::SameDescriptor { fd: *fd });
        }
        let batch_bytes = usize::try_from(self.batch_bytes).unwrap_or(usize::MAX);
        let patience = Duration::from_secs(self.patience_s);
        let pace = Pace { share: self.share, ..Pace::default() };
        let late_commit_bound = Duration::from_millis(self.late_commit_bound_ms);
        Ok(Connected {
            source: open(Side::Source, &self.source, &source)?,
            target: open(Side::Target, &self.target, &target)?,
            settings: Settings { late_commit_bound, batch_bytes, pace, patience, ..Settings::default() },
        })
    }

    fn source_whence(&self) -> Whence {
        whence(self.source_token.source_token_fd, self.source_token.source_keyring.as_deref())
    }

    fn target_whence(&self) -> Whence {
        whence(self.target_token.target_token_fd, self.target_token.target_keyring.as_deref())
    }
}

impl TargetSide {
    /// Reads the token and sends nothing yet.
    pub(crate) fn connect(&self) -> Result<(Live, Settings), Failure> {
        let token = &self.target_token;
        let whence = whence(token.target_token_fd, token.target_keyring.as_deref());
        let settings = Settings {
            late_commit_bound: Duration::from_millis(self.late_commit_bound_ms),
            patience: Duration::from_secs(self.patience_s),
            ..Settings::default()
        };
        Ok((open(Side::Target, &self.target, &whence)?, settings))
    }
}

fn whence(fd: Option<u32>, keyring: Option<&str>) -> Whence {
    fd.map_or_else(|| Whence::Keyring(keyring.unwrap_or_default().to_owned()), Whence::Descriptor)
}

fn open(side: Side, address: &str, whence: &Whence) -> Result<Live, Failure> {
    let address: Address = address.parse().map_err(|cause| Failure::Address { side, cause })?;
    let credential =
        credential::read(whence, &address).map_err(|cause| Failure::Credential { side, cause })?;
    let api = Api::new(&address, credential, ClientSettings::default().without_retries())
        .map_err(|source| Failure::Connect { side, source })?;
    Ok(Live::new(api))
}

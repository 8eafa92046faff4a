use std::time::Duration;

use tago_api::client::{Address, Api, Settings as ClientSettings};
use tago_migrate::live::Live;
use tago_migrate::{Pace, PlannedFor, Settings, Side};

use crate::arguments::{Command, MaybeSource, Sides, TargetSide};
use crate::credential::{self, Whence};
use crate::failure::Failure;

/// The folder of the app's data.
const APP: &str = "app.holdfast.desktop";

/// Both projects, ready to be asked, and how to treat them.
pub(crate) struct Connected {
    pub(crate) source: Live,
    pub(crate) target: Live,
    pub(crate) settings: Settings,
}

impl Sides {
    /// Reads both tokens and sends nothing yet.
    pub(crate) fn connect(&self) -> Result<Connected, Failure> {
        let source = whence(self.source_token.source_token_fd, self.source_token.source_keyring.as_deref());
        let source = self.target.with_source(&self.source, &source)?;
        let (target, settings) = self.target.connect()?;
        Ok(Connected { source, target, settings })
    }
}

/// That the addresses are the plan's, unless its projects are said to have moved.
pub(crate) fn expect_addresses(command: &Command) -> Result<(), Failure> {
    let Some((plan, source, target)) = command.on_a_plan().filter(|(.., target)| !target.moved) else {
        return Ok(());
    };
    // What cannot be read is told by whatever needs it.
    let Ok(planned) = PlannedFor::of(plan) else { return Ok(()) };
    let given =
        [(Side::Source, planned.source, source), (Side::Target, planned.target, Some(&*target.target))];
    for (side, planned, address) in given {
        let Some(Ok(address)) = address.map(str::parse::<Address>) else { continue };
        if address.origin() != planned.origin {
            return Err(Failure::OtherAddress { side, planned, given: address.origin() });
        }
    }
    Ok(())
}

impl MaybeSource {
    /// The source, if one was given.
    pub(crate) fn connect(&self, target: &TargetSide) -> Result<Option<Live>, Failure> {
        let Some(source) = &self.source else { return Ok(None) };
        let token = whence(self.token.source_token_fd, self.token.source_keyring.as_deref());
        target.with_source(source, &token).map(Some)
    }
}

impl TargetSide {
    /// Reads the target's token and sends nothing yet.
    pub(crate) fn connect(&self) -> Result<(Live, Settings), Failure> {
        let batch_bytes = usize::try_from(self.batch_bytes).unwrap_or(usize::MAX);
        let patience = Duration::from_secs(self.patience_s);
        let pace = Pace { share: self.share, ..Pace::default() };
        let late_commit_bound = Duration::from_millis(self.late_commit_bound_ms);
        // Where the window has its own: one run at a time goes into a project, whoever begins it.
        let locks = dirs::data_dir().map(|data| data.join(APP).join("locks"));
        let import_bound = Duration::from_secs(self.import_bound_s);
        let settings = Settings {
            late_commit_bound,
            import_bound,
            batch_bytes,
            pace,
            patience,
            locks,
            ..Settings::default()
        };
        Ok((open(Side::Target, &self.target, &self.whence())?, settings))
    }

    fn with_source(&self, address: &str, token: &Whence) -> Result<Live, Failure> {
        if let (Whence::Descriptor(fd), true) = (token, *token == self.whence()) {
            return Err(Failure::SameDescriptor { fd: *fd });
        }
        open(Side::Source, address, token)
    }

    fn whence(&self) -> Whence {
        whence(self.target_token.target_token_fd, self.target_token.target_keyring.as_deref())
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

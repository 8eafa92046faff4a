//! What people are told when something fails: one place for the wording of the shell.

mod engine;

use serde::{Deserialize, Serialize};
use specta::Type;
use tago_api::IdError;
use tago_api::client::{AddressError, ApiError, Refusal, TokenError};

use crate::practice::PracticeError;
use crate::secrets::SecretsError;
use crate::settings::SettingsError;

/// A failure as the window receives it: it branches on `code`, and shows the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct UiError {
    pub code: ErrorCode,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same command may succeed later without anybody changing anything.
    pub retryable: bool,
    /// Which project of a migration it is about, if it is about one alone.
    #[serde(default)]
    #[specta(optional)]
    pub side: Option<End>,
}

/// One of the two projects of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Source,
    Target,
}

/// Kinds of failure that the window treats differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    BadInput,
    Unauthorized,
    Forbidden,
    NotFound,
    Unreachable,
    Refused,
    RateLimited,
    QuoteExpired,
    QuoteChanged,
    ProjectBusy,
    Conflict,
    SameProject,
    PlanChanged,
    OtherProject,
    NotApproved,
    PlannedAgain,
    KeyringLocked,
    KeyringMissing,
    KeyringDenied,
    CredentialMissing,
    PracticeFailed,
    Journal,
    JournalDamaged,
    JournalGone,
    JournalNewer,
    JournalReadable,
    InUse,
    Undecodable,
    Internal,
}

/// What a command answers.
pub type Answer<T> = Result<T, UiError>;

impl UiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> UiError {
        UiError { code, message: sentence(message.into()), hint: None, retryable: false, side: None }
    }

    pub fn bad_input(message: impl Into<String>) -> UiError {
        UiError::new(ErrorCode::BadInput, message)
    }

    pub fn internal(message: impl Into<String>) -> UiError {
        UiError::new(ErrorCode::Internal, message).hint(
            "This is a defect of Holdfast. Nothing that was stored is lost; try it once more, or restart.",
        )
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> UiError {
        self.hint = Some(sentence(hint.into()));
        self
    }

    #[must_use]
    pub fn about(mut self, side: End) -> UiError {
        self.side = Some(side);
        self
    }

    #[must_use]
    pub fn retryable(mut self) -> UiError {
        self.retryable = true;
        self
    }
}

impl From<ApiError> for UiError {
    fn from(error: ApiError) -> UiError {
        let retryable = error.is_retryable();
        let told = match &error {
            ApiError::Token(error) => return UiError::from(error.clone()),
            ApiError::OtherAddress { .. } => UiError::new(ErrorCode::CredentialMissing, error.to_string())
                .hint("Connect this address with a token of its own."),
            ApiError::Setup(_) => UiError::new(ErrorCode::Unreachable, error.to_string())
                .hint("The certificates of this system could not be read; the system's log may say why."),
            ApiError::Encode { .. } => UiError::internal(error.to_string()),
            ApiError::Connect { origin, source, .. } => unanswered(origin, source),
            ApiError::Interrupted { origin, .. } => UiError::new(
                ErrorCode::Unreachable,
                format!("{origin} stopped answering in the middle of a request"),
            )
            .hint("Check the network and try again."),
            ApiError::Refused { origin, refusal, .. } => refused(origin, refusal),
            ApiError::Redirected { origin, .. } => {
                UiError::new(ErrorCode::Refused, format!("{origin} points to another address, and a token is sent only to the address it was given for"))
                    .hint("Enter the address that really serves the API.")
            }
            ApiError::TooLarge { origin, .. } | ApiError::Undecodable { origin, .. } => {
                UiError::new(ErrorCode::Undecodable, format!("{origin} answered something that is not the TagoIO API's answer ({error})"))
                    .hint("Check that the address is that of an API, for example https://api.us-e1.tago.io.")
            }
        };
        if retryable { told.retryable() } else { told }
    }
}

fn unanswered(origin: &str, source: &dyn std::error::Error) -> UiError {
    let cause = innermost(source);
    let unknown_host = ["lookup", "resolve", "name or service", "no such host", "dns"]
        .iter()
        .any(|word| cause.to_ascii_lowercase().contains(word));
    if unknown_host {
        return UiError::new(ErrorCode::Unreachable, format!("There is no host of the name in {origin}"))
            .hint("Check the spelling of the address and the network.");
    }
    if cause.contains("certificate") {
        return UiError::new(
            ErrorCode::Unreachable,
            format!("The certificate of {origin} is not trusted ({cause})"),
        )
        .hint("The token was not sent. Check the address, and who runs this network.");
    }
    UiError::new(ErrorCode::Unreachable, format!("Nobody answers at {origin}"))
        .hint("Check the address and the network; not one byte was sent.")
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    let mut words = cause.to_string();
    while let Some(next) = cause.source() {
        cause = next;
        words = format!("{words}: {cause}");
    }
    words
}

fn refused(origin: &str, refusal: &Refusal) -> UiError {
    let message = refusal.message.clone();
    match (refusal.code.as_deref(), refusal.status) {
        (Some("QUOTE_EXPIRED"), _) => UiError::new(ErrorCode::QuoteExpired, message)
            .hint("Nothing was made and nothing is charged. Look at the new price and consent to that one."),
        (Some("QUOTE_CHANGED"), _) => UiError::new(ErrorCode::QuoteChanged, message)
            .hint("Nothing was made and nothing is charged. Look at the new price and consent to that one."),
        (Some("PROJECT_BUSY"), _) => UiError::new(ErrorCode::ProjectBusy, message)
            .hint("Wait until what is going on in the project has ended, and try again.")
            .retryable(),
        (_, 401) => UiError::new(ErrorCode::Unauthorized, format!("{origin} does not accept the token"))
            .hint("It may be mistyped, revoked, or of another project. Connect again with a token of this project."),
        (_, 403) => UiError::new(ErrorCode::Forbidden, message).hint("Ask the owner of the project to do it."),
        (_, 404) => UiError::new(ErrorCode::NotFound, message).hint("It may have been deleted; reload the list."),
        (_, 409) => UiError::new(ErrorCode::Conflict, message),
        (_, 429) => UiError::new(ErrorCode::RateLimited, format!("{origin} asks to slow down"))
            .hint("Wait a minute and try again.")
            .retryable(),
        (_, 500..) => UiError::new(ErrorCode::Unreachable, format!("{origin} has trouble of its own: {message}"))
            .hint("Try again in a while."),
        _ => UiError::new(ErrorCode::Refused, message),
    }
}

impl From<AddressError> for UiError {
    fn from(error: AddressError) -> UiError {
        UiError::bad_input(format!("Address: {error}"))
    }
}

impl From<TokenError> for UiError {
    fn from(error: TokenError) -> UiError {
        UiError::bad_input(format!("Token: {error}"))
    }
}

impl From<IdError> for UiError {
    fn from(error: IdError) -> UiError {
        UiError::new(ErrorCode::NotFound, format!("There is nothing of this id: {error}"))
    }
}

impl From<SecretsError> for UiError {
    fn from(error: SecretsError) -> UiError {
        let message = error.to_string();
        match error {
            SecretsError::Locked => UiError::new(ErrorCode::KeyringLocked, message).hint(
                "Unlock the keyring of your system (signing in usually does), then choose “Try again”.",
            ),
            SecretsError::Missing { .. } => UiError::new(ErrorCode::KeyringMissing, message)
                .hint("Start a keyring such as GNOME Keyring or KWallet, then choose “Try again”."),
            SecretsError::Denied => UiError::new(ErrorCode::KeyringDenied, message)
                .hint("Choose “Try again” and allow it; nothing is stored anywhere else."),
            SecretsError::NoEntry => UiError::new(ErrorCode::CredentialMissing, message)
                .hint("Connect again and enter the token; the projects and what you did there are kept."),
            SecretsError::Unusable { .. } => UiError::new(ErrorCode::KeyringMissing, message)
                .hint("The keyring of the system reported trouble; restart it, then choose “Try again”."),
            SecretsError::Gone => UiError::internal(message),
        }
    }
}

impl From<PracticeError> for UiError {
    fn from(error: PracticeError) -> UiError {
        UiError::new(ErrorCode::PracticeFailed, innermost(&error))
            .hint("Your own projects are not affected. Choose “Try it on this computer” to start it again.")
            .retryable()
    }
}

impl From<SettingsError> for UiError {
    fn from(error: SettingsError) -> UiError {
        UiError::new(ErrorCode::Internal, innermost(&error))
            .hint("Check that the disk has room and that the folder may be written.")
    }
}

/// A capital first and a full stop last, as a person writes.
fn sentence(text: String) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return text };
    let end = if text.ends_with(['.', '!', '?', '”']) { "" } else { "." };
    let rest = letters.as_str();
    // A host or an address keeps its own spelling.
    let starts_with_address = text.split_whitespace().next().is_some_and(|word| word.contains("://"));
    if starts_with_address { format!("{text}{end}") } else { format!("{}{rest}{end}", first.to_uppercase()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_is_told_in_a_sentence_that_names_the_field() {
        for (text, words) in [
            ("", "empty"),
            ("api.tago.io", "https://"),
            ("http://example.org", "in the open"),
            ("https://user:secret@api.tago.io", "before the @"),
            ("https://api.tago.io/device", "/device"),
        ] {
            let error = UiError::from(text.parse::<tago_api::client::Address>().unwrap_err());
            assert_eq!(error.code, ErrorCode::BadInput);
            assert!(
                error.message.starts_with("Address: ") && error.message.contains(words),
                "{}",
                error.message
            );
            assert!(error.message.ends_with('.'), "{}", error.message);
        }
    }

    #[test]
    fn a_sentence_begins_with_a_capital_but_an_address_is_left_alone() {
        assert_eq!(sentence("nobody answers".into()), "Nobody answers.");
        assert_eq!(sentence("https://x.example is slow".into()), "https://x.example is slow.");
        assert_eq!(sentence("Done.".into()), "Done.");
    }
}

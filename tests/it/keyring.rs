use std::error::Error;

use holdfast_lib::practice::Origin;
use holdfast_lib::secrets::{Keyring, SecretsError};
use serde_json::json;

use crate::desk::{Desk, InMemory, Platform};

/// A keyring that is in some state until it is looked for again.
struct Troubled(Option<SecretsError>);

impl Keyring for Troubled {
    fn open(&mut self, again: bool) -> Result<(), SecretsError> {
        if again {
            self.0 = None;
        }
        match &self.0 {
            Some(error @ SecretsError::Missing { .. }) => Err(error.clone()),
            _ => InMemory.open(again),
        }
    }

    fn look(&mut self, _may_prompt: bool) -> Result<(), SecretsError> {
        self.0.clone().map_or(Ok(()), Err)
    }

    fn refused(&self, _cause: &(dyn Error + Send + Sync + 'static)) -> SecretsError {
        SecretsError::Denied
    }
}

#[test]
fn locked_missing_and_denied_are_states_and_each_ends_with_try_again() {
    let missing = SecretsError::Missing { reason: "no service".into() };
    for (error, state) in
        [(SecretsError::Locked, "locked"), (missing, "missing"), (SecretsError::Denied, "denied")]
    {
        let desk = Desk::with_keyring(Origin::Given("/nowhere".into()), Troubled(Some(error)));
        assert_eq!(desk.call("keyring_state", json!({})), state);
        assert_eq!(desk.call("keyring_try_again", json!({})), "available");
        assert_eq!(desk.call("keyring_state", json!({})), "available");
    }
}

#[test]
fn without_a_keyring_a_token_is_refused_rather_than_written_elsewhere() {
    let platform = Platform::start();
    let missing = SecretsError::Missing { reason: "no service".into() };
    let desk = Desk::with_keyring(platform.origin(), Troubled(Some(missing)));
    let project = platform.project();
    let arguments = json!({ "name": "Plant", "address": project.api, "token": project.token });
    assert_eq!(desk.try_call("connect_tagoio", arguments.clone()).unwrap_err().code, "keyring_missing");
    assert!(desk.files().is_empty());
    desk.call("keyring_try_again", json!({}));
    assert_eq!(desk.call("connect_tagoio", arguments)["state"], "ready");
}

#[test]
fn an_entry_that_is_gone_is_signed_out_only_if_the_keyring_could_be_looked_into() {
    let platform = Platform::start();
    let project = platform.project();
    let arguments = json!({ "name": "Plant", "address": project.api, "token": project.token });
    for (error, state) in [(None, "signed_out"), (Some(SecretsError::Locked), "keyring_locked")] {
        let desk = Desk::with_keyring(platform.origin(), Troubled(None));
        desk.call("connect_tagoio", arguments.clone());
        let name = format!("{}#{}", project.api, project.profile);
        keyring_core::Entry::new("holdfast", &name).unwrap().delete_credential().unwrap();
        let again = desk.reopened(Troubled(error));
        assert_eq!(again.call("connections", json!({}))[0]["state"], state);
    }
}

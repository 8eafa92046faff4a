//! Service authorizations: their token is their name, so it is kept as a secret.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::client::api::Api;
use crate::client::device::{Permission, moment_or_never};
use crate::client::error::ApiError;
use crate::client::transport::Call;

/// A token by which a network server hands data over.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceAuthorization {
    /// The token itself, or `*` in the place of most of it where the platform keeps it to itself.
    pub token: SecretString,
    /// By this it can be told and deleted where the token itself is not shown.
    #[serde(default)]
    pub id: Option<String>,
    /// First 16 hexadecimal digits of the token's SHA-256, where the token itself is not shown.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The owner's name for it.
    pub name: String,
    /// What it may do; nothing but reading and writing if absent.
    #[serde(default)]
    pub permission: Option<Permission>,
    /// A word that callers have to add.
    #[serde(default)]
    pub verification_code: Option<SecretString>,
    /// `None` when it does not expire.
    #[serde(default, deserialize_with = "moment_or_never")]
    pub expire_time: Option<Time>,
    /// When it was last used.
    #[serde(default, deserialize_with = "moment_or_never")]
    pub last_authorization: Option<Time>,
}

impl ServiceAuthorization {
    /// The token itself, where the platform shows it.
    pub fn shown(&self) -> Option<&SecretString> {
        (!self.token.expose_secret().contains('*')).then_some(&self.token)
    }
}

/// A service authorization to be made. It does not expire unless a time is given.
#[derive(Debug, Clone)]
pub struct NewServiceAuthorization {
    /// The owner's name for it.
    pub name: String,
    /// What it may do.
    pub permission: Option<Permission>,
    /// A word that callers have to add.
    pub verification_code: Option<SecretString>,
    /// When it ends.
    pub expire_time: Option<Time>,
}

/// What the platform answers to a new service authorization.
#[derive(Debug, Clone, Deserialize)]
pub struct CreatedAuthorization {
    /// Shown once.
    pub token: SecretString,
    /// By this it can be told and deleted where lists do not show the token itself.
    #[serde(default)]
    pub id: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<Time>,
}

#[derive(Serialize)]
struct Verification<'a> {
    verification_code: Option<&'a str>,
}

/// Service authorizations.
impl Api {
    /// All of them, each once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn service_authorizations(&self) -> Result<Vec<ServiceAuthorization>, ApiError> {
        let key = |found: &ServiceAuthorization| (found.id.clone(), found.token.expose_secret().to_owned());
        let call = || Call::new("GET /serviceauth");
        self.all_pages(key, "created_at,asc", call).await
    }

    /// Makes one; its token is shown this once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn create_service_authorization(
        &self,
        new: &NewServiceAuthorization,
    ) -> Result<CreatedAuthorization, ApiError> {
        let body = Body {
            name: &new.name,
            permission: new.permission,
            verification_code: new.verification_code.as_ref().map(ExposeSecret::expose_secret),
            expire_time: new.expire_time,
        };
        self.transport.result(Call::new("POST /serviceauth").json(&body)?).await
    }

    /// Sets the word that callers have to add.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn set_verification_code(
        &self,
        token: &SecretString,
        code: Option<&SecretString>,
    ) -> Result<(), ApiError> {
        let body = Verification { verification_code: code.map(ExposeSecret::expose_secret) };
        self.done(Call::new("PUT /serviceauth/{token}").with(token.expose_secret()).json(&body)?).await
    }

    /// Deletes one, named by its token or by its id.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_service_authorization(&self, token: &SecretString) -> Result<(), ApiError> {
        self.done(Call::new("DELETE /serviceauth/{token}").with(token.expose_secret())).await
    }
}

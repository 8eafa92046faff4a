use async_trait::async_trait;
use secrecy::ExposeSecret;
use tago_api::Time;

use super::Live;
use super::resources::device;
use crate::device::Fingerprint;
use crate::ports::PortError;
use crate::worklist::{DeviceUse, TokenUse, Witness};

#[async_trait]
impl Witness for Live {
    async fn device_use(&self, id: &str) -> Result<DeviceUse, PortError> {
        let id = device(id)?;
        let last_input = self.api.device(id).await?.last_input;
        let tokens = self.api.device_tokens(id).await?.into_iter().map(|token| TokenUse {
            fingerprint: match (token.shown(), &token.fingerprint) {
                (Some(secret), _) => Fingerprint::of(secret.expose_secret()),
                (None, Some(digest)) => Fingerprint::shortened(digest),
                (None, None) => Fingerprint::of(token.token.expose_secret()),
            },
            name: token.name,
            serial: token.serie_number,
            last_used: token.last_authorization,
        });
        Ok(DeviceUse { last_input, tokens: tokens.collect() })
    }

    async fn authorization_use(&self, id: &str) -> Result<Option<Time>, PortError> {
        Ok(self.service_authorization(id).await?.last_authorization)
    }
}

//! The ports over tago-api's client. Nothing is decided here: each method is one request (or the pages
//! of one list), and says what became of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tago_api::client::{
    Api, ApiError, DeviceApi, DeviceQuery, Document, NewDeviceToken, Permission, RecordQuery, ResourceType,
    StoredFile, TimeRange,
};
use tago_api::{ActionId, DeviceId, ParamId, ProfileId, RecordId, Time};

use crate::action::PlatformAction;
use crate::batch::Batch;
use crate::device::{Definition, Device, DeviceEdit, Fingerprint, Named, Param, ParamWrite, Token};
use crate::ports::{Identity, Order, PortError, Range, Source, Target, WriteError};
use crate::record::Record;

mod error;
mod resources;
mod wire;
mod witness;

/// One project, through its API.
pub struct Live {
    api: Api,
    /// Tokens of devices that may be written with. They live as long as the port, and nowhere else.
    secrets: Mutex<BTreeMap<(DeviceId, Fingerprint), SecretString>>,
    profile: OnceLock<ProfileId>,
}

impl Live {
    /// The client should repeat nothing by itself: the engine paces and repeats.
    pub fn new(api: Api) -> Live {
        Live { api, secrets: Mutex::default(), profile: OnceLock::new() }
    }

    fn keep(&self, device: DeviceId, secret: &SecretString) -> Fingerprint {
        let fingerprint = Fingerprint::of(secret.expose_secret());
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert((device, fingerprint.clone()), secret.clone());
        fingerprint
    }

    /// A fingerprint alone could be that of another device's token, and the token decides who gets the data.
    fn secret(&self, device: DeviceId, token: &Token) -> Option<SecretString> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.get(&(device, token.fingerprint.clone())).cloned()
    }

    fn as_device(&self, device: DeviceId, token: &Token) -> Result<DeviceApi, WriteError> {
        let unusable =
            || PortError::Auth { message: format!("the secret of token {} is not known", token.name) };
        let secret = self.secret(device, token).ok_or_else(|| WriteError::NotReceived(unusable()))?;
        self.api.as_device(&secret).map_err(WriteError::from)
    }

    async fn found(&self, query: &DeviceQuery) -> Result<Vec<Device>, PortError> {
        self.api.devices(query).await?.into_iter().map(wire::device).collect()
    }

    /// Records of one query; an answer that is too long to hold is asked for in halves.
    async fn read(&self, device: DeviceId, query: RecordQuery) -> Result<Vec<Record>, ApiError> {
        let mut parts = vec![query];
        let mut records = Vec::new();
        while let Some(part) = parts.pop() {
            match self.api.record_page_as(device, &part, wire::record).await {
                Ok(page) => {
                    let is_last = page.len() < part.quantity;
                    if records.is_empty() {
                        records = page;
                    } else {
                        records.extend(page);
                    }
                    if is_last && part.variables.len() <= 1 {
                        break;
                    }
                }
                Err(ApiError::TooLarge { .. }) if part.quantity > 1 => {
                    let half = part.quantity / 2;
                    let rest = RecordQuery {
                        quantity: part.quantity - half,
                        skip: part.skip + half,
                        ..part.clone()
                    };
                    parts.push(rest);
                    parts.push(RecordQuery { quantity: half, ..part });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }
}

#[async_trait]
impl Source for Live {
    async fn identity(&self) -> Result<Identity, PortError> {
        let profile = self.api.profile().await?;
        Ok(Identity { origin: self.api.address().origin(), profile: profile.id, name: profile.name })
    }

    fn now(&self) -> Option<Time> {
        self.api.now()
    }

    async fn devices(&self) -> Result<Vec<Device>, PortError> {
        self.found(&DeviceQuery::all()).await
    }

    async fn device(&self, device: DeviceId) -> Result<Device, PortError> {
        Ok(Device { is_whole: true, ..wire::device(self.api.device(device).await?)? })
    }

    async fn params(&self, device: DeviceId) -> Result<Vec<Param>, PortError> {
        Ok(self.api.params(device).await?.into_iter().map(wire::param).collect())
    }

    async fn tokens(&self, device: DeviceId) -> Result<Vec<Token>, PortError> {
        let tokens = self.api.device_tokens(device).await?;
        Ok(tokens
            .into_iter()
            .map(|token| {
                let fingerprint = match (token.shown(), &token.fingerprint) {
                    (Some(secret), _) => self.keep(device, secret),
                    (None, Some(digest)) => Fingerprint::shortened(digest),
                    (None, None) => Fingerprint::of(token.token.expose_secret()),
                };
                let mut token = wire::token(token, fingerprint);
                token.usable = self.secret(device, &token).is_some();
                token
            })
            .collect())
    }

    async fn networks(&self) -> Result<Vec<Named>, PortError> {
        Ok(self.api.networks().await?.into_iter().map(wire::named).collect())
    }

    async fn connectors(&self) -> Result<Vec<Named>, PortError> {
        Ok(self.api.connectors().await?.into_iter().map(wire::named).collect())
    }

    async fn network_parses(&self, network: &str) -> Result<bool, PortError> {
        let Ok(network) = network.parse() else { return Ok(false) };
        Ok(self.api.network_parser(network).await?.is_some_and(|parser| !parser.is_empty()))
    }

    async fn count(&self, device: DeviceId, range: &Range) -> Result<u64, PortError> {
        Ok(self.api.record_count(device, &query(range)).await?)
    }

    async fn records(
        &self,
        device: DeviceId,
        range: &Range,
        order: Order,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        let ascending = order == Order::Ascending;
        let query = RecordQuery { quantity: limit, skip, ascending, ..query(range) };
        let mut records = self.read(device, query).await?;
        if range.variables.len() > 1 {
            // The platform's limit is for each variable; the sort is stable, so its own order stays.
            match order {
                Order::Ascending => records.sort_by_key(|record| record.time),
                Order::Descending => records.sort_by_key(|record| std::cmp::Reverse(record.time)),
            }
            records.truncate(limit);
        }
        Ok(records)
    }

    async fn records_named(
        &self,
        device: DeviceId,
        ids: &[RecordId],
    ) -> Result<Vec<(Record, Option<Time>)>, PortError> {
        let found = self.api.record_page(device, &named(ids)).await?;
        let stored = |record: tago_api::client::Record| (record.created_at, wire::record(record));
        Ok(found.into_iter().map(stored).map(|(at, record)| (record, at)).collect())
    }
}

/// These records and no others; the selection of a read and of a removal is the same.
fn named(ids: &[RecordId]) -> RecordQuery {
    let query = RecordQuery::range(TimeRange::ALL);
    RecordQuery { ids: ids.to_vec(), quantity: ids.len(), details: true, ..query }
}

#[async_trait]
impl Target for Live {
    async fn create_device(&self, device: &Definition) -> Result<DeviceId, WriteError> {
        let created = self.api.create_device(&wire::new_device(device)).await?;
        self.keep(created.device_id, &created.token);
        Ok(created.device_id)
    }

    async fn edit_device(&self, device: DeviceId, edit: &DeviceEdit) -> Result<(), WriteError> {
        Ok(self.api.edit_device(device, &wire::edit(edit)).await?)
    }

    async fn devices_tagged(&self, key: &str, value: Option<&str>) -> Result<Vec<Device>, PortError> {
        let tags = vec![(key.to_owned(), value.map(str::to_owned))];
        self.found(&DeviceQuery { tags, ..DeviceQuery::all() }).await
    }

    async fn actions(&self) -> Result<Vec<ActionId>, PortError> {
        Ok(self.api.actions().await?.into_iter().map(|action| action.id).collect())
    }

    async fn action(&self, action: ActionId) -> Result<PlatformAction, PortError> {
        let fields = self.api.resource(ResourceType::Action, &action.to_string()).await?;
        Ok(PlatformAction::of(action, &fields))
    }

    async fn switch_action(&self, action: ActionId, active: bool) -> Result<(), WriteError> {
        let fields = Document::from_iter([("active".to_owned(), active.into())]);
        Ok(self.api.edit_resource(ResourceType::Action, &action.to_string(), &fields).await?)
    }

    async fn write_params(&self, device: DeviceId, params: &[ParamWrite]) -> Result<(), WriteError> {
        let params: Vec<_> = params.iter().map(wire::param_write).collect();
        Ok(self.api.write_params(device, &params).await?)
    }

    async fn mint_token(&self, device: DeviceId, name: &str) -> Result<Token, WriteError> {
        let new = NewDeviceToken {
            device,
            name: name.to_owned(),
            permission: Permission::Full,
            serie_number: None,
        };
        let created = self.api.create_device_token(&new).await?;
        let fingerprint = self.keep(device, &created.token);
        Ok(Token {
            id: created.id.unwrap_or_else(|| fingerprint.to_string()),
            fingerprint,
            name: name.to_owned(),
            permission: wire::permission(created.permission).to_owned(),
            serial: None,
            expires: None,
            usable: true,
        })
    }

    async fn remove_token(&self, device: DeviceId, token: &Token) -> Result<(), WriteError> {
        let named = self.secret(device, token).unwrap_or_else(|| token.id.as_str().into());
        match self.api.delete_device_token(&named).await {
            Err(gone) if gone.is_not_found() => {}
            removed => removed?,
        }
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.remove(&(device, token.fingerprint.clone()));
        Ok(())
    }

    async fn send(&self, device: DeviceId, token: &Token, batch: &Batch) -> Result<u64, WriteError> {
        Ok(self.as_device(device, token)?.write_json(batch.body.clone()).await?)
    }

    async fn remove_records(&self, device: DeviceId, ids: &[RecordId]) -> Result<(), WriteError> {
        // Without a name it would be the newest ones.
        if !ids.is_empty() {
            self.api.delete_records(device, &named(ids)).await?;
        }
        Ok(())
    }

    async fn upload(&self, path: &str, content: &Bytes) -> Result<(), WriteError> {
        let file = StoredFile { path: path.to_owned(), content: content.clone(), public: false };
        Ok(self.api.upload_file(&file).await?)
    }

    async fn import(&self, device: DeviceId, path: &str) -> Result<(), WriteError> {
        Ok(self.api.import_records(device, path).await?)
    }

    async fn files(&self, folder: &str) -> Result<Vec<String>, PortError> {
        Ok(self.api.files_in(folder).await?.into_iter().map(|file| file.filename).collect())
    }

    async fn remove_file(&self, path: &str) -> Result<(), WriteError> {
        gone_is_done(self.api.delete_file(path).await)
    }

    async fn remove_param(&self, device: DeviceId, param: ParamId) -> Result<(), WriteError> {
        gone_is_done(self.api.delete_param(device, param).await)
    }

    async fn delete_device(&self, device: DeviceId) -> Result<(), WriteError> {
        gone_is_done(self.api.delete_device(device).await)
    }
}

fn gone_is_done(removed: Result<(), ApiError>) -> Result<(), WriteError> {
    match removed {
        Err(gone) if gone.is_not_found() => Ok(()),
        removed => Ok(removed?),
    }
}

fn query(range: &Range) -> RecordQuery {
    let mut query = RecordQuery::range(TimeRange { from: range.from, to: range.to });
    query.variables.clone_from(&range.variables);
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Live {
        let address: tago_api::client::Address = "https://api.tago.io".parse().unwrap();
        let credential = tago_api::client::Credential::new(address.clone(), &"t".into()).unwrap();
        Live::new(Api::new(&address, credential, tago_api::client::Settings::default()).unwrap())
    }

    /// A fingerprint is short enough to be shared by tokens of two devices out of some ten thousand.
    #[test]
    fn a_token_is_never_taken_for_that_of_another_device() {
        let mut seen = BTreeMap::new();
        let (one, other) = (0_u32..)
            .find_map(|number| {
                let secret = format!("secret-{number}");
                seen.insert(Fingerprint::of(&secret), secret.clone()).map(|twin| (twin, secret))
            })
            .unwrap();
        let live = live();
        let devices = [DeviceId::from_bytes([1; 12]), DeviceId::from_bytes([2; 12])];
        let fingerprint = live.keep(devices[0], &one.as_str().into());
        assert_eq!(fingerprint, live.keep(devices[1], &other.as_str().into()));
        let token = Token {
            id: String::new(),
            fingerprint,
            name: String::new(),
            permission: "full".into(),
            serial: None,
            expires: None,
            usable: true,
        };
        assert_eq!(live.secret(devices[0], &token).unwrap().expose_secret(), one);
        assert_eq!(live.secret(devices[1], &token).unwrap().expose_secret(), other);
        assert!(live.secret(DeviceId::from_bytes([3; 12]), &token).is_none());
    }
}

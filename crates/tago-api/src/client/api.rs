use std::collections::BTreeMap;
use std::collections::HashSet;
use std::hash::Hash;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::address::{Address, Credential};
use super::error::ApiError;
use super::transport::{Call, Settings, Transport};
use crate::{AccountId, ProfileId, Time};

/// The data plane of one project, or of one profile of the public cloud.
#[derive(Clone)]
pub struct Api {
    pub(super) transport: Transport,
}

/// What a token is, as `GET /info` tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct TokenInfo {
    /// Id of the profile, device or analysis that the token belongs to.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// The profile, where the token is not the profile's own.
    #[serde(default)]
    pub profile: Option<ProfileId>,
}

/// The space that holds devices and everything else.
#[derive(Debug, Clone, Deserialize)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// Its name.
    pub name: String,
    /// The person it belongs to.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Time>,
}

/// How many resources a profile has; what this version does not know is left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[expect(missing_docs, reason = "each field is the count of what it is called")]
pub struct ProfileAmounts {
    #[serde(default)]
    pub device: u64,
    #[serde(default)]
    pub dashboard: u64,
    #[serde(default)]
    pub analysis: u64,
    #[serde(default)]
    pub action: u64,
    #[serde(default)]
    pub dictionary: u64,
}

/// A network, a connector, an action or another resource by its name.
#[derive(Debug, Clone, Deserialize)]
pub struct Resource<I> {
    /// Its id.
    pub id: I,
    /// Its name.
    pub name: String,
}

impl Api {
    /// A client for this address with the credential that was stored for it.
    ///
    /// # Errors
    /// [`ApiError::OtherAddress`] if the credential is another address's.
    pub fn new(address: &Address, credential: Credential, settings: Settings) -> Result<Api, ApiError> {
        Ok(Api { transport: Transport::new(address, credential, settings)? })
    }

    /// What time it is there, as its answers have told; `None` before the first.
    pub fn now(&self) -> Option<Time> {
        self.transport.remote_now()
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        self.transport.address()
    }

    /// What the token belongs to.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn info(&self) -> Result<TokenInfo, ApiError> {
        self.transport.result(Call::new("GET /info")).await
    }

    /// The profile that the token belongs to.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn profile(&self) -> Result<Profile, ApiError> {
        let answer: ProfileAnswer = self.transport.result(Call::new("GET /profile/current")).await?;
        Ok(answer.info)
    }

    /// How many resources the profile has: the only cross-check of a list.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn amounts(&self, profile: ProfileId) -> Result<ProfileAmounts, ApiError> {
        let answer: SummaryAnswer =
            self.transport.result(Call::new("GET /profile/{profile}/summary").with(profile)).await?;
        Ok(answer.amount)
    }

    /// What may be used of each service, by the names of a profile's summary: `run_users`, for example.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn service_limits(&self, profile: ProfileId) -> Result<BTreeMap<String, f64>, ApiError> {
        let answer: LimitsAnswer =
            self.transport.result(Call::new("GET /profile/{profile}/summary").with(profile)).await?;
        Ok(answer.limit)
    }

    /// The plan that the account has: `free`, `starter` or `scale`, or another word.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn plan(&self) -> Result<String, ApiError> {
        let answer: PlanAnswer = self.transport.result(Call::new("GET /account/plan")).await?;
        Ok(answer.plan)
    }

    /// The networks that devices can connect through.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn networks(&self) -> Result<Vec<Resource<crate::NetworkId>>, ApiError> {
        self.all_pages(
            |network: &Resource<_>| network.id,
            BY_ID,
            || names(Call::new("GET /integration/network")),
        )
        .await
    }

    /// The payload parser of a network in base64, if it has one.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn network_parser(&self, network: crate::NetworkId) -> Result<Option<String>, ApiError> {
        let call = Call::new("GET /integration/network/{network}").with(network);
        // It tells no more than its id and name unless it is asked for more.
        let network: ParsingNetwork = self
            .transport
            .result(call.query("fields[0]", "id").query("fields[1]", "payload_decoder"))
            .await?;
        Ok(network.payload_decoder)
    }

    /// The connectors that devices can speak by.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn connectors(&self) -> Result<Vec<Resource<crate::ConnectorId>>, ApiError> {
        self.all_pages(
            |connector: &Resource<_>| connector.id,
            BY_ID,
            || names(Call::new("GET /integration/connector")),
        )
        .await
    }

    /// The actions, which arriving data may trip.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn actions(&self) -> Result<Vec<Resource<crate::ActionId>>, ApiError> {
        self.all_pages(|action: &Resource<_>| action.id, BY_ID, || names(Call::new("GET /action"))).await
    }

    /// Every page of a list, each item once: a list that changes meanwhile may repeat one. The order must
    /// be by something that no two items share, or pages could leave one out.
    pub(super) async fn all_pages<T: DeserializeOwned + Send + 'static, K: Hash + Eq>(
        &self,
        key: impl Fn(&T) -> K,
        order: &str,
        call: impl Fn() -> Call,
    ) -> Result<Vec<T>, ApiError> {
        self.pages_of(PAGE, key, order, call).await
    }

    /// The same where an answer holds another number of items.
    pub(super) async fn pages_of<T: DeserializeOwned + Send + 'static, K: Hash + Eq>(
        &self,
        amount: usize,
        key: impl Fn(&T) -> K,
        order: &str,
        call: impl Fn() -> Call,
    ) -> Result<Vec<T>, ApiError> {
        let (mut items, mut seen) = (Vec::new(), HashSet::new());
        for page in 1.. {
            let call = call().query("page", page).query("amount", amount).query("orderBy", order);
            let found: Vec<T> = self.transport.result(call).await?;
            let is_last = found.len() < amount;
            items.extend(found.into_iter().filter(|item| seen.insert(key(item))));
            if is_last {
                break;
            }
        }
        Ok(items)
    }

    /// A call whose answer says no more than that it is done.
    pub(super) async fn done(&self, call: Call) -> Result<(), ApiError> {
        self.transport.result::<IgnoredAny>(call).await.map(drop)
    }
}

pub(super) const BY_ID: &str = "id,asc";

/// Items of a list in one answer.
pub(super) const PAGE: usize = 1_000;

fn names(call: Call) -> Call {
    call.query("fields[0]", "id").query("fields[1]", "name")
}

#[derive(Deserialize)]
struct ParsingNetwork {
    payload_decoder: Option<String>,
}

#[derive(Deserialize)]
struct ProfileAnswer {
    info: Profile,
}

#[derive(Deserialize)]
struct LimitsAnswer {
    #[serde(default)]
    limit: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct PlanAnswer {
    plan: String,
}

#[derive(Deserialize)]
struct SummaryAnswer {
    amount: ProfileAmounts,
}

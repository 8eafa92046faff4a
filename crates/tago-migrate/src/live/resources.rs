//! The ports of resources over tago-api's client.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tago_api::client::{
    AnalysisCode, ApiError, DeviceToken, FileEntry, NewServiceAuthorization, ParamWrite, Permission,
    ResourceType, ServiceAuthorization, StoredFile, UPLOAD_PART,
};
use tago_api::{DeviceId, ProfileId, Time};

use super::Live;
use crate::device::Named;
use crate::plan::Seal;
use crate::ports::{Identity, PortError, Range, Source, WriteError};
use crate::resources::{
    Address, Document, Entries, Kind, ListedToken, Part, Resources, ResourcesTarget, SCRIPT, UNKNOWN_VALUE,
};

/// Digits of a token's hash by which it is told.
const FINGERPRINT: usize = 16;
/// Between the key and the number of a parameter whose key another one has too: no key holds it.
const SAME_KEY: char = '\0';
/// The one configuration of TagoRUN has no id.
const RUN: &str = "run";

#[async_trait]
impl Resources for Live {
    async fn identity(&self) -> Result<Identity, PortError> {
        Source::identity(self).await
    }

    fn now(&self) -> Option<Time> {
        Source::now(self)
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(Address, Document)>, PortError> {
        if let Some(of) = resource_type(kind) {
            let found = self.api.resources(of).await?;
            return found.into_iter().map(|document| Ok((address(kind, &document)?, document))).collect();
        }
        Ok(match kind {
            Kind::File => {
                let files = self.api.files().await?.into_iter();
                files
                    .map(|file| (Address::of(kind, &file.filename), entry(&file.filename, file.public)))
                    .collect()
            }
            Kind::ServiceAuthorization => {
                let found = self.api.service_authorizations().await?.into_iter();
                found.map(|found| (Address::of(kind, name_of(&found)), authorization(&found))).collect()
            }
            Kind::RunConfiguration => vec![(Address::of(kind, RUN), self.api.run_configuration().await?)],
            _ => Vec::new(),
        })
    }

    async fn read(&self, at: &Address) -> Result<Document, PortError> {
        if let Some(of) = resource_type(at.kind) {
            return Ok(self.api.resource(of, &at.id).await?);
        }
        match at.kind {
            Kind::Widget => Ok(self.api.widget(parent(at)?, &at.id).await?),
            Kind::RunConfiguration => Ok(self.api.run_configuration().await?),
            Kind::ServiceAuthorization => Ok(authorization(&self.service_authorization(&at.id).await?)),
            _ => {
                let file = self.api.file_entry(&at.id).await?.ok_or_else(|| gone(at))?;
                let content = self.api.file(self.profile().await?, &at.id).await?;
                let mut document = entry(&at.id, file.public);
                document.insert("sha256".to_owned(), Seal::of(&content).as_str().into());
                document.insert(STORED.to_owned(), stored(&file));
                Ok(document)
            }
        }
    }

    async fn entries(&self, at: &Address, part: Part) -> Result<Entries, PortError> {
        match part {
            Part::Params => {
                let mut entries = Entries::new();
                for param in self.api.params(device(&at.id)?).await? {
                    let mut names = (1..).map(|number| match number {
                        1 => param.key.clone(),
                        number => format!("{}{SAME_KEY}{number}", param.key),
                    });
                    let name = names.find(|name| !entries.contains_key(name)).unwrap_or_default();
                    let entry = json!({ "id": param.id, "value": param.value, "sent": param.sent });
                    entries.insert(name, entry);
                }
                Ok(entries)
            }
            Part::Languages => {
                let dictionary = self.api.resource(ResourceType::Dictionary, &at.id).await?;
                let mut entries = Entries::new();
                for language in dictionary.get("languages").and_then(Value::as_array).into_iter().flatten() {
                    let Some(code) = language["code"].as_str() else { continue };
                    // One that has no texts yet is listed all the same.
                    let texts = match self.api.language(&at.id, code).await {
                        Err(none) if none.is_not_found() => Document::new(),
                        texts => texts?,
                    };
                    let active = language["active"].as_bool().unwrap_or(true);
                    entries.insert(code.to_owned(), json!({ "active": active, "texts": texts }));
                }
                Ok(entries)
            }
            Part::Rows => {
                let rows = self.api.entity_rows(&at.id).await?.into_iter();
                let keyed = |row: Document| {
                    let id = row.get("id").and_then(Value::as_str)?.to_owned();
                    Some((id, Value::Object(row)))
                };
                Ok(rows.filter_map(keyed).collect())
            }
            Part::Script => {
                let source = self.api.analysis_source(&at.id).await?;
                let told = |source: Vec<u8>| {
                    let entry = json!({ "sha256": Seal::of(&source).as_str(), "bytes": source.len() });
                    (SCRIPT.to_owned(), entry)
                };
                Ok(source.map(told).into_iter().collect())
            }
        }
    }

    async fn content(&self, at: &Address) -> Result<Option<Bytes>, PortError> {
        match at.kind {
            Kind::Analysis => Ok(self.api.analysis_source(&at.id).await?.map(Bytes::from)),
            Kind::File => match self.api.file(self.profile().await?, &at.id).await {
                Err(none) if none.is_not_found() => Ok(None),
                content => Ok(Some(content?)),
            },
            _ => Ok(None),
        }
    }

    async fn catalogue(&self, kind: Kind) -> Result<Vec<Named>, PortError> {
        match kind {
            Kind::Network => Source::networks(self).await,
            Kind::Connector => Source::connectors(self).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn serials(&self, id: &str) -> Result<Vec<String>, PortError> {
        let tokens = self.api.device_tokens(device(id)?).await?;
        Ok(tokens.into_iter().filter_map(|token| token.serie_number).collect())
    }

    async fn limits(&self) -> Result<BTreeMap<Kind, u64>, PortError> {
        let mut limits = match self.api.plan().await {
            Ok(plan) => by_plan(&plan),
            Err(error) => unknown(error)?,
        };
        match self.api.service_limits(self.profile().await?).await {
            Ok(services) => {
                if let Some(users) = services.get("run_users").filter(|users| **users >= 0.0) {
                    // A count: it has no fraction and is far below 2^53.
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
                    limits.insert(Kind::RunUser, *users as u64);
                }
            }
            Err(error) => drop(unknown(error)?),
        }
        Ok(limits)
    }

    async fn records(&self, id: &str) -> Result<u64, PortError> {
        // The platform's amount of its data is an estimate.
        let all = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
        Source::count(self, device(id)?, &all).await
    }
}

#[async_trait]
impl ResourcesTarget for Live {
    async fn create(
        &self,
        kind: Kind,
        parent: Option<&str>,
        fields: &Document,
        content: Option<Bytes>,
    ) -> Result<String, WriteError> {
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind {
            Kind::Widget => Ok(self.api.create_widget(parent.unwrap_or_default(), fields).await?),
            Kind::File => {
                let public = fields.get("public").and_then(Value::as_bool).unwrap_or(false);
                let file = StoredFile { path: text("path"), content: content.unwrap_or_default(), public };
                self.store(&file, None).await?;
                Ok(file.path)
            }
            Kind::ServiceAuthorization => {
                let new = NewServiceAuthorization {
                    name: text("name"),
                    permission: permission(&text("permission")),
                    verification_code: None,
                    expire_time: text("expire_time").parse().ok(),
                };
                let made = self.api.create_service_authorization(&new).await?;
                Ok(shortened(&made.token))
            }
            Kind::RunConfiguration => Err(refused("a project has one configuration of TagoRUN")),
            _ => {
                let Some(of) = resource_type(kind) else { return Err(refused("it cannot be made")) };
                let mut fields = fields.clone();
                match kind {
                    Kind::Secret => drop(fields.insert("value".to_owned(), UNKNOWN_VALUE.into())),
                    // Nobody knows it: whoever it belongs to chooses another.
                    Kind::RunUser => drop(fields.insert("password".to_owned(), password()?.into())),
                    _ => {}
                }
                Ok(self.api.create_resource(of, &fields).await?)
            }
        }
    }

    async fn edit(
        &self,
        at: &Address,
        fields: &Document,
        content: Option<Bytes>,
        there: &Document,
    ) -> Result<(), WriteError> {
        if let Some(of) = resource_type(at.kind) {
            return Ok(self.api.edit_resource(of, &at.id, fields).await?);
        }
        match at.kind {
            Kind::Widget => {
                let dashboard = parent(at).map_err(WriteError::NotReceived)?;
                Ok(self.api.edit_widget(dashboard, &at.id, fields).await?)
            }
            Kind::RunConfiguration => Ok(self.api.edit_run_configuration(fields).await?),
            Kind::File => {
                let public = fields.get("public").and_then(Value::as_bool);
                let Some(content) = content else {
                    return Ok(self.api.set_file_visibility(&at.id, public.unwrap_or(false)).await?);
                };
                let public = match public {
                    Some(public) => public,
                    None => {
                        let there = self.api.file_entry(&at.id).await.map_err(not_received)?;
                        there.is_some_and(|file| file.public)
                    }
                };
                self.store(&StoredFile { path: at.id.clone(), content, public }, Some(there)).await
            }
            _ => Err(refused("it cannot be changed")),
        }
    }

    async fn write_entries(
        &self,
        at: &Address,
        part: Part,
        entries: &Entries,
        there: &Entries,
        content: Option<Bytes>,
    ) -> Result<(), WriteError> {
        match part {
            Part::Params => {
                let write = |(key, entry): (&String, &Value)| ParamWrite {
                    id: there.get(key).and_then(|there| there["id"].as_str()?.parse().ok()),
                    key: key.split_once(SAME_KEY).map_or(key.as_str(), |(key, _)| key).to_owned(),
                    value: entry["value"].as_str().unwrap_or_default().to_owned(),
                    sent: entry["sent"].as_bool().unwrap_or(false),
                };
                let params: Vec<ParamWrite> = entries.iter().map(write).collect();
                let device = device(&at.id).map_err(WriteError::NotReceived)?;
                Ok(self.api.write_params(device, &params).await?)
            }
            Part::Languages => {
                for (locale, entry) in entries {
                    let texts = entry["texts"].as_object().cloned().unwrap_or_default();
                    let active = entry["active"].as_bool().unwrap_or(true);
                    self.api.write_language(&at.id, locale, &texts, active).await?;
                }
                Ok(())
            }
            Part::Rows => {
                let row = |entry: &Value| {
                    let mut row = entry.as_object().cloned().unwrap_or_default();
                    row.retain(|name, _| !matches!(name.as_str(), "created_at" | "updated_at"));
                    row
                };
                let rows: Vec<Document> = entries.values().map(row).collect();
                Ok(self.api.write_entity_rows(&at.id, &rows).await?)
            }
            Part::Script => {
                let Some(content) = content else { return Err(refused("there is no script to upload")) };
                let analysis =
                    self.api.resource(ResourceType::Analysis, &at.id).await.map_err(not_received)?;
                let runtime = analysis.get("runtime").and_then(Value::as_str).unwrap_or("node-rt2025");
                let file_name = match runtime {
                    runtime if runtime.starts_with("python") => "script.py",
                    runtime if runtime.starts_with("deno") => "script.ts",
                    _ => "script.js",
                };
                let code = AnalysisCode {
                    source: content.to_vec(),
                    file_name: file_name.to_owned(),
                    runtime: runtime.to_owned(),
                };
                Ok(self.api.upload_analysis(&at.id, &code).await?)
            }
        }
    }

    async fn remove_entries(&self, at: &Address, part: Part, entries: &Entries) -> Result<(), WriteError> {
        for (key, entry) in entries {
            let removed = match part {
                Part::Params => {
                    let Some(id) = entry["id"].as_str().and_then(|id| id.parse().ok()) else { continue };
                    let device = device(&at.id).map_err(WriteError::NotReceived)?;
                    self.api.delete_param(device, id).await
                }
                Part::Languages => self.api.delete_language(&at.id, key).await,
                Part::Rows => {
                    let ids: Vec<String> = entries.keys().cloned().collect();
                    return Ok(self.api.delete_entity_rows(&at.id, &ids).await?);
                }
                Part::Script => return Err(refused("a script cannot be taken away")),
            };
            match removed {
                Err(none) if none.is_not_found() => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    async fn tokens(&self, id: &str) -> Result<Vec<ListedToken>, PortError> {
        let listed = |token: DeviceToken| ListedToken {
            has_serial: token.serie_number.is_some_and(|serial| !serial.is_empty()),
            made_at: token.created_at,
            name: token.name,
        };
        Ok(self.api.device_tokens(device(id)?).await?.into_iter().map(listed).collect())
    }

    async fn delete(&self, at: &Address) -> Result<(), WriteError> {
        if let Some(of) = resource_type(at.kind) {
            return Ok(self.api.delete_resource(of, &at.id).await?);
        }
        match at.kind {
            Kind::Widget => {
                let dashboard = parent(at).map_err(WriteError::NotReceived)?;
                Ok(self.api.delete_widget(dashboard, &at.id).await?)
            }
            Kind::File => {
                // Any other text than the path of a file is taken for a folder.
                match self.api.file_entry(&at.id).await.map_err(not_received)? {
                    Some(file) => Ok(self.api.delete_file(&file.filename).await?),
                    None => Ok(()),
                }
            }
            Kind::ServiceAuthorization => {
                let found = self.service_authorization(&at.id).await.map_err(WriteError::NotReceived)?;
                let named = match (found.shown(), &found.id) {
                    (Some(token), _) => token.clone(),
                    (None, Some(id)) => id.as_str().into(),
                    (None, None) => return Err(refused("its token is not known")),
                };
                Ok(self.api.delete_service_authorization(&named).await?)
            }
            _ => Err(refused("it cannot be deleted")),
        }
    }
}

impl Live {
    async fn profile(&self) -> Result<ProfileId, PortError> {
        match self.profile.get() {
            Some(profile) => Ok(*profile),
            None => {
                let profile = self.api.profile().await?.id;
                Ok(*self.profile.get_or_init(|| profile))
            }
        }
    }

    pub(super) async fn service_authorization(&self, id: &str) -> Result<ServiceAuthorization, PortError> {
        let found = self.api.service_authorizations().await?;
        let at = Address::of(Kind::ServiceAuthorization, id);
        found.into_iter().find(|found| name_of(found) == id).ok_or_else(|| gone(&at))
    }
}

/// How many there may be of each type on TagoIO's plans.
fn by_plan(plan: &str) -> BTreeMap<Kind, u64> {
    const LIMITS: [(Kind, [u64; 3]); 10] = [
        (Kind::Network, [1, 5, 10]),
        (Kind::Connector, [3, 20, 50]),
        (Kind::Dictionary, [2, 10, 50]),
        (Kind::Device, [5, 100, 10_000]),
        (Kind::Entity, [5, 50, 80]),
        (Kind::Analysis, [5, 100, 200]),
        (Kind::Dashboard, [5, 100, 1_000]),
        (Kind::Access, [5, 30, 100]),
        (Kind::ServiceAuthorization, [10, 50, 200]),
        (Kind::Action, [5, 100, 200]),
    ];
    let place = ["free", "starter", "scale"].iter().position(|known| *known == plan);
    let limits = place.map(|place| LIMITS.map(|(kind, limits)| (kind, limits[place])));
    limits.into_iter().flatten().collect()
}

/// Who may not ask for limits knows none.
fn unknown(error: ApiError) -> Result<BTreeMap<Kind, u64>, PortError> {
    match error.into() {
        PortError::NotFound { .. } | PortError::Auth { .. } | PortError::Refused { .. } => {
            Ok(BTreeMap::new())
        }
        cause => Err(cause),
    }
}

fn resource_type(kind: Kind) -> Option<ResourceType> {
    Some(match kind {
        Kind::Network => ResourceType::Network,
        Kind::Connector => ResourceType::Connector,
        Kind::Secret => ResourceType::Secret,
        Kind::Dictionary => ResourceType::Dictionary,
        Kind::Device => ResourceType::Device,
        Kind::Entity => ResourceType::Entity,
        Kind::Analysis => ResourceType::Analysis,
        Kind::RunUser => ResourceType::RunUser,
        Kind::Dashboard => ResourceType::Dashboard,
        Kind::Access => ResourceType::Access,
        Kind::Sql => ResourceType::Sql,
        Kind::Action => ResourceType::Action,
        Kind::File | Kind::Widget | Kind::ServiceAuthorization | Kind::RunConfiguration => return None,
    })
}

fn address(kind: Kind, document: &Document) -> Result<Address, PortError> {
    let id = document.get("id").and_then(Value::as_str);
    let id = id.ok_or_else(|| PortError::Undecodable { message: format!("a {kind} came without its id") })?;
    Ok(Address::of(kind, id))
}

/// Of a file, when it was stored and how large it is: what tells it from another at its path without reading it.
const STORED: &str = "stored";

fn stored(file: &FileEntry) -> Value {
    json!({ "at": file.last_modified, "bytes": file.size })
}

fn entry(path: &str, public: bool) -> Document {
    let mut document = Document::new();
    document.insert("path".to_owned(), path.into());
    document.insert("public".to_owned(), public.into());
    document
}

/// What can be told of a service authorization: never its token.
fn authorization(found: &ServiceAuthorization) -> Document {
    let mut document = Document::new();
    document.insert("name".to_owned(), found.name.clone().into());
    if let Some(permission) = found.permission {
        document.insert("permission".to_owned(), super::wire::permission(permission).into());
    }
    if let Some(used) = found.last_authorization {
        document.insert("last_authorization".to_owned(), used.to_string().into());
    }
    if let Some(end) = found.expire_time {
        document.insert("expire_time".to_owned(), end.to_string().into());
    }
    document
}

/// The same name whether the token is shown or only its fingerprint.
fn name_of(found: &ServiceAuthorization) -> String {
    match (found.shown(), &found.fingerprint, &found.id) {
        (None, Some(fingerprint), _) => fingerprint.chars().take(FINGERPRINT).collect(),
        (None, None, Some(id)) => id.clone(),
        _ => shortened(&found.token),
    }
}

/// Enough of the hash of a token to tell it by, and too little to find it from.
fn shortened(token: &SecretString) -> String {
    Seal::of(token.expose_secret().as_bytes()).as_str().chars().take(FINGERPRINT).collect()
}

fn permission(text: &str) -> Option<Permission> {
    Some(match text {
        "full" => Permission::Full,
        "write" => Permission::Write,
        "read" => Permission::Read,
        "deny" => Permission::Deny,
        _ => return None,
    })
}

/// One that satisfies every policy and that nobody will ever know.
fn password() -> Result<String, WriteError> {
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random).map_err(|_| refused("no random number could be drawn"))?;
    Ok(random.iter().fold("Aa1!".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

pub(super) fn device(id: &str) -> Result<DeviceId, PortError> {
    id.parse().map_err(|_| PortError::NotFound { message: format!("{id} is no id of a device") })
}

fn parent(at: &Address) -> Result<&str, PortError> {
    at.parent.as_deref().ok_or_else(|| PortError::NotFound { message: format!("{at} is on no dashboard") })
}

fn gone(at: &Address) -> PortError {
    PortError::NotFound { message: format!("{at} does not exist") }
}

fn refused(message: &str) -> WriteError {
    WriteError::NotReceived(PortError::Refused { message: message.to_owned() })
}

/// A question that came before the write: nothing was sent.
impl Live {
    /// Replaces only what was `there` when the engine looked. A large file goes in parts: until the last request
    /// none of it is stored, whatever became of the others.
    async fn store(&self, file: &StoredFile, there: Option<&Document>) -> Result<(), WriteError> {
        self.expect_file(&file.path, there).await?;
        if file.content.len() <= UPLOAD_PART {
            return Ok(self.api.upload_file(file).await?);
        }
        let upload = self.api.begin_upload(&file.path, file.public).await.map_err(not_received)?;
        let mut parts = Vec::new();
        let mut rest = file.content.clone();
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(UPLOAD_PART));
            let sent = self.api.upload_part(&file.path, &upload, parts.len() + 1, &part).await;
            parts.push(sent.map_err(not_received)?);
        }
        self.expect_file(&file.path, there).await?;
        Ok(self.api.end_upload(&file.path, &upload, &parts).await?)
    }

    async fn expect_file(&self, path: &str, there: Option<&Document>) -> Result<(), WriteError> {
        let now = self.api.file_entry(path).await.map_err(not_received)?;
        let is_same = match (&now, there) {
            (Some(now), Some(there)) if now.last_modified.is_some() => {
                there.get(STORED) == Some(&stored(now))
            }
            (Some(_), Some(there)) => {
                let at = Address::of(Kind::File, path);
                let now = Resources::read(self, &at).await.map_err(WriteError::NotReceived)?;
                there.get("sha256") == now.get("sha256")
            }
            (now, there) => now.is_none() == there.is_none(),
        };
        match is_same {
            true => Ok(()),
            false => Err(refused("somebody stored another file there in the meantime; rehearse again")),
        }
    }
}

fn not_received(error: ApiError) -> WriteError {
    WriteError::NotReceived(error.into())
}

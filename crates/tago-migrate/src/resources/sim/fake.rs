//! A project in memory, with the platform's habits: it makes ids, adds defaults, keeps keys apart,
//! replaces whole fields, and answers or does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tago_api::Time;
use tokio::time::Instant;

use crate::device::Named;
use crate::ports::{Identity, PortError, WriteError};
use crate::resources::document::Document;
use crate::resources::kind::{Kind, Part};
use crate::resources::ports::{Address, Entries, ListedToken, Resources, ResourcesTarget, SCRIPT};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) document: Document,
    pub(super) entries: Entries,
    pub(super) content: Option<Vec<u8>>,
}

/// Where a dictionary itself tells its languages.
const LANGUAGES: &str = "languages";

impl Stored {
    fn list_languages(&mut self) {
        if let Some(listed) = self.document.get_mut(LANGUAGES) {
            *listed = self.entries.keys().map(|code| json!({ "code": code })).collect();
        }
    }
}

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    ReplyLost,
    RequestLost,
    /// It happens so much later.
    Late(Duration),
    NoConnection,
    TooMany,
    Refused,
    /// From here on nothing answers.
    Gone,
}

pub(super) struct Fake {
    identity: Identity,
    /// How many there may be of a type.
    pub(super) limits: Mutex<BTreeMap<Kind, u64>>,
    /// What its answers say of the time, if they do.
    pub(super) told: Mutex<Option<Time>>,
    /// Types that it does not know.
    pub(super) unknown: Mutex<BTreeSet<Kind>>,
    /// Tokens of its devices, and how many records these have.
    pub(super) tokens: Mutex<BTreeMap<String, Vec<ListedToken>>>,
    pub(super) records: Mutex<BTreeMap<String, u64>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    shelf: BTreeMap<Address, Stored>,
    /// Parameters that a new device has by itself.
    params: Entries,
    lists_languages: bool,
    made: u64,
    writes: Vec<Instant>,
    deletions: usize,
    faults: BTreeMap<usize, Fault>,
    gone: bool,
    coming: Vec<(Instant, Deed)>,
}

#[derive(Clone)]
pub(super) enum Deed {
    Create(Kind, Option<String>, Document, Option<Bytes>),
    Edit(Address, Document, Option<Bytes>),
    Write(Address, Part, Entries, Entries, Option<Bytes>),
    Remove(Address, Entries),
    Delete(Address),
}

impl Fake {
    pub(super) fn new(number: u8, profile: &str) -> Fake {
        let identity = Identity {
            origin: format!("https://api.p{number}.tagoio.net"),
            profile: profile.parse().unwrap(),
            name: format!("project {number}"),
        };
        Fake {
            identity,
            limits: Mutex::default(),
            told: Mutex::default(),
            unknown: Mutex::default(),
            tokens: Mutex::default(),
            records: Mutex::default(),
            inner: Mutex::default(),
        }
    }

    pub(super) fn put(&self, at: Address, stored: Stored) {
        self.inner.lock().unwrap().shelf.insert(at, stored);
    }

    pub(super) fn take(&self, at: &Address) -> Option<Stored> {
        self.inner.lock().unwrap().shelf.remove(at)
    }

    /// Everything, as it is.
    pub(super) fn dump(&self) -> BTreeMap<Address, Stored> {
        let mut inner = self.inner.lock().unwrap();
        inner.happen();
        inner.shelf.clone()
    }

    /// The n-th write from here goes wrong.
    pub(super) fn fault(&self, write: usize, fault: Fault) {
        let mut inner = self.inner.lock().unwrap();
        let at = inner.writes.len() + write;
        inner.faults.insert(at, fault);
    }

    /// A new device has this parameter by itself.
    pub(super) fn gives_devices(&self, key: &str, param: Value) {
        self.inner.lock().unwrap().params.insert(key.to_owned(), param);
    }

    /// A dictionary that is made tells its languages itself.
    pub(super) fn lists_languages(&self) {
        self.inner.lock().unwrap().lists_languages = true;
    }

    /// Somebody does this after so long.
    pub(super) fn after(&self, wait: Duration, deed: Deed) {
        self.inner.lock().unwrap().coming.push((Instant::now() + wait, deed));
    }

    /// From here on nothing answers.
    pub(super) fn vanish(&self) {
        self.inner.lock().unwrap().gone = true;
    }

    /// Resources, and entries of one, that somebody asked to delete.
    pub(super) fn deletions(&self) -> usize {
        self.inner.lock().unwrap().deletions
    }

    pub(super) fn mend(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.faults.clear();
        inner.gone = false;
    }

    pub(super) fn writes(&self) -> usize {
        self.written_at().len()
    }

    pub(super) fn written_at(&self) -> Vec<Instant> {
        self.inner.lock().unwrap().writes.clone()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> Result<T, PortError>) -> Result<T, PortError> {
        let mut inner = self.inner.lock().unwrap();
        inner.happen();
        if inner.gone {
            return Err(PortError::Unreachable { message: "nobody answers".into() });
        }
        work(&mut inner)
    }

    fn write(&self, deed: Deed) -> Result<String, WriteError> {
        let mut inner = self.inner.lock().unwrap();
        inner.happen();
        let unreachable = || PortError::Unreachable { message: "the connection broke".into() };
        if inner.gone {
            return Err(WriteError::NotReceived(unreachable()));
        }
        let number = inner.writes.len();
        inner.writes.push(Instant::now());
        inner.deletions += usize::from(matches!(deed, Deed::Remove(..) | Deed::Delete(_)));
        match inner.faults.get(&number).copied() {
            None => inner.act(deed).map_err(WriteError::NotReceived),
            Some(Fault::ReplyLost) => {
                let _ = inner.act(deed);
                Err(WriteError::Ambiguous(unreachable()))
            }
            Some(Fault::RequestLost) => Err(WriteError::Ambiguous(unreachable())),
            Some(Fault::Late(by)) => {
                inner.coming.push((Instant::now() + by, deed));
                Err(WriteError::Ambiguous(unreachable()))
            }
            Some(Fault::NoConnection) => Err(WriteError::NotReceived(unreachable())),
            Some(Fault::TooMany) => {
                let retry_after = Duration::from_secs(7);
                Err(WriteError::NotReceived(PortError::RateLimited { retry_after }))
            }
            Some(Fault::Refused) => {
                let message = "the platform does not want it".into();
                Err(WriteError::NotReceived(PortError::Refused { message }))
            }
            Some(Fault::Gone) => {
                inner.gone = true;
                Err(WriteError::NotReceived(unreachable()))
            }
        }
    }
}

impl Inner {
    fn happen(&mut self) {
        let now = Instant::now();
        let (due, rest) = std::mem::take(&mut self.coming).into_iter().partition(|(at, _)| *at <= now);
        self.coming = rest;
        let due: Vec<(Instant, Deed)> = due;
        for (_, deed) in due {
            let _ = self.act(deed);
        }
    }

    fn at(&mut self, at: &Address) -> Result<&mut Stored, PortError> {
        self.shelf.get_mut(at).ok_or_else(|| PortError::NotFound { message: format!("no {at}") })
    }

    fn act(&mut self, deed: Deed) -> Result<String, PortError> {
        let refused = |message: &str| PortError::Refused { message: message.to_owned() };
        match deed {
            Deed::Create(kind, parent, mut fields, content) => {
                if let Some(key) = kind.descriptor().key {
                    let same = |at: &&Address| at.kind == kind;
                    let taken = self
                        .shelf
                        .iter()
                        .any(|(at, stored)| same(&at) && stored.document.get(key) == fields.get(key));
                    if taken && kind != Kind::File {
                        return Err(refused("it exists already"));
                    }
                }
                if let Some(parent) = &parent {
                    self.at(&Address::of(Kind::Dashboard, parent))?;
                }
                self.made += 1;
                let id = match kind {
                    Kind::File => fields["path"].as_str().unwrap().to_owned(),
                    _ => format!("69{:022x}", self.made),
                };
                fields.entry("active").or_insert(json!(true));
                fields.insert("created_at".into(), json!(self.made));
                let content = content.map(|bytes| bytes.to_vec());
                if let Some(content) = &content {
                    fields.insert("sha256".into(), sha256(content).into());
                }
                let mut entries = Entries::new();
                if kind == Kind::Dictionary {
                    let fallback = fields["fallback"].as_str().unwrap().to_owned();
                    entries.insert(fallback, json!({"active": true, "texts": {}}));
                    if self.lists_languages {
                        fields.insert(LANGUAGES.into(), Value::Null);
                    }
                }
                if kind == Kind::Device {
                    entries.extend(self.params.clone());
                }
                let mut stored = Stored { document: fields, entries, content };
                stored.list_languages();
                self.shelf.insert(Address { kind, parent, id: id.clone() }, stored);
                Ok(id)
            }
            Deed::Edit(at, fields, content) => {
                let kind = at.kind;
                for field in fields.keys() {
                    if kind.descriptor().fixed.contains(&field.as_str()) {
                        return Err(refused("this field cannot be changed"));
                    }
                }
                let stored = self.at(&at)?;
                if kind == Kind::Widget && !fields.contains_key("analysis_run") {
                    stored.document.insert("analysis_run".into(), Value::Null);
                }
                stored.document.extend(fields);
                if let Some(content) = content {
                    stored.document.insert("sha256".into(), sha256(&content).into());
                    stored.content = Some(content.to_vec());
                }
                Ok(String::new())
            }
            Deed::Write(at, part, entries, there, content) => {
                self.made += 1;
                let made = self.made;
                let stored = self.at(&at)?;
                for (key, mut entry) in entries {
                    if part == Part::Params {
                        let id = there.get(&key).map(|there| there["id"].clone());
                        if id.is_none() && stored.entries.contains_key(&key) {
                            // The platform has no keys for parameters: a second one appears.
                            stored.entries.insert(format!("{key}#2"), entry.clone());
                            continue;
                        }
                        entry["id"] = id.unwrap_or_else(|| json!(format!("{made}")));
                    }
                    stored.entries.insert(key, entry);
                }
                stored.list_languages();
                if let Some(content) = content {
                    stored.entries.insert(SCRIPT.to_owned(), json!({"sha256": sha256(&content)}));
                    stored.content = Some(content.to_vec());
                }
                Ok(String::new())
            }
            Deed::Remove(at, entries) => {
                let stored = self.at(&at)?;
                stored.entries.retain(|key, _| !entries.contains_key(key));
                stored.list_languages();
                Ok(String::new())
            }
            Deed::Delete(at) => {
                let tags = self.at(&at)?.document.get("tags").cloned().unwrap_or_default();
                let protected = |tag: &Value| tag["key"] == "_delete_protection_";
                if tags.as_array().is_some_and(|tags| tags.iter().any(protected)) {
                    return Err(refused("it is protected by a tag"));
                }
                self.shelf.remove(&at);
                self.shelf.retain(|other, _| other.parent.as_ref() != Some(&at.id));
                Ok(String::new())
            }
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl Resources for Fake {
    async fn identity(&self) -> Result<Identity, PortError> {
        self.with(|_| Ok(self.identity.clone()))
    }

    fn now(&self) -> Option<Time> {
        *self.told.lock().unwrap()
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(Address, Document)>, PortError> {
        if self.unknown.lock().unwrap().contains(&kind) {
            return Err(PortError::NotFound { message: "no such route".into() });
        }
        self.with(|inner| {
            let found = inner.shelf.iter().filter(|(at, _)| at.kind == kind);
            Ok(found.map(|(at, stored)| (at.clone(), stored.document.clone())).collect())
        })
    }

    async fn read(&self, at: &Address) -> Result<Document, PortError> {
        self.with(|inner| inner.at(at).map(|stored| stored.document.clone()))
    }

    async fn entries(&self, at: &Address, _: Part) -> Result<Entries, PortError> {
        self.with(|inner| inner.at(at).map(|stored| stored.entries.clone()))
    }

    async fn content(&self, at: &Address) -> Result<Option<Bytes>, PortError> {
        self.with(|inner| inner.at(at).map(|stored| stored.content.clone().map(Bytes::from)))
    }

    async fn catalogue(&self, kind: Kind) -> Result<Vec<Named>, PortError> {
        let named = |at: &Address, stored: &Stored| Named {
            id: at.id.clone(),
            name: stored.document["name"].as_str().unwrap().to_owned(),
        };
        self.with(|inner| {
            let found = inner.shelf.iter().filter(|(at, _)| at.kind == kind);
            Ok(found.map(|(at, stored)| named(at, stored)).collect())
        })
    }

    async fn serials(&self, _: &str) -> Result<Vec<String>, PortError> {
        Ok(Vec::new())
    }

    async fn limits(&self) -> Result<BTreeMap<Kind, u64>, PortError> {
        Ok(self.limits.lock().unwrap().clone())
    }

    async fn records(&self, device: &str) -> Result<u64, PortError> {
        Ok(self.records.lock().unwrap().get(device).copied().unwrap_or_default())
    }
}

#[async_trait]
impl ResourcesTarget for Fake {
    async fn create(
        &self,
        kind: Kind,
        parent: Option<&str>,
        fields: &Document,
        content: Option<Bytes>,
    ) -> Result<String, WriteError> {
        self.write(Deed::Create(kind, parent.map(str::to_owned), fields.clone(), content))
    }

    async fn edit(
        &self,
        at: &Address,
        fields: &Document,
        content: Option<Bytes>,
        _: &Document,
    ) -> Result<(), WriteError> {
        self.write(Deed::Edit(at.clone(), fields.clone(), content)).map(drop)
    }

    async fn write_entries(
        &self,
        at: &Address,
        part: Part,
        entries: &Entries,
        there: &Entries,
        content: Option<Bytes>,
    ) -> Result<(), WriteError> {
        self.write(Deed::Write(at.clone(), part, entries.clone(), there.clone(), content)).map(drop)
    }

    async fn remove_entries(&self, at: &Address, _: Part, entries: &Entries) -> Result<(), WriteError> {
        self.write(Deed::Remove(at.clone(), entries.clone())).map(drop)
    }

    async fn tokens(&self, device: &str) -> Result<Vec<ListedToken>, PortError> {
        Ok(self.tokens.lock().unwrap().get(device).cloned().unwrap_or_default())
    }

    async fn delete(&self, at: &Address) -> Result<(), WriteError> {
        self.write(Deed::Delete(at.clone())).map(drop)
    }
}

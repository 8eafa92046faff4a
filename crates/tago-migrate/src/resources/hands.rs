//! Carries out what a machine asks for. Nothing is decided here.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::document::{Document, MARKER, name as name_of, tag};
use super::keep::Keep;
use super::kind::{Kind, Mark};
use super::machine::{Content, KeepError, Pair, Seen, Work};
use super::matching::key;
use super::plan::ResourceHeader;
use super::ports::{Address, ListedToken, Resources, ResourcesTarget};
use super::scan::Asking;
use crate::machine::Route;
use crate::pacer::Pacers;
use crate::plan::Seal;
use crate::ports::{PortError, WriteError};
use crate::run::Side;
use crate::settings::{Env, Settings};

/// Both sides, their limits, and where what is replaced is kept. An undo has no source.
pub(crate) struct Hands<'a> {
    pub(crate) source: Option<&'a dyn Resources>,
    pub(crate) target: &'a dyn ResourcesTarget,
    pub(crate) keep: &'a dyn Keep,
    pub(crate) env: Env<'a>,
    patience: Duration,
    source_pace: Pacers<'a>,
    target_pace: Pacers<'a>,
}

impl<'a> Hands<'a> {
    pub(crate) fn new(
        source: Option<&'a dyn Resources>,
        target: &'a dyn ResourcesTarget,
        plan: &ResourceHeader,
        keep: &'a dyn Keep,
        settings: &Settings,
        env: Env<'a>,
    ) -> Hands<'a> {
        let [source_pace, target_pace] = plan.paces(source, target, settings, env.clock);
        Hands { source, target, keep, env, patience: settings.patience, source_pace, target_pace }
    }

    pub(crate) async fn permit(&self) {
        self.target_pace.admit(Route::Edit).await;
    }

    fn asking<'b>(&'b self, pacers: &'b Pacers<'b>) -> Asking<'b> {
        Asking { pacers, clock: self.env.clock, patience: self.patience }
    }

    pub(crate) async fn pair(
        &self,
        source: &Address,
        target: Option<&Address>,
    ) -> Result<Pair, (Side, PortError)> {
        let Some(port) = self.source else {
            let message = "there is no source".to_owned();
            return Err((Side::Source, PortError::NotFound { message }));
        };
        let asking = self.asking(&self.source_pace);
        let ours = see(port, &asking, source).await.map_err(|cause| (Side::Source, cause))?;
        let theirs = match target {
            Some(at) => self.see(at).await.map_err(|cause| (Side::Target, cause))?,
            None => None,
        };
        Ok(Pair { source: ours, target: theirs })
    }

    /// A resource of the target; `None` if there is none.
    pub(crate) async fn see(&self, at: &Address) -> Result<Option<Seen>, PortError> {
        let asking = self.asking(&self.target_pace);
        let target: &dyn Resources = self.target;
        match see(target, &asking, at).await {
            Ok(seen) => Ok(Some(seen)),
            Err(PortError::NotFound { .. }) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// The tokens of a device; none if it is gone.
    pub(crate) async fn tokens(&self, device: &str) -> Result<Vec<ListedToken>, PortError> {
        match self.asking(&self.target_pace).ask(|| self.target.tokens(device)).await {
            Err(PortError::NotFound { .. }) => Ok(Vec::new()),
            listed => listed,
        }
    }

    pub(crate) async fn records(&self, device: &str) -> Result<u64, PortError> {
        self.asking(&self.target_pace).ask(|| self.target.records(device)).await
    }

    /// Resources of the target that may be the one: those with the run's mark, or of the same name, which have all
    /// their fields.
    pub(crate) async fn look(
        &self,
        kind: Kind,
        name: &str,
        marker: &str,
    ) -> Result<Vec<(Address, Document)>, PortError> {
        let listed = self.asking(&self.target_pace).ask(|| self.target.list(kind)).await?;
        let is_one = |document: &Document| match kind.descriptor().mark {
            Mark::Tag => tag(document, MARKER) == Some(marker),
            Mark::Key => key(kind, document).as_deref() == Some(name),
            _ => name_of(kind, document) == name,
        };
        let mut found: Vec<_> = listed.into_iter().filter(|(_, document)| is_one(document)).collect();
        if kind.descriptor().mark == Mark::Tag {
            return Ok(found);
        }
        for (at, document) in std::mem::take(&mut found) {
            let asking = self.asking(&self.target_pace);
            match asking.ask(|| self.target.read(&at)).await {
                Ok(read) => found.push((at, read)),
                // A list tells of what is gone a little longer.
                Err(PortError::NotFound { .. }) => found.push((at, document)),
                Err(cause) => return Err(cause),
            }
        }
        Ok(found)
    }

    /// Makes durable what is about to be replaced.
    pub(crate) async fn keep(
        &self,
        mut what: Value,
        content_of: Option<&Address>,
    ) -> Result<Seal, KeepError> {
        let storage =
            |error: std::io::Error| KeepError::Storage(format!("what was there cannot be kept: {error}"));
        if let Some(at) = content_of {
            let asking = self.asking(&self.target_pace);
            let content = asking.ask(|| self.target.content(at)).await.map_err(KeepError::Port)?;
            if let Some(content) = content {
                what["content"] = json!(self.keep.keep(&content).map_err(storage)?);
            }
        }
        let bytes = serde_json::to_vec(&what).unwrap_or_default();
        self.keep.keep(&bytes).map_err(storage)
    }

    pub(crate) async fn work(&self, work: &Work) -> Result<Option<String>, WriteError> {
        let result = self.carry_out(work).await;
        if let Err(error) = &result
            && let PortError::RateLimited { retry_after } = error.cause()
        {
            self.target_pace.refused(Route::Edit, *retry_after);
        }
        result
    }

    async fn carry_out(&self, work: &Work) -> Result<Option<String>, WriteError> {
        match work {
            Work::Create { kind, parent, fields, content } => {
                let content = self.fetch(content.as_ref()).await?;
                self.target.create(*kind, parent.as_deref(), fields, content).await.map(Some)
            }
            Work::Edit { at, fields, content, there } => {
                let content = self.fetch(content.as_ref()).await?;
                self.target.edit(at, fields, content, there).await.map(|()| None)
            }
            Work::Write { at, part, entries, there, content } => {
                let content = self.fetch(content.as_ref()).await?;
                self.target.write_entries(at, *part, entries, there, content).await.map(|()| None)
            }
            Work::Remove { at, part, entries } => {
                self.target.remove_entries(at, *part, entries).await.map(|()| None)
            }
            Work::Delete { at } => match self.target.delete(at).await {
                Err(WriteError::NotReceived(PortError::NotFound { .. })) => Ok(None),
                deleted => deleted.map(|()| None),
            },
        }
    }

    /// Bytes that are to be sent. Nothing has been sent yet, whatever fails here.
    async fn fetch(&self, content: Option<&Content>) -> Result<Option<Bytes>, WriteError> {
        match content {
            None => Ok(None),
            Some(Content::Kept { seal }) => {
                let kept = self.keep.kept(seal).map_err(|error| {
                    let message = format!("what was there before cannot be read: {error}");
                    WriteError::NotReceived(PortError::Refused { message })
                })?;
                Ok(Some(kept.into()))
            }
            Some(Content::Source { at, sha256 }) => {
                let gone = || {
                    let message = format!("{at} is not in the source as it was at the rehearsal");
                    WriteError::NotReceived(PortError::Refused { message })
                };
                let source = self.source.ok_or_else(gone)?;
                let asking = self.asking(&self.source_pace);
                let bytes = asking.ask(|| source.content(at)).await.map_err(WriteError::NotReceived)?;
                let bytes = bytes.filter(|bytes| Seal::of(bytes).as_str() == sha256).ok_or_else(gone)?;
                Ok(Some(bytes))
            }
        }
    }
}

pub(crate) async fn see(port: &dyn Resources, asking: &Asking<'_>, at: &Address) -> Result<Seen, PortError> {
    let document = asking.ask(|| port.read(at)).await?;
    let entries = match at.kind.descriptor().part {
        Some(part) => asking.ask(|| port.entries(at, part)).await?,
        None => Default::default(),
    };
    Ok(Seen { document, entries })
}

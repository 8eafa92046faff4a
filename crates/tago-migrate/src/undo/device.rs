//! Devices: those that the run made are deleted, those that it changed get what they had.

use std::collections::BTreeMap;

use tago_api::{DeviceId, Time};

use super::effect::Did;
use super::row::Kept;
use super::{Break, Undo};
use crate::announced::ids;
use crate::device::{Definition, Device, DeviceEdit, Former, Param, ParamWrite, Tag, seal};
use crate::journal::{Journal, Row, Stays, Was};
use crate::json::Json;
use crate::machine::token::token_name;
use crate::machine::{MARKER, Route};
use crate::plan::{Item, Seal};
use crate::ports::Range;

/// A change that does not take effect is repeated so often.
const ATTEMPTS: u32 = 4;
/// Tags with which the platform refuses to delete; the run carried them here.
const PROTECTION: [&str; 2] = ["_delete_protection_", "_deletion_protection"];

/// What gives a device a part of what it had.
enum Step {
    Edit(DeviceEdit),
    Params(Vec<ParamWrite>),
    RemoveParam(Param),
}

impl Undo<'_> {
    /// Devices whose making was not answered.
    pub(super) async fn find_unknown(&mut self, journal: &mut dyn Journal) -> Result<(), Break> {
        let unknown = self.ledger.devices.iter().filter(|(_, device)| device.made.is_none() && device.doubt);
        let unknown: Vec<(u32, String)> =
            unknown.filter_map(|(place, device)| Some((*place, device.marker.clone()?))).collect();
        for (item, marker) in unknown {
            let target = self.target;
            let request = || target.devices_tagged(MARKER, Some(&marker));
            let found = self.ask(Route::Lookup, request).await?.unwrap_or_default();
            let is_marked = |device: &Device| {
                device.definition.tags.iter().any(|tag| tag.key == MARKER && tag.value == marker)
            };
            let device = found.into_iter().find(is_marked).map(|device| device.id);
            let was = if device.is_some() { Was::Found } else { Was::Absent };
            self.journal(journal, Row::CreateOutcome { item, was, device })?;
        }
        Ok(())
    }

    /// Deletes a device that the run made, with its records, if there is nothing else in it.
    pub(super) async fn delete_made(&mut self, place: u32, journal: &mut dyn Journal) -> Result<(), Break> {
        let Some(device) = self.made(place).filter(|_| !self.is_over(place)) else { return Ok(()) };
        let mut attempt = 0;
        loop {
            let Some((definition, params)) = self.read(device).await? else {
                return self.is_deleted(place, journal);
            };
            if let Some(reason) = self.in_use(place, device, &definition, &params).await? {
                return Ok(self.over(place, 0, vec![Kept::whole(Stays::ChangedSince, reason)], journal)?);
            }
            if attempt == ATTEMPTS {
                break;
            }
            if !self.is_fresh(Route::Edit).await? {
                continue;
            }
            let target = self.target;
            let unlocked = without_protection(&definition);
            let did = match &unlocked {
                Some(edit) => {
                    let shape = seal(&edit.applied_to(&definition), &params);
                    let request = || target.edit_device(device, edit);
                    self.change(place, Some(shape), Route::Edit, journal, request).await?
                }
                None => {
                    self.change(place, None, Route::Edit, journal, || target.delete_device(device)).await?
                }
            };
            match did {
                Did::Refused(message) => {
                    let reason = format!("the target refuses to delete it: {message}");
                    return Ok(self.over(place, 0, vec![Kept::whole(Stays::Impossible, reason)], journal)?);
                }
                Did::Again => continue,
                Did::Done if attempt == 0 => {}
                Did::Done | Did::Doubtful => self.wait_until_shown().await?,
            }
            attempt += 1;
        }
        let reason = "the target acknowledges the deletion and keeps the device";
        Ok(self.over(place, 0, vec![Kept::whole(Stays::Impossible, reason)], journal)?)
    }

    /// What a device was that the run changed, or why it cannot be read; `None` if there is nothing to give
    /// back.
    fn former(&self, place: u32) -> Option<(DeviceId, Result<Former, String>)> {
        let kept = self.ledger.devices.get(&place)?.former.as_ref()?;
        let device = self.device_item(place)?.target.filter(|_| !self.is_over(place))?;
        let bytes = self.keep.kept(kept).map_err(|error| error.to_string());
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).map_err(|error| error.to_string());
        Some((device, bytes.and_then(read)))
    }

    /// Lets a device that the run has put to rest be active while its records are removed or written back. What is not as the
    /// run left it stays as it is.
    pub(super) async fn activate(&mut self, place: u32, journal: &mut dyn Journal) -> Result<(), Break> {
        let source = self.device_item(place).map(|item| item.device);
        let is_of = |item: &u32| {
            let item = self.plan.items.get(*item as usize);
            item.is_some_and(|item| matches!(item, Item::Data(data) if Some(data.device) == source))
        };
        let is_open = self.ledger.data.keys().any(|item| is_of(item) && !self.is_over(*item))
            || self.ledger.undo.returning.keys().any(is_of);
        let Some((device, Ok(former))) = self.former(place).filter(|_| is_open) else {
            return Ok(());
        };
        let before = seal(&former.definition, &params_of(&former));
        for _ in 0..ATTEMPTS {
            let Some((definition, params)) = self.read(device).await? else { return Ok(()) };
            let there = seal(&definition, &params);
            if definition.active || !(there == before || self.is_own(place, &there)) {
                return Ok(());
            }
            if !self.is_fresh(Route::Edit).await? {
                continue;
            }
            let edit = DeviceEdit { active: Some(true), ..DeviceEdit::default() };
            let shape = seal(&edit.applied_to(&definition), &params);
            let target = self.target;
            let request = || target.edit_device(device, &edit);
            match self.change(place, Some(shape), Route::Edit, journal, request).await? {
                // Its records say whether it matters.
                Did::Refused(_) => return Ok(()),
                Did::Again | Did::Done => {}
                Did::Doubtful => self.wait_until_shown().await?,
            }
        }
        Ok(())
    }

    /// Whether a device that the run had put to rest is active, and not by this undo.
    fn is_woken_by_others(&self, place: u32, there: &Definition, shape: &Seal) -> bool {
        let rested = self.device_item(place).is_some_and(|item| item.wakes);
        let finished = self.ledger.devices.get(&place).is_some_and(|device| device.finished);
        let by_undo = self.ledger.undo.shapes.get(&place).is_some_and(|shapes| shapes.contains(shape));
        rested && finished && there.active && !by_undo
    }

    /// Gives a device that the run changed what it had.
    pub(super) async fn put_back(&mut self, place: u32, journal: &mut dyn Journal) -> Result<(), Break> {
        let Some((device, former)) = self.former(place) else { return Ok(()) };
        let former = match former {
            Ok(former) => former,
            Err(error) => {
                let reason = format!("what it was before cannot be read: {error}");
                return Ok(self.over(place, 0, vec![Kept::whole(Stays::Impossible, reason)], journal)?);
            }
        };
        let before = seal(&former.definition, &params_of(&former));
        let mut acknowledged = 0;
        let mut may_be_shown_late = None;
        loop {
            let Some((definition, params)) = self.read(device).await? else {
                let kept = vec![Kept::whole(Stays::ChangedSince, "somebody deleted it")];
                return Ok(self.over(place, 0, kept, journal)?);
            };
            let there = seal(&definition, &params);
            if there == before {
                return Ok(self.over(place, 0, Vec::new(), journal)?);
            }
            if self.is_woken_by_others(place, &definition, &there) {
                let kept = vec![Kept::whole(Stays::ChangedSince, "somebody activated the device since")];
                return Ok(self.over(place, 0, kept, journal)?);
            }
            if !self.is_own(place, &there) {
                let kept = vec![Kept::whole(Stays::ChangedSince, "somebody changed the device since")];
                return Ok(self.over(place, 0, kept, journal)?);
            }
            let step = step_back(&former, &definition, &params);
            if may_be_shown_late.take().as_ref() == Some(&there) {
                self.wait_until_shown().await?;
                continue;
            }
            let (Some(step), true) = (step, acknowledged <= ATTEMPTS * 3) else {
                let reason = "the target acknowledges the change and does not keep it";
                let kept = vec![Kept::whole(Stays::Impossible, reason)];
                return Ok(self.over(place, 0, kept, journal)?);
            };
            if !self.is_fresh(Route::Edit).await? {
                continue;
            }
            match self.step_back(place, device, &step, (&definition, &params), journal).await? {
                Did::Again => {}
                Did::Done => {
                    acknowledged += 1;
                    may_be_shown_late = Some(there);
                }
                Did::Doubtful => self.wait_until_shown().await?,
                Did::Refused(message) => {
                    let reason = format!("the target refuses what it was before: {message}");
                    let kept = vec![Kept::whole(Stays::Impossible, reason)];
                    return Ok(self.over(place, 0, kept, journal)?);
                }
            }
        }
    }

    async fn step_back(
        &mut self,
        place: u32,
        device: DeviceId,
        step: &Step,
        (definition, params): (&Definition, &[Param]),
        journal: &mut dyn Journal,
    ) -> Result<Did, Break> {
        let target = self.target;
        match step {
            Step::Edit(edit) => {
                let shape = Some(seal(&edit.applied_to(definition), params));
                self.change(place, shape, Route::Edit, journal, || target.edit_device(device, edit)).await
            }
            Step::Params(writes) => {
                let mut after = params.to_vec();
                for write in writes {
                    let new = |id| Param {
                        id,
                        key: write.key.clone(),
                        value: write.value.clone(),
                        sent: write.sent,
                    };
                    match after.iter_mut().find(|param| Some(param.id) == write.id) {
                        Some(param) => *param = new(param.id),
                        None => after.push(new(tago_api::ParamId::from_bytes([0; 12]))),
                    }
                }
                let shape = Some(seal(definition, &after));
                self.change(place, shape, Route::Edit, journal, || target.write_params(device, writes)).await
            }
            Step::RemoveParam(param) => {
                let left: Vec<Param> = params.iter().filter(|other| other.id != param.id).cloned().collect();
                let shape = Some(seal(definition, &left));
                self.change(place, shape, Route::Edit, journal, || target.remove_param(device, param.id))
                    .await
            }
        }
    }

    /// A device that is gone took its records along.
    fn is_deleted(&mut self, place: u32, journal: &mut dyn Journal) -> Result<(), Break> {
        for item in self.written_to(place) {
            if !self.is_over(item) {
                let seal = self.ledger.undo.listed.get(&item);
                let listed = seal.and_then(|seal| self.keep.kept(seal).ok()).and_then(|bytes| ids(&bytes));
                let records = listed.unwrap_or_default().iter().flatten().count() as u64;
                self.over(item, records, Vec::new(), journal)?;
            }
        }
        Ok(self.over(place, 0, Vec::new(), journal)?)
    }

    /// Why a device that the run made is not the run's alone any more.
    async fn in_use(
        &mut self,
        place: u32,
        device: DeviceId,
        definition: &Definition,
        params: &[Param],
    ) -> Result<Option<String>, Break> {
        if !self.is_own(place, &seal(definition, params)) {
            return Ok(Some("somebody changed the device since".to_owned()));
        }
        let target = self.target;
        let ledger = self.ledger.devices.get(&place).cloned().unwrap_or_default();
        if ledger.ready {
            let own = token_name(&self.ledger.run);
            let listed = self.ask(Route::Lookup, || target.tokens(device)).await?.unwrap_or_default();
            let is_new = |token: &crate::device::Token| {
                token.name != own && !ledger.tokens.iter().any(|known| known.fingerprint == token.fingerprint)
            };
            if listed.iter().any(is_new) {
                return Ok(Some("somebody made a token for it since".to_owned()));
            }
        }
        let (own, whole) = self.own_records(place).await?;
        let range = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
        let count = self.ask(Route::Read, || target.count(device, &range)).await?.unwrap_or(own);
        Ok(match count.checked_sub(own) {
            Some(0) if whole => None,
            Some(foreign) => {
                Some(format!("it holds {foreign} records that are not the run's, or were changed since"))
            }
            None => Some("its records change while they are counted".to_owned()),
        })
    }

    /// Whether a device is as the run or this undo left it, or was about to.
    fn is_own(&self, place: u32, there: &Seal) -> bool {
        let by_run = self.ledger.devices.get(&place).is_some_and(|device| device.shapes.contains(there));
        by_run || self.ledger.undo.shapes.get(&place).is_some_and(|shapes| shapes.contains(there))
    }

    async fn read(&self, device: DeviceId) -> Result<Option<(Definition, Vec<Param>)>, Break> {
        let target = self.target;
        let Some(found) = self.ask(Route::Lookup, || target.device(device)).await? else { return Ok(None) };
        let params = self.ask(Route::Lookup, || target.params(device)).await?;
        Ok(params.map(|params| (found.definition, params)))
    }
}

/// What takes the tags off that forbid to delete it.
fn without_protection(definition: &Definition) -> Option<DeviceEdit> {
    let protects = |tag: &Tag| PROTECTION.contains(&tag.key.as_str());
    definition.tags.iter().any(protects).then(|| {
        let rest = definition.tags.iter().filter(|tag| !protects(tag)).cloned().collect();
        DeviceEdit { tags: Some(rest), ..DeviceEdit::default() }
    })
}

/// The next thing that makes a device what it was.
fn step_back(former: &Former, definition: &Definition, params: &[Param]) -> Option<Step> {
    let edit = edit_back(&former.definition, definition);
    if edit != DeviceEdit::default() {
        return Some(Step::Edit(edit));
    }
    let had = |param: &&Param| former.params.iter().any(|old| old.id == Some(param.id));
    let same = |old: &ParamWrite, param: &Param| {
        (&old.key, &old.value, old.sent) == (&param.key, &param.value, param.sent)
    };
    let mut writes = Vec::new();
    for old in &former.params {
        match params.iter().find(|param| old.id == Some(param.id)) {
            Some(param) if same(old, param) => {}
            Some(_) => writes.push(old.clone()),
            None if params.iter().any(|param| !had(&param) && same(old, param)) => {}
            None => writes.push(ParamWrite { id: None, ..old.clone() }),
        }
    }
    if !writes.is_empty() {
        return Some(Step::Params(writes));
    }
    params.iter().find(|param| !had(param)).cloned().map(Step::RemoveParam)
}

fn edit_back(former: &Definition, there: &Definition) -> DeviceEdit {
    let mut fields: BTreeMap<String, Json> = BTreeMap::new();
    for (field, value) in &former.fields {
        if there.fields.get(field) != Some(value) {
            fields.insert(field.clone(), value.clone());
        }
    }
    for field in there.fields.keys().filter(|field| !former.fields.contains_key(*field)) {
        if let Ok(null) = Json::from_text("null".to_owned()) {
            fields.insert(field.clone(), null);
        }
    }
    DeviceEdit {
        name: (former.name != there.name).then(|| former.name.clone()),
        active: (former.active != there.active).then_some(former.active),
        visible: (former.visible != there.visible).then_some(former.visible),
        tags: (former.tags != there.tags).then(|| former.tags.clone()),
        fields,
    }
}

fn params_of(former: &Former) -> Vec<Param> {
    let param = |param: &ParamWrite| {
        let id = param.id.unwrap_or(tago_api::ParamId::from_bytes([0; 12]));
        Param { id, key: param.key.clone(), value: param.value.clone(), sent: param.sent }
    };
    former.params.iter().map(param).collect()
}

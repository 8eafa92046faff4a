//! Device items: make or change the device, its parameters, and at the end take the run's marks away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tago_api::{DeviceId, ParamId};

use super::ledger::DeviceLedger;
use super::{Action, Pair, Route, Stage, Subject, Trouble, Turn, Work};
use crate::device::{Definition, DeviceEdit, Former, Param, ParamWrite, Tag, Token, seal};
use crate::inside::device::localised;
use crate::journal::{Row, Was};
use crate::plan::{DeviceItem, Item, Seal, Verdict};
use crate::ports::{PortError, WriteError};
use crate::run::Side;

/// The tag by which a device that the run made is found again.
pub(crate) const MARKER: &str = "holdfast_run";
/// The most tags that a resource may have.
const TAGS: usize = 30;
/// A write that does not take effect is repeated so often.
const ATTEMPTS: u32 = 3;
/// What was seen so long ago is looked at again before it is changed.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

impl Turn<'_> {
    pub(super) fn begin_device(&mut self, item: u32, device: &DeviceItem) {
        let ledger = self.state.ledger.devices.get(&item).cloned().unwrap_or_default();
        if device.verdict == Verdict::Create
            && ledger.made.is_none()
            && ledger.doubt
            && let Some(marker) = ledger.marker
        {
            self.state.active.insert(item, Stage::Finding);
            return self.effect(Action::FindDevices { item, marker });
        }
        // Another run may have made it after the rehearsal had looked.
        if device.verdict == Verdict::Create && ledger.made.is_none() {
            match &self.state.twins {
                None => {
                    self.state.active.insert(item, Stage::Finding);
                    return self.effect(Action::FindTwins { item });
                }
                Some(twins) if twins.contains(&device.device) => {
                    let reason = "another run made this device after the rehearsal; rehearse again";
                    return self.hold(item, reason.to_owned());
                }
                Some(_) => {}
            }
        }
        self.state.active.insert(item, Stage::Looking);
        let target = if device.verdict == Verdict::Create { ledger.made } else { device.target };
        self.effect(Action::ReadDevice { item, target });
    }

    pub(super) fn devices_found(&mut self, item: u32, result: Result<Vec<DeviceId>, PortError>) {
        match result {
            Ok(found) => {
                self.works(Side::Target);
                let device = found.into_iter().min();
                let was = if device.is_some() { Was::Found } else { Was::Absent };
                self.journal(Row::CreateOutcome { item, was, device });
                self.requeue(item);
            }
            Err(cause) => self.set_back(item, Side::Target, &cause),
        }
    }

    pub(super) fn twins_found(&mut self, item: u32, result: Result<BTreeSet<DeviceId>, PortError>) {
        match result {
            Ok(twins) => {
                self.works(Side::Target);
                self.state.twins.get_or_insert(twins);
                self.requeue(item);
            }
            Err(cause) => self.set_back(item, Side::Target, &cause),
        }
    }

    pub(super) fn device_read(&mut self, item: u32, result: Result<Pair, Trouble>) {
        let pair = match result {
            Ok(pair) => pair,
            Err((side, cause)) => return self.set_back(item, side, &cause),
        };
        self.works(Side::Source);
        if pair.target.is_some() {
            self.works(Side::Target);
        }
        let plan = Arc::clone(&self.state.plan);
        let Item::Device(device) = &plan.items[item as usize] else { return };
        let ledger = self.state.ledger.devices.get(&item).cloned().unwrap_or_default();
        let source = &pair.source;
        let source_holds = seal(&source.0.definition, &source.1) == device.source_seal;
        if device.follows_source() && !source_holds && !ledger.ready {
            let reason = "the device in the source is not that of the rehearsal any more; rehearse again";
            return self.hold(item, reason.to_owned());
        }
        let ours = (&source.0.definition, source.1.as_slice());
        let (wanted, params) = localised(ours, &self.state.names, &device.remapped);
        let work = match &pair.target {
            None if device.verdict == Verdict::Create => {
                Some(Work::Create(Box::new(marked(&wanted, &self.marker(device)))))
            }
            None => return self.hold(item, "the device is not on the target any more".to_owned()),
            Some(target) if ledger.ready => {
                finishing(&wanted, &target.0.definition, rests(device, &ledger, &wanted))
                    .map(|edit| Work::Edit(target.0.id, Box::new(edit)))
            }
            Some(target) => {
                let there = seal(&target.0.definition, &target.1);
                let is_own = ledger.edited && (ledger.shapes.is_empty() || ledger.shapes.contains(&there));
                if device.verdict == Verdict::Update && !is_own && Some(there) != device.target_seal {
                    let reason =
                        "the device in the target is not that of the rehearsal any more; rehearse again";
                    return self.hold(item, reason.to_owned());
                }
                let edit = (device.verdict == Verdict::Update)
                    .then(|| edit_to(&wanted, &target.0.definition))
                    .flatten();
                let edit = match edit {
                    edit if device.wakes && !target.0.definition.active => {
                        Some(DeviceEdit { active: Some(true), ..edit.unwrap_or_default() })
                    }
                    edit => edit,
                };
                match edit {
                    Some(edit) => Some(Work::Edit(target.0.id, Box::new(edit))),
                    None if device.follows_source() => lacking_params(&params, &target.1, target.0.id),
                    None => None,
                }
            }
        };
        if let Some(rest) = work.as_ref().and_then(|work| self.may_be_shown_late(item, work)) {
            return self.sleep(item, rest);
        }
        if ledger.doubt {
            let was = if work.is_none() { Was::Found } else { Was::Absent };
            self.journal(Row::EditOutcome { item, was });
        }
        self.remember(item, device, &ledger, &pair, work.as_ref());
        match work {
            Some(work) => self.ask_to_work(item, work),
            None if ledger.ready => self.device_finished(item),
            None => self.device_is_ready(item, pair.target.map(|(_, _, tokens)| tokens).unwrap_or_default()),
        }
    }

    /// What an undo has to know of it: what it was before the run changed it, and what it is by the run's
    /// hand.
    fn remember(
        &mut self,
        item: u32,
        device: &DeviceItem,
        ledger: &DeviceLedger,
        pair: &Pair,
        work: Option<&Work>,
    ) {
        let there = pair.target.as_ref().map(|(there, params, _)| (&there.definition, params.as_slice()));
        if let Some((definition, params)) = there
            && device.verdict != Verdict::Create
            && ledger.former.is_none()
            && !ledger.edited
            && work.is_some()
        {
            let kept = self.keep(Former::of(definition, params).to_bytes());
            self.journal(Row::Former { item, kept });
        }
        let shape = match work {
            Some(work) => after(work, there),
            None => there.map(|(definition, params)| seal(definition, params)),
        };
        if let Some(seal) = shape.filter(|shape| !ledger.shapes.contains(shape)) {
            self.journal(Row::Shape { item, seal });
        }
    }

    fn ask_to_work(&mut self, item: u32, work: Work) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        if self.state.attempts.get(&item).is_some_and(|acknowledged| *acknowledged > ATTEMPTS * 3) {
            return self.hold(item, "the target acknowledges the change and does not keep it".to_owned());
        }
        if self.state.admitted.remove(&item) {
            return self.work(item, work);
        }
        self.state.active.insert(item, Stage::WantsToWork(work, self.moment.elapsed));
        self.actions.push(Action::Permit(Subject::Item(item), Route::Edit));
    }

    /// The limits allow it. Who has waited for that looks again: its owner may have changed the device.
    pub(super) fn admitted(&mut self, item: u32, work: Work, since: Duration) {
        let plan = Arc::clone(&self.state.plan);
        match &plan.items[item as usize] {
            Item::Device(device) if self.may_begin() && self.moment.elapsed - since >= FRESH => {
                self.state.admitted.insert(item);
                self.begin_device(item, device);
            }
            _ => self.work(item, work),
        }
    }

    /// The row, and then the bytes.
    fn work(&mut self, item: u32, work: Work) {
        if !self.may_begin() {
            return self.requeue(item);
        }
        let plan = Arc::clone(&self.state.plan);
        let Item::Device(device) = &plan.items[item as usize] else { return };
        let row = match &work {
            Work::Create(_) => Row::CreateIntent { item, marker: self.marker(device) },
            Work::Edit(..) => Row::EditIntent { item },
            Work::Params(_, params) => {
                Row::ParamsIntent { item, count: u32::try_from(params.len()).unwrap_or(u32::MAX) }
            }
        };
        self.journal(row);
        self.guard_sends();
        self.effect(Action::Work { item, work: work.clone() });
        self.state.active.insert(item, Stage::Working(work));
    }

    pub(super) fn worked(&mut self, item: u32, result: Result<Option<DeviceId>, WriteError>) {
        let Some(Stage::Working(work)) = self.state.active.remove(&item) else { return };
        let made = result.as_ref().ok().copied().flatten();
        let was = match &result {
            Ok(_) => Was::Acknowledged,
            Err(WriteError::NotReceived(_)) => Was::NotReceived,
            Err(WriteError::Ambiguous(_)) => Was::Doubtful,
        };
        if was == Was::Acknowledged {
            self.state.acknowledged.insert(item, (work.clone(), self.moment.elapsed));
        }
        self.journal(match work {
            Work::Create(_) => Row::CreateOutcome { item, was, device: made },
            Work::Edit(..) => Row::EditOutcome { item, was },
            Work::Params(..) => Row::ParamsOutcome { item, was },
        });
        match result {
            Ok(_) => {
                self.works(Side::Target);
                self.state.doubts_in_a_row = 0;
                *self.state.attempts.entry(item).or_default() += 1;
                // Reading it again tells what is left to do, and that it was kept.
                self.requeue(item);
            }
            Err(WriteError::NotReceived(cause)) => self.set_back(item, Side::Target, &cause),
            Err(WriteError::Ambiguous(cause)) => self.doubt(item, cause.to_string()),
        }
    }

    /// For how long the target may still only not show that this was done.
    fn may_be_shown_late(&self, item: u32, work: &Work) -> Option<Duration> {
        let (done, at) = self.state.acknowledged.get(&item)?;
        if done == work { self.rest_of_the_bound(*at) } else { None }
    }

    /// For how long a device that this session made may still only not be shown: the item's own, or that of its
    /// data.
    pub(super) fn is_just_made(&self, item: u32) -> Option<Duration> {
        let device = match &self.state.plan.items[item as usize] {
            Item::Device(_) => item,
            Item::Data(data) => *self.state.device_items.get(&data.device)?,
        };
        self.state.ledger.devices.get(&device)?.made?;
        self.rest_of_the_bound(self.state.acknowledged.get(&device)?.1)
    }

    pub(super) fn rest_of_the_bound(&self, since: Duration) -> Option<Duration> {
        let until = since + self.state.config.late_commit_bound;
        until.checked_sub(self.moment.elapsed).filter(|rest| !rest.is_zero())
    }

    fn device_is_ready(&mut self, item: u32, tokens: Vec<Token>) {
        self.state.active.remove(&item);
        self.journal(Row::DeviceReady { item, tokens });
        if self.state.left.get(&item).is_none_or(|left| *left == 0) {
            self.state.waiting.insert(item);
        }
    }

    fn device_finished(&mut self, item: u32) {
        self.state.active.remove(&item);
        self.journal(Row::DeviceFinished { item });
    }

    fn marker(&self, device: &DeviceItem) -> String {
        format!("{}:{}", self.state.ledger.run, device.device)
    }
}

/// The device as it is made: active, so that it takes data, and with the run's mark.
fn marked(source: &Definition, marker: &str) -> Definition {
    let mut definition = source.clone();
    definition.active = true;
    definition.tags.truncate(TAGS - 1);
    definition.tags.push(Tag { key: MARKER.to_owned(), value: marker.to_owned(), metadata: None });
    definition
}

/// What a device is once this is done.
fn after(work: &Work, there: Option<(&Definition, &[Param])>) -> Option<Seal> {
    match (work, there) {
        (Work::Create(definition), _) => Some(seal(definition, &[])),
        (Work::Edit(_, edit), Some((definition, params))) => Some(seal(&edit.applied_to(definition), params)),
        (Work::Params(_, writes), Some((definition, params))) => {
            let mut params = params.to_vec();
            for write in writes {
                match params.iter_mut().find(|param| Some(param.id) == write.id) {
                    Some(param) => (param.value, param.sent) = (write.value.clone(), write.sent),
                    None => params.push(Param {
                        id: ParamId::from_bytes([0; 12]),
                        key: write.key.clone(),
                        value: write.value.clone(),
                        sent: write.sent,
                    }),
                }
            }
            Some(seal(definition, &params))
        }
        _ => None,
    }
}

/// Whether the device is to be inactive in the end. One that is only written to, and that somebody else has
/// activated, stays active.
fn rests(device: &DeviceItem, ledger: &DeviceLedger, source: &Definition) -> bool {
    if device.follows_source() { !source.active } else { ledger.edited && !ledger.rested }
}

/// What takes the run's mark away and lets an inactive device rest, and changes nothing that somebody
/// else changed meanwhile.
fn finishing(source: &Definition, target: &Definition, rests: bool) -> Option<DeviceEdit> {
    let tags = target.tags.iter().any(|tag| tag.key == MARKER).then(|| {
        let mut tags: Vec<Tag> = target.tags.iter().filter(|tag| tag.key != MARKER).cloned().collect();
        tags.extend(source.tags.iter().skip(TAGS - 1).cloned());
        tags
    });
    let active = (target.active && rests).then_some(false);
    let edit = DeviceEdit { tags, active, ..DeviceEdit::default() };
    (edit != DeviceEdit::default()).then_some(edit)
}

/// What makes the target's fields and tags those of the source. An active device stays so until its data
/// is there.
fn edit_to(source: &Definition, target: &Definition) -> Option<DeviceEdit> {
    let mut edit = DeviceEdit {
        name: (source.name != target.name).then(|| source.name.clone()),
        active: (source.active && !target.active).then_some(true),
        visible: (source.visible != target.visible).then_some(source.visible),
        tags: (source.tags != target.tags).then(|| source.tags.clone()),
        fields: BTreeMap::new(),
    };
    for (field, value) in &source.fields {
        if target.fields.get(field) != Some(value) {
            edit.fields.insert(field.clone(), value.clone());
        }
    }
    for field in target.fields.keys().filter(|field| !source.fields.contains_key(*field)) {
        if let Ok(null) = crate::json::Json::from_text("null".to_owned()) {
            edit.fields.insert(field.clone(), null);
        }
    }
    (edit != DeviceEdit::default()).then_some(edit)
}

/// The source's parameters that the target lacks, as edits of those with the same key where there are
/// some.
fn lacking_params(source: &[Param], target: &[Param], device: DeviceId) -> Option<Work> {
    let mut spare: Vec<&Param> = target.iter().collect();
    let mut lacking = Vec::new();
    for param in source {
        let same =
            |other: &&Param| (&other.key, &other.value, other.sent) == (&param.key, &param.value, param.sent);
        match spare.iter().position(same) {
            Some(place) => {
                spare.remove(place);
            }
            None => lacking.push(param),
        }
    }
    let writes: Vec<ParamWrite> = lacking
        .into_iter()
        .map(|param| {
            let twin = spare.iter().position(|other| other.key == param.key).map(|place| spare.remove(place));
            ParamWrite {
                id: twin.map(|twin| twin.id),
                key: param.key.clone(),
                value: param.value.clone(),
                sent: param.sent,
            }
        })
        .collect();
    (!writes.is_empty()).then_some(Work::Params(device, writes))
}

//! After a run over devices and their data.

use std::path::Path;

use tago_api::{DeviceId, Time};

use super::{Task, Witness, WorkItem, WorkState, WorklistError, has_serials, used};
use crate::device::{Fingerprint, Token};
use crate::journal::SqliteJournal;
use crate::machine::ledger::Ledger;
use crate::plan::{DeviceItem, Item, Plan};
use crate::ports::PortError;
use crate::report::{move_serial, pairs, what_to_update};
use crate::resources::Kind;
use crate::run::{last_sent_at, past};

pub(super) struct List {
    pub(super) plan: Plan,
    /// When it last sent records, by the target's clock: what this computer's says of its last row tells nothing of
    /// when a token was used there. When it was rehearsed, if it sent none.
    pub(super) ended_at: Time,
    work: Vec<TokenOf>,
}

/// A token of the source that leaves something to do.
struct TokenOf {
    task: Task,
    device: DeviceId,
    device_name: String,
    target: DeviceId,
    token: Token,
    counterpart: Option<Fingerprint>,
    text: String,
}

impl List {
    pub(super) fn of(folder: &Path) -> Result<List, WorklistError> {
        let rows = SqliteJournal::read(folder)?;
        let (plan, ledger) = past(folder, &rows)?;
        let mut work = Vec::new();
        // What was taken back leaves nothing to do.
        let items = if ledger.undo.begun { &[] } else { &plan.items[..] };
        for (item, place) in items.iter().zip(0_u32..) {
            if let Item::Device(item) = item {
                work.extend(left_to_do(item, place, &ledger));
            }
        }
        let ended_at = last_sent_at(&rows).unwrap_or(plan.header.created_at);
        Ok(List { plan, work, ended_at })
    }

    pub(super) fn items(&self) -> Vec<WorkItem> {
        let item = |work: &TokenOf| WorkItem {
            key: work.key(),
            task: work.task,
            kind: Kind::Device,
            name: work.device_name.clone(),
            source: work.device.to_string(),
            target: Some(work.target.to_string()),
            text: work.text.clone(),
            state: WorkState::Open,
            seen: None,
        };
        self.work.iter().map(item).collect()
    }

    /// What of the target shows that it is done.
    pub(super) async fn look(
        &self,
        item: &WorkItem,
        target: &dyn Witness,
        after: Time,
    ) -> Result<Option<String>, PortError> {
        let Some(work) = self.work.iter().find(|work| work.key() == item.key) else { return Ok(None) };
        let device = target.device_use(&work.target.to_string()).await?;
        Ok(match work.task {
            Task::MoveSerial => has_serials(&device, work.token.serial.as_slice()),
            Task::MakeToken => {
                let is_like = |token: &&super::TokenUse| token.name == work.token.name;
                device.tokens.iter().find(is_like).map(|_| "the device has a token of this name".to_owned())
            }
            _ => {
                let own =
                    device.tokens.iter().find(|token| Some(&token.fingerprint) == work.counterpart.as_ref());
                match own {
                    Some(token) => used(token.last_used, after),
                    // It was replaced by another one since; what arrives, arrives with that.
                    None => used(device.last_input, after),
                }
            }
        })
    }
}

impl TokenOf {
    fn key(&self) -> String {
        format!("{} {} {}", self.task.as_str(), self.device, self.token.fingerprint)
    }
}

/// What the tokens of a device leave to do. A device that was there before keeps its own.
fn left_to_do(item: &DeviceItem, place: u32, ledger: &Ledger) -> Vec<TokenOf> {
    let progress = ledger.devices.get(&place);
    let Some((made, progress)) = progress.and_then(|progress| Some((progress.made?, progress))) else {
        return Vec::new();
    };
    let mut work = Vec::new();
    for (token, counterpart) in pairs(&item.source_tokens, &progress.tokens, true) {
        let one = |task, text| TokenOf {
            task,
            device: item.device,
            device_name: item.name.clone(),
            target: made,
            token: token.clone(),
            counterpart: counterpart.map(|token| token.fingerprint.clone()),
            text,
        };
        let task = if counterpart.is_some() { Task::HandOutToken } else { Task::MakeToken };
        work.push(one(task, what_to_update(item, token, counterpart, true)));
        if let Some(serial) = &token.serial {
            work.push(one(Task::MoveSerial, move_serial("a token of the new device", serial)));
        }
    }
    work
}

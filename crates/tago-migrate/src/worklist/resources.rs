//! After a run over resources.

use std::path::Path;

use serde_json::Value;
use tago_api::Time;

use super::{Task, Witness, WorkItem, WorkState, WorklistError, has_serials, used};
use crate::journal::SqliteJournal;
use crate::ports::PortError;
use crate::report::move_serial;
use crate::resources::ledger::Ledger;
use crate::resources::row::Row;
use crate::resources::run::past;
use crate::resources::{Address, Kind, Part, ResourceItem, ResourcePlan, SCRIPT, UNKNOWN_VALUE, Work};

pub(super) struct List {
    pub(super) plan: ResourcePlan,
    pub(super) ended_at: Time,
    ledger: Ledger,
}

impl List {
    pub(super) fn of(folder: &Path) -> Result<List, WorklistError> {
        let rows = SqliteJournal::read_of::<Row>(folder)?;
        let (plan, ledger) = past(folder, &rows)?;
        Ok(List { plan, ledger, ended_at: rows.last().map(|(at, _)| *at).unwrap_or_default() })
    }

    pub(super) fn items(&self) -> Vec<WorkItem> {
        // What was taken back leaves nothing to do.
        if self.ledger.undoing {
            return Vec::new();
        }
        let mut items = Vec::new();
        for (item, id) in self.carried_out() {
            items.extend(item.work.iter().map(|work| {
                let task = task(*work);
                WorkItem {
                    key: format!("{} {} {}", task.as_str(), item.at.kind.as_str(), item.at.id),
                    task,
                    kind: item.at.kind,
                    name: item.name.clone(),
                    source: item.at.id.clone(),
                    target: Some(id.clone()),
                    text: sentence(*work, item),
                    state: WorkState::Open,
                    seen: None,
                }
            }));
        }
        items
    }

    /// What the run made or changed, and its id in the target.
    fn carried_out(&self) -> impl Iterator<Item = (&ResourceItem, String)> {
        (0..).zip(&self.plan.items).filter_map(|(place, item)| {
            let progress = self.ledger.of_item(place);
            let there = item.target.as_ref().map(|at| at.id.clone());
            let id = progress.id.or(there).filter(|_| progress.made || progress.done)?;
            Some((item, id))
        })
    }

    /// What of the target shows that it is done.
    pub(super) async fn look(
        &self,
        work: &WorkItem,
        target: &dyn Witness,
        after: Time,
    ) -> Result<Option<String>, PortError> {
        let Some(id) = &work.target else { return Ok(None) };
        let at = Address::of(work.kind, id);
        let moment = |field: &Value| field.as_str().and_then(|text| text.parse::<Time>().ok());
        Ok(match (work.task, work.kind) {
            (Task::HandOutToken, Kind::Device) => {
                let device = target.device_use(id).await?;
                let last = device.tokens.iter().filter_map(|token| token.last_used).max();
                used(last.max(device.last_input), after)
            }
            (Task::HandOutToken, Kind::ServiceAuthorization) => {
                used(target.authorization_use(id).await?, after)
            }
            (Task::MoveSerial, _) => {
                let item = self.plan.items.iter().find(|item| item.at.id == work.source);
                let serials = item.map(|item| item.serials.as_slice()).unwrap_or_default();
                has_serials(&target.device_use(id).await?, serials).filter(|_| !serials.is_empty())
            }
            (Task::EnterSecret, _) => {
                let length = target.read(&at).await?.get("value_length").and_then(Value::as_u64);
                let is_entered = length.is_some_and(|length| length != UNKNOWN_VALUE.len() as u64);
                is_entered.then(|| "it has a value of another length".to_owned())
            }
            (Task::NewPassword, _) => {
                // The password that the run made up is known to nobody.
                let login = target.read(&at).await?.get("last_login").and_then(moment);
                login.filter(|login| *login > after).map(|login| format!("they logged in on {login}"))
            }
            (Task::UploadScript, _) => {
                let entries = target.entries(&at, Part::Script).await?;
                entries.contains_key(SCRIPT).then(|| "it has a script".to_owned())
            }
            (Task::Activate, _) => {
                let is_active = target.read(&at).await?.get("active") == Some(&Value::Bool(true));
                is_active.then(|| "it is switched on".to_owned())
            }
            _ => None,
        })
    }
}

fn task(work: Work) -> Task {
    match work {
        Work::EnterSecret => Task::EnterSecret,
        Work::NewPassword => Task::NewPassword,
        Work::HandOutToken => Task::HandOutToken,
        Work::UploadScript => Task::UploadScript,
        Work::CheckScript => Task::CheckScript,
        Work::Activate => Task::Activate,
        Work::MoveSerial => Task::MoveSerial,
        Work::CheckParser => Task::CheckParser,
    }
}

fn sentence(work: Work, item: &ResourceItem) -> String {
    match work {
        Work::EnterSecret => "Enter its value: no platform shows it, so it could not be carried.".to_owned(),
        Work::NewPassword => "Send them a link to choose a password, and tell them to set up their second factor again if they had \
             one: neither could be carried."
                .to_owned(),
        Work::HandOutToken => match item.at.kind {
            Kind::Device => "Put its new token into the device and into whatever sends as it.".to_owned(),
            Kind::Network => "Make a token for it and give it to the network server.".to_owned(),
            _ => "Give its new token to whoever calls with it.".to_owned(),
        },
        Work::UploadScript => "Upload its script: the source did not have it.".to_owned(),
        Work::CheckScript => "Look through its script for ids: it was carried as it is.".to_owned(),
        Work::CheckParser => "Look through its payload parser for ids: it was carried as it is.".to_owned(),
        Work::Activate => "Switch it on when everything that it needs is in place.".to_owned(),
        Work::MoveSerial => move_serial("a token of the new device", &item.serials.join(", ")),
    }
}

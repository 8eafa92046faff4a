use std::time::Duration;

use axum::http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tago_api::{BackupId, DeviceId, ProjectId, Time};

use super::{Failure, Platform, Refusal};
use crate::loopback::{Client, ClientError};
use crate::registry::ProjectRow;

const TOKEN_NAME: &str = "Bad day";
const DELETED: usize = 5;
const EMPTIED: usize = 10;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LARGEST_DELETE: u64 = 10_000;

/// What was done to a project on purpose.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Damage {
    pub(crate) project: ProjectId,
    pub(crate) deleted_devices: Vec<DamagedDevice>,
    pub(crate) emptied_devices: Vec<DamagedDevice>,
    pub(crate) emptied_from: Time,
    pub(crate) emptied_to: Time,
    pub(crate) records_lost: u64,
    /// The backup that holds what was lost.
    pub(crate) best_backup: BackupId,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DamagedDevice {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
}

impl Platform {
    /// Deletes devices and empties a month of others, as somebody with a profile token would.
    pub(crate) fn damage(&self, row: &ProjectRow) -> Result<Damage, Refusal> {
        if self.registry.damage(row.id)?.is_some() {
            return Err(Refusal::Conflict("The bad day has come to this project already.".into()));
        }
        let best_backup = self.registry.kept_backups(row.id)?.first().map(|backup| backup.id);
        let best_backup = best_backup.ok_or_else(|| {
            Refusal::Conflict("This project has no backup to be rescued from. Make one first.".into())
        })?;
        let project = self.running(row)?;
        let address = self.address(row.id).ok_or(Failure::NotRunning(row.id))?;
        let now = self.clock.now();
        let outcome = self.wait(async {
            let token = project.mint_profile_token(TOKEN_NAME).await?;
            let mut vandal = Vandal(Client::new(address, Some(&token)));
            let damage = vandal.strike(row.id, best_backup, now).await;
            project.revoke_profile_tokens_named(TOKEN_NAME).await?;
            damage
        })?;
        self.registry.add_damage(row.id, &serde_json::to_string(&outcome)?)?;
        Ok(outcome)
    }
}

struct Vandal(Client);

#[derive(Deserialize)]
struct Envelope<T> {
    result: T,
}

impl Vandal {
    async fn strike(
        &mut self,
        project: ProjectId,
        best_backup: BackupId,
        now: Time,
    ) -> Result<Damage, Refusal> {
        let path = "/device?page=1&amount=1000&orderBy=name,asc&fields[0]=id&fields[1]=name";
        let devices: Vec<DamagedDevice> = self.ask(Method::GET, path).await?;
        let count = devices.len();
        if count < DELETED + EMPTIED {
            return Err(Refusal::Conflict(format!(
                "A bad day needs {} devices, and this project has {count}.",
                DELETED + EMPTIED
            )));
        }
        let spread = |place: usize| devices[place * count / (DELETED + EMPTIED)].clone();
        let (deleted, emptied): (Vec<_>, Vec<_>) = (0..DELETED + EMPTIED).partition(|place| place % 3 == 1);
        let deleted_devices: Vec<_> = deleted.into_iter().map(spread).collect();
        let emptied_devices: Vec<_> = emptied.into_iter().map(spread).collect();
        let (emptied_from, emptied_to) = (now - DAY * 40, now - DAY * 10);

        let mut records_lost = 0;
        for device in &emptied_devices {
            records_lost += self.empty(device.id, emptied_from, emptied_to).await?;
        }
        for device in &deleted_devices {
            records_lost +=
                self.ask::<u64>(Method::GET, &format!("/device/{}/data_amount", device.id)).await?;
            let _answer: Value = self.ask(Method::DELETE, &format!("/device/{}", device.id)).await?;
        }
        Ok(Damage {
            project,
            deleted_devices,
            emptied_devices,
            emptied_from,
            emptied_to,
            records_lost,
            best_backup,
        })
    }

    /// Deletes what a device recorded between two moments; returns how many records that were.
    async fn empty(&mut self, device: DeviceId, from: Time, to: Time) -> Result<u64, Refusal> {
        let range = format!("start_date={from}&end_date={to}");
        let count = format!("/device/{device}/data?query=count&{range}");
        let lost = self.count(&count).await?;
        let mut left = lost;
        while left > 0 {
            let delete = format!("/device/{device}/data?qty={LARGEST_DELETE}&{range}");
            let _answer: Value = self.ask(Method::DELETE, &delete).await?;
            let now_left = self.count(&count).await?;
            if now_left >= left {
                let reason = format!("{left} records of device {device} stay however often they are deleted");
                return Err(Failure::OwnRequest(reason).into());
            }
            left = now_left;
        }
        Ok(lost)
    }

    async fn count(&mut self, path: &str) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Counted {
            value: u64,
        }
        let rows: Vec<Counted> = self.ask(Method::GET, path).await?;
        Ok(rows.iter().map(|row| row.value).sum())
    }

    async fn ask<T: DeserializeOwned>(&mut self, method: Method, path: &str) -> Result<T, Failure> {
        let answer: Result<Envelope<T>, ClientError> = self.0.call(method, path, None::<&()>).await;
        answer.map(|envelope| envelope.result).map_err(|error| Failure::OwnRequest(error.to_string()))
    }
}

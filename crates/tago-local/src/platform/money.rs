use tago_api::Time;

use super::{Platform, Refusal};
use crate::prices::{Price, started_hours};
use crate::registry::{MainDatabase, ProjectRow, ProjectStatus};

/// Versions of the platform that a project can be made with, newest first.
pub(crate) const VERSIONS: [&str; 4] = ["2026-05-25", "2026-04-21", "2026-02-25", "2025-12-18"];

/// What a project has cost so far.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Meter {
    pub(crate) project: tago_api::ProjectId,
    pub(crate) since: Time,
    pub(crate) until: Option<Time>,
    pub(crate) hours_started: i64,
    pub(crate) creation_fee_micros: i64,
    pub(crate) per_hour_micros: i64,
    pub(crate) total_micros: i64,
}

impl Platform {
    /// The price of a project of `size` bytes in `region`, as the price book has it now.
    pub(crate) fn price(&self, region: &str, database: MainDatabase, size: u64) -> Result<Price, Refusal> {
        let book = self.prices.read()?;
        book.price(region, database, size).ok_or_else(|| {
            let known: Vec<_> = book.regions.keys().map(String::as_str).collect();
            Refusal::BadInput(format!("region: {region:?} is not one of {}.", known.join(", ")))
        })
    }

    /// A version that exists and is not older than `oldest`: a database does not go back.
    pub(crate) fn valid_version(&self, version: &str, oldest: Option<&str>) -> Result<String, Refusal> {
        if !VERSIONS.contains(&version) {
            return Err(Refusal::BadInput(format!(
                "version: {version:?} is not one of {}.",
                VERSIONS.join(", ")
            )));
        }
        match oldest {
            Some(oldest) if version < oldest => Err(Refusal::BadInput(format!(
                "version: this backup was made by version {oldest} and cannot be opened by the older {version}."
            ))),
            _ => Ok(version.to_owned()),
        }
    }

    /// What a project has cost until now, or until it was deleted. A restore that failed costs nothing.
    pub(crate) fn meter(&self, row: &ProjectRow) -> Result<Meter, Refusal> {
        let hours_started = started_hours(row.created_at, row.deleted_at.unwrap_or(self.clock.now()));
        let charged = i64::from(row.status != ProjectStatus::Failed);
        let total_micros = self.charges(row)?.iter().map(|charge| charge.micros).sum();
        let (creation_fee_micros, per_hour_micros) =
            (row.creation_fee_micros * charged, row.per_hour_micros * charged);
        Ok(Meter {
            project: row.id,
            since: row.created_at,
            until: row.deleted_at,
            hours_started,
            creation_fee_micros,
            per_hour_micros,
            total_micros,
        })
    }
}

use rusqlite::{OptionalExtension, params};
use tago_api::{BackupId, DeploymentId, ProjectId, QuoteId, Time};

use super::{Registry, RegistryError, optional, parsed, time};

/// A price that was offered, and what it was offered for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuoteRow {
    pub(crate) id: QuoteId,
    pub(crate) project: ProjectId,
    pub(crate) backup: BackupId,
    pub(crate) region: String,
    pub(crate) version: String,
    pub(crate) created_at: Time,
    pub(crate) expires_at: Time,
    /// Version of the price book it was made from.
    pub(crate) price_book: String,
    /// The price, as JSON.
    pub(crate) price: String,
    pub(crate) size: u64,
    /// The deployment it paid for: a quote is good for one.
    pub(crate) deployment: Option<DeploymentId>,
}

impl Registry {
    pub(crate) fn add_quote(&self, quote: &QuoteRow) -> Result<(), RegistryError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO quotes (id, project, backup, region, version, created_at, expires_at, price_book, price,
                   size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    quote.id.to_string(),
                    quote.project.to_string(),
                    quote.backup.to_string(),
                    quote.region,
                    quote.version,
                    quote.created_at.millis(),
                    quote.expires_at.millis(),
                    quote.price_book,
                    quote.price,
                    quote.size,
                ],
            )
            .map(drop)
        })
    }

    pub(crate) fn quote(&self, id: QuoteId) -> Result<Option<QuoteRow>, RegistryError> {
        self.read(|db| {
            db.query_row("SELECT * FROM quotes WHERE id = ?1", [id.to_string()], |row| {
                Ok(QuoteRow {
                    id: parsed(row, "id")?,
                    project: parsed(row, "project")?,
                    backup: parsed(row, "backup")?,
                    region: row.get("region")?,
                    version: row.get("version")?,
                    created_at: time(row, "created_at")?,
                    expires_at: time(row, "expires_at")?,
                    price_book: row.get("price_book")?,
                    price: row.get("price")?,
                    size: row.get("size")?,
                    deployment: optional(row, "deployment")?,
                })
            })
            .optional()
        })
    }
}

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::http::Method;
use tago_api::{BackupId, DeploymentId, ProjectId, QuoteId};

use super::{Failure, Platform, Refusal, valid_name};
use crate::console::quote_view;
use crate::files::{self, Copying};
use crate::holds::Point;
use crate::loopback::Client;
use crate::prices::Price;
use crate::project::{self, MAIN_DATABASE, Project, Rekeying};
use crate::registry::{
    BackupRow, BackupStatus, DeploymentKind, DeploymentRow, DeploymentStatus, Event, NotBegun, ProjectRow,
    ProjectStatus, QuoteRow,
};

const QUOTE_IS_GOOD_FOR: Duration = Duration::from_secs(10 * 60);
const PROGRESS_REPORTS: u64 = 8;

/// Puts an event on a deployment's log.
type Log<'a> = dyn Fn(Event, &str, Option<(u64, u64)>) -> Result<(), Failure> + 'a;

/// What an owner asks for who wants a new project from a backup.
pub(crate) struct RestoreOrder {
    pub(crate) source: ProjectRow,
    pub(crate) backup: BackupId,
    pub(crate) quote: QuoteId,
    pub(crate) name: String,
    /// The quote's if absent.
    pub(crate) region: Option<String>,
    /// The quote's if absent.
    pub(crate) version: Option<String>,
}

impl Platform {
    /// Offers a price for a new project from a backup. Region and version are the old project's if absent.
    pub(crate) fn quote(
        &self,
        source: &ProjectRow,
        backup: BackupId,
        region: Option<&str>,
        version: Option<&str>,
    ) -> Result<(QuoteRow, Price), Refusal> {
        let backup = self.restorable(source, backup)?;
        let region = region.unwrap_or(&source.region);
        let version = self.valid_version(version.unwrap_or(&source.version), Some(&source.version))?;
        let price_book = self.prices.read()?.version;
        let price = self.price(region, source.main_database, backup.size)?;
        let now = self.clock.now();
        let quote = QuoteRow {
            id: QuoteId::from_bytes(self.random.id_bytes(now)),
            project: source.id,
            backup: backup.id,
            region: region.to_owned(),
            version,
            created_at: now,
            expires_at: now + QUOTE_IS_GOOD_FOR,
            price_book,
            price: serde_json::to_string(&price)?,
            size: backup.size,
            deployment: None,
        };
        self.registry.add_quote(&quote)?;
        Ok((quote, price))
    }

    /// Begins to make a new project from a backup, if consent was given to the price of today.
    pub(crate) fn begin_restore(
        self: &Arc<Platform>,
        order: &RestoreOrder,
    ) -> Result<DeploymentRow, Refusal> {
        let name = valid_name(&order.name)?;
        let source = &order.source;
        let backup = self.restorable(source, order.backup)?;
        let quote = self.registry.quote(order.quote)?;
        let quote = quote.filter(|quote| (quote.project, quote.backup) == (source.id, backup.id));
        let quote = quote.ok_or_else(|| Refusal::NoQuote(order.quote.to_string()))?;
        if let Some(deployment) = quote.deployment {
            return Err(self.quote_used(Some(deployment))?);
        }
        let now = self.clock.now();
        if quote.expires_at <= now {
            return Err(Refusal::QuoteExpired { quote: quote.id, expired_at: quote.expires_at });
        }
        let region = order.region.as_ref().unwrap_or(&quote.region);
        let version = order.version.as_ref().unwrap_or(&quote.version);
        let agreed = (&quote.region, &quote.version, quote.size, quote.price_book.clone());
        // The machine of the old project may have been changed since.
        let present = serde_json::to_string(&self.price(region, source.main_database, backup.size)?)?;
        if agreed != (region, version, backup.size, self.prices.read()?.version) || quote.price != present {
            let (fresh, price) = self.quote(source, backup.id, Some(region), Some(version))?;
            return Err(Refusal::QuoteChanged { fresh: serde_json::to_value(quote_view(&fresh, price))? });
        }
        let price: Price = serde_json::from_str(&quote.price)?;
        let row = ProjectRow {
            id: ProjectId::from_bytes(self.random.id_bytes(now)),
            name,
            owner: source.owner,
            region: quote.region,
            version: quote.version,
            profile: None,
            port: None,
            status: ProjectStatus::Deploying,
            created_at: now,
            deleted_at: None,
            restored_from: Some((source.id, backup.id)),
            main_database: source.main_database,
            creation_fee_micros: price.creation_fee_micros,
            per_hour_micros: price.per_hour_micros,
        };
        let deployment = DeploymentRow {
            id: DeploymentId::from_bytes(self.random.id_bytes(now)),
            kind: DeploymentKind::Restore,
            project: row.id,
            source: Some((source.id, backup.id)),
            status: DeploymentStatus::InProgress,
            started_at: now,
            finished_at: None,
            error: None,
        };
        match self.registry.begin_restore(&row, &quote.price, &deployment, quote.id)? {
            Ok(()) => {}
            Err(NotBegun::BackupRemoved) => return Err(Refusal::NoBackup(backup.id.to_string())),
            Err(NotBegun::QuoteUsed) => {
                let quote = self.registry.quote(quote.id)?;
                return Err(self.quote_used(quote.and_then(|quote| quote.deployment))?);
            }
        }
        let (platform, begun) = (self.clone(), deployment.clone());
        let work = self.runtime.spawn_blocking(move || platform.carry_out(&begun, &row, &backup));
        let mut restores = self.restores.lock().unwrap_or_else(PoisonError::into_inner);
        restores.retain(|restore| !restore.is_finished());
        restores.push(work);
        Ok(deployment)
    }

    /// Ends restores that a crash interrupted; their directories are swept like any that belongs to nothing.
    pub(super) fn fail_interrupted_restores(&self) -> Result<(), Failure> {
        let sentence = "The platform stopped while the project was made. What there was of it has been removed, \
                        nothing else was touched, and it costs nothing. Start the restore again.";
        for deployment in self.registry.deployments_in_progress()? {
            self.registry.finish_deployment(&deployment, Err(sentence), self.clock.now())?;
        }
        Ok(())
    }

    fn restorable(&self, source: &ProjectRow, backup: BackupId) -> Result<BackupRow, Refusal> {
        let backup = self.kept_backup(source.id, backup)?;
        match backup.status {
            BackupStatus::Completed => Ok(backup),
            BackupStatus::Running => {
                Err(Refusal::Busy("This backup is being made. Wait until it is done.".into()))
            }
            BackupStatus::Failed => {
                Err(Refusal::Conflict("This backup failed and holds nothing. Choose another.".into()))
            }
        }
    }

    fn quote_used(&self, deployment: Option<DeploymentId>) -> Result<Refusal, Failure> {
        let started = deployment.map(|id| self.registry.deployment(id)).transpose()?.flatten();
        Ok(Refusal::QuoteUsed { project: started.map(|started| started.project), deployment })
    }

    fn carry_out(&self, deployment: &DeploymentRow, row: &ProjectRow, backup: &BackupRow) {
        let outcome = self.make_project(deployment, row, backup);
        let recorded = match &outcome {
            Ok(()) => self.registry.finish_deployment(
                deployment,
                Ok("The new project is ready. It costs money until it is deleted."),
                self.clock.now(),
            ),
            Err(error) => {
                let sentence = format!(
                    "The new project could not be made: {error}. What there was of it has been removed, the old \
                     project was not touched, and nothing is charged. Start the restore again."
                );
                self.registry.finish_deployment(deployment, Err(&sentence), self.clock.now())
            }
        };
        self.holds.pass(Point::RestoreRecorded);
        if outcome.is_err() {
            self.stop(row.id);
        }
        let swept = match outcome {
            Ok(()) => Ok(()),
            Err(_) => self.remove_files_of(row.id),
        };
        let swept = swept.and_then(|()| self.remove_unneeded_file(backup.project, backup.id));
        if let Err(error) = recorded.map_err(Failure::from).and(swept) {
            tracing::error!(deployment = %deployment.id, %error, "a restore could not be put on record");
        }
        self.deployments_changed.send_replace(());
    }

    fn make_project(
        &self,
        deployment: &DeploymentRow,
        row: &ProjectRow,
        backup: &BackupRow,
    ) -> Result<(), Failure> {
        let log = |event, message: &str, progress| -> Result<(), Failure> {
            self.registry.log(deployment.id, self.clock.now(), event, message, progress)?;
            self.deployments_changed.send_replace(());
            Ok(())
        };
        let taken = backup.created_at.to_utc().format("%-d %b %Y, %H:%M UTC");
        log(Event::Started, &format!("A new project from the backup of {taken}."), None)?;

        self.holds.pass(Point::RestoreBegun);
        let folder = self.project_dir(row.id);
        let unfinished = files::unfinished(&folder);
        std::fs::create_dir_all(&unfinished).map_err(Failure::file(&unfinished))?;
        let copy = unfinished.join(MAIN_DATABASE);
        let sha256 =
            self.copy_backup(&self.backup_path(backup.project, backup.id), &copy, &mut |done, total| {
                log(Event::BytesCopied, "Copying the snapshot.", Some((done, total)))
            })?;
        if backup.sha256.as_ref() != Some(&sha256) {
            return Err(Failure::Damaged { backup: backup.id });
        }
        log(Event::CheckPassed, &format!("The copy is what the manifest says: SHA-256 {sha256}."), None)?;

        self.holds.pass(Point::RestoreRekey);
        self.rekey(&unfinished, row, &log)?;

        self.holds.pass(Point::RestorePublish);
        files::publish(&folder).map_err(Failure::file(&folder))?;
        self.holds.pass(Point::RestorePublished);
        let address = self.start(Project::open(&folder, self.shared.clone())?, None)?;
        let status = self.wait(Client::new(address, None).send(Method::GET, "/info", None));
        let (status, _) = status.map_err(|error| Failure::NotAnswering {
            address: address.to_string(),
            reason: error.to_string(),
        })?;
        log(
            Event::ApiAnswering,
            &format!("http://{address} answers (with {status}: it asks for a token)."),
            None,
        )?;
        self.plan_backups(row.id)?;
        self.holds.pass(Point::RestoreAnswering);
        Ok(())
    }

    /// Copies a snapshot and syncs the copy; returns the SHA-256 of what was copied.
    fn copy_backup(
        &self,
        from: &Path,
        to: &Path,
        progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let source = File::open(from).map_err(Failure::file(from))?;
        let total = source.metadata().map_err(Failure::file(from))?.len();
        let mut copying = Copying::begin(&source, total, to).map_err(Failure::file(to))?;
        let mut reported = 0;
        while let Some(done) = copying.step().map_err(Failure::file(to))? {
            if done == total || done - reported >= total / PROGRESS_REPORTS {
                progress(done, total)?;
                reported = done;
            }
            self.holds.pass(Point::RestoreCopy);
        }
        copying.finish().map_err(Failure::file(to))
    }

    /// Makes an instance of its own out of the copy.
    fn rekey(&self, copy: &Path, row: &ProjectRow, log: &Log<'_>) -> Result<(), Failure> {
        let truths = self.truths();
        let mut rekeying = Rekeying::open(copy, project::Shared::clone(&self.shared))?;
        rekeying.become_instance(row.id, &row.name)?;
        rekeying.make_record_key()?;
        log(Event::RecordKeyMade, "Every record has a new id.", None)?;
        if !truths.restore_keeps_resource_ids {
            rekeying.renew_resource_ids()?;
        }
        if !truths.restore_keeps_tokens {
            let tokens = rekeying.reissue_tokens()?;
            let message =
                format!("{tokens} tokens have new values; names, permissions and serial numbers are kept.");
            log(Event::TokensReissued, &message, Some((tokens, tokens)))?;
        }
        if truths.automations_held {
            let actions = rekeying.hold_automations()?;
            let message = format!("{actions} actions are held until you release them.");
            log(Event::AutomationsHeld, &message, Some((actions, actions)))?;
        }
        Ok(rekeying.finish()?)
    }
}

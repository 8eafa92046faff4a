use std::collections::HashMap;
use std::time::Duration;

use tago_api::client::{self, Console};
use tago_api::{BackupId, DeploymentId, ProjectId};

use super::App;
use super::connections::checked_name;
use super::projects::names;
use crate::error::{Answer, UiError};
use crate::host::Event;
use crate::view::{
    Backup, BackupKind, BackupPage, BackupStatus, DeletedBackup, Deployment, DeploymentEvent,
    DeploymentStatus, LastRun, MainDatabase, Per, Quote, QuoteLine, RestoreStarted, RestoredAs,
    SchedulePreview, Whole,
};

/// How long one question after a deployment's news may wait for an answer.
const LONG_POLL: Duration = Duration::from_secs(20);

/// The longest time that a schedule may keep a backup, in days.
const LONGEST_RETENTION: i64 = 35;

/// What the owner entered and consented to.
pub(crate) struct NewProject {
    pub(crate) quote: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) version: String,
}

impl App {
    /// The retained backups of a project, newest first, and its schedule.
    pub async fn backups(&self, connection: &str, project: &str) -> Answer<BackupPage> {
        let console = self.console(connection).await?;
        let id = project.parse()?;
        let mut backups = console.backups(id).await?;
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.created_at));
        let schedule = console.main_database(id).await?;
        let names = names(&console.projects().await?);
        let sizes: Vec<i64> = backups.iter().map(|backup| Whole::from(backup.size).get()).collect();
        let change = |row: usize| Some(Whole::from(sizes[row] - sizes.get(row + 1)?));
        let rows = backups.into_iter().enumerate();
        Ok(BackupPage {
            backups: rows.map(|(row, backup)| backup_view(backup, change(row), &names)).collect(),
            next_run_at: schedule.next_run_at.into(),
            last_run_at: schedule.last_run.map(|run| run.at.into()),
            retention_days: schedule.retention_days.into(),
            keep_at_most: schedule.keep_at_most.into(),
        })
    }

    /// Makes a backup now.
    pub async fn back_up_now(&self, connection: &str, project: &str) -> Answer<Backup> {
        let backup = self.console(connection).await?.back_up_now(project.parse()?).await?;
        Ok(backup_view(backup, None, &HashMap::new()))
    }

    /// The schedule of the daily backup and what it did and will do.
    pub async fn main_database(&self, connection: &str, project: &str) -> Answer<MainDatabase> {
        Ok(schedule_view(self.console(connection).await?.main_database(project.parse()?).await?))
    }

    /// What a schedule would do; changes nothing.
    pub async fn preview_schedule(
        &self,
        connection: &str,
        project: &str,
        daily_time: &str,
        retention_days: Whole,
    ) -> Answer<SchedulePreview> {
        let schedule = checked_schedule(daily_time, retention_days)?;
        let preview =
            self.console(connection).await?.preview_main_database(project.parse()?, &schedule).await?;
        let deletes = preview.deletes.into_iter().map(|backup| DeletedBackup {
            id: backup.id.to_string(),
            created_at: backup.created_at.into(),
            size: backup.size.into(),
        });
        Ok(SchedulePreview {
            next_runs: preview.next_runs.into_iter().map(Into::into).collect(),
            deletes: deletes.collect(),
        })
    }

    /// Sets the schedule of the daily backup.
    pub async fn set_schedule(
        &self,
        connection: &str,
        project: &str,
        daily_time: &str,
        retention_days: Whole,
    ) -> Answer<MainDatabase> {
        let schedule = checked_schedule(daily_time, retention_days)?;
        let console = self.console(connection).await?;
        Ok(schedule_view(console.set_main_database(project.parse()?, &schedule).await?))
    }

    /// What a new project from a backup would cost; a price that consent can be given to.
    pub async fn quote(
        &self,
        connection: &str,
        project: &str,
        backup: &str,
        region: Option<String>,
        version: Option<String>,
    ) -> Answer<Quote> {
        let place = client::Place { region, version };
        let console = self.console(connection).await?;
        Ok(quote_view(console.quote(project.parse()?, backup.parse()?, &place).await?))
    }

    /// Makes a new project from a backup, at the price that was consented to.
    pub(crate) async fn restore(
        &self,
        connection: &str,
        project: &str,
        backup: &str,
        new: NewProject,
    ) -> Answer<RestoreStarted> {
        let request = client::RestoreRequest {
            quote: new.quote.parse()?,
            name: checked_name("Name", &new.name)?,
            region: Some(new.region),
            version: Some(new.version),
        };
        let console = self.console(connection).await?;
        let backup: BackupId = backup.parse()?;
        let started = console.restore(project.parse()?, backup, &request).await?;
        let started = RestoreStarted {
            project: started.project.to_string(),
            deployment: started.deployment.to_string(),
        };
        // It costs money from now on: it is remembered and followed even if the window looks away.
        let followed = match self.projects(connection).await {
            Ok(_) => self.deployment(connection, &started.project, &started.deployment).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = followed {
            tracing::warn!(error.message, "a restore is not followed");
        }
        Ok(started)
    }

    /// A deployment with its log so far; from now on the window hears of what follows.
    pub async fn deployment(&self, connection: &str, project: &str, deployment: &str) -> Answer<Deployment> {
        let console = self.console(connection).await?;
        let (project, id) = (project.parse()?, deployment.parse()?);
        let state = console.deployment(project, id, 0, Duration::ZERO).await?;
        if state.status == client::DeploymentStatus::InProgress
            && self.seen().followed.insert(deployment.to_owned())
        {
            let (app, seen) = (self.clone(), state.clone());
            tokio::spawn(async move { app.follow(console, project, id, seen).await });
        }
        let view = deployment_view(&state);
        self.remember_end(&view);
        Ok(view)
    }

    async fn follow(
        &self,
        console: Console,
        project: ProjectId,
        id: DeploymentId,
        mut state: client::Deployment,
    ) {
        while state.status == client::DeploymentStatus::InProgress {
            let after = state.log.last().map_or(0, |entry| entry.seq);
            let mut news = match console.deployment(project, id, after, LONG_POLL).await {
                Ok(news) => news,
                Err(error) => {
                    tracing::warn!(%error, "a deployment could not be followed");
                    break;
                }
            };
            let mut log = std::mem::take(&mut state.log);
            log.append(&mut news.log);
            state = client::Deployment { log, ..news };
            let view = deployment_view(&state);
            self.remember_end(&view);
            self.emit(Event::Deployment(view));
        }
        self.seen().followed.remove(&id.to_string());
    }

    fn remember_end(&self, deployment: &Deployment) {
        if deployment.status != DeploymentStatus::InProgress {
            self.state.restores.change(&deployment.project, |record| record.ended = Some(deployment.clone()));
        }
    }
}

fn checked_schedule(daily_time: &str, retention_days: Whole) -> Answer<client::Schedule> {
    let wrong_time = || {
        UiError::bad_input(
            "Daily time: write hours and minutes in UTC with two digits each, from 00:00 to 23:59, such as 04:30",
        )
    };
    let (hours, minutes) = daily_time.trim().split_once(':').ok_or_else(wrong_time)?;
    for (digits, limit) in [(hours, 24), (minutes, 60)] {
        let is_digits = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !is_digits || digits.parse::<u32>().is_ok_and(|number| number >= limit) {
            return Err(wrong_time());
        }
    }
    if !(1..=LONGEST_RETENTION).contains(&retention_days.get()) {
        return Err(UiError::bad_input(format!(
            "Retention: keep each backup for 1 to {LONGEST_RETENTION} days, in whole days"
        )));
    }
    let retention_days = u32::try_from(retention_days.get()).unwrap_or_default();
    Ok(client::Schedule { daily_time: format!("{hours}:{minutes}"), retention_days })
}

fn backup_view(backup: client::Backup, change: Option<Whole>, names: &HashMap<ProjectId, String>) -> Backup {
    let restored_as = backup.restored_as.iter().map(|id| RestoredAs {
        id: id.to_string(),
        name: names.get(id).cloned().unwrap_or_else(|| id.to_string()),
    });
    Backup {
        id: backup.id.to_string(),
        created_at: backup.created_at.into(),
        size: backup.size.into(),
        size_change: change,
        kind: match backup.kind {
            client::BackupKind::Manual => BackupKind::Manual,
            client::BackupKind::Daily | client::BackupKind::Unknown => BackupKind::Daily,
        },
        status: status_view(backup.status),
        disappears_at: backup.expires_at.map(Into::into),
        restored_as: restored_as.collect(),
        error: backup.error,
    }
}

fn status_view(status: client::BackupStatus) -> BackupStatus {
    match status {
        client::BackupStatus::Completed => BackupStatus::Completed,
        client::BackupStatus::Failed => BackupStatus::Failed,
        client::BackupStatus::Running | client::BackupStatus::Unknown => BackupStatus::Running,
    }
}

fn schedule_view(schedule: client::MainDatabase) -> MainDatabase {
    MainDatabase {
        daily_time: schedule.daily_time,
        retention_days: schedule.retention_days.into(),
        keep_at_most: schedule.keep_at_most.into(),
        next_runs: schedule.next_runs.into_iter().map(Into::into).collect(),
        last_run: schedule.last_run.map(|run| LastRun { at: run.at.into(), status: status_view(run.status) }),
    }
}

fn quote_view(quote: client::Quote) -> Quote {
    let lines = quote.lines.into_iter().map(|line| QuoteLine {
        label: line.label,
        category: line.category,
        micros: line.micros.into(),
        per: match line.per {
            client::Per::Once => Per::Once,
            client::Per::Hour => Per::Hour,
        },
    });
    Quote {
        id: quote.id.to_string(),
        backup: quote.backup.to_string(),
        region: quote.region,
        version: quote.version,
        expires_at: quote.expires_at.into(),
        currency: quote.currency,
        lines: lines.collect(),
        creation_fee: quote.creation_fee_micros.into(),
        per_hour: quote.per_hour_micros.into(),
        per_month: quote.per_month_micros.into(),
        size: quote.size.into(),
    }
}

fn deployment_view(deployment: &client::Deployment) -> Deployment {
    let log = deployment.log.iter().map(|entry| DeploymentEvent {
        seq: entry.seq.into(),
        at: entry.at.into(),
        event: event_name(entry.event).into(),
        message: entry.message.clone(),
        done: entry.done.map(Into::into),
        total: entry.total.map(Into::into),
    });
    Deployment {
        id: deployment.id.to_string(),
        project: deployment.project.to_string(),
        status: match deployment.status {
            client::DeploymentStatus::InProgress => DeploymentStatus::InProgress,
            client::DeploymentStatus::Success => DeploymentStatus::Success,
            client::DeploymentStatus::Error => DeploymentStatus::Error,
        },
        started_at: deployment.started_at.into(),
        finished_at: deployment.finished_at.map(Into::into),
        error: deployment.error.clone(),
        log: log.collect(),
    }
}

fn event_name(event: client::LogEvent) -> &'static str {
    match event {
        client::LogEvent::Started => "started",
        client::LogEvent::BytesCopied => "bytes_copied",
        client::LogEvent::CheckPassed => "check_passed",
        client::LogEvent::RecordKeyMade => "record_key_made",
        client::LogEvent::TokensReissued => "tokens_reissued",
        client::LogEvent::AutomationsHeld => "automations_held",
        client::LogEvent::ApiAnswering => "api_answering",
        client::LogEvent::Finished => "finished",
        client::LogEvent::Failed => "failed",
        client::LogEvent::Unknown => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_hours_and_minutes_and_one_to_35_days() {
        let check = |time: &str, days: i64| checked_schedule(time, days.into());
        assert_eq!(check(" 04:30 ", 7).unwrap().daily_time, "04:30");
        assert!(check("00:00", 1).is_ok() && check("23:59", 35).is_ok());
        for time in ["", "4:30", "24:00", "04:60", "04.30", "04:30:00", "-1:30", "+4:30", "٠٤:٣٠"] {
            assert!(check(time, 7).unwrap_err().message.starts_with("Daily time: "), "{time}");
        }
        for days in [0, -1, 36] {
            assert!(check("04:30", days).unwrap_err().message.starts_with("Retention: "), "{days}");
        }
    }
}

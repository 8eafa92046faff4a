use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::views::{backup_details, backup_view, backup_views, main_database as view};
use super::{Answer, Call, reply, reply_with};
use crate::platform::{DailyTime, Platform, Refusal, runs_after};
use crate::registry::{Machine, MainDatabase, Schedule};

pub(super) fn list(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&backup_views(platform, call.project()?.id)?)
}

pub(super) fn show(platform: &Arc<Platform>, call: &Call) -> Answer {
    let id = call.id("backup", Refusal::NoBackup)?;
    reply(&backup_details(platform, &platform.kept_backup(call.project()?.id, id)?)?)
}

pub(super) fn back_up_now(platform: &Arc<Platform>, call: &Call) -> Answer {
    let backup = platform.back_up_now(call.project()?)?;
    let listed = backup_views(platform, backup.project)?.into_iter().next();
    match listed {
        Some(newest) => reply_with(StatusCode::CREATED, &newest),
        None => reply_with(StatusCode::CREATED, &backup_view(platform, &backup, None)?),
    }
}

pub(super) fn main_database(platform: &Arc<Platform>, call: &Call) -> Answer {
    reply(&view(platform, call.project()?.main_database, &present_schedule(platform, call)?)?)
}

pub(super) fn change_schedule(platform: &Arc<Platform>, call: &Call) -> Answer {
    let (schedule, database) = changed(platform, call)?;
    platform.change_main_database(call.project()?, database)?;
    platform.change_schedule(&schedule)?;
    reply(&view(platform, database, &schedule)?)
}

pub(super) fn preview_schedule(platform: &Arc<Platform>, call: &Call) -> Answer {
    let (schedule, database) = changed(platform, call)?;
    let removed = platform.removed_by_next_run(&schedule)?;
    let deletes: Vec<_> = removed
        .iter()
        .map(|backup| backup_view(platform, backup, Some(schedule.next_run_at)))
        .collect::<Result<_, _>>()?;
    let price = platform.price_with(call.project()?, database)?;
    reply(&json!({
        "next_runs": runs_after(schedule.next_run_at),
        "deletes": deletes,
        "per_hour_micros": price.per_hour_micros,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleChange {
    daily_time: String,
    retention_days: i64,
    /// The present one if absent.
    machine: Option<Machine>,
    /// The present number if absent.
    readers: Option<i64>,
}

fn present_schedule(platform: &Platform, call: &Call) -> Result<Schedule, Refusal> {
    let project = call.project()?;
    match platform.registry.schedule(project.id)? {
        Some(schedule) => Ok(schedule),
        None => Err(platform.running(project).err().unwrap_or_else(|| {
            Refusal::Busy("The project is being made. Wait for its deployment to end.".into())
        })),
    }
}

fn changed(platform: &Platform, call: &Call) -> Result<(Schedule, MainDatabase), Refusal> {
    let change: ScheduleChange = call.json()?;
    let present = present_schedule(platform, call)?;
    let daily: DailyTime = change
        .daily_time
        .parse()
        .map_err(|error| Refusal::BadInput(format!("daily_time: {error}, not {:?}.", change.daily_time)))?;
    let retention_days = u16::try_from(change.retention_days).ok().filter(|days| (1..=35).contains(days));
    let retention_days = retention_days.ok_or_else(|| {
        Refusal::BadInput(format!("retention_days: a number from 1 to 35, not {}.", change.retention_days))
    })?;
    let next_run_at = if daily.minute() == present.daily_minute {
        present.next_run_at
    } else {
        daily.next_after(platform.clock.now())
    };
    let MainDatabase { machine, readers } = call.project()?.main_database;
    let database = MainDatabase {
        machine: change.machine.unwrap_or(machine),
        readers: change
            .readers
            .map(|readers| platform.valid_readers(readers))
            .transpose()?
            .unwrap_or(readers),
    };
    let schedule =
        Schedule { project: present.project, daily_minute: daily.minute(), retention_days, next_run_at };
    Ok((schedule, database))
}

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::views::{backup_details, backup_view, backup_views, main_database as view};
use super::{Answer, Call, reply, reply_with};
use crate::platform::{DailyTime, Platform, Refusal, runs_after};
use crate::registry::Schedule;

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
    reply(&view(platform, &present_schedule(platform, call)?)?)
}

pub(super) fn change_schedule(platform: &Arc<Platform>, call: &Call) -> Answer {
    let schedule = changed_schedule(platform, call)?;
    platform.change_schedule(&schedule)?;
    reply(&view(platform, &schedule)?)
}

pub(super) fn preview_schedule(platform: &Arc<Platform>, call: &Call) -> Answer {
    let schedule = changed_schedule(platform, call)?;
    let removed = platform.removed_by_next_run(&schedule)?;
    let deletes: Vec<_> = removed
        .iter()
        .map(|backup| backup_view(platform, backup, Some(schedule.next_run_at)))
        .collect::<Result<_, _>>()?;
    reply(&json!({ "next_runs": runs_after(schedule.next_run_at), "deletes": deletes }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleChange {
    daily_time: String,
    retention_days: i64,
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

fn changed_schedule(platform: &Platform, call: &Call) -> Result<Schedule, Refusal> {
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
    Ok(Schedule { project: present.project, daily_minute: daily.minute(), retention_days, next_run_at })
}

//! Profile backups: a ZIP of what the profile is made of, without the data of its devices and entities.
//!
//! They are in the blob store, so no snapshot of the project holds them. Each is made by a task of its own;
//! its status is written before the work that it names begins, and after the work that it ends.

mod archive;
mod shelf;

use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::{Days, NaiveTime, TimeZone};
use serde_json::{Value, json};
use tago_api::Time;

use super::call::{Answer, Call, Refused};
use super::credentials::Proof;
use super::list::ListQuery;
use super::rates::Plan;
use super::{Project, account, links};
use crate::files;
use crate::holds::Point;
use crate::random::hex;

pub(super) use shelf::Shelf;
use shelf::{Backup, Status};

/// Backups that a profile can have made on one day of its account.
const A_DAY: usize = 1;
/// How long the address of a download is good.
const DOWNLOAD: Duration = Duration::from_secs(2 * 60 * 60);
/// What a test names to let the work on a backup fail.
const WORK: &str = "WORK profile backup";

const LISTED: [&str; 8] =
    ["id", "profile", "file_path", "version_id", "file_size", "status", "error_message", "created_at"];

pub(super) async fn create(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    refuse_on_free_plan(&call)?;
    let project = call.project.clone();
    let (day_began, left) = today(&call).await?;
    let now = project.0.shared.clock.now();
    let backup = Backup {
        id: hex(&project.0.shared.random.id_bytes(now)),
        version_id: hex(&project.0.shared.random.bytes::<6>()),
        status: Status::Queued,
        file_size: 0,
        error_message: None,
        created_at: now,
    };
    let id = backup.id.clone();
    blocking(&call, move |project| {
        project.0.backups.change(&project.0.blobs, |backups| {
            let made = backups
                .iter()
                .filter(|made| made.status != Status::Failed && made.created_at >= day_began)
                .count();
            if made >= A_DAY {
                return Err(Refused::new(
                    StatusCode::FORBIDDEN,
                    format!(
                        "Daily backup limit reached ({A_DAY} backups per day). Please try again in {left} hours or contact support to increase your limit."
                    ),
                ));
            }
            backups.push(backup);
            Ok(())
        })
    })
    .await?;
    let profile = project.profile();
    let work = id.clone();
    let maker = project.clone();
    let made = async move {
        let made = tokio::task::spawn_blocking(move || make(&maker, &work));
        made.await.map_err(|error| Refused::internal(error.to_string()))
    };
    project.later(call.effect_after, made).await;
    // Some of the platform's own software reads the fields, some reads the result.
    let message = "Backup generation has been queued and will be processed shortly. \
                   You can check the status using the list backups endpoint.";
    Answer::with_fields(message, json!({ "message": message, "profile": profile, "backup_id": id }))
}

pub(super) async fn list(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    refuse_on_free_plan(&call)?;
    let profile = call.project.profile();
    let now = call.project.0.shared.clock.now();
    let backups = blocking(&call, move |project| {
        project.0.backups.forget_old(&project.0.blobs, now)?;
        Ok(project.0.backups.all())
    })
    .await?;
    let shown = backups.iter().filter_map(|backup| shown(backup, profile).as_object().cloned()).collect();
    let query = call.query.or("fields", &LISTED).or("orderBy", &["created_at,desc"]);
    Answer::ok(ListQuery::parse(&query, &LISTED)?.apply(shown))
}

/// An address that opens the ZIP for a while, for whoever has the password.
pub(super) async fn download(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    let backup = find(&call, "access")?;
    account::prove(&call, call.json::<Proof>()?).await?;
    if backup.status != Status::Completed {
        return Err(Refused::bad(format!(
            "Backup is not ready for download. Current status: {}",
            backup.status.word()
        )));
    }
    let target = target(&backup.id);
    let key = call.write(move |writing| Ok(links::make(writing, &target, DOWNLOAD)?)).await?;
    let (host, profile, id) = (&call.host, call.project.profile(), &backup.id);
    let link = json!({
        "url": format!("http://{host}/profile/{profile}/backup/{id}/content?key={key}"),
        "size": backup.file_size,
        "size_unit": "bytes",
        "file_size_mb": format!("{:.2}", backup.file_size as f64 / f64::from(1 << 20)),
        "expire_at": call.project.0.shared.clock.now() + DOWNLOAD,
        "backup_id": id,
        "created_at": backup.created_at,
    });
    Answer::with_fields(link.clone(), link)
}

/// The ZIP itself.
pub(super) async fn content(call: Call) -> Result<Answer, Refused> {
    let (id, key) = (call.part("backup").to_owned(), call.query.one("key").unwrap_or_default().to_owned());
    let now = call.project.0.shared.clock.now();
    let wanted = target(&id);
    if !call.read(move |db| Ok(links::opens(db, &key, &wanted, now)?)).await? {
        return Err(Refused::denied());
    }
    find(&call, "access")?;
    let bytes = blocking(&call, move |project| {
        std::fs::read(path(project, &id)).map_err(|error| archive::Failed::Write(error).into())
    });
    Ok(Answer::bytes("application/zip", bytes.await?))
}

pub(super) async fn remove(call: Call) -> Result<Answer, Refused> {
    account::check_own(&call)?;
    let id = find(&call, "delete")?.id;
    account::prove(&call, call.json::<Proof>()?).await?;
    blocking(&call, move |project| {
        project.0.backups.change(&project.0.blobs, |backups| {
            if backups.iter().any(|backup| backup.id == id && backup.is_open()) {
                return Err(Refused::bad("The backup is being made: delete it when that is over"));
            }
            backups.retain(|backup| backup.id != id);
            Ok(())
        })?;
        files::remove_file(&path(project, &id)).map_err(|error| archive::Failed::Write(error).into())
    })
    .await?;
    Answer::ok("Backup successfully removed")
}

/// Makes the ZIP of a backup that is queued.
fn make(project: &Project, id: &str) {
    let holds = &project.0.shared.holds;
    holds.pass(Point::ProfileBackupQueued);
    let outcome = set(project, id, |backup| backup.status = Status::Processing)
        .and_then(|()| Ok(archive::write(project, &path(project, id))?));
    let ended = set(project, id, |backup| match &outcome {
        Ok(size) => (backup.status, backup.file_size) = (Status::Completed, *size),
        Err(refused) => {
            (backup.status, backup.error_message) = (Status::Failed, Some(refused.to_string()));
        }
    });
    if let Err(error) = ended {
        tracing::error!(%error, backup = id, "the end of a profile backup could not be written down");
    }
    holds.pass(Point::ProfileBackupRecorded);
}

fn set(project: &Project, id: &str, work: impl Fn(&mut Backup)) -> Result<(), Refused> {
    project.0.backups.change(&project.0.blobs, |backups| {
        backups.iter_mut().filter(|backup| backup.id == id).for_each(work);
        Ok(())
    })
}

fn shown(backup: &Backup, profile: tago_api::ProfileId) -> Value {
    json!({
        "id": backup.id,
        "profile": profile,
        "file_path": format!("profile/{profile}/versioning/backup/backup-{profile}.zip"),
        "version_id": backup.version_id,
        "file_size": backup.file_size,
        "status": backup.status,
        "error_message": backup.error_message,
        "created_at": backup.created_at,
    })
}

fn find(call: &Call, verb: &str) -> Result<Backup, Refused> {
    let id = call.part("backup");
    call.project.0.backups.all().into_iter().find(|backup| backup.id == id).ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_FOUND,
            format!("Backup not found or you don't have permission to {verb} it."),
        )
    })
}

fn refuse_on_free_plan(call: &Call) -> Result<(), Refused> {
    if call.plan() == Plan::Free {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "Backup feature is not available on the free plan. Please upgrade your plan to access backup functionality.",
        ));
    }
    Ok(())
}

/// When the account's day began, and how many hours of it are left, begun ones counted.
async fn today(call: &Call) -> Result<(Time, i64), Refused> {
    let project = call.project.clone();
    let zone = call.read(move |db| account::timezone(&project, db)).await?;
    let now = call.project.0.shared.clock.now();
    let today = now.to_utc().with_timezone(&zone).date_naive();
    let starts = |date: chrono::NaiveDate| {
        // A day without a midnight begins with its first hour.
        let first = (0..24).find_map(|hour| {
            zone.from_local_datetime(&date.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?)).earliest()
        });
        first.map_or(now, |first| Time::from(first.to_utc()))
    };
    let tomorrow = today.checked_add_days(Days::new(1)).map_or(now, starts);
    let left = (tomorrow.millis() - now.millis()).max(0).unsigned_abs().div_ceil(3_600_000);
    Ok((starts(today), i64::try_from(left).unwrap_or(0)))
}

fn target(id: &str) -> String {
    format!("backup {id}")
}

fn path(project: &Project, id: &str) -> PathBuf {
    project.0.blobs.backups().join(format!("{id}.zip"))
}

async fn blocking<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&Project) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let project = call.project.clone();
    tokio::task::spawn_blocking(move || work(&project))
        .await
        .unwrap_or_else(|_| Err(Refused::internal("The platform is stopping")))
}

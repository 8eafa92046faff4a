//! A project that was damaged in every way that a run of records mends.

use std::time::Duration;

use tago_api::DeviceId;
use tago_api::client::{Backup, DeviceEdit, RecordQuery, TimeRange};

use crate::bad_day::devices;
use crate::platform::{Platform, Project};

/// Since its last backup a project has lost two devices and a month of three others, and one was renamed.
pub(crate) struct Damaged {
    pub(crate) target: Project,
    pub(crate) backup: Backup,
    pub(crate) emptied: Vec<DeviceId>,
    pub(crate) renamed: DeviceId,
    pub(crate) month: TimeRange,
}

impl Damaged {
    pub(crate) async fn of(platform: &Platform) -> Damaged {
        let target = platform.original();
        let api = target.api();
        let devices: Vec<_> = devices(&api).await.into_iter().map(|(device, _)| device).collect();
        let backup = platform.console().backups(target.id).await.unwrap().remove(0);
        for device in &devices[..2] {
            api.delete_device(*device).await.unwrap();
        }
        let month =
            TimeRange { from: backup.created_at - Duration::from_secs(30 * 86_400), to: backup.created_at };
        let emptied = devices[2..5].to_vec();
        for device in &emptied {
            assert!(api.delete_records(*device, &RecordQuery::range(month)).await.unwrap() > 0);
        }
        let renamed = devices[5];
        let edit = DeviceEdit { name: Some("Renamed by hand".into()), ..DeviceEdit::default() };
        api.edit_device(renamed, &edit).await.unwrap();
        Damaged { target, backup, emptied, renamed, month }
    }
}

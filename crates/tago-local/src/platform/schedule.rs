use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tago_api::{BackupId, Time};

use super::{Failure, Platform};
use crate::registry::Schedule;

pub(crate) const DEFAULT_RETENTION_DAYS: u16 = 7;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A computer that slept does not wake its timers in time: look at the clock at least this often.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);

/// A time of day in UTC, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DailyTime(u16);

impl DailyTime {
    pub(crate) fn from_minute(minute: u16) -> DailyTime {
        DailyTime(minute % (24 * 60))
    }

    /// Minutes after midnight.
    pub(crate) fn minute(self) -> u16 {
        self.0
    }

    /// The first such time that is later than `now`.
    pub(crate) fn next_after(self, now: Time) -> Time {
        let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        let midnight = now.millis().div_euclid(day) * day;
        let today = Time::from_millis(midnight) + Duration::from_secs(u64::from(self.0) * 60);
        if today > now { today } else { today + DAY }
    }
}

impl Default for DailyTime {
    fn default() -> DailyTime {
        DailyTime(4 * 60 + 30)
    }
}

impl fmt::Display for DailyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The text is not a time of day.
#[derive(Debug, thiserror::Error)]
#[error("a time of day is written HH:MM, from 00:00 to 23:59")]
pub(crate) struct NoTimeOfDay;

impl FromStr for DailyTime {
    type Err = NoTimeOfDay;

    fn from_str(text: &str) -> Result<DailyTime, NoTimeOfDay> {
        let digits = |part: &str| match part.as_bytes() {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
            }
            _ => None,
        };
        let (hour, minute) = text.split_once(':').ok_or(NoTimeOfDay)?;
        match (digits(hour), digits(minute)) {
            (Some(hour @ 0..24), Some(minute @ 0..60)) => Ok(DailyTime(hour * 60 + minute)),
            _ => Err(NoTimeOfDay),
        }
    }
}

/// The first three runs from `first` on.
pub(crate) fn runs_after(first: Time) -> [Time; 3] {
    [first, first + DAY, first + DAY + DAY]
}

impl Platform {
    /// Backs up at the scheduled times, until the platform is dropped or stopped.
    pub(crate) async fn keep_schedules(self: Arc<Platform>) {
        loop {
            let platform = self.clone();
            let next = tokio::task::spawn_blocking(move || platform.run_due_backups()).await;
            let pause = match next {
                Ok(Ok(Some(next))) => next.since(self.clock.now()).min(LOOK_AT_CLOCK),
                Ok(Ok(None)) => LOOK_AT_CLOCK,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the schedule could not be carried out");
                    LOOK_AT_CLOCK
                }
                Err(_) => return,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.schedules_changed.notified() => {}
            }
        }
    }

    /// Sets when a project is backed up, and how long that is kept.
    pub(crate) fn change_schedule(&self, schedule: &Schedule) -> Result<(), Failure> {
        self.registry.set_schedule(schedule)?;
        self.schedules_changed.notify_one();
        Ok(())
    }

    /// Makes the backups that are due, one for each project however many days were missed,
    /// and tells when the next one is.
    fn run_due_backups(&self) -> Result<Option<Time>, Failure> {
        let _alone = self.running_schedules.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.registry.next_schedule()? {
                Some(schedule) if schedule.next_run_at <= self.clock.now() => {
                    self.run_daily_backup(&schedule)?
                }
                next => return Ok(next.map(|schedule| schedule.next_run_at)),
            }
        }
    }

    /// Makes one daily backup. That it failed is on record; the next run is tomorrow's.
    pub(super) fn run_daily_backup(&self, schedule: &Schedule) -> Result<(), Failure> {
        let now = self.clock.now();
        let id = BackupId::from_bytes(self.random.id_bytes(now));
        let next_run_at = DailyTime::from_minute(schedule.daily_minute).next_after(now);
        self.registry.begin_daily_backup(id, schedule, next_run_at, now)?;
        let alone = self.snapshot_lock(schedule.project);
        let _alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.write_backup(schedule.project, id) {
            tracing::error!(project = %schedule.project, %error, "a daily backup failed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_is_the_next_time_the_clock_shows_it() {
        let daily: DailyTime = "04:30".parse().unwrap();
        let next = |now: &str| daily.next_after(now.parse().unwrap()).to_string();
        assert_eq!(next("2026-03-01T04:29:59.999Z"), "2026-03-01T04:30:00.000Z");
        assert_eq!(next("2026-03-01T04:30:00.000Z"), "2026-03-02T04:30:00.000Z");
        assert_eq!(next("2026-12-31T23:00:00.000Z"), "2027-01-01T04:30:00.000Z");
    }

    #[test]
    fn a_time_of_day_has_two_digits_each_and_exists() {
        for refused in ["", "4:30", "04:60", "24:00", "04.30", "0430", "+4:30", "04:3a", "-1:00"] {
            assert!(refused.parse::<DailyTime>().is_err(), "{refused}");
        }
        assert_eq!("23:59".parse::<DailyTime>().unwrap().to_string(), "23:59");
        assert_eq!(DailyTime::default().to_string(), "04:30");
    }
}

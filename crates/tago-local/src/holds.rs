use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Defines the points, each with its name and with the operation that comes to it.
macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal in $operation:ident,)*) => {
        /// A named point in the platform's work at which it can be stopped, or killed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Point { $($(#[$doc])* $point,)* }

        impl Point {
            /// Every point there is.
            pub const ALL: &'static [Point] = &[$(Point::$point,)*];

            /// Its name among the knobs.
            pub const fn name(self) -> &'static str {
                match self { $(Point::$point => $name,)* }
            }

            /// The work that comes to it.
            pub const fn operation(self) -> Operation {
                match self { $(Point::$point => Operation::$operation,)* }
            }

            /// The point of this name.
            pub fn named(name: &str) -> Option<Point> {
                Point::ALL.iter().copied().find(|point| point.name() == name)
            }
        }
    };
}

points! {
    /// The backup is entered as running, nothing is written.
    SnapshotBegun = "snapshot_begun" in Snapshot,
    /// Before the first and after each part of the copy.
    SnapshotCopy = "snapshot_copy" in Snapshot,
    /// The copy is complete, synced and checked, under its unfinished name.
    SnapshotPublish = "snapshot_publish" in Snapshot,
    /// The file has its name, the backup is still entered as running.
    SnapshotPublished = "snapshot_published" in Snapshot,
    /// The backup is listed, nothing was pruned yet.
    SnapshotRecorded = "snapshot_recorded" in Snapshot,
    /// The oldest backup is off the list, its file is still there.
    PruneRecorded = "prune_recorded" in Prune,
    /// The file of the oldest backup is gone.
    PruneRemoved = "prune_removed" in Prune,
    /// The restore is entered, nothing is written.
    RestoreBegun = "restore_begun" in Restore,
    /// After each part of the copy.
    RestoreCopy = "restore_copy" in Restore,
    /// The copy is complete and checked, and is still its original's twin.
    RestoreRekey = "restore_rekey" in Restore,
    /// The copy is an instance of its own, under its unfinished name.
    RestorePublish = "restore_publish" in Restore,
    /// The folder has its name, nothing answers yet.
    RestorePublished = "restore_published" in Restore,
    /// The new project answers, its deployment is still entered as running.
    RestoreAnswering = "restore_answering" in Restore,
    /// The deployment is over.
    RestoreRecorded = "restore_recorded" in Restore,
    /// The profile backup is listed as queued.
    ProfileBackupQueued = "profile_backup_queued" in ProfileBackup,
    /// The ZIP is complete and synced, under its unfinished name; the backup is listed as processing.
    ProfileBackupWritten = "profile_backup_written" in ProfileBackup,
    /// The ZIP has its name, the backup is still listed as processing.
    ProfileBackupPublished = "profile_backup_published" in ProfileBackup,
    /// The profile backup is listed as complete or failed.
    ProfileBackupRecorded = "profile_backup_recorded" in ProfileBackup,
    /// The project is entered as deleted, its files are still there.
    DeleteRecorded = "delete_recorded" in Delete,
}

/// Work of the platform that can be stopped in its middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A backup is made.
    Snapshot,
    /// Backups that are too many or too old are removed.
    Prune,
    /// A new project is made from a backup.
    Restore,
    /// The ZIP of a profile is made.
    ProfileBackup,
    /// A project is deleted.
    Delete,
}

/// Points at which a test parks the platform's work, to act in its middle, or kills the platform.
///
/// Nothing is held unless a test asks; only the knobs can.
#[derive(Debug, Default)]
pub struct Holds {
    points: Mutex<HashMap<Point, State>>,
    changed: Condvar,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    trap: Option<Trap>,
    parked: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trap {
    Park,
    Abort,
}

impl Holds {
    /// Blocks the calling thread as long as `point` is held; ends the process if that was asked for.
    pub fn pass(&self, point: Point) {
        let mut points = self.lock();
        match points.get(&point).and_then(|state| state.trap) {
            None => return,
            Some(Trap::Abort) => std::process::abort(),
            Some(Trap::Park) => {}
        }
        points.entry(point).or_default().parked += 1;
        self.changed.notify_all();
        while points.get(&point).is_some_and(|state| state.trap.is_some()) {
            points = self.changed.wait(points).unwrap_or_else(PoisonError::into_inner);
        }
        points.entry(point).or_default().parked -= 1;
        self.changed.notify_all();
    }

    /// From now on work that comes to `point` waits there.
    pub fn hold(&self, point: Point) {
        self.lock().entry(point).or_default().trap = Some(Trap::Park);
    }

    /// The process ends, as by `kill -9`, when work comes to `point`.
    pub fn abort_at(&self, point: Point) {
        self.lock().entry(point).or_default().trap = Some(Trap::Abort);
    }

    /// Lets the work at `point`, or at every point, go on.
    pub fn resume(&self, point: Option<Point>) {
        for (name, state) in self.lock().iter_mut() {
            if point.is_none_or(|point| point == *name) {
                state.trap = None;
            }
        }
        self.changed.notify_all();
    }

    /// Lets all work go on, and nobody wait for it any more.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.resume(None);
    }

    /// Waits until work is parked at `point`, at most `patience`; tells whether it is.
    pub fn wait_parked(&self, point: Point, patience: Duration) -> bool {
        let parked = |points: &mut HashMap<Point, State>| points.get(&point).is_some_and(|s| s.parked > 0);
        let ended = || self.ended.load(Ordering::Relaxed);
        let (mut points, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |points| !parked(points) && !ended())
            .unwrap_or_else(PoisonError::into_inner);
        parked(&mut points)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Point, State>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn work_waits_at_a_held_point_and_nowhere_else() {
        let holds = Arc::new(Holds::default());
        holds.hold(Point::RestoreCopy);
        holds.pass(Point::RestorePublish);
        let worker = std::thread::spawn({
            let holds = holds.clone();
            move || holds.pass(Point::RestoreCopy)
        });
        assert!(holds.wait_parked(Point::RestoreCopy, Duration::from_secs(10)));
        assert!(!worker.is_finished());
        holds.resume(None);
        worker.join().unwrap();
        assert!(!holds.wait_parked(Point::RestoreCopy, Duration::ZERO));
    }

    #[test]
    fn every_point_is_found_by_its_name() {
        for point in Point::ALL {
            assert_eq!(Point::named(point.name()), Some(*point));
        }
        assert_eq!(Point::named("nowhere"), None);
    }
}

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Named points at which a test can park the platform's work, to act in its middle.
///
/// Nothing is held unless a test asks; only the knobs can.
#[derive(Debug, Default)]
pub struct Holds {
    points: Mutex<HashMap<String, Point>>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Point {
    held: bool,
    parked: usize,
}

impl Holds {
    /// Blocks the calling thread as long as `point` is held.
    pub fn pass(&self, point: &str) {
        let mut points = self.lock();
        if !points.get(point).is_some_and(|point| point.held) {
            return;
        }
        points.entry(point.to_owned()).or_default().parked += 1;
        self.changed.notify_all();
        while points.get(point).is_some_and(|point| point.held) {
            points = self.changed.wait(points).unwrap_or_else(PoisonError::into_inner);
        }
        points.entry(point.to_owned()).or_default().parked -= 1;
        self.changed.notify_all();
    }

    /// From now on work that comes to `point` waits there.
    pub fn hold(&self, point: &str) {
        self.lock().entry(point.to_owned()).or_default().held = true;
    }

    /// Lets the work at `point`, or at every point, go on.
    pub fn resume(&self, point: Option<&str>) {
        for (name, state) in self.lock().iter_mut() {
            if point.is_none_or(|point| point == name) {
                state.held = false;
            }
        }
        self.changed.notify_all();
    }

    /// Waits until work is parked at `point`, at most `patience`; tells whether it is.
    pub fn wait_parked(&self, point: &str, patience: Duration) -> bool {
        let parked = |points: &mut HashMap<String, Point>| points.get(point).is_some_and(|p| p.parked > 0);
        let (mut points, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |points| !parked(points))
            .unwrap_or_else(PoisonError::into_inner);
        parked(&mut points)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Point>> {
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
        holds.hold("copy");
        holds.pass("publish");
        let worker = std::thread::spawn({
            let holds = holds.clone();
            move || holds.pass("copy")
        });
        assert!(holds.wait_parked("copy", Duration::from_secs(10)));
        assert!(!worker.is_finished());
        holds.resume(None);
        worker.join().unwrap();
        assert!(!holds.wait_parked("copy", Duration::ZERO));
    }
}

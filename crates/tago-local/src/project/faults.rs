use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tago_api::ProjectId;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Random;

/// A fault that a test asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// One project, or all.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// Method and path as in the route table, such as `POST /data` or `GET /device/{device}`; all if absent.
    #[serde(default)]
    pub route: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Strikes every n-th request that it is for.
    #[serde(default)]
    pub every: Option<u64>,
    /// Strikes that often and then no more.
    #[serde(default)]
    pub times: Option<u64>,
    /// Strikes with this probability, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Where its chances come from.
    #[serde(default)]
    pub seed: u64,
    /// For `late_commit` the latest moment after the drop, for `slow` the pause, for `late_effect` how
    /// much later; in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// For `status` and `commit_then_status`: which one; 503 if absent.
    #[serde(default)]
    pub status: Option<u16>,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It is carried out, then the connection is closed without an answer.
    CommitThenDrop,
    /// The connection is closed without an answer, and later the request is carried out.
    LateCommit,
    /// The connection is closed without an answer, and nothing is carried out.
    DropBefore,
    /// It is carried out, and the connection is closed in the middle of the answer.
    CutBody,
    /// A part of its records is carried out, then the connection is closed without an answer.
    PartialBatch,
    /// It is answered with a status and not carried out.
    Status,
    /// It is carried out, and answered with a status as if it were not.
    CommitThenStatus,
    /// It is carried out, and answered with half of the answer as if that were all.
    Unreadable,
    /// The token that it was sent with is revoked just before.
    RevokeToken,
    /// It is answered at once and takes effect later, as the removal of data does on the platform.
    LateEffect,
    /// An import is answered at once, and stores the first half of its rows and nothing of the others.
    HalfEffect,
    /// It is carried out after a pause, or when the faults end; it meets the faults that there are then.
    Slow,
    /// What it does in the database panics at its end, as a defect of this platform would.
    Panic,
}

/// Why a fault cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    /// Every zeroth request.
    #[error("every must be 1 or more")]
    Every,
    /// Not a probability.
    #[error("probability must be between 0 and 1")]
    Probability,
    /// Not a status.
    #[error("status must be between 400 and 599")]
    Status,
}

/// The faults that were asked for, in their order; the first that strikes counts.
#[derive(Debug, Default)]
pub struct Faults {
    armed: Mutex<Vec<Armed>>,
    /// How often all of them were ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    chances: Random,
    seen: u64,
    struck: u64,
}

/// A fault that strikes a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strike {
    pub(super) kind: FaultKind,
    pub(super) delay: Duration,
    pub(super) status: u16,
    /// Which part of a batch is carried out.
    pub(super) part: u64,
    /// How often all faults had been ended until then.
    ended: u64,
}

impl Faults {
    /// Adds a fault behind the others.
    ///
    /// # Errors
    /// If its numbers make no sense.
    pub fn push(&self, fault: Fault) -> Result<(), FaultError> {
        self.lock().push(Armed::new(fault)?);
        Ok(())
    }

    /// Puts these in the place of all others, in one step.
    ///
    /// # Errors
    /// If the numbers of one make no sense; then the others stay.
    pub fn replace(&self, faults: Vec<Fault>) -> Result<(), FaultError> {
        let armed = faults.into_iter().map(Armed::new).collect::<Result<_, _>>()?;
        *self.lock() = armed;
        self.ended.send_modify(|times| *times += 1);
        Ok(())
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.lock().clear();
        self.ended.send_modify(|times| *times += 1);
    }

    /// How often each fault struck, in their order.
    pub fn struck(&self) -> Vec<u64> {
        self.lock().iter().map(|armed| armed.struck).collect()
    }

    pub(super) fn strike(&self, project: ProjectId, route: &str) -> Option<Strike> {
        let mut faults = self.lock();
        let ended = *self.ended.borrow();
        faults.iter_mut().filter(|armed| armed.is_for(project, route)).find_map(|armed| armed.strike(ended))
    }

    /// Waits as long as a `slow` says. False if the faults were ended before.
    pub(super) async fn pause(&self, slow: Strike) -> bool {
        let mut ended = self.ended.subscribe();
        timeout(slow.delay, ended.wait_for(|times| *times != slow.ended)).await.is_err()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn new(fault: Fault) -> Result<Armed, FaultError> {
        if fault.every == Some(0) {
            return Err(FaultError::Every);
        }
        if fault.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err(FaultError::Probability);
        }
        if fault.status.is_some_and(|status| !(400..600).contains(&status)) {
            return Err(FaultError::Status);
        }
        let chances = Random::seeded(fault.seed);
        Ok(Armed { fault, chances, seen: 0, struck: 0 })
    }

    fn is_for(&self, project: ProjectId, route: &str) -> bool {
        self.fault.project.is_none_or(|id| id == project)
            && self.fault.route.as_deref().is_none_or(|wanted| wanted == route)
    }

    fn strike(&mut self, ended: u64) -> Option<Strike> {
        self.seen += 1;
        let fault = &self.fault;
        let strikes = fault.times.is_none_or(|times| self.struck < times)
            && fault.every.is_none_or(|every| self.seen.is_multiple_of(every))
            && fault.probability.is_none_or(|probability| self.chances.unit() < probability);
        if !strikes {
            return None;
        }
        self.struck += 1;
        let delay = match fault.kind {
            FaultKind::LateCommit => {
                Duration::from_millis(fault.delay_ms).mul_f64(0.25 + 0.75 * self.chances.unit())
            }
            _ => Duration::from_millis(fault.delay_ms),
        };
        let part = match fault.kind {
            FaultKind::PartialBatch => u64::from_be_bytes(self.chances.bytes()),
            _ => 0,
        };
        Some(Strike { kind: fault.kind, delay, status: fault.status.unwrap_or(503), part, ended })
    }
}

impl Random {
    /// A number from 0 to less than 1.
    fn unit(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.bytes())) / f64::from(u32::MAX).next_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    fn strikes(faults: &Faults, requests: usize) -> Vec<bool> {
        let project = ProjectId::from_bytes([7; 12]);
        (0..requests).map(|_| faults.strike(project, "POST /data").is_some()).collect()
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_says() {
        let faults = Faults::default();
        faults.push(fault(r#"{"route":"POST /data","kind":"drop_before","every":3,"times":2}"#)).unwrap();
        let struck = strikes(&faults, 12);
        assert_eq!(struck.iter().positions(), [2, 5]);
        assert_eq!(faults.struck(), [2]);
        assert!(faults.strike(ProjectId::from_bytes([7; 12]), "GET /data").is_none());
    }

    #[tokio::test]
    async fn what_is_slowed_waits_until_the_faults_end_and_no_longer() {
        let (faults, project) = (Faults::default(), ProjectId::from_bytes([7; 12]));
        let slow = |delay_ms: u64| {
            faults.replace(vec![fault(&format!(r#"{{"kind":"slow","delay_ms":{delay_ms}}}"#))]).unwrap();
            faults.strike(project, "POST /data").unwrap()
        };
        assert!(faults.pause(slow(1)).await, "to its end");
        // Also where they end before anybody waits.
        let strike = slow(600_000);
        faults.clear();
        assert!(!faults.pause(strike).await);
        let strike = slow(600_000);
        let (let_go, ()) = tokio::join!(faults.pause(strike), async {
            faults.replace(vec![fault(r#"{"kind":"drop_before"}"#)]).unwrap();
        });
        assert!(!let_go);
        assert_eq!(faults.strike(project, "POST /data").map(|next| next.kind), Some(FaultKind::DropBefore));
    }

    #[test]
    fn chances_follow_the_seed() {
        let run = |seed: u64| {
            let faults = Faults::default();
            let text = format!(r#"{{"kind":"commit_then_drop","probability":0.3,"seed":{seed}}}"#);
            faults.push(fault(&text)).unwrap();
            strikes(&faults, 1000)
        };
        let struck = run(1).iter().filter(|struck| **struck).count();
        assert!((230..370).contains(&struck), "{struck}");
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn faults_that_make_no_sense_are_refused() {
        let faults = Faults::default();
        for (json, error) in [
            (r#"{"kind":"slow","every":0}"#, FaultError::Every),
            (r#"{"kind":"slow","probability":1.5}"#, FaultError::Probability),
            (r#"{"kind":"status","status":200}"#, FaultError::Status),
        ] {
            assert_eq!(faults.push(fault(json)), Err(error));
        }
    }

    trait Positions<'a> {
        fn positions(self) -> Vec<usize>;
    }

    impl<'a, I: Iterator<Item = &'a bool>> Positions<'a> for I {
        fn positions(self) -> Vec<usize> {
            self.enumerate().filter(|(_, struck)| **struck).map(|(index, _)| index).collect()
        }
    }
}

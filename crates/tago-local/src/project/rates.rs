use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tago_api::{ProjectId, Time};

/// What a project's owner pays for; it decides the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The free plan.
    Free,
    /// The smaller paid plan.
    Starter,
    /// The larger paid plan.
    #[default]
    Scale,
}

/// Requests a minute that a group of routes takes, in place of the plan's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateOverride {
    /// One project, or all.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// The group's name, such as `POST /data`.
    pub route: String,
    /// Requests a minute.
    pub per_minute: u32,
}

/// Routes with the same limit by plan; each of them counts for itself.
#[derive(Debug)]
pub struct Bucket {
    /// What it is called, such as `POST /data`.
    pub name: &'static str,
    per_minute: [u32; 3],
}

impl Bucket {
    /// Requests a minute that a plan allows.
    pub fn per_minute(&self, plan: Plan) -> u32 {
        self.per_minute[plan as usize]
    }
}

macro_rules! buckets {
    ($($name:ident = $text:literal: $free:literal / $starter:literal / $scale:literal;)*) => {
        $(pub(super) const $name: &Bucket =
            &Bucket { name: $text, per_minute: [$free, $starter, $scale] };)*
        const ALL: &[&Bucket] = &[$($name),*];
    };
}

buckets! {
    DEVICE_CREATE = "POST /device": 10 / 250 / 5000;
    DEVICE_LIST = "GET /device": 50 / 100 / 500;
    DEVICE_READ = "GET /device/{device}": 100 / 1000 / 5000;
    DEVICE_CHANGE = "PUT /device/{device}": 50 / 250 / 2000;
    DEVICE_DELETE = "DELETE /device/{device}": 10 / 250 / 5000;
    DATA_READ = "GET /data": 250 / 5000 / 15000;
    DATA_SEND = "POST /data": 250 / 5000 / 15000;
    DATA_EDIT = "PUT /data": 60 / 250 / 1000;
    DATA_DELETE = "DELETE /data": 60 / 250 / 1000;
    DATA_AGGREGATE = "GET /data aggregate": 5 / 10 / 100;
    CHUNK_LIST = "GET /device/{device}/chunk": 100 / 1000 / 15000;
    ENTITY_READ = "GET /entity": 250 / 5000 / 15000;
    ENTITY_CHANGE = "POST /entity": 60 / 250 / 1000;
    ACCOUNT = "GET /account": 50 / 100 / 500;
    PROFILE = "GET /profile": 60 / 100 / 200;
    ANALYSIS_READ = "GET /analysis": 60 / 1000 / 2000;
    ANALYSIS_CHANGE = "POST /analysis": 60 / 100 / 1000;
    ACTION_CALL = "POST /action": 60 / 100 / 1000;
    DASHBOARD_READ = "GET /dashboard": 60 / 1000 / 2000;
    DASHBOARD_CHANGE = "POST /dashboard": 60 / 100 / 1000;
    WIDGET_READ = "GET /dashboard/{id}/widget": 60 / 1000 / 2000;
    WIDGET_CHANGE = "POST /dashboard/{id}/widget": 60 / 100 / 1000;
    WIDGET_UPLOAD = "POST /dashboard/{id}/widget/{widget}/upload": 1 / 10 / 30;
    ACCESS = "GET /am": 60 / 100 / 200;
    DICTIONARY = "GET /dictionary": 60 / 100 / 200;
    SERVICE_AUTHORIZATION = "GET /serviceauth": 60 / 100 / 200;
    TAGS = "GET /tags": 60 / 100 / 1000;
    SETTINGS = "GET /secrets": 60 / 100 / 200;
    FILES = "POST /files": 60 / 100 / 200;
    INTEGRATION = "GET /integration": 60 / 100 / 500;
    BACKUP_CREATE = "POST /backup": 5 / 5 / 5;
    BACKUP_LIST = "GET /backup": 50 / 50 / 100;
    BACKUP_USE = "GET /backup/:id/url": 10 / 10 / 20;
    RUN = "GET /run": 60 / 100 / 1000;
    NOTIFICATION = "GET /notification": 60 / 100 / 1000;
    INFO = "GET /info": 60 / 5000 / 10000;
}

/// Plans of the projects and what each asked in the present calendar minute.
#[derive(Debug, Default)]
pub struct Rates(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    plans: HashMap<ProjectId, Plan>,
    overrides: Vec<RateOverride>,
    asked: HashMap<(ProjectId, Arc<str>), (i64, u32)>,
}

impl Rates {
    /// The plan of a project.
    pub fn plan(&self, project: ProjectId) -> Plan {
        self.lock().plans.get(&project).copied().unwrap_or_default()
    }

    /// Sets the plan of a project.
    pub fn set_plan(&self, project: ProjectId, plan: Plan) {
        self.lock().plans.insert(project, plan);
    }

    /// Sets the requests a minute of a group of routes; tells whether there is such a group.
    pub fn set(&self, rate: RateOverride) -> bool {
        let known = ALL.iter().any(|bucket| bucket.name == rate.route);
        if known {
            self.lock().overrides.push(rate);
        }
        known
    }

    /// Back to the plan's limits.
    pub fn clear(&self) {
        self.lock().overrides.clear();
    }

    /// Counts one request to a route; if it is one too many, the seconds until the next minute.
    pub(super) fn admit(
        &self,
        project: ProjectId,
        route: &Arc<str>,
        bucket: &Bucket,
        now: Time,
    ) -> Result<(), u64> {
        let mut state = self.lock();
        let plan = state.plans.get(&project).copied().unwrap_or_default();
        let limit = state
            .overrides
            .iter()
            .rev()
            .find(|rate| rate.route == bucket.name && rate.project.is_none_or(|id| id == project))
            .map_or(bucket.per_minute(plan), |rate| rate.per_minute);
        let minute = now.millis().div_euclid(60_000);
        let asked = state.asked.entry((project, route.clone())).or_insert((minute, 0));
        if asked.0 != minute {
            *asked = (minute, 0);
        }
        if asked.1 >= limit {
            let left = 60_000 - now.millis().rem_euclid(60_000);
            return Err(left.unsigned_abs().div_ceil(1000));
        }
        asked.1 += 1;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_for_a_calendar_minute_and_for_its_project_and_route() {
        let rates = Rates::default();
        let (one, other) = (Arc::from("PUT /device/{device}"), Arc::from("POST /device/token"));
        let project = ProjectId::from_bytes([1; 12]);
        rates.set_plan(project, Plan::Free);
        let at = |text: &str| text.parse::<Time>().unwrap();
        for _ in 0..50 {
            assert_eq!(rates.admit(project, &one, DEVICE_CHANGE, at("2026-01-01T12:45:09.001Z")), Ok(()));
        }
        assert_eq!(rates.admit(project, &one, DEVICE_CHANGE, at("2026-01-01T12:45:09.001Z")), Err(51));
        assert_eq!(rates.admit(project, &one, DEVICE_CHANGE, at("2026-01-01T12:45:59.999Z")), Err(1));
        assert_eq!(rates.admit(project, &other, DEVICE_CHANGE, at("2026-01-01T12:45:59.999Z")), Ok(()));
        assert_eq!(
            rates.admit(ProjectId::from_bytes([2; 12]), &one, DEVICE_CHANGE, at("2026-01-01T12:45:59.999Z")),
            Ok(())
        );
        assert_eq!(rates.admit(project, &one, DEVICE_CHANGE, at("2026-01-01T12:46:00.000Z")), Ok(()));
    }
}

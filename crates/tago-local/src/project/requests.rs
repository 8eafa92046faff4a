use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tago_api::{ProjectId, Time};

/// The latest requests to projects, so that a test can see what a client asked.
#[derive(Debug, Default)]
pub struct Requests(Mutex<VecDeque<Asked>>);

#[derive(Debug)]
struct Asked {
    at: Time,
    project: ProjectId,
    route: Arc<str>,
}

const REMEMBERED: usize = 100_000;

impl Requests {
    /// How often each route of a project, or of all, was asked since a moment.
    pub fn counts_since(&self, since: Time, project: Option<ProjectId>) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for asked in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if asked.at >= since && project.is_none_or(|project| project == asked.project) {
                *counts.entry(asked.route.to_string()).or_default() += 1;
            }
        }
        counts
    }

    pub(super) fn add(&self, at: Time, project: ProjectId, route: Arc<str>) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() == REMEMBERED {
            asked.pop_front();
        }
        asked.push_back(Asked { at, project, route });
    }
}

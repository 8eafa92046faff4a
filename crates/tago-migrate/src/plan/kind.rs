use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::PlanError;
use crate::folder;
use crate::ports::Identity;

/// What a plan is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanKind {
    /// Devices and their data.
    Data,
    /// Everything that a project holds beside records.
    Resources,
}

impl PlanKind {
    /// What the plan of this file, or of this run folder, is about: its first line says so.
    ///
    /// # Errors
    /// [`PlanError::Read`], and [`PlanError::Damaged`] if it is the beginning of neither.
    pub fn of(path: &Path) -> Result<PlanKind, PlanError> {
        let first = first_line(path)?;
        if first.starts_with("{\"holdfast_plan\"") {
            Ok(PlanKind::Data)
        } else if first.starts_with("{\"holdfast_resource_plan\"") {
            Ok(PlanKind::Resources)
        } else {
            Err(PlanError::Damaged { line: 1, detail: "it is not the beginning of a plan".to_owned() })
        }
    }
}

/// The two projects of a plan, as they were when it was made.
#[derive(Debug, Deserialize)]
pub struct PlannedFor {
    /// The one it reads from.
    pub source: Identity,
    /// The one it writes to.
    pub target: Identity,
}

impl PlannedFor {
    /// Those of the plan of this file, or of this run folder. No seal is checked.
    ///
    /// # Errors
    /// [`PlanError::Read`], and [`PlanError::Damaged`] if its first line does not name them.
    pub fn of(path: &Path) -> Result<PlannedFor, PlanError> {
        #[derive(Deserialize)]
        struct HeaderLine {
            #[serde(alias = "holdfast_resource_plan")]
            holdfast_plan: PlannedFor,
        }
        let line: HeaderLine = serde_json::from_str(&first_line(path)?)
            .map_err(|error| PlanError::Damaged { line: 1, detail: error.to_string() })?;
        Ok(line.holdfast_plan)
    }
}

fn first_line(path: &Path) -> Result<String, PlanError> {
    let file = if path.is_dir() { path.join(folder::PLAN) } else { path.to_owned() };
    let mut first = String::new();
    File::open(&file)
        .and_then(|file| BufReader::new(file).read_line(&mut first))
        .map_err(|source| PlanError::Read { path: file, source })?;
    Ok(first)
}

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::PlanError;
use crate::folder;

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
        let file = if path.is_dir() { path.join(folder::PLAN) } else { path.to_owned() };
        let mut first = String::new();
        File::open(&file)
            .and_then(|file| BufReader::new(file).read_line(&mut first))
            .map_err(|source| PlanError::Read { path: file, source })?;
        if first.starts_with("{\"holdfast_plan\"") {
            Ok(PlanKind::Data)
        } else if first.starts_with("{\"holdfast_resource_plan\"") {
            Ok(PlanKind::Resources)
        } else {
            Err(PlanError::Damaged { line: 1, detail: "it is not the beginning of a plan".to_owned() })
        }
    }
}

//! The plan as a file, as a plan for devices and their data is one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FORMAT, ResourceHeader, ResourcePlan};
use crate::plan::{PlanError, Seal, file};

#[derive(Serialize, Deserialize)]
struct HeaderLine<H> {
    holdfast_resource_plan: H,
}

impl ResourcePlan {
    /// The SHA-256 of the file that [`write`](ResourcePlan::write) writes: approval is given to this.
    pub fn fingerprint(&self) -> Seal {
        file::fingerprint(&HeaderLine { holdfast_resource_plan: &self.header }, &self.items)
    }

    /// Writes the file under a temporary name, syncs it and gives it its name.
    ///
    /// # Errors
    /// [`PlanError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), PlanError> {
        file::write(path, &HeaderLine { holdfast_resource_plan: &self.header }, &self.items)
    }

    /// Reads a file and checks every seal.
    ///
    /// # Errors
    /// [`PlanError::Read`], [`PlanError::Damaged`].
    pub fn read(path: &Path) -> Result<ResourcePlan, PlanError> {
        let is_known = |line: &HeaderLine<ResourceHeader>| line.holdfast_resource_plan.version == FORMAT;
        let (HeaderLine { holdfast_resource_plan: header }, items) = file::read(path, is_known)?;
        Ok(ResourcePlan { header, items })
    }
}

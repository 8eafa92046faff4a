use tago_api::{DeploymentId, ProjectId};

use super::{Platform, Refusal};
use crate::prices::Price;
use crate::registry::{
    DeploymentKind, DeploymentRow, DeploymentStatus, Event, MainDatabase, ProjectRow, ProjectStatus,
};

/// Instances that only read, at most.
const MOST_READERS: i64 = 5;

impl Platform {
    /// A number of readers that a main database can have.
    pub(crate) fn valid_readers(&self, readers: i64) -> Result<u8, Refusal> {
        u8::try_from(readers).ok().filter(|_| (0..=MOST_READERS).contains(&readers)).ok_or_else(|| {
            Refusal::BadInput(format!("readers: a number from 0 to {MOST_READERS}, not {readers}."))
        })
    }

    /// What a project would cost with another main database.
    pub(crate) fn price_with(&self, row: &ProjectRow, wanted: MainDatabase) -> Result<Price, Refusal> {
        let size = match self.project(row.id) {
            Ok(project) => project.size_on_disk()?,
            Err(_) => 0,
        };
        self.price(&row.region, wanted, size)
    }

    /// Gives a main database another machine or other readers: a deployment, and another price from now on.
    pub(crate) fn change_main_database(&self, row: &ProjectRow, wanted: MainDatabase) -> Result<(), Refusal> {
        if wanted == row.main_database {
            return Ok(());
        }
        if row.status == ProjectStatus::Deploying {
            return Err(Refusal::Busy("The project is being made. Wait for its deployment to end.".into()));
        }
        let price = self.price_with(row, wanted)?;
        let deployment = self.finished_deployment(row.id, DeploymentKind::Settings);
        let spelled = |MainDatabase { machine, readers }: MainDatabase| {
            format!("{} vCPU, {} GB and {readers} more for reading", machine.cpus(), machine.memory_gb())
        };
        let sentences = [
            (Event::Started, "The settings of the main database change.".to_owned()),
            (Event::SettingsChanged, format!("{}, before: {}.", spelled(wanted), spelled(row.main_database))),
            (Event::Finished, "From now on the project costs what these settings cost.".to_owned()),
        ];
        let json = serde_json::to_string(&price)?;
        let price = (json.as_str(), price.per_hour_micros);
        Ok(self.registry.change_main_database(row.id, wanted, price, &deployment, &sentences)?)
    }

    /// A deployment that is over as soon as it is entered.
    pub(super) fn finished_deployment(&self, project: ProjectId, kind: DeploymentKind) -> DeploymentRow {
        let now = self.clock.now();
        DeploymentRow {
            id: DeploymentId::from_bytes(self.random.id_bytes(now)),
            kind,
            project,
            source: None,
            status: DeploymentStatus::Success,
            started_at: now,
            finished_at: Some(now),
            error: None,
        }
    }
}

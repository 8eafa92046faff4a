use std::collections::HashMap;

use tago_api::ProjectId;
use tago_api::client;

use super::App;
use super::sessions::PRACTICE;
use crate::error::{Answer, ErrorCode, UiError};
use crate::migration::now;
use crate::restores::{self, Deleted};
use crate::view::{Catalogue, Meter, Project, ProjectStatus, Region, Restore, RestoredFrom, Role, Side};

impl App {
    /// The projects of a connection.
    pub async fn projects(&self, connection: &str) -> Answer<Vec<Project>> {
        let found = if connection == PRACTICE {
            self.practice_projects().await
        } else {
            self.profile_as_project(connection).await
        };
        match &found {
            Ok(projects) => {
                drop(self.seen().states.remove(connection));
                projects.iter().for_each(|project| self.state.restores.saw(project));
            }
            Err(error) => self.saw(connection, error),
        }
        found
    }

    /// Deletes a project for good, if its name was typed as it is.
    pub async fn delete_project(&self, connection: &str, project: &str, typed_name: &str) -> Answer<()> {
        let console = self.console(connection).await?;
        let id = project.parse()?;
        let name = console.project(id).await?.name;
        if typed_name != name {
            return Err(UiError::bad_input(format!(
                "Name: type the project's name as it is, “{name}”; nothing was deleted"
            )));
        }
        let before = self.meter(connection, project).await.ok();
        console.delete_project(id, typed_name).await?;
        // Where the console still tells what a deleted project has cost, that is the whole of it.
        let last = self.meter(connection, project).await.ok().or(before);
        self.state.restores.change(project, |record| record.deleted = Some(Deleted::now(now(), last)));
        let key = (connection.to_owned(), project.to_owned());
        self.seen().data_planes.remove(&key);
        Ok(())
    }

    /// Every project that was made from a backup, also those that are gone, the newest first.
    pub async fn restores(&self) -> Answer<Vec<Restore>> {
        for record in self.state.restores.all() {
            if let (None, None, Some(deployment)) = (&record.ended, &record.deleted, &record.deployment) {
                // What cannot be asked now is asked the next time.
                let _ = self.deployment(&record.connection, &record.project, deployment).await;
            }
        }
        Ok(self.state.restores.all().into_iter().map(restores::view).collect())
    }

    /// Where a new project can be, and in which versions of the platform.
    pub async fn catalogue(&self, connection: &str) -> Answer<Catalogue> {
        let catalogue = self.console(connection).await?.catalogue().await?;
        let regions = catalogue.regions.into_iter().map(|region| Region { id: region.id, name: region.name });
        Ok(Catalogue { regions: regions.collect(), versions: catalogue.versions })
    }

    /// What a project has cost so far.
    pub async fn meter(&self, connection: &str, project: &str) -> Answer<Meter> {
        let meter = self.console(connection).await?.meter(project.parse()?).await?;
        Ok(Meter {
            project: meter.project.to_string(),
            since: meter.since.into(),
            until: meter.until.map(Into::into),
            hours_started: meter.hours_started.into(),
            creation_fee: meter.creation_fee_micros.into(),
            per_hour: meter.per_hour_micros.into(),
            total: meter.total_micros.into(),
        })
    }

    /// What a side is called.
    pub(crate) async fn project_name(&self, side: &Side) -> Answer<String> {
        let projects = self.projects(&side.connection).await?;
        projects
            .into_iter()
            .find(|project| project.id == side.project)
            .map(|project| project.name)
            .ok_or_else(|| {
                UiError::new(ErrorCode::NotFound, "This project is gone")
                    .hint("Reload the list of projects and choose again.")
            })
    }

    async fn practice_projects(&self) -> Answer<Vec<Project>> {
        let projects = self.console(PRACTICE).await?.projects().await?;
        Ok(projects.into_iter().map(view).collect())
    }

    /// A profile's connection opens one project: the profile.
    async fn profile_as_project(&self, connection: &str) -> Answer<Vec<Project>> {
        let stored = self.stored(connection)?;
        let side = Side { connection: stored.id.clone(), project: stored.profile.clone() };
        let profile = self.data_plane(&side).await?.profile().await?;
        Ok(vec![Project {
            connection: stored.id,
            id: stored.profile,
            name: profile.name,
            role: Role::Owner,
            region: String::new(),
            version: String::new(),
            api: stored.address,
            status: ProjectStatus::Active,
            created_at: profile.created_at.unwrap_or_default().into(),
            size: 0_u64.into(),
            restored_from: None,
            deployment: None,
        }])
    }
}

pub(super) fn names(projects: &[client::Project]) -> HashMap<ProjectId, String> {
    projects.iter().map(|project| (project.id, project.name.clone())).collect()
}

fn view(project: client::Project) -> Project {
    Project {
        connection: PRACTICE.into(),
        id: project.id.to_string(),
        name: project.name,
        role: match project.role {
            client::Role::Owner => Role::Owner,
            client::Role::Admin => Role::Admin,
            client::Role::Contractor => Role::Contractor,
        },
        region: project.region,
        version: project.version,
        api: project.api.unwrap_or_default(),
        status: match project.status {
            client::ProjectStatus::Active => ProjectStatus::Active,
            client::ProjectStatus::Failed => ProjectStatus::Failed,
            client::ProjectStatus::Deploying | client::ProjectStatus::Unknown => ProjectStatus::Deploying,
        },
        created_at: project.created_at.into(),
        size: project.size.into(),
        restored_from: project.restored_from.map(|from| RestoredFrom {
            project: from.project.to_string(),
            project_name: from.project_name.unwrap_or_else(|| "a deleted project".into()),
            backup: from.backup.to_string(),
            backup_created_at: from.backup_created_at.map(Into::into),
        }),
        deployment: project.deployment.map(|deployment| deployment.to_string()),
    }
}

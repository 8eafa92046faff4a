use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::address::{Address, Credential};
use super::error::ApiError;
use super::transport::{Call, Settings, Transport};
use crate::{AccountId, BackupId, DeploymentId, ProjectId, QuoteId};

mod model;

pub use model::*;

/// The control plane: projects, their backups, prices and people.
#[derive(Clone)]
pub struct Console {
    transport: Transport,
}

impl Console {
    /// A client for this address with the credential that was stored for it.
    ///
    /// # Errors
    /// [`ApiError::OtherAddress`] if the credential is another address's.
    pub fn new(address: &Address, credential: Credential, settings: Settings) -> Result<Console, ApiError> {
        Ok(Console { transport: Transport::new(address, credential, settings)? })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        self.transport.address()
    }
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty = $route:literal $([$($with:ident),*])? $({$body:ident})?;)*) => {
        impl Console {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`ApiError`]; an owner's call made by another member is refused with 403 and the reason.
            pub async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, ApiError> {
                let call = Call::new($route) $($(.with($with))*)?;
                $(let call = call.json($body)?;)?
                self.transport.document(call).await
            }
        )*}
    };
}

calls! {
    /// Who the token belongs to.
    account() -> Account = "GET /api/account";
    /// Where a project can be, and in which versions of the platform.
    catalogue() -> Catalogue = "GET /api/catalogue";
    /// The projects that the account owns or works in.
    projects() -> Vec<Project> = "GET /api/projects";
    /// Makes an empty project, which costs its fee and its hours.
    create_project(project: &NewProject) -> Project = "POST /api/projects" {project};
    /// One project.
    project(project: ProjectId) -> Project = "GET /api/projects/{project}" [project];
    /// The services of a project, as published.
    services(project: ProjectId) -> Vec<Service> = "GET /api/projects/{project}/services" [project];
    /// The schedule of the daily backup, and what it did and will do.
    main_database(project: ProjectId) -> MainDatabase = "GET /api/projects/{project}/main-database" [project];
    /// Sets the schedule.
    set_main_database(project: ProjectId, schedule: &Schedule) -> MainDatabase
        = "PUT /api/projects/{project}/main-database" [project] {schedule};
    /// What a schedule would do; changes nothing.
    preview_main_database(project: ProjectId, schedule: &Schedule) -> SchedulePreview
        = "POST /api/projects/{project}/main-database/preview" [project] {schedule};
    /// The retained backups, newest first.
    backups(project: ProjectId) -> Vec<Backup> = "GET /api/projects/{project}/backups" [project];
    /// Makes a backup now; it is complete when this returns.
    back_up_now(project: ProjectId) -> Backup = "POST /api/projects/{project}/backups" [project];
    /// One backup with its manifest.
    backup(project: ProjectId, backup: BackupId) -> BackupDetail
        = "GET /api/projects/{project}/backups/{backup}" [project, backup];
    /// What a project made from this backup would cost.
    quote(project: ProjectId, backup: BackupId, place: &Place) -> Quote
        = "POST /api/projects/{project}/backups/{backup}/quote" [project, backup] {place};
    /// Makes a new project from a backup, at the price that was consented to.
    restore(project: ProjectId, backup: BackupId, request: &RestoreRequest) -> RestoreStarted
        = "POST /api/projects/{project}/backups/{backup}/restore" [project, backup] {request};
    /// What a project has cost so far.
    meter(project: ProjectId) -> Meter = "GET /api/projects/{project}/meter" [project];
    /// Whether the actions of a restored project are held.
    automations(project: ProjectId) -> Automations = "GET /api/projects/{project}/automations" [project];
    /// Lets the actions of a restored project run.
    release_automations(project: ProjectId) -> Automations
        = "POST /api/projects/{project}/automations/release" [project];
    /// The damage that was done to practice projects on purpose.
    damages() -> Vec<BadDay> = "GET /api/practice/bad-day";
    /// The people of a project.
    collaborators(project: ProjectId) -> Vec<Collaborator> = "GET /api/projects/{project}/collaborators" [project];
}

impl Console {
    /// Deletes a project for good; its meter stops. The name must be the project's own.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_project(&self, project: ProjectId, name: &str) -> Result<(), ApiError> {
        let call = Call::new("DELETE /api/projects/{project}").with(project).json(&Named { name })?;
        self.done(call).await
    }

    /// Makes a token that opens the data plane of a project; it is shown this once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn access(&self, project: ProjectId, name: &str) -> Result<Access, ApiError> {
        let call = Call::new("POST /api/projects/{project}/access").with(project).json(&Named { name })?;
        self.transport.document(call).await
    }

    /// Invites somebody by the e-mail address of their account.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn invite(&self, project: ProjectId, email: &str, role: Role) -> Result<(), ApiError> {
        let call = Call::new("POST /api/projects/{project}/collaborators").with(project);
        self.done(call.json(&Invitation { email, role })?).await
    }

    /// Takes somebody out of a project.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn remove_collaborator(&self, project: ProjectId, account: AccountId) -> Result<(), ApiError> {
        let call = Call::new("DELETE /api/projects/{project}/collaborators/{account}");
        self.done(call.with(project).with(account)).await
    }

    /// A deployment with the log entries after `seq`; waits up to `wait` (at most
    /// twenty seconds) while there is neither a new entry nor an end.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn deployment(
        &self,
        project: ProjectId,
        deployment: DeploymentId,
        after: u64,
        wait: Duration,
    ) -> Result<Deployment, ApiError> {
        let call =
            Call::new("GET /api/projects/{project}/deployments/{deployment}").with(project).with(deployment);
        self.transport.document(call.query("after", after).query("wait_ms", wait.as_millis())).await
    }

    /// Follows a deployment to its end. `watch` sees each answer, whose log holds only what is new to it.
    ///
    /// # Errors
    /// See [`ApiError`]. A deployment that fails is not an error here: its status says so.
    pub async fn wait_deployment(
        &self,
        project: ProjectId,
        deployment: DeploymentId,
        mut watch: impl FnMut(&Deployment),
    ) -> Result<Deployment, ApiError> {
        let mut after = 0;
        loop {
            let state = self.deployment(project, deployment, after, LONG_POLL).await?;
            after = state.log.iter().map(|entry| entry.seq).fold(after, u64::max);
            watch(&state);
            if state.status != DeploymentStatus::InProgress {
                return Ok(state);
            }
        }
    }

    /// Damages a practice project on purpose, through its own public API.
    ///
    /// # Errors
    /// Refused with 409 when it is damaged already, and with 404 where there is nothing to practise on.
    pub async fn bad_day(&self, project: ProjectId) -> Result<BadDay, ApiError> {
        self.transport.document(Call::new("POST /api/practice/bad-day").json(&OfProject { project })?).await
    }

    async fn done(&self, call: Call) -> Result<(), ApiError> {
        self.transport.document::<serde::de::IgnoredAny>(call).await.map(drop)
    }
}

const LONG_POLL: Duration = Duration::from_secs(20);

impl ApiError {
    /// The price that holds now, where a restore was refused with `QUOTE_CHANGED`.
    pub fn changed_quote(&self) -> Option<Quote> {
        let refusal = self.refusal().filter(|refusal| refusal.code.as_deref() == Some("QUOTE_CHANGED"))?;
        let details: QuoteDetails =
            serde_json::from_str(refusal.details.as_deref().map(RawValue::get)?).ok()?;
        Some(details.quote)
    }
}

/// The consent to one price, and what to make for it.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreRequest {
    /// The price that was consented to.
    pub quote: QuoteId,
    /// 1 to 100 characters.
    pub name: String,
    /// Where; the quote's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Which version of the platform; the quote's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Where a new project would be, and in which version; the old project's own when absent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Place {
    /// Name of a region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Version of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// An empty project to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewProject {
    /// 1 to 100 characters.
    pub name: String,
    /// Where; the first of the catalogue when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Which version of the platform; the newest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// When the daily backup is made, and how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// `HH:MM` in UTC.
    pub daily_time: String,
    /// Days.
    pub retention_days: u32,
}

/// A token for the data plane of a project.
#[derive(Debug, Clone, Deserialize)]
pub struct Access {
    /// Address of the data plane.
    pub api: String,
    /// The profile that it opens.
    pub profile: crate::ProfileId,
    /// Shown once.
    pub token: SecretString,
    /// The token's name.
    pub name: String,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Invitation<'a> {
    email: &'a str,
    role: Role,
}

#[derive(Serialize)]
struct OfProject {
    project: ProjectId,
}

#[derive(Deserialize)]
struct QuoteDetails {
    quote: Quote,
}

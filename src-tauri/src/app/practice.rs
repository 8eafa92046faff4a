use tago_api::client;

use super::App;
use super::sessions::PRACTICE;
use crate::error::{Answer, ErrorCode, UiError};
use crate::host::Event;
use crate::practice::Platform;
use crate::view::{BadDay, Connection, Role};

impl App {
    /// Starts the practice platform, or finds the one that runs.
    pub async fn start_practice(&self) -> Answer<Connection> {
        let mut practice = self.state.practice.lock().await;
        if practice.as_ref().is_none_or(|platform| !platform.is_running()) {
            self.forget_practice_sessions();
            self.seen().practice_starting = true;
            self.emit(Event::Connections);
            let started = Platform::start(&self.state.practice_origin).await;
            self.seen().practice_starting = false;
            *practice = match started {
                Ok(platform) => {
                    self.watch(platform.ended());
                    Some(platform)
                }
                Err(error) => {
                    let error = UiError::from(error);
                    self.practice_failed(&error);
                    return Err(error);
                }
            };
        }
        drop(practice);
        self.change_settings(|settings| settings.practice_started = true)?;
        self.enter_practice().await
    }

    /// Looks at the practice platform as its owner or as a collaborator.
    pub async fn practice_as(&self, role: Role) -> Answer<Connection> {
        if role == Role::Contractor {
            return Err(UiError::bad_input(
                "Role: the practice platform has an owner and an admin to look as",
            ));
        }
        self.forget_practice_sessions();
        self.seen().practice_role = role;
        self.enter_practice().await
    }

    /// Damages a practice project on purpose.
    pub async fn start_bad_day(&self, project: &str) -> Answer<BadDay> {
        let console = self.console(PRACTICE).await?;
        let id = project.parse()?;
        let name = console.project(id).await?.name;
        let damage = console.bad_day(id).await?;
        self.emit(Event::BadDay);
        Ok(told(damage, name))
    }

    /// The damage that was done, if any.
    pub async fn bad_day(&self) -> Answer<Option<BadDay>> {
        if self.state.practice.lock().await.is_none() {
            return Ok(None);
        }
        let console = self.console(PRACTICE).await?;
        let Some(damage) = console.damages().await?.pop() else { return Ok(None) };
        let name = console.project(damage.project).await?.name;
        Ok(Some(told(damage, name)))
    }

    /// Tells the window when the platform has ended.
    fn watch(&self, ended: impl Future<Output = ()> + Send + 'static) {
        let app = self.clone();
        tokio::spawn(async move {
            ended.await;
            app.emit(Event::Connections);
        });
    }

    async fn enter_practice(&self) -> Answer<Connection> {
        let console = self.console(PRACTICE).await?;
        let account = console.account().await?;
        {
            let mut seen = self.seen();
            seen.practice_address = console.address().origin();
            seen.practice_account = Some(account.name);
        }
        self.emit(Event::Connections);
        self.practice_connection().await.ok_or_else(|| {
            UiError::new(ErrorCode::PracticeFailed, "the practice platform ended right after its start")
                .retryable()
        })
    }

    fn practice_failed(&self, error: &UiError) {
        tracing::warn!(error.message, "the practice platform did not start");
        self.emit(Event::Connections);
    }

    fn forget_practice_sessions(&self) {
        self.seen().data_planes.retain(|(connection, _), _| connection != PRACTICE);
    }
}

fn told(damage: client::BadDay, project_name: String) -> BadDay {
    let names = |devices: Vec<client::Damaged>| devices.into_iter().map(|device| device.name).collect();
    BadDay {
        project: damage.project.to_string(),
        project_name,
        deleted_devices: names(damage.deleted_devices),
        emptied_devices: names(damage.emptied_devices),
        emptied_from: damage.emptied_from.into(),
        emptied_to: damage.emptied_to.into(),
        records_lost: damage.records_lost.into(),
        best_backup: damage.best_backup.map(|backup| backup.to_string()),
    }
}

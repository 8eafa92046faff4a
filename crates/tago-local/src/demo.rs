//! The demo: a cold-chain company whose project was filled through its own API while days passed.

mod company;
mod readings;
mod views;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use tago_api::{DeviceId, Time};
use thiserror::Error;

use crate::clock::{Clock, SimulatedClock, SystemClock};
use crate::files;
use crate::loopback::{Client, ClientError, Loopback};
use crate::random::Random;
use crate::serve::{ClockError, Options, ServeError, TimeSource, serve};
use company::DeviceProfile;
use readings::Logger;
use views::Registered;

/// How many records the demo has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// More than 200,000.
    Full,
    /// About a fifteenth, of the same shape.
    Small,
}

/// Why the demo could not be made.
#[derive(Debug, Error)]
pub enum DemoError {
    /// Its directory cannot be used.
    #[error("the directory cannot be used: {0}")]
    Directory(#[from] std::io::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(#[from] rand::rngs::SysError),
    /// The platform does not start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A request to the platform's own API failed.
    #[error(transparent)]
    Request(#[from] ClientError),
    /// The clock could not be moved on.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A recording cannot be written as JSON.
    #[error("a recording is not JSON: {0}")]
    Recording(#[from] serde_json::Error),
    /// The platform names an address that is none.
    #[error("{0:?} is not an address on this computer")]
    Address(String),
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HISTORY_DAYS: u32 = 120;
/// Days that pass while the platform runs: each leaves a backup.
const DAYS_LIVED: u32 = 12;
/// The backup after which the new site brings its data.
const NEW_SITE_AFTER: usize = 6;
const NEW_SITE_HISTORY_DAYS: u32 = 60;

/// There while the demo is being made; what a crash left of it is made again.
const MARKER: &str = "demo.unfinished";

/// Fills the directory `data` with the demo, unless a platform lives there already.
///
/// The content comes from a fixed seed and ends at the present moment.
///
/// # Errors
/// If the directory cannot be used or the platform refuses something.
pub async fn fill(data: &Path, scale: Scale) -> Result<(), DemoError> {
    files::create_private_dir(data)?;
    let marker = data.join(MARKER);
    if marker.try_exists()? {
        remove_half_made(data)?;
    } else if data.join("registry.sqlite").try_exists()? {
        return Ok(());
    }
    files::write_durably(&marker, b"")?;

    let now = SystemClock.now();
    let start = now - DAY * DAYS_LIVED;
    let clock = Arc::new(SimulatedClock::at(start));
    let running = serve(Options {
        data: data.to_owned(),
        port: None,
        time: TimeSource::Simulated(clock.clone()),
        random: Arc::new(Random::from_os()?),
        listeners: Arc::new(Loopback),
        knobs: false,
    })
    .await?;
    let mut demo = Demo::found(&running.ready().console, &running.ready().owner.token, scale).await?;
    demo.invite(&running.ready().collaborator.email, &running.ready().collaborator.token).await?;
    let (old_sites, new_site) = company::devices();
    demo.install(old_sites, start - DAY * (HISTORY_DAYS - DAYS_LIVED)).await?;
    demo.send_until(start).await?;
    demo.equip().await?;

    let mut new_site = Some(new_site);
    for (day, backup) in daily_runs(start, now).enumerate() {
        // The day's data is there when its backup begins.
        clock.set(backup - Duration::from_secs(1));
        demo.send_until(clock.now()).await?;
        if let Some(devices) = new_site.take_if(|_| day == NEW_SITE_AFTER) {
            demo.install(devices, clock.now() - DAY * NEW_SITE_HISTORY_DAYS).await?;
            demo.send_until(clock.now()).await?;
        }
        running.set_clock(backup).await?;
    }
    running.set_clock(now).await?;
    demo.send_until(now).await?;
    running.stop().await;
    files::remove_file(&marker)?;
    files::sync_parent(&marker)?;
    Ok(())
}

/// The moments between two at which the schedule makes a backup.
fn daily_runs(start: Time, end: Time) -> impl Iterator<Item = Time> {
    let first = crate::platform::DailyTime::default().next_after(start);
    std::iter::successors(Some(first), |run| Some(*run + DAY)).take_while(move |run| *run <= end)
}

fn remove_half_made(data: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("projects" | "backups") => files::remove_dir(&path)?,
            Some(name) if name.starts_with("registry.sqlite") || name == "prices.json" => {
                files::remove_file(&path)?
            }
            _ => {}
        }
    }
    Ok(())
}

/// The company's project while it is being filled.
struct Demo {
    console: Client,
    console_address: SocketAddr,
    project: String,
    profile: Client,
    api: SocketAddr,
    loggers: Vec<(Client, Logger)>,
    devices: Vec<Registered>,
    scale: Scale,
}

#[derive(Deserialize)]
struct Envelope<T> {
    result: T,
}

#[derive(Deserialize)]
struct Installed {
    device_id: DeviceId,
    token: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct Founded {
    dashboard: String,
}

#[derive(Deserialize)]
struct Hung {
    widget: String,
}

#[derive(Deserialize)]
struct Access {
    api: String,
    token: String,
}

const NOTHING: Option<&()> = None;

impl Demo {
    async fn found(console: &str, owner: &str, scale: Scale) -> Result<Demo, DemoError> {
        let console_address = address(console)?;
        let mut console = Client::new(console_address, Some(owner));
        let new = json!({ "name": "Frostline Logistics", "region": "eu-west-1", "version": "2026-04-21" });
        let Created { id: project } = console.call(Method::POST, "/api/projects", Some(&new)).await?;
        let access: Access = console
            .call(
                Method::POST,
                &format!("/api/projects/{project}/access"),
                Some(&json!({ "name": "Operations dashboard" })),
            )
            .await?;
        let api = address(&access.api)?;
        let profile = Client::new(api, Some(&access.token));
        Ok(Demo {
            console,
            console_address,
            project,
            profile,
            api,
            loggers: Vec::new(),
            devices: Vec::new(),
            scale,
        })
    }

    /// Somebody helps: their view can be tried too.
    async fn invite(&mut self, email: &str, token: &str) -> Result<(), DemoError> {
        let path = format!("/api/projects/{}/collaborators", self.project);
        let invitation = json!({ "email": email, "role": "admin" });
        let _: Value = self.console.call(Method::POST, &path, Some(&invitation)).await?;
        let mut invited = Client::new(self.console_address, Some(token));
        let _: Value = invited.call(Method::POST, &format!("{path}/accept"), NOTHING).await?;
        Ok(())
    }

    /// Brings devices into the project; their loggers have recorded since `since`.
    async fn install(&mut self, devices: Vec<DeviceProfile>, since: Time) -> Result<(), DemoError> {
        for device in devices {
            let Envelope { result: Installed { device_id, token } } =
                self.profile.call(Method::POST, "/device", Some(&device.registration())).await?;
            let path = format!("/device/{device_id}/params");
            let _: Value = self.profile.call(Method::POST, &path, Some(&device.params())).await?;
            if let Some(serial) = device.serial() {
                let token = json!({
                    "device": device_id, "name": "Serial", "permission": "full", "serie_number": serial,
                });
                let _: Value = self.profile.call(Method::POST, "/device/token", Some(&token)).await?;
            }
            let (kind, site) = (device.kind, device.site().name);
            self.devices.push(Registered { id: device_id, kind, site });
            self.loggers.push((Client::new(self.api, Some(&token)), Logger::new(device, since, self.scale)));
        }
        Ok(())
    }

    /// Every device sends what it recorded until `until`.
    async fn send_until(&mut self, until: Time) -> Result<(), DemoError> {
        for (client, logger) in &mut self.loggers {
            while let Some(body) = logger.next_body(until)? {
                let (status, answer) = client.send(Method::POST, "/data", Some(body)).await?;
                if !status.is_success() {
                    let body = String::from_utf8_lossy(&answer).into_owned();
                    return Err(ClientError::Refused {
                        method: Method::POST,
                        path: "/data".into(),
                        status,
                        body,
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    /// Analyses with code, alarms, files, and what people look at.
    async fn equip(&mut self) -> Result<(), DemoError> {
        let mut analyses = Vec::new();
        for (name, code) in company::ANALYSES {
            let new = json!({
                "name": name, "active": true, "tags": [{ "key": "team", "value": "operations" }],
            });
            let Envelope { result: Created { id } } =
                self.profile.call(Method::POST, "/analysis", Some(&new)).await?;
            let upload =
                json!({ "file": BASE64.encode(code), "file_name": "analysis.js", "language": "node" });
            let path = format!("/analysis/{id}/upload");
            let _: Value = self.profile.call(Method::POST, &path, Some(&upload)).await?;
            analyses.push(id);
        }
        if let [report, _, mileage] = analyses.as_slice() {
            self.furnish(report, mileage).await?;
        }
        for alarm in company::alarms() {
            let _: Value = self.profile.call(Method::POST, "/action", Some(&alarm)).await?;
        }
        let files: Vec<Value> = company::FILES
            .iter()
            .map(|(name, content)| json!({ "filename": name, "file": BASE64.encode(content), "public": false }))
            .collect();
        let _: Value = self.profile.call(Method::POST, "/files", Some(&files)).await?;
        Ok(())
    }

    /// Dashboards that lead to each other, texts, rights and a secret.
    async fn furnish(&mut self, report: &str, mileage: &str) -> Result<(), DemoError> {
        let views = views::views(&self.devices, mileage);
        let mut dashboards = Vec::new();
        for view in &views {
            let new = json!({ "label": view.label, "tags": [{ "key": "team", "value": "operations" }] });
            let Envelope { result: Founded { dashboard } } =
                self.profile.call(Method::POST, "/dashboard", Some(&new)).await?;
            dashboards.push(dashboard);
        }
        for (place, view) in views.iter().enumerate() {
            let path = format!("/dashboard/{}", dashboards[place]);
            let mut widgets = Vec::new();
            for new in &view.widgets {
                let Envelope { result: Hung { widget } } =
                    self.profile.call(Method::POST, &format!("{path}/widget"), Some(new)).await?;
                widgets.push(widget);
            }
            let layout = views::layout(place, &views, &dashboards, &widgets);
            let _: Value = self.profile.call(Method::PUT, &path, Some(&layout)).await?;
        }
        let (dictionary, languages) = views::dictionary();
        let _: Value = self.profile.call(Method::POST, "/dictionary", Some(&dictionary)).await?;
        for (locale, texts) in languages {
            let path = format!("/dictionary/FROSTLINE/{locale}");
            let body = json!({ "dictionary": texts, "active": true });
            let _: Value = self.profile.call(Method::PUT, &path, Some(&body)).await?;
        }
        let _: Value = self.profile.call(Method::POST, "/am", Some(&views::policy(report))).await?;
        let _: Value = self.profile.call(Method::POST, "/secrets", Some(&views::secret())).await?;
        Ok(())
    }
}

fn address(origin: &str) -> Result<SocketAddr, DemoError> {
    let address = origin.strip_prefix("http://").and_then(|address| address.parse().ok());
    address.ok_or_else(|| DemoError::Address(origin.to_owned()))
}

//! The ZIP of a profile backup: `resources/*.json`, `files/…` and `versioning/analysis/<id>.gz`, all in
//! one folder. No device data, no entities, no value that is a secret.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Map, Value, json};
use thiserror::Error;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::files;
use crate::holds::Point;
use crate::project::call::Refused;
use crate::project::faults::FaultKind;
use crate::project::resource::{self, *};
use crate::project::token::{self, TokenKind};
use crate::project::{Project, account, analysis, device, run};

/// Stands for what must not leave the platform.
const MASKED: &str = "********";

#[derive(Debug, Error)]
pub(super) enum Failed {
    #[error("The backup's file could not be used: {0}")]
    Write(#[from] io::Error),
    #[error("The backup could not be packed: {0}")]
    Pack(#[from] zip::result::ZipError),
    #[error("{0}")]
    Read(Refused),
    #[error("This failure was asked for as a fault")]
    AskedFor,
}

/// Writes the ZIP under an unfinished name and gives it its own when it is durable; returns its size.
pub(super) fn write(project: &Project, path: &Path) -> Result<u64, Failed> {
    let unfinished = files::unfinished(path);
    let written = pack(project, &unfinished);
    if written.is_err() {
        files::remove_file(&unfinished)?;
    }
    let size = written?;
    project.0.shared.holds.pass(Point::ProfileBackupWritten);
    files::publish(path)?;
    project.0.shared.holds.pass(Point::ProfileBackupPublished);
    Ok(size)
}

fn pack(project: &Project, to: &Path) -> Result<u64, Failed> {
    let strike = project.0.shared.faults.strike(project.id(), super::WORK);
    if strike.is_some_and(|strike| strike.kind == FaultKind::Status) {
        return Err(Failed::AskedFor);
    }
    let root = format!("backup-{}", project.profile());
    let mut zip = ZipWriter::new(BufWriter::new(File::create(to)?));
    let resources = project
        .0
        .store
        .read_blocking(|db| Ok(resources(project, db)))
        .map_err(Refused::from)
        .and_then(|read| read.map_err(Refused::from)?)?;
    let text = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in &resources {
        zip.start_file(format!("{root}/resources/{name}.json"), text)?;
        serde_json::to_writer(&mut zip, content).map_err(io::Error::from)?;
    }
    let analyses = resources.iter().find(|(name, _)| *name == "analysis");
    for analysis in analyses.and_then(|(_, all)| all.as_array()).into_iter().flatten() {
        let id = analysis["id"].as_str().unwrap_or_default();
        if let Some(packed) = analysis::packed_code(project, id)? {
            let name = format!("{root}/versioning/analysis/{id}.gz");
            add(&mut zip, name, CompressionMethod::Stored, &packed)?;
        }
    }
    for path in project.0.files.paths() {
        // One that was removed since is not in the backup.
        if let Some((_, bytes)) = project.0.files.content(project, &path)? {
            add(&mut zip, format!("{root}/files/{path}"), CompressionMethod::Deflated, &bytes)?;
        }
    }
    let file = zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn add<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    name: String,
    method: CompressionMethod,
    bytes: &[u8],
) -> Result<(), Failed> {
    zip.start_file(name, SimpleFileOptions::default().compression_method(method))?;
    Ok(zip.write_all(bytes)?)
}

/// The content of each file below `resources`.
fn resources(project: &Project, db: &Connection) -> Result<Vec<(&'static str, Value)>, Refused> {
    let of = |resource: &'static Resource| every(db, resource, |_| Ok(()));
    let widgets = |dashboard: &mut Body| -> Result<(), Refused> {
        let id = dashboard["id"].clone();
        let mut widgets = resource::children(db, WIDGET, id.as_str().unwrap_or_default())?;
        widgets.iter_mut().for_each(|widget| drop(widget.insert("dashboard".into(), id.clone())));
        dashboard.insert("widgets".into(), json!(widgets));
        Ok(())
    };
    let languages = |dictionary: &mut Body| -> Result<(), Refused> {
        let id = dictionary["id"].clone();
        let texts = resource::children(db, LANGUAGE, id.as_str().unwrap_or_default())?;
        for language in dictionary.get_mut("languages").and_then(Value::as_array_mut).into_iter().flatten() {
            let own = texts.iter().find(|row| row["code"] == language["code"]);
            language["dictionary"] = id.clone();
            language["data"] = own.map_or(json!({}), |row| row["dictionary"].clone());
        }
        Ok(())
    };
    let versions = |body: &mut Body| -> Result<(), Refused> {
        let (version, versions) = analysis::versions(project, body["id"].as_str().unwrap_or_default())?;
        body.insert("version".into(), json!(version));
        body.insert("versions".into(), versions);
        masked("token")(body)
    };
    Ok(vec![
        ("access_management", of(POLICY)?),
        ("actions", of(ACTION)?),
        ("analysis", every(db, ANALYSIS, versions)?),
        ("connectors", of(CONNECTOR)?),
        ("dashboards", every(db, DASHBOARD, widgets)?),
        ("devices", devices(db)?),
        ("dictionaries", every(db, DICTIONARY, languages)?),
        ("networks", of(NETWORK)?),
        ("profile", profile(project, db)?),
        ("run_users", run::backed_up_users(db)?),
        ("run", run(project, db)?),
        ("secrets", every(db, SECRET, masked("value"))?),
        ("service_authorization", service_authorizations(project, db)?),
    ])
}

/// Every resource of a type as its own route shows it, with what `work` adds.
fn every(
    db: &Connection,
    resource: &'static Resource,
    work: impl Fn(&mut Body) -> Result<(), Refused>,
) -> Result<Value, Refused> {
    let ids = db
        .prepare_cached("SELECT id FROM resources WHERE kind = ?1 ORDER BY created_at, id")?
        .query_map([resource.kind], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        let mut body = resource::described(db, resource, &id)?;
        work(&mut body)?;
        all.push(body);
    }
    Ok(json!(all))
}

fn masked(name: &'static str) -> impl Fn(&mut Body) -> Result<(), Refused> {
    move |body| {
        body.insert(name.to_owned(), MASKED.into());
        Ok(())
    }
}

/// Without their data, tokens and parameters.
fn devices(db: &Connection) -> Result<Value, Refused> {
    let ids = db
        .prepare_cached("SELECT id FROM devices ORDER BY number")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let devices: Vec<_> = ids.iter().map(|id| device::described(db, id)).collect::<Result<_, _>>()?;
    Ok(json!(devices))
}

/// The profile, flat, with what it is allocated of the services (input and output are not in it), who
/// helps with it and who sends for it.
fn profile(project: &Project, db: &Connection) -> Result<Value, Refused> {
    let plan = project.0.shared.rates.plan(project.id());
    let mut allocation = account::allocation(db, plan)?;
    for left_out in ["input", "output"] {
        allocation.remove(left_out);
    }
    let mut profile = account::shown_profile(project, db)?;
    profile.insert("resource_allocation".into(), json!(allocation));
    profile.insert("team".into(), account::team(db)?);
    profile.insert("services".into(), json!(account::services(db)?));
    Ok(json!(profile))
}

fn run(project: &Project, db: &Connection) -> Result<Value, Refused> {
    let mut run: Map<String, Value> = run::settings(project, db)?;
    run.insert("anonymous_token".into(), MASKED.into());
    Ok(json!(run))
}

fn service_authorizations(project: &Project, db: &Connection) -> Result<Value, Refused> {
    let owner = project.profile().to_string();
    let mut tokens = token::of_kind(db, TokenKind::ServiceAuthorization, &owner)?;
    for token in &mut tokens {
        token.remove("fingerprint");
        token.insert("token".into(), MASKED.into());
    }
    Ok(json!(tokens))
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Failed {
        Failed::Read(refused)
    }
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Refused {
        match failed {
            Failed::Read(refused) => refused,
            other => Refused::internal(other.to_string()),
        }
    }
}

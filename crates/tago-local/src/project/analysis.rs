//! What analyses have beyond their row: code, a console and tokens. Scripts are kept, not run.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tago_api::Time;

use super::Project;
use super::blobs::Blob;
use super::call::{Answer, Call, Refused};
use super::links;
use super::outbox::{self, OutboxEntry};
use super::resource::{ANALYSIS, Body, described};
use super::store::Writing;
use super::token::{self, Minted, TokenKind};

/// Bytes of the largest code.
const CODE_BYTES: usize = 1 << 20;
/// Latest lines of a console that are shown.
const CONSOLE_LINES: usize = 200;
/// How long the token of one run opens anything.
const RUN: Duration = Duration::from_secs(3600);
/// How long a link to code is good.
const LINK: Duration = Duration::from_secs(600);
const DEFAULT_TOKEN: &str = "Default";

#[derive(Deserialize)]
struct Upload {
    file: String,
    file_name: String,
    language: Option<String>,
}

/// The versions of an analysis's code; the last is the one in use.
#[derive(Default, Serialize, Deserialize)]
struct Versions(BTreeMap<u64, Version>);

#[derive(Serialize, Deserialize)]
struct Version {
    file_name: String,
    language: Option<String>,
    created_at: Time,
    created_by: String,
}

#[derive(Deserialize)]
struct Said {
    message: Value,
}

pub(super) async fn info(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let (mut analysis, tokens) = {
        let id = id.clone();
        call.read(move |db| Ok((described(db, ANALYSIS, &id)?, token::list(db, &id)?))).await?
    };
    let blobs = &call.project.0.blobs;
    let versions = Versions::of(&blobs.code_index(&id))?;
    analysis.insert("token".into(), tokens.first().map_or(Value::Null, |token| token["token"].clone()));
    analysis.insert("version".into(), json!(versions.latest()));
    analysis.insert("versions".into(), json!(versions));
    analysis.insert("console".into(), json!(console(&blobs.console(&id))?));
    Answer::ok(analysis)
}

pub(super) async fn upload(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let upload: Upload = call.json()?;
    let code = BASE64
        .decode(upload.file.as_bytes())
        .map_err(|error| Refused::bad(format!("file must be the code in base64: {error}")))?;
    if code.len() > CODE_BYTES {
        return Err(Refused::bad(format!("file must be at most {CODE_BYTES} bytes of code")));
    }
    let project = call.project.clone();
    // The writer's thread keeps two uploads apart.
    call.write(move |writing| {
        described(writing.db, ANALYSIS, &id)?;
        let (blobs, owner) = (&project.0.blobs, &project.0.identity.owner);
        let mut versions = Versions::of(&blobs.code_index(&id))?;
        let number = versions.latest().map_or(1, |latest| latest + 1);
        blobs.code(&id, number).write(&code)?;
        let version = Version {
            file_name: upload.file_name,
            language: upload.language,
            created_at: writing.now,
            created_by: format!("{} ({})", owner.name, owner.email),
        };
        versions.0.insert(number, version);
        let index = serde_json::to_vec(&versions).map_err(|error| Refused::internal(error.to_string()))?;
        blobs.code_index(&id).write(&index)
    })
    .await?;
    Answer::ok("Successfully Uploaded")
}

/// Where the code can be fetched from, for a while and without a token.
pub(super) async fn download(call: Call) -> Result<Answer, Refused> {
    let (id, version, code) = code(&call).await?;
    let target = code_link(&id, version);
    let (key, expires) =
        call.write(move |writing| Ok((links::make(writing, &target, LINK)?, writing.now + LINK))).await?;
    Answer::ok(json!({
        "url": format!("http://{}/analysis/{id}/code?version={version}&key={key}", call.host),
        "size": code.len(),
        "size_unit": "bytes",
        "expire_at": expires,
    }))
}

/// The code behind a link, compressed with gzip.
pub(super) async fn fetch(call: Call) -> Result<Answer, Refused> {
    let version = call.query.number("version", 0, (0, u64::MAX))?;
    let (target, now) = (code_link(call.part("id"), version), call.project.0.shared.clock.now());
    let key = call.query.one("key").unwrap_or_default().to_owned();
    if !call.read(move |db| Ok(links::opens(db, &key, &target, now)?)).await? {
        return Err(Refused::denied());
    }
    let (_, _, code) = code(&call).await?;
    Ok(Answer::bytes("application/gzip", packed(&code)?))
}

/// The code of an analysis in use, compressed with gzip, if it has any. Blocks.
pub(super) fn packed_code(project: &Project, id: &str) -> Result<Option<Vec<u8>>, Refused> {
    let blobs = &project.0.blobs;
    let Some(latest) = Versions::of(&blobs.code_index(id))?.latest() else { return Ok(None) };
    blobs.code(id, latest).read()?.as_deref().map(packed).transpose()
}

/// The number of the version in use, and what is known of all. Blocks.
pub(super) fn versions(project: &Project, id: &str) -> Result<(Option<u64>, Value), Refused> {
    let versions = Versions::of(&project.0.blobs.code_index(id))?;
    Ok((versions.latest(), json!(versions)))
}

fn packed(code: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = gzip.write_all(code).and_then(|()| gzip.finish());
    packed.map_err(|error| Refused::internal(format!("The code could not be packed: {error}")))
}

fn code_link(analysis: &str, version: u64) -> String {
    format!("analysis {analysis} {version}")
}

/// Adds a line to the console of the analysis whose token it is.
pub(super) async fn log(call: Call) -> Result<Answer, Refused> {
    let said: Said = call.json()?;
    let time = call.project.0.shared.clock.now();
    let mut line = json!({ "time": time, "message": said.message }).to_string();
    line.push('\n');
    call.project.0.blobs.console(&call.caller.owner).append(line.as_bytes())?;
    std::future::ready(Answer::ok("Message Successfully Added")).await
}

/// Notes a run that was asked for and answers the token that a script would run with.
pub(super) async fn run(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let body: Value = if call.body.is_empty() { Value::Null } else { call.json()? };
    let secret = call
        .write(move |writing| {
            let analysis = described(writing.db, ANALYSIS, &id)?;
            if analysis["active"] != true {
                return Err(Refused::bad("The analysis is inactive: activate it first"));
            }
            note_run(writing, &analysis, &body["scope"])?;
            let minted = Minted {
                name: "Run".to_owned(),
                expire_time: Some(writing.now + RUN),
                ..Minted::of_kind(writing.random, ANALYSIS.kind)
            };
            token::insert(writing, TokenKind::Analysis, &id, &minted)?;
            Ok(minted.secret)
        })
        .await?;
    Answer::ok(json!({ "analysis_token": secret }))
}

/// Puts a run into the outbox: nothing is executed here.
pub(super) fn note_run(writing: &mut Writing<'_>, analysis: &Body, scope: &Value) -> Result<(), Refused> {
    let text = |field: &str| analysis[field].as_str().unwrap_or_default().to_owned();
    writing.db.execute(
        "UPDATE resources SET body = json_set(body, '$.last_run', ?2) WHERE kind = 'analysis' AND id = ?1",
        [text("id"), writing.now.to_string()],
    )?;
    let entry = OutboxEntry {
        at: writing.now,
        action: text("id"),
        name: text("name"),
        r#type: "analysis".to_owned(),
        device: String::new(),
        variable: String::new(),
        value: (!scope.is_null()).then(|| scope.to_string()),
    };
    Ok(outbox::add(writing.db, &entry)?)
}

/// A new token in place of the one that the analysis had.
pub(super) async fn renew_token(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let secret = call
        .write(move |writing| {
            described(writing.db, ANALYSIS, &id)?;
            writing.db.execute(
                "DELETE FROM tokens WHERE kind = 'analysis' AND owner = ?1 AND name = ?2",
                [&id, DEFAULT_TOKEN],
            )?;
            let minted =
                Minted { name: DEFAULT_TOKEN.to_owned(), ..Minted::of_kind(writing.random, ANALYSIS.kind) };
            token::insert(writing, TokenKind::Analysis, &id, &minted)?;
            Ok(minted.secret)
        })
        .await?;
    Answer::ok(json!({ "analysis_token": secret }))
}

/// Id, version and code of the analysis and the version that a request is about.
async fn code(call: &Call) -> Result<(String, u64, Vec<u8>), Refused> {
    let id = call.part("id").to_owned();
    let id = call.read(move |db| described(db, ANALYSIS, &id).map(|_| id)).await?;
    let blobs = &call.project.0.blobs;
    let latest = Versions::of(&blobs.code_index(&id))?.latest().unwrap_or(0);
    let version = call.query.number("version", latest, (0, u64::MAX))?;
    let code = blobs.code(&id, version).read()?.ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_FOUND,
            if latest == 0 {
                format!("Analysis {id} has no code: a backup does not hold it, upload it again")
            } else {
                format!("Analysis {id} has no version {version}")
            },
        )
    })?;
    Ok((id, version, code))
}

impl Versions {
    fn of(index: &Blob) -> Result<Versions, Refused> {
        let Some(bytes) = index.read()? else { return Ok(Versions::default()) };
        serde_json::from_slice(&bytes)
            .map_err(|error| Refused::internal(format!("The list of versions is damaged: {error}")))
    }

    fn latest(&self) -> Option<u64> {
        self.0.keys().next_back().copied()
    }
}

fn console(blob: &Blob) -> Result<Vec<Value>, Refused> {
    let bytes = blob.read()?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(lines[lines.len().saturating_sub(CONSOLE_LINES)..].to_vec())
}

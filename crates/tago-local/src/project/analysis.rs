//! What analyses have beyond their row: code, a console and a token. Scripts are kept, not run.

use std::io::Write;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::resource::{ANALYSIS, described};
use super::token;
use super::{Project, blobs::Blob};

/// Bytes of the largest code.
const CODE_BYTES: usize = 1 << 20;
/// Latest lines of a console that are shown.
const CONSOLE_LINES: usize = 200;

#[derive(Deserialize)]
struct Upload {
    file: String,
    file_name: String,
    language: Option<String>,
}

/// The line before the code.
#[derive(Serialize, Deserialize)]
struct CodeHeader {
    file_name: String,
    language: Option<String>,
    version: u64,
    created_at: tago_api::Time,
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
    let version = header(&blobs.code(&id))?.map(|header| header.version);
    analysis.insert("token".into(), tokens.first().map_or(Value::Null, |token| token["token"].clone()));
    analysis.insert("version".into(), json!(version));
    analysis.insert("console".into(), json!(console(&blobs.console(&id))?));
    Answer::ok(analysis)
}

pub(super) async fn upload(call: Call) -> Result<Answer, Refused> {
    let id = exists(&call).await?;
    let upload: Upload = call.json()?;
    let code = BASE64
        .decode(upload.file.as_bytes())
        .map_err(|error| Refused::bad(format!("file must be the code in base64: {error}")))?;
    if code.len() > CODE_BYTES {
        return Err(Refused::bad(format!("file must be at most {CODE_BYTES} bytes of code")));
    }
    let blob = call.project.0.blobs.code(&id);
    let version = header(&blob)?.map_or(1, |header| header.version + 1);
    let created_at = call.project.0.shared.clock.now();
    let header = CodeHeader { file_name: upload.file_name, language: upload.language, version, created_at };
    let mut bytes = serde_json::to_vec(&header).map_err(|error| Refused::internal(error.to_string()))?;
    bytes.push(b'\n');
    bytes.extend(code);
    blob.write(&bytes)?;
    Answer::ok("Successfully Uploaded")
}

/// Where the code can be fetched from.
pub(super) async fn download(call: Call) -> Result<Answer, Refused> {
    let id = exists(&call).await?;
    let code = code(&call.project, &id)?;
    let expires = call.project.0.shared.clock.now() + std::time::Duration::from_secs(600);
    Answer::ok(json!({
        "url": format!("http://{}/analysis/{id}/code", call.host),
        "size": code.len(),
        "size_unit": "bytes",
        "expire_at": expires,
    }))
}

/// The code, compressed with gzip.
pub(super) async fn fetch(call: Call) -> Result<Answer, Refused> {
    let id = exists(&call).await?;
    let code = code(&call.project, &id)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = gzip.write_all(&code).and_then(|()| gzip.finish());
    let packed =
        packed.map_err(|error| Refused::internal(format!("The code could not be packed: {error}")))?;
    Ok(Answer::bytes("application/gzip", packed))
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

pub(super) async fn list_tokens(call: Call) -> Result<Answer, Refused> {
    let id = exists(&call).await?;
    Answer::ok(call.read(move |db| token::list(db, &id).map_err(Refused::from)).await?)
}

async fn exists(call: &Call) -> Result<String, Refused> {
    let id = call.part("id").to_owned();
    call.read(move |db| described(db, ANALYSIS, &id).map(|_| id)).await
}

fn code(project: &Project, id: &str) -> Result<Vec<u8>, Refused> {
    let bytes = project.0.blobs.code(id).read()?;
    bytes.and_then(|bytes| split(&bytes).map(|(_, code)| code.to_vec())).ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_FOUND,
            format!("Analysis {id} has no code: a backup does not hold it, upload it again"),
        )
    })
}

fn header(blob: &Blob) -> Result<Option<CodeHeader>, Refused> {
    Ok(blob.read()?.and_then(|bytes| split(&bytes).map(|(header, _)| header)))
}

fn split(bytes: &[u8]) -> Option<(CodeHeader, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn console(blob: &Blob) -> Result<Vec<Value>, Refused> {
    let bytes = blob.read()?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(lines[lines.len().saturating_sub(CONSOLE_LINES)..].to_vec())
}

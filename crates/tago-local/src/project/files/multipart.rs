//! An upload in parts: it is started, gets its parts in any order, and is ended by naming them all.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::HeaderValue;
use bytes::Bytes;
use futures_util::stream;
use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{address, blocking, checked_path, refuse_if_full};
use crate::project::call::{Answer, Call, Refused};
use crate::random::hex;

/// Bytes of the smallest part, except the last.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
const LAST_PART: u32 = 10_000;

/// Uploads that were started and not ended; a restart of the platform forgets them.
#[derive(Default)]
pub(super) struct Uploads(Mutex<HashMap<String, Begun>>);

#[derive(Clone)]
struct Begun {
    path: String,
    public: bool,
    content_type: Option<String>,
    parts: BTreeMap<u32, Part>,
}

#[derive(Clone)]
struct Part {
    etag: String,
    size: u64,
    blob: String,
}

/// What a form says, apart from the part itself.
#[derive(Default, Deserialize)]
struct Form {
    multipart_action: String,
    filename: String,
    #[serde(default)]
    public: bool,
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    upload_id: Option<String>,
    part: Option<u32>,
    #[serde(default)]
    parts: Vec<NamedPart>,
}

#[derive(Deserialize)]
struct NamedPart {
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(rename = "PartNumber")]
    number: u32,
}

/// A step whose body is a form.
pub(super) async fn step(call: &Call) -> Result<Answer, Refused> {
    let wrong = |error: multer::Error| Refused::bad(format!("The form could not be read: {error}"));
    let boundary = multer::parse_boundary(&call.content_type).map_err(wrong)?;
    let body = call.body.clone();
    let mut fields = multer::Multipart::new(stream::iter([Ok::<Bytes, Infallible>(body)]), boundary);
    let mut form = Form::default();
    let mut content = None;
    while let Some(field) = fields.next_field().await.map_err(wrong)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            content = Some(field.bytes().await.map_err(wrong)?);
            continue;
        }
        let text = field.text().await.map_err(wrong)?;
        match name.as_str() {
            "multipart_action" => form.multipart_action = text,
            "filename" => form.filename = text,
            "public" => form.public = text == "true",
            "contentType" => form.content_type = Some(text),
            "upload_id" => form.upload_id = Some(text),
            "part" => form.part = Some(text.parse().map_err(|_| Refused::bad("part must be a number"))?),
            _ => {}
        }
    }
    carry_out(call, form, content).await
}

/// A step whose body is JSON.
pub(super) async fn step_in_json(call: &Call, body: Value) -> Result<Answer, Refused> {
    let form = serde_json::from_value(body)
        .map_err(|error| Refused::bad(format!("The body is no step of an upload: {error}")))?;
    carry_out(call, form, None).await
}

async fn carry_out(call: &Call, form: Form, content: Option<Bytes>) -> Result<Answer, Refused> {
    match form.multipart_action.as_str() {
        "start" => start(call, form),
        "upload" => take_part(call, form, content).await,
        "end" => end(call, form).await,
        _ => Err(Refused::bad("multipart_action must be start, upload or end")),
    }
}

fn start(call: &Call, form: Form) -> Result<Answer, Refused> {
    let path = checked_path(&form.filename)?;
    let content_type = form.content_type.filter(|text| HeaderValue::from_str(text).is_ok());
    let id = hex(&call.project.0.shared.random.bytes::<32>());
    let begun = Begun { path, public: form.public, content_type, parts: BTreeMap::new() };
    call.project.0.files.uploads.lock().insert(id.clone(), begun);
    Answer::ok(id)
}

async fn take_part(call: &Call, form: Form, content: Option<Bytes>) -> Result<Answer, Refused> {
    let (id, begun) = begun(call, &form)?;
    let number = form.part.filter(|number| (1..=LAST_PART).contains(number));
    let number =
        number.ok_or_else(|| Refused::bad(format!("part must be a number from 1 to {LAST_PART}")))?;
    let content = content.ok_or_else(|| Refused::bad("file must be the part, as a file of the form"))?;
    let begun_bytes: u64 = begun.parts.values().map(|part| part.size).sum();
    refuse_if_full(call, begun_bytes + content.len() as u64).await?;
    let etag = format!("\"{}\"", hex(&Md5::digest(&content)));
    let blob = hex(&call.project.0.shared.random.bytes::<16>());
    let part = Part { etag: etag.clone(), size: content.len() as u64, blob };
    blocking(call, move |project| {
        project.0.blobs.part(&part.blob).write(&content)?;
        let mut uploads = project.0.files.uploads.lock();
        let begun = uploads.get_mut(&id).ok_or_else(|| Refused::not_found("Upload", &id))?;
        let replaced = begun.parts.insert(number, part);
        drop(uploads);
        replaced.map_or(Ok(()), |part| project.0.blobs.part(&part.blob).remove())
    })
    .await?;
    Answer::ok(json!({ "ETag": etag, "PartNumber": number }))
}

async fn end(call: &Call, form: Form) -> Result<Answer, Refused> {
    let (id, begun) = begun(call, &form)?;
    let parts = named_parts(&begun, &form.parts)?;
    refuse_if_full(call, 0).await?;
    let (path, now) = (begun.path.clone(), call.project.0.shared.clock.now());
    blocking(call, move |project| {
        let files = &project.0.files;
        files.add(project, &begun.path, now, begun.public, begun.content_type.clone(), |blob| {
            let mut digest = Md5::new();
            let mut size = 0;
            blob.write_from(parts.iter().map(|part| {
                let bytes = project.0.blobs.part(&part.blob).read()?.unwrap_or_default();
                digest.update(&bytes);
                size += bytes.len() as u64;
                Ok(bytes)
            }))?;
            Ok((size, hex(&digest.finalize())))
        })?;
        files.uploads.lock().remove(&id);
        begun.parts.values().try_for_each(|part| project.0.blobs.part(&part.blob).remove())
    })
    .await?;
    Answer::ok(json!({ "file": address(call, &path) }))
}

/// The parts that the end of an upload names, which must be those that came.
fn named_parts(begun: &Begun, named: &[NamedPart]) -> Result<Vec<Part>, Refused> {
    if named.is_empty() {
        return Err(Refused::bad("parts must name every part of the upload"));
    }
    if !named.is_sorted_by(|left, right| left.number < right.number) {
        return Err(Refused::bad("parts must be in the order of PartNumber, each once"));
    }
    let mut parts = Vec::with_capacity(named.len());
    for (index, part) in named.iter().enumerate() {
        let came = begun
            .parts
            .get(&part.number)
            .filter(|came| came.etag.trim_matches('"') == part.etag.trim_matches('"'));
        let came = came.ok_or_else(|| {
            Refused::bad(format!("parts names part {}, which did not come or has another ETag", part.number))
        })?;
        if index + 1 < named.len() && came.size < SMALLEST_PART {
            return Err(Refused::bad(format!(
                "Part {} is smaller than {SMALLEST_PART} bytes, which only the last may be",
                part.number
            )));
        }
        parts.push(came.clone());
    }
    Ok(parts)
}

fn begun(call: &Call, form: &Form) -> Result<(String, Begun), Refused> {
    let id = form.upload_id.clone().unwrap_or_default();
    let begun = call.project.0.files.uploads.lock().get(&id).cloned();
    let begun = begun.ok_or_else(|| Refused::not_found("Upload", &id))?;
    if checked_path(&form.filename)? != begun.path {
        return Err(Refused::bad("filename must be the one that the upload was started with"));
    }
    Ok((id, begun))
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

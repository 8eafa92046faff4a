use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Viewer;
use crate::project::call::{Answer, Call, Refused};
use crate::project::fields;
use crate::project::resource::{self, Body, DASHBOARD, Place, WIDGET};
use crate::project::token::{self, Minted, TokenKind};
use crate::random::hex;

pub(in crate::project) async fn create(call: Call) -> Result<Answer, Refused> {
    let dashboard = call.part("id").to_owned();
    let mut made = fields::create(WIDGET.fields, &call.json()?)?;
    made.insert("dashboard".into(), dashboard.as_str().into());
    let place = Place::of(&call, WIDGET).below(&dashboard);
    let id = call
        .write(move |writing| {
            resource::described(writing.db, DASHBOARD, &dashboard)?;
            resource::insert(writing, WIDGET, &place, made)
        })
        .await?;
    Answer::created(json!({ "widget": id }))
}

pub(in crate::project) async fn info(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = of(&call);
    let viewer = Viewer::of(&call);
    let widget = call
        .read(move |db| {
            viewer.check(&dashboard, Some(&id))?;
            find(db, &dashboard, &id)
        })
        .await?;
    Answer::ok(widget)
}

/// Replaces each field that is sent as a whole. Without `analysis_run` no analysis is run any more.
pub(in crate::project) async fn edit(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = of(&call);
    let mut body: Value = call.json()?;
    if let Some(body) = body.as_object_mut() {
        body.entry("analysis_run").or_insert(Value::Null);
    }
    call.write(move |writing| {
        find(writing.db, &dashboard, &id)?;
        resource::change(writing, WIDGET, &id, &body).map(drop)
    })
    .await?;
    Answer::ok(WIDGET.edited)
}

/// The dashboard's arrangement stays as it is.
pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = of(&call);
    call.write(move |writing| {
        find(writing.db, &dashboard, &id)?;
        resource::delete(writing, WIDGET, &id)
    })
    .await?;
    Answer::ok(WIDGET.removed)
}

/// A token with which the widget can be shown elsewhere.
pub(in crate::project) async fn embed(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = of(&call);
    let secret = call
        .write(move |writing| {
            find(writing.db, &dashboard, &id)?;
            let minted =
                Minted { name: "Embedded".to_owned(), ..Minted::of_kind(writing.random, WIDGET.kind) };
            token::insert(writing, TokenKind::Widget, &id, &minted)?;
            Ok(minted.secret)
        })
        .await?;
    Answer::ok(json!({ "widget_token": secret }))
}

#[derive(Deserialize)]
struct Source {
    file: String,
    file_name: String,
}

/// Bytes of the largest source of a custom widget.
const SOURCE_BYTES: usize = 1 << 20;
/// What is shown in place of a custom widget: sources are kept, not built.
const ARTIFACT: &[u8] =
    b"<!doctype html><title>Custom widget</title><p>This platform does not build custom widgets.";

/// Keeps the source of a custom widget as a file, and says where its page is.
pub(in crate::project) async fn upload(call: Call) -> Result<Answer, Refused> {
    let (dashboard, id) = of(&call);
    let source: Source = call.json()?;
    if !source.file_name.ends_with(".tsx") {
        return Err(Refused::bad("file_name must end with .tsx"));
    }
    let bytes = BASE64
        .decode(source.file.as_bytes())
        .map_err(|error| Refused::bad(format!("file must be the source in base64: {error}")))?;
    if bytes.len() > SOURCE_BYTES {
        return Err(Refused::bad(format!("file must be at most {SOURCE_BYTES} bytes of source")));
    }
    let (project, host) = (call.project.clone(), call.host.clone());
    call.write(move |writing| {
        let mut widget = find(writing.db, &dashboard, &id)?;
        let page = format!("widgets/.bundled/{id}/{}.html", hex(&Sha256::digest(&bytes)[..8]));
        let files = &project.0.files;
        files.put(&project, &format!("widgets/{id}.tsx"), &bytes, false, writing.now)?;
        files.put(&project, &page, ARTIFACT, true, writing.now)?;
        widget["display"]["artifact_url"] = format!("http://{host}/file/{}/{page}", project.profile()).into();
        resource::store(writing, WIDGET, &id, widget)
    })
    .await?;
    Answer::ok("Successfully Uploaded")
}

pub(super) fn of(call: &Call) -> (String, String) {
    (call.part("id").to_owned(), call.part("widget").to_owned())
}

/// A widget of that dashboard.
pub(super) fn find(db: &Connection, dashboard: &str, id: &str) -> Result<Body, Refused> {
    let widget = resource::described(db, WIDGET, id)?;
    if widget["dashboard"] == dashboard { Ok(widget) } else { Err(Refused::not_found(WIDGET.label, id)) }
}

//! Records that travel through Files as CSV: queued, without a job to ask about, and seen by their outcome.

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tago_api::Time;

use super::chunks::{self, Chunk};
use super::{MUTABLE_LIMIT, Storage, Target, ingest};
use crate::project::call::{Answer, Call, Refused};
use crate::project::{Project, account, files};
use crate::random::hex;

/// Largest file and most rows of an import.
const BYTES: u64 = 200_000_000;
const ROWS: usize = 1_000_000;
/// Records that the profile must have room for, whatever is imported.
const ROOM: u64 = 10_000;
/// Rows that are stored at once, so that other writers get their turn.
const AT_ONCE: usize = 10_000;

/// What is exported of a record, and what is read of it on import.
const COLUMNS: [&str; 7] = ["variable", "value", "unit", "group", "time", "location", "metadata"];

#[derive(Deserialize)]
struct Export {
    file_address: String,
    #[serde(default)]
    headers: bool,
    chunk_id: Option<String>,
}

/// Exports the mutable records of a device.
pub(in crate::project) async fn export(call: Call) -> Result<Answer, Refused> {
    let (device, wanted) = (call.part("device").to_owned(), call.json::<Export>()?);
    let id = device.clone();
    let (first, last) = call
        .read(move |db| {
            let target = Target::find(db, &id)?;
            if matches!(target.storage, Storage::Immutable(_)) {
                return Err(Refused::bad(format!(
                    "Device {id} is immutable: export its chunks with POST /device/{id}/chunk/backup"
                )));
            }
            let range = "SELECT min(time), max(time) FROM records WHERE device = ?1";
            Ok(db.query_row(range, [target.number], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
            })?)
        })
        .await?;
    let now = call.project.0.shared.clock.now();
    let moment = |millis: Option<i64>| millis.map_or(now, Time::from_millis);
    let address = Address { device: &device, chunk: None, from: moment(first), to: moment(last), now };
    let path = address.written(&wanted.file_address, &call.project)?;
    queue(&call, path.clone(), move |db| records_as_csv(db, &device, None, wanted.headers)).await;
    Answer::ok(json!({ "file_address": path }))
}

/// Exports one chunk of a device.
pub(in crate::project) async fn export_chunk(call: Call) -> Result<Answer, Refused> {
    let (chunk, path) = queue_chunk(&call).await?;
    Answer::ok(json!({ "chunk_id": chunk, "file_address": path }))
}

/// The same under its older name.
pub(in crate::project) async fn copy_chunk(call: Call) -> Result<Answer, Refused> {
    let (chunk, path) = queue_chunk(&call).await?;
    Answer::ok(json!({ "chunk_id": chunk, "file_address": path, "status": "scheduled" }))
}

async fn queue_chunk(call: &Call) -> Result<(String, String), Refused> {
    let (device, wanted) = (call.part("device").to_owned(), call.json::<Export>()?);
    let id = wanted.chunk_id.ok_or_else(|| Refused::bad("chunk_id is required: the id of a chunk"))?;
    let (owner, wanted_id) = (device.clone(), id.clone());
    let chunk = call.read(move |db| chunks::find(db, &owner, &wanted_id)).await?;
    let now = call.project.0.shared.clock.now();
    let address = Address { device: &device, chunk: Some(&chunk), from: chunk.from, to: chunk.to, now };
    let path = address.written(&wanted.file_address, &call.project)?;
    queue(call, path.clone(), move |db| records_as_csv(db, &device, Some(&chunk), wanted.headers)).await;
    Ok((id, path))
}

/// Has a file made later.
pub(in crate::project) async fn queue(
    call: &Call,
    path: String,
    content: impl FnOnce(&Connection) -> Result<Vec<u8>, Refused> + Send + 'static,
) {
    let project = call.project.clone();
    let made = async move {
        let bytes = project.read(|db| Ok(content(db))).await??;
        let now = project.0.shared.clock.now();
        let put = move || project.0.files.put(&project, &path, &bytes, false, now);
        tokio::task::spawn_blocking(put).await.map_err(|error| Refused::internal(error.to_string()))?
    };
    call.project.later(call.effect_after, made).await;
}

/// Where an export goes.
pub(in crate::project) struct Address<'a> {
    pub(in crate::project) device: &'a str,
    pub(in crate::project) chunk: Option<&'a Chunk>,
    pub(in crate::project) from: Time,
    pub(in crate::project) to: Time,
    pub(in crate::project) now: Time,
}

impl Address<'_> {
    /// The path with its placeholders filled in; it always ends in `.csv`.
    pub(in crate::project) fn written(&self, template: &str, project: &Project) -> Result<String, Refused> {
        let day = |time: Time| time.to_utc().format("%Y-%m-%d").to_string();
        let second = |time: Time| time.millis().div_euclid(1000).to_string();
        let mut path = template.to_owned();
        // The longer names first: one of them begins like another.
        for (name, value) in [
            ("$CHUNK_START$", second(self.from)),
            ("$CHUNK_END$", second(self.to)),
            ("$CHUNK$", self.chunk.map(Chunk::id).unwrap_or_default()),
            ("$DEVICE$", self.device.to_owned()),
            ("$FROM$", day(self.from)),
            ("$TO$", day(self.to)),
            ("$TIMESTAMP$", self.now.millis().to_string()),
            ("$ORGID$", project.profile().to_string()),
            ("$ENVIRONMENT$", "production".to_owned()),
        ] {
            path = path.replace(name, &value);
        }
        if !path.ends_with(".csv") {
            path.push_str(".csv");
        }
        files::checked_path(&path).map_err(|_| {
            Refused::bad("file_address must be a path of 1 to 500 characters without . or .. as a part")
        })
    }
}

/// The records of one chunk, or all that can be changed, oldest first.
fn records_as_csv(
    db: &Connection,
    device: &str,
    chunk: Option<&Chunk>,
    headers: bool,
) -> Result<Vec<u8>, Refused> {
    let target = Target::find(db, device)?;
    let (from, to) = chunk.map_or((Time::MIN, Time::MAX), |chunk| (chunk.from, chunk.to));
    let mut csv = csv::Writer::from_writer(Vec::new());
    if headers {
        csv.write_record(COLUMNS).map_err(broken)?;
    }
    let mut statement = db.prepare_cached(
        "SELECT name, value, unit, \"group\", time, location, metadata FROM records
         JOIN variables ON number = variable
         WHERE device = ?1 AND time BETWEEN ?2 AND ?3 ORDER BY time, sequence",
    )?;
    let mut rows = statement.query(params![target.number, from.millis(), to.millis()])?;
    while let Some(row) = rows.next()? {
        let variable: String = row.get(0)?;
        if target.chunks_of(&variable).is_some() != chunk.is_some() {
            continue;
        }
        let text = |column| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
        let value = text(1)?;
        // A text loses its quotes, and with them what tells it from a number.
        let value = serde_json::from_str::<String>(&value).unwrap_or(value);
        let time = Time::from_millis(row.get(4)?).to_string();
        let cells = [variable, value, text(2)?, text(3)?, time, text(5)?, text(6)?];
        csv.write_record(&cells).map_err(broken)?;
    }
    csv.into_inner().map_err(|error| Refused::internal(error.to_string()))
}

#[derive(Deserialize)]
struct Import {
    file_address: String,
}

/// Imports a file's records later. No parser and no action sees them; whether it worked is seen by
/// the data alone.
pub(in crate::project) async fn import(call: Call) -> Result<Answer, Refused> {
    let (device, wanted) = (call.part("device").to_owned(), call.json::<Import>()?);
    let path = wanted.file_address.trim_matches('/').to_owned();
    let entry = call.project.0.files.entry(&path).ok_or_else(|| Refused::not_found("File", &path))?;
    if entry.size > BYTES {
        return Err(Refused::bad(format!("file_address must be a file of at most {} MB", BYTES / 1_000_000)));
    }
    let id = device.clone();
    let stored = call
        .read(move |db| {
            Target::find(db, &id)?;
            Ok(db.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, u64>(0))?)
        })
        .await?;
    if account::allocated(&call, "data_records").await?.saturating_sub(stored) < ROOM {
        return Err(Refused::bad(format!(
            "The profile must have room for at least {ROOM} records to import data"
        )));
    }
    let (project, halves) = (call.project.clone(), call.halves);
    let carried_in = async move { carry_in(&project, &device, &path, halves).await };
    call.project.later(call.effect_after, carried_in).await;
    Answer::ok("Data import added to the queue successfully!")
}

/// Checks the whole file, then stores it: what does not fit as a whole leaves nothing.
async fn carry_in(project: &Project, device: &str, path: &str, halves: bool) -> Result<(), Refused> {
    let now = project.0.shared.clock.now();
    let shared_group = hex(&project.0.shared.random.id_bytes(now));
    let (reader, path) = (project.clone(), path.to_owned());
    let parse = move || {
        let content = reader.0.files.content(&reader, &path)?;
        let (_, bytes) = content.ok_or_else(|| Refused::not_found("File", &path))?;
        batches_of(&bytes, &shared_group, now, halves)
    };
    let batches =
        tokio::task::spawn_blocking(parse).await.map_err(|error| Refused::internal(error.to_string()))??;
    let id = device.to_owned();
    let batches = project
        .read(move |db| {
            Ok((|| {
                let target = Target::find(db, &id)?.accepting_its_token()?;
                let mut mutable = 0;
                for batch in &batches {
                    mutable += ingest::check(&target, batch, now)?;
                }
                if mutable > 0 && ingest::mutable_records(db, &target)? + mutable > MUTABLE_LIMIT {
                    return Err(Refused::bad("The device would hold too many records"));
                }
                Ok(batches)
            })())
        })
        .await??;
    for batch in batches {
        let device = device.to_owned();
        let stored = project.write(move |writing| {
            Ok((|| {
                let target = Target::find(writing.db, &device)?;
                ingest::store(writing, &target, &batch)
            })())
        });
        stored.await??;
    }
    Ok(())
}

fn batches_of(
    bytes: &[u8],
    shared_group: &str,
    now: Time,
    halves: bool,
) -> Result<Vec<ingest::Batch>, Refused> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::Headers).from_reader(bytes);
    let names: Vec<String> = csv
        .headers()
        .map_err(broken)?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_lowercase())
        .collect();
    if !names.iter().any(|name| name == "variable") {
        return Err(Refused::bad("The file has no column variable in its first line"));
    }
    let mut batches = Vec::new();
    let mut rows: Vec<Value> = Vec::new();
    let mut count = 0;
    let mut full = |rows: &mut Vec<Value>| {
        let body = serde_json::to_vec(&std::mem::take(rows))
            .map_err(|error| Refused::internal(error.to_string()))?;
        batches.push(ingest::parse(&body, now)?);
        Ok::<_, Refused>(())
    };
    let most = if halves { csv::Reader::from_reader(bytes).records().count() / 2 } else { usize::MAX };
    for line in csv.records().take(most) {
        let line = line.map_err(broken)?;
        count += 1;
        if count > ROWS {
            return Err(Refused::bad(format!("The file has more than {ROWS} rows")));
        }
        rows.push(record_of(&names, &line, shared_group)?);
        if rows.len() == AT_ONCE {
            full(&mut rows)?;
        }
    }
    if !rows.is_empty() {
        full(&mut rows)?;
    }
    Ok(batches)
}

fn record_of(names: &[String], line: &csv::StringRecord, shared_group: &str) -> Result<Value, Refused> {
    let mut record = Map::new();
    for (name, cell) in
        names.iter().zip(line).filter(|(name, cell)| COLUMNS.contains(&name.as_str()) && !cell.is_empty())
    {
        let value = match name.as_str() {
            "value" => typed(cell),
            "location" | "metadata" => serde_json::from_str(cell)
                .map_err(|_| Refused::bad(format!("{name} must be JSON, not {cell}")))?,
            _ => cell.into(),
        };
        record.insert(name.clone(), value);
    }
    record.entry("group").or_insert_with(|| shared_group.into());
    Ok(record.into())
}

/// What looks like a number or a truth value is one.
fn typed(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => cell.into(),
    }
}

fn broken(error: csv::Error) -> Refused {
    Refused::bad(format!("The CSV is broken: {error}"))
}

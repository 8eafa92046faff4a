use serde::Deserialize;
use serde_json::{Value, json};
use tago_api::Time;

use super::Entity;
use super::rows::shown;
use crate::project::call::{Answer, Call, Refused};
use crate::project::data::{Address, queue_export};

#[derive(Deserialize)]
struct Export {
    file_address: String,
    #[serde(default)]
    headers: bool,
}

/// Exports every row as CSV into Files, later.
pub(in crate::project) async fn export(call: Call) -> Result<Answer, Refused> {
    let (id, wanted) = (call.part("entity").to_owned(), call.json::<Export>()?);
    let exists = id.clone();
    call.read(move |db| Entity::find(db, &exists).map(drop)).await?;
    let now = call.project.0.shared.clock.now();
    let address = Address { device: &id, chunk: None, from: now, to: now, now };
    let path = address.written(&wanted.file_address, &call.project)?;
    queue_export(&call, path.clone(), move |db| {
        let entity = Entity::find(db, &id)?;
        let mut csv = csv::Writer::from_writer(Vec::new());
        let broken = |error: csv::Error| Refused::internal(error.to_string());
        let columns: Vec<&str> = ["id"]
            .into_iter()
            .chain(entity.definition.fields.keys().map(String::as_str))
            .chain(["created_at", "updated_at"])
            .collect();
        if wanted.headers {
            csv.write_record(&columns).map_err(broken)?;
        }
        let mut statement = db.prepare_cached(
            "SELECT id, body, created_at, updated_at FROM entity_rows WHERE entity = ?1 ORDER BY created_at, id",
        )?;
        let mut rows = statement.query([entity.number])?;
        while let Some(row) = rows.next()? {
            let moment = |column| row.get(column).map(Time::from_millis);
            let body: String = row.get(1)?;
            let shown = shown(&entity.definition, row.get(0)?, &body, moment(2)?, moment(3)?);
            csv.write_record(columns.iter().map(|column| cell(&shown[*column]))).map_err(broken)?;
        }
        csv.into_inner().map_err(|error| Refused::internal(error.to_string()))
    })
    .await;
    Answer::ok(json!({ "file_address": path }))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

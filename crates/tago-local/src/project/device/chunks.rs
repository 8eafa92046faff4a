//! The chunks of a device that keeps its records by periods: one for each period that has records.

use serde_json::{Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::data::chunks::{self, Chunk};

/// The chunks, newest first.
pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    let device = call.part("device").to_owned();
    let chunks = call.read(move |db| chunks::of_device(db, &device)).await?;
    Answer::ok(chunks.iter().rev().map(shown).collect::<Vec<_>>())
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let (device, id) = (call.part("device").to_owned(), call.part("chunk").to_owned());
    let removed = id.clone();
    call.write(move |writing| {
        let chunk = chunks::find(writing.db, &device, &removed)?;
        chunks::remove(writing, &device, &chunk)
    })
    .await?;
    Answer::ok(format!("Chunk {id} deleted"))
}

fn shown(chunk: &Chunk) -> Value {
    let moment = |time: tago_api::Time| time.to_utc().format("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string();
    json!({ "id": chunk.id(), "amount": chunk.amount, "from": moment(chunk.from), "to": moment(chunk.to) })
}

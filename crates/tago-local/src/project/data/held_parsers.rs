//! Payload parsers: never run here, and never forgotten.

use rusqlite::Connection;

use crate::project::outbox::{self, OutboxEntry};
use crate::project::store::Writing;

/// What the outbox says of a parser that was not run.
pub(super) const HELD: &str = "payload_parser_held";

/// Puts into the outbox which parsers would have run over the records of one request: the
/// network's, the connector's and the device's.
pub(super) fn note(writing: &mut Writing<'_>, device: &str, records: usize) -> rusqlite::Result<()> {
    for parser in of_device(writing.db, device)? {
        note_one(writing, &parser.kind, &parser.owner, device, records)?;
    }
    Ok(())
}

/// The same of one parser; `target` is the device or entity that was written to.
pub(in crate::project) fn note_one(
    writing: &mut Writing<'_>,
    kind: &str,
    owner: &str,
    target: &str,
    records: usize,
) -> rusqlite::Result<()> {
    outbox::add(
        writing.db,
        &OutboxEntry {
            at: writing.now,
            action: owner.to_owned(),
            name: format!("Payload parser of the {kind}"),
            r#type: HELD.to_owned(),
            device: target.to_owned(),
            variable: String::new(),
            value: Some(records.to_string()),
        },
    )
}

struct Parser {
    kind: String,
    owner: String,
}

fn of_device(db: &Connection, device: &str) -> rusqlite::Result<Vec<Parser>> {
    db.prepare_cached(
        "SELECT kind, resources.id FROM devices JOIN resources
             ON (kind = 'network' AND resources.id = network) OR (kind = 'connector' AND resources.id = connector)
         WHERE devices.id = ?1 AND length(body ->> 'payload_decoder') > 0
         UNION ALL SELECT 'device', id FROM devices WHERE id = ?1 AND length(payload_decoder) > 0",
    )?
    .query_map([device], |row| Ok(Parser { kind: row.get(0)?, owner: row.get(1)? }))?
    .collect()
}

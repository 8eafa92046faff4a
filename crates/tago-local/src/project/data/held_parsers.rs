//! Payload parsers: never run here, and never forgotten.

use rusqlite::Connection;

use crate::project::outbox::{self, OutboxEntry};
use crate::project::store::Writing;

/// What the outbox says of a parser that was not run.
pub(super) const HELD: &str = "payload_parser_held";

/// Puts into the outbox which parsers would have run over the records of one request: the
/// network's, the connector's and the device's, in this order.
pub(super) fn note(writing: &mut Writing<'_>, device: &str, records: usize) -> rusqlite::Result<()> {
    for parser in of_device(writing.db, device)? {
        outbox::add(
            writing.db,
            &OutboxEntry {
                at: writing.now,
                action: parser.owner,
                name: format!("Payload parser of the {}", parser.kind),
                r#type: HELD.to_owned(),
                device: device.to_owned(),
                variable: String::new(),
                value: Some(records.to_string()),
            },
        )?;
    }
    Ok(())
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

use std::collections::HashMap;

use rusqlite::params;
use tago_api::RecordId;

use super::question::Question;
use super::select::Key;
use super::{Target, record};
use crate::project::call::Refused;
use crate::project::record_id::RecordIds;
use crate::project::store::Writing;

/// New fields of one record; what is absent stays.
pub(super) struct Edits {
    edits: HashMap<i64, Edit>,
    ids: Vec<RecordId>,
    own: RecordIds,
}

struct Edit {
    time: Option<i64>,
    value: Option<String>,
    unit: Option<String>,
    group: Option<String>,
    location: Option<String>,
    metadata: Option<String>,
}

pub(super) fn parse(body: &[u8], ids: &RecordIds) -> Result<Edits, Refused> {
    let mut edits = Edits { edits: HashMap::new(), ids: Vec::new(), own: ids.clone() };
    let wires = record::read(body)?;
    if wires.is_empty() {
        return Err(Refused::bad("The body is an empty list: send at least one record"));
    }
    for (index, wire) in wires.iter().enumerate() {
        let bad = |rule: String| Refused::bad(format!("Record {}: {rule}", index + 1));
        if wire.variable.is_some() {
            return Err(bad("variable cannot be changed".to_owned()));
        }
        let id: RecordId = wire
            .id
            .and_then(record::text)
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| bad("id must be the id of a record".to_owned()))?;
        let sequence = ids
            .sequence(id)
            .and_then(|sequence| i64::try_from(sequence).ok())
            .ok_or_else(|| Refused::not_found("Record", &id.to_string()))?;
        let edit = Edit {
            time: wire.time().map_err(bad)?.map(tago_api::Time::millis),
            value: wire.value().map_err(bad)?.map(str::to_owned),
            unit: wire.unit().map_err(bad)?.map(Into::into),
            group: wire.group().map_err(bad)?.map(Into::into),
            location: wire.location().map_err(bad)?,
            metadata: wire.metadata().map_err(bad)?.map(str::to_owned),
        };
        edits.ids.push(id);
        if edits.edits.insert(sequence, edit).is_some() {
            return Err(bad(format!("{id} is there twice")));
        }
    }
    Ok(edits)
}

/// Changes the records; all or none.
pub(super) fn edit(writing: &mut Writing<'_>, target: &Target, edits: &Edits) -> Result<usize, Refused> {
    let found = Question::about(edits.ids.clone()).mutable_keys(writing.db, target, &edits.own)?;
    if let Some(missing) = edits.ids.iter().find(|id| {
        let sequence = edits.own.sequence(**id).map(|sequence| sequence as i64);
        !found.iter().any(|key| Some(key.sequence) == sequence)
    }) {
        return Err(Refused::not_found("Record", &missing.to_string()));
    }
    let mut update = writing.db.prepare_cached(
        "UPDATE records SET time = coalesce(?5, time), value = coalesce(?6, value), unit = coalesce(?7, unit),
             \"group\" = coalesce(?8, \"group\"), location = coalesce(?9, location),
             metadata = coalesce(?10, metadata)
         WHERE device = ?1 AND variable = ?2 AND time = ?3 AND sequence = ?4",
    )?;
    for key in &found {
        let Some(edit) = edits.edits.get(&key.sequence) else { continue };
        update.execute(params![
            target.number,
            key.variable,
            key.time,
            key.sequence,
            edit.time,
            edit.value,
            edit.unit,
            edit.group,
            edit.location,
            edit.metadata
        ])?;
    }
    Ok(found.len())
}

/// Removes records of the device with that number.
pub(super) fn remove(writing: &mut Writing<'_>, device: i64, keys: &[Key]) -> rusqlite::Result<()> {
    let mut delete = writing.db.prepare_cached(
        "DELETE FROM records WHERE device = ?1 AND variable = ?2 AND time = ?3 AND sequence = ?4",
    )?;
    for Key { time, sequence, variable } in keys {
        delete.execute(params![device, variable, time, sequence])?;
    }
    writing.cache.amounts.remove(&device);
    Ok(())
}

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;

use rusqlite::{Connection, Row};
use tago_api::Time;

use super::Target;
use super::select::{Key, text};
use crate::project::call::Refused;
use crate::project::record_id::RecordIds;

/// Writes records as JSON, one after the other.
pub(super) struct RecordWriter<'a> {
    out: Vec<u8>,
    ids: &'a RecordIds,
    device: &'a str,
    variables: HashMap<i64, String>,
    /// The variable of the record before: most often it is the next one's too.
    latest: (i64, String),
    details: bool,
}

impl<'a> RecordWriter<'a> {
    pub(super) fn new(
        db: &Connection,
        target: &'a Target,
        ids: &'a RecordIds,
        details: bool,
    ) -> rusqlite::Result<RecordWriter<'a>> {
        let variables = db
            .prepare_cached("SELECT number, name FROM variables")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let latest = (0, String::new());
        Ok(RecordWriter { out: Vec::new(), ids, device: &target.id, variables, latest, details })
    }

    pub(super) fn write(&mut self, row: &Row<'_>) -> Result<Range<usize>, Refused> {
        let start = self.out.len();
        let key = Key::of(row)?;
        if self.latest.0 != key.variable {
            self.latest = (key.variable, self.variables.get(&key.variable).cloned().unwrap_or_default());
        }
        let id = self.ids.id(key.sequence.unsigned_abs());
        let time = Time::from_millis(key.time);
        let (device, variable) = (self.device, &self.latest.1);
        let opening = write!(
            self.out,
            r#"{{"id":"{id}","device":"{device}","variable":"{variable}","time":"{time}","group":"#
        );
        opening.map_err(|error| Refused::internal(error.to_string()))?;
        self.quoted(text(row, 5)?.unwrap_or_default())?;
        if let Some(unit) = text(row, 4)? {
            self.out.extend_from_slice(b",\"unit\":");
            self.quoted(unit)?;
        }
        for (name, column) in [(",\"value\":", 3), (",\"location\":", 6), (",\"metadata\":", 7)] {
            if let Some(json) = text(row, column)? {
                self.out.extend_from_slice(name.as_bytes());
                self.out.extend_from_slice(json.as_bytes());
            }
        }
        if self.details {
            let created = format!(r#","created_at":"{}""#, Time::from_millis(row.get(8)?));
            self.out.extend_from_slice(created.as_bytes());
        }
        self.out.push(b'}');
        Ok(start..self.out.len())
    }

    fn quoted(&mut self, text: &str) -> Result<(), Refused> {
        serde_json::to_writer(&mut self.out, text).map_err(|error| Refused::internal(error.to_string()))
    }

    /// The list of what was written at `ranges`, in their order.
    pub(super) fn list(&self, ranges: impl Iterator<Item = Range<usize>>) -> Vec<u8> {
        let mut list = Vec::with_capacity(self.out.len() + self.out.len() / 64 + 2);
        list.push(b'[');
        for range in ranges {
            if list.len() > 1 {
                list.push(b',');
            }
            list.extend_from_slice(&self.out[range]);
        }
        list.push(b']');
        list
    }
}
